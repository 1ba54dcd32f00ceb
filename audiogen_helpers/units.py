"""Conversions between the units of sound: seconds and samples, decibels and gains, hertz, MIDI numbers, mels, ERBs, cents.

Each conversion of the book lives here and nowhere else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_integer, check_number, check_sr

__all__ = [
    "cents",
    "db_to_gain",
    "erb_to_hz",
    "gain_to_db",
    "hz_to_erb",
    "hz_to_mel",
    "hz_to_midi",
    "mel_to_hz",
    "midi_to_hz",
    "n_frames",
    "n_samples",
    "seconds",
]

# The mel scale of M. Slaney's Auditory Toolbox (1998): linear to 1 kHz, then 27 steps for each factor of 6.4.
_MEL_HZ_PER_STEP = 200.0 / 3.0
_MEL_BREAK_HZ = 1000.0
_MEL_BREAK = _MEL_BREAK_HZ / _MEL_HZ_PER_STEP
_MEL_LOG_STEP = np.log(6.4) / 27.0
_ERB_STEPS = 21.4
_ERB_PER_HZ = 0.00437


def n_samples(duration: float, *, sr: int) -> int:
    """Number of samples in `duration` seconds, rounded to the nearest one.

    Parameters
    ----------
    duration : float >= 0
        Length, s.
    sr : int > 0
        Sample rate, Hz.

    Returns
    -------
    length : int
        Samples. ``int(duration * sr)`` would be one short for about one length in six, because most decimal
        durations are not exact in binary.

    Raises
    ------
    ParameterError
        If `duration` is negative or not finite, or `sr` is not a positive whole number.

    Examples
    --------
    >>> n_samples(0.7, sr=22050), int(0.7 * 22050)
    (15435, 15434)
    """
    return round(check_number(duration, name="duration", low=0.0) * check_sr(sr))


def seconds(length: int, *, sr: int) -> float:
    """Duration of `length` samples, s. The inverse of :func:`n_samples`.

    Parameters
    ----------
    length : int >= 0
        Samples.
    sr : int > 0
        Sample rate, Hz.

    Examples
    --------
    >>> seconds(4000, sr=8000)
    0.5
    """
    return check_integer(length, name="length", low=0) / check_sr(sr)


def n_frames(length: int, *, hop_length: int) -> int:
    """Frames of a centred short-time transform of `length` samples: one at each multiple of `hop_length`.

    Parameters
    ----------
    length : int >= 0
        Samples.
    hop_length : int > 0
        Samples from one frame to the next.

    Examples
    --------
    >>> n_frames(8064, hop_length=128)
    64
    """
    return 1 + check_integer(length, name="length", low=0) // check_integer(hop_length, name="hop_length", low=1)


def db_to_gain(db: ArrayLike) -> np.ndarray | float:
    """Amplitude factor of a level in decibels, ``10 ** (db / 20)``; ``-inf`` dB is 0.

    Examples
    --------
    >>> db_to_gain(-20.0)
    0.1
    """
    db = check_array(db, name="db", finite=False)
    if np.isnan(db).any() or np.isposinf(db).any():
        db = check_array(db, name="db")
    return _scalar(10.0 ** (db / 20.0))


def gain_to_db(gain: ArrayLike, *, floor_db: float | None = None) -> np.ndarray | float:
    """Level in decibels of an amplitude factor, ``20 log10(gain)``; 0 is ``-inf`` or `floor_db`.

    Parameters
    ----------
    gain : array_like >= 0
        Amplitudes.
    floor_db : float, optional
        Lowest level returned, dB.

    Examples
    --------
    >>> gain_to_db([1.0, 0.1, 0.0], floor_db=-80.0)
    array([  0., -20., -80.])
    """
    gain = check_array(gain, name="gain", low=0.0)
    with np.errstate(divide="ignore"):
        db = 20.0 * np.log10(gain)
    if floor_db is not None:
        db = np.maximum(db, check_number(floor_db, name="floor_db"))
    return _scalar(db)


def midi_to_hz(midi: ArrayLike) -> np.ndarray | float:
    """Frequency of a MIDI note number in equal temperament, A4 = 69 = 440 Hz.

    Examples
    --------
    >>> midi_to_hz([57, 69])
    array([220., 440.])
    """
    return _scalar(440.0 * 2.0 ** ((check_array(midi, name="midi") - 69.0) / 12.0))


def hz_to_midi(f: ArrayLike) -> np.ndarray | float:
    """MIDI note number (not rounded) of a frequency in Hz. The inverse of :func:`midi_to_hz`.

    Examples
    --------
    >>> hz_to_midi(880.0)
    81.0
    """
    return _scalar(69.0 + 12.0 * np.log2(check_array(f, name="f", above=0.0) / 440.0))


def cents(f: ArrayLike, *, reference: ArrayLike) -> np.ndarray | float:
    """Interval from `reference` up to `f`, in cents: 100 to a semitone, 1200 to an octave.

    Examples
    --------
    >>> cents(440.0, reference=220.0)
    1200.0
    """
    f, reference = check_array(f, name="f", above=0.0), check_array(reference, name="reference", above=0.0)
    return _scalar(1200.0 * np.log2(f / reference))


def hz_to_mel(f: ArrayLike) -> np.ndarray | float:
    """Mel value of a frequency in Hz, on Slaney's scale (librosa's default, not HTK's).

    References
    ----------
    M. Slaney (1998), Auditory Toolbox, Interval Research technical report 1998-010.

    Examples
    --------
    >>> hz_to_mel([500.0, 1000.0])
    array([ 7.5, 15. ])
    """
    f = check_array(f, name="f", low=0.0)
    above = _MEL_BREAK + np.log(np.maximum(f, _MEL_BREAK_HZ) / _MEL_BREAK_HZ) / _MEL_LOG_STEP
    return _scalar(np.where(f < _MEL_BREAK_HZ, f / _MEL_HZ_PER_STEP, above))


def mel_to_hz(mel: ArrayLike) -> np.ndarray | float:
    """Frequency in Hz of a mel value on Slaney's scale. The inverse of :func:`hz_to_mel`.

    Examples
    --------
    >>> mel_to_hz([7.5, 15.0])
    array([ 500., 1000.])
    """
    mel = check_array(mel, name="mel", low=0.0)
    above = _MEL_BREAK_HZ * np.exp(_MEL_LOG_STEP * np.maximum(mel - _MEL_BREAK, 0.0))
    return _scalar(np.where(mel < _MEL_BREAK, mel * _MEL_HZ_PER_STEP, above))


def hz_to_erb(f: ArrayLike) -> np.ndarray | float:
    """Number of equivalent rectangular bandwidths below a frequency in Hz: the scale on which the filters of the ear are evenly spaced.

    References
    ----------
    B. R. Glasberg and B. C. J. Moore (1990), Derivation of auditory filter shapes from notched-noise data, Hearing Research 47, 103-138.

    Examples
    --------
    >>> round(hz_to_erb(1000.0), 2)
    15.62
    """
    f = check_array(f, name="f", low=0.0).astype(np.float64)
    return _scalar(_ERB_STEPS * np.log10(1.0 + _ERB_PER_HZ * f))


def erb_to_hz(e: ArrayLike) -> np.ndarray | float:
    """The frequency in Hz that has `e` equivalent rectangular bandwidths (0 to 100) below it. The inverse of :func:`hz_to_erb`.

    Examples
    --------
    >>> round(erb_to_hz(hz_to_erb(440.0)), 6)
    440.0
    """
    e = check_array(e, name="e", low=0.0, high=100.0).astype(np.float64)
    return _scalar((10.0 ** (e / _ERB_STEPS) - 1.0) / _ERB_PER_HZ)


def _scalar(values: np.ndarray) -> np.ndarray | float:
    """A plain float for a 0-d result, the array otherwise."""
    return float(values) if np.ndim(values) == 0 else values
