"""Exercises of the chapter on technologies: the right answer passes, a near miss is told what was heard."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import technologies


def test_alias():
    technologies.check_alias(lambda f, sr: abs((f + sr / 2) % sr - sr / 2))
    for wrong in (lambda f, sr: f, lambda f, sr: f % sr, lambda f, sr: min(f, sr / 2)):
        with pytest.raises(ExerciseError, match="is heard at"):
            technologies.check_alias(wrong)


def test_bits():
    technologies.check_bits(10)
    with pytest.raises(ExerciseError, match="9 bits leave 56 dB"):
        technologies.check_bits(9)
    with pytest.raises(ExerciseError, match="but 10 would do"):
        technologies.check_bits(11)


def test_window():
    technologies.check_window(480)
    with pytest.raises(ExerciseError, match="melt into one"):
        technologies.check_window(128)
    with pytest.raises(ExerciseError, match="reaches over it"):
        technologies.check_window(1024)


def test_bits_against_the_formula():
    """About 6.02 dB a bit and 1.76 dB more: what the page derives is what the check measures."""
    for bits in (6, 8, 12):
        y = np.sin(2 * np.pi * 0.1234567 * np.arange(20_000))
        step = 2.0 / 2**bits
        error = step * np.round(y / step) - y
        assert 10 * np.log10(np.mean(y**2) / np.mean(error**2)) == pytest.approx(6.02 * bits + 1.76, abs=0.5)
