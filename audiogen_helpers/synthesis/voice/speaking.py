"""A small formant speech synthesiser: phonemes and a tune to sound."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._streams import Stream, render
from audiogen_helpers._validation import check_sr
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.synthesis.voice.formants import Resonator, bandwidths_of, higher
from audiogen_helpers.synthesis.voice.planning import BANDS, Controls, plan
from audiogen_helpers.synthesis.voice.source import Breath, Folds, hop_of
from audiogen_helpers.units import n_samples

__all__ = ["ENTRIES", "Controls", "Throat", "plan", "render_controls", "speak", "speech"]

_PIECE = 32  # frames rendered at a time
_GAIN = 0.55
_BREATH = 0.035
_BREATHY = 0.1
_NOISE = 0.08
_FOURTH = 3500.0
_NASAL = (270.0, 100.0)


class Throat:
    """Source, throat, nose and noise in the mouth, going on from piece to piece.

    Parameters
    ----------
    sr : int > 0
        Sample rate, Hz.
    rng : np.random.Generator
        Of jitter and noise.
    whisper : bool
        Breath in place of voice.
    """

    def __init__(self, *, sr: int, rng: np.random.Generator, whisper: bool = False) -> None:
        self._sr, self._whisper = sr, whisper
        self._chance, self._at_folds, self._in_mouth = rng.spawn(3)
        self._folds = Folds(sr=sr, open_quotient=0.55, tilt=7.0, jitter=0.006, shimmer=0.02)
        self._lungs, self._mouth = Breath(sr=sr), Breath(sr=sr)
        self._nose = Resonator(sr=sr), Resonator(sr=sr, inverse=True)
        self._fixed = higher(_FOURTH - 1000.0, sr=sr)
        self._throat = [Resonator(sr=sr) for _ in range(3 + len(self._fixed))]
        self._bands = [Resonator(sr=sr) for _ in range(BANDS)]

    def render(self, controls: Controls, start: int, stop: int) -> np.ndarray:
        """The samples of frames `start` to `stop`, which must come one after the other."""
        at = slice(start, stop + 1)
        hop = hop_of(self._sr)
        pulses, is_open = self._folds.pulses(controls.f0[at], rng=self._chance)
        k, edges = np.arange(len(pulses)) / hop, np.arange(stop - start + 1)
        voice, breath, noise = (np.interp(k, edges, track[at]) for track in (controls.voice, controls.breath, controls.noise))
        if self._whisper:
            breath, voice = breath + 0.5 * voice, np.zeros_like(voice)
        gust = self._lungs.noise(len(k), rng=self._at_folds)
        spray = noise * self._mouth.noise(len(k), rng=self._in_mouth) * (1.0 - 0.5 * np.minimum(voice, 1.0) * (1.0 - is_open))
        y = voice * pulses + _BREATH * (breath + _BREATHY * voice * is_open) * gust
        y = self._through_nose(y, controls.zero[at])
        for i, resonator in enumerate(self._throat):
            moving = i < 3
            f = controls.formants[at, i] if moving else self._fixed[i - 3]
            y = resonator.filter(y, frequency=f, bandwidth=controls.bandwidths[at, i] if moving else bandwidths_of(f))
        return soft_limit(_GAIN * y + _NOISE * self._coloured(spray, controls.bands[at]))

    def _through_nose(self, y: np.ndarray, zero: np.ndarray) -> np.ndarray:
        there, away = self._nose
        return away.filter(there.filter(y, frequency=_NASAL[0], bandwidth=_NASAL[1]), frequency=zero, bandwidth=_NASAL[1])

    def _coloured(self, spray: np.ndarray, bands: np.ndarray) -> np.ndarray:
        """Noise through resonances side by side; those that the rate has no room for are moved down and made softer."""
        total = np.zeros_like(spray)
        top = 0.47 * self._sr
        for i, resonator in enumerate(self._bands):
            frequency, width, level = bands[:, i, 0], bands[:, i, 1], bands[:, i, 2]
            level = np.where(frequency > top, level * (top / frequency) ** 2, level)
            total += resonator.filter(spray, frequency=np.minimum(frequency, top), bandwidth=width, gain=level)
        return total


def render_controls(controls: Controls, *, rng: RNGLike = None, whisper: bool = False) -> np.ndarray:
    """The sound of what was planned.

    Parameters
    ----------
    controls : Controls
        From `plan`, perhaps changed.
    rng : int, np.random.Generator or None
        Of jitter and noise: the same seed gives the same samples.
    whisper : bool
        Breath in place of voice.

    Returns
    -------
    y : np.ndarray [shape=(n,), float64], ``|y| <= 1``

    Examples
    --------
    >>> controls = plan("HH AY1", sr=16_000)
    >>> y = render_controls(controls, rng=0)
    >>> abs(len(y) / 16_000 - controls.seconds) < 1e-9
    True
    """
    return np.concatenate(list(_pieces(controls, rng=generator(rng), whisper=whisper)))


def _pieces(controls: Controls, *, rng: np.random.Generator, whisper: bool) -> Stream:
    throat = Throat(sr=controls.sr, rng=rng, whisper=whisper)
    last = len(controls.f0) - 1
    for start in range(0, last, _PIECE):
        yield throat.render(controls, start, min(start + _PIECE, last))


def speak(
    phonemes: str,
    *,
    sr: int,
    f0: float = 120.0,
    rate: float = 1.0,
    expression: float = 1.0,
    whisper: bool = False,
    rng: RNGLike = None,
) -> np.ndarray:
    """Say phonemes of American English, for as long as that takes.

    Parameters
    ----------
    phonemes : str
        ARPAbet as in the CMU Pronouncing Dictionary, with spaces between: ``"HH AH0 L OW1"``. A digit after a vowel is its stress: 0 none,
        1 main, 2 secondary. ``|`` parts words; ``,`` is a short pause; ``.``, ``!`` and ``?`` end a sentence, the last with a rise.
    sr : int, 8000 to 192000
        Sample rate, Hz. The hiss of S lies above 4 kHz: at 8000 Hz it is faint.
    f0 : float in [60, 400]
        Pitch about which the tune moves, Hz.
    rate : float in [0.5, 2]
        Speed; 1 is calm.
    expression : float in [0, 2]
        How much the tune moves; 0 is a robot.
    whisper : bool
        Breath in place of voice.
    rng : int, np.random.Generator or None
        Of jitter and noise: the same seed gives the same samples.

    Returns
    -------
    y : np.ndarray [shape=(n,), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range, or a phoneme is unknown.

    References
    ----------
    D. H. Klatt (1980), J. Acoust. Soc. Am. 67(3), 971-995.

    Examples
    --------
    >>> y = speak("HH AH0 L OW1 | W ER1 L D", sr=16_000, rng=0)
    >>> 0.7 < len(y) / 16_000 < 1.4
    True
    """
    given = _SPEECH.settings({"phonemes": phonemes, "f0": f0, "rate": rate, "expression": expression}, sr=check_sr(sr))
    return render_controls(plan(sr=sr, **given), rng=rng, whisper=whisper)


def speech(
    f0: float = 120.0,
    *,
    sr: int,
    duration: float,
    phonemes: str = "HH AH0 L OW1",
    rate: float = 1.0,
    expression: float = 1.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """`speak` in a given duration: zeros follow an utterance that is shorter, a longer one fades out over the last 10 ms.

    Parameters
    ----------
    f0 : float in [60, 400]
        Pitch about which the tune moves, Hz.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    phonemes : str
        ARPAbet; see `speak`.
    rate : float in [0.5, 2]
        Speed; 1 is calm.
    expression : float in [0, 2]
        How much the tune moves; 0 is a robot.
    rng : int, np.random.Generator or None
        Of jitter and noise: the same seed gives the same samples.

    Returns
    -------
    y : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|y| <= 1``

    Raises
    ------
    ParameterError
        If an argument is out of range, or a phoneme is unknown.

    Examples
    --------
    >>> speech(110.0, sr=16_000, duration=1.0, phonemes="Y EH1 S", rng=0).shape
    (16000,)
    """
    return render(_SPEECH, sr=sr, duration=duration, rng=rng, f0=f0, phonemes=phonemes, rate=rate, expression=expression)


def speech_stream(
    sr: int, rng: np.random.Generator, *, f0: float, phonemes: str, rate: float, expression: float, duration: float
) -> Stream:
    """The stream of `speech`."""
    controls = plan(phonemes, sr=sr, f0=f0, rate=rate, expression=expression)
    length = n_samples(duration, sr=sr)
    cut = length < (len(controls.f0) - 1) * hop_of(sr)
    at, fade = 0, 0.01 * sr
    for piece in _pieces(controls, rng=rng, whisper=False):
        if cut:
            piece = piece * np.clip((length - np.arange(at, at + len(piece))) / fade, 0.0, 1.0)
        at += len(piece)
        yield piece


_F0 = Parameter(name="f0", default=120.0, unit="Hz", low=60.0, high=400.0, help="Pitch about which the tune moves.")
_TEXT = Parameter(name="phonemes", default="HH AH0 L OW1", help="What to say, in ARPAbet.")
_RATE = Parameter(name="rate", default=1.0, low=0.5, high=2.0, help="Speed.")
_EXPRESSION = Parameter(name="expression", default=1.0, low=0.0, high=2.0, help="How much the tune moves.")

_SPEECH = Entry(
    name="speech",
    summary="A voice by rules that says phonemes, with stress and a tune.",
    target="audiogen_helpers.synthesis.voice.speaking:speech",
    parameters=(_F0, _TEXT, _RATE, _EXPRESSION),
    extra={"family": "voice", "stream": "audiogen_helpers.synthesis.voice.speaking:speech_stream", "ends": True, "random": True},
)

ENTRIES: tuple[Entry, ...] = (_SPEECH,)
