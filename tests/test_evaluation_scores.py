"""Scores from probabilities and embeddings, against closed forms and second implementations."""

import numpy as np
import pytest
from scipy import linalg, stats

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation import frechet_distance, inception_score, recognition_rate, wilson_interval


def probabilities(n, k, seed=0, sharp=1.0):
    z = sharp * np.random.default_rng(seed).standard_normal((n, k))
    p = np.exp(z)
    return p / p.sum(axis=1, keepdims=True)


def test_recognition_rate_counts_as_a_loop_does():
    p, labels = probabilities(200, 7), np.random.default_rng(1).integers(0, 7, 200)
    found = recognition_rate(p, labels, label_names=list("abcdefg"))
    confusion = np.zeros((7, 7), dtype=int)
    for row, label in zip(p, labels, strict=True):
        confusion[label, list(row).index(max(row))] += 1
    np.testing.assert_array_equal(found.confusion, confusion)
    assert found.rate == pytest.approx(sum(confusion[i, i] for i in range(7)) / 200)
    assert found.n == 200
    assert found.low < found.rate < found.high
    for i, name in enumerate("abcdefg"):
        assert found.per_label[name] == (confusion[i].sum(), pytest.approx(confusion[i, i] / confusion[i].sum()))


def test_a_label_without_clips_has_no_rate():
    assert recognition_rate([[1.0, 0.0]], [0]).per_label == {"0": (1, 1.0)}


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (1, 10), (95, 100), (100, 100), (200, 300), (1, 1)])
def test_wilson_interval_equals_scipy(successes, n):
    theirs = stats.binomtest(successes, n).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson_interval(successes, n), [theirs.low, theirs.high], atol=1e-7)


def test_inception_score_of_known_cases():
    assert inception_score(np.repeat([[0.7, 0.2, 0.1]], 9, axis=0)) == 1.0
    assert inception_score(np.tile(np.eye(4), (5, 1))) == 4.0
    assert inception_score(np.eye(10)[[0, 0, 1, 1]]) == pytest.approx(2.0)
    q = 0.9  # two labels, sure to q: exp(log 2 - H(q))
    entropy = -(q * np.log(q) + (1 - q) * np.log(1 - q))
    assert inception_score([[q, 1 - q], [1 - q, q]]) == pytest.approx(2 * np.exp(-entropy))


def test_inception_score_equals_scipys_entropies():
    p = probabilities(300, 10, sharp=3.0)
    mean = p.mean(axis=0)
    assert inception_score(p) == pytest.approx(np.exp(np.mean([stats.entropy(row, mean) for row in p])))


def test_frechet_distance_equals_the_matrix_root():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((200, 6)), rng.standard_normal((150, 6)) @ rng.standard_normal((6, 6)) + 1.0
    c1, c2 = np.cov(a.T), np.cov(b.T)
    theirs = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(c1 + c2 - 2 * np.real(linalg.sqrtm(c1 @ c2)))
    assert frechet_distance(a, b) == pytest.approx(theirs, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(theirs, rel=1e-6)


def test_frechet_distance_of_known_cases():
    a = np.random.default_rng(0).standard_normal((50, 8))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + 2.0) == pytest.approx(8 * 4.0)
    assert frechet_distance(a, a - a.mean(0) + a.mean(0) + np.zeros(8)) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a[:3], a[3:5]) > 0.0  # fewer clips than numbers: no matrix root would exist


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: inception_score([[0.5, 0.5]]), "at least 2 rows"),
        (lambda: inception_score([[0.5, 0.6], [0.5, 0.5]]), "sum to 1"),
        (lambda: inception_score([[1.5, -0.5], [0.5, 0.5]]), "probabilities must be >= 0"),
        (lambda: inception_score([[np.nan, 1.0], [0.5, 0.5]]), "finite"),
        (lambda: inception_score([0.5, 0.5]), "dimension"),
        (lambda: recognition_rate(np.zeros((0, 3)), []), "at least one row"),
        (lambda: recognition_rate([[0.5, 0.5]], [2]), "labels must be <= 1"),
        (lambda: recognition_rate([[0.5, 0.5]], [0, 1]), "labels must be 1 whole"),
        (lambda: recognition_rate([[0.5, 0.5]], [0.5]), "whole numbers"),
        (lambda: recognition_rate([[0.5, 0.5]], [0], label_names=["a"]), "label_names"),
        (lambda: wilson_interval(3, 2), "successes"),
        (lambda: wilson_interval(0, 0), "n must be >= 1"),
        (lambda: frechet_distance(np.zeros((1, 3)), np.zeros((5, 3))), "n >= 2"),
        (lambda: frechet_distance(np.zeros((5, 2)), np.zeros((5, 3))), "same d"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_inputs_are_not_changed():
    p = probabilities(5, 3)
    before = p.copy()
    inception_score(p)
    recognition_rate(p, [0, 1, 2, 0, 1])
    frechet_distance(p, p)
    np.testing.assert_array_equal(p, before)
