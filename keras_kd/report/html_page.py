"""A page of blocks as one self-contained file that people look at: it loads nothing, and runs no script."""

from dataclasses import replace

from keras_kd.report.blocks import HTML, SHORTENED
from keras_kd.report.plots import render, svg
from keras_kd.report.sections import page_of_run

# Letters of a cell that stays on one line.
UNBROKEN = 12


def page(report, history=(), evidence=None, recipe_text=""):
    """The page of a run; arguments as of `keras_kd.report.sections.page_of_run`.

    Returns:
        A str; where matplotlib or jinja2 is missing, a page that says so.

    Example:
        >>> "digits_tiny" in page({"recipe": "digits", "student": {"name": "digits_tiny", "top1": 0.98}})
        True
    """
    return show(page_of_run(report, history, evidence, recipe_text))


def show(page):
    """A `keras_kd.report.blocks.Page` as HTML."""
    return render(
        "report.html",
        page.heading,
        page=page,
        shortened=SHORTENED,
        # Plots are drawn where their libraries are there.
        sections=lambda: [
            {"name": one.name, "title": one.title, "blocks": [_shown(block) for block in one.on(HTML)]}
            for one in page.on(HTML)
        ],
    )


def _shown(block):
    if block.kind == "plots":
        return {"kind": "plots", "small": block.small, "plots": [(one, svg(one.draw())) for one in block.plots]}
    if block.kind == "folded":
        return replace(block, block=_shown(block.block))
    if block.kind == "table":
        return replace(block, rows=[[_cell(cell) for cell in row] for row in block.rows])
    return block


def _cell(text):
    # On paper columns are narrow: a number stays with its unit.
    return text.replace(" ", "\N{NO-BREAK SPACE}") if len(text) <= UNBROKEN else text
