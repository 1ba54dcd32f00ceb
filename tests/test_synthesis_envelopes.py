"""Envelopes and contours against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis import envelopes
from audiogen_helpers.units import cents

SR = 8000


# --- adsr -----------------------------------------------------------------------------------------------------------------------------


def test_adsr_goes_through_its_corners_in_straight_lines():
    e = envelopes.adsr(sr=SR, duration=1.0, attack=0.1, decay=0.2, sustain=0.6, release=0.3)
    t = np.arange(SR) / SR
    np.testing.assert_allclose(e, np.interp(t, [0.0, 0.1, 0.3, 0.7, 1.0], [0.0, 1.0, 0.6, 0.6, 0.0]), atol=1e-12)


@pytest.mark.parametrize(
    ("attack", "decay", "release", "at_release"),
    [(0.2, 0.4, 0.5, 1.0 - 0.5 * 0.3 / 0.4), (0.5, 0.4, 0.5, 1.0), (0.0, 0.0, 0.5, 0.5), (0.0, 1.0, 0.5, 0.75)],
)
def test_a_release_begins_at_the_level_that_was_reached(attack, decay, release, at_release):
    e = envelopes.adsr(sr=SR, duration=1.0, attack=attack, decay=decay, sustain=0.5, release=release)
    start = round((1.0 - release) * SR)
    np.testing.assert_allclose(e[start:], np.linspace(at_release, 0.0, SR - start + 1)[:-1], atol=1e-3)
    assert np.abs(np.diff(e[start - 5 :])).max() < 1e-3


def test_no_attack_and_no_release_are_a_step():
    e = envelopes.adsr(sr=SR, duration=0.5, attack=0.0, decay=0.0, sustain=0.4, release=0.0)
    np.testing.assert_array_equal(e, 0.4)


@pytest.mark.parametrize("seed", range(20))
def test_adsr_of_any_times_stays_in_range_and_ends_near_zero(seed):
    rng = np.random.default_rng(seed)
    attack, decay, release = rng.uniform(0.01, 0.5, 3)
    e = envelopes.adsr(
        sr=SR, duration=attack + release + rng.uniform(0, 0.5), attack=attack, decay=decay, sustain=rng.uniform(), release=release
    )
    assert e[0] == 0.0
    assert e.min() >= 0.0
    assert e.max() <= 1.0
    assert e[-1] <= 2.0 / (release * SR)
    assert np.abs(np.diff(e)).max() <= 1.01 / (min(attack, decay, release) * SR)


# --- decay and lfo --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t60", [0.1, 1.0, 7.0])
def test_decay_falls_by_sixty_decibels_in_t60(t60):
    e = envelopes.exponential_decay(sr=SR, duration=t60 + 0.1, t60=t60)
    db = 20 * np.log10(e)
    assert e[0] == 1.0
    np.testing.assert_allclose(db[round(t60 * SR)], -60.0, atol=0.1)
    np.testing.assert_allclose(np.diff(db), db[1], atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "want"),
    [
        ("sine", lambda p: np.sin(2 * np.pi * p)),
        ("triangle", lambda p: 2 / np.pi * np.arcsin(np.sin(2 * np.pi * p))),
        ("square", lambda p: np.where(np.mod(p, 1.0) < 0.5, 1.0, -1.0)),
    ],
)
@pytest.mark.parametrize("phase", [0.0, 0.25, -0.3, 5.0])
def test_lfo_shapes(shape, want, phase):
    y = envelopes.lfo(3.0, sr=SR, duration=1.0, shape=shape, phase=phase)
    p = np.arange(SR) * 3.0 / SR + np.mod(phase, 1.0)
    np.testing.assert_allclose(y, want(p), atol=1e-9)


def test_random_lfo_goes_from_value_to_value():
    y = envelopes.lfo(4.0, sr=SR, duration=50.0, shape="random", rng=0)
    np.testing.assert_array_equal(y, envelopes.lfo(4.0, sr=SR, duration=50.0, shape="random", rng=0))
    values = y[:: SR // 4]
    np.testing.assert_allclose(y[SR // 8 : -SR // 4 : SR // 4], 0.5 * (values[:-1] + values[1:]), atol=1e-9)
    assert np.abs(y).max() <= 1.0
    assert abs(values.mean()) < 0.15
    assert values.std() == pytest.approx(1 / np.sqrt(3), abs=0.08)  # evenly distributed from -1 to 1
    assert np.abs(np.diff(y)).max() <= np.pi * 4.0 / SR  # half a cosine from -1 to 1 is never steeper


# --- contours -------------------------------------------------------------------------------------------------------------------------


def test_vibrato_is_its_formula():
    f0 = envelopes.vibrato(440.0, sr=SR, duration=2.0, rate=6.0, depth=50.0, delay=0.5, onset=0.25)
    t = np.arange(2 * SR) / SR
    share = np.interp(t, [0.5, 0.75], [0.0, 1.0])
    np.testing.assert_allclose(cents(f0, reference=440.0), 50.0 * share * np.sin(2 * np.pi * 6.0 * t), atol=1e-6)
    np.testing.assert_array_equal(f0[: SR // 2], 440.0)


def test_vibrato_on_a_glide_is_the_product():
    line = envelopes.glide([200.0, 300.0], [0.0, 0.5], sr=SR, duration=1.0)
    both = envelopes.vibrato(line, sr=SR, rate=5.0, depth=20.0)
    np.testing.assert_allclose(both / line, envelopes.vibrato(1.0, sr=SR, duration=1.0, rate=5.0, depth=20.0), rtol=1e-12)
    before = line.copy()
    envelopes.vibrato(line, sr=SR, depth=0.0)
    np.testing.assert_array_equal(line, before)


def test_glide_is_straight_in_cents():
    f0 = envelopes.glide([220.0, 440.0, 330.0], [0.0, 0.4, 0.7], sr=SR, duration=1.0, portamento=0.2)
    t = np.arange(SR) / SR
    want = np.interp(t, [0.0, 0.4, 0.6, 0.7, 0.9], cents([220.0, 220.0, 440.0, 440.0, 330.0], reference=220.0))
    np.testing.assert_allclose(cents(f0, reference=220.0), want, atol=1e-6)


def test_a_slide_is_over_when_the_next_note_comes():
    f0 = envelopes.glide([200.0, 400.0, 100.0], [0.0, 0.1, 0.2], sr=SR, duration=0.5, portamento=1.0)
    np.testing.assert_allclose(f0[[0, SR // 10, SR // 5]], [200.0, 200.0, 400.0], rtol=1e-9)
    jump = envelopes.glide([200.0, 400.0], [0.0, 0.25], sr=SR, duration=0.5, portamento=0.0)
    np.testing.assert_allclose(jump, np.where(np.arange(SR // 2) < SR // 4, 200.0, 400.0), rtol=1e-12)


def test_one_note_is_a_level_contour():
    np.testing.assert_allclose(envelopes.glide([330.0], [0.0], sr=SR, duration=0.1), 330.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: envelopes.adsr(sr=SR, duration=0.1, attack=0.08, release=0.08), r"attack \+ release must be <= duration, 0.1 s"),
        (lambda: envelopes.adsr(sr=SR, duration=1.0, attack=-0.1), "attack must be >= 0"),
        (lambda: envelopes.adsr(sr=SR, duration=1.0, sustain=1.1), "sustain must be <= 1"),
        (lambda: envelopes.adsr(sr=SR, duration=1.0, decay=np.nan), "decay must be finite"),
        (lambda: envelopes.adsr(sr=SR, duration=0.0), "duration must be > 0"),
        (lambda: envelopes.exponential_decay(sr=SR, duration=1.0, t60=0.0), "t60 must be > 0"),
        (lambda: envelopes.lfo(0.0, sr=SR, duration=1.0), "rate must be > 0"),
        (lambda: envelopes.lfo(4000.0, sr=SR, duration=1.0), "rate must be < 4000"),
        (lambda: envelopes.lfo(1.0, sr=SR, duration=1.0, shape="saw"), "shape must be one of random, sine, square, triangle"),
        (lambda: envelopes.vibrato(440.0, sr=SR), "duration must be given"),
        (lambda: envelopes.vibrato(-440.0, sr=SR, duration=1.0), "f0 must be > 0"),
        (lambda: envelopes.vibrato(np.full(9, 440.0), sr=SR, duration=1.0), "f0 must have one value for each of the 8000"),
        (lambda: envelopes.vibrato(440.0, sr=SR, duration=1.0, depth=-1.0), "depth must be >= 0"),
        (lambda: envelopes.glide([], [], sr=SR, duration=1.0), "f0 must have at least one value"),
        (lambda: envelopes.glide([220.0], [0.0, 0.5], sr=SR, duration=1.0), "starts must have one time for each of the 1 notes"),
        (lambda: envelopes.glide([220.0, 330.0], [0.1, 0.5], sr=SR, duration=1.0), "starts must begin with 0"),
        (lambda: envelopes.glide([220.0, 330.0], [0.0, 0.0], sr=SR, duration=1.0), "starts must begin with 0 and rise"),
        (lambda: envelopes.glide([220.0, 0.0], [0.0, 0.5], sr=SR, duration=1.0), "f0 must be > 0"),
        (lambda: envelopes.glide([220.0, 330.0], [0.0, 0.5], sr=SR, duration=1.0, portamento=-1.0), "portamento must be >= 0"),
    ],
)
def test_what_is_wrong_is_named(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
