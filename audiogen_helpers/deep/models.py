"""Which models there are: names, settings and where the code is, as data; and what every model can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from audiogen_helpers._validation import show
from audiogen_helpers.deep.losses import KINDS
from audiogen_helpers.deep.trainer import Trainable
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter, Registry

__all__ = ["MODELS", "Generator", "Training", "check_labels", "check_settings"]


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


# What the flow and its relative share.
_FLOW = (
    Parameter(name="components", default=160, low=1, high=8192, help="Numbers in the code of a spectrogram (less for few clips)."),
    Parameter(name="whitening", default=0.5, low=0.0, high=1.0, help="1: all components count alike; 0: by their variance."),
    Parameter(name="width", default=320, low=8, high=8192, help="Width of the network."),
    Parameter(name="blocks", default=4, low=1, high=64, help="Residual blocks of the network."),
    Parameter(name="label_dropout", default=0.1, low=0.0, high=0.9, help="Share of clips that are learned without their label."),
    Parameter(name="batch_size", default=256, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
    Parameter(name="learning_rate", default=1e-3, low=1e-8, high=1.0, help="The highest; it falls to 0 over the run."),
)

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
        name="gan",
        summary="A convolutional GAN that is told the label, with the cures of the collapse: speaks after three minutes on two cores.",
        target="audiogen_helpers.deep.conv_gan:ConvGan",
        parameters=(
            Parameter(name="latent", default=64, low=1, high=65536, help="Random numbers that a spectrogram is made from."),
            Parameter(name="width", default=128, low=8, high=8192, help="Channels of both networks' narrowest layer."),
            Parameter(name="loss", default="non-saturating", choices=KINDS, help="What the two networks play for."),
            Parameter(
                name="condition",
                default="classifier",
                choices=("none", "projection", "classifier"),
                help="What both networks do with labels: nothing; the discriminator is told them; it also learns to tell them itself.",
            ),
            Parameter(name="classifier_weight", default=0.25, low=0.0, high=100.0, help="How much the generator heeds that classifier."),
            Parameter(name="penalty", default="r1", choices=("none", "r1", "spectral"), help="Keeps the discriminator from being steep."),
            Parameter(name="penalty_weight", default=1.0, low=0.0, high=1e4, help="Of r1."),
            Parameter(name="group", default=4, unit="clips", low=1, high=64, help="Clips of a label judged with their spread; 1: none."),
            Parameter(name="shift", default=4, unit="frames", low=0, high=64, help="Longest delay by augmentation; 0: no augmentation."),
            Parameter(name="average", default=0.99, low=0.0, high=0.99999, help="Memory of the average of the generator's weights."),
            Parameter(name="batch_size", default=64, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
            Parameter(name="learning_rate", default=1e-3, low=1e-8, high=1.0, help="Of both networks; it falls over the second half."),
            Parameter(name="beta_1", default=0.0, low=0.0, high=0.999, help="Adam's momentum."),
            Parameter(name="truncation", default=1.0, low=0.0, high=10.0, help="Sampling: size of the random numbers."),
        ),
        extra={"labels": True, "makes": "mel", "network": True},
    ),
    Entry(
        name="wavegan",
        summary="A small GAN on waveforms, without labels: a lesson about up-sampling, not a speaker.",
        target="audiogen_helpers.deep.wave_gan:WaveGan",
        parameters=(
            Parameter(name="latent", default=64, low=1, high=65536, help="Random numbers that a clip is made from."),
            Parameter(
                name="width",
                default=8,
                low=1,
                high=1024,
                help="Channels of the layer nearest to the waveform; they double from layer to layer.",
            ),
            Parameter(name="blocks", default=4, low=1, high=8, help="Layers; each makes four samples of one."),
            Parameter(
                name="upsampling", default="transposed", choices=("transposed", "nearest"), help="How a layer makes four samples of one."
            ),
            Parameter(
                name="shuffle",
                default=2,
                unit="frames",
                low=0,
                high=64,
                help="Phase shuffle: how far the discriminator's frames are moved.",
            ),
            Parameter(name="loss", default="non-saturating", choices=KINDS, help="What the two networks play for."),
            Parameter(name="penalty_weight", default=1.0, low=0.0, high=1e4, help="Of the penalty R1."),
            Parameter(name="batch_size", default=32, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
            Parameter(name="learning_rate", default=1e-3, low=1e-8, high=1.0, help="Of both networks."),
            Parameter(name="beta_1", default=0.5, low=0.0, high=0.999, help="Adam's momentum."),
        ),
        extra={"labels": False, "makes": "waveforms", "network": True},
    ),
    Entry(
        name="rnn",
        summary="A recurrent network that writes log-mel frames, four at a time, from mixtures of normal distributions.",
        target="audiogen_helpers.deep.frame_rnn:FrameRnn",
        parameters=(
            Parameter(name="cell", default="gru", choices=("gru", "lstm"), help="Kind of the recurrent layer."),
            Parameter(name="frames_per_step", default=4, unit="frames", low=1, high=256, help="Frames that a step writes."),
            Parameter(name="components", default=64, low=1, high=4096, help="Numbers in the code of a step (less for few clips)."),
            Parameter(
                name="outline", default=16, low=0, high=4096, help="Numbers that sketch the whole clip first (less for few clips); 0: none."
            ),
            Parameter(name="width", default=256, low=8, high=8192, help="Numbers in the state of the network."),
            Parameter(
                name="mixtures", default=8, low=1, high=256, help="Bells that a code is drawn from; 1: a single normal distribution."
            ),
            Parameter(
                name="variation",
                default=0.1,
                low=0.0,
                high=0.5,
                help="In training, clips are stretched by up to this share, and their bands by half.",
            ),
            Parameter(name="noise", default=0.5, low=0.0, high=10.0, help="Added in training to the codes heard, whose deviation is 1."),
            Parameter(name="dropout", default=0.2, low=0.0, high=0.9, help="Share of the hidden numbers that are left out in training."),
            Parameter(name="label_dropout", default=0.1, low=0.0, high=0.9, help="Share of clips that are learned without their label."),
            Parameter(name="batch_size", default=48, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
            Parameter(name="learning_rate", default=4e-3, low=1e-8, high=1.0, help="The highest; it falls to 0 over the run."),
            Parameter(name="temperature", default=0.4, low=0.0, high=10.0, help="Sampling: of the codes; 1 draws what was learned."),
            Parameter(name="outline_temperature", default=1.0, low=0.0, high=10.0, help="Sampling: of the outline."),
        ),
        extra={"labels": True, "makes": "mel", "network": True},
    ),
    Entry(
        name="flow",
        summary="Flow matching on a PCA code of the log-mel spectrogram: speaks after minutes on two cores.",
        target="audiogen_helpers.deep.flow:Flow",
        parameters=(
            *_FLOW,
            Parameter(
                name="guidance", default=2.0, low=0.0, high=20.0, help="Sampling: how far to lean towards the label; 1 is not at all."
            ),
            Parameter(name="sample_steps", default=32, unit="steps", low=1, high=10000, help="Sampling: steps from noise to sound."),
            Parameter(name="solver", default="heun", choices=("euler", "heun", "midpoint"), help="Sampling: how a step is made."),
        ),
        extra={"labels": True, "makes": "mel", "network": True},
    ),
    Entry(
        name="ddpm",
        summary="Denoising diffusion on the flow's code and network: its older sister, with dice on the way.",
        target="audiogen_helpers.deep.diffusion:Ddpm",
        parameters=(
            *_FLOW,
            Parameter(
                name="path", default="cosine", choices=("straight", "cosine", "linear"), help="How noise and data are mixed on the way."
            ),
            Parameter(name="predicts", default="v", choices=("data", "noise", "velocity", "v"), help="What of it the loss compares."),
            Parameter(
                name="guidance", default=1.5, low=0.0, high=20.0, help="Sampling: how far to lean towards the label; 1 is not at all."
            ),
            Parameter(name="sample_steps", default=64, unit="steps", low=1, high=10000, help="Sampling: steps from noise to sound."),
            Parameter(name="churn", default=1.0, low=0.0, high=1.0, help="Sampling: 1 throws dice at every step, 0 never (DDIM)."),
        ),
        extra={"labels": True, "makes": "mel", "network": True},
    ),
    Entry(
        name="vae",
        summary="A variational autoencoder: convolutions around a linear code, and a learned prior that draws its codes.",
        target="audiogen_helpers.deep.vae:Vae",
        parameters=(
            Parameter(name="components", default=64, low=1, high=4096, help="Numbers in the code of a spectrogram (less for few clips)."),
            Parameter(name="width", default=112, low=1, high=4096, help="Channels of the convolutions."),
            Parameter(
                name="linear",
                default="pca",
                choices=("pca", "none"),
                help="What the convolutions correct: principal components, or nothing (all is theirs to learn).",
            ),
            Parameter(name="beta", default=1.0, low=0.0, high=1e4, help="Weight of the divergence from the prior; 1 is the bound itself."),
            Parameter(name="warm_up", default=0.2, low=0.0, high=1.0, help="Share of the encoder's steps in which beta rises from 0."),
            Parameter(
                name="free_bits", default=0.0, unit="nats", low=0.0, high=100.0, help="Divergence of each number that costs nothing."
            ),
            Parameter(
                name="likelihood",
                default="laplace",
                choices=("laplace", "gaussian"),
                help="How pictures differ from what the decoder draws: absolute or square errors count.",
            ),
            Parameter(name="label_dropout", default=0.1, low=0.0, high=0.9, help="Share of clips that are learned without their label."),
            Parameter(name="batch_size", default=64, unit="clips", low=1, high=16384, help="Clips in a step; of codes four times as many."),
            Parameter(name="learning_rate", default=1e-3, low=1e-8, high=1.0, help="The highest; it falls to 0 as the codes become fixed."),
            Parameter(
                name="code_share", default=0.4, low=0.0, high=1.0, help="Share of the steps for encoder and decoder; the prior's follow."
            ),
            Parameter(name="prior_width", default=256, low=8, high=8192, help="Width of the learned prior's network."),
            Parameter(name="blocks", default=3, low=1, high=64, help="Residual blocks of the learned prior's network."),
            Parameter(
                name="prior",
                default="learned",
                choices=("learned", "gaussian", "normal"),
                help="Sampling: codes by flow matching, from a bell fitted to each label, or from the standard normal distribution.",
            ),
            Parameter(
                name="guidance", default=2.0, low=0.0, high=20.0, help="Sampling: how far to lean towards the label; 1 is not at all."
            ),
            Parameter(name="sample_steps", default=32, unit="steps", low=1, high=10000, help="Sampling: steps from noise to a code."),
        ),
        extra={"labels": True, "makes": "mel", "network": True},
    ),
    Entry(
        name="rnn-notes",
        summary="A long short-term memory of notes: new tunes in the manner of those it read.",
        target="audiogen_helpers.deep.note_rnn:NoteRnn",
        parameters=(
            Parameter(name="width", default=128, low=1, high=4096, help="Numbers that the memory holds."),
            Parameter(
                name="dropout", default=0.5, low=0.0, high=0.9, help="Share of what is heard and kept that is left out while it learns."
            ),
            Parameter(
                name="transpose", default=0, unit="semitones", low=0, high=24, help="Tunes are learned moved up or down by up to this."
            ),
            Parameter(name="batch_size", default=32, unit="tunes", low=1, high=65536, help="Tunes that a step learns from."),
            Parameter(name="learning_rate", default=4e-3, low=1e-8, high=1.0, help="The highest; it falls to 0 over the run."),
            Parameter(name="temperature", default=1.0, low=0.01, high=100.0, help="Sampling: less prefers what is likely."),
            Parameter(
                name="top_p", default=1.0, low=1e-6, high=1.0, help="Sampling: choose among the fewest with this share of the chances."
            ),
        ),
        extra={"labels": True, "makes": "notes", "network": True},
    ),
    Entry(
        name="rnn-samples",
        summary="A gated recurrent unit of mu-law samples: sound made sample by sample, faster than it is heard.",
        target="audiogen_helpers.deep.sample_rnn:SampleRnn",
        parameters=(
            Parameter(name="width", default=256, low=1, high=4096, help="Numbers that the memory holds."),
            Parameter(name="window", default=128, unit="samples", low=2, high=65536, help="How far back errors go."),
            Parameter(name="batch_size", default=16, unit="clips", low=1, high=65536, help="Clips that a step learns from."),
            Parameter(name="learning_rate", default=3e-3, low=1e-8, high=1.0, help="The highest; it falls to 0 over the run."),
            Parameter(name="temperature", default=0.8, low=0.01, high=100.0, help="Sampling: less prefers what is likely."),
            Parameter(
                name="top_p", default=1.0, low=1e-6, high=1.0, help="Sampling: choose among the fewest with this share of the chances."
            ),
        ),
        extra={"labels": True, "makes": "waveforms", "network": True},
    ),
)


def check_labels(labels: Any, *, n_labels: int) -> np.ndarray:
    """Label indices of clips to be made, ``(n,)``: whole numbers from -1 (none) to ``n_labels - 1``; :class:`ParameterError` where not.

    Examples
    --------
    >>> check_labels([0, -1, 2], n_labels=3)
    array([ 0, -1,  2])
    """
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "iu" or (found.size and not -1 <= found.min() <= found.max() < n_labels):
        raise ParameterError(f"labels must be whole numbers from -1 to {n_labels - 1}; received {show(found.tolist())}")
    return found


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
