"""The network of the frame-writing model as pure functions: outline, what is heard at a step, and what is said of the next one.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers.deep import recurrent
from audiogen_helpers.deep.mixture_density import initial_bias, log_density, n_outputs
from audiogen_helpers.deep.operations import Ops

__all__ = [
    "Drop",
    "FrameNetworkSize",
    "condition",
    "heard",
    "initial_frame_weights",
    "keep_all",
    "outline_outputs",
    "said",
    "step_log_densities",
]

Drop: TypeAlias = "Callable[[Any, int], Any]"


def keep_all(x: Any, which: int) -> Any:
    """No dropout: `x` as it is."""
    return x


@dataclass(frozen=True, kw_only=True)
class FrameNetworkSize:
    """Sizes of the network.

    Attributes
    ----------
    cell : {'gru', 'lstm'}
        Kind of the recurrent layer.
    steps : int
        Codes of the longest clip.
    components : int
        Numbers in the code of a group of frames.
    outline : int
        Numbers in the outline of a clip; 0: there is none.
    width : int
        Numbers in the state and in the layers.
    mixtures : int
        Bells of a density.
    n_labels : int
        Labels; row `n_labels` of the table stands for "no label".
    """

    cell: str
    steps: int
    components: int
    outline: int
    width: int
    mixtures: int
    n_labels: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight, in a fixed order.

        Examples
        --------
        >>> size = FrameNetworkSize(cell="gru", steps=5, components=8, outline=3, width=16, mixtures=2, n_labels=10)
        >>> size.shapes()["rnn.kernel"], size.shapes()["out"], size.shapes()["outline.out"]
        ((16, 48), (16, 35), (16, 14))
        """
        w, k, m = self.width, self.components, self.mixtures
        shapes: dict[str, tuple[int, ...]] = {"label": (self.n_labels + 1, w)}
        if self.outline:
            said = n_outputs(components=self.outline, mixtures=m)
            shapes |= {"outline.hidden": (w, w), "outline.hidden.bias": (w,), "outline.out": (w, said), "outline.out.bias": (said,)}
            shapes |= {"outline.in": (self.outline, w)}
        shapes |= {"in": (k, w), "step": (self.steps, w)}
        shapes |= {f"rnn.{name}": shape for name, shape in recurrent.shapes(self.cell, inputs=w, width=w).items()}
        said = n_outputs(components=k, mixtures=m) + 1
        return shapes | {"hidden": (w, w), "hidden.bias": (w,), "out": (w, said), "out.bias": (said,)}


def initial_frame_weights(size: FrameNetworkSize, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from: every density is wide and nearly the same for all.

    Examples
    --------
    >>> size = FrameNetworkSize(cell="lstm", steps=5, components=8, outline=3, width=16, mixtures=2, n_labels=10)
    >>> weights = initial_frame_weights(size, np.random.default_rng(0))
    >>> {name: array.shape for name, array in weights.items()} == size.shapes()
    True
    """
    gains = {"label": 0.5 * (size.n_labels + 1) ** 0.5, "step": 0.1 * size.steps**0.5, "out": 0.1, "outline.out": 0.1}
    weights = {}
    for name, shape in size.shapes().items():
        gain = 0.0 if len(shape) == 1 else gains.get(name, 1.0)
        weights[name] = (rng.standard_normal(shape) * (gain / shape[0] ** 0.5)).astype(np.float32)
    cell = recurrent.initial_weights(size.cell, inputs=size.width, width=size.width, rng=rng)
    weights |= {f"rnn.{name}": array for name, array in cell.items()}
    bias = initial_bias(components=size.components, mixtures=size.mixtures, spread=0.3, rng=rng)
    weights["out.bias"] = np.append(bias, np.float32(0.0))
    if size.outline:
        weights["outline.out.bias"] = initial_bias(components=size.outline, mixtures=size.mixtures, spread=0.5, rng=rng)
    return weights


def outline_outputs(weights: Mapping[str, Any], label: Any, *, ops: Ops, drop: Drop = keep_all) -> Any:
    """What the network says of the outline of a clip with this label: the parameters of a mixture, ``(n, numbers)``."""
    hidden = ops.silu(ops.rows(weights["label"], label) @ weights["outline.hidden"] + weights["outline.hidden.bias"])
    return drop(hidden, 0) @ weights["outline.out"] + weights["outline.out.bias"]


def condition(weights: Mapping[str, Any], label: Any, outline: Any, *, ops: Ops) -> Any:
    """What every step of a clip is told: its label and its outline, as ``(n, width)``."""
    told = ops.rows(weights["label"], label)
    return told + outline @ weights["outline.in"] if "outline.in" in weights else told


def heard(weights: Mapping[str, Any], previous: Any, told: Any, steps: Any, *, ops: Ops) -> Any:
    """What goes into the recurrent layer: the code before (zeros at the start), what the clip is told, and which step it is.

    `steps` is a whole number, for `previous` ``(n, components)``, or a slice, for ``(n, steps, components)``.
    """
    return ops.silu(previous @ weights["in"] + told + weights["step"][steps])


def said(weights: Mapping[str, Any], h: Any, told: Any, *, ops: Ops, drop: Drop = keep_all) -> tuple[Any, Any]:
    """What the network says after it has heard a step.

    Parameters
    ----------
    weights : mapping of str to array
        As :func:`initial_frame_weights` names them.
    h : array [shape=(n, width)]
        Output of the recurrent layer.
    told : array [shape=(n, width)]
        From :func:`condition`.
    ops : Ops
        Whose arrays they are.
    drop : callable
        Dropout: ``drop(x, 1)`` of the state, ``drop(x, 2)`` of the layer after it.

    Returns
    -------
    density : array [shape=(n, numbers)]
        Of the next code: see :mod:`audiogen_helpers.deep.mixture_density`.
    goes_on : array [shape=(n,)]
        Logit of that there is a next code.
    """
    hidden = ops.silu(drop(h, 1) @ weights["hidden"] + told + weights["hidden.bias"])
    outputs = drop(hidden, 2) @ weights["out"] + weights["out.bias"]
    return outputs[:, :-1], outputs[:, -1]


def step_log_densities(
    weights: Mapping[str, Any],
    previous: Any,
    codes: Any,
    told: Any,
    steps: slice,
    clips: Any,
    places: Any,
    *,
    size: FrameNetworkSize,
    ops: Ops,
    cell_ops: recurrent.Ops,
    drop: Drop = keep_all,
) -> tuple[Any, Any]:
    """What the network says of codes when it hears the real ones before them: teacher forcing.

    Parameters
    ----------
    weights : mapping of str to array
        As :func:`initial_frame_weights` names them.
    previous : array [shape=(n, steps, components), float32]
        What it hears at each step: the code before, zeros at the start.
    codes : array [shape=(n, steps, components), float32]
        What comes.
    told : array [shape=(n, width)]
        From :func:`condition`.
    steps : slice
        Of the steps that there can be: the first.
    clips, places : array [shape=(p,), int]
        Which steps are of interest: the clip of each, and ``clip * steps + step``.
    size : FrameNetworkSize
        Of the network.
    ops, cell_ops
        Whose arrays they are.
    drop : callable
        Dropout: see :func:`said`.

    Returns
    -------
    log_density : array [shape=(p,)]
        Of the code at each place, nats.
    goes_on : array [shape=(p,)]
        Logit of that there is one.
    """
    cell = recurrent.layer(weights, "rnn")
    u = recurrent.project(heard(weights, previous, told[:, None], steps, ops=ops), cell)
    h, _ = recurrent.scan(size.cell, u, cell, recurrent.start(size.cell, cell, codes.shape[0]), ops=cell_ops)
    h, flat = (ops.reshape(a, (-1, k)) for a, k in ((h, size.width), (codes, size.components)))
    density, goes_on = said(weights, ops.rows(h, places), ops.rows(told, clips), ops=ops, drop=drop)
    return log_density(ops.rows(flat, places), density, mixtures=size.mixtures, ops=ops), goes_on
