"""Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception Architecture for Computer Vision. CVPR 2016,
arXiv:1512.00567: label-smoothing regularisation."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.divergence import cross_entropy, is_class
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import ops


class LabelSmoothing(Method):
    """No teacher: cross-entropy with smoothed labels, (1 - smoothing) for the label and smoothing / C for every class.

    The baseline that a teacher has to beat: what of its gain is only that targets are soft (Tang et al. 2020,
    arXiv:2002.03532). It takes the place of the label loss: set `label_weight: 0`.

    Args:
        smoothing: the share that is spread over all classes, 0 or more and below 1.

    Source:
        Szegedy et al. 2016, section 7.

    Example:
        >>> import numpy as np
        >>> signals = {"student": {"logits": np.array([[2.0, 0.0, 0.0, 0.0]], "float32")}}
        >>> round(float(LabelSmoothing().loss(signals, labels=np.array([0]), adapters={})[0]), 4)
        0.4908
    """

    name: ClassVar[str] = "label_smoothing"
    roles: ClassVar[tuple[str, ...]] = ("student",)
    default_weight: ClassVar[float] = 1.0
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Szegedy et al. 2016"
    cites: ClassVar[tuple[str, ...]] = ("szegedy2016rethinking",)
    numbers_from: ClassVar[str] = "the paper, section 7"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "self"
    problems: ClassVar[dict[str, str]] = {}
    zero_when_matched: ClassVar[bool] = False
    sums_over_classes: ClassVar[bool] = False
    smoothing: float = Field(default=0.1, ge=0, lt=1, allow_inf_nan=False)

    def loss(self, signals, labels, adapters):
        if labels is None:
            raise UserError("label_smoothing: it reads the labels, and none were given; give them to fit")
        logits = signals["student"]["logits"]
        of_label = cross_entropy(logits, is_class(labels, logits.shape[-1]))
        of_all = -ops.mean(ops.log_softmax(logits, axis=-1), axis=-1)
        return (1 - self.smoothing) * of_label + self.smoothing * of_all

    def matched(self, signals, labels):
        """The logarithm of the smoothed labels; there are as many classes as labels name, or as a teacher gives."""
        labels = np.asarray(labels)
        classes = signals["teacher"]["logits"].shape[-1] if "teacher" in signals else max(labels.max() + 1, 2)
        smoothed = (1 - self.smoothing) * np.eye(classes)[labels] + self.smoothing / classes
        return {"logits": np.log(np.maximum(smoothed, 1e-30)).astype("float32")}
