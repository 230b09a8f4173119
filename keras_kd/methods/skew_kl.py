"""Ko, Kim, Chen, Yun: DistiLLM: Towards Streamlined Distillation for Large Language Models. ICML 2024,
arXiv:2402.03898: the skewed KL divergences, here of class probabilities."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import log_mixture
from keras_kd.utils.lazy import ops


class SkewKL(SoftenedLogitMethod):
    """KD against a mixture of both sides, so that no class costs without bound: T^2 KL(teacher || m).

    m = skew * teacher + (1 - skew) * student. With `reverse` it is T^2 KL(student || m) with m = (1 - skew) * teacher +
    skew * student.

    Args:
        skew: 0 to below 1; published 0.1. 0 is `kd`, with `reverse` `reverse_kl`.
        reverse: takes the divergence the other way round.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Ko et al. 2024, for tokens of a language model at temperature 1; jongwooko/distillm, distillm/losses.py, whose
        forward one is a cross-entropy: it has the teacher's entropy in addition, and the same gradient.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(SkewKL(skew=0.0).loss(signals, labels=None, adapters={})[0]), 4)  # KD
        0.2513
    """

    name: ClassVar[str] = "skew_kl"
    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Ko et al. 2024"
    cites: ClassVar[tuple[str, ...]] = ("ko2024distillm",)
    numbers_from: ClassVar[str] = "distillm (skew); weight of kd, none published for images"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    skew: float = Field(default=0.1, ge=0, lt=1, allow_inf_nan=False)
    reverse: bool = False

    def compare(self, student, teacher, labels, adapters):
        teacher, student = (ops.log_softmax(one / self.temperature, axis=-1) for one in (teacher, student))
        first, share = (student, self.skew) if self.reverse else (teacher, 1 - self.skew)
        mixture = log_mixture(student, teacher, share)
        return self.temperature**2 * ops.sum(ops.exp(first) * (first - mixture), axis=-1)
