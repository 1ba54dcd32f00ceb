"""Rich tones through a resonant filter whose cut-off moves.

Chapter: chapters/methods/modulation.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers.filters import Filter, MovingFilter, biquad, dc_blocker, soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis import oscillators

__all__ = ["ENTRIES", "noise_band", "subtractive", "wah"]

_PIECE = 8192  # samples yielded at a time
_WAVES = ("saw", "square", "triangle")
_LEVEL = 0.15  # rms of `noise_band`


def subtractive(
    f0: float,
    *,
    sr: int,
    duration: float,
    wave: str = "saw",
    cutoff: float = 600.0,
    resonance: float = 3.0,
    sweep: float = 2.5,
    decay: float = 0.25,
) -> np.ndarray:
    """A note of the classic synthesiser: a rich wave through a low-pass that opens at the stroke and closes again.

    Parameters
    ----------
    f0 : float in [20, 4000] below sr / 2
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s; the note is released 0.08 s before it ends (at half where it is shorter than 0.16 s).
    wave : {'saw', 'square', 'triangle'}
        What is filtered.
    cutoff : float in [20, 20000]
        Where the cut-off comes to rest, Hz; held at 0.45 of the rate where that is lower.
    resonance : float in [0.5, 30]
        Gain at the cut-off.
    sweep : float in [0, 8]
        How far the cut-off begins above its rest, octaves.
    decay : float in [0.005, 10]
        Time constant of the closing, s.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        Divided by the square root of the resonance, and limited softly where a partial meets the resonance.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> subtractive(110.0, sr=8000, duration=0.5).shape
    (4000,)
    """
    settings: dict[str, Any] = {"wave": wave, "cutoff": cutoff, "resonance": resonance, "sweep": sweep, "decay": decay}
    return render(_SUBTRACTIVE, sr=sr, duration=duration, f0=f0, **settings)


def subtractive_stream(
    sr: int,
    rng: np.random.Generator,
    *,
    f0: float,
    wave: str,
    cutoff: float,
    resonance: float,
    sweep: float,
    decay: float,
    duration: float,
) -> Stream:
    """The stream of `subtractive`."""
    low_pass, release, gain = MovingFilter("low-pass", sr=sr), min(0.08, duration / 2), 0.5 / np.sqrt(max(1.0, resonance))
    start = 0
    for x in _source(wave, f0=f0, sr=sr, rng=rng):
        t = np.arange(start, start + len(x)) / sr
        f = np.minimum(cutoff * 2.0 ** (sweep * np.exp(-t / decay)), 0.45 * sr)
        level = np.minimum(t / 0.004, 1.0) * np.interp(t, [duration - release, duration], [1.0, 0.0])
        yield soft_limit(gain * low_pass(x, cutoff=f, q=resonance)) * level
        start += len(x)


def wah(
    f0: float,
    *,
    sr: int,
    duration: float,
    wave: str = "saw",
    rate: float = 1.0,
    low: float = 300.0,
    high: float = 2400.0,
    resonance: float = 6.0,
) -> np.ndarray:
    """An endless tone through a low-pass that a slow sine opens and closes.

    Parameters
    ----------
    f0 : float in [20, 4000] below sr / 2
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    wave : {'saw', 'square', 'triangle'}
        What is filtered.
    rate : float in [0.01, 50]
        How often the filter opens, Hz.
    low, high : float in [20, 20000]
        Where the cut-off turns round, Hz; held at 0.45 of the rate where that is lower.
    resonance : float in [0.5, 30]
        Gain at the cut-off.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> wah(110.0, sr=8000, duration=0.5).shape
    (4000,)
    """
    return render(_WAH, sr=sr, duration=duration, f0=f0, wave=wave, rate=rate, low=low, high=high, resonance=resonance)


def wah_stream(
    sr: int, rng: np.random.Generator, *, f0: float, wave: str, rate: float, low: float, high: float, resonance: float
) -> Stream:
    """The stream of `wah`."""
    low_pass, block_dc, gain = MovingFilter("low-pass", sr=sr), dc_blocker(sr), 0.5 / np.sqrt(max(1.0, resonance))
    start = 0
    for x in _source(wave, f0=f0, sr=sr, rng=rng):
        t = np.arange(start, start + len(x)) / sr
        opened = 0.5 - 0.5 * np.cos(2.0 * np.pi * rate * t)
        f = np.minimum(low * (high / low) ** opened, 0.45 * sr)
        yield soft_limit(gain * block_dc(low_pass(x, cutoff=f, q=resonance)))  # a fast `rate` in step with f0 would leave an offset
        start += len(x)


def noise_band(*, sr: int, duration: float, f: float = 1000.0, q: float = 5.0, rng: RNGLike = None) -> np.ndarray:
    """A band of noise: white noise through a band-pass, at the same level for every width.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    f : float in [20, 20000] below sr / 2
        Centre, Hz.
    q : float in [0.5, 200]
        Centre over bandwidth: a high one is a whistle that wavers.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        With an rms of 0.15 in the long run.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> noise_band(sr=8000, duration=0.5, rng=0).shape
    (4000,)
    """
    return render(_NOISE_BAND, sr=sr, duration=duration, rng=rng, f=f, q=q)


def noise_band_stream(sr: int, rng: np.random.Generator, *, f: float, q: float) -> Stream:
    """The stream of `noise_band`."""
    sos = biquad("band-pass", sr=sr, f=f, q=q)
    band = Filter(sos)
    gain = _LEVEL / np.sqrt(_power(sos[0]))
    band(rng.standard_normal(round(min(2.0, 10.0 * q / f + 0.01) * sr)))  # past the start of the filter
    while True:
        yield soft_limit(gain * band(rng.standard_normal(_PIECE)))


def _power(section: np.ndarray) -> float:
    """Power of white noise of power 1 after the band-pass of `biquad`: the integral of its response, in closed form.

    With ``b = (g, 0, -g)`` and ``a = (1, a1, a2)``, where ``g = (1 - a2) / 2``, it is g.
    """
    return float(section[0])


def _source(wave: str, *, f0: float, sr: int, rng: np.random.Generator) -> Stream:
    streams = {"saw": oscillators.saw_stream, "square": oscillators.square_stream, "triangle": oscillators.triangle_stream}
    return streams[wave](sr, rng, f0=f0)


def _entry(name: str, summary: str, *parameters: Parameter, **extra: Any) -> Entry:
    here, function = "audiogen_helpers.synthesis.subtractive", name.replace("-", "_")
    more = {"family": "subtractive", "stream": f"{here}:{function}_stream", **extra}
    return Entry(name=name, summary=summary, target=f"{here}:{function}", parameters=parameters, extra=more)


def _hertz(name: str, default: float, help: str, *, high: float = 20_000.0) -> Parameter:
    return Parameter(name=name, default=default, unit="Hz", low=20.0, high=high, help=help)


_F0 = _hertz("f0", 110.0, "Pitch.", high=4000.0)
_WAVE = Parameter(name="wave", default="saw", choices=_WAVES, help="What is filtered.")


def _resonance(default: float) -> Parameter:
    return Parameter(name="resonance", default=default, low=0.5, high=30.0, help="Gain at the cut-off.")


_SUBTRACTIVE = _entry(
    "subtractive",
    "A rich wave through a resonant low-pass that closes after the stroke.",
    _F0,
    _WAVE,
    _hertz("cutoff", 600.0, "Where the cut-off comes to rest."),
    _resonance(3.0),
    Parameter(name="sweep", default=2.5, unit="octaves", low=0.0, high=8.0, help="How far the cut-off begins above its rest."),
    Parameter(name="decay", default=0.25, unit="s", low=0.005, high=10.0, help="Time constant of the closing."),
    ends=True,
    in_tune=(50.0, 2000.0),
)
_WAH = _entry(
    "wah",
    "An endless tone through a low-pass that opens and closes.",
    _F0,
    _WAVE,
    Parameter(name="rate", default=1.0, unit="Hz", low=0.01, high=50.0, help="How often the filter opens."),
    _hertz("low", 300.0, "The lowest cut-off."),
    _hertz("high", 2400.0, "The highest cut-off."),
    _resonance(6.0),
)
_NOISE_BAND = _entry(
    "noise-band",
    "White noise through a band-pass: from a rush to a wavering whistle.",
    _hertz("f", 1000.0, "Centre."),
    Parameter(name="q", default=5.0, low=0.5, high=200.0, help="Centre over bandwidth."),
    random=True,
)

ENTRIES: tuple[Entry, ...] = (_SUBTRACTIVE, _WAH, _NOISE_BAND)
