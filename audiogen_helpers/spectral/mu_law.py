"""Mu-law companding: a waveform as a few hundred whole numbers, fine near zero and coarse near full scale."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_audio, check_integer, show
from audiogen_helpers.errors import ParameterError

__all__ = ["mu_law_decode", "mu_law_encode"]


def mu_law_encode(y: np.ndarray, *, n_bits: int = 8) -> np.ndarray:
    r"""Samples as whole numbers from 0 to :math:`\\mu = 2^{n\\_bits} - 1`, on the scale
    :math:`\\operatorname{sign}(y) \\ln(1 + \\mu |y|) / \\ln(1 + \\mu)`.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)], ``|y| <= 1``
        Waveform.
    n_bits : int, 2 to 16
        Bits per sample.

    Returns
    -------
    codes : np.ndarray [shape=(..., n), int32]
        0 for -1, ``2 ** n_bits - 1`` for 1. Zero lies halfway between two codes and takes the upper one, ``2 ** (n_bits - 1)``.

    Raises
    ------
    ParameterError
        If a sample is beyond full scale, or `n_bits` out of range.

    References
    ----------
    ITU-T G.711 (1988); A. van den Oord et al. (2016), WaveNet, arXiv:1609.03499, section 2.2.

    Examples
    --------
    >>> mu_law_encode(np.array([-1.0, -0.01, 0.0, 0.01, 1.0]))
    array([  0,  98, 128, 157, 255], dtype=int32)
    """
    mu = 2 ** check_integer(n_bits, name="n_bits", low=2, high=16) - 1
    y = check_array(check_audio(y), name="y", low=-1.0, high=1.0).astype(np.float64)
    bent = np.sign(y) * np.log1p(mu * np.abs(y)) / np.log1p(mu)
    return np.floor((bent + 1.0) * (mu / 2.0) + 0.5).astype(np.int32)


def mu_law_decode(codes: np.ndarray, *, n_bits: int = 8) -> np.ndarray:
    """Samples of the whole numbers that :func:`mu_law_encode` gave.

    Parameters
    ----------
    codes : np.ndarray [shape=(..., n), int], 0 to ``2 ** n_bits - 1``
        Encoded waveform.
    n_bits : int, 2 to 16
        Bits per sample.

    Returns
    -------
    y : np.ndarray [shape=(..., n), float32], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If `codes` are not whole numbers in range.

    Examples
    --------
    >>> mu_law_decode(np.array([0, 98, 157, 255])).round(3)
    array([-1.  , -0.01,  0.01,  1.  ], dtype=float32)
    """
    mu = 2 ** check_integer(n_bits, name="n_bits", low=2, high=16) - 1
    codes = np.asarray(codes)
    if codes.dtype.kind not in "iu":
        raise ParameterError(f"codes must be whole numbers; received {show(codes)}")
    bent = check_array(codes, name="codes", low=0, high=mu) * (2.0 / mu) - 1.0
    return (np.sign(bent) * np.expm1(np.abs(bent) * np.log1p(mu)) / mu).astype(np.float32)
