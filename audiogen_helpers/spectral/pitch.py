"""Pitch measured from a sound: one figure for a steady or decaying tone, or a track of it along speech and song.

Pitch here means the frequency of the *fundamental partial*, the lowest of a (nearly) harmonic series. That is what a player tunes. For a
stiff string or a bell, whose partials are not multiples of it, what the ear calls the pitch may differ by some cents.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_audio, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.partials import demodulate

__all__ = ["pitch_of", "track_pitch"]

_LONGEST = 1.5  # s that pitch_of listens to
_CLEAR = 0.4  # least periodicity, of 1, of a sound with a pitch
_FIRST = 0.85  # the first summit counts that has this share of the highest
_FINER = 4  # lags per sample
_ROUNDS = 12  # periods under the window that lets only the fundamental through
_WEAK = 1e-3  # a fundamental this far below the peak of the sound cannot be followed


def pitch_of(y: np.ndarray, *, sr: int, f_min: float = 40.0, f_max: float = 4000.0) -> float:
    """Pitch of a steady or decaying tone, Hz; 0.0 for a sound without one.

    Three steps: listen from where the sound is loud to where it has fallen by 50 dB, 1.5 s at most; find the period, the first
    high summit of the autocorrelation; filter out the fundamental and fit a line to its phase, which turns by ``2 pi f`` a second.
    The fit weighs each moment by its power, so that neither decay nor the length of the silence after it matters.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, with at least three periods of `f_min` for a pitch as low as that.
    sr : int > 0
        Sample rate, Hz.
    f_min, f_max : float, ``0 < f_min < f_max``
        Where to look, Hz; above 0.48 `sr` nothing is looked for. If they are less than an octave apart, the strongest partial between them
        is meant, whatever lies outside: so the pitch of a bar or a bell can be measured.

    Returns
    -------
    f0 : float
        Hz. Off by less than 0.2 cents for harmonic tones of 50 to 2000 Hz that last 20 periods or more. If the fundamental is missing, the
        period of the whole, less exactly.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> dying = np.exp(-5 * t) * (np.sin(2 * np.pi * 220 * t) + np.sin(2 * np.pi * 440 * t))
    >>> round(pitch_of(dying, sr=8000), 3)
    220.0
    >>> pitch_of(np.random.default_rng(0).normal(size=8000), sr=8000)
    0.0
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    f_min, f_max = _check_range(f_min, f_max, sr=sr)
    peak = float(np.abs(y).max())
    if peak == 0.0:
        return 0.0
    y = _loud_part(y.astype(np.float64) / peak, sr=sr)
    y = y - y.mean()
    if len(y) < 16 or not np.any(np.abs(y) > 1e-12):
        return 0.0
    rough = _strongest(y, sr=sr, f_min=f_min, f_max=f_max) if f_max < 2.0 * f_min else _rough(y, sr=sr, f_min=f_min, f_max=f_max)
    return float(_refined(y, rough, sr=sr)) if rough else 0.0


def _check_range(f_min: Any, f_max: Any, *, sr: int) -> tuple[float, float]:
    f_min = check_number(f_min, name="f_min", above=0.0, below=0.48 * sr)
    f_max = min(check_number(f_max, name="f_max", above=0.0), 0.48 * sr)
    if not f_min < f_max:
        raise ParameterError(f"f_min must be < f_max; received {f_min:g} and {f_max:g}")
    return f_min, f_max


def _loud_part(y: np.ndarray, *, sr: int) -> np.ndarray:
    """From the first loud hundredth of a second (within 6 dB of the loudest) until it has fallen by 50 dB for good, or 1.5 s."""
    step = max(1, sr // 100)
    n = len(y) // step
    if n < 2:
        return y
    power = np.square(y[: n * step]).reshape(n, step).mean(axis=1)
    first = int(np.argmax(power >= 0.25 * power.max()))
    last = int(np.flatnonzero(power >= 1e-5 * power.max())[-1]) + 1
    return y[first * step : min(last * step if last < n else len(y), first * step + round(_LONGEST * sr))]


def _rough(y: np.ndarray, *, sr: int, f_min: float, f_max: float) -> float:
    """The frequency whose period is the first high summit of the autocorrelation, each lag by the power of what overlaps; 0.0 for none."""
    n = len(y)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.square(np.abs(np.fft.rfft(y, n=size)))
    n_lags = min(n - 1, int(sr / f_min * 1.05) + 2)
    r = _FINER * np.fft.irfft(spectrum, n=_FINER * size)[: _FINER * n_lags]
    sums = np.concatenate([[0.0], np.cumsum(np.square(y))])
    lag = np.arange(n_lags)
    overlap = np.interp(np.arange(_FINER * n_lags) / _FINER, lag, sums[n - lag] + sums[n] - sums[lag])
    r = 2.0 * r / np.maximum(overlap, 1e-12 * overlap[0])
    below = np.flatnonzero(r <= 0.0)  # summits before the first valley belong to lag 0
    if not len(below):
        return 0.0
    peaks = 1 + np.flatnonzero((r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:]))
    peaks = peaks[(peaks > below[0]) & (peaks >= _FINER * sr / f_max * 0.97) & (r[peaks] > _CLEAR)]
    if not len(peaks):
        return 0.0
    i = int(peaks[r[peaks] >= _FIRST * r[peaks].max()][0])
    f = sr * _FINER / (i + _summit(*r[i - 1 : i + 2]))
    return f if f_min * 0.97 <= f <= f_max * 1.03 else 0.0


def _strongest(y: np.ndarray, *, sr: int, f_min: float, f_max: float) -> float:
    """The highest peak of the spectrum between two frequencies; 0.0 if none stands out."""
    size = 4 << len(y).bit_length()
    magnitude = np.abs(np.fft.rfft(y * np.hanning(len(y)), n=size))
    low, high = max(1, int(np.ceil(f_min * size / sr))), int(f_max * size / sr)
    if high - low < 2:
        return 0.0
    i = low + int(np.argmax(magnitude[low : high + 1]))
    if magnitude[i] < _WEAK * magnitude.max() or magnitude[i] < max(magnitude[i - 1], magnitude[i + 1]):
        return 0.0
    return sr / size * (i + _summit(*np.log(magnitude[i - 1 : i + 2] + 1e-300)))


def _refined(y: np.ndarray, rough: float, *, sr: int) -> float:
    """The slope of the phase of the partial near `rough`; `rough` itself if there is too little of it."""
    window = min(round(_ROUNDS * sr / rough), 2 * len(y) // 3)
    if window < 3 * sr / rough:
        return rough
    f = rough
    for _ in range(2):  # the second time the filter sits on the partial
        times, z = demodulate(y, f=f, sr=sr, window=window, step=max(1, window // 8))
        weight = np.square(np.abs(z))
        if weight.max() < _WEAK**2:
            return rough
        phase = np.unwrap(np.angle(z))
        t = times - np.average(times, weights=weight)
        f += float(np.sum(weight * t * (phase - np.average(phase, weights=weight))) / np.sum(weight * t * t)) / (2.0 * np.pi)
    return f if abs(f / rough - 1.0) < 0.06 else rough


def _summit(left: float, mid: float, right: float) -> float:
    """Where, from -1/2 to 1/2, the parabola through three values at -1, 0 and 1 is highest."""
    bend = left - 2.0 * mid + right
    return 0.5 * (left - right) / bend if bend < 0.0 else 0.0


def track_pitch(
    y: np.ndarray, *, sr: int, f_min: float = 60.0, f_max: float = 500.0, hop: float = 0.01, threshold: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """Pitch along a voice or a melody, by the YIN method: a figure every `hop` seconds, NaN where there is none.

    A period T is where a sound differs least from itself T later. YIN divides that difference by its mean over all shorter lags, so
    that lag 0 does not win, and takes the first dip below `threshold`.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    f_min, f_max : float, ``0 < f_min < f_max``
        Where to look, Hz. Each frame spans three periods of `f_min`.
    hop : float > 0
        From one frame to the next, s.
    threshold : float in (0, 1)
        How unlike itself, from 0 to 1, a voiced sound may be after a period; less is stricter.

    Returns
    -------
    times : np.ndarray [shape=(frames,)]
        Middles of the frames, s: 0, `hop`, ... up to the end.
    f0 : np.ndarray [shape=(frames,)]
        Hz; NaN where unvoiced or silent (60 dB below the loudest frame).

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    A. de Cheveigné and H. Kawahara (2002), YIN, a fundamental frequency estimator for speech and music, J. Acoust. Soc. Am. 111(4),
    1917-1930.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> times, f0 = track_pitch(np.sin(2 * np.pi * 150 * t) * (t < 0.5), sr=8000)
    >>> round(float(f0[20]), 2), float(f0[80])
    (150.0, nan)
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    f_min, f_max = _check_range(f_min, f_max, sr=sr)
    hop = check_number(hop, name="hop", low=1.0 / sr)
    threshold = check_number(threshold, name="threshold", above=0.0, below=1.0)
    times = np.arange(int((len(y) - 1) / sr / hop + 1e-9) + 1) * hop
    peak = float(np.abs(y).max())
    f0 = np.full(len(times), np.nan)
    if peak == 0.0:
        return times, f0
    longest = int(np.ceil(sr / f_min)) + 1
    half = (3 * longest) // 2
    padded = np.pad(y.astype(np.float64) / peak, half)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)
    starts = np.minimum(np.round(times * sr).astype(int), len(frames) - 1)
    for first in range(0, len(times), 512):  # some at a time, so that memory does not grow with the length
        part = slice(first, first + 512)
        f0[part] = _yin(frames[starts[part]], longest, sr=sr, f_min=f_min, f_max=f_max, threshold=threshold)
    return times, f0


def _yin(frames: np.ndarray, longest: int, *, sr: int, f_min: float, f_max: float, threshold: float) -> np.ndarray:
    """Pitch of each row, NaN for none; the first `width` samples of a row are compared with those up to `longest` later."""
    frames = frames - frames.mean(axis=1, keepdims=True)
    width = frames.shape[1] - longest
    size = 1 << (frames.shape[1] + width - 1).bit_length()
    head = np.fft.rfft(frames[:, :width], n=size)
    cross = np.fft.irfft(np.conj(head) * np.fft.rfft(frames, n=size), n=size)[:, : longest + 1]
    sums = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(np.square(frames), axis=1)], axis=1)
    lags = np.arange(longest + 1)
    energy = sums[:, lags + width] - sums[:, lags]
    difference = np.maximum(energy[:, :1] + energy - 2.0 * cross, 0.0)
    running = np.cumsum(difference[:, 1:], axis=1)
    d = np.ones_like(difference)
    d[:, 1:] = difference[:, 1:] * lags[1:] / np.maximum(running, 1e-300)
    dip = np.zeros(d.shape, dtype=bool)
    dip[:, 1:-1] = (d[:, 1:-1] < d[:, :-2]) & (d[:, 1:-1] <= d[:, 2:]) & (d[:, 1:-1] < threshold)
    dip[:, : max(1, int(sr / f_max))] = False
    best = np.argmax(dip, axis=1)
    rows = np.flatnonzero(dip.any(axis=1) & (energy[:, 0] > 1e-6 * width))  # of the loudest sample's power: -60 dB
    f0 = np.full(len(frames), np.nan)
    i = best[rows]
    left, mid, right = difference[rows, i - 1], difference[rows, i], difference[rows, i + 1]
    bend = np.maximum(left - 2.0 * mid + right, 1e-300)
    f = sr / (i + np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
    f0[rows] = np.where((f >= f_min * 0.99) & (f <= f_max * 1.01), f, np.nan)
    return f0
