"""Digits spoken by flow and diffusion, judged as audio by a recogniser trained on real recordings: guidance, steps, solvers, speakers.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/flow_digits.py [--flow FOLDER] [--ddpm FOLDER] [--only flow] [--store]
    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/flow_digits.py --train 5000 [--seeds 0 1 2]

The folders are trained models; by default the checkpoints that come with the project. `--store` writes the rows into their cards, under
``ablation``. `--train` trains flows of that many steps from other seeds instead and judges them. Columns: clips recognised as
their digit; Inception Score (10 at best); distance between clips of one digit (real is 1); Fréchet distance of the recogniser's embedding
to 600 training clips; clips nearer to a training clip than real ones are; clips of each of the six speakers. Who speaks is told by a
linear classifier of the long-term spectrum, which learns from the training clips here and is used for nothing else.
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import evaluation, spectral, workflow
from audiogen_helpers._files import bundled_dir
from audiogen_helpers.datasets import load
from audiogen_helpers.deep.arrays import load_json, save_json
from audiogen_helpers.evaluation.ears import read_clips, stack

COMMAND = "AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/flow_digits.py --store"
FLOW: dict[str, dict[str, Any]] = {
    "default": {},
    **{f"guidance {g:g}": {"guidance": g} for g in (0.0, 1.0, 1.25, 1.5, 2.0, 3.0, 6.0)},
    **{
        f"{solver}, {n} steps": {"solver": solver, "sample_steps": n}
        for solver in ("euler", "heun", "midpoint")
        for n in (1, 2, 4, 8, 16, 32)
    },
}
DDPM: dict[str, dict[str, Any]] = {
    "default": {},
    "guidance 1": {"guidance": 1.0},
    "guidance 2": {"guidance": 2.0},
    **{f"dice, {n} steps": {"churn": 1.0, "sample_steps": n} for n in (4, 8, 16, 32, 64)},
    **{f"no dice, {n} steps": {"churn": 0.0, "sample_steps": n} for n in (1, 2, 4, 8, 16, 32)},
}
HEAD = f"{'':28}{'recognised':>11}{'IS':>7}{'apart':>7}{'Frechet':>9}{'copies':>8}  speakers"


def voice_features(Y: np.ndarray) -> np.ndarray:
    """Long-term spectrum of each clip: mean, deviation and mean change of every mel band over the frames that sound."""
    Y = Y / np.maximum(np.abs(Y).max(axis=1, keepdims=True), 1e-9)
    L = np.concatenate([spectral.log_mel(Y[i : i + 200].astype(np.float32), EARS.spec) for i in range(0, len(Y), 200)])
    L = np.maximum(L - L.max(axis=(1, 2), keepdims=True), -60.0)
    level = L.mean(axis=1)
    weight = (level > level.max(axis=1, keepdims=True) - 25.0).astype(float)
    weight /= weight.sum(axis=1, keepdims=True)
    mean = np.einsum("nbf,nf->nb", L, weight)
    deviation = np.sqrt(np.einsum("nbf,nf->nb", (L - mean[..., None]) ** 2, weight))
    change = np.einsum("nbf,nf->nb", np.abs(np.diff(L, axis=1, prepend=L[:, :1])), weight)
    return np.concatenate([mean, deviation, change], axis=1)


class Voices:
    """Tells the six speakers apart: ridge regression on their names."""

    def __init__(self, Y: np.ndarray, speakers: tuple[str, ...]) -> None:
        self.names = sorted(set(speakers))
        F = voice_features(Y)
        self._mean, self._scale = F.mean(axis=0), F.std(axis=0) + 1e-6
        Z, wanted = self._rows(F), np.array([[name == speaker for name in self.names] for speaker in speakers], dtype=float)
        self._W = np.linalg.solve(Z.T @ Z + 30.0 * np.eye(Z.shape[1]), Z.T @ wanted)

    def _rows(self, F: np.ndarray) -> np.ndarray:
        return np.c_[(F - self._mean) / self._scale, np.ones(len(F))]

    def hear(self, Y: np.ndarray) -> np.ndarray:
        return (self._rows(voice_features(Y)) @ self._W).argmax(axis=1)


def judge(name: str, Y: np.ndarray, labels: np.ndarray, *, copies: bool = False, note: str = "") -> dict[str, Any]:
    """One row of the table."""
    E, F, gen = EARS.embed(Y, sr=8000), evaluation.fingerprints(Y, EARS.spec), np.random.default_rng(0)
    p = EARS.probabilities(E)
    row: dict[str, Any] = {
        "recognised": round(float((p.argmax(axis=1) == labels).mean()), 3),
        "inception_score": round(float(evaluation.inception_score(p)), 2),
        "diversity": round(evaluation.diversity(F, labels, TRAIN_PRINTS, TRAIN.label_indices, rng=gen).ratio, 3),
        "frechet_distance": round(float(evaluation.frechet_distance(E, TRAIN_EMBEDDED)), 1),
        "speakers": np.bincount(VOICES.hear(Y), minlength=len(VOICES.names)).tolist(),
    }
    if copies:
        row["copies"] = len(evaluation.nearest_training_clip(F, TRAIN_PRINTS, held_out=TEST_PRINTS, rng=gen).copies)
    cells = f"{row['recognised']:11.3f}{row['inception_score']:7.2f}{row['diversity']:7.3f}{row['frechet_distance']:9.1f}"
    print(f"{name:28}{cells}{row.get('copies', ''):>8}  {row['speakers']}  {note}", flush=True)
    return row


def table(folder: Path, rows: dict[str, dict[str, Any]], labels: np.ndarray, *, store: bool) -> None:
    """Every row of a model, into its card if asked."""
    model, found = workflow.load(folder), {}
    print(f"{folder.name}\n{HEAD}")
    for name, options in rows.items():
        began = time.process_time()
        Y, _ = model.sample(len(labels), seed=0, **options)
        note = f"sampled in {time.process_time() - began:.1f} s of one core"
        found[name] = {**options, **judge(name, Y, labels, copies=not options, note=note)}
    if store:
        card = load_json(folder / "card.json")
        save_json(
            folder / "card.json", {**card, "ablation": {"measured_by": COMMAND, "speakers": VOICES.names, "real": REAL, "rows": found}}
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    home = bundled_dir() / "checkpoints"
    parser.add_argument("--flow", type=Path, default=home / "flow-fsdd")
    parser.add_argument("--ddpm", type=Path, default=home / "ddpm-fsdd")
    parser.add_argument("--only", choices=("flow", "ddpm"), help="one of the two")
    parser.add_argument("--clips", type=int, default=20, help="of each digit")
    parser.add_argument("--store", action="store_true", help="write the rows into the cards")
    parser.add_argument("--train", type=int, default=0, help="train flows of so many steps instead")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    labels = np.repeat(np.arange(10), asked.clips)
    for name, folder, rows in (("flow", asked.flow, FLOW), ("ddpm", asked.ddpm, DDPM)):
        if not asked.train and asked.only in (None, name):
            table(folder, rows, labels, store=asked.store)
    for seed in asked.seeds if asked.train else ():
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as place:
            model = workflow.train("flow", data="fsdd", out=Path(place) / "m", steps=asked.train, seed=seed, progress=False)
            for options in ({}, {"guidance": 1.0}):
                Y, _ = model.sample(len(labels), seed=0, **options)
                judge(f"flow, seed {seed} {options or ''}", Y, labels, copies=True, note=f"{model.card['minutes']} min")


if __name__ == "__main__":
    DATA = load("fsdd")
    EARS = evaluation.recogniser_for(DATA)
    TRAIN, TEST = DATA.split("train"), DATA.split("test")
    TRAIN_CLIPS, TEST_CLIPS = (stack(read_clips(part, sr=8000), length=8064) for part in (TRAIN, TEST))
    TRAIN_PRINTS, TEST_PRINTS = evaluation.fingerprints(TRAIN_CLIPS, EARS.spec), evaluation.fingerprints(TEST_CLIPS, EARS.spec)
    TRAIN_EMBEDDED = EARS.embed(TRAIN_CLIPS[np.random.default_rng(0).permutation(len(TRAIN_CLIPS))[:600]], sr=8000)
    VOICES = Voices(TRAIN_CLIPS, TRAIN.groups)
    right = np.mean([VOICES.names[k] == name for k, name in zip(VOICES.hear(TEST_CLIPS), TEST.groups, strict=True)])
    print(
        f"who speaks is told right for {right:.1%} of held-out clips; training clips: {[TRAIN.groups.count(name) for name in VOICES.names]}"
    )
    print(HEAD)
    REAL = judge("real, held out", TEST_CLIPS, TEST.label_indices, copies=True)
    main()
