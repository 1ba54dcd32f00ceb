"""A folder of one's own clips as a dataset: a subfolder is a label; any rate, length and format."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from audiogen_helpers import audio
from audiogen_helpers._validation import check_choice
from audiogen_helpers.datasets.cards import Card
from audiogen_helpers.datasets.content import portable_text
from audiogen_helpers.datasets.dataset import Dataset
from audiogen_helpers.errors import DataError

__all__ = ["load_folder"]

# What a file must be called to be taken for a clip. What is inside decides how it is read, whatever its ending says.
_ENDINGS = (
    *(".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mp2", ".mp3", ".oga"),
    *(".ogg", ".opus", ".ra", ".rf64", ".snd", ".sph", ".tta", ".voc", ".w64", ".wav", ".wave", ".wma", ".wv"),
    *(".3gp", ".avi", ".flv", ".mkv", ".mov", ".mp4", ".mpg", ".webm"),
)


def load_folder(folder: str | os.PathLike[str], *, on_corrupt: str = "raise") -> Dataset:
    """Every clip below a folder. The first level of subfolders are the labels; clips right in the folder have none.

    Links to files and folders are followed, never in circles. Hidden and ``._`` files are passed over, and so are files
    without an ending of an audio or video format. Each clip is decoded once here, so that a damaged one is known now and
    not in the middle of a training run.

    Parameters
    ----------
    folder : path
        Subfolders may be named in any script; what lies deeper belongs to the first level's label.
    on_corrupt : {'raise', 'skip'}
        What to do with files that cannot be read, have no samples, or hold NaN or infinite samples: name them and stop, or
        name them in a warning and in ``Dataset.skipped``, and go on.

    Returns
    -------
    dataset : Dataset
        At the most common rate (the higher one where two are equally common). A tenth of each label, at least one clip
        where it has two, is the test split, chosen by a digest of the file names.

    Raises
    ------
    DataError
        If there is no such folder, no clip in it, clips both in subfolders and beside them, or a damaged clip.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from audiogen_helpers import audio
    >>> with tempfile.TemporaryDirectory() as home:
    ...     for label in ("bark", "purr"):
    ...         _ = audio.write(f"{home}/{label}/one.wav", np.zeros(800), sr=8000)
    ...     load_folder(home).labels
    ('bark', 'purr')
    """
    check_choice(on_corrupt, name="on_corrupt", choices=("raise", "skip"))
    root = _check_folder(folder)
    found = _find(root)
    clips, rates, broken = [], [], []
    for label, path in found:
        try:
            _, sr = audio.read(path)
        except DataError as error:
            broken.append(f"{portable_text(os.path.relpath(path, root))} ({str(error).replace(str(path), 'it')})")
        else:
            clips.append((label, path))
            rates.append(sr)
    _report(broken, n_files=len(found), root=root, on_corrupt=on_corrupt)
    return _dataset(root, clips, sr=_common_rate(rates), skipped=tuple(broken))


def _check_folder(folder: str | os.PathLike[str]) -> Path:
    root = Path(folder).expanduser()
    try:
        if root.is_dir():
            return root
        there = root.exists()
    except (OSError, ValueError) as error:
        raise DataError(f"data must be a readable folder; received {folder}: {error}") from error
    raise DataError(f"data must be an existing folder; received {f'the file {root}' if there else root}")


def _find(root: Path) -> list[tuple[str, Path]]:
    """Every candidate as (label, path), sorted."""
    loose: list[tuple[str, Path]] = []
    labelled: list[tuple[str, Path]] = []
    for entry in _entries(root):
        if _is_folder(entry):
            labelled += [(portable_text(entry.name), path) for path in _walk(Path(entry.path), {_identity(root)})]
        elif _is_clip(entry):
            loose.append(("", Path(entry.path)))
    if loose and labelled:
        raise DataError(
            f"data must hold clips either in subfolders (one per label) or right in the folder; received both: {loose[0][1].name} and "
            f"{os.path.relpath(labelled[0][1], root)} in {root}"
        )
    if not loose and not labelled:
        raise DataError(f"data must hold at least one clip; received {root}, which has no file with an audio ending such as .wav or .flac")
    return loose or sorted(labelled)


def _walk(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """The clips below a folder; one that was seen before (a link back, or a second link) is not entered again."""
    identity = _identity(folder)
    if identity in seen:
        return
    seen.add(identity)
    for entry in _entries(folder):
        if _is_folder(entry):
            yield from _walk(Path(entry.path), seen)
        elif _is_clip(entry):
            yield Path(entry.path)


def _identity(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".") and entry.name != "__MACOSX"]
    except OSError as error:
        raise DataError(f"data must be readable; received the folder {folder}: {error.strerror}") from error
    return sorted(visible, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in circles
        return False


def _is_clip(entry: os.DirEntry[str]) -> bool:
    """A file by its ending; a broken link counts, so that it is named as a damaged clip."""
    if not entry.name.lower().endswith(_ENDINGS):
        return False
    try:
        return entry.is_file() or entry.is_symlink()
    except OSError:
        return True


def _report(broken: Sequence[str], *, n_files: int, root: Path, on_corrupt: str) -> None:
    if not broken:
        return
    more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
    named = f"{'; '.join(broken[:5])}{more}"
    if on_corrupt == "raise":
        raise DataError(f"data must hold readable clips (or pass on_corrupt='skip'); received {root} with {len(broken)} damaged: {named}")
    if len(broken) == n_files:
        raise DataError(f"data must hold at least one readable clip; received {root}, where all {n_files} are damaged: {named}")
    warnings.warn(f"{len(broken)} of {n_files} clips in {root} are damaged and left out: {named}", stacklevel=5)


def _common_rate(rates: Sequence[int]) -> int:
    return max(Counter(rates).items(), key=lambda item: (item[1], item[0]))[0]


def _dataset(root: Path, clips: Sequence[tuple[str, Path]], *, sr: int, skipped: tuple[str, ...]) -> Dataset:
    labels = tuple(label for label, _ in clips)
    paths = tuple(path for _, path in clips)
    label_names = tuple(sorted(set(labels) - {""}))
    name = portable_text(root.resolve().name or str(root.resolve()))
    card = Card(
        name=name,
        summary="A folder of clips.",
        target="audiogen_helpers.datasets.folders:load_folder",
        kind="folder",
        licence="",
        citation="",
        sr=sr,
        count=len(paths),
        labels=label_names,
        split="A tenth of each label, chosen by a digest of the file names, is test.",
    )
    return Dataset(
        name=name,
        source="folder",
        root=root,
        sr=sr,
        paths=paths,
        labels=labels,
        label_names=label_names,
        groups=("",) * len(paths),
        splits=_splits(root, paths, labels),
        card=card,
        skipped=skipped,
    )


def _splits(root: Path, paths: Sequence[Path], labels: Sequence[str]) -> tuple[str, ...]:
    """Test: of each label with two clips or more, the tenth (at least one) whose names have the smallest digests."""
    by_label: dict[str, list[int]] = defaultdict(list)
    for i, label in enumerate(labels):
        by_label[label].append(i)
    splits = ["train"] * len(paths)
    for indices in by_label.values():
        if len(indices) >= 2:
            names = {i: portable_text(os.path.relpath(paths[i], root).replace(os.sep, "/")) for i in indices}
            indices.sort(key=lambda i: hashlib.sha256(names[i].encode()).digest())
            for i in indices[: max(1, round(len(indices) / 10))]:
                splits[i] = "test"
    return tuple(splits)
