"""How far each pitched sound is from the pitch it was asked for, measured from the sound, over the range in which it claims to be in tune.

    python benchmarks/synthesis_pitch.py [--sr HZ] [--steps N] [NAME ...]

Each sound plays 25 pitches in equal steps of the logarithm, a second each at 44.1 kHz; the frequency of its fundamental partial is
measured.
"""

from __future__ import annotations

import argparse

import numpy as np

from audiogen_helpers import synthesis
from audiogen_helpers.spectral import pitch_of
from audiogen_helpers.units import cents


def errors(name: str, *, sr: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitches asked for, Hz, and how far the sound is from them, cents (infinite where none is heard)."""
    low, high = synthesis.SOUNDS[name].extra["in_tune"]
    asked = np.geomspace(low, min(high, 0.4 * sr), steps)
    off = []
    for f0 in asked:
        y = synthesis.render(name, sr=sr, duration=1.0, rng=0, f0=float(f0))
        heard = pitch_of(y, sr=sr, f_min=0.9 * f0, f_max=1.1 * f0)
        off.append(float(cents(heard, reference=f0)) if heard > 0.0 else np.inf)
    return asked, np.array(off)


def main() -> None:
    parser = argparse.ArgumentParser(description="Worst error of pitch of each tuned sound.")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--sr", type=int, default=44_100)
    parser.add_argument("--steps", type=int, default=25)
    options = parser.parse_args()
    tuned = [name for name, entry in synthesis.SOUNDS.items() if "in_tune" in entry.extra]
    print(f"{options.steps} pitches each, {options.sr} Hz")
    print(f"{'sound':24}{'from Hz':>9}{'to Hz':>9}{'worst, cents':>14}{'at Hz':>9}{'median':>9}")
    for name in options.names or tuned:
        asked, off = errors(name, sr=options.sr, steps=options.steps)
        worst = int(np.argmax(np.abs(off)))
        flag = "" if abs(off[worst]) < 2.0 else "   out of tune"
        median = np.median(np.abs(off))
        print(f"{name:24}{asked[0]:9.0f}{asked[-1]:9.0f}{off[worst]:14.3f}{asked[worst]:9.0f}{median:9.3f}{flag}", flush=True)


if __name__ == "__main__":
    main()
