"""Waves that break on a shore: when and how high, the lumps of water that they throw, the clouds of bubbles that they carry down."""

from __future__ import annotations

import numpy as np

from audiogen_helpers.synthesis.nature._events import PIECE, Ringing, arrivals, octaves

__all__ = ["BREAK", "COARSE", "FOAM", "RUMBLE", "STEP", "Shore", "plumes_of", "splashes_of"]

# Octave levels of the parts of a wave, dB.
RUMBLE = octaves(31.5, -15.0, -8.0, -2.0, 0.0, -4.0, -14.0, -26.0)
BREAK = octaves(63.0, -20.0, -12.0, -4.5, 0.0, -1.0, -6.0, -12.5, -18.5, -28.0)
FOAM = octaves(250.0, -18.0, -9.0, -2.0, 0.0, -3.0, -6.5, -16.0)
_SPLASHES = 22.0  # per second, at the height of a wave
_PLUMES = 40.0  # the same
COARSE = 16  # samples between the points at which the envelopes of splashes are worked out
STEP = 0.02  # s between the points at which a wave's envelopes are worked out
# Parts of a wave, rumble, break and foam: when they peak and how fast they rise and fall, in shares of its rise and fall.
_LAGS, _UPS, _DOWNS = np.array([[-0.5, 0.0], [0.0, 0.0], [0.0, 0.7]]), np.array([1.6, 0.5, 0.6]), np.array([1.2, 1.0, 1.8])
_STRETCHES = ((1.0, 1.0), (1.15, 0.45), (0.8, 0.25), (0.9, 0.15))  # of the shore: their period and loudness as shares


class Shore:
    """Waves that break one after the other on each stretch of a shore, and the envelopes of their parts."""

    def __init__(self, rng: np.random.Generator, *, period: float) -> None:
        self._rng, self._period = rng, period
        self._next = period * (rng.random(len(_STRETCHES)) - 2.0)
        self._waves = np.zeros((0, 4))  # time of the crest (s), height, rise and fall (s)

    def envelopes(self, t: np.ndarray) -> np.ndarray:
        """Rumble, break and foam at the times `t`, shape ``(3, len(t))``."""
        for i, (share, loudness) in enumerate(_STRETCHES):
            while self._next[i] < t[-1] + 2 * self._period:
                rise, fall = np.array([0.13, 0.17]) * share * self._period * np.exp(0.25 * self._rng.standard_normal(2))
                height = loudness * (0.7 + self._rng.rayleigh(0.28))
                self._waves = np.concatenate([self._waves, [[self._next[i], height, rise, fall]]])
                self._next[i] += share * self._period * np.exp(0.2 * self._rng.standard_normal())
        self._waves = self._waves[self._waves[:, 0] > t[0] - 4 * self._period]
        top, height, rise, fall = self._waves.T[:, :, None]
        peak = top + self._waves[:, 2:] @ _LAGS.T
        x = t - peak[:, :, None]
        rising, falling = -x / (rise * _UPS)[:, :, None], x / (fall * _DOWNS)[:, :, None]
        one = np.ones_like(height)
        strong = 2.0 * height[:, :, None] * np.stack([one, np.sqrt(height), one], axis=1)  # high waves break loudest
        total = np.sum(strong / (np.exp(np.clip(rising, -50, 50)) + np.exp(np.clip(falling, -50, 50))), axis=0)
        return total / (1.0 + 0.2 * total)  # waves that break together are not louder without bound


def splashes_of(rng: np.random.Generator, splashes: Ringing, env: np.ndarray) -> None:
    """Lumps of water that fall while a wave breaks: envelopes of all sizes that rise fast and die in 4 to 30 ms."""
    at = arrivals(rng, _SPLASHES * np.minimum(env, 3.0), PIECE // COARSE, sr=splashes.sr)
    a = 0.3 * np.exp(0.8 * rng.standard_normal(len(at)) - 0.3)
    d = 30.0 * 8.0 ** rng.random(len(at))
    splashes.strike(at, amplitude=a, frequency=0.0, decay=d, phase=np.pi / 2)
    splashes.strike(at, amplitude=-a, frequency=0.0, decay=8 * d, phase=np.pi / 2)


def plumes_of(rng: np.random.Generator, plumes: Ringing, env: np.ndarray) -> None:
    """Clouds of bubbles that a wave carries down: each rings as one large bubble, at 150 to 2500 Hz."""
    at = arrivals(rng, _PLUMES * np.minimum(env, 3.0), PIECE, sr=plumes.sr)
    f = 150.0 * 16.0 ** rng.random(len(at))
    a = (
        0.15
        * np.exp(0.5 * rng.standard_normal(len(at)))
        * np.interp(at, np.linspace(0, PIECE, len(env)), env)
        * np.minimum(1.0, (500.0 / f) ** 0.3)
    )
    plumes.strike(at, amplitude=a, frequency=f, decay=0.10 * f * np.exp(0.5 * rng.standard_normal(len(at))), rise=0.5 * f)
