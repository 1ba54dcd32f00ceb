"""Mending clicks: samples that neither what comes before nor what comes after predicts are thrown away and filled in."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_audio, check_integer, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.linear_prediction import lpc
from audiogen_helpers.registry import Entry, Parameter

__all__ = ["ENTRIES", "declick", "fill_in", "find_clicks"]

_BLOCK, _LOCAL = 0.06, 0.02  # s: one model of the sound; one estimate of the usual size of its residual
_LONGEST = 0.003  # s: a longer stretch is no click
_MOST = 0.15  # share of a block: where more is suspect, it is the sound that is like this
_FLOOR = 1e-4  # of the peak: what is fainter surprises nobody
_MAD = 0.6745  # median of |x| over the standard deviation of normal x
_ROUNDS = 4  # a model of the mended sound finds more clicks, and mends better
_GROUP = 400  # unknown samples that are solved for at once, at most


def declick(y: np.ndarray, *, sr: int, threshold: float = 10.0) -> np.ndarray:
    """Find clicks of up to about 3 ms, by dust, scratches or lost samples, and fill in what was probably there.

    In stretches of 60 ms the sound is modelled by linear prediction. A click surprises the prediction forward from the past and
    the one backward from the future: samples where both residuals exceed `threshold` times their usual size are clicks
    (`find_clicks`). They are replaced by the samples that make the residual least (`fill_in`). All other samples stay as
    they are. It is done four times, from the second on with models of the mended sound.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform; each channel is treated on its own. Clips shorter than four times the order of the model (``2 + sr / 1000``,
        32 at most) come back unchanged.
    sr : int > 0
        Sample rate, Hz.
    threshold : float, 3 to 100
        Lower finds fainter clicks, and takes more of the sharp edges of the sound itself for clicks.

    Returns
    -------
    y : np.ndarray [same shape and float type]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    A. J. E. M. Janssen, R. N. J. Veldhuis and L. B. Vries (1986), IEEE Trans. Acoust. Speech Signal Process. 34(2), 317-330: filling in;
    S. J. Godsill and P. J. W. Rayner (1998), Digital Audio Restoration, Springer: detection.

    Examples
    --------
    >>> tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> scratched = tone.copy()
    >>> scratched[[2000, 2001, 5000]] += [0.8, -0.5, 0.3]
    >>> float(np.abs(declick(scratched, sr=8000) - tone).max()) < 1e-3
    True
    """
    y, sr = check_audio(y), check_sr(sr)
    threshold = check_number(threshold, name="threshold", low=3.0, high=100.0)
    peak = float(np.abs(y).max())
    order = min(32, 2 + sr // 1000)
    out = y.reshape(-1, y.shape[-1]).copy()
    if peak == 0.0 or y.shape[-1] < 4 * order:
        return out.reshape(y.shape)
    for channel in out:
        heard = channel.astype(np.float64) / peak
        mended = heard
        for _ in range(_ROUNDS):
            found = find_clicks(heard, sr=sr, order=order, threshold=threshold, model=mended)
            if not found.any():
                break
            mended = _fill_groups(mended, heard, found, order, reach=round(_BLOCK * sr))
        channel[found] = (mended[found] * peak).astype(y.dtype)
    return out.reshape(y.shape)


def find_clicks(y: np.ndarray, *, sr: int, order: int, threshold: float, model: np.ndarray | None = None) -> np.ndarray:
    """Which samples both predictions are surprised by.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    order : int > 0
        Order of the prediction.
    threshold : float > 0
        In multiples of the usual size of the residual: its median magnitude over 20 ms, or over the block if that is more, but at
        least 1e-4 of the peak of the whole.
    model : np.ndarray [shape=(n,)], optional
        Sound that the models are made from, `y` if not given.

    Returns
    -------
    clicks : np.ndarray [shape=(n,), bool]
        Each with one sample more on either side, those not farther apart than ``order / 2`` joined (the middle of a scratch may be
        smooth); stretches longer than 3 ms are left out.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = 0.1 * np.random.default_rng(0).standard_normal(1000)
    >>> y[500] = 3.0
    >>> np.flatnonzero(find_clicks(y, sr=8000, order=10, threshold=8.0))
    array([499, 500, 501])
    """
    y = check_audio(y, mono=True)
    model = y if model is None else check_audio(model, name="model", mono=True)
    order, threshold = check_integer(order, name="order", low=1), check_number(threshold, name="threshold", above=0.0)
    block = max(4 * order, round(_BLOCK * check_sr(sr)))
    found, floor = np.zeros(len(y), dtype=bool), _FLOOR * float(np.abs(y).max())
    for at in range(0, len(y), block):
        low, high = max(0, at - block // 2), min(len(y), at + block + block // 2)
        wide = _surprises(y[low:high], _prediction(model[low:high], order), threshold, round(_LOCAL * sr), floor)
        part = wide[at - low : at - low + block]
        found[at : at + block] = part if part.mean() <= _MOST else False
    clicks = np.zeros(len(y), dtype=bool)
    for first, last in _joined(_runs(found), order // 2):
        if last - first <= _LONGEST * sr:
            clicks[max(0, first - 1) : last + 1] = True
    return clicks


def _prediction(y: np.ndarray, order: int) -> np.ndarray:
    """Coefficients ``1, a_1, ..., a_p`` of the prediction error of a stretch of sound, under a Hann window."""
    return lpc(y * np.hanning(len(y) + 2)[1:-1], order=order)


def _surprises(y: np.ndarray, a: np.ndarray, threshold: float, local: int, floor: float) -> np.ndarray:
    """Samples whose residuals of both directions are far above their usual size."""
    ahead = np.abs(np.convolve(y, a)[: len(y)])
    behind = np.abs(np.convolve(y[::-1], a)[: len(y)][::-1])
    both = np.minimum(ahead, behind)
    usual = np.maximum(max(floor, float(np.median(both))), _local_median(both, min(2 * local, len(y))))
    return both > threshold * usual / _MAD


def _local_median(x: np.ndarray, width: int) -> np.ndarray:
    """Median over `width` samples around each sample, worked out at every quarter of that width."""
    step = max(1, width // 4)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, (width // 2, width), mode="edge"), width)[::step]
    return np.repeat(np.median(windows, axis=-1), step)[: len(x)]


def fill_in(y: np.ndarray, missing: np.ndarray, a: np.ndarray) -> np.ndarray:
    """The waveform with its missing samples chosen so that the energy of the prediction error is least.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform; what stands at the missing samples does not matter.
    missing : np.ndarray [shape=(n,), bool]
        Samples to fill in.
    a : np.ndarray [shape=(order + 1,)], a[0] = 1
        Coefficients of the prediction error.

    Returns
    -------
    y : np.ndarray [shape=(n,)]

    Raises
    ------
    ParameterError
        If shapes do not fit.

    Examples
    --------
    >>> w = 2 * np.pi * 0.05
    >>> y = np.sin(w * np.arange(30))
    >>> gap = (np.arange(30) >= 12) & (np.arange(30) < 17)
    >>> bool(np.allclose(fill_in(np.where(gap, 9.0, y), gap, np.array([1.0, -2 * np.cos(w), 1.0])), y))  # a sine obeys its recursion
    True
    """
    y, a = check_audio(y, mono=True).astype(np.float64), check_array(a, name="a", ndim=1)
    missing = np.asarray(missing, dtype=bool)
    if missing.shape != y.shape or len(a) > len(y):
        raise ParameterError(f"missing must have the shape of y, {y.shape}, and a be no longer; received {missing.shape} and {a.shape}")
    if not missing.any():
        return y
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(len(y)), len(a))  # the samples that each error is made of
    errors = np.zeros((len(windows), len(y)))
    np.put_along_axis(errors, windows, np.broadcast_to(a[::-1], windows.shape), axis=1)
    out = np.where(missing, 0.0, y)
    out[missing] = np.linalg.lstsq(errors[:, missing], -errors @ out, rcond=None)[0]
    return out


def _fill_groups(model: np.ndarray, heard: np.ndarray, missing: np.ndarray, order: int, *, reach: int) -> np.ndarray:
    """Fill in the missing samples of `heard`, those near one another together; the model of each place comes from `model` around it."""
    out = heard.copy()
    for first, last in _joined(_runs(missing), order, most=_GROUP):
        low, high = max(0, first - order), min(len(heard), last + order)
        wide = slice(max(0, first - reach), min(len(heard), last + reach))
        if high - low > order:
            out[low:high] = fill_in(out[low:high], missing[low:high] & _between(low, high, first, last), _prediction(model[wide], order))
    return out


def _between(low: int, high: int, first: int, last: int) -> np.ndarray:
    at = np.arange(low, high)
    return (at >= first) & (at < last)


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First index, and the one after the last, of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(runs: list[tuple[int, int]], gap: int, *, most: int | None = None) -> list[tuple[int, int]]:
    """Runs, those with at most `gap` between them made one, as long as that one has at most `most` samples."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and first - joined[-1][1] <= gap and (most is None or last - joined[-1][0] <= most):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="declick",
        summary="Find clicks, throw their samples away and fill in what was probably there.",
        target="audiogen_helpers.transform.declick:declick",
        parameters=(Parameter(name="threshold", default=10.0, low=3.0, high=100.0, help="Lower finds fainter clicks."),),
        extra={"mono": False, "length": "same"},
    ),
)
