"""Which folders are no place to work in: refused before anything is written there."""

import os
from pathlib import Path

from keras_kd.utils.account import ACCOUNT, MARK, read_account
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import explained, remove_empty
from keras_kd.utils.formatting import listed
from keras_kd.utils.paths import folders_between

REPOSITORIES = (".git", ".hg", ".svn", ".bzr")


def refuse_places(folder):
    """Refuses places that are never one run's: the root, the home folder, the top of a repository.

    Args:
        folder: which need not exist.

    Raises:
        UserError: names the place.
    """
    real = Path(os.path.realpath(folder))
    home = os.path.realpath(os.path.expanduser("~"))
    if real == Path(real.anchor):
        what = "the root of the file system"
    elif str(real) == home:
        what = "your home folder"
    else:
        found = next((one for one in REPOSITORIES if os.path.lexists(real / one)), None)
        what = found and f"the top of a repository (it holds {found})"
    if what:
        raise UserError(f"{folder}: is {what}; expected a folder for this alone, such as saved_models/mine")
    if os.path.lexists(real) and not real.is_dir():
        raise UserError(f"{folder}: is a file; expected a folder, or a name for a new one")


def refuse_before(folder, kind, *, names=(), earlier=None, restart=False):
    """Refuses what `keras_kd.utils.ownership.held` would refuse, before anything is written; arguments as of it."""
    refuse_places(folder)
    mark = folder / MARK
    if mark.is_symlink() or (os.path.lexists(mark) and not mark.is_dir()):
        raise UserError(f"{mark}: was not made by keras-kd; it is left as it is: give another --out")
    if (mark / ACCOUNT).exists():
        found = read_account(folder)["kind"]
        if kind not in (found, "exports"):
            raise UserError(f"{folder}: holds a {_word(found)}; give another --out")
        return
    if earlier is not None and folder.is_dir() and earlier(folder) is not None:
        return
    there = entries_of(folder)
    if restart and there:
        raise UserError(
            f"{folder}: holds no {_word(kind)} of keras-kd (it holds {listed(there)}), and --restart empties nothing "
            "else; give another --out"
        )
    for name in names:
        for one in folders_between(folder / name, folder):
            if one.is_symlink():
                refuse_foreign_file(one)
        refuse_foreign_file(folder / name)


def _word(kind):
    return {"exports": "folder of exported files"}.get(kind, kind)


def entries_of(folder):
    """The names of what lies in a folder, our own mark apart; empty where there is none."""
    try:
        return sorted(name for name in os.listdir(folder) if name != MARK)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise explained(folder, error) from error


def refuse_foreign_file(path):
    """Refuses to write where something lies that is not known to be ours.

    Raises:
        UserError: names it.
    """
    remove_empty(path)
    if os.path.lexists(path):
        raise UserError(
            f"{path}: is there already and was not made by keras-kd; it is left as it is: give another --out, or move "
            "it away"
        )
