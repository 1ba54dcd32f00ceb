"""How many times faster than real time each registered sound is rendered, on one core at 44.1 kHz.

    python benchmarks/synthesis_speed.py [NAME ...]

Each sound is rendered once to compile and load what it needs, then five times; the median counts. Two references make the same
string in the same process: the ten lines of the book as a plain Python loop, and one call of scipy.signal.lfilter per second.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

from audiogen_helpers import synthesis
from audiogen_helpers._streams import ends

SR = 44_100
SECONDS = 10.0
GOAL = {"karplus-strong": 1000.0}


def times_real_time(make: Callable[[], np.ndarray], *, seconds: float, repeats: int = 5) -> float:
    make()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        make()
        found.append(time.perf_counter() - start)
    return seconds / statistics.median(found)


def plain_loop(f0: float = 220.0, seconds: float = 1.0) -> np.ndarray:
    line = np.random.default_rng(0).uniform(-1, 1, round(SR / f0))
    y = np.empty(round(seconds * SR))
    n_delay = len(line)
    for n in range(len(y)):
        i = n % n_delay
        y[n] = line[i]
        line[i] = 0.5 * (line[i] + line[(i + 1) % n_delay])
    return y


def one_filter(f0: float = 220.0, seconds: float = SECONDS) -> np.ndarray:
    from scipy.signal import lfilter

    n_delay = round(SR / f0)
    x = np.zeros(round(seconds * SR))
    x[:n_delay] = np.random.default_rng(0).uniform(-1, 1, n_delay)
    return lfilter([1.0], [1.0, *np.zeros(n_delay - 1), -0.5, -0.5], x)


def main(names: list[str]) -> None:
    print(f"times real time, one core, {SR} Hz, {SECONDS:g} s, median of 5")
    print(f"{'(plain Python loop, a string)':32}{times_real_time(plain_loop, seconds=1.0):10.0f}")
    print(f"{'(scipy.signal.lfilter, a string)':32}{times_real_time(one_filter, seconds=SECONDS):10.0f}")
    for name in names or synthesis.SOUNDS:
        length = SECONDS if not ends(synthesis.SOUNDS[name]) else 3.0
        speed = times_real_time(lambda name=name, length=length: synthesis.render(name, sr=SR, duration=length, rng=0), seconds=length)
        goal = GOAL.get(name, 100.0)
        print(f"{name:32}{speed:10.0f}{'' if speed >= goal else f'   below the goal of {goal:g}'}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
