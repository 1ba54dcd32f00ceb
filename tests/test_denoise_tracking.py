"""The statistical denoiser: its gain against the integral it stands for, its noise against noise that is known, its limits."""

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform import spectral_gate
from audiogen_helpers.transform.noise_tracking import denoise, lsa_gain, track_noise


def voice(*, sr):
    """Three seconds with five bursts of 0.3 s of a harmonic tone, with pauses between."""
    y = np.zeros(3 * sr)
    t = np.arange(round(0.3 * sr)) / sr
    for f0, start in [(200.0, 0.2), (330.0, 0.7), (150.0, 1.2), (440.0, 1.7), (260.0, 2.2)]:
        y[round(start * sr) :][: len(t)] += np.sin(np.pi * t / 0.3) ** 2 * sum(np.sin(2 * np.pi * f0 * k * t) / k for k in range(1, 5))
    return 0.3 * y


def snr_db(clean, y):
    return 10 * np.log10(np.sum(clean**2) / np.sum((y - clean) ** 2))


def with_noise(clean, snr, *, seed=0):
    noise = np.random.default_rng(seed).standard_normal(len(clean))
    return clean + noise * np.sqrt(np.mean(clean**2)) * 10 ** (-snr / 20)


# --- the gain -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("xi", [0.03, 0.5, 3.0, 40.0])
@pytest.mark.parametrize("gamma", [0.8, 2.0, 10.0])
def test_the_gain_is_the_mean_of_the_log_amplitude_given_the_cell(xi, gamma):
    """Given the noisy cell Y, the clean X is complex Gaussian with mean w Y and variance w N, w = xi / (1 + xi): draw it."""
    rng = np.random.default_rng(0)
    w = xi / (1 + xi)
    z = rng.standard_normal(400_000) + 1j * rng.standard_normal(400_000)
    x = w * np.sqrt(gamma) + np.sqrt(w / 2) * z
    wanted = np.exp(np.mean(np.log(np.abs(x)))) / np.sqrt(gamma)
    assert lsa_gain(np.array([xi]), np.array([gamma]))[0] == pytest.approx(min(1.0, wanted), rel=0.01)


def test_the_gain_tends_to_the_wiener_gain_far_above_the_noise_and_never_amplifies():
    xi = np.array([10.0, 100.0, 1000.0])
    np.testing.assert_allclose(lsa_gain(xi, 1 + xi), xi / (1 + xi), rtol=1e-4)
    assert lsa_gain(np.array([5.0]), np.array([0.0]))[0] == 1.0
    for xi, gamma in ((np.array([0.0]), np.array([1.0])), (np.array([1.0]), np.array([-1.0])), (np.array([np.nan]), np.array([1.0]))):
        with pytest.raises(ParameterError, match=r"xi|gamma"):
            lsa_gain(xi, gamma)


# --- the noise ----------------------------------------------------------------------------------------------------------------------


def test_steady_noise_is_found_within_a_decibel():
    power = np.array([1e-6, 1.0, 1e6])[:, None]
    P = power * np.random.default_rng(1).exponential(size=(3, 4000))
    found = track_noise(P, step=0.01).mean(axis=1)
    assert np.abs(10 * np.log10(found / power[:, 0])).max() < 1.0


def test_in_a_short_clip_the_first_guess_counts():
    P = 7.0 * np.random.default_rng(1).exponential(size=(2000, 5))
    assert abs(10 * np.log10(track_noise(P, step=0.01).mean() / 7.0)) < 1.5


def test_a_rise_of_the_noise_is_followed_and_its_moment_found():
    rng = np.random.default_rng(2)
    P = rng.exponential(size=(100, 1000)) * np.where(np.arange(1000) < 500, 1.0, 10.0)
    level = 10 * np.log10(track_noise(P, step=0.01).mean(axis=0))
    assert abs(level[100:450].mean()) < 1.0
    assert abs(level[650:].mean() - 10.0) < 1.0
    assert level[420] < 3.0 < level[620]


def test_bursts_of_speech_do_not_leak_into_the_noise():
    rng = np.random.default_rng(3)
    P = rng.exponential(size=(100, 1000))
    P[:, 300:340] += 300.0 * rng.exponential(size=(100, 40))  # 25 dB above it, for 0.4 s
    level = 10 * np.log10(track_noise(P, step=0.01).mean(axis=0))
    assert level[295:345].max() < 4.0
    assert level[400:].max() < 1.0


def test_noise_is_never_zero_and_wrong_spectra_are_named():
    assert (track_noise(np.zeros((3, 10)), step=0.01) > 0).all()
    for P, message in ((np.ones(3), "shape"), (-np.ones((2, 2)), ">= 0"), (np.full((2, 2), np.nan), "finite")):
        with pytest.raises(ParameterError, match=message):
            track_noise(P, step=0.01)
    with pytest.raises(ParameterError, match="step"):
        track_noise(np.ones((2, 2)), step=0.0)


# --- what it is for -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize("snr", [0.0, 5.0, 10.0])
def test_white_noise_under_tone_bursts_falls(sr, snr):
    clean = voice(sr=sr)
    y = with_noise(clean, snr)
    assert snr_db(clean, denoise(y, sr=sr)) - snr_db(clean, y) >= 8.0


def test_noise_that_grows_is_followed_where_a_steady_profile_fails():
    sr = 8000
    clean = voice(sr=sr)
    swell = 10 ** np.linspace(-1.5, 0.0, len(clean))  # 30 dB within 3 s
    y = clean + 0.2 * swell * np.random.default_rng(4).standard_normal(len(clean))
    assert snr_db(clean, denoise(y, sr=sr)) > snr_db(clean, spectral_gate(y, sr=sr)) + 3.0


def test_noise_alone_falls_by_most_of_the_reduction():
    noise = np.random.default_rng(0).standard_normal(32000)
    assert audio.rms_db(noise) - audio.rms_db(denoise(noise, sr=8000)) > 14.0
    held = denoise(noise[:16000], sr=8000, noise=noise[16000:])
    assert audio.rms_db(noise[:16000]) - audio.rms_db(held) > 14.0


def test_a_nearly_clean_sound_is_hardly_touched():
    clean = voice(sr=8000)
    assert snr_db(clean, denoise(clean, sr=8000)) > 30.0
    assert snr_db(clean, denoise(with_noise(clean, 60.0), sr=8000)) > 30.0


# --- what it must not do ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_stays_silence(dtype):
    z = denoise(np.zeros((2, 8000), dtype), sr=8000)
    assert z.dtype == dtype
    np.testing.assert_array_equal(z, 0.0)


@pytest.mark.parametrize("length", [640, 641, 4096, 12345])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_length_and_type_are_kept(length, dtype):
    y = np.random.default_rng(0).standard_normal(length).astype(dtype)
    before = y.copy()
    z = denoise(y, sr=8000)
    assert z.shape == (length,)
    assert z.dtype == dtype
    assert np.isfinite(z).all()
    np.testing.assert_array_equal(y, before)


def test_a_reduction_of_nothing_changes_nothing():
    y = with_noise(voice(sr=8000), 5.0)
    np.testing.assert_allclose(denoise(y, sr=8000, reduction_db=0.0), y, atol=1e-12)


@pytest.mark.parametrize("gain", [1e-150, 1e-6, 1e6, 1e200])
def test_the_level_of_the_recording_does_not_matter(gain):
    y = with_noise(voice(sr=8000), 5.0)
    np.testing.assert_allclose(denoise(gain * y, sr=8000) / gain, denoise(y, sr=8000), atol=1e-9)


def test_digital_silence_in_the_pauses_makes_no_trouble():
    y = voice(sr=8000)
    y[y**2 < 1e-4] = 0.0
    assert np.isfinite(denoise(y, sr=8000)).all()


def test_channels_are_treated_one_by_one():
    stereo = np.stack([with_noise(voice(sr=8000), snr, seed=int(snr)) for snr in (0.0, 10.0)])
    stereo /= np.abs(stereo).max(axis=1, keepdims=True)
    both = denoise(stereo, sr=8000)
    for c in range(2):
        np.testing.assert_allclose(both[c], denoise(stereo[c], sr=8000), atol=1e-12)


@pytest.mark.parametrize(
    ("y", "wrong", "message"),
    [
        (np.zeros(0), {}, "y must have at least 1"),
        (np.full(8000, np.nan), {}, "y must be finite"),
        (np.ones(639), {}, "y must have at least 640 samples to learn the noise from; received 639"),
        (np.ones(8000), {"noise": np.ones(639)}, "noise must have at least 640 samples"),
        (np.ones(8000), {"noise": np.full(8000, np.inf)}, "noise must be finite"),
        (np.ones(8000), {"noise": np.ones((2, 8000))}, "noise must be mono or have the channels of y"),
        (np.ones(8000), {"reduction_db": -1.0}, "reduction_db must be >= 0"),
        (np.ones(8000), {"reduction_db": 61.0}, "reduction_db must be <= 60"),
        (np.ones(8000), {"adaptation": 0.0}, "adaptation"),
        (np.ones(8000), {"sr": 0}, "sr"),
    ],
)
def test_what_is_wrong_is_named(y, wrong, message):
    with pytest.raises(ParameterError, match=message):
        denoise(y, **{"sr": 8000, **wrong})


@pytest.mark.corpus
def test_a_real_voice_in_white_noise():
    folder = corpora_dir()
    path = folder / "librosa-examples" / "5703-47212-0000.ogg" if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    clean, sr = audio.read(path, duration=8.0)
    y = with_noise(clean.astype(np.float64), 5.0)
    assert snr_db(clean, denoise(y, sr=sr)) - snr_db(clean, y) > 8.0


@pytest.mark.corpus
@pytest.mark.parametrize("reader", ["5703-47212-0000", "3436-172162-0000"])
def test_speech_in_pink_noise_becomes_easier_to_understand(reader):
    stoi = pytest.importorskip("pystoi").stoi
    folder = corpora_dir()
    path = folder / "librosa-examples" / f"{reader}.ogg" if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    clean, sr = audio.read(path, duration=8.0)
    X = np.fft.rfft(np.random.default_rng(0).standard_normal(len(clean)))
    noise = np.fft.irfft(X / np.sqrt(np.maximum(np.arange(len(X)), 1)), n=len(clean))
    y = clean + noise * np.sqrt(np.mean(clean**2) / np.mean(noise**2)) * 10 ** (-5 / 20)
    better = denoise(y, sr=sr)
    assert stoi(clean, better, sr) > stoi(clean, y, sr) + 0.01
    assert snr_db(clean, better) > snr_db(clean, y) + 3.0
