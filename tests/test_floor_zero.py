"""Checks, seeds, files and the registry: what every module stands on."""

import os
import stat

import numpy as np
import pytest

from audiogen_helpers import _files, _rng, _validation
from audiogen_helpers.errors import AudioGenError, DataError, DependencyError, ModelError, ParameterError
from audiogen_helpers.registry import Entry, Registry


def test_errors_are_also_what_ordinary_code_catches():
    assert issubclass(ParameterError, (AudioGenError, ValueError)) and issubclass(ParameterError, ValueError)
    assert issubclass(DataError, OSError) and issubclass(ModelError, RuntimeError) and issubclass(DependencyError, ImportError)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(0), "at least 1 sample"),
        (np.zeros((2, 0)), "at least 1 sample"),
        (np.float64(1.0), "a waveform"),
        (np.array([0, 1, 2]), "floating point"),
        (np.array([0.0, np.nan, np.inf]), "2 NaN or infinite value"),
        (np.array([0.5 + 1j]), "real numbers"),
        (["a"], "real numbers"),
        (None, "real numbers"),
    ],
)
def test_check_audio_names_the_fault(y, message):
    with pytest.raises(ParameterError, match=message):
        _validation.check_audio(y)


def test_check_audio_keeps_float32_and_shape_and_can_ask_for_mono():
    y = np.zeros((2, 5), dtype=np.float32)
    assert _validation.check_audio(y).dtype == np.float32
    assert _validation.check_audio([0.0, 0.5]).dtype == np.float64
    with pytest.raises(ParameterError, match="mono"):
        _validation.check_audio(y, mono=True)
    with pytest.raises(ParameterError, match="at least 6"):
        _validation.check_audio(y, min_length=6)


def test_error_messages_stay_on_one_short_line():
    with pytest.raises(ParameterError) as caught:
        _validation.check_choice("x" * 5000 + "\n", name="window", choices=("hann", "box"))
    assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)


def test_generator_is_the_same_for_the_same_seed_and_passes_generators_through():
    assert _rng.generator(3).random() == _rng.generator(3).random() != _rng.generator(4).random()
    gen = np.random.default_rng(0)
    assert _rng.generator(gen) is gen
    assert isinstance(_rng.generator(None), np.random.Generator)


@pytest.mark.parametrize("bad", [-1, 1.5, "0", True, 2**32])
def test_bad_seeds_are_refused(bad):
    with pytest.raises(ParameterError, match="rng"):
        _rng.generator(bad)


def test_atomic_path_writes_whole_or_not_at_all(tmp_path):
    target = tmp_path / "new" / "a.txt"
    with _files.atomic_path(target) as part:
        part.write_text("one")
        assert not target.exists() and part.suffix == ".txt"
    assert target.read_text() == "one"
    with pytest.raises(RuntimeError), _files.atomic_path(target) as part:
        part.write_text("two")
        raise RuntimeError
    assert target.read_text() == "one"
    assert [p.name for p in target.parent.iterdir()] == ["a.txt"]
    with pytest.raises(DataError, match="must not exist"), _files.atomic_path(target, overwrite=False):
        pass
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


def test_atomic_folder_replaces_only_when_complete(tmp_path):
    target = tmp_path / "model"
    with _files.atomic_folder(target) as part:
        (part / "w").write_text("one")
    with pytest.raises(DataError, match="must not exist"), _files.atomic_folder(target):
        pass
    with pytest.raises(RuntimeError), _files.atomic_folder(target, overwrite=True) as part:
        (part / "w").write_text("two")
        raise RuntimeError
    assert (target / "w").read_text() == "one"
    with _files.atomic_folder(target, overwrite=True) as part:
        (part / "w").write_text("two")
    assert (target / "w").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_input_files_are_checked(tmp_path):
    with pytest.raises(DataError, match="existing file"):
        _files.check_input_file(tmp_path / "none.wav")
    with pytest.raises(DataError, match="received the folder"):
        _files.check_input_file(tmp_path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(DataError, match="0 bytes"):
        _files.check_input_file(tmp_path / "empty.wav")
    for bad in (None, "", 3, "a\0b"):
        with pytest.raises(ParameterError, match="path must be a file's path"):
            _files.check_input_file(bad)


def test_writing_where_a_file_stands_in_the_way_is_a_data_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="writable"), _files.atomic_path(tmp_path / "file" / "a.wav"):
        pass
    with pytest.raises(DataError, match="the folder"), _files.atomic_path(tmp_path):
        pass


def test_data_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path))
    assert _files.data_home() == tmp_path
    monkeypatch.delenv("AUDIOGEN_CORPORA", raising=False)
    assert _files.corpora_dir() is None


def test_registry_loads_on_demand_and_names_what_exists():
    things = Registry("thing", Entry(name="a", summary="", target="math:sin"), Entry(name="b", summary="", target="no.such:thing"))
    assert list(things) == ["a", "b"] and "a" in things and 3 not in things
    assert things["a"].load()(0.0) == 0.0
    with pytest.raises(ParameterError, match="thing must be one of a, b; received 'c'"):
        things["c"]
    with pytest.raises(ParameterError, match="must differ"):
        Registry("thing", things["a"], things["a"])
