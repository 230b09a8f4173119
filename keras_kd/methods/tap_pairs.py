"""Methods that compare layers of the student with layers of the teacher, pair by pair."""

from pydantic import Field, model_validator

from keras_kd.methods.base import Method
from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import SaidError

STAGES = ("stage1", "stage2", "stage3")


class TapPairs(Method):
    """A method that compares each of some layers of the student with its partner in the teacher.

    Args:
        student_taps: names of layers of the student, in the order of the network.
        teacher_taps: as many of the teacher; the first is the partner of the first.

    Example:
        >>> TapPairs(student_taps=["a"], teacher_taps=["b"]).taps("teacher")
        ('b',)
    """

    student_taps: tuple[str, ...] = Field(default=STAGES, min_length=1)
    teacher_taps: tuple[str, ...] = Field(default=STAGES, min_length=1)

    @model_validator(mode="after")
    def _as_many_of_each(self):
        counts = len(self.student_taps), len(self.teacher_taps)
        if counts[0] != counts[1]:
            names = [f"{count} layer{'s' * (count != 1)}" for count in counts]
            raise SaidError(
                f"student_taps names {names[0]}, teacher_taps {names[1]}; they are compared in pairs: name as many of "
                "each"
            )
        return self

    def taps(self, role):
        return {"student": self.student_taps, "teacher": self.teacher_taps}.get(role, ())

    def check(self, specs):
        check_known(self, specs)

    def pairs(self, signals):
        """[(student's, teacher's)] of the signals, or of the specs, of each pair."""
        return [
            (signals["student"][student], signals["teacher"][teacher])
            for student, teacher in zip(self.student_taps, self.teacher_taps, strict=True)
        ]

    def matched(self, signals, labels):
        return teachers_own(self, signals)


class TapPair(Method):
    """A method that compares one layer of the student with one of the teacher.

    Args:
        student_tap: name of a layer of the student.
        teacher_tap: name of a layer of the teacher.

    Example:
        >>> TapPair(student_tap="a").taps("student")
        ('a',)
    """

    student_tap: str = "pooled"
    teacher_tap: str = "pooled"

    def taps(self, role):
        return {"student": (self.student_tap,), "teacher": (self.teacher_tap,)}.get(role, ())

    def check(self, specs):
        check_known(self, specs)

    def pair(self, signals):
        """(student's, teacher's) of the signals, or of the specs."""
        return signals["student"][self.student_tap], signals["teacher"][self.teacher_tap]

    def matched(self, signals, labels):
        return teachers_own(self, signals)


def name_of(method):
    """The name under which a recipe knows a method.

    Example:
        >>> name_of(TapPair())
        'tappair'
    """
    return method.name


def teachers_own(method, signals):
    """The teacher's signals under the student's names: where a loss without adapters is least.

    Example:
        >>> teachers_own(TapPair(student_tap="a", teacher_tap="b"), {"teacher": {"logits": 1, "b": 2}})
        {'logits': 1, 'a': 2}
    """
    teacher = signals["teacher"]
    pairs = zip(method.taps("student"), method.taps("teacher"), strict=True)
    return {"logits": teacher["logits"], **{student: teacher[partner] for student, partner in pairs}}


def check_known(method, specs):
    """Raises `UserError` where the shape of a tapped signal is not known but for the batch."""
    for role, tap, shape in _tapped(method, specs):
        if len(shape) < 2 or None in shape[1:]:
            raise UserError(
                f"{name_of(method)}: {role} tap {tap!r} is {shape}; expected a known size: build the {role} for images "
                "of one size"
            )


def check_maps(method, specs):
    """Raises `UserError` where a tapped signal is no map (batch, height, width, channels)."""
    for role, tap, shape in _tapped(method, specs):
        if len(shape) != 4:
            raise UserError(
                f"{name_of(method)}: {role} tap {tap!r} is {shape}; expected maps (batch, height, width, channels): "
                f"set {role}_taps to layers that give maps"
            )


def _tapped(method, specs):
    for role in ("student", "teacher"):
        for tap in method.taps(role):
            yield role, tap, tuple(specs[role][tap].shape)
