"""A recipe run with each of its seeds, compared with the same student on labels alone, and judged."""

import os
from pathlib import Path

import numpy as np

from keras_kd.evaluation import metrics
from keras_kd.evaluation.measure import properties
from keras_kd.recipe.folders import RunFolder, seed_folder
from keras_kd.recipe.load import reading_once
from keras_kd.report.first_sentence import NO_DOUBT
from keras_kd.report.report import Calibration, Fidelity
from keras_kd.report.write import write
from keras_kd.utils.errors import GateError
from keras_kd.utils.formatting import percent, plural
from keras_kd.utils.now import tell_all
from keras_kd.utils.screen import print_note
from keras_kd.utils.stages import stage, timed
from keras_kd.utils.steps import step, telling
from keras_kd.workflows.doctor import examination_of_run
from keras_kd.workflows.doctor.start import StartChecks
from keras_kd.workflows.run import distill as run
from keras_kd.workflows.run.baseline import LABELS, SMOOTHING, baselines_of
from keras_kd.workflows.run.deliver import write_card
from keras_kd.workflows.run.distill import trained_independent_teacher, trained_teacher
from keras_kd.workflows.run.dry_run import about_data
from keras_kd.workflows.run.folder import hold_run, may_hold, read_report
from keras_kd.workflows.run.measure import load_student
from keras_kd.workflows.run.open_run import load_data
from keras_kd.workflows.run.paired_runs import paired_on_images
from keras_kd.workflows.run.prune_student import as_found
from keras_kd.workflows.run.spent import keep_spent_around
from keras_kd.workflows.run.write_page import with_page, write_page


@reading_once()
def distill(recipe, folder, *, name, restart=False, smoke=False, quiet=False, despite=(), command=None):
    """Runs a recipe for each of its seeds and, where it asks for a baseline, the same student without its teacher.

    The run of the recipe's own seed is in `folder` and is the one that is exported; those of others lie next to it, as
    `folder-seed1`. Baselines lie in `baselines` next to it, found by what they are, so that recipes of one student and
    one budget share them. What is there already is not run again.

    Args:
        recipe: a `Recipe`.
        folder, name, restart, smoke, quiet: as of `keras_kd.workflows.run.distill.distill`; `restart` leaves baselines
        alone.
        command: by which it is asked for, for the report.
        despite: names of checks of the doctor that do not stop the run; `keras_kd.workflows.doctor.start.AT_THE_START`.

    Returns:
        The report of the recipe's own seed; with a baseline or several seeds it has a "verdict".

    Raises:
        UserError, NonFiniteLoss, GateError: as `keras_kd.workflows.run.distill.distill`; the last once all is judged.
    """
    tell_all(command=command, run=None, runs=None)
    with timed() as spent, telling(name, quiet):
        folder, check = Path(folder), StartChecks(despite, smoke)
        _may_begin(recipe, folder, restart)
        keep_spent_around(spent, folder, restart)
        report, failed = _run(recipe, folder, check, name=name, restart=restart, smoke=smoke, quiet=quiet)
        if spent.worked:
            step("writing the page")
            report = with_page(folder, spent, command)
        else:
            write_page(folder)
            if not quiet:
                print_note(f"{name}: was finished before; nothing was run now (--restart begins again)")
        if failed is not None:
            raise failed
    return report


def _run(recipe, folder, check, *, name, restart, smoke, quiet):
    """(the report, the `GateError` of its exports or None) once all runs of a recipe are made and compared."""
    failed, told = None, _Told(len(recipe.seeds or (recipe.seed,)) * (1 + len(baselines_of(recipe, recipe, folder))))
    told(folder, name)
    if recipe.export.deliver == "best" and recipe.export.formats:
        if restart or not RunFolder(folder).student.exists():
            first = _without_exports(recipe)
            run.distill(first, folder, name=name, restart=restart, smoke=smoke, quiet=quiet, check=check)
            restart = False
        # Before the last stage of the run itself, which exports the better one.
        alone, place = baselines_of(recipe, recipe, folder)[LABELS]
        title = _title(name, LABELS, recipe.seed)
        told(place, title)
        with stage("baselines"):
            run.distill(alone, place, name=title, quiet=quiet, wait_for=run.BOTH)
    try:
        report = run.distill(recipe, folder, name=name, restart=restart, smoke=smoke, quiet=quiet, check=check)
    except GateError as error:
        report, failed = read_report(folder), error
    if recipe.seeds or recipe.baseline is not None:
        report = _judged(recipe, folder, told, name=name, restart=restart, smoke=smoke, quiet=quiet)
    return report, failed


class _Told:
    """Says which run of how many begins."""

    def __init__(self, count):
        self.count, self.begun = count, []

    def __call__(self, folder, title):
        if folder not in self.begun and self.count > 1:
            self.begun.append(folder)
            step(f"run {len(self.begun)} of {self.count}: {title}")
            tell_all(run=len(self.begun), runs=self.count)


def _may_begin(recipe, folder, restart):
    """Sees that the runs of all seeds have their places, before the first one begins."""
    for seed in recipe.seeds or (recipe.seed,):
        one = recipe.with_seed(seed)
        if seed != recipe.seed:
            alone = _without_exports(as_found(one, folder))
            may_hold(RunFolder(seed_folder(folder, seed, recipe.seed)), alone, restart)
        for alone, place in baselines_of(recipe, one, folder).values():
            may_hold(RunFolder(place), alone, False)


def _without_exports(recipe):
    """The recipe of a run that is there to be measured: the file of one seed is delivered."""
    return recipe.model_copy(update={"export": recipe.export.model_copy(update={"formats": ()})})


def _judged(recipe, folder, told, *, name, restart, smoke, quiet):
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
            one = _without_exports(as_found(one, folder))
            title = f"{name}, seed {seed}"
            told(place, title)
            with stage("other seeds"):
                runs[seed] = place, run.distill(one, place, name=title, restart=restart, smoke=smoke, quiet=quiet)
        for against, (alone, place) in baselines_of(recipe, one, folder).items():
            title = _title(name, against, seed)
            # Two recipes that share it may come to it at once.
            told(place, title)
            with stage("baselines"):
                baselines[against][seed] = place, run.distill(alone, place, name=title, quiet=quiet, wait_for=run.BOTH)
    with stage("comparing"):
        return _compared(recipe, folder, runs, baselines, smoke)


def _compared(recipe, folder, runs, baselines, smoke):
    """The report with its verdict, and what the doctor says of it."""
    seeds = tuple(runs)
    step("comparing the runs", tell=False)
    with hold_run(RunFolder(folder), wait=True):
        report = read_report(folder)
        report.verdict = judge(recipe, folder, runs, baselines)
        if baselines[LABELS] and "baseline" not in (report.properties or {}).get("networks", ("baseline",)):
            step("measuring the evidence of the baseline")
            report.properties = _properties(recipe, folder, baselines[LABELS], smoke)
        examined = report.doctor or {}
        if recipe.baseline is not None and examined.get("seeds") != list(seeds):
            write(report, folder)  # what the examination reads
            step("the doctor's examination")
            report.doctor = {**examination_of_run(recipe, folder), "seeds": list(seeds)}
        write(report, folder)
        # It begins with the verdict where that warns of the student.
        write_card(folder, report, about_data(recipe).image_shape)
    # As it is read again: with the words that JSON has for numbers as keys.
    return read_report(folder)


def _title(name, against, seed):
    return f"{name} on {against}, seed {seed}"


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
        if compared["n"] and compared["n"] < recipe.baseline.least_seeds:
            _judge_on_images(verdict["against"][against], against, runs, of_seed)
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
        verdict["sentence"] = f"{percent(spread['mean'])}{around} over {plural(len(tops), 'seed')}."
    return verdict


def _judge_on_images(compared, against, runs, baselines):
    """Adds to a verdict of too few seeds what the test images of its first seed say, where they leave no doubt."""
    seed = compared["seeds"][0]
    counted = paired_on_images(runs[seed][0], baselines[seed][0])
    if counted is None:
        return
    accuracies = counted.pop("accuracies")
    compared["on_images"] = counted = {**counted, "seed": seed}
    better, worse = (counted["first_only"] > counted["second_only"], counted["first_only"] < counted["second_only"])
    if counted["p"] < NO_DOUBT and (better or worse):
        distilled, alone = map(percent, accuracies)
        compared["sentence"] = (
            f"Distillation is {'better' if better else 'worse'} than {against} on these {counted['images']} test "
            f"images: {distilled} against {alone} (seed {seed}, McNemar's test, p < {NO_DOUBT}); {compared['why']}."
        )


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
    return properties(networks, dataset, recipe.evidence, recipe.data.family)
