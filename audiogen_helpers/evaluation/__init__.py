"""How good generated sound is: recognised, varied, not copied, without faults; and what the same numbers are for real sound.

A recogniser that was trained on real clips listens to generated ones. It never filters or steers a generator. Distances of pairs judge
what has a right answer: a copy, a cleaned recording.

Chapter: chapters/practice/generation.ipynb

Examples
--------
>>> inception_score([[1.0, 0.0], [0.0, 1.0]])
2.0
"""

from __future__ import annotations

from audiogen_helpers.deep.recogniser import Recogniser
from audiogen_helpers.evaluation.alignment import align
from audiogen_helpers.evaluation.audio_distance import (
    AudioDistance,
    extrapolated_frechet_distance,
    frechet_audio_distance,
    frechet_distance_by_share,
    sound_statistics,
)
from audiogen_helpers.evaluation.distances import log_spectral_distance, mel_cepstral_distortion, mel_cepstrum, si_sdr, spectral_convergence
from audiogen_helpers.evaluation.ears import recogniser_for
from audiogen_helpers.evaluation.measuring import evaluate
from audiogen_helpers.evaluation.paired import Paired, Spread, find_pairs
from audiogen_helpers.evaluation.pitch_errors import PitchError, pitch_error
from audiogen_helpers.evaluation.quality import Quality, has_click, is_clipped, quality
from audiogen_helpers.evaluation.report import Real, Report
from audiogen_helpers.evaluation.scores import Recognition, frechet_distance, inception_score, recognition_rate, wilson_interval
from audiogen_helpers.evaluation.similarity import (
    Copies,
    Diversity,
    clip_distances,
    distinct_clips,
    diversity,
    fingerprints,
    nearest_training_clip,
)

__all__ = [
    "AudioDistance",
    "Copies",
    "Diversity",
    "Paired",
    "PitchError",
    "Quality",
    "Real",
    "Recogniser",
    "Recognition",
    "Report",
    "Spread",
    "align",
    "clip_distances",
    "distinct_clips",
    "diversity",
    "evaluate",
    "extrapolated_frechet_distance",
    "find_pairs",
    "fingerprints",
    "frechet_audio_distance",
    "frechet_distance",
    "frechet_distance_by_share",
    "has_click",
    "inception_score",
    "is_clipped",
    "log_spectral_distance",
    "mel_cepstral_distortion",
    "mel_cepstrum",
    "nearest_training_clip",
    "pitch_error",
    "quality",
    "recogniser_for",
    "recognition_rate",
    "si_sdr",
    "sound_statistics",
    "spectral_convergence",
    "wilson_interval",
]
