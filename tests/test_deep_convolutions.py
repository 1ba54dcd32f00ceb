"""Convolutions in numpy and TensorFlow are the same functions, and the transpose is the transpose."""

import numpy as np
import pytest

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.convolutions import NUMPY, conv1d, conv1d_transpose, conv2d, tensorflow_convolutions
from audiogen_helpers.errors import ParameterError

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("t", [1, 2, 7, 16])
def test_numpy_and_tensorflow_agree_on_one_axis(t, k, stride):
    tf, both = tensorflow(), tensorflow_convolutions()
    x, kernel = draw(2, t, 3), draw(k, 3, 4)
    y = conv1d(x, kernel, stride=stride)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, both.conv1d(tf.constant(x), tf.constant(kernel), stride=stride), atol=1e-4)
    if k >= stride:
        z = conv1d_transpose(x, kernel, stride=stride)
        assert z.shape == (2, t * stride, 4)
        np.testing.assert_allclose(z, both.conv1d_transpose(tf.constant(x), tf.constant(kernel), stride=stride), atol=1e-4)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (2, 5), (4, 4)])
def test_numpy_and_tensorflow_agree_on_two_axes(kernel, stride):
    tf, both = tensorflow(), tensorflow_convolutions()
    x, taps = draw(2, 9, 6, 3), draw(*kernel, 3, 2)
    np.testing.assert_allclose(
        conv2d(x, taps, stride=stride), both.conv2d(tf.constant(x), tf.constant(taps), stride=stride), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(("k", "stride"), [(3, 2), (4, 2), (5, 3), (8, 4)])
def test_the_transpose_is_the_transpose(k, stride):
    x, y, kernel = draw(1, 6 * stride, 2), draw(1, 6, 3), draw(k, 2, 3)
    there = np.sum(conv1d(x, kernel, stride=stride) * y)
    back = np.sum(x * conv1d_transpose(y, np.swapaxes(kernel, 1, 2), stride=stride))
    assert there == pytest.approx(back, rel=1e-4)


def test_repeated_frames_agree():
    tf, x = tensorflow(), draw(2, 5, 3)
    np.testing.assert_array_equal(NUMPY.upsample(x, 3), tensorflow_convolutions().upsample(tf.constant(x), 3))


def test_a_single_tap_is_a_matrix_product():
    x, kernel = draw(2, 5, 3), draw(1, 3, 4)
    np.testing.assert_allclose(conv1d(x, kernel), x @ kernel[0], rtol=1e-6)


@pytest.mark.parametrize("call", [lambda: conv1d(draw(2, 5, 3), draw(3, 2, 4)), lambda: conv2d(draw(2, 5, 3), draw(3, 3, 3, 4))])
def test_shapes_that_do_not_fit_are_named(call):
    with pytest.raises(ParameterError, match="x and kernel must have shapes"):
        call()


def test_a_stride_beyond_the_kernel_would_leave_holes():
    with pytest.raises(ParameterError, match="stride"):
        conv1d_transpose(draw(1, 4, 2), draw(3, 2, 2), stride=4)
