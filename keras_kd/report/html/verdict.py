"""Whether distillation helped, and the two networks beside each other."""

from keras_kd.report import tables
from keras_kd.report.fields import entries, parts
from keras_kd.report.html.blocks import section, table, text
from keras_kd.utils.formatting import number, percent


def verdict(report):
    """The verdict's tables: the student beside its baselines, and every run."""
    said = (
        "Mean ± standard deviation over seeds. The interval is of the differences by seed (paired t); one that "
        "contains 0 decides nothing."
    )
    return section(
        "verdict",
        "Did it help?",
        table(*tables.against_baselines(report), said, bold=(0,)),
        text(tables.who_pays(report)),
        table(*tables.runs(report)),
    )


def networks(report):
    """Student and teacher: right, sure, and how large."""
    header, rows = tables.networks(report)
    return section(
        "networks",
        "Student and teacher",
        table(header, rows),
        text(tables.savings(report)),
        text("On the test images." if rows else "", tables.units(report), soft=True),
        _teachers(report),
        table(*tables.generations(report)),
    )


def _teachers(report):
    source = parts(report, "teacher", "source")
    members = entries(source, "members")
    rows = [
        [one.get("name"), one.get("run"), one.get("epoch"), one.get("seed"), percent(one.get("top1"))]
        + [number(one.get("weight")), number(one.get("temperature"))]
        for one in members
    ]
    mean = f"The teacher is the mean of their {source.get('mean')}." if rows and source.get("mean") else ""
    return table(["the teacher's networks", "run", "epoch", "seed", "top-1", "weight", "temperature"], rows, mean)
