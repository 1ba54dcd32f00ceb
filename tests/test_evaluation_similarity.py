"""Fingerprints, distances, diversity and copies: on signals whose answer is known, and on real recordings."""

import numpy as np
import pytest

from audiogen_helpers import datasets, spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation import clip_distances, distinct_clips, diversity, fingerprints, nearest_training_clip
from audiogen_helpers.spectral import MelSpec

SPEC = MelSpec(sr=8000)
LENGTH = 8064


def later(y, n):
    return np.concatenate([np.zeros(n), y])[: len(y)]


def in_noise(y, snr_db, seed=0):
    power = np.mean(y[np.flatnonzero(y)] ** 2)
    return y + np.random.default_rng(seed).standard_normal(len(y)) * np.sqrt(power) * 10 ** (-snr_db / 20)


def word(seed):
    """A sound of 0.25 to 0.5 s with moving resonances: different for each seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(rng.integers(2000, 4000))) / 8000
    y = np.zeros(len(t))
    for _ in range(4):
        start, end = rng.uniform(150, 3500, 2)
        y += rng.uniform(0.3, 1) * np.sin(2 * np.pi * (start * t + (end - start) * t**2 / (2 * t[-1])))
    y *= np.hanning(len(t)) ** rng.uniform(0.3, 1.5)
    return np.pad(0.3 * y / np.abs(y).max(), (0, LENGTH - len(y)))


@pytest.fixture(scope="module")
def words():
    return np.stack([word(i) for i in range(60)])


@pytest.fixture(scope="module")
def fsdd(corpora):
    data = datasets.load("fsdd")
    data = data.subset(i for i, label in enumerate(data.labels) if label in "0123")
    train, test = (data.split(name).arrays(length=LENGTH) for name in ("train", "test"))
    F = [fingerprints(Y, SPEC) for Y, _ in (train, test)]
    return {"train": train, "test": test, "F_train": F[0], "F_test": F[1]}


def brute_force(a, b, max_shift):
    best, frames = 0.0, a.shape[1]
    for shift in range(-max_shift, max_shift + 1):
        total = sum(float(a[:, t] @ b[:, t + shift]) for t in range(frames) if 0 <= t + shift < frames)
        best = max(best, total)
    return np.sqrt(2 - 2 * best / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_distances_equal_brute_force():
    rng = np.random.default_rng(0)
    A, B = rng.random((4, 3, 11)), rng.random((5, 3, 11))
    found = clip_distances(A, B, max_shift=4)
    np.testing.assert_allclose(found, [[brute_force(a, b, 4) for b in B] for a in A], atol=1e-5)
    np.testing.assert_allclose(clip_distances(A, B, max_shift=100), [[brute_force(a, b, 10) for b in B] for a in A], atol=1e-5)


def test_distances_in_many_pieces_equal_one_by_one():
    rng = np.random.default_rng(1)
    A, B = rng.random((30, 4, 64)).astype(np.float32), rng.random((3000, 4, 64)).astype(np.float32)
    np.testing.assert_allclose(clip_distances(A, B)[17], clip_distances(A[17:18], B)[0], atol=1e-4)


@pytest.mark.parametrize(
    "change", [lambda y: 0.01 * y, lambda y: later(y, 128), lambda y: later(y, 1000), lambda y: later(y, 33), lambda y: -y]
)
def test_level_shift_and_sign_do_not_count(words, change):
    F, G = fingerprints(words, SPEC), fingerprints(np.stack([change(y) for y in words]), SPEC)
    distances = clip_distances(G, F)
    assert np.diag(distances).max() < 0.03
    others = distances[~np.eye(len(words), dtype=bool)]
    assert others.min() > 0.2


def test_silence_is_like_silence_only(words):
    F = fingerprints(np.stack([np.zeros(LENGTH), words[0], np.zeros(LENGTH)]), SPEC)
    distances = clip_distances(F, F)
    assert distances[0, 2] == distances[0, 0] == 0.0
    assert distances[0, 1] == pytest.approx(np.sqrt(2))


def test_fingerprints_do_not_depend_on_the_company(words):
    F = fingerprints(words[:5], SPEC)
    np.testing.assert_allclose(F[3], fingerprints(words[3:4], SPEC)[0], atol=1e-4)
    assert F.dtype == np.float32
    assert F.max() > 20.0


def test_diversity_of_collapse_is_zero_and_of_real_clips_one(words):
    F, labels = fingerprints(words, SPEC), np.arange(60) % 3
    one_each = F[labels]
    collapsed = diversity(one_each, labels, F, labels, rng=0)
    assert collapsed.ratio == 0.0
    assert collapsed.distinct == 0.0
    assert collapsed.generated_distinct == 1.0
    other = fingerprints(np.stack([word(1000 + i) for i in range(60)]), SPEC)
    varied = diversity(other, labels, F, labels, rng=0)
    assert varied.ratio == pytest.approx(1.0, abs=0.1)
    assert varied.distinct == pytest.approx(1.0, abs=0.15)


def test_the_mean_distance_is_over_different_clips(words):
    F = fingerprints(words[:4], SPEC)
    found = diversity(F[:2], [0, 0], F[2:], [0, 0], rng=0)
    distances = clip_distances(F, F)
    assert found.generated_distance == pytest.approx((distances[0, 1] + distances[1, 0]) / 2, rel=1e-5)
    assert found.real_distance == pytest.approx((distances[2, 3] + distances[3, 2]) / 2, rel=1e-5)
    assert found.ratio == pytest.approx(found.generated_distance / found.real_distance)
    assert found.per_label == 2.0


def test_collapse_that_trembles_is_still_collapse(words):
    rng = np.random.default_rng(0)
    Y = np.stack([in_noise(later(rng.uniform(0.1, 1) * words[i % 3], int(rng.integers(0, 800))), 30, seed=i) for i in range(60)])
    found = diversity(fingerprints(Y, SPEC), np.arange(60) % 3, fingerprints(words, SPEC), np.arange(60) % 3, rng=0)
    assert found.ratio < 0.15
    assert found.distinct == 0.0


def test_three_modes_are_counted_as_three(words):
    F, labels = fingerprints(words, SPEC), np.zeros(60, dtype=int)
    found = diversity(F[np.arange(60) % 3], labels, F, labels, rng=0)
    assert found.generated_distinct == 3.0
    assert found.distinct == pytest.approx(2.0 / (found.real_distinct - 1.0))


def test_diversity_compares_within_labels_only(words):
    """One clip per label is collapse, however different the labels are."""
    F = fingerprints(words, SPEC)
    labels = np.arange(60) % 2
    assert diversity(F[labels], labels, F, labels, rng=0).ratio == 0.0
    assert diversity(F[labels], np.zeros(60), F, np.zeros(60), rng=0).ratio > 0.3


def test_distinct_clips_of_points_on_a_line():
    x = np.array([0.0, 0.1, 1.0, 1.1, 0.9, 5.0])
    assert distinct_clips(np.abs(x[:, None] - x), radius=0.5) == 3
    assert distinct_clips(np.abs(x[:, None] - x), radius=0.0) == 6
    assert distinct_clips(np.zeros((4, 4)), radius=0.1) == 1


def test_copies_are_found_and_new_clips_are_not(words):
    train, new = fingerprints(words[:40], SPEC), fingerprints(words[40:], SPEC)
    changed = np.stack([in_noise(later(0.1 * y, 37 * i), 25, seed=i) for i, y in enumerate(words[:20])])
    G = np.concatenate([fingerprints(changed, SPEC), new])
    found = nearest_training_clip(G, train, held_out=new, rng=0)
    np.testing.assert_array_equal(found.copies, np.arange(20))
    np.testing.assert_array_equal(found.nearest[:20], np.arange(20))
    assert found.share == 0.5
    assert found.held_out == 0.0
    assert nearest_training_clip(new, train, rng=0).ratio == pytest.approx(1.0, abs=0.15)


def test_the_same_seed_gives_the_same_numbers(words):
    F = fingerprints(words, SPEC)
    assert diversity(F, np.arange(60) % 2, F, np.arange(60) % 2, rng=3) == diversity(F, np.arange(60) % 2, F, np.arange(60) % 2, rng=3)


@pytest.mark.corpus
def test_real_clips_are_as_diverse_as_real_clips(fsdd):
    found = diversity(fsdd["F_test"], fsdd["test"][1], fsdd["F_train"], fsdd["train"][1], rng=0)
    assert 0.9 < found.ratio < 1.1
    assert 0.7 < found.distinct < 1.3


@pytest.mark.corpus
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda y, i: y, id="replayed"),
        pytest.param(lambda y, i: 0.03 * y, id="30 dB fainter"),
        pytest.param(lambda y, i: later(y, 25 * i), id="up to 0.15 s later"),
        pytest.param(lambda y, i: in_noise(y, 20, i), id="20 dB noise"),
        pytest.param(lambda y, i: later(in_noise(0.3 * y, 25, i), 25 * i), id="all three"),
    ],
)
def test_copies_of_real_clips_are_flagged(fsdd, change):
    chosen = np.arange(0, len(fsdd["train"][0]), 22)[:48]
    Y = np.stack([change(fsdd["train"][0][c].astype(float), i) for i, c in enumerate(chosen)])
    found = nearest_training_clip(fingerprints(Y, SPEC), fsdd["F_train"], held_out=fsdd["F_test"], rng=0)
    assert found.share >= 0.95
    assert np.mean(found.nearest == chosen) >= 0.95
    assert found.ratio < 0.4


@pytest.mark.corpus
def test_copies_are_flagged_after_mel_inversion_and_new_clips_are_not(fsdd):
    def inverted(Y):
        return spectral.log_mel_to_audio(spectral.log_mel(Y, SPEC), SPEC, rng=0, length=LENGTH)

    for Y, low, high in ((fsdd["train"][0][::22][:48], 0.95, 1.0), (fsdd["test"][0][::2], 0.0, 0.0)):
        found = nearest_training_clip(fingerprints(inverted(Y), SPEC), fsdd["F_train"], held_out=fsdd["F_test"], rng=0)
        assert low <= found.share <= high
    assert found.held_out == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda F: fingerprints(np.zeros(100), SPEC), "Y must have 2 dimension"),
        (lambda F: fingerprints(np.zeros((2, 0)), SPEC), "at least one sample"),
        (lambda F: fingerprints(np.full((1, 800), np.nan), SPEC), "finite"),
        (lambda F: clip_distances(F, F[:, :, 1:]), "same bands and frames"),
        (lambda F: clip_distances(F[0], F), "A must have 3 dimension"),
        (lambda F: clip_distances(F, F, max_shift=-1), "max_shift"),
        (lambda F: diversity(F[:2], [0, 1], F, np.zeros(len(F))), "2 clips or more"),
        (lambda F: diversity(F, [0], F, np.zeros(len(F))), "labels must have one number per clip"),
        (lambda F: nearest_training_clip(F[:0], F), "1 clip or more"),
        (lambda F: nearest_training_clip(F, F[:1]), "2 or more"),
        (lambda F: distinct_clips(np.zeros((2, 3)), radius=1.0), "square"),
    ],
)
def test_bad_input_is_refused(words, call, message):
    with pytest.raises(ParameterError, match=message):
        call(fingerprints(words[:6], SPEC))
