"""Markov chains: what comes next depends on the last few symbols and on nothing else; counted, measured, sampled.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from audiogen_helpers._rng import RNGLike, generator
from audiogen_helpers._validation import check_integer, check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.statistical._checks import check_distribution, check_symbols, choose, safe_log
from audiogen_helpers.statistical.temperature import tempered

__all__ = ["MarkovChain", "fit_markov", "markov_chain", "tempered"]

_MAX_ORDER = 16
_MAX_SYMBOLS = 1_000_000
_MAX_CELLS = 100_000_000  # numbers in the tables of a chain (800 MB)
_MAX_STATES = 5000  # contexts for which a system of equations is solved
_BEFORE = -1  # stands in a context for "before the beginning"


@dataclass(frozen=True, kw_only=True, repr=False)
class MarkovChain:
    """A chain of any order. Made by :func:`fit_markov` or :func:`markov_chain`.

    A *context* is the `order` symbols before the one to come; before the beginning of a sequence stands -1. A context without a row (it was
    never seen) is shortened from its far end until there is one; the empty context always has one.

    Parameters
    ----------
    order : int >= 0
        Length of a context.
    n_symbols : int
        Symbols are 0 to ``n_symbols - 1``.
    contexts : tuple of np.ndarray [shape=(m_j, j), int64]
        For each length j from 0 to `order`, the contexts that have a row.
    rows : tuple of np.ndarray [shape=(m_j, n_symbols)]
        Probabilities of what comes next; each row sums to 1.

    Examples
    --------
    >>> chain = fit_markov([[0, 1, 0, 1, 1]], n_symbols=2)
    >>> chain
    <MarkovChain of order 1: 2 symbols, 3 contexts>
    >>> chain.after([0]), chain.after([1])
    (array([0., 1.]), array([0.5, 0.5]))
    """

    order: int
    n_symbols: int
    contexts: tuple[np.ndarray, ...]
    rows: tuple[np.ndarray, ...]

    def __repr__(self) -> str:
        return f"<MarkovChain of order {self.order}: {self.n_symbols} symbols, {len(self.contexts[-1])} contexts>"

    @cached_property
    def _index(self) -> tuple[dict[tuple[int, ...], int], ...]:
        return tuple({tuple(c): i for i, c in enumerate(contexts.tolist())} for contexts in self.contexts)

    def _row(self, context: tuple[int, ...]) -> np.ndarray:
        for j in range(len(context), -1, -1):
            found = self._index[j].get(context[len(context) - j :])
            if found is not None:
                return self.rows[j][found]
        raise ParameterError("contexts must hold the empty one; received tables without it")

    def after(self, symbols: Any) -> np.ndarray:
        """Probabilities of the symbol that follows these: of the last `order` of them, or of a beginning where there are fewer.

        Parameters
        ----------
        symbols : array_like [shape=(n,)]
            What came before, from the beginning; may be empty.

        Returns
        -------
        p : np.ndarray [shape=(n_symbols,)]

        Raises
        ------
        ParameterError
            If a symbol is none of this chain.

        Examples
        --------
        >>> fit_markov([[0, 1, 0, 1, 1]], n_symbols=2).after([])
        array([1., 0.])
        """
        return self._row(self._context(symbols, name="symbols")).copy()

    def _context(self, symbols: Any, *, name: str) -> tuple[int, ...]:
        given = [] if np.size(symbols) == 0 else check_symbols([symbols], n_symbols=self.n_symbols, name=name)[0].tolist()
        return tuple(([_BEFORE] * self.order + given)[len(given) :])

    @property
    def probabilities(self) -> np.ndarray:
        """The whole table ``(n_symbols,) * (order + 1)``: ``[i, j]`` is how likely j is after i; for few symbols and a low order.

        Examples
        --------
        >>> fit_markov([[0, 1, 0, 1, 1]], n_symbols=2).probabilities
        array([[0. , 1. ],
               [0.5, 0.5]])
        """
        if self.n_symbols ** (self.order + 1) > _MAX_CELLS // 100:
            raise ParameterError(
                f"n_symbols ** (order + 1) must be <= {_MAX_CELLS // 100} for one table; received {self.n_symbols} ** {self.order + 1}"
            )
        rows = [self._row(context) for context in itertools.product(range(self.n_symbols), repeat=self.order)]
        return np.reshape(rows, (self.n_symbols,) * (self.order + 1))

    def sample(self, length: int, *, rng: RNGLike, temperature: float = 1.0, start: Any = None, until: int | None = None) -> np.ndarray:
        """A new sequence.

        Parameters
        ----------
        length : int >= 0
            Symbols to draw.
        rng : int or numpy Generator or None
            Randomness.
        temperature : float > 0
            1 draws by the probabilities, less prefers what is likely, towards 0 only the most probable is left, more evens out
            (:func:`tempered`).
        start : array_like, optional
            Symbols that came before; they are not part of the answer. The beginning of a sequence where not given.
        until : int, optional
            A symbol after which the sequence ends, if it comes before `length`.

        Returns
        -------
        symbols : np.ndarray [shape=(length,) or shorter, int64]

        Raises
        ------
        ParameterError
            If an argument is out of range.

        Examples
        --------
        >>> fit_markov([[0, 1, 0, 1, 1]], n_symbols=2).sample(8, rng=0)
        array([0, 1, 0, 1, 1, 1, 1, 1])
        """
        length, rng = check_integer(length, name="length", low=0), generator(rng)
        temperature = check_number(temperature, name="temperature", above=0.0)
        if until is not None:
            until = check_integer(until, name="until", low=0, high=self.n_symbols - 1)
        context, drawn = self._context(() if start is None else start, name="start"), np.zeros(length, dtype=np.int64)
        for i in range(length):
            drawn[i] = choose(tempered(self._row(context), temperature=temperature), rng)
            context = (*context, int(drawn[i]))[1:] if self.order else ()
            if drawn[i] == until:
                return drawn[: i + 1]
        return drawn

    def log_likelihood(self, sequence: Any) -> float:
        """Natural logarithm of the probability of a whole sequence, from its beginning; ``-inf`` where it is impossible.

        Raises
        ------
        ParameterError
            If the sequence is empty, or a symbol is none of this chain.

        Examples
        --------
        >>> float(np.exp(fit_markov([[0, 1, 0, 1, 1]], n_symbols=2).log_likelihood([0, 1, 1])))
        0.5
        """
        (symbols,) = check_symbols([sequence], n_symbols=self.n_symbols, name="sequence")
        return float(safe_log(self._probabilities_in(symbols)).sum())

    def _probabilities_in(self, symbols: np.ndarray) -> np.ndarray:
        windows = _windows(symbols, self.order)
        return np.array([self._row(tuple(window[:-1]))[window[-1]] for window in windows.tolist()])

    def perplexity(self, sequences: Any) -> float:
        """How many symbols there might as well have been to choose from, on average: ``exp(-log likelihood / symbol)``.

        Parameters
        ----------
        sequences : list of array_like
            Sequences, best those that the chain was not made from.

        Returns
        -------
        perplexity : float
            1 where every symbol was certain, `n_symbols` for blind guessing, infinity where a sequence is impossible.

        Raises
        ------
        ParameterError
            If there is no sequence, or one is empty or has symbols that are none of this chain.

        Examples
        --------
        >>> round(markov_chain(np.full((4, 4), 0.25)).perplexity([[0, 1, 2], [3, 3]]), 9)
        4.0
        """
        found = check_symbols(sequences, n_symbols=self.n_symbols)
        log_p = sum(float(safe_log(self._probabilities_in(symbols)).sum()) for symbols in found)
        return float(np.exp(-log_p / sum(map(len, found))))

    def stationary(self) -> np.ndarray:
        """Share of each symbol in an endless sequence.

        Where the chain can settle in more than one closed set of contexts, each counts by the probability to end up there.

        Returns
        -------
        shares : np.ndarray [shape=(n_symbols,)]
            For order 1 the solution of ``shares @ probabilities == shares``.

        Raises
        ------
        ParameterError
            If more than 5000 contexts can occur.

        Examples
        --------
        >>> markov_chain([[0.9, 0.1], [0.3, 0.7]]).stationary().round(6)
        array([0.75, 0.25])
        """
        rows, _, weight = self._long_run
        return weight @ rows

    def entropy_rate(self) -> float:
        """Surprise per symbol of an endless sequence, in bits: the entropy of each context's row, weighted by how often it occurs.

        Raises
        ------
        ParameterError
            If more than 5000 contexts can occur.

        References
        ----------
        C. E. Shannon (1948), A mathematical theory of communication, Bell System Technical Journal 27, 379-423, section 7.

        Examples
        --------
        >>> markov_chain([[0.5, 0.5], [0.5, 0.5]]).entropy_rate(), markov_chain([[0.0, 1.0], [1.0, 0.0]]).entropy_rate()
        (1.0, 0.0)
        """
        rows, _, weight = self._long_run
        surprise = -np.where(rows > 0.0, rows * safe_log(np.where(rows > 0.0, rows, 1.0)), 0.0).sum(axis=1)
        return float(weight @ surprise / np.log(2.0)) + 0.0

    @cached_property
    def _long_run(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the contexts that can occur: the rows, the transitions between them, and the share of time spent in each."""
        contexts: dict[tuple[int, ...], int] = {(_BEFORE,) * self.order: 0}
        rows, edges, waiting = [], [], list(contexts)
        while waiting:
            context = waiting.pop()
            row = self._row(context)
            rows.append((contexts[context], row))
            for symbol in np.flatnonzero(row).tolist():
                following = (*context, symbol)[1:] if self.order else ()
                if following not in contexts:
                    contexts[following] = len(contexts)
                    waiting.append(following)
                    if len(contexts) > _MAX_STATES:
                        raise ParameterError(f"contexts that can occur must be at most {_MAX_STATES}; received a chain with more")
                edges.append((contexts[context], contexts[following], row[symbol]))
        transition = np.zeros((len(contexts), len(contexts)))
        for source, target, p in edges:
            transition[source, target] += p
        return np.stack([row for _, row in sorted(rows, key=lambda item: item[0])]), transition, _occupation(transition)


def _occupation(transition: np.ndarray) -> np.ndarray:
    """Share of time in each state in the long run, from state 0 on."""
    from scipy.sparse.csgraph import connected_components

    _, component = connected_components(transition > 0.0, directed=True, connection="strong")
    leaks = np.array([transition[np.ix_(component == c, component != c)].sum() for c in range(component.max() + 1)])
    closed = np.flatnonzero(leaks == 0.0)
    passing = np.flatnonzero(~np.isin(component, closed))
    weight = np.zeros(len(transition))
    if passing.size:  # expected visits of each state on the way, then where the way leads
        entry = np.zeros(passing.size)
        entry[np.searchsorted(passing, 0)] = 1.0  # state 0 is the beginning: it leads everywhere, so it is passing if any state is
        visits = np.linalg.solve(np.eye(passing.size) - transition[np.ix_(passing, passing)].T, entry)
    for c in closed:
        states = np.flatnonzero(component == c)
        system = np.eye(states.size) - transition[np.ix_(states, states)].T
        system[-1] = 1.0  # one equation is redundant: the shares sum to 1 instead
        share = np.linalg.solve(system, np.eye(states.size)[-1])
        weight[states] = share * ((visits @ transition[np.ix_(passing, states)]).sum() if passing.size else 1.0)
    return np.maximum(weight, 0.0) / np.maximum(weight, 0.0).sum()


def _windows(symbols: np.ndarray, order: int) -> np.ndarray:
    """Each symbol with the `order` before it, ``(n, order + 1)``."""
    padded = np.concatenate([np.full(order, _BEFORE), symbols])
    return np.lib.stride_tricks.sliding_window_view(padded, order + 1)


def fit_markov(sequences: Any, *, n_symbols: int, order: int = 1, smoothing: float = 0.0, backoff: float = 0.0) -> MarkovChain:
    """The chain of the most probable order-k statistics: count what follows each context, and divide.

    ``p(s | c) = (count(c, s) + smoothing + backoff * p(s | c')) / (count(c) + n_symbols * smoothing + backoff)``, where c' is c without its
    oldest symbol; below the empty context all symbols are equally likely. A context that never occurred takes the row of the longest
    shorter one that did.

    Parameters
    ----------
    sequences : list of array_like [shape=(length,)]
        Whole numbers from 0 to ``n_symbols - 1``. A beginning is a context of its own; for an end, append a symbol that means it.
    n_symbols : int from 1 to 1000000
        Symbols that there are.
    order : int from 0 to 16
        Symbols remembered.
    smoothing : float >= 0
        Added to every count (1 is Laplace's rule): what never followed becomes possible everywhere alike.
    backoff : float >= 0
        How many observations the shorter context counts for: what never followed becomes possible where it is usual. 0 is none.

    Returns
    -------
    chain : MarkovChain

    Raises
    ------
    ParameterError
        If an argument is out of range, or the tables would exceed 100 million numbers.

    References
    ----------
    D. J. C. MacKay, L. C. Bauman Peto (1995), A hierarchical Dirichlet language model, Natural Language Engineering 1(3), 289-308.

    Examples
    --------
    >>> fit_markov([[0, 1, 0, 1, 1]], n_symbols=2, smoothing=1.0).after([1])
    array([0.5, 0.5])
    >>> fit_markov([[0, 1, 0, 1, 1]], n_symbols=2, order=2).after([0, 0])  # never seen: what follows a 0
    array([0., 1.])
    """
    n_symbols = check_integer(n_symbols, name="n_symbols", low=1, high=_MAX_SYMBOLS)
    found = check_symbols(sequences, n_symbols=n_symbols)
    order = check_integer(order, name="order", low=0, high=_MAX_ORDER)
    smoothing = check_number(smoothing, name="smoothing", low=0.0)
    backoff = check_number(backoff, name="backoff", low=0.0)
    windows = np.concatenate([_windows(symbols, order) for symbols in found])
    contexts, rows = [], []
    shorter = np.full((1, n_symbols), 1.0 / n_symbols)  # of each window's context, one symbol shorter
    place = np.zeros(len(windows), dtype=np.int64)
    for j in range(order + 1):
        known, inverse = np.unique(windows[:, order - j : order], axis=0, return_inverse=True) if j else (np.zeros((1, 0), np.int64), place)
        if len(known) * n_symbols > _MAX_CELLS:
            raise ParameterError(f"contexts times n_symbols must be <= {_MAX_CELLS}; received {len(known)} times {n_symbols}")
        inverse = inverse.reshape(-1)
        counts = np.zeros((len(known), n_symbols))
        np.add.at(counts, (inverse, windows[:, -1]), 1.0)
        parent = np.zeros(len(known), dtype=np.int64)
        parent[inverse] = place
        weighted = counts + smoothing + backoff * shorter[parent]
        contexts.append(known)
        rows.append(weighted / weighted.sum(axis=1, keepdims=True))
        shorter, place = rows[-1], inverse
    return MarkovChain(order=order, n_symbols=n_symbols, contexts=tuple(contexts), rows=tuple(rows))


def markov_chain(probabilities: Any, *, start: Any = None) -> MarkovChain:
    """The chain of a table that is known.

    Parameters
    ----------
    probabilities : array_like [shape=(n_symbols,) * (order + 1)]
        ``[i, j]``: how likely j is after i; ``[h, i, j]`` after h and i. The last axis sums to 1.
    start : array_like [shape=(n_symbols,)], optional
        Probabilities of the first `order` symbols; all alike where not given.

    Returns
    -------
    chain : MarkovChain

    Raises
    ------
    ParameterError
        If the axes differ in length, or the numbers are no probabilities.

    Examples
    --------
    >>> markov_chain([[0.0, 1.0], [1.0, 0.0]], start=[1.0, 0.0]).sample(5, rng=0)
    array([0, 1, 0, 1, 0])
    """
    table = check_distribution(probabilities, name="probabilities")
    n_symbols, order = table.shape[-1], table.ndim - 1
    if set(table.shape) != {n_symbols} or order > _MAX_ORDER:
        raise ParameterError(f"probabilities must have axes of one length, at most {_MAX_ORDER + 1}; received shape {table.shape}")
    start = np.full(n_symbols, 1.0 / n_symbols) if start is None else check_distribution(start, name="start", shape=(n_symbols,))
    symbols = np.indices(table.shape[:-1]).reshape(order, -1).T if order else np.zeros((1, 0), np.int64)
    contexts, rows = [symbols.astype(np.int64)], [table.reshape(-1, n_symbols)]
    if order:  # a beginning has no row, so it is shortened to the empty context, whose row is `start`
        contexts = [np.zeros((int(j == 0), j), dtype=np.int64) for j in range(order)] + contexts
        rows = [start[None]] + [np.zeros((0, n_symbols))] * (order - 1) + rows
    return MarkovChain(order=order, n_symbols=n_symbols, contexts=tuple(contexts), rows=tuple(rows))
