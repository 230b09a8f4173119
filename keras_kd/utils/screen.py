"""Lines for a person: what a command prints, and on standard error what there is to say in addition.

Names of files and classes in them are harmless: what would move the cursor or is no text is written out.

Two lines are written past it, by the system itself: those of a signal that ends the process at once, see
`keras_kd.utils.stopping` and `keras_kd.cli.command`.
"""

import functools
import sys
import time

from keras_kd.utils.formatting import printable


def print_error(text):
    """What went wrong, each line with the name of the command, if standard error is still there.

    Args:
        text: one line or several.

    Example:
        >>> print_error("x.yaml: no such recipe")  # on standard error: keras-kd: x.yaml: no such recipe
    """
    try:
        sys.stderr.write("".join(f"keras-kd: {printable(line)}\n" for line in str(text).splitlines()))
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        # Who listened is gone; the exit code still says it.
        pass


def print_note(text):
    """What a person should know of a work that goes on: its progress, what it leaves as it is.

    Example:
        >>> print_note("digits: epoch 1/2")  # on standard error, at once
    """
    _last[0] = time.monotonic()
    print(_lines(text), file=sys.stderr, flush=True)


_last = [0.0]


def last_note():
    """When the last note was said, of `time.monotonic`."""
    return _last[0]


@functools.cache
def print_note_once(text):
    """As `print_note`, but not again in this process what was said already, however often it is found."""
    print_note(text)


def print_result(text):
    """What a command was asked for, on standard output.

    Example:
        >>> print_result("a class called \\x1b[31mred")
        a class called \\x1b[31mred
    """
    print(_lines(text), flush=True)


def _lines(text):
    return "\n".join(map(printable, str(text).split("\n")))
