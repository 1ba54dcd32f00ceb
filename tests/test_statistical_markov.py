"""Markov chains by counting by hand, by closed forms, by brute force over all sequences, and at the limits of temperature."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical.markov import MarkovChain, fit_markov, markov_chain, tempered

SEQUENCES = [[0, 1, 2, 0, 1, 1, 2], [2, 0, 1], [1]]


def entropy(p):
    p = np.asarray(p)[np.asarray(p) > 0]
    return float(-(p * np.log2(p)).sum())


def random_table(rng, n, order):
    return rng.dirichlet(np.ones(n), size=(n,) * order)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_counts_by_hand(order, smoothing):
    chain = fit_markov(SEQUENCES, n_symbols=3, order=order, smoothing=smoothing)
    padded = [[-1] * order + s for s in SEQUENCES]
    pairs = Counter((tuple(s[i - order : i]), s[i]) for s in padded for i in range(order, len(s)))
    totals = Counter()
    for (context, _), count in pairs.items():
        totals[context] += count
    for context, total in totals.items():
        want = [(pairs[context, s] + smoothing) / (total + 3 * smoothing) for s in range(3)]
        np.testing.assert_allclose(chain.after([s for s in context if s >= 0]) if -1 in context else chain._row(context), want)
    assert len(chain.contexts[-1]) == len(totals)


def test_an_unseen_context_takes_the_row_of_the_longest_shorter_one():
    chain = fit_markov(SEQUENCES, n_symbols=4, order=2)
    np.testing.assert_allclose(chain.after([0, 2]), fit_markov(SEQUENCES, n_symbols=4, order=1).after([2])[:4])  # 0 2 never occurs, 2 does
    shares = np.bincount(np.concatenate(SEQUENCES), minlength=4) / 11
    np.testing.assert_allclose(chain.after([0, 3]), shares)  # 3 never occurs
    np.testing.assert_allclose(chain.after([3, 3]), shares)


def test_backoff_mixes_in_the_shorter_context():
    chain = fit_markov([[0, 1, 0, 1, 1]], n_symbols=2, backoff=2.0)
    shares = (np.array([2, 3]) + 2.0 * 0.5) / (5 + 2.0)
    np.testing.assert_allclose(chain.after([1]), (np.array([1, 1]) + 2.0 * shares) / 4.0)
    second = fit_markov(SEQUENCES, n_symbols=3, order=2, backoff=2.0)
    first = fit_markov(SEQUENCES, n_symbols=3, order=1, backoff=2.0)
    np.testing.assert_allclose(second.after([0, 1]), (np.array([0, 1, 1]) + 2.0 * first.after([1])) / 4.0)  # then 2, then 1
    np.testing.assert_allclose(second.after([2, 0]), (np.array([0, 2, 0]) + 2.0 * first.after([0])) / 4.0)
    heavy = fit_markov(SEQUENCES, n_symbols=3, order=2, backoff=1e12)
    np.testing.assert_allclose(heavy.probabilities, 1 / 3, atol=1e-9)


@pytest.mark.parametrize("order", [0, 1, 2, 4])
@pytest.mark.parametrize("options", [{}, {"smoothing": 0.3}, {"backoff": 1.5}])
def test_the_probabilities_of_all_sequences_of_a_length_sum_to_one(order, options):
    chain = fit_markov(SEQUENCES, n_symbols=3, order=order, **options)
    total = sum(np.exp(chain.log_likelihood(s)) for s in itertools.product(range(3), repeat=5))
    assert total == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_counting_maximises_the_likelihood(order):
    rng = np.random.default_rng(order)
    sequences = [rng.integers(3, size=20) for _ in range(3)]
    best = fit_markov(sequences, n_symbols=3, order=order)
    most = sum(best.log_likelihood(s) for s in sequences)
    for _ in range(20):
        rows = tuple(0.9 * row + 0.1 * rng.dirichlet(np.ones(3), size=len(row)) for row in best.rows)
        other = MarkovChain(order=order, n_symbols=3, contexts=best.contexts, rows=rows)
        assert sum(other.log_likelihood(s) for s in sequences) < most


def test_log_likelihood_is_the_product_of_the_steps():
    rng = np.random.default_rng(0)
    table, start = random_table(rng, 3, 2), rng.dirichlet(np.ones(3))
    chain = markov_chain(table, start=start)
    want = start[2] * start[0] * table[2, 0, 1] * table[0, 1, 1]
    assert chain.log_likelihood([2, 0, 1, 1]) == pytest.approx(np.log(want))
    assert chain.perplexity([[2, 0, 1, 1]]) == pytest.approx(want**-0.25)
    assert markov_chain([[0.0, 1.0], [1.0, 0.0]]).log_likelihood([0, 0]) == -np.inf
    assert markov_chain([[0.0, 1.0], [1.0, 0.0]]).perplexity([[0, 0]]) == np.inf


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_a_table_comes_back(order):
    table = random_table(np.random.default_rng(order), 3, order)
    np.testing.assert_allclose(markov_chain(table).probabilities, table)


@pytest.mark.parametrize(("a", "b"), [(0.1, 0.3), (0.5, 0.5), (0.9, 0.05)])
def test_two_states_have_a_closed_form(a, b):
    chain = markov_chain([[1 - a, a], [b, 1 - b]])
    np.testing.assert_allclose(chain.stationary(), [b / (a + b), a / (a + b)])
    assert chain.entropy_rate() == pytest.approx((b * entropy([a, 1 - a]) + a * entropy([b, 1 - b])) / (a + b))


def test_known_entropy_rates():
    assert markov_chain(np.full((8, 8), 1 / 8)).entropy_rate() == pytest.approx(3.0)
    cycle = np.roll(np.eye(5), 1, axis=1)
    assert markov_chain(cycle).entropy_rate() == 0.0
    np.testing.assert_allclose(markov_chain(cycle).stationary(), 0.2)
    golden = markov_chain([[0.5, 0.5], [1.0, 0.0]])  # no two ones in a row
    assert golden.entropy_rate() == pytest.approx(2 / 3)
    p = np.array([0.2, 0.3, 0.5])
    assert fit_markov([[0] * 2 + [1] * 3 + [2] * 5], n_symbols=3, order=0).entropy_rate() == pytest.approx(entropy(p))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_entropy_rate_is_the_limit_of_brute_force(order):
    """H(X_n | the ones before), by the distribution over contexts after many steps."""
    table = random_table(np.random.default_rng(order), 2, order)
    p = np.full((2,) * order, 0.5**order)
    for _ in range(3000):
        p = (p[..., None] * table).sum(axis=0)
    want = float(-(p[..., None] * table * np.log2(table)).sum())
    chain = markov_chain(table)
    assert chain.entropy_rate() == pytest.approx(want, abs=1e-9)
    np.testing.assert_allclose(chain.stationary(), p.reshape(-1, 2).sum(axis=0), atol=1e-9)


def test_where_the_chain_can_settle_in_two_places():
    table = np.array([[0.0, 0.25, 0.75, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5], [0.0, 0.0, 0.5, 0.5]])
    chain = markov_chain(table, start=[1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(chain.stationary(), [0.0, 0.25, 0.375, 0.375], atol=1e-12)
    assert chain.entropy_rate() == pytest.approx(0.75)
    np.testing.assert_allclose(markov_chain(np.eye(3), start=[0.2, 0.3, 0.5]).stationary(), [0.2, 0.3, 0.5])


def test_samples_follow_the_probabilities():
    table = random_table(np.random.default_rng(3), 3, 2)
    chain = markov_chain(table)
    x = chain.sample(60_000, rng=0)
    fitted = fit_markov([x], n_symbols=3, order=2)
    np.testing.assert_allclose(fitted.probabilities, table, atol=0.03)
    np.testing.assert_allclose(np.bincount(x) / len(x), chain.stationary(), atol=0.01)
    assert -chain.log_likelihood(x) / len(x) / np.log(2) == pytest.approx(chain.entropy_rate(), abs=0.01)


def test_same_seed_same_sequence_and_nothing_impossible():
    chain = fit_markov(SEQUENCES, n_symbols=5, order=2)
    x = chain.sample(500, rng=7)
    np.testing.assert_array_equal(x, chain.sample(500, rng=7))
    assert np.isfinite(chain.log_likelihood(x))
    assert x.max() < 3
    assert chain.sample(0, rng=0).shape == (0,)


def test_start_and_until():
    chain = fit_markov([[0, 1, 2, 3, 0, 1, 2, 3]], n_symbols=4)
    np.testing.assert_array_equal(chain.sample(3, rng=0, start=[0, 1]), [2, 3, 0])
    np.testing.assert_array_equal(chain.sample(10, rng=0, until=2), [0, 1, 2])


def test_temperature():
    p = np.array([[0.1, 0.6, 0.3, 0.0]])
    np.testing.assert_allclose(tempered(p, temperature=1.0), p)
    np.testing.assert_allclose(tempered(p, temperature=0.5), p**2 / (p**2).sum())
    np.testing.assert_array_equal(tempered(p, temperature=1e-300), [[0.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(tempered(p, temperature=1e300), [[1 / 3, 1 / 3, 1 / 3, 0.0]])
    np.testing.assert_allclose(tempered(np.array([0.4, 0.4, 0.2]), temperature=1e-9), [0.5, 0.5, 0.0])
    chain = markov_chain(random_table(np.random.default_rng(1), 4, 1), start=[0.1, 0.2, 0.3, 0.4])
    x = chain.sample(20, rng=0, temperature=1e-6)
    table = chain.probabilities
    assert x[0] == 3
    assert all(b == table[a].argmax() for a, b in itertools.pairwise(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fit_markov([], n_symbols=2), "sequences must hold at least one"),
        (lambda: fit_markov([[]], n_symbols=2), "at least one symbol"),
        (lambda: fit_markov([[0, 2]], n_symbols=2), "whole numbers from 0 to 1; received 2"),
        (lambda: fit_markov([[0, 0.5]], n_symbols=2), "received 0.5"),
        (lambda: fit_markov([[0, np.nan]], n_symbols=2), "finite"),
        (lambda: fit_markov([[0]], n_symbols=0), "n_symbols must be >= 1"),
        (lambda: fit_markov([[0]], n_symbols=2, order=-1), "order must be >= 0"),
        (lambda: fit_markov([[0]], n_symbols=2, order=17), "order must be <= 16"),
        (lambda: fit_markov([[0]], n_symbols=2, smoothing=-1), "smoothing must be >= 0"),
        (lambda: fit_markov([[0]], n_symbols=2, backoff=np.inf), "backoff must be finite"),
        (lambda: fit_markov([range(101)], n_symbols=10**6), "contexts times n_symbols"),
        (lambda: markov_chain([[0.5, 0.4], [0.5, 0.5]]), "sum to 1"),
        (lambda: markov_chain(np.full((2, 3), 1 / 3)), "axes of one length"),
        (lambda: markov_chain(np.eye(2), start=[1.0]), "start must have shape"),
        (lambda: markov_chain(np.eye(2)).sample(-1, rng=0), "length must be >= 0"),
        (lambda: markov_chain(np.eye(2)).sample(2, rng=0, temperature=0.0), "temperature must be > 0"),
        (lambda: markov_chain(np.eye(2)).sample(2, rng=0, start=[2]), "start"),
        (lambda: markov_chain(np.eye(2)).sample(2, rng=0, until=2), "until must be <= 1"),
        (lambda: markov_chain(np.eye(2)).log_likelihood([]), "at least one symbol"),
        (lambda: fit_markov([[0]], n_symbols=1000, order=3).probabilities, "for one table"),
        (lambda: fit_markov([[0]], n_symbols=100, order=2, smoothing=1.0).entropy_rate(), "at most 5000"),
        (lambda: tempered(np.zeros(3), temperature=1.0), "above 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_degenerate_sequences():
    chain = fit_markov([[0]], n_symbols=1, order=3)
    assert chain.entropy_rate() == 0.0
    np.testing.assert_array_equal(chain.sample(4, rng=0), 0)
    alone = fit_markov([[1]], n_symbols=2)  # what follows a 1 was never seen: the shares of the symbols
    np.testing.assert_array_equal(alone.after([1]), [0.0, 1.0])
