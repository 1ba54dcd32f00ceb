"""The network of the recogniser: a small convolutional one as one pure function, for numpy (judging) and TensorFlow (training)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers.deep.backend import tensorflow

__all__ = ["NUMPY", "ListenerSize", "Ops", "embed", "initial_weights", "logits", "tensorflow_ops"]


@dataclass(frozen=True)
class Ops:
    """The few array operations that numpy and TensorFlow spell differently; arrays are ``(n, frames, bands, channels)``."""

    conv: Callable[[Any, Any, int], Any]
    normalise: Callable[[Any], Any]
    relu: Callable[[Any], Any]
    pool: Callable[[Any], Any]
    strongest: Callable[[Any], Any]


@dataclass(frozen=True, kw_only=True)
class ListenerSize:
    """Sizes of the network.

    Attributes
    ----------
    n_mels : int >= 8
        Mel bands that come in.
    n_labels : int >= 2
        Probabilities that go out.
    channels : tuple of 4 int
        Of the four convolutions.
    embedding : int
        Numbers that describe a clip before the last layer.
    """

    n_mels: int
    n_labels: int
    channels: tuple[int, ...] = (24, 48, 64, 96)
    embedding: int = 64

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight, in a fixed order.

        Examples
        --------
        >>> ListenerSize(n_mels=64, n_labels=10).shapes()["embedding"]
        (768, 64)
        """
        shapes: dict[str, tuple[int, ...]] = {}
        width, bands = 1, self.n_mels
        for i, channels in enumerate(self.channels):
            side = 5 if i == 0 else 3
            shapes |= {f"conv{i}": (side, side, width, channels), f"conv{i}.scale": (channels,), f"conv{i}.bias": (channels,)}
            width, bands = channels, (bands + 1) // 2 if i == 0 else bands // 2 if i in (1, 2) else bands
        shapes |= {"embedding": (bands * width, self.embedding), "embedding.bias": (self.embedding,)}
        return shapes | {"label": (self.embedding, self.n_labels), "label.bias": (self.n_labels,)}


def initial_weights(size: ListenerSize, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from: at first all labels are equally probable."""
    weights = {}
    for name, shape in size.shapes().items():
        if name.endswith(".scale"):
            weights[name] = np.ones(shape, dtype=np.float32)
        elif name.endswith(".bias") or name == "label":
            weights[name] = np.zeros(shape, dtype=np.float32)
        else:
            weights[name] = (rng.standard_normal(shape) * (2.0 / np.prod(shape[:-1])) ** 0.5).astype(np.float32)
    return weights


def embed(weights: Mapping[str, Any], X: Any, *, ops: Ops) -> Any:
    """What the network makes of clips before it decides.

    Four convolutions see 39 frames in all (0.6 s at 8 kHz). The strongest response in time counts, wherever it is; bands keep
    their place, because pitch and formants matter.

    Parameters
    ----------
    weights : mapping of str to array
        As :meth:`ListenerSize.shapes` names them.
    X : array [shape=(n, frames >= 8, n_mels, 1), float32], -1 to 1
        Features.
    ops : Ops
        :data:`NUMPY` or :func:`tensorflow_ops`.

    Returns
    -------
    E : array [shape=(n, embedding), float32], >= 0
    """
    h, i = X, 0
    while f"conv{i}" in weights:
        h = ops.normalise(ops.conv(h, weights[f"conv{i}"], 2 if i == 0 else 1))
        h = ops.relu(h * weights[f"conv{i}.scale"] + weights[f"conv{i}.bias"])
        if i in (1, 2):
            h = ops.pool(h)
        i += 1
    return ops.relu(ops.strongest(h) @ weights["embedding"] + weights["embedding.bias"])


def logits(weights: Mapping[str, Any], E: Any) -> Any:
    """Unscaled log probabilities ``(n, n_labels)`` of embeddings."""
    return E @ weights["label"] + weights["label.bias"]


def _conv(h: np.ndarray, w: np.ndarray, stride: int) -> np.ndarray:
    side = w.shape[0]
    padded = np.pad(h, ((0, 0), (side // 2, side // 2), (side // 2, side // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(windows, w.transpose(2, 0, 1, 3), axes=3)


def _normalise(h: np.ndarray) -> np.ndarray:
    d = h - h.mean(axis=(1, 2, 3), keepdims=True)
    return d / np.sqrt(np.square(d).mean(axis=(1, 2, 3), keepdims=True) + np.float32(1e-5))


def _pool(h: np.ndarray) -> np.ndarray:
    n, frames, bands, channels = h.shape
    even = h[:, : frames // 2 * 2, : bands // 2 * 2]
    return even.reshape(n, frames // 2, 2, bands // 2, 2, channels).max(axis=(2, 4))


def _strongest(h: np.ndarray) -> np.ndarray:
    return h.max(axis=1).reshape(len(h), -1)


NUMPY = Ops(conv=_conv, normalise=_normalise, relu=lambda h: np.maximum(h, np.float32(0.0)), pool=_pool, strongest=_strongest)


def tensorflow_ops() -> Ops:
    """The same operations on tensors."""
    tf = tensorflow()

    def conv(h: Any, w: Any, stride: int) -> Any:
        around = [w.shape[0] // 2] * 2
        return tf.nn.conv2d(tf.pad(h, [[0, 0], around, around, [0, 0]]), w, stride, "VALID")

    def normalise(h: Any) -> Any:
        d = h - tf.reduce_mean(h, [1, 2, 3], keepdims=True)
        return d * tf.math.rsqrt(tf.reduce_mean(tf.square(d), [1, 2, 3], keepdims=True) + 1e-5)

    def strongest(h: Any) -> Any:
        return tf.reshape(tf.reduce_max(h, 1), [-1, h.shape[2] * h.shape[3]])

    return Ops(conv=conv, normalise=normalise, relu=tf.nn.relu, pool=lambda h: tf.nn.max_pool2d(h, 2, 2, "VALID"), strongest=strongest)
