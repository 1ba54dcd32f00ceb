"""A reader's own folder of clips: labels, odd names, links, formats, damage, and the split."""

import os
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers import audio, datasets
from audiogen_helpers.errors import DataError, ParameterError

ODD_LABELS = ["two words", "v1.0", "..dots", "日本語", "Привет", "über", "a'b\"c", "-n", "*", "naïve.wav"]


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def tone(path, *, sr=8000, length=800, channels=1, gain=0.5):
    y = gain * np.sin(np.arange(length) * 440 * 2 * np.pi / sr)
    return audio.write(path, np.tile(y, (channels, 1)) if channels > 1 else y, sr=sr)


def names_of(dataset):
    return sorted(dataset.names)


def test_subfolders_are_labels_and_deeper_ones_belong_to_them(tmp_path):
    for name in ("cat/a.wav", "cat/old/b.wav", "cat/old/older/c.wav", "dog/a.wav"):
        tone(tmp_path / name)
    found = datasets.load(tmp_path)
    assert dict(zip(found.names, found.labels, strict=True)) == {
        "cat/a.wav": "cat",
        "cat/old/b.wav": "cat",
        "cat/old/older/c.wav": "cat",
        "dog/a.wav": "dog",
    }
    assert found.label_names == ("cat", "dog")
    assert found.label_indices.tolist() == [0, 0, 0, 1]
    assert (found.source, found.name, found.card.kind, found.card.count) == ("folder", tmp_path.name, "folder", 4)
    assert found.groups == ("",) * 4
    assert "4 clips of 2 labels at 8000 Hz (folder)" in found.describe()


def test_a_flat_folder_has_no_labels(tmp_path):
    for name in "abc":
        tone(tmp_path / f"{name}.wav")
    found = datasets.load(tmp_path)
    assert (found.labels, found.label_names) == (("", "", ""), ())
    Y, labels = found.arrays(length=1000)
    assert (Y.shape, labels.tolist()) == ((3, 1000), [0, 0, 0])
    assert "3 clips at 8000 Hz" in found.describe()


@pytest.mark.parametrize("label", ODD_LABELS)
def test_odd_label_names(tmp_path, label):
    (folder := tmp_path / label).mkdir()
    tone(tmp_path / "x.wav").rename(folder / "x.wav")
    tone(tmp_path / "plain" / "x.wav")
    if label.startswith("."):
        assert datasets.load(tmp_path).label_names == ("plain",), "hidden folders are passed over"
        return
    found = datasets.load(tmp_path)
    assert set(found.label_names) == {label, "plain"}
    assert len(found.select(label=label)) == 1


def test_both_ways_to_write_an_accent_are_one_label_on_every_machine(tmp_path):
    for name in ("u\u0308ber/a.wav", "\u00fcber/b.wav"):
        tone(tmp_path / name)
    found = datasets.load(tmp_path)
    assert set(found.labels) == {"\u00fcber"}
    assert found.names == ("\u00fcber/b.wav", "\u00fcber/a.wav") or found.names == ("\u00fcber/a.wav", "\u00fcber/b.wav")


def test_a_name_that_is_no_text_is_still_read(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system allows UTF-8 names only")
    shutil.copy(tone(tmp_path.parent / "clip.wav"), folder + b"/a.wav")
    found = datasets.load(tmp_path)
    assert found.labels == ("caf\\xe9",)
    assert len(found.content_hash().encode("ascii")) == 64


def test_mixed_rates_channels_and_lengths(tmp_path):
    tone(tmp_path / "x" / "a.wav", sr=16000, length=1600)
    tone(tmp_path / "x" / "b.flac", sr=16000, length=16000, channels=2)
    tone(tmp_path / "x" / "c.wav", sr=44100, length=4410)
    tone(tmp_path / "y" / "d.ogg", sr=8000, length=1)
    found = datasets.load(tmp_path)
    assert found.sr == 16000
    clips = [found.clip(i) for i in range(4)]
    assert [len(y) for y, _ in clips] == [1600, 16000, 1600, 2]
    assert all(y.ndim == 1 and y.dtype == np.float32 and sr == 16000 for y, sr in clips)
    np.testing.assert_allclose(clips[0][0], clips[1][0][:1600], atol=1e-4)  # two equal channels mix down to themselves
    np.testing.assert_allclose(clips[0][0][100:-100], clips[2][0][100:-100], atol=0.01)  # the same tone from another rate


def test_of_two_rates_that_are_equally_common_the_higher_one_wins(tmp_path):
    tone(tmp_path / "a.wav", sr=8000)
    tone(tmp_path / "b.wav", sr=22050)
    assert datasets.load(tmp_path).sr == 22050


def test_endings_may_lie_and_be_upper_case(tmp_path):
    tone(tmp_path / "x" / "a.flac").rename(tmp_path / "x" / "really_flac.wav")
    tone(tmp_path / "x" / "b.wav").rename(tmp_path / "x" / "LOUD.WAV")
    found = datasets.load(tmp_path)
    assert found.names == ("x/LOUD.WAV", "x/really_flac.wav")
    assert found.arrays(length=10)[0].shape == (2, 10)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_formats_that_only_ffmpeg_reads(tmp_path):
    source = tone(tmp_path / "a.wav", length=8000)
    for name in ("b.m4a", "c.wma"):
        subprocess.run(["ffmpeg", "-v", "error", "-i", source, tmp_path / name], check=True)
    assert names_of(datasets.load(tmp_path)) == ["a.wav", "b.m4a", "c.wma"]


def test_what_is_no_clip_is_passed_over(tmp_path):
    tone(tmp_path / "x" / "a.wav")
    for name in (
        "x/notes.txt",
        "README.md",
        "x/._a.wav",
        "x/.hidden.wav",
        ".git/b.wav",
        "__MACOSX/x/a.wav",
        "x/Thumbs.db",
        "empty/none.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"junk")
    (tmp_path / "z").mkdir()
    os.mkfifo(tmp_path / "x" / "pipe.wav")  # reading it would wait for ever
    found = datasets.load(tmp_path)
    assert (found.names, found.label_names) == (("x/a.wav",), ("x",))


def test_links_are_followed(tmp_path):
    tone(tmp_path / "elsewhere" / "one.wav")
    tone(tmp_path / "elsewhere" / "more" / "two.wav")
    data = tmp_path / "data"
    (data / "x").mkdir(parents=True)
    (data / "x" / "linked.wav").symlink_to(tmp_path / "elsewhere" / "one.wav")
    (data / "y").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "alias").symlink_to(data)
    expected = {"x/linked.wav": "x", "y/one.wav": "y", "y/more/two.wav": "y"}
    for root in (data, tmp_path / "alias"):
        found = datasets.load(root)
        assert dict(zip(found.names, found.labels, strict=True)) == expected


def test_links_in_circles_end(tmp_path):
    tone(tmp_path / "x" / "a.wav")
    (tmp_path / "x" / "back").symlink_to(tmp_path)
    (tmp_path / "x" / "self").symlink_to(tmp_path / "x")
    (tmp_path / "y").symlink_to(tmp_path)
    (tmp_path / "p").symlink_to(tmp_path / "q")
    (tmp_path / "q").symlink_to(tmp_path / "p")
    (tmp_path / "x" / "dead folder").symlink_to(tmp_path / "nowhere")
    assert datasets.load(tmp_path).names == ("x/a.wav",)


def test_folders_full_of_links_to_one_another_take_no_time(tmp_path):
    for i in range(12):
        tone(tmp_path / "x" / f"{i}" / "a.wav", length=10)
    for i in range(12):
        for j in range(12):
            (tmp_path / "x" / f"{i}" / f"to{j}").symlink_to(tmp_path / "x" / f"{j}")
    assert len(datasets.load(tmp_path)) == 12


def damage(folder):
    """One sound clip among all sorts of broken ones; returns the names of the broken ones."""
    tone(folder / "x" / "good.wav")
    whole = tone(folder / "x" / "cut.flac", length=8000).read_bytes()
    (folder / "x" / "cut.flac").write_bytes(whole[: len(whole) // 2])
    (folder / "x" / "empty.wav").touch()
    (folder / "x" / "text.mp3").write_text("this is a text\n" * 100)
    (folder / "x" / "dead link.wav").symlink_to(folder / "nowhere.wav")
    (folder / "x" / "circle.wav").symlink_to(folder / "x" / "circle.wav")
    nan = np.full(100, np.nan, np.float32)
    import soundfile

    soundfile.write(folder / "x" / "nan.wav", nan, 8000, subtype="FLOAT")
    soundfile.write(folder / "x" / "no samples.wav", np.zeros(0), 8000)
    return ["circle.wav", "cut.flac", "dead link.wav", "empty.wav", "nan.wav", "no samples.wav", "text.mp3"]


def test_damaged_clips_stop_the_loading_and_are_named(tmp_path):
    broken = damage(tmp_path)
    with pytest.raises(DataError, match="7 damaged") as caught:
        datasets.load(tmp_path)
    assert "on_corrupt='skip'" in str(caught.value)
    assert sum(f"x/{name} (" in str(caught.value) for name in broken) == 5
    assert "and 2 more" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_clips_are_named_and_skipped_on_request(tmp_path):
    broken = damage(tmp_path)
    with pytest.warns(UserWarning, match="7 of 8 clips .* are damaged and left out: x/circle.wav"):
        found = datasets.load(tmp_path, on_corrupt="skip")
    assert found.names == ("x/good.wav",)
    assert [text.split(" (")[0] for text in found.skipped] == [f"x/{name}" for name in broken]
    assert found.arrays(length=10)[0].shape == (1, 10)


def test_nothing_but_damage_is_an_error_either_way(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"all 1 are damaged: a\.wav"):
        datasets.load(tmp_path, on_corrupt="skip")


def test_a_clip_that_breaks_after_loading_is_named(tmp_path):
    path = tone(tmp_path / "a.wav")
    tone(tmp_path / "b.wav")
    found = datasets.load(tmp_path)
    path.write_bytes(b"junk")
    with pytest.raises(DataError, match=r"a\.wav"):
        found.clip(0)
    with pytest.raises(DataError, match=r"a\.wav"):
        found.arrays(length=10)
    path.unlink()
    with pytest.raises(DataError, match=r"a\.wav"):
        found.content_hash()


def test_folders_without_clips(tmp_path):
    with pytest.raises(DataError, match="at least one clip"):
        datasets.load(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "notes.txt").write_text("junk")
    with pytest.raises(DataError, match="at least one clip"):
        datasets.load(tmp_path)


def test_clips_beside_labels_are_ambiguous(tmp_path):
    tone(tmp_path / "all.wav")
    tone(tmp_path / "x" / "a.wav")
    with pytest.raises(DataError, match=r"received both: all\.wav and x/a\.wav"):
        datasets.load(tmp_path)


def test_what_is_no_folder(tmp_path):
    file = tone(tmp_path / "a.wav")
    for wrong in (file, str(file), tmp_path / "none"):
        with pytest.raises(DataError, match="data must be an existing folder"):
            datasets.load(wrong)
    with pytest.raises(ParameterError, match="data must be one of digits, fsdd, librosa-examples, or an existing folder; received 'fssd'"):
        datasets.load("fssd")
    for wrong in ("", 3, None, ["digits"], "a\0b"):
        with pytest.raises(ParameterError, match="data must be the name of a dataset or a folder"):
            datasets.load(wrong)


def test_a_folder_named_like_a_dataset(tmp_path, monkeypatch):
    tone(tmp_path / "digits" / "a.wav")
    monkeypatch.chdir(tmp_path)
    assert len(datasets.load("digits")) == 1000
    assert len(datasets.load("./digits")) == len(datasets.load(Path("digits"))) == 1


def test_the_split_is_a_tenth_of_each_label_and_knows_no_place_nor_time(tmp_path):
    for label, n in (("many", 40), ("few", 3), ("one", 1)):
        for i in range(n):
            tone(tmp_path / "data" / label / f"{i}.wav", length=10)
    found = datasets.load(tmp_path / "data")
    test, train = found.split("test"), found.split("train")
    assert [test.labels.count(label) for label in ("many", "few", "one")] == [4, 1, 0]
    assert set(test.names) | set(train.names) == set(found.names)
    assert not set(test.names) & set(train.names)
    assert datasets.load(tmp_path / "data", split="test").names == test.names
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*.wav"):
        os.utime(path, (time.time() - 1000,) * 2)
    assert datasets.load(tmp_path / "copy", split="test").names == test.names
    assert test.names != tuple(name for name in found.names if name.endswith(("/0.wav", "/1.wav", "/2.wav", "/3.wav")))


def test_a_single_clip_has_no_test_side(tmp_path):
    tone(tmp_path / "a.wav")
    assert len(datasets.load(tmp_path, split="train")) == 1
    with pytest.raises(DataError, match="split must have clips; received 'test'"):
        datasets.load(tmp_path, split="test")


@pytest.mark.parametrize("argument", [{"on_corrupt": "ignore"}, {"on_corrupt": None}, {"split": "dev"}, {"split": 0}])
def test_choices_are_checked(tmp_path, argument):
    tone(tmp_path / "a.wav")
    with pytest.raises(ParameterError, match=next(iter(argument))):
        datasets.load(tmp_path, **argument)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    tone(tmp_path / "x" / "a.wav")
    (tmp_path / "x").chmod(0)
    try:
        with pytest.raises(DataError, match="data must be readable"):
            datasets.load(tmp_path)
    finally:
        (tmp_path / "x").chmod(0o755)


@pytest.mark.corpus
def test_real_recordings_in_a_folder_per_class(corpora):
    found = datasets.load(corpora / "esc10")
    assert (len(found), len(found.label_names), found.sr) == (240, 10, 44100)
    assert "rain" in found.label_names
    y, sr = found.select(label="rain").clip(0)
    assert len(y) / sr == pytest.approx(5.0, abs=0.01)
    assert np.abs(y).max() > 0.001
