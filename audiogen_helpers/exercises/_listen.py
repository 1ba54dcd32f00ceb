"""What the checks of several chapters share: how a verdict is given, and an ear for pitch."""

from __future__ import annotations

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.spectral.pitch import pitch_of

__all__ = ["expect", "passed", "pitch_of"]


def expect(right: bool, heard: str) -> None:
    """Raise :class:`ExerciseError` with what was heard unless `right`."""
    if not right:
        raise ExerciseError(f"Not yet: {heard}")


def passed(text: str) -> None:
    """Tell the reader that the answer is right."""
    print(f"Right. {text}")
