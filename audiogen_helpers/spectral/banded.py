"""Products with the mel filters, which are mostly zeros: only the pieces that are not."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers.spectral.settings import MelSpec, filters

__all__ = ["bands_to_bins", "bins_to_bands", "multiply"]

# Ranges of inputs and outputs, and the weights between them.
Pieces: TypeAlias = "tuple[tuple[slice, slice, np.ndarray], ...]"

_N_PIECES = 5  # more save multiplications and cost calls; 4 to 8 take about the same time


def bins_to_bands(spec: MelSpec, dtype: Any) -> Pieces:
    """The mel filters: the value of each band is the weighted sum of its bins."""
    return _bins_to_bands(spec, np.dtype(dtype).char)


def bands_to_bins(spec: MelSpec, dtype: Any) -> Pieces:
    """Their transpose, rows divided by their sums: the value of each bin is the weighted mean of its bands, 0 if it has none."""
    return _bands_to_bins(spec, np.dtype(dtype).char)


def multiply(X: np.ndarray, pieces: Pieces) -> np.ndarray:
    """``X @ W`` for ``X (..., inputs)`` and the matrix ``W (inputs, outputs)`` that the pieces were cut from."""
    rows = X.reshape(-1, X.shape[-1])
    out = np.empty((len(rows), pieces[-1][1].stop), dtype=X.dtype)
    for inputs, outputs, weights in pieces:
        np.matmul(rows[:, inputs], weights, out=out[:, outputs])
    return out.reshape(*X.shape[:-1], -1)


@lru_cache(maxsize=32)
def _bins_to_bands(spec: MelSpec, dtype: str) -> Pieces:
    return _cut(filters(spec, dtype).T)


@lru_cache(maxsize=32)
def _bands_to_bins(spec: MelSpec, dtype: str) -> Pieces:
    weights = filters(spec, np.float64)
    total = weights.sum(axis=0)
    return _cut(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0.0).astype(dtype))


def _cut(W: np.ndarray) -> Pieces:
    """Ranges of outputs, each with the range of inputs that have a weight in it."""
    edges = np.unique(np.linspace(0, W.shape[1], _N_PIECES + 1).astype(int)).tolist()
    pieces = []
    for start, stop in pairwise(edges):
        used = np.flatnonzero(W[:, start:stop].any(axis=1))
        inputs = slice(int(used[0]), int(used[-1]) + 1) if used.size else slice(0, 1)
        pieces.append((inputs, slice(start, stop), np.ascontiguousarray(W[inputs, start:stop])))
    return tuple(pieces)
