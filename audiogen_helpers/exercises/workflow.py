"""The small tasks and the exercises of the chapter The five steps.

Chapter: chapters/methods/workflow.ipynb
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import audio, datasets, synthesis
from audiogen_helpers._rng import check_seed
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.registry import suggest

__all__ = ["TASKS", "Task", "check_card", "check_level", "check_split_by_voice", "collect", "spoil"]

SR = 8000
BELLS = ("bar", "church-bell", "plate")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One small thing to make, from nothing to new sound.

    Attributes
    ----------
    wanted : str
        What should come out, for the reader.
    kind : {'speech', 'struck', 'tunes'}
        What sort of sound it is.
    n : int
        Recordings or tunes that :func:`collect` gathers.
    model, steps, settings
        What learns it within seconds on two cores.
    """

    wanted: str
    kind: str
    n: int
    model: str
    steps: int
    settings: Mapping[str, Any] = field(default_factory=dict)


TASKS = {
    "digits": Task(wanted="a voice that counts", kind="speech", n=300, model="hmm", steps=5),
    "bells": Task(
        wanted="bars, bells and plates", kind="struck", n=150, model="flow", steps=160, settings={"width": 256, "components": 96}
    ),
    "melodies": Task(wanted="tunes in the manner of chorales", kind="tunes", n=120, model="melody", steps=25),
}


def collect(task: str, folder: str | os.PathLike[str], *, seed: int = 0) -> Path:
    """Gather the raw material of a task into a folder, as a collection by many hands would be: at all levels, with hiss and hum.

    Parameters
    ----------
    task : {'digits', 'bells', 'melodies'}
        A name in :data:`TASKS`.
    folder : path
        Where it goes; must be empty or not exist yet.
    seed : int >= 0
        Same seed, same collection.

    Returns
    -------
    raw : Path
        ``folder/raw``, clips at 8 kHz in a subfolder for each label, named ``{who}_{number}.wav``, each with its clean original at the
        same place in ``folder/clean``; or ``folder/raw.json``, tunes in the keys that they were written in.

    Raises
    ------
    ParameterError
        If the task is unknown.

    Examples
    --------
    >>> import tempfile
    >>> collect("melodies", tempfile.mkdtemp()).name
    'raw.json'
    """
    if task not in TASKS:
        raise ParameterError(f"task must be one of {', '.join(TASKS)}; received {task!r}{suggest(task, TASKS)}")
    home, gen = Path(folder), np.random.default_rng(check_seed(seed))
    if task == "melodies":
        return _tunes(home, gen)
    for label, who, number, y in _spoken(gen) if task == "digits" else _struck(gen):
        name = Path(label) / f"{who}_{number:03d}.wav"
        wide = np.pad(y, SR // 8)  # a recording begins before the sound and ends after it
        audio.write(home / "clean" / name, wide, sr=SR)
        audio.write(home / "raw" / name, spoil(wide, sr=SR, rng=gen), sr=SR)
    return home / "raw"


def spoil(y: np.ndarray, *, sr: int, rng: np.random.Generator) -> np.ndarray:
    """A sound as a careless recording holds it: hiss and mains hum 15 to 25 dB below it, and any level.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The sound.
    sr : int > 0
        Sample rate, Hz.
    rng : Generator
        Draws the noise and the level.

    Returns
    -------
    y : np.ndarray [shape=(n,), float64]
        Peak between -26 and -2 dB of full scale.

    Examples
    --------
    >>> loud = np.abs(spoil(np.ones(8000) * 0.5, sr=8000, rng=np.random.default_rng(0))).max()
    >>> bool(0.05 < loud < 0.8)
    True
    """
    hiss = rng.standard_normal(len(y))
    hum = np.sin(2 * np.pi * 50.0 * np.arange(len(y)) / sr + rng.uniform(0, 2 * np.pi))
    below = 10.0 ** (-rng.uniform(15.0, 25.0) / 20.0)
    sounding = np.abs(y) > 0.05 * max(float(np.abs(y).max()), 1e-9)
    level = float(np.sqrt(np.mean(np.square(y[sounding])))) if sounding.any() else 0.0
    noisy = y + level * below * (0.8 * hiss + 0.85 * hum)
    return noisy / max(float(np.abs(noisy).max()), 1e-9) * 10.0 ** (-rng.uniform(2.0, 26.0) / 20.0)


def _spoken(gen: np.random.Generator) -> Any:
    """The same number of each digit, from as many voices as there are."""
    clips = datasets.load("digits", split="train")
    each = TASKS["digits"].n // len(clips.label_names)
    for label in clips.label_names:
        some = clips.select(label=label)
        for number, i in enumerate(np.sort(gen.permutation(len(some))[:each])):
            yield label, some.groups[i], number, some.clip(int(i))[0].astype(np.float64)


def _struck(gen: np.random.Generator) -> Any:
    """Struck things of any pitch, hardness and decay: from registered sounds with settings drawn at random."""
    for label in BELLS:
        for number in range(TASKS["bells"].n // len(BELLS)):
            settings = {"f0": float(250.0 * 2.0 ** gen.uniform(0.0, 2.0))}
            if label != "church-bell":
                settings |= {"hardness": float(gen.uniform(0.3, 0.9)), "decay": float(gen.uniform(0.3, 1.2))}
            y = synthesis.render(label, sr=SR, duration=0.9, rng=int(gen.integers(2**31)), **settings)
            y = audio.fade(np.asarray(y, dtype=np.float64), sr=SR, fade_out=0.3)
            yield label, "synth", number, 0.5 * y / np.abs(y).max()


def _tunes(home: Path, gen: np.random.Generator) -> Path:
    tunes = datasets.load_tunes("chorales", split="train").tunes
    chosen = [tunes[i] for i in np.sort(gen.permutation(len(tunes))[: TASKS["melodies"].n])]
    table = [
        {
            "title": t.title,
            "notes": t.notes.tolist(),
            "tonic": t.tonic,
            "mode": t.mode,
            "time": t.time,
            "pickup": t.pickup,
            "phrase_ends": t.phrase_ends.tolist(),
        }
        for t in chosen
    ]
    home.mkdir(parents=True, exist_ok=True)
    (home / "raw.json").write_text(json.dumps({"tunes": table}, ensure_ascii=False), encoding="utf-8")
    return home / "raw.json"


def check_level(level: Callable[..., Any]) -> None:
    """Check a function that brings a recording to a level: silence is left alone, and peaks stay below full scale.

    Parameters
    ----------
    level : callable
        ``level(y, db)`` -> y of the same length.

    Raises
    ------
    ExerciseError
        If a level is missed, silence is changed, or a peak is cut off.

    Examples
    --------
    >>> def level(y, db):
    ...     rms = np.sqrt(np.mean(y**2))
    ...     if rms == 0.0:
    ...         return y
    ...     z = y * 10 ** (db / 20) / rms
    ...     return z / max(1.0, np.abs(z).max() / 0.99)
    >>> check_level(level)
    Right. Every recording comes out at the level asked for, silence stays silent, and no peak is cut off.
    """
    tone = np.sin(0.3 * np.arange(4000)) * np.hanning(4000)
    for loud in (0.9, 0.01):
        with np.errstate(all="ignore"):
            z = np.asarray(level(loud * tone, -20.0), dtype=np.float64)
        expect(z.shape == tone.shape, f"the answer should be as long as the recording, {tone.shape}; yours has the shape {z.shape}.")
        found = audio.rms_db(z) if np.isfinite(z).all() else np.nan
        expect(
            bool(abs(found + 20.0) < 0.1), f"a recording with a peak of {loud} should come out at -20 dB RMS; yours is at {found:.1f} dB."
        )
        expect(bool(np.corrcoef(z, tone)[0, 1] > 0.9999), "turning up should change nothing but the level; yours has another wave form.")
    with np.errstate(all="ignore"):
        silent = np.asarray(level(np.zeros(100), -20.0))
    expect(bool(np.all(silent == 0.0)), "silence has no level to bring anywhere; it should stay silent, without NaN.")
    peaky = np.zeros(4000)
    peaky[::400] = 0.5
    z = np.asarray(level(peaky.copy(), -10.0))
    expect(
        float(np.abs(z).max()) <= 1.0,
        f"no sample may exceed full scale; a recording of clicks comes out with a peak of {np.abs(z).max():.2f}.",
    )
    near = z / max(float(np.abs(z).max()), 1e-9)
    expect(bool(np.allclose(near, peaky / 0.5)), "where full scale is in the way, turn the whole recording down; do not cut its peaks off.")
    passed("Every recording comes out at the level asked for, silence stays silent, and no peak is cut off.")


def check_split_by_voice(split: Callable[..., Any]) -> None:
    """Check a function that parts recordings so that nobody is on both sides.

    Parameters
    ----------
    split : callable
        ``split(who, share, rng)`` -> bool array: True for the test side, which should hold about `share` of the people.

    Raises
    ------
    ExerciseError
        If somebody is on both sides, a side is empty, or the share is missed.

    Examples
    --------
    >>> def split(who, share, rng):
    ...     people = rng.permutation(sorted(set(who)))
    ...     return np.isin(who, people[: max(1, round(share * len(people)))])
    >>> check_split_by_voice(split)
    Right. Nobody is on both sides, and another draw gives another split.
    """
    who = [f"person {i % 10}" for i in range(87)] + ["person 0"] * 40
    tests = []
    for seed in range(4):
        test = np.asarray(split(list(who), 0.3, np.random.default_rng(seed)))
        expect(test.shape == (len(who),) and test.dtype == bool, f"the answer should be {len(who)} times True or False.")
        both = {p for p, t in zip(who, test, strict=True) if t} & {p for p, t in zip(who, test, strict=True) if not t}
        expect(not both, f"{', '.join(sorted(both)[:3])} can be heard on both sides.")
        people = len({p for p, t in zip(who, test, strict=True) if t})
        expect(people == 3, f"3 of the 10 people should be on the test side; yours has {people}.")
        tests.append(test.tobytes())
    expect(len(set(tests)) > 1, "another rng should give another split.")
    passed("Nobody is on both sides, and another draw gives another split.")


def check_card(card: Mapping[str, Any]) -> None:
    """Check that a model card answers what the next person will ask.

    Parameters
    ----------
    card : mapping of str to str
        Must have ``made of``, ``licence``, ``consent``, ``good for``, ``not for`` and ``measured``, each a sentence of its own; `measured`
        holds a number.

    Raises
    ------
    ExerciseError
        If an answer is missing, empty or given twice.

    Examples
    --------
    >>> check_card({"made of": "300 digits of 16 speech programs.", "licence": "CC BY 4.0, voices named in the data card.",
    ...     "consent": "No person was recorded.", "good for": "Lessons about counting machines.",
    ...     "not for": "Sounding like somebody, or telephone numbers that matter.", "measured": "52 of 60 clips recognised."})
    Right. Whoever finds this model knows what it is made of, what it may be used for, and how well it works.
    """
    wanted: Sequence[str] = ("made of", "licence", "consent", "good for", "not for", "measured")
    missing = [name for name in wanted if not str(card.get(name, "")).strip()]
    expect(not missing, f"the card should answer {', '.join(missing)}.")
    short = [name for name in wanted if len(str(card[name]).split()) < 3]
    expect(not short, f"{short[0] if short else ''} should be a sentence that somebody can act on.")
    expect(len({str(card[name]).strip().lower() for name in wanted}) == len(wanted), "two questions have the same answer.")
    expect(any(c.isdigit() for c in str(card["measured"])), "measured should hold a number, and what it counts.")
    passed("Whoever finds this model knows what it is made of, what it may be used for, and how well it works.")
