"""Which transforms there are, by name, and how to apply one by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike
from audiogen_helpers._validation import check_audio, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Registry
from audiogen_helpers.transform import declick, denoise, dynamics, equaliser, modulating, noise_tracking, psola, space, stretching, vocoding

__all__ = ["TRANSFORMS", "apply"]

TRANSFORMS = Registry(
    "transform",
    *stretching.ENTRIES,
    *psola.ENTRIES,
    *vocoding.ENTRIES,
    *denoise.ENTRIES,
    *noise_tracking.ENTRIES,
    *declick.ENTRIES,
    *equaliser.ENTRIES,
    *dynamics.ENTRIES,
    *space.ENTRIES,
    *modulating.ENTRIES,
)


def apply(name: str, y: np.ndarray, *, sr: int, second: np.ndarray | None = None, rng: RNGLike = None, **settings: Any) -> np.ndarray:
    """The registered transform `name` of a waveform.

    Parameters
    ----------
    name : str
        A name in :data:`TRANSFORMS`.
    y : np.ndarray [shape=(n,) or (channels, n)]
        Waveform; some transforms take mono only, and say so.
    sr : int > 0
        Sample rate, Hz.
    second : np.ndarray, optional
        A second sound at the same rate, for transforms that take one: an impulse response, a carrier, a noise clip.
    rng : int, np.random.Generator or None
        Source of chance, for the transforms that use it.
    **settings
        As registered; defaults for the rest.

    Returns
    -------
    y : np.ndarray

    Raises
    ------
    ParameterError
        If the name is unknown, or an argument is out of range.
    """
    entry, sr = TRANSFORMS[name], check_sr(sr)
    arguments = entry.settings(settings, sr=sr)
    second_name = entry.extra.get("second")
    if second is not None:
        if second_name is None:
            raise ParameterError(f"second must not be given: {name} takes one sound only; received one")
        arguments[second_name] = check_audio(second, name="second")
    if entry.extra.get("random"):
        arguments["rng"] = rng
    return entry.load()(check_audio(y), sr=sr, **arguments)
