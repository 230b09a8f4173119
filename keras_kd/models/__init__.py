"""The networks a recipe can name: the zoo, `keras.applications`, a `.keras` file, or a function of the user.

Every network that `build` returns takes float32 pixel values 0..255 of shape (batch, height, width, channels) and
normalises them inside. So no caller can feed it wrongly, and the exported student takes pixels.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from keras_kd.models.load import from_file, from_function
from keras_kd.models.zoo.applications import APPLICATIONS, application
from keras_kd.models.zoo.arguments import check_arguments
from keras_kd.models.zoo.bottleneck_resnet import bottleneck_resnet
from keras_kd.models.zoo.digits_cnn import digits_cnn
from keras_kd.models.zoo.mobilenetv2 import mobilenetv2
from keras_kd.models.zoo.preresnet import preresnet
from keras_kd.models.zoo.resnet import resnet
from keras_kd.models.zoo.shufflenet import shufflenet_v1, shufflenet_v2
from keras_kd.models.zoo.vgg import vgg
from keras_kd.models.zoo.wide_resnet import wide_resnet
from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import KERAS, ends_in
from keras_kd.utils.suggest import did_you_mean


class ModelEntry(NamedTuple):
    """A network of the zoo: a line about it, and `builder(image_shape, classes, *, mean, std, name)`."""

    description: str
    builder: Callable


WIDE = (32, 64, 128, 256)
MODELS = {
    "resnet8": ModelEntry("CIFAR ResNet, 8 layers, 0.08M parameters", partial(resnet, depth=8)),
    "resnet14": ModelEntry("CIFAR ResNet, 14 layers, 0.18M parameters", partial(resnet, depth=14)),
    "resnet20": ModelEntry("CIFAR ResNet, 20 layers, 0.28M parameters", partial(resnet, depth=20)),
    "resnet32": ModelEntry("CIFAR ResNet, 32 layers, 0.47M parameters", partial(resnet, depth=32)),
    "resnet44": ModelEntry("CIFAR ResNet, 44 layers, 0.67M parameters", partial(resnet, depth=44)),
    "resnet56": ModelEntry("CIFAR ResNet, 56 layers, 0.86M parameters", partial(resnet, depth=56)),
    "resnet110": ModelEntry("CIFAR ResNet, 110 layers, 1.74M parameters", partial(resnet, depth=110)),
    "resnet8x4": ModelEntry("CIFAR ResNet, 8 layers, wide, 1.23M parameters", partial(resnet, depth=8, channels=WIDE)),
    "resnet32x4": ModelEntry(
        "CIFAR ResNet, 32 layers, wide, 7.4M parameters", partial(resnet, depth=32, channels=WIDE)
    ),
    "resnet50_cifar": ModelEntry(
        "ResNet-50 with a stem for 32x32 images, 23.7M parameters", partial(bottleneck_resnet, blocks=(3, 4, 6, 3))
    ),
    "preresnet20": ModelEntry("pre-activation CIFAR ResNet, 20 layers, 0.28M parameters", partial(preresnet, depth=20)),
    "preresnet32": ModelEntry("pre-activation CIFAR ResNet, 32 layers, 0.47M parameters", partial(preresnet, depth=32)),
    "preresnet56": ModelEntry("pre-activation CIFAR ResNet, 56 layers, 0.61M parameters", partial(preresnet, depth=56)),
    "preresnet110": ModelEntry(
        "pre-activation CIFAR ResNet, 110 layers, 1.17M parameters", partial(preresnet, depth=110)
    ),
    "wrn_16_1": ModelEntry("wide CIFAR ResNet, 16 layers, 0.18M parameters", partial(wide_resnet, depth=16, width=1)),
    "wrn_16_2": ModelEntry("wide CIFAR ResNet, 16 layers, 0.70M parameters", partial(wide_resnet, depth=16, width=2)),
    "wrn_28_2": ModelEntry("wide CIFAR ResNet, 28 layers, 1.48M parameters", partial(wide_resnet, depth=28, width=2)),
    "wrn_40_1": ModelEntry("wide CIFAR ResNet, 40 layers, 0.57M parameters", partial(wide_resnet, depth=40, width=1)),
    "wrn_40_2": ModelEntry("wide CIFAR ResNet, 40 layers, 2.26M parameters", partial(wide_resnet, depth=40, width=2)),
    "vgg8": ModelEntry("CIFAR VGG, 8 layers, 3.97M parameters", partial(vgg, convolutions=(1, 1, 1, 1, 1))),
    "vgg11": ModelEntry("CIFAR VGG, 11 layers, 9.28M parameters", partial(vgg, convolutions=(1, 1, 2, 2, 2))),
    "vgg13": ModelEntry("CIFAR VGG, 13 layers, 9.46M parameters", partial(vgg, convolutions=(2, 2, 2, 2, 2))),
    "vgg16_cifar": ModelEntry("CIFAR VGG, 16 layers, 14.8M parameters", partial(vgg, convolutions=(2, 2, 3, 3, 3))),
    "vgg19_cifar": ModelEntry("CIFAR VGG, 19 layers, 20.1M parameters", partial(vgg, convolutions=(2, 2, 4, 4, 4))),
    "mobilenetv2_half": ModelEntry(
        "CIFAR MobileNetV2 of half width, 0.81M parameters", partial(mobilenetv2, width=0.5)
    ),
    "shufflenet_v1": ModelEntry("CIFAR ShuffleNet V1, 3 groups, 0.95M parameters", shufflenet_v1),
    "shufflenet_v2": ModelEntry("CIFAR ShuffleNet V2, 1.36M parameters", shufflenet_v2),
    "digits_cnn": ModelEntry(
        "teacher for 8x8 digits, 17k parameters", partial(digits_cnn, channels=(16, 32), convolutions=2)
    ),
    "digits_tiny": ModelEntry(
        "student for 8x8 digits, 1.5k parameters", partial(digits_cnn, channels=(8, 16), convolutions=1)
    ),
}
FILLED = ("image_shape", "classes", "depth", "width", "channels", "convolutions", "blocks", "mean", "std", "name")


def kind(name):
    """What sort of network a name means, by the text alone.

    Args:
        name: as a recipe gives it.

    Returns:
        "file" (ends in .keras), "function" (package.module:function), "application" (of `keras.applications`, in any
        case), "zoo", or None for an unknown name.

    Example:
        >>> kind("resnet20"), kind("mobilenetv2"), kind("teacher.keras"), kind("nets:tiny"), kind("resnet21")
        ('zoo', 'application', 'file', 'function', None)
    """
    if ends_in(name, KERAS):
        return "file"
    if ":" in name:
        return "function"
    if _application_name(name):
        return "application"
    return "zoo" if name in MODELS else None


def build(
    name,
    image_shape,
    classes,
    *,
    mean=None,
    std=None,
    pixels=None,
    from_logits=None,
    weights=None,
    arguments=None,
):
    """The network of a name, from pixels 0..255 to one output a class.

    Networks of the zoo and of `keras.applications` give logits; those of the user give what they give.

    Args:
        name: see `kind`.
        image_shape: (height, width, channels) of the data.
        classes: number of classes of the data.
        mean, std: of the data in units of 0..1, one a channel; for the zoo, and for `pixels="standard"`.
        pixels: what a network of the user expects: "pixels" (default), "unit", "symmetric" or "standard"; see
            `keras_kd.models.load.from_file`. The others know it themselves.
        from_logits: what the caller says of the output; nothing here depends on it.
        weights: None, or "imagenet" for a network of `keras.applications`.
        arguments: a dict of keyword arguments for the builder: `width_multiplier` in the zoo.

    Returns:
        A built `keras.Model`.

    Raises:
        UserError: an unknown name, a network that does not fit the data, or an argument it does not take.

    Example:
        >>> build("resnet8", (32, 32, 3), 100).count_params()
        84564
    """
    image_shape = tuple(image_shape)
    sort = kind(name)
    if sort is None:
        raise UserError(f"{name}: no such network{_suggestion(name)}")
    if sort in ("zoo", "application") and pixels not in (None, "pixels"):
        raise UserError(f"{name}: pixels: found {pixels!r}; it takes pixels and normalises them itself; leave it out")
    if sort != "application" and weights is not None:
        raise UserError(
            f"{name}: weights: found {weights!r}; only networks of keras.applications have weights; leave it out"
        )

    if sort == "application":
        return application(_application_name(name), image_shape, classes, weights=weights, arguments=arguments)
    if sort == "zoo":
        builder = MODELS[name].builder
        check_arguments(name, builder, arguments, FILLED)
        return builder(image_shape, classes, mean=mean, std=std, name=name, **(arguments or {}))
    if sort == "function":
        return from_function(name, image_shape, classes, arguments=arguments, pixels=pixels, mean=mean, std=std)
    if arguments:
        raise UserError(f"{name}: arguments: found {', '.join(arguments)}; a saved network takes none; leave them out")
    return from_file(name, image_shape, classes, pixels=pixels, mean=mean, std=std)


def _application_name(name):
    """The name as Keras writes it, or None."""
    return {known.lower(): known for known in APPLICATIONS}.get(name.lower())


def _suggestion(name):
    expected = (
        f"; expected one of {', '.join(MODELS)}, a name of keras.applications such as MobileNetV2, "
        "a .keras file, or package.module:function"
    )
    return did_you_mean(name, (*MODELS, *APPLICATIONS), otherwise=expected)
