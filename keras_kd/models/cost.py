"""What a network costs: parameters, multiply-accumulates and bytes."""

import math
import re
from contextlib import contextmanager

from keras_kd.backend.keras_private import calling, flat_layers, own_trainable_variables
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def parameters(model):
    """The number of parameters that training can change, as papers count them.

    Gamma and beta of batch normalisation count, its moving statistics do not. A frozen model (a teacher with
    `trainable = False`) counts as if it were not frozen.

    Args:
        model: a built `keras.Model`.

    Returns:
        An int.

    Example:
        >>> from keras_kd.models import build
        >>> parameters(build("resnet20", (32, 32, 3), 100))
        278324
    """
    # Freezing a layer only marks its variables; the layer still lists them as its trainable ones.
    variables = {id(v): v for layer in flat_layers(model) for v in own_trainable_variables(layer)}
    return sum(math.prod(variable.shape) for variable in variables.values())


def bytes_of_weights(model):
    """The size of all weights in memory, moving statistics included.

    Args:
        model: a built `keras.Model`.

    Returns:
        An int, in bytes.

    Example:
        >>> from keras_kd.models import build
        >>> bytes_of_weights(build("resnet8", (32, 32, 3), 100))
        338256
    """
    return sum(math.prod(weight.shape) * _item_bytes(weight.dtype) for weight in model.weights)


def macs(model, input_shape=None):
    """The multiply-accumulates of one forward pass of one image, in convolutions and dense layers.

    A layer counts each time it is called, also inside nested models. As usual, normalisation, activations, pooling,
    biases and the products inside attention are left out; so are operations that are not layers (`keras.ops.matmul`).

    Args:
        model: a built `keras.Model`.
        input_shape: (height, width, channels), where the model leaves them open.

    Returns:
        An int.

    Raises:
        UserError: the model leaves a dimension of its input open, and no `input_shape` is given.

    Example:
        >>> from keras_kd.models import build
        >>> macs(build("resnet20", (32, 32, 3), 100))
        40818944
    """

    class Forward(keras.Operation):
        def call(self, inputs):
            return model(inputs, training=False)

    with _recorded_calls(model) as calls:
        # Runs the model on shapes alone, under either backend, and adds nothing to its graph.
        Forward().compute_output_spec(_one_image(model, input_shape))
    return sum(_layer_macs(*call) for call in calls)


def _one_image(model, input_shape):
    """The symbolic input of a model for a batch of one."""
    if input_shape is not None:
        return keras.KerasTensor((1, *input_shape))
    if not getattr(model, "inputs", None):
        inputs = _built_on(model)
    else:
        inputs = model.inputs[0] if len(model.inputs) == 1 else model.input

    def of_one(tensor):
        if None in tensor.shape[1:]:
            raise UserError(
                f"{model.name}: found an input of {tuple(tensor.shape[1:])}, which leaves dimensions open; "
                "expected fixed ones to count its work; give input_shape"
            )
        return keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype)

    return keras.tree.map_structure(of_one, inputs)


def _built_on(model):
    """The input of a subclassed model, from the shape it was built with."""
    shape = (model.get_build_config() or {}).get("input_shape")
    if not shape:
        raise UserError(f"{model.name}: its input shape is not known; give input_shape")
    return keras.KerasTensor(shape)


@contextmanager
def _recorded_calls(model):
    """A list that fills with (layer, input shape, output shape) of every call of a layer that counts."""
    calls = []
    counted = [layer for layer in flat_layers(model) if isinstance(layer, _counted())]
    with calling([(layer, _recording(layer, calls)) for layer in counted]):
        yield calls


def _recording(layer, calls):
    def recording(call):
        def recorded(inputs, *arguments, **options):
            outputs = call(inputs, *arguments, **options)
            calls.append((layer, tuple(inputs.shape), tuple(outputs.shape)))
            return outputs

        return recorded

    return recording


def _counted():
    layers = keras.layers
    return (*_convolutions(), *_depthwise(), *_separable(), *_transposed(), layers.Dense, layers.EinsumDense)


def _convolutions():
    return keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D


def _depthwise():
    return keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D


def _separable():
    return keras.layers.SeparableConv1D, keras.layers.SeparableConv2D


def _transposed():
    return keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose


def _layer_macs(layer, inputs, outputs):
    """Of one call of a layer on one image, from the shapes of its input and output (batch first)."""
    if isinstance(layer, keras.layers.Dense):
        return math.prod(outputs[1:]) * inputs[-1]
    if isinstance(layer, keras.layers.EinsumDense):
        _, kernel, output = re.split(",|->", layer.equation)
        summed = [size for letter, size in zip(kernel, layer.kernel.shape, strict=True) if letter not in output]
        return math.prod(outputs[1:]) * math.prod(summed)

    channel = 1 if layer.data_format == "channels_first" else -1
    window = math.prod(layer.kernel_size)
    if isinstance(layer, _convolutions()):
        return math.prod(outputs[1:]) * window * inputs[channel] // layer.groups
    if isinstance(layer, _depthwise()):
        return math.prod(outputs[1:]) * window
    if isinstance(layer, _separable()):
        positions = math.prod(outputs[1:]) // outputs[channel]
        between = inputs[channel] * layer.depth_multiplier
        return positions * between * (window + outputs[channel])
    # A transposed convolution spreads every input over a window of every output channel.
    return math.prod(inputs[1:]) * window * outputs[channel]


def _item_bytes(dtype):
    """Bytes of one number of a Keras dtype; bfloat16 and float8 are not in NumPy."""
    bits = re.search(r"\d+", dtype)
    return max(1, int(bits[0]) // 8) if bits else 1
