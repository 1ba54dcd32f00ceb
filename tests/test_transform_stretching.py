"""Time-stretch and pitch shift: lengths to the sample, pitch to 5 cents, channels together, and the edges of what may come in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from audiogen_helpers import audio
from audiogen_helpers import linear_prediction as lp
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.pitch import pitch_of, track_pitch
from audiogen_helpers.transform import TRANSFORMS, apply, stretching

METHODS = ("phase-vocoder", "wsola")
SPEAKERS = ("198-209-0000", "3436-172162-0000", "5703-47212-0000")


def cents(f, reference):
    return 1200.0 * np.log2(f / reference)


def tone(f0, *, sr, duration=2.0):
    t = np.arange(round(duration * sr)) / sr
    return 0.5 * np.sin(2 * np.pi * f0 * t) + 0.2 * np.sin(4 * np.pi * f0 * t)


def vowel(f0, *, sr, duration=1.0):
    y = np.zeros(round(duration * sr))
    y[np.round(np.arange(0.0, len(y) - 1, sr / f0)).astype(int)] = 1.0
    for f, width in ((700.0, 80.0), (1200.0, 90.0), (2600.0, 120.0)):
        pole = np.exp((-np.pi * width + 2j * np.pi * f) / sr)
        y = lfilter([1.0], np.poly([pole, pole.conj()]).real, y)
    return 0.5 * y / np.abs(y).max()


def formants(y, *, sr):
    middle = y[len(y) // 4 : len(y) // 2]
    return lp.formants(lp.lpc(middle * np.hanning(len(middle)), order=10), sr=sr)[0]


# --- length and pitch ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("sr", [8000, 44100])
@pytest.mark.parametrize("f0", [110.0, 440.0, 1234.5])
@pytest.mark.parametrize("factor", [0.25, 0.8, 1.3, 4.0])
def test_a_stretched_tone_keeps_its_pitch(method, sr, f0, factor):
    y = tone(f0, sr=sr)
    z = stretching.time_stretch(y, sr=sr, factor=factor, method=method)
    assert len(z) == round(len(y) * factor)
    middle = z[len(z) // 8 : -len(z) // 8]
    assert abs(cents(pitch_of(middle, sr=sr), f0)) < (0.05 if method == "phase-vocoder" else 1.5)
    assert audio.rms_db(middle) == pytest.approx(audio.rms_db(y), abs=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f0", [220.0, 440.0])
@pytest.mark.parametrize("semitones", [-24.0, -7.0, -1.0, 0.5, 12.0, 24.0])
def test_a_shifted_tone_has_the_pitch_that_was_asked_for(method, f0, semitones):
    sr = 16000
    y = tone(f0, sr=sr)
    z = stretching.pitch_shift(y, sr=sr, semitones=semitones, method=method)
    assert z.shape == y.shape
    assert abs(cents(pitch_of(z[sr // 4 : -sr // 4], sr=sr), f0) - 100 * semitones) < 1.5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("length", [1, 2, 7, 100, 513, 4097])
@pytest.mark.parametrize("factor", [0.25, 0.7, 1.0, 1.37, 4.0])
def test_any_length_will_do(method, length, factor):
    y = np.random.default_rng(0).standard_normal(length)
    z = stretching.time_stretch(y, sr=44100, factor=factor, method=method)
    assert len(z) == max(1, round(length * factor))
    assert np.isfinite(z).all()
    for formant in ("move", "keep"):
        z = stretching.pitch_shift(y, sr=44100, semitones=12 * np.log2(factor), method=method, formants=formant)
        assert z.shape == y.shape
        assert np.isfinite(z).all()
    assert np.isfinite(stretching.formant_shift(y, sr=44100)).all()


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_do(method):
    y = np.random.default_rng(0).standard_normal((2, 9000))
    np.testing.assert_allclose(stretching.time_stretch(y, sr=16000, factor=1.0, method=method), y, atol=1e-12)
    np.testing.assert_array_equal(stretching.pitch_shift(y, sr=16000, semitones=0.0, method=method), y)
    np.testing.assert_allclose(stretching.formant_shift(y, sr=16000, semitones=0.0), y, atol=1e-12)


def test_events_come_when_they_should():
    sr = 16000
    y = np.zeros(2 * sr)
    for start in (0.3, 0.9, 1.5):
        y[round(start * sr) :][:800] += np.random.default_rng(0).standard_normal(800) * np.hanning(800)
    for method in METHODS:
        z = stretching.time_stretch(y, sr=sr, factor=1.5, method=method)
        for start in (0.3, 0.9, 1.5):
            middle, around = 1.5 * (start + 0.025), np.arange(len(z)) / sr
            near = np.abs(around - middle) < 0.15
            assert np.average(around[near], weights=z[near] ** 2) == pytest.approx(middle, abs=0.02)


# --- the phase vocoder against the book ----------------------------------------------------------------------------------------------


def test_the_plain_phase_vocoder_is_the_textbook_one():
    """Phases unwrapped about the centre of each bin: the same as turning by the quotient of two frames a hop apart."""
    sr, n_fft, hop = 8000, 512, 128
    y = np.random.default_rng(0).standard_normal(3000)
    length = 4500
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    frames = 2 + (length - 1) // hop
    starts = hop + np.round(np.arange(frames) * hop * (len(y) / length)).astype(int)
    padded = np.pad(y, (n_fft // 2 + hop, 3 * n_fft))
    out, total, phase = np.zeros(n_fft + hop * (frames - 1)), np.zeros(n_fft + hop * (frames - 1)), None
    turning = 2 * np.pi * np.arange(n_fft // 2 + 1) * hop / n_fft
    for m, start in enumerate(starts):
        now = np.fft.rfft(padded[start : start + n_fft] * window)
        old = np.fft.rfft(padded[start - hop : start - hop + n_fft] * window)
        if phase is None:
            phase = np.angle(now)
        else:
            deviation = np.angle(now) - np.angle(old) - turning
            phase = phase + turning + (deviation + np.pi) % (2 * np.pi) - np.pi
        out[m * hop :][:n_fft] += np.fft.irfft(np.abs(now) * np.exp(1j * phase)) * window
        total[m * hop :][:n_fft] += window**2
    want = (out / np.maximum(total, 1e-9))[n_fft // 2 :][:length]
    got = stretching.phase_vocoder(y[None], sr=sr, length=length, n_fft=n_fft, locked=False)[0]
    np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("f0", [80.0, 120.0, 200.0])
def test_locked_phases_keep_pulses_sharp(f0):
    sr = 22050
    y = vowel(f0, sr=sr, duration=2.0)

    def crest(z):
        return np.abs(z).max() / np.std(z)

    z = {locked: stretching.phase_vocoder(y[None], sr=sr, length=2 * len(y), locked=locked)[0] for locked in (True, False)}
    assert crest(z[True]) == pytest.approx(crest(y), rel=0.06)
    assert abs(crest(z[False]) / crest(y) - 1) > 0.35


@pytest.mark.parametrize("factor", [1.25, 1.5, 3.0])
def test_locked_phases_keep_a_moving_partial_whole(factor):
    """The bins of a gliding sine stay in step; in the plain phase vocoder they cancel one another now and then."""
    sr = 16000
    t = np.arange(2 * sr) / sr
    y = 0.3 * np.sin(2 * np.pi * (300 * t + 100 * t**2))
    length = round(factor * len(y))
    z = {locked: stretching.phase_vocoder(y[None], sr=sr, length=length, locked=locked)[0] for locked in (True, False)}
    dip = {locked: np.ptp(20 * np.log10(np.std(z[locked][1600:-1600][: 320 * 80].reshape(-1, 320), axis=1))) for locked in z}
    assert dip[True] < 0.8
    assert dip[False] > 5.0


def test_every_bin_belongs_to_the_nearest_peak():
    power = np.array([0.0, 1, 5, 1, 0, 0, 1, 2, 9, 2, 1, 0])
    np.testing.assert_array_equal(stretching._nearest_peak(power)[[1, 2, 3, 7, 8, 9, 10]], [2, 2, 2, 8, 8, 8, 8])
    assert len(stretching._nearest_peak(np.ones(5))) == 5


@pytest.mark.parametrize("length", [501, 700, 1300, 2000, 4000])
def test_resampling_follows_the_curve(length):
    def curve(u):
        return np.sin(2 * np.pi * 0.05 * u) * np.exp(-(((u - 500) / 150) ** 2))

    got = stretching._squeeze(curve(np.arange(1000.0))[None], length)[0]
    np.testing.assert_allclose(got, curve(np.arange(length) * 1000 / length), atol=3e-3)


# --- formants ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("semitones", [-5.0, 4.0, 7.0])
def test_formants_move_or_stay(semitones):
    sr, ratio = 16000, 2 ** (semitones / 12)
    y = vowel(120.0, sr=sr)
    want = np.array([700.0, 1200.0, 2600.0])
    for kind, scale in (("move", ratio), ("keep", 1.0)):
        z = stretching.pitch_shift(y, sr=sr, semitones=semitones, formants=kind)
        assert abs(cents(pitch_of(z, sr=sr), 120.0) - 100 * semitones) < 1.0
        for f in want * scale:
            assert np.abs(formants(z, sr=sr) - f).min() < 0.06 * f
    z = stretching.formant_shift(y, sr=sr, semitones=semitones)
    assert abs(cents(pitch_of(z, sr=sr), 120.0)) < 1.0
    for f in want * ratio:
        assert np.abs(formants(z, sr=sr) - f).min() < 0.08 * f


# --- channels, levels, silence -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_channels_stay_together(method):
    """Two channels that are multiples of one another stay so; the shift between them stays."""
    y = vowel(120.0, sr=16000)
    for work in (
        lambda x: stretching.time_stretch(x, sr=16000, factor=1.4, method=method),
        lambda x: stretching.pitch_shift(x, sr=16000, semitones=3.0, method=method, formants="keep"),
    ):
        z = work(np.stack([y, -0.3 * y]))
        np.testing.assert_allclose(z[1], -0.3 * z[0], atol=1e-9)
        np.testing.assert_allclose(z[0], work(y), atol=1e-6)
    late = stretching.time_stretch(
        np.stack([tone(300.0, sr=16000), np.roll(tone(300.0, sr=16000), 7)]), sr=16000, factor=1.4, method=method
    )
    middle = late[:, 8000:16000]
    np.testing.assert_allclose(middle[1][7:], middle[0][:-7], atol=0.02)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["time-stretch", "pitch-shift", "formant-shift"])
def test_silence_type_and_input(dtype, name):
    z = apply(name, np.zeros((2, 1000), dtype), sr=8000)
    assert z.dtype == dtype
    assert not z.any()
    y = np.random.default_rng(0).standard_normal(3000).astype(dtype)
    before = y.copy()
    z = apply(name, y, sr=8000)
    assert z.dtype == dtype
    np.testing.assert_array_equal(y, before)
    half = np.concatenate([y, np.zeros(9000, dtype)])
    assert np.abs(apply(name, half, sr=8000)[-3000:]).max() < (1e-4 if name == "pitch-shift" else 1e-6)


@pytest.mark.parametrize("gain", [1e-150, 1e-6, 1e150])
def test_level_does_not_matter(gain):
    y = vowel(120.0, sr=8000)
    for name in ("time-stretch", "pitch-shift", "formant-shift"):
        np.testing.assert_allclose(apply(name, gain * y, sr=8000) / gain, apply(name, y, sr=8000), atol=1e-9)


def test_registered_defaults_and_range_ends():
    y = vowel(120.0, sr=8000, duration=0.3)
    for entry in stretching.ENTRIES:
        assert TRANSFORMS[entry.name] == entry
        np.testing.assert_array_equal(entry.load()(y, sr=8000), apply(entry.name, y, sr=8000))
        for p in entry.parameters:
            for value in p.choices or (p.low, p.high):
                assert np.isfinite(apply(entry.name, y, sr=8000, **{p.name: value})).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stretching.time_stretch(np.ones(10), sr=8000, factor=0.2), "factor must be >= 0.25"),
        (lambda: stretching.time_stretch(np.ones(10), sr=8000, factor=np.nan), "factor must be finite"),
        (lambda: stretching.time_stretch(np.ones(10), sr=8000, method="magic"), "method must be one of"),
        (lambda: stretching.time_stretch(np.zeros(0), sr=8000), "y must have at least 1"),
        (lambda: stretching.time_stretch(np.array([np.inf]), sr=8000), "y must be finite"),
        (lambda: stretching.time_stretch(np.ones(10), sr=0), "sr"),
        (lambda: stretching.pitch_shift(np.ones(10), sr=8000, semitones=25), "semitones must be <= 24"),
        (lambda: stretching.pitch_shift(np.ones(10), sr=8000, formants="drop"), "formants must be one of"),
        (lambda: stretching.phase_vocoder(np.ones((1, 10)), sr=8000, length=0), "length"),
        (lambda: stretching.phase_vocoder(np.ones((1, 10)), sr=8000, length=5, n_fft=8), "n_fft"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


# --- real recordings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
@pytest.mark.parametrize("speaker", SPEAKERS)
def test_recorded_voices_keep_their_pitch(speaker):
    folder = corpora_dir()
    path = folder / "librosa-examples" / f"{speaker}.ogg" if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    y, sr = audio.read(path, duration=6.0)
    times, f0 = track_pitch(y, sr=sr, f_max=400.0)

    def off(z, *, factor=1.0, ratio=1.0):
        new_times, new = track_pitch(z, sr=sr, f_min=60.0 * min(ratio, 1.0), f_max=400.0 * max(ratio, 1.0))
        both = np.interp(new_times / factor, times, f0)  # NaN beside an unvoiced frame
        deviation = cents(new / both, ratio)
        return abs(np.median(deviation[np.abs(deviation) < 100.0]))

    for factor in (0.7, 1.5, 2.0):
        assert off(stretching.time_stretch(y, sr=sr, factor=factor), factor=factor) < 5.0
        assert off(stretching.time_stretch(y, sr=sr, factor=factor, method="wsola"), factor=factor) < 7.0
    for semitones in (-5.0, 4.0):
        for formant in ("move", "keep"):
            z = stretching.pitch_shift(y, sr=sr, semitones=semitones, formants=formant)
            assert off(z, ratio=2 ** (semitones / 12)) < 5.0
