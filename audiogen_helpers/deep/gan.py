"""The document's generative adversarial network of dense layers, with Keras' own settings of Adam, under which it collapses.

That is its lesson, so it is kept. With ``beta_1=0.5`` it does not collapse, and does not speak either.

Chapter: chapters/practice/training.ipynb
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_shapes, show
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import normal, replicas
from audiogen_helpers.deep.models import check_settings
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.deep.trainer import epoch_batches
from audiogen_helpers.errors import ParameterError

__all__ = ["DenseGan", "DenseGanTraining", "discriminator", "generator_network"]

GENERATOR_LAYERS = (256, 512, 1024)
DISCRIMINATOR_LAYERS = (512, 256)
SLOPE = 0.2


def generator_network(shape: tuple[int, int], *, latent: int = 100, seed: int) -> Any:
    """The document's generator: dense layers of 256, 512 and 1024 with LeakyReLU, then ``tanh`` in the features' shape.

    Parameters
    ----------
    shape : tuple (n_mels, frames)
        Of a spectrogram; the document's is (128, 128).
    latent : int > 0
        Random numbers that come in.
    seed : int >= 0
        Of the starting weights.

    Returns
    -------
    network : keras.Sequential
        ``(n, latent)`` -> ``(n, n_mels, frames)``, -1 to 1.

    Examples
    --------
    >>> generator_network((128, 128), seed=0).output_shape
    (None, 128, 128)
    """
    layers = [*_dense(GENERATOR_LAYERS, seed), *_dense((shape[0] * shape[1],), seed + 100, last="tanh"), _keras().layers.Reshape(shape)]
    return _keras().Sequential([_keras().Input((latent,)), *layers], name="generator")


def discriminator(shape: tuple[int, int], *, seed: int) -> Any:
    """The document's discriminator: the spectrogram as one vector, dense layers of 512 and 256 with LeakyReLU, one ``sigmoid``.

    Parameters
    ----------
    shape : tuple (n_mels, frames)
        Of a spectrogram.
    seed : int >= 0
        Of the starting weights.

    Returns
    -------
    network : keras.Sequential
        ``(n, n_mels, frames)`` -> ``(n, 1)``: how probably each is real.

    Examples
    --------
    >>> discriminator((64, 64), seed=0).output_shape
    (None, 1)
    """
    layers = [_keras().layers.Flatten(), *_dense(DISCRIMINATOR_LAYERS, seed), *_dense((1,), seed + 100, last="sigmoid")]
    return _keras().Sequential([_keras().Input(shape), *layers], name="discriminator")


class DenseGan:
    """A trained generator: samples features of clips, without labels. Needs numpy only.

    Parameters
    ----------
    weights : sequence of np.ndarray
        Kernel and bias of each dense layer in turn.
    shape : tuple (n_mels, frames)
        Of the features.
    settings : mapping
        All settings of the model.
    """

    n_labels = 0

    def __init__(self, weights: Sequence[np.ndarray], *, shape: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.weights, self.shape, self.settings = list(weights), shape, dict(settings)

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> DenseGanTraining:
        """A new model for features `X` ``(n, n_mels, frames)``; labels play no part."""
        return DenseGanTraining(X, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The generator's weights, by name; the discriminator has done its work."""
        return {f"dense{i // 2}.{('kernel', 'bias')[i % 2]}": array for i, array in enumerate(self.weights)}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> DenseGan:
        """The generator that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("gan-dense", settings)
        sizes = (settings["latent"], *GENERATOR_LAYERS, shape[0] * shape[1])
        wanted: dict[str, tuple[int, ...]] = {}
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
            wanted |= {f"dense{i}.kernel": (fan_in, fan_out), f"dense{i}.bias": (fan_out,)}
        check_shapes(arrays, wanted)
        return cls([arrays[name].astype(np.float32) for name in wanted], shape=shape, settings=settings)

    def sample(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
        """New features ``(n, n_mels, frames)`` float32, -1 to 1; one for each of `labels`, which must be -1 (none)."""
        if options:
            raise ParameterError(f"gan-dense has no sampling options; received {next(iter(options))!r}")
        labels = np.asarray(labels)
        if labels.ndim != 1 or (labels != -1).any():
            raise ParameterError(f"labels must be -1 (gan-dense learns no labels); received {show(labels.tolist())}")
        h = generator(check_seed(seed)).standard_normal((len(labels), self.settings["latent"]), dtype=np.float32)
        for kernel, bias in zip(self.weights[::2], self.weights[1::2], strict=True):
            h = h @ kernel + bias
            h = np.tanh(h) if bias is self.weights[-1] else np.maximum(h, np.float32(SLOPE) * h)
        return h.reshape(-1, *self.shape)


class DenseGanTraining:
    """The two networks while they learn from each other: see :class:`audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    X : np.ndarray or Rows [shape=(n, n_mels, frames)]
        Features, -1 to 1; of :class:`audiogen_helpers.deep.streaming.Rows` only a batch at a time is in memory.
    seed : int >= 0
        Of the starting weights and the order of the clips.
    """

    def __init__(self, X: np.ndarray, *, seed: int, **settings: Any) -> None:
        self.settings = check_settings("gan-dense", settings)
        self._X = X if isinstance(X, Rows) else check_array(X, name="X", ndim=3).astype(np.float32, copy=False)
        self.shape, seed = (int(X.shape[1]), int(X.shape[2])), check_seed(seed)
        self.generator = generator_network(self.shape, latent=self.settings["latent"], seed=2 * seed)
        self.discriminator = discriminator(self.shape, seed=2 * seed + 1)
        rate, beta_1 = self.settings["learning_rate"], self.settings["beta_1"]
        self._optimizers = [_keras().optimizers.Adam(rate, beta_1=beta_1) for _ in range(2)]
        for optimizer, network in zip(self._optimizers, (self.generator, self.discriminator), strict=True):
            optimizer.build(network.trainable_variables)
        self._indices_at = epoch_batches(len(X), batch_size=self.settings["batch_size"], seed=seed)

    @property
    def variables(self) -> list[Any]:
        """Both networks' weights and both optimizers' state."""
        return [v for part in (self.generator, self.discriminator, *self._optimizers) for v in part.variables]

    def plan(self, steps: int) -> None:
        """Nothing depends on the length of the run."""

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Real spectrograms of a step."""
        return {"real": self._X[self._indices_at(step)]}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """The discriminator learns to tell a real batch from a generated one; then the generator learns to be called real."""
        tf = tensorflow()
        real, n = batch["real"], tf.shape(batch["real"])[0]
        seeds = tf.random.split(seed, 2)
        fake = self.generator(normal([n, self.settings["latent"]], seeds[0]))
        with tf.GradientTape() as tape:
            d_loss = (self._entropy(1.0, self.discriminator(real)) + self._entropy(0.0, self.discriminator(fake))) / 2
        self._update(1, tape.gradient(d_loss, self.discriminator.trainable_variables))
        with tf.GradientTape() as tape:
            verdict = self.discriminator(self.generator(normal([n, self.settings["latent"]], seeds[1])))
            g_loss = self._entropy(1.0, verdict)
        self._update(0, tape.gradient(g_loss, self.generator.trainable_variables))
        return {"d_loss": d_loss, "g_loss": g_loss}

    def finish(self) -> DenseGan:
        """The generator."""
        return DenseGan([v.numpy() for v in self.generator.trainable_variables], shape=self.shape, settings=self.settings)

    def _update(self, which: int, gradients: Sequence[Any]) -> None:
        network = (self.generator, self.discriminator)[which]
        if replicas() > 1:
            gradients = [gradient / replicas() for gradient in gradients]  # Keras adds up what it gets from the devices
        self._optimizers[which].apply_gradients(zip(gradients, network.trainable_variables, strict=True))

    @staticmethod
    def _entropy(truth: float, verdict: Any) -> Any:
        tf, keras = tensorflow(), _keras()
        return tf.reduce_mean(keras.losses.binary_crossentropy(tf.fill(tf.shape(verdict), truth), verdict))


def _dense(sizes: Sequence[int], seed: int, *, last: str | None = None) -> list[Any]:
    """Dense layers, each followed by LeakyReLU or by the activation `last`."""
    layers = _keras().layers
    made: list[Any] = []
    for i, size in enumerate(sizes):
        start = _keras().initializers.GlorotUniform(seed=(seed + 1000 * i) % 2**31)
        made += [layers.Dense(size, kernel_initializer=start), layers.Activation(last) if last else layers.LeakyReLU(negative_slope=SLOPE)]
    return made


def _keras() -> Any:
    tensorflow()
    import keras

    return keras
