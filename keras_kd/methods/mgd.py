"""Yang, Li, Shao, Shi, Yuan, Yuan: Masked Generative Distillation. ECCV 2022, arXiv:2205.01529."""

from typing import ClassVar, Literal

from pydantic import Field

from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.tap_pairs import TapPair
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class MGD(TapPair):
    """The teacher's map is generated from a masked one of the student's: sum over the map of (G(mask A(s)) - t)^2.

    In each step a random part of the student's map is set to zero, drawn for each example; G is two 3x3 convolutions
    with a ReLU between them, A a 1x1 convolution to as many channels as the teacher's where these differ. A and G are
    trained with the student and dropped at export. The sum runs over positions and channels, so the weight that suits
    depends on the size of the map: the authors' 7e-5 is for 7x7 maps of ImageNet, and none is published for CIFAR.

    The authors mask channels for classification (share 0.15, weight 7e-5), positions for dense tasks (share 0.5 to
    0.65, weight 2e-5).

    Args:
        student_tap, teacher_tap: layers whose maps have one size.
        mask: "channel" or "position": what is set to zero.
        mask_ratio: the share of them that is, on average; 0..1.

    Source: yzd-v/cls_KD.

    Example:
        >>> import numpy as np
        >>> signals = {"student": {"stage3": np.zeros((2, 4, 4, 3), "float32")},
        ...            "teacher": {"stage3": np.ones((2, 4, 4, 5), "float32")}}
        >>> method = MGD()
        >>> tuple(method.loss(signals, labels=None, adapters=method.adapters(signals, networks={})).shape)
        (2,)
    """

    default_weight: ClassVar[float] = 7e-5
    trains_adapters: ClassVar[bool] = True
    # The mask is drawn for each place in the batch.
    order_matters: ClassVar[bool] = True
    paper: ClassVar[str] = "Yang et al. 2022"
    cites: ClassVar[tuple[str, ...]] = ("yang2022mgd",)
    numbers_from: ClassVar[str] = "authors' code, for ImageNet"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    student_tap: str = "stage3"
    teacher_tap: str = "stage3"
    mask: Literal["channel", "position"] = "channel"
    mask_ratio: float = Field(default=0.15, ge=0, le=1)

    def check(self, specs):
        super().check(specs)
        student, teacher = (tuple(one.shape) for one in self.pair(specs))
        if len(student) != 4 or len(teacher) != 4 or student[1:3] != teacher[1:3]:
            raise UserError(
                f"mgd: student tap {self.student_tap!r} is {student}, teacher tap {self.teacher_tap!r} is {teacher}; "
                "expected maps (batch, height, width, channels) of one size: name other layers in student_tap and "
                "teacher_tap"
            )

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.random_draws import RandomDraws

        student, teacher = (one.shape[-1] for one in self.pair(specs))
        layers = {"draws": RandomDraws()}
        if student != teacher:
            layers["align"] = _convolution(student, teacher, 1)
        layers["generate_1"] = _convolution(teacher, teacher, 3, activation="relu")
        layers["generate_2"] = _convolution(teacher, teacher, 3)
        return layers

    def loss(self, signals, labels, adapters):
        student, teacher = self.pair(signals)
        batch, (_, height, width, channels) = ops.shape(student)[0], teacher.shape
        shape = (batch, 1, 1, channels) if self.mask == "channel" else (batch, height, width, 1)
        return self.generated(student, teacher, adapters["draws"].uniform(shape), adapters)

    def generated(self, student, teacher, uniforms, adapters):
        """The loss of each example where the mask is zero at uniform numbers below `mask_ratio`.

        Args:
            student: float32 tensor (batch, height, width, channels).
            teacher: float32 tensor (batch, height, width, channels of the teacher).
            uniforms: float32 tensor of numbers in 0..1, (batch, 1, 1, channels of the teacher) or (batch, height,
                width, 1).
            adapters: as in `loss`.

        Returns:
            float32 tensor (batch,).
        """
        aligned = adapters["align"](student) if "align" in adapters else student
        kept = ops.cast(uniforms >= self.mask_ratio, "float32")
        generated = adapters["generate_2"](adapters["generate_1"](kept * aligned))
        return ops.sum(ops.square(generated - teacher), axis=(1, 2, 3))

    def matched(self, signals, labels):
        return None


def _convolution(inputs, outputs, kernel, **options):
    fan_in = kernel * kernel * inputs
    layer = keras.layers.Conv2D(
        outputs,
        kernel,
        padding="same",
        kernel_initializer=uniform(fan_in),
        bias_initializer=uniform(fan_in),
        **options,
    )
    layer.build((None, None, None, inputs))
    return layer
