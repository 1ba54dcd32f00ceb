"""A bank of filters spaced as those of the ear, whose parts add up to the sound again, and the envelopes that they let through.

The gains are halves of a cosine on the scale of equivalent rectangular bandwidths (ERB): where one band fades, its neighbour rises, and
their squares sum to 1 at every frequency. The same gains applied twice therefore change nothing.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiogen_helpers._validation import check_array, check_audio, check_integer, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.units import erb_to_hz, hz_to_erb

__all__ = ["COMPRESSION", "Bank", "centres", "gains", "join", "split"]

LOWEST = 50.0  # centre of the first band, Hz; it passes everything below
COMPRESSION = 0.3  # exponent of the envelope: roughly how loudness grows
_FLOOR = 1e-10  # power added to an envelope of a sound of power 1: 100 dB down
_NOTHING = 1e-12  # added to the mean power of a band before it divides
_FASTEST = 200.0  # change of an envelope that is kept, Hz


def centres(*, sr: int, n_bands: int) -> np.ndarray:
    """Centre frequencies of the bank: from 50 Hz to half the sample rate, evenly on the ERB scale.

    Parameters
    ----------
    sr : int >= 1000
        Sample rate, Hz.
    n_bands : int in [2, 200]
        Number of bands.

    Returns
    -------
    f : np.ndarray [shape=(n_bands,)]
        Hz.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> centres(sr=16_000, n_bands=5).round()
    array([  50.,  421., 1286., 3302., 8000.])
    """
    sr = _check_sr(sr)
    n_bands = check_integer(n_bands, name="n_bands", low=2, high=200)
    low, high = np.asarray(hz_to_erb(np.array([LOWEST, sr / 2])))
    f = np.asarray(erb_to_hz(np.linspace(low, high, n_bands)))
    f[-1] = sr / 2  # rounding must not put it beyond
    return f


def _check_sr(sr: int) -> int:
    sr = check_sr(sr)
    if sr < 1000:
        raise ParameterError(f"sr must be at least 1000 Hz for a bank of bands; received {sr}")
    return sr


def gains(f: np.ndarray, *, sr: int, n_bands: int) -> np.ndarray:
    """Gain of each band at the frequencies `f`; the squares sum to 1 over the bands.

    Parameters
    ----------
    f : np.ndarray [shape=(m,)], in [0, sr / 2]
        Frequencies, Hz.
    sr : int >= 1000
        Sample rate, Hz.
    n_bands : int in [2, 200]
        Number of bands.

    Returns
    -------
    H : np.ndarray [shape=(n_bands, m)], in [0, 1]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> H = gains(np.linspace(0.0, 8000.0, 100), sr=16_000, n_bands=30)
    >>> bool(np.allclose(np.square(H).sum(axis=0), 1.0))
    True
    """
    e = np.asarray(hz_to_erb(centres(sr=sr, n_bands=n_bands)))
    f = check_array(f, name="f", ndim=1, low=0.0, high=sr / 2)
    at = np.clip(
        (np.asarray(hz_to_erb(f)) - e[0]) / (e[1] - e[0]), 0.0, n_bands - 1.0
    )  # in bands; below the first centre all is the first band
    return np.cos(0.5 * np.pi * np.minimum(np.abs(at - np.arange(n_bands)[:, None]), 1.0))


def split(y: np.ndarray, *, sr: int, n_bands: int = 32) -> np.ndarray:
    """The sound in each band of the bank. The filters shift nothing in time; the end of `y` is taken to lead into its beginning.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int >= 1000
        Sample rate, Hz.
    n_bands : int in [2, 200]
        Number of bands.

    Returns
    -------
    bands : np.ndarray [shape=(..., n_bands, n)]
        Float64.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.random.default_rng(0).standard_normal(1000)
    >>> bands = split(y, sr=8000, n_bands=20)
    >>> bands.shape, bool(np.allclose(join(bands, sr=8000), y))
    ((20, 1000), True)
    """
    y = check_audio(y)
    n = y.shape[-1]
    H = gains(bins(n, sr=sr), sr=sr, n_bands=n_bands)
    return np.fft.irfft(H * np.fft.rfft(y.astype(np.float64))[..., None, :], n=n)


def join(bands: np.ndarray, *, sr: int) -> np.ndarray:
    """The sound whose bands these are: each is filtered once more by its own gain, and all are added.

    Parameters
    ----------
    bands : np.ndarray [shape=(..., n_bands, n)]
        From :func:`split`, changed or not.
    sr : int >= 1000
        Sample rate, Hz.

    Returns
    -------
    y : np.ndarray [shape=(..., n)]

    Raises
    ------
    ParameterError
        If an argument is out of range.
    """
    bands = check_audio(bands, name="bands").astype(np.float64)
    if bands.ndim < 2:
        raise ParameterError(f"bands must have shape (..., n_bands, n); received {bands.shape}")
    n = bands.shape[-1]
    H = gains(bins(n, sr=sr), sr=sr, n_bands=bands.shape[-2])
    return np.fft.irfft((H * np.fft.rfft(bands)).sum(axis=-2), n=n)


def bins(n: int, *, sr: int) -> np.ndarray:
    """Frequencies of a Fourier transform of `n` real samples, Hz; never beyond `sr` / 2."""
    return np.arange(n // 2 + 1) * sr / n


@dataclass(frozen=True)
class _Band:
    low: int  # its first bin in the spectrum of the whole
    gain: np.ndarray  # of its bins, doubled: a spectrum without negative frequencies has the envelope as its magnitude
    length: int  # samples of its envelope before it is smoothed: twice what its bandwidth needs, or four times what is kept


class Bank:
    """The bank for sounds of `n` samples that gives envelopes, and the gradient of anything that was computed from them.

    Each band is computed at a rate that suits its width, so that all together cost a few Fourier transforms of the sound. The envelope
    is compressed, ``(|z|^2 + 1e-10) ** 0.15`` with `z` the analytic signal of the band, and freed of changes faster than 200 Hz. It is
    given at `n_envelope` points, a little over 800 a second: enough for the mean of its fourth power to be that of the curve between them.
    """

    def __init__(self, n: int, *, sr: int, n_bands: int, dtype: type = np.float64) -> None:
        from scipy.fft import next_fast_len

        self.n, self.seconds, self.dtype = n, n / sr, np.dtype(dtype)
        self.n_bins = max(2, int(_FASTEST * n / sr)) + 1
        self.n_envelope = next_fast_len(4 * self.n_bins, real=True)
        H = gains(bins(n, sr=sr), sr=sr, n_bands=n_bands)
        H[:, 0] = 0.0  # a constant is not heard
        if n % 2 == 0:
            H[:, -1] = 0.0  # has no analytic signal
        self.bands = []
        for h in H:
            (inside,) = np.nonzero(h > 1e-9)
            low, high = (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (1, 2)
            length = next_fast_len(max(2 * (high - low), 4 * self.n_bins))
            self.bands.append(_Band(low, (2.0 * h[low:high]).astype(dtype), length))

    def envelopes(self, Y: np.ndarray, *, edge: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
        """Envelopes ``(n_bands, n_envelope)``, powers and peaks ``(n_bands,)``, and the analytic bands that :meth:`gradient` needs.

        The power is the mean of ``|z|^2``; the peaks are its quadratic mean over its mean, 1.41 for Gaussian noise. `Y` is the spectrum of
        a sound whose variance is near 1; `edge` is in seconds.
        """
        from scipy.fft import ifft, irfft, rfft

        env = np.empty((len(self.bands), self.n_envelope), dtype=self.dtype)
        means, peaks = np.empty((2, len(self.bands)))
        kept = []
        for k, band in enumerate(self.bands):
            A = np.zeros(band.length, dtype=Y.dtype)
            A[: len(band.gain)] = band.gain * Y[band.low : band.low + len(band.gain)]
            z = ifft(A) * self.dtype.type(band.length / self.n)
            p = power(z)
            w = taper(band.length, edge=edge / self.seconds).astype(self.dtype)
            means[k] = p @ w
            peaks[k] = np.sqrt((p * p) @ w) / (means[k] + _NOTHING)
            E = rfft((p + self.dtype.type(_FLOOR)) ** self.dtype.type(0.5 * COMPRESSION))[: self.n_bins]
            env[k] = irfft(E, n=self.n_envelope) * self.dtype.type(self.n_envelope / band.length)
            kept.append(z)
        return env, means, peaks, kept

    def gradient(self, kept: list[np.ndarray], g_env: np.ndarray, g_mean: np.ndarray, g_peaks: np.ndarray) -> np.ndarray:
        """Spectrum of the gradient with respect to the sound, for gradients of what :meth:`envelopes` gives when there are no edges."""
        from scipy.fft import fft, irfft, rfft

        G = np.zeros(self.n // 2 + 1, dtype=np.result_type(self.dtype, np.complex64))
        for k, (band, z) in enumerate(zip(self.bands, kept, strict=True)):
            p = power(z)
            g = irfft(rfft(g_env[k])[: self.n_bins], n=band.length)
            g *= self.dtype.type(0.5 * COMPRESSION) * (p + self.dtype.type(_FLOOR)) ** self.dtype.type(0.5 * COMPRESSION - 1.0)
            mean, root = float(p.mean()) + _NOTHING, float(np.sqrt(np.mean(p * p))) + _NOTHING
            g += self.dtype.type((g_mean[k] - g_peaks[k] * root / mean**2) / band.length)
            g += self.dtype.type(g_peaks[k] / (mean * root * band.length)) * p
            part = fft(g * z)[: len(band.gain)]
            G[band.low : band.low + len(band.gain)] += band.gain * part
        return G


def power(z: np.ndarray) -> np.ndarray:
    """Squared magnitude."""
    return np.square(z.real) + np.square(z.imag)


def taper(n: int, *, edge: float) -> np.ndarray:
    """Weights ``(n,)`` that sum to 1: none in the first and last `edge` (a share of the whole), a rise as long, and even between."""
    if edge <= 0.0:
        return np.full(n, 1.0 / n)
    from_end = np.minimum(np.arange(n) + 0.5, n - 0.5 - np.arange(n)) / n
    w = 0.5 - 0.5 * np.cos(np.pi * np.clip(from_end / edge - 1.0, 0.0, 1.0))
    return w / w.sum()
