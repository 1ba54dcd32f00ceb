"""Wavetables and grains: what is stored comes back, at another time and another pitch."""

import numpy as np
import pytest
from scipy import signal

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.pitch import pitch_of
from audiogen_helpers.synthesis import oscillators, sampled
from audiogen_helpers.units import cents

SR = 22_050


def test_the_ends_of_the_wavetable_are_its_waves():
    sine = sampled.wavetable(300.0, sr=SR, duration=0.5, position=0.0, sweep=0.0)
    np.testing.assert_allclose(sine, 0.9 * oscillators.sine(300.0, sr=SR, duration=0.5), atol=1e-3)
    square = sampled.wavetable(300.0, sr=SR, duration=0.5, position=0.75, sweep=0.0)
    wanted = oscillators.square(300.0, sr=SR, duration=0.5)
    assert np.corrcoef(square, wanted)[0, 1] > 0.9999


def test_between_two_waves_lies_their_mean():
    at = [sampled.wavetable(300.0, sr=SR, duration=0.2, position=p, sweep=0.0) for p in (0.0, 0.125, 0.25)]
    np.testing.assert_allclose(at[1], (at[0] + at[2]) / 2, atol=1e-12)


@pytest.mark.parametrize("f0", [20.0, 40.0])
def test_no_offset_where_the_sweep_is_in_step_with_the_pitch(f0):
    y = sampled.wavetable(f0, sr=SR, duration=1.0, position=1.0, sweep=0.9, rate=20.0)
    assert abs(y.mean()) < 1e-9


def test_the_sweep_goes_from_the_lowest_place_to_the_highest_and_back():
    y = sampled.wavetable(300.0, sr=SR, duration=2.0, position=0.5, sweep=0.5, rate=0.5)
    period = round(SR / 300.0)
    for at, place in ((0.0, 0.0), (1.0, 1.0), (2.0 - 2 * period / SR, 0.0)):
        still = sampled.wavetable(300.0, sr=SR, duration=2.0, position=place, sweep=0.0)
        i = round(at * SR)
        np.testing.assert_allclose(y[i : i + period], still[i : i + period], atol=2e-3)


def test_grains_keep_the_pitch_and_transpose_by_semitones():
    clip = 0.5 * oscillators.sine(440.0, sr=SR, duration=1.0)
    for pitch, wanted in ((0.0, 440.0), (12.0, 880.0), (-7.0, 440.0 * 2 ** (-7 / 12))):
        y = sampled.granular(clip, sr=SR, duration=2.0, density=100.0, grain=0.1, pitch=pitch, rng=0)
        spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), n=8 * len(y)))
        assert abs(cents(spectrum.argmax() * SR / (8 * len(y)), reference=wanted)) < 25.0
    assert pitch_of(clip, sr=SR) == pytest.approx(440.0, rel=1e-3)


def test_speed_is_the_speed_through_the_clip():
    """A clip that rises by an octave a second: at speed 0.25 the cloud rises by a quarter of an octave."""
    t = np.arange(4 * SR) / SR
    f = 300.0 * 2.0**t
    clip = 0.5 * np.sin(2 * np.pi * np.cumsum(f) / SR)
    y = sampled.granular(clip, sr=SR, duration=4.0, density=200.0, grain=0.05, speed=0.25, spread=0.0, rng=1)
    found = []
    for at in (0.5, 3.5):
        part = y[round((at - 0.15) * SR) : round((at + 0.15) * SR)]
        a = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        found.append(np.sum(np.fft.rfftfreq(len(part), 1 / SR) * a) / a.sum())
    assert np.log2(found[1] / found[0]) == pytest.approx(0.75, abs=0.1)


def test_frozen_grains_of_steady_noise_keep_its_level():
    clip = signal.sosfilt(signal.butter(4, 2000, fs=SR, output="sos"), np.random.default_rng(0).uniform(-0.6, 0.6, 4 * SR))
    y = sampled.granular(clip, sr=SR, duration=4.0, density=200.0, grain=0.05, spread=1.0, rng=1)
    assert np.sqrt(np.mean(y**2)) == pytest.approx(np.sqrt(np.mean(clip**2)), rel=0.15)


def test_number_of_grains_is_what_was_asked_for():
    """Grains so short that they do not meet: count the islands of sound."""
    clip = np.full(SR, 0.0)
    clip[::2], clip[1::2] = 0.5, -0.5
    y = sampled.granular(clip, sr=SR, duration=20.0, density=10.0, grain=0.002, rng=3)
    loud = np.abs(y) > 0.02
    islands = np.count_nonzero(np.diff(np.flatnonzero(loud)) > 30) + 1
    assert islands == pytest.approx(200, abs=4 * np.sqrt(200))


def test_compiled_grains_are_the_python_grains():
    rng = np.random.default_rng(0)
    clip, window = rng.standard_normal(50), np.hanning(20)
    starts, reads, steps = np.array([0, 5, 70]), np.array([3.5, 48.9, 0.0]), np.array([1.0, 2.7, 0.3])
    fast, slow = np.zeros(100), np.zeros(100)
    sampled._add(fast, clip, starts, reads, steps, window)
    sampled._add.py_func(slow, clip, starts, reads, steps, window)
    np.testing.assert_allclose(fast, slow, atol=1e-12)
    assert np.abs(fast).max() > 0.1


@pytest.mark.parametrize(
    ("clip", "options", "rule"),
    [
        (np.zeros((2, 100)), {}, "clip must be mono"),
        (np.zeros(1), {}, "clip must have at least 2"),
        (np.full(100, 2.0), {}, r"clip must stay within \[-1, 1\]"),
        (np.full(100, np.nan), {}, "clip must be finite"),
        (np.zeros(100), {"grain": 0.0}, "grain must be >="),
        (np.zeros(100), {"density": 1e9}, "density must be <="),
    ],
)
def test_bad_input_is_named(clip, options, rule):
    with pytest.raises(ParameterError, match=rule):
        sampled.granular(clip, sr=SR, duration=0.1, **options)


def test_silence_gives_silence():
    assert not sampled.granular(np.zeros(1000), sr=SR, duration=0.5, rng=0).any()
