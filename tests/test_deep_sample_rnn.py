"""The sample-level network: its compiled loop against Keras, numpy and chance; what it learns from and what it says."""

import numpy as np
import pytest

from audiogen_helpers.deep import fast_sampler, recurrent
from audiogen_helpers.deep.fast_sampler import Sampler
from audiogen_helpers.deep.models import check_settings
from audiogen_helpers.deep.nucleus import chances
from audiogen_helpers.deep.sample_rnn import LEVELS, SILENCE, SampleRnn, SampleRnnTraining, keras_model, weight_shapes
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.spectral import mu_law_decode, mu_law_encode

RNG = np.random.default_rng(0)
SR = 8000


def some(*, width=18, n_labels=3, length=400):
    weights = {name: RNG.normal(0.0, 0.4, shape) for name, shape in weight_shapes(width=width, n_labels=n_labels).items()}
    settings = check_settings("rnn-samples", {"width": width})
    return SampleRnn(weights, length=length, n_labels=n_labels, settings=settings)


def test_the_compiled_loop_says_what_keras_says():
    model, codes, labels = some(), RNG.integers(0, LEVELS, (3, 60)), np.array([0, 2, -1])
    ours = model.sampler.logits(model.told(labels), codes, first=SILENCE)
    heard = np.concatenate([np.full((3, 1), SILENCE), codes[:, :-1]], axis=1)
    told = np.broadcast_to(np.eye(4)[labels][:, None], (3, 60, 4))
    theirs = keras_model(model)(np.concatenate([np.eye(LEVELS)[heard], told], axis=-1).astype(np.float32)).numpy()
    assert np.abs(theirs).max() > 2.0
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_table_and_the_loop_are_the_gru_of_the_package():
    model, codes = some(width=5, n_labels=0), RNG.integers(0, LEVELS, (2, 40))
    heard = np.concatenate([np.full((2, 1), SILENCE), codes[:, :-1]], axis=1)
    u = model.weights["kernel"][heard] + model.weights["bias"] + model.weights["kernel"][LEVELS]
    h, _ = recurrent.scan("gru", u, model.weights, recurrent.start("gru", model.weights, 2), ops=recurrent.NUMPY)
    ours = model.sampler.logits(model.told(np.array([-1, -1])), codes, first=SILENCE)
    np.testing.assert_allclose(ours, h @ model.weights["out"] + model.weights["out.bias"], atol=1e-4)


def test_levels_are_drawn_with_the_chances_that_the_logits_give():
    """Many streams of one step each: all hear silence, so all draw from the same chances."""
    model, n = some(), 20_000
    sampler, told = model.sampler, np.repeat(model.told(np.array([1])), n, axis=0)
    u = (np.arange(n) + 0.5) / n
    for temperature, top_p in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.6)):
        p = chances(sampler.logits(told[:1], np.zeros((1, 1), int), first=SILENCE)[0, 0], temperature=temperature, top_p=top_p)
        codes, _ = sampler.speak(told, u[:, None].astype(np.float32), first=SILENCE, temperature=temperature, top_p=top_p)
        np.testing.assert_allclose(np.bincount(codes[:, 0], minlength=LEVELS) / n, p, atol=3.0 / n + 1e-4)


def test_streams_are_what_they_are_alone_and_can_go_on():
    model, U = some(), RNG.random((5, 100))
    told = model.told(np.array([0, 1, 2, -1, 0]))
    codes, state = model.sampler.speak(told, U, first=SILENCE)
    alone, last = model.sampler.speak(told[3:4], U[3:4], first=SILENCE)
    np.testing.assert_array_equal(codes[3], alone[0])
    np.testing.assert_array_equal(state[3], last[0])
    begun, middle = model.sampler.speak(told[3:4], U[3:4, :40], first=SILENCE)
    rest, _ = model.sampler.speak(told[3:4], U[3:4, 40:], first=int(begun[0, -1]), state=middle)
    np.testing.assert_array_equal(np.concatenate([begun, rest], axis=1), alone)


def test_the_polynomials_are_the_functions():
    x = np.linspace(-12.0, 12.0, 2001).astype(np.float32)
    np.testing.assert_allclose([fast_sampler._tanh.py_func(v) for v in x], np.tanh(x.astype(np.float64)), atol=4e-7)
    y = np.linspace(-39.0, 0.0, 2001).astype(np.float32)
    np.testing.assert_allclose([fast_sampler._exp.py_func(v) for v in y], np.exp(y.astype(np.float64)), rtol=1e-4)
    assert fast_sampler._exp.py_func(np.float32(-1e9)) < 1e-16


def tones(n=8, length=800):
    t = np.arange(length) / SR
    y = 0.5 * np.stack([np.sin(2 * np.pi * f * t) for f in (250.0, 500.0)])
    return np.tile(y, (n // 2, 1)), np.tile([0, 1], n // 2)


def test_windows_are_cut_from_the_clips_one_sample_apart():
    Y, labels = tones()
    Y[:, 600:] = 0.0
    training = SampleRnnTraining(Y, labels, n_labels=2, seed=0, width=8, batch_size=4, window=64)
    training.plan(10)
    codes = mu_law_encode(Y)
    starts = 0
    for step in range(10):
        batch = training.batch_at(step)
        np.testing.assert_array_equal(batch["heard"][:, 1:], batch["come"][:, :-1])
        for come, label in zip(batch["come"], batch["label"], strict=True):
            windows = np.lib.stride_tricks.sliding_window_view(codes[label], 64)
            found = np.flatnonzero((windows == come).all(axis=1))
            assert found.size
            assert found[0] <= 600 - 64
        starts += int((batch["heard"][:, 0] == SILENCE).sum())
        again = training.batch_at(step)
        assert all(np.array_equal(batch[name], again[name]) for name in batch)
    assert starts >= 1


def test_it_learns_a_tone_for_each_label():
    """Two tones, a moment of training: the tone that is asked for is what comes."""
    Y, labels = tones()
    training = SampleRnn.train(Y, labels, n_labels=2, seed=0, width=32, window=64, batch_size=16, learning_rate=0.01)
    history = fit(training, training.batch_at, steps=300, seed=0, progress=False)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    made = training.finish().sample(np.array([0, 1]), seed=0, temperature=0.3)
    spectrum = np.abs(np.fft.rfft(made, axis=1))
    loudest = spectrum[:, 2:].argmax(axis=1) + 2
    np.testing.assert_allclose(loudest * SR / 800, [250.0, 500.0], rtol=0.1)


def test_what_is_kept_is_what_is_stored():
    model = some()
    for name, array in model.arrays.items():
        if array.ndim > 1:
            np.testing.assert_array_equal(array, array.astype(np.float16).astype(np.float32), err_msg=name)
    again = SampleRnn.restore(model.arrays, shape=(400,), n_labels=3, settings=model.settings)
    np.testing.assert_array_equal(again.sample(np.array([0, -1]), seed=3), model.sample(np.array([0, -1]), seed=3))
    assert np.abs(mu_law_decode(np.array([SILENCE]))[0]) < 1e-4


def test_labels_and_options_change_what_is_said_and_wrong_ones_are_named():
    model = some()
    one = model.sample(np.array([0]), seed=0)
    assert not np.array_equal(one, model.sample(np.array([1]), seed=0))
    assert not np.array_equal(one, model.sample(np.array([0]), seed=0, top_p=0.5))
    assert model.sample(np.zeros(0, int), seed=0).shape == (0, 400)
    for arguments, word in (({"labels": np.array([3])}, "labels"), ({"labels": np.array([0]), "speed": 2}, "speed")):
        with pytest.raises(ParameterError, match=word):
            model.sample(seed=0, **arguments)
    with pytest.raises(ParameterError, match="temperature"):
        model.sample(np.array([0]), seed=0, temperature=0.0)
    with pytest.raises(ParameterError, match="codes"):
        model.sampler.logits(model.told(np.array([0])), np.array([[256]]), first=SILENCE)
    with pytest.raises(ParameterError, match="streams"):
        model.sampler.speak(np.zeros((2, 3 * 18)), RNG.random((1, 4)), first=SILENCE)
    with pytest.raises(ModelError, match="out"):
        SampleRnn.restore({**model.arrays, "out": np.zeros((2, 2))}, shape=(400,), n_labels=3, settings=model.settings)
    with pytest.raises(ParameterError, match="labels"):
        SampleRnnTraining(np.zeros((2, 100)), np.array([0, 5]), n_labels=2, seed=0)


def test_wild_weights_give_levels_all_the_same():
    for value in (1e30, -1e30):
        weights = {name: np.full(shape, value, np.float32) for name, shape in weight_shapes(width=4, n_labels=0).items()}
        with np.errstate(all="ignore"):
            Y = SampleRnn(weights, length=20, n_labels=0, settings=check_settings("rnn-samples", {"width": 4})).sample(
                np.array([-1]), seed=0
            )
        assert np.isfinite(Y).all()
    assert isinstance(Sampler.of(weights, levels=LEVELS), Sampler)
