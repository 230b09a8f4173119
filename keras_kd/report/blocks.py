"""What a page is made of: text, tables, plots, images. Terminal, Markdown and HTML show the same blocks, each its way.

A block says where it stands: most are on both pages, what is drawn is in HTML alone, and the few lines of the terminal
are marked with `also_in_terminal` or `in_terminal`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from keras_kd.report.markdown_table import line
from keras_kd.utils.formatting import NOTHING, printable

TERMINAL, MARKDOWN, HTML = "terminal", "markdown", "html"
EVERYWHERE = frozenset({TERMINAL, MARKDOWN, HTML})
PAGES = frozenset({MARKDOWN, HTML})
DRAWN = frozenset({HTML})


@dataclass(frozen=True, kw_only=True)
class Block:
    """What stands on a page, and on which: some of those that can show it."""

    can_stand: ClassVar[frozenset] = EVERYWHERE
    places: frozenset = PAGES

    def __post_init__(self):
        if not self.places <= self.can_stand:
            raise ValueError(
                f"{self.kind}: found {sorted(self.places)}; it can stand in {sorted(self.can_stand)} alone"
            )

    @property
    def kind(self):
        """Its name in lower case, by which templates know it."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Text(Block):
    """A paragraph; `soft` is what explains."""

    text: str
    soft: bool = False


@dataclass(frozen=True)
class Table(Block):
    """Rows of as many cells as the header has, all of them text."""

    header: list
    rows: list
    note: str = ""
    bold: tuple = ()
    wraps: bool = False


@dataclass(frozen=True)
class Listed(Block):
    """Texts, one under the other; with numbers where their order counts."""

    lines: list
    numbered: bool = False

    def marked(self, mark):
        """Its lines, each behind its number, or behind a mark where the order does not count."""
        return [f"{place}. {one}" if self.numbered else f"{mark}{one}" for place, one in enumerate(self.lines, 1)]


@dataclass(frozen=True)
class Plot:
    """A plot that is drawn when it is shown: `draw()` gives the figure."""

    title: str
    how: str
    draw: Callable[[], Any]


@dataclass(frozen=True)
class Plots(Block):
    """Plots next to each other; small ones as many in a row as fit."""

    can_stand: ClassVar[frozenset] = DRAWN
    plots: list
    small: bool = False
    places: frozenset = field(default=DRAWN, kw_only=True)


@dataclass(frozen=True)
class Folded(Block):
    """A block that is shown when it is asked for."""

    can_stand: ClassVar[frozenset] = DRAWN
    title: str
    block: Block
    places: frozenset = field(default=DRAWN, kw_only=True)


@dataclass(frozen=True)
class Images(Block):
    """Images as (data URI, lines, whether it has a frame)."""

    can_stand: ClassVar[frozenset] = DRAWN
    images: list
    places: frozenset = field(default=DRAWN, kw_only=True)


@dataclass(frozen=True)
class Verbatim(Block):
    """Text as it is."""

    can_stand: ClassVar[frozenset] = PAGES
    text: str
    places: frozenset = field(default=DRAWN, kw_only=True)


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    name: str
    title: str
    blocks: list

    def on(self, place):
        """The blocks that stand in a place."""
        return [one for one in self.blocks if place in one.places]


@dataclass(frozen=True)
class Page:
    """A report for people: its heading, what is said first, and its sections.

    `spent` is what it took and when it was, `next` what is worth doing then and `command` how that is asked for.
    """

    heading: str
    facts: str = ""
    shortened: bool = False
    sentence: str = ""
    spent: str = ""
    next: str = ""
    command: str = ""
    sections: list = field(default_factory=list)

    def on(self, place):
        """The sections that have something to say in a place."""
        return [one for one in self.sections if one.on(place)]


SHORTENED = "A shortened run: it shows that every step works. Its numbers are no result."


def section(name, title, *blocks):
    """A section, or None where it would be empty.

    Args:
        name: its anchor.
        title: its heading.
        *blocks: of the functions below; None is left out.

    Example:
        >>> section("notes", "Notes", None) is None, section("notes", "Notes", text("One.")).blocks[0].text
        (True, 'One.')
    """
    known = [one for one in blocks if one is not None]
    return Section(name, title, known) if known else None


def text(*sentences, soft=False):
    """A paragraph of the sentences that there are, or None; `soft` is what explains."""
    known = " ".join(line(one) for one in sentences if one)
    return Text(known, soft) if known else None


def table(header, rows, note="", *, bold=(), wraps=False):
    """A table, or None without rows; a column in which nothing stands is left out.

    Args:
        header: texts, one a column.
        rows: lists of as many cells.
        note: what the table needs said.
        bold: numbers of rows that stand out.
        wraps: whether cells hold sentences.

    Example:
        >>> table(["", "a", "b"], [["x", 1, "–"]]).header
        ['', 'a']
    """
    if not rows:
        return None
    rows = [[line(NOTHING if cell is None else cell) for cell in row] for row in rows]
    kept = [column for column in range(len(header)) if any(row[column] not in (NOTHING, "") for row in rows)]
    return Table(
        [line(header[column]) for column in kept],
        [[row[column] for column in kept] for row in rows],
        line(note),
        bold,
        wraps,
    )


def listed(lines, *, numbered=False):
    """A list of texts, or None."""
    return Listed([line(one) for one in lines], numbered) if lines else None


def plots(*drawn, small=False):
    """Plots next to each other, or None; a plot that is None is left out."""
    known = [one for one in drawn if one is not None]
    return Plots(known, small) if known else None


def folded(title, block):
    """A block that is shown when it is asked for; None of None."""
    return None if block is None else Folded(title, block)


def images(shown):
    """Images with what is said of them, [(data URI, lines, whether it has a frame)], or None."""
    return Images(shown) if shown else None


def verbatim(words):
    """Text as it is, or None."""
    return Verbatim("\n".join(map(printable, words.split("\n")))) if words else None


def facts(values):
    """{name: value} as a table, without what is None."""
    return table(["", ""], [[name, _in_words(value)] for name, value in values.items() if value is not None])


def _in_words(value):
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(one)}" for name, one in value.items() if one is not None)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value


def in_terminal(block):
    """The block for the terminal alone; None of None."""
    return _in(block, {TERMINAL})


def in_markdown(block):
    """The block for the page without plots alone: what it has in place of one; None of None."""
    return _in(block, {MARKDOWN})


def also_in_terminal(block):
    """The block for the terminal as well as where it stands; None of None."""
    return None if block is None else _in(block, block.places | {TERMINAL})


def _in(block, places):
    return None if block is None else replace(block, places=frozenset(places))
