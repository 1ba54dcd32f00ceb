"""One door to every dataset: a registered name or a folder goes in, a Dataset comes out.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

import os
from pathlib import Path

from audiogen_helpers._validation import check_choice, show
from audiogen_helpers.datasets.cards import DATASETS, info
from audiogen_helpers.datasets.dataset import Dataset
from audiogen_helpers.datasets.folders import load_folder
from audiogen_helpers.datasets.places import locate
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["load"]


def load(data: str | os.PathLike[str] | Dataset, *, split: str | None = None, on_corrupt: str = "raise") -> Dataset:
    """A dataset by its registered name, or a folder of clips (subfolder = label). Nothing is downloaded here.

    Parameters
    ----------
    data : str, path or Dataset
        A name in ``DATASETS``, else a folder (``"./fsdd"`` or a `Path` where a folder has the name of a dataset). A
        Dataset is passed through.
    split : {None, 'train', 'test'}
        All clips, or one side of the split. It is the official one where the set has one (FSDD: recordings 0 to 4 are
        test), whole voices for ``digits``, and a tenth of each label for a folder.
    on_corrupt : {'raise', 'skip'}
        What to do with files of a folder that cannot be read; they are named either way.

    Returns
    -------
    dataset : Dataset

    Raises
    ------
    ParameterError
        If `data` is neither a dataset nor a folder, or another argument is none of its choices.
    DataError
        If the dataset is not here, or not complete, or the folder has no clips or damaged ones.

    Examples
    --------
    >>> load("digits", split="train")
    <Dataset digits: 800 clips of 10 labels by 16 voices at 8000 Hz (bundled, CC BY 4.0)>
    """
    check_choice(on_corrupt, name="on_corrupt", choices=("raise", "skip"))
    if split is not None:
        check_choice(split, name="split", choices=("train", "test"))
    dataset = _load(data, on_corrupt)
    return dataset if split is None else dataset.split(split)


def _load(data: str | os.PathLike[str] | Dataset, on_corrupt: str) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str) and data in DATASETS:
        return _load_named(data)
    if not isinstance(data, (str, os.PathLike)) or not os.fspath(data) or "\0" in os.fspath(data):
        raise ParameterError(f"data must be the name of a dataset or a folder; received {show(data)}")
    if isinstance(data, str) and not os.path.lexists(Path(data).expanduser()):
        known = ", ".join(name for name in DATASETS if info(name).media == "audio")
        raise ParameterError(f"data must be one of {known}, or an existing folder; received {show(data)}")
    return load_folder(data, on_corrupt=on_corrupt)


def _load_named(name: str) -> Dataset:
    card = info(name)
    if card.media == "notes":
        raise ParameterError(f"data must be a set of clips; received {name!r}, which holds notes: datasets.load_tunes({name!r}) reads them")
    folder = locate(name)
    if folder is not None:
        return card.load()(folder)
    if card.kind == "bundled":
        raise DataError(f"dataset {name} must be complete ({card.count} clips); it comes with the project: restore its folder data/{name}")
    raise DataError(
        f"dataset {name} must be on this machine, whole; `audiogen data fetch {name}` (or datasets.fetch({name!r})) downloads it"
    )
