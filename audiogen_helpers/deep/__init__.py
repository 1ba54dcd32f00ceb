"""Generators that learn: one trainer, one way to store weights, and the models.

Only this folder imports TensorFlow, and only inside functions: importing :mod:`audiogen_helpers.deep` is cheap.
"""

from __future__ import annotations

import os

from audiogen_helpers.deep.models import MODELS

__all__ = ["MODELS"]

# Before the first `import tensorflow`: no C++ chatter on stderr, and Keras on the backend that the trainer needs.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
