"""From mel spectra back to sound: magnitudes that fit the mel values, and phases that fit the magnitudes.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.mel import db_to_mel, mel
from audiogen_helpers.spectral.settings import MelSpec, check_spec, filters
from audiogen_helpers.spectral.transforms import (
    BLOCK,
    check_length,
    check_shape,
    frames_to_padded,
    frames_to_signal,
    padded_to_frames,
    stft,
    window_sum,
)

__all__ = ["griffin_lim", "log_mel_to_audio", "mel_error", "mel_to_audio", "mel_to_magnitude", "spectral_convergence"]

Refit = Callable[[np.ndarray], np.ndarray]

# Measured on spoken digits and on music, both as magnitudes and as energies: the error keeps falling up to an exponent
# of about 1.5 and explodes before 2; within Griffin-Lim, where the phases move too, 1.25 stays clear of that edge.
_STEP_ALONE, _STEP_WITH_PHASES = 1.5, 1.25
_N_CORRECTIONS = 10
_MOMENTUM = 0.99
_SMALLEST = 1e-5  # amplitudes this far below the loudest mel value of a clip are not told apart


def mel_to_magnitude(M: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Magnitudes whose mel spectrum is near `M`: non-negative, by ten multiplicative corrections.

    A mel spectrum has fewer bands than the magnitudes have bins, so many magnitudes fit it. This starts from the smooth
    ones (each bin takes the mean of its bands) and then multiplies each bin by the mean of what its bands still lack,
    wanted / found, to the power of 1.5: the method of Richardson and Lucy with longer steps.

    Parameters
    ----------
    M : np.ndarray [shape=(..., n_mels, frames)], >= 0
        Mel spectrum.
    spec : MelSpec
        Settings of `M`.

    Returns
    -------
    S : np.ndarray [shape=(..., n_bins, frames), float32 or float64], >= 0
        Magnitudes, also where ``spec.power`` is not 1. Bins that no band covers are 0.

    Raises
    ------
    ParameterError
        If `M` is negative, not finite, or has another number of bands.

    References
    ----------
    W. Richardson (1972), J. Opt. Soc. Am. 62(1), 55-59. L. Lucy (1974), Astron. J. 79, 745-754.

    Examples
    --------
    >>> spec = MelSpec(sr=8000)
    >>> M = mel(np.sin(2 * np.pi * 440.0 * np.arange(8064) / 8000), spec)
    >>> S = mel_to_magnitude(M, spec)
    >>> S.shape, bool(np.linalg.norm(filters(spec, S.dtype) @ S - M) < 0.05 * np.linalg.norm(M))
    ((257, 64), True)
    """
    M, peaks, spec = _normalised(M, spec)
    S = np.empty((len(M), M.shape[-1], spec.n_bins), dtype=M.dtype)
    for block in _blocks(M.shape, spec):
        S[block] = _magnitudes(M[block].swapaxes(1, 2), spec) * peaks[block, None]
    return S.swapaxes(1, 2).reshape(*peaks.batch, spec.n_bins, M.shape[-1])
