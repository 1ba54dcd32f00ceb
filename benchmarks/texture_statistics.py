"""Textures of real recordings: how close their statistics come, and that nothing of the recording is replayed.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/texture_statistics.py

Clips of esc10 (5 s; digital silence at the ends is cut off), at 22 050 Hz. The first half of a clip is the original; its statistics are
imposed on noise. Two tables of the distance of each class (0 is equal, 0.1 is 20 dB), means over `--clips` clips:

to the first half, what was asked for: `noise` has its spectrum only, `texture` all its statistics;
to the second half, which nothing was told of: `first half` is the yardstick, what the recording itself differs from itself.

`likeness` is the largest normalised cross-correlation of any 50 ms of the sound with any place of the first half (1 is a copy);
`noise`, which knows the spectrum only, shows what chance gives, and the second half what the source does anyway (a tick is like a
tick). `seconds` is the time on one core for 10 s of sound.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from audiogen_helpers import audio
from audiogen_helpers._files import corpora_dir
from audiogen_helpers.statistical.texture import CLASSES, statistics, texture

SR = 22_050
KINDS = ("rain", "sea_waves", "fire_crackling", "helicopter", "clock_tick")
PIECE = round(0.05 * SR)


def halves(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """The halves of what sounds in a clip; None where that is less than 2 s."""
    y, rate = audio.read(path)
    y = audio.resample(audio.to_mono(y).astype(np.float64), sr=rate, to_sr=SR)
    loud = np.flatnonzero(np.abs(y) > 1e-3 * np.abs(y).max())
    y = y[loud[0] : loud[-1] + 1]
    return None if len(y) < 2 * SR else (y[: len(y) // 2], y[len(y) // 2 :])


def likeness(y: np.ndarray, original: np.ndarray) -> float:
    """Largest normalised cross-correlation of the 50 ms pieces of `y` with any place of `original`."""
    energy = np.maximum(np.convolve(np.square(original), np.ones(PIECE), "valid"), 1e-9 * np.square(original).max())
    best = 0.0
    for start in range(0, len(y) - PIECE, PIECE):
        piece = y[start : start + PIECE]
        match = fftconvolve(original, piece[::-1], "valid")
        best = max(best, float(np.abs(match / np.sqrt(energy)).max() / np.linalg.norm(piece)))
    return best


def row(name: str, found: list[dict[str, float]]) -> None:
    values = [np.mean([d[c] for d in found]) for c in CLASSES]
    print(f"  {name:12s}" + "".join(f"{v:12.3f}" for v in values) + f"{np.mean(values):9.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=3, help="clips of each kind")
    parser.add_argument("--iterations", type=int, default=80)
    options = parser.parse_args()
    corpora = corpora_dir()
    if corpora is None:
        parser.error("AUDIOGEN_CORPORA names no folder")
    for kind in KINDS:
        pairs = [p for p in map(halves, sorted((corpora / "esc10" / kind).glob("*.ogg"))) if p is not None][: options.clips]
        table: dict[str, list[dict[str, float]]] = {"noise": [], "texture": [], "first half": [], "noise ": [], "texture ": []}
        like: dict[str, list[float]] = {"noise": [], "texture": [], "second half": []}
        level: list[float] = []
        for i, (first, second) in enumerate(pairs):
            A, B = statistics(first, sr=SR), statistics(second, sr=SR)
            table["first half"].append(B.distance(A))
            like["second half"].append(likeness(second, first))
            for name, n_iter in (("noise", 0), ("texture", options.iterations)):
                y = texture(A, sr=SR, duration=5.0, n_iter=n_iter, rng=i)
                found = statistics(y, sr=SR)
                table[name].append(A.distance(found))
                table[name + " "].append(B.distance(found))
                like[name].append(likeness(y, first))
                level.append(20 * np.log10(y.std() / A.level))
        clock = time.process_time()
        texture(A, sr=SR, duration=10.0, n_iter=options.iterations, rng=0)
        clock = time.process_time() - clock
        print(
            f"{kind}: {len(pairs)} clips; likeness: {', '.join(f'{name} {np.mean(values):.2f}' for name, values in like.items())}; "
            f"level off by at most {np.abs(level).max():.2f} dB; {clock:.1f} seconds"
        )
        print(f"  {'':12s}" + "".join(f"{c.replace('modulation_', 'mod_')[:11]:>12s}" for c in CLASSES) + f"{'mean':>9s}")
        print("  to the first half")
        for name in ("noise", "texture"):
            row(name, table[name])
        print("  to the second half")
        for name in ("first half", "noise ", "texture "):
            row(name.strip(), table[name])


if __name__ == "__main__":
    main()
