"""The networks of the reference protocol (HobbitLong/RepDistiller) in PyTorch, their layers under its names."""

import re

import torch
from torch import nn
from torch.nn import functional


def conv(inputs, outputs, kernel=1, stride=1, groups=1, bias=False):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias)


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv3, self.bn3 = conv(outputs, 4 * outputs), nn.BatchNorm2d(4 * outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != 4 * outputs:
            self.shortcut = nn.Sequential(conv(inputs, 4 * outputs, 1, stride), nn.BatchNorm2d(4 * outputs))

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(functional.relu(self.bn2(self.conv2(y)))))
        return functional.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """`block` in stages; the classifier has its name in the file that the network is of."""

    def __init__(self, block, stem, channels, blocks, classes, last="fc", widens=1):
        super().__init__()
        self.conv1, self.bn1, inputs = conv(3, stem, 3), nn.BatchNorm2d(stem), stem
        self.last, self.stages = last, len(channels)
        for number, (outputs, count) in enumerate(zip(channels, blocks, strict=True), 1):
            layers = []
            for one in range(count):
                layers.append(block(inputs, outputs, 2 if number > 1 and not one else 1))
                inputs = widens * outputs
            setattr(self, f"layer{number}", nn.Sequential(*layers))
        setattr(self, last, nn.Linear(inputs, classes))

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        return getattr(self, self.last)(x.mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), conv(inputs, outputs, 3, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(outputs), conv(outputs, outputs, 3)
        self.convShortcut = None if inputs == outputs else conv(inputs, outputs, 1, stride)

    def forward(self, x):
        active = functional.relu(self.bn1(x))
        y = self.conv2(functional.relu(self.bn2(self.conv1(active))))
        return y + (x if self.convShortcut is None else self.convShortcut(active))


class WideStage(nn.Module):
    def __init__(self, inputs, outputs, count, stride):
        super().__init__()
        blocks = [WideBlock(outputs if one else inputs, outputs, 1 if one else stride) for one in range(count)]
        self.layer = nn.Sequential(*blocks)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        count = (depth - 4) // 6
        self.conv1 = conv(3, 16, 3)
        self.block1 = WideStage(16, 16 * width, count, 1)
        self.block2 = WideStage(16 * width, 32 * width, count, 2)
        self.block3 = WideStage(32 * width, 64 * width, count, 2)
        self.bn1, self.fc = nn.BatchNorm2d(64 * width), nn.Linear(64 * width, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(functional.relu(self.bn1(x)).mean((2, 3)))


class VGG(nn.Module):
    def __init__(self, stages, classes):
        super().__init__()
        inputs = 3
        for number, channels in enumerate(stages):
            layers = []
            for outputs in channels:
                layers += [conv(inputs, outputs, 3, bias=True), nn.BatchNorm2d(outputs), nn.ReLU()]
                inputs = outputs
            setattr(self, f"block{number}", nn.Sequential(*layers[:-1]))
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x):
        for number in range(5):
            x = functional.relu(getattr(self, f"block{number}")(x))
            x = functional.max_pool2d(x, 2) if number < 3 else x
        return self.classifier(x.mean((2, 3)))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        inside, self.adds = inputs * expansion, stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *(conv(inputs, inside), nn.BatchNorm2d(inside), nn.ReLU()),
            *(conv(inside, inside, 3, stride, inside), nn.BatchNorm2d(inside), nn.ReLU()),
            *(conv(inside, outputs), nn.BatchNorm2d(outputs)),
        )

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    """Of half width."""

    def __init__(self, classes):
        super().__init__()
        settings = [
            (1, 16, 1, 1),
            (6, 24, 2, 1),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ]
        self.conv1 = nn.Sequential(conv(3, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU())
        self.blocks, inputs = nn.ModuleList(), 16
        for expansion, outputs, count, stride in settings:
            outputs, layers = outputs // 2, []
            for one in range(count):
                layers.append(InvertedResidual(inputs, outputs, 1 if one else stride, expansion))
                inputs = outputs
            self.blocks.append(nn.Sequential(*layers))
        self.conv2 = nn.Sequential(conv(inputs, 1280), nn.BatchNorm2d(1280), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(1280, classes))

    def forward(self, x):
        x = self.conv1(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(self.conv2(x).mean((2, 3)))


def shuffle(x, groups):
    batch, channels, height, width = x.shape
    return x.view(batch, groups, channels // groups, height, width).transpose(1, 2).reshape(x.shape)


class ShuffleBlock(nn.Module):
    """Of the first version."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.stride, self.groups = stride, 1 if inputs == 24 else 3
        outputs -= inputs if stride > 1 else 0
        inside = outputs // 4
        self.conv1, self.bn1 = conv(inputs, inside, groups=self.groups), nn.BatchNorm2d(inside)
        self.conv2, self.bn2 = conv(inside, inside, 3, stride, inside), nn.BatchNorm2d(inside)
        self.conv3, self.bn3 = conv(inside, outputs, groups=3), nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = shuffle(functional.relu(self.bn1(self.conv1(x))), self.groups)
        y = self.bn3(self.conv3(functional.relu(self.bn2(self.conv2(y)))))
        if self.stride > 1:
            return functional.relu(torch.cat([y, functional.avg_pool2d(x, 3, 2, 1)], 1))
        return functional.relu(y + x)


class ShuffleV1(ResNet):
    def __init__(self, classes):
        super().__init__(ShuffleBlock, 24, (), (), classes, "linear")
        self.conv1, self.stages, inputs = conv(3, 24), 3, 24
        for number, (outputs, count) in enumerate(((240, 4), (480, 8), (960, 4)), 1):
            layers = []
            for one in range(count):
                layers.append(ShuffleBlock(inputs, outputs, 1 if one else 2))
                inputs = outputs
            setattr(self, f"layer{number}", nn.Sequential(*layers))
        self.linear = nn.Linear(inputs, classes)


class Half(nn.Module):
    """A block of the second version that keeps one half."""

    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.conv1, self.bn1 = conv(half, half), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = conv(half, half, 3, 1, half), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv(half, half), nn.BatchNorm2d(half)

    def forward(self, x):
        kept, y = x.chunk(2, 1)
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(y)))))
        return shuffle(torch.cat([kept, functional.relu(self.bn3(self.conv3(y)))], 1), 2)


class Down(nn.Module):
    """A block of the second version that halves the size."""

    def __init__(self, inputs, outputs):
        super().__init__()
        half = outputs // 2
        self.conv1, self.bn1 = conv(inputs, inputs, 3, 2, inputs), nn.BatchNorm2d(inputs)
        self.conv2, self.bn2 = conv(inputs, half), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = conv(inputs, half), nn.BatchNorm2d(half)
        self.conv4, self.bn4 = conv(half, half, 3, 2, half), nn.BatchNorm2d(half)
        self.conv5, self.bn5 = conv(half, half), nn.BatchNorm2d(half)

    def forward(self, x):
        left = functional.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(functional.relu(self.bn3(self.conv3(x)))))
        return shuffle(torch.cat([left, functional.relu(self.bn5(self.conv5(right)))], 1), 2)


class ShuffleV2(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1, inputs = conv(3, 24), nn.BatchNorm2d(24), 24
        for number, (outputs, count) in enumerate(((116, 3), (232, 7), (464, 3)), 1):
            setattr(
                self, f"layer{number}", nn.Sequential(Down(inputs, outputs), *(Half(outputs) for _ in range(count)))
            )
            inputs = outputs
        self.conv2, self.bn2, self.linear = conv(464, 1024), nn.BatchNorm2d(1024), nn.Linear(1024, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(functional.relu(self.bn1(self.conv1(x))))))
        return self.linear(functional.relu(self.bn2(self.conv2(x))).mean((2, 3)))


def reference_network(name, classes):
    """A network by the name that keras_kd has for it."""
    if name.startswith("wrn"):
        return WideResNet(*map(int, name.split("_")[1:]), classes)
    if name.startswith("vgg"):
        counts = {"vgg8": (1, 1, 1, 1, 1), "vgg13": (2, 2, 2, 2, 2)}[name]
        return VGG([[c] * n for c, n in zip((64, 128, 256, 512, 512), counts, strict=True)], classes)
    if name == "resnet50_cifar":
        return ResNet(Bottleneck, 64, (64, 128, 256, 512), (3, 4, 6, 3), classes, "linear", widens=4)
    if name.startswith("resnet"):
        depth, wide = re.fullmatch(r"resnet(\d+)(x4)?", name).groups()
        stem, *channels = (32, 64, 128, 256) if wide else (16, 16, 32, 64)
        return ResNet(Basic, stem, channels, [(int(depth) - 2) // 6] * 3, classes)
    return {"mobilenetv2_half": MobileNetV2, "shufflenet_v1": ShuffleV1, "shufflenet_v2": ShuffleV2}[name](classes)
