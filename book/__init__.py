"""How the book is made: one run of the notebooks (`book.run`), then the pages from that run (`book.build`).

python -m book.run             execute the notebooks that are stale, keep the results in build/cache
python -m book.build           make the pages in build/html from the sources and those results
python -m book.build --quick   the same, with what is there so far: a first readable book
python -m book.address         write the repository's address (file ADDRESS) wherever it must stand
python -m book.bibliography    write bibliography.md from references.bib
"""

from __future__ import annotations

from book.paths import BUILD, ROOT, Project

__all__ = ["BUILD", "ROOT", "Project"]
