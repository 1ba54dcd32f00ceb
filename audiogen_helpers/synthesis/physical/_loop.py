"""The loop of a string: a delay line, then a loss filter, a fractional delay and, for a stiff string, a chain of all-passes.

A string of pitch f0 has a loop of ``sr / f0`` samples, and every filter in it counts with its phase delay at f0. All of them are known
in closed form, so the rest, a fraction of a sample, can be made up: the pole of the first partial is put where pitch and decay want it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._streams import Stream
from audiogen_helpers._validation import check_number
from audiogen_helpers.synthesis.physical._shared import PIECE

__all__ = ["Loop", "go_round", "string_loop"]

_CHAIN = 8  # all-passes of a stiff string, where there is room for them
_SILENT = 1e-25  # what is left of a string is then set to 0: denormal numbers are slow


class Loop(NamedTuple):
    """A loop of samples: a delay, then ``(b0 + b1 / z) / (1 - a1 / z)``, then all-passes ``(c + 1 / z) / (1 + c / z)``."""

    delay: int  # samples
    b0: float
    b1: float
    a1: float
    fraction: float  # coefficient of the tuning all-pass
    dispersion: float  # coefficient of each all-pass of the chain
    n_chain: int


def string_loop(f0: float, *, sr: int, decay: float, damping: float = 0.0, stiffness: float = 0.0) -> Loop:
    """The loop of a string: its filters and the delay that is left when theirs are counted.

    Parameters
    ----------
    f0 : float > 0
        Pitch, Hz; at least 2.6 samples must fit into a period.
    sr : int > 0
        Sample rate, Hz.
    decay, damping, stiffness : float
        As for `karplus_strong`.

    Returns
    -------
    loop : Loop

    Raises
    ------
    ParameterError
        If the period is too short.

    Examples
    --------
    >>> string_loop(100.0, sr=8000, decay=1.0).delay  # the tuning all-pass makes up for the rest
    79
    """
    period = sr / check_number(f0, name="f0", above=0.0, below=sr / 2.6)
    w = 2.0 * np.pi / period
    z = np.exp(complex(-3.0 * np.log(10.0) / (sr * decay), w))  # the pole: one turn in a period, 60 dB in `decay`
    loss_pole = _loss_pole(w, damping * 60.0 / (f0 * decay))
    loss = (1.0 - loss_pole) / (1.0 - loss_pole / z)
    left = period - _delay(loss, w)
    n_chain = max(0, min(_CHAIN, int(left / 4.0) - 1)) if stiffness > 0.0 else 0
    dispersion = _dispersion(stiffness, period, n_chain) if n_chain else 0.0
    left -= n_chain * _delay(_all_pass(dispersion, z), w)
    delay = int(np.floor(left - 0.3))
    fraction = want = left - delay  # from 0.3 to 1.3 samples
    for _ in range(6):  # the closed form holds for a pole on the unit circle; here it lies a little inside
        c = float(np.sin(0.5 * (1.0 - want) * w) / np.sin(0.5 * (1.0 + want) * w))
        want += fraction - _delay(_all_pass(c, z), w)
    others = abs(loss * _all_pass(c, z) * _all_pass(dispersion, z) ** n_chain * z**-delay)
    gain = min(1.0, 1.0 / others)  # the loop returns what was there, z to the power of a period ago
    return Loop(delay, gain * (1.0 - loss_pole), 0.0, loss_pole, c, dispersion, n_chain)


def _loss_pole(w: float, loss_db: float) -> float:
    """Pole a of the low-pass ``(1 - a) / (1 - a / z)``, 1 at frequency 0, that loses `loss_db` at w radians per sample.

    Its squared gain is ``1 / (1 + 4 c sin(w / 2)**2)`` with ``c = a / (1 - a)**2``.
    """
    c = (10.0 ** (loss_db / 10.0) - 1.0) / (4.0 * np.sin(0.5 * w) ** 2)
    return float(2.0 * c / (1.0 + 2.0 * c + np.sqrt(1.0 + 4.0 * c)))


def _all_pass(c: float, z: complex) -> complex:
    return (c + 1.0 / z) / (1.0 + c / z)


def _delay(h: complex, w: float) -> float:
    """Phase delay of a filter with the value h at w radians per sample, samples."""
    return float(-np.angle(h) / w)


def _dispersion(stiffness: float, period: float, n: int) -> float:
    """Coefficient of n equal all-passes that make high partials sharp as a stiff string does.

    The loop must be shorter by ``B period**3 w**2 / (8 pi**2)`` at w; an all-pass of delay D at 0 is shorter by ``(D**3 - D) w**2 / 12``.
    """
    want = 12.0 * stiffness * period**3 / (8.0 * np.pi**2 * n)
    roots = np.roots([1.0, 0.0, -1.0, -want])
    delay = float(roots[np.abs(roots.imag) < 1e-9].real.max())
    return (1.0 - delay) / (1.0 + delay)


def go_round(loop: Loop, excitation: np.ndarray, *, past: np.ndarray | None = None) -> Stream:
    """What goes round the loop, piece by piece, for ever; the excitation is added as it passes. `past` is the round before, if any."""
    z = np.zeros(loop.delay + PIECE)
    state, chain = np.zeros(3), np.zeros((2, max(loop.n_chain, 1)))
    if past is not None:
        z[PIECE:] = past[2:]
        state[:2] = past[1], loop.b0 * past[1] + loop.b1 * past[0]
    at = 0
    while True:
        z[: loop.delay] = z[PIECE:].copy()
        z[loop.delay :] = 0.0
        fed = excitation[at : at + PIECE]
        z[loop.delay : loop.delay + len(fed)] = fed
        at += PIECE
        _turn(z, loop.delay, loop.b0, loop.b1, loop.a1, loop.fraction, loop.dispersion, loop.n_chain, state, chain)
        z[np.abs(z) < _SILENT] = 0.0
        yield z[loop.delay :].copy()


@compiled
def _turn(z, delay, b0, b1, a1, fraction, dispersion, n_chain, state, chain):
    """Add to each sample of z, from `delay` on, what comes back of the one `delay` before. No index wraps: z holds its own past."""
    x1, v1, u1 = state[0], state[1], state[2]
    for n in range(len(z) - delay):
        x = z[n]
        v = b0 * x + b1 * x1 + a1 * v1
        u = fraction * (v - u1) + v1
        x1 = x
        v1 = v
        u1 = u
        for j in range(n_chain):
            out = dispersion * (u - chain[1, j]) + chain[0, j]
            chain[0, j] = u
            chain[1, j] = out
            u = out
        z[delay + n] += u
    state[0] = x1
    state[1] = v1
    state[2] = u1
