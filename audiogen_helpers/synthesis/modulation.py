"""Tones whose amplitude, sign or phase another tone moves: AM, ring modulation and FM."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
