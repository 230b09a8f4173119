"""Chi, Zheng, Li, Yang, Wu, Lin, Cai: NormKD: Normalized Logits for Knowledge Distillation. 2023, arXiv:2308.00520."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.utils.lazy import ops

# So that a row of equal logits has a temperature too.
TINY = 1e-12


class NormKD(LogitMethod):
    """KD with a temperature for each example and side, in proportion to how far its logits spread: T_t^2 KL.

    T is `temperature_norm` times the standard deviation of the row of logits, the student's own for the student, which
    carries a gradient. It is KD on standardised logits, weighed by T_t^2.

    Args:
        temperature_norm: above 0; published 2.
        standardize, target: see `LogitMethod`; the target is read at temperature 1.

    Source:
        Chi et al. 2023; gizi1/NormKD, mdistiller/distillers/NormKD.py. There a row of equal logits gives NaN.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[4.0, 2.0, 0.0, -2.0]], "float32")}}
        >>> round(float(NormKD().loss(signals, labels=None, adapters={})[0]), 4)  # alike but for their size
        0.0
    """

    name: ClassVar[str] = "normkd"
    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Chi et al. 2023"
    cites: ClassVar[tuple[str, ...]] = ("chi2023normkd",)
    numbers_from: ClassVar[str] = "NormKD, mdistiller/engine/cfg.py"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    # A class more changes the deviation.
    sums_over_classes: ClassVar[bool] = False
    temperature_norm: float = Field(default=2.0, gt=0, le=1e4, allow_inf_nan=False)

    def compare(self, student, teacher, labels, adapters):
        (student, of_student), (teacher, of_teacher) = self._softened(student), self._softened(teacher)
        return of_teacher[:, 0] ** 2 * kl_divergence(teacher / of_teacher, student / of_student)

    def _softened(self, logits):
        """(logits around their mean, the temperature of each row)."""
        # As in `standardized`: of equal logits nothing is left that a compiler could round twice.
        logits = logits - ops.stop_gradient(ops.max(logits, axis=-1, keepdims=True))
        around = logits - ops.mean(logits, axis=-1, keepdims=True)
        squares = ops.sum(around**2, axis=-1, keepdims=True) / max(1, logits.shape[-1] - 1)
        return around, self.temperature_norm * ops.sqrt(squares + TINY)
