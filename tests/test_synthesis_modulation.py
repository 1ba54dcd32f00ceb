"""AM, ring modulation and FM: spectra against closed forms."""

import numpy as np
import pytest
from scipy.special import jv

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis import modulation

SR = 48_000


def levels(y):
    """Amplitude of every whole frequency of one second."""
    return np.abs(np.fft.rfft(y)) / (len(y) / 2)


@pytest.mark.parametrize("depth", [0.0, 0.3, 1.0])
def test_am_is_a_carrier_and_two_sidebands(depth):
    a = levels(modulation.am(1000.0, sr=SR, duration=1.0, rate=130.0, depth=depth)) * (1.0 + depth)
    np.testing.assert_allclose(a[[870, 1000, 1130]], [depth / 2, 1.0, depth / 2], atol=1e-9)
    a[[870, 1000, 1130]] = 0.0
    assert a.max() < 1e-9


def test_ring_keeps_neither_of_the_two():
    a = levels(modulation.ring(1000.0, sr=SR, duration=1.0, rate=130.0))
    np.testing.assert_allclose(a[[870, 1130]], 0.5, atol=1e-9)
    a[[870, 1130]] = 0.0
    assert a.max() < 1e-9


@pytest.mark.parametrize("index", [0.0, 0.5, 1.0, 2.405, 5.0, 10.0])
def test_fm_sidebands_are_bessel_functions(index):
    """A carrier high enough that nothing folds: every sideband stands alone."""
    a = levels(modulation.fm(4000.0, sr=SR, duration=1.0, ratio=0.025, index=index))
    k = np.arange(-20, 21)
    np.testing.assert_allclose(a[4000 + 100 * k], np.abs(jv(k, index)), atol=1e-9)


def test_fm_with_folding_is_the_signed_sum_of_its_sidebands():
    """Ratio 1: what would lie at -k f0 comes back at k f0 with the opposite sign."""
    index, a = 3.0, levels(modulation.fm(500.0, sr=SR, duration=1.0, ratio=1.0, index=3.0))
    for k in range(1, 10):
        assert a[500 * k] == pytest.approx(abs(jv(k - 1, index) - jv(-k - 1, index)), abs=1e-9)
    assert a[0] < 1e-9


def test_the_power_of_fm_does_not_depend_on_the_index():
    powers = [np.mean(modulation.fm(4000.0, sr=SR, duration=1.0, ratio=0.05, index=i) ** 2) for i in (0.0, 1.0, 7.0)]
    np.testing.assert_allclose(powers, 0.5, atol=1e-9)


def centroid(y):
    a = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    return np.sum(np.fft.rfftfreq(len(y), 1 / SR) * a) / np.sum(a)


def test_a_bell_falls_by_sixty_decibels_and_turns_pure():
    y = modulation.fm_bell(400.0, sr=SR, duration=2.5, decay=2.0)
    early, late = y[:4800], y[2 * SR : 2 * SR + 4800]
    fall = 10 * np.log10(np.mean(early**2) / np.mean(late**2))
    assert fall == pytest.approx(60.0, abs=1.0)
    assert centroid(early) > 2.5 * centroid(late)
    assert centroid(late) == pytest.approx(400.0, rel=0.02)


def test_brass_is_brightest_when_loudest_and_begins_and_ends_in_silence():
    y = modulation.fm_brass(220.0, sr=SR, duration=1.0, attack=0.2)
    slices = [y[int(t * SR) : int(t * SR) + 2400] for t in (0.02, 0.18, 0.5)]
    assert centroid(slices[0]) < centroid(slices[2]) < centroid(slices[1])
    assert y[0] == 0.0
    assert abs(y[-1]) < 1e-3


def test_the_tine_of_the_piano_dies_first():
    y = modulation.fm_piano(220.0, sr=SR, duration=2.0)

    def tine(part):
        a = levels(part)
        f = np.fft.rfftfreq(len(part), 1 / SR)
        return a[(f > 2700) & (f < 3500)].max() / a.max()

    assert tine(y[:9600]) > 5 * tine(y[24_000:33_600])


@pytest.mark.parametrize("sound", [modulation.am, modulation.ring])
@pytest.mark.parametrize("rate", [220.0, 440.0, 880.0])
def test_no_offset_where_the_modulator_is_in_step_with_the_carrier(sound, rate):
    """The carrier is odd in time, the modulator even: their product is odd, so that its mean is 0 at every pair of frequencies."""
    y = sound(440.0, sr=SR, duration=1.0, rate=rate)
    assert abs(y.mean()) < 1e-12
    assert np.sqrt(np.mean(y**2)) > 0.2


def test_rates_beyond_nyquist_are_refused():
    with pytest.raises(ParameterError, match=r"ratio \* f0 must be < sr / 2"):
        modulation.fm(3000.0, sr=16_000, duration=0.1, ratio=3.0)


def test_pitch_stays_exact_after_an_hour():
    """The angle is taken within one turn: sample number times frequency would lose digits."""
    n = np.arange(3600 * SR, 3600 * SR + 100)
    np.testing.assert_allclose(modulation._angle(n, 1000.0, SR), modulation._angle(n - 3600 * SR, 1000.0, SR), atol=1e-5)
