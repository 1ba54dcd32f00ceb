"""The loader of each registered dataset: which clip has which label, speaker and side of the split."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from audiogen_helpers.datasets.cards import LIBROSA_FILES, Card, info
from audiogen_helpers.datasets.dataset import Dataset
from audiogen_helpers.datasets.places import clip_files
from audiogen_helpers.errors import DataError

__all__ = ["digits", "fsdd", "librosa_examples"]

_DIGIT_NAME = re.compile(r"(?P<label>\d)_(?P<group>[^_]+)_(?P<index>\d+)\.(wav|flac)")


def digits(folder: Path) -> Dataset:
    """The bundled spoken digits: files ``{digit}_{voice}_{index}.flac``; the card beside them names the test voices.

    Raises
    ------
    DataError
        If a clip is missing or has another name, or the card cannot be read.

    Examples
    --------
    >>> from audiogen_helpers.datasets.places import locate
    >>> digits(locate("digits")).splits.count("test")
    200
    """
    try:
        test = set(json.loads((folder / "card.json").read_text(encoding="utf-8"))["split"]["test"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"dataset digits must have a sound card.json; received {folder}: {error}") from error
    return _spoken_digits(info("digits"), folder, lambda voice, index: voice in test)


def fsdd(folder: Path) -> Dataset:
    """The Free Spoken Digit Dataset: files ``{digit}_{speaker}_{index}.wav``, indices 0 to 4 for testing.

    Raises
    ------
    DataError
        If a clip is missing or has another name.

    Examples
    --------
    >>> fsdd(Path("no such folder"))
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.DataError: dataset fsdd must have 3000 clips named digit_speaker_index; received 0 in no such folder
    """
    return _spoken_digits(info("fsdd"), folder, lambda speaker, index: index < 5)


def librosa_examples(folder: Path) -> Dataset:
    """Those of librosa's example recordings that are in a folder laid out as librosa's cache; the label is the key.

    ``librosa.ex(key)`` reads the very same files if ``LIBROSA_DATA_DIR`` names the folder before librosa is imported.

    Raises
    ------
    DataError
        If none is there.

    Examples
    --------
    >>> librosa_examples(Path("no such folder"))
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.DataError: dataset librosa-examples must have at least one recording; received no such folder
    """
    card = info("librosa-examples")
    found = [(key, folder / f"{stem}.ogg") for key, stem in sorted(LIBROSA_FILES.items()) if (folder / f"{stem}.ogg").is_file()]
    if not found:
        raise DataError(f"dataset {card.name} must have at least one recording; received {folder}")
    n = len(found)
    keys = tuple(key for key, _ in found)
    return _make(card, folder, paths=tuple(path for _, path in found), labels=keys, groups=("",) * n, splits=("train",) * n)


def _spoken_digits(card: Card, folder: Path, is_test: Callable[[str, int], bool]) -> Dataset:
    paths = [path for path in clip_files(folder) if path.suffix in (".wav", ".flac")]
    parts = [_DIGIT_NAME.fullmatch(path.name) for path in paths]
    named = [(path, part["label"], part["group"], int(part["index"])) for path, part in zip(paths, parts, strict=True) if part]
    if len(named) != card.count or len(paths) != card.count:
        raise DataError(
            f"dataset {card.name} must have {card.count} clips named digit_{card.group}_index; received {len(named)} in {folder}"
        )
    return _make(
        card,
        folder,
        paths=tuple(path for path, *_ in named),
        labels=tuple(label for _, label, _, _ in named),
        groups=tuple(group for _, _, group, _ in named),
        splits=tuple("test" if is_test(group, index) else "train" for _, _, group, index in named),
    )


def _make(card: Card, folder: Path, **per_clip: tuple) -> Dataset:
    names = tuple(sorted(set(per_clip["labels"])))
    return Dataset(name=card.name, source=card.kind, root=folder, sr=card.sr, label_names=names, card=card, **per_clip)
