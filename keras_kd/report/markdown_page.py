"""A page of blocks as Markdown: without plots, images and what is folded."""

from keras_kd.report.blocks import MARKDOWN, SHORTENED
from keras_kd.report.markdown_table import code, table, verbatim, words
from keras_kd.report.sections import page_of_run


def page(report):
    """The report as Markdown: what it holds is shown, what is missing is left out.

    Args:
        report: what `report.json` holds.

    Returns:
        A str.

    Example:
        >>> print(page({"recipe": "digits", "student": {"name": "digits_tiny", "top1": 0.98}}))
        # digits
        <BLANKLINE>
        student digits_tiny
        <BLANKLINE>
        **digits_tiny is right on 98.00 % of the test images, one run.**
        <BLANKLINE>
        ## Student and teacher
        <BLANKLINE>
        |  | top-1 |
        | --- | --- |
        | student digits_tiny | 98.00 % |
        <BLANKLINE>
        On the test images.
        <BLANKLINE>
    """
    return show(page_of_run(report))


def show(page):
    """A `keras_kd.report.blocks.Page` as Markdown."""
    parts = [f"# {words(page.heading)}", words(page.facts), page.shortened and f"**{SHORTENED}**"]
    parts += [page.sentence and f"**{words(page.sentence)}**"]
    then = f"Next, {words(page.next)}: {code(page.command)}" if page.command else ""
    parts += [" ".join(one for one in (words(page.spent), then) if one)]
    for section in page.on(MARKDOWN):
        parts += [f"## {section.title}", *map(_shown, section.on(MARKDOWN))]
    return "\n\n".join(part for part in parts if part) + "\n"


def _shown(block):
    if block.kind == "table":
        return table(block.header, block.rows) + (f"\n\n{words(block.note)}" if block.note else "")
    if block.kind == "listed":
        return "\n".join(map(words, block.marked("- ")))
    return verbatim(block.text) if block.kind == "verbatim" else words(block.text)
