"""Machines that repeat: a clock and a helicopter."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
