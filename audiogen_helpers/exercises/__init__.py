"""Exercises of the chapters: a module for each, with functions ``check_*`` that listen to an answer and say what they hear."""

__all__ = [
    "background",
    "data",
    "definition",
    "generation",
    "modulation",
    "oscillators",
    "physical_models",
    "taxonomy",
    "technologies",
    "training",
    "transforming",
    "voice_and_nature",
]

from audiogen_helpers.exercises import (
    background,
    data,
    definition,
    generation,
    modulation,
    oscillators,
    physical_models,
    taxonomy,
    technologies,
    training,
    transforming,
    voice_and_nature,
)
