"""Water: rain, waves and a stream, out of drops and bubbles."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
