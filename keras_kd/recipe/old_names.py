"""Fields of a recipe under the names that they had in version 0.1: read for one release, each with a note."""

import contextlib

from keras_kd.recipe.files import headline
from keras_kd.training.schedules import RENAMED, under_new_names
from keras_kd.utils.screen import print_note

# The first words of the recipe in a run folder.
RESOLVED = "# Resolved by keras-kd"
_OTHER_NAME = {**RENAMED, **{new: old for old, new in RENAMED.items()}}
_noted = set()


def old_names(raw, recipe):
    """The schedules of a recipe that have fields under old names: [(path of keys, message)].

    Args:
        raw: the fields as they were written.
        recipe: the `Recipe` made of them.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> old_names({"label_weight": {"end": 1, "over": 20}}, load("digits"))
        [(('label_weight',), 'end, over are now end_value, duration; the old names work for one release')]
    """
    found = [(("label_weight",), raw.get("label_weight"))]
    for number, (given, term) in enumerate(zip(raw.get("terms") or (), recipe.terms, strict=False)):
        for field in ("weight", *term.schedules) if isinstance(given, dict) else ():
            found.append((("terms", str(number), field), given.get(field)))
    old = [(where, [name for name in given if name in RENAMED]) for where, given in found if isinstance(given, dict)]
    return [(where, _note(names)) for where, names in old if names]


def _note(names):
    now = ", ".join(RENAMED[name] for name in names)
    are, work = ("is", "name works") if len(names) == 1 else ("are", "names work")
    return f"{', '.join(names)} {are} now {now}; the old {work} for one release"


def note_old_names(lines, path):
    """Says on standard error, once, what `old_names` found in a person's file; what a run wrote is read in silence.

    Args:
        lines: texts.
        path: of the recipe.
    """
    if not lines or headline(path).startswith(RESOLVED.removeprefix("# ")):
        return
    for line in lines:
        if line not in _noted:
            _noted.add(line)
            print_note(line)


def set_once(fields, name, value):
    """Sets a field that may stand there under its other name, old or new, in place.

    Example:
        >>> weight = {"end_value": 1, "duration": 20}
        >>> set_once(weight, "over", 5)
        >>> weight
        {'end_value': 1, 'over': 5}
    """
    fields.pop(_OTHER_NAME.get(name), None)
    fields[name] = value


def with_new_names(plain):
    """A recipe's plain data, its schedules under the names of now.

    Example:
        >>> with_new_names({"label_weight": {"begin": 0.1, "end": 1}, "terms": []})["label_weight"]
        {'start_value': 0.1, 'end_value': 1}
    """

    schedule = {*RENAMED, *RENAMED.values(), "shape"}

    def now(value):
        if not isinstance(value, dict) or not value.keys() <= schedule:
            return value
        # Given under both names: what the schedule is made by says so.
        with contextlib.suppress(ValueError):
            return under_new_names(value)
        return value

    def term_now(term):
        return {field: now(value) for field, value in term.items()} if isinstance(term, dict) else term

    named = dict(plain)
    if "label_weight" in plain:
        named["label_weight"] = now(plain["label_weight"])
    if isinstance(plain.get("terms"), list):
        named["terms"] = list(map(term_now, plain["terms"]))
    return named
