"""Mixtures and k-means against scikit-learn, closed forms, and what EM promises."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_normal, norm
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical import _gaussians
from audiogen_helpers.statistical.gmm import Mixture, data_variance, em_step, fit_gmm
from audiogen_helpers.statistical.kmeans import kmeans, spread_out

KINDS = ("diagonal", "full")


def random_mixture(k, d, *, full, seed=0, spread=3.0):
    rng = np.random.default_rng(seed)
    roots = 0.4 * rng.standard_normal((k, d, d))
    matrices = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(d)
    covariances = matrices if full else np.diagonal(matrices, axis1=1, axis2=2)
    return Mixture(weights=rng.dirichlet(np.full(k, 5.0)), means=spread * rng.standard_normal((k, d)), covariances=covariances)


def as_sklearn(m):
    other = GaussianMixture(len(m.weights), covariance_type="full" if m.full else "diag", reg_covar=0.0)
    other.weights_, other.means_, other.covariances_ = m.weights, m.means, m.covariances
    other.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(m.covariances)).swapaxes(1, 2) if m.full else 1 / np.sqrt(m.covariances)
    return other


def sklearn_step(m, X):
    other = as_sklearn(m)
    value, log_shares = other._e_step(X)
    other._m_step(X, log_shares)
    return other, value


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(("k", "d", "n"), [(1, 1, 5), (3, 2, 300), (8, 20, 2500), (20, 5, 1025), (2, 90, 300)])
def test_same_parameters_same_likelihood_as_scikit_learn(full, k, d, n):
    m = random_mixture(k, d, full=full)
    X, _ = m.sample(n, rng=1)
    other = as_sklearn(m)
    np.testing.assert_allclose(m.log_likelihood(X), other.score_samples(X), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(m.posterior(X), other.predict_proba(X), rtol=1e-8, atol=1e-12)
    assert m.bic(X) == pytest.approx(other.bic(X), rel=1e-10)


@pytest.mark.parametrize("full", [False, True])
def test_same_step_as_scikit_learn(full):
    truth = random_mixture(6, 8, full=full)
    X, _ = truth.sample(5000, rng=1)
    m = random_mixture(6, 8, full=full, seed=3)
    for _ in range(5):
        better, value = em_step(m, X)
        other, expected = sklearn_step(m, X)
        assert value == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(better.weights, other.weights_, atol=1e-9)
        np.testing.assert_allclose(better.means, other.means_, atol=1e-9)
        np.testing.assert_allclose(better.covariances, other.covariances_, atol=1e-9)
        m = better


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_fits_as_well_as_scikit_learn(kind, seed):
    X, _ = random_mixture(6, 4, full=True, seed=seed).sample(1500, rng=seed)
    _, history = fit_gmm(X, n_components=6, covariance=kind, n_starts=5, tol=1e-5, rng=0)
    other = GaussianMixture(6, covariance_type="full" if kind == "full" else "diag", n_init=5, tol=1e-5, random_state=0).fit(X)
    assert history[-1] > other.score(X) - 0.001 * abs(other.score(X))


def test_log_likelihood_is_the_sum_of_bells():
    m = random_mixture(3, 2, full=True)
    X = np.random.default_rng(0).uniform(-4, 4, (50, 2))
    density = sum(w * multivariate_normal(mu, c).pdf(X) for w, mu, c in zip(m.weights, m.means, m.covariances, strict=True))
    np.testing.assert_allclose(np.exp(m.log_likelihood(X)), density, rtol=1e-10)


def test_the_density_integrates_to_one():
    m = random_mixture(3, 1, full=False)
    x = np.linspace(-30, 30, 60_001)
    assert np.exp(m.log_likelihood(x[:, None])).sum() * (x[1] - x[0]) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("full", [False, True])
def test_the_fast_and_the_careful_formula_agree(full, monkeypatch):
    m = random_mixture(5, 6, full=full)
    X, _ = m.sample(700, rng=0)
    g = _gaussians.Gaussians(m.means, m.covariances)
    fast, shares = g.log_density(X), m.posterior(X)
    moments = _gaussians.maximise(g, shares.sum(axis=0), *g.moments(X, shares), np.zeros(6))
    monkeypatch.setattr(_gaussians, "NARROW", 0.0)
    slow = _gaussians.Gaussians(m.means, m.covariances)
    assert g.fast and not slow.fast
    np.testing.assert_allclose(fast, slow.log_density(X), rtol=1e-11)
    for got, want in zip(moments, _gaussians.maximise(slow, shares.sum(axis=0), *slow.moments(X, shares), np.zeros(6)), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-11)


def test_thin_matrices_keep_their_digits(monkeypatch):
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((4, 6, 6)))[0]
    matrices = (turn * np.logspace(-4, 0, 6)) @ turn.swapaxes(1, 2)
    m = Mixture(weights=np.full(4, 0.25), means=2.0 * rng.standard_normal((4, 6)), covariances=0.5 * (matrices + matrices.swapaxes(1, 2)))
    X, _ = m.sample(3000, rng=1)
    fast = em_step(m, X)
    assert _gaussians.Gaussians(m.means, m.covariances).fast
    monkeypatch.setattr(_gaussians, "NARROW", 0.0)
    slow = em_step(m, X)
    assert fast[1] == pytest.approx(slow[1], rel=1e-12)
    white = np.linalg.inv(np.linalg.cholesky(slow[0].covariances))
    np.testing.assert_allclose(white @ fast[0].covariances @ white.swapaxes(1, 2), np.broadcast_to(np.eye(6), (4, 6, 6)), atol=1e-9)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_narrow_bells_far_away_keep_their_digits(full, offset):
    sigma = 1e-4
    means = np.array([[0.0, 0.0], [1000.0, 500.0]]) + offset
    covariances = np.full((2, 2), sigma**2)
    m = Mixture(weights=np.array([0.5, 0.5]), means=means, covariances=np.stack([np.diag(c) for c in covariances]) if full else covariances)
    X = means[[0, 1, 1]] + np.array([[0.0, 0.0], [0.0, 0.0], [sigma, 0.0]])
    exact = np.square((X - means[[0, 1, 1]]) / sigma).sum(axis=1)  # what the rows hold after rounding
    peak = np.log(0.5) - np.log(2 * np.pi * sigma**2)
    np.testing.assert_allclose(m.log_likelihood(X), peak - 0.5 * exact, rtol=1e-9)
    rows, _ = m.sample(4000, rng=0)
    better, _ = em_step(m, rows)
    variances = np.diagonal(better.covariances, axis1=1, axis2=2) if full else better.covariances
    np.testing.assert_allclose(variances, sigma**2, rtol=0.15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("floor", [1e-6, 0.3])
def test_the_likelihood_never_falls_with_a_floor_neither(kind, floor):
    X, _ = random_mixture(5, 3, full=True).sample(400, rng=0)
    X[:100] = X[0]  # a heap on which a component shrinks
    m, history = fit_gmm(X, n_components=7, covariance=kind, tol=0.0, n_iter=60, floor=floor, rng=0)
    assert len(history) > 3
    assert np.diff(history).min() > -1e-9
    assert history[-1] == pytest.approx(m.log_likelihood(X).mean(), rel=1e-12)
    least = floor * data_variance(X)
    if kind == "diagonal":
        assert (m.covariances >= least * (1 - 1e-9)).all()
    else:
        scaled = m.covariances / np.sqrt(np.outer(least, least))
        assert np.linalg.eigvalsh(scaled).min() > 1 - 1e-6


def test_a_floored_matrix_is_the_most_likely_one_allowed():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3)) @ np.diag([2.0, 0.5, 0.1])
    S = X.T @ X / len(X)
    best = _gaussians.raise_to(S[None], np.full(3, 0.2))[0]

    def value(C):
        return -np.linalg.slogdet(C)[1] - np.trace(np.linalg.solve(C, S))

    for _ in range(300):
        nudge = rng.standard_normal((3, 3))
        C = best + 0.02 * (nudge + nudge.T)
        values, vectors = np.linalg.eigh(C)
        allowed = (vectors * np.maximum(values, 0.2)) @ vectors.T
        assert value(allowed) <= value(best) + 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_one_component_is_mean_and_covariance(kind):
    X = np.random.default_rng(0).standard_normal((500, 3)) @ np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 2.0]]) + 5.0
    m, _ = fit_gmm(X, n_components=1, covariance=kind, rng=0)
    covariance = np.cov(X.T, bias=True)
    np.testing.assert_allclose(m.means[0], X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(m.covariances[0], covariance if kind == "full" else np.diag(covariance), rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_is_found_again(kind):
    truth = Mixture(
        weights=np.array([0.2, 0.3, 0.5]),
        means=np.array([[-4.0, 0.0], [0.0, 3.0], [4.0, 0.0]]),
        covariances=np.array([[1.0, 0.25], [0.25, 1.0], [0.5, 0.5]]),
    )
    X, _ = truth.sample(40_000, rng=0)
    found = fit_gmm(X, n_components=3, covariance=kind, rng=0)[0].ordered()
    np.testing.assert_allclose(found.weights, truth.weights, atol=0.01)
    np.testing.assert_allclose(found.means, truth.means, atol=0.05)
    variances = np.diagonal(found.covariances, axis1=1, axis2=2) if kind == "full" else found.covariances
    np.testing.assert_allclose(variances, truth.covariances, atol=0.05)


def test_bic_finds_how_many_there_were():
    X, _ = random_mixture(3, 2, full=False, seed=5, spread=6.0).sample(1500, rng=0)
    bics = [fit_gmm(X, n_components=k, n_starts=3, rng=0)[0].bic(X) for k in range(1, 7)]
    assert int(np.argmin(bics)) == 2
    assert random_mixture(3, 2, full=False).n_parameters == 2 + 6 + 6
    assert random_mixture(3, 2, full=True).n_parameters == 2 + 6 + 9


@pytest.mark.parametrize("full", [False, True])
def test_samples_have_the_moments_and_shares_of_the_mixture(full):
    m = random_mixture(4, 3, full=full)
    X, components = m.sample(60_000, rng=0)
    np.testing.assert_allclose(np.bincount(components) / len(X), m.weights, atol=0.01)
    for k in range(4):
        inside = X[components == k]
        np.testing.assert_allclose(inside.mean(axis=0), m.means[k], atol=0.05)
        want = m.covariances[k] if full else np.diag(m.covariances[k])
        np.testing.assert_allclose(np.cov(inside.T), want, atol=0.05)


def test_samples_follow_the_distribution():
    m = random_mixture(3, 1, full=False)
    X, _ = m.sample(5000, rng=0)
    roots = np.sqrt(m.covariances[:, 0])
    assert (
        kstest(X[:, 0], lambda x: sum(w * norm.cdf(x, mu, s) for w, mu, s in zip(m.weights, m.means[:, 0], roots, strict=True))).pvalue
        > 0.01
    )


def test_same_seed_same_bytes():
    X, _ = random_mixture(3, 2, full=True).sample(500, rng=0)
    for kind in KINDS:
        one, two = (fit_gmm(X, n_components=4, covariance=kind, n_starts=2, rng=9) for _ in range(2))
        for name in ("weights", "means", "covariances"):
            assert getattr(one[0], name).tobytes() == getattr(two[0], name).tobytes()
        assert one[1].tobytes() == two[1].tobytes()
        assert one[0].sample(9, rng=3)[0].tobytes() == two[0].sample(9, rng=3)[0].tobytes()


def test_rows_are_judged_one_by_one():
    m = random_mixture(4, 3, full=False)
    X, _ = m.sample(30, rng=0)
    np.testing.assert_allclose(m.log_likelihood(X), [m.log_likelihood(row[None])[0] for row in X], rtol=1e-12)


def test_permuted_components_are_the_same_density():
    m = random_mixture(4, 2, full=True)
    X, _ = m.sample(20, rng=0)
    for order in itertools.permutations(range(4)):
        other = Mixture(weights=m.weights[list(order)], means=m.means[list(order)], covariances=m.covariances[list(order)])
        np.testing.assert_allclose(other.log_likelihood(X), m.log_likelihood(X), rtol=1e-12)
        np.testing.assert_array_equal(other.ordered().means, m.ordered().means)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "X",
    [
        np.zeros((20, 2)),
        np.full((20, 2), 1e5 + 0.1),
        np.repeat(np.eye(2), 10, axis=0),
        np.concatenate([np.zeros((19, 2)), np.ones((1, 2))]),
        np.random.default_rng(0).standard_normal((4, 2)),
        np.random.default_rng(0).standard_normal((4, 6)),
        np.outer(np.arange(30.0), [1.0, 2.0]),
        np.random.default_rng(0).standard_normal((50, 2)) * [1e-30, 1e30],
        np.random.default_rng(0).standard_normal((50, 2)) * 1e48,
    ],
    ids=["zeros", "constant", "two points", "one apart", "as many as components", "fewer than numbers", "a line", "units", "huge"],
)
def test_degenerate_data_gives_a_finite_mixture(X, kind):
    m, history = fit_gmm(X, n_components=4, covariance=kind, rng=0)
    for part in (m.weights, m.means, m.covariances, history, m.log_likelihood(X), m.posterior(X), m.sample(50, rng=0)[0]):
        assert np.isfinite(part).all()
    np.testing.assert_allclose(m.posterior(X).sum(axis=1), 1.0)
    assert np.diff(history).min(initial=0.0) > -1e-9 * np.abs(history).max()


def test_constant_data_gets_the_documented_width():
    m, _ = fit_gmm(np.full((10, 1), 3.0), n_components=2, floor=1e-4, rng=0)
    np.testing.assert_allclose(m.means, 3.0)
    np.testing.assert_allclose(m.covariances, 1e-4)


def test_far_rows_neither_vanish_nor_become_nan():
    m = random_mixture(3, 2, full=False)
    far = np.array([[1e6, 0.0], [1e48, -1e48]])
    assert np.isfinite(m.log_likelihood(far)).all()
    np.testing.assert_allclose(m.posterior(far).sum(axis=1), 1.0)
    em_step(m, far, floor=1e-3)


def test_an_empty_component_stays_and_does_no_harm():
    X = np.random.default_rng(0).standard_normal((100, 1))
    m = Mixture(weights=np.array([0.5, 0.5]), means=np.array([[0.0], [1e4]]), covariances=np.ones((2, 1)))
    better, _ = em_step(m, X)
    assert better.means[1, 0] == 1e4 and better.covariances[1, 0] == 1.0 and better.weights[1] == 0.0
    again, _ = em_step(better, X)
    np.testing.assert_allclose(again.means[0], X.mean(), rtol=1e-9)
    assert set(again.sample(500, rng=0)[1]) == {0}


@pytest.mark.parametrize("full", [False, True])
def test_without_a_floor_a_spike_is_an_error(full):
    X = np.array([[0.0, 0.0]] * 5 + [[4.0, 1.0], [5.0, -1.0], [6.0, 2.0]])
    covariances = np.full((2, 2), 0.1)
    m = Mixture(
        weights=np.array([0.5, 0.5]),
        means=np.array([[0.0, 0.0], [5.0, 0.0]]),
        covariances=np.stack([np.diag(c) for c in covariances]) if full else covariances,
    )
    with pytest.raises(ParameterError, match=r"component 0 shrank to no width"):
        for _ in range(5):
            m, _ = em_step(m, X)
    for _ in range(5):
        m, _ = em_step(m, X, floor=1e-3)
    assert np.isfinite(m.log_likelihood(X)).all()


def brute_kmeans(X, k):
    """Least sum of squares over all ways to label the rows."""
    best = np.inf
    for labels in itertools.product(range(k), repeat=len(X)):
        labels = np.array(labels)
        best = min(best, sum(np.square(X[labels == j] - X[labels == j].mean(axis=0)).sum() for j in set(labels)))
    return best


def inertia(X, centres, labels):
    return np.square(X - centres[labels]).sum()


def test_kmeans_reaches_the_best_of_all_labellings():
    for seed in range(3):
        X = np.random.default_rng(seed).standard_normal((7, 2))
        found = min(inertia(X, *kmeans(X, n_clusters=3, rng=r)) for r in range(20))
        assert found == pytest.approx(brute_kmeans(X, 3), rel=1e-12)


def test_kmeans_equals_scikit_learn_from_the_same_start():
    X = random_mixture(7, 5, full=True).sample(5000, rng=0)[0] + 100.0
    start = spread_out(X, n_clusters=7, rng=1)
    other = KMeans(7, init=start, n_init=1, max_iter=300, tol=0.0).fit(X)
    centres, labels = kmeans(X, n_clusters=7, centres=start, n_iter=300)
    np.testing.assert_allclose(centres, other.cluster_centers_, atol=1e-9)
    np.testing.assert_array_equal(labels, other.labels_)


def test_kmeans_never_gets_worse():
    X = np.random.default_rng(0).standard_normal((2000, 3))
    sums = [inertia(X, *kmeans(X, n_clusters=9, rng=0, n_iter=n)) for n in range(12)]
    assert np.diff(sums).max() <= 1e-9


def test_the_start_is_spread_out():
    X = np.concatenate([np.zeros((1000, 1)), np.full((3, 1), 50.0), np.full((3, 1), -50.0)])
    for seed in range(20):
        assert sorted(spread_out(X, n_clusters=3, rng=seed).ravel()) == [-50.0, 0.0, 50.0]


def test_an_empty_cluster_is_filled():
    X = np.array([[0.0], [0.1], [5.0], [9.0]])
    centres, labels = kmeans(X, n_clusters=3, centres=np.array([[0.0], [100.0], [200.0]]))
    assert len(set(labels)) == 3
    assert inertia(X, centres, labels) < 0.01
    centres, labels = kmeans(np.ones((5, 2)), n_clusters=3, rng=0)
    np.testing.assert_array_equal(centres, 1.0)
    np.testing.assert_array_equal(labels, 0)


ONE = Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.ones((1, 2)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_gmm(np.ones((2, 1)), n_components=3), "X must have at least 3 row"),
        (lambda: fit_gmm(np.array([[np.nan]]), n_components=1), "X must be finite"),
        (lambda: fit_gmm(np.ones(5), n_components=1), "X must have 2 dim"),
        (lambda: fit_gmm(np.full((5, 1), 1e200), n_components=1), "X must be <= 1e"),
        (lambda: fit_gmm(np.ones((5, 1)), n_components=0), "n_components must be >= 1"),
        (lambda: fit_gmm(np.ones((5, 1)), n_components=1, covariance="tied"), "covariance must be one of"),
        (lambda: fit_gmm(np.ones((5, 1)), n_components=1, floor=0.0), "floor must be >= 1e-12"),
        (lambda: fit_gmm(np.ones((5, 1)), n_components=1, tol=-1.0), "tol must be >= 0"),
        (lambda: fit_gmm(np.ones((5, 1)), n_components=1, n_starts=0), "n_starts must be >= 1"),
        (lambda: em_step(ONE, np.ones((4, 3))), "X must have 2 column"),
        (lambda: em_step(ONE, np.ones((4, 2)), floor=np.ones(3)), "floor must be one number or 2"),
        (lambda: em_step(ONE, np.ones((4, 2)), floor=np.array([0.0, 1.0])), "floor must be > 0 for all"),
        (lambda: ONE.log_likelihood(np.ones((4, 1))), "X must have 2 column"),
        (lambda: ONE.sample(-1), "n must be >= 0"),
        (lambda: ONE.ordered(by=2), "by must be <= 1"),
        (lambda: Mixture(weights=np.ones(2), means=np.zeros((2, 1)), covariances=np.ones((2, 1))), "weights must sum to 1"),
        (lambda: Mixture(weights=np.ones(1), means=np.zeros((2, 1)), covariances=np.ones((2, 1))), "weights must have shape"),
        (lambda: Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.ones((1, 3))), "covariances must have shape"),
        (lambda: Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.zeros((1, 2))), "covariances must be >= 1e-100"),
        (
            lambda: Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.ones((1, 2, 2))),
            "covariances must be positive definite",
        ),
        (lambda: Mixture(weights=np.ones(1), means=np.zeros((1, 2)), covariances=np.array([[[1, 0.5], [0, 1]]])), "symmetric"),
        (lambda: Mixture(weights=np.ones(1), means=np.zeros((1, 0)), covariances=np.zeros((1, 0))), "means must have at least one"),
        (lambda: kmeans(np.ones((2, 1)), n_clusters=3), "X must have at least 3 row"),
        (lambda: kmeans(np.ones((3, 1)), n_clusters=2, centres=np.ones((3, 1))), "centres must have shape"),
        (lambda: kmeans(np.ones((3, 1)), n_clusters=0), "n_clusters must be >= 1"),
        (lambda: spread_out(np.ones((3, 1)), n_clusters=4), "X must have at least 4 row"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
