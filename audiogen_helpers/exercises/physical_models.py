"""Exercises of the chapter Physical models.

Chapter: chapters/methods/physical_models.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_audio
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.spectral import decay_time, partial_level

__all__ = ["check_loss", "check_pluck_position", "check_tongue"]

_TONGUE = np.array([1.0, 6.26689, 17.54748])  # squares of the roots of cos(x) cosh(x) = -1, over the first


def check_pluck_position(pluck: Callable[..., Any]) -> None:
    """Check a string that is plucked at one fifth of its length: every fifth partial is silent, the others sound, the pitch is kept.

    Parameters
    ----------
    pluck : callable
        ``pluck(f0, sr=, duration=, seed=)`` -> waveform (n,), with a loop of ``round(sr / f0) - 1 / 2`` samples as in the chapter.

    Raises
    ------
    ExerciseError
        If another is heard; the message says what.

    Examples
    --------
    >>> def pluck(f0, *, sr, duration, seed):
    ...     line = np.random.default_rng(seed).uniform(-0.5, 0.5, round(sr / f0))
    ...     line = line - np.roll(line, len(line) // 5)
    ...     y = np.zeros(round(duration * sr))
    ...     y[: len(line)] = line
    ...     for n in range(len(line), len(y)):
    ...         y[n] = 0.5 * (y[n - len(line)] + y[n - len(line) + 1])
    ...     return y
    >>> check_pluck_position(pluck)
    Right. Partials 5 and 10 are silent, their neighbours are not: the string was plucked at one fifth.
    """
    sr, n_delay = 22_050, 100
    f0 = sr / (n_delay - 0.5)
    power = np.zeros(12)
    for seed in range(6):  # a burst of noise has strong and weak partials by chance
        y = check_audio(np.asarray(pluck(sr / n_delay, sr=sr, duration=0.4, seed=seed), dtype=np.float64), name="the sound", mono=True)
        expect(len(y) == round(0.4 * sr), f"0.4 s at {sr} Hz are {round(0.4 * sr)} samples; yours has {len(y)}.")
        power += np.square(partial_level(y, f=f0 * np.arange(1, 13), sr=sr))
    expect(bool(power.max() > 0.0), "the string is silent.")
    level = 10.0 * np.log10(power / power.max() + 1e-12)
    others = np.delete(level, [4, 9])
    between = 10.0 * np.log10(partial_level(y, f=1.5 * f0, sr=sr) ** 2 * 6 / power.max() + 1e-12)
    expect(between < -20.0, f"the loop itself has changed: its pitch is no longer {f0:.1f} Hz.")
    expect(float(others.min()) > -35.0, f"partial {1 + int(np.argmin(np.where(np.isin(range(12), [4, 9]), 0, level)))} is silent too.")
    down = float(np.median(others) - max(level[4], level[9]))
    expect(down > 15.0, f"partials 5 and 10 are only {down:.0f} dB below their neighbours.")
    passed("Partials 5 and 10 are silent, their neighbours are not: the string was plucked at one fifth.")


def check_loss(loss: Callable[..., Any]) -> None:
    """Check the factor by which each round of the loop must be turned down for a chosen T60 of the first partial.

    Parameters
    ----------
    loss : callable
        ``loss(f0, t60, sr)`` -> factor g in the loop ``y[n] = g * (y[n - N] + y[n - N + 1]) / 2``, which goes round f0 times a second.

    Raises
    ------
    ExerciseError
        If a string made with it rings for another time.

    Examples
    --------
    >>> check_loss(lambda f0, t60, sr: 10 ** (-3 / (f0 * t60)) / np.cos(np.pi * f0 / sr))
    Right. Strings made with your factor ring as long as they should, to 2 %.
    """
    from scipy.signal import lfilter

    sr = 22_050
    for n_delay, t60 in ((200, 1.0), (100, 2.0), (100, 0.5), (25, 0.3)):
        f0 = sr / (n_delay - 0.5)
        g = float(loss(f0, t60, sr))
        expect(0.0 < g <= 1.0, f"for {f0:.0f} Hz and {t60:g} s your factor is {g:.4g}; beyond 1 the string explodes, at 0 it is dead.")
        burst = np.zeros(round(0.8 * sr))
        burst[:n_delay] = np.random.default_rng(0).uniform(-1.0, 1.0, n_delay)
        y = lfilter([1.0], [1.0, *np.zeros(n_delay - 2), -g / 2, -g / 2], burst)
        heard = decay_time(y, f=f0, sr=sr, window=0.1, drop_db=25.0)
        expect(
            abs(heard / t60 - 1.0) < 0.02,
            f"at {f0:.0f} Hz the string should ring for {t60:g} s; with your factor it rings for {heard:.3g} s.",
        )
    passed("Strings made with your factor ring as long as they should, to 2 %.")


def check_tongue(ratios: ArrayLike) -> None:
    """Check the first three modes of a tongue clamped at one end, such as those of a music box, in multiples of the first.

    Parameters
    ----------
    ratios : array [shape=(3,)]
        The answer, ``[1, ...]``.

    Raises
    ------
    ExerciseError
        If they are another body's; the message says so.

    Examples
    --------
    >>> check_tongue([1.0, 6.267, 17.55])
    Right. 1 : 6.27 : 17.55. The second mode is two octaves and a half above, so a tongue is almost a pure tone.
    """
    answer = check_array(ratios, name="ratios", ndim=1)
    expect(len(answer) == 3, f"three ratios are asked for; yours are {len(answer)}.")
    expect(abs(answer[0] - 1.0) < 1e-3, f"the first mode is 1 times the first; yours is {answer[0]:g}. Divide by it.")
    shown = ", ".join(f"{ratio:.3f}" for ratio in answer)
    expect(not np.allclose(answer, np.sqrt(_TONGUE), rtol=1e-3), f"{shown} are ratios of x; frequencies go with its square.")
    expect(not np.allclose(answer, [1.0, 2.7565, 5.4039], rtol=1e-3), f"{shown} are the modes of a bar that is free at both ends.")
    expect(bool(np.allclose(answer, _TONGUE, rtol=1e-3)), f"{shown} are not the modes of a tongue; solve cos(x) cosh(x) = -1.")
    passed("1 : 6.27 : 17.55. The second mode is two octaves and a half above, so a tongue is almost a pure tone.")
