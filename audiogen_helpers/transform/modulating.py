"""Sound through moving delays and moving gains: chorus, flanger, vibrato, tremolo."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.transform._steps import Step, per_channel, render

__all__ = ["ENTRIES", "chorus", "flanger", "tremolo", "vibrato"]


def chorus(
    y: np.ndarray, *, sr: int, rate: float = 0.8, depth: float = 0.004, delay: float = 0.015, voices: int = 3, mix: float = 0.5
) -> np.ndarray:
    """One player becomes several: copies whose delays drift, each on its own, so that each is a little sharp, then a little flat.

    Voice `v` is delayed by ``delay + depth (1 + sin(2 pi (rate t + v / voices))) / 2`` seconds. Causal: it may run in blocks.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform. The drifts of channel `c` are a quarter of a turn later than those of channel ``c - 1``, which makes stereo wide.
    sr : int > 0
        Sample rate, Hz.
    rate : float, 0.01 to 10
        Drifts to and fro per second, Hz.
    depth : float, 0 to 0.02
        How far the delays move, s.
    delay : float, 0.001 to 0.1
        Shortest delay, s.
    voices : int, 1 to 8
        Copies.
    mix : float in [0, 1]
        0 is `y` alone, 1 the copies alone (their mean).

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(16000) / 8000)
    >>> z = chorus(y, sr=8000)
    >>> bool(np.abs(z).max() <= 1.01), z.shape
    (True, (16000,))
    """
    return render(_CHORUS, y, sr=sr, rate=rate, depth=depth, delay=delay, voices=voices, mix=mix)


def flanger(y: np.ndarray, *, sr: int, rate: float = 0.25, depth: float = 0.004, feedback: float = 0.5, mix: float = 0.5) -> np.ndarray:
    """A comb that sweeps: the sound meets itself after 1 to ``1 + 1000 depth`` milliseconds, and the notches move. Causal.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    rate : float, 0.01 to 10
        Sweeps per second, Hz.
    depth : float, 0 to 0.02
        How far the delay moves, s.
    feedback : float, -0.95 to 0.95
        Share of the delayed sound that goes round again. The output may exceed 1.
    mix : float in [0, 1]
        0 is `y` alone, 1 the delayed sound alone; at 0.5 the notches are deepest.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> flanger(np.eye(1, 17)[0], sr=8000, depth=0.0, feedback=0.5)[::8].round(6) + 0.0
    array([0.5 , 0.5 , 0.25])
    """
    return render(_FLANGER, y, sr=sr, rate=rate, depth=depth, feedback=feedback, mix=mix)


def vibrato(y: np.ndarray, *, sr: int, rate: float = 5.5, depth_cents: float = 30.0) -> np.ndarray:
    """The pitch goes up and down: a delay that moves, as a source that moves has a Doppler effect. Causal.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    rate : float, 0.5 to 15
        Waves per second, Hz.
    depth_cents : float, 0 to 200
        Highest deviation of the pitch, cents (the lowest is as far within 6 % at 200).

    Returns
    -------
    y : np.ndarray [same shape and float type]
        Late by 1 ms plus the amplitude of the delay on average.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> vibrato(np.zeros(8000), sr=8000).shape
    (8000,)
    """
    return render(_VIBRATO, y, sr=sr, rate=rate, depth_cents=depth_cents)


def tremolo(y: np.ndarray, *, sr: int, rate: float = 5.0, depth: float = 0.5) -> np.ndarray:
    """The level goes down and up: a gain of ``1 - depth (1 - cos(2 pi rate t)) / 2``, which starts at 1. Causal.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    rate : float, 0.1 to 50
        Waves per second, Hz.
    depth : float, 0 to 1
        How far the gain goes down; at 1 to silence.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> tremolo(np.ones(9), sr=8, rate=2.0, depth=1.0).round(6) + 0.0
    array([1. , 0.5, 0. , 0.5, 1. , 0.5, 0. , 0.5, 1. ])
    """
    return render(_TREMOLO, y, sr=sr, rate=rate, depth=depth)


def start_chorus(sr: int, *, rate: float, depth: float, delay: float, voices: int, mix: float) -> Step:
    """The step of `chorus`."""
    return _moving(sr, rate=rate, depth=depth, delay=delay, turns=np.arange(voices) / voices, feedback=0.0, mix=mix)


def start_flanger(sr: int, *, rate: float, depth: float, feedback: float, mix: float) -> Step:
    """The step of `flanger`."""
    return _moving(sr, rate=rate, depth=depth, delay=0.001, turns=np.array([0.75]), feedback=feedback, mix=mix)


def start_vibrato(sr: int, *, rate: float, depth_cents: float) -> Step:
    """The step of `vibrato`: a delay of amplitude `a` that swings at `rate` changes the pitch by the factor ``1 + 2 pi rate a``."""
    amplitude = (2.0 ** (depth_cents / 1200.0) - 1.0) / (2.0 * np.pi * rate)
    return _moving(sr, rate=rate, depth=2.0 * amplitude, delay=0.001, turns=np.array([0.0]), feedback=0.0, mix=1.0)


def start_tremolo(sr: int, *, rate: float, depth: float) -> Step:
    """The step of `tremolo`."""
    clock = np.zeros(1, dtype=np.int64)

    def step(block: np.ndarray) -> np.ndarray:
        n = clock[0] + np.arange(block.shape[-1])
        clock[0] += block.shape[-1]
        return block * (1.0 - 0.5 * depth * (1.0 - np.cos(2.0 * np.pi * np.mod(n * (rate / sr), 1.0))))

    return step


def _moving(sr: int, *, rate: float, depth: float, delay: float, turns: np.ndarray, feedback: float, mix: float) -> Step:
    """A step that mixes a sound with the mean of its copies through delays that swing, one for each of `turns` (where it starts)."""
    shortest, way = max(2.0, delay * sr), depth * sr

    def make(channels: int) -> Step:
        line = np.zeros((channels, int(shortest + way) + 4))
        clock = np.zeros(1, dtype=np.int64)

        def step(block: np.ndarray) -> np.ndarray:
            wet = _swing(block, line, shortest, way, rate / sr, turns, feedback, clock[0])
            clock[0] += block.shape[-1]
            return (1.0 - mix) * block + mix * wet

        return step

    return per_channel(make)


@compiled
def _swing(x, line, shortest, way, turn, turns, feedback, clock):
    """The mean of the moving copies of `x` (channels, n), read between samples by a cubic; `line` is the memory and is changed."""
    out = np.empty_like(x)
    size = line.shape[1]
    for c in range(x.shape[0]):
        for n in range(x.shape[1]):
            at = clock + n
            wet = 0.0
            for v in range(len(turns)):
                swing = np.sin(2.0 * np.pi * (at * turn % 1.0 + turns[v] + 0.25 * c))
                back = shortest + 0.5 * way * (1.0 + swing)
                whole = int(back) - 1
                d = back - whole  # from 1 to 2 steps behind the newest of the four samples
                w0 = -(d - 1.0) * (d - 2.0) * (d - 3.0) / 6.0
                w1 = d * (d - 2.0) * (d - 3.0) / 2.0
                w2 = -d * (d - 1.0) * (d - 3.0) / 2.0
                w3 = d * (d - 1.0) * (d - 2.0) / 6.0
                i = at - whole
                wet += w0 * line[c, i % size] + w1 * line[c, (i - 1) % size] + w2 * line[c, (i - 2) % size] + w3 * line[c, (i - 3) % size]
            wet /= len(turns)
            line[c, at % size] = x[c, n] + feedback * wet
            out[c, n] = wet
    return out


def _rate(default: float, low: float, high: float) -> Parameter:
    return Parameter(name="rate", default=default, unit="Hz", low=low, high=high, help="Waves per second.")


def _entry(name: str, summary: str, *parameters: Parameter) -> Entry:
    module = "audiogen_helpers.transform.modulating"
    extra = {"mono": False, "length": "same", "stream": f"{module}:start_{name}"}
    return Entry(name=name, summary=summary, target=f"{module}:{name}", parameters=parameters, extra=extra)


_DEPTH = Parameter(name="depth", default=0.004, unit="s", low=0.0, high=0.02, help="How far the delay moves.")
_MIX = Parameter(name="mix", default=0.5, low=0.0, high=1.0, help="Share of the effect; the rest is the sound itself.")
_CHORUS = _entry(
    "chorus",
    "One player becomes several, a little out of tune with one another.",
    _rate(0.8, 0.01, 10.0),
    _DEPTH,
    Parameter(name="delay", default=0.015, unit="s", low=0.001, high=0.1, help="Shortest delay."),
    Parameter(name="voices", default=3, low=1, high=8, help="Copies."),
    _MIX,
)
_FLANGER = _entry(
    "flanger",
    "A comb of notches that sweeps through the sound.",
    _rate(0.25, 0.01, 10.0),
    _DEPTH,
    Parameter(name="feedback", default=0.5, low=-0.95, high=0.95, help="Share that goes round again."),
    _MIX,
)
_VIBRATO = _entry(
    "vibrato",
    "The pitch goes up and down.",
    _rate(5.5, 0.5, 15.0),
    Parameter(name="depth_cents", default=30.0, unit="cents", low=0.0, high=200.0, help="Highest deviation of the pitch."),
)
_TREMOLO = _entry(
    "tremolo",
    "The level goes down and up.",
    _rate(5.0, 0.1, 50.0),
    Parameter(name="depth", default=0.5, low=0.0, high=1.0, help="How far the gain goes down."),
)

ENTRIES: tuple[Entry, ...] = (_CHORUS, _FLANGER, _VIBRATO, _TREMOLO)
