"""From clips to clips: training into a folder, loading it, sampling it, and everything that can be wrong with any of them."""

import importlib
import json
import os
import shutil

import numpy as np
import pytest

from audiogen_helpers import audio, datasets, workflow
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.errors import AudioGenError, DataError, ModelError, ParameterError
from audiogen_helpers.spectral import MelSpec
from audiogen_helpers.workflow.features import default_length, features, streamed_features
from audiogen_helpers.workflow.trained import spread

SR = 8000
FEATURES = importlib.import_module("audiogen_helpers.workflow.features")  # the package has a function of that name
SMALL = {"components": 8, "width": 16, "blocks": 1, "batch_size": 8}
RUN = {"steps": 4, "seed": 0, "progress": False, **SMALL}


def tone(f0, duration, level=0.5):
    return (level * np.sin(2 * np.pi * f0 * np.arange(round(duration * SR)) / SR)).astype(np.float32)


def write_clips(folder, labels=("low", "high"), n=4, duration=0.3):
    for k, label in enumerate(labels):
        for i in range(n):
            audio.write(folder / label / f"{i}.wav", tone(300 * 2**k + 20 * i, duration), sr=SR)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def model(clips, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "flow"
    workflow.train("flow", data=clips, out=out, **RUN)
    return out


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- features


def test_the_default_length_fits_nearly_all_clips(tmp_path):
    write_clips(tmp_path, labels=("a",), n=2, duration=0.6)
    data = datasets.load(tmp_path)
    spec = workflow.default_spec(SR)
    length = default_length(data, spec)
    assert length % spec.hop_length == 0
    assert (1 + length // spec.hop_length) % 8 == 0
    assert 0.6 * SR <= length < 0.6 * SR + 8 * spec.hop_length


def test_long_recordings_are_cut_at_five_seconds(tmp_path):
    for i in range(2):
        audio.write(tmp_path / f"{i}.wav", tone(200 + i, 12.0), sr=SR)
    data = datasets.load(tmp_path)
    assert 5.0 <= default_length(data, workflow.default_spec(SR)) / SR < 5.2


def test_features_are_scaled_log_mels_in_order_and_keep_the_level(clips):
    data = datasets.load(clips)
    X, labels, length = features(data, duration=0.3)
    assert X.shape == (8, 64, 1 + length // 128)
    assert X.dtype == np.float32
    assert [data.label_names[i] for i in labels] == list(data.labels)
    from audiogen_helpers import spectral

    spec = workflow.default_spec(SR)
    np.testing.assert_allclose(X[3], spectral.scale(spectral.log_mel(data.clip(3)[0], spec), spec), atol=1e-5)


@pytest.mark.parametrize("sr", [1000, 4000, 8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 96000, 192000])
def test_every_rate_has_settings(sr):
    spec = workflow.default_spec(sr)
    assert 0.02 < spec.n_fft / sr <= 0.064
    assert spec.hop_length == spec.n_fft // 4


def test_features_of_another_rate_or_no_length_are_refused(clips):
    data = datasets.load(clips)
    with pytest.raises(ParameterError, match="spec"):
        features(data, spec=MelSpec(sr=16000))
    for duration in (0.0, -1.0, 1e-3, float("nan")):
        with pytest.raises(ParameterError, match="duration"):
            features(data, duration=duration)


def test_a_clip_with_nan_is_named(tmp_path):
    write_clips(tmp_path, labels=("a",), n=2)
    y = tone(300, 0.3)
    y[5] = np.nan
    import soundfile

    soundfile.write(tmp_path / "a" / "broken.wav", y, SR, subtype="FLOAT")
    with pytest.raises(DataError, match=r"broken\.wav"):
        workflow.train("flow", data=tmp_path, out=tmp_path.parent / "out", **RUN)
    assert not (tmp_path.parent / "out").exists()


def test_spectrograms_of_a_large_set_lie_on_disk_once_and_train_the_same_model(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(FEATURES, "IN_MEMORY", 1000)
    data = datasets.load(clips)
    rows, labels, length = streamed_features(data)
    X, same_labels, same_length = features(data)
    assert isinstance(rows, Rows)
    assert np.array_equal(rows[:], X)
    assert (length, labels.tolist()) == (same_length, same_labels.tolist())
    shards = sorted((tmp_path / "home").rglob("*.npy"))
    before = [p.stat().st_mtime_ns for p in shards]
    assert np.array_equal(streamed_features(data.subset(range(len(data) - 1, -1, -1)))[0][:], X[::-1])  # another order, another cache
    workflow.train("flow", data=clips, out=tmp_path / "streamed", **RUN)
    assert [p.stat().st_mtime_ns for p in shards] == before
    monkeypatch.setattr(FEATURES, "IN_MEMORY", 2**40)
    workflow.train("flow", data=clips, out=tmp_path / "held", **RUN)
    one, other = (np.load(tmp_path / name / "weights.npz") for name in ("streamed", "held"))
    assert all(np.allclose(one[k].astype(float), other[k].astype(float), rtol=2e-3, atol=1e-4) for k in one)


# --- training into a folder


def test_a_trained_folder_holds_what_the_plan_says_and_no_path_of_this_machine(model, clips):
    content = files(model)
    assert sorted(content) == ["card.json", "data.json", "log.csv", "settings.json", "weights.npz"]
    for name, text in content.items():
        if name != "weights.npz":
            assert str(clips).encode() not in text
            assert b"/tmp" not in text
    data, card = (json.loads(content[name]) for name in ("data.json", "card.json"))
    assert sum(data["clips"].values()) == data["clips_used"] == card["clips"]
    assert card["steps"] == 4
    assert len(content["log.csv"].decode().splitlines()) == 5


def test_training_returns_what_loading_gives_and_the_folder_can_move(model, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(model, moved)
    first, second = workflow.load(model), workflow.load(moved)
    assert first.labels == second.labels == ("high", "low")
    assert first.sample(3, seed=1)[0].tobytes() == second.sample(3, seed=1)[0].tobytes()


def test_same_seed_same_weights_and_another_seed_others(model, clips, tmp_path):
    for seed in (0, 1):
        workflow.train("flow", data=clips, out=tmp_path / str(seed), **{**RUN, "seed": seed})
    assert (tmp_path / "0" / "weights.npz").read_bytes() == (model / "weights.npz").read_bytes()
    assert (tmp_path / "1" / "weights.npz").read_bytes() != (model / "weights.npz").read_bytes()


class Interrupted(Exception):
    pass


def interrupt_at(stop):
    def progress(step, steps, metrics):
        if step == stop:
            raise Interrupted

    return progress


@pytest.mark.parametrize("budget", [{"steps": 6}, {"minutes": 0.5}])
def test_an_interrupted_training_resumes_to_the_same_weights(clips, tmp_path, budget, monkeypatch):
    monkeypatch.setattr(workflow.training, "plan_steps", lambda *_, **__: 7)
    run = {**RUN, **budget, "steps": budget.get("steps")}
    with pytest.raises(Interrupted):
        workflow.train("flow", data=clips, out=tmp_path / "a", **{**run, "progress": interrupt_at(3)})
    with pytest.raises(ModelError, match="resume"):
        workflow.load(tmp_path / "a")
    steps = json.loads((tmp_path / "a" / "settings.json").read_text())["steps"]
    workflow.train("flow", data=clips, out=tmp_path / "a", resume=True, **run)
    workflow.train("flow", data=clips, out=tmp_path / "b", **{**run, "minutes": None, "steps": steps})
    assert steps == budget.get("steps", 7)
    assert not (tmp_path / "a" / "checkpoint").exists()
    assert (tmp_path / "a" / "weights.npz").read_bytes() == (tmp_path / "b" / "weights.npz").read_bytes()


def test_resuming_begins_where_there_is_nothing_and_ends_where_all_is_done(clips, tmp_path):
    workflow.train("flow", data=clips, out=tmp_path / "a", resume=True, **RUN)
    before = files(tmp_path / "a")
    workflow.train("flow", data=clips, out=tmp_path / "a", resume=True, **RUN)
    assert files(tmp_path / "a") == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 9}, "steps"),
        ({"seed": 3}, "seed"),
        ({"width": 32}, "settings"),
        ({"duration": 0.6}, "length"),
        ({"model": "gan-dense"}, "model"),
    ],
)
def test_resuming_another_run_is_refused_and_changes_nothing(model, clips, change, named):
    before = files(model)
    run = {"model": "flow", **RUN, **change}
    if run["model"] != "flow":
        run = {k: v for k, v in run.items() if k not in SMALL}
    with pytest.raises(ModelError, match=f"differs in {named}"):
        workflow.train(data=clips, out=model, resume=True, **run)
    assert files(model) == before


def test_resuming_on_other_data_is_refused(model, tmp_path):
    other = write_clips(tmp_path / "other", n=5)
    with pytest.raises(ModelError, match="differs in data"):
        workflow.train("flow", data=other, out=model, resume=True, **RUN)


def test_a_folder_that_is_not_empty_or_not_ours_is_left_alone(model, clips, tmp_path):
    with pytest.raises(DataError, match="resume"):
        workflow.train("flow", data=clips, out=model, **RUN)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(DataError, match="other files"):
        workflow.train("flow", data=clips, out=tmp_path / "mine", **RUN)
    with pytest.raises(ModelError, match="settings"):
        workflow.train("flow", data=clips, out=tmp_path / "mine", resume=True, **RUN)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file"):
        workflow.train("flow", data=clips, out=tmp_path / "file", **RUN)
    assert files(tmp_path / "mine") == {"thesis.txt": b"words"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model": "nonsense"}, "model must be one of gan-dense, gan"),
        ({"steps": 0}, "steps"),
        ({"steps": -3}, "steps"),
        ({"steps": None, "minutes": -1}, "minutes"),
        ({"steps": None, "minutes": 0}, "minutes"),
        ({"minutes": 1}, "steps or minutes"),
        ({"seed": -1}, "seed"),
        ({"colour": 1}, "'colour'"),
        ({"width": 0}, "width"),
        ({"data": "nonsense"}, "data must be"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(clips, tmp_path, change, named):
    run = {"model": "flow", "data": clips, **RUN, **change}
    with pytest.raises(ParameterError, match=named):
        workflow.train(out=tmp_path / "out", **run)
    assert not (tmp_path / "out").exists()


def test_one_clip_is_not_enough_and_two_are(tmp_path):
    write_clips(tmp_path / "one", labels=("a",), n=1)
    with pytest.raises(DataError, match="at least 2 clips"):
        workflow.train("flow", data=tmp_path / "one", out=tmp_path / "out", **RUN)
    write_clips(tmp_path / "two", labels=("a",), n=2)
    made = workflow.train("flow", data=tmp_path / "two", out=tmp_path / "out", **RUN)
    assert made.generator.settings["components"] == 1
    assert made.sample(2)[0].shape == (2, made.length)


def test_clips_without_labels_of_different_length_and_rate(tmp_path):
    for i, (sr, duration) in enumerate([(8000, 0.2), (8000, 0.5), (16000, 0.3), (8000, 0.01)]):
        y = np.sin(2 * np.pi * 440.0 * np.arange(int(duration * sr)) / sr).astype(np.float32) / 2
        audio.write(tmp_path / "clips" / f"{i}.wav", y, sr=sr)
    made = workflow.train("flow", data=tmp_path / "clips", out=tmp_path / "out", **RUN)
    assert made.labels == ()
    paths = workflow.sample_to_folder(tmp_path / "out", tmp_path / "made", n=3)
    assert [p.name for p in paths] == ["sample_000.wav", "sample_001.wav", "sample_002.wav"]
    with pytest.raises(ParameterError, match="no labels"):
        made.sample(1, label="7")


def test_the_dense_gan_learns_no_labels(clips, tmp_path):
    made = workflow.train("gan-dense", data=clips, out=tmp_path / "gan", steps=2, progress=False)
    assert made.labels == ()
    assert made.sample(2, seed=3)[1] == ["", ""]


def test_the_documents_shape(clips, tmp_path):
    spec = MelSpec(sr=SR, n_fft=1024, hop_length=64, n_mels=128)
    made = workflow.train("gan-dense", data=clips, out=tmp_path / "gan", steps=1, progress=False, spec=spec, duration=127 * 64 / SR)
    assert made.features(2)[0].shape == (2, 128, 128)


# --- sampling


def test_samples_are_spread_evenly(model):
    trained = workflow.load(model)
    Y, labels = trained.sample(5, seed=2)
    assert Y.shape == (5, trained.length)
    assert Y.dtype == np.float32
    assert np.isfinite(Y).all()
    assert np.abs(Y).max() <= 1.0
    assert labels == ["high", "high", "high", "low", "low"]
    assert trained.sample(3, label="low")[1] == ["low"] * 3
    assert Y.tobytes() == trained.sample(5, seed=2)[0].tobytes()


def test_after_its_last_sounding_frame_a_clip_is_digital_silence_and_its_file_ends(model, tmp_path, monkeypatch):
    trained = workflow.load(model)
    X = np.full((2, *trained.generator.shape), -1.0, np.float32)
    X[0, 10:20, 2:5] = 0.5
    monkeypatch.setattr(type(trained.generator), "sample", lambda *_, **__: X)
    Y, _ = trained.sample(2)
    end = 4 * 128 + 256
    assert np.abs(Y[0, :end]).max() > 0.01
    assert not Y[0, end:].any()
    assert not Y[1].any()
    first, second = workflow.sample_to_folder(model, tmp_path / "out", n=2)
    assert 4 * 128 - 256 < audio.info(first).length <= end
    assert audio.info(second).length == 128


def test_spreading_differs_by_one_at_most():
    for n in (1, 9, 10, 11, 25):
        counts = np.bincount(spread(n, tuple("0123456789")), minlength=10)
        assert counts.sum() == n
        assert np.ptp(counts) <= 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [({"n": 0}, "n must"), ({"n": 2.5}, "n must"), ({"n": 2, "label": "seven"}, "label"), ({"n": 2, "seed": -1}, "seed")],
)
def test_bad_requests_are_named_and_nothing_is_written(model, tmp_path, arguments, named):
    with pytest.raises(ParameterError, match=named):
        workflow.load(model).sample(**arguments)
    with pytest.raises(ParameterError, match=named):
        workflow.sample_to_folder(model, tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_files_have_their_names_and_what_was_sampled(model, tmp_path):
    paths = workflow.sample_to_folder(model, tmp_path / "out", n=4, seed=7)
    assert [p.name for p in paths] == ["high_000.wav", "high_001.wav", "low_000.wav", "low_001.wav"]
    Y, _ = workflow.load(model).sample(4, seed=7)
    for path, y in zip(paths, Y, strict=True):
        z, sr = audio.read(path)
        assert sr == SR
        assert audio.info(path).subtype == "PCM_16"
        np.testing.assert_allclose(z, y[: len(z)], atol=1 / 32768)
        assert not y[len(z) :].any()


def test_it_adds_to_a_folder_but_replaces_only_when_told(model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("words")
    workflow.sample_to_folder(model, out, n=2, seed=0)
    before = files(out)
    with pytest.raises(DataError, match=r"high_000\.wav.*force"):
        workflow.sample_to_folder(model, out, n=6, seed=1)
    assert files(out) == before
    workflow.sample_to_folder(model, out, n=2, seed=1, force=True)
    after = files(out)
    assert after.keys() == before.keys()
    assert after["mine.txt"] == b"words"
    assert after["high_000.wav"] != before["high_000.wav"]


def test_odd_labels_become_safe_and_different_names(tmp_path):
    labels = ["..", ".", "a/b", "a\\b", "a b", "A B", "CON", "三", "x" * 300, "\n", "a_b", "..."]
    names = workflow.file_labels(labels)
    assert len({name.casefold() for name in names}) == len(labels)
    for name in names:
        assert len(name.encode()) < 200
        assert name == os.path.basename(name)
        assert not name.startswith(".")
        assert not set(name) & set('/\\:*?"<>| \n\0')
        (tmp_path / f"{name}_000.wav").write_text("")
    assert len(os.listdir(tmp_path)) == len(labels)
    assert names[7] == "三"


def test_odd_label_folders_train_and_sample(tmp_path):
    write_clips(tmp_path / "clips", labels=("dog bark", "Ünï.código"), n=2)
    made = workflow.train("flow", data=tmp_path / "clips", out=tmp_path / "m", **RUN)
    assert made.labels == ("dog bark", "Ünï.código")
    names = [p.name for p in workflow.sample_to_folder(tmp_path / "m", tmp_path / "out", n=2)]
    assert names == ["dog_bark_000.wav", "Ünï.código_000.wav"]


# --- hostile and foreign folders


def break_settings(folder, change):
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    change(settings)
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.clear(),
        lambda s: s.update(format=99),
        lambda s: s.update(model="os:system"),
        lambda s: s.update(model=["flow"]),
        lambda s: s.update(model="gan-dense", settings={}),
        lambda s: s.pop("labels"),
        lambda s: s.update(labels="ab"),
        lambda s: s.update(labels=["a", "a"]),
        lambda s: s.update(labels=[]),
        lambda s: s.update(length=-5),
        lambda s: s.update(length=10**15),
        lambda s: s.update(length=3 * s["length"]),
        lambda s: s.update(spec=None),
        lambda s: s["spec"].update(n_fft=10**12),
        lambda s: s["spec"].update(n_mels=10**9),
        lambda s: s["spec"].update(sr=-1),
        lambda s: s["spec"].update(evil="../../etc"),
        lambda s: s["settings"].update(width=10**9),
        lambda s: s["settings"].update(width=32),
        lambda s: s["settings"].update(target="os:system"),
        lambda s: s.update(settings=None),
    ],
)
def test_settings_that_do_not_fit_are_a_model_error(model, tmp_path, change):
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    break_settings(folder, change)
    with pytest.raises(ModelError):
        workflow.load(folder)


def test_weights_that_do_not_fit_are_a_model_error(model, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(model, folder)
    weights = dict(np.load(folder / "weights.npz"))
    for changed in ({}, {**weights, "in": weights["in"].astype("O")}, {**weights, "in": np.full_like(weights["in"], np.nan)}):
        np.savez(folder / "weights.npz", **changed)
        with pytest.raises(ModelError):
            workflow.load(folder)
    (folder / "weights.npz").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match=r"weights\.npz"):
        workflow.load(folder)


def test_folders_that_are_no_models_are_a_model_error(clips, tmp_path):
    for folder in (tmp_path, tmp_path / "nothing", clips, clips / "low" / "0.wav"):
        with pytest.raises(ModelError, match="folder must be a trained model"):
            workflow.load(folder)


def test_unknown_checkpoints_are_named():
    for name in ("nonsense", "../digits", "", "/"):
        with pytest.raises(ParameterError, match="name"):
            workflow.checkpoint(name)


# --- inversion


def test_inversion_comes_back_near_and_as_long(clips, tmp_path):
    source = clips / "low" / "0.wav"
    error = workflow.invert(source, tmp_path / "back.wav", seed=1)
    back, sr = audio.read(tmp_path / "back.wav")
    assert sr == SR
    assert audio.info(source).length == len(back)
    assert 0.0 < error < 0.3
    assert workflow.invert(source, tmp_path / "coarse.wav", n_mels=8) != error


def test_inversion_refuses_what_is_no_sound(tmp_path):
    (tmp_path / "words.wav").write_text("words")
    for path in (tmp_path / "words.wav", tmp_path, tmp_path / "nothing.wav"):
        with pytest.raises(AudioGenError):
            workflow.invert(path, tmp_path / "out.wav")
    assert not (tmp_path / "out.wav").exists()
