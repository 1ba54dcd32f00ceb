"""Exercises of the chapters: a module for each, with functions ``check_*`` that listen to an answer and say what they hear."""

__all__ = ["background", "data", "generation", "oscillators", "training"]

from audiogen_helpers.exercises import background, data, generation, oscillators, training
