"""How alike clips are to the ear's first glance, whatever their level and start: the measure behind diversity and copying.

A clip becomes a fingerprint: its log-mel spectrum in dB above 30 dB below its own loudest point, so that level and faint noise
do not count. Two fingerprints are compared at every small shift in time, and the best one counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers import spectral
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import MelSpec

__all__ = ["Copies", "Diversity", "clip_distances", "diversity", "distinct_clips", "fingerprints", "nearest_training_clip"]

RANGE_DB = 30.0  # below a clip's loudest point; what is fainter is background
MAX_SHIFT = 16  # frames to either side
MAX_PER_LABEL = 60  # clips of one label that are compared with one another
N_BASELINE = 200  # training clips whose own nearest neighbours say how alike different real clips are
COPY_RATIO = 0.45  # of the usual distance of a real clip to its nearest other one


def fingerprints(Y: np.ndarray, spec: MelSpec) -> np.ndarray:
    """What is compared of clips: where the energy is in time and frequency, without level and faint background.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, length)]
        Waveforms at ``spec.sr``, of any level.
    spec : MelSpec
        Settings.

    Returns
    -------
    F : np.ndarray [shape=(n, bands, frames), float32], 0 to 30
        dB above the clip's loudest point - 30 dB, mean of each pair of mel bands. All 0 for a silent clip.

    Examples
    --------
    >>> from audiogen_helpers.spectral import MelSpec
    >>> F = fingerprints(np.random.default_rng(0).uniform(-1, 1, (3, 8064)), MelSpec(sr=8000))
    >>> F.shape, bool(F.min() >= 0.0), bool(F.max() <= 30.0)
    ((3, 32, 64), True, True)
    """
    Y = check_array(Y, name="Y", ndim=2)
    if not Y.shape[1]:
        raise ParameterError(f"Y must have at least one sample per clip; received shape {Y.shape}")
    frames = 1 + Y.shape[1] // spec.hop_length
    F = np.zeros((len(Y), (spec.n_mels + 1) // 2, frames), dtype=np.float32)
    for start in range(0, len(Y), 256):
        y = Y[start : start + 256].astype(np.float32)
        peaks = np.abs(y).max(axis=1, keepdims=True)
        L = spectral.log_mel(_on_a_frame(y / np.where(peaks > 0.0, peaks, 1.0), spec.hop_length), spec)
        above = np.maximum(L - L.max(axis=(1, 2), keepdims=True) + RANGE_DB, 0.0)
        even = np.pad(above, ((0, 0), (0, spec.n_mels % 2), (0, 0)), mode="edge")
        F[start : start + 256] = 0.5 * (even[:, ::2] + even[:, 1::2]) * (peaks[:, :, None] > 0.0)
    return F


def _on_a_frame(Y: np.ndarray, hop_length: int) -> np.ndarray:
    """Each clip, later by less than a hop, so that its centre is the middle of a frame: a copy that starts at another sample
    then has the same frames. The centre is that of the squared local energy, which faint noise hardly moves."""
    energy = np.cumsum(np.pad(Y.astype(np.float64) ** 2, ((0, 0), (hop_length, hop_length))), axis=1)
    weight = (energy[:, 2 * hop_length :] - energy[:, : -2 * hop_length]) ** 2
    total = weight.sum(axis=1)
    centre = weight @ np.arange(Y.shape[1]) / np.where(total > 0.0, total, 1.0)
    late = np.zeros_like(Y)
    for row, y, shift in zip(late, Y, -np.rint(centre).astype(np.int64) % hop_length, strict=True):
        row[shift:] = y[: len(y) - shift]
    return late


def clip_distances(A: np.ndarray, B: np.ndarray, *, max_shift: int = MAX_SHIFT) -> np.ndarray:
    r"""Distance of every clip of `A` to every clip of `B`, at the best of all shifts up to `max_shift` frames.

    Parameters
    ----------
    A : np.ndarray [shape=(n, bands, frames)]
        Fingerprints.
    B : np.ndarray [shape=(m, bands, frames)]
        Fingerprints.
    max_shift : int >= 0
        Frames to either side.

    Returns
    -------
    distance : np.ndarray [shape=(n, m), float32], 0 to sqrt(2)
        :math:`\sqrt{2 - 2 \cos}` of the two: 0 for copies, whatever their level. A silent clip is 0 from another silent clip
        and sqrt(2) from all else.

    Examples
    --------
    >>> from audiogen_helpers.spectral import MelSpec
    >>> y = np.zeros(8064)
    >>> y[2000:3000] = np.random.default_rng(0).uniform(-1, 1, 1000)
    >>> F = fingerprints(np.stack([y, 0.1 * np.roll(y, 650), np.sin(np.arange(8064))]), MelSpec(sr=8000))
    >>> clip_distances(F, F)[0].round(2)
    array([0.  , 0.  , 1.34], dtype=float32)
    """
    A, B = _check_fingerprints(A, name="A"), _check_fingerprints(B, name="B")
    max_shift = min(check_integer(max_shift, name="max_shift", low=0), A.shape[2] - 1)
    if A.shape[1:] != B.shape[1:]:
        raise ParameterError(f"A and B must have the same bands and frames; received shapes {A.shape} and {B.shape}")
    n_fft = A.shape[2] + max_shift  # zeros enough that no shift wraps around
    a_hat, b_hat = _spectra(A, n_fft), _spectra(B, n_fft).swapaxes(1, 2)
    cosine = np.empty((len(A), len(B)), dtype=np.float32)
    step = max(1, 2**22 // (n_fft * max(len(B), 1)))
    for start in range(0, len(A), step):  # correlation at all shifts at once, for a few clips of A at a time
        at_shift = np.fft.irfft(np.conj(a_hat[:, start : start + step]) @ b_hat, n_fft, axis=0)
        cosine[start : start + step] = np.maximum(at_shift[: max_shift + 1].max(axis=0), at_shift[n_fft - max_shift - 1 :].max(axis=0))
    squared = 2.0 - 2.0 * cosine
    distance = np.sqrt(np.where(squared > 1e-5, squared, 0.0))  # 1e-5: what float32 leaves of two equal clips
    distance[np.ix_(~A.any(axis=(1, 2)), ~B.any(axis=(1, 2)))] = 0.0
    return distance


def _spectra(F: np.ndarray, n_fft: int) -> np.ndarray:
    """Spectra over time of fingerprints of norm 1, ``(frequencies, n, bands)`` complex64."""
    norm = np.sqrt(np.einsum("nbf,nbf->n", F, F))
    unit = F / np.where(norm > 0.0, norm, 1.0)[:, None, None]
    return np.ascontiguousarray(np.fft.rfft(unit, n_fft, axis=2).astype(np.complex64).transpose(2, 0, 1))


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """What :func:`diversity` found.

    Attributes
    ----------
    ratio : float >= 0
        Mean distance of generated clips of one label, divided by the same of real clips. 0: all alike. 1: as varied as real ones.
        Noise and failures can push it above 1, so read it beside the recognition rate.
    distinct : float >= 0
        ``(generated - 1) / (real - 1)`` of the numbers of distinct clips below: 0 where a label is always the same clip.
    generated_distance, real_distance : float
        The two mean distances.
    generated_distinct, real_distinct : float
        Distinct clips of a label (:func:`distinct_clips`), mean over labels, of equally many generated and real ones.
    per_label : int
        Clips of a label that were compared, mean over labels.
    """

    ratio: float
    distinct: float
    generated_distance: float
    real_distance: float
    generated_distinct: float
    real_distinct: float
    per_label: float


def diversity(
    generated: np.ndarray, generated_labels: ArrayLike, real: np.ndarray, real_labels: ArrayLike, *, rng: RNGLike = None
) -> Diversity:
    """How much generated clips of one label differ from one another, relative to real clips of that label.

    Parameters
    ----------
    generated, real : np.ndarray [shape=(n or m, bands, frames)]
        Fingerprints.
    generated_labels, real_labels : array_like of int [shape=(n,) or (m,)]
        The same numbers for the same labels. All 0 where there are none.
    rng : int, Generator or None
        Of each label as many clips are compared on both sides, 60 at most; it draws them.

    Returns
    -------
    found : Diversity

    Raises
    ------
    ParameterError
        If no label has at least 2 generated and 2 real clips.

    Examples
    --------
    >>> from audiogen_helpers.spectral import MelSpec
    >>> Y = np.random.default_rng(0).uniform(-1, 1, (8, 4000)) * (np.arange(4000) < 500 * np.arange(1, 9)[:, None])
    >>> F = fingerprints(Y, MelSpec(sr=8000))
    >>> diversity(F[[3] * 8], [0] * 8, F, [0] * 8, rng=0).ratio
    0.0
    """
    gen = generator(rng)
    a, b = _check_fingerprints(generated, name="generated"), _check_fingerprints(real, name="real")
    a_labels, b_labels = _check_label_array(generated_labels, n=len(a)), _check_label_array(real_labels, n=len(b))
    rows = []
    for label in np.intersect1d(a_labels, b_labels):
        a_here, b_here = np.flatnonzero(a_labels == label), np.flatnonzero(b_labels == label)
        n = min(len(a_here), len(b_here), MAX_PER_LABEL)
        if n >= 2:
            rows.append((*_spread(a[gen.permutation(a_here)[:n]], b[gen.permutation(b_here)[:n]]), n))
    if not rows:
        raise ParameterError("generated must have 2 clips or more of a label that has 2 real ones or more; received no such label")
    a_mean, b_mean, a_distinct, b_distinct, per_label = np.mean(rows, axis=0)
    return Diversity(
        ratio=_ratio(a_mean, b_mean),
        distinct=_ratio(a_distinct - 1.0, b_distinct - 1.0),
        generated_distance=float(a_mean),
        real_distance=float(b_mean),
        generated_distinct=float(a_distinct),
        real_distinct=float(b_distinct),
        per_label=float(per_label),
    )


def _spread(a: np.ndarray, b: np.ndarray) -> tuple[float, float, float, float]:
    """Mean distances and distinct clips of equally many generated and real clips of one label."""
    off = ~np.eye(len(a), dtype=bool)
    a_distance, b_distance = clip_distances(a, a), clip_distances(b, b)
    radius = float(np.median(b_distance[off])) / 3.0
    return (
        float(a_distance[off].mean(dtype=np.float64)),
        float(b_distance[off].mean(dtype=np.float64)),
        distinct_clips(a_distance, radius=radius),
        distinct_clips(b_distance, radius=radius),
    )


def _ratio(a: float, b: float) -> float:
    """`a / b`; real clips that are all alike (b = 0) cannot be outdone: 1 where `a` is 0 too."""
    return float(a / b) if b > 0.0 else float(a == 0.0)


def distinct_clips(distances: np.ndarray, *, radius: float) -> int:
    """Number of clips that are left when each one nearer than `radius` to one kept before is dropped.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n)]
        Of every clip to every other (:func:`clip_distances`).
    radius : float >= 0
        Clips this near count as the same. :func:`diversity` uses a third of the median distance of real clips of the label.

    Returns
    -------
    count : int, 1 to n

    Examples
    --------
    >>> points = np.array([0.0, 0.1, 5.0, 5.1, 9.0])
    >>> distinct_clips(np.abs(points[:, None] - points), radius=1.0)
    3
    """
    distances = check_array(distances, name="distances", ndim=2, low=0.0)
    radius = check_number(radius, name="radius", low=0.0)
    if distances.shape[0] != distances.shape[1] or not len(distances):
        raise ParameterError(f"distances must be a square matrix; received shape {distances.shape}")
    kept: list[int] = []
    for i in range(len(distances)):
        if not kept or distances[i, kept].min() >= radius:
            kept.append(i)
    return len(kept)


@dataclass(frozen=True, kw_only=True)
class Copies:
    """What :func:`nearest_training_clip` found.

    Attributes
    ----------
    distances : np.ndarray [shape=(n,)]
        Of each generated clip to its nearest training clip.
    nearest : np.ndarray [shape=(n,), int64]
        Which training clip that is.
    threshold : float
        Below it a clip counts as a copy: 0.45 of `usual`.
    usual : float
        Median distance of a real clip to its nearest other real one: held-out clips to the training clips, or training clips to one
        another, whichever is smaller.
    ratio : float
        Median of `distances` divided by `usual`: about 1 for new clips, near 0 for copies.
    held_out : float or None
        Share of the held-out clips that would count as copies: false alarms.
    """

    distances: np.ndarray
    nearest: np.ndarray
    threshold: float
    usual: float
    ratio: float
    held_out: float | None

    @property
    def copies(self) -> np.ndarray:
        """The numbers of the clips that count as copies, int64."""
        return np.flatnonzero(self.distances < self.threshold)

    @property
    def share(self) -> float:
        """Share of clips that count as copies, 0 to 1."""
        return len(self.copies) / len(self.distances)


def nearest_training_clip(
    generated: np.ndarray, training: np.ndarray, *, held_out: np.ndarray | None = None, rng: RNGLike = None
) -> Copies:
    """Whether generated clips are copies: nearer to a training clip than different real clips ever are to one another.

    Parameters
    ----------
    generated : np.ndarray [shape=(n, bands, frames)], n >= 1
        Fingerprints. Level, shifts up to 16 frames, faint noise and lost phases do not hide a copy; a change of speed or pitch does.
    training : np.ndarray [shape=(m, bands, frames)], m >= 2
        Fingerprints of all clips that the generator learned from.
    held_out : np.ndarray [shape=(h, bands, frames)], optional
        Fingerprints of real clips that it did not learn from.
    rng : int, Generator or None
        Draws the training clips (200 at most) that are compared with all others.

    Returns
    -------
    found : Copies

    Notes
    -----
    Data sets in which real clips repeat (the same recording twice) make `usual` small, and the test blind; `usual` near 0 shows it.

    Examples
    --------
    >>> from audiogen_helpers.spectral import MelSpec
    >>> Y = np.random.default_rng(0).uniform(-1, 1, (9, 4000)) * (np.arange(4000) < 400 * np.arange(1, 10)[:, None])
    >>> F = fingerprints(Y, MelSpec(sr=8000))
    >>> nearest_training_clip(F[:2], F[1:], rng=0).copies
    array([1])
    """
    gen = generator(rng)
    a, b = _check_fingerprints(generated, name="generated"), _check_fingerprints(training, name="training")
    if not len(a) or len(b) < 2:
        raise ParameterError(f"generated must have 1 clip or more, training 2 or more; received {len(a)} and {len(b)}")
    usual = _usual_distance(b, np.sort(gen.permutation(len(b))[:N_BASELINE]))
    real = np.zeros(0) if held_out is None else clip_distances(_check_fingerprints(held_out, name="held_out"), b).min(axis=1)
    usual = min(usual, float(np.median(real))) if len(real) else usual
    distances = clip_distances(a, b)
    nearest = distances.argmin(axis=1)
    found = distances[np.arange(len(a)), nearest]
    threshold = COPY_RATIO * usual
    alarms = float(np.mean(real < threshold)) if len(real) else None
    ratio = _ratio(float(np.median(found)), usual)
    return Copies(distances=found, nearest=nearest, threshold=threshold, usual=usual, ratio=ratio, held_out=alarms)


def _usual_distance(training: np.ndarray, chosen: np.ndarray) -> float:
    """Median distance of the chosen training clips to their nearest other one."""
    distances = clip_distances(training[chosen], training)
    distances[np.arange(len(chosen)), chosen] = np.inf
    return float(np.median(distances.min(axis=1)))


def _check_fingerprints(F: np.ndarray, *, name: str) -> np.ndarray:
    F = check_array(F, name=name, ndim=3, low=0.0)
    if not F.shape[1] or not F.shape[2]:
        raise ParameterError(f"{name} must be fingerprints, shape (n, bands, frames); received shape {F.shape}")
    return F.astype(np.float32, copy=False)


def _check_label_array(labels: ArrayLike, *, n: int) -> np.ndarray:
    found = check_array(labels, name="labels", ndim=1)
    if len(found) != n:
        raise ParameterError(f"labels must have one number per clip, {n}; received {len(found)}")
    return found.astype(np.int64)
