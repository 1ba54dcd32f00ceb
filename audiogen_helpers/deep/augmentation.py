"""Training clips as they might have been: earlier or later, faster or slower, louder or fainter, in noise, or partly unheard.

All of it happens to log-mel spectra in dB, where it costs a fraction of what it would cost on waveforms.
"""

from __future__ import annotations

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_number

__all__ = ["augment", "background", "vary"]


def augment(L: np.ndarray, *, floor_db: float, rng: RNGLike) -> np.ndarray:
    """Each clip moved, warped, made louder or fainter, with noise (every second one) and with gaps (every second one).

    Parameters
    ----------
    L : np.ndarray [shape=(n, bands, frames)], dB
        Log-mel spectra, loudest point at 0 dB.
    floor_db : float < 0
        Silence, dB.
    rng : int, Generator or None
        Draws what happens to each clip.

    Returns
    -------
    changed : np.ndarray [shape=(n, bands, frames), float32], dB, at least `floor_db`
        The loudest point of each clip is at 0 dB again.

    Examples
    --------
    >>> L = np.full((2, 64, 64), -80.0)
    >>> L[:, 20:30, 10:20] = 0.0
    >>> changed = augment(L, floor_db=-80.0, rng=0)
    >>> changed.shape, float(changed.min()) >= -80.0
    ((2, 64, 64), True)
    """
    gen = generator(rng)
    L = check_array(L, name="L", ndim=3).astype(np.float32)
    floor_db = check_number(floor_db, name="floor_db", below=0.0)
    n = len(L)
    L = _warp(L, floor_db, gen)
    noisy = np.where(gen.random((n, 1, 1)) < 0.5, background(L.shape, level_db=gen.uniform(-70.0, -20.0, n), rng=gen), -np.inf)
    L = 10.0 * np.logaddexp(0.1 * np.log(10) * L, 0.1 * np.log(10) * noisy) / np.log(10)
    L = np.where(_gaps(L.shape, gen), floor_db, L)
    loudest = L.max(axis=(1, 2), keepdims=True)
    level = gen.uniform(-20.0, 0.0, (n, 1, 1))  # fainter clips lose what falls below the floor
    return np.where((loudest > floor_db) & (L - loudest + level > floor_db), L - loudest, floor_db).astype(np.float32)


def _warp(L: np.ndarray, floor_db: float, gen: np.random.Generator) -> np.ndarray:
    """Move by -1/16 to 1/4 of the window, stretch by up to 15 %, and move formants by up to 6 %, all to the nearest cell."""
    n, bands, frames = L.shape
    start = gen.uniform(-frames / 16, frames / 4, (n, 1))
    frame = np.rint((np.arange(frames) - start) * gen.uniform(0.85, 1.15, (n, 1))).astype(np.int64)
    band = np.rint(np.arange(bands) * gen.uniform(0.94, 1.06, (n, 1))).astype(np.int64)
    outside = (frame < 0) | (frame >= frames)
    moved = L[np.arange(n)[:, None, None], np.clip(band, 0, bands - 1)[:, :, None], np.clip(frame, 0, frames - 1)[:, None, :]]
    return np.where(outside[:, None, :], np.float32(floor_db), moved)


def vary(X: np.ndarray, *, amount: float, silence: float, rng: RNGLike) -> np.ndarray:
    """Each clip as another speaker might have said it: a little slower or faster, its bands moved up or down, begun earlier or later.

    Unlike :func:`augment`, which makes clips worse for a listener to learn from, this leaves clips that a generator may learn to make.

    Parameters
    ----------
    X : np.ndarray [shape=(n, bands, frames)]
        Log-mel spectra.
    amount : float, 0 to 0.5
        Time is stretched by up to this share, the bands by up to half of it; the start moves by up to ten times as many frames.
    silence : float
        What comes in from outside.
    rng : int, Generator or None
        Draws what happens to each clip.

    Returns
    -------
    varied : np.ndarray [shape=(n, bands, frames), float32]
        Read between the cells, by linear interpolation.

    Examples
    --------
    >>> X = np.tile(np.linspace(0.0, 1.0, 20), (3, 8, 1))
    >>> bool(np.allclose(vary(X, amount=0.0, silence=-1.0, rng=0), X))
    True
    """
    gen = generator(rng)
    X = check_array(X, name="X", ndim=3).astype(np.float32, copy=False)
    amount = check_number(amount, name="amount", low=0.0, high=0.5)
    n, bands, frames = X.shape
    speed, pitch, start = (1.0 + gen.uniform(-a, a, (n, 1)) for a in (amount, amount / 2.0, 10.0 * amount))
    at = (np.arange(frames) - (start - 1.0)) * speed
    X = _between(np.pad(X, ((0, 0), (0, 0), (0, 1)), constant_values=silence), np.clip(at, -1.0, frames), axis=2, outside=silence)
    return _between(X, np.clip(np.arange(bands) * pitch, 0.0, bands - 1.0), axis=1, outside=silence)


def _between(X: np.ndarray, at: np.ndarray, *, axis: int, outside: float) -> np.ndarray:
    """Values of `X` at places ``(n, m)`` of one axis, which need not be whole; before the first place it is `outside`."""
    last = X.shape[axis] - 1
    lower = np.floor(at).astype(np.int64)
    share = (at - lower).astype(np.float32)
    shape = (len(at), 1, -1) if axis == 2 else (len(at), -1, 1)
    low, high = (np.take_along_axis(X, np.clip(lower + k, 0, last).reshape(shape), axis=axis) for k in (0, 1))
    low = np.where((lower < 0).reshape(shape), np.float32(outside), low)
    return low + share.reshape(shape) * (high - low)


def background(shape: tuple[int, ...], *, level_db: np.ndarray, rng: RNGLike) -> np.ndarray:
    """Log-mel spectra of noise: a level, a slope of up to 20 dB over the bands, and the flutter of noise in each cell.

    Parameters
    ----------
    shape : tuple (n, bands, frames)
        Of the spectra.
    level_db : np.ndarray [shape=(n,)]
        Mean level of each, dB.
    rng : int, Generator or None
        Draws the rest.

    Returns
    -------
    L : np.ndarray [shape=(n, bands, frames), float32], dB

    Examples
    --------
    >>> L = background((1, 64, 1000), level_db=np.array([-40.0]), rng=0)
    >>> bool(abs(10 * np.log10(np.mean(10 ** (L / 10), axis=2)).mean() + 40.0) < 0.5)
    True
    """
    gen = generator(rng)
    n, bands, _ = shape
    slope = gen.uniform(-20.0, 20.0, (n, 1, 1)) * np.linspace(-0.5, 0.5, bands)[:, None]
    flutter = 10.0 * np.log10(gen.standard_gamma(2.0, shape, dtype=np.float32) / 2.0 + 1e-6)
    return (level_db[:, None, None] + slope + flutter).astype(np.float32)


def _gaps(shape: tuple[int, ...], gen: np.random.Generator) -> np.ndarray:
    """Where a clip is silenced: in every second one a run of bands and a run of frames, each up to an eighth (SpecAugment)."""
    n, bands, frames = shape
    masks = []
    for size in (bands, frames):
        width = np.where(gen.random(n) < 0.5, gen.integers(0, size // 8 + 1, n), 0)
        first = gen.integers(0, size, n)
        place = np.arange(size)
        masks.append((place >= first[:, None]) & (place < (first + width)[:, None]))
    return masks[0][:, :, None] | masks[1][:, None, :]
