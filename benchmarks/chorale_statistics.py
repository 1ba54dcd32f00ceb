"""Tunes of an LSTM, an HMM and Markov chains against Bach's: how well each foresees tunes it has not read, and how its own look.

    .venv/bin/python benchmarks/chorale_statistics.py             # one or two minutes; chorales, 300 new tunes of each mode
    .venv/bin/python benchmarks/chorale_statistics.py --states    # how the number of states was chosen: on a part of the training side
    .venv/bin/python benchmarks/chorale_statistics.py --network   # how the LSTM's settings were chosen: on the same part; five minutes

The yardstick of every distance is the one between real tunes that were read and real tunes that were not: nobody comes nearer than that.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers import datasets, workflow
from audiogen_helpers.datasets import Tunes
from audiogen_helpers.deep.note_rnn import NoteRnn
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.statistical.markov import MarkovChain, fit_markov
from audiogen_helpers.statistical.melody import MAX_STEPS, MelodyHmm
from audiogen_helpers.statistical.note_emissions import INSIDE, TUNE_END, Vocabulary
from audiogen_helpers.statistical.tune_statistics import FEATURES, describe_tunes, distribution, divergence, longest_copy

MODES = ("major", "minor")
BACKOFF = 40.0  # of 5, 10, 20, 40 and 80 the best for orders 2 and 3, and as good as the best for order 1, on what --states holds out
STATES = 48  # the most that helps by more than the seeds differ
LONGEST = 300  # notes after which a chain that does not end is cut


def parts(tunes: Tunes) -> tuple[Tunes, Tunes]:
    """The training side once more in two, by whole melodies: to learn from, and to choose by."""
    order = sorted({t.melody for t in tunes.tunes}, key=lambda name: hashlib.sha256(b"valid" + name.encode()).hexdigest())
    held = set(order[: len(order) // 5])
    return (
        tunes.subset(i for i, t in enumerate(tunes.tunes) if t.melody not in held),
        tunes.subset(i for i, t in enumerate(tunes.tunes) if t.melody in held),
    )


def fit_hmm(tunes: Tunes, *, seed: int = 0, steps: int = MAX_STEPS, **settings: int) -> MelodyHmm:
    training = MelodyHmm.train(tunes.in_c(phrases=True), tunes.label_indices, n_labels=2, seed=seed, **settings)
    for step in range(steps):
        training.train_step({}, (seed, step))
    return training.finish()


class Chain:
    """A Markov chain on whole notes: pitch, length and kind together are one symbol."""

    def __init__(
        self, tunes: list[np.ndarray], vocabulary: Vocabulary, *, order: int, backoff: float = BACKOFF, uniform: bool = False
    ) -> None:
        self.words = vocabulary
        n = len(vocabulary.pitches) * len(vocabulary.lengths) * 3
        smoothing = 1e12 if uniform else 0.0
        self.chain: MarkovChain = fit_markov(map(self.symbols, tunes), n_symbols=n, order=order, smoothing=smoothing, backoff=backoff)

    def symbols(self, tune: np.ndarray) -> np.ndarray:
        X = self.words.observations(tune)
        return (X[:, 0] * len(self.words.lengths) + X[:, 1]) * 3 + X[:, 2]

    def log_likelihood(self, tune: np.ndarray) -> float:
        return self.chain.log_likelihood(self.symbols(tune))

    def sample(self, n: int) -> list[np.ndarray]:
        return [self.tune(self._until_end(np.random.default_rng([n, i]))) for i in range(n)]

    def _until_end(self, rng: np.random.Generator) -> np.ndarray:
        drawn: list[int] = []
        while len(drawn) < LONGEST and (not drawn or drawn[-1] % 3 != TUNE_END):
            drawn.append(int(self.chain.sample(1, rng=rng, start=drawn[-self.chain.order :] if self.chain.order else ())[0]))
        return np.array(drawn)

    def tune(self, symbols: np.ndarray) -> np.ndarray:
        pitch, length = np.divmod(symbols // 3, len(self.words.lengths))
        ends = (symbols % 3 != INSIDE).astype(np.int64)
        return np.column_stack([self.words.pitches[pitch], self.words.lengths[length], ends])


def perplexity(log_likelihood: Callable[[np.ndarray], float], tunes: list[np.ndarray]) -> float:
    return float(np.exp(-sum(map(log_likelihood, tunes)) / sum(map(len, tunes))))


def choose_states() -> None:
    learn, choose = parts(datasets.load_tunes("chorales", split="train"))
    print(f"learning from {learn.describe()}, choosing by {choose.describe()}")
    for mode in MODES:
        vocabulary = Vocabulary.of(learn.select(label=mode).in_c())
        known = [t for t in choose.select(label=mode).in_c(phrases=True) if vocabulary.knows(t)]
        for order in (1, 2, 3):
            for backoff in (5.0, 10.0, 20.0, 40.0, 80.0):
                chain = Chain(learn.select(label=mode).in_c(phrases=True), vocabulary, order=order, backoff=backoff)
                print(f"{mode}: chain of order {order}, backoff {backoff:g}: {perplexity(chain.log_likelihood, known):.2f}")
    for states in (12, 24, 36, 48, 72, 96):
        values = []
        for seed in range(2):
            model = fit_hmm(learn, seed=seed, states=states)
            known = [(t, i) for t, i in zip(choose.in_c(phrases=True), choose.label_indices, strict=True) if model.vocabulary.knows(t)]
            total = model.log_likelihoods(*zip(*known, strict=True)).sum()
            values.append(np.exp(-total / sum(len(t) for t, _ in known)))
        print(f"{states} states: {', '.join(f'{v:.2f}' for v in values)} (seeds 0 and 1), mean {np.mean(values):.2f}", flush=True)


NETWORKS: tuple[dict[str, float], ...] = (
    {"steps": 300, "dropout": 0.4},
    {"steps": 400, "dropout": 0.5},
    {"steps": 600, "dropout": 0.5},
    {"steps": 1000, "dropout": 0.5},
    {"steps": 600, "dropout": 0.6, "width": 192},
    {"steps": 400, "dropout": 0.5, "transpose": 1},
    {"steps": 400, "dropout": 0.5, "transpose": 3},
)


def choose_network() -> None:
    learn, choose = parts(datasets.load_tunes("chorales", split="train"))
    print(f"learning from {learn.describe()}, choosing by {choose.describe()}")
    tunes, held = learn.in_c(phrases=True), choose.in_c(phrases=True)
    for given in NETWORKS:
        settings = dict(given)
        steps = int(settings.pop("steps"))
        training = NoteRnn.train(tunes, learn.label_indices, n_labels=2, seed=0, **settings)
        fit(training, training.batch_at, steps=steps, seed=0, progress=False)
        said = training.finish().log_likelihoods(held, choose.label_indices)
        known = np.isfinite(said)
        value = np.exp(-said[known].sum() / sum(len(t) for t, ok in zip(held, known, strict=True) if ok))
        print(f"{given}: {value:.2f}", flush=True)


def compare(n: int) -> None:
    train, test = datasets.load_tunes("chorales", split="train"), datasets.load_tunes("chorales", split="test")
    model = fit_hmm(train, states=STATES)
    network: Any = workflow.checkpoint("rnn-notes-chorales").generator
    print(f"{train.describe()}; held out: {len(test)}; melody model: {model.settings['states']} states for each mode")
    kept = ("in key", "on tonic", "on 1 2 3 5", "whole bars", "on beat", "notes", "bars")
    head = ("perplexity", *(f"JS {feature}" for feature in FEATURES), *kept, "copied")
    for mode in MODES:
        seen, unseen = (side.select(label=mode).in_c(phrases=True) for side in (train, test))
        known = [t for t in unseen if model.vocabulary.knows(t)]
        print(f"\n{mode}: perplexity on {len(known)} of {len(unseen)} held-out tunes (the others have a note that was never read)")
        print(f"{'':12s}" + "".join(f"{name:>15s}" for name in head))
        label = MODES.index(mode)
        made = model.sample(np.full(n, label), seed=0, phrases=True)
        row("read", seen, seen, unseen, mode, float("nan"), copied_from=None)
        row("held out", unseen, seen, unseen, mode, float("nan"), copied_from=seen)
        row(
            "hmm",
            made,
            seen,
            unseen,
            mode,
            perplexity(lambda t, i=label: float(model.log_likelihoods([t], [i])[0]), known),
            copied_from=seen,
        )
        drawn = network.sample(np.full(n, label), seed=0, phrases=True)
        row(
            "lstm",
            drawn,
            seen,
            unseen,
            mode,
            perplexity(lambda t, i=label: float(network.log_likelihoods([t], np.array([i]))[0]), known),
            copied_from=seen,
        )
        for order in (1, 2, 3):
            chain = Chain(seen, model.vocabulary, order=order)
            row(f"chain {order}", chain.sample(n), seen, unseen, mode, perplexity(chain.log_likelihood, known), copied_from=seen)
        chain = Chain(seen, model.vocabulary, order=0, uniform=True)
        row("uniform", chain.sample(n), seen, unseen, mode, perplexity(chain.log_likelihood, known), copied_from=seen)


def row(
    name: str,
    tunes: list[np.ndarray],
    seen: list[np.ndarray],
    unseen: list[np.ndarray],
    mode: str,
    value: float,
    *,
    copied_from: list[np.ndarray] | None,
) -> None:
    distances = [divergence(distribution(tunes, feature=f), distribution(unseen, feature=f)) for f in FEATURES]
    told = describe_tunes(tunes, mode=mode)
    copies = [longest_copy(t, copied_from) for t in tunes[:100]] if copied_from else [0]
    numbers = [f"{value:.2f}", *(f"{d:.4f}" for d in distances)]
    numbers += [f"{told[key]:.3f}" for key in ("in key", "ends on tonic", "phrases on 1 2 3 5", "phrases of bars", "on beat")]
    numbers += [f"{told[key]:.1f}" for key in ("notes", "bars")]
    numbers += [f"{np.mean(copies):.1f} max {max(copies)}" if copied_from else "-"]
    print(f"{name:12s}" + "".join(f"{number:>15s}" for number in numbers), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--states", action="store_true", help="show the choice of the number of states instead")
    parser.add_argument("--network", action="store_true", help="show the choice of the LSTM's settings instead")
    parser.add_argument("-n", type=int, default=300, help="new tunes of each mode")
    given = parser.parse_args()
    choose_states() if given.states else choose_network() if given.network else compare(given.n)
    return 0


if __name__ == "__main__":
    sys.exit(main())
