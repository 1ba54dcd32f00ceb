"""Scores from what a recogniser says of clips: how many are what they should be, how sure and how varied it finds them.

Conventions: `probabilities` is ``(n, k)``, a row per clip, a column per label, rows sum to 1; `labels` are whole numbers
``(n,)`` from 0 to ``k - 1``; `embeddings` are ``(n, d)``. A score says nothing about sound that the recogniser cannot tell
apart: its own accuracy on real clips belongs beside every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._validation import check_array, check_integer, check_number
from audiogen_helpers.errors import ParameterError

__all__ = ["Recognition", "frechet_distance", "inception_score", "recognition_rate", "wilson_interval"]


@dataclass(frozen=True, kw_only=True)
class Recognition:
    """What :func:`recognition_rate` found.

    Attributes
    ----------
    rate : float, 0 to 1
        Share of clips that are recognised as their label.
    low, high : float, 0 to 1
        Its 95 % confidence interval (:func:`wilson_interval`).
    n : int
        Clips.
    label_names : tuple of str
        The k labels.
    confusion : np.ndarray [shape=(k, k), int64]
        Clips of the row's label that were recognised as the column's.
    """

    rate: float
    low: float
    high: float
    n: int
    label_names: tuple[str, ...]
    confusion: np.ndarray

    @property
    def per_label(self) -> dict[str, tuple[int, float]]:
        """Of each label that has clips: how many, and the share recognised."""
        counts = self.confusion.sum(axis=1)
        return {
            name: (int(n), float(self.confusion[i, i] / n)) for i, (name, n) in enumerate(zip(self.label_names, counts, strict=True)) if n
        }


def recognition_rate(probabilities: ArrayLike, labels: ArrayLike, *, label_names: Sequence[str] | None = None) -> Recognition:
    """Share of clips whose most probable label is the one they were meant to be.

    Parameters
    ----------
    probabilities : array_like [shape=(n, k)], n >= 1
        Of a recogniser. Where two labels are equally probable the first counts.
    labels : array_like of int [shape=(n,)], 0 to k - 1
        What each clip was meant to be.
    label_names : sequence of k str, optional
        ``'0'``, ``'1'``, ... by default.

    Returns
    -------
    recognition : Recognition
        Rate from 0 to 1 (guessing gives 1 / k where labels are equally frequent), its interval, and the confusion matrix. Blind to
        variety and copies: one clear clip per label, repeated, has the rate 1. Deaf to faults that do not confuse the recogniser.

    Raises
    ------
    ParameterError
        If rows do not sum to 1, or shapes or labels do not fit.

    Examples
    --------
    >>> found = recognition_rate([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]], [0, 1, 1])
    >>> round(found.rate, 3), found.confusion.tolist(), found.per_label["1"]
    (0.667, [[1, 0], [1, 1]], (2, 0.5))
    """
    p = _check_probabilities(probabilities)
    n, k = p.shape
    found = _check_labels(labels, n=n, k=k)
    names = tuple(str(i) for i in range(k)) if label_names is None else tuple(label_names)
    if len(names) != k:
        raise ParameterError(f"label_names must have one name per column of probabilities, {k}; received {len(names)}")
    confusion = np.zeros((k, k), dtype=np.int64)
    np.add.at(confusion, (found, p.argmax(axis=1)), 1)
    right = int(np.trace(confusion))
    low, high = wilson_interval(right, n)
    return Recognition(rate=right / n, low=low, high=high, n=n, label_names=names, confusion=confusion)


def wilson_interval(successes: int, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    r"""Wilson's confidence interval of a share, which stays within 0 to 1 and is honest for 0 and n successes too.

    Parameters
    ----------
    successes : int, 0 to n
        How often it happened.
    n : int >= 1
        Out of how many.
    z : float > 0
        Quantile of the normal distribution: 1.96 for 95 %.

    Returns
    -------
    low, high : float
        The p with :math:`|\hat p - p| \le z \sqrt{p (1 - p) / n}`.

    References
    ----------
    E. B. Wilson (1927), J. Am. Stat. Assoc. 22(158), 209-212.

    Examples
    --------
    >>> [round(p, 3) for p in wilson_interval(190, 200)]
    [0.91, 0.973]
    """
    n = check_integer(n, name="n", low=1)
    successes = check_integer(successes, name="successes", low=0, high=n)
    z = check_number(z, name="z", above=0.0)
    share, weight = successes / n, 1.0 + z * z / n
    middle = (share + z * z / (2 * n)) / weight
    half = z / weight * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return (0.0 if successes == 0 else middle - half), (1.0 if successes == n else middle + half)


def inception_score(probabilities: ArrayLike) -> float:
    r"""Inception Score, :math:`\exp\big(\frac1n \sum_i \mathrm{KL}(p_i \,\|\, \bar p)\big)`: sure of each clip, and every label heard.

    Parameters
    ----------
    probabilities : array_like [shape=(n, k)], n >= 2
        Calibrated probabilities of a recogniser. An over-sure recogniser inflates the score.

    Returns
    -------
    score : float, 1 to k
        1: every clip gets the same answer (a collapsed generator, or one that says nothing clearly). k: every clip is
        surely one label, all labels equally often. It does not see whether clips of one label differ (see
        :func:`audiogen_helpers.evaluation.diversity`), and is a little too low for few clips.

    Raises
    ------
    ParameterError
        If there are fewer than 2 rows, or they do not sum to 1.

    References
    ----------
    T. Salimans et al. (2016), Improved techniques for training GANs, NeurIPS 29. S. Barratt and R. Sharma (2018), A note on
    the Inception Score, arXiv:1801.01973.

    Examples
    --------
    >>> inception_score(np.eye(10)), inception_score(np.full((10, 10), 0.1))
    (10.0, 1.0)
    """
    p = _check_probabilities(probabilities)
    n, k = p.shape
    if n < 2:
        raise ParameterError(f"probabilities must have at least 2 rows for an Inception Score; received {n}")
    mean = p.mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0.0, p * (np.log(p) - np.log(mean)), 0.0)
    return float(np.clip(np.round(np.exp(terms.sum() / n), 12), 1.0, k))


def frechet_distance(embeddings: ArrayLike, reference: ArrayLike) -> float:
    r"""Fréchet distance of two sets of embeddings, each taken as a normal distribution.

    Parameters
    ----------
    embeddings : array_like [shape=(n, d)], n >= 2
        Of generated clips.
    reference : array_like [shape=(m, d)], m >= 2
        Of real ones.

    Returns
    -------
    distance : float >= 0
        :math:`\|\mu_1 - \mu_2\|^2 + \mathrm{tr}\big(C_1 + C_2 - 2 (C_1 C_2)^{1/2}\big)`, in squared units of the embeddings: to
        be read only beside the distance of as many real clips. Few clips make it larger
        (:func:`audiogen_helpers.evaluation.extrapolated_frechet_distance`). It sees means and covariances only: clusters that fill
        the same ellipse as real clips do, or copies of them, read as perfect.

    References
    ----------
    D. C. Dowson and B. V. Landau (1982), J. Multivariate Anal. 12, 450-455. K. Kilgour et al. (2019), Fréchet Audio Distance,
    Interspeech 2019.

    Examples
    --------
    >>> a = np.array([[0.0], [2.0]])
    >>> frechet_distance(a, a + 3.0), frechet_distance(a, 2.0 * a)
    (9.0, 3.0)
    """
    a = check_array(embeddings, name="embeddings", ndim=2).astype(np.float64)
    b = check_array(reference, name="reference", ndim=2).astype(np.float64)
    if len(a) < 2 or len(b) < 2 or a.shape[1] != b.shape[1]:
        raise ParameterError(f"embeddings and reference must be (n >= 2, d) with the same d; received shapes {a.shape} and {b.shape}")
    a_mean, b_mean = a.mean(axis=0), b.mean(axis=0)
    a_dev, b_dev = (a - a_mean) / np.sqrt(len(a) - 1), (b - b_mean) / np.sqrt(len(b) - 1)
    # tr (C1 C2)^(1/2) is the sum of the singular values of A B^T where C1 = A^T A and C2 = B^T B: no matrix root is needed, and so
    # none can turn imaginary. Triangles with the same C1 and C2 stand for A and B, so that the product is (d, d) at most.
    a_triangle, b_triangle = (np.asarray(np.linalg.qr(dev, mode="r")) for dev in (a_dev, b_dev))
    cross = np.linalg.svd(a_triangle @ b_triangle.T, compute_uv=False).sum()
    distance = np.sum((a_mean - b_mean) ** 2) + np.sum(a_dev**2) + np.sum(b_dev**2) - 2.0 * cross
    return float(np.round(max(distance, 0.0), 12))


def _check_probabilities(probabilities: ArrayLike) -> np.ndarray:
    p = check_array(probabilities, name="probabilities", ndim=2, low=0.0).astype(np.float64)
    if not p.shape[0] or not p.shape[1]:
        raise ParameterError(f"probabilities must have at least one row and one column; received shape {p.shape}")
    sums = p.sum(axis=1)
    if not np.allclose(sums, 1.0, atol=1e-4):
        raise ParameterError(f"probabilities must have rows that sum to 1; received sums from {sums.min():.4g} to {sums.max():.4g}")
    return p / sums[:, None]


def _check_labels(labels: ArrayLike, *, n: int, k: int) -> np.ndarray:
    found = check_array(labels, name="labels", ndim=1, low=0, high=k - 1)
    if len(found) != n or not np.array_equal(found, np.floor(found)):
        raise ParameterError(f"labels must be {n} whole numbers, one per row of probabilities; received {len(found)} number(s)")
    return found.astype(np.int64)
