"""The networks of the variational autoencoder: convolutions over time around a linear code, as pure functions for numpy and TensorFlow.

Chapter: chapters/methods/vae.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers.deep import convolutions, operations
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.convolutions import Convolutions, tensorflow_convolutions
from audiogen_helpers.deep.losses import gaussian_kl, gaussian_log_density, laplace_log_density
from audiogen_helpers.deep.operations import Ops, tensorflow_ops
from audiogen_helpers.deep.pca import Pca

__all__ = ["NUMPY", "Kit", "VaeSize", "climb", "decode", "descend", "elbo", "encode", "initial_weights", "tensorflow_kit"]

LEVELS = 3
TAPS = 5
# Bounds of log variances, and the least log scale: nothing that is learned from sound comes near.
LOWEST, HIGHEST, SHARPEST = -12.0, 6.0, -6.0


@dataclass(frozen=True)
class Kit:
    """The operations and convolutions of one library, and how it turns a matrix."""

    ops: Ops
    convolve: Convolutions
    turned: Callable[[Any], Any]


NUMPY = Kit(operations.NUMPY, convolutions.NUMPY, np.transpose)


def tensorflow_kit() -> Kit:
    """The same operations on tensors."""
    return Kit(tensorflow_ops(), tensorflow_convolutions(), tensorflow().transpose)


@dataclass(frozen=True, kw_only=True)
class VaeSize:
    """Sizes of both networks.

    Attributes
    ----------
    frames, bands : int
        Of a spectrogram.
    components : int
        Numbers in a code.
    width : int
        Channels of the convolutions.
    n_labels : int
        Labels; row `n_labels` of the table stands for "no label".
    """

    frames: int
    bands: int
    components: int
    width: int
    n_labels: int

    @property
    def short(self) -> int:
        """Frames that are left after three halvings.

        Examples
        --------
        >>> VaeSize(frames=65, bands=64, components=8, width=16, n_labels=0).short
        9
        """
        return -(-self.frames // 2**LEVELS)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every array, in a fixed order."""
        k, w, d = self.components, self.width, self.frames * self.bands
        shapes: dict[str, tuple[int, ...]] = {"pca.mean": (d,), "pca.basis": (k, d), "pca.scale": (k,)}
        for i in range(LEVELS):
            shapes |= {f"down{i}": (TAPS, w if i else self.bands, w), f"down{i}.bias": (w,)}
        shapes |= {"encoder.out": (self.short * w, 2 * k), "encoder.gain": (k,), "encoder.mean": (k,), "encoder.log_variance": (k,)}
        shapes |= {"decoder.in": (k, self.short * w), "decoder.label": (self.n_labels + 1, w)}
        for i in range(LEVELS):
            shapes |= {f"up{i}": (TAPS, w, w), f"up{i}.bias": (w,)}
        return shapes | {"decoder.out": (TAPS, w, self.bands), "decoder.bias": (self.bands,), "log_scale": (self.bands,)}


def initial_weights(
    size: VaeSize, pca: Pca, *, noise: float, log_scale: np.ndarray, rng: np.random.Generator, linear: bool = True
) -> dict[str, np.ndarray]:
    """Arrays to start from: the convolutions add nothing yet, and the code is that of probabilistic principal components.

    Parameters
    ----------
    size : VaeSize
        Sizes.
    pca : Pca
        The linear code of rows ``(frames * bands)``, whitened.
    noise : float > 0
        Variance that the linear code leaves in each number of a row.
    log_scale : np.ndarray [shape=(bands,)]
        Of what the linear code leaves, band by band.
    rng : np.random.Generator
        Of the convolutions.
    linear : bool
        False leaves all but the mean to the convolutions: the linear picture is empty, and the code begins as noise.

    References
    ----------
    M. Tipping and C. Bishop (1999), Probabilistic principal component analysis, J. Royal Statistical Society B 61(3).
    """
    weights: dict[str, np.ndarray] = {}
    for name, shape in size.shapes().items():
        gain = 0.0 if len(shape) == 1 or name.endswith(".out") else 0.3 if name == "decoder.label" else 1.4
        gain = 1.0 if name == "encoder.out" and not linear else gain
        weights[name] = (rng.standard_normal(shape) * (gain / np.prod(shape[:-1]) ** 0.5)).astype(np.float32)
    weights["decoder.label"] *= np.float32(size.n_labels + 1) ** 0.5
    weights |= {"pca.mean": pca.mean, "pca.basis": pca.basis, "pca.scale": pca.scale, "log_scale": log_scale.astype(np.float32)}
    if not linear:
        return weights | {"pca.basis": np.zeros_like(pca.basis)}
    variance = pca.scale.astype(np.float64) ** 2
    kept, log_variance = variance / (variance + noise), np.log(noise / (variance + noise))
    return weights | {"encoder.gain": kept.astype(np.float32), "encoder.log_variance": log_variance.astype(np.float32)}


def descend(weights: Mapping[str, Any], x: Any, *, kit: Kit) -> Any:
    """Convolutions ``down0``, ``down1``, ... over time, each of which halves the frames: ``(n, t, bands)`` -> ``(n, t / 8, width)``."""
    level = 0
    while f"down{level}" in weights:
        x = kit.ops.silu(kit.convolve.conv1d(x, weights[f"down{level}"], stride=2) + weights[f"down{level}.bias"])
        level += 1
    return x


def climb(weights: Mapping[str, Any], h: Any, *, kit: Kit) -> Any:
    """Convolutions ``up0``, ``up1``, ... over time, before each of which every frame is doubled; the last, ``decoder.out``, gives bands."""
    level = 0
    while f"up{level}" in weights:
        h = kit.convolve.upsample(kit.ops.silu(h), 2)
        h = h + kit.convolve.conv1d(h, weights[f"up{level}"]) + weights[f"up{level}.bias"]
        level += 1
    return kit.convolve.conv1d(kit.ops.silu(h), weights["decoder.out"]) + weights["decoder.bias"]


def encode(weights: Mapping[str, Any], x: Any, *, kit: Kit) -> tuple[Any, Any]:
    """What the code of a spectrogram may be: a normal distribution.

    Parameters
    ----------
    weights : mapping of str to array
        As :func:`initial_weights` names them.
    x : array [shape=(n, frames, bands), float32]
        Spectrograms, time first.
    kit : Kit
        :data:`NUMPY` or :func:`tensorflow_kit`.

    Returns
    -------
    mean, log_variance : array [shape=(n, components), float32]
        The linear code plus what the convolutions correct; log variance is from -12 to 6.
    """
    ops, (k, d) = kit.ops, weights["pca.basis"].shape
    linear = ops.reshape(x, (-1, d)) - weights["pca.mean"]
    linear = (linear @ kit.turned(weights["pca.basis"])) / weights["pca.scale"]
    h = descend(weights, x, kit=kit)
    out = ops.reshape(h, (-1, weights["encoder.out"].shape[0])) @ weights["encoder.out"]
    mean = weights["encoder.gain"] * linear + out[:, :k] + weights["encoder.mean"]
    log_variance = out[:, k:] + weights["encoder.log_variance"]
    return mean, ops.minimum(ops.maximum(log_variance, LOWEST), HIGHEST)


def decode(weights: Mapping[str, Any], z: Any, label: Any, *, frames: int, kit: Kit) -> Any:
    """Spectrograms ``(n, frames, bands)`` from codes ``(n, components)`` and labels ``(n,)``: the linear picture plus a correction.

    `label` may also be rows ``(n, n_labels + 1)`` of weights that sum to 1: a mixture of labels.
    """
    ops, table = kit.ops, weights["decoder.label"]
    told = ops.rows(table, label) if len(label.shape) == 1 else label @ table
    width, bands = table.shape[1], weights["decoder.bias"].shape[0]
    h = ops.reshape(z @ weights["decoder.in"], (-1, weights["decoder.in"].shape[1] // width, width)) + told[:, None, :]
    linear = (z * weights["pca.scale"]) @ weights["pca.basis"] + weights["pca.mean"]
    return ops.reshape(linear, (-1, frames, bands)) + climb(weights, h, kit=kit)[:, :frames]


def elbo(weights: Mapping[str, Any], x: Any, label: Any, noise: Any, *, likelihood: str, kit: Kit) -> tuple[Any, Any, Any]:
    """The two terms of the evidence lower bound, and the picture that the first looks at.

    Parameters
    ----------
    weights : mapping of str to array
        As :func:`initial_weights` names them.
    x : array [shape=(n, frames, bands)]
        Spectrograms.
    label : array [shape=(n,), int]
        What the decoder is told.
    noise : array [shape=(n, components)]
        Standard normal: the code is ``mean + deviation * noise``, so that slopes pass through it.
    likelihood : {'laplace', 'gaussian'}
        How the decoder's picture may be wrong.
    kit : Kit
        :data:`NUMPY` or :func:`tensorflow_kit`.

    Returns
    -------
    log_density : array [shape=(n,)], nats
        Of each spectrogram, given its code.
    kl : array [shape=(n, components)], nats
        Divergence of each number's posterior from the standard normal distribution. The bound is ``log_density - sum(kl)``.
    y : array [shape=(n, frames, bands)]
        What the decoder draws.

    References
    ----------
    D. P. Kingma and M. Welling (2014), Auto-encoding variational Bayes, ICLR.
    """
    ops = kit.ops
    mean, log_variance = encode(weights, x, kit=kit)
    z = mean + ops.exp(0.5 * log_variance) * noise
    y = decode(weights, z, label, frames=x.shape[1], kit=kit)
    scale = ops.maximum(weights["log_scale"], SHARPEST)
    density = laplace_log_density(x, y, scale, ops=ops) if likelihood == "laplace" else gaussian_log_density(x, y, 2.0 * scale, ops=ops)
    return ops.sum(density, axis=(1, 2)), gaussian_kl(mean, log_variance, ops=ops), y
