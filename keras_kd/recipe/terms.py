"""The terms of a recipe: methods with their settings, schedules and weights, checked by the methods themselves."""

import json

from pydantic import ValidationError

from keras_kd.methods import METHODS
from keras_kd.methods.find import check_name, guarding
from keras_kd.methods.find import find as find_method
from keras_kd.recipe.messages import explain
from keras_kd.recipe.schema import TermSpec
from keras_kd.training.schedules import Schedule
from keras_kd.utils import foreign_code
from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import did_you_mean, found_as


def term_of(raw, where, errors, code):
    """A TermSpec of plain data, or None with the errors noted."""
    if isinstance(raw, str):
        raw = {"method": raw}
    if not isinstance(raw, dict):
        errors.append((where, f"expected a method with its settings, such as {{method: kd}}, got {found_as(raw)}"))
        return None
    before = len(errors)
    name, kind, spec = raw.get("method"), None, None
    if "method" not in raw:
        errors.append((where, "method is required; `keras-kd list methods` names all"))
    elif not isinstance(name, str) or (name not in METHODS and ":" not in name):
        errors.append(
            (where, f"no method {found_as(name)}{did_you_mean(name, METHODS)}; `keras-kd list methods` names all")
        )
    read = code or not foreign_code.is_foreign(str(name))
    if len(errors) == before:
        try:
            kind = find_method(name) if read else check_name(name)
        except UserError as error:
            errors.append((where, str(error)))
    settings = {str(key): value for key, value in raw.items() if key not in ("method", "weight")}
    try:
        given = {} if read else json.loads(json.dumps(settings, default=str))
        spec = TermSpec(method=str(name), weight=raw.get("weight"), settings=given)
    except ValidationError as error:
        errors.extend(explain(TermSpec, error, where))
    if kind is not None and len(errors) == before:
        try:
            with guarding(kind, "making it", name):
                spec = _of_method(kind, name, raw, settings, where, errors)
        except UserError as error:
            errors.append((where, str(error)))
    return spec if len(errors) == before else None


def _of_method(kind, name, raw, settings, where, errors):
    """The TermSpec of a method's class, its settings checked, its defaults filled; or None with the errors noted."""
    before = len(errors)
    try:
        schedules = _schedules(kind, settings, where, errors)
        if len(errors) > before:
            return None
        method = kind.model_validate({**settings, **{field: one.end_value for field, one in schedules.items()}})
        weight = method.default_weight if raw.get("weight") is None else raw["weight"]
        return TermSpec(method=name, weight=weight, settings=method.model_dump(mode="json"), schedules=schedules)
    except ValidationError as error:
        errors.extend(explain(kind, error, where, owner=name, other_fields=("method", "weight")))
        return None


def _schedules(method, settings, where, errors):
    """{field: Schedule} of the numbers that are given as mappings; each value that they take is checked."""
    schedules = {}
    for field, given in settings.items():
        about = method.model_fields.get(field)
        if not isinstance(given, dict) or about is None or about.annotation not in (int, float):
            continue
        if about.annotation is int:
            errors.append(((*where, field), "is a whole number that cannot change over the epochs; give one number"))
            continue
        try:
            schedule = Schedule.model_validate(given)
        except ValidationError as error:
            errors.extend(explain(Schedule, error, (*where, field), owner="a schedule"))
            continue
        schedules[field] = schedule
        others = {name: value for name, value in settings.items() if not isinstance(value, dict)}
        for value in schedule.values():
            try:
                method.model_validate({**others, field: value})
            except ValidationError as error:
                wrong = [one for keys, one in explain(method, error, ()) if keys == (field,)]
                errors.extend(((*where, field), f"in some epoch {one}") for one in wrong[:1])
                if wrong:
                    break
    return schedules
