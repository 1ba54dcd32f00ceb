"""The exercises of the chapter Variational autoencoders: right answers pass, typical wrong ones get a message that helps."""

import numpy as np
import pytest

from audiogen_helpers.deep.vq_vae import nearest_entries
from audiogen_helpers.errors import ExerciseError
from audiogen_helpers.exercises import vae as exercises


def divergence(m, v, m0, v0):
    return 0.5 * (v / v0 - 1 - np.log(v / v0) + (m - m0) ** 2 / v0)


def arc(a, b, s):
    angle = np.arccos(np.clip(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)), -1, 1))
    return (np.sin((1 - s) * angle) * a + np.sin(s * angle) * b) / np.sin(angle)


def pushed(a, b, s):
    p = (1 - s) * a + s * b
    return p * np.linalg.norm(a) / np.linalg.norm(p)


def codebook(book, e, *, dead="far"):
    token = nearest_entries(e, book)
    far = e[np.argmax(np.linalg.norm(e - book[token], axis=1))]
    choice = {"far": lambda k: far, "old": lambda k: book[k], "nan": lambda k: np.full(book.shape[1], np.nan), "any": lambda k: e[0]}[dead]
    return np.stack([e[token == k].mean(axis=0) if (token == k).any() else choice(k) for k in range(len(book))])


def in_place(book, e):
    book[:] = codebook(book, e)
    return book


def test_right_answers_pass(capsys):
    exercises.check_divergence(divergence)
    exercises.check_arc(arc)
    exercises.check_codebook(codebook)
    assert capsys.readouterr().out.count("Right.") == 3


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda m, v, m0, v0: divergence(m, v, 0, 1), "standard bell"),
        (lambda m, v, m0, v0: divergence(m0, v0, m, v), "other way round"),
        (lambda m, v, m0, v0: 2 * divergence(m, v, m0, v0), "one half"),
        (lambda m, v, m0, v0: divergence(m, v * v, m0, v0 * v0), "do not square"),
        (lambda m, v, m0, v0: divergence(m, v, m0, v0) / np.log(2), "in bits"),
        (lambda m, v, m0, v0: divergence(m, v, 0, v0) - m * m / 2 / v0 + (m - m0) ** 2 / 2, "divide its square"),
        (lambda m, v, m0, v0: 7.0, "yours is 7"),
    ],
)
def test_wrong_divergences(wrong, message):
    with pytest.raises(ExerciseError, match=message):
        exercises.check_divergence(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda a, b, s: (1 - s) * a + s * b, "times as far"),
        (lambda a, b, s: arc(b, a, s), "backwards"),
        (lambda a, b, s: a, "end at b"),
        (lambda a, b, s: np.stack([a, b]), "shapes"),
        (pushed, "hurries"),
    ],
)
def test_wrong_ways(wrong, message):
    with pytest.raises(ExerciseError, match=message):
        exercises.check_arc(wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda book, e: book.copy(), "no entry has moved"),
        (lambda book, e: codebook(book, e)[:3], "shape"),
        (in_place, "return a new one"),
        (lambda book, e: codebook(book, e, dead="old"), "still dead"),
        (lambda book, e: codebook(book, e, dead="nan"), "not numbers"),
        (lambda book, e: codebook(book, e, dead="any"), "farthest"),
        (lambda book, e: codebook(book, e) + 1.0, "mean of those rows"),
    ],
)
def test_wrong_codebooks(wrong, message):
    with pytest.raises(ExerciseError, match=message):
        exercises.check_codebook(wrong)
