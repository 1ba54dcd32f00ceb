"""The source of a voice: pulses of air through the vocal folds, and the noise of breath."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._streams import check_length
from audiogen_helpers._validation import check_array, check_number
from audiogen_helpers.errors import ParameterError

__all__ = ["Breath", "Folds", "glottal", "hop_of", "tilt_pole"]

_FRAMES_PER_SECOND = 200.0
_NOISE_SR = 16_000.0  # the rate at which breath has a deviation of 1 per sample; its density per hertz is then the same at every rate


def hop_of(sr: int) -> int:
    """Samples from one frame of controls to the next: 5 ms."""
    return max(1, round(sr / _FRAMES_PER_SECOND))


@compiled
def _pulses(y, is_open, f0, hop, sr, open_quotient, pole, jitter, shimmer, z, state):
    """Derivative of the glottal flow at a pitch that runs straight between the values of `f0`, one for each edge of a frame.

    `state` holds phase, change of the period, level, the last draw and the memory of the tilt filter. `z` holds two draws per period.
    """
    phase, stretch, level, last, memory = state
    used = 0
    n = 0
    for i in range(len(f0) - 1):
        for k in range(hop):
            step = (f0[i] + (f0[i + 1] - f0[i]) * k / hop) / sr * stretch
            value = 0.0
            is_open[n] = 0.0
            if phase < open_quotient:
                x = phase / open_quotient
                value = 2.0 * x - 3.0 * x * x
                is_open[n] = 1.0
            t = (phase - open_quotient) / step  # samples since the folds closed: there the derivative jumps from -1 to 0
            if -1.0 < t < 0.0:
                value += 0.5 * t * t + t + 0.5
            elif 0.0 <= t < 1.0:
                value += t - 0.5 * t * t - 0.5
            memory += (1.0 - pole) * (level * value - memory)
            y[n] = memory
            n += 1
            phase += step
            if phase >= 1.0:
                over = (phase - 1.0) / step
                draw = z[used]
                stretch = 1.0 / (1.0 + jitter * (draw - last) / np.sqrt(2.0))
                level = 1.0 + shimmer * z[used + 1]
                last = draw
                used += 2
                phase = over * (f0[i] + (f0[i + 1] - f0[i]) * k / hop) / sr * stretch
    state[0], state[1], state[2], state[3], state[4] = phase, stretch, level, last, memory


def tilt_pole(tilt: float, *, sr: int) -> float:
    """Pole in [0, 1) of the one-pole low-pass that is `tilt` dB down at 3 kHz."""
    g = 10.0 ** (-tilt / 10.0)
    if g >= 1.0:
        return 0.0
    c = 1.0 - g * np.cos(2.0 * np.pi * 3000.0 / sr)
    return float((c - np.sqrt(c * c - (1.0 - g) ** 2)) / (1.0 - g))


class Folds:
    """Vocal folds that go on from piece to piece.

    Parameters
    ----------
    sr : int > 0
        Sample rate, Hz.
    open_quotient, tilt, jitter, shimmer : float
        As for `glottal`.
    """

    def __init__(self, *, sr: int, open_quotient: float = 0.6, tilt: float = 6.0, jitter: float = 0.0, shimmer: float = 0.0) -> None:
        self._sr, self._hop = sr, hop_of(sr)
        self._shape = (open_quotient, tilt_pole(tilt, sr=sr), jitter, shimmer)
        self._state = np.array([0.0, 1.0, 1.0, 0.0, 0.0])

    def pulses(self, f0: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Next samples for pitches at the edges of frames: derivative of the flow, and 1.0 where the folds are open."""
        n = (len(f0) - 1) * self._hop
        y, is_open = np.zeros(n), np.zeros(n)
        most = int(np.max(f0) * n / self._sr * 1.5) + 4
        z = np.clip(rng.standard_normal(2 * most), -3.0, 3.0)
        _pulses(y, is_open, f0, self._hop, float(self._sr), *self._shape, z, self._state)
        return y, is_open


class Breath:
    """White noise whose density per hertz does not depend on the sample rate."""

    def __init__(self, *, sr: int) -> None:
        self._scale = np.sqrt(sr / _NOISE_SR)

    def noise(self, n: int, *, rng: np.random.Generator) -> np.ndarray:
        """The next `n` samples: Gaussian, cut at three deviations."""
        return self._scale * np.clip(rng.standard_normal(n), -3.0, 3.0)


def glottal(
    f0: ArrayLike,
    *,
    sr: int,
    duration: float,
    open_quotient: float = 0.6,
    tilt: float = 6.0,
    jitter: float = 0.0,
    shimmer: float = 0.0,
    rng: RNGLike = None,
) -> np.ndarray:
    """The buzz of the vocal folds: derivative of the flow of air through them.

    While the folds are open the flow is ``x**2 - x**3`` (x from 0 to 1), then nothing until the next period (the KLGLOTT88 pulse). What
    leaves the lips is near the derivative of the flow, so that is what is made here. The jump of the derivative where the folds close is
    smoothed over two samples, which keeps aliases low. Jitter moves each pulse, but they never drift away from the pitch.

    Parameters
    ----------
    f0 : float in [20, 2000] below sr / 4, or array [shape=(frames + 1,)] of such
        Pitch, Hz; an array gives it at the edges of frames, stretched evenly over the duration.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    open_quotient : float in [0.2, 0.95]
        Share of the period in which the folds are open: pressed voice is low, soft voice high.
    tilt : float in [0, 40]
        How much softer 3 kHz is made by a low-pass, dB.
    jitter, shimmer : float in [0, 0.2]
        Deviation of the period and of the level from one pulse to the next, relative.
    rng : int, np.random.Generator or None
        Source of chance, heard only with jitter or shimmer.

    Returns
    -------
    g : np.ndarray [shape=(n_samples(duration, sr=sr),), float64], ``|g| < 1.7``

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    D. H. Klatt and L. C. Klatt (1990), J. Acoust. Soc. Am. 87(2), 820-857.

    Examples
    --------
    >>> g = glottal(100.0, sr=8000, duration=0.02, tilt=0.0)
    >>> g[[0, 16, 47, 60]].round(2)
    array([ 0.  ,  0.33, -0.92,  0.  ])
    """
    length, sr = check_length(duration, sr=sr)
    pitch = np.atleast_1d(check_array(f0, name="f0", ndim=(0, 1), low=20.0, high=2000.0, below=sr / 4))
    shape: dict[str, Any] = {
        "open_quotient": check_number(open_quotient, name="open_quotient", low=0.2, high=0.95),
        "tilt": check_number(tilt, name="tilt", low=0.0, high=40.0),
        "jitter": check_number(jitter, name="jitter", low=0.0, high=0.2),
        "shimmer": check_number(shimmer, name="shimmer", low=0.0, high=0.2),
    }
    if pitch.size == 0:
        raise ParameterError("f0 must be a number or have at least one value; received none")
    frames = -(-length // hop_of(sr))
    edges = np.interp(np.linspace(0.0, 1.0, frames + 1), np.linspace(0.0, 1.0, len(pitch)), pitch) if len(pitch) > 1 else pitch[0]
    return Folds(sr=sr, **shape).pulses(np.broadcast_to(edges, frames + 1) + 0.0, rng=generator(rng))[0][:length]
