"""Sound files in and out: whatever libsndfile or ffmpeg can decode, and WAV, FLAC, Ogg Vorbis and MP3 written whole or not at all.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audiogen_helpers._files import atomic_path, check_input_file
from audiogen_helpers._validation import check_choice, check_number, check_sr, show
from audiogen_helpers.audio._checks import check_channels
from audiogen_helpers.audio._decode import opened, probe_names, read_frames
from audiogen_helpers.audio._encode import FORMATS, encode_bytes
from audiogen_helpers.audio.editing import resample, to_mono
from audiogen_helpers.errors import DataError, ParameterError
from audiogen_helpers.units import n_samples, seconds

__all__ = ["AudioInfo", "encode", "info", "read", "write"]


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """What a sound file holds.

    Attributes
    ----------
    sr : int
        Sample rate, Hz.
    length : int
        Samples per channel.
    channels : int
        1 for mono.
    format, subtype : str
        Container and encoding by content, in libsndfile's words (``'WAV'``, ``'PCM_16'``), or in ffprobe's for what only
        ffmpeg reads (``'MOV'``, ``'AAC'``; empty without the program ffprobe).
    duration : float
        Length, s.
    """

    sr: int
    length: int
    channels: int
    format: str
    subtype: str
    duration: float


def read(
    path: str | os.PathLike[str],
    *,
    sr: int | None = None,
    mono: bool = False,
    offset: float = 0.0,
    duration: float | None = None,
) -> tuple[np.ndarray, int]:
    """Read a sound file, whatever its name ends in.

    libsndfile decodes WAV, FLAC, Ogg Vorbis and Opus, MP3, AIFF, AU and more; the program ffmpeg decodes what libsndfile does
    not know (M4A, AAC, WMA, the sound track of a video), and MP3 and FLAC files whose header does not state their length.

    Parameters
    ----------
    path : path
        A file.
    sr : int > 0, optional
        Resample to this rate, Hz; the file's own rate if not given.
    mono : bool
        Mix the channels to one.
    offset : float >= 0
        Where to start, s; before the end of the file.
    duration : float > 0, optional
        How much to read, s; less if the file ends sooner.

    Returns
    -------
    y : np.ndarray [shape=(n,) for one channel, else (channels, n), float32]
        Full scale is 1. Files with floating-point samples, MP3 and Vorbis may exceed it.
    sr : int
        Rate of `y`, Hz.

    Raises
    ------
    DataError
        If the file is missing, unreadable, empty, cut short, no sound at all, or holds NaN.
    DependencyError
        If only ffmpeg could read it and ffmpeg is missing.
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write(f"{folder}/tone.wav", np.sin(np.arange(8000)) / 2, sr=8000)
    ...     y, sr = read(path, offset=0.25, duration=0.5)
    >>> y.shape, y.dtype, sr
    ((4000,), dtype('float32'), 8000)
    """
    file = check_input_file(path)
    to_sr = None if sr is None else check_sr(sr)
    offset = check_number(offset, name="offset", low=0.0)
    if duration is not None:
        duration = check_number(duration, name="duration", above=0.0)
    with opened(file) as (sound, _):
        file_sr = int(sound.samplerate)
        start = n_samples(offset, sr=file_sr)
        if start >= sound.frames:
            raise ParameterError(f"offset must be < {seconds(sound.frames, sr=file_sr):g} s, the end of {file}; received {offset:g}")
        count = sound.frames - start
        if duration is not None:
            count = min(count, max(1, n_samples(duration, sr=file_sr)))
        frames = read_frames(sound, file, start=start, count=count)
    y = np.ascontiguousarray(frames.T) if frames.shape[1] > 1 else frames[:, 0].copy()
    if mono:
        y = to_mono(y)
    if to_sr is None or to_sr == file_sr:
        return y, file_sr
    return resample(y, sr=file_sr, to_sr=to_sr), to_sr


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Rate, length, channels and encoding of a sound file, from its header where that states them.

    Parameters
    ----------
    path : path
        A file.

    Returns
    -------
    info : AudioInfo
        What only ffmpeg reads is decoded to count its samples.

    Raises
    ------
    DataError
        As :func:`read`; damage in the middle of a FLAC file shows only when it is read.
    DependencyError
        If only ffmpeg could read it and ffmpeg is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = info(write(f"{folder}/tone.flac", np.zeros((2, 4000)), sr=8000))
    >>> found.channels, found.duration, found.format, found.subtype
    (2, 0.5, 'FLAC', 'PCM_16')
    """
    file = check_input_file(path)
    with opened(file) as (sound, names):
        sr, length, channels = int(sound.samplerate), int(sound.frames), int(sound.channels)
    format, subtype = names or probe_names(file)
    return AudioInfo(sr=sr, length=length, channels=channels, format=format, subtype=subtype, duration=length / sr)


def write(path: str | os.PathLike[str], y: np.ndarray, *, sr: int, subtype: str | None = None, overwrite: bool = True) -> Path:
    """Write a sound file: complete, or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.wav``, ``.flac``, ``.ogg`` (Vorbis) or ``.mp3``. Folders on the way are made.
    y : np.ndarray [shape=(n,) or (channels, n)], ``|y| <= 1``
        Nothing is clipped: louder sound is refused, unless `subtype` is floating point, which has room above 1.
    sr : int > 0
        Sample rate, Hz. MP3 knows nine rates, FLAC ends at 655350 Hz, Vorbis at 200000 Hz.
    subtype : str, optional
        WAV: ``'PCM_16'`` (the default; rounded to nearest, error at most 1 / 65536 below full scale), ``'PCM_24'``, ``'PCM_32'``,
        ``'FLOAT'``, ``'DOUBLE'``. FLAC: ``'PCM_16'``, ``'PCM_24'``.
    overwrite : bool
        Replace an earlier file.

    Returns
    -------
    path : Path
        The file. The same `y` gives the same bytes.

    Raises
    ------
    ParameterError
        If `y` has NaN, exceeds full scale or has more channels than the format; if the format does not take `sr` or `subtype`.
    DataError
        If the target cannot be written, or exists and `overwrite` is false. An earlier file then stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/a.wav", np.zeros(8000), sr=8000).stat().st_size
    16044
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ParameterError(f"path must be a file's path; received {show(path)}")
    target = Path(path).expanduser()
    format = target.suffix.lower().lstrip(".")
    if format not in FORMATS:
        raise ParameterError(f"path must end in {', '.join('.' + name for name in FORMATS)}; received {show(os.fspath(path))}")
    data = encode(y, sr=sr, format=format, subtype=subtype)
    try:
        with atomic_path(target, overwrite=overwrite) as temporary:
            temporary.write_bytes(data)
    except DataError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise DataError(f"path must be writable; received {show(str(target))}: {getattr(error, 'strerror', None) or error}") from error
    return target


def encode(y: np.ndarray, *, sr: int, format: str, subtype: str | None = None) -> bytes:
    """A sound file in memory.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (channels, n)], ``|y| <= 1``
        The waveform.
    sr : int > 0
        Sample rate, Hz.
    format : {'wav', 'flac', 'ogg', 'mp3'}
        MP3 has a variable bit rate (LAME's default), which browsers play with the exact length.
    subtype : str, optional
        As in :func:`write`.

    Returns
    -------
    data : bytes
        Equal for equal `y`.

    Raises
    ------
    ParameterError
        As :func:`write`.

    Examples
    --------
    >>> encode(np.zeros(4), sr=8000, format="wav")[:4]
    b'RIFF'
    """
    y = check_channels(y)
    return encode_bytes(y, sr=check_sr(sr), format=check_choice(format, name="format", choices=tuple(FORMATS)), subtype=subtype)
