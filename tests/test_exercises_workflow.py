"""The three tasks of the chapter can all be walked, and its checks accept right answers and say what is wrong with others."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers import audio, datasets, evaluation
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import workflow as exercises

CHAPTER = Path(__file__).parent.parent / "chapters" / "methods" / "workflow.ipynb"
CARD = {
    "made of": "300 digits of 16 speech programs.",
    "licence": "CC BY 4.0, see the data card.",
    "consent": "No person was recorded.",
    "good for": "Lessons about machines that count.",
    "not for": "Telephone numbers that matter.",
    "measured": "52 of 60 clips recognised.",
}


def level(y, db):
    rms = np.sqrt(np.mean(y**2))
    if rms == 0.0:
        return y
    z = y * 10 ** (db / 20) / rms
    return z / max(1.0, np.abs(z).max() / 0.99)


def split(who, share, rng):
    people = rng.permutation(sorted(set(who)))
    return np.isin(who, people[: max(1, round(share * len(people)))])


def few(monkeypatch, **changes):
    for name, change in changes.items():
        monkeypatch.setitem(exercises.TASKS, name, dataclasses.replace(exercises.TASKS[name], **change))


@pytest.mark.parametrize("task", ["digits", "bells"])
def test_a_collection_is_the_same_from_the_same_seed_and_as_noisy_as_it_says(task, tmp_path, monkeypatch):
    few(monkeypatch, digits={"n": 20}, bells={"n": 6})
    raw, again, other = (exercises.collect(task, tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    names = sorted(p.relative_to(raw) for p in raw.rglob("*.wav"))
    assert len(names) == exercises.TASKS[task].n
    assert all((raw / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert any(not (other / name).exists() or (raw / name).read_bytes() != (other / name).read_bytes() for name in names)
    ratios = []
    for name in names:
        (noisy, sr), (clean, _) = audio.read(raw / name), audio.read(raw.parent / "clean" / name)
        ratios.append(evaluation.si_sdr(noisy, clean, sr=sr))
        assert 0.04 < np.abs(noisy).max() < 0.8
    assert 8 < min(ratios) <= max(ratios) < 26
    assert datasets.load(raw).label_names == (tuple("0123456789") if task == "digits" else exercises.BELLS)


def test_tunes_keep_their_keys_phrases_and_metre(tmp_path):
    tunes = {t.title + str(t.notes.tolist()): t for t in datasets.load_tunes("chorales").tunes}
    found = datasets.load_tunes(exercises.collect("melodies", tmp_path))
    assert len(found) == exercises.TASKS["melodies"].n
    for t in found.tunes:
        original = tunes[t.title + str(t.notes.tolist())]
        assert (t.key, t.time, t.pickup, t.phrase_ends.tolist()) == (
            original.key,
            original.time,
            original.pickup,
            original.phrase_ends.tolist(),
        )


def test_an_unknown_task_is_named(tmp_path):
    with pytest.raises(ParameterError, match="did you mean 'bells'"):
        exercises.collect("bell", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.fixture
def uncompiled():
    """Three steps take less time than compiling one."""
    tf = tensorflow()
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("task", ["bells", "melodies"])
def test_the_page_can_be_walked_with_the_other_tasks(task, monkeypatch, capsys, uncompiled):
    few(monkeypatch, bells={"n": 102, "steps": 3, "settings": {"width": 32, "components": 16}}, melodies={"steps": 3})
    cells = [c["source"] for c in json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    sources = [source if isinstance(source, str) else "".join(source) for source in cells]
    assert sum('TASK = "digits"' in source for source in sources) == 1
    page = {}
    for source in sources:
        if "%pip" not in source and 'words = datasets.load("digits")' not in source:
            exec(source.replace('TASK = "digits"', f'TASK = "{task}"').replace("sample(60", "sample(12"), page)
    said = capsys.readouterr().out
    assert f"for {task} the guide says: {exercises.TASKS[task].model}" in said
    assert said.count("Right.") == 3


def test_right_answers_pass(capsys):
    exercises.check_level(level)
    exercises.check_split_by_voice(split)
    exercises.check_card(CARD)
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda y, db: y, "-20 dB RMS"),
        (lambda y, db: y / np.abs(y).max() * 10 ** (db / 20), "-20 dB RMS"),
        (lambda y, db: level(y, db)[1:], "as long as"),
        (lambda y, db: y * 10 ** (db / 20) / np.sqrt(np.mean(y**2)), "silence"),
        (lambda y, db: y * 10 ** (db / 20) / max(np.sqrt(np.mean(y**2)), 1e-12), "full scale"),
        (lambda y, db: np.clip(y * 10 ** (db / 20) / max(np.sqrt(np.mean(y**2)), 1e-12) * (1 + (y > 0.49)), -1, 1), "turn the whole|RMS"),
        (lambda y, db: np.sign(y) * 0.1, "wave form"),
    ],
)
def test_wrong_levels(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_level(answer)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda who, share, rng: rng.random(len(who)) < share, "both sides"),
        (lambda who, share, rng: np.zeros(len(who), bool), "3 of the 10"),
        (lambda who, share, rng: np.isin(who, sorted(set(who))[:3]), "another rng"),
        (lambda who, share, rng: [0, 1], "True or False"),
    ],
)
def test_wrong_splits(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_split_by_voice(answer)


@pytest.mark.parametrize(
    ("change", "heard"),
    [
        ({"consent": ""}, "answer consent"),
        ({"licence": "free"}, "licence should be a sentence"),
        ({"not for": CARD["good for"]}, "same answer"),
        ({"measured": "quite good, really"}, "number"),
    ],
)
def test_wrong_cards(change, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_card({**CARD, **change})
