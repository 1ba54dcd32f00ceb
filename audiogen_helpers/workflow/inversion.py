"""A recording through its log-mel spectrogram and back: the best that a generator of spectrograms could sound."""

from __future__ import annotations

import os

import numpy as np

from audiogen_helpers import audio, spectral
from audiogen_helpers._rng import check_seed
from audiogen_helpers.workflow.features import default_spec

__all__ = ["invert"]


def invert(
    path: str | os.PathLike[str], out: str | os.PathLike[str], *, n_mels: int | None = None, n_iter: int = 32, seed: int = 0
) -> float:
    """Read a recording, keep only its log-mel spectrogram, make a waveform from that, and write it.

    Parameters
    ----------
    path : path
        Any sound file; channels are mixed.
    out : path
        Ends in ``.wav``, ``.flac``, ``.ogg`` or ``.mp3``.
    n_mels : int > 0, optional
        Mel bands; by the sample rate otherwise (:func:`audiogen_helpers.workflow.default_spec`).
    n_iter : int >= 0
        Iterations of Griffin-Lim.
    seed : int >= 0
        Of the starting phases.

    Returns
    -------
    error : float
        Distance of the new clip's mel spectrum from the old one's, relative to the old one's.

    Examples
    --------
    >>> import tempfile
    >>> from audiogen_helpers import datasets
    >>> clip = datasets.load("digits").paths[0]
    >>> invert(clip, tempfile.mkdtemp() + "/back.wav") < 0.2
    True
    """
    y, sr = audio.read(path, mono=True)
    spec = default_spec(sr, n_mels=n_mels)
    L = spectral.log_mel(y, spec)
    z = spectral.log_mel_to_audio(L, spec, n_iter=n_iter, rng=check_seed(seed), length=len(y))
    z = z / max(1.0, float(np.abs(z).max()) / 0.99)
    audio.write(out, z, sr=sr)
    return float(spectral.mel_error(z, spectral.mel(y, spec), spec))
