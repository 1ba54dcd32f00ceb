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
from audiogen_helpers.spectral.settings import MelSpec, check_spec
from audiogen_helpers.spectral.transforms import RoundTrip, check_length, frames_to_signal

__all__ = ["griffin_lim", "log_mel_to_audio", "mel_to_audio"]

_MOMENTUM = 0.99
_N_CORRECTIONS_FIRST = 3  # before Griffin-Lim, which goes on correcting

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
    The phases start from a random one per bin that turns at the frequency of the spectrum around the bin.

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

    :func:`mel_to_magnitude`, then :func:`griffin_lim`, with one difference: the magnitudes are not fixed, because `M`
    does not fix them. Every second iteration takes those of its own waveform, corrected by what their mel spectrum lacks.
    So the waveform is free to find, among all magnitudes that fit, some that a sound can have.

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
        refit, S = None, wanted
        if is_mel:
            refit = partial(correction, wanted=wanted, spec=spec)
            S, peak = fit_magnitudes(wanted, spec, _N_CORRECTIONS_FIRST), peak ** (1.0 / spec.power)
        D = _griffin_lim(S, _start_phases(S, spec, offsets), round_trip, n_iter, momentum, refit)
        y[part] = frames_to_signal(D, spec, length) * peak[:, 0]
    return y.reshape(*X.shape[:-2], length)


def _start_phases(S: np.ndarray, spec: MelSpec, offsets: np.ndarray) -> np.ndarray:
    """Magnitudes with phases: each bin starts at its offset and turns at the frequency of the sound around it.

    That frequency is the centre of energy of five bins: the bins beside a peak turn with the peak, as they do in the
    transform of a steady tone.
    """
    n_bins = S.shape[-1]
    around = np.pad(S * S, ((0, 0), (0, 0), (2, 2)))
    energy, moment = np.full_like(S, np.finfo(S.dtype).tiny), np.zeros_like(S)
    for away in range(-2, 3):
        near = around[..., 2 + away : 2 + away + n_bins]
        energy += near
        moment += away * near
    turns = np.divide(moment, energy, out=moment)  # of each bin from one frame to the next
    turns += np.arange(n_bins, dtype=S.dtype)
    turns *= spec.hop_length / spec.n_fft
    turns -= np.floor(turns)  # so that the sum over many frames stays exact
    angle = np.cumsum(turns, axis=1)
    angle += offsets.astype(S.dtype)
    angle -= np.floor(angle)
    angle *= 2.0 * np.pi
    D = np.empty(S.shape, dtype=np.result_type(S.dtype, np.complex64))
    D.real, D.imag = np.cos(angle), np.sin(angle)
    D *= S
    return D


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
        if refit is not None and i % 2:  # the other half of the iterations lets the phases follow
            S = size * full
            S *= refit(S)
        size += small
        D *= np.divide(S, size, out=size)
        before = now
    return D
