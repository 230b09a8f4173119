"""Batch normalisation folded into the convolution before it, as LiteRT does before it rounds."""

import keras
import numpy as np
from keras import ops

from keras_kd.export.int8_elementary import WEIGHTED, elementary
from keras_kd.models.graph import through


def folded(model):
    """A copy of a network whose batch normalisations are part of the convolutions before them, where there are such.

    Args:
        model: as of `Simulation`.

    Returns:
        A functional `keras.Model` with weights of its own that says what `model` says in inference, of one layer an
        operation (`keras_kd.export.int8_elementary.elementary`).
    """
    model = elementary(model)
    made_by, read_by, called = {}, {}, {}

    def watch(layer, *given, **options):
        value = layer(*given, **options)
        for one in keras.tree.flatten((given, options)):
            if id(one) in made_by:
                read_by.setdefault(made_by[id(one)][0].name, []).append(layer)
        made_by[id(value)] = layer, value
        called[layer.name] = called.get(layer.name, 0) + 1
        return value

    output = through(model, keras.Input(model.inputs[0].shape[1:]), watch)
    producers = {}
    for layer, _ in made_by.values():
        readers = read_by.get(layer.name, [])
        last = made_by.get(id(output), (None,))[0] is layer
        once = len(readers) == called[layer.name] == 1 and called[readers[0].name] == 1
        if once and not last and type(layer) in WEIGHTED and _can_fold(layer, readers[0]):
            producers[readers[0].name] = layer
    folded_into = {layer.name: name for name, layer in producers.items()}
    # The others are copies already, which nothing else holds.
    made = {}
    for name in folded_into:
        layer = model.get_layer(name)
        made[name] = type(layer).from_config({**layer.get_config(), "use_bias": True})

    def call(layer, *given, **options):
        if layer.name in producers:
            return given[0]
        return made.get(layer.name, layer)(*given, **options)

    image = keras.Input(model.inputs[0].shape[1:], dtype="float32", name="images")
    network = keras.Model(image, through(model, image, call), name=model.name)
    for name, layer in made.items():
        layer.set_weights(_folded_weights(model.get_layer(name), model.get_layer(folded_into[name])))
    return network


def _can_fold(layer, after):
    linear = layer.activation is keras.activations.linear
    if not linear or not isinstance(after, keras.layers.BatchNormalization):
        return False
    return after.axis in (-1, len(layer.output.shape) - 1, [len(layer.output.shape) - 1])


def _folded_weights(layer, normalization):
    """[kernel, bias] of a layer and the normalisation after it.

    (kernel x + bias - mean) gamma / sqrt(variance + epsilon) + beta, as one kernel and one bias.
    """
    kernel, *bias = (np.asarray(one, "float64") for one in layer.get_weights())
    mean, variance = (ops.convert_to_numpy(one) for one in (normalization.moving_mean, normalization.moving_variance))
    size = 1 / np.sqrt(variance.astype("float64") + normalization.epsilon)
    if normalization.scale:
        size *= ops.convert_to_numpy(normalization.gamma)
    bias = (bias[0] if bias else 0) - mean.astype("float64")
    bias = bias * size + (ops.convert_to_numpy(normalization.beta) if normalization.center else 0)
    # A depthwise kernel is (height, width, channels, multiplier), its outputs are channels times multiplier.
    by_output = size.reshape(kernel.shape[-2:]) if isinstance(layer, keras.layers.DepthwiseConv2D) else size
    return [(kernel * by_output).astype("float32"), bias.astype("float32")]
