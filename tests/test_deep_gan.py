"""The document's dense GAN: its two networks as the document has them, both of which must learn."""

import numpy as np
import pytest

from audiogen_helpers.deep.gan import DenseGan, DenseGanTraining, discriminator, generator_network
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError


def features(n=40, shape=(6, 8)):
    return np.random.default_rng(0).uniform(-1, 1, (n, *shape)).astype(np.float32)


def train(steps=20, seed=0, **settings):
    model = DenseGanTraining(features(), seed=seed, batch_size=8, **settings)
    return model, fit(model, model.batch_at, steps=steps, seed=seed, progress=False)


def test_the_generator_is_the_documents():
    network = generator_network((128, 128), seed=0)
    assert [tuple(w.shape) for w in network.trainable_variables[::2]] == [(100, 256), (256, 512), (512, 1024), (1024, 128 * 128)]
    made = network(np.random.default_rng(0).standard_normal((3, 100)).astype(np.float32)).numpy()
    assert made.shape == (3, 128, 128)
    assert 0.0 < np.abs(made).max() <= 1.0
    slopes = {layer.negative_slope for layer in network.layers if hasattr(layer, "negative_slope")}
    assert slopes == {0.2}


def test_the_discriminator_is_the_documents():
    network = discriminator((128, 128), seed=0)
    assert [tuple(w.shape) for w in network.trainable_variables[::2]] == [(128 * 128, 512), (512, 256), (256, 1)]
    verdict = network(features(5, (128, 128))).numpy()
    assert verdict.shape == (5, 1)
    assert ((verdict > 0.0) & (verdict < 1.0)).all()


def test_both_networks_learn():
    model = DenseGanTraining(features(), seed=0, batch_size=8)
    before = [v.numpy() for network in (model.generator, model.discriminator) for v in network.trainable_variables]
    fit(model, model.batch_at, steps=2, seed=0, progress=False)
    after = [v.numpy() for network in (model.generator, model.discriminator) for v in network.trainable_variables]
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


def test_losses_start_where_a_coin_would_be():
    _, history = train(steps=1)
    assert history["g_loss"][0] == pytest.approx(np.log(2.0), abs=0.35)
    assert history["d_loss"][0] == pytest.approx(np.log(2.0), abs=0.35)


def test_numpy_sampling_equals_the_keras_network():
    model, _ = train(steps=3)
    noise = np.random.default_rng(9).standard_normal((4, 100), dtype=np.float32)
    sampled = model.finish().sample(np.full(4, -1), seed=9)
    np.testing.assert_allclose(sampled, model.generator(noise).numpy(), atol=1e-5)


def test_same_seed_same_bytes():
    first, second, other = (train(steps=5, seed=s)[0].finish() for s in (0, 0, 1))
    for name, array in first.arrays.items():
        assert array.tobytes() == second.arrays[name].tobytes()
    assert first.arrays["dense0.kernel"].tobytes() != other.arrays["dense0.kernel"].tobytes()


def test_labels_options_and_foreign_arrays_are_refused():
    gan = train(steps=1)[0].finish()
    with pytest.raises(ParameterError, match="learns no labels"):
        gan.sample(np.array([0]), seed=0)
    with pytest.raises(ParameterError, match="'guidance'"):
        gan.sample(np.array([-1]), seed=0, guidance=2.0)
    with pytest.raises(ModelError, match=r"dense3\.bias"):
        DenseGan.restore(gan.arrays, shape=(6, 9), n_labels=0, settings=gan.settings)
