"""What else the student may have taken over: robustness, attention, invariance."""

from keras_kd.report import property_tables as tables
from keras_kd.report.blocks import Plot, plots, section, table, text
from keras_kd.report.fields import parts
from keras_kd.report.plots import COLOURS, axes, legend_above

# One colour a role, on every plot.
ROLES = {"student": COLOURS[0], "teacher": COLOURS[1], "baseline": COLOURS[2], "independent": COLOURS[3]}


def properties(report):
    """Corruptions, attacks, attention and invariance."""
    measured = parts(report, "properties")
    corrupted = {role: parts(one) for role, one in parts(measured, "corruptions").items()}
    names = list(dict.fromkeys(name for one in corrupted.values() for name in one if name not in tables.SUMMARIES))
    images = f"On {measured['images']} test images. " if measured.get("images") else ""
    return section(
        "properties",
        "What else the student took over",
        text(
            "How to read the plots: accuracy on corrupted images, 0 being the clean ones. Where the lines of student "
            "and teacher fall together and the baseline's does not, the student has taken over its teacher's strength "
            "or weakness."
            if names
            else "",
            soft=True,
        ),
        plots(*(_corruption(name, corrupted) for name in names), small=True),
        table(*tables.corruptions(report), f"{images}Each corruption: the mean over its severities."),
        _attacks(report),
        _attention(report),
        _invariance(report),
    )


def _corruption(name, corrupted):
    known = {role: one for role, one in corrupted.items() if isinstance(one.get(name), list) and one[name]}
    if not known:
        return None
    means = ", ".join(f"{role} {tables.mean_of(one[name])}" for role, one in known.items())
    how = f"On the mean over severities: {means}."
    return Plot(name.replace("_", " ").capitalize(), how, lambda: _draw_corruption(name, known))


def _draw_corruption(name, known):
    drawn, plot = axes(3.6, 2.7)
    severities = max(len(one[name]) for one in known.values())
    for role, one in known.items():
        heights = [None if value is None else 100 * value for value in (one.get("clean"), *one[name])]
        points = [(severity, height) for severity, height in enumerate(heights) if height is not None]
        # A number, so that an unknown role has a colour as well.
        colour = ROLES.get(role, COLOURS[4])
        plot.plot(*zip(*points, strict=True), marker="o", markersize=4, color=colour, label=role) if points else None
    plot.set_xticks(range(severities + 1))
    plot.set_ylim(0, 102)
    plot.set_xlabel("severity")
    plot.set_ylabel("accuracy, percent")
    legend_above(plot, 2)
    return drawn


def _attacks(report):
    said = (
        f"{tables.attack_settings(report)}Transferred attacks: of the images that fool the one, the share that "
        "fools the other as well, and of how many; a high share says that both look at the same things."
    )
    return table(*tables.attacks(report), said)


def _attention(report):
    said = "How far both look at the same places: 1 is the same ones; by chance the first would be near 0.1."
    return table(*tables.attention(report), said)


def _invariance(report):
    said = "Of one network: the share of images whose class stays when they are changed; of two: on which they agree."
    return table(*tables.invariance(report), said)
