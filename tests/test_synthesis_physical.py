"""Strings, tubes and struck bodies against closed forms: pitch, decay, nodes, the wave equation, limit cycles, mode tables."""

import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import decay_time, off_harmonic_db, partial_level, pitch_of
from audiogen_helpers.synthesis.physical import _loop, modal, strings, tubes
from audiogen_helpers.synthesis.physical._modes import bar_shapes, contact_gain, membrane_zeros
from audiogen_helpers.synthesis.physical._shared import lagrange
from audiogen_helpers.units import cents


def off(y, f0, *, sr):
    return abs(float(cents(pitch_of(y, sr=sr, f_min=0.9 * f0, f_max=1.1 * f0), reference=f0)))


def pluck(f0, *, sr, duration, seed):
    """The ten lines of the book."""
    n_delay = round(sr / f0)
    line = np.random.default_rng(seed).uniform(-1, 1, n_delay)
    y = np.empty(round(duration * sr))
    for n in range(len(y)):
        i = n % n_delay
        y[n] = line[i]
        line[i] = 0.5 * (line[i] + line[(i + 1) % n_delay])
    return y


# --- strings ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f0", [50.0, 110.0, 440.0, 1760.0, 3000.0])
@pytest.mark.parametrize("sr", [8000, 22_050])
def test_without_tuning_it_is_the_ten_lines_sample_for_sample(f0, sr):
    y = strings.karplus_strong(f0, sr=sr, duration=1.0, pick_position=0.0, tuning=False, rng=3)
    np.testing.assert_array_equal(y, pluck(f0, sr=sr, duration=1.0, seed=3))


@pytest.mark.parametrize("f0", [110.0, 220.0, 440.0, 880.0, 1760.0])
def test_the_ten_lines_are_out_of_tune_as_predicted(f0):
    y = strings.karplus_strong(f0, sr=22_050, duration=1.0, pick_position=0.0, tuning=False, rng=0)
    assert off(y, 22_050 / (round(22_050 / f0) - 0.5), sr=22_050) < 0.15


@pytest.mark.parametrize(
    "make", [lambda *a, **k: strings.karplus_strong(*a, rng=1, **k), strings.waveguide_string], ids=["noise", "triangle"]
)
@pytest.mark.parametrize("sr", [16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize(
    "kind", [{}, {"decay": 0.4, "damping": 1.0}, {"decay": 60.0}, {"damping": 0.0}, {"damping": 0.1}, {"stiffness": 5e-4}], ids=str
)
def test_strings_are_in_tune(make, sr, kind):
    for f0 in np.geomspace(50, 2000, 7):
        assert off(make(float(f0), sr=sr, duration=1.0, **kind), f0, sr=sr) < (1.0 if kind.get("damping") == 1.0 else 0.1), f0


@pytest.mark.parametrize("f0", [82.4, 220.0, 587.3])
@pytest.mark.parametrize("damping", [0.0, 0.02, 0.2])
def test_partials_die_as_the_loop_says(f0, damping):
    y = strings.karplus_strong(f0, sr=44_100, duration=3.0, decay=2.0, damping=damping, pick_position=0.0, rng=0)
    loop = _loop.string_loop(f0, sr=44_100, decay=2.0, damping=damping)
    for k in (1, 2, 3, 5):
        z = np.exp(2j * np.pi * k * f0 / 44_100)
        want = -60 / (20 * np.log10(abs(loop.b0 / (1 - loop.a1 / z)))) / f0
        assert decay_time(y, f=k * f0, sr=44_100, drop_db=30.0) == pytest.approx(want, rel=0.02), k
        assert want == pytest.approx(2.0 / (1 - damping + damping * k**2), rel=0.2), k
    assert decay_time(y, f=f0, sr=44_100, drop_db=30.0) == pytest.approx(2.0, rel=0.005)


@pytest.mark.parametrize("decay", [0.05, 0.3, 4.0, 60.0])
@pytest.mark.parametrize("damping", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("stiffness", [0.0, 1e-4, 3e-3])
def test_the_pole_of_the_first_partial_is_where_pitch_and_decay_want_it(decay, damping, stiffness):
    """The transfer function of the whole loop, worked out from its filters, is 1 at exp((-3 ln 10 / T60 + 2 pi i f0) / sr)."""
    for f0, sr in [(20.0, 44_100), (50.0, 16_000), (440.0, 16_000), (1999.0, 22_050), (3000.0, 8000), (3000.0, 44_100)]:
        loop = _loop.string_loop(f0, sr=sr, decay=decay, damping=damping, stiffness=stiffness)
        z = np.exp((-3 * np.log(10) / decay + 2j * np.pi * f0) / sr)
        h = z**-loop.delay * (loop.b0 + loop.b1 / z) / (1 - loop.a1 / z) * (loop.fraction + 1 / z) / (1 + loop.fraction / z)
        h *= ((loop.dispersion + 1 / z) / (1 + loop.dispersion / z)) ** loop.n_chain
        assert abs(np.angle(h)) < 1e-6, f0
        if damping < 1.0:
            assert abs(h) == pytest.approx(1.0, abs=1e-6), f0
        assert loop.delay >= 1
        assert (loop.b0 + loop.b1) / (1 - loop.a1) <= 1.0 + 1e-12  # stable: nothing grows


@pytest.mark.parametrize("m", [2, 3, 5])
def test_plucking_at_a_share_silences_every_such_partial(m):
    f0 = 110.0
    y = strings.karplus_strong(f0, sr=44_100, duration=1.0, pick_position=1 / m, damping=0.0, rng=0)
    level = 20 * np.log10(partial_level(y, f=f0 * np.arange(1, 16), sr=44_100))
    node = np.arange(1, 16) % m == 0
    assert level[node].max() < np.median(level[~node]) - 25


@pytest.mark.parametrize("stiffness", [1e-4, 5e-4])
def test_a_stiff_string_is_sharp_as_theory_says(stiffness):
    f0, sr = 110.0, 44_100
    y = strings.karplus_strong(f0, sr=sr, duration=1.0, stiffness=stiffness, damping=0.001, pick_position=0.0, rng=0)
    want = f0 * strings.stiff_ratios(8, stiffness)
    for k in (2, 4, 6, 8):
        heard = pitch_of(y, sr=sr, f_min=want[k - 1] - 0.3 * f0, f_max=want[k - 1] + 0.3 * f0)
        assert abs(cents(heard, reference=want[k - 1])) < 0.1 * abs(cents(want[k - 1], reference=k * f0)) + 0.5, k


def test_a_string_without_losses_solves_the_wave_equation():
    """d'Alembert, for a whole number of samples in a period, during two periods: the string returns to where it was."""
    sr, period, pick, pickup = 16_000, 160, 0.3, 0.2
    y = strings.waveguide_string(sr / period, sr=sr, duration=2 * period / sr, decay=60.0, damping=0.0, pick_position=pick, pickup=pickup)
    modes_ = np.arange(1, 4000)  # the same by Fourier's series: standing waves instead of running ones
    amplitude = 2 * np.sin(modes_ * np.pi * pick) / (modes_**2 * np.pi**2 * pick * (1 - pick)) * np.sin(modes_ * np.pi * pickup)
    t = np.arange(2 * period)[:, None] / period
    want = 0.8 * (amplitude * np.cos(2 * np.pi * modes_ * t)).sum(axis=1)
    np.testing.assert_allclose(y, want, atol=4e-3)


def test_strings_die_without_denormals_and_keep_within_bounds():
    y = strings.karplus_strong(2000.0, sr=44_100, duration=4.0, decay=0.05, rng=0)
    assert np.abs(y[-44_100:]).max() == 0.0
    for seed in range(5):
        assert np.abs(strings.karplus_strong(220.0, sr=44_100, duration=0.2, pick_position=0.5, damping=0.0, rng=seed)).max() < 0.95


def test_compiled_and_plain_loops_agree():
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(size=37), np.zeros(300)])
    results = []
    for run in (_loop._turn, _loop._turn.py_func):
        mine, state, chain = z.copy(), np.zeros(3), np.zeros((2, 3))
        run(mine, 37, 0.7, 0.1, 0.15, 0.3, -0.4, 3, state, chain)
        results.append(mine)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12, atol=1e-14)


# --- tubes --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [16_000, 44_100])
@pytest.mark.parametrize(
    ("make", "f0s", "kinds"),
    [
        (tubes.clarinet, (50.0, 130.8, 440.0, 1174.7), ({}, {"breath": 0.65}, {"breath": 0.95}, {"brightness": 0.0}, {"noise": 0.0})),
        (tubes.flute, (100.0, 261.6, 880.0, 1975.5), ({}, {"breath": 0.5}, {"breath": 1.0}, {"brightness": 0.0}, {"noise": 0.0})),
    ],
    ids=["clarinet", "flute"],
)
def test_tubes_are_in_tune_at_any_strength_of_breath(sr, make, f0s, kinds):
    for f0 in (f0 for f0 in f0s if f0 < sr / 12):
        for kind in kinds:
            y = make(f0, sr=sr, duration=1.0, rng=0, **kind)
            assert off(y, f0, sr=sr) < (0.5 if f0 < sr / 30 else 4.0), (f0, kind)
            assert np.sqrt(np.mean(y[sr // 2 :] ** 2)) > 0.1, (f0, kind)


def test_a_reed_gives_odd_partials_and_a_jet_gives_both():
    sr = 22_050
    for f0 in (110.0, 440.0):
        odd = partial_level(tubes.clarinet(f0, sr=sr, duration=1.5, rng=0)[sr // 2 : sr], f=f0 * np.arange(1, 6), sr=sr)
        assert odd[2] > 30 * odd[1]
        assert odd[4] > 30 * odd[3]
    both = partial_level(tubes.flute(440.0, sr=sr, duration=1.5, rng=0)[sr // 2 : sr], f=440.0 * np.arange(1, 4), sr=sr)
    assert both[1] > 0.02 * both[0]


def test_the_tone_is_a_limit_cycle():
    """It grows by itself to a level of its own, which it holds, and little is heard between the harmonics."""
    sr = 22_050
    y = tubes.clarinet(220.0, sr=sr, duration=3.0, noise=0.0)
    early, late = (np.sqrt(np.mean(y[a : a + sr // 2] ** 2)) for a in (sr, 2 * sr))
    assert late == pytest.approx(early, rel=1e-3)
    assert off_harmonic_db(y[sr : 2 * sr], f0=220.0, sr=sr) < -60


def test_louder_breath_is_louder_and_a_note_ends():
    for make, soft, loud in ((tubes.clarinet, 0.65, 0.95), (tubes.flute, 0.4, 1.0)):
        levels = [np.std(make(330.0, sr=16_000, duration=1.0, breath=b, rng=0)[6000:12_000]) for b in (soft, loud)]
        assert levels[1] > 1.2 * levels[0]
        y = make(330.0, sr=16_000, duration=1.0, rng=0)
        assert np.abs(y[:16]).max() < 0.01
        assert np.abs(y[-16:]).max() < 0.15 * np.abs(y).max()


def test_the_reed_shuts():
    assert tubes.reed(np.array([-1.0, -5.0])).tolist() == [1.0, 1.0]
    assert np.all(np.diff(tubes.reed(np.linspace(-1, 3, 50))) < 0)


def test_the_smoothing_is_symmetric_and_of_the_width_that_was_asked_for():
    for share, period in [(0.1, 40.0), (0.05, 12.3), (0.3, 200.0), (0.06, 10.0)]:
        loss = tubes._loss(share, period, room=1e9)
        x = np.eye(1, 2 * int(period) + 9)[0]
        h = np.array([tubes._smooth.py_func(v, loss.held, loss.side, loss.sums, loss.at) for v in x])
        n = np.arange(len(h))
        assert h.sum() == pytest.approx(1.0)
        assert (h * n).sum() == pytest.approx(loss.delay)  # the middle
        np.testing.assert_allclose(h[: 2 * loss.delay + 1], h[: 2 * loss.delay + 1][::-1], atol=1e-12)
        if loss.side < 0.25:
            assert (h * (n - loss.delay) ** 2).sum() == pytest.approx((share * period) ** 2 / 6)


# --- struck bodies ------------------------------------------------------------------------------------------------------------------


def test_modes_are_the_closed_form():
    f, t60, a = np.array([100.0, 333.3, 2000.0]), np.array([0.5, 1.0, 0.1]), np.array([0.5, -0.2, 0.3])
    y = modal.modes(f, t60=t60, amplitudes=a, sr=8000, duration=3.0)
    t = np.arange(24_000)[:, None] / 8000
    np.testing.assert_allclose(y, (a * 10 ** (-3 * t / t60) * np.sin(2 * np.pi * f * t)).sum(axis=1), atol=1e-11)


def test_a_free_bar_has_the_modes_of_the_books():
    np.testing.assert_allclose(modal.RATIOS["uniform"][:5], [1.0, 2.756, 5.404, 8.933, 13.344], rtol=2e-4)
    roots = 4.730040744862704 * np.sqrt(modal.RATIOS["uniform"])
    np.testing.assert_allclose(np.cos(roots) * np.cosh(roots), 1.0, rtol=1e-4)
    x = np.linspace(0, 1, 2001)
    shapes = bar_shapes(x)
    assert np.abs(shapes).max() == pytest.approx(1.0)
    gram = shapes @ shapes.T / len(x)
    np.testing.assert_allclose(gram, 0.25 * np.eye(6), atol=2e-3)  # orthogonal
    assert x[np.argmin(np.abs(shapes[0, :1000]))] == pytest.approx(0.2242, abs=1e-3)  # where a bar is held


def test_the_skin_has_the_zeros_of_bessel():
    order, zeros = membrane_zeros()
    np.testing.assert_allclose(zeros[:6] / zeros[0], [1.0, 1.593, 2.136, 2.295, 2.653, 2.917], atol=1e-3)
    assert order[:4].tolist() == [0, 1, 2, 0]


def test_measured_ratios_of_the_sounds_are_those_of_the_tables():
    sr, f0 = 44_100, 200.0
    bar = modal.bar(f0, sr=sr, duration=1.0, cut="uniform", hardness=1.0, position=0.0, damping=0.01)
    for ratio in modal.RATIOS["uniform"][:4]:
        f = f0 * ratio
        assert pitch_of(bar, sr=sr, f_min=0.9 * f, f_max=1.1 * f) == pytest.approx(f, rel=1e-5)
    plate = modal.plate(f0, sr=sr, duration=1.0, aspect=1.5)
    for m, n in ((1, 1), (2, 1), (1, 2)):
        f = f0 * (m**2 + 2.25 * n**2) / 3.25
        assert pitch_of(plate, sr=sr, f_min=0.97 * f, f_max=1.03 * f) == pytest.approx(f, rel=1e-4)


def test_a_node_is_silent():
    sr = 16_000
    middle = modal.bar(300.0, sr=sr, duration=1.0, cut="uniform", position=0.5)
    side = modal.bar(300.0, sr=sr, duration=1.0, cut="uniform", position=0.1)
    f2 = 300.0 * modal.RATIOS["uniform"][1]
    assert partial_level(middle, f=f2, sr=sr) < 1e-6
    assert partial_level(side, f=f2, sr=sr) > 1e-3
    round_modes = modal.membrane(100.0, sr=sr, duration=1.0, position=0.0)
    assert partial_level(round_modes, f=159.3, sr=sr) < 1e-5 < 1e-4 < partial_level(round_modes, f=229.5, sr=sr)


def test_soft_mallets_leave_out_fast_modes():
    f = np.array([100.0, 1000.0, 5000.0])
    np.testing.assert_array_less(np.diff(contact_gain(f, hardness=0.2)), 0.0)
    T = 3e-3 * (1 / 30) ** 0.4  # the Fourier transform of half a sine of length T, by the sum
    t = np.linspace(0, T, 20_001)
    for fk in (50.0, 700.0, 0.5 / T, 2000.0):
        force = np.sin(np.pi * t / T)
        want = abs(np.trapezoid(force * np.exp(-2j * np.pi * fk * t), t)) / np.trapezoid(force, t)
        assert contact_gain(np.array([fk]), hardness=0.4)[0] == pytest.approx(want, abs=1e-6)


def test_decays_keep_the_law():
    y = modal.bar(400.0, sr=16_000, duration=2.0, cut="marimba", decay=0.8, damping=0.1, position=0.0, hardness=1.0)
    for k in (1, 4):
        want = 0.8 / (0.9 + 0.1 * k**2)
        assert decay_time(y, f=400.0 * k, sr=16_000) == pytest.approx(want, rel=0.01)


@pytest.mark.parametrize("make", [modal.bar, modal.plate, modal.church_bell, modal.membrane])
def test_struck_bodies_start_without_a_click_and_never_clip(make):
    y = make(440.0, sr=44_100, duration=0.5)
    assert y[0] == 0.0
    assert np.abs(y).max() <= 0.9 + 1e-12


# --- shared and bad input -----------------------------------------------------------------------------------------------------------


def test_the_cubic_delay_is_exact_for_cubics():
    n = np.arange(40.0)
    x = 0.001 * n**3 - 0.02 * n**2 + n
    for delay in (2.0, 2.5, 7.93):
        whole, weights = lagrange(delay)
        got = sum(w * x[30 - whole - i] for i, w in enumerate(weights))
        m = 30 - delay
        assert got == pytest.approx(0.001 * m**3 - 0.02 * m**2 + m)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: strings.karplus_strong(4000.0, sr=8000, duration=1.0), "f0"),
        (lambda: strings.karplus_strong(220.0, sr=8000, duration=-1.0), "duration"),
        (lambda: strings.karplus_strong(220.0, sr=8000, duration=1.0, decay=np.nan), "decay"),
        (lambda: strings.karplus_strong(220.0, sr=8000, duration=1.0, damping=1.1), "damping"),
        (lambda: strings.karplus_strong(220.0, sr=8000, duration=1.0, tuning=False, pick_position=0.7), "pick_position"),
        (lambda: strings.waveguide_string(220.0, sr=8000, duration=1.0, pickup=0.0), "pickup"),
        (lambda: _loop.string_loop(4000.0, sr=8000, decay=1.0), "f0"),
        (lambda: tubes.clarinet(220.0, sr=8000, duration=1.0, breath=2.0), "breath"),
        (lambda: tubes.flute(50.0, sr=8000, duration=1.0), "f0"),
        (lambda: modal.bar(440.0, sr=8000, duration=1.0, cut="square"), "cut must be one of"),
        (lambda: modal.modes([100.0, 200.0], t60=[1.0], amplitudes=1.0, sr=8000, duration=1.0), "t60 must be one number"),
        (lambda: modal.modes([4000.0], t60=1.0, amplitudes=1.0, sr=8000, duration=1.0), "frequencies must be < 4000"),
        (lambda: modal.modes([100.0], t60=0.0, amplitudes=1.0, sr=8000, duration=1.0), "t60 must be > 0"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
