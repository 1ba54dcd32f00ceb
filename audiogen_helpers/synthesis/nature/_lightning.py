"""A strike of lightning as it is heard: the N-waves of a jagged channel, one arriving after the other, and what hills send back."""

from __future__ import annotations

import numpy as np

from audiogen_helpers.synthesis.nature._events import absorption

__all__ = ["Strikes", "channel", "corner_pulses", "crack_frequency", "echoes"]

_C = 340.0  # m/s, speed of sound
_AIR_PRESSURE = 1e5  # Pa
_PIECE_OF_CHANNEL = 8.0  # m
_TURN, _UPRIGHT = 0.42, 0.93  # change of slope from piece to piece, and how much of the slope is kept
_N_PEAK = 0.6626  # an N-wave that lasts T has its spectral peak at 0.6626 / T
_LEAD, _PAD = 0.02, 0.06  # s before the first arrival; s that the air smears a sound to either side
_ECHOES, _ECHO, _ECHO_DELAY, _ROUGH = 16, 0.35, 2.0, 0.2  # how many, how strong, mean delay (s), unevenness of a hillside (s)
_LOUD = 22.0  # full scale in terms of what one metre of channel of 100 kJ sends to a distance of 1 m


def crack_frequency(energy: float) -> float:
    """Where the spectrum of a piece of lightning channel peaks, Hz: ``0.63 c sqrt(pressure / energy)``, energy in J/m (Few 1969).

    Examples
    --------
    >>> round(crack_frequency(1e5))
    214
    """
    return 0.63 * _C * float(np.sqrt(_AIR_PRESSURE / energy))


def channel(rng: np.random.Generator, *, distance: float, height: float) -> np.ndarray:
    """Corners of a jagged lightning channel that meets the ground `distance` metres away: ``(n, 3)``, listener at the origin."""
    from scipy.signal import lfilter

    n = round(height / _PIECE_OF_CHANNEL)
    slope = lfilter([_TURN], [1.0, -_UPRIGHT], rng.standard_normal((n, 2)), axis=0)
    direction = np.column_stack([slope, np.ones(n)])
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    return np.vstack([np.zeros(3), np.cumsum(_PIECE_OF_CHANNEL * direction, axis=0)]) + np.array([distance, 0.0, 0.0])


def corner_pulses(corners: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Times (s after the first arrival) and weights of the pulses that the ends of each straight piece send to the listener.

    A piece of length L at distance r whose sound arrives from t0 to t1 is heard as the N-wave averaged over that time, times L / r.
    Let P be the integral of the N-wave: the average is ``(P(t - t0) - P(t - t1)) / (t1 - t0)``, one pulse for each end. A
    piece seen from the side has t0 near t1 and its two ends make one sharp crack; seen end on, it makes two thin ones.
    """
    r = np.linalg.norm(corners, axis=1)
    lasts = np.diff(r) / _C
    lasts = np.where(lasts < 0, -1.0, 1.0) * np.maximum(np.abs(lasts), 1.0 / sr)
    weight = np.linalg.norm(np.diff(corners, axis=0), axis=1) / (0.5 * (r[:-1] + r[1:])) / lasts
    t0 = r[:-1] / _C
    times = np.concatenate([t0, t0 + lasts])
    return times - times.min(), np.concatenate([weight, -weight])


def echoes(rng: np.random.Generator, times: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What hills and clouds throw back of `corner_pulses`: the same pieces later and softer, each a little out of step."""
    delay = rng.exponential(_ECHO_DELAY, size=(_ECHOES, 1))
    rough = np.tile(rng.uniform(0.0, _ROUGH, size=(_ECHOES, len(times) // 2)), 2)  # both ends of a piece alike
    return (times + delay + rough).ravel(), (_ECHO * np.exp(-delay / _ECHO_DELAY) * weights).ravel()


class Strikes:
    """Claps of thunder from one storm: `strike` makes the next; over an open plain if there are no `hills`."""

    def __init__(self, rng: np.random.Generator, *, sr: int, distance: float, size: float, hills: bool = True) -> None:
        from scipy import fft

        self.hills = hills
        self._rng, self._sr, self._distance = rng, sr, distance
        self._height = 1000.0 + 4000.0 * size
        energy = 10.0 ** (4.5 + size)
        self._size = fft.next_fast_len(round((1.0 + 2 * _PAD) * sr), real=True)
        f = np.arange(self._size // 2 + 1) * (sr / self._size)
        self._lost = absorption(f) / 20.0
        half = 0.5 * _N_PEAK / crack_frequency(energy)  # s, half the length of the N-wave
        x = 2 * np.pi * np.maximum(f, 1e-3) * half
        self._pulse = _LOUD * np.sqrt(energy / 1e5) * sr * 2 * half**2 * (np.sin(x) / x - np.cos(x)) / x**2

    def strike(self) -> np.ndarray:
        """One clap from its first arrival to the last echo: second by second through as much air as that second's sound has crossed."""
        from scipy import fft

        sr = self._sr
        corners = channel(self._rng, distance=self._distance * np.exp(0.15 * self._rng.uniform(-1, 1)), height=self._height)
        nearest = float(np.linalg.norm(corners, axis=1).min())
        times, weights = corner_pulses(corners, sr=sr)
        if self.hills:
            more = echoes(self._rng, times, weights)
            times, weights = np.concatenate([times, more[0]]), np.concatenate([weights, more[1]])
        place = (times + _LEAD) * sr
        whole = place.astype(np.int64)
        pulses = np.zeros(int(whole.max()) + 2)
        np.add.at(pulses, whole, weights * (1 - (place - whole)))
        np.add.at(pulses, whole + 1, weights * (place - whole))
        pad = round(_PAD * sr)
        y = np.zeros(len(pulses) + self._size + pad)
        for at in range(0, len(pulses), sr):
            part = np.zeros(self._size)
            part[pad : pad + min(sr, len(pulses) - at)] = pulses[at : at + sr]
            way = nearest + _C * (at / sr + 0.3)
            heard = fft.irfft(fft.rfft(part) * self._pulse * 10.0 ** (-self._lost * way), self._size)
            y[at : at + self._size] += heard
        return y[pad : pad + len(pulses) + pad]
