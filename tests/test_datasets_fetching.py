"""Download, check, unpack, check, move into place: over a loopback server, with good, wrong, hostile and broken archives."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from audiogen_helpers import audio, datasets
from audiogen_helpers.datasets import cards, fetching, places
from audiogen_helpers.datasets.content import content_digest
from audiogen_helpers.errors import DataError, ParameterError
from audiogen_helpers.registry import Registry

NAMES = ("0_ann_0.wav", "0_ann_7.wav", "1_bob_0.wav")
TOP = "free-spoken-digit-dataset-1.0.10"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty data home, no corpora, no proxy."""
    for name in ("AUDIOGEN_CORPORA", "AUDIOGEN_DATA", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for i, name in enumerate(NAMES):
        audio.write(folder / name, np.random.default_rng(i).uniform(-0.5, 0.5, 4000), sr=8000)
    return {name: (folder / name).read_bytes() for name in NAMES}


def pack(files, *, extra=(), mode="w:gz"):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        for member in extra:
            tar.addfile(member)
    return stream.getvalue()


def good(clips):
    return {f"{TOP}/README.md": b"read me"} | {f"{TOP}/recordings/{name}": data for name, data in clips.items()}


@pytest.fixture
def publish(clips, tmp_path, monkeypatch):
    """A function that makes 'fsdd' a set of three clips whose archive is `data`, as its card says, and returns the card."""
    folder = tmp_path / "original"
    folder.mkdir()
    for name, data in clips.items():
        (folder / name).write_bytes(data)
    digest = content_digest((name, folder / name) for name in NAMES)

    def make(data):
        card = replace(datasets.info("fsdd"), count=3, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), content_sha256=digest)
        monkeypatch.setattr(cards, "DATASETS", Registry("dataset", card, cards.DATASETS["digits"], cards.DATASETS["librosa-examples"]))
        return card

    return make


class Server:
    """Serves one body at every address; how it ends can be broken on purpose."""

    def __init__(self, body, *, declared=None, status=200, endless=False, gate=None):
        outer = self
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests += 1
                if gate:
                    gate.wait(20)
                self.send_response(status)
                if not endless:
                    self.send_header("Content-Length", str(len(body) if declared is None else declared))
                self.end_headers()
                try:
                    self.wfile.write(body)
                    while endless:
                        self.wfile.write(bytes(1 << 16))
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1.0.10.tar.gz"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_fails(home, match, **arguments):
    before = tree(home) if home.exists() else []
    with pytest.raises(DataError, match=match) as caught:
        datasets.fetch("fsdd", progress=False, **arguments)
    assert "\n" not in str(caught.value)
    assert [name for name in tree(home) if name != "fsdd"] == [name for name in before if name != "fsdd"], "something was left behind"
    assert datasets.locate("fsdd") is None


def test_what_was_served_can_be_loaded(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    assert not datasets.is_present("fsdd")
    with Server(data) as server:
        folder = datasets.fetch("fsdd", url=server.url, progress=False)
        assert datasets.fetch("fsdd", url=server.url, progress=False) == folder == datasets.locate("fsdd")
        assert server.requests == 1, "the second call must not download"
        assert datasets.fetch("fsdd", url=server.url, progress=False, force=True) == folder
        assert server.requests == 2
    assert folder == home / "fsdd" / TOP / "recordings"
    assert tree(home / "fsdd") == sorted([TOP, f"{TOP}/README.md", f"{TOP}/recordings", *(f"{TOP}/recordings/{name}" for name in NAMES)])
    found = datasets.load("fsdd")
    assert (found.labels, found.groups, found.splits) == (("0", "0", "1"), ("ann", "ann", "bob"), ("test", "train", "test"))
    assert found.content_hash() == found.card.content_sha256
    assert found.clip(2)[0].shape == (4000,)


def test_loading_writes_nothing(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    with Server(data) as server:
        datasets.fetch("fsdd", url=server.url, progress=False)
    for folder in (home, home / "fsdd", home / "fsdd" / TOP / "recordings"):
        folder.chmod(0o555)
    before = [(name, (home / name).stat().st_mtime_ns) for name in tree(home)]
    try:
        found = datasets.load("fsdd", split="test")
        found.arrays(length=100)
        found.content_hash()
    finally:
        for folder in (home, home / "fsdd", home / "fsdd" / TOP / "recordings"):
            folder.chmod(0o755)
    assert [(name, (home / name).stat().st_mtime_ns) for name in tree(home)] == before


def test_progress_goes_to_stdout_only(clips, publish, capfd):
    data = pack(good(clips))
    publish(data)
    with Server(data) as server:
        datasets.fetch("fsdd", url=server.url)
        shown = capfd.readouterr()
        assert "fetching fsdd" in shown.out
        assert shown.err == ""
        datasets.fetch("fsdd", url=server.url, force=True, progress=False)
    assert capfd.readouterr() == ("", "")


def test_a_wrong_archive_is_refused(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    with Server(data + b"\0") as server:
        assert_fails(home, "must have the sha256 .* check_archive=False", url=server.url)


def test_the_same_clips_packed_anew_are_accepted_on_request_only(home, clips, publish):
    publish(pack(good(clips)))
    with Server(pack(good(clips), mode="w:xz")) as server:
        assert_fails(home, "must have the sha256", url=server.url)
        datasets.fetch("fsdd", url=server.url, check_archive=False, progress=False)
    assert len(datasets.load("fsdd")) == 3


@pytest.mark.parametrize("change", ["byte", "missing", "added", "renamed", "elsewhere"])
@pytest.mark.parametrize("check_archive", [True, False])
def test_wrong_content_is_refused(home, clips, publish, change, check_archive):
    files = good(clips)
    first = f"{TOP}/recordings/{NAMES[0]}"
    if change == "byte":
        files[first] = files[first][:-1] + b"\x07"
    elif change == "added":
        files[f"{TOP}/recordings/9_eve_0.wav"] = files[first]
    elif change == "elsewhere":
        files = {name.replace(TOP, "main"): data for name, data in files.items()}
    else:
        data = files.pop(first)
        if change == "renamed":
            files[f"{TOP}/recordings/9_eve_0.wav"] = data
    data = pack(files)
    publish(data)
    with Server(data) as server:
        assert_fails(home, "must hold 3 clips", url=server.url, check_archive=check_archive)


def link(name, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize("hostile", ["traversal", "link", "bomb"])
def test_a_hostile_archive_is_refused_even_with_the_right_hash(home, clips, publish, hostile):
    files, extra = good(clips), []
    if hostile == "traversal":
        files["../../../evil.wav"] = b"evil"
    elif hostile == "link":
        extra = [link(f"{TOP}/recordings/9_eve_0.wav", "/etc/passwd")]
    else:
        files[f"{TOP}/zeros"] = bytes(10_000_000)
    data = pack(files, extra=extra)
    publish(data)
    with Server(data) as server:
        assert_fails(home, "archive must", url=server.url)
    assert not list(home.parent.rglob("evil.wav"))


def test_a_cut_connection_leaves_nothing(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    with Server(data[: len(data) // 2], declared=len(data)) as server:
        assert_fails(home, "could not be downloaded", url=server.url)
    with Server(data[: len(data) // 2]) as server:
        assert_fails(home, "must have the sha256", url=server.url)


def test_an_endless_download_is_stopped(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    with Server(data, endless=True) as server:
        assert_fails(home, "more than twice", url=server.url)


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusing_server_is_reported(home, clips, publish, status):
    data = pack(good(clips))
    publish(data)
    with Server(data, status=status) as server:
        assert_fails(home, "could not be downloaded from http://127.0.0.1", url=server.url)


def test_offline_says_what_to_do_and_the_archive_by_hand_works(home, clips, publish):
    data = pack(good(clips))
    card = publish(data)
    with Server(data) as server:
        closed = server.url
    by_hand = home / "fsdd" / card.archive
    assert_fails(home, f"check the connection .* put it at {by_hand}", url=closed)
    by_hand.write_bytes(data[:-5])
    assert_fails(home, "must have the sha256", url=closed)
    assert by_hand.exists(), "what a reader put there is not ours to delete"
    by_hand.write_bytes(data)
    assert datasets.fetch("fsdd", url=closed, progress=False) == datasets.locate("fsdd")
    assert by_hand.exists()


def test_an_interrupt_leaves_nothing(home, clips, publish, monkeypatch):
    data = pack(good(clips))
    publish(data)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetching, "_check_content", interrupt)
    with Server(data) as server, pytest.raises(KeyboardInterrupt):
        datasets.fetch("fsdd", url=server.url, progress=False)
    assert tree(home) == ["fsdd"]


def test_what_a_killed_download_left_is_swept_a_day_later(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    old, new = home / "fsdd" / ".part-old", home / "fsdd" / ".part-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    with Server(data) as server:
        datasets.fetch("fsdd", url=server.url, progress=False)
    assert new.exists()
    assert not old.exists()


def test_an_incomplete_folder_does_not_count_and_is_replaced(home, clips, publish):
    data = pack(good(clips))
    publish(data)
    with Server(data) as server:
        folder = datasets.fetch("fsdd", url=server.url, progress=False)
        (folder / NAMES[0]).unlink()
        assert not datasets.is_present("fsdd")
        with pytest.raises(DataError, match="audiogen data fetch fsdd"):
            datasets.load("fsdd")
        datasets.fetch("fsdd", url=server.url, progress=False)
    assert datasets.is_present("fsdd")


@pytest.mark.parametrize("force", [False, True])
def test_many_at_once_all_succeed(home, clips, publish, force):
    data = pack(good(clips))
    publish(data)
    if force:
        with Server(data) as server:
            datasets.fetch("fsdd", url=server.url, progress=False)
    with Server(data, gate=threading.Barrier(6)) as server, ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(datasets.fetch, "fsdd", url=server.url, force=force, progress=False) for _ in range(6)]
        folders = {job.result() for job in jobs}
        assert server.requests == 6
    assert folders == {home / "fsdd" / TOP / "recordings"}
    assert sorted(path.name for path in (home / "fsdd").iterdir()) == [TOP]
    assert len(datasets.load("fsdd")) == 3


def test_another_process_is_faster_by_a_hair(home, clips, publish, monkeypatch):
    data = pack(good(clips))
    publish(data)
    replace_really = os.replace

    def replace_late(source, target):
        if target == home / "fsdd" / TOP:
            shutil.copytree(source, target)  # what the other one does between our look and our step
        replace_really(source, target)

    monkeypatch.setattr(os, "replace", replace_late)
    with Server(data) as server:
        datasets.fetch("fsdd", url=server.url, progress=False)
    assert sorted(path.name for path in (home / "fsdd").iterdir()) == [TOP]
    assert len(datasets.load("fsdd")) == 3


def test_a_disk_that_fails_at_the_last_step(home, clips, publish, monkeypatch):
    data = pack(good(clips))
    publish(data)
    replace_really = os.replace

    def fail(source, target):
        if target == home / "fsdd" / TOP:
            raise OSError(5, "Input/output error")
        replace_really(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with Server(data) as server:
        assert_fails(home, "data home must be writable.*Input/output error", url=server.url)


def test_a_data_home_that_cannot_be_written(tmp_path, clips, publish, monkeypatch):
    publish(pack(good(clips)))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match="data home must be writable"):
        datasets.fetch("fsdd", url="http://127.0.0.1:9/x", progress=False)


def test_the_data_home_comes_before_the_corpora_and_either_saves_a_download(home, tmp_path, clips, publish, monkeypatch):
    data = pack(good(clips))
    publish(data)
    corpora = tmp_path / "corpora"
    shared = corpora / "fsdd" / TOP / "recordings"
    shared.mkdir(parents=True)
    for name, content in clips.items():
        (shared / name).write_bytes(content)
    monkeypatch.setenv("AUDIOGEN_CORPORA", str(corpora))
    assert datasets.fetch("fsdd", url="http://127.0.0.1:9/x", progress=False) == shared
    assert not home.exists()
    with Server(data) as server:
        own = datasets.fetch("fsdd", url=server.url, progress=False, force=True)
    assert own == datasets.locate("fsdd") != shared


@pytest.mark.parametrize("url", ["", "ftp://example.org/a.tar.gz", "file:///etc/passwd", "v1.0.10.tar.gz", 3, "http://a b"])
def test_addresses_are_checked(url):
    with pytest.raises(ParameterError, match="url must be an address"):
        datasets.fetch("fsdd", url=url, progress=False)


def test_bundled_and_unknown_sets(monkeypatch):
    assert datasets.fetch("digits") == datasets.locate("digits")
    assert datasets.fetch("digits", force=True) == datasets.locate("digits")
    with pytest.raises(ParameterError, match="dataset must be one of digits, fsdd, librosa-examples, chorales, jsb; received 'fssd'"):
        datasets.fetch("fssd")
    monkeypatch.setattr(places, "bundled_dir", lambda: places.Path("nowhere"))
    with pytest.raises(DataError, match="restore its folder data/digits"):
        datasets.fetch("digits")


def test_librosa_examples_offline(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # refuses at once
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(DataError, match="librosa-examples could not be downloaded from https://librosa") as caught:
        datasets.fetch("librosa-examples", progress=False)
    assert "\n" not in str(caught.value)
    assert not datasets.is_present("librosa-examples")


@pytest.mark.corpus
def test_the_real_archive_from_download_to_sound(home, corpora):
    """The very file that the public address serves, through an ordinary http.server, in a process of its own."""
    served = corpora / "fsdd"
    if not (served / datasets.info("fsdd").archive).is_file():
        pytest.skip(f"no {datasets.info('fsdd').archive} in {served}")

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(served))

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = "import sys; from audiogen_helpers import datasets; print(datasets.fetch('fsdd', url=sys.argv[1], progress=False))"
    try:
        url = f"http://127.0.0.1:{server.server_port}/{datasets.info('fsdd').archive}"
        both = [subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) for _ in range(2)]
        printed = {process.communicate(timeout=120)[0].strip() for process in both}
    finally:
        server.shutdown()
        server.server_close()
    assert printed == {str(home / "fsdd" / TOP / "recordings")}
    assert sorted(path.name for path in (home / "fsdd").iterdir()) == [TOP]
    found = datasets.load("fsdd")
    assert found.content_hash() == found.card.content_sha256
    assert (len(found), len(set(found.groups)), found.splits.count("test")) == (3000, 6, 300)
    Y, labels = found.split("test").arrays(length=8000)
    assert np.bincount(labels).tolist() == [30] * 10
    assert (np.abs(Y).max(axis=1) > 0.01).all()


@pytest.mark.corpus
@pytest.mark.slow
def test_librosa_reads_what_is_in_the_data_home(home, corpora):
    """With the files in place ``librosa.ex`` asks for nothing; the first one that is missing does."""
    shutil.copytree(corpora / "librosa-examples", home / "librosa-examples")
    (home / "librosa-examples" / f"{cards.LIBROSA_FILES['trumpet']}.ogg").write_bytes(b"damaged")
    code = "import librosa; print(librosa.ex('robin'))"
    environment = {**os.environ, "LIBROSA_DATA_DIR": str(home / "librosa-examples")}
    printed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    found = datasets.load("librosa-examples")
    assert printed.strip() == str(found.paths[found.labels.index("robin")])
    y, sr = found.clip(found.labels.index("robin"))
    assert sr == 22050
    assert len(y) / sr == pytest.approx(2.70, abs=0.01)
    with pytest.raises(DataError, match="trumpet"):
        found.clip(found.labels.index("trumpet"))
