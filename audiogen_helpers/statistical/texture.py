"""Textures: new sound of any length with the statistics of a recording, made by changing noise until an ear would not tell.

Chapter: chapters/methods/prediction_and_texture.ipynb
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_choice, check_integer, check_number, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.filters import soft_limit
from audiogen_helpers.statistical._threads import one_thread
from audiogen_helpers.statistical.subbands import COMPRESSION, bins, gains
from audiogen_helpers.statistical.texture_statistics import CLASSES, Meter, TextureStatistics, error, statistics
from audiogen_helpers.units import n_samples

__all__ = ["CLASSES", "TextureStatistics", "statistics", "texture"]

_BLOCK = 8.0  # s made at a time, at most; what bounds the memory
_SHORTEST = 2.0  # s made at a time, at least
_FADE = 0.1  # s in which one block takes over from the one before
_WEIGHTS = {"spectrum": 20.0, "mean": 5.0, "variation": 2.0}  # of the classes; all others 1
_MEMORY = 10  # steps that the quasi-Newton method remembers


def texture(
    target: TextureStatistics | np.ndarray,
    *,
    sr: int,
    duration: float,
    n_iter: int = 80,
    impose: Collection[str] = CLASSES,
    rng: RNGLike = None,
) -> np.ndarray:
    """New sound with the statistics of another: noise of its spectrum, changed until its envelopes have the target's statistics.

    All samples of a block are unknowns. The sum over the classes of the squared relative difference
    (:meth:`TextureStatistics.distance`), with heavier weights for spectrum, mean and variation, is made small by a quasi-Newton method.
    Blocks of at most 8 s begin from noise of their own and are cross-faded. Nothing of the target's waveform is used.

    Parameters
    ----------
    target : TextureStatistics or np.ndarray [shape=(n,)]
        What to match, or a waveform of at least half a second to measure it on.
    sr : int >= 1000
        Sample rate of the target and of the result, Hz.
    duration : float >= 0
        Length of the result, s.
    n_iter : int >= 0
        Steps of the method. 0 leaves noise with the spectrum of the target, and no more.
    impose : collection of str
        Which of :data:`CLASSES` are matched. The spectrum always is, at the start.
    rng : int, np.random.Generator or None
        Of the noise. The same seed gives the same samples.

    Returns
    -------
    y : np.ndarray [shape=(duration * sr,)]
        As loud as the target; float64. Peaks beyond 1 are bent back below it.

    Raises
    ------
    ParameterError
        If an argument is out of range, the target is silent, constant, too short or not finite, or has another sample rate.

    References
    ----------
    J. H. McDermott and E. P. Simoncelli (2011), Sound texture perception via statistics of the auditory periphery: evidence from sound
    synthesis, Neuron 71(5), 926-940.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fluttering = 0.1 * rng.standard_normal(8000) * (np.arange(8000) % 400 < 200)
    >>> want = statistics(fluttering, sr=8000, n_bands=12)
    >>> noise, y = (texture(want, sr=8000, duration=1.0, n_iter=n, rng=0) for n in (0, 60))
    >>> before, after = (want.distance(statistics(x, sr=8000, n_bands=12)) for x in (noise, y))
    >>> sum(after.values()) < 0.5 * sum(before.values())
    True
    """
    sr = check_sr(sr)
    if not isinstance(target, TextureStatistics):
        target = statistics(target, sr=sr)
    if target.sr != sr:
        raise ParameterError(f"target must have the sample rate sr, {sr} Hz; received statistics at {target.sr} Hz")
    length = n_samples(check_number(duration, name="duration", low=0.0), sr=sr)
    n_iter = check_integer(n_iter, name="n_iter", low=0)
    names = [check_choice(name, name="impose", choices=CLASSES) for name in impose]
    rng = generator(rng)
    if length == 0:
        return np.zeros(0)
    n_blocks = max(1, int(np.ceil(length / (_BLOCK * sr))))
    fade = round(_FADE * sr) if n_blocks > 1 else 0
    step = int(np.ceil(length / n_blocks))
    maker = _Maker(target, length=max(step + fade, round(_SHORTEST * sr)), names=[name for name in CLASSES if name in names])
    y = np.zeros(step * n_blocks + fade)
    rise = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1))
    for start in range(0, step * n_blocks, step):
        block = maker.block(rng, n_iter=n_iter)[: step + fade]
        if start > 0:
            block[:fade] *= rise
        block[step:] *= rise[::-1]
        y[start : start + step + fade] += block
    y = target.level * y[:length]
    return soft_limit(y) if np.abs(y).max() > 1.0 else y


class _Maker:
    """Makes blocks of one length that have the statistics of one target, at level 1. The end of a block leads into its beginning."""

    def __init__(self, target: TextureStatistics, *, length: int, names: list[str]) -> None:
        from scipy.fft import next_fast_len

        self.n = next_fast_len(length, real=True)
        self.names, self.want = names, target.arrays
        self.meter = Meter(self.n, sr=target.sr, n_bands=len(target.spectrum), dtype=np.float32, names=names)
        self.colour = _colour(target, self.n).astype(np.float32)

    def block(self, rng: np.random.Generator, *, n_iter: int) -> np.ndarray:
        """One block from fresh noise."""
        from scipy.optimize import minimize

        x = rng.standard_normal(self.n)
        with one_thread():
            if n_iter > 0 and self.names:
                settings = {"maxiter": n_iter, "maxfun": 2 * n_iter + 10, "maxcor": _MEMORY}
                x = minimize(self._loss, x, jac=True, method="L-BFGS-B", options=settings).x
        y = self._coloured(x).astype(np.float64)
        return y / y.std()

    def _coloured(self, x: np.ndarray) -> np.ndarray:
        from scipy.fft import irfft, rfft

        return irfft(self.colour * rfft(x.astype(np.float32)), n=self.n)

    def _loss(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Weighted sum of the squared relative differences, and its gradient; `x` is the sound before it gets its colour."""
        from scipy.fft import irfft, rfft

        found, trace = self.meter.measure(self.colour * rfft(x.astype(np.float32)))
        total, g = 0.0, {}
        for name in self.names:
            apart, slope = error(self.want, found, name)
            total += _WEIGHTS.get(name, 1.0) * apart
            g[name] = _WEIGHTS.get(name, 1.0) * slope
        return total, irfft(self.colour * self.meter.gradient(trace, g), n=self.n).astype(np.float64)


def _colour(target: TextureStatistics, n: int) -> np.ndarray:
    """Gain at each frequency that gives white noise the variance of the target in each band."""
    H = np.square(gains(bins(n, sr=target.sr), sr=target.sr, n_bands=len(target.spectrum)))
    passed = H @ H.T / (n // 2)  # variance in band i for noise of density 1 in band j
    variance = target.spectrum ** (2.0 / COMPRESSION)
    density = variance / passed.sum(axis=1)
    for _ in range(200):  # bands overlap; the density stays positive
        density *= variance / (passed @ density)
    return np.sqrt(density @ H)
