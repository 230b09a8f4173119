"""What a search will do, settled before its first trial: the recipe, the space, what it is judged by."""

from collections.abc import Callable
from dataclasses import dataclass

from keras_kd.recipe.load import load
from keras_kd.recipe.schema import Recipe, SearchSpec
from keras_kd.recipe.written import read_with_overrides
from keras_kd.utils.screen import print_note
from keras_kd.workflows.search.folder import SearchFolder
from keras_kd.workflows.search.objectives import objectives_of
from keras_kd.workflows.search.space import SearchInput, recipe_with, space_of
from keras_kd.workflows.search.tuner import check_installed


@dataclass(frozen=True, eq=False)
class SearchPlan:
    """Handed from stage to stage.

    Args:
        name: of the recipe.
        files: the `SearchFolder`.
        given: the recipe file and the overrides, as `SearchInput`.
        recipe: the `Recipe` as it was read.
        held_out: the same with images set aside to judge trials by.
        spec: its `SearchSpec`.
        objectives: [(name of a figure, "max" or "min")].
        space: a tuple of `Setting`s.
        quiet: no progress.
        check: called with a `RunContext` once the teacher is there; what it raises stops the search.
    """

    name: str
    files: SearchFolder
    given: SearchInput
    recipe: Recipe
    held_out: Recipe
    spec: SearchSpec
    objectives: list
    space: tuple
    quiet: bool = False
    check: Callable = lambda context: None

    def recipe_of(self, values):
        """The recipe of a trial: the open settings set to {path: value}, images set aside."""
        return _with_images_aside(recipe_with(values, self.given), self.spec)

    def log(self, line):
        """Writes a line of progress to stderr, unless quiet."""
        if not self.quiet:
            print_note(f"{self.name}: {line}")


def plan_of(given, files, name, quiet, check):
    """The `SearchPlan` of a recipe.

    Args:
        given: the `SearchInput`.
        files: the `SearchFolder`.
        name: of the recipe.
        quiet, check: as of `SearchPlan`.

    Raises:
        UserError: what does not fit in the recipe's search, or a library that is missing.
    """
    recipe = load(given.path, given.settings, smoke=given.smoke)
    spec = recipe.search or SearchSpec()
    if given.smoke:
        spec = spec.model_copy(update={"trials": min(spec.trials, 2), "seeds": 1})
    with read_with_overrides(*given)[1].placing("search", "objective"):
        objectives = objectives_of(spec)
    check_installed(spec.tuner)
    space, held_out = space_of(recipe, given), _with_images_aside(recipe, spec)
    return SearchPlan(name, files, given, recipe, held_out, spec, objectives, space, quiet, check)


def _with_images_aside(recipe, spec):
    """The recipe with images set aside to judge trials by: those of `data.validation`, else of the search."""
    if recipe.data.validation:
        return recipe
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"validation": spec.validation})})
