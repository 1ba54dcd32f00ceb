"""Render the bundled spoken digits, data/digits/: ten words, twenty synthetic voices, five renderings each.

    .venv/bin/python scripts/make_digits.py            # replaces data/digits
    .venv/bin/python scripts/make_digits.py --check    # renders elsewhere, compares with data/digits, changes nothing

Needs the programs espeak-ng and flite (Debian's packages of these names). It is run on purpose, never at install or test
time. On one machine the same versions give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from audiogen_helpers import audio, units
from audiogen_helpers._files import atomic_folder

ROOT = Path(__file__).resolve().parent.parent
SR = 8000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
N_RENDERINGS = 5
SHORTEST, LONGEST = 0.25, 1.0  # s
RMS_DB = -22.0  # level of every clip
PEAK_DB = -1.0  # what no clip may exceed (it stops the script: at this RMS none comes near)
FADE = 0.005  # s
RUMBLE = 50.0  # Hz: what lies below is not speech
# What is kept before the word and after it, s. flite tells where the word is, and that comes first: its pauses hum and hiss.
PADDING = 0.03
# Below the clip's peak: where a word begins and ends. The silence of espeak-ng is exact zeros, so even a faint consonant counts.
TRIM_DB = {"espeak-ng": -50.0, "flite": -44.0}


@dataclass(frozen=True)
class Voice:
    """One voice: who speaks, through which program, and the middle of its rate and pitch."""

    name: str
    program: str
    voice: str
    accent: str
    kind: str
    rate: float  # espeak-ng: words a minute; flite: factor on the duration
    pitch: float  # espeak-ng: 0 to 99; flite: mean of f0, Hz
    fixed_f0: float = 0.0  # Hz, of a voice that takes no order: it is played faster or slower instead, as of a smaller or larger head


VOICES = (
    Voice("kal", "flite", "kal", "American", "man, diphones", 1.1, 105),
    Voice("awb", "flite", "awb", "Scottish", "man, statistical parametric", 1.0, 125),
    Voice("rms", "flite", "rms", "American", "man, statistical parametric", 0.85, 82, fixed_f0=82),
    Voice("slt", "flite", "slt", "American", "woman, statistical parametric", 1.1, 175),
    Voice("american", "espeak-ng", "en-us", "American", "man, formants", 150, 50),
    Voice("scottish", "espeak-ng", "en-gb-scotland", "Scottish", "man, formants", 150, 50),
    Voice("caribbean", "espeak-ng", "en-029+m7", "Caribbean", "man, formants", 150, 55),
    Voice("received", "espeak-ng", "en-gb-x-rp+m2", "Received Pronunciation", "man, formants", 165, 50),
    Voice("lancaster", "espeak-ng", "en-gb-x-gbclan+max", "Lancaster", "man, formants", 150, 50),
    Voice("midlands", "espeak-ng", "en-gb-x-gbcwmd+sandro", "West Midlands", "man, formants", 150, 45),
    Voice("newyork", "espeak-ng", "en-us-nyc+ed", "New York", "man, formants", 150, 50),
    Voice("diogo", "espeak-ng", "en-us+Diogo", "American", "man, formants", 140, 55),
    Voice("klatt", "espeak-ng", "en-us+klatt2", "American", "man, Klatt's synthesiser", 150, 60),
    Voice("storm", "espeak-ng", "en-gb+Storm", "British", "man, formants", 150, 45),
    Voice("anika", "espeak-ng", "en-us+anika", "American", "woman, formants", 110, 50),
    Voice("grandma", "espeak-ng", "en-gb+grandma", "British", "old woman, formants", 150, 50),
    Voice("lady", "espeak-ng", "en-gb-x-rp+f5", "Received Pronunciation", "woman, formants", 165, 50),
    Voice("isla", "espeak-ng", "en-gb-scotland+f2", "Scottish", "woman, formants", 150, 50),
    Voice("andrea", "espeak-ng", "en-gb-x-gbclan+Andrea", "Lancaster", "woman, formants", 110, 50),
    Voice("steph", "espeak-ng", "en-us-nyc+steph", "New York", "woman, formants", 150, 50),
)
TEST_VOICES = ("awb", "newyork", "lady", "steph")


@dataclass(frozen=True)
class Rendering:
    """What one clip is made from."""

    digit: int
    voice: Voice
    index: int
    rate: float
    pitch: float
    text: str

    @property
    def speed(self) -> float:
        """How much faster than rendered it is played."""
        return self.pitch / self.voice.fixed_f0 if self.voice.fixed_f0 else 1.0

    @property
    def name(self) -> str:
        return f"{self.digit}_{self.voice.name}_{self.index}.flac"


def plan() -> list[Rendering]:
    """Rate, pitch and intonation of every clip. Within a digit and voice each fifth of either range is used once."""
    renderings = []
    for digit, word in enumerate(WORDS):
        for number, voice in enumerate(VOICES):
            rng = np.random.default_rng([digit, number])
            rate, pitch = ((rng.permutation(N_RENDERINGS) + rng.uniform(0.1, 0.9, N_RENDERINGS)) / N_RENDERINGS * 2 - 1 for _ in range(2))
            marks = rng.permutation(list(".?!,."))
            for index in range(N_RENDERINGS):
                if voice.program == "flite":
                    spread = 1.12 if voice.fixed_f0 else 1.2
                    made = (round(float(voice.rate * 1.25 ** rate[index]), 3), round(float(voice.pitch * spread ** pitch[index]), 1))
                else:
                    made = (round(voice.rate * 1.25 ** rate[index]), round(voice.pitch + 25 * pitch[index]))
                renderings.append(Rendering(digit, voice, index, *made, text=word + str(marks[index])))
    return renderings


def speak(rendering: Rendering, path: Path) -> tuple[float, float]:
    """Have the program say it, into a WAV file of its own rate. Returns where the word begins and ends, s, where that is told."""
    voice = rendering.voice
    if voice.program == "flite":
        settings = ("--setf", f"duration_stretch={rendering.rate * rendering.speed:.3f}", "--setf", f"int_f0_target_mean={rendering.pitch}")
        command = ["flite", "-psdur", "-voice", voice.voice, *settings, "-o", str(path), "-t", rendering.text]
    else:
        # Amplitude 50 of 100: some voices clip at 100. "-z": no pause after the sentence.
        settings = ("-s", str(rendering.rate), "-p", str(rendering.pitch), "-a", "50", "-z")
        command = ["espeak-ng", "-v", voice.voice, *settings, "-w", str(path), rendering.text]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    segments = re.findall(r"(\w+):([0-9.]+)", answer)  # flite: name and end of each, a pause first and last
    return (float(segments[0][1]), float(segments[-2][1])) if segments else (0.0, np.inf)


def render(rendering: Rendering, folder: Path) -> dict[str, object]:
    """One clip: spoken, resampled, trimmed, levelled, written. Returns its line of the card."""
    with tempfile.TemporaryDirectory() as scratch:
        begin, end = speak(rendering, Path(scratch) / "spoken.wav")
        y, sr = audio.read(Path(scratch) / "spoken.wav", mono=True)
    if np.abs(y).max() > 0.999:
        raise SystemExit(f"{rendering.name}: {rendering.voice.program} clipped")
    y = audio.resample(y, sr=round(sr * rendering.speed), to_sr=SR)
    y = sosfiltfilt(butter(4, RUMBLE, "highpass", fs=SR, output="sos"), y)
    if np.isfinite(end):
        begin, end = begin / rendering.speed - PADDING, end / rendering.speed + PADDING
        y = y[units.n_samples(begin, sr=SR) : units.n_samples(end, sr=SR)]
    y = audio.trim(y, sr=SR, threshold_db=TRIM_DB[rendering.voice.program], padding=PADDING)
    y = audio.fade(y, sr=SR, fade_in=FADE, fade_out=FADE)
    y = (y * units.db_to_gain(RMS_DB - audio.rms_db(y))).astype(np.float32)
    if audio.peak_db(y) > PEAK_DB:
        raise SystemExit(f"{rendering.name}: peak {audio.peak_db(y):.1f} dB at an RMS of {RMS_DB} dB, above {PEAK_DB} dB")
    if not SHORTEST <= len(y) / SR <= LONGEST:
        raise SystemExit(f"{rendering.name}: {len(y) / SR:.3f} s, outside {SHORTEST} to {LONGEST} s ({rendering})")
    audio.write(folder / rendering.name, y, sr=SR, subtype="PCM_16")
    return {"length": len(y), "rate": rendering.rate, "pitch": rendering.pitch, "text": rendering.text}


def said(*command: str, beside: str) -> str:
    """The line of a program's answer that holds this word."""
    lines = subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()
    return next((line.strip() for line in lines if beside in line), "unknown")


def make_card(clips: dict[str, dict[str, object]]) -> dict[str, object]:
    import soundfile

    voices = {
        voice.name: {
            "program": voice.program,
            "voice": voice.voice,
            "accent": voice.accent,
            "kind": voice.kind,
            "split": "test" if voice.name in TEST_VOICES else "train",
        }
        for voice in VOICES
    }
    return {
        "name": "digits",
        "summary": "Spoken digits zero to nine, rendered by 20 synthetic voices.",
        "made": "scripts/make_digits.py: each digit spoken by a program, resampled to 8 kHz, silence at the edges cut, set to one level",
        "from": "the English voices of espeak-ng (formants, Klatt's synthesiser) and flite (diphones, statistical parametric)",
        "licence": "CC BY 4.0",
        "licences_of_the_tools": {
            "espeak-ng": "GPL-3.0-or-later; the licence covers the program, not the speech it renders",
            "flite": "CMU's permissive licence (use, copy, modify, distribute without restriction); so are its voices kal, awb, rms, slt",
        },
        "tools": {
            "espeak-ng": said("espeak-ng", "--version", beside="eSpeak NG").split("  ")[0],
            "flite": said("flite", "--version", beside="version"),
            "Debian packages": said("dpkg-query", "-W", "-f", "${Package} ${Version} ", "espeak-ng", "flite", beside="espeak-ng"),
            "libsndfile": soundfile.__libsndfile_version__,
            "soxr": version("soxr"),
            "numpy": version("numpy"),
        },
        "sr": SR,
        "channels": 1,
        "subtype": "PCM_16",
        "count": len(clips),
        "labels": [str(digit) for digit in range(10)],
        "file_names": "{digit}_{voice}_{index}.flac",
        "level": {"rms_db": RMS_DB, "highest_peak_db": PEAK_DB, "rule": "every clip at the same RMS"},
        "edges": {"trim_db": TRIM_DB, "padding_s": PADDING, "fade_s": FADE},
        "highpass_hz": RUMBLE,
        "durations_s": {
            "shortest": round(min(int(str(clip["length"])) for clip in clips.values()) / SR, 3),
            "longest": round(max(int(str(clip["length"])) for clip in clips.values()) / SR, 3),
        },
        "split": {"rule": "whole voices: no voice is in both", "test": list(TEST_VOICES)},
        "voices": voices,
        "sha256_list": "sha256sums.txt (check it with: sha256sum -c sha256sums.txt)",
        "clips": clips,
    }


def make(folder: Path) -> None:
    """The whole set, card and digests included, in `folder`."""
    renderings = plan()
    with ThreadPoolExecutor(2) as pool:
        lines = list(pool.map(lambda rendering: render(rendering, folder), renderings))
    clips = {rendering.name: line for rendering, line in zip(renderings, lines, strict=True)}
    text = json.dumps(make_card(clips), indent=1)
    # One line per clip: short enough to read, and a change of one clip is a change of one line.
    head, _, _ = text.partition(' "clips": {')
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(clip)}" for name, clip in sorted(clips.items()))
    (folder / "card.json").write_text(f'{head} "clips": {{\n{rows}\n }}\n}}\n', encoding="utf-8")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in sorted(clips)]
    (folder / "sha256sums.txt").write_text("".join(sums), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="render elsewhere and compare with data/digits")
    target = ROOT / "data" / "digits"
    if parser.parse_args().check:
        with tempfile.TemporaryDirectory() as scratch:
            make(Path(scratch))
            names = sorted({path.name for folder in (target, Path(scratch)) for path in folder.iterdir()})
            differing = [name for name in names if _bytes(target / name) != _bytes(Path(scratch) / name)]
        print(
            f"{len(differing)} of {len(names)} files differ: {', '.join(differing[:10])}"
            if differing
            else f"all {len(names)} files are the same"
        )
        return bool(differing)
    with atomic_folder(target, overwrite=True) as folder:
        make(folder)
    print(f"{target}: {len(list(target.glob('*.flac')))} clips, {sum(path.stat().st_size for path in target.iterdir()) / 1e6:.2f} MB")
    return 0


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


if __name__ == "__main__":
    sys.exit(main())
