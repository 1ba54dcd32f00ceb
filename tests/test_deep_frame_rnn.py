"""The network that writes frames, and its parts: mixtures of normal distributions, codes of frames, what a step hears and says."""

import numpy as np
import pytest
from scipy import stats

from audiogen_helpers.deep import recurrent
from audiogen_helpers.deep.augmentation import vary
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.frame_code import FrameCode, fit_frame_code, group_frames, sounding_groups, ungroup_frames
from audiogen_helpers.deep.frame_network import FrameNetworkSize, condition, initial_frame_weights, outline_outputs, step_log_densities
from audiogen_helpers.deep.frame_rnn import FrameRnn, FrameRnnTraining
from audiogen_helpers.deep.mixture_density import components_of, draw, initial_bias, log_density, n_outputs, parts
from audiogen_helpers.deep.operations import NUMPY, tensorflow_ops
from audiogen_helpers.deep.streaming import cached_rows
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError

RNG = np.random.default_rng(5)
SMALL = {
    "components": 6,
    "outline": 3,
    "width": 32,
    "mixtures": 3,
    "batch_size": 32,
    "frames_per_step": 2,
    "learning_rate": 1e-2,
    "variation": 0.0,
}


# --- mixtures


def outputs_of(logits, means, deviations):
    """What a network must say to mean this mixture."""
    raw = np.log(np.expm1(np.log(deviations) + 4.0)) - 4.0
    return np.concatenate([np.ravel(logits), np.ravel(means), np.ravel(raw)])[None]


LOGITS, MEANS, DEVIATIONS = np.array([0.0, 1.0]), np.array([[0.0, 2.0], [-3.0, 1.0]]), np.array([[0.5, 1.0], [2.0, 0.1]])
BELLS = outputs_of(LOGITS, MEANS, DEVIATIONS)
WEIGHTS = np.exp(LOGITS) / np.exp(LOGITS).sum()


def test_the_density_is_that_of_the_mixture():
    x = RNG.normal(0.0, 2.0, (20, 2))
    expected = sum(w * stats.norm(m, s).pdf(x).prod(axis=1) for w, m, s in zip(WEIGHTS, MEANS, DEVIATIONS, strict=True))
    np.testing.assert_allclose(log_density(x, np.repeat(BELLS, 20, axis=0), mixtures=2), np.log(expected), rtol=1e-9)


def test_the_density_is_one_in_all():
    grid = np.linspace(-30.0, 30.0, 60_001)[:, None]
    outputs = outputs_of([0.3, -1.0, 0.0], [[-5.0], [0.0], [4.0]], [[0.1], [1.0], [2.5]])
    density = np.exp(log_density(grid, np.repeat(outputs, len(grid), axis=0), mixtures=3))
    assert np.trapezoid(density, grid[:, 0]) == pytest.approx(1.0, abs=1e-6)


def test_numpy_and_tensorflow_agree_on_a_density_and_it_stays_finite():
    outputs = RNG.normal(0.0, 3.0, (50, n_outputs(components=4, mixtures=5))).astype(np.float32)
    outputs[0] *= 100.0
    x = RNG.normal(0.0, 1.0, (50, 4)).astype(np.float32)
    ours, theirs = log_density(x, outputs, mixtures=5), log_density(x, tensorflow().constant(outputs), mixtures=5, ops=tensorflow_ops())
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-4, atol=1e-4)
    assert parts(np.full((1, 5), -1e9), mixtures=1)[2].min() == -8.0


def test_drawn_vectors_have_the_mean_the_variance_and_the_bells_of_the_mixture():
    x = draw(np.repeat(BELLS, 40_000, axis=0), mixtures=2, temperature=1.0, rng=np.random.default_rng(0))
    mean = WEIGHTS @ MEANS
    variance = WEIGHTS @ (DEVIATIONS**2 + MEANS**2) - mean**2
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=0.03)
    np.testing.assert_allclose(x.var(axis=0), variance, rtol=0.03)


def test_temperature_divides_the_logits_and_multiplies_the_variances():
    outputs = np.repeat(outputs_of([0.0, 1.0], [[-50.0], [50.0]], [[2.0], [3.0]]), 40_000, axis=0)
    x = draw(outputs, mixtures=2, temperature=0.5, rng=np.random.default_rng(0))[:, 0]
    assert (x > 0).mean() == pytest.approx(1.0 / (1.0 + np.exp(-2.0)), abs=0.01)
    assert x[x < 0].var() == pytest.approx(0.5 * 2.0**2, rel=0.05)
    assert x[x > 0].var() == pytest.approx(0.5 * 3.0**2, rel=0.05)
    np.testing.assert_array_equal(draw(BELLS, mixtures=2, temperature=0.0, rng=RNG), MEANS[1:])


def test_outputs_that_are_no_mixture_are_refused():
    assert components_of(np.zeros((1, n_outputs(components=7, mixtures=4))), mixtures=4) == 7
    for wide in (4, 5, 11):
        with pytest.raises(ParameterError, match="outputs"):
            parts(np.zeros((1, wide)), mixtures=4)
    with pytest.raises(ParameterError, match="temperature"):
        draw(BELLS, mixtures=2, temperature=-0.1, rng=RNG)
    with pytest.raises(ParameterError, match="outputs"):
        draw(BELLS[0], mixtures=2, temperature=1.0, rng=RNG)
    assert initial_bias(components=3, mixtures=2, spread=1.0, rng=RNG).shape == (n_outputs(components=3, mixtures=2),)


# --- codes


@pytest.mark.parametrize("each", [1, 2, 3, 4, 9, 20])
def test_groups_of_frames_come_apart_again(each):
    X = RNG.uniform(-1, 1, (3, 4, 9))
    groups = group_frames(X, frames_per_step=each)
    assert groups.shape == (3, -(-9 // each), 4 * each)
    np.testing.assert_array_equal(groups[:, 0, :4], X[:, :, 0])
    np.testing.assert_array_equal(ungroup_frames(groups, shape=(4, 9)), X)


def test_a_clip_ends_with_the_last_group_that_sounds_and_silence_has_no_group():
    X = np.full((4, 3, 10), -1.0)
    X[1, :, 0] = 0.5
    X[2, :, 5] = 0.5
    X[3, 0, 9] = -0.9  # one band, a little: no sound on the mean
    lengths = sounding_groups(group_frames(X, frames_per_step=4), bands=3)
    np.testing.assert_array_equal(lengths, [0, 1, 2, 0])


def test_a_code_of_full_rank_loses_nothing_before_the_end_and_all_after_it():
    X = RNG.uniform(-1, 1, (60, 3, 7)).astype(np.float32)
    code = fit_frame_code(X, frames_per_step=2, components=6, outline=21, seed=0)
    found = code.encode(X)
    np.testing.assert_allclose(code.decode(found.codes, found.lengths), X, atol=1e-4)
    silent = code.encode(np.where(np.arange(7) < 3, X, -1.0))
    np.testing.assert_array_equal(silent.lengths, 2)
    assert not silent.codes[:, 2:].any()
    short = code.decode(found.codes, np.full(60, 2))
    np.testing.assert_allclose(short[:, :, :4], X[:, :, :4], atol=1e-4)
    assert (short[:, :, 4:] == -1.0).all()
    np.testing.assert_allclose(found.outlines.std(axis=0), 1.0, atol=0.02)
    np.testing.assert_allclose(code.outline.decode(found.outlines).reshape(X.shape), X, atol=1e-3)


# --- clips as they might have been


def test_variations_keep_what_a_clip_is_and_silence_comes_in_from_outside():
    X = np.full((200, 20, 40), -1.0, np.float32)
    X[:, 8:12, 5:25] = 0.5
    varied = vary(X, amount=0.1, silence=-1.0, rng=0)
    assert varied.dtype == np.float32
    assert varied.min() == -1.0
    assert varied.max() == 0.5
    assert np.abs(varied - X).mean(axis=(1, 2)).min() > 0.0
    length = (varied > -0.25).any(axis=1).sum(axis=1)
    assert 17 <= length.min() < 20 < length.max() <= 23
    first = (varied > -0.25).any(axis=1).argmax(axis=1)
    assert 3 <= first.min() < 5 < first.max() <= 7
    np.testing.assert_array_equal(vary(X, amount=0.1, silence=-1.0, rng=0), varied)
    np.testing.assert_array_equal(vary(X, amount=0.0, silence=-1.0, rng=1), X)
    with pytest.raises(ParameterError, match="amount"):
        vary(X, amount=0.6, silence=-1.0, rng=0)


# --- the network


def network(cell="gru", mixtures=2):
    size = FrameNetworkSize(cell=cell, steps=6, components=4, outline=3, width=16, mixtures=mixtures, n_labels=3)
    weights = initial_frame_weights(size, np.random.default_rng(0))
    return size, {name: w + 0.1 * RNG.standard_normal(w.shape).astype(np.float32) for name, w in weights.items()}


def spoken_of(size, weights, codes, told, ops=NUMPY, cell_ops=recurrent.NUMPY):
    """Log density and logit of every step of every clip, (n, steps) each."""
    n, steps, _ = codes.shape
    previous = np.concatenate([np.zeros_like(codes[:, :1]), codes[:, :-1]], axis=1)
    clips, places = np.repeat(np.arange(n), steps), np.arange(n * steps)
    found = step_log_densities(weights, previous, codes, told, slice(None), clips, places, size=size, ops=ops, cell_ops=cell_ops)
    return [np.asarray(part).reshape(n, steps) for part in found]


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_numpy_and_tensorflow_say_the_same(cell):
    tf = tensorflow()
    size, weights = network(cell)
    codes, labels = RNG.standard_normal((5, 6, 4)).astype(np.float32), np.array([0, 1, 2, 3, 0])
    outlines = RNG.standard_normal((5, 3)).astype(np.float32)
    tensors, ops = {name: tf.constant(w) for name, w in weights.items()}, tensorflow_ops()
    ours = spoken_of(size, weights, codes, condition(weights, labels, outlines, ops=NUMPY))
    theirs = spoken_of(size, tensors, codes, condition(tensors, labels, outlines, ops=ops), ops, recurrent.tensorflow_ops())
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a).max() > 0.1
        np.testing.assert_allclose(a, b, atol=1e-4)
    a, b = outline_outputs(weights, labels, ops=NUMPY), outline_outputs(tensors, labels, ops=ops)
    np.testing.assert_allclose(a, b.numpy(), atol=1e-4)


def test_what_is_said_depends_on_what_came_before_the_label_and_the_outline_and_on_nothing_later():
    size, weights = network()
    codes, labels = RNG.standard_normal((1, 6, 4)).astype(np.float32), np.array([1])
    outline = RNG.standard_normal((1, 3)).astype(np.float32)
    told = condition(weights, labels, outline, ops=NUMPY)
    density, goes_on = spoken_of(size, weights, codes, told)
    later = codes.copy()
    later[0, 3] += 1.0
    changed, changed_goes_on = spoken_of(size, weights, later, told)
    np.testing.assert_allclose(changed[:, :3], density[:, :3], atol=1e-5)
    np.testing.assert_allclose(changed_goes_on[:, :4], goes_on[:, :4], atol=1e-5)
    assert np.abs(changed_goes_on - goes_on)[:, 4:].min() > 1e-5
    for other in (condition(weights, np.array([2]), outline, ops=NUMPY), condition(weights, labels, -outline, ops=NUMPY)):
        assert np.abs(spoken_of(size, weights, codes, other)[0] - density).min() > 1e-5


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_writing_step_by_step_draws_from_what_the_whole_sequence_says(cell):
    size, weights = network(cell, mixtures=1)
    X = RNG.uniform(-1, 1, (40, 2, 12)).astype(np.float32)
    code = fit_frame_code(X, frames_per_step=2, components=4, outline=3, seed=0)
    settings = {"cell": cell, "components": 4, "outline": 3, "width": 16, "mixtures": 1, "frames_per_step": 2}
    model = FrameRnn(code, weights, n_labels=3, settings=settings)
    labels = np.array([0, 1, 2, 3])
    codes, _ = model.write(np.array([0, 1, 2, -1]), temperature=0.0, outline_temperature=1.0, rng=np.random.default_rng(0))
    outline = draw(outline_outputs(weights, labels, ops=NUMPY), mixtures=1, temperature=1.0, rng=np.random.default_rng(0))
    told = condition(weights, labels, outline, ops=NUMPY)
    best = spoken_of(size, weights, codes, told)[0]
    for step in range(6):  # at temperature 0 a code is the top of its bell
        for direction in 0.05 * np.eye(4, dtype=np.float32):
            moved = codes.copy()
            moved[:, step] += direction
            assert (spoken_of(size, weights, moved, told)[0][:, step] < best[:, step]).all()


def test_what_was_really_said_is_heard_instead_of_what_was_drawn():
    X, labels = patterns(20)
    model = FrameRnnTraining(X, labels, n_labels=3, seed=0, **SMALL).finish()
    found, cool = model.code.encode(X), {"temperature": 0.0, "outline_temperature": 0.0}

    def written(**given):
        return model.write(labels, rng=np.random.default_rng(0), **cool, **given)[0]

    free, forced, begun = (written(outlines=found.outlines, real=real) for real in (None, found.codes, found.codes[:, :1]))
    np.testing.assert_array_equal(free[:, 0], forced[:, 0])
    np.testing.assert_array_equal(begun[:, 1], forced[:, 1])
    assert np.abs(free[:, 1] - forced[:, 1]).max() > 1e-4
    assert np.abs(begun[:, 2] - forced[:, 2]).max() > 1e-4
    assert np.abs(written() - free).max() > 1e-4


# --- what it learns


def patterns(n, noise=0.05):
    """Three kinds of 6 x 8 features, one per label: another pair of bands, and another end."""
    labels = np.arange(n) % 3
    X = np.full((n, 6, 8), -1.0, np.float32)
    for k in range(3):
        X[labels == k, 2 * k : 2 * k + 2, : 4 + 2 * k] = 0.5
    moved = noise * np.random.default_rng(0).standard_normal(X.shape)
    return np.where(X > -1.0, X + moved, X).astype(np.float32), labels


@pytest.fixture(scope="module")
def learned():
    X, labels = patterns(120)
    model = FrameRnnTraining(X, labels, n_labels=3, seed=0, **SMALL)
    history = fit(model, model.batch_at, steps=250, seed=0, progress=False)
    return model.finish(), history, X, labels


def test_clips_are_of_the_kind_that_was_asked_for_and_longer_where_it_is_longer(learned):
    model, history, X, labels = learned
    asked = np.repeat(np.arange(3), 20)
    made = model.sample(asked, seed=1)
    assert made.shape == (60, 6, 8)
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 1.0
    centres = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm((made[:, None] - centres).reshape(60, 3, -1), axis=-1).argmin(axis=1)
    assert (nearest == asked).mean() > 0.9
    ends = (made > -1.0).any(axis=1).sum(axis=1).reshape(3, 20).mean(axis=1)
    assert (np.diff(ends) > 0.5).all()
    assert history["loss"][-5:].mean() < history["loss"][0] - 1.0


@pytest.mark.parametrize("name", ["temperature", "outline_temperature"])
def test_a_higher_temperature_varies_more(learned, name):
    model, asked = learned[0], np.zeros(100, int)
    cold = {"temperature": 0.0, "outline_temperature": 0.0}
    rng = np.random.default_rng
    spread = [model.write(asked, rng=rng(1), **{**cold, name: t})[0].std(axis=0).mean() for t in (0.0, 0.1, 0.5, 2.0)]
    assert spread[0] < 1e-6 < spread[1] < spread[2] < spread[3]
    changed = FrameRnn(model.code, model.weights, n_labels=3, settings={**model.settings, name: 0.1})
    assert changed.sample(asked, seed=0).tobytes() == model.sample(asked, seed=0, **{name: 0.1}).tobytes()


def test_without_labels_all_kinds_appear(learned):
    model, _, X, labels = learned
    made = model.sample(np.full(60, -1), seed=2)
    centres = np.stack([X[labels == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm((made[:, None] - centres).reshape(60, 3, -1), axis=-1).argmin(axis=1)
    assert (np.bincount(nearest, minlength=3) >= 5).all()


def test_clips_of_its_kind_are_less_of_a_surprise_than_others(learned):
    model, _, X, labels = learned
    right, wrong = (model.log_likelihoods(X, (labels + k) % 3) for k in (0, 1))
    assert set(right) == {"codes", "end", "outline", "numbers"}
    for name in ("codes", "end", "outline"):
        assert right[name].shape == (len(X),)
        assert right[name].mean() > wrong[name].mean() + 0.1
    np.testing.assert_array_equal(right["numbers"], 6 * (2 + labels))


def test_training_minimises_what_is_reported(learned):
    _, _, X, labels = learned
    tf = tensorflow()
    training = FrameRnnTraining(X, labels, n_labels=3, seed=0, **{**SMALL, "dropout": 0.0, "noise": 0.0, "label_dropout": 0.0})
    batch = {name: tf.constant(array) for name, array in training.batch_at(0).items()}
    chosen = training._indices_at(0)
    losses = training._losses(batch, tf.constant([0, 0]))
    found = training.finish().log_likelihoods(X[chosen], labels[chosen])
    for name, loss in losses.items():
        assert float(loss) == pytest.approx(-found[name].sum() / (len(chosen) * 4), rel=1e-3)


def test_same_seed_same_bytes_and_another_seed_others(learned):
    model, asked = learned[0], np.array([0, 1, 2, -1])
    assert model.sample(asked, seed=4).tobytes() == model.sample(asked, seed=4).tobytes()
    assert model.sample(asked, seed=4).tobytes() != model.sample(asked, seed=5).tobytes()
    assert model.sample(np.zeros(0, int), seed=0).shape == (0, 6, 8)


@pytest.mark.parametrize("outline", [0, 3])
def test_a_model_survives_its_arrays_and_others_are_refused(outline):
    X, labels = patterns(12)
    training = FrameRnnTraining(X, labels, n_labels=3, seed=0, **{**SMALL, "outline": outline})
    model = training.finish()
    back = FrameRnn.restore(model.arrays, shape=(6, 8), n_labels=3, settings=model.settings)
    assert back.sample(np.array([0, -1]), seed=0).tobytes() == model.sample(np.array([0, -1]), seed=0).tobytes()
    arrays = model.arrays
    for changed in ({**arrays, "more": np.zeros(3)}, {k: v for k, v in arrays.items() if k != "in"}, {**arrays, "in": np.zeros((2, 2))}):
        with pytest.raises(ModelError, match=r"weights (in|more) must have shape"):
            FrameRnn.restore(changed, shape=(6, 8), n_labels=3, settings=model.settings)
    for wrong in ({"shape": (5, 8)}, {"n_labels": 4}, {"settings": {**model.settings, "cell": "lstm"}}):
        with pytest.raises(ModelError, match="weights"):
            FrameRnn.restore(arrays, **{"shape": (6, 8), "n_labels": 3, "settings": model.settings, **wrong})


@pytest.mark.parametrize("labels", [[3], [-2], [0.0], 0, [[0]], ["0"]])
def test_unknown_labels_are_refused(learned, labels):
    with pytest.raises(ParameterError, match="labels"):
        learned[0].sample(np.array(labels), seed=0)


def test_unknown_options_and_values_are_refused(learned):
    with pytest.raises(ParameterError, match="'guidance'"):
        learned[0].sample(np.array([0]), seed=0, guidance=1.0)
    with pytest.raises(ParameterError, match="temperature"):
        learned[0].sample(np.array([0]), seed=0, temperature=-1.0)


def learn(model, steps):
    """A few steps as they are: for so few, compiling them would take longer."""
    tf = tensorflow()
    for step in range(steps):
        batch = {name: tf.constant(array) for name, array in model.batch_at(step).items()}
        loss = model.train_step(batch, tf.constant([0, step]))["loss"]
    return float(loss)


@pytest.mark.parametrize(("n", "n_labels", "frames"), [(2, 0, 8), (2, 2, 1), (7, 1, 5)])
def test_few_clips_few_frames_and_no_labels_train_and_sample(n, n_labels, frames):
    X, labels = patterns(n)
    labels = labels % n_labels if n_labels else np.full(n, -1)
    model = FrameRnnTraining(X[:, :, :frames], labels, n_labels=n_labels, seed=0, **SMALL)
    assert model.settings["outline"] == min(3, n - 1)
    assert np.isfinite(learn(model, 2))
    made = model.finish().sample(np.full(3, n_labels - 1), seed=0)
    assert made.shape == (3, 6, frames)
    assert np.isfinite(made).all()


def test_silent_clips_train_and_give_silence():
    X = np.full((4, 6, 8), -1.0, np.float32)
    model = FrameRnnTraining(X, np.full(4, -1), n_labels=0, seed=0, **SMALL)
    model.plan(30)
    learn(model, 30)
    assert (model.finish().sample(np.full(20, -1), seed=0) == -1.0).mean() > 0.8


def test_rows_on_disk_give_the_batches_of_arrays_in_memory(tmp_path):
    X, labels = patterns(20)
    rows = cached_rows(tmp_path, lambda part: X[np.array(part)], n=20, shape=(6, 8), key={})
    a, b = (FrameRnnTraining(source, labels, n_labels=3, seed=0, **SMALL).batch_at(3) for source in (X, rows))
    for name, array in a.items():
        np.testing.assert_allclose(array, b[name], atol=1e-6)


def test_a_code_without_an_outline_says_nothing_of_the_whole():
    X, _ = patterns(12)
    code = fit_frame_code(X, frames_per_step=4, components=3, outline=0, seed=0)
    assert isinstance(code, FrameCode)
    assert code.outline is None
    assert code.encode(X).outlines.shape == (12, 0)
