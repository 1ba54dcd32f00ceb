"""The log of a training run as TensorBoard reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.errors import DataError

__all__ = ["EventLog"]

NAME = "events.out.tfevents.audiogen"


class EventLog:
    """``tensorboard/`` in the folder of a run: every row of the log as scalars. Needs TensorFlow, not TensorBoard itself.

    Parameters
    ----------
    out : path
        The run's folder; ``tensorboard --logdir out`` shows it.
    rows : sequence of dict
        Rows that the log has already; what an interrupted run wrote after them is dropped.

    Raises
    ------
    DataError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> log = EventLog(folder)
    >>> log.add({"step": 10, "seconds": 0.5, "loss": 2.0})
    >>> log.close()
    >>> [file.name for file in (folder / "tensorboard").iterdir()]
    ['events.out.tfevents.audiogen']
    """

    def __init__(self, out: Path, rows: Sequence[Mapping[str, float]] = ()) -> None:
        self._tf = tensorflow()
        self.file = out / "tensorboard" / NAME
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._writer: Any = self._tf.io.TFRecordWriter(str(self.file))
        except (OSError, self._tf.errors.OpError) as error:
            raise DataError(f"out must be writable; received {self.file}: {' '.join(str(error).split())}") from error
        self._write(file_version="brain.Event:2")
        for row in rows:
            self.add(row)

    def add(self, row: Mapping[str, float]) -> None:
        """One row: each metric, and the seconds, at its step."""
        kind = self._tf.compat.v1.Summary
        values = [kind.Value(tag=name, simple_value=value) for name, value in row.items() if name != "step"]
        self._write(step=int(row["step"]), summary=kind(value=values))

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()

    def _write(self, **content: Any) -> None:
        try:
            self._writer.write(self._tf.compat.v1.Event(wall_time=time.time(), **content).SerializeToString())
            self._writer.flush()
        except self._tf.errors.OpError as error:
            raise DataError(f"out must be writable; received {self.file}: {' '.join(str(error).split())}") from error
