"""A convolutional, class-conditional GAN on log-mel spectrograms, with each cure of the collapse as a setting.

Chapter: chapters/methods/gan.ipynb
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_shapes
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.convolutions import tensorflow_convolutions
from audiogen_helpers.deep.distribution import add_to, normal, uniform
from audiogen_helpers.deep.gan_networks import DiscriminatorSize, GeneratorSize, discriminate, generate, initial_weights, power_step
from audiogen_helpers.deep.losses import cross_entropy, discriminator_loss, generator_loss, gradient_penalty
from audiogen_helpers.deep.models import check_labels, check_settings
from audiogen_helpers.deep.operations import tensorflow_ops
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.pca import fit_pca, some_rows
from audiogen_helpers.deep.silence import quiet_end
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.errors import ParameterError

__all__ = ["ConvGan", "ConvGanTraining", "grouped_batches"]

CHUNK = 512
LAZY = 8  # the penalty R1 is paid at every eighth step, eight times as high
FAINTEST = 0.85  # augmentation: a clip's picture is scaled towards silence by at most this


class ConvGan:
    """A trained generator: samples features of clips, with or without labels. Needs numpy only.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        As :class:`audiogen_helpers.deep.gan_networks.GeneratorSize` names them.
    shape : tuple (n_mels, frames)
        Of the features.
    n_labels : int >= 0
        Labels it knows.
    settings : mapping
        All settings of the model.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> None:
        self.weights, self.shape, self.n_labels, self.settings = dict(weights), shape, n_labels, dict(settings)

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> ConvGanTraining:
        """A new model for features `X` ``(n, n_mels, frames)`` and label indices ``(n,)`` (-1: none)."""
        return ConvGanTraining(X, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The generator's weights, by name; the discriminator has done its work."""
        return dict(self.weights)

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> ConvGan:
        """The generator that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("gan", settings)
        wanted = _generator_size(shape, n_labels, settings).shapes()
        check_shapes(arrays, wanted)
        return cls({name: arrays[name].astype(np.float32) for name in wanted}, shape=shape, n_labels=n_labels, settings=settings)

    def sample(self, labels: np.ndarray, *, seed: int, truncation: float | None = None, **options: Any) -> np.ndarray:
        """New features.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,), int]
            Label index of each; -1: any (one is drawn where the model knows labels).
        seed : int >= 0
            Same seed, same features.
        truncation : float >= 0, optional
            Size of the random numbers: below 1 clips are clearer and more alike, 0 is one clip for each label.

        Returns
        -------
        X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        if options:
            raise ParameterError(f"options of gan must be among truncation; received {next(iter(options))!r}")
        labels = check_labels(labels, n_labels=self.n_labels)
        rng = generator(check_seed(seed))
        z = rng.standard_normal((len(labels), self.settings["latent"]), dtype=np.float32)
        drawn = rng.integers(self.n_labels, size=len(labels)) if self.n_labels else np.zeros(len(labels), np.int64)
        return self.draw(z, np.where(labels < 0, drawn, labels), truncation=truncation)

    def draw(self, z: np.ndarray, labels: np.ndarray, *, truncation: float | None = None) -> np.ndarray:
        """Features ``(n, n_mels, frames)`` of given latent numbers `z` ``(n, latent)`` and labels ``(n,)``, which must be known."""
        asked = {} if truncation is None else {"truncation": truncation}
        z = np.float32(check_settings("gan", {**self.settings, **asked})["truncation"]) * np.asarray(z, np.float32)
        n_mels, frames = self.shape
        labels = labels if _labels_told(self.n_labels, self.settings) else np.zeros(len(z), np.int64)
        parts = [slice(start, start + CHUNK) for start in range(0, len(z), CHUNK)]
        made = [generate(self.weights, z[part], labels[part], frames=frames).astype(np.float32) for part in parts]
        x = np.concatenate(made) if made else np.empty((0, frames, n_mels), np.float32)
        return quiet_end(np.ascontiguousarray(x.transpose(0, 2, 1)))


def _generator_size(shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> GeneratorSize:
    return GeneratorSize(
        n_mels=shape[0], frames=shape[1], latent=settings["latent"], width=settings["width"], n_labels=_labels_told(n_labels, settings)
    )


def _labels_told(n_labels: int, settings: Mapping[str, Any]) -> int:
    """How many labels the networks are told of."""
    return 0 if settings["condition"] == "none" else n_labels


def grouped_batches(labels: np.ndarray, *, batch_size: int, group: int, seed: int) -> Callable[[int], np.ndarray]:
    """Which clips make up the batch of a step, clips of one label side by side: every epoch is a fresh order of fresh groups.

    Parameters
    ----------
    labels : np.ndarray [shape=(n,), int]
        Label of each clip.
    batch_size : int >= 1
        Clips of a batch, a multiple of `group`.
    group : int >= 1
        Clips of one label that stand together. A label that does not fill its last group lends some of its clips twice.
    seed : int >= 0
        Decides the order.

    Returns
    -------
    indices_at : callable
        ``indices_at(step)`` -> indices [shape=(batch_size,)], a pure function of `seed` and `step`.

    Raises
    ------
    ParameterError
        If `batch_size` is no multiple of `group`.

    Examples
    --------
    >>> labels = np.array([0, 1, 0, 1, 0, 1, 0])
    >>> labels[grouped_batches(labels, batch_size=6, group=2, seed=0)(0)].reshape(3, 2).std(axis=1).tolist()
    [0.0, 0.0, 0.0]
    """
    group = check_integer(group, name="group", low=1)
    if check_integer(batch_size, name="batch_size", low=1) % group:
        raise ParameterError(f"batch_size must be a multiple of group ({group}); received {batch_size}")
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    n_groups = sum(-(-len(clips) // group) for clips in members)
    groups_at = epoch_batches(n_groups, batch_size=batch_size // group, seed=seed)
    kept: dict[int, np.ndarray] = {}

    def epoch(e: int) -> np.ndarray:
        if e not in kept:
            for old in [k for k in kept if k < e - 1]:
                del kept[old]
            rng = np.random.default_rng(np.random.SeedSequence([seed, e, group]))
            kept[e] = np.concatenate([np.resize(rng.permutation(clips), (-(-len(clips) // group), group)) for clips in members])
        return kept[e]

    def indices_at(step: int) -> np.ndarray:
        count = batch_size // group
        epochs = np.arange(step * count, (step + 1) * count) // n_groups
        return np.concatenate([epoch(int(e))[g] for e, g in zip(epochs, groups_at(step), strict=True)])

    return indices_at


class ConvGanTraining:
    """The two networks while they learn from each other: see :class:`audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    X : np.ndarray or Rows [shape=(n, n_mels, frames)]
        Features, -1 to 1; of :class:`audiogen_helpers.deep.streaming.Rows` only a batch at a time is in memory.
    labels : np.ndarray [shape=(n,), int]
        Label index of each clip, -1 for none.
    n_labels : int >= 0
        How many labels there are.
    seed : int >= 0
        Of the starting weights and the order of the clips.
    """

    def __init__(self, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> None:
        tf = tensorflow()
        self.settings, seed = check_settings("gan", settings), check_seed(seed)
        self._X = X if isinstance(X, Rows) else check_array(X, name="X", ndim=3).astype(np.float32, copy=False)
        self.shape, self.n_labels = (int(X.shape[1]), int(X.shape[2])), check_integer(n_labels, name="n_labels", low=0)
        self._told = _labels_told(self.n_labels, self.settings)
        self._labels = np.where((labels < 0) | (labels >= self._told), self._told, labels).astype(np.int32)
        self._group = math.gcd(self.settings["batch_size"], self.settings["group"])
        code = fit_pca(_frames(some_rows(X)), components=self.shape[0], whitening=0.5, rng=seed)
        self._code = [tf.Variable(part, trainable=False) for part in (code.mean, (code.basis / code.scale[:, None]).T)]
        size = DiscriminatorSize(
            bands=len(code.scale), frames=self.shape[1], width=self.settings["width"], n_labels=self._told, group=self._group
        )
        rng = np.random.default_rng(seed)
        made = initial_weights(_generator_size(self.shape, self.n_labels, self.settings).shapes(), rng)
        self._maker = {name: tf.Variable(value, name=name) for name, value in made.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in made.items()}
        judged = initial_weights(size.shapes(), rng)
        self._judge = {name: tf.Variable(value, name=name) for name, value in judged.items()}
        self._guesses = {
            name: tf.Variable(np.full(value.shape[-1], value.shape[-1] ** -0.5, np.float32), trainable=False)
            for name, value in judged.items()
            if value.ndim > 1
        }
        self._adams = [Adam(list(part.values()), beta_1=self.settings["beta_1"], beta_2=0.99) for part in (self._maker, self._judge)]
        self._ops, self._convolutions = tensorflow_ops(), tensorflow_convolutions()
        self._indices_at = grouped_batches(self._labels, batch_size=self.settings["batch_size"], group=self._group, seed=seed)
        self._steps = 1

    @property
    def variables(self) -> list[Any]:
        """Both networks' weights, the generator's averages, the optimizers' state, the norms' guesses, and the code of frames."""
        networks = [*self._maker.values(), *self._averages.values(), *self._judge.values()]
        return [*networks, *(v for adam in self._adams for v in adam.variables), *self._guesses.values(), *self._code]

    def plan(self, steps: int) -> None:
        """Fix the length of the run: the rate falls over its second half."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Real spectrograms ``(n, frames, n_mels)`` and labels of a step, and where the schedules are."""
        chosen = self._indices_at(step)
        left = 1.0 - step / self._steps
        return {
            "real": self._X[chosen].transpose(0, 2, 1),
            "label": self._labels[chosen],
            "rate": np.float32(self.settings["learning_rate"] * max(0.02, min(1.0, 2.0 * left))),
            "decay": np.float32(min(self.settings["average"], (1.0 + step) / (10.0 + step))),
            "penalise": np.bool_(self.settings["penalty"] == "r1" and step % LAZY == 0),
        }

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """The discriminator learns to tell a real batch from a generated one; then the generator learns to be called real."""
        tf = tensorflow()
        seeds = tf.random.split(seed, 5)
        fake = self._made(batch, seeds[0])
        real, fake = self._changed(batch["real"], seeds[1]), self._changed(fake, seeds[2])
        if self.settings["penalty"] == "spectral":
            self._improve_guesses()
        d_loss, slopes = self._judge_slopes(real, fake, batch)
        self._adams[1].apply(slopes, rate=batch["rate"])
        with tf.GradientTape() as tape:
            logits, classes = self._judged(self._changed(self._made(batch, seeds[3]), seeds[4]), batch["label"])
            g_loss = generator_loss(logits, kind=self.settings["loss"], ops=self._ops)
            total = g_loss + self.settings["classifier_weight"] * self._label_loss(classes, batch["label"])
        self._adams[0].apply(tape.gradient(total, list(self._maker.values()), unconnected_gradients="zero"), rate=batch["rate"])
        update_ema(list(self._averages.values()), list(self._maker.values()), decay=batch["decay"])
        return {"d_loss": d_loss, "g_loss": g_loss}

    def finish(self) -> ConvGan:
        """The generator with the averaged weights."""
        weights = {name: value.numpy() for name, value in self._averages.items()}
        return ConvGan(weights, shape=self.shape, n_labels=self.n_labels, settings=self.settings)

    def _made(self, batch: Mapping[str, Any], seed: Any) -> Any:
        z = normal([tensorflow().shape(batch["label"])[0], self.settings["latent"]], seed)
        return generate(self._maker, z, batch["label"], frames=self.shape[1], ops=self._ops, convolutions=self._convolutions)

    def _judge_slopes(self, real: Any, fake: Any, batch: Mapping[str, Any]) -> tuple[Any, list[Any]]:
        """The discriminator's loss and its slopes, with the penalty where it is due."""

        def slopes(penalise: bool) -> tuple[Any, list[Any]]:
            with tensorflow().GradientTape() as tape:
                (real_logits, classes), (fake_logits, _) = self._judged(real, batch["label"]), self._judged(fake, batch["label"])
                loss = discriminator_loss(real_logits, fake_logits, kind=self.settings["loss"], ops=self._ops)
                total = loss + self._label_loss(classes, batch["label"])
                if penalise:
                    total += LAZY * self.settings["penalty_weight"] / 2.0 * self._steepness(real, batch["label"])
            return loss, tape.gradient(total, list(self._judge.values()), unconnected_gradients="zero")

        if self.settings["penalty"] != "r1":
            return slopes(False)
        return tensorflow().cond(batch["penalise"], lambda: slopes(True), lambda: slopes(False))

    def _steepness(self, real: Any, label: Any) -> Any:
        """R1: mean square of the slope of the discriminator's logit at real clips."""
        tf = tensorflow()
        with tf.GradientTape() as tape:
            tape.watch(real)
            score = tf.reduce_sum(self._judged(real, label)[0])
        return gradient_penalty(tape.gradient(score, real), target=0.0, ops=self._ops)

    def _judged(self, x: Any, label: Any) -> tuple[Any, Any]:
        weights = self._judge
        if self.settings["penalty"] == "spectral":
            weights = {name: self._unit_norm(name, value) for name, value in weights.items()}
        code = (x - self._code[0]) @ self._code[1]
        return discriminate(weights, code, label, group=self._group, ops=self._ops, convolutions=self._convolutions)

    def _unit_norm(self, name: str, value: Any) -> Any:
        tf = tensorflow()
        if name not in self._guesses or name == "label":
            return tf.convert_to_tensor(value)
        matrix = tf.reshape(value, [-1, value.shape[-1]])
        return value / power_step(matrix, self._guesses[name], ops=self._ops)[1]

    def _improve_guesses(self) -> None:
        for name, guess in self._guesses.items():
            value = self._judge[name]
            better, _ = power_step(tensorflow().reshape(value, [-1, value.shape[-1]]), guess, ops=self._ops)
            add_to(guess, better - guess)

    def _label_loss(self, classes: Any, label: Any) -> Any:
        """Surprise of the discriminator's own classifier at the labels; 0 without one."""
        tf = tensorflow()
        if self.settings["condition"] != "classifier" or self._told < 2:
            return tf.zeros(())
        known = tf.cast(label < self._told, tf.float32)
        return tf.reduce_mean(known * cross_entropy(classes, label, ops=self._ops))

    def _changed(self, x: Any, seed: Any) -> Any:
        """Clips delayed by up to `shift` frames, and fainter: real and generated ones alike, so that it teaches no fault."""
        tf, shift = tensorflow(), self.settings["shift"]
        if shift == 0:
            return x
        seeds, n = tf.random.split(seed, 2), tf.shape(x)[0]
        delay = tf.cast(uniform([n], seeds[0]) * (shift + 1.0), tf.int32)
        padded = tf.pad(x, [[0, 0], [shift, 0], [0, 0]], constant_values=-1.0)
        x = tf.gather(padded, tf.range(self.shape[1])[None] + shift - delay[:, None], batch_dims=1)
        return (x + 1.0) * (FAINTEST + (1.0 - FAINTEST) * uniform([n, 1, 1], seeds[1])) - 1.0


def _frames(X: np.ndarray) -> np.ndarray:
    return X.transpose(0, 2, 1).reshape(-1, X.shape[1])
