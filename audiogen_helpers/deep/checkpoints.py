"""The folder of a training run: its log, what run it is, and checkpoints that a kill at any moment leaves sound."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers._files import atomic_path
from audiogen_helpers.deep.arrays import load_arrays, load_json, save_arrays, save_json
from audiogen_helpers.errors import DataError, ModelError

__all__ = ["Checkpoints", "State"]

FORMAT = 1
KEEP = 2


@dataclass
class State:
    """Where a run is, apart from the variables: all of it goes into the checkpoint."""

    step: int = 0
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def to_bytes(self) -> bytes:
        """As JSON; numbers keep all their bits."""
        return json.dumps(vars(self)).encode("utf-8")

    @classmethod
    def from_bytes(cls, data: bytes) -> State:
        """What :meth:`to_bytes` wrote."""
        try:
            return cls(**json.loads(data.decode("utf-8")))
        except (TypeError, ValueError) as error:
            raise ModelError(f"checkpoint must tell where its run is; received {data[:60]!r}") from error


class Checkpoints:
    """The folder of a run: ``log.csv``, ``checkpoint/run.json`` (what the run is) and ``checkpoint/step_*.npz`` (where it is)."""

    def __init__(self, out: Path, variables: Sequence[Any], identity: Mapping[str, Any]) -> None:
        self.out, self.variables = out, list(variables)
        self.folder = out / "checkpoint"
        self.shapes = {f"v{i:04d}": tuple(int(n) for n in v.shape) for i, v in enumerate(self.variables)}
        self.run = {"format": FORMAT, **identity, "variables": [list(shape) for shape in self.shapes.values()]}

    def begin(self) -> State:
        """Forget what another run left here; the state to start from."""
        self._clear(keep=0)
        save_json(self.folder / "run.json", self.run)
        return State()

    def restore(self) -> State:
        """The variables and the state of the last sound checkpoint, or of the start; :class:`ModelError` where the run is another."""
        if not (self.folder / "run.json").exists():
            return self.begin()
        found = load_json(self.folder / "run.json")
        different = sorted(k for k in {*found, *self.run} if found.get(k) != self.run.get(k))
        if different:
            raise ModelError(
                f"resume needs the same run; {self.folder} differs in {', '.join(different)}"
                f" ({different[0]}: {found.get(different[0])!r} there, {self.run.get(different[0])!r} here)"
            )
        self._clear(keep=KEEP)
        for file in self._files():
            try:
                return self._load(file)
            except ModelError:
                file.unlink()
        return State()

    def save(self, state: State) -> None:
        """One more checkpoint; the two newest are kept."""
        meta = np.frombuffer(state.to_bytes(), dtype=np.uint8)
        arrays = {name: v.numpy() for name, v in zip(self.shapes, self.variables, strict=True)}
        save_arrays(self.folder / f"step_{state.step:09d}.npz", {"meta": meta, **arrays})
        self._clear(keep=KEEP)

    def write_log(self, rows: list[dict[str, float]]) -> None:
        """``log.csv``, whole."""
        target = self.out / "log.csv"
        try:
            with atomic_path(target) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
        except DataError:
            raise
        except OSError as error:
            raise DataError(f"out must be writable; received {target}: {error.strerror or error}") from error

    def _load(self, file: Path) -> State:
        arrays = load_arrays(file)
        shapes = {name: a.shape for name, a in arrays.items() if name != "meta"}
        if "meta" not in arrays or shapes != self.shapes:
            raise ModelError(f"checkpoint must hold the variables of this model; received {file}")
        state = State.from_bytes(arrays["meta"].tobytes())
        for name, variable in zip(self.shapes, self.variables, strict=True):
            if arrays[name].dtype != variable.numpy().dtype:
                raise ModelError(f"checkpoint must hold the variables of this model; received {file}, where {name} is {arrays[name].dtype}")
            variable.assign(arrays[name])
        return state

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("step_*.npz"), reverse=True)

    def _clear(self, *, keep: int) -> None:
        """Remove all but the newest `keep` checkpoints, and what a kill during a save left behind."""
        for file in [*self._files()[keep:], *self.folder.glob(".part-*"), *self.out.glob(".part-*.csv")]:
            file.unlink(missing_ok=True)
