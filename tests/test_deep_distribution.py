"""One run shared by several devices or processes: the weights of one alone, one writer, clear errors."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers.deep import distribution
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.distribution import Workers, find_strategy, is_chief
from audiogen_helpers.deep.flow import FlowTraining
from audiogen_helpers.deep.gan import DenseGanTraining
from audiogen_helpers.deep.trainer import fit, plan_steps
from audiogen_helpers.errors import ModelError, ParameterError

STEPS, BATCH = 20, 8


def small_flow(batch_size=BATCH):
    X = np.random.default_rng(7).uniform(-1, 1, (30, 4, 5)).astype(np.float32)
    return FlowTraining(X, np.arange(30) % 3, n_labels=3, seed=0, components=6, width=16, blocks=2, batch_size=batch_size)


def small_gan():
    X = np.random.default_rng(7).uniform(-1, 1, (30, 4, 5)).astype(np.float32)
    return DenseGanTraining(X, seed=0, latent=4, batch_size=BATCH)


def state(model):
    return [v.numpy() for v in model.variables]


def distance(model, reference):
    """The largest difference of any number of the state, relative to the largest of its variable where that is above 1."""
    pairs = zip(state(model), reference, strict=True)
    return max(float(np.abs(a - b).max(initial=0.0) / max(1.0, np.abs(b).max(initial=0.0))) for a, b in pairs)


# --- two processes

WORKERS = """
import json, os, sys
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.path.insert(0, {tests!r})
from audiogen_helpers.deep.backend import tensorflow
tensorflow(start=False)
import test_deep_distribution as here
ports, out = json.loads(sys.argv[1]), sys.argv[2]
cluster = {{"worker": ["127.0.0.1:%d" % port for port in ports]}}

def start(function, *arguments, config=""):
    child = os.fork()
    if child:
        return child
    try:
        os.environ["TF_CONFIG"] = config
        function(*arguments)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def end(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

tasks = [json.dumps({{"cluster": cluster, "task": {{"type": "worker", "index": rank}}}}) for rank in range(len(ports))]
children = [start(here.worker, rank, out, config=task) for rank, task in enumerate(tasks)]
codes = [end(child) for child in children]
if codes == [0, -9]:
    codes.append(end(start(here.devices, out)))
sys.exit(codes != [0, -9, 0])
"""


class Stopped(Exception):
    pass


def stop_after(step):
    def batches(batch_at):
        def until(k):
            if k == step:
                raise Stopped
            return batch_at(k)

        return until

    return batches


def killed_at(step):
    def batches(batch_at):
        return lambda k: os.kill(os.getpid(), signal.SIGKILL) if k == step else batch_at(k)

    return batches


def worker(rank, out):
    """One of two workers: a run, its resume after a stop, a second model, what must be refused, and a worker that dies."""
    strategy = find_strategy()
    result = {"chief": is_chief(strategy), "replicas": strategy.num_replicas_in_sync}
    with distribution.scope(strategy):
        model, gan = small_flow(), small_gan()
    run = {"steps": STEPS, "seed": 5, "out": f"{out}/shared" if rank == 0 else f"{out}/other", "strategy": strategy, "save_every": 4}
    with contextlib.suppress(Stopped):
        fit(model, stop_after(10)(model.batch_at), progress=False, **run)
    for variable in model.variables:
        variable.assign(np.full(variable.shape, 7.0 + rank))
    history = fit(model, model.batch_at, resume=True, progress=True, **run)
    result |= {
        "start": history.start,
        "loss": history["loss"].tolist(),
        "planned": plan_steps(model, model.batch_at, minutes=0.02, seed=0, timed=0.1, strategy=strategy),
    }
    fit(gan, gan.batch_at, steps=5, seed=1, strategy=strategy, progress=False)
    np.savez(f"{out}/gan{rank}.npz", *state(gan))
    try:
        fit(model, model.batch_at, steps=5 + rank, seed=1, strategy=strategy, progress=False)
    except ModelError as error:
        result["refused"] = str(error)
    np.savez(f"{out}/worker{rank}.npz", *state(model))
    Path(f"{out}/worker{rank}.json").write_text(json.dumps(result), encoding="utf-8")
    try:
        fit(model, killed_at(5 if rank == 1 else STEPS)(model.batch_at), steps=STEPS, seed=5, strategy=strategy, progress=False)
    except ModelError as error:
        Path(f"{out}/left.txt").write_text(str(error), encoding="utf-8")


def devices(out):
    """Two devices of one process, made of its processor: a run, and what must be refused."""
    strategy = find_strategy(devices=2)
    with distribution.scope(strategy):
        model, odd = small_flow(), small_flow(batch_size=7)
    fit(model, model.batch_at, steps=STEPS, seed=5, strategy=strategy, out=f"{out}/devices", progress=False)
    np.savez(f"{out}/devices.npz", *state(model))
    result = {"replicas": strategy.num_replicas_in_sync, "chief": is_chief(strategy)}
    outside = small_flow()
    for name, wrong in (("odd", odd), ("outside", outside)):
        try:
            fit(wrong, wrong.batch_at, steps=5, seed=1, strategy=strategy, progress=False)
        except (ModelError, ParameterError) as error:
            result[name] = str(error)
    Path(f"{out}/devices.json").write_text(json.dumps(result), encoding="utf-8")


def free_ports(n):
    """Ports that nobody listens on; a skip where there is no loopback network."""
    sockets = [socket.socket() for _ in range(n)]
    try:
        for s in sockets:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in sockets]
    except OSError as error:
        pytest.skip(f"two workers need the loopback network: {error}")
    finally:
        for s in sockets:
            s.close()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_workers_and_two_devices_get_the_weights_of_one_for_the_same_global_batches(tmp_path):
    script = WORKERS.format(tests=str(Path(__file__).parent))
    command = [sys.executable, "-c", script, json.dumps(free_ports(2)), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    if done.returncode and any(word in done.stderr for word in ("UNAVAILABLE", "Could not start gRPC server", "failed to connect")):
        pytest.skip("two workers need gRPC on the loopback network")
    assert done.returncode == 0, done.stderr[-3000:]
    alone, gan = small_flow(), small_gan()
    history = fit(alone, alone.batch_at, steps=STEPS, seed=5, progress=False)
    fit(gan, gan.batch_at, steps=5, seed=1, progress=False)
    results = [json.loads((tmp_path / f"worker{rank}.json").read_text(encoding="utf-8")) for rank in range(2)]
    weights = [list(np.load(tmp_path / f"worker{rank}.npz").values()) for rank in range(2)]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(*weights, strict=True))
    assert distance(alone, weights[0]) < 1e-5
    assert distance(gan, list(np.load(tmp_path / "gan1.npz").values())) < 1e-5
    for result in results:
        assert result["replicas"] == 2
        assert result["start"] == 8
        np.testing.assert_allclose(result["loss"], history["loss"], rtol=1e-5)
    assert [result["chief"] for result in results] == [True, False]
    assert results[0]["planned"] == results[1]["planned"] >= 1
    assert all("1 of them differ" in result["refused"] for result in results)
    assert sorted(os.listdir(tmp_path / "shared")) == ["checkpoint", "log.csv"]
    assert not (tmp_path / "other").exists()
    assert done.stdout.count("step 20/20") == 1
    assert "must keep all its workers" in (tmp_path / "left.txt").read_text(encoding="utf-8")
    assert distance(alone, list(np.load(tmp_path / "devices.npz").values())) < 1e-5
    found = json.loads((tmp_path / "devices.json").read_text(encoding="utf-8"))
    assert (found["replicas"], found["chief"]) == (2, True)
    assert "batch_size must be a multiple of the 2 devices; received 7" in found["odd"]
    assert "inside distribution.scope" in found["outside"]
    assert sorted(os.listdir(tmp_path / "devices")) == ["checkpoint", "log.csv"]


# --- in this process


def test_a_run_with_one_device_needs_no_strategy():
    assert find_strategy(devices=1) is None
    assert is_chief(None)
    workers = Workers()
    assert workers.agree(b"as it is") == b"as it is"
    assert [workers.count(yes) for yes in (False, True)] == [0, 1]


@pytest.mark.parametrize("config", ["{", "[]", '{"cluster": 3}', '{"cluster": {"worker": 2}}'])
def test_a_broken_configuration_is_a_clear_error(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ParameterError, match="TF_CONFIG must be JSON"):
        find_strategy()


def test_one_worker_in_the_configuration_is_one_process(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "worker", "index": 0}}')
    assert find_strategy(devices=1) is None


def test_a_strategy_that_comes_too_late_is_a_clear_error():
    tensorflow()
    with pytest.raises(ModelError, match="before TensorFlow is used"):
        find_strategy(devices=2)


def test_random_rows_of_one_device_are_those_of_tensorflow():
    tf = tensorflow()
    np.testing.assert_array_equal(distribution.normal((3, 2), [1, 2]), tf.random.stateless_normal((3, 2), [1, 2]))
    np.testing.assert_array_equal(distribution.uniform((3,), [1, 2]), tf.random.stateless_uniform((3,), [1, 2]))


def test_a_model_of_plain_arrays_is_not_spread():
    class Plain:
        compiled = False
        variables = ()

    strategy = tensorflow().distribute.OneDeviceStrategy("CPU:0")
    with pytest.raises(ModelError, match="plain arrays"):
        fit(Plain(), lambda step: {}, steps=1, seed=0, strategy=strategy)


def test_one_device_under_a_strategy_gives_the_same_bits():
    strategy = tensorflow().distribute.OneDeviceStrategy("CPU:0")
    with distribution.scope(strategy):
        model = small_flow()
    fit(model, model.batch_at, steps=5, seed=5, strategy=strategy, progress=False)
    alone = small_flow()
    fit(alone, alone.batch_at, steps=5, seed=5, progress=False)
    assert [a.tobytes() for a in state(model)] == [a.tobytes() for a in state(alone)]
