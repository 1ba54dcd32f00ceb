"""Exercises of the chapter Recurrent networks.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array
from audiogen_helpers.deep import nucleus as package
from audiogen_helpers.deep import recurrent
from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_gru", "check_nucleus", "check_table"]


def check_gru(step: Callable[..., Any]) -> None:
    """Check one step of a gated recurrent unit.

    Parameters
    ----------
    step : callable
        ``step(u, h, W, b)`` -> the next state ``(n, width)``: `u` is the input's part of the gates ``(n, 3 width)`` in the order z, r, h,
        `h` the state, `W` the recurrent weights ``(width, 3 width)``, `b` their bias.

    Raises
    ------
    ExerciseError
        If the state is another one; the message says which mistake gives it.

    Examples
    --------
    >>> def step(u, h, W, b):
    ...     z_u, r_u, h_u = np.split(u, 3, axis=-1)
    ...     z_h, r_h, h_h = np.split(h @ W + b, 3, axis=-1)
    ...     z, r = 1 / (1 + np.exp(-z_u - z_h)), 1 / (1 + np.exp(-r_u - r_h))
    ...     return z * h + (1 - z) * np.tanh(h_u + r * h_h)
    >>> check_gru(step)
    Right. That is Keras' GRU: two gates, one new thought, and a mean of old and new.
    """
    rng = np.random.default_rng(0)
    u, h, W, b = (rng.standard_normal(shape) for shape in ((2, 12), (2, 4), (4, 12), (12,)))
    right = recurrent.gru_step(u, (h,), {"recurrent": W, "recurrent.bias": b}, ops=recurrent.NUMPY)[0]
    answer = _array(step(u, h, W, b), (2, 4))
    z_u, r_u, h_u = np.split(u, 3, axis=-1)
    z_h, r_h, h_h = np.split(h @ W + b, 3, axis=-1)
    z, r = (1.0 / (1.0 + np.exp(-a)) for a in (z_u + z_h, r_u + r_h))
    new = np.tanh(h_u + r * h_h)
    before = np.tanh(h_u + (r * h) @ W[:, 8:] + b[8:])
    mistakes = (
        ((1.0 - z) * h + z * new, "z keeps the old state here: z h + (1 - z) times the new one. You have them the other way round."),
        (z * h + (1.0 - z) * before, "the reset gate acts after the product with W here (Keras' reset_after=True): r * (h @ W + b)."),
        (z * h + (1.0 - z) * np.tanh(h_u + h_h), "the reset gate r is missing: it scales what the state says to the new thought."),
        (z * h + (1.0 - z) * (h_u + r * h_h), "the new thought must go through tanh."),
        (r * h + (1.0 - r) * np.tanh(h_u + z * h_h), "the order of the gates is z, r, h: z comes first."),
        (z * h + new, "the new thought must be scaled by 1 - z, or the state grows without end."),
    )
    for wrong, message in mistakes:
        expect(not np.allclose(answer, wrong, atol=1e-5), message)
    expect(np.allclose(answer, right, atol=1e-5), f"the state is off by up to {np.abs(answer - right).max():.3f}.")
    passed("That is Keras' GRU: two gates, one new thought, and a mean of old and new.")


def check_nucleus(nucleus: Callable[..., Any]) -> None:
    """Check a function that keeps the nucleus of some chances.

    Parameters
    ----------
    nucleus : callable
        ``nucleus(p, top_p)`` -> chances ``(k,)``: the fewest most probable that together reach `top_p`, scaled to sum 1; the rest 0.

    Raises
    ------
    ExerciseError
        If other choices are kept, or the chances do not sum to 1.

    Examples
    --------
    >>> def nucleus(p, top_p):
    ...     order = np.argsort(-p)
    ...     kept = order[: np.searchsorted(np.cumsum(p[order]), top_p) + 1]
    ...     q = np.zeros_like(p)
    ...     q[kept] = p[kept]
    ...     return q / q.sum()
    >>> check_nucleus(nucleus)
    Right. A sure network keeps one choice, an unsure one many: that is what a fixed number of choices cannot do.
    """
    cases = (
        (np.array([0.1, 0.5, 0.25, 0.15]), 0.6),
        (np.array([0.97, 0.01, 0.01, 0.01]), 0.9),
        (np.array([0.22, 0.28, 0.26, 0.24]), 0.9),
        (np.array([0.02, 0.9, 0.03, 0.05]), 0.5),
    )
    for p, top_p in cases:
        right = package.chances(np.log(p), top_p=top_p)
        answer = _array(nucleus(p.copy(), top_p), p.shape)
        where = f"for chances {p.tolist()} and top_p {top_p:g}"
        same = set(np.flatnonzero(answer > 0.0)) == set(np.flatnonzero(right))
        expect(bool(answer.any()), f"{where} nothing is left. The most probable one always stays, even where it alone is more than top_p.")
        short = answer[answer > 0.0].size < np.count_nonzero(right)
        expect(same or not short, f"{where} you keep too few: together they have {p[answer > 0.0].sum():.2f}. The one that crosses stays.")
        expect(same, f"{where} you keep too many, or not the most probable: {np.flatnonzero(answer > 0.0).tolist()}.")
        expect(abs(answer.sum() - 1.0) < 1e-6, f"{where} what is kept has the right shape, but sums to {answer.sum():.3f} and not to 1.")
        expect(np.allclose(answer, right, atol=1e-6), f"{where} the chances are {answer.round(3).tolist()}, not {right.round(3).tolist()}.")
    passed("A sure network keeps one choice, an unsure one many: that is what a fixed number of choices cannot do.")


def check_table(multiplications: Any) -> None:
    """Check how many multiplications a step of the sample-level GRU costs once its input is a row of a table.

    Parameters
    ----------
    multiplications : int
        Of the matrix products in one step of 256 units that ends in 256 levels.

    Raises
    ------
    ExerciseError
        If it is another number; the message says what was counted too much or not at all.

    Examples
    --------
    >>> check_table(256 * 768 + 256 * 256)
    Right. At 16,000 samples a second that is 4.2 billion multiplications a second, and every weight is read for each sample.
    """
    try:
        answer = int(multiplications)
    except (TypeError, ValueError) as error:
        raise ExerciseError(f"Not yet: a whole number is asked for; received {multiplications!r}") from error
    state, levels = 256 * 768, 256 * 256
    expect(answer != 256 * 768 * 2 + levels, "the input's product is a row of the table: it costs no multiplication any more.")
    expect(answer != state, "the last layer, from 256 numbers to 256 levels, is missing.")
    expect(answer != 256 * 256 * 2, "a GRU has three times 256 numbers of gates, not one.")
    expect(answer == state + levels, f"it is not {answer}. Count the state's product with 3 x 256 columns, and the last layer's.")
    passed("At 16,000 samples a second that is 4.2 billion multiplications a second, and every weight is read for each sample.")


def _array(answer: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        found = check_array(answer, name="your answer")
    except Exception as error:
        raise ExerciseError(f"Not yet: {error}") from error
    expect(found.shape == shape, f"the answer must have shape {shape}; received {found.shape}.")
    return found
