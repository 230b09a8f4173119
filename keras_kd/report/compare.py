"""Finished runs side by side."""

import hashlib
import re
from pathlib import Path

from keras_kd.report.compared_runs import latency_of, runs_in
from keras_kd.report.fields import entries, get_path, parts
from keras_kd.report.plots import COLOURS, axes, in_decades, render, svg
from keras_kd.utils.errors import UserError
from keras_kd.utils.formatting import DASH, bare_percent, milliseconds, size, spread, words
from keras_kd.utils.screen import print_note
from keras_kd.utils.table import apart, cut, folded, in_blocks

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
        folders: of finished runs, searches (their winner) and studies (a row a cell). What else there is, such as banks
            and shortened runs, is passed over with a line on standard error.

    Returns:
        [{"run", "student", "data", "epochs", "seed", "top1", "seeds" ({"mean", "std", "n"} of top-1 over several, or
        {}), "agreement", "ece", "parameters", "macs", "bytes" (of the smallest file that was delivered, else of
        `student.keras`), "file", whose accuracy "top1" is, "milliseconds" (median of one image through that file),
        "measured_by" (what ran it, and where), "verdict", "beaten_by"}]; "beaten_by" lists the runs that are as good
        in all of accuracy, bytes, latency and calibration that both have, and better in one.

    Raises:
        UserError: a folder is not there or is named twice, or none of them is a finished run.
    """
    runs, passed = runs_in(folders)
    for why in passed:
        print_note(f"passed over: {why}")
    rows = [_row(one) for one in runs]
    for row in rows:
        row["beaten_by"] = [other["run"] for other in rows if other is not row and beats(other, row)]
    return rows


def _row(run):
    found, cost = run.report, parts(run.report, "cost")
    # Where the student on labels alone was delivered, its files have its figures.
    other = parts(found, "delivered", "figures")
    files = [
        one
        for one in entries(found, "exports")
        if get_path(one, "passed") and get_path(one, "bytes") and get_path(one, "file")
    ]
    smallest = min(files, key=lambda one: one["bytes"], default=None)
    of_file = get_path(smallest or {}, "accuracy")
    file = smallest["file"] if smallest else (get_path(found, "delivered", "file") or "student.keras")
    median, where = latency_of(run, file)
    return {
        "run": run.name,
        "student": get_path(found, "student", "name"),
        "data": get_path(found, "data", "name"),
        "test_fingerprint": get_path(found, "data", "test_fingerprint"),
        "train_fingerprint": get_path(found, "data", "fingerprint"),
        "epochs": found.get("epochs"),
        "seed": found.get("seed"),
        # Of the file that is shown: its size and its latency are that file's too.
        "top1": get_path(other or found, "student", "top1") if of_file is None else of_file,
        "seeds": run.seeds,
        "agreement": None if other else get_path(found, "fidelity", "agreement"),
        "ece": get_path(other or found, "calibration", "ece"),
        "parameters": cost.get("parameters"),
        "macs": cost.get("macs"),
        "bytes": smallest["bytes"] if smallest else cost.get("file_bytes"),
        "file": file,
        "milliseconds": median,
        "measured_by": where,
        "verdict": get_path(found, "verdict", "sentence"),
    }


def beats(one, other):
    """Whether a run is nowhere worse than another, of all that both have, and somewhere better."""
    better = False
    for name, (_, more) in OBJECTIVES.items():
        mine, its = one[name], other[name]
        # What only one of them has, or what was measured by other means, tells nothing.
        if mine is None or its is None or (name == "milliseconds" and one["measured_by"] != other["measured_by"]):
            continue
        if (mine < its) if more else (mine > its):
            return False
        better = better or mine != its
    return better


COLUMNS = ("run", "top-1", "over seeds", "size", "latency", "agreement", "ECE", "parameters", "student", "file", "")


def cells_of(rows):
    """The rows as texts, in the order of `COLUMNS`; the last says whether another run beats it."""
    names = apart([row["run"] for row in rows])
    return [
        (
            name,
            bare_percent(row["top1"]),
            f"{spread(row['seeds']['mean'], row['seeds'].get('std'))} ({row['seeds']['n']})" if row["seeds"] else DASH,
            size(row["bytes"], nothing=DASH),
            milliseconds(row["milliseconds"]),
            bare_percent(row["agreement"]),
            DASH if row["ece"] is None else f"{row['ece']:.4f}",
            DASH if row["parameters"] is None else f"{row['parameters']:,}",
            str(row["student"]),
            row["file"],
            "" if row["beaten_by"] else "no other beats it",
        )
        for name, row in zip(names, rows, strict=True)
    ]


def format_text(rows, width=None):
    """The rows as lines of aligned text.

    Args:
        rows: of `rows_of`.
        width: letters in a line; None for any.
    """
    lines = in_blocks([COLUMNS, *cells_of(rows)], width, right=range(1, 8))
    lines += [line for note in notes(rows) for line in folded(f"note: {note}", width).splitlines()]
    named = zip(apart([row["run"] for row in rows]), rows, strict=True)
    said = [f"{name}: {row['verdict']}" for name, row in named if row["verdict"]]
    return [*lines, *(line for one in said for line in folded(one, width).splitlines())]


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
    if len(rows) > 1 and not all(row["seeds"] for row in rows):
        said.append("top-1 is of one run; where none stands over seeds, how far another seed is from it is not known")
    if len({row["measured_by"] for row in rows if row["milliseconds"] is not None}) > 1:
        said.append("latencies by different runtimes, threads or machines count in no comparison")
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
    best = [not row["beaten_by"] for row in rows]
    given = {"header": COLUMNS[:-1], "rows": list(zip(cells_of(rows), best, strict=True)), "beaten": _beaten(rows)}
    text = render("compare.html", "comparison", notes=notes(rows), plots=lambda: _plots(rows), **given)
    mark = _PLAIN.replace('keras_kd"', f'keras_kd comparison {_digest(text)}"')
    return text.replace(_PLAIN, mark, 1)


def _beaten(rows):
    """The names of the runs that beat each, joined."""
    names = dict(zip([row["run"] for row in rows], apart([row["run"] for row in rows]), strict=True))
    return [", ".join(names[one] for one in row["beaten_by"]) for row in rows]


def _plots(rows):
    plots = []
    for name, (label, _) in OBJECTIVES.items():
        known = [row for row in rows if name != "top1" and row[name] is not None and row["top1"] is not None]
        if len(known) < 2:
            continue
        drawn, plot = axes(5.6, 3.4)
        for row in known:
            good = not row["beaten_by"]
            look = {"s": 50 if good else 24, "color": COLOURS[0 if good else 7], "marker": "o" if good else "x"}
            plot.scatter([row[name]], [100 * row["top1"]], **look)
        if name != "ece" and max(row[name] for row in known) > 5 * min(row[name] for row in known) > 0:
            in_decades(plot.xaxis)
        names = apart([row["run"] for row in rows])
        _name_points(plot, [(row[name], 100 * row["top1"], names[rows.index(row)]) for row in known])
        plot.set_xlabel(label)
        plot.set_ylabel("top-1")
        plots.append((f"top-1 against {label}", svg(drawn)))
    return plots


def _name_points(plot, points):
    """Names next to the plot, one under the other however near to each other their points are."""
    low, high = plot.get_ylim()
    apart_by = min(0.075, 1 / len(points))
    heights, free = [], 1.0
    points = sorted(points, key=lambda point: (-point[1], -point[0]))
    for _, y, _ in points:
        heights.append(min((y - low) / (high - low), free))
        free = heights[-1] - apart_by
    # Those that were pushed below the plot push the others up again.
    least = 0.0
    for number in reversed(range(len(heights))):
        heights[number] = max(heights[number], least)
        least = heights[number] + apart_by
    for (x, y, name), height in zip(points, heights, strict=True):
        plot.annotate(
            words(cut(name, 26), 26),
            (x, y),
            xytext=(1.03, height),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": COLOURS[7], "shrinkB": 4},
            fontsize=7,
            va="center",
        )
