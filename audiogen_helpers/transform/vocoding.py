"""The envelope of one sound on the source of another: channel vocoder, cross-synthesis, robot and whisper."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_audio, check_sr
from audiogen_helpers.filters import biquad
from audiogen_helpers.linear_prediction import Prediction, analyse
from audiogen_helpers.registry import Entry, Parameter

__all__ = ["ENTRIES", "channel_vocoder", "cross_synthesis", "pulses", "robot", "whisper"]

_LOWEST, _HIGHEST = 100.0, 8000.0  # Hz: the bands of the channel vocoder
_CHORD = (1.0, 1.5, 2.0, 2.52)  # its own carrier: root, fifth, octave, major third above
_SMOOTH = 25.0  # Hz: how fast a band may open and close


def channel_vocoder(y: np.ndarray, *, sr: int, carrier: np.ndarray | None = None, n_bands: int = 20, f0: float = 110.0) -> np.ndarray:
    """A voice opens and closes the bands of another sound: the talking synthesiser.

    Both sounds go through the same band-passes. In each band the carrier, first brought to a steady level, gets the level of the voice.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The voice, mono.
    sr : int > 0
        Sample rate, Hz.
    carrier : np.ndarray [shape=(m,)], optional
        What is to talk, mono, repeated where it is shorter than `y`. A chord of pulses on `f0` if not given.
    n_bands : int, 4 to 64
        Bands, evenly spaced in pitch from 100 Hz to 8 kHz or 0.45 of the rate. More are clearer.
    f0 : float, 40 to 1000
        Root of the chord, Hz; without effect where there is a `carrier`.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        RMS of `y`; softer where the peak would exceed 1 (or the peak of `y`, if greater).

    Raises
    ------
    ParameterError
        If a sound is not mono or an argument is out of range.

    References
    ----------
    H. Dudley (1939), Remaking speech, J. Acoust. Soc. Am. 11(2), 169-177.

    Examples
    --------
    >>> y = np.random.default_rng(0).standard_normal(8000) * (np.arange(8000) < 4000)
    >>> z = channel_vocoder(0.1 * y, sr=8000)
    >>> z.shape, bool(np.abs(z[6000:]).max() < 1e-3 * np.abs(z).max())
    ((8000,), True)
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    found = _VOCODER.settings({"n_bands": n_bands, "f0": f0}, sr=sr)
    if carrier is None:
        source = sum(pulses(found["f0"] * k, sr=sr, length=len(y)) for k in _CHORD if found["f0"] * k < sr / 2)
    else:
        source = _as_long(carrier, len(y))
    peak = float(np.abs(y).max())
    if peak == 0.0:
        return y.copy()
    voice = y.astype(np.float64) / peak
    top = min(_HIGHEST, 0.45 * sr)
    centres = np.geomspace(min(_LOWEST, 0.1 * top), top, found["n_bands"])
    q = 1.0 / (np.sqrt(centres[1] / centres[0]) - np.sqrt(centres[0] / centres[1]))
    out = np.zeros(len(y))
    for f in centres:
        sos = np.concatenate([biquad("band-pass", sr=sr, f=float(f), q=float(q))] * 2)
        band, level = _band(np.asarray(source, dtype=np.float64), sos, sr=sr)
        steady = np.divide(band, level + 1e-3 * level.max(), out=np.zeros_like(band), where=level.max() > 0.0)
        out += steady * _band(voice, sos, sr=sr)[1]
    return _levelled(out, voice, peak).astype(y.dtype)


def _band(x: np.ndarray, sos: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """A band of a sound, and its level (RMS, smoothed) at each sample."""
    from scipy.signal import sosfilt

    band = sosfilt(sos, x)
    smooth = biquad("low-pass", sr=sr, f=min(_SMOOTH, 0.2 * sr), q=0.5)  # critically damped: it never goes below 0
    return band, np.sqrt(np.maximum(sosfilt(smooth, np.square(band)), 0.0))


def cross_synthesis(y: np.ndarray, *, sr: int, carrier: np.ndarray) -> np.ndarray:
    """The envelope of one sound on the excitation of another: a carrier that says what the voice says.

    Linear prediction takes both apart. The carrier, freed of its own envelope and level, is sent through the filters of `y`.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The voice, mono.
    sr : int > 0
        Sample rate of both, Hz.
    carrier : np.ndarray [shape=(m,)]
        What is to talk, mono, repeated where it is shorter than `y`. Rich sounds without pauses (organ, strings, surf) do best.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        RMS of `y`; softer where the peak would exceed 1 (or the peak of `y`, if greater). Silent where either sound is.

    Raises
    ------
    ParameterError
        If a sound is not mono or an argument is out of range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = 0.1 * rng.standard_normal(8000) * np.hanning(8000)
    >>> cross_synthesis(y, sr=8000, carrier=0.1 * rng.standard_normal(3000)).shape
    (8000,)
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    source = analyse(_as_long(carrier, len(y)), sr=sr)
    gain = source.gain_at(len(y))
    excitation = source.residual / (gain + max(1e-3 * float(gain.max()), 1e-300))
    return _excited(y, excitation, sr=sr)


def robot(y: np.ndarray, *, sr: int, f0: float = 110.0) -> np.ndarray:
    """A voice on one note: its filters, driven by pulses of a steady pitch.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The voice, mono.
    sr : int > 0
        Sample rate, Hz.
    f0 : float, 40 to 1000
        Pitch, Hz.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        RMS of `y`; softer where the peak would exceed 1 (or the peak of `y`, if greater).

    Raises
    ------
    ParameterError
        If `y` is not mono or an argument is out of range.

    Examples
    --------
    >>> robot(np.zeros(100), sr=8000).any()
    np.False_
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    found = _ROBOT.settings({"f0": f0}, sr=sr)
    return _excited(y, pulses(found["f0"], sr=sr, length=len(y)), sr=sr)


def whisper(y: np.ndarray, *, sr: int, rng: RNGLike = None) -> np.ndarray:
    """A voice without vocal cords: its filters, driven by noise.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        The voice, mono.
    sr : int > 0
        Sample rate, Hz.
    rng : int, np.random.Generator or None
        Source of the noise.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        RMS of `y`; softer where the peak would exceed 1 (or the peak of `y`, if greater).

    Raises
    ------
    ParameterError
        If `y` is not mono or an argument is out of range.

    Examples
    --------
    >>> y = 0.1 * np.sin(2 * np.pi * 200 * np.arange(8000) / 8000)
    >>> round(float(np.std(whisper(y, sr=8000, rng=0))), 3)
    0.071
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    return _excited(y, generator(rng).standard_normal(len(y)), sr=sr)


def pulses(f0: float, *, sr: int, length: int) -> np.ndarray:
    """A train of pulses with RMS 1: all harmonics of `f0` below half of the sample rate, alike, and no aliases.

    Examples
    --------
    >>> spectrum = np.abs(np.fft.rfft(pulses(1000.0, sr=8000, length=8000)))
    >>> np.flatnonzero(spectrum > 1.0)
    array([1000, 2000, 3000])
    """
    harmonics = int(np.ceil(sr / (2.0 * f0))) - 1
    if harmonics < 1:
        return np.zeros(length)
    half_turn = np.pi * np.mod(np.arange(length) * (f0 / sr) + 0.5, 1.0) - 0.5 * np.pi  # half of the phase, from -pi / 2 to pi / 2
    near = np.abs(half_turn) < 1e-7
    order = 2 * harmonics + 1
    total = np.where(near, order, np.sin(order * half_turn) / np.sin(np.where(near, 1.0, half_turn)))
    return (total - 1.0) / np.sqrt(2.0 * harmonics)


def _excited(y: np.ndarray, excitation: np.ndarray, *, sr: int) -> np.ndarray:
    """The filters and gains of `y`, driven by an excitation of RMS 1."""
    peak = float(np.abs(y).max())
    if peak == 0.0:
        return y.copy()
    voice = y.astype(np.float64) / peak
    parts: Prediction = analyse(voice, sr=sr)
    return _levelled(parts.synthesise(excitation * parts.gain_at(len(voice))), voice, peak).astype(y.dtype)


def _levelled(out: np.ndarray, voice: np.ndarray, peak: float) -> np.ndarray:
    """`out` at the RMS of `voice` times `peak`, or softer so that no sample exceeds 1 or `peak`; `voice` has the peak 1."""
    power = float(np.mean(np.square(out)))
    if power < 1e-24:
        return np.zeros_like(out)
    out = out * np.sqrt(np.mean(np.square(voice)) / power)
    return out * (peak * min(1.0, max(1.0, 1.0 / peak) / float(np.abs(out).max())))


def _as_long(carrier: np.ndarray, length: int) -> np.ndarray:
    """The carrier with peak 1, repeated or cut to a length."""
    carrier = check_audio(carrier, name="carrier", mono=True)
    peak = float(np.abs(carrier).max())
    return np.resize(carrier.astype(np.float64) / (peak or 1.0), length)


_MODULE = "audiogen_helpers.transform.vocoding"
_VOCODER = Entry(
    name="channel-vocoder",
    summary="A voice opens and closes the bands of another sound.",
    target=f"{_MODULE}:channel_vocoder",
    parameters=(
        Parameter(name="n_bands", default=20, low=4, high=64, help="Bands; more are clearer."),
        Parameter(name="f0", default=110.0, unit="Hz", low=40.0, high=1000.0, help="Root of the chord where no carrier is given."),
    ),
    extra={"mono": True, "length": "same", "second": "carrier"},
)
_CROSS = Entry(
    name="cross-synthesis",
    summary="The envelope of a voice on the excitation of another sound.",
    target=f"{_MODULE}:cross_synthesis",
    extra={"mono": True, "length": "same", "second": "carrier"},
)
_ROBOT = Entry(
    name="robot",
    summary="A voice on one note.",
    target=f"{_MODULE}:robot",
    parameters=(Parameter(name="f0", default=110.0, unit="Hz", low=40.0, high=1000.0, help="Pitch."),),
    extra={"mono": True, "length": "same"},
)
_WHISPER = Entry(
    name="whisper",
    summary="A voice driven by noise.",
    target=f"{_MODULE}:whisper",
    extra={"mono": True, "length": "same", "random": True},
)

ENTRIES: tuple[Entry, ...] = (_VOCODER, _CROSS, _ROBOT, _WHISPER)
