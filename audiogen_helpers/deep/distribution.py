"""One training run on several devices or machines: each takes its share of every batch, and all end with the same weights.

A step is written for its share. Its gradients are averaged by the optimizer (:class:`audiogen_helpers.deep.optimizers.Adam`), its random
numbers come from :func:`normal` and :func:`uniform`, and the model is made inside :func:`scope`. On one device these change nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_integer, show
from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.errors import AudioGenError, ModelError, ParameterError

__all__ = ["Workers", "add_to", "average", "find_strategy", "is_chief", "normal", "replicas", "scope", "uniform"]


def find_strategy(*, devices: int | None = None) -> Any:
    """How to spread a run: over the machines of ``TF_CONFIG``, else over the devices of this one, else not at all.

    Call it before TensorFlow is used for anything else.

    Parameters
    ----------
    devices : int >= 1, optional
        Devices of this machine; by default all graphics cards. Where there are fewer cards, the processor is divided.

    Returns
    -------
    strategy : tf.distribute.Strategy or None
        ``MultiWorkerMirroredStrategy`` where ``TF_CONFIG`` names more than one worker, ``MirroredStrategy`` for more than one device.

    Raises
    ------
    ParameterError
        If ``TF_CONFIG`` cannot be read.
    ModelError
        If TensorFlow was in use already, or the other workers do not answer.

    Examples
    --------
    >>> find_strategy(devices=1) is None
    True
    """
    if devices is not None:
        devices = check_integer(devices, name="devices", low=1)
    if not os.environ.get("TF_CONFIG", "{}").strip():
        del os.environ["TF_CONFIG"]  # empty: TensorFlow would read it as broken JSON
    several = _workers_named(os.environ.get("TF_CONFIG", "{}")) > 1
    if not several and devices == 1:
        return None
    tf = tensorflow(start=False)
    if several:
        return _attempt(tf.distribute.MultiWorkerMirroredStrategy)
    cards = tf.config.list_physical_devices("GPU")
    wanted = len(cards) if devices is None else devices
    if wanted <= 1:
        return None
    return _attempt(lambda: tf.distribute.MirroredStrategy(_devices(wanted, len(cards))))


def _workers_named(text: str) -> int:
    try:
        cluster = json.loads(text).get("cluster", {})
        return sum(len(cluster.get(kind, ())) for kind in ("chief", "worker"))
    except (ValueError, AttributeError, TypeError) as error:
        raise ParameterError(
            'TF_CONFIG must be JSON such as {"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}};'
            f" received {show(text)}"
        ) from error


def _attempt(make: Callable[[], Any]) -> Any:
    tf = tensorflow(start=False)
    try:
        return make()
    except (RuntimeError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ModelError(
            f"training on several devices must be set up before TensorFlow is used; it says: {show(str(error), limit=200)}"
        ) from error


def _devices(wanted: int, cards: int) -> list[str]:
    if wanted <= cards:
        return [f"GPU:{i}" for i in range(wanted)]
    tf = tensorflow(start=False)
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * wanted)
    return [f"CPU:{i}" for i in range(wanted)]


def scope(strategy: Any) -> contextlib.AbstractContextManager[Any]:
    """Where the model of a spread run is made, so that every device has a copy of its variables; nothing for None.

    Examples
    --------
    >>> with scope(None):
    ...     pass
    """
    return contextlib.nullcontext() if strategy is None else strategy.scope()


def is_chief(strategy: Any) -> bool:
    """Whether this process writes the files of the run: the chief, the first worker, or the only process.

    Examples
    --------
    >>> is_chief(None)
    True
    """
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.task_type:
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0


def replicas() -> int:
    """Inside a step: how many devices share it (1 where it runs alone).

    Examples
    --------
    >>> replicas()
    1
    """
    tf = tensorflow()
    return int(tf.distribute.get_strategy().num_replicas_in_sync) if tf.distribute.has_strategy() else 1


def average(values: Sequence[Any]) -> list[Any]:
    """Inside a step: the mean over all devices of each tensor, such as gradients; unchanged where the step runs alone."""
    tf = tensorflow()
    if replicas() == 1:
        return list(values)
    return list(tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, list(values)))


def add_to(variable: Any, change: Any) -> Any:
    """Inside a step: add `change` to this device's copy of a variable; returns the new value. All devices add the same."""
    tf = tensorflow()
    if not tf.distribute.has_strategy():
        return variable.assign_add(change)
    inner = variable if callable(variable.value) else variable.value  # a Keras variable holds one of TensorFlow's
    tf.raw_ops.AssignAddVariableOp(resource=inner.handle, value=tf.convert_to_tensor(change, dtype=inner.dtype))
    return tf.raw_ops.ReadVariableOp(resource=inner.handle, dtype=inner.dtype)


def normal(shape: Any, seed: Any) -> Any:
    """Inside a step: standard normal numbers for this device's rows of the batch.

    They are the rows of what one device alone would draw for the whole batch, so that a run does not depend on how many share it.

    Parameters
    ----------
    shape : sequence of int or tensor
        Rows of this device's share first.
    seed : tensor [shape=(2,), int]
        Of the step, the same for all devices.
    """
    return _rows(tensorflow().random.stateless_normal, shape, seed)


def uniform(shape: Any, seed: Any) -> Any:
    """Inside a step: uniform numbers from 0 to 1 for this device's rows of the batch; as :func:`normal`."""
    return _rows(tensorflow().random.stateless_uniform, shape, seed)


def _rows(draw: Callable[..., Any], shape: Any, seed: Any) -> Any:
    tf = tensorflow()
    n = replicas()
    if n == 1:
        return draw(shape, seed)
    shape = tf.convert_to_tensor(shape, dtype=tf.int32)
    first = tf.distribute.get_replica_context().replica_id_in_sync_group * shape[0]
    return draw(tf.concat([shape[:1] * n, shape[1:]], 0), seed)[first : first + shape[0]]


class Workers:
    """Those who share a run: how they take a step together, and how they agree.

    Parameters
    ----------
    strategy : tf.distribute.Strategy or None
        None: this process alone.
    """

    def __init__(self, strategy: Any = None) -> None:
        self.strategy = strategy
        self.chief = is_chief(strategy)
        resolver = getattr(strategy, "cluster_resolver", None)
        self.alone = resolver is None or not resolver.task_type

    def check(self, model: Any) -> None:
        """:class:`ModelError` where the model was not made for these workers."""
        if self.strategy is None:
            return
        if not getattr(model, "compiled", True):
            raise ModelError("training on several devices needs a network; received a model of plain arrays, which learns on one")
        for variable in model.variables:
            inner = variable if callable(variable.value) else variable.value
            if not self.strategy.extended.variable_created_in_scope(inner):
                raise ModelError("model must be made inside distribution.scope(strategy); received one with variables from outside")

    def stepper(self, model: Any) -> Callable[[Mapping[str, np.ndarray], np.ndarray], dict[str, float]]:
        """``take(batch, seed)`` -> metrics: one step of `model` on the whole batch, of which each device learns from its rows."""
        if not getattr(model, "compiled", True):
            return lambda batch, seed: _scalars(model.train_step(batch, seed))
        tf, step = tensorflow(), _compiled(model, self.strategy)
        if self.strategy is None:
            return lambda batch, seed: _scalars(step({name: tf.convert_to_tensor(array) for name, array in batch.items()}, seed))

        def take(batch: Mapping[str, np.ndarray], seed: np.ndarray) -> dict[str, float]:
            try:
                return _scalars(step(self._shares(batch), tf.convert_to_tensor(seed)))
            except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError) as error:
                raise ModelError(
                    "training must keep all its workers; one does not answer any more (start all of them with resume)"
                ) from error

        return take

    def _shares(self, batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
        tf, n = tensorflow(), self.strategy.num_replicas_in_sync
        for name, array in batch.items():
            if np.ndim(array) and len(array) % n:
                raise ParameterError(f"batch_size must be a multiple of the {n} devices; received {len(array)} rows of {name}")

        def share(array: Any) -> Callable[[Any], Any]:
            def value(context: Any) -> Any:
                if not np.ndim(array):
                    return tf.convert_to_tensor(array)
                rows = len(array) // n
                first = int(context.replica_id_in_sync_group) * rows
                return tf.convert_to_tensor(array[first : first + rows])

            return value

        return {name: self.strategy.experimental_distribute_values_from_function(share(array)) for name, array in batch.items()}

    def agree(self, data: bytes) -> bytes:
        """The chief's `data`, for all."""
        if self.alone:
            return data
        length = int(self._agreed(np.array([len(data)], dtype=np.int32))[0])
        words = np.zeros(-(-length // 4), dtype=np.int32)
        if self.chief:
            words = np.frombuffer(data.ljust(4 * len(words), b"\0"), dtype=np.int32)
        return self._agreed(words).tobytes()[:length] if length else b""

    def lead(self, decide: Callable[[], Any]) -> Any:
        """What the chief decides, as JSON values, for all; where it cannot, all end with an error."""
        if self.alone:
            return decide()
        answer, error = b"", None
        if self.chief:
            try:
                answer = json.dumps([decide()]).encode("utf-8")
            except AudioGenError as caught:
                error = caught
        answer = self.agree(answer)
        if error is not None:
            raise error
        if not answer:
            raise ModelError("training must be led by the chief, which could not go on: its own message says why")
        return json.loads(answer)[0]

    def agree_on(self, variables: Sequence[Any]) -> None:
        """Give all workers the chief's values, to the bit."""
        for variable in [] if self.alone else variables:
            value = variable.numpy()
            variable.assign(np.frombuffer(self.agree(value.tobytes()), dtype=value.dtype).reshape(value.shape))

    def count(self, yes: bool) -> int:
        """In how many workers this is so."""
        return int(yes) if self.alone else int(self._sum(np.array([int(yes)], dtype=np.int32))[0])

    def _agreed(self, words: np.ndarray) -> np.ndarray:
        return self._sum(words if self.chief else np.zeros_like(words))

    def _sum(self, words: np.ndarray) -> np.ndarray:
        """Over all workers: whole numbers, so that bits are kept."""
        tf = tensorflow()
        here = [True]

        def value(context: Any) -> Any:  # of the first device of this worker, and nothing of its others
            first, here[0] = here[0], False
            return tf.convert_to_tensor(words if first else np.zeros_like(words))

        values = self.strategy.experimental_distribute_values_from_function(value)
        return self.strategy.reduce("SUM", values, axis=None).numpy()


_COMPILED: weakref.WeakKeyDictionary[Any, tuple[Any, Callable[..., Any]]] = weakref.WeakKeyDictionary()


def _compiled(model: Any, strategy: Any) -> Callable[..., Any]:
    """The model's step as one graph, compiled once for the timing and the training."""
    kept = _COMPILED.get(model)
    if kept is not None and kept[0] is strategy:
        return kept[1]
    tf, reference = tensorflow(), weakref.ref(model)

    def take(batch: Mapping[str, Any], seed: Any) -> Mapping[str, Any]:
        alive = reference()
        if alive is None:
            raise ModelError("the model of this training step is gone")
        return alive.train_step(batch, seed)

    def together(batch: Mapping[str, Any], seed: Any) -> Mapping[str, Any]:
        values = strategy.run(take, args=(batch, seed))
        return {name: strategy.reduce("MEAN", value, axis=None) for name, value in values.items()}

    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
    function = tf.function(take if strategy is None else together)
    _COMPILED[model] = (strategy, function)
    return function


def _scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}
