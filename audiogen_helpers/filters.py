"""Filters that keep their state from block to block: second-order sections, a resonant filter whose cut-off moves, a smooth limit.

Chapter: chapters/methods/modulation.ipynb
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._compiled import compiled
from audiogen_helpers._validation import check_array, check_audio, check_choice, check_number, check_sr
from audiogen_helpers.errors import ParameterError

__all__ = ["KINDS", "Filter", "MovingFilter", "biquad", "dc_blocker", "moving_filter", "response_db", "soft_limit"]

KINDS = ("low-pass", "high-pass", "band-pass", "notch", "peak", "low-shelf", "high-shelf")
_BUTTERWORTH = 0.5**0.5  # the q without a bump
_KNEE = 0.7  # where `soft_limit` begins to bend


def soft_limit(y: np.ndarray) -> np.ndarray:
    """`y` itself up to 0.7, bent smoothly beyond so that it stays within 1: a last guard, not an effect.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.

    Returns
    -------
    y : np.ndarray [same shape], ``|y| <= 1``
        Monotone in `y`, with a continuous slope. Where nothing exceeds 0.7 it is `y` itself, not a copy.

    Examples
    --------
    >>> soft_limit(np.array([0.5, -0.7, 0.8, 100.0])).round(3)
    array([ 0.5  , -0.7  ,  0.796,  1.   ])
    """
    size = np.abs(y)
    if size.max(initial=0.0) <= _KNEE:
        return y
    bent = _KNEE + (1.0 - _KNEE) * np.tanh((size - _KNEE) / (1.0 - _KNEE))
    return np.where(size > _KNEE, np.copysign(bent, y), y)


def biquad(kind: str, *, sr: int, f: float, q: float = _BUTTERWORTH, gain_db: float = 0.0) -> np.ndarray:
    """A filter of second order, made from its analogue model by the bilinear transform.

    Parameters
    ----------
    kind : {'low-pass', 'high-pass', 'band-pass', 'notch', 'peak', 'low-shelf', 'high-shelf'}
        Shape. The band-pass has gain 1 at its centre.
    sr : int > 0
        Sample rate, Hz.
    f : float in (0, sr / 2)
        Cut-off or centre, Hz; a shelf has half of its gain in dB there.
    q : float in (0, 1e6]
        Sharpness: the gain of a low-pass or high-pass at `f`, or centre over bandwidth. 0.707 has no bump.
    gain_db : float
        Gain of a peak or a shelf, dB.

    Returns
    -------
    sos : np.ndarray [shape=(1, 6)]
        ``b0, b1, b2, 1, a1, a2``, as ``scipy.signal.sosfilt`` takes it. Stable.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    R. Bristow-Johnson (1998), Cookbook formulae for audio EQ biquad filter coefficients.

    Examples
    --------
    >>> round(float(response_db(biquad("low-pass", sr=8000, f=1000.0), 1000.0, sr=8000)), 2)
    -3.01
    """
    kind, sr = check_choice(kind, name="kind", choices=KINDS), check_sr(sr)
    w = 2.0 * np.pi * check_number(f, name="f", above=0.0, below=sr / 2) / sr
    A = 10.0 ** (check_number(gain_db, name="gain_db", low=-120.0, high=120.0) / 40.0)
    c, alpha = float(np.cos(w)), float(np.sin(w)) / (2.0 * check_number(q, name="q", above=0.0, high=1e6))
    if kind in ("low-shelf", "high-shelf"):
        b, a = _shelf(1.0 if kind == "low-shelf" else -1.0, A=A, c=c, beta=2.0 * alpha * A**0.5)
    else:
        numerators = {
            "low-pass": ((1.0 - c) / 2.0, 1.0 - c, (1.0 - c) / 2.0),
            "high-pass": ((1.0 + c) / 2.0, -1.0 - c, (1.0 + c) / 2.0),
            "band-pass": (alpha, 0.0, -alpha),
            "notch": (1.0, -2.0 * c, 1.0),
            "peak": (1.0 + alpha * A, -2.0 * c, 1.0 - alpha * A),
        }
        width = alpha / A if kind == "peak" else alpha
        b, a = numerators[kind], (1.0 + width, -2.0 * c, 1.0 - width)
    return (np.array([*b, *a]) / a[0])[None]


def _shelf(turn: float, *, A: float, c: float, beta: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """A low shelf (`turn` 1), or the same with the axis of frequency turned round (-1)."""
    c = turn * c
    b = (A * (A + 1.0 - (A - 1.0) * c + beta), turn * 2.0 * A * (A - 1.0 - (A + 1.0) * c), A * (A + 1.0 - (A - 1.0) * c - beta))
    a = (A + 1.0 + (A - 1.0) * c + beta, turn * -2.0 * (A - 1.0 + (A + 1.0) * c), A + 1.0 + (A - 1.0) * c - beta)
    return b, a


def response_db(sos: np.ndarray, f: ArrayLike, *, sr: int) -> np.ndarray:
    """Gain of second-order sections at frequencies `f` (Hz), dB.

    Examples
    --------
    >>> response_db(biquad("peak", sr=8000, f=500.0, gain_db=6.0), [500.0], sr=8000).round(6)
    array([6.])
    """
    z = np.exp(-2j * np.pi * check_array(f, name="f") / check_sr(sr))
    H = np.ones(np.shape(z), dtype=complex)
    for b0, b1, b2, a0, a1, a2 in np.atleast_2d(sos):
        H = H * (b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z)
    return 20.0 * np.log10(np.maximum(np.abs(H), 1e-300))


class Filter:
    """Second-order sections with a memory: pieces filtered one after the other give what the whole would.

    Parameters
    ----------
    sos : np.ndarray [shape=(k, 6)]
        Sections, as `biquad` gives them; several are joined by ``np.concatenate``.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(100)
    >>> whole, parts = Filter(biquad("low-pass", sr=8000, f=500.0)), Filter(biquad("low-pass", sr=8000, f=500.0))
    >>> np.array_equal(whole(x), np.concatenate([parts(x[:30]), parts(x[30:])]))
    True
    """

    def __init__(self, sos: np.ndarray) -> None:
        self.sos = check_array(sos, name="sos", ndim=2).astype(np.float64)
        if self.sos.shape[1] != 6 or not len(self.sos):
            raise ParameterError(f"sos must have shape (k, 6); received shape {self.sos.shape}")
        self._state = np.zeros((len(self.sos), 2))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The next piece (n,), filtered."""
        from scipy.signal import sosfilt

        y, self._state = sosfilt(self.sos, x, zi=self._state)
        return y


def dc_blocker(sr: int, *, f: float = 10.0) -> Filter:
    """A filter that takes away what does not move: a high-pass of second order at `f` Hz."""
    return Filter(biquad("high-pass", sr=sr, f=f))


class MovingFilter:
    """A resonant filter whose cut-off may change with every sample, with a memory from piece to piece.

    Parameters
    ----------
    kind : {'low-pass', 'band-pass', 'high-pass'}
        What it lets through. The band-pass has gain 1 at its centre.
    sr : int > 0
        Sample rate, Hz.

    Notes
    -----
    Two integrators in a loop, discretised by the trapezoidal rule, so that at a fixed cut-off it equals `biquad` of the same kind,
    and stays stable however the cut-off moves.

    References
    ----------
    V. Zavalishin (2012), The Art of VA Filter Design.
    """

    def __init__(self, kind: str, *, sr: int) -> None:
        self.kind, self.sr = check_choice(kind, name="kind", choices=("low-pass", "band-pass", "high-pass")), check_sr(sr)
        self._state = np.zeros(2)

    def __call__(self, x: np.ndarray, *, cutoff: ArrayLike, q: ArrayLike = _BUTTERWORTH) -> np.ndarray:
        """The next piece (n,), filtered; `cutoff` (Hz) and `q` are numbers or have one value for each sample."""
        x = np.ascontiguousarray(x, dtype=np.float64)
        f = np.minimum(np.broadcast_to(np.asarray(cutoff, dtype=np.float64), x.shape), 0.49 * self.sr)
        g = np.tan(np.pi * np.ascontiguousarray(f) / self.sr)
        k = 1.0 / np.ascontiguousarray(np.broadcast_to(np.asarray(q, dtype=np.float64), x.shape))
        y = np.empty(len(x))
        _run(x, g, k, self._state, ("low-pass", "band-pass", "high-pass").index(self.kind), y)
        return y


def moving_filter(y: np.ndarray, *, sr: int, cutoff: ArrayLike, q: ArrayLike = _BUTTERWORTH, kind: str = "low-pass") -> np.ndarray:
    """A sound through a resonant filter whose cut-off moves.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, mono.
    sr : int > 0
        Sample rate, Hz.
    cutoff : float in (0, sr / 2), or np.ndarray [shape=(n,)]
        Cut-off or centre, Hz; held at 0.49 of the rate where it would pass it.
    q : float in [0.1, 200], or np.ndarray [shape=(n,)]
        Resonance: the gain at the cut-off. 0.707 has no bump.
    kind : {'low-pass', 'band-pass', 'high-pass'}
        What is let through.

    Returns
    -------
    y : np.ndarray [shape=(n,), float64]
        A resonance may exceed 1.

    Raises
    ------
    ParameterError
        If an argument is out of range or has another length.

    Examples
    --------
    >>> x = np.zeros(8000); x[0] = 1.0
    >>> h = moving_filter(x, sr=8000, cutoff=500.0, q=5.0)
    >>> round(float(20 * np.log10(np.abs(np.fft.rfft(h))[500])), 2)  # at the cut-off the gain is q: 14 dB
    13.98
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    f = check_array(cutoff, name="cutoff", ndim=(0, 1), above=0.0)
    check_number(float(np.min(f)), name="cutoff", below=sr / 2)
    quality = check_array(q, name="q", ndim=(0, 1), low=0.1, high=200.0)
    for name, values in (("cutoff", f), ("q", quality)):
        if values.ndim == 1 and values.shape != y.shape:
            raise ParameterError(f"{name} must be a number or have one value for each of {len(y)} samples; received shape {values.shape}")
    return MovingFilter(kind, sr=sr)(y, cutoff=f, q=quality)


@compiled
def _run(x, g, k, state, kind, y):
    """The loop of `MovingFilter`: two trapezoidal integrators; `state` is what they hold."""
    s1, s2 = state[0], state[1]
    for n in range(len(x)):
        high = (x[n] - (g[n] + k[n]) * s1 - s2) / (1.0 + g[n] * (g[n] + k[n]))
        band = g[n] * high + s1
        low = g[n] * band + s2
        s1 = g[n] * high + band
        s2 = g[n] * band + low
        if kind == 0:
            y[n] = low
        elif kind == 1:
            y[n] = k[n] * band
        else:
            y[n] = high
    state[0], state[1] = s1, s2
