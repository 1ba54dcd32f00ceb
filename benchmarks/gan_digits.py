"""What each cure of a GAN's collapse is worth: digits judged as audio by a recogniser trained on real recordings.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/gan_digits.py [--steps 800] [--width 128] [--clips 200] [--card FILE] [NAME ...]

The registered model ``gan`` learns from the training side of fsdd (2,700 real recordings of six speakers at 8 kHz), each time with one
cure taken away, for the same number of steps, and makes `--clips` clips. NAMEs choose rows; all by default. Columns: clips recognised as
their digit (none where the generator knows no labels); Inception Score (10 at best); distance between clips of one digit (real is 1; where
no labels are known, between all clips) and share of distinct ones; steps; seconds of processor time of the training, about 100 a row. With
`--card` the rows are written under ``ablation`` in a model's card, such as data/checkpoints/gan-fsdd/card.json.
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

from audiogen_helpers import evaluation
from audiogen_helpers.datasets import load
from audiogen_helpers.deep.conv_gan import ConvGan
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.workflow.material import material
from audiogen_helpers.workflow.trained import Trained

ROWS: dict[str, dict[str, Any]] = {
    "all cures": {},
    "saturating loss": {"loss": "saturating"},
    "no labels": {"condition": "none"},
    "no classifier": {"condition": "projection"},
    "no penalty": {"penalty": "none"},
    "spectral norm instead": {"penalty": "spectral"},
    "clips judged alone": {"group": 1},
    "no augmentation": {"shift": 0},
    "no average": {"average": 0.0},
    "hinge loss": {"loss": "hinge"},
    "no cure": {"loss": "saturating", "condition": "none", "penalty": "none", "group": 1, "shift": 0, "average": 0.0, "beta_1": 0.9},
}


def measure(found: Any, reference: Any, *, steps: int, clips: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Train once and judge."""
    training = ConvGan.train(found.inputs, found.labels, n_labels=len(found.label_names), seed=0, **settings)
    used = time.process_time()
    fit(training, training.batch_at, steps=steps, seed=0, progress=False)
    used = time.process_time() - used
    names = () if settings.get("condition") == "none" else found.label_names
    generator = training.finish()
    if not names:
        generator.n_labels = 0
    model = Trained(name="gan", generator=generator, spec=found.spec, length=found.length, labels=names)
    Y, labels = model.sample(clips, seed=0)
    report = evaluation.evaluate((Y, labels) if names else Y, reference, sr=model.sr)
    row: dict[str, Any] = {"recognised": report.recognition.rate if report.recognition and names else None}
    row |= {
        "inception_score": round(report.inception_score or 1.0, 2),
        "diversity": round(report.diversity.ratio, 2) if report.diversity else None,
    }
    row |= {"distinct": round(report.diversity.distinct, 2) if report.diversity else None, "steps": steps, "cpu_seconds": round(used)}
    return row


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(ROWS), metavar="NAME")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--card", type=Path)
    given = parser.parse_args()
    command = f"benchmarks/gan_digits.py --steps {given.steps} --width {given.width} --clips {given.clips}"
    found, reference = material("mel", "fsdd", spec=None, duration=None), load("fsdd")
    for name in given.names:
        row = measure(found, reference, steps=given.steps, clips=given.clips, settings={"width": given.width, **ROWS[name]})
        print(f"{name:24}" + "".join(f"  {key} {value}" for key, value in row.items()), flush=True)
        if given.card is not None:
            card = json.loads(given.card.read_text(encoding="utf-8"))
            before = card.get("ablation", {})
            rows = before["rows"] if before.get("measured_by") == command else {}
            card["ablation"] = {"measured_by": command, "rows": {**rows, name: row}}
            given.card.write_text(json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
