"""The check hears what is wrong, and accepts any timbre that is right."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import background
from audiogen_helpers.exercises._listen import pitch_of

SR = 8000
T = np.arange(SR) / SR


def tone(f0, harmonics=(1.0,)):
    y = sum(a * np.sin(2 * np.pi * f0 * (k + 1) * T + k) for k, a in enumerate(harmonics))
    return 0.5 * y / np.abs(y).max()


@pytest.mark.parametrize("f0", [55.0, 110.0, 440.0, 987.77])
@pytest.mark.parametrize("harmonics", [(1.0,), (1.0, 0.5, 0.3), (0.2, 1.0, 0.7)])
def test_pitch_of_hears_the_fundamental(f0, harmonics):
    assert abs(1200 * np.log2(pitch_of(tone(f0, harmonics), sr=SR) / f0)) < 5


def test_pitch_of_noise_and_silence_is_none():
    assert pitch_of(np.random.default_rng(0).normal(size=SR), sr=SR) == 0.0
    assert pitch_of(np.zeros(SR), sr=SR) == 0.0


def test_right_answers_of_any_timbre_pass(capsys):
    background.check_octave(tone(440.0), sr=SR)
    background.check_octave(tone(440.0, (1.0, 0.6, 0.4)), sr=SR)
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (tone(220.0), "-1200 cents"),
        (tone(440.0)[:-1], "7999"),
        (tone(440.0) * 0.5, "0.250"),
        (np.random.default_rng(0).uniform(-0.5, 0.5, SR), "no steady pitch"),
    ],
)
def test_wrong_answers_hear_why(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        background.check_octave(y, sr=SR)


def test_a_stereo_answer_is_named():
    with pytest.raises(ParameterError, match="mono"):
        background.check_octave(np.zeros((2, SR)), sr=SR)
