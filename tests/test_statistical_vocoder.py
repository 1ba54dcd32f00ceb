"""The vocoder: tracks of sounds whose tracks are known, and sounds of tracks measured again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from audiogen_helpers import datasets, evaluation
from audiogen_helpers import linear_prediction as lp
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation import has_click
from audiogen_helpers.statistical import vocoder, voicing
from audiogen_helpers.statistical.line_spectra import from_line_spectra, to_line_spectra
from audiogen_helpers.statistical.vocoder import Speech, analyse, feature_names, from_features, to_features


def vowel(f0, *, sr, breath=0.0, rng=0):
    """Partials of a pitch track (n,) Hz and noise, through three resonances."""
    from scipy.signal import lfilter

    phase = 2.0 * np.pi * np.cumsum(f0) / sr
    y = sum(np.cos(h * phase) * (h * f0 < 0.49 * sr) for h in range(1, int(0.5 * sr / f0.min()) + 1))
    y = y + breath * y.std() * np.random.default_rng(rng).standard_normal(len(y))
    for f, width in ((700.0, 80.0), (1200.0, 90.0), (2600.0, 120.0)):
        pole = np.exp((-np.pi * width + 2j * np.pi * f) / sr)
        y = lfilter([1.0], np.poly([pole, pole.conj()]).real, y)
    return 0.3 * y / np.abs(y).max()


def digits(*numbers):
    dataset = datasets.load("digits")
    return [dataset.clip(i)[0].astype(np.float64) for i in numbers]


def steady(*, frames=200, f0=120.0, voiced=1.0, level=0.1, sr=8000, order=8):
    """Tracks that do not move."""
    lines = np.pi * np.arange(1, order + 1) / (order + 1)
    bands = len(voicing.band_edges(sr)) - 1
    shares = np.full((frames, bands), voiced)
    return Speech(np.tile(lines, (frames, 1)), np.full(frames, level), np.full(frames, f0), shares, 40, sr, 40 * frames)


def decibels(a, b):
    return 20.0 * np.log10(a / b)


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("f0", [70.0, 123.4, 8000 / 32.5, 250.0, 8000 / 21.5, 400.0])  # two periods are whole samples, one is not
def test_a_steady_pitch_is_found(sr, f0):
    s = analyse(vowel(np.full(sr // 2, f0), sr=sr), sr=sr)
    inside = s.f0[8:-8]
    assert np.all(inside > 0.0)
    assert np.abs(1200.0 * np.log2(inside / f0)).max() < 25.0
    assert np.all(s.voicing[8:-8, 0] > 0.9)


def test_a_moving_pitch_is_followed():
    f0 = 150.0 * 2.0 ** (0.5 * np.sin(2.0 * np.pi * 2.0 * np.arange(8000) / 8000))
    s = analyse(vowel(f0, sr=8000), sr=8000)
    want = f0[np.minimum(np.arange(len(s.f0)) * s.hop, 7999)]
    inside = slice(8, -8)
    assert np.all(s.f0[inside] > 0.0)
    cents = np.abs(1200.0 * np.log2(s.f0[inside] / want[inside]))
    assert np.median(cents) < 15.0
    assert cents.max() < 80.0


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_noise_is_unvoiced(sr):
    s = analyse(0.1 * np.random.default_rng(0).standard_normal(sr), sr=sr)
    assert np.mean(s.f0 > 0.0) < 0.02
    np.testing.assert_array_equal(s.voicing[s.f0 == 0.0], 0.0)


@pytest.mark.parametrize("f0", [90.0, 200.0, 300.0])
def test_noise_that_rings_in_a_resonance_does_not_lead_an_octave_down(f0):
    """The noise of the resonance at 700 Hz resembles itself after two or three periods rather than after one."""
    found = analyse(vowel(np.full(4000, f0), sr=8000, breath=0.15), sr=8000).f0[8:-8]
    assert np.median(found) == pytest.approx(f0, rel=0.02)


def test_the_hum_of_mains_is_no_voice():
    t = np.arange(16000) / 8000
    hum = 0.03 * np.sin(2.0 * np.pi * 60.5 * t)
    y = np.concatenate([hum[:8000], hum[8000:] + vowel(np.full(8000, 130.0), sr=8000)])
    y = y + 1e-3 * np.random.default_rng(0).standard_normal(len(y))
    f0 = analyse(y, sr=8000).f0
    assert np.mean(f0[:190] > 0.0) < 0.05
    np.testing.assert_allclose(f0[210:-10], 130.0, rtol=0.02)


def test_a_voice_lasts():
    runs = np.array([1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1], dtype=bool)
    np.testing.assert_array_equal(np.flatnonzero(voicing._lasting(runs, 4.0)), [6, 7, 8, 9, 12, 13, 14, 15, 16])
    share = np.array([[1.0], [0.4], [9.0], [0.8]])
    smooth = voicing._smooth(share, np.array([True, True, False, True]), 1)
    np.testing.assert_allclose(smooth[[0, 1, 3], 0], [1.2 / 1.5, 0.9 / 1.5, 0.8])


def test_the_share_of_the_pulses_is_measured_in_each_band():
    """Partials below 2 kHz, noise above."""
    sr, n = 8000, 8000
    t = np.arange(n) / sr
    low = sum(np.cos(2.0 * np.pi * 120.0 * h * t) for h in range(1, 16))
    high = voicing.split(np.random.default_rng(0).standard_normal(n), sr=sr)[2:].sum(axis=0)
    s = analyse(0.02 * (low + 3.0 * high), sr=sr)
    means = s.voicing[10:-10].mean(axis=0)
    assert means[:2].min() > 0.9
    assert means[2:].max() < 0.4
    mixed = [analyse(vowel(np.full(n, 120.0), sr=sr, breath=b), sr=sr).voicing[10:-10].mean() for b in (0.0, 0.3, 1.0, 2.0)]
    assert np.all(np.diff(mixed) < -0.05)


@pytest.mark.parametrize("sr", [2000, 8000, 11025, 44100])
def test_bands_add_up(sr):
    y = np.random.default_rng(0).standard_normal(3001)
    np.testing.assert_allclose(voicing.split(y, sr=sr).sum(axis=0), y, atol=1e-12)
    np.testing.assert_allclose(voicing.split(y, sr=sr, analytic=True).sum(axis=0).real, y, atol=1e-12)
    f = np.linspace(0.0, 0.5 * sr, 1000)
    weights = voicing.band_weights(f, sr=sr)
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, atol=1e-12)


def test_the_level_is_the_rms():
    y = 0.2 * np.random.default_rng(0).standard_normal(16000)
    s = analyse(y, sr=8000)
    assert np.sqrt(np.mean(np.square(s.level))) == pytest.approx(0.2, rel=0.03)
    assert s.level[0] == pytest.approx(0.2, rel=0.4)  # at the edges too


def test_frames_cover_the_sound():
    for n in (1, 39, 40, 41, 800, 801):
        s = analyse(0.1 * np.random.default_rng(0).standard_normal(n), sr=8000)
        assert len(s.level) == 1 + (n - 1) // 40
        assert s.synthesise(rng=0).shape == (n,)


@pytest.mark.parametrize("clip", [0, 111, 222, 333, 444, 555, 666, 777, 888, 999])
def test_level_and_envelope_come_back(clip):
    (y,) = digits(clip)
    s = analyse(y, sr=8000)
    z = s.synthesise(rng=0)
    again = analyse(z, sr=8000)
    loud = s.level > 0.01 * s.level.max()
    assert np.abs(decibels(again.level[loud], s.level[loud])).mean() < 1.0
    e, e_again = (np.log10(lp.envelope(from_line_spectra(t.line_spectra[loud]), n_fft=128)) for t in (s, again))
    assert 20.0 * np.abs(e - e.mean() - e_again + e_again.mean()).mean() < 4.0
    both = (s.f0 > 0.0) & (again.f0 > 0.0)
    assert np.median(np.abs(np.log2(s.f0[both] / again.f0[both]))) < 0.02


@pytest.mark.parametrize("voiced", [0.0, 0.5, 1.0])
def test_a_flat_spectrum_of_any_mixture(voiced):
    s = steady(voiced=voiced, frames=800)
    y = s.synthesise(rng=0)
    assert np.sqrt(np.mean(y * y)) == pytest.approx(0.1, rel=0.02)
    power = np.square(np.abs(np.fft.rfft(y)))[200:14600].reshape(-1, 100).sum(axis=1)  # 25 Hz each
    power = power[: len(power) // 24 * 24].reshape(-1, 24).mean(axis=1)  # five partials of 120 Hz
    assert np.abs(10.0 * np.log10(power / power.mean())).max() < 2.5


@pytest.mark.parametrize("f0", [123.4, 431.7])
def test_pulses_are_at_multiples_of_the_pitch_and_nowhere_else(f0):
    """No aliasing, however the pitch lies to the sample rate; and the power is 1."""
    s = steady(frames=1600)
    e = s._pulses(np.full(1600, f0), s.voicing)
    power = np.square(np.abs(np.fft.rfft(e[8000:56000] * np.blackman(48000))))
    f = np.arange(len(power)) * 8000 / 48000
    near = np.abs(f - f0 * np.round(f / f0)) < 2.0
    assert power[~near].sum() < 1e-7 * power.sum()
    assert np.mean(np.square(e)) == pytest.approx(1.0, abs=0.15)  # the topmost partials fade


def test_a_pitch_that_moves_has_no_clicks():
    lines = to_line_spectra(lp.lpc(vowel(np.full(800, 100.0), sr=8000) * np.hanning(800), order=12))
    s = dataclasses.replace(steady(frames=300), line_spectra=np.tile(lines, (300, 1)))
    glide = dataclasses.replace(s, f0=np.linspace(80.0, 300.0, 300), voicing=s.voicing * (np.arange(300) % 40 < 25)[:, None])
    y = glide.synthesise(rng=0, voiced=True)
    assert not has_click(y)
    f = analyse(y, sr=8000).f0[10:-10]
    np.testing.assert_allclose(f, np.linspace(80.0, 300.0, 300)[10:-10], rtol=0.03)


def test_tracks_that_jump_do_not_ring_or_click():
    lines = to_line_spectra(lp.lpc(vowel(np.full(800, 100.0), sr=8000) * np.hanning(800), order=12))
    s = steady(frames=100, order=12)
    jumping = dataclasses.replace(s, line_spectra=np.where(np.arange(100)[:, None] % 2, lines, np.pi - lines[::-1]))
    y = jumping.synthesise(rng=0)
    assert np.isfinite(y).all()
    assert np.abs(y).max() < 2.0


def test_same_seed_same_bytes():
    (y,) = digits(5)
    s = analyse(y, sr=8000)
    np.testing.assert_array_equal(s.synthesise(rng=3), s.synthesise(rng=3))
    assert not np.array_equal(s.synthesise(rng=3), s.synthesise(rng=4))
    np.testing.assert_array_equal(to_features(analyse(y, sr=8000)), to_features(s))


def test_whisper_robot_and_another_pitch():
    s = analyse(vowel(np.full(8000, 110.0), sr=8000), sr=8000)
    whisper = analyse(s.synthesise(rng=0, voiced=False), sr=8000)
    assert np.mean(whisper.f0 > 0.0) < 0.2
    np.testing.assert_array_equal(s.synthesise(rng=0, f0=0.0), s.synthesise(rng=0, voiced=False))
    assert np.abs(decibels(whisper.level, s.level))[5:-5].mean() < 1.5
    for options, want in (({"f0": 200.0}, 200.0), ({"f0_scale": 1.5}, 165.0), ({"f0": np.full(len(s.f0), 90.0)}, 90.0)):
        found = analyse(s.synthesise(rng=0, **options), sr=8000).f0[10:-10]
        assert np.median(found) == pytest.approx(want, rel=0.01)
    noise = analyse(0.1 * np.random.default_rng(0).standard_normal(8000), sr=8000)
    robot = analyse(noise.synthesise(rng=0, f0=150.0, voiced=True), sr=8000)
    assert np.median(robot.f0) == pytest.approx(150.0, rel=0.01)


def test_features_and_back():
    for y in digits(1, 500, 998):
        s = analyse(y, sr=8000, order=10)
        X = to_features(s)
        assert X.shape == (len(s.level), len(feature_names(order=10, sr=8000)))
        t = from_features(X, sr=8000, hop=s.hop, length=s.length)
        np.testing.assert_allclose(t.line_spectra, s.line_spectra, atol=0.01)
        np.testing.assert_allclose(t.level, np.where(s.level > 1e-5, s.level, 0.0), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(t.f0, s.f0, rtol=1e-9)
        np.testing.assert_allclose(t.voicing, s.voicing, atol=1e-9)
        assert (t.hop, t.sr, t.length) == (s.hop, s.sr, s.length)


def test_the_pitch_is_bridged_in_features():
    s = dataclasses.replace(steady(frames=5), f0=np.array([0.0, 100.0, 0.0, 400.0, 0.0]))
    np.testing.assert_allclose(np.exp(to_features(s)[:, 9]), [100.0, 100.0, 200.0, 400.0, 400.0])


def test_any_features_make_sound_that_is_finite():
    rng = np.random.default_rng(0)
    for X in (rng.normal(0.0, 100.0, (50, 18)), np.zeros((1, 18)), np.full((3, 18), 1e300), np.full((3, 18), -1e300)):
        s = from_features(X, sr=8000, hop=40)
        y = s.synthesise(rng=0)
        assert y.shape == (40 * len(X),)
        assert np.isfinite(y).all()
        assert np.abs(lp.to_reflection(from_line_spectra(s.line_spectra))).max() < 1.0


@pytest.mark.parametrize("sr", [2000, 8000, 44100])
@pytest.mark.parametrize("kind", ["silence", "one sample", "constant", "square", "impulse", "tiny", "sine", "nyquist"])
def test_sounds_that_are_no_speech(kind, sr):
    n = np.arange(4000)
    y = {
        "silence": np.zeros(4000),
        "one sample": np.array([0.5]),
        "constant": np.full(4000, 0.7),
        "square": np.where(n % 80 < 40, 1.0, -1.0),
        "impulse": np.where(n == 2000, 1.0, 0.0),
        "tiny": 1e-30 * np.sin(0.1 * n),
        "sine": np.sin(0.1 * n),
        "nyquist": (-1.0) ** n,
    }[kind]
    s = analyse(y, sr=sr)
    z = s.synthesise(rng=0)
    assert np.isfinite(to_features(s)).all()
    assert np.isfinite(z).all()
    if kind in ("silence", "one sample", "constant"):
        np.testing.assert_array_equal(z, 0.0)
    elif kind == "square" and sr == 8000:
        assert z.std() == pytest.approx(1.0, abs=0.15)
        assert np.median(s.f0) == pytest.approx(100.0, rel=0.01)
    else:
        assert z.std() <= 1.5 * y.std()


def test_compiled_is_plain():
    rng = np.random.default_rng(0)
    y = rng.standard_normal(600)
    lags, worth = voicing._candidates(y, 120, 5, 40.0, 80, 8, 60, 1.0)
    plain = voicing._candidates.py_func(y, 120, 5, 40.0, 80, 8, 60, 1.0)
    np.testing.assert_allclose(lags, plain[0], atol=1e-9)
    np.testing.assert_allclose(worth, plain[1], atol=1e-9)
    arguments = (lags, worth, 0.5, 0.2, 0.1)
    np.testing.assert_allclose(voicing._path(*arguments), voicing._path.py_func(*arguments))
    z = voicing.split(y, sr=8000, analytic=True)
    f0 = np.array([0.0, 100.0, 150.0])
    np.testing.assert_allclose(voicing._coherence(z, f0, 200, 8000, 160), voicing._coherence.py_func(z, f0, 200, 8000, 160), atol=1e-9)
    window = np.ones(21)
    np.testing.assert_allclose(vocoder._windowed_rms(y, 50, 9, window), vocoder._windowed_rms.py_func(y, 50, 9, window), atol=1e-12)


def test_the_cheapest_path_is_the_cheapest():
    """Against all paths through three candidates and unvoiced, four frames."""
    from itertools import product

    rng = np.random.default_rng(1)
    jump, switch, unvoiced = 0.7, 0.2, 0.5
    for _ in range(20):
        lags, worth = rng.uniform(10.0, 40.0, (4, 3)), rng.uniform(0.2, 1.0, (4, 3))

        def cost(states, lags=lags, worth=worth):
            total = 0.0
            for i, j in enumerate(states):
                total += 1.0 - unvoiced + max(worth[i].max() - unvoiced, 0.0) if j == 3 else 1.0 - worth[i, j]
                before = states[i - 1] if i else j
                if (before == 3) != (j == 3):
                    total += switch
                elif i and j < 3:
                    total += min(jump * abs(np.log(lags[i, j] / lags[i - 1, before])), 2.0 * switch)
            return total

        best = min(product(range(4), repeat=4), key=cost)
        want = [0.0 if j == 3 else lags[i, j] for i, j in enumerate(best)]
        np.testing.assert_allclose(voicing._path(lags, worth, jump, switch, unvoiced), want)


@pytest.mark.corpus
def test_real_digits_survive(corpora):
    """Of every fifth clip of the test split; benchmarks/vocoder_quality.py counts them all."""
    dataset = datasets.load("fsdd", split="test").subset(range(0, 300, 5))
    ears = evaluation.recogniser_for(datasets.load("fsdd"))
    Y, labels = dataset.arrays(length=8064)
    copies = np.zeros_like(Y)
    for i in range(len(dataset)):
        y = dataset.clip(i)[0]
        copies[i, : len(y)] = analyse(y, sr=8000).synthesise(rng=i)[:8064]
    assert np.mean(ears.predict_proba(copies, sr=8000).argmax(axis=1) == labels) >= 0.95


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: analyse(np.array([0.0, np.nan]), sr=8000), "y must be finite"),
        (lambda: analyse(np.zeros((2, 10)), sr=8000), "y must be mono"),
        (lambda: analyse(np.zeros(0), sr=8000), "y must have at least 1"),
        (lambda: analyse(np.zeros(10, dtype=int), sr=8000), "y must be floating point"),
        (lambda: analyse(np.zeros(10), sr=1000), "sr must be >= 2000"),
        (lambda: analyse(np.zeros(10), sr=8000, order=200), "order must be <= 199"),
        (lambda: analyse(np.zeros(10), sr=8000, order=0), "order must be >= 1"),
        (lambda: analyse(np.zeros(10), sr=8000, hop=0.0), "hop must be > 0"),
        (lambda: analyse(np.zeros(10), sr=8000, f_min=300.0, f_max=200.0), "f_min must be < f_max"),
        (lambda: steady().synthesise(rng=-1), "rng"),
        (lambda: steady().synthesise(rng=0, f0=np.ones(3)), "f0 must be a number or have shape"),
        (lambda: steady().synthesise(rng=0, f0=-1.0), "f0 must be >= 0"),
        (lambda: steady().synthesise(rng=0, f0=4000.0), "f0 . f0_scale must be < 4000"),
        (lambda: steady().synthesise(rng=0, f0_scale=0.0), "f0_scale must be > 0"),
        (lambda: steady().synthesise(rng=0, voiced="yes"), "voiced must be"),
        (lambda: dataclasses.replace(steady(), level=np.ones(3)), "level, f0 and voicing must have shapes"),
        (lambda: dataclasses.replace(steady(), level=np.full(200, np.nan)), "level must be finite"),
        (lambda: dataclasses.replace(steady(), voicing=np.full((200, 4), 1.1)), "voicing must be <= 1"),
        (lambda: dataclasses.replace(steady(), f0=np.full(200, 4001.0)), "f0 must be <= 4000"),
        (lambda: from_features(np.zeros((3, 6)), sr=8000, hop=40), "at least 1 row and 7 columns"),
        (lambda: from_features(np.zeros((0, 18)), sr=8000, hop=40), "at least 1 row"),
        (lambda: from_features(np.full((3, 18), np.nan), sr=8000, hop=40), "X must be finite"),
        (lambda: from_features(np.zeros((3, 18)), sr=8000, hop=0), "hop must be >= 1"),
        (lambda: from_features(np.zeros((3, 18)), sr=8000, hop=40, min_gap=1.0), "min_gap must be <"),
        (lambda: feature_names(order=0, sr=8000), "order must be >= 1"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
