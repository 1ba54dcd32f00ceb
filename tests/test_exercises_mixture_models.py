"""The exercises of Mixture models: right answers pass, usual mistakes hear which they are."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers import datasets, spectral
from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import mixture_models as exercises
from audiogen_helpers.statistical.gmm import fit_gmm


@pytest.fixture(autouse=True)
def bundled(monkeypatch):
    monkeypatch.setenv("AUDIOGEN_DATA", "bundled")


def right(n, w, m, v, rng):
    k = rng.choice(len(w), size=n, p=w)
    return rng.normal(m[k], np.sqrt(v[k]))


def by_bell(n, w, m, v, rng):
    """Another right answer: counts first, then the numbers of each bell."""
    counts = rng.multinomial(n, w)
    return rng.permutation(np.concatenate([rng.normal(a, np.sqrt(b), c) for a, b, c in zip(m, v, counts, strict=True)]))


@pytest.mark.parametrize("draw", [right, by_bell])
def test_right_draws_pass(draw, capsys):
    exercises.check_draw(draw)
    assert "Right." in capsys.readouterr().out


def one_bell_for_all(n, w, m, v, rng):
    k = rng.choice(len(w), p=w)
    return rng.normal(m[k], np.sqrt(v[k]), n)


@pytest.mark.parametrize(
    ("draw", "heard"),
    [
        (lambda n, w, m, v, rng: sum(a * rng.normal(b, np.sqrt(c), n) for a, b, c in zip(w, m, v, strict=True)), "does not add"),
        (lambda n, w, m, v, rng: rng.normal(w @ m, np.sqrt(w @ (v + m**2) - (w @ m) ** 2), n), "valley"),
        (one_bell_for_all, "all numbers come from one bell"),
        (lambda n, w, m, v, rng: right(n, np.array([0.5, 0.5]), m, v, rng), "by their weights"),
        (lambda n, w, m, v, rng: right(n, w, m, v**2, rng), "valley|square of a deviation"),
        (lambda n, w, m, v, rng: right(n, w, m, v / 4, rng), "deviates by"),
        (lambda n, w, m, v, rng: right(n, w, m, v, np.random.default_rng()), "from rng only"),
        (lambda n, w, m, v, rng: right(n, w, m, 0 * v, rng), "most numbers are the same"),
        (lambda n, w, m, v, rng: right(1, w, m, v, rng), "4000 numbers were asked for"),
        (lambda n, w, m, v, rng: np.full(n, np.nan), "must be finite"),
        (lambda n, w, m, v, rng: None, "array of real numbers"),
    ],
)
def test_wrong_draws_hear_why(draw, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_draw(draw)


def frames(y):
    spec = spectral.MelSpec(sr=8000, n_fft=256, n_mels=24)
    L = spectral.log_mel(y, spec).T
    return L[L.mean(axis=1) > L.mean(axis=1).max() - 25.0]


def test_voices_are_told_apart(capsys):
    digits = datasets.load("digits")
    learned = np.array([not name.endswith("_0.flac") for name in digits.names])
    fits = {}
    for voice in exercises.VOICES:
        rows = np.concatenate([frames(digits.clip(int(i))[0]) for i in np.flatnonzero(learned & (np.array(digits.groups) == voice))[::2]])
        fits[voice] = fit_gmm(rows, n_components=8, floor=1e-2, rng=0)[0]
    exercises.check_who(lambda y: max(fits, key=lambda voice: fits[voice].log_likelihood(frames(y)).mean()))
    assert "of 40 voices named" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("who", "heard"),
    [
        (lambda y: "rms", "10 of 40 are right; .* is taken for rms 10 times"),
        (lambda y: "me", "yours is 'me'"),
        (lambda y: None, "yours is None"),
    ],
)
def test_wrong_names_hear_why(who, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_who(who)


FLAT = np.random.default_rng(0).standard_normal((200, 3)) * [1.0, 0.5, 0.1] + [0.0, 3.0, -2.0]
WANTED = np.array([2.0, 1.0, 0.05])
STRETCHED = FLAT.mean(axis=0) + (FLAT - FLAT.mean(axis=0)) * np.sqrt(WANTED / FLAT.var(axis=0))


def test_lively_tracks_pass(capsys):
    exercises.check_lively(STRETCHED, flat=FLAT, variance=WANTED)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("Y", "heard"),
    [
        (FLAT * np.sqrt(WANTED / FLAT.var(axis=0)), "a mean moved"),
        (FLAT.mean(axis=0) + (FLAT - FLAT.mean(axis=0)) * WANTED / FLAT.var(axis=0), "square of the factor"),
        (FLAT, "times the wanted variance"),
        (np.random.default_rng(1).permuted(STRETCHED, axis=0), "moves differently"),
        (STRETCHED[:100], "keep their shape"),
    ],
)
def test_dull_tracks_hear_why(Y, heard):
    with pytest.raises(ExerciseError, match=heard):
        exercises.check_lively(Y, flat=FLAT, variance=WANTED)
