"""The layers of the networks for CIFAR as PyTorch has them: padded on both sides, begun from its distributions."""

from keras_kd.utils.lazy import keras


def convolution(x, filters, kernel_size, strides=1, *, name, groups=1, use_bias=False, kernel="he"):
    """A convolution, padded by half its kernel on both sides.

    Args:
        x: a Keras tensor (batch, height, width, channels).
        filters: number of output channels.
        kernel_size: odd.
        strides: 1 or 2.
        name: of the layer; with groups, of the layer that puts them together.
        groups: the channels are convolved in so many groups; a divisor of both numbers of channels.
        use_bias: whether it has a bias, zero at the start.
        kernel: "he", normal of variance 2 / (kernel_size ** 2 * filters); or "uniform", PyTorch's own default, within
            1 / sqrt(number of inputs).

    Returns:
        A Keras tensor (batch, height / strides, width / strides, filters), sizes rounded up.

    Example:
        >>> convolution(keras.Input((9, 8, 6)), 12, 3, 2, name="down", groups=3).shape
        (None, 5, 4, 12)
    """
    x, padding = padded(x, kernel_size, strides, name)

    def layer(filters, name):
        # One initializer a layer: a shared one gives layers of the same shape the same weights.
        return keras.layers.Conv2D(
            filters,
            kernel_size,
            strides,
            padding,
            use_bias=use_bias,
            kernel_initializer=_he(kernel_size**2 * filters * groups) if kernel == "he" else _uniform_by_inputs(),
            name=name,
        )

    if groups == 1:
        return layer(filters, name)(x)
    # On a CPU `Conv2D(groups=...)` trains several times slower than its parts do.
    parts = keras.ops.split(x, groups, axis=-1)
    parts = [layer(filters // groups, f"{name}_{number}")(part) for number, part in enumerate(parts, 1)]
    return keras.layers.Concatenate(name=name)(parts)


def depthwise_convolution(x, strides=1, *, name, kernel="he"):
    """A 3x3 convolution of each channel for itself; see `convolution`."""
    channels = x.shape[-1]
    x, padding = padded(x, 3, strides, name)
    return keras.layers.DepthwiseConv2D(
        3,
        strides,
        padding,
        use_bias=False,
        depthwise_initializer=_he(9 * channels) if kernel == "he" else _uniform(9),
        name=name,
    )(x)


def padded(x, kernel_size, strides, name):
    """(tensor, the padding left to its layer), so that both sides are padded alike, as in PyTorch."""
    if strides == 1:
        return x, "same"
    if kernel_size > 1:
        # "same" with strides would pad only the end of an even image.
        x = keras.layers.ZeroPadding2D(kernel_size // 2, name=f"{name}_pad")(x)
    return x, "valid"


def batch_normalization(x, name):
    """Batch normalisation with PyTorch's momentum and epsilon."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def relu(x, name):
    """The rectifier as a layer that can be tapped."""
    return keras.layers.ReLU(name=name)(x)


def classifier(x, classes, *, kernel="uniform", bias="uniform"):
    """The Dense layer "logits", in float32 also in mixed precision.

    Args:
        x: a Keras tensor (batch, features).
        classes: number of classes.
        kernel: "uniform", within 1 / sqrt(features) as PyTorch begins it; or a number, the deviation of a normal one.
        bias: "uniform" or "zeros".
    """
    return keras.layers.Dense(
        classes,
        kernel_initializer=_uniform(x.shape[-1]) if kernel == "uniform" else _normal(kernel),
        bias_initializer=_uniform(x.shape[-1]) if bias == "uniform" else "zeros",
        dtype="float32",  # bfloat16 would leave logits three digits
        name="logits",
    )(x)


def _he(outputs):
    return _normal((2 / outputs) ** 0.5)


def _normal(deviation):
    return keras.initializers.RandomNormal(stddev=deviation)


def _uniform(inputs):
    return keras.initializers.RandomUniform(-(inputs**-0.5), inputs**-0.5)


def _uniform_by_inputs():
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform")
