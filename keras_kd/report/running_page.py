"""The page of a run that goes on: its curves as far as they are, drawn in milliseconds, and loaded anew by itself."""

import html
import math
import time

from keras_kd.report.blocks import HTML, Page
from keras_kd.report.html_page import show
from keras_kd.report.plots import COLOURS
from keras_kd.report.sections import run_details
from keras_kd.report.sections.training import VALIDATION, curves, figures_by_epoch, title_of
from keras_kd.utils.formatting import duration

# Seconds after which a browser loads it anew.
RELOAD = 5
WIDTH, HEIGHT, LEFT, BELOW = 420, 220, 60, 24


def running_page(title, history, epochs, left, recipe_text=""):
    """The page, HTML.

    Args:
        title: of the run.
        history: the rows so far, one an epoch.
        epochs: how many there are in all.
        left: seconds until the training ends, or None.
        recipe_text: the recipe as it was written.

    Example:
        >>> page = running_page("mine", [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5}], 10, 75.0)
        >>> "Running: epoch 2 of 10 is done, 1 min 15 s of training left" in page, "<svg" in page
        (True, True)
    """
    known = "" if left is None else f", {duration(left)} of training left"
    sentence = f"Running: epoch {len(history)} of {epochs} is done{known}."
    at = time.strftime("%Y-%m-%d %H:%M:%S")
    spent = f"As of {at}; this page is written anew after an epoch, and loads itself. Its figures are no result yet."
    drawn = [curves(history), run_details.recipe({}, recipe_text)]
    page = Page(heading=title, sentence=sentence, spent=spent, sections=[one for one in drawn if one is not None])
    return show(page, _drawn(page, figures_by_epoch(history)), reload=RELOAD)


def _drawn(page, columns):
    """{(section, title of a plot): SVG}, so that nothing else draws them."""
    by_title = {}
    for name in columns:
        plain = name.removeprefix(VALIDATION)
        of = [columns.get(plain), columns.get(VALIDATION + plain)]
        by_title[title_of(plain, columns)] = svg([one for one in of if one], share=plain.endswith("accuracy"))
    return {
        (section.name, plot.title): by_title[plot.title]
        for section in page.on(HTML)
        for block in section.on(HTML)
        if block.kind == "plots"
        for plot in block.plots
        if plot.title in by_title
    }


def svg(lines, *, share=False):
    """Lines over epochs as SVG, without a library.

    Args:
        lines: lists of floats, the training images' first; NaN where there is none.
        share: of 0..1, shown as percent.

    Example:
        >>> svg([[1.0, 0.5]]).startswith("<svg")
        True
    """
    scale = 100 if share else 1
    known = [scale * value for values in lines for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    high = high if high > low else low + 1.0
    count = max(map(len, lines), default=1)

    def point(place, value):
        x = LEFT + (WIDTH - LEFT - 8) * place / max(1, count - 1)
        return f"{x:.1f},{8 + (HEIGHT - BELOW - 8) * (high - scale * value) / (high - low):.1f}"

    drawn = []
    for number, values in enumerate(lines):
        points = [point(place, value) for place, value in enumerate(values) if math.isfinite(value)]
        dashes = ' stroke-dasharray="6 4"' if number else ""
        style = f'fill="none" stroke="{COLOURS[number]}" stroke-width="1.8"{dashes}'
        if len(points) == 1:
            x, _, y = points[0].partition(",")
            drawn.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{COLOURS[number]}"/>')
        drawn.append(f'<polyline points="{" ".join(points)}" {style}/>')
    unit = " %" if share else ""
    if len(lines) > 1:
        drawn += [
            f'<text x="{WIDTH - 8}" y="{HEIGHT - BELOW - 24 + 14 * number}" text-anchor="end" font-size="11" '
            f'style="fill:{COLOURS[number]} !important">{name}</text>'
            for number, name in enumerate(("training", "validation"))
        ]
    words = [(LEFT - 6, 14, "end", f"{high:.4g}{unit}"), (LEFT - 6, HEIGHT - BELOW, "end", f"{low:.4g}{unit}")]
    words += [(LEFT, HEIGHT - 6, "start", "epoch 1"), (WIDTH - 8, HEIGHT - 6, "end", str(count))]
    said = "".join(
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="11">{html.escape(text)}</text>'
        for x, y, anchor, text in words
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">{said}{"".join(drawn)}</svg>'
    )
