"""The checks accept right answers and say what is wrong with others."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import gan


def around(a, b, n):
    angle = np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    t = np.linspace(0, 1, n)[:, None]
    return (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)


def uneven(a, b, n):
    return around(a, b, n * n)[np.r_[0 : n - 1, n * n - 1]]


def test_right_answers_pass(capsys):
    gan.check_loss(lambda u: np.logaddexp(0, -u).mean())
    gan.check_walk(around)
    gan.check_overlaps(lambda taps, stride: np.bincount(np.arange(taps) % stride, minlength=stride))
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda u: -np.log(1 / (1 + np.exp(-u))).mean(), "leaves the range"),
        (lambda u: np.logaddexp(0, u).mean(), "yours is"),
        (lambda u: np.logaddexp(0, -u).sum(), "yours is"),
    ],
)
def test_wrong_losses(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        gan.check_loss(answer)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda a, b, n: a + np.linspace(0, 1, n)[:, None] * (b - a), "shrunk to 0.7"),
        (lambda a, b, n: around(b, a, n), "does not begin"),
        (lambda a, b, n: around(a, 0.5 * b, n), "does not end"),
        (lambda a, b, n: around(a, b, n - 1), "shape"),
        (uneven, "longest step"),
    ],
)
def test_wrong_walks(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        gan.check_walk(answer)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda taps, stride: [taps // stride] * stride, "overlap as"),
        (lambda taps, stride: [taps // stride, taps % stride, 0, 0, 0, 0], "every 4"),
    ],
)
def test_wrong_overlaps(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        gan.check_overlaps(answer)
