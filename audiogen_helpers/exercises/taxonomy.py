"""Exercises of the chapter on the three kinds of sound: speech, music, and the rest of the world.

Chapter: chapters/concepts/taxonomy.ipynb
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audiogen_helpers._validation import check_audio, check_sr, show
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.spectral import track_pitch
from audiogen_helpers.synthesis import envelopes, oscillators, render
from audiogen_helpers.synthesis.voice.speaking import speak

__all__ = ["check_glide", "check_kind", "check_rhythm"]

_KINDS = ("speech", "music", "environment")
_WINDOW = "P L IY1 Z | L IY1 V | DH AH0 | W IH1 N D OW0 | OW1 P AH0 N | T AH0 N AY1 T , IH1 T S | T UW1 | W AO1 R M ."
_TRAIN = "DH AH0 | L AE1 S T | T R EY1 N | IH1 Z | L EY1 T , S OW1 | W IY1 | HH AE1 V | T AH0 | W EY1 T | HH IY1 R ."
_SCALE = (67, 64, 60, 64, 67, 72)  # MIDI numbers, half a second each


def check_rhythm(y: np.ndarray, *, sr: int) -> None:
    """Check a noise without pitch whose level moves four times a second, as syllables do.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer, at least 3 s.
    sr : int >= 8000
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If it is short, has a pitch, moves at another rate or hardly at all; the message says which.

    Examples
    --------
    >>> t = np.arange(4 * 8000) / 8000
    >>> noise = np.random.default_rng(0).normal(size=t.size)
    >>> check_rhythm(0.1 * noise * (1 - np.cos(2 * np.pi * 4 * t)), sr=8000)
    Right. No pitch, and a level that moves 4.0 times a second by 70 %.
    """
    y, sr = _clip(y, sr=sr, least=3.0)
    pitched, _ = _pitch_shares(y, sr=sr)
    expect(pitched < 0.1, f"{pitched * 100:.0f} % of it has a pitch; a noise has none.")
    rate, depth = _rhythm(y, sr=sr)
    expect(depth >= 0.3, f"its level moves by {depth * 100:.0f} % only; speech moves by more than half.")
    expect(3.5 <= rate <= 4.5, f"its level moves {rate:.1f} times a second; syllables come about 4 times.")
    passed(f"No pitch, and a level that moves {rate:.1f} times a second by {depth * 100:.0f} %.")


def check_glide(y: np.ndarray, *, sr: int) -> None:
    """Check a tone that has a pitch nearly all the time and hardly ever keeps it.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer, at least 3 s, between 60 and 1000 Hz.
    sr : int >= 8000
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If it is short, lacks pitch, covers less than five semitones, or its pitch stands still; the message says which.

    Examples
    --------
    >>> t = np.arange(4 * 8000) / 8000
    >>> check_glide(0.5 * np.sin(2 * np.pi * 300 * t + 50 * np.sin(2 * np.pi * t)), sr=8000)
    Right. A pitch 100 % of the time, and it stands still for 7 % of that.
    """
    y, sr = _clip(y, sr=sr, least=3.0)
    pitched, still = _pitch_shares(y, sr=sr)
    expect(pitched >= 0.9, f"only {pitched * 100:.0f} % of it has a pitch between 60 and 1000 Hz.")
    f0 = track_pitch(y, sr=sr, f_min=60.0, f_max=1000.0)[1]
    low, high = np.nanpercentile(f0, [2, 98])
    spread = 12.0 * float(np.log2(high / low))
    expect(spread >= 5.0, f"it covers {spread:.1f} semitones; the tune covers 7.")
    expect(still <= 0.2, f"its pitch still stands still {still * 100:.0f} % of the time.")
    passed(f"A pitch {pitched * 100:.0f} % of the time, and it stands still for {still * 100:.0f} % of that.")


def check_kind(kind: Callable[..., str], *, sr: int = 16_000) -> None:
    """Check a function that names the kind of a sound on seven sounds that it has not heard.

    Parameters
    ----------
    kind : callable
        ``kind(y, sr)`` -> 'speech', 'music' or 'environment'.
    sr : int >= 8000
        Sample rate to try it at, Hz.

    Raises
    ------
    ExerciseError
        If an answer is no kind, or one of the sounds is misnamed; the message says which.

    Examples
    --------
    >>> check_kind(lambda y, sr: "speech")
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ExerciseError: Not yet: a tune is music; yours says speech.
    """
    sr = check_sr(sr)
    for name, (right, y) in _hidden(sr).items():
        said = kind(y, sr)
        expect(said in _KINDS, f"the answer must be one of {', '.join(_KINDS)}; yours is {show(said)}.")
        expect(said == right, f"{name} is {right}; yours says {said}.")
    passed("All seven have their names, the whisper among them.")


def _hidden(sr: int) -> dict[str, tuple[str, np.ndarray]]:
    """Seven sounds and their kinds."""
    notes = [440.0 * 2.0 ** ((m - 69) / 12) for m in _SCALE]
    shape = envelopes.adsr(sr=sr, duration=0.5, attack=0.02, decay=0.2, sustain=0.5, release=0.05)
    tune = np.concatenate([0.4 * shape * oscillators.square(f, sr=sr, duration=0.5) for f in notes])
    return {
        "a voice": ("speech", speak(_WINDOW, sr=sr, f0=190.0, rng=11)),
        "a tune": ("music", tune),
        "drizzle": ("environment", render("rain", sr=sr, duration=3.0, intensity=0.2, rng=12)),
        "a storm": ("environment", render("wind", sr=sr, duration=3.0, strength=0.8, rng=13)),
        "a fire": ("environment", render("fire", sr=sr, duration=3.0, rng=14)),
        "another voice": ("speech", speak(_TRAIN, sr=sr, f0=100.0, rng=15)),
        "a whisper": ("speech", speak(_TRAIN, sr=sr, whisper=True, rng=16)),
    }


def _clip(y: np.ndarray, *, sr: int, least: float) -> tuple[np.ndarray, int]:
    sr = check_sr(sr)
    expect(sr >= 8000, f"the sample rate should be 8000 Hz or more; yours is {sr} Hz.")
    y = check_audio(y, mono=True)
    expect(len(y) >= least * sr, f"it should last {least:g} s at least; yours lasts {len(y) / sr:.2f} s.")
    expect(bool(np.any(np.abs(y) > 1e-4)), "it is silent.")
    return y, sr


def _pitch_shares(y: np.ndarray, *, sr: int) -> tuple[float, float]:
    """Share of the time with a pitch, and share of that in which it moves by less than 2 cents in 10 ms, two semitones a second."""
    f0 = track_pitch(y, sr=sr, f_min=60.0, f_max=1000.0)[1]
    moves = np.abs(np.diff(1200.0 * np.log2(f0)))
    moves = moves[~np.isnan(moves)]
    return float(np.mean(~np.isnan(f0))), float(np.mean(moves < 2.0)) if len(moves) else 0.0


def _rhythm(y: np.ndarray, *, sr: int) -> tuple[float, float]:
    """Where the modulation spectrum is highest between 1 and 16 Hz, Hz, and how deep the movement there is, relative."""
    from scipy.signal import welch

    n = sr // 100
    envelope = np.sqrt(np.mean(np.square(y[: len(y) // n * n]).reshape(-1, n), axis=1))
    f, power = welch(envelope / envelope.mean() - 1.0, 100.0, nperseg=128, nfft=1024)
    band = (f >= 1.0) & (f <= 16.0)
    return float(f[band][power[band].argmax()]), float(np.sqrt(power[band].sum() * f[1]))
