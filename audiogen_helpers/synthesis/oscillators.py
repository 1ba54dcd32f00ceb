"""Tones that repeat: sine, and band-limited saw, square, pulse and triangle."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._streams import Stream, render
from audiogen_helpers.registry import Entry, Parameter

__all__ = ["ENTRIES", "sine"]

_PIECE = 8192  # samples yielded at a time


def sine(f0: float, *, sr: int, duration: float, phase: float = 0.0) -> np.ndarray:
    """A sine of amplitude 1.

    Parameters
    ----------
    f0 : float in [1, sr / 2)
        Frequency, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
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
    return render(_SINE, sr=sr, duration=duration, f0=f0, phase=phase)


def sine_stream(sr: int, rng: np.random.Generator, *, f0: float, phase: float) -> Stream:
    """The stream of `sine`."""
    start = 0
    while True:
        n = np.arange(start, start + _PIECE)
        yield np.sin(2.0 * np.pi * np.mod(n * (f0 / sr), 1.0) + phase)
        start += _PIECE


_F0 = Parameter(name="f0", default=220.0, unit="Hz", low=1.0, high=20_000.0, help="Pitch.")
_SINE = Entry(
    name="sine",
    summary="A sine: one frequency, nothing else.",
    target="audiogen_helpers.synthesis.oscillators:sine",
    parameters=(_F0, Parameter(name="phase", default=0.0, unit="rad", low=-2 * np.pi, high=2 * np.pi, help="Phase at time 0.")),
    extra={"family": "oscillator", "stream": "audiogen_helpers.synthesis.oscillators:sine_stream", "in_tune": (50.0, 2000.0)},
)

ENTRIES: tuple[Entry, ...] = (_SINE,)
