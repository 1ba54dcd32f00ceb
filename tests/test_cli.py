"""The command line, run as a user would: each verb works, and a mistake is one line on stderr and exit code 2."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from audiogen_helpers import __version__, audio
from audiogen_helpers.cli import main

SR = 8000


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of one's own clips: two labels, three clips each, a stereo one and one at another rate among them."""
    folder = tmp_path_factory.mktemp("clips")
    t = np.arange(SR // 2) / SR
    rng = np.random.default_rng(0)
    for label, f0 in (("low", 200.0), ("high up", 900.0)):
        for i in range(3):
            y = 0.3 * np.sin(2 * np.pi * f0 * (1 + 0.01 * i) * t) * np.hanning(t.size) + 0.001 * rng.normal(size=t.size)
            audio.write(folder / label / f"{i}.wav", y, sr=SR)
    y = np.stack([y, y])
    audio.write(folder / "low" / "stereo.flac", y, sr=SR)
    audio.write(folder / "low" / "fast.wav", audio.resample(y[0], sr=SR, to_sr=16_000), sr=16_000)
    return folder


@pytest.fixture(scope="module")
def model(clips, tmp_path_factory):
    """A small model, trained on these clips for a few steps."""
    out = tmp_path_factory.mktemp("model") / "m"
    assert main(["train", "flow", "--data", str(clips), "--out", str(out), "--steps", "5", "--seed", "1"]) == 0
    return out


def test_version_and_help(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"audiogen {__version__}"
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(verb in text for verb in ("data", "train", "sample", "invert", "evaluate", "models"))


def test_data_list_and_info(capsys):
    assert main(["data", "list"]) == 0
    text = capsys.readouterr().out
    assert "digits" in text
    assert "fsdd" in text
    assert main(["data", "info", "digits"]) == 0
    assert json.loads(capsys.readouterr().out)["sr"] == SR


def test_sample_spreads_over_labels_and_does_not_overwrite(model, tmp_path):
    out = tmp_path / "out"
    assert main(["sample", str(model), "-n", "5", "-o", str(out), "--seed", "3"]) == 0
    names = sorted(p.name for p in out.iterdir())
    assert len(names) == 5
    assert all(name.endswith(".wav") for name in names)
    first = {name: (out / name).read_bytes() for name in names}
    y, sr = audio.read(out / names[0])
    assert sr == SR
    assert np.abs(y).max() <= 1.0
    assert main(["sample", str(model), "-n", "5", "-o", str(out), "--seed", "4"]) == 2
    assert {name: (out / name).read_bytes() for name in names} == first
    assert main(["sample", str(model), "-n", "5", "-o", str(out), "--seed", "3", "--force"]) == 0
    assert {name: (out / name).read_bytes() for name in names} == first


def test_one_label_only(model, tmp_path):
    assert main(["sample", str(model), "-n", "2", "--label", "low", "-o", str(tmp_path / "o")]) == 0
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == ["low_000.wav", "low_001.wav"]


def test_invert_writes_what_the_mel_spectrum_keeps(clips, tmp_path, capsys):
    out = tmp_path / "heard.wav"
    assert main(["invert", str(clips / "low" / "0.wav"), "-o", str(out)]) == 0
    assert "relative error" in capsys.readouterr().out
    y, sr = audio.read(out)
    x, _ = audio.read(clips / "low" / "0.wav")
    assert sr == SR
    assert y.shape == x.shape
    spectrum = np.abs(np.fft.rfft(y))
    assert abs(np.fft.rfftfreq(y.size, 1 / SR)[spectrum.argmax()] - 200.0) < 40.0


def test_evaluate_prints_a_table_or_json(clips, capsys):
    assert main(["evaluate", str(clips), str(clips), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report
    assert main(["evaluate", str(clips), str(clips)]) == 0
    assert capsys.readouterr().out.strip()


MISTAKES = {
    "unknown model": ["train", "wavenet", "--data", "digits", "--out", "{tmp}/m", "--steps", "1"],
    "unknown data": ["train", "flow", "--data", "nothing-here", "--out", "{tmp}/m", "--steps", "1"],
    "negative minutes": ["train", "flow", "--data", "digits", "--out", "{tmp}/m", "--minutes", "-1"],
    "no steps": ["train", "flow", "--data", "digits", "--out", "{tmp}/m", "--steps", "0"],
    "unknown setting": ["train", "flow", "--data", "digits", "--out", "{tmp}/m", "--steps", "1", "--set", "colour=red"],
    "seed": ["train", "flow", "--data", "digits", "--out", "{tmp}/m", "--steps", "1", "--seed", "-1"],
    "unknown label": ["sample", "{model}", "--label", "eleven", "-o", "{tmp}/o"],
    "no clips asked for": ["sample", "{model}", "-n", "0", "-o", "{tmp}/o"],
    "not a model": ["sample", "{clips}", "-o", "{tmp}/o"],
    "resume a foreign folder": ["train", "flow", "--data", "digits", "--out", "{clips}", "--steps", "1", "--resume"],
    "train over a folder": ["train", "flow", "--data", "digits", "--out", "{clips}", "--steps", "1"],
    "invert a folder": ["invert", "{clips}", "-o", "{tmp}/o.wav"],
    "invert to a text": ["invert", "{clips}/low/0.wav", "-o", "{tmp}/o.txt"],
    "evaluate nothing": ["evaluate", "{tmp}", "digits"],
    "card of an unknown set": ["data", "info", "nothing-here"],
    "fetch an unknown set": ["data", "fetch", "nothing-here"],
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_two(name, clips, model, tmp_path, capsys):
    before = sorted(p for p in clips.rglob("*"))
    arguments = [a.format(tmp=tmp_path, clips=clips, model=model) for a in MISTAKES[name]]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("audiogen: ")
    assert not list(tmp_path.iterdir()), "nothing half-written"
    assert sorted(p for p in clips.rglob("*")) == before


def test_the_console_script_ends_with_the_code_and_shows_no_traceback(tmp_path):
    command = [sys.executable, "-m", "audiogen_helpers.cli", "sample", str(tmp_path / "none"), "-o", str(tmp_path / "o")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "80"})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("audiogen: ")
