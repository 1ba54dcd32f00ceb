"""Hidden Markov models: against all paths of tiny cases, against hmmlearn, and what must hold for any."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from audiogen_helpers import datasets, spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical import inference
from audiogen_helpers.statistical.emissions import Categorical, Gaussian, MixtureEmissions
from audiogen_helpers.statistical.hmm import (
    Hmm,
    backward,
    em_step,
    ergodic,
    fit_hmm,
    forward,
    from_labels,
    left_to_right,
    posterior,
    viterbi,
)

K, N = 3, 6


def chain(seed, *, forward_only=False, k=K):
    rng = np.random.default_rng(seed)
    start, transition = rng.dirichlet(np.ones(k)), rng.dirichlet(np.ones(k), size=k)
    if forward_only:
        start, transition = np.eye(k)[0], np.triu(transition)
        transition /= transition.sum(axis=1, keepdims=True)
    return start, transition


def all_paths(log_b, start, transition):
    """Every path and its logarithm, by the definition."""
    n, k = log_b.shape
    paths = np.array(list(itertools.product(range(k), repeat=n)))
    with np.errstate(divide="ignore"):
        chain_p = np.log(start)[paths[:, 0]] + np.log(transition)[paths[:, :-1], paths[:, 1:]].sum(axis=1)
    return paths, chain_p + log_b[np.arange(n), paths].sum(axis=1)


def vectors(seed, lengths=(5, 20, 13, 1, 40), d=2):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((n, d)) + np.linspace(0.0, 5.0, n)[:, None] for n in lengths]


def symbols(seed, lengths=(1, 10, 40), m=5):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, m, n) for n in lengths]


def starts(kind, n_states=3):
    """A start and its sequences for each kind of emission."""
    if kind == "categorical":
        return ergodic(symbols(0), n_states=n_states, n_symbols=5, rng=0), symbols(0)
    settings = {"gaussian": {}, "full": {"covariance": "full"}, "mixture": {"n_components": 2}}[kind]
    return ergodic(vectors(0), n_states=n_states, rng=0, **settings), vectors(0)


KINDS = ("categorical", "gaussian", "full", "mixture")


# All paths


@pytest.mark.parametrize("forward_only", [False, True], ids=["ergodic", "left to right"])
@pytest.mark.parametrize("spread", [1.0, 300.0, 3000.0])
@pytest.mark.parametrize("seed", range(4))
def test_equal_to_the_sum_over_all_paths(seed, spread, forward_only):
    start, transition = chain(seed, forward_only=forward_only)
    log_b = spread * np.random.default_rng(seed).standard_normal((N, K))
    if seed == 3:
        log_b[2, 0] = log_b[4, 2] = -np.inf
    paths, log_p = all_paths(log_b, start, transition)
    total = np.logaddexp.reduce(log_p)
    gamma, xi = np.zeros((N, K)), np.zeros((K, K))
    for path, p in zip(paths, np.exp(log_p - total), strict=True):
        gamma[np.arange(N), path] += p
        np.add.at(xi, (path[:-1], path[1:]), p)
    got_gamma, got_xi, got_total = posterior(log_b, start, transition)
    np.testing.assert_allclose(got_total, total, rtol=1e-12)
    np.testing.assert_allclose(got_gamma, gamma, atol=1e-10)
    np.testing.assert_allclose(got_xi, xi, atol=1e-10)
    log_alpha, forward_total = forward(log_b, start, transition)
    np.testing.assert_allclose(forward_total, total, rtol=1e-12)
    for t in range(N):
        p, want = all_paths(log_b[: t + 1], start, transition)
        np.testing.assert_allclose(log_alpha[t], [np.logaddexp.reduce(want[p[:, -1] == j]) for j in range(K)], rtol=1e-10)
    with np.errstate(invalid="ignore"):
        log_beta = backward(log_b, start, transition)
    np.testing.assert_allclose(np.logaddexp.reduce(log_alpha + log_beta, axis=1), total, rtol=1e-10)
    path, best = viterbi(log_b, start, transition)
    np.testing.assert_array_equal(path, paths[np.argmax(log_p)])
    np.testing.assert_allclose(best, log_p.max(), rtol=1e-12)


def test_compiled_and_plain_recursions_agree():
    start, transition = chain(0)
    log_b = np.random.default_rng(0).standard_normal((N, K))
    want = inference._log_likelihoods.py_func(log_b, np.array([2, N]), np.log(start), *inference._ready(transition))
    np.testing.assert_allclose(inference.log_likelihoods(log_b, np.array([2, N]), start, transition), want, rtol=1e-12)


@pytest.mark.parametrize("spread", [1.0, 30.0, 500.0])
def test_ten_thousand_frames_do_not_underflow(spread):
    start, transition = chain(1, forward_only=True, k=5)
    log_b = -spread * np.random.default_rng(0).random((10_000, 5)) - 100.0
    gamma, xi, total = posterior(log_b, start, transition)
    assert np.isfinite(total)
    np.testing.assert_allclose(gamma.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(xi.sum(), 9_999.0, rtol=1e-9)  # of logarithms around -3e6
    assert viterbi(log_b, start, transition)[1] <= total


def test_a_past_that_seemed_impossible_is_not_forgotten():
    """Two chains that never meet: the first frames speak for one by exp(5000), the last for the other by exp(20000)."""
    log_b = np.array([[0.0, -5000.0], [0.0, 0.0], [-20_000.0, 0.0]])
    gamma, _, total = posterior(log_b, np.array([0.5, 0.5]), np.eye(2))
    np.testing.assert_allclose(gamma, [[0.0, 1.0]] * 3)
    assert total == pytest.approx(-5000.0 + np.log(0.5))


def test_two_faint_states_count_both_however_faint():
    """State 2 comes only from states 0 and 1, which are `gap` and `gap + 1` below a third; and the same backwards in time."""
    start = np.full(4, 0.25)
    transition = np.array([[0.5, 0.0, 0.5, 0.0], [0.0, 0.7, 0.3, 0.0], [0.4, 0.5, 0.1, 0.0], [0.0, 0.0, 0.0, 1.0]])
    for gap in range(20, 800):
        log_b = np.array([[-gap, -gap - 1.0, -3000.0, 0.0], [0.0, 0.0, 0.0, -3000.0], [0.0] * 4])
        for rows in (log_b, log_b[::-1]):
            paths, log_p = all_paths(rows, start, transition)
            gamma, _, total = posterior(np.ascontiguousarray(rows), start, transition)
            assert total == pytest.approx(np.logaddexp.reduce(log_p), rel=1e-12)
            want = [np.exp(np.logaddexp.reduce(log_p[paths[:, 1] == j]) - np.logaddexp.reduce(log_p)) for j in range(4)]
            np.testing.assert_allclose(gamma[1], want, atol=1e-10)


def test_what_cannot_happen_has_no_likelihood_and_no_posterior():
    start, transition = np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]])
    for log_b in (np.array([[-np.inf, 0.0]]), np.array([[0.0, 0.0], [-np.inf, -np.inf], [0.0, 0.0]])):
        log_alpha, total = forward(log_b, start, transition)
        assert total == -np.inf
        assert not np.isnan(log_alpha).any()
        assert not np.isnan(backward(log_b, start, transition)).any()
        for function in (posterior, viterbi):
            with pytest.raises(ParameterError, match="-inf"):
                function(log_b, start, transition)


def test_many_sequences_are_as_one_by_one():
    hmm, found = starts("gaussian")
    np.testing.assert_allclose(hmm.log_likelihoods(found), [hmm.log_likelihood(x) for x in found], rtol=1e-13)
    log_b, ends = np.concatenate([hmm.emissions.log_probability(x) for x in found]), np.cumsum([len(x) for x in found])
    gamma, first, xi, _ = inference.expectations(log_b, ends, hmm.start, hmm.transition)
    one = [posterior(hmm.emissions.log_probability(x), hmm.start, hmm.transition) for x in found]
    np.testing.assert_allclose(gamma, np.concatenate([g for g, _, _ in one]), atol=1e-12)
    np.testing.assert_allclose(xi, sum(x for _, x, _ in one), atol=1e-12)
    np.testing.assert_allclose(first, sum(g[0] for g, _, _ in one), atol=1e-12)


# hmmlearn


def twin(hmm, **settings):
    """The same model in hmmlearn, its priors switched off."""
    learn = pytest.importorskip("hmmlearn.hmm")
    e, k = hmm.emissions, hmm.n_states
    settings = {"init_params": "", "n_iter": 1, "tol": -np.inf, **settings}
    if isinstance(e, Categorical):
        other = learn.CategoricalHMM(k, **settings)
        other.emissionprob_, other.n_features = e.probabilities, e.probabilities.shape[1]
    elif isinstance(e, Gaussian):
        full = e.covariances.ndim == 3
        weight = e.means.shape[1] if full else 1
        other = learn.GaussianHMM(k, "full" if full else "diag", covars_prior=0.0, covars_weight=weight, means_weight=0.0, **settings)
        other.means_, other.covars_ = e.means, e.covariances
    else:
        other = learn.GMMHMM(k, e.weights.shape[1], covariance_type="diag", **settings)
        other.weights_, other.means_, other.covars_ = e.weights, e.means, e.variances
    other.startprob_, other.transmat_ = hmm.start, hmm.transition
    return other


def joined(hmm, found):
    X = np.concatenate(found)
    return X[:, None] if isinstance(hmm.emissions, Categorical) else X, [len(x) for x in found]


@pytest.mark.parametrize("kind", KINDS)
def test_hmmlearn_says_the_same(kind):
    hmm, found = starts(kind)
    other, (X, lengths) = twin(hmm), joined(*starts(kind))
    np.testing.assert_allclose(hmm.log_likelihoods(found).sum(), other.score(X, lengths), atol=1e-6)
    np.testing.assert_allclose(np.concatenate([hmm.posterior(x) for x in found]), other.predict_proba(X, lengths), atol=1e-6)
    np.testing.assert_array_equal(np.concatenate([hmm.viterbi(x)[0] for x in found]), other.predict(X, lengths))


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_is_that_of_hmmlearn(kind):
    hmm, found = starts(kind)
    other = twin(hmm).fit(*joined(hmm, found))
    after, before = em_step(hmm, found)
    assert before == pytest.approx(hmm.log_likelihoods(found).sum() / sum(map(len, found)), rel=1e-12)
    np.testing.assert_allclose(after.start, other.startprob_, atol=1e-12)
    np.testing.assert_allclose(after.transition, other.transmat_, atol=1e-12)
    e = after.emissions
    if kind == "categorical":
        np.testing.assert_allclose(e.probabilities, other.emissionprob_, atol=1e-12)
    elif kind == "mixture":
        np.testing.assert_allclose(e.weights, other.weights_, atol=1e-12)
        np.testing.assert_allclose(e.means, other.means_, atol=1e-12)
        moved = np.square(e.means - hmm.emissions.means)  # variances there are about the means of the step before
        np.testing.assert_allclose(e.variances + moved, other.covars_, atol=1e-12)
    else:
        np.testing.assert_allclose(e.means, other.means_, atol=1e-12)
        np.testing.assert_allclose(e.covariances, other._covars_, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_fit_is_as_likely_as_that_of_hmmlearn(kind):
    hmm, found = starts(kind, n_states=2)
    fitted, _ = fit_hmm(found, start=hmm, n_iter=40, tol=0.0, floor=0.0)
    X, lengths = joined(hmm, found)
    theirs = twin(hmm, n_iter=40).fit(X, lengths).score(X, lengths)
    assert fitted.log_likelihoods(found).sum() == pytest.approx(theirs, rel=1e-3)


# What must hold


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("floor", [1e-6, 0.05])
def test_the_likelihood_never_falls(kind, floor):
    hmm, found = starts(kind)
    fitted, history = fit_hmm(found, start=hmm, n_iter=30, tol=0.0, floor=floor)
    assert np.isfinite(history).all()
    assert (np.diff(history) >= -1e-10).all()
    assert history[-1] > history[0]
    assert history[-1] == pytest.approx(fitted.log_likelihoods(found).sum() / sum(map(len, found)), rel=1e-9)
    np.testing.assert_allclose(fitted.transition.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(fitted.start.sum(), 1.0, atol=1e-12)


def test_with_smoothing_what_never_falls_is_likelihood_times_prior():
    hmm, found = starts("categorical")
    values = []
    for _ in range(20):
        parts = (hmm.start, hmm.transition, hmm.emissions.probabilities)
        prior = sum(np.log(p).sum() for p in parts)
        values.append(hmm.log_likelihoods(found).sum() + 2.0 * prior)
        hmm, _ = em_step(hmm, found, smoothing=2.0)
    assert (np.diff(values) >= -1e-10).all()
    assert values[-1] > values[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_the_states_mean_nothing(kind):
    hmm, found = starts(kind)
    order = np.array([2, 0, 1])
    e = hmm.emissions
    turned = Hmm(
        start=hmm.start[order],
        transition=hmm.transition[np.ix_(order, order)],
        emissions=replace(e, **{name: value[order] for name, value in vars(e).items() if not name.startswith("_")}),
    )
    np.testing.assert_allclose(turned.log_likelihoods(found), hmm.log_likelihoods(found), rtol=1e-12)
    np.testing.assert_allclose(turned.posterior(found[1]), hmm.posterior(found[1])[:, order], atol=1e-12)
    first, second = (fit_hmm(found, start=h, n_iter=5)[1] for h in (hmm, turned))
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_a_sample_visits_states_as_often_as_it_must():
    hmm, _ = starts("gaussian")
    hmm = replace(hmm, transition=chain(0)[1])
    X, states = hmm.sample(20_000, rng=0)
    values, parts = np.linalg.eig(hmm.transition.T)
    stationary = np.real(parts[:, np.argmax(values.real)])
    np.testing.assert_allclose(np.bincount(states, minlength=3) / 20_000, stationary / stationary.sum(), atol=0.02)
    seen = np.zeros((3, 3))
    np.add.at(seen, (states[:-1], states[1:]), 1.0)
    np.testing.assert_allclose(seen / seen.sum(axis=1, keepdims=True), hmm.transition, atol=0.03)
    for j in range(3):
        np.testing.assert_allclose(X[states == j].mean(axis=0), hmm.emissions.means[j], atol=0.05)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_have_the_moments_of_their_states_and_follow_the_seed(kind):
    hmm, found = starts(kind)
    states = np.repeat(np.arange(3), 20_000)
    X = hmm.emissions.sample(states, rng=0)
    assert X.tobytes() == hmm.emissions.sample(states, rng=0).tobytes()
    assert X.tobytes() != hmm.emissions.sample(states, rng=1).tobytes()
    again = hmm.emissions.reestimate(X, np.eye(3)[states])
    for name in ("probabilities", "weights", "means", "covariances"):
        if hasattr(again, name):
            np.testing.assert_allclose(getattr(again, name), getattr(hmm.emissions, name), atol=0.1)
    assert hmm.sample(1, rng=0)[0].shape == found[0][:1].shape


def test_a_model_is_found_again_from_what_it_says():
    truth = Hmm(
        start=np.array([1.0, 0.0, 0.0]),
        transition=np.array([[0.93, 0.07, 0.0], [0.0, 0.92, 0.08], [0.0, 0.0, 1.0]]),
        emissions=Gaussian(means=np.array([[0.0], [3.0], [-2.0]]), covariances=np.array([[0.5], [1.0], [0.2]])),
    )
    found = [truth.sample(40, rng=seed)[0] for seed in range(150)]
    fitted, _ = fit_hmm(found, start=left_to_right(found, n_states=3))
    np.testing.assert_allclose(fitted.transition, truth.transition, atol=0.02)
    np.testing.assert_allclose(fitted.emissions.means, truth.emissions.means, atol=0.05)
    np.testing.assert_allclose(fitted.emissions.covariances, truth.emissions.covariances, atol=0.05)
    assert fitted.log_likelihoods(found).sum() >= truth.log_likelihoods(found).sum()


@pytest.mark.parametrize("skips", [0, 1])
def test_a_chain_keeps_its_form(skips):
    found = vectors(0, lengths=(20, 30, 25))
    start = left_to_right(found, n_states=5, skips=skips)
    fitted, _ = fit_hmm(found, start=start, n_iter=10, smoothing=1.0)
    allowed = np.triu(np.ones((5, 5))) - np.triu(np.ones((5, 5)), k=2 + skips)
    np.testing.assert_array_equal(fitted.transition > 0.0, allowed > 0.0)
    np.testing.assert_array_equal(fitted.start, np.eye(5)[0])
    assert all((np.diff(fitted.viterbi(x)[0]) >= 0).all() for x in found)
    assert (np.diff(start.emissions.means[:, 0]) > 0).all()  # states follow time


def test_parts_can_be_kept():
    hmm, found = starts("mixture")
    kept, _ = fit_hmm(found, start=hmm, n_iter=3, keep=("transition", "emissions"))
    np.testing.assert_allclose(kept.transition, hmm.transition, rtol=1e-15)
    np.testing.assert_array_equal(kept.emissions.means, hmm.emissions.means)
    assert not np.array_equal(kept.start, hmm.start)


def test_same_seed_same_model():
    for kind in KINDS:
        one, two = starts(kind)[0], starts(kind)[0]
        assert one.transition.tobytes() == two.transition.tobytes()
        assert one.sample(50, rng=3)[0].tobytes() == two.sample(50, rng=3)[0].tobytes()


def test_free_numbers_are_counted():
    chain_of_four = left_to_right(vectors(0), n_states=4)
    assert chain_of_four.n_parameters == 3 + 2 * 4 * 2
    assert starts("full")[0].n_parameters == 2 + 3 * 2 + 3 * (2 + 3)
    assert starts("mixture")[0].n_parameters == 2 + 3 * 2 + 3 * 1 + 3 * 2 * 2 * 2
    assert starts("categorical")[0].n_parameters == 2 + 3 * 2 + 3 * 4


def test_a_mixture_of_one_bell_is_a_gaussian():
    e = starts("gaussian")[0].emissions
    same = MixtureEmissions(weights=np.ones((3, 1)), means=e.means[:, None], variances=e.covariances[:, None])
    X, gamma = np.concatenate(vectors(0)), np.random.default_rng(0).dirichlet(np.ones(3), size=79)
    np.testing.assert_allclose(same.log_probability(X), e.log_probability(X), rtol=1e-12)
    np.testing.assert_allclose(same.reestimate(X, gamma).variances[:, 0], e.reestimate(X, gamma).covariances, rtol=1e-10)


# Bad input


def test_states_that_nobody_visits_stay():
    hmm = Hmm(
        start=np.array([1.0, 0.0]),
        transition=np.eye(2),
        emissions=Gaussian(means=np.array([[0.0], [50.0]]), covariances=np.ones((2, 1))),
    )
    fitted, history = fit_hmm(vectors(0, d=1), start=hmm, n_iter=5)
    np.testing.assert_array_equal(fitted.emissions.means[1], [50.0])
    np.testing.assert_array_equal(fitted.transition, np.eye(2))
    assert np.isfinite(history).all()
    silent = Categorical(probabilities=np.array([[0.5, 0.5], [0.1, 0.9]]))
    np.testing.assert_array_equal(silent.reestimate([0, 0], np.array([[1.0, 0.0]] * 2)).probabilities, [[1.0, 0.0], [0.1, 0.9]])


@pytest.mark.parametrize("settings", [{}, {"covariance": "full"}, {"n_components": 2}], ids=["diagonal", "full", "mixture"])
@pytest.mark.parametrize(
    "found",
    [
        [np.full((10, 2), 3.0)] * 3,
        [np.zeros((4, 2))],
        [np.array([[0.0, 0.0]] * 9 + [[100.0, 1.0]])],
        [np.arange(8.0).reshape(4, 2)],
    ],
    ids=["constant", "zeros", "one far away", "one frame for each state"],
)
def test_data_without_spread_do_not_break_a_fit(found, settings):
    for make in (left_to_right, ergodic):
        start = make(found, n_states=4, rng=0, **settings)
        fitted, history = fit_hmm(found, start=start, n_iter=10)
        assert np.isfinite(history).all()
        assert (np.diff(history) >= -1e-9).all()
        assert np.isfinite(fitted.sample(10, rng=0)[0]).all()


def test_no_floor_and_no_width_is_an_error():
    flat = [np.zeros((5, 1)), np.ones((5, 1))]
    with pytest.raises(ParameterError, match="floor"):
        fit_hmm(flat, start=ergodic(flat, n_states=2, rng=0), floor=0.0)


def test_a_sequence_that_cannot_happen_is_named_in_a_fit():
    hmm = Hmm(start=np.array([1.0, 0.0]), transition=np.eye(2), emissions=Categorical(probabilities=np.eye(2)))
    assert hmm.log_likelihood([0, 1]) == -np.inf
    for fit in (lambda s: fit_hmm(s, start=hmm), lambda s: fit_hmm(s, start=hmm, n_iter=0), lambda s: em_step(hmm, s)):
        with pytest.raises(ParameterError, match=r"sequences\[1\] \(and 1 more\) has log-likelihood -inf"):
            fit([[0, 0], [0, 1], [1]])


def test_symbols_of_probability_zero_come_in_by_smoothing():
    hmm = Hmm(start=np.ones(1), transition=np.ones((1, 1)), emissions=Categorical(probabilities=np.array([[0.5, 0.5, 0.0]])))
    assert em_step(hmm, [[0, 1]], smoothing=1.0)[0].log_likelihood([2]) == pytest.approx(np.log(0.2))


@pytest.mark.parametrize("kind", KINDS)
def test_bad_sequences_are_refused(kind):
    hmm, found = starts(kind)
    empty, nan = found[1][:0], found[1].astype(float)
    nan[3] = np.nan
    wrong = [np.array([0, 5])] if kind == "categorical" else [np.zeros((4, 3))]
    for bad in ([found[1], empty], [found[1], nan], [found[1], *wrong], [], found[1], 3):
        for use in (hmm.log_likelihoods, lambda s: fit_hmm(s, start=hmm), lambda s: em_step(hmm, s)):
            with pytest.raises(ParameterError, match="sequences"):
                use(bad)
    for use in (hmm.viterbi, hmm.posterior):
        with pytest.raises(ParameterError, match="X must"):
            use(empty)


def test_symbols_must_be_known():
    with pytest.raises(ParameterError, match="X must hold whole numbers from 0 to 1; received 7"):
        Categorical(probabilities=np.full((1, 2), 0.5)).log_probability([0, 7])


HALF = np.full((2, 2), 0.5)
TWO = Categorical(probabilities=HALF)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Hmm(start=np.array([0.5, 0.4]), transition=HALF, emissions=TWO), "start must sum to 1"),
        (lambda: Hmm(start=HALF[0], transition=HALF * 2, emissions=TWO), "transition must sum to 1"),
        (lambda: Hmm(start=HALF[0], transition=np.ones((3, 3)) / 3, emissions=TWO), "transition must have shape"),
        (lambda: Hmm(start=np.ones(3) / 3, transition=np.ones((3, 3)) / 3, emissions=TWO), "start must have shape"),
        (lambda: Hmm(start=np.array([1.5, -0.5]), transition=HALF, emissions=TWO), "start must be >= 0"),
        (lambda: Categorical(probabilities=np.array([[0.5, 0.6]])), "probabilities must sum to 1"),
        (lambda: Categorical(probabilities=HALF[0]), "probabilities must have shape"),
        (lambda: Gaussian(means=np.zeros((2, 1)), covariances=np.zeros((2, 1))), "covariances must be"),
        (lambda: Gaussian(means=np.zeros((2, 1)), covariances=np.ones((3, 1))), "covariances must have shape"),
        (lambda: Gaussian(means=np.zeros((1, 2)), covariances=np.ones((1, 2, 2))), "positive definite"),
        (lambda: Gaussian(means=np.full((1, 2), np.nan), covariances=np.ones((1, 2))), "means must be finite"),
        (lambda: MixtureEmissions(np.ones((1, 1)), np.zeros((1, 1, 2)), np.ones((1, 1, 3))), "variances must have the shape"),
        (lambda: MixtureEmissions(np.ones((1, 2)), np.zeros((1, 2, 2)), np.ones((1, 2, 2))), "weights must sum to 1"),
        (lambda: forward(np.zeros((0, 2)), HALF[0], HALF), "log_b must have at least one frame"),
        (lambda: forward(np.full((1, 2), np.nan), HALF[0], HALF), "log_b must be finite or -inf"),
        (lambda: viterbi(np.zeros((3, 3)), HALF[0], HALF), "start must have shape"),
        (lambda: TWO.sample([0, 2], rng=0), "states must hold"),
        (lambda: TWO.reestimate([0], np.ones((2, 2))), "posterior must have shape"),
        (lambda: starts("gaussian")[0].sample(0), "length must be >= 1"),
        (lambda: fit_hmm(vectors(0), start=starts("gaussian")[0], keep="transitions"), "keep must be one of"),
        (lambda: fit_hmm(vectors(0), start=starts("gaussian")[0], floor=2.0), "floor must be <= 1"),
        (lambda: left_to_right(vectors(0), n_states=41), "n_states must be <="),
        (lambda: ergodic([np.zeros((2, 1))], n_states=3), "at least 3"),
        (lambda: left_to_right(vectors(0), n_states=2, covariance="round"), "covariance must be one of"),
        (lambda: left_to_right(vectors(0), n_states=2, covariance="full", n_components=2), "covariance must be diagonal"),
        (lambda: from_labels(np.zeros((3, 1)), np.zeros(2), n_states=1), "labels must name"),
        (lambda: ergodic([[0, 1]], n_states=2, n_symbols=0), "n_symbols must be >= 1"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


# Real recordings


@pytest.mark.corpus
def test_real_digits_are_fitted_as_hmmlearn_fits_them(corpora):
    train = datasets.load("fsdd", split="train").select(label="7")
    spec = spectral.MelSpec(sr=8000, n_fft=256, hop_length=80, n_mels=26)
    found = [spectral.mfcc(train.clip(i)[0], spec).T.astype(np.float64) for i in range(0, len(train.labels), 6)]
    start = left_to_right(found, n_states=8)
    fitted, history = fit_hmm(found, start=start, n_iter=10, tol=0.0, floor=0.0)
    X, lengths = joined(start, found)
    assert history[-1] * len(X) == pytest.approx(twin(start, n_iter=10).fit(X, lengths).score(X, lengths), rel=1e-9)
    assert all((np.diff(fitted.viterbi(x)[0]) >= 0).all() for x in found)
