"""A study for people: a table in Markdown, and a page with a plot for each figure."""

from keras_kd.report import markdown_table
from keras_kd.report.markdown_table import words
from keras_kd.report.plots import COLOURS, axes, render, svg
from keras_kd.utils.formatting import plural, spread

MINUS = "−"


def as_markdown(study):
    """The table of a study.

    Args:
        study: a `keras_kd.report.study_result.StudyResult`.

    Returns:
        Markdown: a row a cell, mean +- standard deviation over seeds and, where the study compares, the difference with
        its 95 % interval.
    """
    lines = [f"# {words(study.study)}", "", words(study.question), ""]
    lines += table(study)
    notes = (line for note in study.notes or () for line in ("", f"Note: {words(note)}."))
    lines += ["", words(describe_cost(study)), *notes]
    return "\n".join(lines) + "\n"


def table(study):
    """The lines of the table of a study, in Markdown; arguments as of `as_markdown`."""
    return markdown_table.table(*cells_of(study)).splitlines()


def cells_of(study):
    """The table of a study as (header, rows of texts); arguments as of `as_markdown`."""
    names = list(study.axes)
    compared = f" (minus {', '.join(study.against.values())})" if study.against else ""
    header = [
        *names,
        *(f"{label}{compared if number == 0 else ''}" for number, label in enumerate(study.figures.values())),
    ]
    rows = []
    first = next(iter(study.figures))
    for one in study.cells:
        row = [one.cell[axis] for axis in names]
        for path in study.figures:
            text = mean_and_std(one.figures[path], path)
            if path == first and one.against:
                text += f" ({difference(one['against'][path], path)})"
            row.append(text)
        rows.append(row)
    return header, rows


def describe_cost(study):
    """What a study was run on and what it cost, in a sentence."""
    data, cost = study.data or {}, study.cost
    train, epochs = (" to ".join(f"{one:,}" for one in study[key]) or "no" for key in ("train", "epochs"))
    images = f"{train} training and {data.get('test', 0):,} test images of {data.get('name')}"
    return (
        f"{images}, {data.get('classes')} classes; {epochs} epochs; n = {plural(len(study.seeds), 'seed')}; "
        f"{cost.runs} runs, {cost.training_seconds / 60:.1f} minutes of training, of which "
        f"{cost.teacher_seconds / 60:.1f} asking teachers; {study.environment['device']}, {study.date}."
    )


def is_share(path):
    """Whether a figure is shown as percents."""
    last = path.rsplit(".", 1)[-1]
    return last.startswith(("top", "agreement", "accuracy", "val_accuracy", "head", "middle", "tail", "worst_")) or (
        last.endswith(("_top1", "_fits_noise", "beyond_control"))
    )


def mean_and_std(one, path):
    """A figure over seeds.

    Example:
        >>> from keras_kd.report.study_result import Figures
        >>> mean_and_std(Figures(mean=0.5, std=0.01, n=3), "student.top1")
        '50.00 ± 1.00'
    """
    scale, form = (100, ".2f") if is_share(path) else (1, ".4f")
    return spread(one.mean, one.std, form, scale=scale)


def difference(one, path):
    """A difference with its interval.

    Example:
        >>> from keras_kd.report.study_result import Difference
        >>> difference(Difference(difference=0.01, interval=[0.005, 0.015]), "student.top1")
        '+1.00, 0.50 to 1.50'
    """
    if one.difference is None:
        return "–"
    scale, digits = (100, 2) if is_share(path) else (1, 4)
    text = f"{scale * one.difference:+.{digits}f}"
    if one.interval:
        low, high = (f"{scale * end:.{digits}f}" for end in one.interval)
        text += f", {low} to {high}"
    return text.replace("-", MINUS)


def page(study):
    """The page of a study, self-contained HTML; arguments as of `as_markdown`."""
    rows = [
        {
            "cell": list(one.cell.values()),
            "figures": [mean_and_std(one.figures[path], path) for path in study.figures],
            "difference": difference(one.against[next(iter(study.figures))], next(iter(study.figures)))
            if one.against
            else "",
            "failed": one.failed,
        }
        for one in study.cells
    ]
    return render(
        "study.html",
        f"study {study.study}",
        study=study,
        rows=rows,
        cost=describe_cost(study),
        plots=lambda: [(label, svg(_plot(study, path, label))) for path, label in study.figures.items()],
    )


def _plot(study, path, label):
    """A figure against the first axis, a line for each value of the last; of one axis, a bar each."""
    names = list(study.axes)
    across, line_axis = (names[0], names[-1]) if len(names) > 1 else (None, names[0])
    drawn, plot = axes(5.2, 3.2)
    scale = 100 if is_share(path) else 1
    values = study.axes[across] if across else study.axes[line_axis]

    def at(**wanted):
        chosen = [one for one in study.cells if wanted.items() <= one.cell.items()]
        return chosen[0]["figures"][path] if chosen and chosen[0]["figures"][path].mean is not None else None

    if across is None:
        known = [(value, at(**{line_axis: value})) for value in values]
        known = [(value, one) for value, one in known if one]
        plot.errorbar(
            [scale * one.mean for _, one in known],
            range(len(known)),
            xerr=[scale * (one.std or 0) for _, one in known],
            fmt="o",
            color=COLOURS[0],
            capsize=3,
        )
        plot.set_yticks(range(len(known)), [value for value, _ in known])
        plot.invert_yaxis()
        plot.set_xlabel(label)
        return drawn
    for number, value in enumerate(study.axes[line_axis]):
        known = [(place, at(**{across: one, line_axis: value})) for place, one in enumerate(values)]
        known = [(place, one) for place, one in known if one]
        if known:
            plot.errorbar(
                [place + 0.04 * (number - 1) for place, _ in known],
                [scale * one.mean for _, one in known],
                yerr=[scale * (one.std or 0) for _, one in known],
                marker="o",
                markersize=4,
                capsize=3,
                color=COLOURS[number % len(COLOURS)],
                label=value,
            )
    plot.set_xticks(range(len(values)), values)
    plot.set_xlabel(across)
    plot.set_ylabel(label)
    plot.legend(frameon=False, fontsize=8)
    return drawn
