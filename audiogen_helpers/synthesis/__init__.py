"""Sound from nothing, by rules and by physics; every sound is registered once, in `SOUNDS`, and rendered whole or in blocks.

Examples
--------
>>> from audiogen_helpers import synthesis
>>> y = synthesis.render("sine", sr=8000, duration=1.0, f0=440.0)
>>> y.shape
(8000,)
"""

from __future__ import annotations

from audiogen_helpers.synthesis import (
    additive,
    envelopes,
    modulation,
    nature,
    noise,
    oscillators,
    physical,
    sampled,
    subtractive,
    voice,
)
from audiogen_helpers.synthesis.registered import SOUNDS, blocks, render

__all__ = [
    "SOUNDS",
    "additive",
    "blocks",
    "envelopes",
    "modulation",
    "nature",
    "noise",
    "oscillators",
    "physical",
    "render",
    "sampled",
    "subtractive",
    "voice",
]
