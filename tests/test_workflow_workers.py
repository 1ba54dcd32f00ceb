"""One `audiogen train` on two machines (here: two processes): the folder that one alone would write."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from audiogen_helpers import audio, workflow
from audiogen_helpers.deep.arrays import load_arrays
from audiogen_helpers.errors import ParameterError
from tests.test_deep_distribution import free_ports

SETTINGS = {"components": 8, "width": 16, "blocks": 1, "batch_size": 8}
GONE = ("UNAVAILABLE", "Could not start gRPC server", "failed to connect")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder, t = tmp_path_factory.mktemp("clips"), np.arange(2400) / 8000
    for k, label in enumerate(("high", "low")):
        for i in range(6):
            audio.write(folder / label / f"{i}.wav", (0.4 * np.sin(2 * np.pi * (500 - 200 * k + 20 * i) * t)).astype(np.float32), sr=8000)
    return folder


@pytest.mark.slow
def test_two_processes_train_the_model_of_one_and_the_first_alone_writes(clips, tmp_path):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    settings = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    command = [sys.executable, "-m", "audiogen_helpers.cli", "train", "flow", "--data", str(clips), "--steps", "6", *settings]
    running = []
    for rank in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": rank}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(config), "CUDA_VISIBLE_DEVICES": "-1"}
        out = ["--out", str(tmp_path / f"m{rank}")]
        running.append(subprocess.Popen([*command, *out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment))
    ended = [process.communicate(timeout=240) for process in running]
    if any(process.returncode for process in running) and any(word in err for _, err in ended for word in GONE):
        pytest.skip("two workers need gRPC on the loopback network")
    assert [process.returncode for process in running] == [0, 0], ended
    assert not (tmp_path / "m1").exists()
    assert "step 6/6" in ended[0][0]
    assert "step 6/6" not in ended[1][0]
    assert "the first of them wrote the model" in ended[1][0]
    workflow.train("flow", data=clips, out=tmp_path / "alone", steps=6, progress=False, **SETTINGS)
    one, two = (load_arrays(tmp_path / name / "weights.npz") for name in ("alone", "m0"))
    assert all(np.allclose(one[name].astype(float), two[name].astype(float), rtol=2e-3, atol=1e-5) for name in one)
    assert workflow.load(tmp_path / "m0").sample(2, seed=0)[0].shape[0] == 2


def test_a_model_that_is_no_network_learns_on_one_device(clips, tmp_path):
    with pytest.raises(ParameterError, match="devices must be 1 for gmm"):
        workflow.train("gmm", data=clips, out=tmp_path / "m", steps=1, devices=2, progress=False)
    assert not (tmp_path / "m").exists()


def test_the_log_can_be_read_by_tensorboard(clips, tmp_path):
    workflow.train("flow", data=clips, out=tmp_path / "m", steps=2, progress=False, tensorboard=True, **SETTINGS)
    assert [path.name for path in (tmp_path / "m" / "tensorboard").iterdir()] == ["events.out.tfevents.audiogen"]
