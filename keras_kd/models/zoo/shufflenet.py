"""ShuffleNet V1 and V2 for CIFAR (Zhang et al. 2017, Ma et al. 2018, as in RepDistiller)."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution, depthwise_convolution, relu
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.lazy import keras

GROUPS = 3  # of the first version's 1x1 convolutions


def shufflenet_v1(image_shape, classes, *, width_multiplier=1.0, mean=None, std=None, name=None):
    """A network of grouped 1x1 convolutions with a shuffle of the channels between them, in three stages.

    With 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates are those of
    `ShuffleV1` (3 groups) in RepDistiller's `ShuffleNetv1.py`, and so are the initial distributions of the weights.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        width_multiplier: multiplies the channels of stem (24) and stages (240, 480, 960), each rounded to a multiple of
            12, and more than the one before.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps, each after its ReLU: "stem", "stage1", "stage2",
        "stage3"; and "pooled", "logits".

    Raises:
        UserError: the multiplier is no number above 0.

    Source: Zhang et al., ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices,
        arXiv:1707.01083; HobbitLong/RepDistiller.

    Example:
        >>> model = shufflenet_v1((32, 32, 3), 100)
        >>> model.get_layer("stage3").output.shape
        (None, 4, 4, 960)
    """
    channels = []
    for number in scaled((24, 240, 480, 960), width_multiplier):
        whole = max(12, 12 * round(number / 12))
        channels.append(max(whole, channels[-1] + 12) if channels else whole)
    stem, *stages = channels

    image = image_input(image_shape)
    x = _convolution(normalize(image, mean, std), stem, 1, "stem")
    x = relu(x, "stem")
    for stage, (filters, blocks) in enumerate(zip(stages, (4, 8, 4), strict=True), 1):
        for block in range(1, blocks + 1):
            prefix = f"stage{stage}_block{block}"
            output = f"stage{stage}" if block == blocks else prefix
            # Few channels come out of the stem: the first convolution takes them ungrouped.
            groups = 1 if stage == block == 1 else GROUPS
            x = _first_version(x, filters, 2 if block == 1 else 1, groups, prefix, output)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes), name=name)


def shufflenet_v2(image_shape, classes, *, width_multiplier=1.0, mean=None, std=None, name=None):
    """A network that works on one half of its channels and shuffles both, in three stages and a 1x1 convolution.

    With 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates are those of
    `ShuffleV2` (size 1) in RepDistiller's `ShuffleNetv2.py`, and so are the initial distributions of the weights.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        width_multiplier: multiplies the channels of stem (24) and stages (116, 232, 464), each rounded to an even
            number; the last convolution has 1024.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps: "stem", "stage1", "stage2", "stage3", after ReLU
        and shuffle; "last" (the last convolution, after its ReLU), "pooled", "logits".

    Raises:
        UserError: the multiplier is no number above 0.

    Source: Ma et al., ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, arXiv:1807.11164;
        HobbitLong/RepDistiller.

    Example:
        >>> model = shufflenet_v2((32, 32, 3), 100)
        >>> model.get_layer("stage3").output.shape
        (None, 4, 4, 464)
    """
    stem, *stages = (max(2, 2 * round(number / 2)) for number in scaled((24, 116, 232, 464), width_multiplier))

    image = image_input(image_shape)
    x = _convolution(normalize(image, mean, std), stem, 1, "stem")
    x = relu(x, "stem")
    for stage, (filters, blocks) in enumerate(zip(stages, (3, 7, 3), strict=True), 1):
        x = _down(x, filters, f"stage{stage}_down")
        for block in range(1, blocks + 1):
            x = _second_version(x, f"stage{stage}_block{block}", f"stage{stage}" if block == blocks else None)
    x = relu(_convolution(x, 1024, 1, "last"), "last")
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes), name=name)


def _first_version(x, filters, strides, groups, prefix, output):
    if strides > 1:
        filters -= x.shape[-1]
    y = relu(_convolution(x, filters // 4, groups, f"{prefix}_1"), f"{prefix}_1_relu")
    if groups > 1:
        y = _shuffled(y, groups, f"{prefix}_shuffled")
    y = relu(_depthwise(y, strides, f"{prefix}_2"), f"{prefix}_2_relu")
    y = _convolution(y, filters, GROUPS, f"{prefix}_3")
    if strides > 1:
        # As in PyTorch the zeros around the image count in the mean.
        x = keras.layers.ZeroPadding2D(1, name=f"{prefix}_pool_pad")(x)
        x = keras.layers.AveragePooling2D(3, 2, name=f"{prefix}_pool")(x)
        return relu(keras.layers.Concatenate(name=f"{prefix}_join")([y, x]), output)
    return relu(keras.layers.Add(name=f"{prefix}_add")([y, x]), output)


def _second_version(x, prefix, tap):
    kept, y = keras.ops.split(x, 2, axis=-1)
    half = y.shape[-1]
    y = relu(_convolution(y, half, 1, f"{prefix}_1"), f"{prefix}_1_relu")
    y = _depthwise(y, 1, f"{prefix}_2")
    y = relu(_convolution(y, half, 1, f"{prefix}_3"), f"{prefix}_3_relu")
    y = keras.layers.Concatenate(name=f"{prefix}_join")([kept, y])
    return _shuffled(y, 2, tap or prefix)


def _down(x, filters, prefix):
    """Half the size: both halves of the new channels come from all of the old ones."""
    left = _depthwise(x, 2, f"{prefix}_left_1")
    left = relu(_convolution(left, filters // 2, 1, f"{prefix}_left_2"), f"{prefix}_left_2_relu")
    right = relu(_convolution(x, filters // 2, 1, f"{prefix}_right_1"), f"{prefix}_right_1_relu")
    right = _depthwise(right, 2, f"{prefix}_right_2")
    right = relu(_convolution(right, filters // 2, 1, f"{prefix}_right_3"), f"{prefix}_right_3_relu")
    return _shuffled(keras.layers.Concatenate(name=f"{prefix}_join")([left, right]), 2, prefix)


def _shuffled(x, groups, name):
    """The channels dealt out: the first of each group, then the second of each, ..."""
    _, height, width, channels = x.shape
    x = keras.layers.Reshape((height, width, groups, channels // groups), name=f"{name}_grouped")(x)
    x = keras.layers.Permute((1, 2, 4, 3), name=f"{name}_dealt")(x)
    return keras.layers.Reshape((height, width, channels), name=name)(x)


def _convolution(x, filters, groups, name):
    x = convolution(x, filters, 1, name=f"{name}_conv", groups=groups, kernel="uniform")
    return batch_normalization(x, f"{name}_bn")


def _depthwise(x, strides, name):
    return batch_normalization(depthwise_convolution(x, strides, name=f"{name}_conv", kernel="uniform"), f"{name}_bn")
