"""Filtered tones: the filter is where it should be, when it should be."""

import numpy as np
import pytest
from scipy import signal

from audiogen_helpers import filters
from audiogen_helpers.synthesis import oscillators, subtractive

SR = 44_100


def centroid(y):
    a = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    return np.sum(np.fft.rfftfreq(len(y), 1 / SR) * a) / np.sum(a)


def test_a_filter_that_rests_is_the_biquad_on_the_wave():
    y = subtractive.subtractive(110.0, sr=SR, duration=0.5, cutoff=800.0, resonance=4.0, sweep=0.0)
    x = signal.sosfilt(filters.biquad("low-pass", sr=SR, f=800.0, q=4.0), oscillators.saw(110.0, sr=SR, duration=0.5))
    inside = slice(SR // 100, round(0.4 * SR))
    np.testing.assert_allclose(y[inside], filters.soft_limit(x * 0.25)[inside], atol=1e-9)


def test_the_note_is_bright_at_first_and_dull_later_and_has_no_click():
    y = subtractive.subtractive(110.0, sr=SR, duration=1.0)
    early, late = (np.abs(np.fft.rfft(part)) ** 2 for part in (y[: SR // 5], y[SR // 2 : SR // 2 + SR // 5]))
    bright = np.fft.rfftfreq(SR // 5, 1 / SR) > 1500.0
    assert early[bright].sum() / early.sum() > 10 * late[bright].sum() / late.sum()
    assert y[0] == 0.0
    assert abs(y[-1]) < 1e-3


def test_wah_opens_as_often_as_it_is_told():
    y = subtractive.wah(110.0, sr=SR, duration=4.0, rate=2.0)
    frames = [centroid(y[i : i + 4096]) for i in range(0, len(y) - 4096, 1102)]
    spectrum = np.abs(np.fft.rfft(np.array(frames) - np.mean(frames)))
    rate = np.fft.rfftfreq(len(frames), 1102 / SR)[spectrum.argmax()]
    assert rate == pytest.approx(2.0, abs=0.15)


def test_a_wah_in_step_with_its_pitch_leaves_no_offset():
    y = subtractive.wah(4000.0, sr=SR, duration=2.0, wave="square", rate=50.0, low=20_000.0, high=20.0, resonance=2.8)
    assert abs(y.mean()) < 1e-4


@pytest.mark.parametrize(("f", "q"), [(200.0, 5.0), (1000.0, 0.5), (1000.0, 50.0), (8000.0, 5.0)])
def test_a_band_of_noise_lies_where_it_should_at_the_same_level(f, q):
    y = subtractive.noise_band(sr=SR, duration=20.0, f=f, q=q, rng=0)
    assert np.sqrt(np.mean(y**2)) == pytest.approx(0.15, rel=0.1)
    freqs, power = signal.welch(y, fs=SR, nperseg=16_384)
    assert freqs[power.argmax()] == pytest.approx(f, rel=0.6 / q)
    above = freqs[power > power.max() / 2]
    assert above.max() - above.min() == pytest.approx(f / q, rel=0.5)


def test_power_of_the_band_in_closed_form():
    """A band-pass of bandwidth w lets through its numerator's first coefficient: checked by adding up the response."""
    for f, q in ((100.0, 2.0), (3000.0, 0.7), (5000.0, 30.0)):
        sos = filters.biquad("band-pass", sr=SR, f=f, q=q)
        _, H = signal.sosfreqz(sos, worN=400_000)
        assert subtractive._power(sos[0]) == pytest.approx(np.mean(np.abs(H) ** 2), rel=1e-3)
