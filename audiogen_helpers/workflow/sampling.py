"""Models on disk and the clips that they make: load, and write samples to a folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audiogen_helpers import audio
from audiogen_helpers._files import bundled_dir
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_text
from audiogen_helpers.errors import DataError, ParameterError
from audiogen_helpers.workflow.trained import Trained, read, spread

__all__ = ["checkpoint", "file_labels", "load", "sample_to_folder"]

MAX_NAME = 100
_DEVICES = {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(10)), *(f"lpt{i}" for i in range(10))}


def load(folder: str | os.PathLike[str]) -> Trained:
    """Read a trained model.

    Parameters
    ----------
    folder : path
        As :func:`audiogen_helpers.workflow.train` left it; it may have moved to another machine.

    Returns
    -------
    trained : Trained

    Raises
    ------
    ModelError
        If the folder is not a finished model of this package, or its parts do not fit together. Nothing in it is executed.
    """
    return read(folder)


def checkpoint(name: str) -> Trained:
    """A trained model that comes with the project.

    Parameters
    ----------
    name : str
        A folder's name in ``data/checkpoints``.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    home = bundled_dir() / "checkpoints"
    names = sorted(p.parent.name for p in home.glob("*/settings.json"))
    if check_text(name, name="name") not in names:
        raise ParameterError(f"name must be one of {', '.join(names) or 'none (there are no checkpoints)'}; received {name!r}")
    return read(home / name)


def sample_to_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    n: int,
    label: str | None = None,
    seed: int = 0,
    force: bool = False,
) -> list[Path]:
    """Generate clips and write them as 16-bit WAV files.

    Parameters
    ----------
    folder : path
        A trained model.
    out : path
        Folder for the clips; made if needed. Other files in it stay.
    n : int >= 1
        How many in all, spread evenly over the labels.
    label : str, optional
        Only this one.
    seed : int >= 0
        Same seed, same files.
    force : bool
        Replace files of the same name.

    Returns
    -------
    paths : list of Path
        ``{label}_{index:03d}.wav`` (:func:`file_labels` for labels that no file name can hold), or ``sample_{index:03d}.wav``.
        Each file ends where its sound ends: the silence that fills a clip up to the model's length is not written.

    Raises
    ------
    DataError
        If a file exists already (nothing is written then), or `out` cannot be written.
    ModelError, ParameterError
        See :func:`load` and :meth:`Trained.sample`.
    """
    model, seed, target = read(folder), check_seed(seed), Path(out).expanduser()
    indices = spread(n, model.labels, label=label)
    stems = dict(zip(model.labels, file_labels(model.labels), strict=True))
    names = _names([stems[model.labels[i]] if i >= 0 else "sample" for i in indices])
    if target.exists() and not target.is_dir():
        raise DataError(f"out must be a folder; received the file {target}")
    present = [name for name in names if (target / name).exists()]
    if present and not force:
        raise DataError(f"out must not hold {present[0]} yet (force replaces it, and {len(present) - 1} more); received {target}")
    clips = model.clips(n, label=label, seed=seed)
    return [audio.write(target / name, _until_the_end(y, model.spec.hop_length), sr=model.sr) for name, y in zip(names, clips, strict=True)]


def file_labels(labels: Sequence[str]) -> list[str]:
    """Labels as file names can hold them, all different, on any common file system.

    Letters and digits of any script stay, and so do ``-``, ``_``, ``.`` and single quotes inside; every other character (slashes,
    spaces, control characters, ``:*?"<>|``) becomes ``_``. A leading or trailing dot becomes ``_`` too, names of Windows devices
    get a ``_``, and long ones are cut. Where two become equal, or differ in case only, the later gets ``~2``, ``~3``, ...

    Examples
    --------
    >>> file_labels(["7", "dog bark", "dog/bark", "..", "三"])
    ['7', 'dog_bark', 'dog_bark~2', '__', '三']
    """
    taken: set[str] = set()
    made = []
    for label in labels:
        stem = _file_label(label)
        name, k = stem, 1
        while name.casefold() in taken:
            k += 1
            name = f"{stem}~{k}"
        taken.add(name.casefold())
        made.append(name)
    return made


def _file_label(label: str) -> str:
    text = unicodedata.normalize("NFC", label)
    kept = "".join(c if c in "-_.'" or unicodedata.category(c)[0] in "LNM" else "_" for c in text)
    if kept.startswith("."):
        kept = "_" + kept[1:]
    if kept.endswith("."):
        kept = kept[:-1] + "_"
    if kept.split(".")[0].casefold() in _DEVICES:
        kept += "_"
    while len(kept.encode("utf-8")) > MAX_NAME:
        kept = kept[:-1]
    return kept or "_"


def _names(stems: Sequence[str]) -> list[str]:
    counts: dict[str, int] = {}
    names = []
    for stem in stems:
        counts[stem] = counts.get(stem, -1) + 1
        names.append(f"{stem}_{counts[stem]:03d}.wav")
    return names


def _until_the_end(y: np.ndarray, hop_length: int) -> np.ndarray:
    """The clip without the digital silence at its end; at least one hop."""
    sounding = np.flatnonzero(y)
    return y[: max(hop_length, int(sounding[-1]) + 1 if sounding.size else 0)]
