"""Vocoders: whose envelope and whose pitch comes out, levels, and what may come in."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter

from audiogen_helpers import linear_prediction as lp
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.pitch import pitch_of
from audiogen_helpers.transform import TRANSFORMS, apply, vocoding

SR = 16000
NAMES = ("channel-vocoder", "cross-synthesis", "robot", "whisper")


def resonant(source, resonances=((700.0, 80.0), (1800.0, 100.0))):
    for f, width in resonances:
        pole = np.exp((-np.pi * width + 2j * np.pi * f) / SR)
        source = lfilter([1.0], np.poly([pole, pole.conj()]).real, source)
    return 0.1 * source / np.std(source)


def vowel(f0=120.0, **kwargs):
    return resonant(vocoding.pulses(f0, sr=SR, length=SR), **kwargs)


def organ():
    t = np.arange(SR) / SR
    return sum(np.sin(2 * np.pi * 130.0 * k * t + k * k) for k in range(1, 50)) / 20


def call(name, y, *, sr=SR):
    second = np.random.default_rng(3).standard_normal(len(np.ravel(y))) if name == "cross-synthesis" else None
    return apply(name, y, sr=sr, second=second, rng=0)


def peaks_at(y, f, *, order=10):
    found = lp.formants(lp.lpc(y[4000:12000] * np.hanning(8000), order=order), sr=SR)[0]
    return np.abs(found - f).min()


@pytest.mark.parametrize("f0", [50.0, 123.4, 440.0, 3999.0, 7000.0])
def test_pulses_are_a_sum_of_cosines(f0):
    n = np.arange(3000)
    count = int(np.ceil(SR / 2 / f0)) - 1
    want = sum(np.cos(2 * np.pi * f0 * k * n / SR) for k in range(1, count + 1)) * np.sqrt(2.0 / count)
    np.testing.assert_allclose(vocoding.pulses(f0, sr=SR, length=3000), want, atol=1e-6 * count)
    assert np.std(vocoding.pulses(f0, sr=SR, length=SR)) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("f0", [80.0, 110.0, 220.0])
def test_a_robot_has_the_pitch_asked_for_and_the_formants_of_the_voice(f0):
    z = vocoding.robot(vowel(), sr=SR, f0=f0)
    assert abs(1200 * np.log2(pitch_of(z, sr=SR) / f0)) < 1.0
    assert peaks_at(z, 700.0) < 0.4 * f0
    assert peaks_at(z, 1800.0) < 0.4 * f0


def test_a_whisper_has_the_formants_and_no_pitch():
    z = vocoding.whisper(vowel(), sr=SR, rng=0)
    assert pitch_of(vowel(), sr=SR, f_min=60.0, f_max=300.0) == pytest.approx(120.0, abs=0.1)
    assert pitch_of(z, sr=SR, f_min=60.0, f_max=300.0) == 0.0
    assert peaks_at(z, 700.0) < 50.0
    assert peaks_at(z, 1800.0) < 50.0
    np.testing.assert_array_equal(z, vocoding.whisper(vowel(), sr=SR, rng=0))
    assert not np.array_equal(z, vocoding.whisper(vowel(), sr=SR, rng=1))


def test_cross_synthesis_takes_pitch_from_one_and_formants_from_the_other():
    z = vocoding.cross_synthesis(vowel(), sr=SR, carrier=organ())
    assert abs(1200 * np.log2(pitch_of(z, sr=SR) / 130.0)) < 1.0
    assert peaks_at(z, 700.0) < 60.0
    assert peaks_at(z, 1800.0) < 60.0
    own = vocoding.cross_synthesis(vowel(), sr=SR, carrier=vowel())  # a voice on itself is itself, nearly
    assert np.corrcoef(own[2000:-2000], vowel()[2000:-2000])[0, 1] > 0.99


@pytest.mark.parametrize("n_bands", [12, 20, 40])
def test_a_channel_vocoder_gives_the_carrier_the_bands_of_the_voice(n_bands):
    noise = np.random.default_rng(0).standard_normal(SR)
    for resonances in (((500.0, 100.0),), ((2500.0, 150.0),)):
        z = vocoding.channel_vocoder(vowel(resonances=resonances), sr=SR, carrier=noise, n_bands=n_bands)
        power = np.abs(np.fft.rfft(z)) ** 2
        f = resonances[0][0]
        assert power[round(0.7 * f) : round(1.4 * f)].sum() > 0.5 * power.sum()


def test_the_rhythm_is_that_of_the_voice():
    y = vowel() * (np.arange(SR) % 4000 < 2000)
    for name in NAMES:
        z = call(name, y)
        level = np.sqrt(np.mean(z.reshape(8, 2000)[:, 800:-200] ** 2, axis=1))
        assert level[0::2].min() > 10 * level[1::2].max(), name


@pytest.mark.parametrize("name", NAMES)
def test_level_type_input_and_silence(name):
    for dtype in (np.float32, np.float64):
        y = vowel().astype(dtype)
        before = y.copy()
        z = call(name, y)
        assert z.dtype == dtype
        assert z.shape == y.shape
        assert np.abs(z).max() <= 1.0
        assert np.std(z) == pytest.approx(np.std(y), rel=0.02)
        np.testing.assert_array_equal(y, before)
        assert not call(name, np.zeros(1000, dtype)).any()
    loud = call(name, 9.0 * vowel())
    assert np.abs(loud).max() <= 9.0 * np.abs(vowel()).max() * (1 + 1e-12)
    np.testing.assert_allclose(call(name, 1e-150 * vowel()) * 1e150, call(name, vowel()), atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [1, 2, 100, 777])
@pytest.mark.parametrize("sr", [8000, 44100])
def test_any_length_will_do(name, length, sr):
    z = call(name, np.random.default_rng(0).standard_normal(length), sr=sr)
    assert z.shape == (length,)
    assert np.isfinite(z).all()


@pytest.mark.parametrize("name", NAMES)
def test_registered(name):
    y = vowel()[:4000]
    entry = TRANSFORMS[name]
    for p in entry.parameters:
        for value in (p.low, p.high):
            assert np.isfinite(apply(name, y, sr=SR, **{p.name: value})).all()


def test_a_short_carrier_is_repeated_and_a_silent_one_gives_silence():
    y, carrier = vowel()[:4000], organ()[:1000]
    for work in (vocoding.channel_vocoder, vocoding.cross_synthesis):
        np.testing.assert_array_equal(work(y, sr=SR, carrier=carrier), work(y, sr=SR, carrier=np.tile(carrier, 4)))
        assert not work(y, sr=SR, carrier=np.zeros(10)).any()


@pytest.mark.parametrize(
    ("work", "message"),
    [
        (lambda: vocoding.robot(np.zeros((2, 9)), sr=SR), "y must be mono"),
        (lambda: vocoding.whisper(np.zeros((2, 9)), sr=SR), "y must be mono"),
        (lambda: vocoding.channel_vocoder(np.zeros((2, 9)), sr=SR), "y must be mono"),
        (lambda: vocoding.cross_synthesis(np.zeros((2, 9)), sr=SR, carrier=np.ones(9)), "y must be mono"),
        (lambda: vocoding.cross_synthesis(np.zeros(9), sr=SR, carrier=np.ones((2, 9))), "carrier must be mono"),
        (lambda: vocoding.channel_vocoder(np.zeros(9), sr=SR, carrier=np.zeros(0)), "carrier must have at least 1"),
        (lambda: vocoding.channel_vocoder(np.zeros(9), sr=SR, n_bands=3), "n_bands must be >= 4"),
        (lambda: vocoding.robot(np.zeros(9), sr=SR, f0=0.0), "f0 must be >= 40"),
        (lambda: vocoding.whisper(np.zeros(9), sr=SR, rng="dice"), "rng must be"),
    ],
)
def test_what_is_wrong_is_named(work, message):
    with pytest.raises(ParameterError, match=message):
        work()
