"""How fast a GRU says samples: Keras' predict, one compiled Keras step, plain numpy and the compiled loop, in one process.

    taskset -c 0 .venv/bin/python benchmarks/sample_rnn_speed.py              # one core, half a minute; 256 units, 256 levels
    taskset -c 0 .venv/bin/python benchmarks/sample_rnn_speed.py FOLDER       # the weights of a trained rnn-samples

All say what the same weights say: their logits are compared first, over 1,500 given samples. Times are of the fastest of several runs, and
of the one in the middle, since other work on the machine only ever slows a run down.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers import workflow
from audiogen_helpers.deep import recurrent
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.models import check_settings
from audiogen_helpers.deep.sample_rnn import LEVELS, SILENCE, SampleRnn, keras_model, weight_shapes
from audiogen_helpers.spectral import mu_law_encode

SR = 16_000
STREAMS = (1, 2, 4, 8, 16)


def some_model(width: int) -> SampleRnn:
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(0.0, 1.0 / shape[0] ** 0.5, shape) for name, shape in weight_shapes(width=width, n_labels=0).items()}
    return SampleRnn(weights, length=SR, n_labels=0, settings=check_settings("rnn-samples", {"width": width}))


def one_hot(model: SampleRnn, codes: np.ndarray) -> np.ndarray:
    """Levels (n, t) and the first label as Keras hears them."""
    heard = np.zeros((*codes.shape, model.weights["kernel"].shape[0]), np.float32)
    np.put_along_axis(heard, codes[..., None], 1.0, axis=-1)
    heard[..., LEVELS if model.n_labels else -1] = 1.0
    return heard


def agree(model: SampleRnn, told: np.ndarray, n: int) -> None:
    rng = np.random.default_rng(1)
    given = {"random levels": rng.integers(0, LEVELS, (1, n))}
    if model.n_labels:
        given["levels of its own clip"] = mu_law_encode(model.sample(np.array([0]), seed=1))[:, :n]
    for name, codes in given.items():
        _compare(model, told, codes, name)


def _compare(model: SampleRnn, told: np.ndarray, codes: np.ndarray, name: str) -> None:
    heard = np.concatenate([[[SILENCE]], codes[:, :-1]], axis=1)
    theirs = keras_model(model)(one_hot(model, heard)).numpy()
    ours = model.sampler.logits(told, codes, first=SILENCE)
    apart = np.abs(ours - theirs).max()
    print(f"logits: {codes.shape[1]} given {name}, up to {np.abs(theirs).max():.1f}; largest difference from Keras {apart:.1e}")


def timed(name: str, run: Callable[[], Any], samples: int, *, repeats: int = 1, reference: float | None = None) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    best, middle = samples / min(seconds), samples / float(np.median(seconds))
    ratio = f", {best / reference:9.0f} x predict" if reference else ""
    print(f"{name:34s} {best:10.0f} samples/s (median {middle:10.0f}), {best / SR:8.3f} x real time at 16 kHz{ratio}", flush=True)
    return best


def keras_stepper(model: SampleRnn) -> tuple[Any, Any]:
    """Keras as one would write it: a stateful model, asked for one sample after the other."""
    keras = tensorflow().keras
    plain = keras_model(model)
    inputs = keras.Input((1, model.weights["kernel"].shape[0]), batch_size=1)
    gru = keras.layers.GRU(model.settings["width"], stateful=True)
    network = keras.Model(inputs, keras.layers.Dense(LEVELS)(gru(inputs)))
    network.set_weights(plain.get_weights())
    compiled = tensorflow().function(lambda x: network(x))
    return network, compiled


def loop(say: Callable[[np.ndarray], np.ndarray], model: SampleRnn, n: int) -> None:
    rng, code = np.random.default_rng(0), SILENCE
    for _ in range(n):
        u = say(one_hot(model, np.array([[code]]))).ravel().astype(np.float64)
        p = np.exp(u - u.max())
        code = int(np.searchsorted(np.cumsum(p), rng.random() * p.sum()).clip(0, LEVELS - 1))


def numpy_loop(model: SampleRnn, told: np.ndarray, n: int) -> None:
    """Plain numpy with the same table, so that what the compiled loop adds is seen alone."""
    weights, rng, code = model.weights, np.random.default_rng(0), SILENCE
    state, table = recurrent.start("gru", weights, 1), weights["kernel"] + weights["bias"]
    for _ in range(n):
        state = recurrent.gru_step(table[code] + told, state, weights, ops=recurrent.NUMPY)
        u = (state[0] @ weights["out"] + weights["out.bias"])[0]
        p = np.exp(u - u.max())
        code = int(np.searchsorted(np.cumsum(p), rng.random() * p.sum()).clip(0, LEVELS - 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="a trained rnn-samples; by default random weights")
    parser.add_argument("--width", type=int, default=256)
    given = parser.parse_args()
    model: Any = workflow.load(given.folder).generator if given.folder else some_model(given.width)
    told = model.told(np.array([0 if model.n_labels else -1]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"GRU of {model.settings['width']} units, {LEVELS} levels, on {cores} core(s)")
    agree(model, told, 1500)
    network, compiled = keras_stepper(model)
    slowest = timed("Keras, model.predict in a loop", lambda: loop(lambda x: network.predict(x, verbose=0), model, 20), 20)
    timed("Keras, one compiled step in a loop", lambda: loop(lambda x: compiled(x).numpy(), model, 200), 200, repeats=3, reference=slowest)
    timed("numpy", lambda: numpy_loop(model, told, 1000), 1000, repeats=3, reference=slowest)
    for streams in STREAMS:
        U, rows = np.random.default_rng(0).random((streams, SR), dtype=np.float32), np.repeat(told, streams, axis=0)
        name = f"compiled loop, {streams} stream{'s' if streams > 1 else ''}"
        timed(name, lambda U=U, rows=rows: model.sampler.speak(rows, U, first=SILENCE), U.size, repeats=9, reference=slowest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
