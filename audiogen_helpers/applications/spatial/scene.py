"""Sources that move around a listener who turns: each is delayed, weakened and coloured for two ears, in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from audiogen_helpers._compiled import compiled_fast
from audiogen_helpers._validation import check_array, check_audio, check_integer, check_number, check_sr
from audiogen_helpers.applications.spatial.directions import from_vectors, to_vectors
from audiogen_helpers.applications.spatial.responses import AHEAD, HeadResponses
from audiogen_helpers.applications.spatial.sphere import RADIUS, SPEED
from audiogen_helpers.errors import ParameterError

__all__ = ["Listener", "Source", "blocks", "render"]

HOP = 256  # samples from one set of filters to the next; they are cross-faded in between
BATCH = 64  # hops that are computed together
HALF = 12  # taps of the interpolating sinc on either side
PHASES = 512
FASTEST = 0.5  # of the speed of sound


@dataclass(frozen=True, eq=False)
class Source:
    """A sound on its way through space.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        Its sound, as it is heard at a distance of 1 m.
    positions : np.ndarray [shape=(3,) or (k, 3)]
        Where it is, m: front, left and up of the listener's head; straight lines in between, at rest before and after.
    times : np.ndarray [shape=(k,)], rising
        When it is there, s. Not needed for one position.
    """

    y: np.ndarray
    positions: Any
    times: Any = (0.0,)

    def __post_init__(self) -> None:
        object.__setattr__(self, "y", check_audio(self.y, name="y", mono=True))
        where = np.atleast_2d(check_array(np.asarray(self.positions, dtype=np.float64), name="positions"))
        when = _times(self.times)
        if where.shape != (len(when), 3):
            raise ParameterError(f"positions must be (k, 3) for k times; received {where.shape} and {len(when)} times")
        _check_way(where, when)
        object.__setattr__(self, "positions", where)
        object.__setattr__(self, "times", when)

    @classmethod
    def at(
        cls, y: np.ndarray, *, azimuth: ArrayLike, elevation: ArrayLike = 0.0, distance: ArrayLike = 1.0, times: ArrayLike = (0.0,)
    ) -> Source:
        """A source by directions (degrees, 90 is left) and distances (m), one or one for each of `times`.

        Examples
        --------
        >>> np.abs(Source.at(np.ones(4), azimuth=90.0, distance=2.0).positions).round(6)
        array([[0., 2., 0.]])
        """
        distance = check_array(np.atleast_1d(np.asarray(distance, dtype=np.float64)), name="distance", above=0.0)
        v = np.atleast_2d(to_vectors(azimuth, elevation))
        return cls(y, np.broadcast_to(v * distance[:, None], (max(len(v), len(distance)), 3)), times)


@dataclass(frozen=True, eq=False)
class Listener:
    """A head at the origin that turns.

    Parameters
    ----------
    yaw : float or np.ndarray [shape=(k,)]
        Where the nose points, degrees to the left of straight ahead; evenly in between. More than one turn is allowed.
    times : np.ndarray [shape=(k,)], rising
        When, s. Not needed for one angle.
    """

    yaw: Any = 0.0
    times: Any = (0.0,)

    def __post_init__(self) -> None:
        yaw = check_array(np.atleast_1d(np.asarray(self.yaw, dtype=np.float64)), name="yaw", ndim=1)
        when = _times(self.times)
        if yaw.shape != when.shape:
            raise ParameterError(f"yaw must have one angle for each time; received {yaw.shape} and {when.shape}")
        object.__setattr__(self, "yaw", yaw)
        object.__setattr__(self, "times", when)


def _times(times: ArrayLike) -> np.ndarray:
    when = check_array(np.atleast_1d(np.asarray(times, dtype=np.float64)), name="times", ndim=1)
    if (np.diff(when) <= 0.0).any():
        raise ParameterError(f"times must rise; received {when.tolist()[:6]}")
    return when


def _check_way(where: np.ndarray, when: np.ndarray) -> None:
    """No way through the head, and none so fast that sounds would arrive before those sent earlier."""
    step = np.diff(where, axis=0)
    square = np.maximum(np.sum(step**2, axis=1), 1e-300)
    nearest = np.clip(-np.sum(where[:-1] * step, axis=1) / square, 0.0, 1.0)
    ways = np.vstack([where, where[:-1] + nearest[:, None] * step])
    closest = float(np.linalg.norm(ways, axis=1).min())
    if closest <= RADIUS:
        raise ParameterError(
            f"positions must stay outside the head of radius {RADIUS:g} m; received a way that comes as near as {closest:.3g} m"
        )
    speed = float((np.sqrt(square) / np.diff(when)).max(initial=0.0)) if len(when) > 1 else 0.0
    if speed > FASTEST * SPEED:
        raise ParameterError(f"positions must move by at most {FASTEST * SPEED:g} m/s; received {speed:.4g} m/s")


def render(
    sources: Sequence[Source], head: HeadResponses, *, duration: float | None = None, listener: Listener | None = None, **options: Any
) -> np.ndarray:
    """What two ears hear of a scene.

    Parameters
    ----------
    sources : sequence of Source
        At the sample rate of `head`.
    head : HeadResponses
        Responses of the ears.
    duration : float > 0, optional
        Length, s; by default until all sources have ended and their last sound has arrived.
    listener : Listener, optional
        Looks straight ahead by default.
    **options
        Of :func:`blocks`.

    Returns
    -------
    y : np.ndarray [shape=(2, n), float32]
        Left, right. A source at 1 m has the level of its sound, at 2 m half of that. It arrives late by the way that sound has to go,
        and its pitch rises while it approaches.

    Examples
    --------
    >>> from audiogen_helpers.applications.spatial.responses import spherical_head
    >>> hiss = np.random.default_rng(0).standard_normal(800)
    >>> y = render([Source.at(hiss, azimuth=90.0)], spherical_head(sr=16_000))
    >>> bool(np.sum(y[0] ** 2) > 2 * np.sum(y[1] ** 2))
    True
    """
    sources = _check_sources(sources)
    if duration is None:
        last = max(len(s.y) / head.sr + float(np.linalg.norm(s.positions[-1])) / SPEED for s in sources)
        duration = max(
            last, max(float(s.times[-1]) for s in sources if len(s.times) > 1) if any(len(s.times) > 1 for s in sources) else 0.0
        )
        duration += head.taps / head.sr + 0.005
    n = max(1, round(check_number(duration, name="duration", above=0.0, high=3600.0) * head.sr))
    out = np.empty((2, n), dtype=np.float32)
    done = 0
    for block in blocks(sources, head, size=HOP * BATCH, listener=listener, **options):
        take = min(block.shape[1], n - done)
        out[:, done : done + take] = block[:, :take]
        done += take
        if done == n:
            return out
    return out


def blocks(sources: Sequence[Source], head: HeadResponses, *, size: int, listener: Listener | None = None) -> Iterator[np.ndarray]:
    """The scene for ever, `size` samples (2, size) at a time; the samples do not depend on `size`.

    Parameters
    ----------
    sources, head, listener
        As for :func:`render`.
    size : int >= 1
        Samples of a block.

    Examples
    --------
    >>> from audiogen_helpers.applications.spatial.responses import spherical_head
    >>> next(blocks([Source.at(np.ones(800), azimuth=90.0)], spherical_head(sr=16_000), size=100)).shape
    (2, 100)
    """
    size = check_integer(size, name="size", low=1)
    mixer = _Mixer(_check_sources(sources), head, listener or Listener())
    ready, hop = np.empty((2, 0), dtype=np.float32), 0
    while True:
        while ready.shape[1] < size:
            ready = np.concatenate([ready, mixer.hops(hop)], axis=1)
            hop += BATCH
        yield ready[:, :size]
        ready = ready[:, size:]


def _check_sources(sources: Sequence[Source]) -> list[Source]:
    sources = list(sources)
    if not sources or not all(isinstance(source, Source) for source in sources):
        raise ParameterError(f"sources must be at least one Source; received {len(sources)} of other kinds or none")
    return sources


class _Mixer:
    """The filters and delays of a scene, hop by hop."""

    def __init__(self, sources: list[Source], head: HeadResponses, listener: Listener) -> None:
        self.sources, self.head, self.listener = sources, head, listener
        self.sr = check_sr(head.sr)
        self.size = int(2 ** np.ceil(np.log2(HOP + head.taps - 1)))
        self.centre = head.delays.mean() + AHEAD / self.sr  # when a sound reaches the middle of the head, and the lead that responses have
        self.spectra = np.fft.rfft(head.irs, self.size).astype(np.complex64)
        self.fade = (np.arange(HOP, dtype=np.float32) + 0.5) / HOP
        self.sounds = [np.pad(s.y.astype(np.float32), 2 * HALF) for s in sources]

    def hops(self, first: int) -> np.ndarray:
        """Samples (2, BATCH * HOP) from hop `first` on."""
        edges = (first + np.arange(BATCH + 1)) * HOP / self.sr
        bins = self.size // 2 + 1
        old, new = np.zeros((2, BATCH, 2, bins), dtype=np.complex64)
        history = self.head.taps - 1
        for source, y in zip(self.sources, self.sounds, strict=True):
            delays, gains, filters = self._controls(source, edges, history)
            heard = np.empty((2, history + BATCH * HOP), dtype=np.float32)
            _delayed(y, first * HOP, delays * self.sr, gains, heard, HOP, history, _sinc_table())
            frames = np.lib.stride_tricks.sliding_window_view(heard, history + HOP, axis=1)[:, ::HOP].swapaxes(0, 1)
            spectrum = np.fft.rfft(frames, self.size)
            old += spectrum * filters[:-1]
            new += spectrum * filters[1:]
        both = np.fft.irfft(np.stack([old, new]), self.size)[..., history : history + HOP]
        mixed = both[0] * (1.0 - self.fade) + both[1] * self.fade
        return np.ascontiguousarray(mixed.transpose(1, 0, 2).reshape(2, -1), dtype=np.float32)

    def _controls(self, source: Source, edges: np.ndarray, history: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Delays (hops + 2, 2), s, and gains (hops + 2,) at the edges, with one edge before, and filters (hops + 1, 2, bins)."""
        before = int(np.ceil(history / HOP))
        all_edges = np.concatenate([edges[0] - np.arange(before, 0, -1) * HOP / self.sr, edges])
        place = _heard_from(source, all_edges)
        yaw = np.deg2rad(np.interp(all_edges, self.listener.times, self.listener.yaw))
        ahead = place[:, 0] * np.cos(yaw) + place[:, 1] * np.sin(yaw)
        left = place[:, 1] * np.cos(yaw) - place[:, 0] * np.sin(yaw)
        azimuth, elevation = from_vectors(np.stack([ahead, left, place[:, 2]], axis=1))
        distance = np.linalg.norm(place, axis=1)
        corners, weights = self.head._around(to_vectors(azimuth, elevation))
        lead = np.einsum("qc,qce->qe", weights, self.head.delays[corners]) - self.centre
        w, around = weights[before:].astype(np.float32)[..., None, None], corners[before:]
        filters = sum(w[:, i] * self.spectra[around[:, i]] for i in range(3))
        return distance[:, None] / SPEED + lead, 1.0 / distance, filters


def _heard_from(source: Source, times: np.ndarray) -> np.ndarray:
    """Where the source was (n, 3) when it sent what is heard at `times`: the time of sending is the fixed point of a contraction."""
    positions, sent = np.asarray(source.positions), times
    if len(positions) == 1:
        return np.repeat(positions, len(times), axis=0)
    for _ in range(24):
        place = np.stack([np.interp(sent, source.times, positions[:, i]) for i in range(3)], axis=1)
        sent = times - np.sqrt(np.einsum("ni,ni->n", place, place)) / SPEED
    return place


_TABLE: list[np.ndarray] = []


def _sinc_table() -> np.ndarray:
    """A sinc under Kaiser's window, at `PHASES` + 1 fractions of a sample."""
    if not _TABLE:
        place = np.arange(-HALF + 1, HALF + 1) - np.arange(PHASES + 1)[:, None] / PHASES
        window = np.i0(9.0 * np.sqrt(np.maximum(1.0 - (place / HALF) ** 2, 0.0))) / np.i0(9.0)
        table = np.sinc(place) * window
        _TABLE.append((table / table.sum(axis=1, keepdims=True)).astype(np.float32))
    return _TABLE[0]


@compiled_fast
def _delayed(y, start, delays, gains, out, hop, history, table):
    """out[ear, i]: `y` (24 zeros on either side) from sample `start` - `history` on, late and weak by what moves from edge to edge."""
    half, phases = table.shape[1] // 2, table.shape[0] - 1
    before = -(-history // hop)
    for e in range(out.shape[0]):
        for i in range(out.shape[1]):
            at = i - history + before * hop  # samples after the first edge
            edge = at // hop
            part = (at - edge * hop) / hop
            late = delays[edge, e] * (1.0 - part) + delays[edge + 1, e] * part
            gain = gains[edge] * (1.0 - part) + gains[edge + 1] * part
            place = start + i - history - late
            whole = int(np.floor(place))
            out[e, i] = 0.0
            if -half <= whole < y.shape[0] - 3 * half:
                fine = (place - whole) * phases
                row = int(fine)
                rest, above = np.float32(fine - row), min(row + 1, phases)
                first = whole + half + 1  # in the padded sound
                low, high = np.float32(0.0), np.float32(0.0)
                for tap in range(24):
                    low += y[first + tap] * table[row, tap]
                    high += y[first + tap] * table[above, tap]
                out[e, i] = gain * (low + rest * (high - low))
