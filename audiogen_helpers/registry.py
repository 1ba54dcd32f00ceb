"""What exists: datasets, models and methods as plain data, so that listing them imports nothing heavy."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audiogen_helpers._validation import check_choice, check_integer, check_number, check_text, show
from audiogen_helpers.errors import ParameterError

__all__ = ["Entry", "Parameter", "Registry", "suggest"]


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

    def check(self, value: Any, *, sr: int | None = None) -> Any:
        """`value` as this setting takes it: of the type of the default, in range; below ``sr / 2`` if in Hz and `sr` is given."""
        if self.choices:
            return check_choice(value, name=self.name, choices=self.choices)
        if isinstance(self.default, str):
            return check_text(value, name=self.name)
        nyquist = sr / 2 if sr is not None and self.unit == "Hz" else None
        number = check_number(value, name=self.name, low=self.low, high=self.high, below=nyquist)
        return check_integer(value, name=self.name) if isinstance(self.default, int) else number

    def parse(self, text: str) -> Any:
        """A setting given as text, as on a command line, in the type of the default."""
        kind = type(self.default)
        try:
            return text if kind in (str, type(None)) else kind(text)
        except ValueError:
            raise ParameterError(f"{self.name} must be a value like {self.default!r}; received {text!r}") from None


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

    def settings(self, given: Mapping[str, Any], *, sr: int | None = None) -> dict[str, Any]:
        """All settings: the given ones, checked, and defaults for the rest.

        Parameters
        ----------
        given : mapping
            Some of the parameters, by name.
        sr : int, optional
            Sample rate, Hz: a given setting in Hz must then be below ``sr / 2`` (a default is lowered to 0.45 of the rate instead).

        Raises
        ------
        ParameterError
            If a setting is unknown (the message suggests the nearest), or has the wrong type or range.

        Examples
        --------
        >>> tone = Entry(name="tone", summary="", target="m:f", parameters=(Parameter(name="f0", default=220.0, unit="Hz", low=20.0),))
        >>> tone.settings({"f0": 440})
        {'f0': 440.0}
        >>> tone.settings({"f": 440})
        Traceback (most recent call last):
            ...
        audiogen_helpers.errors.ParameterError: settings of tone must be among f0; received 'f'; did you mean 'f0'?
        """
        known = {p.name: p for p in self.parameters}
        for name in given:
            if name not in known:
                listed = ", ".join(known) or "(none)"
                raise ParameterError(f"settings of {self.name} must be among {listed}; received {show(name)}{suggest(name, known)}")
        found = {}
        for name, p in known.items():
            default = p.default
            if sr is not None and p.unit == "Hz" and default is not None and default >= sr / 2:
                default = 0.45 * sr
            found[name] = p.check(given[name], sr=sr) if name in given else default
        return found


def suggest(name: Any, known: Mapping[str, Any]) -> str:
    """``"; did you mean 'rain'?"`` where a known name is near, nothing where none is."""
    near = difflib.get_close_matches(name, list(known), n=1) if isinstance(name, str) else []
    return f"; did you mean {near[0]!r}?" if near and near[0] != name else ""


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
            rule = f"{self.kind} must be one of {', '.join(self._entries)}"
            raise ParameterError(f"{rule}; received {show(name)}{suggest(name, self._entries)}") from None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
