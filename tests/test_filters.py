"""Filters: against scipy's own response, and pieces against the whole."""

import numpy as np
import pytest
from scipy import signal

from audiogen_helpers import filters
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.filters import _run

SR = 16_000
F = np.geomspace(20.0, 7900.0, 60)


@pytest.mark.parametrize("kind", filters.KINDS)
@pytest.mark.parametrize("f", [50.0, 1000.0, 7000.0])
def test_response_is_that_of_the_coefficients_and_stable(kind, f):
    sos = filters.biquad(kind, sr=SR, f=f, q=2.0, gain_db=-9.0)
    _, H = signal.sosfreqz(sos, worN=F, fs=SR)
    np.testing.assert_allclose(filters.response_db(sos, F, sr=SR), 20 * np.log10(np.maximum(np.abs(H), 1e-300)), atol=1e-6)
    assert (np.abs(np.roots(sos[0, 3:])) < 1.0).all()


@pytest.mark.parametrize(
    ("kind", "f", "wanted"),
    [
        ("low-pass", [1e-3, 1000.0, 7999.9], [0.0, 20 * np.log10(3.0), -np.inf]),
        ("high-pass", [1e-3, 1000.0, 7999.9], [-np.inf, 20 * np.log10(3.0), 0.0]),
        ("band-pass", [1e-3, 1000.0], [-np.inf, 0.0]),
        ("notch", [1e-3, 1000.0, 7999.9], [0.0, -np.inf, 0.0]),
        ("peak", [1e-3, 1000.0, 7999.9], [0.0, 12.0, 0.0]),
    ],
)
def test_gains_at_the_ends_and_in_the_middle(kind, f, wanted):
    found = filters.response_db(filters.biquad(kind, sr=SR, f=1000.0, q=3.0, gain_db=12.0), f, sr=SR)
    for got, want in zip(found, wanted, strict=True):
        assert got < -60.0 if want == -np.inf else got == pytest.approx(want, abs=0.01)


@pytest.mark.parametrize("kind", filters.KINDS)
@pytest.mark.parametrize(("f", "q", "gain_db"), [(50.0, 0.5, 9.0), (1000.0, 3.0, -12.0), (7000.0, 8.0, 20.0)])
def test_response_is_that_of_the_analogue_model(kind, f, q, gain_db):
    """The closed form: the analogue transfer function at ``s = i tan(w / 2) / tan(w0 / 2)``, where the bilinear transform puts w."""
    s, A = 1j * np.tan(np.pi * F / SR) / np.tan(np.pi * f / SR), 10.0 ** (gain_db / 40.0)
    shelf = A**0.5 / q * s
    H = {
        "low-pass": 1.0 / (s * s + s / q + 1.0),
        "high-pass": s * s / (s * s + s / q + 1.0),
        "band-pass": (s / q) / (s * s + s / q + 1.0),
        "notch": (s * s + 1.0) / (s * s + s / q + 1.0),
        "peak": (s * s + s * A / q + 1.0) / (s * s + s / (A * q) + 1.0),
        "low-shelf": A * (s * s + shelf + A) / (A * s * s + shelf + 1.0),
        "high-shelf": A * (A * s * s + shelf + 1.0) / (s * s + shelf + A),
    }[kind]
    found = filters.response_db(filters.biquad(kind, sr=SR, f=f, q=q, gain_db=gain_db), F, sr=SR)
    np.testing.assert_allclose(10.0 ** (found / 20.0), np.abs(H), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("kind", "wanted"), [("low-shelf", [12.0, 6.0, 0.0]), ("high-shelf", [0.0, 6.0, 12.0])])
def test_a_shelf_has_half_its_gain_at_f(kind, wanted):
    found = filters.response_db(filters.biquad(kind, sr=SR, f=1000.0, gain_db=12.0), [1e-3, 1000.0, 7999.9], sr=SR)
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_butterworth_is_scipys():
    sos = filters.biquad("low-pass", sr=SR, f=900.0)
    np.testing.assert_allclose(sos, signal.butter(2, 900.0, fs=SR, output="sos"), atol=1e-12)


@pytest.mark.parametrize("kind", ["low-pass", "band-pass", "high-pass"])
def test_a_moving_filter_that_stands_still_is_the_biquad(kind):
    x = np.random.default_rng(0).standard_normal(2000)
    wanted = signal.sosfilt(filters.biquad(kind, sr=SR, f=1234.0, q=4.0), x)
    np.testing.assert_allclose(filters.moving_filter(x, sr=SR, cutoff=1234.0, q=4.0, kind=kind), wanted, atol=1e-10)


def test_compiled_loop_is_the_python_loop():
    rng = np.random.default_rng(1)
    x, g, k = rng.standard_normal(300), rng.uniform(0.01, 2.0, 300), rng.uniform(0.05, 2.0, 300)
    for kind in range(3):
        fast, slow, states = np.empty(300), np.empty(300), [np.zeros(2), np.zeros(2)]
        _run(x, g, k, states[0], kind, fast)
        _run.py_func(x, g, k, states[1], kind, slow)
        np.testing.assert_allclose(fast, slow, atol=1e-12)
        np.testing.assert_allclose(states[0], states[1], atol=1e-12)


def test_pieces_are_the_whole_while_the_cutoff_moves():
    x = np.random.default_rng(0).standard_normal(3000)
    cutoff = 500.0 * 2.0 ** (2 * np.sin(np.arange(3000) / 50))
    whole = filters.moving_filter(x, sr=SR, cutoff=cutoff, q=8.0)
    part = filters.MovingFilter("low-pass", sr=SR)
    joined = np.concatenate([part(x[i : i + 700], cutoff=cutoff[i : i + 700], q=8.0) for i in range(0, 3000, 700)])
    np.testing.assert_array_equal(joined, whole)


def test_it_stays_stable_however_the_cutoff_jumps():
    rng = np.random.default_rng(2)
    y = filters.moving_filter(rng.uniform(-1, 1, SR), sr=SR, cutoff=rng.uniform(20.0, 7900.0, SR), q=20.0)
    assert np.abs(y).max() < 100.0


def test_dc_blocker_blocks_dc():
    y = filters.dc_blocker(SR)(np.ones(SR))
    assert abs(y[-1]) < 1e-6
    assert filters.response_db(filters.dc_blocker(SR).sos, 100.0, sr=SR) > -0.1


def test_soft_limit_is_smooth_monotone_and_bounded():
    x = np.linspace(-5, 5, 20_001)
    y = filters.soft_limit(x)
    np.testing.assert_array_equal(y[np.abs(x) <= 0.7], x[np.abs(x) <= 0.7])
    assert np.abs(y).max() <= 1.0
    slope = np.diff(y) / np.diff(x)
    assert (slope >= 0).all()
    assert np.abs(np.diff(slope)).max() < 0.01


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda: filters.biquad("low", sr=SR, f=100.0), "kind must be one of"),
        (lambda: filters.biquad("low-pass", sr=SR, f=8000.0), "f must be < 8000"),
        (lambda: filters.biquad("low-pass", sr=SR, f=100.0, q=0.0), "q must be > 0"),
        (lambda: filters.biquad("low-pass", sr=SR, f=100.0, q=1e18), "q must be <= 1e"),
        (lambda: filters.moving_filter(np.zeros(10), sr=SR, cutoff=np.full(9, 100.0)), "cutoff must be a number or have one value"),
        (lambda: filters.moving_filter(np.zeros(10), sr=SR, cutoff=0.0), "cutoff must be > 0"),
        (lambda: filters.moving_filter(np.zeros((2, 10)), sr=SR, cutoff=100.0), "y must be mono"),
        (lambda: filters.moving_filter(np.full(10, np.nan), sr=SR, cutoff=100.0), "y must be finite"),
        (lambda: filters.Filter(np.zeros((1, 5))), r"sos must have shape"),
    ],
)
def test_bad_input_is_named(call, rule):
    with pytest.raises(ParameterError, match=rule):
        call()
