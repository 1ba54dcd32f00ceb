"""Where each dataset is: in the project, in the data home, or among the corpora of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from audiogen_helpers._files import bundled_dir, corpora_dir, data_home
from audiogen_helpers._validation import show
from audiogen_helpers.datasets.cards import LIBROSA_FILES, Card, info
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["best", "clip_files", "is_present", "locate"]


def clip_files(folder: Path) -> list[Path]:
    """The files right in a folder, sorted by name; hidden and ``._`` ones left out. Empty where there is no such folder.

    Examples
    --------
    >>> clip_files(Path("no such folder"))
    []
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if not entry.name.startswith(".") and entry.is_file())
    except OSError:
        return []


def is_complete(card: Card, folder: Path) -> bool:
    """Whether a set lies in a folder: as many clips as its card says (librosa's examples: at least one), or its one file of that size.

    Examples
    --------
    >>> is_complete(info("fsdd"), Path("no such folder"))
    False
    """
    if card.name == "librosa-examples":
        return any((folder / f"{stem}.ogg").is_file() for stem in LIBROSA_FILES.values())
    if card.media == "notes":
        file = folder / card.file
        return file.is_file() and file.stat().st_size == card.bytes
    endings = (".wav", ".flac", ".ogg")
    return sum(path.suffix in endings for path in clip_files(folder)) == card.count


def locate(name: str) -> Path | None:
    """The folder that holds the clips of a dataset, or its table of notes, or None.

    Bundled sets lie in the project. Public ones are looked for in the data home (``AUDIOGEN_DATA_HOME``, else the
    system's cache folder), then in ``AUDIOGEN_CORPORA``; both have one folder per dataset. A set that is not complete
    does not count.

    Parameters
    ----------
    name : str
        One of ``DATASETS``.

    Raises
    ------
    ParameterError
        If there is no such dataset.

    Examples
    --------
    >>> locate("digits").name
    'digits'
    """
    card = info(name)
    homes = [bundled_dir()] if card.kind == "bundled" else [data_home(), corpora_dir()]
    for home in homes:
        folder = home / (card.folder or card.name) / card.root if home is not None else None
        if folder is not None and is_complete(card, folder):
            return folder
    return None


def is_present(name: str) -> bool:
    """Whether a dataset can be loaded without a download.

    Examples
    --------
    >>> is_present("digits")
    True
    """
    return locate(name) is not None


def best(*names: str) -> str:
    """The first of these datasets that is present; with ``AUDIOGEN_DATA=bundled`` in the environment, the first bundled one.

    Parameters
    ----------
    *names : str
        Datasets, the best first: ``best("fsdd", "digits")``.

    Returns
    -------
    name : str
        For :func:`audiogen_helpers.datasets.load`, whose ``describe()`` tells the reader which it is.

    Raises
    ------
    ParameterError
        If there is no such dataset, or ``AUDIOGEN_DATA`` has another value.
    DataError
        If none of them is present.

    Examples
    --------
    >>> best("digits")
    'digits'
    """
    if not names:
        raise ParameterError("names must hold at least one dataset; received none")
    forced = os.environ.get("AUDIOGEN_DATA", "")
    if forced not in ("", "bundled"):
        raise ParameterError(f"AUDIOGEN_DATA must be 'bundled' or unset; received {show(forced)}")
    cards = [info(name) for name in names]
    for card in cards:
        if (card.kind == "bundled" or not forced) and is_present(card.name):
            return card.name
    fetch = " or ".join(f"`audiogen data fetch {card.name}`" for card in cards if card.kind == "public")
    why = "none is bundled, as AUDIOGEN_DATA=bundled asks" if forced else f"none is here ({fetch} downloads one)"
    raise DataError(f"names must hold a dataset that is present; received {', '.join(names)}: {why}")
