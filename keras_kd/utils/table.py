"""Tables that fit in the terminal: names cut where it does not hurt, columns in blocks, cells in several lines."""

import os
import shutil
import sys
import textwrap
from pathlib import PurePath

from keras_kd.utils.formatting import columns

LEAST = 40  # letters: a narrower terminal wraps as it likes


def terminal_width():
    """Letters in a line of the terminal, or None where what is printed goes elsewhere, and is not cut.

    Example:
        >>> terminal_width() is None or terminal_width() >= 40
        True
    """
    given = os.environ.get("COLUMNS", "")
    if not given.isdigit() and not (sys.stdout and sys.stdout.isatty()):
        return None
    return max(shutil.get_terminal_size().columns, LEAST)


def cut(text, most):
    """A text of at most so many letters: its beginning and its end, which is what names differ by.

    Example:
        >>> cut("saved_models/digits/student_int8.tflite", 24), cut("short", 24)
        ('saved_models…int8.tflite', 'short')
    """
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[len(text) - (most - head - 1) :]}"


def apart(paths):
    """Names of paths without the folders that all of them lie in.

    Example:
        >>> apart(["saved_models/a/x.tflite", "saved_models/a/saved_model"])
        ['x.tflite', 'saved_model']
        >>> apart(["saved_models/a", "saved_models/b", "other/a"])
        ['saved_models/a', 'saved_models/b', 'other/a']
    """
    parts = [PurePath(one).parts for one in paths]
    shared = 0
    while all(len(one) > shared + 1 for one in parts) and len({one[shared] for one in parts}) == 1:
        shared += 1
    return [str(PurePath(*one[shared:])) if one else str(path) for one, path in zip(parts, paths, strict=True)]


def in_blocks(rows, width=None, *, right=(), between="  "):
    """Rows as lines; columns that do not fit next to each other follow in further blocks, each with the first column.

    Args:
        rows: of as many texts each, the first is the header.
        width: letters in a line; None for any.
        right: numbers of the columns whose texts end under each other.
        between: what parts two columns.

    Returns:
        A list of lines; an empty one between two blocks.

    Example:
        >>> print("\\n".join(in_blocks([("file", "size", "latency"), ("a.keras", "9 kB", "0.41 ms")], width=16)))
        file     size
        a.keras  9 kB
        <BLANKLINE>
        file     latency
        a.keras  0.41 ms
    """
    rows = [tuple(row) for row in rows]
    if width is None:
        return columns(rows, right=right, between=between)
    longest = max(width // 2, LEAST // 2)
    rows = [(cut(row[0], longest), *row[1:]) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    blocks, used = [[]], widths[0]
    for number in range(1, len(widths)):
        if blocks[-1] and used + len(between) + widths[number] > width:
            blocks.append([])
            used = widths[0]
        blocks[-1].append(number)
        used += len(between) + widths[number]
    lines = []
    for block in blocks:
        chosen = [0, *block]
        ends = [place for place, number in enumerate(chosen) if number in right]
        lines += ["", *columns([[row[number] for number in chosen] for row in rows], right=ends, between=between)]
    return lines[1:]


def wrapped(rows, width=None, *, between="  "):
    """Rows as lines; where they are too wide the widest columns get narrower, and their cells several lines.

    The first column, of names, stays as it is, and no word is broken.

    Args:
        rows, width, between: as of `in_blocks`.

    Returns:
        A list of lists of lines: a row's own.

    Example:
        >>> rows = [("kd", "Hinton et al. 2015"), ("at", "Zagoruyko & Komodakis 2017")]
        >>> print("\\n".join(line for row in wrapped(rows, 24) for line in row))
        kd  Hinton et al. 2015
        at  Zagoruyko &
            Komodakis 2017
    """
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    words = [
        max((len(one) for text in column for one in text.split()), default=0) for column in zip(*rows, strict=True)
    ]
    while width is not None and sum(widths) + len(between) * (len(widths) - 1) > width:
        yielding = [number for number in range(1, len(widths)) if widths[number] > words[number]]
        if not yielding:
            break
        widths[max(yielding, key=lambda number: widths[number])] -= 1
    return [_lines_of(row, widths, between) for row in rows]


def _lines_of(row, widths, between):
    cells = [
        textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]
        for text, width in zip(row, widths, strict=True)
    ]
    height = max(map(len, cells))
    filled = [cell + [""] * (height - len(cell)) for cell in cells]
    return [
        between.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*filled, strict=True)
    ]


def folded(text, width=None):
    """A paragraph in lines that fit, broken between words; as it is where `width` is None.

    Example:
        >>> folded("one two three", 8)
        'one two\\nthree'
    """
    return text if width is None else textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
