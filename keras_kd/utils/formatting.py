"""Numbers, sizes, times and names as people read them: the same everywhere that something is printed or written."""

import math
import re

# What stands where nothing is known: on pages, and in the terminal.
NOTHING, DASH = "–", "-"
# {name: (bytes from which on a unit is used, bytes of the unit, its name, digits), the last for all that is smaller}.
SIZES = {
    "page": ((1e6, 1e6, "MB", 2), (0, 1e3, "kB", 1)),
    "card": ((1e5, 1e6, "MB", 2), (0, 1e3, "kB", 1)),
    "bank": ((1e9, 1e9, "GB", 1), (1e6, 1e6, "MB", 1), (0, 1e3, "kB", 0)),
    "cache": ((2**30, 2**30, "GiB", 1), (0, 2**20, "MiB", 0)),
}
# (milliseconds from which on a unit is used, how many of it they are, its name).
TIMES = ((999.5, 1e-3, "s"), (0.0995, 1, "ms"), (0, 1e3, "µs"))
# Said of what is asked for: too little would be wrong.
ROUNDED_UP = {"cache"}
# What moves the cursor, breaks a line, turns the direction of writing or is no text at all: control characters,
# separators of lines and paragraphs, overrides of direction, halves of characters.
HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text):
    """A name as it can stand in a line of a terminal or a page, whatever is in it.

    Example:
        >>> printable("two\\nlines"), printable("naïve"), printable("\\x1b[31mred")
        ('two\\\\nlines', 'naïve', '\\\\x1b[31mred')
    """
    return HARMFUL.sub(lambda one: one[0].encode("unicode_escape", "surrogatepass").decode("ascii"), str(text))


def percent(share, form=".2f", *, unit=" %", nothing=NOTHING):
    """A share as percents.

    Args:
        share: 1 for all, or None.
        form: of the number, as `format` takes it.
        unit: what follows the number.
        nothing: what stands for None.

    Example:
        >>> percent(0.70661), percent(0.98611, ".1f"), percent(None)
        ('70.66 %', '98.6 %', '–')
    """
    return nothing if share is None else f"{100 * share:{form}}{unit}"


def bare_percent(share):
    """A share as percents in a column that says so, with the dash of the terminal.

    Example:
        >>> bare_percent(0.70661), bare_percent(None)
        ('70.66', '-')
    """
    return percent(share, unit="", nothing=DASH)


def signed(share):
    """A difference of shares in points, with its sign.

    Example:
        >>> signed(0.016), signed(-0.016)
        ('+1.60', '−1.60')
    """
    return percent(share, "+.2f", unit="").replace("-", "−")


def spread(mean, std, form=".2f", *, scale=100, unit=""):
    """A mean and the standard deviation around it.

    Args:
        mean, std: as shares; None where they are not known.
        form: of the numbers, as `format` takes it.
        scale: that both are multiplied by.
        unit: what follows them.

    Example:
        >>> spread(0.5, 0.01), spread(0.5, None, unit=" %"), spread(None, None)
        ('50.00 ± 1.00', '50.00 %', '–')
    """
    if mean is None:
        return NOTHING
    around = "" if std is None else f" ± {scale * std:{form}}"
    return f"{scale * mean:{form}}{around}{unit}"


def number(value):
    """A number of four digits.

    Example:
        >>> number(0.123456), number(None)
        ('0.1235', '–')
    """
    return NOTHING if value is None else f"{value:.4g}"


def figure(value):
    """A number of four digits, a whole number with all of its own, anything else as it is.

    Example:
        >>> figure(0.123456), figure(None), figure(12345)
        ('0.1235', '-', '12345')
    """
    if value is None:
        return DASH
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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


def plural(value, noun):
    """How many there are of something.

    Example:
        >>> plural(1, "class"), plural(1200, "class"), plural(0, "seed")
        ('1 class', '1,200 classes', '0 seeds')
    """
    ending = "" if value == 1 else "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{value:,} {noun}{ending}"


def size(value, style="page", *, nothing=NOTHING):
    """Bytes in a unit that suits them.

    Args:
        value: how many, or None.
        style: of `SIZES`: "page", "card" (of a model), "bank", or "cache", which rounds up.
        nothing: what stands for None.

    Example:
        >>> size(9500), size(1_620_000_000, "bank"), size(5, "cache"), size(3 * 2**30, "cache")
        ('9.5 kB', '1.6 GB', '1 MiB', '3.0 GiB')
    """
    if value is None:
        return nothing
    _, unit, name, digits = next(one for one in SIZES[style] if value >= one[0])
    # Rounding up to a tenth: of ten times the number.
    shown = math.ceil(value / unit * 10**digits) / 10**digits if style in ROUNDED_UP else value / unit
    return f"{shown:.{digits}f} {name}"


def megabytes(value, digits, *, mega=1e6):
    """Bytes as megabytes, however few they are: for columns, and amounts that are compared.

    Args:
        value: how many bytes.
        digits: after the point.
        mega: bytes of a megabyte; disks are told of in 2**20.

    Example:
        >>> megabytes(130_000, 2), megabytes(5 * 2**20, 0, mega=2**20)
        ('0.13 MB', '5 MB')
    """
    return f"{value / mega:.{digits}f} MB"


def milliseconds(value, *, nothing=DASH):
    """A short time in a unit that suits it, of two or three digits.

    Args:
        value: in milliseconds, or None.
        nothing: what stands for None.

    Example:
        >>> milliseconds(0.00274), milliseconds(0.411), milliseconds(41.26), milliseconds(1530), milliseconds(None)
        ('2.74 µs', '0.41 ms', '41.3 ms', '1.53 s', '-')
    """
    if value is None:
        return nothing
    scaled, unit = next((value * by, name) for least, by, name in TIMES if value >= least)
    digits = 2 if scaled < 10 else 1 if scaled < 100 else 0
    return f"{scaled:.{digits}f} {unit}"


def duration(seconds):
    """Seconds as a person says them.

    Example:
        >>> duration(5), duration(75), duration(7500)
        ('5 s', '1 min 15 s', '2 h 5 min')
    """
    seconds = int(round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def listed(texts, most=3, *, between=", "):
    """The first of some texts, and how many more there are.

    Args:
        texts: a list.
        most: how many are shown.
        between: what parts them.

    Example:
        >>> listed(["a", "b", "c", "d"]), listed(["a", "b"], between="; ")
        ('a, b, c and 1 more', 'a; b')
    """
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more


def words(name, longest=24):
    """A name as plots write it: letter by letter, what stands between dollars too, and not too long.

    Example:
        >>> words("a $5 bill"), words("golden retriever", longest=8)
        ('a \\\\$5 bill', 'golden …')
    """
    name = " ".join(str(name).split())
    return (name if len(name) <= longest else name[: longest - 1] + "…").replace("$", "\\$")


def columns(rows, *, right=(), least=(), between="  "):
    """Rows of texts as lines, one column under the other: a table in the terminal.

    Args:
        rows: of as many texts each.
        right: numbers of the columns whose texts end under each other.
        least: letters that the first columns have at least.
        between: what parts two columns.

    Example:
        >>> print("\\n".join(columns([("file", "size"), ("a.keras", "9 kB")], right=[1], least=[0, 6])))
        file       size
        a.keras    9 kB
    """
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths = [max(width, *least[number : number + 1]) if least else width for number, width in enumerate(widths)]
    cells = [
        [text.rjust(width) if number in right else text.ljust(width) for number, (text, width) in enumerate(one)]
        for one in (zip(row, widths, strict=True) for row in rows)
    ]
    return [between.join(line).rstrip() for line in cells]
