"""Plucked strings: a loop of samples that loses a little on every round, tuned to a fraction of a cent.

One loop serves both models: `karplus_strong` fills it with noise, `waveguide_string` with the shape into which a finger draws a string.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._streams import Stream, check_length, render
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.physical._loop import Loop, go_round, string_loop
from audiogen_helpers.synthesis.physical._shared import PIECE, lagrange

__all__ = ["ENTRIES", "karplus_strong", "stiff_ratios", "waveguide_string"]

_LEVEL = 0.35  # of the burst: twice that, with the comb of the pick, is still below the limit
_HEIGHT = 0.8  # to which a finger draws the string


def karplus_strong(
    f0: float,
    *,
    sr: int,
    duration: float,
    decay: float = 4.0,
    damping: float = 0.03,
    pick_position: float = 0.13,
    stiffness: float = 0.0,
    tuning: bool = True,
    rng: RNGLike = None,
) -> np.ndarray:
    """A plucked string: a burst of noise that goes round a loop with a low-pass in it.

    Partial k loses 60 dB in about ``decay / (1 - damping + damping * k**2)``: the law of a string that loses a part of its energy at the
    same rate at all frequencies, and a part at a rate that grows with the square of the frequency.

    Parameters
    ----------
    f0 : float in [20, 3000]
        Pitch (of the first partial), Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    decay : float in [0.05, 60]
        T60 of the first partial, s.
    damping : float in [0, 1]
        Share of the loss at f0 that grows with the frequency: with 0 all partials last as long as the first, with 1 partial k dies k**2
        times as fast.
    pick_position : float in [0, 0.5]
        Where it is plucked, as a share of its length: 1/5 silences every fifth partial. 0 leaves the noise as it is.
    stiffness : float in [0, 0.003]
        Inharmonicity B of a stiff string: partial k lies near ``k f0 sqrt((1 + B k**2) / (1 + B))``, nearer for low partials.
    tuning : bool
        False gives the loop as it was published: a whole number of samples, the mean of two neighbours as its only loss, the burst at full
        scale. Then only `pick_position` counts besides `f0`, and the string is out of tune.
    rng : int, np.random.Generator or None
        Source of the burst.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    K. Karplus and A. Strong (1983), Digital synthesis of plucked-string and drum timbres, Computer Music J. 7(2), 43-55.
    D. A. Jaffe and J. O. Smith (1983), Extensions of the Karplus-Strong plucked-string algorithm, Computer Music J. 7(2), 56-69.

    Examples
    --------
    >>> from audiogen_helpers.spectral import pitch_of
    >>> y = karplus_strong(440.0, sr=22050, duration=1.0, rng=0)
    >>> round(pitch_of(y, sr=22050), 1)
    440.0
    >>> y = karplus_strong(440.0, sr=22050, duration=1.0, pick_position=0.0, tuning=False, rng=0)
    >>> round(pitch_of(y, sr=22050), 1)  # 22050 / 49.5
    445.5
    """
    if tuning:
        given: dict[str, Any] = {"f0": f0, "decay": decay, "damping": damping, "pick_position": pick_position, "stiffness": stiffness}
        return render(_KARPLUS_STRONG, sr=sr, duration=duration, rng=rng, **given)
    length, sr = check_length(duration, sr=sr)
    checked = _KARPLUS_STRONG.settings({"f0": f0, "pick_position": pick_position}, sr=sr)
    n_delay = round(sr / checked["f0"])
    burst = generator(rng).uniform(-1.0, 1.0, n_delay)
    if checked["pick_position"]:
        burst = 0.5 * (burst - np.roll(burst, round(checked["pick_position"] * n_delay)))
    plain = Loop(delay=n_delay - 2, b0=0.5, b1=0.5, a1=0.0, fraction=0.0, dispersion=0.0, n_chain=0)  # the all-pass is one sample late
    pieces = go_round(plain, np.zeros(0), past=burst)
    return np.concatenate([burst, *(next(pieces) for _ in range(-(-length // PIECE)))])[:length]


def karplus_strong_stream(
    sr: int, rng: np.random.Generator, *, f0: float, decay: float, damping: float, pick_position: float, stiffness: float
) -> Stream:
    """The stream of `karplus_strong`."""
    period = sr / f0
    burst = rng.uniform(-1.0, 1.0, round(period))
    burst -= burst.mean()
    if pick_position:
        burst = _comb(burst, pick_position * period)
        burst[: round(period)] -= burst.sum() / round(period)  # what the interpolation of the edges left
    loop = string_loop(f0, sr=sr, decay=decay, damping=damping, stiffness=stiffness)
    for piece in go_round(loop, _LEVEL * burst):
        yield soft_limit(piece)


def _comb(x: np.ndarray, delay: float) -> np.ndarray:
    """``x(n) - x(n - delay)``: what a pluck leaves of the modes that have a node there."""
    whole, weights = lagrange(max(delay, 1.0))
    out = np.zeros(len(x) + whole + 4)
    out[: len(x)] = x
    out[whole : whole + len(x) + 3] -= np.convolve(x, weights)
    return out


def waveguide_string(
    f0: float,
    *,
    sr: int,
    duration: float,
    decay: float = 4.0,
    damping: float = 0.002,
    pick_position: float = 0.2,
    pickup: float = 0.1,
    stiffness: float = 0.0,
) -> np.ndarray:
    """A string drawn to a triangle and let go, heard as the displacement at one point: two waves that run in opposite directions.

    Without losses it is d'Alembert's solution of the wave equation, ``(S(x - c t) + S(x + c t)) / 2`` with S the initial shape continued
    as an odd function. There is no chance in it. The ends turn the waves round with opposite sign, so one loop of ``sr / f0`` samples
    holds both.

    Parameters
    ----------
    f0 : float in [20, 3000]
        Pitch (of the first partial), Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    decay, damping, stiffness : float
        As for `karplus_strong`.
    pick_position, pickup : float in [0.02, 0.5]
        Where it is plucked and where it is heard, as shares of its length.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        Displacement; the finger drew the string to 0.8.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J. O. Smith (1992), Physical modeling using digital waveguides, Computer Music J. 16(4), 74-91.

    Examples
    --------
    >>> y = waveguide_string(100.0, sr=16000, duration=0.1, pick_position=0.5, pickup=0.5)
    >>> y[[0, 20, 60, 80]].round(1)  # half a period later it hangs upside down
    array([ 0.8,  0.4, -0.4, -0.8])
    """
    given: dict[str, Any] = {
        "f0": f0,
        "decay": decay,
        "damping": damping,
        "pick_position": pick_position,
        "pickup": pickup,
        "stiffness": stiffness,
    }
    return render(_WAVEGUIDE, sr=sr, duration=duration, **given)


def waveguide_string_stream(
    sr: int, rng: np.random.Generator, *, f0: float, decay: float, damping: float, pick_position: float, pickup: float, stiffness: float
) -> Stream:
    """The stream of `waveguide_string`."""
    period = sr / f0
    x = 2.0 * np.arange(np.ceil(period)) / period  # how far the waves have run, in lengths of the string
    u = 0.5 * _HEIGHT * (_odd_triangle(pickup - x, pick_position) + _odd_triangle(pickup + x, pick_position))
    u[-1] *= period - (len(u) - 1)  # the last sample reaches over the end of the round: a share of it counts
    for piece in go_round(string_loop(f0, sr=sr, decay=decay, damping=damping, stiffness=stiffness), u - u.sum() / len(u)):
        yield soft_limit(piece)


def _odd_triangle(x: np.ndarray, peak: float) -> np.ndarray:
    """A string of length 1 drawn to 1 at `peak`, continued as an odd function of period 2, at the places x."""
    x = np.mod(x + 1.0, 2.0) - 1.0
    return np.copysign(np.minimum(np.abs(x) / peak, (1.0 - np.abs(x)) / (1.0 - peak)), x)


def stiff_ratios(n: int, stiffness: float) -> np.ndarray:
    """Frequencies of the first `n` partials of a stiff string, in multiples of the first: ``k sqrt((1 + B k**2) / (1 + B))``.

    Parameters
    ----------
    n : int > 0
        How many.
    stiffness : float >= 0
        Inharmonicity B.

    Returns
    -------
    ratios : np.ndarray [shape=(n,)]

    Examples
    --------
    >>> stiff_ratios(3, 0.01).round(3)
    array([1.   , 2.029, 3.117])
    """
    k = np.arange(1, n + 1)
    return k * np.sqrt((1.0 + stiffness * k * k) / (1.0 + stiffness))


_F0 = Parameter(name="f0", default=220.0, unit="Hz", low=20.0, high=3000.0, help="Pitch.")
_DECAY = Parameter(name="decay", default=4.0, unit="s", low=0.05, high=60.0, help="T60 of the first partial.")
_STIFFNESS = Parameter(name="stiffness", default=0.0, low=0.0, high=0.003, help="Inharmonicity B: high partials are sharp.")

_KARPLUS_STRONG = Entry(
    name="karplus-strong",
    summary="A plucked string: a burst of noise going round a loop.",
    target="audiogen_helpers.synthesis.physical.strings:karplus_strong",
    parameters=(
        _F0,
        _DECAY,
        Parameter(name="damping", default=0.03, low=0.0, high=1.0, help="How much faster high partials die."),
        Parameter(name="pick_position", default=0.13, low=0.0, high=0.5, help="Where it is plucked, as a share of its length."),
        _STIFFNESS,
    ),
    extra={
        "family": "string",
        "stream": "audiogen_helpers.synthesis.physical.strings:karplus_strong_stream",
        "random": True,
        "in_tune": (50.0, 2000.0),
    },
)
_WAVEGUIDE = Entry(
    name="waveguide-string",
    summary="A string drawn to a triangle and let go: two waves in opposite directions.",
    target="audiogen_helpers.synthesis.physical.strings:waveguide_string",
    parameters=(
        _F0,
        _DECAY,
        Parameter(name="damping", default=0.002, low=0.0, high=1.0, help="How much faster high partials die."),
        Parameter(name="pick_position", default=0.2, low=0.02, high=0.5, help="Where it is plucked, as a share of its length."),
        Parameter(name="pickup", default=0.1, low=0.02, high=0.5, help="Where it is heard, as a share of its length."),
        _STIFFNESS,
    ),
    extra={
        "family": "string",
        "stream": "audiogen_helpers.synthesis.physical.strings:waveguide_string_stream",
        "in_tune": (50.0, 2000.0),
    },
)
ENTRIES: tuple[Entry, ...] = (_KARPLUS_STRONG, _WAVEGUIDE)
