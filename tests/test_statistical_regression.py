"""Regression by a mixture: against the ratio of densities, least squares, and integrals."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical.gmm import Mixture, fit_gmm
from audiogen_helpers.statistical.regression import condition, marginal, regress


def random_mixture(k, d, *, full=True, seed=0):
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((k, d, d))
    matrices = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    covariances = matrices if full else np.diagonal(matrices, axis1=1, axis2=2)
    return Mixture(weights=rng.dirichlet(np.full(k, 5.0)), means=2.0 * rng.standard_normal((k, d)), covariances=covariances)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("given", [1, 2, 4])
def test_the_conditional_is_the_joint_divided_by_the_marginal(full, given):
    m = random_mixture(3, 5, full=full)
    Z, _ = m.sample(40, rng=1)
    rest = condition(m, Z[:, :given], n_given=given)
    want = m.log_likelihood(Z) - marginal(m, n_given=given).log_likelihood(Z[:, :given])
    got = [rest.row(i).log_likelihood(z[None, given:])[0] for i, z in enumerate(Z)]
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_mean_and_variance_are_the_integrals(full):
    m = random_mixture(4, 2, full=full)
    x = np.array([[-1.0], [0.5], [3.0]])
    y = np.linspace(-40, 40, 40_001)
    for i, one in enumerate(x):
        grid = np.stack([np.full_like(y, one[0]), y], axis=1)
        density = np.exp(m.log_likelihood(grid))
        density /= density.sum()
        mean = (density * y).sum()
        rest = condition(m, x)
        assert rest.mean()[i, 0] == pytest.approx(mean, rel=1e-8)
        assert rest.variance()[i, 0] == pytest.approx((density * (y - mean) ** 2).sum(), rel=1e-8)


def test_one_component_is_least_squares():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 3))
    Y = X @ rng.standard_normal((3, 2)) + 0.3 * rng.standard_normal((400, 2)) + 1.0
    m, _ = fit_gmm(np.concatenate([X, Y], axis=1), n_components=1, covariance="full", rng=0)
    ones = np.concatenate([X, np.ones((400, 1))], axis=1)
    want = ones @ np.linalg.lstsq(ones, Y, rcond=None)[0]
    np.testing.assert_allclose(regress(m, X), want, atol=1e-9)


def test_more_components_bend_the_line():
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (4000, 1))
    joint = np.concatenate([x, np.sin(2 * x) + 0.1 * rng.standard_normal(x.shape)], axis=1)
    test = np.linspace(-2.5, 2.5, 101)[:, None]
    errors = [
        np.abs(regress(fit_gmm(joint, n_components=k, covariance="full", n_starts=2, rng=0)[0], test) - np.sin(2 * test)).mean()
        for k in (1, 4, 12)
    ]
    assert errors[0] > 3 * errors[1] > 3 * errors[2] and errors[2] < 0.05


def test_diagonal_components_expect_their_means():
    m = random_mixture(3, 4, full=False)
    X = np.random.default_rng(0).standard_normal((10, 2))
    np.testing.assert_allclose(regress(m, X), marginal(m, n_given=2).posterior(X) @ m.means[:, 2:], rtol=1e-12)


@pytest.mark.parametrize("full", [False, True])
def test_draws_have_the_mean_and_variance(full):
    m = random_mixture(3, 4, full=full)
    X = np.tile([[0.5, -1.0]], (60_000, 1))
    drawn, rest = regress(m, X, method="sample", rng=0), condition(m, X[:1])
    np.testing.assert_allclose(drawn.mean(axis=0), rest.mean()[0], atol=0.05)
    np.testing.assert_allclose(drawn.var(axis=0), rest.variance()[0], rtol=0.05)
    assert drawn.tobytes() == regress(m, X, method="sample", rng=0).tobytes()


@pytest.mark.parametrize("full", [False, True])
def test_given_and_drawn_together_are_as_likely_as_the_joint(full):
    """Knowing x from the mixture and drawing y gives vectors of the mixture; the mean has less variance (total variance)."""
    m = random_mixture(4, 3, full=full)
    Z, _ = m.sample(60_000, rng=0)
    rest = condition(m, Z[:, :1])
    drawn = rest.sample(rng=1)
    np.testing.assert_allclose(np.cov(np.c_[Z[:, :1], drawn].T), np.cov(Z.T), rtol=0.1, atol=0.1)
    means = rest.mean()
    assert (means.var(axis=0) < Z[:, 1:].var(axis=0)).all()
    np.testing.assert_allclose(means.var(axis=0) + rest.variance().mean(axis=0), Z[:, 1:].var(axis=0), rtol=0.05)


def test_nearly_singular_joint_gives_a_positive_definite_rest():
    x = np.random.default_rng(0).standard_normal((300, 4))
    m, _ = fit_gmm(np.concatenate([x, x], axis=1), n_components=3, covariance="full", floor=1e-12, rng=0)
    rest = condition(m, x)
    assert np.linalg.eigvalsh(rest.covariances).min() > 0.0
    assert np.isfinite(rest.sample(rng=0)).all()
    np.testing.assert_allclose(rest.mean(), x, atol=1e-3)


def test_far_rows_give_finite_values():
    m = random_mixture(3, 4)
    assert np.isfinite(regress(m, np.array([[1e6, -1e6], [1e40, 0.0]]))).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: regress(m, np.ones((2, 4))), "X must have n_given columns, 1 to 3"),
        (lambda m: regress(m, np.ones((2, 2)), n_given=1), "X must have n_given columns"),
        (lambda m: regress(m, np.ones((2, 2)), method="mode"), "method must be one of mean, sample"),
        (lambda m: regress(m, np.array([[np.nan]])), "X must be finite"),
        (lambda m: condition(m, np.ones(3)), "X must have 2 dim"),
        (lambda m: marginal(m, n_given=5), "n_given must be <= 4"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call(random_mixture(2, 4))
