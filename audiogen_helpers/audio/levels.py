"""How loud a sound is (peak, RMS, loudness as the ear weighs it) and how to bring it to a wanted level.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_audio, check_number, check_sr
from audiogen_helpers.audio._checks import check_channels
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.units import db_to_gain, gain_to_db

__all__ = ["loudness", "normalize_loudness", "normalize_peak", "peak_db", "rms_db"]

# ITU-R BS.1770-4, tables 1 and 2: the two filters of the K-weighting at 48 kHz, as (b0, b1, b2), (1, a1, a2).
_SHELF_48K = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGHPASS_48K = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
_OFFSET = -0.691  # LU: cancels the gain of the filters at 997 Hz
_BLOCK = 0.4  # s; a new block starts every 0.1 s
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0  # LUFS, LU
_WEIGHTS = {5: (1.0, 1.0, 1.0, 1.41, 1.41), 6: (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)}  # L R C Ls Rs; L R C LFE Ls Rs
_MIN_SR = 4000


def peak_db(y: np.ndarray) -> float:
    """Level of the largest sample, dB re full scale; ``-inf`` for silence.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        One level for the whole array.

    Examples
    --------
    >>> peak_db(np.array([0.0, -0.1, 0.05]))
    -20.0
    """
    return float(gain_to_db(np.abs(check_audio(y)).max()))


def rms_db(y: np.ndarray) -> float:
    """Root-mean-square level, dB re 1; ``-inf`` for silence. A full-scale sine has -3.01 dB, a full-scale square wave 0.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        One level for the whole array.

    Examples
    --------
    >>> rms_db(np.array([0.1, -0.1]))
    -20.0
    """
    return float(gain_to_db(_rms(check_audio(y))))


def _rms(y: np.ndarray) -> float:
    """RMS in double precision, scaled by the peak so that no square overflows or vanishes."""
    peak = float(np.abs(y).max())
    return peak * float(np.sqrt(np.mean(np.square(y.astype(np.float64) / peak)))) if peak > 0.0 else 0.0


def loudness(y: np.ndarray, *, sr: int) -> float:
    """Integrated loudness after ITU-R BS.1770-4, LUFS: the ear hears bass less, treble more, and forgets the pauses.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (channels, n)]
        Two channels are left and right; five are L, R, C, Ls, Rs; six are L, R, C, LFE, Ls, Rs (the surround channels weigh
        1.41, the LFE nothing). Other numbers of channels all weigh 1.
    sr : int >= 4000
        Sample rate, Hz.

    Returns
    -------
    lufs : float
        ``-inf`` if all is below -70 LUFS. A full-scale sine of 997 Hz in one channel has -3.01.

    Notes
    -----
    The standard gives its filters for 48 kHz; for other rates they are transformed (bilinear, exact at each filter's corner
    frequency). It says nothing of sounds shorter than one block of 0.4 s: they count as one block of their own length.

    Raises
    ------
    ParameterError
        If `y` is not finite, has no samples, or `sr` is below 4000.

    References
    ----------
    ITU-R BS.1770-4 (2015), Algorithms to measure audio programme loudness and true-peak audio level.

    Examples
    --------
    >>> t = np.arange(48000) / 48000
    >>> round(loudness(np.sin(2 * np.pi * 997 * t), sr=48000), 2)
    -3.01
    """
    y, sr = check_channels(y), check_sr(sr)
    if sr < _MIN_SR:
        raise ParameterError(f"sr must be >= {_MIN_SR} for loudness; received {sr}")
    powers = _block_powers(_k_weighted(np.atleast_2d(y), sr=sr), sr=sr)
    weighted = np.asarray(_WEIGHTS.get(len(powers), np.ones(len(powers)))) @ powers
    return _gated(weighted)


def _k_weighted(y: np.ndarray, *, sr: int) -> np.ndarray:
    from scipy.signal import lfilter

    for b, a in (_SHELF_48K, _HIGHPASS_48K):
        y = lfilter(*_at_rate(b, a, sr=sr), y.astype(np.float64), axis=-1)
    return y


def _at_rate(b: tuple[float, ...], a: tuple[float, ...], *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """A second-order filter given for 48 kHz, at another rate, with the same analogue prototype.

    The bilinear transform sets :math:`z^{-1} = (1 - s) / (1 + s)` with :math:`s = j tan(pi f / sr)`. Undoing it gives a
    polynomial in s, whose denominator :math:`A_0 + A_1 s + A_2 s^2` has its corner where :math:`|s| = sqrt(A_0 / A_2)`. Stretching s
    so that the corner frequency stays, and transforming again, gives the filter at the new rate.
    """
    numerator, denominator = _swap_plane(b), _swap_plane(a)
    corner = np.sqrt(denominator[0] / denominator[2])
    stretch = (corner / np.tan(np.arctan(corner) * 48000.0 / sr)) ** np.arange(3)
    new_b, new_a = _swap_plane(numerator * stretch), _swap_plane(denominator * stretch)
    return new_b / new_a[0], new_a / new_a[0]


def _swap_plane(c: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Coefficients of :math:`c_0 (1+x)^2 + c_1 (1+x)(1-x) + c_2 (1-x)^2`, lowest first: from z to s, and (but for a factor) back."""
    c0, c1, c2 = c
    return np.array([c0 + c1 + c2, 2.0 * (c0 - c2), c0 - c1 + c2])


def _block_powers(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Mean square of each channel in each block, shape (channels, blocks)."""
    length = y.shape[-1]
    size = min(round(_BLOCK * sr), length)
    starts = (np.arange(1 + 10 * (length - size) // sr) * sr + 5) // 10  # every tenth of a second, to the nearest sample
    starts = starts[starts + size <= length]
    sums = np.concatenate([np.zeros((len(y), 1)), np.cumsum(np.square(y), axis=-1)], axis=-1)
    return (sums[:, starts + size] - sums[:, starts]) / size


def _gated(powers: np.ndarray) -> float:
    """Loudness of the mean power of the blocks that are not pauses: first those below -70 LUFS go, then those 10 LU below the rest."""
    for gate in (_ABSOLUTE_GATE, None):
        threshold = _to_lufs(powers.mean()) + _RELATIVE_GATE if gate is None else gate
        powers = powers[_to_lufs(powers) > threshold]
        if not len(powers):
            return -np.inf
    return float(_to_lufs(powers.mean()))


def _to_lufs(power: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return _OFFSET + 10.0 * np.log10(np.maximum(power, 0.0))


def normalize_peak(y: np.ndarray, *, peak_db: float = -1.0) -> np.ndarray:
    """Scale so that the largest sample has the level `peak_db`. Silence stays silence.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        All channels get the same gain.
    peak_db : float <= 0
        dB re full scale.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If `y` is not finite or has no samples, or `peak_db` is above 0.

    Examples
    --------
    >>> normalize_peak(np.array([0.0, 0.25, -0.5]), peak_db=0.0)
    array([ 0. ,  0.5, -1. ])
    """
    y = check_audio(y)
    target = float(db_to_gain(check_number(peak_db, name="peak_db", high=0.0)))
    peak = float(np.abs(y).max())
    # Divide first: target / peak overflows for the very smallest peaks.
    return (y / y.dtype.type(peak)) * y.dtype.type(target) if peak > 0.0 else y.copy()


def normalize_loudness(y: np.ndarray, *, sr: int, lufs: float = -23.0, max_peak_db: float = -1.0) -> np.ndarray:
    """Scale to a loudness, so that clips sound equally loud. Silence stays silence.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (channels, n)]
        All channels get the same gain.
    sr : int >= 4000
        Sample rate, Hz.
    lufs : float in [-70, 0]
        Wanted loudness (:func:`loudness`). -23 is the target of European broadcasting (EBU R 128).
    max_peak_db : float <= 0
        The gain stops where the largest sample reaches this level, so that nothing clips: a clip with high peaks then stays
        softer than `lufs`.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        Unchanged if its loudness is ``-inf``: there is nothing above the gate to go by.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> round(loudness(normalize_loudness(y, sr=16000), sr=16000), 6)
    -23.0
    """
    y = check_channels(y)
    lufs = check_number(lufs, name="lufs", low=_ABSOLUTE_GATE, high=0.0)
    limit = check_number(max_peak_db, name="max_peak_db", high=0.0)
    now = loudness(y, sr=sr)
    if now == -np.inf:
        return y.copy()
    gain_db = min(lufs - now, limit - peak_db(y))
    return y * y.dtype.type(db_to_gain(gain_db))
