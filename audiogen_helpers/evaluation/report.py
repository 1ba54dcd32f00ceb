"""What was measured, on how many clips, by which ears: as numbers, as a table for the terminal, and as one for a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from audiogen_helpers.evaluation.audio_distance import MIN_CLIPS, MIN_ROWS, AudioDistance
from audiogen_helpers.evaluation.paired import Paired
from audiogen_helpers.evaluation.quality import Quality
from audiogen_helpers.evaluation.scores import Recognition
from audiogen_helpers.evaluation.similarity import Copies, Diversity

__all__ = ["Real", "Report"]

_Row: TypeAlias = tuple[str, str, str, str]
_MANY = 20  # copies and labels that are listed by name


@dataclass(frozen=True, kw_only=True)
class Real:
    """The same numbers for real clips: what a perfect generator would read. None where they are unknown.

    Attributes
    ----------
    n : int
        Real clips that were held out, which most numbers are measured on.
    recognition_rate, inception_score, frechet_distance, copies : float or None
        Of the held-out clips; `copies` is the share of false alarms.
    diversity : Diversity or None
        Of the held-out clips, relative to training clips.
    quality : Quality or None
        Of the held-out clips.
    audio_distance : AudioDistance or None
        Of as many held-out clips; None where fewer than 8 were held out.
    """

    n: int = 0
    recognition_rate: float | None = None
    inception_score: float | None = None
    frechet_distance: float | None = None
    diversity: Diversity | None = None
    copies: float | None = None
    quality: Quality | None = None
    audio_distance: AudioDistance | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What :func:`audiogen_helpers.evaluation.evaluate` found. A number that could not be measured is None, and `reasons` says why.

    Attributes
    ----------
    n : int
        Generated clips.
    generated, reference, ears : str
        What was judged, against what, and by which recogniser, for the reader.
    recognition : Recognition or None
        Share recognised as their label, with interval, per label, and confusion matrix.
    inception_score : float or None
        1 to the number of labels.
    diversity : Diversity or None
        Relative to real clips.
    copies : Copies or None
        Nearest training clips.
    copied : tuple of (str, str, float)
        Generated clip, the training clip it copies, and their distance; the nearest first.
    frechet_distance : float or None
        Of the recogniser's embeddings to those of training clips.
    quality : Quality
        Plain faults.
    real : Real
        The same for real clips.
    n_labels : int
        Labels that the recogniser tells apart; 0 where there is none.
    reasons : mapping of str to str
        Why a number is None.
    notes : tuple of str
        What else the reader should know.
    audio_distance : AudioDistance
        Fréchet audio distance to training clips in statistics that need no recogniser; its own `reason` where there is none.
    paired : Paired
        Distances of generated clips from reference clips of the same name; its own `reason` where there are none.
    """

    n: int
    generated: str
    reference: str
    ears: str
    recognition: Recognition | None
    inception_score: float | None
    diversity: Diversity | None
    copies: Copies | None
    copied: tuple[tuple[str, str, float], ...]
    frechet_distance: float | None
    quality: Quality
    real: Real
    n_labels: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    audio_distance: AudioDistance = field(default_factory=AudioDistance)
    paired: Paired = field(default_factory=Paired)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON: None for what could not be measured, never NaN."""
        r, d, c = self.recognition, self.diversity, self.copies
        real = {
            **vars(self.real),
            "diversity": _get(self.real.diversity, "ratio"),
            "distinct": _get(self.real.diversity, "distinct"),
            "quality": self.real.quality and self.real.quality.to_dict(),
            "audio_distance": self.real.audio_distance and self.real.audio_distance.to_dict(),
        }
        return {
            "n": self.n,
            "n_labels": self.n_labels,
            "generated": self.generated,
            "reference": self.reference,
            "ears": self.ears,
            "recognition_rate": r and r.rate,
            "recognition_interval": r and [r.low, r.high],
            "per_label": r and {name: {"n": n, "rate": rate} for name, (n, rate) in r.per_label.items()},
            "confusion": r and {"labels": list(r.label_names), "counts": r.confusion.tolist()},
            "inception_score": self.inception_score,
            "diversity": d and dict(vars(d)),
            "copies": c and {"share": c.share, "threshold": c.threshold, "usual_distance": c.usual, "distance_ratio": c.ratio},
            "copied": [{"clip": a, "training_clip": b, "distance": distance} for a, b, distance in self.copied],
            "frechet_distance": self.frechet_distance,
            "quality": self.quality.to_dict(),
            "audio_distance": self.audio_distance.to_dict(),
            "paired": self.paired.to_dict(),
            "real": real,
            "reasons": dict(self.reasons),
            "notes": list(self.notes),
        }

    def rows(self) -> list[tuple[str, str, str, str]]:
        """The table: measure, generated, real, and what it means."""
        real, d, c, r = self.real, self.diversity, self.copies, self.recognition
        best = f"1 to {self.n_labels}" if self.n_labels else "from 1 up"
        interval = f"as their label; {_percent(r.low)} to {_percent(r.high)} with 95 % confidence" if r else ""
        distinct = f"{d.generated_distinct:.1f} of {d.per_label:.1f} per label; of as many real ones {d.real_distinct:.1f}" if d else ""
        faults = [
            (name.replace("_", " "), _percent(_get(self.quality, name)), _percent(_get(real.quality, name)), "of clips")
            for name in ("silent", "clipped", "off_centre", "clicks")
        ]
        return [
            ("recognised", _percent(_get(r, "rate")), _percent(real.recognition_rate), interval),
            ("Inception Score", _plain(self.inception_score), _plain(real.inception_score), f"{best}: sure of each clip, all labels heard"),
            (
                "diversity",
                _plain(_get(d, "ratio")),
                _plain(_get(real.diversity, "ratio")),
                "distance of clips of one label; 0 is always the same",
            ),
            ("distinct clips", _plain(_get(d, "distinct")), _plain(_get(real.diversity, "distinct")), distinct),
            ("copies", _percent(_get(c, "share")), _percent(real.copies), "nearer to a training clip than real clips are"),
            ("nearest training clip", _plain(_get(c, "ratio")), _plain(1.0 if c else None), "distance relative to real clips; 0 is a copy"),
            (
                "Fréchet distance",
                _plain(self.frechet_distance),
                _plain(real.frechet_distance),
                "to training clips, as the recogniser hears them",
            ),
            *self._audio_distance_rows(),
            *faults,
            ("level (dB)", _plain(_get(self.quality, "rms_db")), _plain(_get(real.quality, "rms_db")), "median RMS"),
        ]

    def _audio_distance_rows(self) -> list[tuple[str, str, str, str]]:
        found, real = self.audio_distance, self.real.audio_distance
        clips = f"of {found.n} clips to training clips" if found.n else "to training clips"
        few = f"needs {MIN_CLIPS} clips and {MIN_ROWS} windows on each side"
        return [
            (
                "Fréchet audio distance",
                _plain(found.distance),
                _plain(_get(real, "distance")),
                f"{clips}, in dB²: MFCC by the second; blind to copies",
            ),
            (
                "the same, unbiased",
                _plain(found.unbiased),
                _plain(_get(real, "unbiased")),
                few if found.unbiased is None else "of all clips, extrapolated to endlessly many; about 0 for equals",
            ),
        ]

    def __str__(self) -> str:
        tables = [["", *_text_table(("", "generated", "real", ""), self.rows())]]
        if self.paired.n:
            tables.append(["", self._pairs_title(), *_text_table(("", "mean", "spread", ""), self.paired.rows()), *self.paired.notes, ""])
        return "\n".join([*self._head(), *(line for table in tables for line in table), *self._foot()])

    def _repr_html_(self) -> str:
        above, below = ("".join(f"{_e(line)}<br>" for line in lines) for lines in (self._head(), self._foot()))
        table, pairs = _html_table(("", "generated", "real", ""), self.rows()), ""
        if self.paired.n:
            notes = "".join(f"<br>{_e(note)}" for note in self.paired.notes)
            pairs = f"<p>{_e(self._pairs_title())}{notes}</p>{_html_table(('', 'mean', 'spread', ''), self.paired.rows())}"
        return f"<div class='audiogen-report'><p>{above}</p>{table}{pairs}<p>{below}</p></div>"

    def _pairs_title(self) -> str:
        return f"Pairs: {self.paired.n} of the same file name, at {self.paired.sr} Hz; spread is the standard deviation between pairs"

    def _head(self) -> list[str]:
        return [f"Generated: {self.generated}", f"Reference: {self.reference}", f"Ears: {self.ears}"]

    def _foot(self) -> list[str]:
        lines = []
        if self.recognition:
            labels = list(self.recognition.per_label.items())
            more = f", and {len(labels) - _MANY} more" if len(labels) > _MANY else ""
            lines.append(
                "Recognised per label: " + ", ".join(f"{name} {_percent(rate)} of {n}" for name, (n, rate) in labels[:_MANY]) + more
            )
        if self.copied:
            more = f", and {len(self.copied) - 5} more" if len(self.copied) > 5 else ""
            lines.append("Copies: " + ", ".join(f"{a} of {b}" for a, b, _ in self.copied[:5]) + more)
        by_reason: dict[str, list[str]] = {}
        also = {"Fréchet audio distance": self.audio_distance.reason, "distances of pairs": self.paired.reason}
        for name, reason in [*self.reasons.items(), *((name, reason) for name, reason in also.items() if reason)]:
            by_reason.setdefault(reason, []).append(name.replace("_", " "))
        lines += [f"Not measured: {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
        return [*lines, *self.notes]


def _text_table(head: _Row, rows: Sequence[_Row]) -> list[str]:
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]


def _html_table(head: _Row, rows: Sequence[_Row]) -> str:
    right = "style='text-align:right'"
    cells = "".join(
        f"<tr><th style='text-align:left'>{_e(a)}</th><td {right}>{_e(b)}</td><td {right}>{_e(c)}</td>"
        f"<td style='text-align:left'>{_e(d)}</td></tr>"
        for a, b, c, d in rows
    )
    above = "".join(f"<th>{_e(cell)}</th>" for cell in head)
    return f"<table><thead><tr>{above}</tr></thead><tbody>{cells}</tbody></table>"


def _e(text: str) -> str:
    return html.escape(text)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100.0 * share:.1f} %"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _get(found: Any, name: str) -> Any:
    return None if found is None else getattr(found, name)
