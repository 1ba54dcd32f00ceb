"""Conditional flow matching on a linear code of the log-mel spectrogram: the generator that speaks.

A network learns the velocity that carries random codes to codes of real clips along straight lines; sampling follows it.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, show
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import normal, uniform
from audiogen_helpers.deep.models import check_settings
from audiogen_helpers.deep.network import NUMPY, NetworkSize, initial_weights, tensorflow_ops, velocity
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.pca import Pca, fit_pca, some_rows
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.errors import ModelError, ParameterError

__all__ = ["Flow", "FlowTraining", "follow"]

# 2 dB above an 80 dB floor. Features nearer to the floor become the floor; and where all frames to come are nearer to it on the
# mean over their bands, the clip has ended. Without this the code's ripple would go on as hiss after the last word.
SILENT = -0.95
CHUNK = 512


def follow(field: Callable[[np.ndarray, float], np.ndarray], x: np.ndarray, *, steps: int) -> np.ndarray:
    """Follow the velocity `field` from time 0 to 1, by Heun's method (the last step is Euler's).

    Parameters
    ----------
    field : callable
        ``field(x, t)`` -> velocity, of the shape of `x`.
    x : np.ndarray
        Where the paths begin.
    steps : int >= 1
        Equal steps of time.

    Returns
    -------
    x : np.ndarray
        Where they end. The error falls with the number of steps: with ``v = x`` from 1, 100 steps come within 2e-4 of *e*.

    Examples
    --------
    >>> bool(abs(follow(lambda x, t: x, np.array([1.0]), steps=100)[0] - np.e) < 2e-4)
    True
    """
    h = np.float32(1.0 / check_integer(steps, name="steps", low=1))
    for k in range(steps):
        v = field(x, k / steps)
        if k < steps - 1:
            v = (v + field(x + h * v, (k + 1) / steps)) / 2
        x = x + h * v
    return x


class Flow:
    """A trained flow: samples features of clips, with or without labels. Needs numpy only.

    Parameters
    ----------
    pca : Pca
        The code.
    weights : mapping of str to np.ndarray
        Of the network.
    shape : tuple (n_mels, frames)
        Of the features.
    n_labels : int >= 0
        Labels it knows.
    settings : mapping
        All settings of the model.
    """

    def __init__(
        self, pca: Pca, weights: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]
    ) -> None:
        self.pca, self.weights = pca, dict(weights)
        self.shape, self.n_labels, self.settings = shape, n_labels, dict(settings)

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> FlowTraining:
        """A new model for features `X` ``(n, n_mels, frames)`` and label indices ``(n,)`` (-1: none)."""
        return FlowTraining(X, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The code and the weights, by name."""
        return {"pca.mean": self.pca.mean, "pca.basis": self.pca.basis, "pca.scale": self.pca.scale, **self.weights}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> Flow:
        """The flow that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("flow", settings)
        k, d = settings["components"], shape[0] * shape[1]
        size = NetworkSize(components=k, width=settings["width"], blocks=settings["blocks"], n_labels=n_labels)
        wanted = {"pca.mean": (d,), "pca.basis": (k, d), "pca.scale": (k,), **size.shapes()}
        found = {name: array.shape for name, array in arrays.items()}
        if found != wanted:
            different = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))[0]
            raise ModelError(f"weights {different} must have shape {wanted.get(different)}; received {found.get(different)}")
        cleaned = {name: array.astype(np.float32) for name, array in arrays.items()}
        pca = Pca(*(cleaned.pop(f"pca.{part}") for part in ("mean", "basis", "scale")))
        return cls(pca, cleaned, shape=shape, n_labels=n_labels, settings=settings)

    def sample(
        self, labels: np.ndarray, *, seed: int, guidance: float | None = None, sample_steps: int | None = None, **options: Any
    ) -> np.ndarray:
        """New features.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,), int]
            Label index of each, or -1 for none.
        seed : int >= 0
            Same seed, same features.
        guidance : float >= 0, optional
            How far to lean towards the label: 1 follows what was learned, more is clearer and less varied.
        sample_steps : int >= 1, optional
            Steps from noise to sound.

        Returns
        -------
        X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        if options:
            raise ParameterError(f"options of flow must be among guidance, sample_steps; received {next(iter(options))!r}")
        asked = {"guidance": guidance, "sample_steps": sample_steps}
        settings = check_settings("flow", {**self.settings, **{name: value for name, value in asked.items() if value is not None}})
        labels = np.asarray(labels)
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or (labels.size and not -1 <= labels.min() <= labels.max() < self.n_labels):
            raise ParameterError(f"labels must be whole numbers from -1 to {self.n_labels - 1}; received {show(labels.tolist())}")
        noise = generator(check_seed(seed)).standard_normal((len(labels), len(self.pca.scale)), dtype=np.float32)
        parts = [slice(start, start + CHUNK) for start in range(0, len(labels), CHUNK)]
        codes = [self._codes(noise[part], labels[part], settings) for part in parts]
        X = np.concatenate([self.pca.decode(z) for z in codes]) if codes else np.empty((0, self.shape[0] * self.shape[1]), np.float32)
        return _quiet_end(np.clip(X, -1.0, 1.0).astype(np.float32).reshape(-1, *self.shape))

    def _codes(self, noise: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
        nothing = np.full(len(labels), self.n_labels)
        known = np.where(labels < 0, nothing, labels)
        guidance = np.float32(settings["guidance"])

        def field(x: np.ndarray, t: float) -> np.ndarray:
            time = np.full(len(x), t, dtype=np.float32)
            v = velocity(self.weights, x, time, known, ops=NUMPY)
            if guidance == 1.0 or self.n_labels < 2 or (labels < 0).all():
                return v
            free = velocity(self.weights, x, time, nothing, ops=NUMPY)
            return free + guidance * (v - free)

        return follow(field, noise, steps=settings["sample_steps"])


def _quiet_end(X: np.ndarray) -> np.ndarray:
    """Features with silence where they are near the floor, and after the last frame that is not (on the mean of its bands)."""
    sounding = X.mean(axis=1) > SILENT
    goes_on = np.cumsum(sounding[:, ::-1], axis=1)[:, ::-1] > 0
    return np.where(goes_on[:, None, :] & (X >= SILENT), X, np.float32(-1.0))


def _flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1)


class FlowTraining:
    """A flow while it learns: see :class:`audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    X : np.ndarray or Rows [shape=(n, n_mels, frames)], n >= 2
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
        X = X if isinstance(X, Rows) else check_array(X, name="X", ndim=3)
        self.settings = check_settings("flow", settings)
        self.n_labels, self.shape = check_integer(n_labels, name="n_labels", low=0), (int(X.shape[1]), int(X.shape[2]))
        self._X = X
        self._labels = np.where(labels < 0, self.n_labels, labels).astype(np.int32)
        pca = fit_pca(
            _flat(some_rows(X)), components=self.settings["components"], whitening=self.settings["whitening"], rng=check_seed(seed)
        )
        self.settings["components"] = len(pca.scale)
        size = NetworkSize(components=len(pca.scale), width=self.settings["width"], blocks=self.settings["blocks"], n_labels=self.n_labels)
        start = initial_weights(size, np.random.default_rng(seed))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in start.items()}
        self._pca = [tf.Variable(part, trainable=False) for part in (pca.mean, pca.basis, pca.scale)]
        self._adam = Adam(list(self._weights.values()), beta_2=0.99)
        self._ops = tensorflow_ops()
        self._indices_at = epoch_batches(len(X), batch_size=self.settings["batch_size"], seed=seed)
        self._codes: np.ndarray | None = None
        self._pca_now: Pca | None = None
        self._steps = 1

    @property
    def variables(self) -> list[Any]:
        """Weights, their averages, the optimizer's state, and the code (so that a resumed run has the very same)."""
        return [*self._weights.values(), *self._averages.values(), *self._adam.variables, *self._pca]

    def plan(self, steps: int) -> None:
        """Fix the length of the run."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Codes and labels of a step, and where the schedules are."""
        chosen, step = self._indices_at(step), min(step, self._steps - 1)
        rate = warm_cosine(step, steps=self._steps, peak=self.settings["learning_rate"])
        return {
            "x": self._encoded(chosen),
            "label": self._labels[chosen],
            "rate": np.float32(rate),
            "decay": np.float32(ema_decay(step, steps=self._steps)),
        }

    def _encoded(self, chosen: np.ndarray) -> np.ndarray:
        """Codes of the chosen clips; the code is read here and not earlier, because a resumed run has its own only now."""
        if self._pca_now is None:
            self._pca_now = self._code()
        if isinstance(self._X, Rows):
            return self._pca_now.encode(_flat(self._X[chosen])).astype(np.float32)
        if self._codes is None:
            self._codes = self._pca_now.encode(_flat(self._X)).astype(np.float32)
        return self._codes[chosen]

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update of the network towards straight paths from noise to the batch."""
        tf = tensorflow()
        weights = list(self._weights.values())
        with tf.GradientTape() as tape:
            loss = self._loss(batch, seed)
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss}

    def _loss(self, batch: Mapping[str, Any], seed: Any) -> Any:
        """Mean square of ``v(x_t, t) - (x1 - x0)`` at ``x_t = (1 - t) x0 + t x1``, for noise x0 and random times t."""
        tf = tensorflow()
        x1 = batch["x"]
        seeds = tf.random.split(seed, 3)
        x0 = normal(tf.shape(x1), seeds[0])
        t = uniform(tf.shape(x1)[:1], seeds[1])
        hidden = uniform(tf.shape(t), seeds[2]) < self.settings["label_dropout"]
        label = tf.where(hidden, self.n_labels, batch["label"])
        v = velocity(self._weights, x0 + t[:, None] * (x1 - x0), t, label, ops=self._ops)
        return tf.reduce_mean(tf.square(v - (x1 - x0)))

    def finish(self) -> Flow:
        """The flow with the averaged weights."""
        weights = {name: value.numpy() for name, value in self._averages.items()}
        return Flow(self._code(), weights, shape=self.shape, n_labels=self.n_labels, settings=self.settings)

    def _code(self) -> Pca:
        return Pca(*(part.numpy() for part in self._pca))
