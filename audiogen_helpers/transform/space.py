"""Rooms and echoes: convolution with an impulse response, an algorithmic reverb, a delay with feedback."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._compiled import compiled
from audiogen_helpers._validation import check_audio, check_sr
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import Entry, Parameter
from audiogen_helpers.transform._steps import TAIL, Step, per_channel, render, with_tail

__all__ = ["ENTRIES", "convolve", "delay", "reverb"]

_SPEED_OF_SOUND = 343.0  # m/s at 20 degrees Celsius
_PATHS = np.geomspace(0.6, 1.6, 8)  # lengths of the eight delay lines over the size of the room
_DAMPED_AT = 4000.0  # Hz: where `damping` is meant
_DIFFUSERS, _DIFFUSION = (0.0047, 0.0036, 0.0013), 0.6  # s, and the gain of the all-pass filters ahead of the network


def convolve(y: np.ndarray, *, sr: int, impulse: np.ndarray, mix: float = 1.0, tail: float = 0.0) -> np.ndarray:
    """Put a sound into the room whose impulse response is given: each sample starts its own copy of the response.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate of both, Hz.
    impulse : np.ndarray [shape=(m,), or (..., m) with the channels of `y`]
        Impulse response. Its level is kept, so the output may exceed 1.
    mix : float in [0, 1]
        0 is `y` alone, 1 the convolution alone.
    tail : float, 0 to 60
        Time added after the end, s. At 0 the length is that of `y`, and the room is cut off.

    Returns
    -------
    y : np.ndarray [shape=(..., n + n_samples(tail, sr=sr))], of the float type of `y`

    Raises
    ------
    ParameterError
        If an argument is out of range, or the channels do not fit.

    Examples
    --------
    >>> convolve(np.array([1.0, 0.0, 0.0, 0.5]), sr=8000, impulse=np.array([1.0, 0.2])).round(12) + 0.0
    array([1. , 0.2, 0. , 0.5])
    """
    from scipy.signal import oaconvolve

    y, sr = check_audio(y), check_sr(sr)
    impulse = check_audio(impulse, name="impulse")
    if impulse.ndim > 1 and impulse.shape[:-1] != y.shape[:-1]:
        raise ParameterError(f"impulse must be mono or have the channels of y, shape {y.shape}; received {impulse.shape}")
    found = _CONVOLVE.settings({"mix": mix, "tail": tail}, sr=sr)
    long = with_tail(y, found["tail"], sr=sr).astype(np.float64)
    response = np.broadcast_to(impulse.astype(np.float64), (*y.shape[:-1], impulse.shape[-1]))
    wet = oaconvolve(long, response, axes=-1)[..., : long.shape[-1]]
    return ((1.0 - found["mix"]) * long + found["mix"] * wet).astype(y.dtype)


def reverb(
    y: np.ndarray,
    *,
    sr: int,
    t60: float = 1.5,
    size: float = 10.0,
    damping: float = 0.5,
    predelay: float = 0.01,
    mix: float = 0.3,
    tail: float = 0.0,
) -> np.ndarray:
    """A room made of eight delay lines that feed one another without loss, with the loss of air and walls put in where it is wanted.

    Three all-pass filters blur the sound, eight delay lines hold it, an orthogonal matrix hands their outputs back to their inputs.
    Such a matrix keeps the energy, so each line alone decides how fast it decays: its gain is that of a fall by 60 dB within
    `t60`, and its low-pass shortens that at high frequencies. Causal: it may run in blocks.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform. Channels do not mix; each is heard through another row of the matrix, so that a stereo room is wide.
    sr : int > 0
        Sample rate, Hz.
    t60 : float, 0.2 to 20
        Time in which low frequencies fall by 60 dB, s. Kept within 10 % where it is at least 5 times the way through the room.
    size : float, 2 to 40
        Size of the room, m: the mean way from wall to wall, which sound takes at 343 m/s.
    damping : float, 0 to 0.9
        How much shorter the fall by 60 dB is at 4 kHz: 0 is as long, 0.9 a tenth.
    predelay : float, 0 to 0.2
        Time before the room answers, s.
    mix : float in [0, 1]
        0 is `y` alone, 1 the room alone. For low noise that goes on, the room is as loud as `y` or up to 3 dB
        louder; where a single tone meets a resonance, the output may exceed 1.
    tail : float, 0 to 60
        Time added after the end, s. At 0 the length is that of `y`, and the room is cut off.

    Returns
    -------
    y : np.ndarray [shape=(..., n + n_samples(tail, sr=sr))], of the float type of `y`

    Raises
    ------
    ParameterError
        If an argument is out of range.

    References
    ----------
    J.-M. Jot and A. Chaigne (1991), 90th AES Convention, preprint 3030: the network and its gains;
    M. R. Schroeder (1962), J. Audio Eng. Soc. 10(3), 219-223: the all-pass filters.

    Examples
    --------
    >>> click = np.zeros(16000)
    >>> click[0] = 1.0
    >>> room = reverb(click, sr=8000, t60=1.0, mix=1.0)
    >>> energy = [float(np.sum(room[at : at + 800] ** 2)) for at in (1600, 5600)]  # half a second apart: half of 60 dB
    >>> bool(abs(10 * np.log10(energy[0] / energy[1]) - 30.0) < 5.0)
    True
    """
    return render(_REVERB, y, sr=sr, t60=t60, size=size, damping=damping, predelay=predelay, mix=mix, tail=tail)


def start_reverb(sr: int, *, t60: float, size: float, damping: float, predelay: float, mix: float) -> Step:
    """The step of `reverb`."""
    lengths = _coprime_lengths(size / _SPEED_OF_SOUND * sr * _PATHS)
    gains, poles = _losses(lengths, sr=sr, t60=t60, damping=damping)
    matrix = _hadamard(len(lengths)) / np.sqrt(len(lengths))
    left = np.mean(gains**2)  # share of the energy after one round
    scale = np.sqrt(len(lengths) * (1.0 - left) / left)
    before = np.array([1 + round(predelay * sr), *(max(1, round(d * sr)) for d in _DIFFUSERS)])

    def make(channels: int) -> Step:
        lines = np.zeros((channels, len(lengths), lengths.max()))
        ahead = np.zeros((channels, len(before), before.max()))
        lows = np.zeros((channels, len(lengths)))
        taps = scale / np.sqrt(len(lengths)) * np.sign(matrix[np.arange(channels) % len(lengths)])
        clock = np.zeros(1, dtype=np.int64)

        def step(block: np.ndarray) -> np.ndarray:
            wet = _network(block, lines, lengths, gains, poles, lows, matrix, taps, ahead, before, clock[0])
            clock[0] += block.shape[-1]
            return (1.0 - mix) * block + mix * wet

        return step

    return per_channel(make)


@compiled
def _network(x, lines, lengths, gains, poles, lows, matrix, taps, ahead, before, clock):
    """The reverberation of `x` (channels, n); `lines`, `lows` and `ahead` hold the state and are changed."""
    out = np.empty_like(x)
    n_lines = len(lengths)
    heard = np.empty(n_lines)
    for c in range(x.shape[0]):
        for n in range(x.shape[1]):
            at = clock + n
            ahead[c, 0, at % before[0]] = x[c, n]
            value = ahead[c, 0, (at + 1) % before[0]]  # the oldest: predelay samples ago
            for k in range(1, len(before)):
                i = at % before[k]
                old = ahead[c, k, i]
                inner = value + _DIFFUSION * old
                ahead[c, k, i] = inner
                value = old - _DIFFUSION * inner
            total = 0.0
            for k in range(n_lines):
                low = gains[k] * (1.0 - poles[k]) * lines[c, k, at % lengths[k]] + poles[k] * lows[c, k]
                lows[c, k] = low
                heard[k] = low
                total += taps[c, k] * low
            out[c, n] = total
            for k in range(n_lines):
                back = value / np.sqrt(n_lines)
                for j in range(n_lines):
                    back += matrix[k, j] * heard[j]
                lines[c, k, at % lengths[k]] = back
    return out


def _coprime_lengths(wanted: np.ndarray) -> np.ndarray:
    """Different primes near the wanted numbers, so that the echoes of two lines seldom fall together."""
    found: list[int] = []
    for length in np.round(wanted).astype(int):
        candidate = max(2, int(length))
        while candidate in found or any(candidate % d == 0 for d in range(2, int(candidate**0.5) + 1)):
            candidate += 1
        found.append(candidate)
    return np.array(found)


def _losses(lengths: np.ndarray, *, sr: int, t60: float, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """Gain at 0 Hz and pole of the low-pass of each line: one round takes `lengths / sr`, and 60 dB must take `t60`."""
    gains = 10.0 ** (-3.0 * lengths / (sr * t60))
    high = 10.0 ** (-3.0 * lengths / (sr * t60 * (1.0 - damping))) / gains  # what the low-pass must do at 4 kHz
    if damping == 0.0:
        return gains, np.zeros(len(lengths))
    r2, cosine = high**2, np.cos(2.0 * np.pi * min(_DAMPED_AT, sr / 2) / sr)
    middle, edge = 1.0 - r2 * cosine, 1.0 - r2  # (1 - p)^2 = r2 (1 - 2 p cos + p^2), solved for the pole p < 1
    return gains, (middle - np.sqrt(middle**2 - edge**2)) / edge


def _hadamard(size: int) -> np.ndarray:
    """Hadamard matrix of a power of two: 1 and -1, all rows at right angles."""
    H = np.ones((1, 1))
    while len(H) < size:
        H = np.block([[H, H], [H, -H]])
    return H


def delay(y: np.ndarray, *, sr: int, time: float = 0.3, feedback: float = 0.4, mix: float = 0.3, tail: float = 0.0) -> np.ndarray:
    """Echoes: the sound again after `time`, and each echo echoed.

    The delay need not be a whole number of samples: four samples are interpolated (third-order Lagrange, which amplifies no
    frequency, so that the loop is stable). Causal: it may run in blocks.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform.
    sr : int > 0
        Sample rate, Hz.
    time : float, 0.001 to 5
        From one echo to the next, s.
    feedback : float, 0 to 0.98
        Level of each echo over that of the one before.
    mix : float in [0, 1]
        0 is `y` alone, 1 the echoes alone. With much feedback the output may exceed 1.
    tail : float, 0 to 60
        Time added after the end, s. At 0 the length is that of `y`, and later echoes are cut off.

    Returns
    -------
    y : np.ndarray [shape=(..., n + n_samples(tail, sr=sr))], of the float type of `y`

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> delay(np.eye(1, 33)[0], sr=8000, time=0.001, feedback=0.5, mix=0.5)[::8].round(6) + 0.0
    array([0.5   , 0.5   , 0.25  , 0.125 , 0.0625])
    """
    return render(_DELAY, y, sr=sr, time=time, feedback=feedback, mix=mix, tail=tail)


def start_delay(sr: int, *, time: float, feedback: float, mix: float) -> Step:
    """The step of `delay`."""
    samples = max(2.0, time * sr)
    whole = int(samples) - 1
    weights = _lagrange(samples - whole)

    def make(channels: int) -> Step:
        line = np.zeros((channels, whole + 4))
        clock = np.zeros(1, dtype=np.int64)

        def step(block: np.ndarray) -> np.ndarray:
            wet = _echo(block, line, whole, weights, feedback, clock[0])
            clock[0] += block.shape[-1]
            return (1.0 - mix) * block + mix * wet

        return step

    return per_channel(make)


def _lagrange(delay: float) -> np.ndarray:
    """Weights of the samples 0, 1, 2 and 3 steps ago for a delay between 1 and 2 steps: the cubic through all four."""
    nodes = np.arange(4)
    return np.array([np.prod([(delay - m) / (k - m) for m in nodes if m != k]) for k in nodes])


@compiled
def _echo(x, line, whole, weights, feedback, clock):
    """Echoes of `x` (channels, n); `line` holds what went in, plus what was fed back, and is changed."""
    out = np.empty_like(x)
    size = line.shape[1]
    for c in range(x.shape[0]):
        for n in range(x.shape[1]):
            at = clock + n
            echo = 0.0
            for k in range(4):
                echo += weights[k] * line[c, (at - whole - k) % size]
            line[c, at % size] = x[c, n] + feedback * echo
            out[c, n] = echo
    return out


def _mix(default: float) -> Parameter:
    return Parameter(name="mix", default=default, low=0.0, high=1.0, help="Share of the effect; the rest is the sound itself.")


_CONVOLVE = Entry(
    name="convolve",
    summary="Put a sound into the room whose impulse response is the second sound.",
    target="audiogen_helpers.transform.space:convolve",
    parameters=(_mix(1.0), TAIL),
    extra={"mono": False, "length": "same", "second": "impulse"},
)
_REVERB = Entry(
    name="reverb",
    summary="A room of a given size that takes a given time to fall silent.",
    target="audiogen_helpers.transform.space:reverb",
    parameters=(
        Parameter(name="t60", default=1.5, unit="s", low=0.2, high=20.0, help="Time to fall by 60 dB."),
        Parameter(name="size", default=10.0, unit="m", low=2.0, high=40.0, help="Mean way from wall to wall."),
        Parameter(name="damping", default=0.5, low=0.0, high=0.9, help="How much shorter the fall is at 4 kHz."),
        Parameter(name="predelay", default=0.01, unit="s", low=0.0, high=0.2, help="Time before the room answers."),
        _mix(0.3),
        TAIL,
    ),
    extra={"mono": False, "length": "same", "stream": "audiogen_helpers.transform.space:start_reverb"},
)
_DELAY = Entry(
    name="delay",
    summary="Echoes, each softer than the one before.",
    target="audiogen_helpers.transform.space:delay",
    parameters=(
        Parameter(name="time", default=0.3, unit="s", low=0.001, high=5.0, help="From one echo to the next."),
        Parameter(name="feedback", default=0.4, low=0.0, high=0.98, help="Level of each echo over the one before."),
        _mix(0.3),
        TAIL,
    ),
    extra={"mono": False, "length": "same", "stream": "audiogen_helpers.transform.space:start_delay"},
)

ENTRIES: tuple[Entry, ...] = (_CONVOLVE, _REVERB, _DELAY)
