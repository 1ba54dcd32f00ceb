"""Moving air: wind, from gusts and eddies, and thunder, from the N-waves of a jagged channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers._validation import check_number
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.nature._events import PIECE, Place
from audiogen_helpers.synthesis.nature._lightning import Strikes
from audiogen_helpers.synthesis.nature._pending import Pending

__all__ = ["ENTRIES", "thunder", "vortex_frequency", "wind", "wind_speed"]

_CALM, _STORM = 3.0, 24.0  # m/s: wind speed at strength 0 and 1
_STROUHAL = 0.2  # vortices shed per diameter that the air moves
_STEP = 0.01  # s between values of what moves slowly
_STEPS = 50  # of them in a piece
_GUST, _LULL, _FLICKER = 4.0, 0.5, 1.0  # s: correlation of the gusts, their smoothing, and the wobble of a single wire
_EDDIES = np.array([1.0, 0.25, 0.0625, 0.0156, 0.0039])  # m
_WIRES = np.array([1.0, 1.6, 2.5])  # thickness in terms of the thinnest
_WIRE_LEVELS = np.array([0.8, 0.5, 0.33])  # squares add up to 1
_SHARP = 25.0  # Q of a whistle
_LEAF, _LEAF_Q = 3500.0, 0.8  # Hz


def vortex_frequency(speed: float, diameter: float) -> float:
    """Tone of a wire in the wind: how often air at `speed` sheds a pair of vortices behind a cylinder.

    Parameters
    ----------
    speed : float > 0
        m/s.
    diameter : float > 0
        m.

    Returns
    -------
    f : float
        Hz, ``0.2 speed / diameter``: the Strouhal number of a cylinder is close to 0.2 for Reynolds numbers from 300 to 100 000.

    Raises
    ------
    ParameterError
        If an argument is not positive.

    References
    ----------
    V. Strouhal (1878), Ueber eine besondere Art der Tonerregung, Annalen der Physik und Chemie 241(10), 216-251.

    Examples
    --------
    >>> vortex_frequency(10.0, 0.004)
    500.0
    """
    speed = check_number(speed, name="speed", above=0.0)
    return _STROUHAL * speed / check_number(diameter, name="diameter", above=0.0)


def wind_speed(strength: float) -> float:
    """Mean speed of `wind` of this strength from 0 to 1, m/s: 3 (leaves move) to 24 (a storm).

    Examples
    --------
    >>> wind_speed(0.5)
    13.5
    """
    return _CALM + (_STORM - _CALM) * check_number(strength, name="strength", low=0.0, high=1.0)


class Gusts:
    """Independent slow random movements of variance 1: Ornstein-Uhlenbeck processes, made smooth by one more such low-pass.

    With relaxation times ``slow`` and ``quick`` (s) the correlation after t seconds is
    ``(slow exp(-t / slow) - quick exp(-t / quick)) / (slow - quick)``.
    """

    def __init__(self, rng: np.random.Generator, *, slow: float, quick: float, step: float, n: int) -> None:
        self._rng, self._n = rng, n
        self._a, self._b = np.exp(-step / slow), np.exp(-step / quick)
        a, b = self._a, self._b
        self._scale = np.sqrt((1 + b) * (1 - a * b) / ((1 - b) * (1 + a * b)))  # what smoothing takes from the variance
        shared = (1 - b) / (1 - a * b)  # covariance of the rough and the smooth process
        rough = rng.standard_normal(n)
        smooth = shared * rough + np.sqrt(1 / self._scale**2 - shared**2) * rng.standard_normal(n)
        self._rough_state, self._smooth_state = a * rough[None], b * smooth[None]

    def take(self, steps: int) -> np.ndarray:
        """The next values: ``(steps, n)``."""
        from scipy.signal import lfilter

        a, b = self._a, self._b
        new = np.sqrt(1 - a * a) * self._rng.standard_normal((steps, self._n))
        rough, self._rough_state = lfilter([1.0], [1.0, -a], new, axis=0, zi=self._rough_state)
        smooth, self._smooth_state = lfilter([1 - b], [1.0, -b], rough, axis=0, zi=self._smooth_state)
        return self._scale * smooth


@compiled
def _resonate(x, g, k, state, i):
    """One sample of a band-pass of peak gain 1 (state-variable filter by the trapezoidal rule, which stays stable as `g` moves)."""
    a1 = 1.0 / (1.0 + g * (g + k))
    low = x - state[i, 1]
    band = a1 * state[i, 0] + g * a1 * low
    deep = state[i, 1] + g * band
    state[i, 0] = 2.0 * band - state[i, 0]
    state[i, 1] = 2.0 * deep - state[i, 1]
    return k * band


@compiled
def _blow(noise, chance, leaf_chance, pole, pole_gain, g, k, levels, low, band):
    """One piece of wind: `noise` through low-passes (eddies) and resonances (wires, and last the leaves), steered step by step.

    Row i of `pole`, `pole_gain` and `g` holds for step i; `levels` (roar, wires, leaves) go in straight lines from row i to i + 1.
    """
    steps, step = len(pole), len(noise) // len(pole)
    y = np.empty(len(noise))
    n_bands = g.shape[1]
    for i in range(steps):
        for j in range(step):
            n = i * step + j
            w = j / step
            roar = 0.0
            for m in range(pole.shape[1]):
                low[m] += pole[i, m] * (noise[n] - low[m])
                roar += pole_gain[i, m] * low[m]
            out = roar * (levels[i, 0] + w * (levels[i + 1, 0] - levels[i, 0]))
            for m in range(n_bands):
                x = noise[n]
                if m == n_bands - 1 and chance[n] >= leaf_chance[i]:
                    x = 0.0  # between two leaves
                level = levels[i, m + 1] + w * (levels[i + 1, m + 1] - levels[i, m + 1])
                out += level * _resonate(x, g[i, m], k[m], band, m)
            y[n] = out
    return y


def _eddies(speed: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Low-pass coefficients and gains for eddies carried past the ear; the sum of all has variance 1.

    An eddy of size l wobbles at ``speed / l``; its energy goes with ``l ** (2 / 3)`` (Kolmogorov), its amplitude with the root.
    """
    a = 1.0 - np.exp(-2 * np.pi * np.minimum(speed[:, None] / _EDDIES, 0.4 * sr) / sr)
    gain = np.sqrt(_EDDIES ** (2 / 3) * (2 - a) / a)
    first, second = a[:, :, None], a[:, None, :]
    shared = first * second / (1 - (1 - first) * (1 - second))  # covariance of two low-passes with one input
    return a, gain / np.sqrt(np.einsum("ij,ijk,ik->i", gain, shared, gain))[:, None]


def _tuned(f: np.ndarray, k: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficient of resonances at `f` Hz, and the level that gives them variance 1; none above 0.4 of the sample rate."""
    g = np.tan(np.pi * np.minimum(f, 0.4 * sr) / sr)
    return g, np.where(f < 0.4 * sr, np.sqrt((1 + g * (g + k)) / (g * k)), 0.0)


def wind(
    *,
    sr: int,
    duration: float,
    strength: float = 0.5,
    gusts: float = 0.5,
    howling: float = 0.3,
    leaves: float = 0.2,
    diameter: float = 0.004,
    rng: RNGLike = None,
) -> np.ndarray:
    """Wind: a roar of eddies, wires that whistle and leaves that rustle, all led by one wandering speed.

    The speed is ``wind_speed(strength)`` times ``exp(gusts x / 2)``, x a smooth Ornstein-Uhlenbeck process of variance 1 whose
    gusts last some 4 s. The roar is noise with the spectrum of turbulence (power per Hz falls close to ``f ** (-5 / 3)``, and moves
    up with the speed); its pressure grows with the square of the speed and levels off in a storm, so that full scale is kept. Three
    wires of 1, 1.6 and 2.5 times `diameter` whistle at ``vortex_frequency``; their pressure grows faster by up to one more power.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    strength : float in [0, 1]
        Mean speed: 3 to 24 m/s.
    gusts : float in [0, 1]
        How much the speed wanders; 0 blows evenly.
    howling : float in [0, 1]
        Level of the whistling wires.
    leaves : float in [0, 1]
        Level of rustling leaves: short clicks around 3.5 kHz, more of them the faster the air.
    diameter : float in [0.001, 0.05]
        Thickness of the thinnest wire, m. Whistles above 0.4 of the sample rate are left out.
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
    A. Farnell (2010), Designing Sound, MIT Press, practical 18: one slow speed behind all parts of a wind. V. Strouhal (1878), as for
    `vortex_frequency`. A. N. Kolmogorov (1941), The local structure of turbulence, Dokl. Akad. Nauk SSSR 30, 301-305.

    Examples
    --------
    >>> calm, storm = (wind(sr=8000, duration=2.0, strength=s, rng=0) for s in (0.0, 1.0))
    >>> bool(np.std(storm) > 10 * np.std(calm))
    True
    """
    more = {"strength": strength, "gusts": gusts, "howling": howling, "leaves": leaves, "diameter": diameter}
    return render(_WIND, sr=sr, duration=duration, rng=rng, **more)


def wind_stream(
    sr: int, rng: np.random.Generator, *, strength: float, gusts: float, howling: float, leaves: float, diameter: float
) -> Stream:
    """The stream of `wind`."""
    from scipy.signal import butter, sosfilt

    noise_rng, leaf_rng, gust_rng, wire_rng = rng.spawn(4)
    main = Gusts(gust_rng, slow=_GUST, quick=_LULL, step=_STEP, n=1)
    single = Gusts(wire_rng, slow=_FLICKER, quick=_FLICKER / 4, step=_STEP, n=len(_WIRES))
    step = round(_STEP * sr)
    k = np.append(np.full(len(_WIRES), 1 / _SHARP), 1 / _LEAF_Q)
    low, band = np.zeros(len(_EDDIES)), np.zeros((len(k), 2))
    sos, state = butter(2, 20.0, "highpass", fs=sr, output="sos"), np.zeros((1, 2))
    last_levels = None
    while True:
        x = np.clip(main.take(_STEPS)[:, 0], -3.0, 3.0)
        speed = wind_speed(strength) * np.exp(0.5 * gusts * x)
        local = speed[:, None] * np.exp(0.08 * gusts * np.clip(single.take(_STEPS), -3.0, 3.0))
        drive = speed / _STORM
        pressure = 0.18 * drive**2 / (1 + drive**2)
        g, unit = _tuned(np.column_stack([_STROUHAL * local / (diameter * _WIRES), np.full(_STEPS, min(_LEAF, 0.3 * sr))]), k, sr=sr)
        chance = np.minimum(1.0, 60.0 * speed / sr)  # leaves that click in one sample: 60 for each metre of wind
        wires = 3.0 * howling * (pressure * drive / (1 + drive))[:, None] * _WIRE_LEVELS
        rustle = 0.4 * leaves * pressure / np.sqrt(chance)
        levels = np.column_stack([pressure, unit[:, :-1] * wires, unit[:, -1] * rustle])
        levels = np.vstack([levels[:1] if last_levels is None else last_levels, levels])
        last_levels = levels[-1:]
        n = _STEPS * step
        y = _blow(noise_rng.standard_normal(n), leaf_rng.random(n), chance, *_eddies(speed, sr=sr), g, k, levels, low, band)
        y, state = sosfilt(sos, y, zi=state)
        yield soft_limit(y)


# --- thunder ------------------------------------------------------------------------------------------------------------------------


def thunder(
    *, sr: int, duration: float, distance: float = 1500.0, size: float = 0.5, interval: float = 15.0, rng: RNGLike = None
) -> np.ndarray:
    """Thunder: a crack and its rumble from a jagged channel kilometres long, and after some `interval` the next.

    Each piece of the channel sends out one N-wave at the same moment. The near ones arrive first, the far ones seconds later, so the
    shape of the channel is heard as rolling; hills send it back over some seconds more. Level falls as 1 / distance for each piece, and
    air takes the highs (ISO 9613-1): near thunder cracks, far thunder only rumbles. Flashes are not waited for: the sound begins
    with the arrival of the first clap.

    Parameters
    ----------
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    distance : float in [200, 15000]
        From the listener to the foot of the channels, m; each strike is up to 15 % off.
    size : float in [0, 1]
        Height of the channel, 1 to 5 km, and energy, 32 to 320 kJ per metre: more is louder, longer and deeper.
    interval : float in [6, 600]
        Mean time between two strikes, s.
    rng : int, np.random.Generator or None
        Source of chance.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``
        Peaks above 0.7 are bent. Between strikes there is the quiet noise of the open country, 75 dB below full scale.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    A. A. Few (1969), Power spectrum of thunder, J. Geophys. Res. 74(28), 6926-6934. H. S. Ribner & D. Roy (1982), Acoustics of
    thunder: a quasilinear model for tortuous lightning, J. Acoust. Soc. Am. 72(6), 1911-1925.

    Examples
    --------
    >>> near, far = (thunder(sr=8000, duration=4.0, distance=d, rng=0) for d in (500.0, 8000.0))
    >>> bool(np.abs(near).max() > 5 * np.abs(far).max())
    True
    """
    return render(_THUNDER, sr=sr, duration=duration, rng=rng, distance=distance, size=size, interval=interval)


def thunder_stream(sr: int, rng: np.random.Generator, *, distance: float, size: float, interval: float) -> Stream:
    """The stream of `thunder`."""
    place_rng, time_rng, shape_rng = rng.spawn(3)
    place = Place(place_rng, sr=sr, distance=1.0, reference=1.0, background=-75.0)
    strikes = Strikes(shape_rng, sr=sr, distance=distance, size=size)
    later, wait = Pending(), 0
    while True:
        while wait < PIECE:
            later.add(strikes.strike(), at=wait)
            wait += round(interval * time_rng.gamma(4.0, 0.25) * sr)
        wait -= PIECE
        yield place(later.take(PIECE))


def _entry(name: str, summary: str, parameters: Sequence[Parameter]) -> Entry:
    here = "audiogen_helpers.synthesis.nature.air"
    more = {"family": "nature", "stream": f"{here}:{name}_stream", "random": True}
    return Entry(name=name, summary=summary, target=f"{here}:{name}", parameters=tuple(parameters), extra=more)


_WIND = _entry(
    "wind",
    "Wind: a gusty roar, whistling wires and rustling leaves.",
    [
        Parameter(name="strength", default=0.5, low=0.0, high=1.0, help="Mean speed, 3 to 24 m/s."),
        Parameter(name="gusts", default=0.5, low=0.0, high=1.0, help="How much the speed wanders."),
        Parameter(name="howling", default=0.3, low=0.0, high=1.0, help="Level of whistling wires."),
        Parameter(name="leaves", default=0.2, low=0.0, high=1.0, help="Level of rustling leaves."),
        Parameter(name="diameter", default=0.004, unit="m", low=0.001, high=0.05, help="Thickness of the thinnest wire."),
    ],
)
_THUNDER = _entry(
    "thunder",
    "Thunder: a crack and a long rumble, near or far, again and again.",
    [
        Parameter(name="distance", default=1500.0, unit="m", low=200.0, high=15_000.0, help="To the foot of the lightning."),
        Parameter(name="size", default=0.5, low=0.0, high=1.0, help="Height and energy of the channel."),
        Parameter(name="interval", default=15.0, unit="s", low=6.0, high=600.0, help="Mean time between strikes."),
    ],
)

ENTRIES: tuple[Entry, ...] = (_WIND, _THUNDER)
