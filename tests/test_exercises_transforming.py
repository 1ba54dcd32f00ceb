"""The checks of the chapter Changing what exists: right answers pass, wrong ones are told what was heard."""

from __future__ import annotations

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import transforming
from audiogen_helpers.transform import stretching


def chord(y, *, sr, notes=(0, 4, 7), gain=1 / 3):
    return gain * sum(stretching.pitch_shift(y, sr=sr, semitones=note) for note in notes)


def test_right_answers_pass(capsys):
    transforming.check_semitones(lambda speed: 12 * np.log2(speed))
    transforming.check_harmonise(chord)
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize("wrong", [lambda speed: 12 * (speed - 1), lambda speed: -12 * np.log2(speed), lambda speed: 12 * np.log(speed)])
def test_wrong_semitones(wrong):
    with pytest.raises(ExerciseError, match="semitones; you say"):
        transforming.check_semitones(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda y, sr: y, "the third is missing"),
        (lambda y, sr: chord(y, sr=sr, notes=(0, 3, 7)), "the third is missing"),
        (lambda y, sr: chord(y, sr=sr, notes=(0, 4)), "the fifth is missing"),
        (lambda y, sr: chord(y, sr=sr, notes=(4, 7)), "the voice itself is missing"),
        (lambda y, sr: chord(y, sr=sr, gain=2.0), "clipped"),
        (lambda y, sr: y[:100], "samples went in"),
    ],
)
def test_wrong_chords(wrong, message):
    with pytest.raises(ExerciseError, match=message):
        transforming.check_harmonise(wrong)
