"""The variational autoencoder: its two networks, the bound, the priors of its codes, and what it learns."""

import numpy as np
import pytest

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.flow import follow
from audiogen_helpers.deep.latent_prior import draw_gaussians, fit_gaussians, guided, matching_loss
from audiogen_helpers.deep.losses import gaussian_kl, gaussian_log_density, laplace_log_density
from audiogen_helpers.deep.network import NetworkSize
from audiogen_helpers.deep.network import initial_weights as prior_weights
from audiogen_helpers.deep.pca import fit_pca
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.deep.vae import Vae, VaeTraining, beta_at
from audiogen_helpers.deep.vae_network import NUMPY, VaeSize, decode, elbo, encode, initial_weights, tensorflow_kit
from audiogen_helpers.errors import ModelError, ParameterError

RNG = np.random.default_rng(7)
SMALL = {"components": 6, "width": 16, "blocks": 1, "prior_width": 48, "batch_size": 32, "learning_rate": 3e-3}


def network(frames=11, bands=5, components=4, n_labels=3, wild=True):
    """Weights of an untrained autoencoder, and the rows that its linear code was fitted to."""
    rows = (RNG.standard_normal((60, frames * bands)) * 0.9 ** np.arange(frames * bands)).astype(np.float32)
    size = VaeSize(frames=frames, bands=bands, components=components, width=12, n_labels=n_labels)
    pca = fit_pca(rows, components=components)
    weights = initial_weights(size, pca, noise=0.01, log_scale=np.full(bands, -1.0), rng=np.random.default_rng(0))
    if wild:
        weights |= {name: RNG.normal(0, 0.3, weights[name].shape).astype(np.float32) for name in ("encoder.out", "decoder.out")}
    return weights, rows.reshape(60, frames, bands), pca


# --- the networks


@pytest.mark.parametrize("frames", [1, 8, 11])
def test_numpy_and_tensorflow_agree_on_both_terms_of_the_bound(frames):
    tf = tensorflow()
    weights, x, _ = network(frames=frames)
    label, noise = np.arange(60) % 4, RNG.standard_normal((60, 4)).astype(np.float32)
    for likelihood in ("laplace", "gaussian"):
        ours = elbo(weights, x, label, noise, likelihood=likelihood, kit=NUMPY)
        tensors = {name: tf.constant(value) for name, value in weights.items()}
        theirs = elbo(tensors, tf.constant(x), tf.constant(label), tf.constant(noise), likelihood=likelihood, kit=tensorflow_kit())
        assert [part.shape for part in ours] == [(60,), (60, 4), (60, frames, 5)]
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=2e-4, atol=2e-4)


def test_before_training_the_code_is_the_linear_one_and_its_posterior_that_of_probabilistic_pca():
    weights, x, pca = network(wild=False)
    flat = x.reshape(60, -1)
    mean, log_variance = encode(weights, x, kit=NUMPY)
    loadings = pca.basis.T * pca.scale  # x = loadings @ z + noise of variance 0.01
    posterior = np.linalg.inv(np.eye(4) + loadings.T @ loadings / 0.01)
    np.testing.assert_allclose(np.exp(log_variance), np.tile(np.diag(posterior), (60, 1)), rtol=1e-3)
    np.testing.assert_allclose(mean, (flat - pca.mean) @ loadings @ posterior / 0.01, atol=1e-3)
    again = decode(weights, pca.encode(flat), np.zeros(60, int), frames=11, kit=NUMPY)
    np.testing.assert_allclose(again.reshape(60, -1), pca.decode(pca.encode(flat)), atol=1e-4)


def test_the_bound_is_made_of_the_densities_of_the_losses_module():
    weights, x, _ = network()
    label, noise = np.zeros(60, int), RNG.standard_normal((60, 4)).astype(np.float32)
    mean, log_variance = encode(weights, x, kit=NUMPY)
    y = decode(weights, mean + np.exp(log_variance / 2) * noise, label, frames=11, kit=NUMPY)
    for name, density in (("laplace", laplace_log_density(x, y, -1.0)), ("gaussian", gaussian_log_density(x, y, -2.0))):
        found, kl, _ = elbo(weights, x, label, noise, likelihood=name, kit=NUMPY)
        np.testing.assert_allclose(found, density.sum(axis=(1, 2)), rtol=1e-4)
        np.testing.assert_allclose(kl, gaussian_kl(mean, log_variance), rtol=1e-5)


def test_every_clip_is_coded_and_drawn_by_itself_and_the_label_is_heard():
    weights, x, _ = network()
    mean, _ = encode(weights, x, kit=NUMPY)
    np.testing.assert_allclose(encode(weights, x[7:8], kit=NUMPY)[0][0], mean[7], atol=1e-5)
    told = decode(weights, mean[:4], np.arange(4), frames=11, kit=NUMPY)
    np.testing.assert_allclose(decode(weights, mean[2:3], np.array([2]), frames=11, kit=NUMPY)[0], told[2], atol=1e-5)
    assert np.abs(decode(weights, mean[2:3], np.array([1]), frames=11, kit=NUMPY)[0] - told[2]).max() > 1e-3
    rows = np.eye(4, dtype=np.float32)
    np.testing.assert_allclose(decode(weights, mean[:4], rows, frames=11, kit=NUMPY), told, atol=1e-5)


# --- the priors


def test_one_bell_for_each_label_and_one_for_all():
    labels = np.repeat([0, 1, 2], [3000, 3000, 1])
    centres = np.array([[0.0, 4.0], [2.0, -4.0], [50.0, 50.0]])
    mix = np.array([[1.0, 0.0], [0.8, 0.6]])
    mean = centres[labels] + RNG.standard_normal((6001, 2)) @ mix.T
    means, factors = fit_gaussians(mean, np.full(mean.shape, np.log(0.25)), labels, n_labels=3)
    np.testing.assert_allclose(means[:2], centres[:2], atol=0.1)
    np.testing.assert_allclose(factors[0] @ factors[0].T, mix @ mix.T + 0.25 * np.eye(2), atol=0.1)
    np.testing.assert_array_equal(means[2], means[3])  # one clip is no distribution
    np.testing.assert_allclose(means[3], mean.mean(axis=0), rtol=1e-4)
    drawn = draw_gaussians(means, factors, np.zeros(4000, int), RNG.standard_normal((4000, 2)))
    np.testing.assert_allclose(np.cov(drawn.T), factors[0] @ factors[0].T, atol=0.12)


def test_guidance_moves_along_the_step_from_no_label_to_the_label():
    weights = prior_weights(NetworkSize(components=3, width=16, blocks=1, n_labels=2), RNG)
    weights["out"] = RNG.standard_normal(weights["out"].shape).astype(np.float32)
    x, label = RNG.standard_normal((5, 3)).astype(np.float32), np.array([0, 1, 0, 1, 1])
    at = [guided(weights, label, n_labels=2, guidance=g)(x, 0.3) for g in (0.0, 1.0, 3.0)]
    free = guided(weights, np.full(5, 2), n_labels=2, guidance=3.0)(x, 0.3)
    np.testing.assert_allclose(at[0], free, atol=1e-5)
    np.testing.assert_allclose(at[2], at[0] + 3.0 * (at[1] - at[0]), atol=1e-5)
    assert np.abs(at[1] - at[0]).max() > 1e-2
    np.testing.assert_array_equal(guided(weights, label, n_labels=1, guidance=3.0)(x, 0.3), at[1])


def test_the_loss_of_the_prior_is_the_expected_square_of_the_straight_path():
    tf = tensorflow()
    weights = {k: tf.constant(w) for k, w in prior_weights(NetworkSize(components=3, width=16, blocks=1, n_labels=2), RNG).items()}
    x1 = tf.constant(np.full((20_000, 3), 2.0, np.float32))  # the untrained velocity is 0: E (x1 - x0)^2 = 4 + 1
    label = tf.zeros(20_000, tf.int32)
    loss = matching_loss(weights, x1, label, tf.constant([1, 2]), n_labels=2, label_dropout=0.1)
    assert float(loss) == pytest.approx(5.0, abs=0.05)


def test_the_weight_of_the_divergence_rises_and_stays():
    found = [beta_at(step, steps=50, beta=4.0, warm_up=0.4) for step in range(50)]
    np.testing.assert_allclose(found[:20], np.arange(1, 21) / 5.0)
    assert found[20:] == [4.0] * 30
    assert beta_at(0, steps=50, beta=4.0, warm_up=0.0) == 4.0


# --- what it learns


def patterns(n, noise=0.05):
    """Three kinds of 6 x 9 features, one per label, of two loudnesses."""
    labels, gen = np.arange(n) % 3, np.random.default_rng(0)
    X = np.full((n, 6, 9), -1.0, np.float32)
    for k in range(3):
        X[labels == k, 2 * k : 2 * k + 2] = gen.choice([0.3, 0.8], (int((labels == k).sum()), 1, 1))
    return (X + noise * gen.standard_normal(X.shape)).clip(-1, 1).astype(np.float32), labels


@pytest.fixture(scope="module")
def learned():
    X, labels = patterns(300)
    model = VaeTraining(X, labels, n_labels=3, seed=0, **SMALL)
    history = fit(model, model.batch_at, steps=240, seed=0, progress=False)
    return model.finish(), history, X, labels


def kinds(X, labels, made):
    """The nearest kind of each."""
    centres = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    return np.linalg.norm((made[:, None] - centres).reshape(len(made), 3, -1), axis=-1).argmin(axis=1)


def test_samples_of_fitted_priors_are_of_the_kind_that_was_asked_for(learned):
    vae, _, X, labels = learned
    asked = np.repeat(np.arange(3), 20)
    for prior in ("learned", "gaussian"):
        made = vae.sample(asked, seed=1, prior=prior)
        assert made.shape == (60, 6, 9)
        assert made.dtype == np.float32
        assert np.abs(made).max() <= 1.0
        assert (kinds(X, labels, made) == asked).mean() > 0.95, prior
        assert np.linalg.norm((made[:, None] - X[None]).reshape(60, 300, -1), axis=-1).min() > 0.01
    blind = vae.sample(np.full(60, -1), seed=1)
    assert (np.bincount(kinds(X, labels, blind), minlength=3) >= 8).all()


def test_codes_of_clips_lead_back_to_them(learned):
    vae, history, X, labels = learned
    mean, log_variance = vae.encode(X)
    assert mean.shape == log_variance.shape == (300, 6)
    assert np.mean((vae.decode(mean, labels) - X) ** 2) < 0.3 * X.var(axis=0).mean()
    np.testing.assert_allclose(vae.decode(mean[:2]), vae.decode(mean[:2], np.array([-1, -1])))
    halves = np.array([[0.5, 0.5, 0.0, 0.0]] * 2)
    assert vae.decode(mean[:2], halves).shape == (2, 6, 9)
    first = history["kl"] > 0.0
    assert first[0]
    assert not first[-1]
    assert history["error"][first][-5:].mean() < history["error"][0]


def test_the_learned_prior_lies_nearer_to_the_codes_than_the_normal_one(learned):
    vae, _, X, labels = learned
    asked = np.repeat(np.arange(3), 50)
    mean, _ = vae.encode(X)

    def distance(prior):
        z = vae.draw(asked, seed=0, prior=prior, guidance=1.0)
        return np.mean([np.linalg.norm(mean[labels == k].mean(axis=0) - z[asked == k].mean(axis=0)) for k in range(3)])

    assert distance("learned") < 0.6 * distance("normal")
    assert distance("gaussian") < 0.4 * distance("normal")


def test_the_prior_learns_only_once_the_codes_are_fixed():
    X, labels = patterns(40)
    model = VaeTraining(X, labels, n_labels=3, seed=0, **{**SMALL, "code_share": 0.5, "batch_size": 8})
    model.plan(10)
    assert all("x" in model.batch_at(step) and len(model.batch_at(step)["x"]) == 8 for step in range(5))
    assert all("mean" in model.batch_at(step) and len(model.batch_at(step)["mean"]) == 32 for step in range(5, 10))
    assert model.batch_at(0)["beta"] == pytest.approx(1.0)
    before = [value.numpy() for value in model.variables]
    model.train_step(model.batch_at(7), tensorflow().constant([0, 7]))
    n = len(model._network)
    assert all((a == b.numpy()).all() for a, b in zip(before[:n], model.variables[:n], strict=True))
    assert any((a != b.numpy()).any() for a, b in zip(before[n:], model.variables[n:], strict=True))


def test_a_heavy_divergence_empties_a_code_without_a_linear_part_and_free_bits_keep_it():
    X, labels = patterns(300)
    kl = []
    for free in (0.0, 0.5):
        settings = {**SMALL, "linear": "none", "beta": 300.0, "warm_up": 0.0, "free_bits": free, "code_share": 1.0}
        model = VaeTraining(X, labels, n_labels=3, seed=0, **settings)
        kl.append(fit(model, model.batch_at, steps=80, seed=0, progress=False)["kl"][-1])
        assert not model.finish().arrays["pca.basis"].any()
    assert kl[0] < 1.0
    assert kl[1] > 2.0  # 6 numbers, half a nat each


# --- the contract


def test_it_survives_its_arrays_and_refuses_others(learned):
    vae = learned[0]
    back = Vae.restore(vae.arrays, shape=vae.shape, n_labels=3, settings=vae.settings)
    assert back.sample(np.array([0, 1, -1]), seed=0).tobytes() == vae.sample(np.array([0, 1, -1]), seed=0).tobytes()
    arrays = vae.arrays
    for changed in ({**arrays, "more": np.zeros(3)}, {k: v for k, v in arrays.items() if k != "up1"}, {**arrays, "up1": np.zeros((2, 2))}):
        with pytest.raises(ModelError, match=r"weights (up1|more) must have shape"):
            Vae.restore(changed, shape=vae.shape, n_labels=3, settings=vae.settings)
    with pytest.raises(ModelError, match=r"pca\.scale must be above 0"):
        Vae.restore({**arrays, "pca.scale": -arrays["pca.scale"]}, shape=vae.shape, n_labels=3, settings=vae.settings)
    for wrong in ({"shape": (5, 5), "n_labels": 3}, {"shape": vae.shape, "n_labels": 4}):
        with pytest.raises(ModelError, match="weights"):
            Vae.restore(arrays, settings=vae.settings, **wrong)


@pytest.mark.parametrize("labels", [[3], [-2], [0.0], 0, ["0"]])
def test_unknown_labels_are_refused(learned, labels):
    with pytest.raises(ParameterError, match="labels"):
        learned[0].sample(np.array(labels), seed=0)


def test_unknown_options_and_shapes_are_refused(learned):
    vae, asked = learned[0], np.array([0])
    for options, message in (({"temperature": 1.0}, "'temperature'"), ({"guidance": -1.0}, "guidance"), ({"prior": "flat"}, "prior")):
        with pytest.raises(ParameterError, match=message):
            vae.sample(asked, seed=0, **options)
    with pytest.raises(ParameterError, match=r"X must have shape \(n, 6, 9\)"):
        vae.encode(np.zeros((2, 9, 6)))
    with pytest.raises(ParameterError, match=r"z must have shape \(n, 6\)"):
        vae.decode(np.zeros((2, 7)))
    with pytest.raises(ParameterError, match="one for each of 2 codes"):
        vae.decode(np.zeros((2, 6)), np.array([0]))


@pytest.mark.parametrize(("n", "n_labels"), [(2, 0), (7, 1)])
def test_few_clips_one_label_and_no_labels_train_and_sample(n, n_labels):
    X, labels = patterns(n)
    labels = labels % n_labels if n_labels else np.full(n, -1)
    model = VaeTraining(X, labels, n_labels=n_labels, seed=0, **{**SMALL, "batch_size": 4})
    assert model.settings["components"] == min(6, n - 1)
    fit(model, model.batch_at, steps=4, seed=0, progress=False)
    vae = model.finish()
    for prior in ("normal", "gaussian", "learned"):
        made = vae.sample(np.full(3, n_labels - 1), seed=0, prior=prior)
        assert made.shape == (3, 6, 9)
        assert np.isfinite(made).all()


def test_silent_clips_train_and_give_silence():
    X = np.full((4, 6, 9), -1.0, np.float32)
    model = VaeTraining(X, np.full(4, -1), n_labels=0, seed=0, **{**SMALL, "batch_size": 4})
    fit(model, model.batch_at, steps=6, seed=0, progress=False)
    assert model.finish().sample(np.full(2, -1), seed=0).shape == (2, 6, 9)


def test_the_path_of_the_prior_is_the_one_that_follow_takes(learned):
    vae = learned[0]
    labels = np.array([0, 2])
    noise = np.random.default_rng(4).standard_normal((2, 6), dtype=np.float32)
    flow = {name.removeprefix("prior."): array for name, array in vae.arrays.items() if name.startswith("prior.")}
    end = follow(guided(flow, labels, n_labels=3, guidance=2.0), noise, steps=32)
    z = vae.draw(labels, seed=4)
    ratio = end / z
    np.testing.assert_allclose(ratio[0], ratio[1], rtol=1e-4)  # the same weight for each number
    np.testing.assert_allclose(np.mean(ratio[0] ** 2), 1.0, rtol=1e-3)
