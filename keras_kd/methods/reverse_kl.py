"""Gu, Dong, Wei, Huang: MiniLLM: Knowledge Distillation of Large Language Models. ICLR 2024, arXiv:2306.08543: the
divergence, here of class probabilities."""

from typing import ClassVar

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import kl_divergence


class ReverseKL(SoftenedLogitMethod):
    """KD with the divergence turned around: T^2 KL(student^T || teacher^T).

    A student too small for all that the teacher believes then leaves out what is less likely, where KD's spreads over
    all of it.

    Args:
        temperature: 0.0001 or more; both sides' logits are divided by it.
        standardize, target: see `LogitMethod`.

    Source:
        Gu et al. 2024, for sequences of a language model.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(ReverseKL().loss(signals, labels=None, adapters={})[0]), 4)
        0.262
    """

    name: ClassVar[str] = "reverse_kl"
    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Gu et al. 2024"
    cites: ClassVar[tuple[str, ...]] = ("gu2024minillm",)
    numbers_from: ClassVar[str] = "those of kd; none published for images"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}

    def compare(self, student, teacher, labels, adapters):
        return self.temperature**2 * kl_divergence(student / self.temperature, teacher / self.temperature)
