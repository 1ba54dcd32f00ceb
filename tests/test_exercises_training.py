"""The checks accept what is right in any spelling, and name what is wrong."""

import warnings

import numpy as np
import pytest

from audiogen_helpers.errors import ExerciseError, ParameterError
from audiogen_helpers.exercises import training

ONES = np.ones((4, 1), dtype=np.float32)
REAL = np.random.default_rng(0).normal(size=(4, 3, 3)).astype(np.float32)
Z = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)


class Net:
    """Like a Keras 3 model in what matters: `trainable` is read at the first call of `train_on_batch`, and never again."""

    def __init__(self, *parts):
        self.parts, self.w, self.trainable, self.traced = parts or (self,), np.zeros(2), True, None

    def get_weights(self):
        return [self.w.copy()]

    def train_on_batch(self, x, y):
        if self.traced is None:
            self.traced = [part for part in self.parts if part.trainable]
            if not self.traced:
                warnings.warn("nothing to train", stacklevel=2)
        for part in self.traced:
            part.w += 1.0


def nets():
    generator, discriminator = Net(), Net()
    discriminator.trainable = False
    return {"generator": generator, "discriminator": discriminator, "combined": Net(generator, discriminator)}


def listing(generator, discriminator, combined, real, z):
    discriminator.train_on_batch(real, ONES)
    combined.train_on_batch(z, ONES)


def repaired(generator, discriminator, combined, real, z):
    discriminator.trainable = True
    discriminator.train_on_batch(real, ONES)
    discriminator.trainable = False
    combined.train_on_batch(z, ONES)


def always_trainable(generator, discriminator, combined, real, z):
    discriminator.trainable = True
    listing(generator, discriminator, combined, real, z)


def judge_only(generator, discriminator, combined, real, z):
    discriminator.trainable = True
    discriminator.train_on_batch(real, ONES)


def check_step(step):
    training.check_training_step(step, **nets(), real=REAL, z=Z)


def test_a_step_that_trains_each_in_its_turn_passes(capsys):
    check_step(repaired)
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize(
    ("step", "heard"),
    [
        (listing, "discriminator are the same after the first step"),
        (always_trainable, "changes the discriminator too"),
        (judge_only, "generator are the same after the first step"),
    ],
)
def test_a_wrong_step_hears_which_network_is_wrong(step, heard):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # and nothing reaches the reader's stderr
        with pytest.raises(ExerciseError, match=heard):
            check_step(step)


def test_a_step_that_stops_after_the_first_time_is_noticed():
    calls = []

    def once(*args):
        if not calls:
            repaired(*args)
        calls.append(1)

    with pytest.raises(ExerciseError, match="second step"):
        check_step(once)


@pytest.mark.parametrize(("step", "heard"), [(repaired, None), (listing, "discriminator are the same after the first step")])
def test_keras_itself_does_what_the_stand_in_does(step, heard):
    from audiogen_helpers.deep.backend import tensorflow

    tensorflow()
    import keras

    layers = keras.layers
    generator = keras.Sequential([layers.Input((5,)), layers.Dense(9, activation="tanh"), layers.Reshape((3, 3))])
    discriminator = keras.Sequential([layers.Input((3, 3)), layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    discriminator.compile(optimizer="adam", loss="binary_crossentropy")
    discriminator.trainable = False
    combined = keras.Sequential([generator, discriminator])
    combined.compile(optimizer="adam", loss="binary_crossentropy")
    models = {"generator": generator, "discriminator": discriminator, "combined": combined}
    if heard is None:
        training.check_training_step(step, **models, real=REAL, z=Z)
    else:
        with pytest.raises(ExerciseError, match=heard):
            training.check_training_step(step, **models, real=REAL, z=Z)


@pytest.mark.parametrize("momentum", [-0.3, -0.5, np.float32(-0.9)])
def test_a_momentum_that_leans_back_passes(momentum, capsys):
    training.check_momentum(momentum)
    assert capsys.readouterr().out.startswith("Right.")


@pytest.mark.parametrize(("momentum", "heard"), [(0.0, "0.47"), (-0.1, "0.43"), (0.5, "0.92"), (0.9, "3.40")])
def test_a_momentum_that_spins_hears_how_far(momentum, heard):
    with pytest.raises(ExerciseError, match=heard):
        training.check_momentum(momentum)


def test_the_smallest_gan_steps_down_the_slopes_of_its_losses():
    """Second implementation: slopes by finite differences of the losses themselves."""

    def judge_loss(psi, theta):
        return 0.5 * (np.log(2.0) + np.logaddexp(0.0, psi * theta))

    def generator_loss(theta, psi):
        return np.logaddexp(0.0, -psi * theta)

    def slope(loss, x, other, h=1e-6):
        return (loss(x + h, other) - loss(x - h, other)) / (2.0 * h)

    theta, psi, distances = 1.0, 0.0, []
    for _ in range(150):
        distances.append(np.hypot(theta, psi))
        psi -= 0.3 * slope(judge_loss, psi, theta)
        theta -= 0.3 * slope(generator_loss, theta, psi)
    assert training._distance(0.0) == pytest.approx(np.mean(distances[-50:]), rel=1e-6)


def test_the_smoothed_judge(capsys):
    training.check_smoothed_judge(0.9, loss=-0.9 * np.log(0.9) - 0.1 * np.log(0.1))
    training.check_smoothed_judge(np.float32(0.901), loss=np.float32(0.3251))
    assert capsys.readouterr().out.count("Right.") == 2


@pytest.mark.parametrize(
    ("probability", "loss", "heard"),
    [(1.0, 0.0, "between 0 and 1"), (0.5, 0.6931, "cheaper"), (0.99, 0.47, "cheaper"), (0.9, 0.1054, "does not cost")],
)
def test_a_wrong_judge_hears_why(probability, loss, heard):
    with pytest.raises(ExerciseError, match=heard):
        training.check_smoothed_judge(probability, loss=loss)


def test_what_is_no_answer_at_all_is_named():
    with pytest.raises(ParameterError, match="step must be a function"):
        training.check_training_step(None, **nets(), real=REAL, z=Z)
    with pytest.raises(ParameterError, match="momentum must be < 1"):
        training.check_momentum(1.0)
    with pytest.raises(ParameterError, match="loss must be finite"):
        training.check_smoothed_judge(0.9, loss=float("nan"))
