"""What a network will say in LiteRT's full int8, computed in `keras.ops`, so that it can be trained for it.

LiteRT's scheme: kernels symmetric in -127..127 with a scale for each output channel; activations in -128..127 with one
scale and one zero point, from the least and the largest value on the calibration images, and constants alike; batch
normalisation folded into the convolution before it; a rectifier fused into what is before it. The gradient passes the
rounding as if it were not there (Bengio et al. 2013, arXiv:1308.3432) and stops where a range cuts a value off.
"""

import keras
import numpy as np
from keras import ops

from keras_kd.utils.errors import UserError

WEIGHTED = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
# A rectifier after one of these is part of it.
FUSING = (*WEIGHTED, keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply, keras.layers.BatchNormalization)
# Of Keras's layers and operations.
ELEMENTWISE = ("Add", "Subtract", "Multiply")
# What goes out has the values of what goes in.
SAME_VALUES = (
    keras.layers.MaxPooling2D,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
    keras.layers.ZeroPadding2D,
    keras.layers.Cropping2D,
    keras.layers.Dropout,
    keras.layers.Identity,
)


class Simulation:
    """A network, and what it will say in int8. Both have the same weights: training `network` trains `plain`.

    Args:
        model: a functional `keras.Model` of one input, (batch, height, width, channels), with layers of its own (no
            models inside), and one output. It stays as it is.
        images: float32 or uint8, (n, height, width, channels): on these the ranges are measured.

    Attributes:
        plain: `keras.Model` in float32 without the batch normalisation that could be folded; it says what `model`
            says. It is what is exported.
        network: `keras.Model` in simulated int8.

    Raises:
        UserError: a network that is not of this kind.

    Source:
        Jacob et al. 2018, arXiv:1712.05877, sections 2 and 3, with LiteRT's scales a channel.

    Example:
        >>> from keras_kd.models import build
        >>> images = np.random.default_rng(0).integers(0, 17, (32, 8, 8, 1), dtype="uint8")
        >>> student = build("digits_tiny", (8, 8, 1), 10)
        >>> simulation = Simulation(student, images)
        >>> difference = simulation.network.predict(images, verbose=0) - student.predict(images, verbose=0)
        >>> bool(abs(difference).max() < 0.2)
        True
    """

    def __init__(self, model, images):
        self.plain = folded(model)
        self._values = {}
        self._kernels = {}
        self._overwritten = {}
        image = keras.Input(self.plain.inputs[0].shape[1:], dtype="float32", name="images")
        quantised = self._rebuilt(image, lambda name, value: self._fake_quantize(name)(value))
        self.network = keras.Model(image, quantised, name=f"{model.name}_int8")
        values = {}
        image = keras.Input(self.plain.inputs[0].shape[1:], dtype="float32", name="images")
        self._rebuilt(image, lambda name, value: values.setdefault(name, value), weights=False)
        self._measured = keras.Model(image, values)
        self.calibrate(images)

    def calibrate(self, images):
        """Sets the ranges anew, to the least and the largest values that `plain` has on images."""
        least, largest = {}, {}
        for start in range(0, len(images), 32):
            found = self._measured(ops.convert_to_tensor(images[start : start + 32], dtype="float32"), training=False)
            for name, values in found.items():
                least[name] = min(least.get(name, 0.0), float(ops.min(values)))
                largest[name] = max(largest.get(name, 0.0), float(ops.max(values)))
        for name, layer in self._values.items():
            after = self._overwritten.get(name, name)
            layer.set_range(min(least[name], least[after]), max(largest[name], largest[after]))

    def _fake_quantize(self, name):
        if name not in self._values:
            self._values[name] = FakeQuantize(name=f"{name}_int8")
        return self._values[name]

    def _rebuilt(self, image, quantize, weights=True):
        """The output of `plain` on a symbolic image, each value that LiteRT keeps in int8 passed through `quantize`."""
        raw, done, keep, names = {}, {}, [], {}
        name_of, reads, in_place, became = {}, {}, [], {}

        def settled(value):
            """A value as the next operation reads it."""
            if id(value) not in raw:
                return value
            if id(value) not in done:
                # A layer that is called twice has a range for each call.
                name = raw[id(value)].name
                names[name] = names.get(name, 0) + 1
                name_of[id(value)] = f"{name}_{names[name]}" if names[name] > 1 else name
                done[id(value)] = quantize(name_of[id(value)], value)
                keep.append(value)
            return done[id(value)]

        def call(layer, *given, **options):
            options.pop("training", None)
            if isinstance(layer, keras.layers.InputLayer):
                return layer(*given)
            read = keras.tree.flatten((given, options))
            first = read[0]
            for one in read:
                reads[id(one)] = reads.get(id(one), 0) + 1
            fused = _is_rectifier(layer) and id(first) in raw and isinstance(raw[id(first)], FUSING)
            # What is concatenated shares the scale of the whole.
            if not fused and not isinstance(layer, keras.layers.Concatenate):
                given, options = keras.tree.map_structure(settled, (given, options))
            if isinstance(layer, keras.layers.Dropout):
                return given[0]
            if type(layer) is keras.layers.Rescaling:
                # Two operations for LiteRT, whose constants are in int8, too.
                scale, offset = (rounded_constant(one) if weights else one for one in (layer.scale, layer.offset))
                product = WithConstant("multiply", scale, name=f"{layer.name}_scale_{weights}")(given[0])
                name_of[id(product)], reads[id(product)] = f"{layer.name}_product", 1
                value = WithConstant("add", offset, name=f"{layer.name}_offset_{weights}")(
                    quantize(name_of[id(product)], product)
                )
                keep.append(product)
                in_place.extend([(read, product), ([product], value)])
            elif weights and type(layer) in WEIGHTED:
                if layer.name not in self._kernels:
                    self._kernels[layer.name] = QuantizedWeights(layer, name=f"{layer.name}_quantized")
                value = self._kernels[layer.name](*given)
            elif isinstance(layer, keras.layers.BatchNormalization):
                value = layer(*given, training=False)
            else:
                value = layer(*given, **options)
            if type(layer).__name__ in ELEMENTWISE:
                in_place.append((read, value))
            if fused:
                became[id(first)] = id(value)
            if not isinstance(layer, SAME_VALUES):
                raw[id(value)] = layer
                keep.append(value)
            return value

        keep.append(image)
        raw[id(image)] = self.plain.layers[0]
        output = settled(_through(self.plain, image, call))
        for read, value in in_place:
            # LiteRT writes over the first operand that nothing else reads, and its calibration then takes the values
            # that it finds there for the operand's.
            free = [one for one in read if reads.get(id(one)) == 1 and one is not image and one.shape == value.shape]
            after = name_of.get(became.get(id(value), id(value)))
            if free and after and id(free[0]) in name_of:
                self._overwritten[name_of[id(free[0])]] = after
        return output


class WithConstant(keras.layers.Layer):
    """Adds numbers to its input, or multiplies it with them.

    A layer and not an operation: Keras would name that "add", as a layer of the student may be named.
    """

    def __init__(self, operation, values, **options):
        super().__init__(trainable=False, dtype="float32", **options)
        self.operation, self.values = getattr(ops, operation), np.asarray(values, "float32")
        self.built = True

    def call(self, values):
        return self.operation(values, self.values)

    def compute_output_shape(self, shape):
        return shape


class FakeQuantize(keras.layers.Layer):
    """Rounds values to the 256 that int8 has between a least and a largest one, as LiteRT does.

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
        self.built = True

    def set_range(self, least, largest):
        """Scale and zero point of a range; it is widened to hold zero."""
        least, largest = min(least, 0.0), max(largest, 0.0)
        scale = max((largest - least) / 255, 1e-9)
        self.scale.assign(scale)
        self.zero_point.assign(np.clip(np.round(-128 - least / scale), -128, 127))

    def call(self, values):
        scale, zero = ops.convert_to_tensor(self.scale), ops.convert_to_tensor(self.zero_point)
        within = ops.clip(values, (-128 - zero) * scale, (127 - zero) * scale)
        return within + ops.stop_gradient(ops.round(within / scale) * scale - within)

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


def rounded_constant(values):
    """Numbers that something is multiplied with or added to, in the values that int8 has for them; float32.

    Example:
        >>> np.round(rounded_constant([0.5, 0.2511]), 4)
        array([0.5  , 0.251], dtype=float32)
    """
    values = np.asarray(values, "float32")
    least, largest = min(values.min(), 0.0), max(values.max(), 0.0)
    scale = max((largest - least) / 255, 1e-12)
    zero = np.round(-128 - least / scale)
    return ((np.clip(np.round(values / scale) + zero, -128, 127) - zero) * scale).astype("float32")


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

    output = _through(model, keras.Input(model.inputs[0].shape[1:]), watch)
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
    made = keras.Model(image, _through(model, image, call, copy), name=model.name)
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


def _through(model, image, call, copy=None):
    """The output of a functional model on a symbolic image, `call` in place of each layer's call."""
    given = keras.tree.pack_sequence_as(model.input, [image])
    copied = keras.models.clone_model(
        model, input_tensors=given, clone_function=copy or (lambda layer: layer), call_function=call
    )
    return copied.outputs[0]


def _is_rectifier(layer):
    if isinstance(layer, keras.layers.ReLU):
        return layer.negative_slope == 0 and layer.threshold == 0 and layer.max_value in (None, 6)
    return isinstance(layer, keras.layers.Activation) and layer.activation in (
        keras.activations.relu,
        keras.activations.relu6,
    )


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
