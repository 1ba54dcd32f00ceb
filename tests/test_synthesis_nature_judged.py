"""Rain, waves, a stream, fire, a clock and a helicopter: the physics they claim, what their settings do, and what recognisers hear."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, stats

from audiogen_helpers import audio, synthesis
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis.nature import _events, fire, machines, water

SR = 44_100
NAMES = ("rain", "waves", "stream", "fire", "clock", "helicopter")
QUIET = -120.0  # dB: no noise of the place


def made(name, *, sr=SR, duration=4.0, rng=0, **settings):
    return synthesis.render(name, sr=sr, duration=duration, rng=rng, **{"background": QUIET, **settings})


def octave_db(y, centre, *, sr):
    f, P = signal.welch(y, sr, nperseg=8192)
    inside = (f >= centre / 2**0.5) & (f < centre * 2**0.5)
    return 10 * np.log10(P[inside].sum() * (f[1] - f[0]))


def centroid(y, *, sr):
    f, P = signal.welch(y, sr, nperseg=4096)
    return (f * P).sum() / P.sum()


# --- one bubble ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 44_100, 48_000])
@pytest.mark.parametrize("radius", [0.0015, 0.003, 0.01])
@pytest.mark.parametrize("rise", [0.0, 0.1, 0.3])
def test_a_bubble_is_its_closed_form(sr, radius, rise):
    f, d = np.sqrt(3 * 1.4 * 101_325 / 998) / (2 * np.pi * radius), 0.13 / radius + 0.0072 * radius**-1.5
    y = water.bubble(radius, sr=sr, duration=0.02, rise=rise)
    t = np.arange(len(y)) / sr
    want = np.exp(-d * t) * np.sin(2 * np.pi * (f * t + rise * f * d * t**2 / 2))
    heard = (d * t < 9.2) & (f * (1 + rise * d * t) < 0.44 * sr)
    np.testing.assert_allclose(y[heard], want[heard], atol=1e-9)
    assert np.abs(y[d * t > 9.4]).max(initial=0.0) == 0.0


def test_a_bubble_of_one_millimetre_sounds_at_3287_hz():
    y = water.bubble(0.001, sr=192_000, duration=0.02, rise=0.0)
    spectrum = np.abs(np.fft.rfft(y, 1 << 20))
    assert np.argmax(spectrum) * 192_000 / (1 << 20) == pytest.approx(water.minnaert(0.001), rel=1e-3)
    assert water.minnaert(0.001) == pytest.approx(3287, rel=1e-3)
    assert water.minnaert(0.002) == pytest.approx(water.minnaert(0.001) / 2)


@pytest.mark.parametrize("wrong", [{"radius": 0.0}, {"radius": np.nan}, {"rise": -1.0}, {"duration": -1.0}, {"sr": 100}])
def test_a_wrong_bubble_is_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        water.bubble(**{"radius": 0.003, "sr": SR, "duration": 0.1, **wrong})


# --- what the sounds are made of ----------------------------------------------------------------------------------------------------


def test_arrivals_are_a_poisson_process():
    rng = np.random.default_rng(0)
    at = [_events.arrivals(rng, 50.0, 8000, sr=8000) for _ in range(2000)]
    counts = np.array([len(a) for a in at])
    assert counts.mean() == pytest.approx(50.0, rel=0.02)
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.1)
    gaps = np.diff(np.concatenate([a + 8000 * i for i, a in enumerate(at)])) / 8000
    assert stats.kstest(gaps, "expon", args=(0, 1 / 50)).pvalue > 0.01
    assert all((np.diff(a) >= 0).all() and a.min(initial=0) >= 0 and a.max(initial=0) < 8000 for a in at)


def test_arrivals_follow_a_rate_that_changes():
    rng = np.random.default_rng(0)
    at = np.concatenate([_events.arrivals(rng, np.array([0.0, 300.0, 100.0]), 3000, sr=1000) for _ in range(300)])
    shares = np.histogram(at, bins=[0, 1000, 2000, 3000])[0] / 300
    np.testing.assert_allclose(shares, [0, 300, 100], rtol=0.03)


def test_what_rings_does_not_notice_the_pieces():
    def ring(lengths):
        r = _events.Ringing(sr=8000)
        r.strike(
            np.array([0, 17, 500]), amplitude=[1.0, -0.5, 0.3], frequency=[440.0, 0.0, 1000.0], decay=[20.0, 5.0, 90.0],
            rise=[0, 0, 900.0], phase=[0, np.pi / 2, 1.0],
        )  # fmt: skip
        return np.concatenate([r.take(n) for n in lengths])

    whole = ring([4000])
    np.testing.assert_allclose(ring([1, 16, 400, 1000, 2583]), whole, atol=1e-9)
    t = np.arange(4000) / 8000
    late = np.clip(t - 17 / 8000, 0, None)
    last = np.clip(t - 500 / 8000, 0, None)
    want = np.exp(-20 * t) * np.sin(2 * np.pi * 440 * t) - 0.5 * (t >= 17 / 8000) * np.exp(-5 * late)
    want += 0.3 * (t >= 500 / 8000) * (last * 90 < 9.2) * np.exp(-90 * last) * np.sin(1.0 + 2 * np.pi * (1000 * last + 450 * last**2))
    np.testing.assert_allclose(whole, want, atol=1e-4)


def test_the_loop_means_the_same_as_plain_python():
    bank = np.array([[0.3, 0.7, 0.99, 0.05, 0.9999, 0.001, 3.0, 40.0], [1.0, 0.0, 0.9, 0.0, 1.0, 0.0, 0.0, 500.0]])
    y, z, b, c = np.zeros(64), np.zeros(64), bank.copy(), bank.copy()
    assert _events._ring(y, b, 2) == _events._ring.py_func(z, c, 2) == 1
    np.testing.assert_allclose(y, z, atol=1e-12)
    np.testing.assert_allclose(b, c, atol=1e-12)


def test_a_filter_has_the_magnitude_asked_for_and_no_delay():
    f = np.linspace(0, 1, 1025)
    want = 0.01 + np.exp(-np.square((f - 0.3) / 0.15))
    taps = _events.fir(want, n_taps=512)
    np.testing.assert_allclose(np.abs(np.fft.rfft(taps, 2048)), want, rtol=0.02)
    assert np.argmax(np.cumsum(taps**2) > 0.9 * np.sum(taps**2)) < 10
    x = np.random.default_rng(0).standard_normal(3000)
    filt = _events.Fir(taps)
    np.testing.assert_allclose(np.concatenate([filt(x[:700]), filt(x[700:701]), filt(x[701:])]), signal.lfilter(taps, 1, x), atol=1e-9)


@pytest.mark.parametrize("sr", [16_000, 44_100])
def test_coloured_noise_has_its_octave_levels_at_any_rate(sr):
    levels = ((125.0, -6.0), (500.0, 0.0), (2000.0, -12.0), (8000.0, -20.0))
    y = _events.Coloured(np.random.default_rng(0), sr=sr, levels=levels).take(20 * sr)
    f = np.arange(1.0, sr / 2)
    for centre in (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0):
        want = _events.colour(f, levels)[(f >= centre / 2**0.5) & (f < centre * 2**0.5)].sum()  # the same power per Hz at each rate
        assert octave_db(y, centre, sr=sr) == pytest.approx(10 * np.log10(want), abs=0.7)
    if sr == 44_100:
        assert np.sqrt(np.mean(y**2)) == pytest.approx(1.0, abs=0.12)  # what is below 20 Hz comes on top


def test_air_absorbs_what_the_standard_says():
    """ISO 9613-2:1996, table 2: 10 degrees, 70 %; exact midband frequencies."""
    f = 1000 * 10 ** (0.3 * np.arange(-4, 4))
    found = 1000 * _events.absorption(f, temperature=10.0, humidity=70.0)
    np.testing.assert_allclose(found, [0.1, 0.4, 1.0, 1.9, 3.7, 9.7, 32.8, 117.0], atol=0.06, rtol=0.005)


def test_a_place_takes_6_db_per_doubling_and_what_the_air_takes():
    t = np.arange(SR) / SR
    for f in (250.0, 6000.0):
        rms = {}
        for r in (10.0, 100.0, 200.0):
            place = _events.Place(np.random.default_rng(0), sr=SR, distance=r, reference=10.0, background=QUIET)
            rms[r] = audio.rms_db(place(0.5 * np.sin(2 * np.pi * f * t))[SR // 2 :])
        assert rms[10.0] == pytest.approx(20 * np.log10(0.5 / 2**0.5), abs=0.1)
        assert rms[10.0] - rms[100.0] == pytest.approx(20 + 90 * _events.absorption(f), abs=0.3)
        assert rms[100.0] - rms[200.0] == pytest.approx(6.02 + 100 * _events.absorption(f), abs=0.3)


@pytest.mark.parametrize("n", [1, 3])
def test_slow_chance_has_variance_1_and_its_memory(n):
    many = _events.Wander(np.random.default_rng(0), sr=100, memory=1.0, n=n)
    y = np.atleast_2d(np.concatenate([many.take(k) for k in (1, 999, 199_000)], axis=-1))
    again = np.atleast_2d(_events.Wander(np.random.default_rng(0), sr=100, memory=1.0, n=n).take(1000))
    assert y.shape == (n, 200_000)
    assert (np.abs(np.diff(y)) < 0.3).all()
    knots = y[:, ::25]
    assert knots.var() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(knots[0, :-4], knots[0, 4:])[0, 1] == pytest.approx(np.exp(-1), abs=0.06)
    assert again.shape == (n, 1000)


def test_a_table_is_read_along_straight_lines():
    table = np.array([0.0, 1.0, 0.0, -1.0])
    np.testing.assert_allclose(_events.read(table, np.array([0.0, 0.125, 0.25, 0.9375, 7.125])), [0, 0.5, 1, -0.25, 0.5], atol=1e-12)
    assert np.isfinite(_events.read(table, np.array([np.nextafter(1.0, 0.0)]))).all()


# --- what is promised of every sound ------------------------------------------------------------------------------------------------


def settings_at_the_ends(name):
    for p in synthesis.SOUNDS[name].parameters:
        yield from ({p.name: v} for v in (p.choices or (p.low, p.high)))


@pytest.mark.parametrize("sr", [8000, 16_000, 48_000])
@pytest.mark.parametrize("name", NAMES)
def test_every_end_of_every_range_renders(name, sr):
    for settings in settings_at_the_ends(name):
        y = synthesis.render(name, sr=sr, duration=1.5, rng=3, **settings)
        assert np.isfinite(y).all(), settings
        assert np.abs(y).max() <= 1.0, settings
        assert np.abs(y).max() > 1e-5, settings
        assert abs(y.mean()) < 1e-3 + 0.01 * np.sqrt(np.mean(y**2)), settings


@pytest.mark.parametrize("name", NAMES)
def test_blocks_prefixes_and_seeds(name):
    whole = synthesis.render(name, sr=8000, duration=5.0, rng=5)
    np.testing.assert_array_equal(synthesis.render(name, sr=8000, duration=1.0, rng=5), whole[:8000])
    np.testing.assert_array_equal(np.concatenate(list(synthesis.blocks(name, sr=8000, duration=5.0, block_length=777, rng=5))), whole)
    assert np.abs(synthesis.render(name, sr=8000, duration=5.0, rng=6) - whole).max() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_farther_is_softer_and_duller(name):
    far = synthesis.SOUNDS[name].settings({})["distance"]
    high = next(p.high for p in synthesis.SOUNDS[name].parameters if p.name == "distance")
    sounds = [made(name, duration=6.0, distance=r) for r in np.geomspace(far, high, 4)]
    levels = [audio.rms_db(y) for y in sounds]
    assert (np.diff(levels) < -1.0).all(), levels
    brightness = [centroid(y, sr=SR) for y in sounds]
    assert (np.diff(brightness) < 0.0).all(), brightness


@pytest.mark.parametrize(
    ("name", "setting"), [("rain", "intensity"), ("fire", "intensity"), ("fire", "size"), ("waves", "size"), ("stream", "flow")]
)
def test_more_is_louder(name, setting):
    p = next(p for p in synthesis.SOUNDS[name].parameters if p.name == setting)
    levels = [audio.rms_db(made(name, duration=8.0, **{setting: v})) for v in np.linspace(p.low, p.high, 5)]
    assert (np.diff(levels) > 0.3).all(), levels


@pytest.mark.parametrize("name", NAMES)
def test_nothing_repeats(name):
    """A loop would show as a peak of the waveform's correlation with itself a while later; clock and blades repeat, but not exactly."""
    y = made(name, sr=16_000, duration=60.0, rng=1)
    spectrum = np.abs(np.fft.rfft(y, 2 * len(y))) ** 2
    same = np.fft.irfft(spectrum)[: len(y)] / np.sum(y**2)
    assert np.abs(same[5 * 16_000 : 55 * 16_000]).max() < 0.6 if name in ("clock", "helicopter") else 0.25
    if name not in ("clock", "helicopter", "waves"):
        e = np.abs(y).reshape(-1, 800).mean(axis=1)
        e = e - e.mean()
        slow = signal.correlate(e, e)[len(e) - 1 :] / np.sum(e**2)
        assert np.abs(slow[100:1100]).max() < 0.35


@pytest.mark.parametrize("name", NAMES)
def test_the_same_at_every_rate(name):
    """Octave levels up to 2 kHz do not depend on the sample rate."""
    sounds = {sr: [made(name, sr=sr, duration=6.0, rng=k) for k in range(3)] for sr in (16_000, 44_100)}
    for centre in (250.0, 500.0, 1000.0, 2000.0):
        levels = [np.mean([octave_db(y, centre, sr=sr) for y in clips]) for sr, clips in sounds.items()]
        assert abs(levels[0] - levels[1]) < 5.0, (centre, levels)


# --- rain ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("surface", ["ground", "leaves", "roof", "water"])
def test_the_rush_has_the_spectrum_of_many_drops(surface):
    """Campbell: 3000 drops a second of energy 1/3000 each, rendered one by one, against the formula."""
    rng = np.random.default_rng(0)
    ringing = _events.Ringing(sr=SR, most=100_000)
    at = _events.arrivals(rng, 3000.0, 10 * SR, sr=SR)
    f, d, a = water._drop_modes(rng, len(at), surface)
    ringing.strike(at, amplitude=2 * a / np.sqrt(3000.0), frequency=f, decay=d)
    grid, P = signal.welch(ringing.take(10 * SR), SR, nperseg=4096)
    want = np.mean([water._rush(np.random.default_rng(k), grid, surface=surface) for k in range(20)], axis=0)
    for low, high in ((500, 1000), (1000, 2000), (2000, 4000), (4000, 8000)):
        inside = (grid >= low) & (grid < high)
        assert 10 * np.log10(P[inside].sum() / want[inside].sum()) == pytest.approx(0.0, abs=1.0), (low, high)


def test_a_tin_roof_rings_longer_than_the_ground():
    def decay(surface):
        return np.median(water._drop_modes(np.random.default_rng(0), 1000, surface)[1])

    assert decay("roof") < 0.5 * decay("ground")
    assert centroid(made("rain", surface="roof"), sr=SR) < centroid(made("rain", surface="ground"), sr=SR)


def test_drizzle_is_drops_and_a_cloudburst_is_noise():
    def kurtosis(intensity):
        y = signal.sosfilt(
            signal.butter(2, (1000, 6000), "bandpass", fs=SR, output="sos"), made("rain", duration=10.0, intensity=intensity)
        )
        return stats.kurtosis(y, fisher=False)

    assert kurtosis(0.0) > 2 * kurtosis(1.0)
    assert kurtosis(1.0) < 6.0


# --- waves --------------------------------------------------------------------------------------------------------------------------


def test_waves_come_at_their_period():
    for period in (4.0, 12.0):
        y = made("waves", sr=8000, duration=30 * period, period=period, rng=2)
        e = np.abs(y)[: len(y) // 800 * 800].reshape(-1, 800).mean(axis=1)
        f, P = signal.welch(e - e.mean(), 10.0, nperseg=round(100 * period), nfft=8192)
        slow = (f > 0.4 / period) & (f < 3 / period)
        assert f[slow][np.argmax(P[slow])] * period == pytest.approx(1.0, abs=0.35)


def test_large_waves_are_deeper():
    small, large = (
        np.mean([centroid(made("waves", sr=16_000, duration=8.0, size=s, rng=k), sr=16_000) for k in range(4)]) for s in (0.0, 1.0)
    )
    assert large < small


# --- fire ---------------------------------------------------------------------------------------------------------------------------


def test_crackles_come_in_clusters():
    rng, waiting, counts = np.random.default_rng(0), np.zeros(0, dtype=np.int64), []
    for _ in range(4000):
        at, waiting = fire._clusters(rng, 30.0, waiting, sr=SR)
        counts.append(len(at))
        assert at.min(initial=0) >= 0 and at.max(initial=0) < _events.PIECE
    counts = np.array(counts)
    assert counts.mean() == pytest.approx(30.0 * _events.PIECE / SR, rel=0.05)
    assert counts.var() / counts.mean() > 2.0  # a Poisson process: 1


def test_a_fire_is_sparse_where_rain_is_not():
    def kurtosis(name):
        y = signal.sosfilt(signal.butter(2, (1000, 8000), "bandpass", fs=SR, output="sos"), made(name, duration=10.0))
        return stats.kurtosis(y, fisher=False)

    assert kurtosis("fire") > 100.0
    assert kurtosis("rain") < 15.0


def test_a_large_fire_puffs_slowly():
    assert fire.puffing(1.0) == pytest.approx(1.5)
    assert fire.puffing(4.0) == pytest.approx(0.75)


# --- clock --------------------------------------------------------------------------------------------------------------------------


def ticks(y, *, sr, gap):
    """Times of ticks, s: where the envelope above 1 kHz first passes 15 % of its peak, at least `gap` s after the last one."""
    y = signal.sosfilt(signal.butter(2, 1000.0, "highpass", fs=sr, output="sos"), y)
    loud = np.flatnonzero(np.abs(y) > 0.15 * np.abs(y).max()) / sr
    times = [loud[0]]
    for t in loud:
        if t - times[-1] > gap:
            times.append(t)
    return np.array(times)


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_clock_ticks_as_often_as_it_should(rate, seed):
    times = ticks(made("clock", duration=20.0, rate=rate, rng=seed, reverberation=0.1), sr=SR, gap=0.5 / rate)
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(rate, rel=0.02)
    assert times[0] < 0.3 / rate + 0.1


def test_tick_and_tock_differ():
    works = machines._Works(np.random.default_rng(0), size=0.5)
    assert np.corrcoef(np.log(np.abs(works.gain)))[0, 1] < 0.95
    assert works.limp.sum() == pytest.approx(2.0)
    assert np.diff(np.sort(works.frequency)).min() > 0


def test_each_seed_is_another_clock_and_a_large_one_is_lower():
    one, two = (machines._Works(np.random.default_rng(k), size=0.5) for k in (0, 1))
    assert not np.allclose(one.frequency, two.frequency)
    np.testing.assert_allclose(machines._Works(np.random.default_rng(0), size=1.0).frequency, one.frequency / 2)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0])
def test_a_room_answers_for_its_reverberation_time(seconds):
    taps = machines._room(np.random.default_rng(0), sr=16_000, distance=5.0, reverberation=seconds)._taps
    band = signal.sosfiltfilt(signal.butter(2, (400, 1400), "bandpass", fs=16_000, output="sos"), taps[1:])
    left = 10 * np.log10(np.cumsum(band[::-1] ** 2)[::-1] / np.sum(band**2))  # Schroeder
    a, b = np.argmax(left < -5), np.argmax(left < -25)
    assert 3 * (b - a) / 16_000 == pytest.approx(seconds, rel=0.2)


# --- helicopter ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8.0, 14.0, 22.5, 35.0])
@pytest.mark.parametrize("slap", [0.0, 1.0])
def test_blades_pass_as_often_as_they_should(rate, slap):
    y = made("helicopter", duration=10.0, rate=rate, slap=slap, speed=0.0)
    e = np.abs(signal.sosfilt(signal.butter(2, (800, 4000), "bandpass", fs=SR, output="sos"), y))
    f, P = signal.welch(signal.resample_poly(e - e.mean(), 1, 100), SR / 100, nperseg=2048, nfft=16_384)
    slow = (f > 5.0) & (f < 60.0)
    assert f[slow][np.argmax(P[slow])] == pytest.approx(rate, rel=0.02)


def test_the_lowest_lines_are_multiples_of_the_blade_rate():
    y = made("helicopter", duration=20.0, rate=20.0, speed=0.0)
    f, P = signal.welch(y, SR, nperseg=1 << 16)
    for k in (1, 2, 3, 4):
        line, beside = P[np.argmin(abs(f - 20.0 * k))], np.median(P[(abs(f - 20.0 * k) > 3) & (abs(f - 20.0 * k) < 8)])
        assert 10 * np.log10(line / beside) > 6.0, k


def test_flight_bends_the_pitch():
    def spread(speed):
        y = made("helicopter", duration=30.0, rate=30.0, speed=speed, sr=8000, rng=1)
        f, _, S = signal.stft(y, 8000, nperseg=8000, noverlap=4000)
        near = (f > 24) & (f < 36)
        return np.std(f[near][np.abs(S[near]).argmax(axis=0)])

    assert spread(80.0) > 2 * spread(0.0)
    assert spread(80.0) > 0.5


# --- recognisers --------------------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_a_recogniser_trained_on_real_recordings_hears_what_they_are():
    folder = corpora_dir()
    if folder is None or not (folder / "esc10").is_dir():
        pytest.skip("needs esc10 in AUDIOGEN_CORPORA")
    from benchmarks import nature_recognition as judge

    real = [(c, fold, y) for c, fold, y in judge.real_clips(folder / "esc10") if c in judge.CLASS_OF.values()]
    labels, held = np.array([c for c, _, _ in real]), np.array([fold == 3 for _, fold, _ in real])
    F = np.array([judge.texture(judge.levelled(y)) for _, _, y in real])
    model = judge._forest().fit(F[~held], labels[~held])
    assert np.mean(model.predict(F[held]) == labels[held]) > 0.6  # of five classes
    for name, label in judge.CLASS_OF.items():
        G = np.array([judge.texture(judge.levelled(synthesis.render(name, sr=SR, duration=5.0, rng=k))) for k in range(8)])
        assert np.sum(model.predict(G) == label) >= 6, name
