"""Every model by name, of whichever family: what `audiogen train` and a model's folder choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audiogen_helpers import deep, statistical
from audiogen_helpers.registry import Registry

__all__ = ["MODELS", "check_settings", "makes"]

MODELS = Registry("model", *deep.MODELS.values(), *statistical.MODELS.values())


def check_settings(model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a model: the given ones, checked, and defaults for the rest.

    Parameters
    ----------
    model : str
        A name in :data:`MODELS`.
    settings : mapping
        Some of its parameters.

    Raises
    ------
    ParameterError
        If the model or a setting is unknown, or a value has the wrong type or range.

    Examples
    --------
    >>> check_settings("gmm", {"components": 8})
    {'components': 8}
    """
    return MODELS[model].settings(settings)


def makes(model: str) -> str:
    """What a model learns from and makes: ``'mel'`` (scaled log-mel spectrograms), ``'waveforms'`` or ``'notes'``.

    Examples
    --------
    >>> makes("flow"), makes("hmm"), makes("melody")
    ('mel', 'waveforms', 'notes')
    """
    return MODELS[model].extra["makes"]
