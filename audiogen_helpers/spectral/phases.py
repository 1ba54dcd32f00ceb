"""Phases that belong to magnitudes: what the slopes of a spectrum tell of them, put together from the loudest bin outwards.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_number
from audiogen_helpers.spectral.magnitudes import check_spectrum
from audiogen_helpers.spectral.settings import MelSpec, check_spec

__all__ = [
    "HANN",
    "integrate",
    "log_magnitudes",
    "pghi",
    "put_together",
    "slopes_over_frequency",
    "turns_by_centre",
    "turns_by_slope",
    "with_phases",
]

# Inside this module phases count in turns (1 is a full circle), at the middle of a frame, and arrays are (clips, frames, bins).

HANN = 0.25645  # the Gaussian exp(-pi t^2 / gamma) that is most like a Hann window of n samples has gamma = HANN * n^2
_TOLERANCE = 1e-3
_FAINTEST = 1e-9  # of the loudest bin: no logarithm of 0


def pghi(S: np.ndarray, spec: MelSpec, *, tolerance: float = _TOLERANCE, rng: RNGLike = None) -> np.ndarray:
    r"""Phases of magnitudes by phase-gradient heap integration: no iteration, no transform.

    Under a Gaussian window the phase is known from the magnitude, up to a constant: how fast it turns with time is the slope of
    the log-magnitude over frequency, and the reverse. A Hann window is nearly one. The slopes are summed along a path that
    leaves each bin for its neighbours, the loudest first, so that errors of faint bins stay there.

    Parameters
    ----------
    S : np.ndarray [shape=(..., n_bins, frames)], >= 0
        Magnitudes, as of :func:`stft`.
    spec : MelSpec
        Settings of `S`.
    tolerance : float in (0, 1)
        Bins below this share of a clip's loudest are not worth a path: they turn at their own frequency from a random phase.
    rng : int, Generator or None
        Seed of the phases that nothing determines: of faint bins, and of the loudest bin of each island.

    Returns
    -------
    phases : np.ndarray [shape=(..., n_bins, frames), float32 or float64], radians, 0 to 2 pi
        ``S * np.exp(1j * phases)`` is what :func:`istft` takes.

    Raises
    ------
    ParameterError
        If `S` is negative, not finite, or has another number of bins, or `tolerance` is out of range.

    References
    ----------
    Z. Prusa, P. Balazs and P. Sondergaard (2017), A noniterative method for reconstruction of phase from STFT magnitude,
    IEEE/ACM Trans. Audio Speech Lang. Process. 25(5), 1154-1164.

    Examples
    --------
    >>> from audiogen_helpers.spectral import istft, spectral_convergence, stft
    >>> spec = MelSpec(sr=8000, hop_length=64)
    >>> t = np.arange(8000) / 8000
    >>> S = np.abs(stft(np.sin(2 * np.pi * (300 * t + 500 * t**2)), spec))
    >>> y = istft(S * np.exp(1j * pghi(S, spec, rng=0)), spec, length=8000)
    >>> spectral_convergence(y, S, spec) < 0.1
    True
    """
    spec = check_spec(spec)
    S = check_spectrum(S, name="S", rows=spec.n_bins)
    tolerance = check_number(tolerance, name="tolerance", above=0.0, below=1.0)
    offsets = generator(rng).random(spec.n_bins)
    clips = np.ascontiguousarray(S.reshape(-1, *S.shape[-2:]).swapaxes(1, 2))
    phases = put_together(clips, turns_by_slope(clips, spec), spec, offsets, tolerance=tolerance)
    phases += 0.5 * (np.arange(spec.n_bins) % 2)  # from the middle of the frame, where they were reckoned, to its first sample
    phases -= np.floor(phases)
    phases *= 2.0 * np.pi
    return phases.swapaxes(1, 2).reshape(S.shape)


def put_together(S: np.ndarray, turns: np.ndarray, spec: MelSpec, offsets: np.ndarray, *, tolerance: float = _TOLERANCE) -> np.ndarray:
    """Phases of magnitudes `S` that change by `turns` from frame to frame, and over frequency as the magnitudes say; from `offsets`."""
    L = log_magnitudes(S)
    phases = np.cumsum(turns, axis=1)
    phases += offsets.astype(S.dtype)
    phases -= np.floor(phases)
    floors = np.log(tolerance * S.max(axis=(1, 2)) + np.finfo(S.dtype).tiny).astype(S.dtype)
    integrate(L, turns, slopes_over_frequency(L, spec), floors, offsets.astype(S.dtype), phases)
    return phases


def with_phases(S: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Magnitudes with phases at the middles of frames, as a spectrum whose phases are those at the first samples of frames."""
    angle = phases * S.dtype.type(2.0 * np.pi)
    D = np.empty(S.shape, dtype=np.result_type(S.dtype, np.complex64))
    D.real, D.imag = np.cos(angle), np.sin(angle)
    S = S.copy()
    S[..., 1::2] *= -1.0
    D *= S
    return D


def turns_by_slope(S: np.ndarray, spec: MelSpec, *, gamma: float | None = None) -> np.ndarray:
    """Turns of each bin from one frame to the next, by the slope of the log-magnitudes over frequency.

    `gamma` is that of the Gaussian window ``exp(-pi t^2 / gamma)``, in samples squared; of the one like a Hann window by default.
    """
    turns = _slope(log_magnitudes(S), axis=2)
    turns *= spec.n_fft * spec.hop_length / (2.0 * np.pi * (_gamma(spec) if gamma is None else gamma))
    turns += _own_turns(spec).astype(S.dtype)
    return turns


def turns_by_centre(S: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Turns of each bin from one frame to the next: those of the centre of energy of five bins.

    As in the transform of a steady tone, the bins beside a peak turn with the peak. For magnitudes that were made from a mel
    spectrum, whose peaks are wider than the window's, this is nearer to the truth than the slope.
    """
    n_bins = S.shape[-1]
    around = np.pad(S * S, ((0, 0), (0, 0), (2, 2)))
    energy, moment = np.full_like(S, np.finfo(S.dtype).tiny), np.zeros_like(S)
    for away in range(-2, 3):
        near = around[..., 2 + away : 2 + away + n_bins]
        energy += near
        moment += away * near
    turns = np.divide(moment, energy, out=moment)
    turns *= spec.hop_length / spec.n_fft
    turns += _own_turns(spec).astype(S.dtype)
    return turns


def slopes_over_frequency(L: np.ndarray, spec: MelSpec, *, gamma: float | None = None) -> np.ndarray:
    """Turns from one bin to the next, by the slope of the log-magnitudes `L` over time."""
    slopes = _slope(L, axis=1)
    slopes *= -(_gamma(spec) if gamma is None else gamma) / (2.0 * np.pi * spec.n_fft * spec.hop_length)
    return slopes


def _gamma(spec: MelSpec) -> float:
    return HANN * spec.n_fft**2


def _own_turns(spec: MelSpec) -> np.ndarray:
    """Turns of the frequency of each bin in a hop, without the whole ones, so that sums over many frames stay exact."""
    return np.arange(spec.n_bins) * spec.hop_length % spec.n_fft / spec.n_fft


def log_magnitudes(S: np.ndarray) -> np.ndarray:
    """Natural logarithms of magnitudes ``(clips, frames, bins)``; what is fainter than 1e-9 of a clip's loudest counts as that."""
    faintest = S.max(axis=(1, 2), keepdims=True) * S.dtype.type(_FAINTEST) + np.finfo(S.dtype).tiny
    return np.log(np.maximum(S, faintest))


def _slope(L: np.ndarray, *, axis: int) -> np.ndarray:
    """Differences per step, exact for parabolas; 0 where there are fewer than three values."""
    slopes = np.zeros_like(L)
    L, along = np.moveaxis(L, axis, 0), np.moveaxis(slopes, axis, 0)
    if len(L) > 2:
        np.subtract(L[2:], L[:-2], out=along[1:-1])
        along[0] = 4.0 * L[1] - 3.0 * L[0] - L[2]
        along[-1] = 3.0 * L[-1] - 4.0 * L[-2] + L[-3]
        along *= 0.5
    return slopes


@compiled
def integrate(L, turns, slopes, floors, offsets, phases):
    """Overwrite `phases` wherever `L` is above its clip's floor: from the loudest bin of each island along the loudest way.

    All arrays are contiguous, ``(clips, frames, bins)`` but for `floors` ``(clips,)`` and `offsets` ``(bins,)``.
    """
    clips, frames, bins = L.shape
    done = np.empty(frames * bins, dtype=np.bool_)
    tops, heap = np.empty(frames * bins, dtype=np.int32), np.empty(frames * bins, dtype=np.int32)
    for c in range(clips):
        level, turn, slope, phase = L[c].ravel(), turns[c].ravel(), slopes[c].ravel(), phases[c].reshape(frames * bins)
        done[:] = level <= floors[c]
        n_tops = _summits(level, done, bins, tops)
        while n_tops > 0:
            start = tops[0]
            n_tops = _pull(tops, n_tops, level)
            if done[start]:
                continue
            done[start] = True
            phase[start] = offsets[start % bins]
            heap[0] = start
            size = 1
            while size > 0:
                here = heap[0]
                size = _pull(heap, size, level)
                b = here % bins
                for way in range(4):
                    if way == 0 and here + bins < len(level):
                        there, change = here + bins, 0.5 * (turn[here] + turn[here + bins])
                    elif way == 1 and here >= bins:
                        there, change = here - bins, -0.5 * (turn[here] + turn[here - bins])
                    elif way == 2 and b + 1 < bins:
                        there, change = here + 1, 0.5 * (slope[here] + slope[here + 1])
                    elif way == 3 and b > 0:
                        there, change = here - 1, -0.5 * (slope[here] + slope[here - 1])
                    else:
                        continue
                    if not done[there]:
                        done[there] = True
                        value = phase[here] + change
                        phase[there] = value - np.floor(value)
                        size = _push(heap, size, there, level)


@compiled
def _summits(level, done, bins, tops):
    """Fill the heap `tops` with the bins that are no quieter than their neighbours, the loudest of each island among them; its size."""
    size = 0
    for i in range(len(level)):
        if done[i]:
            continue
        if (i >= bins and level[i - bins] > level[i]) or (i + bins < len(level) and level[i + bins] > level[i]):
            continue
        if (i % bins > 0 and level[i - 1] > level[i]) or ((i + 1) % bins > 0 and level[i + 1] > level[i]):
            continue
        size = _push(tops, size, i, level)
    return size


@compiled
def _push(heap, size, node, level):
    """Put a bin into the heap; its new size."""
    i = size
    while i > 0:
        up = (i - 1) >> 1
        if level[heap[up]] >= level[node]:
            break
        heap[i] = heap[up]
        i = up
    heap[i] = node
    return size + 1


@compiled
def _pull(heap, size, level):
    """Take the loudest bin, which is ``heap[0]``, out of the heap; its new size."""
    size -= 1
    last = heap[size]
    i = 0
    while 2 * i + 1 < size:
        down = 2 * i + 1
        if down + 1 < size and level[heap[down + 1]] > level[heap[down]]:
            down += 1
        if level[heap[down]] <= level[last]:
            break
        heap[i] = heap[down]
        i = down
    heap[i] = last
    return size
