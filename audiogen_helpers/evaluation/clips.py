"""What is judged: generated clips from a folder, a Dataset or arrays, with their labels if they have any."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from audiogen_helpers import audio, datasets
from audiogen_helpers._validation import check_audio, check_sr, show
from audiogen_helpers.datasets import Dataset
from audiogen_helpers.errors import DataError, ParameterError
from audiogen_helpers.workflow.sampling import file_labels

__all__ = ["Clips", "GeneratedLike", "gather"]

GeneratedLike: TypeAlias = "str | os.PathLike[str] | Dataset | np.ndarray | tuple[np.ndarray, Sequence[str] | None]"

# `audiogen sample` writes {label}_{index:03d}.wav, and sample_{index:03d}.wav where a model has no labels.
_NAME = re.compile(r"(?P<label>.+)_(?P<index>\d{3,})")
_NO_LABEL = "sample"


@dataclass(frozen=True, kw_only=True)
class Clips:
    """Generated clips in memory.

    Attributes
    ----------
    waveforms : tuple of np.ndarray [shape=(length,), float32]
        Lengths may differ.
    sr : int
        Their rate, Hz.
    labels : tuple of str or None
        One per clip; None where there are none.
    names : tuple of str
        What to call each clip.
    source : str
        Where they come from, for the reader.
    skipped : tuple of str
        Damaged files that were left out, each with the reason.
    paths : tuple of Path
        Their files; empty for arrays.
    """

    waveforms: tuple[np.ndarray, ...]
    sr: int
    labels: tuple[str, ...] | None
    names: tuple[str, ...]
    source: str
    skipped: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()

    def __len__(self) -> int:
        return len(self.waveforms)


def gather(generated: GeneratedLike, *, label_names: Sequence[str], sr: int | None = None, on_corrupt: str = "raise") -> Clips:
    """Generated clips and their labels.

    Parameters
    ----------
    generated : path, Dataset, array (n, length), or tuple of such an array and n labels
        Labels of a folder's clips are its subfolders, or come from names such as ``7_003.wav``; ``sample_003.wav`` has none.
    label_names : sequence of str
        Labels that are known.
    sr : int
        Rate of an array, Hz; not for folders and datasets.
    on_corrupt : {'raise', 'skip'}
        See :func:`audiogen_helpers.datasets.load`.

    Returns
    -------
    clips : Clips

    Raises
    ------
    DataError
        If there is no clip, a damaged one, or a label that is not known.
    ParameterError
        If arrays do not fit, or come without `sr`.

    Examples
    --------
    >>> gather((np.zeros((2, 800)), ["yes", "no"]), label_names=["no", "yes"], sr=8000).labels
    ('yes', 'no')
    """
    if isinstance(generated, (np.ndarray, tuple, list)):
        return _from_arrays(generated, label_names, sr)
    if sr is not None:
        raise ParameterError(f"sr must be given with arrays only (files know their rate); received {show(sr)}")
    dataset = datasets.load(generated if isinstance(generated, Dataset) else Path(generated), on_corrupt=on_corrupt)
    if not len(dataset):
        raise DataError(f"generated must hold at least one clip; received {dataset.name} with none")
    labels = dataset.labels if any(dataset.labels) else _labels_from_names(dataset.names, label_names)
    if labels is not None:
        _check_known(labels, label_names, source=dataset.name)
    waveforms = tuple(audio.read(path, sr=dataset.sr, mono=True)[0] for path in dataset.paths)
    return Clips(
        waveforms=waveforms,
        sr=dataset.sr,
        labels=labels,
        names=dataset.names,
        source=dataset.name,
        skipped=dataset.skipped,
        paths=dataset.paths,
    )


def _from_arrays(generated: Any, label_names: Sequence[str], sr: int | None) -> Clips:
    Y, labels = generated if isinstance(generated, tuple) and len(generated) == 2 and not np.isscalar(generated[0]) else (generated, None)
    if sr is None:
        raise ParameterError("sr must be given with arrays; received None")
    waveforms = tuple(check_audio(y, name="generated", mono=True).astype(np.float32) for y in Y)
    if not waveforms:
        raise ParameterError("generated must hold at least one clip; received none")
    if labels is not None:
        labels = tuple(str(label) for label in labels)
        if len(labels) != len(waveforms):
            raise ParameterError(f"generated must have one label per clip, {len(waveforms)}; received {len(labels)}")
        _check_known(labels, label_names, source="the arrays")
    names = tuple(f"clip {i}" for i in range(len(waveforms)))
    return Clips(waveforms=waveforms, sr=check_sr(sr), labels=labels, names=names, source="arrays")


def _labels_from_names(names: Sequence[str], label_names: Sequence[str]) -> tuple[str, ...] | None:
    """The labels in ``{label}_{index:03d}`` names. None where no name has that form, or all are called ``sample``."""
    found = [_NAME.fullmatch(Path(name).stem) for name in names]
    written = dict(zip(file_labels(label_names), label_names, strict=True))
    labels = [written.get(match["label"], match["label"]) if match else "" for match in found]
    if not any(labels) or (set(labels) <= {_NO_LABEL, ""} and _NO_LABEL not in label_names):
        return None
    if not all(labels):
        raise DataError(
            "generated must have names such as 7_003.wav for all clips or for none (or one subfolder per label);"
            f" received {names[labels.index('')]!r} among them"
        )
    return tuple(labels)


def _check_known(labels: Sequence[str], label_names: Sequence[str], *, source: str) -> None:
    unknown = sorted(set(labels) - set(label_names))
    if unknown and label_names:
        known = ", ".join(list(label_names)[:20])
        raise DataError(
            f"generated must have labels that the reference knows ({known}); received {', '.join(map(repr, unknown[:5]))} in {source}"
            " (clips without a label are called sample_000.wav, sample_001.wav, ...)"
        )
