"""The head as a rigid sphere: when, how loud and how bright a sound arrives at each ear."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_integer, check_number, check_sr
from audiogen_helpers.applications.spatial.directions import to_vectors
from audiogen_helpers.errors import ParameterError

__all__ = ["RADIUS", "SPEED", "head_shadow", "itd", "sphere_impulse", "sphere_response"]

RADIUS = 0.0875  # m: the sphere that predicts the delays of an average head
SPEED = 343.0  # m/s: of sound in air of 20 degrees Celsius
_MARGIN = 8  # samples of silence before the earliest sound, so that a sharp edge may ring


def itd(azimuth: ArrayLike, elevation: ArrayLike = 0.0, *, radius: float = RADIUS, speed: float = SPEED) -> np.ndarray:
    r"""How much earlier a far sound reaches the left ear than the right one, by Woodworth's rays: :math:`\frac ac (\theta + \sin\theta)`.

    One ray goes straight, the other around the head. It holds above about 2 kHz; below 500 Hz the difference is up to 1.5 times as large
    (:func:`sphere_response` has both).

    Parameters
    ----------
    azimuth, elevation : float or array
        Degrees; 90 is left.
    radius : float > 0
        `a`, m.
    speed : float > 0
        `c`, m/s.

    Returns
    -------
    seconds : float or array
        Positive where the sound is on the left.

    References
    ----------
    R. S. Woodworth (1938), Experimental psychology; G. F. Kuhn (1977), Model for the interaural time differences in the azimuthal plane,
    J. Acoust. Soc. Am. 62, 157-167.

    Examples
    --------
    >>> round(1e6 * float(itd(90.0))), float(itd(0.0)), float(itd(180.0)) < 1e-15
    (656, 0.0, True)
    """
    a, c = check_number(radius, name="radius", above=0.0), check_number(speed, name="speed", above=0.0)
    lateral = np.arcsin(np.clip(to_vectors(azimuth, elevation)[..., 1], -1.0, 1.0))
    return a / c * (lateral + np.sin(lateral))


def head_shadow(f: ArrayLike, angle: ArrayLike, *, radius: float = RADIUS, speed: float = SPEED) -> np.ndarray:
    r"""Brown and Duda's filter for the shadow of a head: one pole, and one zero that moves with the angle.

    Parameters
    ----------
    f : float or array >= 0
        Frequency, Hz.
    angle : float or array, 0 to 180
        Between the direction of the sound and that of the ear, degrees; broadcast against `f`.
    radius, speed : float > 0
        Of the head, m, and of sound, m/s.

    Returns
    -------
    H : array, complex
        Response relative to where the centre of the head would be, without the delay: 1 at 0 Hz; at high frequencies up to 2
        towards the ear, and 0.1 at 150 degrees, where the shadow is deepest. (Straight behind the head it is brighter again.)

    References
    ----------
    C. P. Brown and R. O. Duda (1998), A structural model for binaural sound synthesis, IEEE Trans. Speech Audio Process. 6, 476-488.

    Examples
    --------
    >>> np.abs(head_shadow(np.array([0.0, 1e6]), 0.0)).round(3), float(np.abs(head_shadow(1e6, 150.0)).round(3))
    (array([1., 2.]), 0.1)
    """
    f = check_array(np.asarray(f, dtype=np.float64), name="f", low=0.0)
    angle = check_array(np.asarray(angle, dtype=np.float64), name="angle", low=0.0, high=180.0)
    alpha = 1.05 + 0.95 * np.cos(np.deg2rad(angle / 150.0 * 180.0))
    corner = 2.0 * speed / radius
    s = 2j * np.pi * f
    return (alpha * s + corner) / (s + corner)


def sphere_response(
    f: ArrayLike, angle: ArrayLike, *, distance: float | None = None, radius: float = RADIUS, speed: float = SPEED
) -> np.ndarray:
    """Pressure on a rigid sphere, exactly, relative to what would be at its centre without it.

    Parameters
    ----------
    f : array [shape=(n_f,)], >= 0
        Frequencies, Hz.
    angle : array [shape=(n_a,)], 0 to 180
        Between the direction of the sound and the point on the sphere, degrees.
    distance : float > radius, optional
        Of the source from the centre, m; very far by default.
    radius, speed : float > 0
        Of the sphere, m, and of sound, m/s.

    Returns
    -------
    H : np.ndarray [shape=(n_a, n_f), complex128]
        A delay of tau seconds is ``exp(-2j pi f tau)``, as in numpy's transforms; the side near the source is ahead of the centre.

    Raises
    ------
    ParameterError
        If an argument is out of range, such as a source inside the head.

    References
    ----------
    R. O. Duda and W. L. Martens (1998), Range dependence of the response of a spherical head model, J. Acoust. Soc. Am. 104, 3048-3058.

    Examples
    --------
    >>> H = sphere_response(np.array([0.0, 8000.0]), np.array([0.0, 150.0]))
    >>> np.abs(H).round(2)
    array([[1.  , 1.98],
           [1.  , 0.44]])
    """
    from scipy.special import eval_legendre, spherical_jn, spherical_yn

    f = check_array(np.atleast_1d(np.asarray(f, dtype=np.float64)), name="f", ndim=1, low=0.0)
    angle = check_array(np.atleast_1d(np.asarray(angle, dtype=np.float64)), name="angle", ndim=1, low=0.0, high=180.0)
    a, c = check_number(radius, name="radius", above=0.0), check_number(speed, name="speed", above=0.0)
    if distance is not None and check_number(distance, name="distance") <= a:
        raise ParameterError(f"distance must be larger than the head's radius of {a:g} m; received {distance:g}")
    mu = 2.0 * np.pi * f[f > 0.0] * a / c
    m = np.arange(int(np.ceil(1.3 * mu.max(initial=0.0))) + 30 if distance is None else int(np.ceil(1.3 * mu.max(initial=0.0))) + 120)
    with np.errstate(all="ignore"):
        slope = spherical_jn(m[:, None], mu, derivative=True) + 1j * spherical_yn(m[:, None], mu, derivative=True)
        if distance is None:
            waves = (-1j) ** (m[:, None] - 1.0) / slope / mu**2
        else:
            rho = distance / a
            out = spherical_jn(m[:, None], mu * rho) + 1j * spherical_yn(m[:, None], mu * rho)
            waves = -rho / mu * np.exp(-1j * mu * rho) * out / slope
    waves = np.where(np.isfinite(waves), waves, 0.0) * (2.0 * m[:, None] + 1.0)
    H = np.ones((len(angle), len(f)), dtype=np.complex128)
    H[:, f > 0.0] = np.conj(eval_legendre(m, np.cos(np.deg2rad(angle))[:, None]) @ waves)
    return H


def sphere_impulse(angle: ArrayLike, *, sr: int, n: int = 128, radius: float = RADIUS, speed: float = SPEED) -> tuple[np.ndarray, float]:
    """What an ear on a rigid sphere hears of a click from far away.

    Parameters
    ----------
    angle : array [shape=(n_a,)], 0 to 180
        Between the direction of the sound and the ear, degrees.
    sr : int > 0
        Sample rate, Hz.
    n : even int >= 64
        Samples of each response.
    radius, speed : float > 0
        Of the head, m, and of sound, m/s.

    Returns
    -------
    h : np.ndarray [shape=(n_a, n), float64]
        Responses; the click is at the centre of the head (without the head) after ``delay``.
    delay : float
        Samples: so many that nothing arrives before the first.

    Examples
    --------
    >>> h, delay = sphere_impulse([0.0, 150.0], sr=44_100)
    >>> h.shape, np.abs(h).argmax(axis=1) - round(delay) < 0  # the near side is ahead of the centre
    ((2, 128), array([ True, False]))
    """
    sr, n = check_sr(sr), check_integer(n, name="n", low=64)
    size = 4 * n
    f = np.fft.rfftfreq(size, 1.0 / sr)
    delay = _MARGIN + check_number(radius, name="radius", above=0.0) / speed * sr
    H = sphere_response(f, angle, radius=radius, speed=speed)
    edge = np.clip((sr / 2.0 - f) / (0.1 * sr / 2.0), 0.0, 1.0)  # the last tenth of the band fades: no step at half the rate
    H = H * np.sin(0.5 * np.pi * edge) ** 2 * np.exp(-2j * np.pi * f * delay / sr)
    h = np.fft.irfft(H, size)[:, :n]
    tail = n // 8
    h[:, -tail:] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(tail) + 1.0) / tail)
    return h, float(delay)
