"""Make the pages in ``build/html`` from the sources and the executed notebooks; nothing is executed here.

    python -m book.build            all pages; a warning is an error; does nothing where nothing changed
    python -m book.build --quick    only where there are no pages yet: a first readable book, in which notebooks that have
                                    not been executed appear without outputs

A build that did not end well leaves no record (``build/pages.json``), so the next one starts afresh and repeats every warning.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import json
import platform
import shutil
import sys
import time
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from book import notebooks
from book.media import extract
from book.paths import Project, write_text
from book.run import cached

__all__ = ["build", "main", "stage", "up_to_date"]

MEDIA = "_media"
HERE = Path(__file__).resolve().parent
_TITLE = "#@title "


def build(project: Project, *, quick: bool = False) -> int:
    """Make the pages; 0 where all went well."""
    start = time.monotonic()
    record = _read_record(project)
    if quick and record is not None:
        print(f"pages: there already; {_where(project)}")
        return 0
    staged, missing = stage(project)
    if missing and not quick:
        print(f"pages: not executed yet, or failing: {', '.join(missing)}. First run: python -m book.run", file=sys.stderr)
        return 1
    tools, inputs = _hash(_tools(project)), _hash(staged)
    if record is not None and not record["quick"] and (record["tools"], record["inputs"]) == (tools, inputs):
        print(f"pages: unchanged; {_where(project)}")
        return 0
    go_on = record is not None and not record["quick"] and record["tools"] == tools
    print(f"pages: building {'a first readable book' if quick else 'what changed' if go_on else 'all'} ...", flush=True)
    (project.build / "pages.json").unlink(missing_ok=True)
    out = _out(project) if go_on else project.build / "html.new"
    if not go_on:
        shutil.rmtree(out, ignore_errors=True)
        shutil.rmtree(project.build / "doctrees", ignore_errors=True)
    good = _sphinx(project, out, strict=not quick)
    _finish(project, out)
    if out != _out(project):
        shutil.rmtree(_out(project), ignore_errors=True)
        out.rename(_out(project))
    if not good:
        print("pages: FAILED, see the warnings above", file=sys.stderr)
        return 1
    files = {path.relative_to(_out(project)).as_posix(): path.stat().st_size for path in _out(project).rglob("*") if path.is_file()}
    write_text(project.build / "pages.json", json.dumps({"quick": quick, "tools": tools, "inputs": inputs, "files": files}, indent=1))
    left = f"; {len(missing)} notebooks without outputs so far" if missing else ""
    print(f"pages: done in {time.monotonic() - start:.1f} s{left}; {_sizes(files)}; {_where(project)}")
    return 0


def up_to_date(project: Project) -> bool:
    """Whether ``build/html`` is the whole book as it stands now (for the tests of the pages)."""
    record = _read_record(project)
    if record is None or record["quick"]:
        return False
    staged, missing = stage(project)
    return not missing and (record["tools"], record["inputs"]) == (_hash(_tools(project)), _hash(staged))


def stage(project: Project) -> tuple[list[Path], list[str]]:
    """Fill ``build/source`` with what the builder reads: returns its files, and the notebooks that have no outputs yet.

    A file that does not change keeps its date, so the builder reads only pages that changed. Nothing else is left there.
    """
    target = project.build / "source"
    staged: list[Path] = []
    missing: list[str] = []
    for path in (project.root / "_config.yml", project.root / "_toc.yml"):
        write_text(target / path.name, path.read_text(encoding="utf8"))
        staged.append(target / path.name)
    for path in sorted((HERE / "static").glob("*")):
        write_text(target / "book/static" / path.name, path.read_text(encoding="utf8"))
        staged.append(target / "book/static" / path.name)
    for page in project.pages():
        source = project.source(page)
        path = target / source.relative_to(project.root)
        staged.append(path)
        if source.suffix == ".md":
            write_text(path, source.read_text(encoding="utf8"))
            continue
        result = cached(project, page)
        if result is None:
            missing.append(page)
        names = _stage_notebook(source, result, path, folder=target / MEDIA, address="../" * page.count("/") + MEDIA)
        staged += [target / MEDIA / name for name in sorted(names)]
    keep = set(staged)
    for path in target.rglob("*"):
        if path.is_file() and path not in keep:
            path.unlink()
    return staged, missing


def _stage_notebook(source: Path, result: Path | None, path: Path, *, folder: Path, address: str) -> set[str]:
    """Write one notebook as the builder reads it, and its sounds and pictures beside; returns the names of these."""
    notebook = notebooks.read(source)
    if result is not None:
        notebook = notebooks.settle(notebooks.join(notebook, notebooks.read(result)))
    notebook = {**notebook, "cells": [_fold(cell) for cell in notebook["cells"]]}
    notebook, names = extract(notebook, folder=folder, address=address)
    notebooks.write(path, notebook)
    return names


def _fold(cell: dict[str, Any]) -> dict[str, Any]:
    """A hidden cell whose first line is ``#@title Solution``: the title becomes the words to click on."""
    text = notebooks.source(cell)
    if cell["cell_type"] != "code" or "hide-cell" not in notebooks.tags(cell) or not text.startswith(_TITLE):
        return cell
    first, _, rest = text.partition("\n")
    title = first.removeprefix(_TITLE).strip()
    prompts = {"code_prompt_show": title, "code_prompt_hide": title}
    return {**cell, "source": rest, "metadata": {**cell["metadata"], "mystnb": prompts}}


def _sphinx(project: Project, out: Path, *, strict: bool) -> bool:
    """Run the builder; True where it had nothing to complain about (or need not mind)."""
    from jupyter_book.sphinx import build_sphinx

    source = project.build / "source"
    with _living_objects_only():
        result: Any = build_sphinx(
            source,
            out,
            path_config=source / "_config.yml",
            noconfig=True,
            confoverrides={"external_toc_path": (source / "_toc.yml").as_posix(), "latex_individualpages": False},
            doctreedir=project.build / "doctrees",
            warningiserror=strict,
            keep_going=True,
            quiet=True,
        )
    return result == 0


@contextlib.contextmanager
def _living_objects_only() -> Iterator[None]:
    """The builder asks every object of the process for its class; a proxy whose object is gone, as numba leaves some, would raise."""
    from sphinx_external_toc import collectors

    def living() -> list[Any]:
        return [thing for thing in gc.get_objects() if type(thing) not in weakref.ProxyTypes]

    with mock.patch.object(collectors, "gc", types.SimpleNamespace(get_objects=living)):
        yield


def _finish(project: Project, out: Path) -> None:
    """What the builder leaves open: sounds and pictures, the first page, notebooks to download as they are committed."""
    media = project.build / "source" / MEDIA
    kept = {path.name for path in media.glob("*")}
    for path in media.glob("*"):
        target = out / MEDIA / path.name
        if not target.is_file() or target.stat().st_size != path.stat().st_size:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    for path in (out / MEDIA).glob("*"):
        if path.name not in kept:
            path.unlink()
    for page in project.notebooks():
        target = out / "_sources" / f"{page}.ipynb"
        if target.parent.is_dir():
            shutil.copyfile(project.source(page), target)


def _sizes(files: dict[str, int]) -> str:
    """What the pages weigh."""
    pages = {name: size for name, size in files.items() if name.endswith(".html")}
    media = sum(size for name, size in files.items() if name.startswith(f"{MEDIA}/"))
    sources = sum(size for name, size in files.items() if name.startswith("_sources/"))
    shared = sum(files.values()) - sum(pages.values()) - media - sources
    largest = max(pages, key=lambda name: pages[name])
    return (
        f"{len(pages)} pages of {sum(pages.values()) / 1e3:.0f} kB (largest: {largest}, {pages[largest] / 1e3:.0f} kB), "
        f"sounds and pictures {media / 1e6:.1f} MB, shared scripts, styles and fonts {shared / 1e6:.1f} MB"
    )


def _tools(project: Project) -> list[Path]:
    """The files that decide how pages are made; where one changes, all pages are made again."""
    return [*sorted(HERE.rglob("*.py")), project.root / "constraints.txt", project.root / "_config.yml"]


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256(platform.python_version().encode())
    for path in files:
        data = path.read_bytes() if path.is_file() else b""
        digest.update(f"{path.name} {len(data)} ".encode() + data)
    return digest.hexdigest()


def _read_record(project: Project) -> dict[str, Any] | None:
    """What the last good build wrote down, None where there is none or one of its files is gone or cut."""
    try:
        record = json.loads((project.build / "pages.json").read_text(encoding="utf8"))
        good = all((_out(project) / name).stat().st_size == size for name, size in record["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return record if good else None


def _out(project: Project) -> Path:
    return project.build / "html"


def _where(project: Project) -> str:
    return f"open {_out(project) / 'index.html'}"


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m book.build", description="Make the pages in build/html.")
    parser.add_argument("--quick", action="store_true", help="only where there are no pages yet: a first readable book")
    options = parser.parse_args(arguments)
    project = Project()
    with project.lock():
        return build(project, quick=options.quick)


if __name__ == "__main__":
    sys.exit(main())
