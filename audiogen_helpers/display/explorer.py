"""Sliders that make sound in the page: every position is rendered beforehand, so they work without a kernel."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_integer, check_sr, check_text, show
from audiogen_helpers.display._html import Html, attribute
from audiogen_helpers.display.pictures import PIXELS_PER_INCH, WIDTH, image_source, image_tag, picture_element, subplots
from audiogen_helpers.display.players import CAPTION_STYLE, audio_source, audio_tag, player_element
from audiogen_helpers.display.plots import plot_spectrogram
from audiogen_helpers.errors import DependencyError, ParameterError

__all__ = ["Explorer", "explore"]

_HEIGHT = 2.2  # inches
_SCRIPT = """
(function () {
  document.querySelectorAll('[data-ag-explore="%s"]').forEach(function (root) {
    if (root.dataset.ready) return;
    root.dataset.ready = 'yes';
    var data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    var controls = Array.from(root.querySelectorAll('[data-ag-control]'));
    var picture = root.querySelector('img'), audio = root.querySelector('audio'), words = root.querySelector('[data-ag-words]');
    function show() {
      var number = 0;
      controls.forEach(function (control, i) {
        var at = Number(control.value), label = data.labels[i][at], output = control.parentNode.querySelector('output');
        number = number * data.labels[i].length + at;
        if (output) { output.textContent = label; control.setAttribute('aria-valuetext', label); }
      });
      var frame = data.frames[number], playing = !audio.paused, time = audio.currentTime;
      picture.src = frame.picture;
      picture.alt = frame.alt;
      words.textContent = frame.words;
      audio.dataset.seconds = frame.seconds;
      audio.setAttribute('aria-label', frame.alt);
      audio.src = frame.sound;
      if (playing) audio.addEventListener('loadedmetadata', function () {
        audio.currentTime = time < audio.duration ? time : 0;
        audio.play();
      }, {once: true});
    }
    controls.forEach(function (control) {
      control.addEventListener('input', show);
      control.addEventListener('keydown', function (event) { event.stopPropagation(); });
    });
  });
})();
"""


class Explorer(Html):
    """What `explore` returns: shown by a notebook like any `Html`; `live` makes continuous sliders under a kernel."""

    def __init__(
        self, html: str, text: str, *, frame: Callable[..., Any], grids: Mapping[str, list[Any]], start: Mapping[str, Any]
    ) -> None:
        super().__init__(html, text)
        object.__setattr__(self, "_frame", frame)
        object.__setattr__(self, "_grids", grids)
        object.__setattr__(self, "_start", start)

    def live(self) -> Any:
        """The same explorer with continuous sliders of ipywidgets, between the least and the greatest value of each grid.

        Returns
        -------
        widget : ipywidgets.interactive
            For the last line of a cell; needs a running kernel.

        Raises
        ------
        DependencyError
            If ipywidgets is not installed.
        """
        try:
            import ipywidgets
        except ImportError as error:
            raise DependencyError("live sliders need ipywidgets; received no such package (pip install ipywidgets)") from error
        from IPython.display import display

        frame, grids, start = self._frame, self._grids, self._start  # type: ignore[attr-defined]

        def render(**params: Any) -> None:
            made = frame(params)
            picture, _ = image_tag(made["figure"], alt=made["alt"])
            player, _ = audio_tag(made["y"], sr=made["sr"], label=made["alt"], format=None, name="sound")
            display(Html(f"<figure>{picture}{player}<figcaption>{escape(made['words'])}</figcaption></figure>", made["alt"]))

        controls = {name: _widget(ipywidgets, values, start[name]) for name, values in grids.items()}
        return ipywidgets.interactive(render, **controls)


def explore(
    sound: Callable[..., Any],
    *,
    sr: int,
    caption: str,
    start: Mapping[str, Any] | None = None,
    picture: Callable[..., None] | None = None,
    words: Callable[..., str] | None = None,
    labels: Mapping[str, str] | None = None,
    format: str | None = None,
    max_frames: int = 64,
    **grids: Sequence[Any],
) -> Explorer:
    """Sliders over a sound, its picture and its player; each combination of values is rendered beforehand.

    It looks and works alike in the book, in JupyterLab and in Colab, with no kernel behind it. Where there is one,
    ``explore(...).live()`` gives continuous sliders.

    Parameters
    ----------
    sound : callable
        ``sound(**values)`` -> waveform `y` (n,) or (2, n) with ``|y| <= 1``, or ``(y, sr)`` where the rate varies too.
    sr : int > 0
        Sample rate of the waveforms, Hz.
    caption : str
        What to try and what to listen for.
    start : mapping, optional
        Values at first, each one of its grid's; the first of the grid where not given.
    picture : callable, optional
        ``picture(y, ax, **values)`` draws on matplotlib axes; with the same limits for all values, so that they compare. A
        spectrogram where not given.
    words : callable, optional
        ``words(y, **values)`` -> a line of text, such as a measured figure.
    labels : mapping, optional
        What to call a control, by name, with its unit: ``{"cutoff": "cut-off (Hz)"}``. The name itself where not given.
    format : {'flac', 'mp3'}, optional
        As for `play`.
    max_frames : int > 0
        Most combinations: each costs some 20 kB.
    **grids
        One control each: at least two values in order. Numbers make a slider, texts a menu.

    Returns
    -------
    explorer : Explorer

    Raises
    ------
    ParameterError
        If there is no grid, a start value is not in its grid, there are too many combinations, or a sound is no waveform.

    Examples
    --------
    >>> from audiogen_helpers.synthesis import oscillators
    >>> def tone(pitch):
    ...     return 0.3 * oscillators.sine(pitch, sr=8000, duration=0.6)
    >>> explore(tone, sr=8000, caption="Move the pitch.", labels={"pitch": "pitch (Hz)"}, pitch=[220.0, 440.0])
    [explorer of pitch, 2 sounds] Move the pitch.
    """
    sr, caption = check_sr(sr), check_text(caption, name="caption")
    values = _check_grids(grids, max_frames=check_integer(max_frames, name="max_frames", low=1))
    first = _check_start(start or {}, values)
    titles = {name: check_text((labels or {}).get(name, name.replace("_", " ")), name=f"labels[{name!r}]") for name in values}

    def frame(params: Mapping[str, Any]) -> dict[str, Any]:
        return _frame(sound, params, sr=sr, picture=picture, words=words, titles=titles)

    combinations = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]
    frames = [_encoded(frame(params), format=format) for params in combinations]
    html = _html(frames, at=combinations.index(first), values=values, start=first, titles=titles, caption=caption)
    text = f"[explorer of {', '.join(titles)}, {len(frames)} sounds] {caption}"
    return Explorer(html, text, frame=frame, grids=values, start=first)


def _check_grids(grids: Mapping[str, Any], *, max_frames: int) -> dict[str, list[Any]]:
    if not grids:
        raise ParameterError("explore must be given at least one list of values, such as cutoff=[200, 400]; received none")
    values = {}
    for name, grid in grids.items():
        if isinstance(grid, str) or not hasattr(grid, "__iter__") or len(list(grid)) < 2:
            raise ParameterError(f"{name} must be a list of at least two values; received {show(grid)}")
        values[name] = [value.item() if isinstance(value, np.generic) else value for value in grid]
    count = math.prod(len(grid) for grid in values.values())
    if count > max_frames:
        raise ParameterError(f"the lists must make at most {max_frames} combinations; received {count}")
    return values


def _check_start(start: Mapping[str, Any], values: Mapping[str, list[Any]]) -> dict[str, Any]:
    for name, value in start.items():
        if name not in values or value not in values[name]:
            raise ParameterError(f"start[{name!r}] must be one of {values.get(name, list(values))}; received {show(value)}")
    return {name: start.get(name, grid[0]) for name, grid in values.items()}


def _frame(
    sound: Callable[..., Any], params: Mapping[str, Any], *, sr: int, picture: Any, words: Any, titles: Mapping[str, str]
) -> dict[str, Any]:
    """One position of the sliders: waveform, rate, figure and texts."""
    made = sound(**params)
    y, rate = made if isinstance(made, tuple) else (made, sr)
    fig, ax = subplots(width=WIDTH, height=_HEIGHT)
    if picture is None:
        plot_spectrogram(y if np.ndim(y) == 1 else np.mean(y, axis=0), sr=rate, ax=ax)
    else:
        picture(y, ax, **params)
    line = str(words(y, **params)) if words is not None else ""
    position = ", ".join(f"{titles[name]} {_label(value)}" for name, value in params.items())
    return {"y": y, "sr": rate, "figure": fig, "words": line, "alt": f"Sound and picture for {position}. {line}".strip()}


def _encoded(made: dict[str, Any], *, format: str | None) -> dict[str, Any]:
    """A position as the page needs it."""
    source, seconds = audio_source(made["y"], sr=made["sr"], format=format, name="sound")
    picture = image_source(made["figure"])
    return {"sound": source, "seconds": round(seconds, 6), "picture": picture, "alt": made["alt"], "words": made["words"]}


def _html(
    frames: list[dict[str, Any]],
    *,
    at: int,
    values: Mapping[str, list[Any]],
    start: Mapping[str, Any],
    titles: Mapping[str, str],
    caption: str,
) -> str:
    labels = [[_label(value) for value in grid] for grid in values.values()]
    data = json.dumps({"labels": labels, "frames": frames}, separators=(",", ":")).replace("<", "\\u003c")
    name = hashlib.sha256(data.encode()).hexdigest()[:12]
    controls = "".join(_control(titles[key], grid, start[key]) for key, grid in values.items())
    now = frames[at]
    picture = picture_element(now["picture"], alt=now["alt"], width=round(PIXELS_PER_INCH * WIDTH), height=round(PIXELS_PER_INCH * _HEIGHT))
    player = player_element(now["sound"], seconds=now["seconds"], label=now["alt"])
    return (
        f'<figure class="ag-explore" data-ag-explore="{name}" role="group" aria-label="{attribute(caption)}" '
        'data-lm-suppress-shortcuts="true" style="margin:1em 0;text-align:left;padding:.7em;border:1px solid #8886;border-radius:6px">'
        f'<div style="display:flex;flex-wrap:wrap;gap:.4em 1.6em;margin-bottom:.5em">{controls}</div>{picture}{player}'
        f'<div data-ag-words aria-live="polite" style="font-variant-numeric:tabular-nums;min-height:1.3em">{escape(now["words"])}</div>'
        f'<figcaption style="{CAPTION_STYLE}">{escape(caption)}</figcaption>'
        f'<script type="application/json">{data}</script><script>{_SCRIPT % name}</script></figure>'
    )


def _control(title: str, grid: list[Any], value: Any) -> str:
    """A labelled slider for numbers, a menu for texts."""
    at = grid.index(value)
    if any(isinstance(item, (str, bool)) for item in grid):
        options = "".join(
            f'<option value="{i}"{" selected" if i == at else ""}>{escape(_label(item))}</option>' for i, item in enumerate(grid)
        )
        return f"<label>{escape(title)} <select data-ag-control>{options}</select></label>"
    return (
        '<label style="display:inline-flex;align-items:center;gap:.5em;flex-wrap:wrap">'
        f'{escape(title)} <input type="range" data-ag-control min="0" max="{len(grid) - 1}" step="1" value="{at}" '
        f'aria-valuetext="{attribute(_label(value))}" style="width:11em"> '
        f'<output style="min-width:3.5em;font-variant-numeric:tabular-nums">{escape(_label(value))}</output></label>'
    )


def _label(value: Any) -> str:
    """A value as it stands beside its control."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _widget(ipywidgets: Any, grid: list[Any], value: Any) -> Any:
    """A continuous slider between the ends of a grid of numbers, a menu for anything else."""
    if any(isinstance(item, (str, bool)) for item in grid):
        return ipywidgets.Dropdown(options=grid, value=value)
    kind = ipywidgets.IntSlider if all(isinstance(item, int) for item in grid) else ipywidgets.FloatSlider
    low, high = min(grid), max(grid)
    step = 1 if kind is ipywidgets.IntSlider else (high - low) / 200
    return kind(value=value, min=low, max=high, step=step, continuous_update=False)
