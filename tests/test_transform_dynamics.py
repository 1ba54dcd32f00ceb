"""Compressor: its static curve, its two time constants. Limiter: a ceiling that nothing exceeds, and a gain that does not jump."""

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform import TRANSFORMS
from audiogen_helpers.transform._steps import start
from audiogen_helpers.transform.dynamics import _hold_and_ramp, _let_go, _smooth, compressor, gain_curve, limiter


def db(x):
    return 20 * np.log10(np.abs(x))


def wild(n=20_000, seed=0):
    """Noise whose level jumps between -60 and +20 dB."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, n) * 10 ** (np.repeat(rng.uniform(-60, 20, n // 500 + 1), 500)[:n] / 20)


# --- compressor ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ratio", [1.0, 2.0, 4.0, 100.0])
@pytest.mark.parametrize("knee_db", [0.0, 10.0])
def test_steady_levels_follow_the_static_curve(ratio, knee_db):
    for level in (-60.0, -24.0, -20.0, -17.0, -10.0, 0.0, 6.0):
        y = np.full(4000, 10 ** (level / 20))
        out = compressor(y, sr=8000, threshold_db=-20.0, ratio=ratio, knee_db=knee_db, attack=0.001)
        over = level + 20.0
        if over <= -knee_db / 2:
            wanted = level
        elif over >= knee_db / 2:
            wanted = -20.0 + over / ratio
        else:
            wanted = level + (1 / ratio - 1) * (over + knee_db / 2) ** 2 / (2 * knee_db)
        assert db(out[-1]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("ratio", [1.5, 8.0])
@pytest.mark.parametrize("knee_db", [1.0, 12.0, 40.0])
def test_the_knee_joins_smoothly(ratio, knee_db):
    level = np.linspace(-70, 20, 9001)
    curve = level + gain_curve(level, threshold_db=-20.0, ratio=ratio, knee_db=knee_db)
    slope = np.diff(curve) / np.diff(level)
    assert slope.max() <= 1 + 1e-9
    assert slope.min() >= 1 / ratio - 1e-9
    assert np.abs(np.diff(slope)).max() <= 0.01 / knee_db + 1e-9


def test_attack_and_release_are_time_constants_in_decibels():
    sr, attack, release = 8000, 0.02, 0.1
    level = np.concatenate([np.full(4000, -80.0), np.full(4000, 0.0), np.full(8000, -80.0)])
    y = 10 ** (level / 20)
    out = compressor(y, sr=sr, threshold_db=-20.0, ratio=2.0, knee_db=0.0, attack=attack, release=release)
    gain = db(out) - level
    assert gain[4000 + round(attack * sr) - 1] == pytest.approx(-10.0 * (1 - np.exp(-1)), abs=0.01)
    assert gain[8000 + round(release * sr) - 1] == pytest.approx(-10.0 * np.exp(-1), abs=0.01)


def test_channels_share_one_gain():
    y = np.stack([wild(seed=0), 0.1 * wild(seed=1)])
    for pair in (y, y[::-1]):
        ratio = compressor(pair, sr=8000) / pair
        np.testing.assert_allclose(ratio[0], ratio[1], rtol=1e-9)
    np.testing.assert_allclose(compressor(y, sr=8000), compressor(y[::-1], sr=8000)[::-1], rtol=1e-12)


@pytest.mark.parametrize("shape", [(20_000,), (2, 20_000)])
def test_blocks_are_the_whole(shape):
    y = np.broadcast_to(wild(), shape)
    step = start(TRANSFORMS["compressor"], sr=16000, makeup_db=3.0)
    blocks = np.concatenate([step(y[..., a : a + 700]) for a in range(0, 20_000, 700)], axis=-1)
    np.testing.assert_allclose(blocks, compressor(y, sr=16000, makeup_db=3.0), atol=1e-12)


def test_compiled_loops_are_their_python():
    wanted = -np.abs(wild(500))
    a, b = np.zeros(1), np.zeros(1)
    np.testing.assert_allclose(_smooth(wanted, 0.5, 0.9, a), _smooth.py_func(wanted, 0.5, 0.9, b), atol=1e-12)
    assert a == b
    lowest = 1 / (1 + np.abs(wild(500)))
    np.testing.assert_allclose(_let_go(lowest, 0.9), _let_go.py_func(lowest, 0.9), atol=1e-12)


# --- limiter ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ceiling_db", [-60.0, -1.0, -0.1, 0.0])
@pytest.mark.parametrize("lookahead", [0.0, 0.0001, 0.005, 0.1])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_ceiling_is_never_exceeded(dtype, ceiling_db, lookahead, seed):
    y = np.stack([wild(seed=seed), wild(seed=seed + 10)]).astype(dtype)
    out = limiter(y, sr=8000, ceiling_db=ceiling_db, lookahead=lookahead, gain_db=12.0)
    assert np.abs(out).max() <= 10 ** (ceiling_db / 20)
    assert out.dtype == dtype


@pytest.mark.parametrize("ahead", [0, 1, 2, 7, 50])
def test_the_gain_is_low_enough_before_it_is_clipped(ahead):
    needed = 1 / np.maximum(1.0, np.abs(wild(3000)))
    gain = _hold_and_ramp(needed, ahead, 0.99)
    assert len(gain) == 3000
    assert (gain <= needed + 1e-12).all()
    assert np.abs(np.diff(gain)).max() <= 1 / (ahead + 1) + 1e-12 or ahead == 0


def test_the_gain_is_the_plain_definition():
    needed = 1 / np.maximum(1.0, np.abs(wild(300)))
    ahead, keep = 5, 0.9
    padded = np.concatenate([np.ones(ahead), needed])
    held, value = [], 1.0
    for n in range(len(padded)):
        value = min(padded[n : n + ahead + 1].min(), 1 - keep * (1 - value))
        held.append(value)
    wanted = [np.mean(held[n : n + ahead + 1]) for n in range(300)]
    np.testing.assert_allclose(_hold_and_ramp(needed, ahead, keep), wanted, atol=1e-12)


def test_what_stays_below_the_ceiling_is_not_touched():
    y = 0.5 * np.sin(np.arange(4000.0))
    np.testing.assert_array_equal(limiter(y, sr=8000, ceiling_db=-3.0), y)
    loud = y.copy()
    loud[2000] = 5.0
    out = limiter(loud, sr=8000, ceiling_db=0.0, lookahead=0.005, release=0.005)
    np.testing.assert_array_equal(out[: 2000 - 40], y[: 2000 - 40])
    assert out[2000] == pytest.approx(1.0)


@pytest.mark.parametrize("f", [compressor, limiter])
@pytest.mark.parametrize("shape", [(1,), (2,), (2, 300), (3, 2, 10)])
def test_silence_and_shapes(f, shape):
    for dtype in (np.float32, np.float64):
        out = f(np.zeros(shape, dtype), sr=8000)
        assert out.shape == shape
        assert out.dtype == dtype
        np.testing.assert_array_equal(out, 0.0)


@pytest.mark.parametrize(
    ("f", "wrong", "message"),
    [
        (compressor, {"ratio": 0.5}, "ratio must be >= 1"),
        (compressor, {"attack": 0.0}, "attack"),
        (compressor, {"threshold_db": 3.0}, "threshold_db"),
        (limiter, {"ceiling_db": 1.0}, "ceiling_db must be <= 0"),
        (limiter, {"lookahead": -0.1}, "lookahead"),
        (limiter, {"release": np.nan}, "release"),
    ],
)
def test_what_is_wrong_is_named(f, wrong, message):
    with pytest.raises(ParameterError, match=message):
        f(np.ones(100), sr=8000, **wrong)
    with pytest.raises(ParameterError, match="finite"):
        f(np.full(100, np.nan), sr=8000)
