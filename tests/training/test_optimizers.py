"""SGD is PyTorch's, step for step; learning rates are those of the published protocol."""

import keras
import numpy as np
import pytest

from keras_kd import SGD
from keras_kd.training.schedules import learning_rate


def by_hand(start, gradients, rates, momentum, l2, nesterov):
    """torch.optim.SGD's update rule in NumPy float64."""
    weight, velocity = start.astype("float64"), np.zeros_like(start, "float64")
    for gradient, rate in zip(gradients, rates, strict=True):
        gradient = gradient + l2 * weight
        if momentum:
            velocity = momentum * velocity + gradient
            gradient = gradient + momentum * velocity if nesterov else velocity
        weight = weight - rate * gradient
    return weight


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("l2", [0.0, 5e-2])
@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_are_pytorchs(momentum, l2, nesterov):
    generator = np.random.default_rng(0)
    start, gradients = generator.normal(size=(3, 2)), generator.normal(size=(6, 3, 2))
    rates = [0.1, 0.1, 0.1, 0.01, 0.01, 0.001]
    variable = keras.Variable(start.astype("float32"))
    optimizer = SGD(0.1, momentum=momentum, l2=l2, nesterov=nesterov)
    for gradient, rate in zip(gradients, rates, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype("float32"))], [variable])
    expected = by_hand(start, gradients, rates, momentum, l2, nesterov)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), expected, rtol=1e-5, atol=1e-6)


def test_what_a_step_does_not_reach_stays_as_it_is():
    optimizer = SGD(0.1, momentum=0.9, l2=0.5, skip_zero_gradients=True)
    reached, not_reached = keras.Variable([1.0, 2.0]), keras.Variable([1.0, 2.0])
    for _ in range(3):
        optimizer.apply([keras.ops.array([0.0, 1.0]), keras.ops.zeros(2)], [reached, not_reached])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(not_reached), [1, 2])
    gradients = np.tile([0.0, 1.0], (3, 1))
    expected = by_hand(np.array([1.0, 2.0]), gradients, [0.1] * 3, 0.9, 0.5, False)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(reached), expected, rtol=1e-5)


def test_a_saved_optimizer_reads_back_equal():
    optimizer = SGD(0.05, momentum=0.9, l2=5e-4, nesterov=True)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_the_published_drops():
    rates = [
        learning_rate(epoch, base=0.05, epochs=240, drops=(150, 180, 210))
        for epoch in (0, 149, 150, 179, 180, 210, 239)
    ]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.005, 0.005, 5e-4, 5e-5, 5e-5])


def test_warm_up_and_cosine():
    rates = [learning_rate(epoch, base=1.0, epochs=12, decay="cosine", warmup_epochs=2) for epoch in range(12)]
    np.testing.assert_allclose(rates[:3], [1 / 3, 2 / 3, 1.0])
    assert rates[2:] == sorted(rates[2:], reverse=True)
    np.testing.assert_allclose(rates[7], 0.5)
