"""A recogniser of labelled clips: how sure it is that a clip is each of the labels, whatever its level, start and faint noise.

It judges generated sound (:mod:`audiogen_helpers.evaluation`); no generator of this package ever sees it. Training needs TensorFlow,
judging numpy only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import audio, spectral
from audiogen_helpers._files import atomic_folder
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_array, check_audio, check_integer, check_sr
from audiogen_helpers.deep.arrays import load_arrays, load_json, save_arrays, save_json
from audiogen_helpers.deep.augmentation import augment, background
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.listener import NUMPY, ListenerSize, embed, initial_weights, logits, tensorflow_ops
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.progress import ProgressLike
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.trainer import epoch_batches, fit, update_ema
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.spectral import MelSpec

__all__ = ["Recogniser", "RecogniserTraining", "recogniser_spec", "train_recogniser"]

FORMAT = 1
BATCH = 64  # clips that are judged at once
MIN_FRAMES = 8
NOTHING = 1 / 16  # share of training clips that are noise or silence, for which no label is the answer
HELD_BACK = 0.1  # share of each label's clips that decides the temperature
MAX_WEIGHT_BYTES = 64 * 2**20


def recogniser_spec(sr: int) -> MelSpec:
    """What a recogniser listens to: 64 mel bands every 16 ms, of 8 kHz sound, or of 16 kHz sound where clips have that much.

    Examples
    --------
    >>> recogniser_spec(8000).hop_length, recogniser_spec(44100).sr
    (128, 16000)
    """
    if check_sr(sr) < 16000:
        return MelSpec(sr=8000, n_fft=512, hop_length=128, n_mels=64)
    return MelSpec(sr=16000, n_fft=1024, hop_length=256, n_mels=64)


@dataclass(frozen=True, kw_only=True)
class Recogniser:
    """A trained recogniser.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        Of the network.
    label_names : tuple of str
        What it tells apart.
    spec : MelSpec
        What it listens to.
    length : int
        Samples at ``spec.sr`` that it hears of a clip: longer ones are cut, shorter ones padded with silence.
    temperature : float > 0
        Divides the network's logits, so that probabilities are right as often as they say (C. Guo et al. (2017), On calibration
        of modern neural networks, ICML).
    card : mapping
        What it was trained on and how, and how good it is: JSON values.
    """

    weights: Mapping[str, np.ndarray]
    label_names: tuple[str, ...]
    spec: MelSpec
    length: int
    temperature: float = 1.0
    card: Mapping[str, Any] = field(default_factory=dict)

    def predict_proba(self, Y: np.ndarray, *, sr: int) -> np.ndarray:
        """How probable each label is for each clip.

        Parameters
        ----------
        Y : np.ndarray [shape=(n, length)]
            Waveforms of any level.
        sr : int > 0
            Their rate, Hz; resampled to ``spec.sr``.

        Returns
        -------
        probabilities : np.ndarray [shape=(n, n_labels), float64]
            Rows sum to 1. A silent clip has an answer too, an unsure one.

        Raises
        ------
        ParameterError
            If `Y` has another number of dimensions, is not floating point or not finite.
        """
        return self.probabilities(self.embed(Y, sr=sr))

    def probabilities(self, E: np.ndarray) -> np.ndarray:
        """How probable each label is for clips whose embeddings (:meth:`embed`) are known: ``(n, n_labels)``."""
        return _softmax(logits(self.weights, E).astype(np.float64) / self.temperature)

    def embed(self, Y: np.ndarray, *, sr: int) -> np.ndarray:
        """64 numbers that describe each clip, before the decision: ``(n, 64)`` float32, >= 0. Arguments as :meth:`predict_proba`."""
        sr = check_sr(sr)
        if np.ndim(Y) == 2 and not len(Y):
            return np.zeros((0, self.weights["label"].shape[0]), dtype=np.float32)
        Y = check_array(check_audio(Y, name="Y"), name="Y", ndim=2)
        return np.concatenate([self._embed(Y[start : start + BATCH], sr) for start in range(0, len(Y), BATCH)])

    def _embed(self, Y: np.ndarray, sr: int) -> np.ndarray:
        if sr != self.spec.sr:
            Y = audio.resample(Y, sr=sr, to_sr=self.spec.sr)
        L = _levels(audio.fit_length(Y, length=self.length), self.spec)
        return embed(self.weights, _features(L, self.spec), ops=NUMPY)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write ``weights.npz`` (16 bits each) and ``card.json`` into a folder, whole or not at all; an earlier folder is replaced."""
        target = Path(folder)
        settings = {"length": self.length, "spec": self.spec.to_dict(), "temperature": self.temperature}
        with atomic_folder(target, overwrite=True) as temporary:
            save_arrays(temporary / "weights.npz", {name: w.astype(np.float16) for name, w in self.weights.items()})
            card = {"format": FORMAT, "kind": "recogniser", "labels": list(self.label_names), "settings": settings, **self.card}
            save_json(temporary / "card.json", card)
        return target

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Recogniser:
        """The recogniser that :meth:`save` wrote; nothing in the folder is executed.

        Raises
        ------
        ModelError
            If the folder holds no recogniser, or a damaged one.
        """
        card = load_json(Path(folder) / "card.json")
        try:
            if card.pop("format") != FORMAT or card.pop("kind") != "recogniser":
                raise ValueError("another kind or format")
            names, settings = tuple(str(name) for name in card.pop("labels")), card.pop("settings")
            spec, length = MelSpec.from_dict(settings["spec"]), check_integer(settings["length"], name="length", low=1)
            temperature = float(settings["temperature"])
            if not 0.0 < temperature < np.inf or len(names) < 2:
                raise ValueError("values out of range")
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"folder must hold a recogniser; received {folder}: {error}") from error
        shapes = ListenerSize(n_mels=spec.n_mels, n_labels=len(names)).shapes()
        arrays = load_arrays(Path(folder) / "weights.npz", shapes=shapes, max_bytes=MAX_WEIGHT_BYTES)
        weights = {name: arrays[name].astype(np.float32) for name in shapes}
        return cls(weights=weights, label_names=names, spec=spec, length=length, temperature=temperature, card=card)


def train_recogniser(
    Y: np.ndarray,
    labels: np.ndarray,
    *,
    label_names: Sequence[str],
    sr: int,
    seed: int = 0,
    steps: int | None = None,
    progress: ProgressLike = False,
) -> Recogniser:
    """Train a recogniser on labelled clips.

    It learns from copies of the clips that are moved in time, stretched, fainter, in noise, and with gaps
    (:mod:`audiogen_helpers.deep.augmentation`), and from noise and silence that are no label at all.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, length)]
        Waveforms; `length` is what the recogniser will hear of a clip.
    labels : np.ndarray of int [shape=(n,)]
        Position of each clip's label in `label_names`; at least 2 labels must occur.
    label_names : sequence of str
        All labels.
    sr : int > 0
        Rate of `Y`, Hz. The recogniser listens at 8 kHz, or at 16 kHz from there on.
    seed : int >= 0
        Same seed, same recogniser.
    steps : int, optional
        Training steps; by default 300 to 900, for about 20 looks at each clip.
    progress : bool or callable
        See :func:`audiogen_helpers.deep.trainer.fit`.

    Returns
    -------
    recogniser : Recogniser
        With a card that tells steps, seconds, seed and calibration.

    Raises
    ------
    ParameterError
        If there are fewer than 2 labels, or arrays do not fit.
    """
    training = RecogniserTraining(Y, labels, label_names=label_names, sr=sr, seed=seed)
    steps = training.default_steps if steps is None else steps
    history = fit(training, training.batch_at, steps=steps, seed=seed, progress=progress)
    recogniser = training.finish()
    return replace(recogniser, card={**recogniser.card, "steps": history.steps, "seconds": round(history.seconds, 1), "seed": seed})


class RecogniserTraining:
    """A recogniser while it learns: what the trainer needs. Arguments as :func:`train_recogniser`."""

    def __init__(self, Y: np.ndarray, labels: np.ndarray, *, label_names: Sequence[str], sr: int, seed: int) -> None:
        tf = tensorflow()
        self.spec, self.label_names = recogniser_spec(sr), tuple(label_names)
        Y, labels = _check_training(Y, labels, n_labels=len(self.label_names))
        Y = audio.resample(Y, sr=sr, to_sr=self.spec.sr) if sr != self.spec.sr else Y
        self.length = max(Y.shape[1], MIN_FRAMES * self.spec.hop_length)
        L = _levels(audio.fit_length(Y, length=self.length), self.spec)
        self._seed = check_seed(seed)
        self._back = _held_back(labels, np.random.default_rng(seed))
        self._L, self._labels = L[~self._back], labels[~self._back]
        self._checks = L[self._back], labels[self._back]
        size = ListenerSize(n_mels=self.spec.n_mels, n_labels=len(self.label_names))
        start = initial_weights(size, np.random.default_rng(seed))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in start.items()}
        self._adam = Adam(list(self._weights.values()))
        self._ops = tensorflow_ops()
        # Long clips cost more per step and bring more to learn from, so a step takes fewer of them.
        self._batch = int(np.clip(4096 // L.shape[2], 16, 64))
        self._indices_at = epoch_batches(len(self._L), batch_size=self._batch, seed=seed)
        self._steps = 1

    @property
    def default_steps(self) -> int:
        """About 20 looks at each clip, 300 to 900 steps."""
        return int(np.clip(20 * len(self._L) // self._batch, 300, 900))

    @property
    def variables(self) -> list[Any]:
        """Weights, their averages and the optimizer's state."""
        return [*self._weights.values(), *self._averages.values(), *self._adam.variables]

    def plan(self, steps: int) -> None:
        """Fix the length of the run."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Changed clips and what they are: a pure function of the seed and `step`."""
        gen = np.random.default_rng(np.random.SeedSequence([self._seed, step]))
        chosen = self._indices_at(step)
        L, wanted = self._L[chosen], np.eye(len(self.label_names), dtype=np.float32)[self._labels[chosen]]
        L = augment(L, floor_db=self.spec.floor_db, rng=gen)
        n_nothing = max(1, round(NOTHING * self._batch))
        noise = background((n_nothing, *L.shape[1:]), level_db=np.zeros(n_nothing), rng=gen)
        L[:n_nothing] = _relative(noise + gen.uniform(-80.0, 0.0, (n_nothing, 1, 1)), self.spec.floor_db)
        L[0] = self.spec.floor_db
        wanted[:n_nothing] = 1.0 / len(self.label_names)
        step = min(step, self._steps - 1)
        return {
            "x": _features(L, self.spec),
            "wanted": wanted,
            "rate": np.float32(warm_cosine(step, steps=self._steps, peak=2e-3, warmup=50)),
            "decay": np.float32(ema_decay(step, steps=self._steps)),
        }

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update towards the right answers."""
        tf = tensorflow()
        weights = list(self._weights.values())
        with tf.GradientTape() as tape:
            z = logits(self._weights, embed(self._weights, batch["x"], ops=self._ops))
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(batch["wanted"], z))
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss}

    def finish(self) -> Recogniser:
        """The recogniser with the averaged weights, in 16 bits as it is stored, and with calibrated probabilities."""
        weights = {name: value.numpy().astype(np.float16).astype(np.float32) for name, value in self._averages.items()}
        L, labels = self._checks
        card: dict[str, Any] = {"n_train": len(self._L), "n_calibration": len(L)}
        temperature = 1.0
        if len(L):
            z = np.concatenate(
                [logits(weights, embed(weights, _features(L[i : i + BATCH], self.spec), ops=NUMPY)) for i in range(0, len(L), BATCH)]
            )
            temperature = _temperature(z.astype(np.float64), labels)
        return Recogniser(
            weights=weights, label_names=self.label_names, spec=self.spec, length=self.length, temperature=temperature, card=card
        )


def _check_training(Y: np.ndarray, labels: np.ndarray, *, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    Y = check_array(check_audio(Y, name="Y"), name="Y", ndim=2)
    found = check_array(labels, name="labels", ndim=1, low=0, high=n_labels - 1).astype(np.int64)
    if len(found) != len(Y):
        raise ParameterError(f"labels must have one number per clip, {len(Y)}; received {len(found)}")
    if len(np.unique(found)) < 2:
        raise ParameterError(
            f"labels must hold at least 2 different ones, or there is nothing to tell apart; received {len(np.unique(found))}"
        )
    return Y, found


def _levels(Y: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Log-mel spectra ``(n, n_mels, frames)``, dB relative to each clip's loudest point: level is gone. Silence is the floor."""
    peaks = np.abs(Y).max(axis=-1, keepdims=True)
    return _relative(spectral.log_mel((Y / np.where(peaks > 0.0, peaks, 1.0)).astype(np.float32), spec), spec.floor_db)


def _relative(L: np.ndarray, floor_db: float) -> np.ndarray:
    loudest = L.max(axis=(1, 2), keepdims=True)
    heard = np.minimum(L, L - loudest) > floor_db
    return np.where(heard, L - loudest, floor_db).astype(np.float32)


def _features(L: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Spectra as the network takes them: ``(n, frames, n_mels, 1)``, -1 to 1."""
    return np.ascontiguousarray(spectral.scale(L, spec).transpose(0, 2, 1)[..., None])


def _held_back(labels: np.ndarray, gen: np.random.Generator) -> np.ndarray:
    """Which clips decide the temperature: a tenth of each label, none of a label with fewer than 5 clips."""
    back = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        here = gen.permutation(np.flatnonzero(labels == label))
        if len(here) >= 5:
            back[here[: max(1, round(HELD_BACK * len(here)))]] = True
    return back


def _temperature(z: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.5 to 5, under which the right labels are most probable.

    One wrong answer is added, a runner-up that was right, so that a few right answers do not make the recogniser certain.
    """
    candidates = np.geomspace(0.5, 5.0, 61)
    best = np.sort(z, axis=1)
    gap = float((best[:, -1] - best[:, -2]).mean())
    costs = [gap / t - np.log(np.maximum(_softmax(z / t)[np.arange(len(z)), labels], 1e-300)).sum() for t in candidates]
    return float(np.round(candidates[int(np.argmin(costs))], 4))


def _softmax(z: np.ndarray) -> np.ndarray:
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
