"""Exercises of the chapter Changing what exists.

Chapter: chapters/methods/transforming.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_audio
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.spectral.partials import partial_level
from audiogen_helpers.spectral.pitch import pitch_of

__all__ = ["check_harmonise", "check_semitones"]

_SR = 16_000


def check_semitones(semitones: Callable[[float], float]) -> None:
    """Check a function that says how far the pitch moves when a record is played at another speed.

    Parameters
    ----------
    semitones : callable
        ``semitones(speed)`` -> semitones, above 0 for up.

    Raises
    ------
    ExerciseError
        If it is not what is measured.

    Examples
    --------
    >>> check_semitones(lambda speed: 12 * np.log2(speed))
    Right. Each doubling of the speed is an octave, whatever the speed was.
    """
    for speed in (2.0, 0.5, 1.5, 45.0 / 33.0, 1.0):
        t = speed * np.arange(_SR) / _SR
        measured = 12.0 * np.log2(pitch_of(np.sin(2 * np.pi * 220.0 * t), sr=_SR) / 220.0)
        answer = float(semitones(speed))
        expect(
            abs(answer - measured) < 0.02,
            f"at speed {speed:.3g} a tone of 220 Hz moves by {measured:+.2f} semitones; you say {answer:+.2f}.",
        )
    passed("Each doubling of the speed is an octave, whatever the speed was.")


def check_harmonise(harmonise: Callable[..., Any]) -> None:
    """Check a function that lets one voice sing a major chord.

    Parameters
    ----------
    harmonise : callable
        ``harmonise(y, sr=sr)`` -> a waveform as long as `y`, within [-1, 1], with `y` itself, a major third (4 semitones) and a fifth
        (7 semitones) above it, each of them within 6 dB of the others.

    Raises
    ------
    ExerciseError
        If a note is missing, or the length or the level is wrong.

    Examples
    --------
    >>> from audiogen_helpers.transform import stretching
    >>> def harmonise(y, *, sr):
    ...     return sum(stretching.pitch_shift(y, sr=sr, semitones=s) for s in (0, 4, 7)) / 3
    >>> check_harmonise(harmonise)
    Right. Three voices out of one, and all of them at the same moment.
    """
    t = np.arange(2 * _SR) / _SR
    y = 0.8 * np.sin(2 * np.pi * 220.0 * t)
    z = check_audio(harmonise(y, sr=_SR), name="the result")
    expect(z.shape == y.shape, f"{len(y)} samples went in, {z.shape} came out.")
    expect(bool(np.abs(z).max() <= 1.0), f"the peak is {np.abs(z).max():.2f}: it would be clipped.")
    levels = [partial_level(z, f=220.0 * 2.0 ** (s / 12.0), sr=_SR) for s in (0, 4, 7)]
    for name, level in zip(("the voice itself", "the third", "the fifth"), levels, strict=True):
        expect(
            bool(level > 0.5 * max(levels) and level > 0.02), f"{name} is missing or too soft: amplitude {level:.3f} of {max(levels):.3f}."
        )
    passed("Three voices out of one, and all of them at the same moment.")
