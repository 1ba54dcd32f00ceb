"""Conditional flow matching on a linear code of the log-mel spectrogram: the generator that speaks.

A network learns the velocity that carries random codes to codes of real clips along straight lines; sampling follows it.

Chapter: chapters/methods/flow.ipynb
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_number, check_shapes
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import normal, uniform
from audiogen_helpers.deep.models import check_labels, check_settings
from audiogen_helpers.deep.network import NUMPY, NetworkSize, initial_weights, tensorflow_ops, two_ends
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.pca import Pca, fit_pca, some_rows
from audiogen_helpers.deep.schedules import ema_decay, mix, predicted, warm_cosine
from audiogen_helpers.deep.silence import quiet_end
from audiogen_helpers.deep.solvers import follow
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.errors import ModelError, ParameterError

__all__ = ["Flow", "FlowTraining", "follow"]

CHUNK = 512
LEAST_SPREAD = 1e-3  # of a component: one that never moves is not to be divided by 0


class Flow:
    """A trained flow: samples features of clips, with or without labels. Needs numpy only.

    Parameters
    ----------
    pca : Pca
        The code.
    weights : mapping of str to np.ndarray
        Of the network, and ``spread``: the standard deviation of each component of the code.
    shape : tuple (n_mels, frames)
        Of the features.
    n_labels : int >= 0
        Labels it knows.
    settings : mapping
        All settings of the model.
    """

    name: ClassVar[str] = "flow"
    options: ClassVar[tuple[str, ...]] = ("guidance", "sample_steps", "solver")

    def __init__(
        self, pca: Pca, weights: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]
    ) -> None:
        self.pca, self.weights = pca, dict(weights)
        self.shape, self.n_labels, self.settings = shape, n_labels, dict(settings)

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> FlowTraining:
        """A new model for features `X` ``(n, n_mels, frames)`` and label indices ``(n,)`` (-1: none)."""
        return FlowTraining(X, labels, n_labels=n_labels, seed=seed, kind=cls, **settings)

    @property
    def path(self) -> str:
        """How noise and data are mixed on the way: one of :data:`audiogen_helpers.deep.schedules.PATHS`."""
        return self.settings.get("path", "straight")

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The code and the weights, by name."""
        return {"pca.mean": self.pca.mean, "pca.basis": self.pca.basis, "pca.scale": self.pca.scale, **self.weights}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> Flow:
        """The flow that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings(cls.name, settings)
        k, d = settings["components"], shape[0] * shape[1]
        size = NetworkSize(components=k, width=settings["width"], blocks=settings["blocks"], n_labels=n_labels)
        wanted = {"pca.mean": (d,), "pca.basis": (k, d), "pca.scale": (k,), "spread": (k,), **size.shapes()}
        check_shapes(arrays, wanted)
        cleaned = {name: array.astype(np.float32) for name, array in arrays.items()}
        if cleaned["spread"].min() <= 0.0:
            raise ModelError(f"weights spread must be > 0; received {float(cleaned['spread'].min()):g}")
        pca = Pca(*(cleaned.pop(f"pca.{part}") for part in ("mean", "basis", "scale")))
        return cls(pca, cleaned, shape=shape, n_labels=n_labels, settings=settings)

    def sample(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
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
        solver : str, optional
            How a step is made: see :func:`follow`.

        Returns
        -------
        X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        settings, labels = self._asked(options), self._known(labels)
        dice = generator(check_seed(seed))
        noise = dice.standard_normal((len(labels), len(self.pca.scale)), dtype=np.float32)
        return self._made(noise, labels, settings, dice, start=0.0)

    def edit(self, X: np.ndarray, labels: np.ndarray, *, seed: int, time: float, **options: Any) -> np.ndarray:
        """Features made over: mixed with noise as at `time` on the path, and followed from there, perhaps to another label.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_mels, frames)], -1 to 1
            Features of clips.
        labels : np.ndarray [shape=(n,), int]
            What they are to become; -1 for nothing in particular.
        seed : int >= 0
            Of the noise.
        time : float, 0 to 1
            1 changes nothing, 0 forgets everything. `sample_steps` is for the whole way, of which this is a part.
        options
            As for :meth:`sample`.

        Returns
        -------
        X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1

        References
        ----------
        C. Meng et al. (2022), SDEdit: guided image synthesis and editing with stochastic differential equations, ICLR.
        """
        settings, labels, dice = self._asked(options), self._known(labels), generator(check_seed(seed))
        time, codes = check_number(time, name="time", low=0.0, high=1.0), self.encode(X)
        if len(codes) != len(labels):
            raise ParameterError(f"labels must have one number per clip of X, {len(codes)}; received {len(labels)}")
        noise = dice.standard_normal(codes.shape, dtype=np.float32)
        begun = mix(codes, noise, np.float32(time), path=self.path).astype(np.float32)
        return self._made(begun, labels, settings, dice, start=time)

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Codes ``(n, components)`` of features ``(n, n_mels, frames)``."""
        X = check_array(X, name="X", ndim=3)
        if X.shape[1:] != self.shape:
            raise ParameterError(f"X must have features of shape {self.shape}; received an array of shape {X.shape}")
        return self.pca.encode(_flat(X)).astype(np.float32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Features ``(n, n_mels, frames)`` from codes, -1 to 1, and silent where they are near the floor or the clip has ended."""
        if not len(codes):
            return np.empty((0, *self.shape), dtype=np.float32)
        return quiet_end(np.clip(self.pca.decode(codes), -1.0, 1.0).astype(np.float32).reshape(-1, *self.shape))

    def ends(self, labels: np.ndarray, *, guidance: float | None = None) -> Callable[[np.ndarray, float], tuple[np.ndarray, np.ndarray]]:
        """``ends(x, t)`` -> data and noise that codes `x` seem to be made of at time `t`, on their way to `labels`."""
        labels, nothing = self._known(labels), np.full(len(labels), self.n_labels)
        known = np.where(labels < 0, nothing, labels)
        lean = np.float32(self._asked({} if guidance is None else {"guidance": guidance})["guidance"])

        def believed(x: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
            time = np.full(len(x), t, dtype=np.float32)
            with_label = two_ends(self.weights, x, time, known, path=self.path, ops=NUMPY)
            if lean == 1.0 or self.n_labels < 2 or (labels < 0).all():
                return with_label
            without = two_ends(self.weights, x, time, nothing, path=self.path, ops=NUMPY)
            data, noise = (free + lean * (one - free) for one, free in zip(with_label, without, strict=True))
            return data, noise

        return believed

    def field(self, labels: np.ndarray, *, guidance: float | None = None) -> Callable[[np.ndarray, float], np.ndarray]:
        """``field(x, t)`` -> velocity of codes `x` at time `t` on their way to `labels`, as :func:`follow` takes it."""
        believed = self.ends(labels, guidance=guidance)
        return lambda x, t: predicted("velocity", *believed(x, t), np.float32(t), path=self.path)

    def _made(
        self, x: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], dice: np.random.Generator, *, start: float
    ) -> np.ndarray:
        parts = [slice(at, at + CHUNK) for at in range(0, len(labels), CHUNK)]
        codes = [self._codes(x[part], labels[part], settings, dice, start) for part in parts]
        return np.concatenate([self.decode(z) for z in codes]) if codes else self.decode(x)

    def _codes(self, x: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], dice: np.random.Generator, start: float) -> np.ndarray:
        field = self.field(labels, guidance=settings["guidance"])
        return follow(field, x, steps=_part(settings["sample_steps"], start), solver=settings["solver"], start=start)

    def _asked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        unknown = [name for name in options if name not in self.options]
        if unknown:
            raise ParameterError(f"options of {self.name} must be among {', '.join(self.options)}; received {unknown[0]!r}")
        return check_settings(self.name, {**self.settings, **{name: value for name, value in options.items() if value is not None}})

    def _known(self, labels: np.ndarray) -> np.ndarray:
        labels = check_labels(labels, n_labels=self.n_labels)
        return labels


def _part(steps: int, start: float) -> int:
    """Of so many steps for the whole way, those that are left at `start`."""
    return max(1, round(steps * (1.0 - start)))


def _flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1)


class FlowTraining:
    """A flow, or a relative of it, while it learns: see :class:`audiogen_helpers.deep.models.Training`.

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
    kind : type
        :class:`Flow`, or what is derived from it: what it becomes.
    """

    def __init__(self, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, kind: type[Flow] = Flow, **settings: Any) -> None:
        tf = tensorflow()
        X = X if isinstance(X, Rows) else check_array(X, name="X", ndim=3)
        self.kind, self.settings = kind, check_settings(kind.name, settings)
        self.n_labels, self.shape = check_integer(n_labels, name="n_labels", low=0), (int(X.shape[1]), int(X.shape[2]))
        self._path, self._predicts = self.settings.get("path", "straight"), self.settings.get("predicts", "velocity")
        self._X = X
        self._labels = np.where(labels < 0, self.n_labels, labels).astype(np.int32)
        rows = _flat(some_rows(X))
        pca = fit_pca(rows, components=self.settings["components"], whitening=self.settings["whitening"], rng=check_seed(seed))
        spread = np.maximum(pca.encode(rows).std(axis=0), LEAST_SPREAD).astype(np.float32)
        self.settings["components"] = len(pca.scale)
        size = NetworkSize(components=len(pca.scale), width=self.settings["width"], blocks=self.settings["blocks"], n_labels=self.n_labels)
        start = initial_weights(size, np.random.default_rng(seed))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in start.items()}
        self._pca = [tf.Variable(part, trainable=False) for part in (pca.mean, pca.basis, pca.scale)]
        self._spread = tf.Variable(spread, trainable=False)
        self._adam = Adam(list(self._weights.values()), beta_2=0.99)
        self._ops = tensorflow_ops()
        self._indices_at = epoch_batches(len(X), batch_size=self.settings["batch_size"], seed=seed)
        self._codes: np.ndarray | None = None
        self._pca_now: Pca | None = None
        self._steps = 1

    @property
    def variables(self) -> list[Any]:
        """Weights, their averages, the optimizer's state, and the code (so that a resumed run has the very same)."""
        return [*self._weights.values(), *self._averages.values(), *self._adam.variables, *self._pca, self._spread]

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
        """One update of the network towards the paths from noise to the batch."""
        tf = tensorflow()
        weights = list(self._weights.values())
        with tf.GradientTape() as tape:
            loss = self._loss(batch, seed)
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss}

    def _loss(self, batch: Mapping[str, Any], seed: Any) -> Any:
        """Mean square error of the velocity (or what else is predicted) at ``x_t``, for random noise and times t.

        Times are logistic-normal, most often in the middle, where there is most to decide (P. Esser et al. (2024), Scaling rectified
        flow transformers, ICML).
        """
        tf = tensorflow()
        data, seeds = batch["x"], tf.random.split(seed, 3)
        noise, t = normal(tf.shape(data), seeds[0]), tf.sigmoid(normal(tf.shape(data)[:1], seeds[1]))
        hidden = uniform(tf.shape(t), seeds[2]) < self.settings["label_dropout"]
        label = tf.where(hidden, self.n_labels, batch["label"])
        x = mix(data, noise, t[:, None], path=self._path, ops=self._ops)
        weights = {**self._weights, "spread": self._spread}
        found, rest = two_ends(weights, x, t, label, path=self._path, ops=self._ops)
        # A prediction is a sum of data and noise, and so is what is wrong with it.
        wrong = predicted(self._predicts, found - data, rest - noise, t[:, None], path=self._path, ops=self._ops)
        return tf.reduce_mean(tf.square(wrong))

    def finish(self) -> Flow:
        """The flow with the averaged weights."""
        weights = {name: value.numpy() for name, value in self._averages.items()} | {"spread": self._spread.numpy()}
        return self.kind(self._code(), weights, shape=self.shape, n_labels=self.n_labels, settings=self.settings)

    def _code(self) -> Pca:
        return Pca(*(part.numpy() for part in self._pca))
