"""Line spectral frequencies: the coefficients of a predictor as ascending frequencies that may be averaged, interpolated and drawn.

A mean of two predictors may be unstable. Of two sets of line spectral frequencies it never is: whatever ascends between 0 and pi belongs to
a stable filter. Two lines that come close make a resonance between them.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.linear_prediction import to_reflection

__all__ = ["from_line_spectra", "stabilise", "to_line_spectra"]

_LEAST_GAP = 1e-7  # rad; lines closer than this are told apart by rounding alone
_MOST = 1.0 - 1e-12  # of a reflection coefficient; beyond, rounding decides what the filter is


def to_line_spectra(a: np.ndarray) -> np.ndarray:
    """Line spectral frequencies of predictors: where on the unit circle ``A(z) + z^-(p+1) A(1/z)`` and its difference are zero.

    Nothing is searched for. The sum polynomials of the orders 1, 2, ... obey a recursion of three terms (the split Levinson algorithm), so
    that the zeros of the last are eigenvalues of a symmetric tridiagonal matrix made from the reflection coefficients; those of the
    difference likewise. Such eigenvalues are real, whatever rounding does.

    Parameters
    ----------
    a : np.ndarray [shape=(..., order + 1)]
        Predictors with ``a[..., 0]`` 1, stable.

    Returns
    -------
    w : np.ndarray [shape=(..., order)]
        Ascending, between 0 and pi, radians per sample; zeros of the sum and of the difference take turns.

    Raises
    ------
    ParameterError
        If `a` is no predictor or its filter is not stable.

    References
    ----------
    F. Itakura (1975), Line spectrum representation of linear predictor coefficients of speech signals, J. Acoust. Soc. Am. 57, S35.
    P. Delsarte and Y. Genin (1986), The split Levinson algorithm, IEEE Trans. Acoust., Speech, Signal Process. 34(3), 470-478.

    Examples
    --------
    >>> to_line_spectra(np.array([1.0, 0.0, 0.0])) / np.pi  # a flat spectrum: evenly spread
    array([0.33333333, 0.66666667])
    """
    k = to_reflection(a)
    order = k.shape[-1]
    before = np.concatenate([np.ones((*k.shape[:-1], 1)), k[..., :-1]], axis=-1)
    w = np.empty(k.shape)
    w[..., 0::2] = _zeros((1.0 - k) * (1.0 + before))
    w[..., 1::2] = _zeros((1.0 + k[..., 1:]) * (1.0 - before[..., 1:]))
    return stabilise(w, min_gap=min(_LEAST_GAP, 0.5 * np.pi / (order + 1)))


def _zeros(b: np.ndarray) -> np.ndarray:
    """Ascending zeros in (0, pi) of a polynomial whose recursion has the coefficients `b`.

    ``2 cos(w/2)`` at a zero is an eigenvalue of the matrix with ``sqrt(b)`` beside a diagonal of zeros; its square falls apart into two
    halves with the same eigenvalues ``2 + 2 cos w``, and the smaller half is used.
    """
    size = (b.shape[-1] + 1) // 2
    if size == 0:
        return np.empty((*b.shape[:-1], 0))
    padded = np.concatenate([b, np.zeros((*b.shape[:-1], 2 * size - b.shape[-1]))], axis=-1)
    matrix = np.zeros((*b.shape[:-1], size, size))
    i = np.arange(size)
    matrix[..., i, i] = padded[..., 0::2] + padded[..., 1::2]
    matrix[..., i[1:], i[:-1]] = np.sqrt(padded[..., 1:-1:2] * padded[..., 2::2])  # below the diagonal: all that eigvalsh reads
    return np.arccos(np.clip(0.5 * np.linalg.eigvalsh(matrix) - 1.0, -1.0, 1.0))[..., ::-1]


def from_line_spectra(w: np.ndarray) -> np.ndarray:
    """Predictors of line spectral frequencies: always of a stable filter.

    Parameters
    ----------
    w : np.ndarray [shape=(..., order)]
        Frequencies from 0 to pi, radians per sample, not descending. Lines that are too close for the arithmetic (in equal pairs, or many
        in a heap) are moved apart just as far as :func:`audiogen_helpers.linear_prediction.to_reflection` needs to find the filter stable.

    Returns
    -------
    a : np.ndarray [shape=(..., order + 1)]
        ``a[..., 0]`` is 1.

    Raises
    ------
    ParameterError
        If a frequency is out of range or lower than the one before it (:func:`stabilise` sorts).

    Examples
    --------
    >>> from_line_spectra(np.array([np.pi / 3, 2 * np.pi / 3])).round(12) + 0.0
    array([1., 0., 0.])
    """
    w = _check_lines(w)
    if (np.diff(w, axis=-1) < 0.0).any():
        raise ParameterError("w must not descend along its last axis; received frequencies out of order (stabilise sorts them)")
    order = w.shape[-1]
    rows = w.reshape(-1, order)
    a = _multiplied(rows)
    gap, widest = _LEAST_GAP, np.pi / (order + 1)
    wrong = _unstable(a)
    while len(wrong):
        a[wrong] = _multiplied(stabilise(rows[wrong], min_gap=min(gap, 0.999999 * widest)))
        wrong = wrong[_unstable(a[wrong])]
        gap *= 4.0  # in the end the lines are evenly spread, and A is 1
    return a.reshape(*w.shape[:-1], order + 1)


def _check_lines(w: Any) -> np.ndarray:
    w = check_array(w, name="w", low=0.0, high=np.pi).astype(np.float64)
    if w.ndim < 1 or w.shape[-1] < 1:
        raise ParameterError(f"w must have at least one frequency on its last axis; received shape {w.shape}")
    return w


def _multiplied(w: np.ndarray) -> np.ndarray:
    """Half the sum of the two polynomials with zeros at every other frequency, for each row."""
    n, order = w.shape
    sum_, difference = np.ones((n, 1)), np.ones((n, 1))
    for i in _scattered(order):
        factor = -2.0 * np.cos(w[:, i : i + 1])
        if i % 2:
            difference = _times(difference, factor)
        else:
            sum_ = _times(sum_, factor)
    if order % 2:  # the zeros that are always there: of the difference at both ends, or one for each
        return 0.5 * (sum_ + np.pad(difference, ((0, 0), (0, 2))) - np.pad(difference, ((0, 0), (2, 0))))[:, :-1]
    ends = np.pad(sum_, ((0, 0), (0, 1))) + np.pad(sum_, ((0, 0), (1, 0)))
    return 0.5 * (ends + np.pad(difference, ((0, 0), (0, 1))) - np.pad(difference, ((0, 0), (1, 0))))[:, :-1]


def _scattered(n: int) -> list[int]:
    """The numbers below `n`, each far from those before it: zeros multiplied in this order keep coefficients and rounding small."""
    digits = max(n - 1, 1).bit_length()
    return [i for i in (int(f"{j:0{digits}b}"[::-1], 2) for j in range(1 << digits)) if i < n]


def _times(p: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Polynomials in the rows of `p` times ``1 + middle z^-1 + z^-2``."""
    out = np.pad(p, ((0, 0), (0, 2)))
    out[:, 1:-1] += middle * p
    out[:, 2:] += p
    return out


def _unstable(a: np.ndarray) -> np.ndarray:
    """Indices of the rows that are no stable predictors, or nearly not; found by halving, since there are few."""
    try:
        return np.flatnonzero(np.abs(to_reflection(a)).max(axis=-1) > _MOST)
    except ParameterError:
        if len(a) == 1:
            return np.array([0])
        middle = len(a) // 2
        return np.concatenate([_unstable(a[:middle]), middle + _unstable(a[middle:])])


def stabilise(w: np.ndarray, *, min_gap: float) -> np.ndarray:
    """Sort line spectral frequencies and move those apart that are too close: what a mean, a draw or a smoothed track may need.

    Lines that are too close give way to both sides alike. Rows that are in order stay as they are.

    Parameters
    ----------
    w : np.ndarray [shape=(..., order)]
        Any finite numbers, meant as radians per sample.
    min_gap : float, ``0 < min_gap < pi / (order + 1)``
        Least distance between neighbours, and from 0 and pi. Twice a least bandwidth, roughly.

    Returns
    -------
    w : np.ndarray [shape=(..., order)]
        Ascending by at least `min_gap` (to rounding).

    Raises
    ------
    ParameterError
        If a number is not finite or the gap does not fit.

    Examples
    --------
    >>> stabilise(np.array([1.0, 0.5, 1.0]), min_gap=0.1)
    array([0.5 , 0.95, 1.05])
    """
    w = check_array(w, name="w").astype(np.float64)
    if w.ndim < 1 or w.shape[-1] < 1:
        raise ParameterError(f"w must have at least one frequency on its last axis; received shape {w.shape}")
    order = w.shape[-1]
    gap = check_number(min_gap, name="min_gap", above=0.0, below=np.pi / (order + 1))
    w = np.sort(w, axis=-1)
    fine = (np.diff(w, axis=-1, prepend=0.0, append=np.pi) >= gap).all(axis=-1, keepdims=True)
    room = gap * np.arange(1, order + 1)
    bare = np.clip(w - room, 0.0, np.pi - gap * (order + 1))  # without the least gaps: must not descend
    spread = 0.5 * (np.maximum.accumulate(bare, axis=-1) + np.minimum.accumulate(bare[..., ::-1], axis=-1)[..., ::-1])
    return np.where(fine, w, spread + room)
