"""Exercises of the chapter Mathematics: signals: right answers pass, typical wrong ones are told what is wrong."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import signals


def by_transform(size):
    def convolve(x, h):
        n = size(len(x), len(h))
        return np.fft.irfft(np.fft.rfft(x, n) * np.fft.rfft(h, n), n)

    return convolve


def test_convolution_on_a_circle_that_is_large_enough():
    signals.check_convolve(by_transform(lambda n, m: n + m - 1))
    signals.check_convolve(lambda x, h: np.convolve(h, x))


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (lambda n, m: max(n, m), "the tail is lost"),
        (lambda n, m: n + m, "more than needed"),
        (lambda n, m: 2 * max(n, m), "more than needed"),
    ],
)
def test_convolution_on_a_circle_of_another_size(size, said):
    with pytest.raises(ExerciseError, match=said):
        signals.check_convolve(by_transform(size))


def test_convolution_that_comes_round():
    def wrapped(x, h):
        y = np.zeros(len(x) + len(h) - 1)
        y[: len(x)] = by_transform(lambda n, m: max(n, m))(x, h)[: len(x)]
        return y

    with pytest.raises(ExerciseError, match="what came round"):
        signals.check_convolve(wrapped)


def test_the_nearest_point_with_given_magnitudes():
    signals.check_nearest(lambda V, S: S * np.exp(1j * np.angle(V)))
    with pytest.raises(ExerciseError, match="not finite"):
        signals.check_nearest(lambda V, S: S * V / np.abs(V))
    with pytest.raises(ExerciseError, match="magnitudes S"):
        signals.check_nearest(lambda V, S: V)
    with pytest.raises(ExerciseError, match="did you not keep"):
        signals.check_nearest(lambda V, S: S.astype(complex))
    with pytest.raises(ExerciseError, match="shape"):
        signals.check_nearest(lambda V, S: S[0])


def test_bits():
    signals.check_bits(11)
    with pytest.raises(ExerciseError, match=r"10 even bits reach 31\.6 dB"):
        signals.check_bits(10)
    with pytest.raises(ExerciseError, match="1 bit less would do"):
        signals.check_bits(12)
    with pytest.raises(ParameterError, match="bits"):
        signals.check_bits(0)
