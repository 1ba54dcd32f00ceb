"""Notebooks as plain data: reading, writing, joining text with outputs, and what is wrong with an executed one."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from book.paths import write_text

__all__ = ["Notebook", "code_cells", "differences", "dump", "join", "problems", "python", "read", "settle", "source", "tags", "write"]

Notebook = dict[str, Any]
_PLAYERS = {"compare", "explore", "play"}
_TIME = re.compile(r"\b\d+(\.\d+)? ?(ms|s|min|seconds|minutes)\b|\b\d+:\d\d\b|\b\d+(\.\d+)? ?(steps|it)/s\b")


def read(path: Path) -> Notebook:
    """The notebook in a file."""
    return json.loads(path.read_text(encoding="utf8"))


def dump(notebook: Notebook) -> str:
    """A notebook as text, as it is committed (and as Jupyter saves it): one space of indent, readable characters."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def write(path: Path, notebook: Notebook) -> bool:
    """Write a notebook whole or not at all; True if the file changed."""
    return write_text(path, dump(notebook))


def source(cell: dict[str, Any]) -> str:
    """A cell's text."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def tags(cell: dict[str, Any]) -> list[str]:
    """A cell's tags, sorted."""
    return sorted(cell.get("metadata", {}).get("tags", []))


def code_cells(notebook: Notebook) -> list[dict[str, Any]]:
    """The code cells, in order."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def python(text: str) -> str:
    """A code cell's text as plain Python: lines for IPython (``%pip``, ``!ls``) become ``pass``."""
    lines = []
    for line in text.splitlines():
        bare = line.lstrip()
        lines.append(line[: len(line) - len(bare)] + "pass" if bare.startswith(("%", "!")) else line)
    return "\n".join(lines)


def join(current: Notebook, executed: Notebook) -> Notebook:
    """The text of `current` with the outputs of `executed`, whose code cells are the same."""
    outputs = iter(code_cells(executed))
    cells = []
    for cell in current["cells"]:
        if cell["cell_type"] == "code":
            run = next(outputs)
            cell = {**cell, "outputs": run["outputs"], "execution_count": run["execution_count"]}
        cells.append(cell)
    return {**current, "cells": cells}


def settle(notebook: Notebook) -> Notebook:
    """The notebook with printed output as a reader sees it at the end: a line that was written over (a progress bar) once."""
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            outputs: list[dict[str, Any]] = []
            for output in cell["outputs"]:
                last = outputs[-1] if outputs else {}
                if output["output_type"] == "stream" and last.get("name") == output["name"]:
                    outputs[-1] = {**last, "text": last["text"] + "".join(output["text"])}
                elif output["output_type"] == "stream":
                    outputs.append({**output, "text": "".join(output["text"])})
                else:
                    outputs.append(output)
            cell = {**cell, "outputs": [_last_words(output) for output in outputs]}
        cells.append(cell)
    return {**notebook, "cells": cells}


def _last_words(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] != "stream":
        return output
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in output["text"].split("\n"))
    return {**output, "text": "\n".join(lines)}


def problems(notebook: Notebook) -> list[str]:
    """What must not be in an executed notebook, one line each.

    Errors; anything on stderr; a picture without a text for those who cannot see it; a player that does not show.
    """
    found = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                found.append(f"cell {number}: {output['ename']}: {output['evalue']}")
            if output["output_type"] == "stream" and output["name"] == "stderr":
                found.append(f"cell {number} writes to stderr: {''.join(output['text']).strip()}")
            if any(mime.startswith("image/") for mime in output.get("data", {})):
                found.append(f"cell {number} shows a picture by itself; display.figure gives it a text and closes it")
        if _calls_player(cell) and not any("<audio" in html for html in _html(cell)):
            found.append(f"cell {number} calls play, compare or explore, but shows no player (is the call the last line of the cell?)")
    return found


def differences(first: Notebook, second: Notebook) -> list[str]:
    """Which code cells show something else in `second` than in `first`; times do not count."""
    found = []
    pairs = zip(code_cells(first), code_cells(second), strict=True)
    for number, (one, other) in enumerate(pairs, start=1):
        if _shown(one) != _shown(other):
            found.append(f"code cell {number} differs: {source(one).strip().splitlines()[0]}")
    return found


def _shown(cell: dict[str, Any]) -> list[str]:
    """What a cell shows, as text, without times."""
    found = []
    for output in cell["outputs"]:
        data = {"text": output.get("text", ""), **output.get("data", {})}
        text = json.dumps({mime: value if isinstance(value, str) else "".join(value) for mime, value in data.items()}, sort_keys=True)
        found.append(_TIME.sub("", text))
    return found


def _html(cell: dict[str, Any]) -> list[str]:
    """The HTML that a cell shows, one string for each output."""
    found = [output.get("data", {}).get("text/html", "") for output in cell["outputs"]]
    return [html if isinstance(html, str) else "".join(html) for html in found]


def _calls_player(cell: dict[str, Any]) -> bool:
    """Whether a call of `play` or `compare` stands in the cell itself (one inside a function may run elsewhere)."""
    if "skip-execution" in tags(cell):
        return False
    nodes: list[ast.AST] = [ast.parse(python(source(cell)))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in _PLAYERS:
            return True
        if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            nodes.extend(ast.iter_child_nodes(node))
    return False
