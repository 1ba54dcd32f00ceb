"""Tunes to learn from: notes with a key, phrases and a side of the split; in parts, or all of them in C.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from audiogen_helpers._validation import check_choice, check_integer, show
from audiogen_helpers.datasets.cards import Card
from audiogen_helpers.datasets.keys import MODES
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["Tune", "Tunes"]

_SPLITS = ("train", "test")
_NAMES = ("C", "C sharp", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")


@dataclass(frozen=True, kw_only=True)
class Tune:
    """One melody.

    Parameters
    ----------
    title : str
        What it is called.
    notes : np.ndarray [shape=(n, 2), int64]
        MIDI number (-1 is a rest) and length in sixteenths of each note, in order.
    tonic : int from 0 to 11
        The key's first degree: 0 is C.
    mode : {'major', 'minor'}
        Of the key.
    phrase_ends : np.ndarray [shape=(m,), int64]
        Numbers of the notes that end a phrase, rising; the last note is among them.
    time : str
        Time signature.
    pickup : int >= 0
        Sixteenths before the first bar line.
    melody : str
        The same for tunes that are one melody (in another setting).
    split : {'train', 'test'}
        Side of the split.

    Examples
    --------
    >>> from audiogen_helpers.datasets import load_tunes
    >>> tune = load_tunes("chorales").tunes[0]
    >>> tune.title, tune.key, tune.notes[:3].tolist()
    ('Ach Gott, vom Himmel sieh’ darein', 'D major', [[69, 4], [70, 4], [69, 4]])
    """

    title: str
    notes: np.ndarray
    tonic: int
    mode: str
    phrase_ends: np.ndarray
    time: str = "4/4"
    pickup: int = 0
    melody: str = ""
    split: str = "train"

    def __len__(self) -> int:
        return len(self.notes)

    @property
    def key(self) -> str:
        """Tonic and mode in words."""
        return f"{_NAMES[self.tonic]} {self.mode}"

    @property
    def bars(self) -> float:
        """Length in bars of its time signature, the pickup included."""
        beats, unit = map(int, self.time.split("/"))
        return float(self.notes[:, 1].sum()) * unit / (16 * beats)

    def in_c(self, *, phrases: bool = False) -> np.ndarray:
        """The notes in the key of C.

        Parameters
        ----------
        phrases : bool
            Whether a third column tells where phrases end.

        Returns
        -------
        notes : np.ndarray [shape=(n, 2) or (n, 3), int64]
            MIDI number, transposed so that the tonic nearest to the last note is 60 (-1 stays -1); length in sixteenths; 1 where a phrase
            ends, else 0.

        Examples
        --------
        >>> from audiogen_helpers.datasets import load_tunes
        >>> load_tunes("chorales").tunes[1].in_c(phrases=True)[-1]
        array([60,  4,  1])
        """
        pitched = self.notes[:, 0] >= 0
        last = int(self.notes[pitched, 0][-1])
        home = last - (last - self.tonic + 6) % 12 + 6  # the tonic within half an octave of the last note
        moved = np.column_stack([np.where(pitched, self.notes[:, 0] - home + 60, -1), self.notes[:, 1]])
        if not phrases:
            return moved
        ends = np.zeros(len(self), dtype=np.int64)
        ends[self.phrase_ends] = 1
        return np.column_stack([moved, ends])


@dataclass(frozen=True, kw_only=True, repr=False)
class Tunes:
    """Tunes with their keys as labels: what :func:`audiogen_helpers.datasets.load_tunes` gives. Taking a part gives a new one.

    Parameters
    ----------
    name : str
        A registered name, or the file's.
    source : {'bundled', 'public', 'file'}
        Where they come from.
    card : Card
        Licence, citation and the rest.
    tunes : tuple of Tune
        The tunes.

    Examples
    --------
    >>> from audiogen_helpers.datasets import load_tunes
    >>> load_tunes("chorales", split="test").select(label="minor")
    <Tunes chorales: 33 tunes, 33 in minor (bundled, public domain)>
    """

    name: str
    source: str
    card: Card
    tunes: tuple[Tune, ...]

    def __len__(self) -> int:
        return len(self.tunes)

    def __repr__(self) -> str:
        return f"<Tunes {self.describe()}>"

    def describe(self) -> str:
        """What this is, in one line for the reader.

        Examples
        --------
        >>> from audiogen_helpers.datasets import load_tunes
        >>> load_tunes("chorales").describe()
        'chorales: 339 tunes, 172 in major and 167 in minor (bundled, public domain)'
        """
        counts = " and ".join(f"{self.labels.count(mode)} in {mode}" for mode in MODES if mode in self.labels)
        origin = ", ".join(filter(None, (self.source, self.card.licence)))
        return f"{self.name}: {len(self)} tune{'s'[: len(self) != 1]}{', ' * bool(counts)}{counts} ({origin})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The mode of each tune."""
        return tuple(tune.mode for tune in self.tunes)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Every label there can be: major, minor."""
        return MODES

    @property
    def label_indices(self) -> np.ndarray:
        """Position of each tune's label in :attr:`label_names`, int64 ``(n,)``."""
        return np.array([MODES.index(label) for label in self.labels], dtype=np.int64)

    @property
    def splits(self) -> tuple[str, ...]:
        """Which side of the split each tune is on."""
        return tuple(tune.split for tune in self.tunes)

    def in_c(self, *, phrases: bool = False) -> list[np.ndarray]:
        """The notes of each tune in C: :meth:`Tune.in_c`."""
        return [tune.in_c(phrases=phrases) for tune in self.tunes]

    def subset(self, indices: Iterable[int]) -> Tunes:
        """The tunes with these numbers, in this order.

        Examples
        --------
        >>> from audiogen_helpers.datasets import load_tunes
        >>> len(load_tunes("chorales").subset([3, 1]))
        2
        """
        chosen = [check_integer(i, name="indices", low=-len(self), high=len(self) - 1) for i in indices]
        return replace(self, tunes=tuple(self.tunes[i] for i in chosen))

    def split(self, name: str) -> Tunes:
        """The ``'train'`` or the ``'test'`` tunes; `card.split` says how they were parted.

        Raises
        ------
        DataError
            If no tune is on that side.

        Examples
        --------
        >>> from audiogen_helpers.datasets import load_tunes
        >>> tunes = load_tunes("chorales")
        >>> {tune.melody for tune in tunes.split("train").tunes} & {tune.melody for tune in tunes.split("test").tunes}
        set()
        """
        check_choice(name, name="split", choices=_SPLITS)
        part = self.subset(i for i, tune in enumerate(self.tunes) if tune.split == name)
        if not len(part):
            raise DataError(f"split must have tunes; received {name!r} of {self.name}, which has none there ({self.card.split})")
        return part

    def select(self, *, label: str) -> Tunes:
        """The tunes in one mode.

        Raises
        ------
        ParameterError
            If no tune here is in it.

        Examples
        --------
        >>> from audiogen_helpers.datasets import load_tunes
        >>> len(load_tunes("chorales").select(label="major"))
        172
        """
        if label not in self.labels:
            raise ParameterError(f"label must be one of {', '.join(sorted(set(self.labels))) or 'none'}; received {show(label)}")
        return self.subset(i for i, tune in enumerate(self.tunes) if tune.mode == label)

    def content_hash(self) -> str:
        """SHA-256 of the titles and notes: the same in any order, another for other tunes.

        Examples
        --------
        >>> from audiogen_helpers.datasets import load_tunes
        >>> tunes = load_tunes("chorales")
        >>> tunes.content_hash() == tunes.subset(reversed(range(339))).content_hash() == tunes.card.content_sha256
        True
        """
        lines = sorted(f"{tune.title}\0{tune.notes.tolist()}\n" for tune in self.tunes)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
