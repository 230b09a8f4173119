"""What a study found: the figures of its runs, cell by cell, and the differences between cells."""

from datetime import date
from pathlib import Path

import numpy as np

import keras_kd
from keras_kd.evaluation.metrics.paired import paired_interval
from keras_kd.recipe.yaml_writer import write_yaml
from keras_kd.report.study_result import StudyResult
from keras_kd.utils.suggest import did_you_mean
from keras_kd.workflows.run.environment import environment, git_commit
from keras_kd.workflows.run.folder import read_report

# What a study says of its data: that of all its runs.
DATA = ("name", "test", "classes")


def value_at(report, path):
    """A figure of a report by its dotted path, or None.

    Example:
        >>> value_at({"student": {"top1": 0.5}}, "student.top1"), value_at({}, "fidelity.kl")
        (0.5, None)
    """
    for key in path.split("."):
        if isinstance(report, list) and key.lstrip("-").isdigit():
            report = report[int(key)] if -len(report) <= int(key) < len(report) else None
        else:
            report = report.get(key) if isinstance(report, dict) else None
    return report if isinstance(report, int | float) and not isinstance(report, bool) else None


def result_of(name, spec, cells, seeds, runs, failed):
    """The `StudyResult`: what the reports say, cell by cell.

    Args:
        name: of the study, or the path of its file.
        spec: its `Study`.
        cells: [(cell, name of its recipe, `Recipe`)].
        seeds: those that were run.
        runs: {(name of a cell's recipe, seed): (`Recipe`, folder)}.
        failed: {folder: why it has no student}.
    """
    reports = {key: read_report(place) for key, (_, place) in runs.items() if place not in failed}
    rows = [_row(cell, called, spec.figures, seeds, runs, failed, reports) for cell, called, _ in cells]
    images = next((one.data.test for one in reports.values() if one), None)
    for row in rows:
        row["against"] = _against(row, rows, spec, images)
    notes = notes_on(spec.figures, [one and one.as_json() for one in reports.values()])
    unique = {place: reports.get(key) for key, (_, place) in runs.items()}
    known = [one for one in unique.values() if one]
    seconds = [one.time.seconds for one in known]
    return StudyResult(
        study=Path(name).stem,
        question=spec.question,
        source=spec.source,
        axes={axis: list(values) for axis, values in spec.axes.items()},
        against=spec.against,
        figures=spec.figures,
        seeds=list(seeds),
        cells=rows,
        notes=notes,
        cost={
            "runs": len(unique),
            "training_seconds": round(sum(one.get("training") or 0 for one in seconds), 1),
            "teacher_seconds": round(sum(one.get("teacher") or 0 for one in seconds), 1),
        },
        data=next(({key: getattr(one.data, key) for key in DATA} for one in known), None),
        train=ends(one.data.train for one in known),
        epochs=ends(one.epochs for one in known),
        environment=environment(),
        git_commit=git_commit(),
        version=keras_kd.__version__,
        date=date.today().isoformat(),
        base=write_yaml(spec.recipes[spec.base]),
    )


def _row(cell, called, figures, seeds, runs, failed, reports):
    """A cell of the table; `called` is the name of its recipe."""
    places = {str(seed): runs[called, seed][1] for seed in seeds}
    plain = {seed: one.as_json() if (one := reports.get((called, seed))) else {} for seed in seeds}
    values = {path: {seed: value_at(plain[seed], path) for seed in seeds} for path in figures}
    return {
        "cell": cell,
        "recipe": f"recipes/{called}.yaml",
        "runs": {seed: place.name for seed, place in places.items()},
        "failed": {seed: failed[place] for seed, place in places.items() if place in failed},
        "figures": {path: _figures(of_seed) for path, of_seed in values.items()},
    }


def notes_on(figures, reports):
    """Of figures that no report has: what was perhaps meant."""
    there = {path for report in reports for path in _paths(report)} if any(reports) else set()
    return [
        f"no report has a number at {path}{did_you_mean(path, there)}"
        for path in figures
        if there and all(value_at(report or {}, path) is None for report in reports)
    ]


def _paths(report, before=""):
    """The dotted paths of the numbers of a report."""
    for key, value in (report or {}).items():
        if isinstance(value, dict):
            yield from _paths(value, f"{before}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{before}{key}"


def ends(numbers):
    """The minimum and the maximum of what the runs say; one where they agree."""
    numbers = set(numbers)
    return sorted({min(numbers), max(numbers)}) if numbers else []


def _figures(of_seed):
    known = [value for value in of_seed.values() if value is not None]
    return {
        "by_seed": {str(seed): value for seed, value in of_seed.items()},
        "mean": float(np.mean(known)) if known else None,
        "std": float(np.std(known, ddof=1)) if len(known) > 1 else None,
        "n": len(known),
    }


def _against(row, rows, spec, images):
    """The differences to the cell that this one is compared with, for every figure; None for that cell itself."""
    wanted = {**row["cell"], **spec.against}
    other = next((one for one in rows if one["cell"] == wanted), None)
    if not spec.against or other is None or other is row:
        return None
    differences = {}
    for path in spec.figures:
        one, two = row["figures"][path]["by_seed"], other["figures"][path]["by_seed"]
        paired = [one[seed] - two[seed] for seed in one if one[seed] is not None and two[seed] is not None]
        counted = images if path.startswith("student.top") else None
        interval = paired_interval(paired, images=counted) if len(paired) > 1 else None
        differences[path] = {
            "difference": float(np.mean(paired)) if paired else None,
            "interval": list(interval[:2]) if interval else None,
            "p": interval[2] if interval else None,
            "n": len(paired),
        }
    return differences
