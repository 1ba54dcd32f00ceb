"""Sound files by name: a sound rendered to a file, a file sent through a transform, a texture made longer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers import audio, synthesis, transform, units
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_number
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Registry, suggest
from audiogen_helpers.statistical.texture import statistics, texture
from audiogen_helpers.units import gain_to_db

__all__ = ["parse_settings", "synthesise", "texture_file", "transform_file"]

_FADE_IN = 0.002  # s: no click, and no harm to a pluck
_FADE_OUT = 0.01  # s
_MEASURED = 30.0  # s


def synthesise(
    name: str,
    out: str | os.PathLike[str],
    *,
    sr: int,
    duration: float,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> Path:
    """Render a registered sound to a file, with a fade-in of 2 ms and a fade-out of 10 ms, at the level it has.

    Parameters
    ----------
    name : str
        A name in `synthesis.SOUNDS`.
    out : path
        Ends in ``.wav``, ``.flac``, ``.ogg`` or ``.mp3``.
    sr : int, 8000 to 192000
        Sample rate, Hz.
    duration : float in (0, 3600]
        Length, s.
    seed : int >= 0
        The same seed gives the same bytes.
    settings : mapping, optional
        As registered; defaults for the rest.
    overwrite : bool
        Replace an earlier file.

    Returns
    -------
    path : Path
        The file.

    Raises
    ------
    ParameterError
        If the name or a setting is unknown or out of range.
    DataError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = synthesise("sine", f"{folder}/a.wav", sr=8000, duration=0.5, settings={"f0": 440.0})
    ...     audio.info(path).duration
    0.5
    """
    y = synthesis.render(name, sr=sr, duration=duration, rng=check_seed(seed), **(settings or {}))
    seconds = len(y) / sr
    y = audio.fade(y, sr=sr, fade_in=min(_FADE_IN, seconds / 2), fade_out=min(_FADE_OUT, seconds / 2))
    return audio.write(out, y, sr=sr, overwrite=overwrite)


def transform_file(
    name: str,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    second: str | os.PathLike[str] | None = None,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = True,
) -> tuple[Path, float]:
    """Send a sound file through a registered transform.

    Parameters
    ----------
    name : str
        A name in `transform.TRANSFORMS`.
    path, out : path
        Any sound file, and the file to write.
    second : path, optional
        A second sound file, for transforms that take one; it is brought to the rate of the first, and to mono.
    seed : int >= 0
        For transforms that use chance.
    settings : mapping, optional
        As registered; defaults for the rest.
    overwrite : bool
        Replace an earlier file.

    Returns
    -------
    path : Path
        The file.
    gain_db : float <= 0
        By how much the result was turned down, because it exceeded full scale; 0 where it did not.

    Raises
    ------
    ParameterError
        If the name or a setting is unknown or out of range, or the sound does not fit the transform (stereo into a mono one).
    DataError
        If a file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = synthesise("sine", f"{folder}/a.wav", sr=8000, duration=1.0, settings={"f0": 440.0})
    ...     path, gain_db = transform_file("spectral-gate", source, f"{folder}/b.wav")
    ...     audio.info(path).duration
    1.0
    """
    y, sr = audio.read(path)
    other = None
    if second is not None:
        other, _ = audio.read(second, sr=sr, mono=True)
    changed = transform.apply(name, y, sr=sr, second=other, rng=check_seed(seed), **(settings or {}))
    peak = float(np.abs(changed).max())
    gain = min(1.0, 1.0 / peak) if peak > 0.0 else 1.0
    return audio.write(out, changed * changed.dtype.type(gain), sr=sr, overwrite=overwrite), float(gain_to_db(gain))


def texture_file(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    duration: float,
    n_iter: int = 80,
    seed: int = 0,
    overwrite: bool = True,
) -> tuple[Path, dict[str, float]]:
    """New sound of any length with the statistics of a recording of rain, fire, applause: a texture. Nothing of it is replayed.

    Parameters
    ----------
    path, out : path
        Any sound file of half a second or more, of which at most the first 30 s are measured, and the file to write. Channels are mixed.
    duration : float > 0
        Length of the new sound, s; at most 3600.
    n_iter : int >= 0
        Steps of the search.
    seed : int >= 0
        Of the noise that it starts from.
    overwrite : bool
        Replace an earlier file.

    Returns
    -------
    path : Path
        The file.
    distance : dict of str to float
        Relative difference of the statistics, for each class of them (of the first 30 s of the new sound).

    Raises
    ------
    ParameterError
        If an argument is out of range, or the recording is silent or too short.
    DataError
        If a file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source = synthesise("rain", f"{folder}/a.wav", sr=8000, duration=1.0)
    ...     path, distance = texture_file(source, f"{folder}/b.wav", duration=2.0, n_iter=5)
    ...     audio.info(path).duration
    2.0
    """
    duration = check_number(duration, name="duration", above=0.0, high=3600.0)
    y, sr = audio.read(path, mono=True)
    most = units.n_samples(_MEASURED, sr=sr)
    target = statistics(y[:most], sr=sr)
    new = texture(target, sr=sr, duration=duration, n_iter=n_iter, rng=check_seed(seed))
    seconds = len(new) / sr
    faded = audio.fade(new, sr=sr, fade_in=min(_FADE_OUT, seconds / 2), fade_out=min(_FADE_OUT, seconds / 2))
    written = audio.write(out, faded, sr=sr, overwrite=overwrite)
    distance = target.distance(statistics(new[:most], sr=sr)) if len(new) >= sr // 2 else {}
    return written, distance


def parse_settings(registry: Registry, name: str, pairs: list[str]) -> dict[str, Any]:
    """Settings written ``NAME=VALUE``, as on a command line, each in the type of the parameter's default.

    Raises
    ------
    ParameterError
        If an entry, a setting or a value does not fit.

    Examples
    --------
    >>> parse_settings(synthesis.SOUNDS, "sine", ["f0=440"])
    {'f0': 440.0}
    """
    known = {p.name: p for p in registry[name].parameters}
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or key not in known:
            listed = ", ".join(known) or "(none)"
            raise ParameterError(f"--set must be NAME=VALUE with NAME one of {listed}; received {pair!r}{suggest(key, known)}")
        settings[key] = known[key].parse(text)
    return settings
