"""Exercises of the chapter GAN.

Chapter: chapters/methods/gan.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers.deep.losses import generator_loss
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_loss", "check_overlaps", "check_walk"]


def check_loss(loss: Callable[[np.ndarray], Any]) -> None:
    """Check the non-saturating loss of a generator, from logits, at tiny and at huge ones.

    Parameters
    ----------
    loss : callable
        ``loss(u)`` -> the mean of ``-log(sigmoid(u))`` over the logits `u`.

    Raises
    ------
    ExerciseError
        If the value is another, infinite or NaN; the message says for which logits.

    Examples
    --------
    >>> check_loss(lambda u: np.mean(np.logaddexp(0.0, -u)))
    Right. It is finite even where the sigmoid is 0 to the last digit.
    >>> check_loss(lambda u: np.mean(np.log(1.0 - 1.0 / (1.0 + np.exp(-u)))))
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: for the logits [0.5] the loss is 0.4741; yours is -0.9741.
    """
    for logits in ([0.5], [-1.0, 2.0, 3.0], [40.0], [-800.0, 0.0], [800.0]):
        u = np.array(logits)
        with np.errstate(all="ignore"):
            got = float(np.asarray(loss(u.copy())))
        wanted = float(generator_loss(u, kind="non-saturating"))
        finite = "" if np.isfinite(got) else " Which step leaves the range of a computer's numbers?"
        expect(
            abs(got - wanted) < 1e-6 * max(1.0, abs(wanted)),
            f"for the logits {logits} the loss is {wanted:.4g}; yours is {got:.4g}.{finite}",
        )
    passed("It is finite even where the sigmoid is 0 to the last digit.")


def check_walk(walk: Callable[..., Any]) -> None:
    """Check a walk from one latent vector to another whose steps stay as long as vectors that are drawn.

    Parameters
    ----------
    walk : callable
        ``walk(a, b, n)`` -> n vectors ``(n, latent)`` from `a` to `b`, both included.

    Raises
    ------
    ExerciseError
        If the walk begins or ends elsewhere, shrinks on the way, or its steps are uneven.

    Examples
    --------
    >>> check_walk(lambda a, b, n: a + np.linspace(0.0, 1.0, n)[:, None] * (b - a))
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: halfway the vector has shrunk to 0.70 of its length. Go round zero, not through.
    """
    rng = np.random.default_rng(4)
    for _ in range(3):
        a, b = rng.standard_normal((2, 4096))
        steps = np.asarray(walk(a.copy(), b.copy(), 9))
        expect(steps.shape == (9, 4096), f"nine vectors of 4096 numbers have the shape (9, 4096); yours has {steps.shape}.")
        expect(bool(np.abs(steps[0] - a).max() < 1e-6), "the walk does not begin at a.")
        expect(bool(np.abs(steps[-1] - b).max() < 1e-6), "the walk does not end at b.")
        length = np.linalg.norm(steps, axis=1) / np.linalg.norm(a)
        shrunk = f"halfway the vector has shrunk to {length[4]:.2f} of its length. Go round zero, not through."
        expect(length.min() > 0.95, shrunk)
        expect(length.max() < 1.05, f"on the way the vector grows to {length.max():.2f} of its length.")
        strides = np.linalg.norm(np.diff(steps, axis=0), axis=1)
        expect(strides.max() < 1.1 * strides.min(), f"the longest step is {strides.max() / strides.min():.1f} times the shortest.")
    passed("Every stop is as far out as a vector that was drawn, and all steps are alike.")


def check_overlaps(overlaps: Callable[[int, int], Any]) -> None:
    """Check the numbers of frames that reach each sample of a transposed convolution, in its middle.

    Parameters
    ----------
    overlaps : callable
        ``overlaps(taps, stride)`` -> `stride` counts, of neighbouring samples, in any order.

    Raises
    ------
    ExerciseError
        If they are others; the message says for which taps and stride.

    Examples
    --------
    >>> check_overlaps(lambda taps, stride: [len(range(i, taps, stride)) for i in range(stride)])
    Right. The counts are equal where the stride divides the number of taps.
    """
    for taps, stride in ((25, 4), (24, 4), (5, 2), (4, 4), (7, 5)):
        wanted = sorted(len(range(i, taps, stride)) for i in range(stride))
        got = sorted(int(count) for count in np.ravel(overlaps(taps, stride)))
        expect(
            len(got) == stride,
            f"with stride {stride} the pattern repeats every {stride} samples, so it has as many counts; yours has {len(got)}.",
        )
        expect(got == wanted, f"{taps} taps at stride {stride} overlap as {wanted}; yours as {got}.")
    passed("The counts are equal where the stride divides the number of taps.")
