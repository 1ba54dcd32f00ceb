"""Fréchet audio distance: against matrix roots and closed forms, its bias and the cure of it, and what it cannot hear."""

import warnings

import numpy as np
import pytest
from scipy import linalg

from audiogen_helpers import audio, datasets, spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation import (
    extrapolated_frechet_distance,
    frechet_audio_distance,
    frechet_distance,
    frechet_distance_by_share,
    sound_statistics,
)
from audiogen_helpers.evaluation.audio_distance import compare_sounds

SR = 16000


def noise(seed, n=SR, level=0.1):
    return level * np.random.default_rng(seed).standard_normal(n)


def with_moments(mean, covariance, n, seed=0):
    """A sample whose own mean and covariance are exactly these."""
    z = np.random.default_rng(seed).standard_normal((n, len(mean)))
    z -= z.mean(axis=0)
    z = z @ np.linalg.inv(linalg.cholesky(np.cov(z.T), lower=False))
    return z @ linalg.cholesky(covariance, lower=False) + mean


def random_covariance(d, rng, condition=10.0):
    q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    return q @ np.diag(np.geomspace(1.0, condition, d)) @ q.T


# Numbers


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_formula_with_scipys_matrix_root(seed):
    rng = np.random.default_rng(seed)
    m1, m2, c1, c2 = rng.standard_normal(8), rng.standard_normal(8), random_covariance(8, rng), random_covariance(8, rng, 100.0)
    a, b = with_moments(m1, c1, 40, seed), with_moments(m2, c2, 60, seed + 50)
    theirs = np.sum((m1 - m2) ** 2) + np.trace(c1 + c2 - 2 * np.real(linalg.sqrtm(c1 @ c2)))
    assert frechet_distance(a, b) == pytest.approx(theirs, rel=1e-9)


def test_gaussians_with_the_same_axes_have_a_closed_form():
    s1, s2, m = np.array([1.0, 2.0, 3.0, 0.5]), np.array([2.0, 2.0, 1.0, 0.1]), np.array([0.0, 1.0, -2.0, 0.0])
    q, _ = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))
    a, b = with_moments(0 * m, q @ np.diag(s1**2) @ q.T, 30), with_moments(m, q @ np.diag(s2**2) @ q.T, 50, seed=1)
    assert frechet_distance(a, b) == pytest.approx(np.sum((s1 - s2) ** 2) + np.sum(m**2))


def test_no_root_turns_imaginary_where_the_matrix_root_does():
    """Fewer clips than numbers: covariances without full rank."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((5, 39)), rng.standard_normal((7, 39))
    values, axes = np.linalg.eigh(np.cov(a.T))
    root = axes @ np.diag(np.sqrt(np.where(values > 1e-9, values, 0.0))) @ axes.T
    inner = np.linalg.eigvalsh(root @ np.cov(b.T) @ root)
    inner = inner[inner > 1e-9]
    theirs = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(np.cov(a.T) + np.cov(b.T)) - 2 * np.sqrt(inner).sum()
    found = frechet_distance(a, b)
    assert found == pytest.approx(theirs, rel=1e-6)
    assert isinstance(found, float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert frechet_distance(np.ones((5, 3)), np.ones((4, 3))) == 0.0
        assert frechet_distance(1e-150 * a, 1e-150 * b) == 0.0
        assert frechet_distance(1e100 * a, 1e100 * b) == pytest.approx(1e200 * theirs, rel=1e-6)


# The statistics


@pytest.mark.parametrize(("frames", "windows"), [(1, 1), (50, 1), (99, 1), (100, 1), (149, 1), (150, 2), (200, 3), (1000, 19)])
def test_windows_are_a_second_long_and_start_every_half(frames, windows):
    assert sound_statistics(noise(0, n=160 * (frames - 1) + 1), sr=SR).shape == (windows, 39)


def test_statistics_are_what_a_loop_finds():
    y = noise(1, n=int(2.3 * SR)) * np.linspace(0, 1, int(2.3 * SR))
    spec = spectral.MelSpec(sr=16000, n_fft=512, hop_length=160, n_mels=40)
    L = spectral.log_mel(y, spec)
    k, band = np.arange(13)[:, None], np.arange(40)
    C = np.cos(np.pi * k * (band + 0.5) / 40) @ L * np.sqrt(2 / 40) / np.sqrt(40)
    C[0] /= np.sqrt(2)
    E = sound_statistics(y, sr=SR)
    assert len(E) == 3
    for row, start in zip(E, (0, 50, 100), strict=True):
        part = C[:, start : start + 100]
        change = np.mean([np.abs(part[:, i + 1] - part[:, i]) for i in range(99)], axis=0)
        np.testing.assert_allclose(row, [*part.mean(axis=1), *part.std(axis=1), *change], atol=1e-8)


def test_silence_is_the_floor_and_a_gain_moves_the_level_alone():
    assert sound_statistics(np.zeros(SR), sr=SR)[0].tolist() == pytest.approx([-80.0] + [0.0] * 38, abs=1e-9)
    soft, loud = (sound_statistics(g * noise(2), sr=SR) for g in (0.5, 1.0))
    np.testing.assert_allclose(loud - soft, [[20 * np.log10(2)] + [0.0] * 38], atol=1e-6)


def test_rate_and_channels_do_not_matter():
    low = noise(4)
    high = audio.resample(low, sr=SR, to_sr=44100)
    np.testing.assert_allclose(sound_statistics(high, sr=44100), sound_statistics(low, sr=SR), atol=1.0)
    np.testing.assert_allclose(sound_statistics(np.stack([low, low]), sr=SR), sound_statistics(low, sr=SR))


# The distance of sounds


@pytest.mark.parametrize("gain_db", [-12.0, -1.0, 3.0])
def test_a_change_of_level_is_its_square(gain_db):
    clips = [noise(i) for i in range(6)]
    changed = [10 ** (gain_db / 20) * y for y in clips]
    assert frechet_audio_distance(changed, clips, sr=SR) == pytest.approx(gain_db**2, rel=1e-6)


@pytest.fixture(scope="module")
def digits():
    data = datasets.load("digits")
    train, test = (data.split(name) for name in ("train", "test"))
    return [train.clip(i)[0] for i in range(0, 800, 4)], [test.clip(i)[0] for i in range(0, 200, 2)]


def test_noise_pushes_real_speech_away_step_by_step(digits):
    train, test = digits
    B = [sound_statistics(y, sr=8000) for y in train]
    rng = np.random.default_rng(0)
    found = []
    for snr_db in (np.inf, 30.0, 20.0, 10.0):
        noisy = [y + rng.standard_normal(len(y)) * np.std(y) * 10 ** (-snr_db / 20) for y in test]
        found.append(compare_sounds([sound_statistics(y, sr=8000) for y in noisy], B, rng=0))
    assert [f.distance for f in found] == sorted(f.distance for f in found)
    assert found[1].distance > 2 * found[0].distance
    assert all(f.unbiased < f.distance for f in found)


def test_copies_read_as_perfect(digits):
    train, test = digits
    assert frechet_audio_distance(train, train, sr=8000) == 0.0
    assert frechet_audio_distance(test, train, sr=8000) > 3.0


def test_time_played_backwards_is_hardly_heard(digits):
    train, test = digits
    forwards, backwards = frechet_audio_distance(test, train, sr=8000), frechet_audio_distance([y[::-1] for y in test], train, sr=8000)
    assert backwards == pytest.approx(forwards, rel=0.05)


def test_clusters_that_fill_the_same_ellipse_read_as_perfect():
    rng = np.random.default_rng(0)
    modes = np.sign(rng.standard_normal((4000, 2)))
    modes = (modes - modes.mean(axis=0)) @ np.linalg.inv(linalg.cholesky(np.cov(modes.T)))
    assert frechet_distance(modes, with_moments(np.zeros(2), np.eye(2), 4000)) == pytest.approx(0.0, abs=1e-9)


# Bias


def draws(n, d, shift, rng):
    return rng.standard_normal((n, d)) + shift


def test_few_clips_read_worse_and_the_extrapolation_does_not():
    """Two samples of one distribution in 20 dimensions: the truth is 0, whatever their number."""
    rng = np.random.default_rng(0)
    plain, without = {}, {}
    for n in (50, 100, 200):
        pairs = [(draws(n, 20, 0.0, rng), draws(n, 20, 0.0, rng)) for _ in range(12)]
        plain[n] = np.mean([frechet_distance(a, b) for a, b in pairs])
        without[n] = np.mean([extrapolated_frechet_distance(a, b, rng=rng) for a, b in pairs])
    assert plain[50] / plain[100] == pytest.approx(2.0, rel=0.15)
    assert plain[100] / plain[200] == pytest.approx(2.0, rel=0.15)
    assert all(abs(without[n]) < 0.1 * plain[n] for n in plain)
    assert plain[200] > 1.0


@pytest.mark.parametrize(("n", "m"), [(200, 200), (100, 400)])
def test_the_extrapolation_finds_the_true_distance(n, m):
    rng = np.random.default_rng(1)
    d, shift, scale = 10, 0.5, 1.5
    truth = d * shift**2 + d * (scale - 1) ** 2
    found = [extrapolated_frechet_distance(scale * draws(n, d, shift / scale, rng), draws(m, d, 0.0, rng), rng=rng) for _ in range(20)]
    assert np.mean(found) == pytest.approx(truth, abs=3 * np.std(found) / np.sqrt(20) + 0.05)


def test_the_curve_is_a_line_over_one_by_the_share():
    rng = np.random.default_rng(2)
    a, b = draws(400, 20, 0.0, rng), draws(400, 20, 0.1, rng)
    shares, distances = frechet_distance_by_share(a, b, rng=0, n_draws=20)
    assert shares[0] == 1.0
    assert shares[-1] == 0.25
    assert distances[0] == pytest.approx(frechet_distance(a, b))
    assert np.corrcoef(1 / shares, distances)[0, 1] > 0.98


def test_windows_of_a_clip_are_drawn_together():
    """Clips of five equal windows: as biased as one window each, and extrapolated alike."""
    rng = np.random.default_rng(3)
    a, b = draws(100, 5, 0.0, rng), draws(100, 5, 0.0, rng)
    one = frechet_distance_by_share(a, b, rng=0)[1]
    five = frechet_distance_by_share([np.repeat(x[None], 5, axis=0) for x in a], [np.repeat(x[None], 5, axis=0) for x in b], rng=0)[1]
    np.testing.assert_allclose(five, one, rtol=0.1)


def test_the_same_seed_gives_the_same_number():
    a, b = draws(60, 4, 0.0, np.random.default_rng(0)), draws(60, 4, 0.5, np.random.default_rng(1))
    first, again, other = (extrapolated_frechet_distance(a, b, rng=seed) for seed in (5, 5, 6))
    assert first == again != other


def test_equally_many_are_compared_and_all_are_extrapolated():
    rng = np.random.default_rng(0)
    a, b = [draws(1, 5, 0.0, rng) for _ in range(50)], [draws(1, 5, 0.0, rng) for _ in range(60)]
    found = compare_sounds(a, b, n=10, rng=0)
    assert (found.n, found.n_all, found.n_reference) == (10, 50, 60)
    assert found.distance > frechet_distance(np.concatenate(a), np.concatenate(b))
    assert found.unbiased is not None
    assert compare_sounds(a[:9], b, rng=0).unbiased is None
    lone = compare_sounds(a[:1], b, rng=0)
    assert lone.distance is lone.unbiased is None
    assert "2 windows" in lone.reason


def test_extrapolating_sounds_is_extrapolating_their_statistics():
    clips, other = [noise(i, n=2 * SR) for i in range(30)], [noise(i, n=2 * SR) for i in range(30, 60)]
    a, b = ([sound_statistics(y, sr=SR) for y in side] for side in (clips, other))
    assert frechet_audio_distance(clips, other, sr=SR, extrapolate=True, rng=1) == extrapolated_frechet_distance(a, b, rng=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: frechet_audio_distance([], [y], sr=SR), "2 windows each; received 0 and 1 clips with 0 and 1"),
        (lambda y: frechet_audio_distance([y, y], [np.full(9, np.nan)] * 2, sr=SR), "finite"),
        (lambda y: frechet_audio_distance([y, np.zeros(0)], [y, y], sr=SR), "at least 1"),
        (lambda y: frechet_audio_distance([y] * 9, [y] * 9, sr=SR, extrapolate=True), r"2 \(d \+ 1\) = 80 rows"),
        (lambda y: frechet_audio_distance([y] * 2, [y] * 2, sr=-1), "sr must be >= 1"),
        (lambda y: sound_statistics(y.astype(int), sr=SR), "floating point"),
        (lambda y: extrapolated_frechet_distance(np.zeros((7, 2)), np.zeros((9, 2))), "at least 8 clips"),
        (lambda y: extrapolated_frechet_distance(np.zeros((8, 39)), np.zeros((99, 39))), "80 rows each"),
        (lambda y: frechet_distance_by_share([np.zeros((1, 2))] * 8 + [np.zeros((1, 3))], np.zeros((9, 2))), "same d"),
        (lambda y: frechet_distance_by_share(np.zeros((9, 2)), np.zeros((9, 3))), "same d"),
        (lambda y: frechet_distance_by_share(np.full((9, 2), np.inf), np.zeros((9, 2))), "finite"),
        (lambda y: frechet_distance_by_share(np.zeros((9, 2)), np.zeros((9, 2)), n_points=1), "n_points"),
        (lambda y: frechet_distance_by_share(np.zeros((9, 2)), np.zeros((9, 2)), n_draws=0), "n_draws"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call(noise(0))
