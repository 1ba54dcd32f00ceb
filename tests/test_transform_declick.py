"""Mending clicks: how many are found, how well they are filled in, and that nothing else changes."""

import numpy as np
import pytest
from scipy.signal import lfilter

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform.declick import _prediction, declick, fill_in, find_clicks


def coloured(n, seed=0):
    """Noise through two resonances: a known autoregressive sound."""
    a = np.polymul([1, -1.8 * np.cos(0.3), 0.81], [1, -1.9 * np.cos(0.9), 0.9025])
    return lfilter([1.0], a, np.random.default_rng(seed).standard_normal(n + 500))[500:] / 30, a


def scratched(y, *, count, longest, seed=0):
    rng = np.random.default_rng(seed)
    out, where = y.copy(), np.zeros(len(y), dtype=bool)
    for at in rng.choice(np.arange(200, len(y) - 200, 150), count, replace=False):
        n = rng.integers(1, longest + 1)
        out[at : at + n] += rng.uniform(0.4, 0.9, n) * rng.choice([-1, 1], n)
        where[at : at + n] = True
    return out, where


def snr_db(clean, y):
    return 10 * np.log10(np.sum(clean**2) / np.sum((y - clean) ** 2))


def test_filling_in_is_the_minimum_of_the_prediction_error():
    y, a = coloured(200)
    missing = np.zeros(200, dtype=bool)
    missing[[60, 61, 62, 63, 70, 110, 111]] = True
    best = fill_in(np.where(missing, 5.0, y), missing, a)
    np.testing.assert_array_equal(best[~missing], y[~missing])

    def error(x):
        return np.sum(np.convolve(x, a, mode="valid") ** 2)

    rng = np.random.default_rng(1)
    for _ in range(20):
        assert error(best) < error(best + 1e-3 * missing * rng.standard_normal(200))


def test_any_sum_of_sines_is_filled_in_exactly():
    w = np.array([0.2, 0.5, 1.1])
    y = np.sin(np.outer(np.arange(300), w)).sum(axis=1)
    a = np.ones(1)
    for value in w:
        a = np.polymul(a, [1, -2 * np.cos(value), 1])
    missing = (np.arange(300) >= 100) & (np.arange(300) < 140)
    np.testing.assert_allclose(fill_in(np.where(missing, 0.0, y), missing, a), y, atol=1e-6)


def test_prediction_finds_the_filter_that_made_the_sound():
    y, a = coloured(20_000)
    np.testing.assert_allclose(_prediction(y, 4), a, atol=0.03)


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize(("longest", "better"), [(1, 15.0), (5, 10.0), (20, 3.0)])
def test_clicks_on_a_known_sound_are_found_and_filled(sr, longest, better):
    y, _ = coloured(2 * sr)
    bad, where = scratched(y, count=30, longest=longest)
    found = find_clicks(bad, sr=sr, order=8, threshold=10.0)
    assert (found & where).sum() > 0.3 * where.sum()
    assert snr_db(y, declick(bad, sr=sr)) > snr_db(y, bad) + better


def test_clicks_on_a_tone_all_but_vanish():
    sr = 16000
    t = np.arange(2 * sr) / sr
    tone = 0.3 * sum(np.sin(2 * np.pi * 220 * k * t + k) / k for k in range(1, 6))
    bad, where = scratched(tone, count=40, longest=10)
    mended = declick(bad, sr=sr)
    assert snr_db(tone, bad) < 15.0
    assert snr_db(tone, mended) > 80.0
    assert np.count_nonzero(mended != bad) < 4 * where.sum()


def test_a_click_in_silence_becomes_silence():
    y = np.zeros(4000)
    y[2000:2003] = [0.5, -0.7, 0.2]
    np.testing.assert_allclose(declick(y, sr=8000), 0.0, atol=1e-9)


@pytest.mark.parametrize("sr", [8000, 44100])
def test_sounds_without_clicks_come_back_as_they_were(sr):
    t = np.arange(2 * sr) / sr
    noise = 0.2 * np.random.default_rng(0).standard_normal(2 * sr)
    tone = np.sin(2 * np.pi * 440 * t)
    burst = noise * (np.mod(t, 0.5) < 0.2) * np.minimum(1.0, np.mod(t, 0.5) / 0.01)
    for y in (noise, tone, burst, np.zeros(sr)):
        assert np.count_nonzero(declick(y, sr=sr) != y) <= 0.004 * len(y)


def test_a_sound_made_of_clicks_is_left_alone():
    """Where more than 15 % of the samples stand out, standing out is what the sound does."""
    rng = np.random.default_rng(0)
    y = 1e-3 * rng.standard_normal(8000) + 0.5 * rng.choice([-1, 0, 1], 8000, p=[0.1, 0.8, 0.1])
    np.testing.assert_array_equal(declick(y, sr=8000), y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3000,), (2, 3000), (1,), (39,), (50,)])
def test_shape_and_type_are_kept(dtype, shape):
    y = 0.1 * np.random.default_rng(0).standard_normal(shape).astype(dtype)
    before = y.copy()
    out = declick(y, sr=8000)
    assert out.shape == shape
    assert out.dtype == dtype
    assert np.isfinite(out).all()
    assert not np.shares_memory(out, y)
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("gain", [1e-100, 1e100])
def test_the_level_does_not_matter(gain):
    bad, _ = scratched(coloured(8000)[0], count=20, longest=5)
    np.testing.assert_allclose(declick(gain * bad, sr=8000) / gain, declick(bad, sr=8000), rtol=1e-6)


@pytest.mark.parametrize(
    ("y", "settings", "message"),
    [(np.full(100, np.nan), {}, "finite"), (np.zeros(100), {"threshold": 2.0}, "threshold"), (np.zeros(0), {}, "at least 1")],
)
def test_what_is_wrong_is_named(y, settings, message):
    with pytest.raises(ParameterError, match=message):
        declick(y, sr=8000, **settings)
    with pytest.raises(ParameterError, match="missing must have the shape"):
        fill_in(np.zeros(10), np.zeros(9, dtype=bool), np.ones(2))


@pytest.mark.corpus
def test_a_real_voice():
    folder = corpora_dir()
    path = folder / "librosa-examples" / "5703-47212-0000.ogg" if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    clean, sr = audio.read(path, duration=5.0)
    bad, _ = scratched(clean.astype(np.float64), count=50, longest=20)
    assert snr_db(clean, declick(bad, sr=sr)) > snr_db(clean, bad) + 12.0
    assert snr_db(clean, declick(clean.astype(np.float64), sr=sr)) > 38.0
