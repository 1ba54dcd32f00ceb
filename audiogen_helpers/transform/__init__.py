"""Changing sound that exists: time, pitch, colour, level, space and noise; every transform is registered once, in `TRANSFORMS`.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from audiogen_helpers.transform import declick, dynamics, equaliser, modulating, noise_tracking, psola, space, stretching, vocoding
from audiogen_helpers.transform.denoise import spectral_gate
from audiogen_helpers.transform.registered import TRANSFORMS, apply

__all__ = [
    "TRANSFORMS",
    "apply",
    "declick",
    "dynamics",
    "equaliser",
    "modulating",
    "noise_tracking",
    "psola",
    "space",
    "spectral_gate",
    "stretching",
    "vocoding",
]
