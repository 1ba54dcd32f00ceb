"""Curves that shape a sound over time: ADSR, LFO, vibrato, glide."""

from __future__ import annotations

__all__: list[str] = []
