"""Which models there are: names, settings and where the code is, as data."""

from __future__ import annotations

from audiogen_helpers.registry import Entry, Registry

__all__ = ["MODELS"]

MODELS = Registry(
    "model",
    Entry(
        name="gan-dense",
        summary="The document's dense GAN: collapses to one spectrogram, and shows why.",
        target="audiogen_helpers.deep.gan:DenseGan",
    ),
    Entry(
        name="flow",
        summary="Flow matching on a PCA code of the log-mel spectrogram: speaks after minutes on two cores.",
        target="audiogen_helpers.deep.flow:Flow",
    ),
)
