"""Digits spoken by variational autoencoders, judged as audio by a recogniser trained on real recordings: what each part is worth.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/vae_digits.py [--steps 1000] [--only NAME ...] [--card FOLDER]

The first table is of the checkpoint `vae-fsdd`: real recordings that it has never seen (the test side of fsdd), the same after its linear
code alone, after its encoder and decoder, and new clips from each of its priors. The second trains variants for `--steps` steps, seed 0, on
the training side and gives for each: nats of divergence in a code, mean square error of held-out pictures, and the share of 200 clips
that is recognised after encoder and decoder, and with codes from the standard normal, from a bell for each digit, from the learned prior,
and from the learned prior without guidance. `--card` writes both tables into that folder's card.json, under "ablation".
"""

# ruff: noqa: E402 (the number of threads must be set before numpy loads)
from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import evaluation
from audiogen_helpers.datasets import load
from audiogen_helpers.deep.losses import gaussian_kl
from audiogen_helpers.deep.pca import Pca
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.deep.vae import Vae, VaeTraining
from audiogen_helpers.workflow import checkpoint
from audiogen_helpers.workflow.features import default_spec, features
from audiogen_helpers.workflow.trained import Trained

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no linear code": {"linear": "none"},
    "... beta 100": {"linear": "none", "beta": 100.0},
    "... beta 100, 1 free nat": {"linear": "none", "beta": 100.0, "free_bits": 1.0},
    "... beta 10": {"linear": "none", "beta": 10.0},
    "16 numbers": {"components": 16},
    "Gaussian likelihood": {"likelihood": "gaussian"},
}
PRIORS: dict[str, dict[str, Any]] = {
    "normal": {"prior": "normal"},
    "gaussian": {"prior": "gaussian"},
    "learned": {"prior": "learned"},
    "learned, guidance 1": {"prior": "learned", "guidance": 1.0},
}
ASKED = np.repeat(np.arange(10), 20)


def sound(X: np.ndarray) -> np.ndarray:
    """Clips from features, as any model of this shape makes them."""
    maker = Trained(name="vae", generator=Fixed(X), spec=SPEC, length=LENGTH, labels=tuple("0123456789"))  # type: ignore[arg-type]
    return maker.sample(len(X), seed=0)[0]


class Fixed:
    """A generator that says what it is given."""

    def __init__(self, X: np.ndarray) -> None:
        self.X = X

    def sample(self, labels: np.ndarray, *, seed: int) -> np.ndarray:
        return self.X


def judge(X: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Scores of features."""
    report = evaluation.evaluate((sound(X), [str(label) for label in labels]), REFERENCE, sr=8000, recogniser=EARS)
    found = report.to_dict()
    scores = {"recognised": found["recognition_rate"], "inception_score": found["inception_score"]}
    scores |= {"diversity": found["diversity"]["ratio"], "copies": found["copies"]["share"]}
    return {name: round(float(value), 3) for name, value in scores.items()}


def recognised(X: np.ndarray, labels: np.ndarray) -> float:
    """Share of clips that the recogniser hears as their label."""
    heard = EARS.predict_proba(sound(X), sr=8000).argmax(axis=1)
    return round(float(np.mean([EARS.label_names[k] == str(label) for k, label in zip(heard, labels, strict=True)])), 3)


def of_checkpoint(vae: Vae, X: np.ndarray, labels: np.ndarray) -> dict[str, dict[str, float]]:
    """The first table."""
    pca = Pca(*(vae.arrays[f"pca.{part}"] for part in ("mean", "basis", "scale")))
    flat = X.transpose(0, 2, 1).reshape(len(X), -1)
    linear = pca.decode(pca.encode(flat)).reshape(len(X), *X.shape[:0:-1]).transpose(0, 2, 1)
    again = vae.decode(vae.encode(X)[0], labels)
    made = {name: vae.sample(ASKED, seed=0, **options) for name, options in PRIORS.items()}
    shown = {"real, held out": X, "its linear code": np.clip(linear, -1.0, 1.0), "encoder and decoder": again}
    table = {}
    for name, Z in {**shown, **made}.items():
        table[name] = judge(Z, labels if name in shown else ASKED)
        if name in shown:
            table[name]["error"] = round(float(np.mean((Z - X) ** 2)), 5)
        print(f"{name:24}" + "".join(f"{key:>18} {value:<8}" for key, value in table[name].items()), flush=True)
    return table


def of_variant(settings: dict[str, Any], steps: int, X: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """A row of the second table."""
    used = time.process_time()
    training = VaeTraining(*TRAIN, n_labels=10, seed=0, **settings)
    fit(training, training.batch_at, steps=steps, seed=0, progress=False)
    vae, used = training.finish(), time.process_time() - used
    mean, log_variance = vae.encode(X)
    again = vae.decode(mean, labels)
    row = {"steps": steps, "cpu_seconds": round(used), "kl": round(float(gaussian_kl(mean, log_variance).sum(axis=1).mean()), 1)}
    row |= {"error": round(float(np.mean((again - X) ** 2)), 5), "reconstruction": recognised(again, labels)}
    return row | {name: recognised(vae.sample(ASKED, seed=0, **options), ASKED) for name, options in PRIORS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--only", nargs="*", default=["checkpoint", *VARIANTS], choices=["checkpoint", *VARIANTS], help="which rows")
    parser.add_argument("--card", type=Path, help="folder whose card.json takes the tables up")
    asked = parser.parse_args()
    X, labels, _ = features(REFERENCE.split("test"), spec=SPEC, duration=LENGTH / 8000)
    tables: dict[str, Any] = {"command": "python benchmarks/vae_digits.py --card data/checkpoints/vae-fsdd"}
    if "checkpoint" in asked.only:
        tables["checkpoint"] = of_checkpoint(checkpoint("vae-fsdd").generator, X, labels)  # type: ignore[arg-type]
        _store(asked.card, tables)
    for name in (name for name in asked.only if name != "checkpoint"):
        row = of_variant(VARIANTS[name], asked.steps, X, labels)
        print(f"{name:24}" + "".join(f"{key:>21} {value:<7}" for key, value in row.items()), flush=True)
        _store(asked.card, {**tables, "variants": {name: row}})


def _store(folder: Path | None, tables: dict[str, Any]) -> None:
    """Into the card, beside what it holds already."""
    if folder is None:
        return
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    kept = card.get("ablation", {})
    card["ablation"] = {**kept, **tables, "variants": {**kept.get("variants", {}), **tables.get("variants", {})}}
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    REFERENCE, SPEC, LENGTH = load("fsdd"), default_spec(8000), 8064
    EARS = evaluation.recogniser_for(REFERENCE)
    TRAIN = features(REFERENCE.split("train"), spec=SPEC, duration=LENGTH / 8000)[:2]
    main()
