"""MobileNetV2 for CIFAR (Sandler et al. 2018, as in RepDistiller: its `mobile_half` has half the width)."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution, depthwise_convolution, relu
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.lazy import keras

# (channels, blocks, strides of the first block), and the tap at its end.
GROUPS = (
    (16, 1, 1, None), (24, 2, 1, "stage1"), (32, 3, 2, "stage2"), (64, 4, 2, None), (96, 3, 1, "stage3"),
    (160, 3, 2, None), (320, 1, 1, "stage4"),
)  # fmt: skip


def mobilenetv2(image_shape, classes, *, width, width_multiplier=1.0, mean=None, std=None, name=None):
    """A network of inverted residuals: 1x1 to six times the channels, 3x3 by channel, 1x1 to few channels.

    With width 0.5, 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates are those of
    `mobile_half` in RepDistiller's `mobilenetv2.py`, and so are the initial distributions of the weights. It is not the
    MobileNetV2 of `keras.applications`: that one has more strides and ReLU6.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        width: factor of the published channels; the last 1x1 convolution has 1280 at least.
        width_multiplier: multiplies `width`.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps: "stem" (after its ReLU), "stage1", "stage2",
        "stage3", "stage4" (the linear ends of the blocks, which no ReLU follows, as RepDistiller reads them: after the
        groups of 24, 32, 96 and 320 channels at full width); "last" (1280 channels, after its ReLU), "pooled",
        "logits".

    Raises:
        UserError: the multiplier is no number above 0.

    Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, arXiv:1801.04381;
        HobbitLong/RepDistiller.

    Example:
        >>> model = mobilenetv2((32, 32, 3), 100, width=0.5)
        >>> model.get_layer("stage4").output.shape
        (None, 2, 2, 160)
    """
    stem, *channels = scaled([width * number for number in (32, *(group[0] for group in GROUPS))], width_multiplier)

    image = image_input(image_shape)
    x = _convolution(normalize(image, mean, std), stem, 3, 2, "stem")
    x = relu(x, "stem")
    for number, (filters, (_, blocks, strides, tap)) in enumerate(zip(channels, GROUPS, strict=True), 1):
        for block in range(1, blocks + 1):
            prefix = f"group{number}_block{block}"
            output = tap if tap and block == blocks else prefix
            expansion = 1 if number == 1 else 6
            x = _inverted_residual(x, filters, strides if block == 1 else 1, expansion, prefix, output)
    x = relu(_convolution(x, round(1280 * max(1, width * width_multiplier)), 1, 1, "last"), "last")
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes, kernel=0.01, bias="zeros"), name=name)


def _inverted_residual(x, filters, strides, expansion, prefix, output):
    residual_connection = strides == 1 and x.shape[-1] == filters
    y = relu(_convolution(x, expansion * x.shape[-1], 1, 1, f"{prefix}_1"), f"{prefix}_1_relu")
    y = batch_normalization(depthwise_convolution(y, strides, name=f"{prefix}_2_conv"), f"{prefix}_2_bn")
    y = relu(y, f"{prefix}_2_relu")
    y = convolution(y, filters, 1, name=f"{prefix}_3_conv")
    y = batch_normalization(y, f"{prefix}_3_bn" if residual_connection else output)
    return keras.layers.Add(name=output)([x, y]) if residual_connection else y


def _convolution(x, filters, kernel_size, strides, name):
    return batch_normalization(convolution(x, filters, kernel_size, strides, name=f"{name}_conv"), f"{name}_bn")
