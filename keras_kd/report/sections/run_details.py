"""What the doctor found, and what somebody needs to run it again."""

from keras_kd.report.blocks import facts, listed, section, table, text, verbatim
from keras_kd.report.fields import entries, parts

WORST_FIRST = {"bad": 0, "warning": 1, "unknown": 2, "good": 3}
# Shown in sections of their own.
PLANTED = ("label_noise", "imbalance")


def doctor(report):
    """What the doctor found, the worst first."""
    found = report.get("doctor")
    findings = entries(found, "findings") if isinstance(found, dict) else entries(report, "doctor")
    findings.sort(key=lambda one: WORST_FIRST.get(one.get("outcome"), len(WORST_FIRST)))
    rows = [[one.get(key) or "" for key in ("outcome", "check", "found", "why", "fix")] for one in findings]
    steps = entries(found, "next") if isinstance(found, dict) else []
    return section(
        "doctor",
        "What the doctor found",
        table(["", "check", "found", "why it matters", "fix"], rows, wraps=True),
        text("What to try next, in the order in which it pays:" if steps else ""),
        listed(steps, numbered=True),
    )


def data(report):
    """The images."""
    known = {name.replace("_", " "): one for name, one in parts(report, "data").items() if name not in PLANTED}
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
