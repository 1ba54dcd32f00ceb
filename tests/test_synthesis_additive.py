"""Additive synthesis against its sums: harmonic tones, Risset's bell, and a glissando that ends where it began."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis import additive, blocks, oscillators, render

SR = 8000


@pytest.mark.parametrize(("n", "rolloff", "even"), [(1, 6.0, 1.0), (7, 6.0, 1.0), (16, 12.0, 0.0), (40, 3.0, 0.3), (128, 0.0, 1.0)])
@pytest.mark.parametrize("f0", [110.0, 333.3, 1500.0])
def test_a_harmonic_tone_is_its_sum(n, rolloff, even, f0):
    y = additive.harmonic(f0, sr=SR, duration=0.2, n_partials=n, rolloff=rolloff, even=even)
    t = np.arange(len(y)) / SR
    want = np.zeros(len(y))
    for k in range(1, n + 1):
        if k * f0 < SR / 2:
            want += 10 ** (-rolloff * np.log2(k) / 20) * (1.0 if k % 2 else even) * np.sin(2 * np.pi * k * f0 * t)
    scale = (y @ want) / (want @ want)
    np.testing.assert_allclose(y, scale * want, atol=1e-4)
    assert np.abs(y).max() <= 1.0


def test_six_decibels_per_octave_are_a_saw_backwards():
    """``1 / k`` is 6.02 dB per octave. Half a period on, partial k of the sum has the sign (-1) ** k: that of the saw, turned over."""
    y = additive.harmonic(100.0, sr=SR, duration=0.1, n_partials=39, rolloff=20 * np.log10(2))
    saw = oscillators.saw(100.0, sr=SR, duration=0.1)
    np.testing.assert_allclose(np.corrcoef(np.roll(y, 40), -saw)[0, 1], 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("n", "rolloff", "even"), [(1, 6.0, 1.0), (2, 0.0, 1.0), (5, 0.0, 0.0), (16, 6.0, 1.0), (64, 1.0, 0.5), (128, 0.0, 1.0)]
)
def test_no_number_of_partials_exceeds_the_bound_and_one_nearly_reaches_it(n, rolloff, even):
    peaks = [np.abs(additive._harmonic_table.__wrapped__(k, n, rolloff, even)).max() for k in range(1, n + 1)]
    assert 0.98 < max(peaks) <= 1.0


def test_a_contour_glides_through_the_harmonic_tone():
    f0 = np.geomspace(100.0, 3000.0, SR)
    y = additive.harmonic(f0, sr=SR, n_partials=9, rolloff=3.0)
    assert len(y) == SR
    assert np.abs(y).max() <= 1.0
    steady = additive.harmonic(np.full(SR, 200.0), sr=SR, n_partials=9, rolloff=3.0)
    np.testing.assert_allclose(steady, additive.harmonic(200.0, sr=SR, duration=1.0, n_partials=9, rolloff=3.0), atol=1e-7)


@pytest.mark.parametrize("sr", [8000, 44_100])
@pytest.mark.parametrize(("f0", "decay"), [(440.0, 2.0), (1500.0, 0.5), (100.0, 6.0)])
def test_the_bell_is_its_sum(sr, f0, decay):
    y = additive.bell(f0, sr=sr, duration=1.5, decay=decay)
    t = np.arange(len(y)) / sr
    want = np.zeros(len(y))
    for ratio, shift, level, length in additive._BELL:
        f = ratio * f0 + shift
        if f < sr / 2:
            want += level * 10 ** (-3 * t / (length * decay)) * np.sin(2 * np.pi * f * t)
    want /= additive._BELL[:, 2].sum()
    np.testing.assert_allclose(y[: round(2 * decay * sr)], want[: round(2 * decay * sr)], atol=1e-9)


def test_the_bell_has_ended_after_120_db():
    y = additive.bell(440.0, sr=SR, duration=2.0, decay=0.5)
    assert np.abs(y[SR - 100 : SR]).max() > 0.0
    assert not y[SR:].any()
    assert [len(b) for b in blocks("risset-bell", sr=SR, block_length=5000, decay=0.5)] == [5000]


@pytest.mark.parametrize("rate", [0.1, 0.37, 2.0])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_glissando_is_its_sum(rate, direction):
    """Each component by its own integral, with the phases that make it one rising sine from 20 Hz to the top."""
    sr, n, sign = 8000, 7, 1 if direction == "up" else -1
    y = additive.shepard(sr=sr, duration=1.5, rate=rate, direction=direction)
    octaves = sign * rate * np.arange(len(y)) / sr
    lowest = round(20.0 / (rate * np.log(2))) * rate * np.log(2)
    assert lowest == pytest.approx(20.0, abs=0.7)
    want = np.zeros(len(y))
    for born in range(-n - 5, n + 6):
        height = octaves - born  # octaves above the lowest
        phase = lowest * 2.0**height / (sign * rate * np.log(2))
        want += np.where((height >= 0) & (height < n), (1 - np.cos(2 * np.pi * height / n)) * np.sin(2 * np.pi * phase), 0.0) / n
    np.testing.assert_allclose(y, want, atol=1e-6)
    assert abs(y[0]) < 1e-9  # no click


@pytest.mark.parametrize("sr", [8000, 16_000, 44_100, 192_000])
def test_the_glissando_goes_nowhere_and_makes_no_aliases(sr):
    y = additive.shepard(sr=sr, duration=2.0, rate=0.5)
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    assert spectrum[int(0.46 * len(y)) :].sum() < 1e-9 * spectrum.sum()
    z = additive.shepard(sr=8000, duration=4.0, rate=0.5)
    np.testing.assert_allclose(z[:16_000], z[16_000:], atol=1e-8)


def test_up_rises_and_down_falls():
    """The strongest component of two frames, 50 ms apart, moves by the rate."""
    for direction, sign in (("up", 1), ("down", -1)):
        y = additive.shepard(sr=SR, duration=1.0, rate=1.0, direction=direction)
        peaks = []
        for start in (1000, 1400):
            spectrum = np.abs(np.fft.rfft(y[start : start + 2048] * np.hanning(2048), n=2**17))
            low, high = round(900 * 2**17 / SR), round(2100 * 2**17 / SR)
            peaks.append(spectrum[low:high])
        shifts = [np.dot(np.log2(np.arange(1, len(p) + 1) + low), p**2) / np.sum(p**2) for p in peaks]
        assert sign * (shifts[1] - shifts[0]) > 0.01


@pytest.mark.parametrize("name", ["harmonic", "risset-bell", "shepard"])
def test_blocks_add_up(name):
    whole = render(name, sr=SR, duration=3.0)
    np.testing.assert_array_equal(np.concatenate(list(blocks(name, sr=SR, block_length=999, duration=3.0))), whole)
    np.testing.assert_array_equal(render(name, sr=SR, duration=1.0), whole[:SR])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: additive.harmonic(440.0, sr=SR, duration=1.0, n_partials=0), "n_partials must be >= 1"),
        (lambda: additive.harmonic(440.0, sr=SR, duration=1.0, n_partials=2.5), "n_partials must be a whole number"),
        (lambda: additive.harmonic(np.full(9, 440.0), sr=SR, even=1.5), "even must be <= 1"),
        (lambda: additive.harmonic(np.full(9, 440.0), sr=SR, rolloff=np.nan), "rolloff must be finite"),
        (lambda: additive.harmonic(440.0, sr=SR), "duration must be given"),
        (lambda: additive.bell(4000.0, sr=SR, duration=1.0), "f0 must be < 4000"),
        (lambda: additive.bell(440.0, sr=SR, duration=1.0, decay=0.0), "decay"),
        (lambda: additive.shepard(sr=SR, duration=1.0, rate=0.0), "rate"),
        (lambda: additive.shepard(sr=SR, duration=1.0, direction="left"), "direction must be one of down, up"),
    ],
)
def test_what_is_wrong_is_named(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
