"""From a data set to a model folder: features, a budget, training that can be resumed, and a card of what was done."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiogen_helpers import datasets
from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_integer, check_number, show
from audiogen_helpers.deep import distribution
from audiogen_helpers.deep.arrays import load_json, save_json
from audiogen_helpers.deep.progress import ProgressLike
from audiogen_helpers.deep.trainer import History, fit, plan_steps
from audiogen_helpers.errors import DataError, ModelError, ParameterError
from audiogen_helpers.spectral import MelSpec
from audiogen_helpers.workflow.material import Material, material
from audiogen_helpers.workflow.models import MODELS, makes
from audiogen_helpers.workflow.trained import FORMAT, Trained, read, write_weights

__all__ = ["train"]

MINUTES = 3.0


def train(
    model: str,
    *,
    data: str | os.PathLike[str] | datasets.Dataset | datasets.Tunes,
    out: str | os.PathLike[str],
    steps: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    resume: bool = False,
    progress: ProgressLike = True,
    spec: MelSpec | None = None,
    duration: float | None = None,
    devices: int | None = None,
    tensorboard: bool = False,
    **settings: Any,
) -> Trained:
    """Train a model on a data set, into a folder.

    Parameters
    ----------
    model : str
        A name in :data:`audiogen_helpers.workflow.MODELS`.
    data : str, path, Dataset or Tunes
        A data set's name or a folder of clips (one subfolder per label), of which the training side of the split is used; or a
        :class:`~audiogen_helpers.datasets.Dataset`, of which all clips are. For a model of notes: a set of tunes. Labels without a
        clip among these are not learned, and cannot be asked for.
    out : path
        The folder that becomes the model; must not exist yet, or be empty.
    steps : int >= 1, optional
        Length of the training.
    minutes : float > 0, optional
        Or: a time budget for the whole call. A few steps are timed, and the number of steps is fixed, printed and saved before
        the training.
        3 where neither is given.
    seed : int >= 0
        Same seed, steps and data: the same model.
    resume : bool
        Go on with the run in `out`, which ends with the same weights as if it had never stopped; begins one where there is none.
    progress : bool or callable
        See :func:`audiogen_helpers.deep.progress.reporter`.
    spec : MelSpec, optional
        Features; :func:`audiogen_helpers.workflow.default_spec` of the data set's rate.
    duration : float > 0, optional
        Length of a clip, s; by default what 99 of 100 clips fit into, at most 5 s. Longer clips are cut, shorter ones padded.
    devices : int >= 1, optional
        Devices of this machine that share each batch; by default all graphics cards. With ``TF_CONFIG`` set, the machines that it names
        share the run: each makes this call with the same arguments, and the first of them writes the folder. Networks only.
    tensorboard : bool
        Also write the log to ``tensorboard/`` in `out`.
    settings
        Of the model.

    Returns
    -------
    trained : Trained

    Raises
    ------
    ParameterError
        If the model, the data set, a setting or the budget is not one.
    DataError
        If there are fewer than two clips, or `out` is not empty or cannot be written.
    ModelError
        If the training diverges, or `resume` meets the folder of another run.
    """
    began, settings = time.perf_counter(), MODELS[model].settings(settings)
    steps, minutes, seed = _budget(steps, minutes, check_seed(seed))
    folder, strategy = Path(out).expanduser(), _strategy(model, devices)
    workers = distribution.Workers(strategy)
    planned, known, finished = workers.lead(lambda: _look(folder, resume=resume))
    length = None if planned is None or duration is not None else check_integer(planned.get("length"), name="length", low=1)
    network = MODELS[model].extra.get("network", False)
    found = material(makes(model), data, spec=spec, duration=duration, length=length, stream=network)
    names = list(found.label_names) if MODELS[model].extra["labels"] else []
    with distribution.scope(strategy):
        training = _begin(model, found, n_labels=len(names), seed=seed, settings=settings)
    plan = {
        "format": FORMAT,
        "model": model,
        "settings": training.settings,
        "spec": found.spec.to_dict(),
        "length": found.length,
        "labels": names,
    }
    run = _Run(folder, plan, found.record, seed, steps, minutes, progress if workers.chief else False, began, workers, tensorboard)
    return run.go(training, planned, known, finished=finished)


def _strategy(model: str, devices: int | None) -> Any:
    """How the run is spread; statistical models learn on one device."""
    if not MODELS[model].extra.get("network", False):
        if devices is not None and check_integer(devices, name="devices", low=1) > 1:
            raise ParameterError(f"devices must be 1 for {model}, which is no network; received {devices}")
        return None
    return distribution.find_strategy(devices=devices)


def _look(folder: Path, *, resume: bool) -> tuple[dict[str, Any] | None, str | None, bool]:
    """What is in the folder of a run: its plan, the hash of its data, and whether it has ended; an error if no run may begin there."""
    _check_folder(folder, resume=resume)
    if not (folder / "settings.json").is_file():
        return None, None, False
    return load_json(folder / "settings.json"), load_json(folder / "data.json").get("content_sha256"), (folder / "weights.npz").is_file()


def _begin(model: str, found: Material, *, n_labels: int, seed: int, settings: Mapping[str, Any]) -> Any:
    """The model at its starting point; those that make sound themselves are told the rate."""
    kind: Any = MODELS[model].load()
    rate = {} if makes(model) == "mel" else {"sr": found.spec.sr}
    return kind.train(found.inputs, found.labels, n_labels=n_labels, seed=seed, **rate, **settings)


@dataclass
class _Run:
    """One training run and its folder."""

    folder: Path
    plan: dict[str, Any]
    data: dict[str, Any]
    seed: int
    steps: int | None
    minutes: float | None
    progress: ProgressLike
    began: float
    workers: distribution.Workers
    tensorboard: bool

    def go(self, training: Any, planned: Mapping[str, Any] | None, known: str | None, *, finished: bool) -> Trained:
        chief = self.workers.chief
        if planned is None:
            steps = self._choose_steps(training)
            if chief:
                save_json(self.folder / "data.json", self.data)
                save_json(self.folder / "settings.json", {**self.plan, "steps": steps, "seed": self.seed})
        else:
            steps = self._same_run(planned, known)
        if not finished:
            history = self._fit(training, steps, resume=planned is not None)
            if chief:
                save_json(self.folder / "card.json", self._card(history))
                write_weights(self.folder, training.finish(), exact=MODELS[self.plan["model"]].extra.get("exact", False))
        if chief:
            shutil.rmtree(self.folder / "checkpoint", ignore_errors=True)
        self.workers.lead(lambda: None)  # the others may look now
        return read(self.folder) if chief or finished else self._learned(training)

    def _fit(self, training: Any, steps: int, *, resume: bool) -> History:
        return fit(
            training,
            training.batch_at,
            steps=steps,
            seed=self.seed,
            out=self.folder,
            resume=resume,
            progress=self.progress,
            identity={"data": self.data["content_sha256"], "model": self.plan["model"]},
            tensorboard=self.tensorboard,
            strategy=self.workers.strategy,
        )

    def _learned(self, training: Any) -> Trained:
        """The model of a worker that writes no folder."""
        spec, labels = MelSpec.from_dict(self.plan["spec"]), tuple(self.plan["labels"])
        return Trained(name=self.plan["model"], generator=training.finish(), spec=spec, length=self.plan["length"], labels=labels)

    def _choose_steps(self, training: Any) -> int:
        if self.steps is not None:
            return self.steps
        minutes = MINUTES if self.minutes is None else self.minutes
        spent = self.workers.lead(lambda: (time.perf_counter() - self.began) / 60.0)
        if spent >= minutes:
            raise ParameterError(f"minutes must leave time to train after {60.0 * spent:.0f} s of preparing the data; received {minutes:g}")
        steps = plan_steps(training, training.batch_at, minutes=minutes - spent, seed=self.seed, strategy=self.workers.strategy)
        enough = getattr(training, "max_steps", steps)
        if self.progress is True:
            last = f"; {enough} are enough for this model" if steps > enough else ""
            print(f"{minutes:g} min are {steps} steps on this machine{last}", flush=True)
        steps = min(steps, enough)
        return steps

    def _same_run(self, planned: Mapping[str, Any], known: str | None) -> int:
        """The planned number of steps; an error where this call asks for another run than the one in the folder."""
        steps = check_integer(planned.get("steps"), name="steps", low=1)
        wanted = {**self.plan, "seed": self.seed, "steps": steps if self.steps is None else self.steps}
        pairs = {"data": (known, self.data["content_sha256"]), **{name: (planned.get(name), value) for name, value in wanted.items()}}
        for name, (there, here) in pairs.items():
            if there == here:
                continue
            raise ModelError(f"resume needs the run of {self.folder}, which differs in {name}: {show(there)} there, {show(here)} here")
        return steps

    def _card(self, history: History) -> dict[str, Any]:
        return {
            "model": self.plan["model"],
            "data": self.data["name"],
            "clips": self.data["clips_used"],
            "attribution": self.data["citation"],
            "licence": self.data["licence"],
            "steps": history.steps,
            "seed": self.seed,
            "minutes": round(history.seconds / 60.0, 2),
            "cores": os.cpu_count(),
            "scores": {},
        }


def _budget(steps: int | None, minutes: float | None, seed: int) -> tuple[int | None, float | None, int]:
    if steps is not None and minutes is not None:
        raise ParameterError(f"steps or minutes must be given, not both; received steps={steps!r} and minutes={minutes!r}")
    if steps is not None:
        steps = check_integer(steps, name="steps", low=1)
    if minutes is not None:
        minutes = check_number(minutes, name="minutes", above=0.0)
    return steps, minutes, seed


def _check_folder(folder: Path, *, resume: bool) -> Path:
    """`folder`, if a run may begin there, or go on."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"out must be a folder; received the file {folder}")
    try:
        inside = [p for p in folder.iterdir() if not p.name.startswith(".part-")] if folder.exists() else []
    except OSError as error:
        raise DataError(f"out must be a folder one can read; received {folder}: {error.strerror}") from error
    begun = (folder / "settings.json").is_file()
    if inside and not resume:
        hint = "resume continues its run" if begun else "it holds other files"
        raise DataError(f"out must not exist yet, or be an empty folder; received {folder} ({hint})")
    if inside and not begun and {p.name for p in inside} != {"data.json"}:
        raise ModelError(f"resume needs the folder of a run (with settings.json); received {folder}")
    return folder
