"""Whether what a finished run left is as the run made it."""

from pathlib import Path

from keras_kd.utils.account import CHANGED, MISSING, changes
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import listed
from keras_kd.utils.paths import RECIPE, ends_in

# What of a run cannot be made again.
IRREPLACEABLE = ("recipe.yaml", "student.keras", "taught_teacher.keras", "cooperation.json")
# What its owner fills in: once it was changed it is somebody's own.
EDITABLE = ("model_card.md", "example/run.py")
CHECKPOINTS = "checkpoints/"
# What is made of the rest and read by nobody but people.
_PAGES = ("report.md", "report.html")
PUT_BACK = "put it back, or train it again: `keras-kd distill` of its recipe with --restart"


def refuse_no_folder(folder):
    """Refuses what is to be the folder of a run and is no folder.

    Args:
        folder: as it was given.

    Raises:
        UserError: what it is, and what to give.

    Example:
        >>> refuse_no_folder("runs/mine")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: runs/mine: no such run folder; `keras-kd distill RECIPE` makes one under \
saved_models/
    """
    path = Path(folder)
    if path.is_dir():
        return
    if not path.exists():
        raise UserError(f"{folder}: no such run folder; `keras-kd distill RECIPE` makes one under saved_models/")
    if ends_in(path, RECIPE) and path.name != "recipe.yaml":
        what, fix = "a recipe", f"`keras-kd distill {folder}` makes its run under saved_models/"
    elif (path.parent / "recipe.yaml").exists():
        what, fix = "a file of a run", f"give {path.parent}"
    else:
        what, fix = "a file", "give a folder, such as saved_models/mine"
    raise UserError(f"{folder}: is {what}, and not the folder of a run; {fix}")


def changed_in(folder):
    """The names of a run's files that are not as they were written, those that people may change among them.

    Args:
        folder: of the run; of a run of an earlier version nothing is known, and nothing has changed.
    """
    # Those of epochs may be many and large: each is compared when it is used.
    return [
        name
        for name, state in changes(folder, lambda name: not name.startswith(CHECKPOINTS)).items()
        if state == CHANGED
    ]


def refuse_lost(folder):
    """Refuses to go on with a run of which something was changed that cannot be made again.

    Args:
        folder: of the run.

    Raises:
        UserError: names it.
    """
    found = changes(folder, IRREPLACEABLE)
    for name in IRREPLACEABLE:
        if found.get(name) == CHANGED:
            raise UserError(
                f"{Path(folder) / name}: is not as this run made it (damaged, or changed by somebody); put it back, or "
                "begin again with --restart"
            )


def refuse_changed(folder):
    """Refuses to tell of a run whose figures, or the files that they are of, are not as the run made them.

    Args:
        folder: of the run.

    Raises:
        UserError: names them, and what is to be done.
    """
    but = (*EDITABLE, *_PAGES)
    found = [name for name in changed_in(folder) if name not in but]
    found += [name for name, state in changes(folder, IRREPLACEABLE).items() if state == MISSING]
    if not found:
        return
    shown = listed(found, 4)
    lost = next((name for name in IRREPLACEABLE if name in found), None)
    fix = PUT_BACK if lost else f"`keras-kd evaluate {folder}` measures again, `keras-kd distill` makes the rest again"
    raise UserError(f"{Path(folder)}: not as the run made it (damaged, or changed by somebody): {shown}; {fix}")
