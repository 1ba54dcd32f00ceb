"""A tune as sound: each note a soft pipe, one after the other."""

from __future__ import annotations

import numpy as np

from audiogen_helpers import audio, units
from audiogen_helpers._validation import check_array, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.synthesis import additive, envelopes

__all__ = ["NOTES_SR", "TEMPO", "render_tune", "tune_length"]

NOTES_SR = 22_050
TEMPO = 96.0  # quarters per minute
_RELEASE = 0.12  # s that a note rings on under the next
_LEVEL = 0.4


def check_tune(notes: np.ndarray) -> np.ndarray:
    """Notes ``(n, 2)`` of whole numbers: MIDI number 12 to 120 or -1 for a rest, and length from 1 to 1024 sixteenths."""
    found = check_array(notes, name="notes", ndim=2)
    if found.shape[1:] != (2,) or not len(found) or (found != np.round(found)).any():
        raise ParameterError(f"notes must be whole numbers of shape (n, 2) with n >= 1; received shape {found.shape}")
    midi, sixteenths = found.astype(np.int64).T
    if ((midi != -1) & ((midi < 12) | (midi > 120))).any():
        raise ParameterError(f"notes must have MIDI numbers from 12 to 120, or -1 for a rest; received {midi.min()} to {midi.max()}")
    if sixteenths.min() < 1 or sixteenths.max() > 1024:
        raise ParameterError(f"notes must be from 1 to 1024 sixteenths long; received {sixteenths.min()} to {sixteenths.max()}")
    return found.astype(np.int64)


def tune_length(notes: np.ndarray, *, sr: int, tempo: float = TEMPO) -> int:
    """Samples of a tune as :func:`render_tune` makes it."""
    sixteenth = 15.0 / tempo
    return units.n_samples(float(check_tune(notes)[:, 1].sum()) * sixteenth + _RELEASE, sr=sr)


def render_tune(notes: np.ndarray, *, sr: int, tempo: float = TEMPO) -> np.ndarray:
    """A tune as sound, on an instrument like a soft organ pipe.

    Parameters
    ----------
    notes : np.ndarray [shape=(n, 2)], int
        MIDI number (12 to 120; -1 for a rest) and length in sixteenths of each note.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    tempo : float in [20, 400]
        Quarters per minute.

    Returns
    -------
    y : np.ndarray [shape=(length,), float64], ``|y| < 1``
        As long as the notes and 0.12 s more, in which the last one fades.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> from audiogen_helpers.spectral import pitch_of
    >>> y = render_tune(np.array([[69, 4], [-1, 4]]), sr=22050, tempo=60)
    >>> round(len(y) / 22050, 2), round(pitch_of(y[2000:16000], sr=22050))
    (2.12, 440)
    """
    notes, sr = check_tune(notes), check_sr(sr)
    tempo = check_number(tempo, name="tempo", low=20.0, high=400.0)
    starts = np.concatenate([[0], np.cumsum(notes[:, 1])]) * 15.0 / tempo
    y = np.zeros(tune_length(notes, sr=sr, tempo=tempo))
    for (midi, _), begin, end in zip(notes, starts[:-1], starts[1:], strict=True):
        if midi < 0:
            continue
        tone = _LEVEL * _pipe(float(units.midi_to_hz(midi)), sr=sr, duration=end - begin + _RELEASE)
        first = units.n_samples(begin, sr=sr) if begin > 0.0 else 0
        tone = tone[: len(y) - first]
        y[first : first + len(tone)] += tone
    return y


def _pipe(f0: float, *, sr: int, duration: float) -> np.ndarray:
    f0 = min(f0, 0.45 * sr)
    tone = additive.harmonic(f0, sr=sr, duration=duration, n_partials=8, rolloff=9.0)
    shape = envelopes.adsr(sr=sr, duration=duration, attack=min(0.03, duration / 4), decay=0.15, sustain=0.8, release=_RELEASE)
    return audio.fade(tone * shape, sr=sr, fade_out=0.005)
