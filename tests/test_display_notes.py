"""The piano roll: a bar for each note, where and how long it is; rests empty; phrases and bars marked."""

import numpy as np
import pytest

from audiogen_helpers import display
from audiogen_helpers.errors import ParameterError

TUNE = [[60, 4, 0], [62, 2, 0], [62, 2, 1], [-1, 4, 0], [72, 8, 1]]


def test_each_note_is_a_bar_where_it_sounds():
    ax = display.plot_notes(TUNE)
    bars = [(p.get_x(), p.get_width(), p.get_y() + p.get_height() / 2) for p in ax.patches]
    assert [round(x, 3) for x, _, _ in bars] == [0.0, 1.0, 1.5, 3.0]
    assert [round(y) for _, _, y in bars] == [60, 62, 62, 72]
    np.testing.assert_allclose([w for _, w, _ in bars], [1.0, 0.5, 0.5, 2.0], atol=0.07)
    assert bars[1][0] + bars[1][1] < bars[2][0]  # a repeated note begins anew
    assert tuple(map(float, ax.get_xlim())) == (0.0, 5.0)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5"]


def test_phrases_and_bars_are_marked():
    ax = display.plot_notes(TUNE, pickup=4, bar=8)
    assert sorted({float(line.get_xdata()[0]) for line in ax.lines}) == [1.0, 3.0]
    (marks,) = ax.collections
    assert [segment[0][0] for segment in marks.get_segments()] == [2.0, 5.0]
    assert not display.plot_notes([row[:2] for row in TUNE]).collections


def test_it_draws_where_it_is_told():
    _, ax = display.subplots()
    assert display.plot_notes(TUNE, ax=ax) is ax


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"notes": []}, "dimension"),
        ({"notes": [[-1, 4]]}, "at least one pitch"),
        ({"notes": [[60, 0]]}, "length above 0"),
        ({"notes": [[128, 4]]}, "up to 127"),
        ({"notes": [[60]]}, "rows"),
        ({"notes": [[60, np.nan]]}, "finite"),
        ({"bar": 0}, "bar must be >= 1"),
        ({"pickup": -1}, "pickup must be >= 0"),
        ({"ax": 3}, "ax must be matplotlib axes"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ParameterError, match=message):
        display.plot_notes(**{"notes": TUNE, **options})
