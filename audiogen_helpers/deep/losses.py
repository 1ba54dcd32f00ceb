"""What generators minimise: adversarial losses and log densities, each written once for numpy and TensorFlow.

Logits, log variances and log scales come in, never probabilities or deviations: the formulas then hold from tiny to huge numbers
without overflow or ``log(0)``. `ops` says whose arrays they are: :data:`audiogen_helpers.deep.operations.NUMPY` or
:func:`audiogen_helpers.deep.operations.tensorflow_ops`.

Chapter: chapters/mathematics/gan.ipynb
Chapter: chapters/mathematics/vae.ipynb
"""

from __future__ import annotations

import math
from typing import Any

from audiogen_helpers._validation import check_choice
from audiogen_helpers.deep.operations import NUMPY, Ops

__all__ = [
    "KINDS",
    "binary_cross_entropy",
    "cross_entropy",
    "discriminator_loss",
    "gaussian_kl",
    "gaussian_log_density",
    "generator_loss",
    "gradient_penalty",
    "laplace_log_density",
    "log_sum_exp",
    "mixture_log_density",
    "sigmoid",
    "softplus",
]

KINDS = ("saturating", "non-saturating", "hinge", "wasserstein", "least-squares")


def softplus(u: Any, *, ops: Ops = NUMPY) -> Any:
    r"""``log(1 + exp(u))`` without overflow: :math:`\max(u, 0) + \log(1 + e^{-|u|})`. Its slope is :func:`sigmoid`.

    Examples
    --------
    >>> [float(softplus(u)) for u in (-1000.0, 0.0, 1000.0)]
    [0.0, 0.6931471805599453, 1000.0]
    """
    return ops.softplus(u)


def sigmoid(u: Any, *, ops: Ops = NUMPY) -> Any:
    r""":math:`1 / (1 + e^{-u})`: the probability whose logit, ``log(p / (1 - p))``, is `u`.

    Examples
    --------
    >>> [float(sigmoid(u)) for u in (-1000.0, 0.0, 1000.0)]
    [0.0, 0.5, 1.0]
    """
    return ops.sigmoid(u)


def log_sum_exp(x: Any, *, axis: int = -1, ops: Ops = NUMPY) -> Any:
    r""":math:`\log \sum_k e^{x_k}` over one axis, without overflow. All ``-inf`` give ``-inf``.

    Examples
    --------
    >>> import numpy as np
    >>> float(log_sum_exp(np.array([1000.0, 1000.0])) - np.log(2.0))
    1000.0
    """
    return ops.log_sum_exp(x, axis=axis)


def binary_cross_entropy(logits: Any, truth: Any, *, ops: Ops = NUMPY) -> Any:
    r"""Surprise of the `truth` at what a classifier says: :math:`-t \log D - (1 - t) \log(1 - D)` with :math:`D = \sigma(u)`.

    Parameters
    ----------
    logits : array, float
        `u`, of any shape.
    truth : array or float, 0 to 1
        `t`; broadcast to `logits`.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    loss : array >= 0, nats
        One number for each logit, as :math:`t\,\mathrm{softplus}(-u) + (1 - t)\,\mathrm{softplus}(u)`; take its mean over a batch.

    Examples
    --------
    >>> round(float(binary_cross_entropy(0.0, 1.0)), 4), float(binary_cross_entropy(-800.0, 1.0))
    (0.6931, 800.0)
    """
    return truth * ops.softplus(-logits) + (1.0 - truth) * ops.softplus(logits)


def cross_entropy(logits: Any, labels: Any, *, ops: Ops = NUMPY) -> Any:
    r"""Surprise of a label at what a classifier of many classes says: :math:`\log \sum_k e^{u_k} - u_y`.

    Parameters
    ----------
    logits : array [shape=(..., k)], float
        `u`, one number for each class.
    labels : array [shape=(...)], int, 0 to k - 1
        `y`.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    loss : array [shape=(...)], >= 0, nats

    Examples
    --------
    >>> import numpy as np
    >>> float(cross_entropy(np.zeros((1, 8)), np.array([3]))[0] / np.log(2.0))
    3.0
    """
    return ops.log_sum_exp(logits, axis=-1) - ops.pick(logits, labels)


def discriminator_loss(real_logits: Any, fake_logits: Any, *, kind: str = "non-saturating", ops: Ops = NUMPY) -> Any:
    r"""What the discriminator (critic) of a GAN minimises, as means over a batch; `u` is its last number, before any sigmoid.

    ====================================  =========================================================================
    `kind`                                loss
    ====================================  =========================================================================
    ``saturating``, ``non-saturating``    :math:`-E\log\sigma(u_{real}) - E\log(1 - \sigma(u_{fake}))` = minus the value of the game
    ``hinge``                             :math:`E\max(0, 1 - u_{real}) + E\max(0, 1 + u_{fake})`
    ``wasserstein``                       :math:`E u_{fake} - E u_{real}` (needs :func:`gradient_penalty` beside it)
    ``least-squares``                     :math:`\frac12 E(u_{real} - 1)^2 + \frac12 E u_{fake}^2`
    ====================================  =========================================================================

    Parameters
    ----------
    real_logits, fake_logits : array, float
        Of a batch of real examples, and of generated ones.
    kind : str
        One of :data:`KINDS`.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    loss : float (scalar array)

    Raises
    ------
    ParameterError
        If `kind` is unknown.

    References
    ----------
    .. [1] I. Goodfellow et al., "Generative adversarial nets", NeurIPS 2014.
    .. [2] J. H. Lim and J. C. Ye, "Geometric GAN", 2017 (hinge).
    .. [3] M. Arjovsky, S. Chintala and L. Bottou, "Wasserstein generative adversarial networks", ICML 2017.
    .. [4] X. Mao et al., "Least squares generative adversarial networks", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(discriminator_loss(np.zeros(4), np.zeros(4))), 4)  # a coin: log 4
    1.3863
    >>> float(discriminator_loss(np.array([2.0]), np.array([-3.0]), kind="hinge"))
    0.0
    """
    kind = check_choice(kind, name="kind", choices=KINDS)
    if kind == "hinge":
        return ops.mean(ops.relu(1.0 - real_logits)) + ops.mean(ops.relu(1.0 + fake_logits))
    if kind == "wasserstein":
        return ops.mean(fake_logits) - ops.mean(real_logits)
    if kind == "least-squares":
        return 0.5 * ops.mean(ops.square(real_logits - 1.0)) + 0.5 * ops.mean(ops.square(fake_logits))
    return ops.mean(binary_cross_entropy(real_logits, 1.0, ops=ops)) + ops.mean(binary_cross_entropy(fake_logits, 0.0, ops=ops))


def generator_loss(fake_logits: Any, *, kind: str = "non-saturating", ops: Ops = NUMPY) -> Any:
    r"""What the generator of a GAN minimises, as a mean over a batch of the discriminator's last numbers `u` for its examples.

    ===========================  ==========================================================================
    `kind`                       loss
    ===========================  ==========================================================================
    ``saturating``               :math:`E\log(1 - \sigma(u))`, the game as written: no slope where `u` is very negative
    ``non-saturating``           :math:`-E\log\sigma(u)`
    ``hinge``, ``wasserstein``   :math:`-E u`
    ``least-squares``            :math:`\frac12 E(u - 1)^2`
    ===========================  ==========================================================================

    Parameters
    ----------
    fake_logits : array, float
        Of a batch of generated examples.
    kind : str
        One of :data:`KINDS`.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    loss : float (scalar array)

    Raises
    ------
    ParameterError
        If `kind` is unknown.

    References
    ----------
    .. [1] The papers of :func:`discriminator_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> [round(float(generator_loss(np.array([-9.0]), kind=kind)), 4) for kind in KINDS]
    [-0.0001, 9.0001, 9.0, 9.0, 50.0]
    """
    kind = check_choice(kind, name="kind", choices=KINDS)
    if kind == "saturating":
        return -ops.mean(binary_cross_entropy(fake_logits, 0.0, ops=ops))
    if kind == "non-saturating":
        return ops.mean(binary_cross_entropy(fake_logits, 1.0, ops=ops))
    if kind == "least-squares":
        return 0.5 * ops.mean(ops.square(fake_logits - 1.0))
    return -ops.mean(fake_logits)


def gradient_penalty(gradients: Any, *, target: float = 1.0, ops: Ops = NUMPY) -> Any:
    r"""How far a critic is from steepness `target`: :math:`E(\lVert g \rVert - c)^2`; with target 0 the penalty R1 (without its weight).

    Parameters
    ----------
    gradients : array [shape=(n, ...)], float
        Slope of the critic with respect to each of `n` examples: on the lines between real and generated ones, or at the real ones (R1).
    target : float >= 0
        `c`.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    penalty : float >= 0 (scalar array)
        Its own slope stays finite where a gradient is 0.

    References
    ----------
    .. [1] I. Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017.
    .. [2] L. Mescheder, A. Geiger and S. Nowozin, "Which training methods for GANs do actually converge?", ICML 2018 (R1).

    Examples
    --------
    >>> import numpy as np
    >>> g = np.array([[3.0, 4.0], [0.6, 0.8]])
    >>> round(float(gradient_penalty(g)), 6), round(float(gradient_penalty(g, target=0.0)), 6)
    (8.0, 13.0)
    """
    squares = ops.sum(ops.square(gradients), axis=tuple(range(1, len(gradients.shape))))
    if target == 0.0:
        return ops.mean(squares)
    return ops.mean(ops.square(ops.sqrt(squares + 1e-12) - target))


def gaussian_kl(mean: Any, log_variance: Any, prior_mean: Any = 0.0, prior_log_variance: Any = 0.0, *, ops: Ops = NUMPY) -> Any:
    r"""Divergence of one normal distribution from another, number by number: :math:`KL(N(m, v) \,\|\, N(m_0, v_0))`.

    .. math:: \tfrac12 \left( \tfrac{v}{v_0} - 1 - \log\tfrac{v}{v_0} + \tfrac{(m - m_0)^2}{v_0} \right)

    Parameters
    ----------
    mean, log_variance : array, float
        `m` and `log v` (natural logarithm).
    prior_mean, prior_log_variance : array or float
        `m0` and `log v0`; standard normal by default.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    kl : array >= 0, nats
        One number for each component; their sum is the divergence of the vectors. Exact near 0, by ``expm1``.

    References
    ----------
    .. [1] D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014, appendix B.

    Examples
    --------
    >>> float(gaussian_kl(2.0, 0.0)), float(gaussian_kl(0.0, 0.0))
    (2.0, 0.0)
    """
    d = log_variance - prior_log_variance
    distance = ops.square(mean - prior_mean) * _exp(-prior_log_variance, ops)
    return 0.5 * (ops.expm1(d) - d + distance)


def gaussian_log_density(x: Any, mean: Any, log_variance: Any, *, ops: Ops = NUMPY) -> Any:
    r"""Log density of normal numbers, one by one: :math:`-\frac12 (\log 2\pi + \log v + (x - m)^2 / v)`, nats.

    With `v` fixed, what depends on `m` is the squared error over ``-2 v``.

    Examples
    --------
    >>> round(float(gaussian_log_density(0.0, 0.0, 0.0)), 6)
    -0.918939
    """
    return -0.5 * (math.log(2.0 * math.pi) + log_variance + ops.square(x - mean) * _exp(-log_variance, ops))


def laplace_log_density(x: Any, mean: Any, log_scale: Any, *, ops: Ops = NUMPY) -> Any:
    r"""Log density of Laplace's distribution, number by number: :math:`-\log 2 - \log b - |x - m| / b`, nats.

    With `b` fixed, what depends on `m` is the absolute error over ``-b``. The standard deviation is ``b * sqrt(2)``.

    Examples
    --------
    >>> round(float(laplace_log_density(0.0, 0.0, 0.0)), 6)
    -0.693147
    """
    return -math.log(2.0) - log_scale - ops.abs(x - mean) * _exp(-log_scale, ops)


def mixture_log_density(x: Any, log_weights: Any, means: Any, log_variances: Any, *, ops: Ops = NUMPY) -> Any:
    r"""Log density of a mixture of `k` normal distributions, number by number: :math:`\log \sum_j w_j N(x; m_j, v_j)`, nats.

    Parameters
    ----------
    x : array [shape=(...)], float
        Numbers.
    log_weights, means, log_variances : array [shape=(..., k)], float
        Of each bell; the weights are made to sum to 1 here, so the plain outputs of a network may come in.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    log_density : array [shape=(...)]

    References
    ----------
    .. [1] C. M. Bishop, "Mixture density networks", 1994.

    Examples
    --------
    >>> import numpy as np
    >>> one = mixture_log_density(np.array(0.3), np.zeros(2), np.zeros(2), np.zeros(2))  # two equal bells are one
    >>> bool(np.isclose(one, gaussian_log_density(0.3, 0.0, 0.0)))
    True
    """
    parts = gaussian_log_density(x[..., None], means, log_variances, ops=ops)
    return ops.log_sum_exp(log_weights + parts, axis=-1) - ops.log_sum_exp(log_weights, axis=-1)


def _exp(u: Any, ops: Ops) -> Any:
    """A plain number stays one, so that it takes the type of the arrays it meets."""
    return math.exp(u) if isinstance(u, int | float) else ops.exp(u)
