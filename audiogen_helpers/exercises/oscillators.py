"""Exercises of the chapter Oscillators: aliases, a missing set of partials, and a contour.

Chapter: chapters/methods/oscillators.ipynb
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiogen_helpers._validation import check_audio, check_number, check_sr
from audiogen_helpers.exercises._listen import expect, passed, pitch_of
from audiogen_helpers.units import cents

__all__ = ["check_alias", "check_clarinet", "check_siren"]


def check_alias(alias: Callable[[float, int], float]) -> None:
    """Check a function that says as which frequency a sine is heard once it is sampled.

    Parameters
    ----------
    alias : callable
        ``alias(f, sr)`` -> frequency from 0 to sr / 2, Hz, for any ``f >= 0``.

    Raises
    ------
    ExerciseError
        If an answer is wrong; the message gives the question.

    Examples
    --------
    >>> check_alias(lambda f, sr: abs(f - sr * round(f / sr)))
    Right. Every frequency folds into the range from 0 to half the sample rate.
    """
    questions = [(1000.0, 8000), (4000.0, 8000), (5000.0, 8000), (8000.0, 8000), (9000.0, 8000), (15_000.0, 8000), (100_001.0, 44_100)]
    for f, sr in questions:
        got = check_number(alias(f, sr), name=f"alias({f:g}, {sr})")
        t = np.arange(64) / sr
        same = np.abs(np.cos(2 * np.pi * got * t) - np.cos(2 * np.pi * f * t)).max() < 1e-6
        expect(0.0 <= got <= sr / 2, f"{f:g} Hz sampled at {sr} Hz must be heard between 0 and {sr / 2:g} Hz; yours is {got:g} Hz.")
        expect(same, f"{f:g} Hz and {got:g} Hz, sampled at {sr} Hz, do not give the same samples.")
    passed("Every frequency folds into the range from 0 to half the sample rate.")


def check_clarinet(y: np.ndarray, *, sr: int) -> None:
    """Check a tone of 196 Hz, at least half a second long, that has strong odd partials and hardly any even ones.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    sr : int > 0
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If the pitch is another, partials 3 and 5 are missing, or even ones are heard.

    Examples
    --------
    >>> t = np.arange(16000) / 16000
    >>> check_clarinet(sum(np.sin(2 * np.pi * 196 * k * t) / k for k in (1, 3, 5, 7)) / 2, sr=16000)
    Right. The even partials are gone: that is the hollow sound.
    """
    sr, f0 = check_sr(sr), 196.0
    y = check_audio(y, mono=True)
    expect(len(y) >= sr / 2, f"half a second has {sr // 2} samples at this rate; yours has {len(y)}.")
    level = [_level(y, k * f0, sr=sr) for k in range(1, 7)]
    expect(level[0] > 1e-3, f"there is no partial at {f0:g} Hz.")
    db = 20.0 * np.log10(np.maximum(np.array(level) / level[0], 1e-6))
    expect(bool((db[[2, 4]] > -30.0).all()), f"partials 3 and 5 are too soft: {db[2]:.0f} and {db[4]:.0f} dB below the first.")
    loud = 2 * (1 + int(np.argmax(db[[1, 3, 5]])))
    expect(bool((db[[1, 3, 5]] < -40.0).all()), f"an even partial is still there: number {loud}, at {db[loud - 1]:.0f} dB from the first.")
    passed("The even partials are gone: that is the hollow sound.")


def check_siren(y: np.ndarray, *, sr: int) -> None:
    """Check two seconds of a siren: 400 Hz at the start, 800 Hz in the middle, 400 Hz at the end, straight in cents between.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    sr : int > 0
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If the length is another or the pitch somewhere is; the message says where.

    Examples
    --------
    >>> octaves = 1.0 - np.abs(np.arange(32000) / 16000 - 1.0)
    >>> check_siren(0.5 * np.sin(2 * np.pi * np.cumsum(400 * 2**octaves) / 16000), sr=16000)
    Right. An octave up and an octave down, and equal times for equal intervals.
    """
    sr = check_sr(sr)
    y = check_audio(y, mono=True)
    expect(len(y) == 2 * sr, f"two seconds have {2 * sr} samples at this rate; yours has {len(y)}.")
    for t in (0.25, 0.5, 0.75, 1.25, 1.5, 1.75):
        want = 400.0 * 2.0 ** (1.0 - abs(t - 1.0))
        middle = round(t * sr)
        got = pitch_of(y[middle - sr // 50 : middle + sr // 50], sr=sr)
        expect(got > 0.0, f"there is no pitch at {t:g} s.")
        off = float(cents(got, reference=want))
        expect(abs(off) < 40.0, f"at {t:g} s the pitch should be {want:.0f} Hz; yours is {got:.0f} Hz, {off:+.0f} cents away.")
    passed("An octave up and an octave down, and equal times for equal intervals.")


def _level(y: np.ndarray, f: float, *, sr: int) -> float:
    """Amplitude of the sine at `f` in `y`."""
    window = np.hanning(len(y))
    return float(2.0 * abs((y * window) @ np.exp(-2j * np.pi * f * np.arange(len(y)) / sr)) / window.sum())
