"""The temperature of a draw: from the most probable only, over what was learned, to all that is possible alike.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import safe_log

__all__ = ["tempered"]


def tempered(p: np.ndarray, *, temperature: float) -> np.ndarray:
    """Probabilities to the power of ``1 / temperature``, made to sum to 1 again.

    Parameters
    ----------
    p : np.ndarray [shape=(..., n)]
        Probabilities; zeros stay zeros.
    temperature : float > 0
        1 changes nothing; below, the likely becomes likelier, towards 0 all the weight goes to the most probable (shared where
        several are); above, all that is possible evens out.

    Returns
    -------
    p : np.ndarray [shape=(..., n)]

    Raises
    ------
    ParameterError
        If `temperature` is not above 0, or a probability is negative, or all are 0.

    Examples
    --------
    >>> tempered(np.array([0.2, 0.8, 0.0]), temperature=0.5).round(4)
    array([0.0588, 0.9412, 0.    ])
    """
    temperature = check_number(temperature, name="temperature", above=0.0)
    p = check_array(p, name="p", low=0.0)
    highest = p.max(axis=-1, keepdims=True) if p.size and p.ndim else np.zeros(1)
    if not (highest > 0.0).all():
        raise ParameterError(f"p must have something above 0 on its last axis; received shape {p.shape} with none")
    if temperature == 1.0:
        return p / p.sum(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):  # towards 0, what is less likely than the likeliest goes to exp(-inf)
        weight = np.exp((safe_log(p) - np.log(highest)) / temperature)
    return weight / weight.sum(axis=-1, keepdims=True)
