"""What is asked of a smaller model, as a person writes it: twice as fast, at most 1MB, half of the work."""

import re
from typing import NamedTuple

from keras_kd.export.formats import MEASURABLE
from keras_kd.recipe.schema_pruning import FORMAT, MEASURED
from keras_kd.recipe.schema_types import bytes_of
from keras_kd.utils.errors import UserError

OPTIONS = ("--speedup 2x", "--size 1MB", "--macs 50%", "--parameters 50%", "--ladder 75,50,35,25")


class Target(NamedTuple):
    """What is asked.

    Args:
        field: of `student.prune`: "macs", "parameters", "speedup" or "bytes".
        value: a number.
        format: of the exported file that is measured.
    """

    field: str
    value: float
    format: str = FORMAT

    @property
    def is_measured(self):
        """Whether an exported file is measured to find out how much goes."""
        return self.field in MEASURED

    @property
    def name(self):
        """A word for it, as in the name of a run.

        Example:
            >>> [Target(*one).name for one in (("speedup", 2.0), ("bytes", 1e6), ("macs", 0.5))]
            ['2x', '1MB', 'macs50']
        """
        if self.field == "speedup":
            return f"{self.value:g}x"
        if self.field == "bytes":
            return f"{self.value / 1e6:g}MB" if self.value >= 1e6 else f"{self.value / 1e3:g}kB"
        return f"{self.field}{100 * self.value:g}"


def target_of(given, format=None, spelled="{}".format):
    """The one `Target` of what was given.

    Args:
        given: {"speedup", "size", "macs", "parameters": a number or text, None where it was not given}.
        format: of the file that is measured, or None.
        spelled: how an argument is called in errors.

    Raises:
        UserError: none or several were given, or one is no such number.

    Example:
        >>> target_of({"speedup": "2x"}), target_of({"macs": "50%"}).value
        (Target(field='speedup', value=2.0, format='litert_int8'), 0.5)
    """
    given = {name: value for name, value in given.items() if value is not None}
    if len(given) != 1:
        found = " and ".join(map(spelled, given)) if given else "no target"
        raise UserError(f"compress: found {found}; expected one of {', '.join(OPTIONS)}")
    ((name, value),) = given.items()
    if name == "speedup":
        field, number = "speedup", _factor(value, spelled(name))
    elif name == "size":
        field, number = "bytes", _bytes(value, spelled(name))
    else:
        field, number = name, share_of(value, spelled(name))
    return Target(field, number, _format(format, spelled("format")))


def ladder_of(given, format=None, spelled="{}".format):
    """The `Target`s of a ladder, the largest first.

    Args:
        given: shares of the multiply-accumulates: a list of numbers, or text such as "75,50,35,25".
        format, spelled: as of `target_of`.

    Raises:
        UserError: one is no share.

    Example:
        >>> [one.name for one in ladder_of("25,50")]
        ['macs50', 'macs25']
    """
    parts = given.split(",") if isinstance(given, str) else given
    where = spelled("ladder")
    try:
        parts = list(parts)
    except TypeError:
        parts = []
    # 75 is no share of one, and a share above 1 is written in percent.
    shares = sorted({share_of(f"{one}%" if _is_percent(one) else one, where) for one in parts}, reverse=True)
    if not shares:
        raise UserError(f"{where}: found {given!r}; expected shares of the multiply-accumulates, such as 75,50,35,25")
    return [Target("macs", one, _format(format, spelled("format"))) for one in shares]


def _is_percent(one):
    try:
        return float(one) >= 1
    except (TypeError, ValueError):
        return False


def share_of(given, where):
    """A share above 0 and below 1: 0.5, "0.5" or "50%".

    Args:
        given: a number or text.
        where: the argument, for errors.

    Raises:
        UserError: it is none.

    Example:
        >>> share_of("50%", "macs"), share_of(0.25, "macs")
        (0.5, 0.25)
    """
    text = str(given).strip()
    number = _number(text.removesuffix("%").strip())
    share = None if number is None else number / 100 if text.endswith("%") else number
    if share is None or not 0 < share < 1:
        hint = f", such as {text}%" if share is not None and 1 < share < 100 and "%" not in text else ", such as 50%"
        raise UserError(f"{where}: found {given!r}; expected a share above 0 and below 100%{hint}")
    return share


def _factor(given, where):
    number = _number(str(given).strip().removesuffix("x"))
    if number is None or not 1 < number <= 1000:
        raise UserError(f"{where}: found {given!r}; expected how many times faster, above 1, such as 2x")
    return number


def _bytes(given, where):
    try:
        found = bytes_of(_number(str(given)) or given)
    except ValueError:
        found = None
    if isinstance(found, bool) or not isinstance(found, int | float) or found < 1:
        raise UserError(f"{where}: found {given!r}; expected bytes, such as 500000 or 1MB")
    return int(found)


def _number(text):
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _format(given, where):
    if given is not None and given not in MEASURABLE:
        raise UserError(f"{where}: found {given!r}; expected one of {', '.join(MEASURABLE)}")
    return given or FORMAT


def accuracy_of(given, where):
    """How many points a student may be away from its teacher: -1.0 is one point below; None for any.

    Args:
        given: a number, or None.
        where: the argument, for errors.

    Raises:
        UserError: it is no such number.

    Example:
        >>> accuracy_of(-1.0, "least_accuracy")
        -1.0
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not -100 <= given <= 0:
        raise UserError(f"{where}: found {given!r}; expected points from -100 to 0, such as -1.0: one point below")
    return float(given)
