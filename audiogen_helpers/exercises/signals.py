"""Exercises of the chapter Mathematics: signals.

Chapter: chapters/mathematics/signals.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_integer
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.spectral.mu_law import mu_law_decode, mu_law_encode

__all__ = ["check_bits", "check_convolve", "check_nearest"]


def check_convolve(convolve: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """Check a convolution by products of transforms.

    Parameters
    ----------
    convolve : callable
        ``convolve(x, h)`` -> the convolution of two sounds of any lengths, `len(x) + len(h) - 1` samples.

    Raises
    ------
    ExerciseError
        If something comes round, or the length is wrong.

    Examples
    --------
    >>> check_convolve(np.convolve)
    Right. Nothing comes round: the last sample, delayed by the longest delay, is the last of the result.
    """
    rng = np.random.default_rng(0)
    for n, m in ((50, 20), (7, 31), (1, 5), (16, 16)):
        x, h = rng.standard_normal(n), rng.standard_normal(m)
        y = np.asarray(convolve(x, h))
        expect(y.ndim == 1 and len(y) >= n + m - 1, f"{n} and {m} samples make {n + m - 1}; yours is of shape {y.shape}: the tail is lost.")
        expect(len(y) == n + m - 1, f"{n} and {m} samples make {n + m - 1}; yours has {len(y)}, which is more than needed.")
        wrong = np.flatnonzero(np.abs(y - np.convolve(x, h)) > 1e-6)
        expect(
            not len(wrong),
            f"with {n} and {m} samples, {len(wrong)} of the results differ, from position {wrong[:1]}: what came round?",
        )
    passed("Nothing comes round: the last sample, delayed by the longest delay, is the last of the result.")


def check_nearest(nearest: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """Check a projection on given magnitudes.

    Parameters
    ----------
    nearest : callable
        ``nearest(V, S)`` -> complex array of magnitudes `S`, as near to `V` as possible.

    Raises
    ------
    ExerciseError
        If the magnitudes are wrong, something is not finite, or another point is nearer.

    Examples
    --------
    >>> check_nearest(lambda V, S: S * np.exp(1j * np.angle(V)))
    Right. The phases of V, the magnitudes of S, and an answer where V has no phase.
    """
    rng = np.random.default_rng(0)
    V = rng.standard_normal((8, 6)) + 1j * rng.standard_normal((8, 6))
    V[0, 0], S = 0.0, rng.uniform(0.1, 2.0, (8, 6))
    with np.errstate(all="ignore"):
        answer = np.asarray(nearest(V.copy(), S.copy()))
    expect(answer.shape == S.shape, f"S has the shape {S.shape}; your answer has {answer.shape}.")
    expect(bool(np.isfinite(answer).all()), "one bin of V is exactly 0, and there your answer is not finite.")
    expect(bool(np.allclose(np.abs(answer), S, atol=1e-9)), "your answer does not have the magnitudes S everywhere.")
    best, yours = (float(np.linalg.norm(other - V)) for other in (S * np.exp(1j * np.angle(V)), answer))
    expect(
        yours <= best + 1e-9,
        f"there is a point at a distance of {best:.3f} from V; yours is at {yours:.3f}. What of V did you not keep?",
    )
    passed("The phases of V, the magnitudes of S, and an answer where V has no phase.")


def check_bits(bits: int) -> None:
    """Check how many even bits match eight bits of mu-law for a sine of -30 dB.

    Parameters
    ----------
    bits : int, 1 to 24
        The answer.

    Raises
    ------
    ExerciseError
        If it is too few, or more than needed; the message says what was measured.

    Examples
    --------
    >>> check_bits(10)
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: 10 even bits reach 31.6 dB, mu-law 37.4 dB.
    """
    bits = check_integer(bits, name="bits", low=1, high=24)
    y = 10.0**-1.5 * np.sin(2 * np.pi * np.sqrt(2.0) * np.arange(100_000))
    bent, even, fewer = _snr(y, mu_law_decode(mu_law_encode(y))), _snr(y, _even(y, bits)), _snr(y, _even(y, bits - 1))
    expect(even >= bent, f"{bits} even bits reach {even:.1f} dB, mu-law {bent:.1f} dB.")
    expect(fewer < bent, f"{bits} even bits reach {even:.1f} dB, mu-law {bent:.1f} dB; but 1 bit less would do, too.")
    passed(f"{bits} even bits reach {even:.1f} dB, eight bits of mu-law {bent:.1f} dB, and {bits - 1} even bits {fewer:.1f} dB.")


def _even(y: np.ndarray, bits: int) -> np.ndarray:
    levels = 2.0 ** (bits - 1)
    return (np.floor(y * levels) + 0.5) / levels


def _snr(y: np.ndarray, z: np.ndarray) -> float:
    return float(10.0 * np.log10(np.mean(y**2) / np.mean((z - y) ** 2)))
