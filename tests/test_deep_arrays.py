"""Weights on disk: the same bytes for the same arrays, and nothing but plain numbers comes back."""

import json
import os
import zipfile

import numpy as np
import pytest

from audiogen_helpers.deep import arrays
from audiogen_helpers.deep.arrays import load_arrays, load_json, save_arrays, save_json
from audiogen_helpers.errors import DataError, ModelError, ParameterError

ARRAYS = {
    "w": np.arange(6, dtype=np.float32).reshape(2, 3),
    "half": np.ones(3, np.float16),
    "count": np.array(7, np.int64),
    "none": np.empty((0, 4), np.float32),
}


def npz(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def npy_header(shape, descr="<f4"):
    text = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    text += b" " * (64 - (len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def test_round_trip_keeps_values_types_and_shapes(tmp_path):
    back = load_arrays(save_arrays(tmp_path / "a.npz", ARRAYS))
    assert list(back) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    first, second = (save_arrays(tmp_path / name, ARRAYS).read_bytes() for name in ("a.npz", "b.npz"))
    assert first == second


def test_a_failed_save_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch):
    file = save_arrays(tmp_path / "a.npz", ARRAYS)
    before = file.read_bytes()

    def full(handle, **content):
        handle.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(arrays.np, "savez", full)
    with pytest.raises(DataError, match="No space left on device"):
        save_arrays(file, {"w": np.zeros(3)})
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize(
    "content",
    [b"", b"not a zip file", b"PK\x03\x04" + bytes(50)],
    ids=["empty", "text", "broken zip"],
)
def test_damaged_files_are_a_model_error(tmp_path, content):
    file = tmp_path / "w.npz"
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.npz"):
        load_arrays(file)


def test_missing_files_and_folders_are_a_model_error(tmp_path):
    for path in (tmp_path / "nothing.npz", tmp_path):
        with pytest.raises(ModelError, match="weights"):
            load_arrays(path)


def test_object_arrays_are_refused_and_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    file = tmp_path / "w.npz"
    np.savez(file, w=np.array([Trap()], dtype=object))
    with pytest.raises(ModelError, match="object"):
        load_arrays(file)
    assert not (tmp_path / "sprung").exists()


def test_text_and_complex_arrays_and_other_members_are_refused(tmp_path):
    for k, array in enumerate((np.array(["a"]), np.array([1j]))):
        np.savez(tmp_path / f"{k}.npz", w=array)
        with pytest.raises(ModelError, match="not numbers"):
            load_arrays(tmp_path / f"{k}.npz")
    with pytest.raises(ModelError, match="not an array"):
        load_arrays(npz(tmp_path / "w.npz", {"../evil.py": "print()"}))


def test_a_header_that_claims_more_than_the_file_holds_is_refused_before_anything_is_allocated(tmp_path):
    huge = npz(tmp_path / "huge.npz", {"w.npy": npy_header((10**6, 10**6, 10**3))})
    with pytest.raises(ModelError, match="stored plainly"):
        load_arrays(huge)
    bomb = npz(tmp_path / "bomb.npz", {"w.npy": npy_header((2**22,)) + bytes(2**24)}, zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 2**20
    with pytest.raises(ModelError, match="stored plainly"):
        load_arrays(bomb)


def test_shapes_must_fit(tmp_path):
    file = save_arrays(tmp_path / "a.npz", {"w": np.zeros((2, 3))})
    assert load_arrays(file, shapes={"w": (2, 3)})["w"].shape == (2, 3)
    with pytest.raises(ModelError, match=r"shape \(3, 2\).*\(2, 3\)"):
        load_arrays(file, shapes={"w": (3, 2)})
    with pytest.raises(ModelError, match="differs in b"):
        load_arrays(file, shapes={"w": (2, 3), "b": (1,)})


def test_json_round_trip_and_refusals(tmp_path):
    file = save_json(tmp_path / "a.json", {"b": 1, "a": "é"})
    assert file.read_text(encoding="utf-8") == '{\n  "a": "é",\n  "b": 1\n}\n'
    assert load_json(file) == {"a": "é", "b": 1}
    for content in ("[1]", "{", "\xff", "[" * 100_000):
        (tmp_path / "b.json").write_bytes(content.encode("latin-1"))
        with pytest.raises(ModelError, match="JSON"):
            load_json(tmp_path / "b.json")
    with pytest.raises(ModelError, match=r"c\.json"):
        load_json(tmp_path / "c.json")
    assert json.loads(file.read_text(encoding="utf-8"))["b"] == 1


@pytest.mark.parametrize("array", [np.array([{}], dtype=object), np.array(["a"]), np.array([1j])])
def test_only_real_numbers_are_saved(tmp_path, array):
    with pytest.raises(ParameterError, match="real numbers"):
        save_arrays(tmp_path / "a.npz", {"w": array})
    assert not list(tmp_path.iterdir())


def test_a_file_holds_the_given_names_and_no_others(tmp_path):
    save_arrays(tmp_path / "a.npz", {"w": np.ones(2)})
    with np.load(tmp_path / "a.npz") as file:
        assert file.files == ["w"]
