"""Write down the tunes of Bach's chorales, data/scores/: the soprano part of each setting in music21's corpus, as a table of notes.

    python scripts/make_scores.py            # replaces data/scores
    python scripts/make_scores.py --check    # makes it elsewhere, compares with data/scores, changes nothing

Needs music21 (``pip install music21``, with numpy), which the package does not: run it in an environment of its own. It is run on purpose,
never at install or test time, and takes one or two minutes. The same version of music21 gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tempfile
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "data" / "scores"
GRID = 4  # steps in a quarter note
TEST_SHARE = 0.2
SHORTEST = 5  # notes of a phrase that may decide whether two melodies are the same
ALIKE = 0.2  # edits per note below which two phrases are the same phrase
SHARED = 0.4  # share of the notes of either tune in phrases that the other has too, from which on both have one melody


class LeftOut(Exception):
    """Why a chorale is not in the table."""


@dataclass
class Tune:
    """One line of the table."""

    bwv: str
    title: str
    tonic: int  # pitch class, 0 = C
    mode: str
    key_votes: dict[str, int]  # what each of the three ways to tell the tonic said
    time: str
    pickup: int
    notes: list[list[int]]
    phrase_ends: list[int]
    melody: str = ""
    split: str = ""

    def to_dict(self) -> dict[str, Any]:
        shown = ("bwv", "title", "tonic", "mode", "time", "pickup", "melody", "split", "phrase_ends", "notes")
        return {name: getattr(self, name) for name in shown}


def read(name: str, title: str) -> Tune:
    """One chorale of the corpus."""
    from music21 import corpus

    score = corpus.parse(name)
    parts = list(score.parts)
    voices = {voice: next((p for p in parts if str(p.partName).startswith(voice)), None) for voice in ("Soprano", "Bass")}
    if len(parts) == 4:
        voices = {"Soprano": parts[0], "Bass": parts[3]}
    soprano, bass = voices["Soprano"], voices["Bass"]
    if soprano is None or bass is None:
        raise LeftOut("no part is named Soprano")
    times = {t.ratioString for t in soprano.recurse().getElementsByClass("TimeSignature")}
    if len(times) != 1:
        raise LeftOut("the time signature changes")
    notes, ends = _notes(soprano)
    time = times.pop()
    beats, unit = map(int, time.split("/"))
    bar = 4 * GRID * beats // unit
    if any(pitch < 0 and length > bar for pitch, length in notes):
        raise LeftOut("the singers pause for more than a bar")
    if len(ends) < 2:
        raise LeftOut("phrases are not marked")
    first = next(iter(soprano.getElementsByClass("Measure")))
    pickup = round(float(first.duration.quarterLength) * GRID) % bar
    votes = {"declared": _declared(soprano), "analysed": score.analyze("key").tonic.pitchClass, "last bass note": _last(bass) % 12}
    tonic, count = Counter(votes.values()).most_common(1)[0]
    if count == 1:
        tonic = votes["last bass note"]
    bwv = name.split("bwv")[1]
    return Tune(bwv, title or f"BWV {bwv}", tonic, _mode(parts, tonic), votes, time, pickup, notes, ends)


def _notes(part: Any) -> tuple[list[list[int]], list[int]]:
    """Pitches and lengths, tied notes as one, no rests at either end; and the numbers of the notes under a fermata, and of the last."""
    from music21 import expressions

    notes: list[list[int]] = []
    ends: set[int] = set()
    for element in part.recurse().notesAndRests:
        if element.duration.isGrace:
            continue
        if element.isChord:
            raise LeftOut("a chord in the soprano")
        length = float(element.duration.quarterLength) * GRID
        if length != round(length):
            raise LeftOut("notes shorter than a sixteenth")
        pitch = int(element.pitch.midi) if element.isNote else -1
        if notes and ((element.tie is not None and element.tie.type in ("stop", "continue")) or pitch == notes[-1][0] == -1):
            notes[-1][1] += round(length)
        elif notes or pitch >= 0:
            notes.append([pitch, round(length)])
        if any(isinstance(mark, expressions.Fermata) for mark in element.expressions) and notes:
            ends.add(len(notes) - 1 if pitch >= 0 else len(notes) - 2)
    while notes[-1][0] < 0:
        notes.pop()
    return notes, sorted(ends | {len(notes) - 1})


def _declared(part: Any) -> int:
    """The tonic that the file states; -1 where it states none."""
    key = next(iter(part.recurse().getElementsByClass("KeySignature")))
    return key.tonic.pitchClass if getattr(key, "mode", None) and hasattr(key, "tonic") else -1


def _last(part: Any) -> int:
    last = [n for n in part.recurse().notes if not n.duration.isGrace][-1]
    return int((last if last.isNote else last[0]).pitch.midi)


def _mode(parts: list[Any], tonic: int) -> str:
    """Major or minor: the third above the tonic that sounds longer in all parts; the last chord, often major for a close, left out."""
    heard: Counter[int] = Counter()
    for part in parts:
        sounding = [n for n in part.recurse().notes if not n.duration.isGrace]
        for n in sounding[:-1]:
            for pitch in n.pitches:
                heard[(pitch.midi - tonic) % 12] += float(n.duration.quarterLength)
    return "major" if heard[4] > heard[3] else "minor"


def phrases(tune: Tune) -> list[np.ndarray]:
    """Pitches of each phrase of at least SHORTEST notes, above the last note of the tune: the same in every key."""
    found, begin = [], 0
    last = tune.notes[-1][0]
    for end in tune.phrase_ends:
        pitches = np.array([pitch for pitch, _ in tune.notes[begin : end + 1] if pitch >= 0])
        begin = end + 1
        if len(pitches) >= SHORTEST:
            found.append(pitches - last)
    return found


def distances(phrase: np.ndarray, others: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Edits that turn a phrase into each of the others (padded rows), Levenshtein's distance."""
    row = np.broadcast_to(np.arange(others.shape[1] + 1), (len(others), others.shape[1] + 1)).copy()
    for i, pitch in enumerate(phrase):
        above, row = row, np.empty_like(row)
        row[:, 0] = i + 1
        replaced = above[:, :-1] + (others != pitch)
        for j in range(others.shape[1]):
            row[:, j + 1] = np.minimum(np.minimum(row[:, j], above[:, j + 1]) + 1, replaced[:, j])
    return row[np.arange(len(others)), lengths]


def same_melody(tunes: list[Tune]) -> None:
    """Give tunes with one melody one name: by their titles, and by the phrases that they share."""
    table = [(i, phrase) for i, tune in enumerate(tunes) for phrase in phrases(tune)]
    owner = np.array([i for i, _ in table])
    lengths = np.array([len(phrase) for _, phrase in table])
    padded = np.full((len(table), lengths.max()), 999)
    for row, (_, phrase) in zip(padded, table, strict=True):
        row[: len(phrase)] = phrase
    total = np.bincount(owner, weights=lengths, minlength=len(tunes))
    common = np.zeros((len(tunes), len(tunes)))  # notes of i in phrases that j has too
    for i, phrase in table:
        near = distances(phrase, padded, lengths) <= ALIKE * np.maximum(lengths, len(phrase))
        common[i, np.unique(owner[near])] += len(phrase)
    linked = common / np.maximum(total, 1.0)[:, None] >= SHARED
    linked &= linked.T
    titles = [plain(tune.title) for tune in tunes]
    group = list(range(len(tunes)))
    for i in range(len(tunes)):
        for j in range(i):
            if linked[i, j] or titles[i] == titles[j]:
                old, new = max(group[i], group[j]), min(group[i], group[j])
                group = [new if g == old else g for g in group]
    for tune, g in zip(tunes, group, strict=True):
        tune.melody = tunes[g].bwv


def plain(title: str) -> str:
    """A title without accents, marks and capitals."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", letters).strip()


def split(tunes: list[Tune]) -> None:
    """Whole melodies to the test side, in the order of their digests, until it has a fifth of the tunes of either mode."""
    for mode in ("major", "minor"):
        some = [tune for tune in tunes if Counter(t.mode for t in tunes if t.melody == tune.melody).most_common(1)[0][0] == mode]
        melodies = sorted({tune.melody for tune in some}, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
        room = TEST_SHARE * len(some)
        for melody in melodies:
            members = [tune for tune in some if tune.melody == melody]
            side = "test" if room >= len(members) else "train"
            room -= len(members) if side == "test" else 0
            for tune in members:
                tune.split = side


def order(bwv: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", bwv)]


def make(folder: Path) -> None:
    """The table and its card in `folder`."""
    from music21 import __version__, corpus

    titles = {entry["bwv"]: re.sub("^AA", "A", entry["title"]) for entry in corpus.chorales.ChoraleListRKBWV().byBWV.values()}
    names = sorted(set(corpus.chorales.Iterator(returnType="filename")), key=order)
    tunes, left_out = [], {}
    for name in names:
        bwv = name.split("bwv")[1]
        try:
            tunes.append(read(name, titles.get(bwv, "")))
        except LeftOut as reason:
            left_out[bwv] = str(reason)
    same_melody(tunes)
    split(tunes)
    rows = ",\n".join(json.dumps(tune.to_dict(), separators=(",", ":"), ensure_ascii=False) for tune in tunes)
    text = f'{{"name":"chorales","labels":["major","minor"],"tunes":[\n{rows}\n]}}\n'
    (folder / "chorales.json").write_text(text, encoding="utf-8")
    card = make_card(tunes, left_out, version=__version__, sha256=hashlib.sha256(text.encode()).hexdigest(), bytes_=len(text.encode()))
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def make_card(tunes: list[Tune], left_out: dict[str, str], *, version: str, sha256: str, bytes_: int) -> dict[str, Any]:
    sizes = Counter(tune.melody for tune in tunes)
    agreed = Counter(max(Counter(tune.key_votes.values()).values()) for tune in tunes)
    return {
        "name": "chorales",
        "summary": "The tunes of Bach's four-part chorales: the soprano part of each, as notes.",
        "made": "scripts/make_scores.py: the soprano part as notated, repeated sections once, tied notes as one, grace notes left out",
        "from": f"the chorales of J. S. Bach in the corpus of music21 {version} (corpus.chorales.Iterator), one MusicXML file each",
        "licence": "public domain",
        "licences_of_the_sources": {
            "music": "J. S. Bach (1685-1750) and the hymn tunes he set: public domain",
            "encoding": "the corpus of music21 (code under BSD), which is distributed with the permission of the encoders; its files of "
            "Bach's chorales state no rights. Only pitches, lengths, fermatas, signatures and titles are taken over",
        },
        "tools": {"music21": version},
        "count": len(tunes),
        "notes": sum(len(tune.notes) for tune in tunes),
        "labels": ["major", "minor"],
        "tunes_by_label": dict(sorted(Counter(tune.mode for tune in tunes).items())),
        "fields": {
            "tonic": "pitch class, 0 is C: what most of three say (the key that the file states, the key that music21 finds in all parts, "
            "the last bass note), the last bass note where they all differ. "
            f"All three agree in {agreed[3]}, two in {agreed[2]} of the tunes",
            "mode": "major or minor: the third above the tonic that sounds longer in all parts, the last chord left out",
            "pickup": "sixteenths before the first bar line",
            "melody": "tunes with one melody have one name here, the BWV number of the first",
            "notes": "[MIDI number or -1 for a rest, length in sixteenths]",
            "phrase_ends": "numbers of the notes under a fermata, and of the last note",
        },
        "melodies": {
            "count": len(sizes),
            "rule": f"two tunes have one melody if their titles agree, or if at least {SHARED:.0%} of the notes of either lie in phrases "
            f"that the other has too (of at least {SHORTEST} notes, in one key, at most {ALIKE:.0%} of the notes edited); so on in chains",
            "largest": dict(sizes.most_common(5)),
        },
        "split": {
            "rule": "whole melodies: no melody is in both. A fifth of the tunes of either mode, in the order of the digests of their names",
            "test": sum(tune.split == "test" for tune in tunes),
        },
        "left_out": left_out,
        "bytes": bytes_,
        "sha256": sha256,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="make it elsewhere and compare with data/scores")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        make(Path(scratch))
        made = {path.name: path.read_bytes() for path in sorted(Path(scratch).iterdir())}
    if check:
        differing = [name for name, data in made.items() if not (TARGET / name).is_file() or (TARGET / name).read_bytes() != data]
        print(f"differing: {', '.join(differing)}" if differing else f"all {len(made)} files are the same")
        return bool(differing)
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        (TARGET / name).write_bytes(data)
    print(f"{TARGET}: {sum(map(len, made.values())) / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
