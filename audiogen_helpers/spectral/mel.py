"""Mel spectra, their decibels, their scaling for models, and MFCC.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_audio, check_integer
from audiogen_helpers.spectral.banded import bins_to_bands, multiply
from audiogen_helpers.spectral.settings import MelSpec, check_spec, filters
from audiogen_helpers.spectral.transforms import BLOCK, check_shape, signal_to_frames

__all__ = ["db_to_mel", "log_mel", "mel", "mel_filters", "mfcc", "scale", "unscale"]


def mel_filters(spec: MelSpec) -> np.ndarray:
    """Slaney's mel filters: triangles on the mel scale, each with an area of 1 (in Hz).

    Parameters
    ----------
    spec : MelSpec
        Settings.

    Returns
    -------
    weights : np.ndarray [shape=(n_mels, n_bins), float32], >= 0

    References
    ----------
    M. Slaney (1998), Auditory Toolbox, Interval Research technical report 1998-010.

    Examples
    --------
    >>> weights = mel_filters(MelSpec(sr=8000))
    >>> weights.shape
    (64, 257)
    >>> round(float(weights[40].sum()) * 8000 / 512, 2)
    1.0
    """
    return filters(check_spec(spec), np.float32).copy()


def mel(y: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Mel spectrum: magnitudes of the short-time transform to the ``spec.power``, weighted by the mel filters.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    spec : MelSpec
        Settings.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, 1 + n // hop_length), float32 or float64], >= 0

    Raises
    ------
    ParameterError
        If `y` is empty, not floating point or not finite.

    Examples
    --------
    >>> M = mel(np.ones(8064), MelSpec(sr=8000))
    >>> M.shape, int(M.sum(axis=-1).argmax())
    ((64, 64), 0)
    """
    spec, y = check_spec(spec), check_audio(y)
    clips = y.reshape(-1, y.shape[-1])
    frames = 1 + y.shape[-1] // spec.hop_length
    M = np.empty((len(clips), spec.n_mels, frames), dtype=y.dtype)
    step = max(1, BLOCK // (frames * spec.n_fft))
    for start in range(0, len(clips), step):
        M[start : start + step] = magnitudes_to_mel(np.abs(signal_to_frames(clips[start : start + step], spec)), spec).swapaxes(1, 2)
    return M.reshape(*y.shape[:-1], *M.shape[1:])


def magnitudes_to_mel(S: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Mel values ``(..., frames, n_mels)`` of magnitudes ``(..., frames, n_bins)``."""
    return multiply(S**spec.power, bins_to_bands(spec, S.dtype))


def log_mel(y: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Mel spectrum in decibels: 0 dB is a full-scale sine, ``spec.floor_db`` the lowest value.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    spec : MelSpec
        Settings.

    Returns
    -------
    L : np.ndarray [shape=(..., n_mels, 1 + n // hop_length), float32 or float64], dB
        ``20 / power * log10(max(M / spec.reference, floor ** power))``. A sound that is not a sine can exceed 0 a little
        (a full-scale square wave by 2 dB).

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 250.0 * np.arange(8064) / 8000)
    >>> L = log_mel(y, MelSpec(sr=8000))
    >>> round(float(L[:, 30].max())), round(float(L.min()))
    (0, -80)
    """
    return mel_to_db(mel(y, spec), spec)


def mel_to_db(M: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Decibels of mel values, see :func:`log_mel`."""
    L = np.maximum(M / M.dtype.type(spec.reference), M.dtype.type(spec.floor**spec.power))
    return np.log10(L, out=L) * M.dtype.type(20.0 / spec.power)


def db_to_mel(L: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Mel values of decibels: the inverse of :func:`log_mel` from its mel spectrum on, above the floor.

    Parameters
    ----------
    L : np.ndarray [shape=(..., n_mels, frames)]
        dB relative to a full-scale sine.
    spec : MelSpec
        Settings.

    Returns
    -------
    M : np.ndarray [shape=(..., n_mels, frames), float32 or float64], > 0

    Examples
    --------
    >>> spec = MelSpec(sr=8000, n_mels=1)
    >>> bool(np.allclose(db_to_mel(np.array([[0.0, -20.0]]), spec), [[spec.reference, spec.reference / 10]]))
    True
    """
    spec = check_spec(spec)
    L = check_shape(check_array(L, name="L"), name="L", rows=spec.n_mels)
    return L.dtype.type(spec.reference) * np.power(10.0, L * L.dtype.type(spec.power / 20.0), dtype=L.dtype)


def scale(L: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Decibels as model features: ``spec.floor_db`` becomes -1, 0 dB becomes 1, what lies beyond is clipped.

    Parameters
    ----------
    L : np.ndarray [shape=(..., n_mels, frames)]
        dB relative to a full-scale sine.
    spec : MelSpec
        Settings.

    Returns
    -------
    X : np.ndarray [shape=(..., n_mels, frames), float32], -1 to 1

    Examples
    --------
    >>> scale(np.array([[-100.0, -80.0, -40.0, 0.0]]), MelSpec(sr=8000, n_mels=1))
    array([[-1., -1.,  0.,  1.]], dtype=float32)
    """
    spec = check_spec(spec)
    L = check_shape(check_array(L, name="L"), name="L", rows=spec.n_mels)
    return np.clip(1.0 - L * (2.0 / spec.floor_db), -1.0, 1.0).astype(np.float32)


def unscale(X: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Decibels of model features: the inverse of :func:`scale` for values from -1 to 1; what lies beyond is clipped.

    Parameters
    ----------
    X : np.ndarray [shape=(..., n_mels, frames)]
        Features.
    spec : MelSpec
        Settings.

    Returns
    -------
    L : np.ndarray [shape=(..., n_mels, frames), float32], dB from ``spec.floor_db`` to 0

    Examples
    --------
    >>> unscale(np.array([[-1.0, 0.0, 1.0]]), MelSpec(sr=8000, n_mels=1))
    array([[-80., -40.,   0.]], dtype=float32)
    """
    spec = check_spec(spec)
    X = check_shape(check_array(X, name="X"), name="X", rows=spec.n_mels)
    return ((np.clip(X, -1.0, 1.0) - 1.0) * (-spec.floor_db / 2.0)).astype(np.float32)


def mfcc(y: np.ndarray, spec: MelSpec, *, n_mfcc: int = 13) -> np.ndarray:
    """Mel-frequency cepstral coefficients: the first terms of the orthonormal DCT-II of :func:`log_mel` over the bands.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    spec : MelSpec
        Settings.
    n_mfcc : int, 1 to ``spec.n_mels``
        Coefficients.

    Returns
    -------
    C : np.ndarray [shape=(..., n_mfcc, 1 + n // hop_length), float32 or float64], dB

    References
    ----------
    S. Davis and P. Mermelstein (1980), IEEE Trans. Acoust. Speech Signal Process. 28(4), 357-366.

    Examples
    --------
    >>> C = mfcc(np.zeros(8064), MelSpec(sr=8000))
    >>> C.shape, bool(np.allclose(C[0], -80.0 * 64**0.5)), bool(np.allclose(C[1:], 0.0))
    ((13, 64), True, True)
    """
    from scipy.fft import dct

    n_mfcc = check_integer(n_mfcc, name="n_mfcc", low=1, high=check_spec(spec).n_mels)
    return dct(log_mel(y, spec), type=2, norm="ortho", axis=-2)[..., :n_mfcc, :]
