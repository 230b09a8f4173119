"""What the methods have in common that compare the student's logits with the teacher's, class by class."""

from typing import ClassVar

from pydantic import Field

from keras_kd.methods.base import Method
from keras_kd.methods.parts.class_relations import class_relations
from keras_kd.methods.parts.same_classes import check_same_classes
from keras_kd.methods.parts.standardization import standardized
from keras_kd.methods.parts.targets import Target, TargetField
from keras_kd.utils.errors import UserError

RELATIONS = "class_relations"


class _LabelsOfTarget:
    """False of a class; of a method, whether its target reads the labels."""

    def __get__(self, method, owner):
        return method is not None and method.target.needs_labels


class LogitMethod(Method):
    """A method that compares the student's logits with the teacher's over the same classes.

    A subclass writes `compare`. It is given logits that are ready: standardised where that is asked for, and the
    teacher's changed into those of the target, at the temperature that `target_temperature` names.

    Args:
        standardize: whether each row of logits, the student's and the teacher's, is made to have mean 0 and deviation 1
            first (Sun et al. 2024, arXiv:2403.01427; with `kd` at temperature 2 and weight 9).
        target: what stands in place of the teacher's distribution; see `keras_kd.methods.parts.targets.Target`.

    Example:
        >>> from keras_kd import KD
        >>> KD(standardize=True, target={"topk": 5}).model_dump(mode="json")
        {'standardize': True, 'target': {'topk': 5}, 'temperature': 4.0}
    """

    needs_labels: ClassVar[bool] = _LabelsOfTarget()
    standardize: bool = False
    target: TargetField = Target()

    def compare(self, student, teacher, labels, adapters):
        """The loss of a batch.

        Args:
            student: float32 tensor (batch, classes), its logits.
            teacher: float32 tensor (batch, classes), the logits of the target.
            labels: as in `loss`.
            adapters: the layers that `adapters` made.

        Returns:
            A float32 tensor (batch,) or ().
        """
        raise TypeError(f"{type(self).__name__} compares nothing: a logit method must define `compare`")

    def target_temperature(self, adapters):
        """The temperature at which `compare` reads the teacher's logits; 1 where a method has none."""
        return 1.0

    def best(self, teacher, labels):
        """The student's logits at which `compare` is least; by default the teacher's."""
        return teacher

    def check(self, specs):
        check_same_classes(self.name, specs)
        name, teacher = self.name, specs["teacher"]["logits"].shape[-1]
        if self.target.name == "topk" and self.target.number > teacher:
            raise UserError(
                f"{name}: target topk keeps {self.target.number} classes, and the teacher gives {teacher}; "
                f"expected 1..{teacher}"
            )

    def adapters(self, specs, networks):
        if not self.target.needs_relations:
            return {}
        from keras_kd.methods.parts.constant_layer import ConstantLayer

        where = f"{self.name}: target {self.target.name}"
        relations = class_relations(networks["teacher"], specs["teacher"]["logits"].shape[-1], where)
        return {RELATIONS: ConstantLayer(relations, trainable=False, name=RELATIONS)}

    def loss(self, signals, labels, adapters):
        if labels is None and self.needs_labels:
            what = f"its target {self.target.name} reads" if self.target.needs_labels else "it reads"
            raise UserError(
                f"{self.name}: {what} the labels, and none were given; give them to fit, or use "
                "another method or target"
            )
        student = signals["student"]["logits"]
        if self.standardize:
            student = standardized(student)
        return self.compare(student, self._shown(signals["teacher"]["logits"], labels, adapters), labels, adapters)

    def _shown(self, teacher, labels, adapters):
        """The teacher's logits as the student is shown them."""
        if self.standardize:
            teacher = standardized(teacher)
        if self.target.name == "identity":
            return teacher
        relations = adapters[RELATIONS].value if self.target.needs_relations else None
        return self.target.logits(teacher, labels, self.target_temperature(adapters), relations)

    def matched(self, signals, labels):
        if self.target.needs_relations:
            return None
        shown = self._shown(signals["teacher"]["logits"], labels, {})
        best = self.best(shown, labels)
        # Standardised logits cannot become any others: the minimum is known where the teacher's own are the best.
        if self.standardize and (best is not shown or self.target.name != "identity"):
            return None
        return {"logits": best}


class SoftenedLogitMethod(LogitMethod):
    """A logit method in which both sides' logits are divided by one temperature.

    Args:
        temperature: 0.0001 or more.

    Example:
        >>> from keras_kd import KD
        >>> KD().target_temperature(adapters={})
        4.0
    """

    temperature: float = Field(default=4.0, ge=1e-4, le=1e4, allow_inf_nan=False)

    def target_temperature(self, adapters):
        return self.temperature
