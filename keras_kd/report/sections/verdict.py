"""Whether distillation helped, and the two networks next to each other."""

from keras_kd.report import tables
from keras_kd.report.blocks import also_in_terminal, in_terminal, listed, section, table, text
from keras_kd.report.fields import entries, get_path, parts
from keras_kd.utils.formatting import number, percent


def verdict(report):
    """The verdict's tables: the student next to its baselines, and every run."""
    how = (
        "Mean ± standard deviation over seeds. The interval is of the differences by seed (paired t); one that "
        "contains 0 decides nothing."
    )
    return section(
        "verdict",
        "Did it help?",
        table(*tables.against_baselines(report), how, bold=(0,)),
        text(tables.per_class_changes(report)),
        table(*tables.runs(report)),
    )


def networks(report):
    """Student and teacher: right, sure, and how large."""
    header, rows = tables.networks(report)
    return section(
        "networks",
        "Student and teacher",
        table(header, rows),
        in_terminal(table(*tables.networks_in_brief(report), tables.tested_on(report))),
        text(tables.savings(report)),
        also_in_terminal(text(tables.taught_teacher(report))),
        text(tables.best_epoch(report)),
        text(tables.measured_weight(report)),
        text(tables.fitted(report)),
        text("On the test images." if rows else "", tables.units(report), soft=True),
        _teachers(report),
        listed(list(_temperatures(report))),
        in_terminal(listed(_differences(report))),
        table(*tables.generations(report), "Each generation is the teacher of the next."),
    )


def _members(report):
    """What is known of each network of the teacher."""
    source = parts(report, "teacher", "source")
    if not source:
        return []
    return entries(source, "members") or [{"name": get_path(report, "teacher", "name"), **source}]


def _teachers(report):
    """Where the teacher comes from: a row a network of it."""
    source = parts(report, "teacher", "source")
    rows = [
        [one.get("name"), one.get("run"), one.get("epoch"), one.get("seed"), percent(one.get("top1"))]
        + [number(one.get("weight")), number(one.get("temperature")), (one.get("sha256") or "")[:12]]
        for one in _members(report)
    ]
    header = ["the teacher's networks", "run", "epoch", "seed", "top-1", "weight", "fitted temperature", "sha256"]
    if source.get("folds"):
        rows = [[one.get("without_fold"), *row] for one, row in zip(_members(report), rows, strict=True)]
        return table(["did not see fold", *header], rows, _cross_fitted(source))
    mean = entries(source, "members") and source.get("mean")
    weights = f", weights {source['weights']}" if source.get("weights") else ""
    return table(header, rows, f"One teacher of the mean of their {mean}{weights}." if mean else "")


def _cross_fitted(source):
    """How the networks of folds taught, and which teacher is measured."""
    folds = source["folds"]
    return (
        f"Cross-fitted: each training image was taught by the one of the {folds} that did not see it. What is measured "
        f"of the teacher is the mean of all, of which {folds - 1} saw each training image: on those it is not what the "
        "student was taught by."
    )


def _temperatures(report):
    """What a fitted temperature changed, of the teacher and of each network of it."""
    source = parts(report, "teacher", "source")
    for one in [source, *entries(source, "members")]:
        held_out = parts(one, "held_out")
        if held_out:
            nll, ece = (
                f"{number(held_out.get(f'{name}_before'))} before, {number(held_out.get(f'{name}_after'))} after"
                for name in ("nll", "ece")
            )
            yield (
                f"{one.get('name') or 'The teacher'} at temperature {number(one.get('temperature'))}, on "
                f"{held_out.get('images')} held-out images: NLL {nll}; ECE {ece}."
            )


def _differences(report):
    differences = entries(report, "teacher", "source", "differs_from_recipe")
    return [f"note: the teacher's run is not its recipe's: {one}" for one in differences]
