"""Lines for a person on standard error, in addition to what a command prints.

Two lines are written past it, by the system itself: those of a signal that ends the process at once, see
`keras_kd.utils.stopping` and `keras_kd.cli.command`.
"""

import functools
import sys


def print_error(text):
    """What went wrong, each line with the name of the command, if standard error is still there.

    Args:
        text: one line or several.

    Example:
        >>> print_error("x.yaml: no such recipe")  # on standard error: keras-kd: x.yaml: no such recipe
    """
    try:
        sys.stderr.write("".join(f"keras-kd: {line}\n" for line in str(text).splitlines()))
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # Who listened is gone; the exit code still says it.
        pass


def print_note(text):
    """What a person should know of a work that goes on: its progress, what it leaves as it is.

    Example:
        >>> print_note("digits: epoch 1/2")  # on standard error, at once
    """
    print(text, file=sys.stderr, flush=True)


@functools.cache
def print_note_once(text):
    """As `print_note`, but not again in this process what was said already, however often it is found."""
    print_note(text)
