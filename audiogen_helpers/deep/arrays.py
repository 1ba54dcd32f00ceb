"""Named arrays on disk: ``.npz`` files written whole or not at all, and read without trusting them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from audiogen_helpers._files import atomic_path
from audiogen_helpers.errors import DataError, ModelError, ParameterError

__all__ = ["load_arrays", "load_json", "save_arrays", "save_json"]

MAX_BYTES = 4 * 2**30
MAX_JSON_BYTES = 16 * 2**20


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write named arrays of numbers to `path` (``.npz``, uncompressed, no pickle), atomically; the same arrays give the same bytes.

    Parameters
    ----------
    path : path
        The file to write; an earlier one is replaced.
    arrays : mapping of str to np.ndarray
        Any shapes; real numbers.

    Raises
    ------
    ParameterError
        If an array does not hold real numbers.
    DataError
        If the file cannot be written; an earlier one stays as it was.

    Examples
    --------
    >>> import tempfile
    >>> file = save_arrays(tempfile.mkdtemp() + "/a.npz", {"w": np.ones((2, 3), np.float32)})
    >>> load_arrays(file)["w"].shape
    (2, 3)
    """
    target = Path(path)
    numbers: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    for name, array in numbers.items():
        if array.dtype.kind not in "biuf":
            raise ParameterError(f"arrays[{name!r}] must hold real numbers; received type {array.dtype}")
    try:
        with atomic_path(target) as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, **numbers)  # never pickles: checked above (`allow_pickle` is unknown to numpy 2.1, which would store it)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"path must be writable; received {target}: {error.strerror or error}") from error
    return target


def load_arrays(
    path: str | os.PathLike[str], *, shapes: Mapping[str, tuple[int, ...]] | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file, whose headers are checked before anything is allocated; nothing is executed.

    Parameters
    ----------
    path : path
        A file as :func:`save_arrays` writes it, or from anywhere.
    shapes : mapping of str to tuple, optional
        Exactly the names and shapes that must be there.
    max_bytes : int
        Largest sum of the arrays' sizes.

    Raises
    ------
    ModelError
        If the file is missing, damaged, holds anything but arrays of real numbers, is too large, or does not fit `shapes`.
    """
    file = Path(path)
    try:
        with zipfile.ZipFile(file) as archive:
            headers = {member.removesuffix(".npy"): _header(archive, member) for member in archive.namelist()}
            _check_headers(headers, file=file, shapes=shapes, max_bytes=max_bytes)
            arrays = {}
            for name in headers:
                with archive.open(name + ".npy") as stream:
                    arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
            return arrays
    except ModelError:
        raise
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise ModelError(f"weights must be a readable .npz file of plain arrays; received {file}: {_reason(error)}") from error


def save_json(path: str | os.PathLike[str], value: Any) -> Path:
    """Write `value` as JSON (sorted keys, two spaces, UTF-8), atomically."""
    target = Path(path)
    try:
        with atomic_path(target) as temporary:
            temporary.write_text(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"path must be writable; received {target}: {error.strerror or error}") from error
    return target


def load_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON file that must hold one object; :class:`ModelError` for anything else."""
    file = Path(path)
    try:
        if file.stat().st_size > MAX_JSON_BYTES:
            raise ModelError(f"{file.name} must be at most {MAX_JSON_BYTES} bytes; received {file} with {file.stat().st_size}")
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file.name} must be a readable JSON file; received {file}: {_reason(error)}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{file.name} must hold one JSON object; received {file} with a {type(value).__name__}")
    return value


def _header(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of one member, from its first bytes."""
    if not member.endswith(".npy"):
        raise ValueError(f"it holds {member!r}, which is not an array")
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"array {member!r} has type {dtype}, not numbers")
    return shape, dtype


def _check_headers(
    headers: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]],
    *,
    file: Path,
    shapes: Mapping[str, tuple[int, ...]] | None,
    max_bytes: int,
) -> None:
    n_bytes, there = sum(dtype.itemsize * _product(shape) for shape, dtype in headers.values()), file.stat().st_size
    if n_bytes > min(max_bytes, there):  # ours are not compressed, so what claims more than its file holds is not ours
        raise ModelError(f"weights must be at most {max_bytes} bytes, stored plainly; received {file} of {there} bytes for {n_bytes}")
    if shapes is None:
        return
    if set(headers) != set(shapes):
        different = sorted(set(headers) ^ set(shapes))
        raise ModelError(f"weights must hold the arrays of this model; received {file}, which differs in {', '.join(different[:5])}")
    for name, shape in shapes.items():
        if headers[name][0] != tuple(shape):
            raise ModelError(f"weights {name} must have shape {tuple(shape)}; received {file} with shape {headers[name][0]}")


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for n in shape:
        product *= int(n)
    return product


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split())[:200] or type(error).__name__
