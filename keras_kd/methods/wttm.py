"""Zheng, Yang: Knowledge Distillation Based on Transformed Teacher Matching. ICLR 2024, arXiv:2402.11148: the
weighted form."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.utils.lazy import ops


class WTTM(LogitMethod):
    """TTM with examples weighed by how smooth the teacher is: Z KL(p^g / Z || student), Z = sum p^g.

    Z is 1 for a certain teacher and C^(1 - g) for a uniform one, for exponents below 1. The weights are not normalised
    over the batch.

    Args:
        exponent: the power g, above 0; published 0.1 to 0.2. With 1, Z is 1 and this is KD at temperature 1.
        standardize, target: see `LogitMethod`.

    Source:
        Zheng and Yang 2024; the published weight, 4 at exponent 0.2, is that of vgg13 to vgg8 together with CRD.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(WTTM(exponent=0.25).loss(signals, labels=None, adapters={})[0]), 4)
        0.0427
    """

    default_weight: ClassVar[float] = 4.0
    paper: ClassVar[str] = "Zheng and Yang 2024"
    cites: ClassVar[tuple[str, ...]] = ("zheng2024ttm",)
    numbers_from: ClassVar[str] = "TTM README (vgg13 to vgg8, together with CRD)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    exponent: float = Field(default=0.2, gt=0, le=100, allow_inf_nan=False)

    def target_temperature(self, adapters):
        return 1 / self.exponent

    def best(self, teacher, labels):
        return self.exponent * teacher

    def compare(self, student, teacher, labels, adapters):
        powers = ops.exp(self.exponent * ops.log_softmax(teacher, axis=-1))
        return ops.sum(powers, axis=-1) * kl_divergence(self.exponent * teacher, student)
