"""Sound from statistics: Markov chains, Gaussian mixtures, hidden Markov models, textures.

Chapter: chapters/methods/hidden_markov.ipynb
"""

from __future__ import annotations

from audiogen_helpers.statistical.models import MODELS

__all__ = ["MODELS"]
