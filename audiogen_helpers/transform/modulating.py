"""Sound through moving delays: chorus, flanger, tremolo."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
