"""Exercises of the chapter Code practice: generation.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import audio
from audiogen_helpers.errors import AudioGenError
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_midpoint", "check_save", "check_to_decibels"]


def check_to_decibels(to_decibels: Callable[[np.ndarray], Any]) -> None:
    """Check a function that maps 0 to -80 dB and 1 to 0 dB, linearly.

    Parameters
    ----------
    to_decibels : callable
        ``to_decibels(X)`` -> dB, of the shape of `X`.

    Raises
    ------
    ExerciseError
        If a value is another; the message says which.

    Examples
    --------
    >>> check_to_decibels(lambda X: 80.0 * X - 80.0)
    Right. 0 is -80 dB, 1 is 0 dB, and every step between is as large as the next.
    """
    X = np.random.default_rng(0).random((4, 5))
    X[0, :2] = 0.0, 1.0
    L = np.asarray(to_decibels(X.copy()))
    expect(L.shape == X.shape, f"the answer should have the shape {X.shape} of the picture; yours has {L.shape}.")
    for x, got in zip(X.ravel(), L.ravel(), strict=True):
        wanted = -80.0 + 80.0 * x
        expect(abs(got - wanted) < 1e-3, f"{x:.3f} stands for {wanted:.2f} dB; yours says {got:.2f} dB.")
    passed("0 is -80 dB, 1 is 0 dB, and every step between is as large as the next.")


def check_midpoint(midpoint: Callable[..., Any]) -> None:
    """Check a midpoint integrator on an equation whose solution is known: halving the step must quarter the error.

    Parameters
    ----------
    midpoint : callable
        ``midpoint(velocity, x, steps)`` -> x at time 1, where ``velocity(x, t)``.

    Raises
    ------
    ExerciseError
        If the end is wrong, the error falls too slowly, or the field is asked at time 1.

    Examples
    --------
    >>> def euler(velocity, x, steps):
    ...     for k in range(steps):
    ...         x = x + velocity(x, k / steps) / steps
    ...     return x
    >>> check_midpoint(euler)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: with twice the steps the error should fall to a quarter; yours falls to 0.51 of it.
    """
    asked: list[float] = []

    def velocity(x: np.ndarray, t: float) -> np.ndarray:
        asked.append(float(t))
        return (1.0 + t) * x  # from x0 to x0 exp(3 / 2)

    x0 = np.array([1.0, -2.0])
    truth = x0 * np.exp(1.5)
    errors = [float(np.abs(np.asarray(midpoint(velocity, x0.copy(), steps)) - truth).max()) for steps in (40, 80)]
    expect(errors[0] < 0.5, f"the path should end near {truth.round(3).tolist()}; yours is {errors[0]:.3f} away.")
    ratio = errors[1] / max(errors[0], 1e-12)
    expect(ratio < 0.3, f"with twice the steps the error should fall to a quarter; yours falls to {ratio:.2f} of it.")
    expect(max(asked) < 1.0, "the arrows are asked for at time 1, where there are none.")
    expect(len(asked) == 240, f"two looks a step are enough; yours takes {len(asked) / 120:.1f}.")
    passed(f"With twice the steps the error falls to {ratio:.2f} of what it was: a quarter.")


def check_save(save: Callable[..., Any]) -> None:
    """Check a function that writes a clip as a WAV file of 16 bits with its peak at -1 dB; silence stays silence.

    Parameters
    ----------
    save : callable
        ``save(y, sr, path)``.

    Raises
    ------
    ExerciseError
        If the file is missing, of another kind, level, rate or length, or silence was not kept.

    Examples
    --------
    >>> check_save(lambda y, sr, path: audio.write(path, audio.normalize_peak(y, peak_db=-1.0), sr=sr))
    Right. 16 bits, the right rate and length, a peak of -1 dB, and silence is still silence.
    """
    t = np.arange(4000) / 8000
    with tempfile.TemporaryDirectory() as folder:
        for name, y in {
            "loud": 3.0 * np.sin(2 * np.pi * 300.0 * t),
            "soft": 0.01 * np.sin(2 * np.pi * 300.0 * t),
            "silent": 0.0 * t,
        }.items():
            path = Path(folder) / f"{name}.wav"
            save(y.copy(), 8000, path)
            expect(path.is_file(), "there is no file where it should be.")
            try:
                about, (got, sr) = audio.info(path), audio.read(path)
            except AudioGenError as error:
                expect(False, f"the file of a {name} clip cannot be opened: {error}")
            expect(about.subtype == "PCM_16", f"a sample should have 16 bits (PCM_16); yours is {about.subtype}.")
            expect(sr == 8000 and got.shape == y.shape, f"rate and shape should be 8000 and {y.shape}; yours are {sr} and {got.shape}.")
            wanted = 0.0 if name == "silent" else 10 ** (-1 / 20)
            peak = float(np.abs(got).max())
            expect(abs(peak - wanted) < 1e-3, f"the peak of a {name} clip should be {wanted:.3f}; yours is {peak:.3f}.")
    passed("16 bits, the right rate and length, a peak of -1 dB, and silence is still silence.")
