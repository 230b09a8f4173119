"""What a report says, in sentences and tables: once, for the blocks of every page.

Each function takes a report that may lack anything. Sentences are empty and tables have no rows where nothing is known;
a cell of which nothing is known is None.
"""

from keras_kd.report.fields import class_name, entries, get_path, parts
from keras_kd.utils.formatting import (
    DASH,
    NOTHING,
    bare_percent,
    count,
    milliseconds,
    number,
    percent,
    signed,
    size,
    spread,
)

# Where a report has a network's calibration, that after temperature scaling, and what the network costs.
CALIBRATIONS = {
    "teacher": ("teacher_calibration", "teacher_calibration_scaled"),
    "student": ("calibration", "calibration_scaled"),
}
COSTS = {"teacher": "teacher_cost", "student": "cost"}
SHOWN_COSTS = {"parameters": count, "macs": count, "bytes": size}
# The figures of a calibration, as tables name them.
ERRORS = {
    "ece": "ECE",
    "adaptive_ece": "adaptive ECE",
    "over_confidence": "overconfidence",
    "nll": "NLL",
    "brier": "Brier",
}
# What the columns of `agreement` mean.
AGREEMENT_MEANS = (
    "Agreement: the share of images on which both name one class; within 5: on which the teacher's class is among the "
    "student's first five. KL(teacher, student) in nats. A student that follows on training images alone has memorised "
    "them."
)


def networks(report):
    """Teacher and student, right, sure and how large: (header, rows)."""
    rows = []
    for role in COSTS:
        scores, sure, spent = parts(report, role), parts(report, CALIBRATIONS[role][0]), parts(report, COSTS[role])
        if scores or spent:
            rows.append(
                [f"{_called(report, role)} {scores.get('name', '')}", percent(scores.get("top1"))]
                + [percent(scores.get("top5")), number(sure.get("ece")), number(sure.get("nll"))]
                + [_cost(report, role, one, shown) for one, shown in SHOWN_COSTS.items()]
                + [milliseconds(get_path(report, "latency", role, "median"), nothing=NOTHING)]
            )
    return ["", "top-1", "top-5", "ECE", "NLL", "parameters", "MACs", "weights", "one image"], rows


def _cost(report, role, name, shown):
    """A figure of what a network costs; of a teacher that is no Keras network none is known."""
    spent = parts(report, COSTS[role])
    asked = role == "teacher" and COSTS[role] in report
    return "not known" if asked and spent.get("parameters") is None else shown(spent.get(name))


def _called(report, role):
    """A role in words; any Keras model that was measured is nobody's student."""
    return (report.get("what") or role) if role == "student" else role


def networks_in_brief(report):
    """The same in a few columns, for the terminal: (header, rows)."""
    rows = []
    for role in COSTS:
        scores, sure = parts(report, role), parts(report, CALIBRATIONS[role][0])
        if scores:
            ece = DASH if sure.get("ece") is None else f"{sure['ece']:.4f}"
            size_ = _cost(report, role, "parameters", lambda value: DASH if value is None else f"{value:,}")
            rows.append(
                [_called(report, role), bare_percent(scores.get("top1")), bare_percent(scores.get("top5")), ece, size_]
                + [milliseconds(get_path(report, "latency", role, "median")), scores.get("name") or DASH]
            )
    return ["", "top-1", "top-5", "ECE", "parameters", "latency", "network"], rows


def tested_on(report):
    """On which images accuracies are, and what took the latency."""
    images, latency = get_path(report, "data", "test"), parts(report, "latency")
    if not images and not latency:
        return ""
    of = f"{images:,} test images" if images else "the test images"
    of += f", seed {report['seed']}" if report.get("seed") is not None else ""
    timing = latency.get("student") or {}
    what = ", ".join(one for one in (latency.get("runtime"), latency.get("device")) if one)
    timed = f"; latency: one image in {what}, median of {timing.get('n')}" if timing else ""
    return f"accuracy in percent on {of}{timed}"


def units(report):
    """What the columns of `networks` mean that can mean several things."""
    bins = get_path(report, "calibration", "bins")
    calibration = f"ECE is over {bins} equal-width bins, NLL in nats." if bins else ""
    work = "MACs are of one image, in convolutions and dense layers." if get_path(report, "cost") else ""
    latency = parts(report, "latency")
    timed = (
        f"One image: the median time of one at a time through {latency.get('runtime')} on {latency.get('device')}, "
        "both networks in one process."
        if latency.get("runtime")
        else ""
    )
    return " ".join(one for one in (calibration, work, timed) if one)


def taught_teacher(report):
    """What teaching the teacher changed, as sentences."""
    taught = parts(report, "taught_teacher")
    if not taught:
        return ""
    before, after = percent(taught.get("before")), percent(taught.get("top1"))
    both, student = percent(taught.get("agreement_before")), percent(taught.get("agreement"))
    return (
        f"The teacher was taught to teach (meta): {before} before, {after} after; the two agree on {both} of the test "
        f"images, the student with the taught one on {student}. All other figures are of the teacher before; the "
        f"taught one is {taught.get('file')}."
    )


def best_epoch(report):
    """The epoch that the validation images would have chosen, next to the last one."""
    stopping = parts(report, "early_stopping")
    if stopping:
        return _stopped(report, stopping)
    best = parts(report, "best_validation")
    if not best:
        return ""
    return (
        f"The figures are those of the last epoch. The epoch best on the validation images was {best.get('epoch')} "
        f"({percent(best.get('val_accuracy'))} there); its student has {percent(best.get('top1'))} on the test images."
    )


def _stopped(report, stopping):
    """Which epoch's weights the student has, and why."""
    last, most = stopping.get("stopped_epoch"), get_path(report, "settings", "fit", "epochs")
    ended = (
        f"Training ended early, after epoch {last}{f' of {most}' if most else ''}"
        if last
        else "All epochs were trained"
    )
    return (
        f"{ended}; the figures are of the weights of epoch {stopping.get('kept_epoch')}, the best by "
        f"{stopping.get('monitor')}, {number(stopping.get('value'))} (early_stopping)."
    )


def fitted(report):
    """What of the training is unlike that of most: averaged weights, smoothed labels, weighed classes; as sentences."""
    fit, asked = parts(report, "settings", "fit"), get_path(report, "settings", "fit", "class_weight")
    weights = [one for one in report.get("class_weight") or () if isinstance(one, int | float)]
    said = [
        f"The weights of the student are the moving averages of training (ema {number(fit['ema'])})."
        if fit.get("ema")
        else "",
        f"Of each label {percent(fit['label_smoothing'])} was spread over all classes (label_smoothing)."
        if fit.get("label_smoothing")
        else "",
        f"In the label loss an image of a class counted {number(min(weights))} to {number(max(weights))}, by its class "
        f"(class_weight{f': {asked}' if isinstance(asked, str) else ''})."
        if weights
        else "",
    ]
    return " ".join(one for one in said if one)


def measured_weight(report):
    """What `label_weight: auto` came to."""
    found = parts(report, "label_weight")
    if not found:
        return ""
    weight, trust = number(found.get("label_weight")), number(found.get("trust"))
    right, chance = percent(found.get("teacher_accuracy")), percent(found.get("chance"))
    return (
        f"The label loss weighed {weight} and the terms {trust} of their own weights (label_weight: auto), as the "
        f"teacher is right on {right} of the {found.get('images')} validation images, where always the same class "
        f"would be on {chance}."
    )


def savings(report):
    """How much smaller the student is; empty where it is not."""
    cost, teacher_cost = parts(report, "cost"), parts(report, "teacher_cost")
    ratios = [
        f"{teacher_cost[name] / cost[name]:.1f} times fewer {word}"
        for name, word in (("parameters", "parameters"), ("macs", "multiply-accumulates"))
        if cost.get(name) and teacher_cost.get(name) and teacher_cost[name] > cost[name]
    ]
    return f"The student has {' and '.join(ratios)} than its teacher." if ratios else ""


def generations(report):
    """Every generation of students that became teachers: (header, rows)."""
    rows = [
        [one.get("generation"), one.get("run"), one.get("seed"), percent(one.get("top1"))]
        + [percent(one.get("agreement")), number(one.get("ece")), number(one.get("seconds"))]
        for one in entries(report, "generations")
    ]
    return ["generation", "run", "seed", "top-1", "agreement with its teacher", "ECE", "seconds"], rows


def against_baselines(report):
    """The distilled student next to its baselines, over seeds: (header, rows)."""
    found = parts(report, "verdict")
    rows = [["distilled", *_spread(found.get("top1")), NOTHING, NOTHING]] if found.get("top1") else []
    rows += [
        [name, *_spread({**parts(one, "baseline"), "n": one.get("n")}), _points(one), one.get("outcome")]
        for name, one in parts(found, "against").items()
    ]
    epoch = "kept epoch" if parts(report, "early_stopping") else "last epoch"
    return ["", f"top-1, {epoch}", "seeds", "distilled minus this, 95 % interval", "verdict"], rows


def runs(report):
    """Every run behind a verdict: (header, rows)."""
    found = parts(report, "verdict")
    of = [("distilled", entries(found, "runs"))]
    of += [(name, entries(one, "runs")) for name, one in parts(found, "against").items()]
    rows = [
        [one.get("seed"), name, percent(one.get("top1")), percent(one.get("agreement"))]
        + [number(one.get("ece")), percent(one.get("worst_tenth")), one.get("run")]
        for name, listed in of
        for one in listed
    ]
    return ["seed", "", "top-1", "agreement", "ECE", "worst tenth of classes", "run"], rows


def _spread(one):
    return [spread(get_path(one, "mean"), get_path(one, "std"), unit=" %"), get_path(one, "n")]


def _points(one):
    interval = entries(one, "interval")
    if one.get("difference") is None:
        return NOTHING
    ends = f" ({signed(interval[0])} to {signed(interval[1])})" if len(interval) == 2 else ""
    return signed(one["difference"]) + ends


def per_class_changes(report):
    """Classes that are worse than on labels alone."""
    classes = parts(report, "verdict", "classes")
    worst = parts(classes, "worst_change")
    if not worst:
        return ""
    all_of_them, harmed = len(entries(classes, "change")), len(entries(classes, "harmed"))
    if not harmed:
        return f"Classes: none of {all_of_them} classes is worse than on labels alone."
    below = len(entries(classes, "surely_harmed"))
    surely = f", {below} of them with an interval below 0" if (classes.get("runs") or 0) > 2 else ""
    return (
        f"Classes: {harmed} of {all_of_them} classes are worse than on labels alone{surely} (95 %, each class by "
        f"itself: of many, some are by chance); most of all {class_name(report, worst.get('class'))}, by "
        f"{signed(worst.get('change'))} points."
    )


def agreement(report):
    """How far the student follows its teacher on each split, and where the teacher is wrong: (header, rows)."""
    of_test = parts(report, "fidelity")
    rows = [
        [name, one.get("images"), percent(one.get("student_top1")), percent(one.get("teacher_top1"))]
        + [percent(one.get("agreement")), percent(one.get("agreement5")), number(one.get("kl"))]
        for name, one in parts(report, "splits").items()
        if "agreement" in one
    ]
    if not rows and of_test:
        rows.append(
            [
                "test",
                NOTHING,
                percent(get_path(report, "student", "top1")),
                percent(get_path(report, "teacher", "top1")),
            ]
            + [percent(of_test.get("agreement")), percent(of_test.get("agreement5")), number(of_test.get("kl"))]
        )
    copied = parts(of_test, "copied_errors")
    if copied.get("images"):
        rows.append(
            ["test, teacher wrong", copied["images"], percent(copied.get("student_accuracy")), percent(0.0)]
            + [percent(copied.get("agreement")), NOTHING, number(copied.get("kl"))]
        )
    return ["images", "number", "student", "teacher", "agreement", "within 5", "KL"], rows


def seen_by_the_teacher(report):
    """Where the images that are set aside are images that the teacher learned from."""
    source = parts(report, "teacher", "source")
    seen = any(get_path(one, "trained_on_held_out") for one in (source, *entries(source, "members")))
    if not seen or not get_path(report, "splits", "validation"):
        return ""
    return (
        "The teacher was trained on images that are set aside for validation here: its figures there are of its "
        "training, not of new images."
    )


def control(report):
    """Agreement with a teacher that taught nothing."""
    control = parts(report, "fidelity", "control")
    if control.get("agreement") is None:
        return ""
    return (
        f"Control: with {control.get('name')} ({percent(control.get('top1'))}), which taught nothing here, the student "
        f"agrees on {percent(control['agreement'])}, so {signed(control.get('beyond_control'))} points of its "
        f"agreement with its teacher are what teaching adds; the two teachers agree on "
        f"{percent(control.get('teachers_agreement'))}."
    )


def confidence(report):
    """Whether the student exaggerates how sure its teacher is."""
    line = parts(report, "deviation")
    slope = line.get("slope")
    if slope is None:
        return ""
    more = "exaggerates" if slope > 1 else "is less extreme than"
    return (
        f"Confidence: the student's log-odds of the teacher's first class rise by {number(slope)} for each of "
        f"the teacher's (correlation {number(line.get('correlation'))}): it {more} its teacher's confidence."
    )


def wrong_labels(report):
    """What became of planted wrong labels: (sentence, header, rows)."""
    planted, train = parts(report, "data", "label_noise"), parts(report, "splits", "train")
    header = ["on training images", "accuracy on true labels", "wrong labels memorised"]
    if not planted:
        return "", header, []
    said = (
        f"{planted.get('images')} training images ({percent(planted.get('rate'))}) have a wrong label "
        f"({planted.get('kind')}); the test images have none."
    )
    rows = [
        [role, percent(train.get(f"{role}_true_top1")), percent(train.get(f"{role}_fits_noise"))]
        for role in ("student", "teacher")
        if train.get(f"{role}_true_top1") is not None
    ]
    return said, header, rows


def rare_classes(report):
    """Accuracy of frequent and rare classes: (sentence, header, rows)."""
    groups, planted = parts(report, "imbalance"), parts(report, "data", "imbalance")
    counts = planted.get("counts") or []
    rows = []
    for name in ("head", "middle", "tail"):
        members = entries(groups, f"{name}_classes")
        images = [counts[number] for number in members if number < len(counts)]
        reach = f"{min(images)} to {max(images)}" if images else NOTHING
        if members:
            rows.append([name, len(members), reach, percent(groups.get(name))])
    ratio = planted.get("ratio")
    said = f"Training images were taken away: {planted.get('profile')}, ratio {ratio:g}." if ratio else ""
    return said, ["", "classes", "training images each", "student's accuracy"], rows


def calibrations(report):
    """Whether probabilities can be believed, before and after temperature scaling: (header, rows)."""
    rows = []
    for role, (before, after) in CALIBRATIONS.items():
        for name, one in ((role, parts(report, before)), (f"{role}, scaled", parts(report, after))):
            if one:
                temperature = number(one.get("temperature")) if name != role else "1"
                rows.append([name, temperature, *(number(one.get(key)) for key in ERRORS)])
    return ["", "temperature", *ERRORS.values()], rows


def fitted_temperatures(report):
    """On which images the temperatures were fitted."""
    of = {
        role: get_path(report, scaled, "fitted_on")
        for role, (_, scaled) in CALIBRATIONS.items()
        if get_path(report, scaled, "temperature") is not None and get_path(report, scaled, "fitted_on")
    }
    if len(set(of.values())) == 1 and len(of) > 1:
        return f"Temperatures are fitted on {next(iter(of.values()))}."
    return " ".join(f"The {role}'s temperature is fitted on {images}." for role, images in of.items())
