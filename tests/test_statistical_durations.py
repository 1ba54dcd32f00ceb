"""Explicit durations: closed forms, all ways to cut tiny sequences, and the plain hidden Markov model as a special case."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical import hsmm as module
from audiogen_helpers.statistical.durations import (
    GammaDurations,
    HistogramDurations,
    gamma_durations,
    geometric_durations,
    stretch,
)
from audiogen_helpers.statistical.emissions import Categorical, Gaussian
from audiogen_helpers.statistical.hmm import fit_hmm, forward, left_to_right
from audiogen_helpers.statistical.hsmm import Hsmm, fit_hsmm, left_to_right_hsmm

K, N = 3, 6


class Given(Categorical):
    """Emissions whose log-probabilities are given: symbol `t` is frame `t`."""

    def log_probability(self, X):
        return self.log_b

    @classmethod
    def of(cls, log_b):
        found = cls(probabilities=np.full(log_b.shape[::-1], 1.0 / len(log_b)))
        object.__setattr__(found, "log_b", log_b)
        return found


def truth():
    return Hsmm(
        durations=gamma_durations([12.0, 30.0, 5.0], [2.0, 9.0, 1.0], longest=80),
        emissions=Gaussian(means=np.array([[0.0], [2.0], [-1.0]]), covariances=np.full((3, 1), 0.5)),
    )


def heard(n=150):
    return [truth().sample(rng=seed)[0] for seed in range(n)]


# Distributions


def test_shape_one_is_geometric():
    d = np.arange(1, 2001)
    for stay in (0.1, 0.5, 0.95):
        durations = geometric_durations([stay], longest=2000)
        np.testing.assert_allclose(durations.probabilities[0], (1.0 - stay) * stay ** (d - 1.0), atol=1e-15)
        np.testing.assert_allclose(durations.mean(), 1.0 / (1.0 - stay), rtol=1e-9)
        np.testing.assert_allclose(durations.deviation(), np.sqrt(stay) / (1.0 - stay), rtol=1e-9)
        assert np.argmax(durations.probabilities) == 0


@pytest.mark.parametrize("mean", [8.0, 20.0, 60.0])
@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.5])
def test_the_gamma_form_has_the_moments_asked_for(mean, ratio):
    durations = gamma_durations([mean], [ratio * mean], longest=1000)
    np.testing.assert_allclose(durations.mean(), mean, rtol=2e-3)
    np.testing.assert_allclose(durations.deviation(), ratio * mean, rtol=1e-2)
    np.testing.assert_allclose(durations.probabilities.sum(), 1.0, rtol=1e-12)


def test_the_most_likely_gamma_matches_mean_and_mean_logarithm():
    """For an exponential family the most likely parameters are those that give the observed features."""
    counts = np.random.default_rng(0).poisson(3.0, size=(2, 40)) * np.exp(-0.5 * np.square((np.arange(40) - [[10], [25]]) / 5.0))
    fitted = gamma_durations([20.0, 20.0], [10.0, 10.0], longest=40).reestimate(counts, smoothing=0.0)
    d, share = np.arange(1.0, 41.0), counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.probabilities @ d, share @ d, rtol=1e-5)
    np.testing.assert_allclose(fitted.probabilities @ np.log(d), share @ np.log(d), rtol=1e-5)
    best = (counts * fitted.log_probabilities).sum()
    for shape, decay in itertools.product((-1e-2, 0.0, 1e-2), repeat=2):
        near = GammaDurations(shape=fitted.shape + shape, decay=fitted.decay + decay, longest=40)
        assert (counts * near.log_probabilities).sum() <= best + 1e-6


def test_parameters_are_found_again():
    given = gamma_durations([7.0, 40.0], [3.0, 12.0], longest=120)
    for start in (gamma_durations([30.0, 30.0], [15.0, 15.0], longest=120), gamma_durations([3.0, 90.0], [1.0, 5.0], longest=120)):
        found = start.reestimate(1000.0 * given.probabilities, smoothing=0.0)
        np.testing.assert_allclose(found.shape, given.shape, rtol=1e-3)
        np.testing.assert_allclose(found.decay, given.decay, rtol=1e-3)


@pytest.mark.parametrize("duration", [1, 7, 50])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_durations_without_spread_get_narrow_and_stay_finite(duration, smoothing):
    counts = np.zeros((1, 50))
    counts[0, duration - 1] = 30.0
    before = gamma_durations([10.0], [5.0], longest=50)
    after = before.reestimate(counts, smoothing=smoothing)
    assert np.isfinite(after.log_probabilities).all()
    assert after.mean()[0] == pytest.approx(duration, abs=0.2)
    assert after.log_probabilities[0, duration - 1] > before.log_probabilities[0, duration - 1]
    histogram = HistogramDurations(before.probabilities).reestimate(counts, smoothing=smoothing)
    assert histogram.probabilities[0, duration - 1] == pytest.approx((30.0 + smoothing / 50) / (30.0 + smoothing))


def test_a_state_without_counts_stays():
    for before in (gamma_durations([10.0], [5.0], longest=50), HistogramDurations(np.full((1, 50), 0.02))):
        np.testing.assert_array_equal(before.reestimate(np.zeros((1, 50))).probabilities, before.probabilities)


def test_samples_follow_the_probabilities_and_the_seed():
    durations = gamma_durations([12.0], [4.0], longest=60)
    rng = np.random.default_rng(0)
    drawn = np.concatenate([durations.sample(rng=rng) for _ in range(5000)])
    assert drawn.min() >= 1
    assert drawn.mean() == pytest.approx(durations.mean()[0], rel=0.02)
    assert drawn.std() == pytest.approx(durations.deviation()[0], rel=0.04)
    np.testing.assert_array_equal(durations.sample(rng=5), durations.sample(rng=5))


def test_a_rate_divides_the_whole_and_leaves_no_state_out():
    rng = np.random.default_rng(0)
    for _ in range(100):
        durations = rng.integers(1, 30, 12)
        np.testing.assert_array_equal(stretch(durations, rate=1.0), durations)
        for rate in (0.3, 0.5, 2.0):
            got = stretch(durations, rate=rate)
            assert got.min() >= 1
            assert abs(got.sum() - durations.sum() / rate) <= 12.0 if rate > 1.0 else 0.5
        np.testing.assert_array_equal(stretch(durations, rate=0.5), 2 * durations)
        assert stretch(durations, rate=100.0).sum() == 12
    assert stretch([3] * 100, rate=1.25).sum() == 240


# All cuts


@pytest.mark.parametrize("longest", [2, 4, 6])
@pytest.mark.parametrize("spread", [1.0, 500.0])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_sum_over_all_cuts(seed, spread, longest):
    rng = np.random.default_rng(seed)
    log_b = spread * rng.standard_normal((N, K))
    if seed > 1:
        log_b[1, 1] = log_b[4, 2] = log_b[5, 0] = -np.inf
    table = rng.dirichlet(np.ones(longest), size=K)
    cuts = [d for d in itertools.product(range(1, longest + 1), repeat=K) if sum(d) == N]
    paths = np.array([np.repeat(np.arange(K), d) for d in cuts])
    log_p = np.array([log_b[np.arange(N), path].sum() for path in paths]) + [sum(np.log(table[range(K), np.subtract(d, 1)])) for d in cuts]
    total = np.logaddexp.reduce(log_p)
    hsmm = Hsmm(durations=HistogramDurations(table), emissions=Given.of(log_b))
    X = np.arange(N)
    if total == -np.inf:
        assert hsmm.log_likelihood(X) == -np.inf
        return
    weights = np.exp(log_p - total)
    np.testing.assert_allclose(hsmm.log_likelihood(X), total, rtol=1e-11)
    gamma = sum(w * np.eye(K)[path] for w, path in zip(weights, paths, strict=True))
    np.testing.assert_allclose(hsmm.posterior(X), gamma, atol=1e-10)
    counts = np.zeros((K, longest))
    for w, d in zip(weights, cuts, strict=True):
        counts[range(K), np.subtract(d, 1)] += w
    got = module.expectations(log_b, np.array([N]), np.log(table))[1]
    np.testing.assert_allclose(got, counts, atol=1e-10)
    path, best = hsmm.viterbi(X)
    np.testing.assert_array_equal(path, paths[np.argmax(log_p)])
    np.testing.assert_allclose(best, log_p.max(), rtol=1e-11)


def test_geometric_durations_are_the_plain_model():
    """A plain chain that must end by leaving its last state, so with one more state that is silent until the end."""
    rng = np.random.default_rng(0)
    n, stay = 40, np.array([0.9, 0.5, 0.8])
    log_b = rng.standard_normal((n, K))
    chain = np.diag(np.append(stay, 1.0)) + np.diag(1.0 - stay, k=1)
    padded = np.full((n + 1, K + 1), -np.inf)
    padded[:n, :K], padded[n, K] = log_b, 0.0
    want = forward(padded, np.eye(K + 1)[0], chain)[1]
    durations = geometric_durations(stay, longest=1000)
    got = Hsmm(durations=durations, emissions=Given.of(log_b)).log_likelihood(np.arange(n))
    assert got == pytest.approx(want, rel=1e-10)


def test_ten_thousand_frames():
    rng = np.random.default_rng(0)
    log_b = -100.0 - 30.0 * rng.random((10_000, 3))
    log_d = gamma_durations([3000.0] * 3, [300.0] * 3, longest=5000).log_probabilities
    log_p = module.log_likelihoods(log_b, np.array([10_000]), log_d)
    assert np.isfinite(log_p).all()
    assert module._viterbi(log_b, log_d)[1] <= log_p[0]


# Fits


@pytest.mark.parametrize("family", ["gamma", "histogram"])
def test_durations_are_found_again(family):
    found = heard()
    fitted, history = fit_hsmm(found, start=left_to_right_hsmm(found, n_states=3, family=family, longest=80))
    assert (np.diff(history) >= -1e-7).all()
    np.testing.assert_allclose(fitted.durations.mean(), truth().durations.mean(), rtol=0.08)
    np.testing.assert_allclose(fitted.durations.deviation(), truth().durations.deviation(), rtol=0.25)
    np.testing.assert_allclose(fitted.emissions.means, truth().emissions.means, atol=0.1)


@pytest.mark.parametrize("family", ["gamma", "histogram"])
def test_the_likelihood_never_falls(family):
    found = heard(20)
    fitted, history = fit_hsmm(found, start=left_to_right_hsmm(found, n_states=4, family=family), n_iter=25, tol=0.0, smoothing=0.0)
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-10).all()
    assert history[-1] > history[0]
    assert history[-1] == pytest.approx(fitted.log_likelihoods(found).sum() / sum(map(len, found)), rel=1e-9)


def test_explicit_durations_say_more_about_the_length_than_geometric_ones():
    found, fresh = heard(), [truth().sample(rng=1000 + i)[0] for i in range(100)]
    fitted, _ = fit_hsmm(found, start=left_to_right_hsmm(found, n_states=3))
    stay = 1.0 - 1.0 / fitted.durations.mean()
    plain = replace(fitted, durations=geometric_durations(stay, longest=400))
    assert fitted.log_likelihoods(fresh).sum() > plain.log_likelihoods(fresh).sum() + 100.0
    lengths = {h: np.std([len(h_.sample(rng=i)[1]) for i in range(300)]) for h, h_ in (("gamma", fitted), ("geometric", plain))}
    real = np.std([len(x) for x in fresh])
    assert lengths["gamma"] == pytest.approx(real, rel=0.25)
    assert lengths["geometric"] > 2.0 * real
    chain, _ = fit_hmm(found, start=left_to_right(found, n_states=3))
    np.testing.assert_allclose(1.0 / (1.0 - np.diag(chain.transition)[:2]), fitted.durations.mean()[:2], rtol=0.1)


@pytest.mark.parametrize("kind", [{"n_components": 2}, {"covariance": "full"}, {"n_symbols": 4}], ids=["mixture", "full", "symbols"])
def test_other_emissions(kind):
    found = heard(20)
    if "n_symbols" in kind:
        found = [np.clip(np.rint(x[:, 0] + 1.0), 0, 3).astype(int) for x in found]
    fitted, history = fit_hsmm(found, start=left_to_right_hsmm(found, n_states=3, rng=0, **kind), n_iter=10)
    assert (np.diff(history) >= -1e-7).all()
    X, states = fitted.sample(rng=0)
    assert X.shape[1:] == found[0].shape[1:]
    np.testing.assert_array_equal(np.unique(states), [0, 1, 2])


def test_the_posterior_is_one_and_the_sample_follows_rate_and_seed():
    hsmm = truth()
    X, states = hsmm.sample(rng=3)
    np.testing.assert_allclose(hsmm.posterior(X).sum(axis=1), 1.0, atol=1e-12)
    assert (hsmm.viterbi(X)[0] == states).mean() > 0.8
    assert X.tobytes() == hsmm.sample(rng=3)[0].tobytes()
    slow = hsmm.sample(rng=3, rate=0.5)[1]
    np.testing.assert_array_equal(np.bincount(slow), 2 * np.bincount(states))


# Bad input


def test_sequences_of_impossible_length():
    hsmm = Hsmm(durations=HistogramDurations(np.full((3, 4), 0.25)), emissions=truth().emissions)
    for n in (1, 2, 13):
        X = np.zeros((n, 1))
        assert hsmm.log_likelihood(X) == -np.inf
        for use in (hsmm.viterbi, hsmm.posterior):
            with pytest.raises(ParameterError, match="-inf"):
                use(X)
        with pytest.raises(ParameterError, match=r"sequences\[1\].*-inf"):
            fit_hsmm([np.zeros((5, 1)), X], start=hsmm)
    assert np.isfinite(hsmm.log_likelihoods([np.zeros((n, 1)) for n in range(3, 13)])).all()


@pytest.mark.parametrize("found", [[np.zeros((9, 2))] * 3, [np.full((3, 1), 5.0)], [np.arange(3.0)[:, None]]])
def test_constant_data_and_one_frame_for_each_state(found):
    fitted, history = fit_hsmm(found, start=left_to_right_hsmm(found, n_states=3), n_iter=10)
    assert np.isfinite(history).all()
    assert np.isfinite(fitted.sample(rng=0)[0]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GammaDurations(shape=np.ones(2), decay=np.ones(3), longest=9), "decay must have one number"),
        (lambda: GammaDurations(shape=np.ones(1), decay=np.ones(1), longest=0), "longest must be >= 1"),
        (lambda: GammaDurations(shape=np.array([np.nan]), decay=np.ones(1), longest=9), "shape must be finite"),
        (lambda: HistogramDurations(np.array([[0.5, 0.6]])), "table must sum to 1"),
        (lambda: HistogramDurations(np.array([1.0])), "table must have shape"),
        (lambda: gamma_durations([0.0], [1.0], longest=9), "means must be > 0"),
        (lambda: gamma_durations([1.0], [1.0, 2.0], longest=9), "deviations must be as many"),
        (lambda: gamma_durations([100.0], [0.1], longest=9), "deviations must be >= means / 300"),
        (lambda: geometric_durations([1.0], longest=9), "stay must be < 1"),
        (lambda: stretch([0, 1], rate=1.0), "durations must be >= 1"),
        (lambda: truth().sample(rate=0.0), "rate must be >= 0.01"),
        (lambda: truth().durations.reestimate(np.ones((3, 9))), "counts must have shape"),
        (lambda: Hsmm(durations=geometric_durations([0.5], longest=9), emissions=truth().emissions), "durations must have as many"),
        (lambda: left_to_right_hsmm(heard(2), n_states=3, family="poisson"), "family must be one of"),
        (lambda: left_to_right_hsmm([np.zeros((9, 1)), np.zeros((2, 1))], n_states=3), r"sequences\[1\] has 2 frame"),
        (lambda: left_to_right_hsmm([np.zeros((9, 1))], n_states=3, longest=2), "longest must be >= 3"),
        (lambda: fit_hsmm([np.zeros((9, 2))], start=truth()), "must have 1 column"),
        (lambda: fit_hsmm([], start=truth()), "at least one sequence"),
        (lambda: truth().viterbi(np.full((9, 1), np.nan)), "X must be finite"),
        (lambda: truth().log_likelihood(np.zeros((0, 1))), "at least 1 row"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
