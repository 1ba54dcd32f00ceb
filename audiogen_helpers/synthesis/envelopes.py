"""Curves that shape a sound over time: ADSR, exponential decay, LFO, and the pitch contours of vibrato and glide.

A curve has one value for each sample. Multiply a sound by an envelope; give a pitch contour to an oscillator as its `f0`.

Chapter: chapters/methods/oscillators.ipynb

Examples
--------
>>> from audiogen_helpers.synthesis import oscillators
>>> f0 = vibrato(440.0, sr=8000, duration=1.0)
>>> y = oscillators.saw(f0, sr=8000) * adsr(sr=8000, duration=1.0)
>>> y.shape
(8000,)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._streams import check_length
from audiogen_helpers._validation import check_array, check_choice, check_number
from audiogen_helpers.errors import ParameterError

__all__ = ["adsr", "exponential_decay", "glide", "lfo", "vibrato"]

LFO_SHAPES = ("sine", "triangle", "square", "random")


def adsr(*, sr: int, duration: float, attack: float = 0.01, decay: float = 0.1, sustain: float = 0.7, release: float = 0.1) -> np.ndarray:
    """The envelope of a note: up to 1 (attack), down to a level (decay), there (sustain), and down to 0 (release), in straight lines.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length of the whole note with its release, s.
    attack, decay, release : float >= 0
        Time of each part, s, together with ``attack + release <= duration``. The release begins ``duration - release`` after the
        start, from whatever level the note has reached by then.
    sustain : float in [0, 1]
        Level after the decay.

    Returns
    -------
    envelope : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]
        From 0 to 1; the first sample is 0 unless `attack` is 0, and 0 would follow the last one.

    Raises
    ------
    ParameterError
        If an argument is out of range, or attack and release do not fit into the note.

    Examples
    --------
    >>> adsr(sr=8000, duration=0.001, attack=0.00025, decay=0.00025, sustain=0.5, release=0.00025).tolist()
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.5, 0.5, 0.25]
    """
    length, sr = check_length(duration, sr=sr)
    attack = check_number(attack, name="attack", low=0.0)
    decay = check_number(decay, name="decay", low=0.0)
    sustain = check_number(sustain, name="sustain", low=0.0, high=1.0)
    release = check_number(release, name="release", low=0.0)
    if attack + release > duration:
        raise ParameterError(f"attack + release must be <= duration, {duration:g} s; received {attack:g} + {release:g} s")
    t = np.arange(length) / sr
    gate = length / sr - release  # when the key is let go
    held = np.minimum(t, gate)
    rising = held / attack if attack > 0.0 else np.ones(length)
    falling = 1.0 - (1.0 - sustain) * np.clip((held - attack) / decay, 0.0, 1.0) if decay > 0.0 else np.full(length, sustain)
    level = np.where(held < attack, rising, falling)
    return level * np.clip(1.0 - (t - gate) / release, 0.0, 1.0) if release > 0.0 else level


def exponential_decay(*, sr: int, duration: float, t60: float) -> np.ndarray:
    """A straight fall in decibels, ``10 ** (-3 t / t60)``, as of strings and bells.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    t60 : float > 0
        Time in which the level falls by 60 dB, s.

    Returns
    -------
    envelope : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]
        From 1 down.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> exponential_decay(sr=8000, duration=1.0, t60=0.5)[[0, 4000]]
    array([1.   , 0.001])
    """
    length, sr = check_length(duration, sr=sr)
    return 10.0 ** (-3.0 * np.arange(length) / (check_number(t60, name="t60", above=0.0) * sr))


def lfo(rate: float, *, sr: int, duration: float, shape: str = "sine", phase: float = 0.0, rng: RNGLike = None) -> np.ndarray:
    """A low-frequency oscillator: a slow curve between -1 and 1 that moves some other setting.

    Parameters
    ----------
    rate : float in (0, sr / 2)
        Periods per second, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    shape : {'sine', 'triangle', 'square', 'random'}
        'sine' and 'triangle' begin with 0 and rise, 'square' begins with half a period of 1. 'random' goes from one random
        value to the next in each period, by half a cosine, evenly distributed values from -1 to 1.
    phase : float
        Where in the period to begin, periods: 0.25 begins a sine at its top.
    rng : int, np.random.Generator or None
        Source of chance of 'random'.

    Returns
    -------
    curve : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]
        From -1 to 1. Not band-limited: for control, not for listening.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> lfo(1000.0, sr=8000, duration=0.001, shape="triangle").tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -0.5]
    """
    length, sr = check_length(duration, sr=sr)
    rate = check_number(rate, name="rate", above=0.0, below=0.5 * sr)
    shape = check_choice(shape, name="shape", choices=LFO_SHAPES)
    periods = np.arange(length) * rate / sr + np.mod(check_number(phase, name="phase"), 1.0)
    p = np.mod(periods, 1.0)
    if shape == "sine":
        return np.sin(2.0 * np.pi * p)
    if shape == "square":
        return np.where(p < 0.5, 1.0, -1.0)
    if shape == "triangle":
        return 1.0 - np.abs(4.0 * np.mod(p + 0.25, 1.0) - 2.0)
    which = np.floor(periods).astype(int)
    values = generator(rng).uniform(-1.0, 1.0, which[-1] + 2)
    return values[which] + (values[which + 1] - values[which]) * 0.5 * (1.0 - np.cos(np.pi * p))


def vibrato(
    f0: ArrayLike, *, sr: int, duration: float | None = None, rate: float = 5.5, depth: float = 30.0, delay: float = 0.0, onset: float = 0.2
) -> np.ndarray:
    """A pitch contour that sways around `f0`: ``f0 * 2 ** (depth sin(2 pi rate t) / 1200)``, not at once but after a while.

    Parameters
    ----------
    f0 : float > 0, or array [shape=(n,)] of such
        Pitch, or a contour (from `glide`), Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.
    rate : float in (0, sr / 2)
        Sways per second, Hz. Singers and players use 5 to 7.
    depth : float in [0, 1200]
        Greatest deviation to each side, cents.
    delay : float >= 0
        Time with no vibrato, s.
    onset : float >= 0
        Time from there to its full depth, s.

    Returns
    -------
    contour : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]
        Hz; for the `f0` of an oscillator.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> vibrato(440.0, sr=8000, duration=0.001, rate=1000.0, depth=100.0, onset=0.0)[[0, 2, 6]].round(2)  # a semitone up and down
    array([440.  , 466.16, 415.3 ])
    """
    contour = check_array(f0, name="f0", ndim=(0, 1), above=0.0).astype(np.float64)
    if contour.ndim == 0 and duration is None:
        raise ParameterError("duration must be given where f0 is a number; received None")
    length, sr = check_length(contour.size / sr if duration is None else duration, sr=sr)
    if contour.ndim == 1 and len(contour) != length:
        raise ParameterError(f"f0 must have one value for each of the {length} samples of duration; received {len(contour)} values")
    depth = check_number(depth, name="depth", low=0.0, high=1200.0)
    delay, onset = check_number(delay, name="delay", low=0.0), check_number(onset, name="onset", low=0.0)
    t = np.arange(length) / sr - delay
    share = np.clip(t / onset, 0.0, 1.0) if onset > 0.0 else (t >= 0.0).astype(float)
    return contour * 2.0 ** (depth * share * lfo(rate, sr=sr, duration=length / sr) / 1200.0)


def glide(f0: ArrayLike, starts: ArrayLike, *, sr: int, duration: float, portamento: float = 0.08) -> np.ndarray:
    """The pitch contour of a melody in which each note slides to the next: straight in cents, as a voice or a trombone does.

    Parameters
    ----------
    f0 : array [shape=(m,)] of float > 0
        Pitch of each note, Hz.
    starts : array [shape=(m,)]
        When each note begins, s: 0 first, then rising. From there the pitch takes `portamento` to leave the note before and
        reach this one, less if the next note comes sooner.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    portamento : float >= 0
        Time of a slide, s; 0 jumps.

    Returns
    -------
    contour : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]
        Hz; for the `f0` of an oscillator.

    Raises
    ------
    ParameterError
        If an argument is out of range, or `starts` does not fit `f0`.

    Examples
    --------
    Half way from one note to another an octave higher lies the tritone, 6 semitones from both.

    >>> glide([220.0, 440.0], [0.0, 0.5], sr=8000, duration=1.0, portamento=0.1)[[0, 4000, 4400, 4800]].round(2)
    array([220.  , 220.  , 311.13, 440.  ])
    """
    length, sr = check_length(duration, sr=sr)
    octaves = np.log2(_notes(f0, name="f0", above=0.0))
    starts = _notes(starts, name="starts", low=0.0)
    portamento = check_number(portamento, name="portamento", low=0.0)
    if len(starts) != len(octaves):
        raise ParameterError(f"starts must have one time for each of the {len(octaves)} notes; received {len(starts)}")
    if starts[0] != 0.0 or (np.diff(starts) <= 0.0).any():
        raise ParameterError(f"starts must begin with 0 and rise; received {starts.tolist()}")
    t = np.arange(length) / sr
    contour = np.full(length, octaves[0])
    for i in range(1, len(starts)):
        following = starts[i + 1] if i + 1 < len(starts) else np.inf
        slide = min(portamento, following - starts[i])
        share = np.clip((t - starts[i]) / slide, 0.0, 1.0) if slide > 0.0 else (t >= starts[i]).astype(float)
        contour += (octaves[i] - octaves[i - 1]) * share
    return 2.0**contour


def _notes(values: Any, *, name: str, **limits: Any) -> np.ndarray:
    notes = check_array(values, name=name, ndim=1, **limits).astype(np.float64)
    if not len(notes):
        raise ParameterError(f"{name} must have at least one value; received none")
    return notes
