"""From noise to data, step by step: along a velocity without dice, or by guessing both ends and throwing dice (DDPM).

Chapter: chapters/methods/flow.ipynb
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_choice, check_integer, check_number
from audiogen_helpers.deep.schedules import step

__all__ = ["SOLVERS", "denoise", "follow"]

SOLVERS = ("euler", "heun", "midpoint")


def follow(
    field: Callable[[np.ndarray, float], np.ndarray], x: np.ndarray, *, steps: int, solver: str = "heun", start: float = 0.0
) -> np.ndarray:
    """Follow the velocity `field` to time 1.

    Parameters
    ----------
    field : callable
        ``field(x, t)`` -> velocity, of the shape of `x`.
    x : np.ndarray
        Where the paths begin.
    steps : int >= 1
        Equal steps of time.
    solver : {'heun', 'euler', 'midpoint'}
        Euler goes where the arrow points. Heun looks at the arrow there too and takes the mean of both (the last step is Euler's:
        at the very end there may be none). The midpoint method takes the arrow half a step ahead. The last two ask twice per step.
    start : float, 0 to 1
        The time at which `x` is.

    Returns
    -------
    x : np.ndarray
        Where they end. The error falls with the number of steps: with ``v = x`` from 1, 100 steps come within 2e-4 of *e*.

    Examples
    --------
    >>> bool(abs(follow(lambda x, t: x, np.array([1.0]), steps=100)[0] - np.e) < 2e-4)
    True
    """
    steps, solver = check_integer(steps, name="steps", low=1), check_choice(solver, name="solver", choices=SOLVERS)
    start = check_number(start, name="start", low=0.0, high=1.0)
    h = np.float32((1.0 - start) / steps)
    for k in range(steps):
        t, later = (start + (1.0 - start) * j / steps for j in (k, k + 1))
        v = field(x, t)
        if solver == "midpoint":
            v = field(x + h / 2 * v, (t + later) / 2)
        elif solver == "heun" and k < steps - 1:
            v = (v + field(x + h * v, later)) / 2
        x = x + h * v
    return x


def denoise(
    ends: Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]],
    x: np.ndarray,
    *,
    steps: int,
    path: str,
    churn: float = 1.0,
    start: float = 0.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """From noise to data, each step by what one believes both to be.

    Parameters
    ----------
    ends : callable
        ``ends(x, t)`` -> data and noise that `x` is made of at time `t`: means over all paths that pass there.
    x : np.ndarray [shape=(n, ...)]
        Where the paths begin.
    steps : int >= 1
        Equal steps of time.
    path : str
        As for :func:`audiogen_helpers.deep.schedules.mix`.
    churn : float, 0 to 1
        1: ancestral sampling of DDPM, which draws fresh noise at every step. 0: DDIM, which draws none.
    start : float, 0 to 1
        The time at which `x` is.
    rng : int, Generator or None
        Of the fresh noise.

    Returns
    -------
    x : np.ndarray
        Where they end.

    References
    ----------
    J. Ho, A. Jain and P. Abbeel (2020), Denoising diffusion probabilistic models, NeurIPS; J. Song, C. Meng and S. Ermon (2021), Denoising
    diffusion implicit models, ICLR.

    Examples
    --------
    All data is 3, and one knows it:

    >>> denoise(lambda x, t: (0 * x + 3.0, x), np.array([[-1.0], [2.0]]), steps=5, path="straight", rng=0).ravel().tolist()
    [3.0, 3.0]
    """
    steps, churn = check_integer(steps, name="steps", low=1), check_number(churn, name="churn", low=0.0, high=1.0)
    start, dice = check_number(start, name="start", low=0.0, high=1.0), generator(rng)
    for k in range(steps):
        t, later = (start + (1.0 - start) * j / steps for j in (k, k + 1))
        data, noise = ends(x, t)
        fresh = dice.standard_normal(x.shape).astype(x.dtype) if churn else 0.0
        x = step(data, noise, t, later, path=path, fresh=fresh, churn=churn)
    return x
