"""Exercises of the chapter Mathematics: from noise to data: right answers pass, typical wrong ones are told where they arrived."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import flow_mathematics

DATA = {"weights": np.array([0.3, 0.3, 0.4]), "means": np.array([-1.5, 0.2, 1.6])}


def test_one_step():
    flow_mathematics.check_one_step(lambda x: x + (0.25 - x), **DATA)
    with pytest.raises(ExerciseError, match=r"mean of the data is 0\.250"):
        flow_mathematics.check_one_step(lambda x: 0.0 * x, **DATA)
    with pytest.raises(ExerciseError, match=r"4\.000 apart"):
        flow_mathematics.check_one_step(lambda x: x, **DATA)
    with pytest.raises(ExerciseError, match="shape"):
        flow_mathematics.check_one_step(lambda x: x[0], **DATA)


def test_target():
    flow_mathematics.check_target(lambda x0, x1: x1 - x0)
    with pytest.raises(ExerciseError, match="the other way"):
        flow_mathematics.check_target(lambda x0, x1: x0 - x1)
    with pytest.raises(ExerciseError, match="it arrived at"):
        flow_mathematics.check_target(lambda x0, x1: x1)
    with pytest.raises(ExerciseError, match="shape"):
        flow_mathematics.check_target(lambda x0, x1: np.mean(x1 - x0))
