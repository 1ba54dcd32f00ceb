"""Where files live, and how they are written: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["atomic_folder", "atomic_path", "bundled_dir", "check_input_file", "corpora_dir", "data_home"]


def bundled_dir() -> Path:
    """The folder ``data/`` that comes with the project: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "data"
    return inside if inside.is_dir() else package.parent / "data"


def data_home() -> Path:
    """Where downloads and caches go: ``AUDIOGEN_DATA_HOME``, else the operating system's cache folder. Not created here."""
    home = os.environ.get("AUDIOGEN_DATA_HOME")
    if home:
        return Path(home).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "audiogen"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "audiogen"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "audiogen"


def corpora_dir() -> Path | None:
    """A read-only folder of public corpora, ``AUDIOGEN_CORPORA``, laid out as the data home is; None where unset."""
    path = os.environ.get("AUDIOGEN_CORPORA")
    return Path(path).expanduser() if path else None


def check_input_file(path: str | os.PathLike[str], *, name: str = "path") -> Path:
    """`path` as an existing, readable, not empty file."""
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise ParameterError(f"{name} must be a file's path; received {path!r}")
    if isinstance(path, str) and "\0" in path:
        raise ParameterError(f"{name} must be a file's path; received {path!r}")
    file = Path(path).expanduser()
    try:
        if file.is_dir():
            raise DataError(f"{name} must be a file; received the folder {file}")
        if not file.exists():
            raise DataError(f"{name} must be an existing file; received {file}")
        if file.stat().st_size == 0:
            raise DataError(f"{name} must be a file with something in it; received {file}, which has 0 bytes")
        with open(file, "rb"):
            pass
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{name} must be a readable file; received {file}: {error.strerror}") from error
    return file


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = True) -> Iterator[Path]:
    """A temporary path in the same folder, with the same ending, that becomes `path` when the block ends without an error.

    The parent folder is made if needed. On an error nothing is left behind and an earlier file stays as it was.
    """
    target = Path(path).expanduser()
    if target.is_dir():
        raise DataError(f"path must name a file to write; received the folder {target}")
    if target.exists() and not overwrite:
        raise DataError(f"path must not exist yet; received {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".part-", suffix=target.suffix)
        os.close(handle)
    except OSError as error:
        raise DataError(f"path must be writable; received {target}: {error.strerror}") from error
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        _sync(temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside `path` that becomes `path` when the block ends without an error.

    With `overwrite`, an earlier folder is replaced only after the new one is complete.
    """
    target = Path(path).expanduser()
    if not overwrite and (target.is_file() or (target.is_dir() and any(target.iterdir()))):
        raise DataError(f"path must not exist yet, or be an empty folder; received {target}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".part-"))
    except OSError as error:
        raise DataError(f"path must be writable; received {target}: {error.strerror}") from error
    try:
        yield temporary
        os.chmod(temporary, 0o777 & ~_umask())
        if target.exists():
            old = Path(tempfile.mkdtemp(dir=target.parent, prefix=".old-"))
            os.replace(target, old / "old")
            os.replace(temporary, target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
