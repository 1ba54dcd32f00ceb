"""Exercises of the chapter Variational autoencoders.

Chapter: chapters/methods/vae.ipynb
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_array
from audiogen_helpers.deep.vq_vae import nearest_entries
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_arc", "check_codebook", "check_divergence"]


def check_divergence(divergence: Callable[[float, float, float, float], Any]) -> None:
    """Check the divergence of one normal distribution from another.

    Parameters
    ----------
    divergence : callable
        ``divergence(m, v, m0, v0)`` -> nats, of N(m, v) from N(m0, v0); variances.

    Raises
    ------
    ExerciseError
        If it is another number; the message says which mistake gives that number.

    Examples
    --------
    >>> def divergence(m, v, m0, v0):
    ...     return 0.5 * (v / v0 - 1 - np.log(v / v0) + (m - m0) ** 2 / v0)
    >>> check_divergence(divergence)
    Right. It is 0 for equals only, and it costs more to be sure of the wrong thing than to be unsure.
    """
    for m, v, m0, v0 in ((0.3, 0.5, 0.0, 1.0), (1.0, 2.0, 1.0, 2.0), (0.0, 0.2, 1.5, 0.7), (-1.0, 3.0, 0.5, 0.4)):
        answer = float(divergence(m, v, m0, v0))
        right, back = _divergence(m, v, m0, v0), _divergence(m0, v0, m, v)
        hint = f"of N({m}, {v}) from N({m0}, {v0}) it is {right:.4f} nats; yours is {answer:.4f}."
        if abs(answer - right) < 1e-6:
            continue
        expect(abs(answer - _divergence(m, v, 0.0, 1.0)) > 1e-6, f"{hint} That is the divergence from the standard bell.")
        expect(abs(answer - back) > 1e-6, f"{hint} That is the other way round: of the second from the first.")
        expect(abs(answer - 2.0 * right) > 1e-6, f"{hint} The factor one half is missing.")
        expect(abs(answer - _divergence(m, v**2, m0, v0**2)) > 1e-6, f"{hint} v and v0 are variances already: do not square them.")
        expect(abs(answer - right / np.log(2.0)) > 1e-6, f"{hint} That number is in bits: take the natural logarithm.")
        shift = 0.5 * (m - m0) ** 2
        expect(
            abs(answer - (right - shift / v0 + shift)) > 1e-6, f"{hint} A distance counts in spreads of the bell: divide its square by v0."
        )
        expect(False, hint)
    passed("It is 0 for equals only, and it costs more to be sure of the wrong thing than to be unsure.")


def _divergence(m: float, v: float, m0: float, v0: float) -> float:
    return float(0.5 * (v / v0 - 1.0 - np.log(v / v0) + (m - m0) ** 2 / v0))


def check_arc(between: Callable[[np.ndarray, np.ndarray, float], Any]) -> None:
    """Check a way between two codes of one length that keeps it, at an even pace.

    Parameters
    ----------
    between : callable
        ``between(a, b, s)`` -> the code at the share `s` (0 to 1) of the arc from `a` to `b`.

    Raises
    ------
    ExerciseError
        If it does not begin at `a` and end at `b`, leaves the sphere, or hurries.

    Examples
    --------
    >>> def between(a, b, s):
    ...     angle = np.arccos(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
    ...     return (np.sin((1 - s) * angle) * a + np.sin(s * angle) * b) / np.sin(angle)
    >>> check_arc(between)
    Right. All the way it is as far from the centre as codes are, so the decoder is asked nothing strange.
    """
    rng = np.random.default_rng(0)
    for k in (3, 64):
        a, b = rng.standard_normal((2, k))
        b *= np.linalg.norm(a) / np.linalg.norm(b)
        path = [check_array(between(a.copy(), b.copy(), s), name="between(a, b, s)") for s in (0.0, 0.25, 0.5, 0.75, 1.0)]
        expect(all(p.shape == (k,) for p in path), f"a code of {k} numbers must come back; yours have shapes {[p.shape for p in path]}.")
        ends = np.allclose(path[0], a) and np.allclose(path[-1], b)
        swapped = np.allclose(path[0], b) and np.allclose(path[-1], a)
        expect(not swapped or ends, "at s = 0 you are at b: the way is walked backwards.")
        expect(ends, "the way must begin at a (s = 0) and end at b (s = 1).")
        length = float(np.linalg.norm(path[2]) / np.linalg.norm(a))
        expect(abs(length - 1.0) < 1e-6, f"the middle is {length:.2f} times as far from the centre as the ends; it must be 1.")
        angles = [float(np.arccos(np.clip(p @ q / (a @ a), -1.0, 1.0))) for p, q in itertools.pairwise(path)]
        uneven = "the four quarters of the way are arcs of {} degrees: a straight way pushed outwards hurries in the middle."
        expect(max(angles) - min(angles) < 1e-6, uneven.format(", ".join(f"{np.degrees(x):.1f}" for x in angles)))
    passed("All the way it is as far from the centre as codes are, so the decoder is asked nothing strange.")


def check_codebook(follow: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """Check one step of a codebook: entries move to the mean of their rows, dead ones to the row that is farthest from its entry.

    Parameters
    ----------
    follow : callable
        ``follow(codebook, e)`` -> the new codebook, for entries ``(k, d)`` and rows ``(n, d)``.

    Raises
    ------
    ExerciseError
        If an entry is elsewhere; the message says which kind it is.

    Examples
    --------
    >>> def follow(codebook, e):
    ...     token = nearest_entries(e, codebook)
    ...     far = e[np.argmax(np.linalg.norm(e - codebook[token], axis=1))]
    ...     return np.stack([e[token == k].mean(axis=0) if (token == k).any() else far for k in range(len(codebook))])
    >>> check_codebook(follow)
    Right. Each step of this kind brings the rows nearer to their entries, and no entry stays dead.
    """
    rng = np.random.default_rng(0)
    e = rng.standard_normal((200, 4))
    codebook = np.concatenate([e[:6], np.full((2, 4), 40.0)])
    token = nearest_entries(e, codebook)
    kept = codebook.copy()
    with np.errstate(all="ignore"):
        answer = np.asarray(follow(codebook, e), dtype=np.float64)
    expect(np.array_equal(codebook, kept), "you changed the codebook that was given; return a new one.")
    expect(answer.shape == codebook.shape, f"the new codebook must have shape {codebook.shape}; yours has {answer.shape}.")
    expect(bool(np.isfinite(answer).all()), "some entries are not numbers: the mean of no rows is none. What happens to dead entries?")
    expect(not np.allclose(answer, codebook), "no entry has moved.")
    used = np.flatnonzero(np.bincount(token, minlength=8))
    means = np.stack([e[token == k].mean(axis=0) for k in used])
    expect(np.allclose(answer[used], means), "an entry that rows are nearest to must move to the mean of those rows.")
    expect(not np.allclose(answer[6:], codebook[6:]), "the entries that no row is nearest to are still dead: they did not move.")
    far = e[np.argmax(np.linalg.norm(e - codebook[token], axis=1))]
    expect(np.allclose(answer[6:], far), "a dead entry must move to the row that is farthest from its own (old) entry.")
    passed("Each step of this kind brings the rows nearer to their entries, and no entry stays dead.")
