"""The model of frames without time: what it learns, stores, restores and draws."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.statistical.gmm import Mixture, em_step
from audiogen_helpers.statistical.models import MODELS
from audiogen_helpers.statistical.spectral_frames import FrameMixture

SHAPE = (6, 20)
SETTINGS = MODELS["gmm"].settings({"components": 3})


def clips(n=30, *, n_labels=2, seed=0):
    """Clips whose frames lie around a place of their label, 5 to 15 frames long, then padding."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % max(n_labels, 1)
    X = np.full((n, *SHAPE), -1.0, dtype=np.float32)
    for i, label in enumerate(labels):
        length = rng.integers(5, 16)
        X[i, :, :length] = np.clip(0.5 * (-1) ** label + 0.1 * rng.standard_normal((SHAPE[0], length)), -0.99, 1.0)
    return X, labels if n_labels else np.full(n, -1)


def trained(X, labels, *, n_labels, steps=10, seed=0, components=3):
    training = FrameMixture.train(X, labels, n_labels=n_labels, seed=seed, components=components)
    values = [
        training.train_step(training.batch_at(step), np.array([seed, step], dtype=np.int32))["log_likelihood"] for step in range(steps)
    ]
    return training, np.array(values)


@pytest.mark.parametrize("n_labels", [0, 1, 2])
def test_the_likelihood_never_falls_and_all_of_the_state_is_in_the_variables(n_labels):
    X, labels = clips(n_labels=n_labels)
    training, values = trained(X, labels, n_labels=n_labels)
    assert np.diff(values).min() > -1e-9 and values[-1] > values[0]
    kept = [v.numpy().copy() for v in training.variables]
    other, _ = trained(X, labels, n_labels=n_labels, steps=1, seed=5)
    for variable, value in zip(other.variables, kept, strict=True):
        assert variable.shape == value.shape
        variable.assign(value)
    for one, two in zip(training.finish().arrays.values(), other.finish().arrays.values(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_step_is_a_step_of_em_on_the_sounding_frames_of_each_label():
    X, labels = clips()
    training, _ = trained(X, labels, n_labels=2, steps=0)
    before = training.finish()
    value = training.train_step({}, (0, 0))["log_likelihood"]
    total, n = 0.0, 0
    for label in range(2):
        rows = np.concatenate([x.T[(x > -1.0).any(axis=0)] for x in X[labels == label]])
        better, mean = em_step(before.mixtures[label], rows, floor=training._floor)
        np.testing.assert_allclose(training.finish().mixtures[label].means, better.means, atol=1e-9)
        total, n = total + mean * len(rows), n + len(rows)
    assert value == pytest.approx(total / n)


def test_samples_have_the_timbre_and_the_lengths_of_their_label():
    X, labels = clips(60)
    model = trained(X, labels, n_labels=2)[0].finish()
    wanted = np.repeat([0, 1], 300)
    Y = model.sample(wanted, seed=0)
    assert Y.shape == (600, *SHAPE) and Y.dtype == np.float32 and np.abs(Y).max() <= 1.0
    sounding = (Y > -1.0).any(axis=1)
    lengths = sounding.sum(axis=1)
    np.testing.assert_array_equal(sounding, np.arange(SHAPE[1]) < lengths[:, None])  # padding at the end only
    real = (X > -1.0).any(axis=1).sum(axis=1)
    for label in range(2):
        assert set(lengths[wanted == label]) <= set(real[labels == label])
        assert lengths[wanted == label].mean() == pytest.approx(real[labels == label].mean(), abs=0.7)
        frames = np.concatenate([y.T[s] for y, s in zip(Y[wanted == label], sounding[wanted == label], strict=True)])
        rows = np.concatenate([x.T[(x > -1.0).any(axis=0)] for x in X[labels == label]])
        np.testing.assert_allclose(frames.mean(axis=0), rows.mean(axis=0), atol=0.03)
        np.testing.assert_allclose(frames.std(axis=0), rows.std(axis=0), atol=0.03)


def test_frames_know_nothing_of_each_other():
    X, labels = clips(40, n_labels=1)
    X += np.where(X > -1.0, 0.3 * np.sign(np.random.default_rng(0).standard_normal((40, 1, 1))), 0.0)  # a clip is high or low as a whole
    X = np.clip(X, -1.0, 1.0)
    Y = trained(X, labels, n_labels=1)[0].finish().sample(np.zeros(400, dtype=int), seed=0)
    first, second = Y[:, :, 0].mean(axis=1), Y[:, :, 1].mean(axis=1)
    assert abs(np.corrcoef(X[:, :, 0].mean(axis=1), X[:, :, 1].mean(axis=1))[0, 1]) > 0.9
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


def test_same_seed_same_bytes_and_a_clip_does_not_depend_on_the_others():
    X, labels = clips()
    one, two = (trained(X, labels, n_labels=2)[0].finish() for _ in range(2))
    wanted = np.array([0, 1, 1, -1])
    Y = one.sample(wanted, seed=7)
    assert Y.tobytes() == two.sample(wanted, seed=7).tobytes()
    assert Y[:2].tobytes() == one.sample(wanted[:2], seed=7).tobytes()
    assert Y.tobytes() != one.sample(wanted, seed=8).tobytes()


@pytest.mark.parametrize("n_labels", [0, 2])
def test_what_is_stored_is_all_there_is(n_labels):
    X, labels = clips(n_labels=n_labels)
    model = trained(X, labels, n_labels=n_labels)[0].finish()
    assert all(array.dtype == np.float64 for array in model.arrays.values())
    again = FrameMixture.restore(model.arrays, shape=model.shape, n_labels=n_labels, settings=model.settings)
    wanted = np.full(3, -1) if n_labels == 0 else np.array([0, 1, -1])
    assert again.sample(wanted, seed=1).tobytes() == model.sample(wanted, seed=1).tobytes()
    assert again.settings == model.settings == SETTINGS and (again.shape, again.n_labels) == (SHAPE, n_labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("means"), "weights means must have shape"),
        (lambda a: a.update(extra=np.ones(1)), "weights extra must have shape None"),
        (lambda a: a.update(means=a["means"][:1]), r"must have shape \(2, 3, 6\)"),
        (lambda a: a.update(means=a["means"] * np.nan), "means must be finite"),
        (lambda a: a.update(covariances=-a["covariances"]), "covariances must be >="),
        (lambda a: a.update(weights=a["weights"] * 2), "weights must sum to 1"),
        (lambda a: a.update(weights=a["weights"].astype(str)), "weights must be an array of real numbers"),
        (lambda a: a.update(lengths=-a["lengths"]), "lengths must be >= 0"),
        (lambda a: a.update(lengths=0 * a["lengths"]), "lengths must count at least one clip"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    X, labels = clips()
    arrays = dict(trained(X, labels, n_labels=2, steps=1)[0].finish().arrays)
    change(arrays)
    with pytest.raises(ModelError, match=message):
        FrameMixture.restore(arrays, shape=SHAPE, n_labels=2, settings=SETTINGS)


@pytest.mark.parametrize(
    "X",
    [
        np.full((4, *SHAPE), -1.0),
        np.full((4, *SHAPE), 0.25),
        np.full((1, *SHAPE), 0.25),
        np.concatenate([np.full((3, *SHAPE), -1.0), np.random.default_rng(0).uniform(-1, 1, (1, *SHAPE))]),
    ],
    ids=["silence", "constant", "one clip", "one sounds"],
)
def test_poor_data_gives_a_working_model(X):
    labels = np.arange(len(X)) % 2
    training, values = trained(X, labels, n_labels=3)  # the third label has no clip
    assert np.isfinite(values).all()
    Y = training.finish().sample(np.array([0, 1, 2, -1]), seed=0)
    assert np.isfinite(Y).all() and np.abs(Y).max() <= 1.0
    if (X == -1.0).all():
        assert (Y == -1.0).all()


def test_few_frames_get_few_components():
    X, labels = clips(2, n_labels=1)
    training, _ = trained(X, labels, n_labels=1, components=40)
    weights = training.finish().mixtures[0].weights
    assert weights.shape == (40,) and 1 <= (weights > 0).sum() <= 4


def test_a_pause_inside_a_clip_is_kept():
    X = np.full((1, *SHAPE), -1.0)
    X[0, :, [0, 4]] = 0.5
    training, _ = trained(X, np.zeros(1, dtype=int), n_labels=1)
    assert training.lengths[0].tolist() == [0.0] * 5 + [1.0] + [0.0] * 15
    assert len(training._frames[0]) == 5


def test_mixtures_are_diagonal():
    X, labels = clips()
    assert all(isinstance(m, Mixture) and not m.full for m in trained(X, labels, n_labels=2)[0].finish().mixtures)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, y: FrameMixture.train(X[0], y, n_labels=2, seed=0), "X must have 3 dim"),
        (lambda X, y: FrameMixture.train(X * 3, y, n_labels=2, seed=0), "X must be"),
        (lambda X, y: FrameMixture.train(X * np.nan, y, n_labels=2, seed=0), "X must be finite"),
        (lambda X, y: FrameMixture.train(X[:0], y[:0], n_labels=2, seed=0), "at least one clip"),
        (lambda X, y: FrameMixture.train(X, y[:3], n_labels=2, seed=0), "labels must give one"),
        (lambda X, y: FrameMixture.train(X, y - 1, n_labels=2, seed=0), "labels must give one"),
        (lambda X, y: FrameMixture.train(X, y + 1, n_labels=2, seed=0), "labels must be whole numbers"),
        (lambda X, y: FrameMixture.train(X, y, n_labels=2, seed=-1), "seed must be >= 0"),
        (lambda X, y: FrameMixture.train(X, y, n_labels=2, seed=0, states=3), "settings of gmm"),
        (lambda X, y: FrameMixture.train(X, y, n_labels=2, seed=0, components=0), "components must be >= 1"),
        (lambda X, y: trained(X, y, n_labels=2)[0].finish().sample(np.array([2]), seed=0), "labels must be whole numbers"),
        (lambda X, y: trained(X, y, n_labels=2)[0].finish().sample(np.array([0.5]), seed=0), "labels must be whole"),
        (lambda X, y: trained(X, y, n_labels=2)[0].finish().sample(np.array([0]), seed=0, guidance=2.0), "no sampling options"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call(*clips())
