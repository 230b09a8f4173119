"""Zhao, Cui, Song, Qiu, Liang: Decoupled Knowledge Distillation. CVPR 2022, arXiv:2203.08679."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import is_class, kl_divergence, one_against_rest
from keras_kd.utils.lazy import ops


class DKD(SoftenedLogitMethod):
    """KD in two parts with weights of their own: T^2 (alpha target part + beta non-target part).

    The target part is the KL of (p[y], 1 - p[y]), the label against the rest; the non-target part that of the
    distribution over the other classes. KD is the same with alpha 1 and, for each example, beta = 1 - p_teacher[y]. The
    published training lets the term's weight rise over the first 20 epochs: `weight: {end_value: 1.0, duration: 20}`.

    Args:
        alpha: weight of the target part, 0 or more.
        beta: weight of the non-target part, 0 or more; published: 2 for resnet56 to resnet20, 8 for resnet32x4 to
            resnet8x4, 6 for wrn_40_2 to wrn_16_2.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Zhao et al. 2022, equation 7; values as in mdistiller, finite for logits of any size.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(DKD().loss(signals, labels=np.array([0]), adapters={})[0]), 4)
        0.5005
    """

    default_weight: ClassVar[float] = 1.0
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Zhao et al. 2022"
    cites: ClassVar[tuple[str, ...]] = ("zhao2022dkd",)
    numbers_from: ClassVar[str] = "mdistiller, configs/cifar100/dkd/res56_res20.yaml"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    alpha: float = Field(default=1.0, ge=0, le=1e6, allow_inf_nan=False)
    beta: float = Field(default=2.0, ge=0, le=1e6, allow_inf_nan=False)

    def compare(self, student, teacher, labels, adapters):
        student, teacher = student / self.temperature, teacher / self.temperature
        label = is_class(labels, student.shape[-1])
        target = kl_divergence(one_against_rest(teacher, label), one_against_rest(student, label))
        non_target = kl_divergence(teacher, student, kept=ops.logical_not(label))
        return self.temperature**2 * (self.alpha * target + self.beta * non_target)
