"""In which folders the bank of a run may lie: where it is asked for, next to the run, or where all that is begun in one
place share it."""

import contextlib
import os
from pathlib import Path

from keras_kd.utils.errors import UserError
from keras_kd.utils.paths import user_folder

# The folder of the banks, next to the runs.
BANKS = "bank"
VARIABLE = "KERAS_KD_BANK"

_shared = []


@contextlib.contextmanager
def shared(folder):
    """While the block runs, banks that are nowhere yet are made in a folder, wherever their runs lie.

    Example:
        >>> with shared("saved_models/bank"):
        ...     [place.as_posix() for place in places("elsewhere/bank")]
        ['elsewhere/bank', 'saved_models/bank']
    """
    _shared.append(Path(folder))
    try:
        yield
    finally:
        _shared.pop()


def places(beside, given=None):
    """The folders in which a bank is looked for, the one in which it is made if it is in none of them last.

    Args:
        beside: the folder of banks next to a run, where earlier versions made them.
        given: the folder that a recipe asks for; no other is then looked at.

    Raises:
        UserError: one that was named is no folder.

    Example:
        >>> [place.as_posix() for place in places("saved_models/bank", given="/data/banks")]
        ['/data/banks']
    """
    if given is not None:
        return (_folder(given, "bank.folder"),)
    return Path(beside), common_place(beside)


def common_place(default):
    """The folder that runs share: of the environment variable, else of `shared`, else the one given."""
    named = os.environ.get(VARIABLE)
    if named:
        return _folder(user_folder(named, VARIABLE), VARIABLE)
    return _shared[-1] if _shared else Path(default)


def _folder(path, where):
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise UserError(f"{where}: {path} is a file; expected the folder that banks lie in")
    return path
