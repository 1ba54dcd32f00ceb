"""Digits written frame by frame by recurrent networks, judged as audio by a recogniser trained on real recordings.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/rnn_digits.py [--steps 600] [--clips 20] [--model FOLDER] [--only WORD ...]

The model ``rnn`` learns from the training side of fsdd (2,700 real recordings of six speakers at 8 kHz) and writes `--clips` new clips of
each digit. First rows: recordings that neither side has seen, as they are, as mel spectrograms made audible, and as the codes that the
network writes: the best that it can do. Then the trained model in FOLDER (the shipped one, if it is there) at several temperatures; then
networks with one thing changed, each trained for `--steps` steps, and heard at the default temperatures and at 1.

Columns: clips recognised as their digit; Inception Score (10 at best); distance between clips of one digit (real is 1); clips nearer to
a training clip than real ones are; distance to the nearest training clip (real is 1); Fréchet distance to training clips.

Among the rows of the trained model are four that show the exposure bias: with outlines and lengths of held-out clips, each code is drawn
while the network hears the real codes before it (teacher forcing) or those that it drew itself.

The last table says more about it. A network learns while it hears real codes, and writes while it hears its own. Left: the log density
of a number of the code when it hears real ones, in nats, of clips it has learned from and of others. Right: how far codes that it wrote at
temperature 1 are from real ones at each step (difference of means and of deviations, root mean square over the numbers of a code, whose
deviation is 1), among the clips that still sound; real held-out clips give the error of measurement.
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
from audiogen_helpers.datasets import load
from audiogen_helpers.deep.frame_code import FrameCode
from audiogen_helpers.deep.frame_rnn import FrameRnn
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.workflow.material import Material, material
from audiogen_helpers.workflow.trained import Trained

SHIPPED = Path(__file__).resolve().parent.parent / "data" / "checkpoints" / "rnn-fsdd"
TEMPERATURES = ((0.0, 0.0), (0.0, 1.0), (0.3, 0.6), (0.3, 0.8), (0.3, 1.0), (0.4, 1.0), (0.5, 1.0), (0.8, 1.0), (1.0, 1.0))
CHANGES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "lstm": {"cell": "lstm"},
    "one normal distribution": {"mixtures": 1},
    "no outline": {"outline": 0},
    "1 frame a step": {"frames_per_step": 1, "components": 32},
    "2 frames a step": {"frames_per_step": 2, "components": 48},
    "8 frames a step": {"frames_per_step": 8, "components": 96},
    "no noise": {"noise": 0.0},
    "no dropout": {"dropout": 0.0},
}
SHOWN = ("recognised", "Inception Score", "diversity", "copies", "nearest training clip", "Fréchet distance")
AT_STEPS = (1, 2, 3, 4, 6, 8)


def judge(name: str, Y: np.ndarray, labels: Any) -> None:
    """One row of the first table."""
    found = evaluation.evaluate((Y, [str(label) for label in labels]), REFERENCE, sr=8000, recogniser=EARS)
    values = {row[0]: row[1] for row in found.rows()}
    print(f"{name:36}" + "".join(f"{values[key]:>12}" for key in SHOWN), flush=True)


def audible(X: np.ndarray, found: Material) -> np.ndarray:
    """Clips of features."""
    Y = spectral.log_mel_to_audio(spectral.unscale(X, found.spec), found.spec, rng=0, length=found.length)
    return (Y / np.maximum(1.0, np.abs(Y).max(axis=1, keepdims=True) / 0.99)).astype(np.float32)


def through_the_codes(code: FrameCode, X: np.ndarray) -> np.ndarray:
    """Features as the network would write them if it foresaw everything."""
    found = code.encode(X)
    return code.decode(found.codes, found.lengths)


def train(found: Material, steps: int, **settings: Any) -> tuple[FrameRnn, str]:
    """A trained model, and what it took."""
    began, used = time.perf_counter(), time.process_time()
    run = FrameRnn.train(found.inputs, found.labels, n_labels=len(found.label_names), seed=0, **settings)
    fit(run, run.batch_at, steps=steps, seed=0, progress=False)
    return run.finish(), f"{steps} steps in {time.perf_counter() - began:.0f} s ({time.process_time() - used:.0f} s of all cores)"


def sampled(model: FrameRnn, found: Material, n: int, **options: float) -> tuple[np.ndarray, list[str]]:
    """Clips as ``audiogen sample -n N --seed 0`` makes them."""
    trained = Trained(name="rnn", generator=model, spec=found.spec, length=found.length, labels=found.label_names)
    return trained.sample(n, seed=0, **options)


def forcing(model: FrameRnn, found: Material, test: Material) -> None:
    """Rows of the first table: the same densities, drawn from while the network hears real codes, or what it drew itself."""
    real = model.code.encode(test.inputs)
    for heat in (1.0, model.settings["temperature"]):
        for name, given in (("real", {"real": real.codes}), ("its own", {})):
            codes, _ = model.write(
                test.labels, temperature=heat, outline_temperature=1.0, rng=np.random.default_rng(0), outlines=real.outlines, **given
            )
            judge(f"hears {name} codes, temperature {heat:g}", audible(model.code.decode(codes, real.lengths), found), test.labels)


def statistics(code: FrameCode, codes: np.ndarray, lengths: np.ndarray, step: int) -> np.ndarray:
    """Mean and deviation of each number of the code at a step, among the clips that still sound."""
    there = codes[lengths > step, step]
    return np.concatenate([there.mean(axis=0), there.std(axis=0)]) if len(there) > 1 else np.full(2 * len(code.frames.scale), np.nan)


def exposure(name: str, model: FrameRnn, found: Material, test: Material) -> None:
    """One row of the second table."""
    nats = []
    for part in (found, test):
        said = model.log_likelihoods(part.inputs, part.labels)
        nats.append(said["codes"].sum() / said["numbers"].sum())
    real, held_out = (model.code.encode(part.inputs) for part in (found, test))
    known = np.tile(np.arange(len(found.label_names)), 100)
    made = model.write(known, temperature=1.0, outline_temperature=1.0, rng=np.random.default_rng(0))
    frames = model.settings["frames_per_step"]
    for who, codes, lengths in ((name, *made), ("  (real, held out)", held_out.codes, held_out.lengths)):
        row = f"{who:36}" + (f"{nats[0]:>9.3f}{nats[1]:>9.3f}" if who == name else " " * 18)
        for at in AT_STEPS:
            step = 4 * at // frames - 1  # the same moment for all
            if step < 0 or step >= model.code.steps:
                row += f"{'':>8}"
                continue
            a, b = (statistics(model.code, c, n, step) for c, n in ((codes, lengths), (real.codes, real.lengths)))
            row += f"{np.sqrt(np.mean((a - b) ** 2)):>8.2f}"
        print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600, help="of the networks with one thing changed; 0: leave them out")
    parser.add_argument("--clips", type=int, default=20, help="of each digit")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="a trained rnn")
    parser.add_argument("--only", nargs="*", default=list(CHANGES), choices=list(CHANGES), help="of the changes")
    asked = parser.parse_args()
    found = material("mel", REFERENCE.split("train"), spec=None, duration=None)
    test = material("mel", REFERENCE.split("test"), spec=None, duration=None, length=found.length)
    n, models = asked.clips * len(found.label_names), {}
    print(f"{'':36}" + "".join(f"{key.split()[0]:>12}" for key in SHOWN))
    judge("real, held out", REFERENCE.split("test").arrays(length=found.length)[0], test.labels)
    judge("as mel spectrograms", audible(test.inputs, found), test.labels)
    if (asked.model / "weights.npz").is_file():
        shipped = workflow.load(asked.model)
        models["trained model"] = shipped.generator
        judge("as codes", audible(through_the_codes(shipped.generator.code, test.inputs), found), test.labels)
        forcing(shipped.generator, found, test)
        for codes, outline in TEMPERATURES:
            made = shipped.sample(n, seed=0, temperature=codes, outline_temperature=outline)
            judge(f"temperature {codes:g}, of the outline {outline:g}", *made)
    for name in asked.only if asked.steps else ():
        models[name], took = train(found, asked.steps, **CHANGES[name])
        print(f"{name}: {took}")
        judge("  as sampled by default", *sampled(models[name], found, n))
        judge("  both temperatures 1", *sampled(models[name], found, n, temperature=1.0, outline_temperature=1.0))
    heads = "".join(f"{at * 4 * found.spec.hop_length / found.spec.sr:>6.2f} s" for at in AT_STEPS)
    print(f"\n{'':36}{'learned':>9}{'others':>9}{heads}")
    for name, model in models.items():
        exposure(name, model, found, test)


if __name__ == "__main__":
    REFERENCE = load("fsdd")
    EARS = evaluation.recogniser_for(REFERENCE)
    main()
