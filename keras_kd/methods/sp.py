"""Tung, Mori: Similarity-Preserving Knowledge Distillation. ICCV 2019, arXiv:1907.09682."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.vectors import flat, largest_one, unit_length
from keras_kd.methods.tap_pairs import TapPairs
from keras_kd.methods.taxonomy import STUDIED
from keras_kd.utils.lazy import ops


class SP(TapPairs):
    """Examples that are alike to the teacher are alike to the student: ||G_teacher - G_student||_F^2 / batch^2.

    G is the batch's matrix of inner products, each row scaled to unit length. Layers may differ in every size but the
    batch. The loss is of the batch as a whole, summed over pairs.

    Args:
        student_taps, teacher_taps: layers compared in pairs; the last maps in the paper.

    Example:
        >>> import numpy as np
        >>> student = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
        >>> teacher = np.array([[1.0, 0.0], [1.0, 0.0]], "float32")
        >>> method = SP(student_taps=["pooled"], teacher_taps=["pooled"])
        >>> signals = {"student": {"pooled": student}, "teacher": {"pooled": teacher}}
        >>> round(float(method.loss(signals, labels=None, adapters={})), 4)
        0.2929
    """

    default_weight: ClassVar[float] = 3000.0
    paper: ClassVar[str] = "Tung and Mori 2019"
    cites: ClassVar[tuple[str, ...]] = ("tung2019sp",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = STUDIED
    student_taps: tuple[str, ...] = Field(default=("stage3",), min_length=1)
    teacher_taps: tuple[str, ...] = Field(default=("stage3",), min_length=1)

    def loss(self, signals, labels, adapters):
        # The mean over the matrix is the division by the square of the batch.
        return sum(
            ops.mean(ops.square(_similarities(student) - _similarities(teacher)))
            for student, teacher in self.pairs(signals)
        )


def _similarities(features):
    """How alike the examples are: (batch, batch), rows of unit length."""
    features = largest_one(flat(features), axis=(0, 1))
    return unit_length(ops.matmul(features, ops.transpose(features)))
