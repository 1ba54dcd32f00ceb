"""A variational autoencoder of log-mel spectrograms whose codes are drawn from a learned prior.

An encoder says which codes a clip may have, a decoder draws the clip from one, and both learn together; then flow matching learns where
the codes lie, so that new ones can be drawn.

Chapter: chapters/methods/vae.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_number, check_shapes
from audiogen_helpers.deep import network
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import normal, uniform
from audiogen_helpers.deep.latent_prior import draw_gaussians, fit_gaussians, guided, matching_loss
from audiogen_helpers.deep.models import check_labels, check_settings
from audiogen_helpers.deep.network import NetworkSize
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.pca import MAX_ROWS, fit_pca, some_rows
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.silence import quiet_end
from audiogen_helpers.deep.solvers import follow
from audiogen_helpers.deep.streaming import Rows
from audiogen_helpers.deep.trainer import epoch_batches, update_ema
from audiogen_helpers.deep.vae_network import NUMPY, VaeSize, decode, elbo, encode, initial_weights, tensorflow_kit
from audiogen_helpers.errors import ModelError, ParameterError

__all__ = ["Vae", "VaeTraining", "beta_at"]

CHUNK = 256
PRIOR_BATCH = 4  # times as many codes as clips fit into a step of the same length
PRIOR_RATE = 1e-3
FIXED = ("pca.mean", "pca.basis", "pca.scale")


def beta_at(step: int, *, steps: int, beta: float, warm_up: float) -> float:
    """Weight of the divergence at a step: it rises in a straight line over the share `warm_up` of the run, then stays at `beta`.

    Examples
    --------
    >>> [round(beta_at(step, steps=100, beta=2.0, warm_up=0.5), 2) for step in (0, 24, 49, 99)]
    [0.04, 1.0, 2.0, 2.0]
    """
    rise = check_number(warm_up, name="warm_up", low=0.0, high=1.0) * check_integer(steps, name="steps", low=1)
    return float(beta * min(1.0, (step + 1) / max(rise, 1.0)))


class Vae:
    """A trained variational autoencoder: samples features, and goes from features to codes and back. Needs numpy only.

    Parameters
    ----------
    arrays : mapping of str to np.ndarray
        All that was learned: :attr:`arrays` of another.
    shape : tuple (n_mels, frames)
        Of the features.
    n_labels : int >= 0
        Labels it knows.
    settings : mapping
        All settings of the model.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> None:
        self.arrays = dict(arrays)
        self.shape, self.n_labels, self.settings = shape, n_labels, dict(settings)
        self._flow = {name.removeprefix("prior."): array for name, array in self.arrays.items() if name.startswith("prior.")}
        self._weight = _weight(self.arrays["pca.scale"])

    @classmethod
    def train(cls, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> VaeTraining:
        """A new model for features `X` ``(n, n_mels, frames)`` and label indices ``(n,)`` (-1: none)."""
        return VaeTraining(X, labels, n_labels=n_labels, seed=seed, **settings)

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> Vae:
        """The model that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("vae", settings)
        size, prior = _sizes(shape, n_labels, settings)
        k = settings["components"]
        wanted = size.shapes() | {f"prior.{name}": form for name, form in prior.shapes().items()}
        wanted |= {"gaussian.mean": (n_labels + 1, k), "gaussian.factor": (n_labels + 1, k, k)}
        check_shapes(arrays, wanted)
        cleaned = {name: arrays[name].astype(np.float32) for name in wanted}
        if not (cleaned["pca.scale"] > 0.0).all():
            raise ModelError("weights pca.scale must be above 0")
        return cls(cleaned, shape=shape, n_labels=n_labels, settings=settings)

    def encode(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which codes features ``(n, n_mels, frames)`` may have: mean and log variance of each number, ``(n, components)``.

        Raises
        ------
        ParameterError
            If the features have another shape than the model's.
        """
        X = check_array(X, name="X", ndim=3)
        if X.shape[1:] != self.shape:
            raise ParameterError(f"X must have shape (n, {self.shape[0]}, {self.shape[1]}); received {X.shape}")
        parts = [encode(self.arrays, _time_first(part), kit=NUMPY) for part in _chunks(X)]
        mean, log_variance = (np.concatenate(found) for found in zip(*parts, strict=True))
        return mean, log_variance

    def decode(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Features ``(n, n_mels, frames)`` float32, -1 to 1, from codes ``(n, components)``.

        Parameters
        ----------
        z : np.ndarray [shape=(n, components)]
            Codes.
        labels : np.ndarray, optional
            Label index of each, -1 for none (``(n,)``, the default), or a mixture of labels, the last of which is "none", as
            weights ``(n, n_labels + 1)``.

        Raises
        ------
        ParameterError
            If the shapes do not fit, or a label is unknown.
        """
        k = self.settings["components"]
        z = np.asarray(z, dtype=np.float32)
        if z.ndim != 2 or z.shape[1] != k:
            raise ParameterError(f"z must have shape (n, {k}); received {z.shape}")
        told = np.full(len(z), -1) if labels is None else np.asarray(labels)
        if told.ndim == 2 and told.shape == (len(z), self.n_labels + 1):
            told = told.astype(np.float32)
        else:
            told = self._known(told)
        if len(told) != len(z):
            raise ParameterError(f"labels must be one for each of {len(z)} codes; received {len(told)}")
        frames = self.shape[1]
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [decode(self.arrays, a, b, frames=frames, kit=NUMPY) for a, b in zip(_chunks(z), _chunks(told), strict=True)]
            X = np.concatenate(parts).transpose(0, 2, 1)
        return quiet_end(np.clip(np.nan_to_num(X, nan=-1.0), -1.0, 1.0).astype(np.float32))

    def draw(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
        """New codes ``(n, components)`` of `labels`, from the prior: what :meth:`sample` decodes, with its options."""
        settings, known = self._asked(options), self._known(labels)
        rng = generator(check_seed(seed))
        noise = rng.standard_normal((len(known), settings["components"]), dtype=np.float32)
        if settings["prior"] == "normal":
            return noise
        if settings["prior"] == "gaussian":
            return draw_gaussians(self.arrays["gaussian.mean"], self.arrays["gaussian.factor"], known, noise)
        ends = []
        for x, label in zip(_chunks(noise), _chunks(known), strict=True):
            field = guided(self._flow, label, n_labels=self.n_labels, guidance=settings["guidance"])
            ends.append(follow(field, x, steps=settings["sample_steps"]) / self._weight)
        return np.concatenate(ends)

    def sample(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
        """New features.

        Parameters
        ----------
        labels : np.ndarray [shape=(n,), int]
            Label index of each, or -1 for none.
        seed : int >= 0
            Same seed, same features.
        prior : {'learned', 'gaussian', 'normal'}, optional
            Where the codes come from: the learned flow, one bell fitted to the codes of each label, or the standard normal
            distribution that the training compares codes with.
        guidance : float >= 0, optional
            How far the learned prior leans towards the label: 1 follows what was learned, more is clearer and less varied.
        sample_steps : int >= 1, optional
            Steps of the learned prior from noise to a code.

        Returns
        -------
        X : np.ndarray [shape=(n, n_mels, frames), float32], -1 to 1

        Raises
        ------
        ParameterError
            If a label is unknown or an option is out of range.
        """
        return self.decode(self.draw(labels, seed=seed, **options), labels)

    def _asked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        for name in options:
            if name not in ("prior", "guidance", "sample_steps"):
                raise ParameterError(f"options of vae must be among prior, guidance, sample_steps; received {name!r}")
        return check_settings("vae", {**self.settings, **{name: value for name, value in options.items() if value is not None}})

    def _known(self, labels: np.ndarray) -> np.ndarray:
        labels = check_labels(labels, n_labels=self.n_labels)
        return np.where(labels < 0, self.n_labels, labels)


class VaeTraining:
    """A variational autoencoder while it learns: see :class:`audiogen_helpers.deep.models.Training`.

    The first steps (a share of `code_share`) train encoder and decoder; the codes are then fixed, and the rest trains the prior.

    Parameters
    ----------
    X : np.ndarray or Rows [shape=(n, n_mels, frames)], n >= 2
        Features, -1 to 1; of :class:`audiogen_helpers.deep.streaming.Rows` only a batch at a time is in memory.
    labels : np.ndarray [shape=(n,), int]
        Label index of each clip, -1 for none.
    n_labels : int >= 0
        How many labels there are.
    seed : int >= 0
        Of the starting weights and the order of the clips.
    """

    def __init__(self, X: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, **settings: Any) -> None:
        self.settings = check_settings("vae", settings)
        self.n_labels, self.shape = check_integer(n_labels, name="n_labels", low=0), (int(X.shape[1]), int(X.shape[2]))
        self._X = X if isinstance(X, Rows) else check_array(X, name="X", ndim=3)
        self._labels = np.where(labels < 0, self.n_labels, labels).astype(np.int32)
        start, flow = self._start(check_seed(seed))
        tf = tensorflow()
        self._network = {name: tf.Variable(value, name=name, trainable=name not in FIXED) for name, value in start.items()}
        self._learned = [value for name, value in self._network.items() if name not in FIXED]
        self._prior = {name: tf.Variable(value, name=name) for name, value in flow.items()}
        self._averages = {name: tf.Variable(value, name=name, trainable=False) for name, value in flow.items()}
        self._adam, self._prior_adam = (Adam(list(part), beta_2=0.99) for part in (self._learned, self._prior.values()))
        self._weight = _weight(start["pca.scale"])
        self._kit = tensorflow_kit()
        batch = self.settings["batch_size"]
        self._indices_at = epoch_batches(len(X), batch_size=batch, seed=seed)
        self._prior_indices_at = epoch_batches(len(X), batch_size=PRIOR_BATCH * batch, seed=seed)
        self._codes: tuple[np.ndarray, np.ndarray] | None = None
        self._steps = self._first = 1

    def _start(self, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Arrays to start from: of the autoencoder, around the linear code, and of the prior."""
        rows = _time_first(some_rows(self._X))
        flat = rows.reshape(len(rows), -1)
        pca = fit_pca(flat, components=self.settings["components"], whitening=1.0, rng=seed)
        self.settings["components"] = len(pca.scale)
        size, prior = _sizes(self.shape, self.n_labels, self.settings)
        left = (pca.decode(pca.encode(flat)) - flat).reshape(rows.shape)
        power = 1.0 if self.settings["likelihood"] == "laplace" else 2.0
        scale = np.log(np.maximum(np.mean(np.abs(left) ** power, axis=(0, 1)) ** (1.0 / power), 1e-2))
        rng = np.random.default_rng(seed)
        linear, noise = self.settings["linear"] == "pca", max(float(np.mean(left**2)), 1e-6)
        start = initial_weights(size, pca, noise=noise, log_scale=scale, rng=rng, linear=linear)
        return start, network.initial_weights(prior, rng)

    @property
    def variables(self) -> list[Any]:
        """The autoencoder with its fixed linear code, the prior and its averages, and both optimizers' state."""
        networks = (self._network, self._prior, self._averages)
        return [*(value for part in networks for value in part.values()), *self._adam.variables, *self._prior_adam.variables]

    def plan(self, steps: int) -> None:
        """Fix the length of the run, and with it where the prior begins to learn."""
        self._steps, self._first = steps, max(1, round(self.settings["code_share"] * steps))

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Spectrograms of a step or, once the codes are fixed, posteriors; labels, and where the schedules are."""
        step = min(step, self._steps - 1)
        if step < self._first:
            chosen, s = self._indices_at(step), self.settings
            rate = warm_cosine(step, steps=self._first, peak=s["learning_rate"])
            beta = beta_at(step, steps=self._first, beta=s["beta"], warm_up=s["warm_up"])
            batch = {"x": _time_first(self._X[chosen]), "rate": np.float32(rate), "beta": np.float32(beta)}
        else:
            chosen, steps, step = self._prior_indices_at(step), self._steps - self._first, step - self._first
            mean, log_variance = self._posteriors(chosen)
            rate, decay = warm_cosine(step, steps=steps, peak=PRIOR_RATE), ema_decay(step, steps=steps)
            batch = {"mean": mean, "log_variance": log_variance, "rate": np.float32(rate), "decay": np.float32(decay)}
        return {**batch, "label": self._labels[chosen]}

    def _posteriors(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the chosen clips; the encoder is read here and not earlier, because a resumed run has its own only now."""
        if isinstance(self._X, Rows):
            return encode(self._now(), _time_first(self._X[chosen]), kit=NUMPY)
        if self._codes is None:
            weights = self._now()
            parts = [encode(weights, _time_first(part), kit=NUMPY) for part in _chunks(self._X)]
            self._codes = (np.concatenate([m for m, _ in parts]), np.concatenate([v for _, v in parts]))
        return self._codes[0][chosen], self._codes[1][chosen]

    def _now(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self._network.items()}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """One update: of encoder and decoder where the batch holds spectrograms, of the prior where it holds posteriors."""
        return self._code_step(batch, seed) if "x" in batch else self._prior_step(batch, seed)

    def _code_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """Towards a higher bound; no number of the code gains by a divergence (mean over the batch) below `free_bits`."""
        tf, s, x = tensorflow(), self.settings, batch["x"]
        seeds = tf.random.split(seed, 2)
        noise = normal((tf.shape(x)[0], s["components"]), seeds[0])
        hidden = uniform(tf.shape(x)[:1], seeds[1]) < s["label_dropout"]
        with tf.GradientTape() as tape:
            label = tf.where(hidden, self.n_labels, batch["label"])
            density, kl, y = elbo(self._network, x, label, noise, likelihood=s["likelihood"], kit=self._kit)
            kl = tf.reduce_mean(kl, axis=0)
            paid = batch["beta"] * tf.reduce_sum(tf.maximum(kl, s["free_bits"]))
            loss = (paid - tf.reduce_mean(density)) / (self.shape[0] * self.shape[1])
        self._adam.apply(tape.gradient(loss, self._learned), rate=batch["rate"], clip_norm=1.0)
        return {"loss": loss, "kl": tf.reduce_sum(kl), "error": tf.reduce_mean(tf.square(y - x))}

    def _prior_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """Towards straight paths from noise to codes drawn from the posteriors, larger where they matter more to the picture."""
        tf = tensorflow()
        seeds = tf.random.split(seed, 2)
        mean, log_variance = batch["mean"], batch["log_variance"]
        z = (mean + tf.exp(0.5 * log_variance) * normal(tf.shape(mean), seeds[0])) * self._weight
        with tf.GradientTape() as tape:
            dropout = self.settings["label_dropout"]
            loss = matching_loss(self._prior, z, batch["label"], seeds[1], n_labels=self.n_labels, label_dropout=dropout)
        weights = list(self._prior.values())
        self._prior_adam.apply(tape.gradient(loss, weights), rate=batch["rate"], clip_norm=1.0)
        update_ema(list(self._averages.values()), weights, decay=batch["decay"])
        return {"loss": loss, "kl": tf.zeros(()), "error": tf.zeros(())}

    def finish(self) -> Vae:
        """The autoencoder, the prior with its averaged weights, and a bell for the codes of each label."""
        weights = self._now()
        chosen = np.unique(np.linspace(0, len(self._X) - 1, min(len(self._X), MAX_ROWS)).astype(int))
        parts = [encode(weights, _time_first(self._X[part]), kit=NUMPY) for part in _chunks(chosen)]
        mean, log_variance = (np.concatenate(found) for found in zip(*parts, strict=True))
        means, factors = fit_gaussians(mean, log_variance, self._labels[chosen], n_labels=self.n_labels)
        arrays = weights | {f"prior.{name}": value.numpy() for name, value in self._averages.items()}
        arrays |= {"gaussian.mean": means, "gaussian.factor": factors}
        return Vae(arrays, shape=self.shape, n_labels=self.n_labels, settings=self.settings)


def _sizes(shape: tuple[int, int], n_labels: int, settings: Mapping[str, Any]) -> tuple[VaeSize, NetworkSize]:
    bands, frames = shape
    k = settings["components"]
    size = VaeSize(frames=frames, bands=bands, components=k, width=settings["width"], n_labels=n_labels)
    return size, NetworkSize(components=k, width=settings["prior_width"], blocks=settings["blocks"], n_labels=n_labels)


def _weight(scale: np.ndarray) -> np.ndarray:
    """What each number of a code is multiplied with for the prior: the root of how much it moves the linear picture; mean square 1."""
    weight = np.sqrt(scale.astype(np.float64))
    return (weight / np.sqrt(np.mean(weight**2))).astype(np.float32)


def _time_first(X: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(X, dtype=np.float32).transpose(0, 2, 1))


def _chunks(x: np.ndarray) -> list[np.ndarray]:
    return [x[i : i + CHUNK] for i in range(0, max(len(x), 1), CHUNK)]
