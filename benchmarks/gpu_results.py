"""What the queue has found so far, as a table and as benchmarks/results/gpu_*.json."""

import json
import re
import statistics
from datetime import date

from gpu_queue import GROUPS
from measuring import RESULTS

NOT_MEASURED = "not measured"
FILES = {"a": "first_row", "b": "methods", "c": "pairs", "d": "speed", "e": "studies", "f": "other_pairs"}
AIM = re.compile(r"^# Aim: (?:about )?(\d+(?:\.\d+)?)(?: \+- \d+\.\d+)? % top-1", re.MULTILINE)


def published(line):
    """The published top-1 in per cent that a line's recipe aims at, or None."""
    found = AIM.search(line.path.read_text(encoding="utf-8")) if line.path and line.stem == line.path.stem else None
    return float(found[1]) if found else None


def row_of(place, lines):
    """What is known of the runs of one name.

    Args:
        place: the `Place`.
        lines: those of that name: the recipe's own, and others with more seeds of it.

    Returns:
        dict; figures that only an accelerator gives are `NOT_MEASURED` where there is none, or not yet.
    """
    line, seeds = lines[0], [seed for one in lines for seed in one.seeds]
    reports = {seed: report for seed in seeds if (report := place.report(line, seed))}
    figures = {
        "top1": _spread([100 * report["student"]["top1"] for report in reports.values()]),
        "agreement": _spread([100 * one["fidelity"]["agreement"] for one in reports.values() if one.get("fidelity")]),
        "minutes_a_run": _spread([one["time"]["seconds"]["training"] / 60 for one in reports.values()]),
        "images_a_second": _images_a_second(place, line, reports),
    }
    aim = published(line)
    row = {"line": line.name, "recipe": line.stem, "seeds": seeds, "done": list(reports), "published": aim}
    measured = bool(reports) and not place.shrunk
    row |= figures if measured else dict.fromkeys(figures, NOT_MEASURED)
    row["over_published"] = round(figures["top1"]["mean"] - aim, 2) if measured and aim else NOT_MEASURED
    if reports and place.shrunk:
        row["shrunk_run"] = {"top1": figures["top1"], "epochs": len(place.history(line, next(iter(reports))))}
    return row


def _images_a_second(place, line, reports):
    """In the median epoch of the first run, what a process had to itself or beside others."""
    if not reports:
        return None
    seed, report = next(iter(reports.items()))
    rows = place.history(line, seed)[1:]
    seconds = [float(row["seconds"]) - float(row.get("teacher_seconds") or 0) for row in rows]
    return round(report["data"]["train"] / statistics.median(seconds)) if seconds else None


def _spread(values):
    """{"mean", "std", "n"} of some numbers, or None of none."""
    if not values:
        return None
    std = round(statistics.stdev(values), 3) if len(values) > 1 else None
    return {"mean": round(statistics.fmean(values), 3), "std": std, "n": len(values)}


def results_of(place, lines, environment):
    """{group: what its file holds}.

    Args:
        place: the `Place`.
        lines: those of the queue.
        environment: {"device": ..., "git_commit": ..., ...} of the machine.
    """
    found = {}
    for group, title in GROUPS.items():
        of_group = [line for line in lines if line.group == group]
        stems = {}
        for line in (one for one in of_group if one.kind == "train"):
            stems.setdefault(line.stem, []).append(line)
        rows = [row_of(place, same) for same in stems.values()]
        rows += [_other(place, line) for line in of_group if line.kind != "train"]
        if rows:
            found[group] = {
                "benchmark": f"gpu_{FILES[group]}",
                "date": date.today().isoformat(),
                "what": title,
                "shrunk": place.shrunk,
                "device": environment["device"] if not place.shrunk else NOT_MEASURED,
                "choice": (not place.shrunk and place.choice) or NOT_MEASURED,
                "lines": rows,
                "environment": environment,
            }
    return found


def _other(place, line):
    """What is known of a line that trains no recipe."""
    file = place.studies / line.name / "study.json" if line.kind == "study" else place.measured / f"{line.name}.json"
    there = place.is_done(line) and file.exists()
    said = json.loads(file.read_text(encoding="utf-8")) if there else NOT_MEASURED
    row = {"line": line.name, "kind": line.kind, "done": place.is_done(line)}
    if line.kind == "bank":
        return row
    return row | ({"shrunk_run": said, "found": NOT_MEASURED} if place.shrunk and there else {"found": said})


def write(found, shrunk):
    """Writes what was found under benchmarks/results/ (groups with nothing in them left out); returns the names."""
    if shrunk:
        whole = {"benchmark": "gpu_shrunk", "shrunk": True, "groups": found}
        return [_write("gpu_shrunk_jax.json", whole)]
    begun = {group: one for group, one in found.items() if any(row["done"] for row in one["lines"])}
    return [_write(f"{one['benchmark']}_jax.json", one) for one in begun.values()]


def _write(name, found):
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return f"benchmarks/results/{name}"


def table_of(found, shrunk):
    """The results as lines of text."""
    rows = []
    for group, one in found.items():
        rows.append(f"({group}) {one['what']}")
        head = f"  {'':<36} {'runs':>6} {'top-1':>16} {'published':>9} {'images/s':>12} {'minutes':>12}"
        trained = [row for row in one["lines"] if "seeds" in row]
        rows += [head] if trained else []
        for row in trained:
            runs = f"{len(row['done'])}/{len(row['seeds'])}"
            aim = "" if row["published"] is None else f"{row['published']:.2f}"
            top1, minutes = _text(row["top1"]), _text(row["minutes_a_run"])
            rows.append(
                f"  {row['line']:<36} {runs:>6} {top1:>16} {aim:>9} {row['images_a_second']!s:>12} {minutes:>12}"
            )
        for row in (one for one in one["lines"] if "kind" in one):
            said = "done" if row["done"] else NOT_MEASURED
            rows.append(f"  {row['line']:<36} {said}{', shrunk: ' + NOT_MEASURED if shrunk and row['done'] else ''}")
            told = row.get("found")
            rows += [f"      {line}" for line in told["table"]] if isinstance(told, dict) and "table" in told else []
    if shrunk:
        rows.append(f"shrunk: what only an accelerator gives is marked as {NOT_MEASURED}")
    return rows


def _text(spread):
    if not isinstance(spread, dict):
        return NOT_MEASURED if spread is None else spread
    return f"{spread['mean']:.2f}" + (f" +- {spread['std']:.2f}" if spread["std"] is not None else "")
