"""The trainer: the same run whether or not it was interrupted, honest logs, clear errors."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers.deep import trainer
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.flow import FlowTraining
from audiogen_helpers.deep.schedules import ema_decay, warm_cosine
from audiogen_helpers.deep.trainer import epoch_batches, fit, plan_steps, step_seed
from audiogen_helpers.errors import DataError, ModelError, ParameterError

STEPS = 40


def small_flow(seed=0):
    """A real model, small: optimizer slots, averages, random times and noise, schedules. Used by the killed process too."""
    X = np.random.default_rng(7).uniform(-1, 1, (30, 4, 5)).astype(np.float32)
    labels = np.arange(30) % 3
    return FlowTraining(X, labels, n_labels=3, seed=seed, components=6, width=16, blocks=2, batch_size=8)


def state(model):
    return [v.numpy() for v in model.variables]


def assert_same_bits(a, b):
    assert len(a) == len(b) > 10
    assert all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def uninterrupted():
    model = small_flow()
    history = fit(model, model.batch_at, steps=STEPS, seed=5, progress=False)
    return state(model), history


class Line:
    """y = w x, by gradient descent: small enough to follow by hand."""

    def __init__(self, w=0.0, rate=0.1):
        tf = tensorflow()
        self.w, self.rate = tf.Variable([w]), rate
        self.seen = tf.Variable([0, 0])

    @property
    def variables(self):
        return [self.w, self.seen]

    def train_step(self, batch, seed):
        tf = tensorflow()
        self.seen.assign(seed)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.w * batch["x"] - batch["y"]) ** 2)
        self.w.assign_sub(self.rate * tape.gradient(loss, self.w))
        return {"loss": loss}


def line_batch(step):
    return {"x": np.ones(4, np.float32), "y": np.full(4, 2.0, np.float32)}


# --- the loop


def test_gradient_descent_matches_the_closed_form():
    model = Line()
    history = fit(model, line_batch, steps=20, seed=3, progress=False)
    assert model.w.numpy()[0] == pytest.approx(2.0 * (1.0 - 0.8**20), rel=1e-5)
    np.testing.assert_allclose(history["loss"], 4.0 * 0.64 ** np.arange(20), rtol=1e-3, atol=1e-6)
    assert model.seen.numpy().tolist() == [3, 19]
    assert history.steps == 20
    assert history.start == 0


def test_same_seed_same_bits_and_another_seed_other_bits(uninterrupted):
    again, other = small_flow(), small_flow()
    fit(again, again.batch_at, steps=STEPS, seed=5, progress=False)
    fit(other, other.batch_at, steps=STEPS, seed=6, progress=False)
    assert_same_bits(state(again), uninterrupted[0])
    assert any(x.tobytes() != y.tobytes() for x, y in zip(state(other), uninterrupted[0], strict=True))


def test_seeds_of_steps_differ_and_wrap():
    assert step_seed(2**32 - 1, 0).tolist() == [-1, 0]
    assert len({tuple(step_seed(s, k)) for s in range(4) for k in range(4)}) == 16


def test_rows_are_means_over_their_interval():
    history = fit(Line(), line_batch, steps=10, seed=0, log_every=4, progress=False)
    losses = 4.0 * 0.64 ** np.arange(10)
    assert history["step"].tolist() == [4, 8, 10]
    np.testing.assert_allclose(history["loss"], [losses[:4].mean(), losses[4:8].mean(), losses[8:].mean()], rtol=1e-3)
    with pytest.raises(ParameterError, match="'accuracy'"):
        history["accuracy"]


# --- interrupted and resumed


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("stop", [1, 13, 39])
def test_a_run_that_stopped_in_this_process_ends_with_the_same_bits_and_log(tmp_path, uninterrupted, stop):
    def interrupt(step, steps, metrics):
        if step == stop:
            raise Interrupted

    model = small_flow()
    with pytest.raises(Interrupted):
        fit(model, model.batch_at, steps=STEPS, seed=5, out=tmp_path, save_every=4, progress=interrupt)
    fresh = small_flow()
    history = fit(fresh, fresh.batch_at, steps=STEPS, seed=5, out=tmp_path, resume=True, save_every=4, progress=False)
    assert history.start == (stop - 1) // 4 * 4
    assert_same_bits(state(fresh), uninterrupted[0])
    assert history["loss"].tolist() == uninterrupted[1]["loss"].tolist()
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == history["loss"].tolist()


class Walk:
    """A model of plain arrays with all that a run must keep: momentum, averages, noise of its steps, a data order."""

    compiled = False

    def __init__(self):
        from audiogen_helpers.statistical._training import Variable

        self.variables = [Variable(np.zeros(n)) for n in (5, 5, 5, 1)]
        self._indices_at = epoch_batches(20, batch_size=6, seed=3)

    def batch_at(self, step):
        return {"x": np.random.default_rng(1).standard_normal((20, 5))[self._indices_at(step)], "decay": 0.9}

    def train_step(self, batch, seed):
        place, momentum, mean, count = (v.numpy() for v in self.variables)
        noise = np.random.default_rng(np.abs(seed)).standard_normal(5)
        momentum = 0.8 * momentum + place - batch["x"].mean(axis=0) + 0.1 * noise
        place = place - 0.1 * momentum
        values = place, momentum, batch["decay"] * mean + (1 - batch["decay"]) * place, count + 1
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)
        return {"loss": float(np.square(place).sum()), "noise": float(noise[0])}


KILLED_STEPS = {Walk: 400, small_flow: 60}
SAVING = {"trainer.py", "checkpoints.py", "arrays.py", "_files.py", "zipfile.py", "_format_impl.py", "_npyio_impl.py", "csv.py"}


def doomed(make, out, lines):
    """Train, and end by SIGKILL when this many lines of the trainer, of a save, or of what they call have been executed."""
    left = lines

    def line(frame, event, argument):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    def trace(frame, event, argument):
        return line if os.path.basename(frame.f_code.co_filename) in SAVING else None

    model, asked = make(), []

    def batch_at(step):
        asked.append(step)
        if make is not Walk and len(asked) == 2:  # the first step compiles, which a trace would make very slow
            sys.settrace(trace)
        return model.batch_at(step)

    if make is Walk:
        sys.settrace(trace)
    fit(model, batch_at, steps=KILLED_STEPS[make], seed=5, out=out, resume=True, save_every=3, log_every=2, progress=False)


KILLED = """
import json, os, sys
sys.path.insert(0, {tests!r})
import numpy as np
from audiogen_helpers.deep.backend import tensorflow
import test_deep_trainer as here

name, out, moments, most = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if name == "small_flow":
    tensorflow(start=False)
for lines in np.random.default_rng(0).integers(0, most, moments):
    child = os.fork()
    if child == 0:
        try:
            here.doomed(getattr(here, name), out, int(lines))
        finally:
            os._exit(1)
    signal = -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    files = os.listdir(out + "/checkpoint") if os.path.isdir(out + "/checkpoint") else []
    print(json.dumps([signal, sorted(files)]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("make", "moments", "most"), [(Walk, 17, 40000), (small_flow, 3, 120000)])
def test_killed_at_20_moments_in_steps_and_in_saves_it_ends_with_the_same_bits_and_log(tmp_path, make, moments, most):
    script = KILLED.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", script, make.__name__, str(tmp_path / "run"), str(moments), str(most)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    deaths = [json.loads(row) for row in done.stdout.splitlines()]
    assert [death[0] for death in deaths] == [signal.SIGKILL] * moments, done.stderr
    if make is Walk:  # the moments are spread over all that happens
        assert sum(any(name.startswith(".part-") for name in files) for _, files in deaths) >= 3
        assert len({files[-1] for _, files in deaths if files}) > moments // 2
    run = {"steps": KILLED_STEPS[make], "seed": 5, "save_every": 3, "log_every": 2, "progress": False}
    resumed, whole = make(), make()
    history = fit(resumed, resumed.batch_at, out=tmp_path / "run", resume=True, **run)
    reference = fit(whole, whole.batch_at, out=tmp_path / "whole", **run)
    assert history.start > 0
    assert [v.numpy().tobytes() for v in resumed.variables] == [v.numpy().tobytes() for v in whole.variables]
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")
    assert len(reference.rows) == KILLED_STEPS[make] // 2
    last = f"step_{KILLED_STEPS[make]:09d}.npz"
    assert sorted(os.listdir(tmp_path / "run" / "checkpoint"))[-1] == last
    assert not list((tmp_path / "run").rglob(".part-*"))


def log_of(folder):
    """The rows of a log, without the seconds."""
    with open(folder / "log.csv", newline="", encoding="utf-8") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, uninterrupted):
    model = small_flow()
    fit(model, model.batch_at, steps=STEPS, seed=5, out=tmp_path, save_every=15, progress=False)
    newest, before = sorted((tmp_path / "checkpoint").glob("step_*.npz"), reverse=True)
    newest.write_bytes(newest.read_bytes()[:-100])
    fresh = small_flow()
    history = fit(fresh, fresh.batch_at, steps=STEPS, seed=5, out=tmp_path, resume=True, progress=False)
    assert before.name == "step_000000030.npz"
    assert history.start == 30
    assert_same_bits(state(fresh), uninterrupted[0])


def test_resuming_a_finished_run_does_nothing(tmp_path, uninterrupted):
    for resume in (False, True):
        model = small_flow()
        history = fit(model, model.batch_at, steps=STEPS, seed=5, out=tmp_path, resume=resume, progress=False)
        assert_same_bits(state(model), uninterrupted[0])
    assert history.start == STEPS
    assert len(history.rows) == STEPS


def test_only_the_last_two_checkpoints_are_kept(tmp_path):
    fit(Line(), line_batch, steps=10, seed=0, out=tmp_path, save_every=3, progress=False)
    names = sorted(os.listdir(tmp_path / "checkpoint"))
    assert names == ["run.json", "step_000000009.npz", "step_000000010.npz"]


@pytest.mark.parametrize(("change", "named"), [({"steps": 12}, "steps"), ({"seed": 1}, "seed"), ({"identity": {"data": "b"}}, "data")])
def test_resuming_another_run_is_refused(tmp_path, change, named):
    run = {"steps": 10, "seed": 0, "identity": {"data": "a"}, "log_every": 1}
    fit(Line(), line_batch, out=tmp_path, progress=False, **run)
    with pytest.raises(ModelError, match=f"differs in {named}"):
        fit(Line(), line_batch, out=tmp_path, progress=False, resume=True, **{**run, **change})


def test_resuming_with_a_model_of_another_size_is_refused(tmp_path):
    fit(Line(), line_batch, steps=10, seed=0, out=tmp_path, progress=False, log_every=1)
    model = small_flow()
    with pytest.raises(ModelError, match="variables"):
        fit(model, model.batch_at, steps=10, seed=0, out=tmp_path, resume=True, progress=False, log_every=1)


# --- for TensorBoard


def events_of(folder):
    tf = tensorflow()
    (file,) = (folder / "tensorboard").iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
    assert events[0].file_version == "brain.Event:2"
    return [{"step": event.step, **{v.tag: v.simple_value for v in event.summary.value}} for event in events[1:]]


def test_tensorboard_gets_the_rows_of_the_log_also_of_a_run_that_was_interrupted(tmp_path):
    def interrupt(step, steps, metrics):
        if step == 8:
            raise Interrupted

    run = {"steps": 10, "seed": 0, "out": tmp_path, "save_every": 5, "log_every": 2, "tensorboard": True}
    with pytest.raises(Interrupted):
        fit(Line(), line_batch, progress=interrupt, **run)
    assert [event["step"] for event in events_of(tmp_path)] == [2, 4, 6, 8]
    history = fit(Line(), line_batch, progress=False, resume=True, **run)
    assert history.start == 5
    assert events_of(tmp_path) == [pytest.approx(row, rel=1e-6) for row in history.rows]
    assert "tensorboard" not in json.loads((tmp_path / "checkpoint" / "run.json").read_text(encoding="utf-8"))


def test_tensorboard_needs_a_folder():
    with pytest.raises(ParameterError, match="tensorboard must have a folder"):
        fit(Line(), line_batch, steps=5, seed=0, progress=False, tensorboard=True)


def test_a_checkpoint_with_numbers_of_another_type_is_passed_over(tmp_path):
    model = Line()
    fit(model, line_batch, steps=4, seed=0, out=tmp_path, save_every=2, progress=False)
    newest = tmp_path / "checkpoint" / "step_000000004.npz"
    arrays = dict(np.load(newest))
    np.savez(newest, **{**arrays, "v0000": arrays["v0000"].astype(np.float64)})
    assert fit(Line(), line_batch, steps=4, seed=0, out=tmp_path, resume=True, progress=False).start == 2


def test_a_log_that_went_ahead_of_the_checkpoint_is_set_back(tmp_path):
    def interrupt(step, steps, metrics):
        if step == 9:
            raise Interrupted

    run = {"steps": 20, "seed": 0, "out": tmp_path, "save_every": 4, "log_every": 1}
    with pytest.raises(Interrupted):
        fit(Line(), line_batch, progress=interrupt, **run)
    assert len(log_of(tmp_path)) == 9
    with pytest.raises(Interrupted):
        fit(Line(), line_batch, progress=lambda *_: (_ for _ in ()).throw(Interrupted), resume=True, **run)
    assert [row["step"] for row in log_of(tmp_path)] == [str(k) for k in range(1, 10)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_a_data_error(tmp_path, monkeypatch):
    from audiogen_helpers.deep import checkpoints

    class Full:
        def __enter__(self):
            return Path("/dev/full")

        def __exit__(self, *_):
            return False

    monkeypatch.setattr(checkpoints, "atomic_path", lambda target: Full())
    with pytest.raises(DataError, match=r"out must be writable.*No space"):
        fit(Line(), line_batch, steps=4, seed=0, out=tmp_path, progress=False)


# --- bad runs


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    def batch(step):
        return {"x": np.full(4, np.nan if step == 6 else 1.0, np.float32), "y": np.ones(4, np.float32)}

    with pytest.raises(ModelError, match=r"loss finite.*nan at step 7 of 10.*learning_rate"):
        fit(Line(), batch, steps=10, seed=0, out=tmp_path, save_every=2, progress=False)
    assert "step_000000006.npz" in os.listdir(tmp_path / "checkpoint")
    w = np.load(tmp_path / "checkpoint" / "step_000000006.npz")["v0000"]
    assert np.isfinite(w).all()


def test_a_loss_that_runs_away_stops_the_run():
    with pytest.raises(ModelError, match="below 1e"):
        fit(Line(rate=1.9), line_batch, steps=1000, seed=0, progress=False)


def test_bad_arguments_are_named():
    model = Line()
    for bad in ({"steps": 0}, {"steps": 2.5}, {"seed": -1}, {"log_every": -1}, {"save_every": 0}, {"progress": "yes"}):
        arguments = {"steps": 5, "seed": 0, "progress": False, **bad}
        with pytest.raises(ParameterError, match=next(iter(bad))):
            fit(model, line_batch, **arguments)
    for minutes in (0, -1, float("nan"), "3"):
        with pytest.raises(ParameterError, match="minutes"):
            plan_steps(model, line_batch, minutes=minutes, seed=0)
    with pytest.raises(ParameterError, match="at least one step"):
        plan_steps(model, line_batch, minutes=1e-9, seed=0)


def test_a_folder_that_cannot_be_written_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="path"):
        fit(Line(), line_batch, steps=5, seed=0, out=tmp_path / "file", progress=False)


# --- planning, order, averages, schedules


def test_planning_leaves_the_model_as_it_was_and_more_minutes_are_more_steps():
    model = small_flow()
    before = state(model)
    few, many = (plan_steps(model, model.batch_at, minutes=m, seed=0, timed=0.1) for m in (0.2, 20.0))
    assert_same_bits(state(model), before)
    assert 1 <= few < many


class Halving:
    """A model of plain arrays: each step halves its only number."""

    compiled = False

    def __init__(self):
        from audiogen_helpers.statistical._training import Variable

        self.variables = [Variable(np.array([64.0]))]

    def train_step(self, batch, seed):
        self.variables[0].assign(self.variables[0].numpy() / batch["by"])
        return {"value": float(self.variables[0].numpy()[0])}


def test_a_model_of_plain_arrays_is_trained_logged_kept_and_resumed_by_the_same_loop(tmp_path):
    def halve(step):
        return {"by": np.float64(2.0)}

    run = {"steps": 6, "seed": 0, "out": tmp_path, "progress": False, "save_every": 1}
    model = Halving()
    assert plan_steps(model, halve, minutes=0.01, seed=0) > 6
    assert model.variables[0].numpy() == 64.0
    stopped = Halving()

    def once(step):
        if step == 4:
            raise KeyboardInterrupt
        return halve(step)

    with pytest.raises(KeyboardInterrupt):
        fit(stopped, once, **run)
    history = fit(model, halve, resume=True, **run)
    assert history.start == 4
    assert history["value"].tolist() == [32.0, 16.0, 8.0, 4.0, 2.0, 1.0]


def test_every_epoch_is_a_permutation_and_any_step_can_be_asked_first():
    indices_at = epoch_batches(10, batch_size=4, seed=1)
    stream = np.concatenate([indices_at(k) for k in range(15)])
    for epoch in stream.reshape(6, 10):
        assert sorted(epoch) == list(range(10))
    assert len({tuple(e) for e in stream.reshape(6, 10)}) > 1
    np.testing.assert_array_equal(epoch_batches(10, batch_size=4, seed=1)(11), indices_at(11))
    np.testing.assert_array_equal(indices_at(2), stream[8:12])
    assert (
        sorted(epoch_batches(3, batch_size=7, seed=0)(0))[:6] == [0, 0, 0, 1, 1, 1] or epoch_batches(3, batch_size=7, seed=0)(0).size == 7
    )


def test_moving_averages_match_the_closed_form():
    tf = tensorflow()
    average, value = tf.Variable([0.0]), tf.Variable([1.0])
    for _ in range(5):
        trainer.update_ema([average], [value], decay=0.9)
    assert average.numpy()[0] == pytest.approx(1.0 - 0.9**5)


def test_schedules_rise_fall_and_end_near_nothing():
    rates = [warm_cosine(k, steps=500, peak=2.0, warmup=50) for k in range(500)]
    assert rates[49] == 2.0 == max(rates)
    assert (np.diff(rates[:50]) > 0).all()
    assert (np.diff(rates[49:]) < 0).all()
    assert 0.0 < rates[-1] < 1e-3
    assert warm_cosine(0, steps=1, peak=1.0) > 0.0
    decays = [ema_decay(k, steps=2000) for k in range(2000)]
    assert (np.diff(decays) >= 0).all()
    assert decays[-1] == pytest.approx(0.99)


# --- what the reader sees


def test_progress_is_about_ten_plain_lines_on_stdout_and_nothing_on_stderr(capfd):
    fit(Line(), line_batch, steps=100, seed=0, progress=True)
    shown = capfd.readouterr()
    lines = shown.out.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("step 100/100  loss ")
    assert shown.err == ""


def test_no_progress_is_silent(capfd):
    fit(Line(), line_batch, steps=10, seed=0, progress=False)
    assert capfd.readouterr() == ("", "")


def test_importing_tensorflow_through_the_package_keeps_stderr_clean():
    code = "from audiogen_helpers.deep.backend import tensorflow; tensorflow(); import keras"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
