"""The repository's address is edited in one place and stands, the same, wherever else it must."""

import json
import shutil
import subprocess

import pytest

from book import address, first_cell
from book.paths import ROOT


@pytest.fixture
def copy(tmp_path):
    """The files that hold the address, and one notebook that has no set-up cell yet."""
    for name in ("ADDRESS", *address.PLACES):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "chapters", tmp_path / "chapters")
    bare = {
        "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A"]}],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (tmp_path / "chapters/bare.ipynb").write_text(json.dumps(bare))
    return tmp_path


def test_address_stands_everywhere():
    assert address.check() == [], "run: make address"


def test_a_new_address_is_written_everywhere_once(copy):
    assert address.write(copy) == ["chapters/bare.ipynb"]
    (copy / "ADDRESS").write_text("https://github.com/someone-else/another.book\n")
    places = {*address.PLACES, *(path.relative_to(copy).as_posix() for path in (copy / "chapters").rglob("*.ipynb"))}
    assert set(address.check(copy)) == places
    assert set(address.write(copy)) == places
    assert address.check(copy) == address.write(copy) == []
    old = address.read(ROOT)
    for name in places:
        text = (copy / name).read_text()
        assert "https://github.com/someone-else/another.book" in text
        assert old not in text
    bare = json.loads((copy / "chapters/bare.ipynb").read_text())
    assert [cell["id"] for cell in bare["cells"]] == ["set-up", "a"]


@pytest.mark.parametrize(
    "text", ["", "github.com/a/b", "https://github.com/a", "https://github.com/a/b.git", "https://example.org/a/b", "a\nb"]
)
def test_an_address_of_another_form_is_refused(copy, text):
    (copy / "ADDRESS").write_text(text)
    with pytest.raises(ValueError, match="ADDRESS must hold"):
        address.write(copy)


def test_a_place_that_is_gone_is_an_error(copy):
    (copy / "CITATION.cff").write_text("title: x\n")
    with pytest.raises(ValueError, match=r"CITATION\.cff must hold the address once"):
        address.check(copy)


def test_the_address_stands_nowhere_else():
    name = address.read().removeprefix("https://")
    found = subprocess.run(["git", "grep", "-lF", "--untracked", name], cwd=ROOT, capture_output=True, text=True)
    if found.returncode > 1:
        pytest.skip("not a git checkout")
    files = {file for file in found.stdout.split() if not file.startswith("chapters/")}
    assert files <= {"ADDRESS", *address.PLACES}


def test_first_cell_installs_from_the_address():
    code = first_cell.source("https://github.com/a/b")
    assert code.splitlines()[0].startswith("#@title Set-up")
    assert '%pip install -q "audiogen-helpers @ git+https://github.com/a/b"' in code
    ran = code.replace("%pip", "raise SystemExit  # %pip")
    exec(compile(ran, "cell", "exec"), {})  # the package is importable here, so nothing is installed
