"""The one place that touches the network: download, check, unpack, check again, and only then move into place."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audiogen_helpers._files import data_home
from audiogen_helpers._validation import show
from audiogen_helpers.datasets.archives import extract
from audiogen_helpers.datasets.cards import LIBROSA_FILES, Card, info
from audiogen_helpers.datasets.content import content_digest, portable_text
from audiogen_helpers.datasets.places import clip_files, is_complete, locate
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["fetch"]

_TIMEOUT = 30.0  # s without a byte
_STALE = 24 * 3600.0  # s after which the working folder of a killed download may go


def fetch(name: str, *, url: str | None = None, force: bool = False, check_archive: bool = True, progress: bool = True) -> Path:
    """Bring a public dataset into the data home, if it is not on this machine yet.

    The archive is downloaded into a working folder, its SHA-256 is checked, it is unpacked by
    :func:`audiogen_helpers.datasets.archives.extract`, the clips are counted and their content digest is checked; then the
    result is renamed into place. Whatever goes wrong, nothing half-written is left, and two processes may do it at once.
    An archive that lies in ``<data home>/<name>/`` already, put there by hand, is used instead of a download. A set of notes is one
    file, which is not unpacked.

    Parameters
    ----------
    name : str
        One of ``DATASETS``. A bundled set needs no fetching; its folder is returned.
    url : str, optional
        Another place (http or https) to take the same archive from.
    force : bool
        Do it again even if the set is here.
    check_archive : bool
        False accepts an archive whose digest differs, for a publisher who packed the same clips anew. The clips' own
        digest is checked all the same.
    progress : bool
        Show a progress line.

    Returns
    -------
    folder : Path
        Where the clips are, as :func:`locate` says it.

    Raises
    ------
    ParameterError
        If there is no such dataset, or `url` is not a web address.
    DataError
        If there is no connection, the data home cannot be written, or what arrived is not what the card promises.

    Examples
    --------
    >>> fetch("digits").name
    'digits'
    """
    card = info(name)
    if url is not None and (not isinstance(url, str) or not re.fullmatch(r"https?://\S+", url)):
        raise ParameterError(f"url must be an address that begins with http:// or https://; received {show(url)}")
    here = locate(name)
    if here is not None and (card.kind == "bundled" or not force) and card.name != "librosa-examples":
        return here
    if card.kind == "bundled":
        raise DataError(f"dataset {name} must be complete; it comes with the project: restore its folder data/{card.folder or name}")
    if card.name == "librosa-examples":
        return _fetch_librosa(card, progress=progress)
    with _working_folder(card) as work:
        if card.media == "notes":
            file = _download(card, url or card.url, work / card.archive, progress=progress)
            _check_archive(card, file, strict=True)
            return _publish_file(card, file)
        archive = _archive_by_hand(card) or _download(card, url or card.url, work / card.archive, progress=progress)
        _check_archive(card, archive, strict=check_archive)
        unpacked = extract(archive, work / "unpacked")
        _check_content(card, unpacked / card.root)
        return _publish(card, unpacked, work, force=force)


@contextlib.contextmanager
def _working_folder(card: Card) -> Iterator[Path]:
    """A folder of our own below the data home: on the same disk as the target, and gone in the end."""
    home = data_home() / card.name
    try:
        home.mkdir(parents=True, exist_ok=True)
        for old in home.glob(".part-*"):
            if time.time() - old.stat().st_mtime > _STALE:
                shutil.rmtree(old, ignore_errors=True)
        work = Path(tempfile.mkdtemp(dir=home, prefix=".part-"))
    except OSError as error:
        raise DataError(f"data home must be writable (AUDIOGEN_DATA_HOME names another); received {home}: {error.strerror}") from error
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _archive_by_hand(card: Card) -> Path | None:
    archive = data_home() / card.name / card.archive
    return archive if archive.is_file() else None


def _download(card: Card, url: str, target: Path, *, progress: bool) -> Path:
    import pooch
    import requests

    answers: list[requests.Response] = []
    settings = {
        "timeout": _TIMEOUT,
        # Some servers offer to pack a .tar.gz once more on the way, which would change its digest.
        "headers": {"Accept-Encoding": "identity"},
        "hooks": {"response": lambda answer, *_, **__: answers.append(answer)},
    }
    try:
        with _Meter(card, show=progress) as meter:
            pooch.HTTPDownloader(meter, chunk_size=1 << 16, **settings)(url, os.fspath(target), None)
    except DataError:
        raise
    except requests.RequestException as error:  # before OSError, of which it is one
        reason = getattr(error.response, "reason", "") or type(error).__name__
        raise DataError(
            f"dataset {card.name} could not be downloaded from {url} ({reason}): check the connection and try again, "
            f"or get the archive by other means, put it at {data_home() / card.name / card.archive} and fetch again"
        ) from error
    except OSError as error:
        raise DataError(f"data home must be writable and have room; received {target.parent.parent}: {error.strerror}") from error
    finally:
        for answer in answers:  # pooch leaves them open when something goes wrong
            answer.close()
    return target


def _check_archive(card: Card, archive: Path, *, strict: bool) -> None:
    import pooch

    received = pooch.file_hash(os.fspath(archive), alg="sha256")
    if strict and received != card.sha256:
        raise DataError(
            f"archive of {card.name} must have the sha256 {card.sha256} ({card.bytes} bytes); received {archive.name} with {received} "
            f"({archive.stat().st_size} bytes). If its publisher packed it anew, check_archive=False relies on the clips' digest alone"
        )


def _check_content(card: Card, folder: Path) -> None:
    """The second check, which does not depend on the container: number, names and bytes of the clips."""
    clips = clip_files(folder)
    received = content_digest((portable_text(path.name), path) for path in clips)
    if len(clips) != card.count or received != card.content_sha256:
        raise DataError(
            f"archive of {card.name} must hold {card.count} clips in {card.root} with the content digest {card.content_sha256}; "
            f"received {len(clips)} clips with {received}"
        )


def _publish(card: Card, unpacked: Path, work: Path, *, force: bool) -> Path:
    """Rename into place. Where another process was faster, its copy (checked as ours was) stays and ours goes."""
    top = Path(card.root).parts[0]
    target, clips = data_home() / card.name / top, data_home() / card.name / card.root
    if is_complete(card, clips) and not force:
        return clips
    try:
        if os.path.lexists(target):
            os.replace(target, work / "old")
        os.replace(unpacked / top, target)
    except OSError as error:
        if not is_complete(card, clips):
            raise DataError(f"data home must be writable; received {target}: {error.strerror}") from error
    return clips


def _publish_file(card: Card, file: Path) -> Path:
    """A set of one file: rename it into place. A renaming is whole or not at all, so it does not matter who is first."""
    target = data_home() / card.name / card.file
    try:
        os.replace(file, target)
    except OSError as error:
        raise DataError(f"data home must be writable; received {target}: {error.strerror}") from error
    return target.parent


class _Meter:
    """What pooch reports to: one progress line, and the brake on a server that sends far more than the card says."""

    def __init__(self, card: Card, *, show: bool) -> None:
        self._card, self._show, self._received = card, show, 0
        self.total = card.bytes
        self._bar: Any = None

    def __enter__(self) -> _Meter:
        if self._show:
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn(f"fetching {self._card.name}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console())
            self._task = self._bar.add_task("fetch", total=self.total)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def update(self, n: int) -> None:
        self._received += n
        if self._received > 2 * self._card.bytes + 2**20:
            raise DataError(f"archive of {self._card.name} must have about {self._card.bytes} bytes; the server sends more than twice that")
        if self._bar:
            self._bar.update(self._task, completed=min(self._received, self.total or self._received), total=self.total or None)

    def reset(self) -> None:  # pooch resets at the end, then reports the total once more
        self._received = 0

    def close(self) -> None:
        pass


# librosa decides where its cache is when it is first imported. A process of its own can be told without changing ours.
_LIBROSA = "import librosa, sys\nfor key in sys.argv[1:]:\n    librosa.ex(key); librosa.util.example_info(key)"


def _fetch_librosa(card: Card, *, progress: bool) -> Path:
    """Every example that is not here yet, with its terms, through ``librosa.ex``, which checks the digests."""
    here = locate(card.name)
    missing = [key for key, stem in LIBROSA_FILES.items() if here is None or not (here / f"{stem}.ogg").is_file()]
    if here is not None and not missing:
        return here
    home = data_home() / card.name
    with _working_folder(card):  # only to know that the data home can be written
        pass
    if progress:
        print(f"fetching {card.name}: {len(LIBROSA_FILES)} recordings, about 4 MB", flush=True)
    command = [sys.executable, "-c", _LIBROSA, *LIBROSA_FILES]
    done = subprocess.run(command, env={**os.environ, "LIBROSA_DATA_DIR": os.fspath(home)}, capture_output=True, text=True)
    if done.returncode:
        reason = show((done.stderr.strip().splitlines() or ["no reason given"])[-1], limit=200)
        raise DataError(
            f"dataset {card.name} could not be downloaded from {card.url} ({reason}): check the connection and try again, "
            f"or put the files of librosa's cache into {home}"
        )
    return home
