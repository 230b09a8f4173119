"""The words of recipe errors: what was found, what was expected, what was perhaps meant."""

import re

from pydantic import BaseModel

from keras_kd.utils.field_errors import expectation
from keras_kd.utils.suggest import did_you_mean

SAID = 50  # errors of one part; a file with more is not wrong by accident
# What is of the right type, and only too large or too small: what other types are allowed is then beside the point.
BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def explain(model, error, where, owner=None, other_fields=()):
    """Pydantic's errors in our words: [(path of keys, message)]."""
    explained, bounded, meant, found = {}, set(), set(), error.errors(include_url=False)
    if len(found) > SAID:
        explained[where or ("recipe",)] = [f"has {len(found):,} errors; the first {SAID} are named"]
    for one in found[:SAID]:
        keys = tuple(str(key) for key in one["loc"])
        fields = _fields_at(model, keys[:-1])
        # Pydantic names the members of a union in the path; the reader wrote the field alone.
        shown = tuple(key for place, key in enumerate(keys) if not _is_member(model, keys[:place], key))
        if one["type"] == "too_short" and len(one["input"]) >= one["ctx"]["min_length"]:
            continue  # counted without those that have errors of their own
        if one["type"] == "extra_forbidden":
            names = [*fields, *other_fields]
            hint = did_you_mean(keys[-1], names) or f"; its fields: {', '.join(names)}"
            meant.update((*shown[:-1], name) for name in names if f"{name!r}?" in hint)
            holder = owner if owner and len(keys) == 1 else ".".join(shown[:-1]) or "a recipe"
            message = f"no such field for {holder}{hint}"
        elif one["type"] == "missing":
            about = fields.get(keys[-1])
            message = f"is required: {about.description}" if about is not None else "is missing; expected one item more"
        else:
            message = expectation(one)
        place = (*where, *shown)
        if one["type"] in BOUNDS and place not in bounded:
            bounded.add(place)
            explained.pop(place, None)
        if one["type"] in BOUNDS or place not in bounded:
            explained.setdefault(place, []).append(message)
    for keys in meant:
        explained.pop((*where, *keys), None)
    return [(keys, _joined(list(dict.fromkeys(messages)))) for keys, messages in explained.items()]


def _joined(messages):
    """What several members of a union say of one value, which is told once.

    Example:
        >>> _joined(["is 0; expected 1 or more", "is 0; expected a list"])
        'is 0; expected 1 or more, or a list'
    """
    found, between, _ = messages[0].partition("; expected ")
    start = found + between
    if between and all(one.startswith(start) for one in messages):
        return messages[0] + "".join(f", or {one.removeprefix(start)}" for one in messages[1:])
    return " or ".join(messages)


def _is_member(model, keys, key):
    """Whether the last key of a path names a member of a union, and no field."""
    return bool(re.fullmatch(r"int|float|str|bool|.*\[.*", key)) and key not in _fields_at(model, keys)


def _fields_at(model, keys):
    """The fields of the part of a recipe that a path of keys leads to."""
    for key in keys:
        field = model.model_fields.get(key)
        if field is None:
            continue
        model = next((part for part in _inner(field.annotation) if issubclass(part, BaseModel)), model)
    return model.model_fields


def _inner(annotation):
    """The types that an annotation is made of."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", ()):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _inner(part)


def dotted(where):
    """A path of keys as an error shows it.

    Example:
        >>> dotted(("terms", "0", "weight")), dotted(("search", "space", "terms.0.weight"))
        ('terms[0].weight', 'search.space.terms.0.weight')
    """
    return "".join(f"[{key}]" if key.isdigit() else f".{key}" for key in where).removeprefix(".") or "recipe"
