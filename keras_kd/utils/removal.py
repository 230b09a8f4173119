"""Taking away what is ours in a folder, and nothing else: files, work that was part of it, leftovers of the dead."""

import contextlib
import os
import re
import shutil
from pathlib import Path

from keras_kd.utils.account import ACCOUNT, CHANGED, MARK, changes, has_account, log_changed, read_account
from keras_kd.utils.errors import UserError
from keras_kd.utils.files import remove_empty, tidy
from keras_kd.utils.paths import folders_between

# Folders, in the mark of a folder, in which exports are made, begin so.
WORKPLACE = "export-"


def remove_file(folder, name):
    """Removes a file of ours, and the folders of its own that are empty then; a link of its name was not made by us."""
    folder, path = Path(folder), Path(folder) / name
    real, top = os.path.realpath(path.parent), os.path.realpath(folder)
    if os.path.commonpath([real, top]) != top or path.is_symlink() or path.is_dir():
        return
    path.unlink(missing_ok=True)
    for one in folders_between(path, folder):
        remove_empty(one)


def folders_within(folder, said):
    """The folders below a folder whose work was part of its work, where they were begun; `said` is its account."""
    found = []
    for name in said["inside"]:
        inside = Path(folder) / name
        way = (inside, *folders_between(inside, Path(folder)))
        if has_account(inside) and not any(one.is_symlink() for one in way):
            with contextlib.suppress(UserError):
                if read_account(inside)["within"] == said["identity"]:
                    found.append(inside)
    return found


def remove_work(folder):
    """Removes all of a folder that is ours, what was part of it, and the folder, if nothing else is in it."""
    said = read_account(folder)
    for inside in folders_within(folder, said):
        remove_work(inside)
    changed = [name for name, state in changes(folder).items() if state == CHANGED]
    for name in changed:
        log_changed(folder / name, f"it stays, as {set_aside(folder / name)}")
    for name in said["made"]:
        remove_file(folder, name)
    tidy(folder / MARK)
    remove_workplaces(folder / MARK)
    remove_mark(folder)
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_mark(folder):
    """Removes the folder of our own in a folder, if nothing is in it but the account and its locks."""
    for name in (ACCOUNT, "made.lock", "lock"):
        with contextlib.suppress(OSError):
            (folder / MARK / name).unlink()
    with contextlib.suppress(OSError):
        (folder / MARK).rmdir()


def remove_workplaces(place):
    """Removes the folders in which exports that were killed were at work."""
    for one in place.glob(f"{WORKPLACE}*"):
        if re.fullmatch(f"{WORKPLACE}[0-9a-f]{{32}}", one.name) and not one.is_symlink():
            shutil.rmtree(one, ignore_errors=True)


def set_aside(path):
    """Gives a file or folder a name next to it that is free; returns it."""
    path = Path(path)
    endings = ["changed", *(f"changed{number}" for number in range(2, 1000))]
    names = (path.with_name(f"{path.stem}.{ending}{path.suffix}") for ending in endings)
    place = next(one for one in names if not os.path.lexists(one))
    path.rename(place)
    return place.name
