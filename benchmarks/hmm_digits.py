"""Digits spoken by hidden Markov models, judged as audio by a recogniser trained on real recordings.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/hmm_digits.py [--steps 12] [--clips 20] [--more]

The registered model ``hmm`` learns from the training side of fsdd (2,700 real recordings of six speakers at 8 kHz) and speaks `--clips`
new clips of each digit. The first rows are real: recordings that neither side has seen, and recordings taken through the vocoder and back,
which is the best that any model of its tracks can do. Then the model, and what is lost when a part of the method is left out at sampling.
`--more` trains models of other sizes too. Columns: clips recognised as their digit; Inception Score (10 at best); distance between clips
of one digit (real is 1) and share of distinct ones; clips nearer to a training clip than real ones are; distance to the nearest training
clip (real is 1); Fréchet distance to training clips.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import time
from typing import Any

import numpy as np

from audiogen_helpers import evaluation
from audiogen_helpers.datasets import load
from audiogen_helpers.statistical import vocoder
from audiogen_helpers.statistical.speech import SpeechHmm
from audiogen_helpers.workflow.material import material

PARTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "frame by frame": {"smooth": False},
    "geometric durations": {"durations": "geometric"},
    "both: a plain HMM": {"smooth": False, "durations": "geometric"},
    "variance not restored": {"variance": False},
    "temperature 0": {"temperature": 0.0},
    "... and no variance": {"temperature": 0.0, "variance": False},
    "temperature 0.7": {"temperature": 0.7},
    "temperature 1.5": {"temperature": 1.5},
}
SIZES: dict[str, dict[str, int]] = {
    "1 chain": {"chains": 1},
    "3 chains": {"chains": 3},
    "6 chains": {"chains": 6},
    "16 chains": {"chains": 16},
    "3 states": {"states": 3},
    "5 states": {"states": 5},
    "16 states": {"states": 16},
    "order 6": {"order": 6},
    "order 18": {"order": 18},
}
HEAD = f"{'':24}{'recognised':>11}{'IS':>7}{'apart':>7}{'distinct':>9}{'copies':>8}{'nearest':>9}{'Frechet':>9}{'level':>8}"


def judge(name: str, Y: np.ndarray, labels: np.ndarray, note: str = "") -> None:
    """One row of the table."""
    found = evaluation.evaluate((Y, [str(label) for label in labels]), REFERENCE, sr=8000, recogniser=EARS)
    shown = {row[0]: row[1] for row in found.rows()}
    cells = [shown[key] for key in ("recognised", "Inception Score", "diversity", "distinct clips", "copies")]
    cells += [shown[key] for key in ("nearest training clip", "Fréchet distance", "level (dB)")]
    widths = (11, 7, 7, 9, 8, 9, 9, 8)
    print(f"{name:24}" + "".join(f"{cell:>{w}}" for cell, w in zip(cells, widths, strict=True)) + f"  {note}", flush=True)


def train(found: Any, steps: int, **settings: int) -> tuple[SpeechHmm, str]:
    """A trained model, and what it took."""
    began, used = time.perf_counter(), time.process_time()
    run = SpeechHmm.train(found.inputs, found.labels, n_labels=10, seed=0, sr=8000, **settings)
    for step in range(min(steps, run.max_steps)):
        metrics = run.train_step({}, (0, step))
    model = run.finish()
    took = f"{time.perf_counter() - began:.0f} s ({time.process_time() - used:.0f} s of one core)"
    return model, f"{took}, {model.n_parameters} parameters, log-likelihood {metrics['log_likelihood']:.2f}"


def through_the_vocoder(Y: np.ndarray) -> np.ndarray:
    """Clips taken apart and put together again."""
    out = np.zeros_like(Y)
    for row, y in zip(out, Y, strict=True):
        end = int(np.flatnonzero(y)[-1]) + 1
        again = vocoder.analyse(y[:end].astype(np.float64), sr=8000).synthesise(rng=0)
        row[:end] = again / max(1.0, np.abs(again).max() / 0.99)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--clips", type=int, default=20, help="of each digit")
    parser.add_argument("--more", action="store_true", help="models of other sizes too")
    asked = parser.parse_args()
    labels = np.repeat(np.arange(10), asked.clips)
    found = material("waveforms", REFERENCE.split("train"), spec=None, duration=None)
    test, test_labels = REFERENCE.split("test").arrays(length=found.length)
    sounding = int(sum(np.flatnonzero(y)[-1] + 1 for y in found.inputs))
    print(f"{len(found.labels)} training clips: {sounding} samples, {sounding // 40 * 18} numbers of the vocoder\n{HEAD}")
    judge("real, held out", test, test_labels)
    judge("through the vocoder", through_the_vocoder(test), test_labels)
    model, note = train(found, asked.steps)
    for name, options in PARTS.items():
        began = time.perf_counter()
        Y = model.sample(labels, seed=0, **options)
        judge(name, Y, labels, note if not options else f"sampled in {time.perf_counter() - began:.1f} s")
    for name, settings in SIZES.items() if asked.more else ():
        other, note = train(found, asked.steps, **settings)
        judge(name, other.sample(labels, seed=0), labels, note)


if __name__ == "__main__":
    REFERENCE = load("fsdd")
    EARS = evaluation.recogniser_for(REFERENCE)
    main()
