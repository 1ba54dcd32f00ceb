"""Distances of pairs: closed forms, second implementations, and what each of them cannot hear."""

import math

import librosa
import numpy as np
import pytest
from scipy import signal

from audiogen_helpers import datasets, spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation import (
    align,
    log_spectral_distance,
    mel_cepstral_distortion,
    mel_cepstrum,
    pitch_error,
    si_sdr,
    spectral_convergence,
)
from audiogen_helpers.evaluation.alignment import _steps
from audiogen_helpers.evaluation.distances import MCD_CONSTANT, pair_spec

SR = 8000
T = np.arange(SR) / SR
VOWELS = {"a": (800, 1200, 2500), "i": (300, 2300, 3000)}


def noise(seed, n=SR, level=0.1):
    return level * np.random.default_rng(seed).standard_normal(n)


def vowel(name, f0, n=SR):
    """A train of pulses through three resonances."""
    y = np.zeros(n)
    y[np.round(np.arange(0, n - 1, SR / f0)).astype(int)] = 1.0
    for f in VOWELS[name]:
        r = np.exp(-np.pi * 100 / SR)
        y = signal.lfilter([1.0], [1.0, -2 * r * np.cos(2 * np.pi * f / SR), r * r], y)
    return 0.5 * y / np.abs(y).max()


def delayed(y, n=1):
    return np.concatenate([np.zeros(n), y[:-n]])


PAIRS = [log_spectral_distance, spectral_convergence, mel_cepstral_distortion, si_sdr, pitch_error]


# Closed forms and second implementations


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 3.0])
def test_log_spectral_distance_of_a_gain_is_the_gain(gain_db):
    y = noise(0)
    assert log_spectral_distance(10 ** (gain_db / 20) * y, y, sr=SR, floor_db=-200.0) == pytest.approx(abs(gain_db), abs=1e-9)


def test_log_spectral_distance_to_silence_is_the_height_above_the_floor():
    spec = pair_spec(SR)
    y = noise(1)
    S = np.abs(spectral.stft(y, spec)) / (spec.n_fft / 4)
    above = np.maximum(20 * np.log10(S) + 50.0, 0.0)
    assert log_spectral_distance(0 * y, y, sr=SR, floor_db=-50.0) == pytest.approx(np.sqrt((above**2).mean(axis=0)).mean())
    assert log_spectral_distance(0 * y, 1e-9 * y, sr=SR) == 0.0


def test_spectra_are_those_of_a_loop_over_frames():
    """LSD and spectral convergence written again, frame by frame."""
    y, r = noise(2), vowel("a", 120.0)
    distances, error, norm = [], 0.0, 0.0
    for start in range(0, SR + 1, 64):
        Y, R = (np.abs(np.fft.rfft(np.pad(x, 128)[start : start + 256] * signal.get_window("hann", 256))) for x in (y, r))
        levels = [20 * np.log10(np.maximum(S / 64.0, 1e-4)) for S in (Y, R)]
        distances.append(np.sqrt(np.mean((levels[0] - levels[1]) ** 2)))
        error, norm = error + np.sum((Y - R) ** 2), norm + np.sum(R**2)
    assert log_spectral_distance(y, r, sr=SR) == pytest.approx(np.mean(distances), rel=1e-9)
    assert spectral_convergence(y, r, sr=SR) == pytest.approx(np.sqrt(error / norm), rel=1e-9)


def test_spectral_convergence_of_known_cases():
    y = noise(3)
    assert spectral_convergence(1.7 * y, y, sr=SR) == pytest.approx(0.7)
    assert spectral_convergence(0 * y, y, sr=SR) == 1.0
    assert spectral_convergence(y, 0 * y, sr=SR) == math.inf
    assert spectral_convergence(0 * y, 0 * y, sr=SR) == 0.0


def test_the_mel_cepstrum_is_a_cosine_series():
    y = vowel("a", 120.0)
    spec = pair_spec(SR)
    C = mel_cepstrum(y, sr=SR, order=39)
    band, k = np.arange(40)[:, None], np.arange(40)
    back = np.cos(np.pi * k * (band + 0.5) / 40) @ C
    np.testing.assert_allclose(back * 20 / np.log(10), spectral.log_mel(y, spec), atol=1e-9)


def test_with_all_coefficients_distortion_is_the_standard_deviation_of_the_decibels():
    y, r = noise(4), vowel("a", 120.0)
    difference = spectral.log_mel(y, pair_spec(SR)) - spectral.log_mel(r, pair_spec(SR))
    assert mel_cepstral_distortion(y, r, sr=SR, order=39) == pytest.approx(difference.std(axis=0).mean())
    assert pytest.approx(6.1418514638) == MCD_CONSTANT


def test_distortion_of_one_known_coefficient(monkeypatch):
    """Envelopes that differ by 0.3 in c_2 alone."""
    C = np.zeros((14, 50))
    other = C.copy()
    other[2] = 0.3
    answers = iter([C, other])
    monkeypatch.setattr("audiogen_helpers.evaluation.distances.mel_cepstrum", lambda *a, **k: next(answers))
    assert mel_cepstral_distortion(noise(0), noise(1), sr=SR) == pytest.approx(10 * math.sqrt(2) / math.log(10) * 0.3)


def test_distortion_falls_with_coefficients_left_out():
    found = [mel_cepstral_distortion(noise(4), vowel("a", 120.0), sr=SR, order=k) for k in (1, 5, 13, 39)]
    assert found == sorted(found)


@pytest.mark.parametrize("snr_db", [-10.0, 0.0, 30.0])
def test_si_sdr_of_orthogonal_noise_is_its_ratio(snr_db):
    r = np.sin(2 * np.pi * 400 * T)
    other = np.cos(2 * np.pi * 400 * T)
    y = r + 10 ** (-snr_db / 20) * other
    for gain in (1.0, -0.01, 1e-200):
        assert si_sdr(gain * y, r, sr=SR) == pytest.approx(snr_db, abs=1e-9)


def test_si_sdr_is_a_projection_by_least_squares():
    y, r = noise(5) + 0.5 * noise(6), noise(6)
    alpha, residual, *_ = np.linalg.lstsq(r[:, None], y, rcond=None)
    assert si_sdr(y, r, sr=SR) == pytest.approx(10 * np.log10(alpha[0] ** 2 * (r @ r) / residual[0]))
    assert si_sdr(y, r, sr=SR) == pytest.approx(-10 * np.log10(1 / np.corrcoef(y - y.mean(), r - r.mean())[0, 1] ** 2 - 1), abs=0.01)


def test_si_sdr_at_its_ends():
    r = noise(7)
    assert si_sdr(r, r, sr=SR) == si_sdr(-0.5 * r, r, sr=SR) == math.inf
    assert si_sdr(0 * r, r, sr=SR) == -math.inf
    assert si_sdr(np.array([0.0, 1.0]), np.array([1.0, 0.0]), sr=SR) == -math.inf


def test_pitch_error_of_known_intervals():
    r = np.sin(2 * np.pi * 200 * T)
    for ratio, gross in ((2 ** (1 / 12), 0.0), (2 ** (5 / 12), 1.0), (2 ** (-5 / 12), 1.0)):
        found = pitch_error(np.sin(2 * np.pi * 200 * ratio * T), r, sr=SR)
        assert found.rmse_cents == pytest.approx(abs(1200 * np.log2(ratio)), abs=2.0)
        assert found.gross == pytest.approx(gross, abs=0.03)
        assert found.voicing < 0.03


def test_pitch_error_is_what_a_loop_finds():
    """On a pair with frames of every kind, against a loop over the two tracks."""
    r = np.concatenate([np.sin(2 * np.pi * 200 * T[:3000]), noise(1, 2000), np.sin(2 * np.pi * 150 * T[:3000])])
    y = np.concatenate([np.sin(2 * np.pi * 206 * T[:3000]), noise(2, 3000), np.sin(2 * np.pi * 300 * T[:2000])])
    track, other = (spectral.track_pitch(x, sr=SR)[1] for x in (y, r))
    cents, wrong, gross = [], 0, 0
    for a, b in zip(track, other, strict=True):
        if np.isnan(a) != np.isnan(b):
            wrong += 1
        elif not np.isnan(a):
            cents.append(1200 * np.log2(a / b))
            gross += abs(a - b) > 0.2 * b
    found = pitch_error(y, r, sr=SR)
    assert found.rmse_cents == pytest.approx(np.sqrt(np.mean(np.square(cents))))
    assert found.voicing == pytest.approx(wrong / len(track))
    assert found.gross == pytest.approx(gross / len(cents))
    assert (found.voiced, found.n) == (len(cents), len(track))
    assert 0.05 < found.voicing < 0.5
    assert 0.1 < found.gross < 0.9


def test_without_voiced_frames_there_is_no_pitch_error():
    found = pitch_error(noise(1), np.sin(2 * np.pi * 200 * T), sr=SR)
    assert found.rmse_cents is found.gross is None
    assert found.voicing > 0.9
    assert pitch_error(0 * T, 0 * T, sr=SR).voicing == 0.0


# Alignment


def cheapest(a, b):
    """Every path, by recursion."""
    costs = np.linalg.norm(a[:, None] - b[None], axis=2)

    def to(i, j):
        before = [to(*p) for p in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if min(p) >= 0]
        return costs[i, j] + (min(before) if before else 0.0)

    return to(len(a) - 1, len(b) - 1)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (6, 1), (5, 6), (6, 4)])
def test_alignment_is_the_cheapest_of_all_paths(n, m):
    rng = np.random.default_rng(n + 10 * m)
    a, b = rng.standard_normal((n, 2)), rng.standard_normal((m, 2))
    path = align(a, b)
    assert np.linalg.norm(a[path[:, 0]] - b[path[:, 1]], axis=1).sum() == pytest.approx(cheapest(a, b))
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [n - 1, m - 1]
    steps = np.diff(path, axis=0)
    assert set(map(tuple, steps.tolist())) <= {(1, 1), (1, 0), (0, 1)}


def test_alignment_is_librosas():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((60, 3)), rng.standard_normal((45, 3))
    _, theirs = librosa.sequence.dtw(X=a.T, Y=b.T, metric="euclidean")
    np.testing.assert_array_equal(align(a, b), theirs[::-1])


def test_compiled_and_plain_steps_are_the_same():
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((7, 2)), rng.standard_normal((9, 2))
    np.testing.assert_array_equal(_steps(a, b), _steps.py_func(a, b))


def test_aligned_distortion_forgives_timing():
    slow, fast = ([vowel("a", 120.0, n), vowel("i", 120.0, n)] for n in (6000, 4000))
    y, r = np.concatenate(fast), np.concatenate(slow)
    assert mel_cepstral_distortion(y, r, sr=SR, align=True) < 0.5
    assert mel_cepstral_distortion(y, r[: len(y)], sr=SR) > 2.0
    assert mel_cepstral_distortion(y, y, sr=SR, align=True) == 0.0


# Properties


@pytest.mark.parametrize("measure", [log_spectral_distance, mel_cepstral_distortion])
def test_these_are_the_same_both_ways(measure):
    y, r = noise(8), vowel("a", 120.0)
    assert measure(y, r, sr=SR) == pytest.approx(measure(r, y, sr=SR))


def test_more_noise_is_worse_by_every_measure():
    r = vowel("a", 120.0)
    steps = [r + 10 ** (-snr / 20) * noise(9, level=np.std(r)) for snr in (40, 20, 0)]
    for measure in (log_spectral_distance, spectral_convergence, mel_cepstral_distortion, lambda y, r, sr: -si_sdr(y, r, sr=sr)):
        found = [measure(y, r, sr=SR) for y in steps]
        assert found == sorted(found)
        assert found[0] < found[1] < found[2]


def test_real_speech_through_mel_inversion_reads_as_near_speech_and_far_wave():
    y = datasets.load("digits", split="test").clip(0)[0]
    spec = spectral.MelSpec(sr=SR)
    z = spectral.log_mel_to_audio(spectral.log_mel(y, spec), spec, rng=0, length=len(y))
    assert mel_cepstral_distortion(z, y, sr=SR) < 2.0
    assert spectral_convergence(z, y, sr=SR) < 0.3
    assert pitch_error(z, y, sr=SR).rmse_cents < 20.0
    assert si_sdr(z, y, sr=SR) < 0.0  # the phases are new


@pytest.mark.parametrize("sr", [2000, 4000, 7000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
def test_every_usual_rate_has_spectra(sr):
    y = noise(0, n=sr // 4)
    assert log_spectral_distance(y, y, sr=sr) == mel_cepstral_distortion(y, y, sr=sr) == 0.0
    assert 0.015 < pair_spec(sr).n_fft / sr <= 0.032


@pytest.mark.parametrize("measure", PAIRS)
def test_float32_single_samples_and_inputs_are_left_alone(measure):
    y, r = noise(1).astype(np.float32), noise(2)
    before = y.copy(), r.copy()
    measure(y, r, sr=SR)
    np.testing.assert_array_equal(y, before[0])
    np.testing.assert_array_equal(r, before[1])
    measure(np.array([0.5]), np.array([0.25]), sr=SR)


# Blind spots: each docstring's claim


def harmonic(phases):
    return 0.05 * sum(np.sin(2 * np.pi * 250 * k * T + p) for k, p in enumerate(phases, start=1))


def test_log_spectral_distance_and_convergence_are_blind_to_phase():
    middle = slice(1000, 7000)
    a, b = harmonic(np.zeros(12)), harmonic(np.random.default_rng(0).uniform(0, 2 * np.pi, 12))
    assert si_sdr(b[middle], a[middle], sr=SR) < 0.0
    assert spectral_convergence(b, a, sr=SR) < 0.05
    assert log_spectral_distance(b, a, sr=SR, floor_db=-50.0) < 1.0
    assert log_spectral_distance(-a, a, sr=SR) == spectral_convergence(-a, a, sr=SR) == 0.0


def test_log_spectral_distance_minds_faint_hiss_in_a_pause_more_than_a_wrong_vowel():
    a, i, pause = vowel("a", 120.0), vowel("i", 120.0), np.zeros(8 * SR)
    hiss = noise(0, n=8 * SR, level=10 ** (-35 / 20) * np.std(a))
    speech, hissing, wrong = (np.concatenate(parts) for parts in ((a, pause), (a, hiss), (i, pause)))
    assert log_spectral_distance(hissing, speech, sr=SR) > 2 * log_spectral_distance(wrong, speech, sr=SR)
    assert spectral_convergence(hissing, speech, sr=SR) < 0.06 < 0.3 < spectral_convergence(wrong, speech, sr=SR)


def test_spectral_convergence_loses_every_consonant():
    loud, faint = vowel("a", 120.0), noise(0)
    faint *= 10 ** (-30 / 20) * np.linalg.norm(loud) / np.linalg.norm(faint)
    spoken, robbed = np.concatenate([loud, faint]), np.concatenate([loud, 0 * faint])
    assert spectral_convergence(robbed, spoken, sr=SR) == pytest.approx(0.03, abs=0.005)
    assert log_spectral_distance(robbed, spoken, sr=SR) > 6.0


def test_mel_cepstral_distortion_is_blind_to_pitch_and_level():
    r = vowel("a", 120.0)
    other_pitch, other_vowel = mel_cepstral_distortion(vowel("a", 150.0), r, sr=SR), mel_cepstral_distortion(vowel("i", 120.0), r, sr=SR)
    assert other_pitch < 0.2 * other_vowel
    assert mel_cepstral_distortion(0.3 * r, r, sr=SR) < 0.02
    assert pitch_error(vowel("a", 150.0), r, sr=SR).rmse_cents > 300.0


def test_pitch_error_is_blind_to_all_but_pitch():
    dull, bright = (sum(np.sin(2 * np.pi * 120 * k * T) / k**slope for k in range(1, 30)) for slope in (3.0, 0.5))
    found = pitch_error(0.05 * bright, 0.05 * dull, sr=SR)
    assert log_spectral_distance(0.05 * bright, 0.05 * dull, sr=SR) > 15.0
    assert found.rmse_cents < 5.0
    assert found.gross == 0.0
    assert found.voicing < 0.03


def test_one_octave_error_rules_the_root_mean_square():
    r = np.sin(2 * np.pi * 150 * T)
    slip = np.concatenate([np.sin(2 * np.pi * 300 * T[:800]), np.sin(2 * np.pi * 150 * T[800:])])
    found = pitch_error(slip, r, sr=SR)
    assert found.gross == pytest.approx(0.1, abs=0.02)
    assert found.rmse_cents == pytest.approx(1200 * np.sqrt(found.gross), rel=0.1)


def test_si_sdr_punishes_what_no_one_hears_and_forgives_a_wrong_level():
    r = noise(3)
    assert si_sdr(delayed(r), r, sr=SR) < -15.0  # white noise, one sample late
    assert log_spectral_distance(delayed(r), r, sr=SR) < 2.0
    assert si_sdr(r + 0.1, r, sr=SR) < 1.0  # a constant
    assert si_sdr(0.001 * r, r, sr=SR) > 200.0


# Bad input


@pytest.mark.parametrize("measure", PAIRS)
@pytest.mark.parametrize(
    ("y", "reference", "sr", "message"),
    [
        (np.zeros(0), np.ones(4), SR, "y must have at least 1"),
        (np.ones(4), np.zeros(0), SR, "reference must have at least 1"),
        (np.ones(4), np.ones(5), SR, "length of y, 4 samples; received 5"),
        (np.ones((2, 4)), np.ones(4), SR, "y must be mono"),
        (np.ones(4), np.ones((2, 4)), SR, "reference must be mono"),
        (np.array([1.0, np.nan]), np.ones(2), SR, "y must be finite"),
        (np.ones(2), np.array([1.0, np.inf]), SR, "reference must be finite"),
        (np.ones(4, dtype=int), np.ones(4), SR, "y must be floating point"),
        (np.ones(4), np.ones(4), 0, "sr must be >= 1"),
        (np.ones(4), np.ones(4), 8000.5, "sr must be a whole number"),
    ],
)
def test_bad_pairs_are_refused(measure, y, reference, sr, message):
    with pytest.raises(ParameterError, match=message):
        measure(y, reference, sr=sr)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: log_spectral_distance(y, y, sr=1000), "sr must be >= 2000"),
        (lambda y: log_spectral_distance(y, y, sr=SR, floor_db=0.0), "floor_db must be < 0"),
        (lambda y: mel_cepstral_distortion(y, y, sr=SR, order=40), "order must be <= 39"),
        (lambda y: mel_cepstral_distortion(y, y, sr=SR, order=0), "order must be >= 1"),
        (lambda y: si_sdr(y, 0 * y, sr=SR), "reference must not be silent"),
        (lambda y: pitch_error(y, y, sr=SR, f_min=300.0, f_max=200.0), "f_min must be < f_max"),
        (lambda y: pitch_error(y, y, sr=SR, limit=0.0), "limit must be > 0"),
        (lambda y: align(np.zeros((0, 2)), np.zeros((3, 2))), "n >= 1"),
        (lambda y: align(np.zeros((2, 2)), np.zeros((3, 1))), "same d"),
        (lambda y: align(np.zeros((2**15, 1)), np.zeros((2**14, 1))), r"2\*\*28 pairs"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call(noise(0))
