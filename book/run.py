"""Execute the notebooks that are stale, once, with nbmake: the tests and the pages both use this run.

    python -m book.run [--force | --twice] [PAGE ...]

A notebook whose key (`book.keys`) has a result in ``build/cache`` is not executed. Stale ones are copied to ``build/run`` and
executed there by ``pytest --nbmake``, one at a time; a result is checked and kept as soon as its notebook has ended. Ends with 1
if a notebook fails; the others are run all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from book import nbmake_progress, notebooks
from book.keys import key
from book.paths import ROOT, Project

__all__ = ["Failure", "cached", "main", "notebooks_in_order", "run", "twice"]

CELL_TIMEOUT = 600  # seconds
_KEEP = 3  # results kept for each notebook, so that going back to an earlier version costs nothing


@dataclass(frozen=True)
class Failure:
    """A notebook that failed, and what to show of it."""

    page: str
    report: str


def notebooks_in_order(root: Path = ROOT) -> list[Path]:
    """The notebook files of the book, in reading order."""
    project = Project(root)
    return [project.source(page) for page in project.notebooks()]


def cached(project: Project, page: str) -> Path | None:
    """The executed notebook of a page as it stands now, None if it was not executed yet."""
    path = _result(project, page, key(project, page))
    try:
        notebooks.read(path)
    except (OSError, ValueError):
        return None
    return path


def run(project: Project, pages: list[str] | None = None, *, force: bool = False) -> list[Failure]:
    """Execute the stale ones of `pages` (default: every notebook of the book), and return what failed."""
    pages = project.notebooks() if pages is None else pages
    stale = [page for page in pages if force or cached(project, page) is None]
    _say(f"notebooks: {len(pages) - len(stale)} unchanged, {len(stale)} to execute")
    found = {page: key(project, page) for page in stale}
    failures = []
    for page, result in _executed(project, stale):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            notebooks.write(_result(project, page, found[page]), result)
            _prune(project, page)
    return _summary(failures)


def twice(project: Project, pages: list[str] | None = None) -> list[Failure]:
    """Execute each of `pages` once more than the result that is kept, and return which showed something else."""
    pages = project.notebooks() if pages is None else pages
    failures = run(project, pages)
    kept = {page: path for page in pages if (path := cached(project, page))}
    _say(f"notebooks: {len(kept)} to execute again and compare")
    for page, result in _executed(project, list(kept)):
        if isinstance(result, Failure):
            failures.append(result)
        elif differ := notebooks.differences(notebooks.read(kept[page]), result):
            report = "\n".join(f"{page}.ipynb, {line}" for line in differ)
            _say(report)
            failures.append(Failure(page, report))
    return _summary(failures)


def _executed(project: Project, pages: list[str]) -> Iterator[tuple[str, notebooks.Notebook | Failure]]:
    """Each page with its executed notebook, or with what is wrong, as soon as it has ended; says how it goes."""
    targets = {}
    for page in pages:  # a copy lies as deep as the notebook itself
        targets[page] = project.build / "run" / f"{page}.ipynb"
        notebooks.write(targets[page], notebooks.read(project.source(page)))
    for number, (page, ended) in enumerate(_nbmake(project, targets), start=1):
        result = _judge(page, targets[page], ended)
        left = len(pages) - number
        state = "FAILED" if isinstance(result, Failure) else "ok"
        _say(f"{state} in {ended['seconds']:.1f} s{f', {left} left' if left else ''}")
        if isinstance(result, Failure):
            _say(result.report)
        yield page, result


def _nbmake(project: Project, targets: dict[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run pytest over the copies; yields each page with what the plugin says of its end."""
    if not targets:
        return
    names = {os.path.relpath(path, project.root): page for page, path in targets.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-s", "--rootdir", str(project.root), "-o", "addopts=", "-p", nbmake_progress.__name__]
    command += [option for plugin in ("cacheprovider", "hypothesispytest", "anyio") for option in ("-p", f"no:{plugin}")]
    command += ["--nbmake", "--overwrite", f"--nbmake-timeout={CELL_TIMEOUT}", "--nbmake-kernel=python3", *map(str, targets.values())]
    seen: list[str] = []
    other: list[str] = []
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=_environment(project), **options) as pytest:
        try:
            for line in pytest.stdout or ():
                if not line.startswith(nbmake_progress.MARK):
                    other.append(line)
                    continue
                message = json.loads(line.removeprefix(nbmake_progress.MARK))
                page = names[message.get("begins", message.get("ended")).partition("::")[0]]
                if "begins" in message:
                    _say(f"[{len(seen) + 1}/{len(targets)}] {page} ...", end=" ")
                else:
                    seen.append(page)
                    yield page, message
        except BaseException:
            pytest.kill()
            raise
    for page in targets:
        if page not in seen:
            yield page, {"good": False, "seconds": 0.0, "report": f"pytest ended without running it:\n{''.join(other)}"}


def _judge(page: str, target: Path, ended: dict[str, Any]) -> notebooks.Notebook | Failure:
    """The executed notebook, or what is wrong with it: first the cell, which nbmake does not name, then nbmake's report."""
    notebook = notebooks.read(target)
    problems = [f"{page}.ipynb, {problem}" for problem in notebooks.problems(notebook)]
    if not ended["good"]:
        return Failure(page, "\n".join([*problems[:1], ended["report"].strip()]))
    if problems:
        return Failure(page, "\n".join(problems))
    notebook["metadata"]["audiogen_seconds"] = round(ended["seconds"], 1)
    return notebook


def _environment(project: Project) -> dict[str, str]:
    """The environment of a run: the bundled data, so that every build is the same, and a TensorFlow that does not chat."""
    ours = {
        "AUDIOGEN_DATA": "bundled",
        "AUDIOGEN_DATA_HOME": str(project.build / "data_home"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    return {**os.environ, **ours}


def _result(project: Project, page: str, page_key: str) -> Path:
    return project.cache / f"{page}.{page_key}.ipynb"


def _prune(project: Project, page: str) -> None:
    """Remove all but the newest results of a page."""
    path = project.cache / page
    results = sorted(path.parent.glob(f"{path.name}.*.ipynb"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in results[_KEEP:]:
        old.unlink()


def _summary(failures: list[Failure]) -> list[Failure]:
    if failures:
        _say(f"notebooks: FAILED: {', '.join(failure.page for failure in failures)}")
    return failures


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m book.run", description="Execute the notebooks that are stale.")
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="such as chapters/background (default: all)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--force", action="store_true", help="execute also what is unchanged")
    how.add_argument("--twice", action="store_true", help="execute everything again and compare sounds, pictures and numbers")
    options = parser.parse_args(arguments)
    project = Project()
    known = project.notebooks()
    unknown = sorted(set(options.pages) - set(known))
    if unknown:
        parser.error(f"not a notebook of _toc.yml: {', '.join(unknown)}; known: {', '.join(known)}")
    with project.lock():
        shutil.rmtree(project.build / "run", ignore_errors=True)
        pages = options.pages or None
        return 1 if (twice(project, pages) if options.twice else run(project, pages, force=options.force)) else 0


if __name__ == "__main__":
    sys.exit(main())
