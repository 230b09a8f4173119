"""A recipe run with each of its seeds, compared with the same student on labels alone, and judged."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.evaluation.measure import properties
from keras_kd.recipe.folders import RunFolder, baseline_folder, seed_folder
from keras_kd.recipe.load import reading_once
from keras_kd.report.report import Calibration, Fidelity
from keras_kd.report.write import write
from keras_kd.utils.errors import GateError
from keras_kd.utils.file_names import file_name
from keras_kd.utils.formatting import percent
from keras_kd.workflows.doctor import examination_of_run
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.baseline import LABELS, SMOOTHING, baseline_of
from keras_kd.workflows.run.distill import trained_independent_teacher, trained_teacher
from keras_kd.workflows.run.folder import hold_run, may_hold, of_training, read_report
from keras_kd.workflows.run.measure import load_student
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.write_page import write_page


@reading_once()
def distill(recipe, folder, *, name, restart=False, smoke=False, quiet=False):
    """Runs a recipe for each of its seeds and, where it asks for a baseline, the same student without its teacher.

    The run of the recipe's own seed is in `folder` and is the one that is exported; those of others lie next to it, as
    `folder-seed1`. Baselines lie in `baselines` next to it, found by what they are, so that recipes of one student and
    one budget share them. What is there already is not run again.

    Args:
        recipe: a `Recipe`.
        folder, name, restart, smoke, quiet: as of `keras_kd.workflows.run.distill.distill`; `restart` leaves baselines
        alone.

    Returns:
        The report of the recipe's own seed; with a baseline or several seeds it has a "verdict".

    Raises:
        UserError, NonFiniteLoss, GateError: as `keras_kd.workflows.run.distill.distill`; the last once all is judged.
    """
    folder, failed = Path(folder), None
    _may_begin(recipe, folder, restart)
    try:
        report = run.distill(recipe, folder, name=name, restart=restart, smoke=smoke, quiet=quiet)
    except GateError as error:
        report, failed = read_report(folder), error
    if recipe.seeds or recipe.baseline is not None:
        report = _judged(recipe, folder, name=name, restart=restart, smoke=smoke, quiet=quiet)
    write_page(folder)
    if failed is not None:
        raise failed
    return report


def _may_begin(recipe, folder, restart):
    """Sees that the runs of all seeds have their places, before the first one begins."""
    for seed in recipe.seeds or (recipe.seed,):
        one = recipe.with_seed(seed)
        if seed != recipe.seed:
            may_hold(RunFolder(seed_folder(folder, seed, recipe.seed)), _without_exports(one), restart)
        for alone, place in _baselines(recipe, one, folder).values():
            may_hold(RunFolder(place), alone, False)


def _without_exports(recipe):
    """The recipe of a run that is there to be measured: the file of one seed is delivered."""
    return recipe.model_copy(update={"export": recipe.export.model_copy(update={"formats": ()})})


def _baselines(recipe, one, folder):
    """{what it learns from: (`Recipe`, folder)} of what the run of a seed is judged against."""
    if recipe.baseline is None:
        return {}
    smoothing = recipe.baseline.label_smoothing
    asked = {LABELS: None} if smoothing is None else {LABELS: None, SMOOTHING: smoothing}
    found = {against: baseline_of(one, label_smoothing) for against, label_smoothing in asked.items()}
    return {
        against: (alone, baseline_folder(folder, _stem(recipe), digest_of(alone), one.seed))
        for against, alone in found.items()
    }


def digest_of(recipe):
    """What a recipe trains, its seed apart, in 8 hexadecimal digits."""
    plain = {key: value for key, value in of_training(recipe).items() if key != "seed"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _judged(recipe, folder, *, name, restart, smoke, quiet):
    seeds = recipe.seeds or (recipe.seed,)
    runs, baselines = {}, {LABELS: {}}
    if recipe.baseline is not None and recipe.baseline.label_smoothing is not None:
        baselines[SMOOTHING] = {}
    for seed in seeds:
        one = recipe.with_seed(seed)
        place = seed_folder(folder, seed, recipe.seed)
        if seed == recipe.seed:
            runs[seed] = place, read_report(place)
        else:
            one = _without_exports(one)
            title = f"{name}, seed {seed}"
            runs[seed] = place, run.distill(one, place, name=title, restart=restart, smoke=smoke, quiet=quiet)
        for against, (alone, place) in _baselines(recipe, one, folder).items():
            title = f"{name} on {against}, seed {seed}"
            # Two recipes that share it may come to it at once.
            baselines[against][seed] = place, run.distill(alone, place, name=title, quiet=quiet, wait=True)
    with hold_run(RunFolder(folder), wait=True):
        report = read_report(folder)
        report.verdict = judge(recipe, folder, runs, baselines)
        if baselines[LABELS] and "baseline" not in (report.properties or {}).get("networks", ("baseline",)):
            report.properties = _properties(recipe, folder, baselines[LABELS], smoke)
        examined = report.doctor or {}
        if recipe.baseline is not None and examined.get("seeds") != list(seeds):
            write(report, folder)  # what the examination reads
            report.doctor = {**examination_of_run(recipe, folder), "seeds": list(seeds)}
        write(report, folder)
    # As it is read again: with the words that JSON has for numbers as keys.
    return read_report(folder)


def _stem(recipe):
    return file_name(Path(recipe.student.model).stem.replace(":", "-"))


def judge(recipe, folder, runs, baselines):
    """What the runs of a recipe say, compared with its baselines.

    Args:
        recipe: a `Recipe`.
        folder: of the run in whose report it stands.
        runs: {seed: (folder, report)} of the distilled student.
        baselines: {what it learned from: {seed: (folder, report)}}.

    Returns:
        dict: "seeds", "runs" (a row a seed), "top1" (mean, std); with a baseline also "against" {what it learned from:
        `keras_kd.evaluation.metrics.verdict` with "runs"} and "classes", see
        `keras_kd.evaluation.metrics.class_changes`; "sentence".
    """
    tops = {seed: report.student.top1 for seed, (_, report) in runs.items()}
    one = next(iter(runs.values()))[1]
    spread = _mean_and_std(list(tops.values()))
    verdict = {"seeds": list(runs), "runs": _rows(runs, folder), "top1": spread, "against": {}}
    for against, of_seed in baselines.items():
        if not of_seed:
            continue
        alone = {seed: report.student.top1 for seed, (_, report) in of_seed.items()}
        compared = metrics.verdict(
            tops,
            alone,
            teacher=one.teacher.top1 if one.teacher else None,
            least_seeds=recipe.baseline.least_seeds,
            against=against,
            images=one.data.test,
        )
        verdict["against"][against] = {**compared, "runs": _rows(of_seed, folder)}
    if baselines.get(LABELS):
        alone = baselines[LABELS]
        verdict["classes"] = metrics.class_changes(
            [runs[seed][1].per_class for seed in runs],
            [alone[seed][1].per_class for seed in runs],
            images=one.per_class_images,
        )
        verdict["sentence"] = verdict["against"][LABELS]["sentence"]
    else:
        around = "" if spread["std"] is None else f" +- {percent(spread['std'], unit='')}"
        verdict["sentence"] = (
            f"{percent(spread['mean'])}{around} over {len(tops)} seeds; whether distilling helped is not "
            "known without a baseline (baseline: true)."
        )
    return verdict


def _rows(runs, folder):
    return [_row(seed, os.path.relpath(place, folder), report) for seed, (place, report) in runs.items()]


def _row(seed, run, report):
    fidelity, calibration = report.fidelity or Fidelity(), report.calibration or Calibration()
    worst = report.who_pays or {}
    return {
        "seed": seed,
        "run": run,
        "top1": report.student.top1,
        "agreement": fidelity.agreement,
        "ece": calibration.ece,
        "nll": calibration.nll,
        "worst_class": (worst.get("worst_class") or {}).get("accuracy"),
        "worst_tenth": worst.get("worst_tenth"),
        "seconds": report.time.seconds.get("training"),
    }


def _mean_and_std(values):
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "n": len(values),
    }


def _properties(recipe, folder, alone, smoke):
    """Attention, invariance, attacks and corruptions, of the baseline student too."""
    dataset = load_data(recipe)
    teacher = trained_teacher(recipe, dataset, folder, smoke=smoke, quiet=True)
    networks = {"student": load_student(recipe, dataset, RunFolder(Path(folder)))}
    if teacher is not None and teacher.model.output_shape[-1] == dataset.classes:
        networks["teacher"] = teacher
    independent = trained_independent_teacher(recipe, dataset, folder, smoke=smoke, quiet=True)
    if independent is not None:
        networks["independent"] = independent
    place, _ = next(iter(alone.values()))
    networks["baseline"] = load_student(recipe, dataset, RunFolder(Path(place)))
    return properties(networks, dataset, recipe.evidence)
