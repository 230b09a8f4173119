"""The parts of a run's page that say whether distillation helped, and what the student took over."""

from keras_kd.report import tables
from keras_kd.report.fields import get_path, parts
from keras_kd.report.markdown_table import line, table
from keras_kd.utils.formatting import number, percent


def _told(*paragraphs):
    """Those paragraphs that have something to say: sentences, and tables as (header, rows)."""
    made = []
    for one in paragraphs:
        if isinstance(one, str):
            made += [line(one)] if one else []
        else:
            header, rows = one
            made += [table(header, rows)] if rows else []
    return "\n\n".join(made)


def verdict(report):
    """Whether distillation helped, first of all."""
    said = get_path(report, "verdict", "sentence")
    if not said:
        return ""
    return _told(f"**{line(said)}**", tables.against_baselines(report), tables.runs(report), tables.who_pays(report))


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
    alike = parts(report, "representation")
    text = ", ".join(f"{tap} {number(value)}" for tap, value in alike.items())
    told = _told(
        compared := tables.agreement(report),
        tables.AGREEMENT_MEANS if compared[1] else "",
        tables.seen_by_the_teacher(report),
        tables.control(report),
        tables.confidence(report),
        f"Representations, linear CKA with the teacher's: {text}." if text else "",
    )
    return f"## Fidelity to the teacher\n\n{told}" if told else ""


def noise(report):
    """What became of planted wrong labels."""
    said, *found = tables.wrong_labels(report)
    return f"## Label noise\n\n{_told(said, tuple(found))}" if said else ""


def imbalance(report):
    """Frequent and rare classes."""
    said, *found = tables.rare_classes(report)
    return f"## Rare classes\n\n{_told(said, tuple(found))}" if said else ""


def calibration(report):
    """Whether probabilities can be believed, before and after temperature scaling."""
    header, rows = tables.calibrations(report)
    if not any("adaptive_ece" in parts(report, key) for keys in tables.CALIBRATIONS.values() for key in keys):
        return ""
    bins = get_path(report, "calibration", "bins")
    said = f"Errors over {bins} bins. {tables.fitted_temperatures(report)}" if bins else ""
    return f"## Calibration\n\n{_told((header, rows), said)}"


def properties(report):
    """What else the student may have taken over: robustness, attention, invariance."""
    header, rows = tables.corruptions(report)
    told = _told(
        (header, rows),
        "Corruptions: mean over five severities." if rows else "",
        attacked := tables.attacks(report),
        f"{tables.attack_settings(report)}Passed on: of so many images that fool the one." if attacked[1] else "",
        tables.attention(report),
        tables.invariance(report),
    )
    images = get_path(report, "properties", "images")
    said = f"On {images} test images.\n\n" if images else ""
    return f"## What else the student took over\n\n{said}{told}" if told else ""


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
