"""Wang, Yang, Wang, Wang, Xu, Huang: ABKD: Pursuing a Proper Allocation of the Probability Mass in Knowledge
Distillation via alpha-beta-Divergence. ICML 2025, arXiv:2505.04560."""

from typing import ClassVar

from pydantic import Field, model_validator

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.utils.lazy import ops

# The least power that a schedule gets to: nearer to 0 the formula is lost in rounding.
LEAST = 0.01


class ABKD(SoftenedLogitMethod):
    """T^2 times the alpha-beta divergence of the softened distributions, KL(teacher || student) at alpha 1, beta 0.

    For p of the teacher and q of the student it is the sum over classes of -(p^a q^b - a/(a+b) p^(a+b) - b/(a+b)
    q^(a+b)) / (a b). A smaller alpha lets the student spread more, a larger beta makes it follow the teacher's peaks;
    alpha 0, beta 1 is the reverse KL.

    Args:
        alpha: 0 or more; published for resnet56 to resnet20 0.8.
        beta: 0 or more, not 0 with alpha; published 0.3. Where one is 0 the formula's limit is taken, where
            a schedule gets below 0.01 that.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Wang et al. 2025; ghwang-s/abkd, README and distillation_llm/distillm/losses.py, at temperature 1; the factor
        T^2 is ours.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(ABKD(alpha=1.0, beta=0.0).loss(signals, labels=None, adapters={})[0]), 4)  # KD
        0.2513
    """

    default_weight: ClassVar[float] = 32.0
    paper: ClassVar[str] = "Wang et al. 2025"
    cites: ClassVar[tuple[str, ...]] = ("wang2025abkd",)
    numbers_from: ClassVar[str] = "abkd README (resnet56 to resnet20)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    alpha: float = Field(default=0.8, ge=0, le=10, allow_inf_nan=False)
    beta: float = Field(default=0.3, ge=0, le=10, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some(self):
        if self.alpha + self.beta == 0:
            raise ValueError("alpha and beta are both 0; expected one of them above 0")
        return self

    def compare(self, student, teacher, labels, adapters):
        teacher, student = (ops.log_softmax(one / self.temperature, axis=-1) for one in (teacher, student))
        if _is_zero(self.beta):
            found = _limit(teacher, student, self.alpha)
        elif _is_zero(self.alpha):
            found = _limit(student, teacher, self.beta)
        else:
            found = _between(teacher, student, self.alpha, self.beta)
        return self.temperature**2 * ops.sum(found, axis=-1)


def _is_zero(power):
    """Of a number; one that is scheduled comes as a tensor, and is kept away from 0."""
    return isinstance(power, int | float) and power == 0


def _between(teacher, student, alpha, beta):
    alpha, beta = (one if isinstance(one, int | float) else ops.maximum(one, LEAST) for one in (alpha, beta))
    both = alpha + beta
    mixed = ops.exp(alpha * teacher + beta * student)
    alone = alpha / both * ops.exp(both * teacher) + beta / both * ops.exp(both * student)
    return (alone - mixed) / (alpha * beta)


def _limit(first, second, power):
    """As the other power goes to 0: (p^a log(p^a / q^a) - p^a + q^a) / a^2."""
    p, q = ops.exp(power * first), ops.exp(power * second)
    return (p * power * (first - second) - p + q) / power**2
