"""A recipe checked with all that it leads to, before anything is built: its teachers' recipes, its search."""

from keras_kd.recipe.check_teachers import check_teachers
from keras_kd.recipe.files import find
from keras_kd.recipe.written import read_with_overrides
from keras_kd.utils.errors import UserError
from keras_kd.workflows.search.objectives import objectives_of
from keras_kd.workflows.search.space import SearchInput, space_of


def check_recipe(recipe, path, settings=(), *, smoke=False, absent=False, code=True):
    """Checks what a recipe leads to.

    Args:
        recipe: a `Recipe`.
        path: its file or name.
        settings, smoke, code: with which it was read; see `keras_kd.recipe.load.load`.
        absent: whether images and models may be named that are not there yet; then, and without `code`, its search is
            not tried out.

    Raises:
        UserError: every error, a line each.

    Example:
        >>> from keras_kd.recipe.load import load
        >>> check_recipe(load("digits"), "digits")
    """
    errors = []
    for check in (_teachers, _objective, _space):
        try:
            check(recipe, path, tuple(settings), smoke=smoke, absent=absent, code=code)
        except UserError as error:
            errors.append(str(error))
    if errors:
        raise UserError("\n".join(errors))


def _teachers(recipe, path, settings, *, smoke, absent, code):
    check_teachers(recipe, find(path), smoke=smoke, absent=absent)


def _objective(recipe, path, settings, *, smoke, absent, code):
    if recipe.search is not None:
        with read_with_overrides(path, settings, smoke)[1].placing("search", "objective"):
            objectives_of(recipe.search)


def _space(recipe, path, settings, *, smoke, absent, code):
    if recipe.search is not None and code and not absent:
        space_of(recipe, SearchInput(str(path), settings, smoke))
