"""Who gains and who pays: accuracy by class, rare classes, planted wrong labels."""

from keras_kd.markdown import NOTHING, percent, signed
from keras_kd.plots import COLOURS, axes, svg, words
from keras_kd.report_page.blocks import folded, plots, section, table, text
from keras_kd.report_page.reading import class_name, dig, entries, parts

# Above this many classes the bars of all of them have no names, and the first and last five are drawn once more.
NAMED = 24
ENDS = 5


def classes(report):
    """What distillation changed in each class; without a baseline, how accurate the student is there."""
    change = _numbered(dig(report, "verdict", "classes", "change"))
    accuracies = _numbered(dig(report, "per_class"))
    changes = bool(change)
    known = sorted((change if changes else accuracies).items(), key=lambda one: (one[1], one[0]))
    if not known:
        return None
    of_number = dict(known)
    rows = [
        [class_name(report, number), percent(accuracies.get(number)), signed(of_number[number]) if changes else NOTHING]
        for number, _ in known
    ]
    header = ["class", "accuracy", "change against labels alone, points"]
    return section(
        "classes",
        "By class",
        plots(*_plots(report, known, changes)),
        folded(f"All {len(known)} classes, the worst first", table(header, rows)),
        text(_spread(report)),
    )


def _numbered(values):
    """{number of the class: value}, of those that have one."""
    values = values if isinstance(values, list) else []
    return {number: value for number, value in enumerate(values) if value is not None}


def _plots(report, known, changes):
    colours = [COLOURS[1] if changes and value < 0 else COLOURS[0] for _, value in known]
    what = "change, points" if changes else "accuracy, percent"
    how = (
        "The mean over seeds of distilled less labels alone. Bars to the left are classes that pay for what the others "
        "gain; with few test images a class, a point or two is chance."
        if changes
        else "The student's accuracy on the test images of each class. Classes far below the others are where it fails."
    )
    title = "Change of each class against labels alone" if changes else "Accuracy of each class"
    if len(known) <= NAMED:
        return [(title, _named(report, known, colours, what), how)]
    drawn, plot = axes(6.4, 2.8)
    plot.bar(range(len(known)), [100 * value for _, value in known], color=colours, alpha=0.8, width=1.0)
    plot.set_xlim(-1, len(known))
    plot.set_xticks([])
    plot.set_xlabel(f"{len(known)} classes, sorted")
    plot.set_ylabel(what)
    ends = (slice(0, ENDS), slice(-ENDS, None))
    worst_and_best = [one for end in ends for one in known[end]]
    chosen = [one for end in ends for one in colours[end]]
    beside = f"The {ENDS} worst and the {ENDS} best of the plot beside, by name."
    return [
        (title, svg(drawn), how.replace("Bars to the left", "Bars below 0")),
        (f"The {ENDS} worst and the {ENDS} best", _named(report, worst_and_best, chosen, what), beside),
    ]


def _named(report, known, colours, what):
    drawn, plot = axes(5.2, 0.9 + 0.27 * len(known))
    places, values = range(len(known)), [100 * value for _, value in known]
    plot.barh(places, values, color=colours, alpha=0.75, height=0.7)
    reach = max(map(abs, values)) or 1.0
    for place, value in zip(places, values, strict=True):
        text_ = f"{value:+.1f}" if what.startswith("change") else f"{value:.1f}"
        plot.text(
            value + (0.02 if value >= 0 else -0.02) * reach,
            place,
            text_.replace("-", "−"),
            va="center",
            ha="left" if value >= 0 else "right",
            fontsize=9,
        )
    plot.set_yticks(places, [words(class_name(report, number)) for number, _ in known])
    plot.invert_yaxis()
    plot.margins(x=0.15)
    plot.axvline(0, color=COLOURS[7], linewidth=0.8)
    plot.set_xlabel(what)
    return svg(drawn)


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
    groups, planted = parts(report, "imbalance"), parts(report, "data", "imbalance")
    counts = planted.get("counts") or []
    rows = []
    for name in ("head", "middle", "tail"):
        members = entries(groups, f"{name}_classes")
        images = [counts[number] for number in members if number < len(counts)]
        reach = f"{min(images)} to {max(images)}" if images else None
        if members:
            rows.append([name, len(members), reach, percent(groups.get(name))])
    ratio = planted.get("ratio")
    said = f"Training images were taken away: {planted.get('profile')}, ratio {ratio:g}." if ratio else ""
    return section(
        "rare", "Rare classes", table(["", "classes", "training images each", "student's accuracy"], rows, said)
    )


def noise(report):
    """What became of planted wrong labels."""
    planted, train = parts(report, "data", "label_noise"), parts(report, "splits", "train")
    if not planted:
        return None
    rows = [
        [role, percent(train.get(f"{role}_true_top1")), percent(train.get(f"{role}_fits_noise"))]
        for role in ("student", "teacher")
        if train.get(f"{role}_true_top1") is not None
    ]
    said = (
        f"{planted.get('images')} training images ({percent(planted.get('rate'))}) have a wrong label "
        f"({planted.get('kind')}); the test images have none."
    )
    header = ["on training images", "accuracy on true labels", "wrong labels learned by heart"]
    return section("noise", "Label noise", text(said), table(header, rows))
