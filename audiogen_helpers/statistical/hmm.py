"""Hidden Markov models: a chain of states that nobody sees, each of which lets out what is heard. Likelihood, best path, fit, sample.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_choice, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical import inference
from audiogen_helpers.statistical._checks import check_distribution, check_samples, check_sequences, check_symbols, choose
from audiogen_helpers.statistical._gaussians import raise_to
from audiogen_helpers.statistical.baum_welch import em_step, fit_hmm
from audiogen_helpers.statistical.emissions import Categorical, Emissions, Gaussian, MixtureEmissions, check_path, stack
from audiogen_helpers.statistical.gmm import data_variance, start_mixture
from audiogen_helpers.statistical.inference import backward, forward, posterior, viterbi
from audiogen_helpers.statistical.kmeans import kmeans

__all__ = ["Hmm", "backward", "em_step", "ergodic", "fit_hmm", "forward", "from_labels", "left_to_right", "posterior", "viterbi"]


@dataclass(frozen=True)
class Hmm:
    r"""A hidden Markov model, :math:`p(x, s) = \pi_{s_0} b_{s_0}(x_0) \prod_t a_{s_{t-1} s_t} b_{s_t}(x_t)`.

    The numbers of the states mean nothing: with all of them permuted it is the same model.

    Parameters
    ----------
    start : np.ndarray [shape=(k,)]
        Probability of each state at the first frame.
    transition : np.ndarray [shape=(k, k)]
        ``transition[i, j]`` is the probability of state `j` after state `i`; rows sum to 1.
    emissions : Categorical, Gaussian or MixtureEmissions
        Of `k` states.

    Raises
    ------
    ParameterError
        If the numbers of states differ or probabilities do not sum to 1.

    Examples
    --------
    >>> weather = Hmm(
    ...     start=np.array([0.5, 0.5]),
    ...     transition=np.array([[0.9, 0.1], [0.2, 0.8]]),
    ...     emissions=Categorical(probabilities=np.array([[0.8, 0.2], [0.1, 0.9]])),
    ... )
    >>> weather.viterbi([0, 0, 1, 0, 1, 1, 1])[0]
    array([0, 0, 0, 0, 1, 1, 1])
    """

    start: np.ndarray
    transition: np.ndarray
    emissions: Emissions

    def __post_init__(self) -> None:
        k = self.emissions.n_states
        object.__setattr__(self, "start", check_distribution(self.start, name="start", shape=(k,)))
        rows = check_distribution(self.transition, name="transition", shape=(k, k))
        object.__setattr__(self, "transition", np.ascontiguousarray(rows))

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.start)

    @property
    def n_parameters(self) -> int:
        """Free numbers; probabilities that are 0 count as fixed."""
        chain = np.count_nonzero(self.start) - 1 + np.count_nonzero(self.transition) - self.n_states
        return int(chain) + self.emissions.n_parameters

    def log_likelihood(self, X: np.ndarray) -> float:
        """``log p(X)`` of one sequence, ``-inf`` if it cannot happen."""
        return float(self.log_likelihoods([X])[0])

    def log_likelihoods(self, sequences: Any) -> np.ndarray:
        """``log p`` of each of many sequences, shape (n_sequences,)."""
        X, ends = stack(sequences, self.emissions)
        return inference.log_likelihoods(self.emissions.log_probability(X), ends, self.start, self.transition)

    def posterior(self, X: np.ndarray) -> np.ndarray:
        """``p(state j at t | X)``, shape (n, k); rows sum to 1. An error where `X` cannot happen."""
        return posterior(self.emissions.log_probability(X), self.start, self.transition)[0]

    def viterbi(self, X: np.ndarray) -> tuple[np.ndarray, float]:
        """The most likely path (n,) and ``log p(X, path)``. An error where `X` cannot happen."""
        return viterbi(self.emissions.log_probability(X), self.start, self.transition)

    def sample(self, length: int, *, rng: RNGLike = None) -> tuple[np.ndarray, np.ndarray]:
        """Draw a sequence: a path of `length` states, then an observation for each.

        Returns
        -------
        X : np.ndarray [shape=(length,) or (length, d)]
            Symbols or vectors.
        states : np.ndarray [shape=(length,), int64]
        """
        length, rng = check_integer(length, name="length", low=1), generator(rng)
        states = np.empty(length, dtype=np.int64)
        states[0] = choose(self.start, rng)
        for t in range(1, length):
            states[t] = choose(self.transition[states[t - 1]], rng)
        return self.emissions.sample(states, rng=rng), states


def left_to_right(
    sequences: Any,
    *,
    n_states: int,
    n_symbols: int | None = None,
    covariance: str = "diagonal",
    n_components: int = 1,
    skips: int = 0,
    floor: float = 1e-3,
    rng: RNGLike = None,
) -> Hmm:
    """A chain that starts in its first state and only moves forward, as a start for :func:`fit_hmm`: states follow time.

    Each sequence is cut into `n_states` parts of equal length, and each state is estimated from its part of all sequences. A state stays
    with the probability that makes its mean duration that of its parts; the last state stays for ever.

    Parameters
    ----------
    sequences : list of np.ndarray
        Vectors (n, d); or symbols (n,), if `n_symbols` is given. Sequences shorter than `n_states` are allowed: they do not reach the end.
    n_states : int >= 1
        Length of the chain; not more than the longest sequence has frames.
    n_symbols, covariance, n_components, floor, rng
        Kind of emissions, as in :func:`from_labels`.
    skips : int >= 0
        How many states a step may leave out; each of the steps allowed is as likely as the others.

    Returns
    -------
    hmm : Hmm

    Raises
    ------
    ParameterError
        If an argument is out of range, or all sequences are shorter than the chain.

    Examples
    --------
    >>> chain = left_to_right([np.array([[0.0], [0.0], [5.0], [5.0]])] * 2, n_states=2)
    >>> chain.transition, chain.emissions.means
    (array([[0.5, 0.5],
           [0. , 1. ]]), array([[0.],
           [5.]]))
    """
    found = _listed(sequences, n_symbols)
    k = check_integer(n_states, name="n_states", low=1)
    skips = check_integer(skips, name="skips", low=0)
    if max(len(x) for x in found) < k:
        raise ParameterError(f"n_states must be <= the length of the longest sequence, {max(len(x) for x in found)}; received {k}")
    labels = np.concatenate([uniform_path(len(x), n_states=k) for x in found])
    emissions = from_labels(
        np.concatenate(found),
        labels,
        n_states=k,
        n_symbols=n_symbols,
        covariance=covariance,
        n_components=n_components,
        floor=floor,
        rng=rng,
    )
    stay = 1.0 - 1.0 / np.maximum(np.bincount(labels, minlength=k) / len(found), 1.1)
    transition = np.diag(stay)
    for i in range(k - 1):
        ahead = slice(i + 1, i + 2 + skips)
        transition[i, ahead] = (1.0 - stay[i]) / len(transition[i, ahead])
    transition[-1, -1] = 1.0
    return Hmm(start=np.eye(k)[0], transition=transition, emissions=emissions)


def ergodic(
    sequences: Any,
    *,
    n_states: int,
    n_symbols: int | None = None,
    covariance: str = "diagonal",
    n_components: int = 1,
    floor: float = 1e-3,
    rng: RNGLike = None,
) -> Hmm:
    """A chain in which every state may follow every other, as a start for :func:`fit_hmm`.

    Vectors: states are the clusters that k-means finds (of numbers divided by their standard deviations); starts and transitions are
    counted, each once more than seen. Symbols tell nothing about states by themselves, so all probabilities are drawn: those of symbols
    between half and one and a half times their share in the data, all others around equal.

    Parameters
    ----------
    sequences : list of np.ndarray
        Vectors (n, d), together at least `n_states`; or symbols (n,), if `n_symbols` is given.
    n_states : int >= 1
        How many states.
    n_symbols, covariance, n_components, floor
        Kind of emissions, as in :func:`from_labels`.
    rng : int, Generator or None
        Of k-means or the draw.

    Returns
    -------
    hmm : Hmm

    Raises
    ------
    ParameterError
        If an argument is out of range, or there are fewer vectors than states.

    Examples
    --------
    >>> found = ergodic([np.array([[0.0], [0.0], [5.0], [5.0], [0.0], [0.0]])], n_states=2, rng=0)
    >>> sorted(found.emissions.means.ravel().tolist()), np.sort(found.transition.ravel()).round(2)
    ([0.0, 5.0], array([0.4, 0.5, 0.5, 0.6]))
    """
    found, rng = _listed(sequences, n_symbols), generator(rng)
    k = check_integer(n_states, name="n_states", low=1)
    X = np.concatenate(found)
    if n_symbols is not None:
        share = (np.bincount(X, minlength=n_symbols) + 1.0) / (len(X) + n_symbols)
        start, transition, p = (0.5 + rng.random(shape) for shape in (k, (k, k), (k, n_symbols)))
        p *= share
        emissions: Emissions = Categorical(probabilities=p / p.sum(axis=1, keepdims=True))
    else:
        _, labels = kmeans(X / np.sqrt(data_variance(X)), n_clusters=k, rng=rng)
        emissions = from_labels(X, labels, n_states=k, covariance=covariance, n_components=n_components, floor=floor, rng=rng)
        start, transition = np.ones(k), np.ones((k, k))
        for path in np.split(labels, np.cumsum([len(x) for x in found])[:-1]):
            start[path[0]] += 1.0
            np.add.at(transition, (path[:-1], path[1:]), 1.0)
    return Hmm(start=start / start.sum(), transition=transition / transition.sum(axis=1, keepdims=True), emissions=emissions)


def from_labels(
    X: np.ndarray,
    labels: np.ndarray,
    *,
    n_states: int,
    n_symbols: int | None = None,
    covariance: str = "diagonal",
    n_components: int = 1,
    floor: float = 1e-3,
    rng: RNGLike = None,
) -> Emissions:
    """Emissions of states of which it is known (or guessed, for a start) which observations they made.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d) or (n,)]
        Vectors; or symbols, if `n_symbols` is given.
    labels : np.ndarray [shape=(n,), int]
        The state of each observation, 0 to ``n_states - 1``. A state without any gets the moments of all; one with fewer vectors than
        `n_components` gets bells of weight 0, which never come alive.
    n_states : int >= 1
        How many states.
    n_symbols : int >= 1, optional
        For :class:`Categorical`: 1 is added to each count, so that no symbol is impossible.
    covariance : {"diagonal", "full"}
        For vectors and one bell for each state.
    n_components : int >= 1
        Bells of each state; more than one makes :class:`MixtureEmissions`, by k-means in each state.
    floor : float, 0 to 1
        Smallest variance, as a share of each number's variance in `X`.
    rng : int, Generator or None
        Of k-means.

    Returns
    -------
    emissions : Categorical, Gaussian or MixtureEmissions

    Raises
    ------
    ParameterError
        If an argument is out of range or shapes do not fit.

    Examples
    --------
    >>> from_labels(np.array([[0.0], [2.0], [7.0], [9.0]]), np.array([0, 0, 1, 1]), n_states=2).means
    array([[1.],
           [8.]])
    """
    n_states = check_integer(n_states, name="n_states", low=1)
    n_components = check_integer(n_components, name="n_components", low=1)
    full = check_choice(covariance, name="covariance", choices=("diagonal", "full")) == "full"
    share = check_number(floor, name="floor", low=1e-12, high=1.0)
    labels = check_path(labels, n_states=n_states, name="labels")
    if len(labels) != len(X):
        raise ParameterError(f"labels must name a state for each of {len(X)} observation(s); received {len(labels)}")
    one_hot = np.zeros((len(X), n_states))
    one_hot[np.arange(len(X)), labels] = 1.0
    if n_symbols is not None:
        m = check_integer(n_symbols, name="n_symbols", low=1)
        return Categorical(probabilities=np.full((n_states, m), 1.0 / m)).reestimate(X, one_hot, smoothing=1.0)
    X = check_samples(X)
    lowest = share * data_variance(X)
    if n_components > 1:
        if full:
            raise ParameterError("covariance must be diagonal where a state has several components; received 'full'")
        rng = generator(rng)
        parts = [_rows_for(X, labels == state, n_components) for state in range(n_states)]
        found = [start_mixture(rows, n_components=n_components, full=False, floor=lowest, rng=rng) for rows in parts]
        return MixtureEmissions(
            weights=np.stack([m.weights for m in found]),
            means=np.stack([m.means for m in found]),
            variances=np.stack([m.covariances for m in found]),
        )
    middle = X.mean(axis=0)
    spread = np.cov(X.T, bias=True).reshape(X.shape[1], -1) if full else np.square(X - middle).mean(axis=0)
    widest = raise_to(np.repeat(spread[None], n_states, axis=0), lowest)
    return Gaussian(means=np.tile(middle, (n_states, 1)), covariances=widest).reestimate(X, one_hot, floor=lowest)


def _rows_for(X: np.ndarray, chosen: np.ndarray, at_least: int) -> np.ndarray:
    """The chosen rows, or all if there are none; repeated where they are too few."""
    rows = X[chosen] if chosen.any() else X
    return rows if len(rows) >= at_least else np.resize(rows, (at_least, X.shape[1]))


def uniform_path(n: int, *, n_states: int) -> np.ndarray:
    """The path of `n` frames that spends the same time in each state, as nearly as whole frames allow.

    Examples
    --------
    >>> uniform_path(5, n_states=3)
    array([0, 0, 1, 1, 2])
    """
    return np.arange(n) * n_states // n


def _listed(sequences: Any, n_symbols: int | None) -> list[np.ndarray]:
    return check_sequences(sequences) if n_symbols is None else check_symbols(sequences, n_symbols=n_symbols)
