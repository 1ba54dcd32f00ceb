"""Every error that the package raises on purpose.

All of them are :class:`AudioGenError`, so one ``except`` clause catches whatever this package refuses. Each also is the
built-in exception that an ordinary program expects (``ValueError``, ``OSError``, ``ImportError``), so code that knows
nothing of this package still behaves.
"""

from __future__ import annotations

__all__ = ["AudioGenError", "DataError", "DependencyError", "ExerciseError", "ModelError", "ParameterError"]


class AudioGenError(Exception):
    """Base of all errors of this package.

    The message names the argument, the rule it breaks and what arrived, in one line.

    Examples
    --------
    >>> from audiogen_helpers.units import n_samples
    >>> try:
    ...     n_samples(-1.0, sr=8000)
    ... except AudioGenError as error:
    ...     print(error)
    duration must be >= 0; received -1.0
    """


class ParameterError(AudioGenError, ValueError):
    """An argument has the wrong type, shape, range or value."""


class DataError(AudioGenError, OSError):
    """A file, folder, download or dataset is missing, damaged, hostile or cannot be written."""


class ModelError(AudioGenError, RuntimeError):
    """A model folder does not fit, a training run diverged, or a model was asked for what it was not trained for."""


class DependencyError(AudioGenError, ImportError):
    """An optional program or package is missing; the message says how to install it."""


class ExerciseError(AudioGenError, AssertionError):
    """The answer to an exercise is not right yet; the message says what was heard or measured instead."""
