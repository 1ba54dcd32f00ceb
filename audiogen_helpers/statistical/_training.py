"""The state of a statistical model while it learns, in the form that the trainer keeps and restores."""

from __future__ import annotations

import numpy as np

__all__ = ["Variable"]


class Variable:
    """An array that can be read and replaced, as the trainer does with a network's weights.

    Parameters
    ----------
    array : np.ndarray
        The first value; its shape and type stay.

    Examples
    --------
    >>> v = Variable(np.zeros(2))
    >>> v.assign(np.ones(2))
    >>> v.numpy()
    array([1., 1.])
    """

    def __init__(self, array: np.ndarray) -> None:
        self._array = np.array(array)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self._array.shape

    def numpy(self) -> np.ndarray:
        """The value; not a copy, and never changed in place."""
        return self._array

    def assign(self, array: np.ndarray) -> None:
        """Put a new value of the same shape there."""
        self._array = np.array(np.broadcast_to(array, self._array.shape), dtype=self._array.dtype)
