"""Two folders with files of the same names: what is paired, what is measured, and what is said where nothing can be."""

import json

import numpy as np
import pytest

from audiogen_helpers import audio, datasets
from audiogen_helpers.cli import main
from audiogen_helpers.evaluation import (
    evaluate,
    find_pairs,
    log_spectral_distance,
    mel_cepstral_distortion,
    pitch_error,
    si_sdr,
    spectral_convergence,
)
from audiogen_helpers.evaluation.clips import gather
from audiogen_helpers.evaluation.paired import MAX_PAIRS, MEASURES, compare_pairs

SR = 8000


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA_HOME", str(tmp_path / "home"))


def tone(f0, n=4000, sr=SR):
    t = np.arange(n) / sr
    return 0.3 * (np.sin(2 * np.pi * f0 * t) + 0.5 * np.sin(2 * np.pi * 3 * f0 * t)) * np.hanning(n) ** 0.3


def write(folder, clips, sr=SR):
    for name, y in clips.items():
        audio.write(folder / name, y, sr=sr)
    return folder


@pytest.fixture
def real(tmp_path):
    return write(tmp_path / "real", {f"take {i}.wav": tone(150 + 20 * i) for i in range(6)})


@pytest.fixture
def noisy(tmp_path, real):
    rng = np.random.default_rng(0)
    clips = {path.name: audio.read(path)[0] + rng.normal(0, 0.01 * (i + 1), 4000) for i, path in enumerate(sorted(real.iterdir()))}
    return write(tmp_path / "noisy", clips)


def compared(folder, reference, **options):
    return compare_pairs(gather(folder, label_names=()), datasets.load(reference), **options)


def test_pairs_are_files_of_the_same_name_below_their_folders():
    assert find_pairs(["a.wav", "x/b.wav", "c.wav"], ["c.wav", "b.wav", "x/b.flac", "A.wav"]) == [(1, 2), (2, 0)]
    assert find_pairs(["a.wav", "a.flac", "b.wav"], ["a.wav", "b.ogg"]) == [(2, 1)]
    assert find_pairs(["take.1.wav"], ["take.2.wav"]) == find_pairs([], ["a.wav"]) == []


def test_each_mean_is_that_of_the_function(noisy, real):
    found = compared(noisy, real)
    pairs = [(audio.read(noisy / path.name)[0], audio.read(path)[0]) for path in sorted(real.iterdir())]
    assert (found.n, found.sr, found.reason, found.notes) == (6, SR, "", ())
    assert list(found.measures) == list(MEASURES)
    expected = {
        "log_spectral_distance": [log_spectral_distance(y, r, sr=SR) for y, r in pairs],
        "spectral_convergence": [spectral_convergence(y, r, sr=SR) for y, r in pairs],
        "mel_cepstral_distortion": [mel_cepstral_distortion(y, r, sr=SR) for y, r in pairs],
        "mel_cepstral_distortion_aligned": [mel_cepstral_distortion(y, r, sr=SR, align=True) for y, r in pairs],
        "pitch_rmse": [pitch_error(y, r, sr=SR).rmse_cents for y, r in pairs],
        "voicing_error": [pitch_error(y, r, sr=SR).voicing for y, r in pairs],
        "gross_pitch_error": [pitch_error(y, r, sr=SR).gross for y, r in pairs],
        "si_sdr": [si_sdr(y, r, sr=SR) for y, r in pairs],
    }
    for name, values in expected.items():
        spread = found.measures[name]
        assert spread.mean == pytest.approx(np.mean(values))
        assert spread.sd == pytest.approx(np.std(values, ddof=1))
        assert (spread.low, spread.high, spread.n) == (pytest.approx(min(values)), pytest.approx(max(values)), 6)


def test_a_perfect_copy_has_figures(real):
    found = compared(real, real).measures
    assert found["si_sdr"].mean == 100.0
    assert all(found[name].mean == 0.0 for name in MEASURES if name != "si_sdr")


def test_other_rates_lengths_channels_and_formats_are_taken_along_and_noted(tmp_path, real):
    clips = {f"take {i}.flac": audio.resample(tone(150 + 20 * i), sr=SR, to_sr=16000) for i in range(6)}
    clips["take 1.flac"] = clips["take 1.flac"][:6000]
    clips["take 2.flac"] = np.concatenate([clips["take 2.flac"], np.zeros(3200)])
    clips["take 3.flac"] = np.stack([clips["take 3.flac"]] * 2)
    clips["take 9.flac"] = clips["take 0.flac"]
    found = compared(write(tmp_path / "other", clips, sr=16000), real)
    assert found.n == 6
    assert found.sr == SR
    assert found.measures["si_sdr"].low > 25.0
    assert found.measures["log_spectral_distance"].high < 3.0
    text = " ".join(found.notes)
    assert "6 of 7 generated clips have a partner" in text
    assert "In 6 of 6 pairs a file was resampled to 8000 Hz" in text
    assert "In 2 of 6 pairs the longer one was cut, by 0.2 s at most" in text
    assert "In 1 of 6 pairs channels were mixed" in text


def test_a_reference_of_a_higher_rate_comes_down(tmp_path, real):
    high = write(tmp_path / "high", {p.name: audio.resample(audio.read(p)[0], sr=SR, to_sr=22050) for p in real.iterdir()}, sr=22050)
    found = compared(real, high)
    assert found.sr == SR
    assert found.measures["spectral_convergence"].mean < 0.05


def test_pitch_is_tracked_at_16_khz_at_most(tmp_path):
    clips = {name: write(tmp_path / name, {"a.wav": tone(f0, n=22050, sr=44100)}, sr=44100) for name, f0 in (("real", 200), ("ours", 206))}
    found = compared(clips["ours"], clips["real"])
    assert found.sr == 44100
    assert found.measures["pitch_rmse"].mean == pytest.approx(1200 * np.log2(1.03), abs=1.0)


def test_silence_has_what_it_can_have(tmp_path):
    real = write(tmp_path / "real", {"a.wav": np.zeros(4000), "b.wav": tone(200), "c.wav": tone(300)})
    ours = write(tmp_path / "ours", {"a.wav": tone(200), "b.wav": np.zeros(4000), "c.wav": tone(300)})
    found = compared(ours, real)
    assert found.measures["si_sdr"].n == found.measures["spectral_convergence"].n == 2
    assert found.measures["si_sdr"].low == -100.0
    assert found.measures["pitch_rmse"].n == 1
    assert "1 of 3 pairs have a silent reference" in " ".join(found.notes)
    json.dumps(found.to_dict(), allow_nan=False)
    still = compared(write(tmp_path / "z1", {"a.wav": np.zeros(400)}), write(tmp_path / "z2", {"a.wav": np.zeros(400)}))
    assert still.measures["si_sdr"] is still.measures["pitch_rmse"] is None
    assert still.measures["log_spectral_distance"].sd == 0.0
    assert ("pitch error (cents)", "-", "-", "no pair has it") in still.rows()


def test_tiny_clips_are_compared_too(tmp_path):
    real, ours = (write(tmp_path / name, {"a.wav": np.full(n, 0.1)}) for name, n in (("real", 3), ("ours", 1)))
    assert compared(ours, real).n == 1


def test_of_many_and_long_pairs_some_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("audiogen_helpers.evaluation.paired.MAX_PAIRS", 3)
    monkeypatch.setattr("audiogen_helpers.evaluation.paired.LONGEST", 0.2)
    folder = write(tmp_path / "real", {f"{i}.wav": tone(200 + i) for i in range(5)})
    first, again = (compared(folder, folder, seed=1) for _ in range(2))
    assert first == again
    assert first.n == 3
    assert "3 of 5 pairs, drawn by the seed" in " ".join(first.notes)
    assert "longer than 0.2 s (3 of 3)" in " ".join(first.notes)
    assert MAX_PAIRS == 100


@pytest.mark.parametrize(
    ("generated", "reference", "reason"),
    [
        ({"other.wav": tone(200)}, {"a.wav": tone(200)}, "no generated clip has the name"),
        ({"a.wav": tone(200), "a.flac": tone(200)}, {"a.wav": tone(200)}, "no generated clip has the name"),
    ],
)
def test_why_there_are_no_pairs(tmp_path, generated, reference, reason):
    found = compared(write(tmp_path / "ours", generated), write(tmp_path / "real", reference))
    assert found.n == 0
    assert reason in found.reason
    assert found.rows() == []


def test_arrays_low_rates_and_absent_clips_have_reasons(tmp_path, real):
    arrays = gather(np.zeros((2, 800)), label_names=(), sr=SR)
    assert "arrays" in compare_pairs(arrays, datasets.load(real)).reason
    assert compare_pairs(arrays, None, absent="gone").reason == "gone"
    slow = write(tmp_path / "slow", {"a.wav": np.zeros(100)}, sr=1000)
    assert "1000 Hz" in compared(slow, slow).reason


# In the report


def test_the_report_shows_pairs_in_text_json_and_html(noisy, real):
    report = evaluate(noisy, real)
    text, page, data = str(report), report._repr_html_(), json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert "Pairs: 6 of the same file name, at 8000 Hz" in text
    for measure in MEASURES.values():
        assert measure.title in text
        assert measure.title in page
    assert data["paired"]["measures"]["si_sdr"]["mean"] == pytest.approx(report.paired.measures["si_sdr"].mean)
    assert page.count("<tr>") == len(report.rows()) + 1 + len(MEASURES) + 1
    assert page.count("<table>") == page.count("</table>") == 2
    assert max(len(line) for line in text.splitlines()) < 200
    assert "distances of pairs" not in text


def test_without_pairs_one_line_says_why(tmp_path, real):
    other = write(tmp_path / "other", {f"{i}.wav": tone(150 + 20 * i) for i in range(4)})
    report = evaluate(other, real)
    lines = [line for line in str(report).splitlines() if "distances of pairs" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Not measured: distances of pairs: no generated clip has the name")
    assert report._repr_html_().count("<table>") == 1
    assert report.to_dict()["paired"]["n"] == 0
    assert "distances of pairs" not in report.reasons


def test_the_report_has_an_audio_distance_without_labels_or_ears(noisy, real):
    report = evaluate(noisy, real)
    assert report.recognition is report.frechet_distance is None
    assert report.audio_distance.distance > 0.0
    assert report.audio_distance.unbiased is None
    assert "needs 8 clips and 80 windows" in str(report)
    assert report.audio_distance.n == 6
    assert report.real.audio_distance is None  # one clip was held out
    assert any(row[0] == "Fréchet audio distance" and row[1] != "-" for row in report.rows())


def test_equally_many_held_out_clips_stand_beside_it(tmp_path):
    rng = np.random.default_rng(0)
    real = write(tmp_path / "real", {f"r{i:03d}.wav": rng.normal(0, 0.1, 2000) for i in range(100)})
    report = evaluate(write(tmp_path / "ours", {f"o{i:03d}.wav": rng.normal(0, 0.1, 2000) for i in range(90)}), real)
    ours, held_out = report.audio_distance, report.real.audio_distance
    assert (ours.n, ours.n_all, ours.n_reference) == (10, 90, 90)
    assert (held_out.n, held_out.n_all) == (10, 10)
    assert held_out.distance == pytest.approx(ours.distance, rel=0.5)
    assert abs(ours.unbiased) < 0.1 * ours.distance
    assert held_out.unbiased is None
    assert report.to_dict()["real"]["audio_distance"]["n"] == 10


def test_with_one_window_there_is_no_audio_distance(tmp_path, real):
    report = evaluate(write(tmp_path / "one", {"x.wav": tone(200)}), real)
    assert report.audio_distance.distance is None
    assert "Fréchet audio distance: it needs 2 windows" in str(report)
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_command_prints_pairs(noisy, real, capsys):
    assert main(["evaluate", str(noisy), str(real)]) == 0
    assert "SI-SDR (dB)" in capsys.readouterr().out
    assert main(["evaluate", str(noisy), str(real), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["paired"]["n"] == 6
