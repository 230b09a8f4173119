"""A study: a grid of recipes run with several seeds, one table and one set of plots made of their reports."""

import glob
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import yaml

import keras_kd
from keras_kd.evaluation.metrics.paired import paired_interval
from keras_kd.recipe.messages import did_you_mean
from keras_kd.report.study_page import as_markdown, page
from keras_kd.utils import child_process
from keras_kd.utils.account import CHANGED, changes
from keras_kd.utils.children import end
from keras_kd.utils.errors import Busy, NonFiniteLoss, UserError
from keras_kd.utils.files import whole
from keras_kd.utils.ownership import held, within
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.dry_run import about_data, rehearse
from keras_kd.workflows.run.environment import environment, git_commit
from keras_kd.workflows.run.folder import RunFolder, no_banks_here, read_report
from keras_kd.workflows.run.folder import of_earlier_version as of_earlier_run
from keras_kd.workflows.seeds import digest_of
from keras_kd.workflows.study.study_file import cells as cells_of
from keras_kd.workflows.study.study_file import load_study, slug, write_recipes

PAUSE = 2.0
# What a study says of its data: that of all its runs.
DATA = ("name", "test", "classes")


def study(
    name, folder, *, settings=(), seeds=None, smoke=False, restart=False, jobs=1, quiet=False, tell=None, joins=False
):
    """Runs a study to its end and writes `study.json`, `study.md`, `study.html`.

    Runs that are there are not run again, equal cells share a run, and all share teachers and banks. Several processes
    may work on one study: the same command, given twice, or `jobs`.

    Args:
        name: of a ready study, or the path of a file.
        folder: of the study; made if missing.
        settings: overrides of every cell's recipe.
        seeds: instead of the study's.
        smoke: shrinks everything, to see that it works.
        restart: throws away what is in the folder.
        jobs: processes that work on it.
        quiet: no progress.
        tell: called with a line about what goes on.
        joins: this is one of those processes: it writes nothing but runs.

    Returns:
        What `study.json` holds; None where it `joins`.

    Raises:
        UserError: what the user can cure.

    Example:
        keras-kd study label_noise --jobs 2
    """
    folder, tell = Path(folder), tell or (lambda line: None)
    spec = load_study(name)
    seeds = tuple(seeds or spec.seeds)[: 1 if smoke else None]
    no_banks_here(folder)
    with _held(folder, spec, wait=True, tell=False, restart=restart) as owned:
        if restart:
            _begin_again(owned, spec, settings, seeds, smoke)
        _recipes_unchanged(folder)
        grid = _same_study(folder, spec, settings, smoke)
        cells = write_recipes(spec, folder, settings, smoke)
        runs = _runs(cells, seeds, folder)
        if not joins:
            _rehearse(runs, smoke)
        with whole(folder / "grid.json") as temporary:
            temporary.write_text(grid, encoding="utf-8")
    others = []
    try:
        if not joins:
            others.extend(_others(jobs - 1, name, folder, settings, seeds, smoke))
        with within(owned):
            failed = _run_all(runs, smoke=smoke, quiet=quiet, tell=tell)
        for one in others:
            one.wait()
    finally:
        end(others)
    if joins:
        return None
    found = _found(name, spec, cells, seeds, runs, failed, folder)
    with _held(folder, spec, wait=True):
        for file, text in (
            ("study.json", json.dumps(found, indent=1) + "\n"),
            ("study.md", as_markdown(found)),
            ("study.html", page(found)),
        ):
            with whole(folder / file) as temporary:
                temporary.write_text(text, encoding="utf-8")
    return found


RESULTS = ("grid.json", "study.json", "study.md", "study.html")


def _held(folder, spec, **options):
    """The folder of a study, held; see `keras_kd.utils.ownership.held`."""
    recipes = [f"recipes/{name}.yaml" for name in (*spec.recipes, *(slug(cell) for cell in cells_of(spec)))]
    return held(folder, "study", names=[*RESULTS, *recipes], earlier=of_earlier_version, **options)


def of_earlier_version(folder):
    """The names of what an earlier version of keras_kd made in the folder of a study; None where it made none."""
    try:
        said = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(said, dict) or set(said) != {"study", "settings", "smoke"}:
        return None
    recipes = [path for path in sorted((folder / "recipes").glob("*.yaml")) if not path.is_symlink()]
    found = [name for name in RESULTS if (folder / name).is_file()]
    found += [f"recipes/{path.name}" for path in recipes]
    for path in recipes:
        for run_folder in sorted(folder.glob(f"{glob.escape(path.stem)}-seed*")):
            found += [f"{run_folder.name}/{name}" for name in of_earlier_run(run_folder) or ()]
    return found


def _begin_again(owned, spec, settings, seeds, smoke):
    """Throws away what a study made, once it is seen that it can be begun again."""
    with tempfile.TemporaryDirectory() as aside:
        cells = write_recipes(spec, aside, settings, smoke)
        _rehearse(_runs(cells, seeds, Path(aside)), smoke)
        for data in {repr(recipe.data): recipe for _, _, recipe in cells}.values():
            run.load_data(data)
    left = owned.empty()
    if left:
        said = f"{owned.folder}: not made by keras-kd for this study, and left as it is: {', '.join(left)}"
        print(said, file=sys.stderr, flush=True)


def _recipes_unchanged(folder):
    """Refuses to write over recipes of cells that somebody has changed."""
    for name, state in changes(folder).items():
        if state == CHANGED and name.startswith("recipes/"):
            raise UserError(
                f"{folder / name}: was changed since the study made it of its file; change that one, and delete this, "
                "or begin again with --restart"
            )


def _same_study(folder, spec, settings, smoke):
    """The text of `grid.json`; refuses a folder that holds another study.

    What it asks of the reports, and its seeds, may change.
    """
    told = {
        "study": spec.model_dump(mode="json", include={"recipes", "base", "axes"}),
        "settings": list(settings),
        "smoke": smoke,
    }
    path = folder / "grid.json"
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != json.loads(json.dumps(told)):
            raise UserError(
                f"{folder}: holds a study of other recipes or settings; give another --out, or --restart to throw it "
                "away"
            )
    return json.dumps(told, indent=1) + "\n"


def _runs(cells, seeds, folder):
    """{(cell's name, seed): (`Recipe`, folder)}; cells that train the same have one folder."""
    places, runs = {}, {}
    for seed in seeds:
        for _, name, recipe in cells:
            one = recipe.with_seed(seed)
            place = places.setdefault((digest_of(one), seed), folder / f"{name}-seed{seed}")
            runs[name, seed] = one, place
    return runs


def _rehearse(runs, smoke):
    """What does not fit in any cell is found before hours go into the others."""
    missing = {name: recipe for (name, _), (recipe, place) in runs.items() if not RunFolder(place).student.exists()}
    errors = []
    for name, recipe in missing.items():
        try:
            rehearse(recipe, about_data(recipe), smoke)
        except UserError as error:
            errors.append(f"cell {name}: {error}")
    if errors:
        raise UserError("\n".join(errors))


def _run_all(runs, *, smoke, quiet, tell):
    """Trains what is not there; {folder: why it has no student}."""
    waiting, failed = {place: (name, seed, recipe) for (name, seed), (recipe, place) in runs.items()}, {}
    count, begun = len(waiting), time.monotonic()
    while waiting:
        moved = False
        for place, (name, seed, recipe) in list(waiting.items()):
            try:
                run.distill(recipe, place, name=f"{name}, seed {seed}", smoke=smoke, quiet=True, wait_for_teacher=False)
            except Busy:
                # It, or its teacher, is trained by another process: there is other work meanwhile.
                continue
            except NonFiniteLoss as error:
                failed[place] = str(error)
            del waiting[place]
            moved = True
            minutes = (time.monotonic() - begun) / 60
            if not quiet:
                tell(f"{count - len(waiting)} of {count} runs  {name}, seed {seed}  {minutes:.1f} min")
        if not moved:
            time.sleep(PAUSE)
    return failed


def _others(count, name, folder, settings, seeds, smoke):
    """Processes that work on the same study."""
    command = child_process.command("keras_kd.cli", "study", name, "--out", folder)
    command += [word for setting in settings for word in ("--set", setting)]
    command += [word for seed in seeds for word in ("--seed", str(seed))] + ["--joins", "--quiet"] + ["--smoke"] * smoke
    for _ in range(count):
        yield subprocess.Popen(command, stdout=subprocess.DEVNULL, env=child_process.environment())


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


def _found(name, spec, cells, seeds, runs, failed, folder):
    """What the reports say, cell by cell."""
    reports = {key: read_report(place) for key, (_, place) in runs.items() if place not in failed}
    rows = []
    for cell, called, _ in cells:
        values = {
            path: {seed: value_at(reports.get((called, seed)) or {}, path) for seed in seeds} for path in spec.figures
        }
        rows.append(
            {
                "cell": cell,
                "recipe": f"recipes/{called}.yaml",
                "runs": {str(seed): runs[called, seed][1].name for seed in seeds},
                "failed": {
                    str(seed): failed[runs[called, seed][1]] for seed in seeds if runs[called, seed][1] in failed
                },
                "figures": {path: _figures(of_seed) for path, of_seed in values.items()},
            }
        )
    images = next((one["data"]["test"] for one in reports.values() if one), None)
    for row in rows:
        row["against"] = _against(row, rows, spec, images)
    notes = notes_on(spec.figures, list(reports.values()))
    unique = {place: reports.get(key) for key, (_, place) in runs.items()}
    known = [one for one in unique.values() if one]
    seconds = [one["time"]["seconds"] for one in known]
    return {
        "study": Path(name).stem,
        "question": spec.question,
        "source": spec.source,
        "axes": {axis: list(values) for axis, values in spec.axes.items()},
        "against": spec.against,
        "figures": spec.figures,
        "seeds": list(seeds),
        "cells": rows,
        "notes": notes,
        "cost": {
            "runs": len(unique),
            "training_seconds": round(sum(one.get("training") or 0 for one in seconds), 1),
            "teacher_seconds": round(sum(one.get("teacher") or 0 for one in seconds), 1),
        },
        "data": next(({key: one["data"].get(key) for key in DATA} for one in known), None),
        "train": ends(one["data"]["train"] for one in known),
        "epochs": ends(one["epochs"] for one in known),
        "environment": environment(),
        "git_commit": git_commit(),
        "version": keras_kd.__version__,
        "date": date.today().isoformat(),
        "base": yaml.safe_dump(spec.recipes[spec.base], sort_keys=False, default_flow_style=None, width=100),
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
    """The least and the largest of what the runs say; one where they agree."""
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
    found = {}
    for path in spec.figures:
        one, two = row["figures"][path]["by_seed"], other["figures"][path]["by_seed"]
        paired = [one[seed] - two[seed] for seed in one if one[seed] is not None and two[seed] is not None]
        counted = images if path.startswith("student.top") else None
        interval = paired_interval(paired, images=counted) if len(paired) > 1 else None
        found[path] = {
            "difference": float(np.mean(paired)) if paired else None,
            "interval": list(interval[:2]) if interval else None,
            "p": interval[2] if interval else None,
            "n": len(paired),
        }
    return found
