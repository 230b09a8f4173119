"""Lukasik, Bhojanapalli, Menon, Kumar: Teacher's Pet: Understanding and Mitigating Biases in Distillation. TMLR 2022,
arXiv:2106.10494: AdaMargin."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.divergence import is_class
from keras_kd.utils.errors import UserError
from keras_kd.utils.lazy import ops
from keras_kd.utils.plain_number import plain_number

Margin = Annotated[float, BeforeValidator(plain_number), Field(ge=-1e6, le=1e6, allow_inf_nan=False)]


class AdaMargin(Method):
    """Cross-entropy with a margin for each label: log(1 + sum_{k != y} exp(scale margins[y, k] + f_k - f_y)).

    A label with larger margins is pushed harder. It takes the place of the label loss: set `label_weight: 0`, and teach
    by another term. Without margins it is the cross-entropy.

    Args:
        margins: rows of numbers, [y][k] of label y against class k, the diagonal unread. In a recipe also "teacher": of
            label y against every class 1 - the teacher's mean margin of probability on validation images of y (0 to 1);
            or "classes": log(share of k / share of y) in the training images, logit adjustment for long tails (Menon et
            al. 2021, arXiv:2007.07314). In Python: `keras_kd.training.margins`.
        scale: 0 or more; of all margins.

    Source:
        The softmax with pairwise margins is recalled from the paper; how margins follow from a teacher was not
        verified, the form here is ours. Equations only; settings ours. The margins of the images that a teacher was
        trained on are all large, so those are refused.

    Example:
        >>> import numpy as np
        >>> signals = {"student": {"logits": np.array([[1.0, 0.0]], "float32")}}
        >>> [round(float(AdaMargin(margins=margins).loss(signals, np.array([0]), {})[0]), 4)
        ...  for margins in ((), ((0.0, 1.0), (0.0, 0.0)))]
        [0.3133, 0.6931]
    """

    name: ClassVar[str] = "ada_margin"
    default_weight: ClassVar[float] = 0.1
    roles: ClassVar[tuple[str, ...]] = ("student",)
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Lukasik et al. 2022"
    cites: ClassVar[tuple[str, ...]] = ("lukasik2022teachers",)
    numbers_from: ClassVar[str] = "equations only; settings ours"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "self"
    problems: ClassVar[dict[str, str]] = {"imbalance": "the paper, as recalled: labels that a teacher is weak on"}
    zero_when_matched: ClassVar[bool] = False
    margins: Literal["teacher", "classes"] | tuple[tuple[Margin, ...], ...] = Field(default=())
    scale: float = Field(default=1.0, ge=0, le=1e4, allow_inf_nan=False)

    def check(self, specs):
        classes = specs["student"]["logits"].shape[-1]
        if isinstance(self.margins, str):
            raise UserError(
                f"ada_margin: margins: found {self.margins!r}, which a run of a recipe measures; expected rows of "
                "numbers: take those of keras_kd.training.margins"
            )
        rows = {len(row) for row in self.margins}
        if self.margins and (len(self.margins) != classes or rows != {classes}):
            raise UserError(
                f"ada_margin: margins: found {len(self.margins)} rows of {sorted(rows)} numbers; expected {classes} "
                f"rows of {classes}, one a class of the student"
            )

    def loss(self, signals, labels, adapters):
        if labels is None:
            raise UserError("ada_margin: it reads the labels, and none were given; give them to fit")
        logits = signals["student"]["logits"]
        own, moved = ops.cast(is_class(labels, logits.shape[-1]), logits.dtype), logits
        if self.margins:
            rows = ops.convert_to_tensor(np.array(self.margins, "float32"))
            moved = logits + (1 - own) * self.scale * ops.take(rows, labels, axis=0)
        return ops.logsumexp(moved, axis=-1) - ops.sum(own * logits, axis=-1)

    def matched(self, signals, labels):
        return None
