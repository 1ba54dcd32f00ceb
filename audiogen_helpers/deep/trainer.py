"""The training loop of every model: fixed steps, seeded data order, logs, checkpoints, and a resumed run that is the same run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from audiogen_helpers._rng import check_seed
from audiogen_helpers._validation import check_integer, check_number
from audiogen_helpers.deep.checkpoints import Checkpoints, State
from audiogen_helpers.deep.distribution import Workers, add_to
from audiogen_helpers.deep.event_log import EventLog
from audiogen_helpers.deep.progress import ProgressLike, Reporter, reporter
from audiogen_helpers.errors import AudioGenError, ModelError, ParameterError

__all__ = ["BatchAt", "History", "Trainable", "epoch_batches", "fit", "plan_steps", "step_seed", "update_ema"]

BatchAt: TypeAlias = "Callable[[int], Mapping[str, np.ndarray]]"

SAVE_SECONDS = 30.0
LOG_ROWS = 200
DIVERGED = 1e6


class Trainable(Protocol):
    """What :func:`fit` needs of a model. An optional method ``plan(steps)`` is called once before training: the schedule's length.

    A model of plain arrays (no network: expectation-maximisation, say) has the attribute ``compiled = False``: its steps are called
    as they are, with arrays, and its `variables` need ``numpy()``, ``assign(array)`` and ``shape`` only.
    """

    @property
    def variables(self) -> Sequence[Any]:
        """All state in a fixed order: weights, optimizer slots, moving averages, step counters (TensorFlow or Keras variables)."""

    def train_step(self, batch: Mapping[str, Any], seed: Any) -> Mapping[str, Any]:
        """One update; compiled by the trainer. `seed` is an int32 tensor of 2 numbers for stateless random operations. Returns scalars.

        Where several devices share the run, `batch` is this device's share: see :mod:`audiogen_helpers.deep.distribution`.
        """


@dataclass(frozen=True)
class History:
    """What a run logged.

    Attributes
    ----------
    rows : list of dict
        One per log interval: ``step`` (steps done), ``seconds`` (training time so far) and the interval's mean of each metric.
    steps : int
        Steps of the run.
    start : int
        The step at which this call began: 0, or where it resumed.
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    start: int = 0

    def __getitem__(self, name: str) -> np.ndarray:
        """One column, such as ``"loss"``, as an array [shape=(rows,)]."""
        if not self.rows or name not in self.rows[0]:
            raise ParameterError(f"name must be one of {', '.join(self.rows[0]) if self.rows else 'no columns'}; received {name!r}")
        return np.array([row[name] for row in self.rows])

    @property
    def seconds(self) -> float:
        """Training time of the whole run, s, without compilation and the checkpoints."""
        return self.rows[-1]["seconds"] if self.rows else 0.0


def step_seed(seed: int, step: int) -> np.ndarray:
    """The seed of one step for stateless random operations: the two numbers as int32 (a seed of 2**31 and more wraps)."""
    return np.array([seed, step], dtype=np.uint32).astype(np.int32)


def epoch_batches(n_items: int, *, batch_size: int, seed: int) -> Callable[[int], np.ndarray]:
    """Which items make up the batch of a step: every epoch is a fresh permutation, and batches run on across epochs.

    Parameters
    ----------
    n_items : int >= 1
        Items of the data set.
    batch_size : int >= 1
        Items of a batch; more than `n_items` is allowed (then an item appears more than once).
    seed : int >= 0
        Decides the permutations.

    Returns
    -------
    indices_at : callable
        ``indices_at(step)`` -> int64 indices [shape=(batch_size,)], a pure function of `seed` and `step`.

    Examples
    --------
    >>> indices_at = epoch_batches(6, batch_size=4, seed=0)
    >>> sorted(np.concatenate([indices_at(0), indices_at(1)])[:6].tolist())
    [0, 1, 2, 3, 4, 5]
    """
    n_items = check_integer(n_items, name="n_items", low=1)
    batch_size = check_integer(batch_size, name="batch_size", low=1)
    seed = check_seed(seed)
    kept: dict[int, np.ndarray] = {}

    def epoch(e: int) -> np.ndarray:
        if e not in kept:
            for old in [k for k in kept if k < e - 1]:
                del kept[old]
            kept[e] = np.random.default_rng(np.random.SeedSequence([seed, e])).permutation(n_items)
        return kept[e]

    def indices_at(step: int) -> np.ndarray:
        first, last = step * batch_size, (step + 1) * batch_size
        epochs = range(first // n_items, (last - 1) // n_items + 1)
        stream = np.concatenate([epoch(e) for e in epochs])
        offset = first - epochs[0] * n_items
        return stream[offset : offset + batch_size]

    return indices_at


def update_ema(averages: Sequence[Any], values: Sequence[Any], *, decay: Any) -> None:
    """Move every average towards its value: ``average <- decay * average + (1 - decay) * value``. For use inside a train step."""
    for average, value in zip(averages, values, strict=True):
        add_to(average, (1.0 - decay) * (value - average))


def plan_steps(model: Trainable, batch_at: BatchAt, *, minutes: float, seed: int, timed: float = 5.0, strategy: Any = None) -> int:
    """How many steps fit into `minutes`: a few are timed after a warm-up, then the model is put back as it was.

    Parameters
    ----------
    model, batch_at, seed, strategy
        As for :func:`fit`.
    minutes : float > 0
        The budget. Compilation and the timing itself are taken out of it.
    timed : float > 0
        Seconds of timing at most; never more than a tenth of the budget.

    Returns
    -------
    steps : int >= 1
        The same for all workers: the chief's clock counts.

    Raises
    ------
    ParameterError
        If `minutes` is not above 0 or allows not a single step.
    """
    minutes = check_number(minutes, name="minutes", above=0.0)
    timed = min(check_number(timed, name="timed", above=0.0), 6.0 * minutes)
    workers, began = Workers(strategy), time.perf_counter()
    workers.check(model)
    kept = [variable.numpy() for variable in model.variables]
    take = workers.stepper(model)

    def run(steps: int) -> float:
        start = time.perf_counter()
        for step in range(steps):
            take(batch_at(step), step_seed(seed, step))
        return time.perf_counter() - start

    run(3)
    taken, last = 3, run(3)
    spent = last
    while _agreed_number(workers, spent < timed):
        taken, last = 2 * taken, run(2 * taken)
        spent += last
    each = last / taken  # of the longest piece, which is the freest of what happens only once
    for variable, value in zip(model.variables, kept, strict=True):
        variable.assign(value)
    left = 60.0 * minutes - (time.perf_counter() - began)
    steps = _agreed_number(workers, max(0.0, 0.97 * left / each))  # the rest is for the log and the checkpoints
    if steps < 1:
        raise ParameterError(
            f"minutes must allow at least one step of {each:.2g} s after {time.perf_counter() - began:.1f} s of preparation;"
            f" received {minutes:g}"
        )
    return steps


def _agreed_number(workers: Workers, number: float) -> int:
    return int(workers.agree(str(int(number)).encode("ascii")))


def fit(
    model: Trainable,
    batch_at: BatchAt,
    *,
    steps: int,
    seed: int,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    save_every: int | None = None,
    log_every: int | None = None,
    progress: ProgressLike = True,
    identity: Mapping[str, Any] | None = None,
    tensorboard: bool = False,
    strategy: Any = None,
) -> History:
    """Train `model` for `steps` steps.

    What a step sees depends on (`seed`, step) alone, and the model's `variables` are its whole state. So a run that was killed
    at any moment and resumed ends with the same bits as one that ran through.

    Parameters
    ----------
    model : Trainable
        Has `variables` and `train_step`.
    batch_at : callable
        ``batch_at(step)`` -> dict of arrays, the same shapes at every step; a pure function (see :func:`epoch_batches`).
        Numbers are for all; arrays have one row per item.
    steps : int >= 1
        Length of the run; schedules are planned for it.
    seed : int >= 0
        Of the random numbers inside the steps (the data order has its own, in `batch_at`).
    out : path, optional
        Folder for ``log.csv`` and ``checkpoint/``. None: nothing is written.
    resume : bool
        Continue from the last good checkpoint in `out`, or from the start where there is none yet.
    save_every : int, optional
        Steps from checkpoint to checkpoint; by default one every 30 s, and one at the end.
    log_every : int, optional
        Steps from row to row of the log; by default about 200 rows.
    progress : bool or callable
        See :func:`audiogen_helpers.deep.progress.reporter`.
    identity : mapping, optional
        What else must be equal for a resume (settings, hash of the data); JSON values.
    tensorboard : bool
        Also write the log to ``tensorboard/`` in `out`.
    strategy : tf.distribute.Strategy, optional
        Share every batch among several devices or machines (:func:`audiogen_helpers.deep.distribution.find_strategy`); the model
        must be made inside its scope. Every worker calls this with the same arguments; the chief alone writes and shows progress.

    Returns
    -------
    history : History

    Raises
    ------
    ModelError
        If a loss is not finite or runs away, `resume` meets a checkpoint of another run, or workers differ or are gone.
    DataError
        If `out` cannot be written.
    """
    steps = check_integer(steps, name="steps", low=1)
    seed = check_seed(seed)
    log_every = check_integer(log_every or max(1, steps // LOG_ROWS), name="log_every", low=1)
    if save_every is not None:
        save_every = check_integer(save_every, name="save_every", low=1)
    if tensorboard and out is None:
        raise ParameterError("tensorboard must have a folder to write to; received out=None")
    workers = Workers(strategy)
    workers.check(model)
    show = reporter(progress if workers.chief else False)
    if hasattr(model, "plan"):
        model.plan(steps)
    run = {"steps": steps, "seed": seed, "log_every": log_every, **(identity or {})}
    store = Checkpoints(Path(out), model.variables, run) if out is not None and workers.chief else None
    state = _begin(workers, store, model, run, resume=resume)
    events = EventLog(store.out, state.rows) if store is not None and tensorboard else None
    try:
        return _Run(model, batch_at, steps, seed, log_every, save_every, store, events, show, workers).train(state)
    finally:
        if events is not None:
            events.close()


def _begin(workers: Workers, store: Checkpoints | None, model: Trainable, run: Mapping[str, Any], *, resume: bool) -> State:
    """Where the run goes on; all workers get the chief's variables and state, or an error."""
    state, error = State(), None
    if store is not None:
        try:
            state = store.restore() if resume else store.begin()
            if state.rows:
                store.write_log(state.rows)
        except AudioGenError as caught:
            error = caught
    if workers.alone:
        if error is not None:
            raise error
        return state
    shapes = [list(map(int, v.shape)) for v in model.variables]
    mine = hashlib.sha256(json.dumps([run, shapes], sort_keys=True).encode("utf-8")).digest()
    answer = workers.agree(b"" if error is not None else mine + state.to_bytes())
    if error is not None:
        raise error
    if not answer:
        raise ModelError("training must begin on the chief, which could not: its own message says why")
    differing = workers.count(answer[: len(mine)] != mine)
    if differing:
        raise ModelError(f"workers must be given the same run; {differing} of them differ from the chief's in arguments, data or model")
    workers.agree_on(model.variables)
    return State.from_bytes(answer[len(mine) :])


@dataclass
class _Run:
    model: Trainable
    batch_at: BatchAt
    steps: int
    seed: int
    log_every: int
    save_every: int | None
    store: Checkpoints | None
    events: EventLog | None
    show: Reporter
    workers: Workers

    def train(self, state: State) -> History:
        start, saved_at = state.step, time.perf_counter()
        take = self.workers.stepper(self.model)
        self.show.start(start, self.steps)
        try:
            while state.step < self.steps:
                self._step(take, state)
                if state.step % self.log_every == 0 or state.step == self.steps:
                    self._log(state)
                if self.store is not None and self._save_due(state, saved_at):
                    self.store.save(state)
                    saved_at = time.perf_counter()
        finally:
            self.show.stop()
        return History(rows=state.rows, steps=self.steps, start=start)

    def _step(self, take: Callable[..., Any], state: State) -> None:
        before = time.perf_counter()
        values = take(self.batch_at(state.step), step_seed(self.seed, state.step))
        state.step += 1
        for name, value in values.items():
            if not math.isfinite(value) or abs(value) > DIVERGED:
                raise ModelError(
                    f"training must keep {name} finite and below {DIVERGED:g}; received {value} at step {state.step} of {self.steps}:"
                    " a smaller learning_rate usually helps, and clips that are silent or hold NaN are worth a look"
                )
            state.sums[name] = state.sums.get(name, 0.0) + value
        state.count += 1
        state.seconds += time.perf_counter() - before

    def _log(self, state: State) -> None:
        means = {name: total / state.count for name, total in state.sums.items()}
        state.rows.append({"step": state.step, "seconds": round(state.seconds, 3), **means})
        state.sums, state.count = {}, 0
        if self.store is not None:
            self.store.write_log(state.rows)
        if self.events is not None:
            self.events.add(state.rows[-1])
        self.show.update(state.step, self.steps, means)

    def _save_due(self, state: State, saved_at: float) -> bool:
        if state.step == self.steps:
            return True
        if self.save_every is not None:
            return state.step % self.save_every == 0
        return time.perf_counter() - saved_at >= SAVE_SECONDS
