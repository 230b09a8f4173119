"""What else the student may have taken over: robustness, attention, invariance."""

from keras_kd import report_tables as tables
from keras_kd.markdown import number, percent
from keras_kd.plots import COLOURS, axes, legend_above, svg
from keras_kd.report_page.blocks import plots, section, table, text
from keras_kd.report_reading import dig, parts

# One colour a role, on every plot.
ROLES = {"student": COLOURS[0], "teacher": COLOURS[1], "baseline": COLOURS[2], "independent": COLOURS[3]}


def properties(report):
    """Corruptions, attacks, attention and invariance."""
    found = parts(report, "properties")
    corrupted = {role: parts(one) for role, one in parts(found, "corruptions").items()}
    names = list(dict.fromkeys(name for one in corrupted.values() for name in one if name not in tables.SUMMARIES))
    images = f"On {found['images']} test images. " if found.get("images") else ""
    return section(
        "properties",
        "What else the student took over",
        text(
            "How to read the plots: accuracy on spoilt images, 0 being the clean ones. Where the lines of student and "
            "teacher fall together and the baseline's does not, the student has taken over its teacher's strength or "
            "weakness."
            if names
            else "",
            soft=True,
        ),
        plots(*(_corruption(name, corrupted) for name in names), small=True),
        table(*tables.corruptions(report), f"{images}Each corruption: the mean over its severities."),
        _attacks(found),
        _attention(report),
        _invariance(found),
    )


def _corruption(name, corrupted):
    known = {role: one for role, one in corrupted.items() if isinstance(one.get(name), list) and one[name]}
    if not known:
        return None
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
    how = (
        "On the mean over severities: "
        + ", ".join(f"{role} {tables.mean_of(one[name])}" for role, one in known.items())
        + "."
    )
    return name.replace("_", " ").capitalize(), svg(drawn), how


def _attacks(found):
    rows, seen, settings = [], set(), ""
    for role, one in parts(found, "attacks").items():
        # Each network's attacks are measured beside its teacher's, which are the same every time.
        for who, name in (("student", role), ("teacher", "teacher")):
            scores = parts(one, who)
            if scores and name not in seen:
                seen.add(name)
                moved = dig(one, "transfer", f"teacher_to_{who}", "fooled") if who == "student" else None
                back = dig(one, "transfer", f"{who}_to_teacher", "fooled") if who == "student" else None
                rows.append([name, *(percent(scores.get(key)) for key in ("clean", "fgsm", "pgd"))])
                rows[-1] += [percent(moved), percent(back)]
        settings = f"A pixel of 0..255 moves by {number(one.get('epsilon'))} at most, PGD in {one.get('steps')} steps. "
    said = (
        f"{settings}Where attacks are passed on: of the images that fool the one, the share that fools the other as "
        "well; a high share says that both look at the same things."
    )
    header = ["accuracy under attack", "clean", "FGSM", "PGD", "the teacher's fool it", "its own fool the teacher"]
    return table(header, rows, said)


def _attention(report):
    said = "How far both look at the same places: 1 is the same ones; by chance the first would be near 0.1."
    return table(*tables.attention(report), said)


def _invariance(found):
    kept, pairs = parts(found, "invariance", "networks"), parts(found, "invariance", "pairs")
    names = list(dict.fromkeys(name for one in kept.values() for name in one))
    rows = [[role, *(percent(one.get(name)) for name in names)] for role, one in kept.items()]
    rows += [
        [pair.replace("/", " and ") + ", same class", *(percent(dig(one, name, "agreement")) for name in names)]
        for pair, one in pairs.items()
    ]
    said = "Of one network: the share of images whose class stays when they are changed; of two: on which they agree."
    return table(["images changed by", *(name.replace("_", " ") for name in names)], rows, said)
