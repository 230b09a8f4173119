"""Han, Gao, Wang, Li, Li, Wang: Fixing the Teacher-Student Knowledge Discrepancy in Distillation. 2021,
arXiv:2103.16844."""

from typing import ClassVar

from pydantic import Field, field_validator

from keras_kd.methods.base import Method
from keras_kd.methods.parts.pooling import adaptive_average_pool
from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import SaidError
from keras_kd.utils.lazy import keras, ops
from keras_kd.utils.suggest import did_you_mean, found_as

SQUARES = {"method": "fitnet", "student_tap": "stage3", "teacher_tap": "stage3", "regressor": False}
PREFIX = "matching_"


class KCD(Method):
    """Another method's layers, the teacher's channels put in the order of the student's that they correlate with.

    The order of channels in a network means nothing, so a loss that compares channel with channel compares unrelated
    ones. In the epoch before `match_after` epochs are over the correlations of student's and teacher's channels are
    gathered, over all its images and positions; then each student channel gets a teacher channel of its own, for the
    largest sum of correlations, and the inner method reads the layers so ordered. Of the side with more channels the
    others are left out. Until then the loss is 0. What is gathered and matched is part of the state that a run resumes
    from. A method that ignores the order of channels (at, sp, rkd, pkt) or learns it (fitnet's regressor) gains little.

    Args:
        inner: the inner method and its settings, {method: fsp, ...}; by default the mean of the squared differences.
        match_after: epochs, 1 or more; at random initial weights correlations are noise. 0: no matching, the channels
            are compared as they are numbered.

    Source:
        Equations only, as its summaries give them; settings ours. The paper also has a learned transform, which is not
        here, and the moment of matching is ours.

    Example:
        >>> KCD(inner={"method": "fsp"}).taps("teacher")
        ('stem', 'stage1', 'stage2', 'stage3')
    """

    paper: ClassVar[str] = "Han et al. 2021"
    cites: ClassVar[tuple[str, ...]] = ("han2021fixing",)
    numbers_from: ClassVar[str] = "equations only; settings ours"
    knowledge: ClassVar[str] = "feature"
    scheme: ClassVar[str] = "offline"
    problems: ClassVar[dict[str, str]] = {}
    begins_after: ClassVar[str] = "match_after"
    inner: dict[str, object] = Field(default=SQUARES, validate_default=True)
    match_after: int = Field(default=20, ge=0, le=10**6)

    @field_validator("inner", mode="before")
    @classmethod
    def _whole(cls, given):
        given = {"method": given} if isinstance(given, str) else given
        if not isinstance(given, dict):
            raise SaidError(f"is {found_as(given)}; expected a method with its settings, such as {{method: fsp}}")
        method = _made(given)
        if not method.taps("student") or len(method.taps("student")) != len(method.taps("teacher")):
            raise SaidError(f"{method.name} does not compare layers in pairs; give a method such as fitnet or fsp")
        changes = type(method).student is not Method.student or type(method).extra_images is not Method.extra_images
        if method.name == "kcd" or method.live or changes or "peer" in method.roles or method.taps("data"):
            raise SaidError(f"{method.name} reads more than pairs of layers; give a method such as fitnet or fsp")
        return {"method": given["method"], **method.model_dump(mode="json")}

    def taps(self, role):
        return _made(self.inner).taps(role)

    def check(self, specs):
        for student, teacher in self._pairs(specs):
            shapes = tuple(student.shape), tuple(teacher.shape)
            if len(shapes[0]) != len(shapes[1]) or len(shapes[0]) not in (2, 4) or None in shapes[0][1:]:
                raise UserError(f"kcd: found layers {shapes[0]} and {shapes[1]}; expected two maps or two vectors")
        _made(self.inner).check(self._of_matched(specs))

    def adapters(self, specs, networks):
        from keras_kd.methods.parts.channel_matching import ChannelMatching

        made = {
            f"{PREFIX}{number}": ChannelMatching(student.shape[-1], teacher.shape[-1], name=f"{PREFIX}{number}")
            for number, (student, teacher) in enumerate(self._pairs(specs))
        }
        return {**made, **_made(self.inner).adapters(self._of_matched(specs), networks)}

    def begin_epoch(self, epoch, adapters):
        for name, matching in adapters.items():
            if not name.startswith(PREFIX) or not self.match_after:
                continue
            if epoch == self.match_after:
                matching.match()
            matching.ready.assign(1.0 if epoch >= self.match_after else 0.0)
            if epoch in (self.match_after - 1, self.match_after):
                matching.gathers(epoch < self.match_after)

    def loss(self, signals, labels, adapters):
        matched = {role: dict(taps) for role, taps in signals.items()}
        ready = 1.0
        for number, (student, teacher) in enumerate(self._pairs(signals)):
            matching = adapters[f"{PREFIX}{number}"]
            matching.add(*map(_rows, _of_one_size(student, teacher)))
            ready = ops.convert_to_tensor(matching.ready)
            for role, values in (("student", student), ("teacher", teacher)):
                index = ops.cast(ops.convert_to_tensor(getattr(matching, f"{role}_index")), "int32")
                matched[role][self.taps(role)[number]] = ops.take(values, index, axis=-1)
        own = {name: layer for name, layer in adapters.items() if not name.startswith(PREFIX)}
        return ready * _made(self.inner).loss(matched, labels, own)

    def matched(self, signals, labels):
        # That the student has the teacher's channels is known only as far as the channels are those numbered alike.
        return None

    def _pairs(self, signals):
        names = zip(self.taps("student"), self.taps("teacher"), strict=True)
        return [(signals["student"][student], signals["teacher"][teacher]) for student, teacher in names]

    def _of_matched(self, specs):
        """The specs with as many channels on both sides as are matched."""
        changed = {role: dict(taps) if isinstance(taps, dict) else taps for role, taps in specs.items()}
        for number, pair in enumerate(self._pairs(specs)):
            channels = min(one.shape[-1] for one in pair)
            for role, one in zip(("student", "teacher"), pair, strict=True):
                changed[role][self.taps(role)[number]] = keras.KerasTensor((*one.shape[:-1], channels), "float32")
        return changed


def _made(inner):
    """The inner method."""
    from keras_kd.methods import METHODS

    name = inner.get("method")
    if name is None:
        raise SaidError("method is required; give one such as {method: fsp}")
    if name not in METHODS:
        raise SaidError(f"no method {found_as(name)}{did_you_mean(name, METHODS)}; give one such as {{method: fsp}}")
    fields = {field: value for field, value in inner.items() if field != "method"}
    if "weight" in fields:
        raise SaidError("weight: no such field; it is of the term: {method: kcd, weight: ..., inner: ...}")
    try:
        return METHODS[name](**fields)
    except UserError as error:
        raise SaidError(str(error)) from None


def _of_one_size(student, teacher):
    """Two maps averaged down to the smaller; vectors as they are."""
    if len(student.shape) == 2:
        return student, teacher
    size = [min(student.shape[axis], teacher.shape[axis]) for axis in (1, 2)]
    return adaptive_average_pool(student, *size), adaptive_average_pool(teacher, *size)


def _rows(values):
    return ops.reshape(values, (-1, values.shape[-1]))
