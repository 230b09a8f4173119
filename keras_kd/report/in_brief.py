"""What came of a run, said before anything else: how much smaller, how much faster, how much worse, and what next."""

from keras_kd.evaluation.metrics.verdict import LABELS_ALONE
from keras_kd.report.fields import entries, get_path, parts
from keras_kd.report.first_sentence import first_sentence, harm
from keras_kd.utils.formatting import duration, milliseconds, percent, plural, size, spread

# What a report says that is of no run's student: `report.what`.
MODEL = "model"
# Ratios nearer to 1 than this are told as none.
ALIKE = 0.02
SEEDS = "--set 'seeds=[0, 1, 2]'"


def in_brief(report):
    """The sentences that stand first in the terminal, on the page and on the card.

    How much smaller and faster the student is than its teacher, and how far below it; whether the teacher helped; the
    smallest file. Of a shortened run nothing, as its numbers are no result.

    Args:
        report: what `report.json` holds, as plain values.

    Returns:
        A str; empty where nothing is known.

    Example:
        >>> report = {"student": {"top1": 0.9}, "teacher": {"top1": 0.92}, "data": {"test": 100}}
        >>> in_brief(report).partition(" Not known")[0]
        'The student is 2.00 points less accurate than its teacher (90.00 against 92.00 % of 100 test images, one run).'
    """
    if report.get("smoke"):
        return ""
    came, helped = _against_its_teacher(report) or _alone(report), first_sentence(report)
    # A student that its teacher harmed is told of as that.
    said = (helped, came) if harm(report) else (came, helped)
    return " ".join(one for one in (*said, _smallest_file(report)) if one)


def _against_its_teacher(report):
    """The student next to its teacher; empty without one, or where nothing of both is known."""
    if not report.get("teacher"):
        return ""
    known = [one for one in (_smaller(report), _faster(report), _points(report)) if one]
    said = [f"{how}{_than(how) if place == 0 else ''} ({figures})" for place, (how, figures) in enumerate(known)]
    if not said:
        return ""
    return f"The student is {', '.join(said[:-1])}{' and ' if said[:-1] else ''}{said[-1]}."


def _than(how):
    return " as its teacher" if how.startswith("as ") else " than its teacher"


def _smaller(report):
    """(how much smaller, the figures of it), or None."""
    ours, theirs = get_path(report, "cost", "parameters"), get_path(report, "teacher_cost", "parameters")
    if not ours or not theirs:
        return None
    return _ratio(theirs / ours, "smaller", "larger", "as large"), f"{ours:,} of {theirs:,} parameters"


def _faster(report):
    """(how much faster, the figures of it), or None."""
    ours, theirs = (get_path(report, "latency", role, "median") for role in ("student", "teacher"))
    if not ours or not theirs:
        return None
    figures = f"{milliseconds(ours)} against {milliseconds(theirs)} an image{_where(report)}"
    return _ratio(theirs / ours, "faster", "slower", "as fast"), figures


def _ratio(ratio, more, less, alike):
    """How many times one is smaller or faster than the other."""
    if abs(ratio - 1) < ALIKE:
        return alike
    return f"{ratio:.1f} times {more}" if ratio > 1 else f"{1 / ratio:.1f} times {less}"


def _where(report):
    latency = parts(report, "latency")
    known = [one for one in (latency.get("runtime"), latency.get("device")) if one]
    return f", {', '.join(known)}" if known else ""


def _points(report):
    """(how far the student is from its teacher in accuracy, the figures of it), or None."""
    found, theirs = accuracy_of(report), get_path(report, "teacher", "top1")
    if found is None or theirs is None:
        return None
    ours, shown, evidence = found
    difference = round(100 * (ours - theirs), 2)
    how = (
        f"{abs(difference):.2f} points {'more' if difference > 0 else 'less'} accurate" if difference else "as accurate"
    )
    return how, f"{shown} against {percent(theirs)}{_of_images(report)}, {evidence}"


def accuracy_of(report):
    """(top-1, as it is shown, on what evidence) of the student: over its seeds where there are several; or None.

    Example:
        >>> accuracy_of({"student": {"top1": 0.9}, "seed": 3})
        (0.9, '90.00', 'one run, seed 3')
    """
    over = parts(report, "verdict", "top1")
    if over.get("mean") is not None and (over.get("n") or 0) > 1:
        return over["mean"], spread(over["mean"], over.get("std")), plural(over["n"], "seed")
    top1 = get_path(report, "student", "top1")
    if top1 is None:
        return None
    seed = f", seed {report['seed']}" if report.get("seed") is not None else ""
    return top1, percent(top1, unit=""), f"one run{seed}"


def _of_images(report):
    images = get_path(report, "data", "test")
    return f" of {images:,} test images" if images else " of the test images"


def _alone(report):
    """A network that has no teacher: a run on labels alone, or any model."""
    found = accuracy_of(report)
    if found is None:
        return ""
    _, shown, evidence = found
    model = report.get("what") == MODEL
    name = get_path(report, "student", "name") or ("the model" if model else "the student")
    data = f" of {get_path(report, 'data', 'name')}" if model and get_path(report, "data", "name") else ""
    said = f"{name} is right on {shown} %{_of_images(report)}{data}"
    said += "" if model else f", {evidence}"
    costs = []
    if get_path(report, "cost", "parameters"):
        costs.append(f"{get_path(report, 'cost', 'parameters'):,} parameters")
    if get_path(report, "latency", "student", "median"):
        costs.append(f"{milliseconds(get_path(report, 'latency', 'student', 'median'))} an image{_where(report)}")
    return f"{said}: {', '.join(costs)}." if costs else f"{said}."


def _smallest_file(report):
    """The smallest file that was delivered."""
    files = [one for one in entries(report, "exports") if one.get("passed") and one.get("bytes") and one.get("file")]
    if not files:
        return ""
    one = min(files, key=lambda file: file["bytes"])
    time = get_path(one, "latency", "median")
    known = [size(one["bytes"]), milliseconds(time) + " an image" if time else None]
    known.append(f"{percent(one['accuracy'])} right" if one.get("accuracy") is not None else None)
    return f"Its smallest file, {one['file']}: {', '.join(text for text in known if text)}."


def spent(report):
    """What all of it took, and when it was: a str, empty where neither is known.

    Example:
        >>> spent({"time": {"seconds": {"in_all": 75.2}}, "date": "2026-01-31"})
        '1 min 15 s in all, 2026-01-31.'
    """
    seconds = get_path(report, "time", "seconds", "in_all") or get_path(report, "time", "seconds", "total")
    known = [f"{duration(seconds)} in all" if seconds else None, report.get("date")]
    said = ", ".join(one for one in known if one)
    return f"{said}." if said else ""


def next_step(report):
    """(what for, the command) of what is worth doing next, or None where that is not known.

    Example:
        >>> next_step({"teacher": {"top1": 0.9}, "command": "keras-kd distill digits", "smoke": True})
        ('the whole run', 'keras-kd distill digits')
        >>> next_step({"teacher": {"top1": 0.9}, "command": "keras-kd distill digits"})
        ('whether the teacher helped', "keras-kd distill digits --set baseline=true --set 'seeds=[0, 1, 2]'")
    """
    command = report.get("command")
    against = parts(report, "verdict", "against", LABELS_ALONE)
    if command and report.get("smoke"):
        return "the whole run", command
    if command and report.get("teacher") and not against:
        seeds = "" if (get_path(report, "verdict", "top1", "n") or 0) > 1 else f" {SEEDS}"
        return "whether the teacher helped", f"{command} --set baseline=true{seeds}"
    if command and harm(report):
        return "why it harmed", command.replace(" distill ", " doctor ", 1)
    if command and against and (against.get("n") or 0) < 3:
        return "whether it holds for other seeds", f"{command} {SEEDS}"
    if any(one.get("passed") and str(one.get("format")).startswith("litert") for one in entries(report, "exports")):
        return "to run it, in its folder", "python example/run.py image.png"
    return None
