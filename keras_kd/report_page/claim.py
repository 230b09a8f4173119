"""Whether distillation helped, and the two networks beside each other."""

from keras_kd.markdown import NOTHING, count, number, percent, signed, size
from keras_kd.page import savings
from keras_kd.report_page.blocks import section, table, text
from keras_kd.report_page.reading import class_name, dig, entries, parts


def verdict(report):
    """The verdict's tables: the student beside its baselines, and every run."""
    found = parts(report, "verdict")
    against = parts(found, "against")
    rows = [["distilled", *_spread(found.get("top1")), NOTHING, NOTHING]] if found.get("top1") else []
    rows += [
        [name, *_spread({**parts(one, "baseline"), "n": one.get("n")}), _points(one), one.get("outcome")]
        for name, one in against.items()
    ]
    of = [("distilled", entries(found, "runs")), *((name, entries(one, "runs")) for name, one in against.items())]
    runs = [
        [one.get("seed"), name, percent(one.get("top1")), percent(one.get("agreement")), number(one.get("ece"))]
        + [percent(one.get("worst_tenth")), one.get("run")]
        for name, listed in of
        for one in listed
    ]
    said = (
        "Mean ± standard deviation over seeds. The interval is of the differences by seed (paired t); one that "
        "contains 0 decides nothing."
    )
    return section(
        "verdict",
        "Did it help?",
        table(["", "top-1, last epoch", "seeds", "distilled less this, 95 %", "verdict"], rows, said, bold=(0,)),
        text(_who_pays(report)),
        table(["seed", "", "top-1", "agreement", "ECE", "worst tenth of classes", "run"], runs),
    )


def _who_pays(report):
    classes = parts(report, "verdict", "classes")
    worst = parts(classes, "worst_change")
    if not worst:
        return ""
    if not entries(classes, "harmed"):
        return f"Who pays: none of {len(entries(classes, 'change'))} classes is worse than on labels alone."
    surely = f", {len(entries(classes, 'surely_harmed'))} of them surely" if (classes.get("runs") or 0) > 2 else ""
    return (
        f"Who pays: {len(entries(classes, 'harmed'))} of {len(entries(classes, 'change'))} classes are worse than on "
        f"labels alone{surely} (interval of the class alone); most of all {class_name(report, worst.get('class'))}, by "
        f"{signed(worst.get('change'))} points."
    )


def _spread(one):
    mean, std = dig(one, "mean"), dig(one, "std")
    spread = f" ± {100 * std:.2f}" if std is not None else ""
    return [f"{100 * mean:.2f}{spread} %" if mean is not None else NOTHING, dig(one, "n")]


def _points(one):
    interval = entries(one, "interval")
    if one.get("difference") is None:
        return NOTHING
    return signed(one["difference"]) + (
        f" ({signed(interval[0])} to {signed(interval[1])})" if len(interval) == 2 else ""
    )


ROLES = {"teacher": ("teacher_calibration", "teacher_cost"), "student": ("calibration", "cost")}


def networks(report):
    """Student and teacher: right, sure, and how large."""
    rows = []
    for role, (calibration, cost) in ROLES.items():
        scores, sure, spent = parts(report, role), parts(report, calibration), parts(report, cost)
        if scores or spent:
            rows.append(
                [f"{role} {scores.get('name', '')}", percent(scores.get("top1")), percent(scores.get("top5"))]
                + [number(sure.get(name)) for name in ("ece", "nll", "brier")]
                + [count(spent.get("parameters")), count(spent.get("macs")), size(spent.get("bytes"))]
            )
    bins = dig(report, "calibration", "bins")
    return section(
        "networks",
        "Student and teacher",
        table(["", "top-1", "top-5", "ECE", "NLL", "Brier", "parameters", "MACs", "weights"], rows),
        text(savings({name: parts(report, name) for name in ("cost", "teacher_cost")})),
        text(
            "On the test images." if rows else "",
            f"ECE is over {bins} equal-width bins, NLL in nats." if bins else "",
            "MACs are of one image, in convolutions and dense layers." if dig(report, "cost") else "",
            soft=True,
        ),
        _teachers(report),
        _generations(report),
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


def _generations(report):
    rows = [
        [one.get("generation"), one.get("run"), one.get("seed"), percent(one.get("top1"))]
        + [percent(one.get("agreement")), number(one.get("ece")), number(one.get("seconds"))]
        for one in entries(report, "generations")
    ]
    header = ["generation", "run", "seed", "top-1", "agreement with its teacher", "ECE", "seconds"]
    return table(header, rows)
