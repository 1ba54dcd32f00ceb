"""What exists: datasets, models and methods as plain data, so that listing them imports nothing heavy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audiogen_helpers._validation import show
from audiogen_helpers.errors import ParameterError

__all__ = ["Entry", "Parameter", "Registry"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One setting of a registered thing: its unit, range and default."""

    name: str
    default: Any
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A name, one sentence, and where the code is: ``'package.module:function'``, imported by :meth:`load` only."""

    name: str
    summary: str
    target: str
    parameters: tuple[Parameter, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Callable[..., Any]:
        """Import and return what `target` names."""
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


class Registry(Mapping[str, Entry]):
    """Entries of one kind by name, in the order given.

    Parameters
    ----------
    kind : str
        What the entries are, for error messages: ``'model'``.
    entries : Entry
        At least one; names must differ.

    Examples
    --------
    >>> shapes = Registry("shape", Entry(name="root", summary="Square root.", target="math:sqrt"))
    >>> shapes["root"].load()(9.0)
    3.0
    >>> shapes["cube"]
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ParameterError: shape must be one of root; received 'cube'
    """

    def __init__(self, kind: str, *entries: Entry) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise ParameterError(f"{kind} names must differ; received {[entry.name for entry in entries]}")

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise ParameterError(f"{self.kind} must be one of {', '.join(self._entries)}; received {show(name)}") from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
