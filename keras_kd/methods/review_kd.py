"""Chen, Liu, Zhao, Jia: Distilling Knowledge via Knowledge Review. CVPR 2021, arXiv:2104.09044."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.parts.pooling import adaptive_average_pool
from keras_kd.methods.tap_pairs import STAGES, TapPairs
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops

LEVELS = (4, 2, 1)


class ReviewKD(TapPairs):
    """The student reviews its early layers with its late ones to match each layer of the teacher.

    From the last layer to the first, a student's layer is fused by attention with what came from the later ones (1x1
    convolution, two attention maps, 3x3 convolution, batch normalisation), and compared with the teacher's: mean square
    differences of the whole maps and of the maps averaged down to 4x4, 2x2 and 1x1, weighted 1, 1/2, 1/4, 1/8 over
    their sum. Summed over the layers. The fusion is trained with the student and dropped at export.

    The published code raises the weight linearly over the first 20 epochs. Its weight is 0.6 for ResNet-56 to
    ResNet-20, 1 for ResNet-110 to ResNet-32, 5 for the wide ones. It takes the teacher's stages before their last
    ReLU; the default here is after it, as every network has these taps: name other layers in `teacher_taps`, such as
    "stage1_block9_add" of ResNet-56.

    Args:
        largest_mid_channels: the fused maps have as many channels as the student's last layer, but no more than this.
        student_taps, teacher_taps: layers from first to last, compared in pairs; a vector counts as a 1x1 map.

    Example:
        >>> import numpy as np
        >>> method = ReviewKD(student_taps=["map", "pooled"], teacher_taps=["map", "pooled"])
        >>> signals = {"student": {"map": np.ones((2, 4, 4, 3), "float32"), "pooled": np.ones((2, 8), "float32")},
        ...            "teacher": {"map": np.ones((2, 8, 8, 5), "float32"), "pooled": np.ones((2, 16), "float32")}}
        >>> tuple(method.loss(signals, labels=None, adapters=method.adapters(signals, networks={})).shape)
        (2,)
    """

    default_weight: ClassVar[float] = 0.6
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Chen et al. 2021"
    cites: ClassVar[tuple[str, ...]] = ("chen2021reviewkd",)
    numbers_from: ClassVar[str] = "the paper's scripts, ResNet-56 to ResNet-20"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    student_taps: tuple[str, ...] = Field(default=(*STAGES, "pooled"), min_length=1)
    teacher_taps: tuple[str, ...] = Field(default=(*STAGES, "pooled"), min_length=1)
    largest_mid_channels: int = Field(default=512, gt=0, le=10**6)

    def check(self, specs):
        super().check(specs)
        for role in ("student", "teacher"):
            for tap in self.taps(role):
                shape = tuple(specs[role][tap].shape)
                if len(shape) not in (2, 4):
                    raise UserError(
                        f"reviewkd: {role} tap {tap!r} is {shape}; expected maps (batch, height, width, channels) or "
                        f"vectors (batch, n): name other layers in {role}_taps"
                    )

    def adapters(self, specs, networks):
        pairs = self.pairs(specs)
        mid = min(self.largest_mid_channels, pairs[-1][0].shape[-1])
        layers = {}
        for number, (student, teacher) in enumerate(pairs):
            inputs, outputs = student.shape[-1], teacher.shape[-1]
            # The variance of PyTorch's kaiming_uniform with a=1, which has three times that of its default.
            layers[f"narrow_{number}"] = _built(inputs, mid, 1, uniform(inputs / 3))
            layers[f"narrow_normalization_{number}"] = _normalization(mid)
            layers[f"widen_{number}"] = _built(mid, outputs, 3, uniform(9 * mid / 3))
            layers[f"widen_normalization_{number}"] = _normalization(outputs)
            if number < len(pairs) - 1:
                layers[f"attention_{number}"] = _built(
                    2 * mid, 2, 1, uniform(2 * mid), bias_initializer=uniform(2 * mid), activation="sigmoid"
                )
        return layers

    def loss(self, signals, labels, adapters):
        total, later = 0.0, None
        for number, (student, teacher) in reversed(list(enumerate(self.pairs(signals)))):
            student, teacher = _as_maps(student), _as_maps(teacher)
            fused = adapters[f"narrow_normalization_{number}"](adapters[f"narrow_{number}"](student), training=True)
            if later is not None:
                later = _nearest(later, *fused.shape[1:3])
                attention = adapters[f"attention_{number}"](ops.concatenate([fused, later], axis=-1))
                fused = fused * attention[..., :1] + later * attention[..., 1:]
            later = _nearest(fused, *teacher.shape[1:3])
            told = adapters[f"widen_normalization_{number}"](adapters[f"widen_{number}"](later), training=True)
            total = total + _hierarchical(told, teacher)
        return total

    def matched(self, signals, labels):
        return None


def _built(inputs, outputs, kernel, kernel_initializer, **options):
    layer = keras.layers.Conv2D(
        outputs,
        kernel,
        padding="same",
        use_bias="bias_initializer" in options,
        kernel_initializer=kernel_initializer,
        **options,
    )
    layer.build((None, None, None, inputs))
    return layer


def _normalization(channels):
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    layer.build((None, None, None, channels))
    return layer


def _as_maps(features):
    return features if len(features.shape) == 4 else ops.reshape(features, (-1, 1, 1, features.shape[-1]))


def _nearest(maps, height, width):
    """Maps of another size, each position the nearest of the old ones, as in PyTorch."""
    _, h, w, _ = maps.shape
    if h != height:
        maps = ops.take(maps, np.arange(height) * h // height, axis=1)
    if w != width:
        maps = ops.take(maps, np.arange(width) * w // width, axis=2)
    return maps


def _hierarchical(student, teacher):
    """The mean square difference at several sizes: (batch,)."""
    _, height, width, _ = student.shape
    difference = student - teacher
    total, weight, weights = ops.mean(ops.square(difference), axis=(1, 2, 3)), 1.0, 1.0
    for level in LEVELS:
        if level < max(height, width):
            weight /= 2
            weights += weight
            # Averaging is linear: the average of the difference is the difference of the averages.
            averaged = adaptive_average_pool(difference, min(level, height), min(level, width))
            total = total + weight * ops.mean(ops.square(averaged), axis=(1, 2, 3))
    return total / weights
