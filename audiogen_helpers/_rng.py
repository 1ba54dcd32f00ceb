"""Randomness as an argument: one place that turns a seed into a generator."""

from __future__ import annotations

import numbers
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers._validation import check_integer, show
from audiogen_helpers.errors import ParameterError

__all__ = ["RNGLike", "check_seed", "generator"]

RNGLike: TypeAlias = "int | np.random.Generator | np.random.SeedSequence | None"


def generator(rng: Any = None) -> np.random.Generator:
    """A numpy generator: from a whole number >= 0, passed through unchanged, or from fresh entropy for ``None``.

    Examples
    --------
    >>> int(generator(0).integers(100)), int(generator(0).integers(100))
    (85, 85)
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None or isinstance(rng, np.random.SeedSequence):
        return np.random.default_rng(rng)
    if isinstance(rng, numbers.Integral) and not isinstance(rng, bool):
        return np.random.default_rng(check_seed(rng, name="rng"))
    raise ParameterError(f"rng must be a whole number >= 0, a numpy Generator or None; received {show(rng)}")


def check_seed(seed: Any, *, name: str = "seed") -> int:
    """A seed: a whole number from 0 to 2**32 - 1 (what TensorFlow and numpy both take)."""
    return check_integer(seed, name=name, low=0, high=2**32 - 1)
