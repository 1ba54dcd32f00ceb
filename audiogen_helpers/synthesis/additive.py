"""Tones as sums of sines: Fourier partials, bells whose partials are not in a row, and endless glissandi."""

from __future__ import annotations

from audiogen_helpers.registry import Entry

__all__ = ["ENTRIES"]

ENTRIES: tuple[Entry, ...] = ()
