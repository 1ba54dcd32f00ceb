"""Unpacking an archive from a stranger: whole and harmless, or not at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from audiogen_helpers._files import atomic_folder, check_input_file
from audiogen_helpers._validation import check_integer, check_number, show
from audiogen_helpers.errors import DataError

__all__ = ["extract"]

_BLOCK = 2**20
_FREE = 2**20  # bytes that any archive may unpack to, however small it is
_OVERHEAD = 2048  # bytes of headers and padding for each member of a tar
_RECORD = 10240  # bytes: a tar is padded to a multiple of this
_DAMAGED = (
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
)


def extract(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    max_members: int = 200_000,
    max_bytes: int = 20 * 2**30,
    max_ratio: float = 100.0,
) -> Path:
    """Unpack a tar (plain, gzip, bzip2, xz) or zip archive into a folder that does not exist yet.

    The kind is told by content, not by the name's ending. Only plain files and folders come out, with default permissions.
    Absolute names, ``..``, links, devices, encrypted members, two members of one name, and archives that unpack to more
    than they may are refused before anything appears at `folder`. The litter of some systems (``._*``, ``.DS_Store``,
    ``__MACOSX/``) is left out.

    Parameters
    ----------
    archive : path
        The file to unpack.
    folder : path
        Where to; it must be missing or empty.
    max_members : int > 0
        Most files and folders.
    max_bytes : int > 0
        Most bytes after unpacking.
    max_ratio : float > 0
        Most bytes after unpacking, as a multiple of the archive's size; the first megabyte is free.

    Returns
    -------
    folder : Path

    Raises
    ------
    DataError
        If the archive is hostile, damaged, of another kind, or `folder` cannot be written. Nothing is left behind.

    Examples
    --------
    >>> import tempfile, zipfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     with zipfile.ZipFile(f"{home}/clips.zip", "w") as z:
    ...         z.writestr("clips/readme.txt", "hello")
    ...     sorted(path.name for path in extract(f"{home}/clips.zip", f"{home}/out").rglob("*"))
    ['clips', 'readme.txt']
    """
    file = check_input_file(archive, name="archive")
    members = check_integer(max_members, name="max_members", low=1)
    wanted = check_integer(max_bytes, name="max_bytes", low=1)
    for_its_size = int(file.stat().st_size * check_number(max_ratio, name="max_ratio", above=0.0)) + _FREE
    with atomic_folder(folder) as temporary:
        writer = _Writer(file, temporary, max_members=members, max_bytes=min(wanted, for_its_size))
        try:
            _unpack(file, writer, max_stream=min(wanted + _OVERHEAD * members, for_its_size) + _RECORD)
        except DataError:
            raise
        except _DAMAGED as error:
            raise DataError(f"archive must be a sound tar or zip file; received {file}: {error or type(error).__name__}") from error
    return Path(folder).expanduser()


def _unpack(file: Path, writer: _Writer, *, max_stream: int) -> None:
    with open(file, "rb") as stream:
        head = stream.read(512)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        _unpack_zip(file, writer)
    else:
        _unpack_tar(file, head, writer, max_stream=max_stream)


def _unpack_tar(file: Path, head: bytes, writer: _Writer, *, max_stream: int) -> None:
    with _decompressed(file, head) as plain:
        # Headers, too, can be a bomb: the limit sits on the stream that tarfile reads, not only on what is written.
        stream = _Limited(plain, max_stream, file)
        # Mode "r|" reads forward only, so no member is looked at before those ahead of it were judged.
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as tar:
            for member in tar:
                if member.isdir():
                    writer.folder(member.name)
                elif member.isreg() and not member.issparse():
                    source = tar.extractfile(member)
                    if source is not None:
                        writer.file(member.name, source)
                else:
                    raise writer.refusal("only files and folders, no links or devices", member.name)
        while stream.read(_BLOCK):  # to the end, so that the checksum of the compressed stream is verified
            pass


def _unpack_zip(file: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name = member.orig_filename  # as stored: `filename` has been cleaned up already
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise writer.refusal("only files and folders, no links or devices", name)
            if member.flag_bits & 1:
                raise writer.refusal("no encrypted files", name)
            if member.is_dir():
                writer.folder(name)
            else:
                with archive.open(member) as source:
                    writer.file(name, source)


def _decompressed(file: Path, head: bytes) -> IO[bytes]:
    for magic, module in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ\x00", lzma)):
        if head.startswith(magic):
            return cast(IO[bytes], module.open(file, "rb"))
    return open(file, "rb")


class _Limited:
    """A stream that refuses to give more than `limit` bytes in all."""

    def __init__(self, stream: IO[bytes], limit: int, file: Path) -> None:
        self._stream, self._left, self._file = stream, limit, file

    def read(self, size: int) -> bytes:
        block = self._stream.read(min(size, self._left + 1))
        self._left -= len(block)
        if self._left < 0:
            raise DataError(f"archive must not unpack to more than is allowed for its size; received {self._file}")
        return block


class _Writer:
    """Writes members below one folder, after judging names, number and size."""

    def __init__(self, archive: Path, base: Path, *, max_members: int, max_bytes: int) -> None:
        self.archive, self.base, self.max_members, self.max_bytes = archive, base, max_members, max_bytes
        self._members = 0
        self._bytes = 0
        self._seen: dict[str, str] = {}  # path as a file system blind to case would compare it -> 'file' or 'folder'

    def refusal(self, rule: str, name: str) -> DataError:
        return DataError(f"archive must hold {rule}; received {show(name)} in {self.archive}")

    def folder(self, name: str) -> None:
        parts = self._judge(name)
        if parts:
            self._claim(parts, "folder", name)
            self.base.joinpath(*parts).mkdir(parents=True, exist_ok=True)

    def file(self, name: str, source: IO[bytes]) -> None:
        parts = self._judge(name)
        if parts is not None and not parts:
            raise self.refusal("files with a name", name)
        if parts:
            self._claim(parts, "file", name)
            path = self.base.joinpath(*parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as target:
                for block in self._blocks(source):
                    target.write(block)
        else:
            for _ in self._blocks(source):  # what is left out still counts
                pass

    def _blocks(self, source: IO[bytes]) -> Iterator[bytes]:
        while block := source.read(_BLOCK):
            self._bytes += len(block)
            if self._bytes > self.max_bytes:
                raise DataError(f"archive must unpack to at most {self.max_bytes} bytes; received {self.archive}, which goes on")
            yield block

    def _judge(self, name: str) -> list[str] | None:
        """The parts of a harmless name; None for litter, which is left out."""
        self._members += 1
        if self._members > self.max_members:
            raise DataError(f"archive must hold at most {self.max_members} files and folders; received {self.archive}, which goes on")
        if name.startswith("/") or "\\" in name or "\0" in name or re.match("[A-Za-z]:", name):
            raise self.refusal("relative names with forward slashes", name)
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise self.refusal("names that stay inside it (no ..)", name)
        litter = any(part in ("__MACOSX", ".DS_Store") or part.startswith("._") for part in parts)
        return None if litter else parts

    def _claim(self, parts: list[str], kind: str, name: str) -> None:
        for depth in range(1, len(parts) + 1):
            key = unicodedata.normalize("NFC", "/".join(parts[:depth])).casefold()
            wanted = kind if depth == len(parts) else "folder"
            if key in self._seen and "file" in (self._seen[key], wanted):
                raise self.refusal("each name once", name)
            self._seen[key] = wanted
