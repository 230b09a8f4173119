"""A term of the total loss: a method, its weight, and the numbers of it that change over the epochs."""

from dataclasses import dataclass, field

from pydantic import ValidationError

from keras_kd.methods import Method
from keras_kd.methods.find import guarding
from keras_kd.training.schedules import Schedule, at
from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import expectation
from keras_kd.utils.settings_class import named_settings


@named_settings
@dataclass(frozen=True)
class Term:
    """A method and its weight in the total loss.

    Args:
        method: a `keras_kd.methods.Method`.
        weight: 0 or more, or a `Schedule`; None takes the method's published weight.
        schedules: {field of the method: `Schedule`}, for numbers of the method that change over the epochs.

    Example:
        >>> from keras_kd import KD
        >>> Term(KD(temperature=4.0)).weight
        0.9
        >>> cooling = Schedule(start_value=8.0, end_value=2.0, duration=100)
        >>> Term(KD(), schedules={"temperature": cooling}).at("temperature", epoch=99)
        2.0
    """

    method: Method
    weight: float | Schedule | None = None
    schedules: dict = field(default_factory=dict)

    def __post_init__(self):
        name = type(self.method).__name__
        if not isinstance(self.method, Method):
            raise UserError(f"terms: {self.method!r} is no method; give a keras_kd method such as KD(temperature=4.0)")
        if self.weight is None:
            object.__setattr__(self, "weight", self.method.default_weight)
        if not is_weight(self.weight):
            raise UserError(f"terms: the weight of {name} is {self.weight}; expected 0 or more")
        for changing, schedule in self.schedules.items():
            now = getattr(self.method, changing, None) if changing in type(self.method).model_fields else None
            whole = isinstance(now, int) and not _takes_fractions(self.method, changing)
            if not isinstance(schedule, Schedule) or not isinstance(now, int | float) or whole:
                raise UserError(
                    f"terms: schedules of {name}: found {changing}={schedule!r}; expected one of its numbers "
                    "that need not be whole and a Schedule, such as "
                    "temperature=Schedule(start_value=8.0, end_value=2.0, duration=100)"
                )
            for value in schedule.values():
                try:
                    type(self.method).model_validate({**self.method.model_dump(), changing: value})
                except ValueError as error:
                    reason = expectation(error.errors()[0]) if isinstance(error, ValidationError) else error
                    raise UserError(f"terms: in some epoch {changing} of {name} {reason}") from None

    def at(self, name, epoch):
        """The weight ("weight") or a field of the method in an epoch, counted from 0."""
        if name == "weight":
            return at(self.weight, epoch)
        return at(self.schedules.get(name, getattr(self.method, name)), epoch)


def _takes_fractions(method, name):
    """Whether a field may be a fraction: those that may not (a number of branches) decide shapes."""
    try:
        type(method).model_validate({**method.model_dump(), name: 0.5})
    except ValidationError as error:
        return not any(one["type"] in ("int_from_float", "int_type", "bool_type") for one in error.errors())
    return True


def is_weight(value):
    """Whether a value can weigh a loss: a number from 0 up, or a schedule of such."""
    if isinstance(value, Schedule):
        return all(one >= 0 for one in value.values())
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def kind_of(role):
    """What a role is to a method: "peer" for "peer_1", "peer_2", ..."""
    return "peer" if role.startswith("peer_") else role


def taps_of(method, role):
    """The layers whose outputs a method reads of a role, in addition to its logits."""
    if role != "data" and kind_of(role) not in method.roles:
        return ()
    with guarding(method, "taps()"):
        return tuple(method.taps(kind_of(role)))


def makes_images(method):
    """Whether a method makes images of its own in the step."""
    return type(method).extra_images is not Method.extra_images


def named_terms(terms):
    """The terms by the name of their figure in the logs; a method used twice is numbered."""
    named = {}
    for term in terms:
        method = term.method.name
        count = 1 + sum(isinstance(other.method, type(term.method)) for other in named.values())
        named[f"{method}_loss" if count == 1 else f"{method}_{count}_loss"] = term
    return named
