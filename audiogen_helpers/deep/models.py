"""Which models there are: names, settings and where the code is, as data; and what every model can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from audiogen_helpers.deep.trainer import Trainable
from audiogen_helpers.registry import Entry, Parameter, Registry

__all__ = ["MODELS", "Generator", "Training", "check_settings"]


class Training(Trainable, Protocol):
    """A model while it learns: what :func:`audiogen_helpers.deep.trainer.fit` needs, its batches, and what it becomes."""

    def batch_at(self, step: int) -> Mapping[str, np.ndarray]:
        """The batch of a step."""

    def plan(self, steps: int) -> None:
        """Fix the length of the run, which the schedules need."""

    def finish(self) -> Generator:
        """What has been learned so far, ready to sample."""


class Generator(Protocol):
    """A model that has learned: arrays and settings (all that is stored), and samples. It needs numpy only."""

    settings: dict[str, Any]
    shape: tuple[int, int]
    n_labels: int

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Everything learned, by name."""

    def sample(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
        """Features ``(n, n_mels, frames)`` float32 from -1 to 1, one for each of `labels` (-1: no label)."""

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> Training:
        """A new model for features `X` ``(n, n_mels, frames)`` with label indices (-1: none)."""

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> Generator:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit."""


MODELS = Registry(
    "model",
    Entry(
        name="gan-dense",
        summary="The document's dense GAN, without labels, with Keras' own Adam: it collapses to one spectrogram.",
        target="audiogen_helpers.deep.gan:DenseGan",
        parameters=(
            Parameter(name="latent", default=100, low=1, high=65536, help="Random numbers that a spectrogram is made from."),
            Parameter(name="batch_size", default=64, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
            Parameter(name="learning_rate", default=1e-3, low=1e-8, high=1.0, help="Of both networks."),
            Parameter(name="beta_1", default=0.9, low=0.0, high=0.999, help="Adam's momentum: 0.5 avoids the collapse."),
        ),
        extra={"labels": False, "makes": "mel", "network": True},
    ),
    Entry(
        name="flow",
        summary="Flow matching on a PCA code of the log-mel spectrogram: speaks after minutes on two cores.",
        target="audiogen_helpers.deep.flow:Flow",
        parameters=(
            Parameter(name="components", default=256, low=1, high=8192, help="Numbers in the code of a spectrogram (less for few clips)."),
            Parameter(name="whitening", default=0.5, low=0.0, high=1.0, help="1: all components count alike; 0: by their variance."),
            Parameter(name="width", default=512, low=8, high=8192, help="Width of the network."),
            Parameter(name="blocks", default=4, low=1, high=64, help="Residual blocks of the network."),
            Parameter(name="label_dropout", default=0.1, low=0.0, high=0.9, help="Share of clips that are learned without their label."),
            Parameter(name="batch_size", default=256, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
            Parameter(name="learning_rate", default=1e-3, low=1e-8, high=1.0, help="The highest; it falls to 0 over the run."),
            Parameter(
                name="guidance", default=2.0, low=0.0, high=20.0, help="Sampling: how far to lean towards the label; 1 is not at all."
            ),
            Parameter(name="sample_steps", default=32, unit="steps", low=1, high=10000, help="Sampling: steps from noise to sound."),
        ),
        extra={"labels": True, "makes": "mel", "network": True},
    ),
)


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
    >>> check_settings("gan-dense", {"batch_size": 32})
    {'latent': 100, 'batch_size': 32, 'learning_rate': 0.001, 'beta_1': 0.9}
    """
    return MODELS[model].settings(settings)
