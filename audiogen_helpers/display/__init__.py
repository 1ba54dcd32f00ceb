"""Sound and pictures in a notebook page: players, comparisons, explorers, figures with alternative text, plots.

What is shown is plain HTML with everything inside, so it is the same in JupyterLab, in Colab and in the book.

Examples
--------
>>> import numpy as np
>>> y = 0.5 * np.sin(2 * np.pi * 440.0 * np.arange(8000) / 8000)
>>> play(y, sr=8000, caption="Listen for the pitch: the A above middle C.")
[sound, 1.00 s] Listen for the pitch: the A above middle C.
>>> fig, ax = subplots()
>>> ax = plot_wave(y, sr=8000, ax=ax)
>>> figure(fig, alt="A band of blue: one second of a sine has no shape at this scale.")
[picture, 600 x 240] A band of blue: one second of a sine has no shape at this scale.
"""

from audiogen_helpers.display._html import Html
from audiogen_helpers.display.explorer import explore
from audiogen_helpers.display.notes import plot_notes
from audiogen_helpers.display.pictures import figure, subplots
from audiogen_helpers.display.players import compare, play
from audiogen_helpers.display.plots import plot_lines, plot_mel, plot_spectrogram, plot_wave

__all__ = [
    "Html",
    "compare",
    "explore",
    "figure",
    "play",
    "plot_lines",
    "plot_mel",
    "plot_notes",
    "plot_spectrogram",
    "plot_wave",
    "subplots",
]
