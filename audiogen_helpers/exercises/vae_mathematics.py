"""Exercises of the chapter Mathematics: the VAE.

Chapter: chapters/mathematics/vae.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers.deep.losses import gaussian_kl, gaussian_log_density, log_sum_exp
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_bound", "check_level", "check_negative_bound"]


def check_negative_bound(negative_bound: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], Any]) -> None:
    """Check the loss of a VAE with a normal decoder of variance 1 and a standard normal prior.

    Parameters
    ----------
    negative_bound : callable
        ``negative_bound(x, decoded, mean, log_variance)`` -> ``(clips,)`` nats, for ``(clips, pixels)`` and ``(clips, codes)``.

    Raises
    ------
    ExerciseError
        If it is another number; the message says which slip gives that number.

    Examples
    --------
    >>> def negative_bound(x, decoded, mean, log_variance):
    ...     fit = 0.5 * np.sum((x - decoded) ** 2 + np.log(2 * np.pi), axis=1)
    ...     return fit + 0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
    >>> check_negative_bound(negative_bound)
    Right. It falls when the picture is nearer, and rises when the code says more.
    """
    rng = np.random.default_rng(0)
    x, decoded = rng.normal(size=(2, 3, 10))
    mean, log_variance = rng.normal(size=(2, 3, 4))
    answer = np.asarray(negative_bound(x.copy(), decoded.copy(), mean.copy(), log_variance.copy()), dtype=float)
    expect(answer.shape == (3,), f"for three clips the answer has the shape {answer.shape}. It needs one number for each clip.")
    fit, kl = -gaussian_log_density(x, decoded, 0.0).sum(axis=1), gaussian_kl(mean, log_variance).sum(axis=1)
    squares, constant = np.sum((x - decoded) ** 2, axis=1), 5.0 * np.log(2.0 * np.pi)
    slips = {
        "That is the bound itself. A loss is what should become small: turn both signs.": -fit - kl,
        "The divergence has the wrong sign: a code that says more would be rewarded.": fit - kl,
        "The log-likelihood has the wrong sign: a worse picture would be rewarded.": -fit + kl,
        "The divergence is missing.": fit,
        "The constant of the normal density is missing: 1/2 log 2 pi for each pixel.": fit - constant + kl,
        "The error has the mean over the pixels instead of the sum. Then the code costs ten times too much.": fit / 10.0 + kl,
        "The divergence has the mean over the codes instead of the sum.": fit + kl / 4.0,
        "The 1/2 before the squares is missing.": squares + kl,
        "The 1/2 before the squares is missing, beside the constant.": squares + constant + kl,
        "Both terms are means over their numbers instead of sums.": fit / 10.0 + kl / 4.0,
    }
    for text, number in slips.items():
        expect(not np.allclose(answer, number, rtol=1e-6), f"for one clip it is {fit[0] + kl[0]:.3f}; yours is {answer[0]:.3f}. {text}")
    expect(np.allclose(answer, fit + kl, rtol=1e-5), f"for one clip it is {fit[0] + kl[0]:.3f} nats; yours is {answer[0]:.3f}.")
    passed("It falls when the picture is nearer, and rises when the code says more.")


def check_level(level: Callable[[np.ndarray, float], Any]) -> None:
    """Check the water level that leaves a given number of bits.

    Parameters
    ----------
    level : callable
        ``level(variances, bits)`` -> error that each number of a code may have.

    Raises
    ------
    ExerciseError
        If at that level the rate is another; the message says how many bits there would be.

    Examples
    --------
    >>> def level(variances, bits):
    ...     top = np.sort(variances)[::-1]
    ...     for n in range(1, len(top) + 1):
    ...         water = np.exp((np.log(top[:n]).sum() - 2 * bits * np.log(2)) / n)
    ...         if n == len(top) or water >= top[n]:
    ...             return water
    >>> check_level(level)
    Right. What stands above the water gets bits, and all that stands above it ends with the same error.
    """
    cases = {
        "four equal numbers": (np.full(4, 2.0), 8.0),
        "one number": (np.array([16.0]), 2.0),
        "a large and a small one": (np.array([100.0, 0.01]), 1.5),
        "a slope of fifty": (20.0 * 0.8 ** np.arange(50), 30.0),
    }
    for name, (variances, bits) in cases.items():
        water = float(level(variances.copy(), bits))
        expect(bool(np.isfinite(water)) and water > 0.0, f"for {name} the level is {water}. It must be a variance, above 0.")
        rate = float(np.sum(np.maximum(0.0, np.log2(variances / water))) / 2.0)
        hint = f"for {name} your level is {water:.4g}, which leaves {rate:.2f} bits instead of {bits:g}."
        wrong = abs(rate - bits) > 1e-3
        expect(not (wrong and abs(rate - bits / np.log(2.0)) < 1e-3), f"{hint} Those are {bits:g} nats: a bit is log 2 of them.")
        expect(not (wrong and abs(rate - bits / 2.0) < 1e-3), f"{hint} The 1/2 of (21) is missing: it counts deviations, not variances.")
        plain = float(np.sum(np.log2(variances / water)) / 2.0)
        expect(not (wrong and abs(plain - bits) < 1e-3), f"{hint} Numbers below the water must not count as negative bits.")
        expect(not wrong, hint)
    passed("What stands above the water gets bits, and all that stands above it ends with the same error.")


def check_bound(bound: Callable[[np.ndarray], Any]) -> None:
    """Check the importance-weighted bound.

    Parameters
    ----------
    bound : callable
        ``bound(log_w)`` -> ``(clips,)`` nats, for the logarithms ``(clips, K)`` of the weights.

    Raises
    ------
    ExerciseError
        If it is another number, or none; the message says which mistake does that.

    Examples
    --------
    >>> def bound(log_w):
    ...     top = log_w.max(axis=1)
    ...     return top + np.log(np.exp(log_w - top[:, None]).mean(axis=1))
    >>> check_bound(bound)
    Right. One good draw in K costs log K and no more.
    """
    rng = np.random.default_rng(0)
    for shift, name in ((0.0, "weights near 1"), (-4000.0, "weights like those of a picture"), (900.0, "large weights")):
        log_w = rng.normal(scale=2.0, size=(3, 8)) + shift
        with np.errstate(all="ignore"):
            answer = np.asarray(bound(log_w.copy()), dtype=float)
        expect(answer.shape == (3,), f"for three clips the answer has the shape {answer.shape}. It needs one number for each clip.")
        right = log_sum_exp(log_w) - np.log(8.0)
        hint = f"for {name} the first clip has {right[0]:.3f}; yours is {answer[0]:.3f}."
        expect(bool(np.isfinite(answer).all()), f"{hint} The exponential leaves what a computer can hold: take out the largest first.")
        expect(not np.allclose(answer, log_w.mean(axis=1), atol=1e-6), f"{hint} That is the mean of the logarithms, the plain bound.")
        expect(not np.allclose(answer, right + np.log(8.0), atol=1e-6), f"{hint} That is the sum: divide by K.")
        expect(not np.allclose(answer, log_w.max(axis=1), atol=1e-6), f"{hint} That is the largest weight alone.")
        expect(np.allclose(answer, right, atol=1e-5), hint)
    passed("One good draw in K costs log K and no more.")
