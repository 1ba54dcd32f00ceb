"""The registry, the cards, finding and loading named sets, and what a Dataset can do."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from audiogen_helpers import audio, datasets
from audiogen_helpers.datasets import cards, places
from audiogen_helpers.datasets.content import content_digest
from audiogen_helpers.errors import DataError, ParameterError
from audiogen_helpers.registry import Registry


@pytest.fixture(autouse=True)
def clean(tmp_path, monkeypatch):
    monkeypatch.delenv("AUDIOGEN_CORPORA", raising=False)
    monkeypatch.delenv("AUDIOGEN_DATA", raising=False)
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture
def fake_fsdd(monkeypatch):
    """A function that makes files of the right names, with nothing in them; the card asks for 120 of them."""
    small = dataclasses.replace(datasets.info("fsdd"), count=120)
    monkeypatch.setattr(cards, "DATASETS", Registry("dataset", cards.DATASETS["digits"], small, cards.DATASETS["librosa-examples"]))
    names = [f"{digit}_{speaker}_{i}.wav" for digit in range(10) for speaker in ("ida", "zoe") for i in range(6)]

    def make(home, n=120):
        folder = home / "fsdd" / small.root
        folder.mkdir(parents=True)
        for name in names[:n]:
            (folder / name).touch()
        return folder

    return make


@pytest.mark.parametrize("name", list(datasets.DATASETS))
def test_every_card_is_complete(name):
    card = datasets.info(name)
    assert isinstance(card, datasets.Card)
    assert card.name == name
    assert card.kind in ("bundled", "public")
    for field in ("summary", "licence", "citation", "split"):
        assert getattr(card, field), field
    assert card.media in ("audio", "notes")
    assert (card.sr > 0) == (card.media == "audio")
    assert card.count > 0
    assert list(card.labels) == sorted(set(card.labels))
    assert callable(card.load())
    if card.kind == "public":
        assert card.url.startswith("https://")
    if card.archive:
        assert len(card.sha256) == len(card.content_sha256) == 64
        assert card.bytes > 0
    assert json.loads(json.dumps(card.to_dict()))["name"] == name
    assert "target" not in card.to_dict()


def test_listing_and_info_import_nothing_heavy():
    code = (
        "import sys; from audiogen_helpers import datasets\n"
        "[datasets.info(name).to_dict() for name in datasets.DATASETS]; datasets.is_present('fsdd'); datasets.load('digits').describe()\n"
        "print(*sys.modules)"
    )
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert "audiogen_helpers.datasets.cards" in loaded
    assert not loaded & {
        "tensorflow",
        "keras",
        "librosa",
        "matplotlib",
        "numba",
        "sklearn",
        "soundfile",
        "pooch",
        "requests",
        "rich",
        "IPython",
    }


@pytest.mark.parametrize("function", [datasets.info, datasets.locate, datasets.is_present, datasets.best])
@pytest.mark.parametrize("name", ["fssd", "", None, 3, ["digits"]])
def test_unknown_names(function, name):
    with pytest.raises(ParameterError, match="dataset must be one of digits, fsdd, librosa-examples"):
        function(name)


def test_the_order_of_places(tmp_path, monkeypatch, fake_fsdd):
    assert datasets.locate("fsdd") is None
    corpora = fake_fsdd(tmp_path / "corpora")
    monkeypatch.setenv("AUDIOGEN_CORPORA", str(tmp_path / "corpora"))
    assert datasets.locate("fsdd") == corpora
    own = fake_fsdd(tmp_path / "home", n=119)
    assert datasets.locate("fsdd") == corpora, "an incomplete set does not count"
    (own / "9_zoe_5.wav").touch()
    assert datasets.locate("fsdd") == own
    assert datasets.locate("digits").name == "digits"


def test_litter_of_other_systems_does_not_count(tmp_path, fake_fsdd):
    folder = fake_fsdd(tmp_path / "home")
    (folder / "._0_ann_0.wav").touch()
    (folder / "notes.txt").touch()
    assert datasets.is_present("fsdd")
    assert len(datasets.load("fsdd")) == 120


def test_fsdd_labels_speakers_and_official_split(tmp_path, fake_fsdd):
    fake_fsdd(tmp_path / "home")
    found = datasets.load("fsdd")
    i = found.names.index("7_ida_4.wav")
    assert (found.labels[i], found.groups[i], found.splits[i]) == ("7", "ida", "test")
    i = found.names.index("7_ida_5.wav")
    assert found.splits[i] == "train"
    assert len(datasets.load("fsdd", split="test")) == 100
    assert len(found.split("train")) == 20
    assert {name.rsplit("_", 1)[1] for name in found.split("test").names} == {f"{i}.wav" for i in range(5)}
    assert found.label_names == tuple("0123456789")


def test_a_strange_name_among_the_clips_is_an_error(tmp_path, fake_fsdd):
    folder = fake_fsdd(tmp_path / "home")
    (folder / "7_ida_4.wav").rename(folder / "seven.wav")
    with pytest.raises(DataError, match="120 clips named digit_speaker_index; received 119"):
        datasets.load("fsdd")


def test_best_takes_the_first_that_is_present(tmp_path, monkeypatch, fake_fsdd):
    assert datasets.best("fsdd", "digits") == "digits"
    with pytest.raises(DataError, match="`audiogen data fetch fsdd`"):
        datasets.best("fsdd")
    fake_fsdd(tmp_path / "home")
    assert datasets.best("fsdd", "digits") == "fsdd"
    assert datasets.best("digits", "fsdd") == "digits"
    monkeypatch.setenv("AUDIOGEN_DATA", "bundled")
    assert datasets.best("fsdd", "digits") == "digits"
    assert datasets.is_present("fsdd"), "only the choice is forced, not what one may ask for by name"
    with pytest.raises(DataError, match="AUDIOGEN_DATA=bundled"):
        datasets.best("fsdd")
    monkeypatch.setenv("AUDIOGEN_DATA", "everything")
    with pytest.raises(ParameterError, match="AUDIOGEN_DATA must be 'bundled' or unset; received 'everything'"):
        datasets.best("digits")
    monkeypatch.delenv("AUDIOGEN_DATA")
    with pytest.raises(ParameterError, match="names must hold at least one"):
        datasets.best()


def test_absent_sets_say_how_to_get_them(monkeypatch, tmp_path):
    for name in ("fsdd", "librosa-examples"):
        with pytest.raises(DataError, match=f"audiogen data fetch {name}"):
            datasets.load(name)
    monkeypatch.setattr(places, "bundled_dir", lambda: tmp_path)
    with pytest.raises(DataError, match="restore its folder data/digits"):
        datasets.load("digits")


def test_a_damaged_card_of_the_bundled_set(monkeypatch, tmp_path, digits):
    (tmp_path / "digits").mkdir()
    for path in digits.paths:
        (tmp_path / "digits" / path.name).touch()
    monkeypatch.setattr(places, "bundled_dir", lambda: tmp_path)
    for text in (None, "{", "[]", '{"split": 3}'):
        if text is not None:
            (tmp_path / "digits" / "card.json").write_text(text)
        with pytest.raises(DataError, match=r"sound card\.json"):
            datasets.load("digits")


def test_a_part_keeps_the_numbers_of_the_labels(digits):
    sevens = digits.select(label="7")
    assert sevens.label_names == digits.label_names
    assert set(sevens.label_indices.tolist()) == {7}
    assert sevens.label_indices.dtype == np.int64
    assert set(sevens.labels) == {"7"}
    voice = digits.select(group="slt")
    assert (len(voice), set(voice.groups)) == (50, {"slt"})
    assert len(digits.select(label="7", group="slt")) == 5
    assert len(digits.select()) == 1000
    for wrong in ({"label": "10"}, {"label": 7}, {"group": "nobody"}):
        with pytest.raises(ParameterError, match="must be one of"):
            digits.select(**wrong)


def test_subset_is_ordered_and_may_repeat(digits):
    part = digits.subset([3, -1, 3])
    assert part.names == (digits.names[3], digits.names[-1], digits.names[3])
    assert len(digits.subset([])) == 0
    assert digits.subset([]).arrays(length=5)[0].shape == (0, 5)
    for wrong in ([1000], [-1001], [0.5], ["0"]):
        with pytest.raises(ParameterError, match="indices"):
            digits.subset(wrong)


def test_arrays_are_the_clips_cut_and_padded(digits):
    part = digits.select(group="rms").subset(range(0, 50, 10))
    lengths = [len(part.clip(i)[0]) for i in range(len(part))]
    length = sorted(lengths)[2]
    Y, labels = part.arrays(length=length)
    assert Y.dtype == np.float32
    assert Y.shape == (5, length)
    assert labels.tolist() == part.label_indices.tolist()
    for row, i in zip(Y, range(5), strict=True):
        y = part.clip(i)[0]
        np.testing.assert_array_equal(row[: len(y)], y[:length])
        assert not row[len(y) :].any()
    twice, _ = part.arrays(length=2 * length, sr=16000)
    for row, y in zip(twice, Y, strict=True):
        np.testing.assert_allclose(row[:-100], audio.resample(y, sr=8000, to_sr=16000)[:-100], atol=0.01)  # but for the cut


@pytest.mark.parametrize("argument", [{"length": 0}, {"length": 1.5}, {"length": -3}, {"length": 10, "sr": 0}, {"length": None}])
def test_arrays_checks_its_arguments(digits, argument):
    with pytest.raises(ParameterError, match=r"length|sr"):
        digits.subset([0]).arrays(**argument)


def test_clip_numbers(digits):
    np.testing.assert_array_equal(digits.clip(-1)[0], digits.clip(999)[0])
    for wrong in (1000, -1001, 0.5, None):
        with pytest.raises(ParameterError, match="i must be"):
            digits.clip(wrong)


def test_a_dataset_does_not_change_and_prints_on_one_line(digits):
    with pytest.raises(dataclasses.FrozenInstanceError):
        digits.sr = 1
    assert repr(digits) == f"<Dataset {digits.describe()}>"
    assert len(repr(digits)) < 120
    assert datasets.load(digits) is digits
    assert datasets.load(digits, split="test").names == digits.split("test").names
    with pytest.raises(ParameterError, match="one item per clip"):
        dataclasses.replace(digits, labels=("0",))


def test_content_hash_knows_names_and_bytes_only(tmp_path, digits):
    for folder in ("one", "two"):
        for i, name in enumerate(("x/a.wav", "y/b.wav")):
            audio.write(tmp_path / folder / name, np.full(50, i / 4), sr=8000)
    one, two = datasets.load(tmp_path / "one"), datasets.load(tmp_path / "two")
    assert one.content_hash() == two.content_hash() == one.subset([1, 0]).content_hash()
    assert one.content_hash() != one.subset([0]).content_hash()
    (tmp_path / "two" / "y" / "b.wav").rename(tmp_path / "two" / "y" / "c.wav")
    assert datasets.load(tmp_path / "two").content_hash() != one.content_hash()
    before = one.content_hash()
    audio.write(tmp_path / "one" / "y" / "b.wav", np.full(50, 0.1), sr=8000)
    assert one.content_hash() != before


def test_content_digest_is_the_documented_recipe(tmp_path):
    import hashlib

    (tmp_path / "b").write_bytes(b"two")
    (tmp_path / "a").write_bytes(b"one")
    lines = "".join(f"{name}\0{hashlib.sha256(data).hexdigest()}\n" for name, data in (("a", b"one"), ("b", b"two")))
    assert content_digest([("b", tmp_path / "b"), ("a", tmp_path / "a")]) == hashlib.sha256(lines.encode()).hexdigest()


def test_librosa_examples_are_labelled_by_their_keys(tmp_path):
    folder = tmp_path / "home" / "librosa-examples"
    for key in ("trumpet", "robin"):
        audio.write(folder / f"{cards.LIBROSA_FILES[key]}.ogg", np.zeros(2205), sr=22050)
    (folder / "other.ogg").touch()
    found = datasets.load("librosa-examples")
    assert (found.labels, found.sr, set(found.splits)) == (("robin", "trumpet"), 22050, {"train"})
    assert found.clip(0)[1] == 22050
    with pytest.raises(DataError, match="split must have clips"):
        found.split("test")


@pytest.mark.corpus
def test_the_real_digits(corpora, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_CORPORA", str(corpora))
    found = datasets.load("fsdd")
    assert found.content_hash() == found.card.content_sha256
    assert sorted(set(found.groups)) == ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
    assert (len(found.split("train")), len(found.split("test"))) == (2700, 300)
    Y, labels = found.arrays(length=8064)
    assert Y.shape == (3000, 8064)
    assert np.bincount(labels).tolist() == [300] * 10
    assert np.isfinite(Y).all()
    assert (np.abs(Y).max(axis=1) > 0.01).all()


@pytest.mark.corpus
def test_the_keys_of_librosa(corpora):
    librosa_files = pytest.importorskip("librosa.util.files")
    keys = {key: value["path"] for key, value in vars(librosa_files)["__TRACKMAP"].items()}
    assert dict(cards.LIBROSA_FILES) == keys
