"""From generated clips and a reference to a report: what goes in, what comes out, and what is refused."""

import json
import os
import stat

import numpy as np
import pytest

from audiogen_helpers import audio, datasets, evaluation
from audiogen_helpers.deep.recogniser import RecogniserTraining
from audiogen_helpers.errors import AudioGenError, DataError, ParameterError
from audiogen_helpers.evaluation import ears, evaluate, recogniser_for
from audiogen_helpers.evaluation.clips import gather

SR = 8000
NAMES = ("high", "low", "noise")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def sound(kind, rng, length=2400):
    t = np.arange(length) / SR
    f0 = {"high": rng.uniform(1500, 2500), "low": rng.uniform(200, 400)}.get(kind)
    y = rng.uniform(-1, 1, length) if f0 is None else np.sin(2 * np.pi * f0 * t * (1 + rng.uniform(-0.2, 0.2) * t))
    return rng.uniform(0.2, 0.6) * y * np.hanning(length) ** rng.uniform(0.2, 2.0)


def write(folder, names, seed, sr=SR):
    rng = np.random.default_rng(seed)
    for name in names:
        kind = next((k for k in NAMES if k in str(name)), "noise")
        audio.write(folder / name, audio.resample(sound(kind, rng), sr=SR, to_sr=sr), sr=sr)
    return folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    return write(tmp_path_factory.mktemp("real"), [f"{kind}/{i}.wav" for kind in NAMES for i in range(20)], seed=0)


@pytest.fixture(scope="module")
def judge(reference):
    return ears.train_on(datasets.load(reference), steps=50)


@pytest.fixture
def good(tmp_path):
    return write(tmp_path / "out", [f"{kind}_{i:03d}.wav" for kind in NAMES for i in range(5)], seed=1)


@pytest.fixture
def fsdd_ears():
    return recogniser_for("fsdd")


# The report


def test_good_clips_read_well(good, reference, judge):
    report = evaluate(good, reference, recogniser=judge)
    assert report.n == 15
    assert report.recognition.rate == 1.0
    assert report.recognition.low < 1.0 == report.recognition.high
    assert set(report.recognition.per_label) == set(NAMES)
    assert report.inception_score > 1.5  # few clips were held back, so it is careful
    assert report.copies.share == 0.0
    assert report.diversity.ratio > 0.5
    assert report.frechet_distance >= 0.0
    assert report.real.n == 6
    assert report.real.recognition_rate == judge.card["test"]["accuracy"]
    assert report.real.inception_score == pytest.approx(judge.card["test"]["inception_score"], abs=1e-3)
    assert report.real.copies == 0.0
    assert report.real.diversity.ratio > 0.5
    assert report.real.quality.silent == 0.0
    assert not report.reasons
    assert report.quality.silent == 0.0


def test_the_training_clips_themselves_are_copies(reference, judge):
    train = datasets.load(reference, split="train")
    report = evaluate(train, reference, recogniser=judge)
    assert report.copies.share == 1.0
    assert report.copied[0][0] == report.copied[0][1]
    assert report.copied[0][2] == 0.0
    assert report.copies.ratio == 0.0
    assert report.diversity.ratio == pytest.approx(1.0)


def test_a_collapsed_generator_reads_zero_diversity(reference, judge):
    rng = np.random.default_rng(5)
    one = {kind: sound(kind, rng) for kind in NAMES}
    labels = [kind for kind in NAMES for _ in range(6)]
    report = evaluate((np.stack([one[label] for label in labels]), labels), reference, sr=SR, recogniser=judge)
    assert report.diversity.ratio == report.diversity.distinct == 0.0
    assert report.recognition.rate == 1.0


def test_the_wrong_labels_are_not_recognised(good, reference, judge):
    clips = gather(good, label_names=NAMES)
    wrong = [NAMES[(NAMES.index(label) + 1) % 3] for label in clips.labels]
    report = evaluate((np.stack(clips.waveforms), wrong), reference, sr=SR, recogniser=judge)
    assert report.recognition.rate == 0.0
    assert report.inception_score > 1.5  # few clips were held back, so it is careful
    assert np.trace(report.recognition.confusion) == 0


def test_the_report_is_json_text_and_html(good, reference, judge):
    report = evaluate(good, reference, recogniser=judge)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["recognition_rate"] == 1.0
    assert data["recognition_interval"][1] == 1.0
    assert data["per_label"]["low"] == {"n": 5, "rate": 1.0}
    assert np.trace(data["confusion"]["counts"]) == 15
    assert data["real"]["n"] == 6
    assert data["copies"]["share"] == 0.0
    text = str(report)
    assert "recognised" in text
    assert "held-out real clips" in text
    assert "15 clips of 3 labels at 8000 Hz" in text
    assert max(len(line) for line in text.splitlines()) < 400
    page = report._repr_html_()
    assert page.count("<tr>") == len(report.rows()) + 1
    assert "<script" not in page


def test_html_escapes_names(good, reference, judge, tmp_path):
    nasty = tmp_path / "<b>x&y"
    os.rename(good, nasty)
    assert "<b>x" not in evaluate(nasty, reference, recogniser=judge)._repr_html_()


def test_the_same_seed_gives_the_same_report(good, reference, judge):
    first, second = (evaluate(good, reference, recogniser=judge, seed=3).to_dict() for _ in range(2))
    assert first == second


# What can be judged


def test_clips_without_labels_have_no_recognition_rate(tmp_path, reference, judge):
    folder = write(tmp_path / "free", [f"sample_{i:03d}.wav" for i in range(4)], seed=2)
    report = evaluate(folder, reference, recogniser=judge)
    assert report.recognition is None
    assert report.inception_score >= 1.0
    assert report.diversity is not None
    assert report.copies.share == 0.0
    assert "no labels" in report.reasons["recognition_rate"]
    assert "Not measured: recognition rate" in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def test_one_clip_has_no_inception_score(tmp_path, reference, judge):
    folder = write(tmp_path / "one", ["low_000.wav"], seed=2)
    report = evaluate(folder, reference, recogniser=judge)
    assert report.inception_score is report.diversity is report.frechet_distance is None
    assert set(report.reasons) == {"inception_score", "diversity", "frechet_distance"}
    assert report.recognition.rate == 1.0
    json.dumps(report.to_dict(), allow_nan=False)


def test_clips_of_another_rate_and_length_are_resampled_and_cut(tmp_path, reference, judge):
    folder = write(tmp_path / "wide", [f"{kind}_{i:03d}.wav" for kind in NAMES for i in range(3)], seed=1, sr=22050)
    audio.write(folder / "low_003.wav", np.concatenate([audio.read(folder / "low_000.wav")[0]] * 4), sr=22050)
    report = evaluate(folder, reference, recogniser=judge)
    assert report.recognition.rate >= 0.9
    assert "Clips were resampled from 22050 to 8000 Hz." in report.notes
    assert any("1 of 10" in note for note in report.notes)


def test_subfolders_and_stereo_files_are_read_too(tmp_path, reference, judge):
    folder = write(tmp_path / "sub", [f"{kind}/a{i}.flac" for kind in NAMES for i in range(2)], seed=1)
    audio.write(folder / "low" / "a9.wav", np.stack([sound("low", np.random.default_rng(0))] * 2), sr=SR)
    assert evaluate(folder, reference, recogniser=judge).recognition.rate == 1.0


def test_names_of_odd_labels_are_understood(tmp_path):
    folder = write(tmp_path / "odd", ["dog_bark_000.wav", "三_001.wav", "a_b_1000.wav"], seed=0)
    assert gather(folder, label_names=["a_b", "dog bark", "三"]).labels == ("a_b", "dog bark", "三")


def test_silence_and_faults_are_reported(reference, judge):
    Y = np.zeros((4, 2400))
    Y[1] = 1.0
    report = evaluate((Y, ["low"] * 4), reference, sr=SR, recogniser=judge)
    assert report.quality.silent == 0.75
    assert report.quality.clipped == 0.25
    assert report.quality.off_centre == 0.25
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_reference_without_labels_still_has_copies_and_diversity(tmp_path, good):
    real = write(tmp_path / "plain", [f"take {i}.wav" for i in range(12)], seed=8)
    report = evaluate(good, real)
    assert report.recognition is report.inception_score is None
    assert "no labels" in report.reasons["recognition_rate"]
    assert report.copies is not None
    assert report.diversity is not None


def test_without_the_corpus_the_shipped_ears_still_judge(monkeypatch, fsdd_ears):
    monkeypatch.delenv("AUDIOGEN_CORPORA", raising=False)
    Y, labels = datasets.load("digits", split="test").arrays(length=8064)
    report = evaluate((Y[::10], [str(i) for i in labels[::10]]), "fsdd", sr=8000)
    assert report.recognition.rate > 0.6
    assert report.real.recognition_rate == fsdd_ears.card["test"]["accuracy"]
    assert report.real.n == 300
    assert report.copies is report.diversity is None
    assert "audiogen data fetch fsdd" in report.reasons["copies"]


def test_other_ears_can_judge_bundled_data(fsdd_ears):
    data = datasets.load("digits", split="test")
    report = evaluate(data.subset(range(0, 200, 4)), "digits", recogniser=fsdd_ears)
    assert 0.5 < report.recognition.rate <= 1.0
    assert "trained on fsdd" in report.ears
    assert report.copies.share == 0.0
    assert report.real.n == 200


# What is refused


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "at least one clip"),
        ({"a.txt": b"text"}, "at least one clip"),
        ({"low_000.wav": b"no audio"}, "damaged"),
        ({"low_000.wav": b""}, "damaged"),
    ],
)
def test_empty_and_damaged_folders_are_refused(tmp_path, reference, judge, files, message):
    folder = tmp_path / "bad"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        evaluate(folder, reference, recogniser=judge)


def test_damaged_clips_are_left_out_if_asked(good, reference, judge):
    (good / "low_999.wav").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="low_999"):
        report = evaluate(good, reference, recogniser=judge, on_corrupt="skip")
    assert report.n == 15
    assert any("low_999" in note for note in report.notes)


def test_labels_that_the_reference_does_not_know_are_named(tmp_path, reference, judge):
    flat = write(tmp_path / "flat", ["rain_000.wav", "low_000.wav"], seed=0)
    with pytest.raises(DataError, match=r"high, low, noise.*'rain'"):
        evaluate(flat, reference, recogniser=judge)
    deep = write(tmp_path / "deep", ["rain/000.wav", "low/000.wav"], seed=0)
    with pytest.raises(DataError, match="'rain'"):
        evaluate(deep, reference, recogniser=judge)
    mixed = write(tmp_path / "mixed", ["low_000.wav", "something else.wav"], seed=0)
    with pytest.raises(DataError, match="something else"):
        evaluate(mixed, reference, recogniser=judge)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r, j: evaluate(np.zeros((2, 800)), r, recogniser=j), "sr must be given"),
        (lambda r, j: evaluate((np.zeros((2, 800)), ["low"]), r, sr=SR, recogniser=j), "one label per clip"),
        (lambda r, j: evaluate((np.zeros((2, 800)), ["low", "bird"]), r, sr=SR, recogniser=j), "bird"),
        (lambda r, j: evaluate(np.zeros((0, 800)), r, sr=SR, recogniser=j), "at least one clip"),
        (lambda r, j: evaluate(np.full((2, 800), np.nan), r, sr=SR, recogniser=j), "finite"),
        (lambda r, j: evaluate(r, r, sr=SR, recogniser=j), "sr must be given with arrays only"),
        (lambda r, j: evaluate("nowhere", r, recogniser=j), "nowhere"),
        (lambda r, j: evaluate(r, "nowhere", recogniser=j), "nowhere"),
        (lambda r, j: evaluate(r, r, recogniser="ears"), "recogniser must be a Recogniser"),
        (lambda r, j: evaluate(r, "digits", recogniser=j), "recogniser must know"),
        (lambda r, j: evaluate(r, r, recogniser=j, seed=-1), "seed"),
    ],
)
def test_bad_arguments_are_refused(reference, judge, call, message):
    with pytest.raises(AudioGenError, match=message):
        call(reference, judge)


# The ears


@pytest.fixture
def short_training(monkeypatch):
    monkeypatch.setattr(RecogniserTraining, "default_steps", 3)


def test_a_recogniser_is_trained_once_and_then_kept(reference, home, short_training, monkeypatch):
    first = recogniser_for(reference)
    folders = list((home / "recognisers").iterdir())
    assert [folder.name for folder in folders] == [first.card["kept"]]
    assert first.card["test"]["n"] == 6
    assert "54 clips of 3 labels" in first.card["trained_on"]
    monkeypatch.setattr(ears, "train_recogniser", lambda *a, **k: pytest.fail("trained again"))
    again = recogniser_for(reference)
    Y = np.random.default_rng(0).uniform(-1, 1, (3, first.length))
    np.testing.assert_array_equal(again.predict_proba(Y, sr=SR), first.predict_proba(Y, sr=SR))
    assert dict(again.card) == dict(first.card)


def test_other_clips_or_another_seed_are_another_recogniser(reference, tmp_path, home, short_training):
    recogniser_for(reference)
    recogniser_for(reference, seed=1)
    more = write(tmp_path / "more", [f"{kind}/{i}.wav" for kind in NAMES for i in range(20)], seed=0)
    recogniser_for(more)  # the same clips elsewhere
    assert len(list((home / "recognisers").iterdir())) == 2
    write(more, ["low/20.wav"], seed=9)
    recogniser_for(more)
    assert len(list((home / "recognisers").iterdir())) == 3


def test_a_damaged_recogniser_is_trained_again(reference, home, short_training):
    first = recogniser_for(reference)
    (home / "recognisers" / first.card["kept"] / "weights.npz").write_bytes(b"broken")
    assert recogniser_for(reference).card["kept"] == first.card["kept"]
    assert recogniser_for(reference).label_names == NAMES


def test_a_home_that_cannot_be_written_only_costs_time(reference, good, tmp_path, monkeypatch, short_training):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "file" / "home"))
    judge = recogniser_for(reference)
    assert judge.card["kept"].startswith("not kept")
    report = evaluate(good, reference)
    assert any("not kept" in note for note in report.notes)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home_only_costs_time(reference, home, short_training):
    home.mkdir(mode=stat.S_IREAD | stat.S_IEXEC)
    assert recogniser_for(reference).card["kept"].startswith("not kept")


def test_few_clips_per_label_are_enough(tmp_path, short_training):
    tiny = write(tmp_path / "tiny", [f"{kind}/{i}.wav" for kind in ("low", "high") for i in range(2)], seed=0)
    judge = recogniser_for(tiny)
    assert judge.label_names == ("high", "low")
    assert judge.card["test"]["n"] == 2


@pytest.mark.parametrize(("files", "message"), [(["a.wav", "b.wav"], "no labels"), (["low/a.wav", "low/b.wav"], "1 label")])
def test_without_two_labels_there_is_nothing_to_tell_apart(tmp_path, files, message):
    with pytest.raises(DataError, match=f"at least 2 labels.*{message}"):
        recogniser_for(write(tmp_path / "plain", files, seed=0))


def test_the_length_is_stated_and_fits_most_clips(tmp_path):
    folder = tmp_path / "long"
    for i, seconds in enumerate((0.2, 0.3, 7.0)):
        audio.write(folder / "a" / f"{i}.wav", np.zeros(int(seconds * 16000)) + 0.01, sr=16000)
    assert ears.default_length(datasets.load(folder), sr=16000) == 5 * 16000 + (-5 * 16000) % 256
    quick = datasets.load(folder).subset([0, 1])
    assert ears.default_length(quick, sr=16000) == pytest.approx(1.5 * 0.295 * 16000, abs=256)


def test_the_shipped_ears_serve_fsdd_by_name(fsdd_ears):
    assert fsdd_ears.card["kept"] == "recogniser-fsdd"
    assert ears.shipped_recogniser("digits") is None
    assert ears.shipped_recogniser("./fsdd") is None


# Real recordings


@pytest.mark.corpus
def test_real_test_clips_read_as_real(corpora):
    report = evaluate(datasets.load("fsdd", split="test"), "fsdd")
    assert report.recognition.rate == report.real.recognition_rate >= 0.98
    assert 8.5 < report.inception_score <= 10.0
    assert 0.9 < report.diversity.ratio < 1.1
    assert 0.9 < report.diversity.distinct < 1.1
    assert report.copies.share == 0.0
    assert report.copies.ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.corpus
def test_noise_reads_as_noise_and_training_clips_as_copies(corpora):
    rng = np.random.default_rng(0)
    noise = evaluate((0.1 * rng.standard_normal((100, 8064)), [str(i % 10) for i in range(100)]), "fsdd", sr=8000)
    assert noise.recognition.rate < 0.25
    assert noise.inception_score < 1.2
    assert noise.copies.share == 0.0
    train = datasets.load("fsdd", split="train")
    assert evaluate(train.subset(range(0, len(train), 90)), "fsdd").copies.share == 1.0


def test_the_public_names_are_all_there():
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
    assert issubclass(ParameterError, AudioGenError)
