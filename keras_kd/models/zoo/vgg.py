"""The VGG networks with batch normalisation for CIFAR (Simonyan & Zisserman 2014, as in RepDistiller)."""

from keras_kd.models.zoo.arguments import scaled
from keras_kd.models.zoo.convolution import batch_normalization, classifier, convolution, relu
from keras_kd.models.zoo.pixels import image_input, normalize
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras


def vgg(image_shape, classes, *, convolutions, width_multiplier=1.0, mean=None, std=None, name=None):
    """A plain network of 3x3 convolutions in five stages, with batch normalisation and one linear layer.

    With 100 classes and 32x32 colour images the numbers of parameters and multiply-accumulates are those of
    RepDistiller's `vgg.py` (`vgg8_bn`, `vgg11_bn`, ...), and so are the initial distributions of the weights. As there,
    the last pooling is left out for images smaller than 64 pixels.

    Args:
        image_shape: (height, width, channels), at least 8x8.
        classes: number of classes.
        convolutions: of each of the five stages: (1, 1, 1, 1, 1) for VGG-8, (2, 2, 2, 2, 2) for VGG-13.
        width_multiplier: multiplies the stages' 64, 128, 256, 512 and 512 channels.
        mean, std: of the data in units of 0..1, one a channel; see `normalize`.
        name: of the model.

    Returns:
        A functional `keras.Model` from pixels 0..255 to logits. Taps, each after the last ReLU of its stage and before
        the pooling: "stem" (the first stage), "stage1", "stage2", "stage3", "stage4"; and "pooled", "logits".

    Raises:
        UserError: the images are smaller than 8x8, or the multiplier is no number above 0.

    Source: Simonyan & Zisserman, Very Deep Convolutional Networks, arXiv:1409.1556; HobbitLong/RepDistiller.

    Example:
        >>> model = vgg((32, 32, 3), 100, convolutions=(1, 1, 1, 1, 1))
        >>> model.get_layer("stage3").output.shape
        (None, 4, 4, 512)
    """
    if min(image_shape[:2]) < 8:
        raise UserError(f"{name}: found images of {tuple(image_shape)}; expected at least 8x8")
    image = image_input(image_shape)
    x = normalize(image, mean, std)
    stages = scaled((64, 128, 256, 512, 512), width_multiplier)
    for stage, (filters, count) in enumerate(zip(stages, convolutions, strict=True)):
        tap = f"stage{stage}" if stage else "stem"
        if 0 < stage < 4 or (stage == 4 and min(image_shape[:2]) >= 64):
            x = keras.layers.MaxPooling2D(name=f"{tap}_pool")(x)
        for number in range(1, count + 1):
            prefix = f"{tap}_{number}"
            x = convolution(x, filters, 3, name=f"{prefix}_conv", use_bias=True)
            x = relu(batch_normalization(x, f"{prefix}_bn"), tap if number == count else f"{prefix}_relu")
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    return keras.Model(image, classifier(x, classes, kernel=0.01, bias="zeros"), name=name)
