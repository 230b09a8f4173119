"""What a search tries: values for fields of a recipe, by their dotted paths."""

import json
import math
import random
from dataclasses import dataclass
from typing import NamedTuple

from keras_kd.methods.find import find as find_method
from keras_kd.recipe.files import looking_once
from keras_kd.recipe.load import load
from keras_kd.recipe.overrides import is_place
from keras_kd.recipe.schema import SettingSpace
from keras_kd.recipe.written import read_with_overrides
from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import in_one_line

# Fields that a trial may set. All trials have the data, the teachers' runs and the seeds in common.
MAY = ("label_weight", "terms", "fit", "student", "teacher", "peers", "trust", "meta", "selection", "data.views")
# Within these: which images are held out, and the budget.
MAY_NOT = ("fit.epochs", "meta", "meta.held_out", "selection")
KINDS = ("float", "int", "choice", "boolean")
DRAWS, TRIED = 40, 250
IN_GRID = 10_000  # values of one range


class SearchInput(NamedTuple):
    """The recipe file that is searched: its path, and overrides of the command line."""

    path: str
    settings: tuple = ()
    smoke: bool = False


@dataclass(frozen=True)
class Setting:
    """One field of the space.

    Args:
        path: dotted path of the field.
        kind: "float", "int", "choice" or "boolean".
        values: (minimum, maximum) of a number, else all values.
        sampling: "linear", "log" or "reverse_log".
        step: between values of a number, or None.
        when: pairs (path of another setting, tuple of its values); only there is it tried.

    Example:
        >>> setting = Setting("terms.0.beta", "float", (1.0, 8.0), when=(("terms.0.method", ("dkd",)),))
        >>> setting.is_active({"terms.0.method": "kd"}), setting.is_active({"terms.0.method": "dkd"})
        (False, True)
    """

    path: str
    kind: str
    values: tuple
    sampling: str = "linear"
    step: float | None = None
    when: tuple = ()

    def draw(self, chance):
        """A value, by a `random.Random`."""
        if self.kind in ("choice", "boolean"):
            return chance.choice(self.values)
        low, high = self.values
        if self.sampling != "linear":
            value = low * (high / low) ** chance.random()
        else:
            value = chance.uniform(low, high)
        return value if self.kind == "float" else min(high, max(low, round(value)))

    def is_active(self, values):
        """Whether it is tried with these values of the others."""
        return all(path in values and values[path] in wanted for path, wanted in self.when)


def space_of(recipe, given):
    """The settings of a recipe's search, each after those that it depends on.

    Args:
        recipe: a `Recipe`; without `search.space` the label weight, and the temperatures of the terms, are searched.
        given: the `SearchInput` that it was read from.

    Returns:
        A tuple of `Setting`s.

    Raises:
        UserError: a space that is none, or that leads to recipes that are none: each named.
    """
    _, written = read_with_overrides(given.path, given.settings, given.smoke)
    named = recipe.search.space if recipe.search and recipe.search.space else _ready(recipe)
    if not named:
        with written.placing("search"):
            raise UserError("nothing to search; the recipe has no teacher: give search.space")
    settings, errors = [], []
    grid = recipe.search is not None and recipe.search.tuner == "grid"
    for path, spec in named.items():
        try:
            settings.append(_setting(path, spec, named))
            if grid:
                _check_count(settings[-1])
        except UserError as error:
            errors.append((("search", "space", path), str(error)))
    if errors:
        raise UserError("\n".join(written.in_words(errors)))
    with written.placing("search", "space"):
        settings = _in_order(settings)
    _try_out(settings, given, written)
    return tuple(settings)


def _ready(recipe):
    """The space for a recipe without one."""
    uses = [number for number, term in enumerate(recipe.terms) if "teacher" in find_method(term.method).roles]
    space = {}
    if uses and recipe.label_weight != 0:
        space["label_weight"] = SettingSpace(float=(0.0, 1.0))
    for number in uses:
        if "temperature" in find_method(recipe.terms[number].method).model_fields:
            space[f"terms.{number}.temperature"] = SettingSpace(float=(1.0, 20.0), sampling="log")
        elif recipe.terms[number].weight:
            weight = recipe.terms[number].weight
            if not isinstance(weight, float | int):
                continue
            low, high = weight / 10, weight * 10
            space[f"terms.{number}.weight"] = SettingSpace(float=(low, high), sampling="log")
    return space


def _setting(path, spec, named):
    if not any(path == one or path.startswith(f"{one}.") for one in MAY) or path in MAY_NOT:
        raise UserError(
            f"cannot be searched: trials have data, budget and seeds in common; expected a path in {', '.join(MAY)}"
        )
    kinds = [kind for kind in KINDS if getattr(spec, kind) is not None]
    if len(kinds) != 1:
        found = " and ".join(kinds) or "none"
        raise UserError(f"found {found}; expected one of float, int, choice, boolean: {{float: [1, 20]}}")
    kind = kinds[0]
    values = (False, True) if kind == "boolean" else tuple(getattr(spec, kind))
    if kind in ("float", "int"):
        low, high = values
        if not low < high:
            raise UserError(f"found {kind}: [{low:g}, {high:g}]; expected the smaller number first")
        if spec.sampling != "linear" and low <= 0:
            raise UserError(f"found {low:g} with sampling: {spec.sampling}; expected numbers above 0")
        step = spec.step
        if step is not None and kind == "int" and spec.sampling == "linear" and step != int(step):
            raise UserError(f"found step: {step:g}; expected a whole number, as the values are")
        if step is not None and spec.sampling != "linear" and step <= 1:
            raise UserError(f"found step: {step:g}; with sampling: {spec.sampling} it is a factor above 1")
    elif spec.step is not None or spec.sampling != "linear":
        raise UserError(f"step and sampling are of float and int; leave them out of {kind}")
    if kind == "choice" and len({json.dumps(value, sort_keys=True) for value in values}) != len(values):
        raise UserError("found a value twice; keep one")
    when = []
    for other, wanted in spec.when.items():
        wanted = tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)
        if other not in named or other == path:
            raise UserError(f"when names {other!r}; expected another path of the space")
        parent = named[other]
        allowed = (False, True) if parent.boolean else parent.choice
        if allowed is None:
            raise UserError(f"when names {other!r}, a range; expected a choice or a boolean")
        wrong = [value for value in wanted if value not in allowed]
        if wrong or not wanted:
            shown = ", ".join(map(str, allowed))
            raise UserError(f"when {other} is {wrong[0] if wrong else 'nothing'!r}; expected some of {shown}")
        when.append((other, wanted))
    return Setting(path, kind, values, spec.sampling, spec.step, tuple(when))


def _check_count(setting):
    """Whether a grid can write out all values of a range."""
    step = setting.step or (1 if setting.kind == "int" else None)
    if setting.kind not in ("float", "int") or step is None:
        return
    low, high = setting.values
    if setting.sampling == "linear":
        count = (high - low) / step + 1
    elif setting.step is None:
        count = high - low + 1
    else:
        count = math.log(high / low) / math.log(step) + 1
    if count > IN_GRID:
        shown = f"{count:,.0f}" if count < 1e15 else f"{count:.1e}"
        raise UserError(
            f"has {shown} values for tuner: grid; expected {IN_GRID:,} at most: give a larger step, or another tuner"
        )


def _in_order(settings):
    """Those that others depend on first."""
    ordered, waiting = [], list(settings)
    while waiting:
        known = {one.path for one in ordered}
        ready = [one for one in waiting if all(path in known for path, _ in one.when)]
        if not ready:
            circle = ", ".join(one.path for one in waiting)
            raise UserError(f"{circle} depend on each other in a circle; drop a `when`")
        ordered += ready
        waiting = [one for one in waiting if one not in ready]
    return ordered


@looking_once()
def _try_out(settings, given, written):
    """Reads the recipe with values of the space, so that no trial finds out what could be known before."""
    count = sum(len(one.values) for one in settings)
    if count > TRIED:
        with written.placing("search", "space"):
            raise UserError(f"has {count:,} values in all; expected {TRIED} at most, or ranges")
    chance, seen, base = random.Random(0), set(), load(given.path, list(given.settings), smoke=given.smoke)
    of_ends = ({one.path: value} for one in settings for value in one.values)  # of a range its ends
    for fixed in (*of_ends, *({} for _ in range(DRAWS))):
        values = _values_with(settings, fixed, chance)
        key = json.dumps(values, sort_keys=True, default=str)
        if key not in seen:
            seen.add(key)
            _read(values, given, base, written)


def _values_with(settings, fixed, chance):
    """Values of all active settings, some of them fixed, the conditions of those fulfilled."""
    fixed = dict(fixed)
    for one in reversed(settings):
        if one.path in fixed:
            for path, wanted in one.when:
                fixed.setdefault(path, chance.choice(wanted))
    values = {}
    for one in settings:
        if one.is_active(values):
            values[one.path] = fixed.get(one.path, one.draw(chance))
    return values


def _read(values, given, base, written):
    try:
        recipe_with(values, given, base)
    except UserError as error:
        why = str(error).splitlines()[0]
        # Which of the values is refused, where it is one.
        of = [path for path in values if why.startswith(f"--set {path}=")]
        tried = ", ".join(f"{path}={value}" for path, value in values.items())
        with written.placing("search", "space", *of[:1]):
            raise UserError(f"no recipe with {in_one_line(tried, 300)}: {in_one_line(why, 500)}") from None


def recipe_with(values, given, base=None):
    """The recipe of a trial.

    Args:
        values: {path: value} of its active settings. A method that is not the file's own begins with its published
            settings and weight.
        given: the `SearchInput` that is searched.
        base: the `Recipe` as it is there, if it has been read.

    Returns:
        A `Recipe`.
    """
    return load(given.path, [*given.settings, *settings_of(values, given, base)], smoke=given.smoke)


def settings_of(values, given, base=None):
    """Values as overrides "path=value" of a recipe, methods first.

    Example:
        >>> settings_of({"terms.0.temperature": 2.0}, SearchInput("digits"))
        ['terms.0.temperature=2.0']
    """
    if base is None and any(_is_method(path) for path in values):
        base = load(given.path, list(given.settings), smoke=given.smoke)
    first = []
    for path, value in values.items():
        if _is_method(path):
            number = int(path.split(".")[1])
            if number >= len(base.terms) or base.terms[number].method != value:
                first.append(f"terms.{number}={json.dumps({'method': value}, ensure_ascii=False)}")
    rest = [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in values.items()]
    return [*first, *rest]


def _is_method(path):
    keys = path.split(".")
    return len(keys) == 3 and keys[0] == "terms" and is_place(keys[1]) and keys[2] == "method"
