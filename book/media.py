"""Sound and pictures out of the page: ``data:`` addresses in outputs become files named by their content."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from book.notebooks import Notebook

__all__ = ["ENDINGS", "MIN_BYTES", "extract"]

MIN_BYTES = 1024  # smaller ones stay in the page
ENDINGS = {"audio/flac": "flac", "audio/mpeg": "mp3", "audio/wav": "wav", "image/png": "png", "image/webp": "webp"}
_DATA_URI = re.compile(rf"data:({'|'.join(ENDINGS)});base64,([A-Za-z0-9+/]+={{0,2}})")


def extract(notebook: Notebook, *, folder: Path, address: str) -> tuple[Notebook, set[str]]:
    """Write the large ``data:`` addresses of a notebook's HTML outputs to `folder`.

    Returns the notebook with ``address/name`` in their place, and the names of the files.
    """
    names: set[str] = set()

    def to_file(match: re.Match[str]) -> str:
        try:
            data = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            return match[0]
        if len(data) < MIN_BYTES:
            return match[0]
        name = f"{hashlib.sha256(data).hexdigest()[:20]}.{ENDINGS[match[1]]}"
        names.add(name)
        _write(folder / name, data)
        return f"{address}/{name}"

    cells = [
        {**cell, "outputs": [_replace(output, to_file) for output in cell["outputs"]]} if "outputs" in cell else cell
        for cell in notebook["cells"]
    ]
    return {**notebook, "cells": cells}, names


def _replace(output: dict, to_file: Callable[[re.Match[str]], str]) -> dict:
    html = output.get("data", {}).get("text/html")
    if html is None:
        return output
    text = html if isinstance(html, str) else "".join(html)
    return {**output, "data": {**output["data"], "text/html": _DATA_URI.sub(to_file, text)}}


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; one of the same name and size is the same."""
    if path.is_file() and path.stat().st_size == len(data):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".part-{os.getpid()}-{path.name}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
