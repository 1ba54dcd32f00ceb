"""The melody model: its emissions by hand and by brute force, learning, ends and phrases, same seed same tune, storing, bad input."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from audiogen_helpers import datasets
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.statistical import melody
from audiogen_helpers.statistical.melody import MelodyHmm
from audiogen_helpers.statistical.note_emissions import BAR, NoteEmissions, Vocabulary, note_kinds, positions
from audiogen_helpers.statistical.tune_statistics import FEATURES, describe_tunes, distribution, divergence, longest_copy

TUNES = [
    np.array([[60, 4, 0], [62, 4, 0], [64, 8, 1], [62, 4, 0], [62, 4, 0], [60, 8, 1]]),
    np.array([[67, 4, 0], [65, 2, 0], [64, 2, 0], [62, 8, 1], [64, 4, 0], [62, 4, 0], [60, 8, 1]]),
    np.array([[60, 4, 0], [-1, 4, 0], [67, 8, 1], [65, 4, 0], [64, 2, 0], [62, 2, 0], [60, 8, 1]]),
] * 4


def fitted(tunes=TUNES, labels=None, *, n_labels=1, steps=20, seed=0, **settings):
    labels = np.zeros(len(tunes), int) if labels is None else labels
    training = MelodyHmm.train(tunes, labels, n_labels=n_labels, seed=seed, **{"states": 8, **settings})
    history = [training.train_step({}, (0, step))["log_likelihood"] for step in range(steps)]
    return training.finish(), np.array(history), training


@pytest.fixture(scope="module")
def chorales():
    tunes = datasets.load_tunes("chorales", split="train")
    tunes = tunes.subset(range(0, len(tunes), 2))
    model, history, _ = fitted(tunes.in_c(phrases=True), tunes.label_indices, n_labels=2, steps=25, states=24)
    return tunes, model, history


# observations and emissions


def test_kinds_and_positions():
    tune = TUNES[1]
    kinds = note_kinds(tune)
    assert kinds.tolist() == [0, 0, 0, 1, 0, 0, 2]
    assert positions(tune[:, 1], kinds).tolist() == [0, 4, 6, 8, 0, 4, 8]
    assert note_kinds(tune[:, :2]).tolist() == [0, 0, 0, 0, 0, 0, 2]
    assert positions(np.array([4, 2, 4, 4, 4]), np.array([0, 1, 0, 1, 2])).tolist() == [0, 4, 0, 4, 0]
    assert positions(np.array([12, 8, 4, 4]), np.array([0, 0, 0, 2])).tolist() == [0, 12, 4, 8]


def test_vocabulary():
    words = Vocabulary.of(TUNES)
    assert words.pitches.tolist() == [-1, *range(60, 68)]
    assert words.lengths.tolist() == [2, 4, 8]
    X = words.observations(TUNES[2])
    assert X[:, 0].tolist() == [1, 0, 8, 6, 5, 3, 1]
    assert X[:, 1].tolist() == [1, 1, 2, 1, 0, 0, 2]
    assert not words.knows(np.array([[59, 4]]))
    assert not words.knows(np.array([[60, 5]]))
    with pytest.raises(ParameterError, match="model knows"):
        words.observations(np.array([[59, 4]]))


def random_emissions(kinds, n_pitches=3, n_lengths=2, seed=0):
    rng = np.random.default_rng(seed)
    k = len(kinds)
    length = rng.dirichlet(np.ones(n_lengths), size=(k, BAR))
    length[np.array(kinds) == 0] = np.tile(length[np.array(kinds) == 0, :4], (1, 4, 1))
    return NoteEmissions(kinds=np.array(kinds), pitch=rng.dirichlet(np.ones(n_pitches), size=k), length=length)


def test_probability_of_an_observation_by_hand():
    e = random_emissions([0, 1, 2])
    X = np.array([[2, 1, 0, 6], [0, 0, 1, 3], [1, 1, 2, 15]])
    p = np.exp(e.log_probability(X))
    want = np.diag([e.pitch[i, X[i, 0]] * e.length[i, X[i, 3], X[i, 1]] for i in range(3)])
    np.testing.assert_allclose(p, want)


def test_what_can_follow_a_position_sums_to_one():
    e = random_emissions([0, 1, 2, 0])
    for state, position in itertools.product(range(4), (0, 5, 14)):
        every = np.array([[a, b, e.kinds[state], position] for a in range(3) for b in range(2)])
        assert np.exp(e.log_probability(every)[:, state]).sum() == pytest.approx(1.0)


def test_reestimation_is_weighted_counting_and_the_best():
    e = random_emissions([0, 0, 2], seed=1)
    rng = np.random.default_rng(2)
    X = np.column_stack([rng.integers(3, size=200), rng.integers(2, size=200), np.zeros(200, int), rng.integers(BAR, size=200)])
    posterior = np.column_stack([rng.dirichlet(np.ones(2), size=200), np.zeros(200)])
    new = e.reestimate(X, posterior)

    def value(emissions):
        return (posterior[:, :2] * emissions.log_probability(X)[:, :2]).sum()

    assert new.pitch[1, 2] == pytest.approx(posterior[X[:, 0] == 2, 1].sum() / posterior[:, 1].sum())
    third = X[:, 3] % 4 == 3
    assert new.length[0, 3, 1] == pytest.approx(posterior[third & (X[:, 1] == 1), 0].sum() / posterior[third, 0].sum())
    np.testing.assert_array_equal(new.length[:2, :4], new.length[:2, 8:12])
    np.testing.assert_array_equal(new.pitch[2], e.pitch[2])  # nobody was there
    for seed in range(5):
        other = random_emissions([0, 0, 2], seed=seed)
        mixed = replace(new, pitch=0.9 * new.pitch + 0.1 * other.pitch, length=0.9 * new.length + 0.1 * other.length)
        assert value(mixed) < value(new)


# learning


def test_the_likelihood_times_the_prior_never_falls():
    def objective(training):
        model, total = training.finish(), 0.0
        for chain, prior, seen in zip(model.chains, training._priors, training._seen, strict=True):
            e = chain.emissions
            total += chain.log_likelihoods(seen).sum()
            total += melody.SMOOTHING * (np.log(chain.start).sum() + np.log(chain.transition[:]).sum())
            total += melody.STRENGTH * (prior[0][e.kinds] * np.log(e.pitch)).sum()
            ends = e.kinds != 0
            total += melody.STRENGTH * (prior[1][e.kinds[ends]] * np.log(e.length[ends])).sum()
            total += melody.STRENGTH * (prior[1][e.kinds[~ends], :4] * np.log(e.length[~ends, :4])).sum()
        return total

    training = MelodyHmm.train(TUNES, np.arange(len(TUNES)) % 2, n_labels=2, seed=1, states=8)
    values = [objective(training)]
    for step in range(25):
        training.train_step({}, (0, step))
        values.append(objective(training))
    assert np.diff(values).min() > -1e-9
    assert values[-1] > values[0] + 10.0


def test_tunes_are_learned(chorales):
    _, model, history = chorales
    assert history[-1] > history[0] + 0.5
    parts = datasets.load_tunes("chorales", split="test")
    known = [(t, i) for t, i in zip(parts.in_c(phrases=True), parts.label_indices, strict=True) if model.vocabulary.knows(t)]
    right = model.log_likelihoods([t for t, _ in known], [i for _, i in known])
    wrong = model.log_likelihoods([t for t, _ in known], [1 - i for _, i in known])
    assert np.mean(right > wrong) > 0.85  # the two chains tell major from minor, which nobody told them
    total = sum(len(t) for t, _ in known)
    assert np.exp(-right.sum() / total) < 25.0  # of 800 notes that there are


def test_the_likelihood_is_that_of_brute_force():
    """Over all paths of states, with nothing of the recursions."""
    model, _, _ = fitted(states=4, steps=3)
    chain, tune = model.chains[0], TUNES[0]
    log_b = chain.emissions.log_probability(model.vocabulary.observations(tune))
    total = 0.0
    for path in itertools.product(range(4), repeat=len(tune)):
        steps = [chain.start[path[0]], *(chain.transition[a, b] for a, b in itertools.pairwise(path))]
        total += np.prod(steps) * np.exp(log_b[np.arange(len(tune)), path].sum())
    assert model.log_likelihoods([tune], [0])[0] == pytest.approx(np.log(total))


# tunes


def test_tunes_have_phrases_an_end_and_a_usual_length(chorales):
    tunes, model, _ = chorales
    made = model.sample(np.arange(60) % 2, seed=0, phrases=True)
    for tune in made:
        assert tune.shape[1] == 3
        assert tune[-1, 2] == 1
        assert 64 <= tune[:, 1].sum() <= 256
    for mode in ("major", "minor"):
        ours = describe_tunes([t for t, label in zip(made, itertools.cycle(("major", "minor")), strict=False) if label == mode], mode=mode)
        real = describe_tunes(tunes.select(label=mode).in_c(phrases=True), mode=mode)
        assert ours["in key"] > 0.93
        assert abs(ours["ends on tonic"] - real["ends on tonic"]) < 0.2
        assert abs(ours["phrases on 1 2 3 5"] - real["phrases on 1 2 3 5"]) < 0.12
        assert ours["on beat"] > 0.75
        assert ours["phrases of bars"] > 0.4  # a Markov chain's: less than 0.2
        assert 0.75 < ours["notes in phrase"] / real["notes in phrase"] < 1.33


def test_distances_to_held_out_tunes_are_near_those_of_real_ones(chorales):
    _, model, _ = chorales
    test = datasets.load_tunes("chorales", split="test").select(label="major").in_c()
    made = model.sample(np.zeros(100, int), seed=1)
    for feature in FEATURES:
        wanted = distribution(test, feature=feature)
        ours = divergence(distribution(made, feature=feature), wanted)
        flat = divergence(np.full(len(wanted), 1 / len(wanted)), wanted)
        assert ours < min(0.03, 0.15 * flat), feature


def test_nothing_is_replayed(chorales):
    tunes, model, _ = chorales
    seen = tunes.select(label="major").in_c()
    held = datasets.load_tunes("chorales", split="test").select(label="major").in_c()
    ours = np.mean([longest_copy(t, seen) for t in model.sample(np.zeros(30, int), seed=2)])
    theirs = np.mean([longest_copy(t, seen) for t in held])
    assert ours < 1.5 * theirs


def test_the_path_is_drawn_from_those_that_end_in_time():
    model, _, _ = fitted(states=4, steps=3)
    chain, n = model.chains[0], 4
    last = chain.emissions.kinds == 2
    weights = {}
    for path in itertools.product(range(4), repeat=n):
        if last[path[-1]] and not last[list(path[:-1])].any():
            weights[path] = chain.start[path[0]] * np.prod([chain.transition[a, b] for a, b in itertools.pairwise(path)])
    rng = np.random.default_rng(0)
    paths = melody._Paths(chain, most=9, temperature=1.0)
    drawn = [tuple(paths.draw(n, rng).tolist()) for _ in range(4000)]
    total = sum(weights.values())
    for path, weight in weights.items():
        assert drawn.count(path) / 4000 == pytest.approx(weight / total, abs=0.03)
    assert set(drawn) <= set(weights)


def test_same_seed_same_tune_whatever_else_is_drawn():
    model, _, _ = fitted()
    a = model.sample(np.zeros(5, int), seed=3)
    b = model.sample(np.zeros(2, int), seed=3)
    assert all(np.array_equal(x, y) for x, y in zip(a[:2], b, strict=True))
    assert any(not np.array_equal(x, y) for x, y in zip(a, model.sample(np.zeros(5, int), seed=4), strict=True))
    assert all(x.shape[1] == 2 and x.dtype == np.int64 for x in a)
    assert len(model.sample(np.full(3, -1), seed=0)) == 3


def test_temperature():
    model, _, _ = fitted()

    def variety(temperature):
        return len({tuple(map(tuple, t)) for t in model.sample(np.zeros(40, int), seed=0, temperature=temperature)})

    assert variety(1e-9) <= 2  # tunes of six notes, and of seven
    assert variety(1e-9) < variety(0.5) <= variety(1.0) <= variety(3.0)
    chain = model.chains[0]
    last = chain.emissions.kinds == 2
    paths = [p for p in itertools.product(range(8), repeat=4) if last[p[-1]] and not last[list(p[:-1])].any()]
    log_p = [np.log(chain.start[p[0]]) + sum(np.log(chain.transition[a, b]) for a, b in itertools.pairwise(p)) for p in paths]
    assert tuple(melody._Paths(chain, most=4, temperature=1e-9).draw(4, np.random.default_rng(0)).tolist()) == paths[int(np.argmax(log_p))]


def test_tunes_without_phrases_and_without_labels():
    model, _, _ = fitted([t[:, :2] for t in TUNES], np.full(len(TUNES), -1), n_labels=0)
    assert model.sample(np.array([-1]), seed=0, phrases=True)[0][:, 2].sum() == 1
    assert set(model.chains[0].emissions.kinds) == {0, 2}


def test_a_label_without_tunes_learns_from_all():
    model, _, _ = fitted(TUNES, np.zeros(len(TUNES), int), n_labels=2)
    assert len(model.sample(np.array([1]), seed=0)[0]) in {6, 7}


def test_one_note_is_a_tune():
    model, _, _ = fitted([np.array([[60, 4]])], states=2)
    assert model.sample(np.array([0]), seed=0)[0].tolist() == [[60, 4]]


# storing


def test_restore_gives_the_same_tunes():
    model, _, _ = fitted(TUNES, np.arange(len(TUNES)) % 2, n_labels=2)
    stored = {name: a.astype(np.float32) for name, a in model.arrays.items()}
    again = MelodyHmm.restore(stored, n_labels=2, settings=model.settings, shape=(100,), sr=22050)
    labels = np.arange(6) % 2
    assert all(np.array_equal(a, b) for a, b in zip(model.sample(labels, seed=5), again.sample(labels, seed=5), strict=True))


def test_damaged_arrays():
    model, _, _ = fitted()
    arrays = model.arrays

    def restore(**changed):
        return MelodyHmm.restore({**arrays, **changed}, n_labels=1, settings=model.settings)

    for name, array in arrays.items():
        for bad in (np.full_like(array, np.nan), np.full_like(array, -3.0), np.zeros((*array.shape, 2)), np.zeros(0)):
            if name != "span" or bad.shape != array.shape or np.isnan(bad).any():
                with pytest.raises(ModelError):
                    restore(**{name: bad})
        with pytest.raises(ModelError):
            MelodyHmm.restore({k: v for k, v in arrays.items() if k != name}, n_labels=1, settings=model.settings)
    with pytest.raises(ModelError, match="lead to an end"):
        k = len(arrays["kinds"])
        restore(transition=np.broadcast_to(np.eye(k), (1, k, k)))
    with pytest.raises(ModelError, match="1 to 4096"):
        restore(counts=np.eye(2)[:1])
    with pytest.raises(ModelError):
        MelodyHmm.restore(arrays, n_labels=2, settings=model.settings)
    wild = restore(lengths=np.array([2.0, 4.0, 1024.0]), span=np.array([[1e9, 1e9]]))
    assert wild.sample(np.array([0]), seed=0)[0][:, 1].sum() <= melody.LONGEST


@pytest.mark.parametrize(
    ("tunes", "labels", "options", "message"),
    [
        ([], [], {}, "at least one tune"),
        (3, [0], {}, "list of arrays"),
        ([np.zeros((0, 2))], [0], {}, "n from 1"),
        ([[[60, 4.5]]], [0], {}, "whole numbers"),
        ([[[60, np.nan]]], [0], {}, "finite"),
        ([[[60]]], [0], {}, "whole numbers"),
        ([[[5, 4]]], [0], {}, "MIDI numbers from 12"),
        ([[[121, 4]]], [0], {}, "pitches must be <= 120"),
        ([[[-2, 4]]], [0], {}, ">= -1"),
        ([[[60, 0]]], [0], {}, "lengths must be >= 1"),
        ([[[60, 2000]]], [0], {}, "lengths must be <= 1024"),
        (TUNES, [0], {}, "to each of 12 tunes"),
        (TUNES, [1] * 12, {}, "labels must be whole numbers"),
        (TUNES, [0.5] * 12, {"n_labels": 2}, "whole numbers"),
        (TUNES, [-1] * 12, {}, "one of the 1 labels"),
        (TUNES, [0] * 12, {"states": 2}, "states must be >= 3"),
        (TUNES, [0] * 12, {"colour": 1}, "did you mean|must be among"),
        (TUNES, [0] * 12, {"seed": -1}, "seed"),
    ],
)
def test_bad_input(tunes, labels, options, message):
    with pytest.raises(ParameterError, match=message):
        MelodyHmm.train(tunes, np.array(labels), **{"n_labels": 1, "seed": 0, **options})


def test_bad_sampling():
    model, _, _ = fitted(steps=1)
    for options, message in (({"temperature": 0.0}, "temperature must be > 0"), ({"guidance": 1.0}, "sampling options")):
        with pytest.raises(ParameterError, match=message):
            model.sample(np.array([0]), seed=0, **options)
    with pytest.raises(ParameterError, match="labels"):
        model.sample(np.array([1]), seed=0)
    assert model.log_likelihoods([np.array([[59, 4]])], [0])[0] == -np.inf


# statistics


def test_divergence_by_the_definition_of_entropy():
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(7), size=2)

    def entropy(a):
        return -(a * np.log2(a)).sum()

    assert divergence(p, q) == pytest.approx(entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2)
    assert divergence(p, q) == pytest.approx(divergence(q, p))
    with pytest.raises(ParameterError, match="shape"):
        divergence(p, q[:5])


def test_distributions_by_hand():
    tunes = [np.array([[60, 4], [-1, 4], [72, 4], [67, 5]])]
    assert np.flatnonzero(distribution(tunes, feature="pitch class")).tolist() == [0, 7]
    assert (np.flatnonzero(distribution(tunes, feature="interval")) - 24).tolist() == [-5, 12]
    np.testing.assert_allclose(distribution(tunes, feature="length")[3], 1.0)
    with pytest.raises(ParameterError, match="something to count as interval"):
        distribution([[[60, 4]]], feature="interval")


def test_description_by_hand():
    told = describe_tunes([np.array([[67, 4, 0], [64, 10, 0], [-1, 2, 1], [61, 4, 0], [60, 4, 1]])], mode="major")
    want = {"in key": 0.75, "ends on tonic": 1.0, "phrases on 1 2 3 5": 1.0, "phrases of bars": 0.5, "on beat": 0.8}
    assert {name: told[name] for name in want} == want
    assert (told["notes"], told["bars"], told["notes in phrase"]) == (5.0, 1.5, 2.5)
    with pytest.raises(ParameterError, match="third column"):
        describe_tunes([[[60, 4]]], mode="major")


def test_longest_copy_by_brute_force():
    rng = np.random.default_rng(0)
    a, b = (np.column_stack([rng.integers(60, 62, size=n), rng.integers(1, 3, size=n)]) for n in (25, 30))
    runs = [tuple(map(tuple, b[i:j])) for i in range(30) for j in range(i + 1, 31)]
    want = max(j - i for i in range(25) for j in range(i + 1, 26) if tuple(map(tuple, a[i:j])) in runs)
    assert longest_copy(a, [b]) == want
    assert longest_copy(a, [b, a]) == 25
    assert longest_copy([[1, 4]], [b]) == 0
