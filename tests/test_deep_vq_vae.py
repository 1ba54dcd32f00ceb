"""The autoencoder with a codebook: rounding, the slope that passes through it, entries that follow, and dead ones."""

import numpy as np
import pytest

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.deep.vq_vae import VqVaeTraining, nearest_entries, perplexity
from audiogen_helpers.errors import ParameterError

RNG = np.random.default_rng(5)


def patterns(n):
    """Four kinds of 5 x 9 features."""
    kinds = np.random.default_rng(1).choice([-1.0, 0.5], (4, 5, 9)).astype(np.float32)
    return kinds[np.arange(n) % 4] + 0.03 * np.random.default_rng(2).standard_normal((n, 5, 9)).astype(np.float32)


def trained(steps=80, **settings):
    X = patterns(80)
    training = VqVaeTraining(X, **{"entries": 12, "numbers": 4, "width": 16, "batch_size": 16, "learning_rate": 5e-3, **settings})
    return training, fit(training, training.batch_at, steps=steps, seed=0, progress=False), X


def test_the_nearest_entry_is_that_of_brute_force():
    e, book = RNG.standard_normal((7, 3, 4)), RNG.standard_normal((9, 4))
    expected = np.linalg.norm(e[:, :, None] - book, axis=-1).argmin(axis=-1)
    np.testing.assert_array_equal(nearest_entries(e, book), expected)


def test_perplexity_counts_entries_in_use():
    assert perplexity(np.repeat(np.arange(8), 5), entries=64) == 8.0
    assert perplexity(np.zeros((3, 4), int), entries=64) == 1.0
    assert 1.0 < perplexity(np.array([0] * 9 + [1]), entries=64) < 2.0


def test_tokens_lead_back_to_the_clip():
    training, history, X = trained()
    model = training.finish()
    tokens = model.encode(X)
    assert tokens.shape == (80, 3)
    assert 0 <= tokens.min() <= tokens.max() < 12
    made = model.decode(tokens)
    assert made.shape == X.shape
    assert made.dtype == np.float32
    assert np.mean((made - X) ** 2) < 0.3 * X.var(axis=0).mean()
    assert history["error"][-1] < 0.3 * history["error"][0]


def test_the_same_run_gives_the_same_bytes():
    one, other = (trained(steps=3)[0].finish().weights for _ in range(2))
    assert all((other[name] == array).all() for name, array in one.items())


def test_the_slope_passes_through_the_rounding_as_if_there_were_none():
    tf = tensorflow()
    e, entry = tf.constant([[0.2, 0.9]]), tf.constant([[0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(e)
        straight = e + tf.stop_gradient(entry - e)
        y = tf.reduce_sum(straight**2)
    np.testing.assert_allclose(straight.numpy(), entry.numpy(), atol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, e).numpy(), 2.0 * entry.numpy(), atol=1e-6)
    training = VqVaeTraining(patterns(20), entries=4, numbers=3, width=8, batch_size=8)
    before = training._weights["down0"].numpy()
    training.plan(10)
    training.train_step(training.batch_at(0), tf.constant([0, 0]))
    assert np.abs(training._weights["down0"].numpy() - before).max() > 1e-6  # the encoder, on the far side of the rounding, learns


def test_entries_move_to_the_moving_mean_of_what_is_rounded_to_them():
    tf = tensorflow()
    training = VqVaeTraining(patterns(20), entries=3, numbers=2, width=8, revive=False)
    target = np.array([[1.0, 2.0], [3.0, -1.0], [0.0, 0.0]], np.float32)
    e, hits = np.repeat(target, 5, axis=0), np.repeat(np.eye(3, dtype=np.float32), 5, axis=0)
    for _ in range(300):
        training._move(tf.constant(e), tf.constant(hits), tf.constant([0, 0]))
    np.testing.assert_allclose(training._codebook.numpy(), target, atol=1e-2)
    np.testing.assert_allclose(training._counts.numpy(), 5.0, rtol=1e-2)


def test_dead_entries_come_back_to_life_only_where_they_are_moved():
    tf = tensorflow()
    e = RNG.standard_normal((30, 2)).astype(np.float32)
    hits = np.zeros((30, 3), np.float32)
    hits[:, 0] = 1.0
    found = {}
    for revive in (False, True):
        training = VqVaeTraining(patterns(20), entries=3, numbers=2, width=8, revive=revive)
        for step in range(200):
            training._move(tf.constant(e), tf.constant(hits), tf.constant([0, step]))
        found[revive] = training._codebook.numpy()[1:]
    assert np.abs(found[True]).max() > np.abs(found[False]).max()
    assert np.abs(e[:, None] - found[True]).sum(axis=-1).min(axis=0).max() < 0.5


def test_bad_input_is_refused():
    model = trained(steps=2)[0].finish()
    for tokens in (np.zeros((2, 4), int), np.zeros(3, int), np.full((1, 3), 12), np.full((1, 3), -1)):
        with pytest.raises(ParameterError, match=r"tokens must have shape \(n, 3\)"):
            model.decode(tokens)
    with pytest.raises(ParameterError, match="X must have shape"):
        model.encode(np.zeros((2, 9, 5)))
    with pytest.raises(ParameterError, match="entries"):
        VqVaeTraining(patterns(4), entries=1)
