"""One way through a network, on which values are rounded where LiteRT rounds them."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_kd.export.int8_elementary import WEIGHTED
from keras_kd.export.int8_layers import QuantizedWeights, WithNumbers, rounded_numbers
from keras_kd.models.graph import through

# A rectifier after one of these is part of it.
FUSING = {"Conv2D", "DepthwiseConv2D", "Dense", "Add", "Subtract", "Multiply", "BatchNormalization"}
ELEMENTWISE = {"Add", "Subtract", "Multiply"}
# What goes out has the values of what goes in.
SAME_VALUES = {
    "MaxPooling2D", "Flatten", "Reshape", "Permute", "ZeroPadding2D", "Cropping2D", "Dropout", "Identity", "GetItem",
    "Transpose", "Squeeze", "ExpandDims", "Flip", "Split", "ActivityRegularization", "SpatialDropout2D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise", "StochasticDepth", "DropPath",
}  # fmt: skip
# What goes out has the scale of what goes in, and is rounded anew.
SAME_SCALE = {"AveragePooling2D", "UpSampling2D"}
# (scale, zero point) that LiteRT has for what these give, whatever the values.
FIXED = {"sigmoid": (1 / 256, -128), "softmax": (1 / 256, -128), "tanh": (1 / 128, 0)}


class Rounding(NamedTuple):
    """How values are rounded on a way through a network.

    Args:
        value: `value(name, value, fixed=None, measured=True)` gives a rounded value. `fixed` is (scale, zero point)
            where LiteRT has always the same; `measured` is false of a value that takes the range of another.
        weights: whether kernels and constants are rounded, too.
    """

    value: Callable
    weights: bool


def readers_of(network):
    """{(name of a layer, number of the call): [(its kind, layer, key of what it gives)]}: what reads each value.

    What `network` gives is read by None.
    """
    made, found, kept, times = {}, {}, [], {}

    def watch(layer, *given, **options):
        value = layer(*given, **options)
        key = _key(layer, times)
        for one in keras.tree.flatten((given, options)):
            if id(one) in made:
                found.setdefault(made[id(one)], []).append((kind_of(layer), layer, key))
        for one in keras.tree.flatten(value):
            made[id(one)] = key
        kept.append((value, given))
        return value

    image = keras.Input(network.inputs[0].shape[1:])
    made[id(image)] = (network.layers[0].name, 1)
    output = through(network, image, watch)
    found.setdefault(made[id(output)], []).append((None, None, None))
    return found


def _keeps_values(kind):
    # Augmentation lets images pass in inference; a random crop is one of the middle.
    return kind in SAME_VALUES or (kind.startswith("Random") and kind != "RandomCrop")


def _written(key):
    name, number = key
    return name if number == 1 else f"{name}_{number}"


def _key(layer, times):
    times[layer.name] = times.get(layer.name, 0) + 1
    return layer.name, times[layer.name]


def kind_of(layer):
    """The name of what a layer or an operation does: that of its class.

    Example:
        >>> kind_of(keras.layers.Dense(3))
        'Dense'
    """
    return type(layer).__name__


def activation_of(layer):
    """The name of the function that an activation layer or operation computes; None of another, or of more than that.

    Example:
        >>> activation_of(keras.layers.Activation("swish")), activation_of(keras.layers.ReLU(6.0))
        ('silu', 'relu6')
    """
    if isinstance(layer, keras.layers.ReLU):
        plain = layer.negative_slope == 0 and layer.threshold == 0
        return {None: "relu", 6: "relu6"}.get(layer.max_value) if plain else None
    if isinstance(layer, keras.layers.Activation):
        return getattr(layer.activation, "__name__", None)
    known = {"Sigmoid", "Softmax", "Tanh", "Silu", "Relu", "Relu6"}
    return kind_of(layer).lower() if kind_of(layer) in known else None


class Walk:
    """One way through a network, on which values are rounded where LiteRT does it.

    Args:
        readers: as of `readers_of`.
        rounding: a `Rounding`.

    Attributes:
        not_followed: (name, class) of the layers with kernels of their own inside, which stay as they are.
    """

    def __init__(self, readers, rounding):
        self._readers, self._rounding = readers, rounding
        self.not_followed = {}
        self._kernels = {}
        self._raw = {}  # (layer, key) of each value that is not rounded yet, by its id
        self._done = {}  # what became of those that are
        self._name_of = {}  # the name under which a value was rounded, by the id of the one that became of it
        self._keep = []  # the values themselves, so that no two have one id
        self._times = {}
        self._key_of = {}
        self._read_here = set()  # ids of values inside of what is one layer for Keras and two operations for LiteRT
        self._in_place = []  # (operands, value) of what LiteRT may write over an operand
        self._became = {}  # the value after a rectifier, by the one before it

    def output(self, network, image):
        """The rounded output of a network on a symbolic image."""
        self._begin(image, network.layers[0], (network.layers[0].name, 1))
        return self._settled(through(network, image, self._call))

    def overwritten(self, image):
        """{name: name of what takes its place} of the values that LiteRT writes over."""
        found = {}
        for read, value in self._in_place:
            # LiteRT writes over the first operand that nothing else reads, and its calibration then takes the values
            # that it finds there for the operand's.
            free = [one for one in read if self._read_once(one) and one is not image and one.shape == value.shape]
            after = self._name_of.get(id(self._done.get(self._became.get(id(value), id(value)))))
            before = self._name_of.get(id(self._done.get(id(free[0])))) if free else None
            if after and before:
                found[before] = after
        return found

    def _read_once(self, value):
        if id(value) in self._read_here:
            return True
        key = self._key_of.get(id(value))
        return key is not None and len(self._readers.get(key, ())) == 1

    def _begin(self, value, layer, key):
        self._raw[id(value)], self._key_of[id(value)] = (layer, key), key
        self._keep.append(value)

    def _settled(self, value):
        """A value as the next operation reads it."""
        if id(value) not in self._raw:
            return value
        if id(value) not in self._done:
            layer, key = self._raw[id(value)]
            whole = self._whole(key)
            # What is concatenated has the scale of the whole.
            self._round(value, _written(whole), FIXED.get(activation_of(layer)), measured=whole == key)
        return self._done[id(value)]

    def _round(self, value, name, fixed=None, measured=True):
        if fixed and not measured:
            fixed = None
        rounded = self._rounding.value(name, value, fixed=fixed, measured=measured)
        self._done[id(value)], self._name_of[id(rounded)] = rounded, name
        self._keep.extend([value, rounded])
        return rounded

    def _whole(self, key):
        """The key of what a value is concatenated into, at last; its own where it is not."""
        while True:
            whole = [given for kind, _, given in self._readers.get(key, ()) if kind == "Concatenate"]
            if not whole:
                return key
            key = whole[0]

    def _call(self, layer, *given, **options):
        options.pop("training", None)
        if isinstance(layer, keras.layers.InputLayer):
            return layer(*given)
        key = _key(layer, self._times)
        read = [one for one in keras.tree.flatten((given, options)) if isinstance(one, keras.KerasTensor)]
        if self._fuses(layer, read[0]):
            value = layer(*given, **options)
            self._became[id(read[0])] = id(value)
            self._begin(value, layer, key)
            return value
        given, options = keras.tree.map_structure(self._settled, (given, options))
        kind = kind_of(layer)
        if kind == "Concatenate":
            value = layer(*given, **options)
            self._begin(value, layer, key)
        elif _keeps_values(kind) or kind in SAME_SCALE:
            value = self._of_one_scale(layer, given, options, key)
        else:
            value = self._computed(layer, given, options, read, key)
        return value

    def _fuses(self, layer, before):
        if activation_of(layer) not in ("relu", "relu6") or id(before) not in self._raw:
            return False
        return kind_of(self._raw[id(before)][0]) in FUSING and self._read_once(before)

    def _of_one_scale(self, layer, given, options, key):
        """What a layer gives that leaves the scale as it is."""
        value = layer(*given, **options)
        name = self._name_of.get(id(given[0]))
        if kind_of(layer) in SAME_SCALE and name:
            value = self._rounding.value(name, value, measured=False)
        for one in keras.tree.flatten(value):
            self._keep.append(one)
            self._key_of[id(one)] = key
            if name:
                self._name_of[id(one)] = name
        return value

    def _computed(self, layer, given, options, read, key):
        """What LiteRT computes for a layer, to be rounded when it is read."""
        kind = kind_of(layer)
        constants = constants_of(layer)
        if constants is not None:
            return self._scaled_and_shifted(layer, given[0], read, key, constants)
        if activation_of(layer) == "silu":
            gate = self._rounding.value(f"{_written(key)}_gate", ops.sigmoid(given[0]), fixed=FIXED["sigmoid"])
            value = given[0] * gate
        elif type(layer) in WEIGHTED and self._rounding.weights:
            if layer.name not in self._kernels:
                self._kernels[layer.name] = QuantizedWeights(layer, name=f"{layer.name}_quantized")
            value = self._kernels[layer.name](*given)
        else:
            if type(layer) not in WEIGHTED and getattr(layer, "weights", None):
                self.not_followed[layer.name] = kind
            if kind in ELEMENTWISE and self._rounding.weights:
                given, options = keras.tree.map_structure(_rounded_where_numbers, (given, options))
            value = layer(*given, **options)
        self._begin(value, layer, key)
        if kind in ELEMENTWISE:
            self._in_place.append((read, value))
        return value

    def _scaled_and_shifted(self, layer, given, read, key, constants):
        """One layer for Keras, two operations for LiteRT, whose constants are in int8, too."""
        part = self._becomes_part_of_the_next(key, constants)
        rounded = self._rounding.weights and not part
        prefix, before, value = f"{_written(key)}_{self._rounding.weights}", read, given
        for number, (operation, numbers) in enumerate(constants):
            step = WithNumbers(operation, numbers, layer, rounded, name=f"{prefix}_{operation}")
            value = step(value)
            self._in_place.append((before, value))
            if number < len(constants) - 1 and not part:
                self._read_here.add(id(value))
                before, value = [value], self._round(value, f"{_written(key)}_between")
        if part:
            self._keep.append(value)
        elif constants:
            self._begin(value, layer, key)
        return value

    def _becomes_part_of_the_next(self, key, constants):
        """Whether LiteRT makes one number of each sort a part of the convolutions that read the value."""
        readers = self._readers.get(key, ())
        if not readers or any(type(layer) not in WEIGHTED for _, layer, _ in readers):
            return False
        # What is added is not where zeros are put around the image.
        padded = any(getattr(layer, "padding", "valid") != "valid" for _, layer, _ in readers)
        single = all(np.size(ops.convert_to_numpy(numbers())) == 1 for _, numbers in constants)
        return single and not (padded and any(operation == "add" for operation, _ in constants))


def _rounded_where_numbers(one):
    # A number alone is one of the 256.
    if isinstance(one, keras.KerasTensor) or np.ndim(one) == 0 or isinstance(one, str):
        return one
    return ops.convert_to_numpy(rounded_numbers(np.asarray(one, "float32")))


def constants_of(layer):
    """[("multiply" or "add", a function that gives the numbers)]: what a layer is for LiteRT; None of another layer.

    What changes nothing is left out, as LiteRT does.

    Example:
        >>> [(name, float(numbers())) for name, numbers in constants_of(keras.layers.Rescaling(0.5, -1.0))]
        [('multiply', 0.5), ('add', -1.0)]
    """
    if type(layer) is keras.layers.Rescaling:
        return _that_change([("multiply", layer.scale), ("add", layer.offset)])
    if type(layer) is keras.layers.Normalization:
        mean, deviation = (ops.convert_to_numpy(one) for one in (layer.mean, ops.sqrt(layer.variance)))
        if layer.invert:
            return _that_change([("multiply", deviation), ("add", mean)])
        return _that_change([("add", -mean), ("multiply", 1 / np.maximum(deviation, keras.config.epsilon()))])
    last = isinstance(layer, keras.layers.BatchNormalization) and layer.axis in (-1, len(layer.input.shape) - 1)
    if not last:
        return None
    return [("multiply", lambda: _scale_of(layer)), ("add", lambda: _offset_of(layer))]


def _that_change(steps):
    found = []
    for operation, numbers in steps:
        numbers = np.asarray(numbers, "float32")
        if np.any(numbers != (1 if operation == "multiply" else 0)):
            found.append((operation, lambda numbers=numbers: numbers))
    return found


def _scale_of(normalization):
    size = ops.rsqrt(ops.convert_to_tensor(normalization.moving_variance) + normalization.epsilon)
    return size * normalization.gamma if normalization.scale else size


def _offset_of(normalization):
    offset = -ops.convert_to_tensor(normalization.moving_mean) * _scale_of(normalization)
    return offset + normalization.beta if normalization.center else offset
