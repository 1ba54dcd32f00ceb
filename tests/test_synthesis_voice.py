"""The voice: pulses in tune, formants where the table has them, filters as scipy's, stops silent, hiss without voice, words as planned."""

import numpy as np
import pytest

from audiogen_helpers._streams import blocks
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.partials import off_harmonic_db
from audiogen_helpers.spectral.pitch import pitch_of
from audiogen_helpers.synthesis.voice import formants, phonemes, planning, source, speaking
from audiogen_helpers.units import cents

SR = 16_000
RATES = (8000, 16_000, 22_050, 44_100, 48_000)
NEUTRAL = [500.0, 1500.0, 2500.0, 3500.0]


def spectrum_db(y, f, *, sr=SR):
    """Level around frequency `f` (a band of 200 Hz), dB."""
    power = np.abs(np.fft.rfft(y * np.hanning(len(y)))) ** 2
    k = np.arange(len(power)) * sr / len(y)
    return 10 * np.log10(power[(k > f - 100) & (k < f + 100)].mean() + 1e-20)


# the source


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize("f0", [55.0, 123.4, 700.0])
def test_the_pulses_are_in_tune_even_with_jitter(sr, f0):
    y = source.glottal(f0, sr=sr, duration=1.0, jitter=0.01, rng=0)
    assert abs(cents(pitch_of(y, sr=sr, f_min=0.9 * f0, f_max=1.1 * f0), reference=f0)) < 2.0


def test_a_pulse_is_the_derivative_of_the_polynomial():
    """Sampled finely, its running sum is x**2 - x**3 while the folds are open and nothing after."""
    sr, f0, share = 192_000, 100.0, 0.6
    flow = np.cumsum(source.glottal(f0, sr=sr, duration=0.01, open_quotient=share, tilt=0.0)) * f0 / sr / share
    x = np.minimum(np.arange(sr // 100) / sr * f0 / share, 1.0)
    np.testing.assert_allclose(flow, x**2 - x**3, atol=2e-3)


@pytest.mark.parametrize("tilt", [0.0, 3.0, 12.0, 30.0])
def test_the_tilt_is_that_many_decibels_at_three_kilohertz(tilt):
    pole = source.tilt_pole(tilt, sr=SR)
    gain = abs((1 - pole) / (1 - pole * np.exp(-2j * np.pi * 3000 / SR)))
    assert 20 * np.log10(gain) == pytest.approx(-tilt, abs=1e-6)


def test_aliases_are_low():
    assert off_harmonic_db(source.glottal(210.7, sr=44_100, duration=1.0), f0=210.7, sr=44_100) < -50.0
    assert off_harmonic_db(formants.vowel(210.7, sr=44_100, duration=1.0, breath=0.0, jitter=0.0), f0=210.7, sr=44_100) < -60.0


def test_the_kernels_compiled_and_plain_agree():
    f0, z = np.array([100.0, 120.0, 90.0]), np.random.default_rng(0).standard_normal(20)
    made = []
    for pulses, resonate, cancel in (
        (source._pulses, formants._resonate, formants._cancel),
        (source._pulses.py_func, formants._resonate.py_func, formants._cancel.py_func),
    ):
        y, is_open, state = np.zeros(800), np.zeros(800), np.array([0.0, 1.0, 1.0, 0.0, 0.0])
        pulses(y, is_open, f0, 400, 16_000.0, 0.6, 0.3, 0.02, 0.05, z, state)
        b, c = formants.coefficients(np.array([500.0, 700.0, 600.0]), 80.0, sr=SR)
        c = np.broadcast_to(c, 3) + 0.0
        resonate(y, 1 - b - c, b, c, 400, np.zeros(2))
        cancel(y, b[::-1] + 0.0, c, 400, np.zeros(2))
        made.append(np.concatenate([y, is_open, state]))
    np.testing.assert_allclose(made[0], made[1], atol=1e-12)


def test_pitch_may_glide():
    y = source.glottal([100.0, 200.0], sr=SR, duration=2.0)
    assert pitch_of(y[: SR // 10], sr=SR, f_min=60.0) == pytest.approx(102.5, rel=0.03)
    assert pitch_of(y[-SR // 10 :], sr=SR, f_min=60.0) == pytest.approx(197.5, rel=0.03)


def test_jitter_changes_periods_but_not_their_mean():
    plain, rough = (source.glottal(100.0, sr=44_100, duration=1.0, tilt=0.0, jitter=j, rng=1) for j in (0.0, 0.02))
    at = [np.flatnonzero((y[1:] > -0.5) & (y[:-1] <= -0.5)) for y in (plain, rough)]
    assert len(at[0]) == len(at[1]) == 100
    assert np.std(np.diff(at[0])) < 1.0
    assert 4.0 < np.std(np.diff(at[1])) < 14.0


# the filter


@pytest.mark.parametrize("sr", RATES)
def test_resonators_in_a_row_equal_scipy(sr):
    from scipy.signal import lfilter

    x = np.random.default_rng(0).standard_normal(sr // 3)
    want = x
    for f in NEUTRAL:
        b, c = formants.coefficients(f, formants.bandwidths_of(f), sr=sr)
        if f < formants.HIGHEST * sr:
            want = lfilter([1 - b - c], [1, -b, -c], want)
    np.testing.assert_allclose(formants.formant_filter(x, sr=sr, formants=NEUTRAL), want, atol=1e-9)


def test_a_resonator_in_pieces_is_the_same_and_its_gain_is_at_the_peak():
    x = np.random.default_rng(0).standard_normal(1600)
    f = np.linspace(500.0, 900.0, 21)
    whole = formants.Resonator(sr=SR).filter(x, frequency=f, bandwidth=80.0, gain=2.0)
    one = formants.Resonator(sr=SR)
    parts = [
        one.filter(x[:800], frequency=f[:11], bandwidth=80.0, gain=2.0),
        one.filter(x[800:], frequency=f[10:], bandwidth=80.0, gain=2.0),
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-12)
    ring = formants.Resonator(sr=SR).filter(np.eye(1, 16_000)[0], frequency=1000.0, bandwidth=80.0, gain=2.0)
    assert np.abs(np.fft.rfft(ring)).max() == pytest.approx(2.0, rel=1e-3)
    assert np.argmax(np.abs(np.fft.rfft(ring))) == pytest.approx(1000.0, abs=2.0)


@pytest.mark.parametrize("speaker", formants.VOWELS)
@pytest.mark.parametrize("name", formants.IPA)
def test_formants_are_where_the_table_has_them(name, speaker):
    """The vowel whispered, its spectrum averaged over 8 s: a peak within 6 % (and 40 Hz) of each formant, wherever two do not merge."""
    from scipy.signal import find_peaks, welch

    y = formants.vowel(100.0, sr=SR, duration=8.0, vowel=name, speaker=speaker, breath=1.0, rng=0)
    f, power = welch(y, fs=SR, nperseg=512, noverlap=256)
    peaks = f[find_peaks(np.log(power))[0]]
    table = formants.vowel_formants(name, speaker=speaker)
    for i, want in enumerate(table):
        alone = all(abs(want - other) > 450.0 for k, other in enumerate(table) if k != i)
        if alone:
            assert np.abs(peaks - want).min() < 40.0 + 0.06 * want, (want, peaks)


@pytest.mark.parametrize("f0", [40.0, 120.0, 333.0, 1000.0])
@pytest.mark.parametrize("speaker", formants.VOWELS)
def test_every_vowel_peaks_near_a_half(f0, speaker):
    for name in formants.IPA:
        assert 0.3 < np.abs(formants.vowel(f0, sr=SR, duration=0.5, vowel=name, speaker=speaker, rng=0)).max() < 0.75


def test_breath_one_is_a_whisper():
    y = formants.vowel(200.0, sr=SR, duration=2.0, breath=1.0, rng=0)
    voiced = formants.vowel(200.0, sr=SR, duration=2.0, rng=0)
    assert off_harmonic_db(voiced, f0=200.0, sr=SR) < -8.0
    assert off_harmonic_db(y, f0=200.0, sr=SR) > -3.0


def test_bad_filters_are_named():
    with pytest.raises(ParameterError, match="bandwidths must be as many as formants, 2; received 1"):
        formants.formant_filter(np.ones(9), sr=SR, formants=[500.0, 900.0], bandwidths=[60.0])
    with pytest.raises(ParameterError, match="formants must be > 0"):
        formants.formant_filter(np.ones(9), sr=SR, formants=[-1.0])
    with pytest.raises(ParameterError, match="vowel must be one of"):
        formants.vowel_formants("XX")
    with pytest.raises(ParameterError, match="f0"):
        source.glottal(3000.0, sr=8000, duration=1.0)


# speaking


def stretch(controls, y, label, *, trim=0.0):
    """The samples of the first segment with that label."""
    i = next(k for k, (name, _) in enumerate(controls.marks) if name == label)
    start, stop = controls.marks[i][1], controls.marks[i + 1][1]
    return y[round((start + trim) * controls.sr) : round((stop - trim) * controls.sr)]


def said(text, **settings):
    controls = planning.plan(text, sr=SR, **settings)
    return controls, speaking.render_controls(controls, rng=0)


@pytest.mark.parametrize("stop", ["P", "T", "K", "CH"])
def test_a_voiceless_stop_begins_with_silence_then_bursts(stop):
    controls, y = said(f"AA1 {stop} IY1")
    closed = stretch(controls, y, stop, trim=0.02)
    loud = np.sqrt(np.mean(stretch(controls, y, "AA", trim=0.03) ** 2))
    assert np.sqrt(np.mean(closed**2)) < 0.01 * loud
    after = controls.marks[[m[0] for m in controls.marks].index(stop) + 1][1]
    burst = y[round(after * SR) : round((after + 0.02) * SR)]
    assert np.sqrt(np.mean(burst**2)) > 5 * np.sqrt(np.mean(closed**2)) + 1e-4


@pytest.mark.parametrize("stop", ["B", "D", "G"])
def test_a_voiced_stop_hums_while_it_is_shut(stop):
    controls, y = said(f"AA1 {stop} IY1")
    closed = stretch(controls, y, stop, trim=0.015)
    assert spectrum_db(closed, 150.0) > spectrum_db(closed, 1500.0) + 20.0


@pytest.mark.parametrize(("hiss", "low", "high"), [("S", 4000, 7800), ("SH", 1900, 4200), ("F", 3000, 7900), ("TH", 3000, 7900)])
def test_a_voiceless_fricative_is_noise_of_its_colour(hiss, low, high):
    controls, y = said(f"AA1 {hiss} AA1", rate=0.5)
    middle = stretch(controls, y, hiss, trim=0.03)
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    f = np.arange(len(power)) * SR / len(middle)
    centre = (f * power).sum() / power.sum()
    assert low < centre < high
    level = spectrum_db(stretch(controls, y, "AA", trim=0.03), 150.0)
    assert spectrum_db(middle, 150.0) < level - 30.0, "voiced"


def test_voiced_fricatives_have_both():
    controls, y = said("AA1 Z AA1", rate=0.5)
    middle = stretch(controls, y, "Z", trim=0.02)
    assert spectrum_db(middle, 150.0) > spectrum_db(middle, 2500.0) + 10.0
    assert spectrum_db(middle, 5000.0) > spectrum_db(middle, 2500.0)


def test_vowels_in_words_reach_their_targets():
    for name in ("IY", "AA", "UW", "EH"):
        controls = planning.plan(f"HH {name}1 .", sr=SR)
        i = next(k for k, m in enumerate(controls.marks) if m[0] == name)
        at = round(controls.marks[i][1] * 200) + 3
        np.testing.assert_allclose(controls.formants[at], phonemes.NUCLEI[name].formants, rtol=0.1)


def test_plans_are_smooth_and_in_range():
    text = " | ".join(f"{c} {v}1 {c}" for c in phonemes.CONSONANTS for v in ("IY", "AA", "UW") if c != "DX")
    controls = planning.plan(text, sr=SR)
    assert np.abs(np.diff(controls.formants, axis=0)).max() < 900.0
    assert (np.diff(controls.formants, axis=1) > 0).all()
    assert (controls.voice >= 0).all()
    assert controls.f0.min() > 60.0
    assert controls.f0.max() < 240.0
    y = speaking.render_controls(controls, rng=0)
    assert np.isfinite(y).all()
    assert np.abs(y).max() <= 1.0


def test_the_tune_falls_for_a_statement_rises_for_a_question_and_is_flat_for_a_robot():
    ends = {mark: planning.plan(f"N OW1 {mark}", sr=SR).f0 for mark in ".?"}
    assert ends["."][-80] < 0.95 * 120.0
    assert ends["?"][-80] > 1.2 * 120.0
    np.testing.assert_allclose(planning.plan("N OW1", sr=SR, expression=0.0).f0, 120.0)


def test_stress_and_the_end_of_a_phrase_lengthen():
    def seconds(text, label):
        marks = planning.plan(text, sr=SR).marks
        return [marks[i + 1][1] - m[1] for i, m in enumerate(marks) if m[0] == label]

    early, late = seconds("M IY1 | M IY1", "IY")
    assert late > 1.2 * early
    assert seconds("M IY1 | M AA1", "IY")[0] > 1.2 * seconds("M IY0 | M AA1", "IY")[0]


def test_rate_changes_the_duration():
    slow, calm, fast = (planning.plan("HH AH0 L OW1", sr=SR, rate=r).seconds for r in (0.5, 1.0, 2.0))
    assert slow > 1.4 * calm > 1.4 * fast


@pytest.mark.parametrize("sr", RATES)
def test_it_speaks_at_every_rate_equally_long(sr):
    y = speaking.speak("S IH1 K S", sr=sr, rng=0)
    assert len(y) / sr == pytest.approx(planning.plan("S IH1 K S", sr=SR).seconds, rel=0.01)
    assert 0.05 < np.abs(y).max() <= 1.0


def test_a_whisper_has_no_pitch():
    controls = planning.plan("AA1", sr=SR, rate=0.5)
    y, quiet = (stretch(controls, speaking.render_controls(controls, rng=0, whisper=w), "AA", trim=0.1) for w in (False, True))
    assert np.ptp([spectrum_db(quiet, f) for f in (120.0, 180.0)]) < np.ptp([spectrum_db(y, f) for f in (60.0, 120.0)]) + 20.0
    assert spectrum_db(y, 120.0) > spectrum_db(quiet, 120.0) + 15.0


def test_speech_is_speak_padded_or_cut_without_a_click():
    whole = speaking.speak("Y EH1 S", sr=SR, rng=3)
    padded = speaking.speech(sr=SR, duration=2.0, phonemes="Y EH1 S", rng=3)
    np.testing.assert_array_equal(padded[: len(whole)], whole)
    assert not padded[len(whole) :].any()
    cut = speaking.speech(sr=SR, duration=0.2, phonemes="Y EH1 S", rng=3)
    np.testing.assert_array_equal(cut[: round(0.19 * SR)], whole[: round(0.19 * SR)])
    assert abs(cut[-1]) < 0.01
    parts = list(blocks(speaking.ENTRIES[0], sr=SR, duration=2.0, rng=3, block_length=700, phonemes="Y EH1 S"))
    np.testing.assert_array_equal(np.concatenate(parts), padded)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("HH AX0 LL", "received 'LL'"),
        ("HH SS", "received 'SS'; did you mean 'S'"),
        ("S1", "stress is 0, 1 or 2 after a vowel"),
        ("AA3", "stress is 0, 1 or 2 after a vowel"),
        ("", "not empty"),
        (". |", "at least one phoneme"),
    ],
)
def test_unknown_phonemes_are_named(text, message):
    with pytest.raises(ParameterError, match=message):
        speaking.speak(text, sr=SR)


def test_every_phoneme_can_be_said_alone():
    for name in phonemes.PHONES:
        y = speaking.speak(name, sr=SR, rng=0)
        assert np.isfinite(y).all()
        assert np.abs(y).max() <= 1.0
        assert np.abs(y).max() > 0.002, name
