"""Mueller, Kornblith, Hinton: Subclass Distillation. 2020, arXiv:2002.03936: how the teacher is trained."""

from typing import ClassVar, Literal

from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.subclass_head import TAP, with_subclasses
from keras_kd.utils.lazy import ops

TINY = 1e-12


class SubclassTeacher(Method):
    """No teacher: the network is given subclasses, and a loss that spreads them, so that it has more to teach.

    The last Dense is widened to `subclasses` units a class; the probability of a class is the sum of its subclasses'.
    The label loss, on plain classes, leaves open which subclass an example takes. The loss here is
    mean_i log sum_j exp(v_i . v_j / temperature) - 1/temperature - log B over the B examples of a batch, v the
    normalised logits of the subclasses: it is 0 or less and falls as examples move apart. Without it one subclass a
    class takes all. It depends on the batch size. The network that is delivered gives the logits of the plain classes;
    `subclass` teaches a student by its layer "subclasses".

    Args:
        subclasses: of each class, 2 or more; the paper has 5 a class on ten classes in two groups.
        temperature: of the similarities, above 0.
        normalize: "l2": each row of logits has length 1; "standard": its mean is taken off first.

    Source:
        The paper's auxiliary loss. Equations only: temperature and weight could not be read, the settings are ours. Of
        the two ways to normalise, l2 is that of a public third-party version; the paper's is recalled as "standard".

    Example:
        >>> import numpy as np
        >>> alike, apart = np.array([[1.0, 0, 0, 0], [1, 0, 0, 0]]), np.array([[1.0, 0, 0, 0], [0, 0, 0, 1]])
        >>> signals = [{"student": {"subclasses": one.astype("float32")}} for one in (alike, apart)]
        >>> [round(float(SubclassTeacher().loss(one, None, {})), 4) for one in signals]
        [0.0, -0.3799]
    """

    name: ClassVar[str] = "subclass_teacher"
    roles: ClassVar[tuple[str, ...]] = ("student",)
    paper: ClassVar[str] = "Mueller et al. 2020"
    cites: ClassVar[tuple[str, ...]] = ("mueller2020subclass",)
    numbers_from: ClassVar[str] = "equations only; settings ours"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "self"
    problems: ClassVar[dict[str, str]] = {}
    zero_when_matched: ClassVar[bool] = False
    subclasses: int = Field(default=5, ge=2, le=1000)
    temperature: float = Field(default=1.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    normalize: Literal["l2", "standard"] = "l2"

    def taps(self, role):
        return (TAP,) if role == "student" else ()

    def student(self, student, networks):
        return with_subclasses(self.name, student, self.subclasses)

    def loss(self, signals, labels, adapters):
        rows = signals["student"][TAP]
        if self.normalize == "standard":
            rows = rows - ops.mean(rows, axis=-1, keepdims=True)
        rows = rows / ops.sqrt(ops.maximum(ops.sum(ops.square(rows), axis=-1, keepdims=True), TINY))
        similarity = ops.matmul(rows, ops.transpose(rows)) / self.temperature
        batch = ops.cast(ops.shape(rows)[0], "float32")
        return ops.mean(ops.logsumexp(similarity, axis=-1)) - 1.0 / self.temperature - ops.log(batch)
