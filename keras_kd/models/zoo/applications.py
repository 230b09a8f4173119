"""The networks of `keras.applications`, each with the pixels it wants made inside."""

import inspect
from typing import NamedTuple

from keras_kd.models.zoo.arguments import check_arguments
from keras_kd.models.zoo.pixels import image_input
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of blue, green, red


class Application(NamedTuple):
    """How a network of `keras.applications` wants its images.

    `pixels`: "symmetric" (-1..1), "imagenet" (0..1, minus the mean, divided by the deviation of ImageNet), "caffe"
    (blue, green, red, minus their means) or "included" (0..255; the network has its own normalisation). `size`: of the
    images it was trained on. `smallest`: the smallest height and width it takes. `gray`: takes one channel too.
    """

    pixels: str
    size: int
    smallest: int = 32
    gray: bool = False


APPLICATIONS = {
    "ConvNeXtTiny": Application("included", 224),
    "ConvNeXtSmall": Application("included", 224),
    "ConvNeXtBase": Application("included", 224),
    "ConvNeXtLarge": Application("included", 224),
    "ConvNeXtXLarge": Application("included", 224),
    "DenseNet121": Application("imagenet", 224),
    "DenseNet169": Application("imagenet", 224),
    "DenseNet201": Application("imagenet", 224),
    "EfficientNetB0": Application("included", 224, gray=True),
    "EfficientNetB1": Application("included", 240, gray=True),
    "EfficientNetB2": Application("included", 260, gray=True),
    "EfficientNetB3": Application("included", 300, gray=True),
    "EfficientNetB4": Application("included", 380, gray=True),
    "EfficientNetB5": Application("included", 456, gray=True),
    "EfficientNetB6": Application("included", 528, gray=True),
    "EfficientNetB7": Application("included", 600, gray=True),
    "EfficientNetV2B0": Application("included", 224, gray=True),
    "EfficientNetV2B1": Application("included", 240, gray=True),
    "EfficientNetV2B2": Application("included", 260, gray=True),
    "EfficientNetV2B3": Application("included", 300, gray=True),
    "EfficientNetV2S": Application("included", 384, gray=True),
    "EfficientNetV2M": Application("included", 480, gray=True),
    "EfficientNetV2L": Application("included", 480, gray=True),
    "InceptionResNetV2": Application("symmetric", 299, smallest=75, gray=True),
    "InceptionV3": Application("symmetric", 299, smallest=75, gray=True),
    "MobileNet": Application("symmetric", 224, gray=True),
    "MobileNetV2": Application("symmetric", 224, gray=True),
    "MobileNetV3Large": Application("included", 224, gray=True),
    "MobileNetV3Small": Application("included", 224, gray=True),
    "NASNetLarge": Application("symmetric", 331, gray=True),
    "NASNetMobile": Application("symmetric", 224, gray=True),
    "ResNet50": Application("caffe", 224),
    "ResNet101": Application("caffe", 224),
    "ResNet152": Application("caffe", 224),
    "ResNet50V2": Application("symmetric", 224, gray=True),
    "ResNet101V2": Application("symmetric", 224, gray=True),
    "ResNet152V2": Application("symmetric", 224, gray=True),
    "VGG16": Application("caffe", 224),
    "VGG19": Application("caffe", 224),
    "Xception": Application("symmetric", 299, smallest=71, gray=True),
}
WEIGHTS = (None, "imagenet")
SET_HERE = {
    "include_top", "weights", "input_tensor", "input_shape", "pooling", "classes", "classifier_activation",
    "include_preprocessing", "name", "weights_name",
}  # fmt: skip


def application(name, image_shape, classes, *, weights=None, arguments=None):
    """A network of `keras.applications` from pixels 0..255 to logits.

    Args:
        name: a name of `APPLICATIONS`.
        image_shape: (height, width, channels).
        classes: number of classes.
        weights: None, or "imagenet": with 1000 classes at the network's own image size the pretrained classifier is
            kept; else a new Dense layer "logits" is put on the pretrained body.
        arguments: keyword arguments of the function in `keras.applications`, such as `alpha`.

    Returns:
        A functional `keras.Model` named `name`; its layers keep their names from Keras and can be tapped.

    Raises:
        UserError: images too small or of a number of channels it cannot take, an unknown argument, or weights that
            cannot be fetched.

    Example:
        >>> application("MobileNetV2", (32, 32, 3), 10).output_shape
        (None, 10)
    """
    entry, builder = APPLICATIONS[name], getattr(keras.applications, name)
    check_images(name, image_shape, weights)
    if weights not in WEIGHTS:
        raise UserError(f"{name}: found weights {weights!r}; expected none, or 'imagenet'")
    check_arguments(name, builder, arguments, SET_HERE)

    own_classifier = weights is None or (classes == 1000 and tuple(image_shape[:2]) == (entry.size, entry.size))
    options = dict(arguments or {}, weights=weights, include_top=own_classifier, input_shape=tuple(image_shape))
    if own_classifier:
        options.update(classes=classes, classifier_activation=None)
    if "include_preprocessing" in inspect.signature(builder).parameters:
        options["include_preprocessing"] = True

    image = image_input(image_shape)
    try:
        network = builder(input_tensor=prepared(image, entry.pixels), **options)
    except Exception as error:
        raise UserError(f"{name}: {_reason(error)}") from error
    logits = network.output
    if not own_classifier:
        pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(logits)
        logits = keras.layers.Dense(classes, dtype="float32", name="logits")(pooled)
    return keras.Model(image, logits, name=name)


def prepared(image, pixels):
    """Pixels 0..255 as a network wants them: as `keras.applications.<family>.preprocess_input`, in layers.

    Args:
        image: a Keras tensor (batch, height, width, channels), red first.
        pixels: the kind of `Application.pixels`.

    Returns:
        A Keras tensor like `image`.
    """
    if pixels == "symmetric":
        return keras.layers.Rescaling(1 / 127.5, -1.0, name="normalize")(image)
    if pixels == "imagenet":
        scale = [1 / (255 * std) for std in IMAGENET_STD]
        offset = [-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)]
        return keras.layers.Rescaling(scale, offset, name="normalize")(image)
    if pixels == "caffe":
        offset = [-mean for mean in CAFFE_MEAN]
        return keras.layers.Rescaling([1.0] * 3, offset, name="normalize")(keras.ops.flip(image, axis=-1))
    return image


def check_images(name, image_shape, weights=None):
    """Refuses images that a network cannot take.

    Args:
        name, image_shape, weights: as of `application`.

    Raises:
        UserError: they are too small, or of other channels.

    Example:
        >>> check_images("MobileNetV2", (8, 8, 3))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: MobileNetV2: found images of 8x8; expected at least 32x32; ...
    """
    entry, (height, width, channels) = APPLICATIONS[name], image_shape
    if min(height, width) < entry.smallest:
        raise UserError(
            f"{name}: found images of {height}x{width}; expected at least {entry.smallest}x{entry.smallest}; "
            "enlarge the images (data.image_size, for a folder of images), or take a network for small ones (resnet20)"
        )
    if channels != 3 and not (entry.gray and channels == 1 and weights is None):
        gray = " (or 1, without pretrained weights)" if entry.gray else ""
        raise UserError(f"{name}: found images of {channels} channels; expected 3{gray}")


def _reason(error):
    """The first sentence of an error of Keras, on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "URL fetch failure" in text:
        return f"its weights could not be fetched ({text}); connect to the internet once, or leave weights out"
    return text.split("Received:")[0].strip()
