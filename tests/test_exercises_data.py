"""The checks accept what is right however it is written, and say what is wrong."""

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import data
from audiogen_helpers.spectral import MelSpec


def level(y):
    rms, peak = np.sqrt(np.mean(y**2)), np.abs(y).max()
    return y * min(0.1 / rms, 10 ** (-1 / 20) / peak) if peak > 0 else np.zeros_like(y)


def level_in_decibels(y):
    gain_db = min(-20.0 - audio.rms_db(y), -1.0 - audio.peak_db(y)) if y.any() else 0.0
    return (y * 10 ** (gain_db / 20)).astype(np.float32)


def in_place(y):
    answer = level(y)
    y[:] = answer
    return y


@pytest.mark.parametrize("function", [level, level_in_decibels])
def test_right_levels_pass(function, capsys):
    data.check_level(function)
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize(
    ("function", "heard"),
    [
        (lambda y: 0.1 * y / np.sqrt(np.mean(y**2)) if y.any() else y, "spikes comes back with a peak of"),
        (lambda y: audio.normalize_peak(y, peak_db=-1.0), "a loud clip comes back with an RMS level of -5"),
        (lambda y: y * min(0.1 / np.sqrt(np.mean(y**2)), 10 ** (-1 / 20) / np.abs(y).max()), "silence comes back with 8000 NaN"),
        (lambda y: level(y) + 1e-6 * (not y.any()), "silence comes back as something else"),
        (lambda y: y, "a loud clip comes back with a peak of -0.92"),
        (lambda y: level(0.5 * y) * 0.9, "RMS level of -20.92 dB; -20.00 dB was asked for"),
        (lambda y: level(y)[1:], r"comes back with shape \(7999,\)"),
        (lambda y: (level(y) * 1000).astype(int), "not as floating point"),
        (in_place, "was itself changed"),
    ],
)
def test_wrong_levels_hear_why(function, heard):
    with pytest.raises(ExerciseError, match=heard):
        data.check_level(function)


def test_right_scalings_pass(capsys):
    data.check_unit_scale(lambda L: np.clip((L + 80) / 80, 0, 1), lambda X: X * 80 - 80)
    data.check_unit_scale(lambda L: np.clip(1 + L / 80, 0, 1).astype(np.float32), lambda X: 80 * (X - 1))
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize(
    ("to_unit", "from_unit", "heard"),
    [
        (lambda L: 1 + L / 80, lambda X: 80 * (X - 1), "-90 dB should become 0; it becomes -0.125"),
        (lambda L: np.clip(1 + L / 40, -1, 1), lambda X: 40 * (X - 1), "-80 dB should become 0; it becomes -1"),
        (lambda L: np.clip(1 + L / 80, 0, 1), lambda X: 80 * X, "moves by 80 dB"),
        (lambda L: np.clip(1 + L / 80, 0, 1) ** 2, lambda X: 80 * (np.sqrt(X) - 1), "-40 dB should become 0.5; it becomes 0.25"),
        (lambda L: np.clip(1 + L / 80, 0, 1)[:1], lambda X: 80 * (X - 1), "comes back with shape"),
    ],
)
def test_wrong_scalings_hear_why(to_unit, from_unit, heard):
    with pytest.raises(ExerciseError, match=heard):
        data.check_unit_scale(to_unit, from_unit)


def test_right_settings_pass(capsys):
    data.check_settings(MelSpec(sr=16_000, n_fft=1024, hop_length=256, n_mels=64, fmax=8000.0, floor=1e-3))
    assert "16128 samples give 64 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "heard"),
    [
        ({"sr": 8000, "n_fft": 512, "hop_length": 128}, "your settings say 8000"),
        ({"sr": 16_000, "n_fft": 512, "hop_length": 128}, "n_fft lasts 32 ms with your settings; it should last 64 ms"),
        ({"sr": 16_000, "n_fft": 1024, "hop_length": 128}, "hop_length lasts 8 ms with your settings; it should last 16 ms"),
        ({"sr": 16_000, "n_fft": 1024, "hop_length": 256, "n_mels": 80}, "64 bands; yours has 80"),
        ({"sr": 16_000, "n_fft": 1024, "hop_length": 256, "fmax": 4000.0}, "ends at 4000 Hz"),
    ],
)
def test_wrong_settings_hear_why(settings, heard):
    with pytest.raises(ExerciseError, match=heard):
        data.check_settings(MelSpec(**settings))


def test_what_is_no_answer_at_all_is_named():
    with pytest.raises(ParameterError, match="level must be a function; received ndarray"):
        data.check_level(np.zeros(10))
    with pytest.raises(ParameterError, match="from_unit must be a function"):
        data.check_unit_scale(lambda L: L, None)
    with pytest.raises(ParameterError, match="spec must be a MelSpec; received dict"):
        data.check_settings({"sr": 16_000})
