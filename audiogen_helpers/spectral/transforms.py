"""The short-time Fourier transform and its inverse.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_audio, check_integer, show
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral.settings import MelSpec, check_spec

__all__ = ["BLOCK", "RoundTrip", "check_length", "check_shape", "frames_to_signal", "istft", "signal_to_frames", "stft"]

# Samples of overlapping frames that are worked on at once: the arrays stay in the cache, and memory does not grow with a batch.
BLOCK = 2**17

# Inside the package a spectrum is (clips, frames, bins): each frame lies in one piece of memory, which is what the FFT wants.


def stft(y: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Short-time Fourier transform: Hann window, frames centred on multiples of ``spec.hop_length``, zeros beyond the edges.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    spec : MelSpec
        Settings; only ``n_fft`` and ``hop_length`` matter here.

    Returns
    -------
    D : np.ndarray [shape=(..., 1 + n_fft // 2, 1 + n // hop_length), complex64 or complex128]
        Not normalised: a sine of amplitude 1 reaches ``n_fft / 4``. Complex64 for float32.

    Raises
    ------
    ParameterError
        If `y` is empty, not floating point or not finite.

    Examples
    --------
    >>> spec = MelSpec(sr=8000)
    >>> y = np.cos(2 * np.pi * 1000.0 * np.arange(8000) / 8000)
    >>> D = stft(y, spec)
    >>> D.shape, int(abs(D[:, 30]).argmax() * 8000 / 512), round(float(abs(D).max()), 3)
    ((257, 63), 1000, 128.0)
    >>> bool(np.allclose(istft(D, spec, length=8000), y))
    True
    """
    spec, y = check_spec(spec), check_audio(y)
    D = signal_to_frames(y.reshape(-1, y.shape[-1]), spec)
    return D.reshape(*y.shape[:-1], *D.shape[1:]).swapaxes(-1, -2)


def istft(D: np.ndarray, spec: MelSpec, *, length: int | None = None) -> np.ndarray:
    """The waveform whose transform is nearest to `D` in the least-squares sense; the waveform of `D` where there is one.

    Parameters
    ----------
    D : np.ndarray [shape=(..., 1 + n_fft // 2, frames), complex]
        Short-time spectrum.
    spec : MelSpec
        Settings of `D`.
    length : int >= 1, optional
        Samples; ``hop_length * (frames - 1)`` (at least 1) where it is not given. What no frame reaches is zero.

    Returns
    -------
    y : np.ndarray [shape=(..., length), float32 or float64]

    Raises
    ------
    ParameterError
        If `D` is not complex, not finite, or has another number of bins.

    References
    ----------
    D. Griffin and J. Lim (1984), IEEE Trans. Acoust. Speech Signal Process. 32(2), 236-243.

    Examples
    --------
    >>> spec = MelSpec(sr=8000)
    >>> istft(np.zeros((2, 257, 63), dtype=np.complex64), spec).shape
    (2, 7936)
    """
    spec, D = check_spec(spec), np.asarray(D)
    if D.dtype.kind != "c":
        raise ParameterError(f"D must be complex; received type {D.dtype}")
    D = check_shape(D, name="D", rows=spec.n_bins)
    if not np.isfinite(D).all():
        raise ParameterError("D must be finite; received NaN or infinite values")
    length = check_length(length, D.shape[-1], spec)
    y = frames_to_signal(D.reshape(-1, *D.shape[-2:]).swapaxes(-1, -2), spec, length)
    return y.reshape(*D.shape[:-2], length)


def check_shape(array: np.ndarray, *, name: str, rows: int) -> np.ndarray:
    """A spectrum ``(..., rows, frames)`` with at least one frame."""
    if array.ndim < 2 or array.shape[-2] != rows or array.size == 0:
        raise ParameterError(f"{name} must have shape (..., {rows}, frames) for this spec; received {show(array)}")
    return array


def check_length(length: Any, frames: int, spec: MelSpec) -> int:
    """Samples of a waveform with so many frames: as asked, or the multiple of the hop that gives them."""
    return max(1, spec.hop_length * (frames - 1)) if length is None else check_integer(length, name="length", low=1)


def window(n_fft: int, dtype: Any) -> np.ndarray:
    """The Hann window with period `n_fft`, read-only."""
    return _window(n_fft, np.dtype(dtype).char)


@lru_cache(maxsize=32)
def _window(n_fft: int, dtype: str) -> np.ndarray:
    hann = (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)).astype(dtype)
    hann.setflags(write=False)
    return hann


def window_sum(n_fft: int, hop_length: int, frames: int, dtype: Any) -> np.ndarray:
    """Sum of the squared windows over the padded signal, read-only; 1 where no window reaches."""
    return _window_sum(n_fft, hop_length, frames, np.dtype(dtype).char)


@lru_cache(maxsize=32)
def _window_sum(n_fft: int, hop_length: int, frames: int, dtype: str) -> np.ndarray:
    squared = np.tile(window(n_fft, np.float64) ** 2, (1, frames, 1))
    total = overlap_add(squared, hop_length)[0].astype(dtype)
    total[total <= np.finfo(dtype).tiny] = 1.0
    total.setflags(write=False)
    return total


def cut(padded: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """A view ``(clips, frames, n_fft)`` of a padded signal ``(clips, n_fft + hop_length * (frames - 1))``."""
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=-1)[:, ::hop_length]


def hops_per_frame(n_fft: int, hop_length: int) -> int:
    """Hops that a frame covers, the last one perhaps in part."""
    return -(-n_fft // hop_length)


def overlap_add(pieces: np.ndarray, hop_length: int, *, out: np.ndarray | None = None) -> np.ndarray:
    """The sum ``(clips, n_fft + hop_length * (frames - 1))`` of pieces ``(clips, frames, n_fft)``, each one hop later.

    `out` is memory for the sum, ``(clips, frames + hops_per_frame - 1, hop_length)``.
    """
    clips, frames, n_fft = pieces.shape
    n_hops = hops_per_frame(n_fft, hop_length)
    if out is None:
        out = np.empty((clips, frames + n_hops - 1, hop_length), dtype=pieces.dtype)
    out[...] = 0.0
    for k in range(n_hops):  # the k-th hop of every piece lands k hops later: one addition for all frames
        part = pieces[:, :, k * hop_length : (k + 1) * hop_length]
        out[:, k : k + frames, : part.shape[-1]] += part
    return out.reshape(clips, -1)[:, : n_fft + hop_length * (frames - 1)]


def signal_to_frames(y: np.ndarray, spec: MelSpec) -> np.ndarray:
    """Transform ``(clips, n)`` to ``(clips, frames, bins)``."""
    from scipy.fft import rfft

    half = spec.n_fft // 2
    padded = np.pad(y, ((0, 0), (half, half)))
    return rfft(cut(padded, spec.n_fft, spec.hop_length) * window(spec.n_fft, y.dtype), axis=-1)


def frames_to_signal(D: np.ndarray, spec: MelSpec, length: int) -> np.ndarray:
    """Transform ``(clips, frames, bins)`` back to ``(clips, length)``."""
    from scipy.fft import irfft

    half = spec.n_fft // 2
    pieces = irfft(D, n=spec.n_fft, axis=-1)
    pieces *= window(spec.n_fft, pieces.dtype)
    total = overlap_add(pieces, spec.hop_length)
    total /= window_sum(spec.n_fft, spec.hop_length, D.shape[1], pieces.dtype)
    y = np.zeros((len(D), length), dtype=pieces.dtype)
    kept = min(length, total.shape[-1] - half)
    y[:, :kept] = total[:, half : half + kept]
    return y


class RoundTrip:
    """From a spectrum to its waveform and back to the spectrum, again and again, in memory that is set aside once.

    The waveform is 0 before its start and after its end, at `length` samples. `clips` is the most that come at once.
    """

    def __init__(self, clips: int, frames: int, spec: MelSpec, length: int, dtype: Any) -> None:
        n_fft, hop_length = spec.n_fft, spec.hop_length
        self.spec, self.window = spec, window(n_fft, dtype)
        sums = window_sum(n_fft, hop_length, frames, dtype)
        inside = slice(n_fft // 2, n_fft // 2 + min(length, len(sums) - n_fft // 2))
        self.inverse_sums = np.zeros_like(sums)
        self.inverse_sums[inside] = 1.0 / sums[inside]
        self.hops = np.empty((clips, frames + hops_per_frame(n_fft, hop_length) - 1, hop_length), dtype=dtype)
        self.padded = self.hops.reshape(clips, -1)[:, : len(sums)]
        self.pieces = cut(self.padded, n_fft, hop_length)
        self.windowed = np.empty((clips, frames, n_fft), dtype=dtype)

    def __call__(self, D: np.ndarray, *, lowest: float | None = None) -> np.ndarray:
        """Spectrum ``(clips, frames, bins)`` of the waveform of `D`; of what of it lies above `lowest`, where that is given."""
        from scipy.fft import irfft, rfft

        n = len(D)
        pieces = irfft(D, n=self.spec.n_fft, axis=-1)
        pieces *= self.window
        overlap_add(pieces, self.spec.hop_length, out=self.hops[:n])
        self.padded[:n] *= self.inverse_sums
        if lowest is not None:
            np.maximum(self.padded[:n], lowest, out=self.padded[:n])
        return rfft(np.multiply(self.pieces[:n], self.window, out=self.windowed[:n]), axis=-1)
