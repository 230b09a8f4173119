"""How the training went, and what its time went to."""

import math

from keras_kd.report.blocks import Plot, in_terminal, plots, section, table, text
from keras_kd.report.fields import get_path, parts
from keras_kd.report.plots import COLOURS, axes, in_decades, in_whole_numbers, legend_above
from keras_kd.utils.formatting import NOTHING, percent

# Columns of a history that say what an epoch cost.
COSTS = ("epoch", "seconds", "teacher_seconds", "teacher_views")
VALIDATION = "val_"
DECADES = 2
# Parts of a run's time, in words.
TIME_NAMES = {
    "teacher": "the teacher's part of training",
    "student": "the student's part of training",
    "data": "data",
    "training": "training in all",
    "measuring": "measuring",
    "teacher_run": "training the teacher, in a run of its own",
    "total": "this run, until it was measured",
    "in_all": "all commands that worked on it",
}


def curves(history, baseline=()):
    """A plot for each figure of the history: its training and its validation images, and those on labels alone."""
    columns, alone = figures_by_epoch(history), figures_by_epoch(baseline)
    epochs = columns.pop("epoch", ())
    names = list(dict.fromkeys(name.removeprefix(VALIDATION) for name in columns))
    # What a reader asks first: is it right, and has the loss come down.
    names.sort(key=lambda name: (not name.endswith("accuracy"), name != "loss", name == "learning_rate"))
    drawn = [_curve(name, epochs, columns, alone) for name in names]
    return section("curves", "Learning curves", plots(*drawn))


def figures_by_epoch(history):
    """The columns of a history as numbers, NaN where there is none; without what an epoch cost and empty columns.

    Args:
        history: list of dicts of text or numbers, one an epoch.

    Returns:
        {column: list of floats}, "epoch" among them.

    Example:
        >>> figures_by_epoch([{"epoch": "1", "loss": "2.5", "note": "x"}])
        {'epoch': [1.0], 'loss': [2.5]}
    """
    names = dict.fromkeys(name for row in history for name in row if isinstance(name, str))
    columns = {name: [_float(row.get(name)) for row in history] for name in names if name not in COSTS}
    columns = {name: values for name, values in columns.items() if not all(map(math.isnan, values))}
    counted = [_float(row.get("epoch")) for row in history]
    # A history without its epochs is counted.
    epochs = [place if math.isnan(one) else one for place, one in enumerate(counted, 1)]
    return {"epoch": epochs, **columns} if columns else {}


def _float(value):
    try:
        found = float(value)
    except (TypeError, ValueError):
        return math.nan
    return found if math.isfinite(found) else math.nan


def _curve(name, epochs, columns, alone):
    """The plot of a figure; next to it that of the student on labels alone, where both are of one kind."""
    lines = [
        (epochs, columns.get(name), "training", "-", COLOURS[0]),
        (epochs, columns.get(VALIDATION + name), "validation", "--", COLOURS[1]),
    ]
    if name.endswith("accuracy"):
        lines += [
            (alone.get("epoch"), alone.get(name), "labels alone, training", "-", COLOURS[7]),
            (alone.get("epoch"), alone.get(VALIDATION + name), "labels alone, validation", "--", COLOURS[2]),
        ]
    lines = [one for one in lines if one[1]]
    of = {label.rpartition(", ")[2] for _, _, label, _, _ in lines}
    both = {"training", "validation"} <= of
    return Plot(_title(name, of), _how(name, both), lambda: _draw_curve(name, lines))


def _draw_curve(name, lines):
    drawn, plot = axes(5.0, 2.9)
    share = name.endswith("accuracy")
    scale = 100 if share else 1
    longest = max((epochs for epochs, *_ in lines), key=len)
    for epochs, values, label, style, colour in lines:
        dots = {"marker": "o", "markersize": 4} if len(epochs) < 3 else {}
        heights = [scale * value for value in values]
        plot.plot(epochs, heights, style, color=colour, label=label, linewidth=1.8, **dots)
    known = [value for _, values, *_ in lines for value in values if not math.isnan(value)]
    if min(known) > 0 and max(known) > 10**DECADES * min(known) and not share:
        in_decades(plot.yaxis)
    if len(longest) < 3:
        plot.set_xticks(longest)
    else:
        in_whole_numbers(plot.xaxis, longest)
    plot.set_xlabel("epoch")
    plot.set_ylabel("percent" if share else name.replace("_", " "))
    if len(lines) > 1:
        legend_above(plot, 2)
    return drawn


def title_of(name, columns):
    """What the plot of a figure is called, where no other run stands next to it; `columns` are those of the history."""
    images = {"training": name, "validation": VALIDATION + name}
    return _title(name, {one for one, column in images.items() if column in columns})


def _title(name, of=()):
    if name.endswith("accuracy") and of:
        images = " and ".join(one for one in ("training", "validation") if one in of)
        return f"{name.replace('_', ' ').capitalize()} on {images} images"
    if name == "loss":
        return "Loss, all its terms together"
    if name == "label_loss":
        return "Loss on labels"
    if name == "held_out_loss":
        return "Loss of the trials on held-out images"
    if name.endswith("_loss"):
        return f"Loss of the term {name.removesuffix('_loss')}"
    return name.replace("_", " ").capitalize()


def _how(name, both):
    gap = " A gap between the lines that grows says that it memorises the training images." if both else ""
    if name == "learning_rate":
        return "How far a step goes. Where the loss falls only once this does, a lower start or more epochs may pay."
    if name.endswith("accuracy"):
        return f"The share of images that are right. A line that still rises at the end would gain by more epochs.{gap}"
    if name == "loss":
        return f"What the optimizer makes small: the weighted sum of the terms. It should fall and flatten.{gap}"
    if name.endswith("_chosen"):
        return "The share of the epoch's steps in which this term counted, as the policy of `selection` chose."
    if name.endswith("_probability"):
        return "With which the policy would have chosen this term next, after the epoch."
    if name == "held_out_loss":
        return "What the teacher is taught to make small: the loss, on held-out images, of a student that tried a step."
    if name.endswith("loss"):
        return (
            "This term alone, before its weight. One that does not fall, or rises while the others fall, asks for "
            f"another weight or is in their way.{gap}"
        )
    return f"As it was measured in each epoch.{gap}"


def time(report):
    """What the seconds went to."""
    seconds = {name: one for name, one in parts(report, "time", "seconds").items() if isinstance(one, int | float)}
    total = seconds.get("total")
    rows = []
    stages = {name: one for name, one in parts(report, "time", "stages").items() if one}
    whole = sum(stages.values())
    of_stages = [[name, f"{one:.1f}", percent(one / whole)] for name, one in stages.items()]
    for name, one in seconds.items():
        of_total = total and name != "teacher_run" and one <= total
        rows.append([TIME_NAMES.get(name, name), f"{one:.1f}", percent(one / total) if of_total else NOTHING])
    how, bank = get_path(report, "time", "how"), parts(report, "bank")
    banked = (
        f"The bank of the teacher's answers holds {bank['views']:,} views, of which this run asked for "
        f"{bank.get('computed_by_this_run') or 0:,}."
        if isinstance(bank.get("views"), int)
        else ""
    )
    return section(
        "time",
        "What the time went to",
        plots(_split(seconds)),
        table(["", "seconds", "share"], rows),
        table(["stage of the commands", "seconds", "share"], of_stages),
        in_terminal(text(_brief(seconds, stages))),
        text(f"{how[:1].upper()}{how[1:]}." if how else "", banked, soft=True),
    )


def _split(seconds):
    known = [(name, seconds[name]) for name in ("teacher", "student", "data", "measuring") if seconds.get(name)]
    rest = (seconds.get("total") or 0) - sum(one for _, one in known)
    if not known:
        return None
    if rest > 0:
        known.append(("all else", rest))
    how = (
        "One bar, as long as the run took. A long part of the teacher's is saved by a bank of its answers, a long one "
        "of measuring by less `evidence`; all else is starting."
    )
    return Plot("Seconds of this run", how, lambda: _draw_split(known))


def _draw_split(known):
    drawn, plot = axes(5.2, 1.6)
    total, left = sum(one for _, one in known), 0.0
    for place, (name, one) in enumerate(known):
        plot.barh([0], [one], left=left, height=0.6, color=COLOURS[place], alpha=0.75, label=f"{name} {one:.1f} s")
        if one > 0.12 * total:
            plot.text(left + one / 2, 0, percent(one / total, ".0f"), ha="center", va="center")
        left += one
    plot.set_yticks([])
    plot.spines["left"].set_visible(False)
    plot.set_xlim(0, total)
    plot.set_xlabel("seconds")
    legend_above(plot, 2)
    return drawn


def of_stages(stages, work="run"):
    """The line of the time by stage, the longest first: that of all commands, not of the last one alone.

    Args:
        stages: {stage: seconds}.
        work: what the commands worked on.

    Example:
        >>> of_stages({"starting": 2.0, "training": 10.0})
        'seconds of all commands on this run: training 10.0, starting 2.0; 12.0 in all'
    """
    largest = sorted(stages.items(), key=lambda one: -one[1])
    parts = ", ".join(f"{name} {one:.1f}" for name, one in largest)
    return f"seconds of all commands on this {work}: {parts}; {sum(stages.values()):.1f} in all"


def _brief(seconds, stages):
    if stages:
        return of_stages(stages)
    if seconds.get("total") is None:
        return ""
    of = ", ".join(f"{name} {seconds[name]:.1f}" for name in ("teacher", "student", "data") if name in seconds)
    return f"seconds: {of}; {seconds['total']:.1f} in all"
