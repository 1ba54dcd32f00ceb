"""Stand in for Colab: an environment with its versions, our built wheel, every notebook run in an empty folder.

Colab itself runs Python 3.13; the Python of .venv stands in for it. Fails if installing the wheel changes any version
that was there before. Run it with ``make test-colab``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from book.run import ROOT, notebooks_in_order

HOME = ROOT / "build" / "colab"
PINS = ROOT / "book" / "colab-freeze.txt"
TOUCHED = (
    *("ipykernel", "ipython", "ipywidgets", "librosa", "matplotlib", "nbclient", "nbformat", "numpy"),
    *("pooch", "rich", "scikit-learn", "scipy", "soundfile", "soxr", "tensorflow", "typer"),
)
EXECUTE = """
import sys, nbformat, nbclient
nb = nbformat.read(sys.argv[1], as_version=4)
nbclient.NotebookClient(nb, timeout=600, kernel_name="python3").execute()
"""


def call(*command: object, **options: Any) -> str:
    """Run a command; its output is returned, or shown when it fails."""
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, **options)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def environment() -> Path:
    """The Python of an environment with Colab's versions; made once per list of pins."""
    python, made_from = HOME / "venv" / "bin" / "python", HOME / "venv" / "pins.txt"
    if not (made_from.is_file() and made_from.read_bytes() == PINS.read_bytes()):
        print("Making an environment with Colab's versions (about two minutes) ...", flush=True)
        shutil.rmtree(HOME, ignore_errors=True)
        call(sys.executable, "-m", "venv", HOME / "venv")
        call(python, "-m", "pip", "install", "--quiet", *TOUCHED, "--constraint", PINS)
        shutil.copyfile(PINS, made_from)
    return python


def install_wheel(python: Path) -> None:
    """Build the wheel, install it as the notebooks' first cell would, and refuse any change of what was there."""
    call(python, "-m", "pip", "uninstall", "--quiet", "--yes", "audiogen-helpers")
    shutil.rmtree(HOME / "dist", ignore_errors=True)
    call(sys.executable, "-m", "build", "--wheel", "--outdir", HOME / "dist", ROOT)
    wheel = next((HOME / "dist").glob("*.whl"))
    before = call(python, "-m", "pip", "freeze").splitlines()
    call(python, "-m", "pip", "install", "--quiet", wheel)
    after = [line for line in call(python, "-m", "pip", "freeze").splitlines() if not line.startswith("audiogen")]
    if before != after:
        raise SystemExit(f"Installing the wheel changed the environment: {sorted(set(before) ^ set(after))}")
    print(f"{wheel.name}: {wheel.stat().st_size / 2**20:.1f} MiB; installing it changed none of {len(before)} packages", flush=True)


def main() -> None:
    """Run every notebook with Colab's versions, each in an empty folder outside the checkout."""
    python = environment()
    install_wheel(python)
    notebooks = notebooks_in_order()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AUDIOGEN", "PYTHON", "VIRTUAL_ENV"))}
    for number, notebook in enumerate(notebooks, 1):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            local = {**env, "HOME": folder, "PATH": f"{python.parent}{os.pathsep}{env['PATH']}"}
            call(python, "-c", EXECUTE, notebook, cwd=folder, env=local)
        print(f"[{number}/{len(notebooks)}] {notebook.relative_to(ROOT)}: {time.monotonic() - started:.0f} s", flush=True)
    print("Every notebook runs with Colab's versions.")


if __name__ == "__main__":
    main()
