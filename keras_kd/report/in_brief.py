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

    How much smaller and faster the student is than its teacher, and how far below it; whether the teacher helped. Of a
    shortened run nothing, as its numbers are no result.

    Args:
        report: what `report.json` holds, as plain values.

    Returns:
        A str; empty where nothing is known.

    Example:
        >>> report = {"student": {"top1": 0.9}, "teacher": {"top1": 0.92}, "data": {"test": 100}, "seed": 0}
        >>> in_brief(report).partition(" Not known")[0]
        '2.00 points less accurate than its teacher: 90.00 against 92.00 % of 100 test images, one run.'
    """
    if report.get("smoke"):
        return ""
    came, helped = _against_its_teacher(report) or _alone(report), first_sentence(report)
    # A student that its teacher harmed is told of as that.
    said = (helped, came) if harm(report) else (came, helped)
    return " ".join(one for one in said if one)


def _against_its_teacher(report):
    """The student next to its teacher; empty without one, or where nothing of both is known."""
    if not report.get("teacher"):
        return ""
    points, figures = _points(report) or ("", "")
    said = [one for one in (*(_as_files(report) or (_smaller(report), _faster(report))), points) if one]
    if not said:
        return ""
    said[0] = f"{said[0][:1].upper()}{said[0][1:]}{_than(said[0])}"
    return f"{', '.join(said)}{': ' if figures else ''}{figures}."


def _than(how):
    return " as its teacher" if how.startswith("as ") else " than its teacher"


def _as_files(report):
    """How much smaller and faster a student is that was measured as a file next to its teacher's; or None."""
    found = parts(report, "pruning", "measured")
    sizes, times = found.get("bytes"), found.get("milliseconds")
    if not sizes or not times or not (all(sizes) and all(times)):
        return None
    smaller = _ratio(sizes[0] / sizes[1], "smaller", "larger", "as large")
    faster = _ratio(times[0] / times[1], "faster", "slower", "as fast")
    return smaller, f"{faster}, both as {found.get('format')} files"


def _smaller(report):
    ours, theirs = get_path(report, "cost", "parameters"), get_path(report, "teacher_cost", "parameters")
    return _ratio(theirs / ours, "smaller", "larger", "as large") if ours and theirs else ""


def _faster(report):
    ours, theirs = (get_path(report, "latency", role, "median") for role in ("student", "teacher"))
    return f"{_ratio(theirs / ours, 'faster', 'slower', 'as fast')} in Keras" if ours and theirs else ""


def _ratio(ratio, more, less, alike):
    """How many times one is smaller or faster than the other."""
    if abs(ratio - 1) < ALIKE:
        return alike
    return f"{ratio:.1f} times {more}" if ratio > 1 else f"{1 / ratio:.1f} times {less}"


def _points(report):
    """(how far the student is from its teacher in accuracy, the figures of it), or None."""
    found, theirs = accuracy_of(report), get_path(report, "teacher", "top1")
    if found is None or theirs is None:
        return None
    ours, shown, evidence = found
    difference = round(100 * (ours - theirs), 2)
    how = f"{abs(difference):.2f} points {'more' if difference > 0 else 'less'} accurate"
    return how if difference else "as accurate", f"{shown} against {percent(theirs)}{_of_images(report)}, {evidence}"


def accuracy_of(report):
    """(top-1, as it is shown, on what evidence) of the student: over its seeds where there are several; or None.

    Example:
        >>> accuracy_of({"student": {"top1": 0.9}, "seed": 3})
        (0.9, '90.00', 'one run')
    """
    over = parts(report, "verdict", "top1")
    if over.get("mean") is not None and (over.get("n") or 0) > 1:
        return over["mean"], spread(over["mean"], over.get("std")), plural(over["n"], "seed")
    top1 = get_path(report, "student", "top1")
    if top1 is None:
        return None
    return top1, percent(top1, unit=""), "one run"


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
        costs.append(f"{milliseconds(get_path(report, 'latency', 'student', 'median'))} an image in Keras")
    return f"{said}: {', '.join(costs)}." if costs else f"{said}."


def smallest_file(report):
    """The smallest file that was delivered: a str, empty where there is none or the run was a shortened one.

    Example:
        >>> files = [{"file": "a.tflite", "bytes": 6700, "passed": True, "accuracy": 0.9, "latency": {"median": 0.05}}]
        >>> smallest_file({"exports": files})
        'Its smallest file, a.tflite: 6.7 kB, 50.0 µs an image, 90.00 % right.'
    """
    files = [one for one in entries(report, "exports") if one.get("passed") and one.get("bytes") and one.get("file")]
    if not files or report.get("smoke"):
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
