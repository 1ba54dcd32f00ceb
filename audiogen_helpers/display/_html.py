"""A piece of HTML that a notebook shows."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape

__all__ = ["Html", "attribute", "data_uri"]


@dataclass(frozen=True, repr=False)
class Html:
    """What `play`, `compare` and `figure` return: a notebook shows `html`, a terminal prints `text`.

    Like any value it is shown where it is the last line of a cell, or by ``IPython.display.display``.
    """

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def attribute(text: str) -> str:
    """Text as it may stand in an attribute between double quotes."""
    return escape(" ".join(text.split()), quote=True)


def data_uri(data: bytes, *, mime: str) -> str:
    """Bytes as a ``data:`` address."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
