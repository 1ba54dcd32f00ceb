"""What a model learns from, read from a data set: spectrograms, waveforms or notes, each with its label."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers import datasets
from audiogen_helpers.errors import DataError, ParameterError
from audiogen_helpers.spectral import MelSpec
from audiogen_helpers.workflow.features import check_finite, clip_length, default_spec, features, streamed_features
from audiogen_helpers.workflow.tunes import NOTES_SR, tune_length

__all__ = ["Material", "material"]


@dataclass(frozen=True, kw_only=True)
class Material:
    """Training data of a model.

    Attributes
    ----------
    inputs : np.ndarray, Rows or list of np.ndarray
        Log-mel spectrograms (n, n_mels, frames), waveforms (n, length), or tunes, each (notes, 3): MIDI number,
        sixteenths, and 1 where a phrase ends.
    labels : np.ndarray [shape=(n,), int64]
        Position in `label_names`; -1 where there are none.
    label_names : tuple of str
        What the model can be asked for: the labels that have clips to learn from.
    spec : MelSpec
        Rate of the sound and settings of its spectrogram.
    length : int
        Samples of a clip; of the longest tune.
    record : dict
        Where it is from, without a path of this machine.
    """

    inputs: Any
    labels: np.ndarray
    label_names: tuple[str, ...]
    spec: MelSpec
    length: int
    record: dict[str, Any]


def material(
    kind: str,
    data: str | os.PathLike[str] | datasets.Dataset | datasets.Tunes,
    *,
    spec: MelSpec | None,
    duration: float | None,
    length: int | None = None,
    stream: bool = False,
) -> Material:
    """Read a data set as a model of this kind learns from it: the training side of the split, or all of a set that is handed over.

    Parameters
    ----------
    kind : {'mel', 'waveforms', 'notes'}
        See :func:`audiogen_helpers.workflow.models.makes`.
    data, spec, duration
        As for :func:`audiogen_helpers.workflow.train`.
    length : int, optional
        Samples of a clip, where a run that goes on has fixed it.
    stream : bool
        Whether the model takes spectrograms that lie on disk (:func:`~audiogen_helpers.workflow.features.streamed_features`).

    Raises
    ------
    DataError
        If there are fewer than two clips or tunes, or one is damaged.
    ParameterError
        If the data set is of another kind, or does not fit `spec`.

    Examples
    --------
    >>> found = material("waveforms", datasets.load("digits").select(label="3"), spec=None, duration=0.5)
    >>> found.inputs.shape, found.label_names
    ((100, 4000), ('3',))
    """
    return _notes(data, spec, duration) if kind == "notes" else _clips(kind, data, spec, duration, length, stream)


def _clips(kind: str, data: Any, spec: MelSpec | None, duration: float | None, length: int | None, stream: bool) -> Material:
    clips = datasets.load(data)
    if not isinstance(data, datasets.Dataset):
        clips = _training_side(clips)
    if len(clips) < 2:
        raise DataError(
            f"data must have at least 2 clips, or there is nothing to learn about how clips differ; received {clips.describe()}"
        )
    spec = default_spec(clips.sr) if spec is None else spec
    if length is not None:
        duration = length / spec.sr
    length = clip_length(clips, spec, duration)
    inputs: Any
    if kind == "mel":
        inputs = (streamed_features if stream else features)(clips, spec=spec, duration=length / spec.sr)[0]
    else:
        inputs, _ = clips.arrays(length=length)
        check_finite(inputs, clips)
    labels, names = _present(clips)
    record = {**_record(clips), "sr": clips.sr, "clips_used": len(clips)}
    return Material(inputs=inputs, labels=labels, label_names=names, spec=spec, length=length, record=record)


def _notes(data: Any, spec: MelSpec | None, duration: float | None) -> Material:
    if duration is not None:
        raise ParameterError(f"duration must not be given where a model learns tunes, which have their own; received {duration!r}")
    tunes = datasets.load_tunes(data)
    if not isinstance(data, datasets.Tunes):
        tunes = _training_side(tunes)
    if len(tunes) < 2:
        raise DataError(
            f"data must have at least 2 tunes, or there is nothing to learn about how tunes differ; received {tunes.describe()}"
        )
    spec = default_spec(NOTES_SR) if spec is None else spec
    inputs = tunes.in_c(phrases=True)
    length = max(tune_length(notes[:, :2], sr=spec.sr) for notes in inputs)
    record = {**_record(tunes), "clips_used": len(tunes)}
    labels, names = _present(tunes)
    return Material(inputs=inputs, labels=labels, label_names=names, spec=spec, length=length, record=record)


def _present(found: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Label indices, and the names of those labels that have clips: a model cannot be asked for what it never met."""
    if not found.label_names:
        return np.full(len(found), -1, dtype=np.int64), ()
    there, labels = np.unique(found.label_indices, return_inverse=True)
    return labels.astype(np.int64), tuple(found.label_names[i] for i in there)


def _training_side(found: Any) -> Any:
    return found.split("train") if found.splits.count("train") >= 2 else found


def _record(found: Any) -> dict[str, Any]:
    return {
        "name": found.name,
        "source": found.source,
        "licence": found.card.licence,
        "citation": found.card.citation,
        "clips": dict(sorted(Counter(found.labels).items())),
        "content_sha256": found.content_hash(),
    }
