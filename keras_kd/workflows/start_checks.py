"""What the checks before training are called, so that those that are to be passed over are known before anything is
loaded."""

from collections.abc import Iterable

from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import did_you_mean

AT_THE_START = (
    "teacher", "teacher accuracy", "accuracy by class", "logits or probabilities", "class order", "pixels",
    "batch normalisation", "size of the student"
)  # fmt: skip


def checked_despite(despite, where="despite"):
    """The checks that are not to stop a run.

    Args:
        despite: a name or several; with hyphens in place of spaces too. None for none.
        where: names the argument in errors.

    Returns:
        A set of some of `AT_THE_START`.

    Raises:
        UserError: a name is no check.

    Example:
        >>> sorted(checked_despite(["pixels", "teacher-accuracy"]))
        ['pixels', 'teacher accuracy']
        >>> checked_despite("pixel")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: despite: no check 'pixel'; did you mean 'pixels'?
    """
    names, found = {as_word(name): name for name in AT_THE_START}, set()
    despite = [despite] if isinstance(despite, str) else [] if despite is None else despite
    if not isinstance(despite, Iterable):
        raise UserError(f"{where}: is {despite!r}; expected names of checks, such as ['pixels']")
    for given in despite:
        if not isinstance(given, str):
            raise UserError(f"{where}: is {despite!r}; expected names of checks, such as ['pixels']")
        name = names.get(as_word(given))
        if name is None:
            hint = did_you_mean(given, AT_THE_START) or f"; expected one of {', '.join(names)}"
            raise UserError(f"{where}: no check {given!r}{hint}")
        found.add(name)
    return found


def as_word(name):
    """The name of a check as one word of the command line.

    Example:
        >>> as_word("teacher's training accuracy")
        'teachers-training-accuracy'
    """
    return name.replace("'", "").replace(" ", "-")
