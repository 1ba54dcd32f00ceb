"""What the checks of several chapters share: how a verdict is given, and a simple ear for pitch."""

from __future__ import annotations

import numpy as np

from audiogen_helpers.errors import ExerciseError

__all__ = ["expect", "passed", "pitch_of"]


def expect(right: bool, heard: str) -> None:
    """Raise :class:`ExerciseError` with what was heard unless `right`."""
    if not right:
        raise ExerciseError(f"Not yet: {heard}")


def passed(text: str) -> None:
    """Tell the reader that the answer is right."""
    print(f"Right. {text}")


def pitch_of(y: np.ndarray, *, sr: int) -> float:
    """Pitch of a steady tone, Hz: the first high peak of its autocorrelation, refined by a parabola; 0.0 for no pitch."""
    y = np.asarray(y, dtype=np.float64) - np.mean(y)
    spectrum = np.abs(np.fft.rfft(y, n=2 * len(y))) ** 2
    r = np.fft.irfft(spectrum)[: len(y) // 2] / np.arange(len(y), len(y) - len(y) // 2, -1)  # unbiased
    if r[0] <= 0.0:
        return 0.0
    peaks = 1 + np.flatnonzero((r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:]) & (r[1:-1] > 0.9 * r[0]))
    if not len(peaks):
        return 0.0
    lag = _summit(r, peaks[0])
    rounds = min(8, int((len(r) - 2) / (lag + 1)))  # eight periods later the same error of a lag counts an eighth
    near = round(rounds * lag)
    return float(sr * rounds / _summit(r, near - 1 + int(np.argmax(r[near - 1 : near + 2]))))


def _summit(r: np.ndarray, i: int) -> float:
    """Where the parabola through ``r[i - 1 : i + 2]`` is highest."""
    left, mid, right = r[i - 1 : i + 2]
    return float(i + 0.5 * (left - right) / (left - 2 * mid + right))
