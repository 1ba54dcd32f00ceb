"""Features of a data set that need not fit into memory: computed once into shards on disk, and read row by row."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers._files import atomic_path
from audiogen_helpers._validation import check_integer, show
from audiogen_helpers.deep.arrays import load_json, save_json
from audiogen_helpers.errors import DataError, ModelError, ParameterError

__all__ = ["Rows", "cached_rows"]

FORMAT = 1
SHARD_BYTES = 32 * 2**20
OPEN_FILES = 32


class Rows:
    """Rows of one shape in a folder of ``.npy`` shards; ``rows[indices]`` reads those, and nothing else is in memory.

    They are read, not mapped: a mapped file counts as memory of the process, page by page as it is touched, and a file that another
    process cuts short would end this one instead of raising an error.

    Parameters
    ----------
    files : sequence of path
        The shards in order.
    counts : sequence of int
        Rows of each.
    shape : tuple of int
        Of a row.
    dtype : dtype
        Of its numbers.

    Examples
    --------
    >>> import tempfile
    >>> rows = cached_rows(tempfile.mkdtemp(), lambda part: np.ones((len(part), 2)) * np.array(part)[:, None], n=10, shape=(2,), key={})
    >>> len(rows), rows.shape, rows[[7, 3]].tolist()
    (10, (10, 2), [[7.0, 7.0], [3.0, 3.0]])
    """

    def __init__(self, files: Sequence[Path], counts: Sequence[int], shape: tuple[int, ...], dtype: Any = np.float32) -> None:
        self.files = tuple(files)
        self.dtype = np.dtype(dtype)
        self._starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self.shape = (int(self._starts[-1]), *shape)
        self._header = len(_header((1, *shape), self.dtype))
        self._open: OrderedDict[int, io.FileIO] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Dimensions, with that of the rows."""
        return len(self.shape)

    def __getitem__(self, chosen: Any) -> np.ndarray:
        """The chosen rows [shape=(n, ...)], in the order asked for: a slice, or whole numbers (one alone gives one row)."""
        if isinstance(chosen, slice):
            chosen = np.arange(*chosen.indices(len(self)))
        indices = np.asarray(chosen)
        if indices.size == 0:
            indices = indices.astype(np.int64)
        if indices.ndim > 1 or indices.dtype.kind not in "iu":
            raise ParameterError(f"rows must be chosen by a slice or whole numbers; received {show(chosen)}")
        if indices.size and not (-len(self) <= indices.min() and indices.max() < len(self)):
            raise ParameterError(f"rows must be chosen from 0 to {len(self) - 1}; received {int(indices.min())} to {int(indices.max())}")
        flat = np.atleast_1d(np.where(indices < 0, indices + len(self), indices))
        found = np.empty((len(flat), *self.shape[1:]), dtype=self.dtype)
        with self._lock:
            for place in np.argsort(flat, kind="stable"):
                self._read(int(flat[place]), found[place])
        return found if indices.ndim else found[0]

    def close(self) -> None:
        """Close the files; they open again when they are needed."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def __del__(self) -> None:
        if hasattr(self, "_lock"):
            self.close()

    def _read(self, row: int, target: np.ndarray) -> None:
        shard = int(np.searchsorted(self._starts, row, side="right")) - 1
        view = target.reshape(-1).data.cast("B")
        try:
            file = self._file(shard)
            file.seek(self._header + (row - int(self._starts[shard])) * target.nbytes)
            n_read = file.readinto(view)
        except OSError as error:
            raise DataError(f"cache must stay readable; received {self.files[shard]}: {error.strerror or error}") from error
        if n_read != target.nbytes:
            raise DataError(f"cache must stay whole; received {self.files[shard]}, which ends early (delete it, and it is made again)")

    def _file(self, shard: int) -> io.FileIO:
        if shard not in self._open:
            while len(self._open) >= OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            self._open[shard] = open(self.files[shard], "rb", buffering=0)  # noqa: SIM115 (closed by close)
        self._open.move_to_end(shard)
        return self._open[shard]


def cached_rows(
    folder: str | os.PathLike[str],
    make: Callable[[range], np.ndarray],
    *,
    n: int,
    shape: Sequence[int],
    key: Mapping[str, Any],
    dtype: Any = np.float32,
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> Rows:
    """Rows that are computed once, a shard at a time, and kept in a folder of their own inside `folder`, whose name follows from the key.

    A shard appears whole or not at all. What a kill left unfinished is finished by the next call; processes that write the same cache
    at the same time write the same bytes, and each uses what is there.

    Parameters
    ----------
    folder : path
        Where caches are kept.
    make : callable
        ``make(range)`` -> these rows [shape=(len(range), *shape)]; a pure function of the range and of what the key says.
    n : int >= 1
        Rows.
    shape : sequence of int
        Of a row.
    key : mapping
        All that the rows depend on, as JSON values: the settings, and a hash of the content they are made from.
    dtype : dtype
        Of the stored numbers.
    shard_bytes : int
        Size of a shard, about; it bounds the memory that is needed here.
    progress : callable, optional
        Called with ``(rows done, n)`` after each shard that was computed.

    Returns
    -------
    rows : Rows

    Raises
    ------
    ParameterError
        If the key is not JSON, or `make` gives another shape or values that are not finite.
    DataError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> made, home = [], tempfile.mkdtemp()
    >>> def squares(part):
    ...     made.append(part)
    ...     return np.square(np.array(part))[:, None]
    >>> for _ in range(2):
    ...     rows = cached_rows(home, squares, n=100, shape=(1,), key={"power": 2}, shard_bytes=240)
    >>> float(rows[7][0]), made
    (49.0, [range(0, 60), range(60, 100)])
    """
    n = check_integer(n, name="n", low=1)
    row, kind = tuple(check_integer(size, name="shape", low=1) for size in shape), np.dtype(dtype)
    each = max(1, check_integer(shard_bytes, name="shard_bytes", low=1) // (kind.itemsize * int(np.prod(row, dtype=np.int64))))
    described = {"format": FORMAT, "key": dict(key), "n": n, "shape": list(row), "dtype": kind.str, "rows_per_shard": each}
    place = Path(folder).expanduser() / _digest(described)
    _describe(place, described)
    parts = [range(start, min(start + each, n)) for start in range(0, n, each)]
    files = [place / f"shard_{i:06d}.npy" for i in range(len(parts))]
    for part, file in zip(parts, files, strict=True):
        if not _whole(file, (len(part), *row), kind):
            _write(file, _made(make, part, row, kind))
            if progress is not None:
                progress(part.stop, n)
    return Rows(files, [len(part) for part in parts], row, kind)


def _digest(described: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(described, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"key must hold JSON values; received {show(described['key'])}") from error
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _describe(place: Path, described: Mapping[str, Any]) -> None:
    """``cache.json``, for people who wonder what a folder is; the name of the folder decides."""
    try:
        if load_json(place / "cache.json") == described:
            return
    except ModelError:
        pass
    save_json(place / "cache.json", described)


def _made(make: Callable[[range], np.ndarray], part: range, row: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    values = np.asarray(make(part))
    if values.shape != (len(part), *row) or values.dtype.kind not in "fiub":
        raise ParameterError(f"make must give numbers of shape {(len(part), *row)}; received {show(values)}")
    if not np.isfinite(values).all():
        raise ParameterError(f"make must give finite numbers; received NaN or infinite values in rows {part.start} to {part.stop - 1}")
    return np.ascontiguousarray(values, dtype=dtype)


def _header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """The first bytes of a ``.npy`` file (a multiple of 64, the same number for all lengths that occur)."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype.str, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def _whole(file: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    header = _header(shape, dtype)
    try:
        if file.stat().st_size != len(header) + dtype.itemsize * int(np.prod(shape, dtype=np.int64)):
            return False
        with open(file, "rb") as stream:
            return stream.read(len(header)) == header
    except OSError:
        return False


def _write(file: Path, values: np.ndarray) -> None:
    try:
        with atomic_path(file) as temporary, open(temporary, "wb") as stream:
            stream.write(_header(values.shape, values.dtype))
            stream.write(values.data.cast("B"))
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"cache must be writable; received {file}: {error.strerror or error}") from error
