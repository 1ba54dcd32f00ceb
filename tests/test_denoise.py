"""Spectral gating: how much noise it takes from a known sound, and what it must not touch."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.transform import denoise, spectral_gate

BURSTS = [(200.0, 0.2), (330.0, 0.7), (150.0, 1.2), (440.0, 1.7), (260.0, 2.2)]  # pitch (Hz), start (s)


def voice(*, sr):
    """Three seconds with five bursts of 0.3 s of a harmonic tone: as sparse as speech, and with pauses."""
    y = np.zeros(3 * sr)
    t = np.arange(round(0.3 * sr)) / sr
    for f0, start in BURSTS:
        tone = sum(np.sin(2 * np.pi * f0 * k * t) / k for k in range(1, 5))
        y[round(start * sr) :][: len(t)] += np.sin(np.pi * t / 0.3) ** 2 * tone
    return 0.3 * y


def snr_db(clean, y):
    return 10 * np.log10(np.sum(clean**2) / np.sum((y - clean) ** 2))


def with_noise(clean, snr, *, seed=0, extra=0):
    """`clean` with white noise at this SNR, dB, and `extra` samples of the same noise alone."""
    noise = np.random.default_rng(seed).standard_normal(len(clean) + extra)
    noise *= np.sqrt(np.mean(clean**2)) * 10 ** (-snr / 20)
    return clean + noise[: len(clean)], noise[len(clean) :]


# --- what it is for -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
@pytest.mark.parametrize("snr", [0.0, 5.0, 10.0])
@pytest.mark.parametrize("given", [True, False])
def test_white_noise_under_tone_bursts_falls_by_more_than_10_db(sr, snr, given):
    clean = voice(sr=sr)
    y, noise = with_noise(clean, snr, extra=sr)
    assert snr_db(clean, y) == pytest.approx(snr, abs=0.3)
    better = spectral_gate(y, sr=sr, noise=noise if given else None)
    assert snr_db(clean, better) - snr_db(clean, y) >= 12.0  # asked for: 10


def test_coloured_noise_needs_a_profile_for_each_frequency():
    """A hum of 1 kHz, 20 dB above the hiss: a single threshold for all frequencies could not take both."""
    sr = 8000
    clean = voice(sr=sr)
    hum = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(4 * sr) / sr) + 0.01 * np.random.default_rng(0).standard_normal(4 * sr)
    y = clean + hum[: len(clean)]
    better = spectral_gate(y, sr=sr, noise=hum[len(clean) :])
    assert snr_db(clean, better) - snr_db(clean, y) >= 10.0


@pytest.mark.parametrize("reduction_db", [0.0, 6.0, 12.0, 24.0])
def test_noise_alone_falls_by_the_reduction(reduction_db):
    noise = np.random.default_rng(0).standard_normal(32000)
    left = spectral_gate(noise[:16000], sr=8000, noise=noise[16000:], reduction_db=reduction_db)
    assert audio.rms_db(noise[:16000]) - audio.rms_db(left) == pytest.approx(reduction_db, abs=0.5)


@pytest.mark.parametrize("seed", range(4))
def test_no_moment_of_noise_alone_gets_through(seed):
    """Cells that stand out by chance would be heard as chirps. Of ten seconds, no sixteenth of a second is less than 20 dB down."""
    noise = np.random.default_rng(seed).standard_normal(160000)
    left = spectral_gate(noise[:80000], sr=8000, noise=noise[80000:], reduction_db=30.0)
    assert max(audio.rms_db(part) for part in np.split(left, 160)) < -20.0


def test_without_the_vote_of_the_neighbours_more_noise_is_left(monkeypatch):
    noise = np.random.default_rng(1).standard_normal(32000)

    def left():
        return audio.rms_db(spectral_gate(noise[:16000], sr=8000, noise=noise[16000:], reduction_db=60.0))

    voted = left()
    monkeypatch.setattr(denoise, "_BINS", 1)
    monkeypatch.setattr(denoise, "_FRAMES", 1)
    assert left() - voted > 10.0


# --- what it must not do ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 44100])
def test_a_clean_sound_with_pauses_is_hardly_touched(sr):
    clean = voice(sr=sr)
    assert snr_db(clean, spectral_gate(clean, sr=sr)) > 100.0
    faint = 1e-4 * np.random.default_rng(0).standard_normal(sr)
    assert snr_db(clean, spectral_gate(clean, sr=sr, noise=faint)) > 40.0


def test_what_stands_out_keeps_its_level():
    sr = 8000
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * sr) / sr)
    noise = 0.01 * np.random.default_rng(0).standard_normal(2 * sr)
    middle = spectral_gate(tone + noise, sr=sr, noise=noise)[sr // 2 : -sr // 2]
    assert audio.rms_db(middle) == pytest.approx(audio.rms_db(tone), abs=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_stays_silence(dtype):
    y = np.zeros(8000, dtype)
    z = spectral_gate(y, sr=8000)
    np.testing.assert_array_equal(z, y)
    assert z.dtype == dtype
    assert not np.shares_memory(y, z)
    noise = np.random.default_rng(0).standard_normal(8000)
    np.testing.assert_array_equal(spectral_gate(y, sr=8000, noise=noise), 0.0)


@pytest.mark.parametrize("length", [640, 641, 1000, 4095, 4096, 8000, 8001, 12345])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_length_and_type_are_kept(length, dtype):
    y = np.random.default_rng(0).standard_normal(length).astype(dtype)
    before = y.copy()
    z = spectral_gate(y, sr=8000)
    assert z.shape == (length,)
    assert z.dtype == dtype
    assert np.isfinite(z).all()
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("length", [1, 100, 511])
def test_with_a_noise_clip_any_length_will_do(length):
    rng = np.random.default_rng(0)
    assert spectral_gate(rng.standard_normal(length), sr=8000, noise=rng.standard_normal(8000)).shape == (length,)


def test_a_reduction_of_nothing_changes_nothing():
    y, noise = with_noise(voice(sr=8000), 5.0, extra=8000)
    np.testing.assert_allclose(spectral_gate(y, sr=8000, noise=noise, reduction_db=0.0), y, atol=1e-12)


@pytest.mark.parametrize("gain", [1e-150, 1e-6, 1e6, 1e200])
def test_the_level_of_the_recording_does_not_matter(gain):
    y, noise = with_noise(voice(sr=8000), 5.0, extra=8000)
    for given in (None, noise):
        want = spectral_gate(y, sr=8000, noise=given)
        got = spectral_gate(gain * y, sr=8000, noise=None if given is None else gain * given)
        np.testing.assert_allclose(got / gain, want, atol=1e-9)


def test_channels_are_treated_one_by_one():
    stereo = np.stack([with_noise(voice(sr=8000), snr, seed=int(snr))[0] for snr in (0.0, 10.0)])
    noise = np.random.default_rng(5).standard_normal((2, 8000)) * [[0.05], [0.01]]
    both = spectral_gate(stereo, sr=8000), spectral_gate(stereo, sr=8000, noise=noise), spectral_gate(stereo, sr=8000, noise=noise[0])
    for c in range(2):
        np.testing.assert_allclose(both[0][c], spectral_gate(stereo[c], sr=8000), atol=1e-12)
        np.testing.assert_allclose(both[1][c], spectral_gate(stereo[c], sr=8000, noise=noise[c]), atol=1e-12)
        np.testing.assert_allclose(both[2][c], spectral_gate(stereo[c], sr=8000, noise=noise[0]), atol=1e-12)


def test_the_profile_is_the_power_of_the_noise_in_each_bin():
    """White noise of variance v has the mean power v * sum(window ** 2) = v * 3/8 n_fft in every bin but the first and last."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(200_000)
    spec = denoise._spec(8000, None, None)
    profile = denoise._profile_of(noise, spec, peak=1.0)
    assert spec.n_fft == 512
    assert profile.shape == (257, 1)
    np.testing.assert_allclose(profile[1:-1], 0.01 * 3 / 8 * 512, rtol=0.25)
    assert profile[1:-1].mean() == pytest.approx(0.01 * 3 / 8 * 512, rel=0.02)


def test_the_quietest_frames_are_found():
    sr = 8000
    hiss = np.random.default_rng(0).standard_normal(3 * sr)
    y = np.concatenate([hiss[:sr], 0.01 * hiss[sr : 2 * sr], hiss[2 * sr :]])
    spec = denoise._spec(sr, None, None)
    profile = denoise._noise_profile(denoise.stft(y, spec), len(y), spec, name="y", share=0.1)
    assert profile[1:-1].mean() == pytest.approx(1e-4 * 3 / 8 * 512, rel=0.2)


@pytest.mark.parametrize(("n_fft", "hop_length"), [(256, 64), (256, 100), (1024, 512), (512, None), (64, 7)])
def test_other_frames(n_fft, hop_length):
    clean = voice(sr=8000)
    y, _ = with_noise(clean, 5.0)
    z = spectral_gate(y, sr=8000, n_fft=n_fft, hop_length=hop_length)
    assert z.shape == y.shape
    if n_fft >= 256:
        assert snr_db(clean, z) - snr_db(clean, y) > 8.0


@pytest.mark.parametrize(
    ("y", "wrong", "message"),
    [
        (np.zeros(0), {}, "y must have at least 1"),
        (np.array([np.nan]), {}, "y must be finite"),
        (np.zeros(8000, np.int16), {}, "from_pcm"),
        (np.ones(639), {}, r"y must have at least 640 samples to learn the noise from; received 639"),
        (np.ones(8000), {"noise": np.ones(639)}, r"noise must have at least 640 samples"),
        (np.ones(8000), {"noise": np.full(8000, np.inf)}, "noise must be finite"),
        (np.ones(8000), {"noise": np.ones((2, 8000))}, "noise must be mono or have the channels of y"),
        (np.ones(8000), {"threshold_db": np.nan}, "threshold_db"),
        (np.ones(8000), {"reduction_db": -1.0}, "reduction_db must be >= 0"),
        (np.ones(8000), {"n_fft": 3}, "n_fft"),
        (np.ones(8000), {"n_fft": 511}, "n_fft must be even"),
        (np.ones(8000), {"hop_length": 0}, "hop_length"),
        (np.ones(8000), {"hop_length": 512}, "hop_length"),
        (np.ones(8000), {"sr": 0}, "sr"),
    ],
)
def test_what_is_wrong_is_named(y, wrong, message):
    with pytest.raises(ParameterError, match=message):
        spectral_gate(y, **{"sr": 8000, **wrong})


# --- real recordings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_a_real_voice_in_white_noise():
    folder = corpora_dir()
    path = folder / "librosa-examples" / "5703-47212-0000.ogg" if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    clean, sr = audio.read(path, duration=8.0)
    y, _ = with_noise(clean.astype(np.float64), 5.0)
    assert snr_db(clean, spectral_gate(y, sr=sr)) - snr_db(clean, y) > 8.0
