"""Fitting hidden Markov models against hmmlearn: seconds for the same Baum-Welch iterations from the same start, one model per digit.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/hmm_speed.py

The sequences are 13 mel-frequency cepstral coefficients of all 3,000 real digits (fsdd); where that corpus is absent, the bundled synthetic
digits, and the first line says so. Each digit gets a left-to-right chain. Both sides start from the same model and run the same number of
iterations with no floor and no prior; hmmlearn does so in its default way (logarithms) and in its faster one (scaling, which underflows on
long or unlikely sequences; ours does not). Both run in this process in turns, so that a busy machine slows both, on one thread: the
variables below are read by OpenBLAS, MKL, OpenMP and numba when they load, hence before numpy. The first, untimed call of each side
compiles and fills its caches. Seconds are medians of wall time, of processor time in brackets: waiting for a busy machine does not count
there.

difference = (ours - hmmlearn's) / |hmmlearn's|, of the log-likelihood of all sequences after the last iteration. For mixtures hmmlearn
measures variances about the means of the iteration before, ours about the new ones, so the two climb the same hill on other paths.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import time
from collections.abc import Callable

import hmmlearn
import numpy as np
from hmmlearn.hmm import GMMHMM, GaussianHMM

from audiogen_helpers import audio, datasets, spectral
from audiogen_helpers.statistical.hmm import Hmm, fit_hmm, left_to_right

N_MFCC, SR = 13, 8000
SETTINGS = ((8, 1), (12, 1), (8, 4))  # states, Gaussians of each state
Sequences = list[np.ndarray]


def digits() -> tuple[dict[str, Sequences], int, str]:
    """Sequences (frames, 13) of each digit, how many clips, and a sentence about them."""
    dataset = datasets.load(datasets.best("fsdd", "digits"))
    found: dict[str, Sequences] = {}
    spec = spectral.MelSpec(sr=SR, n_fft=256, hop_length=80, n_mels=26)
    for i, label in enumerate(dataset.labels):
        y, sr = dataset.clip(i)
        frames = spectral.mfcc(audio.resample(y, sr=sr, to_sr=SR), spec, n_mfcc=N_MFCC).T
        found.setdefault(label, []).append(np.ascontiguousarray(frames, dtype=np.float64))
    note = "" if dataset.name == "fsdd" else " THESE CLIPS ARE SYNTHETIC: set AUDIOGEN_CORPORA to a folder that holds fsdd."
    return found, len(dataset), dataset.describe() + note


def theirs(start: Hmm, X: np.ndarray, lengths: list[int], *, n_iter: int, implementation: str) -> float:
    """hmmlearn's fit from `start`; returns the log-likelihood of its result."""
    k, emissions = start.n_states, start.emissions
    common = {"n_iter": n_iter, "tol": -np.inf, "init_params": "", "implementation": implementation}
    if emissions.means.ndim == 2:
        model = GaussianHMM(k, "diag", covars_prior=0.0, covars_weight=1.0, means_weight=0.0, **common)
        model.covars_ = emissions.covariances
    else:
        model = GMMHMM(k, emissions.means.shape[1], covariance_type="diag", **common)
        model.weights_, model.covars_ = emissions.weights, emissions.variances
    model.startprob_, model.transmat_, model.means_ = start.start, start.transition, emissions.means
    model.fit(X, lengths)
    return model.score(X, lengths)


def ours(start: Hmm, sequences: Sequences, *, n_iter: int) -> float:
    """This package's fit from `start`; returns the log-likelihood of its result."""
    _, history = fit_hmm(sequences, start=start, n_iter=n_iter, tol=0.0, floor=0.0)
    return history[-1] * sum(len(x) for x in sequences)


def measure(sides: dict[str, Callable[[], float]], *, n_runs: int) -> dict[str, tuple[float, float, float]]:
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


def compare(found: dict[str, Sequences], *, n_states: int, n_components: int, n_iter: int, n_runs: int) -> list[str]:
    """Rows of the table for one setting."""
    starts = {name: left_to_right(part, n_states=n_states, n_components=n_components, rng=0) for name, part in found.items()}
    stacked = {name: (np.concatenate(part), [len(x) for x in part]) for name, part in found.items()}
    sides: dict[str, Callable[[], float]] = {
        f"hmmlearn {kind}": lambda kind=kind: sum(theirs(starts[d], *stacked[d], n_iter=n_iter, implementation=kind) for d in found)
        for kind in ("log", "scaling")
    }
    sides["audiogen"] = lambda: sum(ours(starts[d], found[d], n_iter=n_iter) for d in found)
    measured = measure(sides, n_runs=n_runs)
    rows = []
    for name, (log_p, wall, cpu) in measured.items():
        times, cpu_times = wall / measured["audiogen"][1], cpu / measured["audiogen"][2]
        difference = measured["audiogen"][0] / log_p - 1.0
        rows.append(
            f"{n_states:6d} {n_components:5d}  {name:16s} {wall:8.3f} ({cpu:7.3f}) {times:8.1f} ({cpu_times:6.1f}) "
            f"{log_p:14.1f} {-difference if log_p < 0 else difference:+12.2e}"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each side (3)")
    parser.add_argument("--iterations", type=int, default=5, help="Baum-Welch iterations (5)")
    arguments = parser.parse_args()
    found, n_clips, sentence = digits()
    frames = sum(len(x) for part in found.values() for x in part)
    print(f"{n_clips} clips, {frames} frames of {N_MFCC} MFCC. {sentence}")
    versions = f"numpy {np.__version__}, hmmlearn {hmmlearn.__version__}"
    print(f"One thread, {arguments.iterations} iterations, medians of {arguments.runs} runs. {versions}.")
    print("states bells  side              seconds    (cpu)  hmmlearn/ours  (cpu)  log-likelihood   difference")
    for n_states, n_components in SETTINGS:
        rows = compare(found, n_states=n_states, n_components=n_components, n_iter=arguments.iterations, n_runs=arguments.runs)
        print(*rows, sep="\n", flush=True)


if __name__ == "__main__":
    main()
