"""Sound generation, explained by code: the package behind *Audio Generation: Principles and Code*.

Importing it is cheap: submodules load on first use, and so do the heavy libraries inside them.

Examples
--------
>>> import audiogen_helpers as ag
>>> ag.units.midi_to_hz(69)
440.0
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = (
    "audio",
    "datasets",
    "deep",
    "display",
    "errors",
    "evaluation",
    "exercises",
    "filters",
    "linear_prediction",
    "registry",
    "spectral",
    "synthesis",
    "transform",
    "units",
    "workflow",
)

__all__ = ["__version__", *_SUBMODULES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
