"""The small WaveGAN: its networks in numpy and TensorFlow, the pattern that up-sampling leaves, and phase shuffle."""

import numpy as np
import pytest

from audiogen_helpers.deep.convolutions import tensorflow_convolutions
from audiogen_helpers.deep.operations import tensorflow_ops
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.deep.wave_gan import STRIDE, WaveGan, _start, checkerboard_level, judge_waves, make_waves, phase_shuffle, wave_shapes
from audiogen_helpers.errors import ModelError, ParameterError

RNG = np.random.default_rng(3)
SMALL = {"width": 2, "blocks": 2, "batch_size": 4, "latent": 6}


def weights(length=64, seed=0, **sizes):
    sizes = {"latent": 6, "width": 2, "blocks": 2, **sizes}
    made = [_start(shapes, np.random.default_rng(seed + k)) for k, shapes in enumerate(wave_shapes(length, **sizes))]
    for part in made:
        part.update({name: value + 0.1 for name, value in part.items() if name.endswith(".bias")})
    return made


@pytest.mark.parametrize("upsampling", ["transposed", "nearest"])
def test_numpy_and_tensorflow_give_the_same_numbers(upsampling):
    maker, judge = weights()
    z, shifts = RNG.standard_normal((3, 6)).astype(np.float32), np.array([[1, 0, -2]], np.int32)
    others = {"ops": tensorflow_ops(), "convolutions": tensorflow_convolutions()}
    y = make_waves(maker, z, upsampling=upsampling)
    assert y.shape == (3, 64)
    np.testing.assert_allclose(y, make_waves(maker, z, upsampling=upsampling, **others), atol=1e-5)
    np.testing.assert_allclose(judge_waves(judge, y, shifts=shifts), judge_waves(judge, y, shifts=shifts, **others), atol=1e-4)
    assert np.abs(judge_waves(judge, y, shifts=shifts) - judge_waves(judge, y))[1] < 1e-6  # its shift is 0
    assert np.abs(judge_waves(judge, y, shifts=shifts) - judge_waves(judge, y))[[0, 2]].min() > 1e-4


def test_phase_shuffle_moves_clips_and_mirrors_the_edge():
    h = np.stack([np.arange(6.0), 10 + np.arange(6.0)])[..., None]
    moved = phase_shuffle(h, np.array([2, -1]))[..., 0]
    np.testing.assert_array_equal(moved, [[2, 1, 0, 1, 2, 3], [11, 12, 13, 14, 15, 14]])
    np.testing.assert_array_equal(phase_shuffle(h, np.zeros(2, int)), h)


def test_an_untrained_transposed_generator_hums_and_a_nearest_one_does_not():
    maker, _ = weights(2048, latent=16, width=4, blocks=3)
    z = np.random.default_rng(0).standard_normal((40, 16)).astype(np.float32)
    level = {kind: checkerboard_level(make_waves(maker, z, upsampling=kind), period=STRIDE) for kind in ("transposed", "nearest")}
    assert level["transposed"] > 6.0
    assert level["nearest"] < 1.0


def test_the_pattern_is_found_at_its_period_only():
    n = np.arange(4096)
    noise = np.random.default_rng(1).standard_normal((50, 4096))
    hum = noise + 0.3 * np.cos(2 * np.pi * n / 16)
    assert checkerboard_level(hum, period=16) > 10.0
    assert abs(checkerboard_level(hum, period=4)) < 2.0
    assert checkerboard_level(noise + 0.3 * np.cos(2 * np.pi * n / 17.3), period=16) < 3.0
    # cos of amplitude a: power (a N / 2)^2 in its bin, beside noise of power N
    expected = 10 * np.log10(0.3**2 * 4096 / 4 + 1) - 10 * np.log10(1.0)
    assert checkerboard_level(hum, period=16) == pytest.approx(expected, abs=2.0)
    with pytest.raises(ParameterError, match="at least 512"):
        checkerboard_level(noise[:, :500], period=16)


@pytest.mark.parametrize("settings", [{}, {"upsampling": "nearest", "shuffle": 0}, {"loss": "hinge", "blocks": 1}])
def test_a_trained_one_comes_back_from_its_arrays(settings):
    Y = 0.1 * RNG.standard_normal((9, 150)).astype(np.float32)
    training = WaveGan.train(Y, np.full(9, -1), n_labels=0, seed=0, sr=8000, **{**SMALL, **settings})
    before = training.finish()
    history = fit(training, training.batch_at, steps=3, seed=0, progress=False)
    model = training.finish()
    assert np.isfinite(history["g_loss"]).all()
    again = WaveGan.restore(model.arrays, shape=(150,), n_labels=0, settings=model.settings, sr=8000)
    y = model.sample(np.full(3, -1), seed=1)
    assert y.shape == (3, 150)
    assert y.tobytes() == again.sample(np.full(3, -1), seed=1).tobytes()
    assert y.tobytes() != before.sample(np.full(3, -1), seed=1).tobytes()
    assert np.abs(y).max() <= float(model.gain[0])
    with pytest.raises(ModelError, match="must have shape"):
        WaveGan.restore({**model.arrays, "gain": np.ones(2, np.float32)}, shape=(150,), n_labels=0, settings=model.settings, sr=8000)


def test_labels_and_options_that_it_does_not_know_are_refused():
    training = WaveGan.train(np.ones((3, 40), np.float32), np.full(3, -1), n_labels=0, seed=0, sr=8000, **SMALL)
    with pytest.raises(ParameterError, match="learns no labels"):
        training.finish().sample(np.array([0]), seed=0)
    with pytest.raises(ParameterError, match="no sampling options"):
        training.finish().sample(np.array([-1]), seed=0, truncation=0.5)


def test_silent_clips_are_no_division_by_zero():
    training = WaveGan.train(np.zeros((3, 40), np.float32), np.full(3, -1), n_labels=0, seed=0, sr=8000, **SMALL)
    assert np.isfinite(training.batch_at(0)["real"]).all()
