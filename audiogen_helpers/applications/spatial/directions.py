"""Directions around a listener: degrees of azimuth and elevation, unit vectors, and turns of the head.

Azimuth 0 is straight ahead, 90 is **left**, -90 or 270 is right (counter-clockwise seen from above, as in SOFA files; the files of MIT
count the other way). Elevation 90 is above. Vectors are (front, left, up).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_integer, check_number
from audiogen_helpers.errors import ParameterError

__all__ = ["angle_between", "check_directions", "even_directions", "from_vectors", "to_vectors", "turn"]

LARGEST = 360.0  # degrees of azimuth, either way


def check_directions(azimuth: ArrayLike, elevation: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 arrays of one shape; azimuth from -360 to 360, elevation from -90 to 90 degrees.

    Raises
    ------
    ParameterError
        If one is out of range, not finite, or the shapes do not fit.

    Examples
    --------
    >>> [part.tolist() for part in check_directions([0, 90], 0)]
    [[0.0, 90.0], [0.0, 0.0]]
    """
    azimuth = check_array(np.asarray(azimuth, dtype=np.float64), name="azimuth", low=-LARGEST, high=LARGEST)
    elevation = check_array(np.asarray(elevation, dtype=np.float64), name="elevation", low=-90.0, high=90.0)
    try:
        azimuth, elevation = np.broadcast_arrays(azimuth, elevation)
    except ValueError as error:
        raise ParameterError(f"azimuth and elevation must have one shape; received {azimuth.shape} and {elevation.shape}") from error
    return azimuth, elevation


def to_vectors(azimuth: ArrayLike, elevation: ArrayLike) -> np.ndarray:
    """Unit vectors (front, left, up) of directions in degrees.

    Parameters
    ----------
    azimuth : float or array, -360 to 360
        Counter-clockwise from straight ahead, degrees.
    elevation : float or array, -90 to 90
        Upwards, degrees.

    Returns
    -------
    v : np.ndarray [shape=(..., 3), float64]

    Examples
    --------
    >>> to_vectors([0, 90, 0], [0, 0, 90]).round(6) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    azimuth, elevation = (np.deg2rad(part) for part in check_directions(azimuth, elevation))
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=-1)


def from_vectors(v: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth (-180 to 180] and elevation, in degrees, of vectors of any length but 0. The inverse of :func:`to_vectors`.

    Examples
    --------
    >>> [float(part) for part in from_vectors([0.0, -2.0, 0.0])]
    [-90.0, 0.0]
    """
    v = check_array(np.asarray(v, dtype=np.float64), name="v")
    if v.shape[-1:] != (3,) or not (np.abs(v).max(axis=-1) > 0.0).all():
        raise ParameterError(f"v must hold vectors (front, left, up) that are not 0; received shape {v.shape}")
    return np.rad2deg(np.arctan2(v[..., 1], v[..., 0])), np.rad2deg(np.arctan2(v[..., 2], np.hypot(v[..., 0], v[..., 1])))


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between vectors, in degrees, exact for small angles too.

    Examples
    --------
    >>> round(float(angle_between(to_vectors(30, 0), to_vectors(-20, 0))), 6)
    50.0
    """
    a, b = np.broadcast_arrays(a, b)
    return np.rad2deg(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, axis=-1)))


def turn(*, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """The rotation of a head that has turned: ``turn(...) @ v`` is where a direction of the head points in the room.

    Parameters
    ----------
    yaw : float
        To the left, degrees. First of the three turns; the others are about the turned axes.
    pitch : float
        Nose up, degrees.
    roll : float
        Right ear down, degrees.

    Returns
    -------
    R : np.ndarray [shape=(3, 3)]
        Orthogonal; its transpose is the way back: what is at `v` in the room is at ``R.T @ v`` for the head.

    Examples
    --------
    >>> (turn(yaw=90) @ to_vectors(0, 0)).round(6) + 0.0
    array([0., 1., 0.])
    >>> (turn(pitch=90) @ to_vectors(0, 0)).round(6) + 0.0
    array([0., 0., 1.])
    """
    about: Any = [np.deg2rad(check_number(value, name=name)) for name, value in (("yaw", yaw), ("pitch", pitch), ("roll", roll))]
    (cy, cp, cr), (sy, sp, sr) = np.cos(about), np.sin(about)
    left = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    up = np.array([[cp, 0.0, -sp], [0.0, 1.0, 0.0], [sp, 0.0, cp]])
    down = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    return left @ up @ down


def even_directions(n: int) -> np.ndarray:
    """`n` unit vectors all around, on a spiral from above to below: as even as the seeds of a sunflower.

    Examples
    --------
    >>> v = even_directions(200)
    >>> bool(np.abs(v.mean(axis=0)).max() < 0.01)
    True
    """
    k = np.arange(check_integer(n, name="n", low=1)) + 0.5
    up = 1.0 - 2.0 * k / n
    flat, angle = np.sqrt(1.0 - up**2), np.pi * (1.0 + 5.0**0.5) * k
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), up], axis=1)
