"""On TensorFlow a training step computes batch normalisation by one operation: the values are Keras's."""

import contextlib

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("of TensorFlow alone", allow_module_level=True)

import tensorflow as tf

from keras_kd.backend.tensorflow_batch_normalization import fused_batch_normalization


def network(policy="float32", **options):
    keras.utils.set_random_seed(0)
    layers = keras.layers
    x = image = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3, dtype=policy)(x)
    x = layers.BatchNormalization(name="of_maps", momentum=0.8, dtype=policy, **options)(x)
    x = layers.Flatten(dtype=policy)(layers.ReLU(dtype=policy)(x))
    x = layers.BatchNormalization(name="of_vectors", dtype=policy)(x)
    return keras.Model(image, layers.Dense(5, dtype="float32")(x))


def step(model, images, labels, around):
    """(loss, gradients, what is not trained) of one training step."""
    with around, tf.GradientTape() as tape:
        loss = tf.reduce_mean(
            keras.losses.sparse_categorical_crossentropy(labels, model(images, training=True), from_logits=True)
        )
        gradients = tape.gradient(loss, model.trainable_variables)
    return [loss, *gradients, *model.non_trainable_variables]


def operations(model):
    function = tf.function(lambda images: model(images, training=True))
    return [one.type for one in function.get_concrete_function(tf.TensorSpec((None, 6, 6, 3))).graph.get_operations()]


@pytest.mark.parametrize("count", [1, 2, 17])
@pytest.mark.parametrize("options", [{}, {"scale": False}, {"center": False}, {"epsilon": 1e-5}])
def test_loss_gradients_and_moving_statistics_are_those_of_keras(count, options):
    images = np.random.default_rng(0).normal(size=(count, 6, 6, 3)).astype("float32")
    labels = np.arange(count) % 5
    own, fused = network(**options), network(**options)
    expected = step(own, images, labels, contextlib.nullcontext())
    found = step(fused, images, labels, fused_batch_normalization([fused]))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


def test_it_is_one_operation_and_only_in_the_block():
    model = network()
    with fused_batch_normalization([model]):
        within = operations(model)
    after = operations(model)
    # The one of vectors stays as Keras has it.
    assert within.count("FusedBatchNormV3") == 1 and after.count("FusedBatchNormV3") == 0
    assert len(within) < len(after)
    with pytest.raises(RuntimeError), fused_batch_normalization([model]):
        raise RuntimeError
    assert "FusedBatchNormV3" not in operations(model)


def test_a_frozen_layer_and_inference_use_what_was_kept():
    model, images = network(), np.random.default_rng(0).normal(size=(4, 6, 6, 3)).astype("float32")
    model.get_layer("of_maps").moving_mean.assign(np.full(8, 3.0))
    for training in (False, True):
        model.get_layer("of_maps").trainable = not training
        model.get_layer("of_vectors").trainable = not training
        expected = model(images, training=training)
        with fused_batch_normalization([model]):
            np.testing.assert_array_equal(model(images, training=training), expected)
        np.testing.assert_array_equal(model.get_layer("of_maps").moving_mean, np.full(8, 3.0, "float32"))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_computed_in_float32_as_in_keras(policy):
    images = np.random.default_rng(0).normal(size=(9, 6, 6, 3)).astype("float32")
    own, fused = network(policy), network(policy)
    expected = step(own, images, np.arange(9) % 5, contextlib.nullcontext())
    found = step(fused, images, np.arange(9) % 5, fused_batch_normalization([fused]))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-2)
    np.testing.assert_allclose(found[-1], expected[-1], rtol=1e-2)
