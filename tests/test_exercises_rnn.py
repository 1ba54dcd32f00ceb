"""The checks accept what is right, and say of a typical mistake which one it is."""

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import rnn as exercises


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def parts(u, h, W, b):
    z_u, r_u, h_u = np.split(u, 3, axis=-1)
    z_h, r_h, h_h = np.split(h @ W + b, 3, axis=-1)
    return sigmoid(z_u + z_h), sigmoid(r_u + r_h), h_u, h_h


def right(u, h, W, b):
    z, r, h_u, h_h = parts(u, h, W, b)
    return z * h + (1 - z) * np.tanh(h_u + r * h_h)


def swapped(u, h, W, b):
    z, r, h_u, h_h = parts(u, h, W, b)
    return (1 - z) * h + z * np.tanh(h_u + r * h_h)


def no_reset(u, h, W, b):
    z, _, h_u, h_h = parts(u, h, W, b)
    return z * h + (1 - z) * np.tanh(h_u + h_h)


def reset_before(u, h, W, b):
    z, r, h_u, _ = parts(u, h, W, b)
    k = h.shape[1]
    return z * h + (1 - z) * np.tanh(h_u + (r * h) @ W[:, 2 * k :] + b[2 * k :])


def no_bend(u, h, W, b):
    z, r, h_u, h_h = parts(u, h, W, b)
    return z * h + (1 - z) * (h_u + r * h_h)


def test_the_gated_unit_passes(capsys):
    exercises.check_gru(right)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (swapped, "other way round"),
        (no_reset, "reset gate r is missing"),
        (reset_before, "after the product"),
        (no_bend, "tanh"),
        (lambda u, h, W, b: h, "off by up to"),
        (lambda u, h, W, b: h[0], "shape"),
        (lambda u, h, W, b: "h", "your answer"),
    ],
)
def test_other_units_do_not(answer, said):
    with pytest.raises(ExerciseError, match=said):
        exercises.check_gru(answer)


def nucleus(p, top_p, *, more=1, scale=True):
    order = np.argsort(-p)
    kept = order[: np.searchsorted(np.cumsum(p[order]), top_p) + more]
    q = np.zeros_like(p)
    q[kept] = p[kept]
    return q / q.sum() if scale and q.any() else q


def test_the_nucleus_passes(capsys):
    exercises.check_nucleus(nucleus)
    assert "Right." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda p, top_p: nucleus(p, top_p, more=0), "too few|nothing is left"),
        (lambda p, top_p: nucleus(p, top_p, more=2), "too many"),
        (lambda p, top_p: nucleus(p, top_p, scale=False), "sums to"),
        (lambda p, top_p: np.where(p >= top_p, p, 0.0), "too few|nothing is left"),
        (lambda p, top_p: (p == p.max()).astype(float), "too few"),
    ],
)
def test_other_nuclei_do_not(answer, said):
    with pytest.raises(ExerciseError, match=said):
        exercises.check_nucleus(answer)


def test_the_count_passes_and_others_are_told_what_is_wrong(capsys):
    exercises.check_table(262_144)
    assert "Right." in capsys.readouterr().out
    for answer, said in ((458_752, "row of the table"), (196_608, "last layer"), (131_072, "three times"), (1, "not 1"), ("many", "whole")):
        with pytest.raises(ExerciseError, match=said):
            exercises.check_table(answer)
