"""A small WaveGAN: a GAN on waveforms whose up-sampling leaves a pattern that can be measured, heard and mended.

Chapter: chapters/methods/gan.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from audiogen_helpers._rng import check_seed, generator
from audiogen_helpers._validation import check_array, check_integer, check_shapes, show
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.convolutions import NUMPY as NUMPY_CONVOLUTIONS
from audiogen_helpers.deep.convolutions import Convolutions, tensorflow_convolutions
from audiogen_helpers.deep.distribution import normal, uniform
from audiogen_helpers.deep.losses import discriminator_loss, generator_loss, gradient_penalty
from audiogen_helpers.deep.models import check_settings
from audiogen_helpers.deep.operations import NUMPY, Ops, tensorflow_ops
from audiogen_helpers.deep.optimizers import Adam
from audiogen_helpers.deep.trainer import epoch_batches
from audiogen_helpers.errors import ParameterError

__all__ = ["STRIDE", "WaveGan", "WaveGanTraining", "checkerboard_level", "judge_waves", "make_waves", "phase_shuffle", "wave_shapes"]

STRIDE = 4  # samples that come out for one, at each layer
TAPS = 25  # of each layer, as in the paper: no multiple of the stride
SLOPE = 0.2  # of the discriminator's LeakyReLU
LAZY = 8  # the penalty R1 is paid at every eighth step, eight times as high
CHUNK = 64


def wave_shapes(length: int, *, latent: int, width: int, blocks: int) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """Names and shapes of the weights of the generator and of the discriminator, in a fixed order.

    Examples
    --------
    >>> maker, judge = wave_shapes(4096, latent=100, width=8, blocks=4)
    >>> maker["in"], maker["layer3"], judge["layer0"], judge["out"]
    ((100, 1024), (25, 8, 1), (25, 1, 8), (1024, 1))
    """
    start = -(-length // STRIDE**blocks)
    channels = [1, *(width * 2**i for i in range(blocks))]
    wide = channels[-1]
    maker: dict[str, tuple[int, ...]] = {"in": (latent, start * wide), "in.bias": (start * wide,)}
    judge: dict[str, tuple[int, ...]] = {}
    for i in range(blocks):
        maker |= {f"layer{i}": (TAPS, channels[blocks - i], channels[blocks - i - 1]), f"layer{i}.bias": (channels[blocks - i - 1],)}
        judge |= {f"layer{i}": (TAPS, channels[i], channels[i + 1]), f"layer{i}.bias": (channels[i + 1],)}
    return maker, judge | {"out": (start * wide, 1), "out.bias": (1,)}


def make_waves(
    weights: Mapping[str, Any], z: Any, *, upsampling: str, ops: Ops = NUMPY, convolutions: Convolutions = NUMPY_CONVOLUTIONS
) -> Any:
    """Waveforms from random numbers.

    Parameters
    ----------
    weights : mapping of str to array
        The generator's, as :func:`wave_shapes` names them.
    z : array [shape=(n, latent), float32]
        Random numbers.
    upsampling : {'transposed', 'nearest'}
        How each layer makes four samples of one: by a transposed convolution, or by repeating it and convolving.
    ops, convolutions : Ops, Convolutions
        Whose arrays they are.

    Returns
    -------
    y : array [shape=(n, start * STRIDE**blocks), float32], before the last tanh

    References
    ----------
    .. [1] C. Donahue, J. McAuley and M. Puckette, "Adversarial audio synthesis", ICLR 2019.
    """
    blocks = sum(name.startswith("layer") for name in weights) // 2
    h = ops.reshape(z @ weights["in"] + weights["in.bias"], (z.shape[0], -1, weights["layer0"].shape[1]))
    for i in range(blocks):
        kernel, bias = weights[f"layer{i}"], weights[f"layer{i}.bias"]
        h = ops.relu(h)
        if upsampling == "transposed":
            h = convolutions.conv1d_transpose(h, kernel, stride=STRIDE) + bias
        else:
            h = convolutions.conv1d(convolutions.upsample(h, STRIDE), kernel) + bias
    return h[..., 0]


def judge_waves(
    weights: Mapping[str, Any],
    y: Any,
    *,
    shifts: Any = None,
    ops: Ops = NUMPY,
    convolutions: Convolutions = NUMPY_CONVOLUTIONS,
) -> Any:
    """How real waveforms look: logits ``(n,)``, above 0 for real.

    Parameters
    ----------
    weights : mapping of str to array
        The discriminator's, as :func:`wave_shapes` names them.
    y : array [shape=(n, start * STRIDE**blocks), float32]
        Waveforms.
    shifts : array [shape=(blocks - 1, n), int], optional
        By how many frames each clip is moved after each layer but the last (:func:`phase_shuffle`); None: not at all.
    ops, convolutions : Ops, Convolutions
        Whose arrays they are.
    """
    blocks = sum(name.startswith("layer") for name in weights) // 2
    h = y[..., None]
    for i in range(blocks):
        h = convolutions.conv1d(h, weights[f"layer{i}"], stride=STRIDE) + weights[f"layer{i}.bias"]
        h = ops.maximum(h, SLOPE * h)
        if shifts is not None and i < blocks - 1:
            h = phase_shuffle(h, shifts[i], ops=ops)
    h = ops.reshape(h, (-1, h.shape[1] * h.shape[2]))
    return (h @ weights["out"] + weights["out.bias"])[:, 0]


def phase_shuffle(h: Any, shifts: Any, *, ops: Ops = NUMPY) -> Any:
    """Each clip's frames moved by its own number of places; what is missing at the edge is mirrored.

    Parameters
    ----------
    h : array [shape=(n, t, c)]
        Frames.
    shifts : array [shape=(n,), int]
        Places; above 0 is later. Smaller than `t`.
    ops : Ops
        Whose arrays they are.

    Returns
    -------
    h : array [shape=(n, t, c)]

    References
    ----------
    .. [1] C. Donahue, J. McAuley and M. Puckette, "Adversarial audio synthesis", ICLR 2019, section 3.3.

    Examples
    --------
    >>> phase_shuffle(np.arange(4.0).reshape(1, 4, 1), np.array([1]))[0, :, 0]
    array([1., 0., 1., 2.])
    """
    t, c = h.shape[1:]
    place = ops.abs(np.arange(t, dtype=np.int32)[None] - shifts[:, None])
    place = (t - 1) - ops.abs((t - 1) - place)
    rows = t * ops.reshape(np.arange(h.shape[0], dtype=np.int32), (-1, 1)) + place
    return ops.reshape(ops.rows(ops.reshape(h, (-1, c)), ops.reshape(rows, (-1,))), (-1, t, c))


def checkerboard_level(Y: np.ndarray, *, period: int) -> float:
    """How far a pattern of `period` samples stands out of the spectrum of clips, in dB: 0 where it does not.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, length)]
        Waveforms; `length` is cut to a multiple of `period`.
    period : int >= 3
        Samples. The pattern's energy is at multiples of ``sr / period``.

    Returns
    -------
    level : float
        Largest ratio of the mean power at a multiple (not 0, not the Nyquist frequency) to the median of the 16 bins around it.

    Raises
    ------
    ParameterError
        If clips are shorter than 32 periods, so that there are no bins between the multiples.

    Examples
    --------
    >>> Y = np.random.default_rng(0).standard_normal((50, 4096))
    >>> bool(abs(checkerboard_level(Y, period=4)) < 2.0), bool(checkerboard_level(Y + 0.2 * (np.arange(4096) % 4 == 0), period=4) > 10.0)
    (True, True)
    """
    Y = check_array(Y, name="Y", ndim=2)
    period = check_integer(period, name="period", low=3)
    length = Y.shape[1] - Y.shape[1] % period
    if length < 32 * period:
        raise ParameterError(f"Y must have clips of at least {32 * period} samples for period {period}; received {Y.shape[1]}")
    power = np.square(np.abs(np.fft.rfft(Y[:, :length], axis=1))).mean(axis=0)
    step = length // period
    around = np.r_[-8:0, 1:9]
    levels = []
    for k in range(step, (length - 1) // 2 + 1, step):
        beside = np.median(power[np.clip(k + around, 1, len(power) - 1)])
        levels.append(10.0 * np.log10((power[k] + 1e-20) / (beside + 1e-20)))
    return float(max(levels))


class WaveGan:
    """A trained generator of waveforms, without labels. Needs numpy only.

    Parameters
    ----------
    weights : mapping of str to np.ndarray
        As :func:`wave_shapes` names them.
    gain : np.ndarray [shape=(1,)]
        What full scale of the network is on a clip.
    length : int
        Samples of a clip.
    sr : int
        Sample rate, Hz.
    settings : mapping
        All settings of the model.
    """

    n_labels = 0

    def __init__(self, weights: Mapping[str, np.ndarray], gain: np.ndarray, *, length: int, sr: int, settings: Mapping[str, Any]) -> None:
        self.weights, self.gain = dict(weights), gain
        self.shape, self.sr, self.settings = (length,), sr, dict(settings)

    @classmethod
    def train(cls, Y: np.ndarray, labels: np.ndarray, *, n_labels: int, seed: int, sr: int, **settings: Any) -> WaveGanTraining:
        """A new model for waveforms `Y` ``(n, length)``; labels play no part."""
        return WaveGanTraining(Y, seed=seed, sr=sr, **settings)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The generator's weights and its gain, by name."""
        return {"gain": self.gain, **self.weights}

    @classmethod
    def restore(
        cls, arrays: Mapping[str, np.ndarray], *, shape: tuple[int], n_labels: int, settings: Mapping[str, Any], sr: int
    ) -> WaveGan:
        """The generator that :attr:`arrays` came from; :class:`ModelError` where they do not fit together."""
        settings = check_settings("wavegan", settings)
        maker, _ = wave_shapes(shape[0], **{name: settings[name] for name in ("latent", "width", "blocks")})
        wanted = {"gain": (1,), **maker}
        check_shapes(arrays, wanted)
        weights = {name: arrays[name].astype(np.float32) for name in wanted}
        return cls(weights, weights.pop("gain"), length=shape[0], sr=sr, settings=settings)

    def sample(self, labels: np.ndarray, *, seed: int, **options: Any) -> np.ndarray:
        """New waveforms ``(n, length)`` float32, -1 to 1; one for each of `labels`, which must be -1 (none)."""
        if options:
            raise ParameterError(f"wavegan has no sampling options; received {next(iter(options))!r}")
        labels = np.asarray(labels)
        if labels.ndim != 1 or (labels != -1).any():
            raise ParameterError(f"labels must be -1 (wavegan learns no labels); received {show(labels.tolist())}")
        z = generator(check_seed(seed)).standard_normal((len(labels), self.settings["latent"]), dtype=np.float32)
        upsampling = self.settings["upsampling"]
        made = [make_waves(self.weights, z[i : i + CHUNK], upsampling=upsampling)[:, : self.shape[0]] for i in range(0, len(z), CHUNK)]
        y = np.concatenate(made) if made else np.empty((0, *self.shape), np.float32)
        return np.clip(np.nan_to_num(np.tanh(y) * self.gain), -1.0, 1.0).astype(np.float32)


class WaveGanTraining:
    """The two networks while they learn from each other: see :class:`audiogen_helpers.deep.models.Training`.

    Parameters
    ----------
    Y : np.ndarray [shape=(n, length)]
        Waveforms.
    seed : int >= 0
        Of the starting weights and the order of the clips.
    sr : int
        Sample rate, Hz.
    """

    def __init__(self, Y: np.ndarray, *, seed: int, sr: int, **settings: Any) -> None:
        tf = tensorflow()
        self.settings, seed, self.sr = check_settings("wavegan", settings), check_seed(seed), sr
        Y = check_array(Y, name="Y", ndim=2).astype(np.float32, copy=False)
        self.shape = (int(Y.shape[1]),)
        loudest = float(np.quantile(np.abs(Y).max(axis=1), 0.9))
        self._gain = tf.Variable(np.array([loudest if loudest > 0.0 else 1.0], np.float32), trainable=False)
        self._Y = Y
        shapes = wave_shapes(self.shape[0], **{name: self.settings[name] for name in ("latent", "width", "blocks")})
        rng = np.random.default_rng(seed)
        self._maker, self._judge = ({name: tf.Variable(value, name=name) for name, value in _start(part, rng).items()} for part in shapes)
        self._adams = [Adam(list(part.values()), beta_1=self.settings["beta_1"]) for part in (self._maker, self._judge)]
        self._ops, self._convolutions = tensorflow_ops(), tensorflow_convolutions()
        self._indices_at = epoch_batches(len(Y), batch_size=self.settings["batch_size"], seed=seed)
        self._padding = shapes[1]["out"][0] // shapes[0]["layer0"][1] * STRIDE ** self.settings["blocks"] - self.shape[0]

    @property
    def variables(self) -> list[Any]:
        """Both networks' weights, both optimizers' state, and the gain."""
        return [*self._maker.values(), *self._judge.values(), *(v for adam in self._adams for v in adam.variables), self._gain]

    def plan(self, steps: int) -> None:
        """Nothing depends on the length of the run."""

    def batch_at(self, step: int) -> dict[str, np.ndarray]:
        """Real waveforms of a step, as loud as the network makes them, and whether the penalty is due."""
        y = np.pad(self._Y[self._indices_at(step)], ((0, 0), (0, self._padding)))
        return {"real": np.clip(y / self._gain.numpy(), -1.0, 1.0), "penalise": np.bool_(step % LAZY == 0)}

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        """The discriminator learns to tell a real batch from a generated one; then the generator learns to be called real."""
        tf = tensorflow()
        real, seeds = batch["real"], tf.random.split(seed, 6)
        fake = self._made(real, seeds[0])
        d_loss, slopes = tf.cond(
            batch["penalise"],
            lambda: self._judge_slopes(real, fake, seeds, penalise=True),
            lambda: self._judge_slopes(real, fake, seeds, penalise=False),
        )
        self._adams[1].apply(slopes, rate=self.settings["learning_rate"])
        with tf.GradientTape() as tape:
            g_loss = generator_loss(self._judged(self._made(real, seeds[3]), seeds[4]), kind=self.settings["loss"], ops=self._ops)
        self._adams[0].apply(tape.gradient(g_loss, list(self._maker.values())), rate=self.settings["learning_rate"])
        return {"d_loss": d_loss, "g_loss": g_loss}

    def finish(self) -> WaveGan:
        """The generator."""
        weights = {name: value.numpy() for name, value in self._maker.items()}
        return WaveGan(weights, self._gain.numpy(), length=self.shape[0], sr=self.sr, settings=self.settings)

    def _made(self, real: Any, seed: Any) -> Any:
        z = normal([real.shape[0], self.settings["latent"]], seed)
        y = make_waves(self._maker, z, upsampling=self.settings["upsampling"], ops=self._ops, convolutions=self._convolutions)
        return tensorflow().tanh(y)

    def _judged(self, y: Any, seed: Any) -> Any:
        tf, n, blocks = tensorflow(), int(y.shape[0]), self.settings["blocks"]
        shifts = None
        if self.settings["shuffle"] and blocks > 1:
            drawn = uniform([n, blocks - 1], seed) * (2.0 * self.settings["shuffle"] + 1.0)
            frames = y.shape[1] // STRIDE ** np.arange(1, blocks)
            reach = np.minimum(self.settings["shuffle"], frames - 1).astype(np.int32)
            shifts = tf.clip_by_value(tf.cast(drawn, tf.int32) - self.settings["shuffle"], -reach, reach)
            shifts = tf.transpose(shifts)
        return judge_waves(self._judge, y, shifts=shifts, ops=self._ops, convolutions=self._convolutions)

    def _judge_slopes(self, real: Any, fake: Any, seeds: Any, *, penalise: bool) -> tuple[Any, list[Any]]:
        tf = tensorflow()
        with tf.GradientTape() as tape:
            logits = self._judged(real, seeds[1]), self._judged(fake, seeds[2])
            loss = discriminator_loss(*logits, kind=self.settings["loss"], ops=self._ops)
            total = loss
            if penalise:
                total += LAZY * self.settings["penalty_weight"] / 2.0 * self._steepness(real, seeds[5])
        return loss, tape.gradient(total, list(self._judge.values()))

    def _steepness(self, real: Any, seed: Any) -> Any:
        tf = tensorflow()
        with tf.GradientTape() as tape:
            tape.watch(real)
            score = tf.reduce_sum(self._judged(real, seed))
        return gradient_penalty(tape.gradient(score, real), target=0.0, ops=self._ops)


def _start(shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights to start from: normal numbers that keep the level from layer to layer; a layer that makes four of one uses a quarter."""
    weights = {}
    for name, shape in shapes.items():
        fan_in = np.prod(shape[:-1])
        weights[name] = (rng.standard_normal(shape) * (np.sqrt(2.0 / fan_in) if len(shape) > 1 else 0.0)).astype(np.float32)
    return weights
