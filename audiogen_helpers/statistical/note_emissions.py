"""What a hidden state of a melody lets out: a pitch and a length, and whether a phrase or the tune ends there.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, choose, safe_log

__all__ = ["BAR", "BEAT", "INSIDE", "PHRASE_END", "TUNE_END", "NoteEmissions", "Vocabulary", "note_kinds", "positions"]

INSIDE, PHRASE_END, TUNE_END = 0, 1, 2  # kinds of notes, and of states: a state lets out one kind only
BEAT, BAR = 4, 16  # sixteenths
_LOWEST, _HIGHEST, _LONGEST = 12, 120, 1024  # MIDI numbers that are pitches (-1 is a rest), and the longest note


def note_kinds(notes: np.ndarray) -> np.ndarray:
    """Kind of each note of a tune ``(n, 2)`` or ``(n, 3)``: the last is `TUNE_END`, where the third column is not 0 `PHRASE_END`.

    Examples
    --------
    >>> note_kinds(np.array([[60, 4, 0], [62, 4, 1], [60, 8, 1]]))
    array([0, 1, 2])
    """
    kinds = (notes[:, 2] != 0).astype(np.int64) if notes.shape[1] > 2 else np.zeros(len(notes), dtype=np.int64)
    kinds[-1] = TUNE_END
    return kinds


def positions(lengths: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Where each note begins: sixteenths since the beginning of its phrase, modulo a bar of 16.

    Examples
    --------
    >>> positions(np.array([4, 8, 8, 2, 2]), np.array([0, 0, 1, 0, 2]))
    array([ 0,  4, 12,  0,  2])
    """
    begins = np.cumsum(lengths) - lengths
    first = np.concatenate([[True], kinds[:-1] != INSIDE])
    return (begins - np.maximum.accumulate(np.where(first, begins, 0))) % BAR


@dataclass(frozen=True)
class Vocabulary:
    """Pitches and lengths that a model knows; other code speaks of them by their numbers here.

    Parameters
    ----------
    pitches : np.ndarray [shape=(n_pitches,), int64]
        MIDI numbers 12 to 120, rising; -1, a rest, may come first.
    lengths : np.ndarray [shape=(n_lengths,), int64]
        Sixteenths, 1 to 1024, rising.

    Examples
    --------
    >>> words = Vocabulary.of([np.array([[60, 4], [64, 8]])])
    >>> words.pitches, words.lengths
    (array([60, 61, 62, 63, 64]), array([4, 8]))
    """

    pitches: np.ndarray
    lengths: np.ndarray

    def __post_init__(self) -> None:
        for name, low, high in (("pitches", -1, _HIGHEST), ("lengths", 1, _LONGEST)):
            array = check_array(getattr(self, name), name=name, ndim=1, low=low, high=high)
            whole = array.astype(np.int64)
            if not whole.size or (whole != array).any() or (np.diff(whole) <= 0).any():
                raise ParameterError(f"{name} must be rising whole numbers; received {array[:8]}")
            object.__setattr__(self, name, whole)
        wrong = self.pitches[(self.pitches != -1) & (self.pitches < _LOWEST)]
        if wrong.size:
            raise ParameterError(f"pitches must be MIDI numbers from {_LOWEST} to {_HIGHEST}, or -1; received {wrong[0]}")

    @classmethod
    def of(cls, tunes: list[np.ndarray]) -> Vocabulary:
        """All pitches between the lowest and the highest of these tunes, the rest if there is one, and all lengths that occur."""
        notes = np.concatenate([tune[:, :2] for tune in tunes])
        sung = notes[notes[:, 0] >= 0, 0]
        pitches = np.arange(sung.min(), sung.max() + 1) if sung.size else np.zeros(0, dtype=np.int64)
        return cls(np.concatenate([[-1] * int((notes[:, 0] < 0).any()), pitches]), np.unique(notes[:, 1]))

    def knows(self, tune: np.ndarray) -> bool:
        """Whether all pitches and lengths of a tune are in it."""
        return bool(np.isin(tune[:, 0], self.pitches).all() and np.isin(tune[:, 1], self.lengths).all())

    def observations(self, tune: np.ndarray) -> np.ndarray:
        """A tune as rows of four whole numbers: number of the pitch, number of the length, kind of note, position."""
        if not self.knows(tune):
            raise ParameterError("tunes must have pitches and lengths that the model knows; received one with others")
        kinds = note_kinds(tune)
        pitch, length = np.searchsorted(self.pitches, tune[:, 0]), np.searchsorted(self.lengths, tune[:, 1])
        return np.column_stack([pitch, length, kinds, positions(tune[:, 1], kinds)])


@dataclass(frozen=True)
class NoteEmissions:
    """Pitch and length, each with probabilities of its own in each state; the length knows where in the bar the note begins.

    A state's kind is fixed: it lets out notes within a phrase, at the end of one, or at the end of the tune. The length of a note within
    a phrase depends on the state and on where in the beat it begins (so that a lone eighth is followed by another), that of a note at an
    end on where in the bar (so that phrases fill bars).

    Parameters
    ----------
    kinds : np.ndarray [shape=(k,), int64]
        Kind of each state.
    pitch : np.ndarray [shape=(k, n_pitches)]
        Probabilities; rows sum to 1.
    length : np.ndarray [shape=(k, 16, n_lengths)]
        Probabilities for each position; those of states within a phrase repeat every 4.
    prior_pitch : np.ndarray [shape=(3, n_pitches)], optional
        For each kind of note, how often :meth:`reestimate` takes each pitch as seen in each state beforehand, per unit of `smoothing`.
        All alike where not given.
    prior_length : np.ndarray [shape=(3, 16, n_lengths)], optional
        The same for lengths.

    Examples
    --------
    >>> e = NoteEmissions(kinds=np.array([0, 2]), pitch=np.eye(2), length=np.full((2, 16, 1), 1.0))
    >>> np.exp(e.log_probability(np.array([[0, 0, 0, 0], [1, 0, 2, 4]])))
    array([[1., 0.],
           [0., 1.]])
    """

    kinds: np.ndarray
    pitch: np.ndarray
    length: np.ndarray
    prior_pitch: np.ndarray | None = None
    prior_length: np.ndarray | None = None

    def __post_init__(self) -> None:
        k = len(self.kinds)
        kinds = check_array(self.kinds, name="kinds", ndim=1, low=INSIDE, high=TUNE_END)
        if k == 0 or (kinds != kinds.astype(np.int64)).any():
            raise ParameterError(f"kinds must be one whole number for each state; received {self.kinds!r}")
        object.__setattr__(self, "kinds", kinds.astype(np.int64))
        pitch, length = check_distribution(self.pitch, name="pitch"), check_distribution(self.length, name="length")
        if pitch.ndim != 2 or len(pitch) != k or length.ndim != 3 or length.shape[:2] != (k, BAR):
            raise ParameterError(f"pitch and length must have shapes (k, n) and (k, {BAR}, m); received {pitch.shape} and {length.shape}")
        object.__setattr__(self, "pitch", pitch)
        object.__setattr__(self, "length", length)

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.kinds)

    @property
    def n_parameters(self) -> int:
        """Free numbers."""
        places = np.where(self.kinds == INSIDE, BEAT, BAR)
        return int(self.n_states * (self.pitch.shape[1] - 1) + places.sum() * (self.length.shape[2] - 1))

    def prepare(self, X: Any, *, name: str = "X") -> np.ndarray:
        """Observations as :meth:`Vocabulary.observations` makes them, checked."""
        array = check_array(X, name=name, ndim=2, low=0)
        rows = array.astype(np.int64)
        limits = np.array([self.pitch.shape[1], self.length.shape[2], TUNE_END + 1, BAR])
        if not len(rows) or rows.shape[1] != 4 or (rows != array).any() or (rows >= limits).any():
            raise ParameterError(f"{name} must be rows of 4 whole numbers below {limits.tolist()}; received shape {array.shape}")
        return rows

    @cached_property
    def _logs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        right = safe_log((self.kinds[:, None] == np.arange(TUNE_END + 1)).astype(np.float64))
        return safe_log(self.pitch).T, np.moveaxis(safe_log(self.length), 0, 2), right.T

    def log_probability(self, X: np.ndarray) -> np.ndarray:
        """Of each observation in each state, natural logarithm, shape (n, k); the position is given, not predicted."""
        pitch, length, right = self._logs
        return np.ascontiguousarray(pitch[X[:, 0]] + length[X[:, 3], X[:, 1]] + right[X[:, 2]])

    def sample(self, states: np.ndarray, *, rng: RNGLike = None, lengths: np.ndarray | None = None) -> np.ndarray:
        """An observation for each state of a path; positions follow from the lengths drawn, of `lengths` sixteenths (1, 2, 3, ...)."""
        rng = generator(rng)
        sixteenths = np.arange(1, self.length.shape[2] + 1) if lengths is None else lengths
        X = np.zeros((len(states), 4), dtype=np.int64)
        position = 0
        for row, state in zip(X, states, strict=True):
            row[:] = choose(self.pitch[state], rng), choose(self.length[state, position], rng), self.kinds[state], position
            position = (position + sixteenths[row[1]]) % BAR if row[2] == INSIDE else 0
        return X

    def reestimate(self, X: np.ndarray, posterior: np.ndarray, *, floor: float | np.ndarray = 0.0, smoothing: float = 0.0) -> NoteEmissions:
        """The most likely emissions where note `t` is of state `j` with weight ``posterior[t, j]``, given the priors times `smoothing`."""
        k, n_pitches, n_lengths = self.n_states, self.pitch.shape[1], self.length.shape[2]
        pitch = np.zeros((n_pitches, k))
        np.add.at(pitch, X[:, 0], posterior)
        length = np.zeros((BAR, n_lengths, k))
        np.add.at(length, (X[:, 3], X[:, 1]), posterior)
        inside = self.kinds == INSIDE
        tied = length.reshape(BAR // BEAT, BEAT, n_lengths, k).sum(axis=0)
        length = np.where(inside, np.tile(tied, (BAR // BEAT, 1, 1)), length)
        prior_pitch = np.full((TUNE_END + 1, n_pitches), 1.0 / n_pitches) if self.prior_pitch is None else self.prior_pitch
        prior_length = np.full((TUNE_END + 1, BAR, n_lengths), 1.0 / n_lengths) if self.prior_length is None else self.prior_length
        return replace(
            self,
            pitch=_shares(pitch.T + smoothing * prior_pitch[self.kinds], self.pitch),
            length=_shares(np.moveaxis(length, 2, 0) + smoothing * prior_length[self.kinds], self.length),
        )

    def raised(self, floor: float | np.ndarray) -> NoteEmissions:
        """Itself: it has no variances."""
        return self


def _shares(counts: np.ndarray, old: np.ndarray) -> np.ndarray:
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 1e-10, counts / np.where(total > 1e-10, total, 1.0), old)
