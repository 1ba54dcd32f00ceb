"""Trajectories against dense linear algebra, their own optimality, and the statistics of many draws."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical.trajectories import WINDOWS, global_variance, mlpg, restore_variance, sample_trajectory, with_deltas

FIVE = ((1.0,), (-0.2, -0.1, 0.0, 0.1, 0.2), (0.5, 0.0, -1.0, 0.0, 0.5), (-1.0, 1.0, 0.0))


def dense(n, windows):
    """The matrix of `with_deltas` for one number, column by column: (len(windows) * n, n)."""
    columns = [with_deltas(column[:, None], windows=windows) for column in np.eye(n)]
    return np.stack([c.T.ravel() for c in columns], axis=1)


def gaussians(n, d, windows, seed=0):
    rng = np.random.default_rng(seed)
    shape = (n, len(windows) * d)
    return rng.standard_normal(shape), np.exp(rng.uniform(-4.0, 3.0, shape))


def split(A, d):
    """Column blocks of one number each, window after window: (d, windows * n)."""
    n = len(A)
    return A.reshape(n, -1, d).transpose(2, 1, 0).reshape(d, -1)


def test_deltas_are_slopes_and_bends():
    t = np.arange(10.0)
    X = np.stack([3.0 + 0.0 * t, 2.0 * t, t**2], axis=1)
    seen = with_deltas(X)
    np.testing.assert_allclose(seen[:, :3], X)
    np.testing.assert_allclose(seen[1:-1, 3:6], np.stack([0.0 * t, 2.0 + 0.0 * t, 2.0 * t], axis=1)[1:-1])
    np.testing.assert_allclose(seen[1:-1, 6:], np.tile([0.0, 0.0, 2.0], (8, 1)), atol=1e-12)
    np.testing.assert_allclose(seen[[0, -1], 4], 1.0)  # at an end, the frame outside is the frame at the end
    assert with_deltas(X[:1]).tolist() == [[3.0, 0.0, 0.0] + [0.0] * 6]


@pytest.mark.parametrize("windows", [WINDOWS, FIVE, ((1.0,),)], ids=["usual", "five wide", "no deltas"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 17])
def test_the_trajectory_solves_the_dense_system(n, windows):
    d = 3
    means, variances = gaussians(n, d, windows)
    W = dense(n, windows)
    c = mlpg(means, variances, windows=windows)
    for q, (m, u) in enumerate(zip(split(means, d), split(variances, d), strict=True)):
        want = np.linalg.solve(W.T @ (W / u[:, None]), W.T @ (m / u))
        np.testing.assert_allclose(c[:, q], want, rtol=1e-9, atol=1e-9)


def test_no_other_trajectory_is_more_likely():
    means, variances = gaussians(30, 2, WINDOWS)

    def loss(c):
        return float((np.square(with_deltas(c) - means) / variances).sum())

    c = mlpg(means, variances)
    rng = np.random.default_rng(1)
    for _ in range(20):
        step = rng.standard_normal(c.shape)
        slope = (loss(c + 1e-4 * step) - loss(c - 1e-4 * step)) / 2e-4
        assert abs(slope) < 1e-5 * loss(c)
        assert loss(c + 0.1 * step) > loss(c)


def test_constant_means_give_a_constant_and_without_deltas_means_are_the_answer():
    means = np.tile([2.0, -1.0, 0.0, 0.0, 0.0, 0.0], (20, 1))
    variances = gaussians(20, 2, WINDOWS)[1]
    np.testing.assert_allclose(mlpg(means, variances), np.tile([2.0, -1.0], (20, 1)), atol=1e-9)
    means, variances = gaussians(20, 2, ((1.0,),))
    np.testing.assert_allclose(mlpg(means, variances, windows=((1.0,),)), means, atol=1e-12)


def test_a_step_becomes_a_glide_and_is_smoother_the_surer_the_deltas_are():
    means = np.zeros((40, 3))
    means[20:, 0] = 1.0
    steepest = [np.abs(np.diff(mlpg(means, np.tile([1.0, v, v], (40, 1)))[:, 0])).max() for v in (100.0, 1.0, 0.1, 0.01)]
    assert steepest[0] > 0.8
    assert all(np.diff(steepest) < 0.0)
    assert steepest[-1] < 0.15
    rising = mlpg(means, np.tile([1.0, 0.1, 0.1], (40, 1)))[:, 0]
    assert (np.diff(rising) > -0.01).all()


def test_the_scale_of_numbers_does_not_matter():
    means, variances = gaussians(25, 1, WINDOWS)
    c = mlpg(means, variances)
    for scale in (1e-12, 1e12):
        np.testing.assert_allclose(mlpg(scale * means, scale**2 * variances), scale * c, rtol=1e-8)


def test_draws_have_the_mean_and_covariance_of_the_trajectory_gaussian():
    n, d = 6, 2
    means, variances = gaussians(n, d, WINDOWS)
    many = 20_000  # copies of both numbers, side by side
    wide = (np.tile(a.reshape(n, -1, 1, d), (1, 1, many, 1)).reshape(n, -1) for a in (means, variances))
    draws = sample_trajectory(*wide, rng=0).reshape(n, many, d).swapaxes(0, 1)
    W = dense(n, WINDOWS)
    for q, u in enumerate(split(variances, d)):
        want = np.linalg.inv(W.T @ (W / u[:, None]))
        got = np.cov(draws[:, :, q].T)
        scale = np.sqrt(np.outer(np.diag(want), np.diag(want)))
        np.testing.assert_allclose(got / scale, want / scale, atol=0.04)  # deviation of an estimate: 0.01
        np.testing.assert_allclose(draws[:, :, q].mean(axis=0), mlpg(means, variances)[:, q], atol=0.04 * np.sqrt(np.diag(want).max()))
    between = np.corrcoef(draws[:, :, 0].T, draws[:, :, 1].T)[:n, n:]
    assert np.abs(between).max() < 0.04


def test_temperature_scales_the_deviation_and_zero_is_the_most_likely_trajectory():
    means, variances = gaussians(30, 3, WINDOWS)
    middle = mlpg(means, variances)
    np.testing.assert_array_equal(sample_trajectory(means, variances, rng=0, temperature=0.0), middle)
    one, half = (sample_trajectory(means, variances, rng=5, temperature=t) - middle for t in (1.0, 0.5))
    np.testing.assert_allclose(half, 0.5 * one, atol=1e-12)
    assert sample_trajectory(means, variances, rng=5).tobytes() == sample_trajectory(means, variances, rng=5).tobytes()


def test_variance_is_restored_and_the_mean_kept():
    rng = np.random.default_rng(0)
    c = rng.standard_normal((50, 3)) * [1.0, 2.0, 0.001] + [0.0, 5.0, 1.0]
    target = np.array([2.0, np.nan, 1.0])
    got = restore_variance(c, target, most=4.0)
    np.testing.assert_allclose(got.mean(axis=0), c.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(got[:, 0].var(), 2.0)
    np.testing.assert_allclose(got[:, 1], c[:, 1], atol=1e-12)
    np.testing.assert_allclose(got[:, 2].var(), 16.0 * c[:, 2].var())  # at most the factor 4
    np.testing.assert_allclose(restore_variance(4.0 * c, np.zeros(3)).var(axis=0), 4.0 * c.var(axis=0))
    flat = np.full((5, 1), 0.1)
    np.testing.assert_array_equal(restore_variance(flat, np.ones(1)), flat)


def test_global_variance_is_within_sequences_not_between():
    rng = np.random.default_rng(0)
    found = [rng.standard_normal((400, 2)) * [1.0, 3.0] + 100.0 * i for i in range(20)]
    np.testing.assert_allclose(global_variance(found), [1.0, 9.0], rtol=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: with_deltas(np.zeros((0, 2))), "X"),
        (lambda: with_deltas(np.array([[np.nan]])), "X must be finite"),
        (lambda: with_deltas(np.zeros((3, 1)), windows=((1.0,), (1.0, -1.0))), "odd length"),
        (lambda: with_deltas(np.zeros((3, 1)), windows=()), "windows"),
        (lambda: with_deltas(np.zeros((3, 1)), windows=3), "windows"),
        (lambda: mlpg(np.zeros((3, 4)), np.ones((3, 4))), "same shape"),
        (lambda: mlpg(np.zeros((3, 3)), np.ones((3, 6))), "same shape"),
        (lambda: mlpg(np.zeros((3, 3)), np.zeros((3, 3))), "variances must be >="),
        (lambda: mlpg(np.full((3, 3), np.inf), np.ones((3, 3))), "means must be finite"),
        (lambda: mlpg(np.zeros((3, 2)), np.ones((3, 2)), windows=((0.0, 1.0, 1.0), (1.0,))), "begin with"),
        (lambda: sample_trajectory(np.zeros((3, 3)), np.ones((3, 3)), rng=0, temperature=-1.0), "temperature"),
        (lambda: restore_variance(np.zeros((3, 2)), np.ones(3)), "target"),
        (lambda: restore_variance(np.zeros((3, 2)), -np.ones(2)), "target"),
        (lambda: restore_variance(np.zeros((3, 2)), np.ones(2), most=0.5), "most"),
        (lambda: global_variance([]), "at least one sequence"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
