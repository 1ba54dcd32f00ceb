"""What natural sounds share: events at chance times, bodies that ring, coloured noise, and the way through the air to the ear."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers.filters import soft_limit

__all__ = ["PIECE", "Coloured", "Fir", "Place", "Ringing", "Wander", "absorption", "arrivals", "colour", "fir", "octaves", "read"]

PIECE = 16_384  # samples yielded at a time
_SILENT = np.log(1e4)  # an event ends when it has fallen by 80 dB
_MICROPHONE = (20.0, 16_000.0)  # Hz: what is lower or higher is lost
_TRIPLE_POINT, _ROOM = 273.16, 293.15  # K


def octaves(first: float, *levels: float) -> tuple[tuple[float, float], ...]:
    """Levels, dB, in octave bands from `first` Hz up, as pairs (Hz, dB)."""
    return tuple((first * 2.0**k, level) for k, level in enumerate(levels))


# Octave levels of a quiet room, dB: the noise criterion curve NC-25 (Beranek 1957).
_QUIET = octaves(63.0, 54.0, 44.0, 37.0, 31.0, 27.0, 24.0, 22.0, 21.0)


def arrivals(rng: np.random.Generator, rate: float | np.ndarray, n: int, *, sr: float) -> np.ndarray:
    """Sorted sample numbers in the next `n` samples at which events happen: a Poisson process of `rate` per second.

    `rate` may be an array of any length: then it changes along the `n` samples in as many equal steps.
    """
    steps = np.atleast_1d(np.asarray(rate, dtype=np.float64))
    counts = rng.poisson(steps * (n / sr / len(steps)))
    where = np.repeat(np.arange(len(steps)), counts) + rng.random(int(counts.sum()))
    return np.sort((where * (n / len(steps))).astype(np.int64))


@compiled
def _ring(y, bank, count):
    """Add the decaying chirps in the rows of `bank` to `y`; keep those that still ring, return how many."""
    kept = 0
    for i in range(count):
        re, im, c, s, rise_c, rise_s, wait, left = bank[i]
        first = int(wait)
        last = min(len(y), first + int(left))
        for k in range(first, last):
            y[k] += im
            re, im = re * c - im * s, re * s + im * c
            if rise_s != 0.0:
                c, s = c * rise_c - s * rise_s, c * rise_s + s * rise_c
        left -= max(0, last - first)
        if left > 0:
            new = (re, im, c, s, rise_c, rise_s, max(0.0, wait - len(y)), left)
            for j in range(8):
                bank[kept, j] = new[j]
            kept += 1
    return kept


class Ringing:
    """Any number of decaying sinusoids ``a exp(-d t) sin(phase + 2 pi (f t + rise t^2 / 2))``, each from its own start.

    A frequency of 0 with a phase of pi/2 is a decaying envelope. Frequencies that reach 0.45 of the sample rate are silent from then on.
    """

    def __init__(self, *, sr: float, most: int = 8192) -> None:
        self.sr, self.most = sr, most
        self._bank = np.zeros((0, 8))

    def strike(
        self,
        at: np.ndarray,
        *,
        amplitude: np.ndarray | float,
        frequency: np.ndarray | float,
        decay: np.ndarray | float,
        rise: np.ndarray | float = 0.0,
        phase: np.ndarray | float = 0.0,
    ) -> None:
        """Start sinusoids at sample numbers `at` counted from the next sample; decay in 1/s, rise in Hz/s. All broadcast together."""
        at, a, f, d, up, start = (v.ravel() for v in np.broadcast_arrays(at, amplitude, frequency, decay, rise, phase))
        left = np.ceil(_SILENT / d * self.sr)
        room = np.maximum(0.45 * self.sr - f, 0.0)
        left = np.where(up > 0, np.minimum(left, room / np.maximum(up, 1e-9) * self.sr), np.where(room > 0, left, 0.0)).astype(np.int64)
        turn = np.exp(-d / self.sr + 2j * np.pi * (f / self.sr + 0.5 * up / self.sr**2))
        bend = np.exp(2j * np.pi * up / self.sr**2)
        z = a * np.exp(1j * start)
        rows = np.stack([z.real, z.imag, turn.real, turn.imag, bend.real, bend.imag, at, left], axis=-1)
        self._bank = np.concatenate([self._bank, rows[left > 0]])[: self.most]

    def take(self, n: int) -> np.ndarray:
        """The next `n` samples of all that rings."""
        y = np.zeros(n)
        if len(self._bank):
            self._bank = self._bank[: _ring(y, self._bank, len(self._bank))]
        return y


class Wander:
    """Slow chance: a process of mean 0 and variance 1 that forgets itself in about `memory` seconds; straight lines between its knots.

    With `n` it is `n` such processes side by side.
    """

    def __init__(self, rng: np.random.Generator, *, sr: float, memory: float, n: int = 1) -> None:
        self._rng, self._n = rng, n
        self._step = max(1, round(0.25 * memory * sr))
        self._keep = float(np.exp(-self._step / (memory * sr)))
        self._knots = rng.standard_normal((n, 1))
        self._at = 0  # samples from the first knot to the next sample

    def take(self, n: int) -> np.ndarray:
        """The next `n` samples, shape ``(n,)``, or ``(self.n, n)`` where there are several."""
        from scipy.signal import lfilter

        more = (self._at + n) // self._step + 2 - self._knots.shape[1]
        if more > 0:
            new = np.sqrt(1 - self._keep**2) * self._rng.standard_normal((self._n, more))
            start = self._keep * self._knots[:, -1:]
            self._knots = np.concatenate([self._knots, lfilter([1.0], [1.0, -self._keep], new, axis=1, zi=start)[0]], axis=1)
        where = self._at + np.arange(n)
        places = np.arange(self._knots.shape[1]) * self._step
        y = np.stack([np.interp(where, places, row) for row in self._knots])
        past = (self._at + n) // self._step
        self._knots, self._at = self._knots[:, past:], self._at + n - past * self._step
        return y[0] if self._n == 1 else y


def fir(magnitude: np.ndarray, *, n_taps: int) -> np.ndarray:
    """The shortest causal filter (minimum phase) with this magnitude at ``len(magnitude)`` even steps from 0 to half the sample rate."""
    n = 2 * (len(magnitude) - 1)
    log = np.log(np.maximum(magnitude, 1e-7 * magnitude.max()))
    cepstrum = np.fft.irfft(log, n)
    cepstrum[1 : n // 2] *= 2.0
    cepstrum[n // 2 + 1 :] = 0.0
    taps = np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n)[:n_taps]
    fade = n_taps // 4
    taps[-fade:] *= np.cos(np.linspace(0.0, np.pi / 2, fade)) ** 2
    return taps


class Fir:
    """A filter with these taps that goes on from piece to piece."""

    def __init__(self, taps: np.ndarray) -> None:
        self._taps, self._tail = taps, np.zeros(len(taps) - 1)
        self._known: tuple[int, np.ndarray] = (0, taps)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """`x` filtered; as long as `x`."""
        from scipy import fft

        n = len(x)
        size = fft.next_fast_len(n + len(self._tail), real=True)
        if self._known[0] != size:
            self._known = size, fft.rfft(self._taps, size)
        y = fft.irfft(fft.rfft(x, size) * self._known[1], size)[: n + len(self._tail)]
        y[: len(self._tail)] += self._tail
        self._tail = y[n:].copy()
        return y[:n]


def _grid(sr: int) -> tuple[np.ndarray, int]:
    """Frequencies at which filters are designed, and how many taps they get: enough to tell 40 Hz from 80 Hz."""
    n_taps = 1 << max(8, round(np.log2(sr / 43.0)))
    return np.arange(2 * n_taps + 1) * (sr / (4 * n_taps)), n_taps


def colour(f: np.ndarray, levels: Sequence[tuple[float, float]]) -> np.ndarray:
    """Power per Hz at `f` of a noise with these octave levels, dB, and rms 1 over 20 Hz to 20 kHz; straight lines over log frequency."""
    centres, db = np.array(levels, dtype=np.float64).T

    def density(f: np.ndarray) -> np.ndarray:
        return 10.0 ** (np.interp(np.log2(f), np.log2(centres), db) / 10.0) / f

    return density(np.maximum(f, 10.0)) / (10.0 * np.sum(density(np.arange(20.0, 20_000.0, 10.0))))


class Coloured:
    """Gaussian noise of a given power per Hz: a function of frequency, or octave levels, dB, which are brought to rms 1 in all."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        sr: int,
        levels: Sequence[tuple[float, float]] = (),
        power: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        self._rng = rng
        f, n_taps = _grid(sr)
        self._filter = Fir(fir(np.sqrt(sr / 2 * (colour(f, levels) if power is None else power(f))), n_taps=n_taps))

    def take(self, n: int) -> np.ndarray:
        """The next `n` samples."""
        return self._filter(self._rng.standard_normal(n))


def absorption(f: np.ndarray | float, *, temperature: float = 15.0, humidity: float = 60.0) -> np.ndarray:
    """What air takes from a sound of `f` Hz, dB per metre, at sea level (ISO 9613-1:1993, equations 3 to 5).

    Examples
    --------
    >>> (1000 * absorption(np.array([126.0, 1000.0, 7943.0]), temperature=10.0, humidity=70.0)).round(1)
    array([  0.4,   3.7, 116.9])
    """
    f2 = np.square(np.asarray(f, dtype=np.float64))
    kelvin = temperature + 273.15
    warm = kelvin / _ROOM
    water = humidity * 10.0 ** (-6.8346 * (_TRIPLE_POINT / kelvin) ** 1.261 + 4.6151)
    oxygen = 24.0 + 4.04e4 * water * (0.02 + water) / (0.391 + water)
    nitrogen = warm**-0.5 * (9.0 + 280.0 * water * np.exp(-4.170 * (warm ** (-1 / 3) - 1.0)))
    relaxing = 0.01275 * np.exp(-2239.1 / kelvin) / (oxygen + f2 / oxygen) + 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen + f2 / nitrogen)
    return 8.686 * f2 * (1.84e-11 * warm**0.5 + warm**-2.5 * relaxing)


def read(table: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """One period given as a table, read at `turns` (in periods, >= 0), with straight lines between its values."""
    where = np.mod(turns, 1.0) * len(table)
    i = where.astype(np.int64)
    part = where - i
    i[i == len(table)] = 0  # a phase just below 1 may round to it
    return table[i] * (1.0 - part) + np.append(table[1:], table[0])[i] * part


class Place:
    """From the source to the ear: level by distance, air, the place's own quiet noise, and a microphone that hears from 20 Hz to 16 kHz.

    Parameters
    ----------
    rng : np.random.Generator
        For the noise of the place.
    sr : int
        Sample rate, Hz.
    distance, reference : float
        Metres: at `reference` the sound has the level at which it was made, beyond it falls by 6 dB per doubling.
    background : float
        Level of the noise of the place, dB of full scale.
    levels : sequence of (Hz, dB)
        Its octave levels; a quiet room unless given.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        sr: int,
        distance: float,
        reference: float,
        background: float,
        levels: Sequence[tuple[float, float]] = _QUIET,
    ) -> None:
        from scipy.signal import butter

        f, n_taps = _grid(sr)
        lost = absorption(f) * max(0.0, distance - reference)
        self._air = Fir(fir(reference / distance * 10.0 ** (-lost / 20.0), n_taps=n_taps // 4))
        self._noise = Coloured(rng, sr=sr, levels=levels)
        self._background = 10.0 ** (background / 20.0)
        self._sos = butter(2, _MICROPHONE[0], "highpass", fs=sr, output="sos")
        if _MICROPHONE[1] < 0.45 * sr:
            self._sos = np.concatenate([self._sos, butter(6, _MICROPHONE[1], fs=sr, output="sos")])
        self._state = np.zeros((len(self._sos), 2))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """What the ear gets of the piece `x`; never beyond +-1."""
        from scipy.signal import sosfilt

        y = self._air(x) + self._background * self._noise.take(len(x))
        y, self._state = sosfilt(self._sos, y, zi=self._state)
        return soft_limit(y)
