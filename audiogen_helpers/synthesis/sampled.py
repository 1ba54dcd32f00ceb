"""Sound out of stored sound: wavetables and clouds of grains.

Chapter: chapters/methods/modulation.ipynb
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from audiogen_helpers import _streams
from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._streams import Stream, render
from audiogen_helpers._validation import check_audio
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.filters import dc_blocker, soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis import _wavetables, modulation

__all__ = ["ENTRIES", "grains", "granular", "wavetable"]

_PIECE = 8192  # samples yielded at a time
_N_TABLES = 5  # waves along the way from one end of the wavetable to the other
_CHORD = (1.0, 1.25, 1.5, 2.0)  # of the clip that `grains` is made from
_ROOT = 220.0  # Hz
_HANN_POWER = 0.375  # mean square of a Hann window


def wavetable(f0: float, *, sr: int, duration: float, position: float = 0.5, sweep: float = 0.5, rate: float = 0.25) -> np.ndarray:
    """A tone read from five stored waves, with a place between them that moves: sine, triangle, saw, square, and a vowel-like wave.

    Each wave holds just the partials that fit below sr / 2. Between two waves the tone is a weighted mean of both at the same phase.

    Parameters
    ----------
    f0 : float in [20, 4000] below sr / 2
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    position : float in [0, 1]
        Mean place along the waves.
    sweep : float in [0, 1]
        How far the place moves to both sides, from the lowest on; it is held at the ends.
    rate : float in [0.01, 20]
        How often it goes to and fro, Hz.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = wavetable(1000.0, sr=8000, duration=0.001, position=0.0, sweep=0.0)  # the first wave is a sine
    >>> y.round(3)
    array([ 0.   ,  0.636,  0.9  ,  0.636,  0.   , -0.636, -0.9  , -0.636])
    """
    return render(_WAVETABLE, sr=sr, duration=duration, f0=f0, position=position, sweep=sweep, rate=rate)


def wavetable_stream(sr: int, rng: np.random.Generator, *, f0: float, position: float, sweep: float, rate: float) -> Stream:
    """The stream of `wavetable`."""
    tables = [_table(i, _wavetables.n_partials(f0, sr=sr)) for i in range(_N_TABLES)]
    start = 0
    while True:
        n = np.arange(start, start + _PIECE)
        phase = np.mod(n * (f0 / sr), 1.0)
        place = (_N_TABLES - 1) * np.clip(position - sweep * np.cos(2.0 * np.pi * np.mod(n * (rate / sr), 1.0)), 0.0, 1.0)
        y = np.zeros(_PIECE)
        for i, table in enumerate(tables):
            weight = np.maximum(0.0, 1.0 - np.abs(place - i))
            if weight.any():
                y += weight * _wavetables.read(table, phase)
        yield y
        start += _PIECE


@lru_cache(maxsize=64)
def _table(i: int, n: int) -> np.ndarray:
    """Wave number `i` with `n` partials, its peak at 0.9."""
    k = np.arange(1, n + 1, dtype=float)
    amplitudes = (
        np.where(k == 1, 1.0, 0.0),
        np.sin(np.pi * k / 2).round() / k**2,
        1.0 / k,
        (k % 2) / k,
        (np.exp(-(((k - 4) / 1.2) ** 2)) + 0.6 * np.exp(-(((k - 9) / 2.0) ** 2)) + 0.5 / k) / k**0.5,
    )[i]
    table = _wavetables.one_period(-1j * amplitudes)
    table = 0.9 / np.abs(table).max() * table
    table.flags.writeable = False
    return table


def granular(
    clip: np.ndarray,
    *,
    sr: int,
    duration: float,
    density: float = 40.0,
    grain: float = 0.08,
    position: float = 0.0,
    speed: float = 1.0,
    spread: float = 0.02,
    pitch: float = 0.0,
    jitter: float = 0.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """A cloud of grains: short windowed pieces of a clip, read around a place that moves through it, and scattered in time.

    Parameters
    ----------
    clip : np.ndarray [shape=(m,)]
        Waveform, mono; it counts as a circle, so that reading never ends.
    sr : int, 8000 to 192000
        Sample rate of clip and result, Hz.
    duration : float in (0, 3600]
        Length, s.
    density : float in [1, 1000]
        Grains per second on average, at random moments.
    grain : float in [0.002, 1]
        Length of a grain, s (Hann window).
    position : float in [0, 1]
        Where reading begins, as a share of the clip.
    speed : float in [-4, 4]
        How fast the place moves: 1 keeps the clip's own time, 0 freezes it, 0.25 takes four times as long.
    spread : float in [0, 2]
        Standard deviation of the places of the grains around it, s.
    pitch : float in [-24, 24]
        Transposition of the grains, semitones.
    jitter : float in [0, 24]
        Standard deviation of the transposition, semitones.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        Where grains overlap, at about the level of the clip (2 dB below it for noise: reading between samples smooths).

    Raises
    ------
    ParameterError
        If the clip is no mono waveform within [-1, 1], or an argument is out of range.

    References
    ----------
    C. Roads (2001), Microsound, MIT Press.

    Examples
    --------
    >>> clip = np.sin(2 * np.pi * 440.0 * np.arange(8000) / 8000)
    >>> granular(clip, sr=8000, duration=0.5, rng=0).shape
    (4000,)
    """
    clip = check_audio(clip, name="clip", mono=True, min_length=2).astype(np.float64)
    if np.abs(clip).max() > 1.0:
        raise ParameterError(f"clip must stay within [-1, 1]; received a peak of {np.abs(clip).max():.4g}")
    length, sr = _streams.check_length(duration, sr=sr)
    given = {"density": density, "grain": grain, "position": position, "speed": speed, "spread": spread, "pitch": pitch, "jitter": jitter}
    settings = _GRAINS.settings(given, sr=sr)
    y, at = np.zeros(length), 0
    for piece in _cloud(clip, sr, generator(rng), **settings):
        n = min(len(piece), length - at)
        y[at : at + n] = piece[:n]
        at += n
        if at == length:
            break
    return y


def grains(
    *,
    sr: int,
    duration: float,
    density: float = 40.0,
    grain: float = 0.08,
    position: float = 0.0,
    speed: float = 0.3,
    spread: float = 0.1,
    pitch: float = 0.0,
    jitter: float = 0.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """A cloud of grains of a broken chord, which is made by FM: `granular` for those who have no clip at hand.

    Parameters
    ----------
    sr, duration, density, grain, position, speed, spread, pitch, jitter, rng
        As for `granular`.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> grains(sr=8000, duration=0.5, rng=0).shape
    (4000,)
    """
    given = {"density": density, "grain": grain, "position": position, "speed": speed, "spread": spread, "pitch": pitch, "jitter": jitter}
    return render(_GRAINS, sr=sr, duration=duration, rng=rng, **given)


def grains_stream(sr: int, rng: np.random.Generator, **settings: float) -> Stream:
    """The stream of `grains`."""
    return _cloud(_chord(sr), sr, rng, **settings)


@lru_cache(maxsize=4)
def _chord(sr: int) -> np.ndarray:
    """Four notes of an electric piano, one every half second."""
    notes = [modulation.fm_piano(_ROOT * ratio, sr=sr, duration=1.0, decay=2.0) for ratio in _CHORD]
    step = sr // 2
    clip = np.zeros(step * (len(notes) + 1))
    for i, note in enumerate(notes):
        clip[i * step : i * step + len(note)] += 0.5 * note
    clip.flags.writeable = False
    return clip


def _cloud(
    clip: np.ndarray,
    sr: int,
    rng: np.random.Generator,
    *,
    density: float,
    grain: float,
    position: float,
    speed: float,
    spread: float,
    pitch: float,
    jitter: float,
) -> Stream:
    """The stream of a cloud: each piece gets the grains that begin in it, and what still sounds of earlier ones."""
    when, where, how = rng.spawn(3)
    length = max(4, round(grain * sr))
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(length) + 0.5) / length)
    gain = 1.0 / np.sqrt(max(1.0, _HANN_POWER * density * grain))
    sounding, block_dc, start = np.zeros(_PIECE + length), dc_blocker(sr), 0
    while True:
        count = when.poisson(density * _PIECE / sr)
        starts = np.sort(when.integers(0, _PIECE, count))
        reads = position * len(clip) + speed * (start + starts) + spread * sr * where.standard_normal(count)
        steps = 2.0 ** ((pitch + jitter * how.standard_normal(count)) / 12.0)
        _add(sounding, clip, starts, np.mod(reads, len(clip)), steps, window)
        yield soft_limit(gain * block_dc(sounding[:_PIECE]))
        sounding[:length] = sounding[_PIECE : _PIECE + length].copy()
        sounding[length:] = 0.0
        start += _PIECE


@compiled
def _add(out, clip, starts, reads, steps, window):
    """Add grains to `out`: each read from the circle `clip` at its own place and step, between samples by a straight line."""
    size = len(clip)
    for g in range(len(starts)):
        place = reads[g]
        for i in range(len(window)):
            whole = int(place)
            part = place - whole
            after = whole + 1 if whole + 1 < size else 0
            out[starts[g] + i] += window[i] * ((1.0 - part) * clip[whole] + part * clip[after])
            place += steps[g]
            while place >= size:
                place -= size


_HERE = "audiogen_helpers.synthesis.sampled"
_WAVETABLE = Entry(
    name="wavetable",
    summary="A tone between five stored waves, moving from one to the next.",
    target=f"{_HERE}:wavetable",
    parameters=(
        Parameter(name="f0", default=220.0, unit="Hz", low=20.0, high=4000.0, help="Pitch."),
        Parameter(name="position", default=0.5, low=0.0, high=1.0, help="Mean place along the waves."),
        Parameter(name="sweep", default=0.5, low=0.0, high=1.0, help="How far the place moves to both sides."),
        Parameter(name="rate", default=0.25, unit="Hz", low=0.01, high=20.0, help="How often it goes to and fro."),
    ),
    extra={"family": "sampled", "stream": f"{_HERE}:wavetable_stream", "in_tune": (50.0, 2000.0)},
)
_GRAINS = Entry(
    name="grains",
    summary="A cloud of grains of a broken chord.",
    target=f"{_HERE}:grains",
    parameters=(
        Parameter(name="density", default=40.0, unit="1/s", low=1.0, high=1000.0, help="Grains per second."),
        Parameter(name="grain", default=0.08, unit="s", low=0.002, high=1.0, help="Length of a grain."),
        Parameter(name="position", default=0.0, low=0.0, high=1.0, help="Where reading begins, as a share of the clip."),
        Parameter(name="speed", default=0.3, low=-4.0, high=4.0, help="How fast the place of reading moves: 0 freezes."),
        Parameter(name="spread", default=0.1, unit="s", low=0.0, high=2.0, help="How far the grains lie around it."),
        Parameter(name="pitch", default=0.0, unit="semitones", low=-24.0, high=24.0, help="Transposition."),
        Parameter(name="jitter", default=0.0, unit="semitones", low=0.0, high=24.0, help="Spread of the transposition."),
    ),
    extra={"family": "sampled", "stream": f"{_HERE}:grains_stream", "random": True},
)

ENTRIES: tuple[Entry, ...] = (_WAVETABLE, _GRAINS)
