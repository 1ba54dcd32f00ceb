"""Speech cut at its pitch marks and put together again: TD-PSOLA, for another pitch, another tempo, or a melody."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_audio, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.spectral.pitch import track_pitch

__all__ = ["ENTRIES", "pitch_marks", "psola"]

_UNVOICED = 0.008  # s from mark to mark where there is no pitch
_SLACK = 0.15  # of a period: how far the next mark may lie from where the track says


def psola(
    y: np.ndarray,
    *,
    sr: int,
    semitones: float = 0.0,
    stretch: float = 1.0,
    f0: float | ArrayLike | Callable[[np.ndarray], ArrayLike] | None = None,
    f_min: float = 60.0,
    f_max: float = 500.0,
) -> np.ndarray:
    """Give one voice another pitch and tempo: pieces of two periods, cut out around pitch marks, are laid down at another distance.

    A piece holds one pulse of the voice and its ringing, which is what the formants are; so they stay. Where there is no pitch,
    pieces of 16 ms are laid down as far apart as they were, every second repeat of one backwards, so that it does not buzz.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform of one voice, mono.
    sr : int > 0
        Sample rate, Hz.
    semitones : float, -24 to 24
        Up (above 0) or down; without effect where `f0` is given.
    stretch : float, 0.25 to 4
        New length over old.
    f0 : float, array or callable, optional
        Pitch wanted in the voiced parts, Hz: a number, values spread evenly over the new length, or a function of time (s, an array).
        From 20 Hz to sr / 4.
    f_min, f_max : float
        Where the pitch of the voice is looked for, Hz.

    Returns
    -------
    y : np.ndarray [shape=(round(n * stretch),)], of the float type of `y`
        At 0 semitones and no stretch, `y` itself. Pieces add up, so peaks may be higher than those of `y`. A hum, nearly a sine,
        gets softer upwards: by 4 dB at 7 semitones, and at 12 it is gone, because a window of two periods holds nothing there.

    Raises
    ------
    ParameterError
        If `y` is not mono or an argument is out of range.

    References
    ----------
    E. Moulines and F. Charpentier (1990), Pitch-synchronous waveform processing techniques for text-to-speech synthesis using
    diphones, Speech Communication 9(5-6), 453-467.

    Examples
    --------
    >>> t = np.arange(8000) / 8000
    >>> y = sum(np.sin(2 * np.pi * 100 * k * t) / k**2 for k in range(1, 9))
    >>> z = psola(y, sr=8000, semitones=7.0)
    >>> z.shape, int(np.argmax(np.abs(np.fft.rfft(z))))
    ((8000,), 150)
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    found = _PSOLA.settings({"semitones": semitones, "stretch": stretch, "f_min": f_min, "f_max": f_max})
    length = max(1, round(len(y) * found["stretch"]))
    target = None if f0 is None else _contour(f0, length, sr=sr)
    peak = float(np.abs(y).max())
    if peak == 0.0:
        return np.zeros(length, dtype=y.dtype)
    x = y.astype(np.float64) / peak
    marks, voiced = pitch_marks(x, sr=sr, f_min=found["f_min"], f_max=found["f_max"])
    return (_lay(x, marks, voiced, length, ratio=2.0 ** (found["semitones"] / 12.0), target=target, sr=sr) * peak).astype(y.dtype)


def _contour(f0: float | ArrayLike | Callable[[np.ndarray], ArrayLike], length: int, *, sr: int) -> np.ndarray:
    """The wanted pitch at each sample."""
    time = np.arange(length) / sr
    values = check_array(f0(time) if callable(f0) else f0, name="f0", ndim=(0, 1), low=20.0, high=sr / 4)
    if values.size == 0 or (callable(f0) and values.ndim and values.shape != time.shape):
        raise ParameterError(f"f0 must give one value for each of {length} samples; received shape {values.shape}")
    values = np.atleast_1d(values)
    return np.interp(np.linspace(0.0, 1.0, length), np.linspace(0.0, 1.0, len(values)), values)


def pitch_marks(y: np.ndarray, *, sr: int, f_min: float = 60.0, f_max: float = 500.0) -> tuple[np.ndarray, np.ndarray]:
    """One place in each period of a voice, the same in all of them, and places 8 ms apart where there is no pitch.

    From the highest peak of a voiced stretch the marks go both ways: a period on, as the pitch track says it, and there to where the
    sound is most like that around the mark before.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform of one voice.
    sr : int > 0
        Sample rate, Hz.
    f_min, f_max : float
        Where the pitch is looked for, Hz.

    Returns
    -------
    marks : np.ndarray [shape=(m,), int]
        Samples, increasing, at least one.
    voiced : np.ndarray [shape=(m,), bool]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> t = np.arange(4000) / 8000
    >>> marks, voiced = pitch_marks(np.cos(2 * np.pi * 100 * t) + np.cos(2 * np.pi * 200 * t), sr=8000)
    >>> set(np.diff(marks[voiced])) == {80}
    True
    """
    y, sr = check_audio(y, mono=True).astype(np.float64), check_sr(sr)
    top = min(f_max, 0.45 * sr)
    times, f0 = track_pitch(y, sr=sr, f_min=min(f_min, 0.5 * top), f_max=top)
    known = np.isfinite(f0)
    marks: list[int] = []
    flags: list[bool] = []
    step = max(2, round(_UNVOICED * sr))

    def fill(end: int) -> None:
        """Unvoiced marks up to nearly the sample `end`."""
        at = marks[-1] + step if marks else 0
        while at < end - step // 2:
            marks.append(at)
            flags.append(False)
            at += step

    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    for first, last in edges.reshape(-1, 2):
        if last - first < 3:
            continue
        low, high = int(times[first] * sr), min(len(y), int(times[last - 1] * sr) + 1)
        run = _voiced_marks(y, low, high, sr / np.interp(np.arange(low, high), times[first:last] * sr, f0[first:last]))
        run = [m for m in run if not marks or m > marks[-1] + 1]
        if run:
            fill(run[0])
            marks += run
            flags += [True] * len(run)
    fill(len(y) + step)
    return np.array(marks), np.array(flags)


def _voiced_marks(y: np.ndarray, low: int, high: int, period: np.ndarray) -> list[int]:
    """Marks from `low` to `high`; `period` in samples for each sample of this stretch."""
    size = int(np.ceil(period.max() * (1.0 + _SLACK))) + 2
    padded = np.pad(y, 2 * size)
    seed = low + int(np.argmax(np.abs(y[low:high])))
    found = [seed]
    for way in (1, -1):
        mark = seed
        while True:
            T = float(period[mark - low])
            half, slack = round(T / 2), max(1, round(_SLACK * T))
            guess = mark + way * round(T)
            if not low <= guess < high:
                break
            here = padded[mark + 2 * size - half : mark + 2 * size + half + 1]
            there = padded[guess + 2 * size - half - slack : guess + 2 * size + half + slack + 1]
            views = np.lib.stride_tricks.sliding_window_view(there, len(here))
            likeness = views @ here / np.sqrt(np.sum(np.square(views), axis=1) + 1e-9)
            mark = min(max(guess - slack + int(np.argmax(likeness)), low), high - 1)
            if mark == found[-1] or len(found) > 2 * (high - low):
                break
            found.append(mark)
    return sorted(set(found))


def _lay(
    y: np.ndarray, marks: np.ndarray, voiced: np.ndarray, length: int, *, ratio: float, target: np.ndarray | None, sr: int
) -> np.ndarray:
    """Lay pieces of `y` down: at each place of the output the piece whose mark is nearest in the time of the input."""
    stretch = length / len(y)
    step = max(2, round(_UNVOICED * sr))
    marks = np.concatenate([marks[:1] - step, marks, marks[-1:] + step])  # the first and last pieces lie half outside
    voiced = np.concatenate([[False], voiced, [False]])
    gaps = np.diff(np.concatenate([marks[:1] - step, marks, marks[-1:] + step]))
    margin = 2 * int(gaps.max()) + 3 * step
    padded = np.pad(y, margin)
    out = np.zeros(length + 2 * margin)
    middles = (marks[1:] + marks[:-1]) / 2
    at, previous, repeats = float(marks[0]) * stretch, -1, 0
    while at < length + margin:
        i = int(np.searchsorted(middles, at / stretch, side="right"))
        repeats = repeats + 1 if i == previous else 0
        left, right = int(gaps[i]), int(gaps[i + 1])
        piece = padded[margin + marks[i] - left : margin + marks[i] + right] * _hat(left, right)
        if voiced[i]:
            wanted = ratio if target is None else _wanted(target, at, sr=sr) * right / sr
            piece = piece / np.sqrt(max(wanted, 0.25))
        else:
            wanted = 1.0
            if repeats % 2:
                piece, left, right = piece[::-1], right, left
        start = round(at) - left + margin
        if 0 <= start <= len(out) - len(piece):
            out[start : start + len(piece)] += piece
        at += max(gaps[i + 1] / wanted, 2.0)
        previous = i
    return out[margin : margin + length]


def _wanted(target: np.ndarray, at: float, *, sr: int) -> float:
    """The wanted pitch in the middle of the period that starts at the sample `at`."""
    first = target[min(int(at), len(target) - 1)]
    return float(target[min(int(at + 0.5 * sr / first), len(target) - 1)])


def _hat(left: int, right: int) -> np.ndarray:
    """A window of two half cosines, `left` samples up and `right` down: those of neighbouring marks add up to 1."""
    up = 0.5 - 0.5 * np.cos(np.pi * np.arange(left) / left)
    down = 0.5 + 0.5 * np.cos(np.pi * np.arange(right) / right)
    return np.concatenate([up, down])


_PSOLA = Entry(
    name="psola",
    summary="Another pitch and tempo for one voice, its formants kept.",
    target="audiogen_helpers.transform.psola:psola",
    parameters=(
        Parameter(name="semitones", default=0.0, unit="semitones", low=-24.0, high=24.0, help="Up, or down below 0."),
        Parameter(name="stretch", default=1.0, low=0.25, high=4.0, help="New length over old."),
        Parameter(name="f_min", default=60.0, unit="Hz", low=30.0, high=400.0, help="Lowest pitch of the voice."),
        Parameter(name="f_max", default=500.0, unit="Hz", low=100.0, high=1500.0, help="Highest pitch of the voice."),
    ),
    extra={"mono": True, "length": "scaled"},
)

ENTRIES: tuple[Entry, ...] = (_PSOLA,)
