"""Exercises of the chapter Prediction and texture: the right answer passes, each usual mistake is named."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers import datasets, linear_prediction
from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import prediction_and_texture as exercises
from audiogen_helpers.statistical import subbands, vocoder
from audiogen_helpers.synthesis.nature import water

SR = 8000
W = 2 * np.pi * 440 / SR


def test_a_tone_is_predicted(capsys):
    exercises.check_tone([1.0, -2.0 * np.cos(W), 1.0])
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("a", "text"),
    [
        ([1.0, 2.0 * np.cos(W), -1.0], "change their sign"),
        ([1.0, -2.0 * np.cos(2 * W), 1.0], "is at 880 Hz"),
        ([1.0, -2.0 * np.cos(W / 2), 1.0], "is at 220 Hz"),
        ([1.0, -1.9 * np.cos(W), 0.9], "dies by 0.9"),
        ([1.0, -1.0, 0.0], "leaves"),
        ([-2.0 * np.cos(W), 1.0], "three numbers"),
        ([2.0, -2.0 * np.cos(W), 1.0], "so it is 1"),
        ([1.0, 0.0, 0.0], "leaves"),
    ],
)
def test_wrong_predictors_are_named(a, text):
    with pytest.raises(ExerciseError, match=text):
        exercises.check_tone(a)


@pytest.fixture(scope="module")
def spoken():
    digits = datasets.load("digits")
    word = digits.clip(digits.names.index("9_rms_0.flac"))[0].astype(np.float64)
    rain = water.rain(sr=SR, duration=len(word) / SR, intensity=0.8, rng=0)
    return word, rain


def test_rain_talks(spoken, capsys):
    word, rain = spoken
    parts, white = (linear_prediction.analyse(y, sr=SR) for y in (word, rain))
    gain = parts.gain_at(len(word))
    throat = white.residual / np.maximum(white.gain_at(len(word)), 1e-9)
    exercises.check_talking_rain(parts.synthesise(throat * gain), word, sr=SR)
    exercises.check_talking_rain(0.1 * parts.synthesise(throat * gain), word, sr=SR)
    assert capsys.readouterr().out.count("Right") == 2


def test_what_is_no_talking_rain_is_named(spoken):
    word, rain = spoken
    parts, white = (linear_prediction.analyse(y, sr=SR) for y in (word, rain))
    gain = parts.gain_at(len(word))
    flat = np.full(len(word), gain.mean())
    throat = white.residual / np.maximum(white.gain_at(len(word)), 1e-9)
    for y, text in (
        (word, "that is the word itself"),
        (parts.synthesise(), "that is the word itself"),
        (rain, "off the word's"),
        (rain * gain / gain.max(), "off the word's"),
        (parts.synthesise(throat * flat), "does not follow"),
        (throat[:-1], "samples"),
        (np.zeros(len(word)), "silent"),
    ):
        with pytest.raises(ExerciseError, match=text):
            exercises.check_talking_rain(y, word, sr=SR)


def test_the_word_made_by_the_vocoder_whispers_but_is_accepted_as_another_throat(spoken):
    word, _ = spoken
    exercises.check_talking_rain(vocoder.analyse(word, sr=SR).synthesise(voiced=False, rng=0), word, sr=SR)


def fluttering(f, *, own, depth=0.9, sr=16_000, seconds=2.0):
    rng = np.random.default_rng(0)
    n = round(seconds * sr)
    bands = subbands.split(0.1 * rng.standard_normal(n), sr=sr, n_bands=32)
    phase = rng.uniform(0, 2 * np.pi, (32, 1)) if own else np.zeros((32, 1))
    return subbands.join(bands * (1.0 + depth * np.sin(2 * np.pi * f * np.arange(n) / sr + phase)), sr=sr)


@pytest.mark.parametrize("sr", [8000, 16_000, 22_050])
def test_bands_that_flutter_alone_pass(sr, capsys):
    exercises.check_alone(fluttering(8.0, own=True, sr=sr), sr=sr)
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"f": 8.0, "own": False}, "move together"),
        ({"f": 4.0, "own": True}, "near 4.0 Hz"),
        ({"f": 16.0, "own": True}, "near 16.0 Hz"),
        ({"f": 8.0, "own": True, "depth": 0.0}, "strongest change"),
        ({"f": 8.0, "own": True, "depth": 0.4}, "weak"),
        ({"f": 8.0, "own": True, "seconds": 1.0}, "1.5 s"),
    ],
)
def test_other_flutters_are_named(settings, text):
    with pytest.raises(ExerciseError, match=text):
        exercises.check_alone(fluttering(**settings), sr=16_000)


def test_bad_input_is_refused():
    with pytest.raises(ParameterError, match="silence"):
        exercises.check_alone(np.zeros(32_000), sr=16_000)
    with pytest.raises(ParameterError, match="finite"):
        exercises.check_tone([1.0, np.nan, 1.0])
    with pytest.raises(ParameterError, match="mono"):
        exercises.check_talking_rain(np.zeros((2, 100)), np.zeros(100), sr=SR)
    with pytest.raises(ExerciseError, match="8000 Hz"):
        exercises.check_alone(np.ones(9000), sr=4000)
