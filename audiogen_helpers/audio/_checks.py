"""The check that `audio` adds to those of floor 0: the shape of a waveform with channels."""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_audio
from audiogen_helpers.errors import ParameterError

__all__ = ["check_channels"]

MAX_CHANNELS = 1024


def check_channels(y: Any, *, name: str = "y") -> np.ndarray:
    """A waveform ``(n,)`` or ``(channels, n)`` of finite floats. Thousands of channels are samples in the wrong place."""
    array = check_audio(y, name=name)
    if array.ndim > 2:
        raise ParameterError(f"{name} must have shape (n,) or (channels, n); received {array.shape}")
    if array.ndim == 2 and array.shape[0] > MAX_CHANNELS:
        raise ParameterError(f"{name} must have shape (n,) or (channels, n), at most {MAX_CHANNELS} channels; received {array.shape}")
    return array
