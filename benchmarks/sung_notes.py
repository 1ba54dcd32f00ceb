"""Writes the clips that the sample-level network learns from: thirteen sung notes, C4 to C5, by the package's own voice.

.venv/bin/python benchmarks/sung_notes.py FOLDER     # a second or two; 13 notes, 6 clips of each, 0.75 s at 16 kHz
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from audiogen_helpers import audio, units
from audiogen_helpers.synthesis.voice.formants import vowel

SR, DURATION, CLIPS = 16_000, 0.75, 6
NOTES = range(60, 73)  # MIDI numbers


def sung(midi: int, *, rng: np.random.Generator) -> np.ndarray:
    """One note, sung on "ah" with little breath and a soft beginning; it is held to the end of the clip."""
    f0 = float(units.midi_to_hz(midi))
    y = vowel(f0, sr=SR, duration=DURATION, vowel="AA", speaker="woman", breath=0.01, jitter=0.002, rng=rng)
    y = audio.fade(y, sr=SR, fade_in=0.03)
    return (0.5 * y / np.abs(y).max()).astype(np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    from pathlib import Path

    for midi in NOTES:
        for i in range(CLIPS):
            audio.write(Path(folder) / str(midi) / f"{i}.wav", sung(midi, rng=np.random.default_rng([midi, i])), sr=SR)
    return 0


if __name__ == "__main__":
    sys.exit(main())
