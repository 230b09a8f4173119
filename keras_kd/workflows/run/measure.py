"""What a finished run is measured to be: the report of its student."""

import json
import os
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from keras_kd import models
from keras_kd.data.dataset import facts
from keras_kd.data.sources.decode import RESIZE
from keras_kd.evaluation import metrics
from keras_kd.evaluation.measure import by_split, control, properties, representation, sample
from keras_kd.evaluation.predictions_file import write_predictions
from keras_kd.models.network import Network, answers, cost, latencies, logits_of
from keras_kd.recipe.folders import RunFolder, generation_folder
from keras_kd.recipe.pruning import student_name
from keras_kd.recipe.schema import EvidenceSpec
from keras_kd.report.report import Calibration, EarlyStopping, Fidelity, Report, Scores
from keras_kd.report.soundness import PUT_BACK
from keras_kd.report.summarize import summarize
from keras_kd.training.early_stopping import is_figure, judged_by
from keras_kd.training.schedules import Schedule
from keras_kd.utils.account import changes, verified
from keras_kd.utils.paths import KERAS, ends_in
from keras_kd.utils.steps import step
from keras_kd.workflows.run import chosen_terms, cooperating, prune_student, taught_teacher
from keras_kd.workflows.run.class_weight import with_class_weights
from keras_kd.workflows.run.environment import environment, git_commit
from keras_kd.workflows.run.folder import is_number, read_history, read_report
from keras_kd.workflows.run.label_weight import with_measured_weights
from keras_kd.workflows.run.prune_student import know_student_of
from keras_kd.workflows.run.statistics import statistics


def measure(recipe, dataset, teacher, files, *, name, independent=None, brief=False):
    """The report of a trained student: accuracy, fidelity, calibration, cost, time, environment.

    Args:
        recipe: a `Recipe`.
        dataset: its data.
        teacher: its `Network`, or None.
        files: the `RunFolder`.
        name: of the recipe.
        independent: a function that gives the `Network` with which fidelity is compared, or None.
        brief: leaves out what the recipe's `evidence` asks for, and what needs other images than the test images.
    """
    begun = time.monotonic()
    student = load_student(recipe, dataset, files)
    logits, teacher_seconds = _logits(student, teacher, dataset)
    aside = None if brief else dataset.validation
    held_out = (logits_of(student, aside.images)[0], aside.labels) if aside else None
    report = summarize(*logits, dataset.test.labels, held_out=held_out)
    report.recipe = name
    # A teacher of other classes can be compared with nothing here.
    comparable = None if logits[1] is None else teacher
    weighed, report.label_weight = with_measured_weights(recipe, dataset, teacher)
    report.cooperation, report.pruning = cooperating.measured(files), prune_student.measured(files)
    report.taught_teacher = taught_teacher.measured(files, dataset, comparable, logits)
    if not brief:
        share = _share_of_distillation(weighed)
        write_predictions(files.predictions, *logits, dataset.test.labels, dataset.test.images)
        report.splits = by_split(
            student,
            comparable,
            dataset,
            logits,
            recipe.evidence.train_images,
            share=share,
        )
        networks = {"student": student, **({"teacher": comparable} if comparable else {})}
        _add_diagnostics(report, recipe, dataset, networks, independent, logits, files, share)
    report.per_class_images = np.bincount(dataset.test.labels, minlength=dataset.classes).tolist()
    report.student.name, report.class_names = student.name, list(dataset.class_names)
    if teacher:
        scores = report.teacher or {"top1": None, "top5": None}
        report.teacher = {**scores, "name": teacher.name, "source": teacher.source}
    report.cost = {**cost(student.model), "file_bytes": files.student.stat().st_size}
    report.teacher_cost = cost(teacher.model) if teacher else None
    report.latency = None if brief else latency(dataset.test.images[0], student=student, teacher=teacher)
    rows = read_history(files)
    _add_fit(report, recipe, dataset, rows)
    banked = all("teacher_seconds" in row for row in rows) and bool(rows)
    report.time = _time(rows, banked, dataset, teacher, teacher_seconds)
    report.bank = _bank_of_a_run(files, rows) if banked else None
    report.data = _data(recipe, dataset)
    report.notes = _notes(teacher, report.teacher_cost)
    if recipe.generations > 1:
        report.generations = _generations(recipe, files.path, report)
    report.environment, report.seed, report.git_commit = environment(), recipe.seed, git_commit()
    report.date = date.today().isoformat()
    report.settings = recipe.dump(files.path)
    report.time.seconds["measuring"] = round(time.monotonic() - begun, 3)
    return report


def latency(image, **networks):
    """How long an image takes through each of some networks, None among them.

    Args:
        image: uint8 (height, width, channels).
        **networks: `Network` by role.
    """
    timed = latencies({role: network for role, network in networks.items() if network is not None}, image)
    known = environment()
    return {**timed, "runtime": f"Keras on {known['backend']}", "device": known["device"]}


def _notes(teacher, spent):
    """Sentences for the reader on the teacher of a run, or None."""
    if not teacher:
        return None
    found = [
        f"The teacher's run is not its recipe's: {one}."
        for one in (teacher.source or {}).get("differs_from_recipe", [])
    ]
    if spent["parameters"] is None:
        found.append(
            f"The teacher, {teacher.name}, is no Keras network: what it costs and how long an image takes is not known."
        )
    if not answers(teacher, "test"):
        found.append("The teacher's answers are stored without those of test images: its accuracy there is not known.")
    if teacher.folds:
        found.append(
            f"Each training image was taught by the one of {teacher.folds} networks that did not see it; in all "
            "figures here, of training images too, the teacher is their mean."
        )
    return found if found or teacher.source else None


def _logits(student, teacher, dataset):
    """((the student's logits of the test images, the teacher's where its classes are the data's), its seconds)."""
    student_logits, _ = logits_of(student, dataset.test.images)
    if not teacher or not answers(teacher, "test"):
        return (student_logits, None), 0.0
    teacher_logits, seconds = logits_of(teacher, dataset.test.images)
    return (student_logits, teacher_logits if teacher_logits.shape[1] == dataset.classes else None), seconds


def _add_diagnostics(report, recipe, dataset, networks, independent, logits, files, share):
    """What the recipe's `evidence` asks for, and what needs more than logits of the test images."""
    spec, student = recipe.evidence, networks["student"]
    step("measuring the evidence", tell=spec != EvidenceSpec())
    if "teacher" in networks:
        other = independent() if independent else None
        if other is not None:
            report.fidelity.control = control(*logits, other, dataset)
        if spec.representation:
            images = dataset.test.images[sample(len(dataset.test), spec.images)]
            report.representation = representation(student, networks["teacher"], images)
    report.properties = properties(networks, dataset, spec, recipe.data.family)
    if spec.statistics:
        report.statistical_view = statistics(recipe, dataset, networks, logits, share)
    report.best_validation = _best_validation(student, dataset, files)
    if dataset.imbalance is not None:
        report.imbalance = metrics.groups(dataset.imbalance["counts"], report.per_class)


def _time(rows, banked, dataset, teacher, teacher_seconds):
    """Where the seconds of a training went; `teacher_seconds` are an image's, in inference."""
    trained = sum(float(row["seconds"]) for row in rows)
    images = len(dataset.train) * len(rows)
    taught = sum(float(row["teacher_seconds"]) for row in rows) if banked else min(teacher_seconds * images, trained)
    return {
        "seconds": {
            "teacher": round(taught, 3),
            "student": round(trained - taught, 3),
            "data": round(dataset.seconds, 3),
            "training": round(trained, 3),
            "teacher_run": teacher.source.get("seconds") if teacher and teacher.source else None,
        },
        "how": "teacher: the seconds in which the bank was filled"
        if banked
        else "teacher: its measured seconds per image in inference, times the images of all epochs",
    }


def _data(recipe, dataset):
    """Which images, and how many."""
    return {
        "name": recipe.data.name,
        "fingerprint": dataset.fingerprint,
        "test_fingerprint": facts(dataset.test).sha256,
        "train": len(dataset.train),
        "validation": len(dataset.validation) if dataset.validation else 0,
        "test": len(dataset.test),
        "classes": dataset.classes,
        **({"resize": recipe.data.resize} if recipe.data.resize != RESIZE else {}),
        **({"held_out": len(dataset.held_out)} if dataset.held_out else {}),
        **({"label_noise": dataset.label_noise} if dataset.label_noise else {}),
        **({"imbalance": dataset.imbalance} if dataset.imbalance else {}),
    }


def _share_of_distillation(recipe):
    """The share of a recipe's loss that comes from its terms; what changes by epoch as it is at the end."""
    label, *terms = (
        weight.end_value if isinstance(weight, Schedule) else weight
        for weight in (recipe.label_weight, *(term.weight for term in recipe.terms))
    )
    return sum(terms) / (label + sum(terms)) if label + sum(terms) else 0.0


def _add_fit(report, recipe, dataset, rows):
    """What came of the recipe's `fit` and `selection`."""
    report.selection, report.early_stopping = chosen_terms.measured(recipe, rows), _early_stopping(recipe, rows)
    weights = with_class_weights(recipe, dataset.class_names, dataset.train.labels).fit.class_weight
    report.class_weight = None if weights is None else list(weights)
    # A history that is damaged or gone tells no number; a student that is there has all of its epochs, or stopped.
    report.epochs = len(rows) or recipe.fit.epochs


def _early_stopping(recipe, rows):
    """When validation images ended the training; None where they were not asked, or no history says it."""
    spec = recipe.fit.early_stopping
    if spec is None or not rows or not all(is_figure(row.get(spec.monitor)) for row in rows):
        return None
    found = judged_by(rows, spec)
    value = float(next(row for row in rows if int(row["epoch"]) == found.best)[spec.monitor])
    return EarlyStopping(monitor=spec.monitor, kept_epoch=found.best, value=value, stopped_epoch=found.stopped)


def _best_validation(student, dataset, files):
    """The student of the epoch that was best on the validation images, on the test images; or None."""
    rows = [row for row in read_history(files) if is_number(row.get("val_accuracy"))]
    name = files.best_validation.relative_to(files.path).as_posix()
    if not rows or not files.best_validation.exists() or name in changes(files.path, [name]):
        return None
    model = models.build(str(files.best_validation), dataset.image_shape, dataset.classes, pixels="pixels")
    logits, _ = logits_of(replace(student, model=model), dataset.test.images)
    best = max(rows, key=lambda row: float(row["val_accuracy"]))
    return {
        "epoch": int(best["epoch"]),
        "val_accuracy": float(best["val_accuracy"]),
        "top1": metrics.accuracy(logits, dataset.test.labels),
    }


def load_student(recipe, dataset, files, file=None):
    """The trained student of a run, or the one in another file of it."""
    know_student_of(recipe)
    file = verified(file or files.student, PUT_BACK)
    model = models.build(str(file), dataset.image_shape, dataset.classes, pixels="pixels")
    name = student_name(recipe)
    return Network(Path(name).name if ends_in(name, KERAS) else name, model, recipe.student.from_logits)


def _generations(recipe, folder, report):
    """The figures of every generation, the last one's those of the report that is being made."""
    rows = []
    for number in range(1, recipe.generations + 1):
        run = RunFolder(generation_folder(folder, number))
        one = report if number == recipe.generations else read_report(run.path) or Report()
        student, fidelity = one.student or Scores(), one.fidelity or Fidelity()
        calibration, seconds = one.calibration or Calibration(), one.time and one.time.seconds
        rows.append(
            {
                "generation": number,
                "run": "." if number == recipe.generations else os.path.relpath(run.path, folder),
                "seed": recipe.seed if number == recipe.generations else one.seed,
                "top1": student.top1,
                "top5": student.top5,
                "agreement": fidelity.agreement,
                "ece": calibration.ece,
                "nll": calibration.nll,
                "seconds": (seconds or {}).get("training"),
            }
        )
    return rows


def _bank_of_a_run(files, rows):
    """The bank that a run looked its teacher up in, and how many views it asked the teacher about."""
    about = json.loads(files.bank.read_text(encoding="utf-8")) if files.bank.exists() else {}
    return {**about, "computed_by_this_run": sum(int(float(row["teacher_views"])) for row in rows)}
