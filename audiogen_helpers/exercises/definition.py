"""Exercises of the chapter What is audio generation?

Chapter: chapters/concepts/definition.ipynb
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiogen_helpers._validation import check_audio, check_sr
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.units import gain_to_db

__all__ = ["check_gust", "check_ping_pong"]

_SILENT = 1e-6
_SHOWN_DB = -99.0


def check_gust(y: np.ndarray, *, sr: int) -> None:
    """Check a gust of wind made from noise: two seconds that swell and sink, dark rather than bright, with no pitch.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    sr : int > 0
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If it is not two seconds long, exceeds a peak of 1, is not at least 20 dB louder in the middle than at both ends, has less
        than nine tenths of its power below 1 kHz, or is a tone rather than noise; the message says which.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> dark = np.convolve(noise, np.ones(40) / 40, mode="same")
    >>> check_gust(dark * np.sin(np.pi * np.arange(16000) / 16000) ** 4, sr=8000)
    Right. A gust: noise, its colour and its envelope, and nothing else.
    """
    sr = check_sr(sr)
    y = check_audio(y, mono=True).astype(np.float64)
    expect(len(y) == 2 * sr, f"two seconds have {2 * sr} samples at this rate; yours has {len(y)}.")
    peak = float(np.abs(y).max())
    expect(peak <= 1.0, f"the peak should be at most 1; yours is {peak:.2f}.")
    expect(peak > _SILENT, "there is nothing to hear.")
    first, middle, last = (_level_db(part) for part in (y[: sr // 10], y[sr - sr // 10 : sr + sr // 10], y[-(sr // 10) :]))
    rise = middle - max(first, last)
    expect(rise >= 20.0, f"the middle should be 20 dB louder than the first and the last tenth of a second; yours is {rise:.0f} dB.")
    power = np.square(np.abs(np.fft.rfft(y)))
    low = float(power[: round(1000 * len(y) / sr)].sum() / power.sum())
    expect(low >= 0.9, f"nine tenths of the power should lie below 1 kHz; of yours it is {100 * low:.0f} %.")
    highest = float(np.sort(power)[::-1][:8].sum() / power.sum())
    expect(highest < 0.5, f"wind has no pitch; in yours, 8 of {len(power)} frequencies hold {100 * highest:.0f} % of the power.")
    passed("A gust: noise, its colour and its envelope, and nothing else.")


def check_ping_pong(f: Callable[..., np.ndarray]) -> None:
    """Check a transform ``f(y, sr=..., time=..., feedback=...)`` whose echoes come from the left and the right in turns.

    Parameters
    ----------
    f : callable
        Takes a mono sound (n,), returns a stereo one (2, n): the sound itself in both channels, then echo `k` after ``k * time``
        seconds with the gain ``feedback ** k``, odd ones on the left (channel 0) only, even ones on the right only.

    Raises
    ------
    ExerciseError
        If shape, an echo's time, its side or its level is another, or the input was changed; the message says which.

    Examples
    --------
    >>> def right(y, *, sr, time, feedback):
    ...     out, d = np.stack([y, y]), round(time * sr)
    ...     for k in range(1, len(y) // d + 1):
    ...         out[(k + 1) % 2, k * d :] += feedback**k * y[: len(y) - k * d]
    ...     return out
    >>> check_ping_pong(right)
    Right. Left, right, left: each echo on its side, at its time and level.
    """
    sr, time, feedback = 1000, 0.05, 0.5
    y = np.zeros(210)
    y[0], y[7] = 0.5, -0.25
    before, d = y.copy(), 50
    out = np.asarray(f(y, sr=sr, time=time, feedback=feedback))
    expect(bool(np.array_equal(y, before)), "the input was changed; work on a copy.")
    expect(out.shape == (2, 210), f"a mono sound of 210 samples should become stereo, shape (2, 210); yours has shape {out.shape}.")
    expect(bool(np.isfinite(out).all()), "there are values that are not finite.")
    expect(bool(np.allclose(out[:, :d], y[:d])), "until the first echo, both channels should hold the sound itself.")
    for k in range(1, 5):
        side, other = ("left", "right") if k % 2 else ("right", "left")
        here, there = out[(k + 1) % 2, k * d : min(210, (k + 1) * d)], out[k % 2, k * d : min(210, (k + 1) * d)]
        wanted = feedback**k * y[: len(here)]
        expect(bool(np.abs(here).max() > 1e-9), f"echo {k} should come from the {side}; there it is silent.")
        expect(bool(np.abs(there).max() < 1e-9), f"while echo {k} comes from the {side}, the {other} should be silent.")
        expect(bool(np.allclose(here, wanted)), f"echo {k} should be the sound times {feedback**k:g}, {k * d} samples late.")
    passed("Left, right, left: each echo on its side, at its time and level.")


def _level_db(y: np.ndarray) -> float:
    return float(gain_to_db(np.sqrt(np.mean(np.square(y))), floor_db=_SHOWN_DB))
