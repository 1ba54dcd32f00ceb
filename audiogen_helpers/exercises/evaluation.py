"""Exercises of the chapter The scoreboard.

Chapter: chapters/practice/evaluation.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers.evaluation import inception_score, wilson_interval
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_clips_needed", "check_fool", "check_inception"]


def check_inception(score: Callable[[np.ndarray], Any]) -> None:
    """Check a function that computes the Inception Score of a table of probabilities.

    Parameters
    ----------
    score : callable
        ``score(p)`` -> number, where `p` has a row for each clip and a column for each label.

    Raises
    ------
    ExerciseError
        If a score is another; the message says of which table.

    Examples
    --------
    >>> def score(p):
    ...     mean = p.mean(axis=0)
    ...     with np.errstate(divide="ignore", invalid="ignore"):
    ...         return np.exp(np.where(p > 0, p * np.log(p / mean), 0.0).sum(axis=1).mean())
    >>> check_inception(score)
    Right. Unsure judges, collapsed generators and tables with zeros all get what they should.
    """
    gen = np.random.default_rng(0)
    tables = {
        "five clips, each surely another of five labels": np.eye(5),
        "clips that the judge cannot tell apart": np.full((6, 5), 0.2),
        "a generator that says one word, clearly": np.eye(5)[[2] * 6],
        "one word twice and another once": np.eye(3)[[0, 0, 1]],
        "an unsure judge": gen.dirichlet(np.ones(4), 50),
    }
    for name, p in tables.items():
        with np.errstate(all="ignore"):
            found = float(score(p.copy()))
        wanted = inception_score(p)
        expect(np.isfinite(found), f"the score of {name} should be {wanted:.3f}; yours is {found} (what is 0 log 0?).")
        expect(abs(found - wanted) < 1e-3 * wanted, f"the score of {name} should be {wanted:.3f}; yours is {found:.3f}.")
    passed("Unsure judges, collapsed generators and tables with zeros all get what they should.")


def check_fool(choose: Callable[[np.ndarray], Any]) -> None:
    """Check a function that makes a set of 100 clips out of at most 10 different ones, with a higher Inception Score than all of them have.

    Parameters
    ----------
    choose : callable
        ``choose(p)`` -> the numbers of 100 clips, where ``p (n, 10)`` is what the judge said of each of `n`.

    Raises
    ------
    ExerciseError
        If there are not 100, more than 10 different ones, or the score is no higher.

    Examples
    --------
    >>> check_fool(lambda p: np.repeat([int(p[:, k].argmax()) for k in range(10)], 10))
    Right. The Inception Score of 10 clips, each played 10 times, is 7.6; that of all the clips was 3.5.
    """
    gen = np.random.default_rng(1)
    p = gen.dirichlet(np.full(10, 0.15), 300)
    chosen = np.asarray(choose(p.copy()))
    whole = chosen.ndim == 1 and len(chosen) == 100 and np.issubdtype(chosen.dtype, np.integer)
    expect(whole, "the answer should be the numbers of 100 clips.")
    expect(bool(chosen.min() >= 0 and chosen.max() < len(p)), f"there are {len(p)} clips, numbered from 0.")
    distinct = len(set(chosen.tolist()))
    expect(distinct <= 10, f"at most 10 different clips are allowed; yours has {distinct}.")
    before, after = inception_score(p), inception_score(p[chosen])
    best = inception_score(p[np.repeat(p.argmax(axis=0), 10)])
    expect(after > before, f"the score should rise above {before:.1f}; yours is {after:.1f}. What does it like to see?")
    expect(
        after > 0.99 * best, f"{after:.1f} is higher than {before:.1f}, but {best:.1f} is possible: every label counts, and counts alike."
    )
    passed(f"The Inception Score of {distinct} clips, each played 10 times, is {after:.1f}; that of all the clips was {before:.1f}.")


def check_clips_needed(needed: Callable[[float, float], Any]) -> None:
    """Check a function that says how many clips must be judged until a recognition rate is known well enough.

    Parameters
    ----------
    needed : callable
        ``needed(rate, width)`` -> the smallest number of clips whose Wilson interval around `rate` is at most `width` wide, up to 2 %.

    Raises
    ------
    ExerciseError
        If a number is too small or too large.

    Examples
    --------
    >>> def needed(rate, width):
    ...     n = 1
    ...     while np.subtract(*evaluation.wilson_interval(round(rate * n), n)[::-1]) > width:
    ...         n += 1
    ...     return n
    >>> from audiogen_helpers import evaluation
    >>> check_clips_needed(needed)
    Right. Half the width costs four times the clips.
    """
    for rate, width in ((0.95, 0.06), (0.5, 0.1), (0.95, 0.03)):
        wanted, found = _needed(rate, width), float(needed(rate, width))
        slack = max(3.0, 0.03 * wanted)
        why = "too few, the interval is still wider" if found < wanted else "more than needed"
        expect(abs(found - wanted) <= slack, f"for {rate:.0%}, known to {width:.0%}, about {wanted} clips are needed; {found:g} are {why}.")
    passed("Half the width costs four times the clips.")


def _needed(rate: float, width: float) -> int:
    n = 1
    while n < 100_000:
        low, high = wilson_interval(round(rate * n), n)
        if high - low <= width:
            break
        n += 1
    return n
