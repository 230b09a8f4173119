"""Every error of a recipe at once: types, terms, meaning, and the names of models and data."""

from pydantic import ValidationError

from keras_kd.models.saved import know
from keras_kd.recipe.meaning import meaning_errors
from keras_kd.recipe.messages import explain
from keras_kd.recipe.named import name_errors
from keras_kd.recipe.old_names import with_new_names
from keras_kd.recipe.schema import Recipe
from keras_kd.recipe.schema_types import NETWORKS
from keras_kd.recipe.terms import term_of
from keras_kd.utils.errors import UserError


def _too_long(raw):
    """The lists of networks and terms that have more of them than are read: [(path of keys, message)]."""
    teacher = raw.get("teacher")
    found = [(("terms",), raw.get("terms")), (("peers",), raw.get("peers"))]
    found.append((("teacher", "ensemble"), teacher.get("ensemble") if isinstance(teacher, dict) else None))
    return [
        (where, f"is a list of {len(given)}; expected at most {NETWORKS} items")
        for where, given in found
        if isinstance(given, list) and len(given) > NETWORKS
    ]


def validate(raw, path, code):
    """(Recipe, []) or (None, [(path of keys, message)])."""
    errors, raw = [], with_new_names(raw)
    terms = raw.get("terms")
    too_long = _too_long(raw)
    if too_long:
        return None, too_long
    if isinstance(terms, list):
        raw["terms"] = [term_of(one, ("terms", str(number)), errors, code) for number, one in enumerate(terms)]
        if None in raw["terms"]:
            del raw["terms"]
    recipe = None
    try:
        recipe = Recipe(**{str(key): value for key, value in raw.items()})
    except ValidationError as error:
        errors.extend(explain(Recipe, error, ()))
    typed = not errors
    errors.extend(name_errors(raw, path))
    if typed:
        errors.extend(meaning_errors(recipe, path, code))
        errors.extend(_module_errors(recipe.modules, raw["modules"]) if code and recipe.modules else ())
    return recipe, errors


def _module_errors(modules, given):
    """Modules of the user's own that cannot be imported: [(path of keys, message)]. The others are known from here.

    Args:
        modules: names, each once.
        given: as they are written.
    """
    errors = []
    for module in modules:
        try:
            know(module)
        except UserError as error:
            place = () if isinstance(given, str) else (str(given.index(module)),)
            errors.append((("modules", *place), str(error)))
    return errors
