"""Exercises of the chapter Mathematics: the GAN.

Chapter: chapters/mathematics/gan.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_number
from audiogen_helpers.deep.losses import gaussian_log_density
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_brake", "check_conjugate", "check_judge"]


def check_judge(judge: Callable[[np.ndarray, np.ndarray, float], Any]) -> None:
    """Check the best judge of a game in which real examples are shown more or less often than fakes.

    Parameters
    ----------
    judge : callable
        ``judge(p, q, share)`` -> probability that what is seen is real, at each place; `share` of the examples are real.

    Raises
    ------
    ExerciseError
        If another judge is surprised less; the message says what this one seems to do.

    Examples
    --------
    >>> check_judge(lambda p, q, share: share * p / (share * p + (1 - share) * q))
    Right. The share multiplies the density, as Bayes' rule has it: a judge who sees fakes only calls everything a fake.
    """
    x = np.linspace(-6.0, 6.0, 601)
    p, q = np.exp(gaussian_log_density(x, -1.0, 0.0)), np.exp(gaussian_log_density(x, 1.0, 0.8))
    for share in (0.5, 0.2, 0.9):
        with np.errstate(all="ignore"):
            D = np.asarray(judge(p.copy(), q.copy(), share), dtype=float)
        expect(D.shape == x.shape, f"for {x.size} places the answer has the shape {D.shape}. It needs one number for each place.")
        right = share * p / (share * p + (1.0 - share) * q)
        hint = f"with a share of {share:g} real ones"
        expect(bool(np.isfinite(D).all() and (D >= 0.0).all() and (D <= 1.0).all()), f"{hint} some answers are not between 0 and 1.")
        wrong = not np.allclose(D, right, atol=1e-4)
        expect(not (wrong and np.allclose(D, p / (p + q), atol=1e-4)), f"{hint} your judge answers as if it were one half.")
        expect(not (wrong and np.allclose(D, 1.0 - right, atol=1e-4)), f"{hint} yours is the probability of a fake. Real ones have y = 1.")
        turned = (1.0 - share) * p / ((1.0 - share) * p + share * q)
        expect(not (wrong and np.allclose(D, turned, atol=1e-4)), f"{hint} your judge gives the real ones the share of the fakes.")
        worst = int(np.abs(D - right).argmax())
        expect(not wrong, f"{hint} the best answer at x = {x[worst]:.2f} is {right[worst]:.3f}; yours is {D[worst]:.3f}.")
    passed("The share multiplies the density, as Bayes' rule has it: a judge who sees fakes only calls everything a fake.")


def check_conjugate(conjugate: Callable[[float], Any]) -> None:
    """Check the conjugate of Neyman's divergence, ``f(t) = (1 - t)**2 / t``.

    Parameters
    ----------
    conjugate : callable
        ``conjugate(u)`` -> largest value of ``u * t - f(t)`` over positive `t`, for ``u < 1``.

    Raises
    ------
    ExerciseError
        If it is another number; the message shows where.

    Examples
    --------
    >>> check_conjugate(lambda u: 2 - 2 * (1 - u) ** 0.5)
    Right. And beyond u = 1 there is no largest value: f grows like t, so its slopes end at 1.
    """
    t = np.geomspace(1e-3, 1e3, 200_001)
    f = (1.0 - t) ** 2 / t
    for u in (0.0, -1.0, 0.5, -8.0, 0.9):
        with np.errstate(all="ignore"):
            answer = float(conjugate(u))
        place = int((u * t - f).argmax())
        right = float(u * t[place] - f[place])
        hint = f"for u = {u:g} no t gives more than {right:.4f}, and t = {t[place]:.3f} gives that; yours is {answer:.4f}."
        expect(not (u != 0.0 and abs(answer + right) < 1e-3), f"{hint} The sign is wrong.")
        expect(not abs(answer - t[place]) < 1e-3 < abs(t[place] - right), f"{hint} That is the best t itself: put it into u t - f(t).")
        expect(bool(np.isfinite(answer)) and abs(answer - right) < 1e-3, hint)
    passed("And beyond u = 1 there is no largest value: f grows like t, so its slopes end at 1.")


def check_brake(gamma: float) -> None:
    """Check the weight of R1 that brings the smallest game home fastest.

    Parameters
    ----------
    gamma : float >= 0
        Weight of the penalty.

    Raises
    ------
    ExerciseError
        If another weight is faster; the message says in which direction.

    Examples
    --------
    >>> check_brake(1.0)
    Right. Both eigenvalues are -1/2 there: it falls by e every 2 units of time and no longer swings. Doors are hung like this.
    """
    gamma = check_number(gamma, name="gamma", low=0.0)
    rates = np.linalg.eigvals(np.array([[0.0, 0.5], [-0.5, -gamma]]))
    slowest = float(rates.real.max())
    expect(slowest < -1e-9, "without a brake it swings for ever.")
    speed = f"with {gamma:g} the slower part falls as exp({slowest:.3f} t)"
    expect(gamma > 0.97, f"{speed} and swings. A little more brake is faster.")
    expect(gamma < 1.03, f"{speed}. The judge is held so tightly that it hardly moves; less is faster.")
    passed("Both eigenvalues are -1/2 there: it falls by e every 2 units of time and no longer swings. Doors are hung like this.")
