"""When an executed notebook is still good: a key over everything that its outputs depend on."""

from __future__ import annotations

import ast
import hashlib
import platform
import re
from functools import cache
from pathlib import Path

from book import notebooks
from book.paths import Project

__all__ = ["key", "modules"]

PACKAGE = "audiogen_helpers"
_VERSION = "1"  # raise it when the way of running notebooks changes what they show
_TARGET = re.compile(rf"{PACKAGE}(\.\w+)+(:\w+)?")


def key(project: Project, page: str) -> str:
    """The key of a notebook as it stands now, 20 hexadecimal digits.

    It covers the code cells (text and tags, but not the set-up cell, which does nothing here), every module of the package that
    the notebook can reach, the folder ``data/`` if one of those modules reads it, ``constraints.txt`` and the version of Python.
    Text cells are not in it.
    """
    cells = notebooks.code_cells(notebooks.read(project.source(page)))
    cells = [cell for cell in cells if "remove-cell" not in notebooks.tags(cell)]
    digest = hashlib.sha256()

    def add(*parts: str | bytes) -> None:
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big") + data)

    add(_VERSION, platform.python_version(), page)
    for cell in cells:
        add(notebooks.source(cell), *notebooks.tags(cell))
    reached = modules(project, "\n".join(notebooks.python(notebooks.source(cell)) for cell in cells))
    for path in reached:
        add(path.relative_to(project.root).as_posix(), path.read_bytes())
    if any(path.name != "_files.py" and b"bundled_dir" in path.read_bytes() for path in reached):
        for path in sorted(file for file in (project.root / "data").rglob("*") if file.is_file()):
            add(path.relative_to(project.root).as_posix(), _file_hash(path, *_stamp(path)))
    constraints = project.root / "constraints.txt"
    add(constraints.read_bytes() if constraints.is_file() else b"")
    return digest.hexdigest()[:20]


def _stamp(path: Path) -> tuple[int, int]:
    """Size and date of a file: within one run of the program, a file of the same stamp is the same."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@cache
def _file_hash(path: Path, size: int, mtime: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def modules(project: Project, code: str) -> list[Path]:
    """The package's files that `code` can reach through imports, sorted: also imports inside functions, lazy ones of the form
    ``package.attribute``, and targets of registries written as ``'package.module:function'``.
    """
    found: set[Path] = set()
    waiting = _reached(project, ast.parse(code), own=None)
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting |= _module_reaches(project, path, *_stamp(path)) - found
    return sorted(found)


@cache
def _module_reaches(project: Project, path: Path, size: int, mtime: int) -> set[Path]:
    """The files that one module of the package reaches directly."""
    tree = ast.parse(path.read_text(encoding="utf8"))
    own = path.relative_to(project.root).with_suffix("").parts
    reached = _reached(project, tree, own=own)
    lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    if path.name == "__init__.py" and lazy and len(own) > 2:  # a lazy subpackage: any of its modules may be asked for
        reached |= set(path.parent.rglob("*.py"))
    return reached


def _reached(project: Project, tree: ast.AST, *, own: tuple[str, ...] | None) -> set[Path]:
    """The files that a syntax tree names; `own` is the dotted name of the module it comes from, for relative imports."""
    names: set[str] = set()
    attributes: set[str] = set()
    whole_package = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            whole_package |= any(alias.name == PACKAGE for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, own)
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _TARGET.fullmatch(node.value):
            names.add(node.value.partition(":")[0])
        elif isinstance(node, ast.Attribute):
            attributes.add(node.attr)
    if whole_package:  # `import audiogen_helpers as ag; ag.units.cents` loads units on first use
        names |= {f"{PACKAGE}.{attribute}" for attribute in attributes}
    files: set[Path] = set()
    for name in names:
        files |= _files(project, name)
    return files


def _base(node: ast.ImportFrom, own: tuple[str, ...] | None) -> str:
    """The absolute dotted name of the module that a ``from`` import names."""
    if not node.level or own is None:
        return node.module or ""
    parts = own[: len(own) - node.level]
    return ".".join((*parts, *(node.module or "").split("."))).rstrip(".")


def _files(project: Project, name: str) -> set[Path]:
    """The files that importing the dotted `name` runs: each package on the way, then the module."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return set()
    files, folder = set(), project.root
    for part in parts:
        for path in (folder / part / "__init__.py", folder / f"{part}.py"):
            if path.is_file():
                files.add(path)
        folder = folder / part
    return files
