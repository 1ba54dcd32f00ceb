"""Opening a sound file: libsndfile first, the ffmpeg program for what libsndfile does not know, and checks that the file is whole."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiogen_helpers._validation import MAX_SR
from audiogen_helpers.errors import DataError, DependencyError

if TYPE_CHECKING:
    import soundfile

__all__ = ["opened", "probe_names", "read_frames"]

# The containers that ffmpeg may open: those that hold their own samples. Playlists and manifests (hls, concat, dash, ...),
# which make ffmpeg open further files of their author's choice, are left out, and so are the headerless formats.
_CONTAINERS = (
    "3dostr,aa,aac,ac3,aea,afc,aiff,amr,ape,asf,ast,au,av1,avi,avr,brstm,caf,codec2,dff,dsf,dts,dtshd,dv,eac3,epaf,flac,flv,gxf,ircam,"
    "iff,ivf,lxf,matroska,mlp,mov,mp3,mpc,mpc8,mpeg,mpegts,mxf,nistsphere,nut,ogg,oma,paf,pvf,qcp,rm,rso,sds,shn,sln,sol,sox,swf,tak,"
    "truehd,tta,voc,vqf,w64,wav,wsaud,wtv,wv,wve,xa,xwma"
)
_INSTALL = "install ffmpeg (Debian, Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg)"
_BLOCK = 1 << 22  # samples read at once
_MP3_FRAMES_PER_BYTE = 32  # the lowest bit rate, 8 kbit/s, has 8 at 8 kHz; 12 is the most at any rate
_ASF_HEADER, _ASF_PROPERTIES = bytes.fromhex("3026b275"), bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_OGG_PAGE = 27 + 255 + 255 * 255  # bytes in the longest page
_UNKNOWN = 1 << 48  # so many frames mean that a FLAC header does not say how many (it was piped)
_ENDLESS = 0x7FFFF000  # a data size from here up means "not known when the header was written" (a recording that was piped)


@contextlib.contextmanager
def opened(file: Path) -> Iterator[tuple[soundfile.SoundFile, tuple[str, str] | None]]:
    """`file`, which exists and is not empty, opened by its content, whatever its name says.

    Also its format and subtype as libsndfile names them, None where only ffmpeg knows the format.
    """
    import soundfile

    has_length = _check_not_cut(file)
    names = None
    with _descriptor(file) as source:
        try:
            sound = soundfile.SoundFile(source, closefd=False) if isinstance(source, int) else soundfile.SoundFile(source)
        except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends in .raw, on Windows
            sound = None
        if sound is not None:
            names = sound.format, sound.subtype
            if sound.frames >= _UNKNOWN or (sound.format == "MP3" and not has_length):
                sound.close()  # libsndfile would stop at a guessed length
                sound = None
        if sound is None:
            sound = soundfile.SoundFile(io.BytesIO(_ffmpeg(file)))
        with sound:
            _check_header(sound, file)
            yield sound, names


@contextlib.contextmanager
def _descriptor(file: Path) -> Iterator[int | str]:
    """What libsndfile is given: an open file without a name, because it would guess some formats from the ending.

    (A text called ``.au`` or ``.vox`` would then be played as noise.) Windows gets the name: its libraries do not share descriptors.
    """
    if sys.platform == "win32":
        yield str(file)
        return
    descriptor = os.open(file, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_frames(sound: soundfile.SoundFile, file: Path, *, start: int, count: int) -> np.ndarray:
    """`count` frames from `start`, shape (count, channels), float32."""
    import soundfile

    try:
        if sound.format == "MP3":
            y = _read_mp3(sound, file, start + count)[start:]
        elif not sound.seekable():  # GSM
            y = _read_blocks(sound, start + count)[start:]
        else:
            sound.seek(start)
            y = _read_blocks(sound, count)
    except soundfile.LibsndfileError as error:
        raise DataError(f"{file} is damaged or cut short: {error.error_string}") from error
    if len(y) < count:
        raise DataError(f"{file} is damaged or cut short: it holds {len(y)} of {count} samples from sample {start}")
    if not np.isfinite(y).all():
        raise DataError(f"{file} must hold finite samples; received {int((~np.isfinite(y)).sum())} NaN or infinite value(s)")
    return y


def _read_blocks(sound: soundfile.SoundFile, count: int) -> np.ndarray:
    """The next `count` frames, or fewer where there are no more. By blocks: memory follows what is there, not what the header claims."""
    blocks = [np.zeros((0, sound.channels), np.float32)]
    step = max(1, _BLOCK // sound.channels)
    while count > 0:
        block = sound.read(min(step, count), dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(block)
        count -= len(block)
    return np.concatenate(blocks)


def _read_mp3(sound: soundfile.SoundFile, file: Path, count: int) -> np.ndarray:
    """The first `count` frames, in one piece: after any jump (and soundfile jumps after each read) MP3 decodes a few wrong samples."""
    if count > _MP3_FRAMES_PER_BYTE * file.stat().st_size:
        raise DataError(f"{file} is damaged: it states {sound.frames} samples, more than its size can hold")
    return sound.read(count, dtype="float32", always_2d=True)


# --- the ffmpeg program -----------------------------------------------------------------------------------------------------------


def _command(program: str, file: Path) -> list[str]:
    # `file:` keeps a name such as `-y.m4a` or `http:x` a name; only the `file` protocol is allowed, so nothing reaches a network.
    return [program, "-v", "error", "-protocol_whitelist", "file", "-format_whitelist", _CONTAINERS, "-i", f"file:{file}"]


def _ffmpeg(file: Path) -> bytes:
    """The first sound track of `file` as a float WAV file in memory."""
    if _is_text(file):
        raise DataError(f"{file} must be a sound file; received text")
    program = shutil.which("ffmpeg")
    if program is None:
        raise DependencyError(f"{file} is damaged or in a format that needs the program ffmpeg, which is missing: {_INSTALL}")
    options = ["-map", "0:a:0", "-bitexact", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1"]
    result = _run([*_command(program, file), "-nostdin", "-xerror", *options])
    first = re.sub(r"^\[[^]]*\] ", "", next(iter(result.stderr.decode(errors="replace").splitlines()), ""))
    if "matches no streams" in first:
        raise DataError(f"{file} must be a sound file; received a file with no sound track")
    if "not on whitelist" in first:
        raise DataError(f"{file} must be a sound file; received something else")
    if result.returncode or not result.stdout:
        raise DataError(f"{file} must be a sound file; received something that is damaged or not sound (ffmpeg: {first})")
    if "prematurely" in first:
        raise DataError(f"{file} is damaged or cut short (ffmpeg: {first})")
    return result.stdout


def probe_names(file: Path) -> tuple[str, str]:
    """Container and codec of a file that libsndfile does not read, as ffprobe names them: ``('MOV', 'AAC')``; empty where it is missing."""
    program = shutil.which("ffprobe")
    if program is None:
        return "", ""
    options = ["-select_streams", "a:0", "-show_entries", "format=format_name:stream=codec_name", "-of", "json"]
    found: dict[str, Any] = json.loads(_run([*_command(program, file), *options]).stdout or "{}")
    container = found.get("format", {}).get("format_name", "").split(",")[0]
    codec = next((stream.get("codec_name", "") for stream in found.get("streams", [])), "")
    return container.upper(), codec.upper()


def _run(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise DependencyError(f"the program {command[0]} cannot be started ({error.strerror}): {_INSTALL}") from error


def _is_text(file: Path) -> bool:
    """True for what is plainly text: a web page or an error message saved under the name of a sound."""
    with open(file, "rb") as stream:
        head = stream.read(4096)
    try:
        text = head[: -3 if len(head) == 4096 else None].decode()  # the cut may fall inside a character
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\t\r\n\f" for character in text)


# --- is the file whole? libsndfile reads a file that was cut short without a word ---------------------------------------------------


def _check_not_cut(file: Path) -> bool:
    """Raise if an Ogg, WMA or MP3 file ends too soon; True if it is an MP3 file that states its length."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        head = stream.read(10)
        if head[:4] == b"OggS":
            stream.seek(max(0, size - _OGG_PAGE))
            stated, whole = 0, _ogg_is_complete(stream.read())
        elif head[:4] == _ASF_HEADER:
            stated, whole = 0, _asf_size(head + stream.read(4096)) <= size
        else:
            start = _id3_size(head)
            stream.seek(start)
            stated = _mp3_size(stream.read(64))
            whole = start + stated <= size + 128  # some programs count an old ID3 tag of 128 bytes at the end
    if not whole:
        raise DataError(f"{file} is cut short: the end of its sound is missing")
    return stated > 0


def _ogg_is_complete(tail: bytes) -> bool:
    """True if the last page is all there and is marked as the last one of its stream (RFC 3533, section 6)."""
    at = tail.rfind(b"OggS")
    page = tail[at:]
    if at < 0 or len(page) < 27:
        return False
    n_segments = page[26]
    return bool(page[5] & 4) and len(page) >= 27 + n_segments + sum(page[27 : 27 + n_segments])


def _asf_size(head: bytes) -> int:
    """Bytes of a WMA file as its "file properties" object states them; 0 where it does not."""
    at = head.find(_ASF_PROPERTIES)
    return int.from_bytes(head[at + 40 : at + 48], "little") if at >= 0 else 0


def _id3_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag that opens some MP3 files; its length is written in 7-bit bytes."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _mp3_size(head: bytes) -> int:
    """Bytes of sound that an MP3 file's Xing header states, 0 where there is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return 0
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 16 or not head[at + 7] & 2:
        return 0
    at += 12 if head[at + 7] & 1 else 8  # after the mark and the flags, and the number of frames if it is there
    return int.from_bytes(head[at : at + 4], "big")


def _check_header(sound: soundfile.SoundFile, file: Path) -> None:
    """Compare the size that WAV, AIFF, AU and W64 headers state with what is there, from libsndfile's own notes; check rate and length."""
    for stated, found in re.findall(r"^ *(?:data|SSND|Data Size|riff) *: (\d+) \(should be (\d+)\)", sound.extra_info, re.MULTILINE):
        if int(found) < int(stated) < _ENDLESS:
            raise DataError(f"{file} is cut short: it holds {found} of {stated} bytes of sound")
    if not 1 <= sound.samplerate <= MAX_SR:
        raise DataError(f"{file} is damaged: it states a sample rate of {sound.samplerate} Hz")
    if sound.frames <= 0:
        raise DataError(f"{file} must hold sound; received a file with no samples")
