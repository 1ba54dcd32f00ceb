"""What every registered model does, of whichever family: it trains into a folder, resumes, moves, samples, and is read without trust."""

import json
import shutil

import numpy as np
import pytest

from audiogen_helpers import audio, datasets, workflow
from audiogen_helpers.deep.arrays import load_arrays, save_arrays
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.workflow.models import MODELS, makes

SR = 8000
SMALL = {"batch_size": 8, "components": 4, "width": 16, "blocks": 1, "states": 4, "chains": 2}
every_model = pytest.mark.parametrize("name", sorted(MODELS))


def small(name):
    """Settings that make the model small, of those that it has."""
    return {p.name: SMALL[p.name] for p in MODELS[name].parameters if p.name in SMALL}


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Two labels of hummed clips, and two of tunes."""
    folder, gen = tmp_path_factory.mktemp("clips"), np.random.default_rng(0)
    for k, label in enumerate(("high", "low")):
        for i in range(5):
            t = np.arange(2400 + 160 * i) / SR
            f0 = (240.0, 120.0)[k] * (1.0 + 0.03 * i) * (1.0 + 0.1 * t)
            hum = sum(np.sin(2 * np.pi * n * np.cumsum(f0) / SR) / n for n in range(1, 9)) * np.hanning(len(t)) ** 0.3
            audio.write(folder / label / f"{i}.wav", (0.2 * hum + 0.003 * gen.standard_normal(len(t))).astype(np.float32), sr=SR)
    return {"mel": folder, "waveforms": folder, "notes": "chorales"}


@pytest.fixture(scope="module")
def folders(material, tmp_path_factory):
    home = tmp_path_factory.mktemp("models")
    for name in MODELS:
        workflow.train(name, data=material[makes(name)], out=home / name, steps=3, seed=0, progress=False, **small(name))
    return home


@every_model
def test_it_states_its_settings_and_refuses_others(name):
    assert MODELS[name].settings({})
    assert makes(name) in {"mel", "waveforms", "notes"}
    for p in MODELS[name].parameters:
        assert p.help
        if p.low is not None:
            with pytest.raises(ParameterError, match=p.name):
                MODELS[name].settings({p.name: p.low - 1})
    with pytest.raises(ParameterError, match="'nonsense'"):
        MODELS[name].settings({"nonsense": 1})


@every_model
def test_it_samples_what_is_asked_and_the_same_from_the_same_seed(name, folders):
    model = workflow.load(folders / name)
    n = 4
    Y, labels = model.sample(n, seed=1)
    assert Y.shape[0] == n
    assert Y.dtype == np.float32
    assert np.isfinite(Y).all()
    assert 0.0 < np.abs(Y).max() <= 1.0
    assert Y.tobytes() == model.sample(n, seed=1)[0].tobytes()
    assert Y.tobytes() != model.sample(n, seed=2)[0].tobytes()
    assert set(labels) == set(model.labels or ("",))
    assert np.array_equal(np.stack([np.pad(y, (0, Y.shape[1] - len(y))) for y in model.clips(n, seed=1)]), Y)
    if makes(name) != "notes":
        assert Y.shape[1] == model.length
    with pytest.raises(ParameterError, match="label"):
        model.sample(1, label="nobody")
    with pytest.raises(ParameterError):
        model.sample(1, nonsense=1.0)


@every_model
def test_only_the_kind_that_it_makes_can_be_asked_for(name, folders):
    model = workflow.load(folders / name)
    asked = {"mel": model.features, "notes": model.notes}
    for kind, ask in asked.items():
        if kind == makes(name):
            assert len(ask(2)[0]) == 2
        else:
            with pytest.raises(ParameterError, match="must make"):
                ask(2)


@every_model
def test_it_writes_a_learning_curve_and_a_card(name, folders):
    lines = (folders / name / "log.csv").read_text().splitlines()
    assert len(lines) == 4
    card = json.loads((folders / name / "card.json").read_text())
    assert card["model"] == name
    assert card["steps"] == 3
    assert "/tmp" not in (folders / name / "data.json").read_text()


class Interrupted(Exception):
    pass


@every_model
def test_an_interrupted_run_ends_with_the_same_bytes(name, folders, material, tmp_path):
    def stop(step, steps, metrics):
        if step == 2:
            raise Interrupted

    run = {"data": material[makes(name)], "steps": 3, "seed": 0, **small(name)}
    with pytest.raises(Interrupted):
        workflow.train(name, out=tmp_path / "a", progress=stop, **run)
    workflow.train(name, out=tmp_path / "a", resume=True, progress=False, **run)
    assert (tmp_path / "a" / "weights.npz").read_bytes() == (folders / name / "weights.npz").read_bytes()


@every_model
def test_arrays_that_do_not_fit_are_refused_and_wild_ones_do_no_harm(name, folders, tmp_path):
    arrays = load_arrays(folders / name / "weights.npz")
    shutil.copytree(folders / name, tmp_path / "m")

    def reread(changed):
        save_arrays(tmp_path / "m" / "weights.npz", changed)
        return workflow.load(tmp_path / "m")

    for key, array in arrays.items():
        with pytest.raises(ModelError):
            reread({k: v for k, v in arrays.items() if k != key})
        with pytest.raises(ModelError):
            reread({**arrays, key: np.zeros((*array.shape, 2), np.float32)})
        with pytest.raises(ModelError):
            reread({**arrays, key: np.full_like(array, np.nan, dtype=np.float32)})
        for value in (1e30, -1e30, 0.0):
            try:
                model = reread({**arrays, key: np.full_like(array, value, dtype=np.float32)})
            except ModelError:
                continue
            if makes(name) != "mel":  # networks with wild weights say nothing that can be promised
                with np.errstate(all="ignore"):
                    Y, _ = model.sample(2, seed=0)
                assert np.isfinite(Y).all(), f"{key} = {value}"
                assert np.abs(Y).max() <= 1.0


def test_the_registry_holds_both_families_and_suggests_the_nearest():
    assert {"flow", "gmm", "hmm", "melody"} <= set(MODELS)
    with pytest.raises(ParameterError, match="did you mean 'hmm'"):
        workflow.train("hnm", data="digits", out="nowhere")


def test_tunes_and_clips_are_told_apart(tmp_path):
    with pytest.raises(ParameterError):
        workflow.train("melody", data="digits", out=tmp_path / "a", steps=1)
    with pytest.raises(ParameterError):
        workflow.train("hmm", data="chorales", out=tmp_path / "a", steps=1)
    with pytest.raises(ParameterError, match="duration"):
        workflow.train("melody", data="chorales", out=tmp_path / "a", steps=1, duration=2.0)
    assert not (tmp_path / "a").exists()


def test_a_budget_of_minutes_ends_where_more_steps_are_of_no_use(tmp_path, capsys):
    clips = datasets.load("digits").select(label="3")
    workflow.train("gmm", data=clips, out=tmp_path / "m", minutes=0.1, components=2)
    steps = json.loads((tmp_path / "m" / "settings.json").read_text())["steps"]
    assert 1 <= steps <= 200
    assert "steps on this machine" in capsys.readouterr().out
