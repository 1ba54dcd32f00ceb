"""Notes as numbers for a network: what a tune is made of, and what the network is told before each note.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array, show
from audiogen_helpers.deep import recurrent
from audiogen_helpers.errors import ModelError, ParameterError

__all__ = ["BAR", "FIELDS", "INSIDE", "LONGEST", "MOST_NOTES", "PHRASE_END", "TUNE_END", "Heard", "Words", "check_tunes", "whole_numbers"]

BAR = 16  # sixteenths
INSIDE, PHRASE_END, TUNE_END = 0, 1, 2
BARS, PHRASES = 8, 8  # counted up to here: bars since the phrase began, phrases since the tune did
MOST_NOTES, LONGEST = 4096, 4096  # notes of a tune, and sixteenths of a new one: what would come later is left out
FIELDS = ("pitch", "length", "kind", "place", "bar", "phrase", "label", "shift")


@dataclass(frozen=True)
class Words:
    """What notes are made of.

    Attributes
    ----------
    pitches : np.ndarray [shape=(n,), int64]
        MIDI numbers, rising; -1, a rest, may come first.
    lengths : np.ndarray [shape=(m,), int64]
        Sixteenths, rising.
    n_labels : int
        Labels; number `n_labels` stands for none.
    transpose : int
        Semitones that tunes may have been moved up or down.
    """

    pitches: np.ndarray
    lengths: np.ndarray
    n_labels: int
    transpose: int

    @classmethod
    def of(cls, tunes: list[np.ndarray], *, n_labels: int, transpose: int) -> Words:
        """All pitches between the lowest and the highest of these tunes, moved by up to `transpose`; rests and lengths that occur.

        Examples
        --------
        >>> Words.of([np.array([[60, 4], [62, 8]])], n_labels=0, transpose=1).pitches
        array([59, 60, 61, 62, 63])
        """
        notes = np.concatenate([tune[:, :2] for tune in tunes])
        sung, rest = notes[notes[:, 0] >= 0, 0], [-1] * int((notes[:, 0] < 0).any())
        if sung.size and (sung.min() - transpose < 12 or sung.max() + transpose > 120):
            raise ParameterError(f"transpose must leave MIDI numbers from 12 to 120; received {transpose}")
        pitches = np.arange(sung.min() - transpose, sung.max() + transpose + 1) if sung.size else np.zeros(0, dtype=np.int64)
        return cls(np.concatenate([rest, pitches]).astype(np.int64), np.unique(notes[:, 1]), n_labels, transpose)

    def knows(self, tune: np.ndarray) -> bool:
        """Whether the model can say this tune."""
        return bool(np.isin(tune[:, 0], self.pitches).all() and np.isin(tune[:, 1], self.lengths).all())

    def targets(self, tune: np.ndarray) -> np.ndarray:
        """A tune ``(notes, 2)`` or ``(notes, 3)`` as numbers of pitch, length and kind, ``(notes, 3)``."""
        kinds = (tune[:, 2] != 0).astype(np.int64) if tune.shape[1] > 2 else np.zeros(len(tune), dtype=np.int64)
        kinds[-1] = TUNE_END
        return np.column_stack([np.searchsorted(self.pitches, tune[:, 0]), np.searchsorted(self.lengths, tune[:, 1]), kinds])

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each of `FIELDS` has."""
        n, m = len(self.pitches), len(self.lengths)
        return (n + 1, m + 1, 4, BAR, BARS, PHRASES, self.n_labels + 1, 2 * self.transpose + 1)

    def inputs(self, targets: np.ndarray, *, label: int, shift: int = 0) -> np.ndarray:
        """What the network hears before each note, ``(notes, 8)``: row numbers into one table, one for each of `FIELDS`.

        The note before (before the first: "none"), where in the bar and the phrase the next one begins, the label and the shift.
        """
        heard = Heard(self, label=label, shift=shift)
        rows = np.empty((len(targets), len(FIELDS)), dtype=np.int32)
        for i, target in enumerate(targets):
            rows[i] = heard.row()
            heard.note(*target)
        return rows

    def ends(self, rows: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Where in the bar each note ends, from :meth:`inputs` and :meth:`targets`."""
        return (rows[:, 3] - sum(self.sizes[:3]) + self.lengths[targets[:, 1]]) % BAR

    def shapes(self, width: int) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight."""
        n, m, half = len(self.pitches), len(self.lengths), max(1, width // 2)
        cell = {f"rnn.{name}": shape for name, shape in recurrent.shapes("lstm", inputs=sum(self.sizes), width=width).items()}
        heads = {"pitch": (width, n), "pitch.bias": (n,)}
        heads |= {"length.in": (width, half), "length.pitch": (n, half), "length.out": (half, m), "length.bias": (m,)}
        heads |= {"kind.in": (width, half), "kind.pitch": (n, half), "kind.end": (BAR, half), "kind.out": (half, 3), "kind.bias": (3,)}
        return cell | heads


class Heard:
    """What has been heard of a tune so far, as the network is told it."""

    def __init__(self, words: Words, *, label: int, shift: int = 0) -> None:
        sizes = words.sizes
        self._words, self._offsets = words, np.cumsum([0, *sizes[:-1]])
        self._last = (sizes[0] - 1, sizes[1] - 1, 3)
        self._label, self._shift = words.n_labels if label < 0 else label, shift + words.transpose
        self.begun, self._phrase = 0, 0

    def row(self) -> np.ndarray:
        """Row numbers, one for each of `FIELDS`."""
        place = (self.begun % BAR, min(self.begun // BAR, BARS - 1), self._phrase)
        return self._offsets + np.array([*self._last, *place, self._label, self._shift])

    def note(self, pitch: int, length: int, kind: int) -> None:
        """One more note, by the numbers of its parts."""
        self._last = (pitch, length, kind)
        self.begun += int(self._words.lengths[length])
        if kind != INSIDE:
            self.begun, self._phrase = 0, min(self._phrase + 1, PHRASES - 1)


def check_tunes(tunes: Any) -> list[np.ndarray]:
    """Tunes as a list of int64 arrays ``(n, 2)`` or ``(n, 3)``; at least one, each of 1 to 4096 notes."""
    if not isinstance(tunes, Sequence) or not len(tunes):
        raise ParameterError(f"tunes must be a list of at least one array; received {show(tunes)}")
    found = []
    for i, tune in enumerate(tunes):
        array = check_array(tune, name=f"tunes[{i}]", ndim=2, low=-1, high=1024)
        notes = array.astype(np.int64)
        if not 1 <= len(notes) <= MOST_NOTES or notes.shape[1] not in (2, 3) or (notes != array).any() or notes[:, 1].min() < 1:
            raise ParameterError(f"tunes[{i}] must be whole numbers (n, 2) or (n, 3), n from 1 to {MOST_NOTES}; received {array.shape}")
        if notes[:, 0].max() > 120 or ((notes[:, 0] != -1) & (notes[:, 0] < 12)).any():
            raise ParameterError(f"tunes[{i}] must have MIDI numbers from 12 to 120, or -1 for a rest; received others")
        found.append(notes)
    return found


def whole_numbers(array: np.ndarray, name: str, low: int, high: int) -> np.ndarray:
    """Stored numbers as rising int64; :class:`ModelError` where they are no such."""
    whole = np.nan_to_num(array).astype(np.float64).round().clip(-2, 2**20).astype(np.int64)
    rising = name == "limits" or (np.diff(whole) > 0).all()
    unheard = name == "pitches" and ((whole != -1) & (whole < 12)).any()
    if not whole.size or (whole != array).any() or whole.min() < low or whole.max() > high or not rising or unheard:
        raise ModelError(f"weights {name} must be rising whole numbers from {low} to {high}; received {show(whole[:4].tolist())}")
    return whole
