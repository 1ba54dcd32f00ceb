"""Sound as a stream: one way to render registered sounds, whole or in blocks, so that both give the same samples.

A registered sound names a *stream*, a Python generator function ``stream(sr, rng, **settings)`` that yields arrays for ever
(or until its sound has ended). How much it yields at a time is its own affair and never depends on what is asked for; rendering
cuts and joins. So a long render begins with the samples of a short one, and blocks of any length add up to the whole.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_integer, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry
from audiogen_helpers.units import n_samples

__all__ = ["LONGEST", "SR_RANGE", "Stream", "blocks", "check_length", "ends", "render", "start"]

Stream: TypeAlias = Iterator[np.ndarray]
LONGEST = 3600.0  # s: longer sound is for blocks, which need no memory
SR_RANGE = (8000, 192_000)  # Hz


def check_length(duration: Any, *, sr: Any) -> tuple[int, int]:
    """Samples in `duration` and the checked rate: at least one sample, at most an hour."""
    sr = check_sr(sr)
    if not SR_RANGE[0] <= sr <= SR_RANGE[1]:
        raise ParameterError(f"sr must be from {SR_RANGE[0]} to {SR_RANGE[1]} Hz; received {sr}")
    length = n_samples(check_number(duration, name="duration", above=0.0, high=LONGEST), sr=sr)
    if length < 1:
        raise ParameterError(f"duration must be at least one sample, {1 / sr:.3g} s at {sr} Hz; received {duration!r}")
    return length, sr


def ends(entry: Entry) -> bool:
    """Whether a sound is a note or an utterance with an end, whose stream is told its `duration`, rather than an endless one."""
    return bool(entry.extra.get("ends", False))


def start(entry: Entry, *, sr: int, rng: RNGLike = None, duration: float | None = None, **settings: Any) -> Stream:
    """The stream of a registered sound, its settings checked."""
    module, _, name = entry.extra["stream"].partition(":")
    stream = getattr(importlib.import_module(module), name)
    more = {"duration": duration} if ends(entry) else {}
    return stream(sr, generator(rng), **entry.settings(settings, sr=sr), **more)


def render(entry: Entry, *, sr: int, duration: float, rng: RNGLike = None, **settings: Any) -> np.ndarray:
    """`duration` seconds of a registered sound; zeros where it ended before.

    Parameters
    ----------
    entry : Entry
        From a registry of sounds.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rng : int, np.random.Generator or None
        Source of chance: the same seed gives the same samples.
    **settings
        As registered.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64]

    Raises
    ------
    ParameterError
        If an argument is out of range.
    """
    length, sr = check_length(duration, sr=sr)
    y = np.zeros(length)
    at = 0
    for piece in start(entry, sr=sr, rng=rng, duration=duration, **settings):
        n = min(len(piece), length - at)
        y[at : at + n] = piece[:n]
        at += n
        if at == length:
            break
    return y


def blocks(
    entry: Entry, *, sr: int, block_length: int, duration: float | None = None, rng: RNGLike = None, **settings: Any
) -> Iterator[np.ndarray]:
    """A registered sound in blocks, made as they are asked for: what `render` gives, a piece at a time, without its memory.

    Parameters
    ----------
    entry, sr, rng, **settings
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
        If an argument is out of range.
    """
    block_length = check_integer(block_length, name="block_length", low=1)
    if duration is None:
        if ends(entry):
            raise ParameterError(f"duration must be given for {entry.name}, which has an end; received None")
        sr = check_length(1.0, sr=sr)[1]
        left = None
    else:
        left, sr = check_length(duration, sr=sr)
    return _cut(start(entry, sr=sr, rng=rng, duration=duration, **settings), block_length=block_length, left=left)


def _cut(stream: Stream, *, block_length: int, left: int | None) -> Iterator[np.ndarray]:
    """Blocks of one length out of pieces of any; `left` samples in all, with zeros after the stream's end, or all that comes."""
    kept = np.zeros(0)
    while left is None or left > 0:
        n = block_length if left is None else min(block_length, left)
        pieces, have = [kept], len(kept)
        while have < n:
            piece = next(stream, None)
            if piece is None:
                if left is None:
                    return
                piece = np.zeros(n - have)
            pieces.append(piece)
            have += len(piece)
        whole = np.concatenate(pieces)
        yield whole[:n].copy()
        kept = whole[n:]
        left = None if left is None else left - n
