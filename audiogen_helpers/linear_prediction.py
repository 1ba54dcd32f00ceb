"""Linear prediction: an all-pole filter whose spectrum follows the envelope of a sound, and what is left, the excitation.

Each sample is predicted from those before it; the filter ``A(z) = 1 + a[1] z^-1 + ...`` leaves the error of the prediction, the *residual*,
and ``1 / A`` turns the residual back into the sound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._validation import check_array, check_audio, check_integer, check_number, check_sr
from audiogen_helpers.errors import ParameterError

__all__ = ["Prediction", "analyse", "default_order", "envelope", "formants", "from_reflection", "levinson", "lpc", "to_reflection"]

_FLOOR = 1e-9  # white noise added, as a share of the power: 90 dB down; what keeps every filter stable
_SILENT = 1e-30  # power below which there is nothing to predict


def lpc(y: np.ndarray, *, order: int) -> np.ndarray:
    """Coefficients of the predictor of a piece of sound, by the autocorrelation method; the filter ``1 / A`` is always stable.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform; all of it is one frame, taken as zero outside. Window it first (a frame cut out with hard edges is predicted badly there).
    order : int >= 1
        Number of poles: two for each resonance, and a few for the slope.

    Returns
    -------
    a : np.ndarray [shape=(..., order + 1)]
        ``a[..., 0]`` is 1. For silence all others are 0.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J. Makhoul (1975), Linear prediction: a tutorial review, Proc. IEEE 63(4), 561-580.

    Examples
    --------
    >>> decay = 0.9 ** np.arange(200.0)  # each sample is 0.9 times the one before
    >>> lpc(decay, order=2).round(6) + 0.0
    array([ 1. , -0.9,  0. ])
    """
    y, order = check_audio(y), check_integer(order, name="order", low=1)
    peak = np.abs(y).max(axis=-1, keepdims=True).astype(np.float64)
    return levinson(_autocorrelation(y / np.where(peak > 0.0, peak, 1.0), order))[0]


def _autocorrelation(frames: np.ndarray, order: int) -> np.ndarray:
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(frames.shape[-1] + order, real=True)
    return irfft(np.square(np.abs(rfft(frames.astype(np.float64), n=size))), n=size)[..., : order + 1]


def levinson(r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The recursion of Levinson and Durbin: from an autocorrelation to the predictor, one order after the other.

    Parameters
    ----------
    r : np.ndarray [shape=(..., order + 1)]
        Autocorrelation at lags 0 to `order`. 1e-9 of lag 0 is added to it, as if there were noise 90 dB below the sound.

    Returns
    -------
    a : np.ndarray [shape=(..., order + 1)]
        Predictor, ``a[..., 0]`` 1.
    k : np.ndarray [shape=(..., order)]
        Reflection coefficients, between -1 and 1 for every autocorrelation of a sound.
    error : np.ndarray [shape=(...)]
        Power of the residual, in the units of `r`.

    Raises
    ------
    ParameterError
        If `r` has fewer than two lags or is not finite.

    Examples
    --------
    >>> a, k, error = levinson(np.array([1.0, 0.5, 0.25]))
    >>> a.round(6) + 0.0, float(error.round(6))
    (array([ 1. , -0.5,  0. ]), 0.75)
    """
    r = check_array(r, name="r").astype(np.float64)
    if r.ndim < 1 or r.shape[-1] < 2:
        raise ParameterError(f"r must have at least 2 lags on its last axis; received shape {r.shape}")
    order = r.shape[-1] - 1
    sound = r[..., 0] > _SILENT
    error = np.where(sound, r[..., 0] * (1.0 + _FLOOR), 1.0)
    a, k = np.zeros(r.shape), np.zeros((*r.shape[:-1], order))
    a[..., 0] = 1.0
    for m in range(1, order + 1):
        ahead = np.einsum("...i,...i->...", a[..., :m], r[..., m:0:-1])
        k[..., m - 1] = np.where(sound, -ahead / error, 0.0)
        a[..., : m + 1] += k[..., m - 1 : m] * a[..., m::-1].copy()
        error = error * (1.0 - np.square(k[..., m - 1]))
    return a, k, np.where(sound, error, 0.0)


def from_reflection(k: np.ndarray) -> np.ndarray:
    """Predictor of given reflection coefficients: stable for any between -1 and 1.

    Parameters
    ----------
    k : np.ndarray [shape=(..., order)]
        Reflection coefficients.

    Returns
    -------
    a : np.ndarray [shape=(..., order + 1)]

    Raises
    ------
    ParameterError
        If a coefficient is not between -1 and 1.

    Examples
    --------
    >>> from_reflection(np.array([-0.5, 0.2]))
    array([ 1. , -0.6,  0.2])
    """
    k = check_array(k, name="k", above=-1.0, below=1.0).astype(np.float64)
    if k.ndim < 1:
        raise ParameterError("k must have at least one dimension; received a single number")
    a = np.zeros((*k.shape[:-1], k.shape[-1] + 1))
    a[..., 0] = 1.0
    for m in range(1, k.shape[-1] + 1):
        a[..., : m + 1] += k[..., m - 1 : m] * a[..., m::-1].copy()
    return a


def to_reflection(a: np.ndarray) -> np.ndarray:
    """Reflection coefficients of a predictor, by running the recursion backwards.

    Parameters
    ----------
    a : np.ndarray [shape=(..., order + 1)]
        Predictor with ``a[..., 0]`` 1.

    Returns
    -------
    k : np.ndarray [shape=(..., order)]
        All between -1 and 1: this is the test of stability.

    Raises
    ------
    ParameterError
        If ``a[..., 0]`` is not 1, or ``1 / A`` is not stable.

    Examples
    --------
    >>> to_reflection(np.array([1.0, -0.6, 0.2])).round(6)
    array([-0.5,  0.2])
    """
    a = _check_predictor(a).copy()
    k = np.zeros((*a.shape[:-1], a.shape[-1] - 1))
    for m in range(k.shape[-1], 0, -1):
        last = a[..., m].copy()
        if (np.abs(last) >= 1.0).any():
            raise ParameterError(f"a must belong to a stable filter; received a reflection coefficient of {np.abs(last).max():.6g}")
        k[..., m - 1] = last
        a[..., : m + 1] = (a[..., : m + 1] - last[..., None] * a[..., m::-1]) / (1.0 - np.square(last))[..., None]
    return k


def _check_predictor(a: np.ndarray) -> np.ndarray:
    a = check_array(a, name="a").astype(np.float64)
    if a.ndim < 1 or a.shape[-1] < 2 or not np.all(a[..., 0] == 1.0):
        raise ParameterError(f"a must have a 1 and at least one more coefficient on its last axis; received shape {a.shape}")
    return a


def envelope(a: np.ndarray, *, n_fft: int) -> np.ndarray:
    """Magnitude of ``1 / A`` at the frequencies of a Fourier transform: the envelope of the spectrum, up to a gain.

    Parameters
    ----------
    a : np.ndarray [shape=(..., order + 1)]
        Predictor.
    n_fft : int > order
        Size of the transform.

    Returns
    -------
    magnitude : np.ndarray [shape=(..., 1 + n_fft // 2)]

    Raises
    ------
    ParameterError
        If `a` is no predictor or `n_fft` is too small for it.

    Examples
    --------
    >>> envelope(np.array([1.0, -0.5]), n_fft=4).round(4)
    array([2.    , 0.8944, 0.6667])
    """
    a = _check_predictor(a)
    n_fft = check_integer(n_fft, name="n_fft", low=a.shape[-1])
    return 1.0 / np.maximum(np.abs(np.fft.rfft(a, n=n_fft)), 1e-12)


def formants(a: np.ndarray, *, sr: int, max_bandwidth: float = 500.0) -> tuple[np.ndarray, np.ndarray]:
    """Resonances of a predictor, from the roots of `A`: a pole at ``r exp(i w)`` rings at `w` and is ``-ln(r) sr / pi`` Hz wide.

    Parameters
    ----------
    a : np.ndarray [shape=(order + 1,)]
        Predictor.
    sr : int > 0
        Sample rate, Hz.
    max_bandwidth : float > 0
        Wider poles shape the slope and are left out, Hz.

    Returns
    -------
    frequencies, bandwidths : np.ndarray [shape=(k,)]
        Hz, from low to high.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> pole = np.exp(-np.pi * 80 / 8000 + 2j * np.pi * 700 / 8000)
    >>> f, width = formants(np.poly([pole, pole.conj()]), sr=8000)
    >>> f.round(6), width.round(6)
    (array([700.]), array([80.]))
    """
    a, sr = _check_predictor(a), check_sr(sr)
    if a.ndim != 1:
        raise ParameterError(f"a must be one predictor, shape (order + 1,); received shape {a.shape}")
    widest = check_number(max_bandwidth, name="max_bandwidth", above=0.0)
    roots = np.roots(a)
    roots = roots[roots.imag > 1e-9]
    f, width = np.angle(roots) * sr / (2.0 * np.pi), -np.log(np.maximum(np.abs(roots), 1e-12)) * sr / np.pi
    found = np.flatnonzero(width < widest)
    found = found[np.argsort(f[found])]
    return f[found], width[found]


def default_order(sr: int) -> int:
    """Poles for a voice: one for each kilohertz of the rate (a resonance in each kilohertz of sound), and four for the slope.

    Examples
    --------
    >>> default_order(16000)
    20
    """
    return 4 + round(check_sr(sr) / 1000)


@dataclass(frozen=True)
class Prediction:
    """A sound taken apart: one predictor for each frame, and the residual.

    Attributes
    ----------
    k : np.ndarray [shape=(frames, order)]
        Reflection coefficients at samples 0, `hop`, 2 `hop`, ...; between them they are interpolated.
    gain : np.ndarray [shape=(frames,)]
        RMS of the residual around each frame, in the units of the sound.
    residual : np.ndarray [shape=(n,)]
        What the predictors leave.
    hop : int
        From frame to frame, samples.
    """

    k: np.ndarray
    gain: np.ndarray
    residual: np.ndarray
    hop: int

    @property
    def a(self) -> np.ndarray:
        """Predictors of the frames, shape (frames, order + 1)."""
        return from_reflection(self.k)

    def gain_at(self, n: int) -> np.ndarray:
        """The gain at each of `n` samples, interpolated."""
        return np.interp(np.arange(n) / self.hop, np.arange(len(self.gain)), self.gain)

    def synthesise(self, excitation: np.ndarray | None = None) -> np.ndarray:
        """An excitation (n,) through the filters ``1 / A``; with the residual, the default, the sound itself comes back.

        An excitation of RMS `gain` gives about the level of the sound. The last frame is held where the excitation is longer.
        """
        e = self.residual if excitation is None else check_audio(excitation, name="excitation", mono=True)
        return _colour(np.ascontiguousarray(e, dtype=np.float64), self.k, self.hop)


def analyse(y: np.ndarray, *, sr: int, order: int | None = None, frame: float = 0.03, hop: float = 0.01) -> Prediction:
    """Take a sound apart into filters that move and an excitation.

    A lattice filter runs the residual: its reflection coefficients are interpolated from frame to frame, sample by sample, so nothing
    clicks; and the lattice of the synthesis undoes it step by step, so that the sound comes back whatever the coefficients.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, mono.
    sr : int > 0
        Sample rate, Hz.
    order : int >= 1, optional
        Poles; `default_order` if not given. Fewer than a frame has samples.
    frame, hop : float > 0
        Length of the (Hann) windows and way from one to the next, s.

    Returns
    -------
    prediction : Prediction
        ``prediction.synthesise()`` is `y` within 1e-9 of its peak.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.random.default_rng(0).standard_normal(8000)
    >>> parts = analyse(y, sr=8000)
    >>> bool(np.allclose(parts.synthesise(), y, atol=1e-9)), parts.k.shape
    (True, (101, 12))
    """
    y, sr = check_audio(y, mono=True).astype(np.float64), check_sr(sr)
    step = max(1, round(check_number(hop, name="hop", above=0.0) * sr))
    size = max(4, round(check_number(frame, name="frame", above=0.0) * sr))
    order = min(default_order(sr), size - 1) if order is None else check_integer(order, name="order", low=1, high=size - 1)
    frames = 2 + (len(y) - 1) // step
    half = size // 2
    peak = max(float(np.abs(y).max()), np.finfo(np.float64).tiny)
    padded = np.pad(y / peak, (half, half + size + step * frames - len(y)))
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(size) + 0.5) / size)
    r = np.empty((frames, order + 1))
    for first in range(0, frames, 512):  # some at a time, so that memory does not grow with the length
        starts = step * np.arange(first, min(first + 512, frames))
        r[first : first + 512] = _autocorrelation(np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * window, order)
    _, k, error = levinson(r)
    gain = peak * np.sqrt(error / np.sum(np.square(window)))
    return Prediction(k=k, gain=gain, residual=_whiten(y, k, step), hop=step)


@compiled
def _whiten(y, k, hop):
    """The analysis lattice: what of `y` is left by filters whose reflection coefficients are interpolated between frames."""
    frames, order = k.shape
    back = np.zeros(order + 1)
    out = np.empty_like(y)
    now = np.empty(order)
    for n in range(len(y)):
        i = min(n // hop, frames - 1)
        j = min(i + 1, frames - 1)
        part = (n - i * hop) / hop
        for m in range(order):
            now[m] = k[i, m] + part * (k[j, m] - k[i, m])
        ahead = y[n]
        late = back[0]
        back[0] = y[n]
        for m in range(order):
            keep = back[m + 1]
            back[m + 1] = late + now[m] * ahead
            ahead += now[m] * late
            late = keep
        out[n] = ahead
    return out


@compiled
def _colour(e, k, hop):
    """The synthesis lattice: the inverse of `_whiten`."""
    frames, order = k.shape
    back = np.zeros(order + 1)
    out = np.empty_like(e)
    for n in range(len(e)):
        i = min(n // hop, frames - 1)
        j = min(i + 1, frames - 1)
        part = min((n - i * hop) / hop, 1.0)
        ahead = e[n]
        for m in range(order - 1, -1, -1):
            now = k[i, m] + part * (k[j, m] - k[i, m])
            ahead -= now * back[m]
            back[m + 1] = back[m] + now * ahead
        back[0] = ahead
        out[n] = ahead
    return out
