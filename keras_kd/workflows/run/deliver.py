"""What a run hands over: exported files behind their gates, a model card, an example."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from keras_kd.data.views.crop_flip import epoch_order
from keras_kd.export.export import export as export_files
from keras_kd.export.formats import CALIBRATED, FORMATS, missing_here
from keras_kd.recipe.folders import RunFolder
from keras_kd.report.model_card import card, example
from keras_kd.report.soundness import EDITABLE
from keras_kd.report.write import write
from keras_kd.utils.account import CHANGED, changes, log_changed
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.files import atomic_write
from keras_kd.utils.steps import step
from keras_kd.workflows.run.choose_student import delivered_file, is_on_labels_alone
from keras_kd.workflows.run.folder import hold_run, keep_recipe, read_report
from keras_kd.workflows.run.int8 import fine_tune
from keras_kd.workflows.run.measure import load_student


def deliver(context, report, *, owned, teacher, formats=None):
    """Exports `student.keras` and adds what the gates measured to the report; raises nothing for a failed gate.

    A student whose files of full int8 fail their gate is trained for int8, and they are made again. Where a package is
    missing the report says so, and has no exports.

    Args:
        context: the `RunContext`.
        report: the `keras_kd.Report`.
        owned: as which the folder is held.
        teacher: a function that gives the teacher's `Network`, or None.
        formats: those that are made; the recipe's by default. What the report says of others stays.
    """
    recipe, dataset, files, chosen = context.recipe, context.dataset, context.files, context.recipe.export
    formats = chosen.formats if formats is None else tuple(formats)
    missing = missing_here(formats)
    if missing:
        # Training on a machine with JAX alone and exporting on another is a way of work, not a failure.
        report.export_note = missing
        write(report, files.path)
        write_card(files.path, report, dataset.image_shape)
        return report
    report.forget("export_note")
    rows = {one.format: one.as_json() for one in report.exports or [] if one.format not in formats}
    # Until all is done the report names only what stays, and no settings: a run that is killed here is exported again.
    report.exports, report.settings["export"] = list(rows.values()), None
    write(report, files.path)
    keep_recipe(files, recipe)
    picked = np.sort(epoch_order(recipe.seed, 0, len(dataset.train))[: chosen.calibration_images])
    calibration_images = np.asarray(dataset.train.images[picked])
    student = delivered_file(files, report)
    rows |= _exported(context, student, formats, calibration_images)
    lossy = [name for name in formats if _lost_in_int8(rows[name])]
    if lossy and chosen.int8_fine_tuning.epochs:
        # A file that is made of an earlier copy is made anew, as that copy goes.
        lossy += [name for name, one in rows.items() if name not in lossy and _is_tuned(one, files)]
        titled = replace(context, title=report.recipe)
        # A student on labels alone has no teacher: in float32 it teaches its copy.
        asked = (lambda: None) if is_on_labels_alone(report) else teacher
        tuned = _tuned_for_int8(titled, student, rows, lossy, calibration_images, asked)
        if tuned is not None:
            report.int8_fine_tuning = tuned
    if not any(one["passed"] and _is_tuned(one, files) for one in rows.values()):
        owned.remove(files.int8_student)
        report.forget("int8_fine_tuning")
    report.exports = [rows[name] for name in FORMATS if name in rows]
    # Where a format of the recipe was never made, `distill` still has to make it.
    report.settings["export"] = recipe.dump()["export"] if set(chosen.formats) <= rows.keys() else None
    calibrated = {"seed": recipe.seed, "positions": picked.tolist()}
    report.calibration_images = calibrated if report.exports else None
    write(report, files.path)
    write_card(files.path, report, dataset.image_shape)
    return report


def _exported(context, student, formats, calibration_images, int8_student=None):
    """{format: what its gate measured} of the files that are made, those that fail too."""
    if not formats:
        return {}
    recipe, dataset, files = context.recipe, context.dataset, context.files
    try:
        made = export_files(
            student,
            files.path,
            formats=formats,
            inputs=recipe.export.inputs,
            outputs=recipe.export.outputs,
            from_logits=recipe.student.from_logits,
            calibration_images=calibration_images,
            test_images=np.asarray(dataset.test.images),
            test_labels=dataset.test.labels,
            gates=recipe.export.gates.model_dump(),
            int8_student=int8_student,
            litert_batch=recipe.export.batch_of_litert,
            class_names=dataset.class_names,
            resize=recipe.data.resize,
            quiet=True,
        )
    except GateError as error:
        made = error.exports
    return {one["format"]: one for one in made}


def _tuned_for_int8(context, student, rows, lossy, calibration_images, teacher):
    """Trains the student of a Keras file for int8 and makes the lossy files again, in `rows`.

    Returns:
        What the report says of the training, or None where it could not be trained; the rows then say why.
    """
    recipe, files = context.recipe, context.files
    before = {name: {key: rows[name][key] for key in ("accuracy", "accuracy_drop", "agreement")} for name in lossy}
    try:
        step("int8 fine-tuning")
        tuned = fine_tune(context, teacher(), load_student(recipe, context.dataset, files, student), calibration_images)
    except MachineError:
        raise
    except UserError as error:
        for name in lossy:
            rows[name]["failures"] += [f"it was not trained for int8: {error}"] * (not rows[name]["passed"])
        return None
    rows |= _exported(context, student, lossy, calibration_images, files.int8_student)
    epochs = recipe.export.int8_fine_tuning.epochs
    for name in lossy:
        if not rows[name]["passed"]:
            rows[name]["failures"].append(f"{epochs} epochs of int8 fine-tuning are in it")
    return {**tuned, "before": before}


def _is_tuned(one, files):
    """Whether an exported file is made of the student that was trained for int8."""
    return one.get("made_of") == files.int8_student.name


def _lost_in_int8(one):
    """Whether a file of full int8 was made and loses more than its gate allows."""
    return one["format"] in CALIBRATED and not one["passed"] and one["accuracy"] is not None


def write_card(folder, report, image_shape):
    """Writes `model_card.md`, and `example/run.py` where a LiteRT file was delivered.

    One that somebody has changed, as its owner fills in the card, stays: what is new goes next to it, as
    `model_card.new.md`.

    Args:
        folder: of the run.
        report: its `keras_kd.Report`.
        image_shape: (height, width, channels).
    """
    files = RunFolder(Path(folder))
    bench = _read_json(files.bench)
    for file, text in ((files.card, card(report, image_shape, bench)), (files.example, example(report, image_shape))):
        if text is not None:
            _write_beside_changes(files.path, file, text)


def _write_beside_changes(folder, file, text):
    name, place = file.relative_to(folder).as_posix(), file
    if name in EDITABLE and changes(folder, [name]).get(name) == CHANGED:
        if file.read_bytes() == text.encode():
            return
        place = file.with_suffix(f".new{file.suffix}")
        log_changed(file, f"it is left as it is, and the new one is {place.name}")
    with atomic_write(place) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def keep_bench(folder, rows):
    """Keeps what `keras-kd bench` measured of a run's files in it, and in its model card.

    Args:
        folder: of the run.
        rows: of `keras_kd.export.latency.measure`.
    """
    files = RunFolder(Path(folder))
    with hold_run(files, wait=True):
        with atomic_write(files.bench) as temporary:
            temporary.write_text(json.dumps(rows, indent=1), encoding="utf-8")
        report, shapes = read_report(files.path), [tuple(row["image_shape"]) for row in rows]
        if report is not None and shapes:
            write_card(files.path, report, shapes[0])
