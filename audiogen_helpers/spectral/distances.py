"""How far a waveform is from a spectrum that it was to have."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.mel import mel
from audiogen_helpers.spectral.settings import MelSpec
from audiogen_helpers.spectral.transforms import stft

__all__ = ["mel_error", "spectral_convergence"]


def mel_error(y: np.ndarray, M: np.ndarray, spec: MelSpec) -> Any:
    """Distance of a waveform's mel spectrum from `M`, relative to `M`: ``||mel(y) - M|| / ||M||`` for each clip.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    M : np.ndarray [shape=(..., n_mels, 1 + n // hop_length)]
        Mel spectrum.
    spec : MelSpec
        Settings of `M`.

    Returns
    -------
    error : float or np.ndarray [shape=(...)], >= 0
        0 is a perfect fit, 1 what silence gives, ``inf`` what sound in place of silence gives.

    Raises
    ------
    ParameterError
        If `y` has another number of clips or frames than `M`.

    Examples
    --------
    >>> mel_error(np.zeros(8064), np.ones((64, 64)), MelSpec(sr=8000))
    1.0
    """
    return _relative(mel(y, spec), check_array(M, name="M"), name="M")


def spectral_convergence(y: np.ndarray, S: np.ndarray, spec: MelSpec) -> Any:
    """Distance of a waveform's magnitudes from `S`, relative to `S`: ``|| |stft(y)| - S || / ||S||`` for each clip.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    S : np.ndarray [shape=(..., n_bins, 1 + n // hop_length)]
        Magnitudes.
    spec : MelSpec
        Settings of `S`.

    Returns
    -------
    error : float or np.ndarray [shape=(...)], >= 0
        As for :func:`mel_error`.

    Raises
    ------
    ParameterError
        If `y` has another number of clips or frames than `S`.

    Examples
    --------
    >>> spectral_convergence(np.zeros(8064), np.ones((257, 64)), MelSpec(sr=8000))
    1.0
    """
    return _relative(np.abs(stft(y, spec)), check_array(S, name="S"), name="S")


def _relative(found: np.ndarray, wanted: np.ndarray, *, name: str) -> Any:
    if found.shape != wanted.shape:
        raise ParameterError(f"{name} must have the shape of the spectrum of y, {found.shape}; received shape {wanted.shape}")
    error, norm = (np.linalg.norm(x.astype(np.float64), axis=(-2, -1)) for x in (found - wanted, wanted))
    ratio = np.divide(error, norm, out=np.where(error > 0.0, np.inf, 0.0), where=norm > 0.0)
    return float(ratio) if ratio.ndim == 0 else ratio
