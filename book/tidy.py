"""Bring every notebook into the form in which it is committed.

    python -m book.tidy [FILE ...]

Without outputs and execution counts, with the set-up cell first, the same kernel and metadata everywhere, and solutions folded in
all three places where a notebook is read: by the tag ``hide-cell`` in the book, by ``source_hidden`` in JupyterLab, by ``cellView``
in Colab. Text and code stay as they are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from book import first_cell, notebooks
from book.address import read
from book.notebooks import Notebook
from book.paths import Project

__all__ = ["main", "tidy"]

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def tidy(notebook: Notebook, *, address: str) -> Notebook:
    """The notebook in the form in which it is committed."""
    first, *others = first_cell.put(notebook["cells"], address)
    return {
        "cells": [first, *map(_cell, others)],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = {name: value for name, value in cell["metadata"].items() if name in {"nbmake", "tags"}}
    source = notebooks.source(cell).splitlines(keepends=True)
    if cell["cell_type"] != "code":
        return {"cell_type": cell["cell_type"], "id": cell["id"], "metadata": metadata, "source": source}
    if "hide-cell" in notebooks.tags(cell):
        metadata = {"cellView": "form", "jupyter": {"source_hidden": True}, **metadata}
    return {"cell_type": "code", "execution_count": None, "id": cell["id"], "metadata": metadata, "outputs": [], "source": source}


def main(arguments: list[str]) -> int:
    """Tidy the files, or every notebook of the book."""
    project = Project()
    for path in [Path(name) for name in arguments] or [project.source(page) for page in project.notebooks()]:
        if notebooks.write(path, tidy(notebooks.read(path), address=read())):
            print(f"{path}: tidied")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
