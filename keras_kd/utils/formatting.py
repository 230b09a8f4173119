"""Words, numbers and tables as Markdown shows them."""

NOTHING = "–"


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
    """A value on one line."""
    return " ".join(str(value).split())


def percent(share):
    """A share as percents.

    Example:
        >>> percent(0.70661), percent(None)
        ('70.66 %', '–')
    """
    return NOTHING if share is None else f"{100 * share:.2f} %"


def signed(share):
    """A difference of shares in points, with its sign.

    Example:
        >>> signed(0.016), signed(-0.016)
        ('+1.60', '−1.60')
    """
    return NOTHING if share is None else f"{100 * share:+.2f}".replace("-", "−")


def number(value):
    """A number of four digits."""
    return NOTHING if value is None else f"{value:.4g}"


def count(value):
    """A large number.

    Example:
        >>> count(1498), count(2_500_000)
        ('1,498', '2.50 M')
    """
    if value is None:
        return NOTHING
    for unit, size in (("G", 1e9), ("M", 1e6)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value:,}"


def size(value):
    """Bytes in a unit that suits them.

    Example:
        >>> size(9500)
        '9.5 kB'
    """
    if value is None:
        return NOTHING
    return f"{value / 1e6:.2f} MB" if value >= 1e6 else f"{value / 1e3:.1f} kB"
