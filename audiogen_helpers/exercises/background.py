"""Exercise of the chapter Background.

Chapter: chapters/background.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_audio, check_sr
from audiogen_helpers.exercises._listen import expect, passed, pitch_of
from audiogen_helpers.units import cents

__all__ = ["check_octave"]


def check_octave(y: np.ndarray, *, sr: int) -> None:
    """Check a tone of one second, one octave above 220 Hz, with a peak of 0.5.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    sr : int > 0
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If length, peak or pitch is another; the message says which.

    Examples
    --------
    >>> check_octave(0.5 * np.sin(2 * np.pi * 440.0 * np.arange(8000) / 8000), sr=8000)
    Right. One octave above 220 Hz is 440 Hz, and the peak is 0.5.
    """
    sr = check_sr(sr)
    y = check_audio(y, mono=True)
    expect(len(y) == sr, f"one second has {sr} samples at this rate; yours has {len(y)}.")
    peak = float(np.abs(y).max())
    expect(abs(peak - 0.5) < 0.01, f"the peak should be 0.5; yours is {peak:.3f}.")
    f0 = pitch_of(y, sr=sr)
    expect(f0 > 0.0, "no steady pitch can be heard.")
    off = float(cents(f0, reference=440.0))
    expect(abs(off) < 10.0, f"the pitch is {f0:.1f} Hz, {off:+.0f} cents from one octave above 220 Hz.")
    passed("One octave above 220 Hz is 440 Hz, and the peak is 0.5.")
