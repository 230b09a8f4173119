"""For each name that Keras does not promise: the installed Keras has it, and it does what keras_kd needs."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_kd.backend.keras_private import (
    additional_loss,
    calling,
    compiled_metrics,
    count_of_outputs,
    flat_layers,
    made_by,
    moving_averages,
    only_output,
    overridden_losses,
    own_trainable_variables,
    prepared_tf2onnx,
    run_through,
    runs_its_graph,
    variable_index,
)


@pytest.fixture
def nested():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(2, name="b")])
    return keras.Sequential([keras.Input((4,)), inner, keras.layers.BatchNormalization(name="c")])


def test_layers_inside_of_layers(nested):
    assert {layer.name for layer in flat_layers(nested)} > {"a", "b", "c"}


def test_variables_of_a_layer_itself(nested):
    dense = nested.layers[0].layers[0]
    assert [tuple(one.shape) for one in own_trainable_variables(dense)] == [(4, 3), (3,)]
    dense.trainable = False  # freezing marks the variables; the layer lists them all the same
    assert len(own_trainable_variables(dense)) == 2
    assert own_trainable_variables(nested) == []


def test_models_that_run_their_graph(nested):
    class Own(keras.Model):
        def call(self, x):
            return x

    image = keras.Input((4,))
    assert runs_its_graph(nested) and runs_its_graph(keras.Model(image, nested(image)))
    assert not runs_its_graph(Own(image, nested(image)))
    assert not runs_its_graph(keras.Sequential([keras.layers.Dense(2)]))


def test_moving_averages_of_weights():
    variables = [keras.Variable([1.0, 2.0])]
    for optimizer in (keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.75), keras.optimizers.SGD(0.5)):
        assert moving_averages(optimizer) == []  # not built
        optimizer.apply([ops.ones(2)], variables)
        optimizer.apply([ops.ones(2)], variables)
        found = moving_averages(optimizer)
        assert len(found) == int(optimizer.use_ema)
        if found:
            scaled = keras.optimizers.LossScaleOptimizer(optimizer)
            assert found[0][0] is variables[0] and moving_averages(scaled)[0][1] is found[0][1]
            np.testing.assert_allclose(ops.convert_to_numpy(found[0][1]), [0.375, 1.375])
    assert moving_averages(None) == []


def test_the_output_of_a_layer_that_is_called_once():
    layer, image = keras.layers.Dense(3), keras.Input((4,))
    once = layer(image)
    assert only_output(layer) is once
    layer(keras.Input((4,)))
    assert only_output(layer) is None and only_output(keras.layers.Dense(3)) is None


def test_losses_that_a_step_carries_are_seen(nested):
    """JAX's trainer hands the losses that layers added from one stateless call to the next."""
    assert not overridden_losses(nested)
    nested._losses_override = [1.0]
    assert overridden_losses(nested) == [1.0] and nested.losses == [1.0]


def test_an_additional_loss_is_reduced_to_one_number(nested):
    assert float(additional_loss(nested, ops.convert_to_tensor([1.0, 3.0]))) == 4.0
    assert float(additional_loss(nested, ops.convert_to_tensor(2.0))) == 2.0


def test_compiled_metrics_are_built_ahead(nested):
    nested.compile("sgd", "mse")
    assert compiled_metrics(nested) is None
    nested.compile("sgd", "mse", metrics=["mae"])
    metrics = compiled_metrics(nested)
    assert not metrics.built
    metrics.build(keras.KerasTensor((None, 2)), keras.KerasTensor((None, 2)))
    assert metrics.built


def test_the_place_of_a_variable_in_an_optimizer(nested):
    optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(nested.trainable_variables)
    assert [variable_index(optimizer, one) for one in nested.trainable_variables] == list(range(6))


def test_what_made_a_tensor():
    image = keras.Input((4,))
    dense = keras.layers.Dense(3)
    made = made_by(dense(image))
    assert made.operation is dense and made.index == 0
    assert [one is image for one in made.inputs] == [True]
    assert isinstance(made_by(image).operation, keras.layers.InputLayer) and list(made_by(image).inputs) == []


def test_calls_are_replaced_and_put_back():
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    images = np.ones((2, 4), "float32")
    own, seen = ops.convert_to_numpy(layer(images)), []

    def doubled(call):
        def stand_in(inputs):
            seen.append(tuple(inputs.shape))
            return 2 * call(inputs)

        return stand_in

    with calling([(layer, doubled), (layer, doubled)]):
        np.testing.assert_allclose(ops.convert_to_numpy(layer(images)), 4 * own, rtol=1e-6)
    assert seen == [(2, 4), (2, 4)] and "call" not in layer.__dict__
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(images)), own)
    with pytest.raises(ZeroDivisionError), calling([(layer, doubled)]):
        raise ZeroDivisionError
    assert "call" not in layer.__dict__


def test_a_graph_is_run_with_another_call_of_each_layer():
    image = keras.Input((3,))
    model = keras.Model(image, [keras.layers.Dense(2, name="a")(image), keras.layers.Dense(1, name="b")(image)])
    called = []

    def call(layer, *given, **options):
        called.append(layer.name)
        return layer(*given, **options) + 1

    given = np.ones((2, 3), "float32")
    found = run_through(model, [given], call)
    assert sorted(called) == ["a", "b"]
    for one, expected in zip(found, model(given), strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(expected) + 1, rtol=1e-6)


def test_how_many_tensors_an_operation_gives():
    image = keras.Input((4,))
    dense = keras.layers.Dense(3)
    parts = ops.split(dense(image), 3, axis=-1)
    assert count_of_outputs(dense) == 1 and count_of_outputs(made_by(parts[1]).operation) == 3


@pytest.mark.one_backend
def test_tf2onnx_is_the_one_that_is_installed():
    tf2onnx = pytest.importorskip("tf2onnx")
    assert prepared_tf2onnx() is tf2onnx
