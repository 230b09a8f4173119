"""Touvron, Cord, Douze, Massa, Sablayrolles, Jegou: Training data-efficient image transformers & distillation through
attention. ICML 2021, arXiv:2012.12877: hard-label distillation."""

from typing import ClassVar

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.methods.parts.divergence import cross_entropy, is_class
from keras_kd.utils.lazy import ops


class HardLabels(LogitMethod):
    """The teacher's first class is a label: cross-entropy of the student with it.

    It carries none of the relations between classes, so it says how much of a gain is the teacher's labelling alone.
    The paper weighs it and the true labels by a half each.

    Args:
        standardize, target: see `LogitMethod`; the label is the first class of the target.

    Source:
        Touvron et al. 2021, equation 3.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[0.0, 0.0, 0.0, 0.0]], "float32")}}
        >>> round(float(HardLabels().loss(signals, labels=None, adapters={})[0]), 4)
        1.3863
    """

    name: ClassVar[str] = "hard_labels"
    default_weight: ClassVar[float] = 0.5
    paper: ClassVar[str] = "Touvron et al. 2021"
    cites: ClassVar[tuple[str, ...]] = ("touvron2021deit",)
    numbers_from: ClassVar[str] = "the paper, equation 3"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}

    def compare(self, student, teacher, labels, adapters):
        return cross_entropy(student, _first(teacher))

    def best(self, teacher, labels):
        """Certain of the teacher's first class, as far as float32 can tell."""
        return 20.0 * ops.cast(_first(teacher), "float32")


def _first(logits):
    return is_class(ops.argmax(logits, axis=-1), logits.shape[-1])
