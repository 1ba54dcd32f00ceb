"""The envelope of one sound on the source of another: channel vocoder, cross-synthesis, robot and whisper."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
