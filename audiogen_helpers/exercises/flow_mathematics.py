"""Exercises of the chapter Mathematics: from noise to data.

Chapter: chapters/mathematics/flow.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers.deep.solvers import follow
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_one_step", "check_target"]


def check_one_step(one_step: Callable[[np.ndarray], Any], *, weights: np.ndarray, means: np.ndarray) -> None:
    """Check the whole way from noise to data in one Euler step with the exact field of the straight path.

    Parameters
    ----------
    one_step : callable
        ``one_step(x)`` -> where the numbers `x` (n,) arrive.
    weights, means : np.ndarray [shape=(k,)]
        Of the bells that the data are.

    Raises
    ------
    ExerciseError
        If they do not arrive where that step leads; the message says where they should.

    Examples
    --------
    >>> check_one_step(lambda x: 0.0 * x + 0.5, weights=np.array([0.5, 0.5]), means=np.array([0.0, 1.0]))
    Right. All of them arrive at 0.500, the mean of the data.
    """
    x = np.linspace(-2.0, 2.0, 9)
    answer = np.asarray(one_step(x.copy()), dtype=np.float64)
    expect(answer.shape == x.shape, f"nine numbers go in, and an array of shape {answer.shape} comes out.")
    centre = float(np.sum(np.asarray(weights) * np.asarray(means)))
    spread = float(np.ptp(answer))
    expect(
        spread < 1e-6,
        f"they arrive {spread:.3f} apart. At time 0 the data are independent of the dice: what is the mean of x1 - x0, given x0?",
    )
    expect(abs(float(answer[0]) - centre) < 1e-6, f"all of them arrive at {answer[0]:.3f}, and the mean of the data is {centre:.3f}.")
    passed(f"All of them arrive at {centre:.3f}, the mean of the data.")


def check_target(target: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """Check a regression target of the straight path: train a small model with it, follow it from noise, and see where it arrives.

    The data are one bell around 3. The model is, at each of 16 times, the straight line through the targets (exact for one bell).

    Parameters
    ----------
    target : callable
        ``target(x0, x1)`` -> what the model learns to answer, for noise `x0` and data `x1` (both of shape (n,)).

    Raises
    ------
    ExerciseError
        If it does not arrive at the data.

    Examples
    --------
    >>> check_target(lambda x0, x1: x0 - x1)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: the data are 3.0 +- 0.5, and it arrived at -4.4 +- 2.0: the other way.
    """
    rng = np.random.default_rng(0)
    x0, x1 = rng.standard_normal(4000), 3.0 + 0.5 * rng.standard_normal(4000)
    u = np.asarray(target(x0.copy(), x1.copy()), dtype=np.float64)
    expect(u.shape == x0.shape, f"4000 pairs go in, and an array of shape {u.shape} comes out.")
    times = np.linspace(0.0, 1.0, 17)
    lines = [np.polyfit(t * x1 + (1.0 - t) * x0, u, 1) for t in times]

    def field(x: np.ndarray, t: float) -> np.ndarray:
        slope, height = (np.interp(t, times, [line[i] for line in lines]) for i in (0, 1))
        return slope * x + height

    arrived = follow(field, rng.standard_normal(4000), steps=64)
    where = f"the data are 3.0 +- 0.5, and it arrived at {arrived.mean():.1f} +- {arrived.std():.1f}"
    expect(bool(arrived.mean() > 0.0), f"{where}: the other way.")
    expect(abs(float(arrived.mean()) - 3.0) < 0.1 and abs(float(arrived.std()) - 0.5) < 0.1, f"{where}.")
    passed(f"It arrived at {arrived.mean():.1f} +- {arrived.std():.1f}; the data are 3.0 +- 0.5.")
