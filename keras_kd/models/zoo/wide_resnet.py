"""The wide ResNets for CIFAR (Zagoruyko & Komodakis 2016, as in RepDistiller)."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution, relu
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def wide_resnet(image_shape, classes, *, depth, width, width_multiplier=1.0, mean=None, std=None, name=None):
    """A residual network whose blocks normalise and rectify before each convolution, in three wide stages.

    With 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates are those of
    RepDistiller's `wrn.py`, and so are the initial distributions of the weights.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        depth: 6n + 4 for n blocks a stage: 10, 16, 22, 28, 40, ...
        width: the factor of the stages' 16, 32 and 64 channels; the stem has 16.
        width_multiplier: multiplies the channels of stem and stages.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps: "stem" (the first convolution), "stage1",
        "stage2", "stage3" (the sums that end a stage, before the next normalisation, as RepDistiller reads them);
        "last" (the third, normalised and rectified), "pooled", "logits".

    Raises:
        UserError: the depth is not 6n + 4, or the multiplier is no number above 0.

    Source: Zagoruyko & Komodakis, Wide Residual Networks, arXiv:1605.07146; HobbitLong/RepDistiller.

    Example:
        >>> model = wide_resnet((32, 32, 3), 100, depth=16, width=2)
        >>> model.get_layer("stage3").output.shape
        (None, 8, 8, 128)
    """
    blocks, remainder = divmod(depth - 4, 6)
    if blocks < 1 or remainder:
        raise UserError(f"depth: found {depth}; expected 6n + 4, such as 10, 16, 22, 28 or 40")
    stem, *stages = scaled((16, 16 * width, 32 * width, 64 * width), width_multiplier)

    image = image_input(image_shape)
    x = convolution(normalize(image, mean, std), stem, 3, name="stem")
    for stage, filters in enumerate(stages, 1):
        for block in range(1, blocks + 1):
            prefix = f"stage{stage}_block{block}"
            output = f"stage{stage}" if block == blocks else prefix
            x = _block(x, filters, 2 if stage > 1 and block == 1 else 1, prefix, output)
    x = relu(batch_normalization(x, "last_bn"), "last")
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes, bias="zeros"), name=name)


def _block(x, filters, strides, prefix, output):
    activated = relu(batch_normalization(x, f"{prefix}_1_bn"), f"{prefix}_1_relu")
    residual = convolution(activated, filters, 3, strides, name=f"{prefix}_1_conv")
    residual = relu(batch_normalization(residual, f"{prefix}_2_bn"), f"{prefix}_2_relu")
    residual = convolution(residual, filters, 3, name=f"{prefix}_2_conv")
    if strides > 1 or x.shape[-1] != filters:
        x = convolution(activated, filters, 1, strides, name=f"{prefix}_shortcut")
    return keras.layers.Add(name=output)([x, residual])
