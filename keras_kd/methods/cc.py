"""Peng, Jin, Liu, Zhou, Wu, Liu, Li, Zhang: Correlation Congruence for Knowledge Distillation. ICCV 2019,
arXiv:1904.01802."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.initial import uniform
from keras_kd.methods.parts.vectors import flat
from keras_kd.methods.tap_pairs import TapPair
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import keras, ops


class CC(TapPair):
    """Examples that follow each other do not err alike: mean over i of the sum of |s - t|[i] |s - t|[i + 1].

    s and t are linear embeddings of both networks' features, trained with the student and dropped at export. Each
    example meets the next one of the batch, so the order of the batch counts; the loss is of the batch as a whole. This
    form is that of RepDistiller, which has it from an author of the paper.

    Args:
        embedding_size: of the embeddings; 0 takes the features as they are, which must then be equal in size.
        student_tap, teacher_tap: layers whose sizes may differ.

    Example:
        >>> import numpy as np
        >>> student, teacher = np.ones((3, 4), "float32"), np.zeros((3, 4), "float32")
        >>> signals = {"student": {"pooled": student}, "teacher": {"pooled": teacher}}
        >>> float(CC(embedding_size=0).loss(signals, labels=None, adapters={}))
        4.0
    """

    default_weight: ClassVar[float] = 0.02
    order_matters: ClassVar[bool] = True
    trains_adapters: ClassVar[bool] = True
    paper: ClassVar[str] = "Peng et al. 2019"
    cites: ClassVar[tuple[str, ...]] = ("peng2019cc",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    embedding_size: int = Field(default=128, ge=0, le=10**6)

    def check(self, specs):
        super().check(specs)
        shapes = [tuple(one.shape) for one in self.pair(specs)]
        if not self.embedding_size and _size(shapes[0]) != _size(shapes[1]):
            raise UserError(
                f"cc: student tap {self.student_tap!r} is {shapes[0]}, teacher tap {self.teacher_tap!r} is "
                f"{shapes[1]}; without embeddings they must be equal in size: set embedding_size, such as 128"
            )

    def adapters(self, specs, networks):
        if not self.embedding_size:
            return {}
        student, teacher = (_size(one.shape) for one in self.pair(specs))
        return {"student": self._embedding(student), "teacher": self._embedding(teacher)}

    def _embedding(self, size):
        layer = keras.layers.Dense(
            self.embedding_size,
            kernel_initializer=uniform(size),
            bias_initializer=uniform(size),
        )
        layer.build((None, size))
        return layer

    def loss(self, signals, labels, adapters):
        student, teacher = (flat(features) for features in self.pair(signals))
        if adapters:
            student, teacher = adapters["student"](student), adapters["teacher"](teacher)
        difference = ops.abs(student - teacher)
        neighbours = ops.sum(difference[:-1] * difference[1:], axis=-1)
        # A batch of one has no neighbours.
        count = ops.maximum(ops.shape(difference)[0] - 1, 1)
        return ops.sum(neighbours) / ops.cast(count, "float32")

    def matched(self, signals, labels):
        return None if self.embedding_size else super().matched(signals, labels)


def _size(shape):
    size = 1
    for length in shape[1:]:
        size *= length
    return size
