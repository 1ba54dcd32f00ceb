"""Sound sample by sample: a gated recurrent unit that foresees the next of 256 mu-law levels from all levels before it.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_shapes
from audiogen_helpers.deep import recurrent
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.fast_sampler import HALF, Sampler
from audiogen_helpers.deep.losses import cross_entropy
from audiogen_helpers.deep.models import check_labels, check_settings
from audiogen_helpers.deep.operations import tensorflow_ops as array_ops
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import mu_law_decode, mu_law_encode

__all__ = ["LEVELS", "SILENCE", "SampleRnn", "SampleRnnTraining", "keras_model"]

LEVELS, SILENCE = 256, 128
STREAMS = 8  # side by side: their states and gates stay near the processor together with four rows of weights
FROM_START = 0.125  # share of windows that begin where a clip does
WARM = 8  # the first choices of a window that begins inside a clip are learned from by an eighth: nothing tells the phase yet


class SampleRnn:
    """A trained network of samples: makes waveforms. Needs numpy, and numba for its loop.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        As :func:`weight_shapes` names them; what half precision cannot hold is rounded, as it is in a model's folder.
    length : int >= 1
        Samples of a clip.
    n_labels : int >= 0
        Labels it knows.
    settings : mapping
        All settings of the model.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], *, length: int, n_labels: int, settings: Mapping[str, Any]) -> None:
        self.weights = {name: _stored(array) for name, array in weights.items()}
        self.shape: tuple[int, ...] = (length,)
        self.n_labels, self.settings = n_labels, dict(settings)
        self.sampler = Sampler.of(self.weights, levels=LEVELS)

    @classmethod
    def train(cls, Y: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, sr: int = 0, **settings: Any) -> SampleRnnTraining:
        """A new model for waveforms `Y` ``(n, length)`` with label indices (-1: none)."""
        return SampleRnnTraining(Y, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, by name."""
        return dict(self.weights)

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, ...], n_labels: int, settings: Mapping[str, Any], sr: int = 0
    ) -> SampleRnn:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("rnn-samples", settings)
        wanted = weight_shapes(width=settings["width"], n_labels=n_labels)
        check_shapes(arrays, wanted)
        return cls(arrays, length=int(shape[0]), n_labels=n_labels, settings=settings)

    def sample(
        self, labels: np.ndarray, *, seed: int, temperature: float | None = None, top_p: float | None = None, **options: Any
    ) -> np.ndarray:
        """New clips, one for each of `labels` (-1: none); each depends on the seed, its place and its label alone.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,)]
            Label indices.
        seed : int >= 0
            Same seed, same clips.
        temperature : float > 0, optional
            1 as learned; less prefers what is likely, more evens out.
        top_p : float in (0, 1], optional
            Each choice is among the fewest levels that together have this probability.

        Returns
        -------
        Y : np.ndarray [shape=(n, length), float32], ``|Y| <= 1``

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        if options:
            raise ParameterError(f"rnn-samples has the sampling options temperature and top_p; received {next(iter(options))!r}")
        asked = {name: value for name, value in (("temperature", temperature), ("top_p", top_p)) if value is not None}
        settings, seed = check_settings("rnn-samples", {**self.settings, **asked}), check_seed(seed)
        told, length = self.told(labels), self.shape[0]
        codes = np.empty((len(told), length), dtype=np.int32)
        for first in range(0, len(told), STREAMS):
            part = range(first, min(first + STREAMS, len(told)))
            U = np.stack([generator(np.random.SeedSequence([seed, i])).random(length, dtype=np.float32) for i in part])
            chosen = {"temperature": settings["temperature"], "top_p": settings["top_p"]}
            codes[part.start : part.stop], _ = self.sampler.speak(told[part.start : part.stop], U, first=SILENCE, **chosen)
        return mu_law_decode(codes)

    def told(self, labels: np.ndarray) -> np.ndarray:
        """What each label (-1: none) adds to the gates at every step, ``(n, 3 width)``."""
        labels = check_labels(labels, n_labels=self.n_labels)
        return self.weights["kernel"][LEVELS + np.where(labels < 0, self.n_labels, labels)]


def weight_shapes(*, width: int, n_labels: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights: of a GRU whose input is one of 256 levels and one of the labels or "none", and of the last layer.

    Examples
    --------
    >>> weight_shapes(width=16, n_labels=2)["kernel"]
    (259, 48)
    """
    cell = recurrent.shapes("gru", inputs=LEVELS + n_labels + 1, width=width)
    return {**cell, "out": (width, LEVELS), "out.bias": (LEVELS,)}


def keras_model(model: SampleRnn) -> Any:
    """The same network as Keras layers, ``GRU`` and ``Dense``, with the model's weights: one-hot levels and label in, logits out.

    Parameters
    ----------
    model : SampleRnn

    Returns
    -------
    network : keras.Sequential
        ``(n, t, 256 + n_labels + 1)`` -> ``(n, t, 256)``.
    """
    keras, weights = tensorflow().keras, model.weights
    inputs, width = weights["kernel"].shape[0], weights["recurrent"].shape[0]
    network = keras.Sequential(
        [keras.Input((None, inputs)), keras.layers.GRU(width, return_sequences=True, reset_after=True), keras.layers.Dense(LEVELS)]
    )
    bias = np.stack([weights["bias"], weights["recurrent.bias"]])
    network.layers[0].set_weights([weights["kernel"], weights["recurrent"], bias])
    network.layers[1].set_weights([weights["out"], weights["out.bias"]])
    return network


def _stored(array: np.ndarray) -> np.ndarray:
    """As it is stored: a matrix in half precision, where that can hold it."""
    fits = array.ndim > 1 and np.abs(array).max(initial=0.0) < HALF
    return array.astype(np.float16).astype(np.float32) if fits else array.astype(np.float32)


class SampleRnnTraining:
    """The network while it learns: see :class:`audiogen_helpers.deep.models.Training`.

    A step sees windows of the clips. Each begins with an empty state, at the beginning of a clip or anywhere in it, and errors go back no
    further than its first sample: back-propagation through time, truncated.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, length)], ``|Y| <= 1``
        Waveforms; what is louder is clipped.
    labels : np.ndarray [shape=(n,), int]
        Label index of each clip, -1 for none.
    n_labels : int >= 0
        How many labels there are.
    seed : int >= 0
        Of the starting weights and the choice of windows.
    """

    def __init__(self, Y: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> None:
        tf = tensorflow()
        self.settings = check_settings("rnn-samples", settings)
        self.n_labels = check_integer(n_labels, name="n_labels", low=0)
        Y = check_array(Y, name="Y", ndim=2)
        labels = np.asarray(labels)
        if labels.shape != (len(Y),) or (labels.size and not -1 <= labels.min() <= labels.max() < self.n_labels):
            raise ParameterError(f"labels must give one of {self.n_labels} labels, or -1, to each of {len(Y)} clips")
        self._length = Y.shape[1]
        self._codes = mu_law_encode(np.clip(Y, -1.0, 1.0)).astype(np.uint8)
        self._ends = np.array([_end(y) for y in Y])
        self._labels = np.where(labels < 0, self.n_labels, labels).astype(np.int32)
        start = _start(self.settings["width"], self.n_labels, np.random.default_rng(check_seed(seed)))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in start.items()}
        self._adam = Adam(list(self._weights.values()), beta_2=0.99)
        self._indices_at = epoch_batches(len(Y), batch_size=self.settings["batch_size"], seed=seed)
        self._seed, self._steps = seed, 1

    @property
    def variables(self) -> list[Any]:
        """Weights, their averages, and the optimizer's state."""
        return [*self._weights.values(), *self._averages.values(), *self._adam.variables]

    def plan(self, steps: int) -> None:
        """Fix the length of the run."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Windows of a step: levels heard and levels to come, how much each counts, and the label."""
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, step, 5]))
        chosen, window = self._indices_at(step), min(self.settings["window"], self._length)
        last = np.maximum(self._ends[chosen] - window, 0)
        first = np.where(rng.random(len(chosen)) < FROM_START, 0, rng.integers(0, last + 1))
        heard, come = np.empty((len(chosen), window), np.int32), np.empty((len(chosen), window), np.int32)
        for i, (clip, begin) in enumerate(zip(chosen, first, strict=True)):
            come[i] = self._codes[clip, begin : begin + window]
            heard[i, 1:], heard[i, 0] = come[i, :-1], self._codes[clip, begin - 1] if begin else SILENCE
        counts = np.ones((len(chosen), window), np.float32)
        counts[first > 0, :WARM] = 0.125
        step = min(step, self._steps - 1)
        rate, decay = warm_cosine(step, steps=self._steps, peak=self.settings["learning_rate"]), ema_decay(step, steps=self._steps)
        told = {"heard": heard, "come": come, "counts": counts, "label": self._labels[chosen]}
        return {**told, "rate": np.float32(rate), "decay": np.float32(decay)}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update towards levels that surprise less; the mean surprise of a sample, in nats. Draws no random number."""
        tf = tensorflow()
        weights = list(self._weights.values())
        with tf.GradientTape() as tape:
            loss = self._loss(batch)
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss}

    def _loss(self, batch: Mapping[str, Any]) -> Any:
        tf, weights = tensorflow(), self._weights
        u = tf.gather(weights["kernel"], batch["heard"]) + weights["bias"]
        u += tf.gather(weights["kernel"], LEVELS + batch["label"])[:, None]
        zeros = tf.zeros((u.shape[0], weights["recurrent"].shape[0]))
        h, _ = recurrent.scan("gru", u, weights, (zeros,), ops=recurrent.tensorflow_ops())
        each = cross_entropy(h @ weights["out"] + weights["out.bias"], batch["come"], ops=array_ops())
        return tf.reduce_sum(each * batch["counts"]) / tf.reduce_sum(batch["counts"])

    def finish(self) -> SampleRnn:
        """What has been learned so far: the averaged weights."""
        weights = {name: value.numpy() for name, value in self._averages.items()}
        return SampleRnn(weights, length=self._length, n_labels=self.n_labels, settings=self.settings)


def _end(y: np.ndarray) -> int:
    """Where the padding of a clip begins."""
    sounding = np.flatnonzero(y)
    return int(sounding[-1]) + 1 if sounding.size else 1


def _start(width: int, n_labels: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from. Levels that are near in value begin near in the table: it starts as a smooth function of the value."""
    found = recurrent.initial_weights("gru", inputs=LEVELS + n_labels + 1, width=width, rng=rng)
    value = np.linspace(-1.0, 1.0, LEVELS)[:, None]
    waves = np.concatenate([value, mu_law_decode(np.arange(LEVELS))[:, None], np.cos(np.pi * value), np.sin(np.pi * value)], axis=1)
    found["kernel"][:LEVELS] += waves @ rng.standard_normal((waves.shape[1], 3 * width)) * 0.7
    found["kernel"][LEVELS:] = rng.standard_normal((n_labels + 1, 3 * width)) * 0.3
    out = rng.standard_normal((width, LEVELS)) * (0.5 * width**-0.5)
    return {**found, "out": out.astype(np.float32), "out.bias": np.zeros(LEVELS, np.float32)}
