"""The types that the fields of a recipe share."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from keras_kd.training.schedules import Schedule

ABOVE_ZERO = {"gt": 0, "allow_inf_nan": False}
NOT_NEGATIVE = {"ge": 0, "allow_inf_nan": False}
# Where a plain string is shorthand for a part with this one field.
SHORT = {
    ("data",): "name",
    ("data", "views"): "base",
    ("teacher",): "model",
    ("student",): "model",
    ("bank",): "mode",
    ("evidence", "independent_teacher"): "model",
}


class Part(BaseModel):
    """A part of a recipe: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


def _no_bool(value):
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


Number = Annotated[float, BeforeValidator(_no_bool)]


def _constant_or_not(value):
    return "schedule[]" if isinstance(value, dict | Schedule) else "float"


Weight = Annotated[
    Annotated[Number, Field(**NOT_NEGATIVE), Tag("float")] | Annotated[Schedule, Tag("schedule[]")],
    Discriminator(_constant_or_not),
]
# What a label weight says that is measured before training.
AUTO = "auto"


def _number_like(value):
    if isinstance(value, str) and value != AUTO:
        try:
            return float(value)
        except ValueError:
            raise ValueError("a number, a schedule, or auto") from None
    return value


LabelWeight = Annotated[
    Annotated[Number, Field(**NOT_NEGATIVE), Tag("float")]
    | Annotated[Schedule, Tag("schedule[]")]
    | Annotated[Literal["auto"], Tag("str")],
    Discriminator(lambda value: "str" if isinstance(value, str) else _constant_or_not(value)),
    BeforeValidator(_number_like),
]
Whole = Annotated[int, BeforeValidator(_no_bool)]
Pixel = Annotated[Whole, Field(ge=0, le=255)]
