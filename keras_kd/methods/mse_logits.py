"""Ba, Caruana: Do Deep Nets Really Need to be Deep? NIPS 2014, arXiv:1312.6184."""

from typing import ClassVar

from keras_kd.methods.logit_method import LogitMethod
from keras_kd.utils.lazy import ops


class MSELogits(LogitMethod):
    """The student's logits equal the teacher's: the squared distance of each example, summed over the classes.

    Unlike the softened methods it also asks for the teacher's mean logit, on which no prediction depends. On centred
    logits it is, divided by 2 C, what KD tends to as its temperature grows. The paper trains on half of this sum, and
    on no labels.

    Args:
        standardize, target: see `LogitMethod`; a target is taken at temperature 1.

    Source:
        Ba and Caruana 2014, equation 1.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0]], "float32")}}
        >>> float(MSELogits().loss(signals, labels=None, adapters={})[0])
        1.25
    """

    name: ClassVar[str] = "mse_logits"
    default_weight: ClassVar[float] = 0.5
    shift_invariant: ClassVar[bool] = False
    paper: ClassVar[str] = "Ba and Caruana 2014"
    cites: ClassVar[tuple[str, ...]] = ("ba2014deep",)
    numbers_from: ClassVar[str] = "the paper, equation 1"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {"no labels": "the paper trains on what the teacher says alone, equation 1"}

    def compare(self, student, teacher, labels, adapters):
        return ops.sum(ops.square(student - teacher), axis=-1)
