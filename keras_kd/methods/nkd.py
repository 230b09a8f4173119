"""Yang, Zeng, Yuan, Li: From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized
Loss and Customized Soft Labels. ICCV 2023, arXiv:2303.13005."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import is_class, log_softmax_over
from keras_kd.utils.lazy import ops


class NKD(SoftenedLogitMethod):
    """Two cross-entropies: of the label, -p_t[y] log p_s[y], and gamma T^2 times that over the other classes.

    The other classes' probabilities are made to sum to 1 on both sides, so that what the teacher says of them can be
    reached. The label's part is at temperature 1. Neither part is 0 where the student does as its teacher.

    Args:
        gamma: weight of the other classes' part, 0 or more; published 1.5.
        temperature: of that part, 0.0001 or more; published 1.
        standardize, target: see `LogitMethod`.

    Source:
        Yang et al. 2023; yzd-v/cls_KD, mmcls/models/dis_losses/nkd.py.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(NKD(gamma=0.0).loss(signals, labels=np.array([0]), adapters={})[0]), 4)  # -0.644 log 0.427
        0.5481
    """

    default_weight: ClassVar[float] = 1.0
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Yang et al. 2023"
    cites: ClassVar[tuple[str, ...]] = ("yang2023nkd",)
    numbers_from: ClassVar[str] = "cls_KD (ImageNet)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    zero_when_matched: ClassVar[bool] = False
    gamma: float = Field(default=1.5, ge=0, le=1e6, allow_inf_nan=False)
    temperature: float = Field(default=1.0, ge=1e-4, le=1e4, allow_inf_nan=False)

    def matched(self, signals, labels):
        return None  # the label's part falls for ever as the student gets surer of it

    def compare(self, student, teacher, labels, adapters):
        label = is_class(labels, student.shape[-1])
        others = ops.logical_not(label)
        both = ops.exp(ops.log_softmax(teacher, axis=-1)) * ops.log_softmax(student, axis=-1)
        target = -ops.sum(ops.where(label, both, 0.0), axis=-1)
        log_teacher, log_student = (log_softmax_over(one / self.temperature, others) for one in (teacher, student))
        of_others = -ops.sum(ops.where(others, ops.exp(log_teacher) * log_student, 0.0), axis=-1)
        return target + self.gamma * self.temperature**2 * of_others
