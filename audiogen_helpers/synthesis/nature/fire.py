"""A fire: crackle, hiss and roar."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.nature._events import PIECE, Coloured, Place, Ringing, Wander, arrivals, octaves

__all__ = ["ENTRIES", "fire", "puffing"]

_ROAR = octaves(31.5, -4.0, 0.0, -2.0, -9.0, -17.0, -24.0, -28.0, -31.0, -34.0)
_HISS = octaves(500.0, -22.0, -12.0, -5.0, -1.0, 0.0, -6.0)
# Three kinds of crackle, each noise in a band with an envelope: share of all, edges (Hz), shortest and longest time to 1/e (s), loudness.
_KINDS = ((0.50, 3000.0, 11000.0, 0.0004, 0.0020, 0.9), (0.38, 900.0, 6500.0, 0.0008, 0.006, 1.0), (0.12, 200.0, 2200.0, 0.002, 0.012, 1.4))
_LARGEST = 40.0  # loudness of a crackle over that of the faintest
_OUTDOORS = octaves(31.5, 0.0, -3.0, -8.0, -13.0, -17.0, -19.0, -20.5, -22.0, -25.0, -28.0)


def puffing(width: float) -> float:
    """How often a fire `width` metres across sheds a puff of flame, Hz: ``1.5 / sqrt(width)`` (Cetegen and Ahmed 1993).

    Examples
    --------
    >>> puffing(0.25)
    3.0
    """
    return 1.5 / float(np.sqrt(width))


def fire(
    *,
    sr: int,
    duration: float,
    intensity: float = 0.5,
    size: float = 0.6,
    distance: float = 1.5,
    background: float = -58.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """A fire: wood that crackles in clusters, gas that hisses, flames that roar and flicker.

    A crackle is a burst of noise of 0.4 to 12 ms. Crackles come in clusters (a Neyman-Scott process), and their loudness follows
    a power law, so that few are very loud and most are lost in the hiss. The roar swells as often as a fire of this size puffs.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    intensity : float in [0, 1]
        From embers to a blaze: 4 to 144 crackles a second, and more hiss and roar.
    size : float in [0.1, 5]
        Width of the fire, m: a larger one roars louder, deeper and slower.
    distance : float in [1, 100]
        To the fire, m.
    background : float in [-120, -30]
        Level of the noise of the place itself, dB of full scale.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> fire(sr=8000, duration=0.5, intensity=0.8, rng=0).shape
    (4000,)
    """
    return render(_FIRE, sr=sr, duration=duration, rng=rng, intensity=intensity, size=size, distance=distance, background=background)


def _clusters(rng: np.random.Generator, rate: float, waiting: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample numbers of crackles in the next piece, and of those of its clusters that fall later, counted from the next piece."""
    parents = arrivals(rng, rate / 4.0, PIECE, sr=sr)
    children = rng.geometric(0.25, len(parents))  # 4 in the mean
    spread = np.repeat(10.0 ** rng.uniform(-2.0, -0.4, len(parents)), children)
    at = np.repeat(parents, children) + (sr * spread * rng.exponential(size=int(children.sum()))).astype(np.int64)
    at = np.concatenate([waiting, at])
    return at[at < PIECE], at[at >= PIECE] - PIECE


class _Crackle:
    """Crackles of one kind: noise in a band, times envelopes that start at once and die, each with a faint long tail."""

    def __init__(self, *, sr: int, low: float, high: float, short: float, long: float, loud: float) -> None:
        from scipy.signal import butter

        self._sos = butter(1, [low, min(high, 0.45 * sr)], "bandpass", fs=sr, output="sos")
        self._state = np.zeros((len(self._sos), 2))
        self._envelopes = Ringing(sr=sr)
        self._slow, self._fast, self._loud = 1 / long, 1 / short, loud * np.sqrt(sr / 44100)  # the same power per Hz at any rate

    def take(self, white: np.ndarray, at: np.ndarray, loud: np.ndarray, length: np.ndarray) -> np.ndarray:
        """The next samples, out of white noise, with new crackles at `at`; `length` is from 0, longest, to 1."""
        from scipy.signal import sosfilt

        d = self._slow * (self._fast / self._slow) ** length
        self._envelopes.strike(at, amplitude=self._loud * loud, frequency=0.0, decay=d, phase=np.pi / 2)
        self._envelopes.strike(at, amplitude=0.04 * self._loud * loud, frequency=0.0, decay=d / 20, phase=np.pi / 2)
        y, self._state = sosfilt(self._sos, white * self._envelopes.take(len(white)), zi=self._state)
        return y


def fire_stream(sr: int, rng: np.random.Generator, *, intensity: float, size: float, distance: float, background: float) -> Stream:
    """The stream of `fire`."""
    times, sizes, noise, hiss_noise, roar_noise, flicker, place = rng.spawn(7)
    rate = 4.0 * 36.0**intensity
    hiss, roar = Coloured(hiss_noise, sr=sr, levels=_HISS), Coloured(roar_noise, sr=sr, levels=_ROAR)
    here = Place(place, sr=sr, distance=distance, reference=1.0, background=background, levels=_OUTDOORS)
    kinds = [_Crackle(sr=sr, low=low, high=high, short=short, long=long, loud=loud) for _, low, high, short, long, loud in _KINDS]
    edges = np.cumsum([share for share, *_ in _KINDS])[:-1]
    puffs = Wander(flicker, sr=sr, memory=0.35 / puffing(size), n=2)
    hiss_level = 0.0018 * 4.0 ** (intensity - 0.5) * np.exp(0.3 * np.clip(flicker.standard_normal(), -2, 2))  # how wet the wood is
    roar_level = 0.016 * 6.0 ** (intensity - 0.5) * (size / 0.6) ** 0.5
    waiting = np.zeros(0, dtype=np.int64)
    while True:
        at, waiting = _clusters(times, rate, waiting, sr=sr)
        which, loud, length = sizes.random((3, len(at)))
        loud = np.minimum((1 - loud) ** -0.7, _LARGEST)
        kind, white = np.digitize(which, edges), noise.standard_normal(PIECE)
        y = np.zeros(PIECE)
        for i, crackle in enumerate(kinds):
            y += 0.026 * crackle.take(white, at[kind == i], loud[kind == i], length[kind == i])
        swell = np.exp(0.35 * puffs.take(PIECE))
        yield here(y + hiss_level * swell[0] * hiss.take(PIECE) + roar_level * swell[1] * roar.take(PIECE))


_FIRE = Entry(
    name="fire",
    summary="A wood fire: clustered crackles of all sizes, hiss, and a roar that flickers.",
    target="audiogen_helpers.synthesis.nature.fire:fire",
    parameters=(
        Parameter(name="intensity", default=0.5, low=0.0, high=1.0, help="From embers to a blaze."),
        Parameter(name="size", default=0.6, unit="m", low=0.1, high=5.0, help="Width of the fire."),
        Parameter(name="distance", default=1.5, unit="m", low=1.0, high=100.0, help="To the fire."),
        Parameter(name="background", default=-58.0, unit="dB", low=-120.0, high=-30.0, help="Level of the noise of the place."),
    ),
    extra={"family": "nature", "stream": "audiogen_helpers.synthesis.nature.fire:fire_stream", "random": True},
)

ENTRIES: tuple[Entry, ...] = (_FIRE,)
