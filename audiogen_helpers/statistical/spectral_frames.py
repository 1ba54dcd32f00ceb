"""A model of spectra without time: a Gaussian mixture of log-mel frames for each label, from which every frame is drawn by itself.

Chapter: chapters/methods/mixture_models.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_shapes
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.statistical._checks import check_labels, choose
from audiogen_helpers.statistical._training import Variable
from audiogen_helpers.statistical.gmm import Mixture, data_variance, start_mixture, unchecked_step
from audiogen_helpers.statistical.models import MODELS

__all__ = ["FrameMixture", "FrameMixtureTraining"]

FLOOR = 1e-3  # smallest variance of a component, as a share of that of all frames
ROWS_EACH = 8  # frames that a component must have on average: a label with few frames gets fewer components
MAX_STEPS = 60  # by then a step adds less than a hundredth of a nat for each frame (of some 66, on real digits)
SILENT = -1.0  # value of a band at the floor of the features


class FrameMixture:
    """A trained mixture of frames: samples features of clips; right timbre, no time. Needs numpy only.

    Parameters
    ----------
    mixtures : list of Mixture
        Diagonal, one for each label (one in all where there are no labels), with as many components each.
    lengths : np.ndarray [shape=(labels, frames + 1)]
        How many clips of each label had 0, 1, ... sounding frames.
    shape : tuple (n_mels, frames)
        Of the features.
    n_labels : int >= 0
        0: without labels.
    settings : mapping
        All settings of the model.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 4, 10))
    >>> training = FrameMixture.train(X, np.arange(20) % 2, n_labels=2, seed=0, components=2)
    >>> for step in range(5):
    ...     metrics = training.train_step({}, (0, step))
    >>> training.finish().sample(np.array([0, 1, 1]), seed=0).shape
    (3, 4, 10)
    """

    def __init__(
        self, mixtures: list[Mixture], lengths: np.ndarray, *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]
    ) -> None:
        self.mixtures, self.lengths, self.shape, self.n_labels, self.settings = mixtures, lengths, shape, n_labels, dict(settings)

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> FrameMixtureTraining:
        """A new model for features `X` ``(n, n_mels, frames)`` with label indices (-1: none)."""
        return FrameMixtureTraining(X, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, by name."""
        found = {name: np.stack([getattr(m, name) for m in self.mixtures]) for name in ("weights", "means", "covariances")}
        return {**found, "lengths": self.lengths}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]
    ) -> FrameMixture:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = MODELS["gmm"].settings(settings)
        groups, k, (n_mels, frames) = max(n_labels, 1), settings["components"], shape
        wanted = {"weights": (groups, k), "means": (groups, k, n_mels), "covariances": (groups, k, n_mels), "lengths": (groups, frames + 1)}
        check_shapes(arrays, wanted)
        try:
            parts = {name: check_array(arrays[name], name=name, low=-1e12, high=1e12).astype(np.float64) for name in wanted}
            lengths = check_array(parts.pop("lengths"), name="lengths", low=0.0)
            mixtures = [Mixture(**{name: part[i] for name, part in parts.items()}) for i in range(groups)]
            if (lengths.sum(axis=1) <= 0.0).any():
                raise ParameterError("lengths must count at least one clip of each label; received none of one")
        except ParameterError as error:
            raise ModelError(f"weights of gmm are damaged: {error}") from error
        return cls(mixtures, lengths, shape=(n_mels, frames), n_labels=n_labels, settings=settings)

    def sample(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
        """New features ``(n, n_mels, frames)`` float32, -1 to 1; one for each of `labels` (-1: any label, drawn evenly).

        A clip depends on the seed, its place and its label alone: it is the same whatever else is drawn.
        """
        if options:
            raise ParameterError(f"gmm has no sampling options; received {next(iter(options))!r}")
        labels, seed = check_labels(labels, n_labels=self.n_labels), check_seed(seed)
        X = np.full((len(labels), *self.shape), SILENT, dtype=np.float32)
        for i, label in enumerate(labels):
            rng = generator(np.random.SeedSequence([seed, i]))
            which = int(rng.integers(len(self.mixtures))) if label < 0 else int(label)
            length = choose(self.lengths[which] / self.lengths[which].sum(), rng)
            frames, _ = self.mixtures[which].sample(length, rng=rng)
            X[i, :, :length] = np.clip(frames.T, -1.0, 1.0)
        return X


class FrameMixtureTraining:
    """The mixtures while they learn: one step of EM for all labels in each training step. See `audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    X : np.ndarray [shape=(n, n_mels, frames)]
        Features, -1 to 1. Frames after the last one that is not all -1 are padding and are left out.
    labels : np.ndarray [shape=(n,)]
        Label indices; all -1 where `n_labels` is 0. A label without any sounding frame learns from the frames of all.
    n_labels : int >= 0
        How many labels.
    seed : int >= 0
        Of the start.
    settings
        ``components``: for each label; where it has fewer than 8 frames for each, the rest have weight 0.
    """

    compiled = False
    max_steps = MAX_STEPS

    def __init__(self, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> None:
        self.settings = MODELS["gmm"].settings(settings)
        X = check_array(X, name="X", ndim=3, low=-1.0, high=1.0)
        if not X.size:
            raise ParameterError(f"X must hold at least one clip; received shape {X.shape}")
        self.shape, self.n_labels = (int(X.shape[1]), int(X.shape[2])), check_integer(n_labels, name="n_labels", low=0)
        labels = check_labels(labels, n_labels=self.n_labels)
        if len(labels) != len(X) or (self.n_labels and (labels < 0).any()):
            raise ParameterError(f"labels must give one of the {self.n_labels} labels to each of {len(X)} clips; received {labels[:8]}...")
        self._frames, self.lengths = _gather(X, labels, max(self.n_labels, 1))
        self._floor = FLOOR * data_variance(np.concatenate(self._frames))
        rng = generator(check_seed(seed))
        starts = [self._start(frames, rng) for frames in self._frames]
        self.variables = [Variable(np.stack(part)) for part in zip(*starts, strict=True)]

    def _start(self, frames: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        k = self.settings["components"]
        used = max(1, min(k, len(frames) // ROWS_EACH))
        m = start_mixture(frames, n_components=used, full=False, floor=self._floor, rng=rng)
        spare = np.zeros(k - used, dtype=int)  # components without weight lie where the first one does
        again = np.concatenate([np.arange(used), spare])
        return np.pad(m.weights, (0, k - used)), m.means[again], m.covariances[again]

    def plan(self, steps: int) -> None:
        """Nothing depends on the length of the run."""

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Nothing: a step sees all frames."""
        return {}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, float]:
        """One step of EM for each label; the mean log-likelihood of a frame before it. Draws no random number."""
        total, stepped = 0.0, []
        for mixture, frames in zip(self._mixtures(), self._frames, strict=True):
            better, value = unchecked_step(mixture, frames, self._floor)
            total += value * len(frames)
            stepped.append((better.weights, better.means, better.covariances))
        for variable, part in zip(self.variables, zip(*stepped, strict=True), strict=True):
            variable.assign(np.stack(part))
        return {"log_likelihood": total / sum(len(frames) for frames in self._frames)}

    def finish(self) -> FrameMixture:
        """What has been learned so far."""
        return FrameMixture(self._mixtures(), self.lengths, shape=self.shape, n_labels=self.n_labels, settings=self.settings)

    def _mixtures(self) -> list[Mixture]:
        parts = zip(*(variable.numpy() for variable in self.variables), strict=True)
        return [Mixture(weights=w, means=m, covariances=c) for w, m, c in parts]


def _gather(X: np.ndarray, labels: np.ndarray, groups: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Sounding frames (rows) of each label, and how many clips of it are how long; a label without any gets what all have."""
    sounding: np.ndarray = np.any(X > SILENT, axis=1)
    lengths = np.where(np.any(sounding, axis=1), X.shape[2] - np.argmax(sounding[:, ::-1], axis=1), 0)
    kept = np.arange(X.shape[2]) < lengths[:, None]
    rows = np.moveaxis(X, 1, 2)
    everything = rows[kept].astype(np.float64)
    if not len(everything):
        everything = np.full((1, X.shape[1]), SILENT)
    frames, counts = [], np.zeros((groups, X.shape[2] + 1))
    for group in range(groups):
        mine = np.flatnonzero(np.maximum(labels, 0) == group)
        found = rows[mine][kept[mine]].astype(np.float64)
        frames.append(found if len(found) else everything)
        counts[group] = np.bincount(lengths[mine] if len(mine) else lengths, minlength=X.shape[2] + 1)
    return frames, counts
