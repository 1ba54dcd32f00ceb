"""Exercises of the chapter Mathematics: recurrent networks: right answers pass, near misses are told what was heard."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import rnn_mathematics


def turn(f0, t60, sr=8000):
    w, r = 2 * np.pi * f0 / sr, 10 ** (-3 / (sr * t60))
    return r * np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]])


def test_a_resonator():
    rnn_mathematics.check_resonator(turn(330.0, 0.5))
    rnn_mathematics.check_resonator(turn(330.0, 0.5).T)  # turns the other way round


@pytest.mark.parametrize(
    ("W_h", "said"),
    [
        (turn(340.0, 0.5), r"rings at 340\.\d Hz"),
        (turn(330.0, 0.8), "not in 0.5 s"),
        (turn(330.0, 0.5) / np.sqrt(np.linalg.det(turn(330.0, 0.5))) * 1.001, "never fades"),
        (0.99 * np.eye(2), "never reaches the first"),
        (np.eye(3), "2 x 2"),
    ],
)
def test_not_a_resonator(W_h, said):
    with pytest.raises(ExerciseError, match=said):
        rnn_mathematics.check_resonator(W_h)


def test_forget_bias():
    gate = 2 ** (-1 / 800)
    rnn_mathematics.check_forget_bias(np.log(gate / (1 - gate)))
    for bias in (0.0, gate, 5.0, 9.0):
        with pytest.raises(ExerciseError, match="half is gone after"):
            rnn_mathematics.check_forget_bias(bias)
