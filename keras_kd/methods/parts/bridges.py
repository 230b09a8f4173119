"""Trained layers that take a map of one network into the space of a map of another."""

from keras_kd.methods.parts.initial import uniform
from keras_kd.utils.lazy import keras

# (of the source, of the target): equal sizes, half the size, twice the size.
RATIOS = ((1, 1), (1, 2), (2, 1))


def bridgeable(source, target):
    """Whether a bridge leads from maps of one shape (batch, height, width, channels) to those of another.

    Example:
        >>> bridgeable((None, 8, 8, 3), (None, 4, 4, 5)), bridgeable((None, 8, 8, 3), (None, 3, 3, 5))
        (True, False)
    """
    return any(
        all(own * size == other * wanted for size, wanted in zip(source[1:3], target[1:3], strict=True))
        for own, other in RATIOS
    )


def bridge(source, target, leaky=True):
    """A convolution and batch normalisation from maps of one shape to maps of another, then a leaky ReLU.

    The convolution is 3x3 without a bias; 3x3 with stride 2 and a bias to halve the size, a transposed 4x4 with stride
    2 and a bias to double it. Kernels begin normal, of variance 2 / (9 * channels of the target); biases, and what
    doubles the size, begin as in PyTorch.

    Args:
        source, target: shapes (batch, height, width, channels) that are `bridgeable`.
        leaky: whether it ends in a leaky ReLU of slope 0.1.

    Returns:
        A built `keras.Sequential`; run it by `across`.

    Source: FCFD, arXiv:2304.11832; LiuDongyang6/FCFD, `build_bridge`.

    Example:
        >>> bridge((None, 8, 8, 3), (None, 4, 4, 5)).output_shape
        (None, 4, 4, 5)
    """
    filters, padding = target[-1], []
    options = {"kernel_initializer": keras.initializers.RandomNormal(stddev=(2 / (9 * filters)) ** 0.5)}
    if source[1] == target[1]:
        convolution = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False, **options)
    elif source[1] == 2 * target[1]:
        # PyTorch pads both sides alike; "same" with strides pads only the end of an even map.
        padding = [keras.layers.ZeroPadding2D(1)]
        convolution = keras.layers.Conv2D(filters, 3, 2, bias_initializer=uniform(9 * source[-1]), **options)
    else:
        fan_in = 16 * filters  # as PyTorch counts it for transposed convolutions
        options = {"kernel_initializer": uniform(fan_in), "bias_initializer": uniform(fan_in)}
        convolution = keras.layers.Conv2DTranspose(filters, 4, 2, padding="same", **options)
    layers = [*padding, convolution, keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)]
    layers += [keras.layers.LeakyReLU(negative_slope=0.1)] if leaky else []
    return keras.Sequential([keras.Input(tuple(source)[1:]), *layers])


def across(layer, maps):
    """Maps through a bridge, by the statistics of the batch; its moving ones, which nothing reads, stay as they are.

    Example:
        >>> import numpy as np
        >>> across(bridge((None, 4, 4, 3), (None, 4, 4, 5)), np.ones((2, 4, 4, 3), "float32")).shape[-1]
        5
    """
    from keras_kd.models.stages import forgetting

    with forgetting(layer):
        return layer(maps, training=True)
