"""A report as the few lines that a person reads in the terminal."""

import re

from keras_kd.report.blocks import SHORTENED, TERMINAL
from keras_kd.report.sections import page_of_run
from keras_kd.report.sections.training import of_stages
from keras_kd.utils.formatting import DASH, bare_percent
from keras_kd.utils.table import folded, in_blocks

# A cell that is read as a number, with its unit, and so stands at the right.
NUMBER = re.compile(rf"[+−-]?[\d.,e-]+( (%|B|kB|MB|GB|s|ms|µs))?|{re.escape(DASH)}")
# The sections that say something of a shortened run too.
OF_ANY_RUN = ("exports", "time", "notes")


def summary(report, width=None):
    """The lines of a report: what came of it, accuracies, fidelity, cost, time, exports.

    Args:
        report: what `report.json` holds.
        width: letters in a line; None for any.

    Returns:
        Text of several lines.

    Example:
        >>> print(summary({"student": {"name": "tiny", "top1": 0.97, "top5": 1.0}, "cost": {"parameters": 1498}}))
        tiny is right on 97.00 % of the test images, one run: 1,498 parameters.
                 top-1   top-5  ECE  parameters  latency  network
        student  97.00  100.00    -       1,498        -  tiny
    """
    return show(page_of_run(report), width)


def show(page, width=None):
    """A `keras_kd.report.blocks.Page` as lines for the terminal."""
    # Of a shortened run figures would be taken for results.
    sections = [one for one in page.on(TERMINAL) if not page.shortened or one.name in OF_ANY_RUN]
    blocks = [block for section in sections for block in section.on(TERMINAL)]
    lines = [folded(one, width) for one in (page.shortened and SHORTENED, page.sentence, page.spent) if one]
    lines += [_shown(one, width) for one in blocks]
    # To be copied whole, it is never broken.
    lines += [f"next, {page.next}: {page.command}"] if page.command else []
    return "\n".join(one for one in lines if one)


def _shown(block, width):
    if block.kind == "table":
        rows = [block.header, *block.rows]
        numbers = [
            number
            for number, column in enumerate(zip(*rows, strict=True))
            if number and all(NUMBER.fullmatch(cell) for cell in column[1:])
        ]
        note = [folded(block.note, width)] if block.note else []
        return "\n".join([*in_blocks(rows, width, right=numbers), *note])
    lines = block.marked("") if block.kind == "listed" else [block.text]
    return "\n".join(folded(one, width) for one in lines)


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
