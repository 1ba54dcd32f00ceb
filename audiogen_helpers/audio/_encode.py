"""Turning a waveform into the bytes of a sound file: the limits of each format, rounding, and the same bytes every time."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass

import numpy as np

from audiogen_helpers._validation import check_choice
from audiogen_helpers.errors import ParameterError

__all__ = ["FORMATS", "encode_bytes"]

_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_BITS = {"PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_BLOCK = 1 << 16  # frames written at once: libsndfile crashes when a long Vorbis file is written in one piece


@dataclass(frozen=True, kw_only=True)
class _Format:
    subtypes: tuple[str, ...]  # the first is the default
    max_channels: int
    rates: tuple[int, ...] = ()  # all that exist, or empty for "any up to max_sr"
    max_sr: int = 768_000


# The limits of Vorbis are checked here because libsndfile crashes beyond them.
FORMATS = {
    "wav": _Format(subtypes=("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"), max_channels=1024),
    "flac": _Format(subtypes=("PCM_16", "PCM_24"), max_channels=8, max_sr=655_350),
    "ogg": _Format(subtypes=("VORBIS",), max_channels=255, max_sr=200_000),
    "mp3": _Format(subtypes=("MPEG_LAYER_III",), max_channels=2, rates=_MP3_RATES),
}


def encode_bytes(y: np.ndarray, *, sr: int, format: str, subtype: str | None) -> bytes:
    """The bytes of a file with `y`, shape (n,) or (channels, n), all arguments but `format`'s own limits checked before."""
    import soundfile

    rules = FORMATS[format]
    subtype = rules.subtypes[0] if subtype is None else check_choice(subtype, name="subtype", choices=rules.subtypes)
    frames = np.atleast_2d(y).T
    _check_limits(rules, format=format, sr=sr, channels=frames.shape[1])
    if subtype not in ("FLOAT", "DOUBLE"):
        _check_level(y)
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", samplerate=sr, channels=frames.shape[1], format=format.upper(), subtype=subtype) as sound:
        for start in range(0, len(frames), _BLOCK):
            block = frames[start : start + _BLOCK]
            sound.write(_rounded(block, bits=_BITS[subtype]) if subtype in _BITS else np.ascontiguousarray(block))
    return _without_chance(buffer.getvalue(), format=format)


def _check_limits(rules: _Format, *, format: str, sr: int, channels: int) -> None:
    if channels > rules.max_channels:
        raise ParameterError(f"y must have at most {rules.max_channels} channel(s) for {format}; received {channels}")
    if rules.rates and sr not in rules.rates:
        raise ParameterError(
            f"sr must be one of {', '.join(map(str, rules.rates))} for {format}; received {sr} (audio.resample changes it)"
        )
    if sr > rules.max_sr:
        raise ParameterError(f"sr must be <= {rules.max_sr} for {format}; received {sr} (audio.resample changes it)")


def _check_level(y: np.ndarray) -> None:
    peak = float(np.abs(y).max())
    if peak > 1.0:
        raise ParameterError(f"y must be within [-1, 1]; received a peak of {peak:.6g} (normalize first: audio.normalize_peak)")


def _rounded(y: np.ndarray, *, bits: int) -> np.ndarray:
    """Whole numbers for libsndfile, which by itself rounds WAV down and FLAC to nearest. +1 becomes the largest value, one step below."""
    full = 2.0 ** (bits - 1)
    whole = np.clip(np.rint(y.astype(np.float64) * full), -full, full - 1.0)
    return whole.astype(np.int16) if bits == 16 else (whole * 2.0 ** (32 - bits)).astype(np.int32)


# --- the same sound gives the same bytes ------------------------------------------------------------------------------------------


def _without_chance(data: bytes, *, format: str) -> bytes:
    """Replace what libsndfile takes from the clock (float WAV) or from chance (Ogg) by constants."""
    if format == "ogg":
        return _with_constant_serial(data)
    at = data.find(b"PEAK", 0, 256) if format == "wav" else -1
    return data if at < 0 else data[: at + 12] + bytes(4) + data[at + 16 :]  # after mark, size and version: the time of writing


def _with_constant_serial(data: bytes) -> bytes:
    """An Ogg file with stream number 1: bytes 14-17 of each page, whose checksum (bytes 22-25) then changes (RFC 3533)."""
    out = bytearray(data)
    at = 0
    while at < len(out):
        segments = out[at + 27 : at + 27 + out[at + 26]]
        end = at + 27 + len(segments) + sum(segments)
        out[at + 14 : at + 18] = (1).to_bytes(4, "little")
        out[at + 22 : at + 26] = bytes(4)
        out[at + 22 : at + 26] = _ogg_checksum(out[at:end]).to_bytes(4, "little")
        at = end
    return bytes(out)


def _ogg_checksum(page: bytes | bytearray) -> int:
    table, value = _crc_table(), 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ table[(value >> 24) ^ byte]
    return value


@functools.cache
def _crc_table() -> tuple[int, ...]:
    """Remainders of one byte divided by Ogg's polynomial 0x04C11DB7, most significant bit first."""
    table = []
    for value in range(256):
        value <<= 24
        for _ in range(8):
            value = (value << 1) ^ (0x104C11DB7 if value & 0x80000000 else 0)
        table.append(value)
    return tuple(table)
