"""The checks accept every right answer and say what is wrong with the others."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import oscillators as exercises
from audiogen_helpers.synthesis import additive, oscillators

SR = 16_000


def fold(f, sr):
    f = f % sr
    return min(f, sr - f)


def test_right_aliases_pass(capsys):
    exercises.check_alias(fold)
    exercises.check_alias(lambda f, sr: sr * np.arccos(np.cos(2 * np.pi * f / sr)) / (2 * np.pi))
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize(
    ("wrong", "heard"),
    [
        (lambda f, sr: f, "5000 Hz sampled at 8000 Hz must be heard between 0 and 4000 Hz"),
        (lambda f, sr: min(f, sr / 2), "5000 Hz and 4000 Hz, sampled at 8000 Hz, do not give the same samples"),
        (lambda f, sr: abs(sr - f) if f > sr / 2 else f, "15000 Hz sampled at 8000 Hz must be heard between"),
        (lambda f, sr: f % (sr / 2), "do not give the same samples"),
    ],
)
def test_wrong_aliases_hear_why(wrong, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_alias(wrong)


def test_an_answer_that_is_no_number_is_named():
    with pytest.raises(ParameterError, match=r"alias\(1000, 8000\) must be a number"):
        exercises.check_alias(lambda f, sr: None)


def test_right_clarinets_pass(capsys):
    exercises.check_clarinet(oscillators.square(196.0, sr=SR, duration=1.0), sr=SR)
    exercises.check_clarinet(additive.harmonic(196.0, sr=SR, duration=0.7, even=0.0, rolloff=3.0), sr=SR)
    exercises.check_clarinet(0.1 * oscillators.pulse(196.0, sr=SR, duration=1.0, width=0.5), sr=SR)
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (oscillators.saw(196.0, sr=SR, duration=1.0), "an even partial is still there: number 2, at -6 dB"),
        (oscillators.sine(196.0, sr=SR, duration=1.0), "partials 3 and 5 are too soft"),
        (oscillators.square(220.0, sr=SR, duration=1.0), "no partial at 196 Hz"),
        (oscillators.square(196.0, sr=SR, duration=0.1), "half a second has 8000"),
    ],
)
def test_wrong_clarinets_hear_why(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_clarinet(y, sr=SR)


def octaves():
    return 1.0 - np.abs(np.arange(2 * SR) / SR - 1.0)


def test_right_sirens_pass(capsys):
    for make in (oscillators.sine, oscillators.saw, oscillators.triangle):
        exercises.check_siren(make(400.0 * 2.0 ** octaves(), sr=SR), sr=SR)
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (oscillators.saw(np.full(2 * SR, 400.0), sr=SR), "at 0.25 s the pitch should be 476 Hz"),
        (oscillators.saw(400.0 + 400.0 * octaves(), sr=SR), "at 0.25 s the pitch should be 476 Hz; yours is 500 Hz"),
        (oscillators.saw(400.0 * 2.0 ** np.linspace(0, 1, 2 * SR), sr=SR), "at 0.25 s"),
        (oscillators.saw(400.0 * 2.0 ** octaves()[:-1], sr=SR), "31999"),
        (np.zeros(2 * SR), "no pitch at 0.25 s"),
    ],
)
def test_wrong_sirens_hear_why(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_siren(y, sr=SR)
