"""Exercises of the chapter Voice and nature: a vowel, drops at chance times, and a bubble.

Chapter: chapters/methods/voice_and_nature.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_audio, check_sr
from audiogen_helpers.exercises._listen import expect, passed, pitch_of
from audiogen_helpers.units import cents

__all__ = ["check_bubble", "check_drops", "check_ee"]

_F0 = 110.0  # Hz, of the vowel
_RATE, _SECONDS = 30.0, 20.0  # drops per second, for how long
_RADIUS = 0.004  # m, of the bubble


def check_ee(y: np.ndarray, *, sr: int) -> None:
    """Check the vowel of "bee" on 110 Hz, at least half a second long.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    sr : int >= 8000
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If the pitch is another, or a formant is missing or in another place; the message says which.

    Examples
    --------
    >>> from audiogen_helpers.synthesis.voice import formants
    >>> check_ee(formants.vowel(110.0, sr=16_000, duration=0.6, vowel="IY", rng=0), sr=16_000)
    Right. A low first formant and a high second one: that is "ee".
    """
    sr = check_sr(sr)
    y = check_audio(y, mono=True)
    expect(sr >= 8000, f"the second formant needs a sample rate of at least 8000 Hz; yours is {sr}.")
    expect(len(y) >= sr / 2, f"half a second has {sr // 2} samples at this rate; yours has {len(y)}.")
    pitch = pitch_of(y, sr=sr, f_min=50.0, f_max=1000.0)
    expect(pitch > 0.0, "there is no pitch in it.")
    expect(bool(np.abs(cents(pitch, reference=_F0)) < 30.0), f"the pitch should be {_F0:g} Hz; yours is {pitch:.0f} Hz.")
    f = _F0 * np.arange(1, int(3300.0 / _F0))
    db = 20.0 * np.log10(np.array([_level(y, one, sr=sr) for one in f]) + 1e-9)
    inside = [(f > low) & (f < high) for low, high in ((150.0, 1000.0), (1250.0, 2900.0))]
    first, second = (float(f[band][np.argmax(db[band])]) for band in inside)
    expect(first < 450.0, f"below 1 kHz the strongest partial is at {first:.0f} Hz: the first formant should lie between 250 and 400 Hz.")
    expect(
        1800.0 < second < 2800.0, f"above 1.2 kHz the strongest partial is at {second:.0f} Hz: the second formant should lie near 2300 Hz."
    )
    valley = float(db[(f > 900.0) & (f < 1500.0)].mean())
    rise = float(db[f == second][0]) - valley
    expect(rise > 6.0, f"there is no second formant: around it the partials are only {rise:.0f} dB stronger than near 1200 Hz.")
    passed('A low first formant and a high second one: that is "ee".')


def check_drops(times: np.ndarray) -> None:
    """Check the times at which drops fall: 30 a second for 20 s, each without regard to the others.

    Parameters
    ----------
    times : np.ndarray [shape=(n,)]
        Seconds, from 0 to 20, in any order.

    Raises
    ------
    ExerciseError
        If there are too many or too few, or they are too even, or too clustered.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> check_drops(rng.uniform(0.0, 20.0, rng.poisson(600)))
    Right. As many short gaps as chance makes, and a long one now and then.
    """
    t = np.sort(check_array(times, name="times", ndim=1))
    wanted = _RATE * _SECONDS
    spread = 4.0 * np.sqrt(wanted)
    expect(abs(len(t) - wanted) < spread, f"about {wanted:.0f} drops should fall, {spread:.0f} more or fewer; yours are {len(t)}.")
    expect(
        bool(t[0] >= 0.0 and t[-1] <= _SECONDS), f"the drops should fall from 0 to {_SECONDS:g} s; yours from {t[0]:.3g} to {t[-1]:.3g}."
    )
    halves = [np.sum(t < _SECONDS / 2), np.sum(t >= _SECONDS / 2)]
    expect(abs(int(halves[0]) - int(halves[1])) < spread, f"the rain should not grow or cease; {halves[0]} drops fall in the first half.")
    gaps = np.diff(t)
    variation = float(gaps.std() / gaps.mean())
    expect(variation > 0.8, f"too even: the gaps deviate by {variation:.2f} of their mean, where chance gives 1.")
    expect(variation < 1.2, f"too clustered: the gaps deviate by {variation:.2f} of their mean, where chance gives 1.")
    passed("As many short gaps as chance makes, and a long one now and then.")


def check_bubble(y: np.ndarray, *, sr: int) -> None:
    """Check the sound of a bubble of 4 mm radius: its pitch, and that it dies away.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    sr : int > 0
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If the pitch is another, or it rings on.

    Examples
    --------
    >>> t = np.arange(1600) / 16_000
    >>> check_bubble(np.exp(-60 * t) * np.sin(2 * np.pi * 820 * t), sr=16_000)
    Right. Four millimetres of air sing at some 820 Hz.
    """
    sr = check_sr(sr)
    y = check_audio(y, mono=True, min_length=256)
    size = 1 << max(16, int(len(y) - 1).bit_length())
    pitch = float(np.argmax(np.abs(np.fft.rfft(y, size)))) * sr / size
    want = 3.28 / _RADIUS
    expect(abs(pitch / want - 1.0) < 0.08, f"a bubble of 4 mm should sound near {want:.0f} Hz; yours is at {pitch:.0f} Hz.")
    quarter = len(y) // 4
    head, tail = (float(np.sqrt(np.mean(part**2))) for part in (y[:quarter], y[-quarter:]))
    expect(tail < 0.3 * head, "a bubble falls silent; yours is still as loud at its end.")
    passed("Four millimetres of air sing at some 820 Hz.")


def _level(y: np.ndarray, f: float, *, sr: int) -> float:
    """Amplitude of the sine at `f` in `y`."""
    window = np.hanning(len(y))
    return float(2.0 * abs((y * window) @ np.exp(-2j * np.pi * f * np.arange(len(y)) / sr)) / window.sum())
