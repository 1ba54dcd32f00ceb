"""Checks and small tools that the statistical models share: distributions, sequences, logarithms of zero, drawing by weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array, check_integer, show
from audiogen_helpers.errors import ParameterError

__all__ = ["check_distribution", "check_labels", "check_samples", "check_sequences", "check_symbols", "choose", "safe_log"]


def check_distribution(p: Any, *, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Probabilities whose last axis sums to 1 within 1e-6, as float64; divided by their sum unless that is 1 to rounding."""
    p = check_array(p, name=name, low=0.0).astype(np.float64)
    if p.ndim == 0 or p.shape[-1] == 0:
        raise ParameterError(f"{name} must have at least one probability on its last axis; received shape {p.shape}")
    if shape is not None and p.shape != shape:
        raise ParameterError(f"{name} must have shape {shape}; received shape {p.shape}")
    sums = p.sum(axis=-1, keepdims=True)
    if np.abs(sums - 1.0).max(initial=0.0) > 1e-6:
        worst = float(sums.flat[np.argmax(np.abs(sums - 1.0))])
        raise ParameterError(f"{name} must sum to 1 over its last axis; received a sum of {worst:.6g}")
    return p if np.abs(sums - 1.0).max(initial=0.0) < 1e-12 else p / sums


def check_labels(labels: Any, *, n_labels: int, name: str = "labels") -> np.ndarray:
    """Whole numbers from -1 (no label) to ``n_labels - 1``, as int64 ``(n,)``."""
    array = check_array(labels, name=name, ndim=1)
    whole = array.astype(np.int64)
    if (array != whole).any() or (len(whole) and not -1 <= whole.min() <= whole.max() < max(n_labels, 0)):
        raise ParameterError(f"{name} must be whole numbers from -1 to {n_labels - 1}; received {show(array.tolist())}")
    return whole


def check_samples(X: Any, *, name: str = "X", at_least: int = 1) -> np.ndarray:
    """Vectors ``(n, d)`` as float64: finite, at least `at_least` of them, at least one number in each."""
    X = check_array(X, name=name, ndim=2).astype(np.float64)
    if len(X) < at_least or X.shape[1] == 0:
        raise ParameterError(f"{name} must have at least {at_least} row(s) of at least one number; received shape {X.shape}")
    return X


def check_sequences(sequences: Any, *, name: str = "sequences") -> list[np.ndarray]:
    """Sequences of vectors, each ``(length, d)`` float64 with one `d` for all; at least one sequence, each at least one vector long."""
    if isinstance(sequences, np.ndarray) and sequences.ndim == 2:
        raise ParameterError(f"{name} must be a list of sequences; received one array of shape {sequences.shape} (put it in a list)")
    found = [check_samples(x, name=f"{name}[{i}]") for i, x in enumerate(_listed(sequences, name))]
    widths = {x.shape[1] for x in found}
    if len(widths) > 1:
        raise ParameterError(f"{name} must have one number of columns; received {sorted(widths)}")
    return found


def check_symbols(sequences: Any, *, n_symbols: int, name: str = "sequences") -> list[np.ndarray]:
    """Sequences of whole numbers from 0 to ``n_symbols - 1``, each as int64 ``(length,)``; at least one, each at least one symbol long."""
    n_symbols = check_integer(n_symbols, name="n_symbols", low=1)
    found = []
    for i, x in enumerate(_listed(sequences, name)):
        numbers = check_array(x, name=f"{name}[{i}]", ndim=1)
        if numbers.size == 0:
            raise ParameterError(f"{name}[{i}] must have at least one symbol; received none")
        symbols = numbers.astype(np.int64)
        wrong = numbers[(symbols != numbers) | (symbols < 0) | (symbols >= n_symbols)]
        if wrong.size:
            raise ParameterError(f"{name}[{i}] must hold whole numbers from 0 to {n_symbols - 1}; received {wrong[0]:g}")
        found.append(symbols)
    return found


def _listed(sequences: Any, name: str) -> Sequence[Any]:
    try:
        items = list(sequences)
    except TypeError:
        raise ParameterError(f"{name} must be a list of sequences; received {show(sequences)}") from None
    if not items:
        raise ParameterError(f"{name} must hold at least one sequence; received none")
    return items


def safe_log(p: np.ndarray) -> np.ndarray:
    """The natural logarithm, with ``-inf`` for 0 and no warning."""
    with np.errstate(divide="ignore"):
        return np.log(p)


def choose(p: np.ndarray, rng: np.random.Generator, *, size: int | None = None) -> Any:
    """An index drawn by the weights of ``p (k,)`` (`size` of them if given); for rows ``(n, k)`` one index for each row.

    By the inverse of the cumulative sum: the same random numbers give the same indices whatever the number of rows drawn at a time.
    """
    cumulative = np.cumsum(p, axis=-1)
    cumulative[..., -1] = np.inf  # rounding must not let a draw fall off the end
    last = p.shape[-1] - 1 - np.argmax(p[..., ::-1] > 0.0, axis=-1)  # nor on an index of weight 0 behind the last possible one
    if p.ndim == 1:
        found = np.minimum(np.searchsorted(cumulative, rng.random(size), side="right"), last)
        return int(found) if size is None else found
    u = rng.random(len(p))
    return np.minimum((u[:, None] >= cumulative).sum(axis=-1), last)
