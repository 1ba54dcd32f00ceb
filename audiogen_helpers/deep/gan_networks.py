"""Generator and discriminator of the convolutional GAN, and what steadies them, as pure functions for numpy and TensorFlow.

Both convolve over time, with the mel bands as channels.

Chapter: chapters/methods/gan.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array, check_integer
from audiogen_helpers.deep.convolutions import NUMPY as NUMPY_CONVOLUTIONS
from audiogen_helpers.deep.convolutions import Convolutions
from audiogen_helpers.deep.operations import NUMPY, Ops

__all__ = [
    "DiscriminatorSize",
    "GeneratorSize",
    "discriminate",
    "generate",
    "group_statistics",
    "initial_weights",
    "spectral_norm",
]

DOUBLINGS = 3  # of the generator's frames, from a start of 1/8 of them
HALVINGS = 4  # of the discriminator's
SLOPE = 0.2  # of LeakyReLU below 0
EMBEDDING = 64  # numbers that stand for a label
JUDGE = 256  # numbers that the discriminator decides from
QUIET = -0.7  # tanh starts from here: most of a short clip's picture is silence


@dataclass(frozen=True, kw_only=True)
class GeneratorSize:
    """Sizes of the generator.

    Attributes
    ----------
    n_mels, frames : int
        Of the spectrogram that comes out.
    latent : int
        Random numbers that go in.
    width : int
        Channels of the last layer but one; the others have one and a half times as many.
    n_labels : int
        Labels; row `n_labels` of the table stands for "no label".
    """

    n_mels: int
    frames: int
    latent: int
    width: int
    n_labels: int

    @property
    def start(self) -> int:
        """Frames before the first doubling."""
        return -(-self.frames // 2**DOUBLINGS)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight, in a fixed order.

        Examples
        --------
        >>> GeneratorSize(n_mels=64, frames=64, latent=64, width=128, n_labels=10).shapes()["out"]
        (3, 128, 64)
        """
        wide = 3 * self.width // 2
        channels = (*[wide] * DOUBLINGS, self.width)
        told = self.latent + EMBEDDING
        shapes: dict[str, tuple[int, ...]] = {"label": (self.n_labels + 1, EMBEDDING)}
        shapes |= {"in": (told, self.start * wide), "in.bias": (self.start * wide,)}
        for i in range(DOUBLINGS):
            shapes |= {f"block{i}.told": (told, 2 * channels[i]), f"block{i}.told.bias": (2 * channels[i],)}
            shapes |= {f"block{i}": (3, channels[i], channels[i + 1]), f"block{i}.bias": (channels[i + 1],)}
        shapes |= {"out.told": (told, 2 * self.width), "out.told.bias": (2 * self.width,)}
        return shapes | {"out": (3, self.width, self.n_mels), "out.bias": (self.n_mels,)}


@dataclass(frozen=True, kw_only=True)
class DiscriminatorSize:
    """Sizes of the discriminator.

    Attributes
    ----------
    bands, frames : int
        Of what it looks at.
    width : int
        Channels of the first layer; the later ones have up to twice as many.
    n_labels : int
        Labels; row `n_labels` of the table stands for "no label".
    group : int
        Clips whose spread it is shown; 1: none.
    """

    bands: int
    frames: int
    width: int
    n_labels: int
    group: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight, in a fixed order.

        Examples
        --------
        >>> DiscriminatorSize(bands=64, frames=64, width=128, n_labels=10, group=4).shapes()["judge"]
        (1280, 256)
        """
        channels = (self.bands, self.width, 3 * self.width // 2, 2 * self.width, 2 * self.width)
        shapes: dict[str, tuple[int, ...]] = {}
        for i in range(HALVINGS):
            shapes |= {f"block{i}": (3, channels[i], channels[i + 1]), f"block{i}.bias": (channels[i + 1],)}
        seen = channels[-1] * (-(-self.frames // 2**HALVINGS) + (self.group > 1))
        shapes |= {"judge": (seen, JUDGE), "judge.bias": (JUDGE,), "real": (JUDGE, 1), "real.bias": (1,)}
        return shapes | {"label": (self.n_labels + 1, JUDGE), "class": (JUDGE, self.n_labels + 1), "class.bias": (self.n_labels + 1,)}


def initial_weights(shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from: normal numbers that keep the level from layer to layer; biases are 0.

    Examples
    --------
    >>> weights = initial_weights({"block0": (3, 64, 64), "block0.bias": (64,)}, np.random.default_rng(0))
    >>> round(float(weights["block0"].std() * np.sqrt(3 * 64 / 2)), 2), float(weights["block0.bias"].max())
    (0.99, 0.0)
    """
    weights = {}
    for name, shape in shapes.items():
        if len(shape) == 1 or (name == "label" and shape[-1] == JUDGE):
            weights[name] = np.zeros(shape, np.float32)
            continue
        gain = 0.3 if name.endswith(".told") else {"label": 1.0, "in": 1.0, "out": 0.7, "real": 1.0, "class": 1.0}.get(name, 1.4)
        fan_in = 1 if name == "label" else int(np.prod(shape[:-1]))
        weights[name] = (rng.standard_normal(shape) * (gain / np.sqrt(fan_in))).astype(np.float32)
    return weights


def generate(
    weights: Mapping[str, Any], z: Any, label: Any, *, frames: int, ops: Ops = NUMPY, convolutions: Convolutions = NUMPY_CONVOLUTIONS
) -> Any:
    """Spectrograms from random numbers.

    Parameters
    ----------
    weights : mapping of str to array
        As :class:`GeneratorSize` names them.
    z : array [shape=(n, latent), float32]
        Standard normal numbers; smaller ones stay nearer to what is typical.
    label : array [shape=(n,), int], 0 to n_labels
        Label of each; `n_labels` is "no label".
    frames : int
        Frames of a spectrogram.
    ops, convolutions : Ops, Convolutions
        Whose arrays they are.

    Returns
    -------
    x : array [shape=(n, frames, n_mels), float32], -1 to 1
    """
    told = ops.concat([z, _level(ops.rows(weights["label"], label), ops)], axis=-1)
    channels = weights["block0"].shape[1]
    h = ops.reshape(told @ weights["in"] + weights["in.bias"], (-1, weights["in"].shape[1] // channels, channels))
    for i in range(DOUBLINGS):
        h = _convolved(weights, f"block{i}", _told(weights, f"block{i}", h, told, ops), convolutions)
        h = convolutions.upsample(h, 2)
    h = _convolved(weights, "out", _told(weights, "out", h, told, ops), convolutions)
    return ops.tanh(h[:, :frames] + QUIET)


def _told(weights: Mapping[str, Any], name: str, h: Any, told: Any, ops: Ops) -> Any:
    """The level of each frame evened out, then scaled and moved by what the block is told (z and label), and LeakyReLU."""
    change = (told @ weights[f"{name}.told"] + weights[f"{name}.told.bias"])[:, None]
    half = weights[f"{name}.told"].shape[1] // 2
    return _leaky(_level(h, ops) * (1.0 + change[..., :half]) + change[..., half:], ops)


def _level(h: Any, ops: Ops) -> Any:
    return h / ops.sqrt(ops.mean(ops.square(h), axis=-1, keepdims=True) + 1e-6)


def _leaky(h: Any, ops: Ops) -> Any:
    return ops.maximum(h, SLOPE * h)


def _convolved(weights: Mapping[str, Any], name: str, h: Any, convolutions: Convolutions, *, stride: int = 1) -> Any:
    return convolutions.conv1d(h, weights[name], stride=stride) + weights[f"{name}.bias"]


def discriminate(
    weights: Mapping[str, Any], x: Any, label: Any, *, group: int, ops: Ops = NUMPY, convolutions: Convolutions = NUMPY_CONVOLUTIONS
) -> tuple[Any, Any]:
    """How real spectrograms look as clips of their label, and which label the discriminator itself would give them.

    Parameters
    ----------
    weights : mapping of str to array
        As :class:`DiscriminatorSize` names them.
    x : array [shape=(n, frames, bands), float32]
        What it looks at.
    label : array [shape=(n,), int], 0 to n_labels
        Claimed label of each; `n_labels` is "no label".
    group : int
        So many neighbours in the batch are shown their spread (:func:`group_statistics`); 1: none are.
    ops, convolutions : Ops, Convolutions
        Whose arrays they are.

    Returns
    -------
    logits : array [shape=(n,)]
        Above 0: real.
    classes : array [shape=(n, n_labels + 1)]
        Logits of the labels.

    References
    ----------
    .. [1] T. Miyato and M. Koyama, "cGANs with projection discriminator", ICLR 2018.
    .. [2] A. Odena, C. Olah and J. Shlens, "Conditional image synthesis with auxiliary classifier GANs", ICML 2017.
    """
    h = x
    for i in range(HALVINGS):
        h = _leaky(_convolved(weights, f"block{i}", h, convolutions, stride=2), ops)
    parts = [ops.reshape(h, (-1, h.shape[1] * h.shape[2]))]
    if group > 1:
        parts.append(group_statistics(h, group=group, ops=ops))
    h = _leaky(ops.concat(parts, axis=-1) @ weights["judge"] + weights["judge.bias"], ops)
    claimed = ops.sum(h * ops.rows(weights["label"], label), axis=-1) / float(np.sqrt(JUDGE))
    return (h @ weights["real"] + weights["real.bias"])[:, 0] + claimed, h @ weights["class"] + weights["class.bias"]


def group_statistics(h: Any, *, group: int, ops: Ops = NUMPY) -> Any:
    """How much neighbours in a batch differ, channel by channel: small where a generator says the same again and again.

    Parameters
    ----------
    h : array [shape=(n, t, c)]
        Features of a batch, `n` a multiple of `group`.
    group : int >= 1
        Neighbours that are compared.

    Returns
    -------
    spread : array [shape=(n, c)]
        Standard deviation within the group, mean over time; the same for all of a group.

    References
    ----------
    .. [1] T. Karras et al., "Progressive growing of GANs for improved quality, stability, and variation", ICLR 2018 (for the whole batch).

    Examples
    --------
    >>> h = np.array([0.0, 2.0, 5.0, 5.0]).reshape(4, 1, 1)
    >>> group_statistics(h, group=2)[:, 0].round(3)
    array([1.  , 1.  , 0.01, 0.01])
    """
    t, c = h.shape[1:]
    members = ops.reshape(h, (-1, group, t, c))
    variance = ops.mean(ops.square(members - ops.mean(members, axis=1, keepdims=True)), axis=1)
    spread = ops.mean(ops.sqrt(variance + 1e-4), axis=1)
    return ops.reshape(ops.concat([spread[:, None]] * group, axis=1), (-1, c))


def spectral_norm(W: np.ndarray, *, steps: int) -> float:
    """Largest singular value of a matrix, by power iteration: how much it can lengthen a vector.

    Parameters
    ----------
    W : np.ndarray [shape=(..., d)]
        A matrix, or the taps of a convolution, which are read as one of `d` columns.
    steps : int >= 1
        Rounds.

    Returns
    -------
    norm : float >= 0
        Never more than the true value.

    References
    ----------
    .. [1] T. Miyato et al., "Spectral normalization for generative adversarial networks", ICLR 2018.

    Examples
    --------
    >>> round(spectral_norm(np.diag([3.0, 1.0]), steps=20), 6)
    3.0
    """
    W = check_array(W, name="W")
    W = W.reshape(-1, W.shape[-1])
    u = np.ones(W.shape[1]) / np.sqrt(W.shape[1])
    for _ in range(check_integer(steps, name="steps", low=1)):
        u, norm = power_step(W, u, ops=NUMPY)
    return float(norm)


def power_step(W: Any, u: Any, *, ops: Ops) -> tuple[Any, Any]:
    """One round of power iteration for a matrix `W` (m, d) from a guess `u` (d,): a better guess, and the norm that it finds."""
    v = ops.sum(W * u, axis=-1)
    v = v / ops.sqrt(ops.sum(ops.square(v)) + 1e-12)
    w = ops.sum(W * v[:, None], axis=0)
    norm = ops.sqrt(ops.sum(ops.square(w)) + 1e-12)
    return w / norm, norm
