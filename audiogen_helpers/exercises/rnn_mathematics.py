"""Exercises of the chapter Mathematics: recurrent networks.

Chapter: chapters/mathematics/rnn.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_number
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.spectral import decay_time, pitch_of
from audiogen_helpers.units import cents

__all__ = ["check_forget_bias", "check_resonator"]

_SR = 8000


def check_resonator(W_h: Any, *, f0: float = 330.0, t60: float = 0.5) -> None:
    """Check the recurrent matrix of a network of two numbers that is struck by a click, at 8000 steps a second.

    Parameters
    ----------
    W_h : array [shape=(2, 2)]
        The answer.
    f0 : float > 0
        Pitch wanted, Hz.
    t60 : float > 0
        Time to lose 60 dB wanted, s.

    Raises
    ------
    ExerciseError
        If it does not ring, or not at that pitch, or not for that long.

    Examples
    --------
    >>> w = 2 * np.pi * 330 / 8000
    >>> check_resonator(10 ** (-3 / 4000) * np.array([[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]]))
    Right. 330.0 Hz, and 60 dB in 0.50 s.
    """
    W_h = np.asarray(W_h, dtype=np.float64)
    expect(W_h.shape == (2, 2), f"the matrix must be 2 x 2; yours has the shape {W_h.shape}.")
    radius = float(np.abs(np.linalg.eigvals(W_h)).max())
    expect(radius < 1.0, f"its largest eigenvalue is {radius:.5f}: it never fades. It must be inside the circle.")
    h, heard = np.array([0.0, 1.0]), []
    for _ in range(2 * _SR):
        heard.append(h[0])
        h = W_h @ h
    y = np.array(heard)
    expect(bool(np.abs(y).max() > 1e-6), "a click into the second number never reaches the first: nothing is heard.")
    pitch, decay = float(pitch_of(y[: _SR // 4], sr=_SR)), float(decay_time(y, f=f0, sr=_SR))
    expect(bool(np.isfinite(pitch)) and abs(float(cents(pitch, reference=f0))) < 10.0, f"it rings at {pitch:.1f} Hz, not at {f0:g} Hz.")
    expect(abs(decay / t60 - 1.0) < 0.05, f"it loses 60 dB in {decay:.2f} s, not in {t60:g} s.")
    passed(f"{pitch:.1f} Hz, and 60 dB in {decay:.2f} s.")


def check_forget_bias(bias: float, *, seconds: float = 0.1) -> None:
    """Check the bias of a forget gate that halves a memory in a given time, at 8000 steps a second.

    Parameters
    ----------
    bias : float
        The answer.
    seconds : float > 0
        Half-life wanted.

    Raises
    ------
    ExerciseError
        If the half-life is off by more than two percent; the message says what it is.

    Examples
    --------
    >>> check_forget_bias(1.0)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: with this bias the gate stands at 0.73106, and half is gone after 2.21 steps, 0.00028 s.
    """
    gate = 1.0 / (1.0 + float(np.exp(-check_number(bias, name="bias", low=-50.0, high=30.0))))
    steps = float(np.log(0.5) / np.log(gate))
    text = f"with this bias the gate stands at {gate:.5f}, and half is gone after {steps:.2f} steps, {steps / _SR:.5f} s."
    expect(abs(steps / _SR / seconds - 1.0) < 0.02, text)
    passed(f"The gate stands at {gate:.5f}, and half is gone after {steps / _SR:.3f} s.")
