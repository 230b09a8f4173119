"""What pruning means for layers and operations without weights: how the labels of channels go through them."""

import functools
import math

import numpy as np

from keras_kd.backend.keras_private import of_applications, operation_name
from keras_kd.models.pruning.labels import joined, kept_sizes, reshaped, spread
from keras_kd.models.pruning.weighted import mixes
from keras_kd.utils.lazy import keras

# Operations of `keras.ops` on each value alone.
OF_EACH_VALUE = {
    "Relu", "Relu6", "Sigmoid", "Softplus", "Softsign", "SoftShrink", "Silu", "Squareplus", "LogSigmoid", "LeakyRelu",
    "HardSigmoid", "HardSilu", "Elu", "Selu", "Gelu", "Celu", "TanhShrink", "HardTanh", "HardShrink", "Threshold",
    "Tanh", "Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Abs", "Absolute", "Negative", "Sign", "Clip",
    "Cast", "StopGradient", "Reciprocal", "Round", "Floor", "Ceil", "Sin", "Cos", "Erf",
}  # fmt: skip
OF_TWO = {"Add", "Subtract", "Multiply", "Divide", "TrueDivide", "DivideNoNan", "Maximum", "Minimum", "Power"}
OVER_AXES = {"Mean", "Sum", "Max", "Min", "Amax", "Amin", "Var", "Std", "Prod"}


def handler_of(layer):
    """As `weighted.handler_of`."""
    if isinstance(layer, keras.layers.Layer):
        return same if of_applications(layer) == "StochasticDepth" else _layers().get(type(layer))
    name = operation_name(layer)
    if name in OF_EACH_VALUE:
        return same
    if name in OF_TWO:
        return combined
    if name in OVER_AXES:
        return reduced
    return _operations().get(name)


@functools.cache
def _layers():
    layers = keras.layers
    alone = ("ReLU LeakyReLU ELU GaussianNoise GaussianDropout AlphaDropout Identity ActivityRegularization "
             "SpatialDropout1D SpatialDropout2D SpatialDropout3D")  # fmt: skip
    spatial = "MaxPooling AveragePooling GlobalAveragePooling GlobalMaxPooling UpSampling ZeroPadding Cropping".split()
    found = {getattr(layers, name): same for name in alone.split()}
    found |= {getattr(layers, f"{name}{rank}D"): spatially for name in spatial for rank in (1, 2, 3)}
    others = "Resizing RandomFlip RandomRotation RandomZoom RandomTranslation RandomCrop CenterCrop RepeatVector"
    found |= {getattr(layers, name): spatially for name in others.split()}
    found |= {getattr(layers, name): combined for name in "Add Subtract Multiply Average Maximum Minimum".split()}
    return found | {
        layers.Activation: activated,
        layers.Dropout: dropped,
        layers.Softmax: normalized_over,
        layers.Rescaling: rescaled,
        layers.Concatenate: concatenated,
        layers.Flatten: flattened,
        layers.Reshape: moved,
        layers.Permute: permuted,
    }


@functools.cache
def _operations():
    return {
        "Softmax": normalized_over,
        "LogSoftmax": normalized_over,
        "Concatenate": concatenated,
        "Stack": stacked,
        "Reshape": moved,
        "Squeeze": moved,
        "ExpandDims": moved,
        "Transpose": permuted,
        "Split": split,
        "GetItem": cut,
        "Flip": flipped,
        "Pad": padded,
        "Resize": spatially,
        "MaxPool": spatially,
        "AveragePool": spatially,
    }


def _stop(channels, part, call, what):
    return channels.stop(part, call, f"{part.path!r} ({type(call.layer).__name__}) {what}")


def same(channels, part, call):
    """Each value alone."""
    return [call.labels[0]]


def activated(channels, part, call):
    """An activation, of each value alone or of all channels."""
    mixing = mixes(call.layer.activation)
    return _stop(channels, part, call, f"has the activation {mixing}") if mixing else [call.labels[0]]


def dropped(channels, part, call):
    """Dropout, whose noise may have a shape of its own."""
    if any(size is not None and size > 1 for size in call.layer.noise_shape or ()):
        return _stop(channels, part, call, "has noise of a shape of its own")
    return [call.labels[0]]


def normalized_over(channels, part, call):
    """A softmax over an axis."""
    (labels,) = call.labels
    axes = call.layer.axis if isinstance(call.layer.axis, tuple | list) else [call.layer.axis]
    axes = range(labels.ndim) if None in axes else [_of_example(axis) for axis in axes]
    if len(call.inputs) > 1 or any(channels.differ(labels, axis) for axis in axes):
        return _stop(channels, part, call, "looks at all channels")
    return [labels]


def _of_example(axis):
    """An axis of a tensor as one of an example of it."""
    return axis - 1 if axis > 0 else axis


def rescaled(channels, part, call):
    """A scale and an offset, which may be numbers for each channel."""
    if max(np.size(call.layer.scale), np.size(call.layer.offset)) > 1:
        return _stop(channels, part, call, "has numbers of its own for each channel")
    return [call.labels[0]]


def combined(channels, part, call):
    """Tensors combined place by place: their channels belong together, but for one that stands for all."""
    (shape,) = call.shapes
    if any(_size(one) > 1 for one in (*call.given, *call.options.values())):
        return _stop(channels, part, call, "has numbers of its own for each channel")
    if not isinstance(call.layer, keras.layers.Layer) and len({labels.ndim for labels in call.labels}) > 1:
        return _stop(channels, part, call, "combines tensors of different ranks")
    main, *others = sorted(call.labels, key=lambda labels: -labels.size)
    whole = np.broadcast_to(main, shape)
    for labels in others:
        padded = (1,) * (len(shape) - labels.ndim) + labels.shape
        shared = [axis for axis in range(len(shape)) if padded[axis] == 1 < shape[axis]]
        if any(channels.differ(whole, axis) for axis in shared):
            channels.freeze(labels, f"one channel stands for all in {part.path!r} ({type(call.layer).__name__})")
        else:
            channels.unite(whole, np.broadcast_to(labels, shape))
    return [channels.as_block(whole) if main.shape != shape else whole]


def _size(given):
    """How many numbers of its own something has that an operation is given beside tensors of the network."""
    if keras.ops.is_tensor(given) or isinstance(given, keras.Variable | np.ndarray):
        return math.prod(given.shape)
    listed = isinstance(given, list | tuple) and all(isinstance(one, int | float | list | tuple) for one in given)
    return np.size(given) if listed else 1


def spatially(channels, part, call):
    """Each channel alone, all of its positions together."""
    first = (getattr(call.layer, "data_format", None) or keras.config.image_data_format()) == "channels_first"
    labels = channels.along(call.labels[0], 0 if first else -1)
    return [spread(labels, shape, 0 if first and len(shape) > 1 else -1) for shape in call.shapes]


def reduced(channels, part, call):
    """A mean or the like over axes."""
    (labels,), (shape,) = call.labels, call.shapes
    axes = call.layer.axis if isinstance(call.layer.axis, tuple | list) else [call.layer.axis]
    rank = labels.ndim + 1
    if None in axes or 0 in [axis % rank for axis in axes]:
        return _stop(channels, part, call, "reduces over examples")
    over = [axis % rank - 1 for axis in axes]
    if any(channels.differ(labels, axis) for axis in over):
        return _stop(channels, part, call, "reduces over channels")
    index = tuple(0 if axis in over else slice(None) for axis in range(labels.ndim))
    left = labels[index]
    return [left if left.shape == shape else reshaped(left, shape)]


def concatenated(channels, part, call):
    """Tensors side by side."""
    axis = call.layer.axis
    if axis == 0:
        return _stop(channels, part, call, "joins examples")
    return [channels.as_block(joined(call.labels, _of_example(axis)))]


def stacked(channels, part, call):
    """Tensors side by side, along an axis of their own."""
    if call.layer.axis == 0:
        return _stop(channels, part, call, "joins examples")
    return [channels.as_block(np.stack(call.labels, _of_example(call.layer.axis)))]


def flattened(channels, part, call):
    """All values of an example in a row."""
    if call.layer.data_format == "channels_first":
        return _stop(channels, part, call, "moves channels that come first")
    return moved(channels, part, call)


def moved(channels, part, call):
    """The same values in another shape."""
    (labels,), (shape,) = call.labels, call.shapes
    first = call.inputs[0].spec.shape[0] != call.outputs[0].shape[0]
    if first or math.prod(shape) != labels.size:
        return _stop(channels, part, call, "moves values between examples")
    array = channels.as_block(reshaped(labels, shape))
    if part.gave is not None and part.gave.shape != array.shape:
        return _stop(channels, part, call, "is called on tensors of different shapes")
    if part.gave is not None:
        channels.unite(part.gave, array)  # one shape is written in the layer for all of its calls
    part.gave = array
    if isinstance(call.layer, keras.layers.Reshape):
        part.settings["target_shape"] = lambda stays: _shape_of(channels, call.layer.target_shape, array, stays)
    elif operation_name(call.layer) == "Reshape":
        batch, *rest = call.layer.newshape
        part.settings["newshape"] = lambda stays: (batch, *_shape_of(channels, rest, array, stays))
    return [array]


def _shape_of(channels, before, array, stays):
    """A shape that is written in a layer, with what is kept; -1 stays as it is written."""
    sizes = kept_sizes(array, stays[channels.root])
    return tuple(-1 if one in (-1, None) else size for one, size in zip(before, sizes, strict=True))


def permuted(channels, part, call):
    """Axes in another order."""
    layer, rank = call.layer, call.labels[0].ndim + 1
    order = (0, *layer.dims) if isinstance(layer, keras.layers.Permute) else layer.axes or range(rank)[::-1]
    order = [axis % rank for axis in order]
    if order[0] != 0:
        return _stop(channels, part, call, "moves values between examples")
    return [np.transpose(call.labels[0], [axis - 1 for axis in order[1:]])]


def split(channels, part, call):
    """A tensor cut into parts, each of which keeps something."""
    layer, (labels,) = call.layer, call.labels
    if layer.axis == 0:
        return _stop(channels, part, call, "cuts between examples")
    axis, sections = _of_example(layer.axis), layer.indices_or_sections
    parts = np.split(labels, sections if isinstance(sections, int) else list(sections), axis)
    parts = [channels.as_block(one) for one in parts]
    channels.blocks += parts

    def places(stays):
        sizes = [kept_sizes(one, stays[channels.root])[axis] for one in parts]
        return tuple(int(place) for place in np.cumsum(sizes)[:-1])

    part.settings["indices_or_sections"] = places
    return parts


def cut(channels, part, call):
    """A slice; where it is one of channels, all of them stay."""
    (labels,), key = call.labels, call.given[1] if len(call.given) > 1 else call.options["key"]
    key, rank = key if isinstance(key, tuple) else (key,), labels.ndim + 1
    if any(one is None or not isinstance(one, int | slice | type(Ellipsis)) for one in key):
        return _stop(channels, part, call, "is no plain slice")
    if Ellipsis in key:
        at = key.index(Ellipsis)
        key = (*key[:at], *[slice(None)] * (rank - len(key) + 1), *key[at + 1 :])
    key = (*key, *[slice(None)] * (rank - len(key)))
    if key[0] != slice(None):
        return _stop(channels, part, call, "cuts between examples")
    for axis, one in enumerate(key[1:]):
        if one != slice(None) and channels.differ(labels, axis):
            return _stop(channels, part, call, "is a slice of channels")
    return [labels[key[1:]]]


def flipped(channels, part, call):
    """Values in the other order along axes."""
    (labels,) = call.labels
    axes = call.layer.axis if isinstance(call.layer.axis, tuple | list) else [call.layer.axis]
    if None in axes or 0 in [axis % (labels.ndim + 1) for axis in axes]:
        return _stop(channels, part, call, "moves values between examples")
    return [np.flip(labels, [_of_example(axis) for axis in axes])]


def padded(channels, part, call):
    """Values put around; where they would be channels of their own, all stay."""
    (labels,), (shape,) = call.labels, call.shapes
    changed = [axis for axis in range(len(shape)) if shape[axis] != labels.shape[axis]]
    if len(call.inputs) > 1 or any(channels.differ(labels, axis) for axis in changed):
        return _stop(channels, part, call, "pads channels")
    index = tuple(slice(0, 1) if axis in changed else slice(None) for axis in range(len(shape)))
    return [np.broadcast_to(labels[index], shape)]
