"""The errors a user can cause and fix."""


class UserError(ValueError):
    """Something the user gave cannot be used: where, what was found, what was expected, how to fix it.

    The command line prints the message on one line (several recipe errors: one line each), without a
    traceback, and exits with code 2.

    Example:
        >>> raise UserError("no such file: recipes/x.yaml; `keras-kd list recipes` names all")
        Traceback (most recent call last):
        keras_kd.utils.errors.UserError: no such file: recipes/x.yaml; `keras-kd list recipes` names all
    """


class FolderLockedError(UserError):
    """Another process works there."""


class MachineError(UserError):
    """The machine could not: its disk is full or fails, its memory is used up, a process was ended from outside.

    Nothing is known of what was asked, so it is never recorded as a result; the same command tries again.
    """


class GateError(Exception):
    """An exported file does not do what the Keras model does and was kept out of the run (exit code 1).

    `exports` holds what was measured on every file of that export, those that passed included.
    """

    def __init__(self, message, exports=()):
        super().__init__(message)
        self.exports = list(exports)


class NonFiniteLoss(Exception):
    """The loss, or what is trained, became NaN or infinite; says when and through what (exit code 1)."""


class Exit(SystemExit):
    """keras_kd's own end of the program, told apart from one in code that a recipe names.

    Example:
        >>> Exit(1).code
        1
    """
