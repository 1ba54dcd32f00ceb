"""A tune as a picture: the piano roll, a bar for each note, higher for higher pitches, longer for longer notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from audiogen_helpers._validation import check_array, check_integer
from audiogen_helpers.display.pictures import COLORS
from audiogen_helpers.display.plots import axes_or_new
from audiogen_helpers.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_notes"]

_NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_WHITE, _FEW = (0, 2, 4, 5, 7, 9, 11), (0, 4, 7)  # of a piano's keys: those named, and those where there are more than an octave


def plot_notes(notes: Any, *, ax: Axes | None = None, bar: int = 16, pickup: int = 0, color: str = COLORS[0]) -> Axes:
    """Draw the notes of a tune over time.

    Parameters
    ----------
    notes : array_like [shape=(n, 2) or (n, 3)]
        MIDI number (-1 is a rest, which stays empty) and length in sixteenths of each note; where a third column is not 0, a phrase ends,
        and a line is drawn after the note.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's where it is not given.
    bar : int >= 1
        Sixteenths from one faint bar line to the next.
    pickup : int >= 0
        Sixteenths before the first bar line.
    color : str
        Of the notes.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Time in quarter notes; from bottom to top the white keys of a piano are named (of more than an octave C, E and G, of few keys all).

    Raises
    ------
    ParameterError
        If there is no note, or a number is out of its range.

    Examples
    --------
    >>> ax = plot_notes([[60, 4], [-1, 4], [64, 8]])
    >>> ax.get_xlim(), [tick.get_text() for tick in ax.get_yticklabels()]
    ((np.float64(0.0), np.float64(4.0)), ['C4', 'D4', 'E4'])
    """
    table = check_array(notes, name="notes", ndim=2, low=-1, high=1e6)
    if not len(table) or table.shape[1] not in (2, 3) or table[:, 0].max() < 0 or table[:, 0].max() > 127 or table[:, 1].min() <= 0:
        raise ParameterError(
            f"notes must be rows of a MIDI number up to 127 and a length above 0, with at least one pitch; received shape {table.shape}"
        )
    bar, pickup = check_integer(bar, name="bar", low=1), check_integer(pickup, name="pickup", low=0)
    ax = axes_or_new(ax)
    ends = np.cumsum(table[:, 1]) / 4.0
    starts, sung = ends - table[:, 1] / 4.0, table[:, 0] >= 0
    low, high = int(table[sung, 0].min()), int(table[sung, 0].max())
    for line in np.arange(pickup / 4.0, ends[-1], bar / 4.0):
        ax.axvline(line, color="#dddddd", linewidth=0.8, zorder=0)
    gap = min(0.06, float(table[:, 1].min()) / 16.0)  # a repeated note begins anew
    ax.barh(table[sung, 0], (ends - starts)[sung] - gap, left=starts[sung], height=0.8, color=color, edgecolor="none")
    if table.shape[1] == 3:
        ax.vlines(ends[table[:, 2] != 0], low - 1, high + 1, colors=COLORS[1], linewidth=1.2)
    named = _WHITE if high - low <= 12 else _FEW
    keys = [key for key in range(low, high + 1) if key % 12 in named or high - low < 3]
    ax.set_yticks(keys, [f"{_NAMES[key % 12]}{key // 12 - 1}" for key in keys])
    ax.set(xlim=(0.0, ends[-1]), ylim=(low - 1, high + 1), xlabel="time (quarter notes)", ylabel="pitch")
    return ax
