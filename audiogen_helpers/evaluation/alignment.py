"""Two tracks of vectors laid side by side in time: dynamic time warping.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError

__all__ = ["align"]

MAX_CELLS = 2**28  # pairs of frames that are looked at: a byte each

_BOTH, _FIRST, _SECOND = 0, 1, 2  # which track the last step went on in


def align(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The cheapest way to walk through two tracks at once, from both starts to both ends: dynamic time warping.

    A step goes one frame on in the first track, in the second, or in both; every pair of frames on the way costs its Euclidean distance.

    Parameters
    ----------
    A : np.ndarray [shape=(n, d)], n >= 1
        One track, a row per frame.
    B : np.ndarray [shape=(m, d)], m >= 1
        The other; time and memory grow with ``n * m``, which may be 2**28 at most.

    Returns
    -------
    path : np.ndarray [shape=(p, 2), int64], max(n, m) <= p <= n + m - 1
        Numbers of the frames that belong together. Of paths that cost the same, one with few pairs.

    Raises
    ------
    ParameterError
        If a track is empty, the two have another number of columns, or they are too long.

    References
    ----------
    H. Sakoe and S. Chiba (1978), Dynamic programming algorithm optimization for spoken word recognition, IEEE Trans. Acoust. Speech
    Signal Process. 26(1), 43-49.

    Examples
    --------
    >>> align(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0], [2.0]])).tolist()
    [[0, 0], [1, 1], [1, 2], [2, 3]]
    """
    a, b = (check_array(X, name=name, ndim=2).astype(np.float64) for X, name in ((A, "A"), (B, "B")))
    if not a.size or not b.size or a.shape[1] != b.shape[1]:
        raise ParameterError(f"A and B must be (n >= 1, d) with the same d >= 1; received shapes {a.shape} and {b.shape}")
    if len(a) * len(b) > MAX_CELLS:
        raise ParameterError(f"A and B must have at most 2**28 pairs of frames; received {len(a)} and {len(b)} frames")
    return _walk_back(_steps(a, b))


@compiled
def _steps(a: Any, b: Any) -> Any:
    """Of each pair of frames, the step by which the cheapest path comes to it."""
    n, m = len(a), len(b)
    step = np.zeros((n, m), dtype=np.int8)
    cost = np.full(m + 1, np.inf)  # of the row before, then of this one; cost[j + 1] belongs to column j
    cost[0] = 0.0
    for i in range(n):
        corner = cost[0]
        cost[0] = np.inf
        for j in range(m):
            best, way = corner, 0
            if cost[j + 1] < best:
                best, way = cost[j + 1], 1
            if cost[j] < best:
                best, way = cost[j], 2
            squared = 0.0
            for k in range(a.shape[1]):
                squared += (a[i, k] - b[j, k]) ** 2
            corner = cost[j + 1]
            cost[j + 1] = best + np.sqrt(squared)
            step[i, j] = way
    return step


def _walk_back(step: np.ndarray) -> np.ndarray:
    i, j = step.shape[0] - 1, step.shape[1] - 1
    path = [(i, j)]
    while i or j:
        way = step[i, j]
        i -= way != _SECOND
        j -= way != _FIRST
        path.append((i, j))
    return np.array(path[::-1], dtype=np.int64)
