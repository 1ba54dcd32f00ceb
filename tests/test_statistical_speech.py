"""The speaking model: parallel chains that separate voices, EM that climbs, and utterances that are made of what was learned."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers import datasets, evaluation
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.statistical import vocoder
from audiogen_helpers.statistical.hsmm import fit_hsmm
from audiogen_helpers.statistical.parallel_chains import ParallelChains, em_step, start_chains
from audiogen_helpers.statistical.speech import SpeechHmm, features

SR = 8000


def hum(f0, resonances, *, duration, rng, sr=SR):
    """A voice that glides from one resonance to the next, with a little noise."""
    n = round(duration * sr)
    t = np.arange(n) / sr
    pitch = f0 * (1.0 + 0.1 * t / duration + 0.01 * rng.standard_normal())
    centre = np.interp(t / duration, np.linspace(0.0, 1.0, len(resonances)), resonances)
    k = np.arange(1, int(0.45 * sr / f0))[:, None]
    partials = np.exp(-np.square((k * pitch - centre) / 300.0)) * np.cos(2.0 * np.pi * k * np.cumsum(pitch) / sr)
    y = partials.sum(axis=0) * np.hanning(n) ** 0.3
    return 0.2 * y / np.abs(y).max() + 0.001 * rng.standard_normal(n)


@pytest.fixture(scope="module")
def clips():
    """Two words, each by two voices, six times."""
    rng = np.random.default_rng(0)
    words, voices = ((500.0, 2500.0), (2500.0, 800.0, 2500.0)), (110.0, 220.0)
    Y, labels, voice = np.zeros((24, 4000), np.float32), np.repeat([0, 1], 12), np.tile(np.repeat([0, 1], 6), 2)
    for row, label, v in zip(Y, labels, voice, strict=True):
        y = hum(voices[v], words[label], duration=rng.uniform(0.25, 0.45), rng=rng)
        row[: len(y)] = y
    return Y, labels, voice


@pytest.fixture(scope="module")
def training(clips):
    Y, labels, _ = clips
    run = SpeechHmm.train(Y, labels, n_labels=2, seed=0, sr=SR, states=5, chains=2)
    run.history = [run.train_step({}, (0, step))["log_likelihood"] for step in range(8)]
    return run


@pytest.fixture(scope="module")
def model(training):
    return training.finish()


def ends_of(Y):
    return np.array([np.flatnonzero(y)[-1] + 1 for y in Y])


def tracks(y):
    return vocoder.analyse(y[: np.flatnonzero(y)[-1] + 1].astype(np.float64), sr=SR)


def brightness(y):
    """Mean frequency, Hz, at the beginning, in the middle and at the end."""
    y = y[: np.flatnonzero(y)[-1] + 1]
    parts = [y[i * len(y) // 7 : (i + 1) * len(y) // 7] for i in (0, 3, 6)]
    power = [np.square(np.abs(np.fft.rfft(part, n=1024))) for part in parts]
    return [float((p * np.fft.rfftfreq(1024, 1.0 / SR)).sum() / p.sum()) for p in power]


def pitch_of(y):
    f0 = tracks(y).f0
    return float(np.median(f0[f0 > 0.0]))


def stairs(n, *, offset, rng, d=2):
    lengths = rng.integers(4, 12, 2)
    return offset + np.repeat([[0.0] * d, [3.0] * d], lengths, axis=0) + 0.3 * rng.standard_normal((lengths.sum(), d))


def two_kinds(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return [stairs(n, offset=10.0 * (i % 2), rng=rng) for i in range(n)]


class TestParallelChains:
    def test_one_chain_learns_what_a_single_chain_learns(self):
        found = two_kinds()[::2]
        chains, belongs = start_chains(found, n_chains=1, n_states=2, longest=20, floor=1e-2, rng=0)
        X, ends = np.concatenate(found), np.cumsum([len(x) for x in found])
        single = chains.chain(0)
        for _ in range(3):
            chains, belongs, value = em_step(chains, X, ends, belongs=belongs, floor=1e-2 * X.var(axis=0))
            single, history = fit_hsmm(found, start=single, n_iter=1, floor=1e-2, smoothing=0.01)
            np.testing.assert_allclose(value / len(X), history[0], rtol=1e-9)
        np.testing.assert_allclose(chains.means[0], single.emissions.means, rtol=1e-9)
        np.testing.assert_allclose(chains.variances[0], single.emissions.covariances, rtol=1e-9)
        np.testing.assert_allclose(chains.chain(0).durations.mean(), single.durations.mean(), rtol=1e-9)
        np.testing.assert_allclose(chains.scores(found)[:, 0], single.log_likelihoods(found), rtol=1e-9)

    def test_kinds_are_told_apart_and_the_likelihood_climbs(self):
        found = two_kinds()
        chains, belongs = start_chains(found, n_chains=2, n_states=2, longest=20, rng=0)
        X, ends = np.concatenate(found), np.cumsum([len(x) for x in found])
        values = []
        for _ in range(6):
            chains, belongs, value = em_step(chains, X, ends, belongs=belongs, floor=1e-3 * X.var(axis=0))
            values.append(value / len(X))
        assert len({*zip(belongs.tolist(), [i % 2 for i in range(len(found))], strict=True)}) == 2
        assert (np.diff(values) > -1e-3).all()
        assert values[-1] > values[0]
        low, high = sorted(chains.means[:, 0, 0])
        assert abs(low) < 0.3
        assert abs(high - 10.0) < 0.3
        np.testing.assert_allclose(chains.weights, 0.5)

    def test_a_lone_sequence_gets_no_chain_of_its_own(self):
        rng = np.random.default_rng(0)
        found = [*two_kinds(20), stairs(0, offset=40.0, rng=rng)]
        chains, belongs = start_chains(found, n_chains=4, n_states=2, longest=20, least=5, rng=0)
        X, ends = np.concatenate(found), np.cumsum([len(x) for x in found])
        for _ in range(3):
            assert np.bincount(belongs)[np.unique(belongs)].min() >= 5
            chains, belongs, _ = em_step(chains, X, ends, belongs=belongs, floor=1e-2 * X.var(axis=0))
        np.testing.assert_allclose(chains.weights.sum(), 1.0)
        assert (chains.weights[np.unique(belongs)] > 0.0).all()

    def test_a_way_goes_through_all_states_in_order(self):
        found = two_kinds()
        chains, _ = start_chains(found, n_chains=2, n_states=2, longest=20, rng=0)
        for seed in range(20):
            number, states = chains.draw(rng=seed)
            assert chains.weights[number] > 0.0
            assert (np.diff(states) >= 0).all()
            assert set(states.tolist()) == {0, 1}
            assert chains.draw(rng=seed, chain=1)[0] == 1
        lengths = {
            kind: np.array([len(chains.draw(rng=seed, durations=kind)[1]) for seed in range(400)]) for kind in ("explicit", "geometric")
        }
        means = [x.mean() for x in lengths.values()]
        np.testing.assert_allclose(means[0], means[1], rtol=0.15)  # the same mean,
        assert lengths["geometric"].std() > 1.2 * lengths["explicit"].std()  # and less regular
        fast = np.mean([len(chains.draw(rng=seed, rate=2.0)[1]) for seed in range(400)])
        np.testing.assert_allclose(fast, 0.5 * means[0], rtol=0.1)

    def test_parameters_are_counted(self):
        c, n, d = 3, 4, 5
        ones = np.ones((c, n))
        chains = ParallelChains(np.array([0.5, 0.5, 0.0]), np.zeros((c, n, d)), np.ones((c, n, d)), ones, ones, 10)
        assert chains.n_parameters == 1 + 2 * (2 * n * d + 2 * n)

    def test_bad_input(self):
        with pytest.raises(ParameterError, match="frames"):
            start_chains([np.zeros((1, 2))], n_chains=1, n_states=2, longest=20)
        with pytest.raises(ParameterError, match="frames"):
            start_chains([np.zeros((50, 2))], n_chains=1, n_states=2, longest=20)
        chains, _ = start_chains(two_kinds(), n_chains=1, n_states=2, longest=20, rng=0)
        with pytest.raises(ParameterError, match="chain"):
            chains.draw(rng=0, chain=1)
        with pytest.raises(ParameterError, match="durations"):
            chains.draw(rng=0, durations="long")


def test_the_likelihood_climbs(training):
    assert (np.diff(training.history) > -1e-3).all()
    assert training.history[-1] > training.history[0] + 0.5


def test_voices_separate_by_themselves(training, clips):
    belongs = training._belongs.numpy()
    for word in (0, 1):
        voices = {(int(b), int(v)) for b, v, label in zip(belongs, clips[2], clips[1], strict=True) if label == word}
        assert len(voices) == 2, "each chain has one voice"


def test_it_says_what_it_was_taught_in_both_voices(model, clips):
    Y, labels, voice = clips
    for word in (0, 1):
        pitches = [float(np.exp(np.median(model.chains[word].bells(chain).means[:, 13]))) for chain in (0, 1)]
        real = [np.median([pitch_of(y) for y in Y[(labels == word) & (voice == v)]]) for v in (0, 1)]
        np.testing.assert_allclose(sorted(pitches), real, rtol=0.1)
    for word in (0, 1):  # one rises, the other dips
        real = np.mean([brightness(y) for y in Y[labels == word]], axis=0)
        made = np.mean([brightness(y) for y in model.sample(np.full(10, word), seed=2)], axis=0)
        np.testing.assert_allclose(made, real, atol=150.0)
        assert real.max() - real.min() > 1000.0


def test_clips_are_as_long_and_as_loud_as_real_ones(model, clips):
    Y, _, _ = clips
    made = model.sample(np.tile([0, 1], 20), seed=0)
    assert made.shape == (40, 4000)
    assert made.dtype == np.float32
    np.testing.assert_allclose(ends_of(made).mean(), ends_of(Y).mean(), rtol=0.15)
    level = [
        20.0 * np.log10(np.mean([np.sqrt(np.mean(np.square(y[:end]))) for y, end in zip(A, ends_of(A), strict=True)])) for A in (made, Y)
    ]
    assert abs(level[0] - level[1]) < 3.0
    assert np.abs(made).max() < 1.0


def test_the_same_seed_gives_the_same_bytes_and_a_clip_stands_by_itself(model):
    labels = np.array([0, 1, 1, 0])
    made = model.sample(labels, seed=3)
    assert made.tobytes() == model.sample(labels, seed=3).tobytes()
    assert made.tobytes() != model.sample(labels, seed=4).tobytes()
    np.testing.assert_array_equal(model.sample(labels[:2], seed=3), made[:2])
    assert len({y.tobytes() for y in made}) == 4
    assert model.sample(np.array([], dtype=int), seed=0).shape == (0, 4000)


def test_each_option_is_heard(model):
    label = np.array([0])
    usual = model.sample(label, seed=0)[0]
    assert ends_of([usual]) == ends_of([model.sample(label, seed=0, smooth=False)[0]]), "the same durations"
    rough, smooth = (
        np.abs(np.diff(features(y[: ends_of([y])[0]].astype(float), sr=SR, order=12)[:, :12], axis=0)).mean()
        for y in (model.sample(label, seed=0, smooth=False)[0], usual)
    )
    assert rough > 1.3 * smooth
    calm = [model.sample(label, seed=seed, temperature=0.0, chain=0)[0] for seed in range(2)]
    assert len({y.tobytes() for y in (usual, *calm, model.sample(label, seed=0, variance=False)[0])}) == 4
    slow, fast = (ends_of([model.sample(label, seed=0, rate=r)[0]])[0] for r in (1.0, 2.0))
    assert 0.4 * slow < fast < 0.6 * slow
    geometric = np.std([ends_of([model.sample(label, seed=seed, durations="geometric", chain=0)[0]]) for seed in range(20)])
    explicit = np.std([ends_of([model.sample(label, seed=seed, chain=0)[0]]) for seed in range(20)])
    assert geometric > 1.5 * explicit


def test_a_clip_that_would_be_too_long_is_spoken_faster(model):
    y = model.sample(np.array([0]), seed=0, rate=0.2)[0]
    assert ends_of([y])[0] > 3900
    assert y.shape == (4000,)


def test_what_is_stored_comes_back(model):
    arrays = {name: a.astype(np.float32) for name, a in model.arrays.items()}
    again = SpeechHmm.restore(arrays, shape=(4000,), n_labels=2, settings=model.settings, sr=SR)
    for seed in range(3):
        np.testing.assert_allclose(again.sample(np.array([0, 1]), seed=seed), model.sample(np.array([0, 1]), seed=seed), atol=0.05)
    assert again.n_parameters == model.n_parameters < 0.05 * 24 * 4000 * 2


@pytest.mark.parametrize("damage", ["missing", "shape", "nan", "huge", "negative", "zero weights"])
def test_arrays_that_do_not_fit_are_refused(model, damage):
    for name in model.arrays:
        arrays = {key: a.copy() for key, a in model.arrays.items()}
        if damage == "missing":
            del arrays[name]
        elif damage == "shape":
            arrays[name] = arrays[name][..., None]
        elif damage == "nan":
            arrays[name].flat[0] = np.nan
        elif damage == "huge":
            arrays[name].flat[0] = 1e9
        elif damage == "negative" and name in ("weights", "variances", "spread"):
            arrays[name].flat[0] = -1.0
        elif damage == "zero weights" and name == "weights":
            arrays[name][0] = 0.0
        else:
            continue
        with pytest.raises(ModelError):
            SpeechHmm.restore(arrays, shape=(4000,), n_labels=2, settings=model.settings, sr=SR)
    with pytest.raises(ModelError, match="nonsense"):
        SpeechHmm.restore({**model.arrays, "nonsense": np.zeros(1)}, shape=(4000,), n_labels=2, settings=model.settings, sr=SR)


def test_the_variables_are_the_whole_state(clips):
    Y, labels, _ = clips
    settings = {"n_labels": 2, "seed": 0, "sr": SR, "states": 3, "chains": 2}
    a, b = (SpeechHmm.train(Y[::2], labels[::2], **settings) for _ in range(2))
    for step in range(2):
        a.train_step({}, (0, step))
    for mine, theirs in zip(b.variables, a.variables, strict=True):
        mine.assign(theirs.numpy())
    for run in (a, b):
        run.train_step({}, (0, 2))
    for name, array in a.finish().arrays.items():
        np.testing.assert_array_equal(array, b.finish().arrays[name])


def test_without_labels_there_is_one_class(clips):
    Y = clips[0][:12]
    run = SpeechHmm.train(Y, np.full(12, -1), n_labels=0, seed=0, sr=SR, states=3, chains=1)
    run.train_step({}, (0, 0))
    made = run.finish().sample(np.array([-1, -1]), seed=0)
    assert np.abs(made).max() > 0.01
    with pytest.raises(ParameterError, match="labels"):
        run.finish().sample(np.array([0]), seed=0)


def test_few_silent_and_short_clips(clips):
    Y = clips[0][[0, 12, 1, 13]].copy()
    Y[2] = 0.0  # silent: left out
    Y[3, 50:] = 0.0  # two frames for eight states: repeated
    run = SpeechHmm.train(Y, np.array([0, 1, 0, 1]), n_labels=3, seed=0, sr=SR, states=8, chains=4)  # label 2 has no clip
    metrics = [run.train_step({}, (0, step))["log_likelihood"] for step in range(3)]
    assert np.isfinite(metrics).all()
    made = run.finish()
    assert all(len(c.alive) == 1 for c in made.chains)
    Y = made.sample(np.array([0, 1, 2, -1]), seed=0)
    assert np.isfinite(Y).all()
    assert (np.abs(Y).max(axis=1) > 1e-3).all()


@pytest.mark.parametrize("sr", [8000, 22050, 48000])
def test_rates(sr):
    rng = np.random.default_rng(0)
    Y = np.stack([hum(150.0, (500.0, 1500.0), duration=0.2, rng=rng, sr=sr) for _ in range(3)])
    run = SpeechHmm.train(Y, np.zeros(3), n_labels=1, seed=0, sr=sr, states=3, chains=1)
    run.train_step({}, (0, 0))
    made = run.finish()
    y = made.sample(np.array([0]), seed=0)[0]
    assert np.abs(y).max() > 0.01
    again = SpeechHmm.restore(made.arrays, shape=(Y.shape[1],), n_labels=1, settings=made.settings, sr=sr)
    np.testing.assert_array_equal(again.sample(np.array([0]), seed=0)[0], y)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Y": np.zeros((2, 100))}, "not silent"),
        ({"Y": np.full((2, 100), np.nan)}, "finite"),
        ({"Y": np.zeros(100)}, "dimension"),
        ({"labels": np.array([0, 2])}, "labels"),
        ({"labels": np.array([0, 0.5])}, "labels"),
        ({"labels": np.array([0])}, "labels"),
        ({"labels": np.array([0, -1])}, "labels"),
        ({"sr": 1000}, "sr"),
        ({"states": 0}, "states"),
        ({"chains": 0}, "chains"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_input(changed, message):
    given = {"Y": np.ones((2, 100)) * 0.1, "labels": np.array([0, 1]), "n_labels": 2, "seed": 0, "sr": SR, **changed}
    with pytest.raises(ParameterError, match=message):
        SpeechHmm.train(given.pop("Y"), given.pop("labels"), **given)


@pytest.mark.parametrize("options", [{"temperature": -1.0}, {"durations": "none"}, {"rate": 0.0}, {"chain": 9}, {"nonsense": 1}])
def test_bad_options(model, options):
    with pytest.raises(ParameterError, match=next(iter(options))):
        model.sample(np.array([0]), seed=0, **options)


@pytest.mark.corpus
def test_real_digits_are_recognised(corpora):
    """A third of the training clips, and few steps: already more than 80 % are recognised by ears that know real recordings."""
    reference = datasets.load("fsdd")
    clips = reference.split("train").subset(range(0, 2700, 3))
    Y, labels = clips.arrays(length=6000)
    run = SpeechHmm.train(Y, labels, n_labels=10, seed=0, sr=SR, states=10, chains=4)
    for step in range(5):
        run.train_step({}, (0, step))
    asked = np.repeat(np.arange(10), 10)
    made = run.finish().sample(asked, seed=0)
    heard = evaluation.recogniser_for(reference).predict_proba(made, sr=SR).argmax(axis=1)
    assert np.mean(heard == asked) >= 0.8
