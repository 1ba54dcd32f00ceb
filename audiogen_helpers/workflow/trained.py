"""A trained model with all that it needs to make sound, and the folder that it lives in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import spectral
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_integer, show
from audiogen_helpers.deep.arrays import load_arrays, load_json, save_arrays
from audiogen_helpers.deep.models import Generator
from audiogen_helpers.errors import ModelError, ParameterError
from audiogen_helpers.workflow.models import MODELS, makes
from audiogen_helpers.workflow.tunes import render_tune

__all__ = ["FORMAT", "Trained", "read", "spread", "write_weights"]

FORMAT = 1
# Bounds that no model of this package comes near; what claims more is not ours.
MAX_FRAME = 2**16
MAX_MELS = 1024
MAX_FEATURES = 2**22
MAX_LABELS = 10_000
MAX_BYTES = 2**30
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model that has learned to make clips.

    Attributes
    ----------
    name : str
        Of the model, such as ``'flow'``.
    generator : Generator
        Makes features, waveforms or notes: see :func:`audiogen_helpers.workflow.models.makes`.
    spec : MelSpec
        What the features mean.
    length : int
        Samples of a clip; of the longest tune that a model of notes has read.
    labels : tuple of str
        What it can be asked to say; empty for a model without labels.
    card : dict
        Data and its licence, steps, seed, time, scores.
    """

    name: str
    generator: Generator
    spec: spectral.MelSpec
    length: int
    labels: tuple[str, ...]
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sr(self) -> int:
        """Sample rate of the clips, Hz."""
        return self.spec.sr

    def features(self, n: int, *, label: str | None = None, seed: int = 0, **options: Any) -> tuple[np.ndarray, list[str]]:
        """New scaled log-mel spectrograms ``(n, n_mels, frames)`` and their labels, of a model that makes those: see :meth:`sample`."""
        return self._made("mel", "spectrograms", n, label, seed, options)

    def notes(self, n: int, *, label: str | None = None, seed: int = 0, **options: Any) -> tuple[list[np.ndarray], list[str]]:
        """New tunes, each ``(notes, 2)``: MIDI number and sixteenths, and their labels, of a model of notes: see :meth:`sample`."""
        return self._made("notes", "tunes", n, label, seed, options)

    def _made(self, kind: str, called: str, n: int, label: str | None, seed: int, options: Mapping[str, Any]) -> tuple[Any, list[str]]:
        if makes(self.name) != kind:
            raise ParameterError(f"model must make {called}; received {self.name}, which makes {makes(self.name)}")
        return self._draw(n, label, seed, options)

    def _draw(self, n: int, label: str | None, seed: int, options: Mapping[str, Any]) -> tuple[Any, list[str]]:
        indices = spread(n, self.labels, label=label)
        made = self.generator.sample(indices, seed=check_seed(seed), **options)
        return made, [self.labels[i] if i >= 0 else "" for i in indices]

    def sample(self, n: int, *, label: str | None = None, seed: int = 0, **options: Any) -> tuple[np.ndarray, list[str]]:
        """New clips.

        Parameters
        ----------
        n : int >= 1
            How many, spread evenly over the labels.
        label : str, optional
            Only this one.
        seed : int >= 0
            Same seed, same clips.
        options
            What the model can be told at sampling: `guidance` and `sample_steps` for ``flow``.

        Returns
        -------
        Y : np.ndarray [shape=(n, length), float32], ``|Y| < 1``
            As loud as the clips it learned from. Where a clip ends early, what follows is digital silence. A clip that would
            exceed full scale (no training clip does) is turned down as a whole. Tunes are as long as the longest of them.
        labels : list of str
            One per clip; ``''`` for a model without labels.

        Raises
        ------
        ParameterError
            If `n` is below 1, or the label is unknown.
        """
        made, labels = self._draw(n, label, seed, options)
        parts = list(self._clips(made, seed))
        longest = max(part.shape[1] for part in parts)
        return np.concatenate([np.pad(part, ((0, 0), (0, longest - part.shape[1]))) for part in parts]), labels

    def clips(self, n: int, *, label: str | None = None, seed: int = 0) -> Iterator[np.ndarray]:
        """The clips of :meth:`sample` one by one: no more than 64 of them are sound at a time."""
        made, _ = self._draw(n, label, seed, {})
        return (y for part in self._clips(made, seed) for y in part)

    def _clips(self, made: Any, seed: int) -> Iterator[np.ndarray]:
        kind = makes(self.name)
        for start in range(0, len(made), CHUNK):
            part = made[start : start + CHUNK]
            if kind == "mel":
                yield self._audio(part, seed)
            elif kind == "waveforms":
                yield _fit(part)
            else:
                tunes = [render_tune(notes, sr=self.sr) for notes in part]
                longest = max(map(len, tunes))
                yield _fit(np.stack([np.pad(y, (0, longest - len(y))) for y in tunes]))

    def _audio(self, X: np.ndarray, seed: int) -> np.ndarray:
        Y = spectral.log_mel_to_audio(spectral.unscale(X, self.spec), self.spec, rng=seed, length=self.length)
        sounding = (X > -1.0).any(axis=1) * np.arange(1, X.shape[2] + 1)
        ends = np.where(sounding.any(axis=1), (sounding.max(axis=1) - 1) * self.spec.hop_length + self.spec.n_fft // 2, 0)
        Y = np.where(np.arange(self.length) < ends[:, None], Y, 0.0)  # where no frame reaches, rounding errors are left: 1e-6
        return _fit(Y)


def _fit(Y: np.ndarray) -> np.ndarray:
    """Each clip as it is, or turned down where it would exceed full scale."""
    peak = np.abs(Y).max(axis=-1, keepdims=True)
    return (Y / np.maximum(1.0, peak / 0.99)).astype(np.float32)


def spread(n: int, labels: tuple[str, ...], *, label: str | None = None) -> np.ndarray:
    """Label index of each of `n` clips, evenly over `labels` and in their order; -1 where there are none.

    Examples
    --------
    >>> spread(5, ("no", "yes")).tolist(), spread(2, ("no", "yes"), label="yes").tolist(), spread(2, ()).tolist()
    ([0, 0, 0, 1, 1], [1, 1], [-1, -1])
    """
    n = check_integer(n, name="n", low=1)
    if label is not None and label not in labels:
        raise ParameterError(f"label must be one of {', '.join(labels) or 'none (the model has no labels)'}; received {show(label)}")
    if label is not None:
        return np.full(n, labels.index(label))
    return np.sort(np.arange(n) % len(labels)) if labels else np.full(n, -1)


def read(folder: str | os.PathLike[str]) -> Trained:
    """The model in a folder; nothing in the folder is executed, and nothing outside it is read.

    Raises
    ------
    ModelError
        If the folder is not a finished model of this package, or its parts do not fit together.
    """
    path = Path(folder).expanduser()
    if not (path / "settings.json").is_file():
        raise ModelError(f"folder must be a trained model (with settings.json); received {path}")
    if not (path / "weights.npz").is_file():
        raise ModelError(f"folder must hold a finished model; the training in {path} has not ended (train again with resume)")
    found = load_json(path / "settings.json")
    card = load_json(path / "card.json") if (path / "card.json").is_file() else {}
    if found.get("format") != FORMAT:
        raise ModelError(f"folder must hold a model of format {FORMAT}; received {path} with format {show(found.get('format'))}")
    try:
        name, labels = found["model"], _labels(found["labels"])
        spec, length = _spec(found["spec"]), check_integer(found["length"], name="length", low=1, high=MAX_FEATURES * MAX_FRAME)
        shape = (spec.n_mels, 1 + length // spec.hop_length)
        if shape[0] * shape[1] > MAX_FEATURES:
            raise ParameterError(f"length must give at most {MAX_FEATURES} features; received {length}")
        settings, target = MODELS[name].settings(found["settings"]), MODELS[name]
    except (KeyError, TypeError, ParameterError) as error:
        raise ModelError(f"settings.json must describe a model of this package; received {path}: {show(str(error), limit=200)}") from error
    arrays = load_arrays(path / "weights.npz", max_bytes=MAX_BYTES)
    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        raise ModelError(f"weights must be finite; received {path} with NaN or infinite values in {broken[0]}")
    kind: Any = target.load()
    size: dict[str, Any] = {"shape": shape} if makes(name) == "mel" else {"shape": (length,), "sr": spec.sr}
    generator = kind.restore(arrays, n_labels=len(labels), settings=settings, **size)
    return Trained(name=name, generator=generator, spec=spec, length=length, labels=labels, card=card)


def write_weights(folder: Path, generator: Generator, *, exact: bool = False) -> Path:
    """Store what the model learned, in half precision where every value fits: at most 0.05 % off, and half the size.

    With `exact`, in single precision: for probabilities and variances, which may be small.
    """
    store = _single if exact else _half
    return save_arrays(folder / "weights.npz", {name: store(array) for name, array in generator.arrays.items()})


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


def _half(array: np.ndarray) -> np.ndarray:
    magnitude = np.abs(array)
    fits = magnitude.size == 0 or magnitude.max() < 6e4
    return array.astype(np.float16) if fits and array.ndim > 1 else array.astype(np.float32)


def _labels(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_LABELS or not all(isinstance(v, str) and v for v in value):
        raise ParameterError(f"labels must be a list of at most {MAX_LABELS} texts; received {show(value)}")
    if len(set(value)) != len(value):
        raise ParameterError(f"labels must differ; received {show(value)}")
    return tuple(value)


def _spec(value: Any) -> spectral.MelSpec:
    if not isinstance(value, dict):
        raise ParameterError(f"spec must be an object; received {show(value)}")
    check_integer(value.get("n_fft", 512), name="n_fft", low=4, high=MAX_FRAME)  # before the filters are made
    check_integer(value.get("n_mels", 64), name="n_mels", low=1, high=MAX_MELS)
    return spectral.MelSpec.from_dict(value)
