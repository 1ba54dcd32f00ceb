"""Every registered model, through the functions and the command, with data, requests, folders and disks that are not as they should be."""

import errno
import json
import os
import re
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from audiogen_helpers import _files, audio, datasets, workflow
from audiogen_helpers.cli import main
from audiogen_helpers.deep import trainer
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.recogniser import RecogniserTraining
from audiogen_helpers.errors import DataError, ModelError, ParameterError
from audiogen_helpers.workflow.models import MODELS, makes

SR = 8000
SMALLEST = {**runpy.run_path(str(Path(__file__).with_name("test_models.py")))["SMALL"], "states": 2, "chains": 1}
every_model = pytest.mark.parametrize("name", sorted(MODELS))
models_of_clips = pytest.mark.parametrize("name", [name for name in sorted(MODELS) if makes(name) != "notes"])


@pytest.fixture(scope="module", autouse=True)
def uncompiled():
    """A few steps of a small network take less time than compiling one."""
    tf = tensorflow()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def smallest(name):
    return {p.name: SMALLEST[p.name] for p in MODELS[name].parameters if p.name in SMALLEST}


def options(name):
    return [word for key, value in smallest(name).items() for word in ("--set", f"{key}={value}")]


def hum(length, f0, sr=SR):
    t = np.arange(length) / sr
    return (0.2 * sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 6)) * np.hanning(length + 2)[1:-1] ** 0.3).astype(np.float32)


def write_tunes(path, n, *, mode="major"):
    third = 64 if mode == "major" else 63
    tunes = [{"notes": [[60, 4], [third, 4], [67, 2 + i], [60, 4]], "tonic": 0, "mode": mode} for i in range(n)]
    path.write_text(json.dumps({"tunes": tunes}), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """For models of clips and for models of notes: odd ones, one alone, none, and one label of two."""
    home = tmp_path_factory.mktemp("material")
    for i, (length, sr) in enumerate([(2400, 8000), (1600, 8000), (4800, 16000), (1, 8000), (100, 8000), (2000, 8000)]):
        audio.write(home / "odd" / f"{i}.wav", hum(length, 200.0 + 20 * i, sr), sr=sr)
    audio.write(home / "alone" / "hum" / "0.wav", hum(1600, 200.0), sr=SR)
    for i in range(3):
        audio.write(home / "two" / "hum" / f"{i}.wav", hum(1600 + 100 * i, 150.0 + 20 * i), sr=SR)
        audio.write(home / "two" / "buzz" / f"{i}.wav", hum(1600 + 100 * i, 90.0 + 5 * i), sr=SR)
    (home / "none" / "hum").mkdir(parents=True)
    clips = SimpleNamespace(odd=home / "odd", alone=home / "alone", none=home / "none", two=home / "two")
    clips.label, clips.one = "hum", datasets.load(clips.two).select(label="hum")
    notes = SimpleNamespace(odd=write_tunes(home / "odd.json", 3), alone=write_tunes(home / "alone.json", 1))
    notes.none = home / "none.json"
    notes.none.write_text('{"tunes": []}', encoding="utf-8")
    notes.label, notes.one = "minor", datasets.load_tunes(write_tunes(home / "minor.json", 3, mode="minor"))
    return {"mel": clips, "waveforms": clips, "notes": notes}


@pytest.fixture(scope="module")
def trained(material, tmp_path_factory):
    """Each model, trained for three steps on one label; only when asked for."""
    home, made = tmp_path_factory.mktemp("trained"), {}

    def get(name):
        if name not in made:
            workflow.train(name, data=material[makes(name)].one, out=home / name, steps=3, progress=False, **smallest(name))
            made[name] = home / name
        return made[name]

    return get


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(capsys, *words):
    """The one line that the command says, where it refuses."""
    capsys.readouterr()
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith("audiogen: ")
    return said[0]


# --- data


@models_of_clips
def test_clips_without_labels_of_any_length_and_rate_make_a_model_without_labels(name, material, tmp_path, capsys):
    odd = material[makes(name)].odd
    assert main(["train", name, "--data", str(odd), "--out", str(tmp_path / "m"), "--steps", "2", *options(name)]) == 0
    assert main(["sample", str(tmp_path / "m"), "-n", "2", "-o", str(tmp_path / "out")]) == 0
    assert sorted(os.listdir(tmp_path / "out")) == ["sample_000.wav", "sample_001.wav"]
    assert main(["evaluate", str(tmp_path / "out"), str(odd)]) == 0
    report = capsys.readouterr().out
    assert "Not measured: recognition rate, inception score, frechet distance: the reference has no labels" in report
    Y, labels = workflow.load(tmp_path / "m").sample(2)
    assert labels == ["", ""]
    assert np.isfinite(Y).all()
    said = refused(capsys, "sample", tmp_path / "m", "--label", "7", "-o", tmp_path / "more")
    assert "label must be one of none (the model has no labels); received '7'" in said
    assert not (tmp_path / "more").exists()


@every_model
def test_one_clip_or_none_is_refused_and_nothing_is_written(name, material, tmp_path, capsys):
    data, out = material[makes(name)], tmp_path / "m"
    thing = "tune" if makes(name) == "notes" else "clip"
    for source, rule in (
        (data.alone, f"data must have at least 2 {thing}s.*received alone: 1 {thing}"),
        (data.none, "data must (hold at least one clip|be a JSON file with a list 'tunes'); received .*none"),
    ):
        with pytest.raises(DataError, match=rule):
            workflow.train(name, data=source, out=out, steps=1, progress=False)
        assert re.search(rule, refused(capsys, "train", name, "--data", source, "--out", out, "--steps", 1))
    assert not out.exists()


@every_model
def test_a_budget_that_allows_no_step_is_refused_and_nothing_is_written(name, material, tmp_path, capsys):
    with pytest.raises(ParameterError, match=r"minutes must leave time to train after .* s of preparing the data; received 1e-07"):
        workflow.train(name, data=material[makes(name)].odd, out=tmp_path / "m", minutes=1e-7)
    assert "minutes must" in refused(capsys, "train", name, "--data", material[makes(name)].odd, "--out", tmp_path / "m", "--minutes", 1e-7)
    assert not (tmp_path / "m").exists()


@every_model
def test_one_label_is_learned_and_those_without_a_clip_cannot_be_asked_for(name, material, trained, tmp_path, capsys):
    model, one = workflow.load(trained(name)), material[makes(name)]
    assert len(one.one.label_names) == 2  # of the set, not of the part that was learned
    wanted = [one.label] if MODELS[name].extra["labels"] else [""]
    assert list(model.labels or [""]) == wanted
    assert model.sample(2, seed=1)[1] == 2 * wanted
    said = refused(capsys, "sample", trained(name), "--label", one.one.label_names[0], "-o", tmp_path / "out")
    assert "label must be one of " in said
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A thousand labels, a clip of 12 ms each."""
    home = tmp_path_factory.mktemp("crowd")
    for i in range(1000):
        audio.write(home / f"{i:04d}" / "0.wav", hum(100, 150.0 + i / 4), sr=SR)
    return datasets.load(home)


@models_of_clips
def test_a_thousand_labels_can_all_be_asked_for(name, crowd, tmp_path):
    workflow.train(name, data=crowd, out=tmp_path / "m", steps=1, duration=0.02, progress=False, **smallest(name))
    model = workflow.load(tmp_path / "m")
    if MODELS[name].extra["labels"]:
        assert model.labels == crowd.label_names
        assert model.sample(1, label="0999", seed=0)[1] == ["0999"]
        with pytest.raises(ParameterError, match=r"label must be one of 0000, .*received 'x'"):
            model.sample(1, label="x")
    assert np.isfinite(model.sample(3)[0]).all()


def test_a_thousand_labels_can_be_judged(crowd, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(RecogniserTraining, "default_steps", 1)
    for label in ("0007", "0999"):
        audio.write(tmp_path / "out" / f"{label}_000.wav", hum(200, 150.0), sr=SR)
    assert main(["evaluate", str(tmp_path / "out"), str(crowd.root), "--json"]) == 0


def test_clips_of_an_unknown_label_are_refused_before_a_recogniser_is_trained(material, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("audiogen_helpers.evaluation.ears.train_on", lambda *_, **__: pytest.fail("it took a minute to refuse"))
    audio.write(tmp_path / "out" / "bark_000.wav", hum(1600, 300.0), sr=SR)
    said = refused(capsys, "evaluate", tmp_path / "out", material["mel"].two)
    assert "generated must have labels that the reference knows (buzz, hum); received 'bark'" in said


# --- folders


@every_model
def test_folders_of_an_older_layout_of_another_model_or_cut_short_are_refused(name, trained, tmp_path, capsys):
    folder = tmp_path / "m"
    shutil.copytree(trained(name), folder)
    settings, weights = json.loads((folder / "settings.json").read_text(encoding="utf-8")), (folder / "weights.npz").read_bytes()
    other = next(m for m in MODELS if m != name and MODELS[m].target != MODELS[name].target)

    def refuses(match):
        with pytest.raises(ModelError, match=match):
            workflow.load(folder)
        assert "must" in refused(capsys, "sample", folder, "-o", tmp_path / "out")

    (folder / "settings.json").write_text(json.dumps({**settings, "format": 0}), encoding="utf-8")
    refuses(r"format 1; received .* with format 0")
    for change in ({"model": other}, {"model": "wavenet"}, {"settings": {**settings["settings"], "colour": 1}}):
        (folder / "settings.json").write_text(json.dumps({**settings, **change}), encoding="utf-8")
        refuses("must")
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    for part in (weights[: len(weights) // 2], weights[:-1], b""):
        (folder / "weights.npz").write_bytes(part)
        refuses("weights must be a readable")
    (folder / "weights.npz").write_bytes((trained(other) / "weights.npz").read_bytes())
    refuses("must")
    (folder / "weights.npz").unlink()
    refuses("has not ended")
    assert not (tmp_path / "out").exists()


# --- disks


@pytest.fixture
def full_disk(monkeypatch):
    """``full_disk(number, suffix)``: the file of that number (from 0, of this suffix) finds the disk full, half of it written."""
    real, written = _files._sync, []

    def set_up(number, suffix=""):
        written.clear()

        def sync(path):
            written.extend([path.name] * path.name.endswith(suffix))
            if len(written) > number:
                os.truncate(path, path.stat().st_size // 2)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            real(path)

        monkeypatch.setattr(_files, "_sync", sync)
        return written

    return set_up


@every_model
def test_a_disk_that_fills_up_loses_nothing_and_a_resumed_run_is_the_same_model(name, material, trained, tmp_path, full_disk, monkeypatch):
    expected = (trained(name) / "weights.npz").read_bytes()
    run = {"data": material[makes(name)].one, "out": tmp_path / "m", "steps": 3, "progress": False, **smallest(name)}
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)  # a checkpoint after each step
    for number, kept in (
        (2, [1, 2]),
        (1, [2, 3]),
    ):  # the third checkpoint; of the resumed run, which begins with that one, the model itself
        full_disk(number, ".npz")
        with pytest.raises(DataError, match=r"must be writable; received .*No space left"):
            workflow.train(name, resume=kept == [2, 3], **run)
        files = contents(tmp_path / "m")
        assert [file for file in files if file.endswith(".npz")] == [f"checkpoint/step_{k:09d}.npz" for k in kept]
        assert not [file for file in files if ".part-" in file]
        with pytest.raises(ModelError, match="has not ended"):
            workflow.load(tmp_path / "m")
    full_disk(10**9)
    workflow.train(name, resume=True, **run)
    assert (tmp_path / "m" / "weights.npz").read_bytes() == expected


def test_the_command_says_that_the_disk_is_full_and_goes_on_but_not_from_a_checkpoint_of_an_older_layout(
    material, tmp_path, full_disk, monkeypatch, capsys
):
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    out = tmp_path / "m"
    command = ["train", "gmm", "--data", material["mel"].two, "--out", out, "--steps", 3, *options("gmm")]
    full_disk(2, ".npz")
    assert "No space left on device" in refused(capsys, *command)
    full_disk(10**9)
    plan = (out / "checkpoint" / "run.json").read_text(encoding="utf-8")
    (out / "checkpoint" / "run.json").write_text(json.dumps({**json.loads(plan), "format": 0}), encoding="utf-8")
    before = contents(out)
    assert "resume needs the same run" in refused(capsys, *command, "--resume")
    assert contents(out) == before
    (out / "checkpoint" / "run.json").write_text(plan, encoding="utf-8")
    assert main([*map(str, command), "--resume"]) == 0
    assert workflow.load(out).labels == ("buzz", "hum")


def test_whichever_file_finds_the_disk_full_the_run_can_go_on(material, tmp_path, full_disk, monkeypatch):
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    run = {"data": material["mel"].two, "steps": 2, "progress": False, **smallest("gmm")}
    written = full_disk(10**9)
    workflow.train("gmm", out=tmp_path / "whole", **run)
    files = len(written)
    assert files >= 8
    for number in range(files):
        out = tmp_path / str(number)
        full_disk(number)
        with pytest.raises(DataError, match="No space left"):
            workflow.train("gmm", out=out, **run)
        full_disk(10**9)
        workflow.train("gmm", out=out, resume=True, **run)
        assert (out / "weights.npz").read_bytes() == (tmp_path / "whole" / "weights.npz").read_bytes()


def test_a_disk_that_fills_up_while_clips_are_written_keeps_those_that_are_whole(trained, tmp_path, full_disk):
    full_disk(2)
    with pytest.raises(DataError, match=r"path must be writable.*No space left"):
        workflow.sample_to_folder(trained("gmm"), tmp_path / "out", n=4)
    assert sorted(os.listdir(tmp_path / "out")) == ["hum_000.wav", "hum_001.wav"]
