"""What a network will say in LiteRT's full int8, computed in `keras.ops`, so that it can be trained for it.

LiteRT's scheme: kernels symmetric in -127..127 with a scale for each output channel; activations in -128..127 with one
scale and one zero point, from the minimum and the maximum on the calibration images, and constants alike; batch
normalisation folded into the convolution before it; a rectifier fused into what is before it. The gradient passes the
rounding as if it were not there (Bengio et al. 2013, arXiv:1308.3432) and stops where a range cuts a value off.
"""

import keras
from keras import ops

from keras_kd.export.int8_folding import WEIGHTED, folded, through
from keras_kd.export.int8_layers import FakeQuantize, QuantizedWeights, WithConstant, rounded_constant

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
        >>> import numpy as np
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
        """Sets the ranges anew, to the minima and maxima that `plain` has on images."""
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
        walk = _Walk(quantize, weights)
        output = walk.output(self.plain, image)
        self._overwritten |= walk.overwritten(image)
        return output


class _Walk:
    """One way through a network, on which values are quantised where LiteRT does it.

    Args:
        quantize: `quantize(name, value)`, for each value that LiteRT keeps in int8.
        weights: whether kernels and constants are rounded, too.
    """

    def __init__(self, quantize, weights):
        self._quantize, self._weights = quantize, weights
        self._kernels = {}
        self._raw = {}  # the layer of each value that is not quantised yet
        self._done = {}  # what became of those that are
        self._keep = []  # the values themselves, so that no two have one id
        self._times, self._name_of = {}, {}
        self._reads = {}  # how often a value is read
        self._in_place = []  # (operands, value) of what LiteRT may write over an operand
        self._became = {}  # the value after a rectifier, by the one before it

    def output(self, network, image):
        self._raw[id(image)] = network.layers[0]
        self._keep.append(image)
        return self._settled(through(network, image, self._call))

    def overwritten(self, image):
        """{name: name of what takes its place} of the values that LiteRT writes over."""
        found = {}
        for read, value in self._in_place:
            # LiteRT writes over the first operand that nothing else reads, and its calibration then takes the values
            # that it finds there for the operand's.
            free = [
                one for one in read if self._reads.get(id(one)) == 1 and one is not image and one.shape == value.shape
            ]
            after = self._name_of.get(self._became.get(id(value), id(value)))
            if free and after and id(free[0]) in self._name_of:
                found[self._name_of[id(free[0])]] = after
        return found

    def _settled(self, value):
        """A value as the next operation reads it."""
        if id(value) not in self._raw:
            return value
        if id(value) not in self._done:
            # A layer that is called twice has a range for each call.
            name = self._raw[id(value)].name
            self._times[name] = self._times.get(name, 0) + 1
            self._name_of[id(value)] = f"{name}_{self._times[name]}" if self._times[name] > 1 else name
            self._done[id(value)] = self._quantize(self._name_of[id(value)], value)
            self._keep.append(value)
        return self._done[id(value)]

    def _call(self, layer, *given, **options):
        options.pop("training", None)
        if isinstance(layer, keras.layers.InputLayer):
            return layer(*given)
        read = keras.tree.flatten((given, options))
        first = read[0]
        for one in read:
            self._reads[id(one)] = self._reads.get(id(one), 0) + 1
        fused = _is_rectifier(layer) and id(first) in self._raw and isinstance(self._raw[id(first)], FUSING)
        # What is concatenated shares the scale of the whole.
        if not fused and not isinstance(layer, keras.layers.Concatenate):
            given, options = keras.tree.map_structure(self._settled, (given, options))
        if isinstance(layer, keras.layers.Dropout):
            return given[0]
        value = self._value(layer, given, options, read)
        if type(layer).__name__ in ELEMENTWISE:
            self._in_place.append((read, value))
        if fused:
            self._became[id(first)] = id(value)
        if not isinstance(layer, SAME_VALUES):
            self._raw[id(value)] = layer
            self._keep.append(value)
        return value

    def _value(self, layer, given, options, read):
        """What LiteRT computes for a layer."""
        if type(layer) is keras.layers.Rescaling:
            return self._rescaled(layer, given[0], read)
        if self._weights and type(layer) in WEIGHTED:
            if layer.name not in self._kernels:
                self._kernels[layer.name] = QuantizedWeights(layer, name=f"{layer.name}_quantized")
            return self._kernels[layer.name](*given)
        if isinstance(layer, keras.layers.BatchNormalization):
            return layer(*given, training=False)
        return layer(*given, **options)

    def _rescaled(self, layer, given, read):
        """Rescaling: two operations for LiteRT, whose constants are in int8, too."""
        scale, offset = (rounded_constant(one) if self._weights else one for one in (layer.scale, layer.offset))
        product = WithConstant("multiply", scale, name=f"{layer.name}_scale_{self._weights}")(given)
        self._name_of[id(product)], self._reads[id(product)] = f"{layer.name}_product", 1
        add = WithConstant("add", offset, name=f"{layer.name}_offset_{self._weights}")
        value = add(self._quantize(self._name_of[id(product)], product))
        self._keep.append(product)
        self._in_place.extend([(read, product), ([product], value)])
        return value


def _is_rectifier(layer):
    if isinstance(layer, keras.layers.ReLU):
        return layer.negative_slope == 0 and layer.threshold == 0 and layer.max_value in (None, 6)
    return isinstance(layer, keras.layers.Activation) and layer.activation in (
        keras.activations.relu,
        keras.activations.relu6,
    )
