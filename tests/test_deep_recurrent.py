"""The recurrent cells: equal to Keras' layers, equal in numpy and TensorFlow, and what their gates do."""

import numpy as np
import pytest

from audiogen_helpers.deep.backend import tensorflow
from audiogen_helpers.deep.recurrent import CELLS, NUMPY, initial_weights, layer, project, run, shapes, start, tensorflow_ops
from audiogen_helpers.errors import ParameterError

RNG = np.random.default_rng(0)
every_cell = pytest.mark.parametrize("kind", sorted(CELLS))


def some(kind, *, inputs=3, width=5):
    """Weights none of which is 0, so that a bias or a gate in the wrong place shows."""
    return {name: RNG.normal(0.0, 0.6, shape).astype(np.float32) for name, shape in shapes(kind, inputs=inputs, width=width).items()}


def keras_layer(kind, weights):
    keras = tensorflow().keras
    width = weights["recurrent"].shape[0]
    made = {"simple": keras.layers.SimpleRNN, "gru": keras.layers.GRU, "lstm": keras.layers.LSTM}[kind](width, return_sequences=True)
    made.build((None, None, weights["kernel"].shape[0]))
    bias = np.stack([weights["bias"], weights["recurrent.bias"]]) if kind == "gru" else weights["bias"]
    made.set_weights([weights["kernel"], weights["recurrent"], bias])
    return made


@every_cell
def test_keras_says_the_same(kind):
    weights, x = some(kind), RNG.standard_normal((4, 30, 3)).astype(np.float32)
    ours, _ = run(kind, x, weights, start(kind, weights, 4), ops=NUMPY)
    assert ours.dtype == np.float32
    assert np.abs(ours).max() > 0.5
    np.testing.assert_allclose(ours, keras_layer(kind, weights)(x).numpy(), atol=1e-5)


@every_cell
def test_numpy_and_tensorflow_give_the_same_outputs_and_states(kind):
    tf = tensorflow()
    weights, x = some(kind), RNG.standard_normal((4, 30, 3)).astype(np.float32)
    a, state_a = run(kind, x, weights, start(kind, weights, 4), ops=NUMPY)
    with_tf = tf.function(lambda x: run(kind, x, weights, start(kind, weights, 4), ops=tensorflow_ops()))
    b, state_b = with_tf(tf.constant(x))
    np.testing.assert_allclose(a, b.numpy(), atol=1e-5)
    assert len(state_a) == len(state_b) == CELLS[kind].states
    for one, other in zip(state_a, state_b, strict=True):
        np.testing.assert_allclose(one, other.numpy(), atol=1e-5)


@every_cell
def test_gradients_are_those_of_keras(kind):
    tf = tensorflow()
    weights, x = some(kind), tf.constant(RNG.standard_normal((2, 12, 3)).astype(np.float32))
    variables = {name: tf.Variable(w) for name, w in weights.items()}
    with tf.GradientTape() as tape:
        outputs, _ = run(kind, x, variables, start(kind, weights, 2), ops=tensorflow_ops())
        loss = tf.reduce_sum(outputs**2)
    ours = dict(zip(variables, tape.gradient(loss, list(variables.values())), strict=True))
    theirs = keras_layer(kind, weights)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(theirs(x) ** 2)
    kernel, recurrent, bias = tape.gradient(loss, theirs.trainable_variables)
    np.testing.assert_allclose(ours["kernel"], kernel, atol=2e-4)
    np.testing.assert_allclose(ours["recurrent"], recurrent, atol=2e-4)
    np.testing.assert_allclose(ours["bias"], bias[0] if kind == "gru" else bias, atol=2e-4)


@every_cell
def test_a_sequence_in_two_parts_is_the_sequence(kind):
    weights, x = some(kind), RNG.standard_normal((2, 9, 3)).astype(np.float32)
    whole, last = run(kind, x, weights, start(kind, weights, 2), ops=NUMPY)
    first, state = run(kind, x[:, :4], weights, start(kind, weights, 2), ops=NUMPY)
    second, end = run(kind, x[:, 4:], weights, state, ops=NUMPY)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), whole, atol=1e-6)
    np.testing.assert_allclose(end[-1], last[-1], atol=1e-6)


def test_an_open_forget_gate_keeps_for_a_thousand_steps_what_a_simple_network_loses_in_ten():
    weights = {name: np.zeros(shape, np.float32) for name, shape in shapes("lstm", inputs=1, width=1).items()}
    weights["bias"][:] = [-30.0, 30.0, 0.0, 30.0]
    kept = run("lstm", np.zeros((1, 1000, 1), np.float32), weights, (np.zeros((1, 1)), np.full((1, 1), 0.7)), ops=NUMPY)[1][1]
    assert kept[0, 0] == pytest.approx(0.7, abs=1e-4)
    simple = {"kernel": np.zeros((1, 1), np.float32), "recurrent": np.full((1, 1), 0.5, np.float32), "bias": np.zeros(1, np.float32)}
    assert run("simple", np.zeros((1, 10, 1), np.float32), simple, (np.full((1, 1), 0.7),), ops=NUMPY)[1][0][0, 0] < 1e-3


def test_where_training_starts():
    weights = initial_weights("gru", inputs=10, width=16, rng=np.random.default_rng(1))
    np.testing.assert_allclose(weights["recurrent"] @ weights["recurrent"].T, np.eye(16), atol=1e-5)
    assert 0.2 < np.abs(weights["kernel"]).max() <= (6 / 58) ** 0.5
    assert not weights["bias"].any() and not weights["recurrent.bias"].any()
    again = initial_weights("gru", inputs=10, width=16, rng=np.random.default_rng(1))
    assert all(weights[name].tobytes() == again[name].tobytes() for name in weights)


def test_layers_are_told_apart_by_name():
    assert layer({"rnn.kernel": 1, "rnn1.kernel": 2}, "rnn") == {"kernel": 1}


def test_wild_weights_overflow_nothing():
    weights = {name: np.full(shape, 1e30, np.float32) for name, shape in shapes("lstm", inputs=1, width=2).items()}
    with np.errstate(over="raise", invalid="raise"):
        u = project(np.ones((1, 1), np.float32), {**weights, "bias": np.zeros(8, np.float32)})
        state = CELLS["lstm"].step(u, start("lstm", weights, 1), weights, ops=NUMPY)
    assert np.isfinite(state[0]).all()


@pytest.mark.parametrize(("arguments", "word"), [(("rnn", 1, 1), "kind"), (("gru", 0, 1), "inputs"), (("gru", 1, 0), "width")])
def test_what_cannot_be_made_is_named(arguments, word):
    kind, inputs, width = arguments
    with pytest.raises(ParameterError, match=word):
        shapes(kind, inputs=inputs, width=width)
