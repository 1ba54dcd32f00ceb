"""Every model by name, of whichever family: what `audiogen train` and a model's folder choose from."""

from __future__ import annotations

from audiogen_helpers import deep, statistical
from audiogen_helpers.registry import Registry

__all__ = ["MODELS", "makes"]

MODELS = Registry("model", *deep.MODELS.values(), *statistical.MODELS.values())


def makes(model: str) -> str:
    """What a model learns from and makes: ``'mel'`` (scaled log-mel spectrograms), ``'waveforms'`` or ``'notes'``.

    Examples
    --------
    >>> makes("flow"), makes("hmm"), makes("melody")
    ('mel', 'waveforms', 'notes')
    """
    return MODELS[model].extra["makes"]
