"""Textures: a bank that adds up to one, statistics with known values, gradients, and new sound that has them and is not a copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import irfft, rfft
from scipy.signal import hilbert
from scipy.special import gamma

from audiogen_helpers import audio, units
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical import subbands
from audiogen_helpers.statistical.texture import CLASSES, statistics, texture
from audiogen_helpers.statistical.texture_statistics import MODULATIONS, Meter, error

SR = 8000


def noise(seconds, *, seed=0, sr=SR):
    return np.random.default_rng(seed).standard_normal(round(seconds * sr))


def crackle(seconds, *, seed=0, rate=30.0, sr=SR):
    """Sharp attacks with a decay of 5 ms at chance times, on a bed of noise 40 dB below."""
    rng = np.random.default_rng(seed)
    n = round(seconds * sr)
    y = np.zeros(n + sr)
    for at in rng.integers(0, n, round(rate * seconds)):
        y[at : at + 400] += rng.exponential() * rng.standard_normal(400) * np.exp(-np.arange(400) / (0.005 * sr))
    return 0.1 * (y[:n] + 0.01 * rng.standard_normal(n))


# The bank


@pytest.mark.parametrize("sr", [1000, 8000, 22_050, 48_000])
@pytest.mark.parametrize("n_bands", [2, 5, 32, 100])
def test_squares_of_the_gains_sum_to_one(sr, n_bands):
    H = subbands.gains(np.linspace(0.0, sr / 2, 5001), sr=sr, n_bands=n_bands)
    np.testing.assert_allclose(np.square(H).sum(axis=0), 1.0, atol=1e-12)
    assert H.min() >= 0.0
    assert ((H > 1e-9).sum(axis=0) <= 2).all()


@pytest.mark.parametrize("shape", [(1000,), (1001,), (2, 3, 500), (1,), (2,)])
def test_bands_join_to_the_sound(shape):
    y = np.random.default_rng(0).standard_normal(shape)
    bands = subbands.split(y, sr=SR, n_bands=12)
    assert bands.shape == (*shape[:-1], 12, shape[-1])
    np.testing.assert_allclose(subbands.join(bands, sr=SR), y, atol=1e-12)


def test_no_length_has_a_frequency_beyond_the_last_band():
    for sr in (8000, 16_000, 22_050, 44_100):
        for n in [*range(1, 2000), 61_440, 124_416, 373_248]:
            f = subbands.bins(n, sr=sr)
            assert f[-1] <= sr / 2
            assert len(f) == n // 2 + 1


def test_each_centre_is_in_its_band_alone_and_bands_are_evenly_spaced_for_the_ear():
    f = subbands.centres(sr=16_000, n_bands=20)
    np.testing.assert_allclose(subbands.gains(f, sr=16_000, n_bands=20), np.eye(20), atol=1e-9)
    np.testing.assert_allclose(np.diff(units.hz_to_erb(f), n=2), 0.0, atol=1e-9)
    np.testing.assert_allclose(units.erb_to_hz(units.hz_to_erb(f)), f)
    width = 24.7 * (0.00437 * 1000.0 + 1.0)  # Glasberg and Moore's bandwidth at 1 kHz is the slope of their scale
    np.testing.assert_allclose(np.diff(units.hz_to_erb(np.array([999.5, 1000.5]))) * width, 1.0, rtol=0.01)


def test_envelopes_are_those_of_the_hilbert_transform():
    n = 4000
    y = noise(0.5)
    y = (y - y.mean()) / y.std()
    bank = subbands.Bank(n, sr=SR, n_bands=8)
    env, powers, peaks, _ = bank.envelopes(np.fft.rfft(y))
    z = hilbert(subbands.split(y, sr=SR, n_bands=8))
    E = rfft((np.square(np.abs(z)) + 1e-10) ** 0.15)[:, : bank.n_bins]
    want = irfft(E, n=bank.n_envelope) * (bank.n_envelope / n)
    assert np.sqrt(np.mean(np.square(env - want))) < 0.01  # not 0: the compressed envelope has faster changes than any rate holds
    np.testing.assert_allclose(env.mean(axis=1), want.mean(axis=1), rtol=1e-3)
    p = np.square(np.abs(z[:-1]))
    np.testing.assert_allclose(powers[:-1], p.mean(axis=1), rtol=1e-3)
    np.testing.assert_allclose(peaks[:-1], np.sqrt(np.square(p).mean(axis=1)) / p.mean(axis=1), rtol=1e-2)


# The statistics


def test_gaussian_noise_has_the_moments_of_a_compressed_rayleigh_envelope():
    found = statistics(noise(25.0, sr=16_000), sr=16_000)
    m1, m2, m3, m4 = (gamma(1.0 + 0.15 * k) for k in (1, 2, 3, 4))  # of x ** 0.15 with x exponential, as the power of noise is
    var = m2 - m1**2
    skewness = (m3 - 3 * m1 * m2 + 2 * m1**3) / var**1.5
    kurtosis = (m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4) / var**2
    np.testing.assert_allclose(found.mean, found.spectrum * 2**0.15 * m1, rtol=0.01)  # every band
    np.testing.assert_allclose(found.peaks, np.sqrt(2.0), rtol=0.05)
    narrow = slice(1, 7)  # their envelopes change more slowly than 200 Hz
    np.testing.assert_allclose(found.variation[narrow].mean(), np.sqrt(var) / m1, rtol=0.01)
    np.testing.assert_allclose(found.skewness[narrow].mean(), skewness, atol=0.06)
    np.testing.assert_allclose(found.kurtosis[narrow].mean(), kurtosis, atol=0.25)
    assert np.abs(found.correlation[np.abs(np.subtract.outer(np.arange(32), np.arange(32))) > 1]).mean() < 0.03
    np.testing.assert_allclose(found.spectrum ** (1 / 0.3), np.sqrt(widths(16_000) / 8000.0), rtol=0.1)


def widths(sr):
    """Bandwidth of each band, Hz: the integral of its squared gain."""
    f = np.linspace(0.0, sr / 2, 80_001)
    return np.square(subbands.gains(f, sr=sr, n_bands=32)).mean(axis=1) * sr / 2


@pytest.mark.parametrize("f", [4.0, 16.0, 64.0])
def test_modulated_noise_has_its_peak_at_the_modulation_and_its_bands_move_together(f):
    t = np.arange(3 * SR) / SR
    found = statistics(noise(3.0) * (1.0 + 0.9 * np.sin(2 * np.pi * f * t)), sr=SR, n_bands=16)
    np.testing.assert_allclose(MODULATIONS[np.argmax(found.modulation[4:].mean(axis=0))], f, rtol=0.01)
    still = statistics(noise(3.0), sr=SR, n_bands=16)
    apart = np.abs(np.subtract.outer(np.arange(16), np.arange(16))) > 1
    apart[:8] = False  # the narrow low bands are noise of their own
    assert found.correlation[apart].mean() > still.correlation[apart].mean() + 0.2
    octave = round(np.log2(f / 1.5625))
    assert found.modulation_correlation[octave][apart].mean() > 0.6


def test_a_sound_played_backwards_differs_in_the_sense_of_its_attacks_only():
    y = crackle(2.0)
    forwards, backwards = statistics(y, sr=SR).arrays, statistics(y[::-1], sr=SR).arrays
    forwards["modulation_phase"] = forwards["modulation_phase"] * [1.0, -1.0]
    for name in CLASSES:
        np.testing.assert_allclose(backwards[name], forwards[name], rtol=0.05, atol=0.01, err_msg=name)  # the edges: a part of a sample
    sense = statistics(y, sr=SR).modulation_phase[2:, 8:, 1]
    assert np.abs(sense.mean()) > 5 * np.abs(statistics(noise(2.0), sr=SR).modulation_phase[2:, 8:, 1].mean())


@pytest.mark.parametrize("gain", [1e-150, 1e-6, 20.0, 1e150])
def test_level_is_kept_apart(gain):
    one, other = statistics(crackle(0.6), sr=SR), statistics(gain * crackle(0.6), sr=SR)
    np.testing.assert_allclose(other.level, gain * one.level, rtol=1e-9)
    assert max(one.distance(other).values()) < 1e-6


def test_a_constant_does_not_count():
    y = crackle(0.6)
    assert max(statistics(y, sr=SR).distance(statistics(y + 0.3, sr=SR)).values()) < 1e-6


def test_distance_is_zero_to_itself_and_grows_with_the_difference():
    A = statistics(crackle(3.0), sr=SR)
    assert set(A.distance(A).values()) == {0.0}
    sibling, stranger = (A.distance(statistics(y, sr=SR)) for y in (crackle(3.0, seed=1), noise(3.0)))
    for name in set(CLASSES) - {"spectrum", "modulation_phase"}:
        assert sibling[name] < 0.5 * stranger[name], name
    twice = replace(A, kurtosis=2.0 * A.kurtosis)
    np.testing.assert_allclose(A.distance(twice)["kurtosis"], 1.0)


def test_a_band_that_nobody_hears_has_no_shape_to_compare():
    Y = np.fft.rfft(noise(2.0))
    Y[len(Y) // 2 :] *= 1e-6
    y = np.fft.irfft(Y)
    other = y + 1e-6 * crackle(2.0)  # something goes on, 100 dB down
    apart = statistics(y, sr=SR).distance(statistics(other, sr=SR))
    assert max(apart.values()) < 0.01


@pytest.mark.parametrize(
    "y",
    [
        np.sin(0.3 * np.arange(SR)),
        np.eye(1, SR, SR // 2)[0],
        np.concatenate([np.zeros(SR // 2), noise(0.5)]),
        np.where(np.arange(SR) < SR // 2, 1.0, -1.0),
        (-1.0) ** np.arange(SR),
        np.arange(SR) * 1e-3,
    ],
    ids=["sine", "click", "half silent", "step", "nyquist", "ramp"],
)
def test_odd_sounds_have_finite_statistics_and_finite_textures(y):
    A = statistics(y, sr=SR, n_bands=12)
    assert all(np.isfinite(x).all() for x in A.arrays.values())
    z = texture(A, sr=SR, duration=1.0, n_iter=4, rng=0)
    assert np.isfinite(z).all()
    assert np.abs(z).max() <= 1.0


@pytest.mark.parametrize("name", CLASSES)
def test_gradients_are_those_of_finite_differences(name):
    rng = np.random.default_rng(0)
    n = 4001
    y = crackle(1.0)[:n] + 0.01 * noise(1.0)[:n]
    y = (y - y.mean()) / y.std()
    meter = Meter(n, sr=SR, n_bands=6)
    found, trace = meter.measure(np.fft.rfft(y))
    g = rng.standard_normal(found[name].shape)
    slope = np.fft.irfft(meter.gradient(trace, {name: g}), n=n)
    for _ in range(3):
        way = rng.standard_normal(n)
        ahead, behind = (meter.measure(np.fft.rfft(y + h * way))[0][name] for h in (1e-6, -1e-6))
        np.testing.assert_allclose(slope @ way, np.sum(g * (ahead - behind)) / 2e-6, rtol=1e-3, atol=1e-5)


def test_gradient_of_the_distance():
    want, have = ({"spectrum": np.ones(3), "correlation": np.eye(3) + x} for x in (0.2, 0.5))
    e, slope = error(want, have, "correlation")
    np.testing.assert_allclose(e, (0.3 / 0.2) ** 2)
    np.testing.assert_allclose(slope, (1 - np.eye(3)) * 2 * 0.3 / (6 * 0.2**2))


# The texture


@pytest.fixture(scope="module")
def made():
    want = statistics(crackle(3.0), sr=SR)
    return want, *(texture(want, sr=SR, duration=2.5, n_iter=n, rng=1) for n in (0, 50))


def test_the_statistics_are_imposed(made):
    want, start, y = made
    before, after = (want.distance(statistics(x, sr=SR)) for x in (start, y))
    for name in set(CLASSES) - {"spectrum"}:
        assert after[name] < 0.35 * before[name], (name, before[name], after[name])
    assert before["spectrum"] < 0.05
    assert after["spectrum"] < 0.05
    assert np.mean(list(after.values())) < 0.15 * np.mean(list(before.values()))


def test_closer_to_the_other_part_of_the_sound_than_noise_of_its_spectrum(made):
    _, start, y = made
    held_out = statistics(crackle(3.0, seed=5), sr=SR)
    before, after = (held_out.distance(statistics(x, sr=SR)) for x in (start, y))
    for name in set(CLASSES) - {"spectrum", "modulation_phase"}:
        assert after[name] < 0.6 * before[name], (name, before[name], after[name])


def test_as_loud_as_the_target_and_within_full_scale(made):
    want, start, y = made
    for x in (start, y):
        np.testing.assert_allclose(x.std(), want.level, rtol=0.02)
    loud = texture(replace(want, level=0.5), sr=SR, duration=1.0, n_iter=20, rng=0)
    assert np.abs(loud).max() <= 1.0


def likeness(y, original, *, size=400):
    """Largest normalised cross-correlation of the pieces (50 ms) of `y` with any place of `original`."""
    energy = np.sqrt(np.maximum(np.convolve(np.square(original), np.ones(size), "valid"), 1e-12))
    best = 0.0
    for start in range(0, len(y) - size, size):
        piece = y[start : start + size]
        best = max(best, np.abs(np.correlate(original, piece, "valid") / energy).max() / np.linalg.norm(piece))
    return best


def test_no_piece_of_the_original_is_replayed(made):
    _, _, y = made
    original = crackle(3.0)
    by_chance = np.mean([likeness(crackle(3.0, seed=s), original) for s in (11, 12)])  # other sounds of the same process
    assert likeness(y, original) < 1.1 * by_chance
    y = y.copy()
    y[8000:9000] = original[4321:5321]
    assert likeness(y, original) > 0.95


def test_same_seed_same_bytes():
    y = crackle(1.0)
    a, b, c = (texture(y, sr=SR, duration=1.0, n_iter=5, rng=seed) for seed in (0, 0, 1))
    assert a.tobytes() == b.tobytes()
    assert not np.array_equal(a, c)
    np.testing.assert_array_equal(a, texture(y, sr=SR, duration=1.0, n_iter=5, rng=np.random.default_rng(0)))


@pytest.mark.parametrize(("duration", "sr", "length"), [(0.0, 8000, 0), (0.5, 8000, 4000), (1.01, 11_025, 11_135), (9.0, 2000, 18_000)])
def test_length_is_exact(duration, sr, length):
    want = statistics(noise(1.0, sr=sr), sr=sr, n_bands=8)
    assert texture(want, sr=sr, duration=duration, n_iter=2, rng=0).shape == (length,)


def test_a_long_texture_has_no_seams_and_does_not_repeat():
    want = statistics(crackle(3.0, rate=200.0), sr=SR, n_bands=16)
    y = texture(want, sr=SR, duration=20.0, n_iter=8, rng=0)
    parts = y[: 20 * SR // 800 * 800].reshape(-1, 800)  # 0.1 s
    level = 10 * np.log10(np.square(parts).mean(axis=1))
    seams = [round(s * SR / 800) for s in (20 / 3, 40 / 3)]
    near = np.concatenate([level[s - 1 : s + 2] for s in seams])
    assert np.abs(near.mean() - level.mean()) < 2.0
    jumps = np.abs(np.diff(y))
    assert max(jumps[s * 800 - 100 : s * 800 + 900].max() for s in seams) <= np.sort(jumps)[-20]
    lags = np.fft.irfft(np.square(np.abs(np.fft.rfft(y, n=2 * len(y)))))[SR : len(y)] / np.sum(np.square(y))
    assert np.abs(lags).max() < 0.1


def test_only_what_is_asked_for_is_imposed():
    want = statistics(crackle(2.0), sr=SR, n_bands=16)
    shapes = ("spectrum", "mean", "variation", "skewness", "kurtosis")
    y = statistics(texture(want, sr=SR, duration=2.0, n_iter=50, impose=shapes, rng=0), sr=SR, n_bands=16)
    found = want.distance(y)
    assert max(found[name] for name in shapes) < 0.25
    assert found["correlation"] > 0.7
    none = texture(want, sr=SR, duration=2.0, n_iter=50, impose=(), rng=0)
    np.testing.assert_array_equal(none, texture(want, sr=SR, duration=2.0, n_iter=0, rng=0))


# What is refused


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (np.zeros(SR), "silence"),
        (np.full(SR, 0.3), "a constant"),
        (np.ones(100), "0.5 s, 4000 samples; received 100"),
        (np.where(np.arange(SR) == 5, np.nan, 0.1), "finite"),
        (np.zeros((2, SR)), "mono"),
        (np.zeros(SR, dtype=np.int16), "floating point"),
        (np.zeros(0), "at least 1"),
    ],
)
def test_sounds_without_a_texture_are_refused(y, text):
    with pytest.raises(ParameterError, match=text):
        statistics(y, sr=SR)
    with pytest.raises(ParameterError, match=text):
        texture(y, sr=SR, duration=1.0)


def test_bad_arguments_are_refused():
    y = noise(0.6)
    A = statistics(y, sr=SR, n_bands=8)
    for wrong, text in (
        ({"duration": -1.0}, "duration"),
        ({"duration": np.inf}, "duration"),
        ({"n_iter": -1}, "n_iter"),
        ({"impose": ("pitch",)}, "impose"),
        ({"rng": "x"}, "rng"),
        ({"sr": 16_000}, "sample rate sr, 16000 Hz; received statistics at 8000 Hz"),
    ):
        with pytest.raises(ParameterError, match=text):
            texture(A, **{"sr": SR, "duration": 1.0, **wrong})
    with pytest.raises(ParameterError, match="8 bands; received sr 8000 and 9 bands"):
        A.distance(statistics(y, sr=SR, n_bands=9))
    with pytest.raises(ParameterError, match="other must be"):
        A.distance(y)
    with pytest.raises(ParameterError, match="n_bands"):
        statistics(y, sr=SR, n_bands=3)
    with pytest.raises(ParameterError, match="at least 1000"):
        statistics(y, sr=900)
    with pytest.raises(ParameterError, match="n_bands"):
        subbands.join(y, sr=SR)


@pytest.mark.corpus
@pytest.mark.parametrize("kind", ["rain", "fire_crackling", "sea_waves"])
def test_real_recordings(corpora, kind):
    y, sr = audio.read(sorted((corpora / "esc10" / kind).glob("*.ogg"))[0])
    y = audio.resample(audio.to_mono(y).astype(np.float64), sr=sr, to_sr=16_000)[: 3 * 16_000]
    want = statistics(y, sr=16_000)
    before, after = (want.distance(statistics(texture(want, sr=16_000, duration=3.0, n_iter=n, rng=0), sr=16_000)) for n in (0, 60))
    assert np.mean(list(after.values())) < 0.35 * np.mean(list(before.values()))
