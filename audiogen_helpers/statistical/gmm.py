"""Gaussian mixtures: a density as a sum of a few bells, fitted by expectation and maximisation (EM), and drawn from.

Chapter: chapters/methods/mixture_models.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_choice, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, check_samples, choose, safe_log
from audiogen_helpers.statistical._gaussians import (
    BLOCK,
    FARTHEST,
    LARGEST,
    SMALLEST,
    Gaussians,
    check_floor,
    check_matrices,
    maximise,
    normalise,
    raise_to,
)
from audiogen_helpers.statistical._threads import one_thread
from audiogen_helpers.statistical.kmeans import kmeans

__all__ = ["Mixture", "data_variance", "em_step", "fit_gmm"]

START_ROWS = 20_000  # rows that k-means sees


@dataclass(frozen=True)
class Mixture:
    r"""A mixture of Gaussians, :math:`p(x) = \sum_k w_k\, N(x; \mu_k, \Sigma_k)`.

    The order of the components means nothing: with all of them permuted it is the same density (*label switching*), so two fits are
    compared by what they say about data or after :meth:`ordered`, never component by component.

    Parameters
    ----------
    weights : np.ndarray [shape=(k,)]
        Shares, >= 0, with sum 1. A component of weight 0 is allowed; it never speaks.
    means : np.ndarray [shape=(k, d)]
    covariances : np.ndarray [shape=(k, d) or (k, d, d)]
        Variances of independent numbers (diagonal covariances), or full matrices, symmetric and positive definite.

    Raises
    ------
    ParameterError
        If the shapes do not fit, a variance is not above 1e-100, a matrix is singular, or the weights are no distribution.

    Examples
    --------
    >>> two = Mixture(weights=np.array([0.5, 0.5]), means=np.array([[-1.0], [1.0]]), covariances=np.array([[0.1], [0.1]]))
    >>> two.posterior(np.array([[-1.0], [0.0]])).round(3)
    array([[1. , 0. ],
           [0.5, 0.5]])
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def __post_init__(self) -> None:
        means = check_array(self.means, name="means", ndim=2, low=-FARTHEST, high=FARTHEST).astype(np.float64)
        k, d = means.shape
        if not k or not d:
            raise ParameterError(f"means must have at least one row of at least one number; received shape {means.shape}")
        covariances = check_array(self.covariances, name="covariances", ndim=(2, 3)).astype(np.float64)
        if covariances.shape not in ((k, d), (k, d, d)):
            raise ParameterError(f"covariances must have shape {(k, d)} or {(k, d, d)}; received shape {covariances.shape}")
        if covariances.ndim == 2:
            check_array(covariances, name="covariances", low=SMALLEST, high=LARGEST)
        else:
            check_matrices(covariances)
        for name, value in (
            ("weights", check_distribution(self.weights, name="weights", shape=(k,))),
            ("means", means),
            ("covariances", covariances),
        ):
            object.__setattr__(self, name, value)

    @property
    def full(self) -> bool:
        """Whether the covariances are matrices."""
        return self.covariances.ndim == 3

    @property
    def n_parameters(self) -> int:
        """Free numbers: weights (one less, for they sum to 1), means and covariances."""
        k, d = self.means.shape
        return k - 1 + k * d + k * (d * (d + 1) // 2 if self.full else d)

    def log_likelihood(self, X: np.ndarray) -> np.ndarray:
        """Logarithm of the density at each row of `X` (n, d), shape (n,); finite however far away the row is."""
        return self._split(X)[0]

    def posterior(self, X: np.ndarray) -> np.ndarray:
        """Probability of each component given each row of `X` (n, d), shape (n, k): the *responsibilities*."""
        return self._split(X)[1]

    def _split(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        X, g, log_weights = _check_rows(X, self), Gaussians(self.means, self.covariances), safe_log(self.weights)
        total, shares = np.empty(len(X)), np.empty((len(X), len(self.weights)))
        with one_thread():
            for start in range(0, len(X), BLOCK):
                part = slice(start, start + BLOCK)
                total[part], shares[part] = normalise(g.log_density(X[part]) + log_weights)
        return total, shares

    def bic(self, X: np.ndarray) -> float:
        """Bayesian information criterion on the rows of `X` (n, d), the lower the better: ``n_parameters * ln(n) - 2 ln(likelihood)``."""
        return float(self.n_parameters * np.log(len(X)) - 2.0 * self.log_likelihood(X).sum())

    def sample(self, n: int, *, rng: RNGLike = None) -> tuple[np.ndarray, np.ndarray]:
        """Draw `n` vectors: which component, by the weights, then a vector from its bell.

        Returns
        -------
        X : np.ndarray [shape=(n, d), float64]
        components : np.ndarray [shape=(n,), int64]
            The component that each came from.
        """
        n, rng = check_integer(n, name="n", low=0), generator(rng)
        components = choose(self.weights, rng, size=n)
        noise = rng.standard_normal((n, self.means.shape[1]))
        if self.full:
            roots = np.linalg.cholesky(self.covariances)
            for k in np.unique(components):
                noise[components == k] = noise[components == k] @ roots[k].T
        else:
            noise *= np.sqrt(self.covariances)[components]
        return self.means[components] + noise, components

    def ordered(self, *, by: int = 0) -> Mixture:
        """The same density with the components in rising order of the number `by` of their means."""
        order = np.argsort(self.means[:, check_integer(by, name="by", low=0, high=self.means.shape[1] - 1)], kind="stable")
        return Mixture(weights=self.weights[order], means=self.means[order], covariances=self.covariances[order])


def em_step(mixture: Mixture, X: np.ndarray, *, floor: float | np.ndarray = 0.0) -> tuple[Mixture, float]:
    """One step of EM: the responsibilities of `mixture`, then the weighted shares, means and covariances that they give.

    The likelihood never falls, with a floor neither: the floored covariance is the most likely one among those allowed. A component that
    no vector belongs to stays where it is, with its weight gone to (nearly) 0.

    Parameters
    ----------
    mixture : Mixture
        Where to start.
    X : np.ndarray [shape=(n, d)]
        Vectors.
    floor : float or np.ndarray [shape=(d,)], >= 0
        Smallest variance of a component, of each number. For full covariances: after dividing the numbers by the roots of the floors, no
        direction has a variance below 1 (eigenvalues are raised).

    Returns
    -------
    mixture : Mixture
    log_likelihood : float
        Mean over the rows, of the mixture that came in.

    Raises
    ------
    ParameterError
        If a shape does not fit, or a component shrinks to no width and there is no floor.

    References
    ----------
    A. Dempster, N. Laird and D. Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm,
    J. Royal Stat. Soc. B 39(1), 1-38.

    Examples
    --------
    >>> X = np.array([[-1.2], [-0.8], [0.8], [1.2]])
    >>> start = Mixture(weights=np.array([0.5, 0.5]), means=np.array([[-1.0], [1.0]]), covariances=np.array([[0.1], [0.1]]))
    >>> better, before = em_step(start, X)
    >>> better.covariances.round(3).ravel(), bool(better.log_likelihood(X).mean() > before)
    (array([0.04, 0.04]), True)
    """
    return unchecked_step(mixture, _check_rows(X, mixture), check_floor(floor, mixture.means.shape[1]))


def fit_gmm(
    X: np.ndarray,
    *,
    n_components: int,
    covariance: str = "diagonal",
    n_iter: int = 100,
    tol: float = 1e-4,
    n_starts: int = 1,
    floor: float = 1e-6,
    rng: RNGLike = None,
) -> tuple[Mixture, np.ndarray]:
    """Fit a mixture by EM from a k-means++ start.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Vectors, at least `n_components`.
    n_components : int >= 1
        How many.
    covariance : {"diagonal", "full"}
        Kind of the bells.
    n_iter : int >= 0
        Steps at most; 0 returns the start.
    tol : float >= 0
        A step that adds less than this to the mean log-likelihood is the last.
    n_starts : int >= 1
        Starts; the fit with the highest likelihood wins.
    floor : float > 0
        Smallest variance of a component, as a share of each number's variance in the data (:func:`data_variance`). It keeps a component
        from shrinking onto one vector, where the likelihood has no bound.
    rng : int, Generator or None
        Of the starts.

    Returns
    -------
    mixture : Mixture
        Components in the order in which the start drew them: it means nothing.
    history : np.ndarray [shape=(steps + 1,)]
        Mean log-likelihood before the first step and after each; it never falls.

    Raises
    ------
    ParameterError
        If there are fewer rows than components, a row is not finite, or an argument is out of range.

    References
    ----------
    C. Bishop (2006), Pattern Recognition and Machine Learning, Springer, chapter 9.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(-2.0, 0.5, (700, 1)), rng.normal(1.0, 1.0, (300, 1))])
    >>> mixture, history = fit_gmm(X, n_components=2, rng=0)
    >>> mixture.ordered().means.ravel().round(1), mixture.ordered().weights.round(1)
    (array([-2. ,  0.9]), array([0.7, 0.3]))
    """
    n_components = check_integer(n_components, name="n_components", low=1)
    X = check_samples(X, at_least=n_components)
    check_array(X, name="X", low=-FARTHEST, high=FARTHEST)
    full = check_choice(covariance, name="covariance", choices=("diagonal", "full")) == "full"
    n_iter, tol = check_integer(n_iter, name="n_iter", low=0), check_number(tol, name="tol", low=0.0)
    n_starts, rng = check_integer(n_starts, name="n_starts", low=1), generator(rng)
    lowest = check_number(floor, name="floor", low=1e-12, high=1.0) * data_variance(X)
    with one_thread():
        starts = (start_mixture(X, n_components=n_components, full=full, floor=lowest, rng=rng) for _ in range(n_starts))
        return max((_climb(start, X, lowest, n_iter, tol) for start in starts), key=lambda found: found[1][-1])


def data_variance(X: np.ndarray) -> np.ndarray:
    """Variance of each column of `X` (n, d), shape (d,), never 0: that of a constant column (up to rounding) counts as 1.

    Examples
    --------
    >>> data_variance(np.array([[0.0, 7.0], [2.0, 7.0]]))
    array([1., 1.])
    """
    X = check_samples(X)
    middle = X.mean(axis=0)
    variance = np.square(X - middle).mean(axis=0)
    return np.where(variance <= np.maximum(1e-20 * np.square(middle), SMALLEST * 1e12), 1.0, variance)


def start_mixture(X: np.ndarray, *, n_components: int, full: bool, floor: np.ndarray, rng: np.random.Generator) -> Mixture:
    """Clusters of k-means (on at most 20,000 rows) as components: their shares, means, and covariances with the mean one mixed in as if it
    were one more vector (`d` more for full ones), so that a cluster of one vector is not born as a spike.
    """
    if len(X) > max(START_ROWS, n_components):
        X = X[np.sort(rng.choice(len(X), max(START_ROWS, n_components), replace=False))]
    centres, labels = kmeans(X, n_clusters=n_components, rng=rng, n_iter=20)
    counts = np.bincount(labels, minlength=n_components).astype(np.float64)
    difference, d = X - centres[labels], X.shape[1]
    scatter = np.zeros((n_components, d, d) if full else (n_components, d))
    for k in range(n_components):
        inside = difference[labels == k]
        scatter[k] = inside.T @ inside if full else np.square(inside).sum(axis=0)
    extra = d if full else 1
    shape = (-1,) + (1,) * (scatter.ndim - 1)
    covariances = (scatter + extra * scatter.sum(axis=0) / len(X)) / (counts + extra).reshape(shape)
    return Mixture(weights=counts / len(X), means=centres, covariances=raise_to(covariances, floor))


def _climb(mixture: Mixture, X: np.ndarray, floor: np.ndarray, n_iter: int, tol: float) -> tuple[Mixture, np.ndarray]:
    history: list[float] = []
    for _ in range(n_iter):
        better, value = unchecked_step(mixture, X, floor)
        history.append(value)
        if len(history) > 1 and history[-1] - history[-2] < tol:
            return mixture, np.array(history)
        mixture = better
    return mixture, np.array([*history, mixture.log_likelihood(X).mean()])


def unchecked_step(mixture: Mixture, X: np.ndarray, floor: np.ndarray) -> tuple[Mixture, float]:
    """EM by sums over blocks of rows: of the responsibilities, and of the rows and their squares weighted by them."""
    g, log_weights = Gaussians(mixture.means, mixture.covariances), safe_log(mixture.weights)
    count, total, first, second = np.zeros(len(log_weights)), 0.0, np.zeros_like(mixture.means), np.zeros_like(mixture.covariances)
    with one_thread():
        for start in range(0, len(X), BLOCK):
            x = X[start : start + BLOCK]
            value, shares = normalise(g.log_density(x) + log_weights)
            one, two = g.moments(x, shares)
            count += shares.sum(axis=0)
            total += value.sum()
            first += one
            second += two
    means, covariances = maximise(g, count, first, second, floor)
    return Mixture(weights=count / count.sum(), means=means, covariances=covariances), float(total / len(X))


def _check_rows(X: np.ndarray, mixture: Mixture) -> np.ndarray:
    X = check_samples(X)
    if X.shape[1] != mixture.means.shape[1]:
        raise ParameterError(f"X must have {mixture.means.shape[1]} column(s), as the means have; received shape {X.shape}")
    return check_array(X, name="X", low=-FARTHEST, high=FARTHEST)
