"""One door to every set of tunes: a registered name or a JSON file goes in, Tunes come out.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers._files import check_input_file
from audiogen_helpers._validation import check_array, check_choice, check_integer, check_text, show
from audiogen_helpers.datasets.cards import DATASETS, Card, info
from audiogen_helpers.datasets.keys import MODES, estimate_key
from audiogen_helpers.datasets.places import locate
from audiogen_helpers.datasets.tunes import Tune, Tunes
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["chorales", "jsb", "load_tunes"]

_SPLITS = ("train", "test")
_MOST = 1_000_000  # notes of a tune, and sixteenths of a note, at most


def load_tunes(data: str | os.PathLike[str] | Tunes, *, split: str | None = None) -> Tunes:
    """Tunes by the name of a registered set, or from a table of one's own. Nothing is downloaded here.

    Parameters
    ----------
    data : str, path or Tunes
        ``'chorales'`` (bundled), ``'jsb'`` (after ``audiogen data fetch jsb``), or a JSON file,
        ``{"tunes": [{"notes": [[67, 4], ...]}, ...]}``, where a tune may also have title, tonic, mode (both estimated by
        :func:`audiogen_helpers.datasets.keys.estimate_key` where missing), time, pickup, phrase_ends, melody and split. Tunes are passed
        through.
    split : {None, 'train', 'test'}
        All tunes, or one side of the split.

    Returns
    -------
    tunes : Tunes
        The set ``'jsb'`` is a grid of sixteenths, which does not tell a held note from one sung again: repeated pitches become one note.
        It has no phrases (each tune is one), titles or keys either; keys are estimated. Its parts train and valid are the train side.

    Raises
    ------
    ParameterError
        If `data` is no set of tunes and no file, or `split` is none of its choices.
    DataError
        If the set is not here, or a file is damaged.

    Examples
    --------
    >>> load_tunes("chorales", split="train")
    <Tunes chorales: 272 tunes, 138 in major and 134 in minor (bundled, public domain)>
    """
    if split is not None:
        check_choice(split, name="split", choices=_SPLITS)
    tunes = _load(data)
    return tunes if split is None else tunes.split(split)


def _load(data: str | os.PathLike[str] | Tunes) -> Tunes:
    if isinstance(data, Tunes):
        return data
    if isinstance(data, str) and data in DATASETS:
        card = info(data)
        if card.media != "notes":
            raise ParameterError(
                f"data must be a set of tunes ({', '.join(_sets())}) or a JSON file; received {data!r}, whose clips load() reads"
            )
        folder = locate(data)
        if folder is None:
            fix = f"restore data/{card.folder}" if card.kind == "bundled" else f"`audiogen data fetch {data}` downloads it"
            raise DataError(f"dataset {data} must be on this machine, whole; {fix}")
        return card.load()(folder)
    if isinstance(data, str) and not os.path.lexists(Path(data).expanduser()):
        raise ParameterError(f"data must be one of {', '.join(_sets())}, or an existing JSON file; received {show(data)}")
    file = check_input_file(data, name="data")
    tunes = _read(file)
    card = Card(
        name=file.stem,
        summary="",
        target="",
        kind="file",
        media="notes",
        licence="",
        citation="",
        sr=0,
        count=len(tunes),
        labels=MODES,
        split="As the file says.",
    )
    return Tunes(name=file.stem, source="file", card=card, tunes=tunes)


def _sets() -> list[str]:
    return [name for name in DATASETS if info(name).media == "notes"]


def chorales(folder: Path) -> Tunes:
    """The bundled chorale tunes."""
    return _named(info("chorales"), folder, _read)


def jsb(folder: Path) -> Tunes:
    """The soprano parts of the JSB chorales."""
    return _named(info("jsb"), folder, _read_grid)


def _named(card: Card, folder: Path, read: Callable[[Path], tuple[Tune, ...]]) -> Tunes:
    file = folder / card.file
    if hashlib.sha256(check_input_file(file).read_bytes()).hexdigest() != card.sha256:
        fix = f"restore data/{card.folder}" if card.kind == "bundled" else f"`audiogen data fetch {card.name} --force` replaces it"
        raise DataError(f"dataset {card.name} must have the sha256 {card.sha256}; {file} has another: {fix}")
    return Tunes(name=card.name, source=card.kind, card=card, tunes=read(file))


def _parse(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"data must be a sound JSON file; received {file}: {error}") from error


def _read(file: Path) -> tuple[Tune, ...]:
    content = _parse(file)
    listed = content.get("tunes") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed:
        raise DataError(f"data must be a JSON file with a list 'tunes'; received {file}")
    try:
        return tuple(_tune(entry, number) for number, entry in enumerate(listed))
    except (ParameterError, TypeError, KeyError, OverflowError) as error:
        raise DataError(f"tunes of {file} must each have notes and sound fields; {error}") from error


def _tune(entry: Any, number: int) -> Tune:
    if not isinstance(entry, dict) or "notes" not in entry:
        raise ParameterError(f"tunes[{number}] must have notes; received {show(entry)}")
    notes = _notes(entry["notes"], name=f"tunes[{number}].notes")
    tonic, mode = estimate_key(notes)
    ends = {check_integer(i, name=f"tunes[{number}].phrase_ends", low=0, high=len(notes) - 1) for i in entry.get("phrase_ends", ())}
    title = check_text(entry.get("title", f"tune {number + 1}"), name=f"tunes[{number}].title")
    return Tune(
        title=title,
        notes=notes,
        tonic=check_integer(entry.get("tonic", tonic), name=f"tunes[{number}].tonic", low=0, high=11),
        mode=check_choice(entry.get("mode", mode), name=f"tunes[{number}].mode", choices=MODES),
        phrase_ends=np.array(sorted(ends | {len(notes) - 1}), dtype=np.int64),
        time=_time(entry.get("time", "4/4"), name=f"tunes[{number}].time"),
        pickup=check_integer(entry.get("pickup", 0), name=f"tunes[{number}].pickup", low=0, high=_MOST),
        melody=check_text(entry.get("melody", title), name=f"tunes[{number}].melody"),
        split=check_choice(entry.get("split", "train"), name=f"tunes[{number}].split", choices=_SPLITS),
    )


def _notes(value: Any, *, name: str) -> np.ndarray:
    table = check_array(value, name=name, ndim=2, low=-1e9, high=1e9)
    notes = table.astype(np.int64)
    if not len(notes) or len(notes) > _MOST or notes.shape[1] != 2 or (notes != table).any():
        raise ParameterError(f"{name} must be rows of two whole numbers, pitch and length; received {show(value)}")
    if notes[:, 0].min() < -1 or not 0 <= notes[:, 0].max() <= 127:
        raise ParameterError(f"{name} must have pitches from 0 to 127 (-1 is a rest), and not only rests; received {show(value)}")
    if notes[:, 1].min() < 1 or notes[:, 1].max() > _MOST:
        raise ParameterError(f"{name} must have lengths from 1 to {_MOST}; received {show(value)}")
    return notes


def _time(value: Any, *, name: str) -> str:
    parts = check_text(value, name=name).split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and 0 < int(part) <= 64 for part in parts):
        raise ParameterError(f"{name} must be a time signature such as 4/4; received {show(value)}")
    return value


def _read_grid(file: Path) -> tuple[Tune, ...]:
    """JSB chorales: ``{"train": [piece, ...], "valid": ..., "test": ...}``, a piece lists [soprano, alto, tenor, bass] per sixteenth."""
    content = _parse(file)
    tunes = []
    try:
        for part in ("train", "valid", "test"):
            for number, piece in enumerate(content[part]):
                soprano = np.array([step[0] for step in piece], dtype=np.int64)
                begins = np.flatnonzero(np.diff(soprano, prepend=-2))
                notes = np.column_stack([soprano[begins], np.diff(begins, append=len(soprano))])
                sung = np.flatnonzero(notes[:, 0] >= 0)
                side = "test" if part == "test" else "train"
                tunes.append(_tune({"title": f"{part} {number}", "notes": notes[sung[0] : sung[-1] + 1], "split": side}, number))
    except (ParameterError, TypeError, KeyError, IndexError, ValueError) as error:
        raise DataError(f"data must be a grid of chorales, parts train, valid, test; received {file}: {error}") from error
    return tuple(tunes)
