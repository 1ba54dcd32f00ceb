"""The repository's address: read from the file ADDRESS, written wherever else it must stand.

    python -m book.address          write it
    python -m book.address --check  say where it differs

It is edited in ADDRESS and nowhere else. Copies: ``_config.yml`` (repository and Colab buttons), ``pyproject.toml``,
``CITATION.cff``, and the first cell of every notebook (the install line for Colab).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from book import first_cell, notebooks
from book.paths import ROOT, write_text

__all__ = ["PLACES", "check", "main", "read", "write"]

PLACES = {
    "_config.yml": r"^(  url: )\S+()$",
    "pyproject.toml": r'^(Repository = ")[^"]*(")$',
    "CITATION.cff": r"^(repository-code: )\S+()$",
}
_FORM = re.compile(r"https://github\.com/[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


def read(root: Path = ROOT) -> str:
    """The address: one on GitHub, because Colab opens notebooks from nowhere else."""
    address = (root / "ADDRESS").read_text(encoding="utf8").strip()
    if not _FORM.fullmatch(address) or address.endswith(".git"):
        raise ValueError(f"ADDRESS must hold one line of the form https://github.com/OWNER/NAME; received {address!r}")
    return address


def write(root: Path = ROOT) -> list[str]:
    """Write the address wherever it must stand; returns the files that changed."""
    return [name for name, text in _wanted(root).items() if write_text(root / name, text)]


def check(root: Path = ROOT) -> list[str]:
    """The files in which the address is not that of ADDRESS."""
    return [name for name, text in _wanted(root).items() if (root / name).read_text(encoding="utf8") != text]


def _wanted(root: Path) -> dict[str, str]:
    """What each file that holds the address must hold."""
    address = read(root)
    wanted = {}
    for name, pattern in PLACES.items():
        text, count = re.subn(pattern, rf"\g<1>{address}\g<2>", (root / name).read_text(encoding="utf8"), flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"{name} must hold the address once, on a line like {pattern}; found {count}")
        wanted[name] = text
    for path in sorted((root / "chapters").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        notebook = notebooks.read(path)
        notebook["cells"] = first_cell.put(notebook["cells"], address)
        wanted[path.relative_to(root).as_posix()] = notebooks.dump(notebook)
    return wanted


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m book.address", description="Write the repository's address wherever it must stand.")
    parser.add_argument("--check", action="store_true", help="only say where it differs; ends with 1 if it does")
    differ = check() if parser.parse_args(arguments).check else []
    if differ:
        print(f"{read()} is not what stands in {', '.join(differ)}; run: make address")
        return 1
    changed = write()
    print(f"{read()}: {'written to ' + ', '.join(changed) if changed else 'stands everywhere already'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
