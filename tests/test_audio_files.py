"""Reading and writing sound files: every format, every kind of damage, and nothing half-written."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.audio import _decode
from audiogen_helpers.errors import DataError, DependencyError, ParameterError

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is not installed")

SR = 16000


def tone(*, sr=SR, duration=1.0, f=440.0, channels=None):
    t = np.arange(round(sr * duration)) / sr
    if channels is None:
        return 0.5 * np.sin(2 * np.pi * f * t)
    return np.stack([0.5 / (c + 1) * np.sin(2 * np.pi * f * (1 + c % 3) * t) for c in range(channels)])


def snr_db(y, z):
    return 10 * np.log10(np.sum(np.square(y)) / np.sum(np.square(y - z)))


def sounds() -> dict[str, bytes]:
    import soundfile

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 3 * SR)
    files = {name: audio.encode(noise, sr=SR, format=name) for name in ("wav", "flac", "ogg", "mp3")}
    files["float.wav"] = audio.encode(noise, sr=SR, format="wav", subtype="FLOAT")
    for name in ("aiff", "au", "w64"):
        buffer = io.BytesIO()
        soundfile.write(buffer, noise, SR, format=name.upper())
        files[name] = buffer.getvalue()
    return files


SOUNDS = sounds()


# --- round trips --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [None, 2, 6])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_lossless_formats_give_back_what_was_written(tmp_path, sr, channels, ending):
    y = tone(sr=sr, duration=0.2, channels=channels)
    back, back_sr = audio.read(audio.write(tmp_path / f"a.{ending}", y, sr=sr))
    assert back_sr == sr
    assert back.dtype == np.float32
    assert back.shape == y.shape
    assert np.abs(back - y).max() <= 0.5 / 32768 + 1e-7  # rounded to nearest, not down


@pytest.mark.parametrize(
    ("ending", "subtype", "error"),
    [("wav", "PCM_24", 2**-24), ("flac", "PCM_24", 2**-24), ("wav", "PCM_32", 2**-24), ("wav", "FLOAT", 2**-25), ("wav", "DOUBLE", 2**-25)],
)
def test_finer_subtypes_are_finer(tmp_path, ending, subtype, error):
    y = tone()
    back, _ = audio.read(audio.write(tmp_path / f"a.{ending}", y, sr=SR, subtype=subtype))
    assert np.abs(back - y).max() <= error + 2**-25  # the second term: float32
    assert audio.info(tmp_path / f"a.{ending}").subtype == subtype


@pytest.mark.parametrize("value", [1.0, -1.0, 32767 / 32768, 0.0, 1 / 32768])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_full_scale_does_not_wrap_around(tmp_path, value, ending):
    back, _ = audio.read(audio.write(tmp_path / f"a.{ending}", np.full(100, value), sr=SR))
    np.testing.assert_array_equal(back, np.float32(min(value, 32767 / 32768)))


@pytest.mark.parametrize("sr", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [None, 2])
@pytest.mark.parametrize("ending", ["ogg", "mp3"])
def test_lossy_formats_keep_length_and_sound(tmp_path, sr, channels, ending):
    y = tone(sr=sr, channels=channels)
    back, back_sr = audio.read(audio.write(tmp_path / f"a.{ending}", y, sr=sr))
    assert (back_sr, back.shape) == (sr, y.shape)
    assert snr_db(y, back) > 20.0  # a shift by one sample would leave 15 dB at 16 kHz


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_one_sample_survives(tmp_path, ending):
    y, _ = audio.read(audio.write(tmp_path / f"a.{ending}", np.array([0.25]), sr=8000))
    assert y.shape == (1,)


def test_a_long_vorbis_file_is_written_in_pieces(tmp_path, monkeypatch):
    """In one piece libsndfile 1.2.2 crashes (seen with 5 million samples)."""
    import soundfile

    pieces, write = [], soundfile.SoundFile.write
    monkeypatch.setattr(soundfile.SoundFile, "write", lambda self, data: [pieces.append(len(data)), write(self, data)])
    y = np.tile(tone(sr=8000), 20)
    back, _ = audio.read(audio.write(tmp_path / "a.ogg", y, sr=8000))
    assert max(pieces) <= 100_000
    assert sum(pieces) == len(y)
    assert back.shape == y.shape
    assert snr_db(y, back) > 20.0


@pytest.mark.parametrize("channels", [1, 255])
def test_many_channels(tmp_path, channels):
    y = np.linspace(-1, 1, channels)[:, None] * tone(sr=8000, duration=0.1)
    back, _ = audio.read(audio.write(tmp_path / "a.wav", y, sr=8000))
    np.testing.assert_allclose(np.atleast_2d(back), y, atol=2e-5)


def test_one_channel_in_two_dimensions_is_mono(tmp_path):
    assert audio.read(audio.write(tmp_path / "a.wav", tone(channels=1), sr=SR))[0].shape == (SR,)


@pytest.mark.parametrize(("ending", "subtype"), [("wav", None), ("wav", "FLOAT"), ("flac", None), ("ogg", None), ("mp3", None)])
def test_the_same_sound_gives_the_same_bytes(ending, subtype):
    data = audio.encode(tone(), sr=SR, format=ending, subtype=subtype)
    assert data == audio.encode(tone(), sr=SR, format=ending, subtype=subtype)
    if subtype == "FLOAT":
        at = data.index(b"PEAK")
        assert data[at + 12 : at + 16] == bytes(4)  # libsndfile writes the time here
    if ending == "ogg":
        assert data[14:18] == (1).to_bytes(4, "little")  # libsndfile draws this at random


def test_the_checksums_of_ogg_pages_are_right():
    """RFC 3533 by long division, bit by bit; and libsndfile drops pages whose checksum is wrong."""
    data = audio.encode(tone(sr=8000, duration=0.2), sr=8000, format="ogg")
    assert data.count(b"OggS") >= 3
    end = 27 + data[26] + sum(data[27 : 27 + data[26]])
    page = bytearray(data[:end])
    stated, page[22:26] = int.from_bytes(page[22:26], "little"), bytes(4)
    rest = int.from_bytes(bytes(page) + bytes(4), "big")
    while rest.bit_length() > 32:
        rest ^= 0x104C11DB7 << (rest.bit_length() - 33)
    assert rest == stated


def test_encode_is_what_write_writes(tmp_path):
    path = audio.write(tmp_path / "a.mp3", tone(), sr=SR)
    assert path.read_bytes() == audio.encode(tone(), sr=SR, format="mp3")


def test_the_input_is_unchanged(tmp_path):
    y = tone()
    audio.write(tmp_path / "a.wav", y, sr=SR)
    np.testing.assert_array_equal(y, tone())


# --- parts, rates, channels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_a_part_is_the_part_of_the_whole(tmp_path, ending):
    path = audio.write(tmp_path / f"a.{ending}", tone(duration=2.0, channels=2), sr=SR)
    whole, _ = audio.read(path)
    part, _ = audio.read(path, offset=0.7, duration=0.5)
    assert part.shape == (2, 8000)
    np.testing.assert_allclose(part, whole[:, 11200:19200], atol=1e-6)


@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "mp3"])
def test_a_long_file_is_read_in_blocks_without_a_seam(tmp_path, monkeypatch, name):
    """After every read soundfile jumps to where it is, and an MP3 decoder loses the thread."""
    path = tmp_path / "a"
    path.write_bytes(SOUNDS[name])
    whole, _ = audio.read(path)
    monkeypatch.setattr(_decode, "_BLOCK", 1000)
    np.testing.assert_array_equal(audio.read(path)[0], whole)
    np.testing.assert_array_equal(audio.read(path, offset=0.5)[0], whole[SR // 2 :])


def test_a_part_of_a_file_that_knows_no_jumps(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", tone(sr=8000), 8000, subtype="GSM610")
    whole, _ = audio.read(tmp_path / "a.wav")
    np.testing.assert_array_equal(audio.read(tmp_path / "a.wav", offset=0.5, duration=0.25)[0], whole[4000:6000])


def test_a_part_that_reaches_over_the_end_is_shorter(tmp_path):
    path = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    assert audio.read(path, offset=0.75, duration=10.0)[0].shape == (4000,)
    assert audio.read(path, duration=1e-9)[0].shape == (1,)


@pytest.mark.parametrize("offset", [1.0, 2.0])
def test_a_part_after_the_end_is_refused(tmp_path, offset):
    path = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    with pytest.raises(ParameterError, match=r"offset must be < 1 s"):
        audio.read(path, offset=offset)


@pytest.mark.parametrize(
    "wrong", [{"offset": -1.0}, {"duration": 0.0}, {"duration": float("nan")}, {"sr": 0}, {"sr": 44100.5}, {"offset": float("inf")}]
)
def test_bad_arguments_are_named(tmp_path, wrong):
    path = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        audio.read(path, **wrong)


def test_reading_at_another_rate_and_in_mono(tmp_path):
    path = audio.write(tmp_path / "a.wav", tone(channels=2), sr=SR)
    whole, _ = audio.read(path)
    y, sr = audio.read(path, sr=8000, mono=True)
    assert (sr, y.shape, y.dtype) == (8000, (8000,), np.float32)
    np.testing.assert_allclose(y, audio.resample(whole.mean(axis=0), sr=SR, to_sr=8000), atol=1e-6)


def test_info(tmp_path):
    found = audio.info(audio.write(tmp_path / "a.flac", tone(sr=22050, duration=0.7, channels=3), sr=22050))
    assert found == audio.AudioInfo(sr=22050, length=15435, channels=3, format="FLAC", subtype="PCM_16", duration=0.7)


# --- formats that only ffmpeg reads -------------------------------------------------------------------------------------------------

BY_FFMPEG = {
    "m4a": ("MOV", "AAC", ("-movflags", "+faststart")),
    "aac": ("AAC", "AAC", ()),
    "wma": ("ASF", "WMAV2", ()),
    "mka": ("MATROSKA", "VORBIS", ("-c:a", "libvorbis")),
    "mp4": ("MOV", "AAC", ("-map", "0:a", "-map", "1:v", "-c:v", "mpeg4")),
}


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """One second of stereo in each of these formats, by one run of ffmpeg; and a video without sound, and MP3 files without a length."""
    folder = tmp_path_factory.mktemp("coded")
    source = audio.write(folder / "a.wav", tone(channels=2), sr=SR)
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), "-f", "lavfi", "-i", "testsrc=s=64x64:d=1"]
    for ending, (_, _, options) in BY_FFMPEG.items():
        command += [*([] if "-map" in options else ["-map", "0:a"]), *options, str(folder / f"a.{ending}")]
    command += ["-map", "1:v", "-c:v", "mpeg4", str(folder / "silent.mp4")]
    for name, rate in (("constant", ("-b:a", "32k")), ("variable", ("-q:a", "4"))):
        command += ["-map", "0:a", "-c:a", "libmp3lame", *rate, "-write_xing", "0", str(folder / f"{name}.mp3")]
    subprocess.run(command, check=True)
    return folder


@needs_ffmpeg
@pytest.mark.parametrize("ending", sorted(BY_FFMPEG))
def test_ffmpeg_reads_what_libsndfile_does_not(coded, ending):
    container, codec, _ = BY_FFMPEG[ending]
    y, sr = audio.read(coded / f"a.{ending}")
    assert (sr, y.ndim, y.shape[0]) == (SR, 2, 2)
    assert SR - 256 <= y.shape[1] <= SR + 2048  # frames of the codec
    spectrum = np.abs(np.fft.rfft(y[0, :8000] * np.hanning(8000)))
    assert spectrum.argmax() * SR / 8000 == pytest.approx(440, abs=2)
    found = audio.info(coded / f"a.{ending}")
    assert (found.sr, found.length, found.channels) == (SR, y.shape[1], 2)
    assert (found.format, found.subtype) == (container, codec)


@needs_ffmpeg
def test_a_part_of_what_ffmpeg_reads(coded):
    whole, _ = audio.read(coded / "a.m4a")
    part, _ = audio.read(coded / "a.m4a", offset=0.25, duration=0.5)
    np.testing.assert_array_equal(part, whole[:, 4000:12000])


@needs_ffmpeg
@pytest.mark.parametrize("name", ["-y.m4a", "http:x.m4a", "concat:a.m4a|b.m4a", "100% %d;`touch x`.m4a", " ü 音.m4a", "a\nb.m4a"])
def test_a_file_name_that_looks_like_an_option_or_an_address(coded, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    shutil.copy(coded / "a.m4a", tmp_path / name)
    assert audio.read(name)[0].shape[1] >= SR
    assert [path.name for path in tmp_path.iterdir()] == [name]


@needs_ffmpeg
@pytest.mark.parametrize(
    "playlist",
    [
        b"#EXTM3U\n#EXTINF:1,\na.wav\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:1,\na.wav\n#EXT-X-ENDLIST\n#\0\n",
        b"ffconcat version 1.0\nfile a.wav\n",
        b"ffconcat version 1.0\nfile a.wav\n#\0\n",
    ],
)
def test_a_playlist_does_not_open_other_files(tmp_path, playlist):
    audio.write(tmp_path / "a.wav", tone(), sr=SR)
    path = tmp_path / "b.m4a"
    path.write_bytes(playlist)
    with pytest.raises(DataError, match=r"b\.m4a must be a sound file"):
        audio.read(path)


@needs_ffmpeg
def test_a_video_without_sound(coded):
    with pytest.raises(DataError, match="no sound track"):
        audio.read(coded / "silent.mp4")


@needs_ffmpeg
@pytest.mark.parametrize("name", ["constant", "variable"])
def test_an_mp3_file_that_does_not_state_its_length_is_read_to_its_end(coded, name):
    """libsndfile stops the one with a variable bit rate at a guessed length, after a quarter of a second."""
    y, _ = audio.read(coded / f"{name}.mp3")
    assert SR <= y.shape[1] <= SR + 2304
    found = audio.info(coded / f"{name}.mp3")
    assert (found.length, found.format, found.subtype) == (y.shape[1], "MP3", "MPEG_LAYER_III")


@needs_ffmpeg
@pytest.mark.parametrize("ending", ["wav", "flac", "ogg"])
def test_files_that_were_piped_state_no_length_but_are_whole(tmp_path, ending):
    source = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    codec = ("-c:a", "libvorbis") if ending == "ogg" else ()
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(source), *codec, "-f", ending, "pipe:1"]
    path = tmp_path / f"b.{ending}"
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert audio.read(path)[0].shape == (SR,)
    assert audio.info(path).length == SR


# --- without ffmpeg -----------------------------------------------------------------------------------------------------------------


def test_without_ffmpeg_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(_decode.shutil, "which", lambda name: None)
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(DependencyError, match=r"a\.m4a .*ffmpeg.*apt install ffmpeg"):
        audio.read(path)


def test_text_is_a_data_error_even_without_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(_decode.shutil, "which", lambda name: None)
    path = tmp_path / "a.wav"
    path.write_text("<html>404 nicht gefunden: ü</html>\n" * 500, encoding="utf-8")
    with pytest.raises(DataError, match="received text"):
        audio.read(path)


def test_a_program_that_cannot_start(tmp_path, monkeypatch):
    monkeypatch.setattr(_decode.shutil, "which", lambda name: str(tmp_path / "no-such-program"))
    path = tmp_path / "a.m4a"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(100))
    with pytest.raises(DependencyError, match="cannot be started"):
        audio.read(path)


# --- damage -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("name", sorted(SOUNDS))
def test_a_file_that_was_cut_short_is_an_error(tmp_path, name, share):
    path = tmp_path / f"a.{name}"
    path.write_bytes(SOUNDS[name][: max(8, int(share * len(SOUNDS[name])))])
    with pytest.raises(DataError, match=r"a\..* (is cut short|is damaged|must be a sound file|must hold sound)") as caught:
        audio.read(path)
    assert "\n" not in str(caught.value)


@needs_ffmpeg
@pytest.mark.parametrize("ending", ["m4a", "aac", "wma", "mka"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_for_ffmpeg_that_was_cut_short_is_an_error(coded, tmp_path, ending, share):
    whole = (coded / f"a.{ending}").read_bytes()
    path = tmp_path / f"b.{ending}"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=rf"b\.{ending}"):
        audio.read(path)


def test_an_mp3_file_with_tags_that_was_cut_short(tmp_path):
    tag = b"ID3\x04\0\0" + bytes([0, 0, 39, 16]) + bytes(39 * 128 + 16)  # the length in 7-bit bytes
    path = tmp_path / "a.mp3"
    path.write_bytes(tag + SOUNDS["mp3"])
    assert audio.read(path)[0].shape == (3 * SR,)
    path.write_bytes(tag + SOUNDS["mp3"][:-3000])
    with pytest.raises(DataError, match="cut short"):
        audio.read(path)


def test_a_vorbis_file_cut_between_two_pages(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(SOUNDS["ogg"][: SOUNDS["ogg"].rindex(b"OggS")])
    with pytest.raises(DataError, match="cut short"):
        audio.read(path)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "txt", "raw", "vox", "au", "m4a", ""])
@pytest.mark.parametrize("name", ["wav", "flac", "ogg", "mp3", "au"])
def test_the_content_counts_not_the_name(tmp_path, name, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(SOUNDS[name])
    assert audio.read(path)[0].shape == (3 * SR,)
    assert audio.info(path).format == name.upper()


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "au", "raw", "vox", "gsm", "m4a", "txt"])
@pytest.mark.parametrize("content", [b"This is not a sound.\n" * 500, "Zvuk? Ne, písmena: ř\n".encode() * 500])
def test_text_is_not_sound_whatever_its_name(tmp_path, ending, content):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    for function in (audio.read, audio.info):
        with pytest.raises(DataError, match="must be a sound file; received text"):
            function(path)


@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a"])
@needs_ffmpeg
def test_random_bytes_are_not_sound(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(np.random.default_rng(0).bytes(20000))
    with pytest.raises(DataError, match="must be a sound file"):
        audio.read(path)


@pytest.mark.parametrize("name", ["wav", "aiff", "au"])
def test_a_header_without_samples(tmp_path, name):
    import soundfile

    path = tmp_path / f"a.{name}"
    soundfile.write(path, np.zeros(0), SR)
    for function in (audio.read, audio.info):
        with pytest.raises(DataError, match=r"must hold sound; received a file with no samples"):
            function(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(tmp_path, value):
    import soundfile

    y = tone()
    y[1000] = value
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav must hold finite samples; received 1 NaN or infinite"):
        audio.read(tmp_path / "a.wav")


def test_a_header_that_claims_more_than_memory_holds(tmp_path):
    data = bytearray(SOUNDS["flac"])
    data[21] |= 0x0F  # the top four bits of the number of samples in FLAC's STREAMINFO: 2 ** 35 and more
    path = tmp_path / "a.flac"
    path.write_bytes(data)
    assert audio.info(path).length > 2**35
    with pytest.raises(DataError, match="cut short"):
        audio.read(path)


def test_a_header_with_an_absurd_rate(tmp_path):
    data = bytearray(SOUNDS["wav"])
    data[24:28] = (2_000_000_000).to_bytes(4, "little")
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged: it states a sample rate of 2000000000 Hz"):
        audio.read(path)


def test_paths_that_are_no_files(tmp_path):
    (tmp_path / "empty.wav").touch()
    for path, message in [
        (tmp_path, "folder"),
        (tmp_path / "missing.wav", "existing"),
        (tmp_path / "empty.wav", "0 bytes"),
        (tmp_path / "empty.wav" / "x.wav", "path"),
    ]:
        for function in (audio.read, audio.info):
            with pytest.raises(DataError, match=message):
                function(path)
    for path in ("", None, 3, "a\0.wav"):
        with pytest.raises(ParameterError, match="path"):
            audio.read(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    path.chmod(0)
    with pytest.raises(DataError, match="readable"):
        audio.read(path)


def test_no_file_stays_open(tmp_path):
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    good, bad = audio.write(tmp_path / "a.wav", tone(), sr=SR), tmp_path / "b.wav"
    bad.write_bytes(SOUNDS["wav"][:5000])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        audio.read(good)
        with pytest.raises(DataError):
            audio.read(bad)
    assert len(os.listdir("/proc/self/fd")) == before


# --- writing: limits, and all or nothing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sr", [4000, 44000, 96000, 192000])
def test_mp3_says_which_rates_it_takes(tmp_path, sr):
    with pytest.raises(ParameterError, match=rf"sr must be one of 8000, 11025, .*, 48000 for mp3; received {sr}"):
        audio.write(tmp_path / "a.mp3", tone(), sr=sr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "sr"), [("ogg", 200_001), ("ogg", 384_000), ("flac", 655_351)])
def test_rates_beyond_the_format(tmp_path, ending, sr):
    """libsndfile 1.2.2 crashes on Vorbis above 200 kHz."""
    with pytest.raises(ParameterError, match=f"sr must be <= .* for {ending}; received {sr}"):
        audio.write(tmp_path / f"a.{ending}", tone(), sr=sr)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ending", "channels", "limit"), [("mp3", 3, 2), ("flac", 9, 8), ("ogg", 256, 255)])
def test_more_channels_than_the_format_takes(tmp_path, ending, channels, limit):
    with pytest.raises(ParameterError, match=rf"at most {limit} channel\(s\) for {ending}; received {channels}"):
        audio.write(tmp_path / f"a.{ending}", np.zeros((channels, 100)), sr=8000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([0.0, np.nan]), "y must be finite"),
        (np.array([0.0, np.inf]), "y must be finite"),
        (np.zeros(0), "at least 1 sample"),
        (np.zeros((2, 0)), "at least 1 sample"),
        (np.zeros(8, dtype=np.int16), "from_pcm"),
        (np.zeros(8, dtype=complex), "real"),
        (np.zeros((2, 2, 8)), r"shape \(n,\) or \(channels, n\)"),
        (np.zeros((8000, 2)), "at most 1024 channels"),
        ("silence", "y must be"),
        (0.5, "y must be a waveform"),
    ],
)
def test_what_is_no_waveform_is_not_written(tmp_path, y, message):
    with pytest.raises(ParameterError, match=message):
        audio.write(tmp_path / "a.wav", y, sr=8000)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_nothing_is_clipped_silently(tmp_path, ending):
    with pytest.raises(ParameterError, match=r"y must be within \[-1, 1\]; received a peak of 1.5 \(normalize first"):
        audio.write(tmp_path / f"a.{ending}", np.array([0.0, -1.5]), sr=8000)
    assert not list(tmp_path.iterdir())


def test_floating_point_has_room_above_full_scale(tmp_path):
    path = audio.write(tmp_path / "a.wav", np.array([0.0, -1.5]), sr=8000, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read(path)[0], [0.0, -1.5])


@pytest.mark.parametrize("name", ["a", "a.m4a", "a.wav.txt", ".wav"])
def test_other_endings_are_refused(tmp_path, name):
    with pytest.raises(ParameterError, match=r"path must end in \.wav, \.flac, \.ogg, \.mp3"):
        audio.write(tmp_path / name, tone(), sr=SR)


@pytest.mark.parametrize("path", [None, 3, b"a.wav"])
def test_a_path_must_be_a_path(path):
    with pytest.raises(ParameterError, match="path"):
        audio.write(path, tone(), sr=SR)


@pytest.mark.parametrize(("format", "subtype"), [("wav", "PCM_U8"), ("flac", "FLOAT"), ("mp3", "PCM_16"), ("wav", ["PCM_16"])])
def test_a_subtype_the_format_lacks(format, subtype):
    with pytest.raises(ParameterError, match="subtype must be one of"):
        audio.encode(tone(), sr=SR, format=format, subtype=subtype)


@pytest.mark.parametrize("format", ["WAV", "m4a", "", None, []])
def test_a_format_that_does_not_exist(format):
    with pytest.raises(ParameterError, match="format must be one of flac, mp3, ogg, wav"):
        audio.encode(tone(), sr=SR, format=format)


def test_endings_in_capitals_and_folders_on_the_way(tmp_path):
    path = audio.write(str(tmp_path / "one" / "two" / "A.WAV"), tone(), sr=SR)
    assert path == tmp_path / "one" / "two" / "A.WAV"
    assert audio.info(path).length == SR


def test_unwritable_targets_leave_nothing(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    (tmp_path / "folder.wav").mkdir()
    for path in (file / "a.wav", tmp_path / "folder.wav", tmp_path / ("x" * 300 + ".wav"), tmp_path / "a\0.wav"):
        with pytest.raises(DataError, match="path"):
            audio.write(path, tone(), sr=SR)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.wav"]
    assert file.read_text() == "mine"


def test_a_full_disk_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    before = path.read_bytes()

    def full(self, data):
        with open(self, "wb") as stream:
            stream.write(data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"path must be writable; received .*a\.wav.*: No space left"):
        audio.write(path, tone(f=880.0), sr=SR)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_overwrite_is_a_choice(tmp_path):
    path = audio.write(tmp_path / "a.wav", tone(), sr=SR)
    with pytest.raises(DataError, match="must not exist yet"):
        audio.write(path, tone(duration=0.5), sr=SR, overwrite=False)
    assert audio.info(path).length == SR
    audio.write(path, tone(duration=0.5), sr=SR)
    assert audio.info(path).length == SR // 2


def test_a_hand_made_wav_file(tmp_path):
    """The format from its definition: libsndfile and we agree on scale and channel order."""
    samples = struct.pack("<6h", 0, 16384, -32768, 8192, 32767, -1)
    header = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16)
    path = tmp_path / "a.wav"
    path.write_bytes(header + b"data" + struct.pack("<I", len(samples)) + samples)
    y, sr = audio.read(path)
    assert sr == 8000
    np.testing.assert_array_equal(y, np.array([[0, -32768, 32767], [16384, 8192, -1]]) / 32768)
    assert audio.write(tmp_path / "b.wav", y, sr=sr).read_bytes() == path.read_bytes()


# --- real recordings ----------------------------------------------------------------------------------------------------------------


@pytest.mark.corpus
def test_real_recordings():
    folder = corpora_dir()
    if folder is None:
        pytest.skip("AUDIOGEN_CORPORA is not set")
    found = sorted(folder.glob("esc10/*/*.ogg"))[::24] + sorted(folder.glob("fsdd/*/recordings/*.wav"))[::300]
    if not found:
        pytest.skip(f"no recordings in {folder}")
    for path in found:
        y, sr = audio.read(path)
        about = audio.info(path)
        assert (about.sr, about.length, about.channels) == (sr, y.shape[-1], 1)
        assert 0.0 < np.abs(y).max() < 1.5
        assert np.isfinite(audio.loudness(y, sr=sr))
