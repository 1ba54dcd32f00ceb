"""A linear code: principal components, found fast, with a scale per component."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer, check_number

__all__ = ["Pca", "fit_pca", "some_rows"]

# More rows than this add little to the directions of the variance: a fixed, even selection is used to find them.
MAX_ROWS = 8192


@dataclass(frozen=True)
class Pca:
    """A mean, orthonormal directions and a scale for each: ``code = (x - mean) @ basis.T / scale``.

    Attributes
    ----------
    mean : np.ndarray [shape=(d,), float32]
    basis : np.ndarray [shape=(k, d), float32]
        Orthonormal rows, by falling variance.
    scale : np.ndarray [shape=(k,), float32], > 0
    """

    mean: np.ndarray
    basis: np.ndarray
    scale: np.ndarray

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes ``(n, k)`` of the rows of `x` ``(n, d)``."""
        return (x - self.mean) @ self.basis.T / self.scale

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Rows ``(n, d)`` from codes ``(n, k)``: what :meth:`encode` saw, without the part outside the basis."""
        return (z * self.scale) @ self.basis + self.mean


def some_rows(x: Any) -> np.ndarray:
    """The rows that :func:`fit_pca` looks at: all, or a fixed, even selection of 8192, which is all that is read of rows on disk.

    Examples
    --------
    >>> some_rows(np.arange(20_000))[[0, 1, -1]].tolist()
    [0, 2, 19999]
    """
    return x[np.linspace(0, len(x) - 1, MAX_ROWS).astype(int)] if len(x) > MAX_ROWS else x[:]


def fit_pca(x: np.ndarray, *, components: int, whitening: float = 1.0, rng: RNGLike = 0) -> Pca:
    """Principal components of the rows of `x`, by randomised subspace iteration.

    Parameters
    ----------
    x : np.ndarray [shape=(n, d)]
        Rows; at least two.
    components : int >= 1
        How many directions at most; never more than the rows' rank, at most ``min(n - 1, d)``.
    whitening : float, 0 to 1
        1 divides each component by its standard deviation, 0 all by one number, 1/2 by its root: what a loss in code space
        cares about. Either way the codes' mean square is 1.
    rng : int or Generator
        Of the random start.

    Returns
    -------
    pca : Pca

    References
    ----------
    N. Halko, P. Martinsson and J. Tropp (2011), Finding structure with randomness, SIAM Review 53(2), 217-288.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((500, 20)).astype("float32") * np.arange(1, 21, dtype="float32")
    >>> pca = fit_pca(x, components=20)
    >>> bool(np.allclose(pca.decode(pca.encode(x)), x, atol=1e-3))
    True
    >>> pca.encode(x).std(axis=0)[[0, 19]].round(3)
    array([1., 1.], dtype=float32)
    """
    x = check_array(x, name="x", ndim=2)
    components = check_integer(components, name="components", low=1)
    whitening = check_number(whitening, name="whitening", low=0.0, high=1.0)
    rows = some_rows(x)
    mean = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    centred = (rows - mean).astype(np.float32)
    basis, variance = _directions(centred, components, generator(rng))
    keep = variance > 1e-9 * max(float(variance[0]), 1e-30)
    basis, deviation = basis[keep], np.sqrt(variance[keep])
    if not len(basis):  # all rows are equal: one direction that carries nothing
        basis, deviation = np.eye(1, x.shape[1]), np.ones(1)
    scale = deviation**whitening
    scale *= np.sqrt(np.mean((deviation / scale) ** 2))
    return Pca(mean=mean, basis=basis.astype(np.float32), scale=scale.astype(np.float32))


def _directions(centred: np.ndarray, components: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Leading right singular vectors as rows, and the variances along them."""
    n, d = centred.shape
    k = min(components, n - 1, d)
    width = min(k + 32, n, d)
    probe = rng.standard_normal((n, width)).astype(np.float32)
    span = np.linalg.qr(centred.T @ probe)[0]
    for _ in range(4):
        span = np.linalg.qr(centred.T @ np.linalg.qr(centred @ span)[0])[0]
    small = (centred @ span).astype(np.float64)
    values, vectors = np.linalg.eigh(small.T @ small / n)
    order = np.argsort(values)[::-1][:k]
    basis = (span.astype(np.float64) @ vectors[:, order]).T
    return basis * np.where(basis.sum(axis=1, keepdims=True) < 0.0, -1.0, 1.0), np.maximum(values[order], 0.0)
