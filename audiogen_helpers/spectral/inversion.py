"""From mel spectra back to sound: magnitudes that fit the mel values, and phases that fit the magnitudes.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.banded import bands_to_bins, multiply
from audiogen_helpers.spectral.mel import db_to_mel, magnitudes_to_mel, mel
from audiogen_helpers.spectral.settings import MelSpec, check_spec, filters
from audiogen_helpers.spectral.transforms import BLOCK, RoundTrip, check_length, check_shape, frames_to_signal, stft

__all__ = ["griffin_lim", "log_mel_to_audio", "mel_error", "mel_to_audio", "mel_to_magnitude", "spectral_convergence"]

_N_CORRECTIONS = 10
_N_CORRECTIONS_FIRST = 5  # before Griffin-Lim, which goes on correcting
_STEP = 1.5  # exponent of the corrections: longer steps settle sooner, up to here; at 2 they swing and never settle
_SMALLEST = 1e-5  # amplitudes this far below the loudest mel value of a clip count as silence
_MOMENTUM = 0.99

Refit = Callable[[np.ndarray], np.ndarray]


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
    >>> spec = MelSpec(sr=8000)
    >>> M = mel(np.random.default_rng(0).uniform(-1, 1, 8064), spec)
    >>> S = mel_to_magnitude(M, spec)
    >>> S.shape, bool(np.linalg.norm(filters(spec, S.dtype) @ S - M) < 0.01 * np.linalg.norm(M))
    ((257, 64), True)
    """
    spec = check_spec(spec)
    M = _check_spectrum(M, name="M", rows=spec.n_mels)
    clips = M.reshape(-1, *M.shape[-2:])
    S = np.empty((len(clips), M.shape[-1], spec.n_bins), dtype=M.dtype)
    for block in _blocks(clips, spec):
        wanted, peak = _peak_to_one(clips[block])
        S[block] = _magnitudes(wanted, spec, _N_CORRECTIONS) * peak ** (1.0 / spec.power)
    return S.reshape(*M.shape[:-2], *S.shape[1:]).swapaxes(-1, -2)


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
    >>> spec = MelSpec(sr=8000)
    >>> S = np.abs(stft(np.sin(2 * np.pi * 440.0 * np.arange(8064) / 8000), spec))
    >>> y = griffin_lim(S, spec, rng=0, length=8064)
    >>> y.shape, spectral_convergence(y, S, spec) < 0.1
    ((8064,), True)
    """
    spec = check_spec(spec)
    S = _check_spectrum(S, name="S", rows=spec.n_bins)
    momentum = check_number(momentum, name="momentum", low=0.0, high=1.0)
    n_iter, length, offsets = _check_run(n_iter, length, rng, S.shape[-1], spec)
    clips = S.reshape(-1, *S.shape[-2:])
    y = np.empty((len(clips), length), dtype=S.dtype)
    for block in _blocks(clips, spec):
        wanted, peak = _peak_to_one(clips[block])
        y[block] = _griffin_lim(wanted, spec, n_iter, momentum, offsets, length) * peak[:, 0]
    return y.reshape(*S.shape[:-2], length)


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
    Y. Masuyama, N. Ueno and N. Ono (2025), Mel-spectrogram inversion via alternating direction method of multipliers.

    Examples
    --------
    >>> spec = MelSpec(sr=8000)
    >>> M = mel(np.sin(2 * np.pi * 440.0 * np.arange(8064) / 8000), spec)
    >>> y = mel_to_audio(M, spec, rng=0, length=8064)
    >>> y.shape, mel_error(y, M, spec) < 0.05
    ((8064,), True)
    """
    spec = check_spec(spec)
    M = _check_spectrum(M, name="M", rows=spec.n_mels)
    n_iter, length, offsets = _check_run(n_iter, length, rng, M.shape[-1], spec)
    clips = M.reshape(-1, *M.shape[-2:])
    y = np.empty((len(clips), length), dtype=M.dtype)
    for block in _blocks(clips, spec):
        wanted, peak = _peak_to_one(clips[block])
        refit = partial(_correction, wanted=wanted, spec=spec)
        S = _magnitudes(wanted, spec, _N_CORRECTIONS_FIRST)
        y[block] = _griffin_lim(S, spec, n_iter, _MOMENTUM, offsets, length, refit) * peak[:, 0] ** (1.0 / spec.power)
    return y.reshape(*M.shape[:-2], length)


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


def _check_spectrum(array: Any, *, name: str, rows: int) -> np.ndarray:
    return check_shape(check_array(array, name=name, low=0.0), name=name, rows=rows)


def _check_run(n_iter: Any, length: Any, rng: Any, frames: int, spec: MelSpec) -> tuple[int, int, np.ndarray]:
    """Iterations, samples, and the starting phase of each bin in turns."""
    n_iter = check_integer(n_iter, name="n_iter", low=0)
    return n_iter, check_length(length, frames, spec), generator(rng).random(spec.n_bins)


def _blocks(clips: np.ndarray, spec: MelSpec) -> Iterator[slice]:
    """Slices of clips that are small enough to stay in the cache."""
    step = max(1, BLOCK // (clips.shape[-1] * spec.n_fft))
    return (slice(start, start + step) for start in range(0, len(clips), step))


def _peak_to_one(clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clips ``(clips, rows, frames)`` as ``(clips, frames, rows)``, each divided by its largest value, and those values.

    So the small constants of this module mean the same for quiet and loud clips.
    """
    peak = clips.max(axis=(1, 2), keepdims=True)
    peak[peak == 0.0] = 1.0
    return np.ascontiguousarray((clips / peak).swapaxes(1, 2)), peak


def _magnitudes(wanted: np.ndarray, spec: MelSpec, n_corrections: int) -> np.ndarray:
    """Magnitudes ``(clips, frames, bins)`` that fit mel values ``(clips, frames, bands)``."""
    flat = filters(spec, wanted.dtype).sum(axis=1)  # the mel values of magnitudes that are all 1
    S = multiply(wanted / flat, bands_to_bins(spec, wanted.dtype)) ** (1.0 / spec.power)
    for _ in range(n_corrections):
        S *= _correction(S, wanted, spec)
    return S


def _correction(S: np.ndarray, wanted: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Factors that bring the mel values of magnitudes `S` nearer to those wanted."""
    small = S.dtype.type(_SMALLEST**spec.power)
    lack = wanted + small
    lack /= magnitudes_to_mel(S, spec) + small
    lack **= _STEP / spec.power
    return multiply(lack, bands_to_bins(spec, S.dtype))


def _start(S: np.ndarray, spec: MelSpec, offsets: np.ndarray) -> np.ndarray:
    """Magnitudes with phases: each bin starts at its offset and turns at the frequency of the sound around it.

    That frequency is the centre of mass of seven bins, its distance from the bin doubled: bins beside a peak are drawn to
    the peak, as they are in the transform of a steady tone.
    """
    n_bins = S.shape[-1]
    around = np.pad(S, ((0, 0), (0, 0), (3, 3)))
    mass, moment = np.full_like(S, np.finfo(S.dtype).tiny), np.zeros_like(S)
    for away in range(-3, 4):
        near = around[..., 3 + away : 3 + away + n_bins]
        mass += near
        moment += away * near
    frequency = np.divide(moment, mass, out=moment)
    frequency *= 2.0
    frequency += np.arange(n_bins, dtype=S.dtype)
    turns = np.cumsum(frequency, axis=1, dtype=np.float64)
    turns *= spec.hop_length / spec.n_fft
    turns += offsets
    turns -= np.floor(turns)
    angle = (2.0 * np.pi * turns).astype(S.dtype)
    D = np.empty(S.shape, dtype=np.result_type(S.dtype, np.complex64))
    D.real, D.imag = np.cos(angle), np.sin(angle)
    D *= S
    return D


def _griffin_lim(
    S: np.ndarray, spec: MelSpec, n_iter: int, momentum: float, offsets: np.ndarray, length: int, refit: Refit | None = None
) -> np.ndarray:
    """A waveform ``(clips, length)`` for magnitudes ``(clips, frames, bins)``.

    `refit` gives the factors that bring magnitudes nearer to what is wanted. Without it, `S` is what is wanted.
    """
    round_trip = RoundTrip(S.shape, spec, length, S.dtype)
    back, full, small = (S.dtype.type(x) for x in (-momentum / (1.0 + momentum), 1.0 + momentum, 1e-20))
    D, size, before = _start(S, spec, offsets), np.empty_like(S), None
    for i in range(n_iter):
        now = round_trip(D)
        D = now.copy() if before is None else before  # this memory becomes now + momentum * (now - before)
        D *= back
        D += now  # ... divided by 1 + momentum, which only matters to refit
        np.abs(D, out=size)
        if refit is not None and i % 2:  # the other half of the iterations lets the phases follow
            S = size * full
            S *= refit(S)
        size += small
        D *= np.divide(S, size, out=size)
        before = now
    return frames_to_signal(D, spec, length)
