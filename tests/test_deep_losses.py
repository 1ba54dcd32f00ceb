"""Losses and log densities: closed forms, scipy's and Keras' own, the slopes that training follows, numbers at the edge."""

import warnings

import numpy as np
import pytest
import scipy.special
import scipy.stats

from audiogen_helpers.deep import losses
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.operations import NUMPY, tensorflow_ops
from audiogen_helpers.errors import ParameterError

RNG = np.random.default_rng(0)
U = np.concatenate([RNG.normal(scale=3.0, size=60), [-800.0, -40.0, 0.0, 40.0, 800.0]])
REAL, FAKE = RNG.normal(1.0, 2.0, size=50), RNG.normal(-1.0, 2.0, size=50)
X, M, V = RNG.normal(size=40), RNG.normal(size=40), RNG.normal(size=40)  # numbers, means, log variances
M0, V0 = RNG.normal(size=40), RNG.normal(size=40)
W3, M3, V3 = RNG.normal(size=(40, 3)), RNG.normal(size=(40, 3)), RNG.normal(size=(40, 3))

# every function of the module as one scalar of one array, for the comparisons of numpy with TensorFlow and of slopes
SCALARS = {
    "softplus": (U, lambda u, ops: ops.mean(losses.softplus(u, ops=ops))),
    "sigmoid": (U, lambda u, ops: ops.mean(losses.sigmoid(u, ops=ops))),
    "log_sum_exp": (U, lambda u, ops: losses.log_sum_exp(u, ops=ops)),
    "entropy": (U, lambda u, ops: ops.mean(losses.binary_cross_entropy(u, 0.3, ops=ops))),
    "classes": (W3, lambda u, ops: ops.mean(losses.cross_entropy(u, np.arange(40) % 3, ops=ops))),
    "penalty": (M3, lambda g, ops: losses.gradient_penalty(g, ops=ops)),
    "R1": (M3, lambda g, ops: losses.gradient_penalty(g, target=0.0, ops=ops)),
    "kl of means": (M, lambda m, ops: ops.sum(losses.gaussian_kl(m, V, M0, V0, ops=ops))),
    "kl of variances": (V, lambda v, ops: ops.sum(losses.gaussian_kl(M, v, M0, V0, ops=ops))),
    "kl to the standard": (V, lambda v, ops: ops.sum(losses.gaussian_kl(M, v, ops=ops))),
    "kl of priors": (V0, lambda v, ops: ops.sum(losses.gaussian_kl(M, V, M0, v, ops=ops))),
    "normal": (M, lambda m, ops: ops.sum(losses.gaussian_log_density(X, m, V, ops=ops))),
    "normal, one width": (M, lambda m, ops: ops.sum(losses.gaussian_log_density(X, m, -2, ops=ops))),
    "normal, widths": (V, lambda v, ops: ops.sum(losses.gaussian_log_density(X, M, v, ops=ops))),
    "laplace": (M, lambda m, ops: ops.sum(losses.laplace_log_density(X, m, V, ops=ops))),
    "laplace, widths": (V, lambda v, ops: ops.sum(losses.laplace_log_density(X, M, v, ops=ops))),
    "mixture": (W3, lambda w, ops: ops.sum(losses.mixture_log_density(X, w, M3, V3, ops=ops))),
    "mixture, means": (M3, lambda m, ops: ops.sum(losses.mixture_log_density(X, W3, m, V3, ops=ops))),
}
for _kind in losses.KINDS:
    SCALARS |= {
        f"{_kind} D, real": (REAL, lambda u, ops, kind=_kind: losses.discriminator_loss(u, FAKE, kind=kind, ops=ops)),
        f"{_kind} D, fake": (FAKE, lambda u, ops, kind=_kind: losses.discriminator_loss(REAL, u, kind=kind, ops=ops)),
        f"{_kind} G": (FAKE, lambda u, ops, kind=_kind: losses.generator_loss(u, kind=kind, ops=ops)),
    }


@pytest.mark.parametrize("name", SCALARS)
def test_numpy_and_tensorflow_agree_and_the_slope_is_the_finite_difference(name):
    tf = tensorflow()
    x, function = SCALARS[name]
    variable = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        value = function(variable, tensorflow_ops())
    np.testing.assert_allclose(value.numpy(), function(x, NUMPY), rtol=1e-12)
    slope = tape.gradient(value, variable).numpy()
    h = 1e-6
    for i in list(np.ndindex(x.shape))[:: max(1, x.size // 12)]:
        step = np.zeros_like(x)
        step[i] = h
        difference = (function(x + step, NUMPY) - function(x - step, NUMPY)) / (2 * h)
        assert slope[i] == pytest.approx(difference, rel=1e-4, abs=2e-7 * max(1.0, abs(float(value)))), i


def test_the_pieces_equal_scipys_and_stay_finite_at_the_edge():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(losses.softplus(U), np.logaddexp(0.0, U), rtol=1e-13)
        np.testing.assert_allclose(losses.sigmoid(U), scipy.stats.logistic.cdf(U), rtol=1e-13)
        np.testing.assert_allclose(losses.log_sum_exp(W3 * 900.0), scipy.special.logsumexp(W3 * 900.0, axis=-1), rtol=1e-13)
        np.testing.assert_allclose(losses.log_sum_exp(W3, axis=0), scipy.special.logsumexp(W3, axis=0), rtol=1e-13)
        assert losses.log_sum_exp(np.full(3, -np.inf)) == -np.inf
        edge = losses.binary_cross_entropy(np.array([-1e4, 1e4, -1e4, 1e4]), np.array([0.0, 1.0, 1.0, 0.0]))
    np.testing.assert_array_equal(edge, [0.0, 0.0, 1e4, 1e4])
    np.testing.assert_allclose(NUMPY.silu(U[:60]), U[:60] * scipy.special.expit(U[:60]), rtol=1e-13)


def test_the_slope_of_softplus_at_zero_is_a_half_and_of_an_undecided_discriminator_too():
    """From max and abs piece by piece TensorFlow would get 1, and every fresh network answers 0."""
    tf = tensorflow()
    zero = tf.zeros(1)
    with tf.GradientTape() as tape:
        tape.watch(zero)
        loss = losses.generator_loss(zero, ops=tensorflow_ops())
    assert tape.gradient(loss, zero).numpy().item() == -0.5


def test_all_keep_single_precision():
    low = {name: function(x.astype(np.float32), NUMPY) for name, (x, function) in SCALARS.items() if " " not in name}
    assert {name for name, value in low.items() if value.dtype != np.float32} <= {"normal", "laplace", "mixture"}  # float64 beside them
    x = X.astype(np.float32)
    assert losses.mixture_log_density(x, *(a.astype(np.float32) for a in (W3, M3, V3))).dtype == np.float32
    assert losses.gaussian_kl(x, x).dtype == losses.laplace_log_density(x, 0.0, -1.0).dtype == np.float32
    tf = tensorflow()
    single, double = tf.zeros(3), tf.zeros(3, tf.float64)
    assert losses.gaussian_kl(single, single, ops=tensorflow_ops()).dtype == tf.float32
    assert losses.gaussian_kl(double, double, ops=tensorflow_ops()).dtype == tf.float64


def test_cross_entropies_equal_keras_own():
    tensorflow()
    import keras

    u, t = U[:60].astype(np.float32), RNG.random(60).astype(np.float32)
    ours = losses.binary_cross_entropy(u, t)
    keras_ours = keras.losses.binary_crossentropy(t[:, None], u[:, None], from_logits=True)
    np.testing.assert_allclose(ours, keras_ours.numpy(), rtol=1e-5)
    labels = np.arange(40) % 3
    keras_classes = keras.losses.sparse_categorical_crossentropy(labels, W3.astype(np.float32), from_logits=True)
    np.testing.assert_allclose(losses.cross_entropy(W3, labels), keras_classes.numpy(), rtol=1e-5)
    hinge = (
        keras.losses.hinge(np.ones((50, 1)), REAL[:, None]).numpy().mean()
        + keras.losses.hinge(-np.ones((50, 1)), FAKE[:, None]).numpy().mean()
    )
    assert losses.discriminator_loss(REAL, FAKE, kind="hinge") == pytest.approx(hinge, rel=1e-5)
    squares = keras.losses.mean_squared_error(1.0, REAL).numpy() + keras.losses.mean_squared_error(0.0, FAKE).numpy()
    assert losses.discriminator_loss(REAL, FAKE, kind="least-squares") == pytest.approx(squares / 2, rel=1e-5)


@pytest.mark.parametrize("kind", losses.KINDS)
def test_of_two_equal_crowds_the_best_discriminator_says_the_middle(kind):
    """Where real and fake are the same, no u is better than the middle, and the loss there is known."""
    crowd = np.zeros(8)
    middle, least = {"hinge": (0.0, 2.0), "wasserstein": (0.0, 0.0), "least-squares": (0.5, 0.25)}.get(kind, (0.0, np.log(4.0)))
    assert losses.discriminator_loss(crowd + middle, crowd + middle, kind=kind) == pytest.approx(least)
    for other in (-3.0, -0.5, 0.2, 0.9, 4.0):
        assert losses.discriminator_loss(crowd + other, crowd + other, kind=kind) >= least - 1e-12


@pytest.mark.parametrize("kind", losses.KINDS)
def test_a_generator_gains_by_being_called_real(kind):
    u = np.linspace(-6.0, 0.9, 30)
    loss = [losses.generator_loss(np.array([v]), kind=kind) for v in u]
    assert (np.diff(loss) < 0.0).all()
    slope = np.diff(loss)[0] / np.diff(u)[0]  # at a fake that the discriminator sees through
    assert (abs(slope) < 0.01) == (kind == "saturating")


def test_the_two_generator_losses_differ_by_the_logit():
    """log(1 - D) = log D - u, so the saturating loss is minus the other one minus u."""
    difference = losses.generator_loss(FAKE, kind="saturating") + losses.generator_loss(FAKE)
    assert difference == pytest.approx(-FAKE.mean())


def test_log_densities_equal_scipys():
    deviation = np.exp(V / 2)
    np.testing.assert_allclose(losses.gaussian_log_density(X, M, V), scipy.stats.norm.logpdf(X, M, deviation), rtol=1e-12)
    np.testing.assert_allclose(losses.laplace_log_density(X, M, V), scipy.stats.laplace.logpdf(X, M, np.exp(V)), rtol=1e-12)
    weights = np.exp(W3) / np.exp(W3).sum(axis=-1, keepdims=True)
    density = np.sum(weights * scipy.stats.norm.pdf(X[:, None], M3, np.exp(V3 / 2)), axis=-1)
    np.testing.assert_allclose(losses.mixture_log_density(X, W3, M3, V3), np.log(density), rtol=1e-12)
    far = losses.mixture_log_density(np.array([1e3]), np.zeros(2), np.array([0.0, 1.0]), np.zeros(2))
    assert far[0] == pytest.approx(scipy.stats.norm.logpdf(1e3, 1.0, 1.0) - np.log(2.0))
    y = np.linspace(-30.0, 30.0, 60_001)
    assert np.exp(losses.mixture_log_density(y, W3[0], M3[0], V3[0])).sum() * 1e-3 == pytest.approx(1.0, abs=1e-6)


def test_the_divergence_is_the_mean_difference_of_log_densities():
    y = np.linspace(-25.0, 25.0, 50_001)[:, None]
    q, p = losses.gaussian_log_density(y, M, V), losses.gaussian_log_density(y, M0, V0)
    np.testing.assert_allclose(losses.gaussian_kl(M, V, M0, V0), (np.exp(q) * (q - p)).sum(axis=0) * 1e-3, rtol=1e-4, atol=1e-6)
    assert (losses.gaussian_kl(M, V, M0, V0) > 0.0).all()
    np.testing.assert_array_equal(losses.gaussian_kl(M, V, M, V), 0.0)
    assert losses.gaussian_kl(0.0, np.array(1e-8)) == pytest.approx(1e-16 / 4, rel=1e-6)  # no cancellation near 0


def test_the_penalty_of_a_gradient_that_is_zero_has_a_finite_slope():
    tf = tensorflow()
    g = tf.zeros((2, 3, 4))
    with tf.GradientTape() as tape:
        tape.watch(g)
        penalty = losses.gradient_penalty(g, ops=tensorflow_ops())
    assert penalty.numpy() == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(tape.gradient(penalty, g).numpy()).all()
    norms = np.sqrt((M3**2).sum(axis=1))
    assert losses.gradient_penalty(M3) == pytest.approx(np.mean((norms - 1.0) ** 2), rel=1e-9)


def test_an_unknown_kind_is_named():
    for call in (lambda: losses.generator_loss(FAKE, kind="hings"), lambda: losses.discriminator_loss(REAL, FAKE, kind="hings")):
        with pytest.raises(ParameterError, match=r"kind must be one of .*hinge.*received 'hings'"):
            call()


def test_every_other_operation_is_the_same_in_both():
    tf, ops = tensorflow(), tensorflow_ops()
    x = np.abs(X) + 0.1
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "square", "abs", "sin", "cos", "tanh", "silu", "relu", "sum", "mean"):
        np.testing.assert_allclose(getattr(ops, name)(tf.constant(x)).numpy(), getattr(NUMPY, name)(x), rtol=1e-12, err_msg=name)
    for name in ("maximum", "minimum"):
        np.testing.assert_array_equal(getattr(ops, name)(tf.constant(X), 0.0).numpy(), getattr(NUMPY, name)(X, 0.0))
    np.testing.assert_array_equal(ops.where(tf.constant(X) > 0, X, M).numpy(), NUMPY.where(X > 0, X, M))
    np.testing.assert_array_equal(ops.concat([M3, W3]).numpy(), NUMPY.concat([M3, W3]))
    np.testing.assert_array_equal(ops.reshape(M3, (-1, 2)).numpy(), NUMPY.reshape(M3, (-1, 2)))
    np.testing.assert_array_equal(ops.rows(M3, [3, 1]).numpy(), NUMPY.rows(M3, [3, 1]))
    np.testing.assert_array_equal(ops.pick(M3[:2], [2, 1]).numpy(), NUMPY.pick(M3[:2], [2, 1]))
    for axis in (0, 1):
        for operation in ("sum", "mean", "log_sum_exp"):
            a, b = (getattr(o, operation)(M3, axis=axis, keepdims=True) for o in (ops, NUMPY))
            np.testing.assert_allclose(a.numpy(), b, rtol=1e-12)


@pytest.mark.parametrize("kind", losses.KINDS)
def test_a_discriminator_gains_by_telling_them_apart(kind):
    at = [losses.discriminator_loss(np.array([u]), np.array([-u]), kind=kind) for u in (-0.5, 0.0, 0.4)]
    assert at[0] > at[1] > at[2]
