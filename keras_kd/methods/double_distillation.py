"""Menon, Rawat, Reddi, Kim, Kumar: A Statistical Perspective on Distillation. ICML 2021, arXiv:2005.10419: double
distillation, for retrieval of classes. The structure is recalled, the margin loss is ours."""

from typing import ClassVar, Literal

import numpy as np

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.utils.lazy import ops


class DoubleDistillation(LogitMethod):
    """The teacher weighs what belongs to an example and what does not: every class is a positive with its probability
    p_c and a negative with 1 - p_c, so that a class that the teacher holds for likely is hardly pushed away.

    With the margin loss phi(v) = softplus(-v); decoupled: the sum over classes of p_c phi(f_c) + (1 - p_c) phi(-f_c);
    pairwise: over pairs of classes of p_c (1 - p_k) phi(f_c - f_k). It is least where the student's logits are the
    teacher's log-odds of each class (pairwise: but for a constant), so they rank classes, and their softmax is not the
    teacher's. Pairs take memory of classes squared an example.

    Args:
        form: "decoupled" or "pairwise".
        standardize, target: see `LogitMethod`; a target is taken at temperature 1.

    Source:
        Menon et al. 2021 (structure recalled); equations only, the margin loss and the weight are ours.

    Example:
        >>> signals = {"teacher": {"logits": np.zeros((1, 2), "float32")},
        ...            "student": {"logits": np.zeros((1, 2), "float32")}}
        >>> round(float(DoubleDistillation().loss(signals, labels=None, adapters={})[0]), 4)
        1.3863
    """

    name: ClassVar[str] = "double_distillation"
    default_weight: ClassVar[float] = 1.0
    shift_invariant: ClassVar[bool] = False
    zero_when_matched: ClassVar[bool] = False
    paper: ClassVar[str] = "Menon et al. 2021"
    cites: ClassVar[tuple[str, ...]] = ("menon2021statistical",)
    numbers_from: ClassVar[str] = "equations only; settings ours"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}

    form: Literal["decoupled", "pairwise"] = "decoupled"

    def compare(self, student, teacher, labels, adapters):
        belongs = ops.softmax(teacher, axis=-1)
        if self.form == "decoupled":
            parts = belongs * ops.softplus(-student) + (1 - belongs) * ops.softplus(student)
            return ops.sum(parts, axis=-1)
        ahead = student[:, :, None] - student[:, None, :]
        weights = belongs[:, :, None] * (1 - belongs[:, None, :])
        return ops.sum(weights * ops.softplus(-ahead), axis=(1, 2))

    def best(self, teacher, labels):
        """The log-odds of each class: its logit less the log-sum-exp of the others."""
        classes = teacher.shape[-1]
        own = ops.convert_to_tensor(np.where(np.eye(classes), -np.inf, 0.0).astype("float32"))
        return teacher - ops.logsumexp(teacher[:, None, :] + own, axis=-1)
