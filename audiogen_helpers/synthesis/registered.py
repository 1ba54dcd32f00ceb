"""Which sounds there are, by name, and how to render them by name: whole or in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from audiogen_helpers import _streams
from audiogen_helpers._rng import RNGLike
from audiogen_helpers.registry import Registry
from audiogen_helpers.synthesis import additive, modulation, nature, noise, oscillators, physical, sampled, subtractive, voice

__all__ = ["SOUNDS", "blocks", "render"]

SOUNDS = Registry(
    "sound",
    *oscillators.ENTRIES,
    *additive.ENTRIES,
    *noise.ENTRIES,
    *subtractive.ENTRIES,
    *modulation.ENTRIES,
    *sampled.ENTRIES,
    *physical.ENTRIES,
    *voice.ENTRIES,
    *nature.ENTRIES,
)


def render(name: str, *, sr: int, duration: float, rng: RNGLike = None, **settings: Any) -> np.ndarray:
    """`duration` seconds of the registered sound `name`.

    Parameters
    ----------
    name : str
        A name in :data:`SOUNDS`.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rng : int, np.random.Generator or None
        Source of chance: the same seed gives the same samples. Sounds without chance ignore it.
    **settings
        As registered; defaults for the rest.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If the name is unknown, or an argument is out of range.

    Examples
    --------
    >>> render("sine", sr=8000, duration=0.5, f0=440.0).shape
    (4000,)
    """
    return _streams.render(SOUNDS[name], sr=sr, duration=duration, rng=rng, **settings)


def blocks(
    name: str, *, sr: int, block_length: int, duration: float | None = None, rng: RNGLike = None, **settings: Any
) -> Iterator[np.ndarray]:
    """The registered sound `name` in blocks, made as they are asked for; joined they are what `render` gives.

    Parameters
    ----------
    name, sr, rng, **settings
        As for `render`.
    block_length : int > 0
        Samples in each block.
    duration : float, optional
        Length, s; the last block may be shorter. Without it an endless sound goes on for ever; one with an end needs it.

    Yields
    ------
    y : np.ndarray [shape=(block_length,), float64]

    Raises
    ------
    ParameterError
        If the name is unknown, or an argument is out of range.

    Examples
    --------
    >>> [len(y) for y in blocks("sine", sr=8000, duration=0.1, block_length=300)]
    [300, 300, 200]
    """
    return _streams.blocks(SOUNDS[name], sr=sr, block_length=block_length, duration=duration, rng=rng, **settings)
