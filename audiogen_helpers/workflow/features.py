"""What the models see of a data set: scaled log-mel spectrograms, all of one length."""

from __future__ import annotations

import hashlib
import math

import numpy as np

from audiogen_helpers import audio, spectral, units
from audiogen_helpers._files import data_home
from audiogen_helpers._validation import check_integer, check_number, check_sr
from audiogen_helpers.datasets import Dataset
from audiogen_helpers.deep.streaming import Rows, cached_rows
from audiogen_helpers.errors import DataError, ParameterError

__all__ = ["check_finite", "clip_length", "default_length", "default_spec", "features", "streamed_features"]

FRAME_SECONDS = 0.064
LONGEST = 5.0
CHUNK = 256
IN_MEMORY = 512 * 2**20  # bytes of spectrograms
VERSION = 1  # of what is computed here: another number, and caches are made anew


def default_spec(sr: int, *, n_mels: int | None = None) -> spectral.MelSpec:
    """Settings of the mel spectrum for a sample rate.

    Parameters
    ----------
    sr : int > 0
        Sample rate, Hz.
    n_mels : int > 0, optional
        Mel bands.

    Returns
    -------
    spec : MelSpec
        Frames of the longest power of two within 64 ms, every quarter of a frame; 64 bands up to 8 kHz, 80 up to 24 kHz, 128
        above, but never more than an eighth of the frame's samples.

    Examples
    --------
    >>> spec = default_spec(8000)
    >>> spec.n_fft, spec.hop_length, spec.n_mels
    (512, 128, 64)
    >>> spec = default_spec(44100)
    >>> spec.n_fft, spec.hop_length, spec.n_mels
    (2048, 512, 128)
    """
    sr = check_sr(sr)
    n_fft = max(32, 2 ** math.floor(math.log2(max(FRAME_SECONDS * sr, 1.0))))
    bands = 64 if sr <= 8000 else 80 if sr <= 24000 else 128
    wanted = min(bands, n_fft // 8) if n_mels is None else check_integer(n_mels, name="n_mels", low=1)
    return spectral.MelSpec(sr=sr, n_fft=n_fft, hop_length=n_fft // 4, n_mels=wanted)


def default_length(dataset: Dataset, spec: spectral.MelSpec) -> int:
    """Samples that nearly all clips fit into: the 99th percentile of their lengths, at most 5 s, up to a multiple of 8 frames."""
    lengths = []
    for path in dataset.paths:
        info = audio.info(path)
        lengths.append(info.length * dataset.sr / info.sr)
    most = min(float(np.percentile(lengths, 99)), LONGEST * dataset.sr)
    frames = 8 * math.ceil((1 + most / spec.hop_length) / 8)
    return (frames - 1) * spec.hop_length


def clip_length(dataset: Dataset, spec: spectral.MelSpec, duration: float | None) -> int:
    """Samples of a clip: of the `duration` asked for, or :func:`default_length`; an error where `spec` or `duration` does not fit."""
    if spec.sr != dataset.sr:
        raise ParameterError(f"spec must have the data set's rate of {dataset.sr} Hz; received {spec.sr}")
    if duration is None:
        return default_length(dataset, spec)
    length = units.n_samples(check_number(duration, name="duration", above=0.0), sr=spec.sr)
    if length < spec.hop_length:
        raise ParameterError(f"duration must hold at least one hop of {spec.hop_length} samples; received {duration:g} s")
    return length


def check_finite(Y: np.ndarray, dataset: Dataset, *, start: int = 0) -> None:
    """:class:`DataError` naming the first clip of ``Y (n, length)`` with NaN; `start` is the position of ``Y[0]`` in the set."""
    broken = np.flatnonzero(~np.isfinite(Y).all(axis=1))
    if broken.size:
        raise DataError(f"clips must be finite; {dataset.paths[start + int(broken[0])].name} holds NaN or infinite samples")


def features(
    dataset: Dataset, *, spec: spectral.MelSpec | None = None, duration: float | None = None
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scaled log-mel spectrograms of all clips, cut or padded with silence at the end to one length.

    Levels are kept: a quiet clip gives quiet features, and what a model makes of them is as quiet.

    Parameters
    ----------
    dataset : Dataset
        Clips.
    spec : MelSpec, optional
        Settings; :func:`default_spec` of the data set's rate. Its `sr` must be the data set's.
    duration : float > 0, optional
        Length, s; by default what 99 of 100 clips fit into, at most 5 s.

    Returns
    -------
    X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1
    label_indices : np.ndarray [shape=(n,), int64]
        Position in ``dataset.label_names``; -1 where the set has no labels.
    length : int
        Samples of each clip.

    Raises
    ------
    DataError
        If a clip cannot be read or holds NaN.

    Examples
    --------
    >>> from audiogen_helpers import datasets
    >>> clips = datasets.load("digits").select(label="3")
    >>> X, labels, length = features(clips, duration=1.008)
    >>> X.shape[1:], set(labels.tolist()), length
    ((64, 64), {3}, 8064)
    """
    spec = default_spec(dataset.sr) if spec is None else spec
    length = clip_length(dataset, spec, duration)
    return _spectrograms(dataset, spec, length, range(len(dataset))), _label_indices(dataset), length


def streamed_features(
    dataset: Dataset, *, spec: spectral.MelSpec | None = None, duration: float | None = None
) -> tuple[np.ndarray | Rows, np.ndarray, int]:
    """As :func:`features`; of a large data set the spectrograms are computed once, kept on disk, and read a batch at a time.

    Up to half a gigabyte of spectrograms stays in memory. More goes to ``features/`` in the data home, in a folder whose name follows from
    the clips, their order and the settings.

    Returns
    -------
    X : np.ndarray or Rows [shape=(n, n_mels, frames)], float32, -1 to 1
    label_indices, length
        As of :func:`features`.
    """
    spec = default_spec(dataset.sr) if spec is None else spec
    length = clip_length(dataset, spec, duration)
    shape = (spec.n_mels, 1 + length // spec.hop_length)
    if 4 * len(dataset) * shape[0] * shape[1] <= IN_MEMORY:
        return _spectrograms(dataset, spec, length, range(len(dataset))), _label_indices(dataset), length
    order = hashlib.sha256("\n".join(dataset.names).encode("utf-8")).hexdigest()
    key = {"what": "log-mel", "version": VERSION, "spec": spec.to_dict(), "length": length}
    key |= {"content": dataset.content_hash(), "order": order}
    rows = cached_rows(
        data_home() / "features", lambda part: _spectrograms(dataset, spec, length, part), n=len(dataset), shape=shape, key=key
    )
    return rows, _label_indices(dataset), length


def _spectrograms(dataset: Dataset, spec: spectral.MelSpec, length: int, part: range) -> np.ndarray:
    X = np.empty((len(part), spec.n_mels, 1 + length // spec.hop_length), dtype=np.float32)
    for start in range(0, len(part), CHUNK):
        some = part[start : start + CHUNK]
        Y, _ = dataset.subset(some).arrays(length=length)
        check_finite(Y, dataset, start=some.start)
        X[start : start + len(Y)] = spectral.scale(spectral.log_mel(Y, spec), spec)
    return X


def _label_indices(dataset: Dataset) -> np.ndarray:
    return dataset.label_indices if dataset.label_names else np.full(len(dataset), -1, dtype=np.int64)
