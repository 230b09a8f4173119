"""Who gains and who pays: accuracy by class, rare classes, planted wrong labels."""

from keras_kd.report import tables
from keras_kd.report.blocks import Plot, folded, in_markdown, plots, section, table, text
from keras_kd.report.fields import class_name, get_path, parts
from keras_kd.report.plots import COLOURS, axes
from keras_kd.utils.formatting import NOTHING, figure, percent, signed, words

# Above this many classes the bars of all of them have no names, and the first and last five are drawn once more.
NAMED = 24
ENDS = 5
WEAKEST = ["the student's weakest classes", "accuracy on test images", "the teacher's"]


def classes(report):
    """What distillation changed in each class; without a baseline, how accurate the student is there."""
    change = _numbered(get_path(report, "verdict", "classes", "change"))
    accuracies = _numbered(get_path(report, "per_class"))
    changes = bool(change)
    known = sorted((change if changes else accuracies).items(), key=lambda one: (one[1], one[0]))
    if not known:
        return None
    of_number, of_teacher = dict(known), _numbered(get_path(report, "teacher_per_class"))
    rows = [
        [class_name(report, number), percent(accuracies.get(number)), percent(of_teacher.get(number))]
        + [signed(of_number[number]) if changes else NOTHING]
        for number, _ in known
    ]
    seed = f", seed {report['seed']}" if changes and report.get("seed") is not None else ""
    header = ["class", f"accuracy on test images{seed}", "the teacher's", "mean change against labels alone, points"]
    weights = _numbered(get_path(report, "class_weight"))
    if weights:
        header.append("weight in the label loss")
        rows = [[*row, figure(weights.get(one))] for row, (one, _) in zip(rows, known, strict=True)]
    return section(
        "classes",
        "By class",
        plots(*_plots(report, known, changes)),
        in_markdown(table(WEAKEST, _weakest(report, accuracies, of_teacher))),
        folded(f"All {len(known)} classes, the worst first", table(header, rows)),
        text(_spread(report)),
    )


def _weakest(report, accuracies, of_teacher):
    worst = sorted(accuracies.items(), key=lambda one: (one[1], one[0]))[:ENDS]
    return [
        [class_name(report, number), percent(accuracy), percent(of_teacher.get(number))] for number, accuracy in worst
    ]


def _numbered(values):
    """{number of the class: value}, of those that have one."""
    values = values if isinstance(values, list) else []
    return {number: value for number, value in enumerate(values) if value is not None}


def _plots(report, known, changes):
    colours = [COLOURS[1] if changes and value < 0 else COLOURS[0] for _, value in known]
    what = "change, points" if changes else "accuracy, percent"
    of_teacher = {} if changes else _numbered(get_path(report, "teacher_per_class"))
    how = (
        "The mean over seeds of distilled minus labels alone. Bars to the left are classes that pay for what the "
        "others gain; with few test images a class, a point or two is chance."
        if changes
        else "The student's accuracy on the test images of each class. Classes far below the others are where "
        f"it fails.{' A stroke is the accuracy of the teacher.' if of_teacher and len(known) <= NAMED else ''}"
    )
    title = "Change of each class against labels alone" if changes else "Accuracy on the test images of each class"
    if len(known) <= NAMED:
        return [Plot(title, how, lambda: _draw_named(report, known, colours, what, of_teacher))]
    ends = (slice(0, ENDS), slice(-ENDS, None))
    worst_and_best = [one for end in ends for one in known[end]]
    chosen = [one for end in ends for one in colours[end]]
    return [
        Plot(title, how.replace("Bars to the left", "Bars below 0"), lambda: _draw_all(known, colours, what)),
        Plot(
            f"The {ENDS} worst and the {ENDS} best",
            f"The {ENDS} worst and the {ENDS} best of the other plot, by name."
            f"{' A stroke is the accuracy of the teacher.' if of_teacher else ''}",
            lambda: _draw_named(report, worst_and_best, chosen, what, of_teacher),
        ),
    ]


def _draw_all(known, colours, what):
    drawn, plot = axes(6.4, 2.8)
    plot.bar(range(len(known)), [100 * value for _, value in known], color=colours, alpha=0.8, width=1.0)
    plot.set_xlim(-1, len(known))
    plot.set_xticks([])
    plot.set_xlabel(f"{len(known)} classes, sorted")
    plot.set_ylabel(what)
    return drawn


def _draw_named(report, known, colours, what, of_teacher):
    drawn, plot = axes(5.2, 0.9 + 0.27 * len(known))
    places, values = range(len(known)), [100 * value for _, value in known]
    plot.barh(places, values, color=colours, alpha=0.75, height=0.7)
    strokes = [(100 * of_teacher[number], place) for place, (number, _) in enumerate(known) if number in of_teacher]
    if strokes:
        plot.plot(*zip(*strokes, strict=True), "|", color=COLOURS[1], markersize=12, markeredgewidth=2)
    reach = max(map(abs, values)) or 1.0
    for place, (value, (number, _)) in enumerate(zip(values, known, strict=True)):
        text_ = f"{value:+.1f}" if what.startswith("change") else f"{value:.1f}"
        plot.text(
            max(value, 100 * of_teacher.get(number, 0)) + 0.03 * reach if value >= 0 else value - 0.03 * reach,
            place,
            text_.replace("-", "−"),
            va="center",
            ha="left" if value >= 0 else "right",
            fontsize=9,
        )
    plot.set_yticks(places, [words(class_name(report, number)) for number, _ in known])
    plot.invert_yaxis()
    plot.margins(x=0.22)
    plot.axvline(0, color=COLOURS[7], linewidth=0.8)
    if not what.startswith("change"):
        plot.set_xticks(range(0, 101, 20))
    plot.set_xlabel(what)
    return drawn


def _spread(report):
    found = parts(report, "who_pays")
    worst = parts(found, "worst_class")
    if not worst:
        return ""
    return (
        f"The student's worst class is {class_name(report, worst.get('class'))} ({percent(worst.get('accuracy'))}); "
        f"its worst tenth of classes has {percent(found.get('worst_tenth'))} on the mean."
    )


def imbalance(report):
    """Frequent and rare classes."""
    said, header, rows = tables.rare_classes(report)
    return section("rare", "Rare classes", table(header, rows, said))


def noise(report):
    """What became of planted wrong labels."""
    said, header, rows = tables.wrong_labels(report)
    return section("noise", "Label noise", text(said), table(header, rows))
