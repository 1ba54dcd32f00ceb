"""The exercises of Mathematics: the GAN: right answers pass, usual mistakes hear which they are."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import gan_mathematics as exercises


def best(p, q, share):
    return share * p / (share * p + (1 - share) * q)


def test_the_right_judge_passes():
    exercises.check_judge(best)
    exercises.check_judge(lambda p, q, share: 1 / (1 + (1 - share) / share * q / p))


@pytest.mark.parametrize(
    ("judge", "heard"),
    [
        (lambda p, q, share: p / (p + q), "as if it were one half"),
        (lambda p, q, share: 1 - best(p, q, share), "probability of a fake"),
        (lambda p, q, share: best(p, q, 1 - share), "the share of the fakes"),
        (lambda p, q, share: share * p, "the best answer at x ="),
        (lambda p, q, share: np.log(best(p, q, share)), "not between 0 and 1"),
        (lambda p, q, share: share, "the shape"),
    ],
)
def test_wrong_judges_hear_why(judge, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_judge(judge)


def test_the_right_conjugate_passes():
    exercises.check_conjugate(lambda u: 2 - 2 * np.sqrt(1 - u))
    exercises.check_conjugate(lambda u: u * (1 - u) ** -0.5 - (1 - (1 - u) ** -0.5) ** 2 * (1 - u) ** 0.5)


@pytest.mark.parametrize(
    ("conjugate", "heard"),
    [
        (lambda u: 2 * np.sqrt(1 - u) - 2, "The sign is wrong"),
        (lambda u: (1 - u) ** -0.5, "the best t itself"),
        (lambda u: u + u**2 / 4, "for u = -1 no t gives more"),
        (lambda u: np.log(u), "for u = 0 no t gives more"),
        (lambda u: 2 - np.sqrt(1 - u), "for u = 0"),
    ],
)
def test_wrong_conjugates_hear_why(conjugate, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_conjugate(conjugate)


def test_the_right_brake_passes():
    exercises.check_brake(1.0)
    exercises.check_brake(1)


@pytest.mark.parametrize(("gamma", "heard"), [(0.0, "for ever"), (0.3, "A little more"), (2.0, "less is faster")])
def test_wrong_brakes_hear_why(gamma, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_brake(gamma)


def test_a_brake_that_is_no_number():
    with pytest.raises(ParameterError, match="gamma"):
        exercises.check_brake(-1.0)
