"""What generated sound is for: whole small systems built from the rest of the package."""

from __future__ import annotations

from audiogen_helpers.applications import spatial

__all__ = ["spatial"]
