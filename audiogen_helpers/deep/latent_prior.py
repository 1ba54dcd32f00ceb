"""What a decoder may be fed with: the codes' distribution, as one bell for each label, or learned by flow matching.

Chapter: chapters/methods/vae.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import normal, uniform
from audiogen_helpers.deep.network import NUMPY, tensorflow_ops, velocity
from audiogen_helpers.deep.schedules import mix, predicted

__all__ = ["draw_gaussians", "fit_gaussians", "guided", "matching_loss"]

# Added to every variance, so that a number that never changes is allowed.
RIDGE = 1e-4


def fit_gaussians(mean: np.ndarray, log_variance: np.ndarray, labels: np.ndarray, *, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """One normal distribution for the codes of each label, and one for all.

    Parameters
    ----------
    mean, log_variance : np.ndarray [shape=(n, k)]
        Posteriors of the clips.
    labels : np.ndarray [shape=(n,), int], 0 to n_labels
        `n_labels` is "no label".
    n_labels : int >= 0
        How many there are.

    Returns
    -------
    means : np.ndarray [shape=(n_labels + 1, k), float32]
        The last row is for all clips together, and stands in for labels with fewer than two.
    factors : np.ndarray [shape=(n_labels + 1, k, k), float32]
        Lower triangles whose square is the covariance: that of the means, plus the posteriors' mean variance.

    Examples
    --------
    >>> codes = np.random.default_rng(0).standard_normal((4000, 2)) * [1.0, 3.0] + [2.0, 5.0]
    >>> means, factors = fit_gaussians(codes, np.full((4000, 2), -20.0), np.zeros(4000, int), n_labels=1)
    >>> means[0].round(1), factors[0].diagonal().round(1)
    (array([2., 5.], dtype=float32), array([1., 3.], dtype=float32))
    """
    means, factors = [], []
    for label in range(n_labels + 1):
        chosen = np.flatnonzero(labels == label) if label < n_labels else np.arange(len(labels))
        chosen = chosen if len(chosen) > 1 else np.arange(len(labels))
        m, v = mean[chosen].astype(np.float64), np.exp(log_variance[chosen].astype(np.float64)).mean(axis=0)
        centred = m - m.mean(axis=0)
        factors.append(np.linalg.cholesky(centred.T @ centred / len(m) + np.diag(v + RIDGE)))
        means.append(m.mean(axis=0))
    return np.stack(means).astype(np.float32), np.stack(factors).astype(np.float32)


def draw_gaussians(means: np.ndarray, factors: np.ndarray, labels: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Codes ``(n, k)`` of `labels` from standard normal `noise` ``(n, k)``: ``mean + factor @ noise``."""
    return (means[labels] + np.einsum("nij,nj->ni", factors[labels], noise)).astype(np.float32)


def matching_loss(weights: Mapping[str, Any], x1: Any, label: Any, seed: Any, *, n_labels: int, label_dropout: float) -> Any:
    """Inside a training step: mean square of ``v(x_t, t) - (x1 - x0)`` at ``x_t = (1 - t) x0 + t x1``, for noise x0 and random times t.

    Parameters
    ----------
    weights : mapping of str to tf.Variable
        Of :func:`audiogen_helpers.deep.network.velocity`.
    x1 : tensor [shape=(n, k)]
        Codes of clips.
    label : tensor [shape=(n,), int]
        Of each; a share of `label_dropout` is hidden.
    seed : tensor [shape=(2,), int]
        Of the step.
    """
    tf = tensorflow()
    seeds = tf.random.split(seed, 3)
    x0, t = normal(tf.shape(x1), seeds[0]), uniform(tf.shape(x1)[:1], seeds[1])
    label = tf.where(uniform(tf.shape(t), seeds[2]) < label_dropout, n_labels, label)
    t_, ops = t[:, None], tensorflow_ops()
    v = velocity(weights, mix(x1, x0, t_, path="straight", ops=ops), t, label, ops=ops)
    return tf.reduce_mean(tf.square(v - predicted("velocity", x1, x0, t_, path="straight", ops=ops)))


def guided(
    weights: Mapping[str, np.ndarray], label: np.ndarray, *, n_labels: int, guidance: float
) -> Callable[[np.ndarray, float], np.ndarray]:
    """The velocity towards codes of `label`, as :func:`audiogen_helpers.deep.flow.follow` takes it: the one without label, and
    `guidance` times the step from it to the one with label.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        Of :func:`audiogen_helpers.deep.network.velocity`.
    label : np.ndarray [shape=(n,), int], 0 to n_labels
        `n_labels` is "no label".
    n_labels : int >= 0
        How many there are; below two there is nothing to lean to.
    guidance : float >= 0
        1 is the velocity that was learned.
    """
    nothing = np.full(len(label), n_labels)

    def field(x: np.ndarray, t: float) -> np.ndarray:
        time = np.full(len(x), t, dtype=np.float32)
        v = velocity(weights, x, time, label, ops=NUMPY)
        if guidance == 1.0 or n_labels < 2 or (label == n_labels).all():
            return v
        free = velocity(weights, x, time, nothing, ops=NUMPY)
        return free + np.float32(guidance) * (v - free)

    return field
