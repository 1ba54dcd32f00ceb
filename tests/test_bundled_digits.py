"""The bundled spoken digits: card, number, digests, rate, level, edges, no clipping, no near-duplicates, true labels."""

import hashlib
import json
import re

import numpy as np
import pytest
import soundfile

from audiogen_helpers import audio, datasets, spectral

NAME = re.compile(r"([0-9])_([a-z]+)_([0-9])\.flac")
SIMILAR = 0.95  # largest normalised cross-correlation, at any shift, of two clips of one digit; 0.92 was measured


@pytest.fixture(scope="module")
def folder():
    return datasets.locate("digits")


@pytest.fixture(scope="module")
def card(folder):
    return json.loads((folder / "card.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def clips(folder):
    return {path.name: soundfile.read(path)[0] for path in sorted(folder.glob("*.flac"))}


def test_the_folder_holds_what_the_card_says_and_nothing_else(folder, card, clips):
    assert {path.name for path in folder.iterdir()} == {"card.json", "sha256sums.txt", *clips}
    assert sorted(card["clips"]) == sorted(clips)
    assert len(clips) == card["count"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 8_000_000


def test_the_card_is_complete_and_agrees_with_the_registry(card):
    entry = datasets.info("digits")
    assert (card["name"], card["sr"], card["count"], tuple(card["labels"])) == (entry.name, entry.sr, entry.count, entry.labels)
    assert card["licence"] == entry.licence
    for field in ("made", "from", "licences_of_the_tools", "tools", "level", "edges", "durations_s", "split", "voices"):
        assert card[field], field
    assert "espeak-ng" in card["tools"]
    assert "flite" in card["tools"]
    assert "scripts/make_digits.py" in card["made"]


def test_every_digest_is_right(folder, clips):
    lines = (folder / "sha256sums.txt").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert listed == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in clips}
    assert len(set(listed.values())) == len(clips)


def test_at_least_sixty_renderings_of_each_digit_by_at_least_eight_voices(card, clips):
    parts = [NAME.fullmatch(name).groups() for name in clips]
    for digit in "0123456789":
        voices = {voice for label, voice, _ in parts if label == digit}
        assert sum(label == digit for label, *_ in parts) >= 60
        assert voices == set(card["voices"])
    assert len(card["voices"]) >= 8
    assert len({voice["accent"] for voice in card["voices"].values()}) >= 6
    assert {voice["program"] for voice in card["voices"].values()} == {"espeak-ng", "flite"}


def test_whole_voices_are_held_out(card):
    found = datasets.load("digits")
    test, train = set(found.split("test").groups), set(found.split("train").groups)
    assert test == set(card["split"]["test"])
    assert test == {name for name, voice in card["voices"].items() if voice["split"] == "test"}
    assert not test & train
    assert 0.1 <= len(found.split("test")) / len(found) <= 0.3


def test_format_and_length(folder, card, clips):
    for name, y in clips.items():
        file = soundfile.info(folder / name)
        assert (file.samplerate, file.channels, file.format, file.subtype) == (8000, 1, "FLAC", "PCM_16")
        assert len(y) == card["clips"][name]["length"]
        assert 0.25 <= len(y) / 8000 <= 1.0


def test_one_level_no_clipping_no_offset(card, clips):
    for name, y in clips.items():
        assert audio.rms_db(y) == pytest.approx(card["level"]["rms_db"], abs=0.05), name
        assert audio.peak_db(y) <= card["level"]["highest_peak_db"], name
        loudest = np.flatnonzero(np.abs(y) == np.abs(y).max())
        assert not (np.diff(loudest) == 1).any() or np.abs(y).max() < 0.5, f"{name} has a flat top"
        assert abs(y.mean()) < 0.003, name


def test_speech_begins_and_ends_near_the_edges(clips):
    """Sound within 60 ms of either edge: 50 dB below the loudest 10 ms, for a first consonant is faint at 8 kHz."""
    for name, y in clips.items():
        power = np.convolve(y**2, np.ones(80) / 80, "same")
        heard = np.flatnonzero(power >= power.max() * 1e-5)
        assert heard[0] <= 480, name
        assert heard[-1] >= len(y) - 480, name
        assert np.abs(y[[0, -1]]).max() < 0.01, f"{name} begins or ends with a click"


@pytest.mark.parametrize("digit", "0123456789")
def test_no_near_duplicates(clips, digit):
    """Cross-correlation does not care about a shift, a gain or the sign, which is what a copy in disguise would have."""
    import scipy.fft

    chosen = [y for name, y in clips.items() if name.startswith(digit)]
    size = scipy.fft.next_fast_len(2 * max(len(y) for y in chosen), real=True)
    F = scipy.fft.rfft(np.stack([np.pad(y, (0, size - len(y))) / np.linalg.norm(y) for y in chosen]).astype(np.float32))
    worst = [np.abs(scipy.fft.irfft(F[i].conj() * F[i + 1 :], n=size)).max() for i in range(len(F) - 1)]
    assert 0.3 < max(worst) < SIMILAR
    copy = np.roll(np.pad(-0.5 * chosen[0], (0, size - len(chosen[0]))), 37) + 0.001  # the test must see through a disguise
    likeness = scipy.fft.irfft(F[0].conj() * scipy.fft.rfft(copy / np.linalg.norm(copy)), n=size)
    assert np.abs(likeness).max() > SIMILAR


def features(clips):
    """Log-mel spectrogram of each clip, stretched to 20 frames, its mean removed."""
    spec = spectral.MelSpec(sr=8000, n_fft=256, hop_length=80, n_mels=24, fmin=200.0)
    rows = []
    for y in clips:
        emphasised = np.append(y[0], y[1:] - 0.95 * y[:-1]).astype(np.float32)
        L = spectral.log_mel(emphasised, spec)
        L = np.maximum(L, L.max() - 45.0)
        at = np.linspace(0, L.shape[1] - 1, 20)
        rows.append(np.concatenate([np.interp(at, np.arange(L.shape[1]), band) for band in L - L.mean()]) / 10.0)
    return np.array(rows)


def test_the_labels_agree_between_voices(clips):
    """A classifier that heard half of the voices knows the digits of the other half."""
    from sklearn.svm import SVC

    X = features(clips.values())
    labels, voices = np.array([NAME.fullmatch(name).groups()[:2] for name in clips]).T
    names = np.random.default_rng(0).permutation(np.unique(voices))
    heard = np.isin(voices, names[: len(names) // 2])
    for train in (heard, ~heard):
        assert SVC(C=5.0).fit(X[train], labels[train]).score(X[~train], labels[~train]) > 0.8


@pytest.mark.corpus
def test_a_classifier_of_real_speech_knows_every_digit(clips, corpora, monkeypatch):
    """The six men of FSDD, played at two speeds, teach it; chance is 0.1."""
    from sklearn.svm import SVC

    monkeypatch.setenv("AUDIOGEN_CORPORA", str(corpora))
    real = datasets.load("fsdd", split="train")
    heard = [audio.trim(real.clip(i)[0], sr=8000) for i in range(0, len(real), 3)]
    smaller = [audio.resample(y, sr=8000, to_sr=6838) for y in heard]
    labels = np.array(real.labels)[::3]
    classifier = SVC(C=5.0).fit(np.concatenate([features(heard), features(smaller)]), np.concatenate([labels, labels]))
    spoken = np.array([name[0] for name in clips])
    guessed = classifier.predict(features([audio.trim(y, sr=8000) for y in clips.values()]))
    assert (guessed == spoken).mean() > 0.75
    for digit in "0123456789":
        assert (guessed[spoken == digit] == digit).mean() > 0.4, digit
