"""Right answers pass, wrong ones hear why."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import taxonomy
from audiogen_helpers.spectral import track_pitch

SR = 8000
T = np.arange(4 * SR) / SR
NOISE = 0.1 * np.random.default_rng(0).normal(size=T.size)


def test_noise_with_a_rhythm_passes(capsys):
    taxonomy.check_rhythm(NOISE * (1 - np.cos(2 * np.pi * 4 * T)), sr=SR)
    taxonomy.check_rhythm(NOISE * (np.sin(2 * np.pi * 4 * T) > 0.5), sr=SR)
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (NOISE, "moves by"),
        (NOISE * (1 - np.cos(2 * np.pi * 9 * T)), "9.0 times a second"),
        (0.3 * np.sin(2 * np.pi * 200 * T) * (1 - np.cos(2 * np.pi * 4 * T)), "has a pitch"),
        (NOISE[:SR], "3 s at least"),
        (np.zeros(4 * SR), "silent"),
    ],
)
def test_other_rhythms_hear_why(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        taxonomy.check_rhythm(y, sr=SR)


def tone(f0):
    return 0.5 * np.sin(2 * np.pi * np.cumsum(f0) / SR)


def test_a_gliding_tone_passes(capsys):
    taxonomy.check_glide(tone(300 * 2 ** (0.3 * np.sin(2 * np.pi * 1.3 * T))), sr=SR)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (tone(np.where(T % 1 < 0.5, 300.0, 450.0)), "stands still"),
        (tone(300 * 2 ** (0.02 * np.sin(2 * np.pi * 6 * T))), "semitones"),
        (NOISE, "has a pitch"),
    ],
)
def test_steps_trembling_and_noise_are_no_glides(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        taxonomy.check_glide(y, sr=SR)


def by_rulers(y, sr):
    pitched, still = taxonomy._pitch_shares(y, sr=sr)
    if pitched < 0.2:
        return "speech" if taxonomy._rhythm(y, sr=sr)[1] > 0.6 else "environment"
    return "music" if still > 0.5 else "speech"


def test_pitch_and_rhythm_name_all_seven(capsys):
    taxonomy.check_kind(by_rulers)
    assert "All seven" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        (lambda y, sr: "speech", "a tune is music"),
        (lambda y, sr: "noise", "must be one of"),
        (lambda y, sr: "music" if np.nanmean(np.isnan(track_pitch(y, sr=sr)[1])) < 0.2 else "speech", "a tune|drizzle"),
        (lambda y, sr: by_rulers(y, sr) if taxonomy._pitch_shares(y, sr=sr)[0] >= 0.2 else "environment", "a whisper is speech"),
    ],
)
def test_other_functions_hear_which_sound_they_misname(kind, heard):
    with pytest.raises(ExerciseError, match=heard):
        taxonomy.check_kind(kind)


@pytest.mark.parametrize("check", [taxonomy.check_rhythm, taxonomy.check_glide])
def test_stereo_is_named(check):
    with pytest.raises(ParameterError, match="mono"):
        check(np.ones((2, 4 * SR)), sr=SR)
