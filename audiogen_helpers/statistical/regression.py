"""Regression by a Gaussian mixture: of vectors whose first half is known, what is the second?

Chapter: chapters/methods/mixture_models.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_choice, check_integer
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_samples, choose
from audiogen_helpers.statistical.gmm import Mixture

__all__ = ["Conditional", "condition", "marginal", "regress"]


@dataclass(frozen=True)
class Conditional:
    """For each known vector, a mixture of what the rest may be.

    Attributes
    ----------
    weights : np.ndarray [shape=(n, k)]
        Posterior of the components given the known part: it depends on the row.
    means : np.ndarray [shape=(n, k, d)]
        What each component expects of the rest: it depends on the row where known and unknown numbers covary.
    covariances : np.ndarray [shape=(k, d) or (k, d, d)]
        What the known part leaves open: the same for all rows.
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    def mean(self) -> np.ndarray:
        """Expected value for each row, shape (n, d): the guess with the smallest squared error."""
        return np.einsum("nk,nkd->nd", self.weights, self.means)

    def variance(self) -> np.ndarray:
        """Variance of each number for each row, shape (n, d): within the components, and between their means."""
        inside = self.covariances if self.covariances.ndim == 2 else np.diagonal(self.covariances, axis1=1, axis2=2)
        between = np.square(self.means - self.mean()[:, None, :])
        return self.weights @ inside + np.einsum("nk,nkd->nd", self.weights, between)

    def row(self, i: int) -> Mixture:
        """The mixture for one row."""
        return Mixture(weights=self.weights[i], means=self.means[i], covariances=self.covariances)

    def sample(self, *, rng: RNGLike = None) -> np.ndarray:
        """One draw for each row, shape (n, d)."""
        rng = generator(rng)
        component = choose(self.weights, rng)
        noise = rng.standard_normal((len(self.weights), self.means.shape[2]))
        if self.covariances.ndim == 3:
            noise = np.einsum("nij,nj->ni", np.linalg.cholesky(self.covariances)[component], noise)
        else:
            noise *= np.sqrt(self.covariances)[component]
        return self.means[np.arange(len(component)), component] + noise


def marginal(mixture: Mixture, *, n_given: int) -> Mixture:
    """The mixture of the first `n_given` numbers alone.

    Examples
    --------
    >>> joint = Mixture(weights=np.ones(1), means=np.array([[1.0, 2.0]]), covariances=np.array([[3.0, 4.0]]))
    >>> marginal(joint, n_given=1).covariances
    array([[3.]])
    """
    d = mixture.means.shape[1]
    a = check_integer(n_given, name="n_given", low=1, high=d)
    covariances = mixture.covariances[:, :a, :a] if mixture.full else mixture.covariances[:, :a]
    return Mixture(weights=mixture.weights, means=mixture.means[:, :a], covariances=covariances)


def condition(mixture: Mixture, X: np.ndarray, *, n_given: int | None = None) -> Conditional:
    r"""The rest of vectors whose first numbers are known.

    For the known part :math:`x` and the rest :math:`y`, component `k` expects
    :math:`\mu_k^y + \Sigma_k^{yx} (\Sigma_k^{xx})^{-1} (x - \mu_k^x)` and leaves open
    :math:`\Sigma_k^{yy} - \Sigma_k^{yx} (\Sigma_k^{xx})^{-1} \Sigma_k^{xy}`; its weight is its posterior given `x`. With diagonal
    covariances each component expects its mean, whatever `x`.

    Parameters
    ----------
    mixture : Mixture
        Of whole vectors (known part, rest), d numbers.
    X : np.ndarray [shape=(n, n_given)]
        Known parts.
    n_given : int, 1 to d - 1, optional
        How many numbers are known; the columns of `X` by default, and it must be as many.

    Returns
    -------
    conditional : Conditional

    Raises
    ------
    ParameterError
        If `X` has another number of columns than `n_given`, or there is no rest.

    References
    ----------
    Y. Stylianou, O. Cappe and E. Moulines (1998), Continuous probabilistic transform for voice conversion,
    IEEE Trans. Speech and Audio Processing 6(2), 131-142.

    Examples
    --------
    >>> joint = Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.array([[[1.0, 0.8], [0.8, 1.0]]]))
    >>> rest = condition(joint, np.array([[2.0]]))
    >>> rest.means.round(2).ravel(), rest.covariances.round(2).ravel()
    (array([1.6]), array([0.36]))
    """
    X = check_samples(X)
    d = mixture.means.shape[1]
    a = check_integer(X.shape[1] if n_given is None else n_given, name="n_given", low=1)
    if X.shape[1] != a or a >= d:
        raise ParameterError(f"X must have n_given columns, 1 to {d - 1}; received shape {X.shape} and n_given {a}")
    weights = marginal(mixture, n_given=a).posterior(X)
    offsets = mixture.means[:, a:]
    if not mixture.full:
        means = np.broadcast_to(offsets, (len(X), *offsets.shape))
        return Conditional(weights=weights, means=means, covariances=mixture.covariances[:, a:])
    roots = np.linalg.cholesky(mixture.covariances)  # of which the lower right block is the root of what is left open
    slopes = np.linalg.solve(roots[:, :a, :a].swapaxes(1, 2), roots[:, a:, :a].swapaxes(1, 2))  # (k, a, d - a)
    means = np.stack([offsets[k] + (X - mixture.means[k, :a]) @ slopes[k] for k in range(len(offsets))], axis=1)
    return Conditional(weights=weights, means=means, covariances=roots[:, a:, a:] @ roots[:, a:, a:].swapaxes(1, 2))


def regress(mixture: Mixture, X: np.ndarray, *, n_given: int | None = None, method: str = "mean", rng: RNGLike = None) -> np.ndarray:
    """The rest of vectors whose first numbers are known, as one vector each.

    Parameters
    ----------
    mixture : Mixture
        Of whole vectors.
    X : np.ndarray [shape=(n, n_given)]
        Known parts.
    n_given : int, optional
        As for :func:`condition`.
    method : {"mean", "sample"}
        The expected value, which varies less than real vectors do (*over-smoothing*), or a draw, which varies as they do.
    rng : int, Generator or None
        Of the draws.

    Returns
    -------
    Y : np.ndarray [shape=(n, d - n_given), float64]

    Raises
    ------
    ParameterError
        As for :func:`condition`, or if `method` is unknown.

    Examples
    --------
    >>> joint = Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.array([[[1.0, 0.8], [0.8, 1.0]]]))
    >>> regress(joint, np.array([[2.0], [-1.0]])).round(2).ravel()
    array([ 1.6, -0.8])
    """
    method = check_choice(method, name="method", choices=("mean", "sample"))
    rest = condition(mixture, X, n_given=n_given)
    return rest.mean() if method == "mean" else rest.sample(rng=rng)
