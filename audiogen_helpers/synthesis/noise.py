"""Noise of every colour: white, pink, brown, blue and violet, alike in level and different in slope.

Chapter: chapters/methods/oscillators.ipynb
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.registry import Entry, Parameter

__all__ = ["ENTRIES", "blue", "brown", "pink", "violet", "white"]

_PIECE = 8192  # samples yielded at a time
_RMS = 0.2  # of every colour at level 0 dB
_LOWEST = 20.0  # Hz: pink and brown noise fall off below
_AL_ALAOUI = 1.0 / 7.0  # zero of a digital integrator that follows 1/f nearly up to half the sample rate
_TOP_POLE, _TOP_ZERO, _SPACING = 2.167, -0.1004, 4.0  # of the filter of `pink`


def white(*, sr: int, duration: float, level_db: float = 0.0, rng: RNGLike = None) -> np.ndarray:
    """White noise: the same power in every hertz.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    level_db : float in [-60, 0]
        Level, dB; at 0 the root mean square is 0.2.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        Normally distributed; above 0.7, which one sample in 2000 reaches, a smooth limiter holds it below 1.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> round(float(white(sr=8000, duration=10.0, rng=0).std()), 3)
    0.2
    """
    return render(_WHITE, sr=sr, duration=duration, rng=rng, level_db=level_db)


def pink(*, sr: int, duration: float, level_db: float = 0.0, rng: RNGLike = None) -> np.ndarray:
    """Pink noise: the same power in every octave, -3 dB per octave from 50 Hz up, within 0.5 dB; nothing below about 20 Hz.

    White noise through pairs of a pole and a zero, two octaves apart from pair to pair: the level falls by 6 dB per octave from a pole
    to its zero and is flat to the next pole, and the corners are so round that a straight line is left.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    level_db : float in [-60, 0]
        Level, dB; at 0 the root mean square is 0.2.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> round(float(pink(sr=8000, duration=60.0, rng=0).std()), 2)
    0.2
    """
    return render(_PINK, sr=sr, duration=duration, rng=rng, level_db=level_db)


def brown(*, sr: int, duration: float, level_db: float = 0.0, rng: RNGLike = None) -> np.ndarray:
    """Brown noise: a random walk that is pulled back, -6 dB per octave from 50 Hz up; nothing below about 20 Hz.

    White noise through an integrator, then through a high-pass of second order at 20 Hz: without it the walk would wander off.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    level_db : float in [-60, 0]
        Level, dB; at 0 the root mean square is 0.2.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    M. A. Al-Alaoui (1993), Novel digital integrator and differentiator, Electronics Letters 29(4), 376-378.

    Examples
    --------
    >>> round(float(brown(sr=8000, duration=60.0, rng=0).std()), 2)
    0.2
    """
    return render(_BROWN, sr=sr, duration=duration, rng=rng, level_db=level_db)


def blue(*, sr: int, duration: float, level_db: float = 0.0, rng: RNGLike = None) -> np.ndarray:
    """Blue noise: the derivative of pink, +3 dB per octave from 50 Hz up.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    level_db : float in [-60, 0]
        Level, dB; at 0 the root mean square is 0.2.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> round(float(blue(sr=8000, duration=10.0, rng=0).std()), 3)
    0.2
    """
    return render(_BLUE, sr=sr, duration=duration, rng=rng, level_db=level_db)


def violet(*, sr: int, duration: float, level_db: float = 0.0, rng: RNGLike = None) -> np.ndarray:
    """Violet noise: the derivative of white, +6 dB per octave.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    level_db : float in [-60, 0]
        Level, dB; at 0 the root mean square is 0.2.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> round(float(violet(sr=8000, duration=10.0, rng=0).std()), 3)
    0.2
    """
    return render(_VIOLET, sr=sr, duration=duration, rng=rng, level_db=level_db)


def sections(colour: str, *, sr: int) -> np.ndarray:
    """The filter that gives white noise of variance 1 this colour and the common level, second-order sections (m, 6).

    Examples
    --------
    >>> sections("white", sr=8000)
    array([[0.2, 0. , 0. , 1. , 0. , 0. ]])
    """
    return _sections(colour, sr).copy()


@lru_cache(maxsize=64)
def _sections(colour: str, sr: int) -> np.ndarray:
    from scipy.signal import sosfreqz

    difference = [[1.0, -1.0, 0.0, 1.0, _AL_ALAOUI, 0.0]]
    made = {
        "white": lambda: [[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]],
        "pink": lambda: _pairs(sr) + _block_dc(sr),
        "brown": lambda: _walk(sr),
        "blue": lambda: _pairs(sr) + difference,
        "violet": lambda: difference,
    }
    sos = np.array(made[colour]())
    _, H = sosfreqz(sos, worN=2**17)  # the variance of the output is the mean of |H|**2
    sos[0, :3] *= _RMS / np.sqrt(np.mean(np.abs(H) ** 2))
    return sos


def _pairs(sr: int) -> list[list[float]]:
    """Pole and zero, pole and zero, from the top down until a pole lies below 20 Hz; -3 dB per octave within 0.5 dB from 50 Hz to 0.48 sr.

    The highest pole and zero were found by minimising the deviation there; they scale with `sr`, so one search served all rates.
    """
    f = 0.5 * sr * _TOP_POLE
    pairs = [[1.0, -_TOP_ZERO, 0.0, 1.0, -np.exp(-2.0 * np.pi * f / sr), 0.0]]
    while f > _LOWEST:
        f /= _SPACING
        zero, pole = np.exp(-2.0 * np.pi * np.array([f * np.sqrt(_SPACING), f]) / sr)
        pairs.append([1.0, -zero, 0.0, 1.0, -pole, 0.0])
    return pairs


def _block_dc(sr: int) -> list[list[float]]:
    return [[1.0, -1.0, 0.0, 1.0, -np.exp(-2.0 * np.pi * 0.5 * _LOWEST / sr), 0.0]]


def _walk(sr: int) -> list[list[float]]:
    """The integrator ``(1 + z/7) / (1 - z)`` times a Butterworth high-pass; one zero of the latter takes away the pole of the former."""
    from scipy.signal import butter

    _, poles, _ = butter(2, _LOWEST, "highpass", fs=sr, output="zpk")
    return [[1.0, _AL_ALAOUI - 1.0, -_AL_ALAOUI, *np.poly(poles).real]]


def _colour_stream(colour: str, sr: int, rng: np.random.Generator, level_db: float) -> Stream:
    from scipy.signal import sosfilt

    sos = _sections(colour, sr)
    state = np.zeros((len(sos), 2))
    gain = 10.0 ** (level_db / 20.0)
    while True:
        y, state = sosfilt(sos, rng.standard_normal(_PIECE), zi=state)
        yield gain * soft_limit(y)


def white_stream(sr: int, rng: np.random.Generator, *, level_db: float) -> Stream:
    """The stream of `white`."""
    return _colour_stream("white", sr, rng, level_db)


def pink_stream(sr: int, rng: np.random.Generator, *, level_db: float) -> Stream:
    """The stream of `pink`."""
    return _colour_stream("pink", sr, rng, level_db)


def brown_stream(sr: int, rng: np.random.Generator, *, level_db: float) -> Stream:
    """The stream of `brown`."""
    return _colour_stream("brown", sr, rng, level_db)


def blue_stream(sr: int, rng: np.random.Generator, *, level_db: float) -> Stream:
    """The stream of `blue`."""
    return _colour_stream("blue", sr, rng, level_db)


def violet_stream(sr: int, rng: np.random.Generator, *, level_db: float) -> Stream:
    """The stream of `violet`."""
    return _colour_stream("violet", sr, rng, level_db)


def _entry(name: str, summary: str) -> Entry:
    here = "audiogen_helpers.synthesis.noise"
    level = Parameter(name="level_db", default=0.0, unit="dB", low=-60.0, high=0.0, help="Level; 0 is a root mean square of 0.2.")
    extra = {"family": "noise", "stream": f"{here}:{name}_stream", "random": True}
    return Entry(name=name, summary=summary, target=f"{here}:{name}", parameters=(level,), extra=extra)


_WHITE = _entry("white", "White noise: the same power in every hertz.")
_PINK = _entry("pink", "Pink noise: the same power in every octave, -3 dB per octave.")
_BROWN = _entry("brown", "Brown noise: a random walk, -6 dB per octave.")
_BLUE = _entry("blue", "Blue noise: +3 dB per octave.")
_VIOLET = _entry("violet", "Violet noise: +6 dB per octave.")

ENTRIES: tuple[Entry, ...] = (_WHITE, _PINK, _BROWN, _BLUE, _VIOLET)
