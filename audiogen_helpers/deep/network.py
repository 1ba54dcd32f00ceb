"""The network of flow and diffusion: a residual multilayer perceptron as one pure function, for numpy (sampling) and TensorFlow (training).

It is asked where a code comes from and where it goes. What a Gaussian of the codes' own spread would answer is known in closed form;
the network learns the rest.

Chapter: chapters/methods/flow.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audiogen_helpers.deep import operations
from audiogen_helpers.deep.operations import Ops, tensorflow_ops
from audiogen_helpers.deep.schedules import PATHS, predicted

__all__ = ["NUMPY", "NetworkSize", "Ops", "answer", "initial_weights", "tensorflow_ops", "two_ends", "velocity"]

FREQUENCIES = np.exp(np.linspace(0.0, np.log(100.0), 32)).astype(np.float32)


def _silu(u: np.ndarray) -> np.ndarray:
    half = np.float32(0.5) * u
    return half + half * np.tanh(half)


NUMPY = replace(operations.NUMPY, silu=_silu)  # a sixth of the time that u * sigmoid(u) takes, equal to 1e-6


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
    >>> float(np.abs(answer(weights, np.ones((1, 8), np.float32), np.zeros(1, np.float32), np.array([0]), ops=NUMPY)).max())
    0.0
    """
    gains = {"label": 0.5 * size.condition**0.5, "out": 0.0}
    weights = {}
    for name, shape in size.shapes().items():
        gain = gains.get(name, 0.0 if len(shape) == 1 else 0.5 if ".condition" in name else 0.3 if name.endswith(".out") else 1.0)
        fan_in = size.condition if name == "label" else shape[0]
        weights[name] = (rng.standard_normal(shape) * (gain / fan_in**0.5)).astype(np.float32)
    return weights


def answer(weights: Mapping[str, Any], x: Any, t: Any, label: Any, *, ops: Ops) -> Any:
    """What the network alone says: as many numbers as a code has.

    Parameters
    ----------
    weights : mapping of str to array
        As :func:`initial_weights` names them.
    x : array [shape=(n, components), float32]
        Codes on the way.
    t : array [shape=(n,), float32], 0 to 1
        Time.
    label : array [shape=(n,), int], 0 to n_labels
        Label of each code; `n_labels` is "no label".
    ops : Ops
        :data:`NUMPY` or :func:`tensorflow_ops`.

    Returns
    -------
    answer : array [shape=(n, components), float32]
    """
    condition = _waves(t, ops) @ weights["time"] + ops.rows(weights["label"], label)
    condition = ops.silu(ops.silu(condition) @ weights["condition"] + weights["condition.bias"])
    h = x @ weights["in"] + weights["in.bias"]
    block = 0
    while f"block{block}.in" in weights:
        name = f"block{block}"
        u = _normalise(h, ops) @ weights[f"{name}.in"] + condition @ weights[f"{name}.condition"] + weights[f"{name}.bias"]
        h = h + ops.silu(u) @ weights[f"{name}.out"] + weights[f"{name}.out.bias"]
        block += 1
    return _normalise(h, ops) @ weights["out"] + weights["out.bias"]


def two_ends(weights: Mapping[str, Any], x: Any, t: Any, label: Any, *, path: str, ops: Ops) -> tuple[Any, Any]:
    r"""The data and the noise that `x` is made of at time `t`, as far as the network knows: means over all paths that pass there.

    Let a component of the data have the standard deviation :math:`s` (``weights["spread"]``), and call
    :math:`r = \sqrt{\alpha^2 s^2 + \sigma^2}`. Then :math:`x / r` and what the network answers, :math:`F`, are the two coordinates of a
    rotation: by the angle :math:`\theta = \arctan(\alpha s / \sigma)` it takes the noise to the data,

    .. math:: x_1 = s\,(\sin\theta\; x / r + \cos\theta\; F), \qquad x_0 = \cos\theta\; x / r - \sin\theta\; F .

    With :math:`F = 0`, where the network starts, this is the best answer for independent Gaussians of that spread.

    Parameters
    ----------
    weights, x, t, label, ops
        As for :func:`answer`, and ``weights["spread"]`` [shape=(components,)], > 0.
    path : str
        How data and noise are mixed, as for :func:`audiogen_helpers.deep.schedules.mix`.

    Returns
    -------
    data, noise : arrays [shape=(n, components), float32]

    References
    ----------
    T. Karras, M. Aittala, T. Aila and S. Laine (2022), Elucidating the design space of diffusion-based generative models, NeurIPS,
    section 5, for one spread; here each component has its own.
    """
    alpha, sigma = PATHS[path].alpha(t[:, None], ops), PATHS[path].sigma(t[:, None], ops)
    spread = weights["spread"]
    length = ops.sqrt(ops.square(alpha * spread) + ops.square(sigma))
    sine, cosine = alpha * spread / length, sigma / length
    along = answer(weights, x / ops.sqrt(ops.square(alpha) + ops.square(sigma)), t, label, ops=ops)
    return spread * (sine * x / length + cosine * along), cosine * x / length - sine * along


def velocity(weights: Mapping[str, Any], x: Any, t: Any, label: Any, *, ops: Ops, path: str = "straight") -> Any:
    """Which way, and how fast, a code moves at time `t` on its path from noise (0) to data (1).

    Parameters
    ----------
    weights, x, t, label, ops
        As for :func:`two_ends`; without a ``"spread"`` the network's answer is the velocity itself.
    path : str
        As for :func:`two_ends`.

    Returns
    -------
    v : array [shape=(n, components), float32]
    """
    if "spread" not in weights:
        return answer(weights, x, t, label, ops=ops)
    data, noise = two_ends(weights, x, t, label, path=path, ops=ops)
    return predicted("velocity", data, noise, t[:, None], path=path, ops=ops)


def _normalise(h: Any, ops: Ops) -> Any:
    d = h - ops.mean(h, axis=-1, keepdims=True)
    return d / ops.sqrt(ops.mean(ops.square(d), axis=-1, keepdims=True) + 1e-6)


def _waves(t: Any, ops: Ops) -> Any:
    angle = t[:, None] * FREQUENCIES
    return ops.concat([ops.sin(angle), ops.cos(angle)], axis=-1)
