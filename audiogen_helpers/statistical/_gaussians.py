"""Many Gaussians at once: log-densities of blocks of rows, weighted moments, and the covariances that follow from them."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError

__all__ = [
    "BLOCK", "EMPTY", "FARTHEST", "LARGEST", "SMALLEST",
    "Gaussians", "check_floor", "check_matrices", "maximise", "normalise", "raise_to",
]  # fmt: skip

BLOCK = 1024  # rows at a time: what a step makes of them stays in the cache
LARGEST, SMALLEST = 1e100, 1e-100  # of variances: their quotients with squares of numbers must stay finite
FARTHEST = 1e49  # of numbers: their variance must be a variance
NARROW = 1e6  # squared distance of a mean from the middle, in variances: beyond it the fast formula loses digits
LARGE = 80  # numbers in a vector beyond which all pairs of them are too many to keep for a block
EMPTY = 1e-10  # rows that a component must stand for to be moved


class Gaussians:
    """Means (k, d) with variances (k, d) or covariance matrices (k, d, d), made ready for blocks of rows.

    With a middle near the data, two matrix products do for all components what a step needs. Diagonal: ``log N`` is linear in the numbers
    ``x - middle`` and their squares. Full: one product whitens a block for every component. The weighted sums of numbers and squares
    (products of pairs) are one more. Where a mean lies too far from the middle in terms of its own width, or matrices are large, each
    component looks at the differences from its own mean.
    """

    def __init__(self, means: np.ndarray, covariances: np.ndarray) -> None:
        self.means, self.covariances = means, covariances
        k, d = means.shape
        self.full = covariances.ndim == 3
        if self.full:
            roots = np.linalg.cholesky(covariances)
            self._whiten = np.linalg.inv(roots)
            log_det = 2.0 * np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
        else:
            self._whiten = 1.0 / np.sqrt(covariances)
            log_det = np.log(covariances).sum(axis=1)
        self._constant = -0.5 * (d * np.log(2.0 * np.pi) + log_det)
        middle = means.mean(axis=0)
        off = means - middle
        white = np.einsum("kij,kj->ki", self._whiten, off) if self.full else off * self._whiten
        self.fast = bool((np.square(white).sum(axis=1) < NARROW).all()) and not (self.full and d > LARGE)
        self.reference = middle if self.fast else means
        if self.fast and self.full:
            self._linear, self._offset = self._whiten.reshape(k * d, d).T, white
        elif self.fast:
            self._linear = np.concatenate([white * self._whiten, -0.5 * np.square(self._whiten)], axis=1).T
            self._offset = self._constant - 0.5 * np.square(white).sum(axis=1)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Of each row of a block (n, d) under each component: (n, k)."""
        if self.fast and not self.full:
            return self._features(x) @ self._linear + self._offset
        if self.fast:
            z = ((x - self.reference) @ self._linear).reshape(len(x), *self.means.shape)
            z -= self._offset
            return self._constant - 0.5 * np.einsum("nkd,nkd->nk", z, z)
        out = np.empty((len(x), len(self.means)))
        for k, mean in enumerate(self.means):
            z = (x - mean) @ self._whiten[k].T if self.full else (x - mean) * self._whiten[k]
            out[:, k] = self._constant[k] - 0.5 * np.einsum("nd,nd->n", z, z)
        return out

    def moments(self, x: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the rows and of their squares (products, for matrices) about the `reference`, weighted by `shares` (n, k)."""
        if self.fast:
            both = shares.T @ self._features(x)
            first, second = both[:, : x.shape[1]], both[:, x.shape[1] :]
            return first, _unfolded(second, x.shape[1]) if self.full else second
        first, second = np.empty_like(self.means), np.empty_like(self.covariances)
        for k, mean in enumerate(self.means):
            difference = x - mean
            weighted = difference * shares[:, k : k + 1]
            first[k] = weighted.sum(axis=0)
            second[k] = weighted.T @ difference if self.full else np.einsum("nd,nd->d", weighted, difference)
        return first, second

    def _features(self, x: np.ndarray) -> np.ndarray:
        """The numbers about the reference, then their squares, or the products of all pairs (i, j), i <= j."""
        d = x.shape[1]
        both = np.empty((len(x), d + (d * (d + 1) // 2 if self.full else d)))
        centred = both[:, :d]
        np.subtract(x, self.reference, out=centred)
        if not self.full:
            np.square(centred, out=both[:, d:])
            return both
        at = d
        for i in range(d):
            np.multiply(centred[:, i : i + 1], centred[:, i:], out=both[:, at : at + d - i])
            at += d - i
        return both


def _unfolded(pairs: np.ndarray, d: int) -> np.ndarray:
    """Symmetric matrices (k, d, d) of their upper triangles, row by row (k, d (d + 1) / 2)."""
    row, column = np.triu_indices(d)
    out = np.empty((len(pairs), d, d))
    out[:, row, column] = pairs
    out[:, column, row] = pairs
    return out


def normalise(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The logarithm of the sum of ``exp(scores)`` over the last axis, and the share of each in it; `scores` is used up."""
    top = scores.max(axis=-1, keepdims=True)
    scores -= top
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    scores /= total
    return (np.log(total) + top)[..., 0], scores


def maximise(g: Gaussians, count: np.ndarray, first: np.ndarray, second: np.ndarray, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances of the moments (sums of `count` rows about ``g.reference``); where hardly a row counts, those of `g` stay."""
    alive = count > EMPTY
    n = np.where(alive, count, 1.0)[:, None]
    shift = first / n
    means = np.where(alive[:, None], g.reference + shift, g.means)
    if g.full:
        covariances = second / n[..., None] - shift[:, :, None] * shift[:, None, :]
        covariances = 0.5 * (covariances + covariances.swapaxes(1, 2))
        covariances[~alive] = g.covariances[~alive]
    else:
        covariances = np.where(alive[:, None], second / n - np.square(shift), g.covariances)
    return means, raise_to(covariances, floor)


def raise_to(covariances: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """The most likely covariances that are nowhere below the variances `floor` (d,): variances are raised, and so are eigenvalues.

    Without a floor (all 0) a covariance without width is an error.
    """
    if covariances.ndim == 2:
        raised = np.maximum(covariances, floor)
        flat = np.flatnonzero((raised <= SMALLEST).any(axis=1))
    else:
        scale = np.sqrt(np.where(floor > 0.0, floor, 1.0))
        scale, least = np.outer(scale, scale), np.diag((floor > 0.0).astype(np.float64))
        raised, low = covariances.copy(), [k for k, matrix in enumerate(covariances) if not _above(matrix / scale, least)]
        if least.any():
            for k in low:
                values, vectors = np.linalg.eigh(covariances[k] / scale)
                raised[k] = (vectors * np.maximum(values, 1.0)) @ vectors.T * scale
        flat = np.array([] if least.any() else low)
    if flat.size:
        raise ParameterError(f"floor must be > 0 for these vectors: component {flat[0]} shrank to no width; received {floor.min():g}")
    return raised


def _above(matrix: np.ndarray, least: np.ndarray) -> bool:
    """Whether no direction of `matrix` has less variance than `least` has, clearly enough for its root to be taken."""
    try:
        np.linalg.cholesky(matrix - least)
        pivots = np.diagonal(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        return False
    return bool((np.square(pivots) > 1e-14 * np.diagonal(matrix)).all() and (np.diagonal(matrix) > SMALLEST).all())


def check_matrices(covariances: np.ndarray) -> None:
    """Refuse covariance matrices (k, d, d) that are not symmetric and positive definite."""
    check_array(covariances, name="covariances", low=-LARGEST, high=LARGEST)
    for k, matrix in enumerate(covariances):
        if np.abs(matrix - matrix.T).max() > 1e-9 * np.abs(matrix).max():
            raise ParameterError(f"covariances must be symmetric; covariances[{k}] is not")
        try:
            np.linalg.cholesky(matrix)
        except np.linalg.LinAlgError:
            raise ParameterError(f"covariances must be positive definite; covariances[{k}] is not") from None


def check_floor(floor: float | np.ndarray, d: int) -> np.ndarray:
    """Smallest variances, one for each of `d` numbers."""
    array = check_array(floor, name="floor", ndim=(0, 1), low=0.0, high=LARGEST).astype(np.float64)
    if array.shape not in ((), (1,), (d,)):
        raise ParameterError(f"floor must be one number or {d}; received shape {array.shape}")
    if (array > 0.0).any() and not (array > 0.0).all():
        raise ParameterError("floor must be > 0 for all numbers or 0 for all; received some of each")
    return np.broadcast_to(array, (d,))
