"""Water: rain, waves and a stream, out of drops and bubbles."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, check_length, render
from audiogen_helpers._validation import check_number
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.nature._events import PIECE, Coloured, Place, Ringing, Wander, arrivals, colour, octaves
from audiogen_helpers.synthesis.nature._surf import BREAK, COARSE, FOAM, RUMBLE, STEP, Shore, plumes_of, splashes_of

__all__ = ["ENTRIES", "bubble", "bubble_damping", "minnaert", "rain", "stream", "waves"]

_GAMMA, _PRESSURE, _DENSITY = 1.4, 101_325.0, 998.0  # of air; Pa; of water, kg/m^3


# --- one bubble ---------------------------------------------------------------------------------------------------------------------


def minnaert(radius: float | np.ndarray) -> np.ndarray:
    """The pitch of an air bubble of `radius` metres under water, Hz: ``sqrt(3 gamma p / rho) / (2 pi radius)`` (Minnaert 1933).

    Examples
    --------
    >>> round(float(minnaert(0.001)))
    3287
    """
    return np.sqrt(3.0 * _GAMMA * _PRESSURE / _DENSITY) / (2.0 * np.pi * np.asarray(radius))


def bubble_damping(radius: float | np.ndarray) -> np.ndarray:
    """How fast a bubble of `radius` metres falls silent, 1/s: ``0.13 / radius + 0.0072 radius^-1.5`` (van den Doel 2005)."""
    r = np.asarray(radius, dtype=np.float64)
    return 0.13 / r + 0.0072 * r**-1.5


def bubble(radius: float, *, sr: int, duration: float, rise: float = 0.1) -> np.ndarray:
    """One bubble: a sine at Minnaert's pitch that dies away and, as the bubble nears the surface, rises.

    Parameters
    ----------
    radius : float in [0.0002, 0.1]
        Metres.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rise : float in [0, 10]
        How much the pitch rises, as a share of itself, while the bubble falls to 1/e. Heard from about 0.1.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        ``exp(-d t) sin(2 pi f (t + rise d t^2 / 2))``; silent from where its pitch passes 0.45 `sr`, or below -80 dB.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    K. van den Doel, "Physically based models for liquid sounds", ACM Transactions on Applied Perception 2(4), 2005.

    Examples
    --------
    >>> y = bubble(0.003, sr=44100, duration=0.1)
    >>> y.shape, bool(np.abs(y).max() > 0.8)
    ((4410,), True)
    """
    length, sr = check_length(duration, sr=sr)
    radius = check_number(radius, name="radius", low=0.0002, high=0.1)
    rise = check_number(rise, name="rise", low=0.0, high=10.0)
    one = Ringing(sr=sr)
    f, d = minnaert(radius), bubble_damping(radius)
    one.strike(np.array([0]), amplitude=1.0, frequency=f, decay=d, rise=rise * f * d)
    return one.take(length)


# --- rain ---------------------------------------------------------------------------------------------------------------------------

# What a drop sets ringing: middle of the frequencies (Hz), their spread (octaves), slowest and fastest decay (1/s), bubbles per drop.
_SURFACES = {
    "ground": (3000.0, 1.1, 200.0, 3000.0, 0.0),
    "leaves": (4200.0, 0.9, 250.0, 2500.0, 0.0),
    "roof": (2300.0, 1.0, 60.0, 800.0, 0.0),
    "water": (5000.0, 0.9, 800.0, 4000.0, 0.3),
}
_NEAR_RATE = 400.0  # drops per second that are heard one by one
_OUTER = 40.0  # the far end of the rain, in distances at which drops begin to be one rush
_MODES = 3  # modes per drop
_WET = octaves(31.5, -8.0, -6.0, -5.0, -6.0, -7.0, -8.0, -8.5, -9.0, -12.0, -24.0)


def _drop_modes(rng: np.random.Generator, n: int, surface: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequency (Hz), decay (1/s) and amplitude (equal energy) of `n` modes of what a drop hits."""
    middle, spread, slow, fast, _ = _SURFACES[surface]
    f = middle * 2.0 ** (spread * np.clip(rng.standard_normal(n), -2.5, 2.5))
    d = slow * (fast / slow) ** rng.random(n)
    return f, d, np.sqrt(d)


def _rush(rng: np.random.Generator, f: np.ndarray, *, surface: str) -> np.ndarray:
    """Power per Hz, at the frequencies `f`, of very many drops of power 1 in all (Campbell's theorem), and of the wetness around."""
    modes, d, a = _drop_modes(rng, 600, surface)
    w, d2 = 2 * np.pi * modes, d**2
    x = np.square(2 * np.pi * f)[:, None]
    power = np.mean(np.square(a * w) / (np.square(d2 + w**2 - x) + 4 * d2 * x), axis=1)
    return 8.0 * power  # a blow sqrt(d) exp(-d t) sin(w t) has energy 1/4; both signs of frequency count


def rain(
    *,
    sr: int,
    duration: float,
    intensity: float = 0.5,
    distance: float = 2.0,
    surface: str = "ground",
    background: float = -55.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """Rain: near drops that strike one by one, and the rush of all the far ones.

    Drops fall everywhere alike, so with `r` the distance of one, as many are between `r` and `2 r` as there is room, and their
    loudness follows a power law: ``N(louder than a) = c / a^2``. The loudest few hundred a second are rendered as blows on small
    resonances of the surface; the rest is Gaussian noise with the spectrum of just such blows, which is what their sum tends to.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    intensity : float in [0, 1]
        From drizzle, 1 mm an hour, to a cloudburst, 100 mm an hour.
    distance : float in [1, 100]
        From the ear to the nearest place where drops strike, m.
    surface : {"ground", "leaves", "roof", "water"}
        What they strike: sheet metal rings, water answers with bubbles.
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

    References
    ----------
    J. S. Marshall and W. M. Palmer, "The distribution of raindrops with size", Journal of Meteorology 5, 1948.

    Examples
    --------
    >>> rain(sr=8000, duration=0.5, intensity=0.8, surface="roof", rng=0).shape
    (4000,)
    """
    return render(_RAIN, sr=sr, duration=duration, rng=rng, intensity=intensity, distance=distance, surface=surface, background=background)


def rain_stream(sr: int, rng: np.random.Generator, *, intensity: float, distance: float, surface: str, background: float) -> Stream:
    """The stream of `rain`."""
    times, sizes, noise, gusts, place, start = rng.spawn(6)
    flux = 10.0 ** (2.0 * intensity)  # mm / h
    level = 0.0175 * flux**0.45
    nearest = flux**0.5 * distance**1.5  # drops per second half as loud as the loudest, or louder
    loudest = 1.0 / np.sqrt(nearest)
    quietest = loudest * min(1.0, np.sqrt(nearest / _NEAR_RATE))
    # Loudness a of the drops: N(> a) = 1 / a^2 - 1 / loudest^2 per second; the softer ones are a rush, down to `quietest` / _OUTER.
    rate = min(_NEAR_RATE, 1 / quietest**2 - 1 / loudest**2)
    rush = Coloured(noise, sr=sr, power=lambda f: 2 * np.log(_OUTER) * _rush(start, f, surface=surface) + colour(f, _WET))
    ringing = Ringing(sr=sr)
    here = Place(place, sr=sr, distance=distance, reference=1.0, background=background)
    gust = Wander(gusts, sr=sr, memory=0.8)
    while True:
        swell = np.exp(0.1 * gust.take(PIECE))
        at = arrivals(times, rate * swell[::512], PIECE, sr=sr)
        loud = 1.0 / np.sqrt(1 / loudest**2 + sizes.random(len(at)) * rate)
        for _ in range(_MODES):
            f, d, a = _drop_modes(sizes, len(at), surface)
            ringing.strike(at, amplitude=loud * a * np.sqrt(4 / _MODES), frequency=f, decay=d)
        _entrain(sizes, ringing, at, loud, share=_SURFACES[surface][4])
        yield here(level * (swell * rush.take(PIECE) + ringing.take(PIECE)))


def _entrain(rng: np.random.Generator, ringing: Ringing, at: np.ndarray, loud: np.ndarray, *, share: float) -> None:
    """A bubble for a `share` of the drops, a few milliseconds after the blow."""
    chosen = rng.random(len(at)) < share
    radius = np.minimum(0.0004 * (1.0 - rng.random(len(at))) ** -0.6, 0.006)
    late = (at + ringing.sr * (0.002 + 0.006 * rng.random(len(at)))).astype(np.int64)
    late, loud, f, d = late[chosen], loud[chosen], minnaert(radius)[chosen], bubble_damping(radius)[chosen]
    ringing.strike(late, amplitude=2.0 * loud * np.sqrt(d), frequency=f, decay=d, rise=0.1 * f * d)


# --- waves --------------------------------------------------------------------------------------------------------------------------


def waves(
    *,
    sr: int,
    duration: float,
    size: float = 0.5,
    period: float = 6.0,
    distance: float = 30.0,
    background: float = -55.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """Waves that roll up a shore: a rumble that grows, the crash of the breaking crest, the hiss of foam running out.

    Four stretches of the shore break in turn, each with waves of its own, of uneven heights and periods.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    size : float in [0, 1]
        From ripples on a lake to storm surf: louder and deeper.
    period : float in [3, 20]
        Mean time from wave to wave, s.
    distance : float in [20, 1000]
        To the line where they break, m.
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
    >>> waves(sr=8000, duration=0.5, size=1.0, rng=0).shape
    (4000,)
    """
    return render(_WAVES, sr=sr, duration=duration, rng=rng, size=size, period=period, distance=distance, background=background)


def waves_stream(sr: int, rng: np.random.Generator, *, size: float, period: float, distance: float, background: float) -> Stream:
    """The stream of `waves`."""
    chance, uneven, lumps, place, *noises = rng.spawn(7)
    parts = [Coloured(r, sr=sr, levels=levels) for r, levels in zip(noises, (RUMBLE, BREAK, FOAM), strict=True)]
    splashes, plumes = [Ringing(sr=sr / COARSE) for _ in parts], Ringing(sr=sr)
    shore, rough = Shore(chance, period=period), Wander(uneven, sr=sr / COARSE, memory=0.1, n=3)
    here = Place(place, sr=sr, distance=distance, reference=20.0, background=background)
    gains = np.array([0.05 + 0.3 * size, 1.4, 0.36 - 0.3 * size])
    level = 0.66 * 10.0 ** (0.4 * (size - 0.5))
    knots = np.linspace(0.0, PIECE, 1 + max(4, round(PIECE / sr / STEP)))
    coarse, last, between = np.arange(COARSE, PIECE + 1, COARSE), np.zeros(3), np.linspace(1 / COARSE - 1, 0.0, COARSE)
    done = 0
    while True:
        env = shore.envelopes((done + knots) / sr)
        plumes_of(lumps, plumes, env[1])
        x = plumes.take(PIECE)
        for i, unevenness in enumerate(rough.take(len(coarse))):
            splashes_of(lumps, splashes[i], env[i])
            height = np.interp(coarse, knots, env[i]) * np.exp(0.06 * unevenness)
            loud = gains[i] * (0.35 * height + 0.012) * (0.5 + 1.4 * splashes[i].take(len(coarse)))
            rise = np.diff(loud, prepend=last[i])[:, None]
            x += (loud[:, None] + rise * between).ravel() * parts[i].take(PIECE)
            last[i] = loud[-1]
        done += PIECE
        yield here(level * x)


# --- a stream -----------------------------------------------------------------------------------------------------------------------

_FLOWING = octaves(63.0, -8.0, -4.0, 0.0, -2.0, -6.0, -12.0, -18.0, -26.0)


def stream(
    *,
    sr: int,
    duration: float,
    flow: float = 0.5,
    size: float = 0.5,
    distance: float = 2.0,
    background: float = -60.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """A brook: some hundred bubbles a second, each with its own pitch (see `bubble`), over the murmur of the flow.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    flow : float in [0, 1]
        From a trickle, 20 bubbles a second, to a torrent, 2000.
    size : float in [0, 1]
        How many of the bubbles are large: from a fizz to a gurgle.
    distance : float in [1, 200]
        To the water, m.
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
    >>> stream(sr=8000, duration=0.5, flow=0.2, rng=0).shape
    (4000,)
    """
    return render(_STREAM, sr=sr, duration=duration, rng=rng, flow=flow, size=size, distance=distance, background=background)


def stream_stream(sr: int, rng: np.random.Generator, *, flow: float, size: float, distance: float, background: float) -> Stream:
    """The stream of `stream`."""
    times, sizes, noise, eddies, place = rng.spawn(5)
    rate = 20.0 * 100.0**flow
    here = Place(place, sr=sr, distance=distance, reference=1.0, background=background)
    murmur = Coloured(noise, sr=sr, levels=_FLOWING)
    ringing = Ringing(sr=sr)
    slope = 1.5 - size  # small: few large bubbles
    eddy = Wander(eddies, sr=sr, memory=0.5)
    while True:
        at = arrivals(times, rate * np.exp(0.3 * eddy.take(PIECE)[::512]), PIECE, sr=sr)
        radius = np.minimum(0.0005 * (1.0 - sizes.random(len(at))) ** (-1 / (1 + slope)), 0.012)
        f, d = minnaert(radius), bubble_damping(radius)
        a = (radius / 0.002) ** 0.8 * sizes.random(len(at)) ** 2
        up = np.where(sizes.random(len(at)) < 0.4, 0.15 * sizes.random(len(at)), 0.0)
        ringing.strike(at, amplitude=a, frequency=f, decay=d, rise=up * f * d)
        yield here(0.45 / (1 + flow) * ringing.take(PIECE) + 0.02 * 10**flow * murmur.take(PIECE))


# --- registered ---------------------------------------------------------------------------------------------------------------------

_MODULE = "audiogen_helpers.synthesis.nature.water"


def _background(default: float) -> Parameter:
    return Parameter(name="background", default=default, unit="dB", low=-120.0, high=-30.0, help="Level of the noise of the place.")


_RAIN = Entry(
    name="rain",
    summary="Rain, from a drizzle to a cloudburst, on ground, leaves, a tin roof or water.",
    target=f"{_MODULE}:rain",
    parameters=(
        Parameter(name="intensity", default=0.5, low=0.0, high=1.0, help="From drizzle to cloudburst."),
        Parameter(name="distance", default=2.0, unit="m", low=1.0, high=100.0, help="To the nearest drops."),
        Parameter(name="surface", default="ground", choices=tuple(_SURFACES), help="What the drops strike."),
        _background(-55.0),
    ),
    extra={"family": "nature", "stream": f"{_MODULE}:rain_stream", "random": True},
)
_WAVES = Entry(
    name="waves",
    summary="Waves that grow, break and run out in foam on a shore.",
    target=f"{_MODULE}:waves",
    parameters=(
        Parameter(name="size", default=0.5, low=0.0, high=1.0, help="From ripples to storm surf."),
        Parameter(name="period", default=6.0, unit="s", low=3.0, high=20.0, help="Mean time from wave to wave."),
        Parameter(name="distance", default=30.0, unit="m", low=20.0, high=1000.0, help="To where they break."),
        _background(-55.0),
    ),
    extra={"family": "nature", "stream": f"{_MODULE}:waves_stream", "random": True},
)
_STREAM = Entry(
    name="stream",
    summary="A brook: bubbles by the hundred over a low murmur.",
    target=f"{_MODULE}:stream",
    parameters=(
        Parameter(name="flow", default=0.5, low=0.0, high=1.0, help="From a trickle to a torrent."),
        Parameter(name="size", default=0.5, low=0.0, high=1.0, help="How many of the bubbles are large."),
        Parameter(name="distance", default=2.0, unit="m", low=1.0, high=200.0, help="To the water."),
        _background(-60.0),
    ),
    extra={"family": "nature", "stream": f"{_MODULE}:stream_stream", "random": True},
)

ENTRIES: tuple[Entry, ...] = (_RAIN, _WAVES, _STREAM)
