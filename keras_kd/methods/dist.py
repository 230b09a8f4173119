"""Huang, You, Wang, Qian, Xu: Knowledge Distillation from A Stronger Teacher. NeurIPS 2022, arXiv:2205.10536."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.utils.lazy import ops


class DIST(SoftenedLogitMethod):
    """The student's softened probabilities correlate with the teacher's, for each example and for each class:
    T^2 (beta (1 - mean correlation of the rows) + gamma (1 - mean correlation of the columns)).

    The columns are the probabilities of one class over the batch, so the loss is of the batch as a whole and depends on
    its size. A student that only scales or shifts the teacher's probabilities loses nothing.

    Args:
        beta: weight of the relations between classes (rows), 0 or more.
        gamma: weight of the relations within a class (columns), 0 or more.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Huang et al. 2022; T^2 and the 1e-8 added to the product of norms as in the authors' code
        (image_classification_sota).

    Example:
        >>> import numpy as np
        >>> teacher = np.array([[2.0, 1.0, 0.0, -1.0], [0.5, -0.5, 3.0, 1.0]], "float32")
        >>> student = np.array([[1.0, 0.5, 0.0, 0.0], [1.0, 0.0, 1.0, 2.0]], "float32")
        >>> signals = {"teacher": {"logits": teacher}, "student": {"logits": student}}
        >>> round(float(DIST().loss(signals, labels=None, adapters={})), 4)
        6.2124
    """

    default_weight: ClassVar[float] = 2.0
    sums_over_classes: ClassVar[bool] = False
    paper: ClassVar[str] = "Huang et al. 2022"
    cites: ClassVar[tuple[str, ...]] = ("huang2022dist",)
    numbers_from: ClassVar[str] = "the paper's scripts, configs/strategies/distill/dist_cifar.yaml"
    knowledge: ClassVar[str] = "relation"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {
        "capacity gap": "the paper, abstract: a stronger teacher is not matched exactly"
    }
    beta: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)
    gamma: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)

    def compare(self, student, teacher, labels, adapters):
        student = ops.softmax(student / self.temperature, axis=-1)
        teacher = ops.softmax(teacher / self.temperature, axis=-1)
        between_classes = 1 - ops.mean(_correlation(student, teacher, axis=1))
        within_classes = 1 - ops.mean(_correlation(student, teacher, axis=0))
        return self.temperature**2 * (self.beta * between_classes + self.gamma * within_classes)


def _correlation(one, other, axis):
    """Pearson's correlation along an axis; 0 where one side is constant."""
    one = one - ops.mean(one, axis=axis, keepdims=True)
    other = other - ops.mean(other, axis=axis, keepdims=True)
    return ops.sum(one * other, axis=axis) / (_norm(one, axis) * _norm(other, axis) + 1e-8)


def _norm(values, axis):
    square = ops.sum(ops.square(values), axis=axis)
    # The square root has no finite gradient at 0.
    return ops.where(square > 0, ops.sqrt(ops.where(square > 0, square, 1.0)), 0.0)
