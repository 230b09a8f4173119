"""Where the fields of a recipe are written, in its file or on the command line, so that an error can say it."""

import contextlib

from keras_kd.recipe.files import find, read, shown
from keras_kd.recipe.messages import dotted
from keras_kd.recipe.overrides import as_given, override
from keras_kd.recipe.smoke import shrink
from keras_kd.recipe.teacher import spread
from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import shortened

LONGEST = 1000  # characters of what is said of one field

# How an override begins that adds a module, as `--module` gives it.
MODULE = "modules.+="


class Written:
    """Where the fields of a recipe are written.

    Args:
        file: the recipe's, as errors show it.
        lines: {path of keys: line} of the file.
        changed: {path of keys: override}.

    Example:
        >>> written = Written("mine.yaml", {("fit",): 3, ("fit", "epochs"): 4}, {("seed",): "seed=-1"})
        >>> written.in_words([(("fit", "epochs"), "is 0; expected more than 0"), (("seed",), "is -1")])
        ['--set seed=-1: seed: is -1', 'mine.yaml:4: fit.epochs: is 0; expected more than 0']
    """

    def __init__(self, file, lines, changed):
        self.file, self.lines, self.changed = file, lines, changed

    def in_words(self, found):
        """Errors as lines, in the order of the file.

        Args:
            found: [(path of keys, message)].
        """
        placed = sorted((self.line(where), where, message) for where, message in found)
        return [self._told(line, where, message) for line, where, message in placed]

    @contextlib.contextmanager
    def placing(self, *where):
        """What the block says of a field is told with its place.

        Args:
            *where: the path of keys.

        Raises:
            UserError: that of the block, each line of it with its place.
        """
        try:
            yield
        except UserError as error:
            lines = [(where, line) for line in str(error).splitlines()]
            raise UserError("\n".join(self.in_words(lines))) from None

    def _told(self, line, where, message):
        touching = (keys for keys in self.changed if keys[: len(where)] == where or where[: len(keys)] == keys)
        setting = self.changed.get(next(touching, None))
        if setting and setting.startswith(MODULE):
            return f"--module {message}"
        at = as_given(setting) if setting else f"{self.file}:{line}"
        return f"{at}: {dotted(where)}: {shortened(message, LONGEST)}"

    def line(self, where):
        """The line of a field, or of the nearest part around it that is there."""
        return next((self.lines[where[:cut]] for cut in range(len(where), 0, -1) if where[:cut] in self.lines), 1)


def read_with_overrides(path, settings=(), smoke=False):
    """A recipe's plain data, overrides applied.

    Args:
        path, settings, smoke: as of `keras_kd.recipe.load.load`.

    Returns:
        (plain data, `Written`).

    Raises:
        UserError: the file cannot be read, or an override not be applied.
    """
    path = find(path)
    raw, lines = read(path)
    if {"recipes", "axes"} <= raw.keys():
        raise UserError(f"{shown(path)}: is a study, not a recipe; `keras-kd study {shown(path)}` runs it")
    spread(raw, lines)
    changed = {}
    if smoke:
        shrink(raw)
    for setting in settings:
        changed[override(raw, setting)] = setting
    spread(raw, lines)
    return raw, Written(shown(path), lines, changed)
