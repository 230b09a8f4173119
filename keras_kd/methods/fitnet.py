"""Romero, Ballas, Kahou, Chassang, Gatta, Bengio: FitNets: Hints for Thin Deep Nets. ICLR 2015, arXiv:1412.6550."""

from typing import ClassVar

from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.parts.pooling import adaptive_average_pool
from keras_kd.methods.tap_pairs import TapPair, name_of
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class FitNet(TapPair):
    """A middle layer of the student, through a regressor, equals the teacher's: mean (regressor(s) - t)^2.

    The regressor is trained with the student and dropped at export. Of maps it is a convolution, batch normalisation
    and ReLU: 3x3 with stride 2 to halve the size, a transposed 4x4 with stride 2 to double it, else the kernel that
    takes the student's size to the teacher's (1x1 where they are equal). Where the teacher's map is larger, but not
    double, it is averaged down to the student's size. Of vectors it is a linear layer. The paper trains up to the hint
    first and then the rest; here, as in RepDistiller, it is one term of one training.

    Args:
        student_tap, teacher_tap: layers with maps, or layers with vectors.
        regressor: False compares the layers themselves, of equal channels, the larger maps averaged down.

    Example:
        >>> import numpy as np
        >>> method = FitNet(student_tap="pooled", teacher_tap="pooled")
        >>> signals = {"student": {"pooled": np.zeros((2, 8), "float32")},
        ...            "teacher": {"pooled": np.ones((2, 16), "float32")}}
        >>> adapters = method.adapters(signals, networks={})
        >>> tuple(method.loss(signals, labels=None, adapters=adapters).shape)
        (2,)
    """

    default_weight: ClassVar[float] = 100.0
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Romero et al. 2015"
    cites: ClassVar[tuple[str, ...]] = ("romero2015fitnets",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = STUDIED
    student_tap: str = "stage2"
    teacher_tap: str = "stage2"
    regressor: bool = True

    def check(self, specs):
        super().check(specs)
        student, teacher = (tuple(one.shape) for one in self.pair(specs))
        if len(student) != len(teacher) or len(student) not in (2, 4):
            raise UserError(
                f"{name_of(self)}: student tap {self.student_tap!r} is {student}, teacher tap {self.teacher_tap!r} is "
                f"{teacher}; expected two maps (batch, height, width, channels) or two vectors (batch, n): name layers "
                "of one kind"
            )
        if not self.regressor and student[-1] != teacher[-1]:
            raise UserError(
                f"{name_of(self)}: regressor is false, and the student's {self.student_tap!r} has {student[-1]} "
                f"channels, the teacher's {self.teacher_tap!r} {teacher[-1]}; expected as many: leave regressor out"
            )

    def adapters(self, specs, networks):
        if not self.regressor:
            return {}
        student, teacher = (tuple(one.shape)[1:] for one in self.pair(specs))
        layers = _linear(student, teacher) if len(student) == 1 else _convolutional(student, teacher)
        return {"regressor": keras.Sequential([keras.Input(student), *layers])}

    def loss(self, signals, labels, adapters):
        student, teacher = self.pair(signals)
        if self.regressor:
            student = adapters["regressor"](student, training=True)
        elif len(student.shape) == 4:
            student = adaptive_average_pool(student, *map(min, student.shape[1:3], teacher.shape[1:3]))
        if len(teacher.shape) == 4:
            teacher = adaptive_average_pool(teacher, *student.shape[1:3])
        return ops.mean(ops.square(student - teacher), axis=tuple(range(1, len(teacher.shape))))

    def matched(self, signals, labels):
        return None if self.regressor else super().matched(signals, labels)


def _linear(student, teacher):
    inputs = student[-1]
    return [keras.layers.Dense(teacher[-1], kernel_initializer=uniform(inputs), bias_initializer=uniform(inputs))]


def _convolutional(student, teacher):
    channels = student[-1]
    if all(own == 2 * other for own, other in zip(student[:2], teacher[:2], strict=True)):
        # PyTorch pads both sides alike; "same" with strides pads only the end of an even map.
        layers = [keras.layers.ZeroPadding2D(1), _convolution(teacher[-1], channels, (3, 3), strides=2)]
    elif all(2 * own == other for own, other in zip(student[:2], teacher[:2], strict=True)):
        fan_in = 16 * teacher[-1]  # as PyTorch counts it for transposed convolutions
        layers = [
            keras.layers.Conv2DTranspose(
                teacher[-1],
                4,
                strides=2,
                padding="same",
                kernel_initializer=uniform(fan_in),
                bias_initializer=uniform(fan_in),
            )
        ]
    else:
        kernel = tuple(1 + max(own - other, 0) for own, other in zip(student[:2], teacher[:2], strict=True))
        layers = [_convolution(teacher[-1], channels, kernel)]
    normalization = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    return [*layers, normalization, keras.layers.ReLU()]


def _convolution(filters, channels, kernel, strides=1):
    inputs = kernel[0] * kernel[1] * channels
    return keras.layers.Conv2D(
        filters, kernel, strides, kernel_initializer=uniform(inputs), bias_initializer=uniform(inputs)
    )
