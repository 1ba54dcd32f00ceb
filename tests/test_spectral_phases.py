"""Phases from magnitudes: exact where the phase is known in closed form, and the same as a slow heap in plain Python."""

import heapq

import numpy as np
import pytest

from audiogen_helpers import spectral
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import MelSpec, phases

SPEC = MelSpec(sr=8000, n_fft=256, hop_length=64, n_mels=16)
GAMMA = 256.0**2 / 4.0  # of a Gaussian window, in samples squared


def _grid(frames=40):
    """Times, samples, of frames and frequencies, cycles per sample, of bins: columns and rows."""
    return np.arange(frames)[:, None] * SPEC.hop_length, np.arange(SPEC.n_bins)[None, :] / SPEC.n_fft


def _integrated(S, *, tolerance=1e-4, spec=SPEC, gamma=GAMMA):
    """Phases in turns of magnitudes ``(frames, bins)``, and which of them were integrated."""
    clips = S[None].astype(np.float64)
    L = phases.log_magnitudes(clips)
    out = np.full_like(clips, np.nan)
    floor = np.log(tolerance * clips.max(axis=(1, 2)))
    slopes = phases.slopes_over_frequency(L, spec, gamma=gamma)
    phases.integrate(L, phases.turns_by_slope(clips, spec, gamma=gamma), slopes, floor, np.zeros(S.shape[1]), out)
    return out[0], L[0] > floor[0]


def _assert_same_up_to_a_constant(found, expected, where):
    difference = (found - expected)[where]
    difference -= difference[0]
    np.testing.assert_allclose(difference - np.round(difference), 0.0, atol=1e-7)


# --- closed forms: under the window exp(-pi s^2 / gamma), phases at the middle of the frame, in turns


def test_of_a_steady_tone():
    t, f = _grid()
    found, where = _integrated(np.exp(-np.pi * GAMMA * (f - 0.1234) ** 2) + 0.0 * t)
    assert 100 < where.sum() < where.size / 2
    assert np.isnan(found[~where]).all()
    _assert_same_up_to_a_constant(found, 0.1234 * t + 0.0 * f, where)


def test_of_an_impulse():
    t, f = _grid()
    found, where = _integrated(np.exp(-np.pi * (1234.5 - t) ** 2 / GAMMA) + 0.0 * f)
    assert where.sum() > 3 * SPEC.n_bins
    _assert_same_up_to_a_constant(found, -f * (1234.5 - t), where)


@pytest.mark.parametrize("rate", [1e-5, 6e-5, -6e-5])
def test_of_a_chirp(rate):
    """exp(i pi rate (t - t0)^2 + 2 pi i f0 t) has the transform of a Gaussian with the complex width 1 / gamma - i rate."""
    t, f = _grid()
    middle, f0 = 1300.0, 0.2
    width = 1.0 / GAMMA - 1j * rate
    V = np.exp(1j * np.pi * rate * (t - middle) ** 2 + 2j * np.pi * f0 * t) * np.exp(-np.pi * (f - f0 - rate * (t - middle)) ** 2 / width)
    found, where = _integrated(np.abs(V))
    assert where.sum() > 100
    _assert_same_up_to_a_constant(found, np.angle(V) / (2.0 * np.pi), where)


def test_of_two_tones_apart_each_is_right():
    """Two islands: each is exact, and starts from the offset of its loudest bin."""
    t, f = _grid()
    S = np.exp(-np.pi * GAMMA * (f - 0.1) ** 2) + 0.5 * np.exp(-np.pi * GAMMA * (f - 0.35) ** 2) + 0.0 * t
    found, where = _integrated(S, tolerance=1e-3)
    for f0 in (0.1, 0.35):
        _assert_same_up_to_a_constant(found, f0 * t + 0.0 * f, where & (np.abs(f - f0) < 0.1))


# --- against a second implementation


def _slowly(L, turns, slopes, floor, offsets):
    """The same with heapq, dictionaries and no numpy indexing tricks."""
    frames, bins = L.shape
    phase, left = {}, {(t, b) for t in range(frames) for b in range(bins) if L[t, b] > floor}
    while left:
        start = max(left, key=lambda node: L[node])
        phase[start] = offsets[start[1]]
        left.remove(start)
        heap = [(-L[start], start)]
        while heap:
            _, (t, b) = heapq.heappop(heap)
            for to, rate, sign in (((t + 1, b), turns, 1), ((t - 1, b), turns, -1), ((t, b + 1), slopes, 1), ((t, b - 1), slopes, -1)):
                if to in left:
                    left.remove(to)
                    phase[to] = phase[t, b] + sign * (rate[t, b] + rate[to]) / 2
                    heapq.heappush(heap, (-L[to], to))
    return phase


@pytest.mark.parametrize("floor", [-9.0, 0.0, 0.7])
def test_integration_is_that_of_a_slow_heap(floor):
    rng = np.random.default_rng(1)
    L, turns, slopes = rng.standard_normal((3, 2, 14, 11))
    offsets, out = rng.random(11), np.full((2, 14, 11), np.nan)
    phases.integrate(L, turns, slopes, np.full(2, floor), offsets, out)
    for c in range(2):
        expected = _slowly(L[c], turns[c], slopes[c], floor, offsets)
        assert set(zip(*np.nonzero(np.isfinite(out[c])), strict=True)) == set(expected)
        for node, value in expected.items():
            assert abs(out[c][node] - value - round(out[c][node] - value)) < 1e-9


def test_compiled_is_plain_python():
    rng = np.random.default_rng(2)
    L, turns, slopes = rng.standard_normal((3, 1, 6, 5))
    out = np.zeros((2, 1, 6, 5))
    arguments = L, turns, slopes, np.array([-0.5]), rng.random(5)
    phases.integrate(*arguments, out[0])
    phases.integrate.py_func(*arguments, out[1])
    np.testing.assert_array_equal(out[0], out[1])


# --- sound


def _voice(sr=8000, seconds=0.5):
    t = np.arange(int(sr * seconds)) / sr
    phase = 2.0 * np.pi * np.cumsum(130.0 + 30.0 * np.sin(2.0 * np.pi * 3.0 * t)) / sr
    return sum(np.sin(k * phase + k * k) / k for k in range(1, 20)) * np.sin(np.pi * t / seconds)


def _convergence(y, spec):
    S = np.abs(spectral.stft(y, spec))
    z = spectral.istft(S * np.exp(1j * phases.pghi(S, spec, rng=0)), spec, length=len(y))
    return spectral.spectral_convergence(z, S, spec)


def test_pghi_of_a_voice_and_finer_hops_are_better():
    coarse, middle, fine = (_convergence(_voice(), MelSpec(sr=8000, hop_length=hop)) for hop in (128, 64, 32))
    assert fine < middle < coarse < 0.15
    assert fine < 0.05


def test_frequencies_by_the_centre_of_energy_turn_with_a_steady_tone():
    f, spec = 1003.0, MelSpec(sr=8000)
    S = np.abs(spectral.stft(np.sin(2.0 * np.pi * f * np.arange(8000) / 8000), spec))[None].swapaxes(1, 2).copy()
    for turns in (phases.turns_by_centre(S, spec), phases.turns_by_slope(S, spec)):
        found = turns[0, 20:40, 63:65] - f * spec.hop_length / spec.sr
        np.testing.assert_allclose(found - np.round(found), 0.0, atol=0.012)


def test_each_clip_as_if_alone_and_same_seed_same_phases():
    spec = MelSpec(sr=8000)
    S = np.abs(spectral.stft(np.stack([_voice(), _voice()[::-1], 0.0 * _voice()]), spec)).astype(np.float32)
    found = phases.pghi(S, spec, rng=3)
    assert (found.shape, found.dtype) == (S.shape, np.float32)
    assert 0.0 <= found.min() <= found.max() <= 2.0 * np.pi + 1e-6
    np.testing.assert_array_equal(found[1], phases.pghi(S[1], spec, rng=3))
    np.testing.assert_array_equal(found, phases.pghi(S, spec, rng=np.random.default_rng(3)))
    np.testing.assert_array_equal(found[:2], phases.pghi(S[:2].copy(), spec, rng=3))
    assert np.abs(found - phases.pghi(S, spec, rng=4)).max() > 0.1


def test_loud_and_quiet_have_the_same_phases():
    spec = MelSpec(sr=8000)
    S = np.abs(spectral.stft(_voice(), spec))
    turns = (phases.pghi(S, spec, rng=0) - phases.pghi(S * 1e-9, spec, rng=0)) / (2.0 * np.pi)
    np.testing.assert_allclose(turns - np.round(turns), 0.0, atol=1e-9)


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_few_frames_silence_and_plateaus(frames, level):
    found = phases.pghi(np.full((257, frames), level), MelSpec(sr=8000), rng=0)
    assert np.isfinite(found).all()


def test_bad_arguments():
    spec = MelSpec(sr=8000)
    for S in (np.ones((256, 3)), -np.ones((257, 3)), np.full((257, 3), np.nan), "x", np.zeros((257, 0))):
        with pytest.raises(ParameterError, match="S must"):
            phases.pghi(S, spec)
    for tolerance in (0.0, 1.0, -1.0, np.nan, "x"):
        with pytest.raises(ParameterError, match="tolerance must"):
            phases.pghi(np.ones((257, 3)), spec, tolerance=tolerance)
    with pytest.raises(ParameterError, match="spec must"):
        phases.pghi(np.ones((257, 3)), None)
