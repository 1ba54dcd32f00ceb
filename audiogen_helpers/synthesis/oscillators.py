"""Tones that repeat: sine, and band-limited saw, square, pulse and triangle.

A wave with a jump has partials without end, and those above half the sample rate come back as tones that were never meant (aliasing).
Here each wave is the sum of exactly the partials that fit: one period of it is made by an inverse Fourier transform, kept, and read at
the pitch that is asked for.

`f0` of every function is a number, or an array with a pitch for each sample, such as `audiogen_helpers.synthesis.envelopes.vibrato`
and `glide` make. Then `duration` may be left out; if it is given it must agree with the array.

Chapter: chapters/methods/oscillators.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._streams import Stream, render
from audiogen_helpers._validation import check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis import _wavetables

__all__ = ["ENTRIES", "pulse", "saw", "sine", "square", "triangle"]

_PIECE = 8192  # samples yielded at a time
_SI_PI = 1.8519370519824662  # integral of sin(t) / t from 0 to pi: no sum of sin(k x) / k over k = 1 ... K exceeds it
_KEPT = 128  # tables kept of each wave, at most 1 MB each


def sine(f0: ArrayLike, *, sr: int, duration: float | None = None, phase: float = 0.0) -> np.ndarray:
    """A sine of amplitude 1.

    Parameters
    ----------
    f0 : float in [1, 20000] below sr / 2, or array [shape=(n,)] of such
        Frequency, Hz; an array gives one for each sample.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.
    phase : float in [-2 pi, 2 pi]
        Phase at time 0, radians.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> sine(2000.0, sr=8000, duration=0.0005).round(6)
    array([ 0.,  1.,  0., -1.])
    """
    if np.ndim(f0) == 0:
        return render(_SINE, sr=sr, duration=_given(duration), f0=f0, phase=phase)
    contour, sr = _wavetables.check_contour(_SINE, f0, sr=sr, duration=duration)
    phase = _SINE.settings({"phase": phase})["phase"]
    return np.sin(2.0 * np.pi * _wavetables.phases(contour, sr=sr) + phase)


def sine_stream(sr: int, rng: np.random.Generator, *, f0: float, phase: float) -> Stream:
    """The stream of `sine`."""
    start = 0
    while True:
        n = np.arange(start, start + _PIECE)
        yield np.sin(2.0 * np.pi * np.mod(n * (f0 / sr), 1.0) + phase)
        start += _PIECE


def saw(f0: ArrayLike, *, sr: int, duration: float | None = None) -> np.ndarray:
    """A band-limited sawtooth: it rises through 0 at time 0 and falls at once half a period later.

    ``y = sum over k of (-1) ** (k + 1) sin(2 pi k f0 t) / k / Si(pi)`` over all k with ``k f0 < sr / 2``, where Si(pi) = 1.852 bounds
    the sum however many partials there are (Gibbs' overshoot), so that the level does not depend on their number.

    Parameters
    ----------
    f0 : float in [20, 20000] below sr / 2, or array [shape=(n,)] of such
        Pitch, Hz; an array gives one for each sample, and partials then fade out as they come near sr / 2.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    Room for one partial only, below 4000 Hz: the saw is a sine of amplitude 1 / Si(pi).

    >>> saw(2000.0, sr=8000, duration=0.0005).round(3)
    array([ 0.  ,  0.54,  0.  , -0.54])
    """
    return tone(_SAW, _saw_table, f0, sr=sr, duration=duration)


def square(f0: ArrayLike, *, sr: int, duration: float | None = None) -> np.ndarray:
    """A band-limited square wave: odd partials with levels 1/k.

    ``y = sum over odd k of sin(2 pi k f0 t) / k`` over all k with ``k f0 < sr / 2``. It begins with its upward edge; its plateaus are at
    +-pi/4, so the first partial has amplitude 1.

    Parameters
    ----------
    f0 : float in [20, 20000] below sr / 2, or array [shape=(n,)] of such
        Pitch, Hz; an array gives one for each sample, and partials then fade out as they come near sr / 2.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> square(1000.0, sr=8000, duration=0.001).round(3)
    array([ 0.   ,  0.943,  0.667,  0.943,  0.   , -0.943, -0.667, -0.943])
    """
    return tone(_SQUARE, _square_table, f0, sr=sr, duration=duration)


def pulse(f0: ArrayLike, *, sr: int, duration: float | None = None, width: float = 0.25) -> np.ndarray:
    """A band-limited pulse wave: high for a share `width` of each period, low for the rest, without offset.

    The difference of two saws, ``width`` of a period apart: partial k has the level ``|sin(pi k width)| / k``, so that a width of 1/m
    silences every m-th partial. It begins with the upward edge.

    Parameters
    ----------
    f0 : float in [20, 20000] below sr / 2, or array [shape=(n,)] of such
        Pitch, Hz; an array gives one for each sample, and partials then fade out as they come near sr / 2.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.
    width : float in [0.02, 0.98]
        Share of the period that is high; 0.5 is a square wave.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = pulse(100.0, sr=8000, duration=0.01, width=0.25)
    >>> [round(float(np.median(part)), 2) for part in (y[:20], y[20:])]
    [0.8, -0.27]
    """
    width = _PULSE.settings({"width": width})["width"]
    return tone(_PULSE, lambda k: _pulse_table(k, width), f0, sr=sr, duration=duration, width=width)


def triangle(f0: ArrayLike, *, sr: int, duration: float | None = None) -> np.ndarray:
    """A band-limited triangle wave: odd partials with levels 1/k**2, rising through 0 at time 0.

    ``y = 8 / pi**2 * sum over odd k of (-1) ** ((k - 1) / 2) sin(2 pi k f0 t) / k**2`` over all k with ``k f0 < sr / 2``.

    Parameters
    ----------
    f0 : float in [20, 20000] below sr / 2, or array [shape=(n,)] of such
        Pitch, Hz; an array gives one for each sample, and partials then fade out as they come near sr / 2.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> triangle(100.0, sr=8000, duration=0.01)[[0, 10, 20, 30, 40]].round(2)
    array([0.  , 0.5 , 0.99, 0.5 , 0.  ])
    """
    return tone(_TRIANGLE, _triangle_table, f0, sr=sr, duration=duration)


def tone(
    entry: Entry,
    table_of: Callable[[int], np.ndarray],
    f0: Any,
    *,
    sr: int,
    duration: float | None,
    most: int | None = None,
    **settings: Any,
) -> np.ndarray:
    """The registered sound for one pitch, or the same wave along a contour, of at most `most` partials, from ``table_of(n_partials)``."""
    if np.ndim(f0) == 0:
        return render(entry, sr=sr, duration=_given(duration), f0=f0, **settings)
    contour, sr = _wavetables.check_contour(entry, f0, sr=sr, duration=duration)
    return _wavetables.read_contour(table_of, contour, sr=sr, most=most)


def _given(duration: float | None) -> float:
    if duration is None:
        raise ParameterError("duration must be given where f0 is a number; received None")
    return check_number(duration, name="duration")


def table_stream(table: np.ndarray, *, f0: float, sr: int) -> Stream:
    """A table of one period read at one pitch, for ever."""
    start = 0
    while True:
        yield _wavetables.read(table, np.mod(np.arange(start, start + _PIECE) * (f0 / sr), 1.0))
        start += _PIECE


def saw_stream(sr: int, rng: np.random.Generator, *, f0: float) -> Stream:
    """The stream of `saw`."""
    return table_stream(_saw_table(_wavetables.n_partials(f0, sr=sr)), f0=f0, sr=sr)


def square_stream(sr: int, rng: np.random.Generator, *, f0: float) -> Stream:
    """The stream of `square`."""
    return table_stream(_square_table(_wavetables.n_partials(f0, sr=sr)), f0=f0, sr=sr)


def pulse_stream(sr: int, rng: np.random.Generator, *, f0: float, width: float) -> Stream:
    """The stream of `pulse`."""
    return table_stream(_pulse_table(_wavetables.n_partials(f0, sr=sr), width), f0=f0, sr=sr)


def triangle_stream(sr: int, rng: np.random.Generator, *, f0: float) -> Stream:
    """The stream of `triangle`."""
    return table_stream(_triangle_table(_wavetables.n_partials(f0, sr=sr)), f0=f0, sr=sr)


@lru_cache(maxsize=_KEPT)
def _saw_table(n: int) -> np.ndarray:
    k = np.arange(1, n + 1)
    return _wavetables.one_period(1j * (-1.0) ** k / k / _SI_PI)


@lru_cache(maxsize=_KEPT)
def _square_table(n: int) -> np.ndarray:
    k = np.arange(1, n + 1)
    return _wavetables.one_period(-1j * (k % 2) / k)


@lru_cache(maxsize=_KEPT)
def _pulse_table(n: int, width: float) -> np.ndarray:
    """``sum over k of (sin(k x) - sin(k (x - 2 pi width))) / k``, by a bound of its peak over all n.

    The wave is high at pi (1 - width); the overshoot of a narrow one is that of both its edges, so the peak nears 2 Si(pi) - pi width.
    A few partials at a great width exceed that by up to 0.05: hence 3 for pi.
    """
    k = np.arange(1, n + 1)
    bound = 2.0 * _SI_PI - 3.0 * min(width, 1.0 - width)
    return _wavetables.one_period(-1j * (1.0 - np.exp(-2j * np.pi * k * width)) / k / bound)


@lru_cache(maxsize=_KEPT)
def _triangle_table(n: int) -> np.ndarray:
    k = np.arange(1, n + 1)
    return _wavetables.one_period(-8j / np.pi**2 * np.sin(np.pi * k / 2).round() / k**2)


def _entry(name: str, summary: str, *parameters: Parameter) -> Entry:
    here = "audiogen_helpers.synthesis.oscillators"
    extra = {"family": "oscillator", "stream": f"{here}:{name}_stream", "in_tune": (50.0, 2000.0)}
    return Entry(name=name, summary=summary, target=f"{here}:{name}", parameters=parameters, extra=extra)


_F0 = Parameter(name="f0", default=220.0, unit="Hz", low=20.0, high=20_000.0, help="Pitch.")
_WIDTH = Parameter(name="width", default=0.25, low=0.02, high=0.98, help="Share of the period that is high.")
_PHASE = Parameter(name="phase", default=0.0, unit="rad", low=-2 * np.pi, high=2 * np.pi, help="Phase at time 0.")
_LOW = Parameter(name="f0", default=220.0, unit="Hz", low=1.0, high=20_000.0, help="Pitch.")

_SINE = _entry("sine", "A sine: one frequency, nothing else.", _LOW, _PHASE)
_SAW = _entry("saw", "A band-limited sawtooth: every partial, level 1/k. Bright, like bowed strings.", _F0)
_SQUARE = _entry("square", "A band-limited square wave: odd partials, level 1/k. Hollow.", _F0)
_PULSE = _entry("pulse", "A band-limited pulse wave, from hollow to nasal as it narrows.", _F0, _WIDTH)
_TRIANGLE = _entry("triangle", "A band-limited triangle wave: odd partials, level 1/k**2. Soft.", _F0)

ENTRIES: tuple[Entry, ...] = (_SINE, _SAW, _SQUARE, _PULSE, _TRIANGLE)
