"""The flow and its parts: the code, the network in numpy and TensorFlow, the path, and what it learns."""

import numpy as np
import pytest

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.flow import Flow, FlowTraining, follow
from audiogen_helpers.deep.network import NUMPY, NetworkSize, initial_weights, tensorflow_ops, velocity
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.pca import fit_pca
from audiogen_helpers.deep.silence import SILENT, quiet_end
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError

RNG = np.random.default_rng(3)
SMALL = {"components": 8, "width": 64, "blocks": 2, "batch_size": 64}


# --- the code


def test_principal_components_match_a_singular_value_decomposition():
    x = (RNG.standard_normal((300, 40)) * 0.8 ** np.arange(40) + 5.0).astype(np.float32)
    pca = fit_pca(x, components=10)
    _, s, vt = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(pca.basis * vt[:10], axis=1)), 1.0, atol=1e-3)
    np.testing.assert_allclose(pca.scale, s[:10] / np.sqrt(len(x)), rtol=1e-3)
    np.testing.assert_allclose(pca.basis @ pca.basis.T, np.eye(10), atol=1e-5)
    np.testing.assert_allclose(pca.mean, x.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_codes_have_mean_square_one_and_decode_to_where_they_came_from(whitening):
    x = (RNG.standard_normal((200, 12)) * np.arange(1, 13)).astype(np.float32)
    pca = fit_pca(x, components=12, whitening=whitening)
    z = pca.encode(x)
    assert float(np.mean(z**2)) == pytest.approx(1.0, rel=1e-3)
    spread = z.std(axis=0)
    assert spread[0] / spread[-1] == pytest.approx((pca_deviation(x)[0] / pca_deviation(x)[-1]) ** (1.0 - whitening), rel=0.02)
    np.testing.assert_allclose(pca.decode(z), x, atol=1e-3)


def pca_deviation(x):
    return np.linalg.svd(x - x.mean(axis=0), compute_uv=False)


def test_few_rows_give_few_components_and_equal_rows_give_one_empty_one():
    x = RNG.standard_normal((5, 100)).astype(np.float32)
    pca = fit_pca(x, components=256)
    assert pca.basis.shape == (4, 100)
    np.testing.assert_allclose(pca.decode(pca.encode(x)), x, atol=1e-4)
    flat = fit_pca(np.ones((5, 7), np.float32), components=3)
    assert flat.basis.shape == (1, 7)
    np.testing.assert_allclose(flat.decode(flat.encode(np.ones((2, 7)))), 1.0)
    np.testing.assert_array_equal(fit_pca(x, components=3).basis, fit_pca(x, components=3).basis)


# --- the network


def test_numpy_and_tensorflow_give_the_same_velocity():
    tf = tensorflow()
    weights = initial_weights(NetworkSize(components=8, width=32, blocks=3, n_labels=4), RNG)
    weights["out"] = RNG.standard_normal(weights["out"].shape).astype(np.float32)
    x, t, label = RNG.standard_normal((20, 8)).astype(np.float32), RNG.random(20).astype(np.float32), np.arange(20) % 5
    a = velocity(weights, x, t, label, ops=NUMPY)
    b = velocity({k: tf.constant(w) for k, w in weights.items()}, tf.constant(x), tf.constant(t), tf.constant(label), ops=tensorflow_ops())
    assert a.dtype == np.float32
    assert np.abs(a).max() > 1.0
    np.testing.assert_allclose(a, b.numpy(), atol=1e-4)


def test_the_velocity_of_a_code_depends_on_itself_its_time_and_its_label_alone():
    weights = initial_weights(NetworkSize(components=8, width=32, blocks=2, n_labels=4), RNG)
    weights["out"] = RNG.standard_normal(weights["out"].shape).astype(np.float32)
    x, t, label = RNG.standard_normal((6, 8)).astype(np.float32), np.full(6, 0.5, np.float32), np.array([0, 1, 2, 3, 4, 0])
    v = velocity(weights, x, t, label, ops=NUMPY)
    for i in range(6):
        one = velocity(weights, x[i : i + 1], t[i : i + 1], label[i : i + 1], ops=NUMPY)
        np.testing.assert_allclose(one[0], v[i], atol=1e-5)
    for changed in ((x + 0.1, t, label), (x, t + 0.1, label), (x, t, (label + 1) % 5)):
        assert np.abs(velocity(weights, *changed, ops=NUMPY) - v).max(axis=1).min() > 1e-4


def test_adam_matches_keras():
    tf = tensorflow()
    import keras

    start = RNG.standard_normal((4, 3)).astype(np.float32)
    ours, theirs = tf.Variable(start), tf.Variable(start)
    adam, other = Adam([ours], beta_1=0.8, beta_2=0.95), keras.optimizers.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-8, clipnorm=None)
    for _ in range(5):
        gradient = tf.constant(RNG.standard_normal((4, 3)).astype(np.float32))
        adam.apply([gradient], rate=0.01)
        other.apply_gradients([(gradient, theirs)])
    assert np.abs(ours.numpy() - start).max() > 0.01
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-6)


def test_adam_clips_the_joint_norm():
    tf = tensorflow()
    free, clipped = (tf.Variable([0.0, 0.0]) for _ in range(2))
    Adam([free]).apply([tf.constant([0.3, 0.4])], rate=0.1)
    limited = Adam([clipped])
    limited.apply([tf.constant([30.0, 40.0])], rate=0.1, clip_norm=0.5)
    np.testing.assert_allclose(limited.variables[1].numpy(), [0.03, 0.04], rtol=1e-5)
    np.testing.assert_allclose(free.numpy(), clipped.numpy(), atol=1e-6)


# --- the path


@pytest.mark.parametrize(("steps", "tolerance"), [(10, 2e-2), (100, 2e-4), (1000, 2e-6)])
def test_following_a_field_comes_as_near_as_its_order_says(steps, tolerance):
    x = follow(lambda x, t: np.cos(t) * x, np.array([1.0, -2.0]), steps=steps)
    np.testing.assert_allclose(x, np.exp(np.sin(1.0)) * np.array([1.0, -2.0]), rtol=tolerance)


def test_a_constant_field_is_followed_exactly_and_the_start_is_not_changed():
    start = np.zeros(3)
    np.testing.assert_allclose(follow(lambda x, t: np.arange(3.0), start, steps=7), np.arange(3.0), rtol=1e-6)
    assert not start.any()


# --- what it learns


def patterns(n, noise=0.05):
    """Three kinds of 6 x 8 features, one per label."""
    labels = np.arange(n) % 3
    X = np.full((n, 6, 8), -1.0, np.float32)
    for k in range(3):
        X[labels == k, 2 * k : 2 * k + 2] = 0.5
    return (X + noise * np.random.default_rng(0).standard_normal(X.shape)).clip(-1, 1).astype(np.float32), labels


@pytest.fixture(scope="module")
def learned():
    X, labels = patterns(300)
    model = FlowTraining(X, labels, n_labels=3, seed=0, **SMALL)
    history = fit(model, model.batch_at, steps=400, seed=0, progress=False)
    return model.finish(), history, X, labels


def test_samples_are_of_the_kind_that_was_asked_for(learned):
    flow, history, X, labels = learned
    asked = np.repeat(np.arange(3), 20)
    made = flow.sample(asked, seed=1)
    assert made.shape == (60, 6, 8)
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1.0
    centres = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm((made[:, None] - centres).reshape(60, 3, -1), axis=-1).argmin(axis=1)
    assert (nearest == asked).all()
    assert history["loss"][-5:].mean() < 0.5 * history["loss"][0]


def test_samples_differ_from_one_another_and_from_every_clip(learned):
    flow, _, X, _ = learned
    made = flow.sample(np.zeros(30, int), seed=1).reshape(30, -1)
    between = np.linalg.norm(made[:, None] - made, axis=-1)[np.triu_indices(30, 1)]
    assert between.min() > 0.01
    assert np.linalg.norm(made[:, None] - X.reshape(len(X), -1), axis=-1).min() > 0.01


def test_without_labels_and_without_guidance_all_kinds_appear(learned):
    flow, _, X, labels = learned
    made = flow.sample(np.full(60, -1), seed=2)
    centres = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm((made[:, None] - centres).reshape(60, 3, -1), axis=-1).argmin(axis=1)
    assert (np.bincount(nearest, minlength=3) >= 8).all()


def test_same_seed_same_bytes_and_another_seed_others(learned):
    flow = learned[0]
    asked = np.array([0, 1, 2, -1])
    assert flow.sample(asked, seed=4).tobytes() == flow.sample(asked, seed=4).tobytes()
    assert flow.sample(asked, seed=4).tobytes() != flow.sample(asked, seed=5).tobytes()


def test_guidance_one_is_the_learned_velocity_and_many_steps_agree(learned):
    flow = learned[0]
    coarse, fine = (flow.sample(np.array([0, 1, 2]), seed=0, guidance=1.0, sample_steps=n) for n in (32, 200))
    assert np.abs(coarse - fine).max() < 0.2
    assert np.abs(flow.sample(np.array([0, 1, 2]), seed=0, guidance=3.0) - fine).max() > 1e-3


def test_nothing_near_the_floor_is_left_over(learned):
    made = learned[0].sample(np.array([0, 1, 2]), seed=0)
    assert (made == -1.0).any()
    assert not ((made > -1.0) & (made < SILENT)).any()


def test_a_clip_ends_with_its_last_sounding_frame():
    X = np.full((2, 4, 6), -1.0, np.float32)
    X[0, :, 1] = 0.2
    X[0, 0, 4] = -0.9  # a ripple in one band, long after
    X[0, 1, 0] = -0.97  # near the floor, before
    kept = quiet_end(X)
    np.testing.assert_array_equal(np.argwhere((kept > -1.0).any(axis=1)), [[0, 1]])
    np.testing.assert_array_equal(kept[0, :, 1], np.full(4, 0.2, np.float32))
    assert not (kept[1] > -1.0).any()
    assert X[0, 0, 4] == np.float32(-0.9)


def test_a_flow_survives_its_arrays(learned):
    flow = learned[0]
    back = Flow.restore(flow.arrays, shape=flow.shape, n_labels=3, settings=flow.settings)
    assert back.sample(np.array([0, 1]), seed=0).tobytes() == flow.sample(np.array([0, 1]), seed=0).tobytes()


def test_arrays_that_do_not_fit_are_refused(learned):
    flow = learned[0]
    arrays = flow.arrays
    for changed in ({**arrays, "more": np.zeros(3)}, {k: v for k, v in arrays.items() if k != "in"}, {**arrays, "in": np.zeros((2, 2))}):
        with pytest.raises(ModelError, match=r"weights (in|more) must have shape"):
            Flow.restore(changed, shape=flow.shape, n_labels=3, settings=flow.settings)
    for wrong in ({"shape": (5, 5), "n_labels": 3}, {"shape": flow.shape, "n_labels": 4}):
        with pytest.raises(ModelError, match="weights"):
            Flow.restore(arrays, settings=flow.settings, **wrong)


@pytest.mark.parametrize("labels", [[3], [-2], [0.0], 0, [[0]], ["0"]])
def test_unknown_labels_are_refused(learned, labels):
    with pytest.raises(ParameterError, match="labels"):
        learned[0].sample(np.array(labels), seed=0)


def test_unknown_options_and_values_are_refused(learned):
    flow, asked = learned[0], np.array([0])
    with pytest.raises(ParameterError, match="'temperature'"):
        flow.sample(asked, seed=0, temperature=1.0)
    with pytest.raises(ParameterError, match="guidance"):
        flow.sample(asked, seed=0, guidance=-1.0)
    with pytest.raises(ParameterError, match="sample_steps"):
        flow.sample(asked, seed=0, sample_steps=0)


@pytest.mark.parametrize(("n", "n_labels"), [(2, 0), (2, 2), (7, 1), (300, 0)])
def test_few_clips_one_label_and_no_labels_train_and_sample(n, n_labels):
    X, labels = patterns(n)
    labels = labels % n_labels if n_labels else np.full(n, -1)
    model = FlowTraining(X, labels, n_labels=n_labels, seed=0, **SMALL)
    assert model.settings["components"] == min(8, n - 1)
    fit(model, model.batch_at, steps=5, seed=0, progress=False)
    made = model.finish().sample(np.full(3, n_labels - 1), seed=0)
    assert made.shape == (3, 6, 8)
    assert np.isfinite(made).all()


def test_silent_clips_train_and_give_silence():
    X = np.full((4, 6, 8), -1.0, np.float32)
    model = FlowTraining(X, np.full(4, -1), n_labels=0, seed=0, **SMALL)
    fit(model, model.batch_at, steps=50, seed=0, progress=False)
    assert model.finish().sample(np.full(2, -1), seed=0).shape == (2, 6, 8)
