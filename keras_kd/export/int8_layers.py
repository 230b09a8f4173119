"""What LiteRT rounds in full int8, as Keras layers: activations, kernels and constants."""

import keras
import numpy as np
from keras import ops


class WithNumbers(keras.layers.Layer):
    """Adds numbers to its input, or multiplies it with them, rounded as LiteRT rounds constants.

    A layer and not an operation: Keras would name that "add", as a layer of the student may be named.

    Args:
        operation: "add" or "multiply".
        numbers: a function of no arguments that gives them, in float32.
        layer: whose weights the numbers are made of, and trained; None of numbers that stay.
        rounded: whether they are rounded.
    """

    def __init__(self, operation, numbers, layer=None, rounded=True, **options):
        super().__init__(dtype="float32", **options)
        self.operation, self.numbers, self.layer, self.rounded = getattr(ops, operation), numbers, layer, rounded
        self.built = True

    def call(self, values):
        numbers = ops.convert_to_tensor(self.numbers(), dtype="float32")
        return self.operation(values, rounded_numbers(numbers) if self.rounded else numbers)

    def compute_output_shape(self, shape):
        return shape


class FakeQuantize(keras.layers.Layer):
    """Rounds values to the 256 that int8 has between a minimum and a maximum, as LiteRT does.

    Zero is one of the 256. The gradient is 1 within the range and 0 outside.

    Example:
        >>> layer = FakeQuantize()
        >>> layer.set_range(0.0, 2.55)
        >>> np.round(ops.convert_to_numpy(layer(np.array([0.004, 0.006, 1.0, 3.0], "float32"))), 4)
        array([0.  , 0.01, 1.  , 2.55], dtype=float32)
    """

    def __init__(self, **options):
        super().__init__(trainable=False, dtype="float32", autocast=False, **options)
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")
        self.zero_point = self.add_weight(shape=(), initializer="zeros", trainable=False, name="zero_point")
        self.fixed = False
        self.built = True

    def fix(self, scale, zero_point):
        """Scale and zero point of an operation for which LiteRT always has these."""
        self.scale.assign(scale)
        self.zero_point.assign(zero_point)
        self.fixed = True

    def set_range(self, least, largest):
        """Scale and zero point of a range; it is widened to hold zero."""
        least, largest = min(least, 0.0), max(largest, 0.0)
        scale = max((largest - least) / 255, 1e-9)
        self.scale.assign(scale)
        self.zero_point.assign(np.clip(-_half_up(128 + least / scale), -128, 127))

    def call(self, values):
        scale, zero = ops.convert_to_tensor(self.scale), ops.convert_to_tensor(self.zero_point)
        within = ops.clip(values, (-128 - zero) * scale, (127 - zero) * scale)
        # A half goes up, as where LiteRT adds: a sum of two rounded values is often one, whatever float32 makes of it.
        return within + ops.stop_gradient(ops.floor(within / scale + 0.5001) * scale - within)

    def compute_output_shape(self, shape):
        return shape


class QuantizedWeights(keras.layers.Layer):
    """A convolution or a Dense layer with its kernel rounded to int8, a scale for each output channel.

    Args:
        layer: the built layer, whose weights are used and trained.
    """

    def __init__(self, layer, **options):
        super().__init__(dtype="float32", **options)
        self.layer = layer
        self.built = True

    def call(self, values):
        layer = self.layer
        if isinstance(layer, keras.layers.Dense):
            values = ops.matmul(values, rounded_kernel(layer.kernel, (0,)))
        else:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            convolve = ops.depthwise_conv if depthwise else ops.conv
            values = convolve(
                values,
                rounded_kernel(layer.kernel, (0, 1) if depthwise else (0, 1, 2)),
                strides=tuple(layer.strides),
                padding=layer.padding,
                data_format="channels_last",
                dilation_rate=layer.dilation_rate,
            )
        if layer.use_bias:
            values = values + layer.bias
        return layer.activation(values)

    def compute_output_shape(self, shape):
        return self.layer.compute_output_shape(shape)


def _half_up(value):
    """A number rounded as LiteRT rounds a zero point: a half goes away from zero."""
    return np.sign(value) * np.floor(np.abs(value) + 0.5)


def rounded_kernel(kernel, axes):
    """A kernel in the values that int8 has for it; the gradient is that of the kernel.

    Args:
        kernel: float32.
        axes: over these one scale is shared, largest |value| / 127.

    Example:
        >>> ops.convert_to_numpy(rounded_kernel(np.array([[1.27], [0.004], [0.006]], "float32"), (0,)))[:, 0]
        array([1.27, 0.  , 0.01], dtype=float32)
    """
    kernel = ops.convert_to_tensor(kernel)
    scale = ops.maximum(ops.max(ops.abs(kernel), axis=axes, keepdims=True), 1e-12) / 127
    return kernel + ops.stop_gradient(ops.round(kernel / scale) * scale - kernel)


def rounded_numbers(numbers):
    """Numbers that something is multiplied with or added to, in the values that int8 has for them.

    The gradient is that of the numbers.

    Args:
        numbers: float32, of any shape.

    Example:
        >>> np.round(ops.convert_to_numpy(rounded_numbers(np.array([0.5, 0.2511], "float32"))), 4)
        array([0.5  , 0.251], dtype=float32)
    """
    numbers = ops.convert_to_tensor(numbers)
    least, largest = ops.minimum(ops.min(numbers), 0.0), ops.maximum(ops.max(numbers), 0.0)
    scale = ops.maximum((largest - least) / 255, 1e-12)
    zero = ops.round(-128 - least / scale)
    return numbers + ops.stop_gradient(
        (ops.clip(ops.round(numbers / scale) + zero, -128, 127) - zero) * scale - numbers
    )
