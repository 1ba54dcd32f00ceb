"""Levels: closed forms, the test signals of EBU Tech 3341, and a second derivation of the filters."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers.audio import levels
from audiogen_helpers.errors import ParameterError

SINE = -10 * np.log10(2)  # -3.01 dB


def sine(*, sr, duration, f=997.0, db=0.0):
    return 10 ** (db / 20) * np.sin(2 * np.pi * f * np.arange(round(sr * duration)) / sr)


def lufs_to_power(lufs):
    return 10 ** ((np.asarray(lufs) + 0.691) / 10)


# --- peak and RMS -------------------------------------------------------------------------------------------------------------------


def test_levels_of_simple_signals():
    y = sine(sr=8000, duration=1.0, f=1000.0)
    assert audio.peak_db(y) == pytest.approx(0.0, abs=1e-12)
    assert audio.rms_db(y) == pytest.approx(SINE, abs=1e-9)
    assert audio.rms_db(np.sign(y + 1e-9)) == pytest.approx(0.0, abs=1e-12)
    assert audio.peak_db(-0.5 * np.stack([y, y / 2])) == pytest.approx(20 * np.log10(0.5))


@pytest.mark.parametrize("level", [audio.peak_db, audio.rms_db])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_has_no_level(level, dtype):
    assert level(np.zeros((2, 10), dtype)) == -np.inf


@pytest.mark.parametrize("value", [1e-30, 1e-300, 1e300])
def test_rms_neither_overflows_nor_vanishes(value):
    assert audio.rms_db(np.full(10, value)) == pytest.approx(20 * np.log10(value))


BAD = [
    (np.zeros(0), "at least 1"),
    (np.array([0.0, np.nan]), "finite"),
    (np.array([0.0, np.inf]), "finite"),
    (np.zeros(8, np.int16), "from_pcm"),
    ("x", "y must be"),
]


@pytest.mark.parametrize(("y", "message"), BAD)
def test_what_is_no_waveform_is_refused(y, message):
    functions = (
        audio.peak_db,
        audio.rms_db,
        audio.normalize_peak,
        lambda y: audio.loudness(y, sr=8000),
        lambda y: audio.normalize_loudness(y, sr=8000),
    )
    for function in functions:
        with pytest.raises(ParameterError, match=message):
            function(y)


# --- loudness -----------------------------------------------------------------------------------------------------------------------


def test_the_known_value_of_the_standard():
    """ITU-R BS.1770-4: a full-scale sine of 997 Hz in one channel reads -3.01."""
    assert audio.loudness(sine(sr=48000, duration=5.0), sr=48000) == pytest.approx(-3.01, abs=0.005)


@pytest.mark.parametrize(
    ("sr", "tolerance"), [(8000, 0.21), (11025, 0.11), (16000, 0.06), (22050, 0.03), (44100, 0.01), (96000, 0.01), (192000, 0.01)]
)
def test_the_known_value_at_other_rates(sr, tolerance):
    assert audio.loudness(sine(sr=sr, duration=3.0), sr=sr) == pytest.approx(-3.01, abs=tolerance)


@pytest.mark.parametrize("sr", [16000, 48000])
@pytest.mark.parametrize(
    "parts",
    [
        [(-23.0, 20.0)],
        [(-33.0, 20.0)],
        [(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)],
        [(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)],
        [(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)],
    ],
)
def test_the_signals_of_ebu_tech_3341(sr, parts):
    """Cases 1 to 5: a stereo sine of 1 kHz with these levels (dBFS) for so long (s) reads -23 LUFS (case 2: -33) within 0.1 LU."""
    y = np.concatenate([sine(sr=sr, duration=duration, f=1000.0, db=db) for db, duration in parts])
    assert audio.loudness(np.stack([y, y]), sr=sr) == pytest.approx(-33.0 if parts[0][0] == -33.0 else -23.0, abs=0.1)


def test_the_surround_signal_of_ebu_tech_3341():
    """Case 6: -28 dBFS in L and R, -24 in C, -30 in Ls and Rs reads -23 LUFS; with the LFE between them it must not count."""
    five = np.stack([sine(sr=48000, duration=20.0, f=1000.0, db=db) for db in (-28.0, -28.0, -24.0, -30.0, -30.0)])
    assert audio.loudness(five, sr=48000) == pytest.approx(-23.0, abs=0.1)
    six = np.insert(five, 3, sine(sr=48000, duration=20.0, f=1000.0), axis=0)
    assert audio.loudness(six, sr=48000) == pytest.approx(audio.loudness(five, sr=48000), abs=1e-9)


def test_channels_add_their_powers():
    y = sine(sr=16000, duration=2.0)
    one = audio.loudness(y, sr=16000)
    assert audio.loudness(np.stack([y, y]), sr=16000) == pytest.approx(one - SINE, abs=1e-9)
    assert audio.loudness(np.stack([y, -y]), sr=16000) == pytest.approx(one - SINE, abs=1e-9)
    assert audio.loudness(np.stack([y, 0 * y]), sr=16000) == pytest.approx(one, abs=1e-9)
    assert audio.loudness(y[None], sr=16000) == pytest.approx(one, abs=1e-9)


def test_a_gain_in_db_is_a_gain_in_lu():
    y = np.random.default_rng(0).standard_normal(32000)
    assert audio.loudness(0.1 * y, sr=16000) == pytest.approx(audio.loudness(y, sr=16000) - 20.0, abs=1e-9)


def test_silence_does_not_count():
    """Ungated, 2 s of tone among 38 s of silence would read 13 LU lower."""
    y = sine(sr=16000, duration=2.0)
    padded = np.concatenate([np.zeros(16000 * 30), y, np.zeros(16000 * 8)])
    # 17 full blocks and three at each edge that are a quarter, half and three quarters full
    expected = audio.loudness(y, sr=16000) + 10 * np.log10((17 + 2 * (0.25 + 0.5 + 0.75)) / 23)
    assert audio.loudness(padded, sr=16000) == pytest.approx(expected, abs=0.01)


def test_gating_by_hand():
    """Blocks of -80, -60, -20 and -30 LUFS: -80 is below -70; the mean of the rest is -24.4, so -60 goes too; -30 stays."""
    powers = lufs_to_power([-80.0, -80.0, -60.0, -20.0, -30.0])
    expected = -20.0 + 10 * np.log10((1 + 0.1) / 2)
    assert levels._gated(powers) == pytest.approx(expected, abs=1e-9)


def test_the_relative_gate_is_ten_below_the_mean_of_what_passed_the_first():
    """Of -20 and -33: their mean is -22.8, the gate -32.8, so -33 goes; of -20 and -32 both stay."""
    assert levels._gated(lufs_to_power([-20.0, -33.0])) == pytest.approx(-20.0, abs=1e-9)
    assert levels._gated(lufs_to_power([-20.0, -32.0])) == pytest.approx(-20.0 + 10 * np.log10((1 + 10**-1.2) / 2), abs=1e-9)


def test_blocks_of_400_ms_every_100_ms():
    y = np.concatenate([np.full(1000, 2.0), np.zeros(500)])[None]
    np.testing.assert_allclose(levels._block_powers(y, sr=1000)[0], [4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 0, 0])
    assert levels._block_powers(y[:, :400], sr=1000).shape == (1, 1)
    assert levels._block_powers(y[:, :499], sr=1000).shape == (1, 1)
    assert levels._block_powers(y[:, :500], sr=1000).shape == (1, 2)


@pytest.mark.parametrize("sr", [11025, 22050, 44100])
def test_block_starts_do_not_drift(sr):
    """At 11025 Hz a step is 1102.5 samples. Of a sound that begins after 50 s, block 497 (49.7 to 50.1 s) holds a quarter."""
    y = (np.arange(60 * sr) >= 50 * sr).astype(float)[None]
    powers = levels._block_powers(y, sr=sr)[0]
    assert len(powers) == 597
    np.testing.assert_allclose(powers[495:502], [0, 0, 0.25, 0.5, 0.75, 1, 1], atol=1e-3)


def test_a_second_derivation_of_the_filters():
    """The shelf and the high-pass as analogue filters (B. De Man, 2018), transformed to 44.1 kHz by scipy."""
    from scipy.signal import bilinear, freqz

    sr = 44100
    f = np.array([30.0, 60.0, 200.0, 997.0, 1700.0, 3000.0, 8000.0, 15000.0])

    def analogue(b, a, f0):
        w0 = 2 * sr * np.tan(np.pi * f0 / sr)
        return bilinear([c * w0**k for k, c in enumerate(b)], [c * w0**k for k, c in enumerate(a)], fs=sr)

    gain, q = 10 ** (3.999843853973347 / 20), 0.7071752369554196
    shelf = analogue([gain, gain**0.4996667741545416 / q, 1.0], [1.0, 1.0 / q, 1.0], 1681.974450955533)
    highpass = analogue([1.0, 0.0, 0.0], [1.0, 1.0 / 0.5003270373238773, 1.0], 38.13547087602444)
    for theirs, ours in ((shelf, levels._SHELF_48K), (highpass, levels._HIGHPASS_48K)):
        got = np.abs(freqz(*levels._at_rate(*ours, sr=sr), worN=f, fs=sr)[1])
        want = np.abs(freqz(*theirs, worN=f, fs=sr)[1])
        # the standard's high-pass is not normalised: 1.005 at high frequencies
        np.testing.assert_allclose(got / got[-1], want / want[-1], rtol=2e-5)


def test_at_48_khz_the_filters_are_those_of_the_standard():
    for b, a in (levels._SHELF_48K, levels._HIGHPASS_48K):
        new_b, new_a = levels._at_rate(b, a, sr=48000)
        np.testing.assert_allclose(new_b, b, rtol=1e-9)
        np.testing.assert_allclose(new_a, a, rtol=1e-12)


@pytest.mark.parametrize("sr", [8000, 44100, 192000])
def test_silence_and_whispers_have_no_loudness(sr):
    assert audio.loudness(np.zeros(sr), sr=sr) == -np.inf
    assert audio.loudness(sine(sr=sr, duration=1.0, db=-80.0), sr=sr) == -np.inf


@pytest.mark.parametrize("length", [1, 100, 3199])
def test_a_sound_shorter_than_a_block_counts_as_one(length):
    y = np.random.default_rng(0).standard_normal(length)
    weighted = levels._k_weighted(y[None], sr=8000)
    assert audio.loudness(y, sr=8000) == pytest.approx(-0.691 + 10 * np.log10(np.mean(weighted**2)), abs=1e-9)


def test_loudness_refuses_rates_that_cannot_carry_the_filter():
    with pytest.raises(ParameterError, match="sr must be >= 4000 for loudness; received 3999"):
        audio.loudness(np.ones(4000), sr=3999)
    for sr in (0, -8000, 8000.5, "8000", None, True):
        with pytest.raises(ParameterError, match="sr"):
            audio.loudness(np.ones(4000), sr=sr)


# --- normalising --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("peak_db", [0.0, -1.0, -20.0])
@pytest.mark.parametrize("scale", [1e-40, 1e-5, 1.0, 1e5])
def test_normalize_peak(dtype, peak_db, scale):
    y = (np.random.default_rng(0).uniform(-1, 1, (2, 500)) * scale).astype(dtype)
    before = y.copy()
    z = audio.normalize_peak(y, peak_db=peak_db)
    assert z.dtype == dtype
    assert np.abs(z).max() == pytest.approx(10 ** (peak_db / 20), rel=1e-6)
    assert np.abs(z).max() <= 1.0
    np.testing.assert_array_equal(y, before)
    if scale >= 1e-5:
        np.testing.assert_allclose(z / np.abs(z).max(), y / np.abs(y).max(), rtol=1e-5)


def test_full_scale_is_reached_and_can_be_written(tmp_path):
    y = audio.normalize_peak(np.random.default_rng(0).standard_normal(1000).astype(np.float32), peak_db=0.0)
    assert np.abs(y).max() == 1.0
    audio.write(tmp_path / "a.wav", y, sr=8000)


@pytest.mark.parametrize("shape", [(100,), (2, 100), (1,)])
def test_silence_stays_silence(shape):
    y = np.zeros(shape, np.float32)
    for z in (audio.normalize_peak(y), audio.normalize_loudness(y, sr=8000)):
        np.testing.assert_array_equal(z, y)
        assert z is not y
        assert not np.shares_memory(y, z)


@pytest.mark.parametrize("lufs", [-16.0, -23.0, -40.0])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalize_loudness(lufs, channels, dtype):
    y = (0.01 * np.stack([sine(sr=16000, duration=1.0, f=300.0 * (c + 1)) for c in range(channels)])).astype(dtype)
    z = audio.normalize_loudness(y, sr=16000, lufs=lufs)
    assert z.dtype == dtype
    assert audio.loudness(z, sr=16000) == pytest.approx(lufs, abs=1e-4)


def test_the_peak_stops_the_gain():
    y = 1e-3 * sine(sr=16000, duration=1.0)
    y[5000] = 0.5
    z = audio.normalize_loudness(y, sr=16000, lufs=-10.0, max_peak_db=-3.0)
    assert audio.peak_db(z) == pytest.approx(-3.0, abs=1e-9)
    assert audio.loudness(z, sr=16000) < -10.0
    np.testing.assert_allclose(z / y.max(), y / y.max() * 10 ** (-3 / 20) / 0.5, atol=1e-12)


def test_a_whisper_below_the_gate_is_left_alone():
    y = sine(sr=16000, duration=1.0, db=-90.0)
    np.testing.assert_array_equal(audio.normalize_loudness(y, sr=16000), y)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [({"lufs": 1.0}, "lufs"), ({"lufs": -71.0}, "lufs"), ({"max_peak_db": 0.1}, "max_peak_db"), ({"lufs": np.nan}, "lufs")],
)
def test_bad_targets_are_named(wrong, name):
    with pytest.raises(ParameterError, match=name):
        audio.normalize_loudness(np.ones(8000), sr=8000, **wrong)
    with pytest.raises(ParameterError, match=r"peak_db must be <= 0; received 0\.5"):
        audio.normalize_peak(np.ones(10), peak_db=0.5)
