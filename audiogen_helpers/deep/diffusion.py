"""Denoising diffusion, the older sister of the flow: the same network and code, another path, and dice on the way.

Chapter: chapters/methods/flow.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from audiogen_helpers.deep.flow import Flow, _part
from audiogen_helpers.deep.solvers import denoise

__all__ = ["Ddpm"]


class Ddpm(Flow):
    """A trained diffusion model: all is as in :class:`audiogen_helpers.deep.flow.Flow`, but for the path and for the way back.

    Parameters
    ----------
    pca, weights, shape, n_labels, settings
        As for the flow. The settings tell the path and what the loss compares.
    """

    name: ClassVar[str] = "ddpm"
    options: ClassVar[tuple[str, ...]] = ("guidance", "sample_steps", "churn")

    def _codes(self, x: np.ndarray, labels: np.ndarray, settings: Mapping[str, Any], dice: np.random.Generator, start: float) -> np.ndarray:
        ends = self.ends(labels, guidance=settings["guidance"])
        steps = _part(settings["sample_steps"], start)
        return denoise(ends, x, steps=steps, path=self.path, churn=settings["churn"], start=start, rng=dice)
