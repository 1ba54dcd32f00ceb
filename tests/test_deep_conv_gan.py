"""The convolutional GAN: its networks in numpy and TensorFlow, the cures of the collapse, batches in groups, and samples."""

import numpy as np
import pytest

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.conv_gan import ConvGan, grouped_batches
from audiogen_helpers.deep.convolutions import tensorflow_convolutions
from audiogen_helpers.deep.gan_networks import (
    DiscriminatorSize,
    GeneratorSize,
    discriminate,
    generate,
    group_statistics,
    initial_weights,
    power_step,
    spectral_norm,
)
from audiogen_helpers.deep.operations import NUMPY, tensorflow_ops
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError

RNG = np.random.default_rng(3)
SMALL = {"width": 16, "batch_size": 8, "latent": 8}


def clips(n=24, bands=12, frames=20, n_labels=2):
    """Two bars of energy, at a place that tells the label."""
    labels = np.arange(n) % n_labels
    X = np.full((n, bands, frames), -1.0, np.float32)
    for i, label in enumerate(labels):
        X[i, 2 + 5 * label : 5 + 5 * label, 2:10] = RNG.uniform(-0.2, 0.6)
    return X, labels


def learn(steps, **settings):
    """A training after a few steps, without compiling them."""
    X, labels = clips()
    training = ConvGan.train(X, labels, n_labels=2, seed=0, **{**SMALL, **settings})
    for k in range(steps):
        batch = {name: tensorflow().convert_to_tensor(value) for name, value in training.batch_at(k).items()}
        assert all(np.isfinite(float(value)) for value in training.train_step(batch, [0, k]).values())
    return training


# --- the networks


@pytest.fixture(scope="module")
def networks():
    maker = GeneratorSize(n_mels=10, frames=21, latent=6, width=8, n_labels=3)
    judge = DiscriminatorSize(bands=10, frames=21, width=8, n_labels=3, group=2)
    weights = [initial_weights(size.shapes(), np.random.default_rng(k)) for k, size in enumerate((maker, judge))]
    for part in weights:  # biases that are not 0, so that each is seen to count
        part.update({name: value + 0.1 for name, value in part.items() if name.endswith(".bias")})
    return weights


def test_numpy_and_tensorflow_give_the_same_numbers(networks):
    maker, judge = networks
    z, label = RNG.standard_normal((4, 6)).astype(np.float32), np.array([0, 2, 3, 1])
    mine, others = {}, {"ops": tensorflow_ops(), "convolutions": tensorflow_convolutions()}
    x = generate(maker, z, label, frames=21, **mine)
    np.testing.assert_allclose(x, generate(maker, z, label, frames=21, **others), atol=1e-5)
    for here, there in zip(discriminate(judge, x, label, group=2, **mine), discriminate(judge, x, label, group=2, **others), strict=True):
        np.testing.assert_allclose(here, there, atol=1e-4)


def test_spectrograms_have_the_length_that_is_asked_and_stay_in_range(networks):
    x = generate(networks[0], RNG.standard_normal((5, 6)).astype(np.float32), np.zeros(5, int), frames=21)
    assert x.shape == (5, 21, 10)
    assert np.abs(x).max() <= 1.0
    assert x.std(axis=0).mean() > 0.01  # z counts


def test_the_label_is_heard_by_both_networks(networks):
    maker, judge = networks
    z = np.repeat(RNG.standard_normal((1, 6)), 2, axis=0).astype(np.float32)
    x = generate(maker, z, np.array([0, 1]), frames=21)
    assert np.abs(x[0] - x[1]).max() > 0.01
    judge = {**judge, "label": RNG.standard_normal(judge["label"].shape).astype(np.float32)}
    logits, _ = discriminate(judge, x[[0, 0]], np.array([0, 1]), group=1 + 1)
    assert abs(logits[0] - logits[1]) > 0.01


def test_a_clip_is_judged_by_its_group_and_by_no_other(networks):
    judge = networks[1]
    x, label = RNG.standard_normal((4, 21, 10)).astype(np.float32), np.zeros(4, int)
    before = discriminate(judge, x, label, group=2)[0]
    x[1] = x[0]
    after = discriminate(judge, x, label, group=2)[0]
    assert abs(after[0] - before[0]) > 1e-3
    np.testing.assert_allclose(after[2:], before[2:], rtol=1e-5)


# --- the cures


def test_the_spread_of_a_group_is_its_standard_deviation():
    h = RNG.standard_normal((6, 5, 4))
    spread = group_statistics(h, group=3)
    np.testing.assert_allclose(spread[0], np.sqrt(h[:3].var(axis=0) + 1e-4).mean(axis=0))
    np.testing.assert_array_equal(spread[0], spread[2])
    np.testing.assert_allclose(spread[3], np.sqrt(h[3:].var(axis=0) + 1e-4).mean(axis=0))
    np.testing.assert_allclose(group_statistics(np.ones((4, 2, 3)), group=4), 0.01)


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (3, 5, 6)])
def test_power_iteration_finds_the_largest_singular_value(shape):
    W = RNG.standard_normal(shape)
    truth = np.linalg.svd(W.reshape(-1, shape[-1]), compute_uv=False)[0]
    assert spectral_norm(W, steps=200) == pytest.approx(truth, rel=1e-6)
    assert spectral_norm(W, steps=1) <= truth * (1 + 1e-9)


def test_a_power_step_is_the_same_for_tensors():
    W, u = RNG.standard_normal((6, 4)), RNG.standard_normal(4)
    for here, there in zip(power_step(W, u, ops=NUMPY), power_step(W, u, ops=tensorflow_ops()), strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-6)


def test_with_spectral_norm_the_discriminator_sees_matrices_of_norm_one():
    training = learn(1, penalty="spectral")
    for _ in range(60):
        training._improve_guesses()
    for name, value in training._judge.items():
        if len(value.shape) > 1 and name != "label":
            W = np.asarray(training._unit_norm(name, value)).reshape(-1, value.shape[-1])
            assert np.linalg.svd(W, compute_uv=False)[0] == pytest.approx(1.0, abs=0.02), name


def test_the_penalty_is_the_slope_that_finite_differences_measure():
    tf = tensorflow()
    training = learn(2)
    batch = {name: tf.convert_to_tensor(value) for name, value in training.batch_at(0).items()}
    real, label = batch["real"], batch["label"]
    direction = tf.convert_to_tensor(RNG.standard_normal(real.shape).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(real)
        score = tf.reduce_sum(training._judged(real, label)[0])
    slope = tape.gradient(score, real)
    h = 1e-2
    up, down = (float(tf.reduce_sum(training._judged(real + s * h * direction, label)[0])) for s in (1.0, -1.0))
    assert float(tf.reduce_sum(slope * direction)) == pytest.approx((up - down) / (2 * h), rel=0.05)
    squares = np.square(slope.numpy()).sum(axis=(1, 2)).mean()
    assert float(training._steepness(real, label)) == pytest.approx(squares, rel=1e-4)


@pytest.mark.parametrize("penalised", [True, False])
def test_the_penalty_is_paid_at_every_eighth_step_and_only_if_chosen(penalised):
    X, labels = clips()
    training = ConvGan.train(X, labels, n_labels=2, seed=0, penalty="r1" if penalised else "none", **SMALL)
    assert [bool(training.batch_at(k)["penalise"]) for k in (0, 1, 7, 8)] == [penalised, False, False, penalised]


def test_augmentation_delays_and_dims_real_clips_without_leaving_the_range():
    tf = tensorflow()
    training = learn(1, shift=3)
    x = tf.convert_to_tensor(training.batch_at(0)["real"])
    changed = training._changed(x, [1, 2]).numpy()
    assert changed.shape == x.shape
    assert changed.min() >= -1.0
    starts = (changed > -1.0).any(axis=2).argmax(axis=1)
    assert set(starts) <= {2, 3, 4, 5}
    assert len(set(starts)) > 1
    assert training._changed(x, [1, 2]).numpy().tobytes() == changed.tobytes()
    still = learn(1, shift=0)
    assert still._changed(x, [1, 2]) is x


# --- batches


def test_batches_hold_groups_of_one_label_and_an_epoch_holds_every_clip():
    labels = np.array([0] * 7 + [1] * 5 + [2])
    indices_at = grouped_batches(labels, batch_size=6, group=2, seed=1)
    groups = np.concatenate([indices_at(k).reshape(-1, 2) for k in range(8)])
    assert (labels[groups].std(axis=1) == 0).all()
    n_groups = 4 + 3 + 1
    assert set(groups[:n_groups].ravel()) == set(range(13))
    np.testing.assert_array_equal(indices_at(5), grouped_batches(labels, batch_size=6, group=2, seed=1)(5))
    assert (groups[:n_groups] != groups[n_groups : 2 * n_groups]).any()


def test_a_batch_that_is_no_multiple_of_the_group_is_refused():
    with pytest.raises(ParameterError, match="multiple of group"):
        grouped_batches(np.zeros(5, int), batch_size=6, group=4, seed=0)


# --- what it learns, and samples


def test_it_learns_where_the_energy_of_each_label_is():
    X, labels = clips()
    training = ConvGan.train(X, labels, n_labels=2, seed=0, **{**SMALL, "penalty": "none", "learning_rate": 3e-3})
    history = fit(training, training.batch_at, steps=80, seed=0, progress=False)
    model = training.finish()
    X = model.sample(np.array([0] * 8 + [1] * 8), seed=0)
    low, high = X[:, 2:5].mean(axis=(1, 2)), X[:, 7:10].mean(axis=(1, 2))
    assert (low[:8] > high[:8]).mean() > 0.8
    assert (high[8:] > low[8:]).mean() > 0.8
    assert np.isfinite(history["d_loss"]).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"condition": "none"},
        {"condition": "projection", "loss": "hinge", "group": 1},
        {"loss": "wasserstein", "penalty": "spectral"},
        {"loss": "saturating", "penalty": "none", "average": 0.0},
        {"loss": "least-squares", "beta_1": 0.5, "batch_size": 6},
    ],
)
def test_every_cure_can_be_switched_off(settings):
    training = learn(2, **settings)
    model = training.finish()
    again = ConvGan.restore(model.arrays, shape=model.shape, n_labels=2, settings=model.settings)
    labels = np.array([0, 1, -1])
    assert again.sample(labels, seed=5).tobytes() == model.sample(labels, seed=5).tobytes()


def test_truncation_to_nothing_is_one_clip_for_each_label():
    model = learn(3).finish()
    X = model.sample(np.array([0, 0, 1]), seed=0, truncation=0.0)
    assert np.array_equal(X[0], X[1])
    assert not np.array_equal(X[0], X[2])
    with pytest.raises(ParameterError, match="truncation"):
        model.sample(np.array([0]), seed=0, truncation=-1.0)
    with pytest.raises(ParameterError, match="options of gan"):
        model.sample(np.array([0]), seed=0, temperature=1.0)
    with pytest.raises(ParameterError, match="labels must be"):
        model.sample(np.array([2]), seed=0)


def test_clips_without_labels_are_enough():
    X, _ = clips()
    training = ConvGan.train(X, np.full(len(X), -1), n_labels=0, seed=0, **SMALL)
    assert training.batch_at(0)["label"].tolist() == [0] * 8
    assert training.finish().sample(np.full(3, -1), seed=0).shape == (3, 12, 20)


def test_weights_of_another_shape_are_refused():
    model = learn(1).finish()
    with pytest.raises(ModelError, match="must have shape"):
        ConvGan.restore(model.arrays, shape=(12, 40), n_labels=2, settings=model.settings)
