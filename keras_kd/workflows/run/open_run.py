"""What is there before a run's stages: its data; of a finished run its recipe and its files."""

from pathlib import Path

from keras_kd import data
from keras_kd.data.held_out import with_held_out
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.load import load
from keras_kd.report.soundness import refuse_lost, refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.steps import during
from keras_kd.workflows.run.folder import is_run
from keras_kd.workflows.run.prune_student import know_student_of


@during("reading the data")
def load_data(recipe):
    """The recipe's images and labels; those that it holds out, with `meta` or `cooperative`, are taken out of the
    training images."""
    asked = recipe.data.model_dump(exclude={"views"})
    dataset = data.load(**asked)
    if recipe.meta is None and recipe.cooperative is None:
        return dataset
    where, share = held_out_by(recipe)
    planted = {name: asked[name] for name in ("seed", "label_noise", "imbalance")}
    return with_held_out(dataset, where, share, **planted)


def held_out_by(recipe):
    """(the field that holds training images out, how many) of a recipe with `meta` or `cooperative`."""
    part = "meta" if recipe.meta is not None else "cooperative"
    return f"{part}.held_out", getattr(recipe, part).held_out


def know_modules_of(folder):
    """Makes the modules known that a run's student is made of: those that its recipe names, and its function's.

    Args:
        folder: of the run.

    Raises:
        UserError: one cannot be imported here.
    """
    files = RunFolder(Path(folder))
    if files.recipe.exists():
        know_student_of(load(files.recipe, notes=[]))


def open_run(folder, moved=False):
    """(recipe, RunFolder) of a finished run; one that was moved away from what its recipe names only where it may."""
    files = RunFolder(Path(folder))
    refuse_no_folder(folder)
    if not files.recipe.exists() or not is_run(files.path):
        raise UserError(f"{folder}: no run of keras-kd (it has no recipe.yaml of its making)")
    refuse_lost(files.path)
    if not files.student.exists():
        raise UserError(f"{folder}: its student is not trained to the end; `keras-kd distill` resumes it")
    notes = []
    recipe = load(files.recipe, notes=notes)
    if notes and not moved:
        raise UserError(
            f"{folder}: was moved, or what its recipe names was ({notes[0].partition(': ')[2]}); move it back, or give "
            f"`keras-kd distill RECIPE --out {folder}`"
        )
    return recipe, files
