"""TD-PSOLA: the pitch moves by the factor, the formants stay, and a voice that is not changed comes back to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from audiogen_helpers import audio
from audiogen_helpers import linear_prediction as lp
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.partials import partial_level
from audiogen_helpers.spectral.pitch import pitch_of, track_pitch
from audiogen_helpers.transform import TRANSFORMS, apply, psola

SR = 16000


def vowel(f0, *, duration=1.0):
    """Pulses through three resonators."""
    y = np.zeros(round(duration * SR))
    y[np.round(np.arange(0.0, len(y) - 1, SR / f0)).astype(int)] = 1.0
    for f, width in ((700.0, 80.0), (1200.0, 90.0), (2600.0, 120.0)):
        pole = np.exp((-np.pi * width + 2j * np.pi * f) / SR)
        y = lfilter([1.0], np.poly([pole, pole.conj()]).real, y)
    return 0.5 * y / np.abs(y).max()


def formants(y):
    middle = y[len(y) // 4 : len(y) // 2]
    return lp.formants(lp.lpc(middle * np.hanning(len(middle)), order=10), sr=SR)[0]


def cents(f, reference):
    return 1200.0 * np.log2(f / reference)


@pytest.mark.parametrize("f0", [100.0, 140.3, 210.0])
@pytest.mark.parametrize("semitones", [-12.0, -5.0, 4.0, 7.0])
def test_the_pitch_moves_and_the_formants_stay(f0, semitones):
    y = vowel(f0)
    z = psola.psola(y, sr=SR, semitones=semitones)
    new = f0 * 2 ** (semitones / 12)
    assert z.shape == y.shape
    assert abs(cents(pitch_of(z, sr=SR), new)) < 1.0
    for f in (700.0, 1200.0, 2600.0):
        assert np.abs(formants(z) - f).min() < max(0.35 * f0, 0.2 * new)  # what partials this far apart can tell
    assert 0.7 < np.std(z) / np.std(y) < 1.2


@pytest.mark.parametrize("f0", [100.0, 210.0])
@pytest.mark.parametrize("stretch", [0.25, 0.5, 1.7, 4.0])
def test_a_stretched_voice_keeps_pitch_and_formants(f0, stretch):
    y = vowel(f0)
    z = psola.psola(y, sr=SR, stretch=stretch)
    assert len(z) == round(stretch * len(y))
    assert abs(cents(pitch_of(z, sr=SR), f0)) < 1.0
    for f in (700.0, 1200.0, 2600.0):
        assert np.abs(formants(z) - f).min() < 0.35 * f0


def test_nothing_to_do():
    rng = np.random.default_rng(0)
    for y in (
        vowel(120.0),
        rng.standard_normal(5000),
        np.concatenate([vowel(150.0), rng.standard_normal(3000), np.zeros(2000), vowel(90.0)]),
    ):
        np.testing.assert_allclose(psola.psola(y, sr=SR), y, atol=1e-12)


def test_one_mark_in_each_period():
    marks, voiced = psola.pitch_marks(vowel(125.0), sr=SR)
    assert set(np.diff(marks[voiced])) == {128}
    assert voiced.mean() > 0.9
    marks, voiced = psola.pitch_marks(np.random.default_rng(0).standard_normal(8000), sr=SR)
    assert voiced.mean() < 0.2
    assert np.all(np.diff(marks) > 0)


def test_a_melody_is_followed():
    y = vowel(120.0)
    cases = (
        (180.0, lambda t: np.full(len(t), 180.0), 2.0),
        (lambda t: 150 + 100 * t, lambda t: 150 + 100 * t, 8.0),
        ([200.0, 100.0], lambda t: 200 - 100 * t, 8.0),
    )
    for f0, want, tolerance in cases:
        times, found = track_pitch(psola.psola(y, sr=SR, f0=f0), sr=SR)
        middle = slice(10, -10)
        assert np.nanmedian(np.abs(cents(found, want(times)))[middle]) < tolerance
        assert np.isfinite(found[middle]).mean() > 0.95


@pytest.mark.parametrize("semitones", [-7.0, -3.0, 4.0, 7.0, 10.0, 12.0])
def test_a_sine_is_as_loud_as_the_window_lets_it(semitones):
    """Pieces of two periods a new period apart: the transform of their window, read at the distance from the old pitch to the new."""
    y = 0.5 * np.sin(2 * np.pi * 160.0 * np.arange(SR) / SR)  # 100 samples a period
    z = psola.psola(y, sr=SR, semitones=semitones)[3000:-3000]
    ratio = 2 ** (semitones / 12)
    x = 2 * (ratio - 1)
    assert partial_level(z, f=160.0 * ratio, sr=SR) / 0.5 == pytest.approx(np.sqrt(ratio) * abs(np.sinc(x) / (1 - x * x)), abs=0.02)


def test_noise_keeps_its_colour_and_level():
    y = lfilter([1.0], [1.0, -1.3, 0.9], 0.1 * np.random.default_rng(0).standard_normal(SR))
    z = psola.psola(y, sr=SR, stretch=2.0, semitones=5.0)
    assert np.std(z) == pytest.approx(np.std(y), rel=0.15)
    np.testing.assert_allclose(lp.lpc(z, order=2), lp.lpc(y, order=2), atol=0.1)


@pytest.mark.parametrize("length", [1, 2, 50, 100, 1000])
@pytest.mark.parametrize("stretch", [0.25, 1.0, 4.0])
@pytest.mark.parametrize("sr", [8000, 44100])
def test_any_length_will_do(length, stretch, sr):
    y = np.random.default_rng(0).standard_normal(length)
    z = psola.psola(y, sr=sr, stretch=stretch, semitones=-24.0)
    assert z.shape == (max(1, round(length * stretch)),)
    assert np.isfinite(z).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_type_and_input(dtype):
    z = psola.psola(np.zeros(1000, dtype), sr=8000, stretch=1.5)
    assert z.dtype == dtype
    assert z.shape == (1500,)
    assert not z.any()
    y = vowel(120.0, duration=0.3).astype(dtype)
    before = y.copy()
    assert psola.psola(y, sr=SR, semitones=3.0).dtype == dtype
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("gain", [1e-150, 1e-6, 1e150])
def test_level_does_not_matter(gain):
    y = vowel(120.0, duration=0.3)
    np.testing.assert_allclose(psola.psola(gain * y, sr=SR, semitones=3.0) / gain, psola.psola(y, sr=SR, semitones=3.0), atol=1e-9)


def test_registered():
    y = vowel(120.0, duration=0.3)
    assert TRANSFORMS["psola"].extra["mono"]
    np.testing.assert_array_equal(apply("psola", y, sr=SR), psola.psola(y, sr=SR))
    for p in TRANSFORMS["psola"].parameters:
        for value in (p.low, p.high):
            assert np.isfinite(apply("psola", y, sr=SR, **{p.name: value})).all()


@pytest.mark.parametrize(
    ("y", "wrong", "message"),
    [
        (np.zeros((2, 100)), {}, "y must be mono"),
        (np.zeros(0), {}, "y must have at least 1"),
        (np.ones(100), {"semitones": 30.0}, "semitones must be <= 24"),
        (np.ones(100), {"stretch": 0.0}, "stretch must be >= 0.25"),
        (np.ones(100), {"f0": 10.0}, "f0 must be >= 20"),
        (np.ones(100), {"f0": [np.nan, 100.0]}, "f0 must be finite"),
        (np.ones(100), {"f0": lambda t: [100.0, 200.0]}, "f0 must give one value for each"),
        (np.ones(100), {"f0": []}, "f0 must give"),
        (np.ones(100), {"sr": 0}, "sr"),
    ],
)
def test_what_is_wrong_is_named(y, wrong, message):
    with pytest.raises(ParameterError, match=message):
        psola.psola(y, **{"sr": SR, **wrong})


@pytest.mark.corpus
@pytest.mark.parametrize("speaker", ["198-209-0000", "3436-172162-0000", "5703-47212-0000"])
def test_recorded_voices(speaker):
    folder = corpora_dir()
    path = folder / "librosa-examples" / f"{speaker}.ogg" if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    y, sr = audio.read(path, duration=6.0)
    np.testing.assert_allclose(psola.psola(y, sr=sr), y, atol=1e-6)
    times, f0 = track_pitch(y, sr=sr, f_max=400.0)
    for semitones, stretch in ((-5.0, 1.0), (4.0, 1.0), (0.0, 0.7), (0.0, 2.0)):
        ratio = 2 ** (semitones / 12)
        z = psola.psola(y, sr=sr, semitones=semitones, stretch=stretch, f_max=400.0)
        new_times, new = track_pitch(z, sr=sr, f_min=60.0 * min(ratio, 1.0), f_max=400.0 * max(ratio, 1.0))
        off = cents(new / np.interp(new_times / stretch, times, f0), ratio)
        assert abs(np.median(off[np.abs(off) < 100.0])) < 5.0
