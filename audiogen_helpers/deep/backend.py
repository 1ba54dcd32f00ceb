"""TensorFlow on first use, without its start-up messages on stderr."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from audiogen_helpers.errors import DependencyError

__all__ = ["tensorflow"]

_STARTED: list[bool] = []  # holds something once the runtime runs


def tensorflow(*, start: bool = True) -> Any:
    """The module ``tensorflow`` (Keras 3 inside), imported on the first call: about 3 s.

    TensorFlow 2.21 writes messages about processors and missing graphics cards to stderr before any setting can stop it
    (``TF_CPP_MIN_LOG_LEVEL`` comes too late), and in a notebook they look like errors. The first call drops them.

    Parameters
    ----------
    start : bool
        False leaves the runtime unstarted, so that its devices and workers can still be chosen (:mod:`audiogen_helpers.deep.distribution`).

    Raises
    ------
    DependencyError
        If TensorFlow is not installed or does not start.

    Examples
    --------
    >>> tf = tensorflow()
    >>> int(tf.reduce_sum(tf.constant([1, 2])))
    3
    """
    if "tensorflow" in sys.modules and (_STARTED or not start):
        return sys.modules["tensorflow"]
    with _quiet_stderr():
        try:
            import tensorflow as tf

            if start:
                tf.constant(0.0)  # starts the runtime, and with it the last of the messages
                _STARTED.append(True)
        except ImportError as error:
            reason = " ".join(str(error).split())[:200]
            raise DependencyError(f"models need TensorFlow 2.18 or later (pip install tensorflow); its import failed: {reason}") from error
    return tf


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Send file descriptor 2, which C++ writes to, nowhere for a moment."""
    try:
        kept = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
