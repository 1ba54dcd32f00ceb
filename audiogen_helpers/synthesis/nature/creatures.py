"""Creatures: birds that sing by a small grammar, and feet that walk on gravel, wood, snow and grass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.nature._events import PIECE, Place, Ringing, absorption
from audiogen_helpers.synthesis.nature._pending import Pending

__all__ = ["ENTRIES", "birds", "footsteps"]

# --- birds --------------------------------------------------------------------------------------------------------------------------

_NEAR = 5.0  # m: a bird here peaks at _BIRD_LEVEL of full scale
_BIRD_LEVEL = 0.35
_KNOT = 0.0007  # s between knots of pitch and level
_OVERTONE = 0.1  # amplitude of the second partial: a bird's whistle is almost a sine


@dataclass(frozen=True)
class _Kind:
    """What syllables of one kind have in common: (lowest, highest) of each, and how often one is said in a row."""

    length: tuple[float, float]  # s
    octaves: tuple[float, float]  # how far the pitch swings to either side
    turns: tuple[float, float]  # swings in a syllable
    warble: tuple[float, float]  # Hz, a fast trembling of a twelfth of an octave; 0 for none
    times: tuple[int, int]
    gap: tuple[float, float]  # s


_KINDS = (
    _Kind(length=(0.15, 0.35), octaves=(0.02, 0.12), turns=(0.3, 1.0), warble=(0, 0), times=(1, 2), gap=(0.06, 0.14)),  # whistle
    _Kind(length=(0.07, 0.2), octaves=(0.2, 0.5), turns=(0.4, 1.2), warble=(0, 0), times=(1, 4), gap=(0.03, 0.1)),  # glide
    _Kind(length=(0.15, 0.4), octaves=(0.1, 0.35), turns=(2.0, 6.0), warble=(0, 0), times=(1, 2), gap=(0.04, 0.1)),  # warble
    _Kind(length=(0.03, 0.06), octaves=(0.15, 0.4), turns=(0.4, 0.8), warble=(0, 0), times=(5, 12), gap=(0.01, 0.03)),  # trill
    _Kind(length=(0.12, 0.3), octaves=(0.05, 0.2), turns=(0.3, 0.8), warble=(70.0, 130.0), times=(1, 3), gap=(0.05, 0.12)),  # buzz
)


@dataclass(frozen=True)
class Syllable:
    """One gesture of a syrinx: breath rises and falls once while tension, and with it the pitch, swings about a middle."""

    length: float  # s
    f0: float  # Hz
    octaves: float
    turns: float
    phase: float  # of the swing: where it starts decides between rising, falling and arched
    warble: float  # Hz
    times: tuple[int, int]
    gap: float  # s

    def pitch(self, t: np.ndarray) -> np.ndarray:
        """Hz at `t` from 0 to 1 through the syllable: within ``octaves + 1/12`` octaves of `f0`."""
        swing = self.octaves * np.cos(2 * np.pi * self.turns * t + self.phase)
        return self.f0 * 2.0 ** (swing + (self.warble > 0) / 12 * np.sin(2 * np.pi * self.warble * self.length * t))


def syllable(rng: np.random.Generator, *, f0: float) -> Syllable:
    """A syllable for one bird's repertoire, its middle within 0.6 octaves of the bird's `f0`."""
    kind = _KINDS[int(rng.integers(len(_KINDS)))]
    return Syllable(
        length=float(rng.uniform(*kind.length)),
        f0=f0 * 2.0 ** float(rng.uniform(-0.6, 0.6)),
        octaves=float(rng.uniform(*kind.octaves)),
        turns=float(rng.uniform(*kind.turns)),
        phase=float(rng.uniform(-np.pi, np.pi)),
        warble=float(rng.uniform(*kind.warble)),
        times=kind.times,
        gap=float(rng.uniform(*kind.gap)),
    )


@compiled
def _glide(phase, turn, first, second, step, y):
    """A sine and its octave into `y`: angle per sample and both levels go in straight lines from knot to knot, `step` samples apart."""
    for i in range(len(turn) - 1):
        rise = (turn[i + 1] - turn[i]) / step
        re, im, c, s = np.cos(phase), np.sin(phase), np.cos(turn[i] + 0.5 * rise), np.sin(turn[i] + 0.5 * rise)
        rise_c, rise_s = np.cos(rise), np.sin(rise)
        a, b = first[i], second[i]
        up_a, up_b = (first[i + 1] - a) / step, (second[i + 1] - b) / step
        for n in range(i * step, min((i + 1) * step, len(y))):
            y[n] = im * (a + 2.0 * b * re)  # sin 2x = 2 sin x cos x
            re, im = re * c - im * s, re * s + im * c
            c, s = c * rise_c - s * rise_s, c * rise_s + s * rise_c
            a, b = a + up_a, b + up_b
        phase += 0.5 * step * (turn[i] + turn[i + 1])


def sung(what: Syllable, *, sr: int, distance: float) -> np.ndarray:
    """A syllable as heard from `distance` metres: a sine that glides, one soft overtone, nothing near half the sample rate."""
    step, n = max(1, round(_KNOT * sr)), round(what.length * sr)
    t = np.minimum(np.arange(-(-n // step) + 1) * step / n, 1.0)
    f = what.pitch(t)
    breath = np.sin(np.pi * t) ** 0.8 * np.minimum(1.0, 20.0 * np.minimum(t, 1 - t))
    partials = np.array([[1.0], [2.0]]) * f
    room = np.clip((0.48 * sr - partials) / (0.04 * sr), 0.0, 1.0)
    heard = _BIRD_LEVEL / (1 + _OVERTONE) * _NEAR / distance * breath * room * 10.0 ** (-absorption(partials) * distance / 20.0)
    y = np.empty(n)
    _glide(0.0, 2 * np.pi / sr * f, heard[0], _OVERTONE * heard[1], step, y)
    return y


class Bird:
    """One singer: a pitch, a place and a repertoire of its own; `song` makes its next song."""

    def __init__(self, rng: np.random.Generator, *, sr: int, pitch: float, distance: float) -> None:
        self._rng, self._sr, self._distance = rng, sr, distance
        f0 = pitch * 2.0 ** float(rng.uniform(-0.25, 0.25))
        self.repertoire = [syllable(rng, f0=f0) for _ in range(9)]

    def song(self) -> np.ndarray:
        """Three to six phrases, each one syllable said a few times; no two renditions are quite alike."""
        rng, pieces = self._rng, []
        for index in rng.choice(len(self.repertoire), size=int(rng.integers(3, 7)), replace=False):
            s = self.repertoire[index]
            for _ in range(int(rng.integers(s.times[0], s.times[1] + 1))):
                length, f0 = s.length * rng.uniform(0.93, 1.07), s.f0 * rng.uniform(0.99, 1.01)
                now = Syllable(length, f0, s.octaves, s.turns, s.phase, s.warble, s.times, s.gap)
                y = sung(now, sr=self._sr, distance=self._distance) * rng.uniform(0.7, 1.0)
                pieces += [y, np.zeros(round(s.gap * self._sr))]
        return np.concatenate(pieces)


def birds(
    *,
    sr: int,
    duration: float,
    singers: int = 3,
    density: float = 0.4,
    pitch: float = 3500.0,
    distance: float = 15.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """Birds that sing, each in its own place with its own repertoire.

    A song is three to six phrases, a phrase one syllable said again: whistles, glides, warbles, trills and buzzes. A syllable is one
    movement of the syrinx: a breath that rises and falls, and a tension that swings meanwhile; where in its swing it starts decides
    whether the pitch rises, falls or arches. Nothing is drawn twice alike.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz. What lies above 0.48 of it is left out.
    duration : float in (0, 3600]
        Length, s.
    singers : int in [1, 10]
        How many birds.
    density : float in [0.05, 1]
        Share of the time that each bird sings; 1 leaves only breaths.
    pitch : float in [1000, 6000]
        Middle of all voices, Hz; a voice swings up to 1.4 octaves to either side.
    distance : float in [5, 200]
        To the nearest bird, m; the others are up to three times as far.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        A single bird at 5 m peaks at 0.35. Below all lies the quiet noise of the open country, 70 dB below full scale.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    G. B. Mindlin & R. Laje (2005), The Physics of Birdsong, Springer: syllables as loops of pressure and tension.

    Examples
    --------
    >>> near, far = (birds(sr=16000, duration=3.0, distance=d, rng=0) for d in (10.0, 40.0))
    >>> bool(3.5 < near.std() / far.std() < 7)  # four times as far, and through more air
    True
    """
    return render(_BIRDS, sr=sr, duration=duration, rng=rng, singers=singers, density=density, pitch=pitch, distance=distance)


def birds_stream(sr: int, rng: np.random.Generator, *, singers: int, density: float, pitch: float, distance: float) -> Stream:
    """The stream of `birds`."""
    place_rng, where, *own = rng.spawn(2 + singers)
    place = Place(place_rng, sr=sr, distance=1.0, reference=1.0, background=-70.0)
    far = np.concatenate([[1.0], where.uniform(1.0, 3.0, size=singers - 1)]) * distance
    flock = [Bird(r, sr=sr, pitch=pitch, distance=float(d)) for r, d in zip(own, far, strict=True)]
    wait = np.concatenate([[0], where.uniform(0.0, 2.0 / density, size=singers - 1) * sr]).astype(np.int64)
    later = Pending()
    while True:
        for i, bird in enumerate(flock):
            while wait[i] < PIECE:
                y = bird.song()
                later.add(y, at=int(wait[i]))
                wait[i] += len(y) + round((0.2 + len(y) / sr * (1 / density - 1) * own[i].gamma(4.0, 0.25)) * sr)
        wait -= PIECE
        yield place(later.take(PIECE))


# --- footsteps ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Surface:
    """What a foot meets: a body that rings in `modes`, and grains that collide."""

    modes: tuple[tuple[float, float, float], ...]  # Hz, s to fall by 60 dB, level
    contact: float  # s that the heel of 70 kg takes to meet the ground
    grains: float  # collisions in the step of 70 kg
    band: tuple[float, float]  # Hz: what grains ring at
    grain_decay: float  # s to fall by 60 dB
    grain_level: float
    spread: tuple[float, float]  # s: how long grains go on moving below heel and ball


_SURFACES = {
    "gravel": _Surface(((75.0, 0.08, 0.08),), 0.006, 260.0, (1400.0, 5500.0), 0.008, 0.10, (0.014, 0.026)),
    "wood": _Surface(
        (
            (88.0, 0.16, 0.30),
            (163.0, 0.20, 0.26),
            (254.0, 0.17, 0.22),
            (391.0, 0.14, 0.16),
            (618.0, 0.11, 0.12),
            (947.0, 0.08, 0.09),
            (1420.0, 0.05, 0.06),
        ),
        *(0.0012, 6.0, (1800.0, 4500.0), 0.006, 0.02, (0.004, 0.012)),
    ),
    "snow": _Surface(((60.0, 0.07, 0.05),), 0.012, 420.0, (500.0, 2600.0), 0.006, 0.055, (0.022, 0.034)),
    "grass": _Surface(((68.0, 0.09, 0.12),), 0.010, 500.0, (1500.0, 6500.0), 0.0025, 0.035, (0.025, 0.040)),
}
_BODY = 70.0  # kg
_STROLL = 1.8  # steps/s
_BALL_AFTER = 0.28  # of the time between steps: when the ball of the foot comes down
_PHASES = ((0.0, 1.0, 1.0), (_BALL_AFTER, 0.55, 2.5))  # when, force, and contact time, for heel and ball
_PER_60_DB = 3 * np.log(10.0)


def softness(f: np.ndarray, contact: float) -> np.ndarray:
    """How much of a mode at `f` Hz a push of this length excites: the spectrum of half a sine wave, 1 for slow modes.

    Examples
    --------
    >>> softness(np.array([0.0, 100.0, 1000.0]), 0.002).round(3)
    array([1.   , 0.963, 0.067])
    """
    x = 2.0 * np.asarray(f, dtype=np.float64) * contact
    x = np.where(np.abs(x - 1) < 1e-6, 1 + 1e-6, x)  # the limit there is pi / 4
    return np.abs(np.cos(0.5 * np.pi * x) / (1 - x * x))


class _Walker:
    """Feet that come down one after the other: `step` excites the ground at a sample number."""

    def __init__(self, rng: np.random.Generator, *, sr: int, surface: _Surface, pace: float, weight: float) -> None:
        self._rng, self._sr, self._surface, self._pace = rng, sr, surface, pace
        self._load, self._force = weight / _BODY, weight / _BODY * np.sqrt(pace / _STROLL)
        self._left = False
        self.ground = Ringing(sr=sr)

    def step(self, at: int) -> None:
        """Heel, then ball: the other foot than last time, never quite alike."""
        rng, surface = self._rng, self._surface
        self._left = not self._left
        shoe = (1.015 if self._left else 0.985) * rng.uniform(0.99, 1.01)
        f, t60, level = np.array(surface.modes).T
        for after, force, slow in _PHASES:
            when = at + round(after / self._pace * self._sr)
            push = force * self._force * rng.uniform(0.8, 1.0)
            contact = surface.contact * slow * self._load**0.4
            hit = push * level * softness(f, contact)
            self.ground.strike(np.array(when), amplitude=hit, frequency=f * shoe, decay=_PER_60_DB / t60)
            self._grind(when, push=push, spread=surface.spread[after > 0] * (_STROLL / self._pace) ** 0.5)

    def _grind(self, when: int, *, push: float, spread: float) -> None:
        """Grains collide while the foot presses: as many as the push is strong, each with a pitch and an energy of its own."""
        rng, surface = self._rng, self._surface
        n = int(rng.poisson(surface.grains * np.sqrt(push)))
        after = rng.gamma(2.0, spread, size=n)
        low, high = surface.band
        self.ground.strike(
            when + (after * self._sr).astype(np.int64),
            amplitude=surface.grain_level * np.sqrt(push) * rng.exponential(1.0, size=n) * np.exp(-after / (4 * spread)),
            frequency=low * (high / low) ** rng.random(n),
            decay=_PER_60_DB / surface.grain_decay,
            phase=np.pi * rng.integers(0, 2, size=n),
        )


def footsteps(
    *,
    sr: int,
    duration: float,
    surface: str = "gravel",
    pace: float = 1.8,
    weight: float = 70.0,
    distance: float = 2.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """Someone walks: heel, then ball, on gravel, wood, snow or grass.

    A step presses on the ground twice. The press drives what the ground is made of: a floor of wood rings in its modes, the more of
    the high ones the harder the contact; gravel, snow and grass are many grains that collide at chance moments while the foot
    presses, each a short ring of its own pitch and energy (the idea of PhISEM).

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    surface : {'gravel', 'wood', 'snow', 'grass'}
        What is walked on.
    pace : float in [0.5, 4]
        Steps per second, kept on average for ever; each step is up to 4 % of a step early or late. Faster steps are harder.
    weight : float in [20, 150]
        Of the walker, kg: heavier is louder and, on wood, duller.
    distance : float in [1, 50]
        To the feet, m.
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
    P. R. Cook (1997), Physically informed sonic modeling (PhISM): synthesis of percussive sounds, Computer Music Journal 21(3), 38-49.
    A. Farnell (2010), Designing Sound, MIT Press, practical 24: two phases of a step.

    Examples
    --------
    >>> y = footsteps(sr=16000, duration=5.0, surface="wood", pace=2.0, rng=0)
    >>> loud = np.abs(y).reshape(10, 8000).argmax(axis=1) / 16000  # s, where each half second is loudest
    >>> bool(np.all(loud < 0.25))  # two steps a second, each early in its half
    True
    """
    more = {"surface": surface, "pace": pace, "weight": weight, "distance": distance}
    return render(_FOOTSTEPS, sr=sr, duration=duration, rng=rng, **more)


def footsteps_stream(sr: int, rng: np.random.Generator, *, surface: str, pace: float, weight: float, distance: float) -> Stream:
    """The stream of `footsteps`."""
    place_rng, time_rng, walk_rng = rng.spawn(3)
    place = Place(place_rng, sr=sr, distance=distance, reference=1.0, background=-75.0)
    walker = _Walker(walk_rng, sr=sr, surface=_SURFACES[surface], pace=pace, weight=weight)
    start, count, offset = 0, 0, time_rng.uniform(-0.04, 0.04)
    while True:
        while (at := round((count + 0.05 + offset) / pace * sr)) < start + PIECE:
            walker.step(max(0, at - start))
            count, offset = count + 1, time_rng.uniform(-0.04, 0.04)
        yield place(walker.ground.take(PIECE))
        start += PIECE


def _entry(name: str, summary: str, parameters: Sequence[Parameter]) -> Entry:
    here = "audiogen_helpers.synthesis.nature.creatures"
    more = {"family": "nature", "stream": f"{here}:{name}_stream", "random": True}
    return Entry(name=name, summary=summary, target=f"{here}:{name}", parameters=tuple(parameters), extra=more)


_BIRDS = _entry(
    "birds",
    "Birds: whistles, glides, trills and buzzes from singers near and far.",
    [
        Parameter(name="singers", default=3, low=1, high=10, help="How many."),
        Parameter(name="density", default=0.4, low=0.05, high=1.0, help="Share of the time that each sings."),
        Parameter(name="pitch", default=3500.0, unit="Hz", low=1000.0, high=6000.0, help="Middle of all voices."),
        Parameter(name="distance", default=15.0, unit="m", low=5.0, high=200.0, help="To the nearest."),
    ],
)
_FOOTSTEPS = _entry(
    "footsteps",
    "Footsteps, heel and ball, on gravel, wood, snow or grass.",
    [
        Parameter(name="surface", default="gravel", choices=tuple(_SURFACES), help="What is walked on."),
        Parameter(name="pace", default=1.8, unit="steps/s", low=0.5, high=4.0, help="Steps per second."),
        Parameter(name="weight", default=70.0, unit="kg", low=20.0, high=150.0, help="Of the walker."),
        Parameter(name="distance", default=2.0, unit="m", low=1.0, high=50.0, help="To the feet."),
    ],
)

ENTRIES: tuple[Entry, ...] = (_BIRDS, _FOOTSTEPS)
