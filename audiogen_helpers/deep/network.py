"""The network of the flow: a residual multilayer perceptron as one pure function, for numpy (sampling) and TensorFlow (training)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers.deep.backend import tensorflow

__all__ = ["NUMPY", "NetworkSize", "Ops", "initial_weights", "tensorflow_ops", "velocity"]

FREQUENCIES = np.exp(np.linspace(0.0, np.log(100.0), 32)).astype(np.float32)


@dataclass(frozen=True)
class Ops:
    """The few array operations that numpy and TensorFlow spell differently."""

    silu: Callable[[Any], Any]
    normalise: Callable[[Any], Any]
    waves: Callable[[Any], Any]
    rows: Callable[[Any, Any], Any]


@dataclass(frozen=True, kw_only=True)
class NetworkSize:
    """Sizes of the network.

    Attributes
    ----------
    components : int
        Numbers in a code: what goes in and comes out.
    width : int
        Numbers in the residual stream.
    blocks : int
        Residual blocks.
    n_labels : int
        Labels; row `n_labels` of the table stands for "no label".
    condition : int
        Numbers that tell the blocks the time and the label.
    """

    components: int
    width: int
    blocks: int
    n_labels: int
    condition: int = 128

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight, in a fixed order.

        Examples
        --------
        >>> size = NetworkSize(components=8, width=16, blocks=2, n_labels=3)
        >>> size.shapes()["block1.in"], len(size.shapes())
        ((16, 16), 18)
        """
        c, w, e = self.components, self.width, self.condition
        shapes: dict[str, tuple[int, ...]] = {
            "in": (c, w),
            "in.bias": (w,),
            "time": (2 * len(FREQUENCIES), e),
            "label": (self.n_labels + 1, e),
            "condition": (e, e),
            "condition.bias": (e,),
        }
        for i in range(self.blocks):
            shapes |= {f"block{i}.in": (w, w), f"block{i}.bias": (w,), f"block{i}.condition": (e, w)}
            shapes |= {f"block{i}.out": (w, w), f"block{i}.out.bias": (w,)}
        return shapes | {"out": (w, c), "out.bias": (c,)}


def initial_weights(size: NetworkSize, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from: the network's first answer is 0 everywhere.

    Examples
    --------
    >>> weights = initial_weights(NetworkSize(components=8, width=16, blocks=2, n_labels=3), np.random.default_rng(0))
    >>> float(np.abs(velocity(weights, np.ones((1, 8), np.float32), np.zeros(1, np.float32), np.array([0]), ops=NUMPY)).max())
    0.0
    """
    gains = {"label": 0.5 * size.condition**0.5, "out": 0.0}
    weights = {}
    for name, shape in size.shapes().items():
        gain = gains.get(name, 0.0 if len(shape) == 1 else 0.5 if ".condition" in name else 0.3 if name.endswith(".out") else 1.0)
        fan_in = size.condition if name == "label" else shape[0]
        weights[name] = (rng.standard_normal(shape) * (gain / fan_in**0.5)).astype(np.float32)
    return weights


def velocity(weights: Mapping[str, Any], x: Any, t: Any, label: Any, *, ops: Ops) -> Any:
    """Which way, and how fast, a code moves at time `t` on its path from noise (0) to data (1).

    Parameters
    ----------
    weights : mapping of str to array
        As :func:`initial_weights` names them.
    x : array [shape=(n, components), float32]
        Where the codes are.
    t : array [shape=(n,), float32], 0 to 1
        Time.
    label : array [shape=(n,), int], 0 to n_labels
        Label of each code; `n_labels` is "no label".
    ops : Ops
        :data:`NUMPY` or :func:`tensorflow_ops`.

    Returns
    -------
    v : array [shape=(n, components), float32]
    """
    condition = ops.waves(t) @ weights["time"] + ops.rows(weights["label"], label)
    condition = ops.silu(ops.silu(condition) @ weights["condition"] + weights["condition.bias"])
    h = x @ weights["in"] + weights["in.bias"]
    block = 0
    while f"block{block}.in" in weights:
        name = f"block{block}"
        u = ops.normalise(h) @ weights[f"{name}.in"] + condition @ weights[f"{name}.condition"] + weights[f"{name}.bias"]
        h = h + ops.silu(u) @ weights[f"{name}.out"] + weights[f"{name}.out.bias"]
        block += 1
    return ops.normalise(h) @ weights["out"] + weights["out.bias"]


def _silu(u: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return u / (np.float32(1.0) + np.exp(-u))


def _normalise(h: np.ndarray) -> np.ndarray:
    d = h - h.mean(axis=-1, keepdims=True)
    return d / np.sqrt(np.square(d).mean(axis=-1, keepdims=True) + np.float32(1e-6))


def _waves(t: np.ndarray) -> np.ndarray:
    angle = t[:, None] * FREQUENCIES
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)


NUMPY = Ops(silu=_silu, normalise=_normalise, waves=_waves, rows=lambda table, i: table[i])


def tensorflow_ops() -> Ops:
    """The same operations on tensors."""
    tf = tensorflow()

    def normalise(h: Any) -> Any:
        d = h - tf.reduce_mean(h, -1, keepdims=True)
        return d * tf.math.rsqrt(tf.reduce_mean(tf.square(d), -1, keepdims=True) + 1e-6)

    def waves(t: Any) -> Any:
        angle = t[:, None] * FREQUENCIES
        return tf.concat([tf.sin(angle), tf.cos(angle)], -1)

    return Ops(silu=tf.nn.silu, normalise=normalise, waves=waves, rows=tf.gather)
