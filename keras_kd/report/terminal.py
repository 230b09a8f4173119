"""A report as the few lines that a person reads in the terminal."""

import re

from keras_kd.report.blocks import TERMINAL
from keras_kd.report.sections import page_of_run
from keras_kd.report.sections.training import of_stages
from keras_kd.utils.formatting import DASH, bare_percent

# A cell that is read as a number, and so stands at the right.
NUMBER = re.compile(rf"[+−-]?[\d.,]+|{re.escape(DASH)}")


def summary(report):
    """The lines of a report: accuracies, fidelity, cost, time, exports.

    Args:
        report: what `report.json` holds.

    Returns:
        Text of several lines.

    Example:
        >>> print(summary({"student": {"name": "tiny", "top1": 0.97, "top5": 1.0}, "cost": {"parameters": 1498}}))
                 top-1   top-5  ECE  parameters  network
        student  97.00  100.00    -       1,498  tiny
    """
    return show(page_of_run(report))


def show(page):
    """A `keras_kd.report.blocks.Page` as lines for the terminal."""
    blocks = [block for section in page.on(TERMINAL) for block in section.on(TERMINAL)]
    return "\n".join(one for one in (page.sentence, *map(_shown, blocks)) if one)


def _shown(block):
    if block.kind == "table":
        return "\n".join([*_aligned([block.header, *block.rows]), *([block.note] if block.note else [])])
    return "\n".join(block.marked("")) if block.kind == "listed" else block.text


def _aligned(rows):
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    numbers = [all(NUMBER.fullmatch(cell) for cell in column[1:]) for column in columns]
    for row in rows:
        cells = zip(row, widths, numbers, strict=True)
        yield "  ".join(f"{cell:>{width}}" if right else f"{cell:<{width}}" for cell, width, right in cells).rstrip()


def of_search(search):
    """The lines of a search: its best trial, its winner, what it cost, what failed.

    Args:
        search: a `keras_kd.report.search_result.SearchResult`.

    Returns:
        A str of lines.
    """
    counts, seconds = search.counts, search.seconds
    lines = [f"{counts['completed']} trials by {search.tuner}, {counts['failed'] + counts['invalid']} failed"]
    errors = {}
    for one in search.trials:
        if one.error:
            errors.setdefault(one.error, []).append(one.trial)
    lines += [f"failed: {error} (trial {', '.join(trials)})" for error, trials in errors.items()]
    best = search.best_trial
    if best is not None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in best.objectives.items())
        values = ", ".join(f"{path} {_value(value)}" for path, value in best.values.items())
        lines.append(f"best: trial {best.trial}, {figures} on {search.judged_on}: {values}")
    if search.pareto:
        lines.append(f"no trial is better in all objectives than {', '.join(search.pareto)}")
    live = seconds["teacher_if_live"]
    lines.append(
        f"seconds of the trials: students {seconds['students']:.1f}, teacher {seconds['teacher']:.1f}"
        + (f" (run in every step it would have taken about {live:.1f})" if live is not None else "")
    )
    for one in search.winner.runs if search.winner else ():
        lines.append(
            f"trained on all training images, seed {one['seed']}: top-1 {bare_percent(one['top1'])} on the test images"
        )
    if search.stages:
        lines.append(of_stages(search.stages, "search"))
    return "\n".join(lines)


def _value(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)
