"""The exercises of Mathematics: the VAE: right answers pass, usual mistakes hear which they are."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import vae_mathematics as exercises


def fit(x, decoded, over=np.sum):
    return over(0.5 * (x - decoded) ** 2 + 0.5 * np.log(2 * np.pi), axis=1)


def kl(m, log_v, over=np.sum):
    return over(0.5 * (np.exp(log_v) + m**2 - 1 - log_v), axis=1)


def test_the_right_loss_passes():
    exercises.check_negative_bound(lambda x, y, m, v: fit(x, y) + kl(m, v))


@pytest.mark.parametrize(
    ("loss", "heard"),
    [
        (lambda x, y, m, v: -fit(x, y) - kl(m, v), "That is the bound itself"),
        (lambda x, y, m, v: fit(x, y) - kl(m, v), "divergence has the wrong sign"),
        (lambda x, y, m, v: -fit(x, y) + kl(m, v), "log-likelihood has the wrong sign"),
        (lambda x, y, m, v: fit(x, y), "divergence is missing"),
        (lambda x, y, m, v: 0.5 * np.sum((x - y) ** 2, axis=1) + kl(m, v), "constant of the normal density"),
        (lambda x, y, m, v: np.sum((x - y) ** 2, axis=1) + kl(m, v), "1/2 before the squares is missing"),
        (lambda x, y, m, v: fit(x, y, np.mean) + kl(m, v), "mean over the pixels"),
        (lambda x, y, m, v: fit(x, y) + kl(m, v, np.mean), "mean over the codes"),
        (lambda x, y, m, v: fit(x, y, np.mean) + kl(m, v, np.mean), "Both terms are means"),
        (lambda x, y, m, v: np.mean(fit(x, y) + kl(m, v)), "the shape"),
        (lambda x, y, m, v: fit(x, y) + kl(m, 2 * v), "for one clip it is"),
    ],
)
def test_wrong_losses_hear_why(loss, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_negative_bound(loss)


def level(variances, bits, *, clip=True, half=2.0, unit=0.6931471805599453):
    low, high = np.log(variances.max()) - 200.0, np.log(variances.max()) + 1.0
    for _ in range(200):
        middle = (low + high) / 2
        above = np.log(variances) - middle
        rate = np.sum(np.maximum(0, above) if clip else above) / (half * unit)
        low, high = (middle, high) if rate > bits else (low, middle)
    return np.exp(middle)


def test_the_right_level_passes():
    exercises.check_level(level)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda v, bits: level(v, bits, unit=1.0), "a bit is log 2"),
        (lambda v, bits: level(v, bits, half=1.0), "1/2 of .21. is missing"),
        (lambda v, bits: level(v, bits, clip=False), "must not count as negative bits"),
        (lambda v, bits: v.mean(), "instead of"),
        (lambda v, bits: np.log(level(v, bits)), "above 0"),
    ],
)
def test_wrong_levels_hear_why(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_level(answer)


def test_the_right_bound_passes():
    exercises.check_bound(lambda w: np.logaddexp.reduce(w, axis=1) - np.log(w.shape[1]))


@pytest.mark.parametrize(
    ("bound", "heard"),
    [
        (lambda w: np.log(np.exp(w).mean(axis=1)), "take out the largest first"),
        (lambda w: w.mean(axis=1), "mean of the logarithms"),
        (lambda w: np.logaddexp.reduce(w, axis=1), "divide by K"),
        (lambda w: w.max(axis=1), "largest weight alone"),
        (lambda w: np.logaddexp.reduce(w, axis=0), "the shape"),
        (lambda w: w[:, 0], "the first clip has"),
    ],
)
def test_wrong_bounds_hear_why(bound, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_bound(bound)
