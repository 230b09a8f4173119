"""`--set fit.epochs=3`: fields of a recipe's plain data, changed in place."""

import yaml

from keras_kd.recipe.files import Loader
from keras_kd.recipe.old_names import set_once
from keras_kd.recipe.schema_types import SHORT
from keras_kd.utils.errors import UserError


def override(raw, setting):
    """Applies "dotted.path=value" to plain data, in place; returns the path of keys."""
    name, equals, text = setting.partition("=")
    keys = tuple(name.strip().split("."))
    if not equals or not all(keys):
        raise UserError(f"--set {setting}: expected dotted.path=value, such as fit.epochs=3")
    try:
        value = Loader(text).get_single_data()
    except yaml.YAMLError:
        raise UserError(f"--set {setting}: {text!r} is not a valid YAML value") from None
    set_field(raw, name.strip(), value, f"--set {setting}")
    if keys[-1] == "+" and isinstance(raw.get(keys[0]), list):
        keys = (*keys[:-1], str(len(raw[keys[0]]) - 1))
    return keys


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
    holder = raw
    for depth, key in enumerate(keys):
        last = depth == len(keys) - 1
        if key == "+" and last and isinstance(holder, list):
            holder.append(value)
            return
        if isinstance(holder, list):
            if not key.isdigit() or int(key) > len(holder) - (0 if last else 1):
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
            raise UserError(f"{at}: {'.'.join(keys[:depth])} is {holder!r} and has no fields")
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
            raise UserError(f"{at}: {'.'.join(keys[: depth + 1])} is {inner!r} and has no fields")
        holder = inner
