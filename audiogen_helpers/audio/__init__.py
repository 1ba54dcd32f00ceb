"""Sound files, levels and simple editing: what is done to a waveform before and after a model sees it.

A waveform is an array of floats with full scale 1, shape ``(n,)`` for mono and ``(channels, n)`` otherwise.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from audiogen_helpers.audio.editing import fade, fit_length, from_pcm, mix, resample, to_mono, trim
from audiogen_helpers.audio.files import AudioInfo, encode, info, read, write
from audiogen_helpers.audio.levels import loudness, normalize_loudness, normalize_peak, peak_db, rms_db

__all__ = [
    "AudioInfo",
    "encode",
    "fade",
    "fit_length",
    "from_pcm",
    "info",
    "loudness",
    "mix",
    "normalize_loudness",
    "normalize_peak",
    "peak_db",
    "read",
    "resample",
    "rms_db",
    "to_mono",
    "trim",
    "write",
]
