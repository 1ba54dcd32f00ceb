"""Modes of struck bodies: their frequencies, from theory or from a table, their shapes, how long they last, what a mallet sets going."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["BELL_LEVELS", "RATIOS", "bar_shapes", "contact_gain", "membrane_zeros", "mode_times"]

# k L of a bar free at both ends: the roots of cos(x) cosh(x) = 1. Frequencies go with their squares.
_BAR_ROOTS = np.array([4.730040744862704, 7.853204624095838, 10.99560783800167, 14.13716549125746, 17.27875965739948, 20.42035224562606])
RATIOS: dict[str, tuple[float, ...]] = {
    "uniform": tuple((_BAR_ROOTS / _BAR_ROOTS[0]) ** 2),
    # N. H. Fletcher and T. D. Rossing (1998), The Physics of Musical Instruments, 2nd ed., chapter 19: bars cut out below, so that their
    # second mode is a double octave (marimba), or an octave and a fifth (xylophone), above the first.
    "marimba": (1.0, 4.0, 10.0),
    "xylophone": (1.0, 3.0, 6.0),
    # R. Perrin, T. Charnley and J. dePont (1983), Normal modes of the modern English church bell, J. Sound Vib. 90(1), 29-49, as multiples
    # of the prime: hum, prime, tierce (a minor third), quint, nominal, and what lies above.
    "bell": (0.5, 1.0, 1.183, 1.506, 2.0, 2.514, 2.662, 3.011, 4.166, 5.433, 6.796, 8.215),
}
BELL_LEVELS = np.array([0.6, 1.0, 0.9, 0.35, 1.0, 0.4, 0.35, 0.5, 0.4, 0.25, 0.15, 0.1])  # of a clapper at the rim: chosen, not measured


def mode_times(ratios: ArrayLike, *, decay: float, damping: float) -> np.ndarray:
    """T60 of each mode: ``decay / (1 - damping + damping * ratio**2)``, the law that the strings keep too.

    Parameters
    ----------
    ratios : array
        Frequencies in multiples of that which lasts `decay`.
    decay : float > 0
        Its T60, s.
    damping : float in [0, 1]
        Share of its loss that grows with the square of the frequency.

    Returns
    -------
    t60 : np.ndarray [shape of ratios]
        Seconds.

    Examples
    --------
    >>> mode_times([1.0, 2.0, 4.0], decay=1.0, damping=1.0).tolist()
    [1.0, 0.25, 0.0625]
    """
    return decay / (1.0 - damping + damping * np.square(np.asarray(ratios, dtype=np.float64)))


def bar_shapes(x: np.ndarray) -> np.ndarray:
    """Displacement of the first six modes of a uniform free bar at the places x from 0 to 1, at most 1; shape (6, places)."""
    k = _BAR_ROOTS[:, None]
    sigma = (np.cosh(k) - np.cos(k)) / (np.sinh(k) - np.sin(k))
    kx = k * np.asarray(x)
    return 0.5 * (np.cosh(kx) + np.cos(kx) - sigma * (np.sinh(kx) + np.sin(kx)))


@lru_cache(maxsize=1)
def membrane_zeros() -> tuple[np.ndarray, np.ndarray]:
    """Orders m and zeros of J_m of the 24 lowest modes of a round skin."""
    from scipy.special import jn_zeros

    pairs = sorted((zero, m) for m in range(12) for zero in jn_zeros(m, 6))[:24]
    return np.array([m for _, m in pairs]), np.array([zero for zero, _ in pairs])


def contact_gain(f: np.ndarray, *, hardness: float) -> np.ndarray:
    """How much of a mode at f is left when the mallet pushes for a time T with a force like half a sine.

    ``|cos(pi f T) / (1 - (2 f T)**2)|``; T is 3 ms for hardness 0, 0.1 ms for 1, with equal ratios between.
    """
    x = 2.0 * f * 3e-3 * (1e-4 / 3e-3) ** hardness
    near = np.abs(x - 1.0) < 1e-6
    safe = np.where(near, 0.0, x)
    return np.abs(np.where(near, np.pi / 4.0, np.cos(0.5 * np.pi * safe) / (1.0 - safe**2)))
