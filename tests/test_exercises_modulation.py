"""Exercises of the chapter on modulation: the right answer passes, a near miss is told what was heard."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import modulation


def test_sidebands():
    modulation.check_sidebands(lambda f0, rate: np.array([f0 + rate, abs(f0 - rate), f0]))
    for wrong in (
        lambda f0, rate: [f0 - rate, f0 + rate],
        lambda f0, rate: [f0, rate],
        lambda f0, rate: [f0 - 2 * rate, f0, f0 + 2 * rate],
    ):
        with pytest.raises(ExerciseError, match="holds"):
            modulation.check_sidebands(wrong)


def test_clarinet_ratio():
    modulation.check_clarinet_ratio(2)
    with pytest.raises(ExerciseError, match="a partial at 2 times the carrier"):
        modulation.check_clarinet_ratio(1)
    with pytest.raises(ExerciseError, match="times the carrier"):
        modulation.check_clarinet_ratio(1.4)


def run(x, a):
    y, last = np.empty(len(x)), 0.0
    for n in range(len(x)):
        last += a * (x[n] - last)
        y[n] = last
    return y


def test_one_pole():
    def exact(x, cutoff, sr):
        c = 2 - np.cos(2 * np.pi * cutoff / sr)
        return run(x, 1 - (c - np.sqrt(c * c - 1)))

    modulation.check_one_pole(exact)
    with pytest.raises(ExerciseError, match="at the cut-off of 2000 Hz the gain should be -3 dB"):  # the usual rule of thumb
        modulation.check_one_pole(lambda x, cutoff, sr: run(x, 1 - np.exp(-2 * np.pi * cutoff / sr)))
    with pytest.raises(ExerciseError, match="a constant should pass"):
        modulation.check_one_pole(lambda x, cutoff, sr: 0.5 * exact(x, cutoff, sr))
    with pytest.raises(ExerciseError, match="shape"):
        modulation.check_one_pole(lambda x, cutoff, sr: x[1:])
