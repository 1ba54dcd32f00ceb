"""Write ``bibliography.md`` from ``references.bib``: plain Markdown with one anchor per key, so that links work everywhere.

    python -m book.bibliography

A notebook cites with a link: ``[Risset 1969](../bibliography.md#risset1969)``.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from book.paths import Project, write_text

__all__ = ["main", "text"]

_HEAD = """# Bibliography

<!-- Written by `python -m book.bibliography` from references.bib. -->
"""


def text(project: Project) -> str:
    """What ``bibliography.md`` must hold: the entries of ``references.bib``, by first author and year."""
    from pybtex.database import parse_file

    entries = parse_file(str(project.root / "references.bib"), "bibtex").entries
    for key in entries:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", key):
            raise ValueError(f"references.bib: a key must be lower-case letters, digits and hyphens; received {key}")
    lines = [f'<a id="{key}"></a>{_entry(entry)}' for key, entry in sorted(entries.items(), key=lambda item: _order(*item))]
    return "\n".join([_HEAD, *(line + "\n" for line in lines)])


def _order(key: str, entry: Any) -> tuple[str, str, str]:
    return (_authors(entry).lower(), entry.fields.get("year", ""), key)


def _authors(entry: Any) -> str:
    """``Griffin, D. & Lim, J.``; the organisation where there are no persons."""
    names = []
    for person in entry.persons.get("author", []) or entry.persons.get("editor", []):
        initials = " ".join("-".join(f"{part[0]}." for part in name.split("-")) for name in (*person.first_names, *person.middle_names))
        last = " ".join((*person.prelast_names, *person.last_names))
        names.append(_plain(f"{last}, {initials}" if initials else last))
    if len(names) > 6:
        names = [*names[:5], "others"]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" & {names[-1]}" if names else _plain(entry.fields["title"])


def _entry(entry: Any) -> str:
    """One entry as a line of Markdown."""
    fields = {name: _plain(value) for name, value in entry.fields.items()}
    place = fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or fields.get("institution") or ""
    if "volume" in fields:
        place += f" {fields['volume']}" + (f"({fields['number']})" if "number" in fields else "")
    if "pages" in fields:
        place += f", {fields['pages'].replace('--', '–')}"
    link = f"https://doi.org/{entry.fields['doi']}" if "doi" in fields else entry.fields.get("url", "")
    title = f"[{fields['title']}]({link})" if link else fields["title"]
    parts = [f"{_authors(entry)} ({fields.get('year', 'no year')})", f"*{title}*" if not link else title, place, fields.get("note", "")]
    return ". ".join(part.rstrip(".") for part in parts if part) + "."


def _plain(value: str) -> str:
    """A field without TeX's braces and accents."""
    from pybtex.richtext import Text

    return str(Text.from_latex(value)).replace("\n", " ")


def main() -> int:
    """Write the file."""
    project = Project()
    changed = write_text(project.root / "bibliography.md", text(project))
    print("bibliography.md", "written" if changed else "is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
