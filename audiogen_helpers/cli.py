"""The command ``audiogen``: each verb calls one public function of the package."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from audiogen_helpers import __version__
from audiogen_helpers.errors import AudioGenError, ParameterError
from audiogen_helpers.registry import Registry

__all__ = ["app", "main"]

app = typer.Typer(
    name="audiogen",
    help="Make sound by rules, change it, train small generators, and measure what they say.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Data sets: list, fetch, describe.", no_args_is_help=True)
app.add_typer(data_app, name="data")

Seed = Annotated[int, typer.Option(help="Same seed, same result.")]
OptionalSteps = Annotated[Optional[int], typer.Option(help="Training steps.")]  # noqa: UP045 (typer reads it at run time)
OptionalMinutes = Annotated[Optional[float], typer.Option(help="Time budget: a few steps are timed, then the count is fixed.")]  # noqa: UP045
Settings = Annotated[Optional[list[str]], typer.Option("--set", help="A setting, NAME=VALUE; may be repeated.")]  # noqa: UP045
OptionalOut = Annotated[Optional[Path], typer.Option("--out", "-o", help="The file to write: .wav, .flac, .ogg or .mp3.")]  # noqa: UP045


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"audiogen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Make sound by rules, change it, train small generators, and measure what they say."""


@data_app.command("list")
def data_list() -> None:
    """List the data sets, and whether each is here."""
    from rich.console import Console
    from rich.table import Table

    from audiogen_helpers import datasets

    table = Table("name", "kind", "here", "clips", "rate (Hz)", "licence", "what")
    for name, entry in datasets.DATASETS.items():
        card = datasets.info(name)
        here = "yes" if datasets.is_present(name) else "no"
        table.add_row(name, card.kind, here, str(card.count), str(card.sr or card.media), card.licence, entry.summary)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


@data_app.command("info")
def data_info(name: str) -> None:
    """Print the identity card of data set NAME as JSON."""
    from audiogen_helpers import datasets

    typer.echo(json.dumps(datasets.info(name).to_dict(), indent=2, ensure_ascii=False))


@data_app.command("fetch")
def data_fetch(
    name: str,
    url: Annotated[Optional[str], typer.Option(help="Another address of the same archive (its hash is checked all the same).")] = None,  # noqa: UP045
    force: Annotated[bool, typer.Option("--force", help="Fetch again even if it is here.")] = False,
) -> None:
    """Download data set NAME into the data home, check its hash, and extract it safely."""
    from audiogen_helpers import datasets

    typer.echo(f"{name} is in {datasets.fetch(name, url=url, force=force)}")


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="The model: see `audiogen models`.")],
    data: Annotated[str, typer.Option(help="A data set's name, or a folder of clips (one subfolder a label).")],
    out: Annotated[Path, typer.Option(help="The folder that becomes the model.")],
    steps: OptionalSteps = None,
    minutes: OptionalMinutes = None,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that OUT holds.")] = False,
    devices: Annotated[Optional[int], typer.Option(help="Devices that share each batch; default all graphics cards.")] = None,  # noqa: UP045
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Also log to OUT/tensorboard.")] = False,
    setting: Settings = None,
) -> None:
    """Train MODEL on data, into the folder OUT. With TF_CONFIG set, the machines it names share the run."""
    from audiogen_helpers import workflow

    settings = workflow.parse_settings(workflow.MODELS, model, setting or [])
    run: dict[str, Any] = {"steps": steps, "minutes": minutes, "seed": seed, "resume": resume}
    workflow.train(model, data=data, out=out, devices=devices, tensorboard=tensorboard, **run, **settings)
    if (out / "weights.npz").is_file():
        typer.echo(f"The model is in {out}. Next: audiogen sample {out} -n 10 -o samples")
    else:
        typer.echo("This worker has done its part; the first of them wrote the model.")


@app.command()
def models() -> None:
    """List the models and their settings."""
    from audiogen_helpers import workflow

    for name, entry in workflow.MODELS.items():
        typer.echo(f"{name}: {entry.summary}")
        for p in entry.parameters:
            span = f", {p.low:g} to {p.high:g}" if p.low is not None and p.high is not None else ""
            typer.echo(f"    {p.name}={p.default}{' ' + p.unit if p.unit else ''}{span}: {p.help}")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="A trained model's folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder for the clips.")],
    n: Annotated[int, typer.Option("-n", help="How many clips in all, spread evenly over the labels.")] = 10,
    label: Annotated[Optional[str], typer.Option(help="Only this label.")] = None,  # noqa: UP045
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite clips of the same name.")] = False,
) -> None:
    """Generate clips with the model in FOLDER."""
    from audiogen_helpers import workflow

    paths = workflow.sample_to_folder(folder, out, n=n, label=label, seed=seed, force=force)
    typer.echo(f"{len(paths)} clips are in {out}")


@app.command()
def invert(
    path: Annotated[Path, typer.Argument(metavar="IN", help="Any audio file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write: .wav, .flac, .ogg or .mp3.")],
    n_mels: Annotated[Optional[int], typer.Option(help="Mel bands; default by the rate.")] = None,  # noqa: UP045
    n_iter: Annotated[int, typer.Option(help="Iterations of Griffin-Lim.")] = 32,
    seed: Seed = 0,
) -> None:
    """Send a recording through its log-mel spectrogram and back: hear what a generator could do at best."""
    from audiogen_helpers import workflow

    error = workflow.invert(path, out, n_mels=n_mels, n_iter=n_iter, seed=seed)
    typer.echo(f"{out}: relative error of the mel spectrogram {error:.3f}")


@app.command()
def synth(
    name: Annotated[Optional[str], typer.Argument(help="The sound: see `audiogen synth --list`.")] = None,  # noqa: UP045
    out: OptionalOut = None,
    duration: Annotated[float, typer.Option(help="Seconds.")] = 3.0,
    sr: Annotated[int, typer.Option(help="Sample rate, Hz.")] = 44_100,
    setting: Settings = None,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file of the same name.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the sounds, their settings, units and ranges.")] = False,
) -> None:
    """Make the sound NAME from nothing, by rules, and write it to a file."""
    from audiogen_helpers import synthesis, workflow

    if listed:
        _table(synthesis.SOUNDS, "sound", name)
        return
    name = _need(name, "NAME", "`audiogen synth --list` lists the sounds")
    settings = workflow.parse_settings(synthesis.SOUNDS, str(name), setting or [])
    target = _need(out, "-o", "the file to write")
    path = workflow.synthesise(str(name), target, sr=sr, duration=duration, seed=seed, settings=settings, overwrite=force)
    typer.echo(f"{path}: {duration:g} s of {name} at {sr} Hz")


@app.command("transform")
def transform_(
    name: Annotated[Optional[str], typer.Argument(help="The transform: see `audiogen transform --list`.")] = None,  # noqa: UP045
    path: Annotated[Optional[Path], typer.Argument(metavar="IN", help="Any audio file.")] = None,  # noqa: UP045
    out: OptionalOut = None,
    second: Annotated[Optional[Path], typer.Option("--with", help="A second sound: an impulse response, a carrier, a noise.")] = None,  # noqa: UP045
    setting: Settings = None,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file of the same name.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the transforms, their settings, units and ranges.")] = False,
) -> None:
    """Change the sound in the file IN by the transform NAME, and write the result."""
    from audiogen_helpers import transform, workflow

    if listed:
        _table(transform.TRANSFORMS, "transform", name)
        return
    name = _need(name, "NAME", "`audiogen transform --list` lists the transforms")
    settings = workflow.parse_settings(transform.TRANSFORMS, str(name), setting or [])
    source, target = _need(path, "IN", "the file to change"), _need(out, "-o", "the file to write")
    written, gain_db = workflow.transform_file(str(name), source, target, second=second, seed=seed, settings=settings, overwrite=force)
    typer.echo(f"{written}: {name} of {source}" + (f", turned down by {-gain_db:.1f} dB to fit" if gain_db < 0.0 else ""))


@app.command()
def texture(
    path: Annotated[Path, typer.Argument(metavar="IN", help="Any audio file: rain, fire, applause, a crowd.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write: .wav, .flac, .ogg or .mp3.")],
    duration: Annotated[float, typer.Option(help="Seconds.")] = 10.0,
    n_iter: Annotated[int, typer.Option(help="Steps of the search.")] = 80,
    seed: Seed = 0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file of the same name.")] = False,
) -> None:
    """Make new sound of any length with the statistics of the texture in the file IN."""
    from audiogen_helpers import workflow

    written, distance = workflow.texture_file(path, out, duration=duration, n_iter=n_iter, seed=seed, overwrite=force)
    typer.echo(f"{written}: {duration:g} s of the texture of {path}")
    if distance:
        typer.echo("relative difference: " + ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in distance.items()))


@app.command()
def evaluate(
    generated: Annotated[Path, typer.Argument(help="A folder of generated clips.")],
    reference: Annotated[str, typer.Argument(help="What they should sound like: a data set's name or a folder of clips.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    seed: Seed = 0,
) -> None:
    """Measure generated clips against real ones: recognised, varied, copied? Files of the same name are compared as pairs too."""
    from audiogen_helpers import evaluation

    report = evaluation.evaluate(generated, reference, seed=seed, progress=not as_json)
    typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False) if as_json else str(report))


def _table(registry: Registry, title: str, only: str | None) -> None:
    """Print what is registered, or one entry of it, with units and ranges."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title, "setting", "default", "unit", "range", "what it is", show_lines=False)
    for entry in registry.values() if only is None else [registry[only]]:
        table.add_row(entry.name, "", "", "", "", entry.summary, style="bold")
        for p in entry.parameters:
            span = ", ".join(p.choices) or (f"{p.low:g} to {p.high:g}" if p.low is not None and p.high is not None else "")
            default = f"{p.default:g}" if isinstance(p.default, float) else str(p.default)
            table.add_row("", p.name, default, p.unit, span, p.help)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _need(value: Any, name: str, why: str) -> Any:
    """A value that may only be left out where a list is asked for."""
    if value is None:
        raise ParameterError(f"{name} must be given ({why}); received none")
    return value


def main(argv: list[str] | None = None) -> int:
    """Run the command line; an expected error is one line on stderr and exit code 2.

    Examples
    --------
    >>> main(["--version"])
    audiogen ...
    0
    """
    try:
        app(argv, standalone_mode=True)
    except AudioGenError as error:
        typer.echo(f"audiogen: {error}", err=True)
        return 2
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        typer.echo("audiogen: interrupted", err=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
