"""The sounds of the world by rules: water, fire, air, machines and creatures."""

from __future__ import annotations

from audiogen_helpers.registry import Entry
from audiogen_helpers.synthesis.nature import air, creatures, fire, machines, water

__all__ = ["ENTRIES", "air", "creatures", "fire", "machines", "water"]

ENTRIES: tuple[Entry, ...] = (*water.ENTRIES, *fire.ENTRIES, *air.ENTRIES, *machines.ENTRIES, *creatures.ENTRIES)
