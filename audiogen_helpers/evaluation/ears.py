"""Which recogniser judges: the one that comes with the project, one trained before, or one trained now on the reference."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import audio, datasets
from audiogen_helpers._files import bundled_dir, data_home
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_integer
from audiogen_helpers.datasets import Dataset
from audiogen_helpers.deep.progress import ProgressLike
from audiogen_helpers.deep.recogniser import FORMAT, Recogniser, recogniser_spec, train_recogniser
from audiogen_helpers.errors import DataError, ModelError
from audiogen_helpers.evaluation.scores import inception_score, recognition_rate

__all__ = ["recogniser_for", "shipped_recogniser", "train_on"]

LONGEST = 5.0  # seconds that a recogniser hears of a clip at most
MAX_SAMPLES = 10**8  # of all training clips together (3.5 hours at 8 kHz): they must fit into memory


def recogniser_for(reference: str | os.PathLike[str] | Dataset, *, seed: int = 0, progress: ProgressLike = False) -> Recogniser:
    """A recogniser of the reference's labels.

    For ``"fsdd"`` it is the one that comes with the project, trained on real recordings, whether or not the corpus itself is here. For all
    else one is trained on the reference's train split (about a minute on two cores), and kept in the data home for the next time.

    Parameters
    ----------
    reference : str, path or Dataset
        A dataset's name, a folder with a subfolder per label, or a Dataset.
    seed : int >= 0
        Of the training.
    progress : bool or callable
        See :func:`audiogen_helpers.deep.trainer.fit`.

    Returns
    -------
    recogniser : Recogniser
        ``card["test"]`` says how good it is on real clips that it did not learn from, ``card["kept"]`` where it is kept.

    Raises
    ------
    DataError
        If the reference has fewer than 2 labels, or a label has no clip to learn from.

    Examples
    --------
    >>> ears = recogniser_for("fsdd")
    >>> ears.label_names[:3], ears.predict_proba(np.zeros((1, 8064)), sr=8000).shape
    (('0', '1', '2'), (1, 10))
    """
    seed = check_seed(seed)
    shipped = shipped_recogniser(reference)
    if shipped is not None:
        return shipped
    dataset = datasets.load(reference)
    train, test = split_of(dataset, "train"), split_of(dataset, "test")
    _check_labels(dataset, train)
    folder = data_home() / "recognisers" / _key(dataset, train, test, seed)
    if folder.is_dir():
        try:
            return _with_place(Recogniser.load(folder), folder)
        except ModelError:  # damaged: train it again
            pass
    recogniser = train_on(dataset, seed=seed, progress=progress)
    try:
        recogniser.save(folder)
    except DataError as error:
        return replace(recogniser, card={**recogniser.card, "kept": f"not kept, so the next evaluation trains it again: {error}"})
    return _with_place(recogniser, folder)


def shipped_recogniser(reference: str | os.PathLike[str] | Dataset) -> Recogniser | None:
    """The recogniser in ``data/checkpoints/`` for a registered dataset; None for all else."""
    name = reference.name if isinstance(reference, Dataset) and reference.source != "folder" else reference
    if not isinstance(name, str) or name not in datasets.DATASETS:
        return None
    folder = bundled_dir() / "checkpoints" / f"recogniser-{name}"
    return _with_place(Recogniser.load(folder), folder) if folder.is_dir() else None


def train_on(
    dataset: Dataset, *, length: int | None = None, steps: int | None = None, seed: int = 0, progress: ProgressLike = False
) -> Recogniser:
    """Train a recogniser on a dataset's train split and measure it on the test split.

    Parameters
    ----------
    dataset : Dataset
        At least 2 labels.
    length : int, optional
        Samples (at 8 or 16 kHz) that it hears of a clip; by default one and a half times what 95 % of the clips need, 5 s at most.
    steps : int, optional
        Training steps, see :func:`audiogen_helpers.deep.recogniser.train_recogniser`.
    seed : int >= 0
        Same seed, same recogniser.
    progress : bool or callable
        See :func:`audiogen_helpers.deep.trainer.fit`.

    Returns
    -------
    recogniser : Recogniser
    """
    train, test = split_of(dataset, "train"), split_of(dataset, "test")
    _check_labels(dataset, train)
    sr = recogniser_spec(dataset.sr).sr
    length = default_length(train, sr=sr) if length is None else check_integer(length, name="length", low=1)
    train = thin(train, length=length, seed=seed)
    Y = stack(read_clips(train, sr=sr), length=length)
    recogniser = train_recogniser(Y, train.label_indices, label_names=dataset.label_names, sr=sr, seed=seed, steps=steps, progress=progress)
    card = {**recogniser.card, "trained_on": train.describe(), "split": dataset.card.split, "test": _test(recogniser, test)}
    return replace(recogniser, card=card)


def _test(recogniser: Recogniser, test: Dataset) -> dict[str, Any]:
    """How good a recogniser is on clips that it did not learn from."""
    if not len(test):
        return {"n": 0}
    Y = stack(read_clips(test, sr=recogniser.spec.sr), length=recogniser.length)
    p = recogniser.predict_proba(Y, sr=recogniser.spec.sr)
    found = recognition_rate(p, test.label_indices)
    scores = {"n": found.n, "accuracy": found.rate, "low": found.low, "high": found.high, "mean_probability": float(p.max(axis=1).mean())}
    return {name: round(value, 4) for name, value in {**scores, **({"inception_score": inception_score(p)} if len(p) > 1 else {})}.items()}


def split_of(dataset: Dataset, name: str) -> Dataset:
    """The clips of one side of the split, which may be none."""
    return dataset.subset(i for i, split in enumerate(dataset.splits) if split == name)


def thin(dataset: Dataset, *, length: int, seed: int) -> Dataset:
    """As many of the clips, drawn at random, as fit into memory at `length` samples each: mostly all."""
    most = max(1000, MAX_SAMPLES // length)
    if len(dataset) <= most:
        return dataset
    return dataset.subset(np.sort(np.random.default_rng(seed).permutation(len(dataset))[:most]))


def read_clips(dataset: Dataset, *, sr: int | None = None, duration: float | None = LONGEST) -> Iterator[np.ndarray]:
    """Every clip in its own length up to `duration` seconds, at `sr` (by default the dataset's)."""
    for path in dataset.paths:
        yield audio.read(path, sr=sr or dataset.sr, mono=True, duration=duration)[0]


def stack(clips: Iterable[np.ndarray], *, length: int) -> np.ndarray:
    """Clips as rows ``(n, length)`` float32, cut or padded with zeros at the end."""
    rows = [audio.fit_length(y.astype(np.float32), length=length) for y in clips]
    return np.stack(rows) if rows else np.zeros((0, length), dtype=np.float32)


def default_length(dataset: Dataset, *, sr: int) -> int:
    """Samples at `sr` that a recogniser hears of a clip: one and a half times what 95 % of the clips need, 5 s at most."""
    hop = recogniser_spec(sr).hop_length
    durations = [len(y) / dataset.sr for y in read_clips(dataset)]
    wanted = min(1.5 * float(np.quantile(durations, 0.95)), LONGEST) * sr
    return hop * max(8, int(np.ceil(wanted / hop)))


def _check_labels(dataset: Dataset, train: Dataset) -> None:
    if len(dataset.label_names) < 2:
        raise DataError(
            f"reference must have at least 2 labels (subfolders) for a recogniser to tell apart; received {dataset.name} with"
            f" {len(dataset.label_names) or 'no'} label{'s'[: len(dataset.label_names) != 1]}"
        )
    missing = sorted(set(dataset.label_names) - set(train.labels))
    if missing:
        raise DataError(
            f"reference must have a training clip of each label; received {dataset.name} without one of {', '.join(missing[:5])}"
        )


def _key(dataset: Dataset, train: Dataset, test: Dataset, seed: int) -> str:
    """The folder's name: another one for other clips, another split, other settings or another way of training."""
    parts = {
        "format": FORMAT,
        "labels": dataset.label_names,
        "longest": LONGEST,
        "seed": seed,
        "sr": dataset.sr,
        "test": test.content_hash(),
        "train": train.content_hash(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _with_place(recogniser: Recogniser, folder: Path) -> Recogniser:
    return replace(recogniser, card={**recogniser.card, "kept": folder.name})
