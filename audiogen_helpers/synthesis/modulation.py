"""Tones whose amplitude, sign or phase another tone moves: AM, ring modulation and FM.

Chapter: chapters/methods/modulation.ipynb
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from audiogen_helpers._streams import Stream, render
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter

__all__ = ["ENTRIES", "am", "fm", "fm_bell", "fm_brass", "fm_piano", "ring"]

_PIECE = 8192  # samples yielded at a time
_TAU = 2.0 * np.pi
_T60 = np.log(1000.0)  # time constants in 60 dB


def am(f0: float, *, sr: int, duration: float, rate: float = 5.0, depth: float = 0.8) -> np.ndarray:
    r"""Amplitude modulation: :math:`(1 + d \cos 2\pi f_m t) \sin(2\pi f_0 t) / (1 + d)`.

    Slow, it is a tremolo; from about 20 Hz on the ear hears three tones, :math:`f_0` and :math:`f_0 \pm f_m`, the outer ones with
    :math:`d / 2` of the level of the middle one.

    Parameters
    ----------
    f0 : float in [1, 10000] below sr / 2
        Carrier, Hz. Sidebands above sr / 2 alias.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rate : float in [0.01, 2000]
        Modulator, Hz.
    depth : float in [0, 1]
        How far the amplitude moves, as a share of its mean.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = am(1000.0, sr=8000, duration=1.0, rate=100.0, depth=1.0)
    >>> level = np.abs(np.fft.rfft(y)) / 4000
    >>> level[[900, 1000, 1100]].round(6)
    array([0.25, 0.5 , 0.25])
    """
    return render(_AM, sr=sr, duration=duration, f0=f0, rate=rate, depth=depth)


def am_stream(sr: int, rng: np.random.Generator, *, f0: float, rate: float, depth: float) -> Stream:
    """The stream of `am`."""
    for n in _samples():
        yield (1.0 + depth * np.cos(_angle(n, rate, sr))) * np.sin(_angle(n, f0, sr)) / (1.0 + depth)


def ring(f0: float, *, sr: int, duration: float, rate: float = 70.0) -> np.ndarray:
    r"""Ring modulation: the product of two sines, :math:`\sin(2\pi f_0 t) \cos(2\pi f_m t)`: neither is heard, only sum and difference.

    Parameters
    ----------
    f0 : float in [1, 10000] below sr / 2
        One of the sines, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    rate : float in [0.01, 2000]
        The other, Hz, a quarter of its period ahead. At `f0` itself the difference, 0 Hz, has no level: no offset is left.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = ring(1000.0, sr=8000, duration=1.0, rate=300.0)
    >>> np.flatnonzero(np.abs(np.fft.rfft(y)) > 1.0)
    array([ 700, 1300])
    """
    return render(_RING, sr=sr, duration=duration, f0=f0, rate=rate)


def ring_stream(sr: int, rng: np.random.Generator, *, f0: float, rate: float) -> Stream:
    """The stream of `ring`."""
    for n in _samples():
        yield np.sin(_angle(n, f0, sr)) * np.cos(_angle(n, rate, sr))


def fm(f0: float, *, sr: int, duration: float, ratio: float = 1.0, index: float = 2.0) -> np.ndarray:
    r"""Frequency modulation by two sines: :math:`\sin(2\pi f_0 t + I \sin 2\pi f_m t)` with :math:`f_m = r f_0`.

    It holds the frequencies :math:`f_0 + k f_m` for every whole k, with the level of the Bessel function :math:`J_k(I)`; below 0 Hz
    they fold back. Those beyond about :math:`k = I + 2` are faint. What lies above sr / 2 aliases.

    Parameters
    ----------
    f0 : float in [1, 4000] below sr / 2
        Carrier, Hz: the pitch where `ratio` is a whole number.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    ratio : float in [0.01, 16]
        Modulator over carrier; their product must be below sr / 2.
    index : float in [0, 20]
        Peak deviation of the phase, radians.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J. Chowning (1973), The synthesis of complex audio spectra by means of frequency modulation, J. Audio Eng. Soc. 21(7), 526-534.

    Examples
    --------
    >>> y = fm(1000.0, sr=16000, duration=1.0, ratio=0.1, index=1.0)
    >>> level = np.abs(np.fft.rfft(y)) / 8000
    >>> level[[1000, 1100, 1200]].round(4)  # J_0(1), J_1(1), J_2(1)
    array([0.7652, 0.4401, 0.1149])
    """
    return render(_FM, sr=sr, duration=duration, f0=f0, ratio=ratio, index=index)


def fm_stream(sr: int, rng: np.random.Generator, *, f0: float, ratio: float, index: float) -> Stream:
    """The stream of `fm`."""
    f_mod = _check_modulator(f0, ratio, sr)
    for n in _samples():
        yield np.sin(_angle(n, f0, sr) + index * np.sin(_angle(n, f_mod, sr)))


def fm_bell(f0: float, *, sr: int, duration: float, ratio: float = 1.4, index: float = 8.0, decay: float = 6.0) -> np.ndarray:
    """A bell by FM: a ratio that is no whole number, level and index falling together, so that it ends as a nearly pure tone.

    Parameters
    ----------
    f0 : float in [20, 4000] below sr / 2
        Carrier, Hz: what is left in the end.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s: the bell is cut there.
    ratio : float in [0.01, 16]
        Modulator over carrier.
    index : float in [0, 20]
        Index at the stroke, radians.
    decay : float in [0.1, 60]
        Time in which the level falls by 60 dB, s.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 0.8``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J. Chowning (1973), as for `fm`: the bell-like tone has a ratio of 7 : 5.

    Examples
    --------
    >>> fm_bell(200.0, sr=8000, duration=0.5).shape
    (4000,)
    """
    return render(_BELL, sr=sr, duration=duration, f0=f0, ratio=ratio, index=index, decay=decay)


def fm_bell_stream(sr: int, rng: np.random.Generator, *, f0: float, ratio: float, index: float, decay: float) -> Stream:
    """The stream of `fm_bell`."""
    f_mod = _check_modulator(f0, ratio, sr)
    for n in _samples():
        level = np.exp(-_T60 / decay * n / sr)
        yield 0.8 * _soft_start(n, sr) * level * np.sin(_angle(n, f0, sr) + index * level * np.sin(_angle(n, f_mod, sr)))


def fm_brass(f0: float, *, sr: int, duration: float, index: float = 4.0, attack: float = 0.08) -> np.ndarray:
    """A brass tone by FM: one sine modulates another of the same pitch, and the louder, the brighter.

    Parameters
    ----------
    f0 : float in [20, 4000] below sr / 2
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s; the tone is released 0.1 s before it ends (at half where it is shorter than 0.2 s).
    index : float in [0, 20]
        Index at the loudest moment, radians.
    attack : float in [0.002, 1]
        Time to the loudest moment, s; half of that later the tone has settled at three quarters.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 0.8``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J. Chowning (1973), as for `fm`; the law "louder is brighter": J.-C. Risset and M. Mathews (1969), Physics Today 22(2), 23-30.

    Examples
    --------
    >>> y = fm_brass(220.0, sr=8000, duration=0.5)
    >>> y.shape, float(y[0])
    ((4000,), 0.0)
    """
    return render(_BRASS, sr=sr, duration=duration, f0=f0, index=index, attack=attack)


def fm_brass_stream(sr: int, rng: np.random.Generator, *, f0: float, index: float, attack: float, duration: float) -> Stream:
    """The stream of `fm_brass`."""
    release = min(0.1, duration / 2)
    for n in _samples():
        t = n / sr
        level = np.interp(t, [0.0, attack, 1.5 * attack], [0.0, 1.0, 0.75]) * np.interp(t, [duration - release, duration], [1.0, 0.0])
        carrier = _angle(n, f0, sr)
        yield 0.8 * level * np.sin(carrier + index * level * np.sin(carrier))


def fm_piano(f0: float, *, sr: int, duration: float, brightness: float = 1.0, decay: float = 4.0) -> np.ndarray:
    """An electric piano by FM: a warm pair of sines 1 : 1 and, for the moment of the stroke, a tine that vibrates 14 times as fast.

    Parameters
    ----------
    f0 : float in [20, 4000] below sr / 2
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s; the key is let go 0.05 s before the end (at half where it is shorter than 0.1 s).
    brightness : float in [0, 3]
        Factor of both indices.
    decay : float in [0.1, 60]
        Time in which the level falls by 60 dB, s.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 0.8``

    Notes
    -----
    The tine is left out where its modulator would reach a third of the sample rate.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> fm_piano(220.0, sr=16000, duration=0.5).shape
    (8000,)
    """
    return render(_PIANO, sr=sr, duration=duration, f0=f0, brightness=brightness, decay=decay)


def fm_piano_stream(sr: int, rng: np.random.Generator, *, f0: float, brightness: float, decay: float, duration: float) -> Stream:
    """The stream of `fm_piano`."""
    release = min(0.05, duration / 2)
    tine = 0.25 * brightness if 14.0 * f0 < sr / 3 else 0.0
    for n in _samples():
        t = n / sr
        level = np.exp(-_T60 / decay * t) * np.interp(t, [duration - release, duration], [1.0, 0.0]) * _soft_start(n, sr)
        carrier = _angle(n, f0, sr)
        warm = np.sin(carrier + 1.2 * brightness * np.exp(-3.0 * t) * np.sin(carrier))
        bright = np.sin(carrier + tine * np.exp(-12.0 * t) * np.sin(_angle(n, 14.0 * f0, sr)))
        yield 0.4 * level * (warm + bright)


def _samples() -> Iterator[np.ndarray]:
    """Sample numbers, a piece at a time, for ever."""
    start = 0
    while True:
        yield np.arange(start, start + _PIECE)
        start += _PIECE


def _angle(n: np.ndarray, f: float, sr: int) -> np.ndarray:
    """The angle of a sine of `f` Hz at sample numbers `n`, within one turn so that it stays exact in long sounds."""
    return _TAU * np.mod(n * (f / sr), 1.0)


def _soft_start(n: np.ndarray, sr: int) -> np.ndarray:
    """From 0 to 1 in two milliseconds: a stroke without a click."""
    return np.minimum(n / (0.002 * sr), 1.0)


def _check_modulator(f0: float, ratio: float, sr: int) -> float:
    if ratio * f0 >= sr / 2:
        raise ParameterError(f"ratio * f0 must be < sr / 2 = {sr / 2:g} Hz; received {ratio:g} * {f0:g} Hz")
    return ratio * f0


def _entry(name: str, summary: str, *parameters: Parameter, **extra: Any) -> Entry:
    here, function = "audiogen_helpers.synthesis.modulation", name.replace("-", "_")
    more = {"family": "modulation", "stream": f"{here}:{function}_stream", **extra}
    return Entry(name=name, summary=summary, target=f"{here}:{function}", parameters=parameters, extra=more)


def _index(default: float) -> Parameter:
    return Parameter(name="index", default=default, unit="rad", low=0.0, high=20.0, help="Peak deviation of the phase.")


def _ratio(default: float) -> Parameter:
    return Parameter(name="ratio", default=default, low=0.01, high=16.0, help="Modulator over carrier.")


def _decay(default: float) -> Parameter:
    return Parameter(name="decay", default=default, unit="s", low=0.1, high=60.0, help="Time in which the level falls by 60 dB.")


_WIDE = Parameter(name="f0", default=440.0, unit="Hz", low=1.0, high=10_000.0, help="Carrier.")
_F0 = Parameter(name="f0", default=220.0, unit="Hz", low=20.0, high=4000.0, help="Pitch.")
_CARRIER = Parameter(
    name="f0", default=220.0, unit="Hz", low=1.0, high=4000.0, help="Carrier: the pitch where the ratio is a whole number."
)
_DEPTH = Parameter(name="depth", default=0.8, low=0.0, high=1.0, help="How far the amplitude moves, as a share of its mean.")
_ATTACK = Parameter(name="attack", default=0.08, unit="s", low=0.002, high=1.0, help="Time to the loudest moment.")
_BRIGHTNESS = Parameter(name="brightness", default=1.0, low=0.0, high=3.0, help="Factor of both indices.")


def _rate(default: float) -> Parameter:
    return Parameter(name="rate", default=default, unit="Hz", low=0.01, high=2000.0, help="Modulator.")


_AM = _entry("am", "A sine whose amplitude another sine moves: tremolo, or three tones.", _WIDE, _rate(5.0), _DEPTH)
_RING = _entry("ring", "The product of two sines: sum and difference, neither of the two.", _WIDE, _rate(70.0))
_FM = _entry(
    "fm", "A sine whose phase another sine moves: many partials from two.", _CARRIER, _ratio(1.0), _index(2.0), in_tune=(50.0, 2000.0)
)
_BELL = _entry("fm-bell", "A bell by FM.", _F0, _ratio(1.4), _index(8.0), _decay(6.0))
_BRASS = _entry("fm-brass", "A brass tone by FM: the louder, the brighter.", _F0, _index(4.0), _ATTACK, ends=True, in_tune=(50.0, 2000.0))
_PIANO = _entry("fm-piano", "An electric piano by FM.", _F0, _BRIGHTNESS, _decay(4.0), ends=True, in_tune=(50.0, 2000.0))

ENTRIES: tuple[Entry, ...] = (_AM, _RING, _FM, _BELL, _BRASS, _PIANO)
