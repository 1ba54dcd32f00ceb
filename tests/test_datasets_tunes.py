"""Tunes: the bundled table against its card, the public grid against its digest, keys, parts, tables of one's own, and damaged ones."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers import datasets
from audiogen_helpers._files import bundled_dir
from audiogen_helpers.cli import main
from audiogen_helpers.datasets.keys import estimate_key
from audiogen_helpers.errors import DataError, ParameterError

SCALE = [[60, 4], [62, 4], [64, 4], [65, 4], [67, 8], [64, 4], [62, 4], [60, 8]]


@pytest.fixture(scope="module")
def tunes():
    return datasets.load_tunes("chorales")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("AUDIOGEN_CORPORA", raising=False)
    return tmp_path / "home"


def write(path, *entries):
    path.write_text(json.dumps({"tunes": list(entries)}))
    return path


# the bundled table


def test_the_table_is_what_its_card_and_the_registry_say(tunes):
    folder, card = bundled_dir() / "scores", datasets.info("chorales")
    told = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    data = (folder / "chorales.json").read_bytes()
    assert {path.name for path in folder.iterdir()} == {"card.json", "chorales.json"}
    assert (len(data), hashlib.sha256(data).hexdigest()) == (card.bytes, card.sha256) == (told["bytes"], told["sha256"])
    assert len(data) <= 300_000
    assert (told["count"], tuple(told["labels"]), told["licence"]) == (card.count, card.labels, card.licence)
    assert len(tunes) == card.count
    assert sum(map(len, tunes.tunes)) == told["notes"]
    assert tunes.content_hash() == card.content_sha256
    assert Counter(tunes.labels) == told["tunes_by_label"]
    for field in ("made", "from", "licences_of_the_sources", "tools", "fields", "melodies", "split", "left_out"):
        assert told[field], field


def test_no_melody_is_on_both_sides(tunes):
    train, test = tunes.split("train"), tunes.split("test")
    assert not {t.melody for t in train.tunes} & {t.melody for t in test.tunes}
    assert not {t.title for t in train.tunes} & {t.title for t in test.tunes}
    assert len(train) + len(test) == len(tunes)
    for mode in ("major", "minor"):
        assert 0.15 < test.labels.count(mode) / tunes.labels.count(mode) < 0.25


def test_no_opening_phrase_is_on_both_sides(tunes):
    """Pitches of the first phrase in C; stock phrases of other places may be common, a whole opening of seven notes is a melody's name."""

    def openings(side):
        first = [(t.in_c()[: t.phrase_ends[0] + 1, 0]).tolist() for t in tunes.split(side).tunes]
        return {tuple(p) for p in first if len(p) >= 7}

    assert len(openings("train") & openings("test")) <= 1


def test_settings_of_one_melody_are_found(tunes):
    by_title = {t.title: t.melody for t in tunes.tunes}
    assert by_title["O Haupt voll Blut und Wunden"] == by_title["Herzlich tut mich verlangen"]
    assert by_title["In allen meinen Taten"] == by_title["O Welt, sieh’ hier dein Leben"]
    assert by_title["Jesu, meine Freude"] != by_title["Wie schön leuchtet der Morgenstern"]
    assert max(Counter(t.melody for t in tunes.tunes).values()) < 15


def test_tunes_are_singable(tunes):
    for t in tunes.tunes:
        pitches = t.notes[t.notes[:, 0] >= 0, 0]
        assert 55 <= pitches.min() <= pitches.max() <= 84, t.title
        assert t.notes[0, 0] >= 0 <= t.notes[-1, 0], t.title
        assert t.phrase_ends[-1] == len(t) - 1
        assert (np.diff(t.phrase_ends) > 0).all()
        assert t.phrase_ends[0] >= 0
        assert 0 <= t.pickup < 16
        assert 4 <= t.bars <= 100, t.title
    assert np.mean([t.notes[-1, 0] % 12 == t.tonic for t in tunes.tunes]) > 0.88


def test_a_tune_that_everybody_knows(tunes):
    (tune,) = [t for t in tunes.tunes if t.title == "Nun danket alle Gott" and t.notes[0, 1] == 4][:1]
    degrees = (tune.in_c()[:9, 0] - 60) % 12
    assert degrees.tolist()[:6] == [7, 7, 7, 9, 9, 7]
    assert tune.mode == "major"


def test_in_c_moves_all_pitches_alike(tunes):
    for t in tunes.tunes[:40]:
        c, pitched = t.in_c(phrases=True), t.notes[:, 0] >= 0
        moved = (t.notes[pitched, 0] - c[pitched, 0]).astype(int)
        assert len(set(moved.tolist())) == 1
        assert moved[0] % 12 == t.tonic
        assert abs(c[-1, 0] - 60) <= 6
        np.testing.assert_array_equal(c[:, 1], t.notes[:, 1])
        np.testing.assert_array_equal(np.flatnonzero(c[:, 2]), t.phrase_ends)
        assert (c[~pitched, 0] == -1).all()


def test_taking_parts(tunes):
    assert datasets.load_tunes(tunes) is tunes
    assert len(datasets.load_tunes(tunes, split="test")) == len(tunes.split("test")) == tunes.splits.count("test")
    assert [c.shape for c in tunes.in_c()] == [(len(t), 2) for t in tunes.tunes]
    assert tunes.select(label="minor").labels == ("minor",) * tunes.labels.count("minor")
    assert tunes.label_indices.tolist() == [("major", "minor").index(t.mode) for t in tunes.tunes]
    assert tunes.subset([0]).describe().startswith("chorales: 1 tune, 1 in major (bundled")
    assert tunes.subset([0]).content_hash() != tunes.subset([1]).content_hash()
    with pytest.raises(DataError, match="none there"):
        tunes.subset([1]).split("test")
    with pytest.raises(ParameterError, match="label must be one of major, minor"):
        tunes.select(label="dorian")


# keys


@pytest.mark.parametrize("tonic", range(12))
def test_scales_have_the_key_that_they_are_in(tonic):
    major = [[p + tonic, n] for p, n in SCALE]
    minor = [[p + tonic - (p == 64), n] for p, n in SCALE]
    assert estimate_key(major) == (tonic, "major")
    assert estimate_key(minor) == (tonic, "minor")


def test_estimated_keys_mostly_agree_with_the_harmonised_ones(tunes):
    assert np.mean([estimate_key(t.notes) == (t.tonic, t.mode) for t in tunes.tunes]) > 0.8


def test_a_key_of_almost_nothing():
    assert estimate_key([[62, 1]])[0] == 2
    assert estimate_key([[p, 1] for p in range(60, 72)]) == (11, "major")
    with pytest.raises(ParameterError, match="at least one row"):
        estimate_key([[-1, 4]])


# tables of one's own


def test_a_table_of_ones_own(tmp_path):
    found = datasets.load_tunes(
        write(tmp_path / "mine.json", {"notes": SCALE}, {"notes": SCALE, "title": "Scale", "mode": "minor", "split": "test"})
    )
    assert (found.name, found.source, len(found), found.labels) == ("mine", "file", 2, ("major", "minor"))
    assert (found.tunes[0].title, found.tunes[0].key, found.tunes[0].phrase_ends.tolist()) == ("tune 1", "C major", [7])
    assert found.describe() == "mine: 2 tunes, 1 in major and 1 in minor (file)"
    assert len(found.split("test")) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "must have notes"),
        ("tune", "must have notes"),
        ({"notes": []}, "dimension"),
        ({"notes": [[60, 4, 1]]}, "two whole numbers"),
        ({"notes": [[60.5, 4]]}, "two whole numbers"),
        ({"notes": [["a", 4]]}, "numbers"),
        ({"notes": [[60, 0]]}, "lengths from 1"),
        ({"notes": [[128, 4]]}, "pitches from 0 to 127"),
        ({"notes": [[-1, 4]]}, "not only rests"),
        ({"notes": [[60, 1e300]]}, "must be <= 1e.09"),
        ({"notes": SCALE, "tonic": 12}, "tonic must be <= 11"),
        ({"notes": SCALE, "mode": "dorian"}, "mode must be one of"),
        ({"notes": SCALE, "mode": ["major"]}, "mode must be one of"),
        ({"notes": SCALE, "phrase_ends": [8]}, "phrase_ends must be <= 7"),
        ({"notes": SCALE, "phrase_ends": 3}, "sound fields"),
        ({"notes": SCALE, "time": "4"}, "time signature"),
        ({"notes": SCALE, "time": "4/0"}, "time signature"),
        ({"notes": SCALE, "title": ""}, "title must be a text"),
        ({"notes": SCALE, "split": "valid"}, "split must be one of"),
        ({"notes": SCALE, "pickup": -1}, "pickup must be >= 0"),
    ],
)
def test_damaged_tables(tmp_path, entry, message):
    with pytest.raises(DataError, match=message):
        datasets.load_tunes(write(tmp_path / "x.json", entry))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"tunes": []}', '{"tunes": 3}', '{"notes": [[60, 4]]}', "[" * 100_000])
def test_files_that_are_no_table(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json"):
        datasets.load_tunes(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.load_tunes("nothing"), "one of chorales, jsb, or an existing JSON file"),
        (lambda: datasets.load_tunes(3), "file"),
        (lambda: datasets.load_tunes("digits"), r"set of tunes \(chorales, jsb\)"),
        (lambda: datasets.load_tunes("chorales", split="valid"), "split must be one of"),
        (lambda: datasets.load("chorales"), r"holds notes: datasets.load_tunes\('chorales'\)"),
    ],
)
def test_wrong_doors(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_a_damaged_bundle(monkeypatch, tmp_path):
    from audiogen_helpers.datasets import places

    (tmp_path / "scores").mkdir()
    monkeypatch.setattr(places, "bundled_dir", lambda: tmp_path)
    with pytest.raises(DataError, match="restore data/scores"):
        datasets.load_tunes("chorales")
    (tmp_path / "scores" / "chorales.json").write_bytes(bytes(datasets.info("chorales").bytes))
    with pytest.raises(DataError, match=r"sha256 .* restore data/scores"):
        datasets.load_tunes("chorales")


# the command line and the public set


def test_the_command_line_shows_notes_as_notes(capsys):
    assert main(["data", "list"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "chorales" in line and "bundled" in line][:1]
    assert "notes" in line
    assert "339" in line
    assert main(["data", "info", "jsb"]) == 0
    assert json.loads(capsys.readouterr().out)["media"] == "notes"


def test_jsb_is_not_here(home):
    with pytest.raises(DataError, match="audiogen data fetch jsb"):
        datasets.load_tunes("jsb")
    assert datasets.fetch("chorales") == bundled_dir() / "scores"


class Serves(BaseHTTPRequestHandler):
    body = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """A function that serves bytes and returns their address."""
    servers = []

    def start(body):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Serves,), {"body": body}))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/jsb.json"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def small_jsb(monkeypatch, data):
    from dataclasses import replace

    from audiogen_helpers.datasets import cards
    from audiogen_helpers.registry import Registry

    card = replace(datasets.info("jsb"), count=3, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(cards, "DATASETS", Registry("dataset", card, cards.DATASETS["chorales"]))


def grid(*soprano):
    return [[pitch, 60, 55, 48] for pitch, length in soprano for _ in range(length)]


def test_a_grid_is_fetched_checked_and_read(home, serve, monkeypatch):
    piece = grid((-1, 2), *[(p, n) for p, n in SCALE], (-1, 4))
    data = json.dumps({"train": [piece], "valid": [grid((60, 2), (60, 2), (62, 4))], "test": [piece]}).encode()
    small_jsb(monkeypatch, data)
    with pytest.raises(DataError, match="must have the sha256"):
        datasets.fetch("jsb", url=serve(data[:-2] + b" }"), progress=False)
    assert [p.name for p in home.rglob("*")] == ["jsb"]
    folder = datasets.fetch("jsb", url=serve(data), progress=False)
    assert [p.relative_to(home).as_posix() for p in sorted(home.rglob("*"))] == ["jsb", "jsb/Jsb16thSeparated.json"]
    assert datasets.locate("jsb") == folder
    found = datasets.load_tunes("jsb")
    assert [t.split for t in found.tunes] == ["train", "train", "test"]
    assert found.tunes[0].notes.tolist() == SCALE  # no rests at the ends
    assert found.tunes[1].notes.tolist() == [[60, 4], [62, 4]]  # a repeated pitch looks like a held one
    (folder / "Jsb16thSeparated.json").write_bytes(bytes(len(data)))
    with pytest.raises(DataError, match="fetch jsb --force"):
        datasets.load_tunes("jsb")
    datasets.fetch("jsb", url=serve(data), progress=False, force=True)
    assert len(datasets.load_tunes("jsb")) == 3


@pytest.mark.parametrize("train", [None, 1, [[]], [[[]]], [[[-1]]], [[["a"]]], [[60]]])
def test_a_grid_that_is_none(home, monkeypatch, train):
    data = json.dumps({"train": train, "valid": [], "test": []} if train else []).encode()
    small_jsb(monkeypatch, data)
    (home / "jsb").mkdir(parents=True)
    (home / "jsb" / "Jsb16thSeparated.json").write_bytes(data)
    with pytest.raises(DataError, match="grid of chorales"):
        datasets.load_tunes("jsb")


@pytest.mark.corpus
def test_the_real_jsb(corpora):
    found = datasets.load_tunes("jsb")
    assert len(found) == found.card.count
    assert found.content_hash() == found.card.content_sha256
    assert Counter(t.split for t in found.tunes) == {"train": 305, "test": 77}
    assert np.mean([t.notes[-1, 0] % 12 == t.tonic for t in found.tunes]) > 0.9
    assert isinstance(corpora, Path)
