"""A recipe's bank by itself: filled before any training, compared with its teacher."""

import time

from keras_kd.utils.errors import UserError
from keras_kd.workflows.run.choose_bank import bank_of
from keras_kd.workflows.run.distill import trained_teacher
from keras_kd.workflows.run.load_teacher import load_teacher
from keras_kd.workflows.run.open_run import load_data


def open_bank(recipe, folder, *, smoke=False, quiet=False, may_train=True, log=None):
    """The bank of a recipe's teacher.

    Args:
        recipe: a `Recipe`.
        folder: of the run that would use it.
        smoke: teachers that are recipes are shrunk as well.
        quiet: no progress of a teacher's training.
        may_train: trains the teachers whose runs are missing, instead of refusing.
        log: called with a line about the bank.

    Raises:
        UserError: the recipe has no teacher, or one that no bank can stand for.
    """
    dataset = load_data(recipe)
    if may_train:
        teacher = trained_teacher(recipe, dataset, folder, smoke=smoke, quiet=quiet)
    else:
        teacher = load_teacher(recipe, dataset, folder, smoke=smoke)
    if recipe.bank.mode in ("auto", "live"):
        bank = recipe.bank.model_copy(update={"mode": "ahead"})
        recipe = recipe.model_copy(update={"bank": bank})
    bank = bank_of(recipe, dataset, teacher, folder, log=log)
    if bank is None:
        raise UserError("bank: no term of the recipe reads a teacher; there is nothing to compute ahead")
    return bank


def build(bank, progress=None):
    """Fills a bank with every view; returns {"folder", "views", "computed", "seconds", "bytes"}.

    Args:
        bank: a `Bank`.
        progress: called with (done, of) views.

    Raises:
        UserError: the disk has no room for it.
    """
    bank.check_room()
    begun = time.monotonic()
    computed = bank.fill_all(progress)
    return {
        "folder": str(bank.folder),
        "views": bank.summary()["views"],
        "computed": computed,
        "seconds": round(time.monotonic() - begun, 3),
        "bytes": sum(table.bytes_on_disk() for table in bank.all_tables()),
    }
