"""The first cell of every notebook: identical everywhere, hidden in the book, harmless to run twice."""

from __future__ import annotations

from typing import Any

__all__ = ["METADATA", "TITLE", "cell", "put", "source"]

TITLE = "#@title Set-up (run me first; does nothing where the package is installed)"
METADATA: dict[str, Any] = {"cellView": "form", "tags": ["remove-cell"]}


def source(address: str) -> str:
    """The cell's code: installs the package from the repository at `address` where it cannot be imported (Colab)."""
    return (
        f"{TITLE}\n"
        "try:\n"
        "    import audiogen_helpers  # noqa: F401\n"
        "except ImportError:\n"
        f'    %pip install -q "audiogen-helpers @ git+{address}"'
    )


def cell(address: str) -> dict[str, Any]:
    """The whole cell, as it stands in an ``.ipynb`` file."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": "set-up",
        "metadata": METADATA,
        "outputs": [],
        "source": source(address).splitlines(keepends=True),
    }


def put(cells: list[dict[str, Any]], address: str) -> list[dict[str, Any]]:
    """The cells of a notebook with the set-up cell first, in place of one for another address."""
    ours = bool(cells) and "".join(cells[0]["source"]).startswith(TITLE)
    return [cell(address), *(cells[1:] if ours else cells)]
