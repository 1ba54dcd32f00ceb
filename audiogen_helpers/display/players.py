"""Players: sound in the page, at the level it has, with a caption that says what to listen for."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from audiogen_helpers import audio
from audiogen_helpers._validation import check_audio, check_choice, check_sr, check_text, show
from audiogen_helpers.display._html import Html, attribute, data_uri
from audiogen_helpers.display.pictures import COLOR_MAP, image_tag, subplots
from audiogen_helpers.display.plots import plot_spectrogram
from audiogen_helpers.errors import ParameterError

__all__ = ["CAPTION_STYLE", "audio_source", "audio_tag", "compare", "play", "player_element"]

_MIME = {"flac": "audio/flac", "mp3": "audio/mpeg"}
_ONE_FRAME = 4096  # samples: a FLAC of a single frame does not play in Chromium, so a clip this short is a WAV
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_LOSSLESS_UP_TO = 16_000  # Hz: at the rates of speech, exact sound is small enough; above, MP3 is a quarter of it
CAPTION_STYLE = "font-size:.9em;margin-top:.3em;text-align:left"


def play(y: np.ndarray, *, sr: int, caption: str, format: str | None = None) -> Html:
    """A player for one sound, with a caption that says what to listen for.

    The level is that of `y`: nothing is made louder or softer, so two players can be compared by ear.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (2, n)], ``|y| <= 1``
        Waveform, mono or stereo.
    sr : int > 0
        Sample rate, Hz.
    caption : str
        What to listen for.
    format : {'flac', 'mp3'}, optional
        Exact (16 bit), or a quarter of its size and 27 dB above its own noise. Where it is not given: FLAC up to 16 kHz and at
        rates that MP3 does not have, MP3 else. A clip of at most 4096 samples is a WAV where it would be a FLAC.

    Returns
    -------
    player : Html

    Raises
    ------
    ParameterError
        If `y` is no waveform, exceeds 1 (it would be clipped: normalise it first, or turn it down), or `caption` is empty.

    Examples
    --------
    >>> play(np.zeros(12000), sr=8000, caption="Silence, for comparison.")
    [sound, 1.50 s] Silence, for comparison.
    >>> play(2.0 * np.ones(8000), sr=8000, caption="Too loud.")
    Traceback (most recent call last):
        ...
    audiogen_helpers.errors.ParameterError: y must stay within [-1, 1], or the player would clip it; received a peak of 2
    """
    caption = check_text(caption, name="caption")
    player, seconds = audio_tag(y, sr=sr, label=caption, format=format, name="y")
    html = (
        f'<figure class="ag-play" style="margin:1em 0;text-align:left">{player}'
        f'<figcaption style="{CAPTION_STYLE}">{escape(caption)}</figcaption></figure>'
    )
    return Html(html, f"[sound, {seconds:.2f} s] {caption}")


def compare(
    sounds: Mapping[str, np.ndarray],
    *,
    sr: int,
    caption: str,
    format: str | None = None,
    n_fft: int | None = None,
    fmax: float | None = None,
    floor_db: float = -80.0,
) -> Html:
    """Several sounds, one below the other: for each its name, its spectrogram and a player.

    All have the same level in the ear and the same colours, decibels, seconds and hertz for the eye.

    Parameters
    ----------
    sounds : mapping of str to np.ndarray [shape=(n,) or (2, n)], ``|y| <= 1``
        Waveforms by name. The pictures of stereo sounds show the mean of the channels.
    sr : int > 0
        Sample rate of all of them, Hz.
    caption : str
        What to listen for.
    format : {'flac', 'mp3'}, optional
        As for `play`.
    n_fft : even int > 0, optional
        Samples per frame of the pictures, as for `plot_spectrogram`.
    fmax : float in (0, sr / 2], optional
        Highest frequency drawn, Hz.
    floor_db : float < 0
        Level of the darkest colour, dB below a full-scale sine.

    Returns
    -------
    table : Html

    Raises
    ------
    ParameterError
        If there is no sound, or as for `play`; the message names the sound.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440.0 * np.arange(8000) / 8000)
    >>> compare({"loud": 0.5 * y, "soft": 0.05 * y}, sr=8000, caption="20 dB apart: the same pitch, less of it.")
    [2 sounds: loud, soft] 20 dB apart: the same pitch, less of it.
    """
    if not isinstance(sounds, Mapping) or not sounds:
        raise ParameterError(f"sounds must map names to waveforms; received {show(sounds)}")
    caption = check_text(caption, name="caption")
    names = [check_text(name, name="a name in sounds") for name in sounds]
    arrays = [check_audio(y, name=f"sounds[{name!r}]") for name, y in sounds.items()]
    duration = max(y.shape[-1] for y in arrays) / check_sr(sr)
    view = {"n_fft": n_fft, "fmax": fmax, "floor_db": floor_db}
    rows = [_row(name, y, sr=sr, format=format, duration=duration, **view) for name, y in zip(names, arrays, strict=True)]
    html = (
        f'<figure class="ag-compare" style="margin:1em 0;text-align:left">{"".join(rows)}'
        f'<figcaption style="{CAPTION_STYLE}">{escape(caption)} {_legend(floor_db)}</figcaption></figure>'
    )
    return Html(html, f"[{len(rows)} sounds: {', '.join(names)}] {caption}")


def _row(name: str, y: np.ndarray, *, sr: int, format: str | None, duration: float, **view: Any) -> str:
    """One sound of a comparison: picture beside name and player, or above them where the page is narrow."""
    player, seconds = audio_tag(y, sr=sr, label=name, format=format, name=f"sounds[{name!r}]")
    mono = y if y.ndim == 1 else y.mean(axis=0)
    fig, ax = subplots(width=4.2, height=1.5)
    plot_spectrogram(mono, sr=sr, ax=ax, colorbar=False, **view)
    ax.set(xlim=(0.0, duration), ylabel="kHz", facecolor="#f2f2f2")
    picture, _ = image_tag(fig, alt=f"Spectrogram of {name}: {seconds:.2f} s, 0 to {1000 * ax.get_ylim()[1]:g} Hz")
    return (
        '<div class="ag-row" style="display:flex;flex-wrap:wrap;gap:.3em 1em;align-items:center;margin:0 0 .8em">'
        f'<div style="flex:3 1 18em;max-width:26em">{picture}</div>'
        f'<div style="flex:2 1 14em;max-width:26em"><strong>{escape(name)}</strong>{player}</div></div>'
    )


def _legend(floor_db: float) -> str:
    """The scale of colours, in words and as a strip."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    colors = ",".join(to_hex(mpl.colormaps[COLOR_MAP](step / 6)) for step in range(7))
    strip = f'<span style="display:inline-block;width:6em;height:.7em;border-radius:2px;background:linear-gradient(90deg,{colors})"></span>'
    return f'<span style="white-space:nowrap">Colours: {floor_db:g} dB {strip} 0 dB</span> of a full-scale sine, the same for all.'


def audio_tag(y: Any, *, sr: int, label: str, format: str | None, name: str) -> tuple[str, float]:
    """The ``<audio>`` element of a waveform, and its duration in seconds."""
    source, seconds = audio_source(y, sr=sr, format=format, name=name)
    return player_element(source, seconds=seconds, label=label), seconds


def player_element(source: str, *, seconds: float, label: str) -> str:
    """The ``<audio>`` element of a sound at an address."""
    return (
        f'<audio controls preload="metadata" data-seconds="{seconds:.6f}" aria-label="{attribute(label)}" '
        f'style="display:block;width:100%;max-width:32em" src="{source}"></audio>'
    )


def audio_source(y: Any, *, sr: int, format: str | None, name: str) -> tuple[str, float]:
    """A waveform as a ``data:`` address, and its duration in seconds; refuses what a player would clip."""
    y, sr = check_audio(y, name=name), check_sr(sr)
    if y.ndim > 2 or (y.ndim == 2 and y.shape[0] > 2):
        raise ParameterError(f"{name} must be mono (n,) or stereo (2, n); received shape {y.shape}")
    peak = float(np.abs(y).max())
    if peak > 1.0:
        raise ParameterError(f"{name} must stay within [-1, 1], or the player would clip it; received a peak of {peak:.4g}")
    if format is None:
        format = "flac" if sr <= _LOSSLESS_UP_TO or sr not in _MP3_RATES else "mp3"
    format = check_choice(format, name="format", choices=_MIME)
    seconds = y.shape[-1] / sr
    if format == "flac" and y.shape[-1] <= _ONE_FRAME:
        return data_uri(audio.encode(y, sr=sr, format="wav"), mime="audio/wav"), seconds
    return data_uri(audio.encode(y, sr=sr, format=format), mime=_MIME[format]), seconds
