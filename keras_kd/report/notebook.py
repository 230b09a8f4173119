"""What shows itself in a notebook: HTML without a style of its own, so that it takes the notebook's."""

import html
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from keras_kd.report.blocks import HTML, SHORTENED, TERMINAL
from keras_kd.report.plots import LIBRARIES, svg
from keras_kd.utils.lazy import installed

# The plots that a reader asks for first: accuracy and loss.
PLOTS = 2


class Rows(list):
    """Rows of plain values that show themselves, in a terminal as the command does, in a notebook as a table.

    Args:
        rows: the values.
        text: gives the lines of the command.
        cells: gives (header, rows of texts).

    Example:
        >>> rows = Rows([{"run": "a"}], text=lambda rows: ["run", "a"], cells=lambda rows: (["run"], [["a"]]))
        >>> print(rows)
        run
        a
        >>> rows._repr_html_()
        '<table><tr><th>run</th></tr><tr><td>a</td></tr></table>'
    """

    def __init__(
        self,
        rows: Iterable[Any],
        text: Callable[[list[Any]], list[str]],
        cells: Callable[[list[Any]], tuple[Sequence[Any], Iterable[Sequence[Any]]]],
    ) -> None:
        super().__init__(rows)
        self._text, self._cells = text, cells

    def __str__(self) -> str:
        return "\n".join(self._text(self))

    def _repr_html_(self) -> str:
        return table(*self._cells(self))


def table(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    """A table as HTML; texts are escaped.

    Example:
        >>> table(["", "top-1"], [["student", "<97>"]])
        '<table><tr><th></th><th>top-1</th></tr><tr><td>student</td><td>&lt;97&gt;</td></tr></table>'
    """
    head = "".join(f"<th>{escaped(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escaped(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if any(header) else ''}{body}</table>"


def as_it_is(text: str) -> str:
    """Text as HTML that keeps its lines."""
    return f"<pre>{escaped(text)}</pre>"


def of_page(page) -> str:
    """A page as a notebook shows it: its first sentence, the tables that the terminal shows, and the first curves.

    Args:
        page: a `keras_kd.report.blocks.Page`.

    Example:
        >>> from keras_kd.report.sections import page_of_run
        >>> "<b>tiny is right on 98.00 %" in of_page(page_of_run({"student": {"name": "tiny", "top1": 0.98}}))
        True
    """
    said = [f"<p><b>{escaped(one)}</b></p>" for one in (page.shortened and SHORTENED, page.sentence) if one]
    said += [f"<p>{escaped(page.spent)}</p>"] if page.spent else []
    for section in page.sections:
        # Figures of a shortened run would be taken for results.
        if not page.shortened:
            said += [_shown(one) for one in section.on(TERMINAL) if one.kind in ("table", "text")]
        if section.name == "curves":
            said += [_curves(one) for one in section.on(HTML) if one.kind == "plots"]
    return "\n".join(one for one in said if one)


def _shown(block):
    if block.kind == "text":
        return f"<p>{escaped(block.text)}</p>"
    note = f"<p><small>{escaped(block.note)}</small></p>" if block.note else ""
    return table(block.header, block.rows) + note


def _curves(block):
    if not all(map(installed, LIBRARIES)):
        missing = [name for one, name in LIBRARIES.items() if not installed(one)]
        return f"<p>Curves need {' and '.join(missing)}: pip install them.</p>"
    drawn = [f"<div><b>{escaped(one.title)}</b><br>{svg(one.draw())}</div>" for one in block.plots[:PLOTS]]
    # Its lines are dark: on a dark notebook they need a light ground.
    style = "display:flex;flex-wrap:wrap;gap:1em;background:#fff;color:#222"
    return f'<div style="{style}">{"".join(drawn)}</div>'


def escaped(text: Any) -> str:
    """A value as the text of HTML."""
    return html.escape(str(text), quote=False)
