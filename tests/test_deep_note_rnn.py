"""The network of notes: what it is told, that its chances are chances, what it learns, and how tunes are drawn."""

import itertools

import numpy as np
import pytest

from audiogen_helpers.deep import note_rnn, recurrent
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.models import check_settings
from audiogen_helpers.deep.note_rnn import NoteRnn, NoteRnnTraining
from audiogen_helpers.deep.note_words import FIELDS, PHRASE_END, TUNE_END, Words, check_tunes
from audiogen_helpers.deep.nucleus import chances, draw
from audiogen_helpers.deep.operations import NUMPY, tensorflow_ops
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import ModelError, ParameterError

RNG = np.random.default_rng(0)
UP = np.array([[60, 4, 0], [62, 4, 0], [64, 8, 1], [64, 4, 0], [62, 4, 0], [60, 8, 1]])
DOWN = np.array([[64, 8, 0], [62, 8, 1], [62, 8, 0], [60, 8, 1]])


def trained(steps=60, **settings):
    tunes, labels = [UP, DOWN] * 8, np.tile([0, 1], 8)
    given = {"width": 24, "dropout": 0.0, "batch_size": 8, "learning_rate": 0.02, **settings}
    training = NoteRnn.train(tunes, labels, n_labels=2, seed=0, **given)
    history = fit(training, training.batch_at, steps=steps, seed=0, progress=False)
    return training.finish(), history


@pytest.fixture(scope="module")
def model():
    return trained()[0]


# --- from logits to a choice


def test_temperature_and_the_nucleus_by_hand():
    p = np.array([0.4, 0.3, 0.2, 0.1])
    u = np.log(p)
    np.testing.assert_allclose(chances(u), p)
    np.testing.assert_allclose(chances(u, temperature=0.5), p**2 / np.sum(p**2))
    np.testing.assert_allclose(chances(u, temperature=2.0), p**0.5 / np.sum(p**0.5))
    np.testing.assert_allclose(chances(u, top_p=0.65), [4 / 7, 3 / 7, 0, 0])
    np.testing.assert_allclose(chances(u, top_p=0.71), np.array([4, 3, 2, 0]) / 9)
    np.testing.assert_allclose(chances(u, top_p=1e-9), [1, 0, 0, 0])
    np.testing.assert_allclose(chances(u, temperature=1e-9), [1, 0, 0, 0])
    np.testing.assert_allclose(chances(np.stack([u, u[::-1]]), top_p=0.65)[1], [0, 0, 3 / 7, 4 / 7])
    assert chances(np.zeros(3), top_p=0.5).sum() == pytest.approx(1.0)
    for wrong in ({"temperature": 0.0}, {"top_p": 0.0}, {"top_p": 1.5}):
        with pytest.raises(ParameterError, match=next(iter(wrong))):
            chances(u, **wrong)


def test_draws_have_their_chances():
    rng, p = np.random.default_rng(1), np.array([0.5, 0.0, 0.3, 0.2])
    counts = np.bincount([draw(p, rng) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(counts, p, atol=0.03)
    assert counts[1] == 0.0


# --- what the network is told


def test_each_note_is_told_the_note_before_and_where_it_begins():
    words = Words.of([UP], n_labels=2, transpose=0)
    targets = words.targets(UP)
    np.testing.assert_array_equal(targets[:, 2], [0, 0, PHRASE_END, 0, 0, TUNE_END])
    offsets = np.cumsum([0, *words.sizes[:-1]])
    told = words.inputs(targets, label=1) - offsets
    assert told.shape == (6, len(FIELDS))
    np.testing.assert_array_equal(told[1:, :3], targets[:-1])
    np.testing.assert_array_equal(told[0, :3], [5, 2, 3])  # none of the 5 pitches, 2 lengths and 3 kinds
    np.testing.assert_array_equal(told[:, 3], [0, 4, 8, 0, 4, 8])
    np.testing.assert_array_equal(told[:, 5], [0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(told[:, 6], 1)
    np.testing.assert_array_equal(words.ends(words.inputs(targets, label=1), targets), [4, 8, 0, 4, 8, 0])


def test_transposed_tunes_are_told_by_how_much():
    training = NoteRnnTraining([UP] * 4, np.full(4, -1), n_labels=0, seed=0, width=8, batch_size=4, transpose=2)
    training.plan(5)
    seen = set()
    for step in range(5):
        batch = training.batch_at(step)
        lowest = batch["targets"][:, :, 0][:, 0]  # 60, moved; the vocabulary begins at 58
        shift = batch["rows"][:, 0, 7] - batch["rows"][:, 0, 7].min()
        np.testing.assert_array_equal(lowest - lowest.min(), shift)
        seen |= set(lowest.tolist())
    assert seen == {0, 1, 2, 3, 4}


# --- chances


def test_the_chances_of_all_tunes_of_one_note_are_those_of_ending_there(model):
    pitches, lengths = model.words.pitches, model.words.lengths
    every = [np.array([[p, n]]) for p, n in itertools.product(pitches, lengths)]
    total = np.exp(model.log_likelihoods(every, np.zeros(len(every), int))).sum()
    assert 0.0 < total < 1.0
    h = np.tanh(RNG.standard_normal((1, 1, 24))).astype(np.float32)
    grid = np.array(list(itertools.product(range(len(pitches)), range(len(lengths)), range(3))))
    said = note_rnn.surprises(
        model.weights,
        np.repeat(h, len(grid), axis=1),
        grid[None],
        (lengths[grid[:, 1]] % 16)[None],
        ops=NUMPY,
    )
    assert np.exp(-said).sum() == pytest.approx(1.0, abs=1e-5)


def test_numpy_and_tensorflow_are_surprised_alike(model):
    tf = tensorflow()
    h, targets = RNG.standard_normal((2, 3, 24)).astype(np.float32), np.zeros((2, 3, 3), np.int32)
    ends = np.zeros((2, 3), np.int32)
    ours = note_rnn.surprises(model.weights, h, targets, ends, ops=NUMPY)
    weights = {name: tf.constant(w) for name, w in model.weights.items()}
    theirs = note_rnn.surprises(weights, tf.constant(h), tf.constant(targets), tf.constant(ends), ops=tensorflow_ops())
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_drawn_tunes_are_as_surprising_as_the_model_says(model):
    """The mean of log p over tunes drawn from p is what a second, step-by-step reading of the same tunes gives."""
    tune = model.sample(np.array([0]), seed=5, phrases=True)[0]
    cell = recurrent.layer(model.weights, "rnn")
    targets, total = model.words.targets(tune), 0.0
    state = recurrent.start("lstm", cell, 1)
    rows = model.words.inputs(targets, label=0)
    for row, target, end in zip(rows, targets, model.words.ends(rows, targets), strict=True):
        state = recurrent.lstm_step(cell["kernel"][row].sum(axis=0)[None] + cell["bias"], state, cell, ops=recurrent.NUMPY)
        h = state[0]
        pitch = chances(h @ model.weights["pitch"] + model.weights["pitch.bias"])[0, target[0]]
        length = chances(note_rnn.length_logits(model.weights, h, target[:1], ops=NUMPY))[0, target[1]]
        kind = chances(note_rnn.kind_logits(model.weights, h, target[:1], np.array([end]), ops=NUMPY))[0, target[2]]
        total += np.log(pitch * length * kind)
    assert model.log_likelihoods([tune], np.array([0]))[0] == pytest.approx(total, abs=1e-3)


def test_what_it_has_never_read_is_impossible(model):
    strange = np.array([[61, 4, 0], [100, 4, 1]])
    assert model.log_likelihoods([strange], np.array([0]))[0] == -np.inf


# --- learning and saying


def test_it_learns_two_tunes_by_heart_and_tells_them_apart(model):
    made = model.sample(np.array([0, 1] * 10), seed=0, phrases=True, temperature=0.3)
    right = [np.array_equal(tune, (UP, DOWN)[i % 2]) for i, tune in enumerate(made)]
    assert np.mean(right) > 0.8
    assert model.log_likelihoods([UP], np.array([0]))[0] > model.log_likelihoods([UP], np.array([1]))[0] + 1.0


def test_a_tune_depends_on_its_place_alone(model):
    many, one = model.sample(np.array([0, 1, 0]), seed=2), model.sample(np.array([0]), seed=2)
    np.testing.assert_array_equal(many[0], one[0])
    assert many[0].shape[1] == 2
    assert model.sample(np.array([0]), seed=2, phrases=True)[0].shape[1] == 3


def test_a_tune_that_finds_no_end_is_cut():
    model = trained(steps=1)[0]
    weights = {**model.weights, "kind.bias": np.array([50.0, 0.0, -50.0], np.float32)}
    endless = NoteRnn(weights, model.words, model.limits, settings=model.settings)
    tune = endless.sample(np.array([0]), seed=0)[0]
    assert len(tune) == model.limits[1] == 12


def test_wrong_arguments_are_named(model):
    for arguments, word in (
        ({"labels": np.array([2])}, "labels"),
        ({"labels": np.array([0]), "speed": 1}, "speed"),
        ({"labels": np.array([0]), "top_p": 2.0}, "top_p"),
    ):
        with pytest.raises(ParameterError, match=word):
            model.sample(seed=0, **arguments)
    for tunes, word in (([], "tunes"), (3, "tunes"), ([np.array([[60, 0]])], "tunes"), ([np.array([[5, 4]])], "MIDI")):
        with pytest.raises(ParameterError, match=word):
            check_tunes(tunes)
    with pytest.raises(ParameterError, match="transpose"):
        NoteRnnTraining([np.array([[119, 4]])] * 2, np.zeros(2, int), n_labels=1, seed=0, transpose=5)
    with pytest.raises(ParameterError, match="labels"):
        NoteRnnTraining([UP], np.zeros(2, int), n_labels=1, seed=0)


def test_damaged_arrays_are_refused(model):
    def restored(**changed):
        return NoteRnn.restore({**model.arrays, **changed}, n_labels=2, settings=model.settings)

    np.testing.assert_array_equal(restored().sample(np.array([1]), seed=0)[0], model.sample(np.array([1]), seed=0)[0])
    arrays = model.arrays
    for changed in (
        {"pitches": arrays["pitches"][::-1].copy()},
        {"lengths": np.zeros_like(arrays["lengths"])},
        {"limits": np.array([1.0, 1e9], np.float32)},
        {"pitch": np.zeros((2, 2), np.float32)},
    ):
        with pytest.raises(ModelError, match=next(iter(changed))):
            restored(**changed)
    assert check_settings("rnn-notes", {"width": 24})["temperature"] == 1.0
