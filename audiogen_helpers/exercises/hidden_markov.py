"""Exercises of the chapter Hidden Markov models.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_bits", "check_ending", "check_listener"]


def check_bits(bits: Callable[[np.ndarray], Any]) -> None:
    """Check the entropy rate of a chain of order one.

    Parameters
    ----------
    bits : callable
        ``bits(A)`` -> bits per symbol of the chain with transition probabilities ``A (k, k)``.

    Raises
    ------
    ExerciseError
        If it is another number; the message says which mistake gives that number.

    Examples
    --------
    >>> def bits(A):
    ...     shares = np.full(len(A), 1 / len(A))
    ...     for _ in range(2000):
    ...         shares = 0.5 * shares + 0.5 * shares @ A
    ...     return -np.sum(shares[:, None] * np.where(A > 0, A * np.log2(np.where(A > 0, A, 1)), 0))
    >>> check_bits(bits)
    Right. A coin has one bit, a clock has none, and a state counts as much as it is visited.
    """
    rng = np.random.default_rng(0)
    any_chain = rng.dirichlet(np.full(5, 0.5), size=5)
    chains = {
        "a fair coin": np.full((2, 2), 0.5),
        "a clock of four states": np.roll(np.eye(4), 1, axis=1),
        "a lazy chain": np.array([[0.98, 0.02], [0.5, 0.5]]),
        "a chain of five states": any_chain,
    }
    for name, A in chains.items():
        with np.errstate(all="ignore"):
            answer = float(bits(A.copy()))
        expect(bool(np.isfinite(answer)), f"for {name} your answer is {answer}. A chance of 0 adds nothing: 0 log 0 counts as 0.")
        shares = _stationary(A)
        surprise = -np.where(A > 0.0, A * np.log2(np.where(A > 0.0, A, 1.0)), 0.0).sum(axis=1)
        right = float(shares @ surprise)
        hint = f"for {name} it is {right:.3f} bits; yours is {answer:.3f}."
        wrong = abs(answer - right) > 1e-3
        expect(not (wrong and abs(answer - right * np.log(2.0)) < 1e-3), f"{hint} That number is in nats: take the logarithm to base 2.")
        expect(not (wrong and abs(answer + right) < 1e-3), f"{hint} The sign is missing.")
        alike = abs(answer - surprise.mean()) < 1e-3
        expect(not (wrong and alike), f"{hint} You weight all states alike; weight each by its share of the time.")
        alone = -float(np.sum(shares * np.log2(shares)))
        expect(not (wrong and abs(answer - alone) < 1e-3), f"{hint} That is the surprise of a symbol whose past is unknown.")
        expect(not wrong, hint)
    passed("A coin has one bit, a clock has none, and a state counts as much as it is visited.")


def check_ending(ending: Callable[..., Any]) -> None:
    """Check walks along a chain that end where they should, without a forced step, each as likely as the chain makes it.

    Parameters
    ----------
    ending : callable
        ``ending(A, start, end, length, rng)`` -> states ``(length,)``, the first `start` and the last `end`.

    Raises
    ------
    ExerciseError
        If a walk ends elsewhere, takes a step that the chain does not have, or walks are too often of one kind.

    Examples
    --------
    >>> def ending(A, start, end, length, rng):
    ...     while True:
    ...         path = [start]
    ...         while len(path) < length:
    ...             path.append(rng.choice(len(A), p=A[path[-1]]))
    ...         if path[-1] == end:
    ...             return path
    >>> check_ending(ending)
    Right. Every walk comes home, by steps of the chain, and all ways home keep their chances.
    """
    rng = np.random.default_rng(0)
    A = np.array([[0.0, 0.6, 0.4, 0.0], [0.5, 0.0, 0.3, 0.2], [0.2, 0.5, 0.0, 0.3], [0.0, 0.1, 0.9, 0.0]])
    length, start, end, n = 6, 1, 0, 1500
    walks = np.zeros((n, length), dtype=np.int64)
    for i in range(n):
        walk = np.asarray(ending(A.copy(), start, end, length, rng))
        expect(walk.shape == (length,), f"a walk of {length} states was asked for; yours has shape {walk.shape}.")
        expect(int(walk[0]) == start, f"a walk began at {walk[0]}; it should begin at {start}.")
        expect(int(walk[-1]) == end, f"a walk ended at {walk[-1]}; it should end at {end}.")
        expect(bool(np.isin(walk, range(len(A))).all()), f"states are numbered from 0 to {len(A) - 1}; a walk of yours is {walk.tolist()}.")
        walks[i] = walk
    steps = A[walks[:, :-1], walks[:, 1:]]
    at = np.unravel_index(int(np.argmin(steps)), steps.shape)
    forced = f"a walk goes from {walks[at]} to {walks[at[0], at[1] + 1]}, a step that the chain does not have."
    expect(float(steps.min()) > 0.0, f"{forced} Was the end put there by force?")
    for t in range(1, length - 1):
        p = np.linalg.matrix_power(A, t)[start] * np.linalg.matrix_power(A, length - 1 - t)[:, end]
        p /= p.sum()
        seen = np.bincount(walks[:, t], minlength=4) / n
        off = np.abs(seen - p) / np.sqrt(p * (1 - p) / n + 1e-12)
        k = int(np.argmax(off))
        expect(
            bool(off[k] < 5.0),
            f"state {k} is at place {t} in {seen[k]:.0%} of your walks; of the chain's own walks that end at {end}, in {p[k]:.0%}.",
        )
    passed("Every walk comes home, by steps of the chain, and all ways home keep their chances.")


def check_listener(listen: Callable[..., Any]) -> None:
    """Check a recogniser that is made of one model for each word.

    Parameters
    ----------
    listen : callable
        ``listen(models, X, share)`` -> label. `models` maps labels to objects with ``log_likelihood(X)``; `share` maps labels to how often
        each is said.

    Raises
    ------
    ExerciseError
        If it names another label than the one that is most probable.

    Examples
    --------
    >>> check_listener(lambda models, X, share: max(models, key=lambda word: models[word].log_likelihood(X) + np.log(share[word])))
    Right. The speaker turned round: what it would most probably have said so is what you heard.
    """
    rng = np.random.default_rng(0)
    mistakes = 0
    even, uneven = {"yes": 0.5, "no": 0.5}, {"yes": 0.001, "no": 0.999}
    models = {"yes": _Word(1.0), "no": _Word(-1.0)}
    for _ in range(20):
        X = rng.standard_normal((12, 2)) + rng.choice([-1.0, 1.0])
        mistakes += listen(models, X, even) != ("yes" if X.sum() > 0 else "no")
    expect(mistakes < 18, "it names the word that is least likely.")
    expect(mistakes == 0, f"of 20 words that are said alike often, {mistakes} are not the ones of the most likely model.")
    X = np.full((1, 2), 1.0)  # exp(4) times likelier from "yes", which is said once in a thousand
    expect(listen(models, X, uneven) == "no", "a word that is hardly ever said needs better evidence: add the logarithm of its share.")
    X = np.full((4, 2), 1.0)  # exp(16) times
    expect(
        listen(models, X, uneven) == "yes",
        "the more frames, the stronger the evidence: do not divide by their number, nor add the share itself.",
    )
    passed("The speaker turned round: what it would most probably have said so is what you heard.")


class _Word:
    """Frames around one level: the simplest model with a likelihood."""

    def __init__(self, level: float) -> None:
        self.level = level

    def log_likelihood(self, X: Any) -> float:
        X = check_array(X, name="X", ndim=2)
        return float(-0.5 * np.square(X - self.level).sum() - 0.5 * X.size * np.log(2.0 * np.pi))


def _stationary(A: np.ndarray) -> np.ndarray:
    system = np.vstack([np.eye(len(A)) - A.T, np.ones(len(A))])
    return np.linalg.lstsq(system, np.append(np.zeros(len(A)), 1.0), rcond=None)[0]
