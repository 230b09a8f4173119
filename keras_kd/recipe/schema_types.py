"""The types that the fields of a recipe share."""

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from keras_kd.training.schedules import Schedule
from keras_kd.utils.plain_number import plain_number

# Every number of a recipe has a least and a largest value (a test sees to it): none overflows in float32, none asks for
# what no machine has.
LARGE, EPOCHS, IMAGES, CLASSES, PIXELS = 10**9, 10**6, 10**9, 10**6, 10**4
ABOVE_ZERO = {"gt": 0, "le": LARGE, "allow_inf_nan": False}
NOT_NEGATIVE = {"ge": 0, "le": LARGE, "allow_inf_nan": False}
# What Keras, NumPy and both backends take for a seed.
SEED = {"ge": 0, "lt": 2**31}
NETWORKS, VALUES = 100, 1000  # items of a list: of terms, peers, members; of values to try, epochs, seeds


def yes_or_no(value):
    """`yes` and `no` as the truth that they are where a field takes true, false or fields; all else as it is.

    Example:
        >>> yes_or_no("yes"), yes_or_no("no"), yes_or_no("bandit")
        (True, False, 'bandit')
    """
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


# Where a plain string is shorthand for a part with this one field.
SHORT = {
    ("data",): "name",
    ("data", "views"): "base",
    ("teacher",): "model",
    ("student",): "model",
    ("bank",): "mode",
    ("selection",): "policy",
    ("evidence", "independent_teacher"): "model",
}


def _one_line(value):
    if not value.isprintable():
        raise ValueError("text of one line")
    return value


def _dotted_path(value):
    if "=" in value or not all(part.strip() for part in value.split(".")):
        raise ValueError("a dotted path, such as fit.epochs")
    return value


def _finite(value):
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _finite(inner)
    # What is no number, or no end, is equal to nothing: no run of it could be gone on with.
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("finite numbers")
    return value


Value = Annotated[object, AfterValidator(_finite)]
Line = Annotated[str, AfterValidator(_one_line)]
DottedPath = Annotated[str, AfterValidator(_dotted_path)]


class Part(BaseModel):
    """A part of a recipe: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


Number = Annotated[float, BeforeValidator(plain_number), Field(allow_inf_nan=False)]


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
        plain_number(value)
        raise ValueError("a number, a schedule, or auto")
    return value


LabelWeight = Annotated[
    Annotated[Number, Field(**NOT_NEGATIVE), Tag("float")]
    | Annotated[Schedule, Tag("schedule[]")]
    | Annotated[Literal["auto"], Tag("str")],
    Discriminator(lambda value: "str" if isinstance(value, str) else _constant_or_not(value)),
    BeforeValidator(_number_like),
]
Whole = Annotated[int, BeforeValidator(plain_number)]
Epoch = Annotated[Whole, Field(gt=0, le=EPOCHS)]
# In pixels; that it is 1 or more is said of height and width together.
Size = Annotated[Whole, Field(ge=-PIXELS, le=PIXELS)]
Class = Annotated[Whole, Field(ge=-CLASSES, le=CLASSES)]  # that it is there is said with the number of classes
Mean = Annotated[Number, Field(ge=-LARGE, le=LARGE)]
Pixel = Annotated[Whole, Field(ge=0, le=255)]

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20}


def bytes_of(value):
    """A number of bytes, also with a unit; what is neither is as it was.

    Example:
        >>> bytes_of("1MB"), bytes_of("0.5 mb"), bytes_of(2000), bytes_of("many")
        (1000000, 500000, 2000, 'many')
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]+)", value.strip()) if isinstance(value, str) else None
    unit = next((size for name, size in UNITS.items() if found and name.lower() == found[2].lower()), None)
    if found and unit is None:
        raise ValueError("bytes, such as 500000 or 1MB")
    return value if found is None else round(float(found[1]) * unit)


Bytes = Annotated[Whole, BeforeValidator(bytes_of)]


def _module(name):
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise ValueError("the name of a module, such as my_layers or my_package.layers")
    return name


def _as_list(value):
    return [_module(value)] if isinstance(value, str) else value


def _once(names):
    return tuple(dict.fromkeys(names))


# A plain string is one.
Modules = Annotated[
    tuple[Annotated[str, AfterValidator(_module)], ...], BeforeValidator(_as_list), AfterValidator(_once)
]
