"""What pruning means for layers that have weights: which channels go along which axis."""

import functools
import math
import types

import numpy as np

from keras_kd.backend.keras_private import of_applications
from keras_kd.models.pruning.labels import spread
from keras_kd.utils.lazy import keras

# How a channel goes through a weight: the layer makes it there, reads it, or works on it alone.
OUT, IN, OWN = "out", "in", "own"
# Functions that Keras has for an activation and that look at all channels.
MIXING = {"softmax", "log_softmax", "glu", "sparsemax"}


def mixes(activation):
    """The name of an activation by which channels depend on each other, or may; "" of one of each value alone.

    Args:
        activation: a function, or None.

    Example:
        >>> import keras
        >>> mixes(keras.activations.relu), mixes(keras.activations.softmax), mixes(lambda x: x - 1)
        ('', 'softmax', '<lambda>')
    """
    if activation is None:
        return ""
    name = getattr(activation, "__name__", type(activation).__name__)
    # A layer may stand there too, such as Softmax.
    of_keras = isinstance(activation, types.FunctionType) and activation.__module__.split(".")[0] == "keras"
    return "" if of_keras and name not in MIXING else name


def handler_of(layer):
    """The function that knows a layer, or None: a subclass of a layer of Keras may do anything.

    A handler is called with (`Channels`, `Part`, `Call`), and gives an array of labels for each tensor that comes out.
    """
    if isinstance(layer, keras.layers.Layer) and getattr(layer, "quantization_mode", None) is None:
        return _handlers().get(type(layer)) or _of_applications(layer)
    return None


@functools.cache
def _handlers():
    layers = keras.layers
    found = dict.fromkeys((layers.Conv1D, layers.Conv2D, layers.Conv3D), convolution)
    found |= dict.fromkeys((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), transposed)
    found |= dict.fromkeys((layers.DepthwiseConv1D, layers.DepthwiseConv2D), depthwise)
    found |= dict.fromkeys((layers.SeparableConv1D, layers.SeparableConv2D), separable)
    return found | {
        layers.Dense: dense,
        layers.Embedding: embedding,
        layers.BatchNormalization: batch_normalization,
        layers.LayerNormalization: mixing_normalization,
        layers.GroupNormalization: mixing_normalization,
        layers.PReLU: prelu,
    }


def _of_applications(layer):
    """Of the layers that `keras.applications` keeps to itself, the one with a weight a channel."""
    return layer_scale if of_applications(layer) == "LayerScale" else None


def _only(part, *variables):
    """Whether these are all weights of the layer: it may have others, as after `enable_lora`."""
    known = {id(variable) for variable in variables if variable is not None}
    return known == {id(variable) for variable in part.layer.weights}


def _others(channels, part, call):
    what = f"{part.path!r} ({type(call.layer).__name__})"
    return channels.stop(part, call, f"{what} has weights that are not its usual ones")


def _axis(layer):
    return 0 if layer.data_format == "channels_first" else -1


def _set_count(channels, part, field, labels):
    part.settings[field] = lambda stays: channels.count(labels, stays)


def convolution(channels, part, call):
    """A convolution: of all channels, of groups of them, or of each alone."""
    layer, at = call.layer, _axis(call.layer)
    if not _only(part, layer.kernel, layer.bias):
        return _others(channels, part, call)
    (shape,), window, groups = call.shapes, math.prod(layer.kernel_size), layer.groups
    into, out = channels.along(call.labels[0], at), channels.new(part, layer.filters, layer.activation)
    positions = math.prod(shape) // shape[at]
    role = OUT
    if groups == 1:
        channels.through(part, layer.kernel, -2, into, IN)
        part.work.append((positions * window, into, out))
    elif len(into) == groups:
        channels.unite(out, np.repeat(into, layer.filters // groups))
        role = OWN
        _set_count(channels, part, "groups", into)
        part.work.append((positions * window, None, out))
    else:
        # Each group keeps the same places.
        for labels in (into, out):
            by_group = labels.reshape(groups, -1)
            channels.unite(by_group, np.broadcast_to(by_group[0], by_group.shape))
        channels.through(part, layer.kernel, -2, into[: len(into) // groups], IN)
        part.work.append((positions * window / groups, into, out))
    channels.through(part, layer.kernel, -1, out, role)
    channels.through(part, layer.bias, 0, out, role)
    _set_count(channels, part, "filters", out)
    return [spread(out, shape, at)]


def transposed(channels, part, call):
    """A transposed convolution."""
    layer, at = call.layer, _axis(call.layer)
    if not _only(part, layer.kernel, layer.bias):
        return _others(channels, part, call)
    into, out = channels.along(call.labels[0], at), channels.new(part, layer.filters, layer.activation)
    channels.through(part, layer.kernel, -1, into, IN)
    channels.through(part, layer.kernel, -2, out, OUT)
    channels.through(part, layer.bias, 0, out, OUT)
    _set_count(channels, part, "filters", out)
    # It spreads every input over a window.
    part.work.append((math.prod(call.labels[0].shape) // len(into) * math.prod(layer.kernel_size), into, out))
    return [spread(out, call.shapes[0], at)]


def depthwise(channels, part, call):
    """A convolution of each channel alone."""
    layer, at = call.layer, _axis(call.layer)
    if not _only(part, layer.kernel, layer.bias):
        return _others(channels, part, call)
    (shape,), into = call.shapes, channels.along(call.labels[0], at)
    out = np.repeat(into, layer.depth_multiplier)
    mixing = mixes(layer.activation)
    if mixing:
        channels.freeze(out, f"activation {mixing} of {part.path!r}")
    channels.through(part, layer.kernel, -2, into, OWN)
    channels.through(part, layer.bias, 0, out, OWN)
    part.work.append((math.prod(shape) // shape[at] * math.prod(layer.kernel_size), None, out))
    return [spread(out, shape, at)]


def separable(channels, part, call):
    """A convolution of each channel alone, and one of all of them at each position."""
    layer, at = call.layer, _axis(call.layer)
    if not _only(part, layer.depthwise_kernel, layer.pointwise_kernel, layer.bias):
        return _others(channels, part, call)
    (shape,), into = call.shapes, channels.along(call.labels[0], at)
    between, out = np.repeat(into, layer.depth_multiplier), channels.new(part, layer.filters, layer.activation)
    channels.through(part, layer.depthwise_kernel, -2, into, OWN)
    channels.through(part, layer.pointwise_kernel, -2, between, IN)
    channels.through(part, layer.pointwise_kernel, -1, out, OUT)
    channels.through(part, layer.bias, 0, out, OUT)
    _set_count(channels, part, "filters", out)
    positions = math.prod(shape) // shape[at]
    part.work += [(positions * math.prod(layer.kernel_size), None, between), (positions, between, out)]
    return [spread(out, shape, at)]


def dense(channels, part, call):
    """A dense layer."""
    layer, (shape,) = call.layer, call.shapes
    if not _only(part, layer.kernel, layer.bias):
        return _others(channels, part, call)
    into, out = channels.along(call.labels[0]), channels.new(part, layer.units, layer.activation)
    channels.through(part, layer.kernel, 0, into, IN)
    channels.through(part, layer.kernel, 1, out, OUT)
    channels.through(part, layer.bias, 0, out, OUT)
    _set_count(channels, part, "units", out)
    part.work.append((math.prod(shape) // shape[-1], into, out))
    return [spread(out, shape)]


def embedding(channels, part, call):
    """A vector for each whole number."""
    layer = call.layer
    if not _only(part, layer.embeddings):
        return _others(channels, part, call)
    out = channels.new(part, layer.output_dim)
    channels.freeze(call.labels[0], f"{part.path!r} (Embedding) reads numbers, not channels")
    channels.through(part, layer.embeddings, 1, out, OUT)
    _set_count(channels, part, "output_dim", out)
    return [spread(out, call.shapes[0])]


def batch_normalization(channels, part, call):
    """A scale and an offset for each channel, in training its own statistics."""
    layer = call.layer
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    if len(axes) > 1 or not _only(part, *variables):
        return _others(channels, part, call)
    labels = channels.along(call.labels[0], axes[0] - 1 if axes[0] > 0 else axes[0])
    for variable in variables:
        channels.through(part, variable, 0, labels, OWN)
    return [call.labels[0]]


def mixing_normalization(channels, part, call):
    """A normalisation over channels: without some of them the others would be other numbers."""
    return channels.stop(part, call, f"{part.path!r} ({type(call.layer).__name__}) normalises over channels")


def prelu(channels, part, call):
    """A slope for each channel; where each position has its own, along the other axes all stays."""
    layer = call.layer
    if not _only(part, layer.alpha):
        return _others(channels, part, call)
    labels = channels.along(call.labels[0])
    if layer.alpha.shape[-1] == len(labels):
        channels.through(part, layer.alpha, -1, labels, OWN)
    return [call.labels[0]]


def layer_scale(channels, part, call):
    """A scale for each channel."""
    labels = channels.along(call.labels[0])
    channels.through(part, call.layer.gamma, 0, labels, OWN)
    _set_count(channels, part, "projection_dim", labels)
    return [call.labels[0]]
