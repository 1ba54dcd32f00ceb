"""A vocoder: speech as a few slow tracks (envelope, level, pitch, voicing) that a statistical model can learn, and speech made from them.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from audiogen_helpers import linear_prediction
from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_audio, check_integer, check_number, check_sr, show
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.filters import dc_blocker
from audiogen_helpers.statistical.line_spectra import from_line_spectra, stabilise, to_line_spectra
from audiogen_helpers.statistical.voicing import VOICED, band_edges, band_weights, split, track_voicing

__all__ = ["Speech", "analyse", "feature_names", "from_features", "to_features"]

F_MIN, F_MAX = 60.0, 450.0  # Hz, where the pitch of a voice is looked for
_RUMBLE = 60.0  # Hz; what lies below is no speech and is taken away
_LEVEL_WINDOW = 0.02  # s
_SILENT = 1e-5  # level (-100 dB) that stands for silence in logarithms
_MOST = (0.1, 4.0)  # factors by which a level is put right
_CLOSE = 10.0  # Hz between line spectral frequencies
_SURE = 0.03  # features squeeze shares of 0 .. 1 into 0.03 .. 0.97 before the logarithm
_USUAL_F0 = 120.0  # Hz, where a sound has no voiced frame at all
_BINS = 2048  # frequencies of the tables of phases and bands


@dataclass(frozen=True)
class Speech:
    """Tracks of a voice on one clock: frame `i` lies at sample ``i * hop``.

    Attributes
    ----------
    line_spectra : np.ndarray [shape=(frames, order)]
        Line spectral frequencies of the envelope, radians per sample, ascending.
    level : np.ndarray [shape=(frames,)]
        RMS of the sound, full scale 1.
    f0 : np.ndarray [shape=(frames,)]
        Pitch, Hz; 0 where unvoiced.
    voicing : np.ndarray [shape=(frames, bands)]
        Share (0 to 1) of the power that is pulses; the rest is noise. For each band of `audiogen_helpers.statistical.voicing.band_edges`.
    hop : int
        From frame to frame, samples.
    sr : int
        Sample rate, Hz.
    length : int
        Samples of the sound.
    """

    line_spectra: np.ndarray
    level: np.ndarray
    f0: np.ndarray
    voicing: np.ndarray
    hop: int
    sr: int
    length: int

    def __post_init__(self) -> None:
        check_sr(self.sr)
        check_integer(self.hop, name="hop", low=1)
        check_integer(self.length, name="length", low=1)
        n = len(check_array(self.line_spectra, name="line_spectra", ndim=2, low=0.0, high=np.pi))
        check_array(self.level, name="level", ndim=1, low=0.0)
        check_array(self.f0, name="f0", ndim=1, low=0.0, high=0.5 * self.sr)
        check_array(self.voicing, name="voicing", ndim=2, low=0.0, high=1.0)
        shapes = self.level.shape, self.f0.shape, self.voicing.shape
        if not n or shapes != ((n,), (n,), (n, len(band_edges(self.sr)) - 1)):
            bands = len(band_edges(self.sr)) - 1
            raise ParameterError(f"level, f0 and voicing must have shapes ({n},), ({n},) and ({n}, {bands}), n >= 1; received {shapes}")

    def synthesise(
        self, *, rng: RNGLike, f0: float | np.ndarray | None = None, f0_scale: float = 1.0, voiced: bool | None = None
    ) -> np.ndarray:
        """The sound of the tracks: pulses and noise, mixed in each band, through the lattice filter, at the level of the tracks.

        Parameters
        ----------
        rng : int, np.random.Generator or None
            Source of the noise.
        f0 : float or np.ndarray [shape=(frames,)], optional
            Pitch to use in place of the track's, Hz, 0 <= f0 < sr / 2: a constant makes a robot. Frames given 0 are unvoiced.
        f0_scale : float > 0
            Factor of the pitch.
        voiced : bool, optional
            False: noise only, a whisper. True: pulses only, also where the speaker's voice was silent. None: as in the tracks.

        Returns
        -------
        y : np.ndarray [shape=(length,)]
            Not limited: a peak may be higher than in the sound that was analysed.

        Raises
        ------
        ParameterError
            If an argument is out of range.

        Examples
        --------
        >>> y = 0.1 * np.random.default_rng(0).standard_normal(4000)
        >>> again = analyse(y, sr=8000).synthesise(rng=1)
        >>> again.shape, bool(abs(again.std() / y.std() - 1) < 0.1)
        ((4000,), True)
        """
        rng = generator(rng)
        pitch = self._pitch(f0) * check_number(f0_scale, name="f0_scale", above=0.0)
        check_array(pitch, name="f0 * f0_scale", below=0.5 * self.sr)
        voicing = self.voicing * (pitch > 0.0)[:, None]
        if voiced is not None:
            if not isinstance(voiced, bool | np.bool_):
                raise ParameterError(f"voiced must be True, False or None; received {show(voiced)}")
            voicing = np.full(voicing.shape, 1.0 if voiced else 0.0)
        excitation = self._pulses(_filled(pitch), voicing) + self._noise(voicing, rng)
        k = linear_prediction.to_reflection(from_line_spectra(self.line_spectra))
        gain = self.level * np.sqrt(np.prod(1.0 - np.square(k), axis=-1))  # 1 / A raises the power of white noise by the inverse
        parts = linear_prediction.Prediction(k=k, gain=gain, residual=excitation, hop=self.hop)
        y = parts.synthesise(excitation * parts.gain_at(self.length))
        return self._levelled(self._levelled(y))

    def _levelled(self, y: np.ndarray) -> np.ndarray:
        """`y` with the level of the tracks: a partial that meets a resonance is louder than the noise the gain was reckoned for."""
        ratio = np.clip(self.level / np.maximum(_levels(y, self.hop, len(self.level), self.sr), 1e-30), *_MOST)
        return y * np.interp(np.arange(self.length) / self.hop, np.arange(len(ratio)), ratio)

    def _pitch(self, f0: float | np.ndarray | None) -> np.ndarray:
        if f0 is None:
            return self.f0
        given = check_array(f0, name="f0", ndim=(0, 1), low=0.0)
        if given.shape not in ((), self.f0.shape):
            raise ParameterError(f"f0 must be a number or have shape {self.f0.shape}; received shape {given.shape}")
        return np.broadcast_to(given, self.f0.shape).astype(np.float64)

    def _pulses(self, f0: np.ndarray, voicing: np.ndarray) -> np.ndarray:
        if not voicing.any():
            return np.zeros(self.length)
        pitch, shares = np.ascontiguousarray(f0), np.ascontiguousarray(voicing)
        return _harmonics(pitch, shares, self.hop, float(self.sr), self.length, *_tables(self.sr))

    def _noise(self, voicing: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        bands = split(rng.standard_normal(self.length), sr=self.sr)
        at = np.arange(self.length) / self.hop
        for band, share in zip(bands, np.sqrt(1.0 - voicing).T, strict=True):
            band *= np.interp(at, np.arange(len(share)), share)
        return bands.sum(axis=0)


@functools.cache
def _tables(sr: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For frequencies up to half the rate: the lower of two bands that cross there, the part of the upper, cosine and sine of a phase."""
    f = np.linspace(0.0, 0.5 * sr, _BINS + 1)
    weights = band_weights(f, sr=sr)
    below = np.argmax(weights > 0.0, axis=0)
    phase = _phases(f)
    return below, 1.0 - np.take_along_axis(weights, below[None], axis=0)[0], np.cos(phase), np.sin(phase)


def _phases(f: np.ndarray) -> np.ndarray:
    """Phases of the partials by frequency: delays that wander by half a millisecond: the residual is then as peaky as that of speech."""
    delay = 5.5e-4 * (np.sin(2.0 * np.pi * f / 1270.0) + np.sin(2.0 * np.pi * f / 730.0 + 1.0))
    return np.cumsum(2.0 * np.pi * delay) * (f[1] - f[0])


def _filled(f0: np.ndarray) -> np.ndarray:
    """The pitch with its gaps bridged, straight in the logarithm."""
    voiced = np.flatnonzero(f0 > 0.0)
    if not len(voiced):
        return np.full(f0.shape, _USUAL_F0)
    return np.exp(np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced])))


@compiled
def _harmonics(f0, voicing, hop, sr, length, below, mix, cosine, sine):
    """Partials of a pitch that moves, up to half the rate, each as strong as its band is voiced; the power is 1 where all bands are."""
    out = np.zeros(length)
    last = len(f0) - 1
    n_bands = voicing.shape[1]
    share = np.zeros(n_bands)
    turn = 0.0
    scale = (len(below) - 1) / (0.5 * sr)
    for n in range(length):
        i = min(n // hop, last)
        j = min(i + 1, last)
        part = min((n - i * hop) / hop, 1.0)
        f = f0[i] + part * (f0[j] - f0[i])
        turn += f / sr
        turn -= np.floor(turn)
        total = 0.0
        for b in range(n_bands):
            share[b] = voicing[i, b] + part * (voicing[j, b] - voicing[i, b])
            total += share[b]
        if total <= 0.0:
            continue
        c1, s1 = np.cos(2.0 * np.pi * turn), np.sin(2.0 * np.pi * turn)
        c, s, value = c1, s1, 0.0
        h = f
        while h < 0.5 * sr:
            at = int(h * scale)
            b = below[at]
            v = share[b] + mix[at] * (share[min(b + 1, n_bands - 1)] - share[b])
            value += np.sqrt(v) * min((0.5 * sr - h) / f, 1.0) * (c * cosine[at] - s * sine[at])
            c, s = c * c1 - s * s1, s * c1 + c * s1
            h += f
        out[n] = 2.0 * np.sqrt(f / sr) * value
    return out


def analyse(
    y: np.ndarray,
    *,
    sr: int,
    order: int | None = None,
    frame: float = 0.025,
    hop: float = 0.005,
    f_min: float = F_MIN,
    f_max: float = F_MAX,
) -> Speech:
    """Speech as tracks: envelope, level, pitch and voicing.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, mono. What lies below 60 Hz (rumble, hum) is weakened.
    sr : int > 0
        Sample rate, Hz; 2000 at least.
    order : int >= 1, optional
        Poles of the envelope; :func:`audiogen_helpers.linear_prediction.default_order` if not given. Fewer than a frame has samples.
    frame, hop : float > 0
        Length of the (Hann) windows of the envelope, and way from one frame to the next, s.
    f_min, f_max : float
        Where to look for a pitch, Hz; 20 <= f_min < f_max <= 900.

    Returns
    -------
    speech : Speech
        ``1 + (n - 1) // hop`` frames.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> t = np.arange(4000) / 8000
    >>> buzz = 0.1 * sum(np.cos(2 * np.pi * 125 * k * t) / k for k in range(1, 30))
    >>> speech = analyse(buzz, sr=8000)
    >>> speech.line_spectra.shape, round(float(speech.f0[50]))
    ((100, 12), 125)
    """
    y, sr = check_audio(y, mono=True).astype(np.float64), check_integer(check_sr(sr), name="sr", low=2000)
    step = max(1, round(check_number(hop, name="hop", above=0.0) * sr))
    f_min, f_max = check_number(f_min, name="f_min", low=20.0), check_number(f_max, name="f_max", high=900.0)
    if not f_min < f_max:
        raise ParameterError(f"f_min must be < f_max; received {f_min:g} and {f_max:g}")
    if order is not None:
        check_integer(order, name="order", low=1)
    centred = y - y.mean()
    if np.abs(centred).max() <= 1e-12 * np.abs(y).max():  # constant: what is left is rounding
        centred[:] = 0.0
    y = dc_blocker(sr, f=_RUMBLE)(centred)
    n_frames = 1 + (len(y) - 1) // step
    parts = linear_prediction.analyse(y, sr=sr, order=order, frame=frame, hop=step / sr)
    f0, voicing = track_voicing(y, sr=sr, hop=step, n_frames=n_frames, f_min=f_min, f_max=f_max)
    return Speech(
        line_spectra=to_line_spectra(parts.a[:n_frames]),
        level=_levels(y, step, n_frames, sr),
        f0=f0,
        voicing=voicing,
        hop=step,
        sr=sr,
        length=len(y),
    )


def _levels(y: np.ndarray, hop: int, n_frames: int, sr: int) -> np.ndarray:
    """RMS around each frame, of what of the window lies inside the sound."""
    half = max(1, round(0.5 * _LEVEL_WINDOW * sr))
    window = np.cos(0.5 * np.pi * np.arange(-half, half + 1) / (half + 1)) ** 2
    return _windowed_rms(y, hop, n_frames, window)


@compiled
def _windowed_rms(y, hop, n_frames, window):
    out = np.zeros(n_frames)
    half = len(window) // 2
    for i in range(n_frames):
        power, weight = 0.0, 0.0
        for n in range(max(i * hop - half, 0), min(i * hop + half + 1, len(y))):
            w = window[n - i * hop + half]
            power += w * y[n] * y[n]
            weight += w
        out[i] = np.sqrt(power / weight) if weight > 0.0 else 0.0
    return out


def feature_names(*, order: int, sr: int) -> tuple[str, ...]:
    """Names of the columns that :func:`to_features` makes.

    Examples
    --------
    >>> feature_names(order=2, sr=8000)
    ('line 1', 'line 2', 'log level', 'log f0', 'voicing 1', 'voicing 2', 'voicing 3', 'voicing 4')
    """
    bands = len(band_edges(check_sr(sr))) - 1
    lines = [f"line {i + 1}" for i in range(check_integer(order, name="order", low=1))]
    return (*lines, "log level", "log f0", *(f"voicing {i + 1}" for i in range(bands)))


def to_features(speech: Speech) -> np.ndarray:
    """Tracks as rows that Gaussians model well.

    Parameters
    ----------
    speech : Speech

    Returns
    -------
    X : np.ndarray [shape=(frames, order + 2 + bands)]
        Line spectral frequencies (rad); natural logarithm of the level (at least 1e-5); natural logarithm of the pitch in Hz, bridged where
        unvoiced; for each band ``log(v / (1 - v))`` of its voicing squeezed into 0.03 .. 0.97, hence between -3.5 and 3.5.

    Examples
    --------
    >>> to_features(analyse(np.zeros(800), sr=8000)).shape
    (20, 18)
    """
    share = _SURE + (1.0 - 2.0 * _SURE) * speech.voicing
    return np.column_stack(
        [speech.line_spectra, np.log(np.maximum(speech.level, _SILENT)), np.log(_filled(speech.f0)), np.log(share / (1.0 - share))]
    )


def from_features(X: np.ndarray, *, sr: int, hop: int, length: int | None = None, min_gap: float | None = None) -> Speech:
    """Tracks from rows such as a model makes; nothing in `X` can make them unstable or loud beyond full scale.

    Parameters
    ----------
    X : np.ndarray [shape=(frames, order + 2 + bands)]
        As of :func:`to_features`; any finite numbers. Line spectra are sorted and moved apart, levels limited to -100 .. 0 dB (the lower
        end is silence), pitches to 20 Hz .. `sr` / 4.
    sr : int > 0
        Sample rate, Hz.
    hop : int >= 1
        From frame to frame, samples.
    length : int >= 1, optional
        Samples of the sound; frames times `hop` if not given.
    min_gap : float > 0, optional
        Least distance of line spectral frequencies, radians per sample; if not given, that of 10 Hz, less than any but 1 % of frames of
        speech have. More (50 Hz) keeps the resonances of a model from whistling.

    Returns
    -------
    speech : Speech
        A frame is voiced where the voicing of the lowest band is at least 0.35.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> speech = analyse(np.sin(0.1 * np.arange(800)), sr=8000)
    >>> again = from_features(to_features(speech), sr=8000, hop=speech.hop, length=800)
    >>> bool(np.allclose(again.level, speech.level)), bool(np.allclose(again.f0, speech.f0))
    (True, True)
    """
    sr, hop = check_sr(sr), check_integer(hop, name="hop", low=1)
    X = check_array(X, name="X", ndim=2).astype(np.float64)
    order = X.shape[1] - 2 - (len(band_edges(sr)) - 1)
    if order < 1 or not len(X):
        raise ParameterError(f"X must have at least 1 row and {X.shape[1] - order + 1} columns at {sr} Hz; received shape {X.shape}")
    share = 1.0 / (1.0 + np.exp(-np.clip(X[:, order + 2 :], -50.0, 50.0)))
    share = np.clip((share - _SURE) / (1.0 - 2.0 * _SURE), 0.0, 1.0)
    voiced = share[:, 0] >= VOICED
    gap = min(_CLOSE * 2.0 * np.pi / sr, 0.5 * np.pi / (order + 1)) if min_gap is None else min_gap
    level = np.exp(np.clip(X[:, order], np.log(_SILENT), 0.0))
    return Speech(
        line_spectra=stabilise(X[:, :order], min_gap=gap),
        level=np.where(level <= 1.0001 * _SILENT, 0.0, level),
        f0=np.where(voiced, np.exp(np.clip(X[:, order + 1], np.log(20.0), np.log(0.25 * sr))), 0.0),
        voicing=np.where(voiced[:, None], share, 0.0),
        hop=hop,
        sr=sr,
        length=len(X) * hop if length is None else check_integer(length, name="length", low=1),
    )
