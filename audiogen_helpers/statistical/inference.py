"""The recursions of a hidden Markov model on arrays: forward, backward, posterior and the best path (Viterbi).

All of them work on logarithms, and what they return is exact to rounding for sequences of any length: a state that is `exp(-5000)` times
as likely as another still counts if the frames that follow leave no other. The price of logarithms is kept low: one exponential and one
logarithm for each state and frame, not for each transition; only a sum that comes out below 1e-80 is done again, term by term.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._validation import check_array
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, safe_log

__all__ = ["backward", "expectations", "forward", "log_likelihoods", "posterior", "viterbi"]

_INF = np.inf
_FAR = -250.0  # a term this far (natural logarithm) below the largest is left out of a first sum
_TINY = 1e-80  # a sum below this is done again term by term, so that what was left out is below rounding: exp(-250) is 1e-109


def forward(log_b: np.ndarray, start: np.ndarray, transition: np.ndarray) -> tuple[np.ndarray, float]:
    """The forward recursion: how likely are the frames so far and each state now.

    Parameters
    ----------
    log_b : np.ndarray [shape=(n, k)]
        Logarithm of the probability (or density) of each frame in each state; ``-inf`` where it cannot be.
    start : np.ndarray [shape=(k,)]
        Probability of each state at the first frame.
    transition : np.ndarray [shape=(k, k)]
        ``transition[i, j]`` is the probability of state `j` after state `i`; rows sum to 1.

    Returns
    -------
    log_alpha : np.ndarray [shape=(n, k)]
        ``log p(frames 0..t, state j at t)``.
    log_likelihood : float
        ``log p(frames)``, ``-inf`` if they cannot happen.

    Raises
    ------
    ParameterError
        If a shape does not fit, `log_b` has no frame, NaN or ``+inf``, or probabilities do not sum to 1.

    References
    ----------
    L. R. Rabiner (1989), A tutorial on hidden Markov models and selected applications in speech recognition, Proc. IEEE 77(2), 257-286.

    Examples
    --------
    >>> log_b = np.log([[0.5, 0.1], [0.5, 0.4]])
    >>> log_alpha, log_p = forward(log_b, np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]]))
    >>> np.exp(log_alpha).round(3), round(float(np.exp(log_p)), 3)
    (array([[0.5  , 0.   ],
           [0.125, 0.1  ]]), 0.225)
    """
    log_b, start, transition = _checked(log_b, start, transition)
    log_alpha, weights = np.empty(log_b.shape), np.empty(log_b.shape)
    log_p = _forward(log_b, safe_log(start), *_ready(transition), log_alpha, weights)
    return log_alpha, float(log_p)


def backward(log_b: np.ndarray, start: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """The backward recursion: how likely are the frames still to come, from each state now.

    Parameters
    ----------
    log_b, start, transition : np.ndarray
        As in :func:`forward`.

    Returns
    -------
    log_beta : np.ndarray [shape=(n, k)]
        ``log p(frames t+1..n-1 | state i at t)``; zeros at the last frame.

    Raises
    ------
    ParameterError
        As :func:`forward`.

    Examples
    --------
    >>> log_b = np.log([[0.5, 0.1], [0.5, 0.4]])
    >>> np.exp(backward(log_b, np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]]))).round(3)
    array([[0.45, 0.4 ],
           [1.  , 1.  ]])
    """
    log_b, _, transition = _checked(log_b, start, transition)
    log_beta = np.empty(log_b.shape)
    _backward(log_b, *_ready(transition), log_beta)
    return log_beta


def posterior(log_b: np.ndarray, start: np.ndarray, transition: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Probability of each state at each frame, given all frames, and how often each transition is expected.

    Parameters
    ----------
    log_b, start, transition : np.ndarray
        As in :func:`forward`.

    Returns
    -------
    gamma : np.ndarray [shape=(n, k)]
        ``p(state j at t | frames)``; rows sum to 1.
    xi : np.ndarray [shape=(k, k)]
        Expected number of transitions from `i` to `j`; its sum is ``n - 1``.
    log_likelihood : float
        ``log p(frames)``.

    Raises
    ------
    ParameterError
        As :func:`forward`; and if the frames cannot happen, for then nothing is known about the states.

    Examples
    --------
    >>> log_b = np.log([[0.5, 0.1], [0.5, 0.4]])
    >>> gamma, xi, _ = posterior(log_b, np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]]))
    >>> gamma.round(3), xi.round(3)
    (array([[1.   , 0.   ],
           [0.556, 0.444]]), array([[0.556, 0.444],
           [0.   , 0.   ]]))
    """
    log_b, start, transition = _checked(log_b, start, transition)
    gamma, _, xi, log_p = expectations(log_b, np.array([len(log_b)]), start, transition)
    if log_p[0] == -_INF:
        raise ParameterError("log_b must belong to a sequence that the model can make; received one of log-likelihood -inf")
    return gamma, xi, float(log_p[0])


def viterbi(log_b: np.ndarray, start: np.ndarray, transition: np.ndarray) -> tuple[np.ndarray, float]:
    """The most likely path of states.

    Parameters
    ----------
    log_b, start, transition : np.ndarray
        As in :func:`forward`.

    Returns
    -------
    path : np.ndarray [shape=(n,), int64]
        Of equally likely paths the one with the lower state where they part, seen from the end.
    log_p : float
        ``log p(frames, path)``.

    Raises
    ------
    ParameterError
        As :func:`posterior`.

    References
    ----------
    A. J. Viterbi (1967), IEEE Trans. Inf. Theory 13(2), 260-269.

    Examples
    --------
    >>> log_b = np.log([[0.5, 0.1], [0.5, 0.4], [0.1, 0.9]])
    >>> path, log_p = viterbi(log_b, np.array([1.0, 0.0]), np.array([[0.5, 0.5], [0.0, 1.0]]))
    >>> path, round(float(np.exp(log_p)), 3)
    (array([0, 1, 1]), 0.09)
    """
    log_b, start, transition = _checked(log_b, start, transition)
    path, log_p = _viterbi(log_b, safe_log(start), *_ready(transition))
    if log_p == -_INF:
        raise ParameterError("log_b must belong to a sequence that the model can make; received one of log-likelihood -inf")
    return path, float(log_p)


def expectations(
    log_b: np.ndarray, ends: np.ndarray, start: np.ndarray, transition: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What Baum-Welch needs to know, of many sequences in one compiled pass; arguments are not checked.

    Parameters
    ----------
    log_b : np.ndarray [shape=(n, k)]
        Of all sequences, one after the other; float64.
    ends : np.ndarray [shape=(n_sequences,), int64]
        Where each sequence ends: its last frame is ``ends[i] - 1``.
    start, transition : np.ndarray [shape=(k,), (k, k)]
        As in :func:`forward`.

    Returns
    -------
    gamma : np.ndarray [shape=(n, k)]
        As :func:`posterior`; zeros for a sequence that cannot happen.
    first : np.ndarray [shape=(k,)]
        Sum of `gamma` over first frames.
    xi : np.ndarray [shape=(k, k)]
        Expected transitions, over all sequences that can happen.
    log_likelihoods : np.ndarray [shape=(n_sequences,)]

    Examples
    --------
    >>> half = np.full((2, 2), 0.5)
    >>> gamma, first, xi, log_p = expectations(np.zeros((5, 2)), np.array([2, 5]), half[0], half)
    >>> first, xi
    (array([1., 1.]), array([[0.75, 0.75],
           [0.75, 0.75]]))
    """
    gamma, first, pairs, log_p = _expectations(log_b, ends.astype(np.int64), safe_log(start), *_ready(transition))
    return gamma, first, np.where(transition > 0.0, transition * pairs, 0.0), log_p


def log_likelihoods(log_b: np.ndarray, ends: np.ndarray, start: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """Log-likelihood of each of many sequences, by :func:`forward`; arguments as in :func:`expectations`, not checked.

    Examples
    --------
    >>> log_likelihoods(np.full((3, 1), -1.0), np.array([1, 3]), np.ones(1), np.ones((1, 1)))
    array([-1., -2.])
    """
    return _log_likelihoods(log_b, ends.astype(np.int64), safe_log(start), *_ready(transition))


def check_log_b(log_b: Any, *, name: str = "log_b") -> np.ndarray:
    """Logarithms of probabilities, (n, k) float64: at least one frame and state, ``-inf`` allowed, NaN and ``+inf`` not."""
    log_b = np.ascontiguousarray(check_array(log_b, name=name, ndim=2, finite=False), dtype=np.float64)
    if log_b.size == 0:
        raise ParameterError(f"{name} must have at least one frame and one state; received shape {log_b.shape}")
    if np.isnan(log_b).any() or log_b.max() == _INF:
        raise ParameterError(f"{name} must be finite or -inf; received NaN or +inf")
    return log_b


def _checked(log_b: Any, start: Any, transition: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    log_b = check_log_b(log_b)
    k = log_b.shape[1]
    start, transition = check_distribution(start, name="start", shape=(k,)), check_distribution(transition, name="transition", shape=(k, k))
    return log_b, start, np.ascontiguousarray(transition)


def _ready(transition: np.ndarray) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """For steps forward and steps back: probabilities, their logarithms, and from where to where each row is not 0.

    Forward, row `i` is what follows state `i`; back, row `j` is what comes before state `j` (so that a loop runs along the memory).
    """
    found = []
    for p in (np.ascontiguousarray(transition), np.ascontiguousarray(transition.T)):
        some = p > 0.0
        last = np.where(some.any(axis=1), p.shape[1] - np.argmax(some[:, ::-1], axis=1), 0)
        found.append((p, safe_log(p), np.argmax(some, axis=1), last))
    return found[0], found[1]


@compiled
def _log_sum(a, b, low, high):
    """log(sum(exp(a + b))) from index `low` to before `high`, term by term."""
    top = -_INF
    for i in range(low, high):
        top = max(top, a[i] + b[i])
    if top == -_INF:
        return top
    total = 0.0
    for i in range(low, high):
        x = a[i] + b[i] - top
        if x > -745.0:
            total += math.exp(x)
    return top + math.log(total)


@compiled
def _exponentials(x, out):
    """``out = exp(x - max(x))``, 0 where that is far down; returns the maximum."""
    top = -_INF
    for i in range(len(x)):
        top = max(top, x[i])
    for i in range(len(x)):
        below = x[i] - top
        out[i] = math.exp(below) if below > _FAR else 0.0
    return top


@compiled
def _forward(log_b, log_start, ahead, back, log_alpha, weights):
    """Fills `log_alpha`, and `weights` with exp(log_alpha - its maximum) of each frame; returns the log-likelihood."""
    n, k = log_b.shape
    transition, _, low, high = ahead
    _, log_before, low_before, high_before = back
    total = np.empty(k)
    log_alpha[0] = log_start + log_b[0]
    top = _exponentials(log_alpha[0], weights[0])
    for t in range(1, n):
        if top == -_INF:
            log_alpha[t:] = -_INF
            weights[t:] = 0.0
            return top
        total[:] = 0.0
        for i in range(k):
            w = weights[t - 1, i]
            if w > 0.0:
                for j in range(low[i], high[i]):
                    total[j] += w * transition[i, j]
        for j in range(k):
            if total[j] > _TINY:
                log_alpha[t, j] = top + math.log(total[j]) + log_b[t, j]
            else:
                log_alpha[t, j] = _log_sum(log_alpha[t - 1], log_before[j], low_before[j], high_before[j]) + log_b[t, j]
        top = _exponentials(log_alpha[t], weights[t])
    return top + math.log(weights[n - 1].sum()) if top > -_INF else top


@compiled
def _step_back(next_, ahead, back, values, total, log_beta):
    """One step of the backward recursion: from ``next_ = log_b + log_beta`` of the next frame.

    Fills `values` with exp(next_ - its maximum), `total` with the sums over the next state, and `log_beta`.
    """
    k = len(next_)
    _, log_transition, low, high = ahead
    before, _, low_before, high_before = back
    top = _exponentials(next_, values)
    total[:] = 0.0
    if top == -_INF:
        log_beta[:] = -_INF
        return
    for j in range(k):
        v = values[j]
        if v > 0.0:
            for i in range(low_before[j], high_before[j]):
                total[i] += v * before[j, i]
    for i in range(k):
        if total[i] > _TINY:
            log_beta[i] = top + math.log(total[i])
        else:
            log_beta[i] = _log_sum(next_, log_transition[i], low[i], high[i])


@compiled
def _backward(log_b, ahead, back, log_beta):
    n, k = log_b.shape
    values, total = np.empty(k), np.empty(k)
    log_beta[n - 1] = 0.0
    for t in range(n - 2, -1, -1):
        _step_back(log_b[t + 1] + log_beta[t + 1], ahead, back, values, total, log_beta[t])


@compiled
def _pairs_exact(log_alpha, log_beta, next_, log_transition, gamma, pairs):
    """Posterior of one frame and its transitions term by term, for frames whose likely pasts and likely futures hardly meet."""
    k = len(log_alpha)
    log_p = _log_sum(log_alpha, log_beta, 0, k)
    for i in range(k):
        gamma[i] = math.exp(log_alpha[i] + log_beta[i] - log_p)
        for j in range(k):
            if log_transition[i, j] > -_INF:
                pairs[i, j] += math.exp(log_alpha[i] + next_[j] - log_p)


@compiled
def _expectations(log_b, ends, log_start, ahead, back):
    """Forward and backward over all sequences; `pairs` times the transition matrix are the expected transitions."""
    n, k = log_b.shape
    low, high = ahead[2], ahead[3]
    gamma, first, pairs, log_p = np.zeros((n, k)), np.zeros(k), np.zeros((k, k)), np.empty(len(ends))
    log_alpha, weights = np.empty((n, k)), np.empty((n, k))
    values, total, log_beta, next_ = np.empty(k), np.empty(k), np.empty(k), np.empty(k)
    begin = 0
    for s in range(len(ends)):
        end = ends[s]
        log_p[s] = _forward(log_b[begin:end], log_start, ahead, back, log_alpha[begin:end], weights[begin:end])
        if log_p[s] > -_INF:
            gamma[end - 1] = weights[end - 1] / weights[end - 1].sum()
            log_beta[:] = 0.0
            for t in range(end - 2, begin - 1, -1):
                for j in range(k):
                    next_[j] = log_b[t + 1, j] + log_beta[j]
                _step_back(next_, ahead, back, values, total, log_beta)
                together = 0.0
                for i in range(k):
                    together += weights[t, i] * total[i]
                if together > _TINY:
                    for i in range(k):
                        w = weights[t, i] / together
                        gamma[t, i] = w * total[i]
                        if w > 0.0:
                            for j in range(low[i], high[i]):
                                pairs[i, j] += w * values[j]
                else:
                    _pairs_exact(log_alpha[t], log_beta, next_, ahead[1], gamma[t], pairs)
            first += gamma[begin]
        begin = end
    return gamma, first, pairs, log_p


@compiled
def _log_likelihoods(log_b, ends, log_start, ahead, back):
    log_p = np.empty(len(ends))
    log_alpha, weights = np.empty(log_b.shape), np.empty(log_b.shape)
    begin = 0
    for s in range(len(ends)):
        end = ends[s]
        log_p[s] = _forward(log_b[begin:end], log_start, ahead, back, log_alpha[begin:end], weights[begin:end])
        begin = end
    return log_p


@compiled
def _viterbi(log_b, log_start, ahead, back):
    n, k = log_b.shape
    _, log_before, low_before, high_before = back
    best, former = log_start + log_b[0], np.empty(k)
    came = np.zeros((n, k), dtype=np.int64)
    for t in range(1, n):
        former[:] = best
        for j in range(k):
            top = -_INF
            for i in range(low_before[j], high_before[j]):
                x = former[i] + log_before[j, i]
                if x > top:
                    top = x
                    came[t, j] = i
            best[j] = top + log_b[t, j]
    path = np.empty(n, dtype=np.int64)
    path[n - 1] = np.argmax(best)
    for t in range(n - 1, 0, -1):
        path[t - 1] = came[t, path[t]]
    return path, best[path[n - 1]]
