"""The voice by rules: source, filter, phonemes and prosody."""

from __future__ import annotations

from audiogen_helpers.registry import Entry
from audiogen_helpers.synthesis.voice import formants, speaking

__all__ = ["ENTRIES", "formants", "speaking"]

ENTRIES: tuple[Entry, ...] = (*formants.ENTRIES, *speaking.ENTRIES)
