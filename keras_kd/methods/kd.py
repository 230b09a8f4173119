"""Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network. NIPS 2014 Deep Learning Workshop,
arXiv:1503.02531."""

from typing import ClassVar

from pydantic import Field

from keras_kd.errors import UserError
from keras_kd.methods.base import Method
from keras_kd.methods.divergence import kl_divergence


class KD(Method):
    """The student's softened distribution follows the teacher's: T^2 KL(teacher^T || student^T).

    The factor T^2 keeps the gradient's size when the temperature changes (section 2 of the paper). Published weights
    are 0.9 for this term and 0.1 for the labels, at temperature 4 (RepDistiller).

    Args:
        temperature: above 0; both sides' logits are divided by it.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(KD(temperature=4.0).loss(signals, labels=None, glue={})[0]), 4)
        0.2513
    """

    default_weight: ClassVar[float] = 0.9
    temperature: float = Field(4.0, gt=0, allow_inf_nan=False)

    def check(self, specs):
        teacher, student = (specs[role]["logits"].shape[-1] for role in ("teacher", "student"))
        if teacher != student:
            raise UserError(
                f"kd: the teacher gives {teacher} classes, the student {student}; both must name the same classes in "
                "the same order: give the student's last layer as many units as the teacher's"
            )

    def loss(self, signals, labels, glue):
        teacher = signals["teacher"]["logits"] / self.temperature
        student = signals["student"]["logits"] / self.temperature
        return self.temperature**2 * kl_divergence(teacher, student)
