"""Mueller, Kornblith, Hinton: Subclass Distillation. 2020, arXiv:2002.03936: how the student is taught."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.divergence import kl_divergence
from keras_kd.methods.parts.subclass_head import TAP, with_subclasses
from keras_kd.utils.errors import UserError


class Subclass(Method):
    """The student follows the subclasses that its teacher found: T^2 KL over all of them.

    The student's last Dense is widened to as many subclasses a class as the teacher has, and its softened distribution
    over the subclasses follows the teacher's. The label loss stays on the plain classes, a class's probability being
    the sum of its subclasses'. What is delivered gives the logits of the plain classes. The teacher is trained by
    `subclass_teacher`.

    Args:
        temperature: 0.0001 or more; both sides' logits are divided by it.
        teacher_tap: the teacher's layer of subclass logits, (batch, classes x subclasses), those of a class adjacent;
            of an ensemble's member "member_1/subclasses".

    Source:
        The paper's student loss. Equations only: temperature and weight could not be read, the settings are those of
        `kd`. A third-party version leaves the student at temperature 1 in this term; here both sides have it.

    Example:
        >>> import numpy as np
        >>> signals = {"teacher": {"subclasses": np.array([[2.0, 1.0, 0.0, -1.0]], "float32")},
        ...            "student": {"subclasses": np.array([[1.0, 0.5, 0.0, 0.0]], "float32")}}
        >>> round(float(Subclass(temperature=4.0).loss(signals, labels=None, adapters={})[0]), 4)
        0.2513
    """

    default_weight: ClassVar[float] = 0.9
    paper: ClassVar[str] = "Mueller et al. 2020"
    cites: ClassVar[tuple[str, ...]] = ("mueller2020subclass",)
    numbers_from: ClassVar[str] = "equations only; settings ours"
    knowledge: ClassVar[str] = "response"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    teacher_made_by: ClassVar[str] = "subclass_teacher"
    temperature: float = Field(default=4.0, ge=1e-4, le=1e4, allow_inf_nan=False)
    teacher_tap: str = TAP

    def taps(self, role):
        return {"student": (TAP,), "teacher": (self.teacher_tap,)}.get(role, ())

    def student(self, student, networks):
        from keras_kd.models.taps import find_layer

        if "teacher" not in networks:
            raise UserError("subclass: it needs a teacher with subclasses; none was given")

        teacher = networks["teacher"]
        try:
            units = find_layer("teacher", teacher, self.teacher_tap).output.shape[-1]
        except UserError as error:
            raise UserError(
                f"subclass: teacher: {teacher.name!r} has no layer {self.teacher_tap!r} of subclasses; train it with "
                f"the term subclass_teacher, or set teacher_tap ({error})"
            ) from None
        classes = student.output_shape[-1]
        if not units or units % classes:
            raise UserError(
                f"subclass: the teacher's {self.teacher_tap!r} has {units} subclasses and the student {classes} "
                f"classes; expected a multiple of {classes}: both must name the same classes"
            )
        return with_subclasses(self.name, student, units // classes)

    def loss(self, signals, labels, adapters):
        teacher, student = signals["teacher"][self.teacher_tap], signals["student"][TAP]
        return self.temperature**2 * kl_divergence(teacher / self.temperature, student / self.temperature)

    def matched(self, signals, labels):
        teacher = signals["teacher"]
        return {"logits": teacher["logits"], TAP: teacher[self.teacher_tap]}
