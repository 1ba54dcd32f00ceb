"""Mel inversion against librosa: seconds and errors on the same batch of 20 one-second clips at 8 kHz, 32 iterations.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/mel_inversion.py

The clips are real recordings (fsdd, two per digit, cut or zero-padded to one second); where that corpus is absent, the
bundled synthetic digits, and the first line says so. Both sides run in this process in turns, so that a busy machine
slows both, on one thread: the variables below are read by OpenBLAS, MKL, OpenMP and numba when they load, hence before
numpy; the FFTs of numpy and scipy use one thread unless told otherwise. The first, untimed call of each side compiles
and fills its caches. Seconds are medians of wall time; the ratio of processor time is given too, because waiting for a
busy machine does not count in it.

error = ||mel(y) - M|| / ||M|| over the batch; dB = root mean square difference of the log-mel values, floor at -80 dB.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from collections.abc import Callable

import librosa
import numpy as np

from audiogen_helpers import datasets, spectral

N_CLIPS, SR, N_ITER = 20, 8000, 32
SETTINGS = ((512, 128, 64), (1024, 64, 128))


def real_clips() -> tuple[np.ndarray, str]:
    """Clips ``(20, 8000)`` float32, evenly from the sorted corpus, and a sentence about them."""
    dataset = datasets.load(datasets.best("fsdd", "digits"))
    chosen = dataset.subset(np.linspace(0, len(dataset) - 1, N_CLIPS).round().astype(int))
    Y, _ = chosen.arrays(length=SR, sr=SR)
    note = "" if dataset.name == "fsdd" else " THESE CLIPS ARE SYNTHETIC: set AUDIOGEN_CORPORA to a folder that holds fsdd."
    return Y, dataset.describe() + note


def measure(sides: dict[str, Callable[[], np.ndarray]], *, n_runs: int) -> dict[str, tuple[np.ndarray, float, float]]:
    """For each side its result, and the medians of its wall time and processor time, s."""
    results = {name: run() for name, run in sides.items()}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(n_runs):
        for name, run in sides.items():
            before = time.perf_counter(), time.process_time()
            run()
            wall[name].append(time.perf_counter() - before[0])
            cpu[name].append(time.process_time() - before[1])
    return {name: (results[name], float(np.median(wall[name])), float(np.median(cpu[name]))) for name in sides}


def errors(y: np.ndarray, Y: np.ndarray, spec: spectral.MelSpec) -> tuple[float, float]:
    """Relative error of the mel spectrum, and root mean square error of its decibels."""
    M = spectral.mel(Y, spec)
    difference = spectral.log_mel(y, spec) - spectral.log_mel(Y, spec)
    return float(np.linalg.norm(spectral.mel(y, spec) - M) / np.linalg.norm(M)), float(np.sqrt(np.mean(difference**2)))


def compare(Y: np.ndarray, spec: spectral.MelSpec, *, n_runs: int) -> list[str]:
    """Two rows of the table."""
    M = librosa.feature.melspectrogram(y=Y, sr=SR, n_fft=spec.n_fft, hop_length=spec.hop_length, n_mels=spec.n_mels, power=spec.power)
    np.testing.assert_allclose(spectral.mel(Y, spec), M, rtol=1e-3, atol=1e-5 * M.max())
    found = measure(
        {
            "librosa": lambda: librosa.feature.inverse.mel_to_audio(
                M, sr=SR, n_fft=spec.n_fft, hop_length=spec.hop_length, power=spec.power, n_iter=N_ITER, length=Y.shape[1]
            ),
            "audiogen": lambda: spectral.mel_to_audio(M, spec, n_iter=N_ITER, rng=0, length=Y.shape[1]),
        },
        n_runs=n_runs,
    )
    rows = []
    for name, (y, wall, cpu) in found.items():
        error, db = errors(y, Y, spec)
        times, cpu_times = found["librosa"][1] / wall, found["librosa"][2] / cpu
        setting = f"{spec.n_fft:5d} {spec.hop_length:4d} {spec.n_mels:5d} {spec.power:6.0f}"
        per_clip = 1e3 * wall / N_CLIPS
        rows.append(f"{setting}  {name:9s} {wall:8.3f} {per_clip:8.1f} {times:7.1f} {cpu_times:7.1f} {error:8.4f} {db:7.2f}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each side (5)")
    arguments = parser.parse_args()
    Y, sentence = real_clips()
    print(f"{N_CLIPS} clips of 1 s at {SR} Hz. {sentence}")
    print(f"One thread, {N_ITER} iterations, medians of {arguments.runs} runs. numpy {np.__version__}, librosa {librosa.__version__}.")
    print("n_fft  hop  mels  power  side       seconds  ms/clip   times    (cpu)   error      dB")
    for n_fft, hop_length, n_mels in SETTINGS:
        for power in (1, 2):
            spec = spectral.MelSpec(sr=SR, n_fft=n_fft, hop_length=hop_length, n_mels=n_mels, power=power)
            print(*compare(Y, spec, n_runs=arguments.runs), sep="\n", flush=True)


if __name__ == "__main__":
    main()
