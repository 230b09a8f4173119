"""The pre-activation ResNets for CIFAR (He et al. 2016), as in the study of fidelity by Stanton et al. 2021."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution, relu
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def preresnet(
    image_shape, classes, *, depth, channels=(16, 16, 32, 64), width_multiplier=1.0, mean=None, std=None, name=None
):
    """A residual network whose blocks normalise and rectify before each convolution, in three stages.

    From depth 44 on the blocks are bottlenecks (1x1, 3x3, 1x1, four times as wide at their ends), below basic ones
    (3x3, 3x3). Structure, numbers of parameters and initial distributions are those of gnosis's `preresnet.py`.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        depth: 6n + 2 below 44 for n basic blocks a stage (20, 32); else 9n + 2 for n bottlenecks a stage (56, 110).
        channels: of the stem and of the three stages (of a bottleneck's inside).
        width_multiplier: multiplies all of `channels`.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps: "stem" (the first convolution), "stage1",
        "stage2", "stage3" (the sums that end a stage, before the next normalisation); "last" (the third, normalised
        and rectified), "pooled", "logits".

    Raises:
        UserError: a depth of another form, or the multiplier is no number above 0.

    Source: He et al., Identity Mappings in Deep Residual Networks, arXiv:1603.05027; Stanton et al., Does Knowledge
        Distillation Really Work?, arXiv:2106.05945; samuelstanton/gnosis.

    Example:
        >>> model = preresnet((32, 32, 3), 100, depth=56)
        >>> model.get_layer("stage3").output.shape
        (None, 8, 8, 256)
    """
    block_of, layers = (_bottleneck, 9) if depth >= 44 else (_basic, 6)
    blocks, remainder = divmod(depth - 2, layers)
    if blocks < 1 or remainder:
        raise UserError(
            f"depth: found {depth}; expected 6n + 2 below 44, such as 20 or 32, and 9n + 2 above, such as 56 or 110"
        )
    stem, *stages = scaled(channels, width_multiplier)

    image = image_input(image_shape)
    x = convolution(normalize(image, mean, std), stem, 3, name="stem")
    for stage, filters in enumerate(stages, 1):
        for block in range(1, blocks + 1):
            prefix = f"stage{stage}_block{block}"
            output = f"stage{stage}" if block == blocks else prefix
            x = block_of(x, filters, 2 if stage > 1 and block == 1 else 1, prefix, output)
    x = relu(batch_normalization(x, "last_bn"), "last")
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes), name=name)


def _basic(x, filters, strides, prefix, output):
    residual = _before(x, filters, 3, strides, f"{prefix}_1")
    residual = _before(residual, filters, 3, 1, f"{prefix}_2")
    return _sum(x, residual, strides, prefix, output)


def _bottleneck(x, filters, strides, prefix, output):
    residual = _before(x, filters, 1, 1, f"{prefix}_1")
    residual = _before(residual, filters, 3, strides, f"{prefix}_2")
    residual = _before(residual, 4 * filters, 1, 1, f"{prefix}_3")
    return _sum(x, residual, strides, prefix, output)


def _before(x, filters, kernel_size, strides, prefix):
    x = relu(batch_normalization(x, f"{prefix}_bn"), f"{prefix}_relu")
    return convolution(x, filters, kernel_size, strides, name=f"{prefix}_conv")


def _sum(x, residual, strides, prefix, output):
    if strides > 1 or x.shape[-1] != residual.shape[-1]:
        x = convolution(x, residual.shape[-1], 1, strides, name=f"{prefix}_shortcut")
    return keras.layers.Add(name=output)([x, residual])
