"""The plan of the house: what may import what, what is public, and what an import costs."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import audiogen_helpers

PACKAGE = Path(audiogen_helpers.__file__).parent
ROOT = PACKAGE.parent
FLOORS = {
    0: ("errors", "units", "registry", "_validation", "_rng", "_files", "_compiled", "_streams"),
    1: ("audio", "filters", "spectral", "linear_prediction"),
    2: ("synthesis", "transform", "statistical", "deep", "datasets"),
    3: ("workflow", "applications", "evaluation"),
    4: ("display", "exercises"),
    5: ("cli",),
}
FLOOR_OF = {module: floor for floor, modules in FLOORS.items() for module in modules}
HEAVY = {"tensorflow", "keras", "librosa", "matplotlib", "numba", "sklearn", "soundfile", "pooch", "IPython", "scipy.signal", "scipy.fft"}
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(PACKAGE)], "audiogen_helpers."))


def part_of(file):
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_imports_go_down_a_floor_or_stay(file):
    here = part_of(file)
    if here == "__init__":
        return
    for name in imports_of(file):
        parts = name.split(".")
        if parts[0] != "audiogen_helpers" or len(parts) < 2 or parts[1] not in FLOOR_OF:
            continue
        there = parts[1]
        assert FLOOR_OF[there] <= FLOOR_OF[here], f"{here} (floor {FLOOR_OF[here]}) imports {there} (floor {FLOOR_OF[there]})"
        if FLOOR_OF[here] == 2:
            assert there == here or FLOOR_OF[there] < 2, f"siblings on floor 2 do not import one another: {here} imports {there}"


def test_every_module_has_a_floor():
    assert {part_of(file) for file in FILES} - {"__init__"} <= set(FLOOR_OF)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_only_deep_imports_tensorflow_and_nobody_unpickles(file):
    names = {name.split(".")[0] for name in imports_of(file)}
    assert not names & {"pickle", "shelve", "marshal", "dill", "joblib"}
    if part_of(file) != "deep":
        assert not names & {"tensorflow", "keras"}
    assert "allow_pickle=True" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_loads_nothing_heavy(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert module in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("module", MODULES)
def test_the_public_surface_is_declared_and_documented(module):
    if any(part.startswith("_") for part in module.split(".")):
        return
    loaded = importlib.import_module(module)
    assert loaded.__doc__ and loaded.__doc__.strip()
    assert sorted(set(loaded.__all__)) == sorted(loaded.__all__)
    for name in loaded.__all__:
        thing = getattr(loaded, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing), f"{module}.{name} has no docstring"


def test_chapters_named_in_docstrings_exist():
    named = {m for file in FILES for m in re.findall(r"chapters/[\w/]+\.ipynb", file.read_text(encoding="utf-8"))}
    assert not [name for name in named if not (ROOT / name).is_file()]


def test_requirements_equal_what_the_package_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = set(project["dependencies"]).union(*project["optional-dependencies"].values())
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line and not line.startswith("#")} == declared
    assert [d for d in declared if "<" in d] == ["jupyter-book<2"]


def test_every_requirement_is_pinned_in_the_constraints():
    def key(name):
        return re.split(r"[<>=\[; ]", name.strip())[0].lower().replace("_", "-").replace(".", "-")

    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert all("==" in line for line in lines)
    wanted = [line for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert {key(line) for line in wanted} <= {key(line) for line in lines}
