"""Exercises of the chapter Related technologies.

Chapter: chapters/concepts/technologies.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_integer
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_alias", "check_bits", "check_window"]


def check_alias(alias: Callable[..., Any]) -> None:
    """Check a function that says at which frequency a sine is heard after sampling.

    Parameters
    ----------
    alias : callable
        ``alias(f, sr)`` -> Hz, from 0 to ``sr / 2``.

    Raises
    ------
    ExerciseError
        If a frequency is another than the one measured from the sampled sine.

    Examples
    --------
    >>> check_alias(lambda f, sr: abs(f - sr * round(f / sr)))
    Right. Every tone is heard where you say, up to five times the sampling rate.
    """
    for sr in (4000, 8000, 11_025):
        for f in (100.0, 0.3 * sr, 0.55 * sr, 0.9 * sr, 1.2 * sr, 1.7 * sr, 4.9 * sr):
            y = np.sin(2 * np.pi * f * np.arange(sr) / sr)
            heard = float(np.argmax(np.abs(np.fft.rfft(y * np.hanning(sr)))))
            answer = float(alias(f, sr))
            expect(
                abs(answer - heard) <= 1.0, f"{f:.0f} Hz sampled {sr} times a second is heard at {heard:.0f} Hz; you say {answer:.0f} Hz."
            )
    passed("Every tone is heard where you say, up to five times the sampling rate.")


def check_bits(bits: int) -> None:
    """Check the least number of bits that leaves 60 dB between a full-scale sine and its rounding error.

    Parameters
    ----------
    bits : int
        The answer.

    Raises
    ------
    ExerciseError
        If fewer would do, or these do not.

    Examples
    --------
    >>> check_bits(10)
    Right. 10 bits leave 62 dB; with 9 it would be 56 dB.
    """
    bits = check_integer(bits, name="bits", low=1, high=32)

    def ratio(b: int) -> float:
        y = np.sin(2 * np.pi * 0.1234567 * np.arange(20_000))
        step = 2.0 / 2**b
        error = step * np.round(y / step) - y
        return float(10 * np.log10(np.mean(y**2) / np.mean(error**2)))

    expect(ratio(bits) >= 60.0, f"{bits} bits leave {ratio(bits):.0f} dB.")
    expect(
        bits == 1 or ratio(bits - 1) < 60.0, f"{bits} bits leave {ratio(bits):.0f} dB, but {bits - 1} would do: {ratio(bits - 1):.0f} dB."
    )
    passed(f"{bits} bits leave {ratio(bits):.0f} dB; with {bits - 1} it would be {ratio(bits - 1):.0f} dB.")


def check_window(n_fft: int) -> None:
    """Check a window, at 8000 Hz, that shows tones of 1000 and 1040 Hz apart and a gap of silence of 60 ms as a gap.

    Parameters
    ----------
    n_fft : int
        Length of the Hann window, samples.

    Raises
    ------
    ExerciseError
        If the tones melt into one, or the gap is filled.

    Examples
    --------
    >>> check_window(512)
    Right. Between the tones the level falls by 7 dB, in the gap by 55 dB: 64 ms is short enough, and long enough.
    """
    n_fft = check_integer(n_fft, name="n_fft", low=8, high=4000)
    sr, window = 8000, np.hanning(n_fft + 1)[:-1]
    t = np.arange(sr) / sr
    tones = np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * 1040 * t)
    spectra = [np.abs(np.fft.rfft(tones[s : s + n_fft] * window, n=65_536)) for s in range(0, 200, 20)]
    power = np.mean([np.square(S) for S in spectra], axis=0)
    low, mid, high = (power[round(hz * 65_536 / sr)] for hz in (1000, 1020, 1040))
    between = float(10 * np.log10(min(low, high) / mid))
    expect(between > 3.0, f"with {n_fft} samples the level between the tones is only {between:.1f} dB below theirs: they melt into one.")
    gap = np.sin(2 * np.pi * 1000 * t) * ((t < 0.5) | (t >= 0.56))
    frames = [np.sum((gap[s : s + n_fft] * window) ** 2) for s in range(2000, 6000 - n_fft)]
    depth = float(min(80.0, 10 * np.log10(max(frames) / max(min(frames), 1e-12))))
    expect(depth > 20.0, f"with {n_fft} samples the gap is only {depth:.0f} dB deep: the window reaches over it.")
    ms = f"{1000 * n_fft / sr:.0f} ms"
    passed(f"Between the tones the level falls by {between:.0f} dB, in the gap by {depth:.0f} dB: {ms} is short enough, and long enough.")
