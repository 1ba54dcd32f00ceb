"""From mel spectra back to sound: phases that fit the magnitudes, and magnitudes that a sound can have.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_integer, check_number
from audiogen_helpers.spectral.magnitudes import blocks, check_spectrum, correction, fit_magnitudes, peak_to_one
from audiogen_helpers.spectral.mel import db_to_mel
from audiogen_helpers.spectral.phases import put_together, turns_by_centre, turns_by_slope, with_phases
from audiogen_helpers.spectral.settings import MelSpec, check_spec
from audiogen_helpers.spectral.transforms import RoundTrip, check_length, frames_to_signal

__all__ = ["griffin_lim", "log_mel_to_audio", "mel_to_audio"]

_MOMENTUM = 0.99
_N_CORRECTIONS_FIRST = 3  # before Griffin-Lim, which goes on correcting
_N_CORRECTIONS_AGAIN = 2  # of the magnitudes of the partials
_N_BEFORE_PARTIALS = 2  # iterations; the partials need a pitch to follow
_LOW_HZ, _LOW_WIDTH = 1500.0, 400.0  # end of the part whose partials mel bands tell apart, and the width of the way out of it
_OWN = 0.03  # share of its own phases that the high part keeps

# From magnitudes (clips, frames, bins) to the factors that bring them nearer to those wanted.
Refit = Callable[[np.ndarray], np.ndarray]


def griffin_lim(
    S: np.ndarray,
    spec: MelSpec,
    *,
    n_iter: int = 32,
    momentum: float = _MOMENTUM,
    rng: RNGLike = None,
    length: int | None = None,
) -> np.ndarray:
    """A waveform whose magnitudes are near `S`, by the fast method of Griffin and Lim.

    Each iteration makes a waveform of the magnitudes and the present phases, transforms it back and keeps the phases.
    They start from what the magnitudes tell of them (:func:`audiogen_helpers.spectral.phases.pghi`).

    Parameters
    ----------
    S : np.ndarray [shape=(..., n_bins, frames)], >= 0
        Magnitudes.
    spec : MelSpec
        Settings of `S`.
    n_iter : int >= 0
        Iterations.
    momentum : float, 0 to 1
        How far to go on in the direction of the last change. 0 is the method of 1984.
    rng : int, Generator or None
        Seed of the starting phases. All clips of a batch start alike, so a clip sounds the same alone and among others.
    length : int >= 1, optional
        Samples; ``hop_length * (frames - 1)`` where it is not given.

    Returns
    -------
    y : np.ndarray [shape=(..., length), float32 or float64]

    Raises
    ------
    ParameterError
        If `S` is negative, not finite, or has another number of bins, or another argument is out of range.

    References
    ----------
    D. Griffin and J. Lim (1984), IEEE Trans. Acoust. Speech Signal Process. 32(2), 236-243.
    N. Perraudin, P. Balazs and P. Sondergaard (2013), A fast Griffin-Lim algorithm, IEEE WASPAA.
    Z. Prusa, P. Balazs and P. Sondergaard (2017), IEEE/ACM Trans. Audio Speech Lang. Process. 25(5), 1154-1164 (the start).

    Examples
    --------
    >>> from audiogen_helpers.spectral import spectral_convergence, stft
    >>> spec = MelSpec(sr=8000)
    >>> S = np.abs(stft(np.sin(2 * np.pi * 440.0 * np.arange(8064) / 8000), spec))
    >>> y = griffin_lim(S, spec, rng=0, length=8064)
    >>> y.shape, spectral_convergence(y, S, spec) < 0.1
    ((8064,), True)
    """
    spec = check_spec(spec)
    S = check_spectrum(S, name="S", rows=spec.n_bins)
    momentum = check_number(momentum, name="momentum", low=0.0, high=1.0)
    return _invert(S, spec, is_mel=False, n_iter=n_iter, momentum=momentum, rng=rng, length=length)


def mel_to_audio(M: np.ndarray, spec: MelSpec, *, n_iter: int = 32, rng: RNGLike = None, length: int | None = None) -> np.ndarray:
    """A waveform whose mel spectrum is near `M`.

    :func:`mel_to_magnitude`, then :func:`griffin_lim`, with three differences, all because `M` does not fix the magnitudes.
    Every second iteration takes those of its own waveform, corrected by what their mel spectrum lacks: the waveform is free to
    find, among all magnitudes that fit, some that a sound can have. The phases start from frequencies that are centres of energy,
    because the peaks of a mel spectrum are too wide for slopes. After two iterations the bands above 1.5 kHz, too wide to show
    the partials of a voice, are given those that the low part of the sound has when its negative half is cut off.

    Parameters
    ----------
    M : np.ndarray [shape=(..., n_mels, frames)], >= 0
        Mel spectrum.
    spec : MelSpec
        Settings of `M`.
    n_iter : int >= 0
        Iterations.
    rng : int, Generator or None
        Seed of the starting phases. All clips of a batch start alike, so a clip sounds the same alone and among others.
    length : int >= 1, optional
        Samples; ``hop_length * (frames - 1)`` where it is not given.

    Returns
    -------
    y : np.ndarray [shape=(..., length), float32 or float64]
        Silence for silence.

    Raises
    ------
    ParameterError
        If `M` is negative, not finite, or has another number of bands, or another argument is out of range.

    References
    ----------
    Y. Masuyama, N. Ueno and N. Ono (2025), Mel-spectrogram inversion via alternating direction method of
    multipliers, arXiv:2501.05557 (the same freedom, another algorithm).
    J. Makhoul and M. Berouti (1979), High-frequency regeneration in speech coding systems, IEEE ICASSP, 428-431 (the partials).

    Examples
    --------
    >>> from audiogen_helpers.spectral import mel, mel_error
    >>> spec = MelSpec(sr=8000)
    >>> M = mel(np.sin(2 * np.pi * 440.0 * np.arange(8064) / 8000), spec)
    >>> y = mel_to_audio(M, spec, rng=0, length=8064)
    >>> y.shape, mel_error(y, M, spec) < 0.05
    ((8064,), True)
    """
    spec = check_spec(spec)
    M = check_spectrum(M, name="M", rows=spec.n_mels)
    return _invert(M, spec, is_mel=True, n_iter=n_iter, momentum=_MOMENTUM, rng=rng, length=length)


def log_mel_to_audio(L: np.ndarray, spec: MelSpec, *, n_iter: int = 32, rng: RNGLike = None, length: int | None = None) -> np.ndarray:
    """A waveform whose mel spectrum in decibels is near `L`; values at the floor or below it are taken as silence.

    Parameters
    ----------
    L : np.ndarray [shape=(..., n_mels, frames)]
        dB relative to a full-scale sine, from :func:`log_mel`.
    spec : MelSpec
        Settings of `L`.
    n_iter, rng, length
        See :func:`mel_to_audio`.

    Returns
    -------
    y : np.ndarray [shape=(..., length), float32 or float64]

    Raises
    ------
    ParameterError
        If `L` is not finite or has another number of bands, or another argument is out of range.

    Examples
    --------
    >>> spec = MelSpec(sr=8000)
    >>> bool(log_mel_to_audio(np.full((64, 10), -80.0), spec).any())
    False
    """
    M = db_to_mel(L, spec)
    M[np.asarray(L) <= spec.floor_db + 1e-3] = 0.0
    return mel_to_audio(M, spec, n_iter=n_iter, rng=rng, length=length)


def _invert(X: np.ndarray, spec: MelSpec, *, is_mel: bool, n_iter: int, momentum: float, rng: RNGLike, length: int | None) -> np.ndarray:
    """Waveforms ``(..., length)`` of magnitudes ``(..., n_bins, frames)`` or of mel values ``(..., n_mels, frames)``."""
    n_iter = check_integer(n_iter, name="n_iter", low=0)
    length = check_length(length, X.shape[-1], spec)
    offsets = generator(rng).random(spec.n_bins)  # one for all clips: a clip sounds the same alone and among others
    clips = X.reshape(-1, *X.shape[-2:])
    parts = blocks(clips, spec)
    round_trip = RoundTrip(parts[0].stop, X.shape[-1], spec, length, X.dtype)
    y = np.empty((len(clips), length), dtype=X.dtype)
    for part in parts:
        wanted, peak = peak_to_one(clips[part])
        if is_mel:
            D, peak = _from_mel(wanted, spec, offsets, round_trip, n_iter, momentum), peak ** (1.0 / spec.power)
        else:
            phases = put_together(wanted, turns_by_slope(wanted, spec), spec, offsets)
            D = _griffin_lim(wanted, with_phases(wanted, phases), round_trip, n_iter, momentum, None)
        y[part] = frames_to_signal(D, spec, length) * peak[:, 0]
    return y.reshape(*X.shape[:-2], length)


def _from_mel(wanted: np.ndarray, spec: MelSpec, offsets: np.ndarray, round_trip: RoundTrip, n_iter: int, momentum: float) -> np.ndarray:
    """Spectrum ``(clips, frames, bins)`` of mel values ``(clips, frames, bands)``."""
    refit = partial(correction, wanted=wanted, spec=spec)
    S = fit_magnitudes(wanted, spec, _N_CORRECTIONS_FIRST)
    D = with_phases(S, put_together(S, turns_by_centre(S, spec), spec, offsets))
    first = min(n_iter, _N_BEFORE_PARTIALS)
    D = _griffin_lim(S, D, round_trip, first, momentum, refit)
    if n_iter > first:
        D = _with_partials(D, wanted, spec, round_trip)
        D = _griffin_lim(np.abs(D), D, round_trip, n_iter - first, momentum, refit)
    return D


def _with_partials(D: np.ndarray, wanted: np.ndarray, spec: MelSpec, round_trip: RoundTrip) -> np.ndarray:
    """The spectrum with the partials that its high bands lack.

    A mel spectrum shows the partials of a voice up to 1 or 2 kHz; its higher bands are wider than the distance between them.
    The low part of the sound, with its negative half cut off, has partials everywhere: at multiples of the pitch if there is
    one, noise if there is none. The high part takes its phases and fine structure, and keeps its own mel values.
    """
    f = np.arange(spec.n_bins) * (spec.sr / spec.n_fft)
    low = np.clip((_LOW_HZ - f) / _LOW_WIDTH + 0.5, 0.0, 1.0).astype(wanted.dtype)
    if low[-1] == 1.0:
        return D
    rich = round_trip(D * low, lowest=0.0)
    rich += wanted.dtype.type(_OWN) * D  # for frames without a low part
    size = np.abs(rich)
    size += wanted.dtype.type(1e-4) * size.max(axis=2, keepdims=True) + wanted.dtype.type(1e-6)
    rich /= size
    rich *= fit_magnitudes(wanted, spec, _N_CORRECTIONS_AGAIN, like=size)
    rich -= D
    rich *= 1.0 - low
    return D + rich


def _griffin_lim(S: np.ndarray, D: np.ndarray, round_trip: RoundTrip, n_iter: int, momentum: float, refit: Refit | None) -> np.ndarray:
    """Magnitudes `S` with phases that fit, from the phases of `D`. With `refit`, `S` is only where the magnitudes start."""
    back, full, small = (S.dtype.type(x) for x in (-momentum / (1.0 + momentum), 1.0 + momentum, 1e-20))
    size, before = np.empty_like(S), None
    for i in range(n_iter):
        now = round_trip(D)
        D = now.copy() if before is None else before  # this memory becomes now + momentum * (now - before) ...
        D *= back
        D += now  # ... divided by 1 + momentum, which matters to refit only
        np.abs(D, out=size)
        if refit is not None and i % 2 == 0:  # the other half of the iterations lets the phases follow
            S = size * full
            S *= refit(S)
        size += small
        D *= np.divide(S, size, out=size)
        before = now
    return D
