"""Oscillators: energy off the harmonics, and how well they are in tune, at 44.1 kHz.

    python benchmarks/oscillator_aliasing.py

Aliasing: one second of each wave at 100 pitches from 50 to 4000 Hz, half of them evenly spaced in octaves and half by chance; all that
lies on no harmonic, together, over the fundamental, dB (`spectral.off_harmonic_db`). What the measure itself leaves is seen in the line
of the sine. Pitch: `spectral.pitch_of` against what was asked for, at 100 pitches from 50 to 2000 Hz. The last line is the naive saw,
2 (f0 t mod 1) - 1, for comparison.
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers.spectral import off_harmonic_db, pitch_of
from audiogen_helpers.synthesis import render
from audiogen_helpers.units import cents

SR = 44_100


def naive_saw(f0: float) -> np.ndarray:
    """What comes of writing down the formula."""
    return 2.0 * np.mod(f0 * np.arange(SR) / SR, 1.0) - 1.0


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    pitches = np.concatenate([np.geomspace(50.0, 4000.0, 50), rng.uniform(50.0, 4000.0, 50)])
    tuned = np.geomspace(50.0, 2000.0, 100)
    print(f"{'wave':<10} {'worst off-harmonic energy':>26} {'at':>10} {'worst pitch error':>20}")
    for name in ("sine", "saw", "square", "pulse", "triangle", "harmonic"):
        off = [off_harmonic_db(render(name, sr=SR, duration=1.0, f0=f0), f0=f0, sr=SR) for f0 in pitches]
        wrong = [abs(cents(pitch_of(render(name, sr=SR, duration=1.0, f0=f0), sr=SR), reference=f0)) for f0 in tuned]
        print(f"{name:<10} {max(off):>23.1f} dB {pitches[int(np.argmax(off))]:>7.0f} Hz {max(wrong):>14.4f} cents")
    off = [off_harmonic_db(naive_saw(f0), f0=f0, sr=SR) for f0 in pitches]
    print(f"{'naive saw':<10} {max(off):>23.1f} dB {pitches[int(np.argmax(off))]:>7.0f} Hz")


if __name__ == "__main__":
    main()
