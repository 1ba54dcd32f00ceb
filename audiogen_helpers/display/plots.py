"""Plots of waveforms, spectra and learning curves: each takes an axis, draws on it and returns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers import units
from audiogen_helpers._validation import check_array, check_audio, check_integer, check_number, check_sr, check_text, show
from audiogen_helpers.display.pictures import COLOR_MAP, STYLE, subplots
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.spectral import MelSpec, stft

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_or_new", "plot_lines", "plot_mel", "plot_spectrogram", "plot_wave"]

_POINTS = 8000  # more samples than this are drawn as the lowest and highest of each group: the same picture, fewer points
_WINDOW = 0.032  # seconds; short enough for the sounds of speech, long enough for the partials of a voice
_SILENCE = 1e-10  # stands in for zero where decibels are taken


def plot_wave(y: np.ndarray, *, sr: int, ax: Axes | None = None, **line: Any) -> Axes:
    """Draw a waveform over time.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, mono.
    sr : int > 0
        Sample rate, Hz.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's where it is not given.
    **line
        Of ``Axes.plot``, such as ``color`` or ``label``.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Time in seconds, amplitude from -1 to 1 (more where `y` exceeds it).

    Raises
    ------
    ParameterError
        If `y` is not a mono waveform.

    Examples
    --------
    >>> ax = plot_wave(np.zeros(4000), sr=8000)
    >>> [round(float(limit), 6) for limit in ax.get_xlim()]
    [0.0, 0.5]
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    ax = axes_or_new(ax)
    index, values = _thin(y)
    ax.plot(index / sr, values, **{"linewidth": 0.8, **line})
    peak = max(1.0, float(np.abs(y).max()))
    ax.set(xlim=(0.0, max(len(y) / sr, ax.get_xlim()[1] if len(ax.lines) > 1 else 0.0)), ylim=(-1.05 * peak, 1.05 * peak))
    ax.set(xlabel="time (s)", ylabel="amplitude")
    return ax


def plot_spectrogram(
    y: np.ndarray,
    *,
    sr: int,
    ax: Axes | None = None,
    n_fft: int | None = None,
    hop_length: int | None = None,
    fmax: float | None = None,
    floor_db: float = -80.0,
    colorbar: bool = True,
) -> Axes:
    """Draw which frequencies a sound holds when, in decibels below a full-scale sine.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Waveform, mono.
    sr : int > 0
        Sample rate, Hz.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's where it is not given.
    n_fft, hop_length : int > 0, optional
        Samples per frame (even) and from one to the next; 32 ms, rounded to a power of 2, and a quarter of it where not given.
    fmax : float in (0, sr / 2], optional
        Highest frequency drawn, Hz.
    floor_db : float < 0
        Level of the darkest colour, dB; the brightest is 0 dB, for every sound.
    colorbar : bool
        Whether the colours are explained beside the picture.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Time in seconds, frequency in kHz.

    Raises
    ------
    ParameterError
        If `y` is not a mono waveform or a number is out of its range.

    Examples
    --------
    >>> ax = plot_spectrogram(np.zeros(4000), sr=8000)
    >>> ax.images[0].get_array().shape
    (129, 63)
    """
    y, sr = check_audio(y, mono=True), check_sr(sr)
    spec = _spec(sr, n_fft=n_fft, hop_length=hop_length)
    fmax = sr / 2 if fmax is None else check_number(fmax, name="fmax", above=0.0, high=sr / 2)
    S = np.abs(stft(y, spec)) / (spec.n_fft / 4.0)  # a sine of amplitude 1 is 1
    S_db = 20.0 * np.log10(np.maximum(S, _SILENCE))
    half_bin, half_hop = sr / spec.n_fft / 2e3, spec.hop_length / sr / 2
    end = (S_db.shape[1] - 1) * spec.hop_length / sr
    ax = axes_or_new(ax)
    box = (-half_hop, end + half_hop, -half_bin, sr / 2e3 + half_bin)
    _image(ax, S_db, box=box, floor_db=floor_db, colorbar=colorbar)
    ax.set(xlim=(0.0, max(len(y) / sr, 2 * half_hop)), ylim=(0.0, fmax / 1e3), xlabel="time (s)", ylabel="frequency (kHz)")
    return ax


def plot_mel(L: np.ndarray, spec: MelSpec, *, ax: Axes | None = None, colorbar: bool = True, bare: bool = False) -> Axes:
    """Draw a mel spectrum in decibels, as `spectral.log_mel` gives it.

    Parameters
    ----------
    L : np.ndarray [shape=(n_mels, frames)], dB
        Mel spectrum.
    spec : MelSpec
        Its settings: they give the axes their seconds and hertz, and ``floor_db`` the darkest colour.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's where it is not given.
    colorbar : bool
        Whether the colours are explained beside the picture.
    bare : bool
        Only the picture, without ticks and labels, for a gallery of many.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Time in seconds, bands from bottom to top with their frequencies.

    Raises
    ------
    ParameterError
        If `L` has another number of bands than `spec`.

    Examples
    --------
    >>> ax = plot_mel(np.full((64, 32), -80.0), MelSpec(sr=8000))
    >>> [tick.get_text() for tick in ax.get_yticklabels()]
    ['0.25', '0.5', '1', '2']
    """
    if not isinstance(spec, MelSpec):
        raise ParameterError(f"spec must be a MelSpec; received {show(spec)}")
    L = check_array(L, name="L", ndim=2)
    if L.shape[0] != spec.n_mels or L.shape[1] == 0:
        raise ParameterError(f"L must have shape ({spec.n_mels}, frames) for this spec; received shape {L.shape}")
    hop = spec.hop_length / spec.sr
    ax = axes_or_new(ax)
    box = (-hop / 2, (L.shape[1] - 0.5) * hop, -0.5, spec.n_mels - 0.5)
    _image(ax, L, box=box, floor_db=spec.floor_db, colorbar=colorbar and not bare)
    if bare:
        ax.set(xticks=[], yticks=[])
        return ax
    ax.set(xlim=(0.0, box[1]), xlabel="time (s)", ylabel="frequency (kHz)")
    low, high = (float(units.hz_to_mel(f)) for f in (spec.fmin, float(spec.fmax or 0.0)))
    bands = {k: (float(units.hz_to_mel(1000.0 * k)) - low) / (high - low) * (spec.n_mels + 1) - 1 for k in (0.25, 0.5, 1, 2, 4, 8, 16)}
    seen = {k: band for k, band in bands.items() if box[2] <= band <= box[3]}
    ax.set_yticks(list(seen.values()), [f"{k:g}" for k in seen])
    ax.set_ylim(box[2], box[3])
    return ax


def plot_lines(
    lines: Mapping[str, ArrayLike],
    *,
    x_label: str,
    y_label: str,
    x: ArrayLike | None = None,
    smooth: int = 1,
    ax: Axes | None = None,
) -> Axes:
    """Draw one or more named curves, such as the losses of a training run.

    Parameters
    ----------
    lines : mapping of str to array_like [shape=(n,)]
        Values by name; NaN leaves a gap.
    x_label, y_label : str
        What the axes show, with its unit.
    x : array_like [shape=(n,)], optional
        Where the values stand; 0, 1, 2, ... where it is not given.
    smooth : int >= 1
        Values over which a running mean is drawn, with the values themselves faint behind it; 1 draws the values only.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure's where it is not given.

    Returns
    -------
    ax : matplotlib.axes.Axes
        With a legend where there is more than one curve.

    Raises
    ------
    ParameterError
        If there is no curve, or one does not fit `x`.

    Examples
    --------
    >>> ax = plot_lines({"judge": [1.0, 0.5], "forger": [0.5, 1.0]}, x_label="step", y_label="loss")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['judge', 'forger']
    """
    if not isinstance(lines, Mapping) or not lines:
        raise ParameterError(f"lines must map names to values; received {show(lines)}")
    smooth = check_integer(smooth, name="smooth", low=1)
    ax = axes_or_new(ax)
    for number, (name, values) in enumerate(lines.items()):
        values = check_array(values, name=f"lines[{name!r}]", ndim=1, finite=False)
        steps = np.arange(len(values)) if x is None else check_array(x, name="x", ndim=1)
        if len(steps) != len(values):
            raise ParameterError(f"lines[{name!r}] must have one value for each of the {len(steps)} of x; received {len(values)}")
        style: dict[str, Any] = {"color": f"C{number}", "linestyle": ("-", "--", "-.", ":")[number % 4]}
        if 1 < smooth <= len(values):
            ax.plot(steps, values, color=style["color"], linewidth=0.6, alpha=0.35)
            values = np.convolve(values, np.full(smooth, 1.0 / smooth), mode="valid")
            steps = steps[smooth - 1 :]
        ax.plot(steps, values, label=str(name), **style)
    ax.set(xlabel=check_text(x_label, name="x_label"), ylabel=check_text(y_label, name="y_label"))
    if len(lines) > 1:
        ax.legend()
    return ax


def axes_or_new(ax: Any) -> Any:
    """`ax`, or the axes of a new figure."""
    if ax is None:
        return subplots()[1]
    if not hasattr(ax, "plot"):
        raise ParameterError(f"ax must be matplotlib axes; received {show(ax)}")
    return ax


def _thin(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample numbers and values to draw: all of them, or the lowest and highest of each group."""
    if len(y) <= _POINTS:
        return np.arange(len(y)), y
    starts = np.arange(0, len(y), 2 * len(y) // _POINTS)
    values = np.stack([np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)], axis=1).ravel()
    return np.repeat(starts, 2), values


def _spec(sr: int, *, n_fft: int | None, hop_length: int | None) -> MelSpec:
    """Settings of a spectrogram; one mel band, because only the short-time transform is used."""
    if n_fft is None:
        n_fft = max(16, 2 ** round(np.log2(_WINDOW * sr)))
    n_fft = check_integer(n_fft, name="n_fft", low=4)
    return MelSpec(sr=sr, n_fft=n_fft, hop_length=n_fft // 4 if hop_length is None else hop_length, n_mels=1)


def _image(ax: Any, S_db: np.ndarray, *, box: tuple[float, float, float, float], floor_db: float, colorbar: bool) -> None:
    """Draw decibels as colours. (The figures of `subplots` keep axes aligned whether or not a scale of colours stands beside.)"""
    import matplotlib as mpl

    floor_db = check_number(floor_db, name="floor_db", below=0.0)
    image = ax.imshow(S_db, origin="lower", aspect="auto", extent=box, cmap=COLOR_MAP, vmin=floor_db, vmax=0.0, interpolation="nearest")
    if colorbar:
        with mpl.rc_context(STYLE):
            bar = ax.figure.colorbar(image, ax=ax, fraction=0.04, pad=0.02)
            bar.set_label("level (dB)")
            bar.outline.set_visible(False)
            bar.ax.tick_params(length=3, width=0.8)
