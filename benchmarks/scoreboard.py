"""Every model of clips on the same recordings and the same budget: trained, sampled, judged as audio, in one table.

    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/scoreboard.py [NAME ...] [--minutes 3] [--n 200] [--seed 0] [--keep FOLDER]
    AUDIOGEN_CORPORA=/folder/of/corpora python benchmarks/scoreboard.py --stored [NAME ...]

Without names: every registered model of clips. `--minutes` is the budget of each on this machine, all of its cores. `--stored` trains
nothing and judges the checkpoints of these names in data/checkpoints. The last line is what real, held-out recordings read. `--keep`
leaves models and clips in a folder; a model that is there already is not trained again. About four minutes a model; a failure of one
does not end the rest.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from audiogen_helpers import workflow
from audiogen_helpers._files import bundled_dir
from audiogen_helpers.errors import AudioGenError
from audiogen_helpers.evaluation import Report, evaluate
from audiogen_helpers.workflow.models import MODELS, makes

HEAD = ("", "minutes", "recognised", "95 % interval", "Inception", "diversity", "copies", "nearest", "FAD (dB²)", "unbiased")


def main() -> None:
    """Train, sample, judge, print."""
    names_of_clips = [name for name in MODELS if makes(name) != "notes"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names_of_clips)}")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", default="fsdd")
    parser.add_argument("--keep", type=Path, default=None)
    parser.add_argument("--stored", action="store_true")
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(names_of_clips))
    if unknown:
        parser.error(f"NAME must be one of {', '.join(names_of_clips)}; received {', '.join(unknown)}")
    names = args.names or [n for n in names_of_clips if not args.stored or stored(n, args.data).is_dir()]
    rows: list[tuple[str, ...]] = []
    last: Report | None = None
    with tempfile.TemporaryDirectory() as scratch:
        home = args.keep or Path(scratch)
        for name in names:
            try:
                folder = stored(name, args.data) if args.stored else trained(name, home / name, args)
                workflow.sample_to_folder(folder, home / f"{name}-clips", n=args.n, seed=args.seed, force=True)
                last = evaluate(home / f"{name}-clips", args.data, seed=args.seed)
                rows.append(row(name, minutes(folder), last))
            except AudioGenError as error:
                rows.append((name, f"failed: {error}"))
            print(show([HEAD, *rows]), flush=True)
    if last is not None:
        print(show([HEAD, *rows, real(last)]))


def stored(name: str, data: str) -> Path:
    """The folder of a checkpoint that comes with the project."""
    return bundled_dir() / "checkpoints" / f"{name}-{data}"


def trained(name: str, folder: Path, args: argparse.Namespace) -> Path:
    """The folder of a model that was trained within the budget; gone on with where it was begun."""
    workflow.train(name, data=args.data, out=folder, minutes=args.minutes, seed=args.seed, resume=True)
    return folder


def minutes(folder: Path) -> float:
    """How long the training took, by its card."""
    return float(json.loads((folder / "card.json").read_text(encoding="utf-8")).get("minutes", 0.0))


def row(name: str, minutes: float, report: Report) -> tuple[str, ...]:
    """One line of the table."""
    r, d, c, f = report.recognition, report.diversity, report.copies, report.audio_distance
    return (
        name,
        f"{minutes:.1f}",
        "no labels" if r is None else f"{r.rate:.1%}",
        "" if r is None else f"{r.low:.1%} to {r.high:.1%}",
        number(report.inception_score),
        number(d and d.ratio),
        "-" if c is None else f"{c.share:.1%}",
        number(c and c.ratio),
        number(f.distance),
        number(f.unbiased),
    )


def real(report: Report) -> tuple[str, ...]:
    """The same line for real recordings that no model has learnt from."""
    r = report.real
    f, rate = r.audio_distance, "-" if r.recognition_rate is None else f"{r.recognition_rate:.1%}"
    copies = "-" if r.copies is None else f"{r.copies:.1%}"
    distances = (number(f and f.distance), number(f and f.unbiased))
    return (
        "real clips",
        "",
        rate,
        "",
        number(r.inception_score),
        number(r.diversity and r.diversity.ratio),
        copies,
        number(1.0),
        *distances,
    )


def number(value: Any) -> str:
    """Two digits after the point."""
    return "-" if value is None else f"{value:.2f}"


def show(rows: list[tuple[str, ...]]) -> str:
    """Columns, right-aligned but for the first; short rows end early."""
    widths = [max((len(r[i]) for r in rows if len(r) == len(HEAD)), default=0) for i in range(len(HEAD))]
    widths[0] = max(len(r[0]) for r in rows)
    return (
        "\n".join("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=False))) for r in rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
