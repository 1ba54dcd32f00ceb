"""Chains of states side by side, one for each manner of saying the same thing: a mixture of left-to-right hidden Markov models.

Each sequence belongs to one of the chains and runs through it from the first state to the last. It is the hidden Markov model whose start
chooses the chain and whose transitions never leave it; the states of a chain last as its duration distributions say. Nobody tells which
sequence belongs where: voices separate by themselves.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_choice, check_integer
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, check_sequences, choose, safe_log
from audiogen_helpers.statistical._threads import in_one_thread
from audiogen_helpers.statistical.durations import GammaDurations, gamma_durations, geometric_durations, stretch
from audiogen_helpers.statistical.emissions import Gaussian
from audiogen_helpers.statistical.gmm import data_variance
from audiogen_helpers.statistical.hmm import from_labels, uniform_path
from audiogen_helpers.statistical.hsmm import Hsmm, expectations, log_likelihoods
from audiogen_helpers.statistical.kmeans import kmeans

__all__ = ["LEAST", "ParallelChains", "em_step", "start_chains"]

LEAST = 5  # sequences that a chain must explain, or it is dissolved: none learns a single recording by heart
_SECTIONS = 10  # of a sequence, whose means say which ones are alike
_TRIES = 8  # starts of the clustering, of which the best counts
_SMOOTHING = 0.01  # durations added to those observed, so that none is impossible


@dataclass(frozen=True)
class ParallelChains:
    """Left-to-right chains of `n` states, Gaussian with independent numbers, with gamma durations, and how often each chain is taken.

    Parameters
    ----------
    weights : np.ndarray [shape=(chains,)]
        Probability of each chain; 0 for one that is dissolved.
    means, variances : np.ndarray [shape=(chains, states, d)]
        Of the states.
    shape, decay : np.ndarray [shape=(chains, states)]
        Of the durations: see :class:`~audiogen_helpers.statistical.durations.GammaDurations`.
    longest : int >= 1
        Longest duration of a state, frames.

    Raises
    ------
    ParameterError
        If shapes do not fit or a number is out of range.

    Examples
    --------
    >>> two = ParallelChains(
    ...     weights=np.array([0.5, 0.5]),
    ...     means=np.array([[[0.0], [1.0]], [[5.0], [6.0]]]),
    ...     variances=np.full((2, 2, 1), 0.1),
    ...     shape=np.full((2, 2), 8.0),
    ...     decay=np.full((2, 2), 1.0),
    ...     longest=40,
    ... )
    >>> two.scores([np.array([[0.0], [0.0], [1.0]])]).argmax(axis=1)
    array([0])
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    shape: np.ndarray
    decay: np.ndarray
    longest: int

    def __post_init__(self) -> None:
        means = check_array(self.means, name="means", ndim=3).astype(np.float64)
        chains, states = means.shape[:2]
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "weights", check_distribution(self.weights, name="weights", shape=(chains,)))
        wanted = {"variances": means.shape, "shape": (chains, states), "decay": (chains, states)}
        for name, dims in wanted.items():
            value = check_array(getattr(self, name), name=name).astype(np.float64)
            if value.shape != dims:
                raise ParameterError(f"{name} must have shape {dims}; received shape {value.shape}")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "longest", check_integer(self.longest, name="longest", low=1))
        for i in range(chains):
            self.chain(i)  # its parts check the ranges

    @property
    def n_states(self) -> int:
        """States of each chain."""
        return self.means.shape[1]

    @property
    def alive(self) -> np.ndarray:
        """Numbers of the chains that are taken at all."""
        return np.flatnonzero(self.weights > 0.0)

    @property
    def n_parameters(self) -> int:
        """Free numbers of the chains that are alive."""
        return len(self.alive) - 1 + sum(self.chain(i).n_parameters for i in self.alive.tolist())

    def chain(self, i: int) -> Hsmm:
        """One chain by itself."""
        return Hsmm(durations=self.durations(i), emissions=self.bells(i))

    def bells(self, i: int) -> Gaussian:
        """Emissions of one chain."""
        return Gaussian(means=self.means[i], covariances=self.variances[i])

    def durations(self, i: int) -> GammaDurations:
        """Durations of the states of one chain."""
        return GammaDurations(shape=self.shape[i], decay=self.decay[i], longest=self.longest)

    def scores(self, sequences: Any) -> np.ndarray:
        """``log p(chain) p(sequence | chain)``, shape (n_sequences, chains); the log of the sum over chains is the log-likelihood."""
        found = check_sequences(sequences)
        return _scores(self, np.concatenate(found), np.cumsum([len(x) for x in found]))

    def draw(self, *, rng: RNGLike, chain: int | None = None, durations: str = "explicit", rate: float = 1.0) -> tuple[int, np.ndarray]:
        """A way through the model: a chain, then how long each of its states lasts.

        Parameters
        ----------
        rng : int, np.random.Generator or None
        chain : int, optional
            Which one; by default one is drawn by the weights. A dissolved one is replaced by the weightiest.
        durations : {'explicit', 'geometric'}
            As learned; or those of a plain hidden Markov model with the same means, for comparison.
        rate : float > 0
            2 is twice as fast.

        Returns
        -------
        chain : int
        states : np.ndarray [shape=(frames,), int64]
            The state of each frame.
        """
        rng = generator(rng)
        drawn = choose(self.weights, rng)
        if chain is not None:
            drawn = check_integer(chain, name="chain", low=0, high=len(self.weights) - 1)
            drawn = drawn if self.weights[drawn] > 0.0 else int(np.argmax(self.weights))
        table = self.durations(drawn)
        if check_choice(durations, name="durations", choices=("explicit", "geometric")) == "geometric":
            stay = np.clip(1.0 - 1.0 / table.mean(), 1e-6, 1.0 - 1e-6)
            table = geometric_durations(stay, longest=8 * self.longest)
        lengths = stretch(table.sample(rng=rng), rate=rate)
        return drawn, np.repeat(np.arange(self.n_states), lengths)


@in_one_thread
def start_chains(
    sequences: Any, *, n_chains: int, n_states: int, longest: int, floor: float = 1e-2, least: int = LEAST, rng: RNGLike = None
) -> tuple[ParallelChains, np.ndarray]:
    """A start for :func:`em_step`: sequences that are alike as a whole (k-means on the means of ten sections) share a chain.

    Parameters
    ----------
    sequences : list of np.ndarray, each [shape=(n, d)]
        At least `n_states` frames each, and no more than ``n_states * longest``.
    n_chains : int >= 1
        Chains at most: fewer where they would have fewer than `least` sequences.
    n_states : int >= 1
        Of each chain; each starts with a part of equal length.
    longest : int >= 1
        Longest duration of a state, frames.
    floor : float, 0 to 1
        Smallest variance, as a share of each number's variance in all sequences.
    least : int >= 1
        Sequences that a chain must have (all, where there are fewer).
    rng : int, np.random.Generator or None
        Of k-means.

    Returns
    -------
    chains : ParallelChains
    belongs : np.ndarray [shape=(n_sequences,), int64]
        The chain of each sequence.

    Raises
    ------
    ParameterError
        If an argument is out of range, or a sequence too short or too long.
    """
    found, rng = check_sequences(sequences), generator(rng)
    n_chains, n_states = check_integer(n_chains, name="n_chains", low=1), check_integer(n_states, name="n_states", low=1)
    lengths = np.array([len(x) for x in found])
    if lengths.min() < n_states or lengths.max() > n_states * longest:
        rule = f"sequences must have {n_states} to {n_states * longest} frames"
        raise ParameterError(f"{rule}; received {lengths.min()} to {lengths.max()}")
    X = np.concatenate(found)
    variance = data_variance(X)
    belongs = _alike(found, np.sqrt(variance), max(1, min(n_chains, len(found) // least)), least, rng)
    labels = np.concatenate([uniform_path(n, n_states=n_states) for n in lengths])
    frames = np.repeat(belongs, lengths)
    counts = np.bincount(belongs, minlength=n_chains)
    d = X.shape[1]
    means, variances = np.zeros((n_chains, n_states, d)), np.ones((n_chains, n_states, d))
    shape, decay = np.ones((n_chains, n_states)), np.ones((n_chains, n_states))
    for i in np.flatnonzero(counts):
        mine = frames == i
        bells = cast(Gaussian, from_labels(X[mine], labels[mine], n_states=n_states)).raised(floor * variance)
        means[i], variances[i] = bells.means, bells.covariances
        usual = np.bincount(labels[mine], minlength=n_states) / counts[i]
        gamma = gamma_durations(usual, np.maximum(0.5 * usual, 0.7), longest=longest)
        shape[i], decay[i] = gamma.shape, gamma.decay
    weights = counts / counts.sum()
    return ParallelChains(weights, means, variances, shape, decay, longest), belongs


@in_one_thread
def em_step(
    model: ParallelChains,
    X: np.ndarray,
    ends: np.ndarray,
    *,
    belongs: np.ndarray,
    floor: np.ndarray,
    least: int = LEAST,
    move: bool = True,
) -> tuple[ParallelChains, np.ndarray, float]:
    """One step: each sequence goes to the chain that explains it best, then each chain learns from its sequences (Baum-Welch).

    Chains differ by hundreds of nats for a whole utterance, so that nothing is lost by deciding. The likelihood with its decisions never
    falls, but where a chain is dissolved and, by very little, through the durations that are added to those observed. Arguments are not
    checked.

    Parameters
    ----------
    model : ParallelChains
    X : np.ndarray [shape=(frames, d)]
        All sequences, one after the other, float64.
    ends : np.ndarray [shape=(n_sequences,), int64]
        Where each one ends.
    belongs : np.ndarray [shape=(n_sequences,), int64]
        The chain of each sequence so far.
    floor : np.ndarray [shape=(d,)]
        Smallest variances.
    least : int >= 1
        A chain with fewer sequences is dissolved; they go to the others.
    move : bool
        False: sequences stay in their chains, which is faster.

    Returns
    -------
    model : ParallelChains
    belongs : np.ndarray [shape=(n_sequences,), int64]
    log_likelihood : float
        Of all sequences in their chains, under the model that came in.

    References
    ----------
    G. Celeux and G. Govaert (1992), A classification EM algorithm for clustering and two stochastic versions, Computational Statistics &
    Data Analysis 14(3), 315-332.
    """
    if move and len(model.alive) > 1:
        belongs = _decide(_scores(model, X, ends), least)
    counts = np.bincount(belongs, minlength=len(model.weights))
    lengths = np.diff(ends, prepend=0)
    frames = np.repeat(belongs, lengths)
    parts = {name: getattr(model, name).copy() for name in ("means", "variances", "shape", "decay")}
    total = 0.0
    for i in np.flatnonzero(counts).tolist():
        old, times, mine = model.bells(i), model.durations(i), X[frames == i]
        gamma, seen, log_p = expectations(old.log_probability(mine), np.cumsum(lengths[belongs == i]), times.log_probabilities)
        total += log_p.sum() + counts[i] * np.log(model.weights[i])
        bells = old.reestimate(mine, gamma, floor=floor)
        durations = times.reestimate(seen, smoothing=_SMOOTHING)
        parts["means"][i], parts["variances"][i] = bells.means, bells.covariances
        parts["shape"][i], parts["decay"][i] = durations.shape, durations.decay
    return replace(model, weights=counts / counts.sum(), **parts), belongs, float(total)


def _scores(model: ParallelChains, X: np.ndarray, ends: np.ndarray) -> np.ndarray:
    alive, k = model.alive, model.n_states
    d = X.shape[1]
    everything = Gaussian(means=model.means[alive].reshape(-1, d), covariances=model.variances[alive].reshape(-1, d))
    log_b = everything.log_probability(X)
    scores = np.full((len(ends), len(model.weights)), -np.inf)
    for j, i in enumerate(alive.tolist()):
        part = np.ascontiguousarray(log_b[:, j * k : (j + 1) * k])
        scores[:, i] = log_likelihoods(part, ends, model.durations(i).log_probabilities)
    return scores + safe_log(model.weights)


def _decide(scores: np.ndarray, least: int) -> np.ndarray:
    """The best chain of each sequence, where chains with fewer than `least` are given up one after the other, the smallest first."""
    scores = scores.copy()
    while True:
        belongs = scores.argmax(axis=1)
        counts = np.bincount(belongs, minlength=scores.shape[1])
        used = np.flatnonzero(counts)
        smallest = used[np.argmin(counts[used])]
        if len(used) == 1 or counts[smallest] >= least:
            return belongs
        scores[:, smallest] = -np.inf


def _alike(sequences: list[np.ndarray], scale: np.ndarray, n_clusters: int, least: int, rng: np.random.Generator) -> np.ndarray:
    """A cluster for each sequence, by the means of its sections."""
    if n_clusters == 1:
        return np.zeros(len(sequences), dtype=np.int64)
    where = [np.arange(_SECTIONS + 1) * len(x) // _SECTIONS for x in sequences]
    Z = np.stack(
        [np.concatenate([x[a : max(b, a + 1)].mean(axis=0) for a, b in pairwise(w)] / scale) for x, w in zip(sequences, where, strict=True)]
    )
    found = [kmeans(Z, n_clusters=n_clusters, rng=rng) for _ in range(_TRIES)]
    centres, _ = min(found, key=lambda pair: float(np.square(Z - pair[0][pair[1]]).sum()))
    return _decide(np.stack([-np.square(Z - centre).sum(axis=1) for centre in centres], axis=1), least)
