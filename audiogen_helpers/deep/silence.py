"""Where a generated spectrogram is silent, and where it ends.

Chapter: chapters/practice/generation.ipynb
"""

from __future__ import annotations

import numpy as np

__all__ = ["SILENT", "quiet_end"]

# 2 dB above an 80 dB floor. Features nearer to the floor become the floor; and where all frames to come are nearer to it on the
# mean over their bands, the clip has ended. Without this what a model is unsure of would go on as hiss after the last word.
SILENT = -0.95


def quiet_end(X: np.ndarray) -> np.ndarray:
    """Features with silence where they are near the floor, and after the last frame that is not (on the mean of its bands).

    Parameters
    ----------
    X : np.ndarray [shape=(n, n_mels, frames)], -1 to 1
        Scaled log-mel spectrograms.

    Returns
    -------
    X : np.ndarray of the same shape
        Below :data:`SILENT` all is -1.

    Examples
    --------
    >>> quiet_end(np.array([[[0.5, -0.96, -0.2, -0.97, -0.99]]], dtype=np.float32))[0, 0]
    array([ 0.5, -1. , -0.2, -1. , -1. ], dtype=float32)
    """
    sounding = X.mean(axis=1) > SILENT
    goes_on = np.cumsum(sounding[:, ::-1], axis=1)[:, ::-1] > 0
    return np.where(goes_on[:, None, :] & (X >= SILENT), X, np.float32(-1.0))
