"""A folder of many runs: beginning it again, and what an earlier version made in its runs."""

from keras_kd.utils.screen import print_note
from keras_kd.workflows.run.folder import of_earlier_version


def empty_folder(owned, maker="keras-kd"):
    """Throws away all that was made in a held folder, and says what stays as somebody else made it.

    Args:
        owned: as which the folder is held.
        maker: whose the rest is not, as it is said.
    """
    left = owned.empty()
    if left:
        said = f"{owned.folder}: not made by {maker}, and left as it is: {', '.join(left)}"
        print_note(said)


def of_earlier_runs(folder, pattern):
    """The names of what an earlier version of keras_kd made in the runs of a folder.

    Args:
        folder: a `Path`.
        pattern: of the runs, below it.
    """
    for run in sorted(folder.glob(pattern)):
        place = run.relative_to(folder).as_posix()
        yield from (f"{place}/{name}" for name in of_earlier_version(run) or ())
