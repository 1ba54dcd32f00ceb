"""How a training run's settings move with its steps: pure functions of the step, planned for the whole length."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_integer, check_number

__all__ = ["ema_decay", "warm_cosine"]


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
