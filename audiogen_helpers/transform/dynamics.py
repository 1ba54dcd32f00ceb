"""Compressor and limiter: less difference between loud and soft."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._validation import check_array, check_audio, check_number, check_sr
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.transform._steps import Step, per_channel, render
from audiogen_helpers.units import db_to_gain, n_samples

__all__ = ["ENTRIES", "compressor", "gain_curve", "limiter"]

_SILENCE_DB = -400.0


def compressor(
    y: np.ndarray,
    *,
    sr: int,
    threshold_db: float = -20.0,
    ratio: float = 4.0,
    knee_db: float = 6.0,
    attack: float = 0.005,
    release: float = 0.1,
    makeup_db: float = 0.0,
) -> np.ndarray:
    """Turn down what is louder than a threshold: of each `ratio` dB above it, one is left.

    The level is the magnitude of the sample, of the louder channel where there are several, so that the image does not move. The
    gain that `gain_curve` asks for is followed in decibels by a one-pole smoother, with `attack` on the way down and `release`
    on the way up. Causal: it may run in blocks. What comes before the gain has gone down passes louder.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    threshold_db : float, -80 to 0
        Level above which it acts, dB of full scale.
    ratio : float, 1 to 100
        Decibels in for one decibel out, above the knee; 1 changes nothing.
    knee_db : float, 0 to 40
        Width of the rounded corner around the threshold, dB.
    attack, release : float, 0.0001 to 1 and 0.001 to 5
        Time constants, s: after each, 63 % of the way in decibels is done.
    makeup_db : float, 0 to 40
        Gain afterwards, dB. With it the output may exceed 1.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    D. Giannoulis, M. Massberg and J. D. Reiss (2012), J. Audio Eng. Soc. 60(6), 399-408: feed-forward, smooth in decibels.

    Examples
    --------
    >>> loud = np.full(8000, 1.0)  # 20 dB above the threshold: 5 dB above it are left
    >>> round(float(20 * np.log10(compressor(loud, sr=8000)[-1])), 2)
    -15.0
    """
    settings = {
        "threshold_db": threshold_db,
        "ratio": ratio,
        "knee_db": knee_db,
        "attack": attack,
        "release": release,
        "makeup_db": makeup_db,
    }
    return render(_COMPRESSOR, y, sr=sr, **settings)


def gain_curve(level_db: np.ndarray, *, threshold_db: float, ratio: float, knee_db: float = 0.0) -> np.ndarray:
    """Gain in decibels, at most 0, that a compressor gives to a steady level.

    Parameters
    ----------
    level_db : np.ndarray
        Levels, dB.
    threshold_db, ratio, knee_db : float
        As for `compressor`. Within the knee the curve is a parabola that meets both straight parts with their slopes.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> gain_curve(np.array([-30.0, -20.0, -8.0, 0.0]), threshold_db=-20.0, ratio=4.0)
    array([  0.,   0.,  -9., -15.])
    """
    over = check_array(level_db, name="level_db") - check_number(threshold_db, name="threshold_db")
    slope = 1.0 / check_number(ratio, name="ratio", low=1.0) - 1.0
    knee = check_number(knee_db, name="knee_db", low=0.0)
    rounded = np.square(over + knee / 2) / (2 * knee) if knee > 0.0 else 0.0
    return slope * np.where(over >= knee / 2, over, np.where(over > -knee / 2, rounded, 0.0)) + 0.0  # no -0


def start_compressor(
    sr: int, *, threshold_db: float, ratio: float, knee_db: float, attack: float, release: float, makeup_db: float
) -> Step:
    """The step of `compressor`."""
    down, up = np.exp(-1.0 / (sr * np.array([attack, release])))

    def make(channels: int) -> Step:
        state = np.zeros(1)

        def step(block: np.ndarray) -> np.ndarray:
            peaks = np.abs(block).max(axis=0) if block.size else np.zeros(0)
            level = np.log10(peaks, out=np.full(peaks.shape, _SILENCE_DB / 20.0), where=peaks > 10.0 ** (_SILENCE_DB / 20.0)) * 20.0
            gain_db = gain_curve(level, threshold_db=threshold_db, ratio=ratio, knee_db=knee_db)
            return block * 10.0 ** ((_smooth(gain_db, down, up, state) + makeup_db) / 20.0)

        return step

    return per_channel(make)


@compiled
def _smooth(wanted, down, up, state):
    """One-pole smoothing with a coefficient each for falling and rising; `state` holds the last value."""
    out = np.empty_like(wanted)
    value = state[0]
    for n in range(len(wanted)):
        keep = down if wanted[n] < value else up
        value = keep * value + (1.0 - keep) * wanted[n]
        out[n] = value
    state[0] = value
    return out


def limiter(
    y: np.ndarray, *, sr: int, ceiling_db: float = -1.0, gain_db: float = 0.0, lookahead: float = 0.005, release: float = 0.1
) -> np.ndarray:
    """Keep every sample within a ceiling, without clipping: the gain goes down before the peak comes.

    The gain that each sample needs is made to hold for all of `lookahead` before it (a moving minimum), rises back with `release`,
    and is then averaged over `lookahead`. Each average is over values that were low enough for this very sample, so no
    sample exceeds the ceiling. Channels share one gain. Samples are meant: the curve between two of them may go higher.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform of any level; nothing is delayed.
    sr : int > 0
        Sample rate, Hz.
    ceiling_db : float, -60 to 0
        Highest level of a sample, dB of full scale.
    gain_db : float, -40 to 40
        Gain before limiting, dB.
    lookahead : float, 0 to 0.1
        Time in which the gain goes down, s; at 0 it goes down at once, which is heard as distortion.
    release : float, 0.001 to 5
        Time constant of the way back, s.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.array([0.1, 0.1, 4.0, 0.1, 0.1])
    >>> limiter(y, sr=8000, ceiling_db=0.0, lookahead=0.00025, release=0.001).round(2)
    array([0.08, 0.05, 1.  , 0.03, 0.03])
    """
    y, sr = check_audio(y), check_sr(sr)
    found = _LIMITER.settings({"ceiling_db": ceiling_db, "gain_db": gain_db, "lookahead": lookahead, "release": release}, sr=sr)
    ceiling = np.asarray(db_to_gain(found["ceiling_db"]), dtype=y.dtype)
    flat = y.reshape(-1, y.shape[-1]).astype(np.float64) * float(db_to_gain(found["gain_db"]))
    peaks = np.abs(flat).max(axis=0)
    needed = float(ceiling) / np.maximum(peaks, float(ceiling))
    gain = _hold_and_ramp(needed, n_samples(found["lookahead"], sr=sr), np.exp(-1.0 / (sr * found["release"])))
    return np.clip((flat * gain).astype(y.dtype), -ceiling, ceiling).reshape(y.shape)  # what is clipped is the last bit only


def _hold_and_ramp(needed: np.ndarray, ahead: int, keep: float) -> np.ndarray:
    """The moving minimum over the next `ahead` samples, let go slowly, averaged over the last `ahead`."""
    from scipy.ndimage import minimum_filter1d

    padded = np.concatenate([np.ones(ahead), needed])  # the ramp of a peak near the start begins before it
    size = ahead + 1
    lowest = minimum_filter1d(padded, size, origin=-(size // 2), mode="constant", cval=1.0) if ahead else padded
    held = _let_go(lowest, keep)
    total = np.concatenate([[0.0], np.cumsum(1.0 - held)])  # of what is missing from 1, which is mostly 0: no rounding adds up
    return 1.0 - (total[size:] - total[:-size]) / size


@compiled
def _let_go(lowest, keep):
    """Falls at once, rises towards 1 by a one-pole, and is never above what it is given."""
    out = np.empty_like(lowest)
    value = 1.0
    for n in range(len(lowest)):
        value = min(lowest[n], 1.0 - keep * (1.0 - value))
        out[n] = value
    return out


_COMPRESSOR = Entry(
    name="compressor",
    summary="Turn down what is louder than a threshold.",
    target="audiogen_helpers.transform.dynamics:compressor",
    parameters=(
        Parameter(name="threshold_db", default=-20.0, unit="dB", low=-80.0, high=0.0, help="Level above which it acts."),
        Parameter(name="ratio", default=4.0, low=1.0, high=100.0, help="Decibels in for one decibel out."),
        Parameter(name="knee_db", default=6.0, unit="dB", low=0.0, high=40.0, help="Width of the rounded corner."),
        Parameter(name="attack", default=0.005, unit="s", low=0.0001, high=1.0, help="Time constant of the way down."),
        Parameter(name="release", default=0.1, unit="s", low=0.001, high=5.0, help="Time constant of the way back."),
        Parameter(name="makeup_db", default=0.0, unit="dB", low=0.0, high=40.0, help="Gain afterwards."),
    ),
    extra={"mono": False, "length": "same", "stream": "audiogen_helpers.transform.dynamics:start_compressor"},
)
_LIMITER = Entry(
    name="limiter",
    summary="Keep every sample within a ceiling, without clipping.",
    target="audiogen_helpers.transform.dynamics:limiter",
    parameters=(
        Parameter(name="ceiling_db", default=-1.0, unit="dB", low=-60.0, high=0.0, help="Highest level of a sample."),
        Parameter(name="gain_db", default=0.0, unit="dB", low=-40.0, high=40.0, help="Gain before limiting."),
        Parameter(name="lookahead", default=0.005, unit="s", low=0.0, high=0.1, help="Time in which the gain goes down."),
        Parameter(name="release", default=0.1, unit="s", low=0.001, high=5.0, help="Time constant of the way back."),
    ),
    extra={"mono": False, "length": "same"},
)

ENTRIES: tuple[Entry, ...] = (_COMPRESSOR, _LIMITER)
