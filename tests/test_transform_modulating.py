"""Moving delays and gains: against their formulas on tones, and blocks against the whole."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import hilbert

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform import TRANSFORMS
from audiogen_helpers.transform._steps import start
from audiogen_helpers.transform.modulating import _swing, chorus, flanger, tremolo, vibrato

NAMES = ["chorus", "flanger", "vibrato", "tremolo"]
SR = 8000
N = np.arange(2 * SR)


def tone(t, f=300.0):
    return np.sin(2 * np.pi * f * t)


def test_each_voice_of_the_chorus_is_the_tone_at_its_moving_delay():
    out = chorus(tone(N / SR), sr=SR, rate=1.5, depth=0.004, delay=0.01, voices=2, mix=1.0)
    t = N / SR
    wanted = np.mean([tone(t - 0.01 - 0.002 * (1 + np.sin(2 * np.pi * (1.5 * t + v / 2)))) for v in range(2)], axis=0)
    np.testing.assert_allclose(out[300:], wanted[300:], atol=2e-4)
    np.testing.assert_array_equal(chorus(tone(t), sr=SR, mix=0.0), tone(t))


@pytest.mark.parametrize("depth_cents", [10.0, 50.0, 200.0])
@pytest.mark.parametrize("rate", [2.0, 6.0])
def test_vibrato_deviates_by_its_depth(depth_cents, rate):
    out = vibrato(tone(N / SR), sr=SR, rate=rate, depth_cents=depth_cents)
    f = np.diff(np.unwrap(np.angle(hilbert(out)))) * SR / (2 * np.pi)
    f = np.convolve(f, np.full(81, 1 / 81), mode="same")  # over 10 ms: what the interpolation adds is above that
    deviation = 1200 * np.log2(f[2000:-2000] / 300.0)
    assert deviation.max() == pytest.approx(depth_cents, rel=0.03, abs=0.5)
    assert deviation.min() == pytest.approx(-depth_cents, rel=0.15, abs=0.5)


def test_a_flanger_that_stands_still_is_a_comb():
    """Notches where the delay of 1 ms is half a period: 500, 1500, ... Hz; peaks between."""
    gain = {f: np.std(flanger(tone(N / SR, f), sr=SR, depth=0.0, feedback=0.0)[800:]) * np.sqrt(2) for f in (500.0, 1000.0, 1500.0, 2000.0)}
    assert max(gain[500.0], gain[1500.0]) < 0.01
    assert gain[1000.0] == pytest.approx(1.0, abs=0.01)
    assert gain[2000.0] == pytest.approx(1.0, abs=0.01)


def test_the_sweep_of_the_flanger_starts_at_the_shortest_delay():
    out = flanger(np.eye(1, 100)[0], sr=SR, rate=0.01, depth=0.02, feedback=0.0, mix=1.0)
    assert np.argmax(np.abs(out)) == 8


def test_tremolo_is_its_formula():
    y = np.random.default_rng(0).standard_normal((2, len(N)))
    wanted = y * (1 - 0.7 * (1 - np.cos(2 * np.pi * 6.0 * N / SR)) / 2)
    np.testing.assert_allclose(tremolo(y, sr=SR, rate=6.0, depth=0.7), wanted, atol=1e-9)


def test_stereo_is_wide():
    y = np.random.default_rng(0).standard_normal(len(N))
    left, right = chorus(np.stack([y, y]), sr=SR, mix=1.0)
    np.testing.assert_array_equal(left, chorus(y, sr=SR, mix=1.0))
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(9000,), (2, 9000)])
def test_blocks_are_the_whole(name, shape):
    y = np.random.default_rng(0).standard_normal(shape)
    step = start(TRANSFORMS[name], sr=16000)
    cuts = [0, 1, 2, 500, 501, 3000, 8999, 9000]
    blocks = np.concatenate([step(y[..., a:b]) for a, b in pairwise(cuts)], axis=-1)
    np.testing.assert_allclose(blocks, TRANSFORMS[name].load()(y, sr=16000), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sr", [8000, 44100])
def test_the_ends_of_all_ranges_stay_bounded(name, sr):
    entry = TRANSFORMS[name]
    y = np.random.default_rng(0).uniform(-1, 1, sr)
    for p in entry.parameters:
        for value in (p.low, p.high):
            out = entry.load()(y, sr=sr, **{p.name: type(p.default)(value)})
            assert np.isfinite(out).all()
            assert np.abs(out).max() < 25.0


@pytest.mark.parametrize("name", NAMES)
def test_silence_shapes_and_types(name):
    f = TRANSFORMS[name].load()
    for dtype in (np.float32, np.float64):
        for shape in ((1,), (2, 50)):
            out = f(np.zeros(shape, dtype), sr=SR)
            assert out.shape == shape
            assert out.dtype == dtype
            np.testing.assert_array_equal(out, 0.0)


def test_the_compiled_loop_is_its_python():
    x = np.random.default_rng(0).standard_normal((2, 300))
    args = (3.0, 6.5, 0.001, np.array([0.0, 0.3]), 0.5, 17)
    np.testing.assert_allclose(_swing(x, np.zeros((2, 14)), *args), _swing.py_func(x, np.zeros((2, 14)), *args), atol=1e-12)


@pytest.mark.parametrize(
    ("f", "wrong", "message"),
    [
        (chorus, {"voices": 2.5}, "voices must be a whole number"),
        (chorus, {"depth": 0.1}, "depth must be <= 0.02"),
        (flanger, {"feedback": 1.0}, "feedback must be <= 0.95"),
        (vibrato, {"rate": 0.0}, "rate"),
        (tremolo, {"depth": 1.5}, "depth must be <= 1"),
    ],
)
def test_what_is_wrong_is_named(f, wrong, message):
    with pytest.raises(ParameterError, match=message):
        f(np.ones(100), sr=SR, **wrong)
    with pytest.raises(ParameterError, match="finite"):
        f(np.full(100, np.nan), sr=SR)
