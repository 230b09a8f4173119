"""A page of blocks as one self-contained file that people look at: it loads nothing, and runs no script."""

from dataclasses import replace

from keras_kd.report.blocks import HTML, SHORTENED
from keras_kd.report.plots import render, svg
from keras_kd.report.sections import page_of_run

# Letters of a cell that stays on one line.
UNBROKEN = 12


def page(report, history=(), evidence=None, recipe_text="", baseline=(), drawn=None):
    """The page of a run; arguments as of `keras_kd.report.sections.page_of_run`.

    Args:
        drawn: a dict in which plots are kept, so that a page whose words alone have changed need not draw them again.

    Returns:
        A str; where matplotlib or jinja2 is missing, a page that says so.

    Example:
        >>> "digits_tiny" in page({"recipe": "digits", "student": {"name": "digits_tiny", "top1": 0.98}})
        True
    """
    return show(page_of_run(report, history, evidence, recipe_text, baseline), drawn)


def show(page, drawn=None, *, reload=None):
    """A `keras_kd.report.blocks.Page` as HTML.

    Args:
        page: the page.
        drawn: as of `page`.
        reload: seconds after which a browser loads it anew; None for never.
    """
    drawn = {} if drawn is None else drawn
    return render(
        "report.html",
        page.heading,
        page=page,
        reload=reload,
        shortened=SHORTENED,
        # Plots are drawn where their libraries are there.
        sections=lambda: [
            {"name": one.name, "title": one.title, "blocks": [_shown(block, one.name, drawn) for block in one.on(HTML)]}
            for one in page.on(HTML)
        ],
    )


def _shown(block, section, drawn):
    if block.kind == "plots":
        shown = [(one, _drawn(one, section, drawn)) for one in block.plots]
        return {"kind": "plots", "small": block.small, "plots": shown}
    if block.kind == "folded":
        return replace(block, block=_shown(block.block, section, drawn))
    if block.kind == "table":
        return replace(block, rows=[[_cell(cell) for cell in row] for row in block.rows])
    return block


def _drawn(plot, section, drawn):
    if (section, plot.title) not in drawn:
        drawn[section, plot.title] = svg(plot.draw())
    return drawn[section, plot.title]


def _cell(text):
    # On paper columns are narrow: a number stays with its unit.
    return text.replace(" ", "\N{NO-BREAK SPACE}") if len(text) <= UNBROKEN else text
