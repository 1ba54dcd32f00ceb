"""Schedules as pure functions: of the learning rate over a run, and of signal and noise along the way from noise to data.

A path mixes data and noise, ``x_t = alpha(t) data + sigma(t) noise``, at times from 0 (noise alone) to 1 (data). Whatever a network is
asked for along the way, noise, data, score or velocity, is a sum of the same two with coefficients of the time, so each tells the others.

Chapter: chapters/methods/flow.ipynb
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_choice, check_integer, check_number
from audiogen_helpers.deep.operations import NUMPY, Ops

__all__ = ["KINDS", "PATHS", "Path", "coefficients", "convert", "ema_decay", "log_snr", "mix", "predicted", "split", "step", "warm_cosine"]

BETA_MIN, BETA_MAX = 0.1, 20.0  # rates of the linear path at the data's and at the noise's end


@dataclass(frozen=True)
class Path:
    """How much data and how much noise there is at each time, and how fast that changes.

    Attributes
    ----------
    alpha, sigma : callable
        ``alpha(t, ops)``, ``sigma(t, ops)`` -> weights of data and noise at times `t`.
    alpha_slope, sigma_slope : callable
        Their derivatives.
    """

    alpha: Callable[[Any, Ops], Any]
    sigma: Callable[[Any, Ops], Any]
    alpha_slope: Callable[[Any, Ops], Any]
    sigma_slope: Callable[[Any, Ops], Any]


def _linear_alpha(t: Any, ops: Ops) -> Any:
    back = 1.0 - t
    return ops.exp(-0.5 * BETA_MIN * back - 0.25 * (BETA_MAX - BETA_MIN) * back * back)


def _linear_sigma(t: Any, ops: Ops) -> Any:
    back = 1.0 - t
    return ops.sqrt(-ops.expm1(-BETA_MIN * back - 0.5 * (BETA_MAX - BETA_MIN) * back * back))


def _linear_alpha_slope(t: Any, ops: Ops) -> Any:
    return 0.5 * (BETA_MIN + (BETA_MAX - BETA_MIN) * (1.0 - t)) * _linear_alpha(t, ops)


QUARTER = float(np.pi / 2.0)
PATHS = {
    "straight": Path(
        alpha=lambda t, ops: 1.0 * t,
        sigma=lambda t, ops: 1.0 - t,
        alpha_slope=lambda t, ops: 1.0 + 0.0 * t,
        sigma_slope=lambda t, ops: -1.0 + 0.0 * t,
    ),
    "cosine": Path(
        alpha=lambda t, ops: ops.sin(QUARTER * t),
        sigma=lambda t, ops: ops.cos(QUARTER * t),
        alpha_slope=lambda t, ops: QUARTER * ops.cos(QUARTER * t),
        sigma_slope=lambda t, ops: -QUARTER * ops.sin(QUARTER * t),
    ),
    "linear": Path(
        alpha=_linear_alpha,
        sigma=_linear_sigma,
        alpha_slope=_linear_alpha_slope,
        sigma_slope=lambda t, ops: -_linear_alpha(t, ops) * _linear_alpha_slope(t, ops) / _linear_sigma(t, ops),
    ),
}
KINDS = ("data", "noise", "velocity", "score", "v")


def mix(data: Any, noise: Any, t: Any, *, path: str, ops: Ops = NUMPY) -> Any:
    r"""Where the path of `data` and `noise` is at time `t`: :math:`x_t = \alpha(t)\,x_1 + \sigma(t)\,x_0`.

    Parameters
    ----------
    data, noise : array [shape=(n, ...)]
        Both ends, :math:`x_1` and :math:`x_0`.
    t : float or array that multiplies them, such as [shape=(n, 1)], 0 to 1
        Time: 0 is noise, 1 data.
    path : {'straight', 'cosine', 'linear'}
        ``straight``: :math:`\alpha = t,\ \sigma = 1 - t` (flow matching). The other two keep :math:`\alpha^2 + \sigma^2 = 1`
        (variance preserving): a quarter of a circle at even speed, and DDPM's schedule, whose rate of noise is linear in time.
    ops : Ops
        Whose arrays they are.

    References
    ----------
    J. Ho, A. Jain and P. Abbeel (2020), Denoising diffusion probabilistic models, NeurIPS; Y. Song et al. (2021), Score-based generative
    modeling through stochastic differential equations, ICLR; Y. Lipman et al. (2023), Flow matching for generative modeling, ICLR.

    Examples
    --------
    >>> [round(float(mix(1.0, 0.0, 0.5, path=path)), 3) for path in PATHS]
    [0.5, 0.707, 0.281]
    """
    chosen = _path(path)
    return chosen.alpha(t, ops) * data + chosen.sigma(t, ops) * noise


def log_snr(t: Any, *, path: str, ops: Ops = NUMPY) -> Any:
    r"""Logarithm of the signal-to-noise ratio, :math:`\log \alpha^2(t) / \sigma^2(t)`; rises from the noise to the data.

    Examples
    --------
    >>> [round(float(log_snr(0.8, path=path)), 3) for path in PATHS]
    [2.773, 2.248, 0.656]
    """
    chosen = _path(path)
    return 2.0 * (ops.log(chosen.alpha(t, ops)) - ops.log(chosen.sigma(t, ops)))


def coefficients(kind: str, t: Any, *, path: str, ops: Ops = NUMPY) -> tuple[Any, Any]:
    r"""What a prediction of this kind is made of: ``a, b`` with ``prediction = a data + b noise``.

    Parameters
    ----------
    kind : {'data', 'noise', 'velocity', 'score', 'v'}
        The data, the noise, the velocity :math:`\dot\alpha x_1 + \dot\sigma x_0`, the score :math:`-x_0 / \sigma`, which is the slope of
        the log density, or :math:`v = \alpha x_0 - \sigma x_1`.
    t, path, ops
        As for :func:`mix`.

    References
    ----------
    T. Salimans and J. Ho (2022), Progressive distillation for fast sampling of diffusion models, ICLR (v).

    Examples
    --------
    >>> coefficients("velocity", 0.3, path="straight")
    (1.0, -1.0)
    """
    kind, chosen = check_choice(kind, name="kind", choices=KINDS), _path(path)
    if kind == "data":
        return 1.0, 0.0
    if kind == "noise":
        return 0.0, 1.0
    if kind == "velocity":
        return chosen.alpha_slope(t, ops), chosen.sigma_slope(t, ops)
    if kind == "score":
        return 0.0, -1.0 / chosen.sigma(t, ops)
    return -chosen.sigma(t, ops), chosen.alpha(t, ops)


def predicted(kind: str, data: Any, noise: Any, t: Any, *, path: str, ops: Ops = NUMPY) -> Any:
    """What a network that predicts this `kind` should answer on the path of `data` and `noise` at time `t`: the target of training.

    Examples
    --------
    >>> float(predicted("velocity", 3.0, 1.0, 0.3, path="straight"))
    2.0
    """
    a, b = coefficients(kind, t, path=path, ops=ops)
    return a * data + b * noise


def split(x: Any, prediction: Any, t: Any, *, kind: str, path: str, ops: Ops = NUMPY) -> tuple[Any, Any]:
    r"""Data and noise from where one is and a prediction of any kind: two equations, two unknowns.

    It is as true of means given `x` as of a single path, because `x` is then known and all else is a sum.

    Parameters
    ----------
    x, prediction : array [shape=(n, ...)]
        :math:`x_t`, and the network's answer there.
    t, path, ops
        As for :func:`mix`. There is no answer where the kind says nothing new: noise and score at time 0, data at time 1.
    kind : str
        What was predicted, as for :func:`coefficients`.

    Returns
    -------
    data, noise : arrays of the shape of `x`

    Examples
    --------
    >>> x = mix(3.0, 1.0, 0.3, path="cosine")
    >>> v = predicted("v", 3.0, 1.0, 0.3, path="cosine")
    >>> [round(float(part), 6) for part in split(x, v, 0.3, kind="v", path="cosine")]
    [3.0, 1.0]
    """
    chosen = _path(path)
    alpha, sigma = chosen.alpha(t, ops), chosen.sigma(t, ops)
    a, b = coefficients(kind, t, path=path, ops=ops)
    determinant = alpha * b - sigma * a
    return (b * x - sigma * prediction) / determinant, (alpha * prediction - a * x) / determinant


def convert(x: Any, prediction: Any, t: Any, *, kind: str, to: str, path: str, ops: Ops = NUMPY) -> Any:
    """A prediction of one kind as one of another: :func:`split`, then :func:`predicted`.

    Examples
    --------
    >>> float(convert(0.7, 2.0, 0.5, kind="velocity", to="data", path="straight"))
    1.7
    """
    data, noise = split(x, prediction, t, kind=kind, path=path, ops=ops)
    return predicted(to, data, noise, t, path=path, ops=ops)


def step(data: Any, noise: Any, t: float, later: float, *, path: str, fresh: Any = 0.0, churn: float = 0.0) -> Any:
    r"""From time `t` to a `later` one, by the data and noise that one believes in at `t`.

    With ``churn=0`` it goes on with the same noise (DDIM: no dice). With ``churn=1`` so much of it is replaced by `fresh` noise that the
    step is a draw from :math:`q(x_s \mid x_t, x_1)` (DDPM's ancestral sampling). In between, in between.

    Parameters
    ----------
    data, noise : np.ndarray [shape=(n, ...)]
        Of :func:`split` at time `t`.
    t, later : float, ``0 <= t <= later <= 1``
        Times.
    path : str
        As for :func:`mix`.
    fresh : np.ndarray of the same shape
        Standard normal numbers.
    churn : float, 0 to 1
        Share of the full draw.

    References
    ----------
    J. Song, C. Meng and S. Ermon (2021), Denoising diffusion implicit models, ICLR, equation 16.

    Examples
    --------
    >>> float(step(3.0, 1.0, 0.2, 0.6, path="straight")) == float(mix(3.0, 1.0, 0.6, path="straight"))
    True
    """
    chosen = _path(path)
    alpha, sigma = float(chosen.alpha(t, NUMPY)), float(chosen.sigma(t, NUMPY))
    alpha_next, sigma_next = float(chosen.alpha(later, NUMPY)), float(chosen.sigma(later, NUMPY))
    kept = alpha * sigma_next / alpha_next if alpha_next else sigma  # of sigma, what the later time's noise accounts for
    drawn = churn * sigma_next / sigma * max(sigma**2 - kept**2, 0.0) ** 0.5 if sigma else 0.0
    return alpha_next * data + max(sigma_next**2 - drawn**2, 0.0) ** 0.5 * noise + drawn * fresh


def _path(path: str) -> Path:
    return PATHS[check_choice(path, name="path", choices=tuple(PATHS))]


def warm_cosine(step: int, *, steps: int, peak: float, warmup: int = 200) -> float:
    """Learning rate of a step: a linear rise to `peak`, then half a cosine down to nearly 0 at the end.

    Parameters
    ----------
    step : int, 0 to ``steps - 1``
        Which step.
    steps : int >= 1
        Length of the run.
    peak : float > 0
        Highest rate.
    warmup : int >= 0
        Steps of the rise; never more than a tenth of the run.

    Returns
    -------
    rate : float in (0, peak]

    Examples
    --------
    >>> [round(warm_cosine(k, steps=1000, peak=1.0, warmup=100), 3) for k in (0, 99, 549, 999)]
    [0.01, 1.0, 0.501, 0.0]
    """
    steps = check_integer(steps, name="steps", low=1)
    step = check_integer(step, name="step", low=0, high=steps - 1)
    rise = min(check_integer(warmup, name="warmup", low=0), steps // 10)
    if step < rise:
        return float(peak * (step + 1) / rise)
    return float(check_number(peak, name="peak", above=0.0) * 0.5 * (1.0 + np.cos(np.pi * (step + 1 - rise) / (steps + 1 - rise))))


def ema_decay(step: int, *, steps: int, longest: float = 0.999) -> float:
    """Decay of the moving average of the weights at a step.

    The average looks back over a twentieth of the run (at most ``1 / (1 - longest)`` steps), and over less at the start, where
    the first weights must be forgotten fast.

    Examples
    --------
    >>> ema_decay(0, steps=10_000), ema_decay(9_999, steps=10_000), ema_decay(99, steps=100)
    (0.1, 0.998, 0.8)
    """
    steps = check_integer(steps, name="steps", low=1)
    step = check_integer(step, name="step", low=0)
    return float(min(longest, 1.0 - min(1.0, 20.0 / steps), (1.0 + step) / (10.0 + step)))
