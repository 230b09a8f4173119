"""What a section of the page is made of: text, tables, plots, images. The template knows how each looks."""

from keras_kd.report.markdown_table import line
from keras_kd.utils.formatting import NOTHING

# Letters of a cell that stays on one line.
UNBROKEN = 12


def section(name, title, *blocks):
    """A section, or None where it would be empty.

    Args:
        name: its anchor.
        title: its heading.
        *blocks: of the functions below; None is left out.

    Returns:
        {"name", "title", "blocks"}, or None.

    Example:
        >>> section("notes", "Notes", None) is None, section("notes", "Notes", text("One."))["blocks"][0]["text"]
        (True, 'One.')
    """
    there = [one for one in blocks if one is not None]
    return {"name": name, "title": title, "blocks": there} if there else None


def text(*sentences, soft=False):
    """A paragraph of the sentences that are there, or None; `soft` is what explains."""
    said = " ".join(one for one in sentences if one)
    return {"kind": "text", "text": said, "soft": soft} if said else None


def table(header, rows, note="", *, bold=()):
    """A table, or None without rows; a column in which nothing stands is left out.

    Args:
        header: texts, one a column.
        rows: lists of as many cells.
        note: what the table needs said.
        bold: numbers of rows that stand out.

    Example:
        >>> table(["", "a", "b"], [["x", 1, "–"]])["header"]
        ['', 'a']
    """
    if not rows:
        return None
    rows = [[_cell(NOTHING if cell is None else cell) for cell in row] for row in rows]
    kept = [column for column in range(len(header)) if any(row[column] not in (NOTHING, "") for row in rows)]
    return {
        "kind": "table",
        "header": [header[column] for column in kept],
        "rows": [[row[column] for column in kept] for row in rows],
        "note": note,
        "bold": list(bold),
    }


def _cell(value):
    said = line(value)
    # On paper columns are narrow: a number stays with its unit.
    return said.replace(" ", "\N{NO-BREAK SPACE}") if len(said) <= UNBROKEN else said


def plots(*drawn, small=False):
    """Plots beside each other, or None.

    Args:
        *drawn: (title, SVG, how to read it), or None.
        small: as many in a row as fit.
    """
    there = [one for one in drawn if one is not None]
    return {"kind": "plots", "plots": there, "small": small} if there else None


def folded(title, block):
    """A block that is shown when it is asked for; None of None."""
    return None if block is None else {"kind": "folded", "title": title, "block": block}


def images(shown):
    """Images with what is said of them, or None.

    Args:
        shown: [(data URI, lines, whether it has a frame)].
    """
    return {"kind": "images", "images": shown} if shown else None


def verbatim(words):
    """Text as it is, or None."""
    return {"kind": "verbatim", "text": words} if words else None


def listed(lines):
    """A list of texts, or None."""
    return {"kind": "list", "lines": [line(one) for one in lines]} if lines else None


def facts(values):
    """{name: value} as a table, without what is None."""
    known = {name: value for name, value in values.items() if value is not None}
    return table(["", ""], [[name.replace("_", " "), _told(value)] for name, value in known.items()])


def _told(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items() if one is not None)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value
