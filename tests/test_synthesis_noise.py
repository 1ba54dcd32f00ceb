"""Noise: the slope of every colour, from its filter and from its sound; level, bound, no offset."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis import blocks, noise, render

SLOPES = {"white": 0.0, "pink": -3.0103, "brown": -6.0206, "blue": 3.0103, "violet": 6.0206}  # dB per octave
every_colour = pytest.mark.parametrize("colour", SLOPES)


def slope(f, db):
    return np.polyfit(np.log2(f), db, 1)[0]


@every_colour
@pytest.mark.parametrize("sr", [8000, 16_000, 22_050, 44_100, 48_000, 192_000])
def test_the_filter_has_the_slope(colour, sr):
    """From 50 Hz to 16 kHz or 0.45 sr: the slope within 0.1 dB per octave, and nowhere more than 0.9 dB off the line."""
    from scipy.signal import sosfreqz

    f = np.geomspace(50.0, min(16_000.0, 0.45 * sr), 500)
    _, H = sosfreqz(noise.sections(colour, sr=sr), worN=f, fs=sr)
    db = 20 * np.log10(np.abs(H))
    assert slope(f, db) == pytest.approx(SLOPES[colour], abs=0.1)
    off = db - SLOPES[colour] * np.log2(f)
    assert np.abs(off - off.mean()).max() < 0.9


@pytest.mark.parametrize("sr", [8000, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_the_stairs_of_pink_noise_are_flat_within_half_a_decibel(sr):
    from scipy.signal import sosfreqz

    f = np.geomspace(50.0, 0.48 * sr, 1000)
    _, H = sosfreqz(noise.sections("pink", sr=sr), worN=f, fs=sr)
    assert np.ptp(20 * np.log10(np.abs(H)) + 10 * np.log10(f)) < 0.5


@every_colour
def test_the_sound_has_the_slope(colour):
    """Power in thirds of an octave, 50 Hz to 16 kHz: within 0.3 dB per octave."""
    sr = 44_100
    y = render(colour, sr=sr, duration=20.0, rng=1)
    power = np.abs(np.fft.rfft(y)) ** 2
    edges = np.geomspace(50.0, 16_000.0, 26)
    bins = np.round(edges * len(y) / sr).astype(int)
    db = [10 * np.log10(power[a:b].mean()) for a, b in pairwise(bins)]
    assert slope(np.sqrt(edges[:-1] * edges[1:]), db) == pytest.approx(SLOPES[colour], abs=0.15)


@every_colour
@pytest.mark.parametrize("sr", [8000, 44_100])
def test_level_bound_and_offset(colour, sr):
    y = render(colour, sr=sr, duration=30.0, rng=0)
    assert np.sqrt(np.mean(y**2)) == pytest.approx(0.2, rel=0.03)
    assert np.abs(y).max() < 1.0
    assert abs(y.mean()) < 1e-3
    quiet = render(colour, sr=sr, duration=1.0, rng=0, level_db=-20.0)
    np.testing.assert_allclose(10 * quiet, y[:sr], atol=1e-12)


def test_white_noise_is_normally_distributed_and_uncorrelated():
    from scipy.stats import kstest

    y = noise.white(sr=8000, duration=5.0, rng=0)
    assert kstest(y[np.abs(y) < 0.6], "norm", args=(0.0, 0.2)).statistic < 0.01
    lags = [np.dot(y[:-lag], y[lag:]) / np.dot(y, y) for lag in range(1, 20)]
    assert np.abs(lags).max() < 5 / np.sqrt(len(y))


def test_blue_is_the_derivative_of_pink_and_violet_of_white():
    """The same throws of dice through both filters."""
    from scipy.signal import sosfreqz

    _, H = sosfreqz([[1.0, -1.0, 0.0, 1.0, 1 / 7, 0.0]], worN=np.array([100.0, 1000.0]), fs=44_100)
    np.testing.assert_allclose(np.abs(H) * 8 / 7, 2 * np.pi * np.array([100.0, 1000.0]) / 44_100, rtol=2e-3)


@every_colour
def test_chance_and_blocks(colour):
    y = render(colour, sr=8000, duration=3.0, rng=5)
    np.testing.assert_array_equal(y, render(colour, sr=8000, duration=3.0, rng=5))
    assert np.abs(y - render(colour, sr=8000, duration=3.0, rng=6)).max() > 0.1
    np.testing.assert_array_equal(render(colour, sr=8000, duration=1.0, rng=5), y[:8000])
    np.testing.assert_array_equal(np.concatenate(list(blocks(colour, sr=8000, block_length=999, duration=3.0, rng=5))), y)
    np.testing.assert_array_equal(getattr(noise, colour)(sr=8000, duration=3.0, rng=5), y)


def test_the_filters_are_copies():
    noise.sections("pink", sr=8000)[:] = 0.0
    assert noise.sections("pink", sr=8000).any()


@every_colour
@pytest.mark.parametrize("settings", [{"level_db": 1.0}, {"level_db": np.nan}, {"duration": 0.0}, {"sr": 100}, {"rng": -1}])
def test_what_is_wrong_is_named(colour, settings):
    with pytest.raises(ParameterError, match=next(iter(settings)).replace("rng", "rng|seed")):
        getattr(noise, colour)(**{"sr": 8000, "duration": 1.0, **settings})
