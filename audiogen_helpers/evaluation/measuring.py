"""From a folder of generated clips and a reference to a report: every measure at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers import audio, datasets
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import show
from audiogen_helpers.datasets import Dataset
from audiogen_helpers.deep.progress import ProgressLike
from audiogen_helpers.deep.recogniser import Recogniser, recogniser_spec
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.evaluation.audio_distance import MIN_CLIPS, AudioDistance, compare_sounds, sound_statistics
from audiogen_helpers.evaluation.clips import Clips, GeneratedLike, gather
from audiogen_helpers.evaluation.ears import default_length, read_clips, recogniser_for, shipped_recogniser, split_of, stack, thin
from audiogen_helpers.evaluation.paired import compare_pairs
from audiogen_helpers.evaluation.quality import quality
from audiogen_helpers.evaluation.report import Real, Report
from audiogen_helpers.evaluation.scores import Recognition, frechet_distance, inception_score, recognition_rate
from audiogen_helpers.evaluation.similarity import Copies, Diversity, diversity, fingerprints, nearest_training_clip
from audiogen_helpers.spectral import MelSpec

__all__ = ["evaluate"]

MAX_EMBEDDED = 600  # training clips behind the Fréchet distances
LONGEST = 30.0  # s of a clip that the Fréchet audio distance hears


def evaluate(
    generated: GeneratedLike,
    reference: str | os.PathLike[str] | Dataset,
    *,
    seed: int = 0,
    sr: int | None = None,
    recogniser: Recogniser | None = None,
    on_corrupt: str = "raise",
    progress: ProgressLike = False,
) -> Report:
    """Measure generated clips against real ones: recognised, varied, copied, faulty?

    Parameters
    ----------
    generated : path, Dataset, array (n, length), or tuple of such an array and n labels
        A folder's labels are its subfolders, or come from names such as ``7_003.wav``. Without labels there is no recognition rate.
    reference : str, path or Dataset
        The real clips: a dataset's name, a folder, or a Dataset. Its train split is what the generator learned from.
    seed : int >= 0
        Same seed, same report.
    sr : int
        Rate of arrays, Hz; only for them.
    recogniser : Recogniser, optional
        Other ears than :func:`audiogen_helpers.evaluation.recogniser_for` gives for the reference.
    on_corrupt : {'raise', 'skip'}
        What to do with damaged files among the generated ones.
    progress : bool or callable
        How training a recogniser, where that is needed, shows (on stdout).

    Returns
    -------
    report : Report
        The Fréchet audio distance needs neither labels nor a recogniser. Where files of both sides have the same name (below their folders,
        without ending), the distances of pairs are in it too. ``print(report)`` is a table, ``report.to_dict()`` goes into JSON.

    Raises
    ------
    DataError
        If there are no generated clips, damaged ones, or labels that the reference does not know.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> report = evaluate((rng.uniform(-0.5, 0.5, (4, 8064)), ["0", "1", "2", "3"]), "digits", sr=8000, recogniser=recogniser_for("fsdd"))
    >>> report.diversity is None, report.reasons["diversity"]
    (True, 'no label has 2 generated and 2 training clips')
    """
    seed = check_seed(seed)
    if recogniser is not None and not isinstance(recogniser, Recogniser):
        raise ParameterError(f"recogniser must be a Recogniser; received {show(recogniser)}")
    whole, names = _known(reference, recogniser)
    clips = gather(generated, label_names=names, sr=sr, on_corrupt=on_corrupt)  # before a recogniser is trained, which takes a minute
    side = _reference(reference, whole, names, recogniser, seed, progress)
    reasons: dict[str, str] = {}
    Y = _rows(clips, side)
    T = np.zeros((0, side.length), dtype=np.float32) if side.test is None else _real_rows(side.test, side)
    heard = _hear(clips, side, Y, T, seed, reasons)
    alike = _compare(clips, side, Y, T, seed, reasons)
    sounds, real_sounds = _sounds(clips, side, seed)
    faults = None if side.test is None or not len(side.test) else quality(list(read_clips(side.test, duration=None)))
    return Report(
        n=len(clips),
        generated=_describe(clips),
        reference=side.describe,
        ears=_ears(side),
        recognition=heard.recognition,
        inception_score=heard.inception_score,
        diversity=alike.diversity,
        copies=alike.copies,
        copied=alike.copied,
        frechet_distance=heard.frechet_distance,
        quality=quality(clips.waveforms),
        real=Real(
            n=len(side.test) if side.test is not None else _tested(side.recogniser)["n"],
            recognition_rate=heard.real_rate,
            inception_score=heard.real_inception,
            frechet_distance=heard.real_frechet,
            diversity=alike.real_diversity,
            copies=alike.copies.held_out if alike.copies else None,
            quality=faults,
            audio_distance=real_sounds,
        ),
        n_labels=len(side.recogniser.label_names) if side.recogniser else 0,
        reasons=reasons,
        notes=_notes(clips, side),
        audio_distance=sounds,
        paired=compare_pairs(clips, side.whole, absent=side.absent, seed=seed),
    )


@dataclass(frozen=True, kw_only=True)
class _Side:
    """The real side: the recogniser, and the clips if they are here."""

    describe: str
    label_names: tuple[str, ...]
    recogniser: Recogniser | None
    deaf: str  # why there is no recogniser
    absent: str  # why there are no real clips
    train: Dataset | None
    test: Dataset | None
    spec: MelSpec
    length: int
    n_train: int  # before it was thinned out
    whole: Dataset | None = None


@dataclass(frozen=True, kw_only=True)
class _Heard:
    recognition: Recognition | None = None
    inception_score: float | None = None
    frechet_distance: float | None = None
    real_rate: float | None = None
    real_inception: float | None = None
    real_frechet: float | None = None


@dataclass(frozen=True, kw_only=True)
class _Alike:
    diversity: Diversity | None = None
    real_diversity: Diversity | None = None
    copies: Copies | None = None
    copied: tuple[tuple[str, str, float], ...] = ()


def _known(reference: str | os.PathLike[str] | Dataset, recogniser: Recogniser | None) -> tuple[Dataset | None, tuple[str, ...]]:
    """The real clips, None where the shipped recogniser is all there is of them; and the labels that are known."""
    shipped = shipped_recogniser(reference)
    if isinstance(reference, str) and shipped is not None and not datasets.is_present(reference):
        return None, (recogniser or shipped).label_names
    dataset = datasets.load(reference)
    if recogniser is None:
        return dataset, dataset.label_names
    unknown = sorted(set(dataset.label_names) - set(recogniser.label_names))
    if unknown:
        raise ParameterError(f"recogniser must know the reference's labels; received one that does not know {', '.join(unknown[:5])}")
    return dataset, dataset.label_names or recogniser.label_names


def _reference(
    reference: str | os.PathLike[str] | Dataset,
    dataset: Dataset | None,
    names: tuple[str, ...],
    recogniser: Recogniser | None,
    seed: int,
    progress: ProgressLike,
) -> _Side:
    if dataset is None:
        ears = recogniser or recogniser_for(reference)
        absent = f"the clips of {reference} are not here (`audiogen data fetch {reference}`)"
        return _Side(
            describe=absent,
            label_names=names,
            recogniser=ears,
            deaf="",
            absent=absent,
            train=None,
            test=None,
            spec=ears.spec,
            length=ears.length,
            n_train=0,
        )
    deaf = ""
    if recogniser is None and len(dataset.label_names) < 2:
        deaf = "the reference has no labels to tell apart"
    elif recogniser is None:
        recogniser = recogniser_for(dataset, seed=seed, progress=progress)
    train, test = split_of(dataset, "train"), split_of(dataset, "test")
    spec = recogniser.spec if recogniser else recogniser_spec(dataset.sr)
    length = recogniser.length if recogniser else default_length(train, sr=spec.sr)
    thinned = thin(train, length=length, seed=seed)
    return _Side(
        describe=dataset.describe(),
        label_names=names,
        recogniser=recogniser,
        deaf=deaf,
        absent="",
        train=thinned,
        test=test,
        spec=spec,
        length=length,
        n_train=len(train),
        whole=dataset,
    )


def _rows(clips: Clips, side: _Side) -> np.ndarray:
    """The generated clips as the recogniser hears them: its rate and length."""
    if clips.sr == side.spec.sr:
        return stack(clips.waveforms, length=side.length)
    return stack([audio.resample(y, sr=clips.sr, to_sr=side.spec.sr) for y in clips.waveforms], length=side.length)


def _real_rows(dataset: Dataset, side: _Side) -> np.ndarray:
    return stack(read_clips(dataset, sr=side.spec.sr), length=side.length)


def _hear(clips: Clips, side: _Side, Y: np.ndarray, T: np.ndarray, seed: int, reasons: dict[str, str]) -> _Heard:
    """What the recogniser says of generated clips `Y` and of held-out clips `T`."""
    ears = side.recogniser
    if ears is None:
        reasons.update(dict.fromkeys(("recognition_rate", "inception_score", "frechet_distance"), side.deaf))
        return _Heard()
    E, E_real = ears.embed(Y, sr=side.spec.sr), ears.embed(T, sr=side.spec.sr)
    p, q = ears.probabilities(E), ears.probabilities(E_real)
    if clips.labels is None:
        reasons["recognition_rate"] = "the generated clips have no labels"
    if len(clips) < 2:
        reasons["inception_score"] = "it needs 2 clips"
    frechet, real_frechet = _frechet(ears, E, E_real, side, seed)
    if frechet is None:
        reasons["frechet_distance"] = side.absent or "it needs 2 generated, 2 training and 2 held-out clips"
    tested = _tested(ears) if side.test is None else {}  # without the clips, the card knows
    found = _recognition(p, clips.labels, ears)
    real = _recognition(q, side.test.labels if side.test is not None and side.label_names else None, ears)
    return _Heard(
        recognition=found,
        inception_score=inception_score(p) if len(p) >= 2 else None,
        frechet_distance=frechet,
        real_rate=real.rate if real else tested.get("accuracy"),
        real_inception=inception_score(q) if len(q) >= 2 else tested.get("inception_score"),
        real_frechet=real_frechet,
    )


def _recognition(p: np.ndarray, labels: tuple[str, ...] | None, ears: Recogniser) -> Recognition | None:
    if not labels:
        return None
    index = {name: i for i, name in enumerate(ears.label_names)}
    return recognition_rate(p, [index[label] for label in labels], label_names=ears.label_names)


def _frechet(ears: Recogniser, E: np.ndarray, E_real: np.ndarray, side: _Side, seed: int) -> tuple[float | None, float | None]:
    """Distance to training clips of equally many generated and held-out clips."""
    n = min(len(E), len(E_real))
    if n < 2 or side.train is None or len(side.train) < 2:
        return None, None
    gen = np.random.default_rng(seed)
    some = side.train.subset(np.sort(gen.permutation(len(side.train))[:MAX_EMBEDDED]))
    train = np.concatenate([ears.embed(_real_rows(part, side), sr=side.spec.sr) for part in _parts(some)])
    a, b = (rows[gen.permutation(len(rows))[:n]] for rows in (E, E_real))
    return frechet_distance(a, train), frechet_distance(b, train)


def _sounds(clips: Clips, side: _Side, seed: int) -> tuple[AudioDistance, AudioDistance | None]:
    """Fréchet audio distance to training clips of equally many generated and held-out clips: no ears, each clip in its own length."""
    if side.train is None or side.test is None:
        return AudioDistance(n_all=len(clips), reason=side.absent), None
    gen, most = np.random.default_rng(seed), round(LONGEST * clips.sr)
    train, test = (part.subset(np.sort(gen.permutation(len(part))[:MAX_EMBEDDED])) for part in (side.train, side.test))
    ours = [clips.waveforms[i][:most] for i in np.sort(gen.permutation(len(clips))[:MAX_EMBEDDED])]
    windows = [sound_statistics(audio.resample(y, sr=clips.sr, to_sr=side.spec.sr), sr=side.spec.sr) for y in ours]
    reference, held_out = (
        [sound_statistics(y, sr=side.spec.sr) for y in read_clips(part, sr=side.spec.sr, duration=LONGEST)] for part in (train, test)
    )
    if len(held_out) < MIN_CLIPS:  # too few to stand for real sound: then all generated clips count
        return compare_sounds(windows, reference, rng=gen), None
    return compare_sounds(windows, reference, n=len(held_out), rng=gen), compare_sounds(held_out, reference, n=len(windows), rng=gen)


def _compare(clips: Clips, side: _Side, Y: np.ndarray, T: np.ndarray, seed: int, reasons: dict[str, str]) -> _Alike:
    """Generated clips beside one another and beside the training clips."""
    if side.train is None or len(side.train) < 2:
        reasons.update(dict.fromkeys(("diversity", "copies"), side.absent or "the reference has fewer than 2 training clips"))
        return _Alike()
    gen = np.random.default_rng(seed)
    F, F_real = fingerprints(Y, side.spec), fingerprints(T, side.spec)
    training = np.concatenate([fingerprints(_real_rows(part, side), side.spec) for part in _parts(side.train)])
    labels, train_labels = _label_numbers(clips.labels, side), _label_numbers(side.train.labels if clips.labels else None, side)
    test_labels = _label_numbers(side.test.labels if side.test is not None and clips.labels else None, side)
    spread = _spread(F, labels, training, train_labels, gen)
    if spread is None:
        reasons["diversity"] = "no label has 2 generated and 2 training clips" if labels is not None else "it needs 2 clips"
    found = nearest_training_clip(F, training, held_out=F_real, rng=gen)
    order = sorted(found.copies, key=lambda i: (found.distances[i], i))
    names = side.train.names
    return _Alike(
        diversity=spread,
        real_diversity=_spread(F_real, test_labels, training, train_labels, gen),
        copies=found,
        copied=tuple((clips.names[i], names[found.nearest[i]], round(float(found.distances[i]), 4)) for i in order),
    )


def _label_numbers(labels: tuple[str, ...] | None, side: _Side) -> np.ndarray | None:
    """Labels as numbers; None where there are none on either side: then all clips are taken together."""
    index = {name: i for i, name in enumerate(side.label_names)}
    if not labels or side.train is None or not any(side.train.labels):
        return None
    return np.array([index[label] for label in labels])


def _spread(
    F: np.ndarray, labels: np.ndarray | None, real: np.ndarray, real_labels: np.ndarray | None, gen: np.random.Generator
) -> Diversity | None:
    a = np.zeros(len(F), dtype=np.int64) if labels is None else labels
    b = np.zeros(len(real), dtype=np.int64) if real_labels is None else real_labels
    often = [set(np.unique(numbers)[np.unique(numbers, return_counts=True)[1] >= 2].tolist()) for numbers in (a, b)]
    return diversity(F, a, real, b, rng=gen) if often[0] & often[1] else None


def _parts(dataset: Dataset) -> Iterator[Dataset]:
    """A dataset in parts whose waveforms fit into memory together."""
    for start in range(0, len(dataset), 256):
        yield dataset.subset(range(start, min(start + 256, len(dataset))))


def _describe(clips: Clips) -> str:
    n_labels = len(set(clips.labels or ()))
    labels = f" of {n_labels} label{'s'[: n_labels != 1]}" if n_labels else " without labels"
    return f"{clips.source}: {len(clips)} clip{'s'[: len(clips) != 1]}{labels} at {clips.sr} Hz"


def _tested(recogniser: Recogniser | None) -> dict[str, Any]:
    """What the recogniser's card says of held-out clips."""
    return dict(recogniser.card.get("test", {"n": 0})) if recogniser else {"n": 0}


def _ears(side: _Side) -> str:
    if side.recogniser is None:
        return f"none: {side.deaf}"
    test, source = _tested(side.recogniser), side.recogniser.card.get("trained_on", "unknown clips")
    if not test["n"]:
        return f"a recogniser trained on {source}, not tested: no clip was held out"
    return f"a recogniser trained on {source}; it is right about {100 * test['accuracy']:.1f} % of {test['n']} held-out real clips"


def _notes(clips: Clips, side: _Side) -> tuple[str, ...]:
    notes = []
    if clips.sr != side.spec.sr:
        notes.append(f"Clips were resampled from {clips.sr} to {side.spec.sr} Hz.")
    longest = side.length / side.spec.sr
    cut = sum(len(y) > longest * clips.sr for y in clips.waveforms)
    if cut:
        notes.append(f"Of clips longer than {longest:.2f} s ({cut} of {len(clips)}) only that much was compared.")
    if clips.skipped:
        notes.append(f"Damaged files were left out ({len(clips.skipped)}): {'; '.join(clips.skipped[:3])}")
    if side.train is not None and len(side.train) < side.n_train:
        notes.append(f"Compared with {len(side.train)} of {side.n_train} training clips.")
    kept = side.recogniser.card.get("kept", "") if side.recogniser else ""
    if kept.startswith("not kept"):
        notes.append(f"The recogniser was {kept}")
    return tuple(notes)
