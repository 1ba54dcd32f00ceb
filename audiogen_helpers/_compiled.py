"""Loops over samples, compiled by numba on their first call, so that importing a module costs nothing."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

__all__ = ["Compiled", "compiled", "compiled_fast", "widen"]


class Compiled:
    """A function of numbers and arrays that is compiled when it is first called; the machine code is kept on disk.

    ``py_func`` is the same function as plain Python, for tests. A compiled function may call others of its module.
    With `fastmath`, sums may be taken in another order, so that they fit the processor's wide registers; NaN means nothing there.

    Examples
    --------
    >>> @compiled
    ... def add_up(x):
    ...     total = 0.0
    ...     for value in x:
    ...         total += value
    ...     return total
    >>> add_up.py_func([1.0, 2.0])
    3.0
    """

    def __init__(self, function: Callable[..., Any], *, fastmath: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.py_func, self._fastmath = function, fastmath
        self._fast: Callable[..., Any] | None = None

    def compile(self) -> Callable[..., Any]:
        """The compiled function; compiles nothing by itself until it is called with arguments."""
        if self._fast is None:
            import numba

            f = self.py_func
            used = {name: f.__globals__[name] for name in f.__code__.co_names if name in f.__globals__}
            inner = {name: value.compile() for name, value in used.items() if isinstance(value, Compiled)}
            if inner:
                f = types.FunctionType(f.__code__, {**f.__globals__, **inner}, f.__name__, f.__defaults__, f.__closure__)
                f.__qualname__, f.__module__ = self.py_func.__qualname__, self.py_func.__module__
            self._fast = numba.njit(cache=True, fastmath=self._fastmath)(f)
        return self._fast

    def __call__(self, *arguments: Any) -> Any:
        return self.compile()(*arguments)


def compiled(function: Callable[..., Any]) -> Compiled:
    """Decorator: compile `function` with numba on its first call."""
    return Compiled(function)


def compiled_fast(function: Callable[..., Any]) -> Compiled:
    """Decorator: the same with `fastmath`."""
    return Compiled(function, fastmath=True)


class _Widen(Compiled):
    """:func:`widen`: inside a compiled loop one instruction, of the processor's own."""

    def compile(self) -> Callable[..., Any]:
        if self._fast is None:
            from llvmlite import ir
            from numba import types as kinds
            from numba.extending import intrinsic

            def widen(typing: Any, bits: Any) -> Any:
                def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                    return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

                return kinds.float32(kinds.int16), code

            self._fast = intrinsic(widen)
        return self._fast


def _widen(bits: Any) -> Any:
    """A number of half precision, given as the int16 of its bits, in single precision; for use inside compiled functions.

    Examples
    --------
    >>> import numpy as np
    >>> float(widen.py_func(np.float16(1.5).view(np.int16)))
    1.5
    """
    import numpy as np

    return np.float32(np.int16(bits).view(np.float16))


widen = _Widen(_widen)
