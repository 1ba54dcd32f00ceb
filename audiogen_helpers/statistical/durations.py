"""How long a state lasts: distributions over whole numbers of frames, for chains whose durations are modelled explicitly.

In a plain hidden Markov model a state that stays with probability `a` lasts `d` frames with probability ``(1 - a) a^(d - 1)``: one frame is
always the most likely duration, which is true of hardly any sound. Two remedies are here. A *gamma* form, ``p(d) ~ d^(shape - 1)
exp(-decay d)``, has two numbers for each state: it has a peak where it should and a long tail to the right, as measured durations have; it
is narrower or wider than a Poisson distribution as the data want (a negative binomial is never narrower), gives nothing to durations below
one frame (a Gaussian does), and contains the plain model as the case ``shape = 1``. It is an exponential family, so its most likely
parameters are found surely. A *histogram* makes no assumption and needs a number for each duration.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_array, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, choose, safe_log

__all__ = ["Durations", "GammaDurations", "HistogramDurations", "gamma_durations", "geometric_durations", "stretch"]

LARGEST = 1e5  # of shape and decay: what data without any spread drive them to
MAX_FRAMES = 100_000


class Durations(ABC):
    """What both kinds of distribution can do. Column ``d - 1`` of their tables belongs to a duration of `d` frames."""

    @property
    @abstractmethod
    def log_probabilities(self) -> np.ndarray:
        """Natural logarithms, shape (k, longest)."""

    @abstractmethod
    def reestimate(self, counts: np.ndarray, *, smoothing: float = 0.01) -> Durations:
        """The most likely distributions of the same kind for `counts` (k, longest) of durations."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """Free numbers."""

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Shape (k, longest); rows sum to 1."""
        return np.exp(self.log_probabilities)

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.log_probabilities)

    def mean(self) -> np.ndarray:
        """Of each state, frames, shape (k,)."""
        return self.probabilities @ _frames(self)

    def deviation(self) -> np.ndarray:
        """Standard deviation of each state, frames, shape (k,)."""
        off = _frames(self) - self.mean()[:, None]
        return np.sqrt((self.probabilities * np.square(off)).sum(axis=1))

    def sample(self, *, rng: RNGLike = None, rate: float = 1.0) -> np.ndarray:
        """A duration for each state of the chain, int64 (k,): drawn, then divided by `rate` (:func:`stretch`)."""
        return stretch(1 + choose(self.probabilities, generator(rng)), rate=rate)


@dataclass(frozen=True)
class GammaDurations(Durations):
    """Durations with ``p(d)`` proportional to ``d^(shape - 1) exp(-decay d)`` for `d` from 1 to `longest`.

    Parameters
    ----------
    shape, decay : np.ndarray [shape=(k,)]
        Of each state, -100000 to 100000. Shape 1 is the geometric distribution of a state that stays with probability ``exp(-decay)``.
    longest : int, 1 to 100000
        The longest duration, frames.

    Raises
    ------
    ParameterError
        If a number is out of range or the shapes differ.

    References
    ----------
    S. Levinson (1986), Continuously variable duration hidden Markov models for automatic speech recognition, Computer Speech & Language 1,
    29-45.

    Examples
    --------
    >>> GammaDurations(shape=np.array([1.0]), decay=np.array([np.log(2.0)]), longest=50).probabilities[0, :3].round(6)
    array([0.5  , 0.25 , 0.125])
    """

    shape: np.ndarray
    decay: np.ndarray
    longest: int

    def __post_init__(self) -> None:
        for name in ("shape", "decay"):
            value = check_array(getattr(self, name), name=name, ndim=1, low=-LARGEST, high=LARGEST).astype(np.float64)
            object.__setattr__(self, name, value)
        if self.shape.shape != self.decay.shape or not self.shape.size:
            raise ParameterError(
                f"decay must have one number for each of {self.shape.size} shape(s), at least one; received {self.decay.size}"
            )
        object.__setattr__(self, "longest", check_integer(self.longest, name="longest", low=1, high=MAX_FRAMES))

    @property
    def n_states(self) -> int:
        """How many states."""
        return len(self.shape)

    @cached_property
    def log_probabilities(self) -> np.ndarray:
        """Natural logarithms, shape (k, longest)."""
        return _log_gamma(np.stack([self.shape - 1.0, -self.decay], axis=1), self.longest)

    @property
    def n_parameters(self) -> int:
        """Free numbers: two for each state."""
        return 2 * self.n_states

    def reestimate(self, counts: np.ndarray, *, smoothing: float = 0.01) -> GammaDurations:
        """The most likely parameters, by Newton's method: mean and mean logarithm of the durations become those of the counts.

        `smoothing` observations, spread evenly over all durations, are added to each state; without them a state that always lasts equally
        long gets as narrow as the largest parameters allow. A state without counts stays as it is.
        """
        counts = _check_counts(counts, self, smoothing)
        old = np.stack([self.shape - 1.0, -self.decay], axis=1)
        new = np.stack([_climb(theta, row) for theta, row in zip(old, counts, strict=True)])
        return GammaDurations(shape=new[:, 0] + 1.0, decay=-new[:, 1], longest=self.longest)


@dataclass(frozen=True)
class HistogramDurations(Durations):
    """Durations with any probabilities.

    Parameters
    ----------
    table : np.ndarray [shape=(k, longest)]
        Column ``d - 1`` is the probability of `d` frames; rows sum to 1.

    Raises
    ------
    ParameterError
        If a row is no distribution.

    Examples
    --------
    >>> HistogramDurations(np.array([[0.5, 0.0, 0.5]])).mean()
    array([2.])
    """

    table: np.ndarray

    def __post_init__(self) -> None:
        table = check_distribution(self.table, name="table")
        if table.ndim != 2 or not len(table):
            raise ParameterError(f"table must have shape (n_states, longest); received shape {table.shape}")
        object.__setattr__(self, "table", table)

    @cached_property
    def log_probabilities(self) -> np.ndarray:
        """Natural logarithms, shape (k, longest)."""
        return safe_log(self.table)

    @property
    def longest(self) -> int:
        """The longest duration, frames."""
        return self.table.shape[1]

    @property
    def n_parameters(self) -> int:
        """Free numbers: one less than durations for each state."""
        return self.n_states * (self.longest - 1)

    def reestimate(self, counts: np.ndarray, *, smoothing: float = 0.01) -> HistogramDurations:
        """The shares of the counts, after adding `smoothing` observations spread evenly; a state without counts stays as it is."""
        counts = _check_counts(counts, self, smoothing)
        total = counts.sum(axis=1, keepdims=True)
        return HistogramDurations(np.where(total > 0.0, counts / np.where(total > 0.0, total, 1.0), self.table))


def gamma_durations(means: Any, deviations: Any, *, longest: int) -> GammaDurations:
    """The gamma form with given means and standard deviations of the curve, frames (its values at whole numbers have nearly the same).

    Parameters
    ----------
    means, deviations : np.ndarray [shape=(k,)], > 0
        Frames; at most 100000, and no mean above 300 times its deviation.
    longest : int >= 1
        The longest duration, frames.

    Returns
    -------
    durations : GammaDurations

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> d = gamma_durations([20.0], [5.0], longest=100)
    >>> d.mean().round(2), d.deviation().round(2)
    (array([20.]), array([5.]))
    """
    m = check_array(means, name="means", ndim=1, above=0.0, high=MAX_FRAMES).astype(np.float64)
    deviations = check_array(deviations, name="deviations", ndim=1, above=0.0, high=MAX_FRAMES).astype(np.float64)
    if m.shape != deviations.shape:
        raise ParameterError(f"deviations must be as many as means, {m.size}; received {deviations.size}")
    if (m > 300.0 * deviations).any():
        raise ParameterError(f"deviations must be >= means / 300; received {deviations[np.argmax(m / deviations)]:g}")
    return GammaDurations(shape=np.square(m / deviations), decay=m / np.square(deviations), longest=longest)


def geometric_durations(stay: Any, *, longest: int) -> GammaDurations:
    """The durations of the states of a plain hidden Markov model: ``p(d) ~ stay^(d - 1)``.

    Parameters
    ----------
    stay : np.ndarray [shape=(k,)], > 0, < 1
        Probability of each state of following itself.
    longest : int >= 1
        Where the tail is cut off, frames.

    Returns
    -------
    durations : GammaDurations
        With shape 1.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> geometric_durations([0.9], longest=1000).mean().round(6)
    array([10.])
    """
    stay = check_array(stay, name="stay", ndim=1, above=0.0, below=1.0).astype(np.float64)
    return GammaDurations(shape=np.ones(len(stay)), decay=-np.log(stay), longest=longest)


def stretch(durations: Any, *, rate: float) -> np.ndarray:
    """Durations divided by a rate, in whole frames: rounded so that errors do not add up, and each at least one frame.

    Parameters
    ----------
    durations : np.ndarray [shape=(k,), int], >= 1
        Frames.
    rate : float > 0
        2 is twice as fast; 1 changes nothing.

    Returns
    -------
    durations : np.ndarray [shape=(k,), int64]

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> stretch([3, 3, 3, 3], rate=2.0)
    array([2, 1, 1, 2])
    """
    durations = check_array(durations, name="durations", ndim=1, low=1.0, high=MAX_FRAMES)
    rate = check_number(rate, name="rate", low=0.01, high=100.0)
    ends = np.rint(np.cumsum(durations) / rate).astype(np.int64)
    steps = np.arange(1, len(ends) + 1)
    ends = np.maximum(np.maximum.accumulate(ends - steps), 0) + steps
    return np.diff(ends, prepend=0)


def _check_counts(counts: Any, durations: Durations, smoothing: float) -> np.ndarray:
    shape = durations.log_probabilities.shape
    counts = check_array(counts, name="counts", ndim=2, low=0.0).astype(np.float64)
    if counts.shape != shape:
        raise ParameterError(f"counts must have shape {shape}; received shape {counts.shape}")
    counts = counts + check_number(smoothing, name="smoothing", low=0.0) / shape[1] * (counts.sum(axis=1, keepdims=True) > 0.0)
    return np.asarray(counts)


def _frames(durations: Durations) -> np.ndarray:
    return np.arange(1.0, durations.log_probabilities.shape[1] + 1.0)


def _features(longest: int) -> np.ndarray:
    d = np.arange(1.0, longest + 1.0)
    return np.stack([np.log(d), d])


def _log_gamma(theta: np.ndarray, longest: int) -> np.ndarray:
    scores = theta @ _features(longest)
    scores -= scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def _climb(theta: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Newton's method with step halving for one state: each step raises ``counts @ log p``, which is concave in `theta`."""
    total = counts.sum()
    if total == 0.0:
        return theta
    phi, share = _features(len(counts)), counts / total
    wanted = phi @ share
    log_p = _log_gamma(theta, len(counts))
    for _ in range(50):
        p = np.exp(log_p)
        here = phi @ p
        off = phi - here[:, None]
        curvature = (off * p) @ off.T
        curvature[np.diag_indices(2)] += 1e-12 * (1.0 + np.diag(curvature))
        step = np.linalg.solve(curvature, wanted - here)
        if step @ (wanted - here) < 1e-13:
            break
        for _ in range(30):
            new = np.clip(theta + step, -LARGEST + 1.0, LARGEST - 1.0)
            new_log_p = _log_gamma(new, len(counts))
            if share @ new_log_p > share @ log_p:
                break
            step = 0.5 * step
        else:
            break
        theta, log_p = new, new_log_p
    return theta
