"""k-means: vectors sorted into clusters around centres, from a start that spreads the centres out (k-means++).

Chapter: chapters/methods/mixture_models.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_samples
from audiogen_helpers.statistical._threads import one_thread

__all__ = ["kmeans", "spread_out"]

BLOCK = 4096  # rows at a time: distances to all centres then fit into the cache


def kmeans(
    X: np.ndarray, *, n_clusters: int, rng: RNGLike = None, n_iter: int = 100, centres: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Lloyd's algorithm: every vector goes to its nearest centre, every centre to the mean of its vectors, until nothing moves.

    The sum of squared distances never grows. A cluster that runs empty takes over the vector that lies farthest from its centre; where
    there are fewer different vectors than clusters, some stay empty and their centres lie on other ones.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Vectors; at least `n_clusters`.
    n_clusters : int >= 1
        How many.
    rng : int, Generator or None
        Of the start.
    n_iter : int >= 0
        Rounds at most.
    centres : np.ndarray [shape=(n_clusters, d)], optional
        Where to start; :func:`spread_out` by default.

    Returns
    -------
    centres : np.ndarray [shape=(n_clusters, d), float64]
    labels : np.ndarray [shape=(n,), int64]
        The nearest centre of each vector; of two equally near ones the first.

    Raises
    ------
    ParameterError
        If `X` is not finite or has fewer rows than clusters, or a number is out of range.

    References
    ----------
    S. Lloyd (1982), Least squares quantization in PCM, IEEE Trans. Information Theory 28(2), 129-137.
    D. Arthur and S. Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA, 1027-1035.

    Examples
    --------
    >>> centres, labels = kmeans(np.array([[0.0], [1.0], [10.0], [11.0]]), n_clusters=2, rng=0)
    >>> sorted(centres.ravel().tolist()), bool(labels[0] == labels[1] != labels[2] == labels[3])
    ([0.5, 10.5], True)
    """
    n_clusters = check_integer(n_clusters, name="n_clusters", low=1)
    X = check_samples(X, at_least=n_clusters)
    n_iter = check_integer(n_iter, name="n_iter", low=0)
    middle = X.mean(axis=0)
    X = X - middle  # squared distances by |x|^2 - 2xc + |c|^2 lose fewer digits near the origin
    if centres is None:
        centres = _spread_out(X, n_clusters, generator(rng))
    else:
        centres = check_array(centres, name="centres", ndim=2).astype(np.float64) - middle
        if centres.shape != (n_clusters, X.shape[1]):
            raise ParameterError(f"centres must have shape {(n_clusters, X.shape[1])}; received shape {centres.shape}")
    with one_thread():
        labels, distances = _nearest(X, centres)
        for _ in range(n_iter):
            centres = _means(X, labels, centres, distances)
            before = labels
            labels, distances = _nearest(X, centres)
            if np.array_equal(labels, before):
                break
    return centres + middle, labels


def spread_out(X: np.ndarray, *, n_clusters: int, rng: RNGLike = None) -> np.ndarray:
    """The start of k-means++: vectors drawn one after the other, each with a chance that grows with its squared distance to those drawn.

    Each time a few are drawn (2, and one more for each factor e in `n_clusters`), and the one that shortens the distances most is kept.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Vectors; at least `n_clusters`.
    n_clusters : int >= 1
        How many to draw.
    rng : int, Generator or None
        Of the draws.

    Returns
    -------
    centres : np.ndarray [shape=(n_clusters, d), float64]
        Rows of `X`; all different while there are different ones left.

    Examples
    --------
    >>> spread_out(np.array([[0.0], [0.0], [5.0]]), n_clusters=2, rng=1).ravel().tolist()
    [0.0, 5.0]
    """
    n_clusters = check_integer(n_clusters, name="n_clusters", low=1)
    return _spread_out(check_samples(X, at_least=n_clusters), n_clusters, generator(rng))


def _spread_out(X: np.ndarray, n_clusters: int, rng: np.random.Generator) -> np.ndarray:
    centres = np.empty((n_clusters, X.shape[1]))
    centres[0] = X[rng.integers(len(X))]
    nearest = np.square(X - centres[0]).sum(axis=1)
    candidates = 2 + int(np.log(n_clusters))
    for k in range(1, n_clusters):
        total = np.cumsum(nearest)
        drawn = np.minimum(np.searchsorted(total, rng.random(candidates) * total[-1], side="right"), len(X) - 1)
        tried = [np.minimum(nearest, np.square(X - X[i]).sum(axis=1)) for i in drawn]
        best = int(np.argmin([one.sum() for one in tried]))
        centres[k], nearest = X[drawn[best]], tried[best]
    return centres


def _nearest(X: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre of each row, and the squared distance to it."""
    labels, distances = np.empty(len(X), dtype=np.int64), np.empty(len(X))
    half = 0.5 * np.einsum("kd,kd->k", centres, centres)
    for start in range(0, len(X), BLOCK):
        x = X[start : start + BLOCK]
        labels[start : start + BLOCK] = np.argmin(half - x @ centres.T, axis=1)
        difference = x - centres[labels[start : start + BLOCK]]
        distances[start : start + BLOCK] = np.einsum("nd,nd->n", difference, difference)
    return labels, distances


def _means(X: np.ndarray, labels: np.ndarray, centres: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Mean of each cluster; an empty one moves to the row that is farthest from its centre (the next empty one to the next)."""
    n_clusters = len(centres)
    sums = np.zeros_like(centres)
    for start in range(0, len(X), BLOCK):
        member = (labels[start : start + BLOCK, None] == np.arange(n_clusters)).astype(np.float64)
        sums += member.T @ X[start : start + BLOCK]
    count = np.bincount(labels, minlength=n_clusters)
    moved = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], centres)
    empty = np.flatnonzero(count == 0)
    if empty.size:
        far = np.argsort(-distances, kind="stable")[: len(empty)]
        some = distances[far] > 0.0
        moved[empty[some]] = X[far[some]]
    return moved
