"""Pitch and partials: tones whose pitch, levels and decays are known beforehand."""

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import decay_time, off_harmonic_db, partial_level, pitch_of, track_pitch
from audiogen_helpers.spectral.partials import demodulate
from audiogen_helpers.units import cents

RATES = (8000, 16_000, 44_100)


def tone(f0, *, sr, duration=1.0, t60=np.inf, stiffness=0.0, odd=False, bright=0.7, seed=0):
    """Harmonics with levels k**-bright and random phases; partial k dies (1 + k / 10) times as fast as t60 says."""
    t = np.arange(round(duration * sr)) / sr
    y = np.zeros(len(t))
    rng = np.random.default_rng(seed)
    for k in range(1, 40, 2 if odd else 1):
        f = k * f0 * np.sqrt((1 + stiffness * k * k) / (1 + stiffness))
        if f < 0.48 * sr:
            y += k**-bright * 10 ** (-3 * t / t60 * (0.9 + 0.1 * k)) * np.cos(2 * np.pi * f * t + rng.uniform(0, 7))
    return y / np.abs(y).max()


def off(y, f0, *, sr, **more):
    return abs(float(cents(pitch_of(y, sr=sr, **more), reference=f0)))


# --- pitch_of -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize(
    "kind",
    [{}, {"t60": 1.0}, {"t60": 0.25}, {"stiffness": 3e-4, "t60": 2.0}, {"odd": True}, {"bright": 2.0}, {"bright": 0.0}],
    ids=str,
)
def test_pitch_of_tones_that_are_known(sr, kind):
    for f0 in np.geomspace(50, 2000, 13):
        assert off(tone(f0, sr=sr, **kind), f0, sr=sr) < 0.01, f0


@pytest.mark.parametrize("sr", RATES)
@pytest.mark.parametrize("seed", range(3))
def test_a_noisy_onset_and_a_noise_floor_move_it_little(sr, seed):
    rng = np.random.default_rng(seed)
    t = np.arange(sr) / sr
    for f0 in np.geomspace(50, 2000, 9):
        noise = rng.normal(size=sr) * (0.3 * np.exp(-100 * t) + 0.003)
        assert off(tone(f0, sr=sr, t60=1.5) + noise, f0, sr=sr) < 0.2, f0


@pytest.mark.parametrize("f0", [50.0, 98.7, 440.0, 1999.0])
def test_short_and_long_clips_late_notes_and_any_level(f0):
    sr = 44_100
    assert off(tone(f0, sr=sr, duration=20 / f0), f0, sr=sr) < 0.2
    y = tone(f0, sr=sr, t60=0.5)
    late = np.concatenate([np.zeros(sr), y, np.zeros(2 * sr)])
    assert off(late, f0, sr=sr) < 0.02
    for gain in (1e-100, 1e-6, 1e6, 1e150):
        assert off(gain * y + gain, f0, sr=sr) < 0.02  # an offset is not heard
    assert off(y.astype(np.float32), f0, sr=sr) < 0.02


def test_it_is_the_fundamental_partial_also_where_the_others_are_sharp():
    """A very stiff string: its second partial is 8 cents sharp, its tenth 220, and a mean over partials would be off."""
    y = tone(200.0, sr=44_100, stiffness=3e-3)
    assert off(y, 200.0, sr=44_100) < 0.05


def test_between_narrow_limits_the_strongest_partial_is_meant():
    sr = 16_000
    t = np.arange(sr) / sr
    bar = sum(a * np.sin(2 * np.pi * r * 300 * t) * np.exp(-5 * r * t) for r, a in ((1, 0.5), (2.756, 1.0), (5.404, 1.0)))
    assert off(bar, 300.0, sr=sr, f_min=270, f_max=330) < 0.01
    assert off(bar, 826.8, sr=sr, f_min=700, f_max=1000) < 0.01
    assert pitch_of(tone(100.0, sr=sr, odd=True), sr=sr, f_min=180, f_max=220) == 0.0


def test_a_missing_fundamental_leaves_the_period():
    sr = 16_000
    t = np.arange(sr) / sr
    y = sum(np.sin(2 * np.pi * 150 * k * t) for k in (3, 4, 5))
    assert off(y, 150.0, sr=sr) < 2.0


def test_no_pitch_is_zero():
    rng = np.random.default_rng(0)
    for y in (np.zeros(8000), np.ones(8000), rng.normal(size=8000), np.eye(1, 8000)[0], np.array([1.0]), np.cumsum(rng.normal(size=8000))):
        assert pitch_of(y, sr=8000) == 0.0


def test_limits_hold():
    y = tone(100.0, sr=8000)
    assert pitch_of(y, sr=8000, f_min=130) in (0.0, pytest.approx(200.0, rel=0.01))
    assert pitch_of(y, sr=8000, f_min=90, f_max=110) == pytest.approx(100.0, rel=1e-5)
    assert pitch_of(np.sin(2 * np.pi * 3500 * np.arange(8000) / 8000), sr=8000) == pytest.approx(3500.0, rel=1e-5)


# --- track_pitch --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", RATES)
def test_a_glide_is_followed(sr):
    t = np.arange(2 * sr) / sr
    f = 100.0 * 2.0**t
    phase = 2 * np.pi * np.cumsum(f) / sr
    times, f0 = track_pitch(sum(np.sin(k * phase) / k for k in range(1, 6)), sr=sr)
    inner = (times > 0.05) & (times < 1.95)
    assert np.isfinite(f0[inner]).all()
    np.testing.assert_allclose(f0[inner], 100.0 * 2.0 ** times[inner], rtol=0.006)
    np.testing.assert_allclose(times, 0.01 * np.arange(200), atol=1e-12)


def test_a_steady_tone_is_measured_to_a_few_cents():
    for f0 in np.geomspace(65, 480, 9):
        _, track = track_pitch(tone(f0, sr=16_000), sr=16_000)
        np.testing.assert_allclose(track[5:-5], f0, rtol=0.003)


def test_silence_and_noise_are_unvoiced():
    rng = np.random.default_rng(0)
    voiced = np.isfinite(track_pitch(rng.normal(size=16_000), sr=16_000)[1])
    assert voiced.mean() < 0.02
    assert np.isnan(track_pitch(np.zeros(8000), sr=16_000)[1]).all()
    half = np.where(np.arange(16_000) < 8000, tone(120.0, sr=16_000), 1e-5 * rng.normal(size=16_000))
    times, f0 = track_pitch(half, sr=16_000)
    assert np.isnan(f0[times > 0.53]).all()
    assert np.isfinite(f0[(times > 0.02) & (times < 0.48)]).all()


def test_long_tracks_are_made_in_parts_that_fit():
    y = tone(110.0, sr=8000, duration=7.0)
    times, f0 = track_pitch(y, sr=8000)
    assert len(times) == 700
    np.testing.assert_allclose(f0[5:-5], 110.0, rtol=0.003)
    short, g0 = track_pitch(y[: 8000 * 3], sr=8000)
    np.testing.assert_allclose(g0[:290], f0[:290], rtol=1e-9)
    assert len(short) == 300


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["198-209-0000.ogg", "3436-172162-0000.ogg", "5703-47212-0000.ogg"])
def test_real_speech_is_tracked_as_a_slower_method_does(name):
    import librosa

    folder = corpora_dir()
    path = folder / "librosa-examples" / name if folder else None
    if path is None or not path.exists():
        pytest.skip("needs librosa-examples in AUDIOGEN_CORPORA")
    y, sr = audio.read(path, duration=5.0)
    times, f0 = track_pitch(y, sr=sr)
    hop = sr // 100
    theirs, voiced, _ = librosa.pyin(y.astype(np.float64), fmin=60, fmax=500, sr=sr, hop_length=hop, frame_length=2048)
    theirs = np.where(voiced, theirs, np.nan)
    ours = np.interp(np.arange(len(theirs)) * hop / sr, times, np.arange(len(times)))
    ours = f0[np.minimum(np.round(ours).astype(int), len(f0) - 1)]
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert both.sum() > 0.85 * np.isfinite(ours).sum() > 100  # what we call voiced, they do
    apart = np.abs(cents(ours[both], reference=theirs[both]))  # their frames are longer: glides are smoothed
    assert np.median(apart) < 30
    assert np.mean(apart < 200) > 0.93


# --- partials -----------------------------------------------------------------------------------------------------------------------


def test_levels_of_known_partials():
    t = np.arange(16_000) / 16_000
    y = 0.5 * np.sin(2 * np.pi * 441.3 * t + 1) + 1e-4 * np.sin(2 * np.pi * 460.0 * t) + 0.02
    assert partial_level(y, f=441.3, sr=16_000) == pytest.approx(0.5, rel=1e-6)
    assert partial_level(y, f=460.0, sr=16_000) == pytest.approx(1e-4, rel=0.02)
    np.testing.assert_allclose(partial_level(y, f=[[441.3], [1000.0]], sr=16_000), [[0.5], [0.0]], atol=1e-5)


@pytest.mark.parametrize("t60", [0.05, 0.3, 2.0, 20.0])
@pytest.mark.parametrize("f", [100.0, 1000.0, 7000.0])
def test_decay_time_is_what_the_tone_was_made_with(t60, f):
    sr = 16_000
    t = np.arange(2 * sr) / sr
    y = 10 ** (-3 * t / t60) * np.sin(2 * np.pi * f * t) + 0.3 * np.sin(2 * np.pi * (f + 80) * t)
    assert decay_time(y, f=f, sr=sr, drop_db=20.0) == pytest.approx(t60, rel=2e-3)


def test_decay_of_a_tone_that_does_not_die_is_infinite_and_noise_does_not_matter_much():
    t = np.arange(16_000) / 8000
    assert decay_time(np.sin(2 * np.pi * 440 * t), f=440.0, sr=8000) == np.inf
    noise = 1e-3 * np.random.default_rng(0).normal(size=len(t))
    assert decay_time(10 ** (-3 * t / 0.5) * np.sin(2 * np.pi * 440 * t) + noise, f=440.0, sr=8000) == pytest.approx(0.5, rel=0.01)


def test_demodulation_gives_amplitude_and_phase():
    t = np.arange(8000) / 8000
    _, z = demodulate(0.3 * np.cos(2 * np.pi * 500 * t + 0.7), f=500.0, sr=8000, window=1000, step=123)
    np.testing.assert_allclose(z, 0.3 * np.exp(0.7j), atol=1e-6)


@pytest.mark.parametrize("level_db", [-20.0, -60.0, -80.0])
@pytest.mark.parametrize("f0", [50.0, 441.3, 3999.0])
def test_energy_off_the_harmonics_is_what_was_added(level_db, f0):
    sr = 44_100
    t = np.arange(sr) / sr
    y = tone(f0, sr=sr)
    fundamental = partial_level(y, f=f0, sr=sr)
    y = y + fundamental * 10 ** (level_db / 20) * np.sin(2 * np.pi * 1.43 * f0 * t) + 0.1
    assert off_harmonic_db(y, f0=f0, sr=sr) == pytest.approx(level_db, abs=0.2)


def test_a_clean_tone_has_nothing_off_its_harmonics():
    for f0 in (50.0, 100.1, 1234.5):
        assert off_harmonic_db(tone(f0, sr=44_100), f0=f0, sr=44_100) < -90.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda y: pitch_of(y, sr=0), "sr"),
        (lambda y: pitch_of(y, sr=8000, f_min=0), "f_min"),
        (lambda y: pitch_of(y, sr=8000, f_min=300, f_max=200), "f_min must be < f_max"),
        (lambda y: pitch_of(np.stack([y, y]), sr=8000), "mono"),
        (lambda y: pitch_of(y * np.nan, sr=8000), "finite"),
        (lambda y: track_pitch(y, sr=8000, hop=0.0), "hop"),
        (lambda y: track_pitch(y, sr=8000, threshold=1.0), "threshold"),
        (lambda y: track_pitch(y[:0], sr=8000), "at least 1"),
        (lambda y: partial_level(y, f=4000.0, sr=8000), "f must be < 4000"),
        (lambda y: decay_time(y, f=100.0, sr=8000, window=2.0), "window must be shorter"),
        (lambda y: decay_time(0 * y, f=100.0, sr=8000), "f must be a partial"),
        (lambda y: off_harmonic_db(y, f0=10.0, sr=8000), "y must have at least 15 periods"),
        (lambda y: off_harmonic_db(0 * y, f0=100.0, sr=8000), "f0 must be a partial"),
        (lambda y: demodulate(y, f=100.0, sr=8000, window=8001, step=1), "window must be from 1"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call(np.random.default_rng(0).uniform(-1, 1, 8000))
