"""Mu-law companding against its closed form."""

import librosa
import numpy as np
import pytest

from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import mu_law_decode, mu_law_encode


@pytest.mark.parametrize("n_bits", [2, 4, 8, 12, 16])
def test_every_code_decodes_to_the_closed_form_and_encodes_to_itself(n_bits):
    mu = 2**n_bits - 1
    codes = np.arange(mu + 1)
    y = mu_law_decode(codes, n_bits=n_bits)
    f = 2.0 * codes / mu - 1.0
    np.testing.assert_allclose(y, np.sign(f) * ((1.0 + mu) ** np.abs(f) - 1.0) / mu, rtol=1e-5)
    assert (y[0], y[-1], y.dtype) == (-1.0, 1.0, np.float32)
    assert (np.diff(y) > 0.0).all()
    np.testing.assert_array_equal(mu_law_encode(y, n_bits=n_bits), codes)


def test_error_is_at_most_half_a_step_of_the_bent_scale():
    y = np.linspace(-1.0, 1.0, 20001)
    bent = librosa.mu_compress(y, mu=255, quantize=False)
    back = librosa.mu_compress(mu_law_decode(mu_law_encode(y)).astype(np.float64), mu=255, quantize=False)
    assert 0.9 / 255 < np.abs(back - bent).max() <= 1.0001 / 255


def test_shape_type_and_silence():
    codes = mu_law_encode(np.zeros((2, 3), dtype=np.float32))
    assert (codes.shape, codes.dtype) == ((2, 3), np.int32)
    assert (codes == 128).all()
    assert 0.0 < mu_law_decode(codes).max() < 1e-4


def test_refuses():
    with pytest.raises(ParameterError, match="y must be <= 1"):
        mu_law_encode(np.array([0.0, 1.01]))
    with pytest.raises(ParameterError, match="y must be floating point"):
        mu_law_encode(np.array([0, 1]))
    with pytest.raises(ParameterError, match="codes must be <= 255"):
        mu_law_decode(np.array([256]))
    with pytest.raises(ParameterError, match="codes must be >= 0"):
        mu_law_decode(np.array([-1]))
    with pytest.raises(ParameterError, match="codes must be whole"):
        mu_law_decode(np.array([1.0]))
    for call in (lambda: mu_law_encode(np.zeros(1), n_bits=1), lambda: mu_law_decode(np.zeros(1, int), n_bits=17)):
        with pytest.raises(ParameterError, match="n_bits"):
            call()
