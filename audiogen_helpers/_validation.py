"""Checks of arguments: each returns the cleaned value, or raises an error that names the argument, the rule and what arrived."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from audiogen_helpers.errors import ModelError, ParameterError

__all__ = ["check_array", "check_audio", "check_choice", "check_integer", "check_number", "check_shapes", "check_sr", "check_text", "show"]

MAX_SR = 768_000


def show(value: Any, *, limit: int = 80) -> str:
    """`value` as it appears in an error message: short, on one line."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _check_range(value: float, *, name: str, low: float | None, high: float | None, above: float | None, below: float | None) -> None:
    rules = (
        (low is not None and not value >= low, f">= {low:g}" if low is not None else ""),
        (above is not None and not value > above, f"> {above:g}" if above is not None else ""),
        (high is not None and not value <= high, f"<= {high:g}" if high is not None else ""),
        (below is not None and not value < below, f"< {below:g}" if below is not None else ""),
    )
    for broken, rule in rules:
        if broken:
            raise ParameterError(f"{name} must be {rule}; received {show(value)}")


def check_number(
    value: Any,
    *,
    name: str,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """A finite real number as ``float``, with ``low <= value <= high`` and ``above < value < below`` where given."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise ParameterError(f"{name} must be a number; received {show(value)}")
    number = float(value)
    if not np.isfinite(number):
        raise ParameterError(f"{name} must be finite; received {show(number)}")
    _check_range(number, name=name, low=low, high=high, above=above, below=below)
    return number


def check_integer(value: Any, *, name: str, low: int | None = None, high: int | None = None) -> int:
    """A whole number as ``int`` (``3.0`` counts, ``3.5`` and ``True`` do not), with ``low <= value <= high`` where given."""
    number = check_number(value, name=name)
    if number != int(number):
        raise ParameterError(f"{name} must be a whole number; received {show(value)}")
    _check_range(int(value), name=name, low=low, high=high, above=None, below=None)
    return int(value)


def check_sr(sr: Any, *, name: str = "sr") -> int:
    """A sample rate, Hz: a whole number from 1 to 768000."""
    return check_integer(sr, name=name, low=1, high=MAX_SR)


def check_choice(value: Any, *, name: str, choices: Collection[str]) -> str:
    """One of `choices`."""
    if value not in choices:
        raise ParameterError(f"{name} must be one of {', '.join(sorted(choices))}; received {show(value)}")
    return value


def check_text(value: Any, *, name: str) -> str:
    """A string with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise ParameterError(f"{name} must be a text that is not empty; received {show(value)}")
    return value


def check_array(
    value: Any,
    *,
    name: str,
    ndim: int | tuple[int, ...] | None = None,
    finite: bool = True,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> np.ndarray:
    """Real numbers as a float array (float32 stays, all else becomes float64), finite and in range where asked.

    The array is never changed in place by this package; it may share memory with `value`.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ParameterError(f"{name} must be an array of numbers; received {show(value)}") from error
    if array.dtype.kind not in "fiu":
        raise ParameterError(f"{name} must be an array of real numbers; received type {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if allowed is not None and array.ndim not in allowed:
        dims = " or ".join(str(d) for d in allowed)
        raise ParameterError(f"{name} must have {dims} dimension(s); received shape {array.shape}")
    if finite and not np.isfinite(array).all():
        n_bad = int(np.size(array) - np.isfinite(array).sum())
        if array.ndim == 0:
            raise ParameterError(f"{name} must be finite; received {show(float(array))}")
        raise ParameterError(f"{name} must be finite; received {n_bad} NaN or infinite value(s) among {array.size}")
    if array.size:
        if low is not None or above is not None:
            _check_range(float(array.min()), name=name, low=low, high=None, above=above, below=None)
        if high is not None or below is not None:
            _check_range(float(array.max()), name=name, low=None, high=high, above=None, below=below)
    return array


def check_audio(y: Any, *, name: str = "y", mono: bool = False, min_length: int = 1) -> np.ndarray:
    """A waveform ``(..., n)`` of finite floats with at least `min_length` samples; ``(n,)`` where `mono` is true.

    Whole numbers are refused: whether 1 means full scale or one step of 16 bits cannot be known
    (:func:`audiogen_helpers.audio.from_pcm` converts).
    """
    if np.asarray(y).dtype.kind in "iu":
        raise ParameterError(
            f"{name} must be floating point with full scale 1; received type {np.asarray(y).dtype} (audio.from_pcm converts integers)"
        )
    array = check_array(y, name=name)
    if array.ndim == 0:
        raise ParameterError(f"{name} must be a waveform (..., n); received a single number")
    if mono and array.ndim != 1:
        raise ParameterError(f"{name} must be mono, shape (n,); received shape {array.shape} (audio.to_mono mixes channels)")
    if array.shape[-1] < min_length or array.size == 0:
        raise ParameterError(f"{name} must have at least {min_length} sample(s); received shape {array.shape}")
    return array


def check_shapes(arrays: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """That a model's arrays are exactly those that its settings ask for, by name and shape; :class:`ModelError` where not."""
    found = {name: np.shape(array) for name, array in arrays.items()}
    if found != wanted:
        different = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))[0]
        raise ModelError(f"weights {different} must have shape {wanted.get(different)}; received {found.get(different)}")
