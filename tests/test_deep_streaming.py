"""Rows on disk: the same numbers as in memory, made once, whole after any kill, and no memory that grows with them."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from audiogen_helpers.deep import streaming
from audiogen_helpers.deep.models import MODELS
from audiogen_helpers.deep.streaming import cached_rows
from audiogen_helpers.deep.trainer import fit
from audiogen_helpers.errors import DataError, ParameterError

N, SHAPE = 50, (3, 4)


def table(part):
    """Row i is a known function of i."""
    return np.stack([np.random.default_rng(i).standard_normal(SHAPE) for i in part]).astype(np.float32)


def cache(folder, make=table, **changes):
    return cached_rows(folder, make, **{"n": N, "shape": SHAPE, "key": {"bands": 3}, "shard_bytes": 7 * 48, **changes})


def shards(folder):
    return sorted(folder.glob("*/shard_*.npy"))


# --- what is read


def test_rows_are_those_in_memory_in_any_order_and_repeated(tmp_path):
    rows, whole = cache(tmp_path), table(range(N))
    assert len(shards(tmp_path)) == 8
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (N, (N, *SHAPE), 3, np.float32)
    for chosen in (
        [49, 0, 7, 7, 6, 13, -1],
        np.arange(N)[::-1],
        np.random.default_rng(0).integers(0, N, 200),
        slice(5, 30, 4),
        slice(3, 3),
        8,
        -2,
    ):
        np.testing.assert_array_equal(rows[chosen], whole[chosen])
    assert rows[[]].shape == (0, *SHAPE)
    rows[3][:] = 0.0
    np.testing.assert_array_equal(rows[3], whole[3])


def test_shards_are_plain_npy_files(tmp_path):
    cache(tmp_path)
    read = np.concatenate([np.load(file, allow_pickle=False) for file in shards(tmp_path)])
    np.testing.assert_array_equal(read, table(range(N)))


def test_more_shards_than_open_files_and_several_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "OPEN_FILES", 2)
    rows, whole, wrong = cache(tmp_path), table(range(N)), []

    def read(seed):
        for _ in range(30):
            chosen = np.random.default_rng(seed).integers(0, N, 20)
            if not np.array_equal(rows[chosen], whole[chosen]):
                wrong.append(chosen)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(rows._open) <= 2
    rows.close()
    np.testing.assert_array_equal(rows[[1]], whole[[1]])


@pytest.mark.parametrize("chosen", [50, [0, -51], [0.5], [[1]], [True], "a"])
def test_rows_that_are_not_there_are_refused(tmp_path, chosen):
    with pytest.raises(ParameterError, match="rows"):
        cache(tmp_path)[chosen]


# --- made once, keyed on settings and content


def test_rows_are_made_once_and_again_for_another_key(tmp_path):
    made = []

    def make(part):
        made.append(part)
        return table(part)

    for _ in range(2):
        cache(tmp_path, make)
    assert [i for part in made for i in part] == list(range(N))
    for other in ({"key": {"bands": 3, "data": "b"}}, {"n": 49}, {"dtype": np.float16}, {"shard_bytes": 480}):
        before = len(made)
        cache(tmp_path, make, **other)
        assert len(made) > before
    assert len(list(tmp_path.iterdir())) == 5
    assert json.loads((shards(tmp_path)[0].parent / "cache.json").read_text(encoding="utf-8"))["format"] == 1


def test_progress_is_told_after_each_shard_that_was_made(tmp_path):
    told = []
    for _ in range(2):
        cache(tmp_path, progress=lambda done, n: told.append((done, n)))
    assert told == [(min(7 * k, N), N) for k in range(1, 9)]


# --- half-written, damaged, at the same time


def test_what_an_interrupted_call_left_is_used_and_finished(tmp_path):
    def stops(part):
        if part.start == 21:
            raise KeyboardInterrupt
        return table(part)

    with pytest.raises(KeyboardInterrupt):
        cache(tmp_path, stops)
    made = []
    rows = cache(tmp_path, lambda part: (made.append(part), table(part))[1])
    assert made[0].start == 21
    np.testing.assert_array_equal(rows[:], table(range(N)))


@pytest.mark.parametrize("damage", [b"", b"short", None, b"\0" * 464, "cut", "longer"])
def test_a_shard_of_the_wrong_size_or_kind_is_made_again(tmp_path, damage):
    cache(tmp_path)
    file = shards(tmp_path)[2]
    if damage is None:
        file.unlink()
    elif isinstance(damage, str):
        whole = file.read_bytes()
        file.write_bytes(whole[:-10] if damage == "cut" else whole + b"\0")
    else:
        file.write_bytes(damage)
    np.testing.assert_array_equal(cache(tmp_path)[:], table(range(N)))


def test_a_shard_that_is_cut_short_while_it_is_read_is_a_clear_error(tmp_path):
    rows = cache(tmp_path)
    os.truncate(shards(tmp_path)[0], 200)
    np.testing.assert_array_equal(rows[[20]], table([20]))
    with pytest.raises(DataError, match="ends early"):
        rows[[5]]


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import numpy as np
import test_deep_streaming as here

for lines in np.random.default_rng(0).integers(0, 250, 12):
    child = os.fork()
    if child == 0:
        left = int(lines)
        def line(frame, event, argument):
            global left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return line
        sys.settrace(lambda frame, *_: line if os.path.basename(frame.f_code.co_filename) in ("streaming.py", "_files.py") else None)
        here.cache(Path({folder!r}))
        os._exit(0)
    print(-os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    for file in here.shards(Path({folder!r})):
        np.load(file)  # what is there is whole
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_any_moment_it_is_finished_by_the_next_call(tmp_path):
    script = KILLED.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split().count("9") >= 4, done.stdout
    np.testing.assert_array_equal(cache(tmp_path)[:], table(range(N)))


def write_and_sum(folder):
    return float(cache(Path(folder))[:].sum(dtype=np.float64))


def test_several_processes_at_once_end_with_one_whole_cache(tmp_path):
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sums = pool.map(write_and_sum, [str(tmp_path)] * 6, chunksize=1)
    assert len(set(sums)) == 1
    assert len(shards(tmp_path)) == 8
    assert not list(tmp_path.rglob(".part-*"))
    np.testing.assert_array_equal(cache(tmp_path)[:], table(range(N)))


# --- bad input


def test_bad_arguments_are_named(tmp_path):
    for bad, named in (
        ({"n": 0}, "n must"),
        ({"shape": (0,)}, "shape"),
        ({"key": {"a": object()}}, "key"),
        ({"key": {"a": float("nan")}}, "key"),
        ({"shard_bytes": 0}, "shard_bytes"),
        ({"make": lambda part: table(part)[1:]}, "make"),
        ({"make": lambda part: table(part) * np.nan}, "finite"),
        ({"make": lambda part: np.full((len(part), *SHAPE), "a")}, "make"),
    ):
        with pytest.raises(ParameterError, match=named):
            cache(tmp_path, **bad)
    assert not shards(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="path"):
        cache(tmp_path / "file")


# --- models


@pytest.mark.parametrize("kind", ["flow", "gan-dense"])
def test_a_model_learns_the_same_from_rows_on_disk_as_from_an_array(tmp_path, kind):
    X, labels = np.random.default_rng(7).uniform(-1, 1, (30, *SHAPE)).astype(np.float32), np.arange(30) % 3
    rows = cached_rows(tmp_path, lambda part: X[part.start : part.stop], n=30, shape=SHAPE, key={}, shard_bytes=500)
    small = {"components": 6, "width": 16, "blocks": 2, "batch_size": 8} if kind == "flow" else {"latent": 4, "batch_size": 8}
    models = [MODELS[kind].load().train(x, labels, n_labels=3, seed=0, **small) for x in (X, rows)]
    for model in models:
        fit(model, model.batch_at, steps=10, seed=0, progress=False)
    for a, b in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)


# --- memory


MEMORY = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
import psutil
from audiogen_helpers.deep.streaming import cached_rows
from audiogen_helpers.deep.trainer import epoch_batches, fit
from test_deep_trainer import Walk

class Model(Walk):
    def train_step(self, batch, seed):
        return super().train_step({{"x": batch["x"][:, :5], "decay": 0.9}}, seed)

def make(part):
    return np.random.default_rng(part.start).standard_normal((len(part), 1024), dtype=np.float32)

process, peaks = psutil.Process(), []
for n in (500, 50_000):  # 2 MB and 200 MB
    rows = cached_rows({folder!r}, make, n=n, shape=(1024,), key={{}}, shard_bytes=2**20)
    indices_at, peak = epoch_batches(n, batch_size=64, seed=0), 0
    def batch_at(step):
        global peak
        peak = max(peak, process.memory_info().rss)
        return {{"x": rows[indices_at(step)]}}
    fit(Model(), batch_at, steps=1000, seed=0, progress=False)
    peaks.append(peak)
print(*peaks)
"""


def test_memory_stays_flat_while_the_data_grow_100_times(tmp_path):
    script = MEMORY.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)
    few, many = map(int, done.stdout.split())
    assert sum(file.stat().st_size for file in shards(tmp_path)) > 200e6
    assert many - few < 25e6  # held in memory, the data would add 200 MB
