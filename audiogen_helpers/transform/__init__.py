"""Changing sound that exists: so far, removing noise.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from audiogen_helpers.transform.denoise import spectral_gate

__all__ = ["spectral_gate"]
