"""An autoencoder whose code is a row of tokens: every few frames are replaced by the nearest entry of a learned codebook.

Chapter: chapters/methods/vae.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_array, check_integer
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import uniform
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.schedules import warm_cosine
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.deep.vae_network import NUMPY, TAPS, climb, descend, tensorflow_kit
from audiogen_helpers.errors import ParameterError

__all__ = ["VqVae", "VqVaeTraining", "nearest_entries", "perplexity"]

LEVELS = 2  # four frames become one token
COMMITMENT = 0.25
DECAY = 0.97
# Uses per step, on the running mean, below which an entry is dead.
DEAD = 0.03


def nearest_entries(e: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Index of the entry of `codebook` ``(k, d)`` that is nearest to each row of `e` ``(..., d)``.

    Examples
    --------
    >>> nearest_entries(np.array([[0.1, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [3.0, 3.0]]))
    array([0, 1])
    """
    return np.argmin(np.square(codebook).sum(axis=1) - 2.0 * e @ codebook.T, axis=-1)


def perplexity(tokens: np.ndarray, *, entries: int) -> float:
    """How many entries of a codebook are in use, as if all of those were used alike: e to the entropy of the tokens.

    Examples
    --------
    >>> perplexity(np.array([0, 1, 2, 3]), entries=512), round(perplexity(np.array([7, 7, 7]), entries=512), 3)
    (4.0, 1.0)
    """
    share = np.bincount(np.ravel(tokens), minlength=check_integer(entries, name="entries", low=1)) / np.size(tokens)
    return round(float(np.exp(-np.sum(share * np.log(np.where(share > 0.0, share, 1.0))))), 9)


class VqVae:
    """A trained autoencoder with a codebook. Needs numpy only.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        Of both networks, and the ``codebook`` ``(entries, numbers)``.
    shape : tuple (n_mels, frames)
        Of the features.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], *, shape: tuple[int, int]) -> None:
        self.weights, self.shape = dict(weights), shape

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Tokens ``(n, frames / 4)`` of features ``(n, n_mels, frames)``."""
        X = check_array(X, name="X", ndim=3)
        if X.shape[1:] != self.shape:
            raise ParameterError(f"X must have shape (n, {self.shape[0]}, {self.shape[1]}); received {X.shape}")
        h = descend(self.weights, X.transpose(0, 2, 1).astype(np.float32), kit=NUMPY)
        return nearest_entries(h @ self.weights["code.in"], self.weights["codebook"])

    def decode(self, tokens: np.ndarray) -> np.ndarray:
        """Features ``(n, n_mels, frames)`` float32, -1 to 1, from tokens ``(n, frames / 4)``."""
        tokens, entries = np.asarray(tokens), len(self.weights["codebook"])
        length = -(-self.shape[1] // 2**LEVELS)
        if tokens.ndim != 2 or tokens.shape[1] != length or tokens.min(initial=0) < 0 or tokens.max(initial=0) >= entries:
            raise ParameterError(f"tokens must have shape (n, {length}) and be from 0 to {entries - 1}; received shape {tokens.shape}")
        h = self.weights["codebook"][tokens] @ self.weights["code.out"]
        X = climb(self.weights, h, kit=NUMPY)[:, : self.shape[1]].transpose(0, 2, 1)
        return np.clip(X, -1.0, 1.0).astype(np.float32)


class VqVaeTraining:
    """The autoencoder and its codebook while they learn: a model for :func:`audiogen_helpers.deep.trainer.fit`, on one device.

    Parameters
    ----------
    X : np.ndarray [shape=(n, n_mels, frames)]
        Features, -1 to 1.
    entries : int >= 2
        Of the codebook.
    numbers : int >= 1
        In an entry.
    width : int >= 1
        Channels of the convolutions.
    batch_size : int >= 1
        Clips of a step.
    learning_rate : float > 0
        The highest; it falls to 0 over the run.
    revive : bool
        Whether an entry that nothing is near to is moved to where there is something.
    seed : int >= 0
        Of the starting weights and the order of the clips.

    References
    ----------
    A. van den Oord, O. Vinyals and K. Kavukcuoglu (2017), Neural discrete representation learning, NeurIPS.
    A. Razavi, A. van den Oord and O. Vinyals (2019), Generating diverse high-fidelity images with VQ-VAE-2, NeurIPS (moving averages).
    """

    def __init__(
        self,
        X: np.ndarray,
        *,
        entries: int = 128,
        numbers: int = 16,
        width: int = 96,
        batch_size: int = 64,
        learning_rate: float = 2e-3,
        revive: bool = True,
        seed: int = 0,
    ) -> None:
        X, rng = check_array(X, name="X", ndim=3), np.random.default_rng(check_seed(seed))
        self._X = np.ascontiguousarray(X.transpose(0, 2, 1), dtype=np.float32)
        self.shape, self._rate, self._revive = (int(X.shape[1]), int(X.shape[2])), learning_rate, revive
        self.entries, self._steps = check_integer(entries, name="entries", low=2), 1
        tf, start = tensorflow(), _initial(self.shape[0], numbers, width, rng)
        start["decoder.bias"] = self._X.mean(axis=(0, 1))
        self._weights = {name: tf.Variable(value, name=name) for name, value in start.items()}
        book = rng.standard_normal((self.entries, numbers)).astype(np.float32) * np.float32(0.1)
        self._codebook, self._sums = (tf.Variable(book, trainable=False) for _ in range(2))
        self._counts = tf.Variable(np.ones(self.entries, np.float32), trainable=False)
        self._adam, self._kit = Adam(list(self._weights.values()), beta_2=0.99), tensorflow_kit()
        self._indices_at = epoch_batches(len(X), batch_size=batch_size, seed=seed)

    @property
    def variables(self) -> list[Any]:
        """Weights, the codebook and its moving averages, the optimizer's state."""
        return [*self._weights.values(), self._codebook, self._sums, self._counts, *self._adam.variables]

    def plan(self, steps: int) -> None:
        """Fix the length of the run."""
        self._steps = steps

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Spectrograms of a step, time first, and the rate."""
        rate = warm_cosine(min(step, self._steps - 1), steps=self._steps, peak=self._rate)
        return {"x": self._X[self._indices_at(step)], "rate": np.float32(rate)}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update of the networks through the rounding, and one of the codebook towards what was rounded to it."""
        tf, weights = tensorflow(), list(self._weights.values())
        with tf.GradientTape() as tape:
            e = descend(self._weights, batch["x"], kit=self._kit) @ self._weights["code.in"]
            flat = tf.reshape(e, [-1, self._codebook.shape[1]])
            book = tf.convert_to_tensor(self._codebook)
            token = tf.argmin(tf.reduce_sum(book**2, 1) - 2.0 * flat @ tf.transpose(book), axis=1)
            entry = tf.reshape(tf.gather(book, token), tf.shape(e))
            straight = e + tf.stop_gradient(entry - e)  # the entry going forward, the identity going back
            y = climb(self._weights, straight @ self._weights["code.out"], kit=self._kit)[:, : self.shape[1]]
            error = tf.reduce_mean(tf.square(y - batch["x"]))
            loss = error + COMMITMENT * tf.reduce_mean(tf.square(e - tf.stop_gradient(entry)))
        self._adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        hits = tf.one_hot(token, self.entries)
        self._move(tf.stop_gradient(flat), hits, seed)
        share = tf.reduce_mean(hits, axis=0)
        return {"loss": loss, "error": error, "perplexity": tf.exp(-tf.reduce_sum(share * tf.math.log(share + 1e-12)))}

    def _move(self, e: Any, hits: Any, seed: Any) -> None:
        """Every entry to the moving mean of what was rounded to it; a dead one to any of the batch."""
        tf = tensorflow()
        update_ema([self._counts, self._sums], [tf.reduce_sum(hits, 0), tf.transpose(hits) @ e], decay=DECAY)
        if self._revive:
            chosen = tf.gather(e, tf.cast(uniform([self.entries], seed) * tf.cast(tf.shape(e)[0], tf.float32), tf.int32))
            dead = self._counts < DEAD * tf.reduce_mean(self._counts)
            self._sums.assign(tf.where(dead[:, None], chosen, self._sums))
            self._counts.assign(tf.where(dead, 1.0, self._counts))
        self._codebook.assign(self._sums / tf.maximum(self._counts, 1e-5)[:, None])

    def finish(self) -> VqVae:
        """The networks and the codebook."""
        weights = {name: value.numpy() for name, value in self._weights.items()}
        return VqVae({**weights, "codebook": self._codebook.numpy()}, shape=self.shape)


def _initial(bands: int, numbers: int, width: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(LEVELS):
        shapes |= {f"down{i}": (TAPS, width if i else bands, width), f"down{i}.bias": (width,)}
        shapes |= {f"up{i}": (TAPS, width, width), f"up{i}.bias": (width,)}
    shapes |= {"code.in": (width, numbers), "code.out": (numbers, width)}
    shapes |= {"decoder.out": (TAPS, width, bands), "decoder.bias": (bands,)}
    gains = {name: 0.0 if len(shape) == 1 else 1.4 for name, shape in shapes.items()}
    return {name: (rng.standard_normal(s) * (gains[name] / np.prod(s[:-1]) ** 0.5)).astype(np.float32) for name, s in shapes.items()}
