"""Directions, the spherical head, sets of responses, sound fields and moving sources, against closed forms and one another."""

from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers.applications.spatial import ambisonics, directions, responses, scene, sphere
from audiogen_helpers.applications.spatial.directions import angle_between, even_directions, from_vectors, to_vectors, turn
from audiogen_helpers.applications.spatial.scene import Listener, Source
from audiogen_helpers.errors import DataError, ParameterError

KEMAR = Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa")  # of Debian's package libmysofa1
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def head():
    return responses.spherical_head(sr=16_000)


def soft_noise(n, rng=0):
    """Noise without the top of the band, where no interpolation is exact."""
    return np.convolve(np.random.default_rng(rng).standard_normal(n), np.sinc(0.6 * np.arange(-40, 41)) * np.hanning(81))


# --- directions


def test_directions_and_vectors_are_inverses():
    v = even_directions(300)
    np.testing.assert_allclose(to_vectors(*from_vectors(v)), v, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(v, axis=1), 1.0)
    np.testing.assert_allclose(to_vectors([90.0, -90.0, 270.0], 0.0), [[0, 1, 0], [0, -1, 0], [0, -1, 0]], atol=1e-12)


def test_turns_are_rotations_and_a_turned_head_has_what_was_left_in_front():
    R = turn(yaw=35.0, pitch=-20.0, roll=70.0)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1.0)
    np.testing.assert_allclose(turn(yaw=40.0).T @ to_vectors(40.0, 0.0), [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(turn(roll=90.0) @ to_vectors(-90.0, 0.0), [0, 0, -1], atol=1e-12)  # the right ear points down


@pytest.mark.parametrize(("azimuth", "elevation"), [(1000.0, 0.0), (0.0, 91.0), (np.nan, 0.0), ([0.0, 1.0], [0.0, 1.0, 2.0])])
def test_directions_out_of_range_are_refused(azimuth, elevation):
    with pytest.raises(ParameterError, match=r"azimuth|elevation"):
        to_vectors(azimuth, elevation)


# --- the sphere


def test_slow_waves_come_late_by_three_halves_of_the_plain_way():
    f = np.array([20.0, 40.0])
    for lateral in (15.0, 45.0, 90.0):
        H = sphere.sphere_response(f, np.array([90.0 - lateral, 90.0 + lateral]))
        late = np.angle(H[0] / H[1]) / (2 * np.pi * f)
        np.testing.assert_allclose(late, 3 * sphere.RADIUS / sphere.SPEED * np.sin(np.deg2rad(lateral)), rtol=0.01)  # Kuhn's limit


def test_the_sphere_is_transparent_to_slow_waves_and_a_wall_to_fast_ones():
    H = sphere.sphere_response(np.array([0.0, 1.0, 15_000.0]), np.array([0.0, 60.0, 180.0]))
    np.testing.assert_allclose(np.abs(H[:, :2]), 1.0, atol=1e-3)
    assert np.abs(H[0, 2]) == pytest.approx(2.0, rel=0.02)


def test_a_far_source_is_the_limit_of_near_ones_and_a_near_one_is_louder_at_the_near_ear():
    f, angles = np.array([200.0, 3000.0]), np.array([0.0, 90.0, 180.0])
    far = sphere.sphere_response(f, angles)
    np.testing.assert_allclose(sphere.sphere_response(f, angles, distance=300.0), far, atol=0.01)
    near = np.abs(sphere.sphere_response(f, angles, distance=0.2))
    assert 20 * np.log10(near[0, 0] / near[2, 0]) > 9.0 > 3.0 > 20 * np.log10(np.abs(far[0, 0] / far[2, 0]))


def test_the_filter_of_brown_and_duda_follows_the_sphere_towards_the_ear():
    f = np.geomspace(100.0, 10_000.0, 20)
    exact, simple = (np.abs(H) for H in (sphere.sphere_response(f, np.array([0.0]))[0], sphere.head_shadow(f, 0.0)))
    assert np.abs(20 * np.log10(exact / simple)).max() < 1.0


def test_a_source_inside_the_head_is_refused():
    with pytest.raises(ParameterError, match="distance must be larger than the head's radius"):
        sphere.sphere_response([100.0], [0.0], distance=0.05)


# --- sets of responses


def test_directions_in_between_are_near_the_exact_sphere(head):
    azimuth, elevation = RNG.uniform(-180, 180, 30), np.rad2deg(np.arcsin(RNG.uniform(-1, 1, 30)))
    delays, irs = head.at(azimuth, elevation)
    angles = angle_between(to_vectors(azimuth, elevation)[:, None], responses.EARS)
    f = np.fft.rfftfreq(256, 1 / head.sr)
    use = (f > 100.0) & (f < 6000.0)
    for i in range(30):
        exact = sphere.sphere_response(f[use], angles[i])
        ours = np.fft.rfft(irs[i], 256)[:, use]
        assert np.abs(20 * np.log10(np.abs(ours / exact))).mean() < 0.5
    lateral = to_vectors(azimuth, elevation)[:, 1]
    late = delays[:, 1] - delays[:, 0]
    assert np.abs(late - sphere.itd(azimuth, elevation)).max() < 60e-6
    assert np.corrcoef(late, lateral)[0, 1] > 0.99


def test_arrivals_are_found_to_a_fraction_of_a_sample():
    v = even_directions(40)
    shifts = RNG.uniform(10.0, 30.0, (40, 2))
    f = np.fft.rfftfreq(128)
    clicks = np.fft.irfft(np.exp(-2j * np.pi * f * shifts[..., None]) * np.cos(np.pi * f) ** 2, 128)
    found = responses.make_responses(v, clicks, sr=8000, source="clicks")
    np.testing.assert_allclose((found.delays - found.delays[0, 0]) * 8000, shifts - shifts[0, 0], atol=0.1)
    peaks = found.irs.argmax(axis=-1)
    assert np.ptp(peaks) == 0  # all alike, once the delay is out
    assert abs(int(peaks[0, 0]) - responses.AHEAD) <= 1


def test_another_rate_keeps_delays_and_levels(head):
    other = responses.spherical_head(sr=48_000).resampled(16_000)
    a, b = head.at([0.0, 60.0, 90.0], 0.0), other.at([0.0, 60.0, 90.0], 0.0)
    np.testing.assert_allclose(np.diff(a[0]), np.diff(b[0]), atol=25e-6)
    f = np.fft.rfftfreq(256, 1 / 16_000)
    use = (f > 200.0) & (f < 5000.0)
    both = [20 * np.log10(np.abs(np.fft.rfft(part[1], 256))[..., use]) for part in (a, b)]
    assert np.abs(both[0] - both[1]).mean() < 0.7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v, h: (v[:3], h[:3]), "n >= 4"),
        (lambda v, h: (np.abs(v), h), "one side only"),
        (lambda v, h: (v * [1, 1, 0] + [1e-9, 0, 0], h), "surround"),
        (lambda v, h: (v, 0.0 * h), "silent"),
        (lambda v, h: (v, h[:, :1]), "irs must be"),
    ],
)
def test_sets_that_are_no_sets_are_refused(change, said):
    v, h = change(even_directions(40), RNG.standard_normal((40, 2, 64)))
    with pytest.raises(ParameterError, match=said):
        responses.make_responses(v, h, sr=8000, source="nowhere")


def test_files_that_are_no_sofa_files_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with pytest.raises(DataError, match="must be a SOFA file"):
        responses.read_sofa(tmp_path / "none.sofa")
    (tmp_path / "text.sofa").write_text("hello")
    with pytest.raises(DataError, match="must be a SOFA file"):
        responses.read_sofa(tmp_path / "text.sofa")
    with h5py.File(tmp_path / "link.sofa", "w") as store:
        store["Data.IR"] = h5py.ExternalLink("/etc/passwd", "x")
    with pytest.raises(DataError, match="missing or lies in another file"):
        responses.read_sofa(tmp_path / "link.sofa")


def write_sofa(path, v, irs, *, convention="SimpleFreeFieldHRIR"):
    h5py = pytest.importorskip("h5py")
    azimuth, elevation = from_vectors(v)
    with h5py.File(path, "w") as store:
        store.attrs["SOFAConventions"] = np.bytes_(convention)
        store["Data.IR"], store["Data.SamplingRate"], store["Data.Delay"] = irs, [16_000.0], np.zeros((1, 2))
        store["SourcePosition"] = np.stack([azimuth % 360.0, elevation, np.ones(len(v))], axis=1)
        store["SourcePosition"].attrs["Type"] = np.bytes_("spherical")


def test_a_sofa_file_gives_back_what_was_written(tmp_path, head):
    late = np.pad(head.irs, ((0, 0), (0, 0), (10, 10)))
    write_sofa(tmp_path / "a.sofa", head.vectors, late)
    found = responses.read_sofa(tmp_path / "a.sofa")
    np.testing.assert_allclose(found.vectors, head.vectors, atol=1e-9)
    np.testing.assert_allclose(found.delays * 16_000, 10.0 + responses.AHEAD, atol=0.6)
    write_sofa(tmp_path / "b.sofa", head.vectors, late, convention="GeneralFIR")
    with pytest.raises(DataError, match="GeneralFIR"):
        responses.read_sofa(tmp_path / "b.sofa")


@pytest.mark.skipif(not KEMAR.exists(), reason="libmysofa1 is not installed")
def test_the_measured_head_is_as_the_theory_says():
    kemar = responses.read_sofa(KEMAR)
    azimuth = np.arange(-90.0, 91.0, 10.0)
    delays, irs = kemar.at(azimuth, 0.0)
    late = delays[:, 1] - delays[:, 0]
    assert np.abs(late - sphere.itd(azimuth)).max() < 60e-6
    level = 10 * np.log10(np.sum(irs[:, 0] ** 2, axis=1) / np.sum(irs[:, 1] ** 2, axis=1))
    assert level[azimuth == 60.0] > 8.0
    assert level[azimuth == -60.0] < -8.0


# --- sound fields


def test_harmonics_add_up_to_legendre_polynomials():
    from scipy.special import eval_legendre

    a, b = even_directions(20), even_directions(21)[:20]
    A, B = ambisonics.harmonics(a, 3), ambisonics.harmonics(b, 3)
    cosine = np.sum(a * b, axis=1)
    for degree in range(4):
        part = slice(degree**2, (degree + 1) ** 2)
        np.testing.assert_allclose(np.sum(A[:, part] * B[:, part], axis=1), eval_legendre(degree, cosine), atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_field_turns_as_its_sources_do(order):
    R = turn(yaw=70.0, pitch=25.0, roll=-40.0)
    M = ambisonics.rotation(R, order)
    np.testing.assert_allclose(M @ M.T, np.eye(len(M)), atol=1e-9)
    y, v = soft_noise(500), to_vectors(20.0, 30.0)
    moved = ambisonics.rotate(ambisonics.encode(y, 20.0, 30.0, order=order), R)
    np.testing.assert_allclose(moved, ambisonics.encode(y, *from_vectors(R @ v), order=order), atol=1e-9)


def test_decoding_is_near_the_responses_themselves_below_the_limit_of_the_order(head):
    filters = ambisonics.binaural_filters(head, order=3)
    size = 4 * filters.shape[-1]
    f = np.fft.rfftfreq(size, 1 / head.sr)
    W = np.fft.rfft(filters, size)
    for azimuth in (0.0, 30.0, 90.0, 150.0):
        ours = np.abs(np.einsum("k,keb->eb", ambisonics.harmonics(to_vectors(azimuth, 0.0), 3), W))
        exact = np.abs(np.fft.rfft(head.at(azimuth, 0.0)[1], size))
        for low, high, most in ((200.0, 1500.0, 1.0), (2500.0, 6000.0, 4.0)):
            use = (f > low) & (f < high)
            level = 10 * np.log10(np.sum(ours[:, use] ** 2, axis=1) / np.sum(exact[:, use] ** 2, axis=1))
            assert np.abs(level).max() < most


def test_fields_of_odd_shapes_and_rotations_that_are_none_are_refused(head):
    with pytest.raises(ParameterError, match="1, 4, 9 or 16 channels"):
        ambisonics.decode_binaural(np.zeros((5, 10)), head)
    with pytest.raises(ParameterError, match="R must be a rotation"):
        ambisonics.rotation(-np.eye(3), 1)
    with pytest.raises(ParameterError, match="azimuth and elevation"):
        ambisonics.encode(np.ones(4), [0.0, 1.0])


# --- scenes


def test_a_source_at_rest_is_a_delay_a_gain_and_two_filters(head):
    y = soft_noise(4000)
    got = scene.render([Source.at(y, azimuth=40.0, elevation=10.0, distance=1.5)], head, duration=0.4)
    delays, irs = head.at(40.0, 10.0)
    late = delays - head.delays.mean() - responses.AHEAD / head.sr + 1.5 / sphere.SPEED
    f = np.fft.rfftfreq(16_384, 1 / head.sr)
    spectrum = np.fft.rfft(y, 16_384) * np.fft.rfft(irs, 16_384) * np.exp(-2j * np.pi * f * late[:, None])
    want = np.fft.irfft(spectrum, 16_384)[:, : got.shape[1]] / 1.5
    assert 20 * np.log10(np.sqrt(np.mean((got - want) ** 2) / np.mean(want**2))) < -80.0


def test_blocks_of_any_size_are_the_same_scene(head):
    moving = Source(soft_noise(20_000), [[2, 1, 0], [-1, 2, 0.5]], [0.0, 1.0])
    still = Source.at(soft_noise(20_000, rng=1), azimuth=-60.0, distance=0.5)
    looks = Listener([0.0, 400.0], [0.0, 1.0])
    whole = scene.render([moving, still], head, duration=1.0, listener=looks)
    for size in (77, 256, 5000):
        stream = scene.blocks([moving, still], head, size=size, listener=looks)
        parts = np.concatenate([next(stream) for _ in range(-(-whole.shape[1] // size))], axis=1)
        np.testing.assert_array_equal(parts[:, : whole.shape[1]], whole)


def test_scenes_add(head):
    a, b = Source.at(soft_noise(3000), azimuth=10.0), Source.at(soft_noise(3000, rng=1), azimuth=200.0, distance=3.0)
    both = scene.render([a, b], head, duration=0.3)
    np.testing.assert_allclose(both, sum(scene.render([one], head, duration=0.3) for one in (a, b)), atol=1e-5)


def test_a_passing_source_is_sharp_before_and_flat_after_as_doppler_says(head):
    t = np.arange(2 * head.sr) / head.sr
    y = scene.render([Source(np.sin(2 * np.pi * 1000.0 * t), [[40, 1, 0], [-40, 1, 0]], [0.0, 2.0])], head, duration=2.2)
    for begin, speed in ((0.5, 40.0), (1.8, -40.0)):
        piece = y[0, int(begin * head.sr) : int((begin + 0.2) * head.sr)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 2**18))
        assert spectrum.argmax() * head.sr / 2**18 == pytest.approx(1000.0 / (1.0 - speed / sphere.SPEED), rel=2e-3)


def test_turning_the_head_is_turning_the_world_the_other_way(head):
    y = soft_noise(3000)
    turned = scene.render([Source.at(y, azimuth=50.0)], head, duration=0.3, listener=Listener(50.0))
    np.testing.assert_allclose(turned, scene.render([Source.at(y, azimuth=0.0)], head, duration=0.3), atol=1e-6)


def test_nothing_clicks_while_a_head_turns(head):
    t = np.arange(head.sr) / head.sr
    y = scene.render(
        [Source.at(np.sin(2 * np.pi * 300.0 * t), azimuth=0.0)], head, duration=0.9, listener=Listener([0.0, 720.0], [0.0, 1.0])
    )
    inner = y[:, 1000:].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(inner.shape[1])))
    f = np.fft.rfftfreq(inner.shape[1], 1 / head.sr)
    assert 20 * np.log10(spectrum[:, f > 1500.0].max() / spectrum.max()) < -70.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda y: Source.at(y, azimuth=1000.0), "azimuth"),
        (lambda y: Source.at(y, azimuth=0.0, distance=0.05), "outside the head"),
        (lambda y: Source(y, [[1, 0, 0], [-1, 0, 0]], [0.0, 1.0]), "outside the head"),
        (lambda y: Source(y, [[100, 1, 0], [-100, 1, 0]], [0.0, 1.0]), "at most 171"),
        (lambda y: Source(y, [[1, 0, 0], [2, 0, 0]], [1.0, 1.0]), "times must rise"),
        (lambda y: Source(y, [1, 0], [0.0]), "positions must be"),
        (lambda y: Source(0 * y + np.nan, [1, 0, 0]), "y"),
        (lambda y: Listener([1.0, 2.0]), "yaw must have one angle"),
    ],
)
def test_impossible_scenes_are_refused(make, said):
    with pytest.raises(ParameterError, match=said):
        make(soft_noise(100))


def test_a_scene_needs_sources(head):
    with pytest.raises(ParameterError, match="sources"):
        scene.render([], head)
    assert directions.LARGEST == 360.0
