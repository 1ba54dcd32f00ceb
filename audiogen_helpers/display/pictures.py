"""Pictures in the page: figures in one quiet style, with a text for those who cannot see them."""

from __future__ import annotations

import io
import sys
from html import escape
from typing import TYPE_CHECKING, Any

from audiogen_helpers._validation import check_integer, check_number, check_text, show
from audiogen_helpers.display._html import Html, attribute, data_uri
from audiogen_helpers.errors import ParameterError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLORS", "COLOR_MAP", "STYLE", "figure", "image_source", "image_tag", "picture_element", "subplots"]

PIXELS_PER_INCH = 100  # in the page; the file holds SHARPNESS times as many, for screens with small pixels
SHARPNESS = 1.5
WIDTH = 6.0  # inches: 600 pixels, which a phone shrinks to 350 with 11 points still readable

# The colours of M. Okabe and K. Ito (2008), "Color universal design": told apart with any kind of colour vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLOR_MAP = "magma"  # brightness rises evenly: it reads the same in grey and with any kind of colour vision
_INK = "#333333"
STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "lines.linewidth": 1.6,
    "image.cmap": COLOR_MAP,
}


def subplots(n_rows: int = 1, n_cols: int = 1, *, width: float = WIDTH, height: float | None = None, **options: Any) -> tuple[Figure, Any]:
    """An empty figure in the style of the book, and its axes: for `plot_wave` and its like, then `figure`.

    Unlike ``matplotlib.pyplot.subplots`` it changes no global state, and nothing is shown until `figure` shows it.

    Parameters
    ----------
    n_rows, n_cols : int > 0
        Axes from top to bottom and from left to right.
    width, height : float > 0
        Size, inches of 100 pixels; `height` is 2.4 for one row, 1.6 for each of several where it is not given.
    **options
        Of ``matplotlib.figure.Figure.subplots``, such as ``sharex=True``.

    Returns
    -------
    fig : matplotlib.figure.Figure
    axes : matplotlib.axes.Axes, or np.ndarray of them for more than one

    Raises
    ------
    ParameterError
        If a number is out of its range.

    Examples
    --------
    >>> fig, (top, bottom) = subplots(2, sharex=True)
    >>> [round(float(size), 3) for size in fig.get_size_inches()]
    [6.0, 3.2]
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    n_rows, n_cols = check_integer(n_rows, name="n_rows", low=1), check_integer(n_cols, name="n_cols", low=1)
    width = check_number(width, name="width", above=0.0, high=20.0)
    default = 2.4 if n_rows == 1 else 1.6 * n_rows
    height = default if height is None else check_number(height, name="height", above=0.0, high=40.0)
    with mpl.rc_context({**STYLE, "axes.prop_cycle": cycler(color=COLORS)}):
        fig = Figure(figsize=(width, height), layout="constrained")
        axes = fig.subplots(n_rows, n_cols, **options)
        for ax in fig.axes:  # the style of text is fixed when it is made, so labels made later keep it
            ax.tick_params(length=3, width=0.8)
    return fig, axes


def figure(fig: Figure, *, alt: str, caption: str | None = None) -> Html:
    """A matplotlib figure as a picture in the page, on a white card, with a text for those who cannot see it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        From `subplots` or from pyplot; it is closed, so a notebook does not show it a second time.
    alt : str
        What the picture shows, in words: the finding, not the kind of plot.
    caption : str, optional
        A line below the picture.

    Returns
    -------
    picture : Html
        The same figure gives the same bytes (with the same versions of matplotlib and Pillow).

    Raises
    ------
    ParameterError
        If `fig` is no figure, or a text is empty.

    Examples
    --------
    >>> fig, ax = subplots()
    >>> figure(fig, alt="Empty axes.")
    [picture, 600 x 240] Empty axes.
    """
    from matplotlib.figure import Figure

    if not isinstance(fig, Figure):
        raise ParameterError(f"fig must be a matplotlib figure; received {show(fig)}")
    alt = check_text(alt, name="alt")
    tag, (width, height) = image_tag(fig, alt=alt)
    below = ""
    if caption is not None:
        below = f'<figcaption style="font-size:.9em;margin-top:.3em">{escape(check_text(caption, name="caption"))}</figcaption>'
    html = f'<figure class="ag-figure" style="margin:1em 0;text-align:left">{tag}{below}</figure>'
    return Html(html, f"[picture, {width} x {height}] {alt}")


def image_tag(fig: Figure, *, alt: str) -> tuple[str, tuple[int, int]]:
    """The ``<img>`` element of a figure, which is closed, and its size in the page, pixels."""
    width, height = (round(float(side) * PIXELS_PER_INCH) for side in fig.get_size_inches())
    return picture_element(image_source(fig), alt=alt, width=width, height=height), (width, height)


def picture_element(source: str, *, alt: str, width: int, height: int) -> str:
    """The ``<img>`` element of a picture at an address."""
    return (
        f'<img class="ag-picture dark-light" alt="{attribute(alt)}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto;background:#fff;border-radius:6px" src="{source}">'
    )


def image_source(fig: Figure) -> str:
    """A figure, which is closed, as a ``data:`` address."""
    import matplotlib as mpl

    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        fig.savefig(buffer, format="png", dpi=PIXELS_PER_INCH * SHARPNESS, pil_kwargs={"compress_level": 0})
    if "matplotlib.pyplot" in sys.modules:  # only pyplot keeps figures
        sys.modules["matplotlib.pyplot"].close(fig)
    return data_uri(_webp(buffer), mime="image/webp")


def _webp(png: io.BytesIO) -> bytes:
    """The smaller of the two kinds of WebP: exact (drawings) or slightly lossy (spectrograms)."""
    from PIL import Image

    found = []
    with Image.open(png) as image:
        rgb = image.convert("RGB")
    for options in ({"lossless": True, "quality": 80}, {"quality": 85}):
        buffer = io.BytesIO()
        rgb.save(buffer, format="WEBP", method=2, **options)  # higher methods: 2 % smaller, three times slower
        found.append(buffer.getvalue())
    return min(found, key=len)
