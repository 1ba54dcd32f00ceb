"""Wind and thunder: the statistics of gusts, the tone of a wire, the shape of a channel, and what distance does."""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
from scipy import ndimage, signal

from audiogen_helpers import _streams
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis.nature import _lightning, air
from audiogen_helpers.synthesis.nature._events import absorption
from audiogen_helpers.synthesis.nature._pending import Pending
from audiogen_helpers.synthesis.nature.air import thunder, vortex_frequency, wind, wind_speed

SR = 16_000


def level_db(y):
    return 20 * np.log10(np.sqrt(np.mean(np.square(y))))


def centre(y, *, sr):
    f, power = signal.welch(y, sr, nperseg=8192)
    return float(np.sum(f * power) / np.sum(power))


def peak_frequency(y, *, sr, low, high):
    f, power = signal.welch(y, sr, nperseg=sr)
    band = (f >= low) & (f <= high)
    return float(f[band][power[band].argmax()])


# --- what all registered sounds promise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", air.ENTRIES, ids=lambda e: e.name)
@pytest.mark.parametrize("sr", [8000, 44_100])
def test_every_end_of_every_range_renders_within_full_scale(entry, sr):
    for p in entry.parameters:
        for value in (p.low, p.high):
            y = entry.load()(sr=sr, duration=2.0, rng=3, **{p.name: value})
            assert len(y) == 2 * sr and np.isfinite(y).all() and np.abs(y).max() <= 1.0 and y.std() > 1e-5
            assert abs(y.mean()) < 1e-3 + 0.01 * y.std()


@pytest.mark.parametrize("entry", air.ENTRIES, ids=lambda e: e.name)
def test_blocks_add_up_and_a_seed_is_a_sound(entry):
    whole = entry.load()(sr=SR, duration=3.0, rng=5)
    pieces = np.concatenate(list(_streams.blocks(entry, sr=SR, duration=3.0, block_length=1000, rng=5)))
    np.testing.assert_array_equal(pieces, whole)
    np.testing.assert_array_equal(entry.load()(sr=SR, duration=1.0, rng=5), whole[:SR])
    assert not np.array_equal(entry.load()(sr=SR, duration=1.0, rng=6), whole[:SR])
    defaults = {n: p.default for n, p in inspect.signature(entry.load()).parameters.items() if n not in {"sr", "duration", "rng"}}
    assert defaults == {p.name: p.default for p in entry.parameters}


@pytest.mark.parametrize("name", ["strength", "gusts", "howling", "leaves", "diameter"])
@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_wind_names_what_is_wrong(name, value):
    with pytest.raises(ParameterError, match=name):
        wind(sr=SR, duration=1.0, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("distance", 100.0), ("size", 2.0), ("interval", 0.0)])
def test_thunder_names_what_is_wrong(name, value):
    with pytest.raises(ParameterError, match=name):
        thunder(sr=SR, duration=1.0, **{name: value})


def test_sounds_put_on_one_time_line_add_up_wherever_it_is_cut():
    rng = np.random.default_rng(0)
    starts, sounds = rng.integers(0, 400, 20), [rng.standard_normal(int(n)) for n in rng.integers(1, 300, 20)]
    wanted = np.zeros(1000)
    later = Pending()
    for at, y in zip(starts, sounds, strict=True):
        wanted[at : at + len(y)] += y
        later.add(y, at=int(at))
    np.testing.assert_allclose(np.concatenate([later.take(n) for n in (1, 0, 399, 250, 350)]), wanted, atol=1e-12)


# --- wind ---------------------------------------------------------------------------------------------------------------------------


def test_gusts_are_the_process_of_the_docstring():
    """Mean 0, variance 1, and the correlation of an Ornstein-Uhlenbeck process after one more low-pass."""
    slow, quick, step = 2.0, 0.5, 0.01
    gusts = air.Gusts(np.random.default_rng(0), slow=slow, quick=quick, step=step, n=64)
    x = np.concatenate([gusts.take(700), gusts.take(5300)])
    assert x.mean() == pytest.approx(0.0, abs=0.08)
    assert x.var() == pytest.approx(1.0, rel=0.05)
    assert x[0].var() == pytest.approx(1.0, abs=0.5)  # from the first moment on
    for lag in (0.2, 1.0, 3.0):
        k = round(lag / step)
        expected = (slow * np.exp(-lag / slow) - quick * np.exp(-lag / quick)) / (slow - quick)
        assert np.mean(x[k:] * x[:-k]) == pytest.approx(expected, abs=0.04)
    assert np.abs(np.diff(x, axis=0)).max() < 0.1  # smooth: no jumps


def test_the_first_gust_is_as_wild_as_any():
    first = np.concatenate([air.Gusts(np.random.default_rng(k), slow=4.0, quick=0.5, step=0.01, n=8).take(1)[0] for k in range(300)])
    assert first.var() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("strength", [0.3, 0.6])
@pytest.mark.parametrize("diameter", [0.002, 0.004])
def test_a_wire_whistles_at_its_strouhal_frequency(strength, diameter):
    still = {"strength": strength, "gusts": 0.0, "leaves": 0.0, "diameter": diameter, "sr": SR, "duration": 20.0, "rng": 0}
    f = vortex_frequency(wind_speed(strength), diameter)
    assert f == pytest.approx(0.2 * (3.0 + 21.0 * strength) / diameter)
    extra = wind(howling=1.0, **still) - wind(howling=0.0, **still)  # the same noise: what is left is the wires
    assert peak_frequency(extra, sr=SR, low=f / 1.3, high=f * 1.3) == pytest.approx(f, rel=0.03)
    assert peak_frequency(extra, sr=SR, low=f / 2.9, high=f / 2.1) == pytest.approx(f / 2.5, rel=0.03)


def test_a_resonance_has_variance_one_for_white_noise_and_is_scipys_filter():
    x = np.random.default_rng(0).standard_normal(200_000)
    f, k = np.array([[700.0]]), np.array([1 / 25.0])
    g, unit = air._tuned(f, k, sr=SR)
    state = np.zeros((1, 2))
    y = np.array([air._resonate.py_func(v, g[0, 0], k[0], state, 0) for v in x[:4000]])
    b, a = signal.iirpeak(700.0, 25.0, fs=SR)
    wanted = signal.lfilter(b, a, x)
    np.testing.assert_allclose(y, wanted[:4000], rtol=0, atol=5e-3)  # iirpeak defines Q before, not after, the frequency is warped
    assert unit[0, 0] * wanted.std() == pytest.approx(1.0, rel=0.03)


def test_eddies_fall_like_turbulence_and_move_up_with_the_speed():
    steady = {"gusts": 0.0, "howling": 0.0, "leaves": 0.0, "sr": SR, "duration": 30.0, "rng": 1}
    f, power = signal.welch(wind(strength=0.5, **steady), SR, nperseg=4096)
    band = (f > 80) & (f < 2500)
    slope = np.polyfit(np.log(f[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-5 / 3, abs=0.25)
    centres = [centre(wind(strength=s, **steady), sr=SR) for s in (0.0, 0.3, 0.6, 1.0)]
    assert np.all(np.diff(centres) > 0)


def test_pressure_grows_with_the_square_of_the_speed_and_levels_off():
    steady = {"gusts": 0.0, "howling": 0.0, "leaves": 0.0, "sr": SR, "duration": 10.0, "rng": 1}
    levels = [level_db(wind(strength=s, **steady)) for s in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)]
    assert np.all(np.diff(levels) > 1.0)
    doubling = (levels[1] - levels[0]) / np.log2(wind_speed(0.1) / wind_speed(0.0))
    assert 11.0 < doubling < 13.5  # dB for twice the speed; the square gives 12, and more of it rises above 20 Hz
    for s in (0.2, 0.6):
        assert level_db(wind(strength=s, **{**steady, "howling": 1.0})) > level_db(wind(strength=s, **steady))


def test_gusts_make_the_level_wander_and_no_gusts_keep_it():
    def wander(gusts):
        y = wind(sr=8000, duration=60.0, gusts=gusts, rng=2)
        return np.std(20 * np.log10(np.sqrt(np.mean(y.reshape(-1, 8000) ** 2, axis=1))))

    assert wander(0.0) < 0.7 < 1.5 < wander(0.5) < wander(1.0)


def test_leaves_are_clicks_in_the_highs():
    quiet = {"gusts": 0.0, "howling": 0.0, "strength": 0.2, "sr": SR, "duration": 10.0, "rng": 0}
    rustle = wind(leaves=1.0, **quiet) - wind(leaves=0.0, **quiet)
    assert 2500 < centre(rustle, sr=SR) < 5500
    kurtosis = np.mean(rustle**4) / np.mean(rustle**2) ** 2
    assert kurtosis > 3.5  # noise has 3


def no_loop(y, *, sr, step=0.05):
    """The highest correlation of the quick part of the level with itself, at lags from 2 s to half its length."""
    n = round(step * sr)
    e = np.log(np.mean(y[: len(y) // n * n].reshape(-1, n) ** 2, axis=1))
    e = e - ndimage.uniform_filter1d(e, 20)
    e = (e - e.mean()) / e.std()
    lags = range(round(2 / step), len(e) // 2)
    return max(float(np.mean(e[k:] * e[:-k])) for k in lags)


def test_wind_never_loops():
    y = wind(sr=8000, duration=60.0, rng=0)
    assert no_loop(y, sr=8000) < 0.3
    assert no_loop(np.tile(y[: 15 * 8000], 4), sr=8000) > 0.9  # what a loop would look like


# --- thunder ------------------------------------------------------------------------------------------------------------------------


def test_the_channel_is_jagged_as_photographed():
    """The direction changes by 16 degrees on average from piece to piece (Hill 1968), and the first corner is on the ground."""
    angles = []
    for seed in range(20):
        corners = _lightning.channel(np.random.default_rng(seed), distance=500.0, height=4000.0)
        np.testing.assert_array_equal(corners[0], [500.0, 0.0, 0.0])
        way = np.diff(corners, axis=0)
        np.testing.assert_allclose(np.linalg.norm(way, axis=1), 8.0)
        unit = way / 8.0
        angles.append(np.degrees(np.arccos(np.clip(np.sum(unit[1:] * unit[:-1], axis=1), -1, 1))).mean())
    assert np.mean(angles) == pytest.approx(16.0, abs=1.5)


def n_wave(t, half):
    return np.where(np.abs(t) < half, -t / half, 0.0)


def test_pulses_from_corners_are_n_waves_along_the_channel():
    """Brute force: an N-wave from each of very many points, against pulses from the corners only."""
    sr, half = 96_000, 0.004
    corners = _lightning.channel(np.random.default_rng(0), distance=400.0, height=200.0)
    times, weights = _lightning.corner_pulses(corners, sr=sr)
    t = np.arange(-0.02, 0.5, 1 / sr)
    integral = np.where(np.abs(t[:, None] - times) < half, (half**2 - (t[:, None] - times) ** 2) / (2 * half), 0.0)
    ours = integral @ weights
    brute, first = np.zeros(len(t)), np.linalg.norm(corners, axis=1).min() / 340.0
    for a, b in itertools.pairwise(corners):
        length, n = np.linalg.norm(b - a), 2000
        r = np.linalg.norm(a + (b - a) * ((np.arange(n) + 0.5) / n)[:, None], axis=1)
        hits = np.bincount(np.round((r / 340.0 - first + 0.02) * sr).astype(int), weights=length / n / r, minlength=len(t))
        brute += np.convolve(hits, n_wave(np.arange(-half, half, 1 / sr), half))[round(half * sr) :][: len(t)]
    assert np.sqrt(np.mean((ours - brute) ** 2)) < 0.05 * np.sqrt(np.mean(brute**2))


def test_the_spectrum_of_an_n_wave_peaks_where_the_energy_says():
    half = 0.5 * _lightning._N_PEAK / 100.0
    t = np.arange(-0.5, 0.5, 1e-5)
    f = np.fft.rfftfreq(len(t) * 8, 1e-5)
    assert f[np.abs(np.fft.rfft(n_wave(t, half), len(t) * 8)).argmax()] == pytest.approx(100.0, rel=0.01)
    assert _lightning.crack_frequency(4e5) == pytest.approx(_lightning.crack_frequency(1e5) / 2)


def test_a_strike_lasts_as_long_as_its_ends_are_apart():
    """Over an open plain the last sound comes from the farthest end of the channel; with hills it rolls on for seconds."""
    y = _lightning.Strikes(np.random.default_rng(4), sr=SR, distance=1500.0, size=0.5, hills=False).strike()
    rng = np.random.default_rng(4)
    distance = 1500.0 * np.exp(0.15 * rng.uniform(-1, 1))
    r = np.linalg.norm(_lightning.channel(rng, distance=distance, height=3000.0), axis=1)
    assert np.flatnonzero(np.abs(y) > 1e-3 * np.abs(y).max())[-1] / SR == pytest.approx((r.max() - r.min()) / 340.0 + 0.02, abs=0.02)
    rolling = _lightning.Strikes(np.random.default_rng(4), sr=SR, distance=1500.0, size=0.5).strike()
    assert 3 * SR < len(rolling) - len(y) < 20 * SR
    assert np.abs(y[: round(0.01 * SR)]).max() < 0.05 * np.abs(y).max()  # nothing before the first arrival
    assert np.abs(y[round(0.01 * SR) : SR]).max() > 0.1 * np.abs(y).max()


def test_hills_send_back_every_piece_later_and_softer():
    times, weights = np.array([0.0, 0.1, 0.05, 0.12]), np.array([1.0, 2.0, -1.0, -2.0])  # two pieces: first ends, second ends
    later, softer = (a.reshape(-1, 4) for a in _lightning.echoes(np.random.default_rng(0), times, weights))
    np.testing.assert_allclose(later[:, 2:] - later[:, :2], np.array([[0.05, 0.02]]) + np.zeros((len(later), 1)))  # pieces stay whole
    delay = later[:, 0]
    assert np.all(delay > 0) and np.all(np.diff(np.abs(softer[np.argsort(delay - 0.1), 0])) < 0.1)
    np.testing.assert_allclose(softer.sum(axis=1), 0.0, atol=1e-12)
    assert np.all(np.abs(softer) < 0.36 * np.abs(weights))


def claps(distance, *, size=0.5, n=12, hills=True):
    return [_lightning.Strikes(np.random.default_rng(k), sr=SR, distance=distance, size=size, hills=hills).strike() for k in range(n)]


def test_distance_makes_thunder_softer_duller_and_smoother():
    far = (500.0, 2000.0, 6000.0, 15_000.0)
    strikes = {d: claps(d) for d in far}
    peaks = [np.median([np.abs(y).max() for y in strikes[d]]) for d in far]
    centres = [np.median([centre(y, sr=SR) for y in strikes[d]]) for d in far]
    lasting = [np.median([np.sum(np.abs(y) > 0.1 * np.abs(y).max()) / len(y) for y in strikes[d]]) for d in far]
    assert np.all(np.diff(20 * np.log10(peaks)) < -6.0)
    assert np.all(np.diff(centres) < 0)
    assert lasting[0] < 0.5 * lasting[-1]  # a crack, and a rumble


def test_air_takes_from_a_far_strike_what_the_standard_says():
    """The same channel through 1 km more of air: the difference of the spectra is the table's."""
    near, far = (_lightning.Strikes(np.random.default_rng(2), sr=SR, distance=3000.0, size=0.5) for _ in range(2))
    far._lost = far._lost * 2.0
    a, b = near.strike(), far.strike()
    f, pa = signal.welch(a[:SR], SR, nperseg=2048)
    pb = signal.welch(b[:SR], SR, nperseg=2048)[1]
    i = np.searchsorted(f, 400.0)
    assert 10 * np.log10(pa[i] / pb[i]) == pytest.approx(absorption(f[i]) * 3500.0, abs=3.0)


@pytest.mark.parametrize("distance", [500.0, 5000.0])
def test_bigger_is_louder_longer_and_deeper(distance):
    small, large = (claps(distance, size=s, hills=False) for s in (0.0, 1.0))
    assert np.median([np.abs(y).max() for y in large]) > 2 * np.median([np.abs(y).max() for y in small])
    assert np.mean([len(y) for y in large]) > 1.5 * np.mean([len(y) for y in small])
    assert np.median([centre(y, sr=SR) for y in large]) < np.median([centre(y, sr=SR) for y in small])


def test_thunder_comes_at_once_and_again_and_never_leaves_silence():
    y = thunder(sr=8000, duration=120.0, distance=800.0, size=0.0, interval=12.0, rng=1)
    assert level_db(y[: 8000 // 2]) > -62.0
    power = np.mean(y.reshape(-1, 800) ** 2, axis=1)
    assert power.min() > 10 ** (-95 / 10)
    loud = power > 10 ** (-60 / 10)
    onsets = np.sum(loud[1:] & ~loud[:-1] & (np.convolve(loud, np.ones(40))[: len(loud) - 1] < 2))
    assert 4 <= onsets + 1 <= 18  # 10 expected
    assert no_loop(y, sr=8000) < 0.6


def test_air_loss_doubles_with_frequency_or_more():
    lost = absorption(np.array([125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]))
    assert np.all(np.diff(lost) > 0)
