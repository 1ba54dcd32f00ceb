"""Linear prediction: an all-pole filter whose spectrum follows the envelope of a sound."""

from __future__ import annotations

__all__: list[str] = []
