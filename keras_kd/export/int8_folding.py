"""Batch normalisation folded into the convolution before it, as LiteRT does before it rounds."""

import keras
import numpy as np
from keras import ops

from keras_kd.utils.errors import UserError

WEIGHTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def folded(model):
    """A copy of a network whose batch normalisations are part of the convolutions before them, where there are such.

    Args:
        model: as of `Simulation`.

    Returns:
        A functional `keras.Model` with weights of its own that says what `model` says in inference.
    """
    _check(model)
    if isinstance(model, keras.Sequential):
        model = keras.Model(model.inputs, model.outputs, name=model.name)
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
    copies = {}

    def copy(layer):
        if not isinstance(layer, keras.layers.Layer):
            return layer
        config = layer.get_config()
        config["dtype"] = "float32"
        if layer.name in folded_into:
            config["use_bias"] = True
        copies[layer.name] = type(layer).from_config(config)
        return copies[layer.name]

    def call(layer, *given, **options):
        options.pop("training", None)
        return given[0] if layer.name in producers else layer(*given, **options)

    image = keras.Input(model.inputs[0].shape[1:], dtype="float32", name="images")
    made = keras.Model(image, through(model, image, call, copy), name=model.name)
    for layer in model.layers:
        if layer.name in folded_into:
            copies[layer.name].set_weights(_folded_weights(layer, model.get_layer(folded_into[layer.name])))
        elif layer.name not in producers and layer.weights:
            copies[layer.name].set_weights(layer.get_weights())
    return made


def _check(model):
    what = f"int8: {getattr(model, 'name', model)!r}"
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise UserError(f"{what} is no functional model; int8 is simulated of models of Keras's own layers")
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(f"{what} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; expected one of each")
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            raise UserError(f"{what} has a model inside, {layer.name!r}; expected layers alone")
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            raise UserError(f"{what}: {layer.name!r} is {layer.data_format}; expected channels_last")


def through(model, image, call, copy=None):
    """The output of a functional model on a symbolic image, `call` in place of each layer's call."""
    given = keras.tree.pack_sequence_as(model.input, [image])
    copied = keras.models.clone_model(
        model, input_tensors=given, clone_function=copy or (lambda layer: layer), call_function=call
    )
    return copied.outputs[0]


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
