"""Right answers pass, whichever way they are made; wrong ones hear why."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import definition

SR = 8000


def gust(*, width=40, power=4, n=2 * SR, gain=1.0):
    noise = np.random.default_rng(0).standard_normal(n)
    dark = np.convolve(noise, np.ones(width) / width, mode="same")
    y = dark * np.sin(np.pi * np.arange(n) / n) ** power
    return gain * y / np.abs(y).max()


def ping_pong(y, *, sr, time, feedback, first=0, late=0, power=1):
    out, d = np.stack([y, y]), round(time * sr) + late
    for k in range(1, len(y) // d + 1):
        out[(k + 1 + first) % 2, k * d :] += feedback ** (power * k) * y[: len(y) - k * d]
    return out


def loop(y, *, sr, time, feedback):
    """The same as a loop: what comes out on one side goes back in on the other."""
    out, d = np.stack([y, y]).astype(float), round(time * sr)
    left, right = np.zeros(len(y)), np.zeros(len(y))
    for n in range(d, len(y)):
        left[n] = feedback * (y[n - d] + right[n - d])
        right[n] = feedback * left[n - d]
    return out + np.stack([left, right])


def test_right_answers_pass(capsys):
    definition.check_gust(gust(), sr=SR)
    definition.check_gust(gust(width=100, power=8, gain=0.2), sr=SR)
    definition.check_ping_pong(ping_pong)
    definition.check_ping_pong(loop)
    assert capsys.readouterr().out.count("Right.") == 4


@pytest.mark.parametrize(
    ("y", "heard"),
    [
        (gust()[:-1], "15999"),
        (gust(gain=1.5), "peak should be at most 1"),
        (0 * gust(), "nothing to hear"),
        (gust(power=0), "20 dB louder"),
        (gust(power=0) * np.linspace(1e-3, 1, 2 * SR) ** 4, "20 dB louder"),
        (gust(width=1), "below 1 kHz"),
        (0.9 * np.sin(2 * np.pi * 300 * np.arange(2 * SR) / SR) * np.sin(np.pi * np.arange(2 * SR) / (2 * SR)) ** 4, "no pitch"),
    ],
)
def test_wrong_gusts_hear_why(y, heard):
    with pytest.raises(ExerciseError, match=heard):
        definition.check_gust(y, sr=SR)


def in_place(y, *, sr, time, feedback):
    y *= 0.5
    return np.stack([y, y])


@pytest.mark.parametrize(
    ("f", "heard"),
    [
        (in_place, "input was changed"),
        (lambda y, **_: y, r"shape \(2, 210\)"),
        (lambda y, **_: np.stack([y, y]) * np.nan, "not finite"),
        (lambda y, **_: np.stack([y, 0 * y]), "both channels"),
        (lambda y, **_: np.stack([y, y]), "echo 1 should come from the left"),
        (lambda y, **k: ping_pong(y, **k, first=1), "echo 1 should come from the left"),
        (lambda y, **k: ping_pong(y, **k, late=1), "echo 1 should be"),
        (lambda y, **k: ping_pong(y, **k, power=2), "echo 1 should be the sound times 0.5"),
        (lambda y, **k: ping_pong(y, **k) + ping_pong(y, **k, first=1) - np.stack([y, y]), "the right should be silent"),
    ],
)
def test_wrong_echoes_hear_why(f, heard):
    with pytest.raises(ExerciseError, match=heard):
        definition.check_ping_pong(f)


def test_a_stereo_gust_is_named():
    with pytest.raises(ParameterError, match="mono"):
        definition.check_gust(np.zeros((2, 2 * SR)), sr=SR)
