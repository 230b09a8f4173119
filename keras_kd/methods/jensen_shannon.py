"""Wen, Li, Du, Mou: f-Divergence Minimization for Sequence-Level Knowledge Distillation. ACL 2023, arXiv:2307.15190:
the Jensen-Shannon divergence, here of class probabilities."""

import math
from typing import ClassVar

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.utils.lazy import ops


class JensenShannon(SoftenedLogitMethod):
    """KD with a symmetric divergence: T^2 (KL(teacher^T || m) + KL(student^T || m)) / 2, m the mean of both.

    At most T^2 log 2 for each example, so that one on which the two disagree wholly cannot outweigh the others.

    Args:
        temperature: 0.0001 or more; both sides' logits are divided by it.
        standardize, target: see `LogitMethod`.

    Source:
        Wen et al. 2023, for sequences of a language model.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(JensenShannon().loss(signals, labels=None, adapters={})[0]), 4)
        0.064
    """

    name: ClassVar[str] = "jensen_shannon"
    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Wen et al. 2023"
    cites: ClassVar[tuple[str, ...]] = ("wen2023fdistill",)
    numbers_from: ClassVar[str] = "those of kd; none published for images"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}

    def compare(self, student, teacher, labels, adapters):
        log_both = ops.stack([ops.log_softmax(one / self.temperature, axis=-1) for one in (teacher, student)])
        log_mean = ops.logsumexp(log_both, axis=0) - math.log(2)
        divergence = ops.sum(ops.exp(log_both) * (log_both - log_mean), axis=-1)
        return self.temperature**2 * ops.mean(divergence, axis=0)
