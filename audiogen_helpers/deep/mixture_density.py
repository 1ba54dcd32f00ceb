"""Mixture density outputs: the last numbers of a network as a mixture of normal distributions of a vector, to learn and to draw from.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_integer, check_number, show
from audiogen_helpers.deep.losses import gaussian_log_density
from audiogen_helpers.deep.operations import NUMPY, Ops
from audiogen_helpers.errors import ParameterError

__all__ = ["LEAST_LOG_DEVIATION", "components_of", "draw", "initial_bias", "log_density", "n_outputs", "parts"]

# A deviation is never below 2 % of what the codes' own is (1): a number that never changes would otherwise have an infinite density.
LEAST_LOG_DEVIATION = -4.0


def n_outputs(*, components: int, mixtures: int) -> int:
    """Numbers that a network must put out: of each bell a weight, and a mean and a deviation for each component.

    Examples
    --------
    >>> n_outputs(components=64, mixtures=8)
    1032
    """
    components, mixtures = check_integer(components, name="components", low=1), check_integer(mixtures, name="mixtures", low=1)
    return mixtures * (1 + 2 * components)


def components_of(outputs: Any, *, mixtures: int) -> int:
    """Components of the vector that such outputs speak of.

    Raises
    ------
    ParameterError
        If there is no vector with so many outputs.

    Examples
    --------
    >>> components_of(np.zeros((5, 1032)), mixtures=8)
    64
    """
    wide = int(outputs.shape[-1])
    found, rest = divmod(wide - mixtures, 2 * mixtures)
    if rest or found < 1:
        raise ParameterError(f"outputs must have mixtures * (1 + 2 * components) numbers; received {wide} for {mixtures} mixtures")
    return found


def parts(outputs: Any, *, mixtures: int, ops: Ops = NUMPY) -> tuple[Any, Any, Any]:
    r"""What the outputs of a network mean: logits of the weights, means, and log variances.

    Parameters
    ----------
    outputs : array [shape=(n, mixtures * (1 + 2 * components)), float]
        Of the network: `mixtures` logits, then all means, then a number :math:`a` for each deviation,
        :math:`\log \sigma = -4 + \mathrm{softplus}(a + 4)`: about :math:`a`, and never below -4.
    mixtures : int >= 1
        How many bells.
    ops : Ops
        :data:`~audiogen_helpers.deep.operations.NUMPY` or :func:`~audiogen_helpers.deep.operations.tensorflow_ops`.

    Returns
    -------
    logits : array [shape=(n, mixtures)]
    means, log_variances : array [shape=(n, mixtures, components)]

    Examples
    --------
    >>> logits, means, log_variances = parts(np.zeros((2, 2 * (1 + 2 * 3))), mixtures=2)
    >>> logits.shape, means.shape, log_variances[0, 0].round(2)
    ((2, 2), (2, 2, 3), array([0.04, 0.04, 0.04]))
    """
    k = components_of(outputs, mixtures=mixtures)
    split = mixtures * (1 + k)
    means = ops.reshape(outputs[:, mixtures:split], (-1, mixtures, k))
    raw = ops.reshape(outputs[:, split:], (-1, mixtures, k))
    return outputs[:, :mixtures], means, 2.0 * (LEAST_LOG_DEVIATION + ops.softplus(raw - LEAST_LOG_DEVIATION))


def log_density(x: Any, outputs: Any, *, mixtures: int, ops: Ops = NUMPY) -> Any:
    r"""Log density of vectors: :math:`\log \sum_j w_j \prod_i N(x_i; m_{ji}, \sigma_{ji}^2)`, nats. Minus its mean is the loss.

    The product is inside the sum: a bell speaks of the whole vector, so its numbers go together. (A mixture for each number alone is
    :func:`audiogen_helpers.deep.losses.mixture_log_density`.)

    Parameters
    ----------
    x : array [shape=(n, components), float]
        Vectors.
    outputs, mixtures, ops
        As for :func:`parts`.

    Returns
    -------
    log_density : array [shape=(n,)]

    References
    ----------
    .. [1] C. M. Bishop, "Mixture density networks", 1994.
    .. [2] A. Graves, "Generating sequences with recurrent neural networks", 2013, arXiv:1308.0850.

    Examples
    --------
    >>> outputs = np.concatenate([np.zeros((1, 1)), np.zeros((1, 2)), np.full((1, 2), -1e9)], axis=1)  # one narrow bell at 0
    >>> round(float(log_density(np.zeros((1, 2)), outputs, mixtures=1)[0]), 3)  # 2 * (4 - log(2 pi) / 2)
    6.162
    """
    logits, means, log_variances = parts(outputs, mixtures=mixtures, ops=ops)
    bells = ops.sum(gaussian_log_density(x[:, None, :], means, log_variances, ops=ops), axis=-1)
    return ops.log_sum_exp(logits + bells, axis=-1) - ops.log_sum_exp(logits, axis=-1)


def draw(outputs: np.ndarray, *, mixtures: int, temperature: float, rng: np.random.Generator) -> np.ndarray:
    r"""Vectors drawn from what the outputs say.

    Parameters
    ----------
    outputs : np.ndarray [shape=(n, mixtures * (1 + 2 * components))]
        Of the network.
    mixtures : int >= 1
        How many bells.
    temperature : float >= 0
        Logits are divided by it and variances multiplied: 1 draws what was learned, 0 gives the mean of the likeliest bell.
    rng : np.random.Generator
        Gives two sets of numbers, whatever the temperature: which bell, and where in it.

    Returns
    -------
    x : np.ndarray [shape=(n, components), dtype of outputs]

    References
    ----------
    .. [1] D. Ha and D. Eck, "A neural representation of sketch drawings", ICLR 2018 (the temperature of a mixture).

    Examples
    --------
    >>> outputs = np.array([[0.0, 5.0, -1.0, 2.0, 0.0, 0.0]])  # two bells of one number: at -1, and far likelier at 2
    >>> draw(outputs, mixtures=2, temperature=0.0, rng=np.random.default_rng(0))
    array([[2.]])
    """
    temperature = check_number(temperature, name="temperature", low=0.0)
    if outputs.ndim != 2:
        raise ParameterError(f"outputs must have shape (n, numbers); received {show(outputs.shape)}")
    logits, means, log_variances = parts(outputs, mixtures=mixtures)
    bell = np.argmax(logits + temperature * rng.gumbel(size=logits.shape), axis=1)
    each = np.arange(len(bell))
    normal = rng.standard_normal((len(bell), means.shape[2]))
    return (means[each, bell] + np.sqrt(temperature) * np.exp(0.5 * log_variances[each, bell]) * normal).astype(outputs.dtype)


def initial_bias(*, components: int, mixtures: int, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Outputs to start from: equal weights, deviations of about 1, and means `spread` apart, so that the bells can part.

    Examples
    --------
    >>> bias = initial_bias(components=2, mixtures=3, spread=0.5, rng=np.random.default_rng(0))
    >>> bias.shape, bias[:3], bool(bias[3:9].any()), bool(bias[9:].any())
    ((15,), array([0., 0., 0.], dtype=float32), True, False)
    """
    bias = np.zeros(n_outputs(components=components, mixtures=mixtures), dtype=np.float32)
    bias[mixtures : mixtures * (1 + components)] = spread * rng.standard_normal(mixtures * components)
    return bias
