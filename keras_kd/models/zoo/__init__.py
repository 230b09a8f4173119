"""The networks that keras_kd builds itself, and the table of their names.

A new network is one file in this folder, a function `(image_shape, classes, *, mean, std, name)` that gives a built
`keras.Model` from pixels 0..255 to logits (see `vgg.py`, one of the shortest), and its line in `MODELS`.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from keras_kd.models.zoo.bottleneck_resnet import bottleneck_resnet
from keras_kd.models.zoo.digits_cnn import digits_cnn
from keras_kd.models.zoo.mobilenetv2 import mobilenetv2
from keras_kd.models.zoo.preresnet import preresnet
from keras_kd.models.zoo.resnet import resnet
from keras_kd.models.zoo.shufflenet import shufflenet_v1, shufflenet_v2
from keras_kd.models.zoo.vgg import vgg
from keras_kd.models.zoo.wide_resnet import wide_resnet


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
