"""From clips to new clips in one call each: train a model on a data set, load it, sample it, write what it says;
and sound by rules from a name to a file.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

from audiogen_helpers.workflow.features import default_spec, features
from audiogen_helpers.workflow.inversion import invert
from audiogen_helpers.workflow.models import MODELS
from audiogen_helpers.workflow.sampling import checkpoint, file_labels, load, sample_to_folder
from audiogen_helpers.workflow.sounds import parse_settings, synthesise, texture_file, transform_file
from audiogen_helpers.workflow.trained import Trained
from audiogen_helpers.workflow.training import train
from audiogen_helpers.workflow.tunes import render_tune

__all__ = [
    "MODELS",
    "Trained",
    "checkpoint",
    "default_spec",
    "features",
    "file_labels",
    "invert",
    "load",
    "parse_settings",
    "render_tune",
    "sample_to_folder",
    "synthesise",
    "texture_file",
    "train",
    "transform_file",
]
