"""Fitting a hidden Markov model: the algorithm of Baum and Welch, over many sequences at a time.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audiogen_helpers._validation import check_choice, check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical import inference
from audiogen_helpers.statistical._gaussians import EMPTY
from audiogen_helpers.statistical._threads import in_one_thread
from audiogen_helpers.statistical.emissions import stack
from audiogen_helpers.statistical.gmm import data_variance

if TYPE_CHECKING:
    from audiogen_helpers.statistical.hmm import Hmm

__all__ = ["em_step", "fit_hmm"]

PARTS = ("start", "transition", "emissions")


def em_step(
    hmm: Hmm,
    sequences: Any,
    *,
    floor: float | np.ndarray = 0.0,
    smoothing: float = 0.0,
    keep: Collection[str] = (),
) -> tuple[Hmm, float]:
    """One step of Baum and Welch: what states and transitions to expect of `hmm`, then the model that makes these most likely.

    Parameters
    ----------
    hmm : Hmm
        Where to start.
    sequences : list of np.ndarray
        Symbols (n,) or vectors (n, d), each at least one long.
    floor : float or np.ndarray [shape=(d,)], >= 0
        Smallest variance of a state, of each number.
    smoothing : float >= 0
        Added to the expected count of each first state, transition and symbol (of states and transitions only those that are possible: a
        probability that is 0 stays 0, so a chain keeps its form). It is the most likely model under a Dirichlet prior.
    keep : collection of {"start", "transition", "emissions"}
        Parts that do not change.

    Returns
    -------
    hmm : Hmm
        A state that nobody visits (expected for less than 1e-10 of a frame) keeps its emissions and its row of transitions.
    log_likelihood : float
        Mean over all frames, of the model that came in.

    Raises
    ------
    ParameterError
        If a sequence cannot happen under `hmm`, a shape does not fit, or a state shrinks to no width and there is no floor.

    References
    ----------
    L. E. Baum, T. Petrie, G. Soules and N. Weiss (1970), Ann. Math. Statist. 41(1), 164-171.

    Examples
    --------
    >>> from audiogen_helpers.statistical.emissions import Categorical
    >>> from audiogen_helpers.statistical.hmm import Hmm
    >>> half = np.full((2, 2), 0.5)
    >>> start = Hmm(start=half[0], transition=half, emissions=Categorical(probabilities=np.array([[0.6, 0.4], [0.4, 0.6]])))
    >>> better, before = em_step(start, [[0, 0, 0, 1, 1, 1]])
    >>> better.emissions.probabilities.round(3), round(before, 3), round(better.log_likelihood([0, 0, 0, 1, 1, 1]) / 6, 3)
    (array([[0.6, 0.4],
           [0.4, 0.6]]), -0.693, -0.685)
    """
    return _step(hmm, *stack(sequences, hmm.emissions), floor, _check_smoothing(smoothing), _check_keep(keep))


def fit_hmm(
    sequences: Any,
    *,
    start: Hmm,
    n_iter: int = 50,
    tol: float = 1e-4,
    floor: float = 1e-3,
    smoothing: float = 0.0,
    keep: Collection[str] = (),
) -> tuple[Hmm, np.ndarray]:
    """Fit a hidden Markov model to sequences by the algorithm of Baum and Welch, which is EM.

    Parameters
    ----------
    sequences : list of np.ndarray
        Symbols (n,) or vectors (n, d), each at least one long.
    start : Hmm
        Where to start (:func:`~audiogen_helpers.statistical.hmm.left_to_right`,
        :func:`~audiogen_helpers.statistical.hmm.ergodic`); EM finds the nearest summit, not the highest. Probabilities that are 0 stay 0.
    n_iter : int >= 0
        Steps at most.
    tol : float >= 0
        A step that adds less than this to the mean log-likelihood of a frame is the last.
    floor : float, 0 to 1
        Smallest variance, as a share of each number's variance in the data; that of `start` is raised to it first.
    smoothing : float >= 0
        As in :func:`em_step`.
    keep : collection of {"start", "transition", "emissions"}
        Parts that do not change.

    Returns
    -------
    hmm : Hmm
    history : np.ndarray [shape=(steps + 1,)]
        Mean log-likelihood of a frame before the first step and after each. It never falls where `smoothing` is 0 (else what never falls is
        the likelihood times the prior).

    Raises
    ------
    ParameterError
        As :func:`em_step`, or if an argument is out of range.

    Examples
    --------
    >>> from audiogen_helpers.statistical.emissions import Categorical
    >>> from audiogen_helpers.statistical.hmm import Hmm
    >>> truth = Hmm(
    ...     start=np.array([1.0, 0.0]),
    ...     transition=np.array([[0.9, 0.1], [0.1, 0.9]]),
    ...     emissions=Categorical(probabilities=np.array([[0.8, 0.2], [0.1, 0.9]])),
    ... )
    >>> heard = [truth.sample(200, rng=seed)[0] for seed in range(20)]
    >>> rough = replace(truth, emissions=Categorical(probabilities=np.array([[0.6, 0.4], [0.4, 0.6]])))
    >>> fitted, history = fit_hmm(heard, start=rough)
    >>> fitted.emissions.probabilities.round(1), fitted.transition.round(1)
    (array([[0.8, 0.2],
           [0.1, 0.9]]), array([[0.9, 0.1],
           [0.1, 0.9]]))
    """
    n_iter, tol = check_integer(n_iter, name="n_iter", low=0), check_number(tol, name="tol", low=0.0)
    share, smoothing, keep = check_number(floor, name="floor", low=0.0, high=1.0), _check_smoothing(smoothing), _check_keep(keep)
    X, ends = stack(sequences, start.emissions)
    lowest = share * data_variance(X) if X.ndim == 2 else 0.0
    hmm = start if "emissions" in keep else replace(start, emissions=start.emissions.raised(lowest))
    history: list[float] = []
    for _ in range(n_iter):
        better, value = _step(hmm, X, ends, lowest, smoothing, keep)
        history.append(value)
        if len(history) > 1 and history[-1] - history[-2] < tol:
            return hmm, np.array(history)
        hmm = better
    last = inference.log_likelihoods(hmm.emissions.log_probability(X), ends, hmm.start, hmm.transition)
    check_possible(last)
    return hmm, np.array([*history, last.sum() / len(X)])


@in_one_thread
def _step(
    hmm: Hmm, X: np.ndarray, ends: np.ndarray, floor: float | np.ndarray, smoothing: float, keep: Collection[str]
) -> tuple[Hmm, float]:
    gamma, first, pairs, log_p = inference.expectations(hmm.emissions.log_probability(X), ends, hmm.start, hmm.transition)
    check_possible(log_p)
    start = hmm.start if "start" in keep else _shares(first, hmm.start, smoothing)
    transition = hmm.transition if "transition" in keep else _shares(pairs, hmm.transition, smoothing)
    emissions = hmm.emissions if "emissions" in keep else hmm.emissions.reestimate(X, gamma, floor=floor, smoothing=smoothing)
    return replace(hmm, start=start, transition=transition, emissions=emissions), float(log_p.sum() / len(X))


def _shares(counts: np.ndarray, old: np.ndarray, smoothing: float) -> np.ndarray:
    """Rows of counts as probabilities: zeros stay, and a row without counts stays as it was."""
    counts = np.where(old > 0.0, counts + smoothing, 0.0)
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > EMPTY, counts / np.where(total > EMPTY, total, 1.0), old)


def check_possible(log_p: np.ndarray) -> None:
    impossible = np.flatnonzero(log_p == -np.inf)
    if impossible.size:
        more = f" (and {impossible.size - 1} more)" if impossible.size > 1 else ""
        raise ParameterError(
            f"sequences must be possible under the model; sequences[{impossible[0]}]{more} has log-likelihood -inf: "
            "open a start, a transition or a symbol of probability 0"
        )


def _check_smoothing(smoothing: float) -> float:
    return check_number(smoothing, name="smoothing", low=0.0)


def _check_keep(keep: Collection[str]) -> frozenset[str]:
    return frozenset(check_choice(part, name="keep", choices=PARTS) for part in ([keep] if isinstance(keep, str) else keep))
