"""Blown tubes that sound by themselves: a delay line for the air, and a mouth that feeds it at the right moment.

Breath is steady; the tone is not. It comes from a loop: a pressure wave runs down the tube and back, and what it finds at the mouth, a
reed that closes or a jet that swings, lets more breath in just when pressure is high. The wave grows until the mouth cannot give more.

The losses of the tube are running means, which delay all frequencies alike. So the resonances of the tube are exact multiples of the
lowest, the mouth reacts without delay (or, the jet, after just half a period), and the pitch is that of the tube at any strength of breath.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.physical._shared import PIECE, lagrange

__all__ = ["ENTRIES", "clarinet", "flute", "reed"]

_RELEASE = 0.06  # s in which the breath stops
_BELL = 0.985  # of the pressure that comes back from the end of the tube
_REST, _SLOPE = 0.7, -0.3  # the reed: how open it is at rest, how fast it closes
_EDGE = 0.6  # of the wave that turns at the mouth of the flute
_AIM, _SWING = 0.6, 2.5  # the jet: how far beside the edge it is aimed, how far a wave of pressure 1 swings it
_DC = 15.0  # Hz: slower motion is not heard from outside


def clarinet(
    f0: float, *, sr: int, duration: float, breath: float = 0.75, noise: float = 0.05, brightness: float = 0.5, attack: float = 0.03,
    rng: RNGLike = None,
) -> np.ndarray:  # fmt: skip
    """A cylindrical tube with a reed: closed at the mouth, open at the end, so that odd partials dominate.

    Parameters
    ----------
    f0 : float in [40, 1200]
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s; the breath stops at its end.
    breath : float in [0.65, 0.95]
        Pressure in the mouth. The reed begins to sound at some 0.4; beyond 1 it would stay shut.
    noise : float in [0, 0.3]
        Hiss of the breath, as a share of the pressure.
    brightness : float in [0, 1]
        How much of the high partials the end of the tube sends back.
    attack : float in [0.005, 0.5]
        Time in which the breath rises, s.
    rng : int, np.random.Generator or None
        Source of the hiss.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    M. E. McIntyre, R. T. Schumacher and J. Woodhouse (1983), On the oscillations of musical instruments, J. Acoust. Soc. Am. 74(5),
    1325-1345. J. O. Smith (1986), Efficient simulation of the reed-bore and bow-string mechanisms, Proc. Int. Computer Music Conf.

    Examples
    --------
    >>> from audiogen_helpers.spectral import partial_level, pitch_of
    >>> y = clarinet(220.0, sr=22050, duration=1.0, rng=0)
    >>> round(pitch_of(y, sr=22050))
    220
    >>> first, second, third = partial_level(y, f=[220.0, 440.0, 660.0], sr=22050)
    >>> bool(second < 0.05 * third < 0.05 * first)
    True
    """
    given: dict[str, Any] = {"f0": f0, "breath": breath, "noise": noise, "brightness": brightness, "attack": attack}
    return render(_CLARINET, sr=sr, duration=duration, rng=rng, **given)


def clarinet_stream(
    sr: int, rng: np.random.Generator, *, f0: float, breath: float, noise: float, brightness: float, attack: float, duration: float
) -> Stream:
    """The stream of `clarinet`."""
    half = 0.5 * sr / f0  # down the tube and back: the wave returns upside down, so two rounds are a period
    loss = _loss(0.1 * 3.0**-brightness, 2.0 * half, room=half - 2.0)
    whole, weights = lagrange(half - loss.delay)
    line, slow = np.zeros(whole + 4 + PIECE), np.zeros(2)
    for pressure in _breath(breath, noise, attack, duration, sr=sr, rng=rng):
        y = np.empty(PIECE)
        line[: whole + 4] = line[PIECE:].copy()
        _blow_reed(line, whole, weights, pressure, loss.held, loss.side, loss.sums, loss.at, slow, 2.0 * np.pi * _DC / sr, y)
        yield soft_limit(0.45 * y)


def reed(difference: np.ndarray) -> np.ndarray:
    """What share of a wave the reed sends back, by the pressure in the tube minus that in the mouth: the reed table of `clarinet`.

    ``0.7 - 0.3 * difference``, at most 1: shut, a wall.

    Parameters
    ----------
    difference : np.ndarray or float
        Pressure of the wave that arrives minus pressure in the mouth.

    Returns
    -------
    share : np.ndarray [shape of difference]
        From -1 to 1.

    Examples
    --------
    >>> reed(np.array([-2.0, -1.0, 0.0, 1.0])).round(2)
    array([1. , 1. , 0.7, 0.4])
    """
    return np.clip(_REST + _SLOPE * np.asarray(difference), -1.0, 1.0)


def flute(
    f0: float, *, sr: int, duration: float, breath: float = 0.6, noise: float = 0.1, brightness: float = 0.5, attack: float = 0.05,
    rng: RNGLike = None,
) -> np.ndarray:  # fmt: skip
    """A tube open at both ends, blown across: a jet of air swings in and out of the mouth, half a period behind the wave that moves it.

    Parameters
    ----------
    f0 : float in [100, 2500]
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s; the breath stops at its end.
    breath : float in [0.4, 1]
        Strength of the jet: louder and brighter.
    noise : float in [0, 0.5]
        Hiss of the breath, as a share of its strength.
    brightness : float in [0, 1]
        How much of the high partials the ends of the tube send back.
    attack : float in [0.005, 0.5]
        Time in which the breath rises, s; the tone comes up a little later.
    rng : int, np.random.Generator or None
        Source of the hiss.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    P. R. Cook (1992), A meta-wind-instrument physical model, and a meta-controller for real-time performance control, Proc. Int.
    Computer Music Conf.: the jet as a delay and a bent line. The half period is a choice of this model: it keeps the flute in tune.

    Examples
    --------
    >>> from audiogen_helpers.spectral import pitch_of
    >>> round(pitch_of(flute(440.0, sr=22050, duration=1.0, rng=0), sr=22050))
    440
    """
    given: dict[str, Any] = {"f0": f0, "breath": breath, "noise": noise, "brightness": brightness, "attack": attack}
    return render(_FLUTE, sr=sr, duration=duration, rng=rng, **given)


def flute_stream(
    sr: int, rng: np.random.Generator, *, f0: float, breath: float, noise: float, brightness: float, attack: float, duration: float
) -> Stream:
    """The stream of `flute`."""
    period = sr / f0
    loss = _loss(0.3 * 3.0**-brightness, period, room=period - 2.0)
    whole, weights = lagrange(period - loss.delay)
    jet_whole, jet_weights = lagrange(0.5 * period)
    kept = max(whole, jet_whole) + 4
    out, back = np.zeros(kept + PIECE), np.zeros(kept + PIECE)
    slow, leak = np.zeros(2), 2.0 * np.pi * _DC / sr
    for wind in _breath(breath, noise, attack, duration, sr=sr, rng=rng):
        y = np.empty(PIECE)
        for line in (out, back):
            line[:kept] = line[PIECE:].copy()
        _blow_jet(out, back, whole, weights, jet_whole, jet_weights, wind, loss.held, loss.side, loss.sums, loss.at, slow, leak, y)
        yield soft_limit(0.35 * y)


# --- breath and losses --------------------------------------------------------------------------------------------------------------


def _breath(breath: float, noise: float, attack: float, duration: float, *, sr: int, rng: np.random.Generator) -> Stream:
    """Pressure in the mouth: it rises as half a cosine, holds with hiss, and falls at the end."""
    release = min(_RELEASE, 0.25 * duration)
    attack = min(attack, 0.5 * duration)
    at = 0
    while True:
        t = np.arange(at, at + PIECE) / sr
        rise = 0.5 - 0.5 * np.cos(np.pi * np.clip(t / attack, 0.0, 1.0))
        fall = 0.5 - 0.5 * np.cos(np.pi * np.clip((duration - 0.3 * release - t) / (0.7 * release), 0.0, 1.0))
        yield breath * rise * fall * (1.0 + noise * rng.uniform(-1.0, 1.0, PIECE))
        at += PIECE


class _Loss(NamedTuple):
    """Two running means of `width` samples and a mean of three, ``(side, 1 - 2 side, side)``: symmetric, so all delay by `delay`."""

    width: int
    side: float
    held: np.ndarray
    sums: np.ndarray
    at: np.ndarray

    @property
    def delay(self) -> int:
        return self.width


def _loss(share: float, period: float, *, room: float) -> _Loss:
    """Smoothing over a share of the period, whatever fraction of a sample it is: the variances of the three means add up to it.

    A mean of m samples has the variance ``(m**2 - 1) / 12``, one of three ``2 side``. `room` is the longest delay that fits.
    """
    variance = (share * period) ** 2 / 6.0
    width = int(max(1, min(np.sqrt(6.0 * variance + 1.0), room)))
    side = min(0.25, 0.5 * (variance - (width**2 - 1) / 6.0))
    return _Loss(width, float(side), np.zeros((2, width)), np.zeros(4), np.zeros(1, dtype=np.int64))


@compiled
def _smooth(x, held, side, sums, at):
    """The three means in a row; `at` moves on."""
    i = at[0]
    width = held.shape[1]
    for stage in range(2):
        sums[stage] += x - held[stage, i]
        held[stage, i] = x
        x = sums[stage] / width
    at[0] = 0 if i + 1 == width else i + 1
    y = side * (x + sums[3]) + (1.0 - 2.0 * side) * sums[2]
    sums[3] = sums[2]
    sums[2] = x
    return y


@compiled
def _blow_reed(line, whole, weights, pressure, held, side, sums, at, slow, leak, y):
    """One piece of a clarinet; `line` holds the waves that left the mouth, `slow` the means that are taken off."""
    start = len(line) - len(y)
    for n in range(len(y)):
        k = start + n - whole
        back = weights[0] * line[k] + weights[1] * line[k - 1] + weights[2] * line[k - 2] + weights[3] * line[k - 3]
        back = -_BELL * _smooth(back, held, side, sums, at)
        difference = back - pressure[n]
        share = min(max(_REST + _SLOPE * difference, -1.0), 1.0)
        line[start + n] = pressure[n] + share * difference
        heard = line[start + n] + back
        slow[0] += leak * (heard - slow[0])
        heard -= slow[0]
        slow[1] += leak * (heard - slow[1])
        y[n] = heard - slow[1]


@compiled
def _blow_jet(out, back, whole, weights, jet_whole, jet_weights, wind, held, side, sums, at, slow, leak, y):
    """One piece of a flute; `out` holds the waves that left the mouth, `back` those that came back to it."""
    start = len(out) - len(y)
    for n in range(len(y)):
        k = start + n - whole
        came = weights[0] * out[k] + weights[1] * out[k - 1] + weights[2] * out[k - 2] + weights[3] * out[k - 3]
        came = _BELL * _smooth(came, held, side, sums, at)
        back[start + n] = came
        k = start + n - jet_whole
        moved = jet_weights[0] * back[k] + jet_weights[1] * back[k - 1] + jet_weights[2] * back[k - 2] + jet_weights[3] * back[k - 3]
        out[start + n] = _EDGE * came + wind[n] * math.tanh(_AIM - _SWING * moved)
        heard = out[start + n]
        slow[0] += leak * (heard - slow[0])
        heard -= slow[0]
        slow[1] += leak * (heard - slow[1])
        y[n] = heard - slow[1]


_NOISE = Parameter(name="noise", default=0.05, low=0.0, high=0.3, help="Hiss of the breath, as a share of its strength.")
_BRIGHTNESS = Parameter(name="brightness", default=0.5, low=0.0, high=1.0, help="How much of the high partials stays in the tube.")

_CLARINET = Entry(
    name="clarinet",
    summary="A tube with a reed that blows itself: odd partials dominate.",
    target="audiogen_helpers.synthesis.physical.tubes:clarinet",
    parameters=(
        Parameter(name="f0", default=220.0, unit="Hz", low=40.0, high=1200.0, help="Pitch."),
        Parameter(name="breath", default=0.75, low=0.65, high=0.95, help="Pressure in the mouth."),
        _NOISE,
        _BRIGHTNESS,
        Parameter(name="attack", default=0.03, unit="s", low=0.005, high=0.5, help="Time in which the breath rises."),
    ),
    extra={
        "family": "tube",
        "stream": "audiogen_helpers.synthesis.physical.tubes:clarinet_stream",
        "ends": True,
        "random": True,
        "in_tune": (50.0, 1200.0),
    },
)
_FLUTE = Entry(
    name="flute",
    summary="A tube open at both ends, blown across by a jet of air.",
    target="audiogen_helpers.synthesis.physical.tubes:flute",
    parameters=(
        Parameter(name="f0", default=440.0, unit="Hz", low=100.0, high=2500.0, help="Pitch."),
        Parameter(name="breath", default=0.6, low=0.4, high=1.0, help="Strength of the jet."),
        Parameter(name="noise", default=0.1, low=0.0, high=0.5, help="Hiss of the breath, as a share of its strength."),
        _BRIGHTNESS,
        Parameter(name="attack", default=0.05, unit="s", low=0.005, high=0.5, help="Time in which the breath rises."),
    ),
    extra={
        "family": "tube",
        "stream": "audiogen_helpers.synthesis.physical.tubes:flute_stream",
        "ends": True,
        "random": True,
        "in_tune": (100.0, 2000.0),
    },
)
ENTRIES: tuple[Entry, ...] = (_CLARINET, _FLUTE)
