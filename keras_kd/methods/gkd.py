"""Agarwal, Vieillard, Zhou, Stanczyk, Ramos, Geist, Bachem: On-Policy Distillation of Language Models: Learning from
Self-Generated Mistakes. ICLR 2024, arXiv:2306.13649: the generalised Jensen-Shannon divergence, of class
probabilities."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import log_mixture
from keras_kd.utils.lazy import ops


class GKD(SoftenedLogitMethod):
    """A divergence between the two KLs: T^2 (beta KL(teacher || m) + (1 - beta) KL(student || m)).

    m = beta * teacher + (1 - beta) * student. At 0 it is `kd`, at 1 `reverse_kl`, as the code has it, where the formula
    would give 0, as it does where a schedule gets there; at 0.5 `jensen_shannon`.

    Args:
        beta: 0..1; published 0.5.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Agarwal et al. 2024, for tokens; huggingface/trl, generalized_jsd_loss, which has no factor T^2.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(GKD(beta=0.5).loss(signals, labels=None, adapters={})[0]), 4)  # Jensen-Shannon
        0.064
    """

    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Agarwal et al. 2024"
    cites: ClassVar[tuple[str, ...]] = ("agarwal2024gkd",)
    numbers_from: ClassVar[str] = "trl (beta); weight of kd, none published for images"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    beta: float = Field(default=0.5, ge=0, le=1, allow_inf_nan=False)

    def compare(self, student, teacher, labels, adapters):
        teacher, student = (ops.log_softmax(one / self.temperature, axis=-1) for one in (teacher, student))
        if _is(self.beta, 0):
            found = _divergence(teacher, student)
        elif _is(self.beta, 1):
            found = _divergence(student, teacher)
        else:
            mixture = log_mixture(student, teacher, 1 - self.beta)
            found = self.beta * _divergence(teacher, mixture) + (1 - self.beta) * _divergence(student, mixture)
        return self.temperature**2 * found


def _is(beta, end):
    """Whether it is that end; one that is scheduled comes as a tensor, of which the formula is taken."""
    return isinstance(beta, int | float) and beta == end


def _divergence(log_target, log_probability):
    return ops.sum(ops.exp(log_target) * (log_target - log_probability), axis=-1)
