"""Faults that need no recogniser: clips that are silent, clipped, off centre, or that click.

Each check is a share of clips, to be read beside the same share of real clips: recordings have faults too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from audiogen_helpers._validation import check_audio
from audiogen_helpers.errors import ParameterError

__all__ = ["Quality", "has_click", "is_clipped", "quality"]

SILENT_DB = -60.0
CLIPPED_AT, CLIPPED_RUN = 0.999, 3
OFF_CENTRE = 0.02
CLICK_RATIO, CLICK_WINDOW = 12.0, 64


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What :func:`quality` found; every field but the last is a share of clips, 0 to 1.

    Attributes
    ----------
    silent : float
        RMS level below -60 dB of full scale.
    clipped : float
        See :func:`is_clipped`.
    off_centre : float
        Mean beyond 0.02 of full scale (DC).
    clicks : float
        See :func:`has_click`.
    rms_db : float or None
        Median RMS level of the clips that are not silent, dB; None where all are.
    """

    silent: float
    clipped: float
    off_centre: float
    clicks: float
    rms_db: float | None

    def to_dict(self) -> dict[str, float | None]:
        """The fields as plain numbers."""
        return asdict(self)


def quality(clips: Sequence[np.ndarray]) -> Quality:
    """Share of clips with plain faults.

    Parameters
    ----------
    clips : sequence of np.ndarray [shape=(length,)], at least one
        Waveforms, full scale 1; lengths may differ.

    Returns
    -------
    found : Quality

    Examples
    --------
    >>> tone = np.sin(0.3 * np.arange(4000))
    >>> quality([0.5 * tone, np.zeros(4000), 0.5 * tone + 0.1, np.clip(2 * tone, -1, 1)]).to_dict()
    {'silent': 0.25, 'clipped': 0.25, 'off_centre': 0.25, 'clicks': 0.0, 'rms_db': -8.6...}
    """
    checked = [check_audio(y, name="clips", mono=True) for y in clips]
    if not checked:
        raise ParameterError("clips must hold at least one waveform; received none")
    power = np.array([np.mean(np.square(y, dtype=np.float64)) for y in checked])
    loud = power >= 10.0 ** (SILENT_DB / 10.0)
    return Quality(
        silent=float(np.mean(~loud)),
        clipped=float(np.mean([is_clipped(y) for y in checked])),
        off_centre=float(np.mean([abs(y.mean(dtype=np.float64)) > OFF_CENTRE for y in checked])),
        clicks=float(np.mean([has_click(y) for y in checked])),
        rms_db=float(np.median(10.0 * np.log10(power[loud]))) if loud.any() else None,
    )


def is_clipped(y: np.ndarray) -> bool:
    """Whether at least 3 samples in a row are at full scale (0.999 or more): a peak that was cut off.

    Examples
    --------
    >>> tone = np.sin(0.3 * np.arange(4000))
    >>> is_clipped(0.9 * tone), is_clipped(np.clip(1.5 * tone, -1, 1))
    (False, True)
    """
    full = np.abs(check_audio(y, mono=True)) >= CLIPPED_AT
    runs = np.convolve(full, np.ones(CLIPPED_RUN, dtype=np.int64), mode="valid") if len(full) >= CLIPPED_RUN else np.zeros(1)
    return bool(runs.max() >= CLIPPED_RUN)


def has_click(y: np.ndarray) -> bool:
    """Whether the waveform jumps: one bend far above all others nearby.

    The bend is the second difference. A click is a bend above a tenth of the clip's peak, and above 12 times the RMS of the
    bends in the 64 samples to either side (the nearest 2 excepted). A tone that starts or ends at full height is a click; one
    that fades is not.

    Examples
    --------
    >>> tone = 0.5 * np.sin(0.03 * np.arange(4000)) * np.hanning(4000)
    >>> jump = tone + 0.2 * (np.arange(4000) == 1000)
    >>> has_click(tone), has_click(jump)
    (False, True)
    """
    y = check_audio(y, mono=True).astype(np.float64)
    peak = np.abs(y).max()
    if peak == 0.0:
        return False
    bends = np.square(np.diff(np.pad(y, CLICK_WINDOW + 3), n=2))
    around = _window_sums(bends, CLICK_WINDOW) - _window_sums(bends, 2)
    inner = slice(CLICK_WINDOW + 1, len(bends) - CLICK_WINDOW - 1)
    loudest = bends[inner]
    limit = CLICK_RATIO**2 * around[inner] / (2 * CLICK_WINDOW - 4)
    return bool(np.any((loudest > (0.1 * peak) ** 2) & (loudest > limit)))


def _window_sums(values: np.ndarray, half: int) -> np.ndarray:
    """Sum of `values` from `half` before to `half` after each one."""
    total = np.concatenate([[0.0], np.cumsum(np.pad(values, half))])
    return total[2 * half + 1 :] - total[: -2 * half - 1]
