"""Li, Teng, Ding, Lan: NTCE-KD: Non-Target-Class-Enhanced Knowledge Distillation. Sensors 24(11), 2024."""

from typing import Annotated, ClassVar

from pydantic import Field

from keras_kd.methods.logit_method import SoftenedLogitMethod
from keras_kd.methods.parts.divergence import is_class, kl_divergence
from keras_kd.utils.lazy import ops


class MKL(SoftenedLogitMethod):
    """KD at several heights of the peak, so that the other classes weigh more: the mean over f of T^2 KL(f).

    g is how far the teacher's largest logit is above its second. KL(f) is the KL of KD with f g taken off the teacher's
    largest logit and off the student's logit of the label. Where the teacher errs these are two classes, as in the
    authors' code. The published training lets the weight rise over 20 epochs: `weight: {end_value: 2.0, duration: 20}`.

    Args:
        factors: the f, one or more; published: 2, 1.5, 1, 0.5, 0, -0.5, -1, for resnet32x4 to resnet8x4 without the
            negative two. [0] is KD.
        temperature: 0.0001 or more.
        standardize, target: see `LogitMethod`.

    Source:
        Li et al. 2024; lan-long/NTCE-KD, distillers/NTCE.py, without its augmentation, whose released code cannot run.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"logits": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"logits": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(MKL(factors=[0]).loss(signals, labels=np.array([0]), adapters={})[0]), 4)  # KD
        0.2513
    """

    default_weight: ClassVar[float] = 2.0
    needs_labels: ClassVar[bool] = True
    paper: ClassVar[str] = "Li et al. 2024"
    cites: ClassVar[tuple[str, ...]] = ("li2024ntce",)
    numbers_from: ClassVar[str] = "NTCE-KD configs (weight 2 for resnet56 to resnet20, 8 for other pairs)"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    factors: tuple[Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)], ...] = Field(
        default=(2.0, 1.5, 1.0, 0.5, 0.0, -0.5, -1.0), min_length=1, max_length=100
    )

    def matched(self, signals, labels):
        return None  # where the teacher errs no answer of the student is least at every height

    def compare(self, student, teacher, labels, adapters):
        classes = student.shape[-1]
        largest = ops.top_k(teacher, 2)[0]
        gap = largest[:, :1] - largest[:, 1:]
        of_student = gap * ops.cast(is_class(labels, classes), "float32")
        of_teacher = gap * ops.one_hot(ops.argmax(teacher, axis=-1), classes, dtype="float32")
        parts = [
            kl_divergence(
                (teacher - factor * of_teacher) / self.temperature, (student - factor * of_student) / self.temperature
            )
            for factor in self.factors
        ]
        return self.temperature**2 * ops.mean(ops.stack(parts), axis=0)
