"""Unpacking: good archives come out whole, hostile and damaged ones leave nothing behind."""

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from audiogen_helpers.datasets.archives import extract
from audiogen_helpers.errors import DataError, ParameterError

GOOD = {"set/README.md": b"read me", "set/clips/a.wav": bytes(range(256)) * 40, "set/clips/b c.wav": b"\x00" * 5000}
NOISE = np.random.default_rng(0).bytes(200_000)


def make_tar(path, files=(), *, mode="w:gz", extra=()):
    """A tar of name -> bytes; `extra` are TarInfo objects without content."""
    with tarfile.open(path, mode) as tar:
        for name, data in dict(files).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return path


def make_zip(path, files=(), *, extra=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in dict(files).items():
            archive.writestr(name, data)
        for member, data in extra:
            archive.writestr(member, data)
    return path


def special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(archive, match, **limits):
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(DataError, match=match) as caught:
        extract(archive, archive.parent / "out", **limits)
    assert sorted(archive.parent.rglob("*")) == before, "something was left behind"
    assert "\n" not in str(caught.value)
    assert archive.name in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("ending", [".tar.gz", ".zip"])  # the ending may lie: content decides
def test_a_tar_comes_out_as_it_went_in(tmp_path, mode, ending):
    archive = make_tar(tmp_path / f"set{ending}", GOOD, mode=mode)
    assert extract(archive, tmp_path / "out") == tmp_path / "out"
    assert contents(tmp_path / "out") == GOOD


def test_a_zip_comes_out_as_it_went_in(tmp_path):
    extract(make_zip(tmp_path / "set.tar.gz", GOOD), tmp_path / "out")
    assert contents(tmp_path / "out") == GOOD


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_litter_is_left_out_and_permissions_are_plain(tmp_path, make):
    litter = {"__MACOSX/set/._a.wav": b"x", "set/._a.wav": b"x", "set/.DS_Store": b"x"}
    extract(make(tmp_path / "set.bin", GOOD | litter), tmp_path / "out")
    assert contents(tmp_path / "out") == GOOD
    assert not (tmp_path / "out" / "__MACOSX").exists()


def test_a_program_in_a_tar_is_not_executable_afterwards(tmp_path):
    member = tarfile.TarInfo("set/run.sh")
    member.mode = 0o4777
    extract(make_tar(tmp_path / "set.tar", extra=[member], mode="w"), tmp_path / "out")
    assert not (tmp_path / "out" / "set" / "run.sh").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID)


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize(
    "name",
    ["../evil.wav", "set/../../evil.wav", "/tmp/evil.wav", "set\\..\\evil.wav", "C:/evil.wav", "__MACOSX/../../evil.wav", "set/.."],
)
def test_names_that_lead_outside_are_refused(tmp_path, make, name):
    assert_refused(make(tmp_path / "hostile.bin", {"set/a.wav": b"good", name: b"evil"}), "archive must hold (relative )?names")
    assert not (tmp_path.parent / "evil.wav").exists()


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "a.wav"),
        (tarfile.LNKTYPE, "set/a.wav"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_refused(tmp_path, kind, target):
    archive = make_tar(tmp_path / "hostile.tar.gz", {"set/a.wav": b"good"}, extra=[special("set/link.wav", kind, target)])
    assert_refused(archive, "no links or devices; received 'set/link.wav'")


def test_a_folder_that_is_a_link_cannot_be_written_through(tmp_path):
    (tmp_path / "victim").mkdir()
    archive = tmp_path / "hostile.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(special("set", tarfile.SYMTYPE, str(tmp_path / "victim")))
        member = tarfile.TarInfo("set/evil.wav")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"evil"))
    assert_refused(archive, "no links")
    assert not list((tmp_path / "victim").iterdir())


def test_a_link_in_a_zip_is_refused(tmp_path):
    member = zipfile.ZipInfo("set/link.wav")
    member.create_system, member.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    assert_refused(make_zip(tmp_path / "hostile.zip", GOOD, extra=[(member, "/etc/passwd")]), "no links")


def test_an_encrypted_zip_is_refused(tmp_path):
    archive = make_zip(tmp_path / "secret.zip", {"set/a.wav": b"x"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    archive.write_bytes(data)
    assert_refused(archive, "no encrypted files")


@pytest.mark.parametrize("make", [make_tar, make_zip])
@pytest.mark.parametrize("second", ["set/a.wav", "set/A.WAV", "./set//a.wav", "set/a.wav/b.wav"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_one_name_twice_is_refused(tmp_path, make, second):
    archive = tmp_path / "hostile.bin"
    if make is make_tar:
        extra = tarfile.TarInfo(second)
        make_tar(archive, {"set/a.wav": b"first"}, extra=[extra])
    else:
        make_zip(archive, {"set/a.wav": b"first"}, extra=[(zipfile.ZipInfo(second), b"second")])
    assert_refused(archive, "each name once")


def test_one_folder_twice_is_fine(tmp_path):
    extra = [special("set", tarfile.DIRTYPE), special("set/", tarfile.DIRTYPE)]
    extract(make_tar(tmp_path / "set.tar", GOOD, mode="w", extra=extra), tmp_path / "out")
    assert contents(tmp_path / "out") == GOOD


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_a_bomb_is_refused(tmp_path, make):
    archive = make(tmp_path / "bomb.bin", {"set/a.wav": b"\x00" * 10_000_000})
    assert archive.stat().st_size < 100_000
    assert_refused(archive, "archive must (not )?unpack")


def test_a_bomb_of_litter_is_refused(tmp_path):
    assert_refused(make_tar(tmp_path / "bomb.tar.gz", {"set/._a": b"\x00" * 10_000_000}), "archive must (not )?unpack")


def test_a_bomb_in_a_header_is_refused(tmp_path):
    archive = tmp_path / "bomb.tar.gz"
    with tarfile.open(archive, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a.wav")
        member.pax_headers = {"comment": "x" * 30_000_000}
        tar.addfile(member)
    assert_refused(archive, "archive must not unpack", max_members=10)


@pytest.mark.parametrize("make", [make_tar, make_zip])
def test_limits_of_number_and_size_hold_and_are_exact(tmp_path, make):
    archive = make(tmp_path / "set.bin", {f"{i}.wav": NOISE[:1000] for i in range(10)})
    assert_refused(archive, "at most 9 files", max_members=9)
    assert_refused(archive, "at most 9999 bytes", max_bytes=9999)
    extract(archive, tmp_path / "out", max_members=10, max_bytes=10_000)
    assert len(contents(tmp_path / "out")) == 10


def test_what_is_truncated_is_refused(tmp_path):
    whole = {
        "a.tar": make_tar(tmp_path / "a.tar", {"set/a.wav": NOISE}, mode="w"),
        "a.tar.gz": make_tar(tmp_path / "a.tar.gz", {"set/a.wav": NOISE}),
        "a.tar.bz2": make_tar(tmp_path / "a.tar.bz2", {"set/a.wav": NOISE}, mode="w:bz2"),
        "a.tar.xz": make_tar(tmp_path / "a.tar.xz", {"set/a.wav": NOISE}, mode="w:xz"),
        "a.zip": make_zip(tmp_path / "a.zip", {"set/a.wav": NOISE}),
    }
    for path in whole.values():
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        assert_refused(path, "sound tar or zip file")


def test_a_wrong_checksum_is_refused(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"set/a.wav": NOISE})
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    assert_refused(archive, "sound tar or zip file")
    # gzip: the checksum stands behind the tar's own end, so it counts only if the stream is read to the last byte
    archive = make_tar(tmp_path / "a.tar.gz", {"set/a.wav": NOISE})
    data = bytearray(archive.read_bytes())
    data[-8] ^= 0xFF
    archive.write_bytes(data)
    assert_refused(archive, "sound tar or zip file")


@pytest.mark.parametrize(
    "data", [b"<html>Not found</html>", b"\x1f\x8b", gzip.compress(b"no tar"), bz2.compress(b"no tar"), lzma.compress(b"no tar")]
)
def test_what_is_no_archive_is_refused(tmp_path, data):
    archive = tmp_path / "page.tar.gz"
    archive.write_bytes(data * 3)
    assert_refused(archive, "sound tar or zip file")


def test_missing_empty_and_folder_for_archive(tmp_path):
    (tmp_path / "empty.zip").touch()
    for archive in (tmp_path / "none.zip", tmp_path / "empty.zip", tmp_path):
        with pytest.raises(DataError, match="archive must be"):
            extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_not_touched(tmp_path):
    archive = make_tar(tmp_path / "a.tar.gz", GOOD)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="path must not exist yet"):
        extract(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"mine.txt": b"mine"}


@pytest.mark.parametrize("limits", [{"max_members": 0}, {"max_bytes": 0}, {"max_ratio": 0.0}, {"max_ratio": float("nan")}])
def test_limits_are_checked(tmp_path, limits):
    with pytest.raises(ParameterError, match="max_"):
        extract(make_tar(tmp_path / "a.tar", GOOD, mode="w"), tmp_path / "out", **limits)
