"""The checks hear what is wrong, and accept what is right."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import physical_models as exercises


def string(share, *, gain=1.0, tail=True, extra=0):
    """A string of the chapter whose burst is combed at a share of its length."""

    def pluck(f0, *, sr, duration, seed):
        n_delay = round(sr / f0) + extra
        line = np.random.default_rng(seed).uniform(-0.5, 0.5, n_delay)
        if share:
            line = line - np.roll(line, round(share * n_delay))
        y = np.zeros(round(duration * sr) + (0 if tail else 1))
        y[:n_delay] = gain * line
        for n in range(n_delay, len(y)):
            y[n] = 0.5 * (y[n - n_delay] + y[n - n_delay + 1])
        return y

    return pluck


def test_a_string_plucked_at_a_fifth_passes(capsys):
    exercises.check_pluck_position(string(0.2))
    exercises.check_pluck_position(string(0.2, gain=0.1))
    exercises.check_pluck_position(string(0.8))  # the same place from the other end
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("pluck", "heard"),
    [
        (string(0.0), "only"),
        (string(0.5), "is silent too"),
        (string(1 / 3), "is silent too"),
        (string(0.2, extra=7), "pitch"),
        (string(0.2, tail=False), "samples"),
        (string(0.2, gain=0.0), "silent"),
    ],
)
def test_other_strings_do_not(pluck, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_pluck_position(pluck)


def test_the_right_loss_passes(capsys):
    exercises.check_loss(lambda f0, t60, sr: 10 ** (-3 / (f0 * t60)) / np.cos(np.pi * f0 / sr))
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("loss", "heard"),
    [
        (lambda f0, t60, sr: 1.01, "explodes"),
        (lambda f0, t60, sr: 0.0, "dead"),
        (lambda f0, t60, sr: 10 ** (-3 / (f0 * t60)), "rings for"),  # the mean's own loss is forgotten: seen at high pitches
        (lambda f0, t60, sr: 10 ** (-6 / (f0 * t60)), "rings for 0.5"),
    ],
)
def test_wrong_losses_do_not(loss, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_loss(loss)


def test_the_tongue(capsys):
    exercises.check_tongue(np.array([1.8751041, 4.6940911, 7.8547574]) ** 2 / 1.8751041**2)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ratios", "heard"),
    [
        ([1.0, 2.0], "three"),
        ([3.516, 22.03, 61.7], "Divide"),
        ([1.0, 2.5034, 4.1890], "square"),
        ([1.0, 2.7565, 5.4039], "free at both ends"),
        ([1.0, 2.0, 3.0], "cosh"),
    ],
)
def test_other_ratios_do_not(ratios, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_tongue(ratios)
