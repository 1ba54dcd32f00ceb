"""What every loader gives: clips with labels, a card, and the ways to take a part of them or all of them at once."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audiogen_helpers import audio
from audiogen_helpers._validation import check_choice, check_integer, check_sr, show
from audiogen_helpers.datasets.cards import Card
from audiogen_helpers.datasets.content import content_digest, portable_text
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["Dataset"]

_SPLITS = ("train", "test")


@dataclass(frozen=True, kw_only=True, repr=False)
class Dataset:
    """Clips on disk with their labels. Nothing is decoded before it is asked for; taking a part gives a new one.

    Parameters
    ----------
    name : str
        A registered name, or the folder's.
    source : {'bundled', 'public', 'folder'}
        Where the clips come from.
    root : Path
        Folder that the clips lie in.
    sr : int
        Rate that clips are given at, Hz.
    paths : tuple of Path
        One file per clip.
    labels : tuple of str
        One per clip; ``''`` where clips have none.
    label_names : tuple of str
        Every label of the whole set, sorted; empty where there are none. A part keeps them all, so that label 3 stays label 3.
    groups : tuple of str
        Speaker or voice per clip, ``''`` where unknown.
    splits : tuple of {'train', 'test'}
        Which side of the split each clip is on.
    card : Card
        Licence, citation and the rest.
    skipped : tuple of str
        Files that could not be read and were left out, each with the reason.

    Examples
    --------
    >>> from audiogen_helpers import datasets
    >>> digits = datasets.load("digits")
    >>> digits
    <Dataset digits: 1000 clips of 10 labels by 20 voices at 8000 Hz (bundled, CC BY 4.0)>
    >>> digits.select(label="7").split("test").arrays(length=8000)[0].shape
    (20, 8000)
    """

    name: str
    source: str
    root: Path
    sr: int
    paths: tuple[Path, ...]
    labels: tuple[str, ...]
    label_names: tuple[str, ...]
    groups: tuple[str, ...]
    splits: tuple[str, ...]
    card: Card
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.paths), len(self.labels), len(self.groups), len(self.splits)}
        if len(lengths) != 1:
            raise ParameterError(f"paths, labels, groups and splits must have one item per clip; received lengths {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"<Dataset {self.describe()}>"

    def describe(self) -> str:
        """What this is, in one line for the reader: name, clips, labels, groups, rate, origin and licence.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> datasets.load("digits", split="test").describe()
        'digits: 200 clips of 10 labels by 4 voices at 8000 Hz (bundled, CC BY 4.0)'
        """
        labels, groups = len(set(self.labels) - {""}), len(set(self.groups) - {""})
        parts = [f"{self.name}: {_count(len(self), 'clip')}"]
        if labels:
            parts.append(f"of {_count(labels, 'label')}")
        if groups:
            parts.append(f"by {_count(groups, self.card.group or 'group')}")
        return " ".join([*parts, f"at {self.sr} Hz ({', '.join(filter(None, (self.source, self.card.licence)))})"])

    @property
    def names(self) -> tuple[str, ...]:
        """Path of each clip below :attr:`root`, with forward slashes: the same on every machine."""
        return tuple(portable_text(os.path.relpath(path, self.root).replace(os.sep, "/")) for path in self.paths)

    @property
    def label_indices(self) -> np.ndarray:
        """Position of each clip's label in :attr:`label_names`, int64 ``(n,)``; all 0 where clips have no labels."""
        index = {label: i for i, label in enumerate(self.label_names)}
        return np.array([index.get(label, 0) for label in self.labels], dtype=np.int64)

    def clip(self, i: int) -> tuple[np.ndarray, int]:
        """Clip number `i`, mixed down to mono.

        Parameters
        ----------
        i : int
            From 0; negative numbers count from the end.

        Returns
        -------
        y : np.ndarray [shape=(n,), float32]
        sr : int
            Always :attr:`sr`: a file of another rate is resampled.

        Raises
        ------
        DataError
            If the file is damaged or gone.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> y, sr = datasets.load("digits").clip(0)
        >>> y.dtype.name, y.ndim, sr
        ('float32', 1, 8000)
        """
        path = self.paths[check_integer(i, name="i", low=-len(self), high=len(self) - 1)]
        y, _ = audio.read(path, sr=self.sr, mono=True)
        return y, self.sr

    def arrays(self, *, length: int, sr: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Every clip, cut or padded with zeros at the end to one length.

        Parameters
        ----------
        length : int > 0
            Samples of each row, at `sr`.
        sr : int, optional
            Rate of the rows, Hz; :attr:`sr` unless given.

        Returns
        -------
        Y : np.ndarray [shape=(n, length), float32]
        label_indices : np.ndarray [shape=(n,), int64]

        Raises
        ------
        DataError
            If a file is damaged or gone.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> Y, labels = datasets.load("digits", split="test").arrays(length=4000)
        >>> Y.shape, labels.shape
        ((200, 4000), (200,))
        """
        length = check_integer(length, name="length", low=1)
        rate = self.sr if sr is None else check_sr(sr)
        Y = np.zeros((len(self), length), dtype=np.float32)
        for row, path in zip(Y, self.paths, strict=True):
            y, _ = audio.read(path, sr=rate, mono=True)
            row[: min(length, len(y))] = y[:length]
        return Y, self.label_indices

    def subset(self, indices: Iterable[int]) -> Dataset:
        """The clips with these numbers, in this order.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> len(datasets.load("digits").subset(range(0, 1000, 100)))
        10
        """
        chosen = [check_integer(i, name="indices", low=-len(self), high=len(self) - 1) for i in indices]

        def pick(items: tuple) -> tuple:
            return tuple(items[i] for i in chosen)

        return replace(self, paths=pick(self.paths), labels=pick(self.labels), groups=pick(self.groups), splits=pick(self.splits))

    def split(self, name: str) -> Dataset:
        """The ``'train'`` or the ``'test'`` clips; which is which is decided once per set (`card.split` says how).

        Raises
        ------
        DataError
            If no clip is on that side.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> digits = datasets.load("digits")
        >>> set(digits.split("train").groups) & set(digits.split("test").groups)
        set()
        """
        check_choice(name, name="split", choices=_SPLITS)
        part = self.subset(i for i, split in enumerate(self.splits) if split == name)
        if not len(part):
            raise DataError(f"split must have clips; received {name!r} of {self.name}, which has none there ({self.card.split})")
        return part

    def select(self, *, label: str | None = None, group: str | None = None) -> Dataset:
        """The clips of one label, of one group (speaker, voice), or of both.

        Raises
        ------
        ParameterError
            If no clip here has that label or group.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> len(datasets.load("digits").select(label="0"))
        100
        """
        for what, wanted, present in (("label", label, self.labels), ("group", group, self.groups)):
            if wanted is not None and wanted not in present:
                raise ParameterError(f"{what} must be one of {', '.join(sorted(set(present))) or 'none'}; received {show(wanted)}")
        clips = enumerate(zip(self.labels, self.groups, strict=True))
        return self.subset(i for i, (a, b) in clips if label in (None, a) and group in (None, b))

    def content_hash(self) -> str:
        """SHA-256 of the clips' names and bytes: the same on every machine, in any order, another for other clips.

        Examples
        --------
        >>> from audiogen_helpers import datasets
        >>> digits = datasets.load("digits", split="test")
        >>> digits.content_hash() == digits.subset(reversed(range(200))).content_hash()
        True
        """
        return content_digest(zip(self.names, self.paths, strict=True))


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
