"""The same CIFAR networks in PyTorch, for `against_live.py` and `against_reference.py`: with as many parameters as
keras_kd's, and its weights if they are carried over."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

WIDE = (32, 64, 128, 256)


def convolution(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class BasicBlock(nn.Module):
    """He et al. 2016: normalised after each convolution."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first, self.first_norm = convolution(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.second, self.second_norm = convolution(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.shortcut = None
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        residual = functional.relu(self.first_norm(self.first(x)))
        residual = self.second_norm(self.second(residual))
        return functional.relu(residual + (x if self.shortcut is None else self.shortcut(x)))


class WideBlock(nn.Module):
    """Zagoruyko & Komodakis 2016: normalised before each convolution."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first_norm, self.first = nn.BatchNorm2d(inputs), convolution(inputs, outputs, 3, stride)
        self.second_norm, self.second = nn.BatchNorm2d(outputs), convolution(outputs, outputs, 3)
        self.shortcut = convolution(inputs, outputs, 1, stride) if stride > 1 or inputs != outputs else None

    def forward(self, x):
        activated = functional.relu(self.first_norm(x))
        residual = self.second(functional.relu(self.second_norm(self.first(activated))))
        return residual + (x if self.shortcut is None else self.shortcut(activated))


class Network(nn.Module):
    """Three stages of blocks; `forward` gives the logits and the maps of the second stage, `signals` all by name."""

    def __init__(self, block, blocks, channels, classes):
        super().__init__()
        stem, *stages = channels
        self.stem = convolution(3, stem, 3)
        self.stem_norm = nn.BatchNorm2d(stem) if block is BasicBlock else None
        self.stages, inputs = nn.ModuleList(), stem
        for number, outputs in enumerate(stages):
            layers = [
                block(inputs if not one else outputs, outputs, 2 if number and not one else 1) for one in range(blocks)
            ]
            self.stages.append(nn.Sequential(*layers))
            inputs = outputs
        self.last_norm = nn.BatchNorm2d(inputs) if block is WideBlock else None
        self.logits = nn.Linear(inputs, classes)

    def forward(self, x):
        signals = self.signals(x)
        return signals["logits"], signals["stage2"]

    def signals(self, x):
        """{"stage1", "stage2", "stage3", "pooled", "logits"}, named as keras_kd's taps; maps are NCHW."""
        x, signals = self.stem(x), {}
        if self.stem_norm is not None:
            x = functional.relu(self.stem_norm(x))
        for number, stage in enumerate(self.stages, 1):
            signals[f"stage{number}"] = x = stage(x)
        if self.last_norm is not None:
            signals["stage3"] = x = functional.relu(self.last_norm(x))
        signals["pooled"] = x.mean(dim=(2, 3))
        return {**signals, "logits": self.logits(signals["pooled"])}


def network(name, classes=100):
    """A network by the name that keras_kd has for it."""
    if name.startswith("wrn_"):
        depth, width = map(int, name.split("_")[1:])
        return Network(WideBlock, (depth - 4) // 6, (16, 16 * width, 32 * width, 64 * width), classes)
    wide = name.endswith("x4")
    depth = int(name.removeprefix("resnet").removesuffix("x4"))
    return Network(BasicBlock, (depth - 2) // 6, WIDE if wide else (16, 16, 32, 64), classes)


def weights_of(model):
    """{"layer/variable": array} of a keras_kd model, for `carry`."""
    return {f"{layer.name}/{one.name}": np.asarray(one) for layer in model.layers for one in layer.weights}


def carry(weights, network):
    """Gives a residual network of basic blocks the weights of keras_kd's.

    Args:
        weights: of `weights_of`; each is used once, which is asserted.
        network: a `Network` of `BasicBlock`s of that depth and those classes; it is changed.
    """
    left, state = dict(weights), {}

    def put(ours, theirs):
        for name, of_torch in (("kernel", "weight"), ("bias", "bias")):
            if f"{ours}/{name}" in left:
                value = left.pop(f"{ours}/{name}")
                value = value.transpose({4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim])
                state[f"{theirs}.{of_torch}"] = torch.from_numpy(np.ascontiguousarray(value))

    def put_both(ours, convolution, norm):
        put(f"{ours}_conv", convolution)
        for name, of_torch in NORMALISATION.items():
            state[f"{norm}.{of_torch}"] = torch.from_numpy(left.pop(f"{ours}_bn/{name}").copy())

    put_both("stem", "stem", "stem_norm")
    for number, stage in enumerate(network.stages):
        for place, block in enumerate(stage):
            ours, theirs = f"stage{number + 1}_block{place + 1}", f"stages.{number}.{place}"
            put_both(f"{ours}_1", f"{theirs}.first", f"{theirs}.first_norm")
            put_both(f"{ours}_2", f"{theirs}.second", f"{theirs}.second_norm")
            if block.shortcut is not None:
                put_both(f"{ours}_shortcut", f"{theirs}.shortcut.0", f"{theirs}.shortcut.1")
    put("logits", "logits")
    assert not left, f"left over: {', '.join(left)}"
    missing, unexpected = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)
    return network


NORMALISATION = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def parameters(model):
    """The number of trained parameters."""
    return sum(one.numel() for one in model.parameters())


def trainer(student, teachers, batches, loss_of, classes=100):
    """A function that trains over the batches once, the plain way: teacher without gradient, sum of losses, SGD.

    Args:
        student: a `Network`; teachers: a list of them, whose logits are averaged; or [].
        batches: [(float32 images NCHW, int64 labels)].
        loss_of: of (student's logits, maps, labels, teachers' logits, teacher's maps) to a scalar.
    """
    optimizer = torch.optim.SGD(student.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)
    for teacher in teachers:
        teacher.eval()

    def train():
        student.train()
        correct = 0
        for images, labels in batches:
            taught, taught_maps = None, None
            if teachers:
                with torch.no_grad():
                    said = [teacher(images) for teacher in teachers]
                taught, taught_maps = torch.stack([one for one, _ in said]).mean(0), said[0][1]
            logits, maps = student(images)
            loss = loss_of(logits, maps, labels, taught, taught_maps)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            correct += int((logits.argmax(1) == labels).sum())
        return correct

    return train
