"""Sound fields around one point, as spherical harmonics: encode a source, turn the listener, decode for two ears.

Channels are ordered and scaled as in AmbiX files (ACN, SN3D).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_audio, check_integer, check_number
from audiogen_helpers.applications.spatial.directions import check_directions, even_directions, to_vectors
from audiogen_helpers.applications.spatial.responses import AHEAD, HeadResponses
from audiogen_helpers.errors import ParameterError

__all__ = ["binaural_filters", "decode_binaural", "encode", "harmonics", "rotate", "rotation"]

HIGHEST = 3
MAGNITUDE_FROM = 2000.0  # Hz: above, ears hardly follow the phase, and a low order cannot have both


def harmonics(v: np.ndarray, order: int) -> np.ndarray:
    r"""Real spherical harmonics of directions, ACN order and SN3D scale: :math:`\sum_m Y_{lm}(a)\,Y_{lm}(b) = P_l(\cos\gamma)`.

    Parameters
    ----------
    v : np.ndarray [shape=(..., 3)]
        Unit vectors (front, left, up).
    order : int, 0 to 3
        Highest degree.

    Returns
    -------
    Y : np.ndarray [shape=(..., (order + 1)**2)]

    References
    ----------
    C. Nachbar, F. Zotter, E. Deleflie and A. Sontacchi (2011), AmbiX: a suggested ambisonics format, Ambisonics Symposium.

    Examples
    --------
    >>> harmonics(to_vectors(90.0, 0.0), 1).round(6) + 0.0  # W, Y (left), Z (up), X (front)
    array([1., 1., 0., 0.])
    """
    order = check_integer(order, name="order", low=0, high=HIGHEST)
    x, y, z = np.moveaxis(np.asarray(v, dtype=np.float64), -1, 0)
    r3, r15, r38, r58 = np.sqrt([3.0, 15.0, 3.0 / 8.0, 5.0 / 8.0])
    all_of_them = [np.ones_like(x), y, z, x]
    all_of_them += [r3 * x * y, r3 * y * z, (3.0 * z * z - 1.0) / 2.0, r3 * x * z, r3 / 2.0 * (x * x - y * y)]
    all_of_them += [r58 * y * (3.0 * x * x - y * y), r15 * x * y * z, r38 * y * (5.0 * z * z - 1.0), z * (5.0 * z * z - 3.0) / 2.0]
    all_of_them += [r38 * x * (5.0 * z * z - 1.0), r15 / 2.0 * z * (x * x - y * y), r58 * x * (x * x - 3.0 * y * y)]
    return np.stack(all_of_them[: (order + 1) ** 2], axis=-1)


def encode(y: np.ndarray, azimuth: ArrayLike, elevation: ArrayLike = 0.0, *, order: int = 3) -> np.ndarray:
    """A far source as a sound field.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Its sound.
    azimuth, elevation : float, or array [shape=(n,)]
        Its direction, degrees, at all times or at every sample.
    order : int, 0 to 3

    Returns
    -------
    B : np.ndarray [shape=((order + 1)**2, n)]
        Fields of several sources add.

    Examples
    --------
    >>> encode(np.ones(4), 0.0, order=1)[:, 0]
    array([1., 0., 0., 1.])
    """
    y = check_audio(y, mono=True)
    azimuth, elevation = check_directions(azimuth, elevation)
    if azimuth.shape not in ((), y.shape):
        raise ParameterError(
            f"azimuth and elevation must be one number or one for each of {len(y)} samples; received shape {azimuth.shape}"
        )
    return np.moveaxis(y[:, None] * harmonics(to_vectors(azimuth, elevation), order), -1, 0).astype(y.dtype)


def rotation(R: np.ndarray, order: int) -> np.ndarray:
    """The matrix that moves every source of a field by the rotation `R` of space: ``harmonics(R @ v) = rotation(R) @ harmonics(v)``.

    Parameters
    ----------
    R : np.ndarray [shape=(3, 3)]
        Orthogonal, of :func:`audiogen_helpers.applications.spatial.directions.turn`.
    order : int, 0 to 3

    Returns
    -------
    matrix : np.ndarray [shape=((order + 1)**2, (order + 1)**2)]
        Block diagonal, a block per degree, each orthogonal.

    Examples
    --------
    >>> from audiogen_helpers.applications.spatial.directions import turn
    >>> rotation(turn(yaw=90.0), 1).round(6) + 0.0  # front becomes left, left becomes back
    array([[ 1.,  0.,  0.,  0.],
           [ 0.,  0.,  0.,  1.],
           [ 0.,  0.,  1.,  0.],
           [ 0., -1.,  0.,  0.]])
    """
    R = check_array(np.asarray(R, dtype=np.float64), name="R", ndim=2)
    if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-9) or np.linalg.det(R) < 0.0:
        raise ParameterError("R must be a rotation, (3, 3) with R @ R.T = I and determinant 1; received something else")
    v = even_directions(64)  # more than there are unknowns; the answer is exact, because each degree is turned into itself
    solved = np.linalg.lstsq(harmonics(v, order), harmonics(v @ R.T, order), rcond=None)[0].T
    degree = np.repeat(np.arange(order + 1), 2 * np.arange(order + 1) + 1)
    return np.where(degree[:, None] == degree, solved, 0.0)


def rotate(B: np.ndarray, R: np.ndarray) -> np.ndarray:
    """A field after every source was moved by `R`; for a head that turned by `R`, give ``R.T``.

    Examples
    --------
    >>> from audiogen_helpers.applications.spatial.directions import turn
    >>> moved = rotate(encode(np.ones(3), 0.0), turn(yaw=30.0))
    >>> bool(np.allclose(moved, encode(np.ones(3), 30.0)))
    True
    """
    B = check_array(B, name="B", ndim=2)
    return (rotation(R, _order(B)) @ B).astype(B.dtype)


def binaural_filters(head: HeadResponses, *, order: int = 3, taps: int | None = None) -> np.ndarray:
    """Filters from the channels of a field to two ears.

    Below 2 kHz they are the least-squares fit of the responses of the whole sphere. Above, only the magnitudes are fitted, with the phase
    that goes on from the last frequency: a low order cannot follow the fast turning phase, and would lose the treble with it.

    Parameters
    ----------
    head : HeadResponses
    order : int, 0 to 3
    taps : int, optional
        Samples of the filters; as many as hold the responses and their delays.

    Returns
    -------
    filters : np.ndarray [shape=((order + 1)**2, 2, taps)]
        A sound reaches the centre of the head after a quarter of them.

    References
    ----------
    C. Schoerkhuber, M. Zaunschirm and R. Hoeldrich (2018), Binaural rendering of ambisonic signals via magnitude least squares, DAGA.

    Examples
    --------
    >>> from audiogen_helpers.applications.spatial.responses import spherical_head
    >>> binaural_filters(spherical_head(sr=16_000), order=1).shape
    (4, 2, 256)
    """
    order = check_integer(order, name="order", low=0, high=HIGHEST)
    lead = head.delays - head.delays.mean()  # so that the phases go on evenly, and all that is done to them stays near time 0
    least = head.taps + 2 * int(np.ceil(np.abs(lead).max() * head.sr)) + AHEAD
    taps = 2 * int(2 ** np.ceil(np.log2(least))) if taps is None else check_integer(taps, name="taps", low=least)
    f = np.fft.rfftfreq(taps, 1.0 / head.sr)
    H = np.fft.rfft(head.irs, taps) * np.exp(-2j * np.pi * f * (lead[..., None] - AHEAD / head.sr))  # (n, 2, bins)
    weights = np.sqrt(_areas(head.vectors))[:, None]
    Y = harmonics(head.vectors, order)
    inverse = np.linalg.pinv(weights * Y) * weights.T
    W = np.einsum("kn,neb->keb", inverse, H)
    for b in np.flatnonzero(f > MAGNITUDE_FROM):
        phase = np.angle(np.einsum("nk,ke->ne", Y, W[:, :, b - 1]))
        W[:, :, b] = np.einsum("kn,ne->ke", inverse, np.abs(H[:, :, b]) * np.exp(1j * phase))
    W[:, :, -1] = W[:, :, -1].real
    window = np.sin(np.pi * (np.arange(taps) + 0.5) / taps) ** 0.5
    return np.roll(np.fft.irfft(W, taps), taps // 4, axis=-1) * np.where(np.arange(taps) < taps // 2, np.minimum(1.0, 1.5 * window), 1.0)


def decode_binaural(B: np.ndarray, head: HeadResponses, *, gain: float = 1.0) -> np.ndarray:
    """What two ears hear of a field.

    Parameters
    ----------
    B : np.ndarray [shape=((order + 1)**2, n)]
        At the sample rate of `head`.
    head : HeadResponses
    gain : float
        Applied to both ears.

    Returns
    -------
    y : np.ndarray [shape=(2, n)]
        Left, right. A sound reaches the centre of the head when it is in the field.

    Examples
    --------
    >>> from audiogen_helpers.applications.spatial.responses import spherical_head
    >>> y = decode_binaural(encode(np.eye(1, 64, 20)[0], 90.0), spherical_head(sr=16_000))
    >>> bool(np.sum(y[0] ** 2) > 3 * np.sum(y[1] ** 2))  # from the left
    True
    """
    from scipy.signal import fftconvolve

    B = check_array(B, name="B", ndim=2)
    filters = check_number(gain, name="gain") * binaural_filters(head, order=_order(B))
    begin = filters.shape[-1] // 4
    return fftconvolve(B[:, None], filters, axes=-1).sum(axis=0)[:, begin : begin + B.shape[1]].astype(B.dtype)


def _order(B: np.ndarray) -> int:
    order = round(len(B) ** 0.5) - 1
    if len(B) != (order + 1) ** 2 or order > HIGHEST:
        raise ParameterError(f"B must have 1, 4, 9 or 16 channels; received shape {B.shape}")
    return order


def _areas(v: np.ndarray) -> np.ndarray:
    """Share of the sphere around each of the directions (n, 3): a third of every triangle that it is a corner of."""
    from scipy.spatial import ConvexHull

    simplices = ConvexHull(v).simplices
    a, b, c = (v[simplices[:, i]] for i in range(3))
    solid = 2.0 * np.arctan2(np.abs(np.sum(a * np.cross(b, c), axis=1)), 1.0 + np.sum(a * b + b * c + c * a, axis=1))
    share = np.zeros(len(v))
    np.add.at(share, simplices, np.repeat(solid[:, None] / 3.0, 3, axis=1))
    return share / share.sum()
