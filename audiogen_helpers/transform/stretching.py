"""Time and pitch apart: phase vocoder, WSOLA, pitch shift."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
