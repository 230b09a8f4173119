"""A table as Markdown has it."""

from keras_kd.utils.formatting import NOTHING


def table(header, rows):
    """A table.

    Args:
        header: texts, one a column.
        rows: lists of as many cells; None where nothing is known.

    Example:
        >>> print(table(["a"], [["b|c"], [None]]))
        | a |
        | --- |
        | b\\|c |
        | – |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, one)) + " |" for one in lines)


def _cell(value):
    return NOTHING if value is None else line(value).replace("|", "\\|")


def line(value):
    """A value on one line.

    Example:
        >>> line("two\\n lines")
        'two lines'
    """
    return " ".join(str(value).split())
