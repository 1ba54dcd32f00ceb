"""The settings of a mel spectrum: one frozen object for analysis and inversion, and the filters that follow from it.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from audiogen_helpers import units
from audiogen_helpers._validation import check_integer, check_number, check_sr, show
from audiogen_helpers.errors import ParameterError

__all__ = ["MelSpec", "check_spec", "filters"]


@dataclass(frozen=True, kw_only=True)
class MelSpec:
    """Settings of a mel spectrum: Hann window, frames centred on multiples of `hop_length`, zeros beyond the edges.

    Parameters
    ----------
    sr : int > 0
        Sample rate, Hz.
    n_fft : even int >= 4
        Samples per frame. The transform has ``n_bins = 1 + n_fft // 2`` frequencies, ``sr / n_fft`` Hz apart.
    hop_length : int, 1 to ``n_fft // 2``
        Samples from one frame to the next. Beyond ``n_fft // 4``, the last samples of a sound may lie where only the edge
        of one window reaches, and come back less exactly; beyond ``n_fft // 2`` some would not come back at all.
    n_mels : int > 0
        Mel bands.
    fmin, fmax : float, ``0 <= fmin < fmax <= sr / 2``
        Lowest and highest frequency of the bands, Hz; `fmax` is ``sr / 2`` where it is not given.
    power : float > 0
        Exponent of the magnitudes before the filters: 1 for amplitude, 2 for energy.
    floor : float in (0, 1)
        Lowest amplitude that :func:`log_mel` tells apart, relative to a full-scale sine: 1e-4 is -80 dB.

    Raises
    ------
    ParameterError
        If a value is out of its range, or the bands are so narrow that one of them holds no frequency of the transform.

    Examples
    --------
    >>> spec = MelSpec(sr=8000, n_fft=512, hop_length=128, n_mels=64)
    >>> spec.n_bins, spec.fmax, spec.floor_db
    (257, 4000.0, -80.0)
    >>> MelSpec.from_dict(spec.to_dict()) == spec
    True
    >>> MelSpec(sr=8000, n_fft=128, hop_length=32, n_mels=128)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ParameterError: n_mels must leave each band a frequency of n_fft=128; received 128: band 0 is empty
    """

    sr: int
    n_fft: int = 512
    hop_length: int = 128
    n_mels: int = 64
    fmin: float = 0.0
    fmax: float | None = None
    power: float = 1.0
    floor: float = 1e-4

    def __post_init__(self) -> None:
        sr = check_sr(self.sr)
        n_fft = check_integer(self.n_fft, name="n_fft", low=4)
        if n_fft % 2:
            raise ParameterError(f"n_fft must be even; received {n_fft}")
        fmax = sr / 2 if self.fmax is None else check_number(self.fmax, name="fmax", above=0.0, high=sr / 2)
        cleaned = {
            "sr": sr,
            "n_fft": n_fft,
            "hop_length": check_integer(self.hop_length, name="hop_length", low=1, high=n_fft // 2),
            "n_mels": check_integer(self.n_mels, name="n_mels", low=1),
            "fmin": check_number(self.fmin, name="fmin", low=0.0, below=fmax),
            "fmax": fmax,
            "power": check_number(self.power, name="power", above=0.0),
            "floor": check_number(self.floor, name="floor", above=0.0, below=1.0),
        }
        for name, value in cleaned.items():
            object.__setattr__(self, name, value)
        empty = np.flatnonzero(filters(self, np.float64).max(axis=1) == 0.0)
        if empty.size:
            message = f"n_mels must leave each band a frequency of n_fft={n_fft}; received {self.n_mels}: band {empty[0]} is empty"
            raise ParameterError(message)

    @property
    def n_bins(self) -> int:
        """Frequencies of the transform, ``1 + n_fft // 2``."""
        return 1 + self.n_fft // 2

    @property
    def floor_db(self) -> float:
        """`floor` in dB relative to a full-scale sine."""
        return float(units.gain_to_db(self.floor))

    @property
    def reference(self) -> float:
        """The 0 dB of :func:`log_mel`: the largest mel value that a sine of amplitude 1 on a bin of the transform gives.

        Under the Hann window such a sine is three bins, ``n_fft / 4`` times (1/2, 1, 1/2). Slaney's filters have equal
        areas, so wide (high) bands are lower than narrow (low) ones and read the same sine as fewer dB.
        """
        return _reference(self)

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain numbers, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> MelSpec:
        """The settings that :meth:`to_dict` gave; an unknown or missing name is a `ParameterError`."""
        names = {field.name for field in fields(cls)}
        if not isinstance(settings, Mapping) or "sr" not in settings or not set(settings) <= names:
            raise ParameterError(f"settings must hold sr and no names but {', '.join(sorted(names))}; received {show(settings)}")
        return cls(**settings)


def check_spec(spec: Any) -> MelSpec:
    """`spec`, which must be a :class:`MelSpec`."""
    if not isinstance(spec, MelSpec):
        raise ParameterError(f"spec must be a MelSpec; received {show(spec)}")
    return spec


def filters(spec: MelSpec, dtype: Any) -> np.ndarray:
    """Slaney's mel filters ``(n_mels, n_bins)``: triangles of area 1 (in Hz) on the mel scale. Computed once, read-only."""
    return _filters(spec.sr, spec.n_fft, spec.n_mels, spec.fmin, float(spec.fmax or 0.0), np.dtype(dtype).char)


@lru_cache(maxsize=32)
def _filters(sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float, dtype: str) -> np.ndarray:
    mels = np.linspace(units.hz_to_mel(fmin), units.hz_to_mel(fmax), n_mels + 2)
    edges = np.asarray(units.mel_to_hz(mels))
    widths = np.diff(edges)[:, None]
    ramps = edges[:, None] - np.fft.rfftfreq(n_fft, d=1.0 / sr)
    weights = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:])).astype(dtype)
    weights *= (2.0 / (edges[2:] - edges[:-2]))[:, None]  # after the rounding to dtype, so that every bit is librosa's
    weights.setflags(write=False)
    return weights


@lru_cache(maxsize=64)
def _reference(spec: MelSpec) -> float:
    power = spec.power
    weights = np.pad(filters(spec, np.float64), ((0, 0), (1, 1)))
    sine = 0.5**power * (weights[:, :-2] + weights[:, 2:]) + weights[:, 1:-1]
    return float((spec.n_fft / 4.0) ** power * sine.max())
