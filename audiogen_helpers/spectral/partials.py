"""Partials measured one by one: how strong each is, how fast it dies, and how much of a tone lies between its harmonics."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_audio, check_number, check_sr
from audiogen_helpers.errors import ParameterError

__all__ = ["decay_time", "demodulate", "off_harmonic_db", "partial_level"]

_BETA = 14.0  # of the Kaiser window: nothing but the main lobe is above -100 dB
_LOBE = 6.0  # half width of its main lobe with a margin, in bins of 1 / length


def demodulate(y: np.ndarray, *, f: float, sr: int, window: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """A partial as a slow complex number: its amplitude and its phase against a sine of `f`, frame by frame.

    Each frame is multiplied by a Kaiser window and by ``exp(-2 pi i f t)``, t from the start of `y`, and added up. What lies more than
    ``6 sr / window`` away, such as the next partial, is some 100 dB down.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform.
    f : float, ``0 < f < sr / 2``
        Frequency to bring down to 0, Hz.
    sr : int > 0
        Sample rate, Hz.
    window, step : int, ``1 <= window <= n``, ``step >= 1``
        Length of a frame and distance to the next, samples.

    Returns
    -------
    times : np.ndarray [shape=(frames,)]
        Middles of the frames, s.
    z : np.ndarray [shape=(frames,), complex128]
        ``|z|`` is the amplitude of a steady sine of frequency `f`, the angle of z its phase as a cosine at time 0.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = 0.5 * np.cos(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> times, z = demodulate(y, f=1000.0, sr=8000, window=800, step=400)
    >>> bool(np.allclose(z, 0.5, atol=1e-6))
    True
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    f = check_number(f, name="f", above=0.0, below=sr / 2)
    if not 1 <= window <= len(y) or step < 1:
        raise ParameterError(f"window must be from 1 to {len(y)} samples and step >= 1; received {window} and {step}")
    shape = _window(window)
    kernel = 2.0 / shape.sum() * shape * np.exp(-2j * np.pi * f / sr * np.arange(window))
    frames = np.lib.stride_tricks.sliding_window_view(y, window)[::step]
    starts = step * np.arange(len(frames))
    z = (frames @ kernel.real + 1j * (frames @ kernel.imag)) * np.exp(-2j * np.pi * np.mod(f / sr * starts, 1.0))
    return (starts + 0.5 * (window - 1)) / sr, z


@lru_cache(maxsize=16)
def _window(length: int) -> np.ndarray:
    window = np.kaiser(length, _BETA)
    window.setflags(write=False)
    return window


def partial_level(y: np.ndarray, *, f: ArrayLike, sr: int) -> np.ndarray | float:
    """Amplitude of the partial at `f`, averaged over the whole clip under a window.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform. Partials must lie at least ``6 / duration`` Hz apart to be told apart: 6 Hz for one second.
    f : float or array, ``0 < f < sr / 2``
        Frequency or frequencies, Hz.
    sr : int > 0
        Sample rate, Hz.

    Returns
    -------
    level : float, or np.ndarray [shape of f]
        Amplitude: 1 for a sine of full scale.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> y = 0.8 * np.sin(2 * np.pi * 440 * t) + 0.1 * np.cos(2 * np.pi * 880 * t)
    >>> partial_level(y, f=[440, 880, 1320], sr=8000).round(4)
    array([0.8, 0.1, 0. ])
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    f = check_array(f, name="f", above=0.0, below=sr / 2)
    shaped, turn = 2.0 / _window(len(y)).sum() * _window(len(y)) * y, -2j * np.pi / sr * np.arange(len(y))
    levels = [abs(shaped @ np.exp(turn * one)) for one in f.ravel()]
    return np.reshape(levels, f.shape) if f.ndim else float(levels[0])


def decay_time(y: np.ndarray, *, f: float, sr: int, window: float = 0.1, drop_db: float = 40.0) -> float:
    """T60 of the partial at `f`: the time in which it would fall by 60 dB at the rate at which it falls.

    A line is fitted to its level in dB, from the loudest moment until it has fallen by `drop_db` or the clip ends.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform of a note that dies away, longer than `window`.
    f : float, ``0 < f < sr / 2``
        Frequency of the partial, Hz.
    sr : int > 0
        Sample rate, Hz.
    window : float > 0
        Length of the frames, s. Other partials must be at least ``6 / window`` Hz away (60 Hz as given); 4.6 / window still leaves them
        80 dB down.
    drop_db : float > 0
        How much of the fall to look at, dB.

    Returns
    -------
    t60 : float
        Seconds; infinite for a partial that does not die.

    Raises
    ------
    ParameterError
        If an argument is out of range, or the partial is not there.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> y = 10 ** (-3 * t / 0.7) * np.sin(2 * np.pi * 440 * t)
    >>> round(decay_time(y, f=440.0, sr=8000), 4)
    0.7
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    n = round(check_number(window, name="window", above=0.0) * sr)
    drop_db = check_number(drop_db, name="drop_db", above=0.0)
    if not 8 <= n < len(y) - 8:
        raise ParameterError(f"window must be shorter than the clip, {len(y) / sr:.3g} s; received {window!r}")
    step = max(1, min(n // 16, (len(y) - n) // 8))
    times, z = demodulate(y, f=f, sr=sr, window=n, step=step)
    level = np.abs(z)
    if level.max() < 1e-12:
        raise ParameterError(f"f must be a partial of the sound; received {f!r}, where there is nothing")
    level_db = 20.0 * np.log10(np.maximum(level, 1e-15))
    first = int(np.argmax(level_db))
    fallen = np.flatnonzero(level_db[first:] < level_db[first] - drop_db)
    last = first + int(fallen[0]) if len(fallen) else len(level_db)
    if last - first < 3:
        raise ParameterError(f"y must hold more of the decay; received {len(y)} samples of which {(last - first) * step} fall")
    slope = float(np.polyfit(times[first:last], level_db[first:last], 1)[0])
    return -60.0 / slope if slope < -1e-9 else float("inf")


def off_harmonic_db(y: np.ndarray, *, f0: float, sr: int) -> float:
    """Energy that lies on no harmonic of `f0`, relative to the energy of the fundamental, dB: aliasing, noise, a wrong pitch.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        A steady tone, at least 15 periods of it.
    f0 : float, ``0 < f0 < sr / 2``
        Its pitch, Hz, to ``1 / duration`` or better.
    sr : int > 0
        Sample rate, Hz.

    Returns
    -------
    level : float
        dB; below about -90 the window's own floor is reached. Energy within ``6 / duration`` Hz of 0 counts as direct current, not here.

    Raises
    ------
    ParameterError
        If an argument is out of range, or the tone is too short or has no fundamental.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> y = np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 880 * t) + 0.01 * np.sin(2 * np.pi * 1000 * t)
    >>> round(off_harmonic_db(y, f0=440.0, sr=8000), 2)
    -40.0
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    f0 = check_number(f0, name="f0", above=0.0, below=sr / 2)
    per_harmonic = f0 * len(y) / sr  # bins
    if per_harmonic < 2.5 * _LOBE:
        raise ParameterError(f"y must have at least {2.5 * _LOBE:g} periods of f0; received {per_harmonic:.3g}")
    power = np.square(np.abs(np.fft.rfft(y * _window(len(y)))))
    bins = np.arange(len(power))
    nearest = np.round(bins / per_harmonic)
    near = np.abs(bins - nearest * per_harmonic) <= _LOBE
    fundamental = float(power[near & (nearest == 1)].sum())
    if fundamental <= 0.0:
        raise ParameterError(f"f0 must be a partial of the sound; received {f0!r}, where there is nothing")
    return float(10.0 * np.log10(max(float(power[~near].sum()) / fundamental, 1e-30)))
