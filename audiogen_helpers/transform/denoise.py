"""Removing steady noise: a gate for each frequency, open where the sound stands out of the noise.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_audio, check_integer, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.spectral import MelSpec, istft, stft
from audiogen_helpers.units import db_to_gain

__all__ = ["ENTRIES", "spectral_gate"]

_FRAME = 0.05  # s: a few periods of the lowest voice
_QUIET = 0.1  # share of the frames that stand for the noise where no noise clip is given
_STEEPNESS = 4  # of the vote of one cell: 1 / (1 + ratio ** 4) goes from 10 % to 90 % within 4.8 dB
_BINS, _FRAMES = 3, 5  # neighbourhood of a cell, itself in the middle
_CLOSED, _OPEN = 0.25, 0.6  # share of the votes up to which a gate is closed, and from which it is open


def spectral_gate(
    y: np.ndarray,
    *,
    sr: int,
    noise: np.ndarray | None = None,
    threshold_db: float = 7.0,
    reduction_db: float = 30.0,
    n_fft: int | None = None,
    hop_length: int | None = None,
) -> np.ndarray:
    """Remove steady noise (hiss, hum, fans) by turning down each cell of the spectrogram that holds no more than noise.

    The noise profile is the mean power of the noise at each frequency. A cell votes "sound" if its power exceeds the profile by
    `threshold_db`; noise alone does so too, but in single cells, while sound comes in patches. So the gate of a cell follows the
    share of its 3 x 5 neighbours (frequency x time) that vote "sound": closed up to 25 %, open from 60 % on.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform; each channel is treated on its own.
    sr : int > 0
        Sample rate, Hz.
    noise : np.ndarray [shape=(m,), or (..., m) with the channels of `y`], optional
        Noise alone, from the same recording, at least ``n_fft + hop_length`` samples. If it is not given, the quietest tenth of
        the frames of `y` stands for it: `y` then needs pauses, or its own soft parts are taken for noise.
    threshold_db : float
        How far above the noise a cell must be, dB. Higher removes more noise and more of the sound.
    reduction_db : float >= 0
        How far closed gates turn down, dB; 0 changes nothing.
    n_fft, hop_length : int, optional
        Frame and step of the transform, samples. The power of two nearest to 50 ms, and a quarter of it, if not given.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        Silence stays silence. Where the profile is zero (digital silence in the pauses) nothing is changed.

    Raises
    ------
    ParameterError
        If an argument is out of range, or there are too few samples to learn the noise from.

    References
    ----------
    S. F. Boll (1979), Suppression of acoustic noise in speech using spectral subtraction, IEEE Trans. Acoust. Speech Signal
    Process. 27(2), 113-120: the profile. The vote of the neighbours is one of many remedies for what that paper calls residual noise.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 8000) * (np.arange(16000) > 8000)
    >>> noise = 0.1 * rng.standard_normal(16000)
    >>> left = spectral_gate(tone + noise, sr=8000) - tone
    >>> round(float(10 * np.log10(np.mean(noise**2) / np.mean(left**2))))  # dB less noise
    17
    """
    y, sr = check_audio(y), check_sr(sr)
    threshold = float(db_to_gain(check_number(threshold_db, name="threshold_db"))) ** 2
    floor = float(db_to_gain(-check_number(reduction_db, name="reduction_db", low=0.0)))
    spec = _spec(sr, n_fft, hop_length)
    if noise is not None:
        noise = check_audio(noise, name="noise")
        if noise.ndim > 1 and noise.shape[:-1] != y.shape[:-1]:
            raise ParameterError(f"noise must be mono or have the channels of y, shape {y.shape}; received {noise.shape}")
    peak = float(np.abs(y).max())
    if peak == 0.0:
        return y.copy()
    D = stft(y.astype(np.float64) / peak, spec)  # scaled, so that no square overflows
    profile = _noise_profile(D, y.shape[-1], spec, name="y", share=_QUIET) if noise is None else _profile_of(noise, spec, peak=peak)
    gate = _gate(np.square(np.abs(D)), profile * threshold)
    clean = istft(D * (floor + (1.0 - floor) * gate), spec, length=y.shape[-1])
    return (clean * peak).astype(y.dtype)


def _spec(sr: int, n_fft: int | None, hop_length: int | None) -> MelSpec:
    if n_fft is None:
        n_fft = max(16, 2 ** round(np.log2(_FRAME * sr)))
    n_fft = check_integer(n_fft, name="n_fft", low=4)
    return MelSpec(sr=sr, n_fft=n_fft, hop_length=n_fft // 4 if hop_length is None else hop_length, n_mels=1)


def _profile_of(noise: np.ndarray, spec: MelSpec, *, peak: float) -> np.ndarray:
    return _noise_profile(stft(noise.astype(np.float64) / peak, spec), noise.shape[-1], spec, name="noise", share=1.0)


def _noise_profile(D: np.ndarray, length: int, spec: MelSpec, *, name: str, share: float) -> np.ndarray:
    """Mean power of each bin over the quietest `share` of the frames, shape (..., bins, 1); frames that reach over an edge do not count."""
    if length < spec.n_fft + spec.hop_length:
        raise ParameterError(f"{name} must have at least {spec.n_fft + spec.hop_length} samples to learn the noise from; received {length}")
    half = spec.n_fft // 2
    power = np.square(np.abs(D[..., -(-half // spec.hop_length) : (length - half) // spec.hop_length + 1]))
    n_quiet = max(1, round(share * power.shape[-1]))
    quietest = np.argsort(power.sum(axis=-2, keepdims=True), axis=-1, kind="stable")[..., :n_quiet]
    return np.take_along_axis(power, quietest, axis=-1).mean(axis=-1, keepdims=True)


def _gate(power: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """From 0 (closed) to 1 (open) for each cell, from the votes of its neighbours."""
    from scipy.ndimage import uniform_filter1d

    with np.errstate(divide="ignore", over="ignore"):
        ratio = np.divide(limit, power, out=np.zeros_like(power), where=limit > 0.0)
        votes = 1.0 / (1.0 + ratio**_STEEPNESS)
    share = uniform_filter1d(uniform_filter1d(votes, _BINS, axis=-2, mode="nearest"), _FRAMES, axis=-1, mode="nearest")
    return np.clip((share - _CLOSED) / (_OPEN - _CLOSED), 0.0, 1.0)


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="spectral-gate",
        summary="Turn down the cells of the spectrogram that hold no more than steady noise.",
        target="audiogen_helpers.transform.denoise:spectral_gate",
        parameters=(
            Parameter(name="threshold_db", default=7.0, unit="dB", low=-20.0, high=40.0, help="How far above the noise sound must be."),
            Parameter(name="reduction_db", default=30.0, unit="dB", low=0.0, high=120.0, help="How far noise is turned down."),
        ),
        extra={"second": "noise"},
    ),
)
