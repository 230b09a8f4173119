"""The recipes that teach a recipe, and those that teach them, read with the overrides that they are given."""

from os.path import isfile
from pathlib import Path

from keras_kd.recipe.files import read, shown
from keras_kd.recipe.load import load, settings_of
from keras_kd.recipe.yaml_reader import DEEPEST
from keras_kd.utils.errors import UserError

MOST = 100  # recipes that teach each other


def check_teachers(recipe, path, *, smoke=False, absent=False):
    """Reads the recipes that teach, as a run would before it trains them, but for code that they name: it runs none.

    Args:
        recipe: a `Recipe`.
        path: of its file.
        smoke: as of `keras_kd.recipe.load.load`.
        absent: whether images and models may be named that are not there yet.

    Raises:
        UserError: every error of their files and of the overrides, a line each.

    Example:
        >>> from keras_kd.recipe.files import find
        >>> check_teachers(load("digits"), find("digits"))
    """
    errors, done = {}, {}

    def visit(recipe, path, above):
        for where, spec in _teaching(recipe):
            if not spec.is_recipe or not isfile(spec.model):
                continue
            key = (spec.model, *settings_of(spec))
            at = f"{shown(path)}:{read(path)[1].get(where[:1], 1)}: {'.'.join(where)}"
            if key in above or len(above) >= DEEPEST:
                errors[f"{at}: {shown(spec.model)} leads back to itself; a teacher must come before its student"] = None
            elif key not in done:
                if len(done) >= MOST:
                    raise UserError(f"{at}: more than {MOST} recipes teach each other; expected fewer")
                done[key] = True
                try:
                    taught = load(spec.model, settings_of(spec), smoke=smoke, notes=[] if absent else None, code=False)
                except UserError as error:
                    said = str(error).replace("--set ", f"{at}.settings: ")
                    errors.update(dict.fromkeys(said.splitlines()))
                else:
                    visit(taught, Path(spec.model), {*above, key})

    visit(recipe, path, set())
    if errors:
        raise UserError("\n".join(errors))


def _teaching(recipe):
    """[(path of keys, what is named there)] of the networks that teach, or are compared with them."""
    found = []
    if recipe.teacher is not None:
        found = [(("teacher",), recipe.teacher)]
        found += [(("teacher", "ensemble", str(number)), one) for number, one in enumerate(recipe.teacher.ensemble)]
    if recipe.evidence.independent_teacher is not None:
        found.append((("evidence", "independent_teacher"), recipe.evidence.independent_teacher))
    return found
