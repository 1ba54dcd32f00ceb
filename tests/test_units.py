"""Conversions: closed forms, inverses and a second implementation."""

import librosa
import numpy as np
import pytest

from audiogen_helpers import units
from audiogen_helpers.errors import ParameterError

RATES = (8000, 16000, 22050, 44100, 48000)


@pytest.mark.parametrize("sr", RATES)
def test_n_samples_is_exact_for_every_hundredth_of_a_second(sr):
    for hundredths in range(0, 300):
        wanted = (2 * hundredths * sr + 100) // 200  # nearest, in whole numbers
        got = units.n_samples(hundredths / 100, sr=sr)
        assert abs(got - hundredths * sr / 100) <= 0.5
        assert got == wanted or (hundredths * sr) % 100 == 50


@pytest.mark.parametrize("sr", RATES)
def test_seconds_and_samples_are_inverse(sr):
    assert [units.n_samples(units.seconds(n, sr=sr), sr=sr) for n in range(0, 3 * sr, 997)] == list(range(0, 3 * sr, 997))


def test_n_frames_counts_what_a_centred_transform_returns():
    for length in (512, 639, 640, 8063, 8064, 8191):
        D = librosa.stft(np.zeros(length, dtype=np.float32), n_fft=512, hop_length=128, pad_mode="constant")
        assert units.n_frames(length, hop_length=128) == D.shape[1]


def test_decibels_and_gains_are_inverse_and_minus_six_db_is_about_a_half():
    db = np.linspace(-90, 20, 111)
    np.testing.assert_allclose(units.gain_to_db(units.db_to_gain(db)), db, atol=1e-10)
    assert units.db_to_gain(-6.0206) == pytest.approx(0.5, abs=1e-5)
    assert units.db_to_gain(-np.inf) == 0.0
    assert units.gain_to_db(0.0) == -np.inf
    assert units.gain_to_db(0.0, floor_db=-60) == -60.0


def test_pitches_agree_with_librosa():
    midi = np.arange(0, 128)
    np.testing.assert_allclose(units.midi_to_hz(midi), librosa.midi_to_hz(midi))
    np.testing.assert_allclose(units.hz_to_midi(units.midi_to_hz(midi)), midi)
    f = np.linspace(1, 20_000, 3001)
    np.testing.assert_allclose(units.hz_to_mel(f), librosa.hz_to_mel(f))
    np.testing.assert_allclose(units.mel_to_hz(units.hz_to_mel(f)), f)
    assert units.cents(660.0, reference=440.0) == pytest.approx(1200 * np.log2(1.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: units.n_samples(-1, sr=8000), "duration must be >= 0; received -1.0"),
        (lambda: units.n_samples(np.nan, sr=8000), "duration must be finite"),
        (lambda: units.n_samples(1, sr=0), "sr must be >= 1; received 0"),
        (lambda: units.n_samples(1, sr=22050.5), "sr must be a whole number"),
        (lambda: units.n_samples("1", sr=8000), "duration must be a number; received '1'"),
        (lambda: units.n_samples(True, sr=8000), "duration must be a number; received True"),
        (lambda: units.hz_to_midi(0.0), "f must be > 0"),
        (lambda: units.hz_to_mel([-1.0]), "f must be >= 0"),
        (lambda: units.db_to_gain(np.inf), "db must be finite"),
        (lambda: units.gain_to_db(-0.1), "gain must be >= 0"),
        (lambda: units.midi_to_hz(["a"]), "midi must be an array of real numbers"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
