"""Melodies by a long short-term memory: each note is foreseen from all notes before it, its pitch, then its length, then what ends there.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_integer, check_shapes
from audiogen_helpers.deep import recurrent
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import uniform
from audiogen_helpers.deep.losses import cross_entropy
from audiogen_helpers.deep.models import check_labels, check_settings
from audiogen_helpers.deep.note_words import BAR, FIELDS, INSIDE, LONGEST, MOST_NOTES, TUNE_END, Heard, Words, check_tunes, whole_numbers
from audiogen_helpers.deep.nucleus import chances, draw
from audiogen_helpers.deep.operations import NUMPY, Ops
from audiogen_helpers.deep.operations import tensorflow_ops as array_ops
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.errors import ParameterError

__all__ = ["NoteRnn", "NoteRnnTraining"]

BOUNDS = (("pitches", -1, 120), ("lengths", 1, 1024), ("limits", 1, 2 * MOST_NOTES))
WINDOW = 80  # notes that a step of training looks at
ENOUGH = 400  # steps: chosen on melodies held out of the training side (benchmarks/chorale_statistics.py --network)


def length_logits(weights: Mapping[str, Any], h: Any, pitch: Any, *, ops: Ops) -> Any:
    """What the network says of a note's length, once its pitch is known."""
    hidden = ops.tanh(h @ weights["length.in"] + ops.rows(weights["length.pitch"], pitch))
    return hidden @ weights["length.out"] + weights["length.bias"]


def kind_logits(weights: Mapping[str, Any], h: Any, pitch: Any, end: Any, *, ops: Ops) -> Any:
    """And of what ends with it, once it is known where in the bar it will end."""
    hidden = ops.tanh(h @ weights["kind.in"] + ops.rows(weights["kind.pitch"], pitch) + ops.rows(weights["kind.end"], end))
    return hidden @ weights["kind.out"] + weights["kind.bias"]


def surprises(weights: Mapping[str, Any], h: Any, targets: Any, ends: Any, *, ops: Ops) -> Any:
    """Minus the logarithm of the probability of each note ``(n, t)``, of outputs `h` ``(n, t, width)`` and targets ``(n, t, 3)``."""
    pitch = targets[..., 0]
    total = cross_entropy(h @ weights["pitch"] + weights["pitch.bias"], pitch, ops=ops)
    total = total + cross_entropy(length_logits(weights, h, pitch, ops=ops), targets[..., 1], ops=ops)
    return total + cross_entropy(kind_logits(weights, h, pitch, ends, ops=ops), targets[..., 2], ops=ops)


class NoteRnn:
    """A trained network of notes: samples tunes. Needs numpy only.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        As :meth:`Words.shapes` names them.
    words : Words
        Pitches and lengths.
    limits : np.ndarray [shape=(2,)]
        Notes of the longest tune read, and how many notes a new one may have.
    settings : mapping
        All settings of the model.
    """

    def __init__(
        self,
        weights: Mapping[str, np.ndarray],
        words: Words,
        limits: np.ndarray,
        *,
        settings: Mapping[str, Any],
        shape: tuple[int, ...] = (),
    ) -> None:
        self.weights, self.words, self.limits = dict(weights), words, limits
        self.settings, self.shape, self.n_labels = dict(settings), shape, words.n_labels

    @classmethod
    def train(cls, tunes: Any, labels: Any, *, n_labels: int, seed: int, sr: int = 0, **settings: Any) -> NoteRnnTraining:
        """A new model for tunes ``(n, 2)`` or, with phrase ends, ``(n, 3)``, in a common key, with label indices (-1: none)."""
        return NoteRnnTraining(tunes, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, by name."""
        words = {"pitches": self.words.pitches.astype(np.float32), "lengths": self.words.lengths.astype(np.float32)}
        return {**self.weights, **words, "limits": self.limits.astype(np.float32)}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], *, n_labels: int, settings: Mapping[str, Any], shape: tuple[int, ...] = (), sr: int = 0
    ) -> NoteRnn:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("rnn-notes", settings)
        sizes = [np.size(arrays.get(name, ())) for name in ("pitches", "lengths")]
        blank = Words(np.zeros(sizes[0]), np.zeros(sizes[1]), n_labels, settings["transpose"])
        wanted: dict[str, tuple[int, ...]] = {"pitches": (sizes[0],), "lengths": (sizes[1],), "limits": (2,)}
        wanted |= blank.shapes(settings["width"])
        check_shapes(arrays, wanted)
        weights = {name: array.astype(np.float32) for name, array in arrays.items()}
        pitches, lengths, limits = (whole_numbers(weights.pop(name), name, low, high) for name, low, high in BOUNDS)
        return cls(weights, Words(pitches, lengths, n_labels, settings["transpose"]), limits, settings=settings, shape=shape)

    def sample(
        self,
        labels: np.ndarray,
        *,
        seed: int,
        temperature: float | None = None,
        top_p: float | None = None,
        phrases: bool = False,
        **options: Any,
    ) -> list[np.ndarray]:
        """New tunes, one for each of `labels` (-1: none).

        A tune depends on the seed, its place and its label alone: it is the same whatever else is drawn.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,)]
            Label indices.
        seed : int >= 0
            Same seed, same tunes.
        temperature : float > 0, optional
            1 as learned; less prefers what is likely, more evens out.
        top_p : float in (0, 1], optional
            Each choice is among the fewest that together have this probability (:func:`audiogen_helpers.deep.nucleus.chances`).
        phrases : bool
            Whether a third column tells where phrases end.

        Returns
        -------
        tunes : list of np.ndarray [shape=(notes, 2) or (notes, 3), int64]
            MIDI number (-1 is a rest) and length in sixteenths; 1 where a phrase ends, else 0.

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        if options:
            raise ParameterError(f"rnn-notes has the sampling options temperature, top_p and phrases; received {next(iter(options))!r}")
        asked = {name: value for name, value in (("temperature", temperature), ("top_p", top_p)) if value is not None}
        settings, seed = check_settings("rnn-notes", {**self.settings, **asked}), check_seed(seed)
        chosen = {name: settings[name] for name in ("temperature", "top_p")}
        labels = check_labels(labels, n_labels=self.n_labels).astype(np.int64)
        tunes = [self._tune(int(label), generator(np.random.SeedSequence([seed, i])), chosen) for i, label in enumerate(labels)]
        return tunes if phrases else [tune[:, :2] for tune in tunes]

    def _tune(self, label: int, rng: np.random.Generator, chosen: Mapping[str, float]) -> np.ndarray:
        weights, cell = self.weights, recurrent.layer(self.weights, "rnn")
        heard, state = Heard(self.words, label=label), recurrent.start("lstm", cell, 1)
        notes: list[tuple[int, int, int]] = []
        total, kind = 0, INSIDE
        while kind != TUNE_END and len(notes) < self.limits[1]:
            u = cell["kernel"][heard.row()].sum(axis=0, keepdims=True) + cell["bias"]
            state = recurrent.lstm_step(u, state, cell, ops=recurrent.NUMPY)
            h = state[0]
            pitch = np.array([draw(_sound(h @ weights["pitch"] + weights["pitch.bias"], chosen), rng)])
            length = draw(_sound(length_logits(weights, h, pitch, ops=NUMPY), chosen), rng)
            sixteenths = int(self.words.lengths[length])
            if notes and total + sixteenths > LONGEST:
                break
            end = np.array([(heard.begun + sixteenths) % BAR])
            kind = draw(_sound(kind_logits(weights, h, pitch, end, ops=NUMPY), chosen), rng)
            heard.note(int(pitch[0]), length, kind)
            notes.append((int(self.words.pitches[pitch[0]]), sixteenths, int(kind != INSIDE)))
            total += sixteenths
        return np.array(notes, dtype=np.int64)

    def log_likelihoods(self, tunes: Any, labels: Any) -> np.ndarray:
        """Natural logarithm of the probability of each tune, ``(n,)``; ``-inf`` where one has notes that the model does not know.

        Parameters
        ----------
        tunes : list of np.ndarray [shape=(notes, 2) or (notes, 3)]
            As in training.
        labels : np.ndarray [shape=(n,)]
            Label indices, -1 for none.
        """
        tunes, labels = check_tunes(tunes), check_labels(labels, n_labels=self.n_labels).astype(np.int64)
        if len(tunes) != len(labels):
            raise ParameterError(f"labels must give one label to each of {len(tunes)} tunes; received {len(labels)}")
        return np.array([self._log_likelihood(t, int(i)) if self.words.knows(t) else -np.inf for t, i in zip(tunes, labels, strict=True)])

    def _log_likelihood(self, tune: np.ndarray, label: int) -> float:
        cell, targets = recurrent.layer(self.weights, "rnn"), self.words.targets(tune)
        rows = self.words.inputs(targets, label=label)
        u = cell["kernel"][rows].sum(axis=1)[None] + cell["bias"]
        h, _ = recurrent.scan("lstm", u, cell, recurrent.start("lstm", cell, 1), ops=recurrent.NUMPY)
        ends = self.words.ends(rows, targets)
        return -float(surprises(self.weights, h, targets[None], ends[None], ops=NUMPY).sum())


def _sound(logits: np.ndarray, chosen: Mapping[str, float]) -> np.ndarray:
    """Chances of one row of logits; of such that wild weights blew up as well."""
    return chances(np.nan_to_num(logits[0], nan=0.0, posinf=1e30, neginf=-1e30), **chosen)


class NoteRnnTraining:
    """The network while it learns: see :class:`audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    tunes : list of np.ndarray [shape=(n, 2) or (n, 3)]
        Whole numbers: MIDI number from 12 to 120 (-1 is a rest) and length in sixteenths; 1 where a phrase ends. In a common key.
    labels : np.ndarray [shape=(n_tunes,)]
        Label indices, -1 for none.
    n_labels : int >= 0
        How many labels.
    seed : int >= 0
        Of the starting weights, and of the order and the shifts of the tunes.
    """

    max_steps = ENOUGH

    def __init__(self, tunes: Any, labels: Any, *, n_labels: int, seed: int, **settings: Any) -> None:
        tf = tensorflow()
        self.settings = check_settings("rnn-notes", settings)
        self.n_labels = check_integer(n_labels, name="n_labels", low=0)
        self._tunes, self._labels = check_tunes(tunes), check_labels(labels, n_labels=self.n_labels).astype(np.int64)
        if len(self._labels) != len(self._tunes):
            raise ParameterError(f"labels must give one label to each of {len(self._tunes)} tunes; received {len(self._labels)}")
        self._words = Words.of(self._tunes, n_labels=self.n_labels, transpose=self.settings["transpose"])
        self._longest = max(map(len, self._tunes))
        start = _start(self._words, self.settings["width"], np.random.default_rng(check_seed(seed)))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in start.items()}
        self._adam = Adam(list(self._weights.values()), beta_2=0.99)
        self._indices_at = epoch_batches(len(self._tunes), batch_size=self.settings["batch_size"], seed=seed)
        self._kept: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        self._seed, self._steps = seed, 1

    @property
    def variables(self) -> list[Any]:
        """Weights, their averages, and the optimizer's state."""
        return [*self._weights.values(), *self._averages.values(), *self._adam.variables]

    def plan(self, steps: int) -> None:
        """Fix the length of the run."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, Any]:
        """Tunes of a step, each moved by a random number of semitones: what is heard, what comes, and which places count."""
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, step, 7]))
        chosen, most = self._indices_at(step), min(self._longest, WINDOW)
        rows = np.zeros((len(chosen), most, len(FIELDS)), dtype=np.int32)
        targets, ends = np.zeros((len(chosen), most, 3), dtype=np.int32), np.zeros((len(chosen), most), dtype=np.int32)
        counts = np.zeros((len(chosen), most), dtype=np.float32)
        for i, index in enumerate(chosen):
            found = self._moved(index, rng)
            first = int(rng.integers(max(1, len(found[1]) - most + 1)))
            for array, part in zip((rows, targets, ends), found, strict=True):
                part = part[first : first + most]
                array[i, : len(part)] = part
            counts[i, : len(part)] = 1.0
        step = min(step, self._steps - 1)
        rate, decay = warm_cosine(step, steps=self._steps, peak=self.settings["learning_rate"]), ema_decay(step, steps=self._steps)
        told: dict[str, Any] = {"rows": rows, "targets": targets, "ends": ends, "counts": counts}
        return {**told, "rate": np.float32(rate), "decay": np.float32(decay)}

    def _moved(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        most = self.settings["transpose"]
        key = (int(index), int(rng.integers(-most, most + 1)))
        if key not in self._kept:
            self._kept[key] = self._numbers(*key)
        return self._kept[key]

    def _numbers(self, index: int, shift: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        tune = self._tunes[index].copy()
        tune[tune[:, 0] >= 0, 0] += shift
        targets = self._words.targets(tune)
        rows = self._words.inputs(targets, label=int(self._labels[index]), shift=shift)
        return rows, targets, self._words.ends(rows, targets)

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update towards tunes that surprise less; the mean surprise of a note, in nats, with notes and memories left out at random."""
        tf = tensorflow()
        weights = list(self._weights.values())
        with tf.GradientTape() as tape:
            loss = self._loss(batch, seed)
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss}

    def _loss(self, batch: Mapping[str, Any], seed: Any) -> Any:
        tf = tensorflow()
        seeds = tf.random.split(seed, 2)
        cell, keep = recurrent.layer(self._weights, "rnn"), 1.0 - self.settings["dropout"]
        told = tf.cast(uniform(tf.shape(batch["rows"]), seeds[0]) < keep, tf.float32) / keep
        told = tf.concat([told[..., :3], tf.ones_like(told[..., 3:])], -1)  # the place and the label are always told
        u = tf.reduce_sum(tf.gather(cell["kernel"], batch["rows"]) * told[..., None], axis=2) + cell["bias"]
        zeros = tf.zeros((u.shape[0], cell["recurrent"].shape[0]))
        h, _ = recurrent.scan("lstm", u, cell, (zeros, zeros), ops=recurrent.tensorflow_ops())
        h *= tf.cast(uniform(tf.shape(h), seeds[1]) < keep, tf.float32) / keep
        each = surprises(self._weights, h, batch["targets"], batch["ends"], ops=array_ops())
        return tf.reduce_sum(each * batch["counts"]) / tf.reduce_sum(batch["counts"])

    def finish(self) -> NoteRnn:
        """What has been learned so far: the averaged weights."""
        weights = {name: value.numpy() for name, value in self._averages.items()}
        limits = np.array([self._longest, min(2 * self._longest, 2 * MOST_NOTES)])
        return NoteRnn(weights, self._words, limits, settings=self.settings)


def _start(words: Words, width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from."""
    cell = recurrent.initial_weights("lstm", inputs=sum(words.sizes), width=width, rng=rng)
    found = {f"rnn.{name}": array for name, array in cell.items()}
    for name, shape in words.shapes(width).items():
        if name not in found:
            found[name] = (rng.standard_normal(shape) * (0.0 if len(shape) == 1 else shape[0] ** -0.5)).astype(np.float32)
    return found
