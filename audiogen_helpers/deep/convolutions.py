"""Convolutions over time and over spectrograms, each once for numpy (sampling) and once for TensorFlow (training).

Chapter: chapters/methods/gan.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_integer
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.errors import ParameterError

__all__ = ["NUMPY", "Convolutions", "conv1d", "conv1d_transpose", "conv2d", "tensorflow_convolutions", "upsample"]


@dataclass(frozen=True)
class Convolutions:
    """The functions of this module for one kind of array.

    Attributes
    ----------
    conv1d, conv2d, conv1d_transpose, upsample : callable
        As the functions of these names.
    """

    conv1d: Callable[..., Any]
    conv2d: Callable[..., Any]
    conv1d_transpose: Callable[..., Any]
    upsample: Callable[..., Any]


def conv1d(x: np.ndarray, kernel: np.ndarray, *, stride: int = 1) -> np.ndarray:
    """Convolution over time (a correlation, as in every deep learning library), padded with zeros so that no frame is lost.

    Parameters
    ----------
    x : np.ndarray [shape=(n, t, c)]
        Clips of `t` frames with `c` channels.
    kernel : np.ndarray [shape=(k, c, d)]
        Taps.
    stride : int >= 1
        Every how many frames one comes out.

    Returns
    -------
    y : np.ndarray [shape=(n, ceil(t / stride), d)]
        The padding is TensorFlow's "SAME": where it is odd, the last side has one zero more.

    Raises
    ------
    ParameterError
        If the shapes do not fit.

    Examples
    --------
    >>> conv1d(np.array([[[1.0], [2.0], [3.0]]]), np.array([[[1.0]], [[10.0]], [[100.0]]]))[0, :, 0]
    array([210., 321.,  32.])
    """
    _check(x, kernel, 3)
    k, t = kernel.shape[0], x.shape[1]
    count, left, right = _same(t, k, check_integer(stride, name="stride", low=1))
    x = np.pad(x, ((0, 0), (left, right), (0, 0)))
    parts = (x[:, i : i + (count - 1) * stride + 1 : stride] @ kernel[i] for i in range(k))
    return sum(parts, np.zeros((), dtype=x.dtype))


def conv2d(x: np.ndarray, kernel: np.ndarray, *, stride: int = 1) -> np.ndarray:
    """Convolution over both axes of a picture, padded as :func:`conv1d`.

    Parameters
    ----------
    x : np.ndarray [shape=(n, h, w, c)]
        Pictures with `c` channels.
    kernel : np.ndarray [shape=(kh, kw, c, d)]
        Taps.
    stride : int >= 1
        Of both axes.

    Returns
    -------
    y : np.ndarray [shape=(n, ceil(h / stride), ceil(w / stride), d)]

    Raises
    ------
    ParameterError
        If the shapes do not fit.

    Examples
    --------
    >>> conv2d(np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1)))[0, :, :, 0]
    array([[4., 6., 4.],
           [6., 9., 6.],
           [4., 6., 4.]])
    """
    _check(x, kernel, 4)
    stride = check_integer(stride, name="stride", low=1)
    (rows, top, bottom), (columns, left, right) = (_same(x.shape[i + 1], kernel.shape[i], stride) for i in (0, 1))
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    height, width = (rows - 1) * stride + 1, (columns - 1) * stride + 1
    taps = np.ndindex(*kernel.shape[:2])
    parts = (x[:, i : i + height : stride, j : j + width : stride] @ kernel[i, j] for i, j in taps)
    return sum(parts, np.zeros((), dtype=x.dtype))


def conv1d_transpose(x: np.ndarray, kernel: np.ndarray, *, stride: int = 1) -> np.ndarray:
    """The transpose of a strided convolution: every frame is spread over `k` frames that begin `stride` apart, and overlaps add.

    Where `k` is no multiple of `stride`, some frames get more of these than their neighbours: the checkerboard artefact.

    Parameters
    ----------
    x : np.ndarray [shape=(n, t, c)]
        Clips.
    kernel : np.ndarray [shape=(k, c, d)], k >= stride
        What a frame is spread to.
    stride : int >= 1
        How many frames come out for one.

    Returns
    -------
    y : np.ndarray [shape=(n, t * stride, d)]

    Raises
    ------
    ParameterError
        If the shapes do not fit.

    References
    ----------
    A. Odena, V. Dumoulin and C. Olah (2016), Deconvolution and checkerboard artifacts, Distill.

    Examples
    --------
    >>> conv1d_transpose(np.ones((1, 3, 1)), np.ones((3, 1, 1)), stride=2)[0, :, 0]
    array([1., 1., 2., 1., 2., 1.])
    """
    _check(x, kernel, 3)
    n, t, _ = x.shape
    k, _, d = kernel.shape
    stride = check_integer(stride, name="stride", low=1, high=k)
    y = np.zeros((n, (t - 1) * stride + k, d), dtype=np.result_type(x, kernel))
    for i in range(k):
        y[:, i : i + (t - 1) * stride + 1 : stride] += x @ kernel[i]
    left = (k - stride) // 2
    return y[:, left : left + t * stride]


def upsample(x: np.ndarray, factor: int) -> np.ndarray:
    """Every frame `factor` times: ``(n, t, c)`` -> ``(n, t * factor, c)``.

    Examples
    --------
    >>> upsample(np.array([[[1.0], [2.0]]]), 2)[0, :, 0]
    array([1., 1., 2., 2.])
    """
    return np.repeat(x, check_integer(factor, name="factor", low=1), axis=1)


NUMPY = Convolutions(conv1d=conv1d, conv2d=conv2d, conv1d_transpose=conv1d_transpose, upsample=upsample)


def tensorflow_convolutions() -> Convolutions:
    """The same functions on tensors."""
    tf = tensorflow()

    def transpose(x: Any, kernel: Any, *, stride: int = 1) -> Any:
        shape = tf.stack([tf.shape(x)[0], tf.shape(x)[1] * stride, tf.shape(kernel)[2]])
        return tf.nn.conv1d_transpose(x, tf.transpose(kernel, [0, 2, 1]), shape, stride, padding="SAME")

    return Convolutions(
        conv1d=lambda x, kernel, *, stride=1: tf.nn.conv1d(x, kernel, stride, padding="SAME"),
        conv2d=lambda x, kernel, *, stride=1: tf.nn.conv2d(x, kernel, stride, padding="SAME"),
        conv1d_transpose=transpose,
        upsample=lambda x, factor: tf.repeat(x, factor, axis=1),
    )


def _same(t: int, k: int, stride: int) -> tuple[int, int, int]:
    """Frames that come out, and zeros before and after."""
    count = -(-t // stride)
    pad = max((count - 1) * stride + k - t, 0)
    return count, pad // 2, pad - pad // 2


def _check(x: np.ndarray, kernel: np.ndarray, ndim: int) -> None:
    if x.ndim != ndim or kernel.ndim != ndim or x.shape[-1] != kernel.shape[-2] or 0 in kernel.shape or 0 in x.shape[1:]:
        axes = "(n, t, c) and (k, c, d)" if ndim == 3 else "(n, h, w, c) and (kh, kw, c, d)"
        raise ParameterError(f"x and kernel must have shapes {axes} without empty axes; received {x.shape} and {kernel.shape}")
