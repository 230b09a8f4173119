"""The four-stage ResNet of bottlenecks with a stem for small images: ResNet-50 on CIFAR, as in RepDistiller."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution, relu
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.lazy import keras


def bottleneck_resnet(image_shape, classes, *, blocks, width_multiplier=1.0, mean=None, std=None, name=None):
    """A residual network of bottlenecks (1x1, 3x3, 1x1) in four stages, its first convolution 3x3 without strides.

    With 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates of blocks (3, 4, 6, 3)
    are those of `ResNet50` in RepDistiller's `resnetv2.py`, and so are the initial distributions of the weights.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
        blocks: of each of the four stages: (3, 4, 6, 3) for ResNet-50.
        width_multiplier: multiplies the channels of stem (64) and stages (64, 128, 256, 512, at their ends 4 times).
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps, each after its ReLU: "stem", "stage1", "stage2",
        "stage3", "stage4"; and "pooled", "logits".

    Raises:
        UserError: the multiplier is no number above 0.

    Source: He et al., Deep Residual Learning for Image Recognition, arXiv:1512.03385; HobbitLong/RepDistiller.

    Example:
        >>> model = bottleneck_resnet((32, 32, 3), 100, blocks=(1, 1, 1, 1), width_multiplier=0.25)
        >>> model.get_layer("stage4").output.shape
        (None, 4, 4, 512)
    """
    stem, *stages = scaled((64, 64, 128, 256, 512), width_multiplier)

    image = image_input(image_shape)
    x = _normalized(normalize(image, mean, std), stem, 3, 1, "stem")
    x = relu(x, "stem")
    for stage, (filters, count) in enumerate(zip(stages, blocks, strict=True), 1):
        for block in range(1, count + 1):
            prefix = f"stage{stage}_block{block}"
            output = f"stage{stage}" if block == count else prefix
            x = _bottleneck(x, filters, 2 if stage > 1 and block == 1 else 1, prefix, output)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes), name=name)


def _bottleneck(x, filters, strides, prefix, output):
    residual = relu(_normalized(x, filters, 1, 1, f"{prefix}_1"), f"{prefix}_1_relu")
    residual = relu(_normalized(residual, filters, 3, strides, f"{prefix}_2"), f"{prefix}_2_relu")
    residual = _normalized(residual, 4 * filters, 1, 1, f"{prefix}_3")
    if strides > 1 or x.shape[-1] != 4 * filters:
        x = _normalized(x, 4 * filters, 1, strides, f"{prefix}_shortcut")
    return relu(keras.layers.Add(name=f"{prefix}_add")([residual, x]), output)


def _normalized(x, filters, kernel_size, strides, name):
    return batch_normalization(convolution(x, filters, kernel_size, strides, name=f"{name}_conv"), f"{name}_bn")
