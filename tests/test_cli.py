"""The command line, run as a user would: each verb works, and a mistake is one line on stderr and exit code 2."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from audiogen_helpers import __version__, audio, synthesis, transform
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
    assert all(verb in text for verb in ("data", "train", "sample", "invert", "evaluate", "models", "synth", "texture", "transform"))


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


def test_synth_writes_a_file_that_is_the_sound(tmp_path, capsys):
    out = tmp_path / "a.wav"
    assert main(["synth", "sine", "--set", "f0=440", "--duration", "0.5", "--sr", "16000", "-o", str(out)]) == 0
    assert "0.5 s of sine at 16000 Hz" in capsys.readouterr().out
    y, sr = audio.read(out)
    assert (sr, y.shape) == (16_000, (8000,))
    np.testing.assert_allclose(y[100:-200], np.sin(2 * np.pi * 440 * np.arange(8000) / 16_000)[100:-200], atol=1e-4)
    assert y[0] == y[-1] == 0.0
    before = out.read_bytes()
    assert main(["synth", "sine", "--sr", "16000", "-o", str(out)]) == 2, "nothing is overwritten unasked"
    assert out.read_bytes() == before
    assert main(["synth", "sine", "--sr", "16000", "-o", str(out), "--force"]) == 0


@pytest.mark.parametrize(("verb", "registry"), [("synth", synthesis.SOUNDS), ("transform", transform.TRANSFORMS)])
def test_what_there_is_is_listed_with_units_and_ranges(verb, registry, capsys):
    assert main([verb, "--list"]) == 0
    text = capsys.readouterr().out
    for name, entry in registry.items():
        assert name in text
        assert all(p.name in text for p in entry.parameters)
    first = next(iter(registry))
    assert main([verb, first, "--list"]) == 0
    assert len(capsys.readouterr().out) < len(text)


def test_synth_same_seed_same_bytes(tmp_path):
    for name in ("a", "b"):
        assert main(["synth", "rain", "--duration", "0.5", "--sr", "16000", "--seed", "3", "-o", str(tmp_path / f"{name}.wav")]) == 0
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert main(["synth", "rain", "--duration", "0.5", "--sr", "16000", "--seed", "4", "-o", str(tmp_path / "c.wav")]) == 0
    assert (tmp_path / "a.wav").read_bytes() != (tmp_path / "c.wav").read_bytes()


def test_transform_changes_a_file_and_says_when_it_turned_it_down(tmp_path, capsys):
    t = np.arange(2 * SR) / SR
    source = audio.write(tmp_path / "in.wav", 0.9 * np.sin(2 * np.pi * 300 * t) * (t < 1), sr=SR)
    out = tmp_path / "out.wav"
    assert main(["transform", "time-stretch", str(source), "--set", "factor=1.5", "-o", str(out)]) == 0
    assert audio.info(out).length == 3 * SR
    capsys.readouterr()
    command = ["transform", "equaliser", str(source), "--set", "mid_db=12", "--set", "mid_f=300", "-o", str(tmp_path / "eq.wav")]
    assert main(command) == 0
    assert "turned down by" in capsys.readouterr().out
    assert np.abs(audio.read(tmp_path / "eq.wav")[0]).max() == pytest.approx(1.0, abs=1e-3)


def test_texture_makes_more_of_a_sound_the_same_from_the_same_seed(tmp_path, capsys):
    source = tmp_path / "rain.wav"
    assert main(["synth", "rain", "--sr", "8000", "--duration", "1.5", "-o", str(source)]) == 0
    command = ["texture", str(source), "--duration", "2.5", "--n-iter", "8"]
    for name in ("a.wav", "b.wav"):
        assert main([*command, "-o", str(tmp_path / name)]) == 0
    assert "correlation 0." in capsys.readouterr().out
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    y, sr = audio.read(tmp_path / "a.wav")
    rain, _ = audio.read(source)
    assert len(y) / sr == 2.5
    assert abs(20 * np.log10(y.std() / rain.std())) < 1.0
    assert main([*command, "-o", str(tmp_path / "a.wav")]) == 2  # not without --force
    assert "a.wav" in capsys.readouterr().err


def test_transform_takes_a_second_sound_at_any_rate(tmp_path):
    rng = np.random.default_rng(0)
    source = audio.write(tmp_path / "in.wav", 0.1 * rng.standard_normal(SR), sr=SR)
    impulse = audio.write(tmp_path / "room.wav", np.stack([np.eye(1, 1600)[0]] * 2), sr=2 * SR)
    assert main(["transform", "convolve", str(source), "--with", str(impulse), "-o", str(tmp_path / "out.wav")]) == 0


def test_an_unknown_name_suggests_the_nearest(tmp_path, capsys):
    assert main(["synth", "helicoptr", "-o", str(tmp_path / "o.wav")]) == 2
    assert "did you mean 'helicopter'?" in capsys.readouterr().err
    assert main(["synth", "rain", "--set", "intensty=1", "-o", str(tmp_path / "o.wav")]) == 2
    assert "did you mean 'intensity'?" in capsys.readouterr().err


MISTAKES = {
    "synth nothing": ["synth", "-o", "{tmp}/o.wav"],
    "synth without a file": ["synth", "sine"],
    "synth above Nyquist": ["synth", "sine", "--set", "f0=9000", "--sr", "16000", "-o", "{tmp}/o.wav"],
    "synth no time": ["synth", "sine", "--duration", "0", "-o", "{tmp}/o.wav"],
    "synth negative time": ["synth", "sine", "--duration=-1", "-o", "{tmp}/o.wav"],
    "synth NaN": ["synth", "sine", "--set", "f0=nan", "-o", "{tmp}/o.wav"],
    "synth a word for a number": ["synth", "sine", "--set", "f0=high", "-o", "{tmp}/o.wav"],
    "synth to a text": ["synth", "sine", "-o", "{tmp}/o.txt"],
    "synth at no rate": ["synth", "sine", "--sr", "0", "-o", "{tmp}/o.wav"],
    "a texture of no length": ["texture", "{clips}/low/0.wav", "--duration", "0", "-o", "{tmp}/o.wav"],
    "a texture of a folder": ["texture", "{clips}", "-o", "{tmp}/o.wav"],
    "tunes where clips are needed": ["train", "flow", "--data", "chorales", "--out", "{tmp}/o"],
    "clips where tunes are needed": ["train", "melody", "--data", "digits", "--out", "{tmp}/o"],
    "transform nothing": ["transform", "spectral-gate", "-o", "{tmp}/o.wav"],
    "transform a folder": ["transform", "spectral-gate", "{clips}", "-o", "{tmp}/o.wav"],
    "transform by nothing known": ["transform", "polish", "{clips}/low/0.wav", "-o", "{tmp}/o.wav"],
    "transform stereo where mono is needed": ["transform", "psola", "{clips}/low/stereo.flac", "-o", "{tmp}/o.wav"],
    "transform with a second sound too many": [
        "transform",
        "limiter",
        "{clips}/low/0.wav",
        "--with",
        "{clips}/low/1.wav",
        "-o",
        "{tmp}/o.wav",
    ],
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
