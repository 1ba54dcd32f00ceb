"""Causal transforms as steps from block to block: one way to run them, whole or in blocks, so that both give the same samples.

A registered transform that never looks ahead names under ``extra["stream"]`` a function ``start(sr, **settings)`` that returns a
step: ``step(block) -> block``, arrays ``(..., n)`` of float64, with the state kept inside. The whole render is a single step.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers._validation import check_audio, check_sr
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.units import n_samples

__all__ = ["TAIL", "Step", "per_channel", "render", "start", "with_tail"]

Step: TypeAlias = Callable[[np.ndarray], np.ndarray]
TAIL = Parameter(name="tail", default=0.0, unit="s", low=0.0, high=60.0, help="Time added after the end, to let it ring out.")


def start(entry: Entry, *, sr: int, **settings: Any) -> Step:
    """The step of a registered transform, its settings checked (`tail` is no setting of a step: a block has no end)."""
    module, _, name = entry.extra["stream"].partition(":")
    checked = entry.settings(settings, sr=check_sr(sr))
    checked.pop(TAIL.name, None)
    return getattr(importlib.import_module(module), name)(sr, **checked)


def render(entry: Entry, y: np.ndarray, *, sr: int, **settings: Any) -> np.ndarray:
    """The whole of `y` in a single step, in its own float type, with `tail` seconds of silence appended first where there is one."""
    y, sr = check_audio(y), check_sr(sr)
    step = start(entry, sr=sr, **settings)
    tail = entry.settings(settings, sr=sr).get(TAIL.name, 0.0)
    return step(with_tail(y, tail, sr=sr).astype(np.float64)).astype(y.dtype)


def with_tail(y: np.ndarray, tail: float, *, sr: int) -> np.ndarray:
    """`y` and `tail` seconds of silence."""
    return np.concatenate([y, np.zeros((*y.shape[:-1], n_samples(tail, sr=sr)), dtype=y.dtype)], axis=-1)


def per_channel(make: Callable[[int], Step]) -> Step:
    """A step for blocks ``(..., n)`` out of ``make(channels)``, a step for blocks ``(channels, n)``, made when the first block arrives."""
    inner: list[Step] = []

    def step(block: np.ndarray) -> np.ndarray:
        flat = np.ascontiguousarray(block, dtype=np.float64).reshape(-1, block.shape[-1])
        if not inner:
            inner.append(make(len(flat)))
        return inner[0](flat).reshape(block.shape)

    return step
