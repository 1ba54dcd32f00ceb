"""Exercises of the chapter Code practice: data.

Chapter: chapters/practice/data.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers import audio, units
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.spectral import MelSpec

__all__ = ["check_level", "check_settings", "check_unit_scale"]

_SR = 8000  # the clips that the checks make, Hz


def check_level(level: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check a function that brings a clip to an RMS level of -20 dB, or as near as a peak of -1 dB allows.

    Parameters
    ----------
    level : callable
        ``level(y)`` gives a new waveform for a waveform ``(n,)``.

    Raises
    ------
    ExerciseError
        If a clip comes back with another level or length, silence does not stay silence, or `y` itself was changed; the message
        says which.

    Examples
    --------
    >>> def level(y):
    ...     rms, peak = np.sqrt(np.mean(y**2)), np.abs(y).max()
    ...     return y * min(0.1 / rms, 10 ** (-1 / 20) / peak) if peak > 0 else y
    >>> check_level(level)
    Right. Loud, soft and spiky clips come out right, and silence stays silence.
    """
    level = _check_callable(level, name="level")
    hiss = np.random.default_rng(0).uniform(-1.0, 1.0, size=_SR)
    spiky = np.where(np.arange(_SR) % 2000 == 1000, 0.9, 0.001 * hiss)
    for name, y in {"a loud clip": 0.9 * hiss, "a soft clip": 0.003 * hiss, "a clip with high spikes": spiky}.items():
        wanted = min(-20.0, audio.rms_db(y) - 1.0 - audio.peak_db(y))
        answer = _answer(level, y, name=name)
        heard = audio.rms_db(answer)
        expect(audio.peak_db(answer) < -0.99, f"{name} comes back with a peak of {audio.peak_db(answer):.2f} dB; -1 dB is the limit.")
        expect(abs(heard - wanted) < 0.05, f"{name} comes back with an RMS level of {heard:.2f} dB; {wanted:.2f} dB was asked for.")
    expect(not _answer(level, np.zeros(_SR), name="silence").any(), "silence comes back as something else.")
    passed("Loud, soft and spiky clips come out right, and silence stays silence.")


def check_unit_scale(to_unit: Callable[[np.ndarray], np.ndarray], from_unit: Callable[[np.ndarray], np.ndarray]) -> None:
    """Check a scaling of decibels from -80 to 0 to the range from 0 to 1, and its inverse.

    Parameters
    ----------
    to_unit, from_unit : callable
        ``to_unit(L)`` clips what lies beyond; ``from_unit(to_unit(L))`` is `L` where it lies within.

    Raises
    ------
    ExerciseError
        If the ends, the middle, the clipping or the way back are wrong; the message says which.

    Examples
    --------
    >>> check_unit_scale(lambda L: np.clip(1 + L / 80, 0, 1), lambda X: 80 * (X - 1))
    Right. -80 dB is 0, 0 dB is 1, and every level in between comes back.
    """
    to_unit, from_unit = _check_callable(to_unit, name="to_unit"), _check_callable(from_unit, name="from_unit")
    for db, unit in ((-80.0, 0.0), (0.0, 1.0), (-40.0, 0.5), (-90.0, 0.0), (3.0, 1.0)):
        found = float(np.ravel(_answer(to_unit, np.array([db]), name=f"{db:g} dB"))[0])
        expect(abs(found - unit) < 1e-6, f"{db:g} dB should become {unit:g}; it becomes {found:g}.")
    L = np.linspace(-80.0, 0.0, 1001).reshape(7, 143)
    back = _answer(from_unit, _answer(to_unit, L, name="a spectrum"), name="a scaled spectrum")
    worst = float(np.abs(back - L).max())
    expect(worst < 1e-3, f"on the way there and back a level moves by {worst:.3g} dB.")
    passed("-80 dB is 0, 0 dB is 1, and every level in between comes back.")


def check_settings(spec: MelSpec) -> None:
    """Check settings for 16 kHz that see time as ``MelSpec(sr=8000)`` does: the same seconds per window and per hop.

    Parameters
    ----------
    spec : MelSpec
        The answer, with 64 bands up to half the rate.

    Raises
    ------
    ExerciseError
        If a setting is another; the message says which.

    Examples
    --------
    >>> check_settings(MelSpec(sr=16_000, n_fft=1024, hop_length=256))
    Right. 64 ms windows every 16 ms: 16128 samples give 64 frames, and there is room for sound up to 8000 Hz.
    """
    if not isinstance(spec, MelSpec):
        raise ParameterError(f"spec must be a MelSpec; received {type(spec).__name__}")
    expect(spec.sr == 16_000, f"the recordings have 16000 samples a second; your settings say {spec.sr}.")
    old = MelSpec(sr=8000)
    for name in ("n_fft", "hop_length"):
        seconds, wanted = getattr(spec, name) / spec.sr, getattr(old, name) / old.sr
        expect(seconds == wanted, f"{name} lasts {1000 * seconds:g} ms with your settings; it should last {1000 * wanted:g} ms.")
    expect(spec.n_mels == old.n_mels, f"the picture should have {old.n_mels} bands; yours has {spec.n_mels}.")
    expect(spec.fmax == 8000.0, f"half the rate is 8000 Hz; your highest band ends at {spec.fmax:g} Hz.")
    length = units.n_samples(8064 / 8000, sr=spec.sr)
    frames = units.n_frames(length, hop_length=spec.hop_length)
    passed(f"64 ms windows every 16 ms: {length} samples give {frames} frames, and there is room for sound up to 8000 Hz.")


def _check_callable(function: Any, *, name: str) -> Callable[[np.ndarray], np.ndarray]:
    if not callable(function):
        raise ParameterError(f"{name} must be a function; received {type(function).__name__}")
    return function


def _answer(function: Callable[[np.ndarray], np.ndarray], given: np.ndarray, *, name: str) -> np.ndarray:
    """What a function makes of an array: as many finite numbers, the input left as it was."""
    before = given.copy()
    with np.errstate(all="ignore"):
        answer = np.asarray(function(given))
    expect(bool((given == before).all()), f"{name} was itself changed; give back a new array.")
    expect(answer.shape == given.shape, f"{name} has shape {given.shape}; it comes back with shape {answer.shape}.")
    expect(answer.dtype.kind == "f", f"{name} comes back as {answer.dtype}, not as floating point.")
    expect(bool(np.isfinite(answer).all()), f"{name} comes back with {int((~np.isfinite(answer)).sum())} NaN or infinite values.")
    return answer
