"""The recogniser: its network in two implementations, its training data, its training, its files, and how well it hears real speech."""

import json
import subprocess
import sys

import numpy as np
import pytest

from audiogen_helpers import audio, datasets, spectral
from audiogen_helpers._files import bundled_dir
from audiogen_helpers.deep import listener
from audiogen_helpers.deep.augmentation import augment, background
from audiogen_helpers.deep.recogniser import Recogniser, RecogniserTraining, recogniser_spec, train_recogniser
from audiogen_helpers.errors import AudioGenError, ModelError, ParameterError

SHIPPED = bundled_dir() / "checkpoints" / "recogniser-fsdd"
LABELS = ("high", "low", "noise")


def sounds(n, seed=0, length=3072, sr=8000):
    """Three kinds of sound, of any level and start: ``(3 n, length)`` and label indices."""
    rng = np.random.default_rng(seed)
    t, Y, labels = np.arange(length) / sr, [], []
    for i in range(3 * n):
        f0 = {0: rng.uniform(1500, 2500), 1: rng.uniform(200, 400)}.get(i % 3)
        y = rng.uniform(-1, 1, length) if f0 is None else np.sin(2 * np.pi * f0 * t)
        start = rng.uniform(0, 0.4) * length / sr
        Y.append(rng.uniform(0.02, 0.8) * y * ((t > start) & (t < start + 0.5 * length / sr)))
        labels.append(i % 3)
    return np.array(Y, dtype=np.float32), np.array(labels)


@pytest.fixture(scope="module")
def trained():
    return train_recogniser(*sounds(20), label_names=LABELS, sr=8000, steps=60)


@pytest.fixture(scope="module")
def shipped():
    return Recogniser.load(SHIPPED)


def accuracy(recogniser, Y, labels, sr=8000):
    return float(np.mean(recogniser.predict_proba(Y, sr=sr).argmax(axis=1) == labels))


# The network


@pytest.mark.parametrize("frames", [64, 39, 8])
def test_numpy_and_tensorflow_agree(frames):
    size = listener.ListenerSize(n_mels=64, n_labels=5)
    rng = np.random.default_rng(0)
    weights = {name: w + 0.1 * rng.standard_normal(w.shape).astype(np.float32) for name, w in listener.initial_weights(size, rng).items()}
    assert {name: w.shape for name, w in weights.items()} == size.shapes()
    X = rng.uniform(-1, 1, (3, frames, 64, 1)).astype(np.float32)
    ours = listener.embed(weights, X, ops=listener.NUMPY)
    theirs = listener.embed(weights, X, ops=listener.tensorflow_ops())
    assert ours.shape == (3, 64)
    assert ours.std() > 0.01
    np.testing.assert_allclose(ours, np.array(theirs), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(listener.logits(weights, ours), np.array(listener.logits(weights, theirs)), rtol=1e-3, atol=1e-3)


def test_numpy_convolution_equals_brute_force():
    rng = np.random.default_rng(0)
    h, w = rng.standard_normal((2, 7, 6, 3)), rng.standard_normal((3, 3, 3, 4))
    padded = np.pad(h, ((0, 0), (1, 1), (1, 1), (0, 0)))
    brute = np.array(
        [[[np.einsum("abc,abcd->d", padded[n, t : t + 3, f : f + 3], w) for f in range(6)] for t in range(7)] for n in range(2)]
    )
    np.testing.assert_allclose(listener.NUMPY.conv(h, w, 1), brute)
    np.testing.assert_allclose(listener.NUMPY.conv(h, w, 2), brute[:, ::2, ::2])


# What it learns from


def test_augmentation_keeps_the_loudest_at_zero_and_the_floor():
    L = np.full((40, 64, 64), -80.0, dtype=np.float32)
    L[:, 20:40, 10:30] = np.random.default_rng(0).uniform(-30, 0, (40, 20, 20))
    before = L.copy()
    changed = augment(L, floor_db=-80.0, rng=0)
    np.testing.assert_array_equal(L, before)
    np.testing.assert_allclose(changed.max(axis=(1, 2)), 0.0, atol=1e-5)
    assert changed.min() == -80.0
    np.testing.assert_array_equal(changed, augment(L, floor_db=-80.0, rng=0))
    assert np.abs(changed - augment(L, floor_db=-80.0, rng=1)).max() > 10.0


def test_augmentation_moves_clips_both_ways_and_adds_noise_to_some():
    L = np.full((200, 64, 64), -80.0, dtype=np.float32)
    L[:, 30, 20] = 0.0
    L[:, 28:33, 18:23] = 0.0
    changed = augment(L, floor_db=-80.0, rng=0)
    onset = (changed > -1.0).any(axis=1).argmax(axis=1)
    assert onset.min() < 17
    assert onset.max() > 30
    noisy = np.median(changed, axis=(1, 2)) > -79.0
    assert 0.3 < noisy.mean() < 0.55  # every second one, less what is fainter than the floor


def test_silence_stays_silence_where_no_noise_is_added():
    changed = augment(np.full((20, 64, 64), -80.0), floor_db=-80.0, rng=0)
    assert set(np.unique(changed.max(axis=(1, 2))).tolist()) == {-80.0, 0.0}
    assert (changed.min() == -80.0).all()


def test_background_has_the_level_that_was_asked_for():
    L = background((50, 64, 200), level_db=np.full(50, -30.0), rng=0)
    middle = 10 * np.log10(np.mean(10 ** (L[:, 31:33] / 10), axis=(1, 2)))
    np.testing.assert_allclose(middle, -30.0, atol=1.0)


def test_batches_are_a_pure_function_of_seed_and_step():
    Y, labels = sounds(6)
    a, b, c = (RecogniserTraining(Y, labels, label_names=LABELS, sr=8000, seed=s) for s in (0, 0, 1))
    for name in ("x", "wanted"):
        np.testing.assert_array_equal(a.batch_at(5)[name], b.batch_at(5)[name])
        assert (a.batch_at(5)[name] != a.batch_at(6)[name]).any()
        assert (a.batch_at(5)[name] != c.batch_at(5)[name]).any()
    batch = a.batch_at(0)
    assert batch["x"].min() >= -1.0
    assert batch["x"].max() <= 1.0
    np.testing.assert_allclose(batch["wanted"].sum(axis=1), 1.0, rtol=1e-6)
    assert (batch["x"][0] == -1.0).all()  # silence, which is no label
    np.testing.assert_allclose(batch["wanted"][0], 1 / 3, rtol=1e-6)


def test_every_step_changes_the_clips_anew():
    Y = np.tile(sounds(1)[0][:1], (6, 1))
    training = RecogniserTraining(Y, np.arange(6) % 3, label_names=LABELS, sr=8000, seed=0)
    assert (training.batch_at(3)["x"][10:] != training.batch_at(4)["x"][10:]).any(axis=(1, 2, 3)).mean() > 0.9


# Training


def test_it_learns_and_judges_content_not_level_start_or_noise(trained):
    Y, labels = sounds(20, seed=1)
    assert accuracy(trained, Y, labels) >= 0.95
    assert accuracy(trained, 0.01 * Y, labels) >= 0.95
    tones = labels < 2
    noisy = Y + 0.03 * Y.std(axis=1, keepdims=True) * np.random.default_rng(0).standard_normal(Y.shape)
    assert accuracy(trained, noisy[tones], labels[tones]) >= 0.9
    p = trained.predict_proba(Y, sr=8000)
    assert p.shape == (60, 3)
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_batches_do_not_change_the_answer(trained):
    Y, _ = sounds(30, seed=2)
    np.testing.assert_allclose(trained.predict_proba(Y, sr=8000)[70:73], trained.predict_proba(Y[70:73], sr=8000), atol=1e-5)
    assert trained.predict_proba(Y[:0], sr=8000).shape == (0, 3)
    np.testing.assert_array_equal(trained.probabilities(trained.embed(Y, sr=8000)), trained.predict_proba(Y, sr=8000))


def test_other_rates_and_lengths_are_resampled_cut_and_padded(trained):
    Y, labels = sounds(10, seed=3)
    up = audio.resample(Y, sr=8000, to_sr=22050)
    assert accuracy(trained, up, labels, sr=22050) >= 0.9
    np.testing.assert_allclose(trained.predict_proba(np.pad(Y, ((0, 0), (0, 5000))), sr=8000), trained.predict_proba(Y, sr=8000))
    assert trained.predict_proba(Y[:, :100], sr=8000).shape == (30, 3)


def test_same_seed_same_weights():
    Y, labels = sounds(4)
    a, b, c = (train_recogniser(Y, labels, label_names=LABELS, sr=8000, seed=s, steps=4) for s in (7, 7, 8))
    assert all((a.weights[name] == b.weights[name]).all() for name in a.weights)
    assert any((a.weights[name] != c.weights[name]).any() for name in a.weights)
    assert a.card["steps"] == 4
    assert a.card["seed"] == 7


def test_few_clips_per_label_are_enough_to_train_and_are_not_calibrated():
    Y, labels = sounds(2)
    tiny = train_recogniser(Y, labels, label_names=LABELS, sr=8000, steps=2)
    assert tiny.temperature == 1.0
    assert tiny.card["n_calibration"] == 0
    assert tiny.card["n_train"] == 6


def test_16_khz_clips_are_heard_at_16_khz():
    assert recogniser_spec(16000).sr == recogniser_spec(48000).sr == 16000
    assert recogniser_spec(11025).sr == 8000
    Y, labels = sounds(2, length=6144, sr=44100)
    wide = train_recogniser(Y, labels, label_names=LABELS, sr=44100, steps=1)
    assert wide.spec.sr == 16000
    assert wide.length == round(6144 * 16000 / 44100)


# Files


def test_saved_and_loaded_it_says_exactly_the_same(trained, tmp_path):
    trained.save(tmp_path / "ears")
    again = Recogniser.load(tmp_path / "ears")
    Y, _ = sounds(5, seed=4)
    np.testing.assert_array_equal(again.predict_proba(Y, sr=8000), trained.predict_proba(Y, sr=8000))
    assert again.label_names == LABELS
    assert dict(again.card) == dict(trained.card)
    trained.save(tmp_path / "ears")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ears"]
    assert sorted(p.name for p in (tmp_path / "ears").iterdir()) == ["card.json", "weights.npz"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: (f / "card.json").unlink(),
        lambda f: (f / "weights.npz").unlink(),
        lambda f: (f / "card.json").write_text("[]"),
        lambda f: (f / "card.json").write_text("{"),
        lambda f: (f / "card.json").write_text("{}"),
        lambda f: (f / "weights.npz").write_bytes((f / "weights.npz").read_bytes()[:5000]),
        lambda f: np.savez(f / "weights.npz", a=np.zeros(3)),
        lambda f: np.savez(f / "weights.npz", a=np.array([{}], dtype=object)),
        lambda f: change(f, labels=["one"]),
        lambda f: change(f, labels=["a", "b", "c", "d"]),
        lambda f: change(f, labels=7),
        lambda f: change(f, kind="flow"),
        lambda f: change(f, settings={"length": -1, "spec": {"sr": 8000}, "temperature": 1.0}),
        lambda f: change(f, settings={"length": 8064, "spec": {"sr": 8000}, "temperature": 0.0}),
        lambda f: change(f, settings={"length": 8064, "spec": {"sr": 8000, "n_mels": 32}, "temperature": 1.0}),
        lambda f: change(f, settings=[1]),
    ],
)
def test_a_damaged_folder_is_refused(trained, tmp_path, damage):
    folder = trained.save(tmp_path / "ears")
    damage(folder)
    with pytest.raises(ModelError):
        Recogniser.load(folder)


def change(folder, **values):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **values}))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.predict_proba(np.zeros(8064), sr=8000), "Y must have 2 dimension"),
        (lambda r: r.predict_proba(np.full((1, 800), np.nan), sr=8000), "finite"),
        (lambda r: r.predict_proba(np.zeros((1, 800), dtype=np.int16), sr=8000), "floating point"),
        (lambda r: r.predict_proba(np.zeros((1, 800)), sr=0), "sr"),
        (lambda r: train_recogniser(np.zeros((4, 800)), [0, 0, 0, 0], label_names=["a", "b"], sr=8000), "at least 2 different"),
        (lambda r: train_recogniser(np.zeros((4, 800)), [0, 1], label_names=["a", "b"], sr=8000), "one number per clip"),
        (lambda r: train_recogniser(np.zeros((2, 800)), [0, 2], label_names=["a", "b"], sr=8000), "labels must be <= 1"),
        (lambda r: train_recogniser(np.zeros((2, 800)), [0, 1], label_names=["a", "b"], sr=8000, steps=0), "steps"),
    ],
)
def test_bad_input_is_refused(trained, call, message):
    with pytest.raises(ParameterError, match=message):
        call(trained)


# The one that comes with the project


def test_the_shipped_recogniser_has_a_full_card(shipped):
    assert shipped.label_names == tuple("0123456789")
    assert (shipped.spec, shipped.length) == (recogniser_spec(8000), 8064)
    assert "Free Spoken Digit Dataset, Zohar Jackson et al., CC BY-SA 4.0" in shipped.card["attribution"]
    assert {"steps", "minutes", "seed", "made_by", "test", "test_after_mel_inversion"} <= set(shipped.card)
    assert shipped.card["test"]["n"] == 300
    assert shipped.card["test"]["accuracy"] >= 0.98
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 1.5e6


def test_judging_does_not_load_tensorflow():
    code = (
        "import sys, numpy as np; from audiogen_helpers.evaluation import recogniser_for;"
        " print(recogniser_for('fsdd').predict_proba(np.zeros((1, 8064)), sr=8000).shape, 'tensorflow' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["(1,", "10)", "False"]


def test_nothing_that_is_a_digit_gets_an_unsure_answer(shipped):
    rng = np.random.default_rng(0)
    p = shipped.predict_proba(np.concatenate([np.zeros((2, 8064)), rng.standard_normal((20, 8064))]), sr=8000)
    assert p.max() < 0.5


def test_it_understands_most_synthetic_voices(shipped):
    Y, labels = datasets.load("digits", split="test").arrays(length=8064)
    assert accuracy(shipped, Y, labels) > 0.7


@pytest.mark.corpus
def test_it_recognises_real_digits_as_its_card_says(shipped, corpora):
    Y, labels = datasets.load("fsdd", split="test").arrays(length=8064)
    assert accuracy(shipped, Y, labels) == pytest.approx(shipped.card["test"]["accuracy"], abs=1e-9)
    assert accuracy(shipped, 0.03 * Y, labels) >= 0.98
    assert accuracy(shipped, np.pad(Y, ((0, 0), (1600, 0)))[:, :8064], labels) >= 0.97
    power = Y.std(axis=1, keepdims=True)
    assert accuracy(shipped, Y + 0.1 * power * np.random.default_rng(0).standard_normal(Y.shape), labels) >= 0.98
    inverted = spectral.log_mel_to_audio(spectral.log_mel(Y, shipped.spec), shipped.spec, rng=0, length=8064)
    assert accuracy(shipped, inverted, labels) == pytest.approx(shipped.card["test_after_mel_inversion"], abs=0.01)


def test_errors_are_the_packages_own(tmp_path):
    with pytest.raises(AudioGenError):
        Recogniser.load(tmp_path / "nowhere")
