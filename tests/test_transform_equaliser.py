"""The equaliser: gains at the places where they are known, the analogue models between them, blocks."""

import numpy as np
import pytest
from scipy.signal import freqs, sosfilt

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.filters import biquad
from audiogen_helpers.transform import TRANSFORMS
from audiogen_helpers.transform._steps import start
from audiogen_helpers.transform.equaliser import equaliser


def gain_db(f, *, sr, **settings):
    """Measured on a click of one second: bin k is k Hz."""
    response = equaliser(np.eye(1, sr)[0], sr=sr, **settings)
    return 20 * np.log10(np.abs(np.fft.rfft(response))[np.atleast_1d(f)])


@pytest.mark.parametrize("db", [-24.0, -3.0, 6.0, 18.0])
@pytest.mark.parametrize("sr", [8000, 44100])
def test_each_band_has_its_gain_where_it_is_meant(db, sr):
    at = [0, 1000, sr // 2]
    np.testing.assert_allclose(gain_db(at, sr=sr, mid_db=db, mid_f=1000.0, mid_q=2.0), [0, db, 0], atol=0.01)
    np.testing.assert_allclose(gain_db(at, sr=sr, low_db=db, low_f=1000.0), [db, db / 2, 0], atol=0.01)
    np.testing.assert_allclose(gain_db(at, sr=sr, high_db=db, high_f=1000.0), [0, db / 2, db], atol=0.01)


@pytest.mark.parametrize("db", [-12.0, 12.0])
def test_bands_are_their_analogue_models_with_warped_frequencies(db):
    sr, f, q, A = 44100, 3000.0, 1.5, 10 ** (db / 40)
    at = np.arange(50, 20000, 350)
    s = np.tan(np.pi * at / sr) / np.tan(np.pi * f / sr)  # the bilinear transform
    models = [
        ({"mid_db": db, "mid_f": f, "mid_q": q}, [1, A / q, 1], [1, 1 / (A * q), 1]),
        ({"low_db": db, "low_f": f}, np.multiply(A, [1, np.sqrt(2 * A), A]), [A, np.sqrt(2 * A), 1]),
        ({"high_db": db, "high_f": f}, np.multiply(A, [A, np.sqrt(2 * A), 1]), [1, np.sqrt(2 * A), A]),
    ]
    for settings, b, a in models:
        np.testing.assert_allclose(gain_db(at, sr=sr, **settings), 20 * np.log10(np.abs(freqs(b, a, worN=s)[1])), atol=1e-5)


@pytest.mark.parametrize("name", ["low", "mid", "high"])
@pytest.mark.parametrize("db", [-40.0, 40.0])
@pytest.mark.parametrize("f", [20.0, 3999.0])
def test_a_cut_undoes_a_boost_at_the_ends_of_the_range(name, db, f):
    y = np.random.default_rng(0).standard_normal(4000)
    there = equaliser(y, sr=8000, **{f"{name}_db": db, f"{name}_f": f})
    np.testing.assert_allclose(equaliser(there, sr=8000, **{f"{name}_db": -db, f"{name}_f": f}), y, atol=1e-4)


def test_the_whole_is_the_bands_in_a_row():
    y = np.random.default_rng(0).standard_normal((2, 4000))
    sos = [biquad("low-shelf", sr=16000, f=300.0, gain_db=6.0), biquad("peak", sr=16000, f=2000.0, gain_db=-9.0, q=3.0)]
    sos.append(biquad("high-shelf", sr=16000, f=5000.0, gain_db=3.0))
    out = equaliser(y, sr=16000, low_db=6.0, low_f=300.0, mid_db=-9.0, mid_f=2000.0, mid_q=3.0, high_db=3.0, high_f=5000.0)
    np.testing.assert_allclose(out, sosfilt(np.concatenate(sos), y), atol=1e-12)


def test_flat_is_the_sound_itself_at_any_rate():
    y = np.random.default_rng(0).standard_normal(1000)
    for sr in (1000, 8000, 44100):
        out = equaliser(y, sr=sr)
        np.testing.assert_array_equal(out, y)
        assert not np.shares_memory(out, y)


@pytest.mark.parametrize("shape", [(5000,), (2, 5000)])
def test_blocks_are_the_whole(shape):
    y = np.random.default_rng(0).standard_normal(shape)
    step = start(TRANSFORMS["equaliser"], sr=16000, low_db=6.0, high_db=-20.0)
    blocks = np.concatenate([step(y[..., a : a + 700]) for a in range(0, 5000, 700)], axis=-1)
    np.testing.assert_allclose(blocks, equaliser(y, sr=16000, low_db=6.0, high_db=-20.0), atol=1e-12)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"low_db": 41.0}, "low_db"),
        ({"mid_f": 4000.0}, "mid_f must be < "),
        ({"mid_q": 0.0}, "mid_q"),
        ({"high_db": np.nan}, "high"),
    ],
)
def test_what_is_wrong_is_named(wrong, message):
    with pytest.raises(ParameterError, match=message):
        equaliser(np.zeros(100), sr=8000, **wrong)
