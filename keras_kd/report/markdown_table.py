"""A table as Markdown has it."""

import re

from keras_kd.utils.formatting import NOTHING, printable

# Where raw HTML begins, and what would be read as a character's name.
HTML = re.compile(r"<(?=[A-Za-z/!?])|&(?=#?\w+;)")


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
    return NOTHING if value is None else words(value).replace("|", "\\|")


def words(value):
    """A value on one line, as text in which Markdown finds neither HTML nor links.

    Example:
        >>> words("<b>cat</b> < dog"), words("[x](y)")
        ('&lt;b>cat&lt;/b> < dog', '[x]\\\\(y)')
    """
    return HTML.sub(lambda one: {"<": "&lt;", "&": "&amp;"}[one[0]], line(value)).replace("](", "]\\(")


def code(value):
    """A value on one line between backticks, whatever is in it.

    Example:
        >>> code("cat"), code("a`b")
        ('`cat`', "`a'b`")
    """
    return f"`{line(value).replace('`', chr(39))}`"


def verbatim(text):
    """A text of several lines as it is, between fences that it does not close itself."""
    longest = max((len(one) for one in re.findall("`{3,}", text)), default=2)
    return "\n".join(["`" * (longest + 1), text, "`" * (longest + 1)])


def line(value):
    """A value on one line, in which every character can be seen.

    Example:
        >>> line("two\\n lines")
        'two lines'
    """
    return printable(" ".join(str(value).split()))
