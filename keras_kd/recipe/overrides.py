"""`--set fit.epochs=3`: fields of a recipe's plain data, changed in place."""

from keras_kd.recipe.messages import dotted
from keras_kd.recipe.old_names import set_once
from keras_kd.recipe.schema_types import SHORT
from keras_kd.recipe.yaml_reader import DEEPEST, INVALID, LONGEST, NotYamlError, read_yaml
from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import found_as, in_one_line, shortened


def override(raw, setting):
    """Applies "dotted.path=value" to plain data, in place; returns the path of keys."""
    name, equals, text = setting.partition("=")
    keys, at = tuple(name.strip().split(".")), as_given(setting)
    if not equals or not all(keys) or not name.isprintable():
        raise UserError(f"{at}: expected dotted.path=value, such as fit.epochs=3")
    longest = max(map(len, keys))
    if longest > LONGEST:
        raise UserError(f"{at}: has a name of {longest:,} characters; expected {LONGEST} at most")
    try:
        value, _ = read_yaml(text)
    except NotYamlError as error:
        _, where, message = error.problems[0]
        if message.startswith(INVALID):
            raise UserError(f"{at}: {shortened(repr(text))} is not a valid YAML value") from None
        raise UserError(f"{at}: {dotted((*keys, *where))}: {message}") from None
    set_field(raw, name.strip(), value, at)
    if keys[-1] == "+" and isinstance(raw.get(keys[0]), list):
        keys = (*keys[:-1], str(len(raw[keys[0]]) - 1))
    return keys


def as_given(setting):
    """An override as an error shows it: in one line that is not too long.

    Example:
        >>> as_given("fit.epochs=3"), as_given("student=a\\nb")
        ('--set fit.epochs=3', '--set student=a\\\\nb')
    """
    return f"--set {in_one_line(setting, 200)}"


def set_field(raw, name, value, at=None):
    """Sets a field of plain data, in place.

    Args:
        raw: the fields of a recipe.
        name: the field's dotted path, such as "fit.epochs" or "terms.0.temperature"; "modules.+" adds to a list.
        value: what it becomes.
        at: how an error begins; the path by default.

    Raises:
        UserError: the path leads into something that has no fields, or past the end of a list.

    Example:
        >>> raw = {"fit": {"epochs": 3}}
        >>> set_field(raw, "fit.epochs", 5)
        >>> raw
        {'fit': {'epochs': 5}}
    """
    at, keys = at or name, tuple(name.split("."))
    if len(keys) > DEEPEST:
        raise UserError(f"{in_one_line(at, 300)}: leads {len(keys)} levels deep; expected {DEEPEST} at most")
    holder = raw
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if key == "+" and last and isinstance(holder, list):
            holder.append(value)
            return
        if isinstance(holder, list):
            if not is_place(key) or int(key) > len(holder) - (0 if last else 1):
                raise UserError(
                    f"{at}: {'.'.join(keys[:depth])} is a list of {len(holder)}; "
                    f"expected a number below {len(holder)} in place of {key!r}"
                )
            if last and int(key) == len(holder):
                holder.append(value)
            elif last:
                holder[int(key)] = value
            else:
                if isinstance(holder[int(key)], str) and keys[:depth] == ("terms",):
                    holder[int(key)] = {"method": holder[int(key)]}
                holder = holder[int(key)]
            continue
        if not isinstance(holder, dict):
            raise UserError(f"{at}: {'.'.join(keys[:depth])} is {found_as(holder)} and has no fields")
        if last:
            set_once(holder, key, value)
            continue
        inner = holder.get(key)
        if keys[depth + 1 :] == ("+",) and not isinstance(inner, list | dict):
            inner = holder[key] = [] if inner is None else [inner]
        elif inner is None:
            inner = holder[key] = {}
        elif isinstance(inner, str) and keys[: depth + 1] in SHORT:
            inner = holder[key] = {SHORT[keys[: depth + 1]]: inner}
        elif not isinstance(inner, dict | list):
            raise UserError(f"{at}: {'.'.join(keys[: depth + 1])} is {found_as(inner)} and has no fields")
        holder = inner


def is_place(key):
    """Whether a part of a dotted path is a place in a list.

    Example:
        >>> is_place("0"), is_place("first"), is_place("\u00b2"), is_place("9" * 5000)
        (True, False, False, False)
    """
    return key.isascii() and key.isdigit() and len(key) < 10
