"""What was handed over, what the doctor found, and what somebody needs to run it again."""

from keras_kd.report.fields import entries, parts
from keras_kd.report.html.blocks import facts, listed, section, table, text, verbatim
from keras_kd.utils.formatting import number, percent, size

WORST_FIRST = {"bad": 0, "warning": 1, "unknown": 2, "good": 3}
GATES = {True: "passed", False: "failed"}
# Shown in sections of their own.
PLANTED = ("label_noise", "imbalance")


def exports(report):
    """The exported files and their gates."""
    made = entries(report, "exports")
    rows = [
        [one.get("file"), one.get("format"), size(one.get("bytes")), percent(one.get("accuracy"))]
        + [percent(one.get("accuracy_drop")), percent(one.get("agreement")), number(one.get("max_difference"))]
        + [GATES.get(one.get("passed"))]
        for one in made
    ]
    header = ["file", "format", "size", "accuracy", "drop", "agreement with Keras", "largest difference", "gate"]
    images = sorted({one["images"] for one in made if one.get("images")})
    counts = " and ".join(map(str, images))
    said = f"Compared with Keras on {counts} test images; differences are of logits." if counts else ""
    note = report.get("export_note")
    return section(
        "exports",
        "Exported files",
        table(header, rows, said),
        text(f"Not exported: {note}." if note and not rows else ""),
        text(_int8(report)),
        listed([line for one in made for line in _remarks(one)]),
    )


def _remarks(one):
    name = one.get("file") or one.get("format")
    if entries(one, "failures"):
        yield f"{name} was kept out: {'; '.join(entries(one, 'failures'))}"
    if entries(one, "flex_ops"):
        yield f"{name} needs operators that LiteRT has not built in: {', '.join(entries(one, 'flex_ops'))}"


def _int8(report):
    tuned = parts(report, "int8_fine_tuning")
    were = parts(tuned, "before").items()
    before = "; ".join(f"{name} accuracy {percent(one.get('accuracy'))}" for name, one in were)
    if not before:
        return ""
    return (
        f"The int8 files failed their gate ({before}), so a copy of the student was trained for int8: "
        f"{tuned.get('epochs')} epochs, taught by {tuned.get('teacher')}. They are made of it."
    )


def doctor(report):
    """What the doctor found, the worst first."""
    found = report.get("doctor")
    findings = entries(found, "findings") if isinstance(found, dict) else entries(report, "doctor")
    findings.sort(key=lambda one: WORST_FIRST.get(one.get("outcome"), len(WORST_FIRST)))
    rows = [[one.get(key) or "" for key in ("outcome", "check", "found", "why", "cure")] for one in findings]
    block = table(["", "check", "found", "why it matters", "cure"], rows)
    steps = entries(found, "next") if isinstance(found, dict) else []
    return section(
        "doctor",
        "What the doctor found",
        block and {**block, "wraps": True},
        text("What to try next, in the order in which it pays:" if steps else ""),
        listed(steps),
    )


def data(report):
    """The images."""
    known = {name: one for name, one in parts(report, "data").items() if name not in PLANTED}
    return section("data", "Data", facts(known))


def environment(report):
    """Device, versions, commit."""
    known = {**parts(report, "environment"), "commit": report.get("git_commit")}
    return section("environment", "Environment", facts(known))


def recipe(report, recipe_text):
    """The recipe, as text."""
    said = "Save it as a file, and `keras-kd distill` of that file runs it again."
    return section("recipe", "Recipe", text(said, soft=True) if recipe_text else None, verbatim(recipe_text))


def notes(report):
    """What else has to be known."""
    return section("notes", "Notes", listed(entries(report, "notes")))
