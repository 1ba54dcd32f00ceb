"""Sphinx extension of the book: boxes out of plain Markdown, stable anchors, numbered equations, local mathematics.

Notebooks hold plain Markdown only, because Colab shows nothing else. This turns its forms into boxes:

* a quote block that starts with ``**You will**`` is the box of goals, one that starts with ``**Keep:**`` the box of the summary,
* a section whose heading starts with ``Exercise:`` is an exercise; it ends before the summary.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from pathlib import Path
from typing import Any

from docutils import nodes

__all__ = ["setup"]

BOXES = {"You will": "ag-goals", "Keep:": "ag-keep"}
EXERCISE = "Exercise:"
STARTS = ("Runs in ", "Read:", "Keep:")
_ANCHOR = re.compile(r'<a id="([^"]+)">')
_THEBE_SETTINGS = re.compile(r'<script type="text/x-thebe-config">.*?</script>', re.DOTALL)
_PLAIN_CODE = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>')
_TAG = re.compile(r"\\tag\{[^}]*\}")


def boxes(app: Any, doctree: nodes.document) -> None:
    """Mark goals, summaries and exercises for the style sheet."""
    for quote in doctree.findall(nodes.block_quote):
        for start, name in BOXES.items():
            if _first_bold(quote).startswith(start):
                quote["classes"].append(name)
                _split(quote.children[0])
    for section in list(doctree.findall(nodes.section)):
        title = section.next_node(nodes.title)
        if title is not None and title.parent is section and title.astext().startswith(EXERCISE):
            section["classes"].append("ag-exercise")
            _end_at_summary(section)


def _first_bold(quote: nodes.Element) -> str:
    """The bold words that a quote block starts with, or nothing."""
    paragraph = quote.children[0] if quote.children else None
    inside = [child for child in paragraph.children if child.astext()] if isinstance(paragraph, nodes.paragraph) else []
    return inside[0].astext() if inside and isinstance(inside[0], nodes.strong) else ""


def _split(paragraph: Any) -> None:
    """Let what begins a line of a box, the run time or the reading, begin a paragraph: Markdown joins lines."""
    parts: list[list[nodes.Node]] = [[]]
    new_line = False
    for child in list(paragraph.children):
        text = child.astext()
        if new_line and text.startswith(STARTS):
            parts.append([])
        if text:
            parts[-1].append(child)
            new_line = text.endswith("\n")
    paragraph.replace_self([nodes.paragraph("", "", *part) for part in parts])


def _end_at_summary(section: nodes.Element) -> None:
    """Move a summary, and what follows it, out of an exercise: no heading ends an exercise that is the last of a page."""
    for position, child in enumerate(section.children):
        if isinstance(child, nodes.block_quote) and "ag-keep" in child["classes"]:
            rest = section.children[position:]
            del section.children[position:]
            outer, after = section, section.parent
            while "ag-exercise" in after["classes"]:
                outer, after = after, after.parent
            place = after.index(outer) + 1
            after.insert(place, rest)
            return


def anchors(app: Any, doctree: nodes.document) -> None:
    """Make ``<a id="name"></a>`` a target for links from other pages (MyST knows headings only)."""
    slugs = dict(app.env.metadata[app.env.docname].get("myst_slugs", {}))
    for raw in doctree.findall(nodes.raw):
        for name in _ANCHOR.findall(raw.astext()):
            slugs[name] = (raw.line or 0, name, name)
    app.env.metadata[app.env.docname]["myst_slugs"] = slugs


def equation_tags(app: Any, doctree: nodes.document) -> None:
    """Put ``\\tag`` outside what Sphinx wraps around an equation of several lines, where MathJax would refuse it."""
    for math in doctree.findall(nodes.math_block):
        text = math.astext()
        found = _TAG.findall(text)
        if found and r"\begin{align" not in text.replace("aligned", ""):
            math["nowrap"] = True
            body = _TAG.sub("", text).strip()
            math.children = [nodes.Text(f"\\begin{{equation}}\n{body}\n{found[0]}\n\\end{{equation}}")]


def drop_thebe(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out sphinx-thebe, which Jupyter Book always loads: its script fails (it is declared twice), and nothing uses it."""

    def keep(file: Any) -> bool:
        body = getattr(file, "attributes", {}).get("body") or ""
        return "THEBE_JS_URL" not in body and "sphinx-thebe" not in str(getattr(file, "filename", file))

    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if keep(file)]
    context["body"] = _THEBE_SETTINGS.sub("", context.get("body") or "")


def plain_code(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Take the marks off names, brackets, blanks and operators in code, which keep the colour of plain text: they are most of a page."""
    context["body"] = _PLAIN_CODE.sub(r"\1", context.get("body") or "")


def copy_mathjax(app: Any, error: Exception | None) -> None:
    """Copy the part of MathJax that a page needs (1.6 MB of 24 MB) beside the pages."""
    if error or app.builder.format != "html":
        return
    for file in importlib.metadata.files("sphinx-mathjax-offline") or []:
        name = file.as_posix()
        if name.endswith("static/mathjax/tex-mml-chtml.js") or "output/chtml/fonts/woff-v2/" in name:
            target = Path(app.outdir) / "_static/mathjax" / name.split("static/mathjax/")[1]
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), target)


def remove_source_maps(app: Any, error: Exception | None) -> None:
    """Remove the theme's source maps (3.5 MB), which only its own developers use."""
    if not error and app.builder.format == "html":
        for path in (Path(app.outdir) / "_static").rglob("*.map"):
            path.unlink()


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    for handler in (boxes, anchors, equation_tags):
        app.connect("doctree-read", handler)
    app.connect("html-page-context", drop_thebe, priority=950)
    app.connect("html-page-context", plain_code, priority=950)
    app.connect("build-finished", copy_mathjax)
    app.connect("build-finished", remove_source_maps)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
