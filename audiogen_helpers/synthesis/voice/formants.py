"""The filter of a voice: resonances of the mouth and throat (formants), and vowels made with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike
from audiogen_helpers._streams import Stream, render
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.voice.source import Breath, Folds, hop_of

__all__ = ["ENTRIES", "IPA", "VOWELS", "Resonator", "bandwidths_of", "coefficients", "formant_filter", "higher", "vowel", "vowel_formants"]

HIGHEST = 0.48  # of the sample rate: formants above are left out
_PIECE = 32  # frames yielded at a time
_TOP = 10_600.0  # Hz: no resonance above
_LEVEL = 0.5  # peak of a clear vowel
_VIBRATO_HZ = 5.5
_ATTACK = 0.02  # s

IPA = {"IY": "i", "IH": "ɪ", "EH": "ɛ", "AE": "æ", "AA": "ɑ", "AO": "ɔ", "UH": "ʊ", "UW": "u", "AH": "ʌ", "ER": "ɝ"}
"""The ten vowels that were measured, in the letters of ARPAbet and of the International Phonetic Alphabet."""

VOWELS: dict[str, dict[str, tuple[float, float, float]]] = {
    "man": {
        "IY": (270, 2290, 3010),
        "IH": (390, 1990, 2550),
        "EH": (530, 1840, 2480),
        "AE": (660, 1720, 2410),
        "AA": (730, 1090, 2440),
        "AO": (570, 840, 2410),
        "UH": (440, 1020, 2240),
        "UW": (300, 870, 2240),
        "AH": (640, 1190, 2390),
        "ER": (490, 1350, 1690),
    },
    "woman": {
        "IY": (310, 2790, 3310),
        "IH": (430, 2480, 3070),
        "EH": (610, 2330, 2990),
        "AE": (860, 2050, 2850),
        "AA": (850, 1220, 2810),
        "AO": (590, 920, 2710),
        "UH": (470, 1160, 2680),
        "UW": (370, 950, 2670),
        "AH": (760, 1400, 2780),
        "ER": (500, 1640, 1960),
    },
    "child": {
        "IY": (370, 3200, 3730),
        "IH": (530, 2730, 3600),
        "EH": (690, 2610, 3570),
        "AE": (1010, 2320, 3320),
        "AA": (1030, 1370, 3170),
        "AO": (680, 1060, 3180),
        "UH": (560, 1410, 3310),
        "UW": (430, 1170, 3260),
        "AH": (850, 1590, 3360),
        "ER": (560, 1820, 2160),
    },
}
"""Formants 1 to 3 of the vowels of American English, Hz: averages of 33 men, 28 women and 15 children (Peterson & Barney 1952)."""

_SPACING = {"man": 1000.0, "woman": 1180.0, "child": 1400.0}  # Hz between the higher formants: speed of sound / (2 x length of the tract)


@compiled
def _resonate(y, gain, b, c, hop, state):
    """``y[n] = gain x[n] + b y[n-1] + c y[n-2]`` in place; the three run straight between their values at the edges of frames."""
    y1, y2 = state
    n = 0
    for i in range(len(b) - 1):
        g, p, q = gain[i], b[i], c[i]
        dg, dp, dq = (gain[i + 1] - g) / hop, (b[i + 1] - p) / hop, (c[i + 1] - q) / hop
        for _ in range(hop):
            value = g * y[n] + p * y1 + q * y2
            y2 = y1
            y1 = value
            y[n] = value
            n += 1
            g += dg
            p += dp
            q += dq
    state[0], state[1] = y1, y2


@compiled
def _cancel(y, b, c, hop, state):
    """The inverse of a resonator of gain 1 at 0 Hz, in place: ``y[n] = (x[n] - b x[n-1] - c x[n-2]) / (1 - b - c)``."""
    x1, x2 = state
    n = 0
    for i in range(len(b) - 1):
        p, q = b[i], c[i]
        dp, dq = (b[i + 1] - p) / hop, (c[i + 1] - q) / hop
        for _ in range(hop):
            x = y[n]
            y[n] = (x - p * x1 - q * x2) / (1.0 - p - q)
            x2 = x1
            x1 = x
            n += 1
            p += dp
            q += dq
    state[0], state[1] = x1, x2


def coefficients(frequency: ArrayLike, bandwidth: ArrayLike, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """``b`` and ``c`` of the resonator ``y[n] = (1 - b - c) x[n] + b y[n-1] + c y[n-2]``, of gain 1 at 0 Hz.

    Its poles have the radius ``exp(-pi bandwidth / sr)`` and the angles ``+-2 pi frequency / sr``.

    Parameters
    ----------
    frequency, bandwidth : float or array
        Hz.
    sr : int > 0
        Sample rate, Hz.

    Returns
    -------
    b, c : np.ndarray
        Of the shape of both together.

    References
    ----------
    D. H. Klatt (1980), J. Acoust. Soc. Am. 67(3), 971-995, equations 2.

    Examples
    --------
    >>> b, c = coefficients(2000.0, 100.0, sr=8000)
    >>> round(float(abs(b)), 6), round(float(c), 6)
    (0.0, -0.924465)
    """
    radius = np.exp(-np.pi * np.asarray(bandwidth, dtype=np.float64) / sr)
    c = -(radius**2)
    return 2.0 * radius * np.cos(2.0 * np.pi * np.asarray(frequency, dtype=np.float64) / sr) + 0.0 * c, c


class Resonator:
    """A second-order filter whose frequency and bandwidth may move, and that goes on from piece to piece.

    Parameters
    ----------
    sr : int > 0
        Sample rate, Hz.
    inverse : bool
        Whether it is the anti-resonator, which takes out what the resonator would put in.

    Examples
    --------
    >>> x = np.zeros(80); x[0] = 1.0
    >>> there, back = Resonator(sr=16_000), Resonator(sr=16_000, inverse=True)
    >>> y = back.filter(there.filter(x, frequency=500.0, bandwidth=50.0), frequency=500.0, bandwidth=50.0)
    >>> bool(np.allclose(y, x))
    True
    """

    def __init__(self, *, sr: int, inverse: bool = False) -> None:
        self._sr, self._hop, self._inverse = sr, hop_of(sr), inverse
        self._state = np.zeros(2)

    def filter(self, x: np.ndarray, *, frequency: ArrayLike, bandwidth: ArrayLike, gain: ArrayLike | None = None) -> np.ndarray:
        """`x` filtered: a whole number of frames of 5 ms; `frequency` and `bandwidth` numbers, or arrays of values at the frames' edges.

        Without `gain` the filter has a gain of 1 at 0 Hz; with it, a number or an array, about that gain at its resonance.
        """
        edges = len(x) // self._hop + 1
        b, c = (np.broadcast_to(v, edges) + 0.0 for v in coefficients(frequency, bandwidth, sr=self._sr))
        y = np.array(x, dtype=np.float64)
        if self._inverse:
            _cancel(y, b, c, self._hop, self._state)
            return y
        a = 1.0 - b - c if gain is None else np.asarray(gain) * _at_peak(b, c)
        _resonate(y, a, b, c, self._hop, self._state)
        return y


def _at_peak(b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """``|1 - b / z - c / z**2|`` at the angle of the poles: the factor that makes the gain there 1."""
    radius = np.sqrt(-c)
    z = np.exp(-1j * np.arccos(np.clip(b / (2.0 * radius), -1.0, 1.0)))
    return np.abs(1.0 - b * z - c * z * z)


def bandwidths_of(formants: ArrayLike) -> np.ndarray:
    """Usual bandwidths of formants, Hz: 60 Hz below 500 Hz, then wider, ``60 (1 + (f / 2500) ** 2)``."""
    return 60.0 * (1.0 + (np.maximum(np.asarray(formants, dtype=np.float64) - 500.0, 0.0) / 2500.0) ** 2)


def higher(after: float, *, spacing: float = 1000.0, sr: int) -> np.ndarray:
    """Frequencies of the formants above `after` Hz, evenly spaced up to 10.6 kHz or 0.48 of the sample rate.

    They move little and are not heard as vowels; without them the top of the spectrum would be too weak.
    """
    top = min(_TOP, HIGHEST * sr)
    return np.arange(after + spacing, top, spacing)


def vowel_formants(vowel: str, *, speaker: str = "man") -> np.ndarray:
    """Formants 1 to 3 of a vowel, Hz (Peterson & Barney 1952).

    Parameters
    ----------
    vowel : {'IY', 'IH', 'EH', 'AE', 'AA', 'AO', 'UH', 'UW', 'AH', 'ER'}
        As in bead, bid, bed, bad, pod, bought, put, boot, bud, bird.
    speaker : {'man', 'woman', 'child'}
        Whose.

    Returns
    -------
    formants : np.ndarray [shape=(3,)]

    Examples
    --------
    >>> vowel_formants("AA")
    array([ 730., 1090., 2440.])
    """
    settings = _VOWEL.settings({"vowel": vowel, "speaker": speaker})
    return np.array(VOWELS[settings["speaker"]][settings["vowel"]], dtype=np.float64)


def formant_filter(x: np.ndarray, *, sr: int, formants: Sequence[float], bandwidths: Sequence[float] | None = None) -> np.ndarray:
    """`x` through resonators one after the other, each of gain 1 at 0 Hz: a throat that holds still.

    Parameters
    ----------
    x : np.ndarray [shape=(n,)]
        A source, such as `audiogen_helpers.synthesis.voice.source.glottal`. At a resonance it may be raised thirtyfold.
    sr : int > 0
        Sample rate, Hz.
    formants : sequence of float > 0
        Frequencies, Hz; those from 0.48 of the sample rate upwards are left out.
    bandwidths : sequence of float > 0, optional
        As many, Hz; `bandwidths_of` where not given.

    Returns
    -------
    y : np.ndarray [shape=(n,), float64]

    Raises
    ------
    ParameterError
        If a frequency or bandwidth is not above 0, or their numbers differ.

    Examples
    --------
    >>> y = formant_filter(np.ones(16_000), sr=16_000, formants=[500.0, 1500.0])
    >>> round(float(y[-1]), 6)
    1.0
    """
    x = check_array(x, name="x", ndim=1)
    frequencies = check_array(formants, name="formants", ndim=1, above=0.0)
    widths = bandwidths_of(frequencies) if bandwidths is None else check_array(bandwidths, name="bandwidths", ndim=1, above=0.0)
    if len(widths) != len(frequencies):
        raise ParameterError(f"bandwidths must be as many as formants, {len(frequencies)}; received {len(widths)}")
    hop = hop_of(sr)
    y = np.concatenate([x, np.zeros(-len(x) % hop)])
    for f, w in zip(frequencies, widths, strict=True):
        if f < HIGHEST * sr:
            y = Resonator(sr=sr).filter(y, frequency=f, bandwidth=w)
    return y[: len(x)]


def vowel(
    f0: float,
    *,
    sr: int,
    duration: float,
    vowel: str = "AA",
    speaker: str = "man",
    breath: float = 0.05,
    vibrato: float = 0.0,
    jitter: float = 0.005,
    rng: RNGLike = None,
) -> np.ndarray:
    """A vowel that is held or sung: glottal pulses and breath through formants in a row.

    The level is set beforehand so that the voice peaks near 0.5 at every pitch.

    Parameters
    ----------
    f0 : float in [40, 1000]
        Pitch, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    vowel : {'IY', 'IH', 'EH', 'AE', 'AA', 'AO', 'UH', 'UW', 'AH', 'ER'}
        As in bead, bid, bed, bad, pod, bought, put, boot, bud, bird.
    speaker : {'man', 'woman', 'child'}
        Whose formants.
    breath : float in [0, 1]
        0 is a voice without breath, 1 a whisper without voice.
    vibrato : float in [0, 200]
        How far the pitch swings to either side, 5.5 times a second, cents.
    jitter : float in [0, 0.05]
        Deviation of each period, relative; 0 sounds like a machine.
    rng : int, np.random.Generator or None
        Source of chance: the same seed gives the same samples.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    G. E. Peterson and H. L. Barney (1952), J. Acoust. Soc. Am. 24(2), 175-184.

    Examples
    --------
    >>> y = vowel(110.0, sr=16_000, duration=0.5, vowel="IY", rng=0)
    >>> y.shape
    (8000,)
    """
    return render(
        _VOWEL, sr=sr, duration=duration, rng=rng, f0=f0, vowel=vowel, speaker=speaker, breath=breath, vibrato=vibrato, jitter=jitter
    )


def vowel_stream(
    sr: int, rng: np.random.Generator, *, f0: float, vowel: str, speaker: str, breath: float, vibrato: float, jitter: float
) -> Stream:
    """The stream of `vowel`."""
    hop = hop_of(sr)
    first = np.array(VOWELS[speaker][vowel], dtype=np.float64)
    fourth = max(3.5 * _SPACING[speaker], first[2] + 0.5 * _SPACING[speaker])
    formants = np.concatenate([first, [fourth], higher(fourth, spacing=_SPACING[speaker], sr=sr)])
    formants = formants[formants < HIGHEST * sr]
    widths = bandwidths_of(formants)
    chance, puffs = rng.spawn(2)
    folds, lungs = Folds(sr=sr, jitter=jitter, shimmer=4.0 * jitter), Breath(sr=sr)
    throat = [Resonator(sr=sr) for _ in formants]
    voiced, noisy = _levels(f0, formants, widths, sr=sr, breath=breath)
    frame = 0
    while True:
        t = np.arange(frame, frame + _PIECE + 1) * (hop / sr)
        pitch = f0 * 2.0 ** (vibrato / 1200.0 * np.sin(2.0 * np.pi * _VIBRATO_HZ * t))
        pulses, is_open = folds.pulses(pitch, rng=chance)
        gust = lungs.noise(len(pulses), rng=puffs) * (1.0 - (1.0 - breath) * 0.7 * (1.0 - is_open))
        y = voiced * pulses + noisy * gust
        if t[0] < _ATTACK:
            y *= np.interp(np.arange(len(y)) / sr + t[0], [0.0, _ATTACK], [0.0, 1.0])
        for resonator, f, w in zip(throat, formants, widths, strict=True):
            y = resonator.filter(y, frequency=f, bandwidth=w)
        yield soft_limit(y)
        frame += _PIECE


def _levels(f0: float, formants: np.ndarray, widths: np.ndarray, *, sr: int, breath: float) -> tuple[float, float]:
    """Gains of pulses and of breath: from the waveform that one steady period will have, and from the power that white noise will have."""
    size = 1024
    b, c = coefficients(formants, widths, sr=sr)

    def gain(f: np.ndarray) -> np.ndarray:
        z = np.exp(-2j * np.pi * f / sr)[:, None]
        return np.prod((1.0 - b - c) / (1.0 - b * z - c * z * z), axis=1)

    period = Folds(sr=round(size * f0)).pulses(
        np.full(int(np.ceil(3 * size / hop_of(round(size * f0)))) + 1, f0), rng=np.random.default_rng(0)
    )[0]
    lines = np.fft.rfft(period[size : 2 * size])
    k = np.arange(1, min(size // 2, int(0.5 * sr / f0)) + 1)
    spectrum = np.zeros(size // 2 + 1, dtype=np.complex128)
    spectrum[k] = lines[k] * gain(k * f0)
    peak = np.abs(np.fft.irfft(spectrum)).max()
    power = np.mean(np.abs(gain(np.linspace(0.0, 0.5 * sr, 2048))) ** 2) * sr / 16_000.0
    return (1.0 - breath) * _LEVEL / peak, breath * 0.25 * _LEVEL / np.sqrt(power)


_F0 = Parameter(name="f0", default=120.0, unit="Hz", low=40.0, high=1000.0, help="Pitch.")
_WHICH = Parameter(name="vowel", default="AA", choices=tuple(IPA), help="Vowel, in ARPAbet.")
_WHO = Parameter(name="speaker", default="man", choices=tuple(VOWELS), help="Whose formants.")
_BREATH = Parameter(name="breath", default=0.05, low=0.0, high=1.0, help="From clear voice to whisper.")
_VIBRATO = Parameter(name="vibrato", default=0.0, unit="cents", low=0.0, high=200.0, help="Swing of the pitch to either side.")
_JITTER = Parameter(name="jitter", default=0.005, low=0.0, high=0.05, help="Unevenness of the periods, relative.")

_VOWEL = Entry(
    name="vowel",
    summary="A held vowel of a man, a woman or a child: pulses of the vocal folds through formants.",
    target="audiogen_helpers.synthesis.voice.formants:vowel",
    parameters=(_F0, _WHICH, _WHO, _BREATH, _VIBRATO, _JITTER),
    extra={
        "family": "voice",
        "stream": "audiogen_helpers.synthesis.voice.formants:vowel_stream",
        "random": True,
        "in_tune": (60.0, 800.0),
    },
)

ENTRIES: tuple[Entry, ...] = (_VOWEL,)
