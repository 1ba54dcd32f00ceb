"""Editing: exact lengths, clean resampling, edges, sums; and inputs that stay as they were."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers.errors import ParameterError

RATES = [8000, 11025, 16000, 22050, 44100, 48000, 192000]


def noise(*shape, dtype=np.float64):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(dtype)


def sine(f, *, sr, duration=1.0):
    return np.sin(2 * np.pi * f * np.arange(round(sr * duration)) / sr)


# --- every function -----------------------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "to_mono": audio.to_mono,
    "resample": lambda y: audio.resample(y, sr=8000, to_sr=11025),
    "resample to the same rate": lambda y: audio.resample(y, sr=8000, to_sr=8000),
    "trim": lambda y: audio.trim(y, sr=8000),
    "fade": lambda y: audio.fade(y, sr=8000, fade_in=1 / 8000),
    "no fade": lambda y: audio.fade(y, sr=8000),
    "mix": lambda y: audio.mix([y]),
    "longer": lambda y: audio.fit_length(y, length=500),
    "shorter": lambda y: audio.fit_length(y, length=1),
    "same length": lambda y: audio.fit_length(y, length=y.shape[-1]),
    "normalize_peak": audio.normalize_peak,
    "normalize_loudness": lambda y: audio.normalize_loudness(y, sr=8000),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1,), (300,), (2, 300)])
def test_every_function_returns_a_new_array_of_the_same_type(name, dtype, shape):
    y = noise(*shape, dtype=dtype)
    before = y.copy()
    z = FUNCTIONS[name](y)
    assert z.dtype == dtype
    assert np.isfinite(z).all()
    assert z.size > 0
    assert z.flags["C_CONTIGUOUS"]
    z += 1.0
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_keeps_silence(name):
    assert not FUNCTIONS[name](np.zeros((2, 300))).any()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(0), "at least 1 sample"),
        (np.array([np.nan]), "finite"),
        (np.array([np.inf]), "finite"),
        (np.zeros(9, np.int16), "from_pcm"),
        (1.0, "waveform"),
        (None, "must be"),
    ],
)
def test_every_function_refuses_what_is_no_waveform(name, y, message):
    if name == "same length":
        pytest.skip("asks for the shape")
    with pytest.raises(ParameterError, match=message):
        FUNCTIONS[name](y)


# --- from_pcm, to_mono --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "bits"), [(np.int8, 8), (np.int16, 16), (np.int32, 32)])
def test_from_pcm(dtype, bits):
    full = 2 ** (bits - 1)
    y = np.array([-full, -1, 0, 1, full - 1], dtype)
    z = audio.from_pcm(y)
    np.testing.assert_array_equal(z, np.array([-full, -1, 0, 1, full - 1]) / full)
    assert z.dtype == (np.float64 if bits == 32 else np.float32)
    np.testing.assert_array_equal(np.rint(z.astype(np.float64) * full).astype(np.int64), y)


def test_eight_bits_without_a_sign_are_centred():
    np.testing.assert_array_equal(audio.from_pcm(np.array([0, 128, 255], np.uint8)), [-1.0, 0.0, 127 / 128])


@pytest.mark.parametrize(
    ("y", "message"),
    [(np.zeros(3), "type"), (np.zeros(3, np.int64), "type"), (np.zeros(3, np.uint16), "type"), (np.zeros(0, np.int16), "at least 1")],
)
def test_from_pcm_refuses(y, message):
    with pytest.raises(ParameterError, match=message):
        audio.from_pcm(y)


def test_to_mono_is_the_mean():
    y = noise(3, 100)
    np.testing.assert_allclose(audio.to_mono(y), (y[0] + y[1] + y[2]) / 3)
    np.testing.assert_array_equal(audio.to_mono(y[0]), y[0])
    np.testing.assert_array_equal(audio.to_mono(np.stack([y[0], -y[0]])), 0.0)


def test_samples_and_channels_in_the_wrong_order_are_noticed():
    with pytest.raises(ParameterError, match=r"\(channels, n\), at most 1024 channels; received \(8000, 2\)"):
        audio.to_mono(np.zeros((8000, 2)))


# --- resample -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize("to_sr", RATES)
def test_the_new_length_is_exact(sr, to_sr):
    for n in (1, 2, 7, 100, 999, 8064, 22051):
        z = audio.resample(noise(n, dtype=np.float32), sr=sr, to_sr=to_sr)
        assert z.shape == (max(1, round(n * to_sr / sr)),)
        assert np.isfinite(z).all()


@pytest.mark.parametrize(("sr", "to_sr"), [(48000, 8000), (44100, 22050), (44100, 8000), (16000, 48000), (8000, 44100), (22050, 16000)])
def test_what_both_rates_can_carry_is_kept(sr, to_sr):
    """Up to 0.91 of the lower Nyquist frequency: same phase, same amplitude within 0.01 dB."""
    for share in (0.01, 0.3, 0.6, 0.91):
        f = share * min(sr, to_sr) / 2
        got, want = audio.resample(sine(f, sr=sr), sr=sr, to_sr=to_sr), sine(f, sr=to_sr)
        inside = slice(to_sr // 10, -to_sr // 10)  # the edges ring
        assert np.abs(got[inside] - want[inside]).max() < 10 ** (0.01 / 20) - 1


@pytest.mark.parametrize(("sr", "to_sr"), [(48000, 8000), (44100, 22050), (44100, 8000), (192000, 44100)])
def test_what_the_new_rate_cannot_carry_is_gone_not_folded(sr, to_sr):
    for share in (1.05, 1.3, 1.9):
        f = share * to_sr / 2
        if f < sr / 2:
            z = audio.resample(sine(f, sr=sr), sr=sr, to_sr=to_sr)
            assert audio.rms_db(z[to_sr // 10 : -to_sr // 10]) < -130.0


def test_new_rates_have_no_images():
    z = audio.resample(sine(1000.0, sr=8000), sr=8000, to_sr=48000)[4800:-4800]
    spectrum = np.abs(np.fft.rfft(z * np.blackman(len(z)))) / len(z)
    f = np.fft.rfftfreq(len(z), 1 / 48000)
    assert 20 * np.log10(spectrum[f > 4000].max() / spectrum.max()) < -100.0  # the window leaks more than the filter


def test_up_and_down_again_is_the_same():
    y = np.sum([sine(f, sr=8000) for f in (200.0, 1234.0, 3100.0)], axis=0)
    z = audio.resample(audio.resample(y, sr=8000, to_sr=22050), sr=22050, to_sr=8000)
    assert np.abs(z - y)[800:-800].max() < 1e-3


def test_channels_are_resampled_one_by_one():
    y = noise(3, 2, 500)
    z = audio.resample(y, sr=16000, to_sr=8000)
    assert z.shape == (3, 2, 250)
    for i in np.ndindex(3, 2):
        np.testing.assert_allclose(z[i], audio.resample(y[i], sr=16000, to_sr=8000), atol=1e-12)


@pytest.mark.parametrize("to_sr", [0, -1, 44100.5, None, np.nan])
def test_bad_rates_are_named(to_sr):
    with pytest.raises(ParameterError, match="to_sr"):
        audio.resample(noise(10), sr=8000, to_sr=to_sr)


def test_a_ratio_that_would_take_forever_is_refused():
    with pytest.raises(ParameterError, match="to_sr must be within a factor of 1000 of sr, 1; received 768000"):
        audio.resample(noise(10), sr=1, to_sr=768000)


# --- trim ---------------------------------------------------------------------------------------------------------------------------


def test_trim_cuts_the_edges_and_keeps_the_pauses():
    y = np.concatenate([np.zeros(100), np.ones(50), np.zeros(200), -np.ones(30), np.zeros(70)])
    np.testing.assert_array_equal(audio.trim(y, sr=1000), y[100:380])
    np.testing.assert_array_equal(audio.trim(y, sr=1000, padding=0.02), y[80:400])
    np.testing.assert_array_equal(audio.trim(y, sr=1000, padding=10.0), y)


@pytest.mark.parametrize("gain", [1e-20, 1e-3, 1.0, 1e3])
def test_the_threshold_follows_the_level(gain):
    y = gain * np.array([0.009, 0.011, 1.0, 0.011, 0.009])
    assert audio.trim(y, sr=8000, threshold_db=-40.0).shape == (3,)
    assert audio.trim(y, sr=8000, threshold_db=-60.0).shape == (5,)
    assert audio.trim(y, sr=8000, threshold_db=0.0).shape == (1,)


def test_trim_listens_to_all_channels():
    y = np.zeros((2, 10))
    y[0, 3], y[1, 7] = 1.0, -0.5
    np.testing.assert_array_equal(audio.trim(y, sr=8000), y[:, 3:8])


def test_silence_is_returned_as_it_is():
    assert audio.trim(np.zeros(50), sr=8000).shape == (50,)


@pytest.mark.parametrize(("wrong", "name"), [({"threshold_db": 1.0}, "threshold_db"), ({"padding": -0.1}, "padding")])
def test_trim_names_what_is_wrong(wrong, name):
    with pytest.raises(ParameterError, match=name):
        audio.trim(noise(10), sr=8000, **wrong)


# --- fade ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_fades_start_and_end_at_zero_and_leave_the_middle(shape):
    z = audio.fade(np.ones(1000), sr=1000, fade_in=0.1, fade_out=0.3, shape=shape)
    assert z[0] == 0.0
    assert z[-1] == 0.0
    np.testing.assert_array_equal(z[100:700], 1.0)
    assert (np.diff(z[:100]) > 0).all()
    assert (np.diff(z[700:]) < 0).all()
    assert z[49] + z[50] == pytest.approx(1.0)
    middle = 1 - np.cos(np.pi / 4) if shape == "cosine" else 0.5
    assert z[25] == pytest.approx(middle / 2, abs=0.01)


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_a_fade_out_under_a_fade_in_keeps_the_level(shape):
    y = np.ones(1000)
    first = audio.fade(y, sr=1000, fade_out=0.2, shape=shape)[-200:]
    second = audio.fade(y, sr=1000, fade_in=0.2, shape=shape)[:200]
    np.testing.assert_allclose(first + second, 1.0)


def test_fades_may_overlap():
    np.testing.assert_allclose(audio.fade(np.ones(4), sr=1, fade_in=4.0, fade_out=4.0, shape="linear"), [0, 2 / 9, 2 / 9, 0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fade_in": 1.001}, "fade_in must be <= 1 s"),
        ({"fade_out": 2.0}, "fade_out must be <= 1 s"),
        ({"fade_in": -0.1}, "fade_in must be >= 0"),
        ({"fade_in": np.nan}, "fade_in must be finite"),
        ({"shape": "exponential"}, "shape must be one of cosine, linear"),
    ],
)
def test_fade_names_what_is_wrong(wrong, message):
    with pytest.raises(ParameterError, match=message):
        audio.fade(np.ones(1000), sr=1000, **wrong)


# --- mix ----------------------------------------------------------------------------------------------------------------------------


def test_mix_adds_with_gains():
    a, b = noise(2, 100), noise(2, 60)
    z = audio.mix([a, b], gains_db=[-6.0, 20.0])
    np.testing.assert_allclose(z[:, :60], 10 ** (-6 / 20) * a[:, :60] + 10 * b)
    np.testing.assert_allclose(z[:, 60:], 10 ** (-6 / 20) * a[:, 60:])


def test_mix_is_linear_and_order_does_not_matter():
    a, b, c = noise(50), noise(80), noise(10)
    np.testing.assert_allclose(audio.mix([a, b, c]), audio.mix([c, a, b]))
    np.testing.assert_allclose(audio.mix([audio.mix([a, b]), c]), audio.mix([a, b, c]))
    np.testing.assert_array_equal(audio.mix(iter([a])), a)


def test_minus_infinity_mutes():
    np.testing.assert_array_equal(audio.mix([noise(5), noise(9)], gains_db=[0.0, -np.inf])[5:], 0.0)


def test_mixed_types():
    assert audio.mix([noise(5, dtype=np.float32), noise(9, dtype=np.float32)]).dtype == np.float32
    assert audio.mix([noise(5, dtype=np.float32), noise(9)]).dtype == np.float64


@pytest.mark.parametrize(
    ("clips", "gains_db", "message"),
    [
        ([], None, "at least one"),
        (3, None, "clips must be a sequence"),
        ([np.ones(3), np.ones((2, 3))], None, r"clips\[1\] must have the channels of clips\[0\]"),
        ([np.ones(3), np.zeros(0)], None, r"clips\[1\] must have at least 1"),
        ([np.ones(3), np.array([np.nan])], None, r"clips\[1\] must be finite"),
        ([np.ones(3)], [0.0, 0.0], "gains_db must have one number"),
        ([np.ones(3)], [], "gains_db must have one number"),
        ([np.ones(3)], [np.nan], "db must be finite"),
        ([np.ones(3)], [np.inf], "db must be finite"),
    ],
)
def test_mix_names_what_is_wrong(clips, gains_db, message):
    with pytest.raises(ParameterError, match=message):
        audio.mix(clips, gains_db=gains_db)


# --- fit_length ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 4, 5])
@pytest.mark.parametrize("length", [1, 4, 5, 8, 9])
def test_fit_length(n, length):
    y = np.arange(1.0, n + 1)
    start = audio.fit_length(y, length=length)
    np.testing.assert_array_equal(start, ([*y] + [0.0] * length)[:length])
    np.testing.assert_array_equal(audio.fit_length(y[::-1], length=length, align="end"), start[::-1])
    center = audio.fit_length(y, length=length, align="center")
    assert center.shape == (length,)
    common = min(n, length)
    assert np.count_nonzero(center) == common
    before, after = np.flatnonzero(center)[0], length - 1 - np.flatnonzero(center)[-1]
    assert 0 <= after - before <= 1
    if length < n:
        np.testing.assert_array_equal(center, y[(n - length) // 2 :][:length])


@pytest.mark.parametrize(
    ("wrong", "name"), [({"length": 0}, "length"), ({"length": 2.5}, "length"), ({"length": 5, "align": "left"}, "align")]
)
def test_fit_length_names_what_is_wrong(wrong, name):
    with pytest.raises(ParameterError, match=name):
        audio.fit_length(noise(4), **wrong)
