"""Two folders with files of the same names, such as a denoiser's output beside the clean originals: every distance of every pair.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from audiogen_helpers import audio, units
from audiogen_helpers.datasets import Dataset
from audiogen_helpers.evaluation.clips import Clips
from audiogen_helpers.evaluation.distances import MIN_SR, log_spectral_distance, mel_cepstral_distortion, si_sdr, spectral_convergence
from audiogen_helpers.evaluation.pitch_errors import pitch_error

__all__ = ["MEASURES", "Measure", "Paired", "Spread", "compare_pairs", "find_pairs"]

MAX_PAIRS = 100
LONGEST = 10.0  # s of a pair that are compared
PITCH_SR = 16000
SI_SDR_LIMIT = 100.0  # dB either way; 16 bits leave 98


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of pairs, for the reader: its `title`, its `unit` (``'%'`` for shares), and what it `means`."""

    title: str
    unit: str
    means: str


MEASURES: Mapping[str, Measure] = {
    "log_spectral_distance": Measure(title="log-spectral distance", unit="dB", means="of all frequencies alike; blind to phase"),
    "spectral_convergence": Measure(
        title="spectral convergence", unit="", means="error of the magnitudes, 0 to 1 and up; blind to what is faint"
    ),
    "mel_cepstral_distortion": Measure(title="mel-cepstral distortion", unit="dB", means="of the envelope; blind to pitch and level"),
    "mel_cepstral_distortion_aligned": Measure(title="the same, aligned", unit="dB", means="blind to timing too"),
    "pitch_rmse": Measure(
        title="pitch error", unit="cents", means="root mean square, 60 to 500 Hz, where both are voiced; blind to all but pitch"
    ),
    "voicing_error": Measure(title="voicing errors", unit="%", means="of frames, voiced in one only"),
    "gross_pitch_error": Measure(title="gross pitch errors", unit="%", means="of frames voiced in both, off by more than 20 %"),
    "si_sdr": Measure(title="SI-SDR", unit="dB", means="-100 to 100, more is better; blind to level, punishes delays no one hears"),
}


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One measure over pairs.

    Attributes
    ----------
    mean, sd : float
        Mean, and standard deviation between pairs (0 for one pair).
    low, high : float
        Lowest and highest.
    n : int
        Pairs that have this measure.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Paired:
    """What :func:`compare_pairs` found.

    Attributes
    ----------
    n : int
        Pairs that were compared.
    measures : mapping of str to Spread or None
        By the names in ``MEASURES``; None where no pair has that measure. Empty where there are no pairs.
    sr : int
        Rate that they were compared at, Hz; 0 where there are none.
    reason : str
        Why there are none.
    notes : tuple of str
        What was resampled, cut, mixed or left out.
    """

    n: int = 0
    measures: Mapping[str, Spread | None] = field(default_factory=dict)
    sr: int = 0
    reason: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data for JSON."""
        measures = {name: None if found is None else asdict(found) for name, found in self.measures.items()}
        return {"n": self.n, "sr": self.sr, "measures": measures, "reason": self.reason, "notes": list(self.notes)}

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The table: measure, mean, spread between pairs, and what it means."""
        return [_row(MEASURES[name], found, self.n) for name, found in self.measures.items()]


def _row(measure: Measure, found: Spread | None, n: int) -> tuple[str, str, str, str]:
    title = f"{measure.title} ({measure.unit})" if measure.unit else measure.title
    if found is None:
        return title, "-", "-", "no pair has it"
    scale = 100.0 if measure.unit == "%" else 1.0
    some = f"; {found.n} of {n} pairs have it" if found.n < n else ""
    return title, f"{scale * found.mean:.2f}", f"{scale * found.sd:.2f}", measure.means + some


def find_pairs(names: Sequence[str], reference_names: Sequence[str]) -> list[tuple[int, int]]:
    """Files of the same name on both sides.

    Parameters
    ----------
    names, reference_names : sequence of str
        Paths below the two folders, with forward slashes. Endings (.wav, .flac) do not count; names that are then not the only one on
        their side make no pair.

    Returns
    -------
    pairs : list of (int, int)
        Positions in the two sequences, in the order of `names`.

    Examples
    --------
    >>> find_pairs(["a/1.wav", "a/2.wav", "3.wav"], ["a/2.flac", "1.wav", "3.wav", "3.ogg"])
    [(1, 0)]
    """
    ours, theirs = ([str(PurePosixPath(name).with_suffix("")) for name in side] for side in (names, reference_names))
    often, often_there = Counter(ours), Counter(theirs)
    there = {key: j for j, key in enumerate(theirs)}
    return [(i, there[key]) for i, key in enumerate(ours) if often[key] == 1 and often_there[key] == 1]


def compare_pairs(clips: Clips, reference: Dataset | None, *, absent: str = "the reference clips are not here", seed: int = 0) -> Paired:
    """Every distance of every pair of files with the same name.

    Parameters
    ----------
    clips : Clips
        Generated clips.
    reference : Dataset or None
        What they should be.
    absent : str
        Why `reference` is None.
    seed : int >= 0
        Of more than 100 pairs, draws the 100 that are compared.

    Returns
    -------
    found : Paired
        Both files of a pair are mixed to mono, taken to the lower of the two rates, and cut to the shorter one and to 10 s; the aligned
        distortion alone hears both to their ends. Pitch is tracked at 16 kHz at most. SI-SDR beyond 100 dB either way counts as that, so
        that a perfect copy has a figure.

    Examples
    --------
    >>> from audiogen_helpers import datasets
    >>> digits = datasets.load("digits", split="test").subset([0, 1])
    >>> waveforms = tuple(0.5 * digits.clip(i)[0] for i in (0, 1))
    >>> clips = Clips(waveforms=waveforms, sr=8000, labels=None, names=digits.names, source="halved", paths=digits.paths)
    >>> found = compare_pairs(clips, digits)
    >>> found.n, found.measures["si_sdr"].mean, found.measures["spectral_convergence"].mean
    (2, 100.0, 0.5)
    """
    if reference is None:
        return Paired(reason=absent)
    if not clips.paths:
        return Paired(reason="arrays have no file names to find pairs by")
    all_pairs = find_pairs(clips.names, reference.names)
    if not all_pairs:
        return Paired(reason="no generated clip has the name (path below the folder, without ending) of a reference clip")
    sr = min(clips.sr, reference.sr)
    if sr < MIN_SR:
        return Paired(reason=f"they need a sample rate of {MIN_SR} Hz or more, and one side has {sr} Hz")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(all_pairs))[:MAX_PAIRS])
    pairs = [_read(clips, reference, *all_pairs[i], sr=sr) for i in chosen]
    values = [_measure(y, r, sr=sr) for y, r in pairs]
    return Paired(
        n=len(pairs),
        measures={name: _spread([value[name] for value in values]) for name in MEASURES},
        sr=sr,
        notes=_notes(clips, reference, [all_pairs[i] for i in chosen], pairs, n_all=len(all_pairs), sr=sr),
    )


def _read(clips: Clips, reference: Dataset, i: int, j: int, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    y = clips.waveforms[i][: units.n_samples(LONGEST, sr=clips.sr) + 1]
    r, _ = audio.read(reference.paths[j], sr=sr, mono=True, duration=LONGEST)
    most = units.n_samples(LONGEST, sr=sr)
    y, r = (np.asarray(x, dtype=np.float64)[:most] for x in (audio.resample(y, sr=clips.sr, to_sr=sr), r))
    return y, r


def _measure(y: np.ndarray, r: np.ndarray, *, sr: int) -> dict[str, float | None]:
    n = min(len(y), len(r))
    a, b = y[:n], r[:n]
    pitch_sr = min(sr, PITCH_SR)
    pitch = pitch_error(*(audio.resample(x, sr=sr, to_sr=pitch_sr) for x in (a, b)), sr=pitch_sr)
    return {
        "log_spectral_distance": log_spectral_distance(a, b, sr=sr),
        "spectral_convergence": spectral_convergence(a, b, sr=sr) if b.any() else None,
        "mel_cepstral_distortion": mel_cepstral_distortion(a, b, sr=sr),
        "mel_cepstral_distortion_aligned": mel_cepstral_distortion(y, r, sr=sr, align=True),
        "pitch_rmse": pitch.rmse_cents,
        "voicing_error": pitch.voicing,
        "gross_pitch_error": pitch.gross,
        "si_sdr": float(np.clip(si_sdr(a, b, sr=sr), -SI_SDR_LIMIT, SI_SDR_LIMIT)) if b.any() else None,
    }


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return None
    sd = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    return Spread(mean=float(known.mean()), sd=sd, low=float(known.min()), high=float(known.max()), n=len(known))


def _notes(
    clips: Clips,
    reference: Dataset,
    chosen: Sequence[tuple[int, int]],
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    n_all: int,
    sr: int,
) -> tuple[str, ...]:
    notes = []
    if n_all < len(clips):
        notes.append(f"{n_all} of {len(clips)} generated clips have a partner of the same name.")
    if len(chosen) < n_all:
        notes.append(f"{len(chosen)} of {n_all} pairs, drawn by the seed, were compared.")
    infos = [(audio.info(clips.paths[i]), audio.info(reference.paths[j])) for i, j in chosen]
    other_rate = sum(any(info.sr != sr for info in pair) for pair in infos)
    if other_rate:
        notes.append(f"In {other_rate} of {len(pairs)} pairs a file was resampled to {sr} Hz.")
    apart = [abs(len(y) - len(r)) / sr for y, r in pairs if len(y) != len(r)]
    if apart:
        notes.append(f"In {len(apart)} of {len(pairs)} pairs the longer one was cut, by {max(apart):.3g} s at most.")
    mixed = sum(any(info.channels > 1 for info in pair) for pair in infos)
    if mixed:
        notes.append(f"In {mixed} of {len(pairs)} pairs channels were mixed to mono.")
    long = sum(max(info.duration for info in pair) > LONGEST for pair in infos)
    if long:
        notes.append(f"Of pairs longer than {LONGEST:g} s ({long} of {len(pairs)}) only that much was compared.")
    silent = sum(not r[: len(y)].any() for y, r in pairs)
    if silent:
        notes.append(f"{silent} of {len(pairs)} pairs have a silent reference, and so no SI-SDR and no spectral convergence.")
    return tuple(notes)
