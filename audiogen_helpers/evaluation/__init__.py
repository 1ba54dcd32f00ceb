"""How good generated sound is: recognised, varied, not copied, without faults; and what the same numbers are for real sound.

A recogniser that was trained on real clips listens to generated ones. It never filters or steers a generator.

Chapter: chapters/practice/generation.ipynb

Examples
--------
>>> inception_score([[1.0, 0.0], [0.0, 1.0]])
2.0
"""

from __future__ import annotations

from audiogen_helpers.deep.recogniser import Recogniser
from audiogen_helpers.evaluation.ears import recogniser_for
from audiogen_helpers.evaluation.measuring import evaluate
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
    "Copies",
    "Diversity",
    "Quality",
    "Real",
    "Recogniser",
    "Recognition",
    "Report",
    "clip_distances",
    "distinct_clips",
    "diversity",
    "evaluate",
    "fingerprints",
    "frechet_distance",
    "has_click",
    "inception_score",
    "is_clipped",
    "nearest_training_clip",
    "quality",
    "recogniser_for",
    "recognition_rate",
    "wilson_interval",
]
