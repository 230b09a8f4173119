"""Zheng, Yang: Knowledge Distillation Based on Transformed Teacher Matching. ICLR 2024, arXiv:2402.11148."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.methods.parts.divergence import kl_divergence


class TTM(LogitMethod):
    """The student, at temperature 1, follows the teacher's power transform: KL(p^g / sum p^g || student).

    Only the teacher is softened, p^g / sum p^g being its softmax at temperature 1 / g, and there is no factor T^2. That
    adds a Renyi entropy of the student to what KD minimises.

    Args:
        exponent: the power g, above 0; published 0.1 to 0.2. 1 is KD at temperature 1.
        standardize, target: see `LogitMethod`.

    Source:
        Zheng and Yang 2024; the published weight, 45, is that of vgg13 to vgg8 at exponent 0.1.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(TTM(exponent=0.25).loss(signals, labels=None, adapters={})[0]), 4)
        0.0167
    """

    default_weight: ClassVar[float] = 45.0
    paper: ClassVar[str] = "Zheng and Yang 2024"
    cites: ClassVar[tuple[str, ...]] = ("zheng2024ttm",)
    numbers_from: ClassVar[str] = "TTM README (vgg13 to vgg8)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    exponent: float = Field(default=0.1, gt=0, le=100, allow_inf_nan=False)

    def target_temperature(self, adapters):
        return 1 / self.exponent

    def best(self, teacher, labels):
        return self.exponent * teacher

    def compare(self, student, teacher, labels, adapters):
        return kl_divergence(self.exponent * teacher, student)
