"""The exported files and their gates."""

from keras_kd.report.blocks import also_in_terminal, in_terminal, listed, section, table, text
from keras_kd.report.fields import entries, get_path, parts
from keras_kd.utils.formatting import DASH, NOTHING, bare_percent, figure, milliseconds, number, percent, size

GATES = {True: "passed", False: "failed"}


def exports(report):
    """A row for each file, and what became of those that failed."""
    made = entries(report, "exports")
    rows = [
        [one.get("file"), one.get("format"), size(one.get("bytes"))]
        + [number(one.get("max_difference")), number(one.get("mean_difference"))]
        + [percent(one.get(key)) for key in ("agreement", "accuracy", "accuracy_drop")]
        + [milliseconds(get_path(one, "latency", "median"), nothing=NOTHING)]
        + [GATES.get(one.get("passed"))]
        for one in made
    ]
    differences = ["largest difference", "mean difference", "agreement with Keras"]
    header = ["file", "format", "size", *differences, "top-1", "drop", "one image", "gate"]
    counts = " and ".join(map(str, sorted({one["images"] for one in made if one.get("images")})))
    how = f"Compared with Keras on {counts} test images; differences are of logits." if counts else ""
    note = report.get("export_note")
    return section(
        "exports",
        "Exported files",
        table(header, rows, how),
        in_terminal(_in_brief(report, made)),
        in_terminal(listed([_kept_out(one) for one in made if not one.get("passed")])),
        text(_int8(report)),
        in_terminal(text(_int8_in_brief(report))),
        also_in_terminal(text(f"Not exported: {note}." if note and not rows else "")),
        listed([line for one in made for line in _remarks(one)]),
    )


def _in_brief(report, made):
    """The files that passed, for the terminal; of a shortened run without figures that would be taken for results."""
    passed = [one for one in made if one.get("passed")]
    if report.get("smoke"):
        return text("made and run:", ", ".join(f"{_name(one)} {size(one.get('bytes'))}" for one in passed))
    rows = [
        [_name(one), size(one.get("bytes"), nothing=DASH), bare_percent(one.get("accuracy"))]
        + [bare_percent(one.get("agreement")), figure(one.get("max_difference"))]
        + [milliseconds(get_path(one, "latency", "median"))]
        for one in passed
    ]
    images = " and ".join(map(str, sorted({one["images"] for one in passed if one.get("images")})))
    note = (
        f"each compared with Keras on {images} test images: as Keras in percent, difference of logits" if images else ""
    )
    return table(["file", "size", "top-1", "as Keras", "largest difference", "latency"], rows, note)


def _name(one):
    return one.get("file") or one.get("format")


def _kept_out(one):
    return f"{_name(one)}: kept out: {'; '.join(entries(one, 'failures'))}"


def _remarks(one):
    name = _name(one)
    if entries(one, "failures"):
        yield f"{name} was kept out: {'; '.join(entries(one, 'failures'))}"
    if entries(one, "flex_ops"):
        yield f"{name} needs operators that LiteRT has not built in: {', '.join(entries(one, 'flex_ops'))}"


def _failed_int8(report):
    """Each int8 file that failed its gate, before a copy of the student was trained for int8."""
    return "; ".join(
        f"{name} top-1 {percent(one.get('accuracy'))}, agreement with Keras {percent(one.get('agreement'))}"
        for name, one in parts(report, "int8_fine_tuning", "before").items()
    )


def _int8(report):
    tuned, failed = parts(report, "int8_fine_tuning"), _failed_int8(report)
    if not failed:
        return ""
    return (
        f"The int8 files failed their gate ({failed}), so a copy of the student was trained for int8: "
        f"{tuned.get('epochs')} epochs, its quantisation simulated, taught by {tuned.get('teacher')}. They are made "
        "of it, their agreement is that with its simulation, their drop that from the student."
    )


def _int8_in_brief(report):
    tuned, failed = parts(report, "int8_fine_tuning"), _failed_int8(report)
    return (
        f"trained for int8: {tuned.get('epochs')} epochs, teacher {tuned.get('teacher')}; before it {failed}"
        if failed
        else ""
    )
