"""The array operations that numpy and TensorFlow spell differently, under one set of names: a formula is written once, for both.

Chapter: chapters/mathematics/gan.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers.deep.backend import tensorflow

__all__ = ["NUMPY", "Ops", "tensorflow_ops"]


@dataclass(frozen=True, kw_only=True)
class Ops:
    """One library's spelling of every operation, :data:`NUMPY` or :func:`tensorflow_ops`.

    Elementwise operations take one array. `sum` and `mean` take ``axis=None`` and ``keepdims=False``; `log_sum_exp` takes
    ``axis=-1`` and ``keepdims=False``; `concat` takes a list of arrays and ``axis=-1``; `rows` takes a table and whole numbers;
    `pick` takes one number of each last axis, by whole numbers of the shape before it. numpy keeps the type of its input, float32 as well.

    Examples
    --------
    >>> float(NUMPY.softplus(np.float64(-40.0))), float(NUMPY.sigmoid(np.float64(-1000.0)))
    (4.248354255291589e-18, 0.0)
    """

    exp: Callable[..., Any]
    expm1: Callable[..., Any]
    log: Callable[..., Any]
    log1p: Callable[..., Any]
    sqrt: Callable[..., Any]
    square: Callable[..., Any]
    abs: Callable[..., Any]
    sin: Callable[..., Any]
    cos: Callable[..., Any]
    tanh: Callable[..., Any]
    sigmoid: Callable[..., Any]
    softplus: Callable[..., Any]
    silu: Callable[..., Any]
    relu: Callable[..., Any]
    maximum: Callable[..., Any]
    minimum: Callable[..., Any]
    where: Callable[..., Any]
    sum: Callable[..., Any]
    mean: Callable[..., Any]
    log_sum_exp: Callable[..., Any]
    concat: Callable[..., Any]
    reshape: Callable[..., Any]
    rows: Callable[..., Any]
    pick: Callable[..., Any]


def _softplus(u: np.ndarray) -> np.ndarray:
    u = np.asarray(u)
    return np.maximum(u, 0) + np.log1p(np.exp(-np.abs(u)))


def _sigmoid(u: np.ndarray) -> np.ndarray:
    u = np.asarray(u)
    e = np.exp(-np.abs(u))
    return np.where(u >= 0, 1, e) / (1 + e)


def _log_sum_exp(x: np.ndarray, axis: int = -1, keepdims: bool = False) -> np.ndarray:
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(np.asarray(x).dtype)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


NUMPY = Ops(
    exp=np.exp,
    expm1=np.expm1,
    log=np.log,
    log1p=np.log1p,
    sqrt=np.sqrt,
    square=np.square,
    abs=np.abs,
    sin=np.sin,
    cos=np.cos,
    tanh=np.tanh,
    sigmoid=_sigmoid,
    softplus=_softplus,
    silu=lambda u: u * _sigmoid(u),
    relu=lambda u: np.maximum(u, 0),
    maximum=np.maximum,
    minimum=np.minimum,
    where=np.where,
    sum=np.sum,
    mean=np.mean,
    log_sum_exp=_log_sum_exp,
    concat=lambda arrays, axis=-1: np.concatenate(arrays, axis=axis),
    reshape=np.reshape,
    rows=lambda table, i: table[i],
    pick=lambda x, i: np.take_along_axis(x, np.asarray(i)[..., None], axis=-1)[..., 0],
)


def tensorflow_ops() -> Ops:
    """The same operations on tensors, with the gradients that they should have (TensorFlow's own softplus, not its pieces).

    Examples
    --------
    >>> ops = tensorflow_ops()
    >>> round(float(ops.softplus(0.0)), 4), round(float(ops.log_sum_exp([0.0, 0.0])), 4)
    (0.6931, 0.6931)
    """
    tf = tensorflow()
    return Ops(
        exp=tf.exp,
        expm1=tf.math.expm1,
        log=tf.math.log,
        log1p=tf.math.log1p,
        sqrt=tf.sqrt,
        square=tf.square,
        abs=tf.abs,
        sin=tf.sin,
        cos=tf.cos,
        tanh=tf.tanh,
        sigmoid=tf.sigmoid,
        softplus=tf.math.softplus,
        silu=tf.nn.silu,
        relu=tf.nn.relu,
        maximum=tf.maximum,
        minimum=tf.minimum,
        where=tf.where,
        sum=tf.reduce_sum,
        mean=tf.reduce_mean,
        log_sum_exp=lambda x, axis=-1, keepdims=False: tf.reduce_logsumexp(x, axis=axis, keepdims=keepdims),
        concat=lambda arrays, axis=-1: tf.concat(arrays, axis),
        reshape=tf.reshape,
        rows=tf.gather,
        pick=lambda x, i: tf.gather(x, i, batch_dims=len(x.shape) - 1),
    )
