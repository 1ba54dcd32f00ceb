"""What a pair of ears hears from every direction: measured sets (SOFA files), the spherical head, and the directions in between."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers import audio
from audiogen_helpers._validation import check_array, check_integer, check_sr
from audiogen_helpers.applications.spatial.directions import angle_between, even_directions, from_vectors, to_vectors
from audiogen_helpers.applications.spatial.sphere import sphere_impulse
from audiogen_helpers.errors import DataError, DependencyError, ParameterError

__all__ = ["HeadResponses", "make_responses", "read_sofa", "spherical_head"]

EARS = np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])  # left, right
AHEAD = 4  # samples before the moment of arrival that a response keeps
MAX_VALUES = 2**26
HIGHEST = 3000.0  # Hz


@dataclass(frozen=True, eq=False)
class HeadResponses:
    """Responses of two ears in many directions, each without its delay, which is kept apart: so that neighbours can be mixed.

    Attributes
    ----------
    vectors : np.ndarray [shape=(n, 3)]
        Unit vectors (front, left, up).
    delays : np.ndarray [shape=(n, 2)]
        Moments of arrival at the left and the right ear, s, after an arbitrary common zero.
    irs : np.ndarray [shape=(n, 2, taps)]
        Responses that begin `AHEAD` samples before that moment.
    sr : int
        Their sample rate, Hz.
    source : str
        Where they are from.
    """

    vectors: np.ndarray
    delays: np.ndarray
    irs: np.ndarray
    sr: int
    source: str
    _triangles: list[Any] = field(default_factory=list, repr=False)

    @property
    def taps(self) -> int:
        """Samples of a response."""
        return int(self.irs.shape[-1])

    def at(self, azimuth: ArrayLike, elevation: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Delays (..., 2), s, and responses (..., 2, taps) of any directions, from the three nearest that surround each.

        Parameters
        ----------
        azimuth, elevation : float or array
            Degrees; 90 is left.

        Examples
        --------
        >>> head = spherical_head(sr=16_000)
        >>> delays, irs = head.at(90.0, 0.0)
        >>> round(1e6 * float(delays[1] - delays[0]), -2), irs.shape  # the right ear later
        (700.0, (2, 64))
        """
        v = to_vectors(azimuth, elevation)
        corners, weights = self._around(v.reshape(-1, 3))
        delays = np.einsum("qc,qce->qe", weights, self.delays[corners])
        irs = np.einsum("qc,qcet->qet", weights, self.irs[corners])
        return delays.reshape(*v.shape[:-1], 2), irs.reshape(*v.shape[:-1], 2, self.taps)

    def _around(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners (q, 3) of the triangles that directions (q, 3) fall into, and the weights (q, 3) of the corners, which sum to 1."""
        if not self._triangles:
            from scipy.spatial import ConvexHull

            simplices = ConvexHull(self.vectors).simplices
            corners = self.vectors[simplices]
            sound = np.abs(np.linalg.det(corners)) > 1e-9
            self._triangles.extend([simplices[sound], np.linalg.inv(corners[sound].swapaxes(1, 2))])
        simplices, inverse = self._triangles
        flat = inverse.reshape(-1, 3).T
        chosen, weights = np.empty(len(v), dtype=np.int64), np.empty((len(v), 3))
        for start in range(0, len(v), 256):
            some = (v[start : start + 256] @ flat).reshape(-1, len(simplices), 3)
            best = np.minimum(np.minimum(some[..., 0], some[..., 1]), some[..., 2]).argmax(axis=-1)
            chosen[start : start + 256] = best
            weights[start : start + 256] = np.maximum(some[np.arange(len(best)), best], 0.0)
        return simplices[chosen], weights / weights.sum(axis=1, keepdims=True)

    def resampled(self, sr: int) -> HeadResponses:
        """The same at another sample rate.

        Examples
        --------
        >>> spherical_head(sr=44_100).resampled(16_000).sr
        16000
        """
        sr = check_sr(sr)
        if sr == self.sr:
            return self
        whole = np.pad(self.irs, ((0, 0), (0, 0), (16, 16)))
        irs = audio.resample(whole.reshape(-1, whole.shape[-1]), sr=self.sr, to_sr=sr).reshape(*self.irs.shape[:2], -1)
        first = self.delays - (AHEAD + 16.0) / self.sr  # moment of the first sample of what is resampled
        return make_responses(self.vectors, irs * (self.sr / sr), sr=sr, source=self.source, delays=first)


def make_responses(vectors: np.ndarray, irs: np.ndarray, *, sr: int, source: str, delays: np.ndarray | None = None) -> HeadResponses:
    """A set from directions and responses as measured: the moment of arrival of each is found, and taken out.

    That moment is the lag at which a response is most alike its own minimum-phase version, which has the same magnitudes and
    comes as early as it can.

    Parameters
    ----------
    vectors : np.ndarray [shape=(n, 3)], n >= 4
        Directions (front, left, up) of any length but 0, not all on one side of the listener.
    irs : np.ndarray [shape=(n, 2, taps)]
        Responses of the left and the right ear.
    sr : int > 0
        Sample rate, Hz.
    source : str
        Where they are from.
    delays : np.ndarray [shape=(n, 2)], optional
        Of the first sample of each response, s.

    Raises
    ------
    ParameterError
        If shapes do not fit, a response is silent, or the directions do not surround the listener.

    References
    ----------
    J. Nam, J. S. Abel and J. O. Smith (2008), A method for estimating interaural time difference for binaural synthesis, 125th
    AES Convention.

    Examples
    --------
    >>> v = to_vectors([0, 90, 180, 270, 0, 0], [0, 0, 0, 0, 90, -90])
    >>> clicks = np.zeros((6, 2, 64))
    >>> clicks[:, :, 20] = 1.0
    >>> (1000 * make_responses(v, clicks, sr=1000, source="clicks").delays[0]).round(2)
    array([20., 20.])
    """
    sr = check_sr(sr)
    irs = check_array(np.asarray(irs, dtype=np.float64), name="irs", ndim=3)
    n, ears, taps = irs.shape
    azimuth, elevation = from_vectors(vectors)
    v = to_vectors(azimuth, elevation)
    if ears != 2 or v.shape != (n, 3) or n < 4 or taps < 8:
        raise ParameterError(f"vectors and irs must be (n, 3) and (n, 2, taps), n >= 4, taps >= 8; received {v.shape} and {irs.shape}")
    if not (np.abs(irs).max(axis=-1) > 0.0).all():
        raise ParameterError(f"irs must not be silent; direction {int(np.argmin(np.abs(irs).max(axis=(1, 2))))} is")
    _check_surround(v)
    start = np.zeros((n, 2)) if delays is None else check_array(np.asarray(delays, dtype=np.float64), name="delays", ndim=2)
    lags = _arrivals(irs.reshape(-1, taps), sr=sr).reshape(n, 2)
    size = 2 * taps
    f = np.fft.rfftfreq(size)
    moved = np.fft.rfft(irs, size) * np.exp(2j * np.pi * f * (lags[..., None] - AHEAD))
    moved[..., -1] = moved[..., -1].real  # half the rate has no phase of its own
    return HeadResponses(v, start + lags / sr, np.fft.irfft(moved, size)[..., :taps], sr, source)


def _check_surround(v: np.ndarray) -> None:
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(v)
    except QhullError as error:
        raise ParameterError("vectors must surround the listener; received directions in one plane or at one point") from error
    if hull.equations[:, 3].max() > -1e-6:
        raise ParameterError("vectors must surround the listener; received directions on one side only")


def _arrivals(h: np.ndarray, *, sr: int) -> np.ndarray:
    """Moments of arrival of responses (n, taps), in samples; by what lies below 3 kHz, where ears follow the phase."""
    taps = h.shape[1]
    size = 4 * taps
    H = np.fft.rfft(h, size)
    log = np.log(np.maximum(np.abs(H), 1e-6 * np.abs(H).max(axis=1, keepdims=True)))
    fold = np.zeros(size)
    fold[0] = fold[size // 2] = 1.0
    fold[1 : size // 2] = 2.0
    minimum = np.exp(np.fft.rfft(np.fft.irfft(log, size) * fold, size))
    f = np.fft.rfftfreq(size, 1.0 / sr)
    low = np.clip((HIGHEST - f) / (0.25 * HIGHEST) + 1.0, 0.0, 1.0)
    fine = np.fft.irfft(H * np.conj(minimum) * low, 4 * size)[:, : 4 * taps]
    k = fine.argmax(axis=1)
    inner = np.clip(k, 1, fine.shape[1] - 2)
    before, here, after = (fine[np.arange(len(h)), inner + step] for step in (-1, 0, 1))
    bend = before - 2.0 * here + after
    return np.where(k == inner, k + 0.5 * (before - after) / np.where(bend < 0.0, bend, -1.0), k) / 4.0


def spherical_head(*, sr: int, n: int = 642) -> HeadResponses:
    """The set of a rigid sphere with ears on both sides: what is used where nothing was measured.

    It has no torso and no outer ears, so nothing tells front from back, nor above from below.

    Parameters
    ----------
    sr : int > 0
        Sample rate, Hz.
    n : int >= 32
        Directions, evenly spread.

    Returns
    -------
    responses : HeadResponses

    Examples
    --------
    >>> spherical_head(sr=44_100).irs.shape
    (642, 2, 128)
    """
    v = even_directions(check_integer(n, name="n", low=32))
    taps = 128 if check_sr(sr) > 24_000 else 64
    grid = np.linspace(0.0, 180.0, 361)
    h, delay = sphere_impulse(grid, sr=sr, n=taps)
    place = angle_between(v[:, None], EARS) * 2.0
    low = np.minimum(place.astype(int), 359)
    part = (place - low)[..., None]
    responses = make_responses(v, (1.0 - part) * h[low] + part * h[low + 1], sr=sr, source="rigid sphere")
    return HeadResponses(v, responses.delays - delay / sr, responses.irs, responses.sr, responses.source)


def read_sofa(path: str | os.PathLike[str]) -> HeadResponses:
    """The responses in a SOFA file (AES69; convention SimpleFreeFieldHRIR).

    Parameters
    ----------
    path : path
        From anywhere: its content is checked, nothing in it is followed or executed.

    Raises
    ------
    DataError
        If the file is missing, is no such file, or holds what does not fit.
    DependencyError
        If h5py is not installed (TensorFlow brings it).
    """
    try:
        import h5py
    except ImportError as error:
        raise DependencyError("SOFA files need the package h5py (pip install h5py)") from error
    file = Path(path)
    try:
        with h5py.File(file, "r") as store:
            parts = {name: _numbers(store, name) for name in ("Data.IR", "Data.SamplingRate", "SourcePosition", "Data.Delay")}
            kind = _text(store.attrs.get("SOFAConventions", b""))
            coordinates = _text(store["SourcePosition"].attrs.get("Type", b"spherical"))
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"path must be a SOFA file of head responses; received {file}: {' '.join(str(error).split())[:120]}") from error
    if "SimpleFreeFieldHRIR" not in kind:
        raise DataError(f"path must follow the convention SimpleFreeFieldHRIR; received {file} with {kind[:40]!r}")
    irs, rate, position = parts["Data.IR"], parts["Data.SamplingRate"].ravel(), parts["SourcePosition"]
    if irs.ndim != 3 or irs.shape[1] != 2 or position.shape != (len(irs), 3) or rate.size != 1 or rate[0] != round(float(rate[0])):
        raise DataError(f"path must hold responses (n, 2, taps), positions (n, 3) and one whole rate; received {file} with {irs.shape}")
    try:
        v = position if coordinates.startswith("cart") else to_vectors(position[:, 0], position[:, 1])
        delay = np.broadcast_to(np.atleast_2d(parts["Data.Delay"]), (len(irs), 2)) / rate[0]
        return make_responses(v, irs, sr=int(rate[0]), source=file.name, delays=delay)
    except (ParameterError, ValueError) as error:
        raise DataError(f"path must hold head responses; received {file}: {error}") from error


def _numbers(store: Any, name: str) -> np.ndarray:
    import h5py

    if not isinstance(store.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is missing or lies in another file")
    item = store[name]
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "fiu" or item.size > MAX_VALUES or item.external is not None:
        raise ValueError(f"{name} is not a plain array of at most {MAX_VALUES} numbers")
    return np.asarray(item[()], dtype=np.float64)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
