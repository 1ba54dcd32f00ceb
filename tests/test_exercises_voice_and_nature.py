"""The checks accept every right answer and say what is wrong with the others."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import voice_and_nature as exercises
from audiogen_helpers.synthesis import oscillators
from audiogen_helpers.synthesis.nature import water
from audiogen_helpers.synthesis.voice import formants, source

SR = 16_000


def voiced(f0, places, *, duration=0.6):
    y = formants.formant_filter(source.glottal(f0, sr=SR, duration=duration), sr=SR, formants=places)
    return 0.4 * y / np.abs(y).max()


def test_right_vowels_pass(capsys):
    for y in (
        voiced(110.0, [300, 2300, 3000]),
        voiced(110.0, [270, 2290, 3010, 3500, 4500]),
        formants.vowel(110.0, sr=SR, duration=1.0, vowel="IY", speaker="woman", rng=0),
        formants.vowel(110.0, sr=44_100, duration=1.0, vowel="IY", rng=0)[:40_000],
    ):
        exercises.check_ee(y, sr=44_100 if len(y) == 40_000 else SR)
    assert capsys.readouterr().out.count("Right.") == 4


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (voiced(110.0, [730, 1090, 2440]), "first formant should lie between 250 and 400"),
        (voiced(110.0, [300, 870, 2240]), "the second formant|no second formant"),
        (voiced(110.0, [300]), "second formant"),
        (voiced(150.0, [300, 2300, 3000]), "the pitch should be 110 Hz; yours is 150"),
        (voiced(110.0, [300, 2300, 3000], duration=0.2), "half a second has 8000"),
        (np.zeros(SR), "no pitch"),
    ],
)
def test_wrong_vowels_hear_why(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_ee(y, sr=SR)


def test_right_drops_pass(capsys):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        exercises.check_drops(rng.uniform(0, 20, rng.poisson(600)))
        exercises.check_drops(rng.uniform(0, 20, 600))
    assert capsys.readouterr().out.count("Right.") == 40


@pytest.mark.parametrize(
    ("times", "heard"),
    [
        (np.arange(600) / 30, "too even"),
        (np.arange(600) / 30 + np.random.default_rng(0).uniform(0, 0.01, 600), "too even"),
        (np.repeat(np.sort(np.random.default_rng(0).uniform(0, 20, 200)), 3), "too clustered"),
        (np.random.default_rng(0).uniform(0, 20, 60), "about 600 drops"),
        (np.random.default_rng(0).uniform(0, 40, 600), "from 0 to 20 s"),
        (20 * np.sqrt(np.random.default_rng(0).uniform(0, 1, 600)), "grow or cease"),
    ],
)
def test_wrong_drops_hear_why(times, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_drops(times)


def test_bubbles(capsys):
    exercises.check_bubble(water.bubble(0.004, sr=SR, duration=0.2), sr=SR)
    assert "Right." in capsys.readouterr().out
    with pytest.raises(ExerciseError, match="near 820 Hz"):
        exercises.check_bubble(water.bubble(0.002, sr=SR, duration=0.2), sr=SR)
    with pytest.raises(ExerciseError, match="falls silent"):
        exercises.check_bubble(oscillators.sine(820.0, sr=SR, duration=0.2), sr=SR)
