"""Memory of a training run while its data grow 100 times: features in shards on disk, and, for comparison, held in memory.

    python benchmarks/training_memory.py [--clips 200] [--steps 100]

Each line is a process of its own that computes features of so many clips (64 mel bands, 64 frames, float32: 16 kB each) into a
cache and trains the flow on them. In MiB, above what the process needed before the features: steps = the most at any step; preparing =
the most until the first step (the flow's linear code is found on at most 8192 clips, 128 MiB, and their copies). In milliseconds:
read = to fetch a batch of 256; step = a whole step. Noise stands for the clips: what they hold does not matter here.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.flow import FlowTraining
from audiogen_helpers.deep.streaming import cached_rows
from audiogen_helpers.deep.trainer import fit

SHAPE = (64, 64)


def make(part: range) -> np.ndarray:
    return np.random.default_rng(part.start).uniform(-1.0, 1.0, (len(part), *SHAPE)).astype(np.float32)


def run(way: str, n: int, steps: int, folder: str) -> None:
    """One line of the table."""
    tensorflow()
    process, peak, reading = psutil.Process(), 0, 0.0
    before = process.memory_info().rss
    X = cached_rows(folder, make, n=n, shape=SHAPE, key={}, shard_bytes=2**23)
    model = FlowTraining(X if way == "disk" else X[:], np.arange(n) % 10, n_labels=10, seed=0, components=64, width=128, blocks=2)
    preparing = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def batch_at(step: int) -> dict[str, np.ndarray]:
        nonlocal peak, reading
        start = time.perf_counter()
        batch = model.batch_at(step)
        reading += time.perf_counter() - start
        peak = max(peak, process.memory_info().rss)
        return batch

    history = fit(model, batch_at, steps=steps, seed=0, progress=False)
    size = n * SHAPE[0] * SHAPE[1] * 4 / 2**20
    needed = f"preparing +{(preparing - before) / 2**20:>5.0f}   steps +{(peak - before) / 2**20:>5.0f} MiB"
    took = f"read {1e3 * reading / steps:>5.1f}   step {1e3 * history.seconds / steps:>5.1f} ms"
    print(f"{way:<7} {n:>7} clips of {size:>6.0f} MiB   {needed}   {took}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--run", nargs=2, metavar=("WAY", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        run(asked.run[0], asked.clips, asked.steps, asked.run[1])
        return
    for way in ("disk", "memory"):
        for n in (asked.clips, 10 * asked.clips, 100 * asked.clips):
            with tempfile.TemporaryDirectory() as folder:
                own = [sys.executable, str(Path(__file__).resolve()), "--clips", str(n), "--steps", str(asked.steps), "--run", way, folder]
                subprocess.run(own, check=True)


if __name__ == "__main__":
    main()
