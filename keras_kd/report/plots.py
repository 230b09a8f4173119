"""What pages share: plots as SVG that take the page's colours, and templates."""

import html
import io
import warnings

from keras_kd.utils.formatting import bare_percent, figure
from keras_kd.utils.lazy import installed

# By the name that is imported, the one that is installed.
LIBRARIES = {"matplotlib": "matplotlib", "jinja2": "jinja2", "PIL": "pillow"}
# Told apart in light and dark, on paper and by people who do not see red beside green (Okabe and Ito).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8c564b", "#7f7f7f")


def render(name, title, **given):
    """A page made of a template of this package, self-contained.

    Args:
        name: of the template.
        title: of what stands in its place where a library is missing.
        **given: what the template reads; a function is called for its value, so that it can draw.

    Returns:
        Text; where a library is missing, a page that says so.

    Example:
        >>> render("no_such.html", "x") if not all(map(installed, LIBRARIES)) else "a page"
        'a page'
    """
    missing = [name for one, name in LIBRARIES.items() if not installed(one)]
    if missing:
        needs = f"This page needs {' and '.join(missing)}: pip install them."
        return f"<!doctype html><title>{html.escape(title)}</title><p>{needs}</p>\n"
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("keras_kd.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(figure=figure, percent=bare_percent)
    made = {key: value() if callable(value) else value for key, value in given.items()}
    return environment.get_template(name).render(**made)


def axes(width, height):
    """(figure, axes) of a plot, in inches."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    drawn = Figure(figsize=(width, height), layout="constrained")
    plot = drawn.add_subplot()
    plot.spines[["top", "right"]].set_visible(False)
    plot.grid(alpha=0.25, linewidth=0.6)
    plot.set_axisbelow(True)
    # So many numbers as fit next to each other, however many digits they have.
    plot.xaxis.set_major_locator(MaxNLocator(nbins=max(4, int(width) + 1), steps=[1, 2, 2.5, 5, 10]))
    return drawn, plot


def in_decades(axis):
    """Makes an axis logarithmic, its numbers written out: as text, so that they take the page's font and colour."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.axes.set_yscale("log") if axis.axis_name == "y" else axis.axes.set_xscale("log")
    axis.set_major_locator(LogLocator(numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def in_whole_numbers(axis, values):
    """Marks an axis at whole numbers, from the first of the values to the last."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    axis.axes.set_xlim(values[0] - 0.03 * (values[-1] - values[0]), values[-1] + 0.03 * (values[-1] - values[0]))


def legend_above(plot, columns):
    """A legend over the plot, where it covers no line."""
    plot.legend(
        frameon=False,
        fontsize=9,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
        columnspacing=1.2,
    )


def svg(drawn):
    """A figure as SVG; the same figures make the same text."""
    text = _saved(drawn)
    return text.partition("<svg")[1] + text.partition("<svg")[2]


def _saved(drawn):
    import matplotlib
    from matplotlib.text import Text

    text = io.StringIO()
    for one in drawn.findobj(Text):
        one.set_parse_math(False)  # names of classes are no formulas, whatever is in them
    # Without what names the library and its site; names that its font lacks are drawn by the reader's.
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    # Text stays text, and takes the page's colour.
    with matplotlib.rc_context({"svg.hashsalt": "keras_kd", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        drawn.savefig(text, format="svg", transparent=True, metadata=metadata)
    return text.getvalue()
