"""Smooth trajectories from the Gaussians of a path of states, by asking for likely differences between frames as well as likely frames.

Gaussians of single frames jump where one state follows another. If each also says how the numbers *change* (the deltas), the most likely
sequence of frames is smooth: one linear system, with a narrow band, gives it. The same system gives sequences that are drawn.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer, check_number, show
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_samples, check_sequences

__all__ = ["WINDOWS", "global_variance", "mlpg", "restore_variance", "sample_trajectory", "with_deltas"]

WINDOWS: tuple[tuple[float, ...], ...] = ((1.0,), (-0.5, 0.0, 0.5), (1.0, -2.0, 1.0))  # a number itself, its slope, its bend
LARGEST, SMALLEST = 1e50, 1e-50  # of means, and of variances: quotients must stay finite
_STEADY = 1e-12  # variance of a number, as a share of its square, that counts as none


def with_deltas(X: np.ndarray, *, windows: Sequence[Sequence[float]] = WINDOWS) -> np.ndarray:
    """Each row with its differences to the rows around it: `X` seen through each window, side by side.

    Parameters
    ----------
    X : np.ndarray [shape=(n, d)]
        Frames. Before the first one and after the last one they are taken to stay as they are.
    windows : sequence of sequences of float
        Weights of the frames around, the middle one in the middle: each of odd length.

    Returns
    -------
    O : np.ndarray [shape=(n, len(windows) * d)]
        All numbers through the first window, then all through the second, ...

    Raises
    ------
    ParameterError
        If `X` is not finite or a window is none.

    Examples
    --------
    >>> with_deltas(np.array([[0.0], [1.0], [4.0]]))
    array([[ 0. ,  0.5,  1. ],
           [ 1. ,  2. ,  2. ],
           [ 4. ,  1.5, -3. ]])
    """
    X, taps = check_samples(X), _taps(windows)
    half = taps.shape[1] // 2
    padded = X[np.clip(np.arange(-half, len(X) + half), 0, len(X) - 1)]
    return np.concatenate([sum(w * padded[i : i + len(X)] for i, w in enumerate(window)) for window in taps], axis=1)


def mlpg(means: np.ndarray, variances: np.ndarray, *, windows: Sequence[Sequence[float]] = WINDOWS) -> np.ndarray:
    r"""The most likely sequence of frames where frames and their deltas have given Gaussians.

    With `W` the matrix of :func:`with_deltas`, the density of a sequence `c` is that of ``W c`` under the means `m` and the variances `U`.
    It is highest where :math:`W^\top U^{-1} W c = W^\top U^{-1} m`. Each number has a system of its own, of a few diagonals (five for the
    usual windows), which Cholesky's method solves in a time that grows with `n` only.

    Parameters
    ----------
    means, variances : np.ndarray [shape=(n, len(windows) * d)]
        Of each frame, in the order of :func:`with_deltas`; variances from 1e-50 to 1e50.
    windows : sequence of sequences of float
        As for :func:`with_deltas`; the first must be ``(1.0,)``, so that there is one solution.

    Returns
    -------
    c : np.ndarray [shape=(n, d)]

    Raises
    ------
    ParameterError
        If shapes do not fit or a number is out of range.

    References
    ----------
    K. Tokuda, T. Yoshimura, T. Masuko, T. Kobayashi and T. Kitamura (2000), Speech parameter generation algorithms for HMM-based speech
    synthesis, Proc. ICASSP, 1315-1318.

    Examples
    --------
    A step becomes a glide, if slopes are said to be small:

    >>> means = np.zeros((6, 3))
    >>> means[3:, 0] = 1.0
    >>> mlpg(means, np.tile([1.0, 0.1, 0.1], (6, 1))).ravel().round(2)
    array([0.36, 0.39, 0.46, 0.54, 0.61, 0.64])
    """
    means, variances, taps, d = _check_gaussians(means, variances, windows)
    factor, c = _system(means, variances, taps, d)
    _forward(factor, c)
    _back(factor, c)
    return c


def sample_trajectory(
    means: np.ndarray,
    variances: np.ndarray,
    *,
    rng: RNGLike,
    temperature: float = 1.0,
    windows: Sequence[Sequence[float]] = WINDOWS,
) -> np.ndarray:
    r"""A sequence of frames drawn from the Gaussian around :func:`mlpg`: :math:`N(\bar c, (W^\top U^{-1} W)^{-1})`.

    The Cholesky factor `L` of the system is there already: ``L^T x = z`` with white noise `z` gives an `x` of that covariance. The draw is
    as smooth as the deltas say, so that clips differ without being rough.

    Parameters
    ----------
    means, variances, windows
        As for :func:`mlpg`.
    rng : int, np.random.Generator or None
        Source of the noise.
    temperature : float >= 0
        Factor of the deviations; 0 is :func:`mlpg`.

    Returns
    -------
    c : np.ndarray [shape=(n, d)]

    Raises
    ------
    ParameterError
        If shapes do not fit or a number is out of range.

    References
    ----------
    H. Zen, K. Tokuda and T. Kitamura (2007), Reformulating the HMM as a trajectory model by imposing explicit relationships between static
    and dynamic feature vector sequences, Computer Speech & Language 21(1), 153-173.

    Examples
    --------
    >>> means, variances = np.zeros((1000, 3)), np.tile([1.0, 0.1, 0.1], (1000, 1))
    >>> c = sample_trajectory(means, variances, rng=0)
    >>> c.shape, bool(np.diff(c[:, 0]).std() < c.std())
    ((1000, 1), True)
    """
    means, variances, taps, d = _check_gaussians(means, variances, windows)
    temperature = check_number(temperature, name="temperature", low=0.0)
    factor, c = _system(means, variances, taps, d)
    z = temperature * generator(rng).standard_normal(c.shape)
    _forward(factor, c)
    c += z  # L^T c_bar = L^-1 r, so the noise may join before the way back
    _back(factor, c)
    return c


def global_variance(sequences: Any) -> np.ndarray:
    """Variance of each number along one sequence, on average over the sequences.

    Parameters
    ----------
    sequences : list of np.ndarray, each [shape=(n, d)]

    Returns
    -------
    variance : np.ndarray [shape=(d,)]

    Raises
    ------
    ParameterError
        If there is no sequence, or they do not fit together.

    Examples
    --------
    >>> global_variance([np.array([[0.0], [2.0]]), np.array([[5.0], [5.0]])])
    array([0.5])
    """
    return np.mean([x.var(axis=0) for x in check_sequences(sequences)], axis=0)


def restore_variance(c: np.ndarray, target: np.ndarray, *, most: float = 2.0) -> np.ndarray:
    """Stretch each number of a sequence about its mean, so that its variance is the target: what averaging has flattened stands out again.

    Parameters
    ----------
    c : np.ndarray [shape=(n, d)]
        Trajectory.
    target : np.ndarray [shape=(d,)], >= 0
        Variance that it should have, such as :func:`global_variance` of real sequences. ``nan`` leaves a number as it is.
    most : float >= 1
        Largest factor, and the inverse of the smallest.

    Returns
    -------
    c : np.ndarray [shape=(n, d)]
        A number that does not vary stays as it is.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    T. Toda and K. Tokuda (2007), A speech parameter generation algorithm considering global variance for HMM-based speech synthesis,
    IEICE Trans. Inf. & Syst. E90-D(5), 816-824.
    H. Silén, E. Helander, J. Nurminen and M. Gabbouj (2012), Ways to implement global variance in statistical speech synthesis,
    Proc. Interspeech, 1436-1439: the stretching used here.

    Examples
    --------
    >>> restore_variance(np.array([[1.0], [2.0], [3.0]]), np.array([1.5])).ravel()
    array([0.5, 2. , 3.5])
    """
    c = check_samples(c, name="c")
    target = check_array(target, name="target", ndim=1, finite=False).astype(np.float64)
    most = check_number(most, name="most", low=1.0)
    if target.shape != c.shape[1:] or np.isinf(target).any() or (target < 0.0).any():
        raise ParameterError(f"target must be {c.shape[1]} finite number(s) >= 0 (or nan); received {show(target)}")
    middle, variance = c.mean(axis=0), c.var(axis=0)
    still = (variance <= _STEADY * np.square(middle)) | (variance == 0.0) | np.isnan(target)
    factor = np.clip(np.sqrt(np.where(still, 1.0, target) / np.where(still, 1.0, variance)), 1.0 / most, most)
    return middle + factor * (c - middle)


def _taps(windows: Any) -> np.ndarray:
    """Windows as rows of one length, the middle in the middle."""
    try:
        rows = [check_array(np.asarray(w), name="windows", ndim=1, low=-LARGEST, high=LARGEST) for w in windows]
    except TypeError:
        raise ParameterError(f"windows must be a sequence of windows; received {show(windows)}") from None
    if not rows or any(len(w) % 2 == 0 for w in rows):
        raise ParameterError(f"windows must be at least one, each of odd length; received {show(windows)}")
    longest = max(map(len, rows))
    return np.stack([np.pad(w.astype(np.float64), (longest - len(w)) // 2) for w in rows])


def _check_gaussians(means: Any, variances: Any, windows: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    taps = _taps(windows)
    half = taps.shape[1] // 2
    if taps[0, half] != 1.0 or np.count_nonzero(taps[0]) != 1:
        raise ParameterError(f"windows must begin with (1.0,), the frame itself; received {show(windows)}")
    means = check_array(check_samples(means, name="means"), name="means", low=-LARGEST, high=LARGEST)
    variances = check_array(check_samples(variances, name="variances"), name="variances", low=SMALLEST, high=LARGEST)
    if means.shape[1] % len(taps) or variances.shape != means.shape:
        rule = f"means and variances must have the same shape, (n, {len(taps)} * d)"
        raise ParameterError(f"{rule}; received {means.shape} and {variances.shape}")
    return np.ascontiguousarray(means), np.ascontiguousarray(variances), taps, check_integer(means.shape[1] // len(taps), name="d", low=1)


def _system(means: np.ndarray, variances: np.ndarray, taps: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The Cholesky factor of ``W' U^-1 W``, by diagonals (n, width, d), and the right-hand side (n, d)."""
    band, right = _normal_equations(means, variances, taps, d)
    _factorise(band)
    return band, right


@compiled
def _normal_equations(means, variances, taps, d):
    """``band[t, b]`` is the element (t, t - b) of the matrix; rows of `W` that reach over an end count the first or last frame again."""
    n, width = len(means), taps.shape[1]
    half = width // 2
    band, right = np.zeros((n, width, d)), np.zeros((n, d))
    for t in range(n):
        for w in range(len(taps)):
            for a in range(width):
                if taps[w, a] == 0.0:
                    continue
                i = min(max(t + a - half, 0), n - 1)
                for q in range(d):
                    right[i, q] += taps[w, a] * means[t, w * d + q] / variances[t, w * d + q]
                for b in range(width):
                    j = min(max(t + b - half, 0), n - 1)
                    if j <= i and taps[w, b] != 0.0:
                        for q in range(d):
                            band[i, i - j, q] += taps[w, a] * taps[w, b] / variances[t, w * d + q]
    return band, right


@compiled
def _factorise(band):
    """Cholesky's method in place: ``L L'`` is the matrix, ``band[t, b]`` becomes ``L[t, t - b]``."""
    n, width, d = band.shape
    for t in range(n):
        for b in range(min(width - 1, t), -1, -1):
            s = t - b
            for k in range(max(0, t - width + 1), s):
                for q in range(d):
                    band[t, b, q] -= band[t, t - k, q] * band[s, s - k, q]
            for q in range(d):
                band[t, b, q] = band[t, b, q] / band[s, 0, q] if b > 0 else np.sqrt(band[t, 0, q])


@compiled
def _forward(factor, x):
    """``L^-1 x`` in place."""
    n, width, d = factor.shape
    for t in range(n):
        for b in range(1, min(width - 1, t) + 1):
            for q in range(d):
                x[t, q] -= factor[t, b, q] * x[t - b, q]
        for q in range(d):
            x[t, q] /= factor[t, 0, q]


@compiled
def _back(factor, x):
    """``L^-T x`` in place."""
    n, width, d = factor.shape
    for t in range(n - 1, -1, -1):
        for q in range(d):
            x[t, q] /= factor[t, 0, q]
        for b in range(1, min(width - 1, t) + 1):
            for q in range(d):
                x[t - b, q] -= factor[t, b, q] * x[t, q]
