"""Paths between noise and data, proved on mixtures of Gaussians whose score is known, and the diffusion model on them."""

import numpy as np
import pytest

from audiogen_helpers.deep.diffusion import Ddpm
from audiogen_helpers.deep.flow import Flow, FlowTraining
from audiogen_helpers.deep.network import NUMPY, NetworkSize, initial_weights, tensorflow_ops, two_ends, velocity
from audiogen_helpers.deep.schedules import BETA_MAX, BETA_MIN, KINDS, PATHS, coefficients, convert, log_snr, mix, predicted, split, step
from audiogen_helpers.deep.solvers import SOLVERS, denoise, follow
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError

TIMES = np.linspace(0.05, 0.95, 19)
every_path = pytest.mark.parametrize("path", sorted(PATHS))


# --- schedules


@every_path
def test_a_path_begins_as_noise_and_ends_as_data(path):
    alpha, sigma = PATHS[path].alpha, PATHS[path].sigma
    ends = [alpha(0.0, NUMPY), sigma(0.0, NUMPY), alpha(1.0, NUMPY), sigma(1.0, NUMPY)]
    np.testing.assert_allclose(ends, [0.0, 1.0, 1.0, 0.0], atol=0.01 if path == "linear" else 1e-12)  # its noise ends at 0.7 % of data
    assert (np.diff(log_snr(TIMES, path=path)) > 0).all()
    np.testing.assert_allclose(log_snr(TIMES, path=path), 2 * np.log(alpha(TIMES, NUMPY) / sigma(TIMES, NUMPY)), atol=1e-12)


@every_path
def test_slopes_are_derivatives(path):
    h, chosen = 1e-5, PATHS[path]
    for value, slope in ((chosen.alpha, chosen.alpha_slope), (chosen.sigma, chosen.sigma_slope)):
        numeric = (value(TIMES + h, NUMPY) - value(TIMES - h, NUMPY)) / (2 * h)
        np.testing.assert_allclose(slope(TIMES, NUMPY), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("path", ["cosine", "linear"])
def test_two_paths_preserve_the_variance(path):
    np.testing.assert_allclose(PATHS[path].alpha(TIMES, NUMPY) ** 2 + PATHS[path].sigma(TIMES, NUMPY) ** 2, 1.0, rtol=1e-12)


def test_the_linear_path_is_many_small_steps_of_the_original():
    n = 4000
    beta = (BETA_MIN + (BETA_MAX - BETA_MIN) * (np.arange(n) + 0.5) / n) / n
    np.testing.assert_allclose(np.sqrt(np.cumprod(1.0 - beta)), PATHS["linear"].alpha(1.0 - (np.arange(n) + 1) / n, NUMPY), rtol=0.02)


@every_path
@pytest.mark.parametrize("kind", KINDS)
def test_every_prediction_tells_every_other(path, kind):
    gen = np.random.default_rng(0)
    data, noise, t = gen.standard_normal((19, 3)), gen.standard_normal((19, 3)), TIMES[:, None]
    x = mix(data, noise, t, path=path)
    told = predicted(kind, data, noise, t, path=path)
    np.testing.assert_allclose(split(x, told, t, kind=kind, path=path), (data, noise), atol=1e-9)
    for to in KINDS:
        other = convert(x, told, t, kind=kind, to=to, path=path)
        np.testing.assert_allclose(other, predicted(to, data, noise, t, path=path), atol=1e-9)
        np.testing.assert_allclose(convert(x, other, t, kind=to, to=kind, path=path), told, atol=1e-9)


@every_path
@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_tensorflow_agree(path, kind):
    gen, ops = np.random.default_rng(0), tensorflow_ops()
    data, noise = (gen.standard_normal((19, 3)).astype(np.float32) for _ in range(2))
    t = TIMES[:, None].astype(np.float32)
    x = mix(data, noise, t, path=path)
    np.testing.assert_allclose(mix(data, noise, t, path=path, ops=ops), x, atol=1e-5)
    told = predicted(kind, data, noise, t, path=path)
    assert told.dtype == np.float32
    np.testing.assert_allclose(predicted(kind, data, noise, t, path=path, ops=ops), told, rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(split(x, told, t, kind=kind, path=path), split(x, told, t, kind=kind, path=path, ops=ops), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)


def test_on_the_circle_v_is_the_velocity():
    a, b = coefficients("velocity", TIMES, path="cosine")
    c, d = coefficients("v", TIMES, path="cosine")
    np.testing.assert_allclose((a, b), (-np.pi / 2 * c, -np.pi / 2 * d))


@every_path
def test_a_step_without_dice_stays_on_the_path_and_one_with_dice_is_bayes_rule(path):
    data, noise, t, later = 0.7, -1.3, 0.3, 0.55
    np.testing.assert_allclose(step(data, noise, t, later, path=path), mix(data, noise, later, path=path))
    (a, s), (b, r) = ((PATHS[path].alpha(u, NUMPY), PATHS[path].sigma(u, NUMPY)) for u in (t, later))
    x = a * data + s * noise
    rate, variance = a / b, s**2 - (a / b * r) ** 2  # of x given what comes later
    posterior = 1 / (1 / r**2 + rate**2 / variance)
    mean = posterior * (b * data / r**2 + rate * x / variance)
    drawn = [step(data, noise, t, later, path=path, fresh=fresh, churn=1.0) for fresh in (0.0, 1.0)]
    np.testing.assert_allclose(drawn, [mean, mean + np.sqrt(posterior)], rtol=1e-9)


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="path must be one of"):
        mix(1.0, 1.0, 0.5, path="crooked")
    with pytest.raises(ParameterError, match="kind must be one of"):
        predicted("truth", 1.0, 1.0, 0.5, path="straight")
    with pytest.raises(ParameterError, match="solver"):
        follow(lambda x, t: x, np.ones(2), steps=2, solver="guess")
    with pytest.raises(ParameterError, match="churn"):
        denoise(lambda x, t: (x, x), np.ones(2), steps=2, path="straight", churn=2.0)


# --- a world where all is known: three Gaussians on a line

WEIGHTS, MEANS, DEVIATIONS = np.array([0.5, 0.3, 0.2]), np.array([-2.0, 0.5, 2.5]), np.array([0.4, 0.2, 0.5])


def places(t, path):
    """Means and variances of the three at time t."""
    alpha, sigma = PATHS[path].alpha(t, NUMPY), PATHS[path].sigma(t, NUMPY)
    return alpha, sigma, alpha * MEANS, (alpha * DEVIATIONS) ** 2 + sigma**2


def density(x, t, path):
    _, _, mean, variance = places(t, path)
    return (WEIGHTS * np.exp(-0.5 * (x[:, None] - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)).sum(axis=1)


def ends(path):
    """Means of data and noise given where one is, in closed form."""

    def believed(x, t):
        alpha, sigma, mean, variance = places(t, path)
        log = np.log(WEIGHTS) - 0.5 * (x[..., None] - mean) ** 2 / variance - 0.5 * np.log(variance)
        share = np.exp(log - log.max(axis=-1, keepdims=True))
        share /= share.sum(axis=-1, keepdims=True)
        gap = (x[..., None] - mean) / variance
        return (share * (MEANS + alpha * DEVIATIONS**2 * gap)).sum(axis=-1), (share * sigma * gap).sum(axis=-1)

    return believed


def field(path):
    return lambda x, t: predicted("velocity", *ends(path)(x, t), t, path=path)


def off(x):
    """Largest distance between the share of points below a place and what the density at time 1 says (Kolmogorov-Smirnov)."""
    grid = np.linspace(-5, 5, 4001)
    wanted = np.cumsum(density(grid, 1.0, "straight")) * (grid[1] - grid[0])
    return np.abs(np.searchsorted(np.sort(x), grid) / len(x) - wanted).max()


@every_path
def test_the_score_is_the_slope_of_the_log_density(path):
    x, h = np.linspace(-3, 3, 61), 1e-5
    for t in (0.2, 0.5, 0.8):
        score = predicted("score", *ends(path)(x, t), t, path=path)
        slope = (np.log(density(x + h, t, path)) - np.log(density(x - h, t, path))) / (2 * h)
        np.testing.assert_allclose(score, slope, rtol=1e-5, atol=1e-6)


@every_path
def test_the_velocity_moves_the_density_as_it_changes(path):
    x, h, t = np.linspace(-4, 4, 81), 1e-4, 0.45  # continuity: what flows in stays there

    def flux(x):
        return density(x, t, path) * field(path)(x, t)

    change = (density(x, t + h, path) - density(x, t - h, path)) / (2 * h)
    np.testing.assert_allclose(change, -(flux(x + h) - flux(x - h)) / (2 * h), atol=1e-5)


@pytest.mark.parametrize("kind", ["velocity", "noise", "v"])
@pytest.mark.parametrize("path", ["straight", "cosine"])
def test_the_mean_of_the_regression_target_is_the_marginal_field(path, kind):
    gen, t = np.random.default_rng(0), 0.6
    which = gen.choice(3, 400_000, p=WEIGHTS)
    data, noise = gen.normal(MEANS[which], DEVIATIONS[which]), gen.standard_normal(400_000)
    x, target = mix(data, noise, t, path=path), predicted(kind, data, noise, t, path=path)
    for place in (-1.2, 0.0, 0.4, 1.5):
        here = np.abs(x - place) < 0.02
        wanted = predicted(kind, *ends(path)(x[here], t), t, path=path).mean()
        assert abs(target[here].mean() - wanted) < 4 * target[here].std() / np.sqrt(here.sum())


@every_path
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_probability_flow_ends_in_the_density(path, solver):
    x = np.random.default_rng(0).standard_normal(5_000)
    assert off(x) > 0.15
    assert off(follow(field(path), x, steps=200 if solver == "euler" else 60, solver=solver)) < 0.025


@every_path
@pytest.mark.parametrize(("churn", "steps"), [(1.0, 200), (0.5, 200), (0.0, 100)])
def test_ancestral_sampling_and_ddim_end_in_the_density(path, churn, steps):
    x = np.random.default_rng(0).standard_normal(5_000)
    assert off(denoise(ends(path), x, steps=steps, path=path, churn=churn, rng=1)) < 0.025


def test_ddim_on_the_straight_path_is_eulers_method():
    x = np.random.default_rng(0).standard_normal(50)
    by_euler = follow(field("straight"), x, steps=7, solver="euler")
    np.testing.assert_allclose(denoise(ends("straight"), x, steps=7, path="straight", churn=0.0), by_euler, rtol=1e-5, atol=1e-5)


# --- the network on a path


def small_network(seed=0):
    gen = np.random.default_rng(seed)
    weights = initial_weights(NetworkSize(components=6, width=16, blocks=2, n_labels=3), gen)
    weights["out"] = gen.standard_normal(weights["out"].shape).astype(np.float32)
    return {**weights, "spread": np.linspace(0.2, 3.0, 6).astype(np.float32)}


@every_path
def test_both_ends_make_up_where_one_is_whatever_the_network_says(path):
    gen, weights, ops = np.random.default_rng(1), small_network(), tensorflow_ops()
    x, t = gen.standard_normal((19, 6)).astype(np.float32), TIMES.astype(np.float32)
    data, noise = two_ends(weights, x, t, np.arange(19) % 4, path=path, ops=NUMPY)
    np.testing.assert_allclose(mix(data, noise, t[:, None], path=path), x, atol=1e-5)
    theirs = two_ends(weights, x, t, np.arange(19) % 4, path=path, ops=ops)
    for a, b in zip((data, noise), theirs, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-4)


@every_path
def test_a_network_that_knows_nothing_is_right_about_gaussians(path):
    weights = {**small_network(), "out": np.zeros((16, 6), np.float32)}
    x = np.random.default_rng(0).standard_normal((1000, 6)).astype(np.float32)

    def arrows(x, t):
        return velocity(weights, x, np.full(len(x), t, np.float32), np.zeros(len(x), int), path=path, ops=NUMPY)

    made = follow(arrows, x, steps=50)
    np.testing.assert_allclose(made.std(axis=0), weights["spread"] * x.std(axis=0), rtol=0.04)


# --- the model


def patterns(n):
    labels = np.arange(n) % 3
    X = np.full((n, 6, 8), -1.0, np.float32)
    for k in range(3):
        X[labels == k, 2 * k : 2 * k + 2] = 0.5
    return (X + 0.05 * np.random.default_rng(0).standard_normal(X.shape)).clip(-1, 1).astype(np.float32), labels


SMALL = {"components": 8, "width": 48, "blocks": 2, "batch_size": 64, "learning_rate": 4e-3}


@pytest.fixture(scope="module")
def learned():
    X, labels = patterns(300)
    made = {}
    for kind in (Flow, Ddpm):
        model = kind.train(X, labels, n_labels=3, seed=0, **SMALL)
        fit(model, model.batch_at, steps=140, seed=0, progress=False)
        made[kind.name] = model.finish()
    return made, X, labels


def nearest(made, X, labels):
    centres = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    return np.linalg.norm((made[:, None] - centres).reshape(len(made), 3, -1), axis=-1).argmin(axis=1)


@pytest.mark.parametrize("options", [{}, {"churn": 0.0, "sample_steps": 12}, {"guidance": 1.0}])
def test_diffusion_makes_what_was_asked_for(learned, options):
    made, X, labels = learned
    asked = np.repeat(np.arange(3), 20)
    drawn = made["ddpm"].sample(asked, seed=1, **options)
    assert drawn.shape == (60, 6, 8)
    assert (nearest(drawn, X, labels) == asked).mean() > (0.85 if options.get("guidance") == 1.0 else 0.95)
    assert drawn.tobytes() == made["ddpm"].sample(asked, seed=1, **options).tobytes()


@pytest.mark.parametrize("settings", [{"path": "linear", "predicts": "noise"}, {"path": "straight", "predicts": "data"}])
def test_other_paths_and_losses_learn_too(settings):
    X, labels = patterns(90)
    model = Ddpm.train(X, labels, n_labels=3, seed=0, **SMALL, **settings)
    history = fit(model, model.batch_at, steps=60, seed=0, progress=False)
    assert history["loss"][-10:].mean() < 0.95 * history["loss"][:3].mean()
    assert np.isfinite(model.finish().sample(np.array([0, -1]), seed=0)).all()


def test_flow_and_diffusion_share_one_training():
    assert type(Ddpm.train(*patterns(12), n_labels=3, seed=0, **SMALL)) is FlowTraining
    assert Ddpm.train(*patterns(12), n_labels=3, seed=0, **SMALL).finish().path == "cosine"


@pytest.mark.parametrize("name", ["flow", "ddpm"])
def test_a_clip_is_edited_less_the_later_one_begins(learned, name):
    made, X, labels = learned
    model, some, wanted = made[name], X[:12], np.full(12, 1)
    same = model.decode(model.encode(some))
    np.testing.assert_allclose(model.edit(some, wanted, seed=0, time=1.0), same, atol=1e-5)
    changes = [np.abs(model.edit(some, wanted, seed=0, time=time) - same).mean() for time in (0.95, 0.7, 0.0)]
    assert changes == sorted(changes)
    assert (nearest(model.edit(some, wanted, seed=0, time=0.0), X, labels) == 1).all()
    with pytest.raises(ParameterError, match="time"):
        model.edit(some, wanted, seed=0, time=1.5)
    with pytest.raises(ParameterError, match="labels"):
        model.edit(some, wanted[:3], seed=0, time=0.5)
    with pytest.raises(ParameterError, match="shape"):
        model.edit(some[:, :5], wanted, seed=0, time=0.5)


def test_editing_from_time_zero_is_sampling(learned):
    flow = learned[0]["flow"]
    asked = np.array([0, 1, 2])
    np.testing.assert_array_equal(flow.edit(np.zeros((3, 6, 8), np.float32), asked, seed=5, time=0.0), flow.sample(asked, seed=5))


def test_only_known_options_are_taken(learned):
    for name, option in (("flow", "churn"), ("ddpm", "solver")):
        with pytest.raises(ParameterError, match=f"options of {name} must be among"):
            learned[0][name].sample(np.array([0]), seed=0, **{option: 1.0})


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_spread_that_cannot_be_is_refused(learned, value):
    model = learned[0]["ddpm"]
    arrays = {**model.arrays, "spread": np.full_like(model.arrays["spread"], value)}
    with pytest.raises(ModelError, match="spread must be > 0"):
        Ddpm.restore(arrays, shape=model.shape, n_labels=3, settings=model.settings)
