"""Matrix products in one thread: faster where matrices are small, and the same bytes on any number of cores."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

__all__ = ["in_one_thread", "one_thread"]

P = ParamSpec("P")
R = TypeVar("R")


def one_thread() -> contextlib.AbstractContextManager[Any]:
    """In this context numpy multiplies matrices in one thread (where `threadpoolctl`, which scikit-learn brings, can tell it to).

    The products of a block are small: threads wait for each other longer than they work, by far on a busy machine. And sums that do not
    depend on the number of threads make the same seed give the same bytes on machines with any number of cores.
    """
    control = _thread_control()
    return contextlib.nullcontext() if control is None else control.limit(limits=1, user_api="blas")


@functools.cache
def _thread_control() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def in_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """The function, run within :func:`one_thread`."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with one_thread():
            return function(*args, **kwargs)

    return run
