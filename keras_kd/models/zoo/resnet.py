"""The ResNets for CIFAR that the distillation literature compares on (He et al. 2016, as in RepDistiller)."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def resnet(
    image_shape, classes, *, depth, channels=(16, 16, 32, 64), width_multiplier=1.0, mean=None, std=None, name=None
):
    """A residual network of basic blocks in three stages, for small images.

    With 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates are those of
    RepDistiller's `resnet.py`, and so are the initial distributions of the weights.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        depth: 6n + 2 for n blocks a stage: 8, 14, 20, ...
        channels: of the stem and of the three stages.
        width_multiplier: multiplies all of `channels`.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps, each after its ReLU: "stem", "stage1", "stage2",
        "stage3"; and "pooled", "logits".

    Raises:
        UserError: the depth is not 6n + 2, or the multiplier is no number above 0.

    Source: He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385; HobbitLong/RepDistiller.

    Example:
        >>> model = resnet((32, 32, 3), 100, depth=20)
        >>> model.get_layer("stage3").output.shape
        (None, 8, 8, 64)
    """
    blocks, remainder = divmod(depth - 2, 6)
    if blocks < 1 or remainder:
        raise UserError(f"depth: found {depth}; expected 6n + 2, such as 8, 14, 20, 32, 44, 56 or 110")
    stem, *stages = scaled(channels, width_multiplier)

    image = image_input(image_shape)
    x = _convolution(normalize(image, mean, std), stem, 3, 1, "stem")
    x = keras.layers.ReLU(name="stem")(x)
    for stage, filters in enumerate(stages, 1):
        for block in range(1, blocks + 1):
            prefix = f"stage{stage}_block{block}"
            # The last ReLU of a stage is its tap.
            output = f"stage{stage}" if block == blocks else prefix
            x = _basic_block(x, filters, 2 if stage > 1 and block == 1 else 1, prefix, output)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes), name=name)


def _basic_block(x, filters, strides, prefix, output):
    residual = _convolution(x, filters, 3, strides, f"{prefix}_1")
    residual = keras.layers.ReLU(name=f"{prefix}_1_relu")(residual)
    residual = _convolution(residual, filters, 3, 1, f"{prefix}_2")
    if strides > 1 or x.shape[-1] != filters:
        x = _convolution(x, filters, 1, strides, f"{prefix}_shortcut")
    x = keras.layers.Add(name=f"{prefix}_add")([residual, x])
    return keras.layers.ReLU(name=output)(x)


def _convolution(x, filters, kernel_size, strides, name):
    x = convolution(x, filters, kernel_size, strides, name=f"{name}_conv")
    return batch_normalization(x, f"{name}_bn")
