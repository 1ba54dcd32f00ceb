"""How far a training run is: one live line in a terminal, a few plain lines in a notebook or a file, or a function of one's own."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from audiogen_helpers._validation import show
from audiogen_helpers.errors import ParameterError

__all__ = ["ProgressLike", "Reporter", "reporter"]

ProgressLike: TypeAlias = "bool | Callable[[int, int, Mapping[str, float]], None]"

# A page or a log file gets about this many lines, whatever the run's length.
LINES = 10


class Reporter:
    """Shows nothing. The base of the others: :meth:`start`, then :meth:`update` at every row of the log, then :meth:`stop`."""

    def start(self, step: int, steps: int) -> None:
        """Training is about to take step number `step` (from 0) of `steps`."""

    def update(self, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        """`step` steps are done; `metrics` are means since the last call."""

    def stop(self) -> None:
        """Training ended, well or not."""


class _Lines(Reporter):
    """About ten plain lines on stdout, spread evenly over the steps."""

    def start(self, step: int, steps: int) -> None:
        self._first, self._began, self._line = step, time.perf_counter(), step * LINES // steps

    def update(self, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        if step * LINES // steps > self._line:
            self._line = step * LINES // steps
            print(_line(step, steps, metrics, self._began, self._first), flush=True)


class _Live(Reporter):
    """One line that rewrites itself in a terminal."""

    def start(self, step: int, steps: int) -> None:
        from rich.console import Console
        from rich.live import Live

        self._first, self._began = step, time.perf_counter()
        self._live = Live(console=Console(file=sys.stdout), refresh_per_second=4)
        self._live.start()

    def update(self, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        from rich.text import Text

        done = int(20 * step / steps)
        bar = "━" * done + "╌" * (20 - done)
        self._live.update(Text(f"{bar} {_line(step, steps, metrics, self._began, self._first)}", overflow="ellipsis", no_wrap=True))

    def stop(self) -> None:
        self._live.stop()


class _Call(Reporter):
    def __init__(self, function: Callable[[int, int, Mapping[str, float]], None]) -> None:
        self._function = function

    def update(self, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        self._function(step, steps, metrics)


def reporter(progress: ProgressLike) -> Reporter:
    """The reporter for a `progress` argument.

    Parameters
    ----------
    progress : bool or callable
        ``True``: a live line where stdout is a terminal, else about ten plain lines on stdout (a notebook, a log file).
        ``False``: nothing. A callable is called with ``(step, steps, metrics)`` at every row of the log.

    Examples
    --------
    >>> show = reporter(lambda step, steps, metrics: print(f"{step}/{steps}: {metrics['loss']:.1f}"))
    >>> show.update(5, 10, {"loss": 0.5})
    5/10: 0.5
    """
    if callable(progress):
        return _Call(progress)
    if not isinstance(progress, bool):
        raise ParameterError(f"progress must be True, False or callable; received {show(progress)}")
    if not progress:
        return Reporter()
    return _Live() if sys.stdout.isatty() else _Lines()


def _line(step: int, steps: int, metrics: Mapping[str, float], began: float, first: int) -> str:
    seconds = time.perf_counter() - began
    left = seconds / max(step - first, 1) * (steps - step)
    values = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
    return f"step {step}/{steps}  {values}  {seconds:.0f} s, {left:.0f} s left"
