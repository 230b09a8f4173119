"""The parts of a run's page that say whether distillation helped, and what the student took over."""

from keras_kd.markdown import line, number, percent, signed, table


def verdict(report):
    """Whether distillation helped, first of all."""
    found = report.get("verdict")
    if not found:
        return ""
    paragraphs = [f"**{line(found['sentence'])}**"]
    rows = [["distilled", *_spread(found["top1"]), "", ""]]
    for against, one in (found.get("against") or {}).items():
        rows.append([against, *_spread({**one["baseline"], "n": one["n"]}), _points(one), one["outcome"]])
    paragraphs.append(table(["", "top-1, last epoch", "seeds", "distilled less this, 95 % interval", "verdict"], rows))
    runs = [
        [
            one["seed"],
            of,
            percent(one["top1"]),
            percent(one["agreement"]),
            number(one["ece"]),
            percent(one["worst_tenth"]),
        ]
        + [one["run"]]
        for of, listed in (
            ("distilled", found["runs"]),
            *((against, one["runs"]) for against, one in (found.get("against") or {}).items()),
        )
        for one in listed
    ]
    paragraphs.append(table(["seed", "", "top-1", "agreement", "ECE", "worst tenth of classes", "run"], runs))
    classes = found.get("classes")
    if classes and classes["worst_change"]:
        names = report.get("class_names") or []

        def name(index):
            return names[index] if index < len(names) else index

        worst = classes["worst_change"]
        surely = f", {len(classes['surely_harmed'])} of them surely" if classes["runs"] > 2 else ""
        paragraphs.append(
            f"Who pays: {len(classes['harmed'])} of {len(classes['change'])} classes are worse than on labels alone"
            f"{surely} (interval of the class alone); most of all {line(name(worst['class']))}, by "
            f"{signed(worst['change'])} points."
        )
    return "\n\n".join(paragraphs)


def _spread(one):
    spread = f" ± {100 * one['std']:.2f}" if one.get("std") is not None else ""
    return [f"{100 * one['mean']:.2f}{spread}" if one["mean"] is not None else "–", one["n"]]


def _points(one):
    if one["difference"] is None:
        return "–"
    interval = f", {signed(one['interval'][0])} to {signed(one['interval'][1])}" if one["interval"] else ""
    return f"{signed(one['difference'])}{interval}"


def epochs(report):
    """The epoch that the validation images would have chosen, beside the last one."""
    best = report.get("best_validation")
    if not best:
        return ""
    return (
        f"The figures are those of the last epoch. The epoch best on the validation images was {best['epoch']} "
        f"({percent(best['val_accuracy'])} there); its student has {percent(best['top1'])} on the test images."
    )


def fidelity(report):
    """How closely the student follows its teacher, where, and beyond what two accurate networks do anyway."""
    of_test = report.get("fidelity")
    if not of_test:
        return ""
    rows = [
        ["same first class", percent(of_test.get("agreement"))],
        ["teacher's first class among the student's first 5", percent(of_test.get("agreement5"))],
        ["KL(teacher, student), nats", number(of_test.get("kl"))],
    ]
    paragraphs = ["## Fidelity to the teacher", table(["on the test images", ""], rows)]
    splits = {name: one for name, one in (report.get("splits") or {}).items() if "agreement" in one}
    if splits:
        rows = [
            [name, one["images"], percent(one["student_top1"]), percent(one["teacher_top1"]), percent(one["agreement"])]
            + [percent(one["agreement5"]), number(one["kl"])]
            for name, one in splits.items()
        ]
        copied = of_test.get("copied_errors") or {}
        if copied.get("images"):
            rows.append(
                ["test, teacher wrong", copied["images"], percent(copied["student_accuracy"]), percent(0.0)]
                + [percent(copied["agreement"]), "–", number(copied["kl"])]
            )
        header = ["images", "", "student", "teacher", "same first class", "within 5", "KL"]
        paragraphs.append(table(header, rows))
    control = of_test.get("control")
    if control:
        paragraphs.append(
            f"Control: with {line(control['name'])} ({percent(control['top1'])}), which taught nothing here, the "
            f"student agrees on {percent(control['agreement'])}, so {signed(control['beyond_control'])} points of its "
            f"agreement with its teacher are what teaching adds; the two teachers agree on "
            f"{percent(control['teachers_agreement'])}."
        )
    deviation = report.get("deviation")
    if deviation and deviation.get("slope") is not None:
        more = "exaggerates" if deviation["slope"] > 1 else "is less extreme than"
        paragraphs.append(
            f"Confidence: the student's log-odds of the teacher's first class rise by {number(deviation['slope'])} for "
            f"each of the teacher's (correlation {number(deviation['correlation'])}): it {more} its teacher's "
            "confidence."
        )
    alike = report.get("representation")
    if alike:
        text = ", ".join(f"{tap} {number(value)}" for tap, value in alike.items())
        paragraphs.append(f"Representations, linear CKA with the teacher's: {text}.")
    return "\n\n".join(paragraphs)


def noise(report):
    """What became of planted wrong labels."""
    planted = (report.get("data") or {}).get("label_noise")
    train = (report.get("splits") or {}).get("train") or {}
    if not planted:
        return ""
    text = (
        f"## Label noise\n\n{planted['images']:,} training images ({percent(planted['rate'])}) have a wrong label "
        f"({planted['kind']}); the test images have none."
    )
    rows = [
        [role, percent(train.get(f"{role}_true_top1")), percent(train.get(f"{role}_fits_noise"))]
        for role in ("student", "teacher")
        if train.get(f"{role}_true_top1") is not None
    ]
    header = ["on training images", "accuracy on true labels", "wrong labels learned by heart"]
    return f"{text}\n\n{table(header, rows)}" if rows else text


def imbalance(report):
    """Frequent and rare classes."""
    groups, planted = report.get("imbalance"), (report.get("data") or {}).get("imbalance")
    if not groups or not planted:
        return ""
    counts = planted["counts"]
    rows = []
    for name in ("head", "middle", "tail"):
        classes = groups[f"{name}_classes"]
        images = [counts[index] for index in classes]
        rows.append([name, len(classes), f"{min(images)} to {max(images)}" if images else "–", percent(groups[name])])
    header = ["classes", "", "training images each", "accuracy"]
    return f"## Rare classes\n\n{planted['profile']}, ratio {planted['ratio']:g}.\n\n{table(header, rows)}"


KEYS = "teacher_calibration", "teacher_calibration_scaled", "calibration", "calibration_scaled"


def calibration(report):
    """Whether probabilities can be believed, before and after temperature scaling."""
    rows = []
    for role, before, after in (("teacher", *KEYS[:2]), ("student", *KEYS[2:])):
        for name, one in (("", report.get(before)), (", scaled", report.get(after))):
            if one and "adaptive_ece" in one:
                temperature = number(one.get("temperature")) if name else "1"
                figures = [number(one.get(key)) for key in ("ece", "adaptive_ece", "over_confidence", "nll", "brier")]
                rows.append([f"{role}{name}", temperature, *figures])
    if not rows:
        return ""
    header = ["", "temperature", "ECE", "adaptive ECE", "over-confidence", "NLL", "Brier"]
    fitted = (report.get("calibration_scaled") or {}).get("fitted_on")
    note = f" Temperatures are fitted on {line(fitted)}." if fitted else ""
    bins = next(one["bins"] for key in KEYS if (one := report.get(key)) and "adaptive_ece" in one)
    return f"## Calibration\n\n{table(header, rows)}\n\nErrors over {bins} bins.{note}"


def properties(report):
    """What else the student may have taken over: robustness, attention, invariance."""
    found = report.get("properties")
    if not found:
        return ""
    paragraphs = [f"## What else the student took over\n\nOn {found['images']} test images."]
    if found.get("corruptions"):
        names = [name for name in next(iter(found["corruptions"].values())) if name not in ("clean", "mean")]
        rows = [
            [
                role,
                percent(one["clean"]),
                *(percent(sum(one[name]) / len(one[name])) for name in names),
                percent(one["mean"]),
            ]
            for role, one in found["corruptions"].items()
        ]
        header = ["accuracy", "clean", *(name.replace("_", " ") for name in names), "mean"]
        paragraphs.append(table(header, rows) + "\n\nCorruptions: mean over five severities.")
    if found.get("attention"):
        rows = [
            [pair.replace("/", " and "), number(one["iou"]), number(one["cosine"])]
            for pair, one in found["attention"].items()
        ]
        paragraphs.append(table(["Grad-CAM maps of", "intersection over union", "cosine"], rows))
    return "\n\n".join(paragraphs)


def doctor(report):
    """What stood in the way, and what to try next."""
    examined = report.get("doctor")
    if not examined:
        return ""
    rows = [[one["outcome"], one["check"], one["found"], one["cure"]] for one in examined["findings"]]
    paragraphs = ["## Why it helped or not", table(["", "check", "found", "cure"], rows)]
    if examined["next"]:
        steps = "\n".join(f"{number}. {line(step)}" for number, step in enumerate(examined["next"], 1))
        paragraphs.append(f"To try next:\n\n{steps}")
    return "\n\n".join(paragraphs)
