"""Where the book's sources lie and where what is made from them goes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["BUILD", "ROOT", "Project", "write_text"]

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Project:
    """One book: the folder with ``_toc.yml``, and the folder for everything that is made."""

    root: Path = ROOT
    build: Path = BUILD

    @property
    def cache(self) -> Path:
        """Executed notebooks, by key."""
        return self.build / "cache"

    def pages(self) -> list[str]:
        """The pages of ``_toc.yml`` in reading order, without their endings: ``['intro', 'chapters/background', ...]``."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text(encoding="utf8"))
        return [toc["root"], *_files(toc)]

    def source(self, page: str) -> Path:
        """The file of a page."""
        for ending in (".ipynb", ".md"):
            path = self.root / (page + ending)
            if path.is_file():
                return path
        raise FileNotFoundError(f"_toc.yml names {page}, but there is no {page}.ipynb or {page}.md in {self.root}")

    def notebooks(self) -> list[str]:
        """The pages that are notebooks, in reading order."""
        return [page for page in self.pages() if self.source(page).suffix == ".ipynb"]

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One run or build at a time: a second one waits. (No lock on systems without ``fcntl``.)"""
        self.build.mkdir(parents=True, exist_ok=True)
        with open(self.build / ".lock", "w") as file:
            with contextlib.suppress(ImportError):
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    print("another run or build is under way; waiting for it ...", flush=True)
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _files(node: Any) -> list[str]:
    """The ``file:`` entries below a node of the table of contents, in order."""
    if isinstance(node, list):
        return [file for child in node for file in _files(child)]
    if not isinstance(node, dict):
        return []
    own = [str(node["file"])] if "file" in node else []
    return own + [file for key in ("parts", "chapters", "sections", "subtrees", "entries") for file in _files(node.get(key))]


def write_text(path: Path, text: str) -> bool:
    """Write a file whole or not at all, and only where it differs (its date then tells of a change); True if written."""
    if path.is_file() and path.read_text(encoding="utf8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".part-{os.getpid()}-{path.name}")
    temporary.write_text(text, encoding="utf8")
    os.replace(temporary, path)
    return True
