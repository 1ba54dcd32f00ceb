"""Transforms, mel spectra and their scaling: equal to librosa's, to closed forms, and to themselves backwards."""

import dataclasses
import itertools
import warnings

import librosa
import numpy as np
import pytest
from scipy.fft import dct

from audiogen_helpers import spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import MelSpec
from audiogen_helpers.spectral.banded import bands_to_bins, bins_to_bands, multiply
from audiogen_helpers.spectral.transforms import RoundTrip

SR = 8000
SPECS = [
    MelSpec(sr=SR),
    MelSpec(sr=SR, n_fft=1024, hop_length=64, n_mels=128),
    MelSpec(sr=22050, n_fft=1024, hop_length=256, n_mels=80, fmin=50.0, fmax=8000.0, power=2.0),
    MelSpec(sr=16000, n_fft=400, hop_length=150, n_mels=40),
]


def _noise(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, shape).astype(dtype)


def _sine(f, *, n=8064, sr=SR):
    return np.sin(2.0 * np.pi * f * np.arange(n) / sr)


# --- settings ---------------------------------------------------------------------------------------------------------


def test_spec_is_frozen_hashable_and_goes_through_a_dict():
    spec = MelSpec(sr=8000.0, n_fft=np.int64(256), hop_length=64, n_mels=20)
    assert (spec.sr, type(spec.sr), type(spec.n_fft)) == (8000, int, int)
    assert MelSpec(**spec.to_dict()) == MelSpec.from_dict(spec.to_dict()) == spec
    assert hash(spec) == hash(MelSpec(sr=8000, n_fft=256, hop_length=64, n_mels=20, fmax=4000.0))
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.sr = 16000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sr", 0),
        ("sr", 8000.5),
        ("n_fft", 511),
        ("n_fft", 2),
        ("hop_length", 0),
        ("hop_length", 257),
        ("n_mels", 0),
        ("fmin", -1.0),
        ("fmin", 4000.0),
        ("fmax", 4001.0),
        ("fmax", 0.0),
        ("power", 0.0),
        ("floor", 0.0),
        ("floor", 1.0),
        ("floor", np.nan),
        ("n_mels", "64"),
    ],
)
def test_spec_refuses(name, value):
    with pytest.raises(ParameterError, match=name):
        MelSpec(**{"sr": SR, name: value})


def test_spec_from_dict_refuses_unknown_and_missing_names():
    with pytest.raises(ParameterError, match="settings"):
        MelSpec.from_dict({"sr": SR, "hop": 128})
    with pytest.raises(ParameterError, match="settings"):
        MelSpec.from_dict({"n_fft": 512})
    with pytest.raises(ParameterError, match="settings"):
        MelSpec.from_dict([("sr", 8000)])


def test_empty_bands_are_refused_exactly_where_librosa_warns():
    refused = 0
    for n_fft, n_mels in itertools.product((128, 256, 512), (16, 64, 128)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            librosa.filters.mel(sr=SR, n_fft=n_fft, n_mels=n_mels, fmin=100.0)
        assert _is_empty(n_fft, n_mels) == bool(caught)
        if caught:
            refused += 1
            with pytest.raises(ParameterError, match="n_mels"):
                MelSpec(sr=SR, n_fft=n_fft, hop_length=n_fft // 4, n_mels=n_mels, fmin=100.0)
        else:
            MelSpec(sr=SR, n_fft=n_fft, hop_length=n_fft // 4, n_mels=n_mels, fmin=100.0)
    assert 0 < refused < 9


def _is_empty(n_fft, n_mels):
    """Whether some band has no bin strictly between its edges, found without the filters."""
    edges = librosa.mel_frequencies(n_mels + 2, fmin=100.0, fmax=SR / 2)
    bins = np.arange(n_fft // 2 + 1) * SR / n_fft
    return any(not ((bins > low) & (bins < high)).any() for low, high in zip(edges[:-2], edges[2:], strict=True))


def test_functions_want_a_spec():
    for call in (spectral.stft, spectral.mel, spectral.log_mel, spectral.mfcc):
        with pytest.raises(ParameterError, match="spec"):
            call(_noise(100), {"sr": SR})


# --- transform --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("shape", [(8000,), (2, 3, 4001), (1, 1600)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_stft_is_librosas(spec, shape, dtype):
    y = _noise(*shape, dtype=dtype)
    D = spectral.stft(y, spec)
    expected = librosa.stft(y, n_fft=spec.n_fft, hop_length=spec.hop_length)
    assert D.shape == expected.shape == (*shape[:-1], spec.n_bins, 1 + shape[-1] // spec.hop_length)
    assert D.dtype == expected.dtype
    np.testing.assert_allclose(D, expected, atol=1e-5 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_istft_is_librosas_even_of_a_spectrum_that_no_sound_has(spec):
    D = _noise(2, spec.n_bins, 30) + 1j * _noise(2, spec.n_bins, 30, seed=1)
    inner = slice(0, (30 - 1) * spec.hop_length)
    for length in (None, 20 * spec.hop_length + 5, 29 * spec.hop_length):
        expected = librosa.istft(D, n_fft=spec.n_fft, hop_length=spec.hop_length, length=length)
        np.testing.assert_allclose(spectral.istft(D, spec, length=length)[..., inner], expected[..., inner], atol=1e-11)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("n", [1, 7, 127, 128, 129, 511, 1500, 8064])
def test_round_trip_of_every_length(spec, n):
    y = _noise(n)
    back = spectral.istft(spectral.stft(y, spec), spec, length=n)
    assert np.abs(y).max() > 0.01
    np.testing.assert_allclose(back, y, atol=1e-10)
    y32 = y.astype(np.float32)
    back = spectral.istft(spectral.stft(y32, spec), spec, length=n)
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, y32, atol=1e-6)


def test_round_trip_with_frames_that_overlap_by_half():
    """Exact up to the last frame's middle; after it only the edge of that frame's window is left."""
    spec, y = MelSpec(sr=SR, hop_length=256), _noise(1500)
    back = spectral.istft(spectral.stft(y, spec), spec, length=1500)
    np.testing.assert_allclose(back[:1281], y[:1281], atol=1e-10)
    np.testing.assert_allclose(back, y, atol=1e-6)


def test_istft_default_length_and_zeros_where_no_frame_reaches():
    spec = MelSpec(sr=SR)
    D = spectral.stft(_noise(1000), spec)
    assert spectral.istft(D, spec).shape == (128 * 7,)
    assert spectral.istft(D[:, :1], spec).shape == (1,)
    with np.errstate(divide="raise", invalid="raise"):
        long = spectral.istft(D, spec, length=5000)
    assert long.shape == (5000,)
    assert not long[128 * 7 + 256 :].any()


def test_round_trip_in_place_is_istft_then_stft():
    spec, length = MelSpec(sr=SR, n_fft=256, hop_length=100, n_mels=20), 1234
    frames = 1 + length // spec.hop_length
    D = _noise(3, frames, spec.n_bins) + 1j * _noise(3, frames, spec.n_bins, seed=1)
    kept = D.copy()
    trip = RoundTrip(3, frames, spec, length, np.float64)
    for clips in (3, 1, 2):  # fewer than it was made for, and again
        y = spectral.istft(D[:clips].swapaxes(1, 2), spec, length=length)
        np.testing.assert_allclose(trip(D[:clips]), spectral.stft(y, spec).swapaxes(1, 2), atol=1e-11)
    np.testing.assert_array_equal(D, kept)


def test_sine_reaches_a_quarter_of_n_fft():
    spec = MelSpec(sr=SR)
    S = np.abs(spectral.stft(_sine(1000.0), spec))[:, 10:50]
    np.testing.assert_allclose(S[63:66], np.array([[64.0], [128.0], [64.0]]) * np.ones((1, 40)), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.zeros(0), np.arange(10), np.array([0.0, np.nan]), np.float64(1.0), np.array(["a"]), np.zeros((0, 5))])
def test_stft_refuses(bad):
    with pytest.raises(ParameterError, match="y must"):
        spectral.stft(bad, MelSpec(sr=SR))


def test_istft_refuses():
    spec = MelSpec(sr=SR)
    for bad in (np.zeros((257, 5)), np.zeros((256, 5), complex), np.zeros(257, complex), np.full((257, 2), np.inf + 0j)):
        with pytest.raises(ParameterError, match="D must"):
            spectral.istft(bad, spec)
    with pytest.raises(ParameterError, match="length"):
        spectral.istft(np.zeros((257, 5), complex), spec, length=0)


# --- mel --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_mel_filters_are_librosas_to_the_bit(spec):
    ours = spectral.mel_filters(spec)
    expected = librosa.filters.mel(sr=spec.sr, n_fft=spec.n_fft, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.fmax)
    assert ours.dtype == expected.dtype
    np.testing.assert_array_equal(ours, expected)
    ours[...] = 0.0  # a copy: the cache is not ours to change
    np.testing.assert_array_equal(spectral.mel_filters(spec), expected)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_banded_products_are_full_products(spec):
    A = spectral.mel_filters(spec).astype(np.float64)
    S, M = _noise(3, 5, spec.n_bins, dtype=np.float32), _noise(4, spec.n_mels, dtype=np.float32)
    np.testing.assert_allclose(multiply(S, bins_to_bands(spec, np.float32)), S @ A.T, rtol=1e-4, atol=1e-6)
    total = A.sum(axis=0)
    shares = A / np.where(total > 0.0, total, 1.0)
    np.testing.assert_allclose(multiply(M, bands_to_bins(spec, np.float32)), M @ shares, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(8064,), (7, 2, 9000)])
def test_mel_is_librosas(power, shape):
    spec = MelSpec(sr=SR, power=power)
    for dtype, rtol in ((np.float32, 1e-5), (np.float64, 1e-6)):  # librosa's filters are float32 for both
        y = _noise(*shape, dtype=dtype)
        M = spectral.mel(y, spec)
        expected = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=512, hop_length=128, n_mels=64, power=power)
        assert M.dtype == dtype
        np.testing.assert_allclose(M, expected, rtol=rtol, atol=rtol * expected.max())


def test_mel_of_a_large_batch_is_that_of_each_clip():
    spec, Y = MelSpec(sr=SR), _noise(40, 1000)
    np.testing.assert_allclose(spectral.mel(Y, spec), np.stack([spectral.mel(y, spec) for y in Y]), rtol=1e-12)


@pytest.mark.parametrize("spec", [MelSpec(sr=SR, power=p, n_fft=n, hop_length=64) for p in (1.0, 2.0) for n in (512, 1024)], ids=str)
def test_full_scale_sine_is_zero_db(spec):
    """The loudest band sees 0 dB for a sine on a bin of the transform, and no sine anywhere is louder by more than 0.5 dB."""
    loudest = max(_steady_peak(k * SR / spec.n_fft, spec) for k in range(1, spec.n_fft // 2))
    assert loudest == pytest.approx(0.0, abs=1e-6)
    assert min(_steady_peak(f, spec) for f in np.linspace(100.0, 3900.0, 60)) > -20.0
    assert max(_steady_peak(f, spec) for f in np.linspace(100.0, 3900.0, 300)) < 0.5


def _steady_peak(f, spec):
    """Loudest band of the middle frame of a full-scale sine, dB."""
    return spectral.log_mel(_sine(f, n=spec.n_fft * 2), spec)[:, spec.n_fft // spec.hop_length].max()


def test_log_mel_floor_gain_and_inverse():
    for power in (1.0, 2.0):
        spec = MelSpec(sr=SR, power=power)
        y = 0.5 * _noise(4000)
        L = spectral.log_mel(y, spec)
        np.testing.assert_allclose(spectral.log_mel(y / 10.0, spec), np.maximum(L - 20.0, -80.0), atol=1e-9)
        np.testing.assert_allclose(spectral.db_to_mel(L, spec), spectral.mel(y, spec), rtol=1e-9)
        assert spectral.log_mel(np.zeros(4000), spec).max() == spectral.log_mel(np.zeros(4000), spec).min() == pytest.approx(-80.0)
    quieter = MelSpec(sr=SR, floor=1e-3)
    assert spectral.log_mel(np.zeros(100, np.float32), quieter).max() == pytest.approx(-60.0, abs=1e-4)


def test_log_mel_is_librosas_decibels():
    y = 0.1 * _noise(4000)
    spec = MelSpec(sr=SR, power=2.0)
    M = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=512, hop_length=128, n_mels=64)
    np.testing.assert_allclose(spectral.log_mel(y, spec), librosa.power_to_db(M, ref=spec.reference, amin=1e-30, top_db=None), atol=1e-4)


def test_scale_and_unscale():
    spec = MelSpec(sr=SR, n_mels=2)
    L = np.array([[-200.0, -80.0, -60.0], [-40.0, 0.0, 3.0]], dtype=np.float32)
    X = spectral.scale(L, spec)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X, [[-1.0, -1.0, -0.5], [0.0, 1.0, 1.0]], atol=1e-7)
    np.testing.assert_allclose(spectral.unscale(X, spec), np.clip(L, -80.0, 0.0), atol=1e-5)
    np.testing.assert_allclose(spectral.unscale(np.array([[-3.0], [3.0]]), spec), [[-80.0], [0.0]])


@pytest.mark.parametrize("shape", [(5000,), (2, 2, 5000)])
def test_mfcc_is_librosas_of_the_same_decibels(shape):
    spec, y = MelSpec(sr=SR), 0.3 * _noise(*shape)
    C = spectral.mfcc(y, spec, n_mfcc=20)
    L = spectral.log_mel(y, spec)
    np.testing.assert_allclose(C, librosa.feature.mfcc(S=L, n_mfcc=20), atol=1e-9)
    np.testing.assert_allclose(C, dct(L, norm="ortho", axis=-2)[..., :20, :], atol=1e-9)
    with pytest.raises(ParameterError, match="n_mfcc"):
        spectral.mfcc(y, spec, n_mfcc=65)


def test_shapes_are_checked():
    spec = MelSpec(sr=SR)
    for call, name in ((spectral.db_to_mel, "L"), (spectral.scale, "L"), (spectral.unscale, "X")):
        for bad in (np.zeros((63, 5)), np.zeros(64), np.zeros((64, 0)), np.full((64, 2), np.nan)):
            with pytest.raises(ParameterError, match=f"{name} must"):
                call(bad, spec)


def test_inputs_are_left_alone():
    spec, y = MelSpec(sr=SR), _noise(2, 2000)
    y.setflags(write=False)
    L = spectral.log_mel(y, spec)
    L.setflags(write=False)
    spectral.mfcc(y, spec)
    X = spectral.scale(L, spec)
    X.setflags(write=False)
    D = spectral.stft(y, spec)
    D.setflags(write=False)
    spectral.istft(D, spec)
    spectral.unscale(X, spec)
    spectral.db_to_mel(L, spec)
