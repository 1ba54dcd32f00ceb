"""Line spectral frequencies against the roots of their polynomials, their inverse, and the proof of stability."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import freqz

from audiogen_helpers import datasets
from audiogen_helpers import linear_prediction as lp
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical.line_spectra import from_line_spectra, stabilise, to_line_spectra


def by_roots(a):
    """The definition: angles of the roots of the two polynomials, without those at 0 and pi."""
    forward, backward = np.append(a, 0.0), np.append(0.0, a[::-1])
    roots = np.concatenate([np.roots(forward + backward), np.roots(forward - backward)])
    np.testing.assert_allclose(np.abs(roots), 1.0, atol=1e-6)
    angles = np.sort(np.angle(roots))
    return angles[(angles > 1e-6) & (angles < np.pi - 1e-6)]


def frames_of_speech(*, n_clips, order):
    dataset = datasets.load("digits")
    clips = [dataset.clip(i)[0] for i in np.linspace(0, len(dataset) - 1, n_clips).astype(int)]
    return np.concatenate([lp.analyse(y, sr=8000, order=order, hop=0.005).a for y in clips])


@pytest.mark.parametrize("order", [1, 2, 3, 4, 7, 10, 11, 16])
def test_the_definition(order):
    for a in lp.from_reflection(np.random.default_rng(order).uniform(-0.8, 0.8, (30, order))):
        np.testing.assert_allclose(to_line_spectra(a), by_roots(a), atol=1e-8)


@pytest.mark.parametrize("order", [1, 2, 3, 9, 12, 16])
def test_there_and_back(order):
    a = lp.from_reflection(np.random.default_rng(0).uniform(-0.8, 0.8, (2, 100, order)))
    w = to_line_spectra(a)
    assert w.shape == (2, 100, order)
    assert np.all(np.diff(w, axis=-1, prepend=0.0, append=np.pi) > 0.0)
    np.testing.assert_allclose(from_line_spectra(w), a, atol=1e-11)
    np.testing.assert_array_equal(from_line_spectra(w)[1, 7], from_line_spectra(w[1, 7]))
    np.testing.assert_allclose(to_line_spectra(a[1, 7]), w[1, 7], atol=1e-12)


@pytest.mark.parametrize("order", [10, 12, 16, 30])
def test_speech_there_and_back(order):
    a = frames_of_speech(n_clips=20, order=order)
    w = to_line_spectra(a)
    assert np.all(np.diff(w, axis=-1, prepend=0.0, append=np.pi) > 0.0)
    np.testing.assert_allclose(from_line_spectra(w), a, atol=1e-8)


@pytest.mark.corpus
def test_real_speech_there_and_back(corpora):
    dataset = datasets.load("fsdd", split="test")
    for i in range(0, len(dataset), 5):
        a = lp.analyse(dataset.clip(i)[0], sr=8000, order=16, frame=0.025, hop=0.005).a
        np.testing.assert_allclose(from_line_spectra(to_line_spectra(a)), a, atol=1e-8)


def test_a_high_order_keeps_its_envelope():
    """48 poles, most of them where an upsampled sound is empty: multiplied out in ascending order, rounding makes noise of them."""
    from scipy.signal import resample_poly

    y = resample_poly(datasets.load("digits").clip(3)[0].astype(np.float64), 441, 80)
    a = lp.analyse(y, sr=44100).a
    again = from_line_spectra(to_line_spectra(a))
    np.testing.assert_allclose(np.log10(lp.envelope(again, n_fft=512)), np.log10(lp.envelope(a, n_fft=512)), atol=1e-3)


@pytest.mark.parametrize("order", [1, 2, 5, 12, 24])
@pytest.mark.parametrize("kind", ["uniform", "heap", "equal", "pairs", "zero", "pi", "ends"])
def test_whatever_does_not_descend_is_a_stable_filter(order, kind):
    w = np.sort(np.random.default_rng(order).uniform(0.0, np.pi, (50, order)), axis=-1)
    if kind == "heap":
        w = 1.0 + 1e-5 * w
    elif kind == "equal":
        w[:] = w[:, :1]
    elif kind == "pairs":
        w[:, 1::2] = w[:, 0::2][:, : order // 2]
    elif kind in ("zero", "pi"):
        w[:] = 0.0 if kind == "zero" else np.pi
    elif kind == "ends":
        w[:] = np.where(np.arange(order) % 2 * 2 < 1, 0.0, np.pi)
        w = np.sort(w, axis=-1)
    a = from_line_spectra(w)
    assert np.isfinite(a).all()
    assert np.abs(lp.to_reflection(a)).max() < 1.0


def test_a_mean_is_stable_where_that_of_the_predictors_is_not():
    """The reason for all this: halfway between stable filters."""
    k = np.random.default_rng(0).uniform(-0.999, 0.999, (2, 3000, 8))
    a, b = lp.from_reflection(k)
    unstable = sum(np.abs(np.roots(row)).max() >= 1.0 for row in 0.5 * (a + b))
    assert unstable > 10
    between = from_line_spectra(0.5 * (to_line_spectra(a) + to_line_spectra(b)))
    assert np.abs(lp.to_reflection(between)).max() < 1.0


def test_two_close_lines_are_a_resonance():
    w = np.array([0.4, 1.0, 1.02, 2.0, 2.6, 2.9])
    f, response = freqz([1.0], from_line_spectra(w), worN=4096)
    assert f[np.argmax(np.abs(response))] == pytest.approx(1.01, abs=0.02)


def test_a_flat_spectrum_is_evenly_spread():
    for order in (1, 2, 5, 12):
        even = np.pi * np.arange(1, order + 1) / (order + 1)
        np.testing.assert_allclose(to_line_spectra(np.eye(1, order + 1)[0]), even, atol=1e-12)
        np.testing.assert_allclose(from_line_spectra(even), np.eye(1, order + 1)[0], atol=1e-12)


def test_stabilise_leaves_what_is_fine():
    w = to_line_spectra(frames_of_speech(n_clips=3, order=12))
    gap = 0.003
    fine = w[np.diff(w, axis=-1, prepend=0.0, append=np.pi).min(axis=-1) >= gap]
    assert len(fine) > 50
    np.testing.assert_array_equal(stabilise(fine, min_gap=gap), fine)


def test_a_pair_of_equal_lines_comes_back_as_a_pair():
    x = np.linspace(0.02, 3.12, 500)[:, None].repeat(2, axis=1)
    np.testing.assert_allclose(to_line_spectra(from_line_spectra(x)), x, atol=2e-4)


@pytest.mark.parametrize("gap", [1e-6, 0.01, 0.2, np.pi / 13 - 1e-9])
def test_stabilise_keeps_the_gap(gap):
    rng = np.random.default_rng(0)
    for w in (rng.normal(1.5, 2.0, (200, 12)), np.zeros((1, 12)), np.full((1, 12), 9.0), rng.normal(0.0, 1e9, (5, 12))):
        out = stabilise(w, min_gap=gap)
        assert np.diff(out, axis=-1, prepend=0.0, append=np.pi).min() >= gap - 1e-12
        np.testing.assert_allclose(stabilise(out, min_gap=gap), out, atol=1e-12)


def test_stabilise_gives_way_to_both_sides():
    np.testing.assert_allclose(stabilise(np.array([2.0, 1.01, 1.0]), min_gap=0.1), [0.955, 1.055, 2.0], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_line_spectra(np.array([1.0, 2.0])), "stable"),
        (lambda: to_line_spectra(np.array([2.0, 0.5])), "a must have a 1"),
        (lambda: to_line_spectra(np.array([1.0, np.nan])), "a must be finite"),
        (lambda: from_line_spectra(np.array([2.0, 1.0])), "w must not descend"),
        (lambda: from_line_spectra(np.array([1.0, 4.0])), "w must be <= 3.14"),
        (lambda: from_line_spectra(np.array([-0.1, 1.0])), "w must be >= 0"),
        (lambda: from_line_spectra(np.array([0.1, np.nan])), "w must be finite"),
        (lambda: from_line_spectra(np.zeros((3, 0))), "w must have at least one frequency"),
        (lambda: from_line_spectra(1.0), "w must have at least one frequency"),
        (lambda: stabilise(np.ones(3), min_gap=0.0), "min_gap must be > 0"),
        (lambda: stabilise(np.ones(3), min_gap=0.8), "min_gap must be < 0.785398"),
        (lambda: stabilise(np.array([np.inf]), min_gap=0.1), "w must be finite"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
