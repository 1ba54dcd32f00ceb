"""The checks accept right answers and say what is wrong with others."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.evaluation import wilson_interval
from audiogen_helpers.exercises import evaluation as exercises


def score(p):
    mean = p.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.exp(np.where(p > 0, p * np.log(p / mean), 0.0).sum(axis=1).mean())


def needed(rate, width):
    n = 1
    while np.subtract(*wilson_interval(round(rate * n), n)[::-1]) > width:
        n += 1
    return n


def test_right_answers_pass(capsys):
    exercises.check_inception(score)
    exercises.check_fool(lambda p: np.repeat(p.argmax(axis=0), 10))
    exercises.check_clips_needed(needed)
    exercises.check_clips_needed(lambda rate, width: np.ceil(4 * 1.96**2 * rate * (1 - rate) / width**2))  # the textbook's
    assert capsys.readouterr().out.count("Right.") == 4


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda p: (p * np.log(p / p.mean(axis=0))).sum(axis=1).mean(), "0 log 0"),
        (lambda p: np.log(score(p)), "each surely another"),
        (lambda p: 1 + len(set(p.argmax(axis=1))), "each surely another"),
        (lambda p: float(len(set(p.argmax(axis=1)))), "cannot tell apart|one word twice|unsure"),
    ],
)
def test_wrong_scores(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_inception(answer)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda p: np.arange(10), "100 clips"),
        (lambda p: np.arange(100), "at most 10"),
        (lambda p: np.full(100, p.max(axis=1).argmax()), "should rise"),
        (lambda p: np.repeat(p.argmax(axis=0)[[0, 1, 2, 3, 4, 5, 6, 7, 7, 7]], 10), "every label"),
        (lambda p: np.full(100, 300), "numbered from 0"),
    ],
)
def test_wrong_choices(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_fool(answer)


@pytest.mark.parametrize(
    ("answer", "heard"), [(lambda rate, width: 100, "too few"), (lambda rate, width: 10 / width**2, "more than needed")]
)
def test_wrong_numbers(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_clips_needed(answer)
