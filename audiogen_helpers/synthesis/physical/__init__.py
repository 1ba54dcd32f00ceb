"""Physical models: strings, tubes and struck bodies.

Chapter: chapters/methods/physical_models.ipynb
"""

from __future__ import annotations

from audiogen_helpers.registry import Entry
from audiogen_helpers.synthesis.physical import modal, strings, tubes

__all__ = ["ENTRIES", "modal", "strings", "tubes"]

ENTRIES: tuple[Entry, ...] = (*strings.ENTRIES, *tubes.ENTRIES, *modal.ENTRIES)
