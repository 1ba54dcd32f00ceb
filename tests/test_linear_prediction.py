"""Linear prediction against a linear solver, known filters, and its own inverse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_toeplitz
from scipy.signal import lfilter

from audiogen_helpers import linear_prediction as lp
from audiogen_helpers.errors import ParameterError


def vowel(f0, *, sr, duration=1.0, resonances=((700.0, 80.0), (1200.0, 90.0), (2600.0, 120.0))):
    """Pulses through resonators."""
    y = np.zeros(round(duration * sr))
    y[np.round(np.arange(0.0, len(y) - 1, sr / f0)).astype(int)] = 1.0
    for f, width in resonances:
        pole = np.exp((-np.pi * width + 2j * np.pi * f) / sr)
        y = lfilter([1.0], np.poly([pole, pole.conj()]).real, y)
    return 0.5 * y / np.abs(y).max()


@pytest.mark.parametrize("order", [1, 2, 10, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_levinson_solves_the_normal_equations(order, seed):
    y = lfilter([1.0], [1.0, -0.8, 0.5], np.random.default_rng(seed).standard_normal(500))
    r = np.correlate(y, y, "full")[len(y) - 1 :][: order + 1]
    want = -solve_toeplitz(r[:-1] + np.eye(1, order)[0] * 1e-9 * r[0], r[1:])
    a, k, error = lp.levinson(r)
    np.testing.assert_allclose(a[1:], want, atol=1e-9)
    np.testing.assert_allclose(error, a @ r + 1e-9 * r[0], rtol=1e-9)
    np.testing.assert_allclose(lp.lpc(y, order=order), a, atol=1e-9)
    assert np.abs(k).max() < 1.0


def test_the_coefficients_of_an_autoregressive_sound_are_found():
    a = np.array([1.0, -1.3, 0.9, -0.2])
    y = lfilter([1.0], a, np.random.default_rng(0).standard_normal(200_000))
    np.testing.assert_allclose(lp.lpc(y, order=3), a, atol=0.01)


def test_close_to_librosa_on_a_windowed_frame():
    librosa = pytest.importorskip("librosa")
    y = lfilter([1.0], [1.0, -1.3, 0.9, -0.2], np.random.default_rng(0).standard_normal(4000)) * np.hanning(4000)
    np.testing.assert_allclose(lp.lpc(y, order=4), librosa.lpc(y, order=4), atol=0.02)  # Burg's method there


@pytest.mark.parametrize("gain", [1e-140, 1e-5, 1.0, 1e140])
def test_level_does_not_matter(gain):
    y = np.random.default_rng(0).standard_normal(300)
    np.testing.assert_allclose(lp.lpc(gain * y, order=8), lp.lpc(y, order=8), atol=1e-9)


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(100),
        np.ones(1),
        np.ones(1000),
        np.eye(1, 50)[0],
        np.sin(0.3 * np.arange(4000)),
        (-1.0) ** np.arange(500),
        np.sin(0.01 * np.arange(3000)) * np.hanning(3000),
    ],
    ids=["silence", "one sample", "constant", "impulse", "sine", "nyquist", "slow"],
)
@pytest.mark.parametrize("order", [1, 12, 48])
def test_always_stable(y, order):
    a = lp.lpc(y, order=order)
    assert np.isfinite(a).all()
    assert np.abs(lp.to_reflection(a)).max() < 1.0


def test_silence_is_not_predicted():
    np.testing.assert_array_equal(lp.lpc(np.zeros((2, 50)), order=3), [[1, 0, 0, 0]] * 2)


def test_leading_dimensions():
    y = np.random.default_rng(0).standard_normal((2, 3, 200))
    many = lp.lpc(y, order=5)
    assert many.shape == (2, 3, 6)
    for i in np.ndindex(2, 3):
        np.testing.assert_allclose(many[i], lp.lpc(y[i], order=5), atol=1e-12)


def test_reflection_and_back():
    k = np.random.default_rng(0).uniform(-0.95, 0.95, (20, 9))
    a = lp.from_reflection(k)
    np.testing.assert_allclose(lp.to_reflection(a), k, atol=1e-6)
    assert all(np.abs(np.roots(row)).max() < 1.0 for row in a)
    a, k, _ = lp.levinson(np.array([3.0, 1.0, -0.5, 0.2]))
    np.testing.assert_allclose(lp.from_reflection(k), a, atol=1e-12)


def test_the_envelope_is_the_response_of_the_filter():
    a = lp.from_reflection(np.random.default_rng(1).uniform(-0.7, 0.7, (3, 6)))
    for row, got in zip(a, lp.envelope(a, n_fft=64), strict=True):
        np.testing.assert_allclose(got, np.abs(np.fft.rfft(lfilter([1.0], row, np.eye(1, 4096)[0]))[::64]), rtol=1e-6)


@pytest.mark.parametrize("f0", [90.0, 130.0, 180.0])
@pytest.mark.parametrize("sr", [8000, 16000])
def test_formants_of_a_known_vowel(f0, sr):
    y = vowel(f0, sr=sr, duration=0.2)
    f, width = lp.formants(lp.lpc(y * np.hanning(len(y)), order=8), sr=sr)
    for want in (700.0, 1200.0, 2600.0):
        assert np.abs(f - want).min() < 0.35 * f0  # a spectrum that is sampled at the partials says no more
    assert np.all(np.diff(f) > 0)
    assert np.all(width > 0)


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize("length", [1, 2, 100, 1234, 20000])
def test_analysis_then_synthesis_is_the_sound(sr, length):
    rng = np.random.default_rng(0)
    for y in (rng.standard_normal(length), vowel(120.0, sr=sr, duration=20000 / sr)[:length], np.sin(0.1 * np.arange(length))):
        parts = lp.analyse(y, sr=sr)
        assert parts.residual.shape == y.shape
        np.testing.assert_allclose(parts.synthesise(), y, atol=1e-9 * max(np.abs(y).max(), 1.0))


def test_where_nothing_moves_the_lattice_is_the_plain_filter():
    y = np.random.default_rng(0).standard_normal(2000)
    k = np.array([[0.5, -0.3, 0.2]] * 3)
    a = lp.from_reflection(k[0])
    np.testing.assert_allclose(lp._whiten(y, k, 1000), lfilter(a, [1.0], y), atol=1e-12)
    np.testing.assert_allclose(lp._colour(y, k, 1000), lfilter([1.0], a, y), atol=1e-9)


def test_compiled_is_plain():
    y, k = np.random.default_rng(0).standard_normal(300), np.random.default_rng(1).uniform(-0.8, 0.8, (4, 5))
    np.testing.assert_allclose(lp._whiten(y, k, 70), lp._whiten.py_func(y, k, 70), atol=1e-12)
    np.testing.assert_allclose(lp._colour(y, k, 70), lp._colour.py_func(y, k, 70), atol=1e-9)


def test_the_gain_is_the_level_of_the_residual():
    y = lfilter([1.0], [1.0, -1.3, 0.9, -0.2], 0.1 * np.random.default_rng(0).standard_normal(16000))
    parts = lp.analyse(y, sr=8000, order=4)
    assert np.sqrt(np.mean(parts.gain[5:-5] ** 2)) == pytest.approx(0.1, rel=0.05)
    assert np.std(parts.residual) == pytest.approx(0.1, rel=0.05)
    noise = np.random.default_rng(1).standard_normal(16000) * parts.gain_at(16000)
    assert np.std(parts.synthesise(noise)) == pytest.approx(np.std(y), rel=0.15)


def test_silence_has_no_gain():
    parts = lp.analyse(np.zeros(1000), sr=8000)
    np.testing.assert_array_equal(parts.gain, 0.0)
    np.testing.assert_array_equal(parts.synthesise(), 0.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lp.lpc(np.zeros(0), order=2), "y must have at least 1"),
        (lambda: lp.lpc(np.ones(5), order=0), "order must be >= 1"),
        (lambda: lp.levinson(np.ones(1)), "r must have at least 2 lags"),
        (lambda: lp.levinson(np.array([1.0, np.nan])), "r must be finite"),
        (lambda: lp.from_reflection(np.array([1.0])), "k must be < 1"),
        (lambda: lp.to_reflection(np.array([1.0, 2.0])), "stable"),
        (lambda: lp.to_reflection(np.array([2.0, 0.5])), "a must have a 1"),
        (lambda: lp.envelope(np.array([1.0, 0.5, 0.1]), n_fft=2), "n_fft must be >= 3"),
        (lambda: lp.formants(np.ones((2, 3)), sr=8000), "one predictor"),
        (lambda: lp.analyse(np.ones((2, 100)), sr=8000), "y must be mono"),
        (lambda: lp.analyse(np.ones(100), sr=8000, order=240), "order must be <= 239"),
        (lambda: lp.analyse(np.ones(100), sr=8000, hop=0.0), "hop must be > 0"),
        (lambda: lp.analyse(np.ones(100), sr=0), "sr"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
