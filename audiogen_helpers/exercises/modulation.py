"""Exercises of the chapter Modulation, filters and grains.

Chapter: chapters/methods/modulation.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_number
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.synthesis import modulation

__all__ = ["check_clarinet_ratio", "check_one_pole", "check_sidebands"]

_SR = 16_000


def check_sidebands(sidebands: Callable[..., Any]) -> None:
    """Check a function that lists the frequencies of amplitude modulation.

    Parameters
    ----------
    sidebands : callable
        ``sidebands(f0, rate)`` -> the frequencies that are heard, Hz, in any order.

    Raises
    ------
    ExerciseError
        If they are not those that are measured.

    Examples
    --------
    >>> check_sidebands(lambda f0, rate: [f0 - rate, f0, f0 + rate])
    Right. Three tones, also where the modulator is faster than the carrier and one of them folds back at 0 Hz.
    """
    for f0, rate in ((1000.0, 150.0), (440.0, 30.0), (300.0, 450.0)):
        level = np.abs(np.fft.rfft(modulation.am(f0, sr=_SR, duration=1.0, rate=rate, depth=1.0)))
        heard = [float(f) for f in np.flatnonzero(level > 0.05 * level.max())]
        answer = sorted(float(abs(f)) for f in np.ravel(sidebands(f0, rate)))
        expect(
            len(answer) == len(heard) and bool(np.allclose(answer, heard, atol=1.0)),
            f"a tone of {f0:g} Hz, modulated at {rate:g} Hz, holds {heard} Hz; you say {answer}.",
        )
    passed("Three tones, also where the modulator is faster than the carrier and one of them folds back at 0 Hz.")


def check_clarinet_ratio(ratio: float) -> None:
    """Check a ratio of modulator to carrier that gives odd harmonics only.

    Parameters
    ----------
    ratio : float
        The answer.

    Raises
    ------
    ExerciseError
        If an even harmonic, or what is no harmonic, is heard.

    Examples
    --------
    >>> check_clarinet_ratio(2.0)
    Right. With ratio 2 the partials are 1, 3, 5, 7 times the carrier: hollow, like a clarinet.
    """
    ratio = check_number(ratio, name="ratio", low=0.01, high=16.0)
    level = np.abs(np.fft.rfft(modulation.fm(200.0, sr=_SR, duration=1.0, ratio=ratio, index=2.5)))
    heard = np.flatnonzero(level > 0.02 * level.max()) / 200.0
    expect(len(heard) >= 3, f"with ratio {ratio:g} there are only {len(heard)} partials.")
    wrong = heard[np.abs((heard - 1.0) / 2.0 - np.round((heard - 1.0) / 2.0)) > 1e-6]
    expect(not len(wrong), f"with ratio {ratio:g} there is a partial at {wrong[0] if len(wrong) else 0:g} times the carrier.")
    listed = ", ".join(f"{h:g}" for h in heard[:4])
    passed(f"With ratio {ratio:g} the partials are {listed} times the carrier: hollow, like a clarinet.")


def check_one_pole(one_pole: Callable[..., Any]) -> None:
    """Check a low-pass of first order, ``y[n] = y[n - 1] + a (x[n] - y[n - 1])``, with -3 dB at its cut-off.

    Parameters
    ----------
    one_pole : callable
        ``one_pole(x, cutoff, sr)`` -> filtered (n,).

    Raises
    ------
    ExerciseError
        If the gain at 0 Hz is not 1, or that at the cut-off not -3 dB.

    Examples
    --------
    >>> def one_pole(x, cutoff, sr):
    ...     c = 2 - np.cos(2 * np.pi * cutoff / sr)
    ...     a = 1 - (c - np.sqrt(c * c - 1))
    ...     y, last = np.empty(len(x)), 0.0
    ...     for n in range(len(x)):
    ...         last += a * (x[n] - last)
    ...         y[n] = last
    ...     return y
    >>> check_one_pole(one_pole)
    Right. -3.0 dB at the cut-off, 0 dB below, and high tones fall by about 6 dB an octave.
    """
    x = np.zeros(_SR)
    x[0] = 1.0
    for cutoff in (100.0, 1000.0, 2000.0):
        h = np.asarray(one_pole(x.copy(), cutoff, _SR), dtype=float)
        expect(h.shape == x.shape, f"what comes out should have shape {x.shape}; yours has {h.shape}.")
        expect(bool(np.isfinite(h).all()), "what comes out is not finite.")
        gain = 20 * np.log10(np.maximum(np.abs(np.fft.rfft(h)), 1e-9))
        expect(abs(gain[0]) < 0.05, f"a constant should pass as it is; yours changes it by {gain[0]:.1f} dB.")
        at = float(gain[round(cutoff)])
        expect(abs(at + 3.01) < 0.1, f"at the cut-off of {cutoff:g} Hz the gain should be -3 dB; yours is {at:.1f} dB.")
    passed(f"{at:.1f} dB at the cut-off, 0 dB below, and high tones fall by about 6 dB an octave.")
