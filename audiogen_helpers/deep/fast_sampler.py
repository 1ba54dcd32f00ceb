"""A gated recurrent unit that speaks one sample after the other, compiled: many times faster than the sound that it makes.

What makes it fast: the input is one of a few levels, so its product with the weights is a row of a table; the weights are kept in half
precision, so that they stay in the core's own cache, and are read in the order in which they lie there; and every function is made of sums,
products and quotients, which wide registers do sixteen at a time.

Chapter: chapters/methods/rnn.ipynb
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audiogen_helpers._compiled import compiled_fast, widen
from audiogen_helpers._validation import check_array, check_number, show
from audiogen_helpers.errors import ParameterError

__all__ = ["Sampler"]

HALF = 65504.0  # the largest number of half precision


@compiled_fast
def _tanh(x):
    """Within 4e-7 of tanh: a rational function, up to where tanh is 1 in single precision."""
    x = min(max(x, np.float32(-7.9053111)), np.float32(7.9053111))
    s = x * x
    p = np.float32(-2.76076847742355e-16) * s + np.float32(2.00018790482477e-13)
    p = p * s + np.float32(-8.60467152213735e-11)
    p = p * s + np.float32(5.12229709037114e-08)
    p = p * s + np.float32(1.48572235717979e-05)
    p = p * s + np.float32(6.37261928875436e-04)
    p = p * s + np.float32(4.89352455891786e-03)
    q = np.float32(1.19825839466702e-06) * s + np.float32(1.18534705686654e-04)
    q = q * s + np.float32(2.26843463243900e-03)
    q = q * s + np.float32(4.89352518554385e-03)
    return x * p / q


@compiled_fast
def _exp(x):
    """exp of x <= 0, within 1e-4 of itself down to exp(-40): a series of x / 64, squared six times."""
    y = max(x, np.float32(-40.0)) * np.float32(1.0 / 64.0)
    e = np.float32(1.0 / 720.0) + y * np.float32(1.0 / 5040.0)
    e = np.float32(1.0 / 120.0) + y * e
    e = np.float32(1.0 / 24.0) + y * e
    e = np.float32(1.0 / 6.0) + y * e
    e = np.float32(0.5) + y * e
    e = np.float32(1.0) + y * e
    e = np.float32(1.0) + y * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    e = e * e
    return e * e


@compiled_fast
def _add_product(H, M, out):
    """``out += H @ M``, M in half precision: four rows of M at a time, which stay near the processor for all streams."""
    n, width = out.shape[1], M.shape[0]
    full = width - width % 4
    for j in range(0, full, 4):
        for s in range(H.shape[0]):
            a, b, c, d = H[s, j], H[s, j + 1], H[s, j + 2], H[s, j + 3]
            for i in range(n):
                out[s, i] += (a * widen(M[j, i]) + b * widen(M[j + 1, i])) + (c * widen(M[j + 2, i]) + d * widen(M[j + 3, i]))
    for j in range(full, width):
        for s in range(H.shape[0]):
            a = H[s, j]
            for i in range(n):
                out[s, i] += a * widen(M[j, i])


@compiled_fast
def _floor_of_nucleus(e, total, top_p):
    """The largest number above which the entries of `e` (0 to 1) have the share `top_p` of their sum, by halving."""
    low, high = np.float32(0.0), np.float32(1.0)
    for _ in range(26):
        middle = np.float32(0.5) * (low + high)
        mass = np.float32(0.0)
        for k in range(e.shape[0]):
            mass += e[k] if e[k] >= middle else np.float32(0.0)
        if mass >= top_p * total:
            low = middle
        else:
            high = middle
    return low


@compiled_fast
def _draw(logits, e, sharpness, top_p, u):
    """One level, by the uniform number `u`; `e` is scratch."""
    n = logits.shape[0]
    top = logits[0]
    for k in range(n):
        top = max(top, logits[k])
    total = np.float32(0.0)
    for k in range(n):
        e[k] = _exp((logits[k] - top) * sharpness)
        total += e[k]
    if top_p < np.float32(1.0):
        least = _floor_of_nucleus(e, total, top_p)
        total = np.float32(0.0)
        for k in range(n):
            e[k] = e[k] if e[k] >= least else np.float32(0.0)
            total += e[k]
    target, reached, k = u * total, e[0], 0
    while reached <= target and k < n - 1:
        k += 1
        reached += e[k]
    while e[k] == np.float32(0.0) and k > 0:  # past the last that can be, by rounding
        k -= 1
    return k


@compiled_fast
def _speak(table, label, recurrent, bias, out, out_bias, H, gates, said, scratch, codes, U, sharpness, top_p, forced, logits):
    """Steps of all streams: the state `H` and the levels `codes` (streams, steps + 1) are written; so are `logits`, where there is room."""
    streams, width, levels = H.shape[0], H.shape[1], out.shape[1]
    for t in range(codes.shape[1] - 1):
        for s in range(streams):
            heard = codes[s, t]
            for i in range(2 * width):
                gates[s, i] = table[heard, i] + label[s, i]
            for i in range(width):
                gates[s, 2 * width + i] = bias[i]
        _add_product(H, recurrent, gates)
        for s in range(streams):
            heard = codes[s, t]
            for i in range(width):
                keep = np.float32(0.5) + np.float32(0.5) * _tanh(np.float32(0.5) * gates[s, i])
                reset = np.float32(0.5) + np.float32(0.5) * _tanh(np.float32(0.5) * gates[s, width + i])
                new = _tanh(table[heard, 2 * width + i] + label[s, 2 * width + i] + reset * gates[s, 2 * width + i])
                H[s, i] = new + keep * (H[s, i] - new)
            for k in range(levels):
                said[s, k] = out_bias[k]
        _add_product(H, out, said)
        for s in range(streams):
            if t < logits.shape[1]:
                for k in range(levels):
                    logits[s, t, k] = said[s, k]
            if not forced:
                codes[s, t + 1] = _draw(said[s], scratch, sharpness, top_p, U[s, t])


def _aligned(array: np.ndarray, *, half: bool = False) -> np.ndarray:
    """A float32 copy that begins where a line of the cache does (64 bytes): a wide load across two lines takes twice as long.

    With `half`, the bits of half precision, as int16.
    """
    array = np.asarray(array, dtype=np.float32)
    if half:
        array = np.clip(array, -HALF, HALF).astype(np.float16).view(np.int16)
    room = np.empty(array.nbytes + 64, dtype=np.uint8)
    first = -room.ctypes.data % 64
    found = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


@dataclass(frozen=True)
class Sampler:
    """A GRU over levels of samples and the layer that says the next one, laid out for speed.

    Parameters
    ----------
    table : np.ndarray [shape=(levels, 3 width), float32]
        The input's part of the gates for each level, with the input's bias, and the recurrent bias of the gates z and r.
    recurrent : np.ndarray [shape=(width, 3 width), int16]
        Bits of half precision: 0.5 MB for a width of 256, which stays in the second cache of a core, where twice that would not.
    bias : np.ndarray [shape=(width,), float32]
        Recurrent bias of the third gate, which the reset gate scales.
    out : np.ndarray [shape=(width, levels), int16]
        Weights of the last layer, as `recurrent`.
    out_bias : np.ndarray [shape=(levels,), float32]
    """

    table: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray

    @classmethod
    def of(cls, weights: Mapping[str, np.ndarray], *, levels: int) -> Sampler:
        """From the weights of a GRU (:func:`audiogen_helpers.deep.recurrent.shapes`) and ``out``, ``out.bias``; rows of ``kernel``
        after the first `levels` are for the caller (labels). Rounds the two matrices to half precision, in which models are stored."""
        width = weights["recurrent"].shape[0]
        both = np.concatenate([weights["recurrent.bias"][: 2 * width], np.zeros(width, np.float32)])
        parts = (
            _aligned(weights["kernel"][:levels] + weights["bias"] + both),
            _aligned(weights["recurrent"], half=True),
            _aligned(weights["recurrent.bias"][2 * width :]),
            _aligned(weights["out"], half=True),
            _aligned(weights["out.bias"]),
        )
        return cls(*parts)

    @property
    def width(self) -> int:
        """Numbers in the state."""
        return self.recurrent.shape[0]

    def speak(
        self,
        label: np.ndarray,
        uniforms: np.ndarray,
        *,
        first: int,
        temperature: float = 1.0,
        top_p: float = 1.0,
        state: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Levels of streams side by side; each is what it would be alone.

        Parameters
        ----------
        label : np.ndarray [shape=(streams, 3 width), float32]
            What is added to the gates of each stream at every step.
        uniforms : np.ndarray [shape=(streams, steps), float32], in [0, 1)
            One random number for each choice.
        first : int
            The level before the first.
        temperature : float > 0
            See :func:`audiogen_helpers.deep.nucleus.chances`.
        top_p : float in (0, 1]
            The same.
        state : np.ndarray [shape=(streams, width), float32], optional
            Where an earlier call ended; zeros by default.

        Returns
        -------
        codes : np.ndarray [shape=(streams, steps), int32]
        state : np.ndarray [shape=(streams, width), float32]

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> shapes = {"kernel": (4, 24), "recurrent": (8, 24), "bias": (24,), "recurrent.bias": (24,), "out": (8, 4), "out.bias": (4,)}
        >>> sampler = Sampler.of({name: rng.standard_normal(shape) for name, shape in shapes.items()}, levels=4)
        >>> codes, _ = sampler.speak(np.zeros((2, 24)), rng.random((2, 100)), first=2)
        >>> codes.shape, sorted(set(codes.ravel().tolist()))
        ((2, 100), [0, 1, 2, 3])
        """
        sharpness = np.float32(min(1.0 / check_number(temperature, name="temperature", above=0.0), 1e6))
        share = np.float32(check_number(top_p, name="top_p", above=0.0, high=1.0))
        U = check_array(uniforms, name="uniforms", ndim=2, low=0.0, high=1.0).astype(np.float32)
        codes = np.empty((len(U), U.shape[1] + 1), dtype=np.int32)
        codes[:, 0] = self._checked_level(first)
        return self._run(label, codes, U, sharpness, share, state, forced=False, logits=np.empty((len(U), 0, 1), np.float32))

    def logits(self, label: np.ndarray, codes: np.ndarray, *, first: int) -> np.ndarray:
        """What is said before each of given levels (streams, steps): logits (streams, steps, levels), by the very loop of :meth:`speak`."""
        given = np.asarray(codes)
        heard = np.empty((given.shape[0], given.shape[1] + 1), dtype=np.int32)
        heard[:, 0], heard[:, 1:] = self._checked_level(first), given
        self._checked_level(int(given.min(initial=0))), self._checked_level(int(given.max(initial=0)))
        found = np.empty((*given.shape, len(self.table)), dtype=np.float32)
        self._run(label, heard, np.zeros(given.shape, np.float32), np.float32(1.0), np.float32(1.0), None, forced=True, logits=found)
        return found

    def _checked_level(self, level: int) -> int:
        if not 0 <= level < len(self.table):
            raise ParameterError(f"codes must be whole numbers from 0 to {len(self.table) - 1}; received {show(level)}")
        return level

    def _run(
        self,
        label: np.ndarray,
        codes: np.ndarray,
        U: np.ndarray,
        sharpness: np.float32,
        top_p: np.float32,
        state: np.ndarray | None,
        *,
        forced: bool,
        logits: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        streams, levels = len(codes), len(self.table)
        H = _aligned(np.zeros((streams, self.width)) if state is None else state)
        label = _aligned(label)
        if label.shape != (len(codes), 3 * self.width) or H.shape != (len(codes), self.width):
            raise ParameterError(
                f"label and state must have one row for each of {len(codes)} streams; received {label.shape} and {H.shape}"
            )
        weights = (self.table, label, self.recurrent, self.bias, self.out, self.out_bias)
        scratch = (_aligned(np.zeros(shape)) for shape in ((streams, 3 * self.width), (streams, levels), (levels,)))
        _speak(*weights, H, *scratch, codes, U, sharpness, top_p, forced, logits)
        return codes[:, 1:].copy(), H
