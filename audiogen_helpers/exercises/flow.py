"""Exercises of the chapter Flow and diffusion.

Chapter: chapters/methods/flow.ipynb
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_arrow", "check_signal_to_noise", "check_to_noise"]


def check_arrow(arrow: Callable[..., Any]) -> None:
    """Check the velocity of one who believes to know where the straight road ends.

    Parameters
    ----------
    arrow : callable
        ``arrow(x, data, t)`` -> velocity, of the shape of `x`.

    Raises
    ------
    ExerciseError
        If it has another shape, is wrong on a road whose start is known, or does not lead to the data.

    Examples
    --------
    >>> check_arrow(lambda x, data, t: data - x)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: on the road from 0.0 to 2.0 the velocity is 2.0 at all times; yours is 1.0 at time 0.5.
    """
    for t in (0.0, 0.5, 0.9):
        v = np.asarray(arrow(np.array([[2.0 * t, -1.0]]), np.array([[2.0, -1.0]]), t))
        expect(v.shape == (1, 2), f"the answer should have the shape (1, 2) of the place; yours has {v.shape}.")
        expect(
            bool(np.allclose(v, [[2.0, 0.0]])),
            f"on the road from 0.0 to 2.0 the velocity is 2.0 at all times; yours is {float(v[0, 0]):.1f} at time {t}.",
        )
    gen = np.random.default_rng(0)
    x, data = gen.standard_normal((2, 5, 3))
    for k in range(10):
        x = x + np.asarray(arrow(x.copy(), data.copy(), k / 10)) / 10
    expect(bool(np.allclose(x, data)), f"followed in ten steps it should lead to the data; yours ends {np.abs(x - data).max():.2f} away.")
    passed("The way that is left, in the time that is left: it leads to the data from everywhere.")


def check_to_noise(to_noise: Callable[..., Any]) -> None:
    """Check a way back along a velocity, on a field whose paths are known.

    Parameters
    ----------
    to_noise : callable
        ``to_noise(velocity, x, steps)`` -> x at time 0, where ``velocity(x, t)`` and `x` is given at time 1.

    Raises
    ------
    ExerciseError
        If it goes the wrong way, asks outside of 0 to 1 or at 1, or does not come near enough.

    Examples
    --------
    >>> check_to_noise(lambda velocity, x, steps: x)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: the way back ends 4.26 from the start of the path; it should be within 0.005.
    """
    asked: list[float] = []

    def velocity(x: np.ndarray, t: float) -> np.ndarray:
        asked.append(float(t))
        return (1.0 + t) * x - 1.0

    start = np.array([1.0, -0.5])
    times = np.linspace(0.0, 1.0, 4001)
    end = start.copy()
    for a, b in itertools.pairwise(times):
        middle = end + (b - a) / 2 * ((1.0 + a) * end - 1.0)
        end = end + (b - a) * ((1.0 + (a + b) / 2) * middle - 1.0)
    found = np.asarray(to_noise(velocity, end.copy(), 50))
    expect(found.shape == (2,), f"the answer should have the shape (2,) of the place; yours has {found.shape}.")
    off = float(np.abs(found - start).max())
    expect(not asked or (min(asked) >= 0.0 and max(asked) <= 1.0), "the arrows are asked for outside of the times 0 to 1.")
    expect(not asked or max(asked) < 1.0, "the arrows are asked for at time 1, where a road of noise may have none.")
    expect(not asked or asked[0] > asked[-1], "time runs the wrong way: begin near 1 and end near 0.")
    expect(off < 0.005, f"the way back ends {off:.2f} from the start of the path; it should be within 0.005.")
    passed(f"There and back, the start is found again within {off:.0e}.")


def check_signal_to_noise(signal_to_noise: Callable[[float], Any]) -> None:
    """Check the signal-to-noise ratio along the circle, in decibels.

    Parameters
    ----------
    signal_to_noise : callable
        ``signal_to_noise(t)`` -> dB, for times between 0 and 1.

    Raises
    ------
    ExerciseError
        If a value is another; the message says which.

    Examples
    --------
    >>> check_signal_to_noise(lambda t: 20 * np.log10(np.tan(np.pi * t / 2)))
    Right. 0 dB half-way, as far below before as above after.
    """
    gen = np.random.default_rng(0)
    data, noise = gen.standard_normal((2, 20_000))
    for t in (0.5, 0.1, 0.25, 0.75, 0.9):
        power = [np.mean((weight * part) ** 2) for weight, part in ((np.sin(np.pi * t / 2), data), (np.cos(np.pi * t / 2), noise))]
        wanted, got = 10 * np.log10(power[0] / power[1]), float(signal_to_noise(t))
        expect(abs(got - wanted) < 0.3, f"at time {t} data is {wanted:.1f} dB above the noise; yours says {got:.1f} dB.")
    passed("0 dB half-way, as far below before as above after.")
