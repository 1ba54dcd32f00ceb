"""Decisions before a sound: phonemes become segments with times, segments become tracks of what the mouth does, 200 times a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_text
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.registry import suggest
from audiogen_helpers.synthesis.voice.phonemes import CONSONANTS, NUCLEI, PHONES, Band, Phone
from audiogen_helpers.synthesis.voice.source import hop_of

__all__ = ["BANDS", "Controls", "Segment", "Sound", "parse", "plan", "segments"]

BANDS = 3  # noise resonances
_PAUSES = {",": 0.2, ".": 0.35, "?": 0.35, "!": 0.35}
_WORD = "|"
_EDGE = 0.05  # s of silence before and after
_NASAL_POLE = 270.0
_REST: tuple[float, float, float] = (500.0, 1500.0, 2500.0)
_SILENCE = Phone(kind="pause", formants=_REST, bandwidths=(80, 100, 150), length=_EDGE, least=_EDGE, rank=-2, voice=0.0)


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A phoneme in its place: its name, the stress of a vowel (0, 1, 2), whether a word begins or ends with it, and a pause's mark."""

    name: str
    stress: int = 0
    first: bool = False
    last: bool = False


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A stretch of time with one target: a phoneme, or a part of one such as the closure of a stop."""

    label: str
    phone: Phone
    seconds: float
    voice: float = 0.0
    breath: float = 0.0
    noise: float = 0.0
    bands: tuple[Band, ...] = ()
    accent: float = 0.0
    sharp: bool = False  # begins at once, like a burst


@dataclass(frozen=True, kw_only=True, eq=False)
class Controls:
    """What the mouth does, as values at the edges of frames of 5 ms (`n` frames have n + 1 edges).

    Attributes
    ----------
    sr : int
        Sample rate that the frames are counted in, Hz.
    f0 : np.ndarray [shape=(n + 1,)]
        Pitch, Hz.
    voice, breath, noise : np.ndarray [shape=(n + 1,)]
        Levels of the glottal pulses, of the noise at the glottis and of that in the mouth; 1 is a stressed vowel's voice.
    formants, bandwidths : np.ndarray [shape=(n + 1, 3)]
        Hz.
    zero : np.ndarray [shape=(n + 1,)]
        Frequency that the nose takes out, Hz; 270 Hz undoes the nose's own resonance.
    bands : np.ndarray [shape=(n + 1, 3, 3)]
        Frequency (Hz), bandwidth (Hz) and level of three resonances of the noise in the mouth.
    marks : tuple of (str, float)
        What begins when, s.
    """

    sr: int
    f0: np.ndarray
    voice: np.ndarray
    breath: np.ndarray
    noise: np.ndarray
    formants: np.ndarray
    bandwidths: np.ndarray
    zero: np.ndarray
    bands: np.ndarray
    marks: tuple[tuple[str, float], ...]

    @property
    def seconds(self) -> float:
        """Duration, s."""
        return (len(self.f0) - 1) * hop_of(self.sr) / self.sr


def parse(phonemes: Any) -> list[Sound]:
    """Phonemes in ARPAbet, apart by spaces, as `Sound` objects; see `audiogen_helpers.synthesis.voice.speaking.speak` for the marks.

    Raises
    ------
    ParameterError
        If there is none, or one is unknown; the message suggests the nearest.

    Examples
    --------
    >>> [(s.name, s.stress, s.first, s.last) for s in parse("HH AY1 | M AA1 M")][:3]
    [('HH', 0, True, False), ('AY', 1, False, True), ('M', 0, True, False)]
    """
    sounds: list[Sound] = []
    first = True
    for token in check_text(phonemes, name="phonemes").split():
        if token == _WORD or token in _PAUSES:
            if sounds:
                sounds[-1] = replace(sounds[-1], last=True)
            if token != _WORD:
                sounds.append(Sound(name=token, first=True, last=True))
            first = True
            continue
        name, digit = (token[:-1], token[-1]) if token[-1].isdigit() else (token, "")
        name = name.upper()
        if name not in PHONES or digit not in ("", "0", "1", "2") or (digit and name in CONSONANTS):
            known = sorted(PHONES)
            hint = suggest(name, PHONES) if name not in PHONES else "; stress is 0, 1 or 2 after a vowel"
            raise ParameterError(f"phonemes must be of {' '.join(known)} (ARPAbet), marks | , . ? !; received {token!r}{hint}")
        sounds.append(Sound(name=name, stress=int(digit or (1 if name in NUCLEI else 0)), first=first))
        first = False
    if not any(s.name in PHONES for s in sounds):
        raise ParameterError(f"phonemes must have at least one phoneme; received {phonemes!r}")
    sounds[-1] = replace(sounds[-1], last=True)
    return sounds


def _phone(sound: Sound) -> Phone:
    """The table's entry, or that of the weak vowel for an unstressed AH."""
    if sound.name == "AH" and sound.stress == 0:
        return NUCLEI["AX"]
    return PHONES[sound.name]


def _lengths(sounds: Sequence[Sound], *, rate: float) -> list[float]:
    """Seconds of each sound, by rules after Klatt (1979): a length at ease, shortened down to a least length."""
    found = []
    for i, s in enumerate(sounds):
        if s.name in _PAUSES:
            found.append(_PAUSES[s.name] / rate)
            continue
        p, after = _phone(s), sounds[i + 1] if i + 1 < len(sounds) else None
        ending = _closes(sounds, i)
        share = 1.0
        if p.kind == "vowel":
            share *= 1.2 if ending else 0.85
            share *= 0.65 if s.stress == 0 and not ending else 1.0
            if after is not None and after.name in CONSONANTS and not after.first:
                kind = CONSONANTS[after.name]
                share *= 0.8 if kind.voice == 0.0 and kind.kind != "breath" else 1.15 if kind.kind in ("fricative", "stop") else 1.0
        else:
            before = sounds[i - 1] if i else None
            pair = [x for x in (before, after) if x is not None and x.name in CONSONANTS]
            share *= 0.8 if pair else 1.0
            share *= 1.2 if ending else 1.1 if s.first else 0.9
        share /= rate
        found.append(max(p.least + (p.length - p.least) * share, 0.6 * p.least) if share < 1.0 else p.length * share)
    return found


def _closes(sounds: Sequence[Sound], i: int) -> bool:
    """Whether sound `i` belongs to the end of a phrase: no vowel comes after it before a pause."""
    for s in sounds[i + 1 :]:
        if s.name in _PAUSES:
            return True
        if s.name in NUCLEI:
            return False
    return True


def segments(sounds: Sequence[Sound], *, rate: float = 1.0) -> list[Segment]:
    """Stretches of time, a stop as closure, burst and breath; silence at both ends."""
    times = _lengths(sounds, rate=rate)
    made = [Segment(label="", phone=_SILENCE, seconds=_EDGE)]
    for i, s in enumerate(sounds):
        before = sounds[i - 1] if i else None
        after = sounds[i + 1] if i + 1 < len(sounds) else None
        if s.name in _PAUSES:
            made.append(Segment(label=s.name, phone=_SILENCE, seconds=times[i]))
        elif _phone(s).kind in ("stop", "affricate"):
            made += _stop(s, seconds=times[i], before=before, after=after)
        else:
            made.append(_steady(s, seconds=times[i]))
    made.append(Segment(label="", phone=_SILENCE, seconds=_EDGE))
    return _fill(made)


def _steady(s: Sound, *, seconds: float) -> Segment:
    p = _phone(s)
    level = p.voice * (0.75 if p.kind == "vowel" and s.stress == 0 else 1.0)
    breath = 0.5 if p.kind == "breath" else 0.0
    accent = {0: 0.0, 1: 1.0, 2: 0.5}[s.stress] if p.kind == "vowel" else 0.0
    return Segment(label=s.name, phone=p, seconds=seconds, voice=level, breath=breath, noise=p.noise, bands=p.bands, accent=accent)


def _stop(s: Sound, *, seconds: float, before: Sound | None, after: Sound | None) -> list[Segment]:
    """A stop or an affricate, by what stands before and after it."""
    p = _phone(s)
    follows = None if after is None or after.name in _PAUSES else PHONES[after.name]
    between = before is not None and before.name in NUCLEI and after is not None and after.name in NUCLEI and after.stress == 0
    if s.name in ("T", "D") and between and not s.first:
        return [Segment(label=s.name, phone=PHONES["DX"], seconds=0.03, voice=0.35)]
    parts = [Segment(label=s.name, phone=p, seconds=seconds, voice=p.voice)]
    if p.kind == "affricate":
        noisy = replace(p, voice=0.3 if p.voice else 0.0)
        return [*parts, Segment(label="", phone=noisy, seconds=p.aspiration, voice=noisy.voice, noise=p.noise, bands=p.bands, sharp=True)]
    if follows is not None and follows.kind in ("stop", "affricate"):
        return parts
    bands = PHONES["SH"].bands if s.name in ("T", "D") and after is not None and after.name == "R" else p.bands
    parts.append(Segment(label="", phone=p, seconds=0.015, noise=p.noise, bands=bands, sharp=True))
    if p.voice == 0.0:
        after_s = before is not None and before.name == "S" and not s.first
        weak = after_s or follows is None or (follows.kind == "vowel" and after is not None and after.stress == 0 and not s.first)
        parts.append(Segment(label="", phone=_SILENCE, seconds=0.02 if weak else p.aspiration, breath=0.4))
    return parts


def _fill(made: list[Segment]) -> list[Segment]:
    """Silence and breath take their formants from what follows, or at the end from what went before."""
    last = replace(made[-1].phone, formants=_end(made[-2].phone))
    made[-1] = replace(made[-1], phone=last)
    for i in range(len(made) - 2, -1, -1):
        if made[i].phone.rank < 0:
            made[i] = replace(made[i], phone=replace(made[i].phone, formants=made[i + 1].phone.formants))
    return made


def _end(p: Phone) -> tuple[float, float, float]:
    return p.glide or p.formants


def _meeting(a: Segment, b: Segment) -> tuple[np.ndarray, float, float]:
    """Formants where two segments meet, and the seconds over which each moves there: those of the higher rank decide."""
    left, right = np.array(_end(a.phone), dtype=np.float64), np.array(b.phone.formants, dtype=np.float64)
    if a.phone.rank == b.phone.rank:
        reach = max(a.phone.reach, b.phone.reach)
        return 0.5 * (left + right), reach, reach
    ruler, own, other = (a.phone, left, right) if a.phone.rank > b.phone.rank else (b.phone, right, left)
    value = own + np.array(ruler.pull) * (other - own)
    inside = 0.5 * ruler.reach
    return (value, inside, ruler.reach) if ruler is a.phone else (value, ruler.reach, inside)


def plan(phonemes: str, *, sr: int, f0: float = 120.0, rate: float = 1.0, expression: float = 1.0) -> Controls:
    """Everything that the mouth will do: decisions only, no sound and no chance. Arguments as for `speak`.

    Examples
    --------
    >>> controls = plan("M AA1 M AH0", sr=16_000)
    >>> controls.marks[1][0], controls.formants.shape[1]
    ('M', 3)
    """
    sounds = parse(phonemes)
    parts = segments(sounds, rate=rate)
    frame = hop_of(sr) / sr
    edges = np.round(np.cumsum([0.0] + [p.seconds for p in parts]) / frame).astype(int)
    edges = np.maximum.accumulate(edges + 0)
    n = int(edges[-1])
    owner = np.clip(np.searchsorted(edges, np.arange(n + 1), side="right") - 1, 0, len(parts) - 1)
    voice, breath, noise = (np.array([getattr(p, key) for p in parts])[owner] for key in ("voice", "breath", "noise"))
    zero = np.array([p.phone.zero or _NASAL_POLE for p in parts])[owner]
    marks = tuple((p.label, float(edges[i]) * frame) for i, p in enumerate(parts))
    voice = _fade(_smooth(voice, 3), parts, edges, frame=frame)
    return Controls(
        sr=sr,
        f0=_pitch(parts, edges, sounds, f0=f0, expression=expression, frame=frame),
        voice=voice,
        breath=_smooth(breath, 3),
        noise=_onsets(noise, parts, edges),
        formants=_formants(parts, edges, frame=frame),
        bandwidths=_smooth(np.array([p.phone.bandwidths for p in parts], dtype=np.float64)[owner], 5),
        zero=_smooth(zero, 7),
        bands=_noise_bands(parts, owner),
        marks=marks,
    )


def _smooth(track: np.ndarray, width: int) -> np.ndarray:
    """The mean over `width` frames (odd) around each."""
    half = width // 2
    padded = np.concatenate([np.repeat(track[:1], half, axis=0), track, np.repeat(track[-1:], half, axis=0)])
    total = np.cumsum(np.concatenate([np.zeros_like(padded[:1]), padded]), axis=0)
    return (total[width:] - total[:-width]) / width


def _fade(voice: np.ndarray, parts: Sequence[Segment], edges: np.ndarray, *, frame: float) -> np.ndarray:
    """The voice dies away over the last 60 ms before a pause."""
    out = voice.copy()
    fade = round(0.06 / frame)
    for i, p in enumerate(parts[1:], start=1):
        if p.phone.kind == "pause" and p.breath == 0.0 and parts[i - 1].voice > 0.0:
            end = edges[i]
            start = max(end - fade, edges[i - 1])
            if end > start:
                out[start : end + 1] *= np.linspace(1.0, 0.15, end + 1 - start)
    return out


def _onsets(noise: np.ndarray, parts: Sequence[Segment], edges: np.ndarray) -> np.ndarray:
    """Noise of a fricative swells over 25 ms and falls over 15 ms; that of a burst is there at once."""
    out = noise.copy()
    for i, p in enumerate(parts):
        if p.noise > 0.0:
            n = edges[i + 1] - edges[i]
            k = np.arange(n)
            up = 1.0 if p.sharp else np.minimum((k + 1) / 6.0, 1.0)
            out[edges[i] : edges[i + 1]] = p.noise * up * np.minimum((n - k) / 4.0, 1.0)
    return out


def _noise_bands(parts: Sequence[Segment], owner: np.ndarray) -> np.ndarray:
    """Colour of the noise: a velar's lowest resonance follows the second formant of what comes next."""
    rows: list[Any] = []
    for i, p in enumerate(parts):
        bands = [list(b) for b in p.bands] or [[2500.0, 2000.0, 0.0]] * BANDS
        if p.label in ("K", "G") or (i and parts[i - 1].label in ("K", "G") and p.sharp):
            follows = next((q.phone.formants[1] for q in parts[i + 1 :] if q.phone.rank < 20), 1500.0)
            bands[0] = [max(1100.0, 0.4 * 1990.0 + 0.6 * follows + 100.0), 300.0, 1.0]
        rows.append(bands)
    for i in range(len(rows) - 1, 0, -1):  # a silent segment has the colour of its noisy neighbour, so that nothing sweeps
        if not parts[i - 1].bands and parts[i].bands:
            rows[i - 1] = rows[i]
    return np.array(rows, dtype=np.float64)[owner]


def _formants(parts: Sequence[Segment], edges: np.ndarray, *, frame: float) -> np.ndarray:
    """Targets, and straight ways to and from the values at which neighbours meet."""
    out = np.empty((edges[-1] + 1, 3))
    meetings = [_meeting(a, b) for a, b in pairwise(parts)]
    for i, p in enumerate(parts):
        n = edges[i + 1] - edges[i]
        k = np.arange(n + 1)
        start, end = np.array(p.phone.formants, dtype=np.float64), np.array(_end(p.phone), dtype=np.float64)
        way = np.clip((k / max(n, 1) - 0.2) / 0.6, 0.0, 1.0)[:, None]
        track = start + way * (end - start)
        if i > 0:
            value, _, into = meetings[i - 1]
            span = max(1.0, min(into / frame, n))
            track += np.maximum(1.0 - k / span, 0.0)[:, None] * (value - start)
        if i < len(meetings):
            value, into, _ = meetings[i]
            span = max(1.0, min(into / frame, n))
            track += np.maximum(1.0 - (n - k) / span, 0.0)[:, None] * (value - end)
        out[edges[i] : edges[i + 1] + 1] = track
    out[:, 0] = np.clip(out[:, 0], 150.0, 1200.0)
    out[:, 1] = np.clip(out[:, 1], out[:, 0] + 150.0, 3000.0)
    out[:, 2] = np.clip(out[:, 2], out[:, 1] + 150.0, 3800.0)
    return out


def _pitch(
    parts: Sequence[Segment], edges: np.ndarray, sounds: Sequence[Sound], *, f0: float, expression: float, frame: float
) -> np.ndarray:
    """The tune: a slow fall along each phrase, a hump on each stressed vowel, and at the end a fall, or a rise for a question."""
    n = int(edges[-1])
    tune = np.zeros(n + 1)  # octaves
    starts = [0] + [i + 1 for i, p in enumerate(parts) if p.label in _PAUSES]
    for a, b in zip(starts, [*starts[1:], len(parts)], strict=False):
        lo, hi = edges[a], edges[b]
        if hi <= lo:
            continue
        mark = parts[b - 1].label if parts[b - 1].label in _PAUSES else "."
        voiced = [i for i in range(a, b) if parts[i].accent > 0 or parts[i].phone.kind == "vowel"]
        stressed = [i for i in voiced if parts[i].accent >= 1.0] or voiced
        if not voiced:
            tune[lo : hi + 1] = tune[lo]
            continue
        k = np.arange(lo, hi + 1)
        tune[lo : hi + 1] = np.linspace(0.12, -0.12, hi + 1 - lo)
        for order, i in enumerate(stressed):
            centre = edges[i] + 0.4 * (edges[i + 1] - edges[i])
            width = max(0.12 / frame, 0.8 * (edges[i + 1] - edges[i]))
            tune[lo : hi + 1] += (0.25 - 0.03 * min(order, 3)) * np.exp(-0.5 * ((k - centre) / (0.7 * width)) ** 2)
        turn = edges[stressed[-1]] + 0.4 * (edges[stressed[-1] + 1] - edges[stressed[-1]])
        goal = {"?": 0.7, ",": 0.1}.get(mark, -0.35)
        tune[lo : hi + 1] += goal * np.clip((k - turn) / max(edges[b - 1] - turn, 1.0), 0.0, 1.0)
    return f0 * 2.0 ** (expression * _smooth(tune, 9))
