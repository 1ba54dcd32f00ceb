"""Magnitudes of the short-time transform that fit a mel spectrum.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array
from audiogen_helpers.spectral.banded import bands_to_bins, multiply
from audiogen_helpers.spectral.mel import magnitudes_to_mel
from audiogen_helpers.spectral.settings import MelSpec, check_spec, filters
from audiogen_helpers.spectral.transforms import BLOCK, check_shape

__all__ = ["blocks", "check_spectrum", "correction", "fit_magnitudes", "mel_to_magnitude", "peak_to_one"]

_N_CORRECTIONS = 10
_STEP = 1.5  # exponent of the corrections: longer steps settle sooner, up to here; at 2 they swing and never settle
_SMALLEST = 1e-5  # amplitudes this far below the loudest mel value of a clip count as silence


def mel_to_magnitude(M: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Magnitudes whose mel spectrum is near `M`: non-negative, by ten multiplicative corrections.

    There are fewer bands than bins, so many magnitudes fit. This starts from smooth ones (each bin is the mean of its
    bands), then multiplies each bin by what its bands lack, the mean of ``(wanted / found) ** 1.5``: the method of
    Richardson and Lucy with longer steps.

    Parameters
    ----------
    M : np.ndarray [shape=(..., n_mels, frames)], >= 0
        Mel spectrum.
    spec : MelSpec
        Settings of `M`.

    Returns
    -------
    S : np.ndarray [shape=(..., n_bins, frames), float32 or float64], >= 0
        Magnitudes, whatever ``spec.power`` is. A bin that lies in no band is 0.

    Raises
    ------
    ParameterError
        If `M` is negative, not finite, or has another number of bands.

    References
    ----------
    W. Richardson (1972), J. Opt. Soc. Am. 62(1), 55-59. L. Lucy (1974), Astron. J. 79, 745-754.

    Examples
    --------
    >>> from audiogen_helpers.spectral import mel, mel_filters
    >>> spec = MelSpec(sr=8000)
    >>> M = mel(np.random.default_rng(0).uniform(-1, 1, 8064), spec)
    >>> S = mel_to_magnitude(M, spec)
    >>> S.shape, bool(np.linalg.norm(mel_filters(spec) @ S - M) < 0.01 * np.linalg.norm(M))
    ((257, 64), True)
    """
    spec = check_spec(spec)
    M = check_spectrum(M, name="M", rows=spec.n_mels)
    clips = M.reshape(-1, *M.shape[-2:])
    S = np.empty((len(clips), M.shape[-1], spec.n_bins), dtype=M.dtype)
    for block in blocks(clips, spec):
        wanted, peak = peak_to_one(clips[block])
        S[block] = fit_magnitudes(wanted, spec, _N_CORRECTIONS) * peak ** (1.0 / spec.power)
    return S.reshape(*M.shape[:-2], *S.shape[1:]).swapaxes(-1, -2)


def check_spectrum(array: Any, *, name: str, rows: int) -> np.ndarray:
    """Magnitudes or mel values ``(..., rows, frames)``: finite and >= 0."""
    return check_shape(check_array(array, name=name, low=0.0), name=name, rows=rows)


def blocks(clips: np.ndarray, spec: MelSpec) -> list[slice]:
    """Slices of clips ``(clips, rows, frames)`` that are small enough to stay in the cache."""
    step = min(len(clips), max(1, BLOCK // (clips.shape[-1] * spec.n_fft)))
    return [slice(start, start + step) for start in range(0, len(clips), step)]


def peak_to_one(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clips ``(clips, rows, frames)`` as ``(clips, frames, rows)``, each divided by its largest value, and those values.

    So the small constants of this module mean the same for quiet and loud clips.
    """
    peak = clips.max(axis=(1, 2), keepdims=True)
    peak[peak == 0.0] = 1.0
    return np.ascontiguousarray((clips / peak).swapaxes(1, 2)), peak


def fit_magnitudes(wanted: np.ndarray, spec: MelSpec, n_corrections: int, *, like: np.ndarray | None = None) -> np.ndarray:
    """Magnitudes ``(clips, frames, bins)`` that fit mel values ``(clips, frames, bands)``: smooth ones, or with the detail of `like`."""
    if like is None:
        flat = filters(spec, wanted.dtype).sum(axis=1)  # the mel values of magnitudes that are all 1
    else:
        flat = np.maximum(magnitudes_to_mel(like, spec), np.finfo(wanted.dtype).tiny)
    S = multiply(wanted / flat, bands_to_bins(spec, wanted.dtype)) ** (1.0 / spec.power)
    if like is not None:
        S *= like
    for _ in range(n_corrections):
        S *= correction(S, wanted, spec)
    return S


def correction(S: np.ndarray, wanted: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Factors that bring the mel values of magnitudes `S` nearer to those wanted."""
    small = S.dtype.type(_SMALLEST**spec.power)
    lack = wanted + small
    lack /= magnitudes_to_mel(S, spec) + small
    lack **= _STEP / spec.power
    return multiply(lack, bands_to_bins(spec, S.dtype))
