"""From what a network says to one choice: temperature, and the nucleus of the most probable (top-p).

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_number

__all__ = ["chances", "draw"]


def chances(logits: np.ndarray, *, temperature: float = 1.0, top_p: float = 1.0) -> np.ndarray:
    r"""Probabilities :math:`p_k \\propto e^{u_k / T}`, of which only the nucleus is kept: the fewest that together reach `top_p`.

    Parameters
    ----------
    logits : np.ndarray [shape=(..., k)], float
        What a network says.
    temperature : float > 0
        1 as learned; less prefers what is likely, more evens out.
    top_p : float in (0, 1]
        1 keeps all. What is left out gets 0, and the rest is scaled to sum to 1. At least one is kept.

    Returns
    -------
    p : np.ndarray [shape=(..., k), float64]
        Rows sum to 1.

    Raises
    ------
    ParameterError
        If `temperature` or `top_p` is out of range.

    References
    ----------
    A. Holtzman et al. (2020), The curious case of neural text degeneration, arXiv:1904.09751.

    Examples
    --------
    >>> u = np.log([0.5, 0.3, 0.15, 0.05])
    >>> chances(u, top_p=0.7).round(3), chances(u, temperature=0.5).round(3)
    (array([0.625, 0.375, 0.   , 0.   ]), array([0.685, 0.247, 0.062, 0.007]))
    """
    temperature = check_number(temperature, name="temperature", above=0.0)
    top_p = check_number(top_p, name="top_p", above=0.0, high=1.0)
    u = check_array(logits, name="logits", finite=False).astype(np.float64)
    u = (u - u.max(axis=-1, keepdims=True)) / temperature
    p = np.exp(u)
    p /= p.sum(axis=-1, keepdims=True)
    if top_p < 1.0:
        order = np.argsort(-p, axis=-1, kind="stable")
        ranked = np.take_along_axis(p, order, axis=-1)
        before = np.cumsum(ranked, axis=-1) - ranked  # what the more probable ones have together
        kept = np.zeros(p.shape, dtype=bool)
        np.put_along_axis(kept, order, before < top_p, axis=-1)
        p = np.where(kept, p, 0.0)
        p /= p.sum(axis=-1, keepdims=True)
    return p


def draw(p: np.ndarray, rng: np.random.Generator) -> int:
    """One of ``len(p)`` choices with probabilities `p`, by one uniform number.

    Examples
    --------
    >>> draw(np.array([0.0, 1.0, 0.0]), np.random.default_rng(0))
    1
    """
    total = np.cumsum(p)
    return int(min(np.searchsorted(total, rng.random() * total[-1], side="right"), len(p) - 1))
