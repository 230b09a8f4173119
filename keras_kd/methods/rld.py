"""Sun, Chen, Lyu, Chen, Chen, Wang: Knowledge Distillation with Refined Logits. ICCV 2025, arXiv:2408.07703."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import is_class, kl_divergence, log_sum_over, one_against_rest
from keras_kd.utils.lazy import ops


class RLD(SoftenedLogitMethod):
    """The teacher's confidence goes to the label, and its relations count only among classes below the label:
    alpha A^2 confidence part + beta T^2 relations part.

    The confidence part is the KL of (max p_teacher, 1 - max) and (p_student[y], 1 - p_student[y]) at temperature A,
    also where the teacher is wrong. The relations part is the KL over the classes that the teacher ranks strictly below
    the label, and 0 where there are none. The published training lets the term's weight rise over the first 20 epochs:
    `weight: {end_value: 1.0, duration: 20}`.

    Args:
        alpha: weight of the confidence part, 0 or more.
        beta: weight of the relations part, 0 or more.
        temperature: of the relations part, and of a `target`; 0.0001 or more.
        alpha_temperature: of the confidence part; 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Sun et al. 2024; as in the authors' code, finite for logits of any size.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(RLD().loss(signals, labels=np.array([0]), adapters={})[0]), 4)
        1.5717
    """

    default_weight: ClassVar[float] = 1.0
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Sun et al. 2025"
    cites: ClassVar[tuple[str, ...]] = ("sun2025rld",)
    numbers_from: ClassVar[str] = "RLD, mdistiller/engine/cfg.py"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    alpha: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)
    beta: float = Field(default=8.0, ge=0, le=1e6, allow_inf_nan=False)
    alpha_temperature: float = Field(default=1.0, ge=1e-4, le=1e4, allow_inf_nan=False)

    def compare(self, student, teacher, labels, adapters):
        classes = student.shape[-1]
        label, first = is_class(labels, classes), is_class(ops.argmax(teacher, axis=-1), classes)
        confidence = kl_divergence(
            one_against_rest(teacher / self.alpha_temperature, first),
            one_against_rest(student / self.alpha_temperature, label),
        )
        below = teacher < ops.sum(ops.where(label, teacher, 0.0), axis=-1, keepdims=True)
        relations = kl_divergence(teacher / self.temperature, student / self.temperature, kept=below)
        return self.alpha * self.alpha_temperature**2 * confidence + self.beta * self.temperature**2 * relations

    def best(self, teacher, labels):
        """The teacher's logits, that of the label raised until it is as likely as the teacher's first class."""
        label = is_class(labels, teacher.shape[-1])
        scaled = teacher / self.alpha_temperature
        pair = one_against_rest(scaled, is_class(ops.argmax(teacher, axis=-1), teacher.shape[-1]))
        raised = pair[:, :1] - pair[:, 1:] + log_sum_over(scaled, ops.logical_not(label))
        return ops.where(label, self.alpha_temperature * raised, teacher)
