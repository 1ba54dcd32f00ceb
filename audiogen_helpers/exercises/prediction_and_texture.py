"""Exercises of the chapter Prediction and texture: predict a tone, let rain speak, and bands that flutter each on its own.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers import linear_prediction
from audiogen_helpers._validation import check_array, check_audio, check_sr
from audiogen_helpers.exercises._listen import expect, passed
from audiogen_helpers.statistical.texture_statistics import MODULATIONS, statistics

__all__ = ["check_alone", "check_talking_rain", "check_tone"]

_TONE, _TONE_SR = 440.0, 8000  # Hz
_FLUTTER = 8.0  # Hz
_STEP = 0.01  # s, from frame to frame of the comparison


def check_tone(a: np.ndarray) -> None:
    """Check a predictor of order 2 that leaves nothing of a tone of 440 Hz at 8000 Hz.

    Parameters
    ----------
    a : array_like [shape=(3,)]
        The answer, ``[1, a1, a2]``.

    Raises
    ------
    ExerciseError
        If it predicts something else, or nothing; the message says what.

    Examples
    --------
    >>> check_tone([1.0, -2.0 * np.cos(2 * np.pi * 440 / 8000), 1.0])
    Right. The sine is the past turned by one step: two numbers hold its frequency, and neither its size nor its phase.
    """
    a = check_array(a, name="a", ndim=1)
    expect(len(a) == 3, f"three numbers, [1, a1, a2]; you gave {len(a)}.")
    expect(a[0] == 1.0, f"the first is the sample itself, so it is 1; yours is {a[0]:g}.")
    w = 2.0 * np.pi * _TONE / _TONE_SR
    wanted = np.array([1.0, -2.0 * np.cos(w), 1.0])
    expect(
        not np.allclose(a, [1.0, 2.0 * np.cos(w), -1.0], atol=1e-3),
        "nearly: these are the weights of the guess; in equation (1) the guess is minus the sum, so both change their sign.",
    )
    roots = np.roots(a)
    radius, f = float(np.abs(roots).max()), float(np.abs(np.angle(roots)).max()) * _TONE_SR / (2.0 * np.pi)
    left = np.abs(np.polyval(a[::-1], np.exp(-1j * w)))
    expect(abs(radius - 1.0) < 1e-2, f"it leaves {left:.2g} of the tone: it suits one that grows or dies by {radius:.3f} at each sample.")
    expect(np.allclose(a, wanted, atol=1e-4), f"it leaves {left:.2g} of the tone; the tone that it predicts is at {f:.0f} Hz.")
    passed("The sine is the past turned by one step: two numbers hold its frequency, and neither its size nor its phase.")


def check_talking_rain(y: np.ndarray, word: np.ndarray, *, sr: int) -> None:
    """Check a sound that has the mouth of a word, and a throat of rain.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer.
    word : np.ndarray [shape=(n,)]
        The word whose filters were to be used.
    sr : int > 0
        Sample rate of both, Hz.

    Raises
    ------
    ExerciseError
        If the length, the level, the envelope of the spectrum or the source is not right; the message says which.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> word = linear_prediction.Prediction(  # a resonance that swells, driven by pulses
    ...     k=np.tile([-0.8, 0.9], (51, 1)), gain=np.linspace(0.0, 0.02, 51), residual=np.zeros(4000), hop=80)
    >>> pulses, noise = (np.arange(4000) % 80 == 0) * 9.0, rng.standard_normal(4000)
    >>> said, talking = (word.synthesise(e * word.gain_at(4000)) for e in (pulses, noise))
    >>> check_talking_rain(talking, said, sr=8000)
    Right. The mouth does not mind what comes out of the throat.
    """
    sr = check_sr(sr)
    y, word = check_audio(y, mono=True).astype(np.float64), check_audio(word, name="word", mono=True).astype(np.float64)
    expect(len(y) == len(word), f"the word has {len(word)} samples, your sound {len(y)}.")
    expect(bool(np.abs(y).max() > 0.0), "your sound is silent.")
    alike = abs(float(np.corrcoef(y, word)[0, 1]))
    expect(alike < 0.5, f"that is the word itself (correlation {alike:.2f}): its own residual is still the throat.")
    mine, right = (linear_prediction.analyse(x, sr=sr, order=12, hop=_STEP) for x in (y, word))
    levels = [np.sqrt(np.convolve(np.square(x), np.ones(round(0.02 * sr)), "same"))[:: round(_STEP * sr)] for x in (y, word)]
    follows = float(np.corrcoef(levels[0], levels[1])[0, 1])
    loud = right.gain > 0.1 * right.gain.max()
    apart = _spectral_distance(mine.a[loud], right.a[loud])
    expect(apart < 7.0, f"its envelopes are {apart:.1f} dB off the word's: is the colour of the rain still in it, or no mouth at all?")
    expect(follows > 0.7, f"its level does not follow the word's (correlation {follows:.2f}): scale the throat by the gain of the word.")
    passed("The mouth does not mind what comes out of the throat.")


def _spectral_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the frames of the RMS difference of two log envelopes, each taken around its mean, dB."""
    db = [20.0 * np.log10(linear_prediction.envelope(x, n_fft=256)) for x in (a, b)]
    apart = (db[0] - db[0].mean(axis=-1, keepdims=True)) - (db[1] - db[1].mean(axis=-1, keepdims=True))
    return float(np.mean(np.sqrt(np.mean(np.square(apart), axis=-1))))


def check_alone(y: np.ndarray, *, sr: int) -> None:
    """Check noise whose bands all flutter 8 times a second, each with a phase of its own.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The answer, at least 1.5 s.
    sr : int >= 8000
        Its sample rate, Hz.

    Raises
    ------
    ExerciseError
        If there is no flutter, one of another speed, or the bands move together; the message says which.

    Examples
    --------
    >>> from audiogen_helpers.statistical import subbands
    >>> rng = np.random.default_rng(0)
    >>> bands = subbands.split(0.1 * rng.standard_normal(16_000), sr=8000, n_bands=32)
    >>> phase = 2 * np.pi * 8.0 * np.arange(16_000) / 8000 + rng.uniform(0.0, 2 * np.pi, (32, 1))
    >>> check_alone(subbands.join(bands * (1.0 + 0.9 * np.sin(phase)), sr=8000), sr=8000)
    Right. Every band flutters, and none minds the others.
    """
    sr = check_sr(sr)
    y = check_audio(y, mono=True)
    expect(sr >= 8000, f"a sample rate of at least 8000 Hz, please; yours is {sr}.")
    expect(len(y) >= 1.5 * sr, f"at least 1.5 s, please; yours lasts {len(y) / sr:.2f} s.")
    found = statistics(y, sr=sr)
    wide = slice(8, None)  # the low bands are so narrow that they flutter by themselves
    strength = found.modulation[wide].mean(axis=0)
    peak = float(MODULATIONS[int(np.argmax(strength))])
    at = int(np.argmin(np.abs(MODULATIONS - _FLUTTER)))
    expect(peak == MODULATIONS[at], f"the strongest change in the bands is near {peak:.1f} Hz, not 8.")
    expect(float(strength[at]) > 0.45, f"the flutter at 8 Hz is weak: {strength[at]:.0%} of the change in the bands.")
    octave = found.modulation_correlation[2, 8:, 8:]  # around 6 Hz
    apart = np.abs(np.subtract.outer(np.arange(len(octave)), np.arange(len(octave)))) > 1
    together = float(octave[apart].mean())
    expect(together < 0.3, f"the bands move together: their correlation at this speed is {together:.2f}. Give each its own phase.")
    passed("Every band flutters, and none minds the others.")
