"""A melody model: a hidden Markov model of notes for each label, which makes tunes with phrases and an end.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_number, check_shapes
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.statistical._checks import check_labels, choose, safe_log
from audiogen_helpers.statistical._training import Variable
from audiogen_helpers.statistical.baum_welch import em_step
from audiogen_helpers.statistical.hmm import Hmm
from audiogen_helpers.statistical.models import MODELS
from audiogen_helpers.statistical.note_emissions import BAR, BEAT, INSIDE, PHRASE_END, TUNE_END, NoteEmissions, Vocabulary
from audiogen_helpers.statistical.temperature import tempered

__all__ = ["MelodyHmm", "MelodyTraining", "check_tunes"]

MAX_STEPS = 60  # by then the likelihood of tunes that were not read has long stopped rising
SMOOTHING = 0.1  # transitions that each state is taken to have been seen making to each other, beforehand
STRENGTH = 0.6  # notes that each state is taken to have let out beforehand, as all notes of its kind are on average
DRAWN = 1.0  # notes that the usual counts for, where it is said what notes of a kind are like on average
USUAL = (4 * BAR, 16 * BAR)  # sixteenths: tunes outside are learned from, but new ones are not made as short or long, if any are inside
MOST_NOTES = 4096  # of a tune
TRIES = 50  # at a tune whose length is one of those read
LONGEST = 4096  # sixteenths: what would come later is left out (no model of ordinary tunes gets there)


class MelodyHmm:
    """A trained melody model: samples tunes. Needs numpy only.

    How many notes a tune has is drawn from what was read; the path of states is then drawn from all those that end there and not before.

    Parameters
    ----------
    chains : list of Hmm
        One for each label (one in all where there are no labels), with emissions of notes.
    vocabulary : Vocabulary
        Pitches and lengths.
    counts : np.ndarray [shape=(labels, most + 1)]
        How many tunes of each label had 0, 1, ... notes.
    span : np.ndarray [shape=(labels, 2)]
        Shortest and longest tune to make, sixteenths.
    n_labels : int >= 0
        0: without labels.
    settings : mapping
        All settings of the model.

    Examples
    --------
    >>> tunes = [np.array([[60, 4], [62, 4], [64, 4], [62, 4], [60, 8]]), np.array([[60, 4], [64, 4], [62, 4], [60, 8]])] * 20
    >>> training = MelodyHmm.train(tunes, np.zeros(40, int), n_labels=1, seed=0, states=6)
    >>> for step in range(10):
    ...     metrics = training.train_step({}, (0, step))
    >>> [tune[-1].tolist() for tune in training.finish().sample(np.zeros(3, int), seed=0)]
    [[60, 8], [60, 8], [60, 8]]
    """

    def __init__(
        self,
        chains: list[Hmm],
        vocabulary: Vocabulary,
        counts: np.ndarray,
        span: np.ndarray,
        *,
        n_labels: int,
        settings: Mapping[str, Any],
        shape: tuple[int, ...] = (),
    ) -> None:
        self.chains, self.vocabulary, self.counts, self.span = chains, vocabulary, counts, span
        self.n_labels, self.settings, self.shape = n_labels, dict(settings), shape

    @classmethod
    def train(cls, tunes: Any, labels: Any, *, n_labels: int, seed: int, sr: int = 0, **settings: Any) -> MelodyTraining:
        """A new model for tunes ``(n, 2)`` or, with phrase ends, ``(n, 3)``, in a common key, with label indices (-1: none)."""
        return MelodyTraining(tunes, labels, n_labels=n_labels, seed=seed, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, by name."""
        learned = [_parts(chain) for chain in self.chains]
        found = {name: np.stack([part[name] for part in learned]) for name in learned[0]}
        words = {"pitches": self.vocabulary.pitches, "lengths": self.vocabulary.lengths, "kinds": _emissions(self.chains[0]).kinds}
        return {**found, **{name: array.astype(np.float64) for name, array in words.items()}, "counts": self.counts, "span": self.span}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], *, n_labels: int, settings: Mapping[str, Any], shape: tuple[int, ...] = (), sr: int = 0
    ) -> MelodyHmm:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = MODELS["melody"].settings(settings)
        groups, k = max(n_labels, 1), settings["states"]
        n, m, most = (np.size(arrays.get(name, ())) for name in ("pitches", "lengths", "counts"))
        wanted: dict[str, tuple[int, ...]] = {"pitches": (n,), "lengths": (m,), "kinds": (k,), "counts": (groups, most // groups)}
        wanted |= {"span": (groups, 2), "start": (groups, k), "transition": (groups, k, k), "pitch": (groups, k, n)}
        wanted |= {"length": (groups, k, BAR, m)}
        check_shapes(arrays, wanted)
        try:
            return cls._restored(arrays, groups, n_labels, settings, shape)
        except ParameterError as error:
            raise ModelError(f"weights of melody are damaged: {error}") from error

    @classmethod
    def _restored(
        cls, arrays: Mapping[str, np.ndarray], groups: int, n_labels: int, settings: Mapping[str, Any], shape: tuple[int, ...]
    ) -> MelodyHmm:
        sound = {name: check_array(array, name=name, low=-1.0, high=1e9).astype(np.float64) for name, array in arrays.items()}
        vocabulary = Vocabulary(sound["pitches"], sound["lengths"])
        counts, span = check_array(sound["counts"], name="counts", low=0.0), sound["span"]
        if (counts.sum(axis=1) <= 0.0).any() or counts[:, 0].any() or counts.shape[1] > MOST_NOTES + 1:
            raise ParameterError(f"counts must hold tunes of 1 to {MOST_NOTES} notes for each label; received {counts.shape}")
        chains = [_chain(sound["kinds"], *(sound[name][i] for name in ("start", "transition", "pitch", "length"))) for i in range(groups)]
        for chain, row in zip(chains, counts, strict=True):
            if not _can_end(chain, np.flatnonzero(row)).all():
                raise ParameterError(
                    "transition must lead to an end of the tune after as many notes as counts asks for; received one that cannot"
                )
        return cls(chains, vocabulary, counts, span, n_labels=n_labels, settings=settings, shape=shape)

    def sample(self, labels: np.ndarray, *, seed: int, temperature: float = 1.0, phrases: bool = False, **options: Any) -> list[np.ndarray]:
        """New tunes, one for each of `labels` (-1: any label, drawn evenly).

        A tune depends on the seed, its place and its label alone: it is the same whatever else is drawn.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,)]
            Label indices.
        seed : int >= 0
            Same seed, same tunes.
        temperature : float > 0
            1 as learned; less prefers what is likely, more evens out (:func:`~audiogen_helpers.statistical.temperature.tempered`): of the
            paths of states, and of the notes of each.
        phrases : bool
            Whether a third column tells where phrases end.

        Returns
        -------
        tunes : list of np.ndarray [shape=(notes, 2) or (notes, 3), int64]
            MIDI number (-1 is a rest) and length in sixteenths; 1 where a phrase ends, else 0.
        """
        if options:
            raise ParameterError(f"melody has the sampling options temperature and phrases; received {next(iter(options))!r}")
        temperature = check_number(temperature, name="temperature", above=0.0)
        labels, seed = check_labels(labels, n_labels=self.n_labels), check_seed(seed)
        emissions = [_cooled(_emissions(chain), temperature) for chain in self.chains]
        paths = [_Paths(chain, most=self.counts.shape[1], temperature=temperature) for chain in self.chains]
        tunes = []
        for i, label in enumerate(labels):
            rng = generator(np.random.SeedSequence([seed, i]))
            which = int(rng.integers(len(paths))) if label < 0 else int(label)
            tune = self._tune(which, paths[which], emissions[which], rng)
            tunes.append(tune if phrases else tune[:, :2])
        return tunes

    def _tune(self, which: int, paths: _Paths, emissions: NoteEmissions, rng: np.random.Generator) -> np.ndarray:
        shares, (low, high) = self.counts[which] / self.counts[which].sum(), self.span[which]
        for _ in range(TRIES):
            X = emissions.sample(paths.draw(choose(shares, rng), rng), rng=rng, lengths=self.vocabulary.lengths)
            lengths = self.vocabulary.lengths[X[:, 1]]
            if low <= lengths.sum() <= high:
                break
        tune = np.column_stack([self.vocabulary.pitches[X[:, 0]], lengths, (X[:, 2] != INSIDE).astype(np.int64)])
        return tune[np.cumsum(lengths) <= LONGEST]

    def log_likelihoods(self, tunes: Any, labels: Any) -> np.ndarray:
        """Natural logarithm of the probability of each tune, ``(n,)``; ``-inf`` where one has notes that the model does not know.

        Parameters
        ----------
        tunes : list of np.ndarray [shape=(notes, 2) or (notes, 3)]
            As in training.
        labels : np.ndarray [shape=(n,)]
            Label indices; -1 is an error here.
        """
        tunes, labels = check_tunes(tunes), check_labels(labels, n_labels=self.n_labels)
        if len(tunes) != len(labels) or (self.n_labels and (labels < 0).any()):
            raise ParameterError(f"labels must give one of {self.n_labels} labels to each of {len(tunes)} tunes; received {labels[:8]}")
        known = [self.vocabulary.knows(tune) for tune in tunes]
        pairs = zip(tunes, np.maximum(labels, 0), known, strict=True)
        return np.array([self.chains[i].log_likelihood(self.vocabulary.observations(t)) if ok else -np.inf for t, i, ok in pairs])


class MelodyTraining:
    """The chains while they learn: each training step is one of Baum and Welch for all labels. See `audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    tunes : list of np.ndarray [shape=(n, 2) or (n, 3)]
        Whole numbers: MIDI number from 12 to 120 (-1 is a rest) and length in sixteenths; 1 where a phrase ends. In a common key.
    labels : np.ndarray [shape=(n_tunes,)]
        Label indices; all -1 where `n_labels` is 0. A label without any tune learns from all.
    n_labels : int >= 0
        How many labels.
    seed : int >= 0
        Of the start: states begin with random preferences for pitches and lengths.
    settings
        ``states``: for each label. A sixth of them (at least one) ends phrases, where tunes have any; a twelfth (at least one) ends tunes.
    """

    compiled = False
    max_steps = MAX_STEPS

    def __init__(self, tunes: Any, labels: Any, *, n_labels: int, seed: int, **settings: Any) -> None:
        self.settings = MODELS["melody"].settings(settings)
        tunes, self.n_labels = check_tunes(tunes), check_integer(n_labels, name="n_labels", low=0)
        labels = check_labels(labels, n_labels=self.n_labels)
        if len(labels) != len(tunes) or (self.n_labels and (labels < 0).any()):
            raise ParameterError(f"labels must give one of the {self.n_labels} labels to each of {len(tunes)} tunes; received {labels[:8]}")
        self._vocabulary = Vocabulary.of(tunes)
        by_label = [[t for t, i in zip(tunes, np.maximum(labels, 0), strict=True) if i == group] for group in range(max(n_labels, 1))]
        by_label = [group or tunes for group in by_label]
        self._seen = [[self._vocabulary.observations(tune) for tune in group] for group in by_label]
        self._counts, self._span = _lengths(by_label)
        self._kinds = _kinds(self.settings["states"], phrases=any((x[:, 2] == PHRASE_END).any() for group in self._seen for x in group))
        self._priors = [_priors(np.concatenate(group), self._vocabulary) for group in self._seen]
        rng = generator(check_seed(seed))
        starts = [_parts(_start(self._kinds, *prior, rng)) for prior in self._priors]
        self._names = tuple(starts[0])
        self.variables = [Variable(np.stack([start[name] for start in starts])) for name in self._names]

    def plan(self, steps: int) -> None:
        """Nothing depends on the length of the run."""

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Nothing: a step sees all tunes."""
        return {}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, float]:
        """One step of Baum and Welch for each label; the mean log-likelihood of a note before it. Draws no random number."""
        total, stepped = 0.0, []
        for chain, prior, seen in zip(self._chains(), self._priors, self._seen, strict=True):
            pitch, length = (part * STRENGTH / SMOOTHING for part in prior)
            chain = replace(chain, emissions=replace(_emissions(chain), prior_pitch=pitch, prior_length=length))
            better, value = em_step(chain, seen, smoothing=SMOOTHING)
            total += value * sum(map(len, seen))
            stepped.append(_parts(better))
        for variable, name in zip(self.variables, self._names, strict=True):
            variable.assign(np.stack([part[name] for part in stepped]))
        return {"log_likelihood": total / sum(len(x) for seen in self._seen for x in seen)}

    def finish(self) -> MelodyHmm:
        """What has been learned so far."""
        return MelodyHmm(self._chains(), self._vocabulary, self._counts, self._span, n_labels=self.n_labels, settings=self.settings)

    def _chains(self) -> list[Hmm]:
        return [_chain(self._kinds, *parts) for parts in zip(*(variable.numpy() for variable in self.variables), strict=True)]


def check_tunes(tunes: Any) -> list[np.ndarray]:
    """Tunes as a list of int64 arrays ``(n, 2)`` or ``(n, 3)``; at least one, each of 1 to 4096 notes."""
    try:
        listed = list(tunes)
    except TypeError:
        raise ParameterError(f"tunes must be a list of arrays; received {type(tunes).__name__}") from None
    if not listed:
        raise ParameterError("tunes must hold at least one tune; received none")
    found = []
    for i, tune in enumerate(listed):
        array = check_array(tune, name=f"tunes[{i}]", ndim=2, low=-1, high=1e9)
        notes = array.astype(np.int64)
        if not 1 <= len(notes) <= MOST_NOTES or notes.shape[1] not in (2, 3) or (notes != array).any():
            raise ParameterError(
                f"tunes[{i}] must be whole numbers (n, 2) or (n, 3), n from 1 to {MOST_NOTES}; received shape {array.shape}"
            )
        found.append(notes)
    return found


def _lengths(by_label: list[list[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """For each label, how many tunes have how many notes, and the shortest and longest in sixteenths: of those of usual length, if any."""
    kept = []
    for tunes in by_label:
        usual = [tune for tune in tunes if USUAL[0] <= tune[:, 1].sum() <= USUAL[1]]
        kept.append(usual or tunes)
    most = max(len(tune) for tunes in kept for tune in tunes)
    counts = np.stack([np.bincount([len(tune) for tune in tunes], minlength=most + 1) for tunes in kept]).astype(np.float64)
    sums = [[tune[:, 1].sum() for tune in tunes] for tunes in kept]
    return counts, np.array([[min(s), max(s)] for s in sums], dtype=np.float64)


def _kinds(states: int, *, phrases: bool) -> np.ndarray:
    ends, closes = max(1, states // 12), max(1, states // 6) if phrases else 0
    if states < ends + closes + 1:
        raise ParameterError(f"states must be >= {ends + closes + 1}; received {states}")
    return np.repeat([INSIDE, PHRASE_END, TUNE_END], [states - ends - closes, closes, ends])


def _priors(X: np.ndarray, words: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Shares of pitches (3, n) and lengths (3, 16, m) of each kind of note. What is rare is drawn to the usual; nothing is impossible.

    The usual length, at a position, is one that is usual anywhere and leads to where notes of this kind usually end: on a beat, at a bar.
    """
    n_pitches, n_lengths = len(words.pitches), len(words.lengths)

    def shares(values: np.ndarray, size: int, usual: np.ndarray) -> np.ndarray:
        counts = np.bincount(values, minlength=size) + DRAWN * usual / usual.sum()
        return counts / counts.sum()

    pitch, length = np.zeros((TUNE_END + 1, n_pitches)), np.zeros((TUNE_END + 1, BAR, n_lengths))
    all_pitches, all_lengths = shares(X[:, 0], n_pitches, np.ones(n_pitches)), shares(X[:, 1], n_lengths, np.ones(n_lengths))
    for kind, period in ((INSIDE, BEAT), (PHRASE_END, BAR), (TUNE_END, BAR)):
        mine = X[X[:, 2] == kind]
        pitch[kind], anywhere = shares(mine[:, 0], n_pitches, all_pitches), shares(mine[:, 1], n_lengths, all_lengths)
        ends = shares((mine[:, 3] + words.lengths[mine[:, 1]]) % period, period, np.ones(period))
        for position in range(BAR):
            there = mine[mine[:, 3] % period == position % period, 1]
            length[kind, position] = shares(there, n_lengths, anywhere * ends[(position + words.lengths) % period])
    return pitch, length


def _start(kinds: np.ndarray, prior_pitch: np.ndarray, prior_length: np.ndarray, rng: np.random.Generator) -> Hmm:
    """States with random preferences; any may follow any, and a tune begins within a phrase."""
    k, n_pitches, n_lengths = len(kinds), prior_pitch.shape[1], prior_length.shape[2]
    pitch = prior_pitch[kinds] * (rng.gamma(1.0, size=(k, n_pitches)) + 1e-6)
    length = prior_length[kinds] * (rng.gamma(2.0, size=(k, 1, n_lengths)) + 1e-6)
    first = np.where(kinds == INSIDE, 1.0, 1e-3)
    transition = rng.dirichlet(np.full(k, 2.0), size=k)
    return _chain(
        kinds, first / first.sum(), transition, pitch / pitch.sum(axis=-1, keepdims=True), length / length.sum(axis=-1, keepdims=True)
    )


def _chain(kinds: np.ndarray, start: np.ndarray, transition: np.ndarray, pitch: np.ndarray, length: np.ndarray) -> Hmm:
    return Hmm(start=start, transition=transition, emissions=NoteEmissions(kinds=kinds, pitch=pitch, length=length))


def _parts(chain: Hmm) -> dict[str, np.ndarray]:
    return {"start": chain.start, "transition": chain.transition, "pitch": _emissions(chain).pitch, "length": _emissions(chain).length}


def _emissions(chain: Hmm) -> NoteEmissions:
    emissions = chain.emissions
    if not isinstance(emissions, NoteEmissions):
        raise ParameterError(f"chains must have emissions of notes; received {type(emissions).__name__}")
    return emissions


def _cooled(e: NoteEmissions, temperature: float) -> NoteEmissions:
    return replace(e, pitch=tempered(e.pitch, temperature=temperature), length=tempered(e.length, temperature=temperature))


class _Paths:
    """Paths of states that end the tune with the last note, not before; drawn by their probability to the power of ``1 / temperature``.

    Towards 0 the most probable path is left.
    """

    def __init__(self, chain: Hmm, *, most: int, temperature: float) -> None:
        power = 1.0 / max(temperature, 1e-6)
        self._start, self._transition = power * safe_log(chain.start), power * safe_log(chain.transition)
        last = _emissions(chain).kinds == TUNE_END
        self._ending = np.full((most, len(last)), -np.inf)  # [m, i]: logarithm of how likely the tune ends just m notes after state i
        self._ending[0, last] = 0.0
        for m in range(1, most):
            ways = self._transition[~last] + self._ending[m - 1]
            best = np.maximum(ways.max(axis=1, keepdims=True), -1e300)
            self._ending[m, ~last] = (best + safe_log(np.exp(ways - best).sum(axis=1, keepdims=True)))[:, 0]

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """A path of `n` states."""
        path = np.zeros(n, dtype=np.int64)
        for t in range(n):
            weights = (self._start if t == 0 else self._transition[path[t - 1]]) + self._ending[n - 1 - t]
            weights = np.exp(weights - weights.max())
            path[t] = choose(weights / weights.sum(), rng)
        return path


def _can_end(chain: Hmm, lengths: np.ndarray) -> np.ndarray:
    """Whether a tune of each of these numbers of notes can happen."""
    last = _emissions(chain).kinds == TUNE_END
    reached, possible = chain.start > 0.0, np.zeros(int(lengths.max()) + 1, dtype=bool)
    for n in range(1, len(possible)):
        possible[n] = (reached & last).any()
        reached = ((reached & ~last) @ (chain.transition > 0.0)) > 0
    return possible[lengths]
