"""The checks accept right answers and say what is wrong with others."""

import numpy as np
import pytest
import soundfile

from audiogen_helpers import audio
from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import generation


def euler(velocity, x, steps):
    for k in range(steps):
        x = x + velocity(x, k / steps) / steps
    return x


def midpoint(velocity, x, steps):
    for k in range(steps):
        x = x + velocity(x + velocity(x, k / steps) / (2 * steps), (k + 0.5) / steps) / steps
    return x


def heun(velocity, x, steps):
    for k in range(steps):
        v = velocity(x, k / steps)
        x = x + (v + velocity(x + v / steps, (k + 1) / steps)) / (2 * steps)
    return x


def test_right_answers_pass(capsys):
    generation.check_to_decibels(lambda X: 80 * X - 80)
    generation.check_midpoint(midpoint)
    generation.check_save(lambda y, sr, path: audio.write(path, audio.normalize_peak(y, peak_db=-1.0), sr=sr))
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("answer", "heard"),
    [(lambda X: 40 * X - 40, "stands for"), (lambda X: 80 * X.ravel() - 80, "shape"), (lambda X: -80 * X, "stands for")],
)
def test_wrong_decibels(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        generation.check_to_decibels(answer)


@pytest.mark.parametrize(("answer", "heard"), [(euler, "quarter"), (heun, "time 1"), (lambda v, x, steps: x, "should end near")])
def test_wrong_integrators(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        generation.check_midpoint(answer)


@pytest.mark.parametrize(
    ("answer", "heard"),
    [
        (lambda y, sr, path: None, "no file"),
        (lambda y, sr, path: soundfile.write(path, np.clip(y, -1, 1), sr), "peak of a loud clip"),
        (lambda y, sr, path: soundfile.write(path, 0.891 * y / max(np.abs(y).max(), 1e-9), sr, subtype="FLOAT"), "16 bits"),
        (lambda y, sr, path: soundfile.write(path, 0.891 * y / max(np.abs(y).max(), 1e-9), 2 * sr), "rate and shape"),
    ],
)
def test_wrong_files(answer, heard):
    with pytest.raises(ExerciseError, match=heard):
        generation.check_save(answer)
