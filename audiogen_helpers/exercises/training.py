"""Exercises of the chapter Code practice: training.

Chapter: chapters/practice/training.ipynb
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from audiogen_helpers._validation import check_number, show
from audiogen_helpers.errors import ParameterError
from audiogen_helpers.exercises._listen import expect, passed

__all__ = ["check_momentum", "check_smoothed_judge", "check_training_step"]


def check_training_step(
    step: Callable[..., Any], *, generator: Any, discriminator: Any, combined: Any, real: np.ndarray, z: np.ndarray
) -> None:
    """Check one step of adversarial training that is made of Keras' own ``train_on_batch``.

    Parameters
    ----------
    step : callable
        The answer: ``step(generator, discriminator, combined, real, z)`` trains the judge once, then the generator once.
    generator, discriminator, combined : keras.Model
        Fresh models as the listing makes them, never trained.
    real : np.ndarray [shape=(n, ...)]
        Real examples.
    z : np.ndarray [shape=(n, n_noise)]
        Noise for the generator.

    Raises
    ------
    ExerciseError
        If a network that should change does not, or the generator's turn changes the judge; the message says which.

    Examples
    --------
    >>> class Net:
    ...     def __init__(self, *parts):
    ...         self.parts, self.w = parts or (self,), np.zeros(1)
    ...     def get_weights(self):
    ...         return [self.w.copy()]
    ...     def train_on_batch(self, x, y):
    ...         self.parts[0].w += 1.0
    >>> generator, discriminator = Net(), Net()
    >>> def step(generator, discriminator, combined, real, z):
    ...     discriminator.train_on_batch(real, np.ones((2, 1)))
    ...     combined.train_on_batch(z, np.ones((2, 1)))
    >>> nets = {"generator": generator, "discriminator": discriminator, "combined": Net(generator)}
    >>> check_training_step(step, **nets, real=np.zeros((2, 4)), z=np.zeros((2, 3)))
    Right. Each turn changes one network: the judge learns in its own, and rests in the generator's.
    """
    step = _check_callable(step, name="step")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for turn in ("first", "second"):
            judge, forger = discriminator.get_weights(), generator.get_weights()
            step(generator, discriminator, combined, real, z)
            expect(_moved(judge, discriminator), f"the weights of the discriminator are the same after the {turn} step.")
            expect(_moved(forger, generator), f"the weights of the generator are the same after the {turn} step.")
        judge, forger = discriminator.get_weights(), generator.get_weights()
        combined.train_on_batch(z, np.ones((len(z), 1), dtype=np.float32))
    expect(
        not _moved(judge, discriminator), "combined.train_on_batch changes the discriminator too: the judge is being trained to be fooled."
    )
    expect(_moved(forger, generator), "combined.train_on_batch does not change the generator.")
    passed("Each turn changes one network: the judge learns in its own, and rests in the generator's.")


def check_momentum(momentum: float) -> None:
    """Check a momentum that brings the smallest GAN nearer to its solution than no momentum does.

    Parameters
    ----------
    momentum : float in (-1, 1)
        The answer: how much of the mean of past slopes is kept at each step.

    Raises
    ------
    ExerciseError
        If the GAN does not come clearly nearer; the message says how near it comes, and how near without momentum.

    References
    ----------
    L. Mescheder, A. Geiger and S. Nowozin (2018), Which training methods for GANs do actually converge?, ICML (the Dirac-GAN).

    Examples
    --------
    >>> check_momentum(-0.5)
    Right. With momentum -0.5 the distance is 0.34, without any 0.47: in a game, leaning back can help.
    """
    momentum = check_number(momentum, name="momentum", above=-1.0, below=1.0)
    distance, without = _distance(momentum), _distance(0.0)
    heard = f"with momentum {momentum:g} the distance from the solution is {distance:.2f}, without any it is {without:.2f}."
    expect(distance < 0.85 * without, heard)
    passed(f"With momentum {momentum:g} the distance is {distance:.2f}, without any {without:.2f}: in a game, leaning back can help.")


def _distance(momentum: float, *, steps: int = 150, last: int = 50, rate: float = 0.3) -> float:
    """Mean distance from (0, 0) of the last steps of the Dirac-GAN: data always 0, generator theta, judge's score psi * x."""
    theta, psi = 1.0, 0.0
    mean_theta = mean_psi = 0.0
    distances = []
    for _ in range(steps):
        distances.append(np.hypot(theta, psi))
        mean_psi = momentum * mean_psi + (1.0 - momentum) * 0.5 * theta * _sigmoid(psi * theta)
        psi -= rate * mean_psi
        mean_theta = momentum * mean_theta - (1.0 - momentum) * psi * _sigmoid(-psi * theta)
        theta -= rate * mean_theta
    return float(np.mean(distances[-last:]))


def _sigmoid(s: float) -> float:
    return 0.5 * (1.0 + float(np.tanh(0.5 * s)))


def check_smoothed_judge(probability: float, *, loss: float) -> None:
    """Check the best answer of a judge whose real examples are labelled 0.9, and what it costs.

    Parameters
    ----------
    probability : float in (0, 1)
        The answer that costs least.
    loss : float
        Binary cross-entropy of that answer, in nats.

    Raises
    ------
    ExerciseError
        If either is another; the message says which.

    Examples
    --------
    >>> check_smoothed_judge(0.9, loss=0.3251)
    Right. The judge does best to say 0.9, and pays 0.325 even then: it can no longer be certain.
    """
    probability, loss = check_number(probability, name="probability"), check_number(loss, name="loss")
    expect(0.0 < probability < 1.0, f"a probability lies between 0 and 1; yours is {probability:g}.")

    def cost(p: float) -> float:
        return float(-0.9 * np.log(p) - 0.1 * np.log(1.0 - p))

    expect(
        abs(probability - 0.9) < 5e-3,
        f"an answer of {probability:.3g} costs {cost(probability):.4f}; there is a cheaper one.",
    )
    expect(abs(loss - cost(0.9)) < 5e-4, f"the answer is right, but it does not cost {loss:.4f}.")
    passed(f"The judge does best to say 0.9, and pays {cost(0.9):.3f} even then: it can no longer be certain.")


def _check_callable(function: Any, *, name: str) -> Any:
    if not callable(function):
        raise ParameterError(f"{name} must be a function; received {show(function)}")
    return function


def _moved(before: list[np.ndarray], model: Any) -> bool:
    """Whether any weight of `model` differs from what it was."""
    return any(not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
