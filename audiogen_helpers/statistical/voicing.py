"""How voiced a sound is: its pitch along the time, and in each band of frequencies the share that repeats with that pitch.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._compiled import compiled

__all__ = ["VOICED", "band_edges", "band_weights", "split", "track_voicing"]

_EDGES = (1000.0, 2000.0, 3000.0, 4000.0, 6000.0, 8000.0)  # Hz, between bands
_FADE = 200.0  # Hz, width of the crossing between two bands
_LOW = 900.0  # Hz; pitch is looked for below: there the partials are strong and steady
_HUM = 65.0  # Hz; nor is it looked for in the hum of mains below: a lower voice shows in its other partials
_RATE = 4000  # Hz, at least; the rate at which it is looked for
_WINDOW = 0.02  # s that are compared with what is a period away
_FLOOR_DB = -45.0  # of the loudest; softer sound counts as less periodic
_SHORTEST = 0.02  # s that a voice lasts; also half the time over which shares are averaged
_N_CANDIDATES = 6
_LEAST = 0.3  # periodicity of a candidate
_UNVOICED = 0.63  # periodicity that speaks as much for a pitch as against it
_JUMP = 1.0  # cost of a change of pitch by a factor of e between frames 10 ms apart
_SWITCH = 0.25  # cost of the voice setting in or breaking off
_LONG = 0.08  # how much less the longest period counts than the shortest: against sub-octaves
_UNSTEADY = 0.85  # power that makes up for what is lost where pitch and envelope move: a resynthesis then measures like its original
VOICED = 0.35  # least share of the lowest band that repeats, in a voiced frame


def band_edges(sr: int) -> np.ndarray:
    """Edges of the bands for a rate, Hz: 0, 1000, 2000, 3000, 4000, 6000, 8000 as far as they lie 500 Hz below half the rate, and that.

    Examples
    --------
    >>> band_edges(8000)
    array([   0., 1000., 2000., 3000., 4000.])
    """
    return np.array([0.0, *(f for f in _EDGES if f <= 0.5 * sr - 500.0), 0.5 * sr])


def band_weights(f: np.ndarray, *, sr: int) -> np.ndarray:
    """How much of each frequency (n,) Hz belongs to each band, shape (bands, n): raised-cosine crossings, the sum is 1 everywhere."""
    edges = band_edges(sr)[1:-1, None]
    rise = 0.5 - 0.5 * np.cos(np.pi * np.clip((f - edges) / _FADE + 0.5, 0.0, 1.0))
    return -np.diff(rise, axis=0, prepend=1.0, append=0.0)


def split(y: np.ndarray, *, sr: int, analytic: bool = False) -> np.ndarray:
    """A sound (n,) in bands, shape (bands, n), without delay; their sum is the sound. `analytic`: complex, without negative frequencies."""
    from scipy.fft import fft, ifft, irfft, next_fast_len, rfft

    size = next_fast_len(len(y) + int(0.02 * sr), real=True)
    weights = band_weights(np.abs(np.fft.fftfreq(size, 1.0 / sr))[: size // 2 + 1], sr=sr)
    if not analytic:
        return irfft(weights * rfft(y, n=size), n=size)[:, : len(y)]
    spectra = np.zeros((len(weights), size), dtype=complex)
    spectra[:, : size // 2 + 1] = 2.0 * weights * fft(y, n=size)[: size // 2 + 1]
    spectra[:, [0, size // 2]] *= 0.5
    return ifft(spectra)[:, : len(y)]


def track_voicing(y: np.ndarray, *, sr: int, hop: int, n_frames: int, f_min: float, f_max: float) -> tuple[np.ndarray, np.ndarray]:
    """Pitch (n_frames,) in Hz, 0 where unvoiced, and the share of each band that repeats with it (n_frames, bands), 0 where unvoiced.

    Frames lie at the samples 0, `hop`, ... Three steps: in each frame, lags at which the sound below 900 Hz resembles itself are candidates
    (normalised cross-correlation, symmetric around the frame); the cheapest path through them, or past them as unvoiced, is the track
    (dynamic programming as in RAPT); the coherence of each band's analytic signal with itself a period away is the share.

    References
    ----------
    D. Talkin (1995), A robust algorithm for pitch tracking (RAPT), in Speech Coding and Synthesis, Elsevier.
    """
    low, step = _passed(y, sr=sr)
    rate = sr / step
    shortest, longest = max(2, int(rate / f_max)), int(np.ceil(rate / f_min)) + 1
    window = round(_WINDOW * rate)
    half = (window + longest) // 2 + 2
    padded = np.pad(low[::step], half + 1)
    energy = np.convolve(np.square(padded), np.ones(window), mode="valid").max(initial=0.0)
    if energy <= 1e-24 * window:
        return np.zeros(n_frames), np.zeros((n_frames, len(band_edges(sr)) - 1))
    floor = energy * 10.0 ** (_FLOOR_DB / 10.0)
    lags, worth = _candidates(padded, half + 1, n_frames, hop / step, window, shortest, longest, floor)
    _refine(low, hop, step, round(_WINDOW * sr), floor * step, lags, worth)
    worth -= _LONG * lags / longest
    chosen = _path(lags, worth, _JUMP * 0.01 * sr / hop, _SWITCH, _UNVOICED)
    f0 = np.where(chosen > 0.0, rate / np.maximum(chosen, 1.0), 0.0)
    f0 = np.where((f0 >= f_min) & (f0 <= f_max), f0, 0.0)
    share = _coherence(split(y, sr=sr, analytic=True), f0, hop, sr, round(_WINDOW * sr))
    dof = np.maximum(np.diff(band_edges(sr)) * _WINDOW, 1.5)  # independent values in a window: noise alone has a coherence of 1 / dof
    share = np.sqrt(np.maximum(np.square(share) - 1.0 / dof, 0.0) / (1.0 - 1.0 / dof)) ** _UNSTEADY
    share = _smooth(share, f0 > 0.0, max(1, round(_SHORTEST * sr / hop)))
    voiced = _lasting((f0 > 0.0) & (share[:, 0] >= VOICED), _SHORTEST * sr / hop)
    return np.where(voiced, f0, 0.0), np.where(voiced[:, None], share, 0.0)


def _smooth(share: np.ndarray, voiced: np.ndarray, n: int) -> np.ndarray:
    """Shares averaged over `n` frames to either side with falling weight, voiced frames alone: 20 ms hold few independent values."""
    weight = 1.0 - np.abs(np.arange(-n, n + 1)) / (n + 1.0)
    padded = np.pad(np.column_stack([share, np.ones(len(share))]) * voiced[:, None], ((n, n), (0, 0)))
    sums = np.tensordot(np.lib.stride_tricks.sliding_window_view(padded, 2 * n + 1, axis=0), weight, axes=1)
    return sums[:, :-1] / np.maximum(sums[:, -1:], 1e-12)


def _lasting(voiced: np.ndarray, shortest: float) -> np.ndarray:
    """Without the runs of fewer than `shortest` frames: a chance likeness is no voice."""
    edges = np.flatnonzero(np.diff(voiced.astype(np.int8), prepend=0, append=0))
    kept = np.zeros(len(voiced), dtype=bool)
    for start, stop in edges.reshape(-1, 2):
        kept[start:stop] = stop - start >= shortest
    return kept


def _passed(y: np.ndarray, *, sr: int) -> tuple[np.ndarray, int]:
    """What lies between hum and 900 Hz, and how many samples may be left out after each one kept."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(len(y) + int(0.02 * sr), real=True)
    f = np.fft.rfftfreq(size, 1.0 / sr)
    shape = 0.5 + 0.5 * np.cos(np.pi * np.clip((f - _LOW) / 300.0, 0.0, 1.0))
    shape *= 0.5 - 0.5 * np.cos(np.pi * np.clip((f - _HUM) / 40.0, 0.0, 1.0))
    return irfft(shape * rfft(y, n=size), n=size)[: len(y)], max(1, sr // _RATE)


@compiled
def _candidates(x, first, n_frames, hop, window, shortest, longest, floor):
    """For each frame the lags (samples) of the highest summits of the periodicity, and their height; 0 for none."""
    lags, worth = np.zeros((n_frames, _N_CANDIDATES)), np.zeros((n_frames, _N_CANDIDATES))
    sums = np.zeros(len(x) + 1)
    for n in range(len(x)):
        sums[n + 1] = sums[n] + x[n] * x[n]
    r = np.zeros(longest + 2)
    for i in range(n_frames):
        middle = min(first + int(i * hop + 0.5), len(x) - first)
        start, stop = middle - (window + longest) // 2, middle + (window + longest) // 2
        if sums[stop] - sums[start] < 0.1 * floor:
            continue
        for lag in range(shortest - 1, longest + 2):
            r[lag] = _periodicity(x, sums, middle, lag, window, floor)
        for lag in range(shortest, longest + 1):
            if r[lag] > _LEAST and r[lag] >= r[lag - 1] and r[lag] > r[lag + 1]:
                height, _ = _summit(r[lag - 1], r[lag], r[lag + 1])  # between the lags of this rate it may be much higher
                j = _N_CANDIDATES - 1
                if height <= worth[i, j]:
                    continue
                while j > 0 and worth[i, j - 1] < height:
                    worth[i, j], lags[i, j] = worth[i, j - 1], lags[i, j - 1]
                    j -= 1
                worth[i, j], lags[i, j] = height, lag
    return lags, worth


@compiled
def _refine(x, hop, step, window, floor, lags, worth):
    """Climb to the summit near each candidate at the full rate, and a parabola further; `lags` stay in steps of `step` samples."""
    pad = window + int(lags.max() + 2.0) * step
    padded = np.zeros(len(x) + 2 * pad)
    padded[pad : pad + len(x)] = x
    sums = np.zeros(len(padded) + 1)
    for n in range(len(padded)):
        sums[n + 1] = sums[n] + padded[n] * padded[n]
    for i in range(len(lags)):
        middle = pad + i * hop
        for j in range(lags.shape[1]):
            lag = int(lags[i, j] * step + 0.5)
            if lag < 2:
                continue
            before = _periodicity(padded, sums, middle, lag - 1, window, floor)
            here = _periodicity(padded, sums, middle, lag, window, floor)
            after = _periodicity(padded, sums, middle, lag + 1, window, floor)
            for _ in range(step):
                if after > here and after >= before:
                    lag, before, here = lag + 1, here, after
                    after = _periodicity(padded, sums, middle, lag + 1, window, floor)
                elif before > here and lag > 2:
                    lag, after, here = lag - 1, here, before
                    before = _periodicity(padded, sums, middle, lag - 1, window, floor)
                else:
                    break
            height, shift = _summit(before, here, after)
            worth[i, j], lags[i, j] = min(height, 1.0), (lag + shift) / step


@compiled
def _summit(before, here, after):
    """Height and place (from -1/2 to 1/2) of the top of the parabola through three values at -1, 0 and 1."""
    bend = before - 2.0 * here + after
    shift = min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < 0.0 else 0.0
    return here - 0.25 * (before - after) * shift, shift


@compiled
def _periodicity(x, sums, middle, lag, window, floor):
    """Normalised correlation of two windows that lie `lag` apart, symmetric around `middle`."""
    left = middle - (window + lag) // 2
    right = left + lag
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    for n in range(0, window - 3, 4):
        s0 += x[left + n] * x[right + n]
        s1 += x[left + n + 1] * x[right + n + 1]
        s2 += x[left + n + 2] * x[right + n + 2]
        s3 += x[left + n + 3] * x[right + n + 3]
    for n in range(window - window % 4, window):
        s0 += x[left + n] * x[right + n]
    e = (sums[left + window] - sums[left]) * (sums[right + window] - sums[right])
    return (s0 + s1 + s2 + s3) / np.sqrt(e + floor * floor)


@compiled
def _path(lags, worth, jump, switch, unvoiced):
    """The lag of each frame on the cheapest path, 0 for unvoiced."""
    n_frames, n = lags.shape
    cost = np.zeros(n + 1)  # the last state is unvoiced
    came = np.zeros((n_frames, n + 1), dtype=np.int64)
    for i in range(n_frames):
        new = np.full(n + 1, np.inf)
        for j in range(n + 1):
            if j < n and lags[i, j] <= 0.0:
                continue
            best, source = np.inf, n
            for h in range(n + 1):
                if i > 0 and h < n and lags[i - 1, h] <= 0.0:
                    continue
                if (h == n) != (j == n):
                    step = switch
                elif h == n or i == 0:
                    step = 0.0
                else:
                    step = min(jump * abs(np.log(lags[i, j] / lags[i - 1, h])), 2.0 * switch)
                total = (cost[h] if i > 0 else 0.0) + step
                if total < best:
                    best, source = total, h
            new[j] = best + (1.0 - unvoiced if j == n else 1.0 - worth[i, j])
            came[i, j] = source
        best_unvoiced = 0.0
        for j in range(n):
            best_unvoiced = max(best_unvoiced, worth[i, j])
        new[n] += max(best_unvoiced - unvoiced, 0.0)
        cost = new
    chosen = np.zeros(n_frames)
    j = int(np.argmin(cost))
    for i in range(n_frames - 1, -1, -1):
        if j < n:
            chosen[i] = lags[i, j]
        j = came[i, j]
    return chosen


@compiled
def _coherence(z, f0, hop, sr, window):
    """How alike, from 0 to 1, the analytic signals (bands, n) are before and after the middle of each frame, a period apart."""
    n_bands, length = z.shape
    out = np.zeros((len(f0), n_bands))
    for i in range(len(f0)):
        if f0[i] <= 0.0:
            continue
        lag = int(sr / f0[i] + 0.5)
        left = i * hop - (window + lag) // 2
        low, high = max(left, 0), min(left + window, length - lag)
        for b in range(n_bands):
            re, im, e0, e1 = 0.0, 0.0, 0.0, 0.0
            for n in range(low, high):
                p, q = z[b, n], z[b, n + lag]
                re += p.real * q.real + p.imag * q.imag
                im += p.imag * q.real - p.real * q.imag
                e0 += p.real * p.real + p.imag * p.imag
                e1 += q.real * q.real + q.imag * q.imag
            e = e0 * e1
            out[i, b] = min(np.sqrt((re * re + im * im) / e), 1.0) if e > 0.0 else 0.0
    return out
