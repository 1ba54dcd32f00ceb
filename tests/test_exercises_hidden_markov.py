"""The checks accept what is right, and say of a typical mistake which one it is."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import hidden_markov as exercises


def stationary(A):
    values, vectors = np.linalg.eig(A.T)
    shares = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    return shares / shares.sum()


def log2(A):
    return np.log2(A, out=np.zeros_like(A), where=A > 0)


def bits(A):
    return -np.sum(stationary(A)[:, None] * A * log2(A))


def test_the_entropy_rate_passes(capsys):
    exercises.check_bits(bits)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda A: bits(A) * np.log(2), "nats"),
        (lambda A: -bits(A), "sign"),
        (lambda A: -np.sum(A * log2(A)) / len(A), "weight all states alike"),
        (lambda A: -np.sum(stationary(A) * np.log2(stationary(A))), "past is unknown"),
        (lambda A: -np.sum(stationary(A)[:, None] * A * np.log2(A)), "0 log 0"),
        (lambda A: 0.0, "for a fair coin it is 1.000 bits; yours is 0.000"),
    ],
)
def test_other_entropies_do_not(answer, said):
    with pytest.raises(ExerciseError, match=said):
        exercises.check_bits(answer)


def backwards(A, start, end, length, rng):
    path = [start]
    for left in reversed(range(length - 1)):
        p = A[path[-1]] * np.linalg.matrix_power(A, left)[:, end]
        path.append(rng.choice(len(A), p=p / p.sum()))
    return path


def forced(A, start, end, length, rng):
    path = [start]
    while len(path) < length:
        path.append(rng.choice(len(A), p=A[path[-1]]))
    return [*path[:-1], end]


def only_possible(A, start, end, length, rng):
    """Legal steps, but without weighing them by the way home."""
    path = [start]
    for left in reversed(range(length - 1)):
        p = A[path[-1]] * (np.linalg.matrix_power(A, left)[:, end] > 0)
        path.append(rng.choice(len(A), p=p / p.sum()))
    return path


def always_the_same(A, start, end, length, rng):
    return [1, 0, 1, 0, 1, 0]


def test_a_walk_that_comes_home_passes(capsys):
    exercises.check_ending(backwards)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (forced, "by force"),
        (only_possible, "of the chain's own walks"),
        (always_the_same, "of the chain's own walks"),
        (lambda A, start, end, length, rng: [start, 7, 8, 9, 7, end], "numbered from 0 to 3"),
        (lambda A, start, end, length, rng: backwards(A, start, end, length + 1, rng), "shape"),
        (lambda A, start, end, length, rng: backwards(A, 0, end, length, rng), "should begin at 1"),
        (lambda A, start, end, length, rng: backwards(A, start, 2, length, rng), "should end at 0"),
    ],
)
def test_other_walks_do_not(ending, said):
    with pytest.raises(ExerciseError, match=said):
        exercises.check_ending(ending)


def test_a_listener_passes(capsys):
    exercises.check_listener(lambda models, X, share: max(models, key=lambda word: models[word].log_likelihood(X) + np.log(share[word])))
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (lambda p, share, n: -p - np.log(share), "least likely"),
        (lambda p, share, n: p, "hardly ever said"),
        (lambda p, share, n: p / n + np.log(share), "do not divide"),
        (lambda p, share, n: np.log(share), "are not the ones"),
    ],
)
def test_other_listeners_do_not(score, said):
    with pytest.raises(ExerciseError, match=said):
        exercises.check_listener(
            lambda models, X, share: max(models, key=lambda word: score(models[word].log_likelihood(X), share[word], len(X)))
        )
