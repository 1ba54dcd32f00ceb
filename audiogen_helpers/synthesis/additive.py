"""Tones as sums of sines: Fourier partials, bells whose partials are not in a row, and endless glissandi.

Chapter: chapters/methods/oscillators.ipynb
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._streams import Stream, render
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis import _wavetables
from audiogen_helpers.synthesis.oscillators import table_stream, tone

__all__ = ["ENTRIES", "bell", "harmonic", "shepard"]

_PIECE = 8192  # samples yielded at a time

# Risset's bell: frequency over that of the note, a shift of it in Hz (two partials are pairs that beat), level, duration over the longest
_BELL = np.array(
    [
        [0.56, 0.0, 1.0, 1.0],
        [0.56, 1.0, 0.67, 0.9],
        [0.92, 0.0, 1.0, 0.65],
        [0.92, 1.7, 1.8, 0.55],
        [1.19, 0.0, 2.67, 0.325],
        [1.7, 0.0, 1.67, 0.35],
        [2.0, 0.0, 1.46, 0.25],
        [2.74, 0.0, 1.33, 0.2],
        [3.0, 0.0, 1.33, 0.15],
        [3.76, 0.0, 1.0, 0.1],
        [4.07, 0.0, 1.33, 0.075],
    ]
)
_INAUDIBLE = 120.0  # dB: a bell that has fallen so far has ended
_LOWEST = 20.0  # Hz: where a component of the endless glissando appears


def harmonic(
    f0: ArrayLike, *, sr: int, duration: float | None = None, n_partials: int = 16, rolloff: float = 6.0, even: float = 1.0
) -> np.ndarray:
    """A sum of Fourier partials: ``y = scale * sum over k of a_k sin(2 pi k f0 t)`` with ``a_k = 10 ** (-rolloff log2(k) / 20)``.

    For even k, ``a_k`` is further multiplied by `even`. Partials at or above sr / 2 are left out. The scale bounds the wave
    with any number of partials up to `n_partials`, so that the level does not change with the pitch.

    Parameters
    ----------
    f0 : float in [20, 20000] below sr / 2, or array [shape=(n,)] of such
        Pitch, Hz; an array gives one for each sample, and partials then fade out as they come near sr / 2.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600], optional
        Length, s; must be given where `f0` is a number.
    n_partials : int in [1, 128]
        Number of partials.
    rolloff : float in [0, 48]
        How much softer each partial is than the one an octave below, dB per octave; 6.02 is that of a saw.
    even : float in [0, 1]
        Level of the even partials; 0 leaves only odd ones, as in a clarinet.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> harmonic(2000.0, sr=8000, duration=0.0005, n_partials=1).round(3)
    array([ 0.,  1.,  0., -1.])
    """
    settings = {"n_partials": n_partials, "rolloff": rolloff, "even": even}
    if np.ndim(f0) > 0:
        settings = {name: value for name, value in _HARMONIC.settings(settings).items() if name != "f0"}
    most = int(settings["n_partials"]) if np.ndim(f0) > 0 else None

    def table_of(k: int) -> np.ndarray:
        return _harmonic_table(k, settings["n_partials"], settings["rolloff"], settings["even"])

    return tone(_HARMONIC, table_of, f0, sr=sr, duration=duration, most=most, **settings)


def harmonic_stream(sr: int, rng: np.random.Generator, *, f0: float, n_partials: int, rolloff: float, even: float) -> Stream:
    """The stream of `harmonic`."""
    fit = min(n_partials, _wavetables.n_partials(f0, sr=sr))
    return table_stream(_harmonic_table(fit, n_partials, rolloff, even), f0=f0, sr=sr)


@lru_cache(maxsize=128)
def _harmonic_table(k: int, n_partials: int, rolloff: float, even: float) -> np.ndarray:
    levels = _levels(n_partials, rolloff, even)
    return _wavetables.one_period(-1j * levels[:k] / _highest(n_partials, rolloff, even))


def _levels(n_partials: int, rolloff: float, even: float) -> np.ndarray:
    k = np.arange(1, n_partials + 1)
    return 10.0 ** (-rolloff * np.log2(k) / 20.0) * np.where(k % 2, 1.0, even)


@lru_cache(maxsize=128)
def _highest(n_partials: int, rolloff: float, even: float) -> float:
    """The highest peak of the sums of the first 1, 2, ... partials, on a grid of 32 points to a period of the highest partial.

    Between two of these points a sum can be higher by 0.5 % (``1 / cos(pi / 32)``), which is added.
    """
    phase = np.arange(16 * n_partials + 1) / (32 * n_partials)  # half a period: the other half is its mirror image
    total, peak = np.zeros(len(phase)), 0.0
    for k, level in enumerate(_levels(n_partials, rolloff, even), start=1):
        total += level * np.sin(2.0 * np.pi * k * phase)
        peak = max(peak, float(np.abs(total).max()))
    return peak / np.cos(np.pi / 32) if n_partials > 1 else peak


def bell(f0: float = 440.0, *, sr: int, duration: float, decay: float = 6.0) -> np.ndarray:
    """Risset's bell: eleven partials, not in a row, each with a decay of its own; the lowest rings longest.

    The partials lie at 0.56 to 4.07 times `f0`; two of them are pairs that are 1 and 1.7 Hz apart and beat. Partials at or above sr / 2
    are left out. The sound does not end with `duration` but is cut there: choose `decay` or a release to suit.

    Parameters
    ----------
    f0 : float in [20, 10000] below sr / 2
        Frequency that the partials are multiples of, Hz. No partial lies there, and which pitch is heard depends on the listener.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    decay : float in [0.05, 60]
        Time in which the longest partial falls by 60 dB, s; the shortest takes 7.5 % of it.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        Zeros after the longest partial has fallen by 120 dB.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J.-C. Risset (1969), An introductory catalogue of computer synthesized sounds, Bell Telephone Laboratories.

    Examples
    --------
    >>> y = bell(440.0, sr=8000, duration=2.0)
    >>> y.shape, bool(np.abs(y).max() < 1.0)
    ((16000,), True)
    """
    return render(_BELL_ENTRY, sr=sr, duration=duration, f0=f0, decay=decay)


def bell_stream(sr: int, rng: np.random.Generator, *, f0: float, decay: float) -> Stream:
    """The stream of `bell`: each partial is a number that turns and shrinks, ``z ** n`` with ``z = exp((2 pi i f - 6.9 / t60) / sr)``."""
    ratio, shift, level, length = _BELL.T
    f = ratio * f0 + shift
    rate = 2j * np.pi * f - 3.0 * np.log(10.0) / (length * decay)  # 1/s
    state = (level / level.sum() * (f < 0.5 * sr)).astype(np.complex128)
    powers = np.exp(np.outer(rate, np.arange(_PIECE) / sr))
    step = np.exp(rate * (_PIECE / sr))
    left = int(np.ceil(_INAUDIBLE / 60.0 * decay * sr))
    while left > 0:
        yield (state @ powers).imag[:left]
        state *= step
        left -= _PIECE


def shepard(*, sr: int, duration: float, rate: float = 0.1, direction: str = "up") -> np.ndarray:
    """An endless glissando: it rises (or falls) for ever and gets nowhere.

    Sines one octave apart rise together. Each fades in from about 20 Hz and fades out before it reaches the top, 20 Hz times the greatest
    power of two, at most 2**9, that stays below 0.45 sr. When all have risen by an octave the sound is what it was at first.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rate : float in [0.01, 2]
        Speed, octaves per second.
    direction : {'up', 'down'}

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    R. N. Shepard (1964), Circularity in judgments of relative pitch, J. Acoust. Soc. Am. 36(12), 2346-2353, has the steps;
    J.-C. Risset (1969), An introductory catalogue of computer synthesized sounds, the glide.

    Examples
    --------
    >>> y = shepard(sr=8000, duration=4.0, rate=0.5)
    >>> bool(np.allclose(y[:16000], y[16000:]))  # an octave later: the same
    True
    """
    return render(_SHEPARD, sr=sr, duration=duration, rate=rate, direction=direction)


def shepard_stream(sr: int, rng: np.random.Generator, *, rate: float, direction: str) -> Stream:
    """The stream of `shepard`.

    With u the octaves risen since the last whole one, component i = 0 ... n - 1 has the frequency ``lowest * 2 ** (i + u)``, whose integral
    is ``2 ** i * turns`` periods, ``turns = lowest * 2 ** u / (rate ln 2)``. So each component has twice the phase of the one below,
    and ``sin 2x = 2 sin x cos x`` gives them all from one sine. Where u goes from 1 to 0, component i takes over from i - 1 at the same
    phase. `lowest` is so near 20 Hz that the turns at u = 0 are a whole number: all components begin with 0.
    """
    n = min(9, int(np.log2(0.45 * sr / _LOWEST)))
    sign = 1.0 if direction == "up" else -1.0
    turns = round(_LOWEST / (rate * np.log(2.0)))
    start = 0
    while True:
        u = np.mod(sign * rate * (np.arange(start, start + _PIECE) / sr), 1.0)
        angle = 2.0 * np.pi * np.mod(turns * 2.0**u, 1.0)
        s, c = np.sin(angle), np.cos(angle)
        bump, across = np.cos(2.0 * np.pi * u / n), np.sin(2.0 * np.pi * u / n)
        y = np.zeros(_PIECE)
        for i in range(n):
            turn = 2.0 * np.pi * i / n
            y += (1.0 - bump * np.cos(turn) + across * np.sin(turn)) * s  # 1 - cos(2 pi (i + u) / n): all together n
            s, c = 2.0 * s * c, 1.0 - 2.0 * s * s
        yield sign * y / n
        start += _PIECE


_HERE = "audiogen_helpers.synthesis.additive"
_HARMONIC = Entry(
    name="harmonic",
    summary="A sum of Fourier partials with a slope of your choice.",
    target=f"{_HERE}:harmonic",
    parameters=(
        Parameter(name="f0", default=220.0, unit="Hz", low=20.0, high=20_000.0, help="Pitch."),
        Parameter(name="n_partials", default=16, low=1, high=128, help="Number of partials."),
        Parameter(name="rolloff", default=6.0, unit="dB/octave", low=0.0, high=48.0, help="How fast partials get softer."),
        Parameter(name="even", default=1.0, low=0.0, high=1.0, help="Level of the even partials."),
    ),
    extra={"family": "additive", "stream": f"{_HERE}:harmonic_stream", "in_tune": (50.0, 2000.0)},
)
_BELL_ENTRY = Entry(
    name="risset-bell",
    summary="Risset's bell: eleven partials that are not in a row, each with its own decay.",
    target=f"{_HERE}:bell",
    parameters=(
        Parameter(name="f0", default=440.0, unit="Hz", low=20.0, high=10_000.0, help="What the partials are multiples of."),
        Parameter(name="decay", default=6.0, unit="s", low=0.05, high=60.0, help="Time in which the longest partial falls by 60 dB."),
    ),
    extra={"family": "additive", "stream": f"{_HERE}:bell_stream"},
)
_SHEPARD = Entry(
    name="shepard",
    summary="An endless glissando that rises (or falls) for ever.",
    target=f"{_HERE}:shepard",
    parameters=(
        Parameter(name="rate", default=0.1, unit="octaves/s", low=0.01, high=2.0, help="Speed."),
        Parameter(name="direction", default="up", choices=("up", "down"), help="Which way."),
    ),
    extra={"family": "additive", "stream": f"{_HERE}:shepard_stream"},
)

ENTRIES: tuple[Entry, ...] = (_HARMONIC, _BELL_ENTRY, _SHEPARD)
