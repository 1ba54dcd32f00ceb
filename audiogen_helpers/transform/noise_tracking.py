"""Removing noise that changes: a statistical estimate of the sound in each cell of the spectrogram, with the noise followed over time.

Chapter: chapters/concepts/definition.ipynb
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_array, check_audio, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.spectral import istft, stft
from audiogen_helpers.transform.denoise import _noise_profile, _spec
from audiogen_helpers.units import db_to_gain

__all__ = ["ENTRIES", "denoise", "lsa_gain", "track_noise"]

# Chosen on one reader (libri1 of librosa's examples) in six noises at 0, 5 and 10 dB; benchmarks/denoising.py reports on two others.
_SPEECH_SNR = 100.0  # how much stronger than noise speech is where it is present: the 20 dB of the presence test
_PRESENCE_TIME = 0.15  # s: over which the presence of speech is averaged, to notice that the "speech" never ends
_MEMORY = 0.3  # s: of the decision-directed estimate
_LEAST_SNR = 0.01
_QUIET = 0.2  # quantile of each bin's power that the first guess of the noise is made from
_TINY = 1e-20  # power, for frames scaled to a peak of 1: far below one step of 24 bits


def denoise(y: np.ndarray, *, sr: int, noise: np.ndarray | None = None, reduction_db: float = 20.0, adaptation: float = 0.15) -> np.ndarray:
    """Remove noise, steady or slowly changing, from speech: the least mean-square error in the logarithm of each cell's amplitude.

    The power of the noise is followed in each frequency by `track_noise`, once forward and once backward in time. From it and
    the power of each cell comes the ratio of sound to noise (decision-directed, also both ways), and from that the gain
    `lsa_gain`. A recording has a future, so why not look at it: with the forward pass alone, onsets are dulled.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform; each channel is treated on its own.
    sr : int > 0
        Sample rate, Hz.
    noise : np.ndarray [shape=(m,), or (..., m) with the channels of `y`], optional
        Noise alone, from the same recording. If it is given, its mean power at each frequency is the noise, and is held steady.
        If not, `y` must be at least 1.25 frames long (a frame is the power of two nearest to 50 ms), and whatever stays the
        same for most of the time counts as noise: a held organ note does.
    reduction_db : float, 0 to 60
        How far noise is turned down at most, dB; 0 changes nothing.
    adaptation : float, 0.02 to 2
        Time in which the noise is followed, s. Longer is smoother and slower.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        Silence stays silence.

    Raises
    ------
    ParameterError
        If an argument is out of range, or there are too few samples to learn the noise from.

    References
    ----------
    Y. Ephraim and D. Malah (1985), IEEE Trans. Acoust. Speech Signal Process. 33(2), 443-445: the gain;
    the same authors (1984), 32(6), 1109-1121: the decision-directed ratio.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> t = np.arange(24000) / 8000
    >>> tone = np.sin(2 * np.pi * 440 * t) * (t % 1.0 > 0.7)
    >>> noise = 0.1 * (1.0 + t) * rng.standard_normal(24000)  # four times as loud in the end as at first
    >>> left = denoise(tone + noise, sr=8000) - tone
    >>> round(float(10 * np.log10(np.mean(noise**2) / np.mean(left**2))))  # dB less noise
    13
    """
    y, sr = check_audio(y), check_sr(sr)
    floor = float(db_to_gain(-check_number(reduction_db, name="reduction_db", low=0.0, high=60.0)))
    adaptation = check_number(adaptation, name="adaptation", low=0.02, high=2.0)
    spec = _spec(sr, None, None)
    if noise is not None:
        noise = check_audio(noise, name="noise")
        if noise.ndim > 1 and noise.shape[:-1] != y.shape[:-1]:
            raise ParameterError(f"noise must be mono or have the channels of y, shape {y.shape}; received {noise.shape}")
    elif y.shape[-1] < spec.n_fft + spec.hop_length:
        raise ParameterError(f"y must have at least {spec.n_fft + spec.hop_length} samples to learn the noise from; received {y.shape[-1]}")
    peak = float(np.abs(y).max())
    if peak == 0.0:
        return y.copy()
    D = stft(y.astype(np.float64) / peak, spec)  # scaled, so that no square overflows
    P = np.square(np.abs(D))
    step = spec.hop_length / sr
    if noise is None:
        N = track_noise(P, step=step, adaptation=adaptation)
    else:
        profile = _noise_profile(stft(noise.astype(np.float64) / peak, spec), noise.shape[-1], spec, name="noise", share=1.0)
        N = np.broadcast_to(np.maximum(profile, _TINY), P.shape)
    clean = istft(D * np.maximum(_gain(P, N, step=step), floor), spec, length=y.shape[-1])
    return (clean * peak).astype(y.dtype)


def lsa_gain(xi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    r"""Gain that turns a noisy amplitude into the estimate with the least mean-square error in its logarithm.

    For a complex Gaussian sound and a complex Gaussian noise, :math:`\frac{\xi}{1+\xi} \exp\left(\frac12 E_1(v)\right)` with
    :math:`v = \gamma\,\xi / (1 + \xi)`.

    Parameters
    ----------
    xi : np.ndarray > 0
        Expected power of the sound over that of the noise.
    gamma : np.ndarray >= 0
        Power of the cell over the expected power of the noise.

    Returns
    -------
    gain : np.ndarray, at most 1
        Where the formula gives more than 1 (a cell weaker than the noise must be), 1.

    References
    ----------
    Y. Ephraim and D. Malah (1985), IEEE Trans. Acoust. Speech Signal Process. 33(2), 443-445.

    Examples
    --------
    >>> lsa_gain(np.array([0.01, 1.0, 100.0]), np.array([1.0, 2.0, 101.0])).round(3)
    array([0.075, 0.558, 0.99 ])
    """
    return _lsa(check_array(xi, name="xi", above=0.0), check_array(gamma, name="gamma", low=0.0))


def _lsa(xi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    from scipy.special import exp1

    wiener = xi / (1.0 + xi)
    return np.minimum(1.0, wiener * np.exp(0.5 * exp1(np.maximum(wiener * gamma, 1e-12))))


def track_noise(P: np.ndarray, *, step: float, adaptation: float = 0.15) -> np.ndarray:
    """Power of the noise in each cell of a noisy power spectrogram: it follows where speech is improbable, and holds where it is not.

    Each bin is followed on its own, forward in time and backward; the result is the geometric mean of both ways. The start is a
    low quantile of the bin's power, scaled as for noise alone.

    Parameters
    ----------
    P : np.ndarray [shape=(..., bins, frames)] >= 0
        Power.
    step : float > 0
        Time from one frame to the next, s.
    adaptation : float > 0
        Time in which the noise is followed, s.

    Returns
    -------
    N : np.ndarray [same shape] > 0

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    T. Gerkmann and R. C. Hendriks (2012), IEEE Trans. Audio Speech Lang. Process. 20(4), 1383-1393: one way in time.

    Examples
    --------
    >>> P = np.random.default_rng(0).exponential(3.0, size=(1, 1000))
    >>> N = track_noise(P, step=0.01)
    >>> round(float(N.mean()), 1)
    2.8
    """
    P = check_array(P, name="P", low=0.0)
    if P.ndim < 2 or P.size == 0:
        raise ParameterError(f"P must have shape (..., bins, frames); received shape {P.shape}")
    step, adaptation = check_number(step, name="step", above=0.0), check_number(adaptation, name="adaptation", above=0.0)
    frames = np.ascontiguousarray(np.moveaxis(P, -1, 0))
    first = np.maximum(np.quantile(frames, _QUIET, axis=0) / -np.log1p(-_QUIET), _TINY)
    forget = np.exp(-step / adaptation), np.exp(-step / _PRESENCE_TIME)
    backward = _follow(frames[::-1], first, forget)  # where this ends, the forward pass starts
    forward = _follow(frames, backward[-1], forget)
    backward = _follow(frames[::-1], forward[-1], forget)[::-1]
    return np.moveaxis(np.sqrt(forward) * np.sqrt(backward), 0, -1)


def _follow(frames: np.ndarray, noise: np.ndarray, forget: tuple[float, float]) -> np.ndarray:
    """The noise in each frame, in the order given: an average in which a cell counts as far as it is probably no speech."""
    of_noise, of_presence = forget
    wiener = _SPEECH_SNR / (1.0 + _SPEECH_SNR)
    presence = np.full_like(noise, 0.5)
    found = np.empty_like(frames)
    for t, power in enumerate(frames):
        p = 1.0 / (1.0 + (1.0 + _SPEECH_SNR) * np.exp(-np.minimum(power / noise, 500.0) * wiener))
        presence = of_presence * presence + (1.0 - of_presence) * p
        p = np.where(presence > 0.99, np.minimum(p, 0.99), p)  # nobody speaks for ever: let a rise of the noise in
        noise = np.maximum(of_noise * noise + (1.0 - of_noise) * ((1.0 - p) * power + p * noise), _TINY)
        found[t] = noise
    return found


def _gain(P: np.ndarray, N: np.ndarray, *, step: float) -> np.ndarray:
    """Mean of the gains that follow from the past of each cell and from its future."""
    gamma = np.ascontiguousarray(np.moveaxis(P / N, -1, 0))
    memory = np.exp(-step / _MEMORY)
    both = _directed(np.stack([gamma, gamma[::-1]], axis=1), memory)
    return np.moveaxis(0.5 * (both[:, 0] + both[::-1, 1]), 0, -1)


def _directed(gamma: np.ndarray, memory: float) -> np.ndarray:
    """Gains in the order given, with the ratio of sound to noise "decision-directed": mostly what the frame before was found to hold."""
    gains = np.empty_like(gamma)
    excess = np.maximum(gamma - 1.0, 0.0)
    before = excess[0]
    for t in range(len(gamma)):
        xi = np.maximum(memory * before + (1.0 - memory) * excess[t], _LEAST_SNR)
        gains[t] = _lsa(xi, gamma[t])
        before = np.square(gains[t]) * gamma[t]
    return gains


ENTRIES: tuple[Entry, ...] = (
    Entry(
        name="denoise",
        summary="Remove noise, steady or slowly changing, from speech (log-spectral amplitude estimate, noise followed).",
        target="audiogen_helpers.transform.noise_tracking:denoise",
        parameters=(
            Parameter(name="reduction_db", default=20.0, unit="dB", low=0.0, high=60.0, help="How far noise is turned down at most."),
            Parameter(name="adaptation", default=0.15, unit="s", low=0.02, high=2.0, help="Time in which the noise is followed."),
        ),
        extra={"mono": False, "length": "same", "second": "noise"},
    ),
)
