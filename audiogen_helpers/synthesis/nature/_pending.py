"""Sounds of any length put on a common time line and taken off it in pieces."""

from __future__ import annotations

import numpy as np

__all__ = ["Pending"]


class Pending:
    """The sum of finished sounds whose ends have not been heard yet.

    Examples
    --------
    >>> later = Pending()
    >>> later.add(np.ones(3), at=1)
    >>> later.take(2), later.take(3)
    (array([0., 1.]), array([1., 1., 0.]))
    """

    def __init__(self) -> None:
        self._sum = np.zeros(0)

    def add(self, y: np.ndarray, *, at: int) -> None:
        """Add `y` from `at` samples after the next one."""
        more = at + len(y) - len(self._sum)
        if more > 0:
            self._sum = np.concatenate([self._sum, np.zeros(more)])
        self._sum[at : at + len(y)] += y

    def take(self, n: int) -> np.ndarray:
        """The next `n` samples."""
        y = np.zeros(n)
        y[: min(n, len(self._sum))] = self._sum[:n]
        self._sum = self._sum[n:]
        return y
