"""Noise of every colour: white, pink, brown and blue."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
