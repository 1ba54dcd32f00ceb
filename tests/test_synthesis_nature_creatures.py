"""Birds and footsteps: pitches and lengths of syllables, steps counted in the sound, what weight, surface and distance do."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from scipy import ndimage, signal

from audiogen_helpers import _streams
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis.nature import creatures
from audiogen_helpers.synthesis.nature._events import absorption
from audiogen_helpers.synthesis.nature.creatures import birds, footsteps

SR = 16_000
SURFACES = ("gravel", "wood", "snow", "grass")


def level_db(y):
    return 20 * np.log10(np.sqrt(np.mean(np.square(y))))


def centre(y, *, sr):
    f, power = signal.welch(y, sr, nperseg=4096)
    return float(np.sum(f * power) / np.sum(power))


def no_loop(y, *, sr, step=0.05):
    """The highest correlation of the quick part of the level with itself, at lags from 2 s to half its length."""
    n = round(step * sr)
    e = np.log(np.mean(y[: len(y) // n * n].reshape(-1, n) ** 2, axis=1))
    e = e - ndimage.uniform_filter1d(e, 20)
    e = (e - e.mean()) / e.std()
    return max(float(np.mean(e[k:] * e[:-k])) for k in range(round(2 / step), len(e) // 2))


# --- what all registered sounds promise ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", creatures.ENTRIES, ids=lambda e: e.name)
@pytest.mark.parametrize("sr", [8000, 44_100])
def test_every_end_of_every_range_renders_within_full_scale(entry, sr):
    for p in entry.parameters:
        for value in p.choices or (p.low, p.high):
            if p.unit == "Hz" and value >= sr / 2:
                continue
            y = entry.load()(sr=sr, duration=2.0, rng=3, **{p.name: value})
            assert len(y) == 2 * sr and np.isfinite(y).all() and np.abs(y).max() <= 1.0 and y.std() > 1e-5
            assert abs(y.mean()) < 1e-3 + 0.01 * y.std()


@pytest.mark.parametrize("entry", creatures.ENTRIES, ids=lambda e: e.name)
def test_blocks_add_up_and_a_seed_is_a_sound(entry):
    whole = entry.load()(sr=SR, duration=3.0, rng=5)
    pieces = np.concatenate(list(_streams.blocks(entry, sr=SR, duration=3.0, block_length=1000, rng=5)))
    np.testing.assert_array_equal(pieces, whole)
    np.testing.assert_array_equal(entry.load()(sr=SR, duration=1.0, rng=5), whole[:SR])
    assert not np.array_equal(entry.load()(sr=SR, duration=1.0, rng=6), whole[:SR])
    defaults = {n: p.default for n, p in inspect.signature(entry.load()).parameters.items() if n not in {"sr", "duration", "rng"}}
    assert defaults == {p.name: p.default for p in entry.parameters}


@pytest.mark.parametrize(
    ("sound", "name", "value"),
    [
        (birds, "singers", 0),
        (birds, "singers", 2.5),
        (birds, "density", 0.0),
        (birds, "pitch", 8000.0),
        (birds, "distance", np.nan),
        (footsteps, "surface", "water"),
        (footsteps, "pace", 0.0),
        (footsteps, "weight", 1000.0),
        (footsteps, "distance", 0.0),
    ],
)
def test_what_is_wrong_is_named(sound, name, value):
    with pytest.raises(ParameterError, match=name):
        sound(sr=SR, duration=1.0, **{name: value})


def test_nothing_loops():
    song = birds(sr=8000, duration=60.0, pitch=2000.0, rng=0)
    assert no_loop(song, sr=8000) < 0.4
    assert no_loop(np.tile(song[: 15 * 8000], 4), sr=8000) > 0.9
    # Steps are meant to come at an even pace, so not the level but the grains must differ: the waveforms of any two steps.
    y = footsteps(sr=8000, duration=60.0, surface="gravel", rng=0)
    steps = y[: 60 * 8000 // 4444 * 4444].reshape(-1, 4444)
    steps = steps / np.linalg.norm(steps, axis=1)[:, None]
    spectra = np.fft.rfft(steps, 2 * 4444)
    highest = [np.abs(np.fft.irfft(spectra[i] * np.conj(spectra[i + 1 :]))).max() for i in range(0, 50, 7)]
    assert max(highest) < 0.6


# --- birds --------------------------------------------------------------------------------------------------------------------------


def test_a_syllable_glides_where_its_formula_says():
    """Instantaneous frequency of the sound against the formula of its pitch."""
    sr = 44_100
    what = creatures.Syllable(length=0.3, f0=3000.0, octaves=0.2, turns=0.9, phase=1.0, warble=0.0, times=(1, 1), gap=0.05)
    y = creatures.sung(what, sr=sr, distance=5.0)
    sos = signal.butter(6, [1500.0, 4300.0], "bandpass", fs=sr, output="sos")
    heard = np.diff(np.unwrap(np.angle(signal.hilbert(signal.sosfiltfilt(sos, y))))) * sr / (2 * np.pi)
    wanted = what.pitch((np.arange(len(y)) + 0.5) / len(y))
    middle = slice(len(y) // 10, -len(y) // 10)
    np.testing.assert_allclose(heard[middle], wanted[:-1][middle], rtol=0.01)


def test_the_fast_glide_is_a_sum_of_two_sines_under_the_breath():
    sr, n, step = 16_000, 1000, 100
    turn = 2 * np.pi * np.linspace(1000.0, 1400.0, 11) / sr
    first, second = np.linspace(0, 1, 11), np.linspace(0.2, 0.1, 11)
    y = np.empty(n)
    creatures._glide(0.3, turn, first, second, step, y)
    at = np.arange(n) / step
    each = np.interp(at + 0.5 / step, np.arange(11), turn)
    phase = 0.3 + np.concatenate([[0.0], np.cumsum(each)[:-1]])
    wanted = np.interp(at, np.arange(11), first) * np.sin(phase) + np.interp(at, np.arange(11), second) * np.sin(2 * phase)
    np.testing.assert_allclose(y, wanted, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_every_pitch_lies_within_the_range_that_is_promised(seed):
    bird = creatures.Bird(np.random.default_rng(seed), sr=SR, pitch=3000.0, distance=5.0)
    for s in bird.repertoire:
        octaves = np.log2(s.pitch(np.linspace(0, 1, 500)) / 3000.0)
        assert np.abs(octaves).max() < 1.45
        assert np.ptp(octaves) <= 2 * (s.octaves + 1 / 12) + 1e-9


def heard_syllables(y, *, sr):
    """Lengths (s) of what stands out by 25 dB, and the strongest frequency (Hz) at each moment of it."""
    f, _, power = signal.spectrogram(y, sr, nperseg=512, noverlap=384)
    power = power[f > 1000]
    level = 10 * np.log10(power.sum(axis=0) + 1e-20)
    on = level > np.percentile(level, 99) - 25
    edges = np.diff(np.concatenate([[0], on.astype(int), [0]]))
    lengths = (np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)) * 128 / sr
    return lengths[lengths > 0.015], f[f > 1000][power.argmax(axis=0)][on]


@pytest.mark.corpus
def test_songs_have_the_pitches_and_lengths_of_a_real_robin(corpora):
    """The robin of librosa's examples: syllables of 0.2 s, pitches around 5.5 kHz, half of the time singing."""
    soundfile = pytest.importorskip("soundfile")
    files = sorted((corpora / "librosa-examples").glob("*robin*.ogg"))
    if not files:
        pytest.skip("the robin is not among the corpora")
    real, sr = soundfile.read(files[0])
    real = real if real.ndim == 1 else real.mean(axis=1)
    lengths, pitches = heard_syllables(signal.resample_poly(real, 22_050, sr), sr=22_050)
    made = [heard_syllables(birds(sr=22_050, duration=20.0, singers=1, density=0.8, pitch=4500.0, rng=k), sr=22_050) for k in range(4)]
    assert np.median(lengths) == pytest.approx(np.median(np.concatenate([m[0] for m in made])), rel=0.5)
    assert np.median(pitches) == pytest.approx(np.median(np.concatenate([m[1] for m in made])), rel=0.35)


def test_pitch_moves_all_voices():
    heard = [np.median(heard_syllables(birds(sr=22_050, duration=20.0, pitch=p, rng=0), sr=22_050)[1]) for p in (2000.0, 3000.0, 4500.0)]
    np.testing.assert_allclose(np.diff(np.log2(heard)), np.log2(1.5), atol=0.25)


def test_density_is_the_share_of_time_with_song_and_more_birds_fill_it():
    def share(density, singers=1):
        y = np.concatenate([birds(sr=8000, duration=60.0, singers=singers, density=density, pitch=2000.0, rng=k) for k in range(3)])
        loud = np.abs(y).reshape(-1, 400).max(axis=1) > 0.01 * np.abs(y).max()
        return float(ndimage.binary_closing(loud, iterations=4).mean())

    shares = [share(d) for d in (0.1, 0.4, 0.9)]
    assert np.all(np.diff(shares) > 0.15)
    assert shares[1] == pytest.approx(0.4, abs=0.15)
    assert share(0.2, singers=6) > share(0.2) + 0.2


def test_birds_are_individuals():
    a, b = (creatures.Bird(np.random.default_rng(k), sr=SR, pitch=3000.0, distance=5.0) for k in (0, 1))
    assert {s.f0 for s in a.repertoire}.isdisjoint({s.f0 for s in b.repertoire})
    first, second = a.song(), a.song()
    assert len(first) != len(second)


@pytest.mark.parametrize("sound", [birds, footsteps])
def test_twice_as_far_is_6_db_softer_and_what_the_air_takes(sound):
    levels = [level_db(sound(sr=44_100, duration=10.0, distance=d, rng=1)) for d in (5.0, 10.0, 20.0, 40.0)]
    drops = -np.diff(levels)
    assert np.all(drops >= 5.8) and np.all(drops < 9.5)


def test_air_takes_the_highs_of_a_far_bird():
    high = creatures.Syllable(length=0.2, f0=6000.0, octaves=0.0, turns=1.0, phase=0.0, warble=0.0, times=(1, 1), gap=0.05)
    near, far = (creatures.sung(high, sr=44_100, distance=d) for d in (5.0, 105.0))
    lost = level_db(near) - level_db(far) - 20 * np.log10(105.0 / 5.0)
    assert lost == pytest.approx(100.0 * float(absorption(6000.0)), rel=0.03)


def test_a_voice_beyond_the_sample_rate_is_left_out_not_folded_back():
    high = creatures.Syllable(length=0.3, f0=3500.0, octaves=0.3, turns=1.0, phase=0.0, warble=0.0, times=(1, 1), gap=0.05)
    assert what_lies_below(creatures.sung(high, sr=8000, distance=5.0), sr=8000, f=2500.0) < -35.0


def what_lies_below(y, *, sr, f):
    power = np.abs(np.fft.rfft(y)) ** 2
    return 10 * np.log10(power[np.fft.rfftfreq(len(y), 1 / sr) < f].sum() / power.sum())


# --- footsteps ----------------------------------------------------------------------------------------------------------------------


def step_rate(y, *, sr):
    """Steps per second: the strongest slow frequency of the level, sought from 0.4 to 5 Hz, the lowest of near equals."""
    n = sr // 100
    e = np.sqrt(np.mean(y[: len(y) // n * n].reshape(-1, n) ** 2, axis=1))
    e = e - e.mean()
    r = np.correlate(e, e, "full")[len(e) - 1 :] / np.arange(len(e), 0, -1)
    lags = np.arange(20, 250)
    r = ndimage.gaussian_filter1d(r, 2.0)
    peaks = [k for k in lags if r[k] > r[k - 1] and r[k] >= r[k + 1] and r[k] > 0.75 * r[lags].max()]
    return 100.0 / peaks[0]


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("pace", [0.7, 1.8, 3.0])
def test_the_pace_can_be_measured_in_the_sound(surface, pace):
    y = footsteps(sr=SR, duration=20.0, surface=surface, pace=pace, distance=1.0, rng=0)
    assert step_rate(y, sr=SR) == pytest.approx(pace, rel=0.04)


def test_the_pace_is_kept_for_ever():
    """Steps are early or late by a share of a step, never by a sum of them: after 200 steps the next is still on time."""
    y = footsteps(sr=8000, duration=101.0, surface="wood", pace=2.0, rng=0)
    heels = [int(np.abs(y[(k * 4000) : (k * 4000 + 900)]).argmax()) / 8000 for k in range(200)]
    assert max(heels) - min(heels) < 0.09
    assert np.mean(heels[-20:]) == pytest.approx(np.mean(heels[:20]), abs=0.012)


def test_heel_then_ball():
    y = footsteps(sr=SR, duration=60.0, surface="wood", pace=1.0, distance=1.0, rng=0)
    level = np.sqrt(np.mean((y.reshape(60, 100, SR // 100)) ** 2, axis=(0, 2)))
    peaks, _ = signal.find_peaks(ndimage.gaussian_filter1d(level, 1.0), height=0.1 * level.max())
    assert len(peaks) == 2
    assert level[peaks[0]] > level[peaks[1]]
    assert (peaks[1] - peaks[0]) / 100 == pytest.approx(creatures._BALL_AFTER, abs=0.04)


def test_softness_is_the_spectrum_of_half_a_sine():
    t = (np.arange(20_000) + 0.5) / 20_000 * 0.003
    push = np.sin(np.pi * t / 0.003)
    f = np.array([0.0, 50.0, 1 / 0.006, 400.0, 900.0])
    wanted = np.abs(np.exp(-2j * np.pi * f[:, None] * t) @ push) / push.sum()
    np.testing.assert_allclose(creatures.softness(f, 0.003), wanted, atol=1e-5)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(("name", "values"), [("weight", (20.0, 40.0, 80.0, 150.0)), ("pace", (0.6, 1.2, 2.4, 4.0))])
def test_heavier_and_faster_is_louder(surface, name, values):
    levels = [level_db(footsteps(sr=SR, duration=20.0, surface=surface, distance=1.5, rng=0, **{name: v})) for v in values]
    assert np.all(np.diff(levels) > 1.0)


def test_surfaces_differ_as_they_should():
    sounds = {s: footsteps(sr=44_100, duration=20.0, surface=s, distance=1.0, rng=0) for s in SURFACES}
    centres = {s: centre(y, sr=44_100) for s, y in sounds.items()}
    assert centres["wood"] < centres["snow"] < centres["gravel"]
    assert level_db(sounds["grass"]) < level_db(sounds["snow"]) < level_db(sounds["gravel"])
    wood = np.abs(np.fft.rfft(sounds["wood"]))
    f = np.fft.rfftfreq(len(sounds["wood"]), 1 / 44_100)
    near_mode = wood[(f > 158) & (f < 168)].mean()
    assert near_mode > 3 * wood[(f > 200) & (f < 215)].mean()  # wood rings in its modes


def test_gravel_is_many_grains_and_more_for_the_heavy():
    """Grains excited by one step, counted in the bank that rings: a Poisson number around that of the docstring's process."""

    def grains(weight):
        counts = []
        for seed in range(40):
            walker = creatures._Walker(np.random.default_rng(seed), sr=SR, surface=creatures._SURFACES["gravel"], pace=1.8, weight=weight)
            walker.step(0)
            counts.append(len(walker.ground._bank) - 2)
        return np.mean(counts)

    push = np.sqrt(np.array([1.0, 0.55]) * 0.9)
    assert grains(70.0) == pytest.approx(260.0 * push.sum(), rel=0.05)
    assert grains(140.0) == pytest.approx(np.sqrt(2) * grains(70.0), rel=0.05)
