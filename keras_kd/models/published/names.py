"""Which layer of the zoo each layer of the reference protocol's PyTorch code is (HobbitLong/RepDistiller)."""

import re

# {pattern of a PyTorch module: the layer here}; numbers in braces are those of the pattern's groups, +1 one more.
RESIDUAL = {
    r"conv1": "stem_conv",
    r"bn1": "stem_bn",
    r"layer(\d+)\.(\d+)\.conv(\d)": "stage{0}_block{1+1}_{2}_conv",
    r"layer(\d+)\.(\d+)\.bn(\d)": "stage{0}_block{1+1}_{2}_bn",
    r"layer(\d+)\.(\d+)\.(?:downsample|shortcut)\.0": "stage{0}_block{1+1}_shortcut_conv",
    r"layer(\d+)\.(\d+)\.(?:downsample|shortcut)\.1": "stage{0}_block{1+1}_shortcut_bn",
    r"fc|linear": "logits",
}
WIDE = {
    r"conv1": "stem",
    r"bn1": "last_bn",
    r"block(\d+)\.layer\.(\d+)\.(conv|bn)(\d)": "stage{0}_block{1+1}_{3}_{2}",
    r"block(\d+)\.layer\.(\d+)\.convShortcut": "stage{0}_block{1+1}_shortcut",
    r"fc": "logits",
}
VGG = {
    r"block0\.(\d+)": "stem_{0/3}",
    r"block(\d+)\.(\d+)": "stage{0}_{1/3}",
    r"classifier": "logits",
}
MOBILE = {
    r"conv1\.0": "stem_conv",
    r"conv1\.1": "stem_bn",
    r"blocks\.(\d+)\.(\d+)\.conv\.(\d+)": "group{0+1}_block{1+1}_{2/3}",
    r"conv2\.0": "last_conv",
    r"conv2\.1": "last_bn",
    r"classifier\.0": "logits",
}
SHUFFLE_V2 = {
    r"conv1": "stem_conv",
    r"bn1": "stem_bn",
    r"layer(\d+)\.0\.(conv|bn)([12])": "stage{0}_down_left_{2}_{1}",
    r"layer(\d+)\.0\.(conv|bn)([345])": "stage{0}_down_right_{2-2}_{1}",
    r"layer(\d+)\.(\d+)\.(conv|bn)(\d)": "stage{0}_block{1}_{3}_{2}",
    r"conv2": "last_conv",
    r"bn2": "last_bn",
    r"linear": "logits",
}
FAMILIES = (
    (r"resnet\d+(x4|_cifar)?", RESIDUAL), (r"wrn_\d+_\d+", WIDE), (r"vgg\d+(_cifar)?", VGG),
    (r"mobilenetv2_half", MOBILE), (r"shufflenet_v1", RESIDUAL), (r"shufflenet_v2", SHUFFLE_V2),
)  # fmt: skip
# As the reference protocol calls them.
THEIR_NAMES = {
    "resnet50": "resnet50_cifar", "vgg16": "vgg16_cifar", "vgg19": "vgg19_cifar", "mobilenetv2": "mobilenetv2_half",
    "shufflev1": "shufflenet_v1", "shufflev2": "shufflenet_v2",
}  # fmt: skip


def our_name(name):
    """The name that the zoo has for a network of the reference protocol.

    Example:
        >>> our_name("MobileNetV2"), our_name("ResNet50"), our_name("resnet8x4")
        ('mobilenetv2_half', 'resnet50_cifar', 'resnet8x4')
    """
    return THEIR_NAMES.get(name.lower(), name)


def patterns_of(name):
    """The patterns of a network of the zoo, or None where none was published.

    Example:
        >>> patterns_of("wrn_40_2") is WIDE, patterns_of("digits_cnn")
        (True, None)
    """
    return next((patterns for family, patterns in FAMILIES if re.fullmatch(family, name)), None)


def layer_of(module, patterns):
    """The name here of a PyTorch module, or None.

    Example:
        >>> layer_of("layer2.0.downsample.1", RESIDUAL), layer_of("block3.4", VGG), layer_of("head", RESIDUAL)
        ('stage2_block1_shortcut_bn', 'stage3_2_bn', None)
    """
    for pattern, ours in patterns.items():
        found = re.fullmatch(pattern, module)
        if found is not None:
            return re.sub(r"\{(\d)([+/-]\d)?\}", lambda place, found=found: _number(found, place), ours)
    return None


def _number(found, place):
    """What stands for a group of a pattern: itself, more or less; or its place in a row of convolution, norm, ReLU."""
    text, change = found[int(place[1]) + 1], place[2]
    if change is None:
        return text
    if change == "/3":
        layer, part = divmod(int(text), 3)
        return f"{layer + 1}_{('conv', 'bn', 'relu')[part]}"
    return str(int(text) + int(change))
