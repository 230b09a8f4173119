"""Finished runs side by side."""

import hashlib
import json
import re
from pathlib import Path

from keras_kd.report.fields import entries, get_path, parts
from keras_kd.report.plots import COLOURS, axes, render, svg
from keras_kd.report.soundness import refuse_changed, refuse_no_folder
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import bare_percent, columns
from keras_kd.utils.paths import user_path

# What is compared: {name: (label, whether more is better)}.
OBJECTIVES = {
    "top1": ("top-1", True),
    "bytes": ("bytes of the smallest file", False),
    "milliseconds": ("latency of one image, ms", False),
    "ece": ("ECE", False),
}


def rows_of(folders):
    """What the reports of runs say, a row a run.

    Args:
        folders: of finished runs.

    Returns:
        [{"run", "student", "data", "epochs", "seed", "top1", "agreement", "ece", "parameters", "macs", "bytes" (of the
        smallest file that was delivered, else of `student.keras`), "file", whose accuracy "top1" is, "milliseconds"
        (median of that file, where `bench.json` has it), "verdict", "beaten_by"}]; "beaten_by" lists the runs that are
        as good in all of accuracy, bytes, latency and calibration that both have, and better in one.

    Raises:
        UserError: a folder is no finished run, or is named twice.
    """
    folders = [Path(user_path(one, "compare")) for one in folders]
    if len({one.resolve() for one in folders}) < len(folders):
        raise UserError("compare: a run is named twice; name each once")
    rows = [_row(one) for one in folders]
    for row in rows:
        row["beaten_by"] = [other["run"] for other in rows if other is not row and _beats(other, row)]
    return rows


def _row(folder):
    refuse_no_folder(folder)
    refuse_changed(folder)
    try:
        found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    student, cost = parts(found, "student"), parts(found, "cost")
    # Where the student on labels alone was delivered, its files have its figures.
    other = parts(found, "delivered", "figures")
    if not student or not cost:
        raise UserError(
            f"{folder}: no finished run (no report.json that can be read); `keras-kd distill RECIPE` makes one"
        )
    files = [
        one
        for one in entries(found, "exports")
        if get_path(one, "passed") and get_path(one, "bytes") and get_path(one, "file")
    ]
    smallest = min(files, key=lambda one: one["bytes"], default=None)
    of_file = get_path(smallest or {}, "accuracy")
    return {
        "run": str(folder),
        "student": student.get("name"),
        "data": get_path(found, "data", "name"),
        "test_fingerprint": get_path(found, "data", "test_fingerprint"),
        "train_fingerprint": get_path(found, "data", "fingerprint"),
        "epochs": found.get("epochs"),
        "seed": found.get("seed"),
        # Of the file that is shown: its size and its latency are that file's too.
        "top1": get_path(other or found, "student", "top1") if of_file is None else of_file,
        "agreement": None if other else get_path(found, "fidelity", "agreement"),
        "ece": get_path(other or found, "calibration", "ece"),
        "parameters": cost.get("parameters"),
        "macs": cost.get("macs"),
        "bytes": smallest["bytes"] if smallest else cost.get("file_bytes"),
        "file": smallest["file"] if smallest else (get_path(found, "delivered", "file") or "student.keras"),
        "milliseconds": _latency(folder, smallest),
        "verdict": get_path(found, "verdict", "sentence"),
    }


def _latency(folder, smallest):
    """The median milliseconds of one image through a file, where `bench.json` has it."""
    try:
        rows = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = smallest["file"] if smallest else "student.keras"
    for row in entries({"rows": rows}, "rows"):
        if Path(get_path(row, "file") or "").name == Path(name).name:
            return get_path(row, "latency_ms", "median")
    return None


def _beats(one, other):
    """Whether a run is nowhere worse than another, of all that both have, and somewhere better."""
    better = False
    for name, (_, more) in OBJECTIVES.items():
        mine, its = one[name], other[name]
        if mine is None and its is None:
            continue
        if mine is None or its is None:
            return False
        if (mine < its) if more else (mine > its):
            return False
        better = better or mine != its
    return better


def format_text(rows):
    """The rows as lines of aligned text."""
    header = ("run", "student", "top-1", "agreement", "ECE", "parameters", "file", "kB", "ms", "")
    table = [header]
    for row in rows:
        table.append(
            (
                row["run"],
                str(row["student"]),
                bare_percent(row["top1"]),
                bare_percent(row["agreement"]),
                "-" if row["ece"] is None else f"{row['ece']:.4f}",
                "-" if row["parameters"] is None else f"{row['parameters']:,}",
                row["file"],
                "-" if row["bytes"] is None else f"{row['bytes'] / 1000:.1f}",
                "-" if row["milliseconds"] is None else f"{row['milliseconds']:.3f}",
                "" if row["beaten_by"] else "no other beats it",
            )
        )
    lines = columns(table)
    lines += [f"note: {note}" for note in notes(rows)]
    lines += [f"{row['run']}: {row['verdict']}" for row in rows if row["verdict"]]
    return lines


def notes(rows):
    """What must be known before rows are compared."""
    said = []
    of_test, of_train = ({row[key] for row in rows} for key in ("test_fingerprint", "train_fingerprint"))
    if len(of_test - {None}) > 1:
        said.append("these runs are not of the same test images; their accuracies cannot be compared")
    elif None in of_test and len(rows) > 1:
        said.append("not every report says which test images it is of; compare accuracies of the same ones alone")
    elif len(of_train) > 1:
        said.append("these runs learned from different images, or set other ones aside; the test images are the same")
    if any(row["file"] != "student.keras" for row in rows):
        said.append("top-1, size and latency are of the file; agreement and ECE of the Keras model that it was made of")
    return said


# A comparison says so, with a digest of itself: one that somebody has edited is theirs.
_PLAIN = '<meta name="generator" content="keras_kd">'
_MARK = re.compile(r'<meta name="generator" content="keras_kd comparison ([0-9a-f]{64})">')


def _digest(text):
    return hashlib.sha256(_MARK.sub(_PLAIN, text, count=1).encode()).hexdigest()


def refuse_foreign_page(path):
    """Refuses to write a page over a file that is no comparison of ours, or one that somebody has edited.

    Raises:
        UserError: names it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        text = ""
    found = _MARK.search(text)
    if found is None or found[1] != _digest(text):
        raise UserError(
            f"--out: {path} is there already and is no comparison as keras-kd made it; give another name, or move it "
            "away"
        )


def page(rows):
    """The comparison as a page, self-contained HTML, with accuracy plotted against every cost."""
    text = render("compare.html", "comparison", rows=rows, notes=notes(rows), plots=lambda: _plots(rows))
    mark = _PLAIN.replace('keras_kd"', f'keras_kd comparison {_digest(text)}"')
    return text.replace(_PLAIN, mark, 1)


def _plots(rows):
    plots = []
    for name, (label, _) in OBJECTIVES.items():
        known = [row for row in rows if name != "top1" and row[name] is not None and row["top1"] is not None]
        if len(known) < 2:
            continue
        drawn, plot = axes(5.2, 3.4)
        for row in known:
            good = not row["beaten_by"]
            plot.scatter(
                [row[name]],
                [100 * row["top1"]],
                s=50 if good else 24,
                color=COLOURS[0] if good else COLOURS[7],
                marker="o" if good else "x",
            )
            plot.annotate(
                Path(row["run"]).name,
                (row[name], 100 * row["top1"]),
                xytext=(5, 4),
                textcoords="offset points",
                fontsize=7,
            )
        if name == "bytes" and max(row[name] for row in known) > 5 * min(row[name] for row in known):
            plot.set_xscale("log")
        plot.set_xlabel(label)
        plot.set_ylabel("top-1")
        plots.append((f"top-1 against {label}", svg(drawn)))
    return plots
