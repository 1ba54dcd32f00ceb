"""One period of a wave with exactly the partials that fit below half the sample rate, read at any pitch.

Reading a table of N points at a fractional place leaves errors where the interpolation is not exact. With 16 points or more to a
period of the highest partial and a cubic through four points, they stay more than 60 dB below that partial.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._streams import check_length
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry
from audiogen_helpers.units import seconds

__all__ = ["check_contour", "n_partials", "one_period", "phases", "read", "read_contour"]

_POINTS, _SMALLEST = 16, 2048  # of a table: to a period of the highest partial, and in all
_EACH, _STEP = 16, 2.0**0.25  # numbers of partials for which a contour has a table: up to 16 all, then four to an octave


def one_period(coefficients: np.ndarray) -> np.ndarray:
    """A table of one period, ``sum_k Re(coefficients[k - 1] exp(2 pi i k p))`` for phases p from 0 to 1, read-only.

    Its length is a power of two; three more points around it (one before, two after) spare the reader of it a wrap.
    """
    size = max(_SMALLEST, 2 ** int(np.ceil(np.log2(_POINTS * len(coefficients)))))
    spectrum = np.zeros(size // 2 + 1, dtype=np.complex128)
    spectrum[1 : len(coefficients) + 1] = 0.5 * size * np.asarray(coefficients)
    table = np.pad(np.fft.irfft(spectrum, n=size), (1, 2), mode="wrap")
    table.flags.writeable = False
    return table


def n_partials(f0: float, *, sr: int) -> int:
    """How many multiples of `f0` lie below half the sample rate."""
    return max(1, int(np.ceil(0.5 * sr / f0)) - 1)


def phases(f0: np.ndarray, *, sr: int) -> np.ndarray:
    """The phase, in periods from 0 to 1, that a tone of the pitch `f0` (n,) has reached at each sample; 0 at the first."""
    return np.mod(np.concatenate([[0.0], np.cumsum(f0[:-1] / sr)]), 1.0)


@compiled
def _cubic(table, phase, y):
    """The table at each phase, by the cubic through the four points around it (Lagrange's)."""
    size = len(table) - 3
    for n in range(len(phase)):
        place = phase[n] * size
        i = min(int(place), size - 1)
        t = place - i
        a, b, c, d = table[i], table[i + 1], table[i + 2], table[i + 3]
        y[n] = (
            -a * t * (t - 1.0) * (t - 2.0) / 6.0
            + b * (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
            - c * (t + 1.0) * t * (t - 2.0) / 2.0
            + d * (t + 1.0) * t * (t - 1.0) / 6.0
        )


def read(table: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """A table of `one_period` at phases (n,) from 0 to 1."""
    y = np.empty(len(phase))
    _cubic(table, phase, y)
    return y


def read_contour(table_of: Callable[[int], np.ndarray], f0: np.ndarray, *, sr: int, most: int | None = None) -> np.ndarray:
    """A tone whose pitch moves, (n,): partials fade out before they reach half the sample rate, so none comes or goes with a click.

    ``table_of(k)`` is the table with k partials. Between two of the numbers k for which there is a table, one fades into the other.
    """
    phase = phases(f0, sr=sr)
    room = 0.5 * sr / f0  # how many partials there is room for, not rounded
    counts = _counts(n_partials(float(f0.min()), sr=sr), most)
    above = np.searchsorted(counts, room, side="right") - 1  # the richest table that fits
    y = np.zeros(len(f0))
    for i in np.unique(above):
        here = np.flatnonzero(above == i)
        last = i + 1 >= len(counts)
        share = np.ones(len(here)) if last or i <= 0 else (room[here] - counts[i]) / (counts[i + 1] - counts[i])
        y[here] = share * read(table_of(int(counts[max(i, 0)])), phase[here])
        if i > 0 and not last:
            y[here] += (1.0 - share) * read(table_of(int(counts[i - 1])), phase[here])
    return y


def _counts(richest: int, most: int | None) -> np.ndarray:
    """Numbers of partials up to what the lowest pitch has room for, one more step above it, at most `most`."""
    counts = list(range(1, _EACH + 1))
    while counts[-1] <= richest:
        counts.append(round(counts[-1] * _STEP))
    counts = counts if most is None else [k for k in counts if k < most] + [most]
    return np.array(counts)


def check_contour(entry: Entry, f0: Any, *, sr: Any, duration: Any) -> tuple[np.ndarray, int]:
    """A pitch for each sample, checked against the range of `f0` of the entry, and the checked rate."""
    contour = check_array(f0, name="f0", ndim=1).astype(np.float64)
    if len(contour) < 1:
        raise ParameterError("f0 must be a number, or an array with at least one sample; received an empty array")
    length, sr = check_length(seconds(len(contour), sr=sr) if duration is None else duration, sr=sr)
    if length != len(contour):
        raise ParameterError(f"f0 must have one value for each of the {length} samples of duration; received {len(contour)} values")
    parameter = next(p for p in entry.parameters if p.name == "f0")
    for value in (contour.min(), contour.max()):
        parameter.check(float(value), sr=sr)
    return contour, sr
