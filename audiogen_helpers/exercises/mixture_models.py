"""Exercises of the chapter Mixture models: draw from a mixture, tell voices apart, and give a track its life back.

Chapter: chapters/methods/mixture_models.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers import datasets
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.statistical.gmm import Mixture

__all__ = ["VOICES", "check_draw", "check_lively", "check_who"]

VOICES = ("rms", "slt", "kal", "awb")  # of the bundled digits, for check_who
_CROWD = Mixture(weights=np.array([0.7, 0.3]), means=np.array([[43.0], [55.0]]), covariances=np.array([[4.0], [9.0]]))
_DRAWS = 4000


def check_draw(draw: Callable[..., Any]) -> None:
    """Check a function that draws from a mixture of Gaussians in one dimension.

    Parameters
    ----------
    draw : callable
        ``draw(n, weights, means, variances, rng)`` -> `n` numbers, where `rng` is a ``np.random.Generator`` and the sole source of chance.

    Raises
    ------
    ExerciseError
        If the numbers are not spread as the mixture says; the message names the likely mistake.

    Examples
    --------
    >>> def draw(n, weights, means, variances, rng):
    ...     k = rng.choice(len(weights), size=n, p=weights)
    ...     return rng.normal(means[k], np.sqrt(variances[k]))
    >>> check_draw(draw)
    Right. First a bell by its weight, then a number from that bell.
    """
    first, again = (_drawn(draw, seed=0) for _ in range(2))
    expect(np.array_equal(first, again), "two calls with equal generators should give equal numbers: draw from rng only.")
    low = float(np.mean(first < 49.5))
    expect(len(np.unique(np.round(first, 6))) > _DRAWS // 2, "most numbers are the same; each needs a draw of its own.")
    valley = float(np.mean((first > 47.0) & (first < 49.5)))
    expect(
        valley < 0.10,
        f"{100 * valley:.0f} % lie in the valley between the bells, where 4 % should: a mixture chooses one bell for each number, "
        "it does not add the bells' draws up.",
    )
    expect(0.05 < low < 0.95, "all numbers come from one bell: choose a bell for each number, not one for all.")
    expect(abs(low - 0.69) < 0.04, f"{100 * low:.0f} % lie below 49.5, where 69 % should: choose the bells by their weights.")
    inside = first[first < 47.0]
    spread = float(np.std(inside))
    expect(spread < 2.4, f"the lower bell deviates by {spread:.1f} where 1.9 is right: a variance is the square of a deviation.")
    expect(spread > 1.5, f"the lower bell deviates by {spread:.1f} where 1.9 is right.")
    passed("First a bell by its weight, then a number from that bell.")


def _drawn(draw: Callable[..., Any], *, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    answer = draw(_DRAWS, _CROWD.weights.copy(), _CROWD.means[:, 0].copy(), _CROWD.covariances[:, 0].copy(), rng)
    try:
        numbers = check_array(answer, name="draw(...)")
    except ParameterError as error:
        expect(False, str(error))
    expect(numbers.shape == (_DRAWS,), f"{_DRAWS} numbers were asked for, shape ({_DRAWS},); received shape {numbers.shape}.")
    return numbers


def check_who(who: Callable[[np.ndarray], str]) -> None:
    """Check a function that tells who speaks: on the first take of each digit, at least 36 of 40 right.

    Learn from the other takes only, the clips whose names do not end in ``_0.flac``.

    Parameters
    ----------
    who : callable
        ``who(y)`` -> one of :data:`VOICES`, for a waveform `y` at 8000 Hz.

    Raises
    ------
    ExerciseError
        If it is wrong too often; the message says for whom, and whom it takes them for.
    """
    digits = datasets.load("digits")
    kept = [
        i for i, (name, voice) in enumerate(zip(digits.names, digits.groups, strict=True)) if voice in VOICES and name.endswith("_0.flac")
    ]
    right, wrong = 0, dict[tuple[str, str], int]()
    for i in kept:
        voice, answer = digits.groups[i], who(digits.clip(i)[0])
        expect(answer in VOICES, f"the answer should be one of {', '.join(VOICES)}; yours is {answer!r}.")
        right += answer == voice
        if answer != voice:
            wrong[voice, answer] = wrong.get((voice, answer), 0) + 1
    total = len(kept)
    if wrong:
        (voice, answer), count = max(wrong.items(), key=lambda item: item[1])
        expect(right >= 0.9 * total, f"{right} of {total} are right; {voice} is taken for {answer} {count} times.")
    passed(f"{right} of {total} voices named.")


def check_lively(Y: np.ndarray, *, flat: np.ndarray, variance: np.ndarray) -> None:
    """Check tracks that were stretched to a wanted variance.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, d)]
        The answer.
    flat : np.ndarray [shape=(n, d)]
        The tracks before.
    variance : np.ndarray [shape=(d,)]
        What each column of `Y` should have.

    Raises
    ------
    ExerciseError
        If a column has another variance, another mean than before, or is not the old track stretched.

    Examples
    --------
    >>> flat = np.random.default_rng(0).standard_normal((50, 2))
    >>> lively = flat.mean(axis=0) + 2.0 * (flat - flat.mean(axis=0))
    >>> check_lively(lively, flat=flat, variance=4.0 * flat.var(axis=0))
    Right. The same movement, as wide as in life.
    """
    flat, variance = check_array(flat, name="flat", ndim=2), check_array(variance, name="variance", ndim=1, above=0.0)
    Y = check_array(Y, name="Y")
    expect(Y.shape == flat.shape, f"the tracks should keep their shape {flat.shape}; yours is {Y.shape}.")
    scale = np.sqrt(variance)
    moved = float(np.abs((Y.mean(axis=0) - flat.mean(axis=0)) / scale).max())
    expect(moved < 0.01, f"a mean moved by {moved:.2f} deviations: stretch the distance from the mean, not the number itself.")
    ratio = Y.var(axis=0) / variance
    worst = float(ratio[np.argmax(np.abs(np.log(np.maximum(ratio, 1e-12))))])
    squared = np.abs(ratio - variance / flat.var(axis=0)).max() < 0.01 * ratio.max()
    hint = " (a variance grows with the square of the factor)" if squared else ""
    expect(0.98 < worst < 1.02, f"a column has {worst:.2f} times the wanted variance{hint}.")
    alike = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(Y.T, flat.T, strict=True)])
    expect(bool(alike.min() > 0.999), "the track should be the old one, stretched; yours moves differently (was noise added?).")
    passed("The same movement, as wide as in life.")
