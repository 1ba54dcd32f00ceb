"""Spectra of sound and the way back: STFT, mel spectra in decibels, MFCC, mu-law, waveforms from mel spectra, pitch and partials.

One frozen :class:`MelSpec` travels from analysis to inversion, so that both sides always mean the same thing.

Chapter: chapters/practice/data.ipynb

Examples
--------
>>> import numpy as np
>>> spec = MelSpec(sr=8000)
>>> y = np.sin(2 * np.pi * 440.0 * np.arange(8064) / 8000)
>>> X = scale(log_mel(y, spec), spec)
>>> X.shape, X.dtype
((64, 64), dtype('float32'))
>>> log_mel_to_audio(unscale(X, spec), spec, rng=0, length=8064).shape
(8064,)
"""

from __future__ import annotations

from audiogen_helpers.spectral.distances import mel_error, spectral_convergence
from audiogen_helpers.spectral.inversion import griffin_lim, log_mel_to_audio, mel_to_audio
from audiogen_helpers.spectral.magnitudes import mel_to_magnitude
from audiogen_helpers.spectral.mel import db_to_mel, log_mel, mel, mel_filters, mfcc, scale, unscale
from audiogen_helpers.spectral.mu_law import mu_law_decode, mu_law_encode
from audiogen_helpers.spectral.partials import decay_time, off_harmonic_db, partial_level
from audiogen_helpers.spectral.pitch import pitch_of, track_pitch
from audiogen_helpers.spectral.settings import MelSpec
from audiogen_helpers.spectral.transforms import istft, stft

__all__ = [
    "MelSpec",
    "db_to_mel",
    "decay_time",
    "griffin_lim",
    "istft",
    "log_mel",
    "log_mel_to_audio",
    "mel",
    "mel_error",
    "mel_filters",
    "mel_to_audio",
    "mel_to_magnitude",
    "mfcc",
    "mu_law_decode",
    "mu_law_encode",
    "off_harmonic_db",
    "partial_level",
    "pitch_of",
    "scale",
    "spectral_convergence",
    "stft",
    "track_pitch",
    "unscale",
]
