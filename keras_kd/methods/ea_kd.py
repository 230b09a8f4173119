"""Su, Tseng, Pu, Zhao, Yang, Chen, Lee: EA-KD: Entropy-based Adaptive Knowledge Distillation. ICCV 2025,
arXiv:2311.13621."""

import math
from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.utils.lazy import ops


class EAKD(SoftenedLogitMethod):
    """KD in which examples of which the teacher is unsure weigh more, the more so where the student is unsure too.

    The weight is H_t / 2 (1 + H_s / bound), H an entropy at a temperature of its own. It carries no gradient, and its
    mean is not 1: the loss is about H_t times that of KD.

    Args:
        entropy_temperature: at which entropies are taken, 0.0001 or more; published 3.
        entropy_bound: what H_s is divided by; None for log(classes), the largest that it can be. The authors' code has
            100 on CIFAR-100, which is no bound of an entropy, and log 1000 on ImageNet.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Su et al. 2025; cpsu00/EA-KD, mdistiller/distillers/KD.py.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(EAKD().loss(signals, labels=None, adapters={})[0]), 4)
        0.3306
    """

    name: ClassVar[str] = "ea_kd"
    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Su et al. 2025"
    cites: ClassVar[tuple[str, ...]] = ("su2025eakd",)
    numbers_from: ClassVar[str] = "EA-KD (weights of mdistiller's KD)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    # The bound of an entropy grows with the classes.
    sums_over_classes: ClassVar[bool] = False
    entropy_temperature: float = Field(default=3.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    entropy_bound: float | None = Field(default=None, gt=0, le=1e6, allow_inf_nan=False)

    def compare(self, student, teacher, labels, adapters):
        bound = self.entropy_bound or math.log(max(2, student.shape[-1]))
        weight = self._entropy(teacher) / 2 * (1 + self._entropy(student) / bound)
        divergence = kl_divergence(teacher / self.temperature, student / self.temperature)
        return self.temperature**2 * ops.stop_gradient(weight) * divergence

    def _entropy(self, logits):
        log_probability = ops.log_softmax(logits / self.entropy_temperature, axis=-1)
        return -ops.sum(ops.exp(log_probability) * log_probability, axis=-1)
