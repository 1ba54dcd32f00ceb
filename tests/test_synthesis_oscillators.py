"""Oscillators: equal to their Fourier sums, free of aliases, in tune, bounded, and smooth along a contour."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis import SOUNDS, _wavetables, blocks, envelopes, oscillators, render

SR = 44_100
WAVES = ("saw", "square", "pulse", "triangle")
RNG = np.random.default_rng(3)
PITCHES = [*np.geomspace(50.0, 4000.0, 25), *RNG.uniform(50.0, 4000.0, 25), SR / 12, SR / 11.0001, 441.0, 2205.0]
every_wave = pytest.mark.parametrize("name", WAVES)


def fourier(name, f0, *, sr, length, width=0.25):
    """The sum in the docstring, term by term."""
    t = np.arange(length) / sr
    y = np.zeros(length)
    k = 1
    while k * f0 < sr / 2:
        x = 2 * np.pi * k * f0 * t
        if name == "saw":
            y += (-1) ** (k + 1) * np.sin(x) / k / oscillators._SI_PI
        elif name == "square":
            y += k % 2 * np.sin(x) / k
        elif name == "pulse":
            y += (np.sin(x) - np.sin(x - 2 * np.pi * k * width)) / k / (2 * oscillators._SI_PI - 3 * min(width, 1 - width))
        elif k % 2:
            y += 8 / np.pi**2 * (-1) ** ((k - 1) // 2) * np.sin(x) / k**2
        k += 1
    return y


def off_harmonic_db(y, f0, *, sr):
    """Energy in all bins that belong to no harmonic, over that of the fundamental, dB."""
    from scipy.signal.windows import blackmanharris

    power = np.abs(np.fft.rfft(y * blackmanharris(len(y), sym=False))) ** 2
    f = np.arange(len(power)) * sr / len(y)
    nearest = np.maximum(np.round(f / f0), 1.0)
    harmonic = np.abs(f - nearest * f0) <= 6.0 * sr / len(y)  # the main lobe and a little
    return 10 * np.log10(power[~harmonic].sum() / power[harmonic & (nearest == 1.0)].sum())


def measured_pitch(y, *, near, sr):
    """Frequency of the partial nearest to `near`, from how fast its phase turns between the two halves of the sound."""
    half = len(y) // 2
    window = np.hanning(half) * np.exp(-2j * np.pi * near * np.arange(half) / sr)
    turned = np.angle((y[half : 2 * half] @ window) / (y[:half] @ window) * np.exp(-2j * np.pi * near * half / sr))
    return near + turned / (2 * np.pi) * sr / half


# --- what they are ------------------------------------------------------------------------------------------------------------------


@every_wave
@pytest.mark.parametrize("sr", [8000, 44_100])
@pytest.mark.parametrize("f0", [20.0, 55.0, 220.0, 441.0, 1234.567, 3333.3])
def test_a_wave_is_the_sum_of_the_partials_that_fit(name, sr, f0):
    y = render(name, sr=sr, duration=0.1, f0=f0)
    np.testing.assert_allclose(y, fourier(name, f0, sr=sr, length=len(y)), atol=1e-4)


@pytest.mark.parametrize("width", [0.02, 0.1, 0.5, 0.75, 0.98])
def test_a_pulse_of_any_width_is_its_sum(width):
    y = oscillators.pulse(330.0, sr=SR, duration=0.1, width=width)
    np.testing.assert_allclose(y, fourier("pulse", 330.0, sr=SR, length=len(y), width=width), atol=1e-4)


def test_a_pulse_of_half_the_period_is_a_square():
    pulse, square = (f(330.0, sr=SR, duration=0.1) for f in (lambda *a, **k: oscillators.pulse(*a, width=0.5, **k), oscillators.square))
    np.testing.assert_allclose(pulse * (2 * oscillators._SI_PI - 1.5) / 2, square, atol=1e-12)


def test_a_width_of_a_third_silences_every_third_partial():
    y = oscillators.pulse(100.0, sr=8000, duration=1.0, width=1 / 3)
    level = np.abs(np.fft.rfft(y))[100:4000:100]
    assert level[2::3].max() < 1e-6 * level[0]
    assert level[[0, 1, 3, 4]].min() > 0.1 * level[0]


@every_wave
def test_no_energy_off_the_harmonics(name):
    """The window's own side lobes leave -86 dB at 50 Hz; what is asked for is -60 dB."""
    worst = max(off_harmonic_db(render(name, sr=SR, duration=1.0, f0=f0), f0, sr=SR) for f0 in PITCHES)
    assert worst < -80.0


def test_the_measure_hears_the_aliases_of_a_naive_saw():
    f0 = 1234.5
    naive = 2 * np.mod(f0 * np.arange(SR) / SR, 1.0) - 1
    assert off_harmonic_db(naive, f0, sr=SR) > -20.0


def test_a_table_read_with_a_straight_line_would_be_worse():
    f0 = 192.5
    table = oscillators._saw_table(_wavetables.n_partials(f0, sr=SR))
    phase = np.mod(np.arange(SR) * (f0 / SR), 1.0)
    straight = np.interp(phase * (len(table) - 3) + 1, np.arange(len(table)), table)
    assert off_harmonic_db(straight, f0, sr=SR) > off_harmonic_db(_wavetables.read(table, phase), f0, sr=SR) + 6.0


@pytest.mark.parametrize("name", ["sine", *WAVES])
def test_in_tune_within_two_cents(name):
    low, high = SOUNDS[name].extra["in_tune"]
    for f0 in np.geomspace(low, high, 25):
        got = measured_pitch(render(name, sr=SR, duration=1.0, f0=f0), near=f0 * 1.0003, sr=SR)
        assert abs(1200 * np.log2(got / f0)) < 0.1


@every_wave
def test_bounded_with_any_number_of_partials(name):
    table_of = {w: getattr(oscillators, f"_{w}_table").__wrapped__ for w in WAVES}[name]
    widths = [0.02, 0.05, 0.1, 0.17, 0.25, 0.33, 0.4, 0.45, 0.49, 0.5, 0.7, 0.98] if name == "pulse" else [None]
    for n in [*range(1, 60), 100, 333, 1102]:
        for width in widths:
            assert np.abs(table_of(n) if width is None else table_of(n, width)).max() <= 1.0


def test_si_of_pi():
    from scipy.special import sici

    assert sici(np.pi)[0] == pytest.approx(oscillators._SI_PI, abs=1e-14)


def test_the_compiled_reader_equals_plain_python():
    table = oscillators._saw_table(5)
    phase = np.random.default_rng(0).uniform(0, 1, 50)
    y = np.empty(50)
    _wavetables._cubic.py_func(table, phase, y)
    np.testing.assert_allclose(_wavetables.read(table, phase), y, atol=1e-14)


def test_phases_at_the_seam_are_read_inside_the_table():
    table = oscillators._triangle_table(3)
    np.testing.assert_allclose(_wavetables.read(table, np.array([0.0, np.nextafter(1.0, 0.0)])), 0.0, atol=1e-9)


@pytest.mark.parametrize("f0", [4000.0, 2000.0, 4000 / 3])
def test_a_partial_at_half_the_sample_rate_is_left_out(f0):
    assert _wavetables.n_partials(f0 - 1e-9, sr=8000) == 4000 / f0
    assert _wavetables.n_partials(f0, sr=8000) == max(1, round(4000 / f0) - 1)


# --- along a contour ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sine", *WAVES])
@pytest.mark.parametrize("f0", [55.0, 440.0, 3000.1])
def test_a_level_contour_is_the_same_tone(name, f0):
    """All but the top partials, which a contour fades out early, agree."""
    function = getattr(oscillators, name)
    steady = function(f0, sr=SR, duration=1.0)
    along = function(np.full(SR, f0), sr=SR)
    spectra = [np.abs(np.fft.rfft(y * np.hanning(SR))) for y in (steady, along)]
    sure = int(0.75 * SR / 2 / f0) * f0 + 5
    np.testing.assert_allclose(spectra[0][: int(sure)], spectra[1][: int(sure)], atol=1e-3 * spectra[0].max())
    assert off_harmonic_db(along, f0, sr=SR) < -80.0


def test_a_sine_along_a_contour_has_the_integral_as_its_phase():
    """A linear sweep from a to b Hz in T seconds: phase a t + (b - a) t**2 / (2 T), up to half a sample of the sum."""
    a, b = 100.0, 2000.0
    t = np.arange(SR) / SR
    y = oscillators.sine(a + (b - a) * t, sr=SR)
    np.testing.assert_allclose(y, np.sin(2 * np.pi * (a * t + (b - a) * (t**2 - t / SR) / 2)), atol=1e-6)


@every_wave
def test_a_glide_has_no_aliases(name):
    """Every frame of a glide from 200 Hz to 6 kHz holds energy above its pitch only: mirrored partials would come down below it."""
    f0 = np.geomspace(200.0, 6000.0, 2 * SR)
    y = getattr(oscillators, name)(f0, sr=SR)
    window = np.blackman(2048)
    for start in range(0, len(y) - 2048, 1024):
        power = np.abs(np.fft.rfft(y[start : start + 2048] * window)) ** 2
        below = int(0.6 * f0[start] * 2048 / SR) - 4
        if below > 4:
            assert power[:below].sum() < 1e-6 * power.sum()


@every_wave
@pytest.mark.parametrize("k", [2, 3, 5, 11, 16, 19, 23, 45])
def test_partials_come_and_go_without_a_step(name, k):
    """A hair above and a hair below the pitch at which partial k reaches half the sample rate, the tones are the same."""
    limit = SR / 2 / k
    above, below = (getattr(oscillators, name)(np.full(200, limit * (1 + hair)), sr=SR) for hair in (1e-6, -1e-6))
    np.testing.assert_allclose(above, below, atol=1e-3)


@every_wave
def test_a_contour_stays_bounded(name):
    f0 = envelopes.vibrato(np.geomspace(20.0, 9000.0, SR), sr=SR, depth=600.0)
    y = getattr(oscillators, name)(f0, sr=SR)
    assert np.abs(y).max() <= 1.0
    assert np.isfinite(y).all()
    assert len(y) == SR


def test_a_contour_and_a_duration_must_agree():
    f0 = np.full(800, 200.0)
    np.testing.assert_array_equal(oscillators.saw(f0, sr=8000), oscillators.saw(f0, sr=8000, duration=0.1))
    with pytest.raises(ParameterError, match=r"f0 must have one value for each of the 1600 samples of duration; received 800"):
        oscillators.saw(f0, sr=8000, duration=0.2)


# --- how they are rendered ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sine", *WAVES])
def test_blocks_add_up_and_the_beginning_is_the_same(name):
    whole = render(name, sr=8000, duration=3.0, f0=123.4)
    np.testing.assert_array_equal(np.concatenate(list(blocks(name, sr=8000, block_length=999, duration=3.0, f0=123.4))), whole)
    np.testing.assert_array_equal(render(name, sr=8000, duration=1.0, f0=123.4), whole[:8000])


def test_tables_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        oscillators._saw_table(5)[0] = 1.0


@pytest.mark.parametrize("name", ["sine", *WAVES])
@pytest.mark.parametrize(
    ("f0", "settings", "message"),
    [
        (4000.0, {"duration": 1.0}, "f0 must be < 4000"),
        (np.full(10, 4000.0), {}, "f0 must be < 4000"),
        (0.0, {"duration": 1.0}, "f0 must be >="),
        (np.array([100.0, 0.0]), {}, "f0 must be >="),
        (np.nan, {"duration": 1.0}, "f0 must be finite"),
        (np.array([100.0, np.nan]), {}, "f0 must be finite"),
        (np.zeros((2, 5)), {}, r"f0 must have 1 dimension"),
        (np.zeros(0), {}, "at least one sample"),
        (440.0, {}, "duration must be given"),
        (440.0, {"duration": -1.0}, "duration must be > 0"),
        (440.0, {"duration": 1.0, "sr": 7000}, "sr must be from 8000"),
        ("a", {"duration": 1.0}, "f0"),
    ],
)
def test_what_is_wrong_is_named(name, f0, settings, message):
    with pytest.raises(ParameterError, match=message):
        getattr(oscillators, name)(f0, **{"sr": 8000, **settings})


@pytest.mark.parametrize("width", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("f0", [440.0, np.full(10, 440.0)])
def test_a_pulse_must_have_a_width(f0, width):
    with pytest.raises(ParameterError, match="width"):
        oscillators.pulse(f0, sr=8000, duration=10 / 8000, width=width)
