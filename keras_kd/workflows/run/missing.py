"""The runs that have to be there before a recipe's own: those of its teachers and theirs, and earlier generations."""

from pathlib import Path
from typing import NamedTuple

from keras_kd.recipe.folders import RunFolder, generation_folder, step_folder, teacher_run_name
from keras_kd.recipe.schema import Recipe
from keras_kd.workflows.run.folder import is_run, is_whole
from keras_kd.workflows.run.generations import before
from keras_kd.workflows.run.inputs import teacher_run, teacher_runs
from keras_kd.workflows.run.pruning_steps import step_of
from keras_kd.workflows.run.teachers import folds_alike, held_out_alike


class RunToMake(NamedTuple):
    """A run that is to be made, or to be gone on with.

    Args:
        recipe: its `Recipe`.
        files: its `RunFolder`.
        name: of it, for its report.
        restart: throws away what is there of it.
    """

    recipe: Recipe
    files: RunFolder
    name: str
    restart: bool = False


def missing_generations(recipe, files, name, restart):
    """The generations before a run's own that are to be run, the first one first.

    Args:
        recipe, files, name, restart: of the run, as a `RunToMake` has them.

    Returns:
        [`RunToMake`].
    """
    found, one = [], RunToMake(recipe, files, name, restart)
    while one.recipe.generations > 1:
        number = one.recipe.generations - 1
        run = RunFolder(generation_folder(files.path, number))
        if not one.restart and is_whole(run):
            break
        name = f"{one.name}, generation {number}"
        one = RunToMake(before(one.recipe), run, name, one.restart and is_run(run.path))
        found.append(one)
    return found[::-1]


def missing_steps(recipe, files, name, restart):
    """The earlier steps of a student that is pruned in several, that are to be run, the first one first.

    Args:
        recipe, files, name, restart: of the run, as a `RunToMake` has them.

    Returns:
        [`RunToMake`].
    """
    steps = 1 if recipe.student.prune is None else recipe.student.prune.steps
    found = []
    for number in range(1, steps):
        run = RunFolder(step_folder(files.path, number))
        if restart or not is_whole(run):
            again = restart and is_run(run.path)
            found.append(RunToMake(step_of(recipe, number), run, f"{name}, step {number}", again))
    return found


def missing_teachers(recipe, folder, smoke, restart=False):
    """The runs of a recipe's teachers, and of the teachers of these, that are to be run, the deepest first.

    Args:
        recipe: a `Recipe`.
        folder: of its run.
        smoke: teachers that are recipes are shrunk as well.
        restart: whether earlier generations are run again.

    Returns:
        [`RunToMake`], each run once.

    Raises:
        UserError: something is to be fitted on images that a teacher was trained on.
    """
    if recipe.teacher is None or not _asks_its_teacher(recipe, folder, restart):
        return []
    return missing_runs_of(recipe.teacher, recipe.data, folder, smoke)


def missing_runs_of(teacher, data, folder, smoke):
    """As `missing_teachers`, of a `TeacherSpec` and the `DataSpec` of the recipe that it teaches."""
    found = {}
    for spec in teacher.members:
        if not spec.is_recipe:
            continue
        one = teacher_run(spec, folder, smoke)
        if teacher.is_fitted:
            held_out_alike(data, one.recipe.data, spec.model)
        if teacher.folds:
            folds_alike(data, one.recipe.data, spec.model)
        if not is_whole(one.files):
            for deeper in missing_teachers(one.recipe, one.files.path, smoke):
                found.setdefault(deeper.files.path, deeper)
            name = teacher_run_name(Path(spec.model).stem, spec.settings)
            found.setdefault(one.files.path, RunToMake(one.recipe, one.files, name))
    return list(found.values())


def _asks_its_teacher(recipe, folder, restart):
    """Whether a run that is not complete asks the teacher of its recipe: of generations, the first one does."""
    to_be_run = missing_generations(recipe, RunFolder(Path(folder)), "", restart)
    return len(to_be_run) == recipe.generations - 1


def must_train_first(recipe, folder, smoke):
    """Whether the run of a teacher or of a generation is missing."""
    runs = []
    if recipe.generations > 1:
        runs.append(RunFolder(generation_folder(folder, 1)))
    if recipe.teacher is not None:
        runs += [one.files for one in teacher_runs(recipe, folder, smoke)]
    return any(not run.student.exists() for run in runs)
