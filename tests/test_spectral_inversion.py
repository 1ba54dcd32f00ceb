"""Mel spectra and magnitudes back to sound: better than librosa, repeatable, and right at the edges."""

import librosa
import numpy as np
import pytest

from audiogen_helpers import spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import MelSpec

SR, LENGTH = 8000, 4096
SPEC = MelSpec(sr=SR)


def _voice(seed=0, *, length=LENGTH, dtype=np.float32):
    """A tone with gliding pitch, partials, a rest and some breath: what a short vowel is made of."""
    rng = np.random.default_rng(seed)
    t = np.arange(length) / SR
    f0 = 120.0 + 60.0 * rng.random() + 40.0 * np.sin(2.0 * np.pi * 3.0 * t + rng.random())
    phase = 2.0 * np.pi * np.cumsum(f0) / SR
    y = sum(np.sin(k * phase) / k**1.2 for k in range(1, 16)) + 0.05 * rng.standard_normal(length)
    envelope = np.clip(np.sin(2.0 * np.pi * 2.0 * t), 0.0, None)
    return (0.2 * y * envelope).astype(dtype)


def _batch(n=3, dtype=np.float32):
    return np.stack([_voice(seed, dtype=dtype) for seed in range(n)])


def _db_error(y, Y, spec):
    return np.sqrt(np.mean((spectral.log_mel(y, spec) - spectral.log_mel(Y, spec)) ** 2))


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize(("n_fft", "hop_length", "n_mels"), [(512, 128, 64), (1024, 64, 128)])
def test_mel_to_audio_is_nearer_than_librosas(power, n_fft, hop_length, n_mels):
    spec, Y = MelSpec(sr=SR, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels, power=power), _batch(6)
    M = spectral.mel(Y, spec)
    y = spectral.mel_to_audio(M, spec, rng=0, length=LENGTH)
    theirs = librosa.feature.inverse.mel_to_audio(M, sr=SR, n_fft=n_fft, hop_length=hop_length, power=power, length=LENGTH)
    assert (y.shape, y.dtype) == (Y.shape, np.float32)
    assert spectral.mel_error(y, M, spec).mean() < min(0.1, 0.9 * spectral.mel_error(theirs, M, spec).mean())
    assert _db_error(y, Y, spec) < min(1.5, 0.7 * _db_error(theirs, Y, spec))


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_more_iterations_are_better_and_stay_stable(power):
    spec = MelSpec(sr=SR, power=power)
    M = spectral.mel(_voice(), spec)
    errors = [spectral.mel_error(spectral.mel_to_audio(M, spec, n_iter=n, rng=0, length=LENGTH), M, spec) for n in (0, 8, 32, 200)]
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert 0.05 < errors[0] < 0.2  # the phases that it starts from fit already
    assert errors[3] < 0.04


def test_values_that_no_sound_has_do_no_harm():
    L = np.clip(spectral.log_mel(_voice(), SPEC) + 6.0 * np.random.default_rng(0).standard_normal((64, 33)), -80.0, 0.0)
    y = spectral.log_mel_to_audio(L, SPEC, n_iter=200, rng=0, length=LENGTH)
    assert 0.01 < np.abs(y).max() < 10.0
    assert np.sqrt(np.mean((spectral.log_mel(y, SPEC) - L) ** 2)) < 6.0


def test_log_mel_to_audio_keeps_the_decibels():
    L = spectral.log_mel(_batch(), SPEC)
    assert (L <= -79.99).mean() > 0.1
    y = spectral.log_mel_to_audio(L, SPEC, rng=0, length=LENGTH)
    assert np.sqrt(np.mean((spectral.log_mel(y, SPEC) - L) ** 2)) < 1.0
    through_features = spectral.unscale(spectral.scale(L, SPEC), SPEC)
    z = spectral.log_mel_to_audio(through_features, SPEC, rng=0, length=LENGTH)
    assert np.sqrt(np.mean((spectral.log_mel(z, SPEC) - L) ** 2)) < 1.0


def test_same_seed_same_sound_and_each_clip_as_if_alone():
    M = spectral.mel(_batch(9), SPEC)  # more than one block
    y = spectral.mel_to_audio(M, SPEC, rng=3)
    np.testing.assert_array_equal(y, spectral.mel_to_audio(M, SPEC, rng=3))
    np.testing.assert_array_equal(y, spectral.mel_to_audio(M, SPEC, rng=np.random.default_rng(3)))
    assert np.abs(y - spectral.mel_to_audio(M, SPEC, rng=4)).max() > 0.01
    for k in (0, 5, 8):
        np.testing.assert_allclose(y[k], spectral.mel_to_audio(M[k], SPEC, rng=3), atol=1e-4)
    np.testing.assert_array_equal(y, spectral.mel_to_audio(M.reshape(3, 3, 64, -1), SPEC, rng=3).reshape(9, -1))
    S = np.abs(spectral.stft(_batch(3), SPEC))
    z = spectral.griffin_lim(S, SPEC, rng=3)
    np.testing.assert_allclose(z[2], spectral.griffin_lim(S[2], SPEC, rng=3), atol=1e-4)


def test_float64_is_the_same_sound():
    M = spectral.mel(_voice(dtype=np.float64), SPEC)
    y = spectral.mel_to_audio(M, SPEC, rng=0, n_iter=8)
    assert y.dtype == np.float64
    np.testing.assert_allclose(spectral.mel_to_audio(M.astype(np.float32), SPEC, rng=0, n_iter=8), y, atol=1e-4)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("gain", [1e-12, 1e6])
def test_loud_and_quiet_are_the_same_sound(power, gain):
    spec = MelSpec(sr=SR, power=power)
    M = spectral.mel(_voice(), spec)
    y = spectral.mel_to_audio(M, spec, rng=0, n_iter=8)
    scaled = spectral.mel_to_audio(M * np.float32(gain**power), spec, rng=0, n_iter=8)
    np.testing.assert_allclose(scaled / gain, y, atol=1e-3 * np.abs(y).max())


def test_silence_stays_silence_beside_sound():
    M = spectral.mel(np.stack([np.zeros(LENGTH, np.float32), _voice()]), SPEC)
    y = spectral.mel_to_audio(M, SPEC, rng=0)
    assert not y[0].any()
    assert np.abs(y[1]).max() > 0.1
    assert not spectral.griffin_lim(np.zeros((257, 5)), SPEC, rng=0).any()
    assert not spectral.mel_to_magnitude(np.zeros((64, 5)), SPEC).any()
    assert not spectral.log_mel_to_audio(np.full((64, 5), -80.0, np.float32), SPEC, rng=0).any()
    assert not spectral.log_mel_to_audio(spectral.log_mel(np.zeros(1000), SPEC), SPEC, rng=0).any()


@pytest.mark.parametrize("length", [None, 1, 100, 127, 4095, 5000])
def test_lengths(length):
    M = spectral.mel(_voice(), SPEC)
    y = spectral.mel_to_audio(M, SPEC, rng=0, n_iter=4, length=length)
    assert y.shape == (LENGTH if length is None else length,)
    assert np.isfinite(y).all()
    assert not y[LENGTH + 256 :].any()


def test_one_frame():
    M = spectral.mel(_voice()[1500:1600], SPEC)
    assert M.shape == (64, 1)
    assert spectral.mel_to_audio(M, SPEC, rng=0).shape == (1,)
    y = spectral.mel_to_audio(M, SPEC, rng=0, length=100)
    assert spectral.mel_error(y, M, SPEC) < 0.5


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_mel_to_magnitude_fits_better_than_least_squares_of_librosa(power):
    spec, Y = MelSpec(sr=SR, power=power), _batch()
    M, truth = spectral.mel(Y, spec), np.abs(spectral.stft(Y, spec))
    S = spectral.mel_to_magnitude(M, spec)
    theirs = librosa.feature.inverse.mel_to_stft(M, sr=SR, n_fft=512, power=power)
    assert (S.shape, S.dtype) == (truth.shape, np.float32)
    assert (S >= 0.0).all()
    weights = spectral.mel_filters(spec)
    fit = np.linalg.norm(weights @ S**power - M) / np.linalg.norm(M)
    assert fit < min(0.02, 0.5 * np.linalg.norm(weights @ theirs**power - M) / np.linalg.norm(M))
    assert np.linalg.norm(S - truth) < np.linalg.norm(theirs - truth)
    np.testing.assert_allclose(spectral.mel_to_magnitude(M[1], spec), S[1], rtol=1e-3, atol=1e-4)


def test_mel_to_magnitude_outside_the_bands_is_zero():
    spec = MelSpec(sr=SR, fmin=500.0, fmax=2000.0, n_mels=20)
    S = spectral.mel_to_magnitude(np.ones((20, 3)), spec)
    f = np.arange(257) * SR / 512
    assert not S[(f <= 500.0) | (f >= 2000.0)].any()
    assert (S[(f > 500.0) & (f < 2000.0)] > 0.0).all()
    np.testing.assert_allclose(spectral.mel_filters(spec) @ S, 1.0, rtol=0.02)


def test_griffin_lim_of_true_magnitudes():
    Y = _batch(8)
    S = np.abs(spectral.stft(Y, SPEC))
    ours = spectral.spectral_convergence(spectral.griffin_lim(S, SPEC, rng=0, length=LENGTH), S, SPEC)
    theirs = [librosa.griffinlim(s, n_iter=32, hop_length=128, length=LENGTH, random_state=0) for s in S]
    assert ours.mean() < 1.3 * np.mean([spectral.spectral_convergence(t, s, SPEC) for t, s in zip(theirs, S, strict=True)])
    slow = spectral.spectral_convergence(spectral.griffin_lim(S, SPEC, rng=0, length=LENGTH, momentum=0.0), S, SPEC)
    assert ours.mean() < 0.8 * slow.mean()


def test_griffin_lim_without_momentum_is_the_method_of_1984():
    """One plain iteration, written out: the phases of the transform of the waveform of the start."""
    S = np.abs(spectral.stft(_voice(dtype=np.float64), SPEC))
    start = spectral.stft(spectral.griffin_lim(S, SPEC, n_iter=0, rng=0, length=LENGTH), SPEC)
    expected = spectral.istft(S * start / np.maximum(np.abs(start), 1e-30), SPEC, length=LENGTH)
    np.testing.assert_allclose(spectral.griffin_lim(S, SPEC, n_iter=1, momentum=0.0, rng=0, length=LENGTH), expected, atol=1e-9)


def test_the_start_follows_a_steady_tone():
    """Phases that turn at the frequency of the tone make a tone before the first iteration."""
    S = np.abs(spectral.stft(np.sin(2.0 * np.pi * 1003.0 * np.arange(LENGTH) / SR), SPEC))
    y = spectral.griffin_lim(S, SPEC, n_iter=0, rng=0, length=LENGTH)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(LENGTH)))
    peak = spectrum.argmax()
    assert peak * SR / LENGTH == pytest.approx(1003.0, abs=4.0)
    assert (spectrum[peak - 4 : peak + 5] ** 2).sum() > 0.9 * (spectrum**2).sum()


def test_errors_of_a_waveform():
    y = _voice(dtype=np.float64)
    M, S = spectral.mel(y, SPEC), np.abs(spectral.stft(y, SPEC))
    assert spectral.mel_error(y, M, SPEC) == spectral.spectral_convergence(y, S, SPEC) == 0.0
    assert spectral.mel_error(1.25 * y, M, SPEC) == pytest.approx(0.25)
    assert spectral.spectral_convergence(0.5 * y, S, SPEC) == pytest.approx(0.5)
    silent = np.zeros_like(M)
    assert spectral.mel_error(np.zeros(LENGTH), silent, SPEC) == 0.0
    assert spectral.mel_error(y, silent, SPEC) == np.inf
    np.testing.assert_allclose(spectral.mel_error(np.stack([y, 0.0 * y]), np.stack([M, M]), SPEC), [0.0, 1.0])
    with pytest.raises(ParameterError, match="M must have the shape"):
        spectral.mel_error(y[:1000], M, SPEC)


@pytest.mark.parametrize("bad", [np.zeros((63, 5)), np.zeros(64), np.zeros((64, 0)), -np.ones((64, 2)), np.full((64, 2), np.nan), "x"])
def test_bad_mel(bad):
    for call in (spectral.mel_to_audio, spectral.mel_to_magnitude):
        with pytest.raises(ParameterError, match="M must"):
            call(bad, SPEC)


def test_bad_arguments():
    M, S = np.ones((64, 3)), np.ones((257, 3))
    for name, value in (("n_iter", -1), ("n_iter", 1.5), ("length", 0), ("rng", -1), ("rng", "x")):
        for call, X in ((spectral.mel_to_audio, M), (spectral.griffin_lim, S), (spectral.log_mel_to_audio, -M)):
            with pytest.raises(ParameterError, match=name):
                call(X, SPEC, **{name: value})
    for momentum in (-0.1, 1.1):
        with pytest.raises(ParameterError, match="momentum"):
            spectral.griffin_lim(S, SPEC, momentum=momentum)
    with pytest.raises(ParameterError, match="L must"):
        spectral.log_mel_to_audio(np.full((64, 3), -np.inf), SPEC)


def test_inputs_are_left_alone():
    M, S = spectral.mel(_voice(), SPEC), np.abs(spectral.stft(_voice(), SPEC))
    L = spectral.log_mel(_voice(), SPEC)
    for X in (M, S, L):
        X.setflags(write=False)
    kept = M.copy(), S.copy(), L.copy()
    spectral.mel_to_audio(M, SPEC, n_iter=3)
    spectral.griffin_lim(S, SPEC, n_iter=3)
    spectral.log_mel_to_audio(L, SPEC, n_iter=3)
    spectral.mel_to_magnitude(M, SPEC)
    for X, Z in zip((M, S, L), kept, strict=True):
        np.testing.assert_array_equal(X, Z)


def _periodicity(y, lag):
    """Correlation of the part above 1800 Hz with itself a period later."""
    spectrum = np.fft.rfft(y)
    spectrum[np.fft.rfftfreq(len(y), 1.0 / SR) < 1800.0] = 0.0
    y = np.fft.irfft(spectrum, n=len(y))
    return (y[lag:] @ y[:-lag]) / (y @ y)


def test_the_high_part_gets_the_partials_of_the_low_part(monkeypatch):
    y = sum(np.sin(2.0 * np.pi * 160.0 * k * np.arange(LENGTH) / SR + k * k) for k in range(1, 25)).astype(np.float32)
    M = spectral.mel(0.05 * y, SPEC)
    found = _periodicity(spectral.mel_to_audio(M, SPEC, rng=0, length=LENGTH), 50)
    monkeypatch.setattr("audiogen_helpers.spectral.inversion._LOW_HZ", 1e9)
    without = _periodicity(spectral.mel_to_audio(M, SPEC, rng=0, length=LENGTH), 50)
    assert found > 0.7
    assert without < 0.5


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_a_sound_without_a_low_part_keeps_its_high_part(power):
    spec = MelSpec(sr=SR, power=power, fmin=2200.0, n_mels=30)
    M = spectral.mel(0.1 * np.random.default_rng(0).standard_normal(LENGTH).astype(np.float32), spec)
    assert spectral.mel_error(spectral.mel_to_audio(M, spec, rng=0, length=LENGTH), M, spec) < 0.05


def test_the_start_is_better_than_before_any_iteration_at_random():
    """True magnitudes with the phases that belong to their slopes, before the first iteration."""
    S = np.abs(spectral.stft(_batch(4), SPEC))
    y = spectral.griffin_lim(S, SPEC, n_iter=0, rng=0, length=LENGTH)
    assert (spectral.spectral_convergence(y, S, SPEC) < 0.25).all()
