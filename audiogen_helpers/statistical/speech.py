"""Statistical parametric speech: hidden Markov models of a vocoder's tracks, one for each label, from which new utterances are drawn.

A clip becomes frames (line spectra, level, pitch, voicing) with their deltas; each label has a few left-to-right chains side by side
(:mod:`audiogen_helpers.statistical.parallel_chains`). To speak, a chain and the durations of its states are drawn, then a smooth trajectory
(:mod:`audiogen_helpers.statistical.trajectories`), and the vocoder makes it sound.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_number, check_shapes, check_sr
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.linear_prediction import default_order
from audiogen_helpers.statistical import vocoder
from audiogen_helpers.statistical._checks import check_labels
from audiogen_helpers.statistical._training import Variable
from audiogen_helpers.statistical.gmm import data_variance
from audiogen_helpers.statistical.models import MODELS
from audiogen_helpers.statistical.parallel_chains import ParallelChains, em_step, start_chains
from audiogen_helpers.statistical.trajectories import WINDOWS, global_variance, restore_variance, sample_trajectory, with_deltas

__all__ = ["SpeechHmm", "SpeechHmmTraining", "features"]

HOP = 0.005  # s from frame to frame
FLOOR = 1e-2  # smallest variance of a state, as a share of that of all frames
MAX_STEPS = 20  # by then EM gains less than a hundredth of a nat per frame and step
DEEPEST = 60.0 * np.log(10.0) / 20.0  # levels lie at most 60 dB below the loudest frame of a clip: digital silence is no extreme value
FULL = 0.99  # highest peak
_CLIPS = 3000  # clips, at most, that tell the variance of all
_MOVES = (1, 2, 4, 8, 12, 16)  # steps in which clips look for a better chain: that takes much longer than to learn from them


class SpeechHmm:
    """Trained chains of states for each label: speaks. Needs no deep learning, and few numbers.

    Parameters
    ----------
    chains : list of ParallelChains
        One for each label (one in all where there are no labels).
    spread : np.ndarray [shape=(labels, chains, numbers)]
        Variance of each number along a clip, on average over the clips of a chain.
    length : int
        Samples of a clip at most.
    sr : int
        Sample rate, Hz.
    n_labels : int >= 0
        0: without labels.
    settings : mapping
        All settings of the model.

    Examples
    --------
    >>> t = np.arange(3000) / 8000
    >>> tones = [0.1 * np.sin(2 * np.pi * f * t) * np.hanning(3000) for f in (200, 205, 210, 400, 410, 420)]
    >>> training = SpeechHmm.train(np.array(tones), np.array([0, 0, 0, 1, 1, 1]), n_labels=2, seed=0, sr=8000, states=4, chains=1)
    >>> for step in range(3):
    ...     metrics = training.train_step({}, (0, step))
    >>> training.finish().sample(np.array([0, 1, 1]), seed=0).shape
    (3, 3000)
    """

    def __init__(
        self, chains: list[ParallelChains], spread: np.ndarray, *, length: int, sr: int, n_labels: int, settings: Mapping[str, Any]
    ) -> None:
        self.chains, self.spread, self.length, self.sr, self.n_labels, self.settings = chains, spread, length, sr, n_labels, dict(settings)

    @classmethod
    def train(cls, Y: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, sr: int, **settings: Any) -> SpeechHmmTraining:
        """A new model for clips `Y` ``(n, length)``, zeros after their ends, with label indices (-1: none)."""
        return SpeechHmmTraining(Y, labels, n_labels=n_labels, seed=seed, sr=sr, **settings)

    @property
    def n_parameters(self) -> int:
        """Free numbers of all chains that are alive, their global variances included."""
        return sum(c.n_parameters + len(c.alive) * self.spread.shape[-1] for c in self.chains)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, by name."""
        found = {name: np.stack([getattr(c, name) for c in self.chains]) for name in _PARTS}
        return {**found, "spread": self.spread}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, ...], n_labels: int, settings: Mapping[str, Any], sr: int
    ) -> SpeechHmm:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings, length = MODELS["hmm"].settings(settings), shape[0]
        groups, c, n, d = max(n_labels, 1), settings["chains"], settings["states"], _width(settings, sr)
        bells, times = (groups, c, n, len(WINDOWS) * d), (groups, c, n)
        wanted = {"weights": (groups, c), "means": bells, "variances": bells, "shape": times, "decay": times, "spread": (groups, c, d)}
        check_shapes(arrays, wanted)
        try:
            parts = {name: check_array(arrays[name], name=name, low=-1e6, high=1e6).astype(np.float64) for name in wanted}
            spread = check_array(parts.pop("spread"), name="spread", low=0.0)
            check_array(parts["variances"], name="variances", low=1e-20)
            longest = _longest(length, sr, settings)
            chains = [ParallelChains(**{name: part[i] for name, part in parts.items()}, longest=longest) for i in range(groups)]
        except ParameterError as error:
            raise ModelError(f"weights of hmm are damaged: {error}") from error
        return cls(chains, spread, length=length, sr=sr, n_labels=n_labels, settings=settings)

    def sample(
        self,
        labels: np.ndarray,
        *,
        seed: int,
        smooth: bool = True,
        durations: str = "explicit",
        variance: bool = True,
        temperature: float = 1.0,
        rate: float = 1.0,
        chain: int | None = None,
        **options: Any,
    ) -> np.ndarray:
        """New utterances. Clip `i` depends on the seed, `i`, its label and the options alone.

        Its chain, its durations and its noise come from separate streams of random numbers: with an option changed, the rest stays.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,), int]
            Label index of each, or -1 for any.
        seed : int >= 0
            Same seed, same clips.
        smooth : bool
            Draw trajectories that obey the deltas. False: each frame by itself, from the Gaussian of its state.
        durations : {'explicit', 'geometric'}
            As learned, or as a plain hidden Markov model with the same means would last.
        variance : bool
            Stretch the line spectra of a smooth trajectory to the variance that they have in real clips.
        temperature : float >= 0
            Factor of the deviations: 0 makes the most likely trajectory of a chain.
        rate : float > 0
            Speed; 2 is twice as fast.
        chain : int, optional
            Speak through this chain only (a voice); by default each clip draws one.

        Returns
        -------
        Y : np.ndarray [shape=(n, length), float32], ``|Y| < 1``
            Zeros after the end of each clip. A clip that would be longer is spoken faster.

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        if options:
            known = "smooth, durations, variance, temperature, rate, chain"
            raise ParameterError(f"options of hmm must be among {known}; received {next(iter(options))!r}")
        labels, seed = check_labels(labels, n_labels=self.n_labels), check_seed(seed)
        temperature = check_number(temperature, name="temperature", low=0.0, high=10.0)
        way = {"durations": durations, "rate": check_number(rate, name="rate", low=0.1, high=10.0), "chain": chain}
        Y = np.zeros((len(labels), self.length), dtype=np.float32)
        for row, label, source in zip(Y, labels, np.random.SeedSequence(seed).spawn(len(labels)), strict=True):
            which, path, noise, voice = (generator(s) for s in source.spawn(4))
            group = int(which.integers(len(self.chains))) if label < 0 else int(label)
            number, states = self._way(group, path, way)
            bells = self.chains[group].bells(number)
            means, variances = bells.means[states], bells.covariances[states]
            c = _trajectory(means, variances, noise, bool(smooth), temperature)
            if variance and smooth:
                c = restore_variance(c, self._target(group, number))
            self._speak(row, c, voice)
        return Y

    def _way(self, group: int, rng: np.random.Generator, way: Mapping[str, Any]) -> tuple[int, np.ndarray]:
        most = max(1, self.length // _hop(self.sr))
        number, states = self.chains[group].draw(rng=rng, **way)
        if len(states) > most:
            states = states[np.arange(most) * len(states) // most]
        return number, states

    def _target(self, group: int, number: int) -> np.ndarray:
        target = self.spread[group, number].copy()
        target[_order(self.settings, self.sr) :] = np.nan
        return target

    def _speak(self, row: np.ndarray, c: np.ndarray, rng: np.random.Generator) -> None:
        hop = _hop(self.sr)
        y = vocoder.from_features(c, sr=self.sr, hop=hop, length=min(len(c) * hop, self.length)).synthesise(rng=rng)
        fade = min(hop, len(y))
        y[len(y) - fade :] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / (fade + 1))
        row[: len(y)] = y / max(1.0, float(np.abs(y).max()) / FULL)


class SpeechHmmTraining:
    """The chains while they learn: one step of EM for all labels in each training step. See `audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, length)]
        Clips. Zeros after the last other sample are padding; a clip without any sound is left out.
    labels : np.ndarray [shape=(n,)]
        Label indices; all -1 where `n_labels` is 0. A label without a clip that sounds learns from the clips of all.
    n_labels : int >= 0
        How many labels.
    seed : int >= 0
        Of the start.
    sr : int
        Sample rate, Hz; 2000 at least.
    settings
        ``states``: of each chain; the frames of clips that have fewer are repeated. ``chains``: for each label, fewer where each would not
        have five clips. ``order``: poles of the envelope, 0 for the usual number at the sample rate.
    """

    compiled = False
    max_steps = MAX_STEPS

    def __init__(self, Y: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, sr: int, **settings: Any) -> None:
        self.settings = MODELS["hmm"].settings(settings)
        Y = check_array(Y, name="Y", ndim=2)
        self.sr, self.length = check_integer(check_sr(sr), name="sr", low=2000), Y.shape[1]
        self.n_labels = check_integer(n_labels, name="n_labels", low=0)
        labels = check_labels(labels, n_labels=self.n_labels)
        if len(labels) != len(Y) or (self.n_labels and (labels < 0).any()):
            raise ParameterError(f"labels must give one of the {self.n_labels} labels to each of {len(Y)} clips; received {labels[:8]}...")
        sounding = np.flatnonzero(Y.any(axis=1))
        if not len(sounding):
            raise ParameterError(f"Y must hold at least one clip that is not silent; received shape {Y.shape}")
        self._rows = [self._frames(Y[i]) for i in sounding]
        some = range(0, len(sounding), -(-len(sounding) // _CLIPS))
        self._floor = FLOOR * data_variance(np.concatenate(self._seen(some)))
        self._groups, self._of = _group(np.maximum(labels[sounding], 0), max(self.n_labels, 1))
        self._start(generator(check_seed(seed)))

    def _frames(self, y: np.ndarray) -> np.ndarray:
        n, order = self.settings["states"], _order(self.settings, self.sr)
        X = features(y[: np.flatnonzero(y)[-1] + 1], sr=self.sr, order=order)
        return (X if len(X) >= n else np.repeat(X, -(-n // len(X)), axis=0)).astype(np.float32)

    def _seen(self, members: Iterable[int]) -> list[np.ndarray]:
        """Frames of clips with their deltas; made anew in each step, for they need many times the memory of the frames."""
        return [with_deltas(self._rows[i]) for i in members]

    def _start(self, rng: np.random.Generator) -> None:
        n, longest = self.settings["states"], _longest(self.length, self.sr, self.settings)
        parts: list[tuple[np.ndarray, ...]] = []
        belongs = np.zeros(sum(map(len, self._groups)), dtype=np.int64)
        for where, members in zip(self._places(), self._groups, strict=True):
            rows = self._seen(members)
            chains, belongs[where] = start_chains(rows, n_chains=self.settings["chains"], n_states=n, longest=longest, floor=FLOOR, rng=rng)
            parts.append(tuple(getattr(chains, name) for name in _PARTS))
        self._parts = [Variable(np.stack(part)) for part in zip(*parts, strict=True)]
        self._belongs, self._step = Variable(belongs), Variable(np.zeros(1, dtype=np.int64))
        self.variables = [*self._parts, self._belongs, self._step]

    def _places(self) -> list[slice]:
        """Where the clips of each group stand in the variable that says which chain they belong to."""
        ends = np.cumsum([len(members) for members in self._groups])
        return [slice(end - len(members), end) for end, members in zip(ends, self._groups, strict=True)]

    def _chains(self) -> list[ParallelChains]:
        longest = _longest(self.length, self.sr, self.settings)
        parts = zip(*(v.numpy() for v in self._parts), strict=True)
        return [ParallelChains(**dict(zip(_PARTS, part, strict=True)), longest=longest) for part in parts]

    def plan(self, steps: int) -> None:
        """Nothing depends on the length of the run."""

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Nothing: a step hears all clips."""
        return {}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, float]:
        """One step of EM for each label; the mean log-likelihood of a frame before it. Draws no random number."""
        step = int(self._step.numpy()[0])
        move = step in _MOVES
        belongs, total, frames, stepped = self._belongs.numpy().copy(), 0.0, 0, []
        for chains, where, members in zip(self._chains(), self._places(), self._groups, strict=True):
            rows = self._seen(members)
            ends = np.cumsum([len(x) for x in rows])
            better, belongs[where], value = em_step(
                chains, np.concatenate(rows), ends, belongs=belongs[where], floor=self._floor, move=move
            )
            total, frames = total + value, frames + int(ends[-1])
            stepped.append(tuple(getattr(better, name) for name in _PARTS))
        for variable, part in zip(self._parts, zip(*stepped, strict=True), strict=True):
            variable.assign(np.stack(part))
        self._belongs.assign(belongs)
        self._step.assign(np.array([step + 1]))
        return {"log_likelihood": total / frames}

    def finish(self) -> SpeechHmm:
        """What has been learned so far."""
        d, belongs = _width(self.settings, self.sr), self._belongs.numpy()
        spread = np.zeros((len(self._groups), self.settings["chains"], d))
        for group, (where, members) in enumerate(zip(self._places(), self._groups, strict=True)):
            for i in np.unique(belongs[where]):
                spread[group, i] = global_variance([self._rows[m] for m in members[belongs[where] == i]])
        chains = self._chains()
        return SpeechHmm(
            [chains[g] for g in self._of], spread[self._of], length=self.length, sr=self.sr, n_labels=self.n_labels, settings=self.settings
        )


_PARTS = ("weights", "means", "variances", "shape", "decay")


def features(y: np.ndarray, *, sr: int, order: int) -> np.ndarray:
    """The vocoder's features of a clip, frames 5 ms apart, with levels at most 60 dB below the loudest."""
    X = vocoder.to_features(vocoder.analyse(y, sr=sr, order=order, hop=HOP))
    X[:, order] = np.maximum(X[:, order], X[:, order].max() - DEEPEST)
    return X


def _trajectory(means: np.ndarray, variances: np.ndarray, rng: np.random.Generator, smooth: bool, temperature: float) -> np.ndarray:
    if smooth:
        return sample_trajectory(means, variances, rng=rng, temperature=temperature)
    d = means.shape[1] // len(WINDOWS)
    return means[:, :d] + temperature * np.sqrt(variances[:, :d]) * rng.standard_normal((len(means), d))


def _hop(sr: int) -> int:
    return max(1, round(HOP * sr))


def _order(settings: Mapping[str, Any], sr: int) -> int:
    return settings["order"] or default_order(sr)


def _width(settings: Mapping[str, Any], sr: int) -> int:
    return len(vocoder.feature_names(order=_order(settings, sr), sr=sr))


def _longest(length: int, sr: int, settings: Mapping[str, Any]) -> int:
    """Frames that a state may last: twice its part of the longest clip, at least 10."""
    return max(10, 2 * (length // _hop(sr) + 1) // settings["states"] + 1)


def _group(labels: np.ndarray, groups: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Which clips each label learns from, and for each label its place in that list: labels without clips share all of them."""
    members = [np.flatnonzero(labels == label) for label in range(groups)]
    found = [m for m in members if len(m)]
    of = np.cumsum([len(m) > 0 for m in members]) - 1
    empty = np.array([not len(m) for m in members])
    if empty.any():
        found.append(np.arange(len(labels)))
        of[empty] = len(found) - 1
    return found, of
