"""What an ear seems to keep of rain: statistics of the envelopes in the bands of a filter bank, and how far two sounds are apart in them.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from audiogen_helpers._validation import check_audio, check_integer, check_sr, show
from audiogen_helpers.audio import fade
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical.subbands import COMPRESSION, Bank, power, taper

__all__ = ["CLASSES", "TextureStatistics", "statistics"]

SHAPES = ("variation", "skewness", "kurtosis", "peaks")
CLASSES = ("spectrum", "mean", *SHAPES, "correlation", "modulation", "modulation_correlation", "modulation_phase")
N_BANDS = 32
MODULATIONS = 0.5 * 2.0 ** (np.arange(18) / 2.0)  # Hz, 0.5 to 181
OCTAVES = 1.5625 * 2.0 ** np.arange(7)  # Hz, 1.6 to 100
# the least size (quadratic mean) that the values of a class are taken to have when a difference is divided by it
_LEAST = {"skewness": 0.5, "correlation": 0.1, "modulation_correlation": 0.1, "modulation_phase": 0.1}
_EDGE = 0.04  # s at either end of a recording that count for nothing: there the filters ring from the other end
_SHORTEST = 0.5  # s
_FLOOR = 1e-10  # variance of a band that has none
_UNHEARD = 1e-4**COMPRESSION  # spectrum of a band 80 dB below the whole: the shape of its envelope does not count
_TINY = 1e-12  # added to a magnitude before it divides
_STILL = 1e-4  # deviation, as a share of the mean, added to that of an envelope: what never moves has no shape
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class TextureStatistics:
    """Statistics of a sound at level 1 (the deviation of its samples); how loud it was is kept apart.

    Attributes
    ----------
    sr : int
        Sample rate, Hz.
    level : float
        Deviation of the samples.
    spectrum : np.ndarray [shape=(k,)]
        Deviation in each band, compressed like the envelopes (to the power 0.3). Its centres: ``subbands.centres(sr=sr, n_bands=k)``.
    mean, variation, skewness, kurtosis : np.ndarray [shape=(k,)]
        Of the compressed envelope of each band: mean, deviation divided by the mean, third and fourth standardised moments.
    peaks : np.ndarray [shape=(k,)]
        Of the power of each band, which is not compressed: its quadratic mean over its mean. 1.41 for Gaussian noise; compression hides
        how high the highest peaks are.
    correlation : np.ndarray [shape=(k, k)]
        Of each envelope with each.
    modulation : np.ndarray [shape=(k, 18)]
        Deviation of each envelope in bands half an octave apart, 0.5 to 181 Hz, as a share of its whole deviation.
    modulation_correlation : np.ndarray [shape=(7, k, k)]
        Correlation of the envelopes within bands an octave apart, 1.6 to 100 Hz.
    modulation_phase : np.ndarray [shape=(6, k, 2)]
        How each such band stands to the next: real part positive for peaks, negative for dips; imaginary part for swift attacks or decays.
    """

    sr: int
    level: float
    spectrum: np.ndarray
    mean: np.ndarray
    variation: np.ndarray
    skewness: np.ndarray
    kurtosis: np.ndarray
    peaks: np.ndarray
    correlation: np.ndarray
    modulation: np.ndarray
    modulation_correlation: np.ndarray
    modulation_phase: np.ndarray

    @property
    def arrays(self) -> Arrays:
        """The statistics by the name of their class."""
        return {name: getattr(self, name) for name in CLASSES}

    def distance(self, other: TextureStatistics) -> dict[str, float]:
        """How far another sound is from this one: for each class the length of the difference over the length of this one's.

        0 is equal; 0.1 is a ratio of signal to noise of 20 dB, as the paper counts it (``-gain_to_db(distance)``). The level does not
        count, nor does the correlation of a band with itself. A band 80 dB below the whole counts in the spectrum and the mean only.
        As nothing can be divided by nothing, skewness is taken to be at least 0.5 on (quadratic) average, correlations and phases 0.1.

        Parameters
        ----------
        other : TextureStatistics
            Of the same sample rate and number of bands.

        Returns
        -------
        distance : dict of str to float
            One for each of :data:`CLASSES`, >= 0.

        Raises
        ------
        ParameterError
            If the two cannot be compared.
        """
        if not isinstance(other, TextureStatistics):
            raise ParameterError(f"other must be TextureStatistics; received {show(other)}")
        if (self.sr, self.spectrum.shape) != (other.sr, other.spectrum.shape):
            raise ParameterError(
                f"other must have sr {self.sr} and {len(self.spectrum)} bands; received sr {other.sr} and {len(other.spectrum)} bands"
            )
        mine, yours = self.arrays, other.arrays
        return {name: float(np.sqrt(error(mine, yours, name)[0])) for name in CLASSES}


def statistics(y: np.ndarray, *, sr: int, n_bands: int = N_BANDS) -> TextureStatistics:
    """Measure the statistics of a texture, over all of `y`.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, at least half a second; slow changes need longer (a wave every 10 s is not a statistic of 3 s). A constant is taken off,
        and the first and last 40 ms count for nothing.
    sr : int >= 1000
        Sample rate, Hz.
    n_bands : int in [4, 200]
        Number of bands.

    Returns
    -------
    statistics : TextureStatistics
        All finite. A band without sound has an envelope that never moves: its shape counts as 0.

    Raises
    ------
    ParameterError
        If an argument is out of range, or `y` is too short, not finite, silent or constant.

    References
    ----------
    J. H. McDermott and E. P. Simoncelli (2011), Sound texture perception via statistics of the auditory periphery: evidence from sound
    synthesis, Neuron 71(5), 926-940. Here every pair of bands is correlated, not some; modulations are deviations, not powers; and
    `peaks` is added.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(16_000)
    >>> found = statistics(noise, sr=16_000)
    >>> found.correlation.shape, round(float(found.variation.mean()), 2)
    ((32, 32), 0.16)
    """
    sr, n_bands = check_sr(sr), check_integer(n_bands, name="n_bands", low=4, high=200)
    y = check_audio(y, mono=True).astype(np.float64)
    if len(y) < _SHORTEST * sr:
        raise ParameterError(f"y must last at least {_SHORTEST:g} s, {round(_SHORTEST * sr)} samples; received {len(y)}")
    peak = np.abs(y).max()
    y = y / max(peak, 1e-300)
    y -= y.mean()
    level = float(y.std())
    if level < 1e-9:
        raise ParameterError(f"y must change; received {'silence' if peak == 0.0 else 'a constant'}")
    Y = np.fft.rfft(fade(y / level, sr=sr, fade_in=_EDGE / 2, fade_out=_EDGE / 2))  # its end shall lead into its beginning
    found, _ = Meter(len(y), sr=sr, n_bands=n_bands).measure(Y, edge=_EDGE)
    return TextureStatistics(sr=sr, level=level * float(peak), **found)


def error(want: Arrays, have: Arrays, name: str) -> tuple[float, np.ndarray]:
    """Squared relative difference of the class `name`, and its gradient with respect to the values of `have`.

    The diagonals of correlations do not count, nor the shapes of envelopes in bands that nobody hears.
    """
    target, heard = want[name], (want["spectrum"] > _UNHEARD).astype(np.float64)
    if name in ("spectrum", "mean"):
        counts = np.ones(target.shape)
    elif name in ("correlation", "modulation_correlation"):
        counts = np.broadcast_to(np.outer(heard, heard) * (1.0 - np.eye(len(heard))), target.shape)
    else:
        counts = np.broadcast_to(heard if target.ndim == 1 else heard[:, None], target.shape)
    size = max(float(np.sum(np.square(target * counts))), float(np.sum(counts)) * _LEAST.get(name, 1e-3) ** 2, 1e-12)
    apart = (have[name] - target) * counts
    return float(np.sum(np.square(apart))) / size, (2.0 / size) * apart


@dataclass(frozen=True)
class Trace:
    """What a gradient needs of a measurement."""

    kept: list[np.ndarray]  # the analytic bands
    deviation: np.ndarray  # of each envelope
    u: np.ndarray  # standardised envelopes (k, n)
    U: np.ndarray  # their spectra
    found: Arrays
    phases: list[tuple[np.ndarray, ...]]  # what `Meter._phase` left for the gradient


class Meter:
    """Measures the statistics of sounds of `n` samples, and carries a gradient from the statistics back to the sound.

    Of the classes that cost most (correlations and phases of modulations) it measures those in `names` only.
    """

    def __init__(self, n: int, *, sr: int, n_bands: int, dtype: type = np.float64, names: Collection[str] = CLASSES) -> None:
        self.names = names
        self.bank = Bank(n, sr=sr, n_bands=n_bands, dtype=dtype)
        self.n = self.bank.n_envelope
        f = np.arange(self.bank.n_bins) / self.bank.seconds
        self.fine: np.ndarray = _half_cosines(f, MODULATIONS).astype(dtype)
        self.octaves: np.ndarray = _half_cosines(f, OCTAVES).astype(dtype)
        self.rows = [np.flatnonzero(h) for h in self.octaves]

    def measure(self, Y: np.ndarray, *, edge: float = 0.0) -> tuple[Arrays, Trace]:
        """Statistics of the sound with the spectrum `Y` and a deviation near 1; `edge` in seconds."""
        from scipy.fft import rfft

        env, powers, peaks, kept = self.bank.envelopes(Y, edge=edge)
        w = taper(self.n, edge=edge / self.bank.seconds).astype(env.dtype)
        mean = env @ w
        u = env - mean[:, None]
        deviation = np.sqrt(np.square(u) @ w + np.square(_STILL * mean))
        u /= deviation[:, None]
        U = rfft(u * np.sqrt(self.n * w))[:, : self.bank.n_bins]
        cube = u * u * u
        phases = [self._phase(U, m) for m in range(len(OCTAVES) - 1)] if "modulation_phase" in self.names else []
        found = {
            "spectrum": (0.5 * powers + _FLOOR) ** (0.5 * COMPRESSION),
            "mean": mean,
            "variation": deviation / mean,
            "skewness": cube @ w,
            "kurtosis": (cube * u) @ w,
            "peaks": peaks,
            "correlation": (u * w) @ u.T,
            "modulation": np.sqrt((2.0 / self.n**2) * (power(U) @ np.square(self.fine).T) + _FLOOR),
        }
        if "modulation_correlation" in self.names:
            found["modulation_correlation"] = np.stack([_correlation(self._cross(U, m))[0] for m in range(len(OCTAVES))])
        if phases:
            found["modulation_phase"] = np.stack([c for c, _ in phases])
        return {name: x.astype(np.float64) for name, x in found.items()}, Trace(kept, deviation, u, U, found, [rest for _, rest in phases])

    def gradient(self, trace: Trace, g: Arrays) -> np.ndarray:
        """Spectrum of the gradient with respect to the sound, for gradients `g` of some of the classes; for measurements without edges."""
        from scipy.fft import irfft

        u, U, found, dtype = trace.u, trace.U, trace.found, trace.u.dtype
        g = {name: x.astype(dtype) for name, x in g.items()}
        G, g_u = np.zeros_like(U), np.zeros_like(u)
        if "skewness" in g:
            g_u += (3.0 * g["skewness"][:, None]) * (u * u)
        if "kurtosis" in g:
            g_u += (4.0 * g["kurtosis"][:, None]) * (u * u * u)
        if "correlation" in g:
            g_u += (g["correlation"] + g["correlation"].T) @ u
        if "modulation" in g:
            G += (g["modulation"] / found["modulation"]) @ np.square(self.fine) * U
        if "modulation_correlation" in g:
            for m, rows in enumerate(self.rows):
                X = self._cross(U, m)
                inner = _correlation_gradient(X, g["modulation_correlation"][m]).astype(dtype)
                G[:, rows] += np.square(self.octaves[m, rows]) * (inner @ U[:, rows])
        if "modulation_phase" in g:
            for m, phases in enumerate(trace.phases):
                self._add_phase_gradient(G, phases, m, g["modulation_phase"][m])
        g_u = (g_u + irfft(G, n=self.n)) / dtype.type(self.n)
        g_d = (g_u - u * np.mean(g_u * u, axis=-1, keepdims=True)) / trace.deviation[:, None]
        g_mean = g.get("mean", np.zeros(len(u)))
        if "variation" in g:
            g_d += (g["variation"] / (found["mean"] * self.n))[:, None] * u
            g_mean = g_mean - g["variation"] * found["variation"] / found["mean"]
        g_env = g_d - g_d.mean(axis=-1, keepdims=True) + (g_mean / self.n)[:, None]
        slope = 0.25 * COMPRESSION * found["spectrum"] ** (1.0 - 2.0 / COMPRESSION)
        none = np.zeros(len(u))
        return self.bank.gradient(trace.kept, g_env.astype(dtype), g.get("spectrum", none) * slope, g.get("peaks", none))

    def _cross(self, U: np.ndarray, m: int) -> np.ndarray:
        """Cross-power of each envelope with each in one octave of modulation."""
        rows = self.rows[m]
        V = U[:, rows] * self.octaves[m, rows]
        return (2.0 / self.n**2) * (V.real @ V.real.T + V.imag @ V.imag.T)

    def _octave_pair(self, U: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Analytic envelopes in an octave and the next, at a rate that suits them."""
        from scipy.fft import ifft, next_fast_len

        top = int(self.rows[m + 1][-1]) + 1
        V = np.zeros((2, len(U), next_fast_len(2 * top)), dtype=U.dtype)
        V[:, :, :top] = U[:, :top] * (2.0 * self.octaves[m : m + 2, None, :top])
        p, q = ifft(V) * V.real.dtype.type(V.shape[-1] / self.n)
        return p, q

    def _phase(self, U: np.ndarray, m: int) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        """The slower octave at doubled phase against the faster one: real and imaginary part ``(k, 2)``, and what a gradient needs."""
        p, q = self._octave_pair(U, m)
        size = np.sqrt(power(p)) + p.real.dtype.type(_TINY)
        s = p / size
        twice = s * p
        P, Q = power(p).mean(axis=-1) + _FLOOR, power(q).mean(axis=-1) + _FLOOR
        c = np.mean(twice * q.conj(), axis=-1) / np.sqrt(P * Q)
        return np.stack([c.real, c.imag], axis=-1), (p, q, s, twice, P, Q, c)

    def _add_phase_gradient(self, G: np.ndarray, phases: tuple[np.ndarray, ...], m: int, g: np.ndarray) -> None:
        from scipy.fft import fft

        p, q, s, twice, P, Q, c = phases
        g = g[:, 0] + 1j * g[:, 1]
        pull = (g.conj() * c).real
        g = (g / np.sqrt(P * Q)).astype(G.dtype)[:, None]
        turned = g * s.conj() * q  # what pulls at p
        g_p = 1.5 * turned - 0.5 * (s * s) * turned.conj() - (pull / P).astype(s.real.dtype)[:, None] * p
        g_q = g.conj() * twice - (pull / Q).astype(s.real.dtype)[:, None] * q
        top = int(self.rows[m + 1][-1]) + 1
        scale = self.n / p.shape[-1]
        for part, h in ((g_p, self.octaves[m]), (g_q, self.octaves[m + 1])):
            G[:, :top] += (scale * h[:top]) * fft(part)[:, :top]


def _half_cosines(f: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Gains on a logarithmic scale, one row for each centre; their squares add up to 1 between the first centre and the last."""
    apart = np.log2(np.maximum(f, 1e-9) / centres[:, None]) / np.log2(centres[1] / centres[0])
    H = np.cos(0.5 * np.pi * np.clip(apart, -1.0, 1.0))
    H[np.abs(apart) >= 1.0] = 0.0
    return H


def _correlation(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    root = np.sqrt(np.diag(X) + _FLOOR)
    return X / np.outer(root, root), root


def _correlation_gradient(X: np.ndarray, g: np.ndarray) -> np.ndarray:
    """What multiplies the rows of filtered spectra, times n: twice the gradient with respect to the cross-power, made symmetric."""
    R, root = _correlation(X)
    inner = (g + g.T) / np.outer(root, root)
    inner[np.diag_indices(len(X))] -= np.sum((g + g.T) * R, axis=1) / np.square(root)
    return inner
