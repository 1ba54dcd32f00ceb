"""A spectrogram as a short sequence of codes: a few numbers for every few frames, an outline of the whole, and where the sound ends.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiogen_helpers._validation import check_array, check_integer
from audiogen_helpers.deep.pca import Pca, fit_pca
from audiogen_helpers.deep.silence import SILENT

__all__ = ["FrameCode", "Sequences", "fit_frame_code", "group_frames", "sounding_groups", "ungroup_frames"]


@dataclass(frozen=True)
class Sequences:
    """Spectrograms as a recurrent network writes them.

    Attributes
    ----------
    codes : np.ndarray [shape=(n, steps, components), float32]
        One code for each group of frames; zeros after the end.
    lengths : np.ndarray [shape=(n,), int32], 0 to steps
        Groups up to the last that sounds.
    outlines : np.ndarray [shape=(n, outline), float32]
        A few numbers that sketch the whole.
    """

    codes: np.ndarray
    lengths: np.ndarray
    outlines: np.ndarray


def group_frames(X: np.ndarray, *, frames_per_step: int) -> np.ndarray:
    """Features ``(n, bands, frames)`` as groups ``(n, steps, frames_per_step * bands)``; what is missing in the last one is silence.

    Examples
    --------
    >>> group_frames(np.arange(6.0).reshape(1, 2, 3), frames_per_step=2)[0]
    array([[ 0.,  3.,  1.,  4.],
           [ 2.,  5., -1., -1.]])
    """
    X = check_array(X, name="X", ndim=3)
    each = check_integer(frames_per_step, name="frames_per_step", low=1)
    n, bands, frames = X.shape
    steps = -(-frames // each)
    whole = np.pad(X, ((0, 0), (0, 0), (0, steps * each - frames)), constant_values=-1.0)
    return whole.transpose(0, 2, 1).reshape(n, steps, each * bands)


def ungroup_frames(groups: np.ndarray, *, shape: tuple[int, int]) -> np.ndarray:
    """What :func:`group_frames` took apart: features ``(n, bands, frames)`` with the given `shape` (bands, frames)."""
    bands, frames = shape
    return groups.reshape(len(groups), -1, bands)[:, :frames].transpose(0, 2, 1)


def sounding_groups(groups: np.ndarray, *, bands: int) -> np.ndarray:
    """How many groups there are up to the last that has a frame above silence (on the mean of its bands, -0.95).

    Examples
    --------
    >>> groups = np.full((1, 4, 6), -1.0)
    >>> groups[0, 2, 3:] = 0.5  # the second frame of the third group
    >>> sounding_groups(groups, bands=3)
    array([3], dtype=int32)
    """
    n, steps, _ = groups.shape
    sounds = (groups.reshape(n, steps, -1, bands).mean(axis=3) > SILENT).any(axis=2)
    return (sounds * np.arange(1, steps + 1)).max(axis=1).astype(np.int32)


@dataclass(frozen=True)
class FrameCode:
    """Two linear codes: of a group of frames, and of the whole clip.

    Attributes
    ----------
    frames : Pca
        Of ``frames_per_step * bands`` numbers.
    outline : Pca or None
        Of ``bands * frames`` numbers.
    shape : tuple (bands, frames)
        Of a spectrogram.
    frames_per_step : int
        Frames of a group.
    """

    frames: Pca
    outline: Pca | None
    shape: tuple[int, int]
    frames_per_step: int

    @property
    def steps(self) -> int:
        """Groups of a clip."""
        return -(-self.shape[1] // self.frames_per_step)

    def encode(self, X: np.ndarray) -> Sequences:
        """Codes of features ``(n, bands, frames)``."""
        groups = group_frames(X, frames_per_step=self.frames_per_step)
        codes = self.frames.encode(groups.reshape(-1, groups.shape[2])).reshape(len(X), self.steps, -1)
        lengths = sounding_groups(groups, bands=self.shape[0])
        codes = np.where(np.arange(self.steps)[None, :, None] < lengths[:, None, None], codes, 0.0)
        outlines = np.zeros((len(X), 0)) if self.outline is None else self.outline.encode(X.reshape(len(X), -1))
        return Sequences(codes.astype(np.float32), lengths, outlines.astype(np.float32))

    def decode(self, codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Features ``(n, bands, frames)`` float32 from -1 to 1, silent from each clip's end on."""
        groups = self.frames.decode(codes.reshape(-1, codes.shape[2])).reshape(len(codes), self.steps, -1)
        groups = np.where(np.arange(self.steps)[None, :, None] < lengths[:, None, None], groups, -1.0)
        return ungroup_frames(np.clip(groups, -1.0, 1.0).astype(np.float32), shape=self.shape)


def fit_frame_code(X: np.ndarray, *, frames_per_step: int, components: int, outline: int, seed: int) -> FrameCode:
    """The codes of these features: principal components of the groups that sound, and of the whole clips.

    Parameters
    ----------
    X : np.ndarray [shape=(n, bands, frames)], n >= 2
        Features, -1 to 1.
    frames_per_step : int >= 1
        Frames of a group.
    components : int >= 1
        Numbers in the code of a group (less where there are few groups).
    outline : int >= 0
        Numbers in the outline of a clip (less where there are few clips); 0: no outline.
    seed : int >= 0
        Of the search for the components.

    Returns
    -------
    code : FrameCode
        All its numbers have variance 1 over these features.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1, 1, (50, 4, 6)).astype("float32")
    >>> code = fit_frame_code(X, frames_per_step=2, components=8, outline=3, seed=0)
    >>> found = code.encode(X)
    >>> found.codes.shape, found.outlines.shape, bool(np.allclose(code.decode(found.codes, found.lengths), X, atol=1e-3))
    ((50, 3, 8), (50, 3), True)
    """
    groups = group_frames(X, frames_per_step=frames_per_step)
    lengths = sounding_groups(groups, bands=X.shape[1])
    sounding = groups[np.arange(groups.shape[1]) < lengths[:, None]]
    rows = sounding if len(sounding) > 1 else groups.reshape(-1, groups.shape[2])
    frames = fit_pca(rows, components=components, rng=seed)
    whole = fit_pca(X.reshape(len(X), -1), components=outline, rng=seed) if outline else None
    return FrameCode(frames, whole, (int(X.shape[1]), int(X.shape[2])), frames_per_step)
