"""The checks accept right answers and say what is wrong with others."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import flow


def arrow(x, data, t):
    return (data - x) / (1 - t)


def to_noise(velocity, x, steps):
    h = 1 / steps
    for k in reversed(range(steps)):
        half = x - h / 2 * velocity(x, (k + 0.75) * h)
        x = x - h * velocity(half, (k + 0.5) * h)
    return x


def euler_back(velocity, x, steps):
    for k in reversed(range(steps)):
        x = x - velocity(x, (k + 0.5) / steps) / steps
    return x


def forwards(velocity, x, steps):
    for k in range(steps):
        x = x + velocity(x, k / steps) / steps
    return x


def from_one(velocity, x, steps):
    for k in reversed(range(steps)):
        x = x - velocity(x, (k + 1) / steps) / steps
    return x


def test_right_answers_pass(capsys):
    flow.check_arrow(arrow)
    flow.check_to_noise(to_noise)
    flow.check_signal_to_noise(lambda t: 20 * np.log10(np.tan(np.pi * t / 2)))
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda x, data, t: data - x, "at all times"),
        (lambda x, data, t: (x - data) / (1 - t), "at all times"),
        (lambda x, data, t: arrow(x, data, t).ravel(), "shape"),
        (lambda x, data, t: arrow(x, data, t) if len(x) == 1 else data - x, "lead to the data"),
    ],
)
def test_wrong_arrows_are_told(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        flow.check_arrow(answer)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (forwards, "wrong way"),
        (from_one, "at time 1"),
        (euler_back, "ends 0.0"),
        (lambda velocity, x, steps: x[:1], "shape"),
        (lambda velocity, x, steps: to_noise(lambda x, t: velocity(x, t + 1), x, steps), "outside"),
    ],
)
def test_wrong_ways_back_are_told(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        flow.check_to_noise(answer)


@pytest.mark.parametrize("answer", [lambda t: 10 * np.log10(np.tan(np.pi * t / 2)), lambda t: 20 * np.log10(t / (1 - t)), lambda t: 0.0])
def test_wrong_ratios_are_told(answer):
    with pytest.raises(ExerciseError, match="dB above the noise"):
        flow.check_signal_to_noise(answer)
