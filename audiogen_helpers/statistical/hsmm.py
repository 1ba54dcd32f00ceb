"""Hidden semi-Markov models: a chain of states, each of which draws how long it lasts. Likelihood, best cut, fit, sample.

The chain runs through all its states in order; a sequence is cut into as many stretches as there are states. Forward and backward
recursions run over the ends of stretches and try every duration, so they cost frames times states times longest duration.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_choice, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_samples
from audiogen_helpers.statistical._threads import in_one_thread
from audiogen_helpers.statistical.baum_welch import check_possible
from audiogen_helpers.statistical.durations import Durations, HistogramDurations, gamma_durations
from audiogen_helpers.statistical.emissions import Emissions, stack
from audiogen_helpers.statistical.gmm import data_variance
from audiogen_helpers.statistical.hmm import left_to_right, uniform_path

__all__ = ["Hsmm", "expectations", "fit_hsmm", "left_to_right_hsmm", "log_likelihoods"]

_INF = np.inf


@dataclass(frozen=True)
class Hsmm:
    """A left-to-right chain with explicit durations: state 0 for as long as it draws, then state 1, ... to the end of the last.

    Parameters
    ----------
    durations : GammaDurations or HistogramDurations
        Of `k` states.
    emissions : Categorical, Gaussian or MixtureEmissions
        Of `k` states.

    Raises
    ------
    ParameterError
        If the numbers of states differ.

    Examples
    --------
    >>> from audiogen_helpers.statistical.emissions import Gaussian
    >>> two = Hsmm(
    ...     durations=HistogramDurations(np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])),
    ...     emissions=Gaussian(means=np.array([[0.0], [4.0]]), covariances=np.ones((2, 1))),
    ... )
    >>> two.viterbi(np.array([[0.0], [3.0], [4.0], [4.0]]))[0], two.viterbi(np.array([[0.0], [3.0], [4.0], [4.0], [4.0]]))[0]
    (array([0, 1, 1, 1]), array([0, 0, 1, 1, 1]))
    """

    durations: Durations
    emissions: Emissions

    def __post_init__(self) -> None:
        if self.durations.n_states != self.emissions.n_states:
            raise ParameterError(
                f"durations must have as many states as emissions, {self.emissions.n_states}; received {self.durations.n_states}"
            )

    @property
    def n_states(self) -> int:
        """How many states."""
        return self.durations.n_states

    @property
    def n_parameters(self) -> int:
        """Free numbers."""
        return self.durations.n_parameters + self.emissions.n_parameters

    def log_likelihood(self, X: np.ndarray) -> float:
        """``log p(X)`` of one sequence, its length included; ``-inf`` if it cannot happen, as where it has fewer frames than states."""
        return float(self.log_likelihoods([X])[0])

    def log_likelihoods(self, sequences: Any) -> np.ndarray:
        """``log p`` of each of many sequences, shape (n_sequences,)."""
        X, ends = stack(sequences, self.emissions)
        return _log_likelihoods(self.emissions.log_probability(X), ends.astype(np.int64), self._log_d())

    def posterior(self, X: np.ndarray) -> np.ndarray:
        """``p(state j at t | X)``, shape (n, k); rows sum to 1. An error where `X` cannot happen."""
        log_b = self.emissions.log_probability(X)
        gamma, _, log_p = _expectations(log_b, np.array([len(log_b)]), self._log_d())
        _refuse_impossible(log_p[0])
        return gamma

    def viterbi(self, X: np.ndarray) -> tuple[np.ndarray, float]:
        """The most likely path (n,) and ``log p(X, path)``. An error where `X` cannot happen."""
        path, log_p = _viterbi(self.emissions.log_probability(X), self._log_d())
        _refuse_impossible(log_p)
        return path, float(log_p)

    def sample(self, *, rng: RNGLike = None, rate: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Draw a sequence: a duration for each state, divided by `rate`, then an observation for each frame.

        Returns
        -------
        X : np.ndarray [shape=(n,) or (n, d)]
        states : np.ndarray [shape=(n,), int64]
        """
        rng = generator(rng)
        states = np.repeat(np.arange(self.n_states), self.durations.sample(rng=rng, rate=rate))
        return self.emissions.sample(states, rng=rng), states

    def _log_d(self) -> np.ndarray:
        return np.ascontiguousarray(self.durations.log_probabilities)


def left_to_right_hsmm(
    sequences: Any, *, n_states: int, family: str = "gamma", longest: int | None = None, rng: RNGLike = None, **kind: Any
) -> Hsmm:
    """A start for :func:`fit_hsmm`: each sequence cut into `n_states` parts of equal length.

    Parameters
    ----------
    sequences : list of np.ndarray
        Vectors (n, d), or symbols (n,) if `n_symbols` is given; at least `n_states` long.
    n_states : int >= 1
        Length of the chain.
    family : {"gamma", "histogram"}
        Kind of durations. They start with the mean length of the parts and, so that EM can look around, a deviation of half of that.
    longest : int >= 1, optional
        The longest duration, frames; by default eight times the mean length of the parts, at least 20, but no more than the longest
        sequence leaves for one state.
    rng : int, Generator or None
        Of k-means, for mixtures.
    **kind
        `n_symbols`, `covariance`, `n_components`, `floor`, as in :func:`~audiogen_helpers.statistical.hmm.from_labels`.

    Returns
    -------
    hsmm : Hsmm

    Raises
    ------
    ParameterError
        If an argument is out of range, or a sequence is shorter than the chain or longer than it can last.

    Examples
    --------
    >>> start = left_to_right_hsmm([np.repeat([[0.0], [9.0]], [n, 20 - n], axis=0) for n in (8, 12)], n_states=2)
    >>> start.durations.mean().round(1), start.durations.longest
    (array([9.3, 9.3]), 19)
    """
    emissions = left_to_right(sequences, n_states=n_states, rng=rng, **kind).emissions
    lengths = np.array([len(x) for x in sequences])
    short = np.flatnonzero(lengths < n_states)
    if short.size:
        raise ParameterError(
            f"n_states must be <= the length of each sequence; sequences[{short[0]}] has {lengths[short[0]]} frame(s); received {n_states}"
        )
    parts = np.stack([np.bincount(uniform_path(n, n_states=n_states), minlength=n_states) for n in lengths])
    mean = parts.mean(axis=0)
    most, usual = int(lengths.max()) - n_states + 1, math.ceil(max(8.0 * float(mean.max()), 20.0, float(lengths.max()) / n_states))
    longest = min(most, usual) if longest is None else check_integer(longest, name="longest", low=1)
    if longest * n_states < lengths.max():
        raise ParameterError(f"longest must be >= {math.ceil(lengths.max() / n_states)} for these sequences; received {longest}")
    durations: Durations = gamma_durations(mean, np.maximum(0.5 * mean, 0.7), longest=longest)
    if check_choice(family, name="family", choices=("gamma", "histogram")) == "histogram":
        durations = HistogramDurations(durations.probabilities)
    return Hsmm(durations=durations, emissions=emissions)


@in_one_thread
def fit_hsmm(
    sequences: Any, *, start: Hsmm, n_iter: int = 50, tol: float = 1e-4, floor: float = 1e-3, smoothing: float = 0.01
) -> tuple[Hsmm, np.ndarray]:
    """Fit a chain with explicit durations by EM over all ways to cut the sequences.

    Parameters
    ----------
    sequences : list of np.ndarray
        Symbols (n,) or vectors (n, d); each from its first to its last frame goes through the whole chain.
    start : Hsmm
        Where to start (:func:`left_to_right_hsmm`).
    n_iter : int >= 0
        Steps at most.
    tol : float >= 0
        A step that adds less than this to the mean log-likelihood of a frame is the last.
    floor : float, 0 to 1
        Smallest variance, as a share of each number's variance in the data; that of `start` is raised to it first.
    smoothing : float >= 0
        Observed durations, spread evenly over all of them, that are added to each state; keeps those unseen possible. Nothing is added to
        symbols.

    Returns
    -------
    hsmm : Hsmm
    history : np.ndarray [shape=(steps + 1,)]
        Mean log-likelihood of a frame before the first step and after each. It never falls where `smoothing` is 0 (else what never falls is
        the likelihood times the prior).

    Raises
    ------
    ParameterError
        If a sequence cannot happen under `start`, a shape does not fit, or an argument is out of range.

    References
    ----------
    S.-Z. Yu (2010), Hidden semi-Markov models, Artificial Intelligence 174(2), 215-243.

    Examples
    --------
    >>> from audiogen_helpers.statistical.emissions import Gaussian
    >>> truth = Hsmm(
    ...     durations=gamma_durations([12.0, 30.0], [2.0, 6.0], longest=80),
    ...     emissions=Gaussian(means=np.array([[0.0], [2.0]]), covariances=np.ones((2, 1))),
    ... )
    >>> heard = [truth.sample(rng=seed)[0] for seed in range(100)]
    >>> fitted, history = fit_hsmm(heard, start=left_to_right_hsmm(heard, n_states=2))
    >>> fitted.durations.mean().round(), fitted.durations.deviation().round()
    (array([12., 30.]), array([2., 6.]))
    """
    n_iter, tol = check_integer(n_iter, name="n_iter", low=0), check_number(tol, name="tol", low=0.0)
    share = check_number(floor, name="floor", low=0.0, high=1.0)
    X, ends = stack(sequences, start.emissions)
    ends = ends.astype(np.int64)
    lowest = share * data_variance(check_samples(X)) if X.ndim == 2 else 0.0
    hsmm = Hsmm(durations=start.durations, emissions=start.emissions.raised(lowest))
    history: list[float] = []
    for _ in range(n_iter):
        gamma, counts, log_p = _expectations(hsmm.emissions.log_probability(X), ends, hsmm._log_d())
        check_possible(log_p)
        history.append(float(log_p.sum() / len(X)))
        if len(history) > 1 and history[-1] - history[-2] < tol:
            return hsmm, np.array(history)
        hsmm = Hsmm(
            durations=hsmm.durations.reestimate(counts, smoothing=smoothing),
            emissions=hsmm.emissions.reestimate(X, gamma, floor=lowest),
        )
    log_p = _log_likelihoods(hsmm.emissions.log_probability(X), ends, hsmm._log_d())
    check_possible(log_p)
    return hsmm, np.array([*history, log_p.sum() / len(X)])


def expectations(log_b: np.ndarray, ends: np.ndarray, log_d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a step of EM needs to know, of many sequences in one compiled pass; arguments are not checked.

    Parameters
    ----------
    log_b : np.ndarray [shape=(n, k)]
        Logarithm of the density of each frame in each state, of all sequences one after the other; float64.
    ends : np.ndarray [shape=(n_sequences,), int64]
        Where each sequence ends: its last frame is ``ends[i] - 1``.
    log_d : np.ndarray [shape=(k, longest)]
        Logarithm of the probability that a state lasts 1, 2, ... frames.

    Returns
    -------
    gamma : np.ndarray [shape=(n, k)]
        ``p(state j at t | sequence)``; zeros for a sequence that cannot happen.
    counts : np.ndarray [shape=(k, longest)]
        Expected number of stretches of each length, over all sequences that can happen.
    log_likelihoods : np.ndarray [shape=(n_sequences,)]

    Examples
    --------
    >>> half = np.log(np.full((2, 2), 0.5))
    >>> gamma, counts, log_p = expectations(np.zeros((3, 2)), np.array([3]), half)
    >>> gamma, counts, np.exp(log_p).round(6)
    (array([[1. , 0. ],
           [0.5, 0.5],
           [0. , 1. ]]), array([[0.5, 0.5],
           [0.5, 0.5]]), array([0.5]))
    """
    return _expectations(log_b, ends, log_d)


def log_likelihoods(log_b: np.ndarray, ends: np.ndarray, log_d: np.ndarray) -> np.ndarray:
    """Log-likelihood of each of many sequences; arguments as in :func:`expectations`, not checked.

    Examples
    --------
    >>> np.exp(log_likelihoods(np.zeros((3, 2)), np.array([3]), np.log(np.full((2, 2), 0.5)))).round(6)
    array([0.5])
    """
    return _log_likelihoods(log_b, ends, log_d)


def _refuse_impossible(log_p: float) -> None:
    if log_p == -_INF:
        raise ParameterError("X must be a sequence that the model can make; received one of log-likelihood -inf")


@compiled
def _log_sum(v, n):
    """log(sum(exp(v[:n]))); terms that are exp(-50) of the largest are below rounding and left out."""
    top = -_INF
    for i in range(n):
        top = max(top, v[i])
    if top == -_INF:
        return top
    total = 0.0
    for i in range(n):
        if v[i] > top - 50.0:
            total += math.exp(v[i] - top)
    return top + math.log(total)


@compiled
def _sums(log_b):
    """Running sums of `log_b` (n + 1, k) with ``-inf`` counted as 0, and the first frame from which on there was none until then."""
    n, k = log_b.shape
    c = np.zeros((n + 1, k))
    since = np.zeros((n + 1, k), dtype=np.int64)
    for t in range(n):
        for j in range(k):
            bad = log_b[t, j] == -_INF
            c[t + 1, j] = c[t, j] + (0.0 if bad else log_b[t, j])
            since[t + 1, j] = t + 1 if bad else since[t, j]
    return c, since


@compiled
def _forward(c, since, log_d):
    """``alpha[t, j]``: log p(frames before t, the first j states end there)."""
    n, k, longest = c.shape[0] - 1, c.shape[1], log_d.shape[1]
    alpha, v = np.full((n + 1, k + 1), -_INF), np.empty(longest)
    alpha[0, 0] = 0.0
    for j in range(k):
        for t in range(j + 1, n - (k - 1 - j) + 1):
            first = max(j, t - longest, since[t, j])
            for s in range(first, t):
                v[s - first] = alpha[s, j] - c[s, j] + log_d[j, t - s - 1]
            alpha[t, j + 1] = c[t, j] + _log_sum(v, max(t - first, 0))
    return alpha


@compiled
def _backward(c, since, log_d):
    """``beta[t, j]``: log p(frames from t on | the first j states end at t)."""
    n, k, longest = c.shape[0] - 1, c.shape[1], log_d.shape[1]
    beta, v = np.full((n + 1, k + 1), -_INF), np.empty(longest)
    beta[n, k] = 0.0
    for j in range(k - 1, -1, -1):
        for s in range(j, n - (k - 1 - j)):
            m = 0
            for t in range(s + 1, min(s + longest, n) + 1):
                if since[t, j] > s:
                    break
                v[m] = beta[t, j + 1] + c[t, j] + log_d[j, t - s - 1]
                m += 1
            beta[s, j] = _log_sum(v, m) - c[s, j]
    return beta


@compiled
def _share(alpha, beta, c, since, log_d, log_p, gamma, counts):
    """Adds the posterior of every stretch of one sequence to the frames it covers, and to the counts of its duration."""
    n, k, longest = c.shape[0] - 1, c.shape[1], log_d.shape[1]
    change = np.zeros(n + 1)
    for j in range(k):
        change[:] = 0.0
        for s in range(j, n - (k - 1 - j)):
            base = alpha[s, j] - c[s, j] - log_p
            if base == -_INF:
                continue
            for t in range(s + 1, min(s + longest, n) + 1):
                if since[t, j] > s:
                    break
                x = base + beta[t, j + 1] + c[t, j] + log_d[j, t - s - 1]
                if x > -50.0:
                    w = math.exp(x)
                    counts[j, t - s - 1] += w
                    change[s] += w
                    change[t] -= w
        inside = 0.0
        for t in range(n):
            inside += change[t]
            gamma[t, j] = inside if inside > 1e-14 else 0.0
    for t in range(n):
        gamma[t] /= gamma[t].sum()


@compiled
def _expectations(log_b, ends, log_d):
    gamma, counts, log_p = np.zeros(log_b.shape), np.zeros(log_d.shape), np.empty(len(ends))
    k, begin = log_b.shape[1], 0
    for i in range(len(ends)):
        end = ends[i]
        c, since = _sums(log_b[begin:end])
        alpha = _forward(c, since, log_d)
        log_p[i] = alpha[end - begin, k]
        if log_p[i] > -_INF:
            _share(alpha, _backward(c, since, log_d), c, since, log_d, log_p[i], gamma[begin:end], counts)
        begin = end
    return gamma, counts, log_p


@compiled
def _log_likelihoods(log_b, ends, log_d):
    log_p, begin = np.empty(len(ends)), 0
    for i in range(len(ends)):
        c, since = _sums(log_b[begin : ends[i]])
        log_p[i] = _forward(c, since, log_d)[ends[i] - begin, log_b.shape[1]]
        begin = ends[i]
    return log_p


@compiled
def _viterbi(log_b, log_d):
    c, since = _sums(log_b)
    n, k, longest = c.shape[0] - 1, c.shape[1], log_d.shape[1]
    best, began = np.full((n + 1, k + 1), -_INF), np.zeros((n + 1, k + 1), dtype=np.int64)
    best[0, 0] = 0.0
    for j in range(k):
        for t in range(j + 1, n - (k - 1 - j) + 1):
            top = -_INF
            for s in range(max(j, t - longest, since[t, j]), t):
                x = best[s, j] - c[s, j] + log_d[j, t - s - 1]
                if x > top:
                    top = x
                    began[t, j + 1] = s
            best[t, j + 1] = top + c[t, j]
    path, t = np.zeros(n, dtype=np.int64), n
    if best[n, k] > -_INF:
        for j in range(k, 0, -1):
            path[began[t, j] : t] = j - 1
            t = began[t, j]
    return path, best[n, k]
