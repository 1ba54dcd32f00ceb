"""Rooms: convolution against its definition, the decay of the reverb against its promise, echoes where and as loud as they should be."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform import TRANSFORMS
from audiogen_helpers.transform._steps import start
from audiogen_helpers.transform.space import _coprime_lengths, _echo, _hadamard, _lagrange, _losses, _network, convolve, delay, reverb


def click(n):
    return np.eye(1, n)[0]


def t60_of(response, *, sr, low=-5.0, high=-35.0):
    """Seconds, from the slope of the energy that is still to come (Schroeder's backward integral)."""
    level = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] + 1e-300)
    level -= level[0]
    part = np.flatnonzero((level < low) & (level > high))
    slope = np.polyfit(part / sr, level[part], 1)[0]
    return -60 / slope


# --- convolution --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 50), (50, 1), (300, 40), (40, 300), (5000, 777)])
def test_convolution_is_its_definition(n, m):
    rng = np.random.default_rng(0)
    y, h = rng.standard_normal(n), rng.standard_normal(m)
    whole = np.convolve(y, h)
    np.testing.assert_allclose(convolve(y, sr=8000, impulse=h), whole[:n], atol=1e-10)
    long = convolve(y, sr=8000, impulse=h, tail=(m - 1) / 8000)
    np.testing.assert_allclose(long, whole, atol=1e-10)
    np.testing.assert_allclose(convolve(y, sr=8000, impulse=h, mix=0.25), 0.75 * y + 0.25 * whole[:n], atol=1e-10)


def test_convolution_of_channels():
    rng = np.random.default_rng(0)
    y, h = rng.standard_normal((2, 200)), rng.standard_normal((2, 30))
    for impulse in (h, h[0]):
        out = convolve(y.astype(np.float32), sr=8000, impulse=impulse)
        assert out.dtype == np.float32
        for c in range(2):
            np.testing.assert_allclose(out[c], np.convolve(y[c], np.atleast_2d(impulse)[min(c, impulse.ndim - 1)])[:200], atol=1e-5)
    with pytest.raises(ParameterError, match="impulse must be mono"):
        convolve(y[0], sr=8000, impulse=h)


# --- reverb -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize(("t60", "size"), [(0.3, 3.0), (0.3, 10.0), (0.3, 20.0), (1.0, 3.0), (1.0, 40.0), (3.0, 10.0), (3.0, 40.0)])
def test_the_room_decays_as_promised(sr, t60, size):
    room = reverb(click(round(1.2 * t60 * sr)), sr=sr, t60=t60, size=size, damping=0.0, mix=1.0, predelay=0.0)
    assert t60_of(room, sr=sr) == pytest.approx(t60, rel=0.1)


@pytest.mark.parametrize("sr", [16000, 44100])
@pytest.mark.parametrize("damping", [0.3, 0.6])
def test_damping_shortens_the_decay_at_4_khz_by_its_share(sr, damping):
    room = reverb(click(3 * sr), sr=sr, t60=2.0, damping=damping, mix=1.0)

    def around(f):
        return t60_of(sosfiltfilt(butter(2, [f / 1.1, f * 1.1], "bandpass", fs=sr, output="sos"), room), sr=sr)

    assert around(150.0) == pytest.approx(2.0, rel=0.1)
    assert around(4000.0) == pytest.approx(2.0 * (1 - damping), rel=0.1)


@pytest.mark.parametrize("t60", [0.5, 2.0])
@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_the_room_is_up_to_3_db_louder_than_low_noise_that_goes_on(t60, damping):
    y = np.random.default_rng(0).standard_normal(64000)
    if damping:
        y = sosfiltfilt(butter(2, 500.0, fs=16000, output="sos"), y)
    wet = reverb(y, sr=16000, t60=t60, damping=damping, mix=1.0)[32000:]
    assert 20 * np.log10(np.std(wet) / np.std(y)) == pytest.approx(1.5, abs=2.0)


def test_the_loop_keeps_energy_but_for_what_is_taken():
    H = _hadamard(8) / np.sqrt(8)
    np.testing.assert_allclose(H @ H.T, np.eye(8), atol=1e-12)
    lengths = _coprime_lengths(np.geomspace(10, 40, 8))
    assert len(set(lengths)) == 8
    assert all(all(n % d for d in range(2, n)) for n in lengths)
    gains, poles = _losses(lengths, sr=16000, t60=1.0, damping=0.5)
    w = 2 * np.pi * 4000 / 16000
    at_4k = gains * (1 - poles) / np.abs(1 - poles * np.exp(-1j * w))
    np.testing.assert_allclose(-3 * lengths / (16000 * np.log10(at_4k)), 0.5, rtol=1e-9)  # s for 60 dB
    np.testing.assert_allclose(-3 * lengths / (16000 * np.log10(gains)), 1.0, rtol=1e-9)


def test_the_room_answers_after_the_predelay_and_only_then():
    room = reverb(click(8000), sr=8000, predelay=0.1, size=3.0, mix=1.0)
    first = np.flatnonzero(np.abs(room) > 1e-9)[0]
    assert 0.1 * 8000 <= first < 0.1 * 8000 + 3.0 / 343 * 8000


def test_stereo_is_wide_and_channels_do_not_mix():
    y = np.random.default_rng(0).standard_normal(16000)
    both = reverb(np.stack([y, y]), sr=16000, mix=1.0)
    np.testing.assert_allclose(both[0], reverb(y, sr=16000, mix=1.0), atol=1e-12)
    assert abs(np.corrcoef(both[:, 8000:])[0, 1]) < 0.3
    assert not reverb(np.stack([y, 0 * y]), sr=16000)[1].any()


@pytest.mark.parametrize("settings", [{"t60": 20.0, "size": 2.0}, {"t60": 0.2, "size": 40.0}, {"damping": 0.9}, {"predelay": 0.2}])
def test_the_corners_of_the_room_stay_finite(settings):
    y = np.random.default_rng(0).uniform(-1, 1, 32000)
    for sr in (8000, 48000):
        out = reverb(y, sr=sr, mix=1.0, **settings)
        assert np.isfinite(out).all()
        assert np.std(out) < 3 * np.std(y)


# --- delay --------------------------------------------------------------------------------------------------------------------------


def test_echoes_come_on_time_and_fade_by_the_feedback():
    out = delay(click(4001), sr=8000, time=0.1, feedback=0.5, mix=0.4)
    wanted = np.zeros(4001)
    wanted[0] = 0.6
    wanted[800::800] = 0.4 * 0.5 ** np.arange(5)
    np.testing.assert_allclose(out, wanted, atol=1e-12)


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9])
def test_a_delay_between_samples_shifts_a_tone_by_just_that(fraction):
    sr, f = 8000, 300.0
    n = np.arange(4000)
    samples = 40 + fraction
    out = delay(np.sin(2 * np.pi * f * n / sr), sr=sr, time=samples / sr, feedback=0.0, mix=1.0)
    np.testing.assert_allclose(out[100:], np.sin(2 * np.pi * f * (n - samples) / sr)[100:], atol=2e-4)


def test_no_frequency_grows_in_the_loop():
    for d in np.linspace(1.0, 2.0, 21):
        assert np.abs(np.fft.rfft(_lagrange(d), 512)).max() <= 1 + 1e-12
    out = delay(np.random.default_rng(0).standard_normal(8000), sr=8000, time=0.00105, feedback=0.98, mix=1.0, tail=4.0)
    assert np.abs(out[-1000:]).max() < 1e-3 * np.abs(out).max()


# --- all --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["reverb", "delay"])
@pytest.mark.parametrize("shape", [(9000,), (2, 9000)])
def test_blocks_are_the_whole(name, shape):
    y = np.random.default_rng(0).standard_normal(shape)
    step = start(TRANSFORMS[name], sr=16000, mix=0.7)
    cuts = [0, 1, 2, 500, 501, 3000, 8999, 9000]
    blocks = np.concatenate([step(y[..., a:b]) for a, b in pairwise(cuts)], axis=-1)
    np.testing.assert_allclose(blocks, TRANSFORMS[name].load()(y, sr=16000, mix=0.7), atol=1e-12)


@pytest.mark.parametrize("name", ["reverb", "delay", "convolve"])
def test_silence_tail_and_types(name):
    more = {"impulse": np.ones(3)} if name == "convolve" else {}
    f = TRANSFORMS[name].load()
    for dtype in (np.float32, np.float64):
        out = f(np.zeros((2, 50), dtype), sr=8000, tail=0.01, **more)
        assert out.shape == (2, 130)
        assert out.dtype == dtype
        np.testing.assert_array_equal(out, 0.0)
    y = np.random.default_rng(0).standard_normal(500)
    np.testing.assert_allclose(f(y, sr=8000, tail=0.1, **more)[:500], f(y, sr=8000, **more), atol=1e-12)
    np.testing.assert_allclose(f(y, sr=8000, mix=0.0, **more), y, atol=1e-12)


def test_compiled_loops_are_their_python():
    x = np.random.default_rng(0).standard_normal((2, 300))
    lengths = np.array([7, 11])
    rest = (np.array([0.9, 0.8]), np.array([0.1, 0.2]))

    def run(f):
        lines, lows, ahead = np.zeros((2, 2, 11)), np.zeros((2, 2)), np.zeros((2, 2, 5))
        return f(x, lines, lengths, *rest, lows, _hadamard(2) / np.sqrt(2), np.ones((2, 2)), ahead, np.array([3, 5]), 4)

    np.testing.assert_allclose(run(_network), run(_network.py_func), atol=1e-12)
    args = (5, _lagrange(1.3), 0.6, 9)
    np.testing.assert_allclose(_echo(x, np.zeros((2, 9)), *args), _echo.py_func(x, np.zeros((2, 9)), *args), atol=1e-12)


@pytest.mark.parametrize(
    ("f", "wrong", "message"),
    [
        (delay, {"feedback": 1.0}, "feedback must be <= 0.98"),
        (delay, {"time": 0.0}, "time"),
        (reverb, {"t60": 0.0}, "t60"),
        (reverb, {"mix": 1.1}, "mix"),
        (reverb, {"tail": -1.0}, "tail must be >= 0"),
        (reverb, {"tail": np.nan}, "tail must be finite"),
    ],
)
def test_what_is_wrong_is_named(f, wrong, message):
    with pytest.raises(ParameterError, match=message):
        f(np.ones(100), sr=8000, **wrong)
    with pytest.raises(ParameterError, match="finite"):
        f(np.full(100, np.nan), sr=8000)
