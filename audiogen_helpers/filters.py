"""Filters that keep their state from block to block: second-order sections, a resonant filter whose cut-off moves, a DC blocker."""

from __future__ import annotations

__all__: list[str] = []
