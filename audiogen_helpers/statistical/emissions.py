"""What a hidden state lets out: symbols, vectors from a Gaussian, or vectors from a mixture of Gaussians.

All kinds do the same things: `prepare` (check) observations, `log_probability`, `sample`, and `reestimate` from posteriors of the states,
which is half of a Baum-Welch step. A state that hardly any frame belongs to (together less than 1e-10 of one) stays as it is; and where
variances have a floor, the re-estimated ones are the most likely among those that respect it, so the likelihood still never falls.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, check_samples, check_symbols, choose, safe_log
from audiogen_helpers.statistical._gaussians import (
    BLOCK,
    EMPTY,
    LARGEST,
    SMALLEST,
    Gaussians,
    check_floor,
    check_matrices,
    maximise,
    normalise,
    raise_to,
)

__all__ = ["Categorical", "Emissions", "Gaussian", "MixtureEmissions", "stack"]

Self = TypeVar("Self", bound="Emissions")


class Emissions(Protocol):
    """What every kind of emission can do."""

    @property
    def n_states(self) -> int:
        """How many states."""

    @property
    def n_parameters(self) -> int:
        """Free numbers."""

    def prepare(self, X: Any, *, name: str = "X") -> np.ndarray:
        """Observations of one sequence, checked: symbols (n,) int64 or vectors (n, d) float64; at least one."""

    def log_probability(self, X: np.ndarray) -> np.ndarray:
        """Of each observation in each state, natural logarithm, shape (n, k)."""

    def sample(self, states: np.ndarray, *, rng: RNGLike = None) -> np.ndarray:
        """An observation for each state of a path (n,)."""

    def reestimate(self: Self, X: np.ndarray, posterior: np.ndarray, *, floor: float | np.ndarray = 0.0, smoothing: float = 0.0) -> Self:
        """The most likely emissions where frame `t` belongs to state `j` with weight ``posterior[t, j]``."""

    def raised(self: Self, floor: float | np.ndarray) -> Self:
        """The same with variances raised to `floor` where they are below."""


@dataclass(frozen=True)
class Categorical:
    """Symbols 0 to m - 1, drawn by the weights of the state.

    Parameters
    ----------
    probabilities : np.ndarray [shape=(k, m)]
        Of each symbol in each state; rows sum to 1.

    Raises
    ------
    ParameterError
        If a row is no distribution.

    Examples
    --------
    >>> two = Categorical(probabilities=np.array([[0.5, 0.5], [1.0, 0.0]]))
    >>> np.exp(two.log_probability([0, 1]))
    array([[0.5, 1. ],
           [0.5, 0. ]])
    """

    probabilities: np.ndarray

    def __post_init__(self) -> None:
        p = check_distribution(self.probabilities, name="probabilities")
        if p.ndim != 2 or not len(p):
            raise ParameterError(f"probabilities must have shape (n_states, n_symbols); received shape {p.shape}")
        object.__setattr__(self, "probabilities", p)

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.probabilities)

    @property
    def n_parameters(self) -> int:
        """Free numbers: one less than symbols for each state."""
        return self.n_states * (self.probabilities.shape[1] - 1)

    def prepare(self, X: Any, *, name: str = "X") -> np.ndarray:
        """Symbols (n,) as int64; a symbol that no state knows is an error (one that has probability 0 is not)."""
        return check_path(X, n_states=self.probabilities.shape[1], name=name)

    def log_probability(self, X: np.ndarray) -> np.ndarray:
        """Of each symbol in each state, shape (n, k); ``-inf`` where it cannot be."""
        return self._log[self.prepare(X)]

    @cached_property
    def _log(self) -> np.ndarray:
        return safe_log(np.ascontiguousarray(self.probabilities.T))

    def sample(self, states: np.ndarray, *, rng: RNGLike = None) -> np.ndarray:
        """A symbol for each state of a path (n,), int64."""
        return choose(self.probabilities[check_path(states, n_states=self.n_states)], generator(rng))

    def reestimate(self, X: np.ndarray, posterior: np.ndarray, *, floor: float | np.ndarray = 0.0, smoothing: float = 0.0) -> Categorical:
        """Shares of the symbols in each state; `smoothing` is added to each count, `floor` is for other kinds of emission."""
        X, posterior = self.prepare(X), _check_posterior(posterior, len(X), self.n_states)
        more = check_number(smoothing, name="smoothing", low=0.0)
        counts = np.stack([np.bincount(X, weights=column, minlength=self.probabilities.shape[1]) for column in posterior.T]) + more
        mass = counts.sum(axis=1, keepdims=True)
        return Categorical(probabilities=np.where(mass > EMPTY, counts / np.where(mass > EMPTY, mass, 1.0), self.probabilities))

    def raised(self, floor: float | np.ndarray) -> Categorical:
        """Itself: symbols have no variance."""
        return self


@dataclass(frozen=True)
class Gaussian:
    """Vectors from one bell for each state.

    Parameters
    ----------
    means : np.ndarray [shape=(k, d)]
    covariances : np.ndarray [shape=(k, d) or (k, d, d)]
        Variances of independent numbers, or full matrices, symmetric and positive definite.

    Raises
    ------
    ParameterError
        If the shapes do not fit, a variance is not above 1e-100 or a matrix is singular.

    Examples
    --------
    >>> two = Gaussian(means=np.array([[0.0], [3.0]]), covariances=np.array([[1.0], [4.0]]))
    >>> two.log_probability(np.array([[3.0]])).round(3)
    array([[-5.419, -1.612]])
    """

    means: np.ndarray
    covariances: np.ndarray

    def __post_init__(self) -> None:
        means = _check_means(self.means, 2)
        k, d = means.shape
        covariances = check_array(self.covariances, name="covariances", ndim=(2, 3), high=LARGEST).astype(np.float64)
        if covariances.shape not in ((k, d), (k, d, d)):
            raise ParameterError(f"covariances must have shape {(k, d)} or {(k, d, d)}; received shape {covariances.shape}")
        if covariances.ndim == 2:
            check_array(covariances, name="covariances", low=SMALLEST)
        else:
            check_matrices(covariances)
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "covariances", covariances)

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.means)

    @property
    def n_parameters(self) -> int:
        """Free numbers: means, and variances or the upper half of the matrices."""
        k, d = self.means.shape
        return k * d + k * (d if self.covariances.ndim == 2 else d * (d + 1) // 2)

    @cached_property
    def _bells(self) -> Gaussians:
        return Gaussians(self.means, self.covariances)

    def prepare(self, X: Any, *, name: str = "X") -> np.ndarray:
        """Vectors (n, d) as float64, at least one."""
        return _check_vectors(X, self.means.shape[-1], name)

    def log_probability(self, X: np.ndarray) -> np.ndarray:
        """Log-density of each vector in each state, shape (n, k); finite however far away."""
        X = self.prepare(X)
        return np.concatenate([self._bells.log_density(X[part]) for part in _blocks(len(X))])

    def sample(self, states: np.ndarray, *, rng: RNGLike = None) -> np.ndarray:
        """A vector for each state of a path (n,), shape (n, d)."""
        states, rng = check_path(states, n_states=self.n_states), generator(rng)
        noise = rng.standard_normal((len(states), self.means.shape[1]))
        if self.covariances.ndim == 2:
            return self.means[states] + np.sqrt(self.covariances)[states] * noise
        return self.means[states] + np.einsum("nij,nj->ni", np.linalg.cholesky(self.covariances)[states], noise)

    def reestimate(self, X: np.ndarray, posterior: np.ndarray, *, floor: float | np.ndarray = 0.0, smoothing: float = 0.0) -> Gaussian:
        """Weighted means and covariances; no variance below `floor` (one, or one for each number), `smoothing` is for symbols."""
        X, posterior = self.prepare(X), _check_posterior(posterior, len(X), self.n_states)
        first, second = np.zeros_like(self.means), np.zeros_like(self.covariances)
        for part in _blocks(len(X)):
            one, two = self._bells.moments(X[part], posterior[part])
            first += one
            second += two
        lowest = check_floor(floor, self.means.shape[1])
        means, covariances = maximise(self._bells, posterior.sum(axis=0), first, second, lowest)
        return Gaussian(means=means, covariances=covariances)

    def raised(self, floor: float | np.ndarray) -> Gaussian:
        """The same with variances raised to `floor`."""
        return Gaussian(means=self.means, covariances=raise_to(self.covariances, check_floor(floor, self.means.shape[1])))


@dataclass(frozen=True)
class MixtureEmissions:
    """Vectors from a mixture of bells for each state, all with independent numbers (diagonal).

    Parameters
    ----------
    weights : np.ndarray [shape=(k, m)]
        Of the `m` bells of each state; rows sum to 1.
    means, variances : np.ndarray [shape=(k, m, d)]

    Raises
    ------
    ParameterError
        If the shapes do not fit, a variance is not above 1e-100 or a row of weights is no distribution.

    Examples
    --------
    >>> one = MixtureEmissions(weights=np.array([[0.5, 0.5]]), means=np.array([[[0.0], [3.0]]]), variances=np.array([[[1.0], [4.0]]]))
    >>> one.log_probability(np.array([[3.0]])).round(3)
    array([[-2.283]])
    """

    weights: np.ndarray
    means: np.ndarray
    variances: np.ndarray

    def __post_init__(self) -> None:
        means = _check_means(self.means, 3)
        variances = check_array(self.variances, name="variances", ndim=3, low=SMALLEST, high=LARGEST).astype(np.float64)
        if variances.shape != means.shape:
            raise ParameterError(f"variances must have the shape of means, {means.shape}; received shape {variances.shape}")
        object.__setattr__(self, "weights", check_distribution(self.weights, name="weights", shape=means.shape[:2]))
        object.__setattr__(self, "means", means)
        object.__setattr__(self, "variances", variances)

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.means)

    @property
    def n_parameters(self) -> int:
        """Free numbers: weights (one less for each state, for they sum to 1), means and variances."""
        return self.n_states * (self.weights.shape[1] - 1) + 2 * self.means.size

    @cached_property
    def _bells(self) -> Gaussians:
        d = self.means.shape[-1]
        return Gaussians(self.means.reshape(-1, d), self.variances.reshape(-1, d))

    def prepare(self, X: Any, *, name: str = "X") -> np.ndarray:
        """Vectors (n, d) as float64, at least one."""
        return _check_vectors(X, self.means.shape[-1], name)

    def _shares(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of a block: log-densities of the states (n, k), and the share of each bell in its state (n, k, m)."""
        return normalise(self._bells.log_density(x).reshape(len(x), *self.weights.shape) + safe_log(self.weights))

    def log_probability(self, X: np.ndarray) -> np.ndarray:
        """Log-density of each vector in each state, shape (n, k); finite however far away."""
        X = self.prepare(X)
        return np.concatenate([self._shares(X[part])[0] for part in _blocks(len(X))])

    def sample(self, states: np.ndarray, *, rng: RNGLike = None) -> np.ndarray:
        """A vector for each state of a path (n,), shape (n, d): first a bell, then a vector from it."""
        states, rng = check_path(states, n_states=self.n_states), generator(rng)
        bells = choose(self.weights[states], rng)
        noise = rng.standard_normal((len(states), self.means.shape[-1]))
        return self.means[states, bells] + np.sqrt(self.variances[states, bells]) * noise

    def reestimate(
        self, X: np.ndarray, posterior: np.ndarray, *, floor: float | np.ndarray = 0.0, smoothing: float = 0.0
    ) -> MixtureEmissions:
        """One step of EM for the bells of each state; no variance below `floor` (one, or one for each number)."""
        X, posterior = self.prepare(X), _check_posterior(posterior, len(X), self.n_states)
        d, g = self.means.shape[-1], self._bells
        count, first, second = np.zeros(self.weights.size), np.zeros_like(g.means), np.zeros_like(g.covariances)
        for part in _blocks(len(X)):
            shares = (self._shares(X[part])[1] * posterior[part, :, None]).reshape(-1, self.weights.size)
            one, two = g.moments(X[part], shares)
            count += shares.sum(axis=0)
            first += one
            second += two
        means, variances = maximise(g, count, first, second, check_floor(floor, d))
        mass = count.reshape(self.weights.shape)
        total = mass.sum(axis=1, keepdims=True)
        weights = np.where(total > EMPTY, mass / np.where(total > EMPTY, total, 1.0), self.weights)
        return MixtureEmissions(weights=weights, means=means.reshape(self.means.shape), variances=variances.reshape(self.means.shape))

    def raised(self, floor: float | np.ndarray) -> MixtureEmissions:
        """The same with variances raised to `floor`."""
        lowest = check_floor(floor, self.means.shape[-1])
        return MixtureEmissions(weights=self.weights, means=self.means, variances=np.maximum(self.variances, lowest))


def stack(sequences: Any, emissions: Emissions) -> tuple[np.ndarray, np.ndarray]:
    """Many sequences one after the other, checked, and where each ends.

    Examples
    --------
    >>> stack([[0, 1], [1]], Categorical(probabilities=np.array([[0.5, 0.5]])))
    (array([0, 1, 1]), array([2, 3]))
    """
    if isinstance(sequences, np.ndarray) and sequences.dtype != object and sequences.ndim < 3:
        raise ParameterError(f"sequences must be a list of sequences; received one array of shape {sequences.shape} (put it in a list)")
    try:
        found = [emissions.prepare(x, name=f"sequences[{i}]") for i, x in enumerate(sequences)]
    except TypeError:
        raise ParameterError("sequences must be a list of sequences; received something that cannot be listed") from None
    if not found:
        raise ParameterError("sequences must hold at least one sequence; received none")
    return np.concatenate(found), np.cumsum([len(x) for x in found])


def _blocks(n: int) -> Iterator[slice]:
    return (slice(i, i + BLOCK) for i in range(0, n, BLOCK))


def _check_means(means: Any, ndim: int) -> np.ndarray:
    means = check_array(means, name="means", ndim=ndim, low=-LARGEST, high=LARGEST).astype(np.float64)
    if means.size == 0:
        raise ParameterError(f"means must have at least one state and one number; received shape {means.shape}")
    return means


def _check_vectors(X: Any, d: int, name: str) -> np.ndarray:
    X = check_samples(X, name=name)
    if X.shape[1] != d:
        raise ParameterError(f"{name} must have {d} column(s), as the means have; received shape {X.shape}")
    return check_array(X, name=name, low=-LARGEST, high=LARGEST)


def check_path(states: Any, *, n_states: int, name: str = "states") -> np.ndarray:
    """One sequence of whole numbers from 0 to ``n_states - 1``, as int64 (n,); at least one."""
    try:
        return check_symbols([states], n_symbols=n_states, name=name)[0]
    except ParameterError as error:
        raise ParameterError(str(error).replace(f"{name}[0]", name)) from None


def _check_posterior(posterior: Any, n: int, k: int) -> np.ndarray:
    posterior = check_array(posterior, name="posterior", ndim=2, low=0.0).astype(np.float64)
    if posterior.shape != (n, k):
        raise ParameterError(f"posterior must have shape {(n, k)}; received shape {posterior.shape}")
    return posterior
