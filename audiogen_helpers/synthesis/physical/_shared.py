"""What strings and tubes share: a delay by a fraction of a sample."""

from __future__ import annotations

import numpy as np

__all__ = ["PIECE", "lagrange"]

PIECE = 8192  # samples yielded at a time


def lagrange(delay: float) -> tuple[int, np.ndarray]:
    """A delay of `delay` samples as a whole number of them and four weights: the cubic through four neighbours.

    ``sum(weights[i] * x[n - whole - i])`` is x at ``n - delay``, exact for cubics. Below a delay of 2 it needs x[n] itself.

    Examples
    --------
    >>> whole, weights = lagrange(5.25)
    >>> whole, round(float(weights @ (whole + np.arange(4))), 9)
    (4, 5.25)
    """
    whole = max(int(np.floor(delay)) - 1, 0)
    d = delay - whole
    nodes = np.arange(4.0)
    weights = [np.prod([(d - j) / (i - j) for j in nodes if j != i]) for i in nodes]
    return whole, np.array(weights)
