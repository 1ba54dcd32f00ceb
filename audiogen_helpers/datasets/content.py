"""One digest for a set of clips: their names and bytes, whatever they were packed in and wherever they lie."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from audiogen_helpers.errors import DataError

__all__ = ["content_digest", "portable_text"]


def portable_text(name: str) -> str:
    r"""A file's name as the same text on every machine: composed characters (NFC), undecodable bytes written out.

    Examples
    --------
    >>> portable_text("u\u0308ber") == "\u00fcber"
    True
    """
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def content_digest(files: Iterable[tuple[str, Path]]) -> str:
    r"""SHA-256 over the sorted lines ``name NUL sha256-of-the-bytes LF``.

    Parameters
    ----------
    files : iterable of (name, path)
        The name that counts, and where the bytes are.

    Returns
    -------
    digest : str
        64 hexadecimal digits.

    Raises
    ------
    DataError
        If a file cannot be read.

    Examples
    --------
    >>> content_digest([])[:16]
    'e3b0c44298fc1c14'
    """
    total = hashlib.sha256()
    for name, path in sorted(files):
        try:
            with open(path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"path must be a readable file; received {path}: {error.strerror}") from error
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()
