"""Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network. NIPS 2014 Deep Learning and
Representation Learning Workshop, arXiv:1503.02531."""

from typing import ClassVar

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.methods.taxonomy import STUDIED


class KD(SoftenedLogitMethod):
    """The student's softened distribution follows the teacher's: T^2 KL(teacher^T || student^T).

    The factor T^2 keeps the gradient's size when the temperature changes (section 2 of the paper). Published weights
    are 0.9 for this term and 0.1 for the labels, at temperature 4 (RepDistiller).

    Args:
        temperature: 0.0001 or more; both sides' logits are divided by it.
        standardize, target: see `LogitMethod`.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(KD(temperature=4.0).loss(signals, labels=None, adapters={})[0]), 4)
        0.2513
    """

    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Hinton et al. 2015"
    cites: ClassVar[tuple[str, ...]] = ("hinton2015kd",)
    numbers_from: ClassVar[str] = "RepDistiller scripts"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {**STUDIED, "no labels": "the paper, section 1: images may all be unlabelled"}

    def compare(self, student, teacher, labels, adapters):
        return self.temperature**2 * kl_divergence(teacher / self.temperature, student / self.temperature)
