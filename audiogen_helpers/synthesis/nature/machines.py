"""Machines that repeat: a clock and a helicopter."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.nature._events import PIECE, Coloured, Fir, Place, Ringing, Wander, octaves, read

__all__ = ["ENTRIES", "clock", "helicopter"]

_SOUND = 340.0  # m/s


# --- a clock ------------------------------------------------------------------------------------------------------------------------

_BLOWS = ((0.0, 0.5), (0.005, 1.0), (0.013, 0.35))  # of one tick: unlocking, impulse, drop; time (s) and strength
_ROOM_PIECE = 2 * PIECE  # a long piece, since a room's answer is a long filter
_ROOM_BANDS = ((0.0, 300.0, 1.2), (300.0, 1500.0, 1.0), (1500.0, 5000.0, 0.8), (5000.0, 20_000.0, 0.5))  # edges (Hz), share of decay time


class _Works:
    """The resonances of one clock, drawn by chance, and how strongly tick and tock drive each of them."""

    def __init__(self, rng: np.random.Generator, *, size: float) -> None:
        scale = 2.0 ** (2.0 * (0.5 - size))
        small, case = 14, 4
        f = np.concatenate(
            [np.exp(rng.uniform(np.log(900.0), np.log(9000.0), small)), np.exp(rng.uniform(np.log(160.0), np.log(700.0), case))]
        )
        self.frequency = f * scale
        t60 = np.concatenate([0.014 * 6.0 ** rng.random(small), 0.07 * 4.0 ** rng.random(case)])
        self.decay = 6.9 / t60 * np.sqrt(scale)
        bright = 2600.0 * 2.0 ** (0.4 * np.clip(rng.standard_normal(), -2, 2))
        weight = np.exp(-0.5 * np.square(np.log2(f / bright) / 1.2)) + 0.05
        weight[small:] = 0.12
        common = rng.standard_normal(len(f))
        self.gain = weight * np.exp(0.6 * (common + 0.7 * rng.standard_normal((2, len(f))))) * rng.choice([-1.0, 1.0], len(f))
        self.blows = np.array(
            [
                [[t * np.exp(0.25 * rng.standard_normal()) / np.sqrt(scale), a * np.exp(0.3 * rng.standard_normal())] for t, a in _BLOWS]
                for _ in range(2)
            ]
        )
        self.limp = 1.0 + 0.06 * float(np.clip(rng.standard_normal(), -2, 2)) * np.array([1.0, -1.0])
        self.scale = scale

    def strike(self, ringing: Ringing, rng: np.random.Generator, at: float, side: int) -> None:
        """One tick (side 0) or tock (side 1), `at` seconds from now."""
        n, sr = len(self.frequency), ringing.sr
        for late, strength in self.blows[side]:
            when = ((at + late + 0.0004 * rng.random() + 0.0008 * rng.random(n)) * sr).astype(
                np.int64
            )  # sound takes its way through the case
            a = strength * np.exp(0.1 * rng.standard_normal())
            ringing.strike(
                when, amplitude=a * self.gain[side] * np.exp(0.15 * rng.standard_normal(n)), frequency=self.frequency, decay=self.decay
            )
            f = np.exp(rng.uniform(np.log(1000.0), np.log(11000.0), 10)) * np.sqrt(self.scale)
            d = 700.0 * 8.0 ** rng.random(10)
            ringing.strike(when[:10], amplitude=0.7 * a * rng.standard_normal(10), frequency=f, decay=d)


def _room(rng: np.random.Generator, *, sr: int, distance: float, reverberation: float) -> Fir:
    """Direct sound by distance, and the answer of a room: noise that dies away, treble first; as loud as direct sound at 1.5 m."""
    from scipy.signal import butter, sosfilt

    t = np.arange(round(1.1 * reverberation * sr)) / sr
    answer = np.zeros(len(t))
    for low, high, share in _ROOM_BANDS:
        if low < 0.4 * sr:
            kind, edge = ("lowpass", high) if low == 0 else ("bandpass", (low, min(high, 0.45 * sr)))
            band = sosfilt(butter(1, edge, kind, fs=sr, output="sos"), rng.standard_normal(len(t)))
            answer += band * np.exp(-6.9 * t / (share * reverberation))
    answer *= np.minimum(1.0, t / 0.004)
    answer *= 1.0 / np.sqrt(np.sum(answer**2)) * np.exp(-0.02 * distance / reverberation)  # falls with distance (Barron and Lee 1988)
    answer *= 0.35 / 1.5
    answer[0] += 0.35 / distance
    return Fir(answer)


def clock(
    *,
    sr: int,
    duration: float,
    rate: float = 2.0,
    size: float = 0.5,
    distance: float = 0.7,
    reverberation: float = 0.35,
    background: float = -53.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """A clock that ticks: each tick three small blows on wheels, plates and case; tick and tock differ; a quiet room answers.

    The seed draws the clock itself, its resonances and how it limps, as well as the unevenness of its ticks.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rate : float in [0.5, 10]
        Ticks and tocks together, per second: a seconds pendulum 1, a wall clock 2, an alarm clock 4, a watch 5.
    size : float in [0, 1]
        From a watch to a grandfather clock: larger ones sound lower and ring longer.
    distance : float in [0.25, 20]
        To the clock, m. The direct sound falls with it, the room's answer hardly.
    reverberation : float in [0.1, 1]
        Time in which the room's answer falls by 60 dB, s.
    background : float in [-120, -30]
        Level of the noise of the room, dB of full scale.
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
    >>> clock(sr=8000, duration=0.5, rate=4.0, rng=0).shape
    (4000,)
    """
    return render(
        _CLOCK,
        sr=sr,
        duration=duration,
        rng=rng,
        rate=rate,
        size=size,
        distance=distance,
        reverberation=reverberation,
        background=background,
    )


def clock_stream(
    sr: int, rng: np.random.Generator, *, rate: float, size: float, distance: float, reverberation: float, background: float
) -> Stream:
    """The stream of `clock`."""
    drawn, chance, walls, noise = rng.spawn(4)
    works = _Works(drawn, size=size)
    room = _room(walls, sr=sr, distance=distance, reverberation=reverberation)
    here = Place(noise, sr=sr, distance=distance, reference=distance, background=background)
    ringing = Ringing(sr=sr)
    level = 0.3 / np.sqrt(np.sum(np.square(works.gain)) / 2)
    ahead, side = 0.03 + 0.15 * chance.random() / rate, 0
    while True:
        while ahead < _ROOM_PIECE / sr:
            works.strike(ringing, chance, ahead, side)
            ahead += works.limp[side] / rate * (1.0 + 0.004 * chance.standard_normal())
            side = 1 - side
        ahead -= _ROOM_PIECE / sr
        yield here(room(level * ringing.take(_ROOM_PIECE)))


# --- a helicopter -------------------------------------------------------------------------------------------------------------------

_WASH = octaves(63.0, -12.0, -4.0, -1.0, 0.0, -2.0, -6.0, -12.0, -23.0, -40.0)
_ENGINE = octaves(31.5, -14.0, -5.0, 0.0, 0.0, -3.0, -7.0, -11.0, -16.0, -24.0, -40.0)
_TABLE, _BLADES = 4096, 61  # points of one period; passages until their unevenness repeats
_TAIL_RATIO, _TAIL_HARMONICS, _GEARS = 6.2, 8, 5  # blades of the tail rotor pass so much oftener than those of the main one


def helicopter(
    *,
    sr: int,
    duration: float,
    rate: float = 14.0,
    slap: float = 0.5,
    speed: float = 15.0,
    distance: float = 80.0,
    background: float = -55.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """A helicopter: blades that slap the air, the buzz of the tail rotor, whining gears, and turbulence that beats with the blades.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rate : float in [8, 35]
        Blades of the main rotor passing per second.
    slap : float in [0, 1]
        From a soft whirr to sharp slaps.
    speed : float in [0, 80]
        Flight speed, m/s: it circles, so that pitch and level drift.
    distance : float in [50, 2000]
        Mean distance, m.
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
    >>> helicopter(sr=8000, duration=0.5, rate=20.0, rng=0).shape
    (4000,)
    """
    return render(
        _HELICOPTER, sr=sr, duration=duration, rng=rng, rate=rate, slap=slap, speed=speed, distance=distance, background=background
    )


def _passage(*, rate: float, slap: float) -> tuple[np.ndarray, np.ndarray]:
    """One passage of a blade: its pressure, a slow swell and a sharp pulse, and how loud it makes the turbulent noise."""
    share = np.arange(_TABLE) / _TABLE
    pressure = np.zeros(_TABLE)
    for width, strength in ((0.0045, 1.0), (0.0022 - 0.001 * slap, 0.4 + 0.8 * slap)):
        u = (share - 0.5) / (rate * width)
        pressure += strength * u * np.exp(0.5 - 0.5 * u**2)
    beat = 0.5 + 1.0 * (0.3 + 0.7 * slap) * np.exp(-0.5 * np.square((share - 0.55) / 0.16))
    return pressure, beat


def _tail_and_gears(rng: np.random.Generator, *, rate: float, sr: int) -> np.ndarray:
    """One period of the tail rotor: the harmonics of its buzz, and gears on its shaft whose teeth mesh many times per turn."""
    teeth = rng.choice(np.arange(_TAIL_HARMONICS + 1, 64), _GEARS, replace=False)
    share, y = np.arange(_TABLE) / _TABLE, np.zeros(_TABLE)
    for k in (*range(1, _TAIL_HARMONICS + 1), *teeth):
        strength, phase = np.exp(0.4 * rng.standard_normal()) * (k**-0.8 if k <= _TAIL_HARMONICS else 3.5 / k), rng.random()
        if 1.3 * k * rate < 0.5 * sr:
            y += strength * np.sin(2 * np.pi * (k * share + phase))
    return y


def helicopter_stream(
    sr: int, rng: np.random.Generator, *, rate: float, slap: float, speed: float, distance: float, background: float
) -> Stream:
    """The stream of `helicopter`."""
    drawn, drift, gusts, noise, motor, place = rng.spawn(6)
    here = Place(place, sr=sr, distance=distance, reference=50.0, background=background)
    wash, engine = Coloured(noise, sr=sr, levels=_WASH), Coloured(motor, sr=sr, levels=_ENGINE)
    pressure, beat = _passage(rate=rate, slap=slap)
    uneven = np.exp(0.12 * drawn.standard_normal(_BLADES))
    ratio = _TAIL_RATIO * np.exp(0.04 * drawn.standard_normal())
    tail = _tail_and_gears(drawn, rate=ratio * rate, sr=sr)
    way, gust = Wander(drift, sr=sr, memory=4.0, n=2), Wander(gusts, sr=sr, memory=0.6)
    turn, tail_turn = drawn.random(2)
    while True:
        nearing, away = way.take(PIECE)
        passed = np.cumsum(rate / sr / (1.0 + 0.5 * speed * np.tanh(nearing) / _SOUND))
        turns = turn + passed
        x = 0.45 * read(pressure, turns) * uneven[turns.astype(np.int64) % _BLADES]
        x += 0.38 * read(tail, tail_turn + ratio * passed)
        x += 0.8 * read(beat, turns) * wash.take(PIECE) + 0.6 * engine.take(PIECE)
        turn, tail_turn = np.mod(turns[-1], _BLADES), np.mod(tail_turn + ratio * passed[-1], 1.0)
        yield here(0.25 * np.exp(0.09 * gust.take(PIECE) + 0.02 * np.sqrt(speed) * away) * x)


# --- registered ---------------------------------------------------------------------------------------------------------------------

_MODULE = "audiogen_helpers.synthesis.nature.machines"

_CLOCK = Entry(
    name="clock",
    summary="A clock in a quiet room: tick, tock.",
    target=f"{_MODULE}:clock",
    parameters=(
        Parameter(name="rate", default=2.0, unit="1/s", low=0.5, high=10.0, help="Ticks and tocks per second."),
        Parameter(name="size", default=0.5, low=0.0, high=1.0, help="From a watch to a grandfather clock."),
        Parameter(name="distance", default=0.7, unit="m", low=0.25, high=20.0, help="To the clock."),
        Parameter(name="reverberation", default=0.35, unit="s", low=0.1, high=1.0, help="Time in which the room's answer falls by 60 dB."),
        Parameter(name="background", default=-53.0, unit="dB", low=-120.0, high=-30.0, help="Level of the noise of the room."),
    ),
    extra={"family": "nature", "stream": f"{_MODULE}:clock_stream", "random": True},
)
_HELICOPTER = Entry(
    name="helicopter",
    summary="A helicopter: blade slap, tail rotor and turbulence that beats with the blades.",
    target=f"{_MODULE}:helicopter",
    parameters=(
        Parameter(name="rate", default=14.0, unit="1/s", low=8.0, high=35.0, help="Blades passing per second."),
        Parameter(name="slap", default=0.5, low=0.0, high=1.0, help="From a soft whirr to sharp slaps."),
        Parameter(name="speed", default=15.0, unit="m/s", low=0.0, high=80.0, help="Flight speed: drift of pitch and level."),
        Parameter(name="distance", default=80.0, unit="m", low=50.0, high=2000.0, help="Mean distance."),
        Parameter(name="background", default=-55.0, unit="dB", low=-120.0, high=-30.0, help="Level of the noise of the place."),
    ),
    extra={"family": "nature", "stream": f"{_MODULE}:helicopter_stream", "random": True},
)

ENTRIES: tuple[Entry, ...] = (_CLOCK, _HELICOPTER)
