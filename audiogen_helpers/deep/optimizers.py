"""Adam, as one fused operation per variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import add_to, average

__all__ = ["Adam"]


class Adam:
    """The Adam optimizer over TensorFlow's fused kernel, with a learning rate that is given at every step.

    The Keras optimizer makes the same update from a dozen small operations per variable; for the networks here, whose
    step is short, the fused one leaves more of it for the network.

    Parameters
    ----------
    weights : sequence of tf.Variable
        What is updated, in the order in which gradients will come.
    beta_1, beta_2 : float in [0, 1)
        Memory of the mean and of the mean square of the gradients.
    epsilon : float > 0
        Keeps the division finite.

    References
    ----------
    D. Kingma and J. Ba (2015), Adam: a method for stochastic optimization, ICLR.

    Examples
    --------
    >>> tf = tensorflow()
    >>> w = tf.Variable([1.0, -1.0])
    >>> Adam([w]).apply([tf.constant([0.3, -0.2])], rate=0.1)
    >>> w.numpy().round(4)
    array([ 0.9, -0.9], dtype=float32)
    """

    def __init__(self, weights: Sequence[Any], *, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8) -> None:
        tf = tensorflow()
        self._weights = list(weights)
        self._betas, self._epsilon = (beta_1, beta_2), epsilon
        self._means = [tf.Variable(tf.zeros_like(w), trainable=False) for w in self._weights]
        self._squares = [tf.Variable(tf.zeros_like(w), trainable=False) for w in self._weights]
        self._count = tf.Variable(0.0, trainable=False, dtype=tf.float32)

    @property
    def variables(self) -> list[Any]:
        """The optimizer's state: what a checkpoint must hold."""
        return [self._count, *self._means, *self._squares]

    def apply(self, gradients: Sequence[Any], *, rate: Any, clip_norm: float | None = None) -> None:
        """One update, by the mean gradients of all devices. With `clip_norm`, they are scaled down together to that joint norm."""
        tf = tensorflow()
        gradients = average(gradients)
        if clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
        count = add_to(self._count, 1.0)
        b1, b2 = self._betas
        for weight, mean, square, gradient in zip(self._weights, self._means, self._squares, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=tf.pow(b1, count),
                beta2_power=tf.pow(b2, count),
                lr=tf.cast(rate, tf.float32),
                beta1=b1,
                beta2=b2,
                epsilon=self._epsilon,
                grad=gradient,
            )
