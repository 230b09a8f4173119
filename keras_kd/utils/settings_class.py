"""Classes of settings whose errors are told in our words: which setting, what was found, what was perhaps meant."""

import functools
import inspect
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from keras_kd.utils.errors import UserError
from keras_kd.utils.field_errors import SaidError, expectation
from keras_kd.utils.suggest import did_you_mean, in_one_line


class _InWords(type(BaseModel)):  # type: ignore[misc]
    """Turns what pydantic says of `KD(temprature=3)` into a `UserError`.

    Only of a call: where a setting is a part of something larger (`model_validate`, a recipe), the larger one tells.
    """

    def __call__(cls, *unnamed, **given):
        if unnamed:
            raise UserError(_without_a_name(cls, unnamed))
        try:
            return super().__call__(**given)
        except ValidationError as error:
            said = [_told(cls, one, given) for one in error.errors(include_url=False)]
            raise UserError("\n".join(dict.fromkeys(said))) from None


# A type checker would take the settings of every class for those of `_InWords.__call__`.
if TYPE_CHECKING:
    _Told = BaseModel
else:

    class _Told(BaseModel, metaclass=_InWords):
        """A model whose errors are told by `_InWords`."""


class Settings(_Told):
    """Settings that a person writes in Python; a class of them is frozen, and what it does not know is refused.

    A subclass may say in `said_elsewhere(name, value, call)` where a setting is given that is not one of it.

    Example:
        >>> class Softened(Settings):
        ...     temperature: float = 4.0
        >>> Softened(temprature=3)
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: Softened: no such setting 'temprature'; did you mean 'temperature'?
        >>> Softened(temperature="warm")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: Softened: temperature is 'warm'; expected a number
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def said_elsewhere(cls, name, value, call):
        """What is to be written instead, or None; `call` is how this class is called with the other settings."""
        return None

    def __setattr__(self, name, value):
        if name in type(self).model_fields and self.model_config.get("frozen"):
            kind = type(self).__name__
            raise UserError(f"{kind}: {name} cannot be changed; make another one: {kind}({name}={_shown(value)})")
        super().__setattr__(name, value)


def named_settings(cls):
    """A dataclass of settings that tells a wrong name of one in our words; used as a decorator above `@dataclass`.

    Example:
        >>> from dataclasses import dataclass
        >>> @named_settings
        ... @dataclass(frozen=True)
        ... class Rounds:
        ...     count: int = 1
        >>> Rounds(cuont=2)
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: Rounds: no such setting 'cuont'; did you mean 'count'?
    """
    made = cls.__init__
    names = list(inspect.signature(made).parameters)[1:]

    @functools.wraps(made)
    def checked(self, *unnamed, **given):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise UserError("\n".join(_unknown(cls, name, names) for name in unknown))
        made(self, *unnamed, **given)

    cls.__init__ = checked
    return cls


def _told(cls, one, given):
    """One of pydantic's errors, in words."""
    where = ".".join(map(str, one["loc"]))
    if one["type"] == "extra_forbidden" and len(one["loc"]) == 1:
        others = {name: value for name, value in given.items() if name in cls.model_fields}
        elsewhere = cls.said_elsewhere(where, one["input"], _call(cls, others))
        return f"{cls.__name__}: {elsewhere}" if elsewhere else _unknown(cls, where, cls.model_fields)
    if one["type"] == "missing":
        about = cls.model_fields.get(where)
        said = f": {about.description}" if about is not None and about.description else ""
        return f"{cls.__name__}: {where} is required{said}"
    # What says by itself what was found is a sentence of its own.
    between = ": " if isinstance(one.get("ctx", {}).get("error"), SaidError) else " "
    return f"{cls.__name__}: {where}{between}{expectation(one)}" if where else f"{cls.__name__}: {expectation(one)}"


def _unknown(cls, name, names):
    known = f"; its settings: {', '.join(names)}" if names else "; it has none"
    return f"{cls.__name__}: no such setting {name!r}{did_you_mean(name, names, otherwise=known)}"


def _without_a_name(cls, unnamed):
    # What a number alone was meant for is a number.
    names = sorted(cls.model_fields, key=lambda name: cls.model_fields[name].annotation not in (int, float))
    value = _shown(unnamed[0])
    fix = f"settings have names, such as {cls.__name__}({names[0]}={value})" if names else "it takes no settings"
    return f"{cls.__name__}: found {value} without a name; {fix}"


def _call(cls, settings):
    return f"{cls.__name__}({', '.join(f'{name}={_shown(value)}' for name, value in settings.items())})"


def _shown(value):
    return in_one_line(repr(value), 40)
