"""A recurrent network that writes a log-mel spectrogram a few frames at a time, and decides when the clip is over.

First it draws an outline of the clip, then code after code from mixtures of normal distributions, each given all that came before.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_shapes
from audiogen_helpers.deep import recurrent
from audiogen_helpers.deep.augmentation import vary
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import normal, uniform
from audiogen_helpers.deep.frame_code import FrameCode, fit_frame_code
from audiogen_helpers.deep.frame_network import (
    FrameNetworkSize,
    condition,
    heard,
    initial_frame_weights,
    outline_outputs,
    said,
    step_log_densities,
)
from audiogen_helpers.deep.losses import binary_cross_entropy
from audiogen_helpers.deep.mixture_density import draw, log_density
from audiogen_helpers.deep.models import check_labels, check_settings
from audiogen_helpers.deep.operations import NUMPY, tensorflow_ops
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.pca import Pca, some_rows
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.silence import quiet_end
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.errors import ParameterError

__all__ = ["FrameRnn", "FrameRnnTraining"]

CHUNK = 512


class FrameRnn:
    """A trained network of frames: samples features of clips, with or without labels. Needs numpy only.

    Parameters
    ----------
    code : FrameCode
        What a step writes.
    weights : mapping of str to np.ndarray
        Of the network.
    n_labels : int >= 0
        Labels it knows.
    settings : mapping
        All settings of the model.
    """

    def __init__(self, code: FrameCode, weights: Mapping[str, np.ndarray], *, n_labels: int, settings: Mapping[str, Any]) -> None:
        self.code, self.weights = code, dict(weights)
        self.shape, self.n_labels, self.settings = code.shape, n_labels, dict(settings)

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> FrameRnnTraining:
        """A new model for features `X` ``(n, n_mels, frames)`` and label indices ``(n,)`` (-1: none)."""
        return FrameRnnTraining(X, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The codes and the weights, by name."""
        found = {f"frames.{name}": getattr(self.code.frames, name) for name in PARTS}
        if self.code.outline is not None:
            found |= {f"whole.{name}": getattr(self.code.outline, name) for name in PARTS}
        return {**found, **self.weights}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> FrameRnn:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("rnn", settings)
        sizes = {
            "frames": (settings["components"], settings["frames_per_step"] * shape[0]),
            "whole": (settings["outline"], shape[0] * shape[1]),
        }
        wanted: dict[str, tuple[int, ...]] = {}
        for name, (k, d) in sizes.items():
            wanted |= {f"{name}.mean": (d,), f"{name}.basis": (k, d), f"{name}.scale": (k,)} if k else {}
        wanted |= _size(settings, shape, n_labels).shapes()
        check_shapes(arrays, wanted)
        cleaned = {name: array.astype(np.float32) for name, array in arrays.items()}
        pcas = {name: Pca(*(cleaned.pop(f"{name}.{part}") for part in PARTS)) for name, (k, _) in sizes.items() if k}
        code = FrameCode(pcas["frames"], pcas.get("whole"), shape, settings["frames_per_step"])
        return cls(code, cleaned, n_labels=n_labels, settings=settings)

    def sample(
        self,
        labels: np.ndarray,
        *,
        seed: int,
        temperature: float | None = None,
        outline_temperature: float | None = None,
        **options: Any,
    ) -> np.ndarray:
        """New features.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,), int]
            Label index of each, or -1 for none.
        seed : int >= 0
            Same seed, same features.
        temperature, outline_temperature : float >= 0, optional
            Of the codes and of the outline: 1 draws what was learned, less is clearer and less varied, 0 gives the likeliest.

        Returns
        -------
        X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        if options:
            raise ParameterError(f"options of rnn must be among temperature, outline_temperature; received {next(iter(options))!r}")
        asked = {"temperature": temperature, "outline_temperature": outline_temperature}
        settings = check_settings("rnn", {**self.settings, **{name: value for name, value in asked.items() if value is not None}})
        self._known(labels)
        labels, rng = np.asarray(labels), generator(check_seed(seed))
        heat = {name: settings[name] for name in asked}
        made = [self.code.decode(*self.write(labels[k : k + CHUNK], rng=rng, **heat)) for k in range(0, len(labels), CHUNK)]
        return quiet_end(np.concatenate(made)) if made else np.empty((0, *self.shape), np.float32)

    def _known(self, labels: Any) -> np.ndarray:
        """Rows of the label table."""
        found = check_labels(labels, n_labels=self.n_labels)
        return np.where(found < 0, self.n_labels, found)

    def write(
        self,
        labels: np.ndarray,
        *,
        temperature: float,
        outline_temperature: float,
        rng: np.random.Generator,
        outlines: np.ndarray | None = None,
        real: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes, step after step: what :meth:`sample` decodes.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,), int]
            Label index of each, or -1 for none.
        temperature, outline_temperature : float >= 0
            As for :meth:`sample`.
        rng : np.random.Generator
            Draws everything.
        outlines : np.ndarray [shape=(n, outline)], optional
            To follow instead of drawn ones.
        real : np.ndarray [shape=(n, k, components)], optional
            Codes that are heard in the first k steps instead of the drawn ones: a beginning to go on from, or, where they are as many as
            there are steps, teacher forcing.

        Returns
        -------
        codes : np.ndarray [shape=(n, steps, components), float32]
            Drawn, at the first k steps too.
        lengths : np.ndarray [shape=(n,), int32]
            Steps before the end.
        """
        weights, mixtures, labels = self.weights, self.settings["mixtures"], self._known(labels)
        n, kind, cell = len(labels), self.settings["cell"], recurrent.layer(self.weights, "rnn")
        outline = np.zeros((n, 0), np.float32) if outlines is None else outlines
        if self.settings["outline"] and outlines is None:
            said_first = outline_outputs(weights, labels, ops=NUMPY)
            outline = draw(said_first, mixtures=mixtures, temperature=outline_temperature, rng=rng)
        told, state = condition(weights, labels, outline, ops=NUMPY), recurrent.start(kind, cell, n)
        codes = np.zeros((n, self.code.steps, self.settings["components"]), np.float32)
        lengths, code = np.zeros(n, np.int32), codes[:, 0]
        for step in range(self.code.steps):
            u = recurrent.project(heard(weights, code, told, step, ops=NUMPY), cell)
            state = recurrent.CELLS[kind].step(u, state, cell, ops=recurrent.NUMPY)
            density, goes_on = said(weights, state[0], told, ops=NUMPY)
            lengths += (lengths == step) & (goes_on + rng.logistic(size=n) > 0.0)
            codes[:, step] = draw(density, mixtures=mixtures, temperature=temperature, rng=rng)
            code = codes[:, step] if real is None or step >= real.shape[1] else real[:, step]
        return codes, lengths

    def log_likelihoods(self, X: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """How well each clip was foreseen, step by step, when the network hears the real codes (teacher forcing).

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_mels, frames)]
            Features.
        labels : np.ndarray [shape=(n,), int]
            Label index of each, or -1 for none.

        Returns
        -------
        found : dict of np.ndarray [shape=(n,)]
            Nats of each clip: ``codes``, ``end`` and ``outline`` (logarithms of densities, of a probability for ``end``), and how many
            ``numbers`` the codes have.
        """
        X, labels, size = check_array(X, name="X", ndim=3), self._known(labels), _size(self.settings, self.shape, self.n_labels)
        found = self.code.encode(X)
        clips, steps = np.nonzero(np.arange(self.code.steps) <= found.lengths[:, None])
        told = condition(self.weights, labels, found.outlines, ops=NUMPY)
        density, goes_on = step_log_densities(
            self.weights,
            _before(found.codes),
            found.codes,
            told,
            slice(None),
            clips,
            clips * self.code.steps + steps,
            size=size,
            ops=NUMPY,
            cell_ops=recurrent.NUMPY,
        )
        sounds = (steps < found.lengths[clips]).astype(np.float32)
        sums = {"codes": sounds * density, "end": -binary_cross_entropy(goes_on, sounds)}
        outline = np.zeros(len(X))
        if size.outline:
            outline = log_density(found.outlines, outline_outputs(self.weights, labels, ops=NUMPY), mixtures=size.mixtures)
        nats = {name: np.bincount(clips, weights=values, minlength=len(X)) for name, values in sums.items()}
        return {**nats, "outline": outline, "numbers": found.lengths * size.components}


PARTS = ("mean", "basis", "scale")


def _size(settings: Mapping[str, Any], shape: tuple[int, int], n_labels: int) -> FrameNetworkSize:
    names = ("cell", "components", "outline", "width", "mixtures")
    steps = -(-shape[1] // settings["frames_per_step"])
    return FrameNetworkSize(steps=steps, n_labels=n_labels, **{name: settings[name] for name in names})


def _before(codes: np.ndarray) -> np.ndarray:
    """The code before each: zeros at the start."""
    return np.concatenate([np.zeros_like(codes[:, :1]), codes[:, :-1]], axis=1)


class FrameRnnTraining:
    """The network while it learns: see :class:`audiogen_helpers.deep.models.Training`.

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
        self._X = X if isinstance(X, Rows) else check_array(X, name="X", ndim=3)
        self.settings = check_settings("rnn", settings)
        self.n_labels, self.shape = check_integer(n_labels, name="n_labels", low=0), (int(X.shape[1]), int(X.shape[2]))
        self._labels = np.where(labels < 0, self.n_labels, labels).astype(np.int32)
        chosen = {name: self.settings[name] for name in ("frames_per_step", "components", "outline")}
        code = fit_frame_code(some_rows(self._X), seed=check_seed(seed), **chosen)
        pcas = [code.frames] if code.outline is None else [code.frames, code.outline]
        self.settings["components"] = len(code.frames.scale)
        self.settings["outline"] = 0 if code.outline is None else len(code.outline.scale)
        self._size = _size(self.settings, self.shape, self.n_labels)
        start = initial_frame_weights(self._size, np.random.default_rng(seed))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in start.items()}
        self._pcas = [tf.Variable(getattr(pca, part), trainable=False) for pca in pcas for part in PARTS]
        self._adam = Adam(list(self._weights.values()), beta_2=0.99)
        self._ops, self._cell_ops = tensorflow_ops(), recurrent.tensorflow_ops()
        self._indices_at = epoch_batches(len(X), batch_size=self.settings["batch_size"], seed=seed)
        self._code_now: FrameCode | None = None
        self._seed, self._steps = seed, 1

    @property
    def variables(self) -> list[Any]:
        """Weights, their averages, the optimizer's state, and the codes (so that a resumed run has the very same)."""
        return [*self._weights.values(), *self._averages.values(), *self._adam.variables, *self._pcas]

    def plan(self, steps: int) -> None:
        """Fix the length of the run."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Codes, lengths, outlines and labels of a step, each clip a little varied, and where the schedules are."""
        chosen, now = self._indices_at(step), min(step, self._steps - 1)
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, step, 1]))
        if self._code_now is None:
            self._code_now = self._code()  # not earlier, because a resumed run has its own only now
        found = self._code_now.encode(vary(self._X[chosen], amount=self.settings["variation"], silence=-1.0, rng=rng))
        return {
            "codes": found.codes,
            "length": found.lengths,
            "outline": found.outlines,
            "label": self._labels[chosen],
            "rate": np.float32(warm_cosine(now, steps=self._steps, peak=self.settings["learning_rate"])),
            "decay": np.float32(ema_decay(now, steps=self._steps)),
        }

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update towards foreseeing each code, the end and the outline of the clips of the batch."""
        tf = tensorflow()
        weights = list(self._weights.values())
        with tf.GradientTape() as tape:
            parts = self._losses(batch, seed)
            loss = sum(parts.values())
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss, **parts}

    def _losses(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """Nats by which codes, ends and outlines are a surprise: of a clip, over the number of steps that it could have."""
        tf, size, s, ops = tensorflow(), self._size, self.settings, self._ops
        seeds = tf.random.split(seed, 6)
        n, all_steps = batch["codes"].shape[:2]
        steps = tf.minimum(tf.reduce_max(batch["length"]) + 1, all_steps)  # after the longest clip's end there is nothing to learn
        label = tf.where(uniform([n], seeds[0]) < s["label_dropout"], self.n_labels, batch["label"])
        clips, step = tf.unstack(tf.where(tf.range(steps) <= batch["length"][:, None]), axis=1)
        places = clips * tf.cast(steps, tf.int64) + step

        def drop(x: Any, which: int) -> Any:
            shape = [n, size.width] if which == 0 else [n, all_steps, size.width]
            kept = tf.cast(uniform(shape, seeds[1 + which]) >= s["dropout"], tf.float32) / (1.0 - s["dropout"])
            return x * (kept if which == 0 else tf.gather(tf.reshape(kept[:, :steps], [-1, size.width]), places))

        told = condition(self._weights, label, batch["outline"] + s["noise"] * normal([n, size.outline], seeds[5]), ops=ops)
        codes = batch["codes"][:, :steps]
        noisy = batch["codes"] + s["noise"] * normal([n, all_steps, size.components], seeds[4])
        previous = tf.concat([tf.zeros([n, 1, size.components]), noisy[:, : steps - 1]], 1)
        density, goes_on = step_log_densities(
            self._weights, previous, codes, told, slice(steps), clips, places, size=size, ops=ops, cell_ops=self._cell_ops, drop=drop
        )
        sounds = tf.cast(step < tf.cast(tf.gather(batch["length"], clips), tf.int64), tf.float32)
        found = {"codes": -sounds * density, "end": binary_cross_entropy(goes_on, sounds, ops=ops)}
        if size.outline:
            outputs = outline_outputs(self._weights, label, ops=ops, drop=drop)
            found["outline"] = -log_density(batch["outline"], outputs, mixtures=size.mixtures, ops=ops)
        return {name: tf.reduce_sum(nats) / (n * all_steps) for name, nats in found.items()}

    def finish(self) -> FrameRnn:
        """The network with the averaged weights."""
        weights = {name: value.numpy() for name, value in self._averages.items()}
        return FrameRnn(self._code(), weights, n_labels=self.n_labels, settings=self.settings)

    def _code(self) -> FrameCode:
        parts = [part.numpy() for part in self._pcas]
        outline = Pca(*parts[3:]) if len(parts) > 3 else None
        return FrameCode(Pca(*parts[:3]), outline, self.shape, self.settings["frames_per_step"])
