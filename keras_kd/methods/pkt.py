"""Passalis, Tefas: Learning Deep Representations with Probabilistic Knowledge Transfer. ECCV 2018, arXiv:1803.10837."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.parts.vectors import SMALLEST, flat
from keras_kd.methods.tap_pairs import TapPair
from keras_kd.utils.lazy import ops


class PKT(TapPair):
    """Who is whose neighbour, as the teacher sees it: mean of P_teacher log(P_teacher / P_student).

    P[i, j] is the cosine of examples i and j, moved to 0..1 and divided by the sum of its row. The mean is over all
    entries, the loss of the batch as a whole.

    Args:
        eps: added to lengths and to probabilities.
        student_tap, teacher_tap: layers whose sizes may differ.

    Example:
        >>> import numpy as np
        >>> student = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
        >>> teacher = np.array([[1.0, 0.0], [1.0, 0.0]], "float32")
        >>> signals = {"student": {"pooled": student}, "teacher": {"pooled": teacher}}
        >>> round(float(PKT().loss(signals, labels=None, adapters={})), 4)
        0.0294
    """

    default_weight: ClassVar[float] = 30000.0
    paper: ClassVar[str] = "Passalis and Tefas 2018"
    cites: ClassVar[tuple[str, ...]] = ("passalis2018pkt",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    eps: float = Field(default=1e-7, gt=0, le=1e6, allow_inf_nan=False)

    def loss(self, signals, labels, adapters):
        student, teacher = (self._neighbours(flat(features)) for features in self.pair(signals))
        return ops.mean(teacher * (ops.log(teacher + self.eps) - ops.log(student + self.eps)))

    def _neighbours(self, vectors):
        """The probability of each example as a neighbour of each: (batch, batch), rows sum to 1."""
        square = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
        some = square > SMALLEST
        length = ops.where(some, ops.sqrt(ops.where(some, square, 1.0)), 0.0)
        vectors = vectors / (length + self.eps)
        # Rounding may take the cosine of opposite vectors below -1.
        similarity = ops.maximum((ops.matmul(vectors, ops.transpose(vectors)) + 1) / 2, 0.0)
        return similarity / ops.sum(similarity, axis=-1, keepdims=True)
