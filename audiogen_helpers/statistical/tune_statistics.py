"""What tunes have in common, as numbers: their pitches, steps and lengths, how they end, and whether one was copied.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audiogen_helpers._validation import check_choice
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution
from audiogen_helpers.statistical.melody import check_tunes

__all__ = ["FEATURES", "describe_tunes", "distribution", "divergence", "longest_copy"]

FEATURES = ("pitch class", "interval", "length")
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10, 11)}  # minor with both its sevenths
_STEPS = 24  # semitones: wider steps count as this wide
_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16)  # sixteenths: others count as the nearest below


def distribution(tunes: Any, *, feature: str) -> np.ndarray:
    """Shares of pitch classes (12, C first), of steps from one pitch to the next (49, -24 to 24 semitones), or of lengths (8).

    Parameters
    ----------
    tunes : list of np.ndarray [shape=(n, 2) or (n, 3)]
        MIDI number (-1 is a rest) and length in sixteenths of each note. Pitch classes mean something in a common key.
    feature : {'pitch class', 'interval', 'length'}
        Lengths: 1, 2, 3, 4, 6, 8, 12 and 16 sixteenths, others with the nearest shorter one. Rests do not count.

    Returns
    -------
    shares : np.ndarray
        Sum 1.

    Raises
    ------
    ParameterError
        If the tunes have no note, or no step, at all.

    Examples
    --------
    >>> distribution([np.array([[60, 4], [62, 2], [62, 2]])], feature="length").round(3)
    array([0.   , 0.667, 0.   , 0.333, 0.   , 0.   , 0.   , 0.   ])
    """
    check_choice(feature, name="feature", choices=FEATURES)
    sung = [tune[tune[:, 0] >= 0] for tune in check_tunes(tunes)]
    if feature == "pitch class":
        counts = np.bincount(np.concatenate([tune[:, 0] % 12 for tune in sung]), minlength=12)
    elif feature == "interval":
        steps = np.concatenate([np.diff(tune[:, 0]) for tune in sung])
        counts = np.bincount(np.clip(steps, -_STEPS, _STEPS) + _STEPS, minlength=2 * _STEPS + 1)
    else:
        lengths = np.concatenate([tune[:, 1] for tune in sung])
        counts = np.bincount(np.searchsorted(_LENGTHS, lengths, side="right") - 1, minlength=len(_LENGTHS))
    if not counts.sum():
        raise ParameterError(f"tunes must have something to count as {feature}; received none")
    return counts / counts.sum()


def divergence(p: Any, q: Any) -> float:
    """Jensen-Shannon divergence of two distributions in bits: 0 where they are the same, 1 where they have nothing in common.

    Raises
    ------
    ParameterError
        If one is no distribution or the shapes differ.

    References
    ----------
    J. Lin (1991), Divergence measures based on the Shannon entropy, IEEE Transactions on Information Theory 37(1), 145-151.

    Examples
    --------
    >>> divergence([0.5, 0.5], [0.5, 0.5]), divergence([1.0, 0.0], [0.0, 1.0])
    (0.0, 1.0)
    """
    p = check_distribution(p, name="p")
    q = check_distribution(q, name="q", shape=p.shape)
    middle = (p + q) / 2

    def towards(a: np.ndarray) -> float:
        some = a > 0.0
        return float((a[some] * np.log2(a[some] / middle[some])).sum())

    return max(0.0, (towards(p) + towards(q)) / 2)


def longest_copy(tune: Any, others: Any) -> int:
    """Length of the longest run of notes, pitch and length alike, that a tune shares with one of the others.

    Parameters
    ----------
    tune : np.ndarray [shape=(n, 2) or (n, 3)]
        Notes.
    others : list of np.ndarray
        Where it may have been copied from, in the same key.

    Returns
    -------
    notes : int
        0 to n.

    Examples
    --------
    >>> tune = np.array([[60, 4], [62, 4], [64, 4]])
    >>> longest_copy(tune, [np.array([[67, 4], [60, 4], [62, 4], [60, 4]])])
    2
    """
    mine = check_tunes([tune])[0][:, :2]
    gap = np.full((1, 2), -2)  # equals no note, so no run goes on from one tune to the next
    all_others = np.concatenate([part for other in check_tunes(others) for part in (other[:, :2], gap)])
    longest, run = 0, np.zeros(len(all_others) + 1, dtype=np.int64)
    for note in mine:  # `run[1:]`: length of the run that ends with this note and each of theirs
        run[1:] = np.where((all_others == note).all(axis=1), run[:-1] + 1, 0)
        longest = max(longest, int(run.max()))
    return longest


def describe_tunes(tunes: Any, *, mode: str) -> dict[str, float]:
    """How tunes in C keep to their key, end and are built.

    Parameters
    ----------
    tunes : list of np.ndarray [shape=(n, 3)]
        In C; the third column is 1 where a phrase ends.
    mode : {'major', 'minor'}
        Of the key; minor has both sevenths.

    Returns
    -------
    numbers : dict of str to float
        ``in key``: share of notes that belong to the scale; ``ends on tonic``: share of tunes whose last note is a C;
        ``phrases on 1 2 3 5``: share of phrases that end on these degrees; ``phrases of bars``: share of phrases that last a whole number
        of bars of 16 sixteenths; ``on beat``: share of notes that begin on a beat of 4; ``notes``, ``bars``, ``notes in phrase``: means.

    Examples
    --------
    >>> describe_tunes([np.array([[67, 4, 0], [64, 4, 1], [61, 4, 0], [60, 4, 1]])], mode="major")["in key"]
    0.75
    """
    check_choice(mode, name="mode", choices=tuple(SCALES))
    listed = check_tunes(tunes)
    if any(tune.shape[1] != 3 for tune in listed):
        raise ParameterError("tunes must have a third column, which tells where phrases end; received two")
    notes = np.concatenate(listed)
    sung, third = notes[notes[:, 0] >= 0], 4 if mode == "major" else 3
    ends = notes[(notes[:, 2] == 1) & (notes[:, 0] >= 0), 0] % 12
    ticks = [np.cumsum(tune[:, 1]) for tune in listed]
    phrases = np.concatenate([np.diff(t[tune[:, 2] == 1], prepend=0) for t, tune in zip(ticks, listed, strict=True)])
    begins = np.concatenate([t - tune[:, 1] for t, tune in zip(ticks, listed, strict=True)])
    return {
        "in key": float(np.isin(sung[:, 0] % 12, SCALES[mode]).mean()),
        "ends on tonic": float(np.mean([tune[-1, 0] % 12 == 0 for tune in listed])),
        "phrases on 1 2 3 5": float(np.isin(ends, (0, 2, third, 7)).mean()) if ends.size else 0.0,
        "phrases of bars": float(np.mean(phrases % 16 == 0)) if phrases.size else 0.0,
        "on beat": float(np.mean(begins % 4 == 0)),
        "notes": float(np.mean([len(tune) for tune in listed])),
        "bars": float(np.mean([tune[:, 1].sum() for tune in listed])) / 16.0,
        "notes in phrase": len(notes) / max(1, int((notes[:, 2] == 1).sum())),
    }
