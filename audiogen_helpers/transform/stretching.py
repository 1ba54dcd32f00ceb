"""Time and pitch apart: phase vocoder, WSOLA, pitch shift, formant shift."""

from __future__ import annotations

import numpy as np

from audiogen_helpers._validation import check_audio, check_integer, check_sr
from audiogen_helpers.linear_prediction import default_order, envelope, levinson
from audiogen_helpers.registry import Entry, Parameter

__all__ = ["ENTRIES", "formant_shift", "phase_vocoder", "pitch_shift", "time_stretch", "wsola"]

_FRAME = 0.08  # s: the phase vocoder parts partials that are 50 Hz apart
_OVERLAP = 4  # synthesis hops in a frame
_GRAIN, _SEARCH = 0.03, 0.012  # s: the pieces of WSOLA, and how far they may move
_EDGE = 64  # samples of silence around a sound that is resampled
_SLOPE = 0.08  # of the band, at its upper end: there the resampler fades out
_RISE = 4.0  # a frame whose power rises by this factor in one hop begins a new sound


def time_stretch(y: np.ndarray, *, sr: int, factor: float = 1.5, method: str = "phase-vocoder") -> np.ndarray:
    """Make a sound longer or shorter and leave its pitch alone.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform. Channels are moved together, so that the image stays.
    sr : int > 0
        Sample rate, Hz.
    factor : float, 0.25 to 4
        New length over old.
    method : {'phase-vocoder', 'wsola'}
        `phase_vocoder`, for music and chords, or `wsola`, for one voice.

    Returns
    -------
    y : np.ndarray [shape=(..., round(n * factor))], of the float type of `y`
        At least one sample. Partials meet in other phases than before, so peaks may be higher than those of `y`.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> z = time_stretch(y, sr=8000, factor=1.5)
    >>> z.shape, int(np.argmax(np.abs(np.fft.rfft(z[2000:10000]))))
    ((12000,), 440)
    """
    y, sr = check_audio(y), check_sr(sr)
    found = _TIME_STRETCH.settings({"factor": factor, "method": method})
    flat, peak = _scaled(y)
    work = phase_vocoder if found["method"] == "phase-vocoder" else wsola
    length = max(1, round(y.shape[-1] * found["factor"]))
    out = work(flat, sr=sr, length=length) if peak > 0.0 else np.zeros((len(flat), length))
    return (out * peak).astype(y.dtype).reshape(*y.shape[:-1], length)


def _scaled(y: np.ndarray) -> tuple[np.ndarray, float]:
    """Channels (channels, n) with peak 1, and what the peak was: so no square overflows."""
    peak = float(np.abs(y).max())
    return y.reshape(-1, y.shape[-1]).astype(np.float64) / (peak or 1.0), peak


def phase_vocoder(y: np.ndarray, *, sr: int, length: int, n_fft: int | None = None, locked: bool = True) -> np.ndarray:
    """The phase vocoder: frames of the output stand a fixed hop apart, those of the input closer or wider; phases are made to fit.

    Frame `m` of the output takes the magnitudes of the input at time `t`. Its phases are those of the frame before plus what each
    bin turned in the input from ``t - hop`` to `t`: the same hop as in the output, so nothing has to be unwrapped. With `locked`, only
    the peaks of the spectrum do so, and each turns its neighbours by the same angle as itself, which keeps them in step. Where a sound
    begins (its power rises four times within a hop) the phases of the input are taken anew.

    Parameters
    ----------
    y : np.ndarray [shape=(channels, n)]
        Waveforms; the turn of a bin is that of all channels together.
    sr : int > 0
        Sample rate, Hz.
    length : int > 0
        Samples wanted.
    n_fft : int, optional
        Frame, a multiple of 4; near 80 ms if not given.
    locked : bool
        Lock the phases to the peaks; without, each bin goes its own way (the plain phase vocoder).

    Returns
    -------
    y : np.ndarray [shape=(channels, length)]

    Raises
    ------
    ParameterError
        If `n_fft` or `length` is out of range.

    References
    ----------
    J. Laroche and M. Dolson (1999), Improved phase vocoder time-scale modification of audio, IEEE Trans. Speech Audio Process.
    7(3), 323-332: identity phase locking.

    Examples
    --------
    >>> y = np.random.default_rng(0).standard_normal((2, 4000))
    >>> bool(np.allclose(phase_vocoder(y, sr=8000, length=4000), y))  # nothing to do
    True
    """
    size = _OVERLAP * max(4, round(_FRAME * sr / _OVERLAP)) if n_fft is None else check_integer(n_fft, name="n_fft", low=16)
    hop = size // _OVERLAP
    size, length = _OVERLAP * hop, check_integer(length, name="length", low=1)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    channels, n = y.shape
    frames = 2 + (length - 1) // hop
    before = size // 2 + hop  # zeros ahead: the first frame is centred on sample 0, and one hop earlier there is a frame too
    starts = hop + np.round(np.arange(frames) * hop * (n / length)).astype(int)
    padded = np.pad(y, ((0, 0), (before, max(0, int(starts[-1]) + size - before - n))))
    out = np.zeros((channels, size + hop * (frames - 1)))
    total = np.zeros(out.shape[1])
    last: np.ndarray | None = None
    for m, start in enumerate(starts):
        now = np.fft.rfft(padded[:, start : start + size] * window)
        if last is not None:
            old = np.fft.rfft(padded[:, start - hop : start - hop + size] * window)
            now = now * _turn(now, old, last, locked=locked)
        place = slice(m * hop, m * hop + size)
        out[:, place] += np.fft.irfft(now, n=size) * window
        total[place] += np.square(window)
        last = now
    inside = slice(size // 2, size // 2 + length)
    return out[:, inside] / total[inside]


def _turn(now: np.ndarray, old: np.ndarray, last: np.ndarray, *, locked: bool) -> np.ndarray:
    """Unit numbers (bins,) that turn the frame `now` so that it goes on from `last`, as in the input it goes on from `old`."""
    turn = np.sum(last * np.conj(old), axis=0)
    size = np.abs(turn)
    turn = np.divide(turn, size, out=np.ones_like(turn), where=size > 1e-200)
    if not locked:
        return turn
    power = np.sum(np.square(np.abs(now)), axis=0)
    if power.sum() > _RISE * np.sum(np.square(np.abs(old))):
        return np.ones_like(turn)
    return turn[_nearest_peak(power)]


def _nearest_peak(power: np.ndarray) -> np.ndarray:
    """For each bin the bin of the nearest peak: one that is not below its two neighbours on either side."""
    p = np.pad(power, 2, constant_values=-1.0)
    higher = np.maximum(np.maximum(p[:-4], p[1:-3]), np.maximum(p[3:-1], p[4:]))
    peaks = np.flatnonzero(power >= higher)
    return peaks[np.searchsorted((peaks[1:] + peaks[:-1]) / 2, np.arange(len(power)))]


def wsola(y: np.ndarray, *, sr: int, length: int) -> np.ndarray:
    """Waveform similarity overlap-add: pieces of 30 ms, copied as they are, each moved by up to 12 ms so that it joins the last one.

    The piece that would follow naturally is the one a hop later in the input. Near the place where the piece has to come from, the
    most similar one is looked for (the greatest normalised correlation over the 15 ms in which the two meet).

    Parameters
    ----------
    y : np.ndarray [shape=(channels, n)]
        Waveforms; all channels move together, by the correlation of their sum over channels.
    sr : int > 0
        Sample rate, Hz.
    length : int > 0
        Samples wanted.

    Returns
    -------
    y : np.ndarray [shape=(channels, length)]
        Tones keep their pitch within 1.5 cents; three recorded speakers kept theirs within 6 (median).

    Raises
    ------
    ParameterError
        If `length` is out of range.

    References
    ----------
    W. Verhelst and M. Roelands (1993), An overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale
    modification of speech, Proc. ICASSP, vol. 2, 554-557.

    Examples
    --------
    >>> y = np.random.default_rng(0).standard_normal((1, 4000))
    >>> bool(np.allclose(wsola(y, sr=8000, length=4000), y))  # nothing to do
    True
    """
    length = check_integer(length, name="length", low=1)
    hop, reach = max(2, round(_GRAIN * sr / 2)), max(1, round(_SEARCH * sr))
    size = 2 * hop
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    frames = 2 + (length - 1) // hop
    n = y.shape[-1]
    centres = hop + reach + np.round(np.arange(frames) * hop * (n / length)).astype(int)  # in the padded sound
    before = hop + reach + hop
    padded = np.pad(y, ((0, 0), (before, max(0, int(centres[-1]) + 2 * size + 2 * reach - before - n))))
    best = _Similarity(hop, reach)  # only the first half of a piece meets the last one
    out = np.zeros((len(y), size + hop * (frames - 1)))
    at = int(centres[0])
    for m, centre in enumerate(centres):
        start = int(centre)
        if m and at + hop != start:
            start += best(padded[:, at + hop : at + size], padded[:, start - reach : start + reach + hop])
        out[:, m * hop : m * hop + size] += padded[:, start : start + size] * window
        at = start
    return out[:, hop : hop + length]


class _Similarity:
    """Where, within `reach` of the middle, a longer piece is most like a shorter one (all channels together)."""

    def __init__(self, size: int, reach: int) -> None:
        self.size, self.reach, self.n_fft = size, reach, 1 << (2 * size + 2 * reach - 1).bit_length()

    def __call__(self, wanted: np.ndarray, around: np.ndarray) -> int:
        product = np.sum(np.conj(np.fft.rfft(wanted, n=self.n_fft)) * np.fft.rfft(around, n=self.n_fft), axis=0)
        likeness = np.fft.irfft(product, n=self.n_fft)[: 2 * self.reach + 1]
        sums = np.concatenate([[0.0], np.cumsum(np.sum(np.square(around), axis=0))])
        energy = np.maximum(sums[self.size :] - sums[: -self.size], 1e-9)
        score = likeness / np.sqrt(energy)
        best = int(np.argmax(score))
        return best - self.reach if score[best] > score[self.reach] + 1e-9 * abs(score[self.reach]) else 0


def pitch_shift(y: np.ndarray, *, sr: int, semitones: float = 4.0, formants: str = "move", method: str = "phase-vocoder") -> np.ndarray:
    """Change the pitch and leave the length alone: stretch, then play back faster or slower.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform. Channels are moved together.
    sr : int > 0
        Sample rate, Hz.
    semitones : float, -24 to 24
        Up (above 0) or down.
    formants : {'move', 'keep'}
        Whether the envelope of the spectrum moves with the pitch (a small or a giant speaker) or stays (the same speaker, another note).
    method : {'phase-vocoder', 'wsola'}
        How to stretch; as for `time_stretch`.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        Peaks may be higher than those of `y`. What would pass 0.46 of the sample rate fades out.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 400 * np.arange(8000) / 8000)
    >>> z = pitch_shift(y, sr=8000, semitones=12.0)
    >>> z.shape, int(np.argmax(np.abs(np.fft.rfft(z))))
    ((8000,), 800)
    """
    y, sr = check_audio(y), check_sr(sr)
    found = _PITCH_SHIFT.settings({"semitones": semitones, "formants": formants, "method": method})
    ratio = 2.0 ** (found["semitones"] / 12.0)
    flat, peak = _scaled(y)
    if peak == 0.0 or ratio == 1.0:
        return y.copy()
    if found["formants"] == "keep":
        flat = _move_envelope(flat, 1.0 / ratio, sr=sr)
    n = y.shape[-1]
    work = phase_vocoder if found["method"] == "phase-vocoder" else wsola
    out = _squeeze(work(flat, sr=sr, length=max(1, round(n * ratio))), n)
    return (out * peak).astype(y.dtype).reshape(y.shape)


def _squeeze(y: np.ndarray, length: int) -> np.ndarray:
    """Play `y` (channels, n) in `length` samples, resampled by Fourier transform: what is below 0.92 of both Nyquist frequencies stays."""
    n = y.shape[-1]
    edges = np.arange(_EDGE, 16 * _EDGE) * max(1, n // length)
    sizes = (n + 2 * edges) * (length / n)
    edge_in = int(edges[np.argmin(np.abs(sizes - np.round(sizes)))])  # so that the ratio of the sizes is that of the lengths
    size_in, size_out = n + 2 * edge_in, round((n + 2 * edge_in) * length / n)
    whole = int(edge_in * size_out / size_in)
    # the sound starts at edge_in of size_in; in the output at edge_in * size_out / size_in, moved to the whole sample `whole`
    late = edge_in * size_out / size_in - whole
    X = np.fft.rfft(np.pad(y, ((0, 0), (edge_in, edge_in))))
    bins = (min(size_in, size_out) + 1) // 2
    fall = np.clip((bins - np.arange(bins)) / (_SLOPE * bins), 0.0, 1.0)  # no cliff, which would ring
    move = np.exp(2j * np.pi * np.arange(bins) * late / size_out) * (0.5 - 0.5 * np.cos(np.pi * fall)) * (size_out / size_in)
    Y = np.zeros((len(y), size_out // 2 + 1), dtype=complex)
    Y[:, :bins] = X[:, :bins] * move
    return np.fft.irfft(Y, n=size_out)[:, whole : whole + length]


def formant_shift(y: np.ndarray, *, sr: int, semitones: float = 3.0) -> np.ndarray:
    """Move the envelope of the spectrum, its formants, and leave the pitch alone: a smaller or larger speaker on the same note.

    The envelope of each frame is found by linear prediction; each bin is multiplied by the moved envelope over the old one.

    Parameters
    ----------
    y : np.ndarray [shape=(..., n)]
        Waveform; channels share one envelope.
    sr : int > 0
        Sample rate, Hz.
    semitones : float, -24 to 24
        How far the formants move; 12 doubles their frequencies.

    Returns
    -------
    y : np.ndarray [same shape and float type]
        Peaks may be higher than those of `y`.

    Raises
    ------
    ParameterError
        If an argument is out of range.

    Examples
    --------
    >>> y = np.sin(2 * np.pi * 400 * np.arange(8000) / 8000)
    >>> z = formant_shift(y, sr=8000)
    >>> z.shape, int(np.argmax(np.abs(np.fft.rfft(z))))
    ((8000,), 400)
    """
    y, sr = check_audio(y), check_sr(sr)
    found = _FORMANT_SHIFT.settings({"semitones": semitones})
    flat, peak = _scaled(y)
    if peak == 0.0:
        return y.copy()
    return (_move_envelope(flat, 2.0 ** (found["semitones"] / 12.0), sr=sr) * peak).astype(y.dtype).reshape(y.shape)


def _move_envelope(y: np.ndarray, ratio: float, *, sr: int) -> np.ndarray:
    """`y` (channels, n) with the envelope of its spectrum moved up by `ratio`; the power of each frame stays."""
    from scipy.fft import next_fast_len

    hop = next_fast_len(max(4, round(_GRAIN * sr / _OVERLAP)), real=True)
    size = _OVERLAP * hop
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(size) / size)
    frames = 2 + (y.shape[-1] - 1) // hop
    padded = np.pad(y, ((0, 0), (size // 2, size // 2 + size + hop * frames - y.shape[-1])))
    out, total = np.zeros(padded.shape), np.zeros(padded.shape[1])
    for first in range(0, frames, 256):  # some at a time, so that memory does not grow with the length
        starts = hop * np.arange(first, min(first + 256, frames))
        D = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1)[:, starts] * window)
        power = np.sum(np.square(np.abs(D)), axis=0)
        pieces = np.fft.irfft(D * _gain_of_move(power, ratio, order=min(default_order(sr), size // 2)), n=size) * window
        for i, start in enumerate(starts):
            out[:, start : start + size] += pieces[:, i]
            total[start : start + size] += np.square(window)
    inside = slice(size // 2, size // 2 + y.shape[-1])
    return out[:, inside] / total[inside]


def _gain_of_move(power: np.ndarray, ratio: float, *, order: int) -> np.ndarray:
    """Gain of each cell (frames, bins): the envelope of `power` read at ``f / ratio`` over that at `f`, within 40 dB."""
    n_fft = 2 * (power.shape[1] - 1)
    curve = np.log(envelope(levinson(np.fft.irfft(power, n=n_fft)[:, : order + 1])[0], n_fft=n_fft))
    place = np.minimum(np.arange(power.shape[1]) / ratio, power.shape[1] - 1.0)
    low = np.minimum(place.astype(int), power.shape[1] - 2)
    part = place - low
    gain = np.exp(np.clip((1.0 - part) * curve[:, low] + part * curve[:, low + 1] - curve, -4.6, 4.6))
    kept = np.sum(power * np.square(gain), axis=1)
    scale = np.sqrt(np.divide(np.sum(power, axis=1), kept, out=np.ones(len(kept)), where=kept > 0.0))
    return gain * scale[:, None]


_METHOD = Parameter(name="method", default="phase-vocoder", choices=("phase-vocoder", "wsola"), help="For music, or for one voice.")
_MODULE = "audiogen_helpers.transform.stretching"
_TIME_STRETCH = Entry(
    name="time-stretch",
    summary="Longer or shorter at the same pitch.",
    target=f"{_MODULE}:time_stretch",
    parameters=(Parameter(name="factor", default=1.5, low=0.25, high=4.0, help="New length over old."), _METHOD),
    extra={"mono": False, "length": "scaled"},
)
_PITCH_SHIFT = Entry(
    name="pitch-shift",
    summary="Higher or lower at the same length.",
    target=f"{_MODULE}:pitch_shift",
    parameters=(
        Parameter(name="semitones", default=4.0, unit="semitones", low=-24.0, high=24.0, help="Up, or down below 0."),
        Parameter(name="formants", default="move", choices=("move", "keep"), help="Whether the colour moves with the pitch."),
        _METHOD,
    ),
    extra={"mono": False, "length": "same"},
)
_FORMANT_SHIFT = Entry(
    name="formant-shift",
    summary="A smaller or larger speaker on the same note.",
    target=f"{_MODULE}:formant_shift",
    parameters=(Parameter(name="semitones", default=3.0, unit="semitones", low=-24.0, high=24.0, help="How far the formants move."),),
    extra={"mono": False, "length": "same"},
)

ENTRIES: tuple[Entry, ...] = (_TIME_STRETCH, _PITCH_SHIFT, _FORMANT_SHIFT)
