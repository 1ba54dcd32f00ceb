"""Recurrent cells as pure functions of given weights, for numpy (sampling) and TensorFlow (training): SimpleRNN, GRU and LSTM.

Weights are laid out as Keras lays them out, so that either can run what the other has learned.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers._validation import check_choice, check_integer
from audiogen_helpers.deep.backend import tensorflow

__all__ = [
    "CELLS",
    "NUMPY",
    "Cell",
    "Ops",
    "State",
    "gru_step",
    "initial_weights",
    "layer",
    "lstm_step",
    "project",
    "run",
    "scan",
    "shapes",
    "simple_rnn_step",
    "start",
    "tensorflow_ops",
]

State: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True)
class Ops:
    """The few operations that numpy and TensorFlow spell differently.

    Attributes
    ----------
    sigmoid, tanh : callable
        Element by element.
    split : callable
        ``split(a, parts)`` -> equal parts of the last axis.
    scan : callable
        ``scan(step, u, state)`` -> outputs (n, t, width) and the last state, for ``step(u_t, state) -> state``.
    """

    sigmoid: Callable[[Any], Any]
    tanh: Callable[[Any], Any]
    split: Callable[[Any, int], Any]
    scan: Callable[[Callable[[Any, State], State], Any, State], tuple[Any, State]]


def simple_rnn_step(u: Any, state: State, weights: Mapping[str, Any], *, ops: Ops) -> State:
    r"""The next state of a simple recurrent network, :math:`h_t = \\tanh(u_t + W_h h_{t-1})`.

    Parameters
    ----------
    u : array [shape=(n, width)]
        The input's part, :math:`W_x x_t + b`: see :func:`project`.
    state : tuple (h,)
        The state before, (n, width).
    weights : mapping of str to array
        As :func:`shapes` names them.
    ops : Ops
        :data:`NUMPY` or :func:`tensorflow_ops`.

    References
    ----------
    J. Elman (1990), Finding structure in time, Cognitive Science 14(2).

    Examples
    --------
    >>> simple_rnn_step(np.ones((1, 2)), (np.zeros((1, 2)),), {"recurrent": np.eye(2)}, ops=NUMPY)[0].round(3)
    array([[0.762, 0.762]])
    """
    return (ops.tanh(u + state[0] @ weights["recurrent"]),)


def gru_step(u: Any, state: State, weights: Mapping[str, Any], *, ops: Ops) -> State:
    r"""The next state of a gated recurrent unit, :math:`h_t = z h_{t-1} + (1 - z) \\tilde h`, gates in the order z (keep), r (reset), h.

    The reset gate acts after the product with the recurrent weights, as in Keras (``reset_after=True``) and cuDNN:
    :math:`\\tilde h = \\tanh(u_h + r (W_h h_{t-1} + b_h))`.

    Parameters
    ----------
    u : array [shape=(n, 3 width)]
        The input's part of the gates.
    state : tuple (h,)
    weights, ops
        As for :func:`simple_rnn_step`.

    References
    ----------
    K. Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078.

    Examples
    --------
    >>> weights = {"recurrent": np.zeros((1, 3)), "recurrent.bias": np.zeros(3)}
    >>> gru_step(np.array([[100.0, 0.0, 5.0]]), (np.array([[0.25]]),), weights, ops=NUMPY)[0]  # the gate says: keep
    array([[0.25]])
    """
    h = state[0]
    z_u, r_u, h_u = ops.split(u, 3)
    z_h, r_h, h_h = ops.split(h @ weights["recurrent"] + weights["recurrent.bias"], 3)
    z, r = ops.sigmoid(z_u + z_h), ops.sigmoid(r_u + r_h)
    return (z * h + (1.0 - z) * ops.tanh(h_u + r * h_h),)


def lstm_step(u: Any, state: State, weights: Mapping[str, Any], *, ops: Ops) -> State:
    r"""The next state of a long short-term memory, :math:`c_t = f c_{t-1} + i \\tilde c,\\; h_t = o \\tanh c_t`, gates ordered i, f, c, o.

    Parameters
    ----------
    u : array [shape=(n, 4 width)]
        The input's part of the gates.
    state : tuple (h, c)
        What the cell shows, and what it keeps.
    weights, ops
        As for :func:`simple_rnn_step`.

    References
    ----------
    S. Hochreiter and J. Schmidhuber (1997), Long short-term memory, Neural Computation 9(8); F. Gers et al. (2000), Learning to forget.

    Examples
    --------
    >>> weights, state = {"recurrent": np.zeros((1, 4))}, (np.zeros((1, 1)), np.array([[2.0]]))
    >>> lstm_step(np.array([[-100.0, 100.0, 0.0, 100.0]]), state, weights, ops=NUMPY)[1]  # nothing in, nothing forgotten
    array([[2.]])
    """
    h, c = state
    i, f, g, o = ops.split(u + h @ weights["recurrent"], 4)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


@dataclass(frozen=True)
class Cell:
    """A kind of cell: its step, how many gates' worth of weights it has, and how many arrays its state holds."""

    step: Callable[..., State]
    gates: int
    states: int


CELLS = {"simple": Cell(simple_rnn_step, 1, 1), "gru": Cell(gru_step, 3, 1), "lstm": Cell(lstm_step, 4, 2)}


def shapes(kind: str, *, inputs: int, width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a cell's weights. Keras keeps the two biases of a GRU in one array ``(2, 3 width)``.

    Parameters
    ----------
    kind : {'simple', 'gru', 'lstm'}
    inputs, width : int >= 1
        Numbers that come in at a step, and numbers in the state.

    Examples
    --------
    >>> shapes("gru", inputs=5, width=8)
    {'kernel': (5, 24), 'recurrent': (8, 24), 'bias': (24,), 'recurrent.bias': (24,)}
    """
    gates = CELLS[check_choice(kind, name="kind", choices=CELLS)].gates
    inputs, width = check_integer(inputs, name="inputs", low=1), check_integer(width, name="width", low=1)
    found: dict[str, tuple[int, ...]] = {"kernel": (inputs, gates * width), "recurrent": (width, gates * width), "bias": (gates * width,)}
    return found | ({"recurrent.bias": (gates * width,)} if kind == "gru" else {})


def initial_weights(kind: str, *, inputs: int, width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from, as Keras starts: uniform, orthogonal from state to state, and a forget gate of the LSTM that is open.

    Examples
    --------
    >>> weights = initial_weights("lstm", inputs=2, width=4, rng=np.random.default_rng(0))
    >>> weights["bias"]
    array([0., 0., 0., 0., 1., 1., 1., 1., 0., 0., 0., 0., 0., 0., 0., 0.],
          dtype=float32)
    """
    wanted, found = shapes(kind, inputs=inputs, width=width), {}
    for name, shape in wanted.items():
        if name == "kernel":
            limit = (6.0 / sum(shape)) ** 0.5
            found[name] = rng.uniform(-limit, limit, shape)
        elif name == "recurrent":
            q, r = np.linalg.qr(rng.standard_normal(shape[::-1]))
            found[name] = (q * np.sign(np.diag(r))).T
        else:
            found[name] = np.zeros(shape)
    if kind == "lstm":
        found["bias"][width : 2 * width] = 1.0
    return {name: array.astype(np.float32) for name, array in found.items()}


def layer(weights: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The weights of one layer of several: those whose names begin with ``name.``, without it.

    Examples
    --------
    >>> layer({"rnn0.kernel": 1, "rnn0.bias": 2, "rnn1.kernel": 3}, "rnn0")
    {'kernel': 1, 'bias': 2}
    """
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}


def project(x: Any, weights: Mapping[str, Any]) -> Any:
    """The input's part of the gates, ``x @ kernel + bias``: of one step (n, inputs) or of a whole sequence (n, t, inputs) at once."""
    return x @ weights["kernel"] + weights["bias"]


def start(kind: str, weights: Mapping[str, Any], n: int) -> tuple[np.ndarray, ...]:
    """The state before anything was heard: zeros, as arrays (n, width)."""
    width = weights["recurrent"].shape[0]
    return tuple(np.zeros((n, width), dtype=np.float32) for _ in range(CELLS[kind].states))


def run(kind: str, x: Any, weights: Mapping[str, Any], state: State, *, ops: Ops) -> tuple[Any, State]:
    """A layer on a whole sequence.

    Parameters
    ----------
    kind : {'simple', 'gru', 'lstm'}
    x : array [shape=(n, t, inputs), float32]
        What comes in.
    weights : mapping of str to array
        As :func:`shapes` names them.
    state : tuple of arrays [shape=(n, width)]
        Before the first step: :func:`start`, or what an earlier call gave.
    ops : Ops
        :data:`NUMPY` or :func:`tensorflow_ops`.

    Returns
    -------
    outputs : array [shape=(n, t, width)]
        ``h`` after each step.
    state : tuple
        After the last.

    Examples
    --------
    >>> weights = initial_weights("gru", inputs=3, width=4, rng=np.random.default_rng(0))
    >>> outputs, state = run("gru", np.ones((2, 5, 3), np.float32), weights, start("gru", weights, 2), ops=NUMPY)
    >>> outputs.shape, bool((outputs[:, -1] == state[0]).all())
    ((2, 5, 4), True)
    """
    check_choice(kind, name="kind", choices=CELLS)
    return scan(kind, project(x, weights), weights, state, ops=ops)


def scan(kind: str, u: Any, weights: Mapping[str, Any], state: State, *, ops: Ops) -> tuple[Any, State]:
    """:func:`run` where the input's part of the gates, `u` (n, t, gates), is known already: read from a table, say.

    Examples
    --------
    >>> weights = {"recurrent": np.zeros((1, 1), np.float32)}
    >>> scan("simple", np.zeros((1, 3, 1), np.float32), weights, start("simple", weights, 1), ops=NUMPY)[0].ravel()
    array([0., 0., 0.], dtype=float32)
    """
    step = CELLS[kind].step
    return ops.scan(lambda part, now: step(part, now, weights, ops=ops), u, state)


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * a) + 0.5  # the same function as 1 / (1 + exp(-a)), and nothing can overflow


def _scan(step: Callable[[Any, State], State], u: np.ndarray, state: State) -> tuple[np.ndarray, State]:
    outputs = np.empty((u.shape[0], u.shape[1], state[0].shape[-1]), dtype=u.dtype)
    for t in range(u.shape[1]):
        state = step(u[:, t], state)
        outputs[:, t] = state[0]
    return outputs, state


NUMPY = Ops(sigmoid=_sigmoid, tanh=np.tanh, split=lambda a, parts: np.split(a, parts, axis=-1), scan=_scan)


def tensorflow_ops() -> Ops:
    """The same operations on tensors; the scan is one loop of the graph, so that long sequences cost no more to trace than short ones."""
    tf = tensorflow()

    def scan(step: Callable[[Any, State], State], u: Any, state: State) -> tuple[Any, State]:
        steps = tf.shape(u)[1]
        inputs = tf.TensorArray(u.dtype, size=steps, element_shape=[u.shape[0], u.shape[2]]).unstack(tf.transpose(u, [1, 0, 2]))
        outputs = tf.TensorArray(u.dtype, size=steps, element_shape=state[0].shape)

        def body(t: Any, state: State, outputs: Any) -> tuple[Any, State, Any]:
            state = step(inputs.read(t), state)
            return t + 1, state, outputs.write(t, state[0])

        state = tuple(tf.convert_to_tensor(part) for part in state)
        _, state, outputs = tf.while_loop(lambda t, *_: t < steps, body, (0, state, outputs), maximum_iterations=steps)
        return tf.transpose(outputs.stack(), [1, 0, 2]), state

    return Ops(sigmoid=tf.sigmoid, tanh=tf.tanh, split=lambda a, parts: tf.split(a, parts, axis=-1), scan=scan)
